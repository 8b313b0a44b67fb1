//! Requests as a server reads them: bytes a client wrote become argument vectors, whether multibulk or inline. Opens no socket,
//! and knows nothing of what the arguments mean.

use std::fmt;

use super::split_line;
use crate::transcript::escape::escaped;

/// An inline line, or the line of a length, may be this long before it is refused.
const LINE_BYTES: usize = 1 << 20;

/// One request with every byte it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The command's name first; empty for an empty line, `*0` and `*-1`, which servers pass over.
    pub arguments: Vec<Vec<u8>>,
    /// Exactly what the client wrote.
    pub bytes: Vec<u8>,
}

/// What was wrong with the bytes. No server reads on behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    /// The byte of the stream, counted from 0.
    pub offset: u64,
    /// What would have been right there.
    pub expected: &'static str,
    /// What stood there: a few bytes, fewer if no more had come.
    pub found: Vec<u8>,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = escaped(&self.found);
        let RequestError {
            offset, expected, ..
        } = self;
        write!(f, "byte {offset}: expected {expected}, found \"{found}\"")
    }
}

impl std::error::Error for RequestError {}

/// Reads requests from a stream that arrives in pieces, and looks at each byte once.
#[derive(Clone, Debug, Default)]
pub struct RequestReader {
    buffer: Vec<u8>,
    /// Where `buffer[0]` stands in the stream.
    offset: u64,
    /// So far the request under way has been read.
    at: usize,
    /// So far its current line has been searched for its end.
    searched: usize,
    arguments: Vec<Vec<u8>>,
    /// Arguments still to come; `None` outside a multibulk request.
    missing: Option<usize>,
    /// The length of the argument whose content is due.
    length: Option<usize>,
    failed: Option<RequestError>,
}

impl RequestReader {
    /// A reader at the start of a stream.
    pub fn new() -> RequestReader {
        RequestReader::default()
    }

    /// Takes what arrived. Any cutting of the same bytes gives the same requests.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The bytes of a request that is not complete yet, and whatever came after them.
    pub fn pending(&self) -> &[u8] {
        &self.buffer
    }

