//! The table of one database's keys: linear hashing over cache-line buckets.
//!
//! A bucket is one cache line: seven entries, one tag byte each, and a link to an overflow bucket. The table grows by
//! splitting one bucket at a time, in order, so no insert ever pays for more than one bucket; it shrinks the same way.
//! Redis keeps two tables and moves between them; linear hashing is always "in the middle of" such a move and needs
//! only one. What commands rely on:
//!
//! - **SCAN's guarantee**: cursors walk the buckets with their bits reversed, as Redis's do; an element that is present
//!   from the first call to the last is returned, however the table grows or shrinks between calls.
//! - **random keys** in constant expected time, each with the same chance;
//! - **finding keys with a deadline** without a second table: one bit a bucket says whether it may hold any.
//!
//! The hash is seeded by the engine, against flooding. No value is looked at here.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use crate::keyspace::entry::Entry;

/// Entries in a bucket.
const SLOTS: usize = 7;

/// Buckets are allocated so many at a time: 16 KiB.
const CHUNK: usize = 256;

/// One bucket is split per insert while there are more than this many entries to two buckets, and merged below a
/// quarter of it. 11 leaves the average bucket 5.5 of its 7 slots full: fuller costs overflow buckets, emptier costs
/// memory.
const LOAD_PER_TWO: usize = 11;

/// The most overflow buckets a chunk can have: their numbers fit a byte, and 0 is none.
const OVERFLOW_MAX: usize = u8::MAX as usize;

/// Below so many keys the table lies in the processor's caches anyway.
const WARM_ENTRIES_MIN: usize = 4096;

/// Keys whose memory is fetched together: about as many as a processor can have on their way.
const WARM_TOGETHER: usize = 16;

#[repr(align(64))]
#[derive(Default)]
struct Bucket {
    /// A byte of each entry's hash, never 0; 0 is a free slot.
    tags: [u8; SLOTS],
    /// The number, from 1, of this bucket's overflow bucket within the chunk; 0 is none.
    more: u8,
    slots: [Option<Entry>; SLOTS],
}

const _: () = assert!(size_of::<Bucket>() == 64);

impl Bucket {
    /// A mask with the lowest bit of byte `i` set where slot `i` may hold this tag. May err, but only with a tag that
    /// differs from the sought one in its lowest bit; the key decides.
    #[inline]
    fn candidates(&self, tag: u8) -> u64 {
        const LOW: u64 = 0x0101_0101_0101_0101;
        const HIGH: u64 = LOW << 7;
        let [a, b, c, d, e, f, g] = self.tags;
        let differing = u64::from_le_bytes([a, b, c, d, e, f, g, 0]) ^ (LOW * u64::from(tag));
        let found = differing.wrapping_sub(LOW) & !differing & HIGH;
        // The eighth byte is no slot.
        (found & (u64::MAX >> 8)) >> 7
    }

    fn free_slot(&self) -> Option<usize> {
        self.tags.iter().position(|&tag| tag == 0)
    }

    fn is_empty(&self) -> bool {
        self.tags == [0; SLOTS]
    }
}

/// Overflow buckets of one chunk.
#[derive(Default)]
struct Overflow {
    buckets: Vec<Bucket>,
    /// Numbers, from 1, of buckets in no chain.
    free: Vec<u8>,
}

/// The keys of one database.
pub(crate) struct Table {
    chunks: Vec<Box<[Bucket]>>,
    overflow: Vec<Overflow>,
    /// Buckets in use.
    buckets: usize,
    entries: usize,
    /// Buckets in the longest chain there has been.
    longest: usize,
    /// One bit a bucket: whether it or its overflow may hold an entry with a deadline.
    deadlines: Vec<u64>,
    hasher: FixedState,
}

/// Where an entry lies: its home bucket, then 0 for that bucket or an overflow number, then the slot.
#[derive(Clone, Copy)]
pub(super) struct Place {
    home: usize,
    number: u8,
    slot: usize,
}

impl Table {
    /// An empty table, which allocates nothing yet.
    pub(crate) fn new(seed: u64) -> Table {
        Table {
            chunks: Vec::new(),
            overflow: Vec::new(),
            buckets: 0,
            entries: 0,
            longest: 1,
            deadlines: Vec::new(),
            hasher: FixedState::with_seed(seed),
        }
    }

