//! SLOWLOG: the commands that took longer than `slowlog-log-slower-than`.

use crate::commands::help::write_help;
use crate::engine::{Call, Engine};
use crate::registry::command::{Arg, ArgKind, Command, Flags, Group, Outcome, Run};
use crate::resp::error::Error;
use crate::text::integers;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] =
    &[
        Command::new("slowlog", "2.2.12", Group::Server, -2, Run::Container)
            .summary("A container for slow log commands.")
            .complexity("Depends on subcommand.")
            .subcommands(&[
                Command::new("get", "2.2.12", Group::Server, -2, Run::Engine(get))
                    .flags(Flags::ADMIN.union(Flags::LOADING).union(Flags::STALE))
                    .args(&[Arg::new("count", ArgKind::Integer).optional()])
                    .summary("Returns the slow log's entries.")
                    .complexity("O(N) where N is the number of entries returned")
                    .history(&[(
                        "4.0.0",
                        "Added client IP address, port and name to the reply.",
                    )])
                    .tips(&["request_policy:all_nodes", "nondeterministic_output"]),
                Command::new("help", "6.2.0", Group::Server, 2, Run::Engine(help))
                    .flags(Flags::LOADING.union(Flags::STALE))
                    .summary("Show helpful text about the different subcommands")
                    .complexity("O(1)"),
                Command::new("len", "2.2.12", Group::Server, 2, Run::Engine(len))
                    .flags(Flags::ADMIN.union(Flags::LOADING).union(Flags::STALE))
                    .summary("Returns the number of entries in the slow log.")
                    .complexity("O(1)")
                    .tips(&[
                        "request_policy:all_nodes",
                        "response_policy:agg_sum",
                        "nondeterministic_output",
                    ]),
                Command::new("reset", "2.2.12", Group::Server, 2, Run::Engine(reset))
                    .flags(Flags::ADMIN.union(Flags::LOADING).union(Flags::STALE))
                    .summary("Clears all entries from the slow log.")
                    .complexity("O(N) where N is the number of entries in the slowlog")
                    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
            ]),
    ];

/// Entries that SLOWLOG GET answers when it is not told how many.
const COUNT_DEFAULT: usize = 10;

fn help(_: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let lines = [
        "GET [<count>]",
        "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
        "    Entries are made of:",
        "    id, timestamp, time in microseconds, arguments array, client IP and port,",
        "    client name",
        "LEN",
        "    Return the length of the slowlog.",
        "RESET",
        "    Reset the slowlog.",
    ];
    write_help(&mut call.reply, call.args.at(0), &lines);
    Ok(())
}

fn len(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    call.reply.count(engine.slowlog.iter().len());
    Ok(())
}

fn reset(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    engine.slowlog.clear();
    call.reply.ok();
    Ok(())
}

/// SLOWLOG GET [count]: the newest entries first; -1 is all.
fn get(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    if call.args.len() > 3 {
        return Err(Error::subcommand("SLOWLOG", call.args.at(1)));
    }
    let count = match call.args.get(2) {
        None => COUNT_DEFAULT,
        Some(text) => match integers::parse_i64(text) {
            Some(-1) => usize::MAX,
            Some(count @ 0..) => usize::try_from(count).unwrap_or(usize::MAX),
            _ => {
                return Err(Error::fixed(
                    "ERR count should be greater than or equal to -1",
                ));
            }
        },
    };
    let entries = engine.slowlog.iter();
    call.reply.array(entries.len().min(count));
    for slow in entries.take(count) {
        call.reply.array(6);
        call.reply.int(slow.id);
        call.reply.int(slow.at_s);
        call.reply
            .int(i64::try_from(slow.took_us).unwrap_or(i64::MAX));
        call.reply.array(slow.args.len());
        for arg in &slow.args {
            call.reply.bulk(arg);
        }
        call.reply.bulk(slow.peer.as_bytes());
        call.reply.bulk(&slow.client_name);
    }
    Ok(())
}
