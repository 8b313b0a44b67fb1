//! The grammar of C's `strtod` and `strtold`, and the rounding both share; it must not know which of the two is asked for.

/// A number as it was written.
pub(super) struct Literal<'a> {
    pub(super) negative: bool,
    pub(super) magnitude: Magnitude<'a>,
}

/// The written number without its sign.
pub(super) enum Magnitude<'a> {
    /// `inf` or `infinity`, in any case.
    Infinite,
    /// `0.integer fraction × 10^…`: the value is `integer fraction` read as one number, times `10^exponent`.
    Decimal {
        integer: &'a [u8],
        fraction: &'a [u8],
        exponent: i64,
    },
    /// `0x…`, worth a little more than `mantissa × 2^exponent` when `inexact`.
    Hexadecimal {
        mantissa: u128,
        exponent: i64,
        inexact: bool,
    },
}

/// Reads a whole text; `None` for `nan`, for blanks anywhere and for anything that C would stop reading early.
pub(super) fn parse(text: &[u8]) -> Option<Literal<'_>> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let magnitude = match text {
        [b'0', b'x' | b'X', rest @ ..] => hexadecimal(rest)?,
        _ if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") => {
            Magnitude::Infinite
        }
        _ => decimal(text)?,
    };
    Some(Literal {
        negative,
        magnitude,
    })
}

fn decimal(text: &[u8]) -> Option<Magnitude<'_>> {
    let (integer, fraction, rest) = split_digits(text, u8::is_ascii_digit)?;
    let exponent = parse_exponent(rest, b'e')?;
    Some(Magnitude::Decimal {
        integer,
        fraction,
        exponent: exponent - fraction.len() as i64,
    })
}

fn hexadecimal(text: &[u8]) -> Option<Magnitude<'_>> {
    const NIBBLES_MAX: usize = 31;
    let (integer, fraction, rest) = split_digits(text, u8::is_ascii_hexdigit)?;
    let mut exponent = parse_exponent(rest, b'p')? - 4 * fraction.len() as i64;
    let (mut mantissa, mut nibbles, mut inexact) = (0_u128, 0, false);
    for &digit in integer.iter().chain(fraction) {
        let value = char::from(digit).to_digit(16)?;
        if nibbles < NIBBLES_MAX {
            mantissa = mantissa << 4 | u128::from(value);
            nibbles += usize::from(mantissa != 0);
        } else {
            inexact |= value != 0;
            exponent += 4;
        }
    }
    Some(Magnitude::Hexadecimal {
        mantissa,
        exponent,
        inexact,
    })
}

/// Digits, perhaps a point and more digits (at least one digit in all), and what follows them.
fn split_digits(text: &[u8], is_digit: fn(&u8) -> bool) -> Option<(&[u8], &[u8], &[u8])> {
    let count = |text: &[u8]| text.iter().take_while(|byte| is_digit(byte)).count();
    let (integer, rest) = text.split_at(count(text));
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => rest.split_at(count(rest)),
        _ => rest.split_at(0),
    };
    (!integer.is_empty() || !fraction.is_empty()).then_some((integer, fraction, rest))
}

/// The exponent behind `marker`, zero without one. A huge one is cut to a size that still overflows after adding any length.
fn parse_exponent(text: &[u8], marker: u8) -> Option<i64> {
    const HUGE: i64 = 1 << 60;
    let (negative, digits) = match text {
        [] => return Some(0),
        [first, b'-', digits @ ..] if first.eq_ignore_ascii_case(&marker) => (true, digits),
        [first, b'+', digits @ ..] | [first, digits @ ..]
            if first.eq_ignore_ascii_case(&marker) =>
        {
            (false, digits)
        }
        _ => return None,
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0_i64, |value, digit| {
        (value
            .saturating_mul(10)
            .saturating_add(i64::from(digit - b'0')))
        .min(HUGE)
    });
    Some(if negative { -value } else { value })
}

/// A binary floating-point format: values are `mantissa × 2^exponent`.
pub(super) struct Format {
    /// Bits of a mantissa.
    pub(super) mantissa_bits: u32,
    /// The exponent of the smallest values, whose mantissas may have fewer bits.
    pub(super) exponent_min: i64,
    /// The exponent of the largest.
    pub(super) exponent_max: i64,
}

impl Format {
    /// The nearest value of this format, to even when halfway, or `None` when it is too large for any.
    ///
    /// `inexact` says that the number is a little more than `mantissa × 2^exponent`; the mantissa must then have
    /// at least two bits more than the format.
    pub(super) fn round(&self, mantissa: u128, exponent: i64, inexact: bool) -> Option<(u64, i32)> {
        if mantissa == 0 {
            return Some((0, self.exponent_min as i32));
        }
        let bits = u128::BITS - mantissa.leading_zeros();
        let surplus = i64::from(bits) - i64::from(self.mantissa_bits);
        let shift = surplus.max(self.exponent_min - exponent);
        let mut rounded_exponent = exponent + shift;
        let mut rounded = match u32::try_from(shift) {
            // Far below the smallest value.
            Err(_) if shift > 0 => 0,
            // Short mantissas are widened, so that every value has one form only.
            Err(_) => mantissa << shift.unsigned_abs(),
            Ok(0) => mantissa,
            Ok(shift) if shift > bits => 0,
            Ok(shift) => {
                let half = 1_u128 << (shift - 1);
                let kept = mantissa.checked_shr(shift).unwrap_or(0);
                let lost = mantissa & (half + (half - 1));
                let up = lost > half || (lost == half && (inexact || kept & 1 == 1));
                kept + u128::from(up)
            }
        };
        if rounded >> self.mantissa_bits != 0 {
            rounded >>= 1;
            rounded_exponent += 1;
        }
        (rounded_exponent <= self.exponent_max).then_some((rounded as u64, rounded_exponent as i32))
    }
}
