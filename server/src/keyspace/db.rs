//! The databases, and the window through which a command sees the selected one.
//!
//! Through the window a key whose deadline has passed is gone: the first look deletes it and says so.

use std::sync::Arc;

use crate::data::dict::Place;
use crate::data::hash::Hash;
use crate::keyspace::access::{self, Mode};
use crate::keyspace::changes::{Changes, Class};
use crate::keyspace::due::Due;
use crate::keyspace::entry::Entry;
use crate::keyspace::gauge::Gauge;
use crate::keyspace::table::Table;
use crate::keyspace::value::{Collection, New, StringRef, ValueMut};
use crate::resp::error::Error;

/// While expired keys may not be deleted, a random key is sought so often that has not expired, as in Redis.
const PICKS_MAX: usize = 100;

/// One numbered database.
pub(crate) struct Db {
    pub(crate) table: Table,
    /// Keys that have a deadline.
    pub(crate) volatile: usize,
    /// How long keys with a deadline still have to live on average, in milliseconds, as active expiry estimates it.
    pub(crate) avg_ttl_ms: i64,
    /// Where the next active expiry goes on looking.
    sweep: usize,
    /// Hashes with fields that have a deadline.
    pub(crate) due: Due,
    /// What its keys take, while that is measured.
    gauge: Option<Gauge>,
}

impl Db {
    fn new(seed: u64) -> Db {
        Db {
            table: Table::new(seed),
            volatile: 0,
            avg_ttl_ms: 0,
            sweep: 0,
            due: Due::default(),
            gauge: None,
        }
    }

    /// Takes a key out.
    fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let entry = self.table.remove(key)?;
        self.forget_fields(&entry);
        self.volatile -= usize::from(entry.expire_ms().is_some());
        Some(entry)
    }

    /// Brings up to date what a key is known to take.
    fn measure(&mut self, key: &[u8]) {
        if let Some(gauge) = &mut self.gauge {
            gauge.note(key, self.table.get(key).map(Entry::memory));
        }
    }

    /// Forgets when the fields of an entry expire that is no longer in the table.
    fn forget_fields(&mut self, entry: &Entry) {
        if let Some(hash) = entry.value().collection::<Hash>()
            && let expected @ Some(_) = hash.expected_ms()
        {
            self.due.change(entry.key(), expected, None);
        }
    }
}

/// All databases.
pub(crate) struct Keyspace {
    dbs: Vec<Db>,
    seed: u64,
    /// Keys found and not found by reading commands, keys that expired and were evicted, since the start or CONFIG RESETSTAT.
    pub(crate) stats: KeyStats,
    /// DEBUG SET-ACTIVE-EXPIRE.
    pub(crate) active_expire: bool,
    /// During CLIENT PAUSE no key goes away: readers do not see those that have expired, but they stay.
    pub(crate) expiry_paused: bool,
    /// DEBUG QUICKLIST-PACKED-THRESHOLD: list elements so long, in bytes, lie alone; 0 leaves it to list-max-listpack-size.
    pub(crate) packed_threshold: usize,
    /// `lazyfree-lazy-expire` and `lazyfree-lazy-server-del`: what expires, or is replaced, keeps nobody waiting.
    pub(crate) lazy_expire: bool,
    pub(crate) lazy_server_del: bool,
    /// What is to be given back without keeping anybody waiting.
    pub(crate) garbage: Vec<Entry>,
}

/// What INFO tells of the keyspace's use.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct KeyStats {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) expired: u64,
    /// Fields of hashes that expired.
    pub(crate) expired_fields: u64,
    pub(crate) evicted: u64,
    /// Values given back without keeping anybody waiting.
    pub(crate) lazyfreed: u64,
}

impl Keyspace {
    pub(crate) fn new(databases: usize, seed: u64) -> Keyspace {
        let dbs = (0..databases).map(|_| Db::new(seed)).collect();
        Keyspace {
            dbs,
            seed,
            stats: KeyStats::default(),
            active_expire: true,
            expiry_paused: false,
            packed_threshold: 0,
            lazy_expire: false,
            lazy_server_del: false,
            garbage: Vec::new(),
        }
    }

