//! The hash table of keys, and of the members of large collections: linear hashing over buckets of seven.
//!
//! A bucket holds seven elements, one tag byte each, and a link to an overflow bucket; with elements of one word it is one
//! cache line. The table grows by splitting one bucket at a time, in order, so no insert ever pays for more than one bucket;
//! it shrinks the same way. Redis keeps two tables and moves between them; linear hashing is always "in the middle of" such a
//! move and needs only one. What commands rely on:
//!
//! - **SCAN's guarantee**: cursors walk the buckets with their bits reversed, as Redis's do; an element that is present
//!   from the first call to the last is returned, however the table grows or shrinks between calls.
//! - **random elements** in constant expected time, each with the same chance;
//! - **finding elements with a deadline** without a second table: one bit a bucket says whether it may hold any.
//!
//! The hash is seeded by the engine, against flooding. It knows of its elements what [`Element`] says, and nothing more.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use crate::data::prefetch::prefetch;

/// What a [`Dict`] holds: something with a key, best small and cheap to move. A table of elements of one word (a thin
/// pointer) spends about 12 bytes an element, one of elements of two words about 23.
pub(crate) trait Element {
    /// The bytes it is found by.
    fn key(&self) -> &[u8];

    /// Whether it has a deadline, so that [`Dict::sweep_deadlines`] will show it.
    #[inline]
    fn is_mortal(&self) -> bool {
        false
    }

    /// Has the memory behind the element fetched that reading it will need.
    #[inline]
    fn fetch(&self) {}
}

/// Elements in a bucket.
const SLOTS: usize = 7;

/// Buckets are allocated so many at a time, as soon as there are as many: 16 KiB with elements of one word.
const CHUNK: usize = 256;

/// One bucket is split per insert while there are more than this many elements to two buckets, and merged below a
/// quarter of it. 11 leaves the average bucket 5.5 of its 7 slots full: fuller costs overflow buckets, emptier costs
/// memory.
const LOAD_PER_TWO: usize = 11;

/// The most overflow buckets a chunk can have: their numbers fit a byte, and 0 is none.
const OVERFLOW_MAX: usize = u8::MAX as usize;

/// Overflow buckets allocated at a time.
const OVERFLOW_BLOCK: usize = 4;

/// With fewer unused overflow buckets than this a chunk keeps them.
const OVERFLOW_SPARE_MIN: usize = 8;

/// A SCAN through a table that is nearly empty goes on for at most so many steps for each element that was asked for.
const SCAN_STEPS_PER_ELEMENT: usize = 10;

/// A random element that has a deadline is looked for so often among all before it is looked for where there are some.
const MORTAL_TRIES: usize = 32;

/// Below so many elements the table lies in the processor's caches anyway.
const FETCHED_ELEMENTS_MIN: usize = 4096;

#[repr(align(64))]
#[derive(Clone)]
struct Bucket<E> {
    /// A byte of each element's hash, never 0; 0 is a free slot.
    tags: [u8; SLOTS],
    /// The number, from 1, of this bucket's overflow bucket within the chunk; 0 is none.
    more: u8,
    slots: [Option<E>; SLOTS],
}

const _: () = assert!(size_of::<Bucket<Box<u8>>>() == 64);

impl<E> Default for Bucket<E> {
    fn default() -> Bucket<E> {
        Bucket {
            tags: [0; SLOTS],
            more: 0,
            slots: [const { None }; SLOTS],
        }
    }
}

impl<E> Bucket<E> {
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

    /// Has its elements fetched.
    fn fetch(&self)
    where
        E: Element,
    {
        self.slots.iter().flatten().for_each(E::fetch);
    }

    fn free_slot(&self) -> Option<usize> {
        self.tags.iter().position(|&tag| tag == 0)
    }

    fn is_empty(&self) -> bool {
        self.tags == [0; SLOTS]
    }
}

