//! Builds the report of a run, judgement by judgement as they are made, so that a run that ends early has one too. Writes
//! nothing and decides nothing but what a judgement counts as and what the whole run comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use super::failure::{self, Place};
use super::model::{
    self, Bytes, CaseResult, Conclusion, Counts, CutSet, Event, EventKind, KnownEntry, KnownUse,
    Outcome, Party, Report, SCHEMA, Start, Tolerance, Tool,
};
use crate::case::Case;
use crate::control::Barrier;
use crate::known::{Difference, Known, pinned_bytes};
use crate::replay::Forgiven;
use crate::server::Origin;
use crate::session::{WireEvent, WireKind};
use crate::suite::{CaseReport, Cuts, Failure, Fatality, Judgement, Plan, Verdict};
use crate::transcript::{Identity, Level};

/// A report being made.
#[derive(Debug)]
pub struct Ledger {
    report: Report,
    begun: Instant,
    today: NaiveDate,
    place: Place,
    target: Tally,
    oracles: Vec<Tally>,
    /// Where each case is in the report.
    index: BTreeMap<String, usize>,
}

/// What is summed up for one server, and what it is held against.
#[derive(Debug)]
struct Tally {
    judged_as: Identity,
    known: Known,
    /// The entries of `known` that accepted something.
    used: BTreeSet<usize>,
    forgiven: Forgiven,
    runs: usize,
    left_out: usize,
    waiting: usize,
}

impl Ledger {
    /// A run begins now. `judged_as` names the builds whose answers are expected: of the target, and of every oracle of the
    /// plan in its order. `known` holds the differences that are accepted of the target; an oracle has no excuse.
    pub fn new(
        plan: &Plan,
        judged_as: (&Identity, &[Identity]),
        known: &Known,
        place: Place,
        cases: &[&Case],
    ) -> Ledger {
        let (target, oracles) = judged_as;
        let now = DateTime::<Utc>::from(SystemTime::now());
        let report = Report {
            schema: SCHEMA,
            tool: Tool {
                name: "respect".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            command: Vec::new(),
            started: now.to_rfc3339_opts(SecondsFormat::Secs, true),
            duration_ms: 0.0,
            seed: None,
            cuts: match plan.cuts {
                Cuts::All => CutSet::All,
                Cuts::Bytes => CutSet::Bytes,
                Cuts::None => CutSet::None,
            },
            barrier: match plan.barrier {
                Barrier::Ping => "ping".to_owned(),
                Barrier::Timed(time) => format!("timed:{}ms", time.as_millis()),
            },
            jobs: plan.jobs,
            shard: None,
            conclusion: Conclusion::Nothing,
            exit_code: Conclusion::Nothing.exit_code(),
            trouble: None,
            target: party(&plan.target, target),
            oracles: plan
                .oracles
                .iter()
                .zip(oracles)
                .map(|(origin, identity)| party(origin, identity))
                .collect(),
            cases: cases
                .iter()
                .map(|case| unplayed(case, oracles.len(), &place))
                .collect(),
            laws: Vec::new(),
            streams: None,
            coverage: None,
            matrix: None,
            slow_clients: None,
        };
        let index = report.cases.iter().enumerate();
        Ledger {
            index: index.map(|(at, case)| (case.id.clone(), at)).collect(),
            report,
            begun: Instant::now(),
            today: now.date_naive(),
            place,
            target: Tally::new(target, known.clone()),
            oracles: oracles
                .iter()
                .map(|identity| Tally::new(identity, Known::default()))
                .collect(),
        }
    }

    /// The report of a run without transcripts, such as one that only looks at laws: who was judged, and nothing that came of
    /// it yet.
    pub fn without_cases(plan: &Plan, judged_as: &Identity) -> Report {
        let nothing = Known::default();
        Ledger::new(plan, (judged_as, &[]), &nothing, Place::default(), &[]).finish(None)
    }

    /// Enters what came of one case, and shows it as it stands in the report.
    ///
    /// # Panics
    /// When the case is none of those the ledger was made for.
    pub fn add(&mut self, case: &Case, judged: &CaseReport) -> &model::Case {
        let at = self.index[case.id()];
        let entry = &mut self.report.cases[at];
        entry.result = self.target.result(case, &judged.target, &self.place);
        entry.oracles = self
            .oracles
            .iter_mut()
            .zip(&judged.oracles)
            .map(|(tally, judgement)| tally.result(case, judgement, &self.place))
            .collect();
        entry
    }

    /// The run is over; `trouble` says why, if it is over too early.
    pub fn finish(self, trouble: Option<String>) -> Report {
        let mut report = self.report;
        report.duration_ms = milliseconds(self.begun.elapsed());
        let target = report.cases.iter();
        let target: Vec<_> = target
            .map(|case| (case.id.as_str(), &case.result))
            .collect();
        self.target.close(&mut report.target, &target, self.today);
        for (at, (tally, party)) in self.oracles.iter().zip(&mut report.oracles).enumerate() {
            let theirs = report.cases.iter();
            let theirs: Vec<_> = theirs
                .filter_map(|case| Some((case.id.as_str(), case.oracles.get(at)?)))
                .collect();
            tally.close(party, &theirs, self.today);
        }
        report.trouble = trouble;
        report.conclusion = conclusion(&report);
        report.exit_code = report.conclusion.exit_code();
        report
    }
}

impl Tally {
    fn new(judged_as: &Identity, known: Known) -> Tally {
        Tally {
            judged_as: judged_as.clone(),
            known,
            used: BTreeSet::new(),
            forgiven: Forgiven::default(),
            runs: 0,
            left_out: 0,
            waiting: 0,
        }
    }

