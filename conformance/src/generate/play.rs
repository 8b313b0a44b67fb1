//! Plays a stream on one server and keeps what it answers, and what it holds then. Generates nothing, compares nothing and
//! starts no server.

use std::io;
use std::time::{Duration, Instant};

use super::audit::name_of;
use super::state::{self, State};
use super::tame::{SHORT_WAIT_MS, short_waits};
use super::{CONNECTIONS, Stream, connection_name, schedule};
use crate::control::{Control, Trouble};
use crate::request::encode_multibulk;
use crate::session::{Ended, Session};
use crate::transcript::escape::escaped;
use crate::wire::Kind;

/// A write of a stream is a few kilobytes: a server that does not take it in this time has stopped.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// A timeout that is waited for has passed for the server too when so much has passed here.
const WAITED: Duration = Duration::from_millis(SHORT_WAIT_MS + 5);

/// What a server answered to a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// For each group of turns, what came on each of the stream's connections.
    pub groups: Vec<[Answer; CONNECTIONS]>,
    /// What it holds in the end; `None` if it cannot say.
    pub state: Option<State>,
}

/// What came on one connection while a group of turns was played.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Every byte.
    pub bytes: Vec<u8>,
    /// Whether the server has closed it, and how, by then.
    pub ended: Option<Ended>,
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
        // A server may look for timeouts only when it has something else to do: the barriers see to that.
        for _ in 0..group.iter().map(short_waits).sum() {
            session.wait_for_input(Instant::now() + WAITED);
            session.settle()?;
        }
        groups.push(take_all(&mut session));
    }
    drop(session);
    Ok(Played {
        groups,
        state: after(stream, control)?,
    })
}

fn after(stream: &Stream, control: &mut Control) -> Result<Option<State>, Trouble> {
    let state = state::ask(stream, control)?;
    clear(stream, control)?;
    Ok(state)
}

/// What a stream leaves behind beside keys, by how the names of commands begin that may do so.
const CLEARED: &[(&str, &[&[&str]])] = &[
    ("EVAL", &[&["SCRIPT", "FLUSH"]]),
    ("SCRIPT", &[&["SCRIPT", "FLUSH"]]),
    ("F", &[&["FUNCTION", "FLUSH"]]),
    (
        "CONFIG|SET",
        &[&["CONFIG", "SET", "notify-keyspace-events", ""]],
    ),
    (
        "ACL",
        &[
            &["ACL", "DELUSER", "u", "nobody", "x"],
            &["ACL", "LOG", "RESET"],
        ],
    ),
];

/// Takes away what the stream leaves behind and no FLUSHALL would.
fn clear(stream: &Stream, control: &mut Control) -> Result<(), Trouble> {
    let requests = stream.turns.iter().flat_map(|turn| &turn.requests);
    let names: Vec<String> = requests
        .map(|request| name_of(&request.arguments))
        .collect();
    for (beginning, commands) in CLEARED {
        if names.iter().any(|name| name.starts_with(beginning)) {
            let commands: Vec<Vec<u8>> = commands
                .iter()
                .map(|words| encode_multibulk(words))
                .collect();
            control.replies_to(&commands)?;
        }
    }
    Ok(())
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
