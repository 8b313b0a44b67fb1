//! `respect laws`: finds the server and the dialogues, lets the laws be looked at, and prints what came of each.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use respect_conformance::control::Barrier;
use respect_conformance::laws::audit::{DEADLY, EXCEPTIONS, LEFT_OUT, WEAKER};
use respect_conformance::laws::{self, Dialogue, LAWS, Law, LawReport, LawSummary, LawsPlan};
use respect_conformance::report::model::Conclusion;
use respect_conformance::report::sections::LawResult;
use respect_conformance::server::{Origin, Server, identity};
use respect_conformance::transcript::Identity;

use super::fixtures::{Selection, keep};
use super::report::{Outputs, Wanted, without_cases};
use super::target::TargetArguments;
use super::{Exit, Stop};

/// Whose transcripts are taken when a server does not say who it is: the laws themselves ask nobody.
const SOMEBODY: &str = "redis-8.2.3";

/// Generated streams that are looked at if nothing else is said.
pub(crate) const STREAMS: usize = 100;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    target: TargetArguments,
    /// Only these laws, separated by commas [default: all]
    #[arg(long = "law", value_name = "L1,…", value_delimiter = ',')]
    laws: Vec<Law>,
    /// Look at this many generated streams as well
    #[arg(long, value_name = "N", default_value_t = STREAMS)]
    streams: usize,
    /// The seed of the streams and of the cuts [default: another one every time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// On this many instances of the server at once [default: the number of cores]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// Whose transcripts to take, such as redis-7.0.15 [default: of the server it says it is]
    #[arg(long = "as", value_name = "NAME-VERSION")]
    judged_as: Option<Identity>,
    /// How to know that a fragment was read: `ping`, or `timed:5ms` for servers with several threads
    #[arg(long, default_value = "ping", value_parser = super::run::parse_barrier)]
    barrier: Barrier,
    /// Write a report: html, json, junit, tap, markdown or github, with =PATH behind it, or to stdout; may be repeated
    #[arg(long = "report", value_name = "KIND[=PATH]")]
    reports: Vec<Wanted>,
    /// Print what breaks a law, but keep no transcript of it
    #[arg(long)]
    dry_run: bool,
    /// Print the laws with their sources, what is left out of them and what real servers break, and ask no server
    #[arg(long)]
    list: bool,
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    if arguments.list {
        list();
        return Ok(Exit::Ok);
    }
    let outputs = Outputs::open(&arguments.reports)?;
    let target = arguments.target.origin()?;
    let seed = arguments.seed.unwrap_or_else(super::fuzz::any_seed);
    let begun = Instant::now();
    let plan = Look {
        identity: who(&target, arguments.judged_as.as_ref())?,
        target,
        selection: &arguments.selection,
        laws: if arguments.laws.is_empty() {
            Law::all()
        } else {
            arguments.laws.clone()
        },
        streams: arguments.streams,
        seed,
        jobs: arguments.jobs,
        barrier: arguments.barrier,
    };
    let looked = look(&plan)?;
    if !arguments.dry_run {
        for result in &looked.results {
            if let Some(transcript) = &result.counterexample {
                let path = keep(&arguments.selection.folder(), transcript)?;
                say!("kept as {}", path.display());
            }
        }
    }
    let mut report = without_cases(&plan.target, &plan.identity, plan.barrier);
    report.jobs = plan.instances();
    report.duration_ms = begun.elapsed().as_secs_f64() * 1000.0;
    report.seed = Some(seed);
    report.laws = looked.results;
    report.conclude(looked.conclusion);
    outputs.write(&report)?;
    Ok(looked.conclusion.into())
}

/// What `respect laws`, and `respect run --laws`, look at.
pub(crate) struct Look<'a> {
    pub(crate) target: Origin,
    pub(crate) identity: Identity,
    pub(crate) selection: &'a Selection,
    pub(crate) laws: Vec<Law>,
    pub(crate) streams: usize,
    pub(crate) seed: u64,
    pub(crate) jobs: Option<NonZero<usize>>,
    pub(crate) barrier: Barrier,
}

