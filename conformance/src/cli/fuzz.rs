//! `respect fuzz`: finds the two servers, lets the search run, prints what it found and keeps it as a transcript.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use respect_conformance::control::{Barrier, Control};
use respect_conformance::generate::audit::{Check, ONLY_SO, TABLE};
use respect_conformance::generate::grammar::{Command, Table, Unreadable};
use respect_conformance::generate::play::{Answer, Played, let_expire};
use respect_conformance::generate::search::{
    Finding, Outcome, Pair, Plan, REPLAYS, Shortest, Side, search,
};
use respect_conformance::generate::verdict::Place;
use respect_conformance::generate::vocabulary::Vocabulary;
use respect_conformance::generate::{self, Stream, connection_name};
use respect_conformance::oracle::{self, Build};
use respect_conformance::report::model::{self, Conclusion, Tolerance};
use respect_conformance::report::sections::{StreamFinding, Streams};
use respect_conformance::server::{Origin, Server};
use respect_conformance::transcript::Identity;
use respect_conformance::transcript::escape::escaped;
use respect_conformance::wire::Kind;
use respect_conformance::workspace;

use super::fixtures::keep;
use super::target::TargetArguments;
use super::{Exit, Stop};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    /// The build that is right, and whose COMMAND DOCS say what is played
    #[arg(long, value_name = "NAME-VERSION", default_value = "redis-8.2.3")]
    oracle: String,
    /// Play at least this many commands
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    commands: usize,
    /// Play the streams of this seed again [default: others every time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Play only these commands, and those of @categories and @groups
    #[arg(long, value_name = "COMMAND,@CATEGORY,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Play none of these: those whose difference is known
    #[arg(long, value_name = "COMMAND,@CATEGORY,…", value_delimiter = ',')]
    without: Vec<String>,
    /// Play also what the target says that it does not have
    #[arg(long)]
    all: bool,
    /// Go on until this many different differences are found
    #[arg(long, value_name = "N", default_value_t = 1)]
    keep_going: usize,
    /// How to know that a fragment was read: `ping`, or `timed:5ms` for servers with several threads
    #[arg(long, default_value = "ping", value_parser = super::run::parse_barrier)]
    barrier: Barrier,
    /// Print what differs, but keep no transcript of it
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    let build = super::oracle::named(&arguments.oracle)?;
    let hunt = Hunt {
        target: arguments.target.origin()?,
        build,
        commands: arguments.commands,
        seed: arguments.seed.unwrap_or_else(any_seed),
        only: &arguments.only,
        without: &arguments.without,
        all: arguments.all,
        findings_max: arguments.keep_going,
        barrier: arguments.barrier,
        keep_in: (!arguments.dry_run).then(workspace::fixtures),
    };
    let (conclusion, _) = hunt.run(&mut |_, _| {})?;
    Ok(conclusion.into())
}

/// What `respect fuzz`, and `respect run --full`, play.
pub(crate) struct Hunt<'a> {
    pub(crate) target: Origin,
    pub(crate) build: &'static Build,
    pub(crate) commands: usize,
    pub(crate) seed: u64,
    pub(crate) only: &'a [String],
    pub(crate) without: &'a [String],
    pub(crate) all: bool,
    pub(crate) findings_max: usize,
    pub(crate) barrier: Barrier,
    /// The folder of transcripts for what is found; nothing is kept without one.
    pub(crate) keep_in: Option<PathBuf>,
}

