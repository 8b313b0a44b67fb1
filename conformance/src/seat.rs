//! One server with the judge's own connection to it: plays transcripts on it at every cut, keeps it clean between them, and
//! replaces it when it dies. Knows no other server and prints nothing.

use std::time::{Duration, Instant};

use crate::case::{Case, Variant};
use crate::compare::Fault;
use crate::control::{Barrier, Control, Trouble};
use crate::cuts::{Cut, plan};
use crate::replay::{Divergence, Outcome, Run, play};
use crate::reset::{FirstState, NotReady, Undo};
use crate::server::{Death, Origin, Server, identity};
use crate::session::{WireEvent, WireKind};
use crate::suite::{Cuts, Failure, Fatality, Judgement, Unreachable, Verdict};
use crate::transcript::lint::known_builds;
use crate::transcript::{Identity, Script, Split};

/// A transcript whose run takes longer than this waits by its nature (a timeout, a sleep). At every cut it would take
/// minutes, so it is cut at [`WAITING_CUTS`] places only.
const WAITING: Duration = Duration::from_millis(20);

/// At so many single positions is a waiting transcript cut, spread evenly; besides byte by byte and around CRLFs.
const WAITING_CUTS: usize = 12;

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
    /// How long it may leave the judge's own connection without an answer, if not the usual time.
    patience: Option<Duration>,
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
        let address = server.address();
        let unfit = |trouble| unreachable(format!("{address} cannot be judged: {trouble}"));
        let mut control = Control::connect(address, barrier).map_err(unfit)?;
        let first = FirstState::of(&mut control).map_err(unfit)?;
        Ok(Seat {
            server,
            control,
            first,
            identity,
            barrier,
            left_behind: None,
            special: false,
            gone: false,
            patience: None,
        })
    }

    /// Waits so long for an answer on the judge's own connection, of this server and of those that replace it.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn set_patience(&mut self, patience: Duration) -> Result<(), Unreachable> {
        self.patience = Some(patience);
        self.control.set_patience(patience).map_err(unreachable)
    }

    /// Whose answers are expected of it.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The judge's own connection.
    pub fn control(&mut self) -> &mut Control {
        &mut self.control
    }

    /// After it was lost: how the server ended; `None` when it still answers.
    pub fn death(&mut self) -> Option<Death> {
        self.server.death()
    }

    /// Plays a transcript at all its cuts, until something is wrong.
    ///
    /// # Errors
    /// When there is no server any more, and none can be started.
    pub fn judge(&mut self, case: &Case, cuts: Cuts) -> Result<Judgement, Unreachable> {
        if self.gone {
            return Err(Unreachable(format!("{} is gone", self.server.origin())));
        }
        let begun = Instant::now();
        let mut judgement = Judgement::default();
        match self.play_all(case, cuts, &mut judgement) {
            Ok(()) => {}
            Err(Halt::Verdict(verdict)) => judgement.verdict = verdict,
            Err(Halt::Unreachable(error)) => return Err(error),
        }
        judgement.elapsed = begun.elapsed();
        Ok(judgement)
    }

    fn play_all(&mut self, case: &Case, cuts: Cuts, judgement: &mut Judgement) -> Result<(), Halt> {
        if let Some(reason) = self.not_applicable(case) {
            return Err(Halt::Verdict(Verdict::NotApplicable(reason)));
        }
        let script = case.transcript.script(&self.identity);
        let repeat = case.header.repeat.max(1);
        let mut elapsed = Duration::MAX;
        let mut writes = Vec::new();
        let mut times = 0;
        // A busy machine makes anything slow once; what waits by its nature is slow every time.
        let is_timed = case.header.split == Split::Any && cuts == Cuts::All;
        while times < repeat || (is_timed && elapsed > WAITING && times < repeat + 2) {
            let begun = Instant::now();
            let run = self.play(case, &script, Cut::Whole, judgement)?;
            elapsed = elapsed.min(begun.elapsed());
            judgement.forgiven = run.forgiven;
            writes = run.writes;
            times += 1;
        }
        if case.header.split == Split::Any {
            for cut in ways(&writes, cuts, elapsed, judgement) {
                self.play(case, &script, cut, judgement)?;
            }
        }
        Ok(())
    }

    /// One run that must be right.
    fn play(
        &mut self,
        case: &Case,
        script: &Script,
        cut: Cut,
        judgement: &mut Judgement,
    ) -> Result<Run, Halt> {
        let run = self.run(case, script, cut)?;
        let right_before = judgement.runs;
        judgement.runs += 1;
        self.settle(case, run, cut, right_before)
    }

    /// Why the transcript is not for this server.
    pub fn not_applicable(&self, case: &Case) -> Option<String> {
        match &case.header.since {
            Some(since) if !case.applies_to(&self.identity) => {
                return Some(format!("@since {since}"));
            }
            _ => {}
        }
        let lacks = self
            .first
            .lacks(&case.header, self.server.origin().can_start())?;
        Some(lacks.to_owned())
    }

    /// One run on a server in its first state.
    fn run(&mut self, case: &Case, script: &Script, cut: Cut) -> Result<Run, Halt> {
        self.prepare(case)?;
        Ok(play(script, &case.header, cut, &mut self.control))
    }

    /// Puts the server into the state the transcript begins in; starts another one if that is the only way.
    pub(crate) fn prepare(&mut self, case: &Case) -> Result<(), Halt> {
        let stained = self.left_behind.is_some() && !self.first.flushes();
        if self.special || (stained && self.server.origin().can_start()) {
            self.restart(&[])?;
        }
        let mut ready = Ok(());
        // Before another run of the same transcript once is enough.
        if let Some(undo) = self.left_behind.take()
            && undo != case.undo
        {
            ready = self.first.clean(&mut self.control, &undo);
        }
        let ready = ready.and_then(|()| {
            self.first
                .prepare(&mut self.control, &case.undo, &case.header)
        });
        // Said before it is played: whoever plays it, and however it ends, it leaves this behind.
        self.left_behind = Some(case.undo.clone());
        let reason = match ready {
            Ok(()) => return Ok(()),
            Err(NotReady::Refused(reason) | NotReady::Dirty(reason)) => reason,
            // Nothing that a transcript asks for is missing: whoever cannot be made ready does not answer as a server would.
            Err(NotReady::Trouble(trouble)) if !self.server.origin().can_start() => {
                return Err(Halt::Unreachable(unreachable(trouble)));
            }
            Err(NotReady::Trouble(trouble)) => trouble.to_string(),
        };
        if !self.server.origin().can_start() {
            return Err(Halt::Verdict(Verdict::NotApplicable(reason)));
        }
        // A fresh server, with the transcript's options from its first moment on.
        self.restart(&case.header.config)?;
        self.left_behind = Some(case.undo.clone());
        self.special = !case.header.config.is_empty();
        Ok(())
    }

    /// Ends the server and starts another.
    pub fn restart(&mut self, options: &[(String, String)]) -> Result<(), Unreachable> {
        let origin = self.server.origin().clone();
        // The old one is ended when it is replaced; for a moment there are two, on two ports.
        self.server = Server::start_with(&origin, options).map_err(unreachable)?;
        self.control =
            Control::connect(self.server.address(), self.barrier).map_err(unreachable)?;
        if let Some(patience) = self.patience {
            self.control.set_patience(patience).map_err(unreachable)?;
        }
        if options.is_empty() {
            self.first = FirstState::of(&mut self.control).map_err(unreachable)?;
        }
        self.left_behind = None;
        self.special = false;
        Ok(())
    }

    /// What a run means: itself if all is well.
    fn settle(
        &mut self,
        case: &Case,
        run: Run,
        cut: Cut,
        right_before: usize,
    ) -> Result<Run, Halt> {
        let Run {
            outcome,
            writes,
            forgiven,
            wire,
        } = run;
        let verdict = match outcome {
            Outcome::Same => {
                // Such a transcript may have ended the server on purpose.
                if case.header.needs.iter().any(|need| need == "start") {
                    self.restart(&[])?;
                }
                return Ok(Run {
                    outcome,
                    writes,
                    forgiven,
                    wire,
                });
            }
            Outcome::BadTranscript { line, message } => {
                Verdict::Unplayable(format!("{}:{line}: {message}", case.path.display()))
            }
            Outcome::Broken(trouble) => self.fatality(&trouble, cut, wire)?,
            Outcome::Diverged(divergence) => {
                self.failure(case, *divergence, cut, right_before, wire)?
            }
        };
        Err(Halt::Verdict(verdict))
    }

    /// A divergence, unless the server closed because it died.
    fn failure(
        &mut self,
        case: &Case,
        divergence: Divergence,
        cut: Cut,
        right_before: usize,
        wire: Vec<WireEvent>,
    ) -> Result<Verdict, Unreachable> {
        let closed = matches!(
            divergence.fault,
            Fault::ClosedEarly | Fault::ClosedUnasked | Fault::RstForFin | Fault::NotQuiet
        );
        if closed && let Some(death) = self.server.death() {
            self.revive()?;
            let trouble = divergence.fault.to_string();
            return Ok(Verdict::Died(Box::new(fatality(
                Some(death),
                trouble,
                cut,
                wire,
            ))));
        }
        let answers_as = if right_before == 0 {
            self.answers_as(case)?
        } else {
            Vec::new()
        };
        Ok(Verdict::Diverged(Box::new(Failure {
            agreeing: agreeing(case, &divergence),
            divergence,
            cut,
            right_before,
            wire,
            answers_as,
        })))
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
        let mut others = case.variants();
        others.retain(|variant| variant.script != own);
        self.answers_as_one_of(case, &others)
    }

    /// The builds whose recorded answers to a transcript are the ones that come, when it is played whole and whoever the
    /// server says it is.
    ///
    /// # Errors
    /// When there is no server any more, and none can be started.
    pub fn builds_alike(&mut self, case: &Case) -> Result<Vec<Identity>, Unreachable> {
        if self.gone {
            return Err(Unreachable(format!("{} is gone", self.server.origin())));
        }
        self.answers_as_one_of(case, &case.variants())
    }

    fn answers_as_one_of(
        &mut self,
        case: &Case,
        variants: &[Variant],
    ) -> Result<Vec<Identity>, Unreachable> {
        let mut same = Vec::new();
        for variant in variants {
            match self.run(case, &variant.script, Cut::Whole) {
                Ok(Run {
                    outcome: Outcome::Same,
                    ..
                }) => same.extend(variant.builds.iter().cloned()),
                Ok(Run {
                    outcome: Outcome::Broken(_),
                    ..
                }) => {
                    self.revive()?;
                    break;
                }
                Ok(_) | Err(Halt::Verdict(_)) => {}
                Err(Halt::Unreachable(error)) => return Err(error),
            }
        }
        Ok(same)
    }
}

