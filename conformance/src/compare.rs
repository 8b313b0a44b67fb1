//! What is wrong with an answer: names the fault in words of the protocol, from the bytes that were due and those that
//! came. Reads no socket and decides nothing about whether a fault is forgiven.

use std::fmt;

use crate::wire::{Element, Kind, Reader, Reply};

/// A kind of wrong answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fault {
    /// `$-1`, `*-1` and `_` mistaken for one another.
    MergedNulls(Kind, Kind),
    /// Something of another kind: due, came.
    WrongKind(Kind, Kind),
    /// A line or blob without its last CRLF, or with half of it.
    MissingCrlf,
    /// Bytes that no protocol version allows at this place.
    Malformed,
    /// An error of another text.
    ErrorText,
    /// An integer of the other sign.
    WrongSign,
    /// Another number.
    WrongNumber,
    /// The same kind of number in another notation, or of another value, where a fraction or exponent is involved.
    FloatText,
    /// The right bytes, but not all of them, in a reply that claims to be whole.
    Truncated,
    /// An aggregate with another count.
    WrongCount,
    /// Other content.
    WrongText,
    /// Replies in another order.
    Swapped,
    /// A push before or after where it is due.
    PushMisplaced,
    /// A reply that came twice.
    Duplicated,
    /// A reply that never came, while those behind it did.
    Dropped,
    /// Bytes that nobody asked for.
    ExtraBytes,
    /// Nothing more came, and the connection is open.
    Stuck,
    /// The server closed while bytes were due.
    ClosedEarly,
    /// The server closed at a moment when nothing says that it does.
    ClosedUnasked,
    /// The server did not close.
    NotClosed,
    /// Closed with RST where FIN is due.
    RstForFin,
    /// Closed with FIN where RST is due.
    FinForRst,
    /// Bytes, or a close, where silence is due.
    NotQuiet,
}

impl Fault {
    /// Its class in one word, for programs: the variant's name in small letters with dashes.
    pub fn class(&self) -> &'static str {
        match self {
            Fault::MergedNulls(..) => "merged-nulls",
            Fault::WrongKind(..) => "wrong-kind",
            Fault::MissingCrlf => "missing-crlf",
            Fault::Malformed => "malformed",
            Fault::ErrorText => "error-text",
            Fault::WrongSign => "wrong-sign",
            Fault::WrongNumber => "wrong-number",
            Fault::FloatText => "float-text",
            Fault::Truncated => "truncated",
            Fault::WrongCount => "wrong-count",
            Fault::WrongText => "wrong-text",
            Fault::Swapped => "swapped",
            Fault::PushMisplaced => "push-misplaced",
            Fault::Duplicated => "duplicated",
            Fault::Dropped => "dropped",
            Fault::ExtraBytes => "extra-bytes",
            Fault::Stuck => "stuck",
            Fault::ClosedEarly => "closed-early",
            Fault::ClosedUnasked => "closed-unasked",
            Fault::NotClosed => "not-closed",
            Fault::RstForFin => "rst-for-fin",
            Fault::FinForRst => "fin-for-rst",
            Fault::NotQuiet => "not-quiet",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::MergedNulls(due, came) | Fault::WrongKind(due, came) => {
                return write!(f, "{} where {} is due", came.name(), due.name());
            }
            Fault::MissingCrlf => "a CRLF is missing",
            Fault::Malformed => "not RESP: these bytes cannot stand here",
            Fault::ErrorText => "an error of another text",
            Fault::WrongSign => "the number's sign is wrong",
            Fault::WrongNumber => "another number",
            Fault::FloatText => "the number is written differently",
            Fault::Truncated => "the reply claims to be whole, but its end is missing",
            Fault::WrongCount => "another number of elements",
            Fault::WrongText => "other bytes",
            Fault::Swapped => "the replies came in another order",
            Fault::PushMisplaced => "the push is not where it is due",
            Fault::Duplicated => "the reply came twice",
            Fault::Dropped => "this reply is missing; those behind it came",
            Fault::ExtraBytes => "bytes that nobody asked for",
            Fault::Stuck => "nothing more came in time, and the connection is open",
            Fault::ClosedEarly => "the server closed while bytes were due",
            Fault::ClosedUnasked => "the server closed, and nothing says that it does",
            Fault::NotClosed => "the server did not close",
            Fault::RstForFin => "closed with RST where FIN is due",
            Fault::FinForRst => "closed with FIN where RST is due",
            Fault::NotQuiet => "something came where silence is due",
        })
    }
}

