//! One key, its deadline and its value in one allocation behind one thin pointer; of a collection the two words that lead to
//! its elements.
//!
//! This is the keyspace's only unsafe code. The layout, all offsets in bytes:
//!
//! | offset | what |
//! |---|---|
//! | 0 | `u32`: 8 bits of flags, above them 24 bits of LRU or LFU |
//! | 4 | `u16` length of the key, if not [`LONG_KEY`] |
//! | 6 | `u16` length of an embedded value |
//! | 8 | `i64` deadline, if [`EXPIRES`]; then `u64` length of the key, if [`LONG_KEY`]; then the integer, if [`INT`], or what is in the [`Value`], if [`OWNED`] |
//! | … | the key; then the embedded value, if neither [`INT`] nor [`OWNED`] |
//!
//! Invariants: the flags, the lengths and the size of the allocation always agree, since only [`Entry::new`] writes
//! flags and lengths; an [`OWNED`] entry holds at its place an initialised value of the type that its [`VARIANT`] names.
#![allow(
    unsafe_code,
    reason = "a thin pointer to a block of varying length halves the memory of a small key"
)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use crate::data::hash::Hash;
use crate::data::list::List;
use crate::data::prefetch::prefetch;
use crate::data::set::Set;
use crate::data::zset::Zset;
use crate::keyspace::value::{EMBEDDED_LEN_MAX, New, Value, ValueMut, ValueRef};

const HEADER_LEN: usize = 8;
const WORD: usize = 8;

/// The two lowest bits are how many words the value takes before the key: one, two, or none.
const INT: u32 = 1;
const OWNED: u32 = 2;
const VALUE_WORDS: u32 = 3;
const EXPIRES: u32 = 1 << 2;
const LONG_KEY: u32 = 1 << 3;
/// An embedded string that Redis would call `raw`. It says so until it is overwritten, wherever it is moved.
const RAW: u32 = 1 << 4;
/// Which variant of [`Value`] an [`OWNED`] entry holds. With its variant in the header a value takes two words, not three.
const VARIANT: u32 = 7 << 5;
const STRING: u32 = 1 << 5;
const HASH: u32 = 2 << 5;
const LIST: u32 = 3 << 5;
const SET: u32 = 4 << 5;
const ZSET: u32 = 5 << 5;
const FLAGS: u32 = 0xff;
const ACCESS_SHIFT: u32 = 8;

/// Freeing more allocations than this keeps others waiting (LAZYFREE_THRESHOLD).
const COSTLY_ALLOCATIONS: usize = 64;

const _: () = assert!(EMBEDDED_LEN_MAX <= u16::MAX as usize);

/// Whether what is in a [`Value`] takes the words that it has.
const fn fits<T>() -> bool {
    size_of::<T>() <= OWNED as usize * WORD && align_of::<T>() <= WORD
}

const _: () = assert!(
    fits::<Arc<Vec<u8>>>() && fits::<Hash>() && fits::<List>() && fits::<Set>() && fits::<Zset>()
);

/// A key with its deadline and value.
pub(crate) struct Entry(NonNull<u8>);

// SAFETY: an entry owns its block and what the block points to (plain bytes, or what is in a `Value`, which is Send); nothing in
// it is tied to a thread.
unsafe impl Send for Entry {}

impl Entry {
    /// Stores a key with a value, to expire at `expire_ms` of wall-clock time, last used as `access` (24 bits) says.
    pub(crate) fn new(key: &[u8], value: New<'_>, expire_ms: Option<i64>, access: u32) -> Entry {
        let mut flags = 0;
        let mut embedded: &[u8] = &[];
        match &value {
            New::Int(_) => flags |= INT,
            New::Owned(value) => flags |= OWNED | variant(value),
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
                New::Owned(value) => {
                    let place = entry.word(value_word(flags));
                    match value {
                        Value::String(shared) => place.cast().write(shared),
                        Value::Hash(hash) => place.cast().write(hash),
                        Value::List(list) => place.cast().write(list),
                        Value::Set(set) => place.cast().write(set),
                        Value::Zset(set) => place.cast().write(set),
                    }
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
        // SAFETY: the flags say what `new` wrote, and where.
        unsafe {
            if flags & INT != 0 {
                ValueRef::Int(self.word(value_word(flags)).cast::<i64>().read())
            } else if flags & OWNED != 0 {
                self.owned()
            } else {
                let text = self.0.add(text_offset(flags) + self.key_len(flags));
                ValueRef::Bytes(slice::from_raw_parts(text.as_ptr(), self.embedded_len()))
            }
        }
    }

    /// # Safety
    /// The entry must hold a [`Value`].
    unsafe fn owned(&self) -> ValueRef<'_> {
        let flags = self.flags();
        let place = self.word(value_word(flags));
        // SAFETY: the flags say what `new` wrote there, and the last is the only one left.
        unsafe {
            match flags & VARIANT {
                STRING => ValueRef::Shared(place.cast().as_ref()),
                HASH => ValueRef::Hash(place.cast().as_ref()),
                LIST => ValueRef::List(place.cast().as_ref()),
                SET => ValueRef::Set(place.cast().as_ref()),
                _ => ValueRef::Zset(place.cast().as_ref()),
            }
        }
    }

    /// The value, if it is a [`Value`], to be changed in place.
    pub(crate) fn owned_mut(&mut self) -> Option<ValueMut<'_>> {
        let flags = self.flags();
        let place = self.word(value_word(flags));
        // SAFETY: the flags say what `new` wrote there; the borrow of self makes this the only one.
        unsafe {
            Some(match flags & VARIANT {
                STRING => ValueMut::String(place.cast().as_mut()),
                HASH => ValueMut::Hash(place.cast().as_mut()),
                LIST => ValueMut::List(place.cast().as_mut()),
                SET => ValueMut::Set(place.cast().as_mut()),
                ZSET => ValueMut::Zset(place.cast().as_mut()),
                _ => return None,
            })
        }
    }

