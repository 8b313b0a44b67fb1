//! Values out of bytes, in the forms that Redis 8.2.3 gives them when it loads them; trusts nothing that it reads.

use std::borrow::Cow;

use super::read::Reader;
use super::{
    Corrupt, FIELD_DEADLINE_MAX_MS, Kind, NODE_PACKED, NODE_PLAIN, listpacks, ziplist, zipmap,
};
use crate::data::hash::{self, Deadline, Hash, Mortal};
use crate::data::intset::Intset;
use crate::data::list::{self, End, List};
use crate::data::listpack::Listpack;
use crate::data::quicklist::Node;
use crate::data::set::{self, Set};
use crate::data::zset::{self, Gathering, Zset};
use crate::keyspace::value::{EMBEDDED_LEN_MAX, New, Value};

/// How large a collection may be in each form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) list: list::Limits,
    pub(crate) set: set::Limits,
    pub(crate) zset: zset::Limits,
    pub(crate) hash: hash::Limits,
    /// Of the table of a set.
    pub(crate) set_seed: u64,
}

/// A value that was read.
#[derive(Debug)]
pub(crate) enum Loaded<'a> {
    String(Cow<'a, [u8]>),
    /// It is not empty.
    Collection(Value),
}

impl Loaded<'_> {
    /// Gives it to whoever stores it.
    pub(crate) fn store<R>(self, store: impl FnOnce(New<'_>) -> R) -> R {
        match self {
            Loaded::Collection(value) => store(New::Owned(value)),
            Loaded::String(Cow::Owned(text)) if text.len() > EMBEDDED_LEN_MAX => {
                store(New::from_vec(text))
            }
            Loaded::String(text) => store(New::from_text(&text)),
        }
    }
}

/// Reads a value of a kind. What follows it is left to whoever called.
///
/// # Errors
/// [`Corrupt`] where the bytes are no such value, or one that no key can hold, as an empty list.
pub(crate) fn load<'a>(
    kind: Kind,
    reader: &mut Reader<'a>,
    limits: &Limits,
) -> Result<Loaded<'a>, Corrupt> {
    let value = match kind {
        Kind::String => return reader.string().map(Loaded::String),
        Kind::List | Kind::ListZiplist | Kind::ListQuicklist | Kind::ListQuicklist2 => {
            Value::List(load_list(kind, reader, limits.list)?)
        }
        Kind::Set | Kind::SetIntset | Kind::SetListpack => {
            Value::Set(load_set(kind, reader, limits)?)
        }
        Kind::Zset | Kind::ZsetText => Value::Zset(load_members(kind, reader, &limits.zset)?),
        Kind::ZsetListpack | Kind::ZsetZiplist => {
            let list = match kind {
                Kind::ZsetListpack => listpacks::listpack(&reader.string()?)?,
                _ => ziplist::listpack(&reader.string()?)?,
            };
            Value::Zset(packed_zset(list, &limits.zset)?)
        }
        _ => Value::Hash(load_hash(kind, reader, &limits.hash)?),
    };
    Ok(Loaded::Collection(value))
}

/// Answers a value that passed a check.
fn checked<T>(value: T, is_right: bool) -> Result<T, Corrupt> {
    if is_right { Ok(value) } else { Err(Corrupt) }
}

/// How many elements follow: at least one.
fn count(reader: &mut Reader<'_>) -> Result<u64, Corrupt> {
    let count = reader.len()?;
    checked(count, count > 0)
}

