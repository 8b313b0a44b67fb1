//! Values into bytes, as Redis 8.2.3 writes them; knows not where the bytes go.

use super::{
    ENCODED, INT_8, INT_16, INT_32, Kind, LEN_14, LEN_32, LEN_64, LZF, NODE_PACKED, NODE_PLAIN,
};
use crate::data::hash::Hash;
use crate::data::list::List;
use crate::data::listpack::Item;
use crate::data::lzf::Compressor;
use crate::data::quicklist::Node;
use crate::data::set::Set;
use crate::data::zset::Zset;
use crate::keyspace::value::{StringRef, ValueRef};
use crate::text::integers;

/// Shorter strings are never compressed.
const COMPRESSED_LEN_MIN: usize = 21;
/// Compression has to save so many bytes.
const SAVED_MIN: usize = 4;
/// No longer text is written as an integer: the longest of 32 bits.
const INT_LEN_MAX: usize = 11;

/// Takes the bytes of a value bit by bit, so that a large one need not be in memory twice.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Writes values into a sink.
pub(crate) struct Writer<S> {
    sink: S,
    /// Where rdbcompression asks for it.
    compressor: Option<Compressor>,
}

/// The kind of a value, which is written before it, and before its key in a file.
pub(crate) fn kind_of(value: ValueRef<'_>) -> Kind {
    match value {
        ValueRef::Int(_) | ValueRef::Bytes(_) | ValueRef::Shared(_) => Kind::String,
        ValueRef::List(_) => Kind::ListQuicklist2,
        ValueRef::Set(Set::Ints(_)) => Kind::SetIntset,
        ValueRef::Set(Set::Listpack(_)) => Kind::SetListpack,
        ValueRef::Set(Set::Table(_)) => Kind::Set,
        ValueRef::Zset(Zset::Packed(_)) => Kind::ZsetListpack,
        ValueRef::Zset(Zset::Ranked(_)) => Kind::Zset,
        ValueRef::Hash(Hash::Listpack(_)) => Kind::HashListpack,
        ValueRef::Hash(Hash::Listpackex(_)) => Kind::HashListpackex,
        ValueRef::Hash(hash @ Hash::Table(_)) => match hash.next_deadline() {
            None => Kind::Hash,
            Some(_) => Kind::HashDeadlines,
        },
    }
}

impl<S: Sink> Writer<S> {
    /// A writer that compresses strings if told to.
    pub(crate) fn new(sink: S, compresses: bool) -> Writer<S> {
        Writer {
            sink,
            compressor: compresses.then(Compressor::default),
        }
    }

    /// The sink, with all that was written.
    pub(crate) fn finish(self) -> S {
        self.sink
    }

    /// One byte, such as that of a kind.
    pub(crate) fn byte(&mut self, byte: u8) {
        self.sink.put(&[byte]);
    }

    /// A length or a count.
    pub(crate) fn len(&mut self, len: u64) {
        match len {
            0..64 => self.byte(len as u8),
            64..16_384 => self.sink.put(&[LEN_14 | (len >> 8) as u8, len as u8]),
            _ => match u32::try_from(len) {
                Ok(len) => {
                    self.byte(LEN_32);
                    self.sink.put(&len.to_be_bytes());
                }
                Err(_) => {
                    self.byte(LEN_64);
                    self.sink.put(&len.to_be_bytes());
                }
            },
        }
    }

    fn count(&mut self, count: usize) {
        self.len(count as u64);
    }

    /// A string: as an integer where it is the text of a small one, compressed where that is worth while.
    pub(crate) fn string(&mut self, bytes: &[u8]) {
        let int = (bytes.len() <= INT_LEN_MAX)
            .then(|| integers::parse_i64(bytes))
            .flatten();
        if let Some(int) = int.and_then(|int| i32::try_from(int).ok()) {
            return self.int(int);
        }
        if bytes.len() >= COMPRESSED_LEN_MIN
            && let Some(compressor) = &mut self.compressor
            && let Some(compressed) = compressor.compress(bytes, bytes.len() - SAVED_MIN)
        {
            self.byte(ENCODED | LZF);
            self.count(compressed.len());
            self.count(bytes.len());
            self.sink.put(&compressed);
            return;
        }
        self.count(bytes.len());
        self.sink.put(bytes);
    }

    fn int(&mut self, int: i32) {
        if let Ok(int) = i8::try_from(int) {
            self.sink.put(&[ENCODED | INT_8, int as u8]);
        } else if let Ok(int) = i16::try_from(int) {
            self.byte(ENCODED | INT_16);
            self.sink.put(&int.to_le_bytes());
        } else {
            self.byte(ENCODED | INT_32);
            self.sink.put(&int.to_le_bytes());
        }
    }

