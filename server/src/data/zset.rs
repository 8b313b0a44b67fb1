//! A sorted set: members with scores, ordered by score and then by bytes. It knows nothing of keys and clients.
//!
//! A small one is a listpack; a larger one is what OBJECT ENCODING calls `skiplist`, here a table of members beside a tree
//! that counts. Redis's limits say when one becomes the other, and nothing but [`Zset::compact`] makes it small again.

mod members;
mod packed;
mod ranked;
mod sequence;

use std::ops::{Bound, Range};

use crate::data::listpack::{At, Item, Listpack};
use crate::data::zset::members::Members;
use crate::data::zset::ranked::Ranked;

/// A sorted set. It never holds NaN.
#[derive(Clone, Debug)]
pub(crate) enum Zset {
    Packed(Listpack),
    Ranked(Box<Ranked>),
}

impl Default for Zset {
    fn default() -> Zset {
        Zset::Packed(Listpack::new())
    }
}

/// How small a set must be to be a listpack, and what a large one needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// zset-max-listpack-entries.
    pub(crate) entries: usize,
    /// zset-max-listpack-value, in bytes.
    pub(crate) value: usize,
    /// Keeps those who choose members from making them collide.
    pub(crate) seed: u64,
}

/// What became of a member that was to be added or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is as it was.
    None,
    Added,
    /// It has another score.
    Scored,
}

/// Scores, or bytes, between two bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span<'a> {
    Scores {
        min: Bound<f64>,
        max: Bound<f64>,
    },
    /// Meant for members that all have the same score.
    Texts {
        min: Edge<'a>,
        max: Edge<'a>,
    },
}

/// One end of a range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge<'a> {
    /// Before all bytes.
    Lowest,
    /// Behind all bytes.
    Highest,
    Included(&'a [u8]),
    Excluded(&'a [u8]),
}

impl Span<'_> {
    /// Whether a member is not before the span.
    fn reaches(&self, score: f64, text: &[u8]) -> bool {
        match *self {
            Span::Scores { min, .. } => match min {
                Bound::Included(min) => score >= min,
                Bound::Excluded(min) => score > min,
                Bound::Unbounded => true,
            },
            Span::Texts { min, .. } => match min {
                Edge::Lowest => true,
                Edge::Highest => false,
                Edge::Included(min) => text >= min,
                Edge::Excluded(min) => text > min,
            },
        }
    }

    /// Whether a member is not behind the span.
    fn goes_to(&self, score: f64, text: &[u8]) -> bool {
        match *self {
            Span::Scores { max, .. } => match max {
                Bound::Included(max) => score <= max,
                Bound::Excluded(max) => score < max,
                Bound::Unbounded => true,
            },
            Span::Texts { max, .. } => match max {
                Edge::Lowest => false,
                Edge::Highest => true,
                Edge::Included(max) => text <= max,
                Edge::Excluded(max) => text < max,
            },
        }
    }
}

impl Zset {
    /// How many members.
    pub(crate) fn len(&self) -> usize {
        match self {
            Zset::Packed(list) => packed::len(list),
            Zset::Ranked(ranked) => ranked.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Redis's name of the representation.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            Zset::Packed(_) => "listpack",
            Zset::Ranked(_) => "skiplist",
        }
    }

