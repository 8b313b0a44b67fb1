//! The request parser: inline and multibulk, incremental, with every limit and error text of Redis 8.2.3.
//!
//! It keeps its place between calls, so each byte is looked at once however the stream is cut. It knows neither
//! commands nor clients; whoever calls it owns the buffer.

use std::fmt;
use std::sync::Arc;

use memchr::{memchr, memchr2};

use crate::resp::args::{Args, Large, Span};
use crate::text::{integers, shell_words};

/// An inline request or a header may be this long without its line end (PROTO_INLINE_MAX_SIZE).
pub(crate) const LINE_LEN_MAX: usize = 64 * 1024;

/// The longest inline request that Redis reads when it arrives at once: it reads 16 KiB at a time, and what was within
/// [`LINE_LEN_MAX`] before a read may end anywhere in it.
const COMPLETE_INLINE_LEN_MAX: usize = LINE_LEN_MAX + 16 * 1024 - 2;

/// From here on an argument is read into a buffer of its own (PROTO_MBULK_BIG_ARG).
pub(crate) const LARGE_LEN_MIN: usize = 32 * 1024;

/// Room that a large argument gets as soon as its length is known.
const EAGER_ROOM_LEN: usize = 4 * 1024 * 1024;

/// What a client that has not authenticated may send.
const UNAUTHENTICATED_ARGS_MAX: i64 = 10;
const UNAUTHENTICATED_BULK_LEN_MAX: i64 = 16384;

/// Room for arguments is kept up to this many between commands.
const SPANS_KEEP: usize = 64;

/// What the parser must be told at each call, since it may change between two commands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// proto-max-bulk-len.
    pub(crate) bulk_len_max: i64,
    pub(crate) authenticated: bool,
}

/// How far one call of [`Parser::next`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A command is complete; [`Parser::args`] has it.
    Command,
    /// The buffer holds no complete command any more.
    Incomplete,
}

/// A request that is not the Redis protocol. The client is told, then closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProtocolError {
    TooBigInline,
    UnbalancedQuotes,
    TooBigCountLine,
    InvalidCount,
    UnauthenticatedCount,
    TooBigLenLine,
    ExpectedBulk(u8),
    InvalidLen,
    UnauthenticatedLen,
}

impl ProtocolError {
    /// What stands behind `-ERR Protocol error: `.
    pub(crate) fn reason(self) -> Vec<u8> {
        let text = match self {
            ProtocolError::TooBigInline => "too big inline request",
            ProtocolError::UnbalancedQuotes => "unbalanced quotes in request",
            ProtocolError::TooBigCountLine => "too big mbulk count string",
            ProtocolError::InvalidCount => "invalid multibulk length",
            ProtocolError::UnauthenticatedCount => "unauthenticated multibulk length",
            ProtocolError::TooBigLenLine => "too big bulk count string",
            ProtocolError::ExpectedBulk(got) => {
                let mut text = b"expected '$', got '".to_vec();
                text.extend_from_slice(&[got, b'\'']);
                return text;
            }
            ProtocolError::InvalidLen => "invalid bulk length",
            ProtocolError::UnauthenticatedLen => "unauthenticated bulk length",
        };
        text.as_bytes().to_vec()
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Protocol error: {}",
            String::from_utf8_lossy(&self.reason())
        )
    }
}

/// Where a command stands that has begun and not ended.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// The next byte of the buffer to look at.
    at: usize,
    /// How far a line end has been sought from `at` in vain.
    searched: usize,
    /// Where the command began in the buffer.
    begin: usize,
    /// Arguments still to come.
    missing: usize,
    /// Length of the argument whose bytes come next.
    bulk: Option<usize>,
    spans: Vec<Span>,
    /// What most connections never need.
    rare: Option<Box<Rare>>,
    /// See [`Parser::moved`].
    moved: usize,
    /// The arguments lie unquoted in `rare`.
    inline: bool,
    /// See [`Parser::hold`].
    held: bool,
}

