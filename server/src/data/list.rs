//! The list type: one listpack while it is small, a quicklist when it is not; knows nothing of keys.
//!
//! It becomes the one and the other exactly when Redis 8.2 says so. Each operation here does only what it says: whoever adds
//! calls [`List::make_room`] before, whoever removes calls [`List::shrink`] after, as Redis does.

use crate::data::listpack::{Item, Listpack};
use crate::data::quicklist::{Node, Quicklist};

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
    /// A quicklist of these nodes, none of them empty.
    pub(crate) fn from_nodes(nodes: Vec<Node>, limits: Limits) -> List {
        List::Quick(Box::new(Quicklist::from_nodes(nodes, limits.fill)))
    }

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

    /// Of how many allocations it is made, about: what freeing it costs.
    pub(crate) fn allocations(&self) -> usize {
        match self {
            List::Packed(_) => 1,
            List::Quick(list) => list.nodes(),
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
        self.pack(limits, 2);
    }

    /// Becomes a listpack if the room of one is enough, as a list does that was loaded.
    pub(crate) fn compact(&mut self, limits: Limits) {
        self.pack(limits, 1);
    }

    fn pack(&mut self, limits: Limits, share: usize) {
        let len = self.len();
        if let List::Quick(quick) = self
            && let Some(list) = quick.only_listpack()
        {
            let (bytes_max, count_max) = limits.of_node();
            if list.as_bytes().len() <= bytes_max / share && len <= count_max / share {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push(End, Vec<u8>),
        Remove(usize, usize),
        Set(usize, Vec<u8>),
        Insert(bool, usize, Vec<u8>),
        RemoveEqual(End, usize, usize),
    }

    fn end() -> impl Strategy<Value = End> {
        prop_oneof![Just(End::Head), Just(End::Tail)]
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            6 => (0..20_u8).prop_map(|int| int.to_string().into_bytes()),
            4 => (0..30_usize).prop_map(|len| vec![b'x'; len]),
            1 => (0..9000_usize).prop_map(|len| vec![b'y'; len]),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        let at = any::<usize>;
        prop_oneof![
            8 => (end(), text()).prop_map(|(end, text)| Step::Push(end, text)),
            1 => (at(), 1..9_usize).prop_map(|(at, count)| Step::Remove(at, count)),
            2 => (at(), text()).prop_map(|(at, text)| Step::Set(at, text)),
            3 => (any::<bool>(), at(), text()).prop_map(|(before, at, text)| Step::Insert(before, at, text)),
            1 => (end(), 1..3_usize, at()).prop_map(|(end, count, at)| Step::RemoveEqual(end, count, at)),
        ]
    }

    fn limits() -> impl Strategy<Value = Limits> {
        let fill = prop_oneof![Just(-2), Just(-1), 0..6_i32];
        let threshold = prop_oneof![3 => Just(0), 1 => 1..20_usize];
        (fill, threshold).prop_map(|(fill, packed_threshold)| Limits {
            fill,
            packed_threshold,
        })
    }

    /// What was taken away, in order, from a model.
    fn take_equal(model: &mut Vec<Vec<u8>>, from: End, count: usize, text: &[u8]) -> usize {
        let mut found: Vec<usize> = (0..model.len()).filter(|&at| model[at] == text).collect();
        if from == End::Tail {
            found.reverse();
        }
        found.truncate(count);
        found.sort_unstable();
        for at in found.iter().rev() {
            model.remove(*at);
        }
        found.len()
    }

    proptest! {
        #[test]
        fn it_is_a_list(limits in limits(), steps in proptest::collection::vec(step(), 0..120)) {
            let (mut list, mut model) = (List::default(), Vec::<Vec<u8>>::new());
            for step in steps {
                match step {
                    Step::Push(end, text) => {
                        list.make_room(text.len(), 1, limits);
                        list.push(end, &text, limits);
                        model.insert(if end == End::Head { 0 } else { model.len() }, text);
                    }
                    _ if model.is_empty() => {}
                    Step::Remove(at, count) => {
                        let at = at % model.len();
                        list.remove_range(at, count);
                        model.drain(at..model.len().min(at + count));
                    }
                    Step::Set(at, text) => {
                        let at = at % model.len();
                        list.make_room(text.len(), 1, limits);
                        prop_assert!(list.set(at as i64 - model.len() as i64, &text, limits));
                        model[at] = text;
                    }
                    Step::Insert(before, at, text) => {
                        let pivot = model[at % model.len()].clone();
                        list.make_room(text.len(), 1, limits);
                        prop_assert!(list.insert(before, &pivot, &text, limits));
                        let at = model.iter().position(|other| *other == pivot).unwrap();
                        model.insert(at + usize::from(!before), text);
                    }
                    Step::RemoveEqual(from, count, at) => {
                        let text = model[at % model.len()].clone();
                        let gone = list.remove_equal(from, count, &text);
                        prop_assert_eq!(gone, take_equal(&mut model, from, count, &text));
                    }
                }
                list.shrink(limits);
                prop_assert_eq!(list.len(), model.len());
                let middle = model.len() / 2;
                let forward: Vec<Vec<u8>> = list.walk(middle, End::Head).map(Item::to_vec).collect();
                prop_assert_eq!(&forward, &model[middle..]);
                let last = model.len().saturating_sub(1);
                let mut backward: Vec<Vec<u8>> = list.walk(last, End::Tail).map(Item::to_vec).collect();
                backward.reverse();
                prop_assert_eq!(&backward, &model);
                for at in [0, middle, last] {
                    prop_assert_eq!(list.get(at as i64).map(Item::to_vec), model.get(at).cloned());
                }
            }
        }
    }

    #[test]
    fn it_is_divided_and_converted_as_redis_does() {
        let limits = Limits {
            fill: 4,
            packed_threshold: 0,
        };
        let mut list = List::default();
        list.make_room(9, 9, limits);
        for text in [b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h", b"i"] {
            list.push(End::Tail, text, limits);
        }
        let nodes = |list: &List| match list {
            List::Packed(_) => None,
            List::Quick(list) => Some(list.nodes()),
        };
        // DEBUG OBJECT of 8.2.3 says so after RPUSH, LSET 1 with 9000 bytes, and LINSERT BEFORE g.
        assert_eq!(nodes(&list), Some(3));
        list.set(1, &[b'x'; 9000], limits);
        assert_eq!(nodes(&list), Some(5));
        list.insert(true, b"g", b"new", limits);
        assert_eq!(nodes(&list), Some(5));
        // Seven are taken away: what is left is one node, and more than half of one.
        list.drop_end(End::Head, 7);
        list.shrink(limits);
        assert_eq!((list.len(), list.encoding()), (3, "quicklist"));
        list.drop_end(End::Head, 1);
        list.shrink(limits);
        assert_eq!((list.len(), list.encoding()), (2, "listpack"));
    }
}
