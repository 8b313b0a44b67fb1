//! A listpack: small strings and integers one behind the other in a single block of bytes, byte for byte as Redis lays them
//! out, so that a compact collection is dumped and restored by copying it.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the whole block, little-endian |
//! | 2 | number of elements, little-endian; [`UNKNOWN_LEN`] when they must be counted |
//! | … | the elements: encoding and data, then the length of both, to be read backwards |
//! | 1 | [`END`] |
//!
//! It knows nothing of keys, and nothing of what the elements mean.

use crate::data::block::{self, Block};
use crate::text::integers;

const HEADER_LEN: usize = block::HEAD_LEN + size_of::<u16>();
const END: u8 = 0xff;
const UNKNOWN_LEN: u16 = u16::MAX;

/// No element may make the block longer than this: its length is kept in 32 bits.
pub(crate) const BYTES_MAX: usize = 1 << 30;

/// An element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Item<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

impl<'a> Item<'a> {
    /// What is stored for these bytes: an integer where they are the canonical text of one.
    pub(crate) fn from_text(text: &'a [u8]) -> Item<'a> {
        // No i64 has more than 20 characters.
        match (text.len() <= 20)
            .then(|| integers::parse_i64(text))
            .flatten()
        {
            Some(int) => Item::Int(int),
            None => Item::Bytes(text),
        }
    }

    /// The bytes, written out first where the element is an integer.
    pub(crate) fn bytes<'b>(&self, digits: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            Item::Int(int) => digits.format(int).as_bytes(),
            Item::Bytes(bytes) => bytes,
        }
    }

    /// A copy of the bytes.
    pub(crate) fn to_vec(self) -> Vec<u8> {
        self.bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// Length of the bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Item::Int(int) => integers::digits_len(*int),
            Item::Bytes(bytes) => bytes.len(),
        }
    }

    /// Bytes that encoding and data take, without the length behind them.
    fn encoded_len(&self) -> usize {
        match *self {
            Item::Int(0..=127) => 1,
            Item::Int(-4096..=4095) => 2,
            Item::Int(int) if i16::try_from(int).is_ok() => 3,
            Item::Int(-0x80_0000..=0x7f_ffff) => 4,
            Item::Int(int) if i32::try_from(int).is_ok() => 5,
            Item::Int(_) => 9,
            Item::Bytes(bytes) if bytes.len() < 1 << 6 => 1 + bytes.len(),
            Item::Bytes(bytes) if bytes.len() < 1 << 12 => 2 + bytes.len(),
            Item::Bytes(bytes) => 5 + bytes.len(),
        }
    }

    /// Bytes that the element takes in a listpack.
    pub(crate) fn stored_len(&self) -> usize {
        let len = self.encoded_len();
        len + back_len_len(len)
    }

    fn encode(&self) -> Encoded<'a> {
        let len = self.encoded_len();
        let mut head = [0; HEAD_LEN_MAX];
        let (head_len, data): (usize, &[u8]) = match *self {
            Item::Int(int) => {
                match len {
                    1 => head[0] = int as u8,
                    2 => head[..2].copy_from_slice(&[0xc0 | (int >> 8) as u8 & 0x1f, int as u8]),
                    _ => {
                        let sizes = [3, 4, 5, 9];
                        let kind = sizes.iter().position(|&size| size == len).unwrap_or(3);
                        head[0] = 0xf1 + kind as u8;
                        head[1..len].copy_from_slice(&int.to_le_bytes()[..len - 1]);
                    }
                }
                (len, &[])
            }
            Item::Bytes(bytes) => {
                match len - bytes.len() {
                    1 => head[0] = 0x80 | bytes.len() as u8,
                    2 => {
                        head[..2]
                            .copy_from_slice(&[0xe0 | (bytes.len() >> 8) as u8, bytes.len() as u8]);
                    }
                    _ => {
                        head[0] = 0xf0;
                        head[1..5].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
                    }
                }
                (len - bytes.len(), bytes)
            }
        };
        Encoded {
            head,
            head_len,
            data,
            back: BackLen::of(len),
        }
    }
}

/// An integer with its encoding is the longest that stands before the bytes of an element, or for them.
const HEAD_LEN_MAX: usize = 9;

/// An element as it is stored.
struct Encoded<'a> {
    head: [u8; HEAD_LEN_MAX],
    head_len: usize,
    data: &'a [u8],
    back: BackLen,
}

impl Encoded<'_> {
    /// One behind the other.
    fn parts(&self) -> [&[u8]; 3] {
        [&self.head[..self.head_len], self.data, self.back.bytes()]
    }
}

