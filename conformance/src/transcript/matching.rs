//! Holding bytes against a pattern, in one go or as they arrive; knows nothing of where they arrive from.

use super::escape::escaped;
use super::hole::{Filling, fill};
use super::pattern::{Capture, Captures, Pattern, PatternPart};

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
    if let Some(offset) = first_difference(unit, within, &bytes[..length]) {
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

/// The first byte that is not `unit` repeated, entered `within` bytes from its start. Compares slices, because answers of
/// many megabytes are held against a repetition of one byte.
fn first_difference(unit: &[u8], within: usize, bytes: &[u8]) -> Option<usize> {
    if let [byte] = unit {
        return bytes.iter().position(|other| other != byte);
    }
    let mut at = 0;
    while at < bytes.len() {
        let rest = &unit[(within + at) % unit.len()..];
        let compared = rest.len().min(bytes.len() - at);
        if rest[..compared] != bytes[at..at + compared] {
            let differs = rest
                .iter()
                .zip(&bytes[at..])
                .position(|(due, byte)| due != byte);
            return differs.map(|offset| at + offset);
        }
        at += compared;
    }
    None
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
            Match::Mismatch { offset, expected } => Match::Mismatch {
                offset,
                expected: format!("{expected} (any order)"),
            },
            Match::NeedsMore => Match::NeedsMore,
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
        Some((offset, expected)) if !needs_more => Match::Mismatch { offset, expected },
        _ => Match::NeedsMore,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transcript::{Action, Content, Transcript};

    /// The pattern an expectation line writes.
    fn pattern(written: &str) -> Pattern {
        let mut transcript = Transcript::parse(&format!("a<< {written}\n")).unwrap();
        match transcript.lines.remove(0).content {
            Content::Step(step) => match step.action {
                Action::Expect { pattern, .. } => pattern,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    fn any_order(items: &[&str]) -> Pattern {
        Pattern {
            parts: vec![PatternPart::AnyOrder(
                items.iter().map(|item| pattern(item)).collect(),
            )],
        }
    }

    /// What a match says in short: the bytes taken, `more`, or where it fails.
    fn outcome(pattern: &Pattern, bytes: &[u8]) -> String {
        match pattern.match_at(bytes, &mut Captures::new()) {
            Match::Whole { length } => format!("takes {length}"),
            Match::NeedsMore => "more".to_owned(),
            Match::Mismatch { offset, expected } => format!("at {offset}: {expected}"),
        }
    }

    #[test]
    fn holes_take_what_is_of_their_kind_and_no_more() {
        let cases: [(&str, &[u8], &str); 37] = [
            (r"{x:int}\r\n", b"-12\r\n", "takes 5"),
            (r"{x:int}\r\n", b"-12", "more"),
            (r"{x:int}\r\n", b"-\r\n", "at 1: {x:int}"),
            (r"{x:int}\r\n", b"12a\r\n", r"at 2: \r\n"),
            (r"{x:digits}.", b"12.", "takes 3"),
            (r"{x:digits}.", b"-12.", "at 0: {x:digits}"),
            (r"{x:float}\r\n", b"-1.5e+10\r\n", "takes 10"),
            (r"{x:float}\r\n", b"inf\r\n", "takes 5"),
            (r"{x:float}\r\n", b"-inf\r\n", "takes 6"),
            (r"{x:float}\r\n", b"nan\r\n", "takes 5"),
            (r"{x:float}\r\n", b"-i", "more"),
            (r"{x:float}\r\n", b"1e", "more"),
            (r"{x:float}\r\n", b"1.\r\n", "at 2: {x:float}"),
            (r"{x:float}\r\n", b"one\r\n", "at 0: {x:float}"),
            (r"{x:any}\r\n", b"a\rb\r\n", "takes 5"),
            (r"{x:any}\r\n", b"\r\n", "takes 2"),
            (r"{x:any}\r\n", b"abc\r", "more"),
            (r"{x:bulk}", b"$2\r\n\r\n\r\n", "takes 8"),
            (r"{x:bulk}", b"$2\r\nhi\r", "more"),
            (r"{x:bulk}", b"$2\r\nhiho", r"at 6: {x:bulk}"),
            (r"{x:bulk}", b"$-1\r\n", "at 1: {x:bulk}"),
            (r"{x:bulk}", b":1\r\n", "at 0: {x:bulk}"),
            (r"{x:reply}", b":1\r\n:2\r\n", "takes 4"),
            (r"{x:reply}", b"%1\r\n+k\r\n*1\r\n_\r\n", "takes 15"),
            (r"{x:reply}", b"*2\r\n:1\r\n", "more"),
            (r"{x:reply}", b"*1\r\n?\r\n", "at 4: {x:reply}"),
            (r"{x:time}\s", b"1339518083.107412 ", "takes 18"),
            (r"{x:time}\s", b"133951 ", "at 6: {x:time}"),
            (r"{x:addr}\s", b"127.0.0.1:6379 ", "takes 15"),
            (r"{x:addr}\s", b"[::1]:6379 ", "takes 11"),
            (r"{x:addr}\s", b"127.0.0.1 ", "at 9: {x:addr}"),
            (r"{x:addr}\s", b"127.0.0.1: ", "at 10: {x:addr}"),
            (
                r"{x:sha1}",
                b"da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "takes 40",
            ),
            (
                r"{x:sha1}",
                b"da39a3ee5e6b4b0d3255bfef95601890afd8070",
                "more",
            ),
            (r"{x:sha1}", b"DA39", "at 0: {x:sha1}"),
            (r"{x:int}-{x}.", b"12-12.", "takes 6"),
            (r"{x:int}-{x}.", b"12-13.", "at 4: 2"),
        ];
        for (written, bytes, expected) in cases {
            assert_eq!(
                outcome(&pattern(written), bytes),
                expected,
                "{written} against {}",
                bytes.escape_ascii()
            );
        }
    }

    #[test]
    fn the_first_wrong_byte_is_named_with_what_was_due() {
        assert_eq!(
            outcome(&pattern(r"+PONG\r\n"), b"+PING\r\n"),
            r"at 2: ONG\r\n"
        );
        assert_eq!(outcome(&pattern("{ab*3}c"), b"abac"), "at 3: bab");
        assert_eq!(outcome(&pattern("{ab*3}c"), b"ababab"), "more");
        assert_eq!(
            outcome(
                &pattern("{a*1000000}"),
                &[&[b'a'; 999_999][..], b"b"].concat()
            ),
            "at 999999: a"
        );
    }

    #[test]
    fn any_order_takes_every_item_once() {
        let set = any_order(&[r"+a\r\n", r"+b\r\n", r":{n:int}\r\n", r"+b\r\n"]);
        assert_eq!(outcome(&set, b"+b\r\n:5\r\n+b\r\n+a\r\n+a\r\n"), "takes 16");
        assert_eq!(outcome(&set, b"+b\r\n:5\r\n+b"), "more");
        assert_eq!(
            outcome(&set, b"+b\r\n+a\r\n+a\r\n:1\r\n"),
            r"at 9: b\r\n (any order)"
        );
        // The hole must not keep the item that only it can leave.
        let greedy = any_order(&[r"+{x:any}\r\n", r"+a\r\n"]);
        assert_eq!(outcome(&greedy, b"+a\r\n+z\r\n"), "takes 8");
    }

    #[test]
    fn captures_change_only_when_all_of_it_fits() {
        let mut captures = Captures::new();
        let wants = pattern(r":{n:int}\r\n+OK\r\n");
        assert!(matches!(
            wants.match_at(b":1\r\n+NO", &mut captures),
            Match::Mismatch { offset: 5, .. }
        ));
        assert_eq!(captures, Captures::new());
        assert_eq!(
            wants.match_at(b":1\r\n+OK\r\n", &mut captures),
            Match::Whole { length: 9 }
        );
        assert_eq!(captures.get("n").unwrap().value(), b"1");
    }

    proptest! {
        /// Arriving in pieces changes nothing, and what the matcher has taken it is never given again.
        #[test]
        fn a_matcher_says_the_same_however_the_answer_arrives(
            cuts in proptest::collection::vec(1..9usize, 1..30),
            wrong_at in proptest::option::of(0..60usize),
        ) {
            let pattern = Pattern {
                parts: [pattern(r"*4\r\n{ab*9}\r\n{v:bulk}:{n:int}\r\n").parts, any_order(&[r"+x\r\n", r"+y\r\n"]).parts].concat(),
            };
            let mut answer = b"*4\r\nababababababababab\r\n$3\r\nabc\r\n:12\r\n+y\r\n+x\r\n".to_vec();
            if let Some(byte) = wrong_at.and_then(|at| answer.get_mut(at)) {
                *byte = b'?';
            }
            let whole = pattern.match_at(&answer, &mut Captures::new());
            let mut matcher = Matcher::new(&pattern);
            let (mut captures, mut from, mut to) = (Captures::new(), 0, 0);
            let mut cuts = cuts.into_iter().cycle();
            let pieced = loop {
                to = answer.len().min(to + cuts.next().unwrap_or(1));
                match matcher.feed(&answer[from..to], &mut captures) {
                    Progress::Whole { taken } => break Match::Whole { length: from + taken },
                    Progress::NeedsMore { .. } if to == answer.len() => break Match::NeedsMore,
                    Progress::NeedsMore { taken } => from += taken,
                    Progress::Mismatch { offset, expected } => break Match::Mismatch { offset, expected },
                }
            };
            prop_assert_eq!(pieced, whole);
        }
    }
}
