//! A large sorted set: its members, and their order.

use std::cmp::Ordering;
use std::ops::Range;

use super::members::Members;
use super::sequence::{self, Sequence};

/// The large form.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    members: Members,
    /// The members' numbers, by score and then by bytes.
    order: Sequence,
}

impl Ranked {
    pub(super) fn new(seed: u64) -> Ranked {
        Ranked {
            members: Members::new(seed),
            order: Sequence::default(),
        }
    }

    /// How many members.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The score of a member.
    pub(super) fn score(&self, text: &[u8]) -> Option<f64> {
        let number = self.members.find(text)?;
        Some(self.members.get(number).1)
    }

    /// The rank and the score of a member.
    pub(super) fn rank(&self, text: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(text)?;
        Some((self.rank_of(score, text), score))
    }

    /// How many members come before one with this score and these bytes.
    fn rank_of(&self, score: f64, text: &[u8]) -> usize {
        self.partition_point(|other_score, other| {
            order(other_score, other, score, text) == Ordering::Less
        })
    }

    /// How many members there are before the first of which `is_before` does not hold; it must hold of none behind that one.
    pub(super) fn partition_point(&self, is_before: impl Fn(f64, &[u8]) -> bool) -> usize {
        self.order.partition_point(|number| {
            let (text, score) = self.members.get(number);
            is_before(score, text)
        })
    }

    /// The member at a rank.
    pub(super) fn get(&self, rank: usize) -> (&[u8], f64) {
        self.members.get(self.order.get(rank))
    }

    /// Adds a member that is not there.
    pub(super) fn insert(&mut self, text: &[u8], score: f64) {
        let rank = self.rank_of(score, text);
        let number = self.members.insert(text, score);
        self.order.insert(rank, number);
    }

    /// Gives a member that is there another score.
    pub(super) fn set_score(&mut self, text: &[u8], score: f64) {
        let Some(number) = self.members.find(text) else {
            return;
        };
        let (_, had) = self.members.get(number);
        let (from, to) = (self.rank_of(had, text), self.rank_of(score, text));
        // Most changes of a score are small: often the member stays where it is.
        if to < from || to > from + 1 {
            self.order.remove(from);
            self.order.insert(to - usize::from(to > from), number);
        }
        self.members.set_score(number, score);
    }

    /// Removes a member.
    ///
    /// # Returns
    /// its score.
    pub(super) fn remove(&mut self, text: &[u8]) -> Option<f64> {
        let (rank, score) = self.rank(text)?;
        self.remove_at(rank);
        Some(score)
    }

    /// Removes the member at a rank.
    pub(super) fn remove_at(&mut self, rank: usize) {
        // The member with the last number gets the number that becomes free.
        let last = self.members.len() as u32 - 1;
        let (text, score) = self.members.get(last);
        let last_rank = self.rank_of(score, text);
        let number = self.order.get(rank);
        self.order.replace(last_rank, number);
        self.order.remove(rank);
        self.members.remove(number);
    }

    /// The members at these ranks.
    pub(super) fn iter(&self, ranks: Range<usize>) -> Iter<'_> {
        Iter {
            members: &self.members,
            numbers: self.order.iter(ranks),
        }
    }

    /// Shows `emit` about `count` members at a cursor and returns the next cursor, 0 at the end; begin with 0.
    ///
    /// It walks the numbers downwards: a member that is there all the time can only get a lower number, so it is met.
    pub(super) fn scan(&self, cursor: u64, count: usize, mut emit: impl FnMut(&[u8], f64)) -> u64 {
        let len = self.members.len();
        let end = match cursor {
            0 => len,
            cursor => usize::try_from(cursor).map_or(len, |cursor| cursor.min(len)),
        };
        let start = end.saturating_sub(count);
        for number in (start..end).rev() {
            let (text, score) = self.members.get(number as u32);
            emit(text, score);
        }
        start as u64
    }

    /// Bytes behind it.
    pub(super) fn memory(&self) -> usize {
        self.members.memory() + self.order.memory()
    }
}

/// One built at once: members come in any order, each with what its score is to be.
impl From<Members> for Ranked {
    fn from(members: Members) -> Ranked {
        let mut numbers: Vec<u32> = (0..members.len() as u32).collect();
        numbers.sort_unstable_by(|&a, &b| {
            let ((a_text, a_score), (b_text, b_score)) = (members.get(a), members.get(b));
            order(a_score, a_text, b_score, b_text)
        });
        Ranked {
            order: numbers.into_iter().collect(),
            members,
        }
    }
}

/// By score, then by bytes. A sorted set holds no NaN, and 0 and -0 are the same score.
fn order(a_score: f64, a: &[u8], b_score: f64, b: &[u8]) -> Ordering {
    let by_score = a_score.partial_cmp(&b_score).unwrap_or(Ordering::Equal);
    by_score.then_with(|| a.cmp(b))
}

/// Some of the members, from either end.
#[derive(Clone, Debug)]
pub(crate) struct Iter<'a> {
    members: &'a Members,
    numbers: sequence::Iter<'a>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.members.get(self.numbers.next()?))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        Some(self.members.get(self.numbers.next_back()?))
    }
}
