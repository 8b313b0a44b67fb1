//! Sorted sets made of others: unions, intersections and differences, of which plain sets may be a part.

use crate::commands::arguments;
use crate::commands::zrange::put_result;
use crate::commands::zset::{limits, write_pair};
use crate::data::set::Set;
use crate::data::zset::{Gathering, Zset};
use crate::engine::Data;
use crate::keyspace::db;
use crate::registry::command::{
    Arg, ArgKind, Begin, Categories, Command, Find, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::args::Args;
use crate::resp::error::Error;
use crate::text::doubles;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("zdiff", "6.2.0", Group::SortedSet, -3, Run::Data(zdiff))
        .flags(Flags::READONLY.union(Flags::MOVABLEKEYS))
        .categories(Categories::SORTEDSET)
        .keys(&[Keys {
            begin: Begin::Index(1),
            find: Find::KeyNum {
                numkeys: 0,
                first: 1,
                step: 1,
            },
            flags: KeyFlags::RO.union(KeyFlags::ACCESS),
            notes: None,
        }])
        .args(&[
            Arg::new("numkeys", ArgKind::Integer),
            Arg::key("key", 0).multiple(),
            Arg::word("withscores", "WITHSCORES").optional(),
        ])
        .summary("Returns the difference between multiple sorted sets.")
        .complexity(
            "O(L + (N-K)log(N)) worst case where L is the total number of \
             elements in all the sets, N is the size of the first set, and \
             K is the size of the result set.",
        ),
    Command::new(
        "zdiffstore",
        "6.2.0",
        Group::SortedSet,
        -4,
        Run::Data(zdiffstore),
    )
    .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::MOVABLEKEYS))
    .categories(Categories::SORTEDSET)
    .keys(&[
        Keys::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
        Keys {
            begin: Begin::Index(2),
            find: Find::KeyNum {
                numkeys: 0,
                first: 1,
                step: 1,
            },
            flags: KeyFlags::RO.union(KeyFlags::ACCESS),
            notes: None,
        },
    ])
    .args(&[
        Arg::key("destination", 0),
        Arg::new("numkeys", ArgKind::Integer),
        Arg::key("key", 1).multiple(),
    ])
    .summary("Stores the difference of multiple sorted sets in a key.")
    .complexity(
        "O(L + (N-K)log(N)) worst case where L is the total number of \
         elements in all the sets, N is the size of the first set, and \
         K is the size of the result set.",
    ),
    Command::new("zinter", "6.2.0", Group::SortedSet, -3, Run::Data(zinter))
        .flags(Flags::READONLY.union(Flags::MOVABLEKEYS))
        .categories(Categories::SORTEDSET)
        .keys(&[Keys {
            begin: Begin::Index(1),
            find: Find::KeyNum {
                numkeys: 0,
                first: 1,
                step: 1,
            },
            flags: KeyFlags::RO.union(KeyFlags::ACCESS),
            notes: None,
        }])
        .args(&[
            Arg::new("numkeys", ArgKind::Integer),
            Arg::key("key", 0).multiple(),
            Arg::new("weight", ArgKind::Integer)
                .token("WEIGHTS")
                .optional()
                .multiple(),
            Arg::one_of(
                "aggregate",
                &[
                    Arg::word("sum", "SUM"),
                    Arg::word("min", "MIN"),
                    Arg::word("max", "MAX"),
                ],
            )
            .token("AGGREGATE")
            .optional(),
            Arg::word("withscores", "WITHSCORES").optional(),
        ])
        .summary("Returns the intersect of multiple sorted sets.")
        .complexity(
            "O(N*K)+O(M*log(M)) worst case with N being the smallest input \
             sorted set, K being the number of input sorted sets and M \
             being the number of elements in the resulting sorted set.",
        ),
    Command::new(
        "zintercard",
        "7.0.0",
        Group::SortedSet,
        -3,
        Run::Data(zintercard),
    )
    .flags(Flags::READONLY.union(Flags::MOVABLEKEYS))
    .categories(Categories::SORTEDSET)
    .keys(&[Keys {
        begin: Begin::Index(1),
        find: Find::KeyNum {
            numkeys: 0,
            first: 1,
            step: 1,
        },
        flags: KeyFlags::RO.union(KeyFlags::ACCESS),
        notes: None,
    }])
    .args(&[
        Arg::new("numkeys", ArgKind::Integer),
        Arg::key("key", 0).multiple(),
        Arg::new("limit", ArgKind::Integer)
            .token("LIMIT")
            .optional(),
    ])
    .summary(
        "Returns the number of members of the intersect of multiple \
         sorted sets.",
    )
    .complexity(
        "O(N*K) worst case with N being the smallest input sorted set, \
         K being the number of input sorted sets.",
    ),
    Command::new(
        "zinterstore",
        "2.0.0",
        Group::SortedSet,
        -4,
        Run::Data(zinterstore),
    )
    .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::MOVABLEKEYS))
    .categories(Categories::SORTEDSET)
    .keys(&[
        Keys::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
        Keys {
            begin: Begin::Index(2),
            find: Find::KeyNum {
                numkeys: 0,
                first: 1,
                step: 1,
            },
            flags: KeyFlags::RO.union(KeyFlags::ACCESS),
            notes: None,
        },
    ])
    .args(&[
        Arg::key("destination", 0),
        Arg::new("numkeys", ArgKind::Integer),
        Arg::key("key", 1).multiple(),
        Arg::new("weight", ArgKind::Integer)
            .token("WEIGHTS")
            .optional()
            .multiple(),
        Arg::one_of(
            "aggregate",
            &[
                Arg::word("sum", "SUM"),
                Arg::word("min", "MIN"),
                Arg::word("max", "MAX"),
            ],
        )
        .token("AGGREGATE")
        .optional(),
    ])
    .summary("Stores the intersect of multiple sorted sets in a key.")
    .complexity(
        "O(N*K)+O(M*log(M)) worst case with N being the smallest input \
         sorted set, K being the number of input sorted sets and M \
         being the number of elements in the resulting sorted set.",
    ),
    Command::new("zunion", "6.2.0", Group::SortedSet, -3, Run::Data(zunion))
        .flags(Flags::READONLY.union(Flags::MOVABLEKEYS))
        .categories(Categories::SORTEDSET)
        .keys(&[Keys {
            begin: Begin::Index(1),
            find: Find::KeyNum {
                numkeys: 0,
                first: 1,
                step: 1,
            },
            flags: KeyFlags::RO.union(KeyFlags::ACCESS),
            notes: None,
        }])
        .args(&[
            Arg::new("numkeys", ArgKind::Integer),
            Arg::key("key", 0).multiple(),
            Arg::new("weight", ArgKind::Integer)
                .token("WEIGHTS")
                .optional()
                .multiple(),
            Arg::one_of(
                "aggregate",
                &[
                    Arg::word("sum", "SUM"),
                    Arg::word("min", "MIN"),
                    Arg::word("max", "MAX"),
                ],
            )
            .token("AGGREGATE")
            .optional(),
            Arg::word("withscores", "WITHSCORES").optional(),
        ])
        .summary("Returns the union of multiple sorted sets.")
        .complexity(
            "O(N)+O(M*log(M)) with N being the sum of the sizes of the \
             input sorted sets, and M being the number of elements in the \
             resulting sorted set.",
        ),
    Command::new(
        "zunionstore",
        "2.0.0",
        Group::SortedSet,
        -4,
        Run::Data(zunionstore),
    )
    .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::MOVABLEKEYS))
    .categories(Categories::SORTEDSET)
    .keys(&[
        Keys::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
        Keys {
            begin: Begin::Index(2),
            find: Find::KeyNum {
                numkeys: 0,
                first: 1,
                step: 1,
            },
            flags: KeyFlags::RO.union(KeyFlags::ACCESS),
            notes: None,
        },
    ])
    .args(&[
        Arg::key("destination", 0),
        Arg::new("numkeys", ArgKind::Integer),
        Arg::key("key", 1).multiple(),
        Arg::new("weight", ArgKind::Integer)
            .token("WEIGHTS")
            .optional()
            .multiple(),
        Arg::one_of(
            "aggregate",
            &[
                Arg::word("sum", "SUM"),
                Arg::word("min", "MIN"),
                Arg::word("max", "MAX"),
            ],
        )
        .token("AGGREGATE")
        .optional(),
    ])
    .summary("Stores the union of multiple sorted sets in a key.")
    .complexity(
        "O(N)+O(M log(M)) with N being the sum of the sizes of the \
         input sorted sets, and M being the number of elements in the \
         resulting sorted set.",
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Inter,
    Diff,
}

