//! Bytes to send and bytes to expect, with repetitions, holes and cuts; knows nothing of lines, sockets or servers.

use std::collections::BTreeMap;
use std::fmt;

use super::escape::escaped;

/// A piece of the bytes to send.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SendPart {
    /// These bytes; never empty.
    Literal(Vec<u8>),
    /// `{x*65536}`: `unit`, `count` times.
    Repeat {
        /// What is repeated; never empty.
        unit: Vec<u8>,
        /// How often.
        count: usize,
    },
    /// `{name}`: what a hole of that name captured earlier.
    Reuse(String),
    /// `\|`: everything before this is written, and proved to be read, before what follows is written.
    Cut,
}

/// A piece of the bytes to expect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PatternPart {
    /// These bytes; never empty.
    Literal(Vec<u8>),
    /// `{x*65536}`: `unit`, `count` times.
    Repeat {
        /// What is repeated; never empty.
        unit: Vec<u8>,
        /// How often.
        count: usize,
    },
    /// `{name:kind}`: whatever is of this kind; it is captured under the name.
    Hole {
        /// The name it is captured under.
        name: String,
        /// What it may be.
        kind: HoleKind,
    },
    /// `{name}`: what a hole of that name captured earlier.
    Reuse(String),
    /// The lines of an `any-order` block: each once, in whatever order.
    AnyOrder(Vec<Pattern>),
}

/// What a hole may be filled with. A hole takes as much as its kind allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HoleKind {
    /// Digits, perhaps behind a minus.
    Int,
    /// A whole bulk string, from `$` to its last CRLF (so it is followed by nothing: write it on a `<<` line).
    Bulk,
    /// A number with or without fraction and exponent, `inf`, `-inf` or `nan`.
    Float,
    /// Digits.
    Digits,
    /// Everything up to the next CRLF, which is not part of it; perhaps nothing.
    Any,
    /// A Unix time: ten digits or more, perhaps with a fraction.
    Time,
    /// An IPv4 or bracketed IPv6 address, a colon and a port.
    Addr,
    /// Forty hexadecimal digits in lower case.
    Sha1,
}

impl HoleKind {
    /// Every kind with its spelling.
    pub const ALL: [(&'static str, HoleKind); 8] = [
        ("int", HoleKind::Int),
        ("bulk", HoleKind::Bulk),
        ("float", HoleKind::Float),
        ("digits", HoleKind::Digits),
        ("any", HoleKind::Any),
        ("time", HoleKind::Time),
        ("addr", HoleKind::Addr),
        ("sha1", HoleKind::Sha1),
    ];

    /// How a transcript spells it.
    pub fn spelling(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.expect("every kind has a spelling").0
    }
}

/// What holes have captured so far, by name. One set serves all connections of a transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures {
    by_name: BTreeMap<String, Capture>,
}

/// What one hole was filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The kind of the hole.
    pub kind: HoleKind,
    /// The bytes it took, for a bulk string from `$` to the last CRLF.
    pub bytes: Vec<u8>,
}

impl Capture {
    /// The captured value: of a bulk string its content, of everything else the bytes themselves.
    pub fn value(&self) -> &[u8] {
        let content = || {
            let start = self.bytes.iter().position(|&byte| byte == b'\n')? + 1;
            self.bytes.get(start..self.bytes.len().checked_sub(2)?)
        };
        match self.kind {
            HoleKind::Bulk => content().unwrap_or_default(),
            _ => &self.bytes,
        }
    }
}

impl Captures {
    /// Nothing captured.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers what a hole was filled with; a later hole of the same name takes its place.
    pub fn insert(&mut self, name: &str, capture: Capture) {
        self.by_name.insert(name.to_owned(), capture);
    }

    /// What the hole of this name was filled with.
    pub fn get(&self, name: &str) -> Option<&Capture> {
        self.by_name.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Capture)> {
        self.by_name
            .iter()
            .map(|(name, capture)| (name.as_str(), capture))
    }
}

/// A transcript reuses a name that no hole has captured by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NothingCaptured {
    /// The name.
    pub name: String,
}

