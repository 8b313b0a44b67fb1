//! Commands on hashes; those on the deadlines of fields have files of their own.

use std::collections::BTreeSet;

use crate::commands::arguments;
use crate::commands::scan::{self, Options, Walked};
use crate::data::hash::{Deadline, Found, Hash, Limits};
use crate::data::listpack::Item;
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::error::Error;
use crate::resp::reply::{Protocol, Reply};
use crate::text::extended::Extended;
use crate::text::integers;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("hset", "2.0.0", Group::Hash, -4, Run::Data(hset))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .args(&[
            Arg::key("key", 0),
            Arg::block(
                "data",
                &[
                    Arg::new("field", ArgKind::String),
                    Arg::new("value", ArgKind::String),
                ],
            )
            .multiple(),
        ])
        .summary("Creates or modifies the value of a field in a hash.")
        .complexity(
            "O(1) for each field/value pair added, so O(N) to add N \
             field/value pairs when the command is called with multiple \
             field/value pairs.",
        )
        .history(&[("4.0.0", "Accepts multiple `field` and `value` arguments.")]),
    Command::new("hmset", "2.0.0", Group::Hash, -4, Run::Data(hmset))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .args(&[
            Arg::key("key", 0),
            Arg::block(
                "data",
                &[
                    Arg::new("field", ArgKind::String),
                    Arg::new("value", ArgKind::String),
                ],
            )
            .multiple(),
        ])
        .summary("Sets the values of multiple fields.")
        .complexity("O(N) where N is the number of fields being set.")
        .deprecated("4.0.0", "`HSET` with multiple field-value pairs"),
    Command::new("hsetnx", "2.0.0", Group::Hash, 4, Run::Data(hsetnx))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::INSERT))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("field", ArgKind::String),
            Arg::new("value", ArgKind::String),
        ])
        .summary(
            "Sets the value of a field in a hash only when the field \
             doesn't exist.",
        )
        .complexity("O(1)"),
    Command::new("hget", "2.0.0", Group::Hash, 3, Run::Data(hget))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0), Arg::new("field", ArgKind::String)])
        .summary("Returns the value of a field in a hash.")
        .complexity("O(1)"),
    Command::new("hmget", "2.0.0", Group::Hash, -3, Run::Data(hmget))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("field", ArgKind::String).multiple(),
        ])
        .summary("Returns the values of all fields in a hash.")
        .complexity("O(N) where N is the number of fields being requested."),
    Command::new("hgetall", "2.0.0", Group::Hash, 2, Run::Data(hgetall))
        .flags(Flags::READONLY)
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0)])
        .summary("Returns all fields and values in a hash.")
        .complexity("O(N) where N is the size of the hash.")
        .tips(&["nondeterministic_output_order"]),
    Command::new("hkeys", "2.0.0", Group::Hash, 2, Run::Data(hkeys))
        .flags(Flags::READONLY)
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0)])
        .summary("Returns all fields in a hash.")
        .complexity("O(N) where N is the size of the hash.")
        .tips(&["nondeterministic_output_order"]),
    Command::new("hvals", "2.0.0", Group::Hash, 2, Run::Data(hvals))
        .flags(Flags::READONLY)
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0)])
        .summary("Returns all values in a hash.")
        .complexity("O(N) where N is the size of the hash.")
        .tips(&["nondeterministic_output_order"]),
    Command::new("hlen", "2.0.0", Group::Hash, 2, Run::Data(hlen))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RO)])
        .args(&[Arg::key("key", 0)])
        .summary("Returns the number of fields in a hash.")
        .complexity("O(1)"),
    Command::new("hstrlen", "3.2.0", Group::Hash, 3, Run::Data(hstrlen))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RO)])
        .args(&[Arg::key("key", 0), Arg::new("field", ArgKind::String)])
        .summary("Returns the length of the value of a field.")
        .complexity("O(1)"),
    Command::new("hexists", "2.0.0", Group::Hash, 3, Run::Data(hexists))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RO)])
        .args(&[Arg::key("key", 0), Arg::new("field", ArgKind::String)])
        .summary("Determines whether a field exists in a hash.")
        .complexity("O(1)"),
    Command::new("hdel", "2.0.0", Group::Hash, -3, Run::Data(hdel))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::DELETE))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("field", ArgKind::String).multiple(),
        ])
        .summary(
            "Deletes one or more fields and their values from a hash. \
             Deletes the hash if no fields remain.",
        )
        .complexity("O(N) where N is the number of fields to be removed.")
        .history(&[("2.4.0", "Accepts multiple `field` arguments.")]),
    Command::new("hincrby", "2.0.0", Group::Hash, 4, Run::Data(hincrby))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE),
        )])
        .args(&[
            Arg::key("key", 0),
            Arg::new("field", ArgKind::String),
            Arg::new("increment", ArgKind::Integer),
        ])
        .summary(
            "Increments the integer value of a field in a hash by a number. \
             Uses 0 as initial value if the field doesn't exist.",
        )
        .complexity("O(1)"),
    Command::new(
        "hincrbyfloat",
        "2.6.0",
        Group::Hash,
        4,
        Run::Data(hincrbyfloat),
    )
    .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
    .categories(Categories::HASH)
    .keys(&[Keys::one(
        1,
        KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE),
    )])
    .args(&[
        Arg::key("key", 0),
        Arg::new("field", ArgKind::String),
        Arg::new("increment", ArgKind::Double),
    ])
    .summary(
        "Increments the floating point value of a field by a number. \
         Uses 0 as initial value if the field doesn't exist.",
    )
    .complexity("O(1)"),
    Command::new(
        "hrandfield",
        "6.2.0",
        Group::Hash,
        -2,
        Run::Data(hrandfield),
    )
    .flags(Flags::READONLY)
    .categories(Categories::HASH)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::block(
            "options",
            &[
                Arg::new("count", ArgKind::Integer),
                Arg::word("withvalues", "WITHVALUES").optional(),
            ],
        )
        .optional(),
    ])
    .summary("Returns one or more random fields from a hash.")
    .complexity("O(N) where N is the number of fields returned")
    .tips(&["nondeterministic_output"]),
    Command::new("hscan", "2.8.0", Group::Hash, -3, Run::Data(hscan))
        .flags(Flags::READONLY)
        .categories(Categories::HASH)
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
            Arg::word("novalues", "NOVALUES").optional(),
        ])
        .summary("Iterates over fields and values of a hash.")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including \
             enough command calls for the cursor to return back to 0. N is \
             the number of elements inside the collection.",
        )
        .tips(&["nondeterministic_output"]),
];