    /// Moves the value out, if it is a [`Value`].
    ///
    /// # Safety
    /// Nobody may look at the value again, not even to drop it.
    unsafe fn take_owned(&mut self) -> Option<Value> {
        let flags = self.flags();
        let place = self.word(value_word(flags));
        // SAFETY: the flags say what `new` wrote there, and it is read out once, as promised to this function.
        unsafe {
            Some(match flags & VARIANT {
                STRING => Value::String(place.cast().read()),
                HASH => Value::Hash(place.cast().read()),
                LIST => Value::List(place.cast().read()),
                SET => Value::Set(place.cast().read()),
                ZSET => Value::Zset(place.cast().read()),
                _ => return None,
            })
        }
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
                if flags & (INT | OWNED) == 0 && bytes.len() == self.embedded_len() =>
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
    pub(crate) fn rebuilt(self, key: Option<&[u8]>, expire_ms: Option<i64>) -> Entry {
        let mut old = ManuallyDrop::new(self);
        // SAFETY: the value is not looked at again, and the entry is not dropped.
        let taken = unsafe { old.take_owned() };
        let value = match taken {
            Some(value) => New::Owned(value),
            None => old.value().duplicate(),
        };
        let mut entry = Entry::new(key.unwrap_or(old.key()), value, expire_ms, old.access());
        if old.flags() & RAW != 0 {
            entry.set_raw(true);
        }
        // SAFETY: what the entry owned is not there any more, and nobody has the entry itself.
        unsafe { old.free() };
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
            value => value.encoding(),
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

    /// Bytes of its block and of what the value in it owns.
    pub(crate) fn memory(&self) -> usize {
        self.layout().size() + self.value().memory()
    }

    /// Whether giving it back takes so long that others should not wait for it.
    pub(crate) fn is_costly_to_free(&self) -> bool {
        self.value().allocations() > COSTLY_ALLOCATIONS
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

    /// Gives the block back, and not what the value in it owns.
    ///
    /// # Safety
    /// Nobody may use the entry again, not even to drop it.
    unsafe fn free(&mut self) {
        let layout = self.layout();
        // SAFETY: the block came from `alloc` with this very layout, as the invariants say.
        unsafe { dealloc(self.0.as_ptr(), layout) };
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // SAFETY: this is the last that is done with the entry.
        unsafe {
            drop(self.take_owned());
            self.free();
        }
    }
}

/// The bits of [`VARIANT`] that name the variant of a value.
fn variant(value: &Value) -> u32 {
    match value {
        Value::String(_) => STRING,
        Value::Hash(_) => HASH,
        Value::List(_) => LIST,
        Value::Set(_) => SET,
        Value::Zset(_) => ZSET,
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
    HEADER_LEN + (value_word(flags) + (flags & VALUE_WORDS) as usize) * WORD
}

fn layout(flags: u32, key_len: usize, embedded_len: usize) -> Layout {
    Layout::from_size_align(text_offset(flags) + key_len + embedded_len, WORD)
        .expect("keys and embedded values are far shorter than isize::MAX")
}

#[cfg(test)]
mod tests {
    use super::*;

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
                        (New::from_vec(b"owned".to_vec()), b"owned"),
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
    fn an_owned_value_is_dropped_once_and_moves_without_a_copy() {
        let shared = Arc::new(vec![1, 2, 3]);
        drop(Entry::new(
            b"k",
            New::Owned(Value::String(Arc::clone(&shared))),
            None,
            0,
        ));
        assert_eq!(Arc::strong_count(&shared), 1);
        let entry = Entry::new(
            b"k",
            New::Owned(Value::String(Arc::clone(&shared))),
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

    #[test]
    fn every_kind_of_value_is_found_changed_and_taken_along() {
        let mut set = Set::default();
        set.insert(
            b"7",
            crate::data::set::Limits {
                intset_entries: 1,
                listpack_entries: 1,
                listpack_value: 1,
            },
            0,
        );
        let values = [
            (Value::String(Arc::default()), "string"),
            (Value::Hash(Hash::default()), "hash"),
            (Value::List(List::default()), "list"),
            (Value::Set(set), "set"),
            (Value::Zset(Zset::default()), "zset"),
        ];
        for (value, name) in values {
            let mut entry = Entry::new(b"k", New::Owned(value), None, 5);
            let shown = |entry: &Entry| format!("{:?}", entry.value());
            assert_eq!(entry.value().type_name(), name);
            let copy = entry.duplicate(b"copy");
            assert_eq!(
                (shown(&copy), copy.memory()),
                (shown(&entry), entry.memory() + 3)
            );
            match entry.owned_mut() {
                Some(ValueMut::String(shared)) => Arc::make_mut(shared).push(b'x'),
                Some(ValueMut::Set(set)) => assert!(set.remove(b"7")),
                Some(ValueMut::Hash(hash)) => hash.make_mortal(),
                Some(ValueMut::List(list)) => list.remove_range(0, 1),
                Some(ValueMut::Zset(set)) => set.remove_ranks(0..0),
                None => panic!("{entry:?}"),
            }
            let (before, encoding) = (shown(&entry), entry.encoding());
            let moved = entry.rebuilt(Some(b"other"), Some(9));
            assert_eq!((shown(&moved), moved.encoding()), (before, encoding));
            assert_eq!((moved.key(), moved.expire_ms()), (&b"other"[..], Some(9)));
        }
    }
}