impl fmt::Display for NothingCaptured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing was captured as {{{}}} by now", self.name)
    }
}

impl std::error::Error for NothingCaptured {}

/// The bytes of a send, cut where the transcript cuts them: one `Vec` for each part between cuts.
///
/// # Errors
/// When a part reuses what nothing has captured.
pub fn expand(parts: &[SendPart], captures: &Captures) -> Result<Vec<Vec<u8>>, NothingCaptured> {
    let mut pieces = vec![Vec::new()];
    for part in parts {
        let piece = pieces
            .last_mut()
            .expect("there is always a piece under way");
        match part {
            SendPart::Literal(bytes) => piece.extend_from_slice(bytes),
            SendPart::Repeat { unit, count } => piece.extend_from_slice(&unit.repeat(*count)),
            SendPart::Reuse(name) => piece.extend_from_slice(&captured(captures, name)?.bytes),
            SendPart::Cut => pieces.push(Vec::new()),
        }
    }
    Ok(pieces)
}

/// The bytes of one argument of a command line. A captured bulk string gives its content, not its framing.
///
/// # Errors
/// When a part reuses what nothing has captured.
pub fn expand_argument(
    parts: &[SendPart],
    captures: &Captures,
) -> Result<Vec<u8>, NothingCaptured> {
    let mut bytes = Vec::new();
    for part in parts {
        match part {
            SendPart::Literal(literal) => bytes.extend_from_slice(literal),
            SendPart::Repeat { unit, count } => bytes.extend_from_slice(&unit.repeat(*count)),
            SendPart::Reuse(name) => bytes.extend_from_slice(captured(captures, name)?.value()),
            SendPart::Cut => {}
        }
    }
    Ok(bytes)
}

fn captured<'c>(captures: &'c Captures, name: &str) -> Result<&'c Capture, NothingCaptured> {
    captures.get(name).ok_or_else(|| NothingCaptured {
        name: name.to_owned(),
    })
}

/// Bytes to expect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// The pieces, in order.
    pub parts: Vec<PatternPart>,
}

/// How far some bytes fulfil a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// The first `length` bytes fulfil it; what follows is not its business.
    Whole {
        /// Bytes taken.
        length: usize,
    },
    /// All of it fits so far, but it wants more bytes.
    NeedsMore,
    /// No continuation can fulfil it.
    Mismatch {
        /// The first byte that does not fit.
        offset: usize,
        /// What was expected there, as a transcript would write it, shortened.
        expected: String,
    },
}

impl Pattern {
    /// A pattern of plain bytes.
    pub fn literal(bytes: &[u8]) -> Self {
        let parts = if bytes.is_empty() {
            Vec::new()
        } else {
            vec![PatternPart::Literal(bytes.to_vec())]
        };
        Pattern { parts }
    }

    /// Adds plain bytes at the end.
    pub fn push_literal(&mut self, bytes: &[u8]) {
        match self.parts.last_mut() {
            _ if bytes.is_empty() => {}
            Some(PatternPart::Literal(last)) => last.extend_from_slice(bytes),
            _ => self.parts.push(PatternPart::Literal(bytes.to_vec())),
        }
    }

    /// The holes in it, with their names, in order.
    pub fn holes(&self) -> Vec<(&str, HoleKind)> {
        let mut holes = Vec::new();
        for part in &self.parts {
            match part {
                PatternPart::Hole { name, kind } => holes.push((name.as_str(), *kind)),
                PatternPart::AnyOrder(items) => holes.extend(items.iter().flat_map(Pattern::holes)),
                _ => {}
            }
        }
        holes
    }

    /// The bytes it stands for when nothing in it is open: no hole, no reuse, no free order.
    pub fn plain_bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for part in &self.parts {
            match part {
                PatternPart::Literal(literal) => bytes.extend_from_slice(literal),
                PatternPart::Repeat { unit, count } => {
                    bytes.extend_from_slice(&unit.repeat(*count));
                }
                _ => return None,
            }
        }
        Some(bytes)
    }

    /// Holds `bytes` against it, from the first byte. On a whole match the holes' contents are in `captures`; otherwise
    /// `captures` is as before.
    ///
    /// An answer that arrives in pieces is asked about again as it grows. For answers too large for that there is
    /// [`Matcher`], which keeps its place.
    pub fn match_at(&self, bytes: &[u8], captures: &mut Captures) -> Match {
        let mut trial = captures.clone();
        let result = match_parts(&self.parts, bytes, 0, &mut trial);
        if matches!(result, Match::Whole { .. }) {
            *captures = trial;
        }
        result
    }
}

