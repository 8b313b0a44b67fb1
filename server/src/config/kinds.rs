//! The kinds of option: how each is read from words, shown and written to redis.conf. It must not know which options there are.

use std::borrow::Cow;

use super::Config;
use super::values::{
    BufferLimits, EventClasses, MemoryOrPercent, Primary, SavePoint, ShutdownFlags, Vocabulary,
    percentile,
};
use crate::text::doubles::parse_double;
use crate::text::integers::{digits, parse_i64, parse_memory, parse_strtoll, until_nul};
use crate::text::shell_words::quoted;

/// Why a value is refused, in Redis's words.
pub(super) type Reason = Cow<'static, str>;

/// Where a value comes from. They differ in one thing: lines of a file add up where `CONFIG SET` replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A line of redis.conf or an argument of the program.
    File,
    /// `CONFIG SET`.
    Command,
}

/// A line that `CONFIG REWRITE` writes for an option.
#[derive(Debug)]
pub(super) struct Line {
    /// What follows the option's name and a blank.
    pub(super) value: Vec<u8>,
    /// Whether it is written even if the file had no such line.
    pub(super) forced: bool,
}

/// How the values of an option are read and written.
pub(super) trait Kind: Sync {
    /// The value as `CONFIG GET` shows it.
    fn read(&self, config: &Config) -> Vec<u8>;

    /// [`Kind::write`] for words as they came: most options end at a NUL, as texts do in C.
    fn set(&self, config: &mut Config, words: &[&[u8]], origin: Origin) -> Result<(), Reason> {
        if self.is_binary_safe() {
            return self.write(config, words, origin);
        }
        let words: Vec<&[u8]> = words.iter().map(|word| until_nul(word)).collect();
        self.write(config, &words, origin)
    }

    /// Takes the value from words; exactly one of them unless the kind takes several.
    fn write(&self, config: &mut Config, words: &[&[u8]], origin: Origin) -> Result<(), Reason>;

    /// Whether the value is a list of words.
    fn takes_several(&self) -> bool {
        false
    }

    /// Whether a NUL is a byte like any other.
    fn is_binary_safe(&self) -> bool {
        false
    }

    /// The lines that set the value; without any, those a file has are removed.
    fn lines(&self, config: &Config, default: &Config) -> Vec<Line> {
        let value = self.read(config);
        let forced = value != self.read(default);
        vec![Line { value, forced }]
    }
}

/// The place of a value in [`Config`].
pub(super) struct Field<T: 'static> {
    pub(super) read: fn(&Config) -> &T,
    pub(super) write: fn(&mut Config) -> &mut T,
}

impl<T> Field<T> {
    fn of<'a>(&self, config: &'a Config) -> &'a T {
        (self.read)(config)
    }

    fn set(&self, config: &mut Config, value: T) {
        *(self.write)(config) = value;
    }
}

/// `yes` or `no`.
pub(super) struct Switch {
    pub(super) field: Field<bool>,
}

impl Kind for Switch {
    fn read(&self, config: &Config) -> Vec<u8> {
        if *self.field.of(config) {
            b"yes".to_vec()
        } else {
            b"no".to_vec()
        }
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        let value = match words[0].to_ascii_lowercase().as_slice() {
            b"yes" => true,
            b"no" => false,
            _ => return Err("argument must be 'yes' or 'no'".into()),
        };
        self.field.set(config, value);
        Ok(())
    }
}

/// A field's integer type. Bounds are checked in `i64`, which holds every option of Redis.
pub(super) trait Number: Copy {
    fn from_i64(value: i64) -> Self;
    fn to_i64(self) -> i64;
}

macro_rules! numbers {
    ($($type:ty),*) => { $(
        impl Number for $type {
            fn from_i64(value: i64) -> $type {
                value as $type
            }

            fn to_i64(self) -> i64 {
                self as i64
            }
        }
    )* };
}

numbers!(u16, u32, u64, usize, i32, i64);

/// What a number may be.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    min: i64,
    max: i64,
    /// Redis keeps some in an unsigned type, and has other words for negative ones.
    unsigned: bool,
    /// What is outside of these is accepted and moved inside.
    kept: (i64, i64),
}

impl Bounds {
    pub(super) const fn signed(min: i64, max: i64) -> Bounds {
        Bounds {
            min,
            max,
            unsigned: false,
            kept: (min, max),
        }
    }

