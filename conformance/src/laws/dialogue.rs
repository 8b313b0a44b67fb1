//! What is said to a server before a law is looked at: whole requests and loose bytes on named connections, in order, taken
//! from a transcript or a generated stream. Knows no answers and no laws.

use std::collections::BTreeSet;
use std::path::Path;

use crate::case::Case;
use crate::generate::{Stream, connection_name};
use crate::request::{encode_inline, encode_multibulk, split_line};
use crate::reset::Undo;
use crate::transcript::script::expand_write;
use crate::transcript::{Captures, Identity, Move, Observation, SocketAction, Transcript};

/// A transcript that sends more than this is about what fits into buffers, or about speed.
const SENT_MAX: usize = 1 << 20;

/// One client's side of a conversation, several connections of it.
#[derive(Clone, Debug)]
pub struct Dialogue {
    /// Where it is from: a transcript's id, or the seed and number of a stream.
    pub name: String,
    /// What is said and done, in order.
    pub steps: Vec<Step>,
    /// What the server is set to before, and what must be undone after it.
    pub(super) case: Case,
    /// Generated streams may set deadlines, and a server that expires keys in its own time would answer by chance.
    pub(super) is_generated: bool,
}

/// One thing said or done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A whole command.
    Ask {
        /// On which connection.
        connection: String,
        /// What.
        request: Request,
    },
    /// Bytes that are not whole commands: half a command, or something that is none.
    Send {
        /// On which connection.
        connection: String,
        /// They.
        bytes: Vec<u8>,
    },
    /// Something done to the socket: open, shutdown or close.
    Socket {
        /// To which connection.
        connection: String,
        /// What.
        action: SocketAction,
    },
}

/// A command as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its words, the name first; never empty.
    pub arguments: Vec<Vec<u8>>,
    /// As an inline line rather than as multibulk.
    pub inline: bool,
}

impl Request {
    /// A command as every client library sends it.
    pub fn multibulk<A: AsRef<[u8]>>(arguments: &[A]) -> Request {
        Request {
            arguments: arguments
                .iter()
                .map(|word| word.as_ref().to_vec())
                .collect(),
            inline: false,
        }
    }

    /// Its bytes on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        if self.inline {
            encode_inline(&self.arguments)
        } else {
            encode_multibulk(&self.arguments)
        }
    }

    /// A word in capitals, as far as it can be read; empty if there is none.
    pub fn word(&self, index: usize) -> String {
        let word = self.arguments.get(index).map_or(&[][..], Vec::as_slice);
        String::from_utf8_lossy(word).to_ascii_uppercase()
    }
}

impl Step {
    /// The connection it concerns.
    pub fn connection(&self) -> &str {
        match self {
            Step::Ask { connection, .. }
            | Step::Send { connection, .. }
            | Step::Socket { connection, .. } => connection,
        }
    }
}

impl Dialogue {
    /// These steps on a server that is empty and as it was started.
    pub fn new(name: &str, steps: Vec<Step>) -> Dialogue {
        let words: Vec<String> = steps
            .iter()
            .map(|step| match step {
                Step::Ask { request, .. } => {
                    let words = request.arguments.iter();
                    let words = words.map(|word| String::from_utf8_lossy(word).into_owned());
                    words.collect::<Vec<_>>().join(" ")
                }
                Step::Send { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
                Step::Socket { .. } => String::new(),
            })
            .collect();
        let case = Case {
            path: Path::new(name).to_owned(),
            transcript: Transcript::default(),
            header: Transcript::default().header(),
            undo: Undo::of(&words.join("\n")),
        };
        Dialogue {
            name: name.to_owned(),
            steps,
            case,
            is_generated: false,
        }
    }

    /// What a transcript asks of this server. Without its answers and cuts: a law looks at neither.
    ///
    /// # Errors
    /// Why no law can be looked at with it, in words that are the same for all transcripts of which it is so.
    pub fn of_case(case: &Case, server: &Identity) -> Result<Dialogue, &'static str> {
        if case
            .header
            .since
            .as_ref()
            .is_some_and(|since| !since.holds(server))
        {
            return Err("the transcript is not for this server");
        }
        if case.header.needs.iter().any(|need| need == "start") {
            return Err("the transcript ends the server or starts it otherwise");
        }
        let mut steps = Vec::new();
        let mut sent = 0;
        for step in case.transcript.script(server).moves {
            match step {
                Move::Write { connection, sends } => {
                    let pieces = expand_write(&sends, &Captures::new())
                        .map_err(|_| "what it sends depends on what was answered")?;
                    sent += pieces.iter().map(Vec::len).sum::<usize>();
                    if sent > SENT_MAX {
                        return Err("it sends so much that the sockets' buffers matter");
                    }
                    steps.extend(asked(&connection, &pieces.concat()));
                }
                Move::Socket {
                    connection, action, ..
                } => match action {
                    SocketAction::Open {
                        receive_buffer: None,
                        send_buffer: None,
                    }
                    | SocketAction::Shutdown
                    | SocketAction::Close => steps.push(Step::Socket { connection, action }),
                    SocketAction::Flush => {}
                    SocketAction::Open { .. } | SocketAction::Pause | SocketAction::Resume => {
                        return Err("what arrives depends on how full the sockets' buffers are");
                    }
                    SocketAction::Rst => {
                        return Err("a reset may overtake what was sent before it");
                    }
                },
                Move::Sleep { .. }
                | Move::Observe {
                    observation: Observation::Quiet(Some(_)),
                    ..
                } => return Err("it waits for time to pass"),
                Move::Read { .. } | Move::Observe { .. } | Move::Barrier { .. } => {}
            }
        }
        Ok(Dialogue {
            name: case.id().to_owned(),
            steps,
            case: case.clone(),
            is_generated: false,
        })
    }

