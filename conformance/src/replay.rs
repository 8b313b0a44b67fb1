//! Plays the script of a transcript on a server, once, with its writes divided in one way, and holds every answer
//! against what is due. Starts no server, chooses no cuts, prints nothing.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::compare::{Fault, diagnose, diagnose_trailing};
use crate::control::{Control, Trouble};
use crate::cuts::{Cut, fragments};
use crate::request::encode_multibulk;
use crate::session::{Ended, Session, WireEvent};
use crate::transcript::escape::escaped;
use crate::transcript::script::expand_write;
use crate::transcript::{
    Captures, End, ExpectedLine, Header, Matcher, Move, Observation, Pattern, PatternPart, Payload,
    Progress, Script, Sent, SocketAction, Split, Trailing,
};
use crate::wire::Reader;

/// How long an expectation may take when the transcript does not say. Only a wrong answer ever takes that long.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// A write may take this long: the server may have to be read from, megabytes at a time, before it reads on.
const WRITE_WITHIN: Duration = Duration::from_secs(30);

/// Of an answer this much is kept for the report and the diagnosis.
const KEPT: usize = 64 * 1024;

/// One run of one script.
#[derive(Debug)]
pub struct Run {
    /// What came of it.
    pub outcome: Outcome,
    /// The length of every write, in order.
    pub writes: Vec<usize>,
    /// What was forgiven on the way.
    pub forgiven: Forgiven,
    /// What went over the wire, oldest first.
    pub wire: Vec<WireEvent>,
}

/// What came of a run.
#[derive(Debug)]
pub enum Outcome {
    /// Every byte is as it is due.
    Same,
    /// Something is not.
    Diverged(Box<Divergence>),
    /// The server could not be asked any further.
    Broken(Trouble),
    /// The transcript itself cannot be played.
    BadTranscript {
        /// The line.
        line: usize,
        /// Why.
        message: String,
    },
}

/// The first thing that was not as it is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// What is wrong.
    pub fault: Fault,
    /// On which connection.
    pub connection: String,
    /// The line that says what is due; 0 for the end of the transcript.
    pub line: usize,
    /// The last write on that connection before it.
    pub sent: Vec<u8>,
    /// What was due, as a transcript writes it.
    pub expected: String,
    /// The same in bytes, as far as they are known: to the first hole that nothing had filled.
    pub expected_bytes: Vec<u8>,
    /// What came, from the first byte the line concerns.
    pub actual: Vec<u8>,
    /// The first byte of `actual` that is wrong.
    pub offset: usize,
    /// The same, counted from the connection's first byte.
    pub stream_offset: usize,
    /// What was due there, where the line says something shorter than bytes: a hole, an end.
    pub due: String,
    /// How the connection stood afterwards.
    pub state: State,
}

/// How a connection stood after a divergence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The server had closed it.
    Ended(Ended),
    /// It was open; nothing more was asked.
    Open,
    /// It was open, and a PING with a nonce was answered after so many other replies: none means that client and server
    /// still agree on what has been answered.
    AnsweredAfter(usize),
    /// It was open, and a PING with a nonce was not answered.
    Deaf,
}

/// Every tolerance that was used, and how often. Nothing is forgiven without being counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgiven {
    counts: BTreeMap<String, usize>,
}

impl Forgiven {
    /// Counts one use.
    pub fn add(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    /// Adds what another run forgave.
    pub fn merge(&mut self, other: &Forgiven) {
        for (what, count) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += count;
        }
    }

    /// What was forgiven, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.counts
            .iter()
            .map(|(what, count)| (what.as_str(), *count))
    }
}

/// Plays a script.
pub fn play(script: &Script, header: &Header, cut: Cut, control: &mut Control) -> Run {
    let mut player = Player::new(header, cut, control);
    let outcome = player.play(script);
    let outcome = match outcome {
        Ok(()) => Outcome::Same,
        Err(Stop::Diverged(divergence)) => Outcome::Diverged(divergence),
        Err(Stop::Broken(trouble)) => Outcome::Broken(trouble),
        Err(Stop::BadTranscript { line, message }) => Outcome::BadTranscript { line, message },
    };
    let mut wire = player.session.into_wire();
    wire.truncate(player.wire_end.unwrap_or(wire.len()));
    Run {
        outcome,
        writes: player.writes,
        forgiven: player.forgiven,
        wire,
    }
}