/// What belongs to inline commands and to large arguments.
#[derive(Debug, Default)]
struct Rare {
    large: Vec<Large>,
    /// The large argument being read, and its full length with the CRLF.
    filling: Option<(Vec<u8>, usize)>,
    /// An inline command's arguments, unquoted.
    unquoted: Vec<u8>,
}

impl Parser {
    /// The next complete command of `buffer`, which must begin with the bytes of the last call, less those dropped
    /// through [`Parser::dropped`] and [`Parser::moved`]. While a large argument is being read, its bytes go through
    /// [`Parser::fill`] instead of the buffer.
    #[inline]
    pub(crate) fn next(&mut self, buffer: &[u8], limits: Limits) -> Result<Step, ProtocolError> {
        if std::mem::take(&mut self.held) {
            return Ok(Step::Command);
        }
        loop {
            if self.missing == 0 {
                // Even if no other command follows: a large argument must not outlive the value that shares it.
                if self.searched == 0 {
                    self.start();
                }
                if self.at >= buffer.len() {
                    return Ok(Step::Incomplete);
                }
                if buffer[self.at] != b'*' {
                    match self.inline(buffer)? {
                        Some(true) => return Ok(Step::Command),
                        Some(false) => continue,
                        None => return Ok(Step::Incomplete),
                    }
                }
                match self.count(buffer, limits)? {
                    Some(0) => continue,
                    Some(count) => self.missing = count,
                    None => return Ok(Step::Incomplete),
                }
            }
            while self.missing > 0 {
                if !self.argument(buffer, limits)? {
                    return Ok(Step::Incomplete);
                }
                self.missing -= 1;
            }
            return Ok(Step::Command);
        }
    }

    /// Where commands may be read ahead from by [`read_ahead`], if no command has begun already.
    ///
    /// The client must have authenticated: the limits on those who have not are [`Parser::next`]'s.
    #[inline]
    pub(crate) fn ahead_from(&mut self) -> Option<usize> {
        if self.missing > 0 || self.searched > 0 || self.held {
            return None;
        }
        self.start();
        Some(self.at)
    }

    /// Says that the commands read ahead have run as far as `end`.
    #[inline]
    pub(crate) fn ran(&mut self, end: usize) {
        self.at = end;
        self.begin = end;
    }

    /// Whether the buffer ends with the last command that ran, so that there is nothing to look for in it.
    #[inline]
    pub(crate) fn is_at_end(&self, buffer: &[u8]) -> bool {
        self.at == buffer.len() && self.missing == 0 && self.searched == 0 && !self.held
    }

    /// Forgets the last command, whose arguments are not needed any more, and marks where the next one begins.
    #[inline]
    fn start(&mut self) {
        self.begin = self.at;
        self.spans.clear();
        if self.rare.is_some() || self.spans.capacity() > SPANS_KEEP {
            self.inline = false;
            self.rare = None;
            self.spans.shrink_to(SPANS_KEEP);
        }
    }

    /// The arguments of the command just completed; `buffer` is the one it was completed in.
    #[inline]
    pub(crate) fn args<'a>(&'a self, buffer: &'a [u8]) -> Args<'a> {
        match &self.rare {
            None => Args::new(buffer, &self.spans, &[]),
            Some(rare) if self.inline => Args::new(&rare.unquoted, &self.spans, &[]),
            Some(rare) => Args::new(buffer, &self.spans, &rare.large),
        }
    }

    /// Bytes of the buffer that are not needed any more once the commands returned so far have run.
    pub(crate) fn consumed(&self) -> usize {
        if self.missing == 0 && self.searched == 0 && !self.held {
            self.at
        } else {
            self.begin
        }
    }

    /// Of the bytes that have arrived, those that are in no complete argument yet, if so many are in the buffer.
    pub(crate) fn unparsed(&self, buffer_len: usize) -> usize {
        let filling = self.rare.as_ref().and_then(|rare| rare.filling.as_ref());
        let filling = filling.map_or(0, |(bytes, _)| bytes.len());
        buffer_len.saturating_sub(self.at) + filling
    }

