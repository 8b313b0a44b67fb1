//! Compares what two servers answered to a stream: finds the request behind every reply, and where equality would be too much
//! asks for what the [`audit`](super::audit) says instead. Plays nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::audit::{Check, Row, name_of, row_of};
use super::play::{Answer, Played};
use super::state;
use super::{CONNECTIONS, Request, Stream};
use crate::wire::{Element, Kind, Reader, Reply};

/// The first place where two servers answered differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The command whose reply differs, or that shows the difference.
    pub command: String,
    /// What is wrong with the target's answer.
    pub fault: Fault,
    /// Where.
    pub place: Place,
    /// The first byte that differs, counted from the start of what was expected.
    pub offset: usize,
    /// What the oracle answered, from the start of that reply.
    pub expected: Answer,
    /// What the target answered, from the start of that reply.
    pub actual: Answer,
}

/// Where a difference is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In what came on a connection while a group of turns was played; both counted from 0.
    Reply {
        /// The group.
        group: usize,
        /// The connection.
        connection: usize,
    },
    /// In what the servers hold when the stream is over, as these commands show on one more connection.
    State(Vec<Vec<Vec<u8>>>),
}

/// What kind of mistake it is, as far as bytes can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Both answer with an error, in other words.
    ErrorText,
    /// An error instead of a reply.
    Refused,
    /// A reply instead of an error.
    Accepted,
    /// Another kind of reply.
    Kind,
    /// The right kind of reply that says something else.
    Value,
    /// Nothing, or too little.
    Missing,
    /// More than was expected.
    Extra,
    /// Closed, or left open.
    End,
    /// The replies are alike; what is stored is not.
    Stored,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::ErrorText => "another error",
            Fault::Refused => "an error instead of a reply",
            Fault::Accepted => "a reply instead of an error",
            Fault::Kind => "another kind of reply",
            Fault::Value => "another value",
            Fault::Missing => "no reply",
            Fault::Extra => "more than the reply",
            Fault::End => "the connection is closed, or not",
            Fault::Stored => "another state is left behind",
        })
    }
}

/// How often something less than equality had to do, by command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tolerances {
    /// For each command how often, and the row that allows it.
    pub used: BTreeMap<String, (u64, &'static Row)>,
}

impl Tolerances {
    fn count(&mut self, name: &str, row: &'static Row) {
        self.used.entry(name.to_owned()).or_insert((0, row)).0 += 1;
    }
}

/// The first difference, by connection and then by group, and then in what is stored. How a connection was closed counts only
/// as far as that it was: FIN or RST may depend on what was still unread.
pub fn difference(
    stream: &Stream,
    target: &Played,
    oracle: &Played,
    tolerances: &mut Tolerances,
) -> Option<Difference> {
    let of_connection = |connection: usize| {
        let answers = |played: &Played| -> Vec<Answer> {
            played
                .groups
                .iter()
                .map(|group| group[connection].clone())
                .collect()
        };
        let (actual, expected) = (answers(target), answers(oracle));
        let same = actual.iter().zip(&expected).all(|(actual, expected)| {
            actual.bytes == expected.bytes && actual.ended.is_some() == expected.ended.is_some()
        });
        if same {
            return None;
        }
        in_answers(stream, connection, &actual, &expected, tolerances)
    };
    // The earliest, so that what follows from it is not taken for it.
    let mut found: Vec<(usize, Difference)> = (0..CONNECTIONS).filter_map(of_connection).collect();
    found.sort_by_key(|(group, _)| *group);
    let first = found.into_iter().next().map(|(_, difference)| difference);
    first.or_else(|| match (&target.state, &oracle.state) {
        (Some(target), Some(oracle)) => state::difference(target, oracle),
        _ => None,
    })
}

