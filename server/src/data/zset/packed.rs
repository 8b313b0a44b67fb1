//! A small sorted set in a listpack, byte for byte as Redis lays it out: each member and then its score, by score and then by
//! bytes; a score without fraction is stored as an integer.

use std::cmp::Ordering;

use crate::data::listpack::{At, Item, Listpack};
use crate::text::doubles;

/// Elements of the listpack to a member.
const STRIDE: usize = 2;

/// Where a member lies, and its score.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) at: At,
    pub(super) score: f64,
}

/// How many members.
pub(super) fn len(list: &Listpack) -> usize {
    list.len() / STRIDE
}

/// A member, if it is there.
pub(super) fn find(list: &Listpack, text: &[u8]) -> Option<Found> {
    let at = list.find(list.first(), text, STRIDE)?;
    Some(Found {
        at,
        score: score_behind(list, at),
    })
}

/// The member at a rank.
pub(super) fn seek(list: &Listpack, rank: usize) -> Option<At> {
    list.seek(i64::try_from(rank * STRIDE).ok()?)
}

/// The member at a place, and its score.
pub(super) fn get(list: &Listpack, at: At) -> (Item<'_>, f64) {
    (list.get(at), score_behind(list, at))
}

/// The next member.
pub(super) fn next(list: &Listpack, at: At) -> Option<At> {
    list.next(list.next(at)?)
}

/// The member before.
pub(super) fn prev(list: &Listpack, at: At) -> Option<At> {
    list.prev(list.prev(at)?)
}

/// All members, the lowest first.
pub(super) fn iter(list: &Listpack) -> impl Iterator<Item = (Item<'_>, f64)> {
    std::iter::successors(list.first(), |&at| next(list, at)).map(|at| get(list, at))
}

/// Adds a member that is not there.
pub(super) fn insert(list: &mut Listpack, text: &[u8], score: f64) {
    let mut at = list.first();
    while let Some(place) = at {
        let (other, other_score) = get(list, place);
        let by_score = other_score.partial_cmp(&score).unwrap_or(Ordering::Equal);
        let mut digits = itoa::Buffer::new();
        if by_score.then_with(|| other.bytes(&mut digits).cmp(text)) == Ordering::Greater {
            break;
        }
        at = next(list, place);
    }
    let mut written = Vec::new();
    let score = score_item(score, &mut written);
    list.insert_all(at, [Item::from_text(text), score]);
}

/// Appends a member that comes behind all others.
pub(super) fn push(list: &mut Listpack, text: &[u8], score: f64) {
    let mut written = Vec::new();
    let score = score_item(score, &mut written);
    list.insert_all(None, [Item::from_text(text), score]);
}

/// Removes a member and its score.
pub(super) fn remove(list: &mut Listpack, at: At) {
    list.remove_many(at, STRIDE);
}

/// Removes `count` members from this rank on.
pub(super) fn remove_many(list: &mut Listpack, rank: usize, count: usize) {
    if let Some(at) = seek(list, rank) {
        list.remove_many(at, count * STRIDE);
    }
}

/// The score as it is stored.
fn score_item(score: f64, written: &mut Vec<u8>) -> Item<'_> {
    // Beyond half of what 64 bits hold Redis does not try; -0 becomes 0.
    const INTEGER_MAX: f64 = (1_u64 << 62) as f64;
    if score.abs() <= INTEGER_MAX && score == score.trunc() {
        return Item::Int(score as i64);
    }
    doubles::write_double(written, score);
    Item::from_text(written)
}

/// The score that follows a member.
fn score_behind(list: &Listpack, at: At) -> f64 {
    match list.next(at).map(|at| list.get(at)) {
        Some(Item::Int(int)) => int as f64,
        Some(Item::Bytes(text)) => doubles::parse_double(text).unwrap_or(0.0),
        None => 0.0,
    }
}
