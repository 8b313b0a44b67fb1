//! What follows from a change of a watched key; the watches themselves are kept by the keyspace.

use crate::engine::Engine;
use crate::engine::client::{ClientFlags, ClientKey};
use crate::keyspace::entry::Entry;
use crate::keyspace::watch::Watch;

impl Engine {
    /// Watches a key of the client's database, until EXEC, DISCARD, UNWATCH or RESET, or until it changes.
    pub(crate) fn watch(&mut self, client: ClientKey, key: &[u8]) {
        let Some(db) = self.clients.get(client).map(|client| client.db) else {
            return;
        };
        let watch = Watch {
            db,
            key: key.into(),
            expired: self.has_expired(db, key),
        };
        self.watches.watch(client, watch);
        self.changes.watched = true;
    }

    /// Ends every watch of a client. What was seen to change stays seen.
    pub(crate) fn unwatch(&mut self, client: ClientKey) {
        if self.changes.watched {
            self.watches.unwatch(client);
            self.changes.watched = !self.watches.is_empty();
        }
    }

    /// Whether a key that a client watches has outlived its deadline since, even if nobody has noticed.
    pub(crate) fn has_watched_expired(&self, client: ClientKey) -> bool {
        self.watches
            .of(client)
            .iter()
            .any(|watch| !watch.expired && self.has_expired(watch.db, &watch.key))
    }

    /// A key changed: the transactions of those who watch it will not be carried out.
    pub(super) fn touch_watched(&mut self, db: usize, key: &[u8]) {
        let there = self.keyspace.db(db).table.get(key).is_some();
        let expired = self.has_expired(db, key);
        self.spoil(db, key, |watch| {
            if watch.expired && !there {
                // It was dead when the watch began; now it is buried.
                watch.expired = false;
                return false;
            }
            !(watch.expired && expired)
        });
    }

    /// Tells those who watch keys of database `db` that it is about to hold nothing, or what `replacement` holds.
    pub(crate) fn touch_watched_of(&mut self, db: usize, replacement: Option<usize>) {
        let keys: Vec<Box<[u8]>> = self.watches.keys(db).map(Into::into).collect();
        for key in keys {
            let was = self.keyspace.db(db).table.get(&key).is_some();
            let will_be =
                replacement.is_some_and(|db| self.keyspace.db(db).table.get(&key).is_some());
            if !was && !will_be {
                continue;
            }
            let dead = replacement.is_some_and(|db| self.has_expired(db, &key));
            self.spoil(db, &key, |watch| {
                let changed = match (watch.expired, will_be) {
                    (true, false) => false,
                    (true, true) => !dead,
                    (false, _) => was || !dead,
                };
                if !changed {
                    watch.expired = will_be;
                }
                changed
            });
        }
    }

    /// Asks `changed` of each watch of a key; the client whose watch it is true of will not carry out its transaction.
    fn spoil(&mut self, db: usize, key: &[u8], mut changed: impl FnMut(&mut Watch) -> bool) {
        let mut spoilt = Vec::new();
        self.watches.on(db, key, |client, watch| {
            if changed(watch) {
                spoilt.push(client);
            }
        });
        for key in spoilt {
            if let Some(client) = self.clients.get_mut(key) {
                client.flags.insert(ClientFlags::DIRTY_CAS);
            }
            // It cannot become more spoilt.
            self.unwatch(key);
        }
    }

    /// Whether a key is still there although its deadline has passed.
    fn has_expired(&self, db: usize, key: &[u8]) -> bool {
        let entry = self.keyspace.db(db).table.get(key);
        entry
            .and_then(Entry::expire_ms)
            .is_some_and(|at| at < self.now.wall_ms())
    }
}
