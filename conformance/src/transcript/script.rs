//! A transcript as one server is to meet it: guards resolved, adjacent sends joined into writes, adjacent expectations
//! into reads. Knows nothing of how a script is played.

use std::time::Duration;

use super::pattern::{expand, expand_argument};
use super::{
    Action, Captures, Content, Ending, Identity, Line, NothingCaptured, Observation, Pattern,
    PatternPart, SendPart, SocketAction, Step, Transcript,
};
use crate::request::encode_multibulk;

/// What is done and expected, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// In order.
    pub moves: Vec<Move>,
}

/// One thing done or expected. Line numbers are the transcript's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// One write, but for the cuts in it. The connection is opened first if it is not open yet.
    Write {
        /// On which connection.
        connection: String,
        /// The lines it is joined from; never empty.
        sends: Vec<Sent>,
    },
    /// Exactly these bytes are read.
    Read {
        /// On which connection.
        connection: String,
        /// The lines it is joined from; never empty.
        lines: Vec<ExpectedLine>,
    },
    /// The client does something to its socket.
    Socket {
        /// On which connection.
        connection: String,
        /// What.
        action: SocketAction,
        /// Where it is written.
        line: usize,
    },
    /// Something must be seen of the server's side of the connection.
    Observe {
        /// On which connection.
        connection: String,
        /// What.
        observation: Observation,
        /// Where it is written.
        line: usize,
    },
    /// Everything sent so far has been read by the server before anything else is sent.
    Barrier {
        /// Where it is written.
        line: usize,
    },
    /// Time passes.
    Sleep {
        /// How much.
        duration: Duration,
        /// Where it is written.
        line: usize,
    },
}

/// One line's share of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Where it is written.
    pub line: usize,
    /// What it sends.
    pub payload: Payload,
}

/// What a line sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A command, to be encoded as multibulk.
    Command(Vec<Vec<SendPart>>),
    /// Bytes, with the line's CRLF if it has one.
    Bytes(Vec<SendPart>),
}

impl Script {
    /// About how many bytes each write has, in order: what is captured while it is played counts as none.
    pub fn writes(&self) -> impl Iterator<Item = usize> {
        self.moves.iter().filter_map(|step| match step {
            Move::Write { sends, .. } => Some(sends.iter().map(Sent::length).sum()),
            _ => None,
        })
    }
}

impl Sent {
    fn length(&self) -> usize {
        /// Of an argument's own header and end, when it has a few digits.
        const AROUND: usize = b"$10\r\n\r\n".len();
        let length = |parts: &Vec<SendPart>| -> usize {
            let parts = parts.iter().map(|part| match part {
                SendPart::Literal(bytes) => bytes.len(),
                SendPart::Repeat { unit, count } => unit.len() * count,
                SendPart::Reuse(_) | SendPart::Cut => 0,
            });
            parts.sum()
        };
        match &self.payload {
            Payload::Command(arguments) => {
                arguments.iter().map(|parts| length(parts) + AROUND).sum()
            }
            Payload::Bytes(parts) => length(parts),
        }
    }

    /// The bytes, divided at the line's own cuts.
    ///
    /// # Errors
    /// When something is reused that nothing has captured.
    pub fn expand(&self, captures: &Captures) -> Result<Vec<Vec<u8>>, NothingCaptured> {
        match &self.payload {
            Payload::Bytes(parts) => expand(parts, captures),
            Payload::Command(arguments) => {
                let arguments: Result<Vec<_>, _> = arguments
                    .iter()
                    .map(|parts| expand_argument(parts, captures))
                    .collect();
                Ok(vec![encode_multibulk(&arguments?)])
            }
        }
    }
}

