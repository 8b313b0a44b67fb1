//! What the kinds of holes accept. Knows the kinds, not the patterns they stand in.

use super::pattern::HoleKind;
use crate::wire;

/// What a hole makes of the bytes in front of it.
pub(super) enum Filling {
    /// It takes so many.
    Done(usize),
    /// It might take more than there are.
    NeedsMore,
    /// This byte is not of its kind.
    Mismatch(usize),
}

/// The longest start of `bytes` that is of this kind. At the end of `bytes` there might always be more of it.
pub(super) fn fill(kind: HoleKind, bytes: &[u8]) -> Filling {
    match kind {
        HoleKind::Int => fill_run(
            bytes,
            usize::from(bytes.first() == Some(&b'-')),
            1,
            u8::is_ascii_digit,
        ),
        HoleKind::Digits => fill_run(bytes, 0, 1, u8::is_ascii_digit),
        HoleKind::Float => fill_float(bytes),
        HoleKind::Any => fill_any(bytes),
        HoleKind::Time => fill_time(bytes),
        HoleKind::Addr => fill_addr(bytes),
        HoleKind::Bulk => fill_bulk(bytes),
        HoleKind::Reply => fill_reply(bytes),
        HoleKind::Sha1 => match bytes
            .iter()
            .take(40)
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        {
            Some(offset) => Filling::Mismatch(offset),
            None if bytes.len() < 40 => Filling::NeedsMore,
            None => Filling::Done(40),
        },
    }
}

/// At least `least` bytes from `start` on that are `allowed`.
fn fill_run(bytes: &[u8], start: usize, least: usize, allowed: impl Fn(&u8) -> bool) -> Filling {
    match bytes[start..].iter().position(|byte| !allowed(byte)) {
        None => Filling::NeedsMore,
        Some(length) if length < least => Filling::Mismatch(start + length),
        Some(length) => Filling::Done(start + length),
    }
}

fn fill_float(bytes: &[u8]) -> Filling {
    let sign = usize::from(bytes.first() == Some(&b'-'));
    for word in [&b"inf"[..], b"nan"] {
        let unsigned = &bytes[sign..];
        if unsigned.starts_with(word) {
            return Filling::Done(sign + word.len());
        }
        if word.starts_with(unsigned) {
            return Filling::NeedsMore;
        }
    }
    let mut end = match fill_run(bytes, sign, 1, u8::is_ascii_digit) {
        Filling::Done(end) => end,
        other => return other,
    };
    if bytes[end] == b'.' {
        end = match fill_run(bytes, end + 1, 1, u8::is_ascii_digit) {
            Filling::Done(end) => end,
            other => return other,
        };
    }
    if matches!(bytes[end], b'e' | b'E') {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        return fill_run(
            bytes,
            (end + 1 + sign).min(bytes.len()),
            1,
            u8::is_ascii_digit,
        );
    }
    Filling::Done(end)
}

fn fill_any(bytes: &[u8]) -> Filling {
    match bytes.windows(2).position(|pair| pair == b"\r\n") {
        Some(length) => Filling::Done(length),
        None => Filling::NeedsMore,
    }
}

fn fill_time(bytes: &[u8]) -> Filling {
    let end = match fill_run(bytes, 0, 10, u8::is_ascii_digit) {
        Filling::Done(end) => end,
        other => return other,
    };
    if bytes[end] == b'.' {
        fill_run(bytes, end + 1, 1, u8::is_ascii_digit)
    } else {
        Filling::Done(end)
    }
}

fn fill_addr(bytes: &[u8]) -> Filling {
    let length = match fill_run(bytes, 0, 1, |byte| {
        byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':' | b'[' | b']')
    }) {
        Filling::Done(length) => length,
        other => return other,
    };
    let colon = bytes[..length].iter().rposition(|&byte| byte == b':');
    match colon {
        None | Some(0) => Filling::Mismatch(length),
        Some(colon) => match bytes[colon + 1..length]
            .iter()
            .position(|byte| !byte.is_ascii_digit())
        {
            Some(offset) => Filling::Mismatch(colon + 1 + offset),
            None if colon + 1 == length => Filling::Mismatch(length),
            None => Filling::Done(length),
        },
    }
}

fn fill_bulk(bytes: &[u8]) -> Filling {
    match bytes.first() {
        None => return Filling::NeedsMore,
        Some(b'$') => {}
        Some(_) => return Filling::Mismatch(0),
    }
    let digits = match fill_run(bytes, 1, 1, u8::is_ascii_digit) {
        Filling::Done(end) => end,
        other => return other,
    };
    let length = std::str::from_utf8(&bytes[1..digits])
        .ok()
        .and_then(|digits| digits.parse::<u32>().ok());
    let Some(length) = length else {
        return Filling::Mismatch(1);
    };
    let content_end = digits + 2 + length as usize;
    for (at, due) in [
        (digits, b'\r'),
        (digits + 1, b'\n'),
        (content_end, b'\r'),
        (content_end + 1, b'\n'),
    ] {
        match bytes.get(at) {
            None => return Filling::NeedsMore,
            Some(&byte) if byte != due => return Filling::Mismatch(at),
            Some(_) => {}
        }
    }
    Filling::Done(content_end + 2)
}

fn fill_reply(bytes: &[u8]) -> Filling {
    let mut reader = wire::Reader::new();
    reader.feed(bytes);
    match reader.next_reply() {
        Ok(Some(reply)) => Filling::Done(reply.bytes().len()),
        Ok(None) => Filling::NeedsMore,
        Err(error) => Filling::Mismatch(usize::try_from(error.offset).unwrap_or(bytes.len())),
    }
}
