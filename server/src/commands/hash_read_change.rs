//! Commands that read or set fields of a hash and change their deadlines, or delete them, at once.

use crate::commands::arguments::TimeUnit;
use crate::commands::hash::{self, reply_item};
use crate::commands::hash_deadline::{self as deadline, NOT_POSITIVE};
use crate::data::hash::{Deadline, Hash};
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::args::Args;
use crate::resp::error::Error;
use crate::text::integers;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("hgetdel", "8.0.0", Group::Hash, -5, Run::Data(hgetdel))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
        )])
        .args(&[
            Arg::key("key", 0),
            Arg::block(
                "fields",
                &[
                    Arg::new("numfields", ArgKind::Integer),
                    Arg::new("field", ArgKind::String).multiple(),
                ],
            )
            .token("FIELDS"),
        ])
        .summary("Returns the value of a field and deletes it from the hash.")
        .complexity("O(N) where N is the number of specified fields"),
    Command::new("hgetex", "8.0.0", Group::Hash, -5, Run::Data(hgetex))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::HASH)
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
            Arg::block(
                "fields",
                &[
                    Arg::new("numfields", ArgKind::Integer),
                    Arg::new("field", ArgKind::String).multiple(),
                ],
            )
            .token("FIELDS"),
        ])
        .summary(
            "Get the value of one or more fields of a given hash key, and \
             optionally set their expiration.",
        )
        .complexity("O(N) where N is the number of specified fields"),
    Command::new("hsetex", "8.0.0", Group::Hash, -6, Run::Data(hsetex))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::HASH)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .args(&[
            Arg::key("key", 0),
            Arg::one_of(
                "condition",
                &[Arg::word("fnx", "FNX"), Arg::word("fxx", "FXX")],
            )
            .optional(),
            Arg::one_of(
                "expiration",
                &[
                    Arg::new("seconds", ArgKind::Integer).token("EX"),
                    Arg::new("milliseconds", ArgKind::Integer).token("PX"),
                    Arg::new("unix-time-seconds", ArgKind::UnixTime).token("EXAT"),
                    Arg::new("unix-time-milliseconds", ArgKind::UnixTime).token("PXAT"),
                    Arg::word("keepttl", "KEEPTTL"),
                ],
            )
            .optional(),
            Arg::block(
                "fields",
                &[
                    Arg::new("numfields", ArgKind::Integer),
                    Arg::block(
                        "data",
                        &[
                            Arg::new("field", ArgKind::String),
                            Arg::new("value", ArgKind::String),
                        ],
                    )
                    .multiple(),
                ],
            )
            .token("FIELDS"),
        ])
        .summary(
            "Set the value of one or more fields of a given hash key, and \
             optionally set their expiration.",
        )
        .complexity("O(N) where N is the number of fields being set."),
];

/// The time that an option at `index` gives, if it is one that does.
///
/// # Errors
/// for a time that makes none.
fn time(args: Args<'_>, index: usize, now_ms: i64, command: &str) -> Result<Option<i64>, Error> {
    let options = [
        ("EX", TimeUnit::Seconds, now_ms),
        ("PX", TimeUnit::Milliseconds, now_ms),
        ("EXAT", TimeUnit::Seconds, 0),
        ("PXAT", TimeUnit::Milliseconds, 0),
    ];
    let option = options.into_iter().find(|(word, ..)| args.is(index, word));
    let Some((_, unit, base_ms)) = option else {
        return Ok(None);
    };
    let text = args.get(index + 1).ok_or(Error::SYNTAX)?;
    deadline::deadline_ms(text, unit, base_ms, command).map(Some)
}

/// What has happened to the fields of a hash, to be told when all of it has.
#[derive(Debug, Default)]
struct Done {
    expired: usize,
    set: usize,
    deadlines: usize,
    persisted: usize,
    deleted: usize,
    /// Another field may expire next now.
    unsettled: bool,
}

impl Done {
    /// Says it, and deletes the key if it has no field any more.
    fn tell(self, d: &mut Data<'_>, key: &[u8]) {
        if self.unsettled {
            d.keys.expect_fields(key);
        }
        if self.expired > 0 {
            d.keys.changed(key, Class::HASH, "hexpired");
        }
        let events = [
            (self.set, "hset"),
            (self.deadlines, "hexpire"),
            (self.persisted, "hpersist"),
            (self.deleted, "hdel"),
        ];
        for (times, event) in events {
            if times > 0 {
                d.keys.touch_times(key, Class::HASH, event, times);
            }
        }
        if self.expired + self.deleted > 0 {
            hash::drop_empty(d, key);
        }
    }
}

