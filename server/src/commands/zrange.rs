//! Sorted sets by ranges of ranks, scores or bytes: ZRANGE and all that it has come to replace, counting, and removing.

use std::ops::{Bound, Range};

use crate::commands::arguments;
use crate::commands::zset::{limits, settle, write_pair};
use crate::data::listpack::Item;
use crate::data::zset::{Edge, Span, Zset};
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::keyspace::db::Deadline;
use crate::keyspace::value::{Collection, New};
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::error::Error;
use crate::resp::reply::Aggregate;
use crate::text::integers::until_nul;

const NOT_SCORES: Error = Error::fixed("ERR min or max is not a float");
const NOT_TEXTS: Error = Error::fixed("ERR min or max not valid string range item");

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("zcount", "2.0.0", Group::SortedSet, 4, Run::Data(zcount))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::SORTEDSET)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("min", ArgKind::Double),
            Arg::new("max", ArgKind::Double),
        ])
        .summary(
            "Returns the count of members in a sorted set that have scores \
             within a range.",
        )
        .complexity(
            "O(log(N)) with N being the number of elements in the sorted \
             set.",
        ),
    Command::new(
        "zlexcount",
        "2.8.9",
        Group::SortedSet,
        4,
        Run::Data(zlexcount),
    )
    .flags(Flags::READONLY.union(Flags::FAST))
    .categories(Categories::SORTEDSET)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("min", ArgKind::String),
        Arg::new("max", ArgKind::String),
    ])
    .summary(
        "Returns the number of members in a sorted set within a \
         lexicographical range.",
    )
    .complexity(
        "O(log(N)) with N being the number of elements in the sorted \
         set.",
    ),
    Command::new("zrange", "1.2.0", Group::SortedSet, -4, Run::Data(zrange))
        .flags(Flags::READONLY)
        .categories(Categories::SORTEDSET)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("start", ArgKind::String),
            Arg::new("stop", ArgKind::String),
            Arg::one_of(
                "sortby",
                &[Arg::word("byscore", "BYSCORE"), Arg::word("bylex", "BYLEX")],
            )
            .since("6.2.0")
            .optional(),
            Arg::word("rev", "REV").since("6.2.0").optional(),
            Arg::block(
                "limit",
                &[
                    Arg::new("offset", ArgKind::Integer),
                    Arg::new("count", ArgKind::Integer),
                ],
            )
            .token("LIMIT")
            .since("6.2.0")
            .optional(),
            Arg::word("withscores", "WITHSCORES").optional(),
        ])
        .summary("Returns members in a sorted set within a range of indexes.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted \
             set and M the number of elements returned.",
        )
        .history(&[(
            "6.2.0",
            "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.",
        )]),
    Command::new(
        "zrangebylex",
        "2.8.9",
        Group::SortedSet,
        -4,
        Run::Data(zrangebylex),
    )
    .flags(Flags::READONLY)
    .categories(Categories::SORTEDSET)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("min", ArgKind::String),
        Arg::new("max", ArgKind::String),
        Arg::block(
            "limit",
            &[
                Arg::new("offset", ArgKind::Integer),
                Arg::new("count", ArgKind::Integer),
            ],
        )
        .token("LIMIT")
        .optional(),
    ])
    .summary(
        "Returns members in a sorted set within a lexicographical \
         range.",
    )
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted \
         set and M the number of elements being returned. If M is \
         constant (e.g. always asking for the first 10 elements with \
         LIMIT), you can consider it O(log(N)).",
    )
    .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument"),
    Command::new(
        "zrangebyscore",
        "1.0.5",
        Group::SortedSet,
        -4,
        Run::Data(zrangebyscore),
    )
    .flags(Flags::READONLY)
    .categories(Categories::SORTEDSET)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("min", ArgKind::Double),
        Arg::new("max", ArgKind::Double),
        Arg::word("withscores", "WITHSCORES")
            .since("2.0.0")
            .optional(),
        Arg::block(
            "limit",
            &[
                Arg::new("offset", ArgKind::Integer),
                Arg::new("count", ArgKind::Integer),
            ],
        )
        .token("LIMIT")
        .optional(),
    ])
    .summary("Returns members in a sorted set within a range of scores.")
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted \
         set and M the number of elements being returned. If M is \
         constant (e.g. always asking for the first 10 elements with \
         LIMIT), you can consider it O(log(N)).",
    )
    .history(&[("2.0.0", "Added the `WITHSCORES` modifier.")])
    .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument"),
    Command::new(
        "zrangestore",
        "6.2.0",
        Group::SortedSet,
        -5,
        Run::Data(zrangestore),
    )
    .flags(Flags::WRITE.union(Flags::DENYOOM))
    .categories(Categories::SORTEDSET)
    .keys(&[
        Keys::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
        Keys::one(2, KeyFlags::RO.union(KeyFlags::ACCESS)),
    ])
    .args(&[
        Arg::key("dst", 0),
        Arg::key("src", 1),
        Arg::new("min", ArgKind::String),
        Arg::new("max", ArgKind::String),
        Arg::one_of(
            "sortby",
            &[Arg::word("byscore", "BYSCORE"), Arg::word("bylex", "BYLEX")],
        )
        .optional(),
        Arg::word("rev", "REV").optional(),
        Arg::block(
            "limit",
            &[
                Arg::new("offset", ArgKind::Integer),
                Arg::new("count", ArgKind::Integer),
            ],
        )
        .token("LIMIT")
        .optional(),
    ])
    .summary("Stores a range of members from sorted set in a key.")
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted \
         set and M the number of elements stored into the destination \
         key.",
    ),
    Command::new(
        "zremrangebylex",
        "2.8.9",
        Group::SortedSet,
        4,
        Run::Data(zremrangebylex),
    )
    .flags(Flags::WRITE)
    .categories(Categories::SORTEDSET)
    .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::DELETE))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("min", ArgKind::String),
        Arg::new("max", ArgKind::String),
    ])
    .summary(
        "Removes members in a sorted set within a lexicographical \
         range. Deletes the sorted set if all members were removed.",
    )
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted \
         set and M the number of elements removed by the operation.",
    ),
    Command::new(
        "zremrangebyrank",
        "2.0.0",
        Group::SortedSet,
        4,
        Run::Data(zremrangebyrank),
    )
    .flags(Flags::WRITE)
    .categories(Categories::SORTEDSET)
    .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::DELETE))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("start", ArgKind::Integer),
        Arg::new("stop", ArgKind::Integer),
    ])
    .summary(
        "Removes members in a sorted set within a range of indexes. \
         Deletes the sorted set if all members were removed.",
    )
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted \
         set and M the number of elements removed by the operation.",
    ),
    Command::new(
        "zremrangebyscore",
        "1.2.0",
        Group::SortedSet,
        4,
        Run::Data(zremrangebyscore),
    )
    .flags(Flags::WRITE)
    .categories(Categories::SORTEDSET)
    .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::DELETE))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("min", ArgKind::Double),
        Arg::new("max", ArgKind::Double),
    ])
    .summary(
        "Removes members in a sorted set within a range of scores. \
         Deletes the sorted set if all members were removed.",
    )
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted \
         set and M the number of elements removed by the operation.",
    ),
    Command::new(
        "zrevrange",
        "1.2.0",
        Group::SortedSet,
        -4,
        Run::Data(zrevrange),
    )
    .flags(Flags::READONLY)
    .categories(Categories::SORTEDSET)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("start", ArgKind::Integer),
        Arg::new("stop", ArgKind::Integer),
        Arg::word("withscores", "WITHSCORES").optional(),
    ])
    .summary(
        "Returns members in a sorted set within a range of indexes in \
         reverse order.",
    )
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted \
         set and M the number of elements returned.",
    )
    .deprecated("6.2.0", "`ZRANGE` with the `REV` argument"),
    Command::new(
        "zrevrangebylex",
        "2.8.9",
        Group::SortedSet,
        -4,
        Run::Data(zrevrangebylex),
    )
    .flags(Flags::READONLY)
    .categories(Categories::SORTEDSET)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("max", ArgKind::String),
        Arg::new("min", ArgKind::String),
        Arg::block(
            "limit",
            &[
                Arg::new("offset", ArgKind::Integer),
                Arg::new("count", ArgKind::Integer),
            ],
        )
        .token("LIMIT")
        .optional(),
    ])
    .summary(
        "Returns members in a sorted set within a lexicographical range \
         in reverse order.",
    )
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted \
         set and M the number of elements being returned. If M is \
         constant (e.g. always asking for the first 10 elements with \
         LIMIT), you can consider it O(log(N)).",
    )
    .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments"),
    Command::new(
        "zrevrangebyscore",
        "2.2.0",
        Group::SortedSet,
        -4,
        Run::Data(zrevrangebyscore),
    )
    .flags(Flags::READONLY)
    .categories(Categories::SORTEDSET)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("max", ArgKind::Double),
        Arg::new("min", ArgKind::Double),
        Arg::word("withscores", "WITHSCORES").optional(),
        Arg::block(
            "limit",
            &[
                Arg::new("offset", ArgKind::Integer),
                Arg::new("count", ArgKind::Integer),
            ],
        )
        .token("LIMIT")
        .optional(),
    ])
    .summary(
        "Returns members in a sorted set within a range of scores in \
         reverse order.",
    )
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted \
         set and M the number of elements being returned. If M is \
         constant (e.g. always asking for the first 10 elements with \
         LIMIT), you can consider it O(log(N)).",
    )
    .history(&[("2.1.6", "`min` and `max` can be exclusive.")])
    .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments"),
];

