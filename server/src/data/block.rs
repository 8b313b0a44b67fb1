//! Bytes in one allocation behind one thin pointer, of which the first four say how many there are; it knows nothing of what
//! the others mean.
//!
//! | offset | what |
//! |---|---|
//! | 0 | `u8`: how many times 8 bytes the allocation is longer than [`size_for`] says |
//! | 1 | `u32` number of the bytes from here on, little-endian |
//! | 5 | the others; then room |
//!
//! A small collection is one such block and nothing else, and has little room in it. Its length costs nothing beside the
//! bytes, since a listpack begins with its own length anyway.
//!
//! Invariants: the pointer comes from the allocator, with a layout of the size that the first two tell; the bytes up to the
//! length are within it and initialised. Nobody but this module writes the two.
#![allow(
    unsafe_code,
    reason = "a thin pointer to a block that knows its own length makes a small collection one allocation"
)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::fmt;
use std::ops::{Deref, Range};
use std::ptr::NonNull;
use std::slice;

/// Bytes that the length takes at the beginning, little-endian.
pub(crate) const HEAD_LEN: usize = size_of::<u32>();

/// No block is longer, head and all.
pub(crate) const LEN_MAX: usize = u32::MAX as usize;

/// Where the bytes begin.
const START: usize = size_of::<u8>();

/// What the program's allocator rounds sizes up to.
const UNIT: usize = 8;

/// Up to this size a block is as long as it must be, rounded up to a unit.
const EXACT_SIZE_MAX: usize = 256;

/// Unused bytes that a block keeps at least when it becomes shorter: what is popped is often pushed again.
const SPARE_MIN: usize = 32;

/// No block keeps more, so that their number fits its byte.
const SPARE_MAX: usize = UNIT * u8::MAX as usize;

/// In between it keeps this part of its length.
const SPARE_PART: usize = 8;

/// Bytes that begin with how many they are.
pub(crate) struct Block(NonNull<u8>);

// SAFETY: it owns its allocation, which holds plain bytes.
unsafe impl Send for Block {}
// SAFETY: as above, and nothing changes through a shared reference.
unsafe impl Sync for Block {}

impl Block {
    /// A head and then these parts, one after the other.
    ///
    /// # Panics
    /// where that is longer than [`LEN_MAX`].
    pub(crate) fn new(parts: &[&[u8]]) -> Block {
        let len = HEAD_LEN + len_of(parts);
        assert!(len <= LEN_MAX, "a block of {len} bytes");
        let size = size_for(len);
        // SAFETY: no block is of size zero.
        let Some(start) = NonNull::new(unsafe { alloc(layout(size)) }) else {
            handle_alloc_error(layout(size))
        };
        let mut block = Block(start);
        // SAFETY: what is written lies within the allocation, whose size `size_for` derived from the same lengths, and then
        // all of it up to the length is initialised.
        unsafe {
            block.write(HEAD_LEN, parts);
            block.settle(len, 0);
        }
        block
    }

    /// The bytes behind the head, to be changed in place.
    pub(crate) fn body_mut(&mut self) -> &mut [u8] {
        let body_len = self.len() - HEAD_LEN;
        // SAFETY: the block is that long and initialised; the borrow of self makes this the only one.
        unsafe { slice::from_raw_parts_mut(self.at(HEAD_LEN).as_ptr(), body_len) }
    }

