//! The bits of a string: counted, found, combined, read and written as integers; knows no key and no command.
//!
//! Bit 0 is the highest bit of byte 0, as SETBIT counts.

/// How many of the bits `first..=last` are set. `last` must lie within the string.
pub(crate) fn count(bytes: &[u8], first: usize, last: usize) -> u64 {
    let bytes = &bytes[first / 8..=last / 8];
    let before = u32::from(bytes[0]) >> (8 - first % 8);
    let behind = u32::from(bytes[bytes.len() - 1]) & (0xff >> (last % 8 + 1));
    let (words, rest) = bytes.as_chunks();
    let words = words
        .iter()
        .map(|word| u64::from(u64::from_ne_bytes(*word).count_ones()));
    let rest = rest.iter().map(|byte| u64::from(byte.count_ones()));
    words.sum::<u64>() + rest.sum::<u64>() - u64::from(before.count_ones() + behind.count_ones())
}

/// The first bit among `first..=last` that is set, or clear. `last` must lie within the string.
pub(crate) fn find(bytes: &[u8], set: bool, first: usize, last: usize) -> Option<usize> {
    const BLOCK_LEN: usize = 32;
    let skipped = if set { 0 } else { 0xff };
    let bytes = &bytes[..=last / 8];
    let at = |byte: usize, differing: u8| byte * 8 + differing.leading_zeros() as usize;

    let head = first / 8;
    let differing = (bytes[head] ^ skipped) & (0xff >> (first % 8));
    let found = if differing != 0 {
        at(head, differing)
    } else {
        let rest = &bytes[head + 1..];
        let (blocks, _) = rest.as_chunks::<BLOCK_LEN>();
        let equal = blocks
            .iter()
            .take_while(|block| **block == [skipped; BLOCK_LEN]);
        let passed = equal.count() * BLOCK_LEN;
        let byte = passed + rest[passed..].iter().position(|&byte| byte != skipped)?;
        at(head + 1 + byte, rest[byte] ^ skipped)
    };
    (found <= last).then_some(found)
}

/// What BITOP computes of each bit's place, X being the first string and Y any of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    And,
    Or,
    Xor,
    /// Of one string only.
    Not,
    /// In X and in no Y.
    Diff,
    /// In some Y and not in X.
    Diff1,
    /// In X and in some Y.
    AndOr,
    /// In exactly one string.
    One,
}

/// Strings being combined, one after the other; all count as filled up with zeros to the longest.
#[derive(Debug)]
pub(crate) struct Combination {
    operation: Operation,
    sources: usize,
    /// What has come of all strings; X alone where X is treated apart, and every bit seen for [`Operation::One`].
    main: Vec<u8>,
    /// Every bit of Y where X is treated apart, and the bits seen more than once for [`Operation::One`].
    side: Vec<u8>,
}

impl Combination {
    /// Nothing combined yet.
    pub(crate) fn new(operation: Operation) -> Combination {
        Combination {
            operation,
            sources: 0,
            main: Vec::new(),
            side: Vec::new(),
        }
    }

    /// Takes the next string.
    pub(crate) fn add(&mut self, source: &[u8]) {
        self.sources += 1;
        if self.sources == 1 {
            self.main = source.to_vec();
            return;
        }
        widen(&mut self.main, source.len());
        match self.operation {
            Operation::And => {
                combine(&mut self.main, source, |bits, other| bits & other);
                self.main[source.len()..].fill(0);
            }
            Operation::Or | Operation::Not => {
                combine(&mut self.main, source, |bits, other| bits | other);
            }
            Operation::Xor => combine(&mut self.main, source, |bits, other| bits ^ other),
            Operation::Diff | Operation::Diff1 | Operation::AndOr => {
                widen(&mut self.side, source.len());
                combine(&mut self.side, source, |bits, other| bits | other);
            }
            Operation::One => {
                widen(&mut self.side, source.len());
                let twice = self.main.iter().zip(source).map(|(seen, bits)| seen & bits);
                for (side, twice) in self.side.iter_mut().zip(twice) {
                    *side |= twice;
                }
                combine(&mut self.main, source, |bits, other| bits | other);
            }
        }
    }

    /// The result, as long as the longest string.
    pub(crate) fn finish(self) -> Vec<u8> {
        let Combination {
            operation,
            mut main,
            mut side,
            ..
        } = self;
        side.resize(main.len(), 0);
        match operation {
            Operation::And | Operation::Or | Operation::Xor => {}
            Operation::Not => main.iter_mut().for_each(|bits| *bits = !*bits),
            Operation::Diff | Operation::One => {
                combine(&mut main, &side, |bits, side| bits & !side);
            }
            Operation::Diff1 => combine(&mut main, &side, |bits, side| !bits & side),
            Operation::AndOr => combine(&mut main, &side, |bits, side| bits & side),
        }
        main
    }
}

