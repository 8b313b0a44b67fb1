//! Whole values through the format and back, and payloads that somebody tampered with.

use std::borrow::Cow;

use proptest::prelude::*;
use proptest::sample::Index;

use super::object::Loaded;
use super::payload::{self, Refusal, dump, restore};
use crate::data::hash::{Deadline, Hash};
use crate::data::list::{End, List};
use crate::data::set::Set;
use crate::data::zset::Zset;
use crate::fuzzing::payload::{SMALL, is_loaded_or_refused, shown, stored};
use crate::keyspace::entry::Entry;
use crate::keyspace::value::{New, Value, ValueRef};

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => any::<i64>().prop_map(|int| int.to_string().into_bytes()),
        3 => (-200_i32..70_000).prop_map(|int| int.to_string().into_bytes()),
        4 => (0..8_u8).prop_map(|letter| vec![b'a' + letter]),
        2 => proptest::collection::vec(0..3_u8, 0..60),
        1 => proptest::collection::vec(any::<u8>(), 0..30),
        1 => (0..20_000_usize).prop_map(|len| b"abc".repeat(len / 3)),
    ]
}

fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(text(), 1..12)
}

fn list() -> impl Strategy<Value = List> {
    texts().prop_map(|texts| {
        let mut list = List::default();
        for text in texts {
            list.make_room(text.len(), 1, SMALL.list);
            list.push(End::Tail, &text, SMALL.list);
        }
        list
    })
}

fn set() -> impl Strategy<Value = Set> {
    let ints = proptest::collection::vec(any::<i32>().prop_map(|int| int.to_string()), 1..7);
    let ints = ints.prop_map(|ints| ints.into_iter().map(String::into_bytes).collect());
    prop_oneof![ints, texts()].prop_map(|texts: Vec<Vec<u8>>| {
        let mut set = Set::default();
        for text in texts {
            set.insert(&text, SMALL.set, SMALL.set_seed);
        }
        set
    })
}

fn zset() -> impl Strategy<Value = Zset> {
    let score = prop_oneof![
        (-3_i32..3).prop_map(f64::from),
        any::<f64>().prop_filter("no score is NaN", |score| !score.is_nan()),
    ];
    proptest::collection::vec((text(), score), 1..9).prop_map(|members| {
        let mut set = Zset::default();
        for (text, score) in members {
            set.upsert(&text, &SMALL.zset, |_| Some(score));
        }
        set
    })
}

fn hash() -> impl Strategy<Value = Hash> {
    let deadline = proptest::option::weighted(0.3, 1..1_i64 << 46);
    let fields = proptest::collection::vec((text(), text(), deadline), 1..9);
    (fields, any::<bool>()).prop_map(|(fields, mortal)| {
        let mut hash = Hash::default();
        if mortal {
            hash.make_mortal();
        }
        for (field, value, expire_ms) in fields {
            hash.set(&field, &value, Deadline::Clear, &SMALL.hash);
            if mortal {
                hash.set_deadline(&field, expire_ms);
            }
        }
        hash
    })
}

/// An entry that holds any value.
fn entry() -> impl Strategy<Value = Entry> {
    let value = prop_oneof![
        text().prop_map(New::from_vec),
        any::<i64>().prop_map(New::Int),
        list().prop_map(|list| New::Owned(Value::List(list))),
        set().prop_map(|set| New::Owned(Value::Set(set))),
        zset().prop_map(|set| New::Owned(Value::Zset(set))),
        hash().prop_map(|hash| New::Owned(Value::Hash(hash))),
    ];
    value.prop_map(|value| Entry::new(b"key", value, None, 0))
}

/// What is done to a payload.
#[derive(Clone, Debug)]
enum Tamper {
    Set(Index, u8),
    SetNear(usize, u8),
    Flip(Index, u32),
    Remove(Index),
    Insert(Index, u8),
    Cut(Index),
    Swap(Index, Index),
}

impl Tamper {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let len = bytes.len();
        match self {
            Tamper::Set(at, byte) => bytes[at.index(len)] = *byte,
            Tamper::SetNear(at, byte) => bytes[*at % len] = *byte,
            Tamper::Flip(at, bit) => bytes[at.index(len)] ^= 1 << bit,
            Tamper::Remove(at) => drop(bytes.remove(at.index(len))),
            Tamper::Insert(at, byte) => bytes.insert(at.index(len), *byte),
            Tamper::Cut(at) => bytes.truncate(at.index(len)),
            Tamper::Swap(a, b) => bytes.swap(a.index(len), b.index(len)),
        }
    }
}

