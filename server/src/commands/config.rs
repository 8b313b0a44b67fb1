//! CONFIG: read, change and persist the options, and reset what is counted.

use crate::commands::help::write_help;
use crate::config::Asker;
use crate::engine::{Call, Engine};
use crate::registry::command::{Arg, ArgKind, Command, Flags, Group, Outcome, Run};
use crate::resp::error::Error;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] =
    &[
        Command::new("config", "2.0.0", Group::Server, -2, Run::Container)
            .summary("A container for server configuration commands.")
            .complexity("Depends on subcommand.")
            .subcommands(&[
                Command::new("get", "2.0.0", Group::Server, -3, Run::Engine(get))
                    .flags(
                        Flags::ADMIN
                            .union(Flags::NOSCRIPT)
                            .union(Flags::LOADING)
                            .union(Flags::STALE),
                    )
                    .args(&[Arg::new("parameter", ArgKind::String).multiple()])
                    .summary("Returns the effective values of configuration parameters.")
                    .complexity("O(N) when N is the number of configuration parameters provided")
                    .history(&[(
                        "7.0.0",
                        "Added the ability to pass multiple pattern parameters in one \
                         call",
                    )]),
                Command::new("help", "5.0.0", Group::Server, 2, Run::Engine(help))
                    .flags(Flags::LOADING.union(Flags::STALE))
                    .summary("Returns helpful text about the different subcommands.")
                    .complexity("O(1)"),
                Command::new(
                    "resetstat",
                    "2.0.0",
                    Group::Server,
                    2,
                    Run::Engine(resetstat),
                )
                .flags(
                    Flags::ADMIN
                        .union(Flags::NOSCRIPT)
                        .union(Flags::LOADING)
                        .union(Flags::STALE),
                )
                .summary("Resets the server's statistics.")
                .complexity("O(1)")
                .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
                Command::new("rewrite", "2.8.0", Group::Server, 2, Run::Engine(rewrite))
                    .flags(
                        Flags::ADMIN
                            .union(Flags::NOSCRIPT)
                            .union(Flags::LOADING)
                            .union(Flags::STALE),
                    )
                    .summary("Persists the effective configuration to file.")
                    .complexity("O(1)")
                    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
                Command::new("set", "2.0.0", Group::Server, -4, Run::Engine(set))
                    .flags(
                        Flags::ADMIN
                            .union(Flags::NOSCRIPT)
                            .union(Flags::LOADING)
                            .union(Flags::STALE),
                    )
                    .args(&[Arg::block(
                        "data",
                        &[
                            Arg::new("parameter", ArgKind::String),
                            Arg::new("value", ArgKind::String),
                        ],
                    )
                    .multiple()])
                    .summary("Sets configuration parameters in-flight.")
                    .complexity("O(N) when N is the number of configuration parameters provided")
                    .history(&[(
                        "7.0.0",
                        "Added the ability to set multiple parameters in one call.",
                    )])
                    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
            ]),
    ];

fn help(_: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let lines = [
        "GET <pattern>",
        "    Return parameters matching the glob-like <pattern> and their values.",
        "SET <directive> <value>",
        "    Set the configuration <directive> to <value>.",
        "RESETSTAT",
        "    Reset statistics reported by the INFO command.",
        "REWRITE",
        "    Rewrite the configuration file.",
    ];
    write_help(&mut call.reply, call.args.at(0), &lines);
    Ok(())
}

/// CONFIG GET pattern [pattern ...].
fn get(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let patterns: Vec<&[u8]> = call.args.rest(2).collect();
    let found = engine.config.get(&patterns);
    call.reply.map(found.len());
    for (name, value) in found {
        call.reply.bulk(&name);
        call.reply.bulk(&value);
    }
    Ok(())
}

/// CONFIG SET name value [name value ...]: all or none.
fn set(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    if !call.args.len().is_multiple_of(2) {
        return Err(Error::SYNTAX);
    }
    let words: Vec<&[u8]> = call.args.rest(2).collect();
    let pairs: Vec<(&[u8], &[u8])> = words
        .chunks_exact(2)
        .map(|pair| (pair[0], pair[1]))
        .collect();
    let local = engine
        .clients
        .get(call.client)
        .is_some_and(|client| client.peer.addr.is_local());
    let asker = if local { Asker::Local } else { Asker::Remote };
    engine
        .configure(&pairs, asker)
        .map_err(|error| Error::new(error.line()))?;
    call.reply.ok();
    Ok(())
}

fn resetstat(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    engine.reset_stats();
    call.reply.ok();
    Ok(())
}

/// CONFIG REWRITE: the file the server was started with, its comments and order kept.
fn rewrite(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let Some(path) = engine.config_file.clone() else {
        return Err(Error::fixed(
            "ERR The server is running without a config file",
        ));
    };
    let failed = |reason: String| {
        log::warn!("CONFIG REWRITE failed: {reason}");
        Error::new(format!("ERR Rewriting config file: {reason}"))
    };
    // A file that has gone meanwhile is written anew, as Redis does.
    let old = engine
        .host
        .read_file(&path)
        .map_err(failed)?
        .unwrap_or_default();
    let new = engine.config.rewrite(&old, &[]);
    engine.host.replace_file(&path, &new).map_err(failed)?;
    log::info!("CONFIG REWRITE executed with success.");
    call.reply.ok();
    Ok(())
}
