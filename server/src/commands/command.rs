//! COMMAND: what the server says of its commands; all of it is read from the table, nothing is known here by name.

use crate::commands::help::write_help;
use crate::engine::{Call, Engine};
use crate::registry::command::{Arg, ArgKind, Categories, Command, Flags, Group, Outcome, Run};
use crate::registry::docs;
use crate::registry::keys::{self, KeyRef};
use crate::registry::table::{Entry, Table};
use crate::resp::args::{Args, OwnedArgs};
use crate::resp::error::Error;
use crate::text::glob;

/// COMMAND and its subcommands.
pub(crate) const COMMANDS: &[Command] =
    &[
        Command::new("command", "2.8.13", Group::Server, -1, Run::Engine(command))
            .flags(Flags::LOADING.union(Flags::STALE))
            .categories(Categories::CONNECTION)
            .summary("Returns detailed information about all commands.")
            .complexity("O(N) where N is the total number of Redis commands")
            .tips(&["nondeterministic_output_order"])
            .subcommands(&[
                Command::new(
                    "count",
                    "2.8.13",
                    Group::Server,
                    2,
                    Run::Engine(command_count),
                )
                .flags(Flags::LOADING.union(Flags::STALE))
                .categories(Categories::CONNECTION)
                .summary("Returns a count of commands.")
                .complexity("O(1)"),
                Command::new(
                    "docs",
                    "7.0.0",
                    Group::Server,
                    -2,
                    Run::Engine(command_docs),
                )
                .flags(Flags::LOADING.union(Flags::STALE))
                .categories(Categories::CONNECTION)
                .args(&[Arg::new("command-name", ArgKind::String)
                    .optional()
                    .multiple()])
                .summary(
                    "Returns documentary information about one, multiple or all \
                     commands.",
                )
                .complexity("O(N) where N is the number of commands to look up")
                .tips(&["nondeterministic_output_order"]),
                Command::new(
                    "getkeys",
                    "2.8.13",
                    Group::Server,
                    -3,
                    Run::Engine(command_getkeys),
                )
                .flags(Flags::LOADING.union(Flags::STALE))
                .categories(Categories::CONNECTION)
                .args(&[
                    Arg::new("command", ArgKind::String),
                    Arg::new("arg", ArgKind::String).optional().multiple(),
                ])
                .summary("Extracts the key names from an arbitrary command.")
                .complexity("O(N) where N is the number of arguments to the command"),
                Command::new(
                    "getkeysandflags",
                    "7.0.0",
                    Group::Server,
                    -3,
                    Run::Engine(command_getkeysandflags),
                )
                .flags(Flags::LOADING.union(Flags::STALE))
                .categories(Categories::CONNECTION)
                .args(&[
                    Arg::new("command", ArgKind::String),
                    Arg::new("arg", ArgKind::String).optional().multiple(),
                ])
                .summary(
                    "Extracts the key names and access flags for an arbitrary \
                     command.",
                )
                .complexity("O(N) where N is the number of arguments to the command"),
                Command::new("help", "5.0.0", Group::Server, 2, Run::Engine(command_help))
                    .flags(Flags::LOADING.union(Flags::STALE))
                    .categories(Categories::CONNECTION)
                    .summary("Returns helpful text about the different subcommands.")
                    .complexity("O(1)"),
                Command::new(
                    "info",
                    "2.8.13",
                    Group::Server,
                    -2,
                    Run::Engine(command_info),
                )
                .flags(Flags::LOADING.union(Flags::STALE))
                .categories(Categories::CONNECTION)
                .args(&[Arg::new("command-name", ArgKind::String)
                    .optional()
                    .multiple()])
                .summary("Returns information about one, multiple or all commands.")
                .complexity("O(N) where N is the number of commands to look up")
                .history(&[(
                    "7.0.0",
                    "Allowed to be called with no argument to get info on all \
                     commands.",
                )])
                .tips(&["nondeterministic_output_order"]),
                Command::new(
                    "list",
                    "7.0.0",
                    Group::Server,
                    -2,
                    Run::Engine(command_list),
                )
                .flags(Flags::LOADING.union(Flags::STALE))
                .categories(Categories::CONNECTION)
                .args(&[Arg::one_of(
                    "filterby",
                    &[
                        Arg::new("module-name", ArgKind::String).token("MODULE"),
                        Arg::new("category", ArgKind::String).token("ACLCAT"),
                        Arg::new("pattern", ArgKind::Pattern).token("PATTERN"),
                    ],
                )
                .token("FILTERBY")
                .optional()])
                .summary("Returns a list of command names.")
                .complexity("O(N) where N is the total number of Redis commands")
                .tips(&["nondeterministic_output_order"]),
            ]),
    ];

