//! Clients that are many and say nothing.

use std::net::TcpStream;
use std::time::Instant;

use socket2::SockRef;

use super::gauges::files_max;
use super::{Bench, Figure, Unit, Verdict};
use crate::wire::Kind;

/// So many are meant to come.
const CROWD: usize = 10_000;

/// Files that both sides need besides: connections of the judge, logs, listeners.
const FILES_KEPT: usize = 200;

/// One that says nothing may cost so many bytes.
const PER_CLIENT_MAX: f64 = 64.0 * 1024.0;

pub(super) fn idle(bench: &mut Bench) -> Result<(), Verdict> {
    let mut crowd = CROWD;
    for (whose, files) in [
        ("the judge", files_max(None)),
        ("the server", bench.pid.and_then(|pid| files_max(Some(pid)))),
    ] {
        if let Some(files) = files
            && files.saturating_sub(FILES_KEPT) < crowd
        {
            crowd = files.saturating_sub(FILES_KEPT);
            bench.notes.push(format!(
                "only {crowd} clients: {whose} may open {files} files (`ulimit -n`)"
            ));
        }
    }
    let before = bench.control.command(&[b"CONFIG", b"GET", b"maxclients"])?;
    let before = before.root().children().nth(1);
    let before = before.map(|value| value.body().to_vec());
    let wanted = (crowd + FILES_KEPT / 2).to_string();
    let set = bench
        .control
        .command(&[b"CONFIG", b"SET", b"maxclients", wanted.as_bytes()])?;
    if set.kind() == Kind::Error {
        let refusal = String::from_utf8_lossy(set.root().body()).into_owned();
        bench
            .notes
            .push(format!("maxclients stays as it is: {refusal}"));
    }
    let outcome = gather(bench, crowd);
    if let Some(before) = before {
        bench
            .control
            .command(&[b"CONFIG", b"SET", b"maxclients", &before])?;
    }
    outcome
}

fn gather(bench: &mut Bench, crowd: usize) -> Result<(), Verdict> {
    let witness = bench.witness()?;
    let begun = Instant::now();
    let address = bench.control.address();
    let mut clients = Vec::with_capacity(crowd);
    for number in 0..crowd {
        match TcpStream::connect_timeout(&address, bench.patience) {
            Ok(client) => clients.push(client),
            Err(error) => {
                bench
                    .notes
                    .push(format!("only {number} clients: the next one: {error}"));
                break;
            }
        }
        // The queue of connections that nobody has accepted yet is short; a server that accepts is not rushed.
        if number % 64 == 0 {
            bench.control.barrier()?;
        }
    }
    bench.control.settle()?;
    let milliseconds = begun.elapsed().as_secs_f64() * 1000.0;
    let turned_away = clients.iter().filter(|client| is_closed(client)).count();
    let inside = clients.len() - turned_away;
    bench
        .figures
        .push(Figure::count("clients that say nothing", inside));
    bench.figures.push(Figure::new(
        "they were let in within",
        Unit::Milliseconds,
        milliseconds,
    ));
    if turned_away > 0 {
        bench.notes.push(format!(
            "{turned_away} of {} clients were turned away",
            clients.len()
        ));
    }
    bench.hold(inside as f64 * PER_CLIENT_MAX + 16e6)?;
    bench.work()?;
    bench.hear(witness)?;
    for client in &clients {
        // Tens of thousands of ports in TIME_WAIT would be missed by the next trial.
        let _ = SockRef::from(client).set_linger(Some(std::time::Duration::ZERO));
    }
    drop(clients);
    bench.forgotten()
}

/// Whether the server has closed it, with or without a word.
fn is_closed(client: &TcpStream) -> bool {
    let nothing_yet = |error: std::io::Error| error.kind() != std::io::ErrorKind::WouldBlock;
    client
        .set_nonblocking(true)
        .and_then(|()| client.peek(&mut [0]))
        .map_or_else(nothing_yet, |_| true)
}
