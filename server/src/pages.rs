//! An allocator of small blocks: pages of blocks that are all of one size; larger blocks it leaves to another allocator.
//!
//! A keyspace is millions of blocks of a few dozen bytes, so what an allocator adds to each of them decides what a key
//! costs. Here a block takes its own length, rounded up to 8; glibc adds 8 and rounds up to 16, jemalloc and mimalloc
//! round up to 16. Measured with a million keys of 16 bytes: 70 bytes a key instead of 80 where the value has 32, and 47
//! instead of 64 where it is an integer.
//!
//! Memory comes in regions of 2 MiB, which are cut into pages of 16 KiB; both begin at multiples of their length, so that
//! the page of a block is found by its address. A page that is empty serves any size again, a region that is empty is
//! given back. A block that is as long as a page gets a page for itself: so long are the pieces of a hash table.
//!
//! A region is as long as a huge page of the processor, and once it is full Linux is asked to make it one when it finds the
//! time: finding a key among millions otherwise costs as much for finding where its memory is as for fetching it. Asked
//! for at the beginning, the first touch of a region waits until 2 MiB are cleared: 5 ms, seen by all clients.
//!
//! One lock guards it all. The server has one thread that allocates, so the lock is nearly always free, and taking it is
//! cheaper than asking which thread this is.
#![expect(unsafe_code, reason = "an allocator cannot be written without it")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Blocks have lengths that are multiples of this, and lie at multiples of it.
const UNIT: usize = 8;

/// Longer blocks are left to the other allocator.
const BLOCK_LEN_MAX: usize = 256;

const CLASSES: usize = BLOCK_LEN_MAX / UNIT;

const PAGE_LEN: usize = 16 * 1024;

/// As many pages as there are bits in [`Region::unused`].
const REGION_LEN: usize = 128 * PAGE_LEN;

/// With no more regions than these the memory is found quickly anyway.
const REGIONS_NOT_HUGE: usize = 8;

const REGION: Layout = match Layout::from_size_align(REGION_LEN, REGION_LEN) {
    Ok(layout) => layout,
    Err(_) => panic!("a power of two"),
};

/// What a page begins with. The header of a region is in that of its first page.
#[repr(C)]
struct Page {
    /// Its neighbours among the pages of its class that have room, while it has.
    next: *mut Page,
    before: *mut Page,
    /// In units from the page's beginning: the first of the blocks that were freed, each of which begins with where the
    /// next one is; 0 is none.
    free: u16,
    /// In units: where the blocks begin that have never been used.
    fresh: u16,
    /// Blocks in use.
    used: u16,
    /// Units in a block.
    units: u16,
    region: Region,
}

/// 128 pages, some of which are in use.
#[repr(C)]
struct Region {
    /// Its neighbours among the regions that have unused pages, while it has.
    next: *mut Page,
    before: *mut Page,
    /// A bit for each page that is not in use.
    unused: u128,
    /// Linux has been asked to make it a huge page.
    advised: bool,
}

const HEADER_LEN: usize = size_of::<Page>().next_multiple_of(UNIT);

/// Invariants, which hold whenever nobody has the lock:
/// - every page that is in use, and is not a block itself, has an initialised header; it is in exactly the list of its
///   class if it has room and in none otherwise, and none but the only page of such a list is empty;
/// - every region's first page has an initialised `region`; a region is in `regions` if any of its pages is not in use;
/// - the blocks in use, those reached from `free`, and those from `fresh` on, are all the blocks of a page, each once.
struct State {
    /// By class, the first page with room.
    rooms: [*mut Page; CLASSES],
    /// The first region with unused pages.
    regions: *mut Page,
    /// How many regions there are.
    count: usize,
}

/// Serves small blocks from pages, and larger ones from `inner`.
pub(crate) struct Pages<A> {
    inner: A,
    locked: AtomicBool,
    state: UnsafeCell<State>,
}

// SAFETY: the state, and all pages, are touched only by whoever has the lock.
unsafe impl<A: Sync> Sync for Pages<A> {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl<A: Send> Send for Pages<A> {}

impl<A: GlobalAlloc> Pages<A> {
    /// Nothing is allocated yet; `inner` will be asked for regions and for large blocks.
    pub(crate) const fn new(inner: A) -> Pages<A> {
        Pages {
            inner,
            locked: AtomicBool::new(false),
            state: UnsafeCell::new(State {
                rooms: [ptr::null_mut(); CLASSES],
                regions: ptr::null_mut(),
                count: 0,
            }),
        }
    }