/// HGETDEL key FIELDS numfields field …
fn hgetdel(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let hash = d.keys.collection_mut::<Hash>(key)?;
    let was_mortal = hash.is_some_and(|hash| hash.next_deadline().is_some());
    let fields = deadline::fields(d.args, 2, NOT_POSITIVE)?;
    d.reply.array(fields.len());
    let mut done = Done::default();
    for field in fields {
        if reply_living(d, key, field, &mut done)? {
            if let Some(hash) = d.keys.collection_mut::<Hash>(key)? {
                hash.remove(field);
            }
            done.deleted += 1;
            done.unsettled = was_mortal;
        }
    }
    done.tell(d, key);
    Ok(())
}

/// Answers the value of a field; one that has expired is removed.
///
/// # Returns
/// whether it is there.
fn reply_living(
    d: &mut Data<'_>,
    key: &[u8],
    field: &[u8],
    done: &mut Done,
) -> Result<bool, Error> {
    let now_ms = d.keys.now_ms;
    let hash: Option<&mut Hash> = d.keys.collection_mut(key)?;
    match hash.and_then(|hash| hash.get(field)) {
        None => d.reply.null(),
        Some(found) if found.has_expired(now_ms) => {
            d.reply.null();
            done.expired += usize::from(d.keys.expire_field(key, field));
        }
        Some(found) => {
            reply_item(&mut d.reply, found.value);
            return Ok(true);
        }
    }
    Ok(false)
}

/// HGETEX key [EX seconds | PX milliseconds | EXAT … | PXAT … | PERSIST] FIELDS numfields field …
fn hgetex(d: &mut Data<'_>) -> Outcome {
    let (key, now_ms) = (d.args.at(1), d.keys.now_ms);
    d.keys.collection_mut::<Hash>(key)?;
    let at_ms = time(d.args, 2, now_ms, "hgetex")?;
    let persist = d.args.is(2, "PERSIST");
    let said = if at_ms.is_some() {
        2
    } else {
        usize::from(persist)
    };
    if d.args.len() < 4 + said {
        return Err(Error::arity("hgetex"));
    }
    let fields = deadline::fields(d.args, 2 + said, NOT_POSITIVE)?;
    if let Some(hash) = d.keys.collection_mut::<Hash>(key)?.filter(|_| said > 0) {
        hash.make_mortal();
    }
    d.reply.array(fields.len());
    let mut done = Done::default();
    for field in fields {
        if !reply_living(d, key, field, &mut done)? {
            continue;
        }
        let Some(hash) = d.keys.collection_mut::<Hash>(key)? else {
            continue;
        };
        match at_ms {
            Some(at_ms) => {
                let was_next = deadline::is_next(hash, field);
                expire(hash, field, at_ms, now_ms, was_next, &mut done);
            }
            None if persist
                && hash
                    .get(field)
                    .is_some_and(|found| found.expire_ms.is_some()) =>
            {
                hash.set_deadline(field, None);
                done.persisted += 1;
            }
            None => {}
        }
    }
    done.tell(d, key);
    Ok(())
}

/// Gives a field a deadline, or deletes it if that has come. `was_next` is what [`deadline::is_next`] said of it before.
fn expire(hash: &mut Hash, field: &[u8], at_ms: i64, now_ms: i64, was_next: bool, done: &mut Done) {
    if at_ms <= now_ms {
        hash.remove(field);
        done.deleted += 1;
        done.unsettled |= was_next;
    } else {
        hash.set_deadline(field, Some(at_ms));
        done.deadlines += 1;
        done.unsettled = true;
    }
}

/// What HSETEX asks of the fields before it sets any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// FNX: none of them is there.
    None,
    /// FXX: all of them are.
    All,
}

/// What HSETEX is told before its fields.
#[derive(Debug, Default)]
struct Options {
    condition: Option<Condition>,
    at_ms: Option<i64>,
    keep: bool,
    /// Where the first field is.
    fields_at: usize,
}

