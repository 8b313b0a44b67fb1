//! What holds of the payloads that RESTORE takes: each is loaded or refused, and what was loaded is as good as any value.

use crate::config::Config;
use crate::data::list::End;
use crate::data::listpack::Item;
use crate::data::{hash, list, set, zset};
use crate::keyspace::digest::Digest;
use crate::keyspace::entry::Entry;
use crate::keyspace::value::ValueRef;
use crate::rdb::{Limits, Loaded, Refusal, dump, restore, seal};

/// Small, so that few elements make every form.
pub(crate) const SMALL: Limits = Limits {
    list: list::Limits {
        fill: 4,
        packed_threshold: 40,
    },
    set: set::Limits {
        intset_entries: 4,
        listpack_entries: 5,
        listpack_value: 20,
    },
    zset: zset::Limits {
        entries: 5,
        value: 20,
        seed: 1,
    },
    hash: hash::Limits {
        entries_max: 5,
        len_max: 20,
        seed: 2,
    },
    set_seed: 3,
};

/// No payload makes more than so many times its length: a compressed string grows to 88 times that, and a member of two bytes
/// to a few dozen in a table.
const GROWTH_MAX: usize = 8 * 1024;

/// Those of a server started without options.
fn usual() -> Limits {
    let config = Config::default();
    Limits {
        list: list::Limits {
            fill: config.list_max_listpack_size,
            // As many bytes as a node may have.
            packed_threshold: 0,
        },
        set: set::Limits {
            intset_entries: config.set_max_intset_entries,
            listpack_entries: config.set_max_listpack_entries,
            listpack_value: config.set_max_listpack_value,
        },
        zset: zset::Limits {
            entries: config.zset_max_listpack_entries,
            value: config.zset_max_listpack_value,
            seed: 1,
        },
        hash: hash::Limits {
            entries_max: config.hash_max_listpack_entries,
            len_max: config.hash_max_listpack_value,
            seed: 2,
        },
        set_seed: 3,
    }
}

/// A payload, sealed here, is refused as holding no value; or it is loaded into memory that its length bounds, and what was
/// loaded is dumped as a payload that gives the same value.
pub(crate) fn is_loaded_or_refused(unsealed: &[u8]) {
    let mut payload = unsealed.to_vec();
    seal(&mut payload);
    for limits in [SMALL, usual()] {
        match restore(&payload, &limits) {
            Err(refusal) => assert_eq!(refusal, Refusal::Corrupt),
            Ok(loaded) => {
                let entry = stored(loaded);
                let memory = entry.memory();
                assert!(memory <= payload.len() * GROWTH_MAX, "{memory} bytes");
                for compresses in [false, true] {
                    comes_back(&entry, &limits, compresses);
                }
            }
        }
    }
}

/// The value of an entry is the same after it was dumped and restored.
fn comes_back(entry: &Entry, limits: &Limits, compresses: bool) {
    let payload = dump(entry.value(), compresses);
    let again = stored(restore(&payload, limits).expect("what is loaded is whole"));
    let (mut parts, mut new_parts) = (shown(entry.value()).1, shown(again.value()).1);
    parts.sort_unstable();
    new_parts.sort_unstable();
    assert_eq!(parts, new_parts);
    assert_eq!(Digest::of(entry), Digest::of(&again));
}

pub(crate) fn stored(loaded: Loaded<'_>) -> Entry {
    loaded.store(|value| Entry::new(b"key", value, None, 0))
}

/// The form of a value and all it holds, in order where it has one.
pub(crate) fn shown(value: ValueRef<'_>) -> (&'static str, Vec<String>) {
    let show = |item: Item<'_>| item.to_vec().escape_ascii().to_string();
    let mut parts: Vec<String> = match value {
        ValueRef::Int(int) => return ("string", vec![int.to_string()]),
        ValueRef::Bytes(text) => return ("string", vec![text.escape_ascii().to_string()]),
        ValueRef::Shared(text) => return ("string", vec![text.escape_ascii().to_string()]),
        ValueRef::List(list) => list.walk(0, End::Head).map(show).collect(),
        ValueRef::Set(set) => set.iter().map(show).collect(),
        ValueRef::Zset(set) => set
            .iter(0..set.len())
            .map(|(member, score)| format!("{} {score}", show(member)))
            .collect(),
        ValueRef::Hash(hash) => hash
            .iter()
            .map(|(field, found)| {
                format!(
                    "{}: {} {:?}",
                    show(field),
                    show(found.value),
                    found.expire_ms
                )
            })
            .collect(),
    };
    if value.encoding() == "hashtable" {
        parts.sort_unstable();
    }
    (value.encoding(), parts)
}