    fn item(&mut self, item: Item<'_>) {
        self.string(item.bytes(&mut itoa::Buffer::new()));
    }

    /// A moment in milliseconds.
    pub(crate) fn time_ms(&mut self, at_ms: i64) {
        self.sink.put(&at_ms.to_le_bytes());
    }

    /// A value of the kind that [`kind_of`] tells.
    pub(crate) fn value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Int(_) | ValueRef::Bytes(_) | ValueRef::Shared(_) => {
                let string = value.as_string().unwrap_or(StringRef::Bytes(b""));
                self.string(string.bytes(&mut itoa::Buffer::new()));
            }
            ValueRef::List(list) => self.list(list),
            ValueRef::Set(set) => self.set(set),
            ValueRef::Zset(set) => self.zset(set),
            ValueRef::Hash(hash) => self.hash(hash),
        }
    }

    fn list(&mut self, list: &List) {
        match list {
            List::Packed(list) => {
                self.count(1);
                self.len(NODE_PACKED);
                self.string(list.as_bytes());
            }
            List::Quick(list) => {
                self.count(list.nodes());
                for node in list.iter_nodes() {
                    match node {
                        Node::Packed(list) => {
                            self.len(NODE_PACKED);
                            self.string(list.as_bytes());
                        }
                        Node::Plain(bytes) => {
                            self.len(NODE_PLAIN);
                            self.string(bytes);
                        }
                    }
                }
            }
        }
    }

    fn set(&mut self, set: &Set) {
        match set {
            Set::Ints(ints) => self.string(&ints.to_bytes()),
            Set::Listpack(list) => self.string(list.as_bytes()),
            Set::Table(table) => {
                self.count(table.len());
                set.iter().for_each(|member| self.item(member));
            }
        }
    }

    fn zset(&mut self, set: &Zset) {
        match set {
            Zset::Packed(list) => self.string(list.as_bytes()),
            Zset::Ranked(_) => {
                let len = set.len();
                self.count(len);
                // From the last, so that whoever reads them can put each before all others.
                for (member, score) in set.iter(0..len).rev() {
                    self.item(member);
                    self.sink.put(&score.to_le_bytes());
                }
            }
        }
    }

    fn hash(&mut self, hash: &Hash) {
        match hash {
            Hash::Listpack(list) => self.string(list.as_bytes()),
            Hash::Listpackex(mortal) => {
                // What the keyspace goes by, which may be a deadline that no field has any more.
                self.time_ms(hash.expected_ms().unwrap_or(0));
                self.string(mortal.fields().as_bytes());
            }
            Hash::Table(_) => {
                let first_ms = hash.next_deadline();
                if let Some(first_ms) = first_ms {
                    self.time_ms(first_ms);
                }
                self.count(hash.len());
                for (field, found) in hash.iter() {
                    if let Some(first_ms) = first_ms {
                        // 0 says that there is none, so all others are one more.
                        let after_ms = found.expire_ms.map_or(0, |at_ms| at_ms - first_ms + 1);
                        self.len(after_ms as u64);
                    }
                    self.item(field);
                    self.item(found.value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Writer<Vec<u8>>)) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), true);
        write(&mut writer);
        writer.finish()
    }

    #[test]
    fn lengths_take_as_few_bytes_as_they_can() {
        let cases: [(u64, &[u8]); 7] = [
            (0, b"\0"),
            (63, b"\x3f"),
            (64, b"\x40\x40"),
            (16_383, b"\x7f\xff"),
            (16_384, b"\x80\0\0\x40\0"),
            (u32::MAX.into(), b"\x80\xff\xff\xff\xff"),
            (1 << 32, b"\x81\0\0\0\x01\0\0\0\0"),
        ];
        for (len, expected) in cases {
            assert_eq!(written(|writer| writer.len(len)), expected, "{len}");
        }
    }

    #[test]
    fn strings_are_written_as_8_2_3_writes_them() {
        let cases: [(&[u8], &[u8]); 9] = [
            (b"hello", b"\x05hello"),
            (b"-1", b"\xc0\xff"),
            (b"300", b"\xc1\x2c\x01"),
            (b"70000", b"\xc2\x70\x11\x01\0"),
            (b"-2147483648", b"\xc2\0\0\0\x80"),
            (b"5000000000", b"\x0a5000000000"),
            (b"00", b"\x0200"),
            (&[b'a'; 20], b"\x14aaaaaaaaaaaaaaaaaaaa"),
            (&[b'a'; 21], b"\xc3\x06\x15\x01aa\xe0\x0a\0"),
        ];
        for (text, expected) in cases {
            assert_eq!(written(|writer| writer.string(text)), expected);
        }
    }
}
