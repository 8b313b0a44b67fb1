//! Plays the script of a transcript on a real server and keeps what it answers, in the transcript's places. Compares nothing
//! and writes no file: that is for whoever records.

use std::time::Instant;

use crate::cuts::Cut;
use crate::replay::{Player, Stop};
use crate::session::{Control, Ended};
use crate::transcript::{
    Captures, ExpectedLine, Header, Match, Move, Observation, Pattern, PatternPart, Script,
};
use crate::wire::Reader;

/// What a server said on one connection at one place of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// On which connection.
    pub connection: String,
    /// Where it belongs.
    pub place: Place,
    /// Every byte that came; possibly none.
    pub bytes: Vec<u8>,
    /// The server closed behind these bytes.
    pub ended: Option<Ended>,
}

/// Where in a transcript something belongs. Line numbers are those of the file that was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Takes the place of the adjacent expectations that begin at this line.
    At(usize),
    /// Comes right behind this line, where nothing is expected yet.
    Behind(usize),
}

impl Place {
    /// The line it concerns.
    pub fn line(self) -> usize {
        match self {
            Place::At(line) | Place::Behind(line) => line,
        }
    }
}

/// Why nothing could be heard. Its text is for the person who records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// The line at which it stopped; 0 if at none in particular.
    pub line: usize,
    /// Why.
    pub why: String,
}

/// Plays a script once, whole, and returns everything that was said, in order.
///
/// A transcript that expects something somewhere is taken at its word: its expectations say where answers are read. One
/// that expects nothing yet is a draft, and whatever comes after each write is kept behind that write.
///
/// # Errors
/// When the server is lost, or the transcript reuses what no hole has captured.
pub fn observe(
    script: &Script,
    header: &Header,
    control: &mut Control,
) -> Result<Vec<Heard>, Unheard> {
    let is_draft = !script
        .moves
        .iter()
        .any(|step| matches!(step, Move::Read { .. }));
    let mut observer = Observer {
        player: Player::new(header, Cut::Whole, control),
        is_draft,
        heard: Vec::new(),
    };
    let mut line = 0;
    for (index, step) in script.moves.iter().enumerate() {
        line = last_line(step);
        observer
            .follow(step, &script.moves[index + 1..])
            .map_err(|stop| unheard(stop, line))?;
    }
    observer.finish(line).map_err(|stop| unheard(stop, line))?;
    Ok(observer.heard)
}

struct Observer<'c, 'h> {
    player: Player<'c, 'h>,
    is_draft: bool,
    heard: Vec<Heard>,
}

impl Observer<'_, '_> {
    fn follow(&mut self, step: &Move, ahead: &[Move]) -> Result<(), Stop> {
        match step {
            Move::Read { connection, lines } => self.read(connection, lines, ahead),
            Move::Observe {
                connection,
                observation,
                line,
            } => self.observe(connection, *observation, *line),
            action => {
                self.player.act(action)?;
                if let (Move::Write { .. }, true) = (step, self.is_draft) {
                    self.player.session.settle()?;
                    self.keep_all(last_line(step));
                }
                Ok(())
            }
        }
    }

    /// Waits for what is expected here, and keeps what comes instead.
    fn read(
        &mut self,
        connection: &str,
        lines: &[ExpectedLine],
        ahead: &[Move],
    ) -> Result<(), Stop> {
        let session = &mut self.player.session;
        session.open(connection, None, None)?;
        session.resume(connection);
        let deadline = Instant::now() + self.player.timeout;
        // Written as one pattern: answers are held against all lines together, wherever their borders are.
        let wanted = Pattern {
            parts: lines
                .iter()
                .flat_map(|line| line.pattern.parts.clone())
                .collect(),
        };
        loop {
            session.settle()?;
            let (fits, missing) =
                match wanted.match_at(session.inbox(connection), &mut self.player.captures) {
                    Match::Whole { length } => (Some(length), false),
                    Match::NeedsMore => (None, true),
                    // Another answer: the same number of replies, if that can be said, or all there is.
                    Match::Mismatch { .. } => (None, session.inbox(connection).is_empty()),
                };
            let over = session.ended(connection).is_some() || Instant::now() >= deadline;
            if missing && !over {
                session.wait_for_input(deadline);
                continue;
            }
            let inbox = session.inbox(connection);
            let length = fits.unwrap_or_else(|| match read_again(connection, ahead) {
                true => same_number_of_replies(&wanted, inbox, &self.player.captures),
                false => inbox.len(),
            });
            // More than was expected, and nobody reads again: it belongs here.
            let discarded = discards_next(connection, ahead);
            let length = if discarded || read_again(connection, ahead) {
                length
            } else {
                inbox.len()
            };
            let bytes = session.take(connection, length);
            self.heard.push(Heard {
                connection: connection.to_owned(),
                place: Place::At(lines.first().map_or(0, |line| line.line)),
                bytes,
                ended: None,
            });
            return Ok(());
        }
    }

