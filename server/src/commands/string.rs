//! Commands that store a string whole or answer one whole, with or without a deadline.

use std::sync::Arc;

use super::arguments::{self, TimeUnit};
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::keyspace::db::Deadline;
use crate::keyspace::value::{New, StringRef, Value};
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::registry::keys::KeyRef;
use crate::resp::args::Args;
use crate::resp::error::Error;
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
        .keys(&[Keys::one(
            1,
            KeyFlags::RW
                .union(KeyFlags::ACCESS)
                .union(KeyFlags::UPDATE)
                .union(KeyFlags::VARIABLE_FLAGS),
        )
        .notes("RW and ACCESS due to the optional `GET` argument")])
        .find_keys(set_keys)
        .args(&[
            Arg::key("key", 0),
            Arg::new("value", ArgKind::String),
            Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
                .since("2.6.12")
                .optional(),
            Arg::word("get", "GET").since("6.2.0").optional(),
            Arg::one_of(
                "expiration",
                &[
                    Arg::new("seconds", ArgKind::Integer)
                        .token("EX")
                        .since("2.6.12"),
                    Arg::new("milliseconds", ArgKind::Integer)
                        .token("PX")
                        .since("2.6.12"),
                    Arg::new("unix-time-seconds", ArgKind::UnixTime)
                        .token("EXAT")
                        .since("6.2.0"),
                    Arg::new("unix-time-milliseconds", ArgKind::UnixTime)
                        .token("PXAT")
                        .since("6.2.0"),
                    Arg::word("keepttl", "KEEPTTL").since("6.0.0"),
                ],
            )
            .optional(),
        ])
        .summary(
            "Sets the string value of a key, ignoring its type. The key is \
             created if it doesn't exist.",
        )
        .complexity("O(1)")
        .history(&[
            ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
            ("6.0.0", "Added the `KEEPTTL` option."),
            ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
            (
                "7.0.0",
                "Allowed the `NX` and `GET` options to be used together.",
            ),
        ]),
    Command::new("setnx", "1.0.0", Group::String, 3, Run::Data(setnx))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[Keys::one(1, KeyFlags::OW.union(KeyFlags::INSERT))])
        .args(&[Arg::key("key", 0), Arg::new("value", ArgKind::String)])
        .summary("Set the string value of a key only when the key doesn't exist.")
        .complexity("O(1)")
        .deprecated("2.6.12", "`SET` with the `NX` argument"),
    Command::new("setex", "2.0.0", Group::String, 4, Run::Data(setex))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::STRING)
        .keys(&[Keys::one(1, KeyFlags::OW.union(KeyFlags::UPDATE))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("seconds", ArgKind::Integer),
            Arg::new("value", ArgKind::String),
        ])
        .summary(
            "Sets the string value and expiration time of a key. Creates \
             the key if it doesn't exist.",
        )
        .complexity("O(1)")
        .deprecated("2.6.12", "`SET` with the `EX` argument"),
    Command::new("psetex", "2.6.0", Group::String, 4, Run::Data(psetex))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::STRING)
        .keys(&[Keys::one(1, KeyFlags::OW.union(KeyFlags::UPDATE))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("milliseconds", ArgKind::Integer),
            Arg::new("value", ArgKind::String),
        ])
        .summary(
            "Sets both string value and expiration time in milliseconds of \
             a key. The key is created if it doesn't exist.",
        )
        .complexity("O(1)")
        .deprecated("2.6.12", "`SET` with the `PX` argument"),
    Command::new("getset", "1.0.0", Group::String, 3, Run::Data(getset))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE),
        )])
        .args(&[Arg::key("key", 0), Arg::new("value", ArgKind::String)])
        .summary(
            "Returns the previous string value of a key after setting it to \
             a new value.",
        )
        .complexity("O(1)")
        .deprecated("6.2.0", "`SET` with the `!GET` argument"),
    Command::new("getex", "6.2.0", Group::String, -2, Run::Data(getex))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE),
        )
        .notes("RW and UPDATE because it changes the TTL")])
        .args(&[
            Arg::key("key", 0),
            Arg::one_of(
                "expiration",
                &[
                    Arg::new("seconds", ArgKind::Integer).token("EX"),
                    Arg::new("milliseconds", ArgKind::Integer).token("PX"),
                    Arg::new("unix-time-seconds", ArgKind::UnixTime).token("EXAT"),
                    Arg::new("unix-time-milliseconds", ArgKind::UnixTime).token("PXAT"),
                    Arg::word("persist", "PERSIST"),
                ],
            )
            .optional(),
        ])
        .summary(
            "Returns the string value of a key after setting its expiration \
             time.",
        )
        .complexity("O(1)"),
    Command::new("getdel", "6.2.0", Group::String, 2, Run::Data(getdel))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
        )])
        .args(&[Arg::key("key", 0)])
        .summary("Returns the string value of a key after deleting the key.")
        .complexity("O(1)"),
    Command::new("mget", "1.0.0", Group::String, -2, Run::Data(mget))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[Keys::range(1, -1, 1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0).multiple()])
        .summary("Atomically returns the string values of one or more keys.")
        .complexity("O(N) where N is the number of keys to retrieve.")
        .tips(&["request_policy:multi_shard"]),
    Command::new("mset", "1.0.1", Group::String, -3, Run::Data(mset))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::STRING)
        .keys(&[Keys::range(1, -1, 2, KeyFlags::OW.union(KeyFlags::UPDATE))])
        .args(&[Arg::block(
            "data",
            &[Arg::key("key", 0), Arg::new("value", ArgKind::String)],
        )
        .multiple()])
        .summary(
            "Atomically creates or modifies the string values of one or \
             more keys.",
        )
        .complexity("O(N) where N is the number of keys to set.")
        .tips(&[
            "request_policy:multi_shard",
            "response_policy:all_succeeded",
        ]),
    Command::new("msetnx", "1.0.1", Group::String, -3, Run::Data(msetnx))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::STRING)
        .keys(&[Keys::range(1, -1, 2, KeyFlags::OW.union(KeyFlags::INSERT))])
        .args(&[Arg::block(
            "data",
            &[Arg::key("key", 0), Arg::new("value", ArgKind::String)],
        )
        .multiple()])
        .summary(
            "Atomically modifies the string values of one or more keys only \
             when all keys don't exist.",
        )
        .complexity("O(N) where N is the number of keys to set."),
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
pub(super) fn stored<'a>(args: Args<'a>, index: usize) -> New<'a> {
    match args.shared(index) {
        Some(large) => New::Owned(Value::String(Arc::clone(large))),
        None => New::from_text(args.at(index)),
    }
}

