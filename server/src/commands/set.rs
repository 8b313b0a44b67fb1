//! Sets: SADD and its kin, and what is made of several sets.

use crate::commands::arguments;
use crate::commands::scan::{self, Walked};
use crate::config::Config;
use crate::data::listpack::Item;
use crate::data::set::{self, Limits, Set};
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::keyspace::db;
use crate::registry::command::{
    Arg, ArgKind, Begin, Categories, Command, Find, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::error::Error;
use crate::resp::reply::{Aggregate, Reply};

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("sadd", "1.0.0", Group::Set, -3, Run::Data(sadd))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::SET)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::INSERT))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("member", ArgKind::String).multiple(),
        ])
        .summary(
            "Adds one or more members to a set. Creates the key if it \
             doesn't exist.",
        )
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when \
             the command is called with multiple arguments.",
        )
        .history(&[("2.4.0", "Accepts multiple `member` arguments.")]),
    Command::new("srem", "1.0.0", Group::Set, -3, Run::Data(srem))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::SET)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::DELETE))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("member", ArgKind::String).multiple(),
        ])
        .summary(
            "Removes one or more members from a set. Deletes the set if the \
             last member was removed.",
        )
        .complexity("O(N) where N is the number of members to be removed.")
        .history(&[("2.4.0", "Accepts multiple `member` arguments.")]),
    Command::new("smove", "1.0.0", Group::Set, 4, Run::Data(smove))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::SET)
        .keys(&[
            Keys::one(
                1,
                KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
            ),
            Keys::one(2, KeyFlags::RW.union(KeyFlags::INSERT)),
        ])
        .args(&[
            Arg::key("source", 0),
            Arg::key("destination", 1),
            Arg::new("member", ArgKind::String),
        ])
        .summary("Moves a member from one set to another.")
        .complexity("O(1)"),
    Command::new("sismember", "1.0.0", Group::Set, 3, Run::Data(sismember))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::SET)
        .keys(&[Keys::one(1, KeyFlags::RO)])
        .args(&[Arg::key("key", 0), Arg::new("member", ArgKind::String)])
        .summary("Determines whether a member belongs to a set.")
        .complexity("O(1)"),
    Command::new("smismember", "6.2.0", Group::Set, -3, Run::Data(smismember))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::SET)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("member", ArgKind::String).multiple(),
        ])
        .summary("Determines whether multiple members belong to a set.")
        .complexity(
            "O(N) where N is the number of elements being checked for \
             membership",
        ),
    Command::new("scard", "1.0.0", Group::Set, 2, Run::Data(scard))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::SET)
        .keys(&[Keys::one(1, KeyFlags::RO)])
        .args(&[Arg::key("key", 0)])
        .summary("Returns the number of members in a set.")
        .complexity("O(1)"),
    Command::new("spop", "1.0.0", Group::Set, -2, Run::Data(spop))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::SET)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
        )])
        .args(&[
            Arg::key("key", 0),
            Arg::new("count", ArgKind::Integer)
                .since("3.2.0")
                .optional(),
        ])
        .summary(
            "Returns one or more random members from a set after removing \
             them. Deletes the set if the last member was popped.",
        )
        .complexity(
            "Without the count argument O(1), otherwise O(N) where N is the \
             value of the passed count.",
        )
        .history(&[("3.2.0", "Added the `count` argument.")])
        .tips(&["nondeterministic_output"]),
    Command::new(
        "srandmember",
        "1.0.0",
        Group::Set,
        -2,
        Run::Data(srandmember),
    )
    .flags(Flags::READONLY)
    .categories(Categories::SET)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("count", ArgKind::Integer)
            .since("2.6.0")
            .optional(),
    ])
    .summary("Get one or multiple random members from a set")
    .complexity(
        "Without the count argument O(1), otherwise O(N) where N is the \
         absolute value of the passed count.",
    )
    .history(&[("2.6.0", "Added the optional `count` argument.")])
    .tips(&["nondeterministic_output"]),
    Command::new("sinter", "1.0.0", Group::Set, -2, Run::Data(sinter))
        .flags(Flags::READONLY)
        .categories(Categories::SET)
        .keys(&[Keys::range(1, -1, 1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0).multiple()])
        .summary("Returns the intersect of multiple sets.")
        .complexity(
            "O(N*M) worst case where N is the cardinality of the smallest \
             set and M is the number of sets.",
        )
        .tips(&["nondeterministic_output_order"]),
    Command::new("sintercard", "7.0.0", Group::Set, -3, Run::Data(sintercard))
        .flags(Flags::READONLY.union(Flags::MOVABLEKEYS))
        .categories(Categories::SET)
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
             sets.",
        )
        .complexity(
            "O(N*M) worst case where N is the cardinality of the smallest \
             set and M is the number of sets.",
        ),
    Command::new(
        "sinterstore",
        "1.0.0",
        Group::Set,
        -3,
        Run::Data(sinterstore),
    )
    .flags(Flags::WRITE.union(Flags::DENYOOM))
    .categories(Categories::SET)
    .keys(&[
        Keys::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
        Keys::range(2, -1, 1, KeyFlags::RO.union(KeyFlags::ACCESS)),
    ])
    .args(&[Arg::key("destination", 0), Arg::key("key", 1).multiple()])
    .summary("Stores the intersect of multiple sets in a key.")
    .complexity(
        "O(N*M) worst case where N is the cardinality of the smallest \
         set and M is the number of sets.",
    ),
    Command::new("sunion", "1.0.0", Group::Set, -2, Run::Data(sunion))
        .flags(Flags::READONLY)
        .categories(Categories::SET)
        .keys(&[Keys::range(1, -1, 1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0).multiple()])
        .summary("Returns the union of multiple sets.")
        .complexity(
            "O(N) where N is the total number of elements in all given \
             sets.",
        )
        .tips(&["nondeterministic_output_order"]),
    Command::new(
        "sunionstore",
        "1.0.0",
        Group::Set,
        -3,
        Run::Data(sunionstore),
    )
    .flags(Flags::WRITE.union(Flags::DENYOOM))
    .categories(Categories::SET)
    .keys(&[
        Keys::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
        Keys::range(2, -1, 1, KeyFlags::RO.union(KeyFlags::ACCESS)),
    ])
    .args(&[Arg::key("destination", 0), Arg::key("key", 1).multiple()])
    .summary("Stores the union of multiple sets in a key.")
    .complexity(
        "O(N) where N is the total number of elements in all given \
         sets.",
    ),
    Command::new("sdiff", "1.0.0", Group::Set, -2, Run::Data(sdiff))
        .flags(Flags::READONLY)
        .categories(Categories::SET)
        .keys(&[Keys::range(1, -1, 1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0).multiple()])
        .summary("Returns the difference of multiple sets.")
        .complexity(
            "O(N) where N is the total number of elements in all given \
             sets.",
        )
        .tips(&["nondeterministic_output_order"]),
    Command::new("sdiffstore", "1.0.0", Group::Set, -3, Run::Data(sdiffstore))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::SET)
        .keys(&[
            Keys::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
            Keys::range(2, -1, 1, KeyFlags::RO.union(KeyFlags::ACCESS)),
        ])
        .args(&[Arg::key("destination", 0), Arg::key("key", 1).multiple()])
        .summary("Stores the difference of multiple sets in a key.")
        .complexity(
            "O(N) where N is the total number of elements in all given \
             sets.",
        ),
    Command::new("smembers", "1.0.0", Group::Set, 2, Run::Data(smembers))
        .flags(Flags::READONLY)
        .categories(Categories::SET)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0)])
        .summary("Returns all members of a set.")
        .complexity("O(N) where N is the set cardinality.")
        .tips(&["nondeterministic_output_order"]),
    Command::new("sscan", "2.8.0", Group::Set, -3, Run::Data(sscan))
        .flags(Flags::READONLY)
        .categories(Categories::SET)
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
        .summary("Iterates over members of a set.")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including \
             enough command calls for the cursor to return back to 0. N is \
             the number of elements inside the collection.",
        )
        .tips(&["nondeterministic_output"]),
];