/// `COMMAND`
fn command(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    write_all_info(engine.registry, call);
    Ok(())
}

/// `COMMAND COUNT`
fn command_count(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    call.reply.count(engine.registry.commands().count());
    Ok(())
}

/// `COMMAND INFO [command-name [command-name ...]]`
fn command_info(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let names = call.args.rest(2);
    if names.len() == 0 {
        write_all_info(engine.registry, call);
        return Ok(());
    }
    call.reply.array(names.len());
    for name in names {
        match engine.registry.find_full(name) {
            Some(entry) => docs::write_info(&mut call.reply, engine.registry, entry),
            None => call.reply.null(),
        }
    }
    Ok(())
}

fn write_all_info(registry: &Table, call: &mut Call<'_>) {
    call.reply.array(registry.commands().count());
    for entry in registry.commands() {
        docs::write_info(&mut call.reply, registry, entry);
    }
}

/// `COMMAND DOCS [command-name [command-name ...]]`; names that are no command's are left out.
fn command_docs(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let names = call.args.rest(2);
    let entries: Vec<_> = if names.len() == 0 {
        engine.registry.commands().collect()
    } else {
        names
            .filter_map(|name| engine.registry.find_full(name))
            .collect()
    };
    call.reply.map(entries.len());
    for entry in entries {
        docs::write_docs(&mut call.reply, engine.registry, entry);
    }
    Ok(())
}

/// `COMMAND LIST [FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]`
fn command_list(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let filter = Filter::from_args(call.args)?;
    let entries = engine
        .registry
        .entries()
        .iter()
        .filter(|entry| filter.passes(entry));
    let names: Vec<_> = entries.map(|entry| entry.full_name.as_bytes()).collect();
    call.reply.array(names.len());
    for name in names {
        call.reply.bulk(name);
    }
    Ok(())
}

/// Which commands and subcommands COMMAND LIST names.
enum Filter<'a> {
    All,
    None,
    Category(Categories),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn from_args(args: Args<'a>) -> Result<Filter<'a>, Error> {
        if args.len() == 2 {
            return Ok(Filter::All);
        }
        if args.len() != 5 || !args.is(2, "filterby") {
            return Err(Error::SYNTAX);
        }
        let operand = args.at(4);
        if args.is(3, "pattern") {
            Ok(Filter::Pattern(operand))
        } else if args.is(3, "aclcat") {
            // A C string to Redis: it ends at a NUL.
            let name = operand.split(|&byte| byte == 0).next().unwrap_or_default();
            let name = String::from_utf8_lossy(name).to_ascii_uppercase();
            Ok(Categories::from_name(&name).map_or(Filter::None, Filter::Category))
        } else if args.is(3, "module") {
            // No module brings a command.
            Ok(Filter::None)
        } else {
            Err(Error::SYNTAX)
        }
    }

    fn passes(&self, entry: &Entry) -> bool {
        match self {
            Filter::All => true,
            Filter::None => false,
            Filter::Category(category) => entry.command.all_categories().contains(*category),
            Filter::Pattern(pattern) => {
                glob::matches_ignoring_case(pattern, entry.full_name.as_bytes())
            }
        }
    }
}

