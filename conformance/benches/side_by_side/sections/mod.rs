//! The sections, and what they share: each starts a server of its own, measures one thing after another, and writes down
//! what it saw.

pub(crate) mod growth;
pub(crate) mod latency;
pub(crate) mod memory;
pub(crate) mod size;
pub(crate) mod slow;
pub(crate) mod throughput;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::contenders::{Contender, Running};
use super::figures::{Figure, Section, Sheet};
use super::load::{self, Crowd};
use super::machine::{self, Cores};
use super::options::{Options, Settings};
use super::probe::{Probe, Seen};
use super::requests::{Store, Work};
use super::statistics;

/// Commands in one pipeline where keys are stored beforehand.
const FILL_PIPELINE: u64 = 1_000;

/// Before processor time is taken, so that a new connection's first commands are not in it.
const WARM_UP: Duration = Duration::from_millis(50);

/// What a section needs to know.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    pub(crate) settings: &'a Settings,
    pub(crate) cores: Cores,
}

/// The names of the works of a section.
pub(crate) fn works(section: Section, settings: &Settings) -> Vec<String> {
    match section {
        Section::Throughput => throughput::works(settings),
        Section::Latency => latency::works(settings),
        Section::Memory => memory::works(settings),
        Section::Growth => growth::works(settings),
        Section::Slow => slow::works(settings),
        Section::Size => size::works(settings),
    }
}

/// Measures a section of one server once.
pub(crate) fn run(
    section: Section,
    bench: &Bench<'_>,
    contender: &Contender,
    sheet: &mut Sheet<'_>,
) -> Result<(), String> {
    match section {
        Section::Throughput => throughput::run(bench, contender, sheet),
        Section::Latency => latency::run(bench, contender, sheet),
        Section::Memory => memory::run(bench, contender, sheet),
        Section::Growth => growth::run(bench, contender, sheet),
        Section::Slow => slow::run(bench, contender, sheet),
        Section::Size => size::run(bench, contender, sheet),
    }
}

impl Bench<'_> {
    fn start(&self, contender: &Contender) -> Result<Running, String> {
        contender.start(self.cores, self.settings.connections_max())
    }

    fn wants(&self, work: &str) -> bool {
        self.options.wants(work)
    }

    fn wants_any<'n>(&self, works: impl IntoIterator<Item = &'n String>) -> bool {
        works.into_iter().any(|work| self.wants(work))
    }

    fn measured_for(&self) -> Duration {
        Duration::from_secs_f64(self.settings.seconds)
    }

    fn probed_for(&self) -> Duration {
        Duration::from_secs_f64(self.settings.probe_seconds)
    }

    /// A client that sends PINGs at the fixed rate.
    fn pings(&self, address: SocketAddr) -> Probe {
        self.probe(address, Work::Ping, 1)
    }

    /// A client that sends a work's commands at the fixed rate.
    fn probe(&self, address: SocketAddr, work: Work, keys: u64) -> Probe {
        Probe {
            address,
            requests: work.samples(keys, 4_096, 0x9e37),
            reply_len: work.reply_len(),
            rate: self.settings.probe_rate,
        }
    }

    /// Asks while the crowd is kept busy.
    fn probe_beside(&self, probe: &Probe, crowd: &mut Crowd) -> io::Result<Seen> {
        crowd.run_for(WARM_UP)?;
        let beside =
            |over: &std::sync::atomic::AtomicBool| crowd.run(&mut || !over.load(Ordering::Relaxed));
        probe
            .beside(self.cores, self.probed_for(), beside)
            .map(|(seen, _)| seen)
    }
}

/// What a crowd got done, and what it cost.
struct Tally {
    commands: u64,
    /// Commands answered before anything was counted.
    warm_up: u64,
    took: Duration,
    /// The server's processor time.
    server: Duration,
    /// Time in which the server could have run and something else did.
    waited: Duration,
    /// The load's own processor time.
    load: Duration,
}

impl Tally {
    fn cpu_us(&self) -> f64 {
        self.server.as_secs_f64() * 1e6 / self.commands as f64
    }

    fn thousands_per_second(&self) -> f64 {
        self.commands as f64 / self.took.as_secs_f64() / 1_000.0
    }

    fn waited_percent(&self) -> f64 {
        self.waited.as_secs_f64() / self.took.as_secs_f64() * 100.0
    }

    /// Whether the server had to wait for the load rather than the load for the server.
    fn load_was_the_limit(&self) -> bool {
        load_was_the_limit(self.server, self.load, self.took)
    }
}

/// A server that is busy nearly all the time is the limit itself; one that is not, and is less so than the load, waits.
pub(crate) fn load_was_the_limit(server: Duration, load: Duration, took: Duration) -> bool {
    const NEARLY_ALL: f64 = 0.95;
    server.as_secs_f64() < NEARLY_ALL * took.as_secs_f64() && server < load
}

/// Keeps a crowd busy for a time and takes the processor time of both sides.
fn tally(crowd: &mut Crowd, pid: u32, time: Duration) -> Result<Tally, String> {
    let text = |error: io::Error| load_error(&error);
    let warm_up = crowd.run_for(WARM_UP).map_err(text)?;
    let (server, load) = (machine::schedule(pid)?, machine::own_cpu_time());
    let begun = Instant::now();
    let commands = crowd.run_for(time).map_err(text)?;
    let took = begun.elapsed();
    let after = machine::schedule(pid)?;
    Ok(Tally {
        commands,
        warm_up,
        took,
        server: after.ran.saturating_sub(server.ran),
        waited: after.waited.saturating_sub(server.waited),
        load: machine::own_cpu_time().saturating_sub(load),
    })
}

/// Stores a work's keys.
fn fill(running: &mut Running, store: Store, keys: u64) -> Result<(), String> {
    let end = if store == Store::Large { 1 } else { keys };
    load::fill(running.address(), store, 0, end, FILL_PIPELINE)
        .map_err(|error| running.explain(load_error(&error)))
}

/// Writes the percentiles down and returns the p99.
fn record_delays(sheet: &mut Sheet<'_>, work: &str, seen: &Seen) -> f64 {
    note_haste(sheet, seen);
    for (figure, percent) in [
        (Figure::P50, 50.0),
        (Figure::P99, 99.0),
        (Figure::P999, 99.9),
    ] {
        sheet.record(
            work,
            figure,
            statistics::percentile_us(&seen.delays, percent),
        );
    }
    statistics::percentile_us(&seen.delays, 99.0)
}

fn worst_us(seen: &Seen) -> f64 {
    seen.delays.max() as f64 / 1_000.0
}

fn note_haste(sheet: &mut Sheet<'_>, seen: &Seen) {
    if !seen.hurried {
        sheet.note(
            "The client whose delays were taken could not be given priority (chrt as root can), so delays contain the \
             load's own where both shared a core.",
        );
    }
}

fn load_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            "the server has stopped answering".to_owned()
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            "the server closed the connection".to_owned()
        }
        _ => error.to_string(),
    }
}