    /// Bytes behind it.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Zset::Packed(list) => list.capacity(),
            Zset::Ranked(ranked) => size_of::<Ranked>() + ranked.memory(),
        }
    }

    /// Of how many allocations it is made, about: what freeing it costs.
    pub(crate) fn allocations(&self) -> usize {
        match self {
            Zset::Packed(_) => 1,
            Zset::Ranked(ranked) => ranked.len(),
        }
    }

    /// The score of a member.
    pub(crate) fn score(&self, text: &[u8]) -> Option<f64> {
        match self {
            Zset::Packed(list) => packed::find(list, text).map(|found| found.score),
            Zset::Ranked(ranked) => ranked.score(text),
        }
    }

    /// How many members come before one, and its score.
    pub(crate) fn rank(&self, text: &[u8]) -> Option<(usize, f64)> {
        match self {
            Zset::Packed(list) => {
                let found = packed::find(list, text)?;
                let mut rank = 0;
                let mut at = found.at;
                while let Some(before) = packed::prev(list, at) {
                    at = before;
                    rank += 1;
                }
                Some((rank, found.score))
            }
            Zset::Ranked(ranked) => ranked.rank(text),
        }
    }

    /// The member at a rank.
    pub(crate) fn get(&self, rank: usize) -> Option<(Item<'_>, f64)> {
        self.iter(rank..rank + 1).next()
    }

    /// Becomes large if a command is about to add more members than a small one holds, whatever it holds already.
    pub(crate) fn expect(&mut self, count: usize, limits: &Limits) {
        if count > limits.entries {
            self.enlarge(limits);
        }
    }

    /// Adds a member or changes its score: `decide` is told the score it has and answers what it is to be, if that is to
    /// change. It must not answer NaN.
    pub(crate) fn upsert(
        &mut self,
        text: &[u8],
        limits: &Limits,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) -> Change {
        let found = self.score(text);
        match (found, decide(found)) {
            (_, None) => Change::None,
            (None, Some(score)) => {
                self.insert(text, score, limits);
                Change::Added
            }
            (Some(had), Some(score)) if had == score => Change::None,
            (Some(_), Some(score)) => {
                match self {
                    Zset::Packed(list) => {
                        if let Some(found) = packed::find(list, text) {
                            packed::remove(list, found.at);
                        }
                        packed::insert(list, text, score);
                    }
                    Zset::Ranked(ranked) => ranked.set_score(text, score),
                }
                Change::Scored
            }
        }
    }

    /// Adds a member that is not there.
    pub(crate) fn insert(&mut self, text: &[u8], score: f64, limits: &Limits) {
        if let Zset::Packed(list) = self {
            let full = packed::len(list) + 1 > limits.entries
                || text.len() > limits.value
                || !list.has_room(text.len());
            if !full {
                packed::insert(list, text, score);
                return;
            }
        }
        self.enlarge(limits).insert(text, score);
    }

    /// Removes a member.
    ///
    /// # Returns
    /// its score.
    pub(crate) fn remove(&mut self, text: &[u8]) -> Option<f64> {
        match self {
            Zset::Packed(list) => {
                let found = packed::find(list, text)?;
                packed::remove(list, found.at);
                Some(found.score)
            }
            Zset::Ranked(ranked) => ranked.remove(text),
        }
    }

    /// Removes the members at these ranks.
    pub(crate) fn remove_ranks(&mut self, ranks: Range<usize>) {
        match self {
            Zset::Packed(list) => packed::remove_many(list, ranks.start, ranks.len()),
            Zset::Ranked(ranked) => {
                for _ in ranks.clone() {
                    ranked.remove_at(ranks.start);
                }
            }
        }
    }

    /// The members at these ranks, the lowest first, from either end.
    pub(crate) fn iter(&self, ranks: Range<usize>) -> Iter<'_> {
        match self {
            Zset::Packed(list) => Iter::Packed {
                list,
                front: None,
                back: None,
                ranks: ranks.start..ranks.end.min(packed::len(list)),
            },
            Zset::Ranked(ranked) => {
                let end = ranks.end.min(ranked.len());
                Iter::Ranked(ranked.iter(ranks.start.min(end)..end))
            }
        }
    }

    /// The rank of the first member within a span, or of the last one.
    pub(crate) fn edge(&self, span: &Span<'_>, last: bool) -> Option<usize> {
        match self {
            Zset::Packed(_) => self.walked_edge(span, last),
            Zset::Ranked(ranked) => {
                let rank = if last {
                    let behind = ranked.partition_point(|score, text| span.goes_to(score, text));
                    behind.checked_sub(1)?
                } else {
                    ranked.partition_point(|score, text| !span.reaches(score, text))
                };
                let (text, score) = (rank < ranked.len()).then(|| ranked.get(rank))?;
                (span.reaches(score, text) && span.goes_to(score, text)).then_some(rank)
            }
        }
    }

    /// As [`Zset::edge`], looking at one member after the other: of bytes whose scores differ, which are in no order, a
    /// small set then shows what Redis shows.
    fn walked_edge(&self, span: &Span<'_>, last: bool) -> Option<usize> {
        let reaches = |(item, score): (Item<'_>, f64)| {
            span.reaches(score, item.bytes(&mut itoa::Buffer::new()))
        };
        let goes_to = |(item, score): (Item<'_>, f64)| {
            span.goes_to(score, item.bytes(&mut itoa::Buffer::new()))
        };
        let len = self.len();
        let mut all = self.iter(0..len);
        if !reaches(self.get(len.checked_sub(1)?)?) || !goes_to(self.get(0)?) {
            return None;
        }
        let (rank, holds) = if last {
            let from_end = all.rev().position(goes_to)?;
            let rank = len - 1 - from_end;
            (rank, reaches(self.get(rank)?))
        } else {
            let rank = all.position(reaches)?;
            (rank, goes_to(self.get(rank)?))
        };
        holds.then_some(rank)
    }

    /// The ranks of the members within a span.
    pub(crate) fn ranks(&self, span: &Span<'_>) -> Range<usize> {
        let Some(start) = self.edge(span, false) else {
            return 0..0;
        };
        let end = match self {
            Zset::Packed(_) => start + self.within(span, start, false).count(),
            Zset::Ranked(ranked) => ranked.partition_point(|score, text| span.goes_to(score, text)),
        };
        start..end
    }

    /// The members from a rank on, or in reverse, while they are within a span.
    pub(crate) fn within<'a>(
        &'a self,
        span: &Span<'_>,
        rank: usize,
        reverse: bool,
    ) -> impl Iterator<Item = (Item<'a>, f64)> {
        let ranks = if reverse {
            0..rank + 1
        } else {
            rank..self.len()
        };
        let mut iter = self.iter(ranks);
        let next = move || {
            if reverse {
                iter.next_back()
            } else {
                iter.next()
            }
        };
        std::iter::from_fn(next).take_while(move |(item, score)| {
            let mut digits = itoa::Buffer::new();
            let text = item.bytes(&mut digits);
            if reverse {
                span.reaches(*score, text)
            } else {
                span.goes_to(*score, text)
            }
        })
    }

    /// Shows `emit` about `count` members at a cursor, all of a small set, and returns the next cursor, 0 at the end; begin
    /// with 0. A member that is there from the first call to the last is shown.
    pub(crate) fn scan(
        &self,
        cursor: u64,
        count: usize,
        mut emit: impl FnMut(Item<'_>, f64),
    ) -> u64 {
        match self {
            Zset::Packed(list) => {
                packed::iter(list).for_each(|(item, score)| emit(item, score));
                0
            }
            Zset::Ranked(ranked) => {
                ranked.scan(cursor, count, |text, score| emit(Item::Bytes(text), score))
            }
        }
    }

    /// Becomes small if the limits allow it, as a result that is about to be stored does.
    pub(crate) fn compact(&mut self, limits: &Limits) {
        let Zset::Ranked(ranked) = self else { return };
        let fits = ranked.len() <= limits.entries
            && ranked
                .iter(0..ranked.len())
                .all(|(text, _)| text.len() <= limits.value);
        if fits {
            let mut list = Listpack::new();
            for (text, score) in ranked.iter(0..ranked.len()) {
                packed::push(&mut list, text, score);
            }
            *self = Zset::Packed(list);
        }
    }

    /// The large form, which it has from now on.
    fn enlarge(&mut self, limits: &Limits) -> &mut Ranked {
        if let Zset::Packed(list) = self {
            let mut ranked = Ranked::new(limits.seed);
            for (item, score) in packed::iter(list) {
                ranked.insert(item.bytes(&mut itoa::Buffer::new()), score);
            }
            *self = Zset::Ranked(Box::new(ranked));
        }
        match self {
            Zset::Ranked(ranked) => ranked,
            Zset::Packed(_) => unreachable!("it has just become large"),
        }
    }
}

