//! The arguments of one command, as slices of wherever they arrived; owns nothing, copies nothing.

use std::ops::Index;
use std::sync::Arc;

/// A large argument, read straight into the buffer that a value may keep.
pub(crate) type Large = Arc<Vec<u8>>;

/// Marks a span whose `end` is an index into the large arguments.
const LARGE: u32 = u32::MAX;

/// Where one argument lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Bytes `start..end` of the buffer. Offsets fit: a query buffer never grows past `u32::MAX - 1` bytes.
    #[inline]
    pub(crate) fn new(start: usize, end: usize) -> Span {
        debug_assert!(end < LARGE as usize);
        Span {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The bytes of one that is not large.
    #[inline]
    pub(crate) fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start as usize..self.end as usize]
    }

    /// The large argument at this index.
    pub(crate) fn large(index: usize) -> Span {
        Span {
            start: LARGE,
            end: index as u32,
        }
    }

    /// The same span after `by` bytes were dropped from the buffer's front.
    pub(crate) fn moved_down(self, by: usize) -> Span {
        if self.start == LARGE {
            self
        } else {
            Span {
                start: self.start - by as u32,
                end: self.end - by as u32,
            }
        }
    }
}

/// The arguments of one command, its name first.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    buffer: &'a [u8],
    spans: &'a [Span],
    large: &'a [Large],
}

impl<'a> Args<'a> {
    pub(crate) fn new(buffer: &'a [u8], spans: &'a [Span], large: &'a [Large]) -> Args<'a> {
        Args {
            buffer,
            spans,
            large,
        }
    }

    /// How many, the name included.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The bytes of argument `index`, if there are so many.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| self.bytes(*span))
    }

    #[inline]
    fn bytes(&self, span: Span) -> &'a [u8] {
        if span.start == LARGE {
            &self.large[span.end as usize]
        } else {
            &self.buffer[span.start as usize..span.end as usize]
        }
    }

    /// The buffer of argument `index`, if it arrived in one of its own: a value may keep it without a copy.
    pub(crate) fn shared(&self, index: usize) -> Option<&'a Large> {
        let span = self.spans.get(index)?;
        (span.start == LARGE).then(|| &self.large[span.end as usize])
    }

    /// Argument `index`, for those behind an arity check. Unlike indexing, not bound to the borrow of `self`.
    #[inline]
    pub(crate) fn at(&self, index: usize) -> &'a [u8] {
        self.bytes(self.spans[index])
    }

    /// Whether argument `index` is this word, in any letter case. What follows a NUL does not count: Redis compares words
    /// as C strings.
    #[inline]
    pub(crate) fn is(&self, index: usize, word: &str) -> bool {
        self.get(index).is_some_and(|arg| {
            arg.get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
                && arg.get(word.len()).is_none_or(|&end| end == 0)
        })
    }

    /// All arguments, the name first.
    pub(crate) fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone + use<'a> {
        let Args {
            buffer,
            spans,
            large,
        } = *self;
        spans.iter().map(move |span| {
            Args {
                buffer,
                spans,
                large,
            }
            .bytes(*span)
        })
    }

    /// The arguments from `first` on.
    pub(crate) fn rest(
        &self,
        first: usize,
    ) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone + use<'a> {
        Args {
            buffer: self.buffer,
            spans: self.spans.get(first..).unwrap_or(&[]),
            large: self.large,
        }
        .iter()
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    #[inline]
    fn index(&self, index: usize) -> &[u8] {
        self.at(index)
    }
}

/// A command that outlives the buffer it arrived in: queued by MULTI, or parked.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnedArgs {
    buffer: Vec<u8>,
    spans: Vec<Span>,
    large: Vec<Large>,
}

impl OwnedArgs {
    /// Copies small arguments, shares large ones.
    pub(crate) fn from_args(args: Args<'_>) -> OwnedArgs {
        let mut owned = OwnedArgs::default();
        for (index, arg) in args.iter().enumerate() {
            match args.shared(index) {
                Some(large) => {
                    owned.spans.push(Span::large(owned.large.len()));
                    owned.large.push(Arc::clone(large));
                }
                None => owned.push(arg),
            }
        }
        owned
    }

    /// Adds one argument at the end.
    pub(crate) fn push(&mut self, arg: &[u8]) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(arg);
        self.spans.push(Span::new(start, self.buffer.len()));
    }

    pub(crate) fn as_args(&self) -> Args<'_> {
        Args::new(&self.buffer, &self.spans, &self.large)
    }

    /// Bytes held, as CLIENT LIST's `multi-mem` and `argv-mem` count them.
    pub(crate) fn memory(&self) -> usize {
        self.buffer.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self
                .large
                .iter()
                .map(|large| large.capacity())
                .sum::<usize>()
    }
}

impl<'a> FromIterator<&'a [u8]> for OwnedArgs {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(iter: I) -> OwnedArgs {
        let mut owned = OwnedArgs::default();
        for arg in iter {
            owned.push(arg);
        }
        owned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_recognised_in_any_case_and_up_to_a_nul() {
        let owned: OwnedArgs = [&b"Ex"[..], b"ex\0x", b"e", b"exx"].into_iter().collect();
        let args = owned.as_args();
        let found: Vec<bool> = (0..5).map(|index| args.is(index, "ex")).collect();
        assert_eq!(found, [true, true, false, false, false]);
    }
}
