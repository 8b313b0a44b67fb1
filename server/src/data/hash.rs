//! A hash: fields with values, each of which may have a deadline; it knows no key, and of time only what it is told.
//!
//! A small one is a listpack as Redis lays it out: field and value by turns, in the order they came. With the first deadline
//! it becomes a listpack of threes, field, value and deadline in milliseconds of wall-clock time or 0, in the order of
//! deadlines, those without last. A large one is a table.
//!
//! A field whose deadline has passed is still there until somebody removes it.

mod fields;

use std::fmt;

use fields::Fields;

use crate::data::listpack::{At, Item, Listpack};

/// Stands for no deadline in a listpack.
const NO_DEADLINE: i64 = 0;

/// Elements of a listpack for each field, without and with deadlines.
const PAIR: usize = 2;
const TRIPLE: usize = 3;

/// How many fields are looked at to judge how much memory all take.
const SAMPLES: usize = 5;

/// What a small hash may hold, and the seed of the table that one becomes which holds more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// `hash-max-listpack-entries`
    pub(crate) entries_max: usize,
    /// `hash-max-listpack-value`
    pub(crate) len_max: usize,
    pub(crate) seed: u64,
}

/// A field's value and deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    pub(crate) value: Item<'a>,
    /// In milliseconds of wall-clock time.
    pub(crate) expire_ms: Option<i64>,
}

impl Found<'_> {
    /// Whether its deadline has passed. At the very millisecond of its deadline a field still lives.
    pub(crate) fn has_expired(&self, now_ms: i64) -> bool {
        self.expire_ms.is_some_and(|at_ms| at_ms < now_ms)
    }
}

/// What becomes of a field's deadline when its value is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    Keep,
    Clear,
}

/// The hash.
#[derive(Clone)]
pub(crate) enum Hash {
    /// No field has a deadline, and none ever had.
    Listpack(Listpack),
    Listpackex(Box<Mortal<Listpack>>),
    Table(Box<Mortal<Fields>>),
}

/// Fields that may have deadlines, and when the keyspace expects the first.
#[derive(Clone)]
pub(crate) struct Mortal<F> {
    fields: F,
    expected_ms: Option<i64>,
}

impl<F> Mortal<F> {
    /// The fields, with their deadlines.
    pub(crate) fn fields(&self) -> &F {
        &self.fields
    }

    pub(crate) fn new(fields: F) -> Box<Mortal<F>> {
        Box::new(Mortal {
            fields,
            expected_ms: None,
        })
    }
}

impl Default for Hash {
    fn default() -> Hash {
        Hash::Listpack(Listpack::new())
    }
}