/// What a range is given in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Text,
}

/// Which members, and in which order.
#[derive(Clone, Copy, Debug)]
enum Wanted<'a> {
    /// From rank to rank, below 0 counted from the end.
    Ranks { start: i64, end: i64 },
    Within {
        span: Span<'a>,
        offset: i64,
        /// All where negative.
        limit: i64,
    },
}

impl Wanted<'_> {
    /// Shows `emit` the members.
    fn walk(&self, set: &Zset, reverse: bool, mut emit: impl FnMut((Item<'_>, f64))) {
        match self {
            &Wanted::Ranks { start, end } => {
                let ranks = absolute(start, end, set.len());
                if reverse {
                    let (start, end) = (set.len() - ranks.end, set.len() - ranks.start);
                    set.iter(start..end).rev().for_each(emit);
                } else {
                    set.iter(ranks).for_each(emit);
                }
            }
            Wanted::Within {
                span,
                offset,
                limit,
            } => {
                let Some(edge) = set.edge(span, reverse) else {
                    return;
                };
                // A negative offset comes to no member at all.
                let offset = usize::try_from(*offset).unwrap_or(usize::MAX);
                let rank = if reverse {
                    edge.checked_sub(offset)
                } else {
                    edge.checked_add(offset).filter(|&rank| rank < set.len())
                };
                let Some(rank) = rank else { return };
                let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
                for pair in set.within(span, rank, reverse).take(limit) {
                    emit(pair);
                }
            }
        }
    }
}

/// The ranks from `start` to `end`, both of which belong to the range and count from the end where negative.
fn absolute(start: i64, end: i64, len: usize) -> Range<usize> {
    let count = i64::try_from(len).unwrap_or(i64::MAX);
    let from_end = |rank: i64| {
        if rank < 0 {
            rank.saturating_add(count)
        } else {
            rank
        }
    };
    let (start, end) = (from_end(start).max(0), from_end(end).min(count - 1));
    if start > end {
        return 0..0;
    }
    start as usize..end as usize + 1
}

/// A range of scores: numbers, each excluded where `(` stands before it.
///
/// # Errors
/// `min or max is not a float`
fn scores(min: &[u8], max: &[u8]) -> Result<Span<'static>, Error> {
    let bound = |text: &[u8]| {
        let text = until_nul(text);
        let (excluded, number) = match text {
            [b'(', number @ ..] => (true, number),
            number => (false, number),
        };
        // Not as other arguments are read: nothing is 0, what is too large is infinite, and there are no hexadecimals.
        let number = if number.is_empty() { b"0" } else { number };
        let number: f64 = std::str::from_utf8(number).ok()?.parse().ok()?;
        (!number.is_nan()).then_some(if excluded {
            Bound::Excluded(number)
        } else {
            Bound::Included(number)
        })
    };
    let (min, max) = (bound(min), bound(max));
    Ok(Span::Scores {
        min: min.ok_or(NOT_SCORES)?,
        max: max.ok_or(NOT_SCORES)?,
    })
}

