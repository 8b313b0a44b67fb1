//! What a transcript exercises, from the answers that are recorded in it: no server is asked.

use std::collections::{BTreeMap, BTreeSet};

use super::Coverage;
use super::conversation::{Conversation, Exercise};
use super::table::Table;
use crate::case::Case;
use crate::request::reader::RequestReader;
use crate::transcript::script::expand_write;
use crate::transcript::{
    Capture, Captures, HoleKind, Identity, Move, Pattern, PatternPart, SocketAction,
};

/// Counts what a case exercises of a build that answers as recorded. A case that is not for that build counts for nothing.
pub fn add(coverage: &mut Coverage, case: &Case, identity: &Identity) {
    if !case.applies_to(identity) {
        return;
    }
    let mut listener = |exercise: Exercise| coverage.add(&exercise);
    let mut captures = Captures::new();
    let mut conversations: BTreeMap<String, Conversation> = BTreeMap::new();
    for step in case.transcript.script(identity).moves {
        match step {
            Move::Write { connection, sends } => {
                // A name that nothing has captured is a mistake that the linter tells of.
                let bytes = expand_write(&sends, &captures).unwrap_or_default().concat();
                conversations.entry(connection).or_default().sent(&bytes);
            }
            Move::Read { connection, lines } => {
                let mut bytes = Vec::new();
                for line in &lines {
                    fill(&line.pattern, &mut captures, &mut bytes);
                }
                let conversation = conversations.entry(connection).or_default();
                conversation.received(&bytes, &mut listener);
            }
            Move::Socket {
                connection,
                action: SocketAction::Open { .. } | SocketAction::Rst | SocketAction::Close,
                ..
            } => {
                conversations.remove(&connection);
            }
            Move::Socket { .. }
            | Move::Observe { .. }
            | Move::Barrier { .. }
            | Move::Sleep { .. } => {}
        }
    }
}

/// The commands of the table that a case sends, in capitals and without their subcommands.
pub fn commands_of(case: &Case, identity: &Identity, table: &Table) -> BTreeSet<String> {
    let mut readers: BTreeMap<String, RequestReader> = BTreeMap::new();
    let mut names = BTreeSet::new();
    let mut captures = Captures::new();
    for step in case.transcript.script(identity).moves {
        match step {
            Move::Write { connection, sends } => {
                let reader = readers.entry(connection).or_default();
                let bytes = expand_write(&sends, &captures).unwrap_or_default().concat();
                reader.feed(&bytes);
                while let Ok(Some(request)) = reader.next_request() {
                    if let Some(found) = table.find(&request.arguments) {
                        let name = &table.commands()[found].name;
                        names.insert(name.split('|').next().unwrap_or_default().to_owned());
                    }
                }
            }
            Move::Read { lines, .. } => {
                for line in &lines {
                    fill(&line.pattern, &mut captures, &mut Vec::new());
                }
            }
            _ => {}
        }
    }
    names
}

/// Adds bytes that a pattern accepts, as far as replies can be told apart by them.
fn fill(pattern: &Pattern, captures: &mut Captures, bytes: &mut Vec<u8>) {
    for (index, part) in pattern.parts.iter().enumerate() {
        match part {
            PatternPart::Literal(literal) => bytes.extend_from_slice(literal),
            PatternPart::Repeat { unit, count } => bytes.extend_from_slice(&unit.repeat(*count)),
            PatternPart::Reuse(name) => {
                if let Some(capture) = captures.get(name) {
                    bytes.extend_from_slice(&capture.bytes);
                }
            }
            PatternPart::Hole { name, kind } => {
                let content = filling(*kind, bytes, &pattern.parts[index + 1..]);
                bytes.extend_from_slice(&content);
                let capture = Capture {
                    kind: *kind,
                    bytes: content,
                };
                captures.insert(name, capture);
            }
            PatternPart::AnyOrder(items) => {
                for item in items {
                    fill(item, captures, bytes);
                }
            }
        }
    }
}

/// What a hole may hold, behind these bytes and in front of these parts. Inside a bulk string it is as long as its length says.
fn filling(kind: HoleKind, before: &[u8], behind: &[PatternPart]) -> Vec<u8> {
    match kind {
        HoleKind::Bulk => return b"$0\r\n\r\n".to_vec(),
        HoleKind::Reply => return b"+\r\n".to_vec(),
        _ => {}
    }
    let Some((length, content)) = bulk_under_way(before) else {
        return b"0".to_vec();
    };
    let rest = match behind.first() {
        Some(PatternPart::Literal(literal)) => literal
            .windows(2)
            .position(|pair| pair == b"\r\n")
            .unwrap_or(literal.len()),
        _ => 0,
    };
    vec![b'0'; length.saturating_sub(content + rest)]
}

/// The length of the bulk string that these bytes end in, and how much of its content is there.
fn bulk_under_way(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut ends = bytes.windows(2).enumerate().rev();
    // The content may hold line ends of its own: the first header that reaches this far counts.
    ends.by_ref()
        .filter(|(_, pair)| *pair == b"\r\n")
        .take(64)
        .find_map(|(end, _)| {
            let line = bytes[..end].iter().rposition(|&byte| byte == b'\n');
            let line = &bytes[line.map_or(0, |at| at + 1)..end];
            let [b'$' | b'=', digits @ ..] = line else {
                return None;
            };
            let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
            let content = bytes.len() - end - 2;
            (content <= length).then_some((length, content))
        })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Way;
    use super::*;

    fn case(lines: &str) -> Case {
        let text = format!("@id s/a\n@title t\n\n{lines}");
        Case::parse(Path::new("s/a.resp"), &text).unwrap()
    }

    fn build() -> Identity {
        "redis-8.2.3".parse().unwrap()
    }

    #[test]
    fn recorded_answers_are_enough() {
        let case = case(
            "a: HELLO 3\na<< %1\\r\\n$2\\r\\nid\\r\\n:{id:int}\\r\\n\na: CLIENT ID\na< :{id}\n\
             a: GET k\na< $12\\r\\nab{v:any}yz\na: INFO\na<< {info:bulk}\n\
             b> LPUSH k\nb< -ERR wrong number of arguments for 'lpush' command\n",
        );
        let mut coverage = Coverage::new(Table::recorded());
        add(&mut coverage, &case, &build());
        let count = |name: &str, way: Way| {
            let commands = coverage.table().commands();
            let index = commands.iter().position(|it| it.name == name).unwrap();
            coverage.count(index, way).unwrap()
        };
        assert_eq!(count("HELLO", Way::Ok), [0, 1]);
        assert_eq!(count("CLIENT|ID", Way::Ok), [0, 1]);
        assert_eq!(count("GET", Way::Ok), [0, 1]);
        assert_eq!(count("INFO", Way::Ok), [0, 1]);
        assert_eq!(count("LPUSH", Way::Arity), [1, 0]);
        let commands = commands_of(&case, &build(), &Table::recorded());
        assert_eq!(
            commands.into_iter().collect::<Vec<_>>(),
            ["CLIENT", "GET", "HELLO", "INFO", "LPUSH"]
        );
    }

    #[test]
    fn a_hole_is_as_long_as_its_bulk_string_says() {
        assert_eq!(bulk_under_way(b"*2\r\n$5\r\na"), Some((5, 1)));
        assert_eq!(bulk_under_way(b"$9\r\na\r\nb"), Some((9, 4)));
        assert_eq!(bulk_under_way(b"$1\r\na\r\n:"), None);
    }
}