    /// What a generated stream asks. Its turns and cuts are left out: the laws make their own.
    pub fn of_stream(name: &str, stream: &Stream) -> Dialogue {
        let mut steps = Vec::new();
        for connection in stream.connections() {
            if stream.resp3[connection] {
                steps.push(Step::Ask {
                    connection: connection_name(connection).to_owned(),
                    request: Request::multibulk(&["HELLO", "3"]),
                });
            }
        }
        for turn in &stream.turns {
            steps.extend(turn.requests.iter().map(|request| Step::Ask {
                connection: connection_name(turn.connection).to_owned(),
                request: Request {
                    arguments: request.arguments.clone(),
                    inline: request.inline,
                },
            }));
        }
        Dialogue {
            is_generated: true,
            ..Dialogue::new(name, steps)
        }
    }

    /// The same server, asked less.
    pub(super) fn with_steps(&self, steps: Vec<Step>) -> Dialogue {
        Dialogue {
            steps,
            ..self.clone()
        }
    }

    /// Every whole command with its connection, in order.
    pub(super) fn requests(&self) -> impl Iterator<Item = (&str, &Request)> {
        self.steps.iter().filter_map(|step| match step {
            Step::Ask {
                connection,
                request,
            } => Some((connection.as_str(), request)),
            _ => None,
        })
    }

    /// The connections, each once.
    pub(super) fn connections(&self) -> BTreeSet<&str> {
        self.steps.iter().map(Step::connection).collect()
    }

    /// Whether all that is sent are whole commands.
    pub(super) fn is_all_commands(&self) -> bool {
        !self
            .steps
            .iter()
            .any(|step| matches!(step, Step::Send { .. }))
    }
}

/// A write as the commands it is made of; as bytes when it is not made of commands in their plainest form, for then every
/// byte may matter.
fn asked(connection: &str, bytes: &[u8]) -> Vec<Step> {
    let mut requests = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let parsed = if rest[0] == b'*' {
            multibulk(rest)
        } else {
            inline(rest)
        };
        let Some((request, length)) = parsed else {
            return vec![Step::Send {
                connection: connection.to_owned(),
                bytes: bytes.to_vec(),
            }];
        };
        requests.push(Step::Ask {
            connection: connection.to_owned(),
            request,
        });
        rest = &rest[length..];
    }
    requests
}

fn multibulk(bytes: &[u8]) -> Option<(Request, usize)> {
    let mut at = 0;
    let header = |prefix: u8, at: &mut usize| -> Option<usize> {
        let end = *at + bytes[*at..].windows(2).position(|pair| pair == b"\r\n")?;
        let digits = bytes[*at..end].strip_prefix(&[prefix])?;
        *at = end + 2;
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    let count = header(b'*', &mut at)?;
    let mut arguments = Vec::new();
    for _ in 0..count {
        let length = header(b'$', &mut at)?;
        arguments.push(bytes.get(at..at.checked_add(length)?)?.to_vec());
        at += length + 2;
    }
    let request = Request {
        arguments,
        inline: false,
    };
    // `*01`, a wrong byte behind a bulk: whatever does not print as it was read is not a plain command.
    let is_plain = !request.arguments.is_empty() && bytes.get(..at) == Some(&request.bytes()[..]);
    is_plain.then_some((request, at))
}

fn inline(bytes: &[u8]) -> Option<(Request, usize)> {
    let length = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let request = Request {
        arguments: split_line(&bytes[..length - 2]).ok()?,
        inline: true,
    };
    let is_plain = !request.arguments.is_empty() && request.bytes() == bytes[..length];
    is_plain.then_some((request, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_of_plain_commands_is_taken_apart_and_any_other_is_left_whole() {
        let whole = b"*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\nPING\r\n";
        let requests: Vec<Step> = asked("a", whole);
        assert_eq!(requests.len(), 2, "{requests:?}");
        for odd in [
            &b"*1\r\n$4\r\nPI"[..],
            b"PING\n",
            b"*01\r\n$4\r\nPING\r\n",
            b"*1\r\n$4\r\nPINGxx",
            b"*0\r\n",
            b"\r\n",
            b"  PING\r\n",
            b"*1\r\n$99999999999999999999\r\n",
            b"*1\r\n$18446744073709551615\r\n",
        ] {
            assert_eq!(
                asked("a", odd),
                [Step::Send {
                    connection: "a".to_owned(),
                    bytes: odd.to_vec()
                }],
                "{}",
                odd.escape_ascii()
            );
        }
    }
}
