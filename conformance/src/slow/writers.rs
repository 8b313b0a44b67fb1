//! Clients that send little, late, or never the rest.

use std::time::{Duration, Instant};

use super::witness::work;
use super::{Verdict, milliseconds};
use crate::control::Control;
use crate::request::encode_multibulk;
use crate::session::Session;

/// An answer, once its command is complete, may take this long.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

pub(super) fn dribbling(control: &mut Control) -> Result<String, Verdict> {
    let mut slow = control.another()?;
    let mut session = Session::new(&mut slow);
    let value = "x".repeat(256);
    let bytes = [
        encode_multibulk(&["SET", "dribbled", &value]),
        encode_multibulk(&["GET", "dribbled"]),
    ]
    .concat();
    let deadline = Instant::now() + 60 * ANSWERED_WITHIN;
    let mut longest = Duration::ZERO;
    for byte in &bytes {
        session.send("slow", std::slice::from_ref(byte), deadline)?;
        session.barrier()?;
        longest = longest.max(work(control, 1)?);
    }
    let due = format!("+OK\r\n${}\r\n{value}\r\n", value.len());
    expect(&mut session, "slow", due.as_bytes())?;
    Ok(format!(
        "others waited {} at most, {} bytes long",
        milliseconds(longest),
        bytes.len()
    ))
}

pub(super) fn half_sent(control: &mut Control) -> Result<String, Verdict> {
    const WRITERS: usize = 1000;
    let mut slow = control.another()?;
    let mut session = Session::new(&mut slow);
    let deadline = Instant::now() + 6 * ANSWERED_WITHIN;
    let command = |writer: usize| encode_multibulk(&["ECHO", &format!("writer-{writer:04}")]);
    // Cut in another place each, so that every state of a parser is held by someone.
    let half = |writer: usize| 1 + writer % (command(writer).len() - 1);
    for writer in 0..WRITERS {
        session.send(
            &writer.to_string(),
            &command(writer)[..half(writer)],
            deadline,
        )?;
        if session.ended(&writer.to_string()).is_some() {
            return Err(Verdict::Failed(format!(
                "only {writer} of {WRITERS} clients were let in"
            )));
        }
    }
    session.barrier()?;
    let longest = work(control, 100)?;
    for writer in 0..WRITERS {
        session.send(
            &writer.to_string(),
            &command(writer)[half(writer)..],
            deadline,
        )?;
    }
    for writer in 0..WRITERS {
        expect(
            &mut session,
            &writer.to_string(),
            format!("$11\r\nwriter-{writer:04}\r\n").as_bytes(),
        )?;
    }
    Ok(format!(
        "others waited {} at most; all {WRITERS} were answered",
        milliseconds(longest)
    ))
}

/// Exactly these bytes must have come, or come soon.
fn expect(session: &mut Session<'_>, name: &str, due: &[u8]) -> Result<(), Verdict> {
    let deadline = Instant::now() + ANSWERED_WITHIN;
    session.drain();
    while session.inbox(name).len() < due.len() && session.ended(name).is_none() {
        if !session.wait_for_input(deadline) {
            break;
        }
    }
    if session.inbox(name) == due {
        return Ok(());
    }
    Err(Verdict::Failed(format!(
        "the slow client {name} was answered with {} where {} is due",
        String::from_utf8_lossy(session.inbox(name)).escape_debug(),
        String::from_utf8_lossy(due).escape_debug()
    )))
}
