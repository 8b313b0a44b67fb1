//! Values as bytes that another server takes: DUMP and RESTORE. The bytes are the business of `rdb`.

use crate::commands::{arguments, hash, list, set, zset};
use crate::engine::Data;
use crate::keyspace::access::{self, Mode};
use crate::keyspace::changes::Class;
use crate::keyspace::db::Deadline;
use crate::rdb::{self, Limits};
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::error::Error;

const BUSY_KEY: Error = Error::fixed("BUSYKEY Target key name already exists.");
const INVALID_TTL: Error = Error::fixed("ERR Invalid TTL value, must be >= 0");
const INVALID_IDLE_TIME: Error = Error::fixed("ERR Invalid IDLETIME value, must be >= 0");
const INVALID_FREQUENCY: Error = Error::fixed("ERR Invalid FREQ value, must be >= 0 and <= 255");

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("dump", "2.6.0", Group::Generic, 2, Run::Data(dump))
        .flags(Flags::READONLY)
        .categories(Categories::KEYSPACE)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0)])
        .summary(
            "Returns a serialized representation of the value stored at a \
             key.",
        )
        .complexity(
            "O(1) to access the key and additional O(N*M) to serialize it, \
             where N is the number of Redis objects composing the value and \
             M their average size. For small string values the time \
             complexity is thus O(1)+O(1*M) where M is small, so simply \
             O(1).",
        )
        .tips(&["nondeterministic_output"]),
    Command::new("restore", "2.6.0", Group::Generic, -4, Run::Data(restore))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::KEYSPACE.union(Categories::DANGEROUS))
        .keys(&[Keys::one(1, KeyFlags::OW.union(KeyFlags::UPDATE))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("ttl", ArgKind::Integer),
            Arg::new("serialized-value", ArgKind::String),
            Arg::word("replace", "REPLACE").since("3.0.0").optional(),
            Arg::word("absttl", "ABSTTL").since("5.0.0").optional(),
            Arg::new("seconds", ArgKind::Integer)
                .token("IDLETIME")
                .since("5.0.0")
                .optional(),
            Arg::new("frequency", ArgKind::Integer)
                .token("FREQ")
                .since("5.0.0")
                .optional(),
        ])
        .summary("Creates a key from the serialized representation of a value.")
        .complexity(
            "O(1) to create the new key and additional O(N*M) to \
             reconstruct the serialized value, where N is the number of \
             Redis objects composing the value and M their average size. \
             For small string values the time complexity is thus \
             O(1)+O(1*M) where M is small, so simply O(1). However for \
             sorted set values the complexity is O(N*M*log(N)) because \
             inserting values into sorted sets is O(log(N)).",
        )
        .history(&[
            ("3.0.0", "Added the `REPLACE` modifier."),
            ("5.0.0", "Added the `ABSTTL` modifier."),
            ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
        ]),
    Command::new(
        "restore-asking",
        "3.0.0",
        Group::Server,
        -4,
        Run::Data(restore_asking),
    )
    .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::ASKING))
    .categories(Categories::KEYSPACE.union(Categories::DANGEROUS))
    .keys(&[Keys::one(1, KeyFlags::OW.union(KeyFlags::UPDATE))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("ttl", ArgKind::Integer),
        Arg::new("serialized-value", ArgKind::String),
        Arg::word("replace", "REPLACE").since("3.0.0").optional(),
        Arg::word("absttl", "ABSTTL").since("5.0.0").optional(),
        Arg::new("seconds", ArgKind::Integer)
            .token("IDLETIME")
            .since("5.0.0")
            .optional(),
        Arg::new("frequency", ArgKind::Integer)
            .token("FREQ")
            .since("5.0.0")
            .optional(),
    ])
    .summary("An internal command for migrating keys in a cluster.")
    .complexity(
        "O(1) to create the new key and additional O(N*M) to \
         reconstruct the serialized value, where N is the number of \
         Redis objects composing the value and M their average size. \
         For small string values the time complexity is thus \
         O(1)+O(1*M) where M is small, so simply O(1). However for \
         sorted set values the complexity is O(N*M*log(N)) because \
         inserting values into sorted sets is O(log(N)).",
    )
    .history(&[
        ("3.0.0", "Added the `REPLACE` modifier."),
        ("5.0.0", "Added the `ABSTTL` modifier."),
        ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
    ])
    .syscmd(),
];

