//! Rules that every command of the table keeps; they look at the constants only and run no command.

use crate::registry::command::{Arg, ArgKind, Begin, Command, Find, Flags, KeyFlags, Keys, Run};
use crate::registry::keys;
use crate::registry::table::{Entry, table};

/// Fails with the names of all commands that break the rule.
fn every_command(keeps_the_rule: impl Fn(&Entry) -> bool) {
    let breaks = table()
        .entries()
        .iter()
        .filter(|entry| !keeps_the_rule(entry));
    let breaks: Vec<_> = breaks.map(|entry| entry.full_name.as_str()).collect();
    assert!(breaks.is_empty(), "{breaks:?}");
}

#[test]
fn names_are_lower_case_and_lead_back_to_their_own_entry() {
    every_command(|entry| {
        let upper = entry.full_name.to_ascii_uppercase();
        let found = table().find_full(upper.as_bytes());
        entry.full_name != upper && found.is_some_and(|found| found.slot == entry.slot)
    });
}

#[test]
fn exactly_containers_have_subcommands() {
    every_command(|entry| {
        let command = entry.command;
        // COMMAND alone is a command as well.
        match command.run {
            Run::Container => !command.subcommands.is_empty() && command.args.is_empty(),
            _ => command.subcommands.is_empty() || command.name == "command",
        }
    });
}

/// Redis documents no arguments for DEBUG and QUIT, though they take any, and marks as optional what CLIENT KILL cannot
/// do without.
const ARITY_IS_NOT_DOCUMENTED: [&str; 3] = ["client|kill", "debug", "quit"];

#[test]
fn arity_is_what_the_arguments_add_up_to() {
    every_command(|entry| {
        let command = entry.command;
        if !command.subcommands.is_empty()
            || ARITY_IS_NOT_DOCUMENTED.contains(&entry.full_name.as_str())
        {
            return command.arity < 0;
        }
        let names = 1 + i32::from(entry.parent.is_some());
        let (least, fixed) = length_of_all(command.args);
        command.arity
            == if fixed {
                names + least
            } else {
                -(names + least)
            }
    });
}

/// How many words arguments take at least, and whether they never take more.
fn length_of_all(args: &[Arg]) -> (i32, bool) {
    args.iter()
        .map(length)
        .fold((0, true), |sum, one| (sum.0 + one.0, sum.1 && one.1))
}

fn length(arg: &Arg) -> (i32, bool) {
    let (least, fixed) = match arg.kind {
        ArgKind::PureToken => (0, true),
        ArgKind::Block => length_of_all(arg.args),
        ArgKind::OneOf => {
            let lengths: Vec<_> = arg.args.iter().map(length).collect();
            let least = lengths.iter().map(|length| length.0).min().unwrap_or(0);
            (least, lengths.iter().all(|length| *length == (least, true)))
        }
        _ => (1, true),
    };
    let least = least + i32::from(arg.token.is_some());
    match (arg.optional, arg.multiple) {
        (true, _) => (0, false),
        (false, true) => (least, false),
        (false, false) => (least, fixed),
    }
}

#[test]
fn key_arguments_and_key_specs_belong_together() {
    fn named(args: &[Arg], specs: &mut Vec<u8>) -> bool {
        args.iter().all(|arg| {
            specs.extend(arg.key_spec);
            (arg.kind == ArgKind::Key) <= arg.key_spec.is_some() && named(arg.args, specs)
        })
    }
    every_command(|entry| {
        let mut specs = Vec::new();
        let all_keys_named = named(entry.command.args, &mut specs);
        let real = |spec: &Keys| !spec.flags.contains(KeyFlags::NOT_KEY);
        all_keys_named
            && specs
                .iter()
                .all(|spec| usize::from(*spec) < entry.command.keys.len())
            && (0..)
                .zip(entry.command.keys)
                .all(|(index, spec)| !real(spec) || specs.contains(&index))
    });
}

#[test]
fn a_key_spec_says_how_keys_are_reached_and_so_does_the_command() {
    let ways = [KeyFlags::RO, KeyFlags::RW, KeyFlags::OW, KeyFlags::RM];
    let reads = |spec: &Keys| spec.flags.contains(KeyFlags::RO);
    every_command(|entry| {
        let Command { flags, keys, .. } = *entry.command;
        let real = || {
            keys.iter()
                .filter(|spec| !spec.flags.contains(KeyFlags::NOT_KEY))
        };
        let one_way =
            |spec: &Keys| ways.iter().filter(|way| spec.flags.contains(**way)).count() == 1;
        let changes = real().next().is_none() || !real().all(reads);
        real().all(one_way)
            && !flags.contains(Flags::WRITE | Flags::READONLY)
            && (!flags.contains(Flags::WRITE) || changes)
            // PFCOUNT reads, and keeps what it counted in the value.
            && (!flags.contains(Flags::READONLY)
                || flags.contains(Flags::MAY_REPLICATE)
                || real().all(reads))
    });
}

#[test]
fn commands_answer_for_keys_their_specs_cannot_describe() {
    every_command(|entry| {
        let vague = |spec: &Keys| {
            spec.flags
                .intersects(KeyFlags::VARIABLE_FLAGS | KeyFlags::INCOMPLETE)
                || matches!(spec.begin, Begin::Unknown)
                || matches!(spec.find, Find::Unknown)
        };
        entry.command.keys.iter().any(vague) == entry.command.find_keys.is_some()
    });
}

#[test]
fn keys_are_movable_where_three_numbers_do_not_tell_them() {
    every_command(|entry| {
        let told = match entry.command.keys {
            [
                Keys {
                    begin: Begin::Index(_),
                    find: Find::Range { .. },
                    flags,
                    ..
                },
            ] => !flags.contains(KeyFlags::INCOMPLETE),
            specs => {
                let mut next = None;
                specs.iter().all(|spec| match (spec.begin, spec.find) {
                    (Begin::Index(first), Find::Range { last, step: 1, .. }) => {
                        let follows = next.is_none_or(|next| next == first);
                        next = Some(first + last + 1);
                        follows && !spec.flags.contains(KeyFlags::INCOMPLETE)
                    }
                    _ => false,
                })
            }
        };
        told != entry.command.flags.contains(Flags::MOVABLEKEYS)
    });
}

#[test]
fn subcommands_share_their_containers_group() {
    every_command(|entry| {
        let parent = entry.parent.map(|slot| table().entry(slot).command.group);
        parent.is_none_or(|group| group == entry.command.group)
    });
}

#[test]
fn versions_are_three_numbers() {
    let version = |text: &str| {
        let numbers: Vec<_> = text.split('.').map(str::parse::<u16>).collect();
        numbers.len() == 3 && numbers.iter().all(Result::is_ok)
    };
    every_command(|entry| {
        let command = entry.command;
        version(command.since)
            && command.deprecated_since.is_none_or(version)
            && command.history.iter().all(|(since, _)| version(since))
    });
}

#[test]
fn only_commands_with_keys_are_asked_for_them() {
    every_command(|entry| {
        let keys = entry
            .command
            .keys
            .iter()
            .any(|spec| !spec.flags.contains(KeyFlags::NOT_KEY));
        keys == keys::takes_keys(entry.command)
    });
}