/// `COMMAND GETKEYS command [arg [arg ...]]`
fn command_getkeys(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let keys = keys_of_quoted(engine.registry, call.args)?;
    call.reply.array(keys.len());
    for (name, _) in keys {
        call.reply.bulk(name);
    }
    Ok(())
}

/// `COMMAND GETKEYSANDFLAGS command [arg [arg ...]]`
fn command_getkeysandflags(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let keys = keys_of_quoted(engine.registry, call.args)?;
    call.reply.array(keys.len());
    for (name, key) in keys {
        call.reply.array(2);
        call.reply.bulk(name);
        docs::write_names(&mut call.reply, "", key.flags);
    }
    Ok(())
}

/// The keys of the command that begins at the third argument.
fn keys_of_quoted<'a>(registry: &Table, args: Args<'a>) -> Result<Vec<(&'a [u8], KeyRef)>, Error> {
    let quoted: OwnedArgs = args.rest(2).collect();
    let command = look_up(registry, quoted.as_args())
        .ok_or(Error::fixed("ERR Invalid command specified"))?
        .command;
    if !keys::takes_keys(command) {
        return Err(Error::fixed("ERR The command has no key arguments"));
    }
    if !command.accepts(quoted.as_args().len()) {
        return Err(Error::fixed(
            "ERR Invalid number of arguments specified for command",
        ));
    }
    let found = keys::of_command(command, quoted.as_args());
    if found.is_empty() && !command.flags.contains(Flags::NO_MANDATORY_KEYS) {
        return Err(Error::fixed("ERR Invalid arguments specified for command"));
    }
    Ok(found
        .into_iter()
        .map(|key| (args.at(2 + key.position), key))
        .collect())
}

/// The command these arguments would run; a container alone counts as one.
fn look_up<'t>(registry: &'t Table, args: Args<'_>) -> Option<&'t Entry> {
    let entry = registry.find(args.get(0)?)?;
    match args.get(1) {
        Some(name) if !entry.subcommands.is_empty() => registry.find_subcommand(entry, name),
        _ => Some(entry),
    }
}

