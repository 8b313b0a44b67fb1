//! What others wait while many readers ask for much and read nothing, and what the server keeps for them.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::super::contenders::Contender;
use super::super::figures::{Figure, Sheet};
use super::super::machine;
use super::super::options::{Settings, count};
use super::super::requests::{LARGE, Store, Work};
use super::{Bench, fill, load_error, record_delays, worst_us};

const ALONE: &str = "PING before the readers come";

/// So little of the replies lies in the kernel that the server must hold the rest.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// The server has done what was asked when it uses less processor time than this between two looks: the PINGs beside
/// take about half of it.
const QUIET: Duration = Duration::from_millis(8);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS_MAX: usize = 600;

fn asking(settings: &Settings) -> String {
    format!("PING while {} readers ask", count(settings.readers as u64))
}

fn holding(settings: &Settings) -> String {
    format!(
        "PING while {} readers hold replies",
        count(settings.readers as u64)
    )
}

pub(crate) fn works(settings: &Settings) -> Vec<String> {
    vec![ALONE.to_owned(), asking(settings), holding(settings)]
}

pub(crate) fn run(
    bench: &Bench<'_>,
    contender: &Contender,
    sheet: &mut Sheet<'_>,
) -> Result<(), String> {
    let settings = bench.settings;
    if !bench.wants_any(&works(settings)) {
        return Ok(());
    }
    let each_mib = fitting(
        settings.reader_mib,
        settings.readers as u64,
        machine::available_memory(),
    );
    if each_mib < settings.reader_mib {
        sheet.note(format!(
            "Slow readers asked for {each_mib} MiB each, not {}: a server that holds it all would not fit into memory.",
            settings.reader_mib
        ));
    }
    let mut running = bench.start(contender)?;
    fill(&mut running, Store::Large, 1)?;
    let probe = bench.pings(running.address());
    let failed = |error: io::Error| load_error(&error);
    let seen = probe
        .alone(bench.cores, bench.probed_for())
        .map_err(failed)?;
    let alone_p99 = record_delays(sheet, ALONE, &seen);
    let before = machine::resident(running.pid)?;

    let ask = || {
        let readers = ask_and_never_read(running.address(), settings.readers, each_mib)?;
        until_quiet(running.pid).map(|()| readers)
    };
    let (seen, readers) = probe.during(bench.cores, ask).map_err(failed)?;
    record_delays(sheet, &asking(settings), &seen);
    sheet.record(&asking(settings), Figure::WORST, worst_us(&seen));

    let held = machine::resident(running.pid)?.saturating_sub(before) as f64 / (1024.0 * 1024.0);
    sheet.record(
        &holding(settings),
        Figure::PER_READER,
        held / settings.readers as f64,
    );
    let seen = probe
        .alone(bench.cores, bench.probed_for())
        .map_err(failed)?;
    let p99 = record_delays(sheet, &holding(settings), &seen);
    sheet.record(&holding(settings), Figure::P99_CHANGE, p99 / alone_p99);
    drop(readers);
    Ok(())
}

/// How many MiB each reader may ask for so that a server that copies them all stays within what is free.
pub(crate) fn fitting(wanted_mib: u64, readers: u64, available: u64) -> u64 {
    const SPARE: u64 = 2 * 1024;
    let available_mib = (available / 1024 / 1024).saturating_sub(SPARE);
    // Allocators and growing lists take up to a fifth more than what they hold.
    (available_mib * 5 / 6 / readers.max(1)).clamp(1, wanted_mib)
}

fn ask_and_never_read(
    address: SocketAddr,
    readers: usize,
    each_mib: u64,
) -> io::Result<Vec<TcpStream>> {
    let mut request = Vec::new();
    let asked = each_mib * 1024 * 1024 / LARGE as u64;
    let mut rng = fastrand::Rng::with_seed(0);
    (0..asked).for_each(|_| Work::GetLarge.write(&mut request, 1, &mut rng));
    (0..readers)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
            socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
            socket.connect(&address.into())?;
            let mut stream = TcpStream::from(socket);
            stream.write_all(&request)?;
            Ok(stream)
        })
        .collect()
}

/// Waits until the server has done what it can.
fn until_quiet(pid: u32) -> io::Result<()> {
    let begun = Instant::now();
    let mut last = machine::cpu_time(pid).map_err(io::Error::other)?;
    for _ in 0..LOOKS_MAX {
        thread::sleep(LOOK_EVERY);
        let now = machine::cpu_time(pid).map_err(io::Error::other)?;
        if now.saturating_sub(last) < QUIET {
            return Ok(());
        }
        last = now;
    }
    Err(io::Error::other(format!(
        "the server is still busy after {:.0} s",
        begun.elapsed().as_secs_f64()
    )))
}