    /// An end is waited for; silence is only looked at.
    fn observe(
        &mut self,
        connection: &str,
        observation: Observation,
        line: usize,
    ) -> Result<(), Stop> {
        let deadline = Instant::now() + self.player.timeout;
        let session = &mut self.player.session;
        session.open(connection, None, None)?;
        let discard = match observation {
            Observation::Quiet(_) => {
                session.settle()?;
                false
            }
            Observation::End { discard, .. } => {
                session.resume(connection);
                session.drain();
                while session.ended(connection).is_none() && Instant::now() < deadline {
                    session.wait_for_input(deadline);
                }
                discard
            }
        };
        let mut bytes = session.take(connection, session.inbox(connection).len());
        if discard {
            bytes.clear();
        }
        let ended = session.ended(connection);
        self.heard.push(Heard {
            connection: connection.to_owned(),
            place: Place::At(line),
            bytes,
            ended,
        });
        Ok(())
    }

    /// What nobody has read, on any connection.
    fn keep_all(&mut self, line: usize) {
        let session = &mut self.player.session;
        for connection in session.names() {
            let bytes = session.take(&connection, session.inbox(&connection).len());
            let known = self
                .heard
                .iter()
                .any(|heard| heard.connection == connection && heard.ended.is_some());
            let ended = session.ended(&connection).filter(|_| !known);
            if !bytes.is_empty() || ended.is_some() {
                self.heard.push(Heard {
                    connection,
                    place: Place::Behind(line),
                    bytes,
                    ended,
                });
            }
        }
    }

    fn finish(&mut self, line: usize) -> Result<(), Stop> {
        for name in self.player.session.names() {
            self.player.session.resume(&name);
        }
        self.player.session.settle()?;
        self.keep_all(line);
        Ok(())
    }
}

/// Whether the connection is read once more before anything is written to it.
fn read_again(connection: &str, ahead: &[Move]) -> bool {
    let next = ahead.iter().find_map(|step| match step {
        Move::Write { connection: to, .. } if to == connection => Some(false),
        Move::Read {
            connection: from, ..
        } if from == connection => Some(true),
        _ => None,
    });
    next.unwrap_or(false)
}

/// Whether the next thing that happens on the connection is an end before which bytes are thrown away.
fn discards_next(connection: &str, ahead: &[Move]) -> bool {
    let next = ahead.iter().find_map(|step| match step {
        Move::Observe {
            connection: on,
            observation,
            ..
        } if on == connection => Some(observation),
        _ => None,
    });
    matches!(next, Some(Observation::End { discard: true, .. }))
}

/// The length of as many whole replies as the expectation has, or everything if it cannot be counted.
fn same_number_of_replies(wanted: &Pattern, inbox: &[u8], captures: &Captures) -> usize {
    let mut bytes = Vec::new();
    for part in &wanted.parts {
        match part {
            PatternPart::Literal(literal) => bytes.extend_from_slice(literal),
            PatternPart::Repeat { unit, count } => bytes.extend_from_slice(&unit.repeat(*count)),
            PatternPart::Reuse(name) | PatternPart::Hole { name, .. } => {
                bytes.extend_from_slice(captures.get(name).map_or(b"0", |capture| &capture.bytes));
            }
            PatternPart::AnyOrder(_) => return inbox.len(),
        }
    }
    let count = reply_ends(&bytes).len();
    match count
        .checked_sub(1)
        .and_then(|last| reply_ends(inbox).get(last).copied())
    {
        Some(end) => end,
        None => inbox.len(),
    }
}

/// Where each whole reply ends.
fn reply_ends(bytes: &[u8]) -> Vec<usize> {
    let mut reader = Reader::new();
    reader.feed(bytes);
    let replies = std::iter::from_fn(|| reader.next_reply().ok().flatten());
    replies
        .map(|reply| reply.offset() as usize + reply.bytes().len())
        .collect()
}

fn last_line(step: &Move) -> usize {
    match step {
        Move::Write { sends, .. } => sends.last().map_or(0, |sent| sent.line),
        Move::Read { lines, .. } => lines.last().map_or(0, |line| line.line),
        Move::Socket { line, .. }
        | Move::Observe { line, .. }
        | Move::Barrier { line }
        | Move::Sleep { line, .. } => *line,
    }
}

fn unheard(stop: Stop, line: usize) -> Unheard {
    match stop {
        Stop::Broken(trouble) => Unheard {
            line,
            why: trouble.to_string(),
        },
        Stop::BadTranscript { line, message } => Unheard { line, why: message },
        Stop::Diverged(divergence) => Unheard {
            line: divergence.line,
            why: divergence.fault.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_answer_takes_as_many_replies_as_were_expected() {
        let wanted = Pattern::literal(b":1\r\n+OK\r\n");
        let inbox = b"-ERR no\r\n$2\r\nab\r\n:3\r\n";
        assert_eq!(same_number_of_replies(&wanted, inbox, &Captures::new()), 17);
        assert_eq!(
            same_number_of_replies(&Pattern::literal(b"junk"), inbox, &Captures::new()),
            inbox.len()
        );
        assert_eq!(
            same_number_of_replies(&wanted, b":1\r\n", &Captures::new()),
            4,
            "fewer came than were expected"
        );
    }
}