    pub(super) const fn unsigned(min: i64, max: i64) -> Bounds {
        Bounds {
            min,
            max,
            unsigned: true,
            kept: (min, max),
        }
    }

    pub(super) const fn kept(self, min: i64, max: i64) -> Bounds {
        Bounds {
            kept: (min, max),
            ..self
        }
    }

    fn check(&self, value: i64) -> Result<i64, Reason> {
        let Bounds {
            min,
            max,
            unsigned,
            kept,
        } = *self;
        if unsigned && value < 0 {
            return Err("argument must be greater or equal to 0".into());
        }
        if !(min..=max).contains(&value) {
            return Err(format!("argument must be between {min} and {max} inclusive").into());
        }
        Ok(value.clamp(kept.0, kept.1))
    }
}

/// A number.
pub(super) struct Integer<T: 'static> {
    pub(super) field: Field<T>,
    pub(super) bounds: Bounds,
}

impl<T: Number> Kind for Integer<T> {
    fn read(&self, config: &Config) -> Vec<u8> {
        digits(self.field.of(config).to_i64())
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        let value = parse_i64(words[0]).ok_or("argument couldn't be parsed into an integer")?;
        let value = self.bounds.check(value)?;
        self.field.set(config, T::from_i64(value));
        Ok(())
    }

    fn is_binary_safe(&self) -> bool {
        true
    }
}

/// Permissions of a file, written in octal.
pub(super) struct Permissions {
    pub(super) field: Field<u32>,
}

impl Kind for Permissions {
    fn read(&self, config: &Config) -> Vec<u8> {
        format!("{:o}", self.field.of(config)).into_bytes()
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        let text = str::from_utf8(words[0]).unwrap_or_default();
        let value = i64::from_str_radix(text, 8)
            .map_err(|_| "argument couldn't be parsed as an octal number")?;
        let value = u32::try_from(value).ok().filter(|value| *value <= 0o777);
        let value = value.ok_or("argument must be between 0 and 777 inclusive")?;
        self.field.set(config, value);
        Ok(())
    }
}

/// A number of bytes, with units.
pub(super) struct Memory<T: 'static> {
    pub(super) field: Field<T>,
    pub(super) bounds: Bounds,
}

impl<T: Number> Kind for Memory<T> {
    fn read(&self, config: &Config) -> Vec<u8> {
        digits(self.field.of(config).to_i64())
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        let value = parse_memory(words[0]).ok_or("argument must be a memory value")?;
        let value = self.bounds.check(value.cast_signed())?;
        self.field.set(config, T::from_i64(value));
        Ok(())
    }

    fn lines(&self, config: &Config, default: &Config) -> Vec<Line> {
        let value = *self.field.of(config);
        let forced = value.to_i64() != self.field.of(default).to_i64();
        vec![Line {
            value: with_unit(value.to_i64().cast_unsigned()),
            forced,
        }]
    }
}

/// A number of bytes that `CONFIG SET`, unlike redis.conf, raises to a smallest sensible one.
pub(super) struct RaisedMemory<T: 'static> {
    pub(super) field: Field<T>,
    pub(super) bounds: Bounds,
    pub(super) least: i64,
}

impl<T: Number> RaisedMemory<T> {
    fn plain(&self) -> Memory<T> {
        let Field { read, write } = self.field;
        Memory {
            field: Field { read, write },
            bounds: self.bounds,
        }
    }
}

impl<T: Number> Kind for RaisedMemory<T> {
    fn read(&self, config: &Config) -> Vec<u8> {
        self.plain().read(config)
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], origin: Origin) -> Result<(), Reason> {
        self.plain().write(config, words, origin)?;
        if origin == Origin::Command {
            let value = self.field.of(config).to_i64().max(self.least);
            self.field.set(config, T::from_i64(value));
        }
        Ok(())
    }

    fn lines(&self, config: &Config, default: &Config) -> Vec<Line> {
        self.plain().lines(config, default)
    }
}

/// A number of bytes, or a share of `maxmemory`.
pub(super) struct Share {
    pub(super) field: Field<MemoryOrPercent>,
}