/// Stores argument `index` under a key, and says so.
fn store(d: &mut Data<'_>, key: &[u8], index: usize, deadline: Deadline) {
    d.keys.set(key, stored(d.args, index), deadline);
    d.keys.touch(key, Class::STRING, "set");
    if let Deadline::At(_) = deadline {
        d.keys.notify(key, Class::GENERIC, "expire");
    }
}

/// How the options of SET and GETEX say when a key is to expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expiry<'a> {
    /// Not at all, for SET; as before, for GETEX.
    Unsaid,
    Keep,
    Persist,
    At(Time, &'a [u8]),
}

/// A time of expiry as one of four words introduces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Time {
    unit: TimeUnit,
    absolute: bool,
}

impl Time {
    fn deadline_ms(self, text: &[u8], now_ms: i64, command: &str) -> Result<i64, Error> {
        let base_ms = if self.absolute { 0 } else { now_ms };
        arguments::deadline_ms(text, self.unit, base_ms, command)
    }
}

impl<'a> Expiry<'a> {
    /// Reads EX, PX, EXAT or PXAT at `index`; each may be repeated, and the last one counts.
    ///
    /// # Returns
    /// the index of the next option.
    fn read_time(&mut self, args: Args<'a>, index: usize) -> Result<usize, Error> {
        let words = [
            ("ex", TimeUnit::Seconds, false),
            ("px", TimeUnit::Milliseconds, false),
            ("exat", TimeUnit::Seconds, true),
            ("pxat", TimeUnit::Milliseconds, true),
        ];
        let found = words.iter().find(|(word, ..)| args.is(index, word));
        let (Some(&(_, unit, absolute)), Some(text)) = (found, args.get(index + 1)) else {
            return Err(Error::SYNTAX);
        };
        let time = Time { unit, absolute };
        match *self {
            Expiry::Unsaid => {}
            Expiry::At(before, _) if before == time => {}
            _ => return Err(Error::SYNTAX),
        }
        *self = Expiry::At(time, text);
        Ok(index + 2)
    }

    /// Notes KEEPTTL or PERSIST, which go together with nothing else.
    fn read_word(&mut self, said: Expiry<'a>) -> Result<(), Error> {
        if *self != Expiry::Unsaid && *self != said {
            return Err(Error::SYNTAX);
        }
        *self = said;
        Ok(())
    }
}

