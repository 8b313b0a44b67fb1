//! Redis's glob patterns (`KEYS`, `SCAN MATCH`, `PSUBSCRIBE`, `CONFIG GET`); it must not know what the names it matches stand for.

/// How letters compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Kept,
    Ignored,
}

/// A pattern with more stars than this (runs of stars count once) matches nothing beyond them: Redis's guard against abuse.
const STARS_MAX: usize = 1000;

/// Whether `text` as a whole matches `pattern`: `*`, `?`, `[abc]`, `[^a-z]` and `\` before a byte to be taken literally.
///
/// Follows Redis's `stringmatchlen` in its corners as well: an unclosed class ends with the pattern, a trailing backslash is
/// itself, the ends of a range may be swapped, and the empty text is matched by the empty pattern only, not by `*`.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    search(pattern, text, Case::Kept)
}

/// [`matches`] for names that compare without case, as those of commands and options do.
pub(crate) fn matches_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    search(pattern, text, Case::Ignored)
}

/// Only the last star met is ever tried again further on: had an earlier one taken more, the last would have found the same
/// bytes. So the work is at most the product of both lengths, and nothing recurses.
fn search(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut at, mut seen, mut stars) = (0, 0, 0);
    let mut retry = None;
    loop {
        let matched = match (pattern.get(at), text.get(seen)) {
            (None, None) => return true,
            (Some(b'*'), Some(_)) => {
                at += count_stars(&pattern[at..]);
                if at == pattern.len() {
                    return true;
                }
                stars += 1;
                if stars > STARS_MAX {
                    return false;
                }
                retry = Some((at, seen));
                continue;
            }
            (Some(_), Some(&byte)) => element(&pattern[at..], byte, case),
            (Some(_), None) | (None, Some(_)) => None,
        };
        if let Some(length) = matched {
            at += length;
            seen += 1;
            if seen == text.len() {
                at += count_stars(&pattern[at..]);
            }
        } else {
            match retry {
                Some((after_star, from)) if from + 1 < text.len() => {
                    (at, seen) = (after_star, from + 1);
                    retry = Some((at, seen));
                }
                _ => return false,
            }
        }
    }
}

fn count_stars(pattern: &[u8]) -> usize {
    pattern.iter().take_while(|&&byte| byte == b'*').count()
}

/// Matches `byte` against the first element of a pattern that is not empty, and says how long that element is.
fn element(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    match *pattern {
        [b'?', ..] => Some(1),
        [b'[', ..] => class(pattern, byte, case),
        [b'\\', literal, ..] => same(literal, byte, case).then_some(2),
        [literal, ..] => same(literal, byte, case).then_some(1),
        [] => None,
    }
}

/// Matches `byte` against the class that opens `pattern`.
fn class(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    let end = loop {
        at += match pattern[at..] {
            [] => break at,
            [b'\\', literal, ..] => {
                // Redis looks at case everywhere but here.
                found |= literal == byte;
                2
            }
            [b']', ..] => break at + 1,
            [low, b'-', high, ..] => {
                found |= in_range(low, high, byte, case);
                3
            }
            [literal, ..] => {
                found |= same(literal, byte, case);
                1
            }
        };
    };
    (found != negated).then_some(end)
}

/// Bytes are C's signed `char` here, so those from 0x80 on come before all others.
fn in_range(low: u8, high: u8, byte: u8, case: Case) -> bool {
    let (low, high) = if low.cast_signed() > high.cast_signed() {
        (high, low)
    } else {
        (low, high)
    };
    let [low, high, byte] = [low, high, byte].map(|byte| fold(byte, case).cast_signed());
    (low..=high).contains(&byte)
}

fn same(left: u8, right: u8, case: Case) -> bool {
    fold(left, case) == fold(right, case)
}

fn fold(byte: u8, case: Case) -> u8 {
    match case {
        Case::Kept => byte,
        Case::Ignored => byte.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(
            matches(pattern.as_bytes(), text.as_bytes()),
            expected,
            "{pattern:?} against {text:?}"
        );
    }

    /// Every line was answered so by `KEYS` of Redis 8.2.3.
    #[test]
    fn patterns_match_as_redis_matches_them() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("**", "", false),
            ("**", "a", true),
            ("a*", "a", true),
            ("a**", "a", true),
            ("a*b*c", "axxbxxc", true),
            ("a*b*c", "axxbxxcd", false),
            ("*ab", "aab", true),
            ("?", "", false),
            ("h?llo", "hello", true),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            ("[^", "x", true),
            ("[", "[", false),
            ("[a", "a", true),
            ("[a-", "-", true),
            ("[a-]", "b", false),
            ("[a-]", "]", true),
            ("[]", "]", false),
            ("[]a]", "a]", false),
            ("[\\]]", "]", true),
            ("[\\", "\\", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("\\", "\\", true),
            ("a\\", "a\\", true),
            ("a\\", "a", false),
        ] {
            check(pattern, text, expected);
        }
    }

    #[test]
    fn high_bytes_come_before_ascii_in_a_range() {
        assert!(matches(b"[\x80-a]", b"A"));
        assert!(matches(b"[\xf0-\xf9]", b"\xf5"));
        assert!(!matches(b"[a-\xff]", b"z"));
    }

    #[test]
    fn case_is_ignored_except_behind_a_backslash_in_a_class() {
        for (pattern, text, expected) in [
            ("GET", "get", true),
            ("[A-G]et", "get", true),
            ("[G]et", "get", true),
            ("[\\G]et", "get", false),
            ("\\Get", "get", true),
        ] {
            let answer = matches_ignoring_case(pattern.as_bytes(), text.as_bytes());
            assert_eq!(answer, expected, "{pattern:?} against {text:?}");
        }
    }

    #[test]
    fn more_than_a_thousand_stars_match_nothing() {
        let text = "a".repeat(1200);
        check(&"a*".repeat(1001), &text, true);
        check(&("a*".repeat(1001) + "a"), &text, false);
        check(&("a*".repeat(1000) + "a"), &text, true);
    }

    #[test]
    fn a_hopeless_pattern_is_given_up_in_reasonable_time() {
        check(&("a*".repeat(900) + "b"), &"a".repeat(100_000), false);
    }
}
