//! Which clients may keep which keys in caches of their own. Knows clients only by a name, and nothing of how they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

/// So many readers of one key are remembered before it is asked which of them are still there.
const READERS_TOGETHER: usize = 16;

/// Keys that were read, and prefixes that somebody wants to hear of.
#[derive(Debug)]
pub(crate) struct Tracking<C> {
    /// By the name of a key, whatever its database: as in Redis, a client is told of a name.
    keys: IndexMap<Box<[u8]>, Readers<C>, FixedState>,
    /// How many readers all keys have together.
    items: usize,
    prefixes: BTreeMap<Box<[u8]>, Prefix<C>>,
    seed: u64,
}

/// Everybody who may have a key; most keys have one reader.
#[derive(Debug)]
enum Readers<C> {
    One(C),
    /// In order, each once.
    Many(Vec<C>),
}

/// A prefix of keys, with those who hear of every change.
#[derive(Debug)]
struct Prefix<C> {
    clients: BTreeSet<C>,
    /// What has changed since they were last told, each key with who changed it last.
    changed: Changed<C>,
}

/// Keys, each with the client that changed it last, if it was one.
pub(crate) type Changed<C> = BTreeMap<Box<[u8]>, Option<C>>;

/// What those are to be told who hear of a prefix.
#[derive(Debug)]
pub(crate) struct News<C> {
    pub(crate) clients: Vec<C>,
    pub(crate) changed: Changed<C>,
}

impl<C: Copy + Ord + Hash> Tracking<C> {
    /// Nobody tracks anything yet. The seed keeps clients from choosing keys that collide.
    pub(crate) fn new(seed: u64) -> Tracking<C> {
        Tracking {
            keys: IndexMap::with_hasher(FixedState::with_seed(seed)),
            items: 0,
            prefixes: BTreeMap::new(),
            seed,
        }
    }

    /// Notes that a client has read a key. `is_there` says of a client that was noted before whether it still is.
    ///
    /// Redis forgets a reader that has gone only when the key changes. So does this, but for keys with many readers:
    /// otherwise one that never changes would gather every client that ever came.
    pub(crate) fn read(&mut self, client: C, key: &[u8], is_there: impl Fn(C) -> bool) {
        let Some(readers) = self.keys.get_mut(key) else {
            self.keys.insert(key.into(), Readers::One(client));
            self.items += 1;
            return;
        };
        match readers {
            Readers::One(other) if *other == client => {}
            Readers::One(other) => {
                let mut both = vec![*other, client];
                both.sort_unstable();
                *readers = Readers::Many(both);
                self.items += 1;
            }
            Readers::Many(all) => {
                let Err(mut place) = all.binary_search(&client) else {
                    return;
                };
                if all.len() == all.capacity() && all.len() >= READERS_TOGETHER {
                    let before = all.len();
                    all.retain(|other| is_there(*other));
                    self.items -= before - all.len();
                    place = all.partition_point(|other| *other < client);
                }
                all.insert(place, client);
                self.items += 1;
            }
        }
    }

    /// Forgets a key that has changed, and returns who has read it.
    pub(crate) fn forget(&mut self, key: &[u8]) -> Vec<C> {
        let Some(readers) = self.keys.swap_remove(key) else {
            return Vec::new();
        };
        let readers = match readers {
            Readers::One(client) => vec![client],
            Readers::Many(clients) => clients,
        };
        self.items -= readers.len();
        readers
    }

    /// Forgets every key, and returns what held them, since giving that back may take long.
    pub(crate) fn forget_all(&mut self) -> impl Sized + use<C> {
        self.items = 0;
        let hasher = FixedState::with_seed(self.seed);
        std::mem::replace(&mut self.keys, IndexMap::with_hasher(hasher))
    }

    /// One of the keys, chosen by `pick`, which is given their number.
    pub(crate) fn any_key(&self, pick: impl FnOnce(usize) -> usize) -> Option<&[u8]> {
        let (key, _) = self.keys.get_index(pick(self.keys.len().max(1)))?;
        Some(key)
    }

    /// Begins to tell a client of every change of a key with this prefix.
    pub(crate) fn hear(&mut self, client: C, prefix: &[u8]) {
        let new = || Prefix {
            clients: BTreeSet::new(),
            changed: BTreeMap::new(),
        };
        self.prefixes
            .entry(prefix.into())
            .or_insert_with(new)
            .clients
            .insert(client);
    }

    /// Ceases to tell a client of a prefix.
    pub(crate) fn unhear(&mut self, client: C, prefix: &[u8]) {
        if let Some(entry) = self.prefixes.get_mut(prefix) {
            entry.clients.remove(&client);
            if entry.clients.is_empty() {
                self.prefixes.remove(prefix);
            }
        }
    }

    /// Notes that a key has changed, and who changed it, for those who hear of its prefixes.
    pub(crate) fn changed(&mut self, key: &[u8], by: Option<C>) {
        for (prefix, entry) in &mut self.prefixes {
            if key.starts_with(prefix) {
                entry.changed.insert(key.into(), by);
            }
        }
    }

