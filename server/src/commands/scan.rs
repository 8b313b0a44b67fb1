//! Commands that walk the keyspace: KEYS, SCAN, RANDOMKEY.

use crate::commands::arguments;
use crate::engine::Data;
use crate::keyspace::entry::Entry;
use crate::registry::command::{Arg, ArgKind, Categories, Command, Flags, Group, Outcome, Run};
use crate::resp::args::Args;
use crate::resp::error::Error;
use crate::resp::reply::{Aggregate, Reply};
use crate::text::{glob, integers};

/// Elements a SCAN returns, roughly, when it does not say how many.
const COUNT_DEFAULT: i64 = 10;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("keys", "1.0.0", Group::Generic, 2, Run::Data(keys))
        .flags(Flags::READONLY)
        .categories(Categories::KEYSPACE.union(Categories::DANGEROUS))
        .args(&[Arg::new("pattern", ArgKind::Pattern)])
        .summary("Returns all key names that match a pattern.")
        .complexity(
            "O(N) with N being the number of keys in the database, under \
             the assumption that the key names in the database and the \
             given pattern have limited length.",
        )
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"]),
    Command::new("scan", "2.8.0", Group::Generic, -2, Run::Data(scan))
        .flags(Flags::READONLY)
        .categories(Categories::KEYSPACE)
        .args(&[
            Arg::new("cursor", ArgKind::Integer),
            Arg::new("pattern", ArgKind::Pattern)
                .token("MATCH")
                .optional(),
            Arg::new("count", ArgKind::Integer)
                .token("COUNT")
                .optional(),
            Arg::new("type", ArgKind::String)
                .token("TYPE")
                .since("6.0.0")
                .optional(),
        ])
        .summary("Iterates over the key names in the database.")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including \
             enough command calls for the cursor to return back to 0. N is \
             the number of elements inside the collection.",
        )
        .history(&[("6.0.0", "Added the `TYPE` subcommand.")])
        .tips(&[
            "nondeterministic_output",
            "request_policy:special",
            "response_policy:special",
        ]),
    Command::new(
        "randomkey",
        "1.0.0",
        Group::Generic,
        1,
        Run::Data(randomkey),
    )
    .flags(Flags::READONLY)
    .categories(Categories::KEYSPACE)
    .summary("Returns a random key name from the database.")
    .complexity("O(1)")
    .tips(&[
        "request_policy:all_shards",
        "response_policy:special",
        "nondeterministic_output",
    ]),
];

fn keys(d: &mut Data<'_>) -> Outcome {
    let pattern = Pattern::new(d.args.at(1));
    let array = d.reply.deferred(Aggregate::Array);
    let mut count = 0;
    for entry in d.keys.iter().filter(|entry| pattern.matches(entry.key())) {
        d.reply.bulk(entry.key());
        count += 1;
    }
    d.reply.finish(array, count);
    Ok(())
}

fn scan(d: &mut Data<'_>) -> Outcome {
    let cursor = cursor(d.args.at(1))?;
    let options = Options::from_args(d.args, Walked::Keys)?;
    let mut found: Vec<Vec<u8>> = Vec::new();
    // What is looked at counts, not what is found: a filter must not make one SCAN walk the whole keyspace.
    let cursor = d.keys.scan(cursor, options.count, |entry| {
        if options.accept(entry) {
            found.push(entry.key().to_vec());
        }
    });
    reply_scan(&mut d.reply, cursor, &found);
    Ok(())
}

/// Answers any SCAN: where to go on, and what was found.
pub(super) fn reply_scan(reply: &mut Reply<'_>, cursor: u64, found: &[Vec<u8>]) {
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(cursor).as_bytes());
    reply.array(found.len());
    for element in found {
        reply.bulk(element);
    }
}

fn randomkey(d: &mut Data<'_>) -> Outcome {
    match d.keys.random() {
        Some(key) => d.reply.bulk(&key),
        None => d.reply.null(),
    }
    Ok(())
}

/// Reads a cursor, as forgivingly as Redis does.
///
/// # Errors
/// `invalid cursor`
pub(super) fn cursor(text: &[u8]) -> Result<u64, Error> {
    integers::parse_u64(text).ok_or(Error::fixed("ERR invalid cursor"))
}

/// Which keys or elements are wanted.
pub(super) struct Pattern<'a> {
    glob: &'a [u8],
    /// All of them: nothing needs to be compared.
    all: bool,
}

impl<'a> Pattern<'a> {
    fn new(glob: &'a [u8]) -> Pattern<'a> {
        Pattern {
            glob,
            all: glob == b"*",
        }
    }

    pub(super) fn matches(&self, key: &[u8]) -> bool {
        self.all || glob::matches(self.glob, key)
    }
}

/// What is walked: each knows options that the others do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walked {
    /// SCAN.
    Keys,
    /// HSCAN.
    Fields,
    /// SSCAN and ZSCAN.
    Members,
}

impl Walked {
    /// Where the options begin: behind the cursor.
    fn options_at(self) -> usize {
        match self {
            Walked::Keys => 2,
            Walked::Fields | Walked::Members => 3,
        }
    }
}

/// What a SCAN is asked for.
pub(super) struct Options<'a> {
    pub(super) pattern: Pattern<'a>,
    /// Any type, if not named; a name that is no type's is that of no key.
    type_name: Option<&'a [u8]>,
    pub(super) count: usize,
    /// Fields without their values.
    pub(super) without_values: bool,
}

