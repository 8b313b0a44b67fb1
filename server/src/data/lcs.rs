//! The longest common subsequence of two strings, and where it lies in both; knows no key.
//!
//! The classic table holds L(i, j), the length for the first i bytes of `a` and the first j of `b`. Neighbours in a row
//! differ by 0 or 1, so one bit a cell is enough, and a row follows from the one above 64 cells at a time (Hyyrö,
//! "Bit-parallel LCS-length computation revisited", 2004). That is 32 times less memory than a table of lengths.

use std::ops::Range;

/// The length of the longest common subsequence.
pub(crate) fn len(a: &[u8], b: &[u8]) -> usize {
    let columns = Columns::new(a, b);
    let mut row = columns.first_row();
    for &byte in a {
        columns.advance(&mut row, byte);
    }
    row_len(&row)
}

/// A run of bytes that follow each other in both strings and belong to the subsequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) a: Range<usize>,
    pub(crate) b: Range<usize>,
}

/// The matches that make up the longest common subsequence, last one first. Among several subsequences of that length it
/// is the one Redis finds: walking back from the ends it leaves a byte of `a` only where a byte of `b` will not do.
pub(crate) fn matches(a: &[u8], b: &[u8]) -> Vec<Match> {
    let columns = Columns::new(a, b);
    let mut row = columns.first_row();
    let mut rows = Vec::with_capacity(a.len() * row.len());
    for &byte in a {
        columns.advance(&mut row, byte);
        rows.extend_from_slice(&row);
    }

    let mut matches: Vec<Match> = Vec::new();
    let (mut i, mut j) = (a.len(), b.len());
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            (i, j) = (i - 1, j - 1);
            match matches.last_mut() {
                Some(last) if (last.a.start, last.b.start) == (i + 1, j + 1) => {
                    (last.a.start, last.b.start) = (i, j);
                }
                _ => matches.push(Match {
                    a: i..i + 1,
                    b: j..j + 1,
                }),
            }
        } else if is_step(&rows[(i - 1) * row.len()..], j) {
            // L(i, j - 1) is smaller than L(i, j), which therefore comes from L(i - 1, j).
            i -= 1;
        } else {
            j -= 1;
        }
    }
    matches
}

/// For each byte of `a` the places in `b` where it stands.
struct Columns {
    /// Where the places of a byte begin in `places`; `None` for a byte that `a` and `b` do not share.
    starts: [Option<usize>; 256],
    places: Vec<u64>,
    words: usize,
}

impl Columns {
    fn new(a: &[u8], b: &[u8]) -> Columns {
        let words = b.len().div_ceil(64);
        let mut in_a = [false; 256];
        for &byte in a {
            in_a[usize::from(byte)] = true;
        }
        let mut columns = Columns {
            starts: [None; 256],
            places: Vec::new(),
            words,
        };
        for (index, &byte) in b.iter().enumerate() {
            if !in_a[usize::from(byte)] {
                continue;
            }
            let start = *columns.starts[usize::from(byte)].get_or_insert_with(|| {
                let start = columns.places.len();
                columns.places.resize(start + words, 0);
                start
            });
            columns.places[start + index / 64] |= 1 << (index % 64);
        }
        columns
    }

    /// The row of the empty prefix of `a`. A bit is clear where the length steps up.
    fn first_row(&self) -> Vec<u64> {
        vec![u64::MAX; self.words]
    }

    /// Makes a row the one below it, for the next byte of `a`.
    fn advance(&self, row: &mut [u64], byte: u8) {
        let Some(start) = self.starts[usize::from(byte)] else {
            return;
        };
        let mut carry = false;
        for (word, places) in row.iter_mut().zip(&self.places[start..]) {
            let (sum, over) = word.overflowing_add(*word & places);
            let (sum, over_too) = sum.overflowing_add(u64::from(carry));
            carry = over | over_too;
            *word = sum | (*word & !places);
        }
    }
}

/// L(i, b.len()) of a row i.
fn row_len(row: &[u64]) -> usize {
    row.iter().map(|word| word.count_zeros() as usize).sum()
}

/// Whether L(i, j) is greater than L(i, j - 1) in a row i.
fn is_step(row: &[u64], j: usize) -> bool {
    row[(j - 1) / 64] >> ((j - 1) % 64) & 1 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The textbook table and the walk back through it, leaving `a` only where that is strictly better.
    fn naive(a: &[u8], b: &[u8]) -> (usize, Vec<(usize, usize)>) {
        let mut table = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                table[i][j] = if a[i - 1] == b[j - 1] {
                    table[i - 1][j - 1] + 1
                } else {
                    table[i - 1][j].max(table[i][j - 1])
                };
            }
        }
        let (mut i, mut j) = (a.len(), b.len());
        let mut pairs = Vec::new();
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                pairs.push((i, j));
            } else if table[i - 1][j] > table[i][j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        (table[a.len()][b.len()], pairs)
    }

    proptest! {
        #[test]
        fn length_and_places_are_those_of_the_textbook_table(
            a in "[a-d]{0,150}",
            b in "[b-e]{0,150}",
        ) {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            let (expected, pairs) = naive(a, b);
            prop_assert_eq!(len(a, b), expected);
            let matches = matches(a, b);
            let found: Vec<(usize, usize)> = matches
                .iter()
                .flat_map(|m| m.a.clone().zip(m.b.clone()).rev())
                .collect();
            prop_assert_eq!(found, pairs);
            for pair in matches.windows(2) {
                prop_assert!(
                    pair[1].a.end < pair[0].a.start || pair[1].b.end < pair[0].b.start,
                    "{:?} could be one", pair
                );
            }
        }
    }
}
