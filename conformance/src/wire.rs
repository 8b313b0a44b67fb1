//! The lossless reader: bytes a server wrote become replies that keep their kind and every byte; it opens no
//! socket and knows nothing of transcripts.
//!
//! No published parser can judge: they merge `$-1` with `*-1`, do not look at the two bytes after a bulk, or start
//! again from the first byte whenever a fragment arrives. This one keeps its place between fragments (each byte is
//! looked at once), refuses whatever the [RESP specification](https://redis.io/docs/latest/develop/reference/protocol-spec/)
//! does not allow, and says at which byte of the stream and what it had expected there.
//!
//! ```
//! use respect_conformance::wire::{Kind, Reader};
//!
//! let mut reader = Reader::new();
//! reader.feed(b"*2\r\n$-1\r\n:7\r\n+O");
//! let reply = reader.next_reply().unwrap().expect("one whole reply has arrived");
//! assert_eq!(reply.kind(), Kind::Array);
//! assert_eq!(reply.root().children().map(|child| child.kind()).collect::<Vec<_>>(), [Kind::NullBulk, Kind::Integer]);
//! assert_eq!(reader.next_reply(), Ok(None));
//! assert_eq!(reader.pending(), b"+O");
//! ```
//!
//! Streamed strings and aggregates (`$?`, `*?`) are refused: no server sends them.

mod reply;

use std::fmt;

use crate::transcript::escape::escaped;
use reply::Node;
pub use reply::{Element, Kind, Reply};

/// How much a reader accepts before it says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Aggregates inside each other.
    pub depth: usize,
    /// Bytes of a line such as an error or a simple string.
    pub line_bytes: usize,
    /// Bytes of one bulk string, verbatim string or bulk error.
    pub blob_bytes: usize,
}

impl Default for Limits {
    /// 128 levels, 16 MiB lines and 1 GiB blobs: above anything Redis writes.
    fn default() -> Self {
        Limits {
            depth: 128,
            line_bytes: 16 << 20,
            blob_bytes: 1 << 30,
        }
    }
}

/// What was wrong with the bytes. The stream has no meaning from there on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// The byte of the stream, counted from 0, at which the expectation was disappointed.
    pub offset: u64,
    /// What would have been right there.
    pub expected: &'static str,
    /// What stood there: a few bytes, fewer if no more had come.
    pub found: Vec<u8>,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "byte {}: expected {}, found \"{}\"",
            self.offset,
            self.expected,
            escaped(&self.found)
        )
    }
}

impl std::error::Error for WireError {}

/// Reads replies from a stream that arrives in pieces.
#[derive(Clone, Debug)]
pub struct Reader {
    limits: Limits,
    /// Bytes not yet returned, after `start` bytes that were and await removal.
    buffer: Vec<u8>,
    start: usize,
    /// Where `buffer[start]` stands in the stream.
    offset: u64,
    /// How far the line or blob being read has been looked at; an index from `start`, like all below.
    seen: usize,
    /// Where the element being read begins.
    element: usize,
    blob: Option<Blob>,
    open: Vec<Open>,
    nodes: Vec<Node>,
    failed: Option<WireError>,
}

/// A blob whose header has been read.
#[derive(Clone, Copy, Debug)]
struct Blob {
    kind: Kind,
    start: usize,
    end: usize,
}

/// An aggregate that still lacks elements.
#[derive(Clone, Copy, Debug)]
struct Open {
    node: usize,
    missing: u64,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader at the start of a stream, with the usual [`Limits`].
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A reader that accepts more, or less, than usual.
    pub fn with_limits(limits: Limits) -> Self {
        Reader {
            limits,
            buffer: Vec::new(),
            start: 0,
            offset: 0,
            seen: 0,
            element: 0,
            blob: None,
            open: Vec::new(),
            nodes: Vec::new(),
            failed: None,
        }
    }

