//! Looks at many laws with many dialogues on several servers of one kind at once, and adds up what came of it. Prints nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::Serialize;

use super::dialogue::{Dialogue, Step};
use super::examine::{Breach, Outcome, examine, listen};
use super::play::Silence;
use super::{LAWS, Law, audit};
use crate::control::Barrier;
use crate::cores;
use crate::generate::streams;
use crate::generate::vocabulary::Vocabulary;
use crate::request::quote_line;
use crate::seat::Seat;
use crate::server::Origin;
use crate::suite::Unreachable;
use crate::transcript::Identity;
use crate::transcript::escape::escaped;

/// So many breaches of one law are shortened and kept; of the others only the dialogue's name is.
const KEPT: usize = 3;

/// Whose laws are looked at, and how.
#[derive(Debug, Clone)]
pub struct LawsPlan {
    /// The server.
    pub target: Origin,
    /// Who it is, if it is not to be asked.
    pub identity: Option<Identity>,
    /// Which laws.
    pub laws: Vec<Law>,
    /// Where writes are cut.
    pub seed: u64,
    /// How it is known that the server has read something.
    pub barrier: Barrier,
    /// On so many instances of the server at once; one if it cannot be started.
    pub jobs: usize,
}

/// What came of one dialogue.
#[derive(Debug)]
pub struct LawReport {
    /// Its name.
    pub dialogue: String,
    /// What came of each law; fewer than were asked for when the server died.
    pub outcomes: Vec<(Law, Outcome)>,
    /// What became of a server that did not survive it.
    pub died: Option<String>,
}

/// What came of one law, over all dialogues.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LawSummary {
    /// Dialogues in which it held.
    pub held: usize,
    /// Dialogues that tell nothing about it, by reason.
    pub not_applicable: BTreeMap<String, usize>,
    /// Dialogues that are answered differently every time.
    pub unsettled: Vec<String>,
    /// Dialogues in which it is broken as is known of this server, by what is known.
    pub excepted: BTreeMap<String, Vec<String>>,
    /// Dialogues in which it is broken.
    pub broken: Vec<String>,
}

/// Dialogues of this seed, for ever: as many as there are generated streams, which is without end.
pub fn generated(seed: u64) -> impl Iterator<Item = Dialogue> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &bytes),
    );
    let strategy = streams(&Vocabulary::certain());
    (1..).map(move |number: usize| {
        let tree = strategy
            .new_tree(&mut runner)
            .expect("the strategy rejects nothing");
        Dialogue::of_stream(&format!("stream {number} of seed {seed}"), &tree.current())
    })
}

