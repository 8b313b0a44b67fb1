//! The payload that DUMP answers and RESTORE takes: kind and value, and behind them the version of the format and a check sum
//! of all before it, both little-endian.

use std::fmt;

use crc::{CRC_64_REDIS, Crc, Table};

use super::object::{Limits, Loaded, load};
use super::read::Reader;
use super::write::{Sink, Writer, kind_of};
use super::{Corrupt, Kind, VERSION};
use crate::keyspace::value::ValueRef;

const VERSION_LEN: usize = size_of::<u16>();
const SUM_LEN: usize = size_of::<u64>();
#[cfg(test)]
pub(super) const SEAL_LEN: usize = VERSION_LEN + SUM_LEN;

/// Sixteen bytes at a time: payloads may be large.
static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// Why a payload is not taken; it says what the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It was not written by a Redis as old as 8.2.3 or older, or was changed since.
    Foreign,
    /// It holds no value.
    Corrupt,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Foreign => "ERR DUMP payload version or checksum are wrong",
            Refusal::Corrupt => "ERR Bad data format",
        })
    }
}

impl std::error::Error for Refusal {}

impl From<Corrupt> for Refusal {
    fn from(_: Corrupt) -> Refusal {
        Refusal::Corrupt
    }
}

/// A value as a payload, its strings compressed if told to.
pub(crate) fn dump(value: ValueRef<'_>, compresses: bool) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), compresses);
    writer.byte(kind_of(value).byte());
    writer.value(value);
    let mut payload = writer.finish();
    seal(&mut payload);
    payload
}

/// Bytes of a value without its kind, as DEBUG OBJECT tells them: the moment before a hash's fields is not counted.
pub(crate) fn saved_len(value: ValueRef<'_>, compresses: bool) -> usize {
    let mut writer = Writer::new(Count(0), compresses);
    writer.value(value);
    let uncounted = match kind_of(value) {
        Kind::HashDeadlines | Kind::HashListpackex => size_of::<i64>(),
        _ => 0,
    };
    writer.finish().0 - uncounted
}

/// Counts bytes and keeps none.
struct Count(usize);

impl Sink for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// Puts the version and the check sum behind a value.
pub(crate) fn seal(payload: &mut Vec<u8>) {
    payload.extend(VERSION.to_le_bytes());
    payload.extend(CRC.checksum(payload).to_le_bytes());
}

/// The value in a payload. Where it ends is of no account, as in Redis: bytes may follow it, and a string that was changed to
/// be longer takes the version and the check sum for its own.
///
/// # Errors
/// [`Refusal`], which is the line that the client is told.
pub(crate) fn restore<'a>(payload: &'a [u8], limits: &Limits) -> Result<Loaded<'a>, Refusal> {
    if !is_sealed(payload) {
        return Err(Refusal::Foreign);
    }
    let mut reader = Reader::new(payload);
    let kind = Kind::of(reader.byte()?).ok_or(Refusal::Corrupt)?;
    Ok(load(kind, &mut reader, limits)?)
}

/// Whether version and check sum of a payload are right.
fn is_sealed(payload: &[u8]) -> bool {
    let Some((summed, sum)) = payload.split_last_chunk::<SUM_LEN>() else {
        return false;
    };
    let known = |version: &[u8; VERSION_LEN]| u16::from_le_bytes(*version) <= VERSION;
    summed.last_chunk().is_some_and(known) && CRC.checksum(summed) == u64::from_le_bytes(*sum)
}