fn tamper() -> impl Strategy<Value = Tamper> {
    let at = any::<Index>;
    // The bytes that begin lengths and encodings of every kind.
    let byte = prop_oneof![
        any::<u8>(),
        0..26_u8,
        proptest::sample::select(&b"\x40\x7f\x80\x81\xc0\xc3\xe0\xf0\xf1\xf4\xfe\xff"[..]),
    ];
    prop_oneof![
        4 => (at(), byte.clone()).prop_map(|(at, byte)| Tamper::Set(at, byte)),
        // Near the beginning is what everything else hangs on.
        3 => (0..12_usize, byte.clone()).prop_map(|(at, byte)| Tamper::SetNear(at, byte)),
        3 => (at(), 0..8_u32).prop_map(|(at, bit)| Tamper::Flip(at, bit)),
        1 => at().prop_map(Tamper::Remove),
        2 => (at(), byte).prop_map(|(at, byte)| Tamper::Insert(at, byte)),
        1 => at().prop_map(Tamper::Cut),
        1 => (at(), at()).prop_map(|(a, b)| Tamper::Swap(a, b)),
    ]
}

proptest! {
    #[test]
    fn every_value_comes_back(entry in entry(), compresses: bool) {
        let payload = dump(entry.value(), compresses);
        let again = stored(restore(&payload, &SMALL).expect("it was dumped"));
        let ((form, parts), (new_form, mut new_parts)) = (shown(entry.value()), shown(again.value()));
        if form == new_form {
            prop_assert_eq!(&parts, &new_parts);
            if form != "hashtable" {
                prop_assert_eq!(dump(again.value(), compresses), payload);
            }
        } else {
            // What has become smaller since it was made is loaded in a smaller form.
            let mut parts = parts;
            parts.sort_unstable();
            new_parts.sort_unstable();
            prop_assert_eq!(parts, new_parts);
        }
    }

    #[test]
    fn a_payload_that_was_tampered_with_is_loaded_or_refused(
        entry in entry(),
        tampers in proptest::collection::vec(tamper(), 1..6),
    ) {
        let mut payload = dump(entry.value(), true);
        payload.truncate(payload.len() - payload::SEAL_LEN);
        tampers.iter().for_each(|tamper| tamper.apply(&mut payload));
        is_loaded_or_refused(&payload);
    }
}

#[test]
fn what_was_not_written_by_redis_is_foreign() {
    let payload = dump(ValueRef::Bytes(b"value"), true);
    assert!(matches!(
        restore(&payload, &SMALL),
        Ok(Loaded::String(Cow::Borrowed(b"value")))
    ));
    for at in 0..payload.len() {
        let mut wrong = payload.clone();
        wrong[at] ^= 1;
        assert_eq!(
            restore(&wrong, &SMALL).err(),
            Some(Refusal::Foreign),
            "byte {at}"
        );
        assert_eq!(
            restore(&payload[..at], &SMALL).err(),
            Some(Refusal::Foreign),
            "{at} bytes"
        );
    }
}

#[test]
fn what_no_key_can_hold_is_refused() {
    let payloads: [&[u8]; 12] = [
        b"",
        b"\x01\x00",
        b"\x04\x00",
        b"\x05\x01\x01a\0\0\0\0\0\0\xf8\x7f",
        b"\x02\x02\x01a\x01a",
        b"\x0b\x0c\x02\0\0\0\x02\0\0\0\x02\0\x01\0",
        b"\x11\x11\x11\0\0\0\x04\0\x81a\x02\x01\x01\x81a\x02\x02\x01\xff",
        b"\x14\x07\x07\0\0\0\0\0\xff",
        b"\x12\x01\x03\x01a",
        b"\x12\x01\x01\x00",
        b"\x19\0\0\0\0\0\0\0\0\x10\x10\0\0\0\x03\0\x81a\x02\x81b\x02\xdf\xff\x02\xff",
        // A stream, which nothing here could hold.
        b"\x15\x01\x10",
    ];
    for bytes in payloads {
        let mut payload = bytes.to_vec();
        payload::seal(&mut payload);
        let refused = restore(&payload, &SMALL).err();
        assert_eq!(refused, Some(Refusal::Corrupt), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_count_of_elements_that_are_not_there_costs_nothing() {
    for kind in 0..=u8::MAX {
        let mut payload = vec![kind, 0x81, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        payload::seal(&mut payload);
        assert!(restore(&payload, &SMALL).is_err(), "kind {kind}");
    }
}
