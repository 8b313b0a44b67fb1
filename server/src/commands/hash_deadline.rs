//! Commands on the deadlines of a hash's fields.

use crate::commands::arguments::{self, TimeUnit};
use crate::commands::hash;
use crate::data::hash::{Found, Hash};
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::args::Args;
use crate::resp::error::Error;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("hexpire", "7.4.0", Group::Hash, -6, Run::Data(hexpire))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("seconds", ArgKind::Integer),
            Arg::one_of(
                "condition",
                &[
                    Arg::word("nx", "NX"),
                    Arg::word("xx", "XX"),
                    Arg::word("gt", "GT"),
                    Arg::word("lt", "LT"),
                ],
            )
            .optional(),
            Arg::block(
                "fields",
                &[
                    Arg::new("numfields", ArgKind::Integer),
                    Arg::new("field", ArgKind::String).multiple(),
                ],
            )
            .token("FIELDS"),
        ])
        .summary(
            "Set expiry for hash field using relative time to expire \
             (seconds)",
        )
        .complexity("O(N) where N is the number of specified fields"),
    Command::new("hpexpire", "7.4.0", Group::Hash, -6, Run::Data(hpexpire))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("milliseconds", ArgKind::Integer),
            Arg::one_of(
                "condition",
                &[
                    Arg::word("nx", "NX"),
                    Arg::word("xx", "XX"),
                    Arg::word("gt", "GT"),
                    Arg::word("lt", "LT"),
                ],
            )
            .optional(),
            Arg::block(
                "fields",
                &[
                    Arg::new("numfields", ArgKind::Integer),
                    Arg::new("field", ArgKind::String).multiple(),
                ],
            )
            .token("FIELDS"),
        ])
        .summary(
            "Set expiry for hash field using relative time to expire \
             (milliseconds)",
        )
        .complexity("O(N) where N is the number of specified fields"),
    Command::new("hexpireat", "7.4.0", Group::Hash, -6, Run::Data(hexpireat))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("unix-time-seconds", ArgKind::UnixTime),
            Arg::one_of(
                "condition",
                &[
                    Arg::word("nx", "NX"),
                    Arg::word("xx", "XX"),
                    Arg::word("gt", "GT"),
                    Arg::word("lt", "LT"),
                ],
            )
            .optional(),
            Arg::block(
                "fields",
                &[
                    Arg::new("numfields", ArgKind::Integer),
                    Arg::new("field", ArgKind::String).multiple(),
                ],
            )
            .token("FIELDS"),
        ])
        .summary(
            "Set expiry for hash field using an absolute Unix timestamp \
             (seconds)",
        )
        .complexity("O(N) where N is the number of specified fields"),
    Command::new(
        "hpexpireat",
        "7.4.0",
        Group::Hash,
        -6,
        Run::Data(hpexpireat),
    )
    .flags(Flags::WRITE.union(Flags::FAST))
    .categories(Categories::HASH)
    .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("unix-time-milliseconds", ArgKind::UnixTime),
        Arg::one_of(
            "condition",
            &[
                Arg::word("nx", "NX"),
                Arg::word("xx", "XX"),
                Arg::word("gt", "GT"),
                Arg::word("lt", "LT"),
            ],
        )
        .optional(),
        Arg::block(
            "fields",
            &[
                Arg::new("numfields", ArgKind::Integer),
                Arg::new("field", ArgKind::String).multiple(),
            ],
        )
        .token("FIELDS"),
    ])
    .summary(
        "Set expiry for hash field using an absolute Unix timestamp \
         (milliseconds)",
    )
    .complexity("O(N) where N is the number of specified fields"),
    Command::new("httl", "7.4.0", Group::Hash, -5, Run::Data(httl))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::block(
                "fields",
                &[
                    Arg::new("numfields", ArgKind::Integer),
                    Arg::new("field", ArgKind::String).multiple(),
                ],
            )
            .token("FIELDS"),
        ])
        .summary("Returns the TTL in seconds of a hash field.")
        .complexity("O(N) where N is the number of specified fields")
        .tips(&["nondeterministic_output"]),
    Command::new("hpttl", "7.4.0", Group::Hash, -5, Run::Data(hpttl))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::block(
                "fields",
                &[
                    Arg::new("numfields", ArgKind::Integer),
                    Arg::new("field", ArgKind::String).multiple(),
                ],
            )
            .token("FIELDS"),
        ])
        .summary("Returns the TTL in milliseconds of a hash field.")
        .complexity("O(N) where N is the number of specified fields")
        .tips(&["nondeterministic_output"]),
    Command::new(
        "hexpiretime",
        "7.4.0",
        Group::Hash,
        -5,
        Run::Data(hexpiretime),
    )
    .flags(Flags::READONLY.union(Flags::FAST))
    .categories(Categories::HASH)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::block(
            "fields",
            &[
                Arg::new("numfields", ArgKind::Integer),
                Arg::new("field", ArgKind::String).multiple(),
            ],
        )
        .token("FIELDS"),
    ])
    .summary(
        "Returns the expiration time of a hash field as a Unix \
         timestamp, in seconds.",
    )
    .complexity("O(N) where N is the number of specified fields"),
    Command::new(
        "hpexpiretime",
        "7.4.0",
        Group::Hash,
        -5,
        Run::Data(hpexpiretime),
    )
    .flags(Flags::READONLY.union(Flags::FAST))
    .categories(Categories::HASH)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::block(
            "fields",
            &[
                Arg::new("numfields", ArgKind::Integer),
                Arg::new("field", ArgKind::String).multiple(),
            ],
        )
        .token("FIELDS"),
    ])
    .summary(
        "Returns the expiration time of a hash field as a Unix \
         timestamp, in msec.",
    )
    .complexity("O(N) where N is the number of specified fields"),
    Command::new("hpersist", "7.4.0", Group::Hash, -5, Run::Data(hpersist))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .args(&[
            Arg::key("key", 0),
            Arg::block(
                "fields",
                &[
                    Arg::new("numfields", ArgKind::Integer),
                    Arg::new("field", ArgKind::String).multiple(),
                ],
            )
            .token("FIELDS"),
        ])
        .summary("Removes the expiration time for each specified field")
        .complexity("O(N) where N is the number of specified fields"),
];

