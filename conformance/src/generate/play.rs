//! Plays a stream on one server and keeps what it answers; compares what two servers answered. Generates nothing and starts
//! no server.

use std::io;
use std::time::{Duration, Instant};

use super::{CONNECTIONS, Stream, connection_name, schedule};
use crate::control::{Control, Trouble};
use crate::request::encode_multibulk;
use crate::session::{Ended, Session};
use crate::transcript::escape::escaped;
use crate::wire::{Kind, Reader};

/// A write of a stream is a few kilobytes: a server that does not take it in this time has stopped.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// What a server answered to a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// For each group of turns, what came on each of the stream's connections.
    pub groups: Vec<[Answer; CONNECTIONS]>,
}

/// What came on one connection while a group of turns was played.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Every byte.
    pub bytes: Vec<u8>,
    /// Whether the server has closed it, and how, by then.
    pub ended: Option<Ended>,
}

/// The first place where two servers answered differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The group of turns, counted from 0.
    pub group: usize,
    /// The connection.
    pub connection: usize,
    /// How many whole replies came on it in this group before the one that differs.
    pub reply: usize,
    /// The first byte that differs, counted from the start of that reply.
    pub offset: usize,
    /// What the oracle answered, from the start of that reply.
    pub expected: Answer,
    /// What the target answered, from the start of that reply.
    pub actual: Answer,
}

/// Plays the stream on a server, from no keys at all. What a fresh connection's HELLO answers is not kept. Leaves active
/// expiry off; [`let_expire`] turns it on again.
///
/// # Errors
/// When the server is lost or stuck.
pub fn play(stream: &Stream, control: &mut Control) -> Result<Played, Trouble> {
    let flushed = control.command(&[b"FLUSHALL"])?;
    if flushed.kind() == Kind::Error {
        // Without it every stream would begin with what the last one left.
        let why = format!("FLUSHALL is refused: {}", escaped(flushed.root().body()));
        return Err(Trouble::Lost(io::Error::other(why)));
    }
    // DBSIZE counts a key whose deadline has passed until the server comes by on its own, which is a matter of chance.
    // A server without DEBUG keeps that chance.
    control.command(&[b"DEBUG", b"SET-ACTIVE-EXPIRE", b"0"])?;
    let mut session = Session::new(control);
    for connection in stream.connections() {
        let name = connection_name(connection);
        session.open(name, None, None)?;
        if stream.resp3[connection] {
            session.send(name, &encode_multibulk(&["HELLO", "3"]), deadline())?;
        }
    }
    session.settle()?;
    take_all(&mut session);
    let mut groups = Vec::new();
    for group in stream.groups() {
        for (connection, part) in schedule(group) {
            session.send(connection_name(connection), &part, deadline())?;
            session.barrier()?;
        }
        session.settle()?;
        groups.push(take_all(&mut session));
    }
    Ok(Played { groups })
}

/// Lets a server on which streams were played expire keys of its own accord again.
///
/// # Errors
/// When the server is lost or stuck.
pub fn let_expire(control: &mut Control) -> Result<(), Trouble> {
    control
        .command(&[b"DEBUG", b"SET-ACTIVE-EXPIRE", b"1"])
        .map(drop)
}

fn deadline() -> Instant {
    Instant::now() + WRITE_WITHIN
}

fn take_all(session: &mut Session<'_>) -> [Answer; CONNECTIONS] {
    std::array::from_fn(|connection| {
        let name = connection_name(connection);
        let bytes = session.take(name, session.inbox(name).len());
        Answer {
            bytes,
            ended: session.ended(name),
        }
    })
}

/// The first difference, by group and then by connection. How a connection was closed counts only as far as that it was:
/// FIN or RST may depend on what was still unread.
pub fn difference(target: &Played, oracle: &Played) -> Option<Difference> {
    let groups = target.groups.iter().zip(&oracle.groups).enumerate();
    groups
        .flat_map(|(group, (target, oracle))| {
            (0..CONNECTIONS).map(move |connection| (group, connection, target, oracle))
        })
        .find_map(|(group, connection, target, oracle)| {
            let (actual, expected) = (&target[connection], &oracle[connection]);
            let same = actual.bytes == expected.bytes
                && actual.ended.is_some() == expected.ended.is_some();
            (!same).then(|| first_difference(group, connection, actual, expected))
        })
}

fn first_difference(
    group: usize,
    connection: usize,
    actual: &Answer,
    expected: &Answer,
) -> Difference {
    let pairs = actual.bytes.iter().zip(&expected.bytes);
    let at = pairs
        .take_while(|(actual, expected)| actual == expected)
        .count();
    let mut reader = Reader::new();
    reader.feed(&expected.bytes);
    let (mut reply, mut start) = (0, 0);
    while let Ok(Some(whole)) = reader.next_reply() {
        if start + whole.bytes().len() > at {
            break;
        }
        start += whole.bytes().len();
        reply += 1;
    }
    let from = |answer: &Answer| Answer {
        bytes: answer.bytes[start..].to_vec(),
        ended: answer.ended,
    };
    Difference {
        group,
        connection,
        reply,
        offset: at - start,
        expected: from(expected),
        actual: from(actual),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(answers: &[(&[u8], Option<Ended>)]) -> Played {
        let groups = answers.iter().map(|(bytes, ended)| {
            let mut group: [Answer; CONNECTIONS] = Default::default();
            group[1] = Answer {
                bytes: bytes.to_vec(),
                ended: *ended,
            };
            group
        });
        Played {
            groups: groups.collect(),
        }
    }

    #[test]
    fn the_first_reply_that_differs_is_named() {
        let oracle = played(&[(b"+OK\r\n", None), (b":1\r\n$2\r\nab\r\n:3\r\n", None)]);
        let target = played(&[(b"+OK\r\n", None), (b":1\r\n$2\r\naX\r\n:3\r\n", None)]);
        let found = difference(&target, &oracle).unwrap();
        assert_eq!(
            (found.group, found.connection, found.reply, found.offset),
            (1, 1, 1, 5)
        );
        assert_eq!(found.expected.bytes, b"$2\r\nab\r\n:3\r\n");
        assert_eq!(difference(&oracle, &oracle), None);
    }

    #[test]
    fn a_missing_reply_and_an_early_close_are_differences() {
        let oracle = played(&[(b":1\r\n:2\r\n", None)]);
        let missing = difference(&played(&[(b":1\r\n", None)]), &oracle).unwrap();
        assert_eq!(
            (missing.reply, missing.offset, missing.actual.bytes),
            (1, 0, b"".to_vec())
        );
        let closed = difference(&played(&[(b":1\r\n:2\r\n", Some(Ended::Fin))]), &oracle).unwrap();
        assert_eq!((closed.reply, closed.actual.ended), (2, Some(Ended::Fin)));
    }

    #[test]
    fn closing_with_fin_or_rst_is_no_difference() {
        assert_eq!(
            difference(
                &played(&[(b"", Some(Ended::Fin))]),
                &played(&[(b"", Some(Ended::Rst))])
            ),
            None
        );
    }
}
