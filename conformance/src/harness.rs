//! The judge inside another project's `cargo test`: every transcript is a test with its id as its name. Judges nothing itself;
//! it hands transcripts to seats and tells the test runner what came of them.
//!
//! In the project whose server is judged, `tests/respect.rs`:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use respect_conformance::harness::Harness;
//!
//! fn main() -> ExitCode {
//!     Harness::new("target/debug/my-server --port {port} --dir {dir}")
//!         .fixtures("respect/fixtures")
//!         .judged_as("redis-8.2.3")
//!         .select("strings/*")
//!         .known("tests/known.toml")
//!         .main()
//! }
//! ```
//!
//! and in its `Cargo.toml`, because this has a `main` of its own:
//!
//! ```toml
//! [[test]]
//! name = "respect"
//! harness = false
//! ```
//!
//! Then `cargo test --test respect`, `cargo test --test respect -- inl/` and `-- --list` do what they do everywhere. Whoever
//! wants one test, or the whole report as a value, calls [`Harness::judge`].

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::case::Case;
use crate::control::Barrier;
use crate::known::Known;
use crate::report::model::{Conclusion, Outcome};
use crate::report::{Ledger, Place, Report};
use crate::seat::Seat;
use crate::server::{Origin, keys};
use crate::suite::{self, CaseReport, Cuts, Plan};
use crate::transcript::files::read_folder;
use crate::transcript::{Identity, Level};
use crate::workspace;

/// Who is judged, by which transcripts, and how.
#[derive(Debug, Clone)]
#[must_use = "nothing is judged until `main` or `judge` is called"]
pub struct Harness {
    target: String,
    judged_as: Option<String>,
    fixtures: Option<PathBuf>,
    known: Option<PathBuf>,
    ids: Vec<String>,
    tags: Vec<String>,
    levels: Vec<Level>,
    cuts: Cuts,
    barrier: Barrier,
    flush: bool,
    fail_fast: bool,
}