    pub(crate) fn db(&self, index: usize) -> &Db {
        &self.dbs[index]
    }

    /// Number of databases.
    pub(crate) fn len(&self) -> usize {
        self.dbs.len()
    }

    /// Exchanges the contents of two databases. No event tells of it.
    pub(crate) fn swap(&mut self, a: usize, b: usize) {
        self.dbs.swap(a, b);
    }

    /// Empties one database and returns what it held, since giving that back may take long. No event tells of it.
    pub(crate) fn empty(&mut self, db: usize) -> Db {
        let mut empty = Db::new(self.seed);
        empty.gauge = self.dbs[db].gauge.as_ref().map(|_| Gauge::default());
        std::mem::replace(&mut self.dbs[db], empty)
    }

    /// Begins or ceases to measure what keys take.
    pub(crate) fn set_measuring(&mut self, measuring: bool) {
        for db in &mut self.dbs {
            db.gauge = match db.gauge.take() {
                _ if !measuring => None,
                Some(gauge) => Some(gauge),
                None => {
                    let mut gauge = Gauge::default();
                    for entry in db.table.iter() {
                        gauge.note(entry.key(), Some(entry.memory()));
                    }
                    Some(gauge)
                }
            };
        }
    }

    /// Brings up to date what a key is known to take, where that is measured.
    pub(crate) fn measure(&mut self, db: usize, key: &[u8]) {
        self.dbs[db].measure(key);
    }

    /// Bytes that keys and their tables take; 0 unless that is measured.
    pub(crate) fn measured(&self) -> usize {
        let measured = |db: &Db| Some(db.gauge.as_ref()?.used() + db.table.memory());
        self.dbs.iter().filter_map(measured).sum()
    }

    /// Gives an entry back: at once, or later where that is asked for and would keep others waiting.
    pub(crate) fn give_back(&mut self, entry: Entry, lazily: bool) {
        if lazily && entry.is_costly_to_free() {
            self.stats.lazyfreed += 1;
            self.garbage.push(entry);
        }
    }

    /// Takes a key out because memory is full, and says so.
    pub(crate) fn evict(&mut self, db: usize, key: &[u8], changes: &mut Changes) -> Option<Entry> {
        let space = &mut self.dbs[db];
        let entry = space.remove(key)?;
        space.measure(key);
        self.stats.evicted += 1;
        changes.changed(db, key, Class::EVICTED, "evicted");
        Some(entry)
    }

    /// Deletes a key whose deadline has passed, and says so.
    fn expire(&mut self, db: usize, key: &[u8], changes: &mut Changes) {
        if let Some(entry) = self.dbs[db].remove(key) {
            self.give_back(entry, self.lazy_expire);
            self.stats.expired += 1;
            changes.changed(db, key, Class::EXPIRED, "expired");
        }
    }

    /// Removes fields of the hashes of a database whose deadlines have passed, the earliest first and at most so many.
    ///
    /// # Returns
    /// how many.
    pub(crate) fn sweep_fields(
        &mut self,
        db: usize,
        now_ms: i64,
        max: usize,
        changes: &mut Changes,
    ) -> usize {
        let mut expired = 0;
        while expired < max
            && let Some(key) = self.dbs[db].due.first(now_ms)
        {
            let key = key.to_vec();
            let (count, _) = self.expire_fields(db, &key, now_ms, max - expired, changes);
            // Each key was due, so the count grows.
            expired += count.max(1);
        }
        expired
    }

    /// Removes at most so many fields of a hash whose deadlines have passed, and the key if none is left, and says so.
    ///
    /// # Returns
    /// how many, and whether the key is gone.
    fn expire_fields(
        &mut self,
        db: usize,
        key: &[u8],
        now_ms: i64,
        max: usize,
        changes: &mut Changes,
    ) -> (usize, bool) {
        let space = &mut self.dbs[db];
        let entry = space.table.get_mut(key);
        let Some(ValueMut::Hash(hash)) = entry.and_then(Entry::owned_mut) else {
            return (0, false);
        };
        let count = hash.expire(now_ms, max);
        let (from, to, empty) = (hash.expected_ms(), hash.next_deadline(), hash.is_empty());
        hash.expect(to);
        space.due.change(key, from, to);
        if count > 0 {
            self.stats.expired_fields += count as u64;
            changes.changed(db, key, Class::HASH, "hexpired");
        }
        if empty && let Some(entry) = space.table.remove(key) {
            space.volatile -= usize::from(entry.expire_ms().is_some());
            changes.changed(db, key, Class::GENERIC, "del");
        }
        (count, empty)
    }