/// For each group and connection the lengths of the replies in bytes, and whether equality would be too much for them.
pub(super) fn weak_replies(
    stream: &Stream,
    played: &Played,
) -> Vec<[Vec<(usize, bool)>; CONNECTIONS]> {
    let mut weak = vec![<[Vec<(usize, bool)>; CONNECTIONS]>::default(); played.groups.len()];
    for connection in 0..CONNECTIONS {
        let mut script = Script::of(stream, connection);
        for (group, answers) in played.groups.iter().enumerate() {
            for item in items(&answers[connection].bytes) {
                let owner = script.owner(&item);
                let is_weak = |request: &usize| row_of(&script.name(*request)).is_some();
                let loose = match &owner {
                    Owner::Request(request) => is_weak(request),
                    Owner::Exec(_, queued) => queued.iter().any(is_weak),
                    Owner::Message => item.first_word() == b"pmessage",
                    Owner::Nobody => false,
                };
                let error = item
                    .reply
                    .as_ref()
                    .is_some_and(|reply| reply.kind() == Kind::Error);
                weak[group][connection].push((item.bytes.len(), loose && !error));
            }
        }
    }
    weak
}

fn in_answers(
    stream: &Stream,
    connection: usize,
    actual: &[Answer],
    expected: &[Answer],
    tolerances: &mut Tolerances,
) -> Option<(usize, Difference)> {
    let mut script = Script::of(stream, connection);
    for (group, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        let due: Vec<(Item, Owner)> = items(&expected.bytes)
            .into_iter()
            .map(|item| {
                let owner = script.owner(&item);
                (item, owner)
            })
            .collect();
        let came = items(&actual.bytes);
        let place = Place::Reply { group, connection };
        let differs_at = first_unlike(&script, &due, &came, tolerances);
        let same_end = actual.ended.is_some() == expected.ended.is_some();
        let (at, command, fault) = match differs_at {
            Some(differs) => differs,
            None if same_end => continue,
            None => (due.len(), script.name_of_owner(&Owner::Nobody), Fault::End),
        };
        let before = |items: &mut dyn Iterator<Item = usize>| items.take(at).sum::<usize>();
        let from_expected = before(&mut due.iter().map(|(item, _)| item.bytes.len()));
        let from_actual = before(&mut came.iter().map(|item| item.bytes.len()));
        let tail = |answer: &Answer, from: usize| Answer {
            bytes: answer.bytes[from..].to_vec(),
            ended: answer.ended,
        };
        let (expected, actual) = (tail(expected, from_expected), tail(actual, from_actual));
        let offset = same_bytes(&actual.bytes, &expected.bytes);
        return Some((
            group,
            Difference {
                command,
                fault,
                place,
                offset,
                expected,
                actual,
            },
        ));
    }
    None
}

pub(super) fn same_bytes(one: &[u8], other: &[u8]) -> usize {
    one.iter()
        .zip(other)
        .take_while(|(one, other)| one == other)
        .count()
}

/// The first pair of replies that is not alike.
fn first_unlike(
    script: &Script<'_>,
    due: &[(Item, Owner)],
    came: &[Item],
    tolerances: &mut Tolerances,
) -> Option<(usize, String, Fault)> {
    let mut at = 0;
    while at < due.len() || at < came.len() {
        let (Some((expected, owner)), Some(actual)) = (due.get(at), came.get(at)) else {
            let (owner, fault) = match due.get(at) {
                Some((_, owner)) => (owner, Fault::Missing),
                None => (&Owner::Nobody, Fault::Extra),
            };
            return Some((at, script.name_of_owner(owner), fault));
        };
        if expected.bytes == actual.bytes {
            at += 1;
            continue;
        }
        // Frames that belong together may come in another order.
        let together = due[at..]
            .iter()
            .take_while(|(_, other)| other.goes_with(owner))
            .count();
        if together > 1 && came.len() >= at + together {
            let row = match owner {
                Owner::Message => row_of("PSUBSCRIBE"),
                Owner::Request(request) => row_of(&script.name(*request)),
                _ => None,
            };
            let expected: Vec<&Item> = due[at..at + together]
                .iter()
                .map(|(item, _)| item)
                .collect();
            let actual: Vec<&Item> = came[at..at + together].iter().collect();
            if let Some(row) = row
                && same_frames(&expected, &actual)
            {
                tolerances.count(
                    if *owner == Owner::Message {
                        "PSUBSCRIBE"
                    } else {
                        row.commands[1]
                    },
                    row,
                );
                at += together;
                continue;
            }
        }
        match unlike(script, owner, actual, expected, tolerances) {
            None => at += 1,
            Some((command, fault)) => return Some((at, command, fault)),
        }
    }
    None
}

