//! Who watches which key; knows watchers only by a name, and keys only by theirs.

use std::hash::Hash;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// A key that somebody watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) db: usize,
    pub(crate) key: Box<[u8]>,
    /// When the watch began, the key had outlived its deadline and was still there: that it goes is no change.
    pub(crate) expired: bool,
}

/// All watches, by key and by watcher.
#[derive(Debug)]
pub(crate) struct Watches<W> {
    /// For each database the watched keys, with those who watch them.
    by_key: Vec<HashMap<Box<[u8]>, Vec<W>, FixedState>>,
    by_watcher: HashMap<W, Vec<Watch>, FixedState>,
    hasher: FixedState,
}

impl<W: Copy + Eq + Hash> Watches<W> {
    /// None yet. The seed keeps clients from choosing keys that collide.
    pub(crate) fn new(seed: u64) -> Watches<W> {
        let hasher = FixedState::with_seed(seed);
        Watches {
            by_key: Vec::new(),
            by_watcher: HashMap::with_hasher(hasher.clone()),
            hasher,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_watcher.is_empty()
    }

    /// Begins a watch; a second one of the same key by the same watcher is none.
    pub(crate) fn watch(&mut self, watcher: W, watch: Watch) {
        let own = self.by_watcher.entry(watcher).or_default();
        if own
            .iter()
            .any(|other| other.db == watch.db && other.key == watch.key)
        {
            return;
        }
        while self.by_key.len() <= watch.db {
            self.by_key.push(HashMap::with_hasher(self.hasher.clone()));
        }
        self.by_key[watch.db]
            .entry(watch.key.clone())
            .or_default()
            .push(watcher);
        own.push(watch);
    }

    /// Ends every watch of a watcher.
    pub(crate) fn unwatch(&mut self, watcher: W) {
        for watch in self.by_watcher.remove(&watcher).unwrap_or_default() {
            let keys = &mut self.by_key[watch.db];
            if let Some(watchers) = keys.get_mut(&watch.key) {
                watchers.retain(|other| *other != watcher);
                if watchers.is_empty() {
                    keys.remove(&watch.key);
                }
            }
        }
    }

    /// What a watcher watches, in the order in which it began to.
    pub(crate) fn of(&self, watcher: W) -> &[Watch] {
        self.by_watcher.get(&watcher).map_or(&[], Vec::as_slice)
    }

    /// Those who watch a key, each with its watch.
    pub(crate) fn on(&mut self, db: usize, key: &[u8], mut tell: impl FnMut(W, &mut Watch)) {
        let watchers = self.by_key.get(db).and_then(|keys| keys.get(key));
        for watcher in watchers.into_iter().flatten() {
            let watches = self.by_watcher.get_mut(watcher).into_iter().flatten();
            for watch in watches.filter(|watch| watch.db == db && *watch.key == *key) {
                tell(*watcher, watch);
            }
        }
    }

    /// How many watch something.
    pub(crate) fn watchers(&self) -> usize {
        self.by_watcher.len()
    }

    /// How many keys are watched, each counted once.
    pub(crate) fn watched(&self) -> usize {
        self.by_key.iter().map(HashMap::len).sum()
    }

    /// The watched keys of a database.
    pub(crate) fn keys(&self, db: usize) -> impl Iterator<Item = &[u8]> {
        self.by_key
            .get(db)
            .into_iter()
            .flat_map(|keys| keys.keys().map(|key| &**key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(db: usize, key: &[u8]) -> Watch {
        Watch {
            db,
            key: key.into(),
            expired: false,
        }
    }

    fn on(watches: &mut Watches<u8>, db: usize, key: &[u8]) -> Vec<u8> {
        let mut told = Vec::new();
        watches.on(db, key, |watcher, _| told.push(watcher));
        told
    }

    #[test]
    fn a_key_is_watched_in_its_database_only_and_once() {
        let mut watches = Watches::new(1);
        watches.watch(1, watch(0, b"k"));
        watches.watch(1, watch(0, b"k"));
        watches.watch(2, watch(0, b"k"));
        watches.watch(2, watch(3, b"k"));
        assert_eq!(on(&mut watches, 0, b"k"), [1, 2]);
        assert_eq!(on(&mut watches, 3, b"k"), [2]);
        assert!(on(&mut watches, 1, b"k").is_empty());
        assert_eq!(watches.of(1).len(), 1);
        assert_eq!((watches.watchers(), watches.watched()), (2, 2));
    }

    #[test]
    fn nothing_is_left_of_who_stops_watching() {
        let mut watches = Watches::new(1);
        watches.watch(1, watch(0, b"a"));
        watches.watch(1, watch(2, b"b"));
        watches.watch(2, watch(0, b"a"));
        watches.unwatch(1);
        assert_eq!(on(&mut watches, 0, b"a"), [2]);
        assert_eq!((watches.keys(2).count(), watches.of(1).len()), (0, 0));
        watches.unwatch(2);
        assert!(watches.is_empty() && watches.keys(0).next().is_none());
    }
}
