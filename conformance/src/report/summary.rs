//! The sum of a run: how many of how many, what differs, what was left out and what was forgiven, each with its reason.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::case::Case;
use crate::known::{Difference, Known};
use crate::replay::Forgiven;
use crate::suite::{Cuts, Judgement, Verdict};
use crate::transcript::{Identity, Level};

/// What one judgement counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Every byte is as recorded.
    Same,
    /// It differs as the known file says.
    Known,
    /// It differs, at a level that is told and not held against anyone.
    Told,
    /// It differs.
    Diverged,
    /// The server died of it.
    Died,
    /// It is not for this server.
    NotApplicable,
    /// It cannot be played.
    Unplayable,
}

/// The sum of all judgements of one server.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Transcripts that are the same.
    pub same: usize,
    /// Ids that differ as known.
    pub known: Vec<String>,
    /// Ids that differ and are only told.
    pub told: Vec<String>,
    /// Ids that differ.
    pub diverged: Vec<String>,
    /// Ids the server died of.
    pub died: Vec<String>,
    /// Ids that cannot be played.
    pub unplayable: Vec<String>,
    /// Ids that were not played, by reason.
    pub not_applicable: BTreeMap<String, Vec<String>>,
    /// Entries of the known file that match nothing any more.
    pub stale: Vec<Difference>,
    runs: usize,
    left_out: usize,
    waiting: usize,
    forgiven: Forgiven,
}

impl Summary {
    /// Counts one judgement, and says as what.
    pub fn add(
        &mut self,
        case: &Case,
        judgement: &Judgement,
        judged_as: &Identity,
        known: &Known,
    ) -> Count {
        let id = case.id().to_owned();
        self.runs += judgement.runs;
        self.left_out += judgement.left_out;
        self.waiting += usize::from(judgement.waits);
        self.forgiven.merge(&judgement.forgiven);
        match &judgement.verdict {
            Verdict::Same => {
                self.same += 1;
                Count::Same
            }
            Verdict::NotApplicable(reason) => {
                self.not_applicable
                    .entry(reason.clone())
                    .or_default()
                    .push(id);
                Count::NotApplicable
            }
            Verdict::Diverged(failure)
                if known
                    .accepting(&id, judged_as, &failure.divergence)
                    .is_some() =>
            {
                self.known.push(id);
                Count::Known
            }
            Verdict::Diverged(_) if matches!(case.header.level, Level::May | Level::Info) => {
                self.told.push(id);
                Count::Told
            }
            Verdict::Diverged(_) => {
                self.diverged.push(id);
                Count::Diverged
            }
            Verdict::Died(_) => {
                self.died.push(id);
                Count::Died
            }
            Verdict::Unplayable(_) => {
                self.unplayable.push(id);
                Count::Unplayable
            }
        }
    }

    /// Looks for entries of the known file that concern what was judged and accepted nothing.
    pub fn find_stale(
        &mut self,
        judged_as: &Identity,
        known: &Known,
        is_judged: impl Fn(&str) -> bool,
    ) {
        let concerning = known.concerning(judged_as, is_judged);
        self.stale = concerning
            .filter(|entry| !self.known.contains(&entry.id))
            .cloned()
            .collect();
    }

    /// How many transcripts were played.
    pub fn played(&self) -> usize {
        self.same + self.known.len() + self.told.len() + self.diverged.len() + self.died.len()
    }

    /// The lines that end a run.
    pub fn display<'s>(
        &'s self,
        judged_as: &'s Identity,
        cuts: Cuts,
        elapsed: Duration,
    ) -> impl fmt::Display + 's {
        Shown {
            summary: self,
            judged_as,
            cuts,
            elapsed,
        }
    }
}

struct Shown<'s> {
    summary: &'s Summary,
    judged_as: &'s Identity,
    cuts: Cuts,
    elapsed: Duration,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown {
            summary,
            judged_as,
            cuts,
            elapsed,
        } = self;
        let cuts = match cuts {
            Cuts::All => "at every cut",
            Cuts::Bytes => "whole and byte by byte",
            Cuts::None => "uncut",
        };
        writeln!(
            f,
            "{} of {} transcripts identical to {judged_as} {cuts} ({} runs in {:.1} s)",
            summary.same,
            summary.played(),
            summary.runs,
            elapsed.as_secs_f64()
        )?;
        list(f, "diverge", &summary.diverged)?;
        list(f, "killed the server", &summary.died)?;
        list(f, "cannot be played", &summary.unplayable)?;
        list(f, "differ at a level that is only told", &summary.told)?;
        list(f, "differ as the known file says", &summary.known)?;
        for entry in &summary.stale {
            writeln!(
                f,
                "  the known file's entry for {} ({}) matches nothing any more",
                entry.id, entry.build
            )?;
        }
        for (reason, ids) in &summary.not_applicable {
            writeln!(f, "  {} do not apply: {reason}", ids.len())?;
        }
        if summary.left_out > 0 {
            writeln!(
                f,
                "  {} positions inside long writes were not cut (4 KiB and longer: ends and seams only)",
                summary.left_out
            )?;
        }
        if summary.waiting > 0 {
            writeln!(
                f,
                "  {} transcripts wait by their nature and were cut at a dozen positions only",
                summary.waiting
            )?;
        }
        let forgiven: Vec<String> = summary
            .forgiven
            .iter()
            .map(|(what, count)| format!("{count} × {what}"))
            .collect();
        if !forgiven.is_empty() {
            writeln!(f, "  forgiven: {}", forgiven.join(", "))?;
        }
        Ok(())
    }
}

fn list(f: &mut fmt::Formatter<'_>, what: &str, ids: &[String]) -> fmt::Result {
    if ids.is_empty() {
        Ok(())
    } else {
        writeln!(f, "  {} {what}: {}", ids.len(), ids.join(", "))
    }
}