    /// Number of keys.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.entries
    }

    /// Bytes the table itself takes, entries not counted.
    pub(crate) fn memory(&self) -> usize {
        let overflow: usize = self.overflow.iter().map(|o| o.buckets.capacity()).sum();
        (self.chunks.len() * CHUNK + overflow) * size_of::<Bucket>()
            + self.overflow.capacity() * size_of::<Overflow>()
            + self.deadlines.capacity() * size_of::<u64>()
    }

    #[inline]
    fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        hasher.finish()
    }

    /// The bucket a hash belongs to now: by as many low bits as the table has doubled, one more where already split.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        let mask = self.buckets.next_power_of_two() - 1;
        let home = hash as usize & mask;
        if home < self.buckets {
            home
        } else {
            home & (mask >> 1)
        }
    }

    #[inline]
    fn bucket(&self, home: usize, number: u8) -> &Bucket {
        match number {
            0 => &self.chunks[home / CHUNK][home % CHUNK],
            number => &self.overflow[home / CHUNK].buckets[usize::from(number) - 1],
        }
    }

    #[inline]
    fn bucket_mut(&mut self, home: usize, number: u8) -> &mut Bucket {
        match number {
            0 => &mut self.chunks[home / CHUNK][home % CHUNK],
            number => &mut self.overflow[home / CHUNK].buckets[usize::from(number) - 1],
        }
    }

    /// Where a key lies, until the table changes.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Option<Place> {
        if self.entries == 0 {
            return None;
        }
        let hash = self.hash(key);
        let (home, tag) = (self.home(hash), tag(hash));
        let mut number = 0;
        loop {
            let bucket = self.bucket(home, number);
            let mut candidates = bucket.candidates(tag);
            while candidates != 0 {
                let slot = candidates.trailing_zeros() as usize / 8;
                if bucket.slots[slot]
                    .as_ref()
                    .is_some_and(|entry| entry.key() == key)
                {
                    return Some(Place { home, number, slot });
                }
                candidates &= candidates - 1;
            }
            number = bucket.more;
            if number == 0 {
                return None;
            }
        }
    }

    /// The entry that [`Table::find`] found.
    #[inline]
    pub(super) fn at(&self, place: Place) -> Option<&Entry> {
        let Place { home, number, slot } = place;
        self.bucket(home, number).slots[slot].as_ref()
    }

    /// The entry that [`Table::find`] found, to be changed in place as with [`Table::get_mut`].
    #[inline]
    pub(super) fn at_mut(&mut self, place: Place) -> Option<&mut Entry> {
        let Place { home, number, slot } = place;
        self.bucket_mut(home, number).slots[slot].as_mut()
    }

    /// The entry of a key.
    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.at(self.find(key)?)
    }

    /// Touches the memory that looking these keys up will need, all at once: the processor waits for one fetch while it
    /// waits for the others, where look-ups one after the other would wait for each.
    pub(crate) fn warm<'k>(&self, mut keys: impl Iterator<Item = &'k [u8]>) {
        if self.entries < WARM_ENTRIES_MIN {
            return;
        }
        loop {
            let mut buckets: [Option<(&Bucket, u8)>; WARM_TOGETHER] = [None; WARM_TOGETHER];
            let mut touched = 0_u32;
            for (place, key) in buckets.iter_mut().zip(&mut keys) {
                let hash = self.hash(key);
                let bucket = self.bucket(self.home(hash), 0);
                touched ^= u32::from(bucket.tags[0]);
                *place = Some((bucket, tag(hash)));
            }
            for (bucket, tag) in buckets.iter().flatten() {
                let slot = bucket.candidates(*tag).trailing_zeros() as usize / 8;
                if let Some(Some(entry)) = bucket.slots.get(slot) {
                    touched ^= entry.access();
                }
            }
            // What was read is of no use; that it was read is.
            std::hint::black_box(touched);
            if buckets[WARM_TOGETHER - 1].is_none() {
                return;
            }
        }
    }

    /// The entry of a key, to be changed in place; its key must stay, and [`Table::replace`] serves a new deadline.
    #[inline]
    pub(crate) fn get_mut(&mut self, key: &[u8]) -> Option<&mut Entry> {
        let place = self.find(key)?;
        self.at_mut(place)
    }

    /// Adds an entry whose key is not in the table.
    pub(crate) fn insert(&mut self, entry: Entry) {
        debug_assert!(
            self.find(entry.key()).is_none(),
            "{entry:?} is in the table already"
        );
        if self.buckets == 0 {
            self.add_bucket();
        }
        self.entries += 1;
        self.place(entry);
        if self.entries * 2 > self.buckets * LOAD_PER_TWO {
            self.split();
        }
    }

    /// Changes the entry of a key into another one of the same key.
    ///
    /// # Returns
    /// whether the key was there.
    pub(crate) fn replace(&mut self, key: &[u8], change: impl FnOnce(Entry) -> Entry) -> bool {
        let Some(Place { home, number, slot }) = self.find(key) else {
            return false;
        };
        let place = &mut self.bucket_mut(home, number).slots[slot];
        let Some(entry) = place.take().map(change) else {
            return false;
        };
        debug_assert_eq!(entry.key(), key);
        let expires = entry.expire_ms().is_some();
        *place = Some(entry);
        if expires {
            self.note_deadline(home);
        }
        true
    }

    /// Takes the entry of a key out.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let place = self.find(key)?;
        Some(self.remove_at(place))
    }

    /// Takes the entry that [`Table::find`] found out.
    pub(super) fn remove_at(&mut self, place: Place) -> Entry {
        let entry = self.take(place);
        self.entries -= 1;
        if self.buckets > 1 && self.entries * 8 < self.buckets * LOAD_PER_TWO {
            self.merge();
        }
        entry
    }

    /// Puts an entry into its home bucket or that one's overflow.
    fn place(&mut self, entry: Entry) {
        let hash = self.hash(entry.key());
        let mut home = self.home(hash);
        if entry.expire_ms().is_some() {
            self.note_deadline(home);
        }
        let (mut number, mut slot);
        loop {
            number = 0;
            let mut length = 1;
            slot = self.bucket(home, 0).free_slot();
            while slot.is_none() && self.bucket(home, number).more != 0 {
                number = self.bucket(home, number).more;
                slot = self.bucket(home, number).free_slot();
                length += 1;
            }
            if slot.is_some() {
                break;
            }
            if let Some(more) = self.overflow[home / CHUNK].allocate() {
                self.bucket_mut(home, number).more = more;
                number = more;
                slot = Some(0);
                self.longest = self.longest.max(length + 1);
                break;
            }
            // 255 overflow buckets to 256: with a seeded hash it never comes to this, and growing relieves it if it does.
            self.split();
            home = self.home(hash);
            if entry.expire_ms().is_some() {
                self.note_deadline(home);
            }
        }
        let bucket = self.bucket_mut(home, number);
        let slot = slot.expect("the loop ends with one");
        bucket.tags[slot] = tag(hash);
        bucket.slots[slot] = Some(entry);
    }

    /// Empties a slot and fills the hole with the last entry of the chain, so that chains stay as short as can be.
    fn take(&mut self, place: Place) -> Entry {
        let Place { home, number, slot } = place;
        let bucket = self.bucket_mut(home, number);
        bucket.tags[slot] = 0;
        let entry = bucket.slots[slot]
            .take()
            .expect("find returns full slots only");
        let (mut before, mut last) = (0, 0);
        while self.bucket(home, last).more != 0 {
            before = last;
            last = self.bucket(home, last).more;
        }
        if last != 0 {
            if last != number {
                let bucket = self.bucket_mut(home, last);
                let from = (0..SLOTS).rev().find(|&slot| bucket.tags[slot] != 0);
                let from = from.expect("an overflow bucket is freed when it is empty");
                let (tag, moved) = (
                    std::mem::take(&mut bucket.tags[from]),
                    bucket.slots[from].take(),
                );
                let hole = self.bucket_mut(home, number);
                hole.tags[slot] = tag;
                hole.slots[slot] = moved;
            }
            if self.bucket(home, last).is_empty() {
                self.bucket_mut(home, before).more = 0;
                self.overflow[home / CHUNK].free(last);
            }
        }
        entry
    }

    fn add_bucket(&mut self) {
        if self.buckets == self.chunks.len() * CHUNK {
            self.chunks.push(
                std::iter::repeat_with(Bucket::default)
                    .take(CHUNK)
                    .collect(),
            );
            self.overflow.push(Overflow::default());
        }
        self.buckets += 1;
        if self.deadlines.len() * 64 < self.buckets {
            self.deadlines.push(0);
        }
    }

    /// Adds one bucket and moves there what belongs there of the one bucket that held it.
    fn split(&mut self) {
        let new = self.buckets;
        self.add_bucket();
        // With the highest bit of its number dropped, a bucket's number is that of the one it is split from.
        if let Some(old) =
            new.checked_sub(1 << (usize::BITS - 1 - new.leading_zeros().min(usize::BITS - 1)))
        {
            self.redistribute(old);
        }
    }

    /// Gives the last bucket's entries back to the one it was split from, and drops it.
    fn merge(&mut self) {
        let last = self.buckets - 1;
        self.buckets = last;
        self.redistribute(last);
        if last.is_multiple_of(64) {
            self.deadlines.pop();
        } else {
            self.deadlines[last / 64] &= !(1 << (last % 64));
        }
        if last.is_multiple_of(CHUNK) {
            self.chunks.pop();
            self.overflow.pop();
        }
    }

    /// Takes every entry out of a bucket and its overflow, and places each where it belongs now.
    fn redistribute(&mut self, home: usize) {
        let bucket = &mut self.chunks[home / CHUNK][home % CHUNK];
        let mut whole = std::mem::take(bucket);
        loop {
            // Every entry's key will be hashed: fetch them together, not one after the other.
            let touched = whole
                .slots
                .iter()
                .flatten()
                .fold(0, |all, entry| all ^ entry.access());
            std::hint::black_box(touched);
            for entry in whole.slots.iter_mut().filter_map(Option::take) {
                self.place(entry);
            }
            if whole.more == 0 {
                return;
            }
            let overflow = &mut self.overflow[home / CHUNK];
            let next = std::mem::take(&mut overflow.buckets[usize::from(whole.more) - 1]);
            overflow.free.push(whole.more);
            whole = next;
        }
    }

    #[inline]
    fn note_deadline(&mut self, home: usize) {
        self.deadlines[home / 64] |= 1 << (home % 64);
    }

    /// The entries of a bucket and its overflow.
    fn chain(&self, home: usize) -> impl Iterator<Item = &Entry> {
        let mut next = Some(0);
        std::iter::from_fn(move || {
            let bucket = self.bucket(home, next?);
            next = (bucket.more != 0).then_some(bucket.more);
            Some(bucket)
        })
        .flat_map(|bucket| bucket.slots.iter().flatten())
    }

    /// Every entry.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        (0..self.buckets).flat_map(|home| self.chain(home))
    }

    /// Shows `emit` the entries at a cursor and returns the next cursor, 0 at the end; begin with 0.
    ///
    /// The cursor counts through the buckets of the power of two at or below the table's size with its bits reversed,
    /// as Redis's does: the buckets that a bucket splits into share its low bits and come right after it.
    pub(crate) fn scan(&self, cursor: u64, mut emit: impl FnMut(&Entry)) -> u64 {
        if self.buckets == 0 {
            return 0;
        }
        let small =
            self.buckets.next_power_of_two() >> usize::from(!self.buckets.is_power_of_two());
        let mask = small as u64 - 1;
        let home = (cursor & mask) as usize;
        for home in [home, home + small] {
            if home < self.buckets {
                self.chain(home).for_each(&mut emit);
            }
        }
        // Set the bits above the mask, so that the increment of the reversed cursor carries into it.
        (cursor | !mask)
            .reverse_bits()
            .wrapping_add(1)
            .reverse_bits()
    }

    /// An entry, each with the same chance; `below(n)` is uniform in `0..n`.
    pub(crate) fn random(&self, mut below: impl FnMut(usize) -> usize) -> Option<&Entry> {
        if self.entries == 0 {
            return None;
        }
        // Every bucket is given the same number of places, as many as the longest chain has; a pick of an empty place is
        // tried again. That is fair, and takes a handful of tries since the table keeps itself full.
        for _ in 0..1000 {
            let (home, mut place) = (below(self.buckets), below(SLOTS * self.longest));
            let mut bucket = self.bucket(home, 0);
            while place >= SLOTS && bucket.more != 0 {
                place -= SLOTS;
                bucket = self.bucket(home, bucket.more);
            }
            if let Some(Some(entry)) = bucket.slots.get(place) {
                return Some(entry);
            }
        }
        // A table that lost nearly all its keys at once and has not shrunk yet.
        self.iter().nth(below(self.entries))
    }

    /// Shows `look` the entries with a deadline of the next bucket at or after `from` that has any, and returns where
    /// to go on, or `None` when the end was reached. A bucket found to have none is not looked at again.
    pub(crate) fn sweep_deadlines(
        &mut self,
        from: usize,
        mut look: impl FnMut(&Entry),
    ) -> Option<usize> {
        let home = self.next_deadline_bucket(from)?;
        let mut any = false;
        for entry in self.chain(home).filter(|entry| entry.expire_ms().is_some()) {
            any = true;
            look(entry);
        }
        if !any {
            self.deadlines[home / 64] &= !(1 << (home % 64));
        }
        Some(home + 1)
    }

    fn next_deadline_bucket(&self, from: usize) -> Option<usize> {
        let first = self.deadlines.get(from / 64)? & (u64::MAX << (from % 64));
        let rest = self.deadlines[from / 64 + 1..].iter().copied();
        let (index, word) = std::iter::once(first)
            .chain(rest)
            .enumerate()
            .find(|(_, word)| *word != 0)?;
        Some((from / 64 + index) * 64 + word.trailing_zeros() as usize)
    }
}

