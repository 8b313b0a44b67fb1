//! Where a write is divided: whole, byte by byte, around every CRLF, at every single position. Knows bytes and positions,
//! nothing of sockets or answers.

use std::fmt;

/// A write longer than this is cut only where cuts can matter: see [`positions`].
const LONG_WRITE: usize = 4096;

/// So far from either end of a long write every position is a cut.
const LONG_WRITE_EDGE: usize = 512;

/// Servers read in pieces of this size; around its multiples their state changes hands.
const READ_PIECE: usize = 16 * 1024;

/// One way of dividing every write of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cut {
    /// As written.
    Whole,
    /// At every position at once.
    Bytes,
    /// Before every CR that begins a CRLF.
    BeforeCrlf,
    /// Between every CR and its LF.
    InsideCrlf,
    /// After every CRLF.
    AfterCrlf,
    /// Each write once, behind this many bytes; shorter writes stay whole.
    At(usize),
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cut::Whole => f.write_str("whole"),
            Cut::Bytes => f.write_str("byte by byte"),
            Cut::BeforeCrlf => f.write_str("cut before every CRLF"),
            Cut::InsideCrlf => f.write_str("cut inside every CRLF"),
            Cut::AfterCrlf => f.write_str("cut after every CRLF"),
            Cut::At(position) => write!(f, "cut at byte {position}"),
        }
    }
}

impl Cut {
    /// Where this divides a write: ascending positions, each greater than 0 and less than the length.
    pub fn places(self, write: &[u8]) -> Vec<usize> {
        let crlf = |offset: usize| -> Vec<usize> {
            let starts = write
                .windows(2)
                .enumerate()
                .filter(|(_, pair)| pair == b"\r\n");
            let places = starts.map(|(start, _)| start + offset);
            let mut places: Vec<usize> = places
                .filter(|&place| place > 0 && place < write.len())
                .collect();
            // A write of thousands of commands is divided often enough by its first and last ones.
            if places.len() > LONG_WRITE {
                places.drain(LONG_WRITE_EDGE..places.len() - LONG_WRITE_EDGE);
            }
            places
        };
        match self {
            Cut::Whole => Vec::new(),
            Cut::Bytes => positions(write.len()),
            Cut::BeforeCrlf => crlf(0),
            Cut::InsideCrlf => crlf(1),
            Cut::AfterCrlf => crlf(2),
            Cut::At(position) => (position > 0 && position < write.len())
                .then_some(position)
                .into_iter()
                .collect(),
        }
    }
}

/// Every position at which a write of this length is cut.
///
/// That is every position, up to 4 KiB. Longer writes are long because something in them is repeated; between their ends
/// only the seams of a server's reads are of interest.
pub fn positions(length: usize) -> Vec<usize> {
    if length <= LONG_WRITE {
        return (1..length).collect();
    }
    let seams = (READ_PIECE..length)
        .step_by(READ_PIECE)
        .flat_map(|seam| seam - 1..=seam + 1);
    let mut positions: Vec<usize> = (1..LONG_WRITE_EDGE)
        .chain(seams)
        .chain(length - LONG_WRITE_EDGE..length)
        .collect();
    positions.retain(|&position| position < length);
    positions.sort_unstable();
    positions.dedup();
    positions
}

/// The ways to divide a transcript whose writes have these lengths, and how many positions they leave out.
///
/// Every position of every write is the cut of one run. A run cuts all writes at the same position: the answers to one
/// write are compared before the next one begins, so a run tells as much as one run for each write would.
pub fn plan(writes: &[usize]) -> (Vec<Cut>, usize) {
    let mut single: Vec<usize> = writes
        .iter()
        .flat_map(|&length| positions(length))
        .collect();
    let kept = single.len();
    single.sort_unstable();
    single.dedup();
    let all: usize = writes.iter().map(|length| length.saturating_sub(1)).sum();
    let every = [Cut::Bytes, Cut::BeforeCrlf, Cut::InsideCrlf, Cut::AfterCrlf];
    (
        every
            .into_iter()
            .chain(single.into_iter().map(Cut::At))
            .collect(),
        all - kept,
    )
}

/// Divides a write at these ascending positions.
pub fn fragments<'w>(write: &'w [u8], places: &[usize]) -> Vec<&'w [u8]> {
    let ends = places.iter().copied().chain([write.len()]);
    let mut start = 0;
    ends.map(|end| {
        let fragment = &write[start..end];
        start = end;
        fragment
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

    #[test]
    fn every_way_gives_the_same_bytes_back() {
        let (cuts, left_out) = plan(&[PING.len()]);
        assert_eq!((cuts.len(), left_out), (4 + PING.len() - 1, 0));
        for cut in cuts {
            assert_eq!(fragments(PING, &cut.places(PING)).concat(), PING, "{cut}");
            assert!(
                fragments(PING, &cut.places(PING))
                    .iter()
                    .all(|fragment| !fragment.is_empty()),
                "{cut}"
            );
        }
    }

    #[test]
    fn crlf_is_cut_before_inside_and_after() {
        let divided = |cut: Cut| fragments(b"a\r\nb\r\n", &cut.places(b"a\r\nb\r\n"));
        assert_eq!(divided(Cut::BeforeCrlf), [&b"a"[..], b"\r\nb", b"\r\n"]);
        assert_eq!(divided(Cut::InsideCrlf), [&b"a\r"[..], b"\nb\r", b"\n"]);
        assert_eq!(divided(Cut::AfterCrlf), [&b"a\r\n"[..], b"b\r\n"]);
    }

    #[test]
    fn a_long_write_is_cut_at_its_ends_and_at_the_seams_of_reads() {
        let cuts = positions(100_000);
        for kept in [1, 511, 16_383, 16_384, 16_385, 81_920, 99_999] {
            assert!(cuts.contains(&kept), "{kept}");
        }
        assert!(!cuts.contains(&50_000) && !cuts.contains(&100_000));
        let (ways, left_out) = plan(&[100_000]);
        assert_eq!(ways.len() - 4 + left_out, 99_999);
    }
}