/// Whether both are the same frames, those of patterns and of what was unsubscribed from in any order, but those of one pattern
/// in theirs. A frame's count goes down with its place, not with its name.
fn same_frames(one: &[&Item], other: &[&Item]) -> bool {
    /// The kind and the pattern of a message; of any other frame all.
    const PATTERN: usize = 2;
    fn parts(items: &[&Item]) -> (Vec<Vec<Vec<u8>>>, Vec<Vec<u8>>) {
        let mut names: Vec<Vec<Vec<u8>>> = Vec::new();
        let mut counts = Vec::new();
        for reply in items.iter().filter_map(|item| item.reply.as_ref()) {
            let (count, rest): (Vec<_>, Vec<_>) = reply
                .root()
                .children()
                .partition(|child| child.kind() == Kind::Integer);
            names.push(rest.iter().map(|part| part.bytes().to_vec()).collect());
            counts.push(
                count
                    .iter()
                    .flat_map(|part| part.bytes())
                    .copied()
                    .collect(),
            );
        }
        // A stable sort: what has the same pattern stays in order.
        names.sort_by(|one, other| one.iter().take(PATTERN).cmp(other.iter().take(PATTERN)));
        (names, counts)
    }
    let movable =
        |item: &Item| !matches!(item.first_word(), b"message" | b"smessage" | b"invalidate");
    let in_place = one
        .iter()
        .zip(other)
        .all(|(one, other)| (movable(one) && movable(other)) || one.bytes == other.bytes);
    in_place && parts(one) == parts(other)
}

/// What is wrong with a reply that is not the expected one; nothing if the audit excuses it.
fn unlike(
    script: &Script<'_>,
    owner: &Owner,
    actual: &Item,
    expected: &Item,
    tolerances: &mut Tolerances,
) -> Option<(String, Fault)> {
    let (Some(actual), Some(expected)) = (&actual.reply, &expected.reply) else {
        return Some((script.name_of_owner(owner), Fault::Value));
    };
    let (actual, expected) = (actual.root(), expected.root());
    match owner {
        Owner::Request(request) => unlike_reply(script, *request, actual, expected, tolerances),
        Owner::Exec(_, queued) if expected.kind() == actual.kind() => {
            let (one, other): (Vec<_>, Vec<_>) =
                (actual.children().collect(), expected.children().collect());
            if one.len() != other.len() || one.len() != queued.len() {
                return Some((script.name_of_owner(owner), Fault::Value));
            }
            let mut members = one.into_iter().zip(other).zip(queued);
            members.find_map(|((actual, expected), request)| {
                if actual.bytes() == expected.bytes() {
                    None
                } else {
                    unlike_reply(script, *request, actual, expected, tolerances)
                }
            })
        }
        _ => Some((script.name_of_owner(owner), fault_between(actual, expected))),
    }
}

/// What is wrong with a request's reply, be it alone or inside EXEC's.
fn unlike_reply(
    script: &Script<'_>,
    request: usize,
    actual: Element<'_>,
    expected: Element<'_>,
    tolerances: &mut Tolerances,
) -> Option<(String, Fault)> {
    let name = script.name(request);
    if let Some(row) = row_of(&name)
        && actual.kind() != Kind::Error
        && alike(
            row.check,
            &script.requests[request].arguments,
            actual,
            expected,
        )
    {
        tolerances.count(&name, row);
        return None;
    }
    Some((name, fault_between(actual, expected)))
}

fn fault_between(actual: Element<'_>, expected: Element<'_>) -> Fault {
    match (actual.kind() == Kind::Error, expected.kind() == Kind::Error) {
        (true, true) => Fault::ErrorText,
        (true, false) => Fault::Refused,
        (false, true) => Fault::Accepted,
        (false, false) if actual.kind() != expected.kind() => Fault::Kind,
        (false, false) => Fault::Value,
    }
}

fn alike(check: Check, words: &[Vec<u8>], actual: Element<'_>, expected: Element<'_>) -> bool {
    let same_kind = actual.kind() == expected.kind();
    match check {
        Check::Never => false,
        Check::SameKind => same_kind,
        Check::SameLength => same_kind && actual.body().len() == expected.body().len(),
        Check::SameShape => same_shape(actual, expected),
        Check::Near(apart) => near(actual, expected, apart),
        Check::SameElements => same_kind && elements(actual, 1) == elements(expected, 1),
        Check::SamePairs => same_kind && elements(actual, 2) == elements(expected, 2),
        Check::SameWhenSorted => sorted(actual) == sorted(expected),
        Check::Sort => {
            let some = words.iter().any(|word| word.eq_ignore_ascii_case(b"LIMIT"));
            same_kind
                && (elements(actual, 1) == elements(expected, 1)
                    || some && same_shape(actual, expected))
        }
        Check::Scan => same_kind && same_scan(words, actual, expected),
        Check::MapBut(names) => same_kind && map_but(actual, names) == map_but(expected, names),
    }
}

