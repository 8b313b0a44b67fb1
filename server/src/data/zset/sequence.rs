//! A sequence of numbers, read, changed and searched at any index in logarithmic time: a B+ tree whose nodes count what is
//! below them. What the numbers stand for it must not know.

use std::ops::Range;

/// Numbers in a leaf: few enough that moving half of them is nothing, many enough that the nodes above weigh nothing.
const LEAF_LEN_MAX: usize = 128;

/// Children of an inner node.
const CHILDREN_MAX: usize = 64;

/// A leaf makes room for so many numbers at a time: leaves that double would on average be a third empty.
const LEAF_ROOM: usize = 16;

#[derive(Clone, Debug)]
enum Node {
    Leaf(Vec<u32>),
    /// Never empty.
    Inner(Vec<Child>),
}

#[derive(Clone, Debug)]
struct Child {
    /// Numbers below.
    len: u32,
    /// The first of them.
    first: u32,
    node: Node,
}

/// The sequence: at most `u32::MAX` numbers.
#[derive(Clone, Debug)]
pub(super) struct Sequence {
    root: Node,
    len: usize,
}

impl Default for Sequence {
    fn default() -> Sequence {
        Sequence {
            root: Node::Leaf(Vec::new()),
            len: 0,
        }
    }
}

impl FromIterator<u32> for Sequence {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Sequence {
        let mut sequence = Sequence::default();
        for number in numbers {
            sequence.insert(sequence.len, number);
        }
        sequence
    }
}

impl Sequence {
    /// How many numbers.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts a number before the one at `index`, which is at most the length.
    pub(super) fn insert(&mut self, index: usize, number: u32) {
        self.len += 1;
        if let Some(right) = self.root.insert(index, number) {
            let left = std::mem::replace(&mut self.root, Node::Leaf(Vec::new()));
            self.root = Node::Inner(vec![Child::new(left), right]);
        }
    }

    /// Takes the number at `index` out.
    pub(super) fn remove(&mut self, index: usize) -> u32 {
        self.len -= 1;
        let number = self.root.remove(index);
        while let Node::Inner(children) = &mut self.root {
            match children.len() {
                0 => self.root = Node::Leaf(Vec::new()),
                1 => self.root = children.remove(0).node,
                _ => break,
            }
        }
        number
    }

    /// Puts another number in the place of the one at `index`.
    pub(super) fn replace(&mut self, index: usize, number: u32) {
        self.root.replace(index, number);
    }

    /// The number at `index`.
    pub(super) fn get(&self, index: usize) -> u32 {
        let (leaf, offset) = self.leaf_at(index);
        leaf[offset]
    }

    /// How many numbers there are before the first of which `is_before` does not hold; it must hold of none behind that one.
    pub(super) fn partition_point(&self, is_before: impl Fn(u32) -> bool) -> usize {
        let (mut node, mut before) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(numbers) => {
                    return before + numbers.partition_point(|&number| is_before(number));
                }
                Node::Inner(children) => {
                    let index = children[1..].partition_point(|child| is_before(child.first));
                    before += children[..index].iter().map(Child::len).sum::<usize>();
                    node = &children[index].node;
                }
            }
        }
    }

    /// The numbers at these indices.
    pub(super) fn iter(&self, range: Range<usize>) -> Iter<'_> {
        Iter {
            sequence: self,
            range,
            front: &[],
            back: &[],
        }
    }

    /// Bytes behind it.
    pub(super) fn memory(&self) -> usize {
        self.root.memory()
    }

    /// The leaf that holds `index`, and at which place.
    fn leaf_at(&self, mut index: usize) -> (&[u32], usize) {
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf(numbers) => return (numbers, index),
                Node::Inner(children) => {
                    let child = seek(children, &mut index);
                    node = &children[child].node;
                }
            }
        }
    }
}

/// The child that holds `index`, which is made to count from that child's first number.
fn seek(children: &[Child], index: &mut usize) -> usize {
    let mut at = 0;
    while *index >= children[at].len() {
        *index -= children[at].len();
        at += 1;
    }
    at
}

impl Child {
    fn new(node: Node) -> Child {
        Child {
            len: node.len() as u32,
            first: node.first(),
            node,
        }
    }

    fn len(&self) -> usize {
        self.len as usize
    }
}

impl Node {
    fn len(&self) -> usize {
        match self {
            Node::Leaf(numbers) => numbers.len(),
            Node::Inner(children) => children.iter().map(Child::len).sum(),
        }
    }

    /// The first number; 0 where there is none, which only an empty root shows.
    fn first(&self) -> u32 {
        match self {
            Node::Leaf(numbers) => numbers.first().copied().unwrap_or(0),
            Node::Inner(children) => children.first().map_or(0, |child| child.first),
        }
    }

