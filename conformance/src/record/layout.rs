//! How an answer is laid out on expectation lines: short replies on one, longer ones element by element. Knows the shape of
//! replies, not who sent them.

use std::ops::Range;

use super::align::Segment;
use crate::transcript::{Action, Ending, HoleKind, Pattern, PatternPart};
use crate::wire::{Element, Kind, Reader};

/// A line may show this many characters before the reply is divided.
const WIDTH: usize = 100;

/// The lines that expect this answer, with holes where the segments have them.
pub(super) fn lay_out(answer: &[u8], segments: &[Segment]) -> Vec<(Pattern, Ending)> {
    let text = Text { answer, segments };
    let mut ranges = Vec::new();
    let mut reader = Reader::new();
    reader.feed(answer);
    let mut at = 0;
    while let Ok(Some(reply)) = reader.next_reply() {
        for element in reply.attributes().chain([reply.root()]) {
            text.divide(element, at, &mut ranges);
            at += element.bytes().len();
        }
    }
    // What is no reply, or only the beginning of one, is divided at its line ends.
    divide_lines(&answer[at..], at, &mut ranges);
    text.join_inside_holes(&mut ranges);
    ranges.into_iter().map(|range| text.line(range)).collect()
}

struct Text<'a> {
    answer: &'a [u8],
    segments: &'a [Segment],
}

impl Text<'_> {
    /// Adds the ranges of the lines for an element that begins at `at`.
    fn divide(&self, element: Element<'_>, at: usize, ranges: &mut Vec<Range<usize>>) {
        let whole = at..at + element.bytes().len();
        let kind = element.kind();
        if self.width(&whole) <= WIDTH {
            ranges.push(whole);
        } else if kind.is_aggregate() {
            let header = at + 1 + element.body().len() + 2;
            ranges.push(at..header);
            self.divide_children(element, header, ranges);
        } else if matches!(kind, Kind::Bulk | Kind::BulkError | Kind::Verbatim) {
            let content = whole.end - 2 - element.body().len();
            ranges.push(at..content);
            divide_lines(&self.answer[content..whole.end], content, ranges);
        } else {
            ranges.push(whole);
        }
    }

    /// A key stands on the line of its value if both are short.
    fn divide_children(&self, parent: Element<'_>, mut at: usize, ranges: &mut Vec<Range<usize>>) {
        let children: Vec<Element<'_>> = parent.children().collect();
        let plain = children.iter().all(|child| child.kind() != Kind::Attribute);
        let in_pairs = plain && matches!(parent.kind(), Kind::Map | Kind::Attribute);
        for group in children.chunks(if in_pairs { 2 } else { 1 }) {
            let end = at + group.iter().map(|child| child.bytes().len()).sum::<usize>();
            if self.width(&(at..end)) <= WIDTH {
                ranges.push(at..end);
                at = end;
                continue;
            }
            for child in group {
                self.divide(*child, at, ranges);
                at += child.bytes().len();
            }
        }
    }

    /// A hole that stands for more than a line is not divided.
    fn join_inside_holes(&self, ranges: &mut Vec<Range<usize>>) {
        let inside = |at: usize| {
            self.segments
                .iter()
                .any(|segment| segment.range.start < at && at < segment.range.end)
        };
        let mut joined: Vec<Range<usize>> = Vec::new();
        for range in ranges.drain(..) {
            match joined.last_mut() {
                Some(last) if inside(range.start) => last.end = range.end,
                _ => joined.push(range),
            }
        }
        *ranges = joined;
    }

    fn width(&self, range: &Range<usize>) -> usize {
        // Nothing is shorter than its bytes but a run, and a reply that is one run is short enough to look at.
        let (pattern, ending) = self.line(range.clone());
        Action::Expect {
            connection: String::new(),
            pattern,
            ending,
        }
        .to_string()
        .len()
    }

    /// The pattern of one line, and whether its CRLF goes without saying.
    fn line(&self, range: Range<usize>) -> (Pattern, Ending) {
        let mut pattern = Pattern::default();
        let mut at = range.start;
        let first = self
            .segments
            .partition_point(|segment| segment.range.start < range.start);
        for segment in self.segments[first..]
            .iter()
            .take_while(|segment| segment.range.end <= range.end)
        {
            pattern.push_runs(&self.answer[at..segment.range.start]);
            segment
                .parts
                .iter()
                .for_each(|part| push_part(&mut pattern, part));
            at = segment.range.end;
        }
        pattern.push_runs(&self.answer[at..range.end]);
        let ending = strip_crlf(&mut pattern);
        (pattern, ending)
    }
}

fn divide_lines(bytes: &[u8], mut at: usize, ranges: &mut Vec<Range<usize>>) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = rest
            .windows(2)
            .position(|pair| pair == b"\r\n")
            .map_or(rest.len(), |found| found + 2);
        ranges.push(at..at + length);
        at += length;
        rest = &rest[length..];
    }
}

fn push_part(pattern: &mut Pattern, part: &PatternPart) {
    match part {
        PatternPart::Literal(bytes) => pattern.push_literal(bytes),
        other => pattern.parts.push(other.clone()),
    }
}

/// Takes the CRLF off the end if a `<` line would add it.
fn strip_crlf(pattern: &mut Pattern) -> Ending {
    match pattern.parts.last_mut() {
        Some(PatternPart::Literal(bytes)) if bytes.ends_with(b"\r\n") => {
            bytes.truncate(bytes.len() - 2);
            if bytes.is_empty() {
                pattern.parts.pop();
            }
            // `{v:bulk}` and a CRLF of its own behind it must not look like `{v:bulk}` with the CRLF it includes.
            match pattern.parts.last() {
                Some(PatternPart::Hole {
                    kind: HoleKind::Bulk | HoleKind::Reply,
                    ..
                }) => {
                    pattern.push_literal(b"\r\n");
                    Ending::Exact
                }
                _ => Ending::Crlf,
            }
        }
        _ => Ending::Exact,
    }
}
