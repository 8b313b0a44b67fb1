//! A quicklist: a list of any length as a row of listpacks, divided exactly where Redis divides it, so that both ends are near
//! and whoever seeks an element skips whole nodes.
//!
//! An element that is too large for a listpack has a node of its own. Redis can also compress the nodes in the middle
//! (list-compress-depth); that changes no answer, and is not done here.

use std::collections::VecDeque;

use crate::data::listpack::{Item, Listpack};

/// With a limit in elements, a node still may not take more bytes than this, unless it holds a single element.
const SAFE_BYTES_MAX: usize = 8 * 1024;

/// What the negative values of list-max-listpack-size stand for, in bytes, from -1 on.
const BYTES_MAX: [usize; 5] = [4096, 8192, 16_384, 32_768, 65_536];

/// An element is taken to need so many bytes more than its text.
const OVERHEAD_ESTIMATE: usize = 8;

/// A listpack's header and end.
const EMPTY_LEN: usize = 7;

/// How much may lie in one listpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// list-max-listpack-size: a number of elements, or a size in bytes as -1 to -5.
    pub(crate) fill: i32,
    /// DEBUG QUICKLIST-PACKED-THRESHOLD: elements so long, in bytes, have nodes of their own; 0 leaves it to `fill`.
    pub(crate) packed_threshold: usize,
}

impl Limits {
    /// The bytes and the elements that a node may have; one of the two has no limit.
    pub(super) fn of_node(self) -> (usize, usize) {
        match usize::try_from(self.fill) {
            Ok(count) => (usize::MAX, count.max(1)),
            Err(_) => {
                let level = (self.fill.unsigned_abs() as usize).min(BYTES_MAX.len());
                (BYTES_MAX[level - 1], usize::MAX)
            }
        }
    }

    /// Whether so many bytes, or so many elements, are too many for a node.
    pub(super) fn are_exceeded(self, bytes: usize, count: usize) -> bool {
        match self.of_node() {
            (usize::MAX, count_max) => bytes > SAFE_BYTES_MAX || count > count_max,
            (bytes_max, _) => bytes > bytes_max,
        }
    }

    /// Whether an element of so many bytes has a node of its own.
    fn is_large(self, len: usize) -> bool {
        match self.packed_threshold {
            0 => match self.of_node() {
                (usize::MAX, _) => len > SAFE_BYTES_MAX,
                (bytes_max, _) => len > bytes_max,
            },
            threshold => len >= threshold,
        }
    }

    /// Whether a node has room for an element of so many bytes.
    fn has_room(self, node: &Node, len: usize) -> bool {
        match node {
            Node::Packed(list) if !self.is_large(len) => {
                let bytes = list.as_bytes().len() + len + OVERHEAD_ESTIMATE;
                !self.are_exceeded(bytes, list.len() + 1)
            }
            _ => false,
        }
    }

    fn are_mergeable(self, left: &Node, right: &Node) -> bool {
        match (left, right) {
            (Node::Packed(left), Node::Packed(right)) => {
                let bytes = left.as_bytes().len() + right.as_bytes().len() - EMPTY_LEN;
                !self.are_exceeded(bytes, left.len() + right.len())
            }
            _ => false,
        }
    }
}

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Head,
    Tail,
}

/// Some elements of a quicklist, one behind the other.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// Never empty.
    Packed(Listpack),
    /// One large element.
    Plain(Box<[u8]>),
}

impl Node {
    /// A node with one element.
    fn new(text: &[u8], limits: Limits) -> Node {
        if limits.is_large(text.len()) {
            Node::Plain(text.into())
        } else {
            Node::Packed(Listpack::from_items([Item::from_text(text)]))
        }
    }

    fn len(&self) -> usize {
        match self {
            Node::Packed(list) => list.len(),
            Node::Plain(_) => 1,
        }
    }

    /// Bytes of the listpack, or of the element.
    fn bytes(&self) -> usize {
        match self {
            Node::Packed(list) => list.as_bytes().len(),
            Node::Plain(bytes) => bytes.len(),
        }
    }

