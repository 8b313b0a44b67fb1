//! Which parts of an answer an older expectation still describes, so that its holes survive. Knows bytes and patterns, not
//! lines.

use std::ops::Range;

use crate::transcript::{Captures, HoleKind, Match, Pattern, PatternPart};

/// A part of an answer that is written with holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// The bytes of the answer it stands for.
    pub(super) range: Range<usize>,
    /// How they are written.
    pub(super) parts: Vec<PatternPart>,
}

/// More comparisons than this are not worth a hole.
const COMPARISONS_MAX: usize = 4_000_000;

/// The parts of the answer for which the expectation has holes, in order; the holes are filled in `captures`.
///
/// Both are divided behind every CRLF, and the pieces are paired so that as many as possible fit, in order.
pub(super) fn annotate(
    expected: &[Pattern],
    answer: &[u8],
    captures: &mut Captures,
) -> Vec<Segment> {
    let pieces = divide_pattern(expected);
    if !pieces.iter().any(is_open) {
        return Vec::new();
    }
    let starts = divide_answer(answer);
    let mut segments = Vec::new();
    let mut add = |piece: &Pattern, start: usize, captures: &mut Captures| {
        let Match::Whole { length } = piece.match_at(&answer[start..], captures) else {
            return None;
        };
        if is_open(piece) {
            segments.push(Segment {
                range: start..start + length,
                parts: piece.parts.clone(),
            });
        }
        starts.binary_search(&(start + length)).ok()
    };
    // What fits from the start needs no search.
    let (mut piece, mut start) = (0, 0);
    while piece < pieces.len() && start + 1 < starts.len() {
        if fits(&pieces[piece], answer, &starts, start, captures).is_none() {
            break;
        }
        match add(&pieces[piece], starts[start], captures) {
            Some(next) => start = next,
            None => break,
        }
        piece += 1;
    }
    for (paired, at) in pair(&pieces[piece..], answer, &starts, start, captures) {
        add(&pieces[piece + paired], starts[at], captures);
    }
    segments
}

fn is_open(piece: &Pattern) -> bool {
    piece
        .parts
        .iter()
        .any(|part| matches!(part, PatternPart::Hole { .. } | PatternPart::Reuse(_)))
}

/// The longest list of pairs of a piece and the place in the answer where it fits, both growing.
fn pair(
    pieces: &[Pattern],
    answer: &[u8],
    starts: &[usize],
    first: usize,
    captures: &Captures,
) -> Vec<(usize, usize)> {
    let places = starts.len() - first;
    if (pieces.len() + 1).saturating_mul(places) > COMPARISONS_MAX {
        return Vec::new();
    }
    let mut best = vec![0u32; (pieces.len() + 1) * places];
    let mut fitting = vec![None; pieces.len() * places];
    for piece in (0..pieces.len()).rev() {
        for place in (0..places - 1).rev() {
            let here = piece * places + place;
            let skipped = best[here + places].max(best[here + 1]);
            let fit = fits(&pieces[piece], answer, starts, first + place, captures)
                .map(|next| next - first);
            fitting[here] = fit;
            best[here] = fit
                .map_or(0, |next| 1 + best[(piece + 1) * places + next])
                .max(skipped);
        }
    }
    let mut pairs = Vec::new();
    let (mut piece, mut place) = (0, 0);
    while piece < pieces.len() && place + 1 < places {
        let here = piece * places + place;
        match fitting[here] {
            Some(next) if best[here] == 1 + best[(piece + 1) * places + next] => {
                pairs.push((piece, first + place));
                (piece, place) = (piece + 1, next);
            }
            _ if best[here] == best[here + places] => piece += 1,
            _ => place += 1,
        }
    }
    pairs
}

/// Where in `starts` the answer goes on if the piece fits at `starts[place]`.
fn fits(
    piece: &Pattern,
    answer: &[u8],
    starts: &[usize],
    place: usize,
    captures: &Captures,
) -> Option<usize> {
    let rest = &answer[starts[place]..];
    let length = match &piece.parts[..] {
        [PatternPart::Literal(literal)] => rest.starts_with(literal).then_some(literal.len())?,
        _ => match piece.match_at(rest, &mut captures.clone()) {
            Match::Whole { length } => length,
            _ => return None,
        },
    };
    starts.binary_search(&(starts[place] + length)).ok()
}

/// Where the pieces of the answer begin, and its end.
fn divide_answer(answer: &[u8]) -> Vec<usize> {
    let mut starts = vec![0];
    let ends = answer
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| *pair == b"\r\n")
        .map(|(at, _)| at + 2);
    starts.extend(ends);
    if starts.last() != Some(&answer.len()) {
        starts.push(answer.len());
    }
    starts
}

/// The expectation in pieces that end with a CRLF. Any-order blocks are left out: they hold as a whole or not at all.
fn divide_pattern(expected: &[Pattern]) -> Vec<Pattern> {
    let mut pieces = Vec::new();
    let mut piece = Pattern::default();
    for part in expected.iter().flat_map(|pattern| &pattern.parts) {
        match part {
            PatternPart::Literal(bytes) => {
                let mut rest = &bytes[..];
                while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
                    piece.push_literal(&rest[..at + 2]);
                    pieces.push(std::mem::take(&mut piece));
                    rest = &rest[at + 2..];
                }
                piece.push_literal(rest);
            }
            PatternPart::AnyOrder(_) => pieces
                .extend(Some(std::mem::take(&mut piece)).filter(|piece| !piece.parts.is_empty())),
            PatternPart::Hole {
                kind: HoleKind::Bulk | HoleKind::Reply,
                ..
            } => {
                piece.parts.push(part.clone());
                pieces.push(std::mem::take(&mut piece));
            }
            _ => piece.parts.push(part.clone()),
        }
    }
    pieces.extend(Some(piece).filter(|piece| !piece.parts.is_empty()));
    pieces
}