fn hset(d: &mut Data<'_>) -> Outcome {
    let added = set_pairs(d, "hset")?;
    d.reply.count(added);
    Ok(())
}

fn hmset(d: &mut Data<'_>) -> Outcome {
    set_pairs(d, "hmset")?;
    d.reply.ok();
    Ok(())
}

/// # Returns
/// how many fields are new.
fn set_pairs(d: &mut Data<'_>, command: &str) -> Result<usize, Error> {
    if !d.args.len().is_multiple_of(2) {
        return Err(Error::arity(command));
    }
    let (key, limits) = (d.args.at(1), limits(d));
    let hash: &mut Hash = d.keys.collection_or_new(key)?;
    hash.prepare(d.args.rest(2), &limits);
    let mut added = 0;
    for index in (2..d.args.len()).step_by(2) {
        let (field, value) = (d.args.at(index), d.args.at(index + 1));
        added += usize::from(hash.set(field, value, Deadline::Clear, &limits));
    }
    let pairs = d.args.len() / 2 - 1;
    d.keys.touch_times(key, Class::HASH, "hset", pairs);
    Ok(added)
}

fn hsetnx(d: &mut Data<'_>) -> Outcome {
    let (key, field, limits) = (d.args.at(1), d.args.at(2), limits(d));
    let exists = find_to_change(d, key, field)?.is_some();
    if !exists {
        let hash: &mut Hash = d.keys.collection_or_new(key)?;
        hash.prepare(d.args.rest(2), &limits);
        hash.set(field, d.args.at(3), Deadline::Clear, &limits);
        d.keys.touch(key, Class::HASH, "hset");
    }
    d.reply.flag(!exists);
    Ok(())
}

fn hget(d: &mut Data<'_>) -> Outcome {
    let field = d.args.at(2);
    read_field(d, field, |reply, found| match found {
        Some(found) => reply_item(reply, found.value),
        None => reply.null(),
    })
}

fn hexists(d: &mut Data<'_>) -> Outcome {
    let field = d.args.at(2);
    read_field(d, field, |reply, found| reply.flag(found.is_some()))
}

