//! Lengths, strings and numbers out of bytes that came from outside; knows no kinds of values.

use std::borrow::Cow;

use super::{Corrupt, ENCODED, INT_8, INT_16, INT_32, LEN_32, LEN_64, LZF};
use crate::data::lzf;
use crate::text::{doubles, integers};

const LEN_KIND: u8 = 0b11 << 6;

/// What stands for these in the place of a text's length.
const NAN: u8 = 253;
const INFINITY: u8 = 254;
const NEGATIVE_INFINITY: u8 = 255;

/// Goes forward through bytes.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

/// A length, or how a string is encoded that has none.
enum Len {
    Plain(u64),
    Encoded(u8),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// So many bytes as they are.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Corrupt> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Corrupt)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Corrupt)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Corrupt> {
        self.array().map(u8::from_le_bytes)
    }

    fn len_or_encoding(&mut self) -> Result<Len, Corrupt> {
        let first = self.byte()?;
        let low = first & !LEN_KIND;
        Ok(match first {
            LEN_32 => Len::Plain(u32::from_be_bytes(self.array()?).into()),
            LEN_64 => Len::Plain(u64::from_be_bytes(self.array()?)),
            _ => match first & LEN_KIND {
                0 => Len::Plain(low.into()),
                ENCODED => Len::Encoded(low),
                LEN_32 => return Err(Corrupt),
                _ => Len::Plain(u64::from(low) << 8 | u64::from(self.byte()?)),
            },
        })
    }

    /// A length or a count. Nothing is as long as that yet: reserve no memory for it.
    pub(crate) fn len(&mut self) -> Result<u64, Corrupt> {
        match self.len_or_encoding()? {
            Len::Plain(len) => Ok(len),
            // Redis takes an encoding for a number where it expects one.
            Len::Encoded(encoding) => Ok(encoding.into()),
        }
    }

    /// A length in memory.
    fn size(&mut self) -> Result<usize, Corrupt> {
        usize::try_from(self.len()?).map_err(|_| Corrupt)
    }

    /// A string: what it was written as, unless that was an integer or compressed.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, [u8]>, Corrupt> {
        let encoding = match self.len_or_encoding()? {
            Len::Plain(len) => {
                let len = usize::try_from(len).map_err(|_| Corrupt)?;
                return self.take(len).map(Cow::Borrowed);
            }
            Len::Encoded(encoding) => encoding,
        };
        let int = match encoding {
            INT_8 => i8::from_le_bytes(self.array()?).into(),
            INT_16 => i16::from_le_bytes(self.array()?).into(),
            INT_32 => i32::from_le_bytes(self.array()?),
            LZF => {
                let (compressed, len) = (self.size()?, self.size()?);
                let compressed = self.take(compressed)?;
                // Redis tells a failure from what is empty by its length alone.
                let is_empty = len == 0;
                let bytes = lzf::decompress(compressed, len).or(is_empty.then(Vec::new));
                return bytes.map(Cow::Owned).ok_or(Corrupt);
            }
            _ => return Err(Corrupt),
        };
        Ok(Cow::Owned(integers::digits(int.into())))
    }

    /// A moment in milliseconds.
    pub(crate) fn time_ms(&mut self) -> Result<i64, Corrupt> {
        self.array().map(i64::from_le_bytes)
    }

    /// A number of 64 bits.
    pub(crate) fn double(&mut self) -> Result<f64, Corrupt> {
        self.array().map(f64::from_le_bytes)
    }

    /// A number as text, behind a byte for the text's length. What follows the number in the text is of no account, as with
    /// C's `sscanf`.
    pub(crate) fn text_double(&mut self) -> Result<f64, Corrupt> {
        match self.byte()? {
            NAN => Ok(f64::NAN),
            INFINITY => Ok(f64::INFINITY),
            NEGATIVE_INFINITY => Ok(f64::NEG_INFINITY),
            len => {
                let text = integers::until_nul(self.take(len.into())?).trim_ascii_start();
                (1..=text.len())
                    .rev()
                    .find_map(|end| number(&text[..end]))
                    .ok_or(Corrupt)
            }
        }
    }
}

/// A number, infinite where it is too large for a double and 0 where it is too small.
fn number(text: &[u8]) -> Option<f64> {
    let decimal = std::str::from_utf8(text).ok()?.parse().ok();
    decimal.or_else(|| doubles::parse_double(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(bytes: &[u8]) -> Result<Vec<u8>, Corrupt> {
        Reader::new(bytes).string().map(Cow::into_owned)
    }

    #[test]
    fn strings_come_in_every_encoding() {
        let cases: [(&[u8], &[u8]); 8] = [
            (b"\x05hello", b"hello"),
            (b"\x40\x01a", b"a"),
            (b"\x80\0\0\0\x01a", b"a"),
            (b"\x81\0\0\0\0\0\0\0\x01a", b"a"),
            (b"\xc0\xff", b"-1"),
            (b"\xc1\x2c\x01", b"300"),
            (b"\xc2\0\0\0\x80", b"-2147483648"),
            (b"\xc3\x06\x15\x01aa\xe0\x0a\0", &[b'a'; 21]),
        ];
        for (bytes, expected) in cases {
            assert_eq!(string(bytes), Ok(expected.to_vec()));
        }
        let corrupt: [&[u8]; 6] = [
            b"",
            b"\x02a",
            b"\x82\0\0\0\x01a",
            b"\xc4a",
            b"\xc3\x06\x16\x01aa\xe0\x0a\0",
            b"\x81\xff\xff\xff\xff\xff\xff\xff\xffa",
        ];
        for bytes in corrupt {
            assert_eq!(string(bytes), Err(Corrupt));
        }
    }

    #[test]
    fn a_number_in_text_may_be_followed_by_anything() {
        let cases: [(&[u8], Option<f64>); 8] = [
            (b"\x031.5", Some(1.5)),
            (b"\x051e999", Some(f64::INFINITY)),
            (b"\x05 1e2x", Some(100.0)),
            (b"\x031\x002", Some(1.0)),
            (b"\x040x1A", Some(26.0)),
            (b"\xfe", Some(f64::INFINITY)),
            (b"\x01x", None),
            (b"\x00", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Reader::new(bytes).text_double().ok(), expected);
        }
    }
}
