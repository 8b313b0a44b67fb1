//! Commands that read or change a part of a string, or ask its length.

use super::string::stored;
use crate::commands::arguments::integer;
use crate::data::string;
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::keyspace::value::StringRef;
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::error::Error;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("strlen", "2.2.0", Group::String, 2, Run::Data(strlen))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[Keys::one(1, KeyFlags::RO)])
        .args(&[Arg::key("key", 0)])
        .summary("Returns the length of a string value.")
        .complexity("O(1)"),
    Command::new("append", "2.0.0", Group::String, 3, Run::Data(append))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::INSERT))])
        .args(&[Arg::key("key", 0), Arg::new("value", ArgKind::String)])
        .summary(
            "Appends a string to the value of a key. Creates the key if it \
             doesn't exist.",
        )
        .complexity(
            "O(1). The amortized time complexity is O(1) assuming the \
             appended value is small and the already present value is of \
             any size, since the dynamic string library used by Redis will \
             double the free space available on every reallocation.",
        ),
    Command::new("getrange", "2.4.0", Group::String, 4, Run::Data(getrange))
        .flags(Flags::READONLY)
        .categories(Categories::STRING)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("start", ArgKind::Integer),
            Arg::new("end", ArgKind::Integer),
        ])
        .summary("Returns a substring of the string stored at a key.")
        .complexity(
            "O(N) where N is the length of the returned string. The \
             complexity is ultimately determined by the returned length, \
             but because creating a substring from an existing string is \
             very cheap, it can be considered O(1) for small strings.",
        ),
    Command::new("substr", "1.0.0", Group::String, 4, Run::Data(substr))
        .flags(Flags::READONLY)
        .categories(Categories::STRING)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("start", ArgKind::Integer),
            Arg::new("end", ArgKind::Integer),
        ])
        .summary("Returns a substring from a string value.")
        .complexity(
            "O(N) where N is the length of the returned string. The \
             complexity is ultimately determined by the returned length, \
             but because creating a substring from an existing string is \
             very cheap, it can be considered O(1) for small strings.",
        )
        .deprecated("2.0.0", "`GETRANGE`"),
    Command::new("setrange", "2.2.0", Group::String, 4, Run::Data(setrange))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::STRING)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("offset", ArgKind::Integer),
            Arg::new("value", ArgKind::String),
        ])
        .summary(
            "Overwrites a part of a string value with another by an offset. \
             Creates the key if it doesn't exist.",
        )
        .complexity(
            "O(1), not counting the time taken to copy the new string in \
             place. Usually, this string is very small so the amortized \
             complexity is O(1). Otherwise, complexity is O(M) with M being \
             the length of the value argument.",
        ),
];

