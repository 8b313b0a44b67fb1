//! One key, its deadline and its value in one allocation behind one thin pointer.
//!
//! This is the keyspace's only unsafe code. The layout, all offsets in bytes:
//!
//! | offset | what |
//! |---|---|
//! | 0 | `u32`: 8 bits of flags, above them 24 bits of LRU or LFU |
//! | 4 | `u16` length of the key, if not [`LONG_KEY`] |
//! | 6 | `u16` length of an embedded value |
//! | 8 | `i64` deadline, if [`EXPIRES`]; then `u64` length of the key, if [`LONG_KEY`]; then the integer, if [`INT`], or the pointer, if [`BOXED`] |
//! | … | the key; then the embedded value, if neither [`INT`] nor [`BOXED`] |
//!
//! Invariants: the flags, the lengths and the size of the allocation always agree, since only [`Entry::new`] writes
//! flags and lengths; the pointer of a [`BOXED`] entry comes from `Box::into_raw` and is owned by the entry.
#![allow(
    unsafe_code,
    reason = "a thin pointer to a block of varying length halves the memory of a small key"
)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::ptr::NonNull;
use std::slice;

use crate::data::prefetch::prefetch;
use crate::keyspace::value::{EMBEDDED_LEN_MAX, New, Value, ValueRef};

const HEADER_LEN: usize = 8;
const WORD: usize = 8;

const INT: u32 = 1 << 0;
const BOXED: u32 = 1 << 1;
const EXPIRES: u32 = 1 << 2;
const LONG_KEY: u32 = 1 << 3;
/// An embedded string that Redis would call `raw`. It says so until it is overwritten, wherever it is moved.
const RAW: u32 = 1 << 4;
const FLAGS: u32 = 0xff;
const ACCESS_SHIFT: u32 = 8;

/// Freeing more allocations than this keeps others waiting (LAZYFREE_THRESHOLD).
const COSTLY_ALLOCATIONS: usize = 64;

const _: () = assert!(EMBEDDED_LEN_MAX <= u16::MAX as usize);

/// A key with its deadline and value.
pub(crate) struct Entry(NonNull<u8>);

// SAFETY: an entry owns its block and what the block points to (plain bytes, or a `Value`, which is Send); nothing in
// it is tied to a thread.
unsafe impl Send for Entry {}

impl Entry {
    /// Stores a key with a value, to expire at `expire_ms` of wall-clock time, last used as `access` (24 bits) says.
    pub(crate) fn new(key: &[u8], value: New<'_>, expire_ms: Option<i64>, access: u32) -> Entry {
        let mut flags = 0;
        let mut embedded: &[u8] = &[];
        match &value {
            New::Int(_) => flags |= INT,
            New::Boxed(_) => flags |= BOXED,
            New::Bytes(bytes) => {
                debug_assert!(bytes.len() <= EMBEDDED_LEN_MAX);
                embedded = bytes;
                if !is_embstr(key.len(), bytes.len(), expire_ms.is_some()) {
                    flags |= RAW;
                }
            }
        }
        if expire_ms.is_some() {
            flags |= EXPIRES;
        }
        if key.len() > usize::from(u16::MAX) {
            flags |= LONG_KEY;
        }
        let layout = layout(flags, key.len(), embedded.len());
        // SAFETY: the layout is never of size zero, it holds the header at least.
        let block = unsafe { alloc(layout) };
        let Some(block) = NonNull::new(block) else {
            handle_alloc_error(layout)
        };
        let entry = Entry(block);
        // SAFETY: every write below lies within the block, whose size `layout` derived from the same flags and
        // lengths; the block is aligned to 8 and the words come first, so each is aligned.
        unsafe {
            block.cast::<u32>().write(flags | access << ACCESS_SHIFT);
            block.cast::<u16>().add(2).write(key.len() as u16);
            block.cast::<u16>().add(3).write(embedded.len() as u16);
            if let Some(at) = expire_ms {
                entry.word(0).cast::<i64>().write(at);
            }
            if flags & LONG_KEY != 0 {
                entry
                    .word(long_key_word(flags))
                    .cast::<u64>()
                    .write(key.len() as u64);
            }
            match value {
                New::Int(int) => entry.word(value_word(flags)).cast::<i64>().write(int),
                New::Boxed(value) => {
                    entry
                        .word(value_word(flags))
                        .cast::<*mut Value>()
                        .write(Box::into_raw(Box::new(value)));
                }
                New::Bytes(_) => {}
            }
            let text = block.add(text_offset(flags));
            text.copy_from_nonoverlapping(NonNull::from(key).cast(), key.len());
            text.add(key.len())
                .copy_from_nonoverlapping(NonNull::from(embedded).cast(), embedded.len());
        }
        entry
    }