/// Overflow buckets of one chunk.
#[derive(Clone)]
struct Overflow<E> {
    /// Buckets 1 to 4, 5 to 8 and so on: blocks of one size, which leave no holes that only a table could fill.
    blocks: Vec<Box<[Bucket<E>]>>,
    /// How many numbers there are, from 1.
    numbers: usize,
    /// Those of buckets in no chain.
    free: Vec<u8>,
}

/// Elements, each with another key.
#[derive(Clone)]
pub(crate) struct Dict<E> {
    /// All of [`CHUNK`] buckets, but the first while it is the only one.
    chunks: Vec<Box<[Bucket<E>]>>,
    /// Of the chunks up to the last one that has any.
    overflow: Vec<Overflow<E>>,
    /// Buckets in use.
    buckets: usize,
    /// As many of a hash's lowest bits as the buckets' numbers have.
    mask: usize,
    elements: usize,
    /// Buckets in the longest chain there has been.
    longest: usize,
    /// One bit a bucket, up to the last one that needs it: whether it or its overflow may hold an element with a deadline.
    deadlines: Vec<u64>,
    hasher: FixedState,
}

/// A key that is about to be looked up: where its bucket was, and its tag.
#[derive(Clone, Copy)]
pub(crate) struct Soon {
    home: usize,
    tag: u8,
}

/// Where an element lies: its home bucket, then 0 for that bucket or an overflow number, then the slot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    home: usize,
    number: u8,
    slot: usize,
}

impl<E: Element> Dict<E> {
    /// An empty table, which allocates nothing yet.
    pub(crate) fn new(seed: u64) -> Dict<E> {
        Dict {
            chunks: Vec::new(),
            overflow: Vec::new(),
            buckets: 0,
            mask: 0,
            elements: 0,
            longest: 1,
            deadlines: Vec::new(),
            hasher: FixedState::with_seed(seed),
        }
    }

