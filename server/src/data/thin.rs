//! Bytes in one allocation behind one thin pointer, with their length before them; it knows nothing of what they mean.
//!
//! A table of members has a word for each in its buckets: a `Box<[u8]>` would need two. The length takes one byte; where that is
//! [`LONG`], eight more follow with the true length.
#![allow(
    unsafe_code,
    reason = "a thin pointer to a block of varying length takes half the room in a table"
)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;

/// Stands for a length that does not fit the byte before it.
const LONG: u8 = u8::MAX;

const LONG_HEAD_LEN: usize = 1 + size_of::<u64>();

/// Bytes whose number never changes.
pub(crate) struct Thin(NonNull<u8>);

// SAFETY: it owns its block, which holds plain bytes.
unsafe impl Send for Thin {}
// SAFETY: as above, and nothing changes through a shared reference.
unsafe impl Sync for Thin {}

impl Thin {
    /// These parts, one after the other.
    pub(crate) fn new<const N: usize>(parts: [&[u8]; N]) -> Thin {
        let len = parts.iter().map(|part| part.len()).sum();
        let layout = layout(len);
        // SAFETY: a layout has room for the head at least.
        let Some(block) = NonNull::new(unsafe { alloc(layout) }) else {
            handle_alloc_error(layout)
        };
        // SAFETY: all writes lie within the block, whose size `layout` derived from the same lengths; what is copied cannot
        // overlap a block that is new.
        unsafe {
            if head_len(len) == 1 {
                block.write(len as u8);
            } else {
                block.write(LONG);
                block.add(1).cast::<u64>().write_unaligned(len as u64);
            }
            let mut to = block.add(head_len(len));
            for part in parts {
                to.copy_from_nonoverlapping(NonNull::from(part).cast(), part.len());
                to = to.add(part.len());
            }
        }
        Thin(block)
    }

    /// Bytes of its block.
    pub(crate) fn memory(&self) -> usize {
        layout(self.len()).size()
    }

    /// Where the bytes begin, and how many there are.
    #[inline]
    fn text(&self) -> (NonNull<u8>, usize) {
        // SAFETY: `new` wrote the length so, and the bytes behind it.
        unsafe {
            match self.0.read() {
                LONG => {
                    let len = self.0.add(1).cast::<u64>().read_unaligned();
                    (self.0.add(LONG_HEAD_LEN), len as usize)
                }
                len => (self.0.add(1), usize::from(len)),
            }
        }
    }
}

impl Deref for Thin {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let (text, len) = self.text();
        // SAFETY: `new` wrote that many bytes there, and they live as long as `self`.
        unsafe { slice::from_raw_parts(text.as_ptr(), len) }
    }
}

impl DerefMut for Thin {
    fn deref_mut(&mut self) -> &mut [u8] {
        let (text, len) = self.text();
        // SAFETY: as in `deref`; the borrow of self makes it the only one.
        unsafe { slice::from_raw_parts_mut(text.as_ptr(), len) }
    }
}

impl Clone for Thin {
    fn clone(&self) -> Thin {
        Thin::new([self])
    }
}

impl Drop for Thin {
    fn drop(&mut self) {
        let layout = layout(self.len());
        // SAFETY: the block came from `alloc` with this very layout, since the length never changes.
        unsafe { dealloc(self.0.as_ptr(), layout) };
    }
}

impl fmt::Debug for Thin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

fn head_len(len: usize) -> usize {
    if len < usize::from(LONG) {
        1
    } else {
        LONG_HEAD_LEN
    }
}

fn layout(len: usize) -> Layout {
    Layout::array::<u8>(head_len(len) + len).expect("there is no more than isize::MAX of anything")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_given_back_whatever_its_length() {
        for len in [0, 1, 253, 254, 255, 256, 70_000] {
            let text: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let (a, b) = text.split_at(len / 3);
            let mut thin = Thin::new([a, b, b""]);
            assert_eq!(*thin, *text);
            let copy = thin.clone();
            thin.reverse();
            assert_eq!(*copy, *text, "a copy is another one");
            assert!(thin.iter().rev().eq(&text));
            assert!(thin.memory() > len);
        }
        assert_eq!(size_of::<Option<Thin>>(), size_of::<usize>());
    }
}
