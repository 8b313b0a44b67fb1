//! Commands of the connection itself.

use crate::engine::{Call, Engine};
use crate::registry::command::{Arg, ArgKind, Categories, Command, Flags, Group, Outcome, Run};

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] =
    &[
        Command::new("ping", "1.0.0", Group::Connection, -1, Run::Engine(ping))
            .flags(Flags::FAST)
            .categories(Categories::CONNECTION)
            .args(&[Arg::new("message", ArgKind::String).optional()])
            .summary("Returns the server's liveliness response.")
            .complexity("O(1)"),
    ];

fn ping(_: &mut Engine, call: &mut Call<'_>) -> Outcome {
    match call.args.get(1) {
        None => call.reply.status("PONG"),
        Some(message) => call.reply.bulk(message),
    }
    Ok(())
}