    /// Number of elements.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.elements
    }

    /// Bytes the table itself takes, elements not counted.
    pub(crate) fn memory(&self) -> usize {
        let overflow: usize = self.overflow.iter().map(Overflow::room).sum();
        (self.room() + overflow) * size_of::<Bucket<E>>()
            + self.chunks.capacity() * size_of::<Box<[Bucket<E>]>>()
            + self.overflow.capacity() * size_of::<Overflow<E>>()
            + self.deadlines.capacity() * size_of::<u64>()
    }

    /// Buckets there is memory for.
    fn room(&self) -> usize {
        self.chunks
            .first()
            .map_or(0, |first| self.chunks.len() * first.len())
    }

    /// The hash of a key, by which [`Dict::find_hashed`] finds it.
    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        hasher.finish()
    }

    /// The bucket a hash belongs to now: by as many low bits as the table has doubled, one more where already split.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        let home = hash as usize & self.mask;
        if home < self.buckets {
            home
        } else {
            home & (self.mask >> 1)
        }
    }

    #[inline(always)]
    fn bucket(&self, home: usize, number: u8) -> &Bucket<E> {
        match number {
            0 => &self.chunks[home / CHUNK][home % CHUNK],
            number => self.overflow[home / CHUNK].bucket(number),
        }
    }

    #[inline(always)]
    fn bucket_mut(&mut self, home: usize, number: u8) -> &mut Bucket<E> {
        match number {
            0 => &mut self.chunks[home / CHUNK][home % CHUNK],
            number => self.overflow[home / CHUNK].bucket_mut(number),
        }
    }

    /// Where a key lies, until the table changes, and its element.
    #[inline]
    pub(crate) fn find(&self, key: &[u8]) -> Option<(Place, &E)> {
        if self.elements == 0 {
            return None;
        }
        self.find_hashed(self.hash(key), |element| is_same(element.key(), key))
    }

    /// Where an element lies that is the one meant, of those whose keys have this hash, and itself; others may be asked
    /// about too.
    #[inline]
    pub(crate) fn find_hashed(
        &self,
        hash: u64,
        is_meant: impl Fn(&E) -> bool,
    ) -> Option<(Place, &E)> {
        if self.elements == 0 {
            return None;
        }
        let (home, tag) = (self.home(hash), tag(hash));
        let mut number = 0;
        loop {
            let bucket = self.bucket(home, number);
            let mut candidates = bucket.candidates(tag);
            while candidates != 0 {
                let slot = candidates.trailing_zeros() as usize / 8;
                if let Some(element) = &bucket.slots[slot]
                    && is_meant(element)
                {
                    return Some((Place { home, number, slot }, element));
                }
                candidates &= candidates - 1;
            }
            number = bucket.more;
            if number == 0 {
                return None;
            }
        }
    }

    /// The element that [`Dict::find`] found.
    #[inline]
    pub(crate) fn at(&self, place: Place) -> Option<&E> {
        let Place { home, number, slot } = place;
        self.bucket(home, number).slots[slot].as_ref()
    }

    /// The element that [`Dict::find`] found, to be changed in place as with [`Dict::get_mut`].
    #[inline]
    pub(crate) fn at_mut(&mut self, place: Place) -> Option<&mut E> {
        let Place { home, number, slot } = place;
        self.bucket_mut(home, number).slots[slot].as_mut()
    }

    /// The element of a key.
    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<&E> {
        self.find(key).map(|(_, element)| element)
    }

    /// Whether the table is so large that what a look-up needs had better be fetched ahead of it.
    #[inline]
    pub(crate) fn is_worth_fetching(&self) -> bool {
        self.elements >= FETCHED_ELEMENTS_MIN
    }

    /// Has the bucket of a key fetched; [`Dict::fetch_element`] follows as soon as it may have come.
    #[inline]
    pub(crate) fn fetch_bucket(&self, key: &[u8]) -> Soon {
        let hash = self.hash(key);
        let home = self.home(hash);
        if let Some(bucket) = self.soon_bucket(home) {
            prefetch(bucket);
        }
        Soon {
            home,
            tag: tag(hash),
        }
    }

    /// Has the element of a key fetched, whatever has become of the table meanwhile.
    #[inline]
    pub(crate) fn fetch_element(&self, soon: Soon) {
        let Some(bucket) = self.soon_bucket(soon.home) else {
            return;
        };
        let slot = bucket.candidates(soon.tag).trailing_zeros() as usize / 8;
        if let Some(Some(element)) = bucket.slots.get(slot) {
            element.fetch();
        }
    }

    #[inline]
    fn soon_bucket(&self, home: usize) -> Option<&Bucket<E>> {
        self.chunks.get(home / CHUNK)?.get(home % CHUNK)
    }

    /// The element of a key, to be changed in place; its key must stay, and it must not become mortal, for which
    /// [`Dict::replace`] serves.
    #[inline]
    pub(crate) fn get_mut(&mut self, key: &[u8]) -> Option<&mut E> {
        let (place, _) = self.find(key)?;
        self.at_mut(place)
    }

    /// Adds an element whose key is not in the table.
    pub(crate) fn insert(&mut self, element: E) {
        debug_assert!(
            self.find(element.key()).is_none(),
            "{:?} is in the table already",
            element.key().escape_ascii().to_string()
        );
        if self.buckets == 0 {
            self.add_bucket();
        }
        self.elements += 1;
        self.place(element);
        if self.elements * 2 > self.buckets * LOAD_PER_TWO {
            self.split();
        }
    }

    /// Changes the element of a key into another one of the same key.
    ///
    /// # Returns
    /// whether the key was there.
    pub(crate) fn replace(&mut self, key: &[u8], change: impl FnOnce(E) -> E) -> bool {
        let Some((Place { home, number, slot }, _)) = self.find(key) else {
            return false;
        };
        let place = &mut self.bucket_mut(home, number).slots[slot];
        let Some(element) = place.take().map(change) else {
            return false;
        };
        debug_assert_eq!(element.key(), key);
        let expires = element.is_mortal();
        *place = Some(element);
        if expires {
            self.note_deadline(home);
        }
        true
    }

    /// Takes the element of a key out.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<E> {
        let (place, _) = self.find(key)?;
        Some(self.remove_at(place))
    }

    /// Takes the element that [`Dict::find`] found out.
    pub(crate) fn remove_at(&mut self, place: Place) -> E {
        let element = self.take(place);
        self.elements -= 1;
        if self.buckets > 1 && self.elements * 8 < self.buckets * LOAD_PER_TWO {
            self.merge();
        }
        element
    }

    /// Puts an element into its home bucket or that one's overflow.
    fn place(&mut self, element: E) {
        let hash = self.hash(element.key());
        let mut home = self.home(hash);
        if element.is_mortal() {
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
            if let Some(more) = self.overflow_of(home).allocate() {
                self.bucket_mut(home, number).more = more;
                number = more;
                slot = Some(0);
                self.longest = self.longest.max(length + 1);
                break;
            }
            // 255 overflow buckets to 256: with a seeded hash it never comes to this, and growing relieves it if it does.
            self.split();
            home = self.home(hash);
            if element.is_mortal() {
                self.note_deadline(home);
            }
        }
        let bucket = self.bucket_mut(home, number);
        let slot = slot.expect("the loop ends with one");
        bucket.tags[slot] = tag(hash);
        bucket.slots[slot] = Some(element);
    }

    /// The overflow buckets for the chunk of a bucket.
    fn overflow_of(&mut self, home: usize) -> &mut Overflow<E> {
        let chunk = home / CHUNK;
        if self.overflow.len() <= chunk {
            if chunk == 0 {
                self.overflow.reserve_exact(1);
            }
            self.overflow.resize_with(chunk + 1, Overflow::default);
        }
        &mut self.overflow[chunk]
    }

    /// Empties a slot and fills the hole with the last element of the chain, so that chains stay as short as can be.
    fn take(&mut self, place: Place) -> E {
        let Place { home, number, slot } = place;
        let bucket = self.bucket_mut(home, number);
        bucket.tags[slot] = 0;
        let element = bucket.slots[slot]
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
        element
    }

    fn add_bucket(&mut self) {
        if self.buckets == self.room() {
            match self.chunks.as_mut_slice() {
                [] => {
                    // A table of a few elements is no rare thing, and most never grow.
                    self.chunks.reserve_exact(1);
                    self.chunks.push(buckets(1));
                }
                [only] if only.len() < CHUNK => resize(only, only.len() * 2),
                _ => self.chunks.push(buckets(CHUNK)),
            }
        }
        self.set_buckets(self.buckets + 1);
    }

    fn set_buckets(&mut self, buckets: usize) {
        self.buckets = buckets;
        self.mask = buckets.next_power_of_two() - 1;
    }

    /// Gives back memory that buckets no longer need.
    fn give_back(&mut self) {
        if let [only] = self.chunks.as_mut_slice() {
            // Not at half of it: a table that shrinks and grows around that would do nothing else.
            if self.buckets <= only.len() / 4 {
                resize(only, only.len() / 2);
                self.chunks.shrink_to_fit();
                self.overflow.shrink_to_fit();
                let overflow = self.overflow.first_mut();
                if let Some(unused) = overflow.filter(|all| all.free.len() == all.numbers) {
                    *unused = Overflow::default();
                    self.longest = 1;
                }
            }
        } else if self.buckets.is_multiple_of(CHUNK) {
            self.chunks.pop();
            self.overflow.truncate(self.chunks.len());
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
            if self.is_worth_fetching() {
                // A few inserts from now the next one is split: its bucket was fetched by the split before.
                if let Some(next) = self.soon_bucket(old + 1) {
                    next.fetch();
                }
                if let Some(after) = self.soon_bucket(old + 2) {
                    prefetch(after);
                }
            }
        }
    }

    /// Gives the last bucket's elements back to the one it was split from, and drops it.
    fn merge(&mut self) {
        let last = self.buckets - 1;
        self.set_buckets(last);
        self.redistribute(last);
        if let Some(word) = self.deadlines.get_mut(last / 64) {
            *word &= !(1 << (last % 64));
        }
        self.deadlines.truncate(last.div_ceil(64));
        self.give_back();
    }

    /// Takes every element out of a bucket and its overflow, and places each where it belongs now.
    fn redistribute(&mut self, home: usize) {
        let bucket = &mut self.chunks[home / CHUNK][home % CHUNK];
        let mut whole = std::mem::take(bucket);
        loop {
            // Every element's key will be hashed: fetch them together, not one after the other.
            whole.fetch();
            for element in whole.slots.iter_mut().filter_map(Option::take) {
                self.place(element);
            }
            if whole.more == 0 {
                return self.tidy(home / CHUNK);
            }
            let overflow = &mut self.overflow[home / CHUNK];
            let next = std::mem::take(overflow.bucket_mut(whole.more));
            overflow.free.push(whole.more);
            whole = next;
        }
    }

    /// Gives back the overflow buckets of a chunk that splits have emptied, once they are many: buckets need most of them
    /// shortly before they are split, which they all are, and then hardly any until the table has doubled.
    fn tidy(&mut self, chunk: usize) {
        let Some(overflow) = self.overflow.get_mut(chunk) else {
            return;
        };
        let unused = overflow.free.len();
        if unused < OVERFLOW_SPARE_MIN || unused * 2 < overflow.numbers {
            return;
        }
        let mut old = std::mem::take(overflow);
        for home in &mut self.chunks[chunk] {
            let mut number = std::mem::take(&mut home.more);
            let mut before = None;
            while number != 0 {
                let mut bucket = std::mem::take(old.bucket_mut(number));
                number = std::mem::take(&mut bucket.more);
                let place = overflow.allocate().expect("there were more before");
                *overflow.bucket_mut(place) = bucket;
                match before {
                    None => home.more = place,
                    Some(before) => overflow.bucket_mut(before).more = place,
                }
                before = Some(place);
            }
        }
    }

    #[inline]
    fn note_deadline(&mut self, home: usize) {
        if self.deadlines.len() <= home / 64 {
            self.deadlines.resize(home / 64 + 1, 0);
        }
        self.deadlines[home / 64] |= 1 << (home % 64);
    }

    /// The numbers of a bucket, which is 0, and of its overflow.
    fn numbers(&self, home: usize) -> impl Iterator<Item = u8> {
        std::iter::successors(Some(0), move |&number| {
            Some(self.bucket(home, number).more).filter(|&more| more != 0)
        })
    }

    /// The elements of a bucket and its overflow.
    fn chain(&self, home: usize) -> impl Iterator<Item = &E> {
        self.numbers(home)
            .flat_map(move |number| self.bucket(home, number).slots.iter().flatten())
    }

    /// Every element.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        (0..self.buckets).flat_map(|home| self.chain(home))
    }

    /// Goes on with a SCAN until about `count` elements were shown to `emit`, and returns the next cursor, 0 at the end;
    /// begin with 0.
    pub(crate) fn scan(&self, mut cursor: u64, count: usize, mut emit: impl FnMut(&E)) -> u64 {
        let (mut shown, mut steps) = (0, 0);
        loop {
            cursor = self.scan_step(cursor, |element| {
                shown += 1;
                emit(element);
            });
            steps += 1;
            let enough = shown >= count || steps > count.saturating_mul(SCAN_STEPS_PER_ELEMENT);
            if cursor == 0 || enough {
                return cursor;
            }
        }
    }

    /// Shows `emit` the elements at a cursor and returns the next cursor.
    ///
    /// The cursor counts through the buckets of the power of two at or below the table's size with its bits reversed,
    /// as Redis's does: the buckets that a bucket splits into share its low bits and come right after it.
    fn scan_step(&self, cursor: u64, mut emit: impl FnMut(&E)) -> u64 {
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

    /// An element, each with the same chance; `below(n)` is uniform in `0..n`.
    pub(crate) fn random(&self, below: impl FnMut(usize) -> usize) -> Option<&E> {
        self.at(self.random_place(below)?)
    }

    /// Where a random element lies, as with [`Dict::random`].
    pub(crate) fn random_place(&self, mut below: impl FnMut(usize) -> usize) -> Option<Place> {
        if self.elements == 0 {
            return None;
        }
        // Every bucket is given the same number of places, as many as the longest chain has; a pick of an empty place is
        // tried again. That is fair, and takes a handful of tries since the table keeps itself full.
        for _ in 0..1000 {
            let (home, mut slot) = (below(self.buckets), below(SLOTS * self.longest));
            let mut number = 0;
            while slot >= SLOTS && self.bucket(home, number).more != 0 {
                slot -= SLOTS;
                number = self.bucket(home, number).more;
            }
            let there = self.bucket(home, number).slots.get(slot);
            if there.is_some_and(Option::is_some) {
                return Some(Place { home, number, slot });
            }
        }
        // A table that lost nearly all its elements at once and has not shrunk yet.
        self.places().nth(below(self.elements))
    }

    /// Where each element lies.
    fn places(&self) -> impl Iterator<Item = Place> {
        (0..self.buckets).flat_map(move |home| self.places_in(home))
    }

    /// Where the elements of a bucket and its overflow lie.
    fn places_in(&self, home: usize) -> impl Iterator<Item = Place> {
        self.numbers(home)
            .flat_map(move |number| (0..SLOTS).map(move |slot| Place { home, number, slot }))
            .filter(|&place| self.at(place).is_some())
    }

    /// Shows `look` so many elements that lie together, or all if there are no more, each of them once: the first is a
    /// random one, so that each has the same chance to be among them. `below(n)` is uniform in `0..n`.
    pub(crate) fn sample(
        &self,
        count: usize,
        below: impl FnMut(usize) -> usize,
        look: impl FnMut(&E),
    ) {
        let Some(first) = self.random_place(below) else {
            return;
        };
        let before = self.places_in(first.home).take_while(|&at| at != first);
        // The chain that the first one lies in comes twice: its beginning is the end of the way round.
        (first.home..self.buckets)
            .chain(0..=first.home)
            .flat_map(|home| self.chain(home))
            .skip(before.count())
            .take(count.min(self.elements))
            .for_each(look);
    }

    /// As [`Dict::sample`], of those with a deadline. Where they are few among many, those behind others without are a
    /// little more likely.
    pub(crate) fn sample_mortal(
        &self,
        count: usize,
        mut below: impl FnMut(usize) -> usize,
        look: impl FnMut(&E),
    ) {
        let Some(first) = self.random_mortal(&mut below) else {
            return;
        };
        let mortal = |home| self.chain(home).filter(|element| element.is_mortal());
        let before = self
            .places_in(first.home)
            .take_while(|&at| at != first)
            .filter(|&at| self.is_mortal(at))
            .count();
        let others = self.deadline_buckets(first.home + 1).chain(
            self.deadline_buckets(0)
                .take_while(|&home| home < first.home),
        );
        mortal(first.home)
            .skip(before)
            .chain(others.flat_map(mortal))
            .chain(mortal(first.home).take(before))
            .take(count)
            .for_each(look);
    }

    /// Where a random element with a deadline lies.
    fn random_mortal(&self, mut below: impl FnMut(usize) -> usize) -> Option<Place> {
        for _ in 0..MORTAL_TRIES {
            let place = self.random_place(&mut below)?;
            if self.is_mortal(place) {
                return Some(place);
            }
        }
        self.deadline_buckets(below(self.buckets))
            .chain(self.deadline_buckets(0))
            .find_map(|home| self.places_in(home).find(|&at| self.is_mortal(at)))
    }

    fn is_mortal(&self, place: Place) -> bool {
        self.at(place).is_some_and(Element::is_mortal)
    }

    /// Shows `look` the elements with a deadline of the next bucket at or after `from` that has any, and returns where
    /// to go on, or `None` when the end was reached. A bucket found to have none is not looked at again.
    pub(crate) fn sweep_deadlines(
        &mut self,
        from: usize,
        mut look: impl FnMut(&E),
    ) -> Option<usize> {
        let home = self.next_deadline_bucket(from)?;
        let mut any = false;
        for element in self.chain(home).filter(|element| element.is_mortal()) {
            any = true;
            look(element);
        }
        if !any {
            self.deadlines[home / 64] &= !(1 << (home % 64));
        }
        Some(home + 1)
    }

    /// The buckets from this one on that may hold an element with a deadline.
    fn deadline_buckets(&self, from: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.next_deadline_bucket(from), |home| {
            self.next_deadline_bucket(home + 1)
        })
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

impl<E> Default for Overflow<E> {
    fn default() -> Overflow<E> {
        Overflow {
            blocks: Vec::new(),
            numbers: 0,
            free: Vec::new(),
        }
    }
}

impl<E> Overflow<E> {
    /// Buckets there is memory for.
    fn room(&self) -> usize {
        self.blocks.len() * OVERFLOW_BLOCK
    }

    #[inline]
    fn bucket(&self, number: u8) -> &Bucket<E> {
        let index = usize::from(number) - 1;
        &self.blocks[index / OVERFLOW_BLOCK][index % OVERFLOW_BLOCK]
    }

    #[inline]
    fn bucket_mut(&mut self, number: u8) -> &mut Bucket<E> {
        let index = usize::from(number) - 1;
        &mut self.blocks[index / OVERFLOW_BLOCK][index % OVERFLOW_BLOCK]
    }

    /// The number, from 1, of an empty bucket.
    fn allocate(&mut self) -> Option<u8> {
        if let Some(number) = self.free.pop() {
            return Some(number);
        }
        if self.numbers == OVERFLOW_MAX {
            return None;
        }
        if self.numbers == self.room() {
            self.blocks.push(buckets(OVERFLOW_BLOCK));
        }
        self.numbers += 1;
        Some(self.numbers as u8)
    }

    fn free(&mut self, number: u8) {
        debug_assert!(self.bucket(number).is_empty());
        self.free.push(number);
    }
}

/// So many empty buckets.
fn buckets<E>(count: usize) -> Box<[Bucket<E>]> {
    std::iter::repeat_with(Bucket::default)
        .take(count)
        .collect()
}

/// Gives a chunk room for so many buckets; those that go must be empty.
fn resize<E>(chunk: &mut Box<[Bucket<E>]>, len: usize) {
    let mut buckets = std::mem::take(chunk).into_vec();
    buckets.reserve_exact(len.saturating_sub(buckets.len()));
    buckets.resize_with(len, Bucket::default);
    *chunk = buckets.into_boxed_slice();
}

/// Whether two keys are the same; spares keys of the usual lengths a call.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if a.len() <= 16
        && let (Some(first), Some(last)) = (a.first_chunk::<8>(), a.last_chunk::<8>())
    {
        // Two overlapping reads hold every byte.
        return Some(first) == b.first_chunk() && Some(last) == b.last_chunk();
    }
    a == b
}

/// The byte of a hash that stands in for the key; the low bits choose the bucket, so it comes from the top.
#[inline]
fn tag(hash: u64) -> u8 {
    ((hash >> 56) as u8).max(1)
}

#[cfg(test)]
mod tests;
