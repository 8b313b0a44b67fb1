//! Plays a list of acts on a server in its first state and keeps everything that is heard, act by act. Knows no laws and
//! compares nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::dialogue::{Dialogue, Step};
use super::{Place, audit};
use crate::control::Trouble;
use crate::request::encode_multibulk;
use crate::seat::{Halt, Seat};
use crate::session::Session;
use crate::suite::{Unreachable, Verdict};
use crate::transcript::SocketAction;
use crate::wire::Reader;

/// A write of a dialogue is small: a server that does not take it in this time has stopped.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// A command whose answer waits for a thread of the server is waited for as long as this.
const LATE_WITHIN: Duration = Duration::from_millis(300);

/// A reply that has begun is waited for as long as this.
const WHOLE_WITHIN: Duration = Duration::from_secs(3);

/// A write longer than this may be answered over several turns of a server that serves others in between.
const LONG_WRITE: usize = 1024;

/// One thing a client does.
#[derive(Clone, Debug)]
pub(super) struct Act {
    /// Where it stands in the dialogue it is made from.
    pub(super) place: Place,
    pub(super) connection: String,
    pub(super) deed: Deed,
}

#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// Bytes in pieces, each read by the server before the next is sent.
    Write {
        pieces: Vec<Vec<u8>>,
        /// The answer may come after others were served: it is waited for.
        late: bool,
    },
    Socket(SocketAction),
}

impl Act {
    /// How many bytes it writes.
    fn length(&self) -> usize {
        match &self.deed {
            Deed::Write { pieces, .. } => pieces.iter().map(Vec::len).sum(),
            Deed::Socket(_) => 0,
        }
    }

    /// A step of a dialogue as it stands there.
    pub(super) fn of(index: usize, step: &Step) -> Act {
        let (deed, connection) = match step {
            Step::Ask {
                connection,
                request,
            } => (
                Deed::Write {
                    pieces: vec![request.bytes()],
                    late: audit::is_late(request),
                },
                connection,
            ),
            Step::Send { connection, bytes } => (
                Deed::Write {
                    pieces: vec![bytes.clone()],
                    late: false,
                },
                connection,
            ),
            Step::Socket { connection, action } => (Deed::Socket(*action), connection),
        };
        Act {
            place: Place::at(index),
            connection: connection.clone(),
            deed,
        }
    }

    /// Bytes that the dialogue does not have.
    pub(super) fn extra(place: Place, connection: &str, bytes: Vec<u8>) -> Act {
        Act {
            place,
            connection: connection.to_owned(),
            deed: Deed::Write {
                pieces: vec![bytes],
                late: false,
            },
        }
    }

    /// A command that the dialogue does not have.
    pub(super) fn command(place: Place, connection: &str, words: &[&str]) -> Act {
        Act::extra(place, connection, encode_multibulk(words))
    }
}

/// What was heard on one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stream {
    /// Every byte.
    pub(super) bytes: Vec<u8>,
    /// How far it had come after each act during which something arrived.
    pub(super) marks: Vec<(Place, usize)>,
    /// Whether the server has closed it. FIN or RST may depend on what was still unread.
    pub(super) ended: bool,
}

impl Stream {
    /// The act during which the byte before this offset arrived.
    pub(super) fn arrival(&self, end: usize) -> Place {
        let mark = self.marks.iter().find(|(_, so_far)| *so_far >= end);
        mark.or(self.marks.last())
            .map_or(Place::BEFORE, |(place, _)| *place)
    }
}

/// Everything that was heard, by connection.
pub(super) type Heard = BTreeMap<String, Stream>;

/// Why nothing was heard.
#[derive(Debug)]
pub(super) enum Silence {
    /// The server cannot be put into the state the dialogue begins in.
    NotReady(String),
    /// The server is gone or stuck.
    Lost(Trouble),
    /// There is no server any more.
    Unreachable(Unreachable),
}

impl From<Trouble> for Silence {
    fn from(trouble: Trouble) -> Silence {
        Silence::Lost(trouble)
    }
}

