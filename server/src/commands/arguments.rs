//! Arguments that are numbers or times: how they are read, and what a client is told of one that cannot be; knows no key.

use crate::engine::Now;
use crate::resp::error::Error;
use crate::text::extended::Extended;
use crate::text::integers;

const NOT_POSITIVE: Error = Error::fixed("ERR value is out of range, must be positive");

/// An integer of 64 bits.
///
/// # Errors
/// `value is not an integer or out of range`
#[inline]
pub(super) fn integer(text: &[u8]) -> Result<i64, Error> {
    integers::parse_i64(text).ok_or(Error::NOT_INTEGER)
}

/// An integer that is not negative, although Redis says "positive".
///
/// # Errors
/// One for whatever is wrong: `value is out of range, must be positive`
pub(super) fn positive(text: &[u8]) -> Result<u64, Error> {
    integers::parse_i64(text)
        .and_then(|value| u64::try_from(value).ok())
        .ok_or(NOT_POSITIVE)
}

/// An integer that is not 0 or less.
///
/// # Errors
/// `refusal`, whatever is wrong.
pub(super) fn at_least_one(text: &[u8], refusal: &'static str) -> Result<usize, Error> {
    let count = integers::parse_i64(text).filter(|count| *count > 0);
    let count = count.ok_or(Error::fixed(refusal))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// An integer from `min` to `max`.
///
/// # Errors
/// `value is not an integer or out of range`, or `value is out of range, value must between MIN and MAX`
pub(super) fn within(text: &[u8], min: i64, max: i64) -> Result<i64, Error> {
    let value = integer(text)?;
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(Error::new(format!(
            "ERR value is out of range, value must between {min} and {max}"
        )))
    }
}

/// An integer from `min` to `max`, with one error of its own for whatever is wrong.
///
/// # Errors
/// That error.
pub(super) fn within_or(text: &[u8], min: i64, max: i64, error: Error) -> Result<i64, Error> {
    integers::parse_i64(text)
        .filter(|value| (min..=max).contains(value))
        .ok_or(error)
}

/// What a time of expiry is given in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeUnit {
    Seconds,
    Milliseconds,
}

impl TimeUnit {
    /// So many of them in milliseconds, if 64 bits hold that.
    pub(super) fn to_ms(self, time: i64) -> Option<i64> {
        match self {
            TimeUnit::Seconds => time.checked_mul(1000),
            TimeUnit::Milliseconds => Some(time),
        }
    }
}

/// The error of a time of expiry that is a number but makes no sense; `command` is the full name, in lower case.
pub(super) fn invalid_expire_time(command: &str) -> Error {
    Error::new(format!("ERR invalid expire time in '{command}' command"))
}

/// The deadline that SET, GETEX and their kin are given, in milliseconds of wall-clock time, counted from `base_ms` (0 where
/// the time is absolute). EXPIRE and its kin differ: they allow times that are past.
///
/// # Errors
/// `value is not an integer or out of range`, or [`invalid_expire_time`] for 0, for less, and for what 64 bits do not hold.
pub(super) fn deadline_ms(
    text: &[u8],
    unit: TimeUnit,
    base_ms: i64,
    command: &str,
) -> Result<i64, Error> {
    let time = integer(text)?;
    if time <= 0 {
        return Err(invalid_expire_time(command));
    }
    unit.to_ms(time)
        .and_then(|ms| ms.checked_add(base_ms))
        .ok_or_else(|| invalid_expire_time(command))
}

/// The moment at which a timeout in milliseconds ends that begins now; 0 ends at once.
///
/// # Errors
/// `timeout is not an integer or out of range`, `timeout is negative`, or `timeout is out of range`
pub(super) fn timeout_until_ms(text: &[u8], now_ms: i64) -> Result<i64, Error> {
    let timeout = integers::parse_i64(text).ok_or(Error::fixed(
        "ERR timeout is not an integer or out of range",
    ))?;
    if timeout < 0 {
        return Err(Error::fixed("ERR timeout is negative"));
    }
    now_ms
        .checked_add(timeout)
        .ok_or(Error::fixed("ERR timeout is out of range"))
}

/// When a command gives up that waits for so many seconds, on the clock `Now::mono_us`; `None`, given as 0, is never.
///
/// # Errors
/// `timeout is not a float or out of range`, `timeout is negative`, or `timeout is out of range`
pub(super) fn waits_until_us(text: &[u8], now: Now) -> Result<Option<u64>, Error> {
    const OUT_OF_RANGE: Error = Error::fixed("ERR timeout is out of range");
    let seconds =
        Extended::parse(text).ok_or(Error::fixed("ERR timeout is not a float or out of range"))?;
    let ms = match seconds.in_thousandths() {
        Some(ms) if ms >= 0 => ms,
        None if !seconds.is_negative() => return Err(OUT_OF_RANGE),
        _ => return Err(Error::fixed("ERR timeout is negative")),
    };
    // The wall clock has to have a number for the moment, although another one tells when it comes.
    if ms > i64::MAX - now.wall_ms() {
        return Err(OUT_OF_RANGE);
    }
    let wait_us = ms.unsigned_abs().saturating_mul(1000);
    Ok((ms > 0).then(|| now.mono_us.saturating_add(wait_us)))
}

/// The decimal number a text begins with, 0 if it begins with none.
pub(super) fn leading_number(text: &[u8]) -> f64 {
    let text = std::str::from_utf8(text).unwrap_or_default();
    (0..=text.len())
        .rev()
        .filter_map(|end| text.get(..end)?.parse().ok())
        .find(|n: &f64| n.is_finite())
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<T>(result: Result<T, Error>) -> String {
        result.err().expect("it is refused").to_string()
    }

    #[test]
    fn each_kind_of_number_has_its_own_error() {
        assert_eq!(
            line(integer(b"1.0")),
            "ERR value is not an integer or out of range"
        );
        assert_eq!(
            line(positive(b"x")),
            "ERR value is out of range, must be positive"
        );
        assert_eq!(line(positive(b"-1")), line(positive(b"x")));
        assert_eq!(line(within(b"x", 0, 5)), line(integer(b"x")));
        assert_eq!(
            line(within(b"6", 0, 5)),
            "ERR value is out of range, value must between 0 and 5"
        );
    }

    #[test]
    fn a_deadline_is_positive_and_fits_64_bits() {
        let at = |text: &str, unit, base| deadline_ms(text.as_bytes(), unit, base, "set");
        assert_eq!(at("3", TimeUnit::Seconds, 10), Ok(3010));
        assert_eq!(at("3", TimeUnit::Milliseconds, 0), Ok(3));
        let invalid = Err(invalid_expire_time("set"));
        assert_eq!(at("0", TimeUnit::Seconds, 10), invalid);
        assert_eq!(at("-1", TimeUnit::Milliseconds, 10), invalid);
        assert_eq!(at("9223372036854776", TimeUnit::Seconds, 0), invalid);
        assert_eq!(
            at("9223372036854775807", TimeUnit::Milliseconds, 1),
            invalid
        );
        assert_eq!(at("1s", TimeUnit::Seconds, 0), Err(Error::NOT_INTEGER));
    }
}
