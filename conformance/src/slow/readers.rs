//! Clients that ask for much and do not read it.

use std::io::Read;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::gauges::info;
use super::{Bench, Figure, Unit, Verdict};
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

/// A server may hold so much for what is outstanding: each byte twice, and some room.
fn held_max(outstanding: usize) -> f64 {
    2.0 * outstanding as f64 + 64e6
}

pub(super) fn stopped(bench: &mut Bench) -> Result<(), Verdict> {
    set_big(&mut bench.control)?;
    bench.weigh()?;
    let witness = bench.witness()?;
    let mut slow = bench.control.another()?;
    let mut session = Session::new(&mut slow);
    session.open("slow", Some(SMALL_BUFFER), None)?;
    session.pause("slow");
    let request = encode_multibulk(&["GET", "big"]).repeat(ANSWERS);
    session.send("slow", &request, Instant::now() + DELIVERED_WITHIN)?;
    session.barrier()?;
    bench.hold(held_max(ANSWERS * MEBIBYTE))?;
    bench.work()?;

    session.resume("slow");
    let answer = answer();
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
    bench.hear(witness)?;
    let total = ANSWERS * answer.len();
    bench
        .figures
        .push(Figure::count("right bytes delivered late", total));
    Ok(())
}

pub(super) fn byte_by_byte(bench: &mut Bench) -> Result<(), Verdict> {
    const READERS: usize = 50;
    /// So many bytes are read singly; the rest at once, or it would take all day.
    const SINGLY: usize = 200;
    set_big(&mut bench.control)?;
    bench.weigh()?;
    let witness = bench.witness()?;
    let address = bench.control.address();
    let lost = |error: std::io::Error| Verdict::Lost(error.to_string());
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let connect = || -> std::io::Result<std::net::TcpStream> {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            socket.set_recv_buffer_size(SMALL_BUFFER)?;
            socket.connect_timeout(&address.into(), bench.patience)?;
            let mut stream: std::net::TcpStream = socket.into();
            stream.set_read_timeout(Some(DELIVERED_WITHIN))?;
            std::io::Write::write_all(&mut stream, &encode_multibulk(&["GET", "big"]))?;
            Ok(stream)
        };
        readers.push(connect().map_err(lost)?);
    }
    bench.control.settle()?;
    bench.hold(held_max(READERS * MEBIBYTE))?;
    bench.work()?;
    let answer = answer();
    let mut got: Vec<Vec<u8>> = vec![Vec::new(); READERS];
    for _ in 0..SINGLY {
        for (reader, got) in readers.iter_mut().zip(&mut got) {
            let mut byte = [0];
            reader.read_exact(&mut byte).map_err(lost)?;
            got.push(byte[0]);
        }
    }
    for (reader, got) in readers.iter_mut().zip(&mut got) {
        let mut rest = vec![0; answer.len() - SINGLY];
        reader.read_exact(&mut rest).map_err(lost)?;
        got.extend(rest);
        if *got != answer {
            return Err(Verdict::Failed("a slow reader got other bytes".to_owned()));
        }
    }
    bench.hear(witness)?;
    drop(readers);
    bench.forgotten()?;
    let total = READERS * answer.len();
    bench
        .figures
        .push(Figure::count("right bytes delivered late", total));
    Ok(())
}

pub(super) fn vanished(bench: &mut Bench) -> Result<(), Verdict> {
    const READERS: usize = 200;
    set_big(&mut bench.control)?;
    bench.weigh()?;
    let witness = bench.witness()?;
    let mut slow = bench.control.another()?;
    let mut session = Session::new(&mut slow);
    let request = encode_multibulk(&["GET", "big"]);
    for reader in 0..READERS {
        let name = reader.to_string();
        session.open(&name, Some(SMALL_BUFFER), None)?;
        session.pause(&name);
        session.send(&name, &request, Instant::now() + DELIVERED_WITHIN)?;
    }
    session.barrier()?;
    bench.hold(held_max(READERS * MEBIBYTE))?;
    bench.work()?;
    drop(session);
    drop(slow);
    bench.hear(witness)?;
    // They are gone for us; the server has to notice 200 resets, each of which it hears of before our next question.
    bench.forgotten()
}

pub(super) fn over_the_limit(bench: &mut Bench) -> Result<(), Verdict> {
    const LIMIT: &str = "normal 4194304 0 0";
    set_big(&mut bench.control)?;
    let refused = |reply: &crate::wire::Reply| reply.kind() == Kind::Error;
    let set = |control: &mut Control, limit: &str| {
        control.command(&[
            b"CONFIG",
            b"SET",
            b"client-output-buffer-limit",
            limit.as_bytes(),
        ])
    };
    if refused(&set(&mut bench.control, LIMIT)?) {
        return Err(Verdict::NotApplicable(
            "CONFIG SET client-output-buffer-limit is refused".to_owned(),
        ));
    }
    let outcome = cut_off(bench);
    set(&mut bench.control, "normal 0 0 0")?;
    outcome
}

fn cut_off(bench: &mut Bench) -> Result<(), Verdict> {
    bench.weigh()?;
    let witness = bench.witness()?;
    let mut slow = bench.control.another()?;
    let mut session = Session::new(&mut slow);
    session.open("slow", Some(SMALL_BUFFER), None)?;
    session.open("patient", None, None)?;
    session.pause("slow");
    session.settle()?;
    let connected = info(&mut bench.control, "clients", "connected_clients")?;
    let request = encode_multibulk(&["GET", "big"]).repeat(ANSWERS);
    let asked = Instant::now();
    session.send("slow", &request, asked + DELIVERED_WITHIN)?;
    session.barrier()?;
    // It counts one client fewer as soon as it has cut it, which the client cannot see before it reads again.
    while connected.is_some() && asked.elapsed() < bench.patience {
        let now = info(&mut bench.control, "clients", "connected_clients")?;
        if now < connected {
            let milliseconds = asked.elapsed().as_secs_f64() * 1000.0;
            let figure = Figure::new(
                "the reader was cut within",
                Unit::Milliseconds,
                milliseconds,
            );
            bench.figures.push(figure.beside(10.0, 500.0));
            break;
        }
    }
    bench.hold(held_max(8 * MEBIBYTE))?;
    bench.work()?;

    session.resume("slow");
    let deadline = Instant::now() + DELIVERED_WITHIN;
    let answer = answer();
    let mut arrived = 0;
    loop {
        session.drain();
        let bytes = session.take("slow", session.inbox("slow").len());
        let right = (arrived..).map(|at| answer[at % answer.len()]);
        if !bytes.iter().copied().eq(right.take(bytes.len())) {
            return Err(Verdict::Failed(format!(
                "what the reader got before it was cut is not the value, after {arrived} bytes"
            )));
        }
        arrived += bytes.len();
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
    bench.hear(witness)?;
    bench.figures.push(Figure::bytes(
        "right bytes it got before the cut",
        arrived as u64,
    ));
    Ok(())
}

/// A value in which every kilobyte is another one, so that a shifted or doubled piece is seen.
fn big() -> Vec<u8> {
    (0..MEBIBYTE)
        .map(|index| b'a' + ((index / 1024 + index) % 26) as u8)
        .collect()
}

fn answer() -> Vec<u8> {
    [format!("${MEBIBYTE}\r\n").as_bytes(), &big(), b"\r\n"].concat()
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
