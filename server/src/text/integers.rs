//! Integers and memory sizes as Redis reads and writes them; it must not know where the text came from.

/// Reads the one canonical decimal form of an `i64`: what `INCRBY`, `EXPIRE` and every other integer argument accept.
///
/// Refused, as by Redis's `string2ll`: blanks, `+`, leading zeros, `-0`, the empty text and anything outside `i64`. Whatever is
/// accepted is written back by [`write_i64`] as the same bytes, which is why a string value may be stored as an integer at all.
pub(crate) fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits == b"0" {
        return (!negative).then_some(0);
    }
    if digits.first() == Some(&b'0') {
        return None;
    }
    let magnitude = parse_digits(digits)?;
    if negative {
        0_i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Reads a `u64` as the two halves of a stream ID are read (Redis's `string2ull`).
///
/// What [`parse_i64`] accepts and is not negative is taken as it is. Anything else goes through the C library's far more
/// forgiving `strtoull`, so leading blanks, `+`, leading zeros, a text that ends early at a NUL and even a minus sign with a
/// non-canonical number (`-07` wraps around) are accepted as well.
pub(crate) fn parse_u64(text: &[u8]) -> Option<u64> {
    let text = until_nul(text);
    if let Some(value) = parse_i64(text) {
        return u64::try_from(value).ok();
    }
    let blanks = text.iter().take_while(|&&byte| is_space(byte)).count();
    let text = &text[blanks..];
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let magnitude = parse_digits(digits)?;
    Some(if negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    })
}

/// Reads a number with C's `strtoll` as redis.conf's lists do (`save`, `oom-score-adj-values`): blanks and a sign may come first,
/// the empty text is zero, and what does not fit is cut to `i64`.
pub(crate) fn parse_strtoll(text: &[u8]) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let blanks = text.iter().take_while(|&&byte| is_space(byte)).count();
    let (negative, digits) = match &text[blanks..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = parse_digits(digits).unwrap_or(u64::MAX);
    Some(if negative {
        0_i64.saturating_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).unwrap_or(i64::MAX)
    })
}

/// Reads a size as redis.conf and `CONFIG SET` write it: digits and one of the units `b k kb m mb g gb`, in any case.
///
/// `k`, `m` and `g` are powers of 1000, `kb`, `mb` and `gb` of 1024. As in Redis's `memtoull` no digits mean zero, a number
/// too large for `u64` is `u64::MAX` before it is multiplied, the product wraps around, and 128 digits are too many.
pub(crate) fn parse_memory(text: &[u8]) -> Option<u64> {
    const DIGITS_MAX: usize = 127;
    let text = until_nul(text);
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    if number.len() > DIGITS_MAX {
        return None;
    }
    let value = if number.is_empty() {
        0
    } else {
        parse_digits(number).unwrap_or(u64::MAX)
    };
    Some(value.wrapping_mul(factor))
}

/// Appends `value` in decimal.
pub(crate) fn write_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// `value` in decimal, as bytes of its own.
pub(crate) fn digits(value: i64) -> Vec<u8> {
    itoa::Buffer::new().format(value).as_bytes().to_vec()
}

/// How many bytes [`write_i64`] appends for `value`, sign included.
pub(crate) fn digits_len(value: i64) -> usize {
    let magnitude = value
        .unsigned_abs()
        .checked_ilog10()
        .map_or(1, |exponent| exponent as usize + 1);
    magnitude + usize::from(value < 0)
}

/// One or more decimal digits and nothing else, or `None` (also when they do not fit).
fn parse_digits(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A text as C functions see it: no further than the first NUL.
pub(crate) fn until_nul(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).map_or(text, |end| &text[..end])
}

/// The blanks of C's `isspace`: Rust's ASCII blanks and the vertical tab.
pub(crate) const fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_canonical_form_of_an_integer_is_read() {
        for (text, expected) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("-7", Some(-7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("18446744073709551616", None),
            ("99999999999999999999999", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("00", None),
            ("007", None),
            ("-07", None),
            ("+7", None),
            (" 7", None),
            ("7 ", None),
            ("7\0", None),
            ("0x7", None),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn the_halves_of_a_stream_id_are_read_as_strtoull_does() {
        for (text, expected) in [
            ("7", Some(7)),
            ("007", Some(7)),
            ("+7", Some(7)),
            (" 7", Some(7)),
            ("\t7", Some(7)),
            ("\x0b7", Some(7)),
            ("7\0x", Some(7)),
            ("-0", Some(0)),
            ("-07", Some(u64::MAX - 6)),
            ("-18446744073709551615", Some(1)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-7", None),
            ("7 ", None),
            ("0x7", None),
            ("", None),
            ("+", None),
        ] {
            assert_eq!(parse_u64(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn lists_in_redis_conf_are_read_as_strtoll_does() {
        for (text, expected) in [
            ("900", Some(900)),
            ("+900", Some(900)),
            ("\t-07", Some(-7)),
            ("", Some(0)),
            ("99999999999999999999", Some(i64::MAX)),
            ("-99999999999999999999", Some(i64::MIN)),
            (" ", None),
            ("0x10", None),
            ("1.5", None),
            ("5 ", None),
        ] {
            assert_eq!(parse_strtoll(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn memory_sizes_take_the_units_of_redis_conf() {
        let hundred_digits = "1".to_owned() + &"0".repeat(126);
        let too_many_digits = "1".to_owned() + &"0".repeat(127);
        for (text, expected) in [
            ("1", Some(1)),
            ("1b", Some(1)),
            ("1k", Some(1000)),
            ("1kB", Some(1024)),
            ("1M", Some(1_000_000)),
            ("1mb", Some(1_048_576)),
            ("1g", Some(1_000_000_000)),
            ("1GB", Some(1_073_741_824)),
            ("001k", Some(1000)),
            ("", Some(0)),
            ("kb", Some(0)),
            ("17179869185gb", Some(1_073_741_824)),
            (hundred_digits.as_str(), Some(u64::MAX)),
            (too_many_digits.as_str(), None),
            ("-1", None),
            ("+1", None),
            (" 1", None),
            ("1 ", None),
            ("1kbb", None),
            ("1.5mb", None),
            ("10%", None),
        ] {
            assert_eq!(parse_memory(text.as_bytes()), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value: i64) {
            let mut out = b"x".to_vec();
            write_i64(&mut out, value);
            prop_assert_eq!(parse_i64(&out[1..]), Some(value));
            prop_assert_eq!(digits(value), &out[1..]);
            prop_assert_eq!(digits_len(value), out.len() - 1);
        }

        #[test]
        fn what_is_read_is_written_back(text in "[-+ ]?[0-9]{0,20}") {
            if let Some(value) = parse_i64(text.as_bytes()) {
                prop_assert_eq!(digits(value), text.as_bytes());
            }
        }
    }
}