impl Kind for Share {
    fn read(&self, config: &Config) -> Vec<u8> {
        match *self.field.of(config) {
            MemoryOrPercent::Bytes(bytes) => bytes.to_string().into_bytes(),
            MemoryOrPercent::Percent(percent) => format!("{percent}%").into_bytes(),
        }
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        // Redis keeps a percentage as a negative number of bytes, so a size that wraps around turns into one.
        let value = match words[0].strip_suffix(b"%") {
            Some(percent) => parse_i64(percent)
                .filter(|percent| *percent >= 0)
                .map(|percent| -percent),
            None => parse_memory(words[0]).map(u64::cast_signed),
        };
        let value = match value.ok_or("argument must be a memory or percent value")? {
            bytes @ 0.. => MemoryOrPercent::Bytes(bytes.cast_unsigned()),
            percent @ -100..0 => MemoryOrPercent::Percent(percent.unsigned_abs() as u8),
            _ => return Err("percentage argument must be less or equal to 100".into()),
        };
        self.field.set(config, value);
        Ok(())
    }

    fn lines(&self, config: &Config, default: &Config) -> Vec<Line> {
        let value = match *self.field.of(config) {
            MemoryOrPercent::Bytes(bytes) => with_unit(bytes),
            MemoryOrPercent::Percent(_) => self.read(config),
        };
        vec![Line {
            value,
            forced: self.field.of(config) != self.field.of(default),
        }]
    }
}

/// One of several names.
pub(super) struct Choice<T: 'static> {
    pub(super) field: Field<T>,
}

impl<T: Vocabulary> Kind for Choice<T> {
    fn read(&self, config: &Config) -> Vec<u8> {
        self.field.of(config).name().as_bytes().to_vec()
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        self.field.set(config, named(words[0])?);
        Ok(())
    }
}

/// Flags that say how to shut down.
pub(super) struct Shutdown {
    pub(super) field: Field<ShutdownFlags>,
}

impl Kind for Shutdown {
    fn read(&self, config: &Config) -> Vec<u8> {
        let flags = *self.field.of(config);
        if flags.is_empty() {
            return b"default".to_vec();
        }
        let set = ShutdownFlags::NAMES
            .iter()
            .filter(|(_, flag)| !flag.is_empty() && flags.contains(*flag));
        set.map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(" ")
            .into_bytes()
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        if words.is_empty() {
            return Err(one_of::<ShutdownFlags>());
        }
        let mut flags = ShutdownFlags::empty();
        for word in words {
            flags |= named(word)?;
        }
        if flags.contains(ShutdownFlags::SAVE | ShutdownFlags::NOSAVE) {
            return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
        }
        self.field.set(config, flags);
        Ok(())
    }

    fn takes_several(&self) -> bool {
        true
    }
}

/// What becomes of an empty text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    /// It is a value like any other.
    Kept,
    /// It means that there is none, and redis.conf has no line for it.
    Unset,
}

/// Any bytes that `check` lets pass.
pub(super) struct Text {
    pub(super) field: Field<Vec<u8>>,
    pub(super) empty: Empty,
    pub(super) check: fn(&[u8]) -> Result<(), &'static str>,
}

impl Kind for Text {
    fn read(&self, config: &Config) -> Vec<u8> {
        self.field.of(config).clone()
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        (self.check)(words[0])?;
        self.field.set(config, words[0].to_vec());
        Ok(())
    }

    fn lines(&self, config: &Config, default: &Config) -> Vec<Line> {
        let value = self.field.of(config);
        if value.is_empty() && self.empty == Empty::Unset {
            return Vec::new();
        }
        vec![Line {
            value: quoted(value).into_bytes(),
            forced: value != self.field.of(default),
        }]
    }
}

/// A secret of any bytes; an empty one means that there is none.
pub(super) struct Password {
    pub(super) field: Field<Vec<u8>>,
}

impl Kind for Password {
    fn read(&self, config: &Config) -> Vec<u8> {
        self.field.of(config).clone()
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        self.field.set(config, words[0].to_vec());
        Ok(())
    }

    fn is_binary_safe(&self) -> bool {
        true
    }

    fn lines(&self, config: &Config, default: &Config) -> Vec<Line> {
        let value = self.field.of(config);
        if value.is_empty() {
            return Vec::new();
        }
        vec![Line {
            value: quoted(value).into_bytes(),
            forced: value != self.field.of(default),
        }]
    }
}

/// The working directory; it is always written.
pub(super) struct Directory {
    pub(super) field: Field<Vec<u8>>,
}

impl Kind for Directory {
    fn read(&self, config: &Config) -> Vec<u8> {
        self.field.of(config).clone()
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        self.field.set(config, words[0].to_vec());
        Ok(())
    }