/// So many bytes in a row are no accident.
const ENOUGH: usize = 5;

/// What is wrong where `actual` differs from `expected` at `offset`. Both begin with the first byte that an expectation
/// concerns and are as long as is known; `offset` is less than the length of `expected`. `before` is what came earlier:
/// an expectation may begin in the middle of a reply.
pub fn diagnose(before: &[u8], expected: &[u8], actual: &[u8], offset: usize) -> Fault {
    let mut reader = Reader::new();
    reader.feed(before);
    while let Ok(Some(_)) = reader.next_reply() {}
    let begun = reader.pending();
    let before = &before[..before.len() - begun.len()];
    let (expected, actual) = ([begun, expected].concat(), [begun, actual].concat());
    diagnose_replies(before, &expected, &actual, begun.len() + offset)
}

/// As [`diagnose`], where all begin with a reply.
fn diagnose_replies(before: &[u8], expected: &[u8], actual: &[u8], offset: usize) -> Fault {
    if let Some(fault) = diagnose_bytes(expected, actual, offset) {
        return fault;
    }
    let due = replies(expected);
    let came = replies(actual);
    let index = due
        .iter()
        .take_while(|reply| reply.offset() as usize + reply.bytes().len() <= offset)
        .count();
    if let Some(fault) = diagnose_order(&due, &came, index) {
        return fault;
    }
    if index == 0 && is_repeated(before, expected, &came) {
        return Fault::Duplicated;
    }
    match (due.get(index), came.get(index)) {
        (Some(due), Some(came)) => diagnose_element(due.root(), came.root()),
        _ => diagnose_line(expected, actual, offset),
    }
}

/// Of a reply that is not complete, or not completely known, the line that differs tells most of it.
fn diagnose_line(expected: &[u8], actual: &[u8], offset: usize) -> Fault {
    let line = expected[..offset]
        .windows(2)
        .rposition(|pair| pair == b"\r\n")
        .map_or(0, |crlf| crlf + 2);
    let came = first_kind(actual.get(line..).unwrap_or_default());
    match (first_kind(&expected[line..]), came) {
        (Some(due), Some(came)) if due != came => wrong_kind(due, came),
        (Some(kind), Some(_)) if kind.is_aggregate() => Fault::WrongCount,
        (Some(Kind::Integer), Some(_)) => Fault::WrongNumber,
        (Some(Kind::Error), Some(_)) => Fault::ErrorText,
        (Some(Kind::Double), Some(_)) => Fault::FloatText,
        (Some(_), None) => Fault::Malformed,
        // The content of a bulk string, or its length.
        (Some(_), Some(_)) | (None, _) => Fault::WrongText,
    }
}

/// What is wrong with bytes that came after everything that was due.
pub fn diagnose_trailing(before: &[u8], trailing: &[u8]) -> Fault {
    let last = replies(before).pop();
    match last {
        Some(last) if trailing.starts_with(last.bytes()) => Fault::Duplicated,
        _ => Fault::ExtraBytes,
    }
}

/// Whether the last reply came once more, and then what is due.
fn is_repeated(before: &[u8], expected: &[u8], came: &[Reply]) -> bool {
    let [again, next, ..] = came else {
        return false;
    };
    before.ends_with(again.bytes()) && expected.starts_with(next.bytes())
}

/// Faults that show before anything is parsed: the same bytes, but for a few left out or put in.
fn diagnose_bytes(expected: &[u8], actual: &[u8], offset: usize) -> Option<Fault> {
    let (due, came) = (&expected[offset..], &actual[offset.min(actual.len())..]);
    for length in [2, 1] {
        // The CRLF, or one half of it, is due at the first difference; what is due behind it came at once.
        let Some((missing, rest)) = due.split_at_checked(length) else {
            continue;
        };
        let rest = &rest[..rest.len().min(ENOUGH)];
        if matches!(missing, b"\r\n" | b"\r" | b"\n") && !rest.is_empty() && came.starts_with(rest)
        {
            return Some(Fault::MissingCrlf);
        }
    }
    let whole = replies(actual);
    let parsed: usize = whole.iter().map(|reply| reply.bytes().len()).sum();
    // Something between replies that is no reply, after which the stream goes on as it should.
    let extra = came
        .len()
        .checked_sub(due.len())
        .filter(|&extra| extra > 0 && extra <= 16)?;
    (parsed < actual.len() && &came[extra..] == due).then_some(Fault::ExtraBytes)
}

