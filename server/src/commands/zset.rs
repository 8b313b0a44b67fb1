//! Sorted sets: single members, their scores and ranks. Ranges, pops and combinations of sets have files of their own.

use std::collections::BTreeSet;

use crate::commands::arguments;
use crate::commands::scan::{self, Options, Walked};
use crate::data::listpack::Item;
use crate::data::zset::{Change, Limits, Zset};
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::args::Args;
use crate::resp::error::Error;
use crate::resp::reply::Reply;
use crate::text::doubles;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("zadd", "1.2.0", Group::SortedSet, -4, Run::Data(zadd))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::SORTEDSET)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .args(&[
            Arg::key("key", 0),
            Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
                .since("3.0.2")
                .optional(),
            Arg::one_of(
                "comparison",
                &[Arg::word("gt", "GT"), Arg::word("lt", "LT")],
            )
            .since("6.2.0")
            .optional(),
            Arg::word("change", "CH").since("3.0.2").optional(),
            Arg::word("increment", "INCR").since("3.0.2").optional(),
            Arg::block(
                "data",
                &[
                    Arg::new("score", ArgKind::Double),
                    Arg::new("member", ArgKind::String),
                ],
            )
            .multiple(),
        ])
        .summary(
            "Adds one or more members to a sorted set, or updates their \
             scores. Creates the key if it doesn't exist.",
        )
        .complexity(
            "O(log(N)) for each item added, where N is the number of \
             elements in the sorted set.",
        )
        .history(&[
            ("2.4.0", "Accepts multiple elements."),
            ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
            ("6.2.0", "Added the `GT` and `LT` options."),
        ]),
    Command::new("zcard", "1.2.0", Group::SortedSet, 2, Run::Data(zcard))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::SORTEDSET)
        .keys(&[Keys::one(1, KeyFlags::RO)])
        .args(&[Arg::key("key", 0)])
        .summary("Returns the number of members in a sorted set.")
        .complexity("O(1)"),
    Command::new("zincrby", "1.2.0", Group::SortedSet, 4, Run::Data(zincrby))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::SORTEDSET)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE),
        )])
        .args(&[
            Arg::key("key", 0),
            Arg::new("increment", ArgKind::Integer),
            Arg::new("member", ArgKind::String),
        ])
        .summary("Increments the score of a member in a sorted set.")
        .complexity("O(log(N)) where N is the number of elements in the sorted set."),
    Command::new("zmscore", "6.2.0", Group::SortedSet, -3, Run::Data(zmscore))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::SORTEDSET)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("member", ArgKind::String).multiple(),
        ])
        .summary("Returns the score of one or more members in a sorted set.")
        .complexity("O(N) where N is the number of members being requested."),
    Command::new(
        "zrandmember",
        "6.2.0",
        Group::SortedSet,
        -2,
        Run::Data(zrandmember),
    )
    .flags(Flags::READONLY)
    .categories(Categories::SORTEDSET)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::block(
            "options",
            &[
                Arg::new("count", ArgKind::Integer),
                Arg::word("withscores", "WITHSCORES").optional(),
            ],
        )
        .optional(),
    ])
    .summary("Returns one or more random members from a sorted set.")
    .complexity("O(N) where N is the number of members returned")
    .tips(&["nondeterministic_output"]),
    Command::new("zrank", "2.0.0", Group::SortedSet, -3, Run::Data(zrank))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::SORTEDSET)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("member", ArgKind::String),
            Arg::word("withscore", "WITHSCORE").optional(),
        ])
        .summary(
            "Returns the index of a member in a sorted set ordered by \
             ascending scores.",
        )
        .complexity("O(log(N))")
        .history(&[("7.2.0", "Added the optional `WITHSCORE` argument.")]),
    Command::new("zrem", "1.2.0", Group::SortedSet, -3, Run::Data(zrem))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::SORTEDSET)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::DELETE))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("member", ArgKind::String).multiple(),
        ])
        .summary(
            "Removes one or more members from a sorted set. Deletes the \
             sorted set if all members were removed.",
        )
        .complexity(
            "O(M*log(N)) with N being the number of elements in the sorted \
             set and M the number of elements to be removed.",
        )
        .history(&[("2.4.0", "Accepts multiple elements.")]),
    Command::new(
        "zrevrank",
        "2.0.0",
        Group::SortedSet,
        -3,
        Run::Data(zrevrank),
    )
    .flags(Flags::READONLY.union(Flags::FAST))
    .categories(Categories::SORTEDSET)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("member", ArgKind::String),
        Arg::word("withscore", "WITHSCORE").optional(),
    ])
    .summary(
        "Returns the index of a member in a sorted set ordered by \
         descending scores.",
    )
    .complexity("O(log(N))")
    .history(&[("7.2.0", "Added the optional `WITHSCORE` argument.")]),
    Command::new("zscan", "2.8.0", Group::SortedSet, -3, Run::Data(zscan))
        .flags(Flags::READONLY)
        .categories(Categories::SORTEDSET)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("cursor", ArgKind::Integer),
            Arg::new("pattern", ArgKind::Pattern)
                .token("MATCH")
                .optional(),
            Arg::new("count", ArgKind::Integer)
                .token("COUNT")
                .optional(),
        ])
        .summary("Iterates over members and scores of a sorted set.")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including \
             enough command calls for the cursor to return back to 0. N is \
             the number of elements inside the collection.",
        )
        .tips(&["nondeterministic_output"]),
    Command::new("zscore", "1.2.0", Group::SortedSet, 3, Run::Data(zscore))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::SORTEDSET)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0), Arg::new("member", ArgKind::String)])
        .summary("Returns the score of a member in a sorted set.")
        .complexity("O(1)"),
];

