//! Judges many transcripts: who plays what on which server, at which cuts, on how many servers at once, and what to do
//! when one of them dies. Reads no files and prints nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::case::Case;
use crate::compare::Fault;
use crate::cuts::{Cut, plan};
use crate::replay::{Divergence, Forgiven, Outcome, Run, play};
use crate::reset::{FirstState, NotReady, Undo};
use crate::server::{Death, Origin, Server, identity};
use crate::session::{Barrier, Control, Trouble, WireEvent, WireKind};
use crate::transcript::lint::known_builds;
use crate::transcript::{Identity, Script, Split};

/// A transcript whose run takes longer than this waits by its nature (a timeout, a sleep). At every cut it would take
/// minutes, so it is cut at [`WAITING_CUTS`] places only.
const WAITING: Duration = Duration::from_millis(20);

/// At so many single positions is a waiting transcript cut, spread evenly; besides byte by byte and around CRLFs.
const WAITING_CUTS: usize = 12;

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
    /// Begin no further transcript after the first that fails.
    pub fail_fast: bool,
}

/// What came of one transcript on one server.
#[derive(Debug)]
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
}

/// What came of a transcript.
#[derive(Debug)]
pub enum Verdict {
    /// Every byte at every cut is as recorded.
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

/// Judges the cases and tells `listener` of each as it is finished. The answer has the cases' order and `None` for those
/// that were not begun.
pub fn run(
    plan: &Plan,
    cases: &[&Case],
    listener: &mut dyn FnMut(&Case, &CaseReport),
) -> Result<Vec<Option<CaseReport>>, Unreachable> {
    let startable = plan.target.can_start() && plan.oracles.iter().all(Origin::can_start);
    let jobs = if startable {
        plan.jobs.clamp(1, cases.len().max(1))
    } else {
        1
    };
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
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(case) = cases.get(index) else { break };
                        // The receiver outlives this scope.
                        let _ = send.send((index, bench.judge(case, plan)?));
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
            if plan.fail_fast && report.fails() {
                stop.store(true, Ordering::Relaxed);
            }
            listener(cases[index], &report);
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

impl CaseReport {
    fn fails(&self) -> bool {
        let judgements = std::iter::once(&self.target).chain(&self.oracles);
        judgements
            .map(|judgement| &judgement.verdict)
            .any(|verdict| {
                matches!(
                    verdict,
                    Verdict::Diverged(_) | Verdict::Died(_) | Verdict::Unplayable(_)
                )
            })
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

/// A server with the judge's own connection to it.
#[derive(Debug)]
pub struct Seat {
    server: Server,
    control: Control,
    first: FirstState,
    identity: Identity,
    barrier: Barrier,
    /// What the last transcript may have left behind.
    left_behind: Option<Undo>,
    /// It was started with options of one transcript, and is no good for another.
    special: bool,
    /// It died and is not ours to start again.
    gone: bool,
}

impl Seat {
    /// Starts or joins the server. Without `judged_as` it is asked who it is.
    pub fn open(
        origin: &Origin,
        judged_as: Option<&Identity>,
        barrier: Barrier,
    ) -> Result<Seat, Unreachable> {
        let server = Server::start(origin).map_err(unreachable)?;
        let identity = match judged_as {
            Some(identity) => identity.clone(),
            None => identity(server.address()).map_err(unreachable)?,
        };
        let mut control = Control::connect(server.address(), barrier).map_err(unreachable)?;
        let first = FirstState::of(&mut control).map_err(unreachable)?;
        Ok(Seat {
            server,
            control,
            first,
            identity,
            barrier,
            left_behind: None,
            special: false,
            gone: false,
        })
    }

    /// Whose answers are expected of it.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The judge's own connection.
    pub fn control(&mut self) -> &mut Control {
        &mut self.control
    }

    /// Plays a transcript at all its cuts, until something is wrong.
    ///
    /// # Errors
    /// When there is no server any more, and none can be started.
    pub fn judge(&mut self, case: &Case, cuts: Cuts) -> Result<Judgement, Unreachable> {
        if self.gone {
            return Err(Unreachable(format!("{} is gone", self.server.origin())));
        }
        let mut judgement = Judgement {
            verdict: Verdict::Same,
            runs: 0,
            left_out: 0,
            waits: false,
            forgiven: Forgiven::default(),
        };
        if let Some(reason) = self.not_applicable(case) {
            judgement.verdict = Verdict::NotApplicable(reason);
            return Ok(judgement);
        }
        let script = case.transcript.script(&self.identity);
        let begun = Instant::now();
        let mut writes = Vec::new();
        for _ in 0..case.header.repeat.max(1) {
            let run = match self.run(case, &script, Cut::Whole)? {
                Ok(run) => run,
                Err(verdict) => {
                    return Ok(Judgement {
                        verdict,
                        ..judgement
                    });
                }
            };
            judgement.runs += 1;
            judgement.forgiven = run.forgiven.clone();
            writes.clone_from(&run.writes);
            if let Some(verdict) = self.verdict(case, run, Cut::Whole, judgement.runs - 1)? {
                return Ok(Judgement {
                    verdict,
                    ..judgement
                });
            }
        }
        if case.header.split == Split::Fixed {
            return Ok(judgement);
        }
        let elapsed = begun.elapsed() / case.header.repeat.max(1);
        let ways = self.ways(&writes, cuts, elapsed, &mut judgement);
        for cut in ways {
            let run = match self.run(case, &script, cut)? {
                Ok(run) => run,
                Err(verdict) => {
                    return Ok(Judgement {
                        verdict,
                        ..judgement
                    });
                }
            };
            judgement.runs += 1;
            if let Some(verdict) = self.verdict(case, run, cut, judgement.runs - 1)? {
                return Ok(Judgement {
                    verdict,
                    ..judgement
                });
            }
        }
        Ok(judgement)
    }

    /// The cuts to be played, and in the judgement what is left out of them.
    fn ways(
        &self,
        writes: &[usize],
        cuts: Cuts,
        elapsed: Duration,
        judgement: &mut Judgement,
    ) -> Vec<Cut> {
        let (mut ways, left_out) = match cuts {
            Cuts::All => plan(writes),
            Cuts::Bytes => (vec![Cut::Bytes], 0),
            Cuts::None => (Vec::new(), 0),
        };
        judgement.left_out = left_out;
        let singles = ways.iter().filter(|cut| matches!(cut, Cut::At(_))).count();
        if elapsed > WAITING && singles > WAITING_CUTS {
            judgement.waits = true;
            let mut index = 0;
            ways.retain(|cut| {
                index += usize::from(matches!(cut, Cut::At(_)));
                // Keeps the positions at which the share of kept ones passes a whole number.
                !matches!(cut, Cut::At(_))
                    || index * WAITING_CUTS / singles > (index - 1) * WAITING_CUTS / singles
            });
        }
        ways
    }

    /// Why the transcript is not for this server.
    pub fn not_applicable(&self, case: &Case) -> Option<String> {
        match &case.header.since {
            Some(since) if !since.holds(&self.identity) => return Some(format!("@since {since}")),
            _ => {}
        }
        let lacks = self
            .first
            .lacks(&case.header, self.server.origin().can_start())?;
        Some(lacks.to_owned())
    }

    /// One run on a server in its first state.
    fn run(
        &mut self,
        case: &Case,
        script: &Script,
        cut: Cut,
    ) -> Result<Result<Run, Verdict>, Unreachable> {
        if let Err(verdict) = self.prepare(case)? {
            return Ok(Err(verdict));
        }
        self.left_behind = Some(case.undo.clone());
        Ok(Ok(play(script, &case.header, cut, &mut self.control)))
    }

    /// Puts the server into the state the transcript begins in; starts another one if that is the only way.
    pub fn prepare(&mut self, case: &Case) -> Result<Result<(), Verdict>, Unreachable> {
        if self.special {
            self.restart(&[])?;
        }
        let mut ready = Ok(());
        if let Some(undo) = self.left_behind.take() {
            ready = self.first.clean(&mut self.control, &undo);
        }
        let ready = ready.and_then(|()| {
            self.first
                .prepare(&mut self.control, &case.undo, &case.header)
        });
        let reason = match ready {
            Ok(()) => return Ok(Ok(())),
            Err(NotReady::Refused(reason) | NotReady::Dirty(reason)) => reason,
            Err(NotReady::Trouble(trouble)) => trouble.to_string(),
        };
        if !self.server.origin().can_start() {
            return Ok(Err(Verdict::NotApplicable(reason)));
        }
        // A fresh server, with the transcript's options from its first moment on.
        self.restart(&case.header.config)?;
        self.special = !case.header.config.is_empty();
        Ok(Ok(()))
    }

    /// Ends the server and starts another.
    pub fn restart(&mut self, options: &[(String, String)]) -> Result<(), Unreachable> {
        let origin = self.server.origin().clone();
        // The old one is ended when it is replaced; for a moment there are two, on two ports.
        self.server = Server::start_with(&origin, options).map_err(unreachable)?;
        self.control =
            Control::connect(self.server.address(), self.barrier).map_err(unreachable)?;
        if options.is_empty() {
            self.first = FirstState::of(&mut self.control).map_err(unreachable)?;
        }
        self.left_behind = None;
        self.special = false;
        Ok(())
    }

    /// What a run means; `None` if all is well.
    fn verdict(
        &mut self,
        case: &Case,
        run: Run,
        cut: Cut,
        right_before: usize,
    ) -> Result<Option<Verdict>, Unreachable> {
        let verdict = match run.outcome {
            Outcome::Same => {
                // Such a transcript may have ended the server on purpose.
                if case.header.needs.iter().any(|need| need == "start") {
                    self.restart(&[])?;
                }
                return Ok(None);
            }
            Outcome::BadTranscript { line, message } => {
                Verdict::Unplayable(format!("{}:{line}: {message}", case.path.display()))
            }
            Outcome::Broken(trouble) => self.fatality(&trouble, cut, run.wire)?,
            Outcome::Diverged(divergence) => {
                let closed = matches!(
                    divergence.fault,
                    Fault::ClosedEarly | Fault::ClosedUnasked | Fault::RstForFin | Fault::NotQuiet
                );
                if closed && let Some(death) = self.server.death() {
                    let trouble = divergence.fault.to_string();
                    let fatality = fatality(Some(death), trouble, cut, run.wire);
                    self.revive()?;
                    Verdict::Died(Box::new(fatality))
                } else {
                    let answers_as = if right_before == 0 {
                        self.answers_as(case)?
                    } else {
                        Vec::new()
                    };
                    Verdict::Diverged(Box::new(Failure {
                        agreeing: agreeing(case, &divergence),
                        divergence: *divergence,
                        cut,
                        right_before,
                        wire: run.wire,
                        answers_as,
                    }))
                }
            }
        };
        Ok(Some(verdict))
    }

    fn fatality(
        &mut self,
        trouble: &Trouble,
        cut: Cut,
        wire: Vec<WireEvent>,
    ) -> Result<Verdict, Unreachable> {
        let death = match trouble {
            Trouble::Lost(_) => self.server.death(),
            Trouble::Stuck | Trouble::Confused(_) => None,
        };
        let fatality = fatality(death, trouble.to_string(), cut, wire);
        self.revive()?;
        Ok(Verdict::Died(Box::new(fatality)))
    }

    /// After a death: another server, or the end of the judging if it is not ours to start. The verdict on what killed it
    /// must be told in either case.
    fn revive(&mut self) -> Result<(), Unreachable> {
        if self.server.origin().can_start() {
            return self.restart(&[]);
        }
        match Control::connect(self.server.address(), self.barrier) {
            Ok(control) => self.control = control,
            Err(_) => self.gone = true,
        }
        Ok(())
    }

    /// The builds whose recorded answers to a transcript differ from what is expected here, and did come.
    fn answers_as(&mut self, case: &Case) -> Result<Vec<Identity>, Unreachable> {
        let own = case.transcript.script(&self.identity);
        let mut same = Vec::new();
        for build in known_builds() {
            let script = case.transcript.script(&build);
            let applies = case
                .header
                .since
                .as_ref()
                .is_none_or(|since| since.holds(&build));
            if !applies || script == own {
                continue;
            }
            match self.run(case, &script, Cut::Whole)? {
                Ok(Run {
                    outcome: Outcome::Same,
                    ..
                }) => same.push(build),
                Ok(Run {
                    outcome: Outcome::Broken(_),
                    ..
                }) => {
                    self.revive()?;
                    break;
                }
                _ => {}
            }
        }
        Ok(same)
    }
}

/// The builds for which the line that was not fulfilled is recorded.
fn agreeing(case: &Case, divergence: &Divergence) -> Vec<Identity> {
    let holds = |build: &Identity| {
        let applies = case
            .header
            .since
            .as_ref()
            .is_none_or(|since| since.holds(build));
        let guard = case
            .transcript
            .steps()
            .find(|(line, _)| *line == divergence.line);
        let guard = guard.and_then(|(_, step)| step.guard.as_ref());
        applies && guard.is_none_or(|guard| guard.holds(build))
    };
    known_builds().into_iter().filter(holds).collect()
}

fn fatality(death: Option<Death>, trouble: String, cut: Cut, wire: Vec<WireEvent>) -> Fatality {
    let last_sent = wire.iter().rev().find_map(|event| match &event.what {
        WireKind::Sent(bytes, _) => Some((event.connection.clone(), bytes.clone())),
        _ => None,
    });
    Fatality {
        death,
        trouble,
        cut,
        wire,
        last_sent,
    }
}

fn unreachable(error: impl std::fmt::Display) -> Unreachable {
    Unreachable(error.to_string())
}