/// The length of an element, to be read backwards: seven bits a byte, the highest first; every byte but the first says that
/// one more comes before it.
struct BackLen {
    bytes: [u8; 5],
    count: usize,
}

impl BackLen {
    fn of(len: usize) -> BackLen {
        let count = back_len_len(len);
        let mut bytes = [0; 5];
        for (index, byte) in bytes[..count].iter_mut().rev().enumerate() {
            let more = if index + 1 < count { 0x80 } else { 0 };
            *byte = (len >> (7 * index)) as u8 & 0x7f | more;
        }
        BackLen { bytes, count }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.count]
    }
}

/// Bytes that a length to be read backwards takes.
fn back_len_len(len: usize) -> usize {
    match len {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    }
}

/// These elements as they are stored, one behind the other, and how many they are.
fn encode_all<'a>(items: impl IntoIterator<Item = Item<'a>>) -> (Vec<u8>, usize) {
    let (mut bytes, mut count) = (Vec::new(), 0);
    for item in items {
        for part in item.encode().parts() {
            bytes.extend_from_slice(part);
        }
        count += 1;
    }
    (bytes, count)
}

/// Where an element lies. It holds until the listpack is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At(usize);

/// The listpack. The block's head is its own length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listpack(Block);

impl Default for Listpack {
    fn default() -> Listpack {
        Listpack::new()
    }
}

impl Listpack {
    pub(crate) fn new() -> Listpack {
        Listpack::from_encoded(&[], 0)
    }

    fn from_encoded(elements: &[u8], count: usize) -> Listpack {
        let told = told_len_of(count).to_le_bytes();
        Listpack(Block::new(&[&told, elements, &[END]]))
    }