/// Holds a growing answer against a pattern and keeps its place between calls, so that an answer of many megabytes is
/// looked at once.
#[derive(Clone, Debug)]
pub struct Matcher<'p> {
    parts: &'p [PatternPart],
    part: usize,
    /// Bytes of the current literal or repetition already seen.
    within: usize,
    /// Bytes taken since the start.
    taken: usize,
}

/// What a [`Matcher`] made of the bytes it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The pattern is fulfilled, `taken` bytes into this call's bytes; the rest belongs to whatever comes next.
    Whole {
        /// Bytes of this call that it took.
        taken: usize,
    },
    /// It wants more. The first `taken` bytes are done with; the rest must be given again, with more behind them.
    NeedsMore {
        /// Bytes of this call that it took.
        taken: usize,
    },
    /// No continuation can fulfil it.
    Mismatch {
        /// The first byte that does not fit, counted from the start of the pattern over all calls.
        offset: usize,
        /// What was expected there, as a transcript would write it, shortened.
        expected: String,
    },
}

impl<'p> Matcher<'p> {
    /// At the start of the pattern.
    pub fn new(pattern: &'p Pattern) -> Self {
        Matcher {
            parts: &pattern.parts,
            part: 0,
            within: 0,
            taken: 0,
        }
    }

    /// Bytes taken since the start, over all calls.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Goes on with `bytes`: what the last call left over, and what has arrived since.
    pub fn feed(&mut self, bytes: &[u8], captures: &mut Captures) -> Progress {
        let mut at = 0;
        while let Some(part) = self.parts.get(self.part) {
            let step = self.step(part, &bytes[at..], captures);
            match step {
                Step::Done(length) => {
                    at += length;
                    self.taken += length;
                    self.part += 1;
                    self.within = 0;
                }
                Step::Partly(length) => {
                    self.taken += length;
                    self.within += length;
                    return Progress::NeedsMore { taken: at + length };
                }
                Step::Mismatch(offset, expected) => {
                    return Progress::Mismatch {
                        offset: self.taken + offset,
                        expected,
                    };
                }
            }
        }
        Progress::Whole { taken: at }
    }

    fn step(&self, part: &PatternPart, bytes: &[u8], captures: &mut Captures) -> Step {
        match part {
            PatternPart::Literal(literal) => match_run(literal, 1, self.within, bytes),
            PatternPart::Repeat { unit, count } => match_run(unit, *count, self.within, bytes),
            // The rest is never large: start again from its first byte.
            _ => match match_parts(std::slice::from_ref(part), bytes, 0, captures) {
                Match::Whole { length } => Step::Done(length),
                Match::NeedsMore => Step::Partly(0),
                Match::Mismatch { offset, expected } => Step::Mismatch(offset, expected),
            },
        }
    }
}

enum Step {
    Done(usize),
    Partly(usize),
    Mismatch(usize, String),
}

/// `unit` repeated `count` times, of which `within` bytes have been seen, against `bytes`.
fn match_run(unit: &[u8], count: usize, within: usize, bytes: &[u8]) -> Step {
    let missing = unit.len().saturating_mul(count) - within;
    let length = missing.min(bytes.len());
    let due = |index: usize| unit[(within + index) % unit.len()];
    // Whole slices where possible: comparing byte by byte through a remainder is slow for large answers.
    let differs = if within + length <= unit.len() {
        bytes[..length] != unit[within..within + length]
    } else {
        true
    };
    if differs && let Some(offset) = (0..length).find(|&index| bytes[index] != due(index)) {
        let rest: Vec<u8> = (offset..missing.min(offset + EXPECTED_SHOWN))
            .map(due)
            .collect();
        return Step::Mismatch(offset, escaped(&rest));
    }
    if length == missing {
        Step::Done(length)
    } else {
        Step::Partly(length)
    }
}

