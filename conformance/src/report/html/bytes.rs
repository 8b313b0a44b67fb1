//! Bytes on the page: escaped as in a transcript, a new line behind every CRLF, and the first differing one marked.

use maud::{Markup, html};

use crate::report::model::{Bytes, Difference, Event, EventKind};
use crate::transcript::escape::escape_into;

/// The bytes that are kept, with a mark on the one at `mark`; a mark behind the last stands for what is missing there.
pub(super) fn bytes(bytes: &Bytes, mark: Option<usize>) -> Markup {
    let kept = bytes.kept();
    let hidden = bytes.length - kept.len().min(bytes.length);
    let mark = mark.filter(|&at| at <= kept.len());
    let (before, rest) = kept.split_at(mark.unwrap_or(kept.len()));
    html! {
        pre {
            (lines(before))
            @if mark.is_some() {
                @if let Some((marked, behind)) = rest.split_first() {
                    mark title="the first differing byte" { (escaped(&[*marked])) }
                    // The byte may be the CR of a CRLF: the LF behind it still ends the line.
                    (lines(behind))
                } @else {
                    mark title="nothing more came" { "⟨end⟩" }
                }
            }
            @if hidden > 0 { i { "… " (hidden) " more bytes" } }
        }
    }
}

/// What was due, in bytes as far as they are known, or as the transcript writes it.
pub(super) fn due(difference: &Difference) -> Markup {
    let known = difference.expected_bytes.length;
    // A hole, an any-order block or an end has no bytes to point at.
    if known > difference.offset {
        bytes(&difference.expected_bytes, Some(difference.offset))
    } else {
        html! { pre { (difference.expected) } }
    }
}

/// What went over the wire, with the first differing byte marked where it came.
pub(super) fn dialogue(events: &[Event], differs: Option<(&str, usize)>) -> Markup {
    let mut received = 0;
    html! {
        table.wire {
            @for event in events {
                @let of_interest = differs.filter(|(connection, _)| *connection == event.connection);
                tr {
                    td { (event.connection) (arrow(&event.what)) }
                    td {
                        @match &event.what {
                            EventKind::Sent(sent) => { (bytes(sent, None)) }
                            EventKind::Received(came) => {
                                @let mark = of_interest.and_then(|(_, at)| within(at, &mut received, came.length));
                                (bytes(came, mark))
                            }
                            EventKind::Ended(how) => { "the server's side ended: " (how) }
                            EventKind::Did(what) => { (what) @if of_interest.is_some() { (forget(what, &mut received)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Where the byte at `at` of a connection is in an event that brings `length` more.
fn within(at: usize, received: &mut usize, length: usize) -> Option<usize> {
    let start = *received;
    *received += length;
    (start..start + length).contains(&at).then(|| at - start)
}

/// A connection that is opened anew counts its bytes anew.
fn forget(what: &str, received: &mut usize) -> Markup {
    if matches!(what, "close" | "rst") {
        *received = 0;
    }
    html! {}
}

fn arrow(what: &EventKind) -> &'static str {
    match what {
        EventKind::Sent(_) => " →",
        EventKind::Received(_) | EventKind::Ended(_) => " ←",
        EventKind::Did(_) => " !",
    }
}

fn lines(bytes: &[u8]) -> Markup {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
        pieces.push((escaped(&rest[..at]), true));
        rest = &rest[at + 2..];
    }
    pieces.push((escaped(rest), false));
    html! {
        @for (text, ends) in pieces {
            (text)
            @if ends { i { "\\r\\n" } "\n" }
        }
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    escape_into(bytes, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &[u8], mark: Option<usize>) -> String {
        bytes(&Bytes::from(text), mark).into_string()
    }

    #[test]
    fn the_differing_byte_is_marked_and_what_is_missing_has_a_mark_too() {
        assert_eq!(
            shown(b"+OK\r\n:1\r\n", Some(1)),
            "<pre>+<mark title=\"the first differing byte\">O</mark>K<i>\\r\\n</i>\n:1<i>\\r\\n</i>\n</pre>"
        );
        assert!(shown(b"+OK", Some(3)).contains("⟨end⟩"));
        assert!(!shown(b"+OK", Some(9)).contains("<mark"));
        assert!(shown(b"<b>", None).contains("&lt;b&gt;"));
    }

    #[test]
    fn the_mark_is_found_in_the_right_answer_of_the_right_connection() {
        let came = |connection: &str, text: &[u8]| Event {
            connection: connection.to_owned(),
            what: EventKind::Received(Bytes::from(text)),
        };
        let events = [
            came("a", b"+OK\r\n"),
            came("b", b"+xx\r\n"),
            came("a", b":12\r\n"),
        ];
        let page = dialogue(&events, Some(("a", 6))).into_string();
        assert!(
            page.contains(":<mark title=\"the first differing byte\">1</mark>2"),
            "{page}"
        );
        assert_eq!(page.matches("<mark").count(), 1);
    }
}
