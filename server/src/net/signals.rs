//! SIGINT and SIGTERM as events of the loop. Only the program asks for them: a library must not take its host's signals.

use std::io;

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals as Source;

/// The signals that end the program.
pub(super) struct Signals(Source);

impl Signals {
    /// Takes the signals over from the operating system's defaults.
    pub(super) fn register(registry: &Registry, token: Token) -> io::Result<Signals> {
        let mut source = Source::new([SIGINT, SIGTERM])?;
        registry.register(&mut source, token, Interest::READABLE)?;
        Ok(Signals(source))
    }

    /// The names of those that have come since the last call.
    pub(super) fn pending(&mut self) -> Vec<&'static str> {
        self.0
            .pending()
            .filter_map(signal_hook::low_level::signal_name)
            .collect()
    }
}
