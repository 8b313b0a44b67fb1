//! The 80-bit `long double` arithmetic behind `INCRBYFLOAT` and `HINCRBYFLOAT`; it must not know where the numbers are kept.
//!
//! Redis adds in the x87 format of its x86 builds: 64 bits of mantissa, 15 of exponent. No Rust type has it and the difference
//! shows in the answers, so parsing, adding and printing are done here in integers, each rounded once, to even.

use super::natural::Natural;
use super::strtod::{self, Format, Magnitude};

const EXTENDED: Format = Format {
    mantissa_bits: 64,
    exponent_min: -16445,
    exponent_max: 16320,
};

/// Longer texts are refused before they are read.
const TEXT_LEN_MAX: usize = 5 * 1024 - 1;

/// Why an increment was refused; the commands have their own words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The value to be changed is not a number.
    ValueNotFloat,
    /// The increment is not a number.
    IncrementNotFloat,
    /// Both are numbers, their sum is not a finite one.
    NanOrInfinity,
}

/// `current + by`, all three as text, in the order of checks of `INCRBYFLOAT`.
///
/// `HINCRBYFLOAT` looks at its increment first and refuses an infinite one: see [`Extended::parse`] and [`Extended::is_finite`].
pub(crate) fn increment(current: &[u8], by: &[u8]) -> Result<Vec<u8>, Problem> {
    let current = Extended::parse(current).ok_or(Problem::ValueNotFloat)?;
    let by = Extended::parse(by).ok_or(Problem::IncrementNotFloat)?;
    let sum = current
        .plus(by)
        .filter(|sum| sum.is_finite())
        .ok_or(Problem::NanOrInfinity)?;
    let mut out = Vec::new();
    sum.write(&mut out);
    Ok(out)
}

/// A value of the 80-bit format that is not NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extended {
    negative: bool,
    /// `mantissa × 2^exponent` in the form [`Format::round`] gives, or infinity.
    finite: Option<(u64, i32)>,
}

impl Extended {
    /// Reads what C's `strtold` reads as a whole, hexadecimal floats and `inf` included.
    ///
    /// Refused: `nan`, blanks, 5,120 bytes or more, and numbers too large or so small that they would become zero.
    pub(crate) fn parse(text: &[u8]) -> Option<Extended> {
        if text.len() > TEXT_LEN_MAX {
            return None;
        }
        let literal = strtod::parse(text)?;
        let (written_as_zero, rounded) = match literal.magnitude {
            Magnitude::Infinite => {
                return Some(Extended {
                    negative: literal.negative,
                    finite: None,
                });
            }
            Magnitude::Decimal {
                integer,
                fraction,
                exponent,
            } => {
                let digits = integer.iter().chain(fraction);
                (
                    digits.clone().all(|&digit| digit == b'0'),
                    round_decimal(digits, exponent)?,
                )
            }
            Magnitude::Hexadecimal {
                mantissa,
                exponent,
                inexact,
            } => (mantissa == 0, EXTENDED.round(mantissa, exponent, inexact)?),
        };
        let vanished = rounded.0 == 0 && !written_as_zero;
        (!vanished).then_some(Extended {
            negative: literal.negative,
            finite: Some(rounded),
        })
    }

    /// Whether this is a number, not an infinity.
    pub(crate) fn is_finite(self) -> bool {
        self.finite.is_some()
    }

    /// Whether it has a minus sign.
    pub(crate) fn is_negative(self) -> bool {
        self.negative
    }

    /// A thousand times the value as a whole number, rounded up; `None` where 64 bits do not hold it.
    ///
    /// The product is rounded to the format first, as Redis's milliseconds are.
    pub(crate) fn in_thousandths(self) -> Option<i64> {
        let (mantissa, exponent) = self.finite?;
        let (mantissa, exponent) =
            EXTENDED.round(u128::from(mantissa) * 1000, i64::from(exponent), false)?;
        // All 64 bits of a mantissa are used: with an exponent of 0 or more it is too large.
        let shift = u32::try_from(-exponent).ok().filter(|&shift| shift > 0)?;
        let whole = mantissa.checked_shr(shift).unwrap_or(0);
        let is_whole = whole.checked_shl(shift) == Some(mantissa) || mantissa == 0;
        let whole = i64::try_from(whole).ok()?;
        if self.negative {
            Some(-whole)
        } else {
            whole.checked_add(i64::from(!is_whole))
        }
    }

