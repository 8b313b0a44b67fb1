//! The lines that end a run: how many of how many, what differs, what was left out and what was forgiven, each with its
//! reason. Counts nothing itself.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::github::headline;
use super::model::{Case, CaseResult, CutSet, Outcome, Party, Report};
use super::sections::{Coverage, SlowFigures};

/// The last lines of a run: the target's, and those of every live oracle under its name.
pub fn closing(report: &Report) -> String {
    let mut text = String::new();
    part(&mut text, report, &report.target, |case| Some(&case.result));
    for (at, oracle) in report.oracles.iter().enumerate() {
        let _ = writeln!(text, "live oracle {}:", oracle.judged_as);
        part(&mut text, report, oracle, |case| case.oracles.get(at));
    }
    text
}

/// The sum of a run with several parts: what it comes to, and a line for each part.
pub fn sum(report: &Report) -> String {
    let mut text = format!("{}\n", headline(report.conclusion));
    for (name, part) in parts(report) {
        let _ = writeln!(text, "  {name:<13} {part}");
    }
    let seed = report
        .seed
        .map_or(String::new(), |seed| format!("seed {seed}, "));
    let _ = writeln!(text, "  {seed}{:.1} s", report.duration_ms / 1000.0);
    text
}

/// Every part that the run had, in a line each: what it is called, and what came of it.
pub(super) fn parts(report: &Report) -> Vec<(&'static str, String)> {
    let mut parts = Vec::new();
    if !report.cases.is_empty() {
        parts.push(("transcripts", of_transcripts(report, &report.target)));
    }
    if !report.laws.is_empty() {
        let laws = report.laws.iter();
        let held = laws.clone().filter(|law| law.outcome == Outcome::Same);
        let trials: usize = laws.clone().map(|law| law.trials).sum();
        let mut text = format!(
            "{} of {} hold, looked at {trials} times",
            held.count(),
            report.laws.len()
        );
        let broken: Vec<&str> = laws
            .filter(|law| law.outcome.fails())
            .map(|law| law.id.as_str())
            .collect();
        if !broken.is_empty() {
            let _ = write!(text, "; broken: {}", broken.join(", "));
        }
        parts.push(("laws", text));
    }
    if let Some(streams) = &report.streams {
        let found = match streams.findings.len() {
            0 => format!("are answered as {} does", streams.oracle),
            1 => "show one difference".to_owned(),
            some => format!("show {some} differences"),
        };
        let text = format!(
            "{} generated commands in {} streams {found} ({:.1} s)",
            streams.commands,
            streams.streams,
            streams.duration_ms / 1000.0
        );
        parts.push(("streams", text));
    }
    if let Some(slow) = &report.slow_clients {
        let own = |trial: &[Option<SlowFigures>]| trial.first().cloned().flatten();
        let trials: Vec<SlowFigures> = slow
            .trials
            .iter()
            .filter_map(|trial| own(&trial.figures))
            .collect();
        let count = |outcome| trials.iter().filter(|it| it.outcome == outcome).count();
        let (held, without) = (count(Outcome::Same), count(Outcome::NotApplicable));
        let mut text = format!("{held} of {} trials held", trials.len() - without);
        let waits = trials.iter().filter_map(|figures| figures.delay_worst_ms);
        if let Some(longest) = waits.reduce(f64::max) {
            let _ = write!(text, ", others waited {longest:.1} ms at most");
        }
        parts.push(("slow clients", text));
    }
    if let Some(coverage) = &report.coverage {
        parts.push(("coverage", of_coverage(coverage)));
    }
    parts
}

fn of_transcripts(report: &Report, party: &Party) -> String {
    let cuts = match report.cuts {
        CutSet::All => "at every cut",
        CutSet::Bytes => "whole and byte by byte",
        CutSet::None => "uncut",
    };
    format!(
        "{} of {} identical to {} {cuts}, {} runs",
        party.counts.same,
        party.counts.played(),
        party.judged_as,
        party.runs
    )
}

fn of_coverage(coverage: &Coverage) -> String {
    let cells = || coverage.rows.iter().flat_map(|row| row.counts.iter());
    let hit = cells().filter(|count| count.is_some_and(|count| count > 0));
    format!(
        "{} of {} ways in which the commands of {} can be exercised, {} holes",
        hit.count(),
        cells().flatten().count(),
        coverage.oracle,
        coverage.holes.len()
    )
}

fn part<'r>(
    text: &mut String,
    report: &'r Report,
    party: &Party,
    result: impl Fn(&'r Case) -> Option<&'r CaseResult>,
) {
    let cuts = match report.cuts {
        CutSet::All => "at every cut",
        CutSet::Bytes => "whole and byte by byte",
        CutSet::None => "uncut",
    };
    let _ = writeln!(
        text,
        "{} of {} transcripts identical to {} {cuts} ({} runs in {:.1} s)",
        party.counts.same,
        party.counts.played(),
        party.judged_as,
        party.runs,
        report.duration_ms / 1000.0
    );
    let of = |outcome: Outcome| -> Vec<&str> {
        let cases = report.cases.iter();
        cases
            .filter(|case| result(case).is_some_and(|result| result.outcome == outcome))
            .map(|case| case.id.as_str())
            .collect()
    };
    list(text, "diverge", &of(Outcome::Diverged));
    list(text, "killed the server", &of(Outcome::Died));
    list(text, "cannot be played", &of(Outcome::Unplayable));
    list(
        text,
        "differ at a level that is only told",
        &of(Outcome::Told),
    );
    list(text, "differ as the known file says", &of(Outcome::Known));
    for entry in &party.known.stale {
        let _ = writeln!(
            text,
            "  the known file's entry for {} ({}) matches nothing any more",
            entry.id, party.judged_as
        );
    }
    for entry in &party.known.expired {
        let _ = writeln!(
            text,
            "  the known file's entry for {} ({}) expired on {}",
            entry.id,
            party.judged_as,
            entry.expires.as_deref().unwrap_or_default()
        );
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for result in report.cases.iter().filter_map(&result) {
        if result.outcome == Outcome::NotApplicable {
            *reasons
                .entry(result.reason.as_deref().unwrap_or_default())
                .or_default() += 1;
        }
    }
    for (reason, count) in reasons {
        let _ = writeln!(text, "  {count} do not apply: {reason}");
    }
    if party.counts.not_begun > 0 {
        let _ = writeln!(text, "  {} were not begun", party.counts.not_begun);
    }
    if party.positions_left_out > 0 {
        let _ = writeln!(
            text,
            "  {} positions inside long writes were not cut (4 KiB and longer: ends and seams only)",
            party.positions_left_out
        );
    }
    if party.cases_that_wait > 0 {
        let _ = writeln!(
            text,
            "  {} transcripts wait by their nature and were cut at a dozen positions only",
            party.cases_that_wait
        );
    }
    let forgiven: Vec<String> = party
        .tolerances
        .iter()
        .map(|tolerance| format!("{} × {}", tolerance.count, tolerance.what))
        .collect();
    if !forgiven.is_empty() {
        let _ = writeln!(text, "  forgiven: {}", forgiven.join(", "));
    }
}

fn list(text: &mut String, what: &str, ids: &[&str]) {
    if !ids.is_empty() {
        let _ = writeln!(text, "  {} {what}: {}", ids.len(), ids.join(", "));
    }
}