/// The bytes of a whole write, divided at its cuts: one `Vec` for each part between cuts.
///
/// # Errors
/// When something is reused that nothing has captured.
pub fn expand_write(sends: &[Sent], captures: &Captures) -> Result<Vec<Vec<u8>>, NothingCaptured> {
    let mut pieces = vec![Vec::new()];
    for sent in sends {
        for (index, piece) in sent.expand(captures)?.into_iter().enumerate() {
            match pieces.last_mut() {
                Some(last) if index == 0 => last.extend_from_slice(&piece),
                _ => pieces.push(piece),
            }
        }
    }
    Ok(pieces)
}

/// One line's share of what is read, or an any-order block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedLine {
    /// Where it is written.
    pub line: usize,
    /// The bytes, with the line's CRLF if it has one.
    pub pattern: Pattern,
}

/// See [`Transcript::script`].
pub(super) fn resolve(transcript: &Transcript, server: &Identity) -> Script {
    let mut moves = Vec::new();
    for (line, step) in transcript.steps().filter(|(_, step)| holds(step, server)) {
        add(&mut moves, line, &step.action, server);
    }
    Script { moves }
}

fn holds(step: &Step, server: &Identity) -> bool {
    step.guard.as_ref().is_none_or(|guard| guard.holds(server))
}

fn add(moves: &mut Vec<Move>, line: usize, action: &Action, server: &Identity) {
    match action {
        Action::Command {
            connection,
            arguments,
        } => {
            add_send(
                moves,
                connection,
                Sent {
                    line,
                    payload: Payload::Command(arguments.clone()),
                },
            );
        }
        Action::Send {
            connection,
            parts,
            ending,
        } => {
            let mut parts = parts.clone();
            if *ending == Ending::Crlf {
                parts.push(SendPart::Literal(b"\r\n".to_vec()));
            }
            add_send(
                moves,
                connection,
                Sent {
                    line,
                    payload: Payload::Bytes(parts),
                },
            );
        }
        Action::Expect {
            connection,
            pattern,
            ending,
        } => {
            add_expectation(
                moves,
                connection,
                ExpectedLine {
                    line,
                    pattern: with_ending(pattern, *ending),
                },
            );
        }
        Action::AnyOrder { connection, items } => {
            let items = items
                .iter()
                .filter_map(|item| any_order_item(item, server))
                .collect();
            let pattern = Pattern {
                parts: vec![PatternPart::AnyOrder(items)],
            };
            add_expectation(moves, connection, ExpectedLine { line, pattern });
        }
        Action::Socket { connection, action } => {
            moves.push(Move::Socket {
                connection: connection.clone(),
                action: *action,
                line,
            });
        }
        Action::Observe {
            connection,
            observation,
        } => {
            moves.push(Move::Observe {
                connection: connection.clone(),
                observation: *observation,
                line,
            });
        }
        Action::Barrier => moves.push(Move::Barrier { line }),
        Action::Sleep(duration) => moves.push(Move::Sleep {
            duration: *duration,
            line,
        }),
    }
}

fn add_send(moves: &mut Vec<Move>, to: &str, sent: Sent) {
    match moves.last_mut() {
        Some(Move::Write { connection, sends }) if connection == to => sends.push(sent),
        _ => moves.push(Move::Write {
            connection: to.to_owned(),
            sends: vec![sent],
        }),
    }
}

fn add_expectation(moves: &mut Vec<Move>, from: &str, expected: ExpectedLine) {
    match moves.last_mut() {
        Some(Move::Read { connection, lines }) if connection == from => lines.push(expected),
        _ => moves.push(Move::Read {
            connection: from.to_owned(),
            lines: vec![expected],
        }),
    }
}

fn any_order_item(item: &Line, server: &Identity) -> Option<Pattern> {
    match &item.content {
        Content::Step(step) if holds(step, server) => match &step.action {
            Action::Expect {
                pattern, ending, ..
            } => Some(with_ending(pattern, *ending)),
            _ => None,
        },
        _ => None,
    }
}

fn with_ending(pattern: &Pattern, ending: Ending) -> Pattern {
    let mut pattern = pattern.clone();
    if ending == Ending::Crlf {
        pattern.push_literal(b"\r\n");
    }
    pattern
}