    /// Does something that nobody else may see half done. It must not allocate through this very allocator.
    #[inline]
    fn with<T>(&self, work: impl FnOnce(&mut State, &A) -> T) -> T {
        while self.locked.swap(true, Ordering::Acquire) {
            // The other one is done within nanoseconds, unless it was interrupted.
            std::thread::yield_now();
        }
        // SAFETY: whoever set `locked` is the only one until it is cleared.
        let done = work(unsafe { &mut *self.state.get() }, &self.inner);
        self.locked.store(false, Ordering::Release);
        done
    }
}

/// Where a block lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    /// Among others of its class.
    Class(usize),
    /// In a page for itself.
    Page,
    /// In the other allocator.
    Elsewhere,
}

/// Where a block of this layout lies; depends on nothing else.
#[inline]
fn home(layout: Layout) -> Home {
    if layout.size() <= BLOCK_LEN_MAX && layout.align() <= UNIT {
        Home::Class(layout.size().max(1).div_ceil(UNIT) - 1)
    } else if layout.size() == PAGE_LEN && layout.align() <= PAGE_LEN {
        Home::Page
    } else {
        Home::Elsewhere
    }
}

/// The page that a block, or a region's beginning, lies in.
///
/// The block's address is all that is needed: regions expose theirs.
#[inline]
fn page_of(block: *mut u8) -> *mut Page {
    ptr::with_exposed_provenance_mut(block.addr() & !(PAGE_LEN - 1))
}

// SAFETY of all below: pages and regions come from the lists and from blocks in use, so that by the invariants of `State`
// their headers are initialised and nobody else touches them while the lock is held.
impl State {
    /// Whether no block is left.
    #[inline]
    unsafe fn is_full(page: *mut Page) -> bool {
        // Field by field: only the first page of a region has a `region`, so there is no whole page to refer to.
        unsafe { (*page).free == 0 && usize::from((*page).fresh + (*page).units) * UNIT > PAGE_LEN }
    }

    #[inline]
    unsafe fn allocate(&mut self, class: usize, inner: &impl GlobalAlloc) -> *mut u8 {
        unsafe {
            let mut page = self.rooms[class];
            if page.is_null() {
                page = self.add_page(class, inner);
                if page.is_null() {
                    return ptr::null_mut();
                }
            }
            (*page).used += 1;
            let block;
            if (*page).free == 0 {
                block = page.cast::<u8>().add(usize::from((*page).fresh) * UNIT);
                (*page).fresh += (*page).units;
            } else {
                block = page.cast::<u8>().add(usize::from((*page).free) * UNIT);
                (*page).free = block.cast::<u16>().read();
            }
            if State::is_full(page) {
                self.remove_page(page, class);
            }
            block
        }
    }

    #[inline]
    unsafe fn free(&mut self, block: *mut u8, class: usize, inner: &impl GlobalAlloc) {
        unsafe {
            let page = page_of(block);
            let was_full = State::is_full(page);
            block.cast::<u16>().write((*page).free);
            (*page).free = ((block.addr() - page.addr()) / UNIT) as u16;
            (*page).used -= 1;
            if was_full {
                self.insert_page(page, class);
            } else if (*page).used == 0 && !((*page).next.is_null() && (*page).before.is_null()) {
                // The only one with room is kept, since the next block of its size may come soon.
                self.remove_page(page, class);
                self.give_back(page, inner);
            }
        }
    }

    #[cold]
    unsafe fn add_page(&mut self, class: usize, inner: &impl GlobalAlloc) -> *mut Page {
        unsafe {
            if self.regions.is_null() && !self.add_region(inner) {
                return ptr::null_mut();
            }
            let index = (*self.regions).region.unused.trailing_zeros() as usize;
            let page = self.take_page(index);
            (&raw mut (*page).free).write(0);
            (&raw mut (*page).fresh).write((HEADER_LEN / UNIT) as u16);
            (&raw mut (*page).used).write(0);
            (&raw mut (*page).units).write(class as u16 + 1);
            self.insert_page(page, class);
            page
        }
    }