    /// Takes what arrived. Any cutting of the same bytes gives the same replies.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.start > 4096 && self.start * 2 > self.buffer.len() {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole reply or push; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The first byte that cannot be part of a reply; and the same error for ever after.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, WireError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.advance()
            .inspect_err(|error| self.failed = Some(error.clone()))
    }

    /// The bytes of a reply that is not complete yet, and whatever came after them.
    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Where the first pending byte stands in the stream: the number of bytes returned in replies so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn advance(&mut self) -> Result<Option<Reply>, WireError> {
        loop {
            let done = match self.blob {
                Some(blob) => self.read_blob(blob)?,
                None => self.read_line()?,
            };
            if !done {
                return Ok(None);
            }
            if self.close_finished() {
                return Ok(Some(self.take_reply()));
            }
        }
    }

    /// Reads one CRLF-ended line and the element it is, or begins. False when the line is not all there.
    fn read_line(&mut self) -> Result<bool, WireError> {
        let pending = &self.buffer[self.start..];
        let Some(&prefix) = pending.get(self.element) else {
            return Ok(false);
        };
        let kind = Kind::announced_by(prefix)
            .ok_or_else(|| self.error(self.element, "the first byte of a reply"))?;
        if kind == Kind::Push && (!self.open.is_empty() || !self.nodes.is_empty()) {
            // Seen in the wild: a push written into the middle of another command's reply.
            return Err(self.error(
                self.element,
                "an element of the reply (a push never comes inside one)",
            ));
        }
        let from = self.seen.max(self.element + 1);
        let Some(at) = pending[from..]
            .iter()
            .position(|&byte| byte == b'\r' || byte == b'\n')
            .map(|at| from + at)
        else {
            self.seen = pending.len();
            if pending.len() - self.element > self.limits.line_bytes {
                return Err(self.error(self.element, "a line that ends sooner"));
            }
            return Ok(false);
        };
        if at - self.element > self.limits.line_bytes {
            return Err(self.error(self.element, "a line that ends sooner"));
        }
        match (pending[at], pending.get(at + 1)) {
            (b'\r', Some(b'\n')) => {}
            (b'\r', None) => {
                self.seen = at;
                return Ok(false);
            }
            _ => return Err(self.error(at, "CRLF at the end of the line")),
        }
        let body = self.element + 1..at;
        self.element_from_line(kind, body.start, body.end)?;
        Ok(true)
    }

    /// The line `start..end` announced `kind`: keep it whole, or open the blob or aggregate it begins.
    fn element_from_line(&mut self, kind: Kind, start: usize, end: usize) -> Result<(), WireError> {
        let after = end + 2;
        let text = &self.buffer[self.start..][start..end];
        if kind.is_blob() || kind.is_aggregate() {
            let null = match kind {
                Kind::Bulk => Some(Kind::NullBulk),
                Kind::Array => Some(Kind::NullArray),
                _ => None,
            };
            if let (Some(null), b"-1") = (null, text) {
                self.push_node(null, start, end, after);
                return Ok(());
            }
            let expected = if null.is_some() {
                "a length: digits without leading zeros, or -1"
            } else {
                "a length: digits without leading zeros"
            };
            let length = parse_length(text).ok_or_else(|| self.error(start, expected))?;
            return if kind.is_blob() {
                self.open_blob(kind, start, after, length)
            } else {
                self.open_aggregate(kind, start, end, after, length)
            };
        }
        let fault = match kind {
            Kind::Integer if !is_integer(text) => Some("an integer: digits, perhaps with a sign"),
            Kind::BigNumber if !is_integer(text) => {
                Some("a big number: digits, perhaps with a sign")
            }
            Kind::Double if !is_double(text) => Some("a double, inf, -inf or nan"),
            Kind::Boolean if !matches!(text, b"t" | b"f") => Some("t or f"),
            Kind::Null if !text.is_empty() => Some("CRLF straight after the underscore"),
            _ => None,
        };
        if let Some(expected) = fault {
            return Err(self.error(start, expected));
        }
        self.push_node(kind, start, end, after);
        Ok(())
    }

    fn open_blob(
        &mut self,
        kind: Kind,
        header: usize,
        after: usize,
        length: u64,
    ) -> Result<(), WireError> {
        let length = usize::try_from(length)
            .ok()
            .filter(|&length| length <= self.limits.blob_bytes)
            .ok_or_else(|| {
                self.error(
                    header,
                    "a shorter blob (this length is over the reader's limit)",
                )
            })?;
        if kind == Kind::Verbatim && length < 4 {
            return Err(self.error(
                header,
                "a length of at least 4 (a verbatim string begins with its format and a colon)",
            ));
        }
        self.blob = Some(Blob {
            kind,
            start: after,
            end: after + length,
        });
        Ok(())
    }

    fn open_aggregate(
        &mut self,
        kind: Kind,
        start: usize,
        end: usize,
        after: usize,
        count: u64,
    ) -> Result<(), WireError> {
        let missing = if matches!(kind, Kind::Map | Kind::Attribute) {
            count.checked_mul(2)
        } else {
            Some(count)
        };
        let missing = missing
            .filter(|&missing| missing <= u64::from(u32::MAX) * 2)
            .ok_or_else(|| {
                self.error(
                    start,
                    "fewer elements (this count is over the reader's limit)",
                )
            })?;
        if self.open.len() >= self.limits.depth {
            return Err(self.error(
                self.element,
                "an element that is not an aggregate (nested too deep)",
            ));
        }
        let node = self.nodes.len();
        self.push_node(kind, start, end, after);
        self.open.push(Open { node, missing });
        Ok(())
    }

    /// Waits for the blob's bytes and the CRLF behind them. False when they are not all there.
    fn read_blob(&mut self, blob: Blob) -> Result<bool, WireError> {
        let pending = &self.buffer[self.start..];
        for (at, due) in [(blob.end, b'\r'), (blob.end + 1, b'\n')] {
            match pending.get(at) {
                None => return Ok(false),
                Some(&byte) if byte != due => {
                    return Err(self.error(at, "CRLF after the announced number of bytes"));
                }
                Some(_) => {}
            }
        }
        if blob.kind == Kind::Verbatim && pending[blob.start + 3] != b':' {
            return Err(self.error(
                blob.start + 3,
                "a colon after the three letters of the format",
            ));
        }
        self.blob = None;
        self.push_node(blob.kind, blob.start, blob.end, blob.end + 2);
        Ok(true)
    }

    fn push_node(&mut self, kind: Kind, body_start: usize, body_end: usize, end: usize) {
        let next = self.nodes.len() + 1;
        self.nodes.push(Node {
            kind,
            start: self.element,
            body_start,
            body_end,
            end,
            next,
        });
        self.element = end;
        self.seen = end;
    }

    /// Counts the element just read towards the aggregates it completes. True when that ends the reply.
    fn close_finished(&mut self) -> bool {
        // A blob's header alone completes nothing.
        if self.blob.is_some() {
            return false;
        }
        let opened_just_now = self
            .open
            .last()
            .is_some_and(|open| open.node + 1 == self.nodes.len());
        if !opened_just_now && let Some(open) = self.open.last_mut() {
            open.missing -= 1;
        }
        while let Some(&Open { node, missing: 0 }) = self.open.last() {
            self.open.pop();
            self.nodes[node].end = self.element;
            self.nodes[node].next = self.nodes.len();
            let is_attribute = self.nodes[node].kind == Kind::Attribute;
            match self.open.last_mut() {
                // An attribute is not an element of its own: what follows it is.
                _ if is_attribute => return false,
                Some(outer) => outer.missing -= 1,
                None => return true,
            }
        }
        self.open.is_empty()
    }

    fn take_reply(&mut self) -> Reply {
        let length = self.element;
        let bytes = self.buffer[self.start..self.start + length].to_vec();
        let nodes = std::mem::take(&mut self.nodes);
        let mut root = 0;
        while nodes[root].kind == Kind::Attribute {
            root = nodes[root].next;
        }
        let reply = Reply {
            offset: self.offset,
            bytes,
            nodes,
            root,
        };
        self.start += length;
        self.offset += length as u64;
        self.element = 0;
        self.seen = 0;
        reply
    }

    fn error(&self, at: usize, expected: &'static str) -> WireError {
        let pending = &self.buffer[self.start..];
        let found = pending[at.min(pending.len())..]
            .iter()
            .copied()
            .take(16)
            .collect();
        WireError {
            offset: self.offset + at as u64,
            expected,
            found,
        }
    }
}