/// Faults of whole replies: swapped, doubled, left out, or a push on the wrong side.
fn diagnose_order(due: &[Reply], came: &[Reply], index: usize) -> Option<Fault> {
    let bytes =
        |replies: &[Reply], index: usize| replies.get(index).map(|reply| reply.bytes().to_vec());
    let (this_due, this_came) = (bytes(due, index)?, bytes(came, index)?);
    let pushes = due[index].is_push() != came[index].is_push();
    let elsewhere = came[index..].iter().any(|reply| reply.bytes() == this_due);
    if pushes && elsewhere {
        return Some(Fault::PushMisplaced);
    }
    if bytes(due, index + 1).is_some_and(|next| next == this_came) {
        return Some(if elsewhere {
            Fault::Swapped
        } else {
            Fault::Dropped
        });
    }
    if index > 0 && came.len() > due.len() && due[index - 1].bytes() == this_came && elsewhere {
        return Some(Fault::Duplicated);
    }
    let came_later = due[index..].iter().any(|reply| reply.bytes() == this_came);
    (elsewhere && came_later).then_some(Fault::Swapped)
}

fn diagnose_element(due: Element<'_>, came: Element<'_>) -> Fault {
    if due.kind() != came.kind() {
        return wrong_kind(due.kind(), came.kind());
    }
    let (due_body, came_body) = (due.body(), came.body());
    match due.kind() {
        Kind::Error | Kind::BulkError => Fault::ErrorText,
        Kind::Integer | Kind::BigNumber => {
            let unsigned = |body: &[u8]| body.strip_prefix(b"-").unwrap_or(body).to_vec();
            if unsigned(due_body) == unsigned(came_body) {
                Fault::WrongSign
            } else {
                Fault::WrongNumber
            }
        }
        Kind::Double => Fault::FloatText,
        kind if kind.is_aggregate() => {
            let (due, came): (Vec<_>, Vec<_>) =
                (due.children().collect(), came.children().collect());
            let differing = due
                .iter()
                .zip(&came)
                .find(|(due, came)| due.bytes() != came.bytes());
            match differing {
                _ if due.len() != came.len() => Fault::WrongCount,
                Some((due, came)) => diagnose_element(*due, *came),
                None => Fault::WrongText,
            }
        }
        _ if is_float(due_body) && is_float(came_body) => Fault::FloatText,
        _ if due_body.len() > came_body.len() && due_body.starts_with(came_body) => {
            Fault::Truncated
        }
        _ => Fault::WrongText,
    }
}

fn wrong_kind(due: Kind, came: Kind) -> Fault {
    let null = |kind| matches!(kind, Kind::Null | Kind::NullBulk | Kind::NullArray);
    if null(due) && null(came) {
        Fault::MergedNulls(due, came)
    } else {
        Fault::WrongKind(due, came)
    }
}

/// A number with a fraction or an exponent, or one that had one before it was shortened.
fn is_float(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| !text.is_empty() && text.parse::<f64>().is_ok())
}

/// The replies that can be read from the start of the bytes.
fn replies(bytes: &[u8]) -> Vec<Reply> {
    let mut reader = Reader::new();
    reader.feed(bytes);
    std::iter::from_fn(|| reader.next_reply().ok().flatten()).collect()
}

