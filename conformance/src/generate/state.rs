//! What a server holds when a stream is over: every key's type, encoding, deadline and content, asked for by plain commands.
//! Knows how to ask and what may differ; plays no stream.

use std::collections::{BTreeMap, BTreeSet};

use super::Stream;
use super::audit::name_of;
use super::play::Answer;
use super::verdict::{Difference, Fault, Place, same_bytes};
use crate::control::{Control, Trouble};
use crate::request::encode_multibulk;
use crate::wire::{Element, Kind, Reply};

/// Deadlines that were set relative to now may be so far apart, in milliseconds.
const APART_MS: u64 = 60_000;

/// What a server holds: for every key what was asked about it, and what it said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    keys: BTreeMap<Key, Vec<Aspect>>,
}

/// A database and a name in it.
type Key = (u32, Vec<u8>);

/// The words of a question.
type Words = Vec<Vec<u8>>;

/// One question about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Aspect {
    command: Words,
    /// As it was said.
    reply: Vec<u8>,
    /// As it is compared.
    canonical: Canonical,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Canonical {
    Bytes(Vec<u8>),
    /// A point in time, or what is negative instead.
    Deadline(i64),
    /// The server does not know the question.
    Unknown,
}

/// Asks for everything the stream may have left behind; `None` if the server cannot list its keys.
///
/// # Errors
/// When the server is lost or stuck.
pub(super) fn ask(stream: &Stream, control: &mut Control) -> Result<Option<State>, Trouble> {
    let mut keys: Vec<Key> = Vec::new();
    for db in databases(stream) {
        let selected = control.command(&[b"SELECT", db.to_string().as_bytes()])?;
        if selected.kind() == Kind::Error {
            continue;
        }
        let listed = control.command(&[b"KEYS", b"*"])?;
        if listed.kind() != Kind::Array {
            return Ok(None);
        }
        keys.extend(
            listed
                .root()
                .children()
                .map(|name| (db, name.body().to_vec())),
        );
    }
    let general = keys.iter().map(|(_, name)| {
        let words = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect();
        vec![
            words(&[b"TYPE", name]),
            words(&[b"OBJECT", b"ENCODING", name]),
            words(&[b"PEXPIRETIME", name]),
        ]
    });
    let general = ask_each(control, &keys, general.collect())?;
    let content = keys
        .iter()
        .zip(&general)
        .map(|((_, name), aspects)| content(name, &aspects[0].reply));
    let content = ask_each(control, &keys, content.collect())?;
    control.command(&[b"SELECT", b"0"])?;
    let aspects = general
        .into_iter()
        .zip(content)
        .map(|(general, content)| [general, content].concat());
    Ok(Some(State {
        keys: keys.into_iter().zip(aspects).collect(),
    }))
}

/// The databases the stream may have used: what it says where a number of a database may stand, and 0.
fn databases(stream: &Stream) -> BTreeSet<u32> {
    let requests = stream.turns.iter().flat_map(|turn| &turn.requests);
    let named = requests
        .filter(|request| {
            matches!(
                name_of(&request.arguments).as_str(),
                "SELECT" | "MOVE" | "SWAPDB" | "COPY"
            )
        })
        .flat_map(|request| &request.arguments)
        .filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
        .filter(|db| *db < 16);
    named.chain([0]).collect()
}

/// What shows all that a value of this type holds.
fn content(name: &[u8], kind: &[u8]) -> Vec<Words> {
    let questions: &[(&str, &[&str])] = match kind {
        b"+string\r\n" => &[("GET", &[])],
        b"+list\r\n" => &[("LRANGE", &["0", "-1"])],
        b"+set\r\n" => &[("SMEMBERS", &[])],
        b"+hash\r\n" => &[("HGETALL", &[])],
        b"+zset\r\n" => &[("ZRANGE", &["0", "-1", "WITHSCORES"])],
        b"+stream\r\n" => &[("XRANGE", &["-", "+"]), ("XLEN", &[])],
        _ => &[],
    };
    let words = questions.iter().map(|(command, arguments)| {
        let mut words = vec![command.as_bytes().to_vec(), name.to_vec()];
        words.extend(
            arguments
                .iter()
                .map(|argument| argument.as_bytes().to_vec()),
        );
        words
    });
    words.collect()
}