/// What becomes of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Show,
    /// Under the key in front of the number of keys, with this event.
    Store(&'static str),
    Count,
}

/// What the scores of a member in several sets make together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn merge(self, had: f64, score: f64) -> f64 {
        match self {
            // Of infinities with different signs nothing is left.
            Aggregate::Sum => not_nan(had + score),
            Aggregate::Min if score < had => score,
            Aggregate::Max if score > had => score,
            Aggregate::Min | Aggregate::Max => had,
        }
    }
}

fn not_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

fn zunion(d: &mut Data<'_>) -> Outcome {
    combine(d, "zunion", Operation::Union, Use::Show)
}

fn zunionstore(d: &mut Data<'_>) -> Outcome {
    let name = "zunionstore";
    combine(d, name, Operation::Union, Use::Store(name))
}

fn zinter(d: &mut Data<'_>) -> Outcome {
    combine(d, "zinter", Operation::Inter, Use::Show)
}

fn zinterstore(d: &mut Data<'_>) -> Outcome {
    let name = "zinterstore";
    combine(d, name, Operation::Inter, Use::Store(name))
}

fn zintercard(d: &mut Data<'_>) -> Outcome {
    combine(d, "zintercard", Operation::Inter, Use::Count)
}

fn zdiff(d: &mut Data<'_>) -> Outcome {
    combine(d, "zdiff", Operation::Diff, Use::Show)
}