    /// Keeps the command just completed: the next call returns it once more, and its bytes are not consumed before.
    pub(crate) fn hold(&mut self) {
        self.held = true;
    }

    /// Says that `count` bytes, no more than [`Parser::consumed`], were dropped from the front of the buffer.
    pub(crate) fn dropped(&mut self, count: usize) {
        self.at -= count;
        self.begin = self.begin.saturating_sub(count);
        if (self.missing > 0 || self.held) && !self.inline {
            for span in &mut self.spans {
                *span = span.moved_down(count);
            }
        }
    }

    /// How many bytes at the buffer's end the last [`Parser::next`] moved into a large argument: they must be cut off.
    pub(crate) fn moved(&mut self) -> usize {
        std::mem::take(&mut self.moved)
    }

    /// The buffer of the large argument now being read and how many bytes it has room for and lacks; they may be read
    /// straight into it.
    pub(crate) fn filling(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        let (bytes, full) = self.rare.as_mut()?.filling.as_mut()?;
        if bytes.len() == *full {
            return None;
        }
        if bytes.len() == bytes.capacity() {
            // Room beyond the first megabytes grows with what arrives: a length alone must not cost memory.
            let room = (*full - bytes.len()).min(bytes.len().max(EAGER_ROOM_LEN));
            bytes.reserve_exact(room);
        }
        let room = (*full - bytes.len()).min(bytes.capacity() - bytes.len());
        Some((bytes, room))
    }

    /// Hands over bytes that belong to the large argument now being read, if one is; returns how many it took.
    pub(crate) fn fill(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() {
            let Some((filling, room)) = self.filling() else {
                break;
            };
            let piece = &bytes[taken..][..room.min(bytes.len() - taken)];
            filling.extend_from_slice(piece);
            taken += piece.len();
        }
        taken
    }

    /// Bytes held outside the caller's buffer.
    pub(crate) fn memory(&self) -> usize {
        let Some(rare) = &self.rare else {
            return 0;
        };
        let filling = rare
            .filling
            .as_ref()
            .map_or(0, |(bytes, _)| bytes.capacity());
        let large: usize = rare.large.iter().map(|large| large.capacity()).sum();
        filling + large + rare.unquoted.capacity()
    }

    /// `Some(true)` for a command, `Some(false)` for an empty line, `None` for half a line.
    fn inline(&mut self, buffer: &[u8]) -> Result<Option<bool>, ProtocolError> {
        let rest = &buffer[self.at..];
        // Redis seeks the line end with strchr: a NUL hides all that follows it, for ever.
        let newline = match memchr2(b'\n', 0, &rest[self.searched..]) {
            Some(found) if rest[self.searched + found] == b'\n' => self.searched + found,
            Some(found) => {
                return self.unfinished(rest, self.searched + found, ProtocolError::TooBigInline);
            }
            None => return self.unfinished(rest, rest.len(), ProtocolError::TooBigInline),
        };
        if newline > COMPLETE_INLINE_LEN_MAX {
            return Err(ProtocolError::TooBigInline);
        }
        let line = &rest[..newline];
        let words = shell_words::split(line.strip_suffix(b"\r").unwrap_or(line))
            .map_err(|_| ProtocolError::UnbalancedQuotes)?;
        self.at += newline + 1;
        self.searched = 0;
        if words.is_empty() {
            return Ok(Some(false));
        }
        self.inline = true;
        let unquoted = &mut self.rare.get_or_insert_default().unquoted;
        for word in words {
            let start = unquoted.len();
            unquoted.extend_from_slice(&word);
            self.spans.push(Span::new(start, unquoted.len()));
        }
        Ok(Some(true))
    }

    /// No line end in `rest`, and none sought again before `searched`.
    fn unfinished<T>(
        &mut self,
        rest: &[u8],
        searched: usize,
        too_big: ProtocolError,
    ) -> Result<Option<T>, ProtocolError> {
        if rest.len() > LINE_LEN_MAX {
            return Err(too_big);
        }
        self.searched = searched;
        Ok(None)
    }

