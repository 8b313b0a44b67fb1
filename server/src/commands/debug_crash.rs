//! The subcommands of DEBUG that end the process on purpose, so that others can test what they do then.

use crate::config::REDIS_VERSION;
use crate::engine::{Call, Engine, blame};
use crate::registry::command::Outcome;

/// DEBUG PANIC.
pub(super) fn panic(_: &mut Engine, _: &mut Call<'_>) -> Outcome {
    panic!("DEBUG PANIC called");
}

/// DEBUG ASSERT.
pub(super) fn assert(_: &mut Engine, _: &mut Call<'_>) -> Outcome {
    panic!("=== ASSERTION FAILED === ==> '1 == 2' is not true");
}

/// DEBUG OOM.
pub(super) fn oom(_: &mut Engine, _: &mut Call<'_>) -> Outcome {
    let bytes = isize::MAX;
    log::warn!("Out Of Memory allocating {bytes} bytes!");
    panic!("Redis aborting for OUT OF MEMORY. Allocating {bytes} bytes!");
}

/// DEBUG SEGFAULT: nothing can be said afterwards.
pub(super) fn segfault(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    log::error!("=== REDIS BUG REPORT START: Cut & paste starting from here ===");
    log::error!("Redis {REDIS_VERSION} crashed by signal: 11");
    blame(call.args);
    engine.host.segfault();
    Ok(())
}