fn zdiffstore(d: &mut Data<'_>) -> Outcome {
    let name = "zdiffstore";
    combine(d, name, Operation::Diff, Use::Store(name))
}

/// A set to be combined; a missing key is an empty one.
#[derive(Clone, Copy)]
enum Source<'a> {
    Missing,
    Zset(&'a Zset),
    /// A plain set, whose members all count as 1.
    Set(&'a Set),
}

impl<'a> Source<'a> {
    /// The set under a key that was looked at before.
    ///
    /// # Errors
    /// WRONGTYPE where it holds no set of any kind.
    fn of(keys: &'a db::Keys<'_>, key: &[u8]) -> Result<Source<'a>, Error> {
        let Some(entry) = keys.again(key) else {
            return Ok(Source::Missing);
        };
        let value = entry.value();
        let zset = value.collection::<Zset>().map(Source::Zset);
        let set = zset.or_else(|| value.collection::<Set>().map(Source::Set));
        set.ok_or(Error::WRONG_TYPE)
    }

    fn len(&self) -> usize {
        match self {
            Source::Missing => 0,
            Source::Zset(set) => set.len(),
            Source::Set(set) => set.len(),
        }
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Source::Missing => None,
            Source::Zset(set) => set.score(member),
            Source::Set(set) => set.contains(member).then_some(1.0),
        }
    }

    /// Shows `emit` the members until it answers that it has seen enough.
    fn walk(&self, mut emit: impl FnMut(&[u8], f64) -> bool) {
        match self {
            Source::Missing => {}
            Source::Zset(set) => {
                for (member, score) in set.iter(0..set.len()) {
                    if !emit(member.bytes(&mut itoa::Buffer::new()), score) {
                        break;
                    }
                }
            }
            Source::Set(set) => {
                for member in set.iter() {
                    if !emit(member.bytes(&mut itoa::Buffer::new()), 1.0) {
                        break;
                    }
                }
            }
        }
    }
}

/// What follows the keys.
struct Options {
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// Where counting ends; 0 is nowhere.
    limit: usize,
}