    /// The text of the header at `at`, without its first byte and its CRLF; moves behind it.
    #[inline]
    fn header<'b>(
        &mut self,
        buffer: &'b [u8],
        too_big: ProtocolError,
    ) -> Result<Option<(u8, &'b [u8])>, ProtocolError> {
        let rest = &buffer[self.at..];
        // Nearly every header is one byte of kind and one or two digits.
        let end = if let [_, _, b'\r', _, ..] = rest {
            2
        } else if let [_, _, _, b'\r', _, ..] = rest {
            3
        } else {
            match memchr(b'\r', &rest[self.searched..]) {
                // The byte behind the CR must have come, although nobody looks at it.
                Some(found) if self.searched + found + 1 < rest.len() => self.searched + found,
                Some(found) => return self.unfinished(rest, self.searched + found, too_big),
                None => return self.unfinished(rest, rest.len(), too_big),
            }
        };
        let (kind, digits) = (rest[0], rest.get(1..end).unwrap_or_default());
        // As with inline requests, a NUL hides the line end from Redis, but no CR before it. With that CR among its digits the
        // header is refused for the very thing that ends it.
        if let Some(nul) = rest[..end].iter().position(|&byte| byte == 0)
            && !rest[..nul].contains(&b'\r')
        {
            return self.unfinished(rest, nul, too_big);
        }
        self.at += end + 2;
        self.searched = 0;
        Ok(Some((kind, digits)))
    }

    fn count(&mut self, buffer: &[u8], limits: Limits) -> Result<Option<usize>, ProtocolError> {
        let Some((_, digits)) = self.header(buffer, ProtocolError::TooBigCountLine)? else {
            // `searched` may be 0 although half a header is there: remember that the command has begun.
            self.searched = self.searched.max(1);
            return Ok(None);
        };
        let count = number(digits)
            .filter(|&count| count <= i64::from(i32::MAX))
            .ok_or(ProtocolError::InvalidCount)?;
        if count > UNAUTHENTICATED_ARGS_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedCount);
        }
        Ok(Some(usize::try_from(count).unwrap_or(0)))
    }

    /// Reads on in one argument; whether it is complete.
    #[inline]
    fn argument(&mut self, buffer: &[u8], limits: Limits) -> Result<bool, ProtocolError> {
        let len = match self.bulk {
            Some(len) => len,
            None => {
                let Some((kind, digits)) = self.header(buffer, ProtocolError::TooBigLenLine)?
                else {
                    return Ok(false);
                };
                if kind != b'$' {
                    return Err(ProtocolError::ExpectedBulk(kind));
                }
                let len = number(digits)
                    .filter(|len| (0..=limits.bulk_len_max).contains(len))
                    .ok_or(ProtocolError::InvalidLen)?;
                if len > UNAUTHENTICATED_BULK_LEN_MAX && !limits.authenticated {
                    return Err(ProtocolError::UnauthenticatedLen);
                }
                len as usize
            }
        };
        let rest = buffer.get(self.at..).unwrap_or_default();
        if let Some(rare) = &mut self.rare
            && let Some((mut bytes, full)) = rare.filling.take()
        {
            if bytes.len() < full {
                rare.filling = Some((bytes, full));
                return Ok(false);
            }
            bytes.truncate(len);
            self.spans.push(Span::large(rare.large.len()));
            rare.large.push(Arc::new(bytes));
        } else if rest.len() >= len + 2 {
            // Nobody looks at the two bytes behind an argument: that is how Redis reads it.
            self.spans.push(Span::new(self.at, self.at + len));
            self.at += len + 2;
        } else {
            self.bulk = Some(len);
            if len >= LARGE_LEN_MIN {
                self.rare.get_or_insert_default().filling = Some((Vec::new(), len + 2));
                self.moved = self.fill(rest);
            }
            return Ok(false);
        }
        self.bulk = None;
        Ok(true)
    }
}

