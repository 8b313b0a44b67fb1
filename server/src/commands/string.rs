//! Commands on strings.

use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::keyspace::db::Deadline;
use crate::keyspace::value::{New, StringRef};
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::reply::Reply;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("get", "1.0.0", Group::String, 2, Run::Data(get))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0)])
        .summary("Returns the string value of a key.")
        .complexity("O(1)"),
    Command::new("set", "1.0.0", Group::String, -3, Run::Data(set))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::STRING)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .args(&[Arg::key("key", 0), Arg::new("value", ArgKind::String)])
        .summary("Sets the string value of a key.")
        .complexity("O(1)"),
];

/// Answers a string, or null.
pub(super) fn reply_string(reply: &mut Reply<'_>, string: Option<StringRef<'_>>) {
    match string {
        None => reply.null(),
        Some(StringRef::Int(int)) => reply.bulk_int(int),
        Some(StringRef::Bytes(bytes)) => reply.bulk(bytes),
        Some(StringRef::Shared(bytes)) => reply.shared_bulk(bytes),
    }
}

/// The value a command stores for argument `index`: an integer, a copy, or the very buffer it arrived in.
pub(super) fn stored<'a>(d: &Data<'a>, index: usize) -> New<'a> {
    match d.args.shared(index) {
        Some(large) => New::Boxed(crate::keyspace::value::Value::String(
            std::sync::Arc::clone(large),
        )),
        None => New::from_text(d.args.at(index)),
    }
}

fn get(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    reply_string(&mut d.reply, d.keys.string(key)?);
    Ok(())
}

fn set(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let value = stored(d, 2);
    d.keys.set(key, value, Deadline::Clear);
    d.keys.touch(key, Class::STRING, "set");
    d.reply.ok();
    Ok(())
}