/// What is answered for a field that is not there, or has expired.
const NO_FIELD: i64 = -2;
/// What is answered for a field without a deadline.
const NO_DEADLINE: i64 = -1;

/// The latest deadline a field can have, in milliseconds.
const DEADLINE_MS_MAX: i64 = (1 << 46) - 1;

fn hexpire(d: &mut Data<'_>) -> Outcome {
    let base_ms = d.keys.now_ms;
    set_deadlines(d, TimeUnit::Seconds, base_ms, "hexpire")
}

fn hpexpire(d: &mut Data<'_>) -> Outcome {
    let base_ms = d.keys.now_ms;
    set_deadlines(d, TimeUnit::Milliseconds, base_ms, "hpexpire")
}

fn hexpireat(d: &mut Data<'_>) -> Outcome {
    set_deadlines(d, TimeUnit::Seconds, 0, "hexpireat")
}

fn hpexpireat(d: &mut Data<'_>) -> Outcome {
    set_deadlines(d, TimeUnit::Milliseconds, 0, "hpexpireat")
}

/// A time that a command is given for fields, as a moment in milliseconds; `base_ms` is what it counts from.
///
/// # Errors
/// `value is not an integer or out of range`, `invalid expire time, must be >= 0`, or that it is too late.
pub(super) fn deadline_ms(
    text: &[u8],
    unit: TimeUnit,
    base_ms: i64,
    command: &str,
) -> Result<i64, Error> {
    let time = arguments::integer(text)?;
    if time < 0 {
        return Err(Error::fixed("ERR invalid expire time, must be >= 0"));
    }
    unit.to_ms(time)
        .and_then(|ms| ms.checked_add(base_ms))
        .filter(|&at_ms| at_ms <= DEADLINE_MS_MAX)
        .ok_or_else(|| arguments::invalid_expire_time(command))
}

/// The fields behind `FIELDS numfields`, which must be at `index` and the last that is said.
///
/// # Errors
/// for `FIELDS` elsewhere, a number that is none or less than 1, and for more or fewer fields; the second in these words.
pub(super) fn fields<'a>(
    args: Args<'a>,
    index: usize,
    not_positive: Error,
) -> Result<impl ExactSizeIterator<Item = &'a [u8]> + use<'a>, Error> {
    if !args.is(index, "FIELDS") {
        return Err(Error::fixed(
            "ERR Mandatory argument FIELDS is missing or not at the right position",
        ));
    }
    let count = args.get(index + 1).unwrap_or_default();
    let count = arguments::integer(count).ok().filter(|&count| count > 0);
    let count = count.ok_or(not_positive)?;
    let fields = args.rest(index + 2);
    if fields.len() as i64 != count {
        return Err(Error::fixed(
            "ERR The `numfields` parameter must match the number of arguments",
        ));
    }
    Ok(fields)
}

/// What most commands say where the number of fields is none.
pub(super) const NOT_POSITIVE: Error =
    Error::fixed("ERR Number of fields must be a positive integer");

/// What must hold of a field's deadline for it to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    None,
    /// It has none.
    Nx,
    /// It has one.
    Xx,
    /// The new one is later; none at all is later than any.
    Gt,
    /// The new one is earlier.
    Lt,
}

impl Condition {
    fn allows(self, old_ms: Option<i64>, new_ms: i64) -> bool {
        match self {
            Condition::None => true,
            Condition::Nx => old_ms.is_none(),
            Condition::Xx => old_ms.is_some(),
            Condition::Gt => old_ms.is_some_and(|old_ms| new_ms > old_ms),
            Condition::Lt => old_ms.is_none_or(|old_ms| new_ms < old_ms),
        }
    }
}

/// Whether no other field of a hash expires before this one, as far as is known: a field that was given a new value may
/// still be expected to. Only then 8.2.3 looks anew at what expires next when a time in the past deletes the field.
pub(super) fn is_next(hash: &Hash, field: &[u8]) -> bool {
    let at_ms = hash.get(field).and_then(|found| found.expire_ms);
    at_ms.is_some_and(|at_ms| hash.expected_ms().is_none_or(|next_ms| at_ms <= next_ms))
}

