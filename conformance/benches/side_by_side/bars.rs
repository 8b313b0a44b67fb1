//! What we want to reach: one table of bars, and how a run is held against it.

use super::figures::{Figure, Results};

/// How a bar is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    /// At most this many times the reference's value, in the median of the rounds' ratios.
    Ratio(f64),
    /// At most this value, in the median of the rounds.
    Value(f64),
}

/// One bar. Work and figure name a line of the results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    pub(crate) work: &'static str,
    pub(crate) figure: Figure,
    pub(crate) limit: Limit,
}

/// A bar beside what our server came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    pub(crate) bar: Bar,
    /// The ratio or the value, as the bar has it.
    pub(crate) measured: f64,
    pub(crate) reached: bool,
}

const fn cpu(work: &'static str, ratio: f64) -> Bar {
    Bar {
        work,
        figure: Figure::CPU,
        limit: Limit::Ratio(ratio),
    }
}

const fn p99(work: &'static str, ratio: f64) -> Bar {
    Bar {
        work,
        figure: Figure::P99,
        limit: Limit::Ratio(ratio),
    }
}

/// Resident bytes a key, fewer than the reference takes.
const fn smaller(work: &'static str) -> Bar {
    Bar {
        work,
        figure: Figure::PER_KEY,
        limit: Limit::Ratio(0.99),
    }
}

const fn at_most(work: &'static str, figure: Figure, value: f64) -> Bar {
    Bar {
        work,
        figure,
        limit: Limit::Value(value),
    }
}

/// Every bar, in the order of the sections.
pub(crate) const BARS: &[Bar] = &[
    cpu("PING P=1", 0.87),
    cpu("GET 3 B P=1", 0.87),
    cpu("GET 64 B P=1", 0.87),
    cpu("SET 3 B P=1", 0.87),
    cpu("SET 64 B P=1", 0.87),
    cpu("INCR P=1", 0.87),
    cpu("GET 3 B P=16", 0.50),
    cpu("GET 64 B P=16", 0.52),
    cpu("GET 3 B P=64", 0.36),
    cpu("GET 64 B P=64", 0.40),
    cpu("SET 3 B P=16", 0.48),
    cpu("SET 64 B P=16", 0.58),
    cpu("SET 3 B P=64", 0.42),
    cpu("SET 64 B P=64", 0.48),
    cpu("INCR P=16", 0.44),
    cpu("INCR P=64", 0.44),
    cpu("MSET of 10, 3 B P=16", 0.55),
    cpu("MSET of 10, 3 B P=64", 0.48),
    cpu("GET 1 KiB P=64", 0.50),
    cpu("SET 1 KiB P=64", 0.60),
    cpu("GET 1 MiB P=1", 0.9),
    p99("PING beside 50 busy P=16", 0.15),
    p99("PING beside 50 busy P=1", 0.6),
    p99("PING beside 10,000 idle", 0.9),
    at_most("PING beside 10,000 idle", Figure::P99_CHANGE, 1.05),
    at_most("10,000 idle connections", Figure::PER_CONNECTION, 500.0),
    at_most("19,000 idle connections", Figure::PER_CONNECTION, 500.0),
    at_most("10,000 idle connections", Figure::IDLE_CPU, 1.0),
    at_most("empty server", Figure::EMPTY, 5.0),
    at_most("1,000,000 strings of 32 B", Figure::PER_KEY, 78.0),
    at_most("5,000,000 strings of 32 B", Figure::PER_KEY, 78.0),
    at_most(
        "1,000,000 strings of 32 B with a TTL",
        Figure::PER_KEY,
        96.0,
    ),
    at_most(
        "5,000,000 strings of 32 B with a TTL",
        Figure::PER_KEY,
        96.0,
    ),
    at_most("1,000,000 integers", Figure::PER_KEY, 58.0),
    at_most("5,000,000 integers", Figure::PER_KEY, 58.0),
    smaller("200,000 hashes of 10 fields"),
    smaller("200,000 lists of 3"),
    smaller("200,000 lists of 10"),
    smaller("200,000 sets of 10 integers"),
    smaller("200,000 sets of 10 strings"),
    smaller("200,000 sorted sets of 10"),
    at_most(
        "PING while 2,000,000 keys are inserted",
        Figure::WORST,
        2_000.0,
    ),
    at_most(
        "PING while 10,000,000 keys are inserted",
        Figure::WORST,
        2_000.0,
    ),
    at_most(
        "PING while 200 readers hold replies",
        Figure::P99_CHANGE,
        1.20,
    ),
];

/// The bars whose lines were measured, held against the server of that index.
pub(crate) fn verdicts(results: &Results, server: usize) -> Vec<Verdict> {
    let verdict = |bar: &Bar| {
        let line = results.line(bar.work, bar.figure.name)?;
        let (measured, limit) = match bar.limit {
            Limit::Ratio(limit) => (line.ratio(server, results.reference)?, limit),
            Limit::Value(limit) => (line.median(server)?, limit),
        };
        Some(Verdict {
            bar: *bar,
            measured,
            reached: measured <= limit,
        })
    };
    BARS.iter().filter_map(verdict).collect()
}