fn hstrlen(d: &mut Data<'_>) -> Outcome {
    let field = d.args.at(2);
    read_field(d, field, |reply, found| {
        reply.count(found.map_or(0, |found| found.value.len()));
    })
}

/// Answers by what is found in a field; one that has expired is not, and is removed.
fn read_field(
    d: &mut Data<'_>,
    field: &[u8],
    answer: impl FnOnce(&mut Reply<'_>, Option<Found<'_>>),
) -> Outcome {
    let (key, now_ms) = (d.args.at(1), d.keys.now_ms);
    let hash: Option<&Hash> = d.keys.collection(key)?;
    let found = hash.and_then(|hash| hash.get(field));
    let expired = found.is_some_and(|found| found.has_expired(now_ms));
    answer(&mut d.reply, found.filter(|_| !expired));
    if expired {
        expire_field(d, key, field);
    }
    Ok(())
}

/// A copy of the value of a field that is about to be changed; one that has expired is removed.
fn find_to_change(d: &mut Data<'_>, key: &[u8], field: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let now_ms = d.keys.now_ms;
    let hash: Option<&mut Hash> = d.keys.collection_mut(key)?;
    let found = hash.and_then(|hash| hash.get(field));
    if found.is_some_and(|found| found.has_expired(now_ms)) {
        expire_field(d, key, field);
        return Ok(None);
    }
    Ok(found.map(|found| found.value.to_vec()))
}

/// Removes a field that has expired, and the key if it was the last one, and says so.
pub(super) fn expire_field(d: &mut Data<'_>, key: &[u8], field: &[u8]) {
    if d.keys.expire_field(key, field) {
        d.keys.changed(key, Class::HASH, "hexpired");
        drop_empty(d, key);
    }
}

/// Deletes the key of a hash that has no field any more.
///
/// # Returns
/// whether it had none.
pub(super) fn drop_empty(d: &mut Data<'_>, key: &[u8]) -> bool {
    let entry = d.keys.again(key);
    let hash: Option<&Hash> = entry.and_then(|entry| entry.value().collection());
    let empty = hash.is_some_and(Hash::is_empty);
    if empty {
        d.keys.drop_empty(key);
    }
    empty
}

fn hmget(d: &mut Data<'_>) -> Outcome {
    let (key, now_ms) = (d.args.at(1), d.keys.now_ms);
    let hash: Option<&Hash> = d.keys.collection(key)?;
    let fields = d.args.rest(2);
    d.reply.array(fields.len());
    let mut expired = Vec::new();
    for field in fields {
        match hash.and_then(|hash| hash.get(field)) {
            Some(found) if found.has_expired(now_ms) => {
                d.reply.null();
                expired.push(field);
            }
            Some(found) => reply_item(&mut d.reply, found.value),
            None => d.reply.null(),
        }
    }
    let removed = expired
        .into_iter()
        .filter(|field| d.keys.expire_field(key, field))
        .count();
    if removed > 0 {
        // Nothing is said where no field is left: so does 8.2.3.
        let hash: Option<&Hash> = d
            .keys
            .again(key)
            .and_then(|entry| entry.value().collection());
        if hash.is_some_and(Hash::is_empty) {
            d.keys.take(key);
            d.keys.changed(key, Class::empty(), "del");
        } else {
            d.keys.changed(key, Class::HASH, "hexpired");
        }
    }
    Ok(())
}

/// What is wanted of every field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parts {
    Fields,
    Values,
    Both,
}

fn hgetall(d: &mut Data<'_>) -> Outcome {
    read_all(d, Parts::Both)
}

fn hkeys(d: &mut Data<'_>) -> Outcome {
    read_all(d, Parts::Fields)
}

fn hvals(d: &mut Data<'_>) -> Outcome {
    read_all(d, Parts::Values)
}

fn read_all(d: &mut Data<'_>, parts: Parts) -> Outcome {
    let now_ms = d.keys.now_ms;
    let hash: Option<&Hash> = d.keys.collection(d.args.at(1))?;
    let living = || hash.into_iter().flat_map(|hash| living(hash, now_ms));
    let count = match hash {
        Some(hash) if has_expired(hash, now_ms) => living().count(),
        hash => hash.map_or(0, Hash::len),
    };
    match parts {
        Parts::Both => d.reply.map(count),
        Parts::Fields | Parts::Values => d.reply.array(count),
    }
    for (field, found) in living() {
        if parts != Parts::Values {
            reply_item(&mut d.reply, field);
        }
        if parts != Parts::Fields {
            reply_item(&mut d.reply, found.value);
        }
    }
    Ok(())
}