/// A count of elements as the limits know it.
fn clamp(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn load_list(kind: Kind, reader: &mut Reader<'_>, limits: list::Limits) -> Result<List, Corrupt> {
    let mut list = List::from_nodes(Vec::new(), limits);
    match kind {
        Kind::ListZiplist => {
            // It stays a quicklist, however small it is.
            let elements = ziplist::listpack(&reader.string()?)?;
            let mut digits = itoa::Buffer::new();
            for element in elements.iter() {
                list.push(End::Tail, element.bytes(&mut digits), limits);
            }
        }
        Kind::List => {
            for _ in 0..count(reader)? {
                list.push(End::Tail, &reader.string()?, limits);
            }
            list.compact(limits);
        }
        _ => {
            let mut nodes = Vec::new();
            for _ in 0..count(reader)? {
                nodes.extend(load_node(kind, reader)?);
            }
            list = List::from_nodes(nodes, limits);
            list.compact(limits);
        }
    }
    let is_empty = list.is_empty();
    checked(list, !is_empty)
}

/// A node of a quicklist; one without elements is none.
fn load_node(kind: Kind, reader: &mut Reader<'_>) -> Result<Option<Node>, Corrupt> {
    let container = match kind {
        Kind::ListQuicklist2 => reader.len()?,
        _ => NODE_PACKED,
    };
    let bytes = reader.string()?;
    let list = match (kind, container) {
        (_, NODE_PLAIN) => {
            let is_empty = bytes.is_empty();
            return checked(Some(Node::Plain(bytes.into())), !is_empty);
        }
        (Kind::ListQuicklist2, NODE_PACKED) => listpacks::listpack(&bytes)?,
        (_, NODE_PACKED) => ziplist::listpack(&bytes)?,
        _ => return Err(Corrupt),
    };
    Ok((!list.is_empty()).then_some(Node::Packed(list)))
}

fn load_set(kind: Kind, reader: &mut Reader<'_>, limits: &Limits) -> Result<Set, Corrupt> {
    let Limits {
        set: limits,
        set_seed: seed,
        ..
    } = *limits;
    let mut set = match kind {
        Kind::Set => {
            let (count, mut set) = (count(reader)?, Set::default());
            set.prepare(clamp(count), limits, seed);
            for _ in 0..count {
                let is_new = set.insert(&reader.string()?, limits, seed);
                checked((), is_new)?;
            }
            return Ok(set);
        }
        Kind::SetIntset => Set::Ints(Intset::from_bytes(&reader.string()?).ok_or(Corrupt)?),
        _ => {
            let list = listpacks::listpack(&reader.string()?)?;
            let is_right = listpacks::is_keyed(&list, 1);
            Set::Listpack(checked(list, is_right)?)
        }
    };
    set.prepare(set.len(), limits, seed);
    Ok(set)
}

/// A sorted set, member by member.
fn load_members(
    kind: Kind,
    reader: &mut Reader<'_>,
    limits: &zset::Limits,
) -> Result<Zset, Corrupt> {
    let mut members = Gathering::new(limits.seed);
    for _ in 0..count(reader)? {
        let member = reader.string()?;
        let score = match kind {
            Kind::Zset => reader.double()?,
            _ => reader.text_double()?,
        };
        checked((), !score.is_nan() && members.insert(&member, score))?;
    }
    let mut set = members.finish();
    set.compact(limits);
    Ok(set)
}

fn packed_zset(list: Listpack, limits: &zset::Limits) -> Result<Zset, Corrupt> {
    let is_right = listpacks::is_keyed(&list, 2) && listpacks::is_by_score(&list);
    let mut set = Zset::Packed(checked(list, is_right)?);
    set.expect(set.len(), limits);
    Ok(set)
}

fn load_hash(kind: Kind, reader: &mut Reader<'_>, limits: &hash::Limits) -> Result<Hash, Corrupt> {
    let mut hash = match kind {
        Kind::HashZipmap => return hash_of_zipmap(&reader.string()?, limits),
        Kind::HashZiplist => hash_of_pairs(ziplist::listpack(&reader.string()?)?)?,
        Kind::HashListpack => hash_of_pairs(listpacks::listpack(&reader.string()?)?)?,
        Kind::HashListpackex => {
            // The first deadline stands before all fields. They tell it themselves.
            reader.time_ms()?;
            hash_of_triples(listpacks::listpack(&reader.string()?)?)?
        }
        Kind::HashListpackexBare => hash_of_triples(listpacks::listpack(&reader.string()?)?)?,
        _ => return load_fields(kind, reader, limits),
    };
    hash.prepare_for(hash.len(), limits);
    Ok(hash)
}

fn hash_of_pairs(list: Listpack) -> Result<Hash, Corrupt> {
    let is_right = listpacks::is_keyed(&list, 2);
    checked(list, is_right).map(Hash::Listpack)
}

fn hash_of_triples(list: Listpack) -> Result<Hash, Corrupt> {
    let is_right = listpacks::is_keyed(&list, 3) && listpacks::is_by_deadline(&list);
    checked(list, is_right).map(|list| Hash::Listpackex(Mortal::new(list)))
}

fn hash_of_zipmap(bytes: &[u8], limits: &hash::Limits) -> Result<Hash, Corrupt> {
    let texts = zipmap::texts(bytes)?;
    let mut hash = Hash::default();
    hash.prepare(texts.iter().copied(), limits);
    for pair in texts.chunks_exact(2) {
        let is_new = hash.set(pair[0], pair[1], Deadline::Keep, limits);
        checked((), is_new)?;
    }
    Ok(hash)
}

/// A hash, field by field.
fn load_fields(
    kind: Kind,
    reader: &mut Reader<'_>,
    limits: &hash::Limits,
) -> Result<Hash, Corrupt> {
    let first_ms = match kind {
        Kind::HashDeadlines => reader.time_ms()?,
        // Such deadlines are one more than what they are counted from.
        _ => 1,
    };
    let (count, mut hash) = (count(reader)?, Hash::default());
    hash.prepare_for(clamp(count), limits);
    if kind != Kind::Hash {
        hash.make_mortal();
    }
    for _ in 0..count {
        let mut expire_ms = None;
        if kind != Kind::Hash {
            let after_ms = reader.len()?;
            // Both may be anything, and Redis looks only at where their sum ends.
            let at_ms = (after_ms as i64).wrapping_add(first_ms).wrapping_sub(1);
            expire_ms = (after_ms > 0).then_some(at_ms);
            let is_right = expire_ms.is_none_or(|at| (0..=FIELD_DEADLINE_MAX_MS).contains(&at));
            checked((), is_right)?;
        }
        let (field, value) = (reader.string()?, reader.string()?);
        let is_new = hash.set(&field, &value, Deadline::Keep, limits);
        checked((), is_new)?;
        if let Some(at_ms) = expire_ms.filter(|at_ms| *at_ms > 0) {
            hash.set_deadline(&field, Some(at_ms));
        }
    }
    Ok(hash)
}
