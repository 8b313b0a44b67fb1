//! Holds what our server says of its commands (COMMAND INFO, COMMAND DOCS) against what Redis 8.2.3 says of them.
//!
//! Redis's words are kept in `commands-redis-8.2.3.txt`, so the test needs no live Redis; where one is installed, the
//! file itself is held against it. `RESPECT_RECORD=1 cargo test -p respect-server --test command_table` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use respect_conformance::control::{Barrier, Control};
use respect_conformance::oracle::{self, State};
use respect_conformance::server::{Origin, Server};
use respect_conformance::wire::{self, Element, Kind, Reply};
use respect_conformance::workspace;
use respect_server::{Connection, Embedded};

/// Each command and subcommand by its full name, with all that is said of it, one fact per line.
type Described = BTreeMap<String, String>;

#[test]
fn every_command_is_described_as_redis_describes_it() {
    let (ours, recorded) = (describe(&mut Ours::resp3()), recorded());
    assert!(!ours.is_empty(), "our server lists no commands");
    for (name, said) in &ours {
        let expected = recorded.get(name);
        let expected = expected.unwrap_or_else(|| panic!("Redis has no command '{name}'"));
        assert_same_lines(name, said, &without_absent_subcommands(expected, &ours));
    }
}

#[test]
fn the_recording_is_what_a_live_redis_says() {
    let build = oracle::find("redis-8.2.3").expect("the judge knows the oracle we follow");
    let oracles = workspace::oracles();
    let required = oracle::required().unwrap_or_else(|why| panic!("{why}"));
    let is_required = required.iter().any(|required| required.id() == build.id());
    if matches!(build.state(&oracles), Ok(State::Absent)) && !is_required {
        // Then the recording stands for it; that it exists and can be read is shown by the test above.
        return;
    }
    let origin = Origin::oracle(build, &oracles).unwrap_or_else(|why| panic!("{why}"));
    let server = Server::start(&origin).unwrap_or_else(|error| panic!("{error}"));
    let mut live = Control::connect(server.address(), Barrier::Ping).expect("it answers");
    live.ask("HELLO 3");
    let live = describe(&mut live);
    if env::var_os("RESPECT_RECORD").is_some() {
        fs::write(recording(), print(&live)).expect("the recording can be written");
    }
    let path = recording();
    assert!(recorded() == live, "{} is out of date", path.display());
}

#[test]
fn resp2_says_the_same_without_the_kinds_it_lacks() {
    for question in ["COMMAND", "COMMAND INFO nope get", "COMMAND DOCS"] {
        let mut lowered = Vec::new();
        lower(Ours::resp3().ask(question).root(), &mut lowered);
        let plain = Ours::resp2().ask(question).into_bytes();
        assert!(plain == lowered, "{question}");
    }
}

#[test]
fn list_and_count_tell_of_the_same_commands_as_info() {
    let mut ours = Ours::resp3();
    let all = describe(&mut ours);
    let listed = ours.ask("COMMAND LIST");
    let mut listed: Vec<_> = listed.root().children().map(text).collect();
    listed.sort();
    assert_eq!(listed, all.keys().cloned().collect::<Vec<_>>());
    let top_level = all.keys().filter(|name| !name.contains('|')).count();
    assert_eq!(
        text(ours.ask("COMMAND COUNT").root()),
        top_level.to_string()
    );
}

/// Whoever can be asked about commands.
trait Ask {
    /// The reply to a command whose arguments are separated by blanks.
    fn ask(&mut self, command: &str) -> Reply;
}

impl Ask for Control {
    fn ask(&mut self, command: &str) -> Reply {
        let arguments: Vec<_> = command.split(' ').map(str::as_bytes).collect();
        self.command(&arguments)
            .unwrap_or_else(|trouble| panic!("{trouble:?}"))
    }
}

/// Our server, without sockets.
struct Ours(Embedded, Connection);

impl Ours {
    fn resp2() -> Ours {
        let mut server = Embedded::new(1);
        let connection = server.connect();
        Ours(server, connection)
    }

    fn resp3() -> Ours {
        let mut ours = Ours::resp2();
        let hello = ours.ask("HELLO 3");
        assert_eq!(hello.kind(), Kind::Map, "HELLO 3 did not choose RESP3");
        ours
    }
}

impl Ask for Ours {
    fn ask(&mut self, command: &str) -> Reply {
        let bytes = self.0.exchange(self.1, format!("{command}\r\n").as_bytes());
        match wire::read_all(&bytes) {
            Ok((mut replies, b"")) if replies.len() == 1 => replies.remove(0),
            other => panic!("{command}: {other:?}"),
        }
    }
}

/// Begins the line that names the subcommands in order: Redis answers them in the order of a hash table.
const SUBCOMMANDS: &str = "subcommands: ";

/// Everything a server says of its commands, modules' commands apart.
fn describe(server: &mut dyn Ask) -> Described {
    let mut described = Described::new();
    for command in server.ask("COMMAND INFO").root().children() {
        describe_info(command, &mut described);
    }
    for (name, docs) in pairs(server.ask("COMMAND DOCS").root()) {
        describe_docs(&text(name), docs, &mut described);
    }
    described
}