/// HEXPIRE and its kin; `base_ms` is what the time given counts from.
fn set_deadlines(d: &mut Data<'_>, unit: TimeUnit, base_ms: i64, command: &str) -> Outcome {
    let (key, now_ms) = (d.args.at(1), d.keys.now_ms);
    let hash: Option<&mut Hash> = d.keys.collection_mut(key)?;
    let at_ms = deadline_ms(d.args.at(2), unit, base_ms, command)?;
    let words = [
        ("NX", Condition::Nx),
        ("XX", Condition::Xx),
        ("GT", Condition::Gt),
        ("LT", Condition::Lt),
    ];
    let word = words.iter().find(|(word, _)| d.args.is(3, word));
    let condition = word.map_or(Condition::None, |(_, condition)| *condition);
    let not_positive = Error::fixed("ERR Parameter `numFields` should be greater than 0");
    let fields = fields(d.args, 3 + usize::from(word.is_some()), not_positive)?;
    d.reply.array(fields.len());
    let Some(hash) = hash else {
        fields.for_each(|_| d.reply.int(NO_FIELD));
        return Ok(());
    };

    hash.make_mortal();
    let (mut changed, mut deleted, mut unsettled) = (0, 0, false);
    for field in fields {
        let answer = match hash.get(field) {
            None => NO_FIELD,
            Some(found) if !condition.allows(found.expire_ms, at_ms) => 0,
            Some(_) if at_ms <= now_ms => {
                unsettled |= is_next(hash, field);
                hash.remove(field);
                deleted += 1;
                2
            }
            Some(_) => {
                hash.set_deadline(field, Some(at_ms));
                changed += 1;
                1
            }
        };
        d.reply.int(answer);
    }
    if changed > 0 || unsettled {
        d.keys.expect_fields(key);
    }
    if changed > 0 {
        d.keys.touch_times(key, Class::HASH, "hexpire", changed);
    }
    if deleted > 0 {
        d.keys.touch_times(key, Class::HASH, "hdel", deleted);
        hash::drop_empty(d, key);
    }
    if changed + deleted == 0 {
        // No field has a deadline, but now each of them could.
        d.keys.reshaped(key);
    }
    Ok(())
}

fn httl(d: &mut Data<'_>) -> Outcome {
    let base_ms = d.keys.now_ms;
    reply_deadlines(d, TimeUnit::Seconds, base_ms)
}

fn hpttl(d: &mut Data<'_>) -> Outcome {
    let base_ms = d.keys.now_ms;
    reply_deadlines(d, TimeUnit::Milliseconds, base_ms)
}

fn hexpiretime(d: &mut Data<'_>) -> Outcome {
    reply_deadlines(d, TimeUnit::Seconds, 0)
}

fn hpexpiretime(d: &mut Data<'_>) -> Outcome {
    reply_deadlines(d, TimeUnit::Milliseconds, 0)
}

/// HTTL and its kin; `base_ms` is what the answer counts from.
fn reply_deadlines(d: &mut Data<'_>, unit: TimeUnit, base_ms: i64) -> Outcome {
    let now_ms = d.keys.now_ms;
    let hash: Option<&Hash> = d.keys.collection(d.args.at(1))?;
    let fields = fields(d.args, 2, NOT_POSITIVE)?;
    d.reply.array(fields.len());
    for field in fields {
        let found = hash.and_then(|hash| hash.get(field));
        d.reply.int(match deadline(found, now_ms) {
            Err(answer) => answer,
            Ok(at_ms) => match unit {
                // Rounded up, unlike the TTL of a key.
                TimeUnit::Seconds => (at_ms - base_ms + 999) / 1000,
                TimeUnit::Milliseconds => at_ms - base_ms,
            },
        });
    }
    Ok(())
}

/// The deadline of a field that has one and lives, or what is answered of another.
fn deadline(found: Option<Found<'_>>, now_ms: i64) -> Result<i64, i64> {
    found
        .filter(|found| !found.has_expired(now_ms))
        .ok_or(NO_FIELD)?
        .expire_ms
        .ok_or(NO_DEADLINE)
}

fn hpersist(d: &mut Data<'_>) -> Outcome {
    let (key, now_ms) = (d.args.at(1), d.keys.now_ms);
    let mut hash: Option<&mut Hash> = d.keys.collection_mut(key)?;
    let fields = fields(d.args, 2, NOT_POSITIVE)?;
    d.reply.array(fields.len());
    let mut changed = 0;
    for field in fields {
        let found = hash.as_ref().and_then(|hash| hash.get(field));
        let answer = match (deadline(found, now_ms), &mut hash) {
            (Ok(_), Some(hash)) => {
                hash.set_deadline(field, None);
                changed += 1;
                1
            }
            (Ok(_), None) => NO_FIELD,
            (Err(answer), _) => answer,
        };
        d.reply.int(answer);
    }
    if changed > 0 {
        d.keys.reduced(key, Class::HASH, "hpersist", changed, false);
    }
    Ok(())
}