/// What the first bytes of a reply announce.
fn first_kind(bytes: &[u8]) -> Option<Kind> {
    let kinds = [
        Kind::SimpleString,
        Kind::Error,
        Kind::Integer,
        Kind::Null,
        Kind::Boolean,
        Kind::Double,
        Kind::BigNumber,
        Kind::BulkError,
        Kind::Verbatim,
        Kind::Map,
        Kind::Set,
        Kind::Push,
        Kind::Attribute,
    ];
    match bytes {
        [b'$', b'-', ..] => Some(Kind::NullBulk),
        [b'*', b'-', ..] => Some(Kind::NullArray),
        [b'$', ..] => Some(Kind::Bulk),
        [b'*', ..] => Some(Kind::Array),
        [first, ..] => kinds.into_iter().find(|kind| kind.prefix() == *first),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: &str, actual: &str, fault: Fault) {
        let (expected, actual) = (expected.as_bytes(), actual.as_bytes());
        let offset = expected
            .iter()
            .zip(actual)
            .take_while(|(due, came)| due == came)
            .count();
        assert_eq!(diagnose(b"+BEFORE\r\n", expected, actual, offset), fault);
    }

    #[test]
    fn faults_of_one_reply_are_told_apart() {
        check(
            "$-1\r\n",
            "*-1\r\n",
            Fault::MergedNulls(Kind::NullBulk, Kind::NullArray),
        );
        check(
            "_\r\n",
            "$-1\r\n",
            Fault::MergedNulls(Kind::Null, Kind::NullBulk),
        );
        check(
            "+OK\r\n",
            "$2\r\nOK\r\n",
            Fault::WrongKind(Kind::SimpleString, Kind::Bulk),
        );
        check(
            "$5\r\nhello\r\n",
            "-ERR no\r\n",
            Fault::WrongKind(Kind::Bulk, Kind::Error),
        );
        check(
            "*2\r\n:1\r\n:2\r\n",
            "%1\r\n:1\r\n:2\r\n",
            Fault::WrongKind(Kind::Array, Kind::Map),
        );
        check(
            "-ERR syntax error\r\n",
            "-ERR Syntax error\r\n",
            Fault::ErrorText,
        );
        check(":1\r\n", ":-1\r\n", Fault::WrongSign);
        check(":1\r\n", ":2\r\n", Fault::WrongNumber);
        check(
            "$3\r\n0.1\r\n",
            "$19\r\n0.10000000000000001\r\n",
            Fault::FloatText,
        );
        check(",0.1\r\n", ",1e-1\r\n", Fault::FloatText);
        check("$5\r\nhello\r\n", "$4\r\nhell\r\n", Fault::Truncated);
        check("$5\r\nhello\r\n", "$5\r\nhallo\r\n", Fault::WrongText);
        check("*2\r\n:1\r\n:2\r\n", "*1\r\n:1\r\n", Fault::WrongCount);
        check(
            "*2\r\n$-1\r\n:2\r\n",
            "*2\r\n*-1\r\n:2\r\n",
            Fault::MergedNulls(Kind::NullBulk, Kind::NullArray),
        );
    }

    #[test]
    fn faults_of_the_stream_are_told_apart() {
        check("+OK\r\n:1\r\n", "+OK:1\r\n", Fault::MissingCrlf);
        check("$3\r\nabc\r\n:1\r\n", "$3\r\nabc:1\r\n", Fault::MissingCrlf);
        check("+OK\r\n:1\r\n", "+OK\n:1\r\n", Fault::MissingCrlf);
        check("+OK\r\n:1\r\n", "+OK\r\n!:1\r\n", Fault::ExtraBytes);
        check(":1\r\n:2\r\n", ":2\r\n:1\r\n", Fault::Swapped);
        check(":1\r\n:2\r\n:3\r\n", ":1\r\n:3\r\n", Fault::Dropped);
        check(":1\r\n:2\r\n", ":1\r\n:1\r\n:2\r\n", Fault::Duplicated);
        check(
            ">1\r\n:9\r\n:1\r\n",
            ":1\r\n>1\r\n:9\r\n",
            Fault::PushMisplaced,
        );
        check(":1\r\n:2\r\n", "+BEFORE\r\n:1\r\n:2\r\n", Fault::Duplicated);
        check("+OK\r\n", "@OK\r\n", Fault::Malformed);
    }

    #[test]
    fn an_expectation_may_begin_inside_a_reply() {
        let before = b"+OK\r\n*2\r\n$1\r\nk\r\n";
        let nulls = Fault::MergedNulls(Kind::NullBulk, Kind::NullArray);
        assert_eq!(diagnose(before, b"$-1\r\n", b"*-1\r\n", 0), nulls);
        assert_eq!(
            diagnose(before, b"*1\r\n*8\r\n", b"*0\r\n", 1),
            Fault::WrongCount
        );
        let text = b"=7\r\ntxt:a:1\r\n";
        assert_eq!(
            diagnose(&text[..8], b"a:1\r\n", b"a:2\r\n", 2),
            Fault::WrongText
        );
    }

    #[test]
    fn what_comes_after_the_end_is_extra_or_a_repetition() {
        assert_eq!(
            diagnose_trailing(b"+OK\r\n:1\r\n", b":1\r\n"),
            Fault::Duplicated
        );
        assert_eq!(
            diagnose_trailing(b"+OK\r\n:1\r\n", b"\n"),
            Fault::ExtraBytes
        );
    }
}
