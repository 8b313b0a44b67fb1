//! What MONITOR printed, as the steps of a transcript: which client said what, in which order. Asks no server and reads no
//! file; a recorder finds out what is answered.
//!
//! The form is that of [MONITOR](https://redis.io/docs/latest/commands/monitor/): `1339518083.107412 [0 127.0.0.1:60866]
//! "keys" "*"`, with or without the `+` in front.

use std::collections::BTreeMap;

use crate::request::split_line;
use crate::transcript::{Action, Content, Ending, Line, Pattern, PatternPart, SendPart, Step};

/// What was understood of MONITOR's lines.
#[derive(Debug, Default)]
pub struct Imported {
    /// One command after the other, with a SELECT wherever a client has moved to another database.
    pub lines: Vec<Line>,
    /// Commands that clients sent.
    pub commands: usize,
    /// Clients that sent them.
    pub clients: usize,
    /// Lines that are none of a client's commands, by number from 1, and why.
    pub passed_over: Vec<(usize, &'static str)>,
}

/// Reads MONITOR's lines. Those that are not understood, and what scripts called, are passed over and named.
pub fn import(text: &[u8]) -> Imported {
    let mut imported = Imported::default();
    // Which connection an address is, and in which database it was last.
    let mut clients: BTreeMap<Vec<u8>, (String, Vec<u8>)> = BTreeMap::new();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = line.strip_prefix(b"+").unwrap_or(line);
        if line.is_empty() || line == b"OK" {
            continue;
        }
        let Said {
            client,
            database,
            arguments,
        } = match read(line) {
            Ok(said) => said,
            Err(why) => {
                imported.passed_over.push((index + 1, why));
                continue;
            }
        };
        let next = clients.len();
        let (connection, selected) = clients
            .entry(client.to_vec())
            .or_insert_with(|| (name(next), b"0".to_vec()));
        // MONITOR names the database in which a command runs: SELECT's own line still has the old one.
        if selected != database {
            let select = [b"SELECT".to_vec(), database.to_vec()];
            imported.lines.push(step(connection, &select));
            *selected = database.to_vec();
        }
        if let [command, database] = &arguments[..]
            && command.eq_ignore_ascii_case(b"SELECT")
            && database.iter().all(u8::is_ascii_digit)
        {
            *selected = database.clone();
        }
        imported.lines.push(step(connection, &arguments));
        imported.commands += 1;
    }
    imported.clients = clients.len();
    imported
}

/// The same with an answer due behind every command. A recorder puts the right one in its place; without one due, it would
/// take all commands of a client in a row for one write.
pub fn with_answers_due(lines: &[Line]) -> Vec<Line> {
    let mut due = Vec::with_capacity(2 * lines.len());
    for line in lines {
        due.push(line.clone());
        if let Content::Step(Step {
            action: Action::Command { connection, .. },
            ..
        }) = &line.content
        {
            due.push(Line {
                number: 0,
                content: Content::Step(Step {
                    guard: None,
                    action: Action::Expect {
                        connection: connection.clone(),
                        pattern: Pattern {
                            parts: vec![PatternPart::Literal(b"+OK".to_vec())],
                        },
                        ending: Ending::Crlf,
                    },
                }),
            });
        }
    }
    due
}

/// What one line says.
struct Said<'l> {
    client: &'l [u8],
    database: &'l [u8],
    arguments: Vec<Vec<u8>>,
}

/// Takes a line apart: the client, its database, and what it said.
fn read(line: &[u8]) -> Result<Said<'_>, &'static str> {
    const NOT: &str = "it is no line of MONITOR";
    let open = find(line, b" [").ok_or(NOT)?;
    let is_time = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    if open == 0 || !line[..open].iter().all(is_time) {
        return Err(NOT);
    }
    let rest = &line[open + 2..];
    let close = find(rest, b"] ").ok_or(NOT)?;
    let blank = rest[..close]
        .iter()
        .position(|&byte| byte == b' ')
        .ok_or(NOT)?;
    let (database, client) = (&rest[..blank], &rest[blank + 1..close]);
    if client == b"lua" || client == b"script" {
        return Err("a script called it");
    }
    let arguments = split_line(&rest[close + 2..]).map_err(|_| "its quotes do not match")?;
    if arguments.is_empty() {
        return Err("it has no command");
    }
    if arguments.iter().any(|word| word == b"(redacted)") {
        return Err("it does not say everything that was sent");
    }
    Ok(Said {
        client,
        database,
        arguments,
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// `a` to `z`, then `a1` and so on.
fn name(index: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(index % 26).unwrap_or_default());
    match index / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{round}"),
    }
}

fn step(connection: &str, arguments: &[Vec<u8>]) -> Line {
    let words = arguments
        .iter()
        .map(|word| vec![SendPart::Literal(word.clone())]);
    Line {
        number: 0,
        content: Content::Step(Step {
            guard: None,
            action: Action::Command {
                connection: connection.to_owned(),
                arguments: words.collect(),
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::Transcript;

    fn imported(text: &str) -> (String, Vec<(usize, &'static str)>) {
        let Imported {
            lines, passed_over, ..
        } = import(text.as_bytes());
        (Transcript { lines }.to_string(), passed_over)
    }

    #[test]
    fn clients_and_their_words_are_told_apart() {
        let (text, passed_over) = imported(
            "OK\n1339518083.107412 [0 127.0.0.1:60866] \"keys\" \"*\"\n\
             +1339518087.877697 [0 [::1]:60867] \"set\" \"a key\" \"\\x00\\\"\\n\"\r\n\
             1339518090.420270 [0 127.0.0.1:60866] \"get\" \"a key\"\n",
        );
        assert_eq!(passed_over, []);
        assert_eq!(
            text,
            "a: keys *\nb: set \"a key\" \"\\x00\\\"\\n\"\na: get \"a key\"\n"
        );
    }

    #[test]
    fn a_client_that_has_moved_selects_its_database_once() {
        let (text, _) = imported(
            "1.0 [0 unix:/s] \"SELECT\" \"3\"\n1.1 [3 unix:/s] \"GET\" \"k\"\n1.2 [5 x:1] \"GET\" \"k\"\n1.3 [5 x:1] \"PING\"\n",
        );
        assert_eq!(
            text,
            "a: SELECT 3\na: GET k\nb: SELECT 5\nb: GET k\nb: PING\n"
        );
    }

    #[test]
    fn what_no_client_sent_or_nobody_understands_is_passed_over_by_its_number() {
        let (text, passed_over) = imported(
            "1.0 [0 lua] \"set\" \"k\" \"1\"\nhello\n1.0 [0 x:1] \"open\n1.0 [0 x:1] \"AUTH\" \"(redacted)\"\n1.0 [0 x:1]\n",
        );
        assert_eq!(text, "");
        let numbers: Vec<usize> = passed_over.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
        assert_eq!(passed_over[0].1, "a script called it");
    }

    #[test]
    fn an_answer_is_due_behind_every_command() {
        let Imported { lines, .. } = import(b"1.0 [0 x:1] \"PING\"\n1.1 [0 x:1] \"PING\"\n");
        let text = Transcript {
            lines: with_answers_due(&lines),
        };
        assert_eq!(text.to_string(), "a: PING\na< +OK\na: PING\na< +OK\n");
    }

    #[test]
    fn more_clients_than_letters_have_names_of_their_own() {
        assert_eq!(
            [name(0), name(25), name(26), name(53)],
            ["a", "z", "a1", "b2"]
        );
    }
}