    /// A page that is a block itself, so that it has no header.
    #[cold]
    unsafe fn allocate_page(&mut self, inner: &impl GlobalAlloc) -> *mut u8 {
        unsafe {
            // The first page of a region has the region's header, so it is left to small blocks, which take it first.
            let none = self.regions.is_null() || (*self.regions).region.unused <= 1;
            if none && !self.add_region(inner) {
                return ptr::null_mut();
            }
            let last = (*self.regions).region.unused.ilog2() as usize;
            self.take_page(last).cast()
        }
    }

    /// Puts a new region before the others; whether there was memory for it.
    #[cold]
    unsafe fn add_region(&mut self, inner: &impl GlobalAlloc) -> bool {
        unsafe {
            let region = inner.alloc(REGION);
            if region.is_null() {
                return false;
            }
            region.expose_provenance();
            self.count += 1;
            let region = region.cast::<Page>();
            (&raw mut (*region).region).write(Region {
                next: ptr::null_mut(),
                before: ptr::null_mut(),
                unused: u128::MAX,
                advised: false,
            });
            self.insert_region(region);
            true
        }
    }

    /// Takes an unused page of the first region into use.
    unsafe fn take_page(&mut self, index: usize) -> *mut Page {
        unsafe {
            let region = self.regions;
            (*region).region.unused &= !(1 << index);
            if (*region).region.unused == 0 {
                self.remove_region(region);
                if self.count > REGIONS_NOT_HUGE && !(*region).region.advised {
                    (*region).region.advised = true;
                    advise_huge(region.cast());
                }
            }
            region.byte_add(index * PAGE_LEN)
        }
    }

    /// Takes a page that is empty, and in no list, out of use.
    #[cold]
    unsafe fn give_back(&mut self, page: *mut Page, inner: &impl GlobalAlloc) {
        unsafe {
            let region: *mut Page =
                ptr::with_exposed_provenance_mut(page.addr() & !(REGION_LEN - 1));
            if (*region).region.unused == 0 {
                self.insert_region(region);
            }
            (*region).region.unused |= 1 << ((page.addr() - region.addr()) / PAGE_LEN);
            let only = (*region).region.next.is_null() && (*region).region.before.is_null();
            if (*region).region.unused == u128::MAX && !only {
                self.remove_region(region);
                self.count -= 1;
                inner.dealloc(region.cast(), REGION);
            }
        }
    }

    #[cold]
    unsafe fn insert_page(&mut self, page: *mut Page, class: usize) {
        unsafe {
            let next = std::mem::replace(&mut self.rooms[class], page);
            (&raw mut (*page).next).write(next);
            (&raw mut (*page).before).write(ptr::null_mut());
            if !next.is_null() {
                (*next).before = page;
            }
        }
    }

    #[cold]
    unsafe fn remove_page(&mut self, page: *mut Page, class: usize) {
        unsafe {
            let (next, before) = ((*page).next, (*page).before);
            if before.is_null() {
                self.rooms[class] = next;
            } else {
                (*before).next = next;
            }
            if !next.is_null() {
                (*next).before = before;
            }
        }
    }

    unsafe fn insert_region(&mut self, region: *mut Page) {
        unsafe {
            let next = std::mem::replace(&mut self.regions, region);
            (*region).region.next = next;
            (*region).region.before = ptr::null_mut();
            if !next.is_null() {
                (*next).region.before = region;
            }
        }
    }

    unsafe fn remove_region(&mut self, region: *mut Page) {
        unsafe {
            let (next, before) = ((*region).region.next, (*region).region.before);
            if before.is_null() {
                self.regions = next;
            } else {
                (*before).region.next = next;
            }
            if !next.is_null() {
                (*next).region.before = before;
            }
        }
    }
}