impl Hunt<'_> {
    /// Plays, prints what was found, and tells `heard` of every stream that was answered alike and what the oracle answered.
    pub(crate) fn run(
        &self,
        heard: &mut dyn FnMut(&Stream, &Played),
    ) -> Result<(Conclusion, Streams), Stop> {
        let seed = self.seed;
        let oracle_name: Identity = self.build.id().parse().map_err(Stop::usage)?;
        let oracle = super::target::installed(self.build)?;
        let (mut target_server, mut target) = join(&self.target, self.barrier)?;
        let (_oracle_server, mut oracle) = join(&oracle, Barrier::Ping)?;
        let (vocabulary, lacking) = self.vocabulary(&oracle_name, &mut oracle, &mut target)?;
        say!(
            "seed {seed}: {} commands of {oracle_name}'s table",
            vocabulary.names().len()
        );
        let plan = Plan {
            seed,
            commands: self.commands,
            findings_max: self.findings_max.max(1),
            vocabulary,
        };
        let bar = progress(self.commands as u64);
        let begun = Instant::now();
        let mut revive = || {
            target_server.restart().ok()?;
            Control::connect(target_server.address(), self.barrier).ok()
        };
        let mut pair = Pair {
            target: &mut target,
            oracle: &mut oracle,
            revive: &mut revive,
            heard,
        };
        let outcome = search(&mut pair, &plan, &mut |played| {
            bar.set_position(played as u64);
        });
        bar.finish_and_clear();
        let seconds = begun.elapsed().as_secs_f64();
        // A target that was not started here goes on living; one that is lost has said so already.
        let_expire(&mut target).ok();
        let mut conclusion = if outcome.commands == 0 {
            Conclusion::Nothing
        } else {
            Conclusion::Ok
        };
        let mut findings = Vec::new();
        for finding in &outcome.findings {
            let (part, found) = self.tell(finding, &oracle_name)?;
            conclusion = conclusion.and(part);
            findings.push(found);
        }
        tell_tolerances(&outcome);
        tell_holes(&lacking, &outcome);
        let found = match outcome.findings.len() {
            0 => "are answered alike".to_owned(),
            1 => "show one difference".to_owned(),
            some => format!("show {some} differences"),
        };
        say!(
            "{} commands in {} streams {found}; seed {seed}, {seconds:.1} s, {:.0} commands a second",
            outcome.commands,
            outcome.streams,
            outcome.commands as f64 / seconds
        );
        let used = outcome.tolerances.used.iter();
        let section = Streams {
            oracle: oracle_name.to_string(),
            commands: outcome.commands,
            streams: outcome.streams,
            duration_ms: seconds * 1000.0,
            findings,
            tolerances: used
                .map(|(command, (count, row))| Tolerance {
                    what: format!("{command}: {:?}; {}", row.check, row.reason),
                    count: *count as usize,
                })
                .collect(),
            lacking,
            left_out: outcome.left_out.into_iter().collect(),
        };
        Ok((conclusion, section))
    }

    /// What is played: what the oracle documents, the target has, and the user wants; and the names of what the target lacks.
    fn vocabulary(
        &self,
        oracle_name: &Identity,
        oracle: &mut Control,
        target: &mut Control,
    ) -> Result<(Vocabulary, Vec<String>), Stop> {
        let table = table(oracle_name, oracle)?;
        let mut vocabulary = Vocabulary::of(&table);
        let mut lacking = Vec::new();
        match Table::ask_names(target) {
            Ok(has) => {
                let lacks = |command: &Command| has.command(&command.name).is_none();
                lacking.extend(
                    table
                        .commands()
                        .filter(|command| lacks(command))
                        .map(|command| command.name.clone()),
                );
                if !self.all {
                    vocabulary.retain(|command| !lacks(command));
                    vocabulary.set_up_with(&has);
                }
            }
            Err(Unreadable::Refused(..)) => {
                say!(
                    "the target cannot say which commands it has: every one it lacks is a difference"
                );
            }
            Err(Unreadable::Trouble(trouble)) => {
                return Err(Stop(Exit::Target, format!("the target: {trouble}")));
            }
        }
        let expires = target
            .command(&[b"DEBUG", b"SET-ACTIVE-EXPIRE", b"0"])
            .is_ok_and(|reply| reply.kind() == Kind::Error);
        if expires {
            say!(
                "the target has no DEBUG SET-ACTIVE-EXPIRE: what counts keys may differ by chance"
            );
        }
        let (only, without) = (
            selection(self.only, &table)?,
            selection(self.without, &table)?,
        );
        vocabulary.retain(|command| {
            let named = |names: &[String]| names.iter().any(|name| is_named(command, name));
            (only.is_empty() || named(&only)) && !named(&without)
        });
        if vocabulary.is_empty() {
            return Err(Stop(
                Exit::Nothing,
                "no command is left to be played".to_owned(),
            ));
        }
        Ok((vocabulary, lacking))
    }

    fn tell(
        &self,
        finding: &Finding,
        oracle: &Identity,
    ) -> Result<(Conclusion, StreamFinding), Stop> {
        match finding {
            Finding::Difference(shortest) => {
                let origin = generate::Origin {
                    oracle: oracle.clone(),
                    seed: self.seed,
                    command: shortest.command(),
                };
                let found = tell_difference(shortest, &origin);
                if let Some(folder) = &self.keep_in {
                    let path = keep(folder, &found.transcript)?;
                    say!(
                        "\nkept as {}; without its @since line `respect record` asks other builds, too",
                        path.display()
                    );
                }
                Ok((Conclusion::Diverged, found))
            }
            Finding::Trouble {
                side,
                trouble,
                stream,
                commands_before,
            } => {
                say!(
                    "LOST     shortened from {commands_before} commands to {}\n",
                    stream.len()
                );
                let (who, conclusion) = match side {
                    Side::Target => ("the target", Conclusion::Lost),
                    Side::Oracle => ("the oracle", Conclusion::Oracles),
                };
                let transcript = unanswered(stream, oracle, self.seed);
                say!("{transcript}");
                let fault = format!("{who}, while it was played this: {trouble}");
                eprintln!("respect: {fault}");
                let found = StreamFinding {
                    command: "stream".to_owned(),
                    outcome: model::Outcome::Died,
                    fault,
                    expected: String::new(),
                    actual: String::new(),
                    transcript,
                };
                Ok((conclusion, found))
            }
        }
    }
}

