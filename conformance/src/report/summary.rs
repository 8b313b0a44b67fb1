//! The lines that end a run: how many of how many, what differs, what was left out and what was forgiven, each with its
//! reason. Counts nothing itself.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::model::{Case, CaseResult, CutSet, Outcome, Party, Report};

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