/// The limits as they are configured now, for a set that may become large.
pub(super) fn limits(d: &mut Data<'_>) -> Limits {
    Limits {
        entries: d.config.zset_max_listpack_entries,
        value: d.config.zset_max_listpack_value,
        seed: d.keys.rng.u64(..),
    }
}

/// Answers a member.
pub(super) fn write_member(reply: &mut Reply<'_>, member: Item<'_>) {
    match member {
        Item::Int(int) => reply.bulk_int(int),
        Item::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// Answers one of the members that [`Reply::pairs`] has announced, or, without scores, [`Reply::array`].
pub(super) fn write_pair(reply: &mut Reply<'_>, (member, score): (Item<'_>, f64), scores: bool) {
    if scores {
        reply.pair();
    }
    write_member(reply, member);
    if scores {
        reply.double(score);
    }
}

/// Says that a set changed, and deletes it where nothing is left of it.
pub(super) fn settle(
    d: &mut Data<'_>,
    key: &[u8],
    event: &'static str,
    times: usize,
    emptied: bool,
) {
    if times > 0 {
        d.keys.touch_times(key, Class::ZSET, event, times);
    }
    if emptied {
        d.keys.drop_empty(key);
    }
}

/// What ZADD is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Conditions {
    pub(super) only_new: bool,
    pub(super) only_known: bool,
    only_greater: bool,
    only_less: bool,
    pub(super) count_changes: bool,
    increments: bool,
}

impl Conditions {
    /// Reads the words in front of the first score.
    ///
    /// # Returns
    /// them, and where the first score stands.
    fn from_args(args: Args<'_>, increments: bool) -> (Conditions, usize) {
        let mut conditions = Conditions {
            increments,
            ..Conditions::default()
        };
        let mut index = 2;
        loop {
            let Conditions {
                only_new,
                only_known,
                only_greater,
                only_less,
                count_changes,
                increments,
            } = &mut conditions;
            let words = [
                ("NX", only_new),
                ("XX", only_known),
                ("GT", only_greater),
                ("LT", only_less),
                ("CH", count_changes),
                ("INCR", increments),
            ];
            let Some((_, flag)) = words.into_iter().find(|(word, _)| args.is(index, word)) else {
                return (conditions, index);
            };
            *flag = true;
            index += 1;
        }
    }

    /// # Errors
    /// What contradicts itself.
    fn check(&self, pairs: usize) -> Result<(), Error> {
        if self.only_new && self.only_known {
            return Err(Error::fixed(
                "ERR XX and NX options at the same time are not compatible",
            ));
        }
        let comparisons = [self.only_new, self.only_greater, self.only_less];
        if comparisons.into_iter().filter(|&set| set).count() > 1 {
            return Err(Error::fixed(
                "ERR GT, LT, and/or NX options at the same time are not compatible",
            ));
        }
        if self.increments && pairs > 1 {
            return Err(Error::fixed(
                "ERR INCR option supports a single increment-element pair",
            ));
        }
        Ok(())
    }