impl Options {
    /// # Errors
    /// `syntax error`, or what is wrong with a number.
    fn from_args(
        args: Args<'_>,
        first: usize,
        numkeys: usize,
        operation: Operation,
        result: Use,
    ) -> Result<Options, Error> {
        let mut options = Options {
            weights: vec![1.0; numkeys],
            aggregate: Aggregate::Sum,
            with_scores: false,
            limit: 0,
        };
        let weighs = operation != Operation::Diff && result != Use::Count;
        let mut index = first;
        while index < args.len() {
            let words = args.len() - index;
            if weighs && words > numkeys && args.is(index, "WEIGHTS") {
                for (weight, text) in options.weights.iter_mut().zip(args.rest(index + 1)) {
                    *weight = doubles::parse_double(text)
                        .ok_or(Error::fixed("ERR weight value is not a float"))?;
                }
                index += 1 + numkeys;
            } else if weighs && words >= 2 && args.is(index, "AGGREGATE") {
                options.aggregate = if args.is(index + 1, "SUM") {
                    Aggregate::Sum
                } else if args.is(index + 1, "MIN") {
                    Aggregate::Min
                } else if args.is(index + 1, "MAX") {
                    Aggregate::Max
                } else {
                    return Err(Error::SYNTAX);
                };
                index += 2;
            } else if result == Use::Show && args.is(index, "WITHSCORES") {
                options.with_scores = true;
                index += 1;
            } else if result == Use::Count && words >= 2 && args.is(index, "LIMIT") {
                let limit = arguments::positive(args.at(index + 1));
                let limit = limit.map_err(|_| Error::fixed("ERR LIMIT can't be negative"))?;
                options.limit = usize::try_from(limit).unwrap_or(usize::MAX);
                index += 2;
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(options)
    }
}

fn combine(d: &mut Data<'_>, name: &str, operation: Operation, result: Use) -> Outcome {
    let numkeys_at = match result {
        Use::Store(_) => 2,
        Use::Show | Use::Count => 1,
    };
    let numkeys = arguments::integer(d.args.at(numkeys_at))?;
    if numkeys < 1 {
        return Err(Error::new(format!(
            "ERR at least 1 input key is needed for '{name}' command"
        )));
    }
    let first = numkeys_at + 1;
    let numkeys = usize::try_from(numkeys)
        .ok()
        .filter(|&count| count <= d.args.len() - first)
        .ok_or(Error::SYNTAX)?;
    let limits = limits(d);
    for key in d.args.rest(first).take(numkeys) {
        d.keys.read(key);
        Source::of(&d.keys, key)?;
    }
    let options = Options::from_args(d.args, first + numkeys, numkeys, operation, result)?;
    let keys = d.args.rest(first).take(numkeys);
    let mut sources = keys
        .map(|key| Source::of(&d.keys, key))
        .zip(options.weights.iter().copied())
        .map(|(source, weight)| Ok((source?, weight)))
        .collect::<Result<Vec<_>, Error>>()?;
    if operation != Operation::Diff {
        // The order decides in which order scores are added up, which can be seen in their last digits.
        sources.sort_by_key(|(source, _)| source.len());
    }

    if result == Use::Count {
        let mut count = 0;
        intersect(&sources, options.aggregate, |_, _| {
            count += 1;
            count != options.limit
        });
        d.reply.count(count);
        return Ok(());
    }
    let mut gathering = Gathering::new(limits.seed);
    match operation {
        Operation::Union => {
            for (source, weight) in &sources {
                source.walk(|member, score| {
                    gathering.add(member, not_nan(weight * score), |had, score| {
                        options.aggregate.merge(had, score)
                    });
                    true
                });
            }
        }
        Operation::Inter => intersect(&sources, options.aggregate, |member, score| {
            gathering.add(member, score, |had, _| had);
            true
        }),
        Operation::Diff => {
            let (from, rest) = (sources[0].0, &sources[1..]);
            from.walk(|member, score| {
                if rest.iter().all(|(other, _)| other.score(member).is_none()) {
                    gathering.add(member, score, |had, _| had);
                }
                true
            });
        }
    }
    let mut set = gathering.finish();
    let len = set.len();
    if let Use::Store(event) = result {
        set.compact(&limits);
        put_result(d, d.args.at(1), set, event);
        d.reply.count(len);
        return Ok(());
    }
    if options.with_scores {
        d.reply.pairs(len);
    } else {
        d.reply.array(len);
    }
    for pair in set.iter(0..len) {
        write_pair(&mut d.reply, pair, options.with_scores);
    }
    Ok(())
}

/// Shows `emit` the members that all sources have, of which the first is the smallest, until it has seen enough.
fn intersect(
    sources: &[(Source<'_>, f64)],
    aggregate: Aggregate,
    mut emit: impl FnMut(&[u8], f64) -> bool,
) {
    let Some(((smallest, weight), others)) = sources.split_first() else {
        return;
    };
    smallest.walk(|member, score| {
        let mut total = not_nan(weight * score);
        for (other, weight) in others {
            let Some(score) = other.score(member) else {
                return true;
            };
            total = aggregate.merge(total, weight * score);
        }
        emit(member, total)
    });
}