fn sadd(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let limits = limits(d.config);
    let seed = d.keys.rng.u64(..);
    let count = d.args.len() - 2;
    let set = match d.keys.collection_mut::<Set>(key)? {
        Some(set) => {
            set.prepare(count, limits, seed);
            set
        }
        None => {
            let set = Set::suited_to(d.args.at(2), count, limits, seed);
            d.keys.create_collection(key, set)
        }
    };
    let mut added = 0;
    for member in d.args.rest(2) {
        added += usize::from(set.insert(member, limits, seed));
    }
    if added > 0 {
        d.keys.touch_times(key, Class::SET, "sadd", added);
    }
    d.reply.count(added);
    Ok(())
}

fn srem(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let Some(set) = d.keys.collection_mut::<Set>(key)? else {
        d.reply.int(0);
        return Ok(());
    };
    let mut removed = 0;
    for member in d.args.rest(2) {
        removed += usize::from(set.remove(member));
        if set.is_empty() {
            break;
        }
    }
    let emptied = set.is_empty();
    if removed > 0 {
        d.keys.touch_times(key, Class::SET, "srem", removed);
    }
    if emptied {
        d.keys.drop_empty(key);
    }
    d.reply.count(removed);
    Ok(())
}

fn smove(d: &mut Data<'_>) -> Outcome {
    let (source, destination, member) = (d.args.at(1), d.args.at(2), d.args.at(3));
    let limits = limits(d.config);
    let seed = d.keys.rng.u64(..);
    // A missing source is told before a destination of the wrong type, but both are looked at before either is judged.
    let there = d.keys.edit(source).is_some();
    d.keys.edit(destination);
    if !there {
        d.reply.flag(false);
        return Ok(());
    }
    let held = d
        .keys
        .collection_again::<Set>(source)?
        .is_some_and(|set| set.contains(member));
    d.keys.collection_again::<Set>(destination)?;
    if !held || source == destination {
        d.reply.flag(held);
        return Ok(());
    }
    let Some(set) = d.keys.collection_again::<Set>(source)? else {
        return Ok(());
    };
    set.remove(member);
    let emptied = set.is_empty();
    d.keys.reduced(source, Class::SET, "srem", 1, emptied);
    let set = match d.keys.collection_again::<Set>(destination)? {
        Some(set) => set,
        None => {
            let set = Set::suited_to(member, 1, limits, seed);
            d.keys.create_collection(destination, set)
        }
    };
    if set.insert(member, limits, seed) {
        d.keys.touch(destination, Class::SET, "sadd");
    }
    d.reply.flag(true);
    Ok(())
}

