//! Words and quotes as redis.conf, inline requests and `MONITOR` write them; it must not know what the words mean.

use super::integers::is_space;

/// A quote was left open, or something other than a blank follows a closing quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unbalanced;

/// Divides a line into words at blanks, honouring `"…"` (with `\n \r \t \b \a \xHH`) and `'…'` (with `\'` only).
///
/// Follows Redis's `sdssplitargs`: a quote may open in the middle of a word but must end it, the line ends at a NUL, and
/// form feed and vertical tab are blanks before a word but part of it afterwards.
pub(crate) fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, Unbalanced> {
    let mut rest = memchr::memchr(0, line).map_or(line, |end| &line[..end]);
    let mut words = Vec::new();
    loop {
        let blanks = rest.iter().take_while(|&&byte| is_space(byte)).count();
        rest = &rest[blanks..];
        if rest.is_empty() {
            return Ok(words);
        }
        let (word, after) = take_word(rest)?;
        words.push(word);
        rest = after;
    }
}

/// `bytes` between double quotes, everything that is not printable ASCII escaped: Redis's `sdscatrepr`, read back by [`split`].
pub(crate) fn quoted(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend(['\\', char::from(byte)]),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x07 => out.push_str("\\a"),
            0x08 => out.push_str("\\b"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                let [high, low] =
                    [byte >> 4, byte & 15].map(|half| char::from(HEX[usize::from(half)]));
                out.extend(['\\', 'x', high, low]);
            }
        }
    }
    out.push('"');
    out
}

/// The first word of `rest`, which does not start with a blank, and what follows it.
fn take_word(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), Unbalanced> {
    let mut word = Vec::new();
    loop {
        match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t', ..] => return Ok((word, rest)),
            [b'"', inside @ ..] => {
                let after = take_double_quoted(inside, &mut word)?;
                return Ok((word, after));
            }
            [b'\'', inside @ ..] => {
                let after = take_single_quoted(inside, &mut word)?;
                return Ok((word, after));
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

/// Appends to `word` up to the closing quote, and returns what follows it.
fn take_double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        let (byte, after) = match rest {
            [b'"', after @ ..] => return closed(after),
            [b'\\', b'x', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex_value(*high) << 4 | hex_value(*low), after)
            }
            [b'\\', escaped, after @ ..] => (unescaped(*escaped), after),
            [byte, after @ ..] => (*byte, after),
            [] => return Err(Unbalanced),
        };
        word.push(byte);
        rest = after;
    }
}

/// Appends to `word` up to the closing quote, and returns what follows it.
fn take_single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        let (byte, after) = match rest {
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [b'\'', after @ ..] => return closed(after),
            [byte, after @ ..] => (*byte, after),
            [] => return Err(Unbalanced),
        };
        word.push(byte);
        rest = after;
    }
}

/// A closing quote ends its word, so only a blank (here any of C's) or the end may follow.
fn closed(after: &[u8]) -> Result<&[u8], Unbalanced> {
    match after.first() {
        Some(&byte) if !is_space(byte) => Err(Unbalanced),
        _ => Ok(after),
    }
}

fn unescaped(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(line: &[u8], expected: &[&[u8]]) {
        let words = split(line);
        let expected = expected.iter().map(|word| word.to_vec()).collect();
        assert_eq!(words, Ok(expected), "{}", line.escape_ascii());
    }

    #[test]
    fn words_are_divided_at_blanks() {
        check(b"", &[]);
        check(b" \t\x0b\x0c\r\n", &[]);
        check(b"  SET \t key value\r", &[b"SET", b"key", b"value"]);
        check(b"a\x0bb\x0cc", &[b"a\x0bb\x0cc"]);
        check(b"a \x0cb", &[b"a", b"b"]);
        check(b"\xff\x80 \x01", &[b"\xff\x80", b"\x01"]);
    }

    #[test]
    fn a_nul_ends_the_line() {
        check(b"a b\0c d", &[b"a", b"b"]);
        assert_eq!(split(b"\"a\0b\""), Err(Unbalanced));
    }

    #[test]
    fn double_quotes_take_escapes() {
        check(br#""a b" "" foo"bar baz""#, &[b"a b", b"", b"foobar baz"]);
        check(br#""\x41\n\r\t\b\a\"\\""#, &[b"A\n\r\t\x08\x07\"\\"]);
        check(
            br#""\xfF" "\q" "\x4" "\xZZ""#,
            &[b"\xff", b"q", b"x4", b"xZZ"],
        );
        check(b"\"a\"\x0bb", &[b"a", b"b"]);
    }

    #[test]
    fn single_quotes_take_everything_but_a_quote() {
        check(
            br#"'a\n"b' 'it\'s' 'a\\b'"#,
            &[br#"a\n"b"#, b"it's", br"a\\b"],
        );
    }

    #[test]
    fn a_quote_must_close_and_end_its_word() {
        for line in [
            &b"\"foo"[..],
            b"'foo",
            b"\"foo\"bar",
            b"'foo'bar",
            b"\"foo\\\"",
            b"'foo\\'",
            b"a\"",
            b"\"\\",
        ] {
            assert_eq!(split(line), Err(Unbalanced), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn quoting_escapes_what_is_not_printable() {
        assert_eq!(
            quoted(b"a \x00\"\\\x7f\xff~\n\r\t\x07\x08\x0b"),
            r#""a \x00\"\\\x7f\xff~\n\r\t\a\b\x0b""#
        );
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_split_back(words: Vec<Vec<u8>>) {
            let line: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            prop_assert_eq!(split(line.join(" ").as_bytes()), Ok(words));
        }

        #[test]
        fn any_line_is_split_or_refused(line: Vec<u8>) {
            if let Ok(words) = split(&line) {
                prop_assert!(words.iter().map(Vec::len).sum::<usize>() <= line.len());
            }
        }
    }
}
