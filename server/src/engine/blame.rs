//! Names in the log the command that was running when the program failed.

use crate::engine::call::without_secrets;
use crate::engine::dispatch;
use crate::registry::table;
use crate::resp::args::Args;
use crate::stats::slowlog::shortened;
use crate::text::shell_words::quoted;

/// Runs a command; if that panics, the log says which it was. Where it does not, this costs nothing.
#[inline]
pub(super) fn blaming<T>(args: Args<'_>, run: impl FnOnce() -> T) -> T {
    let blame = Blame(args);
    let outcome = run();
    std::mem::forget(blame);
    outcome
}

/// Dropped only by a panic.
struct Blame<'a>(Args<'a>);

impl Drop for Blame<'_> {
    #[cold]
    fn drop(&mut self) {
        blame(self.0);
    }
}

/// Writes the command into the log, in the form of Redis's bug reports; secrets are left out, and what is long is cut.
pub(crate) fn blame(args: Args<'_>) {
    log::error!("------ CURRENT CLIENT INFO ------");
    let args = match dispatch::find(table::table(), args) {
        Ok(entry) => without_secrets(entry, args),
        Err(_) => args.iter().collect(),
    };
    for (index, arg) in shortened(args.iter().copied()).iter().enumerate() {
        log::error!("argv[{index}]: '{}'", quoted(arg));
    }
}