fn sismember(d: &mut Data<'_>) -> Outcome {
    let member = d.args.at(2);
    let set = d.keys.collection::<Set>(d.args.at(1))?;
    d.reply.flag(set.is_some_and(|set| set.contains(member)));
    Ok(())
}

fn smismember(d: &mut Data<'_>) -> Outcome {
    let set = d.keys.collection::<Set>(d.args.at(1))?;
    d.reply.array(d.args.len() - 2);
    for member in d.args.rest(2) {
        d.reply.flag(set.is_some_and(|set| set.contains(member)));
    }
    Ok(())
}

fn scard(d: &mut Data<'_>) -> Outcome {
    let set = d.keys.collection::<Set>(d.args.at(1))?;
    d.reply.count(set.map_or(0, Set::len));
    Ok(())
}

fn smembers(d: &mut Data<'_>) -> Outcome {
    let set = d.keys.collection::<Set>(d.args.at(1))?;
    d.reply.set(set.map_or(0, Set::len));
    for member in set.into_iter().flat_map(Set::iter) {
        reply_member(&mut d.reply, member);
    }
    Ok(())
}

fn reply_member(reply: &mut Reply<'_>, member: Item<'_>) {
    reply.bulk(member.bytes(&mut itoa::Buffer::new()));
}

fn spop(d: &mut Data<'_>) -> Outcome {
    match d.args.len() {
        2 => spop_one(d),
        3 => spop_many(d),
        _ => Err(Error::SYNTAX),
    }
}

