//! Cost against size: processor time per command and p99 as keys, and as connections, become more.

use super::super::contenders::{Contender, Running};
use super::super::figures::{Axis, Figure, Sheet};
use super::super::load::{self, Crowd, Shape};
use super::super::options::{Settings, count};
use super::super::requests::{Store, Work};
use super::super::statistics;
use super::{Bench, FILL_PIPELINE, fill, load_error, note_haste, tally};

const WORK: Work = Work::Get(64);
const STORE: Store = Store::Values(64);

/// Enough that cache misses show and the kernel's part does not hide them.
const KEYS_PIPELINE: usize = 16;

fn of_keys(keys: u64) -> String {
    format!("{WORK} P={KEYS_PIPELINE}, {} keys", count(keys))
}

fn of_connections(connections: u64) -> String {
    format!("{WORK} P=1, {} busy connections", count(connections))
}

pub(crate) fn works(settings: &Settings) -> Vec<String> {
    let keys = settings.size_keys.iter().map(|keys| of_keys(*keys));
    let connections = settings
        .size_connections
        .iter()
        .map(|count| of_connections(*count));
    keys.chain(connections).collect()
}

pub(crate) fn run(
    bench: &Bench<'_>,
    contender: &Contender,
    sheet: &mut Sheet<'_>,
) -> Result<(), String> {
    let settings = bench.settings;
    if bench.wants_any(
        &settings
            .size_keys
            .iter()
            .map(|keys| of_keys(*keys))
            .collect::<Vec<_>>(),
    ) {
        let mut running = bench.start(contender)?;
        let mut stored = 0;
        for keys in &settings.size_keys {
            load::fill(running.address(), STORE, stored, *keys, FILL_PIPELINE)
                .map_err(|error| running.explain(load_error(&error)))?;
            stored = *keys;
            let shape = Shape {
                work: WORK,
                clients: settings.clients,
                pipeline: KEYS_PIPELINE,
                keys: *keys,
                seed: 0x512e,
            };
            point(
                bench,
                &mut running,
                shape,
                &of_keys(*keys),
                (Axis::Keys, *keys),
                sheet,
            )?;
        }
    }
    let names: Vec<String> = settings
        .size_connections
        .iter()
        .map(|count| of_connections(*count))
        .collect();
    if bench.wants_any(&names) {
        let mut running = bench.start(contender)?;
        fill(&mut running, STORE, settings.keys)?;
        for (connections, name) in settings.size_connections.iter().zip(&names) {
            let shape = Shape {
                work: WORK,
                clients: *connections as usize,
                pipeline: 1,
                keys: settings.keys,
                seed: 0x512e,
            };
            point(
                bench,
                &mut running,
                shape,
                name,
                (Axis::Connections, *connections),
                sheet,
            )?;
        }
    }
    Ok(())
}

/// Measures one point of both graphs. A failure is noted, and the next point is tried.
fn point(
    bench: &Bench<'_>,
    running: &mut Running,
    shape: Shape,
    name: &str,
    at: (Axis, u64),
    sheet: &mut Sheet<'_>,
) -> Result<(), String> {
    if !bench.wants(name) {
        return Ok(());
    }
    let mut measure = || {
        let mut crowd =
            Crowd::connect(running.address(), shape).map_err(|error| load_error(&error))?;
        let tally = tally(&mut crowd, running.pid, bench.measured_for())?;
        sheet.record_at(name, Figure::CPU, at, tally.cpu_us());
        if tally.load_was_the_limit() {
            sheet.load_was_the_limit(name, Figure::CPU);
        }
        let probe = bench.probe(running.address(), WORK, shape.keys);
        let seen = bench
            .probe_beside(&probe, &mut crowd)
            .map_err(|error| load_error(&error))?;
        note_haste(sheet, &seen);
        sheet.record_at(
            name,
            Figure::P99,
            at,
            statistics::percentile_us(&seen.delays, 99.0),
        );
        Ok::<(), String>(())
    };
    measure().map_err(|error| format!("{name}: {}", running.explain(error)))
}
