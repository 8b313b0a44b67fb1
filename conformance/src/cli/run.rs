//! `respect run`: finds the transcripts and the servers, lets the suite judge, and shows the report.

use std::env;
use std::io::IsTerminal;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use respect_conformance::case::{Case, Shard};
use respect_conformance::control::Barrier;
use respect_conformance::coverage::{streams, transcripts};
use respect_conformance::known::Known;
use respect_conformance::laws::Law;
use respect_conformance::oracle::{self, Build};
use respect_conformance::report::{self, Ledger, Place, Report};
use respect_conformance::server::{Origin, Server, identity};
use respect_conformance::suite::{self, CaseReport, Cuts, Plan};
use respect_conformance::transcript::Identity;
use respect_conformance::workspace;

use super::fixtures::{self, Selection};
use super::fuzz::Hunt;
use super::report::{Outputs, Wanted};
use super::state::State;
use super::target::{OURS_ANSWERS_AS, TargetArguments};
use super::{Exit, Stop};
use super::{coverage, laws, slow};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    target: TargetArguments,
    /// Whom to hold it against: `recorded`, a build such as redis-8.2.3, or HOST:PORT; may be repeated. A live oracle is
    /// held against its own recording as well
    #[arg(long = "oracle", value_name = "ORACLE", default_value = "recorded")]
    oracles: Vec<String>,
    /// Where to divide what is sent
    #[arg(long, value_enum, default_value_t = CutsArgument::All)]
    cuts: CutsArgument,
    /// Judge on this many instances of the server at once, and unless it is 1 on up to as many more for transcripts that sleep
    /// [default: twice the number of cores, as much of it is waiting]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// Stop at the first transcript that fails
    #[arg(long)]
    fail_fast: bool,
    /// Whose recorded answers to expect, such as redis-7.0.15 [default: of the server it says it is]
    #[arg(long = "as", value_name = "NAME-VERSION")]
    judged_as: Option<Identity>,
    /// How to know that a fragment was read: `ping`, or `timed:5ms` for servers with several threads
    #[arg(long, default_value = "ping", value_parser = parse_barrier)]
    barrier: Barrier,
    /// The accepted differences [default: for our own server known.toml among the transcripts, for others none]
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// Write a report: html, json, junit, tap, markdown or github, with =PATH behind it, or to stdout; may be repeated. `github`
    /// prints annotations, and adds a summary to $GITHUB_STEP_SUMMARY
    #[arg(long = "report", value_name = "KIND[=PATH]")]
    reports: Vec<Wanted>,
    /// Judge only this share of the transcripts, such as 2/5; which one a transcript is in depends on its id alone
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Judge only what failed when it was judged last
    #[arg(long)]
    rerun_failed: bool,
    /// Where to remember what failed [default: target/respect/failed for the checkout's own transcripts]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Look at the laws that need no oracle as well, as `respect laws` does
    #[arg(long)]
    laws: bool,
    /// Judge by everything there is: the laws, generated commands that are played to a real server beside it, slow clients, and
    /// what of the command table all that exercises; needs the build whose answers are expected to be installed
    #[arg(long)]
    full: bool,
    /// With --full: generate at least this many commands
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    commands: usize,
    /// With --laws and --full: the seed of what is generated [default: another one every time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Judge nothing; list what would be judged
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum CutsArgument {
    /// Byte by byte, around every CRLF, and at every single position
    All,
    /// Nowhere
    None,
    /// Byte by byte only
    Bytes,
}

impl From<CutsArgument> for Cuts {
    fn from(argument: CutsArgument) -> Cuts {
        match argument {
            CutsArgument::All => Cuts::All,
            CutsArgument::None => Cuts::None,
            CutsArgument::Bytes => Cuts::Bytes,
        }
    }
}

