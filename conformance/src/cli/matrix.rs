//! `respect matrix`: finds the servers, lets them be judged side by side, and prints the table and the odd ones.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use respect_conformance::control::Barrier;
use respect_conformance::matrix::{self, Contender, Matrix, Plan};
use respect_conformance::oracle;
use respect_conformance::report::model::Conclusion;
use respect_conformance::transcript::Identity;
use respect_conformance::workspace;
use serde::Serialize;

use super::fixtures::Selection;
use super::report::{Outputs, Wanted, of_matrix};
use super::target::{self, installed};
use super::{Exit, Stop};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Servers to judge: HOST:PORT, a command with {port} and {dir} in it, or a build such as redis-7.0.15; NAME=SERVER names
    /// its column [default: our own, built first]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Put this build beside them; may be repeated; `all` is every installed one
    #[arg(long = "oracle", value_name = "NAME-VERSION")]
    oracles: Vec<String>,
    /// Only transcripts of this id, with * for any characters; may be repeated
    #[arg(long = "case", value_name = "ID")]
    cases: Vec<String>,
    /// Only transcripts with this tag; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// The folder of transcripts
    #[arg(long, value_name = "DIR", env = "RESPECT_FIXTURES")]
    fixtures: Option<PathBuf>,
    /// Where to divide what is sent: nowhere, so that a matrix of many servers is soon there, or as `respect run` does
    #[arg(long, value_enum, default_value_t = super::run::CutsArgument::None)]
    cuts: super::run::CutsArgument,
    /// Whose recorded answers to expect of the targets, such as redis-7.0.15 [default: of the server each says it is]
    #[arg(long = "as", value_name = "NAME-VERSION")]
    judged_as: Option<Identity>,
    /// How to know that a fragment was read: `ping`, or `timed:5ms` for servers with several threads
    #[arg(long, default_value = "ping", value_parser = super::run::parse_barrier)]
    barrier: Barrier,
    /// Judge so many servers at once
    #[arg(long, value_name = "N", default_value = "2")]
    jobs: NonZero<usize>,
    /// Wait so long for an answer, in milliseconds, where the transcript does not say
    #[arg(long, value_name = "MS", default_value = "2000")]
    patience: NonZero<u32>,
    /// Judge servers that were not started for this, although judging them deletes all their keys
    #[arg(long)]
    flush: bool,
    /// Write the matrix to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a report: html, json, junit, tap, markdown or github, with =PATH behind it, or to stdout; may be repeated
    #[arg(long = "report", value_name = "KIND[=PATH]")]
    reports: Vec<Wanted>,
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    let selection = Selection {
        ids: arguments.cases.clone(),
        tags: arguments.tags.clone(),
        fixtures: arguments.fixtures.clone(),
        ..Selection::default()
    };
    let cases = selection.cases()?;
    let outputs = Outputs::open(&arguments.reports)?;
    let plan = Plan {
        contenders: contenders(arguments)?,
        cuts: arguments.cuts.into(),
        at_once: arguments.jobs.get(),
        patience: Some(Duration::from_millis(arguments.patience.get().into())),
        within: None,
    };
    let begun = Instant::now();
    let bar = super::run::progress((cases.len() * plan.contenders.len()) as u64);
    let matrix = matrix::run(&plan, &cases, &|server, case| {
        bar.set_message(format!("{} {}", plan.contenders[server].name, case.id()));
        bar.inc(1);
    });
    bar.finish_and_clear();
    if let Some(path) = &arguments.json {
        write_json(path, &matrix)?;
    }
    say!("{}", matrix::odd_ones(&matrix));
    say!("{}", matrix::table(&matrix));
    say!(
        "{} transcripts on {} servers in {:.1} s",
        cases.len(),
        plan.contenders.len(),
        begun.elapsed().as_secs_f64()
    );
    let conclusion = conclusion(&matrix);
    if let Some(report) = of_matrix(&plan, &matrix, begun, conclusion)? {
        outputs.write(&report)?;
    }
    Ok(conclusion.into())
}

/// How all of it ended.
pub(super) fn conclusion(matrix: &Matrix) -> Conclusion {
    let died = |cell: &matrix::Cell| matches!(cell, matrix::Cell::Died { .. });
    if matrix.servers.iter().any(|server| server.lost.is_some())
        || matrix.cases.iter().any(|row| row.cells.iter().any(died))
    {
        Conclusion::Lost
    } else if matrix.all_agree() {
        Conclusion::Ok
    } else {
        Conclusion::Diverged
    }
}

/// Oracles first: whoever reads the table looks from what is right to what is judged.
fn contenders(arguments: &Arguments) -> Result<Vec<Contender>, Stop> {
    let mut contenders = Vec::new();
    for build in builds(&arguments.oracles)? {
        contenders.push(Contender {
            name: build.id(),
            origin: installed(build)?,
            judged_as: build.id().parse().ok(),
            barrier: Barrier::Ping,
            claims: None,
        });
    }
    let default = ["ours".to_owned()];
    let targets = if arguments.targets.is_empty() && contenders.is_empty() {
        &default
    } else {
        &arguments.targets[..]
    };
    for text in targets {
        let (name, server) = named(text);
        let (origin, judged_as) = target::origin_of(server, arguments.flush)?;
        contenders.push(Contender {
            name: name.to_owned(),
            origin,
            judged_as: arguments.judged_as.clone().or(judged_as),
            barrier: arguments.barrier,
            claims: None,
        });
    }
    Ok(contenders)
}

fn builds(names: &[String]) -> Result<Vec<&'static oracle::Build>, Stop> {
    let mut builds = Vec::new();
    for name in names {
        if name == "all" {
            builds.extend(oracle::present(&workspace::oracles()));
        } else {
            builds.push(super::oracle::named(name)?);
        }
    }
    Ok(builds)
}

/// `NAME=SERVER`, or a server that is its own name. A command may have `=` in it; a name has no blank.
fn named(text: &str) -> (&str, &str) {
    match text.split_once('=') {
        Some((name, server)) if !name.is_empty() && !name.contains([' ', '/', '{']) => {
            (name, server)
        }
        _ => (text, text),
    }
}

/// Writes a value as JSON, for people and programs.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Stop> {
    let mut text = serde_json::to_string_pretty(value).map_err(Stop::usage)?;
    text.push('\n');
    fs::write(path, text).map_err(|error| Stop::usage(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_may_be_named() {
        assert_eq!(named("mine=127.0.0.1:7000"), ("mine", "127.0.0.1:7000"));
        let command = "sh -c 'A=1 server --port {port}'";
        assert_eq!(named(command), (command, command));
    }
}