    /// Puts these parts, one after the other, in the place of a range, which is counted from the head on and has no part of
    /// it. What lies behind moves.
    ///
    /// # Panics
    /// where the range is not within the body, or the block becomes longer than [`LEN_MAX`].
    pub(crate) fn replace(&mut self, range: Range<usize>, parts: &[&[u8]]) {
        let had_len = self.len();
        assert!(
            HEAD_LEN <= range.start && range.start <= range.end && range.end <= had_len,
            "{range:?} is not in the body of a block of {had_len} bytes"
        );
        let added = len_of(parts);
        let len = had_len - range.len() + added;
        assert!(len <= LEN_MAX, "a block of {len} bytes");
        let (size, wanted) = (self.size(), size_for(len));
        let mut spare = size.saturating_sub(wanted);
        if wanted > size {
            self.resize(size, wanted);
        }
        // SAFETY: the allocation is as long as both lengths need. What lies behind the range is moved before the gap is
        // written, so that all up to `len` is initialised when the length says so. No part can overlap the block, which is
        // borrowed mutably. What is given back is behind all that, and the last call makes length and size agree again.
        unsafe {
            let (behind, to) = (self.at(range.end), self.at(range.start + added));
            match had_len - range.end {
                // What is put at the end of a listpack has but its last byte behind it: see `write`.
                1 => to.write(behind.read()),
                rest => behind.copy_to(to, rest),
            }
            self.write(range.start, parts);
            if spare > (len / SPARE_PART).clamp(SPARE_MIN, SPARE_MAX) {
                self.resize(size, wanted);
                spare = 0;
            }
            self.settle(len, spare);
        }
    }

    /// Bytes of its allocation.
    pub(crate) fn memory(&self) -> usize {
        self.size()
    }

    #[inline]
    fn size(&self) -> usize {
        // SAFETY: the byte is always there.
        size_for(self.len()) + UNIT * usize::from(unsafe { self.0.read() })
    }

    /// How many bytes there are, the head among them.
    #[inline]
    fn len(&self) -> usize {
        // SAFETY: the head is always there.
        u32::from_le(unsafe { self.at(0).cast::<u32>().read_unaligned() }) as usize
    }

    /// Where the byte with this number lies.
    #[inline]
    fn at(&self, index: usize) -> NonNull<u8> {
        // SAFETY: callers pass no more than what the allocation has room for.
        unsafe { self.0.add(START + index) }
    }

    /// Writes down its length, and by how much its size is beyond what that needs.
    ///
    /// # Safety
    /// It must be so; the length fits 32 bits, what is beyond is in units and no more than [`SPARE_MAX`], and the bytes behind
    /// the head are initialised.
    #[inline]
    unsafe fn settle(&mut self, len: usize, spare: usize) {
        // SAFETY: byte and head are always there.
        unsafe {
            self.0.write((spare / UNIT) as u8);
            let head = self.at(0).cast::<u32>();
            head.write_unaligned((len as u32).to_le());
        }
    }

    /// # Safety
    /// The allocation must be long enough.
    #[inline]
    unsafe fn write(&mut self, at: usize, parts: &[&[u8]]) {
        let mut to = self.at(at);
        for part in parts {
            // SAFETY: as promised to this function; the part cannot overlap a block that is borrowed mutably.
            unsafe {
                match **part {
                    // The heads and ends of elements are mostly one byte, for which a copy of any length is called in vain.
                    [byte] => to.write(byte),
                    _ => to.copy_from_nonoverlapping(NonNull::from(*part).cast(), part.len()),
                }
                to = to.add(part.len());
            }
        }
    }

    /// Moves to an allocation of another size; the caller has it written down before anybody looks.
    fn resize(&mut self, had: usize, wanted: usize) {
        // SAFETY: the block came from the allocator with the layout of the size it had, and no size is zero.
        let moved = unsafe { realloc(self.0.as_ptr(), layout(had), wanted) };
        let Some(moved) = NonNull::new(moved) else {
            handle_alloc_error(layout(wanted))
        };
        self.0 = moved;
    }
}

impl Deref for Block {
    type Target = [u8];

    /// All bytes, the head among them.
    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: so many bytes are there and initialised, and they live as long as `self`.
        unsafe { slice::from_raw_parts(self.at(0).as_ptr(), self.len()) }
    }
}

impl Clone for Block {
    fn clone(&self) -> Block {
        Block::new(&[&self[HEAD_LEN..]])
    }
}

impl PartialEq for Block {
    fn eq(&self, other: &Block) -> bool {
        **self == **other
    }
}

impl Eq for Block {}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the block came from the allocator with this very layout, as the invariants say.
        unsafe { dealloc(self.0.as_ptr(), layout(self.size())) };
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

