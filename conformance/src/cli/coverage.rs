//! `respect coverage`: counts what the transcripts, and generated streams, exercise, and prints the totals and the holes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use respect_conformance::control::{Barrier, Trouble};
use respect_conformance::coverage::table::{BUILD, Table};
use respect_conformance::coverage::{Coverage, Hole, HoleKind, Total, Way, streams, transcripts};
use respect_conformance::generate::play::play;
use respect_conformance::generate::search::generated;
use respect_conformance::generate::vocabulary::Vocabulary;
use respect_conformance::oracle::Build;
use respect_conformance::report::sections;
use respect_conformance::transcript::Identity;

use super::fixtures::Selection;
use super::target::installed;
use super::{Exit, Stop};

/// So many names of one sort of hole are printed, unless all are asked for.
const SHOWN: usize = 24;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Ask this build for its own command table [default: the recorded one of redis-8.2.3]
    #[arg(long, value_name = "NAME-VERSION")]
    oracle: Option<String>,
    /// Play this many generated streams to the oracle, and count what they exercise as well
    #[arg(long, value_name = "N", default_value_t = 0, requires = "oracle")]
    streams: usize,
    /// The seed of the streams [default: another one every time]
    #[arg(long, value_name = "N", requires = "streams")]
    seed: Option<u64>,
    /// Name every hole
    #[arg(long)]
    all: bool,
    /// Write how often each command and token was exercised, and every hole, to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    let cases = arguments.selection.cases()?;
    let build = arguments.oracle.as_deref().unwrap_or(BUILD);
    let identity: Identity = build.parse().map_err(Stop::usage)?;
    let mut coverage = match &arguments.oracle {
        None => Coverage::new(Table::recorded()),
        Some(name) => {
            let seed = arguments.seed.unwrap_or_else(super::fuzz::any_seed);
            of_oracle(name, &identity, arguments.streams, seed)?
        }
    };
    for case in &cases {
        transcripts::add(&mut coverage, case, &identity);
    }
    let section = section(&coverage, build);
    if let Some(path) = &arguments.json {
        super::matrix::write_json(path, &section)?;
    }
    say!("{}", totals(&coverage, build));
    say!("{}", holes(&coverage.holes(), arguments.all));
    Ok(Exit::Ok)
}

/// Nothing of a live oracle's own table, to be added to.
pub(super) fn of_table(build: &'static Build, identity: &Identity) -> Result<Coverage, Stop> {
    of_oracle(&build.id(), identity, 0, 0)
}

/// What generated streams exercise of a live oracle's own table.
fn of_oracle(name: &str, identity: &Identity, streams: usize, seed: u64) -> Result<Coverage, Stop> {
    let lost = |why: Trouble| Stop(Exit::Oracles, format!("{identity}: {why}"));
    let origin = installed(super::oracle::named(name)?)?;
    let (_server, mut control) = super::fuzz::join(&origin, Barrier::Ping)?;
    let grammar = super::fuzz::table(identity, &mut control)?;
    let mut coverage = Coverage::new(Table::of(&grammar));
    if streams > 0 {
        let mut commands = 0;
        for stream in generated(seed, &Vocabulary::of(&grammar)).take(streams) {
            let played = play(&stream, &mut control).map_err(lost)?;
            commands += stream.len();
            streams::add(&mut coverage, &stream, &played);
        }
        say!("{streams} streams of {commands} commands were played to {identity}; seed {seed}");
    }
    Ok(coverage)
}

fn totals(coverage: &Coverage, build: &str) -> String {
    let of = |total: Total| format!("{} of {}", total.exercised, total.of);
    let commands = of(coverage.total_of_commands());
    let mut text = format!("{commands} commands and subcommands of {build} are answered\n\n");
    text.push_str(&format!("{:14} {:>14} {:>14}\n", "", "RESP2", "RESP3"));
    let ways = Way::ALL.map(|(way, name)| (name, coverage.total(way)));
    for (name, [resp2, resp3]) in ways
        .into_iter()
        .chain([("tokens", coverage.total_of_tokens())])
    {
        text.push_str(&format!("{name:14} {:>14} {:>14}\n", of(resp2), of(resp3)));
    }
    text
}

fn holes(holes: &[Hole], all: bool) -> String {
    let mut kinds: BTreeMap<HoleKind, Vec<&str>> = BTreeMap::new();
    for hole in holes {
        kinds.entry(hole.kind).or_default().push(&hole.name);
    }
    let mut text = "holes, the worthiest to fill first:\n".to_owned();
    let shown = if all { usize::MAX } else { SHOWN };
    for (kind, names) in kinds {
        let more = match names.len().saturating_sub(shown) {
            0 => String::new(),
            more => format!(", and {more} more (--all)"),
        };
        let named: Vec<&str> = names.iter().copied().take(shown).collect();
        text.push_str(&format!(
            "  {} × {}: {}{more}\n",
            names.len(),
            kind.name(),
            named.join(", ")
        ));
    }
    text
}

/// As a report shows it: a row for each command, and one for each of its tokens.
pub(super) fn section(coverage: &Coverage, build: &str) -> sections::Coverage {
    let protocols = ["RESP2", "RESP3"];
    let columns = Way::ALL.iter().flat_map(|(_, name)| {
        protocols
            .iter()
            .map(move |protocol| format!("{name}, {protocol}"))
    });
    let mut rows = Vec::new();
    for (index, command) in coverage.table().commands().iter().enumerate() {
        let name = command.name.replace('|', " ");
        let counts = Way::ALL
            .iter()
            .flat_map(|(way, _)| match coverage.count(index, *way) {
                Some([resp2, resp3]) => [Some(resp2), Some(resp3)],
                None => [None, None],
            });
        rows.push(sections::CoverageRow {
            command: name.clone(),
            group: command.group.clone(),
            counts: counts.collect(),
        });
        for (token, [resp2, resp3]) in coverage.tokens(index) {
            let mut counts = vec![None; Way::ALL.len() * protocols.len()];
            counts[..2].copy_from_slice(&[Some(resp2), Some(resp3)]);
            rows.push(sections::CoverageRow {
                command: format!("{name} {token}"),
                group: command.group.clone(),
                counts,
            });
        }
    }
    let holes = coverage.holes().into_iter();
    sections::Coverage {
        oracle: build.to_owned(),
        columns: columns.collect(),
        rows,
        holes: holes
            .map(|hole| format!("{}: {}", hole.name, hole.kind.name()))
            .collect(),
    }
}