/// As much as a message shows of the bytes that were due.
const EXPECTED_SHOWN: usize = 40;

fn match_parts(parts: &[PatternPart], bytes: &[u8], at: usize, captures: &mut Captures) -> Match {
    let Some((part, rest)) = parts.split_first() else {
        return Match::Whole { length: at };
    };
    let step = match part {
        PatternPart::Literal(literal) => match_run(literal, 1, 0, &bytes[at..]),
        PatternPart::Repeat { unit, count } => match_run(unit, *count, 0, &bytes[at..]),
        PatternPart::Reuse(name) => match captures.get(name) {
            Some(capture) => match_run(&capture.bytes, 1, 0, &bytes[at..]),
            None => Step::Mismatch(0, format!("{{{name}}}, which nothing has captured")),
        },
        PatternPart::Hole { name, kind } => match fill(*kind, &bytes[at..]) {
            Filling::Done(length) => {
                captures.insert(
                    name,
                    Capture {
                        kind: *kind,
                        bytes: bytes[at..at + length].to_vec(),
                    },
                );
                Step::Done(length)
            }
            Filling::NeedsMore => Step::Partly(0),
            Filling::Mismatch(offset) => {
                Step::Mismatch(offset, format!("{{{name}:{}}}", kind.spelling()))
            }
        },
        PatternPart::AnyOrder(items) => {
            let items: Vec<&Pattern> = items.iter().collect();
            return match_any_order(&items, rest, bytes, at, captures);
        }
    };
    match step {
        Step::Done(length) => match_parts(rest, bytes, at + length, captures),
        Step::Partly(_) => Match::NeedsMore,
        Step::Mismatch(offset, expected) => Match::Mismatch {
            offset: at + offset,
            expected,
        },
    }
}

/// Tries every item first, then the others behind it; of several failures the one that came furthest is told.
fn match_any_order(
    items: &[&Pattern],
    rest: &[PatternPart],
    bytes: &[u8],
    at: usize,
    captures: &mut Captures,
) -> Match {
    if items.is_empty() {
        return match_parts(rest, bytes, at, captures);
    }
    let mut needs_more = false;
    let mut furthest: Option<(usize, String)> = None;
    for (index, item) in items.iter().enumerate() {
        if items[..index].contains(item) {
            continue;
        }
        let mut trial = captures.clone();
        let result = match match_parts(&item.parts, bytes, at, &mut trial) {
            Match::Whole { length } => {
                let others: Vec<&Pattern> = items
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != index)
                    .map(|(_, item)| *item)
                    .collect();
                match_any_order(&others, rest, bytes, length, &mut trial)
            }
            other => other,
        };
        match result {
            Match::Whole { .. } => {
                *captures = trial;
                return result;
            }
            Match::NeedsMore => needs_more = true,
            Match::Mismatch { offset, expected } => {
                if furthest.as_ref().is_none_or(|(best, _)| offset > *best) {
                    furthest = Some((offset, expected));
                }
            }
        }
    }
    match furthest {
        _ if needs_more => Match::NeedsMore,
        Some((offset, expected)) => Match::Mismatch {
            offset,
            expected: format!("{expected} (any order)"),
        },
        None => Match::NeedsMore,
    }
}

enum Filling {
    Done(usize),
    NeedsMore,
    Mismatch(usize),
}

/// The longest start of `bytes` that is of this kind. At the end of `bytes` there might always be more of it.
fn fill(kind: HoleKind, bytes: &[u8]) -> Filling {
    match kind {
        HoleKind::Int => fill_run(
            bytes,
            usize::from(bytes.first() == Some(&b'-')),
            1,
            u8::is_ascii_digit,
        ),
        HoleKind::Digits => fill_run(bytes, 0, 1, u8::is_ascii_digit),
        HoleKind::Float => fill_float(bytes),
        HoleKind::Any => fill_any(bytes),
        HoleKind::Time => fill_time(bytes),
        HoleKind::Addr => fill_addr(bytes),
        HoleKind::Bulk => fill_bulk(bytes),
        HoleKind::Sha1 => match bytes
            .iter()
            .take(40)
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        {
            Some(offset) => Filling::Mismatch(offset),
            None if bytes.len() < 40 => Filling::NeedsMore,
            None => Filling::Done(40),
        },
    }
}