impl Hash {
    /// Number of fields, with those whose deadlines have passed.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Hash::Listpack(list) => list.len() / PAIR,
            Hash::Listpackex(mortal) => mortal.fields.len() / TRIPLE,
            Hash::Table(mortal) => mortal.fields.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Redis's name of the representation.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            Hash::Listpack(_) => "listpack",
            Hash::Listpackex(_) => "listpackex",
            Hash::Table(_) => "hashtable",
        }
    }

    /// Bytes of memory behind it, judged by some of its fields.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Hash::Listpack(list) => list.capacity(),
            Hash::Listpackex(mortal) => size_of::<Mortal<Listpack>>() + mortal.fields.capacity(),
            Hash::Table(mortal) => size_of::<Mortal<Fields>>() + mortal.fields.memory(SAMPLES),
        }
    }

    /// Of how many allocations it is made, about: what freeing it costs.
    pub(crate) fn allocations(&self) -> usize {
        match self {
            Hash::Listpack(_) | Hash::Listpackex(_) => 1,
            Hash::Table(mortal) => mortal.fields.len(),
        }
    }

    /// The listpack, and how many of its elements each field takes.
    fn packed(&self) -> Option<(&Listpack, usize)> {
        match self {
            Hash::Listpack(list) => Some((list, PAIR)),
            Hash::Listpackex(mortal) => Some((&mortal.fields, TRIPLE)),
            Hash::Table(_) => None,
        }
    }

    /// The value of a field, if it is there.
    #[inline]
    pub(crate) fn get(&self, field: &[u8]) -> Option<Found<'_>> {
        match self {
            Hash::Listpack(list) => {
                let at = list.find(list.first(), field, PAIR)?;
                found(list, at, PAIR)
            }
            Hash::Listpackex(mortal) => {
                let list = &mortal.fields;
                let at = list.find(list.first(), field, TRIPLE)?;
                found(list, at, TRIPLE)
            }
            Hash::Table(mortal) => mortal.fields.get(field),
        }
    }

    /// Sets the value of a field.
    ///
    /// # Returns
    /// whether the field is new.
    pub(crate) fn set(
        &mut self,
        field: &[u8],
        value: &[u8],
        deadline: Deadline,
        limits: &Limits,
    ) -> bool {
        if field.len().max(value.len()) > limits.len_max {
            self.enlarge(limits);
        }
        let is_new = match self {
            Hash::Listpack(list) => set_packed(list, field, value),
            Hash::Listpackex(mortal) => {
                set_packed_mortal(&mut mortal.fields, field, value, deadline)
            }
            Hash::Table(mortal) => {
                let kept = match deadline {
                    Deadline::Keep => mortal.fields.get(field).and_then(|found| found.expire_ms),
                    Deadline::Clear => None,
                };
                return mortal.fields.set(field, value, kept);
            }
        };
        if self.len() > limits.entries_max {
            self.enlarge(limits);
        }
        is_new
    }

    /// Makes a small hash a table if it may not hold so many fields.
    pub(crate) fn prepare_for(&mut self, count: usize, limits: &Limits) {
        if count > limits.entries_max {
            self.enlarge(limits);
        }
    }

    /// Makes a small hash a table if it would become one by setting these fields and values, so that it need not on the way.
    pub(crate) fn prepare<'a>(
        &mut self,
        texts: impl ExactSizeIterator<Item = &'a [u8]>,
        limits: &Limits,
    ) {
        let Some((list, _)) = self.packed() else {
            return;
        };
        let (count, mut bytes, mut longest) = (texts.len(), 0, 0);
        for text in texts {
            bytes += text.len();
            longest = longest.max(text.len());
        }
        let too_many = count / PAIR > limits.entries_max;
        if too_many || longest > limits.len_max || !list.has_room(bytes) {
            self.enlarge(limits);
        }
    }

    /// Sees to it that fields can have deadlines.
    pub(crate) fn make_mortal(&mut self) {
        if let Hash::Listpack(list) = self {
            let triples = Listpack::from_items(
                pairs(list, PAIR)
                    .flat_map(|(field, found)| [field, found.value, Item::Int(NO_DEADLINE)]),
            );
            *self = Hash::Listpackex(Mortal::new(triples));
        }
    }

    /// Gives a field that exists another deadline, or none, after [`Hash::make_mortal`].
    pub(crate) fn set_deadline(&mut self, field: &[u8], expire_ms: Option<i64>) {
        match self {
            Hash::Listpack(_) => {}
            Hash::Listpackex(mortal) => {
                let list = &mut mortal.fields;
                if let Some(at) = list.find(list.first(), field, TRIPLE)
                    && let Some(found) = found(list, at, TRIPLE)
                    && found.expire_ms != expire_ms
                {
                    let value = found.value.to_vec();
                    list.remove_many(at, TRIPLE);
                    insert_by_deadline(list, field, &value, expire_ms);
                }
            }
            Hash::Table(mortal) => mortal.fields.set_deadline(field, expire_ms),
        }
    }

    /// # Returns
    /// whether the field was there.
    pub(crate) fn remove(&mut self, field: &[u8]) -> bool {
        let (list, step) = match self {
            Hash::Listpack(list) => (list, PAIR),
            Hash::Listpackex(mortal) => (&mut mortal.fields, TRIPLE),
            Hash::Table(mortal) => return mortal.fields.remove(field),
        };
        let at = list.find(list.first(), field, step);
        if let Some(at) = at {
            list.remove_many(at, step);
        }
        at.is_some()
    }

    /// When the first field expires, of those that have a deadline.
    pub(crate) fn next_deadline(&self) -> Option<i64> {
        match self {
            Hash::Listpack(_) => None,
            Hash::Listpackex(mortal) => {
                let list = &mortal.fields;
                found(list, list.first()?, TRIPLE)?.expire_ms
            }
            Hash::Table(mortal) => mortal.fields.next_deadline(),
        }
    }

    /// What [`Hash::expect`] was last told: when the keyspace expects the first field to expire.
    pub(crate) fn expected_ms(&self) -> Option<i64> {
        match self {
            Hash::Listpack(_) => None,
            Hash::Listpackex(mortal) => mortal.expected_ms,
            Hash::Table(mortal) => mortal.expected_ms,
        }
    }

    /// Notes when the keyspace expects the first field to expire.
    pub(crate) fn expect(&mut self, at_ms: Option<i64>) {
        match self {
            Hash::Listpack(_) => {}
            Hash::Listpackex(mortal) => mortal.expected_ms = at_ms,
            Hash::Table(mortal) => mortal.expected_ms = at_ms,
        }
    }

    /// Removes at most so many fields whose deadlines have passed, the earliest first.
    ///
    /// # Returns
    /// how many.
    pub(crate) fn expire(&mut self, now_ms: i64, max: usize) -> usize {
        match self {
            Hash::Listpack(_) => 0,
            Hash::Listpackex(mortal) => {
                let list = &mut mortal.fields;
                let expired = pairs(list, TRIPLE)
                    .take(max)
                    .take_while(|(_, found)| found.has_expired(now_ms))
                    .count();
                if let Some(first) = list.first() {
                    list.remove_many(first, expired * TRIPLE);
                }
                expired
            }
            Hash::Table(mortal) => mortal.fields.expire(now_ms, max),
        }
    }

    /// Every field with its value, in the order of the listpack where it is one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Item<'_>, Found<'_>)> {
        let table = match self {
            Hash::Table(mortal) => Some(&mortal.fields),
            Hash::Listpack(_) | Hash::Listpackex(_) => None,
        };
        let packed = self.packed().into_iter();
        packed
            .flat_map(|(list, step)| pairs(list, step))
            .chain(table.into_iter().flat_map(Fields::iter))
    }

    /// A field, each with the same chance; `below(n)` is uniform in `0..n`.
    pub(crate) fn random(
        &self,
        mut below: impl FnMut(usize) -> usize,
    ) -> Option<(Item<'_>, Found<'_>)> {
        match self {
            Hash::Table(mortal) => mortal.fields.random(below),
            Hash::Listpack(_) | Hash::Listpackex(_) => {
                let (list, step) = self.packed()?;
                let index = below(self.len()) * step;
                let at = list.seek(index as i64)?;
                Some((list.get(at), found(list, at, step)?))
            }
        }
    }

    /// Goes on with an HSCAN until about `count` fields were shown to `emit`, and returns the next cursor. A small hash is
    /// shown at once.
    pub(crate) fn scan(
        &self,
        cursor: u64,
        count: usize,
        mut emit: impl FnMut(Item<'_>, Found<'_>),
    ) -> u64 {
        match self {
            Hash::Table(mortal) => mortal.fields.scan(cursor, count, emit),
            Hash::Listpack(_) | Hash::Listpackex(_) => {
                self.iter().for_each(|(field, found)| emit(field, found));
                0
            }
        }
    }

    /// Makes a small hash a table.
    fn enlarge(&mut self, limits: &Limits) {
        if matches!(self, Hash::Table(_)) {
            return;
        }
        let mut fields = Fields::new(limits.seed);
        let (mut a, mut b) = (itoa::Buffer::new(), itoa::Buffer::new());
        for (field, found) in self.iter() {
            fields.set(
                field.bytes(&mut a),
                found.value.bytes(&mut b),
                found.expire_ms,
            );
        }
        let expected_ms = self.expected_ms();
        let mut mortal = Mortal::new(fields);
        mortal.expected_ms = expected_ms;
        *self = Hash::Table(mortal);
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The value of the field at a place.
fn found(list: &Listpack, field: At, step: usize) -> Option<Found<'_>> {
    let value = list.next(field)?;
    let deadline = if step == TRIPLE {
        list.next(value).map(|at| list.get(at))
    } else {
        None
    };
    Some(Found {
        value: list.get(value),
        expire_ms: match deadline {
            Some(Item::Int(at_ms)) if at_ms != NO_DEADLINE => Some(at_ms),
            _ => None,
        },
    })
}