/// Looks at the laws with every dialogue and tells `listener` of each as it is finished.
///
/// # Errors
/// When the server cannot be started, reached or identified, or is gone and cannot be started again.
pub fn run(
    plan: &LawsPlan,
    dialogues: &[Dialogue],
    listener: &mut dyn FnMut(&LawReport),
) -> Result<BTreeMap<Law, LawSummary>, Unreachable> {
    let jobs = if plan.target.can_start() {
        plan.jobs.clamp(1, dialogues.len().max(1))
    } else {
        1
    };
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let unreachable = Mutex::new(None);
    // Shortening takes long, and the third breach of a law tells little more than the first.
    let shortened: Vec<AtomicUsize> = LAWS.iter().map(|_| AtomicUsize::new(0)).collect();
    let mut summaries: BTreeMap<Law, LawSummary> = plan
        .laws
        .iter()
        .map(|law| (*law, LawSummary::default()))
        .collect();
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        for worker in 0..jobs {
            let send = send.clone();
            let (next, stop, unreachable, shortened) = (&next, &stop, &unreachable, &shortened);
            scope.spawn(move || {
                // As in `suite`: they take turns, and wake each other sooner there.
                if plan.target.answers_from_one_thread() {
                    cores::stay_on_one(worker);
                }
                let outcome = Seat::open(&plan.target, plan.identity.as_ref(), plan.barrier)
                    .and_then(|mut seat| {
                        while !stop.load(Ordering::Relaxed) {
                            let turn = next.fetch_add(1, Ordering::Relaxed);
                            let Some(dialogue) = dialogues.get(turn) else {
                                break;
                            };
                            let report = look_at_all(plan, dialogue, &mut seat, shortened)?;
                            let is_over = report.died.is_some() && !plan.target.can_start();
                            // The receiver outlives this scope.
                            let _ = send.send(report);
                            if is_over {
                                break;
                            }
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
        for report in receive {
            listener(&report);
            for (law, outcome) in report.outcomes {
                let summary = summaries.entry(law).or_default();
                summary.add(&report.dialogue, outcome);
            }
        }
    });
    match unreachable
        .into_inner()
        .expect("no thread panics while it holds this")
    {
        Some(error) => Err(error),
        None => Ok(summaries),
    }
}

fn look_at_all(
    plan: &LawsPlan,
    dialogue: &Dialogue,
    seat: &mut Seat,
    shortened: &[AtomicUsize],
) -> Result<LawReport, Unreachable> {
    let mut report = LawReport {
        dialogue: dialogue.name.clone(),
        outcomes: Vec::new(),
        died: None,
    };
    if let Some(reason) = audit::deadly(seat.identity(), dialogue) {
        let reason = Silence::NotReady(reason.to_owned());
        return after_silence(plan, report, reason, seat);
    }
    let heard = match listen(seat, dialogue) {
        Ok(heard) => heard,
        Err(silence) => {
            let is_lost = matches!(silence, Silence::Lost(_));
            let mut report = after_silence(plan, report, silence, seat)?;
            if is_lost && plan.target.can_start() {
                let killers = killers(dialogue, seat)?;
                report
                    .died
                    .get_or_insert_default()
                    .push_str(&format!("\n  of this:\n{killers}"));
            }
            return Ok(report);
        }
    };
    for &law in &plan.laws {
        let shortens = shortened[law as usize].load(Ordering::Relaxed) < KEPT;
        match examine(law, dialogue, &heard, seat, plan.seed, shortens) {
            Ok(outcome) => {
                let is_broken = matches!(outcome, Outcome::Broken(_));
                shortened[law as usize].fetch_add(usize::from(is_broken), Ordering::Relaxed);
                report.outcomes.push((law, outcome));
            }
            Err(silence) => return after_silence(plan, report, silence, seat),
        }
    }
    Ok(report)
}

/// What is left of a dialogue when everything is left out that the server dies without. Each attempt costs a server.
fn killers(dialogue: &Dialogue, seat: &mut Seat) -> Result<String, Unreachable> {
    const ATTEMPTS: usize = 40;
    let mut steps = dialogue.steps.clone();
    let mut size = steps.len().div_ceil(2);
    let mut attempts = 0;
    let mut start = 0;
    while attempts < ATTEMPTS && steps.len() > 1 {
        if start >= steps.len() {
            if size == 1 {
                break;
            }
            (size, start) = (size.div_ceil(2), 0);
        }
        attempts += 1;
        let end = (start + size).min(steps.len());
        let fewer = [&steps[..start], &steps[end..]].concat();
        match listen(seat, &dialogue.with_steps(fewer.clone())) {
            Err(Silence::Lost(_)) => {
                // Whoever crashes may be writing about it for a while.
                seat.death();
                seat.restart(&[])?;
                steps = fewer;
            }
            Err(Silence::Unreachable(error)) => return Err(error),
            _ => start = end,
        }
    }
    let lines = steps.iter().map(|step| match step {
        Step::Ask {
            connection,
            request,
        } => format!("    {connection}: {}\n", quote_line(&request.arguments)),
        Step::Send { connection, bytes } => format!("    {connection}>> {}\n", escaped(bytes)),
        Step::Socket { connection, action } => format!("    {connection}! {action}\n"),
    });
    Ok(lines.collect())
}

/// A server that is lost is started again, and the dialogue is left.
fn after_silence(
    plan: &LawsPlan,
    mut report: LawReport,
    silence: Silence,
    seat: &mut Seat,
) -> Result<LawReport, Unreachable> {
    match silence {
        Silence::Unreachable(error) => Err(error),
        Silence::NotReady(reason) => {
            let outcomes = plan
                .laws
                .iter()
                .map(|law| (*law, Outcome::NotApplicable(reason.clone())));
            report.outcomes = outcomes.collect();
            Ok(report)
        }
        Silence::Lost(trouble) => {
            report.died = Some(match seat.death() {
                Some(death) => format!("the server {death}"),
                None => trouble.to_string(),
            });
            if plan.target.can_start() {
                seat.restart(&[])?;
            }
            Ok(report)
        }
    }
}

impl LawSummary {
    fn add(&mut self, dialogue: &str, outcome: Outcome) {
        match outcome {
            Outcome::Holds => self.held += 1,
            Outcome::NotApplicable(reason) => *self.not_applicable.entry(reason).or_default() += 1,
            Outcome::Unsettled => self.unsettled.push(dialogue.to_owned()),
            Outcome::Excepted(exception) => self
                .excepted
                .entry(exception.reason.to_owned())
                .or_default()
                .push(dialogue.to_owned()),
            Outcome::Broken(_) => self.broken.push(dialogue.to_owned()),
        }
    }

    /// Dialogues that told something about it.
    pub fn looked_at(&self) -> usize {
        let excepted: usize = self.excepted.values().map(Vec::len).sum();
        self.held + excepted + self.broken.len()
    }
}

impl fmt::Display for LawSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.broken.is_empty() {
            "holds"
        } else {
            "BROKEN"
        };
        write!(f, "{word:6} {:>5} dialogues", self.looked_at())?;
        if !self.broken.is_empty() {
            write!(f, ", broken in {}", self.broken.len())?;
        }
        let out: usize = self.not_applicable.values().sum();
        if out > 0 {
            write!(f, ", {out} tell nothing")?;
        }
        if !self.unsettled.is_empty() {
            write!(
                f,
                ", {} are never answered twice the same",
                self.unsettled.len()
            )?;
        }
        Ok(())
    }
}

/// A breach, where there is one.
impl LawReport {
    /// Every broken law with its evidence.
    pub fn breaches(&self) -> impl Iterator<Item = &Breach> {
        self.outcomes
            .iter()
            .filter_map(|(_, outcome)| match outcome {
                Outcome::Broken(breach) => Some(&**breach),
                _ => None,
            })
    }
}