/// A range of bytes: `-`, `+`, or bytes behind `[` or `(`.
///
/// # Errors
/// `min or max not valid string range item`
fn texts<'a>(min: &'a [u8], max: &'a [u8]) -> Result<Span<'a>, Error> {
    let edge = |text: &'a [u8]| match text {
        [b'-'] | [b'-', 0, ..] => Ok(Edge::Lowest),
        [b'+'] | [b'+', 0, ..] => Ok(Edge::Highest),
        [b'[', text @ ..] => Ok(Edge::Included(text)),
        [b'(', text @ ..] => Ok(Edge::Excluded(text)),
        _ => Err(NOT_TEXTS),
    };
    Ok(Span::Texts {
        min: edge(min)?,
        max: edge(max)?,
    })
}

/// What a command of this family says of itself by its name.
#[derive(Clone, Copy, Debug, Default)]
struct Form {
    by: Option<By>,
    reverse: Option<bool>,
    /// The result goes to the first key, instead of to the client.
    stores: bool,
}

fn zrange(d: &mut Data<'_>) -> Outcome {
    range(d, Form::default())
}

fn zrangestore(d: &mut Data<'_>) -> Outcome {
    let stores = true;
    range(
        d,
        Form {
            stores,
            ..Form::default()
        },
    )
}

