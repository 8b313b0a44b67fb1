//! LZF, the compression of strings in Redis's files: chooses the same matches as Redis 8.2.3 does, so the result is the same,
//! byte for byte. It knows nothing of files.
//!
//! What is compressed is a row of runs. A byte below 32 is followed by so many literal bytes and one more. Any other begins a
//! copy of what came before: its upper three bits are the length less two, where seven says that a byte with more follows;
//! its lower five bits and the last byte are the distance less one.

/// Literal bytes of one run.
const LITERALS_MAX: usize = 32;
/// How far back a copy may reach.
const DISTANCE_MAX: usize = 1 << 13;
/// How long a copy may be.
const COPY_MAX: usize = (1 << 8) + (1 << 3);
/// A copy's length less two that says that a byte with more follows.
const LONG: usize = 7;
/// What is compared with one look: whatever is shorter is no copy.
const SHORTEST: usize = 3;
/// So many bytes of a long copy are compared before its length is limited; one may reach further than others by that.
const UNLIMITED: usize = 16;
const SLOTS: usize = 1 << 16;

/// The longest result of one byte of what was compressed: three bytes stand for a longest copy.
const GROWTH_MAX: usize = COPY_MAX / 3;

/// Compresses one string after the other.
#[derive(Debug, Default)]
pub(crate) struct Compressor {
    /// Where the last three bytes with this hash began, counted from `base` on; less is from a string before. It is made when
    /// it is first needed.
    slots: Vec<u32>,
    base: u32,
}

impl Compressor {
    /// The compressed bytes, if they are no more than `len_max`.
    pub(crate) fn compress(&mut self, input: &[u8], len_max: usize) -> Option<Vec<u8>> {
        // What does not fit into 32 bits is longer than any string.
        let len = u32::try_from(input.len()).ok()?;
        if input.is_empty() || len_max == 0 {
            return None;
        }
        if self.slots.is_empty() || self.base.checked_add(len).is_none() {
            self.slots = vec![0; SLOTS];
            self.base = 1;
        }
        let compressed = self.run(input, len_max);
        self.base = self.base.saturating_add(len);
        compressed
    }

    fn run(&mut self, input: &[u8], len_max: usize) -> Option<Vec<u8>> {
        let mut out = Output::new(input.len().min(len_max));
        let end = input.len().saturating_sub(SHORTEST - 1);
        let mut at = 0;
        while at < end {
            let Some(earlier) = self.exchange(input, at) else {
                if out.len() >= len_max {
                    return None;
                }
                out.literal(input[at]);
                at += 1;
                continue;
            };
            // Room for the longest form of a copy and a literal; a run that is empty would be taken back.
            if out.len() - usize::from(out.literals == 0) + 4 >= len_max {
                return None;
            }
            let len = common_len(input, earlier, at);
            out.copy(at - earlier, len);
            at += len;
            if at >= end {
                break;
            }
            // Of all that a copy skips only the last two places are remembered.
            self.exchange(input, at - 2);
            self.exchange(input, at - 1);
        }
        if out.len() + SHORTEST > len_max {
            return None;
        }
        input[at..].iter().for_each(|&byte| out.literal(byte));
        Some(out.finish())
    }

    /// Remembers a place, and returns one before it with the same three bytes if that was remembered last and is near.
    fn exchange(&mut self, input: &[u8], at: usize) -> Option<usize> {
        let three = |at: usize| [input[at], input[at + 1], input[at + 2]];
        let [a, b, c] = three(at);
        let value = u32::from_be_bytes([0, a, b, c]);
        let hash = (value >> 8).wrapping_sub(value.wrapping_mul(5)) as usize & (SLOTS - 1);
        let place = self.base + at as u32;
        let earlier = std::mem::replace(&mut self.slots[hash], place).checked_sub(self.base)?;
        let earlier = earlier as usize;
        // The very first byte is never copied from, as in Redis.
        let near = earlier > 0 && at - earlier <= DISTANCE_MAX;
        (near && three(earlier) == three(at)).then_some(earlier)
    }
}

/// How many bytes are copied of two places that have three in common.
fn common_len(input: &[u8], earlier: usize, at: usize) -> usize {
    let same = |len: usize| input[earlier + len] == input[at + len];
    let len_max = (input.len() - at - 2).min(COPY_MAX);
    let mut len = 2;
    if len_max > UNLIMITED {
        for _ in 0..UNLIMITED {
            len += 1;
            if !same(len) {
                return len;
            }
        }
    }
    loop {
        len += 1;
        if len >= len_max || !same(len) {
            return len;
        }
    }
}

/// What was compressed so far: it always ends with a run of literals, which may be empty still.
struct Output {
    bytes: Vec<u8>,
    /// Literals of the last run, behind the byte that is to tell how many.
    literals: usize,
}

