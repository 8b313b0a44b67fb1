//! What one client's PING waits at a fixed rate: alone, beside busy clients, beside idle connections; and what those idle
//! connections cost.

use std::thread;
use std::time::Duration;

use super::super::contenders::{Contender, Running};
use super::super::figures::{Figure, Sheet};
use super::super::load::{self, Crowd, Shape};
use super::super::machine;
use super::super::options::{Settings, count};
use super::super::requests::{Store, Work};
use super::{Bench, fill, load_error, record_delays};

const ALONE: &str = "PING alone";

/// What the busy clients do: what most clients do.
const BUSY: Work = Work::Get(64);
const PIPELINES: [usize; 2] = [1, 16];

/// How long idle connections are watched.
const WATCHED: Duration = Duration::from_secs(1);

fn busy(settings: &Settings, pipeline: usize) -> String {
    format!("PING beside {} busy P={pipeline}", settings.clients)
}

fn beside_idle(connections: u64) -> String {
    format!("PING beside {} idle", count(connections))
}

fn idle(connections: u64) -> String {
    format!("{} idle connections", count(connections))
}

pub(crate) fn works(settings: &Settings) -> Vec<String> {
    let mut works = vec![ALONE.to_owned()];
    works.extend(PIPELINES.map(|pipeline| busy(settings, pipeline)));
    for connections in &settings.idle {
        works.extend([beside_idle(*connections), idle(*connections)]);
    }
    works
}

pub(crate) fn run(
    bench: &Bench<'_>,
    contender: &Contender,
    sheet: &mut Sheet<'_>,
) -> Result<(), String> {
    let mut running = bench.start(contender)?;
    measure(bench, &mut running, sheet).map_err(|error| running.explain(error))
}

fn measure(bench: &Bench<'_>, running: &mut Running, sheet: &mut Sheet<'_>) -> Result<(), String> {
    // The idle connections first: what many keys and much traffic leave behind would blur what each of them takes.
    alone_and_idle(bench, running, sheet)?;
    beside_busy(bench, running, sheet)
}

fn alone_and_idle(
    bench: &Bench<'_>,
    running: &Running,
    sheet: &mut Sheet<'_>,
) -> Result<(), String> {
    let wanted =
        |connections: &&u64| bench.wants_any(&[beside_idle(**connections), idle(**connections)]);
    let steps: Vec<u64> = bench.settings.idle.iter().filter(wanted).copied().collect();
    if steps.is_empty() && !bench.wants(ALONE) {
        return Ok(());
    }
    let probe = bench.pings(running.address());
    let pings = || {
        probe
            .alone(bench.cores, bench.probed_for())
            .map_err(|error| load_error(&error))
    };
    let alone_p99 = record_delays(sheet, ALONE, &pings()?);
    let before = machine::resident(running.pid)?;
    let mut open = Vec::new();
    for connections in steps {
        let more = connections as usize - open.len();
        open.extend(
            load::connect_many(running.address(), more).map_err(|error| load_error(&error))?,
        );
        settle();
        let held = machine::resident(running.pid)?.saturating_sub(before) as f64;
        sheet.record(
            &idle(connections),
            Figure::PER_CONNECTION,
            held / connections as f64,
        );
        let cpu = machine::cpu_time(running.pid)?;
        thread::sleep(WATCHED);
        let cpu_ms = (machine::cpu_time(running.pid)?.saturating_sub(cpu)).as_secs_f64() * 1_000.0;
        sheet.record(
            &idle(connections),
            Figure::IDLE_CPU,
            cpu_ms / WATCHED.as_secs_f64(),
        );
        let p99 = record_delays(sheet, &beside_idle(connections), &pings()?);
        sheet.record(
            &beside_idle(connections),
            Figure::P99_CHANGE,
            p99 / alone_p99,
        );
    }
    Ok(())
}

fn beside_busy(
    bench: &Bench<'_>,
    running: &mut Running,
    sheet: &mut Sheet<'_>,
) -> Result<(), String> {
    let settings = bench.settings;
    if !bench.wants_any(&PIPELINES.map(|pipeline| busy(settings, pipeline))) {
        return Ok(());
    }
    fill(running, Store::Values(64), settings.keys)?;
    let probe = bench.pings(running.address());
    for pipeline in PIPELINES {
        let name = busy(settings, pipeline);
        if !bench.wants(&name) {
            continue;
        }
        let shape = Shape {
            work: BUSY,
            clients: settings.clients,
            pipeline,
            keys: settings.keys,
            seed: 0xb5,
        };
        let mut crowd =
            Crowd::connect(running.address(), shape).map_err(|error| load_error(&error))?;
        let seen = bench
            .probe_beside(&probe, &mut crowd)
            .map_err(|error| load_error(&error))?;
        record_delays(sheet, &name, &seen);
    }
    Ok(())
}

/// Lets what a server does after accepting, and does not announce, come to an end.
fn settle() {
    thread::sleep(Duration::from_millis(300));
}