    /// One with these elements.
    pub(crate) fn from_items<'a>(items: impl IntoIterator<Item = Item<'a>>) -> Listpack {
        let (elements, count) = encode_all(items);
        Listpack::from_encoded(&elements, count)
    }

    /// Takes a block that came from outside, if every length in it is right: walking it can then not go astray.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Listpack> {
        let total = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
        if bytes.len() < HEADER_LEN + 1 || total != bytes.len() || bytes[bytes.len() - 1] != END {
            return None;
        }
        let (mut at, mut count) = (HEADER_LEN, 0_usize);
        while bytes[at] != END {
            let len = encoded_len_at(bytes, at)?;
            let back_at = at.checked_add(len)?;
            let back = BackLen::of(len);
            let back = back.bytes();
            // The last byte is the end's: an element must stop before it.
            if bytes.get(back_at..back_at + back.len())? != back || back_at + back.len() >= total {
                return None;
            }
            at = back_at + back.len();
            count += 1;
        }
        let told = u16::from_le_bytes([bytes[4], bytes[5]]);
        let is_right = at + 1 == total && (told == UNKNOWN_LEN || told == told_len_of(count));
        // Now that they were counted, whoever asks next need not.
        is_right.then(|| Listpack::from_encoded(&bytes[HEADER_LEN..at], count))
    }

    /// The whole block.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Bytes of memory behind it.
    pub(crate) fn capacity(&self) -> usize {
        self.0.memory()
    }

    #[inline]
    fn told_len(&self) -> u16 {
        let head = self.0.first_chunk::<HEADER_LEN>();
        let head = head.expect("every listpack has its header");
        u16::from_le_bytes([head[4], head[5]])
    }

    /// Number of elements.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self.told_len() {
            UNKNOWN_LEN => self.iter().count(),
            told => usize::from(told),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0[HEADER_LEN] == END
    }

    /// The first element.
    #[inline]
    pub(crate) fn first(&self) -> Option<At> {
        self.some(HEADER_LEN)
    }

    /// The last element.
    pub(crate) fn last(&self) -> Option<At> {
        self.before(self.end())
    }

    /// The element behind one.
    #[inline]
    pub(crate) fn next(&self, at: At) -> Option<At> {
        next_in(&self.0, at)
    }

    /// The element so many behind one.
    pub(crate) fn skip(&self, at: At, count: usize) -> Option<At> {
        skip_in(&self.0, at, count)
    }

    /// The element before one.
    pub(crate) fn prev(&self, at: At) -> Option<At> {
        self.before(at.0)
    }

    /// The element with this number, counted from 0, or from -1 backwards.
    pub(crate) fn seek(&self, index: i64) -> Option<At> {
        let len = self.told_len();
        // From whichever end is nearer, where the number of elements is known.
        let index = match len {
            UNKNOWN_LEN => index,
            len if index >= i64::from(len) || index < -i64::from(len) => return None,
            len if index > i64::from(len) / 2 => index - i64::from(len),
            len if index < -i64::from(len) / 2 - 1 => index + i64::from(len),
            _ => index,
        };
        let block: &[u8] = &self.0;
        if index >= 0 {
            skip_in(block, self.first()?, index as usize)
        } else {
            let mut at = self.last()?;
            for _ in 0..-(index + 1) {
                at = before_in(block, at.0)?;
            }
            Some(at)
        }
    }

    /// The element that lies there.
    #[inline]
    pub(crate) fn get(&self, at: At) -> Item<'_> {
        item_in(&self.0, at)
    }

    /// All elements from the first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Item<'_>> {
        self.iter_from(self.first())
    }

    /// All elements from this one on.
    pub(crate) fn iter_from(&self, at: Option<At>) -> impl Iterator<Item = Item<'_>> {
        let block: &[u8] = &self.0;
        std::iter::successors(at, |&at| next_in(block, at)).map(|at| item_in(block, at))
    }

    /// All elements from this one backwards.
    pub(crate) fn rev_from(&self, at: Option<At>) -> impl Iterator<Item = Item<'_>> {
        let block: &[u8] = &self.0;
        std::iter::successors(at, |&at| before_in(block, at.0)).map(|at| item_in(block, at))
    }

    /// The first element from `at` on that equals `text`, looking at every `step`-th only.
    pub(crate) fn find(&self, at: Option<At>, text: &[u8], step: usize) -> Option<At> {
        let wanted = Item::from_text(text);
        let mut at = at?;
        // Once, not for each element that is passed.
        let block: &[u8] = &self.0;
        loop {
            let found = match item_in(block, at) {
                Item::Int(int) => wanted == Item::Int(int),
                // In a block from outside the text of an integer may be stored as it is.
                Item::Bytes(bytes) => bytes == text,
            };
            if found {
                return Some(at);
            }
            at = skip_in(block, at, step)?;
        }
    }

    /// Whether it has room for an element that is stored with so many bytes more.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.0.len() + bytes <= BYTES_MAX
    }

    /// Appends an element.
    pub(crate) fn push_back(&mut self, item: Item<'_>) {
        self.insert(None, item);
    }

    /// Puts an element before all others.
    pub(crate) fn push_front(&mut self, item: Item<'_>) {
        self.insert(self.first(), item);
    }

    /// Puts an element before the one at `before`, or behind the last.
    ///
    /// # Returns
    /// where it lies.
    pub(crate) fn insert(&mut self, before: Option<At>, item: Item<'_>) -> At {
        self.insert_all(before, [item])
    }

    /// As [`Listpack::insert`], for a few elements, one behind the other.
    ///
    /// # Returns
    /// where the first of them lies.
    pub(crate) fn insert_all<const N: usize>(
        &mut self,
        before: Option<At>,
        items: [Item<'_>; N],
    ) -> At {
        let at = before.map_or(self.end(), |At(at)| at);
        let encoded = items.map(|item| item.encode());
        let parts = encoded.each_ref().map(Encoded::parts);
        self.0.replace(at..at, parts.as_flattened());
        self.settle(N as i64);
        At(at)
    }

    /// Puts another element in the place of one.
    pub(crate) fn replace(&mut self, at: At, item: Item<'_>) {
        let behind = self.behind(at);
        self.0.replace(at.0..behind, &item.encode().parts());
    }

    /// Removes an element.
    ///
    /// # Returns
    /// where the next one lies now.
    pub(crate) fn remove(&mut self, at: At) -> Option<At> {
        self.remove_many(at, 1)
    }

    /// Removes an element and those behind it, `count` in all or as many as there are.
    ///
    /// # Returns
    /// where the next one lies now.
    pub(crate) fn remove_many(&mut self, at: At, count: usize) -> Option<At> {
        let (mut end, mut removed) = (Some(at), 0);
        while let Some(next) = end
            && removed < count
        {
            end = self.next(next);
            removed += 1;
        }
        let end = end.map_or(self.end(), |At(end)| end);
        self.0.replace(at.0..end, &[]);
        self.settle(-(removed as i64));
        self.some(at.0)
    }

    /// Removes the first `count` elements that `wanted` says yes to, counted from the last where `backwards`.
    ///
    /// # Returns
    /// how many there were.
    pub(crate) fn remove_where(
        &mut self,
        backwards: bool,
        count: usize,
        wanted: impl Fn(Item<'_>) -> bool,
    ) -> usize {
        let mut removed = 0;
        let mut next = if backwards { self.last() } else { self.first() };
        while let Some(at) = next
            && removed < count
        {
            let found = wanted(self.get(at));
            // What lies before an element stays where it is when that is removed.
            let prev = backwards.then(|| self.prev(at)).flatten();
            let behind = if found {
                removed += 1;
                self.remove(at)
            } else {
                self.next(at)
            };
            next = if backwards { prev } else { behind };
        }
        removed
    }

    /// Takes the elements from this number on out into a listpack of their own.
    pub(crate) fn split_off(&mut self, index: usize) -> Listpack {
        let Some(at) = self.seek(index as i64) else {
            return Listpack::new();
        };
        let (end, count) = (self.end(), self.len() - index);
        let rest = Listpack::from_encoded(&self.0[at.0..end], count);
        self.0.replace(at.0..end, &[]);
        self.settle(-(count as i64));
        rest
    }

    /// Appends all elements of another.
    pub(crate) fn append(&mut self, other: &Listpack) {
        let end = self.end();
        self.0
            .replace(end..end, &[&other.0[HEADER_LEN..other.end()]]);
        self.settle(other.len() as i64);
    }

    /// Writes the number of elements anew after it changed by so many.
    fn settle(&mut self, change: i64) {
        let told = self.told_len();
        if told != UNKNOWN_LEN {
            let len = (i64::from(told) + change).clamp(0, i64::from(UNKNOWN_LEN)) as u16;
            self.0.body_mut()[..2].copy_from_slice(&len.to_le_bytes());
        }
    }

    fn end(&self) -> usize {
        self.0.len() - 1
    }

    fn some(&self, at: usize) -> Option<At> {
        some_in(&self.0, at)
    }

    fn behind(&self, at: At) -> usize {
        behind_in(&self.0, at)
    }

    fn before(&self, at: usize) -> Option<At> {
        before_in(&self.0, at)
    }
}

// The steps of a walk, of which a search makes many: it finds out only once where the block lies and how long it is.

#[inline]
fn some_in(block: &[u8], at: usize) -> Option<At> {
    (block[at] != END).then_some(At(at))
}

#[inline]
fn behind_in(block: &[u8], at: At) -> usize {
    let len = encoded_len_at(block, at.0).unwrap_or(1);
    at.0 + len + back_len_len(len)
}

#[inline]
fn next_in(block: &[u8], at: At) -> Option<At> {
    some_in(block, behind_in(block, at))
}

#[inline]
fn skip_in(block: &[u8], mut at: At, count: usize) -> Option<At> {
    for _ in 0..count {
        at = next_in(block, at)?;
    }
    Some(at)
}

#[inline]
fn before_in(block: &[u8], at: usize) -> Option<At> {
    if at == HEADER_LEN {
        return None;
    }
    let (mut len, mut count) = (0, 0);
    loop {
        let byte = block[at - 1 - count];
        len |= usize::from(byte & 0x7f) << (7 * count);
        count += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(At(at - count - len))
}

#[inline]
fn item_in(block: &[u8], at: At) -> Item<'_> {
    let bytes = &block[at.0..];
    let little = |len: usize| {
        let mut word = [0; 8];
        word[8 - len..].copy_from_slice(&bytes[1..=len]);
        // The sign is extended by shifting the bytes down from the top.
        Item::Int(i64::from_le_bytes(word) >> (64 - 8 * len))
    };
    match bytes[0] {
        first @ 0..=0x7f => Item::Int(i64::from(first)),
        first @ 0x80..=0xbf => Item::Bytes(&bytes[1..][..usize::from(first & 0x3f)]),
        first @ 0xc0..=0xdf => {
            let bits = i64::from(first & 0x1f) << 8 | i64::from(bytes[1]);
            Item::Int(bits << 51 >> 51)
        }
        first @ 0xe0..=0xef => {
            let len = usize::from(first & 0x0f) << 8 | usize::from(bytes[1]);
            Item::Bytes(&bytes[2..][..len])
        }
        0xf0 => {
            let len = u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize;
            Item::Bytes(&bytes[5..][..len])
        }
        0xf1 => little(2),
        0xf2 => little(3),
        0xf3 => little(4),
        _ => little(8),
    }
}

/// What the header tells of so many elements.
fn told_len_of(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(UNKNOWN_LEN)
}

/// Bytes that encoding and data of the element take that begins there; `None` where no element can begin so.
fn encoded_len_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(match *bytes.get(at)? {
        0..=0x7f => 1,
        first @ 0x80..=0xbf => 1 + usize::from(first & 0x3f),
        0xc0..=0xdf => 2,
        first @ 0xe0..=0xef => {
            2 + (usize::from(first & 0x0f) << 8 | usize::from(*bytes.get(at + 1)?))
        }
        0xf0 => {
            let len = bytes.get(at + 1..)?.first_chunk()?;
            5 + u32::from_le_bytes(*len) as usize
        }
        0xf1 => 3,
        0xf2 => 4,
        0xf3 => 5,
        0xf4 => 9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(list: &Listpack) -> Vec<Vec<u8>> {
        list.iter().map(Item::to_vec).collect()
    }

    #[test]
    fn elements_are_laid_out_as_redis_does() {
        let list = Listpack::from_items([
            Item::from_text(b"a"),
            Item::from_text(b"1"),
            Item::from_text(b"-1"),
            Item::from_text(b"1024"),
        ]);
        assert_eq!(
            list.as_bytes(),
            b"\x12\0\0\0\x04\0\x81a\x02\x01\x01\xdf\xff\x02\xc4\x00\x02\xff"
        );
    }

    #[test]
    fn a_damaged_block_is_refused() {
        let list = Listpack::from_items([Item::Bytes(&[b'x'; 200]), Item::Int(70_000)]);
        assert_eq!(Listpack::from_bytes(list.as_bytes()), Some(list.clone()));
        for index in 0..list.as_bytes().len() {
            let mut bytes = list.as_bytes().to_vec();
            bytes.truncate(index);
            assert_eq!(Listpack::from_bytes(&bytes), None, "cut at {index}");
        }
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            any::<i64>().prop_map(|int| int.to_string().into_bytes()),
            (-5000_i64..5000).prop_map(|int| int.to_string().into_bytes()),
            proptest::collection::vec(any::<u8>(), 0..80),
            (0_usize..20_000).prop_map(|len| vec![b'x'; len]),
        ]
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(usize, Vec<u8>),
        Replace(usize, Vec<u8>),
        Remove(usize, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (any::<usize>(), text()).prop_map(|(at, text)| Step::Insert(at, text)),
            1 => (any::<usize>(), text()).prop_map(|(at, text)| Step::Replace(at, text)),
            1 => (any::<usize>(), 1_usize..4).prop_map(|(at, count)| Step::Remove(at, count)),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_list(steps in proptest::collection::vec(step(), 0..60)) {
            let (mut list, mut model) = (Listpack::new(), Vec::<Vec<u8>>::new());
            for step in steps {
                match step {
                    Step::Insert(at, text) => {
                        let at = at % (model.len() + 1);
                        let place = list.insert(list.seek(at as i64), Item::from_text(&text));
                        prop_assert_eq!(list.get(place).to_vec(), &text[..]);
                        model.insert(at, text);
                    }
                    Step::Replace(at, text) if !model.is_empty() => {
                        let at = at % model.len();
                        list.replace(list.seek(at as i64).unwrap(), Item::from_text(&text));
                        model[at] = text;
                    }
                    Step::Remove(at, count) if !model.is_empty() => {
                        let at = at % model.len();
                        let end = (at + count).min(model.len());
                        let next = list.remove_many(list.seek(at as i64).unwrap(), count);
                        model.drain(at..end);
                        prop_assert_eq!(next, list.seek(at as i64));
                    }
                    Step::Replace(..) | Step::Remove(..) => {}
                }
                prop_assert_eq!(list.len(), model.len());
                prop_assert_eq!(&texts(&list), &model);
                for index in 0..model.len() {
                    let back = list.seek(index as i64 - model.len() as i64);
                    prop_assert_eq!(list.seek(index as i64), back);
                }
                prop_assert_eq!(Listpack::from_bytes(list.as_bytes()), Some(list.clone()));
            }
        }

        #[test]
        fn no_bytes_from_outside_are_dangerous(bytes in proptest::collection::vec(any::<u8>(), 0..60), fit: bool) {
            let mut bytes = bytes;
            if fit && bytes.len() > HEADER_LEN {
                let len = bytes.len() as u32;
                bytes[..4].copy_from_slice(&len.to_le_bytes());
                *bytes.last_mut().unwrap() = END;
            }
            if let Some(list) = Listpack::from_bytes(&bytes) {
                prop_assert_eq!(list.iter().count(), list.len());
            }
        }

        #[test]
        fn what_is_there_is_found(items in proptest::collection::vec(text(), 1..20), index: prop::sample::Index) {
            let list = Listpack::from_items(items.iter().map(|text| Item::from_text(text)));
            let wanted = &items[index.index(items.len())];
            let first = items.iter().position(|item| item == wanted).unwrap();
            prop_assert_eq!(list.find(list.first(), wanted, 1), list.seek(first as i64));
        }
    }
}