    /// The key.
    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        let flags = self.flags();
        // SAFETY: `new` wrote that many bytes there, and nothing moves them while the entry lives.
        unsafe {
            slice::from_raw_parts(self.0.add(text_offset(flags)).as_ptr(), self.key_len(flags))
        }
    }

    /// The value.
    #[inline]
    pub(crate) fn value(&self) -> ValueRef<'_> {
        let flags = self.flags();
        // SAFETY: the flags say which of the three `new` wrote, and where.
        unsafe {
            if flags & INT != 0 {
                ValueRef::Int(self.word(value_word(flags)).cast::<i64>().read())
            } else if flags & BOXED != 0 {
                ValueRef::Boxed(&*self.word(value_word(flags)).cast::<*mut Value>().read())
            } else {
                let text = self.0.add(text_offset(flags) + self.key_len(flags));
                ValueRef::Bytes(slice::from_raw_parts(text.as_ptr(), self.embedded_len()))
            }
        }
    }

    /// The value, if it lies in a box, to be changed in place.
    pub(crate) fn boxed_mut(&mut self) -> Option<&mut Value> {
        let flags = self.flags();
        if flags & BOXED == 0 {
            return None;
        }
        // SAFETY: as in `value`; the borrow of self makes it the only one.
        Some(unsafe { &mut *self.word(value_word(flags)).cast::<*mut Value>().read() })
    }

    /// Puts another value in place of the old one where it takes the same room.
    ///
    /// # Returns
    /// the value, where it does not.
    #[inline]
    pub(crate) fn overwrite<'v>(&mut self, value: New<'v>) -> Result<(), New<'v>> {
        let flags = self.flags();
        match value {
            // SAFETY: the entry holds an integer at that word already.
            New::Int(int) if flags & INT != 0 => unsafe {
                self.word(value_word(flags)).cast::<i64>().write(int);
            },
            New::Bytes(bytes)
                if flags & (INT | BOXED) == 0 && bytes.len() == self.embedded_len() =>
            {
                // SAFETY: the entry holds that many embedded bytes behind its key; `bytes` cannot overlap them, as
                // `self` is borrowed mutably.
                unsafe {
                    let text = self.0.add(text_offset(flags) + self.key_len(flags));
                    text.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
                }
                let key_len = self.key_len(flags);
                self.set_raw(!is_embstr(key_len, bytes.len(), flags & EXPIRES != 0));
            }
            value => return Err(value),
        }
        Ok(())
    }

    /// The same value and use under another key or deadline, which live in the block and so need a new one.
    pub(crate) fn rebuilt(mut self, key: Option<&[u8]>, expire_ms: Option<i64>) -> Entry {
        if let Some(value) = self.take_boxed() {
            return Entry::new(
                key.unwrap_or(self.key()),
                New::Boxed(value),
                expire_ms,
                self.access(),
            );
        }
        let mut entry = Entry::new(
            key.unwrap_or(self.key()),
            self.value().duplicate(),
            expire_ms,
            self.access(),
        );
        if self.flags() & RAW != 0 {
            entry.set_raw(true);
        }
        entry
    }

    /// The same value and deadline under another key.
    pub(crate) fn duplicate(&self, key: &[u8]) -> Entry {
        let value = self.value().duplicate();
        let mut entry = Entry::new(key, value, self.expire_ms(), self.access());
        if self.flags() & RAW != 0 {
            entry.set_raw(true);
        }
        entry
    }

    /// Redis's name of the representation, as OBJECT ENCODING answers.
    pub(crate) fn encoding(&self) -> &'static str {
        match self.value() {
            ValueRef::Int(_) => "int",
            ValueRef::Bytes(_) if self.flags() & RAW == 0 => "embstr",
            ValueRef::Bytes(_) => "raw",
            ValueRef::Boxed(value) => value.encoding(),
        }
    }

    fn set_raw(&mut self, raw: bool) {
        let head = if raw {
            self.head() | RAW
        } else {
            self.head() & !RAW
        };
        // SAFETY: the header is always there, and RAW has no part in the layout.
        unsafe { self.0.cast::<u32>().write(head) };
    }

    /// Takes the value out of its box, leaving the integer 0.
    fn take_boxed(&mut self) -> Option<Value> {
        let flags = self.flags();
        if flags & BOXED == 0 {
            return None;
        }
        let word = self.word(value_word(flags));
        // SAFETY: the pointer came from `Box::into_raw`; the INT flag and the integer written in its stead keep `drop`
        // from freeing it again, and both kinds hold one word, so the layout stays what it was.
        unsafe {
            let value = Box::from_raw(word.cast::<*mut Value>().read());
            self.0.cast::<u32>().write(self.head() & !BOXED | INT);
            word.cast::<i64>().write(0);
            Some(*value)
        }
    }

    /// When it expires, in milliseconds of wall-clock time.
    #[inline]
    pub(crate) fn expire_ms(&self) -> Option<i64> {
        // SAFETY: the deadline is the first word whenever the flag is set.
        (self.flags() & EXPIRES != 0).then(|| unsafe { self.word(0).cast::<i64>().read() })
    }

    /// Whether its deadline has passed. At the very millisecond of its deadline a key still lives, as in Redis.
    #[inline]
    pub(crate) fn has_expired(&self, now_ms: i64) -> bool {
        self.expire_ms().is_some_and(|at| at < now_ms)
    }

    /// Moves the deadline of an entry that has one.
    ///
    /// # Returns
    /// whether it had one; an entry without has no room for it.
    pub(crate) fn move_deadline(&mut self, expire_ms: i64) -> bool {
        if self.flags() & EXPIRES == 0 {
            return false;
        }
        // SAFETY: as in `expire_ms`.
        unsafe { self.word(0).cast::<i64>().write(expire_ms) };
        true
    }

    /// Has the block fetched, as far as a small key and a small value go: a look-up reads both.
    #[inline]
    pub(crate) fn prefetch(&self) {
        // The middle of a block of usual length is in the line that its beginning is in, or in the next one.
        const MIDDLE: usize = 48;
        prefetch(self.0.as_ptr());
        prefetch(self.0.as_ptr().wrapping_add(MIDDLE));
    }

    /// The 24 bits of LRU or LFU.
    #[inline]
    pub(crate) fn access(&self) -> u32 {
        self.head() >> ACCESS_SHIFT
    }

    /// Sets the 24 bits of LRU or LFU.
    #[inline]
    pub(crate) fn set_access(&mut self, access: u32) {
        let head = self.flags() | access << ACCESS_SHIFT;
        // A key read again within the same second would otherwise dirty its cache line for nothing.
        if head != self.head() {
            // SAFETY: the header is always there.
            unsafe { self.0.cast::<u32>().write(head) };
        }
    }

    /// Where it lies, for those who want to see that two are the same.
    pub(crate) fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }

    /// Bytes of its block and of the value that hangs on it.
    pub(crate) fn memory(&self) -> usize {
        let boxed = match self.value() {
            ValueRef::Int(_) | ValueRef::Bytes(_) => 0,
            ValueRef::Boxed(value) => value.memory(),
        };
        self.layout().size() + boxed
    }

    /// Whether giving it back takes so long that others should not wait for it.
    pub(crate) fn is_costly_to_free(&self) -> bool {
        match self.value() {
            ValueRef::Int(_) | ValueRef::Bytes(_) => false,
            ValueRef::Boxed(value) => value.allocations() > COSTLY_ALLOCATIONS,
        }
    }

    #[inline]
    fn head(&self) -> u32 {
        // SAFETY: the header is always there.
        unsafe { self.0.cast::<u32>().read() }
    }

    #[inline]
    fn flags(&self) -> u32 {
        self.head() & FLAGS
    }

    #[inline]
    fn key_len(&self, flags: u32) -> usize {
        // SAFETY: the header is always there, and the long length whenever its flag is set.
        unsafe {
            if flags & LONG_KEY != 0 {
                self.word(long_key_word(flags)).cast::<u64>().read() as usize
            } else {
                usize::from(self.0.cast::<u16>().add(2).read())
            }
        }
    }

    #[inline]
    fn embedded_len(&self) -> usize {
        // SAFETY: the header is always there.
        usize::from(unsafe { self.0.cast::<u16>().add(3).read() })
    }

    /// The word of this index behind the header.
    #[inline]
    fn word(&self, index: usize) -> NonNull<u8> {
        // SAFETY: callers pass only indices that the flags say exist; the block is at least that long.
        unsafe { self.0.add(HEADER_LEN + index * WORD) }
    }

    fn layout(&self) -> Layout {
        let flags = self.flags();
        layout(flags, self.key_len(flags), self.embedded_len())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let layout = self.layout();
        // SAFETY: the pointer of a boxed entry came from `Box::into_raw`; the block came from `alloc` with this very
        // layout, as the invariants say.
        unsafe {
            if self.flags() & BOXED != 0 {
                drop(Box::from_raw(
                    self.word(value_word(self.flags()))
                        .cast::<*mut Value>()
                        .read(),
                ));
            }
            dealloc(self.0.as_ptr(), layout);
        }
    }
}