impl Drop for Seat {
    /// A server that goes on without us is left as it was found: empty, and with its configuration.
    fn drop(&mut self) {
        if self.gone || self.server.origin().can_start() {
            return;
        }
        if let Some(undo) = self.left_behind.take() {
            // Nobody is there any more to be told of a failure; the next run says that keys are left.
            let _ = self.first.clean(&mut self.control, &undo);
        }
    }
}

/// Why the playing of a transcript ends before its last cut.
#[derive(Debug)]
pub(crate) enum Halt {
    /// There is a verdict already.
    Verdict(Verdict),
    /// There is no server any more.
    Unreachable(Unreachable),
}

impl From<Unreachable> for Halt {
    fn from(error: Unreachable) -> Halt {
        Halt::Unreachable(error)
    }
}

/// The cuts to be played, and in the judgement what is left out of them.
fn ways(writes: &[usize], cuts: Cuts, elapsed: Duration, judgement: &mut Judgement) -> Vec<Cut> {
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

/// The builds for which the line that was not fulfilled is recorded.
fn agreeing(case: &Case, divergence: &Divergence) -> Vec<Identity> {
    let holds = |build: &Identity| {
        let guard = case
            .transcript
            .steps()
            .find(|(line, _)| *line == divergence.line);
        let guard = guard.and_then(|(_, step)| step.guard.as_ref());
        case.applies_to(build) && guard.is_none_or(|guard| guard.holds(build))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_by_its_nature_is_cut_at_a_dozen_places_spread_evenly() {
        let singles = |elapsed: Duration| {
            let mut judgement = Judgement::default();
            let ways = ways(&[101], Cuts::All, elapsed, &mut judgement);
            let places: Vec<usize> = ways
                .iter()
                .filter_map(|cut| {
                    if let Cut::At(place) = cut {
                        Some(*place)
                    } else {
                        None
                    }
                })
                .collect();
            (places, judgement.waits)
        };
        let (all, waits) = singles(Duration::ZERO);
        assert_eq!((all.len(), waits), (100, false));
        let (some, waits) = singles(2 * WAITING);
        assert_eq!((some.len(), waits), (WAITING_CUTS, true));
        assert!(
            some.windows(2).all(|pair| pair[1] - pair[0] <= 9),
            "{some:?}"
        );
    }
}