    fn get(&self, offset: usize) -> Option<Item<'_>> {
        match self {
            Node::Packed(list) => list.seek(offset as i64).map(|at| list.get(at)),
            Node::Plain(bytes) => (offset == 0).then_some(Item::Bytes(bytes)),
        }
    }

    fn plain(&self) -> Option<Item<'_>> {
        match self {
            Node::Packed(_) => None,
            Node::Plain(bytes) => Some(Item::Bytes(bytes)),
        }
    }

    fn packed(&self) -> Option<&Listpack> {
        match self {
            Node::Packed(list) => Some(list),
            Node::Plain(_) => None,
        }
    }

    fn iter_from(&self, offset: usize) -> impl Iterator<Item = Item<'_>> {
        let packed = self
            .packed()
            .map(|list| list.iter_from(list.seek(offset as i64)));
        packed.into_iter().flatten().chain(self.plain())
    }

    fn rev_from(&self, offset: usize) -> impl Iterator<Item = Item<'_>> {
        let packed = self
            .packed()
            .map(|list| list.rev_from(list.seek(offset as i64)));
        packed.into_iter().flatten().chain(self.plain())
    }
}

/// Where an element lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    node: usize,
    offset: usize,
}

/// The quicklist. It is never without nodes but while it is made.
#[derive(Clone, Debug)]
pub(crate) struct Quicklist {
    nodes: VecDeque<Node>,
    len: usize,
    /// What list-max-listpack-size was when it was made: it divides itself by that for ever.
    fill: i16,
}

impl Quicklist {
    /// One with the elements of a listpack, as its only node if there are any.
    pub(super) fn from_listpack(list: Listpack, fill: i32) -> Quicklist {
        let len = list.len();
        let nodes = (!list.is_empty()).then_some(Node::Packed(list));
        Quicklist {
            nodes: nodes.into_iter().collect(),
            len,
            fill: fill.clamp(-(BYTES_MAX.len() as i32), i16::MAX.into()) as i16,
        }
    }

    /// One with these nodes, none of them empty.
    pub(super) fn from_nodes(nodes: Vec<Node>, fill: i32) -> Quicklist {
        let len = nodes.iter().map(Node::len).sum();
        Quicklist {
            nodes: nodes.into(),
            len,
            ..Quicklist::from_listpack(Listpack::new(), fill)
        }
    }

    /// Its only node, if it has no other and that is a listpack.
    pub(super) fn only_listpack(&mut self) -> Option<&mut Listpack> {
        if self.nodes.len() > 1 {
            return None;
        }
        match self.nodes.front_mut()? {
            Node::Packed(list) => Some(list),
            Node::Plain(_) => None,
        }
    }

    fn limits(&self, limits: Limits) -> Limits {
        Limits {
            fill: self.fill.into(),
            ..limits
        }
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Number of nodes.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Its nodes from the head on.
    pub(crate) fn iter_nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// The list-max-listpack-size that it was made with.
    pub(crate) fn fill(&self) -> i16 {
        self.fill
    }

    /// Bytes of all nodes' content.
    pub(crate) fn bytes(&self) -> usize {
        self.nodes.iter().map(Node::bytes).sum()
    }

    /// Bytes of memory behind it.
    pub(super) fn memory(&self) -> usize {
        let content = |node: &Node| match node {
            Node::Packed(list) => list.capacity(),
            Node::Plain(bytes) => bytes.len(),
        };
        size_of::<Quicklist>()
            + self.nodes.capacity() * size_of::<Node>()
            + self.nodes.iter().map(content).sum::<usize>()
    }

    /// Finds an element by its number, from the nearer end.
    fn place(&self, index: usize) -> Option<Place> {
        if index >= self.len {
            return None;
        }
        if index < self.len / 2 {
            let mut offset = index;
            for (number, node) in self.nodes.iter().enumerate() {
                if offset < node.len() {
                    return Some(Place {
                        node: number,
                        offset,
                    });
                }
                offset -= node.len();
            }
        } else {
            let mut behind = self.len - index;
            for (number, node) in self.nodes.iter().enumerate().rev() {
                if behind <= node.len() {
                    return Some(Place {
                        node: number,
                        offset: node.len() - behind,
                    });
                }
                behind -= node.len();
            }
        }
        None
    }

    /// The element with this number.
    pub(super) fn get(&self, index: usize) -> Option<Item<'_>> {
        let place = self.place(index)?;
        self.nodes[place.node].get(place.offset)
    }