/// Reads a stream that is already complete: its replies, and the bytes after the last whole one.
///
/// # Errors
/// See [`Reader::next_reply`].
pub fn read_all(bytes: &[u8]) -> Result<(Vec<Reply>, &[u8]), WireError> {
    let mut reader = Reader::new();
    reader.feed(bytes);
    let mut replies = Vec::new();
    while let Some(reply) = reader.next_reply()? {
        replies.push(reply);
    }
    let rest = bytes.len() - reader.pending().len();
    Ok((replies, &bytes[rest..]))
}

fn parse_length(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 || (text[0] == b'0' && text.len() > 1) {
        return None;
    }
    text.iter().try_fold(0u64, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + u64::from(byte - b'0'))
    })
}

fn is_integer(text: &[u8]) -> bool {
    let digits = text
        .strip_prefix(b"-")
        .or_else(|| text.strip_prefix(b"+"))
        .unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

fn is_double(text: &[u8]) -> bool {
    if matches!(text, b"inf" | b"-inf" | b"nan") {
        return true;
    }
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.iter().position(|&byte| byte == b'.') {
        Some(at) => (&mantissa[..at], Some(&mantissa[at + 1..])),
        None => (mantissa, None),
    };
    is_integer(whole)
        && fraction.is_none_or(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
        && exponent.is_none_or(is_integer)
}