/// What the oracle says of its commands. One that has no COMMAND DOCS is believed what it has, and another build how that is
/// called: what one does not know of it is answered with an error by both sides.
pub(super) fn table(name: &Identity, control: &mut Control) -> Result<Table, Stop> {
    let lost = |why: Unreadable| Stop(Exit::Oracles, format!("{name}: {why}"));
    let refused = match Table::ask(control) {
        Err(why @ Unreadable::Refused(..)) => why,
        asked => return asked.map_err(lost),
    };
    let has = Table::ask_names(control).map_err(lost)?;
    let build = oracle::present(&workspace::oracles())
        .into_iter()
        .find(|build| build.id() == DOCUMENTED_BY)
        .ok_or_else(|| {
            let why = format!("{name}: {refused}; `respect oracle install {DOCUMENTED_BY}` brings a build that has one");
            Stop(Exit::Oracles, why)
        })?;
    let (_server, mut documented) = join(&super::target::installed(build)?, Barrier::Ping)?;
    let mut table = Table::ask(&mut documented).map_err(lost)?;
    table.retain(|command| has.command(&command.name).is_some());
    say!("{name} has no COMMAND DOCS; its commands are called as {DOCUMENTED_BY} documents them");
    Ok(table)
}

/// The build that tells how to call the commands of one that has no COMMAND DOCS.
const DOCUMENTED_BY: &str = "redis-8.2.3";

/// Names and categories as they are compared. A name that nothing has is a slip.
fn selection(names: &[String], table: &Table) -> Result<Vec<String>, Stop> {
    let names: Vec<String> = names
        .iter()
        .map(|name| name.to_ascii_uppercase().replace(' ', "|"))
        .collect();
    match names
        .iter()
        .find(|name| !table.commands().any(|command| is_named(command, name)))
    {
        Some(unknown) => Err(Stop::usage(format!(
            "the oracle has no command and no category `{unknown}`; categories are such as @hash, @blocking, @sorted-set"
        ))),
        None => Ok(names),
    }
}

/// Whether this name in capitals means the command: its own, its container's, or a category's or group's behind an at sign.
fn is_named(command: &Command, name: &str) -> bool {
    let category = |category: &String| category.eq_ignore_ascii_case(name);
    match name.strip_prefix('@') {
        Some(group) => {
            command.group.eq_ignore_ascii_case(group) || command.categories.iter().any(category)
        }
        None => command.name == name || command.name.split('|').next() == Some(name),
    }
}

/// How often something less than equality had to do: every tolerance is told.
fn tell_tolerances(outcome: &Outcome) {
    if outcome.tolerances.used.is_empty() {
        return;
    }
    say!("\nreplies that need not be equal, and were not:");
    for (command, (count, row)) in &outcome.tolerances.used {
        say!("{count:>8}  {command}: {:?}; {}", row.check, row.reason);
    }
}