fn zrevrange(d: &mut Data<'_>) -> Outcome {
    by(d, By::Rank, true)
}

fn zrangebyscore(d: &mut Data<'_>) -> Outcome {
    by(d, By::Score, false)
}

fn zrevrangebyscore(d: &mut Data<'_>) -> Outcome {
    by(d, By::Score, true)
}

fn zrangebylex(d: &mut Data<'_>) -> Outcome {
    by(d, By::Text, false)
}

fn zrevrangebylex(d: &mut Data<'_>) -> Outcome {
    by(d, By::Text, true)
}

fn by(d: &mut Data<'_>, by: By, reverse: bool) -> Outcome {
    range(
        d,
        Form {
            by: Some(by),
            reverse: Some(reverse),
            stores: false,
        },
    )
}

fn range(d: &mut Data<'_>, form: Form) -> Outcome {
    let source_at = 1 + usize::from(form.stores);
    let Form {
        mut by,
        mut reverse,
        ..
    } = form;
    let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
    let mut index = source_at + 3;
    while index < d.args.len() {
        if !form.stores && d.args.is(index, "WITHSCORES") {
            with_scores = true;
        } else if d.args.is(index, "LIMIT") && index + 2 < d.args.len() {
            offset = arguments::integer(d.args.at(index + 1))?;
            limit = arguments::integer(d.args.at(index + 2))?;
            index += 2;
        } else if reverse.is_none() && d.args.is(index, "REV") {
            reverse = Some(true);
        } else if by.is_none() && d.args.is(index, "BYLEX") {
            by = Some(By::Text);
        } else if by.is_none() && d.args.is(index, "BYSCORE") {
            by = Some(By::Score);
        } else {
            return Err(Error::SYNTAX);
        }
        index += 1;
    }
    let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
    if limit != -1 && by == By::Rank {
        return Err(Error::fixed(
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        ));
    }
    if with_scores && by == By::Text {
        return Err(Error::fixed(
            "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
        ));
    }
    let (first, second) = (d.args.at(source_at + 1), d.args.at(source_at + 2));
    // In reverse a span is given from its end.
    let (min, max) = if reverse {
        (second, first)
    } else {
        (first, second)
    };
    let wanted = match by {
        By::Rank => Wanted::Ranks {
            start: arguments::integer(first)?,
            end: arguments::integer(second)?,
        },
        By::Score => Wanted::Within {
            span: scores(min, max)?,
            offset,
            limit,
        },
        By::Text => Wanted::Within {
            span: texts(min, max)?,
            offset,
            limit,
        },
    };
    if form.stores {
        store(d, &wanted, reverse)
    } else {
        show(d, &wanted, reverse, with_scores)
    }
}

