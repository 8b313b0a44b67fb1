//! One run over many servers: which of them answers each transcript as its own build is recorded, as another build is, as
//! nobody does, or dies of it. Plays through [`Seat`]s and prints nothing.

mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::control::Barrier;
use crate::coverage::table::Table;
use crate::coverage::transcripts::commands_of;
use crate::known::pinned_bytes;
use crate::seat::Seat;
use crate::server::Origin;
use crate::suite::{Cuts, Failure, Fatality, Unreachable, Verdict};
use crate::transcript::Identity;
use crate::transcript::escape::escaped;

pub use text::{odd_ones, table};

/// Of the bytes that killed a server so many are kept.
const KEPT: usize = 256;

/// A server that takes part.
#[derive(Debug, Clone)]
pub struct Contender {
    /// What its column is called.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Whose answers are expected of it; if not said, those of the server it says it is.
    pub judged_as: Option<Identity>,
    /// How it is proved that it has read what was sent.
    pub barrier: Barrier,
    /// The commands it claims to have, in capitals: a transcript that needs another is not for it. `None`: all of them.
    pub claims: Option<BTreeSet<String>>,
}

/// Who takes part, and how they are played.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The servers, in the order of the columns.
    pub contenders: Vec<Contender>,
    /// At which cuts.
    pub cuts: Cuts,
    /// So many servers are judged at once, each on one instance.
    pub at_once: usize,
    /// How long an answer may take, where the transcript does not say; `None` is the usual time.
    pub patience: Option<Duration>,
    /// A server that has been judged for so long plays no further transcript; `None` lets it take its time.
    pub within: Option<Duration>,
}

/// Transcripts × servers. As JSON it is what a report shows: see the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matrix {
    /// One for each server.
    pub servers: Vec<Column>,
    /// One for each transcript.
    pub cases: Vec<Row>,
}

/// A server of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// What it was called on the command line.
    pub name: String,
    /// The identity whose answers are expected of it; empty if it could not be joined.
    pub judged_as: String,
    /// Why no more transcripts were played, if that was so.
    pub lost: Option<String>,
}

/// A transcript of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// `section/slug`
    pub id: String,
    /// The behaviour in one sentence.
    pub title: String,
    /// `must`, `should`, `may` or `info`.
    pub level: String,
    /// What came of it on every server, in the order of the columns.
    pub cells: Vec<Cell>,
}

/// What came of one transcript on one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Cell {
    /// Every byte is as recorded.
    Agrees {
        /// The recorded builds that answer so.
        with: Vec<String>,
    },
    /// Something differs from what is expected of it.
    Differs {
        /// Other recorded builds whose every byte came instead; none: it answers as nobody does.
        answers_as: Vec<String>,
        /// What is wrong.
        fault: String,
        /// The line of the transcript.
        line: usize,
        /// How the writes were divided.
        cut: String,
        /// What was due, as a transcript writes it.
        expected: String,
        /// What came from the first differing byte on, escaped.
        actual: String,
    },
    /// It is not for this server.
    NotApplicable {
        /// Why.
        why: String,
    },
    /// The server died of it, or no longer answers.
    Died {
        /// How: its exit status, or what the judge met.
        how: String,
        /// The connection on which something was sent last.
        connection: String,
        /// The first bytes of what was sent last, escaped.
        bytes: String,
        /// How the writes were divided.
        cut: String,
    },
    /// The transcript cannot be played.
    Unplayable {
        /// Why.
        why: String,
    },
    /// The server had been lost by then.
    NotPlayed,
}

impl Matrix {
    /// Whether every server answers every transcript that is for it as its own build is recorded.
    pub fn all_agree(&self) -> bool {
        let lost = self.servers.iter().any(|server| server.lost.is_some());
        let agree = |cell: &Cell| matches!(cell, Cell::Agrees { .. } | Cell::NotApplicable { .. });
        !lost && self.cases.iter().all(|row| row.cells.iter().all(agree))
    }
}

/// Plays every case on every server. `listener` is told of each as it is done: the server's place and the case.
pub fn run(plan: &Plan, cases: &[Case], listener: &(dyn Fn(usize, &Case) + Sync)) -> Matrix {
    let hurried: Vec<Case> = cases
        .iter()
        .map(|case| case.with_patience(plan.patience))
        .collect();
    let next = AtomicUsize::new(0);
    let columns = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..plan.at_once.clamp(1, plan.contenders.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(contender) = plan.contenders.get(index) else {
                        break;
                    };
                    let done = judge(contender, &hurried, plan, &|case| {
                        listener(index, case);
                    });
                    columns
                        .lock()
                        .expect("nobody panics holding it")
                        .insert(index, done);
                }
            });
        }
    });
    let mut servers = Vec::new();
    let mut rows: Vec<Row> = cases.iter().map(row).collect();
    let columns = columns.into_inner().expect("nobody panics holding it");
    for (server, cells) in columns.into_values() {
        servers.push(server);
        for (row, cell) in rows.iter_mut().zip(cells) {
            row.cells.push(cell);
        }
    }
    Matrix {
        servers,
        cases: rows,
    }
}

