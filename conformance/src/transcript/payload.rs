//! The bytes on a line, as they are written and read: escapes, repetitions, holes, reuse and cuts; and the words of a
//! command line. Knows nothing of what stands in front of them.

use super::escape::{Escape, escape_into, guard_edges, read_escape};
use super::parse::{Fault, fault};
use super::pattern::{HoleKind, Pattern, PatternPart, SendPart};
use crate::request::{quote_word, read_quoted};

/// The most bytes one repetition may stand for.
const REPEATED_BYTES_MAX: usize = 1 << 30;

/// A piece of a line, where it may not yet be clear whether it may stand there.
pub(super) struct Piece {
    at: usize,
    part: PiecePart,
}

enum PiecePart {
    Literal(Vec<u8>),
    Repeat { unit: Vec<u8>, count: usize },
    Hole { name: String, kind: HoleKind },
    Reuse(String),
    Cut,
}

/// Reads bytes from `from` to the end of the line.
pub(super) fn parse_bytes(line: &str, from: usize) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::new();
    let mut at = from;
    while let Some(&byte) = line.as_bytes().get(at) {
        let (part, length) = match byte {
            b'\\' => match read_escape(&line[at..]) {
                Ok((Escape::Byte(byte), length)) => (PiecePart::Literal(vec![byte]), length),
                Ok((Escape::Cut, length)) => (PiecePart::Cut, length),
                Err(message) => return fault(at, message),
            },
            b'{' => parse_braces(line, at)?,
            b'}' => return fault(at, r"expected `\}` for a closing brace that closes nothing"),
            plain => (PiecePart::Literal(vec![plain]), 1),
        };
        push(&mut pieces, Piece { at, part });
        at += length;
    }
    Ok(pieces)
}

fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    match (pieces.last_mut(), &piece.part) {
        (
            Some(Piece {
                part: PiecePart::Literal(last),
                ..
            }),
            PiecePart::Literal(bytes),
        ) => last.extend_from_slice(bytes),
        _ => pieces.push(piece),
    }
}

/// Reads what begins with the `{` at `at`, and its length.
fn parse_braces(line: &str, at: usize) -> Result<(PiecePart, usize), Fault> {
    let Some(length) = closing_brace(&line[at..]) else {
        return fault(at, r"expected `}` to close this one; `\{` is a plain brace");
    };
    let inside = &line[at + 1..at + length];
    let part = if let Some((unit, count)) = inside
        .rsplit_once('*')
        .filter(|(unit, count)| !unit.is_empty() && is_number(count))
    {
        let unit = parse_unit(unit, at + 1)?;
        let count = count
            .parse::<usize>()
            .ok()
            .filter(|count| (1..=REPEATED_BYTES_MAX / unit.len()).contains(count));
        let Some(count) = count else {
            return fault(
                at,
                format!("expected a repetition of 1 to {REPEATED_BYTES_MAX} bytes in all"),
            );
        };
        PiecePart::Repeat { unit, count }
    } else if let Some((name, kind)) = inside.split_once(':') {
        let name = hole_name(name, at + 1)?;
        let known = HoleKind::ALL.iter().find(|(spelling, _)| *spelling == kind);
        let Some((_, kind)) = known else {
            let spellings = HoleKind::ALL.map(|(spelling, _)| spelling);
            let message = format!(
                "expected a kind of hole, one of {}, found `{kind}`",
                spellings.join(", ")
            );
            return Err(Fault {
                at: at + 1 + name.len() + 1,
                message,
                suggestion: None,
            }
            .suggest_closest(kind, spellings));
        };
        PiecePart::Hole { name, kind: *kind }
    } else {
        PiecePart::Reuse(hole_name(inside, at + 1)?)
    };
    Ok((part, length + 1))
}