pub(super) fn parse_barrier(text: &str) -> Result<Barrier, String> {
    if text == "ping" {
        return Ok(Barrier::Ping);
    }
    let milliseconds = text
        .strip_prefix("timed:")
        .and_then(|text| text.strip_suffix("ms")?.parse().ok());
    let milliseconds = milliseconds.ok_or_else(|| "expected `ping` or `timed:5ms`".to_owned())?;
    Ok(Barrier::Timed(Duration::from_millis(milliseconds)))
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    let own_transcripts = arguments.selection.fixtures.is_none();
    let state = State::at(arguments.state.as_deref(), own_transcripts);
    let cases = cases(arguments, &state)?;
    if arguments.list {
        cases.iter().for_each(fixtures::print);
        return Ok(Exit::Ok);
    }
    let known = known(arguments)?;
    let outputs = Outputs::open(&arguments.reports)?;
    let oracles = live_oracles(arguments)?;
    let target = arguments.target.origin()?;
    let judged_as = judged_as(arguments, &target)?;
    let build = arguments.full.then(|| beside(&judged_as)).transpose()?;
    let plan = Plan {
        target,
        judged_as: Some(judged_as.clone()),
        oracles,
        cuts: arguments.cuts.into(),
        barrier: arguments.barrier,
        jobs: arguments.jobs.map_or_else(instances, NonZero::get),
    };
    let oracle_names: Vec<Identity> = plan
        .oracles
        .iter()
        .map(oracle_identity)
        .collect::<Result<_, _>>()?;

    let bar = progress(cases.len() as u64);
    let all = cases;
    let cases: Vec<&Case> = all.iter().collect();
    let place = place(arguments, &plan.target);
    let mut ledger = Ledger::new(&plan, (&judged_as, &oracle_names), &known, place, &cases);
    let mut listener = |case: &Case, judged: &CaseReport| {
        let entry = ledger.add(case, judged);
        let mut text = entry.result.terminal.clone();
        for (result, name) in entry.oracles.iter().zip(&oracle_names) {
            if !result.terminal.is_empty() {
                text.push_str(&format!(
                    "ORACLE {name} does not answer as it is recorded:\n{}",
                    result.terminal
                ));
            }
        }
        if !text.is_empty() {
            bar.suspend(|| say!("{}", report::coloured(&text)));
        }
        bar.set_message(case.id().to_owned());
        bar.inc(1);
        if arguments.fail_fast && entry.fails() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let outcome = suite::run(&plan, &cases, &mut listener);
    bar.finish_and_clear();
    let mut report = ledger.finish(outcome.err().map(|error| error.0));
    report.command = env::args().collect();
    report.shard = arguments.shard.map(|shard| shard.to_string());
    say!("{}", report::closing(&report));
    if plan.oracles.is_empty() {
        say!("{}", live_oracles_hint());
    }
    state.enter(&report)?;
    if report.trouble.is_none() {
        let begun = Instant::now();
        // What was judged is in the report, whatever becomes of the rest.
        if let Err(Stop(exit, why)) =
            further(arguments, &plan, &judged_as, build, &all, &mut report)
        {
            report.trouble = Some(why);
            report.conclude(exit.into());
        }
        report.duration_ms += begun.elapsed().as_secs_f64() * 1000.0;
    }
    if arguments.laws || arguments.full {
        say!("\n{}", report::sum(&report));
    }
    outputs.write(&report)?;
    if let Some(trouble) = &report.trouble {
        return Err(Stop(report.conclusion.into(), trouble.clone()));
    }
    Ok(report.conclusion.into())
}

/// Judges by what is no transcript, as far as that was asked for, and adds what came of it to the report.
fn further(
    arguments: &Arguments,
    plan: &Plan,
    judged_as: &Identity,
    build: Option<&'static Build>,
    cases: &[Case],
    report: &mut Report,
) -> Result<(), Stop> {
    if !arguments.laws && !arguments.full {
        return Ok(());
    }
    let seed = arguments.seed.unwrap_or_else(super::fuzz::any_seed);
    report.seed = Some(seed);
    say!("\nLAWS");
    let looked = laws::look(&laws::Look {
        identity: judged_as.clone(),
        target: plan.target.clone(),
        selection: &arguments.selection,
        laws: Law::all(),
        streams: laws::STREAMS,
        seed,
        jobs: arguments.jobs,
        barrier: arguments.barrier,
    })?;
    report.laws = looked.results;
    report.conclude(looked.conclusion);
    let Some(build) = build else { return Ok(()) };
    say!("\nSTREAMS");
    let mut exercised = coverage::of_table(build, judged_as)?;
    let hunt = Hunt {
        target: plan.target.clone(),
        build,
        commands: arguments.commands,
        seed,
        only: &[],
        without: &[],
        all: false,
        findings_max: FINDINGS,
        barrier: arguments.barrier,
        keep_in: None,
    };
    let (conclusion, streams) =
        hunt.run(&mut |stream, played| streams::add(&mut exercised, stream, played))?;
    report.streams = Some(streams);
    report.conclude(conclusion);
    say!("\nSLOW CLIENTS");
    let (conclusion, figures) = slow::judge(&slow::all(), &plan.target, &[]);
    report.slow_clients = Some(figures);
    report.conclude(conclusion);
    for case in cases {
        transcripts::add(&mut exercised, case, judged_as);
    }
    report.coverage = Some(coverage::section(&exercised, &build.id()));
    Ok(())
}

/// So many different differences are looked for by generated commands.
const FINDINGS: usize = 5;

/// How many instances of a server are judged at once: two a core, since half of the time something is waited for.
fn instances() -> usize {
    thread::available_parallelism().map_or(1, |cores| 2 * cores.get())
}

/// The build beside which a server is judged by generated commands: the one whose answers are expected of it.
fn beside(judged_as: &Identity) -> Result<&'static Build, Stop> {
    let build = oracle::find(&judged_as.to_string()).ok_or_else(|| {
        Stop::usage(format!(
            "--full needs a real {judged_as} to play generated commands to, and there are only {}; choose one with --as",
            oracle::ids()
        ))
    })?;
    // A run of a minute must not end with this.
    super::target::installed(build)?;
    Ok(build)
}

