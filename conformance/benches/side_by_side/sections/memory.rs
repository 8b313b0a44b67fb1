//! Resident bytes: of the empty server, and what each key adds.

use std::thread;
use std::time::Duration;

use super::super::contenders::Contender;
use super::super::figures::{Figure, Sheet};
use super::super::machine;
use super::super::options::{Settings, count};
use super::super::requests::{Collection, Store};
use super::{Bench, fill};

const EMPTY: &str = "empty server";
const STORES: [Store; 3] = [Store::Values(32), Store::Expiring(32), Store::Counters];

const COLLECTIONS: [Collection; 6] = [
    Collection::Hash { fields: 10 },
    Collection::List { elements: 3 },
    Collection::List { elements: 10 },
    Collection::Integers { members: 10 },
    Collection::Set { members: 10 },
    Collection::SortedSet { members: 10 },
];

/// A collection takes a few times as long to store as a string, so there are fewer of them.
const STRINGS_PER_COLLECTION: u64 = 5;

fn name(store: Store, keys: u64) -> String {
    let keys = count(keys);
    match store {
        Store::Values(len) => format!("{keys} strings of {len} B"),
        Store::Expiring(len) => format!("{keys} strings of {len} B with a TTL"),
        Store::Counters => format!("{keys} integers"),
        Store::Large => format!("{keys} large strings"),
        Store::Collections(collection) => format!("{keys} {collection}"),
    }
}

/// What is stored, and how many keys of it.
fn fillings(settings: &Settings) -> impl Iterator<Item = (Store, u64)> {
    settings.memory_keys.iter().flat_map(|&keys| {
        let collections = COLLECTIONS.map(Store::Collections);
        let fewer = keys / STRINGS_PER_COLLECTION;
        STORES
            .map(|store| (store, keys))
            .into_iter()
            .chain(collections.map(|store| (store, fewer)))
    })
}

pub(crate) fn works(settings: &Settings) -> Vec<String> {
    let filled = fillings(settings).map(|(store, keys)| name(store, keys));
    std::iter::once(EMPTY.to_owned()).chain(filled).collect()
}

pub(crate) fn run(
    bench: &Bench<'_>,
    contender: &Contender,
    sheet: &mut Sheet<'_>,
) -> Result<(), String> {
    if bench.wants(EMPTY) {
        let running = bench.start(contender)?;
        sheet.record(
            EMPTY,
            Figure::EMPTY,
            machine::resident(running.pid)? as f64 / 1e6,
        );
    }
    for (store, keys) in fillings(bench.settings) {
        let name = name(store, keys);
        if !bench.wants(&name) {
            continue;
        }
        // A server of its own each time: what FLUSHALL leaves behind differs from allocator to allocator.
        let mut running = bench.start(contender)?;
        let before = machine::resident(running.pid)?;
        fill(&mut running, store, keys)?;
        // What servers do after a write and do not announce: moving the rest of a table, trimming buffers.
        thread::sleep(Duration::from_millis(300));
        let added = machine::resident(running.pid)?.saturating_sub(before);
        sheet.record(&name, Figure::PER_KEY, added as f64 / keys as f64);
    }
    Ok(())
}