    fn lines(&self, config: &Config, _: &Config) -> Vec<Line> {
        vec![Line {
            value: quoted(self.field.of(config)).into_bytes(),
            forced: true,
        }]
    }
}

/// Addresses to listen on.
pub(super) struct Addresses {
    pub(super) field: Field<Vec<String>>,
}

impl Kind for Addresses {
    fn read(&self, config: &Config) -> Vec<u8> {
        self.field.of(config).join(" ").into_bytes()
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        const ADDRESSES_MAX: usize = 16;
        if words.len() > ADDRESSES_MAX {
            return Err("Too many bind addresses specified.".into());
        }
        // A single empty word, as in `bind ""`, means none.
        let words = if words == [b""] { &[] } else { words };
        let addresses = words
            .iter()
            .map(|word| String::from_utf8_lossy(word).into_owned());
        self.field.set(config, addresses.collect());
        Ok(())
    }

    fn takes_several(&self) -> bool {
        true
    }

    fn lines(&self, config: &Config, default: &Config) -> Vec<Line> {
        let forced = self.field.of(config) != self.field.of(default);
        vec![Line {
            value: list_or_empty(self.read(config)),
            forced,
        }]
    }
}

/// When to write snapshots; redis.conf has a line for each point, always written.
pub(super) struct SavePoints {
    pub(super) field: Field<Vec<SavePoint>>,
}

impl Kind for SavePoints {
    fn read(&self, config: &Config) -> Vec<u8> {
        let points = self.field.of(config).iter().map(SavePoint::to_string);
        points.collect::<Vec<_>>().join(" ").into_bytes()
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], origin: Origin) -> Result<(), Reason> {
        let points = if words == [b""] {
            Vec::new()
        } else {
            SavePoint::parse_all(words)?
        };
        let field = (self.field.write)(config);
        if origin == Origin::Command || points.is_empty() {
            field.clear();
        }
        field.extend(points);
        Ok(())
    }

    fn takes_several(&self) -> bool {
        true
    }

    fn lines(&self, config: &Config, _: &Config) -> Vec<Line> {
        let points = self.field.of(config);
        if points.is_empty() {
            return vec![Line {
                value: b"\"\"".to_vec(),
                forced: true,
            }];
        }
        points
            .iter()
            .map(|point| Line {
                value: point.to_string().into_bytes(),
                forced: true,
            })
            .collect()
    }
}

/// Limits of what may wait for a client that does not read, by the client's class.
pub(super) struct OutputLimits {
    pub(super) field: Field<BufferLimits>,
}

impl Kind for OutputLimits {
    fn read(&self, config: &Config) -> Vec<u8> {
        let limits = self.field.of(config);
        format!(
            "normal {} slave {} pubsub {}",
            limits.normal, limits.replica, limits.pubsub
        )
        .into_bytes()
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        let limits = self.field.of(config).with(words)?;
        self.field.set(config, limits);
        Ok(())
    }

    fn takes_several(&self) -> bool {
        true
    }

    fn lines(&self, config: &Config, default: &Config) -> Vec<Line> {
        let (limits, default) = (self.field.of(config), self.field.of(default));
        let classes = [
            ("normal", limits.normal, default.normal),
            ("replica", limits.replica, default.replica),
            ("pubsub", limits.pubsub, default.pubsub),
        ];
        let line = |(class, limit, default)| {
            let super::values::BufferLimit {
                hard_bytes,
                soft_bytes,
                soft_s,
            } = limit;
            let mut value = format!("{class} ").into_bytes();
            value.extend(
                [
                    with_unit(hard_bytes),
                    with_unit(soft_bytes),
                    digits(soft_s.into()),
                ]
                .join(&b' '),
            );
            Line {
                value,
                forced: limit != default,
            }
        };
        classes.map(line).into()
    }
}

/// Which keyspace events are published.
pub(super) struct Events {
    pub(super) field: Field<EventClasses>,
}

impl Kind for Events {
    fn read(&self, config: &Config) -> Vec<u8> {
        self.field.of(config).to_string().into_bytes()
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        let classes = EventClasses::parse(words[0])
            .ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?;
        self.field.set(config, classes);
        Ok(())
    }

    fn lines(&self, config: &Config, default: &Config) -> Vec<Line> {
        let forced = self.field.of(config) != self.field.of(default);
        vec![Line {
            value: quoted(&self.read(config)).into_bytes(),
            forced,
        }]
    }
}

