//! A large hash: a table of fields, and their deadlines in order.

use std::collections::BTreeSet;

use super::Found;
use crate::data::dict::{Dict, Element};
use crate::data::listpack::Item;
use crate::data::thin::Thin;

/// Name, value and deadline of a field in one allocation: the length of the name, doubled, plus one if there is a deadline, in
/// seven bits a byte; the deadline; the name; the value.
#[derive(Clone)]
struct Field(Thin);

/// Where the parts of a [`Field`] lie.
struct Layout {
    name: usize,
    value: usize,
    expire_ms: Option<i64>,
}

const DEADLINE_LEN: usize = size_of::<i64>();

/// Of a length that takes all bits.
const HEAD_LEN_MAX: usize = usize::BITS.div_ceil(7) as usize;

impl Field {
    fn new(name: &[u8], value: &[u8], expire_ms: Option<i64>) -> Field {
        let mut head = name.len() << 1 | usize::from(expire_ms.is_some());
        let head_len = (usize::BITS - head.leading_zeros()).div_ceil(7).max(1) as usize;
        let deadline_len = expire_ms.map_or(0, |_| DEADLINE_LEN);
        let mut text = [0; HEAD_LEN_MAX];
        for byte in &mut text[..head_len] {
            *byte = head as u8 | 0x80;
            head >>= 7;
        }
        text[head_len - 1] &= 0x7f;
        let deadline = expire_ms.unwrap_or_default().to_le_bytes();
        Field(Thin::new([
            &text[..head_len],
            &deadline[..deadline_len],
            name,
            value,
        ]))
    }

    #[inline]
    fn layout(&self) -> Layout {
        let bytes = &*self.0;
        let (mut head, mut name) = (0, 0);
        loop {
            let byte = bytes[name];
            head |= usize::from(byte & 0x7f) << (7 * name);
            name += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut expire_ms = None;
        if head & 1 == 1 {
            expire_ms = bytes[name..].first_chunk().copied().map(i64::from_le_bytes);
            name += DEADLINE_LEN;
        }
        Layout {
            name,
            value: name + (head >> 1),
            expire_ms,
        }
    }

    fn found(&self) -> Found<'_> {
        let Layout {
            value, expire_ms, ..
        } = self.layout();
        Found {
            value: Item::Bytes(&self.0[value..]),
            expire_ms,
        }
    }

    fn expire_ms(&self) -> Option<i64> {
        self.layout().expire_ms
    }

    /// Gives it another value and deadline.
    fn change(&mut self, value: &[u8], expire_ms: Option<i64>) {
        let layout = self.layout();
        if layout.expire_ms == expire_ms && self.0.len() - layout.value == value.len() {
            self.0[layout.value..].copy_from_slice(value);
        } else {
            *self = Field::new(self.key(), value, expire_ms);
        }
    }
}

impl Element for Field {
    #[inline]
    fn key(&self) -> &[u8] {
        let layout = self.layout();
        &self.0[layout.name..layout.value]
    }
}

/// The fields.
#[derive(Clone)]
pub(crate) struct Fields {
    dict: Dict<Field>,
    /// When each field with a deadline expires, and the hash it is found by: its name would be kept twice.
    deadlines: BTreeSet<(i64, u64)>,
}

impl Fields {
    pub(super) fn new(seed: u64) -> Fields {
        Fields {
            dict: Dict::new(seed),
            deadlines: BTreeSet::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.dict.len()
    }

    /// Bytes of memory behind it, judged by at most so many of its fields.
    pub(super) fn memory(&self, samples: usize) -> usize {
        let sampled = self.dict.iter().take(samples).map(|field| field.0.memory());
        let (count, bytes) = sampled.fold((0, 0), |(count, bytes), len| (count + 1, bytes + len));
        let fields = (bytes * self.len()).checked_div(count).unwrap_or(0);
        self.dict.memory() + fields + self.deadlines.len() * size_of::<(i64, u64)>()
    }

    #[inline]
    pub(super) fn get(&self, name: &[u8]) -> Option<Found<'_>> {
        self.dict.get(name).map(Field::found)
    }

