//! The list type: one listpack while it is small, a quicklist when it is not; knows nothing of keys.
//!
//! It becomes the one and the other exactly when Redis 8.2 says so. Each operation here does only what it says: whoever adds
//! calls [`List::make_room`] before, whoever removes calls [`List::shrink`] after, as Redis does.

use crate::data::listpack::{Item, Listpack};
use crate::data::quicklist::Quicklist;

pub(crate) use crate::data::quicklist::{End, Limits};

/// The list.
#[derive(Clone, Debug)]
pub(crate) enum List {
    Packed(Listpack),
    Quick(Box<Quicklist>),
}

impl Default for List {
    fn default() -> List {
        List::Packed(Listpack::new())
    }
}

impl List {
    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        match self {
            List::Packed(list) => list.len(),
            List::Quick(list) => list.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Redis's name of the representation.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            List::Packed(_) => "listpack",
            List::Quick(_) => "quicklist",
        }
    }

    /// Bytes of memory behind it.
    pub(crate) fn memory(&self) -> usize {
        match self {
            List::Packed(list) => list.capacity(),
            List::Quick(list) => list.memory(),
        }
    }

    /// The number that an index counts to, from 0, or backwards from -1.
    fn number(&self, index: i64) -> Option<usize> {
        let len = self.len();
        let number = match usize::try_from(index) {
            Ok(number) => number,
            Err(_) => len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
        };
        (number < len).then_some(number)
    }

    /// The element with this index; negative ones count from the end.
    pub(crate) fn get(&self, index: i64) -> Option<Item<'_>> {
        match self {
            List::Packed(list) => list.seek(index).map(|at| list.get(at)),
            List::Quick(list) => list.get(self.number(index)?),
        }
    }

    /// The element at an end.
    pub(crate) fn peek(&self, end: End) -> Option<Item<'_>> {
        self.get(match end {
            End::Head => 0,
            End::Tail => -1,
        })
    }

    /// The elements from number `index` on, or from there backwards when `from` is the tail.
    pub(crate) fn walk(&self, index: usize, from: End) -> Walk<'_> {
        match (self, from) {
            (List::Packed(list), End::Head) => Box::new(list.iter_from(list.seek(index as i64))),
            (List::Packed(list), End::Tail) => Box::new(list.rev_from(list.seek(index as i64))),
            (List::Quick(list), End::Head) => Box::new(list.iter_from(index)),
            (List::Quick(list), End::Tail) => Box::new(list.rev_from(index)),
        }
    }

    /// Becomes a quicklist if so many more elements, with so many bytes in all, are too much for a listpack.
    pub(crate) fn make_room(&mut self, bytes: usize, count: usize, limits: Limits) {
        if let List::Packed(list) = self
            && limits.are_exceeded(list.as_bytes().len() + bytes, list.len() + count)
        {
            let quick = Quicklist::from_listpack(std::mem::take(list), limits.fill);
            *self = List::Quick(Box::new(quick));
        }
    }

    /// Becomes a listpack again if half the room of one is enough.
    pub(crate) fn shrink(&mut self, limits: Limits) {
        let len = self.len();
        if let List::Quick(quick) = self
            && let Some(list) = quick.only_listpack()
        {
            let (bytes_max, count_max) = limits.of_node();
            if list.as_bytes().len() <= bytes_max / 2 && len <= count_max / 2 {
                *self = List::Packed(std::mem::take(list));
            }
        }
    }

    /// Adds an element at an end.
    pub(crate) fn push(&mut self, end: End, text: &[u8], limits: Limits) {
        match (self, end) {
            (List::Packed(list), End::Head) => list.push_front(Item::from_text(text)),
            (List::Packed(list), End::Tail) => list.push_back(Item::from_text(text)),
            (List::Quick(list), end) => list.push(end, text, limits),
        }
    }

    /// Removes `count` elements from number `index` on, or as many as there are.
    pub(crate) fn remove_range(&mut self, index: usize, count: usize) {
        match self {
            List::Packed(list) => {
                if let Some(at) = list.seek(index as i64) {
                    list.remove_many(at, count);
                }
            }
            List::Quick(list) => list.remove_range(index, count),
        }
    }

    /// Removes elements at an end.
    pub(crate) fn drop_end(&mut self, end: End, count: usize) {
        let index = match end {
            End::Head => 0,
            End::Tail => self.len().saturating_sub(count),
        };
        self.remove_range(index, count);
    }

    /// Puts another element in the place of one; returns whether there is one with this index.
    pub(crate) fn set(&mut self, index: i64, text: &[u8], limits: Limits) -> bool {
        let Some(number) = self.number(index) else {
            return false;
        };
        match self {
            List::Packed(list) => {
                if let Some(at) = list.seek(index) {
                    list.replace(at, Item::from_text(text));
                }
            }
            List::Quick(list) => list.replace(number, text, limits),
        }
        true
    }

    /// Puts an element before or behind the first one that equals `pivot`; returns whether there is one.
    pub(crate) fn insert(
        &mut self,
        before: bool,
        pivot: &[u8],
        text: &[u8],
        limits: Limits,
    ) -> bool {
        let equal = equals(pivot);
        let Some(number) = self.walk(0, End::Head).position(equal) else {
            return false;
        };
        match self {
            List::Packed(list) => {
                let next = list.seek((number + usize::from(!before)) as i64);
                list.insert(next, Item::from_text(text));
            }
            List::Quick(list) => list.insert(number, before, text, limits),
        }
        true
    }

    /// Removes the first `count` elements, counted from an end, that equal `text`; returns how many there were.
    pub(crate) fn remove_equal(&mut self, from: End, count: usize, text: &[u8]) -> usize {
        let equal = equals(text);
        match self {
            List::Packed(list) => list.remove_where(from == End::Tail, count, equal),
            List::Quick(list) => list.remove_where(from, count, equal),
        }
    }
}

/// Elements one after the other.
pub(crate) type Walk<'a> = Box<dyn Iterator<Item = Item<'a>> + 'a>;

/// Whether an element equals a text.
pub(crate) fn equals(text: &[u8]) -> impl Fn(Item<'_>) -> bool {
    let wanted = match Item::from_text(text) {
        Item::Int(int) => Some(int),
        Item::Bytes(_) => None,
    };
    move |item| match item {
        Item::Int(int) => wanted == Some(int),
        // A large element, or one from outside, may be the text of an integer.
        Item::Bytes(bytes) => bytes == text,
    }
}
