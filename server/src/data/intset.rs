//! An intset: integers in order, in a single block of bytes, every element as wide as Redis keeps it, so that a set of integers
//! is dumped and restored by copying.
//!
//! Redis's block begins with two 32-bit words, the width of every element (2, 4 or 8 bytes) and their number; all numbers are
//! little-endian. Here one byte says the width, and the number follows from the length. It widens when an integer needs it,
//! and never narrows.

use crate::data::block::{self, Block};

/// Bytes before the first element in Redis's layout.
const HEADER_LEN: usize = 8;

/// Bytes before the first element here.
const START: usize = block::HEAD_LEN + 1;

/// Bytes that an element takes where any of them needs 64 bits.
const WIDTH_MAX: usize = size_of::<i64>();

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
        Intset::of(2, &[])
    }

    fn of(width: u8, elements: &[u8]) -> Intset {
        Intset(Block::new(&[&[width], elements]))
    }

    /// Takes a block that came from outside, if it is one: right in length, in order, nothing twice.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Intset> {
        let width = u32::from_le_bytes(*bytes.first_chunk()?);
        let len = u32::from_le_bytes(bytes.get(4..HEADER_LEN)?.try_into().ok()?);
        let elements = &bytes[HEADER_LEN..];
        let right = matches!(width, 2 | 4 | 8)
            && (len as usize).checked_mul(width as usize) == Some(elements.len())
            && len > 0
            && START + elements.len() <= block::LEN_MAX;
        let set = right.then(|| Intset::of(width as u8, elements))?;
        let ordered = set.iter().zip(set.iter().skip(1)).all(|(a, b)| a < b);
        ordered.then_some(set)
    }

    /// The whole set as Redis lays it out.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let ints = self.ints();
        let mut bytes = Vec::with_capacity(HEADER_LEN + ints.elements.len());
        bytes.extend((ints.width as u32).to_le_bytes());
        bytes.extend((ints.len() as u32).to_le_bytes());
        bytes.extend(ints.elements);
        bytes
    }

    /// What can be read without looking at the block's head each time.
    #[inline]
    fn ints(&self) -> Ints<'_> {
        let bytes: &[u8] = &self.0;
        Ints {
            width: usize::from(bytes[START - 1]),
            elements: &bytes[START..],
        }
    }

    /// Bytes of memory behind it.
    pub(crate) fn capacity(&self) -> usize {
        self.0.memory()
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.ints().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ints().elements.is_empty()
    }

    /// The element with this number, which must be less than [`Intset::len`].
    pub(crate) fn at(&self, index: usize) -> i64 {
        self.ints().at(index)
    }

    /// All elements in ascending order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + '_ {
        let ints = self.ints();
        (0..ints.len()).map(move |index| ints.at(index))
    }

    /// Whether it has room for one more integer, whatever that is.
    pub(crate) fn has_room(&self) -> bool {
        START + (self.len() + 1) * WIDTH_MAX <= block::LEN_MAX
    }

    pub(crate) fn contains(&self, int: i64) -> bool {
        self.ints().search(int).is_ok()
    }

    /// # Returns
    /// whether it was not there before.
    pub(crate) fn insert(&mut self, int: i64) -> bool {
        let mut ints = self.ints();
        let Err(index) = ints.search(int) else {
            return false;
        };
        let needed = width_of(int);
        if needed > ints.width {
            self.widen(needed);
            ints = self.ints();
        }
        let width = ints.width;
        let at = place(index, width);
        self.0.replace(at..at, &[&int.to_le_bytes()[..width]]);
        true
    }

    /// # Returns
    /// whether it was there.
    pub(crate) fn remove(&mut self, int: i64) -> bool {
        let ints = self.ints();
        let Ok(index) = ints.search(int) else {
            return false;
        };
        let width = ints.width;
        self.0
            .replace(place(index, width)..place(index + 1, width), &[]);
        true
    }

    fn widen(&mut self, width: usize) {
        let mut wide = Vec::with_capacity(self.len() * width);
        for int in self.iter() {
            wide.extend(&int.to_le_bytes()[..width]);
        }
        *self = Intset::of(width as u8, &wide);
    }
}

/// Elements of one width, one behind the other.
#[derive(Clone, Copy)]
struct Ints<'a> {
    /// In bytes.
    width: usize,
    elements: &'a [u8],
}

impl Ints<'_> {
    #[inline]
    fn len(&self) -> usize {
        // All widths are powers of two.
        self.elements.len() >> self.width.trailing_zeros()
    }

    #[inline]
    fn at(&self, index: usize) -> i64 {
        let element = &self.elements[index * self.width..];
        match self.width {
            2 => i64::from(i16::from_le_bytes([element[0], element[1]])),
            4 => i64::from(i32::from_le_bytes([
                element[0], element[1], element[2], element[3],
            ])),
            _ => i64::from_le_bytes(*element.first_chunk().expect("it is as wide")),
        }
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
}

/// Where in the block an element with this number begins.
fn place(index: usize, width: usize) -> usize {
    START + index * width
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
            set.to_bytes(),
            b"\x02\0\0\0\x03\0\0\0\xff\xff\x02\x00\x03\x00"
        );
        assert!(set.insert(70_000));
        assert_eq!(
            &set.to_bytes()[..12],
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
            let again = Intset::from_bytes(&set.to_bytes());
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