    /// Inserts, and returns what had to be split off to the right.
    fn insert(&mut self, mut index: usize, number: u32) -> Option<Child> {
        match self {
            Node::Leaf(numbers) => insert_into_leaf(numbers, index, number),
            Node::Inner(children) => {
                let at = match index.checked_sub(1) {
                    None => 0,
                    // Between two children a number goes to the end of the first.
                    Some(before) => {
                        index = before;
                        let at = seek(children, &mut index);
                        index += 1;
                        at
                    }
                };
                let child = &mut children[at];
                let split = child.node.insert(index, number);
                child.len = child.len + 1 - split.as_ref().map_or(0, |right| right.len);
                child.first = child.node.first();
                children.insert(at + 1, split?);
                if children.len() <= CHILDREN_MAX {
                    return None;
                }
                // As in a leaf: what grows at its end stays full.
                let middle = if at + 2 == children.len() {
                    children.len() - 1
                } else {
                    children.len() / 2
                };
                Some(Child::new(Node::Inner(children.split_off(middle))))
            }
        }
    }

    fn remove(&mut self, mut index: usize) -> u32 {
        match self {
            Node::Leaf(numbers) => {
                let number = numbers.remove(index);
                if numbers.capacity() > numbers.len() + 2 * LEAF_ROOM {
                    numbers.shrink_to(numbers.len() + LEAF_ROOM);
                }
                number
            }
            Node::Inner(children) => {
                let at = seek(children, &mut index);
                let child = &mut children[at];
                let number = child.node.remove(index);
                child.len -= 1;
                child.first = child.node.first();
                if child.len == 0 {
                    children.remove(at);
                } else if child.node.is_sparse() {
                    merge(children, at);
                }
                number
            }
        }
    }

    fn replace(&mut self, mut index: usize, number: u32) {
        match self {
            Node::Leaf(numbers) => numbers[index] = number,
            Node::Inner(children) => {
                let at = seek(children, &mut index);
                let child = &mut children[at];
                child.node.replace(index, number);
                child.first = child.node.first();
            }
        }
    }

    /// Numbers or children, against how many there may be.
    fn fill(&self) -> (usize, usize) {
        match self {
            Node::Leaf(numbers) => (numbers.len(), LEAF_LEN_MAX),
            Node::Inner(children) => (children.len(), CHILDREN_MAX),
        }
    }

    fn is_sparse(&self) -> bool {
        let (len, max) = self.fill();
        len < max / 4
    }

    fn memory(&self) -> usize {
        match self {
            Node::Leaf(numbers) => numbers.capacity() * size_of::<u32>(),
            Node::Inner(children) => {
                let below: usize = children.iter().map(|child| child.node.memory()).sum();
                children.capacity() * size_of::<Child>() + below
            }
        }
    }
}

fn insert_into_leaf(numbers: &mut Vec<u32>, index: usize, number: u32) -> Option<Child> {
    if numbers.len() < LEAF_LEN_MAX {
        if numbers.len() == numbers.capacity() {
            numbers.reserve_exact(LEAF_ROOM);
        }
        numbers.insert(index, number);
        return None;
    }
    let right = if index == numbers.len() {
        // A sequence that is filled in order, from either end, leaves full leaves behind.
        vec![number]
    } else if index == 0 {
        std::mem::replace(numbers, vec![number])
    } else {
        let mut right = numbers.split_off(LEAF_LEN_MAX / 2);
        numbers.shrink_to(LEAF_LEN_MAX / 2 + LEAF_ROOM);
        if index <= numbers.len() {
            numbers.insert(index, number);
        } else {
            right.reserve_exact(LEAF_ROOM);
            right.insert(index - numbers.len(), number);
        }
        right
    };
    Some(Child::new(Node::Leaf(right)))
}

/// Joins a sparse child with a neighbour if both together leave room for more.
fn merge(children: &mut Vec<Child>, at: usize) {
    let joined = |left: usize| {
        let (a, max) = children.get(left)?.node.fill();
        let (b, _) = children.get(left + 1)?.node.fill();
        (a + b <= max / 4 * 3).then_some(left)
    };
    let left = joined(at).or_else(|| joined(at.checked_sub(1)?));
    let Some(left) = left else { return };
    let right = children.remove(left + 1);
    let child = &mut children[left];
    child.len += right.len;
    match (&mut child.node, right.node) {
        (Node::Leaf(numbers), Node::Leaf(mut more)) => {
            numbers.reserve_exact(more.len());
            numbers.append(&mut more);
        }
        (Node::Inner(children), Node::Inner(mut more)) => children.append(&mut more),
        _ => unreachable!("all leaves are equally deep"),
    }
}

/// Some of the numbers, from either end.
#[derive(Clone, Debug)]
pub(super) struct Iter<'a> {
    sequence: &'a Sequence,
    range: Range<usize>,
    /// What is left of the leaf that the front, or the back, has come to; it may reach beyond the range.
    front: &'a [u32],
    back: &'a [u32],
}