/// Why a run ends before its script.
#[derive(Debug)]
pub(crate) enum Stop {
    Diverged(Box<Divergence>),
    Broken(Trouble),
    BadTranscript { line: usize, message: String },
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Stop {
        Stop::Broken(trouble)
    }
}

/// A script being played. `record` plays with it too, and looks at the answers itself.
pub(crate) struct Player<'c, 'h> {
    pub(crate) session: Session<'c>,
    pub(crate) captures: Captures,
    pub(crate) timeout: Duration,
    header: &'h Header,
    cut: Cut,
    writes: Vec<usize>,
    forgiven: Forgiven,
    last: BTreeMap<String, Last>,
    /// The connection on which something was done last of which no answer shows that it has been read.
    unproved: Option<String>,
    /// Only so many of the events on the wire are the transcript's.
    wire_end: Option<usize>,
}

/// The last things that happened on a connection.
#[derive(Default)]
struct Last {
    write: Vec<u8>,
    /// How many commands it has; 0 if they are not counted, since they are written as bytes.
    commands: usize,
    fragmented: bool,
    shut: bool,
    end_observed: bool,
    /// The end of what was read and found right.
    read: Vec<u8>,
}

impl<'c, 'h> Player<'c, 'h> {
    pub(crate) fn new(header: &'h Header, cut: Cut, control: &'c mut Control) -> Player<'c, 'h> {
        Player {
            session: Session::new(control),
            captures: Captures::new(),
            timeout: header.timeout.unwrap_or(TIMEOUT),
            header,
            cut,
            writes: Vec::new(),
            forgiven: Forgiven::default(),
            last: BTreeMap::new(),
            unproved: None,
            wire_end: None,
        }
    }

    fn play(&mut self, script: &Script) -> Result<(), Stop> {
        for step in &script.moves {
            match step {
                Move::Read { connection, lines } => self.read(connection, lines)?,
                Move::Observe {
                    connection,
                    observation,
                    line,
                } => {
                    self.session.open(connection, None, None)?;
                    match observation {
                        Observation::End { end, discard } => {
                            self.observe_end(connection, *end, *discard, *line)?;
                            self.last
                                .entry(connection.clone())
                                .or_default()
                                .end_observed = true;
                        }
                        Observation::Quiet(_) => self.observe_quiet(connection, *line)?,
                    }
                }
                action => self.act(action)?,
            }
        }
        self.finish()
    }

    /// Does what expects nothing: writes, socket actions, barriers.
    pub(crate) fn act(&mut self, step: &Move) -> Result<(), Stop> {
        match step {
            Move::Write { connection, sends } => {
                self.in_order(connection)?;
                self.write(connection, sends)?;
                self.unproved = Some(connection.clone());
                Ok(())
            }
            Move::Socket {
                connection, action, ..
            } => {
                let is_told = matches!(
                    action,
                    SocketAction::Shutdown | SocketAction::Rst | SocketAction::Close
                );
                if is_told {
                    self.in_order(connection)?;
                    self.unproved = Some(connection.clone());
                }
                self.socket(connection, *action)
            }
            Move::Barrier { .. } => {
                self.unproved = None;
                Ok(self.session.settle()?)
            }
            Move::Sleep { duration, .. } => {
                self.sleep(*duration);
                Ok(())
            }
            Move::Read { .. } | Move::Observe { .. } => Ok(()),
        }
    }

    /// Before something is done on a connection: what was done on another one has been read by then. Nobody promises in which
    /// order a server reads two connections that have both something to say.
    ///
    /// A transcript that is not to be cut may be about a server that answers no barrier, and has its own where it needs them.
    fn in_order(&mut self, connection: &str) -> Result<(), Stop> {
        let is_due = self.header.split == Split::Any
            && (self.unproved.as_deref()).is_some_and(|other| other != connection);
        if is_due {
            self.session.barrier()?;
        }
        Ok(())
    }