fn row(case: &Case) -> Row {
    Row {
        id: case.id().to_owned(),
        title: case.header.title.clone(),
        level: case.header.level.spelling().to_owned(),
        cells: Vec::new(),
    }
}

fn judge(
    contender: &Contender,
    cases: &[Case],
    plan: &Plan,
    listener: &dyn Fn(&Case),
) -> (Column, Vec<Cell>) {
    let mut column = Column {
        name: contender.name.clone(),
        judged_as: String::new(),
        lost: None,
    };
    let mut cells = Vec::with_capacity(cases.len());
    let begun = Instant::now();
    let judged_as = contender.judged_as.as_ref();
    let seat = Seat::open(&contender.origin, judged_as, contender.barrier).and_then(|mut seat| {
        // It answers the judge's own connection while it has nothing else to do, so it may take a little longer at most.
        if let Some(patience) = plan.patience {
            seat.set_patience(patience * 4)?;
        }
        Ok(seat)
    });
    match seat {
        Ok(mut seat) => {
            column.judged_as = seat.identity().to_string();
            let claims = contender.claims.as_ref().map(|claimed| Claims {
                claimed,
                table: Table::recorded(),
            });
            for case in cases {
                if plan.within.is_some_and(|within| begun.elapsed() > within) {
                    let seconds = begun.elapsed().as_secs();
                    column.lost = Some(format!("it had been judged for {seconds} s by then"));
                    break;
                }
                match judge_case(&mut seat, case, plan.cuts, claims.as_ref()) {
                    Ok(cell) => cells.push(cell),
                    Err(Unreachable(why)) => {
                        column.lost = Some(why);
                        break;
                    }
                }
                listener(case);
            }
        }
        Err(Unreachable(why)) => column.lost = Some(why),
    }
    cells.resize(cases.len(), Cell::NotPlayed);
    (column, cells)
}

/// What a server claims, and of what.
struct Claims<'c> {
    claimed: &'c BTreeSet<String>,
    table: Table,
}

impl Claims<'_> {
    /// The first command that a case needs and the server does not claim.
    fn lack(&self, case: &Case, seat: &Seat) -> Option<String> {
        let needed = commands_of(case, seat.identity(), &self.table);
        needed.into_iter().find(|name| !self.claimed.contains(name))
    }
}

fn judge_case(
    seat: &mut Seat,
    case: &Case,
    cuts: Cuts,
    claims: Option<&Claims<'_>>,
) -> Result<Cell, Unreachable> {
    if let Some(name) = claims.and_then(|claims| claims.lack(case, seat)) {
        return Ok(Cell::NotApplicable {
            why: format!("it does not claim {name}"),
        });
    }
    let judgement = seat.judge(case, cuts)?;
    Ok(match judgement.verdict {
        Verdict::Same => Cell::Agrees {
            with: names(&case.expected_of(seat.identity())),
        },
        Verdict::NotApplicable(why) => Cell::NotApplicable { why },
        Verdict::Diverged(failure) => differs(&failure),
        Verdict::Died(fatality) => died(&fatality),
        Verdict::Unplayable(why) => Cell::Unplayable { why },
    })
}

fn differs(failure: &Failure) -> Cell {
    let divergence = &failure.divergence;
    Cell::Differs {
        answers_as: names(&failure.answers_as),
        fault: divergence.fault.to_string(),
        line: divergence.line,
        cut: failure.cut.to_string(),
        expected: divergence.expected.clone(),
        actual: pinned_bytes(divergence),
    }
}

fn died(fatality: &Fatality) -> Cell {
    let (connection, bytes) = fatality.last_sent.clone().unwrap_or_default();
    Cell::Died {
        how: match &fatality.death {
            Some(death) => death.to_string(),
            None => fatality.trouble.clone(),
        },
        connection,
        bytes: escaped(&bytes[..bytes.len().min(KEPT)]),
        cut: fatality.cut.to_string(),
    }
}

fn names(builds: &[Identity]) -> Vec<String> {
    builds.iter().map(ToString::to_string).collect()
}
