//! Commands on the deadlines of keys.

use crate::commands::arguments::{self, TimeUnit};
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::error::Error;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("expire", "1.0.0", Group::Generic, -3, Run::Data(expire))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::KEYSPACE)
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
            .since("7.0.0")
            .optional(),
        ])
        .summary("Sets the expiration time of a key in seconds.")
        .complexity("O(1)")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")]),
    Command::new("pexpire", "2.6.0", Group::Generic, -3, Run::Data(pexpire))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::KEYSPACE)
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
            .since("7.0.0")
            .optional(),
        ])
        .summary("Sets the expiration time of a key in milliseconds.")
        .complexity("O(1)")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")]),
    Command::new("expireat", "1.2.0", Group::Generic, -3, Run::Data(expireat))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::KEYSPACE)
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
            .since("7.0.0")
            .optional(),
        ])
        .summary("Sets the expiration time of a key to a Unix timestamp.")
        .complexity("O(1)")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")]),
    Command::new(
        "pexpireat",
        "2.6.0",
        Group::Generic,
        -3,
        Run::Data(pexpireat),
    )
    .flags(Flags::WRITE.union(Flags::FAST))
    .categories(Categories::KEYSPACE)
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
        .since("7.0.0")
        .optional(),
    ])
    .summary(
        "Sets the expiration time of a key to a Unix milliseconds \
         timestamp.",
    )
    .complexity("O(1)")
    .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")]),
    Command::new("persist", "2.2.0", Group::Generic, 2, Run::Data(persist))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .args(&[Arg::key("key", 0)])
        .summary("Removes the expiration time of a key.")
        .complexity("O(1)"),
    Command::new("ttl", "1.0.0", Group::Generic, 2, Run::Data(ttl))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0)])
        .summary("Returns the expiration time in seconds of a key.")
        .complexity("O(1)")
        .history(&[("2.8.0", "Added the -2 reply.")])
        .tips(&["nondeterministic_output"]),
    Command::new("pttl", "2.6.0", Group::Generic, 2, Run::Data(pttl))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0)])
        .summary("Returns the expiration time in milliseconds of a key.")
        .complexity("O(1)")
        .history(&[("2.8.0", "Added the -2 reply.")])
        .tips(&["nondeterministic_output"]),
    Command::new(
        "expiretime",
        "7.0.0",
        Group::Generic,
        2,
        Run::Data(expiretime),
    )
    .flags(Flags::READONLY.union(Flags::FAST))
    .categories(Categories::KEYSPACE)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[Arg::key("key", 0)])
    .summary("Returns the expiration time of a key as a Unix timestamp.")
    .complexity("O(1)"),
    Command::new(
        "pexpiretime",
        "7.0.0",
        Group::Generic,
        2,
        Run::Data(pexpiretime),
    )
    .flags(Flags::READONLY.union(Flags::FAST))
    .categories(Categories::KEYSPACE)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[Arg::key("key", 0)])
    .summary(
        "Returns the expiration time of a key as a Unix milliseconds \
         timestamp.",
    )
    .complexity("O(1)"),
];

fn expire(d: &mut Data<'_>) -> Outcome {
    let base_ms = d.keys.now_ms;
    set_deadline(d, TimeUnit::Seconds, base_ms, "expire")
}

fn pexpire(d: &mut Data<'_>) -> Outcome {
    let base_ms = d.keys.now_ms;
    set_deadline(d, TimeUnit::Milliseconds, base_ms, "pexpire")
}

fn expireat(d: &mut Data<'_>) -> Outcome {
    set_deadline(d, TimeUnit::Seconds, 0, "expireat")
}

fn pexpireat(d: &mut Data<'_>) -> Outcome {
    set_deadline(d, TimeUnit::Milliseconds, 0, "pexpireat")
}

/// What must hold of a key's deadline for it to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Conditions {
    /// NX: it has none.
    none: bool,
    /// XX: it has one.
    some: bool,
    /// GT: the new one is later; none at all is later than any.
    later: bool,
    /// LT: the new one is earlier.
    earlier: bool,
}