/// What is to be judged.
fn cases(arguments: &Arguments, state: &State) -> Result<Vec<Case>, Stop> {
    let mut cases = arguments.selection.cases()?;
    if arguments.rerun_failed {
        let failed = state.failed()?;
        cases.retain(|case| failed.contains(case.id()));
        if cases.is_empty() {
            return Err(Stop(
                Exit::Nothing,
                "of what is selected nothing failed when it was judged last".to_owned(),
            ));
        }
    }
    if let Some(shard) = arguments.shard {
        cases.retain(|case| shard.has(case.id()));
        if cases.is_empty() {
            let why = format!("no selected transcript is in the share {shard}");
            return Err(Stop(Exit::Nothing, why));
        }
    }
    Ok(cases)
}

/// Where a person finds the transcripts again, and how they judge the same server again.
fn place(arguments: &Arguments, target: &Origin) -> Place {
    let folder = arguments.selection.folder();
    let here = env::current_dir().unwrap_or_default();
    let mut command = "respect run".to_owned();
    let mut add = |flag: &str, value: &str| {
        command.push_str(&format!(" {flag} {}", shell_word(value)));
    };
    if let Some(folder) = &arguments.selection.fixtures {
        add("--fixtures", &folder.display().to_string());
    }
    if let Some(target) = arguments.target.named() {
        add("--target", target);
    }
    if let Some(identity) = &arguments.judged_as {
        add("--as", &identity.to_string());
    }
    if let Barrier::Timed(time) = arguments.barrier {
        add("--barrier", &format!("timed:{}ms", time.as_millis()));
    }
    Place {
        folder: folder
            .strip_prefix(&here)
            .map_or_else(|_| folder.clone(), Path::to_path_buf),
        command,
        address: match target {
            Origin::Address(address) => Some(*address),
            _ => None,
        },
    }
}

/// A word as a shell reads it.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The differences that are accepted. Those kept with the transcripts are our own server's; another one's are its owner's to
/// write down.
fn known(arguments: &Arguments) -> Result<Known, Stop> {
    let beside = arguments.selection.folder().join("known.toml");
    let file = match &arguments.known {
        Some(file) => file.clone(),
        None if arguments.target.is_ours() && beside.exists() => beside,
        None => return Ok(Known::default()),
    };
    Known::load_for(&file, &arguments.selection.folder()).map_err(Stop::usage)
}

fn live_oracles(arguments: &Arguments) -> Result<Vec<Origin>, Stop> {
    let live = arguments.oracles.iter().filter(|name| *name != "recorded");
    live.map(|name| arguments.target.oracle(name)).collect()
}

fn live_oracles_hint() -> String {
    let held = "held against the recorded answers of real servers";
    match oracle::present(&workspace::oracles()).first() {
        Some(build) => format!(
            "{held}; `--oracle {}` asks the real one as well",
            build.id()
        ),
        None => format!(
            "{held}; no live one is installed: `cargo respect oracle install --all` brings them"
        ),
    }
}

fn judged_as(arguments: &Arguments, target: &Origin) -> Result<Identity, Stop> {
    match (&arguments.judged_as, target) {
        (Some(identity), _) => Ok(identity.clone()),
        (None, Origin::Program(_)) => Ok(OURS_ANSWERS_AS.parse().expect("a constant of that form")),
        (None, origin) => oracle_identity(origin),
    }
}

/// Who a server says it is: of a build it is known, others are asked.
fn oracle_identity(origin: &Origin) -> Result<Identity, Stop> {
    if let Origin::Oracle { build, .. } = origin {
        return build.id().parse().map_err(Stop::usage);
    }
    let server = Server::start(origin).map_err(|error| Stop(Exit::Target, error.to_string()))?;
    identity(server.address()).map_err(|why| Stop(Exit::Target, why))
}

pub(super) fn progress(length: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} {elapsed} {msg}")
        .expect("the template is constant and valid");
    ProgressBar::new(length).with_style(style)
}