    /// The rounded sum, or `None` for infinities that cancel out.
    pub(crate) fn plus(self, other: Extended) -> Option<Extended> {
        let (Some(left), Some(right)) = (self.finite, other.finite) else {
            let opposed =
                !self.is_finite() && !other.is_finite() && self.negative != other.negative;
            return (!opposed).then_some(if self.is_finite() { other } else { self });
        };
        let (larger, smaller, negative) = if (left.1, left.0) >= (right.1, right.0) {
            (left, right, self.negative)
        } else {
            (right, left, other.negative)
        };
        // 62 bits below the larger mantissa: whatever is shifted out of them lies far below the bit that is rounded.
        const GUARD_BITS: u32 = 62;
        let distance = larger.1.abs_diff(smaller.1);
        let [wide, narrow] =
            [larger, smaller].map(|(mantissa, _)| u128::from(mantissa) << GUARD_BITS);
        let aligned = narrow.checked_shr(distance).unwrap_or(0);
        let inexact = aligned.checked_shl(distance).unwrap_or(0) != narrow;
        let sum = if self.negative == other.negative {
            wide + aligned
        } else {
            wide - aligned - u128::from(inexact)
        };
        let finite = EXTENDED.round(sum, i64::from(larger.1) - i64::from(GUARD_BITS), inexact);
        Some(Extended { negative, finite })
    }

    /// Appends the value as `%.17Lf` prints it, without the zeros that end it; what rounds to zero is `0` without a sign.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let Some((mantissa, exponent)) = self.finite else {
            out.extend_from_slice(if self.negative { b"-inf" } else { b"inf" });
            return;
        };
        let (digits, decimals) = match u64::try_from(exponent) {
            Ok(shift) => (Natural::from(mantissa).shifted(shift).digits(), 0),
            Err(_) => (
                scaled(mantissa, exponent.unsigned_abs())
                    .to_string()
                    .into_bytes(),
                DECIMALS,
            ),
        };
        if self.negative && digits != b"0" {
            out.push(b'-');
        }
        let (integer, fraction) = digits.split_at(digits.len().saturating_sub(decimals));
        out.extend_from_slice(if integer.is_empty() { b"0" } else { integer });
        let significant = fraction
            .iter()
            .rposition(|&digit| digit != b'0')
            .map_or(0, |last| last + 1);
        if significant > 0 {
            out.push(b'.');
            out.extend(std::iter::repeat_n(b'0', decimals - fraction.len()));
            out.extend_from_slice(&fraction[..significant]);
        }
    }
}

/// Digits behind the point in the text form.
const DECIMALS: usize = 17;

/// `mantissa / 2^shift × 10^DECIMALS`, rounded to even.
fn scaled(mantissa: u64, shift: u32) -> u128 {
    let product = u128::from(mantissa) * 10_u128.pow(DECIMALS as u32);
    if shift >= u128::BITS {
        // The product has 121 bits at most: this is less than half.
        return 0;
    }
    let (kept, half) = (product >> shift, 1_u128 << (shift - 1));
    let lost = product & (half + (half - 1));
    kept + u128::from(lost > half || (lost == half && kept & 1 == 1))
}

/// The value of `digits × 10^exponent` in the extended format, or `None` when it is too large.
fn round_decimal<'a>(
    digits: impl Iterator<Item = &'a u8> + Clone,
    exponent: i64,
) -> Option<(u64, i32)> {
    /// Decimal exponents beyond these give infinity or zero, whatever the digits.
    const MAGNITUDES: std::ops::RangeInclusive<i64> = -5000..=5000;
    let significant = digits.clone().skip_while(|&&digit| digit == b'0');
    let magnitude = exponent + significant.clone().count() as i64;
    let number = Natural::from_digits(significant);
    if number.is_zero() || magnitude < *MAGNITUDES.start() {
        return EXTENDED.round(0, 0, false);
    }
    if magnitude > *MAGNITUDES.end() {
        return None;
    }
    let power = exponent.unsigned_abs() as usize;
    if exponent >= 0 {
        let (mantissa, shift, inexact) = number.times_power_of_ten(power).highest();
        return EXTENDED.round(mantissa, shift as i64, inexact);
    }
    let (mantissa, shift, inexact) = divide(number, Natural::from(1).times_power_of_ten(power));
    EXTENDED.round(mantissa, shift, inexact)
}