impl Conditions {
    /// Reads the options of EXPIRE and its kin.
    ///
    /// # Errors
    /// for a word that is none, then for words that exclude each other.
    fn from_args(d: &Data<'_>) -> Result<Conditions, Error> {
        let mut conditions = Conditions::default();
        for (index, arg) in d.args.iter().enumerate().skip(3) {
            if d.args.is(index, "NX") {
                conditions.none = true;
            } else if d.args.is(index, "XX") {
                conditions.some = true;
            } else if d.args.is(index, "GT") {
                conditions.later = true;
            } else if d.args.is(index, "LT") {
                conditions.earlier = true;
            } else {
                // Redis formats it as a C string.
                let word = arg.split(|&b| b == 0).next().unwrap_or_default();
                return Err(Error::new([b"ERR Unsupported option ", word].concat()));
            }
        }
        if conditions.none && (conditions.some || conditions.later || conditions.earlier) {
            return Err(Error::fixed(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if conditions.later && conditions.earlier {
            return Err(Error::fixed(
                "ERR GT and LT options at the same time are not compatible",
            ));
        }
        Ok(conditions)
    }

    fn allow(self, old_ms: Option<i64>, new_ms: i64) -> bool {
        match old_ms {
            None => !self.some && !self.later,
            Some(old_ms) => {
                !self.none && (!self.later || new_ms > old_ms) && (!self.earlier || new_ms < old_ms)
            }
        }
    }
}

/// EXPIRE and its kin; `base_ms` is what the time given counts from.
fn set_deadline(d: &mut Data<'_>, unit: TimeUnit, base_ms: i64, command: &str) -> Outcome {
    let key = d.args.at(1);
    let conditions = Conditions::from_args(d)?;
    let time = arguments::integer(d.args.at(2))?;
    let expire_ms = unit
        .to_ms(time)
        .and_then(|ms| ms.checked_add(base_ms))
        .ok_or_else(|| arguments::invalid_expire_time(command))?;
    let allowed = d
        .keys
        .edit(key)
        .is_some_and(|entry| conditions.allow(entry.expire_ms(), expire_ms));
    if allowed {
        if expire_ms <= d.keys.now_ms {
            // A deadline in the past deletes at once, and what is heard of it is a deletion, not an expiry.
            d.keys.delete(key);
        } else {
            d.keys.set_deadline(key, Some(expire_ms));
            d.keys.touch(key, Class::GENERIC, "expire");
        }
    }
    d.reply.flag(allowed);
    Ok(())
}

fn persist(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let mortal = d
        .keys
        .edit(key)
        .is_some_and(|entry| entry.expire_ms().is_some());
    if mortal {
        d.keys.set_deadline(key, None);
        d.keys.touch(key, Class::GENERIC, "persist");
    }
    d.reply.flag(mortal);
    Ok(())
}

fn ttl(d: &mut Data<'_>) -> Outcome {
    let now_ms = d.keys.now_ms;
    reply_deadline(d, |at| to_seconds(at - now_ms))
}

fn pttl(d: &mut Data<'_>) -> Outcome {
    let now_ms = d.keys.now_ms;
    reply_deadline(d, |at| at - now_ms)
}

fn expiretime(d: &mut Data<'_>) -> Outcome {
    reply_deadline(d, to_seconds)
}

fn pexpiretime(d: &mut Data<'_>) -> Outcome {
    reply_deadline(d, |at| at)
}

/// Answers a key's deadline as `show` says; -1 if it has none, -2 if there is no such key.
fn reply_deadline(d: &mut Data<'_>, show: impl FnOnce(i64) -> i64) -> Outcome {
    let shown = match d.keys.look(d.args.at(1)) {
        None => -2,
        // A key whose deadline has passed is gone, so no difference is negative.
        Some(entry) => entry.expire_ms().map_or(-1, show),
    };
    d.reply.int(shown);
    Ok(())
}

/// To the nearest second; half a second counts as a whole one.
fn to_seconds(ms: i64) -> i64 {
    // The sum of the largest deadline and 500 fits 64 bits only without a sign; the quotient fits again.
    (ms.cast_unsigned().wrapping_add(500) / 1000).cast_signed()
}