/// Asks these questions about these keys in one write.
fn ask_each(
    control: &mut Control,
    keys: &[Key],
    questions: Vec<Vec<Words>>,
) -> Result<Vec<Vec<Aspect>>, Trouble> {
    let mut wire = Vec::new();
    let mut selected = None;
    for ((db, _), questions) in keys.iter().zip(&questions) {
        if selected.replace(*db) != Some(*db) {
            wire.push(encode_multibulk(&["SELECT", &db.to_string()]));
        }
        wire.extend(questions.iter().map(|words| encode_multibulk(words)));
    }
    let mut replies = control.replies_to(&wire)?.into_iter();
    let mut selected = None;
    let mut described = Vec::with_capacity(keys.len());
    for ((db, _), questions) in keys.iter().zip(questions) {
        if selected.replace(*db) != Some(*db) {
            replies.next();
        }
        let aspects = questions
            .into_iter()
            .zip(replies.by_ref())
            .map(|(command, reply)| Aspect {
                canonical: canonical(&command, &reply),
                command,
                reply: reply.into_bytes(),
            });
        described.push(aspects.collect());
    }
    Ok(described)
}

fn canonical(command: &Words, reply: &Reply) -> Canonical {
    match (command[0].as_slice(), reply.kind()) {
        (b"PEXPIRETIME", Kind::Integer) => {
            let text = String::from_utf8_lossy(reply.root().body()).into_owned();
            text.parse().map_or_else(
                |_| Canonical::Bytes(reply.bytes().to_vec()),
                Canonical::Deadline,
            )
        }
        // Even a compact set may have been filled from a table, in the order of a seeded hash.
        (b"SMEMBERS", Kind::Array) => Canonical::Bytes(in_order(reply, 1)),
        (b"HGETALL", Kind::Array) => Canonical::Bytes(in_order(reply, 2)),
        (_, Kind::Error) if reply.bytes().starts_with(b"-ERR unknown command") => {
            Canonical::Unknown
        }
        _ => Canonical::Bytes(reply.bytes().to_vec()),
    }
}

fn in_order(reply: &Reply, size: usize) -> Vec<u8> {
    let elements: Vec<&[u8]> = reply.root().children().map(Element::bytes).collect();
    let mut parts: Vec<Vec<u8>> = elements.chunks(size).map(<[&[u8]]>::concat).collect();
    parts.sort();
    parts.concat()
}

impl Canonical {
    fn is_like(&self, other: &Canonical) -> bool {
        match (self, other) {
            (Canonical::Deadline(one), Canonical::Deadline(other)) => {
                one == other || (*one >= 0 && *other >= 0 && one.abs_diff(*other) <= APART_MS)
            }
            (Canonical::Unknown, _) | (_, Canonical::Unknown) => true,
            _ => self == other,
        }
    }
}

/// The first key about which the servers do not agree, and what shows it.
pub(super) fn difference(target: &State, oracle: &State) -> Option<Difference> {
    let keys: BTreeSet<&Key> = target.keys.keys().chain(oracle.keys.keys()).collect();
    keys.into_iter().find_map(|key| {
        let (actual, expected) = (target.keys.get(key), oracle.keys.get(key));
        let (Some(actual), Some(expected)) = (actual, expected) else {
            // One of them has no such key: its type tells.
            let reply = |aspects: Option<&Vec<Aspect>>| {
                aspects.map_or(b"+none\r\n".to_vec(), |aspects| aspects[0].reply.clone())
            };
            let command = actual.or(expected)?[0].command.clone();
            return Some(shown(key, command, reply(actual), reply(expected)));
        };
        let mut pairs = actual.iter().zip(expected);
        let (actual, expected) =
            pairs.find(|(actual, expected)| !actual.canonical.is_like(&expected.canonical))?;
        Some(shown(
            key,
            expected.command.clone(),
            actual.reply.clone(),
            expected.reply.clone(),
        ))
    })
}

fn shown((db, _): &Key, command: Words, actual: Vec<u8>, expected: Vec<u8>) -> Difference {
    let offset = same_bytes(&actual, &expected);
    let answer = |bytes| Answer { bytes, ended: None };
    let name = name_of(&command);
    let mut commands = vec![command];
    if *db != 0 {
        commands.insert(0, vec![b"SELECT".to_vec(), db.to_string().into_bytes()]);
    }
    Difference {
        command: name,
        fault: Fault::Stored,
        place: Place::State(commands),
        offset,
        expected: answer(expected),
        actual: answer(actual),
    }
}