/// Plays the acts on a server that is in the state in which the dialogue begins.
pub(super) fn play(seat: &mut Seat, dialogue: &Dialogue, acts: &[Act]) -> Result<Heard, Silence> {
    match seat.prepare(&dialogue.case) {
        Ok(()) => {}
        Err(Halt::Unreachable(error)) => return Err(Silence::Unreachable(error)),
        Err(Halt::Verdict(Verdict::NotApplicable(reason))) => {
            return Err(Silence::NotReady(reason));
        }
        Err(Halt::Verdict(_)) => {
            return Err(Silence::NotReady(
                "the server cannot be prepared".to_owned(),
            ));
        }
    }
    let control = seat.control();
    if dialogue.is_generated {
        // Where DEBUG is not allowed, DBSIZE remains a matter of chance.
        control.command(&[b"DEBUG", b"SET-ACTIVE-EXPIRE", b"0"])?;
    }
    let heard = speak(&mut Session::new(control), acts)?;
    if dialogue.is_generated {
        control.command(&[b"DEBUG", b"SET-ACTIVE-EXPIRE", b"1"])?;
    }
    Ok(heard)
}

fn speak(session: &mut Session<'_>, acts: &[Act]) -> Result<Heard, Trouble> {
    let mut heard = Heard::new();
    let mut readers = BTreeMap::new();
    for act in acts {
        let name = &act.connection;
        match &act.deed {
            Deed::Write { pieces, late } => {
                for (index, piece) in pieces.iter().enumerate() {
                    if index > 0 {
                        read_by_the_server(session, name)?;
                    }
                    session.send(name, piece, Instant::now() + WRITE_WITHIN)?;
                }
                if *late {
                    wait_for_an_answer(session, name);
                }
            }
            Deed::Socket(action) => touch(session, name, *action)?,
        }
        session.settle()?;
        if act.length() > LONG_WRITE {
            hear_out(session, name)?;
        }
        take_all(session, act.place, &mut heard, &mut readers);
        // A long reply does not fit into the sockets' buffers at once.
        let deadline = Instant::now() + WHOLE_WITHIN;
        while is_halfway(name, &heard, &readers) && session.wait_for_input(deadline) {
            take_all(session, act.place, &mut heard, &mut readers);
        }
    }
    // A server that is about to close does so by then.
    if let Some(last) = acts.last() {
        session.settle()?;
        take_all(session, last.place, &mut heard, &mut readers);
    }
    Ok(heard)
}

/// Settles until that brings no more on the connection. Who never stops is not heard for longer than a reply is.
fn hear_out(session: &mut Session<'_>, name: &str) -> Result<(), Trouble> {
    let deadline = Instant::now() + WHOLE_WITHIN;
    loop {
        let before = session.inbox(name).len();
        session.settle()?;
        if session.inbox(name).len() == before || Instant::now() >= deadline {
            return Ok(());
        }
    }
}

/// Whether a reply on the connection has begun and not ended.
fn is_halfway(name: &str, heard: &Heard, readers: &BTreeMap<String, Reader>) -> bool {
    let is_open = heard.get(name).is_some_and(|stream| !stream.ended);
    let is_reading = readers.get(name).is_some_and(|reader| {
        !reader.pending().is_empty() && matches!(reader.clone().next_reply(), Ok(None))
    });
    is_open && is_reading
}

/// A server that answers a piece may be about to close; nothing more must be written then, or its last words may be lost.
fn read_by_the_server(session: &mut Session<'_>, name: &str) -> Result<(), Trouble> {
    let before = session.inbox(name).len();
    session.barrier()?;
    session.drain();
    if session.inbox(name).len() > before {
        session.settle()?;
    }
    Ok(())
}

fn wait_for_an_answer(session: &mut Session<'_>, name: &str) {
    let deadline = Instant::now() + LATE_WITHIN;
    while session.inbox(name).is_empty()
        && session.ended(name).is_none()
        && session.wait_for_input(deadline)
    {}
}

fn touch(session: &mut Session<'_>, name: &str, action: SocketAction) -> Result<(), Trouble> {
    session.open(name, None, None)?;
    match action {
        SocketAction::Shutdown => session.shutdown(name),
        SocketAction::Close => session.close(name),
        SocketAction::Rst => session.reset(name),
        SocketAction::Pause => session.pause(name),
        SocketAction::Resume => session.resume(name),
        SocketAction::Open { .. } | SocketAction::Flush => {}
    }
    Ok(())
}

fn take_all(
    session: &mut Session<'_>,
    place: Place,
    heard: &mut Heard,
    readers: &mut BTreeMap<String, Reader>,
) {
    for name in session.names() {
        let bytes = session.take(&name, session.inbox(&name).len());
        let ended = session.ended(&name).is_some();
        let stream = heard.entry(name.clone()).or_default();
        if !bytes.is_empty() {
            let reader = readers.entry(name).or_default();
            reader.feed(&bytes);
            while let Ok(Some(_)) = reader.next_reply() {}
            stream.bytes.extend(bytes);
            stream.marks.push((place, stream.bytes.len()));
        }
        stream.ended = ended;
    }
}
