//! The types of options that are neither a number nor a text; it must not know which option has which.

use std::fmt;

use super::kinds::Reason;
use crate::text::integers::{parse_memory, parse_strtoll};

/// The names of a type's values, in the order Redis lists them. The first name of a value is the one that is shown.
pub(crate) trait Vocabulary: Copy + PartialEq + 'static {
    const NAMES: &'static [(&'static str, Self)];

    /// The value's own name.
    fn name(self) -> &'static str {
        let known = Self::NAMES.iter().find(|(_, value)| *value == self);
        known.map_or("", |(name, _)| name)
    }
}

/// What to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loglevel {
    /// Everything.
    Debug,
    /// What is rarely useful.
    Verbose,
    /// What is moderately verbose.
    Notice,
    /// What is important.
    Warning,
    /// Nothing at all.
    Nothing,
}

impl Vocabulary for Loglevel {
    const NAMES: &'static [(&'static str, Loglevel)] = &[
        ("debug", Loglevel::Debug),
        ("verbose", Loglevel::Verbose),
        ("notice", Loglevel::Notice),
        ("warning", Loglevel::Warning),
        ("nothing", Loglevel::Nothing),
    ];
}

/// Whom something dangerous is open to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Nobody.
    No,
    /// Every client.
    Yes,
    /// Clients on the loopback interface.
    Local,
}

impl Vocabulary for Permission {
    const NAMES: &'static [(&'static str, Permission)] = &[
        ("no", Permission::No),
        ("yes", Permission::Yes),
        ("local", Permission::Local),
    ];
}

/// What to do when memory is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaxmemoryPolicy {
    VolatileLru,
    VolatileLfu,
    VolatileRandom,
    VolatileTtl,
    AllkeysLru,
    AllkeysLfu,
    AllkeysRandom,
    Noeviction,
}

impl Vocabulary for MaxmemoryPolicy {
    const NAMES: &'static [(&'static str, MaxmemoryPolicy)] = &[
        ("volatile-lru", MaxmemoryPolicy::VolatileLru),
        ("volatile-lfu", MaxmemoryPolicy::VolatileLfu),
        ("volatile-random", MaxmemoryPolicy::VolatileRandom),
        ("volatile-ttl", MaxmemoryPolicy::VolatileTtl),
        ("allkeys-lru", MaxmemoryPolicy::AllkeysLru),
        ("allkeys-lfu", MaxmemoryPolicy::AllkeysLfu),
        ("allkeys-random", MaxmemoryPolicy::AllkeysRandom),
        ("noeviction", MaxmemoryPolicy::Noeviction),
    ];
}

impl MaxmemoryPolicy {
    /// Whether it goes by when, or how often, a key was used.
    pub(crate) fn is_by_use(self) -> bool {
        matches!(
            self,
            MaxmemoryPolicy::VolatileLru
                | MaxmemoryPolicy::VolatileLfu
                | MaxmemoryPolicy::AllkeysLru
                | MaxmemoryPolicy::AllkeysLfu
        )
    }
}

impl fmt::Display for MaxmemoryPolicy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// When the append-only file is flushed to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AppendFsync {
    /// Once a second.
    Everysec,
    /// Before every reply.
    Always,
    /// When the operating system likes.
    No,
}

impl Vocabulary for AppendFsync {
    const NAMES: &'static [(&'static str, AppendFsync)] = &[
        ("everysec", AppendFsync::Everysec),
        ("always", AppendFsync::Always),
        ("no", AppendFsync::No),
    ];
}

/// When a replica loads what its primary sends without a file in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DisklessLoad {
    /// Never.
    Disabled,
    /// Only into an empty database.
    OnEmptyDb,
    /// Keeping the old data until the new are complete.
    Swapdb,
}

impl Vocabulary for DisklessLoad {
    const NAMES: &'static [(&'static str, DisklessLoad)] = &[
        ("disabled", DisklessLoad::Disabled),
        ("on-empty-db", DisklessLoad::OnEmptyDb),
        ("swapdb", DisklessLoad::Swapdb),
    ];
}

/// How thoroughly payloads of `RESTORE` and snapshots are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SanitizeDump {
    /// Not at all.
    No,
    /// All of them.
    Yes,
    /// Only those sent by clients.
    Clients,
}

impl Vocabulary for SanitizeDump {
    const NAMES: &'static [(&'static str, SanitizeDump)] = &[
        ("no", SanitizeDump::No),
        ("yes", SanitizeDump::Yes),
        ("clients", SanitizeDump::Clients),
    ];
}