    /// Deletes keys whose deadline has passed, a bucket's worth at a time, going on where the last call ended, until
    /// `enough` says so or every key with a deadline was looked at.
    pub(crate) fn sweep(
        &mut self,
        db: usize,
        now_ms: i64,
        changes: &mut Changes,
        mut enough: impl FnMut(&Swept) -> bool,
    ) -> Swept {
        let mut swept = Swept::default();
        let mut expired: Vec<Vec<u8>> = Vec::new();
        let (mut ttl_sum_ms, mut living) = (0_i64, 0_i64);
        let start = self.dbs[db].sweep;
        let mut wrapped = start == 0;
        while self.dbs[db].volatile > 0 && !enough(&swept) {
            let space = &mut self.dbs[db];
            let next = space.table.sweep_deadlines(space.sweep, |entry| {
                swept.looked += 1;
                let Some(at) = entry.expire_ms() else { return };
                if entry.has_expired(now_ms) {
                    expired.push(entry.key().to_vec());
                } else {
                    ttl_sum_ms = ttl_sum_ms.saturating_add(at.saturating_sub(now_ms));
                    living += 1;
                }
            });
            space.sweep = next.unwrap_or(0);
            for key in expired.drain(..) {
                swept.deleted += 1;
                self.expire(db, &key, changes);
            }
            match next {
                None if wrapped => break,
                None => wrapped = true,
                Some(next) if wrapped && start > 0 && next >= start => break,
                Some(_) => {}
            }
        }
        let space = &mut self.dbs[db];
        if space.volatile == 0 {
            space.avg_ttl_ms = 0;
        } else if let Some(avg_ms) = ttl_sum_ms.checked_div(living) {
            // Each cycle counts for a fiftieth, as in Redis.
            space.avg_ttl_ms = match space.avg_ttl_ms {
                0 => avg_ms,
                before_ms => avg_ms + ((before_ms - avg_ms) as f64 * 0.98) as i64,
            };
        }
        swept
    }
}

/// What a sweep has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Keys with a deadline that were looked at.
    pub(crate) looked: usize,
    /// Those of them that had expired and are gone.
    pub(crate) deleted: usize,
}

/// What becomes of a key's deadline when its value is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// It stays as it is; a new key has none.
    Keep,
    /// It has none any more.
    Clear,
    /// This one, in milliseconds of wall-clock time.
    At(i64),
}

/// The selected database as a command sees it.
pub(crate) struct Keys<'a> {
    pub(crate) keyspace: &'a mut Keyspace,
    pub(crate) changes: &'a mut Changes,
    pub(crate) rng: &'a mut fastrand::Rng,
    /// The selected database.
    pub(crate) db: usize,
    /// Wall-clock time, the same for the whole command.
    pub(crate) now_ms: i64,
    pub(crate) access: Mode,
    /// CLIENT NO-TOUCH: reading a key does not count as using it.
    pub(crate) no_touch: bool,
    /// Which argument of the command named the key that was used last, by where it lies: a command that looks at a key again
    /// and again uses it once, but one that is told the same key twice uses it twice.
    pub(crate) used: usize,
}