    fn result(&mut self, case: &Case, judgement: &Judgement, place: &Place) -> CaseResult {
        self.runs += judgement.runs;
        self.left_out += judgement.left_out;
        self.waiting += usize::from(judgement.waits);
        self.forgiven.merge(&judgement.forgiven);
        let mut result = CaseResult {
            runs: judgement.runs,
            duration_ms: milliseconds(judgement.elapsed),
            tolerances: tolerances(&judgement.forgiven),
            ..CaseResult::default()
        };
        match &judgement.verdict {
            Verdict::Same => result.outcome = Outcome::Same,
            Verdict::NotApplicable(reason) => {
                result.outcome = Outcome::NotApplicable;
                result.reason = Some(reason.clone());
            }
            Verdict::Unplayable(reason) => {
                result.outcome = Outcome::Unplayable;
                result.terminal = format!("UNPLAYABLE {reason}\n");
                result.reason = Some(reason.clone());
            }
            Verdict::Died(fatality) => {
                result.outcome = Outcome::Died;
                result.terminal = failure::fatality(case, fatality, place);
                result.death = Some(Box::new(death(case, fatality, place)));
            }
            Verdict::Diverged(failure) => {
                let divergence = &failure.divergence;
                let accepting = self
                    .known
                    .accepting(case.id(), &self.judged_as, divergence)
                    .cloned();
                result.difference = Some(Box::new(difference(case, failure, place)));
                result.outcome = match (&accepting, case.header.level) {
                    (Some(_), _) => Outcome::Known,
                    (None, Level::May | Level::Info) => Outcome::Told,
                    (None, _) => Outcome::Diverged,
                };
                if let Some(accepting) = accepting {
                    let entries = self.known.differences.iter();
                    self.used.extend(
                        entries
                            .enumerate()
                            .filter(|(_, entry)| **entry == accepting)
                            .map(|(at, _)| at),
                    );
                    result.known = Some(entry(&accepting));
                } else {
                    result.terminal = failure::failure(case, failure, &self.judged_as, place);
                }
            }
        }
        result
    }

    fn close(&self, party: &mut Party, results: &[(&str, &CaseResult)], today: NaiveDate) {
        let mut counts = Counts::default();
        for (_, result) in results {
            counts.add(result.outcome);
        }
        party.counts = counts;
        party.runs = self.runs;
        party.positions_left_out = self.left_out;
        party.cases_that_wait = self.waiting;
        party.tolerances = tolerances(&self.forgiven);
        let played = |id: &str| {
            results.iter().any(|(case, result)| {
                *case == id
                    && !matches!(
                        result.outcome,
                        Outcome::NotBegun | Outcome::NotApplicable | Outcome::Unplayable
                    )
            })
        };
        let entries = self.known.differences.iter().enumerate();
        let used = entries.filter(|(at, _)| self.used.contains(at));
        let expired = self.known.expired(&self.judged_as, today);
        party.known = KnownUse {
            used: used.map(|(_, known)| entry(known)).collect(),
            stale: self
                .known
                .concerning(&self.judged_as, played)
                .filter(|known| !self.accepted(known))
                .map(entry)
                .collect(),
            expired: expired
                .filter(|known| results.iter().any(|(id, _)| *id == known.id))
                .map(entry)
                .collect(),
        };
    }

