//! One failing transcript, as a person needs it to act: what was sent, what was due, what came, where they part, and how to
//! see it again.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::case::Case;
use crate::cuts::Cut;
use crate::known::{pin_line, pinned_bytes};
use crate::replay::State;
use crate::session::{Ended, WireEvent, WireKind};
use crate::suite::{Failure, Fatality};
use crate::transcript::Identity;
use crate::transcript::escape::escaped;

/// A line of bytes is cut off here.
const WIDE: usize = 96;

/// A difference farther right than this is shown with a few bytes before it only.
const NEAR: usize = 48;

/// So many of the last events on the wire are shown.
const WIRE_SHOWN: usize = 12;

/// Where a person finds the transcript and the server again.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder of transcripts, as it can be opened from here.
    pub folder: PathBuf,
    /// The command that judges the same server in the same way; an id is put behind it.
    pub command: String,
    /// The server's address, when it has one for good.
    pub address: Option<SocketAddr>,
}

impl Default for Place {
    /// Inside the checkout, its own server.
    fn default() -> Place {
        Place {
            folder: PathBuf::from("fixtures"),
            command: "respect run".to_owned(),
            address: None,
        }
    }
}

impl Place {
    /// A transcript's file.
    pub fn file(&self, case: &Case) -> String {
        self.folder.join(&case.path).display().to_string()
    }
}

/// A divergence.
pub fn failure(case: &Case, failure: &Failure, expected_of: &Identity, place: &Place) -> String {
    let mut text = String::new();
    let divergence = &failure.divergence;
    heading(&mut text, "DIVERGES", case, &format!("as {expected_of}"));
    if !divergence.sent.is_empty() {
        let _ = writeln!(
            text,
            "  {}>> {}",
            divergence.connection,
            shortened(&escaped(&divergence.sent))
        );
    }
    let skipped = divergence
        .offset
        .saturating_sub(if divergence.offset > NEAR {
            16
        } else {
            divergence.offset
        });
    let expected = match skipped {
        0 => shortened(&divergence.expected),
        // The beginning is the same; what matters is what was due here.
        _ => format!("… {}", shortened(&divergence.due)),
    };
    let _ = writeln!(
        text,
        "  expected  {expected:<40}  {}",
        builds(&failure.agreeing)
    );
    let (mut shown, caret) = window(&divergence.actual, skipped, divergence.offset);
    if shown.is_empty() {
        shown = match divergence.state {
            State::Ended(ended) => ended.to_string(),
            _ => "nothing".to_owned(),
        };
    }
    let _ = writeln!(text, "  actual    {shown}");
    let byte = format!("byte {}", divergence.offset);
    let stream = match divergence.stream_offset {
        offset if offset == divergence.offset => String::new(),
        offset => format!(" (byte {offset} of the connection)"),
    };
    let _ = writeln!(
        text,
        "            {:caret$}^ {byte}{stream}: {}",
        "", divergence.fault
    );
    if skipped == 0 && divergence.due.starts_with('{') {
        let _ = writeln!(
            text,
            "            {:caret$}  due here: {}",
            "", divergence.due
        );
    }
    let _ = writeln!(text, "  then      {}", state(divergence.state));
    let _ = writeln!(
        text,
        "  cut       {}",
        cut(failure.cut, failure.right_before)
    );
    if !failure.answers_as.is_empty() {
        let _ = writeln!(
            text,
            "  but       every byte is as {} answers",
            builds(&failure.answers_as)
        );
    }
    text.push_str(&wire_log(&failure.wire));
    let _ = writeln!(
        text,
        "  at        {}{}",
        place.file(case),
        line(divergence.line)
    );
    let _ = writeln!(text, "  accept    {}", pin_line(&pinned_bytes(divergence)));
    for command in again(case, &failure.wire, place) {
        let _ = writeln!(text, "  again:    {command}");
    }
    text
}

/// How a connection stands, in words.
pub(super) fn state(state: State) -> String {
    match state {
        State::Ended(Ended::Fin) => "the server has closed the connection (FIN)".to_owned(),
        State::Ended(Ended::Rst) => "the server has reset the connection (RST)".to_owned(),
        State::Open => "the connection is open".to_owned(),
        State::AnsweredAfter(0) => "the connection is open, and in sync".to_owned(),
        State::AnsweredAfter(replies) => {
            format!("the connection is open, and out of sync by {replies} replies")
        }
        State::Deaf => "the connection is open, and a PING on it is not answered".to_owned(),
    }
}

/// The end of a server.
pub fn fatality(case: &Case, fatality: &Fatality, place: &Place) -> String {
    let mut text = String::new();
    heading(&mut text, "DIED", case, "");
    let _ = writeln!(text, "  {}", end(fatality));
    if let Some((connection, sent)) = &fatality.last_sent {
        let _ = writeln!(
            text,
            "  last sent {connection}>> {}",
            shortened(&escaped(sent))
        );
    }
    let _ = writeln!(text, "  cut       {}", fatality.cut);
    text.push_str(&wire_log(&fatality.wire));
    let _ = writeln!(text, "  at        {}", place.file(case));
    for command in again(case, &fatality.wire, place) {
        let _ = writeln!(text, "  again:    {command}");
    }
    text
}

/// How a server ended, or why it counts as dead.
pub(super) fn end(fatality: &Fatality) -> String {
    match &fatality.death {
        Some(death) => format!("the server {death}"),
        None => fatality.trouble.clone(),
    }
}