/// Children in order of their bytes, `size` of them taken together.
fn elements(element: Element<'_>, size: usize) -> Vec<Vec<u8>> {
    let size = if element.kind() == Kind::Map { 2 } else { size };
    let children: Vec<&[u8]> = element.children().map(Element::bytes).collect();
    let mut elements: Vec<Vec<u8>> = children.chunks(size).map(<[&[u8]]>::concat).collect();
    elements.sort();
    elements
}

fn same_shape(actual: Element<'_>, expected: Element<'_>) -> bool {
    let (one, other): (Vec<_>, Vec<_>) =
        (actual.children().collect(), expected.children().collect());
    actual.kind() == expected.kind()
        && one.len() == other.len()
        && one
            .into_iter()
            .zip(other)
            .all(|(actual, expected)| same_shape(actual, expected))
}

fn near(actual: Element<'_>, expected: Element<'_>, apart: u64) -> bool {
    if actual.bytes() == expected.bytes() {
        return true;
    }
    if actual.kind() != expected.kind() {
        return false;
    }
    if actual.kind() == Kind::Integer {
        let number = |element: Element<'_>| {
            std::str::from_utf8(element.body())
                .ok()?
                .parse::<i64>()
                .ok()
        };
        return match (number(actual), number(expected)) {
            // What is negative has a meaning of its own.
            (Some(one), Some(other)) => one >= 0 && other >= 0 && one.abs_diff(other) <= apart,
            _ => false,
        };
    }
    let (one, other): (Vec<_>, Vec<_>) =
        (actual.children().collect(), expected.children().collect());
    !one.is_empty()
        && one.len() == other.len()
        && one
            .into_iter()
            .zip(other)
            .all(|(one, other)| near(one, other, apart))
}

/// The element with the members of every aggregate inside in order. Members of maps are taken one by one: what belongs
/// together is too seldom exchanged to be looked for.
fn sorted(element: Element<'_>) -> Vec<u8> {
    if !element.kind().is_aggregate() {
        return element.bytes().to_vec();
    }
    let mut members: Vec<Vec<u8>> = element.children().map(sorted).collect();
    members.sort();
    [
        &[element.kind().prefix()][..],
        element.body(),
        b"\r\n",
        &members.concat(),
    ]
    .concat()
}

/// A cursor and what was found: everything, or a part of it.
fn same_scan(words: &[Vec<u8>], actual: Element<'_>, expected: Element<'_>) -> bool {
    let cursor_at = if words[0].eq_ignore_ascii_case(b"SCAN") {
        1
    } else {
        2
    };
    let from_the_start = words.get(cursor_at).is_some_and(|cursor| cursor == b"0");
    let (one, other): (Vec<_>, Vec<_>) =
        (actual.children().collect(), expected.children().collect());
    let ([actual_cursor, actual_found], [expected_cursor, expected_found]) = (&one[..], &other[..])
    else {
        return false;
    };
    let is_cursor = |cursor: &Element<'_>| {
        cursor.kind() == Kind::Bulk && cursor.body().iter().all(u8::is_ascii_digit)
    };
    let whole = from_the_start && actual_cursor.body() == b"0" && expected_cursor.body() == b"0";
    is_cursor(actual_cursor)
        && actual_found.kind() == expected_found.kind()
        && (!whole || elements(*actual_found, 1) == elements(*expected_found, 1))
}

fn map_but(map: Element<'_>, but: &[&str]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let children: Vec<Element<'_>> = map.children().collect();
    children
        .chunks(2)
        .map(|pair| {
            let hidden = but.iter().any(|name| name.as_bytes() == pair[0].body());
            let value = pair
                .get(1)
                .filter(|_| !hidden)
                .map(|value| value.bytes().to_vec());
            (pair[0].bytes().to_vec(), value)
        })
        .collect()
}