/// Why nothing can be judged. Its `Display` is one line for a person.
#[derive(Debug)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl Harness {
    /// A server, as `respect run --target` takes it: `HOST:PORT` of one that runs already, or a shell command with `{port}`
    /// in it, and `{dir}` where the server wants a folder of its own. One that the judge starts is better: every test thread
    /// has its own, and a server that dies is started again.
    pub fn new(target: impl Into<String>) -> Harness {
        Harness {
            target: target.into(),
            judged_as: None,
            fixtures: None,
            known: None,
            ids: Vec::new(),
            tags: Vec::new(),
            levels: Vec::new(),
            cuts: Cuts::All,
            barrier: Barrier::Ping,
            flush: false,
            fail_fast: false,
        }
    }

    /// Whose recorded answers are expected, such as `redis-7.0.15`; without this those of the server it says it is.
    pub fn judged_as(mut self, build: impl Into<String>) -> Harness {
        self.judged_as = Some(build.into());
        self
    }

    /// The folder of transcripts; without this `$RESPECT_FIXTURES`, or that of the checkout around the current folder.
    pub fn fixtures(mut self, folder: impl Into<PathBuf>) -> Harness {
        self.fixtures = Some(folder.into());
        self
    }

    /// The file of accepted differences; without this none is accepted.
    pub fn known(mut self, file: impl Into<PathBuf>) -> Harness {
        self.known = Some(file.into());
        self
    }

    /// Only transcripts whose id fits: `*` stands for any characters, `inl/` for a whole section. May be called again.
    pub fn select(mut self, id: impl Into<String>) -> Harness {
        self.ids.push(id.into());
        self
    }

    /// Only transcripts with this tag, or another one that is asked for.
    pub fn tag(mut self, tag: impl Into<String>) -> Harness {
        self.tags.push(tag.into());
        self
    }

    /// Only transcripts of this level, or another one that is asked for.
    pub fn level(mut self, level: Level) -> Harness {
        self.levels.push(level);
        self
    }

    /// Where to divide what is sent; without this at every position.
    pub fn cuts(mut self, cuts: Cuts) -> Harness {
        self.cuts = cuts;
        self
    }

    /// How it is proved that a fragment was read; without this by a PING, which needs a server with one thread.
    pub fn barrier(mut self, barrier: Barrier) -> Harness {
        self.barrier = barrier;
        self
    }

    /// Judge a server at an address although it holds keys: they are deleted.
    pub fn flush(mut self) -> Harness {
        self.flush = true;
        self
    }

    /// [`judge`](Harness::judge) begins no further transcript after the first that fails.
    pub fn fail_fast(mut self) -> Harness {
        self.fail_fast = true;
        self
    }

    /// Runs the tests as the process's own arguments say, and prints what `cargo test` prints. The exit code is that of a
    /// failed test run when a transcript fails, and 2, 3 or 4, as of the `respect` program, when nothing can be judged.
    #[must_use]
    pub fn main(&self) -> ExitCode {
        let mut arguments = Arguments::from_args();
        match self.trials() {
            Ok((trials, threads)) => {
                arguments.test_threads = threads.or(arguments.test_threads);
                libtest_mimic::run(&arguments, trials).exit_code()
            }
            Err((conclusion, Error(why))) => {
                eprintln!("respect: {why}");
                ExitCode::from(conclusion.exit_code())
            }
        }
    }

    /// Judges all of it at once.
    ///
    /// # Errors
    /// When nothing can be judged. A server that differs, or dies meanwhile, is no error: the report says so.
    pub fn judge(&self) -> Result<Report, Error> {
        let Bench {
            plan,
            known,
            cases,
            place,
            identity,
        } = self.bench().map_err(|(_, error)| error)?;
        let cases: Vec<&Case> = cases.iter().collect();
        let mut ledger = Ledger::new(&plan, (&identity, &[]), &known, place, &cases);
        let outcome = suite::run(&plan, &cases, &mut |case, judged| {
            if ledger.add(case, judged).fails() && self.fail_fast {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        Ok(ledger.finish(outcome.err().map(|error| error.0)))
    }

    /// One test for each transcript, and on how many threads they must run if that is not for the user to say.
    fn trials(&self) -> Result<(Vec<Trial>, Option<usize>), (Conclusion, Error)> {
        let Bench {
            plan,
            known,
            cases,
            place,
            identity,
        } = self.bench()?;
        // A server that cannot be started has one set of keys, so one test at a time.
        let threads = (!plan.target.can_start()).then_some(1);
        let shared = Arc::new(Shared {
            plan,
            known,
            place,
            identity,
            idle: Mutex::new(Vec::new()),
        });
        let trial = |case: Case| {
            let shared = Arc::clone(&shared);
            let id = case.id().to_owned();
            Trial::ignorable_test(id, move || shared.test(&case))
        };
        Ok((cases.into_iter().map(trial).collect(), threads))
    }

    fn bench(&self) -> Result<Bench, (Conclusion, Error)> {
        let usage = |why: String| (Conclusion::Unplayable, Error(why));
        let lost = |why: String| (Conclusion::Lost, Error(why));
        let folder = self.folder();
        let cases = self.cases(&folder)?;
        let known = match &self.known {
            Some(file) => Known::load_for(file, &folder).map_err(usage)?,
            None => Known::default(),
        };
        let judged_as = self.judged_as.as_ref().map(|build| build.parse());
        let judged_as: Option<Identity> = judged_as
            .transpose()
            .map_err(|error| usage(format!("judged_as: {error}")))?;
        let target = Origin::parse(&self.target).map_err(usage)?;
        let address = match target {
            Origin::Address(address) => Some(address),
            _ => None,
        };
        if let Some(address) = address
            && !self.flush
        {
            let keys = keys(address).map_err(lost)?;
            if keys > 0 {
                return Err(usage(format!(
                    "{address} holds {keys} keys, and judging it deletes them; call flush() if that is meant"
                )));
            }
        }
        // Its first start also tells who it is; and a server that does not start is one line and not a thousand.
        let seat = Seat::open(&target, judged_as.as_ref(), self.barrier);
        let identity = seat.map_err(|error| lost(error.0))?.identity().clone();
        let place = Place {
            command: format!(
                "respect run --fixtures '{}' --target '{}' --as {identity}",
                folder.display(),
                self.target
            ),
            folder,
            address,
        };
        let plan = Plan {
            target,
            judged_as: Some(identity.clone()),
            oracles: Vec::new(),
            cuts: self.cuts,
            barrier: self.barrier,
            jobs: thread::available_parallelism().map_or(1, Into::into),
        };
        Ok(Bench {
            plan,
            known,
            cases,
            place,
            identity,
        })
    }

    fn folder(&self) -> PathBuf {
        let named = || std::env::var_os("RESPECT_FIXTURES").map(PathBuf::from);
        let folder = self.fixtures.clone().or_else(named);
        folder.unwrap_or_else(workspace::fixtures)
    }

    /// The selected transcripts; none at all is an error, for a test that tests nothing must not pass.
    fn cases(&self, folder: &Path) -> Result<Vec<Case>, (Conclusion, Error)> {
        let files = read_folder(folder).map_err(|error| {
            let why = format!("no transcripts: {error}; name their folder with fixtures()");
            (Conclusion::Unplayable, Error(why))
        })?;
        let mut cases = Vec::new();
        for file in &files {
            let case = Case::parse(&file.path, &file.text).map_err(|findings| {
                let first = findings.first().map(ToString::to_string);
                let path = folder.join(&file.path);
                let why = format!("{}:{}", path.display(), first.unwrap_or_default());
                (Conclusion::Unplayable, Error(why))
            })?;
            let by_level = self.levels.is_empty() || self.levels.contains(&case.header.level);
            if by_level && case.is_selected(&self.ids, &self.tags) {
                cases.push(case);
            }
        }
        if cases.is_empty() {
            let why = format!("no transcript below {} is selected", folder.display());
            return Err((Conclusion::Nothing, Error(why)));
        }
        Ok(cases)
    }
}

/// Everything that is known before the first transcript is played.
struct Bench {
    plan: Plan,
    known: Known,
    cases: Vec<Case>,
    place: Place,
    identity: Identity,
}

/// What all tests share.
struct Shared {
    plan: Plan,
    known: Known,
    place: Place,
    identity: Identity,
    /// Servers that no test uses at the moment: no more of them than there are threads.
    idle: Mutex<Vec<Seat>>,
}

impl Shared {
    fn test(&self, case: &Case) -> Result<Completion, Failed> {
        let mut seat = match self.idle().pop() {
            Some(seat) => seat,
            None => Seat::open(&self.plan.target, Some(&self.identity), self.plan.barrier)
                .map_err(|error| Failed::from(error.0))?,
        };
        // A seat whose server is gone is not put back.
        let judgement = seat
            .judge(case, self.plan.cuts)
            .map_err(|error| Failed::from(error.0))?;
        self.idle().push(seat);
        let judged = CaseReport {
            target: judgement,
            oracles: Vec::new(),
        };
        let place = self.place.clone();
        let mut ledger = Ledger::new(
            &self.plan,
            (&self.identity, &[]),
            &self.known,
            place,
            &[case],
        );
        ledger.add(case, &judged);
        completion(&ledger.finish(None))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Seat>> {
        // Whoever panicked did so with a seat of its own.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a report of one case is to a test runner.
fn completion(report: &Report) -> Result<Completion, Failed> {
    let Some(case) = report.cases.first() else {
        return Err("the report has no case".into());
    };
    let result = &case.result;
    if result.outcome == Outcome::NotApplicable {
        let reason = result.reason.as_deref().unwrap_or_default();
        return Ok(Completion::ignored_with(reason));
    }
    if report.conclusion == Conclusion::Ok {
        return Ok(Completion::Completed);
    }
    let known = &report.target.known;
    let stale: BTreeSet<&str> = known.stale.iter().map(|known| known.id.as_str()).collect();
    let stale = stale
        .iter()
        .map(|id| format!("the known file's entry for {id} matches nothing any more\n"));
    let expired = known.expired.iter().map(|known| {
        format!(
            "the known file's entry for {} expired on {}\n",
            known.id,
            known.expires.as_deref().unwrap_or_default()
        )
    });
    let text: String = stale.chain(expired).collect();
    Err(Failed::from(format!("{}{text}", result.terminal)))
}