impl Overflow {
    /// The number, from 1, of an empty bucket.
    fn allocate(&mut self) -> Option<u8> {
        if let Some(number) = self.free.pop() {
            return Some(number);
        }
        if self.buckets.len() == OVERFLOW_MAX {
            return None;
        }
        if self.buckets.len() == self.buckets.capacity() {
            self.buckets.reserve_exact((self.buckets.len() / 4).max(2));
        }
        self.buckets.push(Bucket::default());
        Some(self.buckets.len() as u8)
    }

    fn free(&mut self, number: u8) {
        debug_assert!(self.buckets[usize::from(number) - 1].is_empty());
        self.free.push(number);
    }
}

/// The byte of a hash that stands in for the key; the low bits choose the bucket, so it comes from the top.
#[inline]
fn tag(hash: u64) -> u8 {
    ((hash >> 56) as u8).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::value::New;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn entry(key: &str, expire_ms: Option<i64>) -> Entry {
        Entry::new(key.as_bytes(), New::Int(1), expire_ms, 0)
    }

    fn filled(count: usize) -> Table {
        let mut table = Table::new(7);
        for i in 0..count {
            table.insert(entry(&format!("key:{i}"), None));
        }
        table
    }

    fn keys(table: &Table) -> BTreeSet<Vec<u8>> {
        table.iter().map(|entry| entry.key().to_vec()).collect()
    }

    /// A repeatable stand-in for randomness, good enough for tests.
    fn dice(mut state: u64) -> impl FnMut(usize) -> usize {
        move |n| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % n as u64) as usize
        }
    }

    #[test]
    fn thousands_of_keys_are_found_and_removed_again() {
        let mut table = filled(20_000);
        assert_eq!(table.len(), 20_000);
        for i in 0..20_000 {
            assert!(table.get(format!("key:{i}").as_bytes()).is_some());
        }
        let buckets = table.buckets;
        for i in (0..20_000).rev() {
            assert!(table.remove(format!("key:{i}").as_bytes()).is_some());
            assert!(table.get(format!("key:{i}").as_bytes()).is_none());
        }
        assert_eq!((table.len(), keys(&table).len()), (0, 0));
        assert!(
            table.buckets < buckets / 100,
            "an empty table has given its buckets back"
        );
    }

    #[test]
    fn scan_returns_what_stays_while_the_table_grows_and_shrinks() {
        let mut roll = dice(99);
        for _ in 0..40 {
            let mut table = filled(roll(700) + 50);
            let staying: BTreeSet<Vec<u8>> =
                (0..50).map(|i| format!("key:{i}").into_bytes()).collect();
            let mut seen = BTreeSet::new();
            let (mut cursor, mut added) = (0, 0);
            loop {
                cursor = table.scan(cursor, |entry| {
                    seen.insert(entry.key().to_vec());
                });
                if cursor == 0 {
                    break;
                }
                if roll(2) == 0 {
                    for _ in 0..roll(60) {
                        added += 1;
                        table.insert(entry(&format!("new:{added}"), None));
                    }
                } else {
                    let victims: Vec<_> = keys(&table)
                        .into_iter()
                        .filter(|key| !staying.contains(key))
                        .collect();
                    for _ in 0..roll(60).min(victims.len()) {
                        table.remove(&victims[roll(victims.len())]);
                    }
                }
            }
            assert!(
                staying.is_subset(&seen),
                "{} were missed",
                staying.difference(&seen).count()
            );
        }
    }

    #[test]
    fn an_undisturbed_scan_returns_every_key_once() {
        for count in [0, 1, 7, 8, 100, 1000, 4097] {
            let table = filled(count);
            let (mut cursor, mut seen, mut returned) = (0, BTreeSet::new(), 0);
            loop {
                cursor = table.scan(cursor, |entry| {
                    seen.insert(entry.key().to_vec());
                    returned += 1;
                });
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!((seen.len(), returned), (count, count));
        }
    }

    #[test]
    fn any_cursor_is_harmless() {
        let table = filled(100);
        for cursor in [1, 77, u64::MAX, 1 << 63, u64::MAX - 1] {
            table.scan(cursor, |_| {});
        }
    }

    #[test]
    fn random_keys_are_fair() {
        let table = filled(200);
        let mut counts: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        let mut roll = dice(5);
        for _ in 0..200_000 {
            let entry = table.random(&mut roll).expect("the table is not empty");
            *counts.entry(entry.key().to_vec()).or_default() += 1;
        }
        assert_eq!(counts.len(), 200);
        // 1000 each are expected; five standard deviations are 158.
        assert!(
            counts.values().all(|&n| (842..=1158).contains(&n)),
            "{:?}",
            counts.values().minmax()
        );
    }

    trait MinMax: Iterator + Sized {
        fn minmax(self) -> (Option<Self::Item>, Option<Self::Item>)
        where
            Self: Clone,
            Self::Item: Ord,
        {
            (self.clone().min(), self.max())
        }
    }
    impl<I: Iterator> MinMax for I {}

    #[test]
    fn keys_with_a_deadline_are_found_among_many_without() {
        let mut table = filled(5000);
        for i in 0..10 {
            table.insert(entry(&format!("mortal:{i}"), Some(i)));
        }
        for i in 5000..9000 {
            table.insert(entry(&format!("key:{i}"), None));
        }
        let sweep = |table: &mut Table| {
            let (mut found, mut calls, mut from) = (0, 0, 0);
            while let Some(next) = table.sweep_deadlines(from, |_| found += 1) {
                from = next;
                calls += 1;
            }
            (found, calls)
        };
        assert_eq!(sweep(&mut table).0, 10);
        let (found, calls) = sweep(&mut table);
        assert_eq!(found, 10);
        assert!(
            calls <= 10,
            "buckets without deadlines were looked at twice"
        );
    }

    proptest! {
        #[test]
        fn behaves_as_a_map(steps in prop::collection::vec((0..3_u8, 0..400_u16), 0..2000)) {
            let mut table = Table::new(1);
            let mut model = BTreeMap::new();
            for (step, number) in steps {
                let key = number.to_string();
                match step {
                    0 => prop_assert_eq!(table.remove(key.as_bytes()).is_some(), model.remove(&key).is_some()),
                    1 if !model.contains_key(&key) => {
                        table.insert(entry(&key, None));
                        model.insert(key, None);
                    }
                    _ => {
                        let deadline = Some(i64::from(number));
                        let there = table.replace(key.as_bytes(), |entry| entry.rebuilt(None, deadline));
                        prop_assert_eq!(there, model.contains_key(&key));
                        if there {
                            model.insert(key, deadline);
                        }
                    }
                }
                prop_assert_eq!(table.len(), model.len());
            }
            let found: BTreeMap<_, _> = table
                .iter()
                .map(|entry| (String::from_utf8_lossy(entry.key()).into_owned(), entry.expire_ms()))
                .collect();
            prop_assert_eq!(&found, &model);
            let mut mortal = 0;
            let mut from = 0;
            while let Some(next) = table.sweep_deadlines(from, |_| mortal += 1) {
                from = next;
            }
            prop_assert_eq!(mortal, model.values().flatten().count());
        }
    }
}
