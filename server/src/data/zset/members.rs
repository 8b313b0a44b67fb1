//! The members of a large sorted set with their scores, in no order: numbered without gaps, and found by their bytes.
//! Nothing here compares scores.
//!
//! A number is four bytes where a pointer takes eight, and picking one at random or walking all of them is trivial. When a
//! member is removed, the last one takes its number.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Members are allocated so many at a time: 16 KiB. So no insert ever moves more than that.
const CHUNK_LEN: usize = 512;

/// A shard of the index is split when there are more members than this to a shard.
const SHARD_LEN: usize = 1024;

/// The bytes of a short member lie beside its score.
const INLINE_LEN_MAX: usize = 22;

#[derive(Clone, Debug)]
enum Text {
    Inline {
        len: u8,
        bytes: [u8; INLINE_LEN_MAX],
    },
    Boxed(Box<[u8]>),
}

#[derive(Clone, Debug)]
struct Member {
    score: f64,
    text: Text,
}

const _: () = assert!(size_of::<Member>() == 32);

impl Member {
    fn new(text: &[u8], score: f64) -> Member {
        let text = if text.len() <= INLINE_LEN_MAX {
            let mut bytes = [0; INLINE_LEN_MAX];
            bytes[..text.len()].copy_from_slice(text);
            Text::Inline {
                len: text.len() as u8,
                bytes,
            }
        } else {
            Text::Boxed(text.into())
        };
        Member { score, text }
    }

    #[inline]
    fn text(&self) -> &[u8] {
        match &self.text {
            Text::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Text::Boxed(bytes) => bytes,
        }
    }
}

/// The members.
#[derive(Clone, Debug)]
pub(super) struct Members {
    /// All full but the last.
    chunks: Vec<Vec<Member>>,
    index: Index,
    hasher: FixedState,
    /// Bytes of the members that are too long to lie beside their scores.
    boxed_bytes: usize,
}

impl Members {
    /// None yet; the seed keeps those who choose members from making them collide.
    pub(super) fn new(seed: u64) -> Members {
        Members {
            chunks: Vec::new(),
            index: Index::default(),
            hasher: FixedState::with_seed(seed),
            boxed_bytes: 0,
        }
    }

    /// How many.
    #[inline]
    pub(super) fn len(&self) -> usize {
        match self.chunks.as_slice() {
            [] => 0,
            [full @ .., last] => full.len() * CHUNK_LEN + last.len(),
        }
    }

    /// The bytes and the score of a member.
    #[inline]
    pub(super) fn get(&self, number: u32) -> (&[u8], f64) {
        let member = self.member(number);
        (member.text(), member.score)
    }

    /// The number of a member.
    pub(super) fn find(&self, text: &[u8]) -> Option<u32> {
        self.index
            .find(self.hash(text), |number| self.member(number).text() == text)
    }

    /// Adds a member that is not there.
    ///
    /// # Returns
    /// its number, the highest.
    pub(super) fn insert(&mut self, text: &[u8], score: f64) -> u32 {
        let number = self.len() as u32;
        let hash = self.hash(text);
        let member = Member::new(text, score);
        self.boxed_bytes += boxed_len(&member);
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK_LEN => last.push(member),
            Some(_) => {
                let mut chunk = Vec::with_capacity(CHUNK_LEN);
                chunk.push(member);
                self.chunks.push(chunk);
            }
            // The first grows as any vector does: most sets have no more.
            None => self.chunks.push(vec![member]),
        }
        let Members {
            chunks,
            index,
            hasher,
            ..
        } = self;
        index.insert(hash, number, |number| hash_with(hasher, at(chunks, number)));
        number
    }

    /// Gives a member another score.
    pub(super) fn set_score(&mut self, number: u32, score: f64) {
        let (chunk, place) = place(number);
        self.chunks[chunk][place].score = score;
    }

    /// Removes a member. The one with the highest number gets the number that has become free.
    pub(super) fn remove(&mut self, number: u32) {
        let last = self.len() as u32 - 1;
        let (hash, last_hash) = (
            self.hash(self.member(number).text()),
            self.hash(self.member(last).text()),
        );
        self.boxed_bytes -= boxed_len(self.member(number));
        let Members {
            chunks,
            index,
            hasher,
            ..
        } = self;
        index.remove(hash, number, |number| hash_with(hasher, at(chunks, number)));
        if number != last {
            index.renumber(last_hash, last, number);
        }
        let Some(end) = chunks.last_mut() else { return };
        let Some(moved) = end.pop() else { return };
        if end.is_empty() {
            chunks.pop();
        } else if chunks.len() == 1 && chunks[0].capacity() > 4 * chunks[0].len() {
            let room = 2 * chunks[0].len();
            chunks[0].shrink_to(room);
        }
        if number != last {
            let (chunk, place) = place(number);
            chunks[chunk][place] = moved;
        }
    }

    /// Bytes behind it.
    pub(super) fn memory(&self) -> usize {
        let members: usize = self.chunks.iter().map(Vec::capacity).sum();
        members * size_of::<Member>()
            + self.chunks.capacity() * size_of::<Vec<Member>>()
            + self.boxed_bytes
            + self.index.memory()
    }

    #[inline]
    fn member(&self, number: u32) -> &Member {
        at(&self.chunks, number)
    }

    fn hash(&self, text: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(text);
        hasher.finish()
    }
}

