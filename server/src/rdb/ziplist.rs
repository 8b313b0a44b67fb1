//! Ziplists, which Redis kept small collections in before version 7: read to become listpacks, never written.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the whole block, little-endian, as all numbers of the header |
//! | 4 | where the last entry begins |
//! | 2 | number of entries, or 65535 when they must be counted |
//! | … | the entries: length of the one before, encoding, data |
//! | 1 | [`END`] |

use super::Corrupt;
use crate::data::listpack::{Item, Listpack};

const HEADER_LEN: usize = 10;
const END: u8 = 0xff;
const UNKNOWN_LEN: u16 = u16::MAX;
/// The length of the entry before takes four bytes more where it begins so.
const LONG_BEFORE: u8 = 0xfe;

/// The elements of a ziplist.
pub(super) fn listpack(bytes: &[u8]) -> Result<Listpack, Corrupt> {
    let mut items = Vec::new();
    read(bytes, &mut items).ok_or(Corrupt)?;
    Ok(Listpack::from_items(items))
}

/// Reads all elements; `None` where any part is not as it should be.
fn read<'a>(bytes: &'a [u8], items: &mut Vec<Item<'a>>) -> Option<()> {
    let total = u32::from_le_bytes(*bytes.first_chunk()?);
    let last = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    let told = u16::from_le_bytes(bytes.get(8..HEADER_LEN)?.try_into().ok()?);
    let (&end, entries) = bytes.get(HEADER_LEN..)?.split_last()?;
    if total as usize != bytes.len() || end != END || last as usize > bytes.len() - 1 {
        return None;
    }
    let (mut rest, mut before) = (entries, 0);
    while !rest.is_empty() {
        let start = rest;
        if before_len(&mut rest)? != before {
            return None;
        }
        let encoding = *rest.split_off_first()?;
        items.push(element(encoding, &mut rest)?);
        before = start.len() - rest.len();
    }
    let count = items.len();
    let last_is_told = count == 0 || last as usize == bytes.len() - 1 - before;
    (last_is_told && (told == UNKNOWN_LEN || usize::from(told) == count)).then_some(())
}

fn before_len(rest: &mut &[u8]) -> Option<usize> {
    match *rest.split_off_first()? {
        END => None,
        LONG_BEFORE => Some(u32::from_le_bytes(array(rest)?) as usize),
        len => Some(len.into()),
    }
}

fn array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    rest.split_off(..N)?.try_into().ok()
}

fn element<'a>(encoding: u8, rest: &mut &'a [u8]) -> Option<Item<'a>> {
    let low = usize::from(encoding & 0x3f);
    let len = match encoding {
        0..0x40 => low,
        0x40..0x80 => low << 8 | usize::from(*rest.split_off_first()?),
        0x80 => u32::from_be_bytes(array(rest)?) as usize,
        0xc0 => return Some(Item::Int(i16::from_le_bytes(array(rest)?).into())),
        0xd0 => return Some(Item::Int(i32::from_le_bytes(array(rest)?).into())),
        0xe0 => return Some(Item::Int(i64::from_le_bytes(array(rest)?))),
        0xf0 => {
            let [a, b, c] = array(rest)?;
            return Some(Item::Int((i32::from_le_bytes([0, a, b, c]) >> 8).into()));
        }
        0xfe => return Some(Item::Int(i8::from_le_bytes(array(rest)?).into())),
        0xf1..=0xfd => return Some(Item::Int(i64::from(encoding & 0x0f) - 1)),
        _ => return None,
    };
    // What is the text of an integer becomes one.
    rest.split_off(..len).map(Item::from_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ziplist(entries: &[&[u8]]) -> Vec<u8> {
        let (mut body, mut before, mut last) = (Vec::new(), 0, HEADER_LEN);
        for entry in entries {
            last = HEADER_LEN + body.len();
            body.push(before);
            body.extend(*entry);
            before = 1 + entry.len() as u8;
        }
        let total = (HEADER_LEN + body.len() + 1) as u32;
        let mut bytes = total.to_le_bytes().to_vec();
        bytes.extend((last as u32).to_le_bytes());
        bytes.extend((entries.len() as u16).to_le_bytes());
        bytes.extend(body);
        bytes.push(END);
        bytes
    }

    #[test]
    fn every_encoding_is_read() {
        let bytes = ziplist(&[
            b"\xf0\x01\x02\x83",
            b"\xc0\x01\x02",
            b"\xd0\x01\x02\x03\x04",
            b"\xe0\x01\x02\x03\x04\x05\x06\x07\x88",
            b"\xfe\xff",
            b"\xf1",
            b"\xfd",
            b"\x01a",
            b"\x40\x0212",
            b"\x80\0\0\0\x01b",
        ]);
        let list = listpack(&bytes).expect("it is a ziplist");
        let items: Vec<Item<'_>> = list.iter().collect();
        let expected = [
            Item::Int(-8_191_487),
            Item::Int(513),
            Item::Int(67_305_985),
            Item::Int(-8_644_934_341_102_468_607),
            Item::Int(-1),
            Item::Int(0),
            Item::Int(12),
            Item::Bytes(b"a"),
            Item::Int(12),
            Item::Bytes(b"b"),
        ];
        assert_eq!(items, expected);
    }

    #[test]
    fn whatever_is_wrong_is_found() {
        let right = ziplist(&[b"\x01a", b"\xf2", b"\x02bc"]);
        assert!(listpack(&right).is_ok());
        for at in 0..HEADER_LEN {
            let mut wrong = right.clone();
            wrong[at] ^= 1;
            assert_eq!(listpack(&wrong), Err(Corrupt), "byte {at}");
        }
        for len in 0..right.len() {
            assert_eq!(listpack(&right[..len]), Err(Corrupt), "{len} bytes");
        }
        for encoding in [b"\xc1\x01", b"\x90\x01", b"\xff\x01"] {
            assert_eq!(listpack(&ziplist(&[encoding])), Err(Corrupt));
        }
    }
}