    /// Whether this entry, or another one for the same transcript, accepted something: at most one of them can.
    fn accepted(&self, known: &Difference) -> bool {
        self.used
            .iter()
            .any(|&at| self.known.differences[at].id == known.id)
    }
}

/// What the whole run comes to: the first of these that is so.
fn conclusion(report: &Report) -> Conclusion {
    let Party { counts, known, .. } = &report.target;
    let oracles = report.oracles.iter().map(|oracle| &oracle.counts);
    if counts.unplayable > 0 {
        Conclusion::Unplayable
    } else if counts.died > 0 || report.trouble.is_some() {
        Conclusion::Lost
    } else if oracles
        .into_iter()
        .any(|counts| counts.diverged + counts.died > 0)
    {
        Conclusion::Oracles
    } else if counts.diverged > 0 || !known.stale.is_empty() || !known.expired.is_empty() {
        Conclusion::Diverged
    } else if counts.played() == 0 {
        Conclusion::Nothing
    } else {
        Conclusion::Ok
    }
}

fn party(origin: &Origin, judged_as: &Identity) -> Party {
    Party {
        origin: origin.to_string(),
        start: match origin {
            Origin::Address(_) => Start::Joined,
            Origin::Command(_) => Start::Command,
            Origin::Program(_) => Start::Program,
            Origin::Oracle { .. } => Start::Oracle,
        },
        address: match origin {
            Origin::Address(address) => Some(address.to_string()),
            _ => None,
        },
        judged_as: judged_as.to_string(),
        counts: Counts::default(),
        runs: 0,
        positions_left_out: 0,
        cases_that_wait: 0,
        tolerances: Vec::new(),
        known: KnownUse::default(),
    }
}

fn unplayed(case: &Case, oracles: usize, place: &Place) -> model::Case {
    let header = &case.header;
    model::Case {
        id: header.id.clone(),
        title: header.title.clone(),
        level: header.level.spelling().to_owned(),
        tags: header.tags.clone(),
        why: header.why.clone(),
        file: place.file(case),
        text: case.transcript.to_string(),
        result: CaseResult::default(),
        oracles: vec![CaseResult::default(); oracles],
    }
}

fn difference(case: &Case, failed: &Failure, place: &Place) -> model::Difference {
    let divergence = &failed.divergence;
    let names = |identities: &[Identity]| identities.iter().map(ToString::to_string).collect();
    model::Difference {
        fault: divergence.fault.class().to_owned(),
        fault_text: divergence.fault.to_string(),
        connection: divergence.connection.clone(),
        line: divergence.line,
        sent: divergence.sent.as_slice().into(),
        expected: divergence.expected.clone(),
        expected_bytes: divergence.expected_bytes.as_slice().into(),
        actual: divergence.actual.as_slice().into(),
        offset: divergence.offset,
        stream_offset: divergence.stream_offset,
        state: failure::state(divergence.state),
        cut: failure::cut(failed.cut, failed.right_before),
        right_before: failed.right_before,
        agreeing: names(&failed.agreeing),
        answers_as: names(&failed.answers_as),
        dialogue: dialogue(&failed.wire),
        pin: pinned_bytes(divergence),
        again: failure::again(case, &failed.wire, place),
    }
}

fn death(case: &Case, fatality: &Fatality, place: &Place) -> model::Death {
    let last = fatality.last_sent.as_ref();
    model::Death {
        text: failure::end(fatality),
        cut: fatality.cut.to_string(),
        connection: last.map(|(connection, _)| connection.clone()),
        last_sent: last.map(|(_, bytes)| bytes.as_slice().into()),
        dialogue: dialogue(&fatality.wire),
        again: failure::again(case, &fatality.wire, place),
    }
}

fn dialogue(wire: &[WireEvent]) -> Vec<Event> {
    wire.iter()
        .map(|event| Event {
            connection: event.connection.clone(),
            what: match &event.what {
                WireKind::Sent(head, length) => EventKind::Sent(Bytes::of(head, *length)),
                WireKind::Received(head, length) => EventKind::Received(Bytes::of(head, *length)),
                WireKind::Ended(ended) => EventKind::Ended(ended.to_string()),
                WireKind::Did(what) => EventKind::Did((*what).to_owned()),
            },
        })
        .collect()
}

fn tolerances(forgiven: &Forgiven) -> Vec<Tolerance> {
    forgiven
        .iter()
        .map(|(what, count)| Tolerance {
            what: what.to_owned(),
            count,
        })
        .collect()
}

fn entry(known: &Difference) -> KnownEntry {
    KnownEntry {
        id: known.id.clone(),
        reason: known.reason.clone(),
        link: known.link.clone(),
        expires: known.expires.map(|day| day.to_string()),
    }
}

/// To the microsecond: what is smaller is noise.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
