//! `respect coverage`: counts what the transcripts exercise, and prints the totals and the holes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use respect_conformance::coverage::table::{BUILD, Table};
use respect_conformance::coverage::{Coverage, Hole, HoleKind, Total, Way, transcripts};
use respect_conformance::report::sections;

use super::fixtures::Selection;
use super::{Exit, Stop};

/// So many names of one sort of hole are printed, unless all are asked for.
const SHOWN: usize = 24;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Name every hole
    #[arg(long)]
    all: bool,
    /// Write how often each command and token was exercised, and every hole, to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    let cases = arguments.selection.cases()?;
    let build = BUILD.parse().map_err(Stop::usage)?;
    let mut coverage = Coverage::new(Table::recorded());
    for case in &cases {
        transcripts::add(&mut coverage, case, &build);
    }
    if let Some(path) = &arguments.json {
        super::matrix::write_json(path, &section(&coverage))?;
    }
    say!("{}", totals(&coverage));
    say!("{}", holes(&coverage.holes(), arguments.all));
    Ok(Exit::Ok)
}

fn totals(coverage: &Coverage) -> String {
    let of = |total: Total| format!("{} of {}", total.exercised, total.of);
    let commands = of(coverage.total_of_commands());
    let mut text =
        format!("{commands} commands and subcommands of {BUILD} are answered in transcripts\n\n");
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
fn section(coverage: &Coverage) -> sections::Coverage {
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
        oracle: BUILD.to_owned(),
        columns: columns.collect(),
        rows,
        holes: holes
            .map(|hole| format!("{}: {}", hole.name, hole.kind.name()))
            .collect(),
    }
}