impl Keys<'_> {
    /// The same window on another database.
    pub(crate) fn other(&mut self, db: usize) -> Keys<'_> {
        Keys {
            keyspace: self.keyspace,
            changes: self.changes,
            rng: self.rng,
            db,
            now_ms: self.now_ms,
            access: self.access,
            no_touch: self.no_touch,
            // A key of the same name there is another key.
            used: 0,
        }
    }

    /// Has the next look at a key count as a use, though it be at the one that was used last: where Redis looks twice.
    pub(crate) fn look_anew(&mut self) {
        self.used = 0;
    }

    #[inline]
    fn space(&mut self) -> &mut Db {
        &mut self.keyspace.dbs[self.db]
    }

    /// Where a key lies that has not expired. One that has is deleted by this look at it, except by a reader while
    /// expiry is paused, to whom it is only hidden.
    #[inline]
    fn locate(&mut self, key: &[u8], reader: bool) -> Option<Place> {
        let (place, entry) = self.keyspace.dbs[self.db].table.find(key)?;
        if !entry.has_expired(self.now_ms) {
            return Some(place);
        }
        if !(reader && self.keyspace.expiry_paused) {
            self.keyspace.expire(self.db, key, self.changes);
        }
        None
    }

    /// Looks without counting a hit or a miss, and without using the key.
    pub(crate) fn peek(&mut self, key: &[u8]) -> Option<&Entry> {
        let place = self.locate(key, true)?;
        self.space().table.at(place)
    }

    /// Looks to read: counts a hit or a miss, and uses the key.
    #[inline]
    pub(crate) fn read(&mut self, key: &[u8]) -> Option<&Entry> {
        let Some(place) = self.locate(key, true) else {
            self.miss(key, Class::KEY_MISS);
            return None;
        };
        self.keyspace.stats.hits += 1;
        self.used(place, key).map(|entry| &*entry)
    }

    /// Looks as a reader does, but without using the key: what TYPE, TTL and EXISTS ask is not its value.
    #[inline]
    pub(crate) fn look(&mut self, key: &[u8]) -> Option<&Entry> {
        self.lookup(key, Class::KEY_MISS)
    }

    /// As [`Keys::look`], but a miss is no event, as with OBJECT.
    pub(crate) fn inspect(&mut self, key: &[u8]) -> Option<&Entry> {
        self.lookup(key, Class::empty())
    }

    #[inline]
    fn lookup(&mut self, key: &[u8], missing: Class) -> Option<&Entry> {
        let Some(place) = self.locate(key, true) else {
            self.miss(key, missing);
            return None;
        };
        self.keyspace.stats.hits += 1;
        self.space().table.at(place)
    }

    fn miss(&mut self, key: &[u8], class: Class) {
        self.keyspace.stats.misses += 1;
        self.changes.notify(self.db, key, class, "keymiss");
    }

    /// Looks to change: uses the key, counts nothing. The entry's value may be changed in place.
    #[inline]
    pub(crate) fn edit(&mut self, key: &[u8]) -> Option<&mut Entry> {
        let place = self.locate(key, false)?;
        self.used(place, key)
    }

    /// The entry at a place, used once more.
    #[inline]
    fn used(&mut self, place: Place, key: &[u8]) -> Option<&mut Entry> {
        let Keys {
            keyspace,
            rng,
            access,
            now_ms,
            ..
        } = self;
        let entry = keyspace.dbs[self.db].table.at_mut(place)?;
        let argument = key.as_ptr().addr();
        if !self.no_touch && self.used != argument {
            self.used = argument;
            entry.set_access(access::used(*access, entry.access(), *now_ms, || rng.f64()));
        }
        Some(entry)
    }

    /// Reads a string.
    ///
    /// # Errors
    /// WRONGTYPE where the key holds something else.
    #[inline]
    pub(crate) fn string(&mut self, key: &[u8]) -> Result<Option<StringRef<'_>>, Error> {
        match self.read(key) {
            None => Ok(None),
            Some(entry) => entry.value().as_string().map(Some).ok_or(Error::WRONG_TYPE),
        }
    }

    /// Looks at a string in order to change it: as [`Keys::string`], but counts nothing.
    ///
    /// # Errors
    /// WRONGTYPE where the key holds something else.
    #[inline]
    pub(crate) fn string_to_change(&mut self, key: &[u8]) -> Result<Option<StringRef<'_>>, Error> {
        match self.edit(key) {
            None => Ok(None),
            Some(entry) => entry.value().as_string().map(Some).ok_or(Error::WRONG_TYPE),
        }
    }

    /// The bytes of a string, to be changed in place; a missing key is created empty, so check first what must not
    /// create one. The caller says what happened with [`Keys::touch`].
    ///
    /// # Errors
    /// WRONGTYPE where the key holds something else.
    pub(crate) fn string_mut(&mut self, key: &[u8]) -> Result<&mut Vec<u8>, Error> {
        let owned = self.string_to_change(key)?.map(|string| match string {
            StringRef::Shared(_) => None,
            other => Some(other.to_vec()),
        });
        match owned {
            None => self.update(key, New::from_vec(Vec::new())),
            Some(Some(bytes)) => self.update(key, New::from_vec(bytes)),
            Some(None) => {}
        }
        // The caller may find that there is nothing to change, but then it lies in a buffer of its own.
        self.reshaped(key);
        let entry = self
            .space()
            .table
            .get_mut(key)
            .expect("it was there, or was just created");
        match entry.owned_mut() {
            // A reply that still waits to be sent keeps the old bytes.
            Some(ValueMut::String(shared)) => Ok(Arc::make_mut(shared)),
            Some(_) | None => Err(Error::WRONG_TYPE),
        }
    }

    /// Reads a collection.
    ///
    /// # Errors
    /// WRONGTYPE where the key holds something else.
    pub(crate) fn collection<C: Collection>(&mut self, key: &[u8]) -> Result<Option<&C>, Error> {
        match self.read(key) {
            None => Ok(None),
            Some(entry) => entry
                .value()
                .collection()
                .map(Some)
                .ok_or(Error::WRONG_TYPE),
        }
    }

    /// Looks at a collection in order to change it; counts nothing. The caller says what happened with [`Keys::touch`], and
    /// calls [`Keys::drop_empty`] where nothing may be left.
    ///
    /// # Errors
    /// WRONGTYPE where the key holds something else.
    pub(crate) fn collection_mut<C: Collection>(
        &mut self,
        key: &[u8],
    ) -> Result<Option<&mut C>, Error> {
        held(self.edit(key))
    }

    /// As [`Keys::collection_mut`], at a key that this command has looked at to change it: no use is counted once more.
    ///
    /// # Errors
    /// WRONGTYPE where the key holds something else.
    pub(crate) fn collection_again<C: Collection>(
        &mut self,
        key: &[u8],
    ) -> Result<Option<&mut C>, Error> {
        held(self.space().table.get_mut(key))
    }

    /// As [`Keys::collection_mut`], but a missing key is created empty, so check first what must not create one.
    ///
    /// # Errors
    /// WRONGTYPE where the key holds something else.
    pub(crate) fn collection_or_new<C: Collection>(&mut self, key: &[u8]) -> Result<&mut C, Error> {
        if self.edit(key).is_none() {
            let value = New::Owned(C::default().into_value());
            self.create(key, value, Deadline::Clear);
        }
        let entry = self.space().table.get_mut(key);
        let value = entry.and_then(Entry::owned_mut);
        value.and_then(C::of_mut).ok_or(Error::WRONG_TYPE)
    }

    /// Stores a collection under a key that does not exist.
    ///
    /// # Returns
    /// the collection where it lies.
    pub(crate) fn create_collection<C: Collection>(&mut self, key: &[u8], value: C) -> &mut C {
        self.create(key, New::Owned(value.into_value()), Deadline::Clear);
        let entry = self.space().table.get_mut(key);
        entry
            .and_then(Entry::owned_mut)
            .and_then(C::of_mut)
            .expect("it was just created")
    }

    /// Stores a collection, whatever was there.
    pub(crate) fn set_collection<C: Collection>(&mut self, key: &[u8], value: C) {
        self.set(key, New::Owned(value.into_value()), Deadline::Clear);
    }

    /// Looks once more at a key that this command has looked at before: no use is counted, and it cannot have expired since.
    /// So several values can be held at once.
    pub(crate) fn again(&self, key: &[u8]) -> Option<&Entry> {
        let table = &self.keyspace.dbs[self.db].table;
        let (_, entry) = table.find(key)?;
        (!entry.has_expired(self.now_ms)).then_some(entry)
    }

    /// Deletes a key whose collection has become empty, which no key may hold: the second event of the change that emptied it.
    pub(crate) fn drop_empty(&mut self, key: &[u8]) {
        if self.take(key).is_some() {
            self.notify(key, Class::GENERIC, "del");
        }
    }

    /// Stores a value in place of whatever was there, and says of what was overwritten; a key whose deadline has passed
    /// counts as missing.
    #[inline]
    pub(crate) fn set(&mut self, key: &[u8], value: New<'_>, deadline: Deadline) {
        let told = Class::OVERWRITTEN | Class::TYPE_CHANGED;
        if self.changes.notify.intersects(told)
            && let Some(was) = self.again(key).map(|entry| entry.value().type_name())
        {
            self.overwritten(key, was, value.type_name());
        }
        self.write(key, value, deadline);
    }

    /// Stores what a command has made of the value that was there, which is not overwritten by it, or a first value.
    pub(crate) fn update(&mut self, key: &[u8], value: New<'_>) {
        self.write(key, value, Deadline::Keep);
    }

    /// Says that a key's value has given way to another, of these types.
    pub(crate) fn overwritten(&mut self, key: &[u8], was: &'static str, is: &'static str) {
        self.notify(key, Class::OVERWRITTEN, "overwritten");
        if was != is {
            self.notify(key, Class::TYPE_CHANGED, "type_changed");
        }
    }

    fn write(&mut self, key: &[u8], value: New<'_>, deadline: Deadline) {
        let space = &mut self.keyspace.dbs[self.db];
        match space.table.get_mut(key) {
            None => self.create(key, value, deadline),
            Some(entry) if entry.has_expired(self.now_ms) => {
                self.keyspace.expire(self.db, key, self.changes);
                self.create(key, value, deadline);
            }
            Some(entry) => {
                // A new value is one more use of the key, not a new key: how often it was used is not forgotten.
                let argument = key.as_ptr().addr();
                if !self.no_touch && self.used != argument {
                    self.used = argument;
                    let used =
                        access::used(self.access, entry.access(), self.now_ms, || self.rng.f64());
                    entry.set_access(used);
                }
                let access = entry.access();
                let had = entry.expire_ms();
                let expire_ms = match deadline {
                    Deadline::Keep => had,
                    Deadline::Clear => None,
                    Deadline::At(at) => Some(at),
                };
                let value = if had.is_some() == expire_ms.is_some() {
                    if let Some(at) = expire_ms {
                        entry.move_deadline(at);
                    }
                    match entry.overwrite(value) {
                        Ok(()) => return,
                        Err(value) => value,
                    }
                } else {
                    value
                };
                space.volatile =
                    space.volatile + usize::from(expire_ms.is_some()) - usize::from(had.is_some());
                let mut old = None;
                space.table.replace(key, |entry| {
                    old = Some(entry);
                    Entry::new(key, value, expire_ms, access)
                });
                if let Some(old) = old {
                    space.forget_fields(&old);
                    let lazily = self.keyspace.lazy_server_del;
                    self.keyspace.give_back(old, lazily);
                }
            }
        }
    }

    /// Stores a value under a key that does not exist.
    fn create(&mut self, key: &[u8], value: New<'_>, deadline: Deadline) {
        let expire_ms = match deadline {
            Deadline::At(at) => Some(at),
            Deadline::Keep | Deadline::Clear => None,
        };
        let fresh = access::fresh(self.access, self.now_ms);
        let space = self.space();
        space.volatile += usize::from(expire_ms.is_some());
        space.table.insert(Entry::new(key, value, expire_ms, fresh));
        self.changes.created(self.db, key);
    }

    /// Gives a key another deadline, or none.
    ///
    /// # Returns
    /// whether the key exists.
    pub(crate) fn set_deadline(&mut self, key: &[u8], expire_ms: Option<i64>) -> bool {
        let space = self.space();
        let Some(entry) = space.table.get_mut(key) else {
            return false;
        };
        let had = entry.expire_ms().is_some();
        match expire_ms {
            Some(at) if entry.move_deadline(at) => {}
            None if !had => {}
            expire_ms => {
                space.volatile =
                    space.volatile + usize::from(expire_ms.is_some()) - usize::from(had);
                space
                    .table
                    .replace(key, |entry| entry.rebuilt(None, expire_ms));
            }
        }
        true
    }

    /// Deletes a key without saying so; a key whose deadline has passed counts as missing.
    pub(crate) fn take(&mut self, key: &[u8]) -> Option<Entry> {
        let place = self.locate(key, false)?;
        let space = self.space();
        let entry = space.table.remove_at(place);
        space.forget_fields(&entry);
        space.volatile -= usize::from(entry.expire_ms().is_some());
        Some(entry)
    }

    /// Deletes a key and says so.
    ///
    /// # Returns
    /// whether it was there.
    pub(crate) fn delete(&mut self, key: &[u8]) -> bool {
        let lazily = self.keyspace.lazy_server_del;
        self.remove(key, lazily)
    }

    /// As [`Keys::delete`], for those who say themselves whether the value is given back later.
    pub(crate) fn remove(&mut self, key: &[u8], lazily: bool) -> bool {
        let Some(entry) = self.take(key) else {
            return false;
        };
        self.keyspace.give_back(entry, lazily);
        self.touch(key, Class::GENERIC, "del");
        true
    }

    /// Deletes a key without saying so, since another is about to take its name.
    pub(crate) fn clear(&mut self, key: &[u8]) {
        if let Some(entry) = self.take(key) {
            let lazily = self.keyspace.lazy_server_del;
            self.keyspace.give_back(entry, lazily);
        }
    }

    /// Deletes the key that a command would have stored its result under, had that not been empty, and says so. Nobody has
    /// looked at the key, so one whose deadline has passed is deleted like any other.
    pub(crate) fn delete_result(&mut self, key: &[u8]) {
        let space = self.space();
        if let Some(entry) = space.table.remove(key) {
            space.forget_fields(&entry);
            space.volatile -= usize::from(entry.expire_ms().is_some());
            let lazily = self.keyspace.lazy_server_del;
            self.keyspace.give_back(entry, lazily);
            self.touch(key, Class::GENERIC, "del");
        }
    }

    /// Stores an entry taken from elsewhere, as a key used only now; it must not exist here.
    pub(crate) fn put(&mut self, mut entry: Entry) {
        entry.set_access(access::fresh(self.access, self.now_ms));
        // One that expiry has left here is not there for whoever looks.
        let there = self.locate(entry.key(), false);
        debug_assert!(there.is_none(), "{entry:?} would be there twice");
        self.changes.created(self.db, entry.key());
        let space = self.space();
        space.volatile += usize::from(entry.expire_ms().is_some());
        if let Some(ValueMut::Hash(hash)) = entry.owned_mut() {
            let expected = hash.expected_ms();
            if expected.is_some() {
                space.due.change(entry.key(), None, expected);
            }
        }
        space.table.insert(entry);
    }

    /// Notes when the first field of a hash expires, after a field was given a deadline or was deleted. Where a field only
    /// lost its deadline 8.2.3 does not look, and still counts the hash in INFO's `subexpiry`; active expiry will look.
    pub(crate) fn expect_fields(&mut self, key: &[u8]) {
        let space = self.space();
        let entry = space.table.get_mut(key);
        if let Some(ValueMut::Hash(hash)) = entry.and_then(Entry::owned_mut) {
            let (from, to) = (hash.expected_ms(), hash.next_deadline());
            if from != to {
                hash.expect(to);
                space.due.change(key, from, to);
            }
        }
    }

    /// Removes a field of a hash that was found to have expired, but not the key, and says nothing yet.
    ///
    /// # Returns
    /// whether it did: nothing goes away while expiry is paused.
    pub(crate) fn expire_field(&mut self, key: &[u8], field: &[u8]) -> bool {
        if self.keyspace.expiry_paused {
            return false;
        }
        let entry = self.space().table.get_mut(key);
        let Some(ValueMut::Hash(hash)) = entry.and_then(Entry::owned_mut) else {
            return false;
        };
        let removed = hash.remove(field);
        self.keyspace.stats.expired_fields += u64::from(removed);
        removed
    }

    /// Removes the fields of a hash whose deadlines have passed, and the key if none is left, and says so.
    ///
    /// # Returns
    /// whether the key is gone.
    pub(crate) fn expire_fields(&mut self, key: &[u8]) -> bool {
        let (db, now_ms) = (self.db, self.now_ms);
        let Keys {
            keyspace, changes, ..
        } = self;
        !keyspace.expiry_paused
            && keyspace
                .expire_fields(db, key, now_ms, usize::MAX, changes)
                .1
    }

    /// Says that a key changed: once for each change, in Redis's word for it.
    #[inline]
    pub(crate) fn touch(&mut self, key: &[u8], class: Class, event: &'static str) {
        self.changes.touch(self.db, key, class, event);
    }

    /// As [`Keys::touch`], for a change that counts as so many: SADD changes the data once for each member it adds.
    pub(crate) fn touch_times(
        &mut self,
        key: &[u8],
        class: Class,
        event: &'static str,
        times: usize,
    ) {
        self.changes.dirty += times as u64;
        self.changes.changed(self.db, key, class, event);
    }

    /// Says that elements were taken out of a collection, as so many changes, and deletes the key where that `emptied` it. For
    /// most changes those who cache a key hear of it first and then those who listen to events; of these, last.
    pub(crate) fn reduced(
        &mut self,
        key: &[u8],
        class: Class,
        event: &'static str,
        times: usize,
        emptied: bool,
    ) {
        self.notify(key, class, event);
        if emptied {
            self.drop_empty(key);
        }
        self.touch_times(key, Class::empty(), "", times);
    }

    /// Says that a key changed by a change that [`Keys::touch`] counts at another key: RENAME is one change of two keys.
    pub(crate) fn changed(&mut self, key: &[u8], class: Class, event: &'static str) {
        self.changes.changed(self.db, key, class, event);
    }

    /// Says that something happened to a key which did not change its value, such as a second event of one change.
    #[inline]
    pub(crate) fn notify(&mut self, key: &[u8], class: Class, event: &'static str) {
        self.changes.notify(self.db, key, class, event);
    }

    /// Says that a value has another form and is the same, where nothing else is said of it.
    pub(crate) fn reshaped(&mut self, key: &[u8]) {
        self.changes.reshaped(self.db, key);
    }

    /// The seed of every hash table.
    pub(crate) fn seed(&self) -> u64 {
        self.keyspace.seed
    }

    /// Number of databases.
    pub(crate) fn databases(&self) -> usize {
        self.keyspace.len()
    }

    /// A random key that has not expired, each with the same chance.
    pub(crate) fn random(&mut self) -> Option<Vec<u8>> {
        let mut picks = 0;
        loop {
            picks += 1;
            let Keys { keyspace, rng, .. } = self;
            let key = keyspace.dbs[self.db]
                .table
                .random(|n| rng.usize(..n))?
                .key()
                .to_vec();
            // A key that has expired is deleted by looking; where it may not be, it is as good as any in the end.
            let tired = self.keyspace.expiry_paused && picks >= PICKS_MAX;
            if tired || self.peek(&key).is_some() {
                return Some(key);
            }
        }
    }

    /// Goes on with a SCAN until about `count` keys were looked at: shows `emit` those that have not expired, deletes
    /// those that have, and returns the next cursor.
    pub(crate) fn scan(&mut self, cursor: u64, count: usize, mut emit: impl FnMut(&Entry)) -> u64 {
        let now_ms = self.now_ms;
        let mut expired: Vec<Vec<u8>> = Vec::new();
        let cursor = self.space().table.scan(cursor, count, |entry| {
            if entry.has_expired(now_ms) {
                expired.push(entry.key().to_vec());
            } else {
                emit(entry);
            }
        });
        // Only now: a table that shrank between two steps would show some keys twice.
        if !self.keyspace.expiry_paused {
            for key in expired {
                self.keyspace.expire(self.db, &key, self.changes);
            }
        }
        cursor
    }

    /// Every entry that has not expired.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        let now_ms = self.now_ms;
        let entries = self.keyspace.dbs[self.db].table.iter();
        entries.filter(move |entry| !entry.has_expired(now_ms))
    }
}

/// The collection that an entry holds, to be changed in place.
#[inline]
fn held<C: Collection>(entry: Option<&mut Entry>) -> Result<Option<&mut C>, Error> {
    match entry {
        None => Ok(None),
        Some(entry) => entry
            .owned_mut()
            .and_then(C::of_mut)
            .map(Some)
            .ok_or(Error::WRONG_TYPE),
    }
}