impl Look<'_> {
    fn instances(&self) -> usize {
        let cores = || thread::available_parallelism().ok();
        self.jobs.or_else(cores).map_or(1, NonZero::get)
    }
}

/// What came of looking at the laws.
pub(crate) struct Looked {
    pub(crate) conclusion: Conclusion,
    pub(crate) results: Vec<LawResult>,
}

/// What is shown of a law's breaches, and the transcript of the first.
type Shown = BTreeMap<Law, (Vec<String>, String)>;

/// Looks at the laws and prints what came of them.
pub(crate) fn look(look: &Look<'_>) -> Result<Looked, Stop> {
    let (dialogues, without) = dialogues(look)?;
    let plan = LawsPlan {
        target: look.target.clone(),
        identity: Some(look.identity.clone()),
        laws: look.laws.clone(),
        seed: look.seed,
        barrier: look.barrier,
        jobs: look.instances(),
    };
    let begun = Instant::now();
    let bar = progress(dialogues.len() as u64);
    let mut deaths = Vec::new();
    let mut died = Vec::new();
    let mut shown = Shown::new();
    let mut told = 0;
    let summaries = laws::run(&plan, &dialogues, &mut |report: &LawReport| {
        for breach in report.breaches() {
            told += 1;
            // One of a kind is enough to act on; the others are named at the end.
            if told <= TOLD {
                bar.suspend(|| say!("{breach}"));
            }
            let (texts, _) = shown
                .entry(breach.law)
                .or_insert_with(|| (Vec::new(), breach.transcript.clone()));
            if texts.len() < TOLD_EACH {
                texts.push(breach.to_string());
            }
        }
        if let Some(death) = &report.died {
            let text = format!("DIED      {}\n  {death}\n", report.dialogue);
            bar.suspend(|| say!("{text}"));
            deaths.push(report.dialogue.clone());
            died.push(text);
        }
        bar.inc(1);
    });
    bar.finish_and_clear();
    let summaries = summaries.map_err(|error| Stop(Exit::Target, error.0))?;
    say!(
        "{} laws, {} dialogues, as {}, seed {} ({:.1} s)",
        plan.laws.len(),
        dialogues.len(),
        look.identity,
        look.seed,
        begun.elapsed().as_secs_f64()
    );
    for (law, summary) in &summaries {
        tell(*law, summary);
    }
    tell_what_is_left_out(&summaries);
    for (reason, count) in &without {
        say!("  {count} transcripts tell nothing of any law: {reason}");
    }
    if !deaths.is_empty() {
        say!("  the server did not survive {}", deaths.join(", "));
    }
    let mut results: Vec<LawResult> = summaries
        .iter()
        .map(|(law, summary)| match shown.get(law) {
            Some((texts, first)) => LawResult::of(*law, summary, texts, Some(first)),
            None => LawResult::of(*law, summary, &[], None),
        })
        .collect();
    if !died.is_empty() {
        results.push(LawResult::deaths(dialogues.len(), &died));
    }
    let conclusion = if summaries.values().any(|summary| !summary.broken.is_empty()) {
        Conclusion::Diverged
    } else if !deaths.is_empty() {
        Conclusion::Lost
    } else if summaries.values().all(|summary| summary.looked_at() == 0) {
        Conclusion::Nothing
    } else {
        Conclusion::Ok
    };
    Ok(Looked {
        conclusion,
        results,
    })
}

/// So many breaches are printed whole.
const TOLD: usize = 12;

/// So many of each law are in a report.
const TOLD_EACH: usize = 3;

/// How many transcripts tell nothing about any law, by reason.
type Without = BTreeMap<&'static str, usize>;

