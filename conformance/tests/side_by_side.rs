//! The parts of the benchmark that measure nothing: statistics, bars, requests, tables, pictures, the command line. Nothing
//! here is timed and no server is started.

// A benchmark without cargo's harness has no place for tests of its own.
#[path = "../benches/side_by_side/main.rs"]
#[allow(
    dead_code,
    reason = "what measures is run by the benchmark, not by its tests"
)]
mod side_by_side;

use std::collections::HashSet;
use std::time::Duration;

use clap::{CommandFactory, Parser};

use side_by_side::bars::{self, BARS, Limit};
use side_by_side::contenders;
use side_by_side::figures::{Axis, Figure, Machine, Named, Results, Section};
use side_by_side::machine::{Cores, Schedule, kib_of};
use side_by_side::options::{Options, Settings, count};
use side_by_side::picture::{Scale, tick_text};
use side_by_side::requests::{Store, Work};
use side_by_side::sections;
use side_by_side::statistics;
use side_by_side::{gallery, table};

fn options(arguments: &[&str]) -> Options {
    Options::parse_from([&["just bench"], arguments].concat())
}

fn settings(arguments: &[&str]) -> Settings {
    options(arguments).settings()
}

/// Ours at index 0, the reference at 1, another at 2, three rounds.
fn results() -> Results {
    Results {
        made: "2026-11-23T01:02:03Z".to_owned(),
        seconds: 61,
        arguments: ["--huge", "--only", "it's P=1"].map(str::to_owned).to_vec(),
        machine: Machine {
            cpu: "A <fine> CPU".to_owned(),
            cores: 4,
            virtual_machine: true,
            memory_mib: 8_000,
            kernel: "6.1".to_owned(),
            load_before: 0.1,
            server_core: 0,
            load_core: 3,
            probe_core: 2,
        },
        settings: settings(&["--rounds", "3"]),
        servers: ["respect", "redis-8.2.3", "other"]
            .map(|name| Named {
                name: name.to_owned(),
                version: "1".to_owned(),
            })
            .to_vec(),
        reference: 1,
        waited_percent: vec![1.0, 4.0, 2.5],
        lines: Vec::new(),
        notes: Vec::new(),
    }
}

fn record(
    results: &mut Results,
    section: Section,
    work: &str,
    figure: Figure,
    rounds: [[f64; 3]; 2],
) {
    for (server, values) in rounds.iter().enumerate() {
        for (round, value) in values.iter().enumerate() {
            results
                .sheet(section, server, round)
                .record(work, figure, *value);
        }
    }
}

