//! Clients that ask for much and do not read it.

use std::time::{Duration, Instant};

use super::witness::work;
use super::{Verdict, milliseconds};
use crate::control::Control;
use crate::request::encode_multibulk;
use crate::session::Session;
use crate::wire::Kind;

const MEBIBYTE: usize = 1 << 20;

/// Everything that is outstanding may take this long to be delivered.
const DELIVERED_WITHIN: Duration = Duration::from_secs(60);

/// A socket's receive buffer, small so that what is outstanding waits in the server and not in the kernel.
const SMALL_BUFFER: usize = 16 * 1024;

/// The reader asks for `big` so often: 64 MiB.
const ANSWERS: usize = 64;

pub(super) fn stopped(control: &mut Control) -> Result<String, Verdict> {
    set_big(control)?;
    let mut slow = control.another()?;
    let mut session = Session::new(&mut slow);
    session.open("slow", Some(SMALL_BUFFER), None)?;
    session.pause("slow");
    let request = encode_multibulk(&["GET", "big"]).repeat(ANSWERS);
    session.send("slow", &request, Instant::now() + DELIVERED_WITHIN)?;
    session.barrier()?;
    let longest = work(control, 200)?;

    session.resume("slow");
    let answer = [format!("${MEBIBYTE}\r\n").as_bytes(), &big(), b"\r\n"].concat();
    let deadline = Instant::now() + DELIVERED_WITHIN;
    for number in 1..=ANSWERS {
        while session.inbox("slow").len() < answer.len() {
            if session.ended("slow").is_some() {
                return Err(Verdict::Failed(format!(
                    "the reader was cut off in answer {number} of {ANSWERS}, without any limit being set"
                )));
            }
            if !session.wait_for_input(deadline) {
                return Err(Verdict::Failed(format!(
                    "answer {number} of {ANSWERS} never came"
                )));
            }
        }
        if session.take("slow", answer.len()) != answer {
            return Err(Verdict::Failed(format!(
                "answer {number} of {ANSWERS} is not the value"
            )));
        }
    }
    session.settle()?;
    if !session.inbox("slow").is_empty() {
        return Err(Verdict::Failed("more came than was asked for".to_owned()));
    }
    let total = ANSWERS * answer.len();
    Ok(format!(
        "others waited {} at most; all {total} bytes arrived",
        milliseconds(longest)
    ))
}

pub(super) fn never(control: &mut Control) -> Result<String, Verdict> {
    const READERS: usize = 200;
    set_big(control)?;
    let before = connected(control)?;
    let mut slow = control.another()?;
    let mut session = Session::new(&mut slow);
    let request = encode_multibulk(&["GET", "big"]);
    for reader in 0..READERS {
        let name = reader.to_string();
        session.open(&name, Some(SMALL_BUFFER), None)?;
        session.pause(&name);
        session.send(&name, &request, Instant::now() + DELIVERED_WITHIN)?;
    }
    session.barrier()?;
    let longest = work(control, 100)?;
    drop(session);
    drop(slow);

    // They are gone for us; the server has to notice 200 resets, each of which it hears of before our next question.
    let deadline = Instant::now() + super::PATIENCE;
    let mut after = connected(control)?;
    while after > before && Instant::now() < deadline {
        control.settle()?;
        after = connected(control)?;
    }
    if after > before {
        return Err(Verdict::Failed(format!(
            "{} of {READERS} vanished readers are still connected",
            after - before
        )));
    }
    Ok(format!(
        "others waited {} at most; all {READERS} were forgotten",
        milliseconds(longest)
    ))
}

pub(super) fn over_the_limit(control: &mut Control) -> Result<String, Verdict> {
    const LIMIT: &str = "normal 4194304 0 0";
    set_big(control)?;
    let refused = |reply: &crate::wire::Reply| reply.kind() == Kind::Error;
    let set = |control: &mut Control, limit: &str| {
        control.command(&[
            b"CONFIG",
            b"SET",
            b"client-output-buffer-limit",
            limit.as_bytes(),
        ])
    };
    if refused(&set(control, LIMIT)?) {
        return Err(Verdict::NotApplicable(
            "CONFIG SET client-output-buffer-limit is refused".to_owned(),
        ));
    }
    let outcome = cut_off(control);
    set(control, "normal 0 0 0")?;
    outcome
}

fn cut_off(control: &mut Control) -> Result<String, Verdict> {
    let mut slow = control.another()?;
    let mut session = Session::new(&mut slow);
    session.open("slow", Some(SMALL_BUFFER), None)?;
    session.open("patient", None, None)?;
    session.pause("slow");
    let request = encode_multibulk(&["GET", "big"]).repeat(ANSWERS);
    session.send("slow", &request, Instant::now() + DELIVERED_WITHIN)?;
    session.barrier()?;
    let longest = work(control, 50)?;

    session.resume("slow");
    let deadline = Instant::now() + DELIVERED_WITHIN;
    let mut arrived = 0;
    loop {
        session.drain();
        arrived += session.take("slow", session.inbox("slow").len()).len();
        if session.ended("slow").is_some() {
            break;
        }
        if arrived >= ANSWERS * MEBIBYTE || !session.wait_for_input(deadline) {
            return Err(Verdict::Failed(format!(
                "the reader was not cut off, and got {arrived} bytes"
            )));
        }
    }
    session.send("patient", b"*1\r\n$4\r\nPING\r\n", deadline)?;
    session.settle()?;
    if session.inbox("patient") != b"+PONG\r\n" {
        return Err(Verdict::Failed(
            "a client far from its limit was cut off as well".to_owned(),
        ));
    }
    Ok(format!(
        "others waited {} at most; the reader was cut after {arrived} bytes",
        milliseconds(longest)
    ))
}

/// A value in which every kilobyte is another one, so that a shifted or doubled piece is seen.
fn big() -> Vec<u8> {
    (0..MEBIBYTE)
        .map(|index| b'a' + ((index / 1024 + index) % 26) as u8)
        .collect()
}

fn set_big(control: &mut Control) -> Result<(), Verdict> {
    let reply = control.command(&[b"SET", b"big", &big()])?;
    match reply.bytes() {
        b"+OK\r\n" => Ok(()),
        other => Err(Verdict::Failed(format!(
            "SET of 1 MiB: {}",
            String::from_utf8_lossy(other).trim_end()
        ))),
    }
}

fn connected(control: &mut Control) -> Result<usize, Verdict> {
    let reply = control.command(&[b"INFO", b"clients"])?;
    let text = String::from_utf8_lossy(reply.bytes()).into_owned();
    let field = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("connected_clients:")?.parse().ok());
    field.ok_or_else(|| Verdict::NotApplicable("INFO does not tell connected_clients".to_owned()))
}