    fn write(&mut self, connection: &str, sends: &[Sent]) -> Result<(), Stop> {
        let pieces =
            expand_write(sends, &self.captures).map_err(|missing| Stop::BadTranscript {
                line: sends.first().map_or(0, |sent| sent.line),
                message: missing.to_string(),
            })?;
        let bytes = pieces.concat();
        let mut places = self.cut.places(&bytes);
        let mut end = 0;
        // The transcript's own cuts stay where they are.
        for piece in &pieces[..pieces.len() - 1] {
            end += piece.len();
            places.push(end);
        }
        places.sort_unstable();
        places.dedup();
        places.retain(|&place| place > 0 && place < bytes.len());

        let deadline = Instant::now() + WRITE_WITHIN;
        let fragments = fragments(&bytes, &places);
        for (index, fragment) in fragments.iter().enumerate() {
            if index > 0 {
                self.prove_read(connection)?;
            }
            self.session.send(connection, fragment, deadline)?;
        }
        let fragmented = fragments.len() > 1;
        self.writes.push(bytes.len());
        let last = self.last.entry(connection.to_owned()).or_default();
        last.write = bytes;
        last.commands = commands(sends);
        last.fragmented = fragmented;
        Ok(())
    }

    /// A barrier between two fragments.
    ///
    /// A server that answers a fragment may be about to close: it writes, and then closes at the end of the same turn,
    /// perhaps after the barrier was answered. One more round trip makes the close visible before anything is written.
    fn prove_read(&mut self, connection: &str) -> Result<(), Stop> {
        let before = self.session.inbox(connection).len();
        self.session.barrier()?;
        self.session.drain();
        if self.session.inbox(connection).len() > before {
            self.session.settle()?;
        }
        Ok(())
    }

    fn socket(&mut self, connection: &str, action: SocketAction) -> Result<(), Stop> {
        if let SocketAction::Open {
            receive_buffer,
            send_buffer,
        } = action
        {
            self.last.remove(connection);
            return Ok(self.session.open(connection, receive_buffer, send_buffer)?);
        }
        self.session.open(connection, None, None)?;
        match action {
            SocketAction::Flush => {
                self.prove_read(connection)?;
                self.unproved = None;
            }
            SocketAction::Shutdown => {
                self.session.shutdown(connection);
                self.last.entry(connection.to_owned()).or_default().shut = true;
            }
            SocketAction::Rst => {
                self.session.reset(connection);
                self.last.remove(connection);
            }
            SocketAction::Close => {
                self.session.close(connection);
                self.last.remove(connection);
            }
            SocketAction::Pause => self.session.pause(connection),
            SocketAction::Resume => self.session.resume(connection),
            SocketAction::Open { .. } => {}
        }
        Ok(())
    }

    /// The transcript asks for time to pass. Connections are read meanwhile, or the server would meet a full socket.
    fn sleep(&mut self, duration: Duration) {
        let deadline = Instant::now() + duration;
        while self.session.wait_for_input(deadline) {}
        thread::sleep(deadline.saturating_duration_since(Instant::now()));
    }

    fn read(&mut self, connection: &str, lines: &[ExpectedLine]) -> Result<(), Stop> {
        self.session.open(connection, None, None)?;
        self.session.resume(connection);
        self.session.drain();
        // One command has been read when it is answered; of several the first one's answer says nothing of the last.
        if self.unproved.as_deref() == Some(connection) && self.last(connection).commands == 1 {
            self.unproved = None;
        }
        for (index, line) in lines.iter().enumerate() {
            self.read_line(connection, line, &lines[index + 1..])?;
            for (_, kind) in line.pattern.holes() {
                self.forgiven.add(format!("hole {}", kind.spelling()));
            }
            for part in &line.pattern.parts {
                if matches!(part, PatternPart::AnyOrder(_)) {
                    self.forgiven.add("any order");
                }
            }
        }
        Ok(())
    }

    fn read_line(
        &mut self,
        connection: &str,
        line: &ExpectedLine,
        behind: &[ExpectedLine],
    ) -> Result<(), Stop> {
        let start = self.session.taken(connection);
        let mut matcher = Matcher::new(&line.pattern);
        let mut seen = Vec::new();
        let deadline = Instant::now() + self.timeout;
        loop {
            let (taken, whole) =
                match matcher.feed(self.session.inbox(connection), &mut self.captures) {
                    Progress::Whole { taken } => (taken, true),
                    Progress::NeedsMore { taken } => (taken, false),
                    Progress::Mismatch { offset, expected } => {
                        let begin = Begin {
                            connection,
                            line,
                            start,
                            seen,
                        };
                        return Err(self.mismatch(begin, behind, offset, expected));
                    }
                };
            let taken = self.session.take(connection, taken);
            let room = KEPT.saturating_sub(seen.len()).min(taken.len());
            seen.extend_from_slice(&taken[..room]);
            if whole {
                self.last
                    .entry(connection.to_owned())
                    .or_default()
                    .remember(&seen);
                return Ok(());
            }
            let fault = if self.session.ended(connection).is_some() {
                Fault::ClosedEarly
            } else if Instant::now() < deadline && self.session.wait_for_input(deadline) {
                continue;
            } else {
                Fault::Stuck
            };
            let offset = self.session.taken(connection) - start;
            return Err(self.diverged(
                Begin {
                    connection,
                    line,
                    start,
                    seen,
                },
                fault,
                offset,
                String::new(),
            ));
        }
    }

