//! Commands that treat a string as a number and add to it.

use super::arguments::integer;
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::keyspace::value::New;
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::error::Error;
use crate::text::extended::{self, Problem};

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("incr", "1.0.0", Group::String, 2, Run::Data(incr))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE),
        )])
        .args(&[Arg::key("key", 0)])
        .summary(
            "Increments the integer value of a key by one. Uses 0 as \
             initial value if the key doesn't exist.",
        )
        .complexity("O(1)"),
    Command::new("decr", "1.0.0", Group::String, 2, Run::Data(decr))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE),
        )])
        .args(&[Arg::key("key", 0)])
        .summary(
            "Decrements the integer value of a key by one. Uses 0 as \
             initial value if the key doesn't exist.",
        )
        .complexity("O(1)"),
    Command::new("incrby", "1.0.0", Group::String, 3, Run::Data(incrby))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE),
        )])
        .args(&[Arg::key("key", 0), Arg::new("increment", ArgKind::Integer)])
        .summary(
            "Increments the integer value of a key by a number. Uses 0 as \
             initial value if the key doesn't exist.",
        )
        .complexity("O(1)"),
    Command::new("decrby", "1.0.0", Group::String, 3, Run::Data(decrby))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE),
        )])
        .args(&[Arg::key("key", 0), Arg::new("decrement", ArgKind::Integer)])
        .summary(
            "Decrements a number from the integer value of a key. Uses 0 as \
             initial value if the key doesn't exist.",
        )
        .complexity("O(1)"),
    Command::new(
        "incrbyfloat",
        "2.6.0",
        Group::String,
        3,
        Run::Data(incrbyfloat),
    )
    .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
    .categories(Categories::STRING)
    .keys(&[Keys::one(
        1,
        KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE),
    )])
    .args(&[Arg::key("key", 0), Arg::new("increment", ArgKind::Double)])
    .summary(
        "Increment the floating point value of a key by a number. Uses \
         0 as initial value if the key doesn't exist.",
    )
    .complexity("O(1)"),
];

fn incr(d: &mut Data<'_>) -> Outcome {
    add(d, 1)
}

fn decr(d: &mut Data<'_>) -> Outcome {
    add(d, -1)
}

fn incrby(d: &mut Data<'_>) -> Outcome {
    let by = integer(d.args.at(2))?;
    add(d, by)
}

fn decrby(d: &mut Data<'_>) -> Outcome {
    let by = integer(d.args.at(2))?
        .checked_neg()
        .ok_or(Error::fixed("ERR decrement would overflow"))?;
    add(d, by)
}

fn add(d: &mut Data<'_>, by: i64) -> Outcome {
    let key = d.args.at(1);
    let sum = match d.keys.edit(key) {
        None => {
            d.keys.update(key, New::Int(by));
            by
        }
        Some(entry) => {
            let string = entry.value().as_string().ok_or(Error::WRONG_TYPE)?;
            let value = string.int().ok_or(Error::NOT_INTEGER)?;
            let sum = value.checked_add(by).ok_or(Error::OVERFLOW)?;
            // Nearly always an integer lies there, and is changed where it lies.
            if entry.overwrite(New::Int(sum)).is_err() {
                d.keys.update(key, New::Int(sum));
            }
            sum
        }
    };
    // All four say "incrby": INCRBY is what they are propagated as.
    d.keys.touch(key, Class::STRING, "incrby");
    d.reply.int(sum);
    Ok(())
}

fn incrbyfloat(d: &mut Data<'_>) -> Outcome {
    let (key, by) = (d.args.at(1), d.args.at(2));
    let mut digits = itoa::Buffer::new();
    let string = d.keys.string_to_change(key)?;
    let value = match &string {
        None => b"0",
        Some(string) => string.bytes(&mut digits),
    };
    let sum = extended::increment(value, by).map_err(|problem| match problem {
        Problem::ValueNotFloat | Problem::IncrementNotFloat => Error::NOT_FLOAT,
        Problem::NanOrInfinity => Error::fixed("ERR increment would produce NaN or Infinity"),
    })?;
    d.keys.update(key, New::from_bytes(&sum));
    d.keys.touch(key, Class::STRING, "incrbyfloat");
    d.reply.bulk(&sum);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::Embedded;

    #[test]
    fn a_sum_is_an_integer_again_and_keeps_the_deadline() {
        let mut redis = Embedded::new(1);
        let client = redis.connect();
        for (before, sum) in [("SET k 1 PX 500", ":2\r\n"), ("APPEND k 0", ":21\r\n")] {
            redis.ask(client, before);
            assert_eq!(redis.ask(client, "INCR k"), sum);
            assert_eq!(
                redis.ask(client, "OBJECT ENCODING k\r\nPTTL k"),
                "$3\r\nint\r\n:500\r\n"
            );
        }
    }
}