/// Reads the small complete multibulk command at `at` ahead of its being run, so that what it needs can be fetched from
/// memory in good time. Appends its arguments to `spans`, and returns where the next command begins; nothing is consumed
/// until [`Parser::ran`] says so. None, and no spans, for anything else (half a command, an inline or a large one, an
/// error): that is for [`Parser::next`].
#[inline]
pub(crate) fn read_ahead(buffer: &[u8], at: usize, spans: &mut Vec<Span>) -> Option<usize> {
    let first = spans.len();
    let (count, mut next) = short_header(buffer, at, b'*')?;
    for _ in 0..count {
        // Nobody looks at the two bytes behind an argument, but they must have come.
        let argument =
            short_header(buffer, next, b'$').filter(|(len, start)| start + len + 2 <= buffer.len());
        let Some((len, start)) = argument else {
            spans.truncate(first);
            return None;
        };
        spans.push(Span::new(start, start + len));
        next = start + len + 2;
    }
    (count > 0).then_some(next)
}

/// A whole header of this kind at `at` with a number of at most four digits that is neither negative nor odd in any
/// other way, and where the next byte after it lies.
#[inline]
fn short_header(buffer: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    // Nearly every header has one or two digits, and more bytes behind it.
    if let Some(&[k, a, b, c, _]) = buffer.get(at..).and_then(<[u8]>::first_chunk)
        && k == kind
    {
        let (a, tens) = (usize::from(a.wrapping_sub(b'0')), b.wrapping_sub(b'0'));
        if a < 10 && b == b'\r' {
            return Some((a, at + 4));
        }
        if (1..10).contains(&a) && tens < 10 && c == b'\r' {
            return Some((a * 10 + usize::from(tens), at + 5));
        }
    }
    longer_header(buffer, at, kind)
}

/// As [`short_header`], in any case.
#[cold]
fn longer_header(buffer: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| usize::from(byte - b'0'));
    match *buffer.get(at..)? {
        [k, a, b'\r', _, ..] if k == kind => Some((digit(a)?, at + 4)),
        [k, a @ b'1'..=b'9', b, b'\r', _, ..] if k == kind => {
            Some((digit(a)? * 10 + digit(b)?, at + 5))
        }
        [k, a @ b'1'..=b'9', b, c, b'\r', _, ..] if k == kind => {
            Some((digit(a)? * 100 + digit(b)? * 10 + digit(c)?, at + 6))
        }
        [k, a @ b'1'..=b'9', b, c, d, b'\r', _, ..] if k == kind => Some((
            digit(a)? * 1000 + digit(b)? * 100 + digit(c)? * 10 + digit(d)?,
            at + 7,
        )),
        _ => None,
    }
}