    /// The bytes differ: waits for the rest of what the server has to say, and asks what kind of fault it is.
    fn mismatch(
        &mut self,
        begin: Begin<'_>,
        behind: &[ExpectedLine],
        offset: usize,
        due: String,
    ) -> Stop {
        // A server that is lost at this point has been wrong before; that is the news.
        let _ = self.session.settle();
        let lines = std::iter::once(begin.line).chain(behind);
        let expected = known_bytes(lines.map(|line| &line.pattern), &self.captures);
        // A server that answers without end has said enough by then.
        let inbox = self.session.inbox(begin.connection);
        let actual = [&begin.seen, &inbox[..inbox.len().min(KEPT)]].concat();
        // Beyond what is kept of a large answer there is nothing left to diagnose.
        let fault = if offset < expected.len().min(KEPT) {
            diagnose(
                &self.last(begin.connection).read,
                &expected,
                &actual,
                offset,
            )
        } else {
            Fault::WrongText
        };
        let connection = begin.connection;
        let mut stop = self.diverged(begin, fault, offset, due);
        if let Stop::Diverged(divergence) = &mut stop {
            divergence.state = self.probe(connection);
        }
        stop
    }

    /// Asks a connection that answered wrongly whether it is still in sync.
    fn probe(&mut self, connection: &str) -> State {
        const NONCE: &[u8] = b"respect-in-sync?";
        if let Some(ended) = self.session.ended(connection) {
            return State::Ended(ended);
        }
        // The question is no part of the evidence.
        self.wire_end = Some(self.session.wire_length());
        let arrived = self.session.inbox(connection).len();
        self.session.take(connection, arrived);
        let ping = encode_multibulk(&[b"PING".as_slice(), NONCE]);
        let deadline = Instant::now() + self.timeout;
        let asked = self
            .session
            .send(connection, &ping, deadline)
            .and_then(|()| self.session.settle());
        // Whoever floods is not asked how far it has come.
        if asked.is_err() || self.session.inbox(connection).len() > KEPT {
            return State::Open;
        }
        let mut reader = Reader::new();
        reader.feed(self.session.inbox(connection));
        let mut before = 0;
        while let Ok(Some(reply)) = reader.next_reply() {
            // A RESP2 subscriber gets the nonce inside an array.
            if reply
                .bytes()
                .windows(NONCE.len())
                .any(|window| window == NONCE)
            {
                return State::AnsweredAfter(before);
            }
            before += 1;
        }
        match self.session.ended(connection) {
            Some(ended) => State::Ended(ended),
            // In a transaction, say, PING is answered by something else, which tells nothing.
            None if before > 0 => State::Open,
            None => State::Deaf,
        }
    }

    fn diverged(&mut self, begin: Begin<'_>, fault: Fault, offset: usize, due: String) -> Stop {
        let Begin {
            connection,
            line,
            start,
            mut seen,
        } = begin;
        let inbox = self.session.inbox(connection);
        seen.extend_from_slice(&inbox[..inbox.len().min(KEPT)]);
        let expected = shown(&line.pattern);
        let expected_bytes = known_bytes(std::iter::once(&line.pattern), &self.captures);
        self.divergence(Divergence {
            fault,
            line: line.line,
            expected,
            expected_bytes,
            actual: seen,
            offset,
            stream_offset: start + offset,
            due,
            ..self.circumstances(connection)
        })
    }

