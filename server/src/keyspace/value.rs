//! What a key holds, as commands see it.

use std::sync::Arc;

use crate::data::hash::Hash;
use crate::data::list::List;
use crate::data::set::Set;
use crate::data::zset::Zset;
use crate::text::integers;

/// The longest string stored beside its key; a longer one has a buffer of its own, which replies share.
pub(crate) const EMBEDDED_LEN_MAX: usize = 8 * 1024;

/// A value too large or too changeable to lie beside its key.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A string that may be shared with outputs, and grows in place while it is not.
    String(Arc<Vec<u8>>),
    Hash(Hash),
    List(List),
    Set(Set),
    Zset(Zset),
}

impl Value {
    /// Bytes it takes outside its entry.
    pub(crate) fn memory(&self) -> usize {
        match self {
            // The counts of an Arc take two words.
            Value::String(shared) => {
                size_of::<Value>()
                    + size_of::<Vec<u8>>()
                    + 2 * size_of::<usize>()
                    + shared.capacity()
            }
            Value::Hash(hash) => size_of::<Value>() + hash.memory(),
            Value::List(list) => size_of::<Value>() + list.memory(),
            Value::Set(set) => size_of::<Value>() + set.memory(),
            Value::Zset(set) => size_of::<Value>() + set.memory(),
        }
    }
}

impl Value {
    /// Of how many allocations it is made, about: what freeing it costs.
    pub(crate) fn allocations(&self) -> usize {
        match self {
            Value::String(_) => 1,
            Value::Hash(hash) => hash.allocations(),
            Value::List(list) => list.allocations(),
            Value::Set(set) => set.allocations(),
            Value::Zset(set) => set.allocations(),
        }
    }

    /// Redis's name of the representation, as OBJECT ENCODING answers.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            Value::String(_) => "raw",
            Value::Hash(hash) => hash.encoding(),
            Value::List(list) => list.encoding(),
            Value::Set(set) => set.encoding(),
            Value::Zset(set) => set.encoding(),
        }
    }
}

// A small collection should take little more than its bytes: what is large in a type lies in a box of its own.
const _: () = assert!(size_of::<Value>() <= 40);

/// A type of value that always lies in a box; it knows its variant.
pub(crate) trait Collection: Default {
    fn of(value: &Value) -> Option<&Self>;
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
    fn into_value(self) -> Value;
}

/// Says of each type that its variant of [`Value`] has its name.
macro_rules! collections {
    ($($kind:ident)*) => {
        $(impl Collection for $kind {
            fn of(value: &Value) -> Option<&$kind> {
                match value {
                    Value::$kind(collection) => Some(collection),
                    _ => None,
                }
            }

            fn of_mut(value: &mut Value) -> Option<&mut $kind> {
                match value {
                    Value::$kind(collection) => Some(collection),
                    _ => None,
                }
            }

            fn into_value(self) -> Value {
                Value::$kind(self)
            }
        })*
    };
}

collections!(Hash List Set Zset);

/// A value about to be stored.
#[derive(Debug)]
pub(crate) enum New<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    Boxed(Value),
}

impl<'a> New<'a> {
    /// The type, as TYPE names it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            New::Int(_) | New::Bytes(_) => "string",
            New::Boxed(value) => ValueRef::Boxed(value).type_name(),
        }
    }

    /// A string from outside: an integer where it is the canonical text of one, as SET stores it.
    pub(crate) fn from_text(text: &'a [u8]) -> New<'a> {
        // No i64 has more than 20 characters.
        match (text.len() <= 20)
            .then(|| integers::parse_i64(text))
            .flatten()
        {
            Some(int) => New::Int(int),
            None => New::from_bytes(text),
        }
    }

    /// A string stored as it is.
    pub(crate) fn from_bytes(bytes: &'a [u8]) -> New<'a> {
        if bytes.len() <= EMBEDDED_LEN_MAX {
            New::Bytes(bytes)
        } else {
            New::Boxed(Value::String(Arc::new(bytes.to_vec())))
        }
    }

    /// A string whose buffer is kept.
    pub(crate) fn from_vec(bytes: Vec<u8>) -> New<'static> {
        New::Boxed(Value::String(Arc::new(bytes)))
    }
}

/// A value as it lies in the keyspace.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ValueRef<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    Boxed(&'a Value),
}

impl<'a> ValueRef<'a> {
    /// Redis's name of the type, as TYPE answers.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            ValueRef::Int(_) | ValueRef::Bytes(_) | ValueRef::Boxed(Value::String(_)) => "string",
            ValueRef::Boxed(Value::Hash(_)) => "hash",
            ValueRef::Boxed(Value::List(_)) => "list",
            ValueRef::Boxed(Value::Set(_)) => "set",
            ValueRef::Boxed(Value::Zset(_)) => "zset",
        }
    }

    /// The string, if it is one.
    pub(crate) fn as_string(&self) -> Option<StringRef<'a>> {
        match *self {
            ValueRef::Int(int) => Some(StringRef::Int(int)),
            ValueRef::Bytes(bytes) => Some(StringRef::Bytes(bytes)),
            ValueRef::Boxed(Value::String(shared)) => Some(StringRef::Shared(shared)),
            ValueRef::Boxed(_) => None,
        }
    }

    /// The collection, if it is one of this type.
    pub(crate) fn collection<C: Collection>(&self) -> Option<&'a C> {
        match self {
            ValueRef::Boxed(value) => C::of(value),
            ValueRef::Int(_) | ValueRef::Bytes(_) => None,
        }
    }

    /// The same value, to be stored under another key.
    pub(crate) fn duplicate(&self) -> New<'a> {
        match *self {
            ValueRef::Int(int) => New::Int(int),
            ValueRef::Bytes(bytes) => New::Bytes(bytes),
            ValueRef::Boxed(value) => New::Boxed(value.clone()),
        }
    }
}

/// A string as it lies in the keyspace.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StringRef<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    Shared(&'a Arc<Vec<u8>>),
}

impl<'a> StringRef<'a> {
    /// Length in bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            StringRef::Int(int) => integers::digits_len(*int),
            StringRef::Bytes(bytes) => bytes.len(),
            StringRef::Shared(bytes) => bytes.len(),
        }
    }

    /// The bytes, written out first where the value is an integer.
    pub(crate) fn bytes(&self, digits: &'a mut itoa::Buffer) -> &'a [u8] {
        match *self {
            StringRef::Int(int) => digits.format(int).as_bytes(),
            StringRef::Bytes(bytes) => bytes,
            StringRef::Shared(bytes) => bytes,
        }
    }

    /// The integer this is or spells.
    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            StringRef::Int(int) => Some(*int),
            StringRef::Bytes(bytes) => integers::parse_i64(bytes),
            StringRef::Shared(bytes) => integers::parse_i64(bytes),
        }
    }

    /// A copy of the bytes.
    pub(crate) fn to_vec(self) -> Vec<u8> {
        self.bytes(&mut itoa::Buffer::new()).to_vec()
    }
}