    /// What the score of a member is to be that has the score `had`: `None` where it shall stay. It may be NaN.
    fn decide(&self, had: Option<f64>, score: f64) -> Option<f64> {
        let Some(had) = had else {
            return (!self.only_known).then_some(score);
        };
        let score = if self.increments { had + score } else { score };
        let refused = self.only_new
            || (self.only_greater && score <= had)
            || (self.only_less && score >= had);
        (!refused).then_some(score)
    }
}

fn zadd(d: &mut Data<'_>) -> Outcome {
    add(d, false)
}

fn zincrby(d: &mut Data<'_>) -> Outcome {
    add(d, true)
}

/// ZADD, and ZINCRBY, which takes its words too.
fn add(d: &mut Data<'_>, increments: bool) -> Outcome {
    let (conditions, first) = Conditions::from_args(d.args, increments);
    let words = d.args.len() - first;
    if words == 0 || !words.is_multiple_of(2) {
        return Err(Error::SYNTAX);
    }
    conditions.check(words / 2)?;
    let pairs: Vec<(f64, &[u8])> = (first..d.args.len())
        .step_by(2)
        .map(|index| {
            let score = doubles::parse_double(d.args.at(index)).ok_or(Error::NOT_FLOAT)?;
            Ok((score, d.args.at(index + 1)))
        })
        .collect::<Result<_, Error>>()?;
    put(d, &conditions, &pairs)
}

/// Adds members to the set under the first key, and answers what ZADD answers.
pub(super) fn put(d: &mut Data<'_>, conditions: &Conditions, pairs: &[(f64, &[u8])]) -> Outcome {
    let key = d.args.at(1);
    if conditions.only_known && d.keys.collection_mut::<Zset>(key)?.is_none() {
        if conditions.increments {
            d.reply.null();
        } else {
            d.reply.int(0);
        }
        return Ok(());
    }
    let limits = limits(d);
    let set = d.keys.collection_or_new::<Zset>(key)?;
    set.expect(pairs.len(), &limits);
    let (mut added, mut scored, mut result) = (0, 0, None);
    for &(score, member) in pairs {
        let change = set.upsert(member, &limits, |had| {
            result = conditions.decide(had, score);
            result.filter(|score| !score.is_nan())
        });
        match change {
            Change::Added => added += 1,
            Change::Scored => scored += 1,
            Change::None => {}
        }
    }
    // Only INCR adds up, and it takes one member only, so nothing has changed.
    if result.is_some_and(f64::is_nan) {
        return Err(Error::fixed("ERR resulting score is not a number (NaN)"));
    }
    let event = if conditions.increments {
        "zincr"
    } else {
        "zadd"
    };
    settle(d, key, event, added + scored, false);
    match (conditions.increments, result) {
        (true, Some(score)) => d.reply.double(score),
        (true, None) => d.reply.null(),
        (false, _) if conditions.count_changes => d.reply.count(added + scored),
        (false, _) => d.reply.count(added),
    }
    Ok(())
}

fn zrem(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let (mut removed, mut emptied) = (0, false);
    if let Some(set) = d.keys.collection_mut::<Zset>(key)? {
        for member in d.args.rest(2) {
            removed += usize::from(set.remove(member).is_some());
        }
        emptied = set.is_empty();
    }
    if removed > 0 {
        d.keys.reduced(key, Class::ZSET, "zrem", removed, emptied);
    }
    d.reply.count(removed);
    Ok(())
}

fn zcard(d: &mut Data<'_>) -> Outcome {
    let set = d.keys.collection::<Zset>(d.args.at(1))?;
    d.reply.count(set.map_or(0, Zset::len));
    Ok(())
}

fn zscore(d: &mut Data<'_>) -> Outcome {
    let set = d.keys.collection::<Zset>(d.args.at(1))?;
    match set.and_then(|set| set.score(d.args.at(2))) {
        Some(score) => d.reply.double(score),
        None => d.reply.null(),
    }
    Ok(())
}

fn zmscore(d: &mut Data<'_>) -> Outcome {
    let set = d.keys.collection::<Zset>(d.args.at(1))?;
    d.reply.array(d.args.len() - 2);
    for member in d.args.rest(2) {
        match set.and_then(|set| set.score(member)) {
            Some(score) => d.reply.double(score),
            None => d.reply.null(),
        }
    }
    Ok(())
}

