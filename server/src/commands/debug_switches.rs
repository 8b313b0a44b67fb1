//! The subcommands of DEBUG that switch parts of the server off and on.

use crate::commands::arguments;
use crate::engine::{Call, Engine};
use crate::registry::command::Outcome;
use crate::resp::error::Error;

/// DEBUG PAUSE-CRON 0|1: nothing is done by the clock meanwhile.
pub(super) fn pause_cron(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    engine.cron_paused = arguments::leading_number(call.args.at(2)) != 0.0;
    call.reply.ok();
    Ok(())
}

/// DEBUG CHANGE-REPL-ID: as if the data had another history.
pub(super) fn change_repl_id(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    log::info!("Changing replication IDs after receiving change-repl-id");
    engine.change_replication_id();
    call.reply.ok();
    Ok(())
}

/// DEBUG REPLYBUFFER PEAK-RESET-TIME time|NEVER|RESET, or RESIZING 0|1. Replies here take the memory they need without
/// being looked after, so that there is nothing to switch.
pub(super) fn reply_buffer(_: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let time = call.args.at(3);
    if call.args.is(2, "peak-reset-time") {
        let named = [b"never", b"reset"]
            .iter()
            .any(|word| time.eq_ignore_ascii_case(*word));
        if !named {
            arguments::integer(time)?;
        }
    } else if !call.args.is(2, "resizing") {
        return Err(Error::subcommand("DEBUG", call.args.at(1)));
    }
    call.reply.ok();
    Ok(())
}

/// The switches of what is not done here in the first place: DICT-RESIZING, since tables grow in small steps;
/// KEYSIZES-HIST-ASSERT, since sizes are counted when they are asked for; SET-DISABLE-DENY-SCRIPTS, since there are no
/// scripts.
pub(super) fn nothing(_: &mut Engine, call: &mut Call<'_>) -> Outcome {
    call.reply.ok();
    Ok(())
}