/// Which channels a new user may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AclPubsubDefault {
    /// All.
    AllChannels,
    /// None.
    ResetChannels,
}

impl Vocabulary for AclPubsubDefault {
    const NAMES: &'static [(&'static str, AclPubsubDefault)] = &[
        ("allchannels", AclPubsubDefault::AllChannels),
        ("resetchannels", AclPubsubDefault::ResetChannels),
    ];
}

/// Whether Linux's score for killing the process is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OomScoreAdj {
    /// Left alone.
    No,
    /// Moved by the configured values.
    Relative,
    /// Set to them.
    Absolute,
}

impl Vocabulary for OomScoreAdj {
    const NAMES: &'static [(&'static str, OomScoreAdj)] = &[
        ("no", OomScoreAdj::No),
        ("yes", OomScoreAdj::Relative),
        ("relative", OomScoreAdj::Relative),
        ("absolute", OomScoreAdj::Absolute),
    ];
}

bitflags::bitflags! {
    /// How a signal shuts the server down; no flag means as `SHUTDOWN` without arguments.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct ShutdownFlags: u8 {
        /// Write a snapshot even without save points.
        const SAVE = 1;
        /// Write none even with them.
        const NOSAVE = 2;
        /// Do not wait for replicas.
        const NOW = 4;
        /// Ignore errors that would prevent it.
        const FORCE = 8;
    }
}

impl Vocabulary for ShutdownFlags {
    const NAMES: &'static [(&'static str, ShutdownFlags)] = &[
        ("default", ShutdownFlags::empty()),
        ("save", ShutdownFlags::SAVE),
        ("nosave", ShutdownFlags::NOSAVE),
        ("now", ShutdownFlags::NOW),
        ("force", ShutdownFlags::FORCE),
    ];
}

bitflags::bitflags! {
    /// What `notify-keyspace-events` publishes.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(crate) struct EventClasses: u16 {
        /// `K`: on the channels `__keyspace@…__`.
        const KEYSPACE = 1;
        /// `E`: on the channels `__keyevent@…__`.
        const KEYEVENT = 1 << 1;
        /// `g`: commands for keys of any type.
        const GENERIC = 1 << 2;
        /// `$`
        const STRING = 1 << 3;
        /// `l`
        const LIST = 1 << 4;
        /// `s`
        const SET = 1 << 5;
        /// `h`
        const HASH = 1 << 6;
        /// `z`
        const ZSET = 1 << 7;
        /// `x`: keys that expired.
        const EXPIRED = 1 << 8;
        /// `e`: keys evicted for want of memory.
        const EVICTED = 1 << 9;
        /// `t`
        const STREAM = 1 << 10;
        /// `d`: keys of module types.
        const MODULE = 1 << 11;
        /// `n`: new keys.
        const NEW = 1 << 12;
        /// `o`: keys overwritten.
        const OVERWRITTEN = 1 << 13;
        /// `c`: keys whose type changed.
        const TYPE_CHANGED = 1 << 14;
        /// `m`: keys looked for in vain.
        const KEY_MISS = 1 << 15;
        /// `A`: all that are not about single keys coming, going or missing.
        const ALL = Self::GENERIC.bits() | Self::STRING.bits() | Self::LIST.bits() | Self::SET.bits() | Self::HASH.bits()
            | Self::ZSET.bits() | Self::EXPIRED.bits() | Self::EVICTED.bits() | Self::STREAM.bits() | Self::MODULE.bits();
    }
}

impl EventClasses {
    /// The letters in the order in which they are shown.
    const LETTERS: [(u8, EventClasses); 16] = [
        (b'g', EventClasses::GENERIC),
        (b'$', EventClasses::STRING),
        (b'l', EventClasses::LIST),
        (b's', EventClasses::SET),
        (b'h', EventClasses::HASH),
        (b'z', EventClasses::ZSET),
        (b'x', EventClasses::EXPIRED),
        (b'e', EventClasses::EVICTED),
        (b't', EventClasses::STREAM),
        (b'd', EventClasses::MODULE),
        (b'n', EventClasses::NEW),
        (b'o', EventClasses::OVERWRITTEN),
        (b'c', EventClasses::TYPE_CHANGED),
        (b'K', EventClasses::KEYSPACE),
        (b'E', EventClasses::KEYEVENT),
        (b'm', EventClasses::KEY_MISS),
    ];

    /// Not covered by `A`, and yet not shown behind it either: Redis forgets them.
    const HIDDEN_BY_ALL: EventClasses = EventClasses::ALL
        .union(EventClasses::NEW)
        .union(EventClasses::OVERWRITTEN)
        .union(EventClasses::TYPE_CHANGED);

