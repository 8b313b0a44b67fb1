//! `respect slow`: runs the trials of slow clients one after the other, on the target and on real servers beside it, and prints
//! what came of each.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use respect_conformance::control::Barrier;
use respect_conformance::oracle;
use respect_conformance::report::model::Conclusion;
use respect_conformance::report::sections::SlowClients;
use respect_conformance::server::Origin;
use respect_conformance::slow::{Figure, Measured, PATIENCE, TRIALS, Trial, Verdict};

use super::laws::who;
use super::report::{Outputs, Wanted, without_cases};
use super::target::{TargetArguments, installed};
use super::{Exit, Stop};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Trials, such as readers/stopped; `readers/` is all of them; none is every trial
    #[arg(value_name = "TRIAL")]
    trials: Vec<String>,
    #[command(flatten)]
    target: TargetArguments,
    /// A real server to try beside it, such as redis-8.2.3; may be repeated. The target may be a few times as slow, and hold a
    /// few times as much, as the first
    #[arg(long = "oracle", value_name = "NAME-VERSION")]
    oracles: Vec<String>,
    /// Write what was measured to this file as well, for `respect report --slow`
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a report: html, json, junit, tap, markdown or github, with =PATH behind it, or to stdout; may be repeated
    #[arg(long = "report", value_name = "KIND[=PATH]")]
    reports: Vec<Wanted>,
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    let outputs = Outputs::open(&arguments.reports)?;
    let target = arguments.target.origin()?;
    let oracles: Result<Vec<Origin>, Stop> = arguments
        .oracles
        .iter()
        .map(|name| {
            let build = oracle::find(name).ok_or_else(|| {
                Stop::usage(format!(
                    "no oracle is `{name}`; there are {}",
                    oracle::ids()
                ))
            })?;
            installed(build)
        })
        .collect();
    let oracles = oracles?;
    let selected: Vec<&Trial> = TRIALS
        .iter()
        .filter(|trial| arguments.trials.is_empty() || is_named(trial, &arguments.trials))
        .collect();
    if selected.is_empty() {
        let known: Vec<&str> = TRIALS.iter().map(|trial| trial.id).collect();
        return Err(Stop(
            Exit::Nothing,
            format!(
                "no trial is {}; there are {}",
                arguments.trials.join(" "),
                known.join(" ")
            ),
        ));
    }
    let begun = Instant::now();
    let (conclusion, figures) = judge(&selected, &target, &oracles);
    if let Some(path) = &arguments.json {
        super::matrix::write_json(path, &figures)?;
    }
    if !arguments.reports.is_empty() {
        // Nobody's recorded answers are expected here; the report wants a name all the same.
        let identity = who(&target, None)?;
        let mut report = without_cases(&target, &identity, Barrier::Ping);
        report.duration_ms = begun.elapsed().as_secs_f64() * 1000.0;
        report.slow_clients = Some(figures);
        report.conclude(conclusion);
        outputs.write(&report)?;
    }
    Ok(conclusion.into())
}

/// Tries the target, and the oracles beside it, and prints what came of each trial.
pub(super) fn judge(
    trials: &[&Trial],
    target: &Origin,
    oracles: &[Origin],
) -> (Conclusion, SlowClients) {
    let mut conclusion = Conclusion::Nothing;
    let mut all = Vec::new();
    for trial in trials {
        let (outcome, measured) = try_on_all(trial, target, oracles);
        conclusion = conclusion.and(outcome);
        all.push(measured);
    }
    (conclusion, SlowClients::of(&all))
}

/// Every trial.
pub(super) fn all() -> Vec<&'static Trial> {
    TRIALS.iter().collect()
}

fn is_named(trial: &Trial, names: &[String]) -> bool {
    names
        .iter()
        .any(|name| trial.id == name || (name.ends_with('/') && trial.id.starts_with(name)))
}

/// What a trial came to, and what was measured on the target and then on every real server.
fn try_on_all(trial: &Trial, target: &Origin, oracles: &[Origin]) -> (Conclusion, Vec<Measured>) {
    say!("{:24} {}", trial.id, trial.title);
    let (mut own, mut real) = run_on_all(trial, target, oracles);
    let mut worse = beside(&own, &real);
    if !worse.is_empty() {
        // A machine that was busy for a moment is no reason to accuse anybody.
        (own, real) = run_on_all(trial, target, oracles);
        worse = beside(&own, &real);
    }
    say!("{:24} {}", "", own.verdict);
    for why in &worse {
        say!("{:24} FAILED beside it: {why}", "");
    }
    table(&own, &real);
    for measured in std::iter::once(&own).chain(&real) {
        for note in &measured.notes {
            say!("  {}: {note}", name(measured));
        }
    }
    for measured in &real {
        if measured.verdict != Verdict::Held {
            say!("  {} itself: {}", measured.server, measured.verdict);
        }
    }
    let is_held =
        |real: &Measured| matches!(real.verdict, Verdict::Held | Verdict::NotApplicable(_));
    let conclusion = match own.verdict {
        Verdict::Failed(_) => Conclusion::Diverged,
        Verdict::Lost(_) => Conclusion::Lost,
        _ if !worse.is_empty() => Conclusion::Diverged,
        _ if !real.iter().all(is_held) => Conclusion::Oracles,
        Verdict::Held => Conclusion::Ok,
        Verdict::NotApplicable(_) => Conclusion::Nothing,
    };
    if !worse.is_empty() {
        // The report says so of the target, as the terminal does.
        own.verdict = Verdict::Failed(worse.join("; "));
    }
    (conclusion, std::iter::once(own).chain(real).collect())
}

fn run_on_all(trial: &Trial, target: &Origin, oracles: &[Origin]) -> (Measured, Vec<Measured>) {
    let own = trial.run(target, PATIENCE);
    let real = oracles.iter().map(|oracle| trial.run(oracle, PATIENCE));
    (own, real.collect())
}

/// What is more than it may be beside the first real server, if both came to the end.
fn beside(own: &Measured, real: &[Measured]) -> Vec<String> {
    match real.first() {
        Some(real) if own.verdict == Verdict::Held && real.verdict == Verdict::Held => {
            own.worse_than(real)
        }
        _ => Vec::new(),
    }
}

/// One line a figure: the target's, the others', and what it may be.
fn table(own: &Measured, real: &[Measured]) {
    if own.figures.is_empty() {
        return;
    }
    let mut head = format!("  {:30}{:>14}", "", "target");
    for other in real {
        head.push_str(&format!("{:>16}", name(other)));
    }
    say!("{head}{:>14}", "at most");
    for figure in &own.figures {
        let mut line = format!("  {:30}{:>14}", figure.name, figure.shown(figure.value));
        for other in real {
            let same: Option<&Figure> =
                other.figures.iter().find(|other| other.name == figure.name);
            let shown = same.map_or("-".to_owned(), |other| figure.shown(other.value));
            line.push_str(&format!("{shown:>16}"));
        }
        let bound = figure
            .at_most
            .map_or(String::new(), |bound| figure.shown(bound));
        line.push_str(&format!("{bound:>14}"));
        say!("{}", line.trim_end());
    }
}

/// A server's name, of a program's path the last part.
fn name(measured: &Measured) -> &str {
    measured
        .server
        .rsplit('/')
        .next()
        .unwrap_or(&measured.server)
}