fn zrank(d: &mut Data<'_>) -> Outcome {
    rank(d, "zrank", false)
}

fn zrevrank(d: &mut Data<'_>) -> Outcome {
    rank(d, "zrevrank", true)
}

fn rank(d: &mut Data<'_>, name: &str, reverse: bool) -> Outcome {
    let with_score = match d.args.len() {
        3 => false,
        4 if d.args.is(3, "WITHSCORE") => true,
        4 => return Err(Error::SYNTAX),
        _ => return Err(Error::arity(name)),
    };
    let set = d.keys.collection::<Zset>(d.args.at(1))?;
    let found = set.and_then(|set| {
        let (rank, score) = set.rank(d.args.at(2))?;
        let rank = if reverse { set.len() - 1 - rank } else { rank };
        Some((rank, score))
    });
    match (found, with_score) {
        (Some((rank, _)), false) => d.reply.count(rank),
        (Some((rank, score)), true) => {
            d.reply.array(2);
            d.reply.count(rank);
            d.reply.double(score);
        }
        (None, false) => d.reply.null(),
        (None, true) => d.reply.null_array(),
    }
    Ok(())
}

fn zrandmember(d: &mut Data<'_>) -> Outcome {
    let Some(count) = d.args.get(2) else {
        return one_random(d);
    };
    let count = arguments::within(count, -i64::MAX, i64::MAX)?;
    let scores = d.args.len() == 4 && d.args.is(3, "WITHSCORES");
    if d.args.len() > 3 && !scores {
        return Err(Error::SYNTAX);
    }
    if scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(Error::fixed("ERR value is out of range"));
    }
    let mut rng = d.keys.rng.fork();
    let set = d.keys.collection::<Zset>(d.args.at(1))?;
    let Some(set) = set.filter(|_| count != 0) else {
        d.reply.array(0);
        return Ok(());
    };
    let (len, picks) = (
        set.len(),
        usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
    );
    let announced = if count < 0 { picks } else { picks.min(len) };
    if scores {
        d.reply.pairs(announced);
    } else {
        d.reply.array(announced);
    }
    if count < 0 {
        for _ in 0..picks {
            if let Some(pair) = set.get(rng.usize(..len)) {
                write_pair(&mut d.reply, pair, scores);
            }
        }
    } else if picks >= len {
        // All of them; from the last to the first, since that is how Redis walks.
        for pair in set.iter(0..len).rev() {
            write_pair(&mut d.reply, pair, scores);
        }
    } else {
        for rank in distinct(&mut rng, picks, len) {
            if let Some(pair) = set.get(rank) {
                write_pair(&mut d.reply, pair, scores);
            }
        }
    }
    Ok(())
}

fn one_random(d: &mut Data<'_>) -> Outcome {
    let mut rng = d.keys.rng.fork();
    let set = d.keys.collection::<Zset>(d.args.at(1))?;
    match set.and_then(|set| set.get(rng.usize(..set.len()))) {
        Some((member, _)) => write_member(&mut d.reply, member),
        None => d.reply.null(),
    }
    Ok(())
}

/// So many different numbers below `len`, each choice with the same chance (Floyd's way).
fn distinct(rng: &mut fastrand::Rng, count: usize, len: usize) -> BTreeSet<usize> {
    let mut picked = BTreeSet::new();
    for last in len - count..len {
        if !picked.insert(rng.usize(..=last)) {
            picked.insert(last);
        }
    }
    picked
}

fn zscan(d: &mut Data<'_>) -> Outcome {
    let cursor = scan::cursor(d.args.at(2))?;
    let Some(set) = d.keys.collection::<Zset>(d.args.at(1))? else {
        scan::reply_scan(&mut d.reply, 0, &[]);
        return Ok(());
    };
    let options = Options::from_args(d.args, Walked::Members)?;
    let mut found = Vec::new();
    let cursor = set.scan(cursor, options.count, |member, score| {
        let member = member.to_vec();
        if options.pattern.matches(&member) {
            found.push(member);
            let mut text = Vec::new();
            match set {
                Zset::Packed(_) => doubles::write_double(&mut text, score),
                // Here Redis asks C's printf for as many digits as a double can need.
                Zset::Ranked(_) => doubles::write_general(&mut text, score, 17),
            }
            found.push(text);
        }
    });
    scan::reply_scan(&mut d.reply, cursor, &found);
    Ok(())
}
