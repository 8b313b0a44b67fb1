//! How the buffer of a string that is changed in place grows; knows no key.

/// A string that grew will grow again: it gets so much more room than it needs, or as much again if that is less
/// (SDS_MAX_PREALLOC).
const SPARE_LEN_MAX: usize = 1 << 20;

/// Adds bytes at the end.
pub(crate) fn append(bytes: &mut Vec<u8>, tail: &[u8]) {
    make_room(bytes, bytes.len() + tail.len());
    bytes.extend_from_slice(tail);
}

/// Adds zeros until there are `len` bytes, if there are fewer.
///
/// # Returns
/// whether there were.
pub(crate) fn grow(bytes: &mut Vec<u8>, len: usize) -> bool {
    let grows = bytes.len() < len;
    if grows {
        make_room(bytes, len);
        bytes.resize(len, 0);
    }
    grows
}

/// Vectors double for ever, which would cost a large string as much memory again.
fn make_room(bytes: &mut Vec<u8>, len: usize) {
    if bytes.capacity() < len {
        let spare = if bytes.is_empty() {
            0
        } else {
            len.min(SPARE_LEN_MAX)
        };
        bytes.reserve_exact(len + spare - bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_string_keeps_a_mebibyte_of_spare_room_and_a_new_one_none() {
        let mut bytes = Vec::new();
        grow(&mut bytes, 5 << 20);
        assert_eq!(bytes.capacity(), 5 << 20);
        append(&mut bytes, b"x");
        assert_eq!(bytes.capacity(), (6 << 20) + 1);
        assert!(!grow(&mut bytes, 3) && bytes.ends_with(b"\0x"));
    }
}
