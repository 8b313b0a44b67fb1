//! Bytes to send and bytes to expect, with repetitions, holes and cuts, and what holes have captured; knows nothing of
//! lines, sockets or servers.

use std::collections::BTreeMap;
use std::fmt;

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
    /// One whole reply of any kind, to its last CRLF (so write it on a `<<` line, as a bulk string).
    Reply,
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
    pub const ALL: [(&'static str, HoleKind); 9] = [
        ("int", HoleKind::Int),
        ("bulk", HoleKind::Bulk),
        ("reply", HoleKind::Reply),
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

    /// Adds plain bytes at the end, runs of 32 equal bytes or more as repetitions.
    pub fn push_runs(&mut self, bytes: &[u8]) {
        for run in bytes.chunk_by(|left, right| left == right) {
            if run.len() >= 32 {
                self.parts.push(PatternPart::Repeat {
                    unit: vec![run[0]],
                    count: run.len(),
                });
            } else {
                self.push_literal(run);
            }
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
}