impl<'a> Options<'a> {
    /// Reads the options behind the cursor; of several of a kind the last one counts.
    ///
    /// # Errors
    /// `syntax error`, or what is wrong with the number.
    pub(super) fn from_args(args: Args<'a>, walked: Walked) -> Result<Options<'a>, Error> {
        let (mut pattern, mut type_name, mut count) = (Pattern::new(b"*"), None, COUNT_DEFAULT);
        let mut without_values = false;
        let mut index = walked.options_at();
        while index < args.len() {
            match args.get(index + 1) {
                Some(value) if args.is(index, "COUNT") => {
                    count = arguments::integer(value)?;
                    if count < 1 {
                        return Err(Error::SYNTAX);
                    }
                }
                Some(value) if args.is(index, "MATCH") => pattern = Pattern::new(value),
                Some(value) if args.is(index, "TYPE") && walked == Walked::Keys => {
                    type_name = Some(value);
                }
                _ if args.is(index, "NOVALUES") => {
                    if walked != Walked::Fields {
                        return Err(Error::fixed(
                            "ERR NOVALUES option can only be used in HSCAN",
                        ));
                    }
                    without_values = true;
                    index += 1;
                    continue;
                }
                _ => return Err(Error::SYNTAX),
            }
            index += 2;
        }
        Ok(Options {
            pattern,
            type_name,
            count: usize::try_from(count).unwrap_or(usize::MAX),
            without_values,
        })
    }

    fn accept(&self, entry: &Entry) -> bool {
        let type_name = entry.value().type_name();
        self.type_name
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(type_name.as_bytes()))
            && self.pattern.matches(entry.key())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use crate::embedded::{Connection, Embedded};

    /// One SCAN: the next cursor and the keys.
    fn step(redis: &mut Embedded, client: Connection, scan: &str) -> (String, Vec<String>) {
        let answer = redis.ask(client, scan);
        let mut lines = answer
            .split("\r\n")
            .filter(|line| !line.starts_with(['*', '$']) && !line.is_empty())
            .map(str::to_owned);
        let cursor = lines.next().expect("SCAN answers a cursor first");
        (cursor, lines.collect())
    }

    fn filled(seed: u64, count: usize) -> (Embedded, Connection) {
        let mut redis = Embedded::new(seed);
        let client = redis.connect();
        for i in 0..count {
            redis.ask(client, &format!("SET key:{i} v"));
        }
        (redis, client)
    }

    #[test]
    fn what_stays_is_found_while_keys_come_go_and_expire() {
        let mut dice = fastrand::Rng::with_seed(3);
        for round in 0..30 {
            let (mut redis, a) = filled(round, dice.usize(20..400));
            let staying: BTreeSet<String> = (0..20).map(|i| format!("key:{i}")).collect();
            let mut seen = BTreeSet::new();
            let (mut cursor, mut steps) = ("0".to_owned(), 0);
            loop {
                let (next, keys) = step(&mut redis, a, &format!("SCAN {cursor} COUNT 3"));
                seen.extend(keys);
                cursor = next;
                steps += 1;
                if cursor == "0" {
                    break;
                }
                assert!(steps < 10_000, "the cursor never came back to 0");
                for _ in 0..dice.usize(..80) {
                    let key = dice.usize(20..2000);
                    match round % 3 {
                        0 => redis.ask(a, &format!("SET key:{key} v")),
                        1 => redis.ask(a, &format!("DEL key:{key}")),
                        _ => redis.ask(a, &format!("SET key:{key} v PX {}", key % 20)),
                    };
                }
                redis.advance(Duration::from_millis(5));
            }
            let missed: Vec<_> = staying.difference(&seen).collect();
            assert!(missed.is_empty(), "round {round} missed {missed:?}");
        }
    }

    #[test]
    fn one_scan_shows_no_key_twice_though_it_deletes_others() {
        for seed in 0..50 {
            let (mut redis, a) = filled(seed, 30);
            redis.engine.keyspace.active_expire = false;
            for i in 0..300 {
                redis.ask(a, &format!("SET mortal:{i} v PX 1"));
            }
            redis.advance(Duration::from_millis(5));
            let (cursor, mut keys) = step(&mut redis, a, "SCAN 0 COUNT 1000");
            keys.sort_unstable();
            let all = keys.len();
            keys.dedup();
            assert_eq!((cursor.as_str(), keys.len(), all), ("0", 30, 30));
            assert_eq!(redis.ask(a, "DBSIZE"), ":30\r\n");
        }
    }

    #[test]
    fn count_is_kept_roughly_and_counts_what_was_looked_at() {
        let (mut redis, a) = filled(5, 10_000);
        for count in [1, 10, 100, 1000] {
            let (_, keys) = step(&mut redis, a, &format!("SCAN 0 COUNT {count}"));
            assert!(
                (count..count + 20).contains(&keys.len()),
                "{} for COUNT {count}",
                keys.len()
            );
        }
        let (cursor, keys) = step(&mut redis, a, "SCAN 0 MATCH nothing COUNT 10");
        assert_eq!(keys.len(), 0);
        assert_ne!(cursor, "0", "a filter made one SCAN walk everything");
    }

    #[test]
    fn the_order_of_keys_follows_from_the_seed() {
        let order = |seed| {
            let (mut redis, a) = filled(seed, 100);
            redis.ask(a, "KEYS *")
        };
        assert_eq!(order(1), order(1));
        assert_ne!(
            order(1),
            order(2),
            "whoever knows the hash can make keys collide"
        );
    }
}