/// Asks for a huge page where this region is, which Linux makes by and by.
fn advise_huge(region: *mut u8) {
    #[cfg(all(target_os = "linux", not(miri)))]
    if let Some(region) = ptr::NonNull::new(region) {
        use nix::sys::mman::{MmapAdvise, madvise};
        // SAFETY: the region is all ours, and this advice changes no byte of it.
        // A kernel that has no huge pages says so, and everything is as it was.
        let _ = unsafe { madvise(region.cast(), REGION_LEN, MmapAdvise::MADV_HUGEPAGE) };
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = region;
}

// SAFETY: a small block is one of a page's blocks that was not in use, and one as long as a page is a page that was not
// in use; each is in use until it comes back, by the invariants of `State`. Any other comes from `inner` and goes back to
// it. Which of the three it is depends on nothing but its layout.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Pages<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match home(layout) {
            // SAFETY: the lock is held.
            Home::Class(class) => self.with(|state, inner| unsafe { state.allocate(class, inner) }),
            // SAFETY: the lock is held.
            Home::Page => self.with(|state, inner| unsafe { state.allocate_page(inner) }),
            // SAFETY: the caller keeps the promises of `alloc`, which are those of the inner one.
            Home::Elsewhere => unsafe { self.inner.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if home(layout) == Home::Elsewhere {
            // SAFETY: as for `alloc`.
            return unsafe { self.inner.alloc_zeroed(layout) };
        }
        // SAFETY: as for `alloc`, and a block is as long as its layout says.
        unsafe {
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match home(layout) {
            // SAFETY: the lock is held, and the block came from `allocate` with the same class.
            Home::Class(class) => {
                self.with(|state, inner| unsafe { state.free(block, class, inner) });
            }
            // SAFETY: the lock is held, and the block came from `allocate_page`.
            Home::Page => {
                self.with(|state, inner| unsafe { state.give_back(block.cast(), inner) });
            }
            // SAFETY: the block came from `inner` with this layout.
            Home::Elsewhere => unsafe { self.inner.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        // SAFETY: the caller promises that `len`, rounded up to the alignment, does not overflow.
        let wanted = unsafe { Layout::from_size_align_unchecked(len, layout.align()) };
        match (home(layout), home(wanted)) {
            // SAFETY: the block came from `inner` with this layout, and so will its successor.
            (Home::Elsewhere, Home::Elsewhere) => unsafe { self.inner.realloc(block, layout, len) },
            (old, new) if old == new => block,
            // SAFETY: both blocks are as long as their layouts say, and they are not the same.
            _ => unsafe {
                let moved = self.alloc(wanted);
                if !moved.is_null() {
                    moved.copy_from_nonoverlapping(block, layout.size().min(len));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::alloc::System;
    use std::sync::Mutex;

    /// The system's allocator, which knows the regions it has given and not got back. In the end it takes them back itself:
    /// the program's pages are never dropped, and so give back nothing then.
    #[derive(Default)]
    struct Regions(Mutex<Vec<usize>>);

    impl Regions {
        fn count(&self) -> usize {
            self.0.lock().expect("nobody panics with it").len()
        }
    }

    // SAFETY: everything is the system's own.
    unsafe impl GlobalAlloc for Regions {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: as promised to this function.
            let block = unsafe { System.alloc(layout) };
            if layout == REGION {
                let mut given = self.0.lock().expect("nobody panics with it");
                given.push(block.expose_provenance());
            }
            block
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            if layout == REGION {
                let mut given = self.0.lock().expect("nobody panics with it");
                given.retain(|region| *region != block.addr());
            }
            // SAFETY: as promised to this function.
            unsafe { System.dealloc(block, layout) };
        }
    }

    impl Drop for Regions {
        fn drop(&mut self) {
            for region in self.0.get_mut().expect("nobody panics with it") {
                // SAFETY: it was given, did not come back, and nobody has it any more.
                unsafe { System.dealloc(ptr::with_exposed_provenance_mut(*region), REGION) };
            }
        }
    }

    fn pages() -> Pages<Regions> {
        Pages::new(Regions::default())
    }

    /// A block whose every byte is the lowest of its number.
    struct Marked {
        block: *mut u8,
        layout: Layout,
        mark: u8,
    }

    // SAFETY: a block belongs to no thread.
    unsafe impl Send for Marked {}

    impl Marked {
        fn new<A: GlobalAlloc>(pages: &Pages<A>, len: usize, mark: u8) -> Marked {
            let layout = Layout::from_size_align(len, 8).expect("a small power of two");
            // SAFETY: no length is zero, and the block is as long as its layout says.
            let block = unsafe {
                let block = pages.alloc(layout);
                block.write_bytes(mark, len);
                block
            };
            assert!(block.addr().is_multiple_of(8));
            Marked {
                block,
                layout,
                mark,
            }
        }

        fn check(&self) {
            // SAFETY: that many bytes were written.
            let bytes = unsafe { std::slice::from_raw_parts(self.block, self.layout.size()) };
            assert!(
                bytes.iter().all(|byte| *byte == self.mark),
                "somebody else wrote here"
            );
        }

        fn resize<A: GlobalAlloc>(&mut self, pages: &Pages<A>, len: usize) {
            // SAFETY: the block is in use; it is as long as its new layout says afterwards.
            unsafe {
                self.block = pages.realloc(self.block, self.layout, len);
                let kept = len.min(self.layout.size());
                self.layout = Layout::from_size_align(len, 8).expect("a small power of two");
                let bytes = std::slice::from_raw_parts(self.block, kept);
                assert!(
                    bytes.iter().all(|byte| *byte == self.mark),
                    "bytes were lost"
                );
                self.block.write_bytes(self.mark, len);
            }
        }

        fn free<A: GlobalAlloc>(self, pages: &Pages<A>) {
            self.check();
            // SAFETY: the block is in use, and not used again.
            unsafe { pages.dealloc(self.block, self.layout) };
        }
    }

    /// Lengths of all three kinds.
    fn len() -> impl Strategy<Value = usize> {
        prop_oneof![9 => 1..400_usize, 1 => Just(PAGE_LEN), 1 => PAGE_LEN - 8..PAGE_LEN + 8]
    }

    /// Miri interprets every instruction, so it gets less to do.
    const SHARE: usize = if cfg!(miri) { 50 } else { 1 };

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 4 } else { ProptestConfig::default().cases },
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn no_two_blocks_overlap_and_none_loses_its_bytes(
            steps in prop::collection::vec((0..4_u8, len(), any::<prop::sample::Index>()), 1..2000 / SHARE),
        ) {
            let pages = pages();
            let mut blocks: Vec<Marked> = Vec::new();
            for (number, (step, len, index)) in steps.into_iter().enumerate() {
                if blocks.is_empty() || step < 2 {
                    blocks.push(Marked::new(&pages, len, number as u8));
                } else {
                    let at = index.index(blocks.len());
                    if step == 2 {
                        blocks.swap_remove(at).free(&pages);
                    } else {
                        blocks[at].resize(&pages, len);
                    }
                }
            }
            blocks.into_iter().for_each(|block| block.free(&pages));
        }
    }

    #[test]
    fn what_was_freed_serves_other_sizes_and_is_given_back() {
        let pages = pages();
        let regions = || pages.inner.count();
        // Blocks as long as pages fill regions with the fewest of them.
        let lens: &[usize] = if cfg!(miri) {
            &[PAGE_LEN]
        } else {
            &[24, 56, 256, PAGE_LEN]
        };
        for &len in lens {
            let count = 4 * REGION_LEN / len;
            let mut blocks: Vec<Marked> = (0..count)
                .map(|i| Marked::new(&pages, len, i as u8))
                .collect();
            assert!((4..=5).contains(&regions()), "{} regions", regions());
            // In an order unlike that in which they came.
            while blocks.len() > 1 {
                let at = blocks.len() * 7 / 11;
                blocks.swap_remove(at).free(&pages);
            }
            blocks.pop().expect("one is left").free(&pages);
            assert!(regions() <= 2, "{} regions for nothing", regions());
        }
    }

    #[test]
    fn blocks_may_be_freed_by_another_thread_meanwhile() {
        let pages = pages();
        let (sender, receiver) = std::sync::mpsc::sync_channel::<Marked>(100);
        std::thread::scope(|scope| {
            scope.spawn(|| receiver.into_iter().for_each(|block| block.free(&pages)));
            for i in 0..50_000 / SHARE {
                let block = Marked::new(&pages, 1 + i * 31 % 200, i as u8);
                sender.send(block).expect("the other thread receives all");
            }
            drop(sender);
        });
    }

    #[test]
    fn zeroed_blocks_are_zero_although_they_were_used_before() {
        let pages = pages();
        let layout = Layout::from_size_align(40, 8).expect("a small power of two");
        Marked::new(&pages, 40, 0xff).free(&pages);
        // SAFETY: the length is not zero, and all of it is initialised.
        unsafe {
            let block = pages.alloc_zeroed(layout);
            assert_eq!(std::slice::from_raw_parts(block, 40), [0; 40]);
            pages.dealloc(block, layout);
        }
    }
}
