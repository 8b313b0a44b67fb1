//! How bytes are written in a transcript, and read back: the escapes, nothing of what the bytes mean.
//!
//! `\r \n \t \0 \s \\ \{ \} \xHH`. Printable ASCII stands for itself. `\s` is a blank; it is needed where a blank
//! would be the first or last character, because no editor can be trusted with those.

use std::fmt::Write;

/// The bytes as a transcript line shows them: every unprintable byte and every brace escaped, inner blanks plain.
///
/// ```
/// assert_eq!(respect_conformance::transcript::escape::escaped(b" a b\r\n\xff{"), r"\sa b\r\n\xff\{");
/// ```
pub fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    escape_into(bytes, &mut text);
    guard_edges(text)
}

/// As [`escaped`], but blanks at the edges stay plain, for a text that is only a part of a line.
pub fn escape_into(bytes: &[u8], text: &mut String) {
    for &byte in bytes {
        match byte {
            b'\r' => text.push_str(r"\r"),
            b'\n' => text.push_str(r"\n"),
            b'\t' => text.push_str(r"\t"),
            0 => text.push_str(r"\0"),
            b'\\' => text.push_str(r"\\"),
            b'{' => text.push_str(r"\{"),
            b'}' => text.push_str(r"\}"),
            0x20..=0x7e => text.push(char::from(byte)),
            _ => write!(text, r"\x{byte:02x}").expect("writing to a String cannot fail"),
        }
    }
}

/// Writes a blank that begins or ends `text` as `\s`.
pub fn guard_edges(mut text: String) -> String {
    if text.starts_with(' ') {
        text.replace_range(..1, r"\s");
    }
    if text.ends_with(' ') {
        text.pop();
        text.push_str(r"\s");
    }
    text
}

/// What one escape stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// A byte.
    Byte(u8),
    /// `\|`, a cut in a send.
    Cut,
}

/// Reads the escape at the start of `text`, which begins with a backslash; its meaning and its length in bytes.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read_escape(text: &str) -> Result<(Escape, usize), &'static str> {
    let byte = match text.as_bytes().get(1) {
        Some(b'r') => b'\r',
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'0') => 0,
        Some(b's') => b' ',
        Some(&itself @ (b'\\' | b'{' | b'}')) => itself,
        Some(b'|') => return Ok((Escape::Cut, 2)),
        Some(b'x') => {
            let digits = text
                .get(2..4)
                .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
            let digits = digits.ok_or(r"expected two hexadecimal digits after \x")?;
            let byte = u8::from_str_radix(digits, 16).expect("two hexadecimal digits fit a byte");
            return Ok((Escape::Byte(byte), 4));
        }
        _ => return Err(r"expected one of \r \n \t \0 \s \\ \{ \} \| \xHH"),
    };
    Ok((Escape::Byte(byte), 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unescaped(mut text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(&first) = text.as_bytes().first() {
            let (byte, length) = match first {
                b'\\' => match read_escape(text).expect("own output") {
                    (Escape::Byte(byte), length) => (byte, length),
                    (Escape::Cut, _) => panic!("a cut was written for a byte in {text:?}"),
                },
                plain => (plain, 1),
            };
            bytes.push(byte);
            text = &text[length..];
        }
        bytes
    }

    proptest! {
        #[test]
        fn any_bytes_survive_and_stay_on_one_printable_line(bytes: Vec<u8>) {
            let text = escaped(&bytes);
            prop_assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(text.trim(), &text);
            prop_assert_eq!(unescaped(&text), bytes);
        }
    }

    #[test]
    fn a_bad_escape_says_what_was_expected() {
        for (text, expected) in [
            (r"\q", "one of"),
            (r"\x4", "hexadecimal"),
            (r"\xzz", "hexadecimal"),
            ("\\", "one of"),
            ("\\xé", "hexadecimal"),
        ] {
            let message = read_escape(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