#[inline]
fn place(number: u32) -> (usize, usize) {
    (number as usize / CHUNK_LEN, number as usize % CHUNK_LEN)
}

#[inline]
fn at(chunks: &[Vec<Member>], number: u32) -> &Member {
    let (chunk, place) = place(number);
    &chunks[chunk][place]
}

fn hash_with(hasher: &FixedState, member: &Member) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(member.text());
    hasher.finish()
}

fn boxed_len(member: &Member) -> usize {
    match &member.text {
        Text::Inline { .. } => 0,
        Text::Boxed(bytes) => bytes.len(),
    }
}

/// Finds numbers by hashes: many small tables, of which one is split at a time, so that no insert pays for a large one.
#[derive(Clone, Debug, Default)]
struct Index {
    /// Linear hashing: a number is in the shard that the low bits of its hash name, one bit more where already split.
    shards: Vec<HashTable<u32>>,
    len: usize,
}

impl Index {
    fn home(&self, hash: u64) -> usize {
        // A table chooses its slots by the lowest bits of a hash and tags them with the highest; these are neither.
        let bits = (hash >> 32) as usize;
        let mask = self.shards.len().next_power_of_two() - 1;
        let home = bits & mask;
        if home < self.shards.len() {
            home
        } else {
            home & (mask >> 1)
        }
    }

    fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let shard = self.shards.get(self.home(hash))?;
        shard.find(hash, |&number| is_it(number)).copied()
    }

    fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        if self.shards.is_empty() {
            self.shards.push(HashTable::new());
        }
        self.len += 1;
        let home = self.home(hash);
        self.shards[home].insert_unique(hash, number, |&number| hash_of(number));
        if self.len > self.shards.len() * SHARD_LEN {
            let new = self.shards.len();
            self.shards.push(HashTable::new());
            // With the highest bit of its number dropped, a shard's number is that of the one it is split from.
            self.redistribute(new - (1 << new.ilog2()), hash_of);
        }
    }

    fn remove(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        let home = self.home(hash);
        let shard = &mut self.shards[home];
        let Ok(found) = shard.find_entry(hash, |&other| other == number) else {
            debug_assert!(false, "{number} is not in the index");
            return;
        };
        found.remove();
        self.len -= 1;
        if shard.capacity() > 8 * shard.len().max(8) {
            shard.shrink_to(2 * shard.len(), |&number| hash_of(number));
        }
        if self.shards.len() > 1 && self.len * 4 < self.shards.len() * SHARD_LEN {
            let last = self.shards.pop().unwrap_or_default();
            for number in last {
                self.place(number, &hash_of);
            }
        }
    }

    fn renumber(&mut self, hash: u64, from: u32, to: u32) {
        let home = self.home(hash);
        let found = self.shards[home].find_mut(hash, |&number| number == from);
        debug_assert!(found.is_some(), "{from} is not in the index");
        if let Some(number) = found {
            *number = to;
        }
    }

    fn place(&mut self, number: u32, hash_of: impl Fn(u32) -> u64) {
        let hash = hash_of(number);
        let home = self.home(hash);
        self.shards[home].insert_unique(hash, number, |&number| hash_of(number));
    }

    fn redistribute(&mut self, shard: usize, hash_of: impl Fn(u32) -> u64) {
        for number in std::mem::take(&mut self.shards[shard]) {
            self.place(number, &hash_of);
        }
    }

    fn memory(&self) -> usize {
        let tables: usize = self.shards.iter().map(HashTable::allocation_size).sum();
        tables + self.shards.capacity() * size_of::<HashTable<u32>>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn members_are_found_however_many_come_and_go() {
        let mut members = Members::new(7);
        let mut model: BTreeMap<Vec<u8>, f64> = BTreeMap::new();
        let mut rng = fastrand::Rng::with_seed(3);
        // It grows past many splits and shrinks again.
        for (grow, rounds) in [(9, 12_000), (1, 20_000), (5, 2_000)] {
            for _ in 0..rounds {
                let long = "x".repeat(rng.usize(..2) * 30);
                let text = format!("{}{long}", rng.u32(..9_000)).into_bytes();
                let score = f64::from(rng.u32(..));
                match (members.find(&text), rng.u8(..10) < grow) {
                    (None, true) => {
                        let number = members.insert(&text, score);
                        assert_eq!(members.get(number), (text.as_slice(), score));
                        model.insert(text, score);
                    }
                    (Some(number), true) => {
                        members.set_score(number, score);
                        model.insert(text, score);
                    }
                    (Some(number), false) => {
                        members.remove(number);
                        model.remove(&text);
                    }
                    (None, false) => assert!(!model.contains_key(&text)),
                }
            }
            assert_eq!(members.len(), model.len());
            for (text, score) in &model {
                let number = members.find(text).expect("it was inserted");
                assert_eq!(members.get(number), (text.as_slice(), *score));
            }
        }
        for text in model.keys() {
            members.remove(members.find(text).expect("it was inserted"));
        }
        assert_eq!((members.len(), members.boxed_bytes), (0, 0));
        assert!(members.memory() < 64 * 1024, "{} bytes", members.memory());
    }
}