fn widen(bytes: &mut Vec<u8>, len: usize) {
    if bytes.len() < len {
        bytes.resize(len, 0);
    }
}

/// Written so that the compiler turns it into vector instructions.
fn combine(bytes: &mut [u8], others: &[u8], f: impl Fn(u8, u8) -> u8) {
    for (byte, other) in bytes.iter_mut().zip(others) {
        *byte = f(*byte, *other);
    }
}

/// What BITFIELD does with a number that its type cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

/// The type of a bit field: `i1` to `i64`, `u1` to `u63`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IntType {
    pub(crate) signed: bool,
    pub(crate) bits: u32,
}

/// A field of up to 64 bits touches so many bytes at most.
const FIELD_BYTES_MAX: usize = 9;

impl IntType {
    /// The integer whose highest bit is at `offset`. Beyond the end of the string are zeros.
    pub(crate) fn get(self, bytes: &[u8], offset: usize) -> i64 {
        self.spelled_by((window(bytes, offset / 8) >> self.shift(offset)) as u64)
    }

    /// Writes an integer; the string must be long enough for it.
    pub(crate) fn set(self, bytes: &mut [u8], offset: usize, value: i64) {
        let shift = self.shift(offset);
        let mask = u128::from(self.mask()) << shift;
        let window = window(bytes, offset / 8);
        let value = u128::from(value as u64) << shift & mask;
        let window = (window & !mask | value).to_be_bytes();
        let place = &mut bytes[offset / 8..];
        let len = place.len().min(FIELD_BYTES_MAX);
        place[..len].copy_from_slice(&window[..len]);
    }

    /// `value + by` within this type, or `None` where that overflows and must not. `by` is 0, or else `value` is of this
    /// type.
    pub(crate) fn sum(self, value: i64, by: i64, overflow: Overflow) -> Option<i64> {
        let (min, max) = self.limits();
        let exact = i128::from(by)
            + if self.signed {
                i128::from(value)
            } else {
                i128::from(value as u64)
            };
        // Redis subtracts here without minding that this overflows itself: it takes a value far below the range for one
        // above it.
        let far_below = self.signed && self.bits < 64 && max.checked_sub(value).is_none();
        let limit = if exact > i128::from(max) || far_below {
            max
        } else if exact < i128::from(min) {
            min
        } else {
            return Some(exact as i64);
        };
        match overflow {
            Overflow::Wrap => Some(self.spelled_by(value.wrapping_add(by) as u64)),
            Overflow::Saturate => Some(limit),
            Overflow::Fail => None,
        }
    }

    fn limits(self) -> (i64, i64) {
        if self.signed {
            let max = i64::MAX >> (64 - self.bits);
            (!max, max)
        } else {
            (0, self.mask() as i64)
        }
    }

    fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits)
    }

    /// The number that the lowest bits of `raw` spell.
    fn spelled_by(self, raw: u64) -> i64 {
        let unused = 64 - self.bits;
        if self.signed {
            ((raw << unused) as i64) >> unused
        } else {
            (raw & self.mask()) as i64
        }
    }

    /// How far the field is from the low end of its [`window`].
    fn shift(self, offset: usize) -> u32 {
        u128::BITS - self.bits - (offset % 8) as u32
    }
}

