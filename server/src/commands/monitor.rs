//! MONITOR: to be shown every command that anybody runs.

use crate::engine::{Call, ClientFlags, Engine};
use crate::registry::command::{Command, Flags, Group, Outcome, Run};
use crate::resp::error::Error;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] =
    &[
        Command::new("monitor", "1.0.0", Group::Server, 1, Run::Engine(monitor))
            .flags(
                Flags::ADMIN
                    .union(Flags::NOSCRIPT)
                    .union(Flags::LOADING)
                    .union(Flags::STALE),
            )
            .summary("Listens for all requests received by the server in real-time."),
    ];

fn monitor(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let is = |flags| {
        let client = engine.clients.get(call.client);
        client.is_some_and(|client| client.is(flags))
    };
    if is(ClientFlags::MULTI) {
        return Err(Error::fixed(
            "ERR MONITOR isn't allowed for DENY BLOCKING client",
        ));
    }
    // Whoever monitors already is not answered, as in Redis.
    if !is(ClientFlags::MONITOR) {
        engine.monitor(call.client);
        call.reply.ok();
    }
    Ok(())
}
