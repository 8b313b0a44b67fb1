//! Bytes in one allocation behind one thin pointer, of which the first four say how many there are; it knows nothing of what
//! the others mean.
//!
//! A small collection is one such block and nothing else. Neither its length nor its room costs anything beside the bytes: a
//! listpack begins with its own length anyway, and the room follows from the length.
//!
//! Invariants: the pointer comes from the allocator, with the layout that [`layout`] says for the number in the first four
//! bytes; all bytes up to that number are initialised. Nobody but this module writes the first four.
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

/// Up to this length a block's room is a multiple of 8, which is what the program's allocator rounds up to.
const EXACT_LEN_MAX: usize = 256;

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
        let layout = layout(len);
        // SAFETY: a layout has room for the head at least.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else {
            handle_alloc_error(layout)
        };
        let mut block = Block(start);
        // SAFETY: the head and the parts lie within the allocation, whose size `layout` derived from the same lengths, and
        // after both calls all of it up to `len` is initialised.
        unsafe {
            block.write(HEAD_LEN, parts);
            block.set_len(len);
        }
        block
    }

    /// The bytes behind the head, to be changed in place.
    pub(crate) fn body_mut(&mut self) -> &mut [u8] {
        let body_len = self.len() - HEAD_LEN;
        // SAFETY: the block is that long and initialised; the borrow of self makes this the only one.
        unsafe { slice::from_raw_parts_mut(self.0.add(HEAD_LEN).as_ptr(), body_len) }
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
        let (had, wanted) = (layout(had_len), layout(len));
        if wanted.size() > had.size() {
            self.move_to(had, wanted);
        }
        // SAFETY: both rooms are as long as their lengths at least, and the larger one is there now. What lies behind the
        // range is moved before the gap is written, so that all up to `len` is initialised when the length says so. No part
        // can overlap the block, which is borrowed mutably. The length is written last, so that it agrees with the layout
        // even if moving to less room fails.
        unsafe {
            let behind = self.0.add(range.end);
            behind.copy_to(self.0.add(range.start + added), had_len - range.end);
            self.write(range.start, parts);
            if wanted.size() < had.size() {
                self.move_to(had, wanted);
            }
            self.set_len(len);
        }
    }

    /// Bytes of its allocation.
    pub(crate) fn memory(&self) -> usize {
        layout(self.len()).size()
    }

    /// How many bytes there are, the head among them.
    #[inline]
    fn len(&self) -> usize {
        // SAFETY: the head is always there, and aligned as a layout is.
        u32::from_le(unsafe { self.0.cast::<u32>().read() }) as usize
    }

    /// # Safety
    /// The allocation must have the layout for this length, and be initialised so far behind the head.
    unsafe fn set_len(&mut self, len: usize) {
        // SAFETY: the head is always there, and aligned as a layout is. `layout` has refused what does not fit 32 bits.
        unsafe { self.0.cast::<u32>().write((len as u32).to_le()) };
    }

    /// # Safety
    /// The allocation must be long enough.
    unsafe fn write(&mut self, at: usize, parts: &[&[u8]]) {
        let mut at = at;
        for part in parts {
            // SAFETY: as promised to this function; the part cannot overlap a block that is borrowed mutably.
            unsafe {
                let to = self.0.add(at);
                to.copy_from_nonoverlapping(NonNull::from(*part).cast(), part.len());
            }
            at += part.len();
        }
    }

    /// Changes the room, and not the length: the caller must do so before anybody else looks.
    fn move_to(&mut self, had: Layout, wanted: Layout) {
        // SAFETY: the block came from the allocator with the layout `had`; both layouts have the same alignment, and neither
        // has no size.
        let moved = unsafe { realloc(self.0.as_ptr(), had, wanted.size()) };
        let Some(moved) = NonNull::new(moved) else {
            handle_alloc_error(wanted)
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
        unsafe { slice::from_raw_parts(self.0.as_ptr(), self.len()) }
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
        let layout = layout(self.len());
        // SAFETY: the block came from the allocator with this very layout, as the invariants say.
        unsafe { dealloc(self.0.as_ptr(), layout) };
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

/// The room of a block of this length; depends on nothing else, so that it need not be kept.
///
/// Room for a sixteenth more at most, where the allocator does not round up to 8 itself: a long listpack then does not move
/// with each element that it is given.
#[inline]
fn layout(len: usize) -> Layout {
    assert!(len <= LEN_MAX, "a block of {len} bytes");
    let step = if len < EXACT_LEN_MAX {
        8
    } else {
        1 << (len.ilog2() - 4)
    };
    Layout::from_size_align(len.next_multiple_of(step), align_of::<u32>())
        .expect("no more than 4 GiB, which 64 bits can count")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn its_room_follows_from_its_length() {
        for (len, room) in [(4, 8), (8, 8), (9, 16), (255, 256), (256, 256), (257, 272)] {
            let block = Block::new(&[&vec![b'x'; len - HEAD_LEN]]);
            assert_eq!((block.len(), block.memory()), (len, room));
        }
        // Never less for more, and no more than a sixteenth too much.
        for len in 257..20_000 {
            let room = layout(len).size();
            assert!(room >= layout(len - 1).size() && room - len < len / 16 + 1);
        }
        assert_eq!(size_of::<Option<Block>>(), size_of::<usize>());
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
            }
        }
    }
}