/// Whether Redis would keep a string of this length in one allocation with its key, and so call it `embstr`.
///
/// Since 8.2 key and value share a cache line of 64 bytes: 16 of header, 3 and 4 beside key and value, 8 for a deadline.
/// A deadline that comes later may still find room where the allocator has rounded up, which it does only for keys of
/// 32 bytes and more, whose length then takes two bytes that the first reckoning leaves out.
fn is_embstr(key_len: usize, value_len: usize, expires: bool) -> bool {
    const LINE: usize = 64 - 16 - 3 - 4;
    let len = key_len + value_len;
    let rounded_up = key_len >= 32 && len + 2 > LINE;
    len <= LINE && (!expires || len + 8 <= LINE || rounded_up)
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {:?}, expires {:?}",
            self.key().escape_ascii(),
            self.value(),
            self.expire_ms()
        )
    }
}

#[inline]
fn long_key_word(flags: u32) -> usize {
    usize::from(flags & EXPIRES != 0)
}

#[inline]
fn value_word(flags: u32) -> usize {
    long_key_word(flags) + usize::from(flags & LONG_KEY != 0)
}

#[inline]
fn text_offset(flags: u32) -> usize {
    HEADER_LEN + (value_word(flags) + usize::from(flags & (INT | BOXED) != 0)) * WORD
}

