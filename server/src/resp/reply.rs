//! The reply writer: the one place that knows RESP2 from RESP3.
//!
//! A handler says what it means (a map, a null, a double); what that looks like on the wire is decided here.

use std::sync::Arc;

use crate::resp::error::Error;
use crate::resp::output::{Output, Room, SHARE_LEN_MIN};
use crate::text::doubles;

/// The version of the protocol a client has chosen with HELLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Protocol {
    #[default]
    Resp2,
    Resp3,
}

impl Protocol {
    /// `2` or `3`.
    pub(crate) fn number(self) -> u8 {
        match self {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        }
    }
}

/// Kinds of aggregate whose length may become known only after their elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    dead_code,
    reason = "every kind the protocol has; commands use them as families arrive"
)]
pub(crate) enum Aggregate {
    Array,
    Map,
    Set,
    Push,
    /// As [`Reply::pairs`].
    Pairs,
}

/// Writes the reply of one command.
pub(crate) struct Reply<'a> {
    out: &'a mut Output,
    protocol: Protocol,
    /// CLIENT REPLY OFF or SKIP: nothing is written.
    muted: bool,
}

impl<'a> Reply<'a> {
    pub(crate) fn new(out: &'a mut Output, protocol: Protocol, muted: bool) -> Reply<'a> {
        Reply {
            out,
            protocol,
            muted,
        }
    }

    /// The same reply, lent to a callee that takes it by value.
    pub(crate) fn reborrow(&mut self) -> Reply<'_> {
        Reply {
            out: self.out,
            protocol: self.protocol,
            muted: self.muted,
        }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Follows a HELLO or RESET that changed the protocol while its reply is being written.
    pub(crate) fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Turns CLIENT REPLY OFF on or off for the rest of this reply; returns what it was.
    pub(crate) fn set_muted(&mut self, muted: bool) -> bool {
        std::mem::replace(&mut self.muted, muted)
    }

    /// Whether nothing has been written since the output held `len` bytes.
    pub(crate) fn output_len(&self) -> usize {
        self.out.len()
    }

    #[inline]
    fn raw(&mut self, bytes: &[u8]) {
        if !self.muted {
            self.out.tail().extend_from_slice(bytes);
        }
    }

    #[inline]
    fn header(&mut self, kind: u8, count: usize) {
        if !self.muted {
            write_header(self.out.tail(), kind, count);
        }
    }

    /// `+OK`.
    #[inline]
    pub(crate) fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// A simple string: no line ends inside.
    pub(crate) fn status(&mut self, text: &str) {
        if !self.muted {
            let tail = self.out.tail();
            tail.push(b'+');
            tail.extend_from_slice(text.as_bytes());
            tail.extend_from_slice(b"\r\n");
        }
    }

    /// An integer.
    #[inline]
    pub(crate) fn int(&mut self, value: i64) {
        if !self.muted {
            let tail = self.out.tail();
            tail.push(b':');
            tail.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
            tail.extend_from_slice(b"\r\n");
        }
    }

    /// A count of things in memory.
    pub(crate) fn count(&mut self, value: usize) {
        self.int(value as i64);
    }

    /// `:1` or `:0`: what Redis's old commands answer, in both protocols.
    pub(crate) fn flag(&mut self, value: bool) {
        self.raw(if value { b":1\r\n" } else { b":0\r\n" });
    }

    /// A boolean: `#t` or `#f`; in RESP2 as [`Reply::flag`].
    pub(crate) fn bool(&mut self, value: bool) {
        match (self.protocol, value) {
            (Protocol::Resp2, value) => self.flag(value),
            (Protocol::Resp3, true) => self.raw(b"#t\r\n"),
            (Protocol::Resp3, false) => self.raw(b"#f\r\n"),
        }
    }

    /// A bulk string.
    #[inline]
    pub(crate) fn bulk(&mut self, bytes: &[u8]) {
        if !self.muted {
            let tail = self.out.tail();
            tail.reserve(bytes.len() + 16);
            write_header(tail, b'$', bytes.len());
            tail.extend_from_slice(bytes);
            tail.extend_from_slice(b"\r\n");
            self.out.settle();
        }
    }

    /// A bulk string whose bytes a value holds: shared when large, copied when small.
    pub(crate) fn shared_bulk(&mut self, bytes: &Arc<Vec<u8>>) {
        if bytes.len() < SHARE_LEN_MIN {
            return self.bulk(bytes);
        }
        if !self.muted {
            write_header(self.out.tail(), b'$', bytes.len());
            self.out.share(Arc::clone(bytes));
            self.out.tail().extend_from_slice(b"\r\n");
        }
    }

    /// What several clients are told alike.
    pub(crate) fn broadcast(&mut self, broadcast: &mut Broadcast<impl Fn(&mut Reply<'_>)>) {
        if self.muted {
            return;
        }
        let encoded = broadcast.encoded(self.protocol);
        if encoded.len() < SHARE_LEN_MIN {
            self.out.tail().extend_from_slice(encoded);
            self.out.settle();
        } else {
            self.out.share(Arc::clone(encoded));
        }
    }

    /// Lets what was pushed to the client meanwhile come before the reply, which nothing has been written of yet.
    pub(crate) fn let_pass(&mut self, pushed: &mut Output) {
        self.out.append(pushed);
    }

    /// An integer as a bulk string.
    #[inline]
    pub(crate) fn bulk_int(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// The null bulk string `$-1`, or `_`.
    #[inline]
    pub(crate) fn null(&mut self) {
        self.raw(match self.protocol {
            Protocol::Resp2 => b"$-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// The null array `*-1`, or `_`.
    pub(crate) fn null_array(&mut self) {
        self.raw(match self.protocol {
            Protocol::Resp2 => b"*-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// A double, as Redis 7.2 and later print it; a bulk string in RESP2.
    pub(crate) fn double(&mut self, value: f64) {
        let mut text = Vec::new();
        doubles::write_double(&mut text, value);
        match self.protocol {
            Protocol::Resp2 => self.bulk(&text),
            Protocol::Resp3 => self.line(b',', &text),
        }
    }

    /// A number of any length, given in digits; a bulk string in RESP2.
    pub(crate) fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => self.line(b'(', digits.as_bytes()),
        }
    }

    /// Text for people, with a three-letter format; a bulk string in RESP2.
    pub(crate) fn verbatim(&mut self, format: &str, text: &[u8]) {
        debug_assert_eq!(format.len(), 3);
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                self.header(b'=', text.len() + 4);
                self.raw(format.as_bytes());
                self.raw(b":");
                self.raw(text);
                self.raw(b"\r\n");
            }
        }
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.raw(&[kind]);
        self.raw(text);
        self.raw(b"\r\n");
    }

    /// An array of `count` elements, which follow.
    #[inline]
    pub(crate) fn array(&mut self, count: usize) {
        self.header(b'*', count);
    }

    /// A map of `count` pairs, which follow, key first; a flat array in RESP2.
    pub(crate) fn map(&mut self, count: usize) {
        match self.protocol {
            Protocol::Resp2 => self.header(b'*', count * 2),
            Protocol::Resp3 => self.header(b'%', count),
        }
    }

    /// An array of `count` pairs, whose order matters, so that no map will do: each is begun with [`Reply::pair`]. A flat
    /// array in RESP2.
    pub(crate) fn pairs(&mut self, count: usize) {
        match self.protocol {
            Protocol::Resp2 => self.header(b'*', count * 2),
            Protocol::Resp3 => self.header(b'*', count),
        }
    }

    /// One of the pairs, whose two elements follow.
    pub(crate) fn pair(&mut self) {
        match self.protocol {
            Protocol::Resp2 => {}
            Protocol::Resp3 => self.header(b'*', 2),
        }
    }

    /// A set of `count` elements, which follow; an array in RESP2.
    pub(crate) fn set(&mut self, count: usize) {
        match self.protocol {
            Protocol::Resp2 => self.header(b'*', count),
            Protocol::Resp3 => self.header(b'~', count),
        }
    }

    /// A push of `count` elements, which follow; an array in RESP2.
    pub(crate) fn push(&mut self, count: usize) {
        match self.protocol {
            Protocol::Resp2 => self.header(b'*', count),
            Protocol::Resp3 => self.header(b'>', count),
        }
    }

    /// An attribute of `count` pairs, which follow and precede the reply they describe. RESP3 only: in RESP2 it must
    /// not be begun.
    pub(crate) fn attribute(&mut self, count: usize) {
        debug_assert_eq!(self.protocol, Protocol::Resp3);
        self.header(b'|', count);
    }

    /// Begins an aggregate whose length is not known yet; [`Reply::finish`] writes it.
    pub(crate) fn deferred(&mut self, kind: Aggregate) -> Deferred {
        Deferred {
            kind,
            room: (!self.muted).then(|| self.out.leave_room()),
        }
    }

    /// Ends a deferred aggregate with its number of elements (of pairs, for a map).
    pub(crate) fn finish(&mut self, deferred: Deferred, count: usize) {
        let Some(room) = deferred.room else { return };
        let (kind, count) = match (self.protocol, deferred.kind) {
            (Protocol::Resp2, Aggregate::Map | Aggregate::Pairs) => (b'*', count * 2),
            (Protocol::Resp2, _) | (Protocol::Resp3, Aggregate::Array | Aggregate::Pairs) => {
                (b'*', count)
            }
            (Protocol::Resp3, Aggregate::Map) => (b'%', count),
            (Protocol::Resp3, Aggregate::Set) => (b'~', count),
            (Protocol::Resp3, Aggregate::Push) => (b'>', count),
        };
        let mut header = Vec::with_capacity(16);
        write_header(&mut header, kind, count);
        self.out.fill(room, header);
    }

    /// An error line; line ends at its end vanish and those inside become blanks, as Redis writes them.
    pub(crate) fn error(&mut self, error: &Error) {
        if !self.muted {
            let tail = self.out.tail();
            tail.push(b'-');
            let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
            let line = error.line();
            let end = line
                .iter()
                .rposition(|byte| !is_line_end(byte))
                .map_or(0, |last| last + 1);
            tail.extend(
                line[..end]
                    .iter()
                    .map(|byte| if is_line_end(byte) { b' ' } else { *byte }),
            );
            tail.extend_from_slice(b"\r\n");
        }
    }
}

/// Something that several clients are told alike: written once for each protocol that one of them speaks.
pub(crate) struct Broadcast<F> {
    write: F,
    resp2: Option<Arc<Vec<u8>>>,
    resp3: Option<Arc<Vec<u8>>>,
}

impl<F: Fn(&mut Reply<'_>)> Broadcast<F> {
    /// What `write` writes, written when first needed.
    pub(crate) fn new(write: F) -> Broadcast<F> {
        Broadcast {
            write,
            resp2: None,
            resp3: None,
        }
    }

    fn encoded(&mut self, protocol: Protocol) -> &Arc<Vec<u8>> {
        let encoded = match protocol {
            Protocol::Resp2 => &mut self.resp2,
            Protocol::Resp3 => &mut self.resp3,
        };
        encoded.get_or_insert_with(|| {
            let mut out = Output::default();
            (self.write)(&mut Reply::new(&mut out, protocol, false));
            Arc::new(out.into_vec())
        })
    }
}

/// An aggregate begun with [`Reply::deferred`].
#[must_use = "an aggregate that is begun must be finished"]
#[derive(Debug)]
pub(crate) struct Deferred {
    kind: Aggregate,
    room: Option<Room>,
}

#[inline]
fn write_header(tail: &mut Vec<u8>, kind: u8, count: usize) {
    if count < 10 {
        tail.extend_from_slice(&[kind, b'0' + count as u8, b'\r', b'\n']);
    } else {
        tail.push(kind);
        tail.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
        tail.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(write: impl Fn(&mut Reply<'_>)) -> (String, String) {
        let one = |protocol| {
            let mut out = Output::default();
            write(&mut Reply::new(&mut out, protocol, false));
            String::from_utf8(out.to_vec()).expect("the tests write text")
        };
        (one(Protocol::Resp2), one(Protocol::Resp3))
    }

    #[test]
    fn what_resp2_lacks_is_lowered() {
        type Case = (&'static str, &'static str, fn(&mut Reply<'_>));
        let cases: [Case; 8] = [
            ("$-1\r\n", "_\r\n", |r| r.null()),
            ("*-1\r\n", "_\r\n", |r| r.null_array()),
            ("*4\r\n", "%2\r\n", |r| r.map(2)),
            ("*2\r\n", "~2\r\n", |r| r.set(2)),
            (":1\r\n", "#t\r\n", |r| r.bool(true)),
            ("$3\r\n0.1\r\n", ",0.1\r\n", |r| r.double(0.1)),
            ("$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n", |r| {
                r.verbatim("txt", b"hi");
            }),
            ("$2\r\n12\r\n", "(12\r\n", |r| r.big_number("12")),
        ];
        for (resp2, resp3, write) in cases {
            assert_eq!(both(write), (resp2.to_owned(), resp3.to_owned()));
        }
    }

    #[test]
    fn pairs_are_nested_in_resp3_only() {
        let written = both(|r| {
            r.pairs(1);
            r.pair();
            r.int(1);
            r.double(2.5);
        });
        assert_eq!(
            written,
            (
                "*2\r\n:1\r\n$3\r\n2.5\r\n".to_owned(),
                "*1\r\n*2\r\n:1\r\n,2.5\r\n".to_owned()
            )
        );
    }

    #[test]
    fn an_aggregate_may_be_counted_afterwards() {
        let written = both(|r| {
            let map = r.deferred(Aggregate::Map);
            r.int(1);
            r.int(2);
            r.finish(map, 1);
        });
        assert_eq!(
            written,
            (
                "*2\r\n:1\r\n:2\r\n".to_owned(),
                "%1\r\n:1\r\n:2\r\n".to_owned()
            )
        );
    }

    #[test]
    fn line_ends_cannot_be_smuggled_through_an_error() {
        let (resp2, _) = both(|r| r.error(&Error::new("ERR a\r\n+OK")));
        assert_eq!(resp2, "-ERR a  +OK\r\n");
    }

    #[test]
    fn a_muted_reply_leaves_no_trace() {
        let mut out = Output::default();
        let mut reply = Reply::new(&mut out, Protocol::Resp3, true);
        let map = reply.deferred(Aggregate::Map);
        reply.bulk(b"x");
        reply.verbatim("txt", b"y");
        reply.finish(map, 1);
        reply.shared_bulk(&Arc::new(vec![0; SHARE_LEN_MIN]));
        assert!(out.is_empty());
    }
}