#[test]
fn the_median_is_the_middle_or_the_mean_of_two() {
    assert_eq!(statistics::median([3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(statistics::median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
    assert_eq!(statistics::median([]), None);
}

#[test]
fn the_spread_is_a_share_of_the_median() {
    assert_eq!(statistics::spread(&[9.0, 10.0, 12.0]), Some(0.3));
    assert_eq!(statistics::spread(&[9.0]), None, "one round tells nothing");
    assert_eq!(statistics::spread(&[0.0, 0.0, 1.0]), None);
}

#[test]
fn a_ratio_counts_only_rounds_in_which_both_were_measured() {
    let ours = [Some(1.0), None, Some(3.0), Some(2.0)];
    let theirs = [Some(2.0), Some(9.0), Some(2.0), None];
    assert_eq!(statistics::ratio(&ours, &theirs), Some(1.0));
    assert_eq!(statistics::ratio(&ours, &[None; 4]), None);
}

#[test]
fn values_are_kept_to_five_digits() {
    assert_eq!(statistics::rounded(45.900_548_116), 45.901);
    assert_eq!(statistics::rounded(0.000_123_456_7), 0.000_123_46);
    assert_eq!(statistics::rounded(1_234_567.0), 1_234_600.0);
    assert!(statistics::rounded(f64::NAN).is_nan());
}

#[test]
fn percentiles_are_read_in_microseconds_with_three_digits() {
    let mut delays = statistics::delays();
    for microseconds in 1..=1_000_u64 {
        delays.record(microseconds * 1_000).unwrap();
    }
    for (percent, expected) in [(50.0, 500.0), (99.0, 990.0), (99.9, 999.0)] {
        let measured = statistics::percentile_us(&delays, percent);
        assert!(
            (measured / expected - 1.0).abs() < 0.002,
            "p{percent}: {measured} beside {expected}"
        );
    }
}

#[test]
fn every_bar_names_a_work_of_a_default_or_a_huge_run() {
    let settings = settings(&["--huge"]);
    let works: HashSet<String> = Section::ALL
        .into_iter()
        .flat_map(|section| sections::works(section, &settings))
        .collect();
    for bar in BARS {
        assert!(works.contains(bar.work), "no work is called {}", bar.work);
    }
    let named: HashSet<_> = BARS.iter().map(|bar| (bar.work, bar.figure.name)).collect();
    assert_eq!(named.len(), BARS.len(), "a bar is there twice");
}

#[test]
fn a_bar_is_held_against_the_median_of_ratios_or_of_values() {
    let mut results = results();
    let ping = [[8.0, 9.0, 30.0], [10.0, 10.0, 10.0]];
    record(
        &mut results,
        Section::Throughput,
        "PING P=1",
        Figure::CPU,
        ping,
    );
    let empty = [[5.1, 5.2, 4.0], [8.8, 8.8, 8.8]];
    record(
        &mut results,
        Section::Memory,
        "empty server",
        Figure::EMPTY,
        empty,
    );
    let verdicts = bars::verdicts(&results, 0);
    let told: Vec<_> = verdicts
        .iter()
        .map(|verdict| (verdict.bar.work, verdict.measured, verdict.reached))
        .collect();
    assert_eq!(
        told,
        [("PING P=1", 0.9, false), ("empty server", 5.1, false)]
    );
    assert_eq!(verdicts[0].bar.limit, Limit::Ratio(0.87));
    assert!(
        bars::verdicts(&results, 2).is_empty(),
        "the other was not measured"
    );
}

#[test]
fn a_command_and_its_reply_are_as_long_as_they_say() {
    let mut request = Vec::new();
    let mut rng = fastrand::Rng::with_seed(1);
    Work::Set(3).write(&mut request, 1, &mut rng);
    assert_eq!(
        String::from_utf8(request).unwrap(),
        "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n$3\r\nvvv\r\n"
    );
    assert_eq!(Work::Get(3).reply_len(), "$3\r\nvvv\r\n".len());
    assert_eq!(Work::Get(1024).reply_len(), 1024 + "$1024\r\n\r\n".len());
    assert_eq!(Work::Incr.reply_len(), ":1000000000001\r\n".len());
    let (batch, awaited) = Store::Counters.batch(5..7);
    assert_eq!(awaited, "+OK\r\n+OK\r\n".len());
    let batch = String::from_utf8(batch).unwrap();
    assert!(
        batch.ends_with("$16\r\ncnt:000000000006\r\n$13\r\n1000000000006\r\n"),
        "{batch}"
    );
}

#[test]
fn what_a_work_asks_for_is_what_its_keys_hold() {
    for (work, store) in [
        (Work::Get(64), Some(Store::Values(64))),
        (Work::Mset10(3), Some(Store::Values(3))),
        (Work::Incr, Some(Store::Counters)),
        (Work::GetLarge, Some(Store::Large)),
        (Work::Ping, None),
    ] {
        assert_eq!(work.store(), store, "{work}");
    }
}

#[test]
fn the_load_is_the_limit_only_when_the_server_has_time_to_spare() {
    let ms = Duration::from_millis;
    let limited = |server, load| sections::load_was_the_limit(ms(server), ms(load), ms(1_000));
    assert!(limited(700, 990));
    assert!(
        !limited(970, 999),
        "a server that is busy throughout is the limit"
    );
    assert!(
        !limited(900, 600),
        "neither is busy: both wait for the wire"
    );
}

#[test]
fn slow_readers_ask_for_no_more_than_fits() {
    let gib = 1024 * 1024 * 1024;
    assert_eq!(sections::slow::fitting(64, 200, 24 * gib), 64);
    assert_eq!(sections::slow::fitting(64, 200, 8 * gib), 25);
    assert_eq!(sections::slow::fitting(64, 200, gib), 1);
}

#[test]
fn server_load_and_probe_have_cores_of_their_own_where_there_are_enough() {
    let cores = Cores::of(8).unwrap();
    assert_eq!((cores.server, cores.load, cores.probe), (0, 7, 6));
    let cores = Cores::of(2).unwrap();
    assert_eq!((cores.server, cores.load, cores.probe), (0, 1, 1));
    assert!(Cores::of(1).unwrap_err().contains("one core"));
}

#[test]
fn the_kernels_tables_are_read() {
    let schedule = Schedule::read("1500000 250000 7\n");
    assert_eq!(schedule.ran, Duration::from_micros(1_500));
    assert_eq!(schedule.waited, Duration::from_micros(250));
    let text = "Size: 7 kB\nRss:      1234 kB\nPss: 5 kB\n";
    assert_eq!(kib_of(text, "Rss:"), Some(1234));
    assert_eq!(kib_of(text, "Swap:"), None);
}

#[test]
fn the_command_line_is_in_order_and_chooses() {
    Options::command().debug_assert();
    let options = options(&["--section", "memory,latency", "--only", "idle"]);
    assert_eq!(options.sections(), [Section::Latency, Section::Memory]);
    assert!(options.wants("10,000 idle connections") && !options.wants("PING alone"));
    assert_eq!(settings(&["--quick", "--rounds", "2"]).rounds, 2);
    assert_eq!(settings(&["--huge"]).memory_keys, [1_000_000, 5_000_000]);
    assert!(settings(&["--huge"]).connections_max() > 19_000);
}

#[test]
fn a_wrong_flag_is_told_with_what_would_be_right() {
    let told = |arguments: &[&str]| {
        let all = [&["just bench"], arguments].concat();
        Options::try_parse_from(all).unwrap_err().to_string()
    };
    let section = told(&["--section", "speed"]);
    assert!(section.contains("throughput, latency, memory"), "{section}");
    assert!(told(&["--rounds", "0"]).contains("0 is not in 1.."));
    assert!(told(&["--seconds", "fast"]).contains("such as 0.5"));
    let peer = contenders::split_peer("mine").unwrap_err();
    assert!(peer.contains("NAME=COMMAND"), "{peer}");
    assert!(
        contenders::split_peer("mine=./serve").is_err(),
        "no {{port}}"
    );
    let command = contenders::split_peer("mine=A=1 ./serve {port}").unwrap();
    assert_eq!(command, ("mine", "A=1 ./serve {port}"));
}

#[test]
fn numbers_have_three_digits_and_counts_have_commas() {
    for (value, text) in [
        (0.345_6, "0.346"),
        (0.9999, "1.00"),
        (8.8, "8.80"),
        (84.23, "84.2"),
        (1_604.6, "1,605"),
        (-0.5, "-0.500"),
        (-2_000.0, "-2,000"),
    ] {
        assert_eq!(table::number(value), text);
    }
    assert_eq!(count(0), "0");
    assert_eq!(count(999), "999");
    assert_eq!(count(19_000), "19,000");
    assert_eq!(count(1_000_000), "1,000,000");
}

#[test]
fn a_table_lines_up_with_numbers_on_the_right() {
    let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
    let table = table::aligned(&[
        row(&["work", "µs"]),
        row(&["GET", "12.5"]),
        row(&["MSET|", "3.1"]),
    ]);
    assert_eq!(
        table,
        "| work  |   µs |\n|-------|-----:|\n| GET   | 12.5 |\n| MSET\\| |  3.1 |\n"
    );
}

#[test]
fn the_page_tells_bars_ratios_spread_and_what_went_wrong() {
    let mut results = results();
    let get = [[0.4, 0.5, 0.6], [1.0, 1.0, 1.0]];
    record(
        &mut results,
        Section::Throughput,
        "GET 3 B P=16",
        Figure::CPU,
        get,
    );
    let mut sheet = results.sheet(Section::Throughput, 0, 0);
    sheet.load_was_the_limit("GET 3 B P=16", Figure::CPU);
    results
        .sheet(Section::Throughput, 2, 0)
        .failed("GET 3 B P=16", "it left");
    let page = table::page(&results, 0);
    for expected in [
        r"by `just bench --huge --only 'it'\''s P=1'` in 2 min",
        "waited for their core 2.50 % of the measured time",
        "## Bars: 1 of 1 reached",
        "ratio to redis-8.2.3 | ≤ 0.50 |     0.50 | reached |",
        "| 0.500* (0.50) |        1.00 | –     | 40 %, 0 % | ≤ 0.50 reached |",
        "An asterisk",
        "- other: GET 3 B P=16: it left",
    ] {
        assert!(page.contains(expected), "{expected} is not in\n{page}");
    }
}

#[test]
fn results_survive_being_written_and_read() {
    let mut results = results();
    let mut sheet = results.sheet(Section::Size, 0, 1);
    sheet.record_at("GET, 10 keys", Figure::CPU, (Axis::Keys, 10), 1.0 / 3.0);
    let json = serde_json::to_string(&results).unwrap();
    let read: Results = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), json);
    let line = read.line("GET, 10 keys", "server CPU per command").unwrap();
    assert_eq!(line.values[0], [None, Some(0.333_33), None]);
    assert_eq!(line.at, Some((Axis::Keys, 10)));
}

#[test]
fn a_linear_scale_begins_at_nothing_and_ends_beyond_the_largest() {
    let scale = Scale::over([30.0, 87.0], false, 100.0, 500.0);
    assert_eq!(scale.at(0.0), 100.0);
    assert!(scale.at(87.0) < 500.0 && scale.at(87.0) > 450.0);
    assert_eq!(
        scale.ticks(),
        [0.0, 20.0, 40.0, 60.0, 80.0],
        "round steps from 0"
    );
}

#[test]
fn a_logarithmic_scale_gives_every_decade_as_much() {
    let scale = Scale::over([12.0, 900.0], true, 0.0, 200.0);
    assert_eq!((scale.low, scale.high), (10.0, 1_000.0));
    assert!((scale.at(100.0) - 100.0).abs() < 1e-9);
    assert_eq!(
        scale.ticks(),
        [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0]
    );
}

#[test]
fn scales_stand_values_that_are_alike_missing_or_nothing() {
    for values in [
        vec![],
        vec![0.0],
        vec![5.0, 5.0],
        vec![f64::NAN, f64::INFINITY],
    ] {
        for logarithmic in [false, true] {
            let scale = Scale::over(values.clone(), logarithmic, 0.0, 100.0);
            let at = scale.at(scale.high);
            assert!((at - 100.0).abs() < 1e-9, "{values:?}: {scale:?}: {at}");
            assert!(!scale.ticks().is_empty(), "{values:?}: {scale:?}");
        }
    }
}

#[test]
fn ticks_are_written_without_digits_that_say_nothing() {
    for (value, text) in [(0.0, "0"), (0.05, "0.05"), (2.0, "2"), (10_000.0, "10,000")] {
        assert_eq!(tick_text(value), text);
    }
}

#[test]
fn pictures_have_a_dot_for_every_value_and_escape_what_they_quote() {
    let mut results = results();
    let get = [[0.4, 0.5, 0.6], [1.0, 1.0, 1.0]];
    record(
        &mut results,
        Section::Throughput,
        "GET 3 B P=16",
        Figure::CPU,
        get,
    );
    let mut sheet = results.sheet(Section::Size, 0, 0);
    for (keys, cpu) in [(10, 1.0), (100, 1.5)] {
        let work = format!("{keys} keys");
        sheet.record_at(&work, Figure::CPU, (Axis::Keys, keys), cpu);
    }
    let pictures = gallery::pictures(&results, 0);
    let files: Vec<_> = pictures.iter().map(|(file, _)| *file).collect();
    assert_eq!(files, ["cpu.svg", "size-keys.svg"]);
    let (_, cpu) = &pictures[0];
    assert!(cpu.contains("A &lt;fine&gt; CPU"), "{cpu}");
    // Ours is the large circle: one in the legend and one in the row.
    assert_eq!(cpu.matches("r=\"6\"").count(), 2, "{cpu}");
    assert!(cpu.contains("respect: 0.500"), "{cpu}");
    let (_, keys) = &pictures[1];
    assert_eq!(keys.matches("r=\"6\"").count(), 3, "{keys}");
}