    /// What has changed since this was last asked, for each prefix, in the order of the prefixes.
    pub(crate) fn news(&mut self) -> Vec<News<C>> {
        let told = self.prefixes.values_mut().filter_map(|entry| {
            (!entry.changed.is_empty()).then(|| News {
                clients: entry.clients.iter().copied().collect(),
                changed: std::mem::take(&mut entry.changed),
            })
        });
        told.collect()
    }

    /// How many keys are known to have been read.
    pub(crate) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// How many readers the keys have together.
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// How many prefixes somebody hears of.
    pub(crate) fn prefixes(&self) -> usize {
        self.prefixes.len()
    }
}

#[cfg(test)]
impl<C: Copy + Ord + Hash> Tracking<C> {
    /// Everybody who hears of a prefix, with the prefix.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = (&[u8], C)> {
        self.prefixes.iter().flat_map(|(prefix, entry)| {
            let clients = entry.clients.iter();
            clients.map(move |client| (&**prefix, *client))
        })
    }

    /// Everybody who has read a key, with the key.
    pub(crate) fn readers(&self) -> impl Iterator<Item = (&[u8], C)> {
        self.keys.iter().flat_map(|(key, readers)| {
            let clients = match readers {
                Readers::One(client) => std::slice::from_ref(client),
                Readers::Many(clients) => clients,
            };
            clients.iter().map(move |client| (&**key, *client))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Read(u8, u8),
        Change(u8),
        FlushAll,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            20 => (0..60_u8, 0..4_u8).prop_map(|(client, key)| Step::Read(client, key)),
            2 => (0..4_u8).prop_map(Step::Change),
            1 => Just(Step::FlushAll),
        ];
        proptest::collection::vec(step, 0..300)
    }

    proptest! {
        /// Against the plainest table there can be.
        #[test]
        fn whoever_has_read_a_key_is_named_once_when_it_changes(steps in steps()) {
            let mut tracking = Tracking::new(1);
            let mut model: BTreeMap<u8, BTreeSet<u8>> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Read(client, key) => {
                        tracking.read(client, &[key], |_| true);
                        model.entry(key).or_default().insert(client);
                    }
                    Step::Change(key) => {
                        let told = tracking.forget(&[key]);
                        let expected = model.remove(&key).unwrap_or_default();
                        prop_assert_eq!(told, expected.into_iter().collect::<Vec<_>>());
                    }
                    Step::FlushAll => {
                        tracking.forget_all();
                        model.clear();
                    }
                }
                prop_assert_eq!(tracking.keys(), model.len());
                prop_assert_eq!(tracking.items(), model.values().map(BTreeSet::len).sum::<usize>());
            }
        }
    }

    #[test]
    fn a_key_that_never_changes_does_not_gather_those_who_have_gone() {
        let mut tracking = Tracking::new(1);
        for client in 0..100_000_u32 {
            // Only the last ten are still there.
            tracking.read(client, b"k", |other| client - other < 10);
            assert!(tracking.items() <= 2 * READERS_TOGETHER, "{client}");
        }
        let readers = tracking.forget(b"k");
        assert!((99_990..100_000).all(|client| readers.contains(&client)));
        assert_eq!(tracking.items(), 0);
    }

    #[test]
    fn a_prefix_gathers_what_changed_since_it_was_asked() {
        let mut tracking = Tracking::new(1);
        tracking.hear(1, b"");
        tracking.hear(2, b"a");
        tracking.hear(1, b"a");
        for (key, by) in [
            (b"ab", Some(7)),
            (b"b_", None),
            (b"aa", None),
            (b"ab", Some(8)),
        ] {
            tracking.changed(key, by);
        }
        let news: Vec<_> = tracking
            .news()
            .into_iter()
            .map(|news| (news.clients, news.changed.into_iter().collect::<Vec<_>>()))
            .collect();
        let key = |name: &[u8]| Box::<[u8]>::from(name);
        let with_a = vec![(key(b"aa"), None), (key(b"ab"), Some(8))];
        let all = [with_a.clone(), vec![(key(b"b_"), None)]].concat();
        assert_eq!(news, [(vec![1], all), (vec![1, 2], with_a)]);
        assert!(tracking.news().is_empty(), "they were told already");
        for client in [1, 2] {
            tracking.unhear(client, b"a");
            tracking.unhear(client, b"");
        }
        assert_eq!(tracking.prefixes(), 0);
    }

    #[test]
    fn any_key_is_one_of_them_or_none() {
        let mut tracking = Tracking::new(1);
        assert_eq!(tracking.any_key(|count| count - 1), None);
        tracking.read(1, b"a", |_| true);
        tracking.read(1, b"b", |_| true);
        assert_eq!(tracking.any_key(|count| count - 1), Some(&b"b"[..]));
    }
}