/// At least `least` bytes from `start` on that are `allowed`.
fn fill_run(bytes: &[u8], start: usize, least: usize, allowed: impl Fn(&u8) -> bool) -> Filling {
    match bytes[start..].iter().position(|byte| !allowed(byte)) {
        None => Filling::NeedsMore,
        Some(length) if length < least => Filling::Mismatch(start + length),
        Some(length) => Filling::Done(start + length),
    }
}

fn fill_float(bytes: &[u8]) -> Filling {
    let sign = usize::from(bytes.first() == Some(&b'-'));
    for word in [&b"inf"[..], b"nan"] {
        let unsigned = &bytes[sign..];
        if unsigned.starts_with(word) {
            return Filling::Done(sign + word.len());
        }
        if word.starts_with(unsigned) {
            return Filling::NeedsMore;
        }
    }
    let mut end = match fill_run(bytes, sign, 1, u8::is_ascii_digit) {
        Filling::Done(end) => end,
        other => return other,
    };
    if bytes[end] == b'.' {
        end = match fill_run(bytes, end + 1, 1, u8::is_ascii_digit) {
            Filling::Done(end) => end,
            other => return other,
        };
    }
    if matches!(bytes[end], b'e' | b'E') {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        return fill_run(
            bytes,
            (end + 1 + sign).min(bytes.len()),
            1,
            u8::is_ascii_digit,
        );
    }
    Filling::Done(end)
}

fn fill_any(bytes: &[u8]) -> Filling {
    match bytes.windows(2).position(|pair| pair == b"\r\n") {
        Some(length) => Filling::Done(length),
        None => Filling::NeedsMore,
    }
}

fn fill_time(bytes: &[u8]) -> Filling {
    let end = match fill_run(bytes, 0, 10, u8::is_ascii_digit) {
        Filling::Done(end) => end,
        other => return other,
    };
    if bytes[end] == b'.' {
        fill_run(bytes, end + 1, 1, u8::is_ascii_digit)
    } else {
        Filling::Done(end)
    }
}

fn fill_addr(bytes: &[u8]) -> Filling {
    let length = match fill_run(bytes, 0, 1, |byte| {
        byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':' | b'[' | b']')
    }) {
        Filling::Done(length) => length,
        other => return other,
    };
    let colon = bytes[..length].iter().rposition(|&byte| byte == b':');
    match colon {
        None | Some(0) => Filling::Mismatch(length),
        Some(colon) => match bytes[colon + 1..length]
            .iter()
            .position(|byte| !byte.is_ascii_digit())
        {
            Some(offset) => Filling::Mismatch(colon + 1 + offset),
            None if colon + 1 == length => Filling::Mismatch(length),
            None => Filling::Done(length),
        },
    }
}

fn fill_bulk(bytes: &[u8]) -> Filling {
    match bytes.first() {
        None => return Filling::NeedsMore,
        Some(b'$') => {}
        Some(_) => return Filling::Mismatch(0),
    }
    let digits = match fill_run(bytes, 1, 1, u8::is_ascii_digit) {
        Filling::Done(end) => end,
        other => return other,
    };
    let length = std::str::from_utf8(&bytes[1..digits])
        .ok()
        .and_then(|digits| digits.parse::<u32>().ok());
    let Some(length) = length else {
        return Filling::Mismatch(1);
    };
    let content_end = digits + 2 + length as usize;
    for (at, due) in [
        (digits, b'\r'),
        (digits + 1, b'\n'),
        (content_end, b'\r'),
        (content_end + 1, b'\n'),
    ] {
        match bytes.get(at) {
            None => return Filling::NeedsMore,
            Some(&byte) if byte != due => return Filling::Mismatch(at),
            Some(_) => {}
        }
    }
    Filling::Done(content_end + 2)
}
