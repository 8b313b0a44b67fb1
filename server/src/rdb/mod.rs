//! The RDB format of values: how Redis 8.2.3 writes them into DUMP's payloads and its files, and how it reads what it or any
//! Redis before it wrote. It knows no keys, no clients and no files.
//!
//! A value is a byte for its [`Kind`], written where the kind is asked for, and what belongs to it. Lengths are one to nine
//! bytes, strings may be compressed or be integers, and small collections are copied as they lie in memory.
//!
//! Bytes from outside are trusted by nobody: whatever is read was checked as Redis checks it with `sanitize-dump-payload yes`,
//! and what was read so far bounds the memory that is used for more of it.

mod listpacks;
mod object;
mod payload;
mod read;
#[cfg(test)]
mod tests;
mod write;
mod ziplist;
mod zipmap;

pub(crate) use object::Limits;
pub(crate) use payload::{dump, restore, saved_len};
#[cfg(any(test, fuzzing))]
pub(crate) use {
    object::Loaded,
    payload::{Refusal, seal},
};

use std::fmt;

/// The version of the format that is written, and the last one that is read.
pub(crate) const VERSION: u16 = 12;

/// What follows is more of an encoding than a length, where a length begins so.
const ENCODED: u8 = 0b11 << 6;
/// Two bytes hold a length of 14 bits where it begins so.
const LEN_14: u8 = 0b01 << 6;
/// A length of 32 bits, or of 64, follows, its highest byte first.
const LEN_32: u8 = 0x80;
const LEN_64: u8 = 0x81;

/// How a string is encoded that begins with [`ENCODED`].
const INT_8: u8 = 0;
const INT_16: u8 = 1;
const INT_32: u8 = 2;
const LZF: u8 = 3;

/// How a node of a list holds its elements.
const NODE_PLAIN: u64 = 1;
const NODE_PACKED: u64 = 2;

/// The latest deadline that a field of a hash is loaded with, in milliseconds: 48 bits are kept of it.
const FIELD_DEADLINE_MAX_MS: i64 = (1 << 48) - 1;

/// The bytes are no value of this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt;

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no value in the RDB format")
    }
}

impl std::error::Error for Corrupt {}

/// Says of each kind which byte stands for it.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $byte:literal,)*) => {
        /// What kind of value, in which form. Streams and the values of modules are not among them: nothing here could hold one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind {
            $($(#[$doc])* $name,)*
        }

        impl Kind {
            /// The kind that a byte stands for.
            pub(crate) fn of(byte: u8) -> Option<Kind> {
                match byte {
                    $($byte => Some(Kind::$name),)*
                    _ => None,
                }
            }

            /// The byte that stands for it.
            pub(crate) fn byte(self) -> u8 {
                match self {
                    $(Kind::$name => $byte,)*
                }
            }
        }
    };
}

kinds! {
    String = 0,
    /// Element by element.
    List = 1,
    Set = 2,
    /// Its scores are text.
    ZsetText = 3,
    Hash = 4,
    /// Its scores are binary.
    Zset = 5,
    HashZipmap = 9,
    ListZiplist = 10,
    SetIntset = 11,
    ZsetZiplist = 12,
    HashZiplist = 13,
    /// Nodes of ziplists.
    ListQuicklist = 14,
    HashListpack = 16,
    ZsetListpack = 17,
    /// Nodes of listpacks, or of a single element.
    ListQuicklist2 = 18,
    SetListpack = 20,
    /// With deadlines as they are, of the release candidates of Redis 7.4.
    HashDeadlinesAsTheyAre = 22,
    HashListpackexBare = 23,
    /// With deadlines counted from the first.
    HashDeadlines = 24,
    HashListpackex = 25,
}