/// The bytes a field at byte `at` may touch, at the high end.
fn window(bytes: &[u8], at: usize) -> u128 {
    let bytes = bytes.get(at..).unwrap_or_default();
    let len = bytes.len().min(FIELD_BYTES_MAX);
    let mut window = [0; 16];
    window[..len].copy_from_slice(&bytes[..len]);
    u128::from_be_bytes(window)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn bit(bytes: &[u8], index: usize) -> bool {
        bytes
            .get(index / 8)
            .is_some_and(|byte| byte >> (7 - index % 8) & 1 == 1)
    }

    /// Mostly runs of equal bytes, so that searches have something to pass over.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let run = (prop_oneof![Just(0), Just(0xff), any::<u8>()], 1..50_usize);
        vec(run, 1..4).prop_map(|runs| {
            let runs = runs.into_iter();
            runs.flat_map(|(byte, len)| std::iter::repeat_n(byte, len))
                .collect()
        })
    }

    fn int_type() -> impl Strategy<Value = IntType> {
        prop_oneof![
            (1..=64_u32).prop_map(|bits| IntType { signed: true, bits }),
            (1..=63_u32).prop_map(|bits| IntType {
                signed: false,
                bits
            }),
        ]
    }

    proptest! {
        #[test]
        fn counting_and_finding_agree_with_looking_at_every_bit(
            bytes in bytes(),
            first: prop::sample::Index,
            last: prop::sample::Index,
            wanted: bool,
        ) {
            let (first, last) = (first.index(bytes.len() * 8), last.index(bytes.len() * 8));
            let (first, last) = (first.min(last), first.max(last));
            let set = (first..=last).filter(|&index| bit(&bytes, index)).count();
            prop_assert_eq!(count(&bytes, first, last), set as u64);
            let found = (first..=last).find(|&index| bit(&bytes, index) == wanted);
            prop_assert_eq!(find(&bytes, wanted, first, last), found);
        }

        #[test]
        fn combining_agrees_with_the_definition_of_each_operation(
            sources in vec(vec(any::<u8>(), 0..20), 2..5),
        ) {
            type Rule = fn(x: bool, ys: &[bool]) -> bool;
            let rules: [(Operation, Rule); 8] = [
                (Operation::And, |x, ys| x && ys.iter().all(|&y| y)),
                (Operation::Or, |x, ys| x || ys.contains(&true)),
                (Operation::Xor, |x, ys| ys.iter().fold(x, |x, y| x ^ y)),
                (Operation::Not, |x, _| !x),
                (Operation::Diff, |x, ys| x && !ys.contains(&true)),
                (Operation::Diff1, |x, ys| !x && ys.contains(&true)),
                (Operation::AndOr, |x, ys| x && ys.contains(&true)),
                (Operation::One, |x, ys| {
                    usize::from(x) + ys.iter().filter(|y| **y).count() == 1
                }),
            ];
            for (operation, rule) in rules {
                let sources = if operation == Operation::Not { &sources[..1] } else { &sources };
                let mut combination = Combination::new(operation);
                sources.iter().for_each(|source| combination.add(source));
                let result = combination.finish();
                let len = sources.iter().map(Vec::len).max().unwrap_or(0);
                prop_assert_eq!(result.len(), len);
                for index in 0..len * 8 {
                    let bits: Vec<bool> = sources.iter().map(|source| bit(source, index)).collect();
                    prop_assert_eq!(
                        bit(&result, index),
                        rule(bits[0], &bits[1..]),
                        "{:?} of {:?} at {}", operation, bits, index
                    );
                }
            }
        }

        #[test]
        fn a_field_is_read_and_written_bit_by_bit(
            int in int_type(),
            bytes in vec(any::<u8>(), 0..24),
            offset in 0..120_usize,
            value: i64,
        ) {
            let bits = int.bits as usize;
            let naive = |bytes: &[u8]| {
                let raw = (offset..offset + bits)
                    .fold(0_i128, |raw, index| raw << 1 | i128::from(bit(bytes, index)));
                let negative = int.signed && bit(bytes, offset);
                (raw - if negative { 1 << bits } else { 0 }) as i64
            };
            prop_assert_eq!(int.get(&bytes, offset), naive(&bytes));

            let mut written = bytes;
            widen(&mut written, (offset + bits).div_ceil(8));
            let before = written.clone();
            let value = int.sum(value, 0, Overflow::Wrap).expect("wrapping never fails");
            int.set(&mut written, offset, value);
            prop_assert_eq!(naive(&written), value);
            for index in (0..written.len() * 8).filter(|index| !(offset..offset + bits).contains(index)) {
                prop_assert_eq!(bit(&written, index), bit(&before, index));
            }
        }

        #[test]
        fn a_sum_wraps_saturates_or_fails(int in int_type(), value: i64, by: i64) {
            let value = int.spelled_by(value as u64);
            let (min, max) = int.limits();
            let exact = i128::from(value) + i128::from(by);
            let fits = (i128::from(min)..=i128::from(max)).contains(&exact);
            let modulus = 1_i128 << int.bits;
            let wrapped = (exact - i128::from(min)).rem_euclid(modulus) + i128::from(min);
            prop_assert_eq!(int.sum(value, by, Overflow::Wrap), Some(wrapped as i64));
            let clamped = exact.clamp(i128::from(min), i128::from(max)) as i64;
            prop_assert_eq!(int.sum(value, by, Overflow::Saturate), Some(clamped));
            prop_assert_eq!(int.sum(value, by, Overflow::Fail), fits.then_some(exact as i64));
        }
    }

    #[test]
    fn a_value_far_below_the_range_saturates_at_the_top_as_in_redis() {
        let int = IntType {
            signed: true,
            bits: 8,
        };
        assert_eq!(int.sum(-129, 0, Overflow::Saturate), Some(-128));
        assert_eq!(int.sum(i64::MIN, 0, Overflow::Saturate), Some(127));
    }
}
