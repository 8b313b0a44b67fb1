//! Judges many transcripts: who plays what on which server, at which cuts, on how many servers at once, and what to do
//! when one of them dies. Reads no files and prints nothing.

use std::cmp::Reverse;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::case::Case;
use crate::control::Barrier;
use crate::cuts::Cut;
use crate::replay::{Divergence, Forgiven};
use crate::seat::Seat;
use crate::server::{Death, Origin};
use crate::session::WireEvent;
use crate::transcript::Identity;

/// At which cuts transcripts are played, unless they say `@split fixed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cuts {
    /// Whole, byte by byte, around every CRLF, and at every single position.
    #[default]
    All,
    /// Whole and byte by byte.
    Bytes,
    /// Whole only.
    None,
}

/// Who is judged, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server under judgement.
    pub target: Origin,
    /// Whose answers are expected of it; if not said, those of the server it says it is.
    pub judged_as: Option<Identity>,
    /// Real servers to hold against their own recordings at the same time.
    pub oracles: Vec<Origin>,
    /// At which cuts.
    pub cuts: Cuts,
    /// How it is proved that a fragment was read.
    pub barrier: Barrier,
    /// On so many instances of each server at once; one if they cannot be started.
    pub jobs: usize,
}

/// What came of one transcript on one server.
#[derive(Debug, Default)]
pub struct Judgement {
    /// In one word or with the evidence.
    pub verdict: Verdict,
    /// How often it was played.
    pub runs: usize,
    /// Positions at which it was not cut because its writes are long.
    pub left_out: usize,
    /// Whether it was cut at a few positions only because it waits by its nature.
    pub waits: bool,
    /// What was forgiven while it was played whole.
    pub forgiven: Forgiven,
    /// How long all of it took.
    pub elapsed: Duration,
}

/// What came of a transcript.
#[derive(Debug, Default)]
pub enum Verdict {
    /// Every byte at every cut is as recorded.
    #[default]
    Same,
    /// It is not for this server, or the server does not allow it: why.
    NotApplicable(String),
    /// Something differs.
    Diverged(Box<Failure>),
    /// The server died, or no longer answers.
    Died(Box<Fatality>),
    /// The transcript cannot be played: why.
    Unplayable(String),
}

/// A divergence with its evidence.
#[derive(Debug)]
pub struct Failure {
    /// What differs.
    pub divergence: Divergence,
    /// How the writes were divided.
    pub cut: Cut,
    /// How often the transcript was played before and was right.
    pub right_before: usize,
    /// What went over the wire in that run.
    pub wire: Vec<WireEvent>,
    /// Builds of whom the same is recorded as expected.
    pub agreeing: Vec<Identity>,
    /// Builds whose recorded answers, where they differ, are the ones that came.
    pub answers_as: Vec<Identity>,
}

/// The end of a server, with its evidence.
#[derive(Debug)]
pub struct Fatality {
    /// How it ended; `None` when it is there and does not answer.
    pub death: Option<Death>,
    /// What the judge met.
    pub trouble: String,
    /// How the writes were divided.
    pub cut: Cut,
    /// What went over the wire in that run; the last bytes sent are the ones that killed it.
    pub wire: Vec<WireEvent>,
    /// The last bytes sent, and on which connection.
    pub last_sent: Option<(String, Vec<u8>)>,
}

/// What came of one transcript on the target, and on every oracle in the plan's order.
#[derive(Debug)]
pub struct CaseReport {
    /// On the target.
    pub target: Judgement,
    /// On the oracles.
    pub oracles: Vec<Judgement>,
}

/// Why a plan cannot be carried out at all: a server cannot be started, reached or identified.
#[derive(Debug)]
pub struct Unreachable(pub String);

/// Judges the cases and tells `listener` of each as it is finished; when it says `Break`, no further one is begun. The answer
/// has the cases' order and `None` for those that were not begun.
pub fn run(
    plan: &Plan,
    cases: &[&Case],
    listener: &mut dyn FnMut(&Case, &CaseReport) -> ControlFlow<()>,
) -> Result<Vec<Option<CaseReport>>, Unreachable> {
    let startable = plan.target.can_start() && plan.oracles.iter().all(Origin::can_start);
    let jobs = if startable {
        plan.jobs.clamp(1, cases.len().max(1))
    } else {
        1
    };
    // Those that sleep go first, or the last of them would be waited for alone.
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_key(|&index| Reverse(cases[index].sleeps()));
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let unreachable = Mutex::new(None);
    let mut reports: Vec<Option<CaseReport>> = cases.iter().map(|_| None).collect();
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..jobs {
            let send = send.clone();
            scope.spawn(|| {
                let send = send;
                let outcome = Bench::open(plan).and_then(|mut bench| {
                    while !stop.load(Ordering::Relaxed) {
                        let turn = next.fetch_add(1, Ordering::Relaxed);
                        let Some(&index) = order.get(turn) else { break };
                        // The receiver outlives this scope.
                        let _ = send.send((index, bench.judge(cases[index], plan)?));
                    }
                    Ok(())
                });
                if let Err(error) = outcome {
                    stop.store(true, Ordering::Relaxed);
                    unreachable
                        .lock()
                        .expect("no thread panics while it holds this")
                        .get_or_insert(error);
                }
            });
        }
        drop(send);
        for (index, report) in receive {
            if listener(cases[index], &report).is_break() {
                stop.store(true, Ordering::Relaxed);
            }
            reports[index] = Some(report);
        }
    });
    match unreachable
        .into_inner()
        .expect("no thread panics while it holds this")
    {
        Some(error) => Err(error),
        None => Ok(reports),
    }
}

/// One worker's servers: nobody else's transcripts run on them.
struct Bench {
    target: Seat,
    oracles: Vec<Seat>,
}

impl Bench {
    fn open(plan: &Plan) -> Result<Bench, Unreachable> {
        let oracles = plan
            .oracles
            .iter()
            .map(|origin| Seat::open(origin, None, plan.barrier));
        Ok(Bench {
            target: Seat::open(&plan.target, plan.judged_as.as_ref(), plan.barrier)?,
            oracles: oracles.collect::<Result<_, _>>()?,
        })
    }

    fn judge(&mut self, case: &Case, plan: &Plan) -> Result<CaseReport, Unreachable> {
        let oracles = self
            .oracles
            .iter_mut()
            .map(|seat| seat.judge(case, plan.cuts));
        let oracles = oracles.collect::<Result<_, _>>()?;
        Ok(CaseReport {
            target: self.target.judge(case, plan.cuts)?,
            oracles,
        })
    }
}
