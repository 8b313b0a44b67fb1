//! Clients that send little, late, or never the rest.

use std::time::{Duration, Instant};

use super::{Bench, Figure, Verdict};
use crate::control::Control;
use crate::request::encode_multibulk;
use crate::session::{Ended, Session};

/// An answer, once its command is complete, may take this long.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// A client that has sent little may cost so many bytes, both sides' buffers included.
const PER_CLIENT_MAX: f64 = 64.0 * 1024.0;

pub(super) fn dribbling(bench: &mut Bench) -> Result<(), Verdict> {
    let witness = bench.witness()?;
    let mut slow = bench.control.another()?;
    let mut session = Session::new(&mut slow);
    let value = "x".repeat(256);
    let bytes = [
        encode_multibulk(&["SET", "dribbled", &value]),
        encode_multibulk(&["GET", "dribbled"]),
    ]
    .concat();
    let deadline = Instant::now() + 60 * ANSWERED_WITHIN;
    for byte in &bytes {
        session.send("slow", std::slice::from_ref(byte), deadline)?;
        session.barrier()?;
        // Others are served between any two bytes.
        bench.control.command(&[b"PING"])?;
    }
    let due = format!("+OK\r\n${}\r\n{value}\r\n", value.len());
    expect(&mut session, "slow", due.as_bytes())?;
    bench.hear(witness)?;
    bench
        .figures
        .push(Figure::count("pieces of one byte", bytes.len()));
    Ok(())
}

pub(super) fn half_sent(bench: &mut Bench) -> Result<(), Verdict> {
    const WRITERS: usize = 1000;
    let witness = bench.witness()?;
    let mut slow = bench.control.another()?;
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
    bench.hold(WRITERS as f64 * PER_CLIENT_MAX + 16e6)?;
    bench.work()?;
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
    drop(session);
    bench.hear(witness)?;
    bench
        .figures
        .push(Figure::count("clients answered late", WRITERS));
    Ok(())
}

pub(super) fn half_closed(bench: &mut Bench) -> Result<(), Verdict> {
    const WRITERS: usize = 200;
    let witness = bench.witness()?;
    let mut slow: Control = bench.control.another()?;
    let mut session = Session::new(&mut slow);
    let deadline = Instant::now() + ANSWERED_WITHIN;
    for writer in 0..WRITERS {
        let name = writer.to_string();
        let command = encode_multibulk(&["ECHO", &name]);
        session.send(&name, &command, deadline)?;
        session.shutdown(&name);
    }
    bench.work()?;
    for writer in 0..WRITERS {
        let name = writer.to_string();
        expect(
            &mut session,
            &name,
            format!("${}\r\n{name}\r\n", name.len()).as_bytes(),
        )?;
        while session.ended(&name).is_none() && session.wait_for_input(deadline) {}
        match session.ended(&name) {
            Some(Ended::Fin) => {}
            Some(Ended::Rst) => {
                return Err(Verdict::Failed(
                    "a client that half-closed was reset".to_owned(),
                ));
            }
            None => {
                return Err(Verdict::Failed(
                    "a client that half-closed was never closed".to_owned(),
                ));
            }
        }
    }
    drop(session);
    drop(slow);
    bench.hear(witness)?;
    bench
        .figures
        .push(Figure::count("clients answered and closed", WRITERS));
    bench.forgotten()
}

pub(super) fn reset(bench: &mut Bench) -> Result<(), Verdict> {
    const WRITERS: usize = 500;
    let witness = bench.witness()?;
    let mut slow = bench.control.another()?;
    let mut session = Session::new(&mut slow);
    let deadline = Instant::now() + ANSWERED_WITHIN;
    let command = encode_multibulk(&["SET", "reset", "value"]);
    for writer in 0..WRITERS {
        let name = writer.to_string();
        let half = 1 + writer % (command.len() - 1);
        session.send(&name, &command[..half], deadline)?;
        session.reset(&name);
    }
    session.barrier()?;
    bench.work()?;
    let exists = bench.control.command(&[b"EXISTS", b"reset"])?;
    if exists.bytes() != b":0\r\n" {
        return Err(Verdict::Failed(
            "a command was executed of which only a part was sent".to_owned(),
        ));
    }
    drop(session);
    drop(slow);
    bench.hear(witness)?;
    bench
        .figures
        .push(Figure::count("clients reset half-way", WRITERS));
    bench.forgotten()
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