impl Options {
    /// # Errors
    /// for a word that is none, for two that exclude each other, for what is wrong with a number, and for more or fewer
    /// fields than there are said to be.
    fn from_args(args: Args<'_>, now_ms: i64) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut index = 2;
        while let Some(word) = args.get(index) {
            let is_time = ["EX", "PX", "EXAT", "PXAT"]
                .iter()
                .any(|word| args.is(index, word));
            if args.is(index, "FIELDS") {
                return options.with_fields(args, index + 1);
            } else if is_time || args.is(index, "KEEPTTL") {
                if options.at_ms.is_some() || options.keep {
                    return Err(Error::fixed(
                        "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
                    ));
                }
                options.keep = !is_time;
                options.at_ms = time(args, index, now_ms, "hsetex")?;
                index += usize::from(is_time);
            } else if args.is(index, "FNX") || args.is(index, "FXX") {
                let condition = if args.is(index, "FNX") {
                    Condition::None
                } else {
                    Condition::All
                };
                if options.condition.replace(condition).is_some() {
                    return Err(Error::fixed(
                        "ERR Only one of FXX or FNX arguments can be specified",
                    ));
                }
            } else {
                return Err(Error::quoting("ERR unknown argument: ", word, ""));
            }
            index += 1;
        }
        Err(Error::SYNTAX)
    }

    fn with_fields(mut self, args: Args<'_>, index: usize) -> Result<Options, Error> {
        // Too few words for a number, a field and a value, whatever they are.
        if args.rest(index).len() < 3 {
            return Err(Error::arity("hsetex"));
        }
        let count = integers::parse_i64(args.at(index))
            .filter(|&count| count > 0 && count <= i32::MAX.into())
            .ok_or(Error::fixed("ERR invalid number of fields"))?;
        self.fields_at = index + 1;
        if args.rest(self.fields_at).len() as i64 != count * 2 {
            return Err(Error::arity("hsetex"));
        }
        Ok(self)
    }
}

/// HSETEX key [FNX | FXX] [EX … | PX … | EXAT … | PXAT … | KEEPTTL] FIELDS numfields field value …
fn hsetex(d: &mut Data<'_>) -> Outcome {
    let (key, now_ms, limits) = (d.args.at(1), d.keys.now_ms, hash::limits(d));
    let options = Options::from_args(d.args, now_ms)?;
    let there = d.keys.collection_mut::<Hash>(key)?.is_some();
    let args = d.args;
    let pairs = || {
        let fields = args.rest(options.fields_at).step_by(2);
        fields.zip(args.rest(options.fields_at + 1).step_by(2))
    };
    let mut done = Done::default();

    if let Some(condition) = options.condition {
        let mut met = there || condition == Condition::None;
        for (field, _) in pairs() {
            met = met && is_living(d, key, field, &mut done)? == (condition == Condition::All);
        }
        if !met {
            done.tell(d, key);
            d.reply.flag(false);
            return Ok(());
        }
    }

    let hash: &mut Hash = d.keys.collection_or_new(key)?;
    hash.prepare(d.args.rest(options.fields_at), &limits);
    if options.at_ms.is_some() {
        hash.make_mortal();
    }
    let deadline = if options.keep {
        Deadline::Keep
    } else {
        Deadline::Clear
    };
    for (field, value) in pairs() {
        let was_next = options.at_ms.is_some() && deadline::is_next(hash, field);
        hash.set(field, value, deadline, &limits);
        done.set += 1;
        if let Some(at_ms) = options.at_ms {
            expire(hash, field, at_ms, now_ms, was_next, &mut done);
        }
    }
    done.tell(d, key);
    d.reply.flag(true);
    Ok(())
}

/// Whether a field is there; one that has expired is removed.
fn is_living(d: &mut Data<'_>, key: &[u8], field: &[u8], done: &mut Done) -> Result<bool, Error> {
    let now_ms = d.keys.now_ms;
    let hash: Option<&mut Hash> = d.keys.collection_mut(key)?;
    let Some(found) = hash.and_then(|hash| hash.get(field)) else {
        return Ok(false);
    };
    let expired = found.has_expired(now_ms);
    if expired {
        done.expired += usize::from(d.keys.expire_field(key, field));
    }
    Ok(!expired)
}