const TOO_LONG: Error =
    Error::fixed("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
const BAD_OFFSET: Error = Error::fixed("ERR offset is out of range");

/// The first and the last of `len` units that `start` and `end` mean, negative ones counted from the end, or `None` if
/// there are none in between.
pub(super) fn clamp(start: i64, end: i64, len: usize) -> Option<(usize, usize)> {
    let len = len as i64;
    let from_front = |index: i64| {
        if index < 0 {
            (index + len).max(0)
        } else {
            index
        }
    };
    let (start, end) = (from_front(start), from_front(end).min(len - 1));
    (start <= end).then_some((start as usize, end as usize))
}

/// As [`clamp`], and `None` for two negative indexes in the wrong order. Without this look both could mean the first unit.
pub(super) fn clamp_in_order(start: i64, end: i64, len: usize) -> Option<(usize, usize)> {
    if start < 0 && end < 0 && start > end {
        return None;
    }
    clamp(start, end, len)
}

/// The error for a string that would grow to `offset + len` bytes, if that is too long.
fn check_length(d: &Data<'_>, offset: usize, len: usize) -> Outcome {
    let longest = usize::try_from(d.config.proto_max_bulk_len).unwrap_or(0);
    match offset.checked_add(len) {
        Some(total) if total <= longest => Ok(()),
        _ => Err(TOO_LONG),
    }
}

fn strlen(d: &mut Data<'_>) -> Outcome {
    let string = d.keys.string(d.args.at(1))?;
    d.reply.count(string.map_or(0, |string| string.len()));
    Ok(())
}

fn append(d: &mut Data<'_>) -> Outcome {
    let (key, tail) = (d.args.at(1), d.args.at(2));
    let len = match d.keys.string_to_change(key)?.map(|string| string.len()) {
        None => {
            d.keys.update(key, stored(d.args, 2));
            tail.len()
        }
        Some(len) => {
            check_length(d, len, tail.len())?;
            string::append(d.keys.string_mut(key)?, tail);
            len + tail.len()
        }
    };
    d.keys.touch(key, Class::STRING, "append");
    d.reply.count(len);
    Ok(())
}

fn getrange(d: &mut Data<'_>) -> Outcome {
    let (start, end) = (integer(d.args.at(2))?, integer(d.args.at(3))?);
    let Some(string) = d.keys.string(d.args.at(1))? else {
        d.reply.bulk(b"");
        return Ok(());
    };
    match (clamp_in_order(start, end, string.len()), string) {
        (None, _) => d.reply.bulk(b""),
        (Some((0, last)), StringRef::Shared(bytes)) if last + 1 == bytes.len() => {
            d.reply.shared_bulk(bytes);
        }
        (Some((first, last)), string) => {
            d.reply
                .bulk(&string.bytes(&mut itoa::Buffer::new())[first..=last]);
        }
    }
    Ok(())
}

/// The old name of GETRANGE.
fn substr(d: &mut Data<'_>) -> Outcome {
    getrange(d)
}

fn setrange(d: &mut Data<'_>) -> Outcome {
    let (key, piece) = (d.args.at(1), d.args.at(3));
    let offset = usize::try_from(integer(d.args.at(2))?).map_err(|_| BAD_OFFSET)?;
    let len = d
        .keys
        .string_to_change(key)?
        .map_or(0, |string| string.len());
    if piece.is_empty() {
        d.reply.count(len);
        return Ok(());
    }
    check_length(d, offset, piece.len())?;
    let end = offset + piece.len();
    let bytes = d.keys.string_mut(key)?;
    string::grow(bytes, end);
    bytes[offset..end].copy_from_slice(piece);
    d.keys.touch(key, Class::STRING, "setrange");
    d.reply.count(len.max(end));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Embedded;

    #[test]
    fn a_reply_that_is_not_yet_sent_keeps_the_bytes_it_was_asked_for() {
        let mut redis = Embedded::new(1);
        let client = redis.connect();
        let old = "v".repeat(40_000);
        redis.ask(client, &format!("SET k {old}"));
        // All three are written at the end of one turn.
        let answer = redis.ask(client, "GET k\r\nSETRANGE k 0 X\r\nGETRANGE k 0 1");
        assert_eq!(answer, format!("$40000\r\n{old}\r\n:40000\r\n$2\r\nXv\r\n"));
    }

    #[test]
    fn an_end_before_the_string_means_its_first_unit() {
        assert_eq!(clamp(0, -1, 3), Some((0, 2)));
        assert_eq!(clamp(-2, 99, 3), Some((1, 2)));
        assert_eq!(clamp(0, -100, 3), Some((0, 0)));
        assert_eq!(clamp(-100, -101, 3), Some((0, 0)));
        assert_eq!(clamp_in_order(-100, -101, 3), None);
        assert_eq!(clamp_in_order(-101, -100, 3), Some((0, 0)));
        assert_eq!(clamp(3, 5, 3), None);
        assert_eq!(clamp(0, -1, 0), None);
        assert_eq!(clamp(i64::MIN, i64::MAX, 3), Some((0, 2)));
    }
}