    /// Sets a field.
    ///
    /// # Returns
    /// whether it is new.
    pub(super) fn set(&mut self, name: &[u8], value: &[u8], expire_ms: Option<i64>) -> bool {
        let was = match self.dict.get_mut(name) {
            None => {
                self.dict.insert(Field::new(name, value, expire_ms));
                self.schedule(name, None, expire_ms);
                return true;
            }
            Some(field) => {
                let was = field.expire_ms();
                field.change(value, expire_ms);
                was
            }
        };
        self.schedule(name, was, expire_ms);
        false
    }

    /// Gives a field that exists another deadline, or none.
    pub(super) fn set_deadline(&mut self, name: &[u8], expire_ms: Option<i64>) {
        let Some(field) = self.dict.get_mut(name) else {
            return;
        };
        let was = field.expire_ms();
        if was != expire_ms {
            let value = field.found().value.to_vec();
            field.change(&value, expire_ms);
            self.schedule(name, was, expire_ms);
        }
    }

    /// # Returns
    /// whether the field was there.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let Some(field) = self.dict.remove(name) else {
            return false;
        };
        self.schedule(name, field.expire_ms(), None);
        true
    }

    fn schedule(&mut self, name: &[u8], from: Option<i64>, to: Option<i64>) {
        if from == to {
            return;
        }
        let hash = self.dict.hash(name);
        if let Some(at_ms) = from {
            // Should two fields of the same hash expire together, the other one still does.
            let twin = |field: &Field| {
                field.expire_ms() == from
                    && field.key() != name
                    && self.dict.hash(field.key()) == hash
            };
            if self.dict.find_hashed(hash, twin).is_none() {
                self.deadlines.remove(&(at_ms, hash));
            }
        }
        if let Some(at_ms) = to {
            self.deadlines.insert((at_ms, hash));
        }
    }

    /// When the first field expires.
    pub(super) fn next_deadline(&self) -> Option<i64> {
        self.deadlines.first().map(|(at_ms, _)| *at_ms)
    }

    /// Removes at most so many fields whose deadlines have passed, the earliest first.
    ///
    /// # Returns
    /// how many.
    pub(super) fn expire(&mut self, now_ms: i64, max: usize) -> usize {
        let before = self.len();
        while before - self.len() < max
            && let Some(&(at_ms, hash)) = self.deadlines.first()
            && at_ms < now_ms
        {
            let due = |field: &Field| {
                field.expire_ms() == Some(at_ms) && self.dict.hash(field.key()) == hash
            };
            match self.dict.find_hashed(hash, due) {
                Some((place, _)) => {
                    let field = self.dict.remove_at(place);
                    self.schedule(field.key(), Some(at_ms), None);
                }
                None => drop(self.deadlines.pop_first()),
            }
        }
        before - self.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Item<'_>, Found<'_>)> {
        self.dict.iter().map(pair)
    }

    /// A field, each with the same chance; `below(n)` is uniform in `0..n`.
    pub(super) fn random(
        &self,
        below: impl FnMut(usize) -> usize,
    ) -> Option<(Item<'_>, Found<'_>)> {
        self.dict.random(below).map(pair)
    }

    /// Goes on with an HSCAN, as [`Dict::scan`] does.
    pub(super) fn scan(
        &self,
        cursor: u64,
        count: usize,
        mut emit: impl FnMut(Item<'_>, Found<'_>),
    ) -> u64 {
        self.dict.scan(cursor, count, |field| {
            let (name, found) = pair(field);
            emit(name, found);
        })
    }
}

fn pair(field: &Field) -> (Item<'_>, Found<'_>) {
    (Item::Bytes(field.key()), field.found())
}