/// A set that is being gathered from others: members come in any order and their scores change often, so they are put in
/// order only at the end.
#[derive(Debug)]
pub(crate) struct Gathering(Members);

impl Gathering {
    pub(crate) fn new(seed: u64) -> Gathering {
        Gathering(Members::new(seed))
    }

    /// Adds a member.
    ///
    /// # Returns
    /// whether it was not there before; if it was, it keeps its score.
    pub(crate) fn insert(&mut self, text: &[u8], score: f64) -> bool {
        let is_new = self.0.find(text).is_none();
        if is_new {
            self.0.insert(text, score);
        }
        is_new
    }

    /// Adds a member, or merges its score into the one that it has.
    pub(crate) fn add(&mut self, text: &[u8], score: f64, merge: impl FnOnce(f64, f64) -> f64) {
        match self.0.find(text) {
            None => {
                self.0.insert(text, score);
            }
            Some(number) => {
                let (_, had) = self.0.get(number);
                self.0.set_score(number, merge(had, score));
            }
        }
    }

    /// The set, in its large form.
    pub(crate) fn finish(self) -> Zset {
        Zset::Ranked(Box::new(Ranked::from(self.0)))
    }
}

/// Some members with their scores, from either end.
pub(crate) enum Iter<'a> {
    Packed {
        list: &'a Listpack,
        /// Where the next member lies from the front, or the back, once it was sought.
        front: Option<At>,
        back: Option<At>,
        ranks: Range<usize>,
    },
    Ranked(ranked::Iter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Item<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Iter::Ranked(iter) => iter.next().map(|(text, score)| (Item::Bytes(text), score)),
            Iter::Packed {
                list, front, ranks, ..
            } => {
                let rank = ranks.next()?;
                let at = front.or_else(|| packed::seek(list, rank))?;
                *front = packed::next(list, at);
                Some(packed::get(list, at))
            }
        }
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Iter::Ranked(iter) => {
                let (text, score) = iter.next_back()?;
                Some((Item::Bytes(text), score))
            }
            Iter::Packed {
                list, back, ranks, ..
            } => {
                let rank = ranks.next_back()?;
                let at = back.or_else(|| packed::seek(list, rank))?;
                *back = packed::prev(list, at);
                Some(packed::get(list, at))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Members of a naive set, in order.
    type Model = Vec<(f64, Vec<u8>)>;

    const LIMITS: Limits = Limits {
        entries: 8,
        value: 16,
        seed: 5,
    };

    fn all(set: &Zset) -> Model {
        set.iter(0..set.len())
            .map(|(item, score)| (score, item.to_vec()))
            .collect()
    }

    fn sort(model: &mut Model) {
        model.sort_by(|a, b| a.partial_cmp(b).expect("no score is NaN"));
    }

    #[test]
    fn limits_decide_about_the_encoding() {
        let add = |set: &mut Zset, text: &[u8]| {
            assert_eq!(set.upsert(text, &LIMITS, |_| Some(1.0)), Change::Added);
            set.encoding()
        };
        let mut set = Zset::default();
        for index in 0..8 {
            assert_eq!(add(&mut set, &[index]), "listpack");
        }
        assert_eq!(add(&mut set, b"nine"), "skiplist");
        set.remove(b"nine");
        assert_eq!(set.encoding(), "skiplist");
        set.compact(&LIMITS);
        assert_eq!(set.encoding(), "listpack");
        set.remove(&[0]);
        assert_eq!(add(&mut set, &[b'x'; 17]), "skiplist");
        set.compact(&LIMITS);
        assert_eq!(set.encoding(), "skiplist");
    }

    #[test]
    fn a_listpack_is_laid_out_as_redis_does() {
        let mut set = Zset::default();
        for (text, score) in [("b", 1.5), ("7", -2.0), ("a", 1.5), ("z", -0.0)] {
            set.insert(text.as_bytes(), score, &LIMITS);
        }
        let Zset::Packed(list) = &set else {
            panic!("{set:?}")
        };
        let items: Vec<Item<'_>> = list.iter().collect();
        let expected = [
            Item::Int(7),
            Item::Int(-2),
            Item::Bytes(b"z"),
            Item::Int(0),
            Item::Bytes(b"a"),
            Item::Bytes(b"1.5"),
            Item::Bytes(b"b"),
            Item::Bytes(b"1.5"),
        ];
        assert_eq!(items, expected);
    }

    #[test]
    fn a_scan_shows_whoever_stays() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..50 {
            let mut set = Gathering::new(1).finish();
            for index in 0..500_u32 {
                set.insert(index.to_string().as_bytes(), f64::from(index), &LIMITS);
            }
            let mut seen = std::collections::BTreeSet::new();
            let mut cursor = 0;
            loop {
                cursor = set.scan(cursor, 10, |item, _| {
                    seen.insert(item.to_vec());
                });
                if cursor == 0 {
                    break;
                }
                for _ in 0..rng.usize(..30) {
                    let text = rng.u32(100..900).to_string();
                    if set.remove(text.as_bytes()).is_none() {
                        set.insert(text.as_bytes(), 1.0, &LIMITS);
                    }
                }
            }
            for index in 0..100_u32 {
                assert!(seen.contains(index.to_string().as_bytes()), "{index}");
            }
        }
    }

    fn score() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => (-5_i32..5).prop_map(f64::from),
            2 => (-20_i32..20).prop_map(|n| f64::from(n) / 4.0),
            1 => Just(f64::INFINITY),
            1 => Just(f64::NEG_INFINITY),
            1 => Just(1e300),
        ]
    }

    #[derive(Clone, Debug)]
    enum Step {
        Set(u16, f64),
        Remove(u16),
        RemoveRanks(usize, usize),
        Compact,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            12 => (0_u16..60, score()).prop_map(|(member, score)| Step::Set(member, score)),
            4 => (0_u16..60).prop_map(Step::Remove),
            1 => (0_usize..30, 0_usize..20).prop_map(|(start, count)| Step::RemoveRanks(start, count)),
            1 => Just(Step::Compact),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_set(
            steps in proptest::collection::vec(step(), 0..150),
            large: bool,
            bounds in (score(), score()),
        ) {
            let mut set = if large { Gathering::new(3).finish() } else { Zset::default() };
            let mut model = Model::new();
            for step in steps {
                match step {
                    Step::Set(member, score) => {
                        let text = member.to_string().into_bytes();
                        let known = model.iter().position(|(_, other)| *other == text);
                        let mut told = None;
                        let change = set.upsert(&text, &LIMITS, |had| {
                            told = had;
                            Some(score)
                        });
                        prop_assert_eq!(told, known.map(|index| model[index].0));
                        let expected = match known {
                            None => Change::Added,
                            Some(index) if model[index].0 == score => Change::None,
                            Some(_) => Change::Scored,
                        };
                        prop_assert_eq!(change, expected);
                        if let Some(index) = known {
                            model.remove(index);
                        }
                        model.push((score, text));
                        sort(&mut model);
                    }
                    Step::Remove(member) => {
                        let text = member.to_string().into_bytes();
                        let known = model.iter().position(|(_, other)| *other == text);
                        let score = known.map(|index| model.remove(index).0);
                        prop_assert_eq!(set.remove(&text), score);
                    }
                    Step::RemoveRanks(start, count) => {
                        let start = start.min(model.len());
                        let end = (start + count).min(model.len());
                        set.remove_ranks(start..end);
                        model.drain(start..end);
                    }
                    Step::Compact => set.compact(&LIMITS),
                }
                prop_assert_eq!(&all(&set), &model);
            }
            for (rank, (score, text)) in model.iter().enumerate() {
                prop_assert_eq!(set.rank(text), Some((rank, *score)));
            }
            let span = Span::Scores { min: Bound::Included(bounds.0), max: Bound::Excluded(bounds.1) };
            let start = model.partition_point(|(score, _)| *score < bounds.0);
            let end = model.partition_point(|(score, _)| *score < bounds.1);
            let expected = if start < end { start..end } else { 0..0 };
            prop_assert_eq!(set.ranks(&span), expected.clone());
            if !expected.is_empty() {
                prop_assert_eq!(set.edge(&span, true), Some(end - 1));
                let backwards: Model = set
                    .within(&span, end - 1, true)
                    .map(|(item, score)| (score, item.to_vec()))
                    .collect();
                prop_assert!(backwards.iter().eq(model[expected].iter().rev()));
            }
        }
    }
}
