//! Replies as they were read: kind, every byte, and the elements inside. Knows nothing of how they were read.

use std::fmt;

use crate::transcript::escape::escaped;

/// What a reply, or an element of one, is. The first byte decides, and for nulls the length as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `+OK`
    SimpleString,
    /// `-ERR …`
    Error,
    /// `:1`
    Integer,
    /// `$5 hello`
    Bulk,
    /// `$-1`, RESP2's null string
    NullBulk,
    /// `*-1`, RESP2's null array
    NullArray,
    /// `_`, RESP3's only null
    Null,
    /// `#t`, `#f`
    Boolean,
    /// `,3.14`
    Double,
    /// `(3492890328409238509324850943850943825024385`
    BigNumber,
    /// `!21 SYNTAX invalid syntax`
    BulkError,
    /// `=15 txt:Some string`
    Verbatim,
    /// `*2`
    Array,
    /// `%2`; its children are key, value, key, value
    Map,
    /// `~2`
    Set,
    /// `>2`; out of band, so never inside another reply
    Push,
    /// `|1`; its children are key, value …; it belongs to the element that follows it
    Attribute,
}

impl Kind {
    /// The byte this kind begins with on the wire.
    pub const fn prefix(self) -> u8 {
        match self {
            Kind::SimpleString => b'+',
            Kind::Error => b'-',
            Kind::Integer => b':',
            Kind::Bulk | Kind::NullBulk => b'$',
            Kind::Array | Kind::NullArray => b'*',
            Kind::Null => b'_',
            Kind::Boolean => b'#',
            Kind::Double => b',',
            Kind::BigNumber => b'(',
            Kind::BulkError => b'!',
            Kind::Verbatim => b'=',
            Kind::Map => b'%',
            Kind::Set => b'~',
            Kind::Push => b'>',
            Kind::Attribute => b'|',
        }
    }

    /// What a person calls it, with its article: "a bulk string".
    pub const fn name(self) -> &'static str {
        match self {
            Kind::SimpleString => "a simple string",
            Kind::Error => "an error",
            Kind::Integer => "an integer",
            Kind::Bulk => "a bulk string",
            Kind::NullBulk => "a null bulk string",
            Kind::NullArray => "a null array",
            Kind::Null => "a null",
            Kind::Boolean => "a boolean",
            Kind::Double => "a double",
            Kind::BigNumber => "a big number",
            Kind::BulkError => "a bulk error",
            Kind::Verbatim => "a verbatim string",
            Kind::Array => "an array",
            Kind::Map => "a map",
            Kind::Set => "a set",
            Kind::Push => "a push",
            Kind::Attribute => "an attribute",
        }
    }

    /// Whether elements follow its header.
    pub const fn is_aggregate(self) -> bool {
        matches!(
            self,
            Kind::Array | Kind::Map | Kind::Set | Kind::Push | Kind::Attribute
        )
    }

    /// Whether a length and then that many bytes follow its prefix.
    pub(super) const fn is_blob(self) -> bool {
        matches!(self, Kind::Bulk | Kind::BulkError | Kind::Verbatim)
    }

    /// The kind a prefix announces; a length of -1 may yet turn it into a null.
    pub(super) const fn announced_by(prefix: u8) -> Option<Kind> {
        Some(match prefix {
            b'+' => Kind::SimpleString,
            b'-' => Kind::Error,
            b':' => Kind::Integer,
            b'$' => Kind::Bulk,
            b'*' => Kind::Array,
            b'_' => Kind::Null,
            b'#' => Kind::Boolean,
            b',' => Kind::Double,
            b'(' => Kind::BigNumber,
            b'!' => Kind::BulkError,
            b'=' => Kind::Verbatim,
            b'%' => Kind::Map,
            b'~' => Kind::Set,
            b'>' => Kind::Push,
            b'|' => Kind::Attribute,
            _ => return None,
        })
    }
}

/// One whole reply (or push) with every byte it was made of.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
    /// Every element in the order it was written; an attribute comes before what it belongs to.
    pub(super) nodes: Vec<Node>,
    /// The node that is the reply itself: not 0 when attributes came first.
    pub(super) root: usize,
}

/// One element: where it begins, where its body is, where it and everything inside it ends. Offsets into `Reply::bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) body_start: usize,
    pub(super) body_end: usize,
    pub(super) end: usize,
    /// One past the last node inside this one.
    pub(super) next: usize,
}

impl Reply {
    /// What the reply is; an attribute in front of it does not count.
    pub fn kind(&self) -> Kind {
        self.nodes[self.root].kind
    }

    /// Whether it came out of band, as RESP3 pushes do. (RESP2 writes pushes as arrays; no reader can tell those apart.)
    pub fn is_push(&self) -> bool {
        self.kind() == Kind::Push
    }

    /// Exactly what the server wrote, attributes included.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where its first byte stood in the stream, counted from 0.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The reply itself, without attributes.
    pub fn root(&self) -> Element<'_> {
        Element {
            reply: self,
            index: self.root,
        }
    }

    /// The attributes in front of the reply.
    pub fn attributes(&self) -> impl Iterator<Item = Element<'_>> {
        let first = Siblings {
            reply: self,
            next: 0,
            end: self.root,
        };
        first.filter(|element| element.kind() == Kind::Attribute)
    }

    /// The reply's bytes, whoever owns it.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}@{}({})",
            self.kind(),
            self.offset,
            escaped(&self.bytes)
        )
    }
}

/// An element of a reply, down to single strings and numbers.
#[derive(Clone, Copy)]
pub struct Element<'r> {
    reply: &'r Reply,
    index: usize,
}

impl<'r> Element<'r> {
    /// What it is.
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// Its bytes with prefix, final CRLF and everything inside it.
    pub fn bytes(self) -> &'r [u8] {
        &self.reply.bytes[self.node().start..self.node().end]
    }

    /// What it says: the text of a line, the content of a blob, the count of an aggregate.
    pub fn body(self) -> &'r [u8] {
        &self.reply.bytes[self.node().body_start..self.node().body_end]
    }

    /// The elements directly inside it, attributes among them; nothing for strings and numbers.
    pub fn children(self) -> impl Iterator<Item = Element<'r>> {
        Siblings {
            reply: self.reply,
            next: self.index + 1,
            end: self.node().next,
        }
    }

    fn node(self) -> &'r Node {
        &self.reply.nodes[self.index]
    }
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({})", self.kind(), escaped(self.bytes()))
    }
}

/// Steps from one element over everything inside it to the next.
struct Siblings<'r> {
    reply: &'r Reply,
    next: usize,
    end: usize,
}

impl<'r> Iterator for Siblings<'r> {
    type Item = Element<'r>;

    fn next(&mut self) -> Option<Element<'r>> {
        if self.next >= self.end {
            return None;
        }
        let index = self.next;
        self.next = self.reply.nodes[index].next;
        Some(Element {
            reply: self.reply,
            index,
        })
    }
}
