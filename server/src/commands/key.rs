//! Commands on keys of any type: whether they are there, where they are and what they are called.

use crate::commands::arguments;
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::keyspace::db;
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::error::Error;

const SAME_OBJECT: Error = Error::fixed("ERR source and destination objects are the same");

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("del", "1.0.0", Group::Generic, -2, Run::Data(del))
        .flags(Flags::WRITE)
        .categories(Categories::KEYSPACE)
        .keys(&[Keys::range(1, -1, 1, KeyFlags::RM.union(KeyFlags::DELETE))])
        .args(&[Arg::key("key", 0).multiple()])
        .summary("Deletes one or more keys.")
        .complexity(
            "O(N) where N is the number of keys that will be removed. When \
             a key to remove holds a value other than a string, the \
             individual complexity for this key is O(M) where M is the \
             number of elements in the list, set, sorted set or hash. \
             Removing a single key that holds a string value is O(1).",
        )
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    Command::new("unlink", "4.0.0", Group::Generic, -2, Run::Data(unlink))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[Keys::range(1, -1, 1, KeyFlags::RM.union(KeyFlags::DELETE))])
        .args(&[Arg::key("key", 0).multiple()])
        .summary("Asynchronously deletes one or more keys.")
        .complexity(
            "O(1) for each key removed regardless of its size. Then the \
             command does O(N) work in a different thread in order to \
             reclaim memory, where N is the number of allocations the \
             deleted objects where composed of.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    Command::new("exists", "1.0.0", Group::Generic, -2, Run::Data(exists))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[Keys::range(1, -1, 1, KeyFlags::RO)])
        .args(&[Arg::key("key", 0).multiple()])
        .summary("Determines whether one or more keys exist.")
        .complexity("O(N) where N is the number of keys to check.")
        .history(&[("3.0.3", "Accepts multiple `key` arguments.")])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    Command::new("type", "1.0.0", Group::Generic, 2, Run::Data(type_))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[Keys::one(1, KeyFlags::RO)])
        .args(&[Arg::key("key", 0)])
        .summary("Determines the type of value stored at a key.")
        .complexity("O(1)"),
    Command::new("rename", "1.0.0", Group::Generic, 3, Run::Data(rename))
        .flags(Flags::WRITE)
        .categories(Categories::KEYSPACE)
        .keys(&[
            Keys::one(
                1,
                KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
            ),
            Keys::one(2, KeyFlags::OW.union(KeyFlags::UPDATE)),
        ])
        .args(&[Arg::key("key", 0), Arg::key("newkey", 1)])
        .summary("Renames a key and overwrites the destination.")
        .complexity("O(1)"),
    Command::new("renamenx", "1.0.0", Group::Generic, 3, Run::Data(renamenx))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[
            Keys::one(
                1,
                KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
            ),
            Keys::one(2, KeyFlags::OW.union(KeyFlags::INSERT)),
        ])
        .args(&[Arg::key("key", 0), Arg::key("newkey", 1)])
        .summary("Renames a key only when the target key name doesn't exist.")
        .complexity("O(1)")
        .history(&[(
            "3.2.0",
            "The command no longer returns an error when source and \
             destination names are the same.",
        )]),
    Command::new("copy", "6.2.0", Group::Generic, -3, Run::Data(copy))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::KEYSPACE)
        .keys(&[
            Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS)),
            Keys::one(2, KeyFlags::OW.union(KeyFlags::UPDATE)),
        ])
        .args(&[
            Arg::key("source", 0),
            Arg::key("destination", 1),
            Arg::new("destination-db", ArgKind::Integer)
                .token("DB")
                .optional(),
            Arg::word("replace", "REPLACE").optional(),
        ])
        .summary("Copies the value of a key to a new key.")
        .complexity(
            "O(N) worst case for collections, where N is the number of \
             nested items. O(1) for string values.",
        ),
    Command::new("move", "1.0.0", Group::Generic, 3, Run::Data(move_))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE),
        )])
        .args(&[Arg::key("key", 0), Arg::new("db", ArgKind::Integer)])
        .summary("Moves a key to another database.")
        .complexity("O(1)"),
    Command::new("touch", "3.2.1", Group::Generic, -2, Run::Data(touch))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[Keys::range(1, -1, 1, KeyFlags::RO)])
        .args(&[Arg::key("key", 0).multiple()])
        .summary(
            "Returns the number of existing keys out of those specified \
             after updating the time they were last accessed.",
        )
        .complexity("O(N) where N is the number of keys that will be touched.")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
];

fn del(d: &mut Data<'_>) -> Outcome {
    remove_all(d, d.config.lazyfree_lazy_user_del)
}

/// Differs from DEL only in when memory is given back, which nobody can see in a reply.
fn unlink(d: &mut Data<'_>) -> Outcome {
    remove_all(d, true)
}

fn remove_all(d: &mut Data<'_>, lazily: bool) -> Outcome {
    let mut deleted = 0;
    for key in d.args.rest(1) {
        deleted += usize::from(d.keys.remove(key, lazily));
    }
    d.reply.count(deleted);
    Ok(())
}