/// A reply, or bytes that are none.
#[derive(Clone, Debug)]
struct Item {
    bytes: Vec<u8>,
    reply: Option<Reply>,
}

impl Item {
    fn first_word(&self) -> &[u8] {
        self.reply
            .as_ref()
            .and_then(|reply| reply.root().children().next())
            .map_or(b"", Element::body)
    }
}

fn items(bytes: &[u8]) -> Vec<Item> {
    let mut reader = Reader::new();
    reader.feed(bytes);
    let mut items = Vec::new();
    let mut read = 0;
    while let Ok(Some(reply)) = reader.next_reply() {
        read += reply.bytes().len();
        items.push(Item {
            bytes: reply.bytes().to_vec(),
            reply: Some(reply),
        });
    }
    if read < bytes.len() {
        items.push(Item {
            bytes: bytes[read..].to_vec(),
            reply: None,
        });
    }
    items
}

/// Whose reply it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owner {
    /// A request's, by its number.
    Request(usize),
    /// An EXEC's, with the requests that were queued.
    Exec(usize, Vec<usize>),
    /// Nobody's: it was published.
    Message,
    /// Nobody's that is known.
    Nobody,
}

impl Owner {
    fn goes_with(&self, other: &Owner) -> bool {
        !matches!(self, Owner::Nobody | Owner::Exec(..)) && self == other
    }
}

/// The requests of one connection, read along with the replies.
struct Script<'s> {
    requests: Vec<&'s Request>,
    next: usize,
    /// Confirmations that are still due to the request before `next`.
    confirmations: usize,
    queued: Vec<usize>,
    subscriptions: [BTreeSet<Vec<u8>>; 3],
    has_subscribed: bool,
}

/// By what is subscribed to: channels, patterns, shard channels.
const SUBSCRIBING: [(&[u8], &[u8]); 3] = [
    (b"subscribe", b"unsubscribe"),
    (b"psubscribe", b"punsubscribe"),
    (b"ssubscribe", b"sunsubscribe"),
];