/// An integer as Redis reads it in headers.
#[inline]
fn number(digits: &[u8]) -> Option<i64> {
    match *digits {
        [d @ b'0'..=b'9'] => Some(i64::from(d - b'0')),
        [t @ b'1'..=b'9', d @ b'0'..=b'9'] => Some(i64::from(t - b'0') * 10 + i64::from(d - b'0')),
        _ => integers::parse_i64(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::request::{self, LIMITS, Outcome, Stream, Way};
    use proptest::prelude::*;

    fn feed(pieces: &[&[u8]]) -> Outcome {
        request::feed(pieces, LIMITS, Way::Plainly)
    }

    fn whole_and_bytewise(stream: &[u8]) -> Outcome {
        let whole = feed(&[stream]);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(whole, feed(&bytes), "byte by byte differs");
        whole
    }

    fn words(text: &str) -> Vec<Vec<u8>> {
        text.split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect()
    }

    #[test]
    fn inline_and_multibulk_may_alternate() {
        let stream = b"PING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n\r\n*0\r\n*-1\r\n \t\nPING\n";
        assert_eq!(
            whole_and_bytewise(stream),
            (vec![words("PING"), words("ECHO hi"), words("PING")], None)
        );
    }

    #[test]
    fn errors_are_found_wherever_the_stream_is_cut() {
        use ProtocolError::*;
        let cases: [(&[u8], ProtocolError); 11] = [
            (b"*abc\r\n", InvalidCount),
            (b"*2147483648\r\n", InvalidCount),
            (b"*1\r\n:4\r\n", ExpectedBulk(b':')),
            (b"*1\r\n\r\n\r\n", ExpectedBulk(b'\r')),
            (b"*1\r\n\r$\0\r\n", ExpectedBulk(b'\r')),
            (b"*\r\0\r\n", InvalidCount),
            (b"*1\r\n$-1\r\n", InvalidLen),
            (b"*1\r\n$536870913\r\n", InvalidLen),
            (b"*1\n$4\nPING\n*1\r\n", InvalidCount),
            (b"ECHO \"foo\r\n", UnbalancedQuotes),
            (b"ECHO \"a\"b\r\n", UnbalancedQuotes),
        ];
        for (stream, error) in cases {
            assert_eq!(
                whole_and_bytewise(stream).1,
                Some(error),
                "{}",
                stream.escape_ascii()
            );
        }
    }

    #[test]
    fn a_line_without_an_end_is_refused_at_64_kib_and_a_nul_hides_the_end() {
        let long = |first: &[u8], len| [first, &vec![b'1'; len - first.len()][..]].concat();
        assert_eq!(feed(&[&long(b"", LINE_LEN_MAX)]).1, None);
        assert_eq!(
            feed(&[&long(b"", LINE_LEN_MAX + 1)]).1,
            Some(ProtocolError::TooBigInline)
        );
        assert_eq!(
            feed(&[&long(b"*", LINE_LEN_MAX + 1)]).1,
            Some(ProtocolError::TooBigCountLine)
        );
        assert_eq!(
            feed(&[&long(b"*1\r\n$", LINE_LEN_MAX + 5)]).1,
            Some(ProtocolError::TooBigLenLine)
        );
        assert_eq!(whole_and_bytewise(b"PI\0NG\r\nPING\r\n"), (vec![], None));
        assert_eq!(
            whole_and_bytewise(b"*1\0\r\n$4\r\nPING\r\n"),
            (vec![], None)
        );
        assert_eq!(
            whole_and_bytewise(b"*1\r\n\0\r\n$4\r\nPING\r\n"),
            (vec![], None)
        );
    }

    #[test]
    fn large_arguments_get_a_buffer_of_their_own() {
        let value = vec![b'v'; LARGE_LEN_MIN];
        let mut stream = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", value.len()).into_bytes();
        stream.extend_from_slice(&value);
        stream.extend_from_slice(b"\r\nPING\r\n");
        let expected = (
            vec![vec![b"SET".to_vec(), b"k".to_vec(), value], words("PING")],
            None,
        );
        assert_eq!(feed(&[&stream]), expected);
        assert_eq!(feed(&stream.chunks(1000).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn a_client_that_has_not_authenticated_is_limited() {
        let limits = Limits {
            authenticated: false,
            ..LIMITS
        };
        let next = |stream: &[u8]| Parser::default().next(stream, limits);
        assert_eq!(next(b"*10\r\n"), Ok(Step::Incomplete));
        assert_eq!(next(b"*11\r\n"), Err(ProtocolError::UnauthenticatedCount));
        assert_eq!(next(b"*1\r\n$16384\r\n"), Ok(Step::Incomplete));
        assert_eq!(
            next(b"*1\r\n$16385\r\n"),
            Err(ProtocolError::UnauthenticatedLen)
        );
    }

    proptest! {
        #[test]
        fn no_cut_changes_what_is_read(
            pieces in prop::collection::vec(prop_oneof![
                Just(b"*1\r\n$4\r\nPING\r\n".to_vec()),
                Just(b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n".to_vec()),
                Just(b"SET k 'a b'\r\n".to_vec()),
                Just(b"\r\n".to_vec()),
                Just(b"*0\r\n".to_vec()),
                prop::collection::vec(prop::sample::select(b"*$\r\n0123-\x00 \"aP".to_vec()), 0..12),
            ], 0..8),
            cuts in prop::collection::vec(0_usize..200, 0..6),
        ) {
            Stream::cut(&pieces.concat(), cuts).is_read_alike_however_it_is_cut();
        }
    }
}