fn show(d: &mut Data<'_>, wanted: &Wanted<'_>, reverse: bool, with_scores: bool) -> Outcome {
    let Some(set) = d.keys.collection::<Zset>(d.args.at(1))? else {
        d.reply.array(0);
        return Ok(());
    };
    let reply = &mut d.reply;
    if let &Wanted::Ranks { start, end } = wanted {
        let count = absolute(start, end, set.len()).len();
        if with_scores {
            reply.pairs(count);
        } else {
            reply.array(count);
        }
        wanted.walk(set, reverse, |pair| write_pair(reply, pair, with_scores));
        return Ok(());
    }
    let array = reply.deferred(if with_scores {
        Aggregate::Pairs
    } else {
        Aggregate::Array
    });
    let mut count = 0;
    wanted.walk(set, reverse, |pair| {
        write_pair(reply, pair, with_scores);
        count += 1;
    });
    reply.finish(array, count);
    Ok(())
}

fn store(d: &mut Data<'_>, wanted: &Wanted<'_>, reverse: bool) -> Outcome {
    let limits = limits(d);
    let mut result = Zset::default();
    if let Some(set) = d.keys.collection::<Zset>(d.args.at(2))? {
        if let &Wanted::Ranks { start, end } = wanted {
            result.expect(absolute(start, end, set.len()).len(), &limits);
        }
        wanted.walk(set, reverse, |(member, score)| {
            result.insert(member.bytes(&mut itoa::Buffer::new()), score, &limits);
        });
    }
    let count = result.len();
    put_result(d, d.args.at(1), result, "zrangestore");
    d.reply.count(count);
    Ok(())
}

/// Stores a set that a command has made in place of whatever the key held; nothing is stored where it is empty.
pub(super) fn put_result(d: &mut Data<'_>, key: &[u8], result: Zset, event: &'static str) {
    if result.is_empty() {
        d.keys.delete_result(key);
    } else {
        d.keys
            .set(key, New::Owned(result.into_value()), Deadline::Clear);
        d.keys.touch(key, Class::ZSET, event);
    }
}

fn zcount(d: &mut Data<'_>) -> Outcome {
    let span = scores(d.args.at(2), d.args.at(3))?;
    count(d, &span)
}

fn zlexcount(d: &mut Data<'_>) -> Outcome {
    let span = texts(d.args.at(2), d.args.at(3))?;
    count(d, &span)
}

fn count(d: &mut Data<'_>, span: &Span<'_>) -> Outcome {
    let set = d.keys.collection::<Zset>(d.args.at(1))?;
    d.reply.count(set.map_or(0, |set| set.ranks(span).len()));
    Ok(())
}

fn zremrangebyrank(d: &mut Data<'_>) -> Outcome {
    let start = arguments::integer(d.args.at(2))?;
    let end = arguments::integer(d.args.at(3))?;
    remove(d, "zremrangebyrank", |set| absolute(start, end, set.len()))
}

fn zremrangebyscore(d: &mut Data<'_>) -> Outcome {
    let span = scores(d.args.at(2), d.args.at(3))?;
    remove(d, "zremrangebyscore", |set| set.ranks(&span))
}

fn zremrangebylex(d: &mut Data<'_>) -> Outcome {
    let span = texts(d.args.at(2), d.args.at(3))?;
    remove(d, "zremrangebylex", |set| set.ranks(&span))
}

fn remove(
    d: &mut Data<'_>,
    event: &'static str,
    ranks: impl FnOnce(&Zset) -> Range<usize>,
) -> Outcome {
    let key = d.args.at(1);
    let (mut removed, mut emptied) = (0, false);
    if let Some(set) = d.keys.collection_mut::<Zset>(key)? {
        let ranks = ranks(set);
        removed = ranks.len();
        emptied = removed == set.len();
        // A set that goes as a whole need not be taken apart first.
        if !emptied {
            set.remove_ranks(ranks);
        }
    }
    settle(d, key, event, removed, emptied);
    d.reply.count(removed);
    Ok(())
}