    fn observe_end(
        &mut self,
        connection: &str,
        end: End,
        discard: bool,
        line: usize,
    ) -> Result<(), Stop> {
        self.session.resume(connection);
        self.session.drain();
        let deadline = Instant::now() + self.timeout;
        let mut thrown_away = 0;
        loop {
            let arrived = self.session.inbox(connection).len();
            if discard {
                thrown_away += self.session.take(connection, arrived).len();
            }
            if self.session.ended(connection).is_some() || Instant::now() >= deadline {
                break;
            }
            self.session.wait_for_input(deadline);
        }
        if thrown_away > 0 {
            self.forgiven.add("bytes discarded before a close");
        }
        let refused = |player: &Self, fault| {
            let circumstances = player.circumstances(connection);
            player.divergence(Divergence {
                fault,
                line,
                expected: spelled(end).to_owned(),
                ..circumstances
            })
        };
        let inbox = self.session.inbox(connection);
        if !inbox.is_empty() {
            let fault = diagnose_trailing(&self.last(connection).read, inbox);
            return Err(refused(self, fault));
        }
        match (self.session.ended(connection), end) {
            (Some(_), End::Closed)
            | (Some(Ended::Fin), End::Eof)
            | (Some(Ended::Rst), End::Reset) => Ok(()),
            (Some(Ended::Rst), End::Eof) if self.wrote_on(connection) => {
                self.forgiven
                    .add("RST for FIN where a cut write went on after the close");
                Ok(())
            }
            (Some(Ended::Rst), End::Eof) => Err(refused(self, Fault::RstForFin)),
            (Some(Ended::Fin), End::Reset) => Err(refused(self, Fault::FinForRst)),
            (None, _) => Err(refused(self, Fault::NotClosed)),
        }
    }

    /// Whether bytes of ours may have met a closed socket because the write was divided.
    fn wrote_on(&self, connection: &str) -> bool {
        self.cut != Cut::Whole
            && (self.session.kept_back(connection) || self.last(connection).fragmented)
    }

    fn observe_quiet(&mut self, connection: &str, line: usize) -> Result<(), Stop> {
        self.session.settle()?;
        if self.session.inbox(connection).is_empty() && self.session.ended(connection).is_none() {
            return Ok(());
        }
        let circumstances = self.circumstances(connection);
        let expected = "silence".to_owned();
        Err(self.divergence(Divergence {
            fault: Fault::NotQuiet,
            line,
            expected,
            ..circumstances
        }))
    }

    /// At the end nothing may be left on any connection, and none may have been closed without the transcript saying so.
    fn finish(&mut self) -> Result<(), Stop> {
        for name in self.session.names() {
            self.session.resume(&name);
        }
        self.session.settle()?;
        for name in self.session.names() {
            let left = self.session.inbox(&name);
            let fault = if !left.is_empty() {
                diagnose_trailing(&self.last(&name).read, left)
            } else if self.session.ended(&name).is_some() && !self.end_is_accounted_for(&name) {
                Fault::ClosedUnasked
            } else {
                continue;
            };
            if self.header.trailing == Trailing::Allow {
                self.forgiven.add("trailing bytes");
                continue;
            }
            let circumstances = self.circumstances(&name);
            let expected = "nothing more".to_owned();
            return Err(self.divergence(Divergence {
                fault,
                expected,
                ..circumstances
            }));
        }
        Ok(())
    }

    /// Ends that were observed have been judged; one that follows our own shutdown is only natural.
    fn end_is_accounted_for(&self, connection: &str) -> bool {
        let last = self.last(connection);
        last.shut || last.end_observed
    }

    /// A divergence at the next byte that is unread, to be filled in.
    fn circumstances(&self, connection: &str) -> Divergence {
        let inbox = self.session.inbox(connection);
        Divergence {
            fault: Fault::WrongText,
            connection: connection.to_owned(),
            line: 0,
            sent: self.last(connection).write.clone(),
            expected: String::new(),
            expected_bytes: Vec::new(),
            actual: inbox[..inbox.len().min(KEPT)].to_vec(),
            offset: 0,
            stream_offset: self.session.taken(connection),
            due: String::new(),
            state: self
                .session
                .ended(connection)
                .map_or(State::Open, State::Ended),
        }
    }

    fn divergence(&self, divergence: Divergence) -> Stop {
        Stop::Diverged(Box::new(divergence))
    }

    fn last(&self, connection: &str) -> &Last {
        static NOTHING: Last = Last {
            write: Vec::new(),
            commands: 0,
            fragmented: false,
            shut: false,
            end_observed: false,
            read: Vec::new(),
        };
        self.last.get(connection).unwrap_or(&NOTHING)
    }
}