fn dump(d: &mut Data<'_>) -> Outcome {
    let payload = d
        .keys
        .read(d.args.at(1))
        .map(|entry| rdb::dump(entry.value(), d.config.rdbcompression));
    match payload {
        Some(payload) => d.reply.bulk(&payload),
        None => d.reply.null(),
    }
    Ok(())
}

/// What RESTORE is asked for besides the value.
#[derive(Debug, Default)]
struct Options {
    replace: bool,
    absolute: bool,
    use_: Option<Use>,
}

/// How the key is to look as if it had been used.
#[derive(Clone, Copy, Debug)]
enum Use {
    IdleSeconds(i64),
    Frequency(u8),
}

impl Options {
    fn parse(d: &Data<'_>) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut index = 4;
        while index < d.args.len() {
            let value = d.args.get(index + 1);
            if d.args.is(index, "REPLACE") {
                options.replace = true;
            } else if d.args.is(index, "ABSTTL") {
                options.absolute = true;
            } else if let Some(value) = value
                && d.args.is(index, "IDLETIME")
                && !matches!(options.use_, Some(Use::Frequency(_)))
            {
                let seconds = arguments::integer(value)?;
                if seconds < 0 {
                    return Err(INVALID_IDLE_TIME);
                }
                options.use_ = Some(Use::IdleSeconds(seconds));
                index += 1;
            } else if let Some(value) = value
                && d.args.is(index, "FREQ")
                && !matches!(options.use_, Some(Use::IdleSeconds(_)))
            {
                let frequency = arguments::integer(value)?;
                let frequency = u8::try_from(frequency).map_err(|_| INVALID_FREQUENCY)?;
                options.use_ = Some(Use::Frequency(frequency));
                index += 1;
            } else {
                return Err(Error::SYNTAX);
            }
            index += 1;
        }
        Ok(options)
    }
}

fn restore(d: &mut Data<'_>) -> Outcome {
    let options = Options::parse(d)?;
    let key = d.args.at(1);
    if !options.replace && d.keys.edit(key).is_some() {
        return Err(BUSY_KEY);
    }
    let expire_ms = deadline_ms(d, options.absolute)?;
    let limits = limits(d);
    let loaded =
        rdb::restore(d.args.at(3), &limits).map_err(|refusal| Error::new(refusal.to_string()))?;
    let replaced = options.replace && d.keys.take(key).is_some();
    if expire_ms.is_some_and(|at_ms| at_ms <= d.keys.now_ms) {
        // It would have expired already, so it never comes to be.
        if replaced {
            d.keys.touch(key, Class::GENERIC, "del");
        }
    } else {
        let deadline = expire_ms.map_or(Deadline::Clear, Deadline::At);
        loaded.store(|value| d.keys.set(key, value, deadline));
        d.keys.expect_fields(key);
        if let Some(use_) = options.use_ {
            set_use(d, key, use_);
        }
        d.keys.touch(key, Class::GENERIC, "restore");
    }
    d.reply.ok();
    Ok(())
}

/// Differs from RESTORE only in a cluster.
fn restore_asking(d: &mut Data<'_>) -> Outcome {
    restore(d)
}

/// When the key is to expire; 0 is never.
fn deadline_ms(d: &Data<'_>, absolute: bool) -> Result<Option<i64>, Error> {
    let ttl_ms = arguments::integer(d.args.at(2))?;
    if ttl_ms < 0 {
        return Err(INVALID_TTL);
    }
    let base_ms = if absolute { 0 } else { d.keys.now_ms };
    // What 64 bits do not hold was long ago, as in Redis.
    Ok((ttl_ms > 0).then(|| ttl_ms.wrapping_add(base_ms)))
}

/// Makes a key look used so long ago, or so often, if that is what the server keeps of each key.
fn set_use(d: &mut Data<'_>, key: &[u8], use_: Use) {
    let now_ms = d.keys.now_ms;
    let access = match (d.keys.access, use_) {
        (Mode::Lru, Use::IdleSeconds(seconds)) => access::idle_for(seconds, now_ms),
        (Mode::Lfu { .. }, Use::Frequency(frequency)) => access::used_often(frequency, now_ms),
        _ => return,
    };
    if let Some(entry) = d.keys.edit(key) {
        entry.set_access(access);
    }
}

/// How large what is loaded may be in each form.
pub(super) fn limits(d: &mut Data<'_>) -> Limits {
    Limits {
        list: list::limits(d),
        set: set::limits(d.config),
        zset: zset::limits(d),
        hash: hash::limits(d),
        set_seed: d.keys.rng.u64(..),
    }
}