/// `COMMAND HELP`
fn command_help(_: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let lines = [
        "(no subcommand)",
        "    Return details about all Redis commands.",
        "COUNT",
        "    Return the total number of commands in this Redis server.",
        "LIST",
        "    Return a list of all commands in this Redis server.",
        "INFO [<command-name> ...]",
        "    Return details about multiple Redis commands.",
        "    If no command names are given, documentation details for all",
        "    commands are returned.",
        "DOCS [<command-name> ...]",
        "    Return documentation details about multiple Redis commands.",
        "    If no command names are given, documentation details for all",
        "    commands are returned.",
        "GETKEYS <full-command>",
        "    Return the keys from a full Redis command.",
        "GETKEYSANDFLAGS <full-command>",
        "    Return the keys and the access flags from a full Redis command.",
    ];
    write_help(&mut call.reply, call.args.at(0), &lines);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::table::table;

    /// The keys of a quoted command with their flags, or the error.
    fn keys(line: &str) -> String {
        let args: OwnedArgs = format!("command getkeysandflags {line}")
            .split(' ')
            .map(str::as_bytes)
            .collect::<OwnedArgs>();
        match keys_of_quoted(table(), args.as_args()) {
            Err(error) => error.to_string(),
            Ok(keys) => keys
                .iter()
                .map(|(name, key)| {
                    let flags: Vec<_> = key.flags.iter_names().map(|(name, _)| name).collect();
                    format!("{} {}", String::from_utf8_lossy(name), flags.join("+"))
                })
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    #[test]
    fn keys_are_told_with_what_becomes_of_them() {
        for (line, expected) in [
            ("get a", "a RO+ACCESS"),
            ("OBJECT Encoding a", "a RO"),
            ("mset a 1 b 2", "a OW+UPDATE, b OW+UPDATE"),
            ("mset a 1 b", "a OW+UPDATE, b OW+UPDATE"),
            ("copy a b", "a RO+ACCESS, b OW+UPDATE"),
            ("bitop and d a a", "d OW+UPDATE, a RO+ACCESS, a RO+ACCESS"),
        ] {
            assert_eq!(keys(line), expected, "{line}");
        }
    }

    #[test]
    fn set_and_bitfield_read_a_key_only_where_their_arguments_say_so() {
        for (line, expected) in [
            ("set a b", "a OW+UPDATE"),
            ("set a get", "a OW+UPDATE"),
            ("set a b get", "a RW+ACCESS+UPDATE"),
            // Redis does not parse the options here: any word GET counts, even an operand.
            ("set a b EX Get", "a RW+ACCESS+UPDATE"),
            ("set a b gets", "a OW+UPDATE"),
            ("bitfield a", "a RO+ACCESS"),
            ("bitfield a GET u8 0 overflow x get u8 1", "a RO+ACCESS"),
            ("bitfield a get u8 0 set u8 0 1", "a RW+ACCESS+UPDATE"),
            ("bitfield a incrby u8 0 1", "a RW+ACCESS+UPDATE"),
            // What is no BITFIELD at all may write, for all anybody knows.
            ("bitfield a get u8", "a RW+ACCESS+UPDATE"),
            ("bitfield a overflow", "a RW+ACCESS+UPDATE"),
            ("bitfield a nonsense", "a RW+ACCESS+UPDATE"),
        ] {
            assert_eq!(keys(line), expected, "{line}");
        }
    }

    #[test]
    fn what_has_no_keys_is_refused_with_the_reason() {
        for (line, expected) in [
            ("nope", "ERR Invalid command specified"),
            ("object nope a", "ERR Invalid command specified"),
            ("object|encoding a", "ERR Invalid command specified"),
            ("object", "ERR The command has no key arguments"),
            ("object help", "ERR The command has no key arguments"),
            ("ping", "ERR The command has no key arguments"),
            (
                "get",
                "ERR Invalid number of arguments specified for command",
            ),
            (
                "get a b",
                "ERR Invalid number of arguments specified for command",
            ),
            (
                "object encoding",
                "ERR Invalid number of arguments specified for command",
            ),
        ] {
            assert_eq!(keys(line), expected, "{line}");
        }
    }

    /// The names COMMAND LIST gives, sorted, or the error.
    fn list(line: &str) -> String {
        let args = format!("command list{line}")
            .split(' ')
            .map(str::as_bytes)
            .collect::<OwnedArgs>();
        let filter = match Filter::from_args(args.as_args()) {
            Ok(filter) => filter,
            Err(error) => return error.to_string(),
        };
        let mut names: Vec<_> = table()
            .entries()
            .iter()
            .filter(|entry| filter.passes(entry))
            .map(|entry| entry.full_name.as_str())
            .collect();
        names.sort_unstable();
        names.join(" ")
    }

    #[test]
    fn the_list_may_be_filtered() {
        for (line, expected) in [
            (" filterby pattern BITF*", "bitfield bitfield_ro"),
            (
                " FILTERBY PATTERN object|[ef]*",
                "object|encoding object|freq",
            ),
            (" filterby pattern nope", ""),
            (
                " filterby aclcat BitMap",
                "bitcount bitfield bitfield_ro bitop bitpos getbit setbit",
            ),
            (
                " filterby\0x aclcat transaction\0x",
                "discard exec multi unwatch watch",
            ),
            (" filterby aclcat @bitmap", ""),
            (" filterby aclcat nope", ""),
            (" filterby module nope", ""),
            (" filterby pattern", "ERR syntax error"),
            (" filterby pattern a b", "ERR syntax error"),
            (" filterby name a", "ERR syntax error"),
            (" nope", "ERR syntax error"),
        ] {
            assert_eq!(list(line), expected, "{line}");
        }
        assert!(
            list("").split(' ').any(|name| name == "command|list"),
            "{}",
            list("")
        );
    }
}