/// Where the `}` is that closes the `{` at the start, skipping escapes.
fn closing_brace(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().enumerate().skip(1).find_map(|(index, byte)| {
        let closes = byte == b'}' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes.then_some(index)
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn parse_unit(unit: &str, at: usize) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    for piece in parse_bytes(unit, 0).map_err(|inner| Fault {
        at: at + inner.at,
        ..inner
    })? {
        match piece.part {
            PiecePart::Literal(literal) => bytes.extend_from_slice(&literal),
            _ => return fault(at + piece.at, "expected plain bytes inside a repetition"),
        }
    }
    Ok(bytes)
}

fn hole_name(name: &str, at: usize) -> Result<String, Fault> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(allowed) {
        return Ok(name.to_owned());
    }
    let message = format!(
        "expected `{{x*65536}}`, `{{name:kind}}` or `{{name}}`, with a name in small letters, found `{{{name}}}`"
    );
    Err(Fault {
        at,
        message,
        suggestion: None,
    }
    .suggest(r"a plain brace is written `\{`, or stands in quotes on a `:` line"))
}

/// The pieces as something to send.
pub(super) fn send_parts(pieces: Vec<Piece>) -> Result<Vec<SendPart>, Fault> {
    let parts = pieces.into_iter().map(|piece| match piece.part {
        PiecePart::Literal(bytes) => Ok(SendPart::Literal(bytes)),
        PiecePart::Repeat { unit, count } => Ok(SendPart::Repeat { unit, count }),
        PiecePart::Reuse(name) => Ok(SendPart::Reuse(name)),
        PiecePart::Cut => Ok(SendPart::Cut),
        PiecePart::Hole { name, .. } => fault(
            piece.at,
            format!("expected no hole in what is sent; `{{{name}}}` sends what one has captured"),
        ),
    });
    parts.collect()
}

/// The pieces as something to expect.
pub(super) fn pattern_parts(pieces: Vec<Piece>) -> Result<Vec<PatternPart>, Fault> {
    let parts = pieces.into_iter().map(|piece| match piece.part {
        PiecePart::Literal(bytes) => Ok(PatternPart::Literal(bytes)),
        PiecePart::Repeat { unit, count } => Ok(PatternPart::Repeat { unit, count }),
        PiecePart::Reuse(name) => Ok(PatternPart::Reuse(name)),
        PiecePart::Hole { name, kind } => Ok(PatternPart::Hole { name, kind }),
        PiecePart::Cut => fault(
            piece.at,
            "expected no cut in what is expected: only sends are cut",
        ),
    });
    parts.collect()
}

/// Reads the words of a command line from `from` to the end of the line: redis-cli's quoting, and braces outside quotes.
pub(super) fn parse_words(line: &str, from: usize) -> Result<Vec<Vec<SendPart>>, Fault> {
    let mut words = Vec::new();
    let mut at = from;
    while at < line.len() {
        let (word, end) = parse_word(line, at)?;
        words.push(word);
        at = end + line[end..].bytes().take_while(|byte| *byte == b' ').count();
    }
    if words.is_empty() {
        fault(from, "expected a command")
    } else {
        Ok(words)
    }
}

fn parse_word(line: &str, start: usize) -> Result<(Vec<SendPart>, usize), Fault> {
    let bytes = line.as_bytes();
    let mut pieces = Vec::new();
    let mut at = start;
    while let Some(&byte) = bytes.get(at).filter(|byte| **byte != b' ') {
        let (part, length) = match byte {
            b'"' | b'\'' => {
                let mut quoted = Vec::new();
                let end = read_quoted(bytes, at, &mut quoted)
                    .or_else(|error| fault(error.at, format!("expected {}", error.expected)))?;
                if bytes
                    .get(end)
                    .is_some_and(|next| !matches!(next, b' ' | b'{'))
                {
                    return fault(end, "expected a blank or a brace behind the closing quote");
                }
                (PiecePart::Literal(quoted), end - at)
            }
            b'{' => parse_braces(line, at)?,
            b'}' => return fault(at, "expected quotes around a word with a plain brace in it"),
            b'\\' => {
                let message =
                    "expected no backslash outside quotes, where it would be an ordinary character"
                        .to_owned();
                return Err(Fault {
                    at,
                    message,
                    suggestion: None,
                }
                .suggest(r#"quote the word: `"\r\n"` is CRLF, `"\\"` is a backslash"#));
            }
            plain => (PiecePart::Literal(vec![plain]), 1),
        };
        push(&mut pieces, Piece { at, part });
        at += length;
    }
    // `""` is a word without pieces: an empty literal would print as nothing.
    pieces.retain(|piece| !matches!(&piece.part, PiecePart::Literal(bytes) if bytes.is_empty()));
    Ok((send_parts(pieces)?, at))
}

/// The words of a command line as they are printed.
pub(super) fn print_words(words: &[Vec<SendPart>]) -> String {
    let words: Vec<String> = words.iter().map(|word| print_word(word)).collect();
    words.join(" ")
}

fn print_word(word: &[SendPart]) -> String {
    if word.is_empty() {
        return quote_word(b"");
    }
    let parts = word.iter().map(|part| match part {
        SendPart::Literal(bytes) => quote_word(bytes),
        SendPart::Repeat { unit, count } => print_repeat(unit, *count),
        SendPart::Reuse(name) => format!("{{{name}}}"),
        SendPart::Cut => String::new(),
    });
    parts.collect()
}

/// What a send line shows behind its mark.
pub(super) fn print_send(parts: &[SendPart]) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            SendPart::Literal(bytes) => escape_into(bytes, &mut text),
            SendPart::Repeat { unit, count } => text.push_str(&print_repeat(unit, *count)),
            SendPart::Reuse(name) => text.push_str(&format!("{{{name}}}")),
            SendPart::Cut => text.push_str(r"\|"),
        }
    }
    guard_edges(text)
}

/// What an expectation line shows behind its mark. An any-order block is lines of its own and shows nothing here.
pub(super) fn print_pattern(pattern: &Pattern) -> String {
    let mut text = String::new();
    for part in &pattern.parts {
        match part {
            PatternPart::Literal(bytes) => escape_into(bytes, &mut text),
            PatternPart::Repeat { unit, count } => text.push_str(&print_repeat(unit, *count)),
            PatternPart::Reuse(name) => text.push_str(&format!("{{{name}}}")),
            PatternPart::Hole { name, kind } => {
                text.push_str(&format!("{{{name}:{}}}", kind.spelling()));
            }
            PatternPart::AnyOrder(_) => {}
        }
    }
    guard_edges(text)
}

fn print_repeat(unit: &[u8], count: usize) -> String {
    let mut text = String::from("{");
    escape_into(unit, &mut text);
    text.push_str(&format!("*{count}}}"));
    text
}
