//! Requests as clients write them: an argument vector as multibulk, as an inline line, and as a redis-cli line; nothing of
//! what the arguments mean. The [`reader`] goes the other way.

pub mod reader;

use std::fmt;

/// The arguments as RESP's array of bulk strings, the form every client library sends.
///
/// ```
/// let request = respect_conformance::request::encode_multibulk(&["GET", "k"]);
/// assert_eq!(request, b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
/// ```
pub fn encode_multibulk<A: AsRef<[u8]>>(arguments: &[A]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_header(&mut bytes, b'*', arguments.len());
    for argument in arguments {
        let argument = argument.as_ref();
        push_header(&mut bytes, b'$', argument.len());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn push_header(bytes: &mut Vec<u8>, prefix: u8, number: usize) {
    bytes.push(prefix);
    bytes.extend_from_slice(number.to_string().as_bytes());
    bytes.extend_from_slice(b"\r\n");
}

/// The arguments as one inline line with its CRLF. Every argument can be written so; no argument at all cannot, and
/// gives an empty line. (Redis takes lines of up to 64 KiB, and lines that begin with `POST` or `Host:` as an attack.)
///
/// ```
/// let line = respect_conformance::request::encode_inline(&["SET", "k", "a b\r\n"]);
/// assert_eq!(line, b"SET k \"a b\\r\\n\"\r\n");
/// ```
pub fn encode_inline<A: AsRef<[u8]>>(arguments: &[A]) -> Vec<u8> {
    let mut line = quote_line(arguments);
    if line.starts_with('*') {
        // A line that begins with a star is no inline line; quoted, the star is an ordinary character.
        let word_end = line.find(' ').unwrap_or(line.len());
        line.insert(word_end, '"');
        line.insert(0, '"');
    }
    line.push_str("\r\n");
    line.into_bytes()
}

/// The arguments as a person would type them into redis-cli: words as they are where that is safe, quoted otherwise.
/// What [`split_line`] makes of it are the same arguments.
pub fn quote_line<A: AsRef<[u8]>>(arguments: &[A]) -> String {
    let words: Vec<String> = arguments
        .iter()
        .map(|argument| quote_word(argument.as_ref()))
        .collect();
    words.join(" ")
}

/// One argument, quoted if need be.
pub fn quote_word(word: &[u8]) -> String {
    if is_plain_word(word) {
        return word.iter().copied().map(char::from).collect();
    }
    let mut text = String::from("\"");
    for &byte in word {
        match byte {
            b'"' => text.push_str(r#"\""#),
            b'\\' => text.push_str(r"\\"),
            b'\n' => text.push_str(r"\n"),
            b'\r' => text.push_str(r"\r"),
            b'\t' => text.push_str(r"\t"),
            0x20..=0x7e => text.push(char::from(byte)),
            _ => text.push_str(&format!(r"\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}

/// Whether the word can stand without quotes. Braces are quoted because transcripts give them a meaning.
fn is_plain_word(word: &[u8]) -> bool {
    let plain = |byte: &u8| {
        matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'\'' | b'\\' | b'{' | b'}')
    };
    !word.is_empty() && word.iter().all(plain)
}

/// Why a line could not be split into arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotingError {
    /// The byte of the line, counted from 0.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for QuotingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: expected {}", self.at, self.expected)
    }
}

impl std::error::Error for QuotingError {}

/// Splits a line as redis-cli does: words between blanks; `"…"` with `\n \r \t \b \a \xHH` and any other character
/// behind a backslash standing for itself; `'…'` with only `\'`. A closing quote ends its word.
///
/// # Errors
/// A quote that is not closed, or closed in the middle of a word.
pub fn split_line(line: &[u8]) -> Result<Vec<Vec<u8>>, QuotingError> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        at += line[at..]
            .iter()
            .take_while(|byte| is_blank(**byte))
            .count();
        if at == line.len() {
            return Ok(words);
        }
        let mut word = Vec::new();
        while let Some(&byte) = line.get(at).filter(|byte| !is_blank(**byte)) {
            if matches!(byte, b'"' | b'\'') {
                let end = read_quoted(line, at, &mut word)?;
                at = end;
                if line.get(end).is_some_and(|byte| !is_blank(*byte)) {
                    return Err(QuotingError {
                        at: end,
                        expected: "a blank after the closing quote",
                    });
                }
            } else {
                word.push(byte);
                at += 1;
            }
        }
        words.push(word);
    }
}

/// Reads the quoted text that begins at `start` and adds its bytes to `word`; where it ends.
pub(crate) fn read_quoted(
    line: &[u8],
    start: usize,
    word: &mut Vec<u8>,
) -> Result<usize, QuotingError> {
    let quote = line[start];
    let mut at = start + 1;
    loop {
        let (byte, length) = match (line.get(at), line.get(at + 1)) {
            (None, _) => {
                return Err(QuotingError {
                    at: start,
                    expected: "a closing quote for this one",
                });
            }
            (Some(&byte), _) if byte == quote => return Ok(at + 1),
            (Some(b'\\'), Some(b'\'')) if quote == b'\'' => (b'\'', 2),
            (Some(b'\\'), Some(&next)) if quote == b'"' => match hexadecimal(&line[at..]) {
                Some(byte) => (byte, 4),
                None => (control_character(next), 2),
            },
            (Some(&byte), _) => (byte, 1),
        };
        word.push(byte);
        at += length;
    }
}

fn hexadecimal(escape: &[u8]) -> Option<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    match escape {
        [b'\\', b'x', high, low, ..] => Some(digit(*high)? * 16 + digit(*low)?),
        _ => None,
    }
}

fn control_character(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        itself => itself,
    }
}

/// What separates words: C's `isspace`.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | 9..=13)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_split_as_redis_cli_does() {
        let cases: [(&[u8], &[&[u8]]); 8] = [
            (b"  SET  k\tv ", &[b"SET", b"k", b"v"]),
            (br#"ECHO "a b""#, &[b"ECHO", b"a b"]),
            (
                br#""\x41\n\r\t\b\a\"\\\q\x4\xzz""#,
                &[b"A\n\r\t\x08\x07\"\\qx4xzz"],
            ),
            (br#"'a\n"b' 'it\'s'"#, &[br#"a\n"b"#, b"it's"]),
            (br#"foo"bar baz" """#, &[b"foobar baz", b""]),
            (br"a\nb", &[br"a\nb"]),
            (b"", &[]),
            (b" \t ", &[]),
        ];
        for (line, words) in cases {
            assert_eq!(split_line(line).unwrap(), words, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_quote_out_of_place_is_pointed_at() {
        for (line, at) in [
            (&br#"ECHO "a"#[..], 5),
            (br"ECHO 'a\'", 5),
            (br#"ECHO "a"b"#, 8),
            (br#"ECHO "a\"#, 5),
        ] {
            assert_eq!(
                split_line(line).unwrap_err().at,
                at,
                "{}",
                line.escape_ascii()
            );
        }
    }

    #[test]
    fn an_inline_line_never_begins_with_a_star() {
        assert_eq!(encode_inline(&["*1", "a"]), b"\"*1\" a\r\n");
        assert_eq!(encode_inline(&["*"]), b"\"*\"\r\n");
    }

    proptest! {
        #[test]
        fn any_arguments_survive_quoting(arguments: Vec<Vec<u8>>) {
            prop_assert_eq!(split_line(quote_line(&arguments).as_bytes()).unwrap(), arguments);
        }

        #[test]
        fn splitting_never_panics(line: Vec<u8>) {
            let _ = split_line(&line);
        }
    }
}