/// The fields that have not expired.
fn living(hash: &Hash, now_ms: i64) -> impl Iterator<Item = (Item<'_>, Found<'_>)> {
    hash.iter()
        .filter(move |(_, found)| !found.has_expired(now_ms))
}

/// Whether any field has expired.
fn has_expired(hash: &Hash, now_ms: i64) -> bool {
    hash.next_deadline().is_some_and(|at_ms| at_ms < now_ms)
}

/// Fields that have expired and are still there are counted, as in Redis.
fn hlen(d: &mut Data<'_>) -> Outcome {
    let hash: Option<&Hash> = d.keys.collection(d.args.at(1))?;
    d.reply.count(hash.map_or(0, Hash::len));
    Ok(())
}

fn hdel(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let (mut deleted, mut was_mortal) = (0, false);
    if let Some(hash) = d.keys.collection_mut::<Hash>(key)? {
        was_mortal = hash.next_deadline().is_some();
        deleted = d.args.rest(2).filter(|field| hash.remove(field)).count();
    }
    if deleted > 0 {
        if was_mortal {
            d.keys.expect_fields(key);
        }
        d.keys.touch_times(key, Class::HASH, "hdel", deleted);
        drop_empty(d, key);
    }
    d.reply.count(deleted);
    Ok(())
}

fn hincrby(d: &mut Data<'_>) -> Outcome {
    let (key, field) = (d.args.at(1), d.args.at(2));
    let by = arguments::integer(d.args.at(3))?;
    let value = match find_to_change(d, key, field)? {
        None => 0,
        Some(text) => {
            integers::parse_i64(&text).ok_or(Error::fixed("ERR hash value is not an integer"))?
        }
    };
    let sum = value.checked_add(by).ok_or(Error::OVERFLOW)?;
    store(
        d,
        key,
        field,
        itoa::Buffer::new().format(sum).as_bytes(),
        "hincrby",
    )?;
    d.reply.int(sum);
    Ok(())
}

fn hincrbyfloat(d: &mut Data<'_>) -> Outcome {
    let (key, field) = (d.args.at(1), d.args.at(2));
    let by = Extended::parse(d.args.at(3)).ok_or(Error::NOT_FLOAT)?;
    if !by.is_finite() {
        return Err(Error::fixed("ERR value is NaN or Infinity"));
    }
    let text = find_to_change(d, key, field)?;
    let value = Extended::parse(text.as_deref().unwrap_or(b"0"))
        .ok_or(Error::fixed("ERR hash value is not a float"))?;
    let sum = value
        .plus(by)
        .filter(|sum| sum.is_finite())
        .ok_or(Error::fixed("ERR increment would produce NaN or Infinity"))?;
    let mut digits = Vec::new();
    sum.write(&mut digits);
    store(d, key, field, &digits, "hincrbyfloat")?;
    d.reply.bulk(&digits);
    Ok(())
}

/// Sets the value of a field that keeps its deadline, and says so.
fn store(d: &mut Data<'_>, key: &[u8], field: &[u8], value: &[u8], event: &'static str) -> Outcome {
    let limits = limits(d);
    let hash: &mut Hash = d.keys.collection_or_new(key)?;
    hash.set(field, value, Deadline::Keep, &limits);
    d.keys.touch(key, Class::HASH, event);
    Ok(())
}