fn len_of(parts: &[&[u8]]) -> usize {
    parts.iter().map(|part| part.len()).sum()
}

/// The size of a block that is given this length: rounded up, where the allocator does not do so itself, by a sixteenth at
/// most, so that a long listpack does not move with each element that it is given.
#[inline]
fn size_for(len: usize) -> usize {
    let size = START + len;
    let step = if size < EXACT_SIZE_MAX {
        UNIT
    } else {
        1 << (size.ilog2() - 4)
    };
    size.next_multiple_of(step)
}

#[inline]
fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 1).expect("little more than 4 GiB, which 64 bits can count")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn its_size_is_little_more_than_what_it_holds() {
        for (len, size) in [(4, 8), (7, 8), (8, 16), (15, 16), (255, 256), (256, 272)] {
            let block = Block::new(&[&vec![b'x'; len - HEAD_LEN]]);
            assert_eq!((block.len(), block.memory()), (len, size));
        }
        // Never less for more, and no more than a sixteenth too much.
        for len in 257..20_000 {
            let size = size_for(len);
            assert_eq!((size_for(size - START), size % UNIT), (size, 0));
            assert!(size >= size_for(len - 1) && size - START - len < len / 16 + 1);
        }
        assert_eq!(size_of::<Option<Block>>(), size_of::<usize>());
    }

    #[test]
    fn what_is_taken_away_and_added_again_finds_its_room() {
        let mut block = Block::new(&[&[b'x'; 100]]);
        let (size, end) = (block.memory(), block.len());
        block.replace(end - SPARE_MIN + 8..end, &[]);
        assert_eq!(block.memory(), size);
        block.replace(HEAD_LEN..HEAD_LEN, &[&[b'x'; SPARE_MIN - 8]]);
        assert_eq!((block.memory(), block.len()), (size, end));
        block.replace(HEAD_LEN..HEAD_LEN + 2 * SPARE_MIN, &[]);
        assert_eq!(block.memory(), size_for(end - 2 * SPARE_MIN));
    }

    #[test]
    fn a_range_with_a_part_of_the_head_or_of_nothing_is_refused() {
        let change = |range: Range<usize>| {
            std::panic::catch_unwind(|| Block::new(&[b"body"]).replace(range, &[b"x"])).is_err()
        };
        #[expect(clippy::reversed_empty_ranges, reason = "it must be refused")]
        let refused = [0..4, 3..5, 8..9, 6..5];
        for range in refused {
            assert!(change(range.clone()), "{range:?}");
        }
        assert!(!change(4..8));
    }

    proptest! {
        #[test]
        fn it_is_a_row_of_bytes(
            first in proptest::collection::vec(any::<u8>(), 0..50),
            steps in proptest::collection::vec((any::<usize>(), 0..400_usize, 0..400_usize, any::<u8>()), 0..40),
        ) {
            let (a, b) = first.split_at(first.len() / 2);
            let (mut block, mut model) = (Block::new(&[a, b]), first.clone());
            for (at, removed, added, byte) in steps {
                let start = at % (model.len() + 1);
                let end = model.len().min(start + removed);
                let part = vec![byte; added];
                let before = block.clone();
                block.replace(HEAD_LEN + start..HEAD_LEN + end, &[&part, b"", &part[..added / 3]]);
                prop_assert_eq!(&before[HEAD_LEN..], &model[..], "a copy is another one");
                model.splice(start..end, part.iter().chain(&part[..added / 3]).copied());
                block.body_mut().reverse();
                model.reverse();
                prop_assert_eq!(&block[HEAD_LEN..], &model[..]);
                prop_assert_eq!(&block[..HEAD_LEN], &(block.len() as u32).to_le_bytes()[..]);
                prop_assert_eq!(block.len(), HEAD_LEN + model.len());
                let spare = block.memory() - size_for(block.len());
                prop_assert!(spare <= SPARE_MIN.max(block.len() / SPARE_PART));
            }
        }
    }
}