impl Iterator for Iter<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.range.is_empty() {
            return None;
        }
        if self.front.is_empty() {
            let (leaf, offset) = self.sequence.leaf_at(self.range.start);
            self.front = &leaf[offset..];
        }
        let (&number, rest) = self.front.split_first()?;
        self.front = rest;
        self.range.start += 1;
        Some(number)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<u32> {
        if self.range.is_empty() {
            return None;
        }
        if self.back.is_empty() {
            let (leaf, offset) = self.sequence.leaf_at(self.range.end - 1);
            self.back = &leaf[..=offset];
        }
        let (&number, rest) = self.back.split_last()?;
        self.back = rest;
        self.range.end -= 1;
        Some(number)
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How every node must be: counts and firsts agree, none is empty or too full, all leaves are equally deep.
    fn check(node: &Node, is_root: bool) -> usize {
        let (len, max) = node.fill();
        assert!(len <= max && (is_root || len > 0), "{len} of {max}");
        match node {
            Node::Leaf(_) => 0,
            Node::Inner(children) => {
                let mut depth = None;
                for child in children {
                    assert_eq!(child.len(), child.node.len());
                    assert_eq!(child.first, child.node.first());
                    let below = check(&child.node, false);
                    assert_eq!(*depth.get_or_insert(below), below);
                }
                depth.expect("an inner node has children") + 1
            }
        }
    }

    fn all(sequence: &Sequence) -> Vec<u32> {
        sequence.iter(0..sequence.len()).collect()
    }

    #[test]
    fn filled_in_order_it_is_full() {
        let count = 100_000;
        let forwards: Sequence = (0..count).collect();
        let mut backwards = Sequence::default();
        for number in (0..count).rev() {
            backwards.insert(0, number);
        }
        for sequence in [forwards, backwards] {
            check(&sequence.root, true);
            assert!(all(&sequence).into_iter().eq(0..count));
            assert!(
                sequence.memory() < count as usize * 5,
                "{} bytes",
                sequence.memory()
            );
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(usize, u32),
        Append(u32, usize),
        Remove(usize, usize),
        Replace(usize, u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (any::<usize>(), any::<u32>()).prop_map(|(at, number)| Step::Insert(at, number)),
            2 => (any::<u32>(), 0_usize..700).prop_map(|(number, count)| Step::Append(number, count)),
            3 => (any::<usize>(), 1_usize..600).prop_map(|(at, count)| Step::Remove(at, count)),
            1 => (any::<usize>(), any::<u32>()).prop_map(|(at, number)| Step::Replace(at, number)),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_sequence(steps in proptest::collection::vec(step(), 0..40), spread in 1_usize..200) {
            let (mut sequence, mut model) = (Sequence::default(), Vec::new());
            for step in steps {
                match step {
                    Step::Insert(at, number) => {
                        // Near one another, so that leaves split in their middle too.
                        let at = at % (model.len() + 1);
                        for offset in 0..spread {
                            let at = (at + offset / 2).min(model.len());
                            sequence.insert(at, number);
                            model.insert(at, number);
                        }
                    }
                    Step::Append(number, count) => {
                        for _ in 0..count {
                            sequence.insert(model.len(), number);
                            model.push(number);
                        }
                    }
                    Step::Remove(at, count) if !model.is_empty() => {
                        let at = at % model.len();
                        for _ in 0..count.min(model.len() - at) {
                            prop_assert_eq!(sequence.remove(at), model.remove(at));
                        }
                    }
                    Step::Replace(at, number) if !model.is_empty() => {
                        let at = at % model.len();
                        sequence.replace(at, number);
                        model[at] = number;
                    }
                    Step::Remove(..) | Step::Replace(..) => {}
                }
                check(&sequence.root, true);
                prop_assert_eq!(&all(&sequence), &model);
            }
            let (start, end) = (model.len() / 3, model.len() - model.len() / 5);
            let (mut iter, mut expected) = (sequence.iter(start..end), model[start..end].iter().copied());
            for (index, &number) in model.iter().enumerate() {
                let (ours, theirs) = if index % 3 == 0 {
                    (iter.next_back(), expected.next_back())
                } else {
                    (iter.next(), expected.next())
                };
                prop_assert_eq!(ours, theirs);
                prop_assert_eq!(sequence.get(index), number);
            }
        }

        #[test]
        fn a_sorted_one_is_searched(mut numbers in proptest::collection::vec(0_u32..500, 0..2000), bound in 0_u32..600) {
            numbers.sort_unstable();
            let sequence: Sequence = numbers.iter().copied().collect();
            prop_assert_eq!(
                sequence.partition_point(|number| number < bound),
                numbers.partition_point(|&number| number < bound)
            );
        }
    }
}
