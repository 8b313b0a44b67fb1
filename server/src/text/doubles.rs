//! Doubles as Redis writes and reads them; it must not know RESP, in which they are bulk strings or a type of their own.

use std::io::Write as _;

use super::grisu;
use super::integers::write_i64;
use super::strtod::{self, Format, Magnitude};

const DOUBLE: Format = Format {
    mantissa_bits: 53,
    exponent_min: -1074,
    exponent_max: 971,
};

/// Appends `value` as Redis 7.2 and later print scores and RESP3 doubles: `0.1`, `100000000000000000`, `1e-7`, `inf`, `-0`.
pub(crate) fn write_double(out: &mut Vec<u8>, value: f64) {
    // Redis tries integers first, but only up to half of i64's range: 5e18 is left to the general layout.
    const INTEGER_MAX: f64 = (1_u64 << 62) as f64;
    if value != 0.0 && value.abs() <= INTEGER_MAX && value == value.trunc() {
        write_i64(out, value as i64);
    } else {
        write_shortest(out, value);
    }
}

/// Appends `value` with as few digits as tell it from all others, and 0 for the rest: 2^60 is `1152921504606847000`, where
/// [`write_double`] has its very digits.
pub(crate) fn write_shortest(out: &mut Vec<u8>, value: f64) {
    if write_special(out, value) {
        return;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    if value == 0.0 {
        out.push(b'0');
    } else {
        let decimal = grisu::digits(value);
        lay_out(out, decimal.digits(), decimal.exponent);
    }
}

/// Appends `value` as C's `%.*g` does; `precision` counts significant digits and must not be zero.
///
/// 17 of them read back as the same double; Lua and cjson print 14.
pub(crate) fn write_general(out: &mut Vec<u8>, value: f64, precision: usize) {
    if write_special(out, value) {
        return;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let scientific = format!("{:.*e}", precision - 1, value.abs());
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("`{:e}` always writes an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a decimal exponent");
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let significant = digits
        .iter()
        .rposition(|&digit| digit != b'0')
        .map_or(1, |last| last + 1);
    let digits = &digits[..significant];
    if exponent < -4 || exponent >= precision as i32 {
        write_mantissa(out, digits);
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "e{sign}{:02}", exponent.unsigned_abs()).expect("a Vec takes every byte");
    } else {
        write_plain(out, digits, exponent + 1 - significant as i32);
    }
}

/// Appends `value` with exactly `decimals` (1 to 17) digits behind the point, as `GEODIST` answers.
///
/// The value is scaled, rounded to even and must then fit `i64`, as in Redis's `fixedpoint_d2string`.
pub(crate) fn write_fixed_point(out: &mut Vec<u8>, value: f64, decimals: u8) {
    let decimals = usize::from(decimals);
    let scaled = (value * 10_f64.powi(decimals as i32)).round_ties_even() as i64;
    if scaled < 0 {
        out.push(b'-');
    }
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(scaled.unsigned_abs()).as_bytes();
    write_plain(out, digits, -(decimals as i32));
}

/// Reads a double as `ZADD`, `EXPIRE`-like timeouts and every other float argument do: the forms of C's `strtod`, whole.
///
/// Accepted: a sign, decimal and hexadecimal floats, `inf` and `infinity` in any case. Refused: `nan`, blanks, an empty text,
/// and what is too large for a double or so small that it would become zero.
pub(crate) fn parse_double(text: &[u8]) -> Option<f64> {
    let literal = strtod::parse(text)?;
    let magnitude = match literal.magnitude {
        Magnitude::Infinite => f64::INFINITY,
        Magnitude::Decimal {
            integer, fraction, ..
        } => {
            let unsigned = text
                .strip_prefix(b"-")
                .or(text.strip_prefix(b"+"))
                .unwrap_or(text);
            let value: f64 = std::str::from_utf8(unsigned).ok()?.parse().ok()?;
            let is_zero = integer.iter().chain(fraction).all(|&digit| digit == b'0');
            (value.is_finite() && (value != 0.0 || is_zero)).then_some(value)?
        }
        Magnitude::Hexadecimal {
            mantissa,
            exponent,
            inexact,
        } => {
            let (rounded, exponent) = DOUBLE.round(mantissa, exponent, inexact)?;
            (rounded != 0 || mantissa == 0).then(|| from_parts(rounded, exponent))?
        }
    };
    Some(if literal.negative {
        -magnitude
    } else {
        magnitude
    })
}

/// A double from a mantissa and exponent in the form [`Format::round`] gives them.
fn from_parts(mantissa: u64, exponent: i32) -> f64 {
    const HIDDEN_BIT: u64 = 1 << 52;
    if mantissa < HIDDEN_BIT {
        return f64::from_bits(mantissa);
    }
    let biased = (exponent + 1075) as u64;
    f64::from_bits(biased << 52 | (mantissa & (HIDDEN_BIT - 1)))
}

/// Writes infinities and NaN, and says whether `value` was one. Redis shows no sign on NaN.
fn write_special(out: &mut Vec<u8>, value: f64) -> bool {
    let text: &[u8] = match value {
        f64::INFINITY => b"inf",
        f64::NEG_INFINITY => b"-inf",
        _ if value.is_nan() => b"nan",
        _ => return false,
    };
    out.extend_from_slice(text);
    true
}

/// Redis's layout of a double that is not written as an integer (that of its fpconv library).
fn lay_out(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    let count = digits.len() as i32;
    let magnitude = exponent + count - 1;
    let plain = if exponent >= 0 {
        magnitude < count + 7
    } else {
        exponent > -7 || magnitude.abs() < 4
    };
    if plain {
        write_plain(out, digits, exponent);
    } else {
        write_mantissa(out, digits);
        out.extend_from_slice(if magnitude < 0 { b"e-" } else { b"e+" });
        write_i64(out, i64::from(magnitude.abs()));
    }
}

/// `digits × 10^exponent` without an exponent: `1200`, `1.2`, `0.0012`.
fn write_plain(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    let zeros = |count: i32| std::iter::repeat_n(b'0', count as usize);
    let integral = digits.len() as i32 + exponent;
    if exponent >= 0 {
        out.extend_from_slice(digits);
        out.extend(zeros(exponent));
    } else if integral <= 0 {
        out.extend_from_slice(b"0.");
        out.extend(zeros(-integral));
        out.extend_from_slice(digits);
    } else {
        let (integer, fraction) = digits.split_at(integral as usize);
        out.extend_from_slice(integer);
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
}

/// `d.ddd`, the part before an exponent.
fn write_mantissa(out: &mut Vec<u8>, digits: &[u8]) {
    out.push(digits[0]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("numbers are ASCII")
    }

    /// Each line as `EVAL "redis.setresp(3) return {double=…}"` of Redis 8.2.3 answered it.
    #[test]
    fn doubles_are_written_as_redis_writes_them() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (0.1, "0.1"),
            (4.35, "4.35"),
            (1e-4, "0.0001"),
            (1e-6, "0.000001"),
            (1.25e-6, "1.25e-6"),
            (1e-7, "1e-7"),
            (-1.5e-9, "-1.5e-9"),
            (1_234_567.25, "1234567.25"),
            (1_234_567_890.12, "1234567890.12"),
            (123_456_789.123_456_79, "1.2345678912345679e+8"),
            (-1.234_567_890_123_456_7e-100, "-1.2345678901234567e-100"),
            (1e17, "100000000000000000"),
            (1e18, "1000000000000000000"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (-4_611_686_018_427_387_904.0, "-4611686018427387904"),
            (4_611_686_018_427_388_928.0, "4611686018427389000"),
            (9_223_372_036_854_775_807.0, "9223372036854776000"),
            (9.3e18, "9.3e+18"),
            (-9.2e18, "-9.2e+18"),
            (1e20, "1e+20"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (-f64::NAN, "nan"),
        ] {
            assert_eq!(written(|out| write_double(out, value)), expected);
        }
    }

    #[test]
    fn general_form_is_that_of_printf() {
        for (value, precision, expected) in [
            (0.0, 17, "0"),
            (-0.0, 17, "-0"),
            (0.1, 17, "0.10000000000000001"),
            (4.35, 17, "4.3499999999999996"),
            (1e17, 17, "1e+17"),
            (1e16, 17, "10000000000000000"),
            (1e-5, 17, "1.0000000000000001e-05"),
            (-1.5e300, 17, "-1.5000000000000001e+300"),
            (0.1, 14, "0.1"),
            (1e14, 14, "1e+14"),
            (99_999_999_999_999.9, 14, "1e+14"),
            (0.000_123_4, 14, "0.0001234"),
        ] {
            assert_eq!(
                written(|out| write_general(out, value, precision)),
                expected,
                "{precision}"
            );
        }
    }

    #[test]
    fn fixed_point_keeps_its_zeros() {
        for (value, decimals, expected) in [
            (166_274.151_562_5, 4, "166274.1516"),
            (0.0, 4, "0.0000"),
            (0.775, 4, "0.7750"),
            (-0.000_04, 4, "0.0000"),
            (-1.5, 1, "-1.5"),
        ] {
            assert_eq!(
                written(|out| write_fixed_point(out, value, decimals)),
                expected
            );
        }
    }

    /// Each line as `ZADD` and `ZSCORE` of Redis 8.2.3 answered it.
    #[test]
    fn doubles_are_read_as_redis_reads_them() {
        for (text, expected) in [
            ("1", Some(1.0)),
            ("+1", Some(1.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1.e5", Some(1e5)),
            ("1E+0005", Some(1e5)),
            ("00012", Some(12.0)),
            ("0x1", Some(1.0)),
            ("0x1p3", Some(8.0)),
            ("0X.8P-2", Some(0.125)),
            ("0x1.00000000000008p0", Some(1.0)),
            ("0x1.000000000000081p0", Some(1.0 + f64::EPSILON)),
            ("0x1.fffffffffffff7p1023", Some(f64::MAX)),
            ("0x1.fffffffffffff8p1023", None),
            ("0x1p-1074", Some(5e-324)),
            ("0x1p-1080", None),
            ("0x1p2000", None),
            ("inf", Some(f64::INFINITY)),
            ("+INF", Some(f64::INFINITY)),
            ("-iNfInItY", Some(f64::NEG_INFINITY)),
            ("1e308", Some(1e308)),
            ("1e309", None),
            ("2.4703282292062328e-324", Some(5e-324)),
            ("2.4703282292062327e-324", None),
            ("1e-400", None),
            ("0e-400", Some(0.0)),
            ("0e99999999999", Some(0.0)),
            ("1e99999999999999999999", None),
            ("", None),
            (".", None),
            ("-", None),
            (".e5", None),
            ("1e", None),
            ("1e+", None),
            ("1e5.5", None),
            ("0x", None),
            ("0xp1", None),
            ("0x1g", None),
            ("0x1.8p", None),
            ("infinit", None),
            ("nan", None),
            ("nan(1)", None),
            (" 1", None),
            ("1 ", None),
            ("1\0", None),
            ("+-1", None),
            ("1_0", None),
            ("1f", None),
        ] {
            assert_eq!(parse_double(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(
            parse_double(b"-0").map(f64::to_bits),
            Some((-0.0_f64).to_bits())
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            for text in [written(|out| write_double(out, value)), written(|out| write_general(out, value, 17))] {
                prop_assert_eq!(parse_double(text.as_bytes()).map(f64::to_bits), Some(bits), "{}", text);
            }
        }

        #[test]
        fn hexadecimal_floats_are_exact(mantissa in 0_u64..1 << 53, exponent in -1000..900_i32) {
            let text = format!("0x{mantissa:x}p{exponent}");
            prop_assert_eq!(parse_double(text.as_bytes()), Some(mantissa as f64 * 2_f64.powi(exponent)));
        }
    }
}