fn pairs(list: &Listpack, step: usize) -> impl Iterator<Item = (Item<'_>, Found<'_>)> {
    let mut at = list.first();
    std::iter::from_fn(move || {
        let field = at?;
        let found = found(list, field, step)?;
        at = list.skip(field, step);
        Some((list.get(field), found))
    })
}

fn set_packed(list: &mut Listpack, field: &[u8], value: &[u8]) -> bool {
    let value = Item::from_text(value);
    let there = list.find(list.first(), field, PAIR);
    match there.and_then(|at| list.next(at)) {
        Some(at) => {
            list.replace(at, value);
            false
        }
        None => {
            list.insert_all(None, [Item::from_text(field), value]);
            true
        }
    }
}

fn set_packed_mortal(list: &mut Listpack, field: &[u8], value: &[u8], deadline: Deadline) -> bool {
    let there = list.find(list.first(), field, TRIPLE);
    let Some((at, value_at)) = there.and_then(|at| Some((at, list.next(at)?))) else {
        insert_by_deadline(list, field, value, None);
        return true;
    };
    let had = found(list, at, TRIPLE).and_then(|found| found.expire_ms);
    if had.is_some() && deadline == Deadline::Clear {
        list.remove_many(at, TRIPLE);
        insert_by_deadline(list, field, value, None);
    } else {
        list.replace(value_at, Item::from_text(value));
    }
    false
}

/// Adds a field behind those that expire earlier; one without a deadline, behind all.
fn insert_by_deadline(list: &mut Listpack, field: &[u8], value: &[u8], expire_ms: Option<i64>) {
    let triple = [
        Item::from_text(field),
        Item::from_text(value),
        Item::Int(expire_ms.unwrap_or(NO_DEADLINE)),
    ];
    let mut before = None;
    if let Some(at_ms) = expire_ms {
        before = list.first();
        while let Some(at) = before
            && let Some(other_ms) = found(list, at, TRIPLE).and_then(|found| found.expire_ms)
            && other_ms < at_ms
        {
            before = list.skip(at, TRIPLE);
        }
    }
    list.insert_all(before, triple);
}

#[cfg(test)]
mod tests;
