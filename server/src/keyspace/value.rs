//! What a key holds, as commands see it.

use std::sync::Arc;

use crate::data::hash::Hash;
use crate::data::list::List;
use crate::data::set::Set;
use crate::data::zset::Zset;
use crate::text::integers;

/// The longest string stored beside its key; a longer one has a buffer of its own, which replies share.
pub(crate) const EMBEDDED_LEN_MAX: usize = 8 * 1024;

/// A value too large or too changeable to be plain bytes beside its key: it owns memory of its own.
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
    /// As it is seen in the keyspace.
    fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Value::String(shared) => ValueRef::Shared(shared),
            Value::Hash(hash) => ValueRef::Hash(hash),
            Value::List(list) => ValueRef::List(list),
            Value::Set(set) => ValueRef::Set(set),
            Value::Zset(set) => ValueRef::Zset(set),
        }
    }
}

/// A type of value that is no string; it knows its variant.
pub(crate) trait Collection: Default {
    fn of(value: ValueRef<'_>) -> Option<&Self>;
    fn of_mut(value: ValueMut<'_>) -> Option<&mut Self>;
    fn into_value(self) -> Value;
}

/// Says of each type that its variants have its name.
macro_rules! collections {
    ($($kind:ident)*) => {
        $(impl Collection for $kind {
            fn of(value: ValueRef<'_>) -> Option<&$kind> {
                match value {
                    ValueRef::$kind(collection) => Some(collection),
                    _ => None,
                }
            }

            fn of_mut(value: ValueMut<'_>) -> Option<&mut $kind> {
                match value {
                    ValueMut::$kind(collection) => Some(collection),
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
    Owned(Value),
}

impl<'a> New<'a> {
    /// The type, as TYPE names it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            New::Int(_) | New::Bytes(_) => "string",
            New::Owned(value) => value.as_ref().type_name(),
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
            New::Owned(Value::String(Arc::new(bytes.to_vec())))
        }
    }

    /// A string whose buffer is kept.
    pub(crate) fn from_vec(bytes: Vec<u8>) -> New<'static> {
        New::Owned(Value::String(Arc::new(bytes)))
    }
}

/// A value as it lies in the keyspace.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ValueRef<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    /// [`Value::String`]
    Shared(&'a Arc<Vec<u8>>),
    Hash(&'a Hash),
    List(&'a List),
    Set(&'a Set),
    Zset(&'a Zset),
}

/// A [`Value`] as it lies in the keyspace, to be changed in place.
#[derive(Debug)]
pub(crate) enum ValueMut<'a> {
    String(&'a mut Arc<Vec<u8>>),
    Hash(&'a mut Hash),
    List(&'a mut List),
    Set(&'a mut Set),
    Zset(&'a mut Zset),
}

impl<'a> ValueRef<'a> {
    /// Redis's name of the type, as TYPE answers.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            ValueRef::Int(_) | ValueRef::Bytes(_) | ValueRef::Shared(_) => "string",
            ValueRef::Hash(_) => "hash",
            ValueRef::List(_) => "list",
            ValueRef::Set(_) => "set",
            ValueRef::Zset(_) => "zset",
        }
    }

    /// Redis's name of the representation, as OBJECT ENCODING answers. Of a string beside its key only the entry knows
    /// whether it is `embstr`.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            ValueRef::Int(_) => "int",
            ValueRef::Bytes(_) | ValueRef::Shared(_) => "raw",
            ValueRef::Hash(hash) => hash.encoding(),
            ValueRef::List(list) => list.encoding(),
            ValueRef::Set(set) => set.encoding(),
            ValueRef::Zset(set) => set.encoding(),
        }
    }

    /// Bytes it takes outside its entry.
    pub(super) fn memory(&self) -> usize {
        match self {
            ValueRef::Int(_) | ValueRef::Bytes(_) => 0,
            // The counts of an Arc take two words.
            ValueRef::Shared(shared) => {
                size_of::<Vec<u8>>() + 2 * size_of::<usize>() + shared.capacity()
            }
            ValueRef::Hash(hash) => hash.memory(),
            ValueRef::List(list) => list.memory(),
            ValueRef::Set(set) => set.memory(),
            ValueRef::Zset(set) => set.memory(),
        }
    }

    /// Of how many allocations it is made beside its entry, about: what freeing it costs.
    pub(super) fn allocations(&self) -> usize {
        match self {
            ValueRef::Int(_) | ValueRef::Bytes(_) => 0,
            ValueRef::Shared(_) => 1,
            ValueRef::Hash(hash) => hash.allocations(),
            ValueRef::List(list) => list.allocations(),
            ValueRef::Set(set) => set.allocations(),
            ValueRef::Zset(set) => set.allocations(),
        }
    }

    /// The string, if it is one.
    pub(crate) fn as_string(&self) -> Option<StringRef<'a>> {
        match *self {
            ValueRef::Int(int) => Some(StringRef::Int(int)),
            ValueRef::Bytes(bytes) => Some(StringRef::Bytes(bytes)),
            ValueRef::Shared(shared) => Some(StringRef::Shared(shared)),
            _ => None,
        }
    }

    /// The collection, if it is one of this type.
    pub(crate) fn collection<C: Collection>(self) -> Option<&'a C> {
        C::of(self)
    }

    /// The same value, to be stored under another key.
    pub(crate) fn duplicate(&self) -> New<'a> {
        New::Owned(match *self {
            ValueRef::Int(int) => return New::Int(int),
            ValueRef::Bytes(bytes) => return New::Bytes(bytes),
            ValueRef::Shared(shared) => Value::String(Arc::clone(shared)),
            ValueRef::Hash(hash) => Value::Hash(hash.clone()),
            ValueRef::List(list) => Value::List(list.clone()),
            ValueRef::Set(set) => Value::Set(set.clone()),
            ValueRef::Zset(set) => Value::Zset(set.clone()),
        })
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
