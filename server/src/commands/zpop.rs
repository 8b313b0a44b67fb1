//! Taking the members with the lowest or the highest scores out of sorted sets.

use std::ops::Range;

use crate::commands::arguments;
use crate::commands::zset::{write_member, write_pair};
use crate::data::listpack::Item;
use crate::data::zset::Zset;
use crate::engine::{Block, Data, Flow, Nil};
use crate::keyspace::changes::Class;
use crate::registry::command::{
    Arg, ArgKind, Begin, Categories, Command, Find, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::args::Args;
use crate::resp::error::Error;
use crate::resp::reply::Reply;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "bzmpop",
        "7.0.0",
        Group::SortedSet,
        -5,
        Run::Blocking(bzmpop),
    )
    .flags(
        Flags::WRITE
            .union(Flags::BLOCKING)
            .union(Flags::MOVABLEKEYS),
    )
    .categories(Categories::SORTEDSET)
    .keys(&[Keys {
        begin: Begin::Index(2),
        find: Find::KeyNum {
            numkeys: 0,
            first: 1,
            step: 1,
        },
        flags: KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
        notes: None,
    }])
    .args(&[
        Arg::new("timeout", ArgKind::Double),
        Arg::new("numkeys", ArgKind::Integer),
        Arg::key("key", 0).multiple(),
        Arg::one_of("where", &[Arg::word("min", "MIN"), Arg::word("max", "MAX")]),
        Arg::new("count", ArgKind::Integer)
            .token("COUNT")
            .optional(),
    ])
    .summary(
        "Removes and returns a member by score from one or more sorted \
             sets. Blocks until a member is available otherwise. Deletes \
             the sorted set if the last element was popped.",
    )
    .complexity(
        "O(K) + O(M*log(N)) where K is the number of provided keys, N \
             being the number of elements in the sorted set, and M being \
             the number of elements popped.",
    ),
    Command::new(
        "bzpopmax",
        "5.0.0",
        Group::SortedSet,
        -3,
        Run::Blocking(bzpopmax),
    )
    .flags(Flags::WRITE.union(Flags::BLOCKING).union(Flags::FAST))
    .categories(Categories::SORTEDSET)
    .keys(&[Keys::range(
        1,
        -2,
        1,
        KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
    )])
    .args(&[
        Arg::key("key", 0).multiple(),
        Arg::new("timeout", ArgKind::Double),
    ])
    .summary(
        "Removes and returns the member with the highest score from one \
         or more sorted sets. Blocks until a member available \
         otherwise.  Deletes the sorted set if the last element was \
         popped.",
    )
    .complexity(
        "O(log(N)) with N being the number of elements in the sorted \
         set.",
    )
    .history(&[(
        "6.0.0",
        "`timeout` is interpreted as a double instead of an integer.",
    )]),
    Command::new(
        "bzpopmin",
        "5.0.0",
        Group::SortedSet,
        -3,
        Run::Blocking(bzpopmin),
    )
    .flags(Flags::WRITE.union(Flags::BLOCKING).union(Flags::FAST))
    .categories(Categories::SORTEDSET)
    .keys(&[Keys::range(
        1,
        -2,
        1,
        KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
    )])
    .args(&[
        Arg::key("key", 0).multiple(),
        Arg::new("timeout", ArgKind::Double),
    ])
    .summary(
        "Removes and returns the member with the lowest score from one \
         or more sorted sets. Blocks until a member is available \
         otherwise. Deletes the sorted set if the last element was \
         popped.",
    )
    .complexity(
        "O(log(N)) with N being the number of elements in the sorted \
         set.",
    )
    .history(&[(
        "6.0.0",
        "`timeout` is interpreted as a double instead of an integer.",
    )]),
    Command::new("zpopmax", "5.0.0", Group::SortedSet, -2, Run::Data(zpopmax))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::SORTEDSET)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
        )])
        .args(&[
            Arg::key("key", 0),
            Arg::new("count", ArgKind::Integer).optional(),
        ])
        .summary(
            "Returns the highest-scoring members from a sorted set after \
             removing them. Deletes the sorted set if the last member was \
             popped.",
        )
        .complexity(
            "O(log(N)*M) with N being the number of elements in the sorted \
             set, and M being the number of elements popped.",
        ),
    Command::new("zpopmin", "5.0.0", Group::SortedSet, -2, Run::Data(zpopmin))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::SORTEDSET)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
        )])
        .args(&[
            Arg::key("key", 0),
            Arg::new("count", ArgKind::Integer).optional(),
        ])
        .summary(
            "Returns the lowest-scoring members from a sorted set after \
             removing them. Deletes the sorted set if the last member was \
             popped.",
        )
        .complexity(
            "O(log(N)*M) with N being the number of elements in the sorted \
             set, and M being the number of elements popped.",
        ),
    Command::new("zmpop", "7.0.0", Group::SortedSet, -4, Run::Data(zmpop))
        .flags(Flags::WRITE.union(Flags::MOVABLEKEYS))
        .categories(Categories::SORTEDSET)
        .keys(&[Keys {
            begin: Begin::Index(1),
            find: Find::KeyNum {
                numkeys: 0,
                first: 1,
                step: 1,
            },
            flags: KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
            notes: None,
        }])
        .args(&[
            Arg::new("numkeys", ArgKind::Integer),
            Arg::key("key", 0).multiple(),
            Arg::one_of("where", &[Arg::word("min", "MIN"), Arg::word("max", "MAX")]),
            Arg::new("count", ArgKind::Integer)
                .token("COUNT")
                .optional(),
        ])
        .summary(
            "Returns the highest- or lowest-scoring members from one or \
             more sorted sets after removing them. Deletes the sorted set \
             if the last member was popped.",
        )
        .complexity(
            "O(K) + O(M*log(N)) where K is the number of provided keys, N \
             being the number of elements in the sorted set, and M being \
             the number of elements popped.",
        ),
];

