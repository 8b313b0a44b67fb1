//! The program's allocator: counts the bytes that are in use, whichever allocator does the work, and knows nothing else.

#![expect(unsafe_code, reason = "an allocator cannot be written without it")]

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// An allocator that counts what it was asked for and has not got back.
pub(crate) struct Counting<A> {
    inner: A,
    /// Nothing is ordered by this number, so it costs each call one addition that waits for nobody.
    used: AtomicUsize,
}

impl<A> Counting<A> {
    /// Counts what `inner` allocates from now on.
    pub(crate) const fn new(inner: A) -> Counting<A> {
        Counting {
            inner,
            used: AtomicUsize::new(0),
        }
    }

    /// Bytes in use, as they were asked for: what an allocator adds for its own ends is not among them.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// Counts an allocation unless it failed.
    fn count(&self, allocated: *mut u8, len: usize) -> *mut u8 {
        if !allocated.is_null() {
            self.used.fetch_add(len, Relaxed);
        }
        allocated
    }
}

// SAFETY: every block comes from `inner` and goes back to `inner` with the layout and in the way it came; counting touches
// no block, allocates nothing and cannot panic.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counting<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the promises of `alloc`, which are those of the inner one.
        let allocated = unsafe { self.inner.alloc(layout) };
        self.count(allocated, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`.
        let allocated = unsafe { self.inner.alloc_zeroed(layout) };
        self.count(allocated, layout.size())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from `self` with this layout, and so from `inner` with this layout.
        unsafe { self.inner.dealloc(block, layout) };
        self.used.fetch_sub(layout.size(), Relaxed);
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        // SAFETY: as for `dealloc`, and the caller promises that `len` is not zero and fits.
        let moved = unsafe { self.inner.realloc(block, layout, len) };
        if !moved.is_null() {
            // Wrapping addition of the difference: one step, so that no reader sees both blocks or neither.
            self.used
                .fetch_add(len.wrapping_sub(layout.size()), Relaxed);
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::alloc::System;
    use std::ptr;

    /// Has nothing to give.
    struct Exhausted;

    // SAFETY: null is the answer of an allocator that has nothing; so nothing ever comes back.
    unsafe impl GlobalAlloc for Exhausted {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 {
            ptr::null_mut()
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }

    #[test]
    fn what_is_in_use_is_counted_exactly_through_growing_shrinking_and_freeing() {
        let counting = Counting::new(System);
        let layout = |len| Layout::from_size_align(len, 8).expect("a small power of two");
        // SAFETY: no size is zero, and each block is handed back once with its last layout.
        unsafe {
            let first = counting.alloc(layout(100));
            let second = counting.alloc_zeroed(layout(50));
            assert_eq!(counting.used(), 150);
            let first = counting.realloc(first, layout(100), 1000);
            assert_eq!(counting.used(), 1050);
            let first = counting.realloc(first, layout(1000), 10);
            assert_eq!(counting.used(), 60);
            counting.dealloc(second, layout(50));
            counting.dealloc(first, layout(10));
        }
        assert_eq!(counting.used(), 0);
    }

    #[test]
    fn what_could_not_be_had_is_not_counted() {
        let counting = Counting::new(Exhausted);
        let layout = Layout::new::<u64>();
        // SAFETY: the size is not zero, and nothing is used or handed back.
        assert!(unsafe { counting.alloc(layout) }.is_null());
        // SAFETY: the same.
        assert!(unsafe { counting.alloc_zeroed(layout) }.is_null());
        assert_eq!(counting.used(), 0);
    }
}