impl<'s> Script<'s> {
    fn of(stream: &'s Stream, connection: usize) -> Script<'s> {
        let turns = stream
            .turns
            .iter()
            .filter(|turn| turn.connection == connection);
        Script {
            requests: turns.flat_map(|turn| &turn.requests).collect(),
            next: 0,
            confirmations: 0,
            queued: Vec::new(),
            subscriptions: Default::default(),
            has_subscribed: false,
        }
    }

    fn name(&self, request: usize) -> String {
        self.requests.get(request).map_or_else(
            || "stream".to_owned(),
            |request| name_of(&request.arguments),
        )
    }

    /// The command to name when it is this one's reply that differs; nobody's may be the next one's.
    fn name_of_owner(&self, owner: &Owner) -> String {
        match owner {
            Owner::Request(request) | Owner::Exec(request, _) => self.name(*request),
            Owner::Message => "message".to_owned(),
            Owner::Nobody => self.name(self.next.min(self.requests.len().saturating_sub(1))),
        }
    }

    /// The owner of the next reply.
    fn owner(&mut self, item: &Item) -> Owner {
        let Some(reply) = &item.reply else {
            return Owner::Nobody;
        };
        let first = item.first_word();
        let framed = reply.is_push() || (reply.kind() == Kind::Array && self.has_subscribed);
        let is_message = matches!(first, b"message" | b"pmessage" | b"smessage");
        if framed && is_message {
            return Owner::Message;
        }
        if matches!(reply.kind(), Kind::Push | Kind::Array)
            && let Some(owner) = self.confirmed(reply, first)
        {
            return owner;
        }
        if reply.is_push() {
            return Owner::Message;
        }
        let request = self.next;
        if request >= self.requests.len() {
            return Owner::Nobody;
        }
        self.next += 1;
        self.confirmations = 0;
        if reply.bytes() == b"+QUEUED\r\n" {
            self.queued.push(request);
            return Owner::Request(request);
        }
        match (self.name(request).as_str(), reply.kind()) {
            ("EXEC", Kind::Array) => return Owner::Exec(request, std::mem::take(&mut self.queued)),
            // A MULTI inside a MULTI is refused, and changes nothing.
            ("MULTI", Kind::Error) => {}
            ("EXEC" | "DISCARD" | "MULTI", _) => self.queued.clear(),
            ("RESET", _) => {
                self.queued.clear();
                self.subscriptions = Default::default();
            }
            _ => {}
        }
        Owner::Request(request)
    }

    /// The owner of a confirmation of a subscription or of its end.
    fn confirmed(&mut self, reply: &Reply, first: &[u8]) -> Option<Owner> {
        let (kind, begins) = SUBSCRIBING
            .iter()
            .enumerate()
            .find_map(|(kind, (begin, end))| {
                (first == *begin || first == *end).then_some((kind, first == *begin))
            })?;
        if self.confirmations == 0 {
            let request = self.requests.get(self.next)?;
            if !request.arguments[0].eq_ignore_ascii_case(first) {
                return None;
            }
            self.confirmations = match request.arguments.len() {
                1 => self.subscriptions[kind].len().max(1),
                words => words - 1,
            };
            self.next += 1;
        }
        self.confirmations -= 1;
        self.has_subscribed = true;
        let name = reply
            .root()
            .children()
            .nth(1)
            .map_or_else(Vec::new, |name| name.body().to_vec());
        if begins {
            self.subscriptions[kind].insert(name);
        } else {
            self.subscriptions[kind].remove(&name);
        }
        Some(Owner::Request(self.next - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Turn;
    use super::*;
    use crate::request::split_line;
    use crate::session::Ended;

    fn stream(lines: &[&str]) -> Stream {
        let requests = lines.iter().map(|line| Request {
            arguments: split_line(line.as_bytes()).unwrap(),
            inline: false,
            cuts: Vec::new(),
        });
        Stream {
            resp3: [false; CONNECTIONS],
            turns: vec![Turn {
                connection: 0,
                requests: requests.collect(),
                overlaps: false,
            }],
        }
    }

    fn played(bytes: &str, ended: Option<Ended>) -> Played {
        let mut group: [Answer; CONNECTIONS] = Default::default();
        group[0] = Answer {
            bytes: bytes.as_bytes().to_vec(),
            ended,
        };
        Played {
            groups: vec![group],
            state: None,
        }
    }

    /// What the difference is, as `command: fault`; and for which commands something else than equality was enough.
    fn verdict(lines: &[&str], actual: &str, expected: &str) -> (Option<String>, Vec<String>) {
        let mut tolerances = Tolerances::default();
        let difference = difference(
            &stream(lines),
            &played(actual, None),
            &played(expected, None),
            &mut tolerances,
        );
        let text =
            difference.map(|difference| format!("{}: {}", difference.command, difference.fault));
        (text, tolerances.used.into_keys().collect())
    }

    #[track_caller]
    fn differs(lines: &[&str], actual: &str, expected: &str, verdict_is: &str) {
        assert_eq!(
            verdict(lines, actual, expected).0.as_deref(),
            Some(verdict_is)
        );
    }

    #[track_caller]
    fn excused(lines: &[&str], actual: &str, expected: &str, by: &str) {
        assert_eq!(
            verdict(lines, actual, expected),
            (None, vec![by.to_owned()])
        );
    }

    #[test]
    fn the_first_reply_that_differs_is_named() {
        let lines = ["DEL a", "GET k", "DEL b"];
        let expected = ":1\r\n$2\r\nab\r\n:3\r\n";
        differs(
            &lines,
            ":1\r\n$2\r\naX\r\n:3\r\n",
            expected,
            "GET: another value",
        );
        differs(
            &lines,
            ":1\r\n:2\r\n:3\r\n",
            expected,
            "GET: another kind of reply",
        );
        differs(
            &lines,
            ":1\r\n-ERR\r\n:3\r\n",
            expected,
            "GET: an error instead of a reply",
        );
        differs(&lines, ":1\r\n$2\r\nab\r\n", expected, "DEL: no reply");
        assert_eq!(verdict(&lines, expected, expected), (None, Vec::new()));
        let found = difference(
            &stream(&lines),
            &played(":1\r\n$2\r\naX\r\n:3\r\n", None),
            &played(expected, None),
            &mut Tolerances::default(),
        );
        assert_eq!(
            found.map(|found| (found.offset, found.expected.bytes)),
            Some((5, b"$2\r\nab\r\n:3\r\n".to_vec()))
        );
    }

    #[test]
    fn closing_with_fin_or_rst_is_no_difference_and_staying_open_is() {
        let stream = stream(&["QUIT"]);
        let verdict = |actual, expected| {
            difference(
                &stream,
                &played("+OK\r\n", actual),
                &played("+OK\r\n", expected),
                &mut Tolerances::default(),
            )
            .map(|difference| difference.fault)
        };
        assert_eq!(verdict(Some(Ended::Fin), Some(Ended::Rst)), None);
        assert_eq!(verdict(None, Some(Ended::Fin)), Some(Fault::End));
    }

    #[test]
    fn order_is_forgiven_only_where_there_is_none() {
        let (one, other) = (
            "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
            "*2\r\n$1\r\nb\r\n$1\r\na\r\n",
        );
        excused(&["SMEMBERS s"], one, other, "SMEMBERS");
        differs(&["LRANGE l 0 -1"], one, other, "LRANGE: another value");
        differs(&["HGETALL h"], one, other, "HGETALL: another value");
        differs(
            &["SMEMBERS s"],
            one,
            "*2\r\n$1\r\nb\r\n$1\r\nc\r\n",
            "SMEMBERS: another value",
        );
    }

    #[test]
    fn times_may_be_near_but_what_is_negative_has_a_meaning() {
        excused(&["TTL k"], ":99\r\n", ":100\r\n", "TTL");
        differs(&["TTL k"], ":1000\r\n", ":100\r\n", "TTL: another value");
        differs(&["TTL k"], ":-1\r\n", ":0\r\n", "TTL: another value");
    }

    #[test]
    fn errors_are_never_forgiven() {
        differs(
            &["RANDOMKEY"],
            "-ERR a\r\n",
            "-ERR b\r\n",
            "RANDOMKEY: another error",
        );
    }

    #[test]
    fn a_scan_is_whole_only_from_its_start_to_its_end() {
        let reply =
            |cursor: &str, found: &str| format!("*2\r\n$1\r\n{cursor}\r\n*1\r\n$1\r\n{found}\r\n");
        excused(&["SCAN 0"], &reply("3", "a"), &reply("0", "b"), "SCAN");
        excused(&["SCAN 5"], &reply("0", "a"), &reply("0", "b"), "SCAN");
        differs(
            &["SCAN 0"],
            &reply("0", "a"),
            &reply("0", "b"),
            "SCAN: another value",
        );
    }

    #[test]
    fn inside_exec_the_queued_command_counts() {
        let lines = ["MULTI", "TTL k", "MULTI", "GET k", "EXEC"];
        let reply = |ttl: &str, value: &str| {
            format!("+OK\r\n+QUEUED\r\n-ERR nested\r\n+QUEUED\r\n*2\r\n:{ttl}\r\n$1\r\n{value}\r\n")
        };
        excused(&lines, &reply("9", "v"), &reply("8", "v"), "TTL");
        differs(
            &lines,
            &reply("9", "w"),
            &reply("8", "v"),
            "GET: another value",
        );
    }

    #[test]
    fn patterns_have_no_order_and_messages_do() {
        let frame = |pattern: &str| {
            format!("*4\r\n$8\r\npmessage\r\n$1\r\n{pattern}\r\n$1\r\nc\r\n$1\r\nm\r\n")
        };
        let confirmed = |pattern: &str, count: usize| {
            format!("*3\r\n$10\r\npsubscribe\r\n$1\r\n{pattern}\r\n:{count}\r\n")
        };
        let message = |text: &str| format!("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n{text}\r\n");
        let before = [confirmed("*", 1), confirmed("?", 2)].concat();
        let lines = ["PSUBSCRIBE * ?"];
        let with = |frames: &[String]| [&before, frames.concat().as_str()].concat();
        excused(
            &lines,
            &with(&[frame("*"), frame("?")]),
            &with(&[frame("?"), frame("*")]),
            "PSUBSCRIBE",
        );
        differs(
            &lines,
            &with(&[message("1"), message("2")]),
            &with(&[message("2"), message("1")]),
            "message: another value",
        );
        let event =
            |key: &str| format!("*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\n{key}\r\n$3\r\ndel\r\n");
        differs(
            &lines,
            &with(&[event("a"), event("b")]),
            &with(&[event("b"), event("a")]),
            "message: another value",
        );
    }
}