/// `dividend / divisor` as `(q, e, inexact)`: `q × 2^e`, and a little more when inexact. Both must not be zero.
fn divide(dividend: Natural, divisor: Natural) -> (u128, i64, bool) {
    /// Two bits more than the format has, and one because the first may be zero.
    const QUOTIENT_BITS: u32 = 67;
    let (dividend_bits, divisor_bits) = (dividend.bits(), divisor.bits());
    let mut rest = dividend.shifted(divisor_bits.saturating_sub(dividend_bits));
    let divisor = divisor.shifted(dividend_bits.saturating_sub(divisor_bits));
    let mut quotient = 0;
    for _ in 0..QUOTIENT_BITS {
        quotient = quotient << 1 | u128::from(rest.subtract_if_possible(&divisor));
        rest = rest.shifted(1);
    }
    let exponent = dividend_bits as i64 - divisor_bits as i64 - i64::from(QUOTIENT_BITS - 1);
    (quotient, exponent, !rest.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(current: &str, by: &str) -> Result<String, Problem> {
        increment(current.as_bytes(), by.as_bytes())
            .map(|out| String::from_utf8(out).expect("numbers are ASCII"))
    }

    /// Each line as `INCRBYFLOAT` of Redis 8.2.3 answered it.
    #[test]
    fn sums_are_those_of_redis() {
        for (current, by, expected) in [
            ("3.0", "0", "3"),
            ("0.1", "0.2", "0.3"),
            ("10.50", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("+.5", "5.", "5.5"),
            ("-0", "0", "0"),
            ("10", "-10", "0"),
            ("1e-17", "0", "0.00000000000000001"),
            ("5e-18", "0", "0"),
            ("-1e-18", "0", "0"),
            ("0x1p-3", "0x10", "16.125"),
            ("1e17", "0", "100000000000000000"),
            ("9223372036854775807", "1", "9223372036854775808"),
            ("18446744073709551615", "0.5", "18446744073709551616"),
            ("0x1p-16445", "0", "0"),
        ] {
            assert_eq!(
                sum(current, by).as_deref(),
                Ok(expected),
                "{current} + {by}"
            );
        }
        let thousands = sum("1e4000", "0").expect("in range");
        assert_eq!(thousands.len(), 4000);
        assert!(
            thousands.starts_with("99999999999999999999")
                && thousands.ends_with("272729951206648276349901340672")
        );
    }

    #[test]
    fn what_is_no_number_is_refused_in_the_order_of_the_checks() {
        use Problem::{IncrementNotFloat, NanOrInfinity, ValueNotFloat};
        for (current, by, expected) in [
            ("abc", "abc", ValueNotFloat),
            ("abc", "inf", ValueNotFloat),
            ("nan", "1", ValueNotFloat),
            (" 1", "1", ValueNotFloat),
            ("", "1", ValueNotFloat),
            ("1", "1 ", IncrementNotFloat),
            ("1", "nan", IncrementNotFloat),
            ("1", "1e", IncrementNotFloat),
            ("1", "1\0", IncrementNotFloat),
            ("1", "1e5000", IncrementNotFloat),
            ("1", "1e-5000", IncrementNotFloat),
            ("1", "1.8e-4951", IncrementNotFloat),
            ("1", "0x1p-16446", IncrementNotFloat),
            ("1", "0x1.ffffffffffffffffp16383", IncrementNotFloat),
            ("1", "inf", NanOrInfinity),
            ("inf", "-inf", NanOrInfinity),
            ("1e4932", "1e4932", NanOrInfinity),
        ] {
            assert_eq!(sum(current, by), Err(expected), "{current:?} + {by:?}");
        }
    }

    #[test]
    fn thousandths_are_rounded_up_and_fit_64_bits() {
        let ms = |text: &str| Extended::parse(text.as_bytes()).and_then(Extended::in_thousandths);
        for (text, expected) in [
            ("0", Some(0)),
            ("0.1", Some(100)),
            ("1.0001", Some(1001)),
            ("-0.0001", Some(0)),
            ("-1.5", Some(-1500)),
            ("1e-4000", Some(1)),
            ("9223372036854775", Some(9_223_372_036_854_775_000)),
            ("9223372036854776", None),
            ("1e400", None),
            ("inf", None),
        ] {
            assert_eq!(ms(text), expected, "{text}");
        }
    }

    #[test]
    fn texts_of_5120_bytes_are_refused() {
        let longest = "0".repeat(5118) + "1";
        assert_eq!(sum(&longest, "0").as_deref(), Ok("1"));
        assert_eq!(
            sum(&("0".to_owned() + &longest), "0"),
            Err(Problem::ValueNotFloat)
        );
        let all_nines = "9".repeat(5000) + "e-4999";
        assert_eq!(sum(&all_nines, "0").as_deref(), Ok("10"));
    }

    proptest! {
        #[test]
        fn integers_are_exact(left: i64, right: i64) {
            let (left, right) = (i128::from(left), i128::from(right));
            prop_assume!((left + right).unsigned_abs() <= u128::from(u64::MAX));
            prop_assert_eq!(sum(&left.to_string(), &right.to_string()), Ok((left + right).to_string()));
        }

        #[test]
        fn order_does_not_matter(left in "-?[0-9]{1,20}(\\.[0-9]{1,25})?(e-?[0-9]{1,2})?", right in "-?[0-9]{1,20}(\\.[0-9]{1,25})?(e-?[0-9]{1,2})?") {
            prop_assert_eq!(sum(&left, &right), sum(&right, &left));
        }
    }
}
