//! Names looked up in any letter case, as fast as a pipeline of small commands asks for; knows no command.

/// Places in the table: a power of two, several times as many as Redis has commands.
const PLACES: usize = 2048;

/// A name of at most 16 bytes in lower case, packed so that comparing two takes two instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed {
    low: u64,
    high: u64,
    len: usize,
}

impl Packed {
    /// Of names that are equal in any letter case, the same; of others, different ones. None for names too long.
    #[inline]
    fn new(name: &[u8]) -> Option<Packed> {
        // Two overlapping reads hold every byte, and together with the length say which is where.
        let (low, high) = match name {
            [a] => (u64::from(*a), 0),
            [a, b] => (u64::from(u16::from_le_bytes([*a, *b])), 0),
            [a, b, c] => (u64::from(u32::from_le_bytes([*a, *b, *c, 0])), 0),
            _ if name.len() > 16 => return None,
            _ => match (name.first_chunk(), name.last_chunk()) {
                (Some(first), Some(last)) => {
                    (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
                }
                _ => {
                    let (first, last) = (name.first_chunk()?, name.last_chunk()?);
                    let low = u64::from(u32::from_le_bytes(*first));
                    (low | u64::from(u32::from_le_bytes(*last)) << 32, 0)
                }
            },
        };
        Some(Packed {
            low: lowercase(low),
            high: lowercase(high),
            len: name.len(),
        })
    }

    /// Where to look first.
    #[inline]
    fn place(self) -> usize {
        let mixed = (self.low ^ self.high.rotate_left(29) ^ self.len as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> (64 - PLACES.ilog2())) as usize
    }
}

/// Eight ASCII bytes, those between `A` and `Z` in lower case.
#[inline]
fn lowercase(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let low_bits = bytes & !HIGH;
    // The high bit of each sum tells whether the byte is at least `A`, and whether it is beyond `Z`.
    let at_least_a = low_bits + ONES * u64::from(0x80 - b'A');
    let beyond_z = low_bits + ONES * u64::from(0x7f - b'Z');
    let capital = !bytes & (at_least_a ^ beyond_z) & HIGH;
    bytes | capital >> 2
}

/// Names, each with a number.
pub(super) struct Names {
    /// Open addressing: an index into `packed` and one more, or 0 for nothing.
    places: Vec<u16>,
    packed: Vec<(Packed, usize)>,
    /// The few that cannot be packed.
    long: Vec<(&'static str, usize)>,
}

impl Names {
    /// Names, none of which may be there twice.
    pub(super) fn new(names: impl Iterator<Item = (&'static str, usize)>) -> Names {
        let mut table = Names {
            places: vec![0; PLACES],
            packed: Vec::new(),
            long: Vec::new(),
        };
        for (name, number) in names {
            let Some(packed) = Packed::new(name.as_bytes()) else {
                table.long.push((name, number));
                continue;
            };
            table.packed.push((packed, number));
            assert!(
                table.packed.len() < PLACES / 2,
                "the table has room for all commands"
            );
            let mut place = packed.place();
            while table.places[place] != 0 {
                place = (place + 1) % PLACES;
            }
            table.places[place] = table.packed.len() as u16;
        }
        table
    }

    /// The number of a name, whatever its letter case.
    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        let Some(packed) = Packed::new(name) else {
            return self.find_long(name);
        };
        let mut place = packed.place();
        loop {
            let index = usize::from(*self.places.get(place)?).checked_sub(1)?;
            let (found, number) = *self.packed.get(index)?;
            if found == packed {
                return Some(number);
            }
            place = (place + 1) % PLACES;
        }
    }

    fn find_long(&self, name: &[u8]) -> Option<usize> {
        self.long
            .iter()
            .find(|(long, _)| long.as_bytes().eq_ignore_ascii_case(name))
            .map(|(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_every_length_are_found_in_any_case_and_nothing_else_is() {
        let names: Vec<&'static str> = (1..=20)
            .map(|len| &"get_range-by7memberRO"[..len])
            .collect();
        let table = Names::new(names.iter().copied().zip(0..));
        for (name, number) in names.iter().zip(0..) {
            assert_eq!(
                table.find(name.to_ascii_uppercase().as_bytes()),
                Some(number)
            );
            assert_eq!(table.find(name.replace('g', "h").as_bytes()), None);
            assert_eq!(table.find(format!("{name}\0").as_bytes()), None);
        }
        assert_eq!(table.find(b""), None);
    }

    proptest! {
        #[test]
        fn two_names_pack_alike_if_they_differ_in_letter_case_only(
            a in prop::collection::vec(any::<u8>(), 0..18),
            b in prop::collection::vec(any::<u8>(), 0..18),
            flip in any::<u16>(),
        ) {
            let flipped: Vec<u8> = a
                .iter()
                .enumerate()
                .map(|(i, byte)| if flip >> (i % 16) & 1 == 1 && byte.is_ascii_alphabetic() { byte ^ 0x20 } else { *byte })
                .collect();
            prop_assert_eq!(Packed::new(&a), Packed::new(&flipped));
            let alike = Packed::new(&a).is_some() && Packed::new(&a) == Packed::new(&b);
            prop_assert_eq!(alike, a.eq_ignore_ascii_case(&b) && a.len() <= 16 && !a.is_empty());
        }

        #[test]
        fn one_changed_byte_makes_another_name(
            name in prop::collection::vec(any::<u8>(), 1..17),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut other = name.clone();
            other[at.index(name.len())] = byte;
            let alike = Packed::new(&name) == Packed::new(&other);
            prop_assert_eq!(alike, name.eq_ignore_ascii_case(&other));
        }
    }
}
