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
use crate::cores;
use crate::cuts::Cut;
use crate::replay::{Divergence, Forgiven};
use crate::seat::Seat;
use crate::server::{Death, Origin};
use crate::session::WireEvent;
use crate::transcript::Identity;
use crate::transcript::lint::known_builds;

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
    /// On so many instances of each server at once, and as many more, unless it is one, for transcripts that sleep; on one if
    /// they cannot be started.
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
    let (sleeping, working) = queues(plan, cases, jobs);
    let sleepers = sleeping.len().min(jobs);
    // One core for a server that answers from one thread and the worker that asks it: they take turns, and waking each other
    // across cores costs more than all they do.
    let on_one_core = startable && {
        let mut origins = plan.oracles.iter().chain([&plan.target]);
        origins.all(Origin::answers_from_one_thread)
    };
    let stop = AtomicBool::new(false);
    let unreachable = Mutex::new(None);
    let mut reports: Vec<Option<CaseReport>> = cases.iter().map(|_| None).collect();
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        for worker in 0..sleepers + jobs {
            let queue = if worker < sleepers {
                &sleeping
            } else {
                &working
            };
            let (send, stop, unreachable) = (send.clone(), &stop, &unreachable);
            scope.spawn(move || {
                if on_one_core {
                    cores::stay_on_one(worker);
                }
                let outcome = Bench::open(plan).and_then(|mut bench| {
                    while !stop.load(Ordering::Relaxed) {
                        let Some(index) = queue.next() else { break };
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

/// Cases that wait to be judged, in this order.
struct Queue {
    order: Vec<usize>,
    taken: AtomicUsize,
}

impl Queue {
    fn new(order: Vec<usize>) -> Queue {
        Queue {
            order,
            taken: AtomicUsize::new(0),
        }
    }

    fn len(&self) -> usize {
        self.order.len()
    }

    fn next(&self) -> Option<usize> {
        let turn = self.taken.fetch_add(1, Ordering::Relaxed);
        self.order.get(turn).copied()
    }
}

/// The cases that sleep, to be judged on instances of their own while others work, and the rest. The longest go first in both,
/// or the last of them would be waited for alone.
fn queues(plan: &Plan, cases: &[&Case], jobs: usize) -> (Queue, Queue) {
    let any = known_builds().swap_remove(0);
    let identity = plan.judged_as.as_ref().unwrap_or(&any);
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_cached_key(|&index| {
        let case = cases[index];
        Reverse((case.sleeps(), case.effort(identity)))
    });
    let sleep = |&index: &usize| !cases[index].sleeps().is_zero();
    if jobs == 1 {
        return (Queue::new(Vec::new()), Queue::new(order));
    }
    let (sleeping, working) = order.into_iter().partition(sleep);
    (Queue::new(sleeping), Queue::new(working))
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
