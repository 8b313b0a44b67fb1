//! The worst that another client waits while millions of keys are inserted, beside the worst while the same keys are
//! only overwritten: the difference is the table's.

use super::super::contenders::Contender;
use super::super::figures::{Figure, Sheet};
use super::super::load;
use super::super::options::{Settings, count};
use super::super::requests::Store;
use super::{Bench, load_error, record_delays, worst_us};

/// Short enough that the pipeline itself keeps nobody waiting.
const PIPELINE: u64 = 100;
const STORE: Store = Store::Values(32);

fn inserted(keys: u64) -> String {
    format!("PING while {} keys are inserted", count(keys))
}

fn overwritten(keys: u64) -> String {
    format!("PING while {} keys are overwritten", count(keys))
}

pub(crate) fn works(settings: &Settings) -> Vec<String> {
    settings
        .growth_keys
        .iter()
        .flat_map(|keys| [inserted(*keys), overwritten(*keys)])
        .collect()
}

pub(crate) fn run(
    bench: &Bench<'_>,
    contender: &Contender,
    sheet: &mut Sheet<'_>,
) -> Result<(), String> {
    for keys in &bench.settings.growth_keys {
        let works = [inserted(*keys), overwritten(*keys)];
        if !bench.wants_any(&works) {
            continue;
        }
        let mut running = bench.start(contender)?;
        let probe = bench.pings(running.address());
        for work in &works {
            let fill = || load::fill(running.address(), STORE, 0, *keys, PIPELINE);
            let (seen, ()) = probe
                .during(bench.cores, fill)
                .map_err(|error| running.explain(load_error(&error)))?;
            record_delays(sheet, work, &seen);
            sheet.record(work, Figure::WORST, worst_us(&seen));
        }
    }
    Ok(())
}