/// Where an expectation begins: its line, the stream offset of its first byte, and what has been taken for it.
struct Begin<'a> {
    connection: &'a str,
    line: &'a ExpectedLine,
    start: usize,
    seen: Vec<u8>,
}

impl Last {
    /// Keeps the end of what was read.
    fn remember(&mut self, bytes: &[u8]) {
        self.read.extend_from_slice(bytes);
        let excess = self.read.len().saturating_sub(KEPT);
        self.read.drain(..excess);
    }
}

fn commands(sends: &[Sent]) -> usize {
    let is_command = |sent: &Sent| matches!(sent.payload, Payload::Command(_));
    if sends.iter().all(is_command) {
        sends.len()
    } else {
        0
    }
}

fn spelled(end: End) -> &'static str {
    match end {
        End::Eof => "FIN",
        End::Reset => "RST",
        End::Closed => "FIN or RST",
    }
}

/// The bytes that patterns stand for, as far as they are known: up to the first hole that nothing has filled.
fn known_bytes<'p>(patterns: impl Iterator<Item = &'p Pattern>, captures: &Captures) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in patterns.flat_map(|pattern| &pattern.parts) {
        match part {
            PatternPart::Literal(literal) => bytes.extend_from_slice(literal),
            PatternPart::Repeat { unit, count } => {
                let needed = KEPT.div_ceil(unit.len());
                bytes.extend_from_slice(&unit.repeat((*count).min(needed)));
                if *count > needed {
                    break;
                }
            }
            PatternPart::Hole { name, .. } | PatternPart::Reuse(name) => match captures.get(name) {
                Some(capture) => bytes.extend_from_slice(&capture.bytes),
                None => break,
            },
            PatternPart::AnyOrder(_) => break,
        }
    }
    bytes
}

/// A pattern as a transcript writes it.
fn shown(pattern: &Pattern) -> String {
    let part = |part: &PatternPart| match part {
        PatternPart::Literal(bytes) => escaped(bytes),
        PatternPart::Repeat { unit, count } => format!("{{{}*{count}}}", escaped(unit)),
        PatternPart::Hole { name, kind } => format!("{{{name}:{}}}", kind.spelling()),
        PatternPart::Reuse(name) => format!("{{{name}}}"),
        PatternPart::AnyOrder(items) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            format!("in any order: {}", items.join("  "))
        }
    };
    pattern.parts.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::control::Barrier;
    use std::io::{BufRead, BufReader, Write};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::path::Path;

    /// Reads one command of as many arguments and answers it: with the last of them, or with `answer`.
    fn answer(stream: &TcpStream, arguments: usize, answer: Option<&str>) -> String {
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        let last = lines.take(1 + 2 * arguments).last().unwrap_or_default();
        let answer = answer.map_or_else(|| format!("${}\r\n{last}\r\n", last.len()), str::to_owned);
        (&mut &*stream).write_all(answer.as_bytes()).unwrap();
        last
    }

    #[test]
    fn what_another_connection_was_not_answered_is_proved_to_be_read_before_the_next_one_speaks() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut control = Control::connect(listener.local_addr().unwrap(), Barrier::Ping).unwrap();
        let server = thread::spawn(move || {
            let (control, _) = listener.accept().unwrap();
            let (b, _) = listener.accept().unwrap();
            assert_eq!(answer(&b, 2, Some("")), "0");
            // The connection `a` is not even made before this is answered.
            listener.set_nonblocking(true).unwrap();
            assert!(listener.accept().is_err());
            assert!(answer(&control, 2, None).starts_with("respect-"));
            listener.set_nonblocking(false).unwrap();
            let (a, _) = listener.accept().unwrap();
            answer(&a, 1, Some("+PONG\r\n"));
            (&b).write_all(b"*-1\r\n").unwrap();
            // The end of the transcript is settled with two more.
            answer(&control, 2, None);
            answer(&control, 2, None);
            // Open until the transcript is over.
            (control, a, b)
        });
        let text = "@id s/a\n@title t\n@level must\n\nb: WAITING 0\na: PING\na< +PONG\nb< *-1\n";
        let case = Case::parse(Path::new("s/a.resp"), text).unwrap();
        let script = case.transcript.script(&"redis-8.2.3".parse().unwrap());
        let run = play(&script, &case.header, Cut::Whole, &mut control);
        assert!(matches!(run.outcome, Outcome::Same), "{:?}", run.outcome);
        server.join().unwrap();
    }
}