fn exists(d: &mut Data<'_>) -> Outcome {
    let mut found = 0;
    for key in d.args.rest(1) {
        found += usize::from(d.keys.look(key).is_some());
    }
    d.reply.count(found);
    Ok(())
}

fn type_(d: &mut Data<'_>) -> Outcome {
    let name = d
        .keys
        .look(d.args.at(1))
        .map_or("none", |entry| entry.value().type_name());
    d.reply.status(name);
    Ok(())
}

fn touch(d: &mut Data<'_>) -> Outcome {
    // This is how a client that asked for CLIENT NO-TOUCH says that it means this key.
    d.keys.no_touch = false;
    let mut found = 0;
    for key in d.args.rest(1) {
        found += usize::from(d.keys.read(key).is_some());
    }
    d.reply.count(found);
    Ok(())
}

fn rename(d: &mut Data<'_>) -> Outcome {
    rename_to(d, true)?;
    d.reply.ok();
    Ok(())
}

fn renamenx(d: &mut Data<'_>) -> Outcome {
    let renamed = rename_to(d, false)?;
    d.reply.flag(renamed);
    Ok(())
}

/// Gives a key its new name.
///
/// # Returns
/// whether it has a new name: not if that was its name already, or another key's that may not be replaced.
fn rename_to(d: &mut Data<'_>, replace: bool) -> Result<bool, Error> {
    let (from, to) = (d.args.at(1), d.args.at(2));
    if d.keys.edit(from).is_none() {
        return Err(Error::NO_SUCH_KEY);
    }
    if from == to {
        return Ok(false);
    }
    let way = make_way(&mut d.keys, to, replace);
    if way == Way::Barred {
        return Ok(false);
    }
    let entry = d.keys.take(from).ok_or(Error::NO_SUCH_KEY)?;
    let (expire_ms, is) = (entry.expire_ms(), entry.value().type_name());
    d.keys.put(entry.rebuilt(Some(to), expire_ms));
    d.keys.touch(from, Class::empty(), "");
    d.keys.changed(to, Class::empty(), "");
    d.keys.notify(from, Class::GENERIC, "rename_from");
    d.keys.notify(to, Class::GENERIC, "rename_to");
    if let Way::Made(was) = way {
        d.keys.overwritten(to, was, is);
    }
    Ok(true)
}

/// Whether a key can be created under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Free,
    /// A value of this type was there, and is gone.
    Made(&'static str),
    /// Something is there that may not be replaced.
    Barred,
}

/// Sees to it that a key can be created under this name. That a value was overwritten is said when it has been.
fn make_way(keys: &mut db::Keys<'_>, key: &[u8], replace: bool) -> Way {
    let Some(was) = keys.edit(key).map(|entry| entry.value().type_name()) else {
        return Way::Free;
    };
    if !replace {
        return Way::Barred;
    }
    keys.clear(key);
    Way::Made(was)
}

fn copy(d: &mut Data<'_>) -> Outcome {
    let (from, to) = (d.args.at(1), d.args.at(2));
    let (mut to_db, mut replace) = (d.keys.db, false);
    let mut index = 3;
    while index < d.args.len() {
        if d.args.is(index, "REPLACE") {
            replace = true;
        } else if d.args.is(index, "DB") && index + 1 < d.args.len() {
            index += 1;
            to_db = database(d, index)?;
        } else {
            return Err(Error::SYNTAX);
        }
        index += 1;
    }
    if to_db == d.keys.db && from == to {
        return Err(SAME_OBJECT);
    }
    let way = if d.keys.read(from).is_some() {
        make_way(&mut d.keys.other(to_db), to, replace)
    } else {
        Way::Barred
    };
    let there = way != Way::Barred;
    // Large values are copied only when there is a place for them.
    let copied = there.then(|| d.keys.peek(from)).flatten();
    let copied = copied.map(|entry| entry.duplicate(to));
    if let Some(copied) = copied {
        let is = copied.value().type_name();
        let mut keys = d.keys.other(to_db);
        keys.put(copied);
        keys.touch(to, Class::GENERIC, "copy_to");
        if let Way::Made(was) = way {
            keys.overwritten(to, was, is);
        }
    }
    d.reply.flag(there);
    Ok(())
}

fn move_(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let to_db = database(d, 2)?;
    if to_db == d.keys.db {
        return Err(SAME_OBJECT);
    }
    let moved =
        d.keys.edit(key).is_some() && make_way(&mut d.keys.other(to_db), key, false) == Way::Free;
    if let Some(entry) = moved.then(|| d.keys.take(key)).flatten() {
        d.keys.other(to_db).put(entry);
        d.keys.touch(key, Class::GENERIC, "move_from");
        d.keys.other(to_db).changed(key, Class::GENERIC, "move_to");
    }
    d.reply.flag(moved);
    Ok(())
}

/// The number of a database that exists.
fn database(d: &Data<'_>, index: usize) -> Result<usize, Error> {
    let db = arguments::within(d.args.at(index), i32::MIN.into(), i32::MAX.into())?;
    usize::try_from(db)
        .ok()
        .filter(|&db| db < d.keys.databases())
        .ok_or(Error::fixed("ERR DB index is out of range"))
}
