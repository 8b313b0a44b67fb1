//! Whether the listpack of a collection from outside is one: the parts of what it holds, and what may not be there twice.

use super::{Corrupt, FIELD_DEADLINE_MAX_MS};
use crate::data::listpack::{Item, Listpack};
use crate::text::doubles;

/// A listpack, copied out of bytes that hold one.
pub(super) fn listpack(bytes: &[u8]) -> Result<Listpack, Corrupt> {
    Listpack::from_bytes(bytes).ok_or(Corrupt)
}

/// Whether a listpack has elements, they come in groups of `step`, and the first of each is no other group's.
pub(super) fn is_keyed(list: &Listpack, step: usize) -> bool {
    let mut keys: Vec<Item<'_>> = Vec::new();
    let mut len = 0_usize;
    for item in list.iter() {
        if len.is_multiple_of(step) {
            keys.push(match item {
                Item::Int(_) => item,
                // An integer may be there as text.
                Item::Bytes(text) => Item::from_text(text),
            });
        }
        len += 1;
    }
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    count > 0 && len.is_multiple_of(step) && keys.len() == count
}

/// Whether each third element is a deadline, none of them before the one it follows, and 0, which is none, behind all others.
pub(super) fn is_by_deadline(list: &Listpack) -> bool {
    let mut before = 0;
    list.iter().skip(2).step_by(3).all(|item| match item {
        Item::Int(0) => {
            before = i64::MAX;
            true
        }
        Item::Int(at_ms) => {
            let in_order = before <= at_ms && at_ms <= FIELD_DEADLINE_MAX_MS;
            before = at_ms;
            in_order
        }
        Item::Bytes(_) => false,
    })
}

/// Whether each second element is a score, and the members are in order: by their scores, and then by their bytes.
pub(super) fn is_by_score(list: &Listpack) -> bool {
    let mut before: Option<(f64, Vec<u8>)> = None;
    let members = list.iter().step_by(2).map(Item::to_vec);
    let scores = list.iter().skip(1).step_by(2).map(|item| match item {
        Item::Int(int) => Some(int as f64),
        Item::Bytes(text) => doubles::parse_double(text),
    });
    members.zip(scores).all(|(member, score)| {
        let Some(score) = score else { return false };
        let after = Some((score, member));
        let in_order = before < after;
        before = after;
        in_order
    })
}
