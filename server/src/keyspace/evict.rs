//! Which key goes when memory is full: Redis's approximation of the best choice, from samples and a pool of candidates.
//!
//! It knows what each policy prefers, and neither how much memory is in use nor for how long to go on.

use crate::keyspace::access;
use crate::keyspace::db::Keyspace;
use crate::keyspace::entry::Entry;

/// Candidates kept between two choices (EVPOOL_SIZE).
const POOL_LEN: usize = 16;

/// What a policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Only keys with a deadline may go.
    pub(crate) volatile: bool,
    /// Those that go first.
    pub(crate) first: First,
    /// Keys of each database looked at for one choice.
    pub(crate) samples: usize,
}

/// Which keys go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// Those not used for longest.
    Idlest,
    /// Those used least often, where a use counts for so many minutes; see [`access::decayed`].
    LeastUsed { decay_min: u32 },
    /// Those with the earliest deadline.
    ShortestLived,
    /// Any.
    Random,
}

/// A key that was looked at, and why it might go.
#[derive(Debug)]
struct Candidate {
    /// The higher, the sooner it goes.
    score: u64,
    db: usize,
    key: Vec<u8>,
}

/// The best candidates of all samples so far, whatever database they are from; some may be gone by now.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// By score, the best last.
    candidates: Vec<Candidate>,
    /// The database that a random key was last chosen from: they take turns.
    last_db: usize,
}

impl Pool {
    /// The key that is to go next, or `None` if there is none that may.
    pub(crate) fn choose(
        &mut self,
        keyspace: &Keyspace,
        policy: Policy,
        rng: &mut fastrand::Rng,
        now_ms: i64,
    ) -> Option<(usize, Vec<u8>)> {
        if policy.first == First::Random {
            return self.choose_random(keyspace, policy, rng);
        }
        loop {
            let mut any = false;
            for db in 0..keyspace.len() {
                sample(keyspace, db, policy, rng, |entry| {
                    any = true;
                    self.offer(score(policy.first, entry, now_ms), db, entry.key());
                });
            }
            if !any {
                return None;
            }
            while let Some(best) = self.candidates.pop() {
                let entry = keyspace.db(best.db).table.get(&best.key);
                if entry.is_some_and(|entry| !policy.volatile || entry.expire_ms().is_some()) {
                    return Some((best.db, best.key));
                }
            }
        }
    }

    /// Takes a candidate in, unless all places are taken by better ones.
    fn offer(&mut self, score: u64, db: usize, key: &[u8]) {
        let index = self.candidates.partition_point(|other| other.score < score);
        let (index, mut buffer) = if self.candidates.len() < POOL_LEN {
            (index, Vec::new())
        } else if index > 0 {
            (index - 1, self.candidates.remove(0).key)
        } else {
            return;
        };
        buffer.clear();
        buffer.extend_from_slice(key);
        let candidate = Candidate {
            score,
            db,
            key: buffer,
        };
        self.candidates.insert(index, candidate);
    }

    fn choose_random(
        &mut self,
        keyspace: &Keyspace,
        policy: Policy,
        rng: &mut fastrand::Rng,
    ) -> Option<(usize, Vec<u8>)> {
        (0..keyspace.len()).find_map(|_| {
            self.last_db = (self.last_db + 1) % keyspace.len();
            let db = self.last_db;
            let mut key = None;
            let one = Policy {
                samples: 1,
                ..policy
            };
            sample(keyspace, db, one, rng, |entry| {
                key = Some(entry.key().to_vec());
            });
            key.map(|key| (db, key))
        })
    }
}

/// Shows `look` some keys of a database that may go.
fn sample(
    keyspace: &Keyspace,
    db: usize,
    policy: Policy,
    rng: &mut fastrand::Rng,
    look: impl FnMut(&Entry),
) {
    let space = keyspace.db(db);
    if !policy.volatile {
        space.table.sample(policy.samples, |n| rng.usize(..n), look);
    } else if space.volatile > 0 {
        space
            .table
            .sample_mortal(policy.samples, |n| rng.usize(..n), look);
    }
}

fn score(first: First, entry: &Entry, now_ms: i64) -> u64 {
    match first {
        First::Idlest => access::idle_s(entry.access(), now_ms).into(),
        First::LeastUsed { decay_min } => {
            (u8::MAX - access::decayed(entry.access(), now_ms, decay_min)).into()
        }
        // Deadlines before 1970 are earlier still.
        First::ShortestLived => {
            let expire_ms = entry.expire_ms().unwrap_or(i64::MAX);
            u64::MAX - expire_ms.cast_unsigned().wrapping_add(1 << 63)
        }
        First::Random => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(scores: impl IntoIterator<Item = u64>) -> Pool {
        let mut pool = Pool::default();
        for (number, score) in scores.into_iter().enumerate() {
            pool.offer(score, 0, number.to_string().as_bytes());
        }
        pool
    }

    fn scores(pool: &Pool) -> Vec<u64> {
        pool.candidates.iter().map(|c| c.score).collect()
    }

    #[test]
    fn the_pool_keeps_the_best_in_order_wherever_they_come() {
        let mixed = (0..100).map(|i| i * 37 % 100);
        let best: Vec<u64> = (84..100).collect();
        assert_eq!(scores(&pool(mixed)), best);
        assert_eq!(scores(&pool(0..100)), best);
        assert_eq!(scores(&pool((0..100).rev())), best);
        assert_eq!(scores(&pool([5, 1, 3])), [1, 3, 5]);
    }

    #[test]
    fn of_equal_candidates_the_first_come_goes_first() {
        let pool = pool([7; 20]);
        let keys: Vec<&[u8]> = pool.candidates.iter().map(|c| c.key.as_slice()).collect();
        assert_eq!(keys.len(), POOL_LEN);
        assert_eq!(
            keys.last(),
            Some(&&b"0"[..]),
            "the last of the pool goes first"
        );
    }
}