fn dialogues(look: &Look<'_>) -> Result<(Vec<Dialogue>, Without), Stop> {
    let mut without = Without::new();
    let mut dialogues = Vec::new();
    for case in look.selection.cases()? {
        match Dialogue::of_case(&case, &look.identity) {
            Ok(dialogue) => dialogues.push(dialogue),
            Err(reason) => *without.entry(reason).or_default() += 1,
        }
    }
    let selection = look.selection;
    if selection.ids.is_empty() && selection.tags.is_empty() && selection.levels.is_empty() {
        dialogues.extend(laws::probes());
        dialogues.extend(laws::generated(look.seed).take(look.streams));
    }
    Ok((dialogues, without))
}

fn tell(law: Law, summary: &LawSummary) {
    say!("  {law:<3} {summary}   {}", law.statement().text);
    for (reason, names) in &summary.excepted {
        say!(
            "        known of this server in {}: {reason} ({})",
            names.len(),
            few(names)
        );
    }
    if !summary.broken.is_empty() {
        say!("        broken in {}", few(&summary.broken));
    }
    if !summary.unsettled.is_empty() {
        say!(
            "        never answered twice the same: {}",
            few(&summary.unsettled)
        );
    }
}

/// Why dialogues tell nothing, each reason once with the laws of which it is so.
fn tell_what_is_left_out(summaries: &BTreeMap<Law, LawSummary>) {
    let mut reasons: BTreeMap<(&str, usize), Vec<String>> = BTreeMap::new();
    for (law, summary) in summaries {
        for (reason, count) in &summary.not_applicable {
            let laws = reasons.entry((reason, *count)).or_default();
            laws.push(law.to_string());
        }
    }
    for ((reason, count), laws) in reasons {
        let laws = if laws.len() == summaries.len() {
            "any law".to_owned()
        } else {
            laws.join(", ")
        };
        say!("  {count} dialogues tell nothing of {laws}: {reason}");
    }
}

fn few(names: &[String]) -> String {
    const FEW: usize = 8;
    let mut text = names
        .iter()
        .take(FEW)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > FEW {
        text.push_str(&format!(" and {} more", names.len() - FEW));
    }
    text
}

fn list() {
    for statement in &LAWS {
        say!(
            "{:<3} {}\n    source: {}\n    looked at with: {}\n    compared: {}",
            statement.law.to_string(),
            statement.text,
            statement.source,
            statement.applies,
            statement.compares
        );
    }
    say!("\nCompared less strictly:");
    for line in WEAKER {
        let check = format!("{:?}", line.check).to_lowercase();
        say!("  {check:<9} {}: {}", line.commands, line.reason);
    }
    say!("\nDialogues left out, and counted:");
    for line in LEFT_OUT {
        let laws: Vec<String> = line.laws.iter().map(Law::to_string).collect();
        let laws = if laws.is_empty() {
            "all".to_owned()
        } else {
            laws.join(",")
        };
        say!("  {laws:<9} {}: {}", line.commands, line.reason);
    }
    say!("\nDialogues left out for servers that die of them:");
    for (servers, command, reason) in DEADLY {
        say!("  {servers:<9} {command}: {reason}");
    }
    say!("\nBroken by real servers:");
    for exception in EXCEPTIONS {
        say!(
            "  {:<9} {} with {}: {}",
            exception.law.to_string(),
            exception.servers,
            exception.with,
            exception.reason
        );
    }
}

/// Who the server says it is; whoever does not say is taken for somebody.
pub(super) fn who(target: &Origin, judged_as: Option<&Identity>) -> Result<Identity, Stop> {
    if let Some(identity) = judged_as {
        return Ok(identity.clone());
    }
    if let Origin::Oracle { build, .. } = target {
        return build.id().parse().map_err(Stop::usage);
    }
    let somebody = || SOMEBODY.parse().map_err(Stop::usage);
    if let Origin::Program(_) = target {
        return somebody();
    }
    let server = Server::start(target).map_err(|error| Stop(Exit::Target, error.to_string()))?;
    identity(server.address()).or_else(|_| somebody())
}

fn progress(length: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} dialogues {elapsed}")
        .expect("the template is constant and valid");
    let bar = ProgressBar::new(length).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