/// What was not played, by name.
fn tell_holes(lacking: &[String], outcome: &Outcome) {
    let never: Vec<&str> = TABLE
        .iter()
        .filter(|row| row.check == Check::Never)
        .flat_map(|row| row.commands.iter().copied())
        .collect();
    say!("\nplayed only so that there is one right answer:");
    for (commands, how) in ONLY_SO {
        say!("  {commands}: {how}");
    }
    say!("never played: {}", never.join(" "));
    if !lacking.is_empty() {
        say!("the target lacks {}: {}", lacking.len(), lacking.join(" "));
    }
    if !outcome.left_out.is_empty() {
        let left_out: Vec<&str> = outcome.left_out.iter().map(String::as_str).collect();
        say!(
            "played no more, after their differences were found again and again: {}",
            left_out.join(" ")
        );
    }
}

/// The server runs as long as the first of the two lives.
pub(super) fn join(origin: &Origin, barrier: Barrier) -> Result<(Server, Control), Stop> {
    let server = Server::start(origin).map_err(|error| Stop(Exit::Target, error.to_string()))?;
    let control = Control::connect(server.address(), barrier)
        .map_err(|error| Stop(Exit::Target, error.to_string()))?;
    Ok((server, control))
}

fn tell_difference(shortest: &Shortest, origin: &generate::Origin) -> StreamFinding {
    let difference = &shortest.difference;
    let transcript = shortest
        .stream
        .transcript(&shortest.oracle, Some(difference), origin);
    let repeated = match shortest.repeated {
        REPLAYS => String::new(),
        0 => format!("; did not repeat in {REPLAYS} replays"),
        some => format!("; repeated in {some} of {REPLAYS} replays"),
    };
    say!(
        "DIFFERS  {}: {}, after {} commands; shortened from {} commands to {}{repeated}\n",
        origin.command,
        difference.fault,
        shortest.commands_played,
        shortest.commands_before,
        shortest.stream.len()
    );
    say!("{transcript}");
    let at = match &difference.place {
        Place::Reply { connection, .. } => format!("on {}", connection_name(*connection)),
        Place::State(_) => "in what is stored".to_owned(),
    };
    let expected = shown(&difference.expected, difference.offset);
    let actual = shown(&difference.actual, difference.offset);
    say!(
        "  {at}, byte {} of the first reply that differs",
        difference.offset
    );
    say!("  expected  {expected}");
    say!("  actual    {actual}");
    StreamFinding {
        command: origin.command.clone(),
        outcome: model::Outcome::Diverged,
        fault: format!("{} {at}{repeated}", difference.fault),
        expected,
        actual,
        transcript: transcript.to_string(),
    }
}

/// An answer on one line: of a long one what is around the byte that differs.
fn shown(answer: &Answer, differs: usize) -> String {
    const SHOWN: usize = 200;
    let start = if differs > SHOWN / 2 {
        differs - SHOWN / 4
    } else {
        0
    };
    let start = start.min(answer.bytes.len());
    let end = answer.bytes.len().min(start + SHOWN);
    let before = if start > 0 { "…" } else { "" };
    let after = if end < answer.bytes.len() { "…" } else { "" };
    let closed = answer
        .ended
        .map_or(String::new(), |ended| format!(" {ended}"));
    if answer.bytes.is_empty() && closed.is_empty() {
        return "nothing".to_owned();
    }
    format!(
        "{before}{}{after}{closed}",
        escaped(&answer.bytes[start..end])
    )
}

/// What was sent, with no answers.
fn unanswered(stream: &Stream, oracle: &Identity, seed: u64) -> String {
    let silence = Played {
        groups: vec![Default::default(); stream.groups().len()],
        state: None,
    };
    let origin = generate::Origin {
        oracle: oracle.clone(),
        seed,
        command: "stream".to_owned(),
    };
    stream.transcript(&silence, None, &origin).to_string()
}

pub(super) fn any_seed() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    // Six digits can be read out to somebody.
    u64::from(now.subsec_nanos()) % 1_000_000
}

fn progress(length: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} commands {elapsed}")
        .expect("the template is constant and valid");
    ProgressBar::new(length).with_style(style)
}
