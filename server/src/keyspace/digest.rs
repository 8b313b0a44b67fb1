//! The digests by which DEBUG tells whether two servers hold the same data, as Redis reckons them: whatever has no order
//! leaves no trace of one.

use std::fmt;

use sha1_smol::Sha1;

use crate::data::list::End;
use crate::data::listpack::Item;
use crate::keyspace::db::Keyspace;
use crate::keyspace::entry::Entry;
use crate::keyspace::value::ValueRef;
use crate::text::doubles;

/// Twenty bytes, shown as hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Digest([u8; 20]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Digest {
    /// Of a key's value and whether it has a deadline.
    pub(crate) fn of(entry: &Entry) -> Digest {
        let mut digest = Digest::default();
        digest.mix_entry(entry);
        digest
    }

    /// Of all keys of all databases.
    pub(crate) fn of_all(keyspace: &Keyspace) -> Digest {
        let mut all = Digest::default();
        for number in 0..keyspace.len() {
            let table = &keyspace.db(number).table;
            if table.len() == 0 {
                continue;
            }
            all.mix(&(number as u32).to_be_bytes());
            for entry in table.iter() {
                let mut digest = Digest::default();
                digest.mix(entry.key());
                digest.mix_entry(entry);
                all.add(&digest.0);
            }
        }
        all
    }

    /// Adds what may come in any order.
    fn add(&mut self, bytes: &[u8]) {
        let sum = Sha1::from(bytes).digest().bytes();
        self.0
            .iter_mut()
            .zip(sum)
            .for_each(|(own, other)| *own ^= other);
    }

    /// Adds what comes in this order.
    fn mix(&mut self, bytes: &[u8]) {
        self.add(bytes);
        self.0 = Sha1::from(self.0).digest().bytes();
    }

    fn mix_item(&mut self, item: Item<'_>) {
        self.mix(item.bytes(&mut itoa::Buffer::new()));
    }

    fn mix_entry(&mut self, entry: &Entry) {
        let value = entry.value();
        self.mix(&type_number(value).to_be_bytes());
        self.mix_value(value);
        if entry.expire_ms().is_some() {
            self.add(b"!!expire!!");
        }
    }

    fn mix_value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Int(_) | ValueRef::Bytes(_) | ValueRef::Shared(_) => {
                if let Some(string) = value.as_string() {
                    self.mix(string.bytes(&mut itoa::Buffer::new()));
                }
            }
            ValueRef::List(list) => list.walk(0, End::Head).for_each(|item| self.mix_item(item)),
            ValueRef::Set(set) => {
                let mut digits = itoa::Buffer::new();
                set.iter()
                    .for_each(|member| self.add(member.bytes(&mut digits)));
            }
            ValueRef::Zset(set) => {
                let mut written = Vec::new();
                for (member, score) in set.iter(0..set.len()) {
                    let mut digest = Digest::default();
                    digest.mix_item(member);
                    written.clear();
                    doubles::write_shortest(&mut written, score);
                    digest.mix(&written);
                    self.add(&digest.0);
                }
            }
            ValueRef::Hash(hash) => {
                for (field, found) in hash.iter() {
                    let mut digest = Digest::default();
                    digest.mix_item(field);
                    digest.mix_item(found.value);
                    if found.expire_ms.is_some() {
                        digest.add(b"!!hexpire!!");
                    }
                    self.add(&digest.0);
                }
            }
        }
    }
}

/// Redis's number of the type.
fn type_number(value: ValueRef<'_>) -> u32 {
    match value {
        ValueRef::Int(_) | ValueRef::Bytes(_) | ValueRef::Shared(_) => 0,
        ValueRef::List(_) => 1,
        ValueRef::Set(_) => 2,
        ValueRef::Zset(_) => 3,
        ValueRef::Hash(_) => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::zset::{self, Zset};
    use crate::keyspace::value::{New, Value};

    #[test]
    fn a_string_has_the_digest_that_8_2_3_shows() {
        let shown =
            |value, expire_ms| Digest::of(&Entry::new(b"k", value, expire_ms, 0)).to_string();
        assert_eq!(
            shown(New::Bytes(b"hello"), None),
            "36b23a1456b2dce2c3ed252c456761301dba8060"
        );
        assert_eq!(
            shown(New::Int(123), None),
            "89f7f51b707418f666d5b45e053bd5bbbf82ac2b"
        );
        assert_eq!(
            shown(New::Bytes(b"123"), Some(1)),
            "6f720be4ac4df2a2a7c35fa640511a20a52ceda8"
        );
    }
    #[test]
    fn a_score_is_digested_with_its_shortest_digits() {
        let digest = |score: f64| {
            let mut set = Zset::default();
            let limits = zset::Limits {
                entries: 1,
                value: 1,
                seed: 1,
            };
            set.insert(b"a", score, &limits);
            Digest::of(&Entry::new(b"k", New::Owned(Value::Zset(set)), None, 0)).to_string()
        };
        assert_eq!(
            digest(404_723_927_262_806_720.0),
            "d0f45824753e7a1d5b023e071d9305040b5e6dd1"
        );
        assert_eq!(
            digest(-(2_f64.powi(60))),
            "bfbf8c91ccb3c46f08bdc2f981cf37cfca41a65d"
        );
    }
}