    /// Reads a word of letters; `None` when one of them means nothing.
    pub(super) fn parse(word: &[u8]) -> Option<EventClasses> {
        word.iter()
            .try_fold(EventClasses::empty(), |classes, letter| {
                let class = if *letter == b'A' {
                    EventClasses::ALL
                } else {
                    EventClasses::LETTERS
                        .iter()
                        .find(|(known, _)| known == letter)?
                        .1
                };
                Some(classes | class)
            })
    }
}

impl fmt::Display for EventClasses {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = *self;
        if self.contains(EventClasses::ALL) {
            out.write_str("A")?;
            shown -= EventClasses::HIDDEN_BY_ALL;
        }
        let mut letters = EventClasses::LETTERS
            .iter()
            .filter(|(_, class)| shown.contains(*class));
        letters.try_for_each(|(letter, _)| write!(out, "{}", char::from(*letter)))
    }
}

/// A limit given as a size or as a share of `maxmemory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemoryOrPercent {
    /// A number of bytes; zero means no limit.
    Bytes(u64),
    /// 1 to 100 hundredths of `maxmemory`.
    Percent(u8),
}

/// A snapshot is due once `changes` keys have changed and `seconds` have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SavePoint {
    /// At least one.
    pub(crate) seconds: i64,
    /// Redis keeps it in an `int`, and what does not fit is cut off.
    pub(crate) changes: i32,
}

impl SavePoint {
    pub(super) fn parse_all(words: &[&[u8]]) -> Result<Vec<SavePoint>, Reason> {
        const INVALID: &str = "Invalid save parameters";
        if !words.len().is_multiple_of(2) {
            return Err(INVALID.into());
        }
        let point = |pair: &[&[u8]]| {
            let seconds = parse_strtoll(pair[0]).filter(|seconds| *seconds >= 1)?;
            let changes = parse_strtoll(pair[1]).filter(|changes| *changes >= 0)?;
            Some(SavePoint {
                seconds,
                changes: changes as i32,
            })
        };
        words
            .chunks_exact(2)
            .map(|pair| point(pair).ok_or_else(|| INVALID.into()))
            .collect()
    }
}

impl fmt::Display for SavePoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.seconds, self.changes)
    }
}

/// How much may wait for a client that does not read. Zero means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BufferLimit {
    /// Bytes that close the connection at once.
    pub(crate) hard_bytes: u64,
    /// Bytes that close it when they stay exceeded.
    pub(crate) soft_bytes: u64,
    /// For how long they may.
    pub(crate) soft_s: i32,
}

impl fmt::Display for BufferLimit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} {} {}",
            self.hard_bytes, self.soft_bytes, self.soft_s
        )
    }
}

/// The limits of each class of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BufferLimits {
    /// Clients that are in none of the other classes.
    pub(crate) normal: BufferLimit,
    /// Replicas; `CONFIG GET` still calls them slaves.
    pub(crate) replica: BufferLimit,
    /// Clients subscribed to a channel or pattern.
    pub(crate) pubsub: BufferLimit,
}

impl BufferLimits {
    /// These limits, changed for the classes that `words` names: class, hard, soft, seconds, and so on.
    pub(super) fn with(mut self, words: &[&[u8]]) -> Result<BufferLimits, Reason> {
        if !words.len().is_multiple_of(4) {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        for four in words.chunks_exact(4) {
            let limit = match four[0].to_ascii_lowercase().as_slice() {
                b"normal" => &mut self.normal,
                b"slave" | b"replica" => &mut self.replica,
                b"pubsub" => &mut self.pubsub,
                _ => {
                    return Err(
                        "Invalid client class specified in buffer limit configuration.".into(),
                    );
                }
            };
            let read = || {
                let soft_s = parse_strtoll(four[3])? as i32;
                let hard_bytes = parse_memory(four[1])?;
                let soft_bytes = parse_memory(four[2])?;
                // Only what is left of it is looked at.
                (soft_s >= 0).then_some(BufferLimit {
                    hard_bytes,
                    soft_bytes,
                    soft_s,
                })
            };
            *limit = read().ok_or(
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
            )?;
        }
        Ok(self)
    }
}

/// The server a replica follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Primary {
    /// Name or address.
    pub(crate) host: Vec<u8>,
    /// Its TCP port.
    pub(crate) port: u16,
}
/// A percentile as Redis writes it: six digits behind the point, without the zeros at the end.
pub(crate) fn percentile(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
