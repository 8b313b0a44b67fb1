//! Zipmaps, which Redis kept small hashes in before version 2.6: read to become listpacks, never written.
//!
//! The number of fields in a byte, or 254 and more when they must be counted; then each field and its value, both behind their
//! lengths, and between a value's length and the value how many bytes behind it are free; then [`END`].

use super::Corrupt;

const END: u8 = 0xff;
const UNKNOWN_LEN: u8 = 254;
/// A length takes four bytes more where it begins so.
const LONG: u8 = 254;

/// The fields, each followed by its value.
pub(super) fn texts(bytes: &[u8]) -> Result<Vec<&[u8]>, Corrupt> {
    read(bytes).ok_or(Corrupt)
}

fn read(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut texts = Vec::new();
    let (&told, rest) = bytes.split_first()?;
    let (&end, mut rest) = rest.split_last()?;
    if end != END {
        return None;
    }
    while !rest.is_empty() {
        let field_len = len(&mut rest)?;
        let field = rest.split_off(..field_len)?;
        let value_len = len(&mut rest)?;
        let free = usize::from(*rest.split_off_first()?);
        let value = rest.split_off(..value_len)?;
        rest.split_off(..free)?;
        texts.extend([field, value]);
    }
    let is_right = told >= UNKNOWN_LEN || usize::from(told) * 2 == texts.len();
    (is_right && !texts.is_empty()).then_some(texts)
}

fn len(rest: &mut &[u8]) -> Option<usize> {
    match *rest.split_off_first()? {
        END => None,
        LONG => {
            let bytes = rest.split_off(..4)?.try_into().ok()?;
            Some(u32::from_le_bytes(bytes) as usize)
        }
        len => Some(len.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zipmap_is_read_with_the_room_it_left_free() {
        let found = texts(b"\x02\x01a\x01\0b\xfe\x01\0\0\0c\x02\x02dexx\xff");
        assert_eq!(found, Ok(vec![&b"a"[..], b"b", b"c", b"de"]));
    }

    #[test]
    fn whatever_is_wrong_is_found() {
        let wrong: [&[u8]; 7] = [
            b"",
            b"\xff",
            b"\x00\xff",
            b"\x02\x01a\x01\0b\xff",
            b"\x01\x01a\x01\0b",
            b"\x01\x09a\x01\0b\xff",
            b"\x01\x01a\x01\x01b\xff",
        ];
        for bytes in wrong {
            assert_eq!(texts(bytes), Err(Corrupt), "{}", bytes.escape_ascii());
        }
    }
}