    /// The next whole request; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The first byte that cannot be part of a request; and the same error for ever after.
    pub fn next_request(&mut self) -> Result<Option<Request>, RequestError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.advance()
            .inspect_err(|error| self.failed = Some(error.clone()))
    }

    fn advance(&mut self) -> Result<Option<Request>, RequestError> {
        loop {
            if let Some(length) = self.length {
                // Servers do not look at the two bytes behind an argument, and neither does this.
                let end = self.at + length + 2;
                if self.buffer.len() < end {
                    return Ok(None);
                }
                self.arguments.push(self.buffer[self.at..end - 2].to_vec());
                self.length = None;
                self.missing = self.missing.map(|missing| missing - 1);
                self.at = end;
                self.searched = end;
            }
            match self.missing {
                Some(0) => return Ok(Some(self.finish())),
                Some(_) => {
                    let Some(line) = self.line()? else {
                        return Ok(None);
                    };
                    self.length = Some(self.length_of(line, b'$', 512 << 20)?);
                }
                None if self.buffer.get(self.at) == Some(&b'*') => {
                    let Some(line) = self.line()? else {
                        return Ok(None);
                    };
                    if self.buffer[line.0 + 1] == b'-' {
                        return Ok(Some(self.finish()));
                    }
                    self.missing = Some(self.length_of(line, b'*', 1 << 20)?);
                }
                None => {
                    let Some((start, end)) = self.line()? else {
                        return Ok(None);
                    };
                    self.arguments = split_line(&self.buffer[start..end])
                        .map_err(|error| self.error(start + error.at, error.expected))?;
                    return Ok(Some(self.finish()));
                }
            }
        }
    }

    /// Passes over one line and says where its content is.
    fn line(&mut self) -> Result<Option<(usize, usize)>, RequestError> {
        let start = self.at;
        let from = self.searched.max(start);
        let Some(found) = self.buffer[from..].iter().position(|&byte| byte == b'\n') else {
            self.searched = self.buffer.len();
            if self.buffer.len() - start > LINE_BYTES {
                return Err(self.error(start, "a line that ends sooner"));
            }
            return Ok(None);
        };
        let end = from + found;
        self.at = end + 1;
        self.searched = self.at;
        let end = if self.buffer[start..end].ends_with(b"\r") {
            end - 1
        } else {
            end
        };
        Ok(Some((start, end)))
    }

    fn length_of(
        &self,
        (start, end): (usize, usize),
        prefix: u8,
        most: usize,
    ) -> Result<usize, RequestError> {
        if self.buffer.get(start) != Some(&prefix) {
            let expected = match prefix {
                b'$' => "$ and the length of an argument",
                _ => "* and the number of arguments",
            };
            return Err(self.error(start, expected));
        }
        let digits = &self.buffer[start + 1..end];
        let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse::<usize>().ok());
        number
            .filter(|&number| plain && number <= most)
            .ok_or_else(|| self.error(start + 1, "a length that servers accept"))
    }

    fn finish(&mut self) -> Request {
        let bytes: Vec<u8> = self.buffer.drain(..self.at).collect();
        self.offset += bytes.len() as u64;
        self.at = 0;
        self.searched = 0;
        self.missing = None;
        Request {
            arguments: std::mem::take(&mut self.arguments),
            bytes,
        }
    }

    fn error(&self, at: usize, expected: &'static str) -> RequestError {
        let found = self.buffer.get(at..).unwrap_or_default();
        RequestError {
            offset: self.offset + at as u64,
            expected,
            found: found[..found.len().min(16)].to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{encode_inline, encode_multibulk};
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> (Vec<Request>, Option<RequestError>) {
        let mut reader = RequestReader::new();
        let mut requests = Vec::new();
        for piece in pieces {
            reader.feed(piece);
            loop {
                match reader.next_request() {
                    Ok(Some(request)) => requests.push(request),
                    Ok(None) => break,
                    Err(error) => return (requests, Some(error)),
                }
            }
        }
        (requests, None)
    }

    #[test]
    fn what_is_no_command_is_passed_over_and_kept() {
        let (requests, error) = read(&[b"\r\n*0\r\n*-1\r\nPING\n"]);
        assert_eq!(error, None);
        let lengths: Vec<usize> = requests.iter().map(|it| it.arguments.len()).collect();
        assert_eq!(lengths, [0, 0, 0, 1]);
        assert_eq!(requests[2].bytes, b"*-1\r\n");
    }

    #[test]
    fn the_first_wrong_byte_is_named() {
        for (bytes, offset) in [
            (&b"PING\r\n*1\r\n!4\r\n"[..], 10),
            (b"*x\r\n", 1),
            (b"*1\r\n$-1\r\n", 5),
            (b"ECHO \"a\r\n", 5),
        ] {
            let (_, error) = read(&[bytes]);
            assert_eq!(
                error.map(|error| error.offset),
                Some(offset),
                "{}",
                bytes.escape_ascii()
            );
        }
    }

    proptest! {
        #[test]
        fn any_requests_survive_any_cutting(
            commands in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<Vec<u8>>(), 1..4)), 1..4),
            cut in 0..64usize,
        ) {
            let encoded: Vec<Vec<u8>> = commands
                .iter()
                .map(|(inline, arguments)| if *inline { encode_inline(arguments) } else { encode_multibulk(arguments) })
                .collect();
            let stream = encoded.concat();
            let (head, tail) = stream.split_at(cut.min(stream.len()));
            let (requests, error) = read(&[head, tail]);
            prop_assert_eq!(error, None);
            let arguments: Vec<_> = requests.iter().map(|request| request.arguments.clone()).collect();
            prop_assert_eq!(arguments, commands.into_iter().map(|(_, arguments)| arguments).collect::<Vec<_>>());
            prop_assert_eq!(requests.into_iter().map(|request| request.bytes).collect::<Vec<_>>(), encoded);
        }
    }
}