fn spop_one(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    // The window on the keys lends the random source and the set at different times only.
    let mut rng = d.keys.rng.fork();
    let Some(set) = d.keys.collection_mut::<Set>(key)? else {
        d.reply.null();
        return Ok(());
    };
    let Some(member) = set.random(&mut rng).map(Item::to_vec) else {
        d.reply.null();
        return Ok(());
    };
    set.remove(&member);
    let emptied = set.is_empty();
    d.keys.reduced(key, Class::SET, "spop", 1, emptied);
    d.reply.bulk(&member);
    Ok(())
}

fn spop_many(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let count = arguments::positive(d.args.at(2))?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let limits = limits(d.config);
    let mut rng = d.keys.rng.fork();
    let Some(set) = d.keys.collection_mut::<Set>(key)? else {
        d.reply.set(0);
        return Ok(());
    };
    if count == 0 {
        d.reply.set(0);
        return Ok(());
    }
    if count >= set.len() {
        d.reply.set(set.len());
        let len = set.len();
        for member in set.iter() {
            reply_member(&mut d.reply, member);
        }
        d.keys.reduced(key, Class::SET, "spop", len, true);
        return Ok(());
    }
    d.reply.set(count);
    for member in set.take_random(count, limits, &mut rng) {
        d.reply.bulk(&member);
    }
    d.keys.reduced(key, Class::SET, "spop", count, false);
    Ok(())
}

fn srandmember(d: &mut Data<'_>) -> Outcome {
    match d.args.len() {
        2 => {
            let mut rng = d.keys.rng.fork();
            let set = d.keys.collection::<Set>(d.args.at(1))?;
            match set.and_then(|set| set.random(&mut rng)) {
                Some(member) => reply_member(&mut d.reply, member),
                None => d.reply.null(),
            }
            Ok(())
        }
        3 => srandmember_many(d),
        _ => Err(Error::SYNTAX),
    }
}

fn srandmember_many(d: &mut Data<'_>) -> Outcome {
    let count = arguments::within(d.args.at(2), -i64::MAX, i64::MAX)?;
    let mut rng = d.keys.rng.fork();
    let Some(set) = d.keys.collection::<Set>(d.args.at(1))? else {
        d.reply.array(0);
        return Ok(());
    };
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 {
        // The same member may come more than once.
        d.reply.array(wanted);
        for member in (0..wanted).map_while(|_| set.random(&mut rng)) {
            reply_member(&mut d.reply, member);
        }
        return Ok(());
    }
    let chosen = set.choose(wanted, &mut rng);
    d.reply.array(chosen.len());
    for member in chosen {
        reply_member(&mut d.reply, member);
    }
    Ok(())
}

fn sscan(d: &mut Data<'_>) -> Outcome {
    let cursor = scan::cursor(d.args.at(2))?;
    let Some(set) = d.keys.collection::<Set>(d.args.at(1))? else {
        scan::reply_scan(&mut d.reply, 0, &[]);
        return Ok(());
    };
    let options = scan::Options::from_args(d.args, Walked::Members)?;
    let mut found = Vec::new();
    let cursor = set.scan(cursor, options.count, |member| {
        let mut digits = itoa::Buffer::new();
        let member = member.bytes(&mut digits);
        if options.pattern.matches(member) {
            found.push(member.to_vec());
        }
    });
    scan::reply_scan(&mut d.reply, cursor, &found);
    Ok(())
}

pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        intset_entries: config.set_max_intset_entries,
        listpack_entries: config.set_max_listpack_entries,
        listpack_value: config.set_max_listpack_value,
    }
}

fn sinter(d: &mut Data<'_>) -> Outcome {
    let reply = |reply: &mut Reply<'_>, sets: Vec<&Set>| {
        let deferred = reply.deferred(Aggregate::Set);
        let mut count = 0;
        set::intersect(sets, |member| {
            reply_member(reply, member);
            count += 1;
            true
        });
        reply.finish(deferred, count);
    };
    match all_of(operands(&mut d.keys, d.args.rest(1))?) {
        Some(sets) => reply(&mut d.reply, sets),
        None => d.reply.set(0),
    }
    Ok(())
}

