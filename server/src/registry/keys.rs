//! Where the keys are among a command's arguments; knows key specs, and no command by name.

use crate::registry::command::{Begin, Command, Find, KeyFlags, Keys};
use crate::resp::args::Args;
use crate::text::integers::parse_i64;

/// One key among the arguments of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyRef {
    /// Index of the argument; the command's name is 0.
    pub(crate) position: usize,
    /// What the command does with the key.
    pub(crate) flags: KeyFlags,
}

/// Whether the command takes keys at all; what merely looks like one, as a shard channel, does not count.
pub(crate) fn takes_keys(command: &Command) -> bool {
    command.find_keys.is_some() || real_specs(command).next().is_some()
}

/// The keys of a command, in the order of its key specs, or none where the arguments do not fit them.
///
/// `args` begins with the command's name, or with its container's. A key named twice is listed twice. The rules are
/// those of <https://redis.io/docs/latest/develop/reference/key-specs/>.
pub(crate) fn of_command(command: &Command, args: Args<'_>) -> Vec<KeyRef> {
    let settled = real_specs(command).all(|spec| !spec.flags.contains(KeyFlags::VARIABLE_FLAGS));
    if settled && let Some(found) = by_specs(command, args) {
        return found;
    }
    command
        .find_keys
        .map_or_else(Vec::new, |find_keys| find_keys(args))
}

fn real_specs(command: &Command) -> impl Iterator<Item = &'static Keys> + use<> {
    command
        .keys
        .iter()
        .filter(|spec| !spec.flags.contains(KeyFlags::NOT_KEY))
}

/// `None` where a spec does not fit the arguments, or does not tell all.
fn by_specs(command: &Command, args: Args<'_>) -> Option<Vec<KeyRef>> {
    let mut found = Vec::new();
    for spec in real_specs(command) {
        if spec.flags.contains(KeyFlags::INCOMPLETE) {
            return None;
        }
        let (first, last, step) = extent(spec, args)?;
        if last < first || last >= args.len() {
            return None;
        }
        let flags = spec.flags;
        found.extend(
            (first..=last)
                .step_by(step)
                .map(|position| KeyRef { position, flags }),
        );
    }
    Some(found)
}

/// First key, last argument that may be one, and step; the last may lie outside the arguments.
fn extent(spec: &Keys, args: Args<'_>) -> Option<(usize, usize, usize)> {
    let begin = match spec.begin {
        Begin::Index(index) => usize::try_from(index).ok()?,
        Begin::Keyword(word, from) => position_of(word, from, args)? + 1,
        Begin::Unknown => return None,
    };
    match spec.find {
        Find::Range { last, step, limit } => {
            let last = match (usize::try_from(last), usize::try_from(limit)) {
                (Ok(last), _) => begin + last,
                (Err(_), Ok(limit @ 1..)) => begin + args.len().checked_sub(begin)? / limit - 1,
                (Err(_), _) => args.len().checked_add_signed(last as isize)?,
            };
            Some((begin, last, usize::try_from(step).ok()?))
        }
        Find::KeyNum {
            numkeys,
            first,
            step,
        } => {
            let count = parse_i64(args.get(begin.checked_add_signed(numkeys as isize)?)?)?;
            let count = usize::try_from(count)
                .ok()
                .filter(|count| *count <= args.len())?;
            let step = usize::try_from(step).ok()?;
            let first = begin.checked_add_signed(first as isize)?;
            Some((first, first + count.checked_sub(1)? * step, step))
        }
        Find::Unknown => None,
    }
}