/// The last things that went over the wire, oldest first.
pub fn wire_log(wire: &[WireEvent]) -> String {
    let mut text = String::new();
    let hidden = wire.len().saturating_sub(WIRE_SHOWN);
    if hidden > 0 {
        let _ = writeln!(text, "  wire      … {hidden} more before");
    }
    for (index, event) in wire[hidden..].iter().enumerate() {
        let label = if index == 0 && hidden == 0 {
            "wire"
        } else {
            ""
        };
        let name = &event.connection;
        let said = match &event.what {
            WireKind::Sent(head, length) => format!("{name} → {}", piece(head, *length)),
            WireKind::Received(head, length) => format!("{name} ← {}", piece(head, *length)),
            WireKind::Ended(ended) => format!("{name} ← {ended}"),
            WireKind::Did(what) => format!("{name} ! {what}"),
        };
        let _ = writeln!(text, "  {label:9} {said}");
    }
    text
}

fn heading(text: &mut String, word: &str, case: &Case, right: &str) {
    let level = case.header.level.spelling();
    let _ = writeln!(text, "{word:9} {:<54} {level:7} {right}", case.id());
    let _ = writeln!(text, "  {}", case.header.title);
    if !case.header.why.is_empty() {
        let _ = writeln!(text, "  why: {}", case.header.why);
    }
}

fn line(line: usize) -> String {
    if line == 0 {
        ", at its end".to_owned()
    } else {
        format!(":{line}")
    }
}

pub(super) fn cut(cut: Cut, right_before: usize) -> String {
    match (cut, right_before) {
        (Cut::Whole, 0) => "none: it differs as written".to_owned(),
        (Cut::Whole, times) => {
            format!("none: it was right {times} times before, played in the same way")
        }
        (cut, 1) => format!("{cut}; as written it was right"),
        (cut, times) => format!(
            "{cut}; as written, and in {} other ways, it was right",
            times - 1
        ),
    }
}

/// Builds of one product under one name: `redis 7.0.15, 8.2.3, valkey 9.1.2`.
fn builds(identities: &[Identity]) -> String {
    let mut text = String::new();
    let mut product = "";
    for identity in identities {
        let comma = if text.is_empty() { "" } else { ", " };
        if identity.product == product {
            let _ = write!(text, "{comma}{}", identity.version);
        } else {
            let _ = write!(text, "{comma}{} {}", identity.product, identity.version);
        }
        product = &identity.product;
    }
    text
}

/// The bytes from `skipped` on, escaped and cut off, and the column of the byte at `offset` in them.
fn window(bytes: &[u8], skipped: usize, offset: usize) -> (String, usize) {
    let lead = if skipped > 0 { "… " } else { "" };
    let skipped = skipped.min(bytes.len());
    let offset = offset.clamp(skipped, bytes.len());
    let before = escaped(&bytes[skipped..offset]);
    let column = lead.chars().count() + before.chars().count();
    (
        format!("{lead}{}", shortened(&escaped(&bytes[skipped..]))),
        column,
    )
}

fn piece(head: &[u8], length: usize) -> String {
    let text = shortened(&escaped(head));
    if length > head.len() {
        format!("{text} ({length} bytes)")
    } else {
        text
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(WIDE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// How to see it again: with nothing but a shell, where one connection said it all, and with the judge.
pub(super) fn again(case: &Case, wire: &[WireEvent], place: &Place) -> Vec<String> {
    let mut names: Vec<&str> = wire.iter().map(|event| event.connection.as_str()).collect();
    names.dedup();
    let mut sent = Vec::new();
    let mut plain = names.len() <= 1;
    for event in wire {
        match &event.what {
            WireKind::Sent(head, length) => {
                plain &= head.len() == *length;
                sent.extend_from_slice(head);
            }
            WireKind::Did(_) => plain = false,
            WireKind::Received(..) | WireKind::Ended(_) => {}
        }
    }
    let mut commands = Vec::new();
    if plain && !sent.is_empty() && sent.len() <= 512 && case.header.config.is_empty() {
        let (host, port) = place.address.map_or_else(
            || ("127.0.0.1".to_owned(), 6380),
            |address| (address.ip().to_string(), address.port()),
        );
        commands.push(format!(
            "printf '{}' | nc -q1 {host} {port}",
            shell_printf(&sent)
        ));
    }
    commands.push(format!("{} '{}'", place.command, case.id()));
    commands
}

/// Bytes as the format of the shell's printf, inside single quotes.
fn shell_printf(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\\' => text.push_str("\\\\"),
            b'%' => text.push_str("%%"),
            b'\'' => text.push_str("'\\''"),
            b' '..=b'~' => text.push(char::from(byte)),
            // Octal is what every shell knows.
            _ => {
                let _ = write!(text, "\\{byte:03o}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_first_differing_byte() {
        assert_eq!(window(b"+OK\r\n", 0, 1), ("+OK\\r\\n".to_owned(), 1));
        assert_eq!(
            window(b"\r\n+OK", 0, 2),
            ("\\r\\n+OK".to_owned(), 4),
            "escapes are wider than their byte"
        );
        assert_eq!(window(b"0123456789", 6, 8), ("… 6789".to_owned(), 4));
        assert_eq!(
            window(b"+OK", 0, 3),
            ("+OK".to_owned(), 3),
            "a caret behind the end is what is missing"
        );
    }

    #[test]
    fn a_shell_prints_the_very_bytes() {
        assert_eq!(
            shell_printf(b"SET k '%'\\\r\n\0\xff"),
            "SET k '\\''%%'\\''\\\\\\r\\n\\000\\377"
        );
    }

    #[test]
    fn builds_of_one_product_share_its_name() {
        let builds_named = |names: &[&str]| {
            builds(
                &names
                    .iter()
                    .map(|name| name.parse().unwrap())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(
            builds_named(&["redis-7.0.15", "redis-8.2.3", "valkey-9.1.2"]),
            "redis 7.0.15, 8.2.3, valkey 9.1.2"
        );
    }
}
