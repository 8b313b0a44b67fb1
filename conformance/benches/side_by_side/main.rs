//! Our server beside every installed oracle, in one run: throughput, processor time, latency, memory, growth, slow readers
//! and size, as ratios, against bars.
//!
//! `just bench --help` lists the options. Servers run one at a time, in turns (A B C A B C …), each on one core with the
//! load on another, so that what disturbs the machine disturbs them alike. Times belong to the machine; the ratios are
//! what travels.
//!
//! The parts: [`options`] say how much, [`contenders`] who, [`sections`] what; [`requests`], [`load`] and [`probe`] speak to
//! the server, [`machine`] counts; [`figures`] keep what was seen, [`statistics`] and [`bars`] judge it, [`table`],
//! [`picture`] and [`gallery`] show it. The tests of the parts that measure nothing are in `tests/side_by_side.rs`.

pub(crate) mod bars;
pub(crate) mod contenders;
pub(crate) mod figures;
pub(crate) mod gallery;
pub(crate) mod load;
pub(crate) mod machine;
pub(crate) mod options;
pub(crate) mod picture;
pub(crate) mod probe;
pub(crate) mod requests;
pub(crate) mod sections;
pub(crate) mod statistics;
pub(crate) mod table;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Parser;
use respect_conformance::workspace;

use contenders::{Contender, OURS};
use figures::{Results, Section};
use machine::Cores;
use options::{Options, Settings};
use sections::Bench;

/// Servers that waited for their core so much of the measured time, in percent, were disturbed.
const DISTURBED_PERCENT: f64 = 5.0;

fn main() -> ExitCode {
    let options = Options::parse();
    // Cargo runs benchmarks in the package's folder; paths are meant as `just bench` sees them.
    if let Some(root) = workspace::root()
        && let Err(error) = std::env::set_current_dir(&root)
    {
        eprintln!("error: {}: {error}", root.display());
        return ExitCode::FAILURE;
    }
    let results = match &options.render {
        Some(file) => read(file),
        None => measure(&options),
    };
    match results.and_then(|results| publish(&results, &options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<Results, String> {
    let settings = options.settings();
    let sections = sections_to_run(options, &settings)?;
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = Cores::of(count)?;
    machine::allow_connections(settings.connections_max())?;
    let contenders = contenders::choose(options)?;
    let reference = contenders
        .iter()
        .position(|contender| contender.named.name == options.reference)
        .ok_or_else(|| format!("{} is not among the servers", options.reference))?;
    // A server that does not start is better told of now than in the tenth minute.
    for contender in &contenders {
        contender
            .start(cores, settings.connections_max())
            .map_err(|error| format!("{} does not start: {error}", contender.named.name))?;
    }
    let began = Instant::now();
    let mut results = Results {
        made: DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Secs, true),
        seconds: 0,
        arguments: std::env::args()
            .skip(1)
            .filter(|argument| argument != "--bench")
            .collect(),
        machine: machine::describe(cores, count),
        settings: settings.clone(),
        servers: contenders
            .iter()
            .map(|contender| contender.named.clone())
            .collect(),
        reference,
        waited_percent: Vec::new(),
        lines: Vec::new(),
        notes: Vec::new(),
    };
    machine::pin(cores.load)?;
    let bench = Bench {
        options,
        settings: &settings,
        cores,
    };
    for round in 0..settings.rounds {
        for section in &sections {
            for (index, contender) in contenders.iter().enumerate() {
                if !takes_part(*section, contender, index == reference, options) {
                    continue;
                }
                eprintln!(
                    "{:4} s  round {} of {}: {}: {}",
                    began.elapsed().as_secs(),
                    round + 1,
                    settings.rounds,
                    section.title().to_lowercase(),
                    contender.named.name
                );
                let mut sheet = results.sheet(*section, index, round);
                if let Err(error) = sections::run(*section, &bench, contender, &mut sheet) {
                    sheet.failed(section.title(), &error);
                }
            }
        }
    }
    results.seconds = began.elapsed().as_secs();
    // The load average would not tell: it still counts the compiler that has just built our server.
    let waited = statistics::median(results.waited_percent.iter().copied());
    if waited.is_some_and(|percent| percent > DISTURBED_PERCENT) {
        results.note("The machine did other work: delays and times are upper bounds, and ratios less certain.");
    }
    if results.lines.is_empty() {
        return Err(format!(
            "nothing could be measured: {}",
            results.notes.join("; ")
        ));
    }
    Ok(results)
}

/// The sections that have a work that is wanted.
fn sections_to_run(options: &Options, settings: &Settings) -> Result<Vec<Section>, String> {
    let mut sections = options.sections();
    let all: Vec<String> = sections
        .iter()
        .flat_map(|section| sections::works(*section, settings))
        .collect();
    sections.retain(|section| {
        sections::works(*section, settings)
            .iter()
            .any(|work| options.wants(work))
    });
    if sections.is_empty() {
        return Err(format!(
            "--only {}: no work's name has this in it; there are\n  {}",
            options.only.as_deref().unwrap_or_default(),
            all.join("\n  ")
        ));
    }
    Ok(sections)
}

/// The dear sections are about us: of the others only the reference takes part, unless everybody shall.
fn takes_part(section: Section, contender: &Contender, reference: bool, options: &Options) -> bool {
    let cheap = matches!(
        section,
        Section::Throughput | Section::Latency | Section::Memory
    );
    cheap || reference || options.everywhere || contender.named.name == OURS
}

fn read(file: &Path) -> Result<Results, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

/// Prints the tables, and writes them, the values and the pictures.
fn publish(results: &Results, options: &Options) -> Result<(), String> {
    let ours = results
        .servers
        .iter()
        .position(|named| named.name == OURS)
        .unwrap_or_default();
    let page = table::page(results, ours);
    println!("{page}");
    let json = serde_json::to_string_pretty(results).map_err(|error| error.to_string())? + "\n";
    let pictures = gallery::pictures(results, ours);
    let mut page = page;
    for (file, _) in &pictures {
        page.push_str(&format!("\n![{}]({file})\n", file.trim_end_matches(".svg")));
    }
    let out = &options.out;
    let write = |name: &str, text: &str| {
        let path = out.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    write("results.json", &json)?;
    write("results.md", &page)?;
    for (file, svg) in &pictures {
        write(file, svg)?;
    }
    eprintln!("written to {}", options.out.display());
    Ok(())
}