    /// The elements from this one on.
    pub(super) fn iter_from(&self, index: usize) -> impl Iterator<Item = Item<'_>> {
        let place = self.place(index).unwrap_or(Place {
            node: self.nodes.len(),
            offset: 0,
        });
        self.nodes
            .range(place.node..)
            .enumerate()
            .flat_map(move |(n, node)| node.iter_from(if n == 0 { place.offset } else { 0 }))
    }

    /// The elements from this one backwards.
    pub(super) fn rev_from(&self, index: usize) -> impl Iterator<Item = Item<'_>> {
        let place = self.place(index);
        let nodes = place.map_or(0, |place| place.node + 1);
        let offset = place.map_or(0, |place| place.offset);
        let parts = self.nodes.range(..nodes).rev().enumerate();
        parts.flat_map(move |(n, node)| node.rev_from(if n == 0 { offset } else { node.len() - 1 }))
    }

    /// Adds an element at one end.
    pub(super) fn push(&mut self, end: End, text: &[u8], limits: Limits) {
        let limits = self.limits(limits);
        let last = match end {
            End::Head => self.nodes.front_mut(),
            End::Tail => self.nodes.back_mut(),
        };
        let last = last.filter(|node| limits.has_room(node, text.len()));
        match (last, end) {
            (Some(Node::Packed(list)), End::Head) => {
                list.push_front(Item::from_text(text));
            }
            (Some(Node::Packed(list)), End::Tail) => {
                list.push_back(Item::from_text(text));
            }
            (_, End::Head) => self.nodes.push_front(Node::new(text, limits)),
            (_, End::Tail) => self.nodes.push_back(Node::new(text, limits)),
        }
        self.len += 1;
    }

    /// Removes `count` elements from this one on, or as many as there are. No nodes are joined by it.
    pub(super) fn remove_range(&mut self, index: usize, count: usize) {
        let Some(Place { node, offset }) = self.place(index) else {
            return;
        };
        let count = count.min(self.len - index);
        self.len -= count;
        let (mut first, mut left) = (node, count);
        if let Node::Packed(list) = &mut self.nodes[first]
            && offset > 0
        {
            let removed = left.min(list.len() - offset);
            if let Some(at) = list.seek(offset as i64) {
                list.remove_many(at, removed);
            }
            left -= removed;
            first += 1;
        }
        let mut end = first;
        while let Some(len) = self.nodes.get(end).map(Node::len)
            && len <= left
            && left > 0
        {
            left -= len;
            end += 1;
        }
        self.nodes.drain(first..end);
        if left > 0
            && let Some(Node::Packed(list)) = self.nodes.get_mut(first)
            && let Some(at) = list.first()
        {
            list.remove_many(at, left);
        }
    }

    /// Removes the first `count` elements, counted from an end, that `wanted` says yes to; returns how many there were.
    pub(super) fn remove_where(
        &mut self,
        from: End,
        count: usize,
        wanted: impl Fn(Item<'_>) -> bool,
    ) -> usize {
        let mut left = count;
        let mut remove_in = |node: &mut Node| {
            match node {
                Node::Packed(list) => left -= list.remove_where(from == End::Tail, left, &wanted),
                Node::Plain(bytes) => {
                    if left > 0 && wanted(Item::Bytes(bytes)) {
                        left -= 1;
                        // Marked by what no node else is.
                        *node = Node::Packed(Listpack::new());
                    }
                }
            }
        };
        match from {
            End::Head => self.nodes.iter_mut().for_each(&mut remove_in),
            End::Tail => self.nodes.iter_mut().rev().for_each(&mut remove_in),
        }
        let removed = count - left;
        if removed > 0 {
            self.nodes
                .retain(|node| node.packed().is_none_or(|list| !list.is_empty()));
            self.len -= removed;
        }
        removed
    }

    /// Puts another element in the place of one.
    pub(super) fn replace(&mut self, index: usize, text: &[u8], limits: Limits) {
        let Some(place) = self.place(index) else {
            return;
        };
        let limits = self.limits(limits);
        let large = limits.is_large(text.len());
        match &mut self.nodes[place.node] {
            Node::Packed(list) if !large => {
                if let Some(at) = list.seek(place.offset as i64) {
                    list.replace(at, Item::from_text(text));
                }
            }
            Node::Plain(bytes) if large => *bytes = text.into(),
            Node::Plain(_) => {
                self.insert_at(place, true, text, limits);
                self.nodes.remove(place.node);
                self.len -= 1;
            }
            Node::Packed(_) => {
                let next = place.node + 1;
                if place.offset + 1 < self.nodes[place.node].len() {
                    let rest = self.split_off(place.node, place.offset + 1);
                    self.nodes.insert(next, rest);
                }
                self.nodes.insert(next, Node::new(text, limits));
                // What is replaced is the last of its node now.
                match &mut self.nodes[place.node] {
                    Node::Packed(list) if list.len() > 1 => {
                        if let Some(last) = list.last() {
                            list.remove(last);
                        }
                        self.merge_around(next, limits);
                    }
                    _ => {
                        self.nodes.remove(place.node);
                    }
                }
            }
        }
    }

    /// Puts an element before or behind the one with this number.
    pub(super) fn insert(&mut self, index: usize, before: bool, text: &[u8], limits: Limits) {
        if let Some(place) = self.place(index) {
            self.insert_at(place, !before, text, self.limits(limits));
        }
    }

    fn insert_at(&mut self, place: Place, after: bool, text: &[u8], limits: Limits) {
        let Place { node, offset } = place;
        self.len += 1;
        let at_edge = if after {
            offset + 1 == self.nodes[node].len()
        } else {
            offset == 0
        };
        // Where a node behind or before this one lies, or would.
        let beside = if after { node + 1 } else { node };
        if limits.is_large(text.len()) {
            if !at_edge {
                let rest = self.split_off(node, offset + usize::from(after));
                self.nodes.insert(node + 1, rest);
            }
            let index = if at_edge { beside } else { node + 1 };
            return self.nodes.insert(index, Node::new(text, limits));
        }
        let item = Item::from_text(text);
        if limits.has_room(&self.nodes[node], text.len()) {
            if let Node::Packed(list) = &mut self.nodes[node] {
                let next = list.seek((offset + usize::from(after)) as i64);
                list.insert(next, item);
            }
            return;
        }
        if at_edge {
            let neighbour = if after {
                node.checked_add(1)
            } else {
                node.checked_sub(1)
            };
            let neighbour = neighbour
                .and_then(|index| self.nodes.get_mut(index))
                .filter(|node| limits.has_room(node, text.len()));
            match neighbour {
                Some(Node::Packed(list)) if after => list.push_front(item),
                Some(Node::Packed(list)) => list.push_back(item),
                _ => self.nodes.insert(beside, Node::new(text, limits)),
            }
            return;
        }
        // In the middle of a full node: it is divided, and the halves are joined with what is small beside them.
        let mut rest = self.split_off(node, offset + usize::from(after));
        let center = if after {
            if let Node::Packed(list) = &mut rest {
                list.push_front(item);
            }
            node
        } else {
            if let Node::Packed(list) = &mut self.nodes[node] {
                list.push_back(item);
            }
            node + 1
        };
        self.nodes.insert(node + 1, rest);
        self.merge_around(center, limits);
    }

    /// Takes the elements from `offset` on out of a listpack node.
    fn split_off(&mut self, node: usize, offset: usize) -> Node {
        let Node::Packed(list) = &mut self.nodes[node] else {
            return Node::Packed(Listpack::new());
        };
        Node::Packed(list.split_off(offset))
    }

    /// Joins the nodes around one that has changed, in Redis's order.
    fn merge_around(&mut self, center: usize, limits: Limits) {
        let mut center = center;
        if center >= 2 && self.merge(center - 2, limits) {
            center -= 1;
        }
        self.merge(center + 1, limits);
        if center >= 1 && self.merge(center - 1, limits) {
            center -= 1;
        }
        self.merge(center, limits);
    }

    /// Joins a node with the next, if both fit into one; returns whether they did.
    fn merge(&mut self, left: usize, limits: Limits) -> bool {
        let (Some(one), Some(two)) = (self.nodes.get(left), self.nodes.get(left + 1)) else {
            return false;
        };
        if !limits.are_mergeable(one, two) {
            return false;
        }
        if let Some(Node::Packed(right)) = self.nodes.remove(left + 1)
            && let Node::Packed(list) = &mut self.nodes[left]
        {
            list.append(&right);
        }
        true
    }
}