/// Which end of a set is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Min,
    Max,
}

impl End {
    fn event(self) -> &'static str {
        match self {
            End::Min => "zpopmin",
            End::Max => "zpopmax",
        }
    }
}

fn zpopmin(d: &mut Data<'_>) -> Outcome {
    pop_one_key(d, End::Min)
}

fn zpopmax(d: &mut Data<'_>) -> Outcome {
    pop_one_key(d, End::Max)
}

fn pop_one_key(d: &mut Data<'_>, end: End) -> Outcome {
    if d.args.len() > 3 {
        return Err(Error::SYNTAX);
    }
    let count = d.args.get(2).map(arguments::positive).transpose()?;
    let key = d.args.at(1);
    let len = d
        .keys
        .collection_mut::<Zset>(key)?
        .map_or(0, |set| set.len());
    let count = count.map(|count| usize::try_from(count).unwrap_or(usize::MAX).min(len));
    match count {
        _ if len == 0 => d.reply.array(0),
        Some(0) => d.reply.array(0),
        Some(count) => {
            d.reply.pairs(count);
            pop(d, key, end, count, |reply, pair| {
                write_pair(reply, pair, true);
            })?;
        }
        // Without a count even RESP3 has the one pair as it is.
        None => {
            d.reply.array(2);
            pop(d, key, end, 1, write_flat)?;
        }
    }
    Ok(())
}

/// A member and its score, in no array of their own.
fn write_flat(reply: &mut Reply<'_>, (member, score): (Item<'_>, f64)) {
    write_member(reply, member);
    reply.double(score);
}

/// Takes members out of a set that is there, and shows them; there are as many as are taken.
fn pop(
    d: &mut Data<'_>,
    key: &[u8],
    end: End,
    count: usize,
    write: impl Fn(&mut Reply<'_>, (Item<'_>, f64)),
) -> Outcome {
    let Some(set) = d.keys.collection_mut::<Zset>(key)? else {
        return Ok(());
    };
    let ranks = match end {
        End::Min => 0..count,
        End::Max => set.len() - count..set.len(),
    };
    let members = set.iter(ranks.clone());
    match end {
        End::Min => members.for_each(|pair| write(&mut d.reply, pair)),
        End::Max => members.rev().for_each(|pair| write(&mut d.reply, pair)),
    }
    set.remove_ranks(ranks);
    let emptied = set.is_empty();
    d.keys
        .reduced(key, Class::ZSET, end.event(), count, emptied);
    Ok(())
}

