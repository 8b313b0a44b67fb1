//! An intset: integers in order, in a single block of bytes, byte for byte as Redis lays it out, so that a set of integers is
//! dumped and restored by copying it.
//!
//! The block begins with two 32-bit words, the width of every element (2, 4 or 8 bytes) and their number; all numbers are
//! little-endian. It widens when an integer needs it, and never narrows.

use crate::data::block::{self, Block};

const HEADER_LEN: usize = 8;

/// Bytes that an element takes where any of them needs 64 bits.
const WIDTH_MAX: usize = size_of::<i64>();

/// No set may be longer than this: a block has its own length before it.
const BYTES_MAX: usize = block::LEN_MAX - block::HEAD_LEN;

/// Integers, each at most once, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Intset(Block);

impl Default for Intset {
    fn default() -> Intset {
        Intset::new()
    }
}

impl Intset {
    pub(crate) fn new() -> Intset {
        Intset(Block::new(&[&[2, 0, 0, 0, 0, 0, 0, 0]]))
    }

    /// Takes a block that came from outside, if it is one: right in length, in order, nothing twice.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Intset> {
        let width = u32::from_le_bytes(*bytes.first_chunk()?);
        let len = u32::from_le_bytes(bytes.get(4..HEADER_LEN)?.try_into().ok()?);
        let right = matches!(width, 2 | 4 | 8)
            && (len as usize).checked_mul(width as usize) == Some(bytes.len() - HEADER_LEN)
            && len > 0
            && bytes.len() <= BYTES_MAX;
        let set = right.then(|| Intset(Block::new(&[bytes])))?;
        let ordered = set.iter().zip(set.iter().skip(1)).all(|(a, b)| a < b);
        ordered.then_some(set)
    }

    /// The whole set as Redis lays it out.
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0[block::HEAD_LEN..]
    }

    /// Bytes of memory behind it.
    pub(crate) fn capacity(&self) -> usize {
        self.0.memory()
    }

    /// Bytes that each element takes.
    fn width(&self) -> usize {
        usize::from(self.as_bytes()[0])
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        (self.as_bytes().len() - HEADER_LEN) / self.width()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.as_bytes().len() == HEADER_LEN
    }

    /// The element with this number, which must be less than [`Intset::len`].
    pub(crate) fn at(&self, index: usize) -> i64 {
        let (width, mut word) = (self.width(), [0; 8]);
        let start = HEADER_LEN + index * width;
        word[8 - width..].copy_from_slice(&self.as_bytes()[start..start + width]);
        // The sign is extended by shifting the bytes down from the top.
        i64::from_le_bytes(word) >> (64 - 8 * width)
    }

    /// All elements in ascending order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + '_ {
        (0..self.len()).map(|index| self.at(index))
    }

    /// Whether it has room for one more integer, whatever that is.
    pub(crate) fn has_room(&self) -> bool {
        HEADER_LEN + (self.len() + 1) * WIDTH_MAX <= BYTES_MAX
    }

    /// Where the integer lies, or where it would.
    fn search(&self, wanted: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.at(middle).cmp(&wanted) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    pub(crate) fn contains(&self, int: i64) -> bool {
        self.search(int).is_ok()
    }

    /// # Returns
    /// whether it was not there before.
    pub(crate) fn insert(&mut self, int: i64) -> bool {
        let Err(index) = self.search(int) else {
            return false;
        };
        let needed = width_of(int);
        if needed > self.width() {
            self.widen(needed);
        }
        let width = self.width();
        let at = place(index, width);
        self.0.replace(at..at, &[&int.to_le_bytes()[..width]]);
        self.settle();
        true
    }

    /// # Returns
    /// whether it was there.
    pub(crate) fn remove(&mut self, int: i64) -> bool {
        let Ok(index) = self.search(int) else {
            return false;
        };
        let width = self.width();
        self.0
            .replace(place(index, width)..place(index + 1, width), &[]);
        self.settle();
        true
    }

    fn widen(&mut self, width: usize) {
        let mut wide = Vec::with_capacity(HEADER_LEN + self.len() * width);
        wide.extend((width as u32).to_le_bytes());
        wide.extend(&self.as_bytes()[4..HEADER_LEN]);
        for int in self.iter() {
            wide.extend(&int.to_le_bytes()[..width]);
        }
        self.0 = Block::new(&[&wide]);
    }

    /// Writes the number of elements anew.
    fn settle(&mut self) {
        let len = self.len() as u32;
        self.0.body_mut()[4..HEADER_LEN].copy_from_slice(&len.to_le_bytes());
    }
}

/// Where in the block an element with this number begins.
fn place(index: usize, width: usize) -> usize {
    block::HEAD_LEN + HEADER_LEN + index * width
}

fn width_of(int: i64) -> usize {
    if i16::try_from(int).is_ok() {
        2
    } else if i32::try_from(int).is_ok() {
        4
    } else {
        8
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_are_laid_out_as_redis_does() {
        let mut set = Intset::new();
        for int in [3, -1, 2] {
            assert!(set.insert(int));
        }
        assert_eq!(
            set.as_bytes(),
            b"\x02\0\0\0\x03\0\0\0\xff\xff\x02\x00\x03\x00"
        );
        assert!(set.insert(70_000));
        assert_eq!(
            &set.as_bytes()[..12],
            b"\x04\0\0\0\x04\0\0\0\xff\xff\xff\xff"
        );
    }

    fn int() -> impl Strategy<Value = i64> {
        prop_oneof![-20_i64..20, any::<i16>().prop_map(i64::from), any::<i64>()]
    }

    proptest! {
        #[test]
        fn it_is_an_ordered_set(steps in proptest::collection::vec((any::<bool>(), int()), 0..200)) {
            let (mut set, mut model) = (Intset::new(), BTreeSet::new());
            for (insert, int) in steps {
                if insert {
                    prop_assert_eq!(set.insert(int), model.insert(int));
                } else {
                    prop_assert_eq!(set.remove(int), model.remove(&int));
                }
                prop_assert_eq!(set.contains(int), model.contains(&int));
                prop_assert_eq!(set.len(), model.len());
            }
            prop_assert!(set.iter().eq(model.iter().copied()));
            let again = Intset::from_bytes(set.as_bytes());
            prop_assert_eq!(again, (!set.is_empty()).then_some(set));
        }

        #[test]
        fn no_bytes_from_outside_are_dangerous(bytes in proptest::collection::vec(any::<u8>(), 0..40), width in 0_u8..9, len in 0_u8..6) {
            let mut bytes = bytes;
            if bytes.len() >= HEADER_LEN {
                bytes[..HEADER_LEN].copy_from_slice(&[width, 0, 0, 0, len, 0, 0, 0]);
            }
            if let Some(set) = Intset::from_bytes(&bytes) {
                prop_assert_eq!(set.iter().count(), set.len());
            }
        }
    }
}