/// HRANDFIELD key [count [WITHVALUES]]
fn hrandfield(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let count = match d.args.get(2) {
        None => None,
        Some(text) => Some(arguments::within(text, -i64::MAX, i64::MAX)?),
    };
    let with_values = d.args.len() > 3;
    if d.args.len() > 4 || with_values && !d.args.is(3, "WITHVALUES") {
        return Err(Error::SYNTAX);
    }
    if with_values && count.is_some_and(|count| count.unsigned_abs() > i64::MAX as u64 / 2) {
        return Err(Error::fixed("ERR value is out of range"));
    }

    let now_ms = d.keys.now_ms;
    let hash: Option<&Hash> = d.keys.collection(key)?;
    if hash.is_some_and(|hash| has_expired(hash, now_ms)) {
        // They must not be picked.
        d.keys.expire_fields(key);
    }
    // A generator of its own, since the hash stays borrowed from the same window.
    let mut rng = d.keys.rng.fork();
    let hash: Option<&Hash> = d
        .keys
        .again(key)
        .and_then(|entry| entry.value().collection());
    // While expiry is paused some that have expired are still there.
    let survivors: Option<Vec<_>> = hash
        .filter(|hash| has_expired(hash, now_ms))
        .map(|hash| living(hash, now_ms).collect());
    let len = match (&survivors, hash) {
        (Some(survivors), _) => survivors.len(),
        (None, hash) => hash.map_or(0, Hash::len),
    };
    let Some(hash) = hash.filter(|_| len > 0) else {
        match count {
            None => d.reply.null(),
            Some(_) => d.reply.array(0),
        }
        return Ok(());
    };

    let mut random = || match &survivors {
        Some(survivors) => survivors.get(rng.usize(..len)).copied(),
        None => hash.random(|n| rng.usize(..n)),
    };
    let Some(count) = count else {
        if let Some((field, _)) = random() {
            reply_item(&mut d.reply, field);
        }
        return Ok(());
    };
    let picks = Picks { with_values };
    if count < 0 {
        picks.begin(&mut d.reply, count.unsigned_abs() as usize);
        for (field, found) in (0..count.unsigned_abs()).filter_map(|_| random()) {
            picks.add(&mut d.reply, field, found);
        }
        return Ok(());
    }
    let wanted = len.min(usize::try_from(count).unwrap_or(len));
    picks.begin(&mut d.reply, wanted);
    if wanted > 0 && wanted < len / 3 {
        // Few of many: one that comes twice is seldom, and is drawn again.
        let mut seen = BTreeSet::new();
        while seen.len() < wanted {
            if let Some((field, found)) = random()
                && seen.insert(field.to_vec())
            {
                picks.add(&mut d.reply, field, found);
            }
        }
    } else {
        let (mut ahead, mut left) = (len, wanted);
        for (field, found) in living(hash, now_ms) {
            // Each of those ahead has the same chance to be one of those that are left to pick.
            if rng.usize(..ahead) < left {
                picks.add(&mut d.reply, field, found);
                left -= 1;
            }
            ahead -= 1;
        }
    }
    Ok(())
}

/// How random fields are answered.
struct Picks {
    with_values: bool,
}

impl Picks {
    fn begin(&self, reply: &mut Reply<'_>, count: usize) {
        let flat = self.with_values && reply.protocol() == Protocol::Resp2;
        reply.array(if flat { count * 2 } else { count });
    }

    fn add(&self, reply: &mut Reply<'_>, field: Item<'_>, found: Found<'_>) {
        if self.with_values && reply.protocol() == Protocol::Resp3 {
            reply.array(2);
        }
        reply_item(reply, field);
        if self.with_values {
            reply_item(reply, found.value);
        }
    }
}

fn hscan(d: &mut Data<'_>) -> Outcome {
    let cursor = scan::cursor(d.args.at(2))?;
    let now_ms = d.keys.now_ms;
    let hash: Option<&Hash> = d.keys.collection(d.args.at(1))?;
    let Some(hash) = hash else {
        scan::reply_scan(&mut d.reply, 0, &[]);
        return Ok(());
    };
    let options = Options::from_args(d.args, Walked::Fields)?;
    let mut answer = Vec::new();
    let cursor = hash.scan(cursor, options.count, |field, found| {
        let mut digits = itoa::Buffer::new();
        let field = field.bytes(&mut digits);
        if !found.has_expired(now_ms) && options.pattern.matches(field) {
            answer.push(field.to_vec());
            if !options.without_values {
                answer.push(found.value.to_vec());
            }
        }
    });
    scan::reply_scan(&mut d.reply, cursor, &answer);
    Ok(())
}

/// What a small hash may hold.
pub(super) fn limits(d: &Data<'_>) -> Limits {
    Limits {
        entries_max: d.config.hash_max_listpack_entries,
        len_max: d.config.hash_max_listpack_value,
        seed: d.keys.seed(),
    }
}

/// A field or a value, as a bulk string.
pub(super) fn reply_item(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Int(int) => reply.bulk_int(int),
        Item::Bytes(bytes) => reply.bulk(bytes),
    }
}
