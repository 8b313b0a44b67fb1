//! The live half of recording: starts real servers, asks them what a transcript asks, and hands their answers to
//! [`record`](crate::record), which knows how to write them down. Compares nothing and writes no file.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::case::Case;
use crate::control::Trouble;
use crate::cuts::Cut;
use crate::record::{Answer, Answers, Awaited, Recording, Task, awaited, capture, plan};
use crate::replay::{Player, Stop};
use crate::seat::{Halt, Seat};
use crate::session::{Ended, Session};
use crate::suite::{Unreachable, Verdict};
use crate::transcript::{Captures, End, Identity, Match, Pattern};

/// What one server says to a transcript.
#[derive(Debug)]
pub enum Heard {
    /// These answers, once for every start.
    Answers(Recording),
    /// The transcript is not for this server: why.
    NotApplicable(String),
    /// It cannot be asked: why.
    Failed(String),
}

/// Asks a server `restarts` times, each time a fresh one. One start is not enough: what depends on a hash seed, an address
/// or a process id shows only when it changes.
///
/// # Errors
/// When the server cannot be started.
pub fn listen(seat: &mut Seat, case: &Case, restarts: usize) -> Result<Heard, Unreachable> {
    let identity = seat.identity().clone();
    if let Some(reason) = seat.not_applicable(case) {
        return Ok(Heard::NotApplicable(reason));
    }
    let mut recording = Recording {
        identity,
        restarts: Vec::new(),
    };
    for start in 0..restarts {
        if start > 0 {
            seat.restart(&[])?;
        }
        match seat.prepare(case) {
            Ok(()) => {}
            Err(Halt::Verdict(Verdict::NotApplicable(reason))) => {
                return Ok(Heard::NotApplicable(reason));
            }
            Err(Halt::Verdict(other)) => return Ok(Heard::Failed(format!("{other:?}"))),
            Err(Halt::Unreachable(error)) => return Err(error),
        }
        match hear(seat, case, &recording.identity) {
            Ok(answers) => recording.restarts.push(answers),
            Err(why) => {
                seat.restart(&[])?;
                return Ok(Heard::Failed(why));
            }
        }
    }
    Ok(Heard::Answers(recording))
}

/// Plays the transcript once, as written, and keeps what is said in every slot.
fn hear(seat: &mut Seat, case: &Case, identity: &Identity) -> Result<Answers, String> {
    let transcript = &case.transcript;
    let mut player = Player::new(&case.header, Cut::Whole, seat.control());
    let mut answers = Answers::new();
    let mut told_end = Vec::new();
    for task in plan(transcript, identity) {
        match task {
            Task::Do(action) => player.act(&action).map_err(why)?,
            Task::Ask(slot) => {
                let awaited = awaited(transcript, identity, slot);
                let deadline = Instant::now() + player.timeout;
                wait(&mut player.session, &awaited, &player.captures, deadline)
                    .map_err(|trouble| trouble.to_string())?;
                let heard = take_all(&mut player.session, &mut told_end);
                for (connection, answer) in &heard {
                    capture(
                        transcript,
                        identity,
                        slot,
                        connection,
                        &answer.bytes,
                        &mut player.captures,
                    );
                }
                answers.push(heard);
            }
        }
    }
    // What comes after the last slot belongs to it: a server may close only now.
    player
        .session
        .settle()
        .map_err(|trouble| trouble.to_string())?;
    let late = take_all(&mut player.session, &mut told_end);
    if let Some(last) = answers.last_mut() {
        for (connection, answer) in late {
            let place = last.entry(connection).or_default();
            place.bytes.extend(answer.bytes);
            place.end = place.end.or(answer.end);
        }
    }
    Ok(answers)
}

/// Waits until everything that the slot's lines wait for has come, or something else has; then until all is quiet.
fn wait(
    session: &mut Session<'_>,
    awaited: &BTreeMap<String, Awaited>,
    captures: &Captures,
    deadline: Instant,
) -> Result<(), Trouble> {
    for connection in awaited.keys() {
        session.open(connection, None, None)?;
        session.resume(connection);
    }
    session.settle()?;
    while awaited
        .iter()
        .any(|(connection, awaited)| is_missing(session, connection, awaited, captures))
    {
        if Instant::now() >= deadline || !session.wait_for_input(deadline) {
            break;
        }
        session.settle()?;
    }
    loop {
        let before = arrived(session);
        session.settle()?;
        if arrived(session) == before {
            return Ok(());
        }
    }
}

/// Whether a connection has yet to say something that the lines wait for. An answer that is already another one than
/// the lines say is not waited for any longer.
fn is_missing(
    session: &Session<'_>,
    connection: &str,
    awaited: &Awaited,
    captures: &Captures,
) -> bool {
    if session.ended(connection).is_some() {
        return false;
    }
    let wanted = Pattern {
        parts: awaited
            .patterns
            .iter()
            .flat_map(|pattern| pattern.parts.clone())
            .collect(),
    };
    let inbox = session.inbox(connection);
    match wanted.match_at(inbox, &mut captures.clone()) {
        Match::Whole { .. } => awaited.end,
        Match::NeedsMore => true,
        Match::Mismatch { .. } => inbox.is_empty(),
    }
}

fn arrived(session: &Session<'_>) -> usize {
    session
        .names()
        .iter()
        .map(|name| session.inbox(name).len())
        .sum()
}

/// Everything that has come and was not taken; an end is told once.
fn take_all(session: &mut Session<'_>, told_end: &mut Vec<String>) -> BTreeMap<String, Answer> {
    let mut answers = BTreeMap::new();
    for name in session.names() {
        let bytes = session.take(&name, session.inbox(&name).len());
        let end = session
            .ended(&name)
            .filter(|_| !told_end.contains(&name))
            .map(|ended| match ended {
                Ended::Fin => End::Eof,
                Ended::Rst => End::Reset,
            });
        if end.is_some() {
            told_end.push(name.clone());
        }
        if !bytes.is_empty() || end.is_some() {
            answers.insert(name, Answer { bytes, end });
        }
    }
    answers
}

fn why(stop: Stop) -> String {
    match stop {
        Stop::Broken(trouble) => trouble.to_string(),
        Stop::BadTranscript { line, message } => format!("line {line}: {message}"),
        Stop::Diverged(divergence) => divergence.fault.to_string(),
    }
}
