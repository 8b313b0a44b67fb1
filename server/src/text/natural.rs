//! Natural numbers of any size, with just the arithmetic that converting floating-point numbers takes; it knows nothing of them.

use std::cmp::Ordering;

/// A natural number: limbs of 32 bits, the lowest first, the highest not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Natural {
    limbs: Vec<u32>,
}

const LIMB_BITS: u64 = 32;
/// The most decimal digits that always fit a limb.
const CHUNK_DIGITS: usize = 9;
const CHUNK: u32 = 1_000_000_000;

impl From<u64> for Natural {
    fn from(value: u64) -> Natural {
        let mut number = Natural {
            limbs: vec![value as u32, (value >> LIMB_BITS) as u32],
        };
        number.trim();
        number
    }
}

impl Natural {
    /// The number these ASCII digits write.
    pub(super) fn from_digits<'a>(digits: impl IntoIterator<Item = &'a u8>) -> Natural {
        let mut number = Natural { limbs: Vec::new() };
        let (mut chunk, mut scale) = (0, 1);
        for digit in digits {
            chunk = chunk * 10 + u32::from(digit - b'0');
            scale *= 10;
            if scale == CHUNK {
                number.multiply_add(scale, chunk);
                (chunk, scale) = (0, 1);
            }
        }
        number.multiply_add(scale, chunk);
        number
    }

    /// `self × 10^exponent`.
    pub(super) fn times_power_of_ten(mut self, exponent: usize) -> Natural {
        for _ in 0..exponent / CHUNK_DIGITS {
            self.multiply_add(CHUNK, 0);
        }
        self.multiply_add(10_u32.pow((exponent % CHUNK_DIGITS) as u32), 0);
        self
    }

    pub(super) fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    /// Bits up to the highest that is set; zero has none.
    pub(super) fn bits(&self) -> u64 {
        self.limbs.last().map_or(0, |highest| {
            self.limbs.len() as u64 * LIMB_BITS - u64::from(highest.leading_zeros())
        })
    }

    /// `self × 2^shift`.
    pub(super) fn shifted(&self, shift: u64) -> Natural {
        let (whole, bits) = ((shift / LIMB_BITS) as usize, shift % LIMB_BITS);
        let mut limbs = vec![0; whole];
        let mut carry = 0;
        for &limb in &self.limbs {
            let wide = u64::from(limb) << bits | carry;
            limbs.push(wide as u32);
            carry = wide >> LIMB_BITS;
        }
        limbs.push(carry as u32);
        let mut number = Natural { limbs };
        number.trim();
        number
    }

    /// The highest four limbs or all of them, the power of two they are to be multiplied with, and whether lower bits are lost.
    pub(super) fn highest(&self) -> (u128, u64, bool) {
        let below = self.limbs.len().saturating_sub(4);
        let (lower, upper) = self.limbs.split_at(below);
        let value = upper
            .iter()
            .rev()
            .fold(0, |value, &limb| value << LIMB_BITS | u128::from(limb));
        (
            value,
            below as u64 * LIMB_BITS,
            lower.iter().any(|&limb| limb != 0),
        )
    }

    /// Takes `other` away if it is not larger, and says whether it did.
    pub(super) fn subtract_if_possible(&mut self, other: &Natural) -> bool {
        if self.compare(other) == Ordering::Less {
            return false;
        }
        let mut borrow = false;
        for (index, limb) in self.limbs.iter_mut().enumerate() {
            let subtrahend = other.limbs.get(index).copied().unwrap_or(0);
            let (difference, first) = limb.overflowing_sub(subtrahend);
            let (difference, second) = difference.overflowing_sub(u32::from(borrow));
            *limb = difference;
            borrow = first || second;
        }
        self.trim();
        true
    }

    /// In decimal ASCII digits.
    pub(super) fn digits(mut self) -> Vec<u8> {
        let mut reversed = Vec::new();
        while !self.is_zero() {
            let mut chunk = self.divide(CHUNK);
            for _ in 0..CHUNK_DIGITS {
                reversed.push(b'0' + (chunk % 10) as u8);
                chunk /= 10;
            }
        }
        while reversed.last() == Some(&b'0') {
            reversed.pop();
        }
        if reversed.is_empty() {
            reversed.push(b'0');
        }
        reversed.reverse();
        reversed
    }

    fn compare(&self, other: &Natural) -> Ordering {
        let by_length = self.limbs.len().cmp(&other.limbs.len());
        by_length.then_with(|| self.limbs.iter().rev().cmp(other.limbs.iter().rev()))
    }

    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.limbs {
            let wide = u64::from(*limb) * u64::from(factor) + carry;
            *limb = wide as u32;
            carry = wide >> LIMB_BITS;
        }
        self.limbs.push(carry as u32);
        self.trim();
    }

    /// Divides in place and returns the remainder.
    fn divide(&mut self, divisor: u32) -> u32 {
        let mut remainder = 0;
        for limb in self.limbs.iter_mut().rev() {
            let wide = remainder << LIMB_BITS | u64::from(*limb);
            *limb = (wide / u64::from(divisor)) as u32;
            remainder = wide % u64::from(divisor);
        }
        self.trim();
        remainder as u32
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn natural(value: u128) -> Natural {
        Natural::from_digits(value.to_string().as_bytes())
    }

    proptest! {
        #[test]
        fn arithmetic_agrees_with_that_of_u128(left in 0_u128..1 << 90, right in 0_u128..1 << 90, shift in 0_u64..38, power in 0_usize..11) {
            prop_assert_eq!(natural(left).digits(), left.to_string().into_bytes());
            prop_assert_eq!(natural(left).bits(), u64::from(u128::BITS - left.leading_zeros()));
            prop_assert_eq!(natural(left).shifted(shift), natural(left << shift));
            prop_assert_eq!(natural(left).times_power_of_ten(power), natural(left * 10_u128.pow(power as u32)));
            let mut difference = natural(left);
            prop_assert_eq!(difference.subtract_if_possible(&natural(right)), left >= right);
            prop_assert_eq!(difference, natural(left.checked_sub(right).unwrap_or(left)));
        }

        #[test]
        fn the_highest_bits_are_kept(value: u64, shift in 0_u64..300) {
            let (highest, exponent, lost) = Natural::from(value).shifted(shift).highest();
            prop_assert!(!lost);
            prop_assert_eq!(Natural::from_digits(highest.to_string().as_bytes()).shifted(exponent), Natural::from(value).shifted(shift));
        }
    }

    #[test]
    fn lost_bits_are_reported() {
        let number = Natural::from_digits(b"1").shifted(200);
        let mut less = number.clone();
        assert!(less.subtract_if_possible(&natural(1)));
        assert_eq!(number.highest(), (1 << 104, 96, false));
        assert_eq!(less.highest(), ((1 << 104) - 1, 96, true));
    }
}