fn sintercard(d: &mut Data<'_>) -> Outcome {
    const NO_KEYS: Error = Error::fixed("ERR numkeys should be greater than 0");
    const NEGATIVE: Error = Error::fixed("ERR LIMIT can't be negative");
    let count = arguments::within_or(d.args.at(1), 1, i64::MAX, NO_KEYS)?;
    let last = usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_add(1))
        .filter(|&last| last < d.args.len())
        .ok_or(Error::fixed(
            "ERR Number of keys can't be greater than number of args",
        ))?;
    let mut limit = 0;
    for index in (last + 1..d.args.len()).step_by(2) {
        match d.args.get(index + 1) {
            Some(value) if d.args.is(index, "LIMIT") => {
                limit = arguments::within_or(value, 0, i64::MAX, NEGATIVE)?;
            }
            _ => return Err(Error::SYNTAX),
        }
    }
    // 0 is no limit.
    let limit = match usize::try_from(limit) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(limit) => limit,
    };
    let mut count = 0;
    let names = d.args.rest(2).take(last - 1);
    if let Some(sets) = all_of(operands(&mut d.keys, names)?) {
        set::intersect(sets, |_| {
            count += 1;
            count < limit
        });
    }
    d.reply.count(count);
    Ok(())
}

fn sinterstore(d: &mut Data<'_>) -> Outcome {
    let (limits, seed) = (limits(d.config), d.keys.rng.u64(..));
    let sets = all_of(operands(&mut d.keys, d.args.rest(2))?);
    let result = sets.map(|sets| set::intersection(sets, limits, seed));
    store(d, result.unwrap_or_default(), "sinterstore")
}

fn sunion(d: &mut Data<'_>) -> Outcome {
    combine(d, set::union)
}

fn sunionstore(d: &mut Data<'_>) -> Outcome {
    let (limits, seed) = (limits(d.config), d.keys.rng.u64(..));
    let result = set::union(&operands(&mut d.keys, d.args.rest(2))?, limits, seed);
    store(d, result, "sunionstore")
}

fn sdiff(d: &mut Data<'_>) -> Outcome {
    combine(d, set::difference)
}

fn sdiffstore(d: &mut Data<'_>) -> Outcome {
    let (limits, seed) = (limits(d.config), d.keys.rng.u64(..));
    let result = set::difference(&operands(&mut d.keys, d.args.rest(2))?, limits, seed);
    store(d, result, "sdiffstore")
}

/// Answers with the members of a set made of others.
fn combine(d: &mut Data<'_>, make: impl Fn(&[Option<&Set>], Limits, u64) -> Set) -> Outcome {
    let (limits, seed) = (limits(d.config), d.keys.rng.u64(..));
    let result = make(&operands(&mut d.keys, d.args.rest(1))?, limits, seed);
    d.reply.set(result.len());
    for member in result.iter() {
        reply_member(&mut d.reply, member);
    }
    Ok(())
}

/// Leaves the result under the first key, or nothing where it is empty, and answers with its size.
fn store(d: &mut Data<'_>, result: Set, event: &'static str) -> Outcome {
    let key = d.args.at(1);
    let count = result.len();
    if result.is_empty() {
        d.keys.delete_result(key);
    } else {
        d.keys.set_collection(key, result);
        d.keys.touch(key, Class::SET, event);
    }
    d.reply.count(count);
    Ok(())
}

/// The sets that the keys hold, `None` for a missing one.
///
/// # Errors
/// WRONGTYPE where any key holds something else, even behind a missing one.
fn operands<'k, 'a>(
    keys: &'k mut db::Keys<'_>,
    names: impl Iterator<Item = &'a [u8]> + Clone,
) -> Result<Vec<Option<&'k Set>>, Error> {
    for name in names.clone() {
        keys.collection::<Set>(name)?;
    }
    let keys = &*keys;
    let held = |name| {
        keys.again(name)
            .and_then(|entry| entry.value().collection())
    };
    Ok(names.map(held).collect())
}

/// The sets, if none is missing.
fn all_of(sets: Vec<Option<&Set>>) -> Option<Vec<&Set>> {
    sets.into_iter().collect()
}