impl Output {
    fn new(capacity: usize) -> Output {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.push(0);
        Output { bytes, literals: 0 }
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn literal(&mut self, byte: u8) {
        self.bytes.push(byte);
        self.literals += 1;
        if self.literals == LITERALS_MAX {
            self.end_run();
            self.begin_run();
        }
    }

    fn copy(&mut self, distance: usize, len: usize) {
        self.end_run();
        let (high, low) = ((distance - 1) >> 8, (distance - 1) as u8);
        let len = len - 2;
        if len < LONG {
            self.bytes.push((len << 5 | high) as u8);
        } else {
            self.bytes
                .extend([(LONG << 5 | high) as u8, (len - LONG) as u8]);
        }
        self.bytes.push(low);
        self.begin_run();
    }

    fn begin_run(&mut self) {
        self.literals = 0;
        self.bytes.push(0);
    }

    fn end_run(&mut self) {
        match self.literals {
            0 => drop(self.bytes.pop()),
            literals => {
                let head = self.bytes.len() - literals - 1;
                self.bytes[head] = (literals - 1) as u8;
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.end_run();
        self.bytes
    }
}

/// The bytes that were compressed, if there are `len` of them; a wrong `len` costs no memory.
pub(crate) fn decompress(mut input: &[u8], len: usize) -> Option<Vec<u8>> {
    if len / GROWTH_MAX > input.len() {
        return None;
    }
    let mut out = Vec::with_capacity(len);
    while let Some((&control, rest)) = input.split_first() {
        let control = usize::from(control);
        input = rest;
        if control < LITERALS_MAX {
            let (literals, rest) = input.split_at_checked(control + 1)?;
            out.extend_from_slice(literals);
            input = rest;
        } else {
            let mut count = (control >> 5) + 2;
            if control >> 5 == LONG {
                let (&more, rest) = input.split_first()?;
                count += usize::from(more);
                input = rest;
            }
            let (&low, rest) = input.split_first()?;
            input = rest;
            let distance = ((control & 0x1f) << 8 | usize::from(low)) + 1;
            let start = out.len().checked_sub(distance)?;
            if out.len() + count > len {
                return None;
            }
            // A copy may reach into itself: then what it has just written is repeated.
            if count <= distance {
                out.extend_from_within(start..start + count);
            } else {
                (start..start + count).for_each(|at| out.push(out[at]));
            }
        }
        if out.len() > len {
            return None;
        }
    }
    (out.len() == len).then_some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compress(text: &[u8]) -> Option<Vec<u8>> {
        Compressor::default().compress(text, text.len().saturating_sub(4))
    }

    #[test]
    fn redis_chooses_the_same_copies() {
        // What DUMP of 8.2.3 holds for these strings.
        let cases: [(&[u8], &[u8]); 4] = [
            (&[b'a'; 21], b"\x01aa\xe0\x0a\0"),
            (&[b'a'; 30], b"\x01aa\xe0\x11\0\x01aa"),
            (&[b'v'; 65], b"\x01vv\xe0\x34\0\x01vv"),
            (&[b'x'; 600], b"\x01xx\xe0\xff\0\xe0\xff\0\xe0\x3b\0\x01xx"),
        ];
        for (text, expected) in cases {
            assert_eq!(compress(text).as_deref(), Some(expected), "{}", text.len());
        }
        assert_eq!(compress(b"nothing here comes twice"), None);
    }

    #[test]
    fn a_string_before_leaves_no_trace() {
        let mut compressor = Compressor::default();
        let texts = [&b"abcabcabcabcabcabc"[..], b"xabcabcabcxabcabcabc", b""];
        for text in texts.into_iter().cycle().take(20) {
            assert_eq!(
                compressor.compress(text, 100),
                Compressor::default().compress(text, 100)
            );
        }
    }

    /// Bytes with much or little in common.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let part = (0..4_u8, 1..40_usize).prop_map(|(byte, len)| vec![byte; len]);
        prop_oneof![
            proptest::collection::vec(0..3_u8, 0..600),
            proptest::collection::vec(any::<u8>(), 0..300),
            proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat()),
        ]
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(text in text(), len_max in 0..900_usize) {
            if let Some(compressed) = Compressor::default().compress(&text, len_max) {
                prop_assert!(compressed.len() <= len_max, "{} of {len_max}", compressed.len());
                let back = decompress(&compressed, text.len());
                prop_assert_eq!(back.as_ref(), Some(&text));
                prop_assert_eq!(decompress(&compressed, text.len() + 1), None);
            }
        }

        #[test]
        fn no_bytes_from_outside_are_dangerous(bytes in proptest::collection::vec(any::<u8>(), 0..60), len in 0..3000_usize) {
            let back = decompress(&bytes, len);
            prop_assert!(back.is_none_or(|back| back.len() == len && back.capacity() == len));
        }
    }
}