/// What ZMPOP and BZMPOP are asked for.
struct Request {
    /// Where the keys stand.
    keys: Range<usize>,
    end: End,
    count: usize,
}

impl Request {
    /// Reads everything from the number of keys on.
    ///
    /// # Errors
    /// `numkeys should be greater than 0`, `count should be greater than 0` or `syntax error`
    fn from_args(args: Args<'_>, numkeys_at: usize) -> Result<Request, Error> {
        let numkeys =
            arguments::at_least_one(args.at(numkeys_at), "ERR numkeys should be greater than 0")?;
        let first = numkeys_at + 1;
        let end_at = first.saturating_add(numkeys);
        let end = if args.is(end_at, "MIN") {
            End::Min
        } else if args.is(end_at, "MAX") {
            End::Max
        } else {
            return Err(Error::SYNTAX);
        };
        let count = match args.len() - end_at {
            1 => 1,
            _ if !args.is(end_at + 1, "COUNT") || args.get(end_at + 2).is_none() => {
                return Err(Error::SYNTAX);
            }
            words => {
                let count = arguments::at_least_one(
                    args.at(end_at + 2),
                    "ERR count should be greater than 0",
                )?;
                if words > 3 {
                    return Err(Error::SYNTAX);
                }
                count
            }
        };
        Ok(Request {
            keys: first..end_at,
            end,
            count,
        })
    }
}

fn zmpop(d: &mut Data<'_>) -> Outcome {
    let request = Request::from_args(d.args, 1)?;
    match first_set(d, request.keys.clone())? {
        Some((key, len)) => pop_many(d, key, len, &request)?,
        None => d.reply.null_array(),
    }
    Ok(())
}

/// The first of these keys that exists, and how many members it has.
///
/// # Errors
/// WRONGTYPE if that is no sorted set.
fn first_set<'a>(d: &mut Data<'a>, keys: Range<usize>) -> Result<Option<(&'a [u8], usize)>, Error> {
    for key in d.args.rest(keys.start).take(keys.len()) {
        if let Some(set) = d.keys.collection_mut::<Zset>(key)? {
            return Ok(Some((key, set.len())));
        }
    }
    Ok(None)
}

/// Takes as many of a set's members as are asked for, and answers with them.
fn pop_many(d: &mut Data<'_>, key: &[u8], len: usize, request: &Request) -> Outcome {
    let count = request.count.min(len);
    d.reply.array(2);
    d.reply.bulk(key);
    d.reply.array(count);
    pop(d, key, request.end, count, |reply, pair| {
        reply.array(2);
        write_flat(reply, pair);
    })
}

/// Has the client wait for one of these keys to become a sorted set.
fn wait(keys: Range<usize>, until_us: Option<u64>) -> Flow {
    Flow::Block(Block {
        keys,
        wanted: "zset",
        until_us,
        refusal: Nil::Array,
    })
}

fn bzpopmin(d: &mut Data<'_>) -> Result<Flow, Error> {
    blocking_pop(d, End::Min)
}

fn bzpopmax(d: &mut Data<'_>) -> Result<Flow, Error> {
    blocking_pop(d, End::Max)
}

fn blocking_pop(d: &mut Data<'_>, end: End) -> Result<Flow, Error> {
    let last = d.args.len() - 1;
    let until_us = arguments::waits_until_us(d.args.at(last), d.now)?;
    let Some((key, _)) = first_set(d, 1..last)? else {
        return Ok(wait(1..last, until_us));
    };
    // A look to see whether it has to wait, and one to take.
    d.keys.look_anew();
    d.reply.array(3);
    d.reply.bulk(key);
    pop(d, key, end, 1, write_flat)?;
    Ok(Flow::Done)
}

fn bzmpop(d: &mut Data<'_>) -> Result<Flow, Error> {
    let request = Request::from_args(d.args, 2)?;
    let until_us = arguments::waits_until_us(d.args.at(1), d.now)?;
    let Some((key, len)) = first_set(d, request.keys.clone())? else {
        return Ok(wait(request.keys, until_us));
    };
    d.keys.look_anew();
    pop_many(d, key, len, &request)?;
    Ok(Flow::Done)
}