/// On what SET depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Missing,
    Exists,
}

/// The options of SET.
struct SetOptions<'a> {
    condition: Option<Condition>,
    get: bool,
    expiry: Expiry<'a>,
}

impl<'a> SetOptions<'a> {
    fn parse(args: Args<'a>) -> Result<SetOptions<'a>, Error> {
        let mut options = SetOptions {
            condition: None,
            get: false,
            expiry: Expiry::Unsaid,
        };
        let mut index = 3;
        while index < args.len() {
            let condition = options.condition;
            if args.is(index, "nx") && condition != Some(Condition::Exists) {
                options.condition = Some(Condition::Missing);
            } else if args.is(index, "xx") && condition != Some(Condition::Missing) {
                options.condition = Some(Condition::Exists);
            } else if args.is(index, "get") {
                options.get = true;
            } else if args.is(index, "keepttl") {
                options.expiry.read_word(Expiry::Keep)?;
            } else {
                index = options.expiry.read_time(args, index)?;
                continue;
            }
            index += 1;
        }
        Ok(options)
    }
}

fn get(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    reply_string(&mut d.reply, d.keys.string(key)?);
    Ok(())
}

fn set(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    if d.args.len() == 3 {
        store(d, key, 2, Deadline::Clear);
        d.reply.ok();
        return Ok(());
    }
    let options = SetOptions::parse(d.args)?;
    let deadline = match options.expiry {
        Expiry::Keep => Deadline::Keep,
        Expiry::At(time, text) => Deadline::At(time.deadline_ms(text, d.now.wall_ms(), "set")?),
        Expiry::Unsaid | Expiry::Persist => Deadline::Clear,
    };
    if options.get {
        // The old value is the whole answer, whether a new one is then set or not.
        reply_string(&mut d.reply, d.keys.string(key)?);
        d.keys.look_anew();
    }
    let met = options
        .condition
        .is_none_or(|condition| (condition == Condition::Exists) == d.keys.edit(key).is_some());
    if met {
        store(d, key, 2, deadline);
    }
    match (options.get, met) {
        (true, _) => {}
        (false, true) => d.reply.ok(),
        (false, false) => d.reply.null(),
    }
    Ok(())
}

/// SET's key, which it only overwrites unless any word behind the value is GET, as Redis looks at it.
fn set_keys(args: Args<'_>) -> Vec<KeyRef> {
    let reads = (3..args.len()).any(|index| args.is(index, "get"));
    let flags = if reads {
        KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE
    } else {
        KeyFlags::OW | KeyFlags::UPDATE
    };
    vec![KeyRef { position: 1, flags }]
}

fn setnx(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let missing = d.keys.edit(key).is_none();
    if missing {
        store(d, key, 2, Deadline::Clear);
    }
    d.reply.flag(missing);
    Ok(())
}

fn setex(d: &mut Data<'_>) -> Outcome {
    set_to_expire(d, TimeUnit::Seconds, "setex")
}

fn psetex(d: &mut Data<'_>) -> Outcome {
    set_to_expire(d, TimeUnit::Milliseconds, "psetex")
}

fn set_to_expire(d: &mut Data<'_>, unit: TimeUnit, command: &str) -> Outcome {
    let now_ms = d.now.wall_ms();
    let at_ms = arguments::deadline_ms(d.args.at(2), unit, now_ms, command)?;
    store(d, d.args.at(1), 3, Deadline::At(at_ms));
    d.reply.ok();
    Ok(())
}

fn getset(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    reply_string(&mut d.reply, d.keys.string(key)?);
    d.keys.look_anew();
    store(d, key, 2, Deadline::Clear);
    Ok(())
}

fn getex(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let mut expiry = Expiry::Unsaid;
    let mut index = 2;
    while index < d.args.len() {
        if d.args.is(index, "persist") {
            expiry.read_word(Expiry::Persist)?;
            index += 1;
        } else {
            index = expiry.read_time(d.args, index)?;
        }
    }

    let Some(string) = d.keys.string(key)? else {
        // The time is not even looked at.
        d.reply.null();
        return Ok(());
    };
    let now_ms = d.now.wall_ms();
    let deadline = match expiry {
        Expiry::At(time, text) => Some((time, time.deadline_ms(text, now_ms, "getex")?)),
        Expiry::Unsaid | Expiry::Keep | Expiry::Persist => None,
    };
    reply_string(&mut d.reply, Some(string));

    match deadline {
        Some((time, at_ms)) if time.absolute && at_ms <= now_ms => {
            d.keys.delete(key);
        }
        Some((_, at_ms)) => {
            d.keys.set_deadline(key, Some(at_ms));
            d.keys.touch(key, Class::GENERIC, "expire");
        }
        None if expiry == Expiry::Persist && has_deadline(d, key) => {
            d.keys.set_deadline(key, None);
            d.keys.touch(key, Class::GENERIC, "persist");
        }
        None => {}
    }
    Ok(())
}

fn has_deadline(d: &mut Data<'_>, key: &[u8]) -> bool {
    d.keys
        .peek(key)
        .is_some_and(|entry| entry.expire_ms().is_some())
}

fn getdel(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let string = d.keys.string(key)?;
    let found = string.is_some();
    reply_string(&mut d.reply, string);
    if found {
        d.keys.delete(key);
    }
    Ok(())
}

fn mget(d: &mut Data<'_>) -> Outcome {
    let keys = d.args.rest(1);
    d.reply.array(keys.len());
    for key in keys {
        let string = d.keys.read(key).and_then(|entry| entry.value().as_string());
        reply_string(&mut d.reply, string);
    }
    Ok(())
}

fn mset(d: &mut Data<'_>) -> Outcome {
    check_pairs(d.args, "mset")?;
    store_pairs(d);
    d.reply.ok();
    Ok(())
}

fn msetnx(d: &mut Data<'_>) -> Outcome {
    check_pairs(d.args, "msetnx")?;
    let all_missing = d
        .args
        .rest(1)
        .step_by(2)
        .all(|key| d.keys.edit(key).is_none());
    if all_missing {
        store_pairs(d);
    }
    d.reply.flag(all_missing);
    Ok(())
}

fn check_pairs(args: Args<'_>, command: &str) -> Outcome {
    if args.len() % 2 == 1 {
        Ok(())
    } else {
        Err(Error::arity(command))
    }
}

fn store_pairs(d: &mut Data<'_>) {
    for index in (1..d.args.len()).step_by(2) {
        store(d, d.args.at(index), index + 1, Deadline::Clear);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use crate::Embedded;
    use crate::keyspace::value::ValueRef;

    #[test]
    fn a_deadline_that_has_passed_is_not_kept_by_whoever_overwrites_the_key() {
        let mut redis = Embedded::new(1);
        redis.engine.keyspace.active_expire = false;
        let client = redis.connect();
        for overwrite in ["SET k new KEEPTTL", "APPEND k new", "SETRANGE k 0 new"] {
            redis.ask(client, "SET k old PX 1");
            redis.advance(Duration::from_millis(2));
            redis.ask(client, overwrite);
            let answer = redis.ask(client, "GET k\r\nTTL k");
            assert_eq!(answer, "$3\r\nnew\r\n:-1\r\n", "{overwrite}");
        }
    }

    #[test]
    fn set_takes_a_time_that_is_past_and_getex_deletes_by_it() {
        let mut redis = Embedded::new(1);
        redis.engine.keyspace.active_expire = false;
        let client = redis.connect();
        redis.ask(client, "SET k v EXAT 1");
        assert_eq!(redis.ask(client, "DBSIZE"), ":1\r\n");
        assert_eq!(redis.ask(client, "GET k"), "$-1\r\n");
        redis.ask(client, "SET k v");
        assert_eq!(redis.ask(client, "GETEX k EXAT 1"), "$1\r\nv\r\n");
        assert_eq!(redis.ask(client, "DBSIZE"), ":0\r\n");
    }

    #[test]
    fn a_large_argument_is_kept_in_the_buffer_it_arrived_in() {
        let mut redis = Embedded::new(1);
        let client = redis.connect();
        let (head, tail) = (
            "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$40000\r\n",
            "v".repeat(40_000),
        );
        redis.exchange(client, head.as_bytes());
        redis.exchange(client, tail.as_bytes());
        let key = redis
            .engine
            .clients
            .iter()
            .next()
            .expect("one is connected")
            .key;
        let (buffer, left) = redis
            .engine
            .filling(key)
            .expect("the CRLF is still to come");
        let (arrived, left) = (buffer.as_ptr(), left);
        assert_eq!(left, 2, "the CRLF is still to come");
        redis.exchange(client, b"\r\n");
        let entry = redis.engine.keyspace.db(0).table.get(b"k");
        let Some(ValueRef::Shared(kept)) = entry.map(|entry| entry.value()) else {
            panic!("a large string has a buffer of its own");
        };
        assert_eq!((kept.as_ptr(), Arc::strong_count(kept)), (arrived, 1));
    }
}