/// Index of `word` among the arguments, sought onwards from `from`; where that is negative, backwards from so many before
/// the end.
fn position_of(word: &str, from: i32, args: Args<'_>) -> Option<usize> {
    match usize::try_from(from) {
        Ok(from) => (from..args.len()).find(|index| args.is(*index, word)),
        Err(_) => {
            let from = args.len().checked_add_signed(from as isize)?;
            (1..=from).rev().find(|index| args.is(*index, word))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::command::{Group, Run};
    use crate::resp::args::OwnedArgs;

    const fn spec(begin: Begin, find: Find, flags: KeyFlags) -> Keys {
        Keys {
            begin,
            find,
            flags,
            notes: None,
        }
    }

    const fn command(keys: &'static [Keys]) -> Command {
        Command::new("x", "1.0.0", Group::Generic, -1, Run::Container).keys(keys)
    }

    /// The keys found in a line of words.
    fn keys(command: &Command, line: &str) -> String {
        let args: OwnedArgs = line.split(' ').map(str::as_bytes).collect();
        let found: Vec<_> = of_command(command, args.as_args())
            .iter()
            .map(|key| key.position)
            .collect();
        found
            .iter()
            .map(|position| String::from_utf8_lossy(args.as_args().at(*position)))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_range_counts_from_where_it_begins_or_from_the_end() {
        const ONE: Command = command(&[Keys::one(1, KeyFlags::RO)]);
        const ALL: Command = command(&[Keys::range(1, -1, 1, KeyFlags::RO)]);
        const PAIRS: Command = command(&[Keys::range(1, -1, 2, KeyFlags::OW)]);
        const ALL_BUT_TIMEOUT: Command = command(&[Keys::range(1, -2, 1, KeyFlags::RW)]);
        const TWO_SPECS: Command = command(&[
            Keys::one(2, KeyFlags::OW),
            Keys::range(3, -1, 1, KeyFlags::RO),
        ]);
        for (command, line, expected) in [
            (&ONE, "get a", "a"),
            (&ONE, "get", ""),
            (&ALL, "mget a b a", "a b a"),
            (&PAIRS, "mset a 1 b 2", "a b"),
            (&PAIRS, "mset a 1 b", "a b"),
            (&ALL_BUT_TIMEOUT, "blpop a b 0", "a b"),
            (&ALL_BUT_TIMEOUT, "blpop 0", ""),
            (&TWO_SPECS, "bitop and d a b", "d a b"),
            (&TWO_SPECS, "bitop not d", ""),
        ] {
            assert_eq!(keys(command, line), expected, "{line}");
        }
    }

    #[test]
    fn a_keyword_begins_a_range_that_may_be_a_part_of_the_rest() {
        const STREAMS: Command = command(&[spec(
            Begin::Keyword("STREAMS", 1),
            Find::Range {
                last: -1,
                step: 1,
                limit: 2,
            },
            KeyFlags::RO,
        )]);
        const KEYS_BACKWARDS: Command = command(&[spec(
            Begin::Keyword("KEYS", -2),
            Find::Range {
                last: -1,
                step: 1,
                limit: 0,
            },
            KeyFlags::RW,
        )]);
        for (command, line, expected) in [
            (&STREAMS, "xread count 2 streams a b 0 0", "a b"),
            (&STREAMS, "xread streams a b 0", "a"),
            (&STREAMS, "xread streams a", ""),
            (&STREAMS, "xread streams", ""),
            (&STREAMS, "xread count 2", ""),
            (&KEYS_BACKWARDS, "migrate h p keys a", "a"),
            (&KEYS_BACKWARDS, "migrate keys p keys a b", "a b"),
            (&KEYS_BACKWARDS, "migrate", ""),
        ] {
            assert_eq!(keys(command, line), expected, "{line}");
        }
    }

    #[test]
    fn a_number_says_how_many_keys_follow() {
        const EVAL: Command = command(&[spec(
            Begin::Index(2),
            Find::KeyNum {
                numkeys: 0,
                first: 1,
                step: 1,
            },
            KeyFlags::RW,
        )]);
        for (line, expected) in [
            ("eval x 2 a b c", "a b"),
            ("eval x 0 a", ""),
            ("eval x 2 a", ""),
            ("eval x -1 a", ""),
            ("eval x +1 a", ""),
            ("eval x 9223372036854775807 a", ""),
            ("eval x", ""),
        ] {
            assert_eq!(keys(&EVAL, line), expected, "{line}");
        }
    }

    #[test]
    fn what_specs_cannot_say_the_command_itself_is_asked() {
        fn last(args: Args<'_>) -> Vec<KeyRef> {
            vec![KeyRef {
                position: args.len() - 1,
                flags: KeyFlags::RW,
            }]
        }
        const PLAIN: Keys = Keys::one(1, KeyFlags::RO);
        const VARIABLE: Keys = Keys::one(1, KeyFlags::VARIABLE_FLAGS);
        const INCOMPLETE: Keys = Keys::one(1, KeyFlags::INCOMPLETE);
        const UNKNOWN: Keys = spec(Begin::Unknown, Find::Unknown, KeyFlags::OW);
        for (keys_of, expected) in [
            (command(&[PLAIN]).find_keys(last), "a"),
            (command(&[VARIABLE]).find_keys(last), "b"),
            (command(&[INCOMPLETE]).find_keys(last), "b"),
            (command(&[PLAIN, UNKNOWN]).find_keys(last), "b"),
            (command(&[PLAIN, UNKNOWN]), ""),
        ] {
            assert_eq!(keys(&keys_of, "x a b"), expected, "{:?}", keys_of.keys);
        }
    }

    #[test]
    fn what_is_not_a_key_is_not_listed() {
        const CHANNEL: Command = command(&[Keys::one(1, KeyFlags::NOT_KEY)]);
        const KEY: Command = command(&[Keys::one(1, KeyFlags::RO)]);
        assert_eq!(keys(&CHANNEL, "spublish a"), "");
        assert!(!takes_keys(&CHANNEL));
        assert!(takes_keys(&KEY));
        assert!(!takes_keys(&command(&[])));
    }
}