/// Percentiles between 0 and 100; always written.
pub(super) struct Percentiles {
    pub(super) field: Field<Vec<f64>>,
}

impl Kind for Percentiles {
    fn read(&self, config: &Config) -> Vec<u8> {
        let texts: Vec<String> = self
            .field
            .of(config)
            .iter()
            .copied()
            .map(percentile)
            .collect();
        texts.join(" ").into_bytes()
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        let words = if words == [b""] { &[] } else { words };
        let mut percentiles = Vec::with_capacity(words.len());
        for word in words {
            let percentile =
                parse_double(word).ok_or("Invalid latency-tracking-info-percentiles parameters")?;
            if !(0.0..=100.0).contains(&percentile) {
                return Err(
                    "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
                        .into(),
                );
            }
            percentiles.push(percentile);
        }
        self.field.set(config, percentiles);
        Ok(())
    }

    fn takes_several(&self) -> bool {
        true
    }

    fn lines(&self, config: &Config, _: &Config) -> Vec<Line> {
        vec![Line {
            value: list_or_empty(self.read(config)),
            forced: true,
        }]
    }

    fn is_binary_safe(&self) -> bool {
        true
    }
}

/// How eagerly Linux may kill the primary, a replica and a background child.
pub(super) struct OomScores {
    pub(super) field: Field<[i32; 3]>,
}

impl Kind for OomScores {
    fn read(&self, config: &Config) -> Vec<u8> {
        self.field
            .of(config)
            .map(|score| score.to_string())
            .join(" ")
            .into_bytes()
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        let words: [&[u8]; 3] = words.try_into().map_err(|_| "wrong number of arguments")?;
        let mut scores = [0; 3];
        for (score, word) in scores.iter_mut().zip(words) {
            *score = parse_strtoll(word)
                .filter(|value| (-2000..=2000).contains(value))
                .ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")?
                as i32;
        }
        self.field.set(config, scores);
        Ok(())
    }

    fn takes_several(&self) -> bool {
        true
    }
}

/// The primary that is to be followed from the start.
pub(super) struct ReplicaOf {
    pub(super) field: Field<Option<Primary>>,
}

impl Kind for ReplicaOf {
    fn read(&self, config: &Config) -> Vec<u8> {
        match self.field.of(config) {
            Some(primary) => [primary.host.as_slice(), &digits(primary.port.into())].join(&b' '),
            None => Vec::new(),
        }
    }

    fn write(&self, config: &mut Config, words: &[&[u8]], _: Origin) -> Result<(), Reason> {
        let [host, port] = words else {
            return Err("wrong number of arguments".into());
        };
        let primary = if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
            None
        } else {
            let port = parse_strtoll(port)
                .and_then(|port| u16::try_from(port).ok())
                .ok_or("Invalid master port")?;
            Some(Primary {
                host: host.to_vec(),
                port,
            })
        };
        self.field.set(config, primary);
        Ok(())
    }

    fn takes_several(&self) -> bool {
        true
    }

    fn lines(&self, config: &Config, _: &Config) -> Vec<Line> {
        let value = self.read(config);
        if value.is_empty() {
            Vec::new()
        } else {
            vec![Line {
                value,
                forced: true,
            }]
        }
    }
}

fn named<T: Vocabulary>(word: &[u8]) -> Result<T, Reason> {
    let found = T::NAMES
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
    found.map(|(_, value)| *value).ok_or_else(one_of::<T>)
}

fn one_of<T: Vocabulary>() -> Reason {
    let names: Vec<_> = T::NAMES.iter().map(|(name, _)| *name).collect();
    format!(
        "argument(s) must be one of the following: {}",
        names.join(", ")
    )
    .into()
}

/// The largest unit that divides `bytes`.
fn with_unit(bytes: u64) -> Vec<u8> {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")];
    let unit = UNITS
        .into_iter()
        .find(|(size, _)| bytes != 0 && bytes.is_multiple_of(*size));
    let (size, name) = unit.unwrap_or((1, ""));
    format!("{}{name}", bytes / size).into_bytes()
}

/// An empty list is written as an empty word, for a line must have one.
fn list_or_empty(list: Vec<u8>) -> Vec<u8> {
    if list.is_empty() {
        b"\"\"".to_vec()
    } else {
        list
    }
}