fn describe_info(command: Element<'_>, described: &mut Described) {
    let facts: Vec<_> = command.children().collect();
    let [name, .., subcommands] = facts.as_slice() else {
        panic!("COMMAND INFO lists what is no command: {command:?}");
    };
    if facts[2].children().any(|flag| flag.body() == b"module") {
        return;
    }
    let mut lines = String::new();
    for (what, fact) in INFO.iter().zip(&facts) {
        print_element(what, *fact, 0, &mut lines);
    }
    // An empty list of subcommands is a set, another is an array: the kind is a fact too.
    let _ = writeln!(lines, "info subcommands {:?}", subcommands.kind());
    described.insert(text(*name), lines);
    for subcommand in subcommands.children() {
        describe_info(subcommand, described);
    }
}

/// The nine facts of COMMAND INFO before the subcommands.
const INFO: [&str; 9] = [
    "name",
    "arity",
    "flags",
    "first key",
    "last key",
    "step",
    "categories",
    "tips",
    "key specs",
];

fn describe_docs(name: &str, docs: Element<'_>, described: &mut Described) {
    // What COMMAND INFO has not is a module's.
    let Some(lines) = described.get_mut(name) else {
        return;
    };
    let mut subcommands = None;
    for (key, value) in pairs(docs) {
        if key.body() == b"subcommands" {
            subcommands = Some(value);
        } else {
            print_element(&text(key), value, 0, lines);
        }
    }
    let Some(subcommands) = subcommands else {
        return;
    };
    let mut names: Vec<_> = pairs(subcommands).map(|(name, _)| text(name)).collect();
    names.sort();
    let _ = writeln!(lines, "{SUBCOMMANDS}{}", names.join(" "));
    for (name, docs) in pairs(subcommands) {
        describe_docs(&text(name), docs, described);
    }
}

/// One line per fact, `flags: ~ +readonly +fast`; aggregates in aggregates are indented below.
fn print_element(key: &str, element: Element<'_>, depth: usize, lines: &mut String) {
    let _ = write!(lines, "{}{key}: ", "  ".repeat(depth));
    let flat = !element.children().any(|child| child.kind().is_aggregate());
    if flat {
        let _ = writeln!(lines, "{}", flat_text(element));
        return;
    }
    let _ = writeln!(lines, "{}", char::from(element.kind().prefix()));
    if element.kind() == Kind::Map {
        for (key, value) in pairs(element) {
            print_element(&text(key), value, depth + 1, lines);
        }
    } else {
        for child in element.children() {
            print_element("-", child, depth + 1, lines);
        }
    }
}

/// An element without aggregates inside, its kind shown by its first byte on the wire.
fn flat_text(element: Element<'_>) -> String {
    let sign = char::from(element.kind().prefix());
    if element.kind() == Kind::Map {
        let pairs =
            pairs(element).map(|(key, value)| format!(" {}={}", text(key), flat_text(value)));
        format!("{sign}{}", pairs.collect::<String>())
    } else if element.kind().is_aggregate() {
        let children = element
            .children()
            .map(|child| format!(" {}", flat_text(child)));
        format!("{sign}{}", children.collect::<String>())
    } else {
        format!("{sign}{}", text(element))
    }
}

fn pairs(map: Element<'_>) -> impl Iterator<Item = (Element<'_>, Element<'_>)> {
    assert_eq!(map.kind(), Kind::Map);
    let keys = map.children().step_by(2);
    keys.zip(map.children().skip(1).step_by(2))
}

fn text(element: Element<'_>) -> String {
    String::from_utf8(element.body().to_vec()).expect("commands are described in UTF-8")
}

/// What RESP2 has instead of a RESP3 reply.
fn lower(element: Element<'_>, out: &mut Vec<u8>) {
    let children: Vec<_> = element.children().collect();
    match element.kind() {
        kind if kind.is_aggregate() => {
            out.extend_from_slice(format!("*{}\r\n", children.len()).as_bytes());
            children.into_iter().for_each(|child| lower(child, out));
        }
        Kind::Null => out.extend_from_slice(b"$-1\r\n"),
        _ => out.extend_from_slice(element.bytes()),
    }
}

/// A container's description without the subcommands our server does not have yet.
fn without_absent_subcommands(description: &str, ours: &Described) -> String {
    let mut lines = String::new();
    for line in description.lines() {
        if let Some(names) = line.strip_prefix(SUBCOMMANDS) {
            let present = names.split(' ').filter(|name| ours.contains_key(*name));
            let _ = writeln!(
                lines,
                "{SUBCOMMANDS}{}",
                present.collect::<Vec<_>>().join(" ")
            );
        } else {
            let _ = writeln!(lines, "{line}");
        }
    }
    lines
}

fn assert_same_lines(name: &str, said: &str, expected: &str) {
    let (mut said, mut expected) = (said.lines(), expected.lines());
    loop {
        match (said.next(), expected.next()) {
            (None, None) => return,
            (ours, redis) => assert_eq!(ours, redis, "{name}: ours, and Redis's"),
        }
    }
}

fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands-redis-8.2.3.txt")
}

/// Each name on a line of its own, what is said of it indented below.
fn print(described: &Described) -> String {
    let mut file = String::new();
    for (name, lines) in described {
        let _ = writeln!(file, "{name}");
        for line in lines.lines() {
            let _ = writeln!(file, "  {line}");
        }
    }
    file
}

/// What [`print`] wrote.
fn recorded() -> Described {
    let file = fs::read_to_string(recording()).expect("the recording is part of the tests");
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in file.lines() {
        match (line.strip_prefix("  "), sections.last_mut()) {
            (Some(fact), Some((_, lines))) => {
                let _ = writeln!(lines, "{fact}");
            }
            _ => sections.push((line.to_owned(), String::new())),
        }
    }
    sections.into_iter().collect()
}