fn layout(flags: u32, key_len: usize, embedded_len: usize) -> Layout {
    Layout::from_size_align(text_offset(flags) + key_len + embedded_len, WORD)
        .expect("keys and embedded values are far shorter than isize::MAX")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn text(entry: &Entry) -> Vec<u8> {
        entry.value().as_string().expect("a string").to_vec()
    }

    #[test]
    fn every_shape_gives_back_what_was_stored() {
        let long = vec![b'k'; 70_000];
        for key in [&b""[..], b"k", &long] {
            for expire in [None, Some(-5), Some(i64::MAX)] {
                for access in [0, 1, 0xff_ffff] {
                    let values = [
                        (New::Int(-7), &b"-7"[..]),
                        (New::Bytes(b""), b""),
                        (New::Bytes(b"value"), b"value"),
                        (New::from_vec(b"boxed".to_vec()), b"boxed"),
                    ];
                    for (value, expected) in values {
                        let mut entry = Entry::new(key, value, expire, access);
                        assert_eq!((entry.key(), entry.expire_ms()), (key, expire));
                        assert_eq!((entry.access(), text(&entry)), (access, expected.to_vec()));
                        entry.set_access(77);
                        assert_eq!((entry.access(), entry.key()), (77, key));
                        assert_eq!(entry.move_deadline(9), expire.is_some());
                        assert_eq!(entry.expire_ms(), expire.map(|_| 9));
                    }
                }
            }
        }
    }

    #[test]
    fn a_value_is_overwritten_only_where_it_fits() {
        let mut entry = Entry::new(b"k", New::Bytes(b"abc"), Some(1), 0);
        assert!(entry.overwrite(New::Bytes(b"xyz")).is_ok());
        assert_eq!(text(&entry), b"xyz");
        assert!(entry.overwrite(New::Bytes(b"longer")).is_err());
        assert!(entry.overwrite(New::Int(1)).is_err());
        assert_eq!((text(&entry), entry.key()), (b"xyz".to_vec(), &b"k"[..]));
    }

    #[test]
    fn a_string_is_embstr_where_it_shares_a_cache_line_with_its_key() {
        let encoding = |key_len, value_len, expires: bool| {
            let (key, value) = (vec![b'k'; key_len], vec![b'v'; value_len]);
            Entry::new(&key, New::Bytes(&value), expires.then_some(1), 0).encoding()
        };
        // The longest value that is one, for each length of the key, without and with a deadline.
        for (key_len, immortal, mortal) in [(1, 40, 32), (20, 21, 13), (31, 10, 2)] {
            for (longest, expires) in [(immortal, false), (mortal, true)] {
                assert_eq!(encoding(key_len, longest, expires), "embstr");
                assert_eq!(encoding(key_len, longest + 1, expires), "raw");
            }
        }
        let mortal: Vec<usize> = (0..20)
            .filter(|&len| encoding(32, len, true) == "embstr")
            .collect();
        assert_eq!(mortal, [0, 1, 8, 9]);
        assert_eq!(encoding(42, 0, false), "raw");
    }

    #[test]
    fn a_raw_string_stays_raw_until_it_is_overwritten() {
        let raw = || Entry::new(&[b'k'; 40], New::Bytes(b"value"), None, 0);
        assert_eq!(raw().duplicate(b"k").encoding(), "raw");
        let mut renamed = raw().rebuilt(Some(b"k"), None);
        assert_eq!(renamed.encoding(), "raw");
        assert!(renamed.overwrite(New::Bytes(b"other")).is_ok());
        assert_eq!(renamed.encoding(), "embstr");
    }

    #[test]
    fn a_boxed_value_is_dropped_once_and_moves_without_a_copy() {
        let shared = Arc::new(vec![1, 2, 3]);
        drop(Entry::new(
            b"k",
            New::Boxed(Value::String(Arc::clone(&shared))),
            None,
            0,
        ));
        assert_eq!(Arc::strong_count(&shared), 1);
        let entry = Entry::new(
            b"k",
            New::Boxed(Value::String(Arc::clone(&shared))),
            Some(1),
            3,
        );
        let entry = entry.rebuilt(Some(b"other"), None);
        assert_eq!(
            (entry.key(), entry.expire_ms(), entry.access()),
            (&b"other"[..], None, 3)
        );
        assert_eq!(Arc::strong_count(&shared), 2);
        drop(entry);
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
