//! `respect fuzz`: finds the two servers, lets the search run, prints what it found and keeps it as a transcript.

use std::fs;
use std::io::IsTerminal;
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
use respect_conformance::server::{Origin, Server};
use respect_conformance::transcript::Identity;
use respect_conformance::transcript::escape::escaped;
use respect_conformance::wire::Kind;
use respect_conformance::workspace;

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
    let seed = arguments.seed.unwrap_or_else(any_seed);
    let build = super::oracle::named(&arguments.oracle)?;
    let oracle_name: Identity = build.id().parse().map_err(Stop::usage)?;
    let oracle =
        Origin::oracle(build, &workspace::oracles()).map_err(|why| Stop(Exit::Target, why))?;
    let target = arguments.target.origin()?;
    let (mut target_server, mut target) = join(&target, arguments.barrier)?;
    let (_oracle_server, mut oracle) = join(&oracle, Barrier::Ping)?;
    let (vocabulary, lacking) = vocabulary(arguments, &oracle_name, &mut oracle, &mut target)?;
    say!(
        "seed {seed}: {} commands of {oracle_name}'s table",
        vocabulary.names().len()
    );
    let plan = Plan {
        seed,
        commands: arguments.commands,
        findings_max: arguments.keep_going.max(1),
        vocabulary,
    };
    let bar = progress(arguments.commands as u64);
    let begun = Instant::now();
    let mut revive = || {
        target_server.restart().ok()?;
        Control::connect(target_server.address(), arguments.barrier).ok()
    };
    let mut pair = Pair {
        target: &mut target,
        oracle: &mut oracle,
        revive: &mut revive,
    };
    let outcome = search(&mut pair, &plan, &mut |played| {
        bar.set_position(played as u64);
    });
    bar.finish_and_clear();
    let seconds = begun.elapsed().as_secs_f64();
    // A target that was not started here goes on living; one that is lost has said so already.
    let_expire(&mut target).ok();
    let mut exit = Exit::Ok;
    for finding in &outcome.findings {
        exit = exit.max(tell(finding, &oracle_name, seed, arguments.dry_run)?);
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
    Ok(if outcome.commands == 0 {
        Exit::Nothing
    } else {
        exit
    })
}

/// What is played: what the oracle documents, the target has, and the user wants; and the names of what the target lacks.
fn vocabulary(
    arguments: &Arguments,
    oracle_name: &Identity,
    oracle: &mut Control,
    target: &mut Control,
) -> Result<(Vocabulary, Vec<String>), Stop> {
    let table = Table::ask(oracle).map_err(|why| {
        let advice = "; name an --oracle that has one, such as redis-8.2.3";
        let advice = if matches!(why, Unreadable::Refused(..)) {
            advice
        } else {
            ""
        };
        Stop(Exit::Oracles, format!("{oracle_name}: {why}{advice}"))
    })?;
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
            if !arguments.all {
                vocabulary.retain(|command| !lacks(command));
                vocabulary.set_up_with(&has);
            }
        }
        Err(Unreadable::Refused(..)) => {
            say!("the target cannot say which commands it has: every one it lacks is a difference");
        }
        Err(Unreadable::Trouble(trouble)) => {
            return Err(Stop(Exit::Target, format!("the target: {trouble}")));
        }
    }
    let expires = target
        .command(&[b"DEBUG", b"SET-ACTIVE-EXPIRE", b"0"])
        .is_ok_and(|reply| reply.kind() == Kind::Error);
    if expires {
        say!("the target has no DEBUG SET-ACTIVE-EXPIRE: what counts keys may differ by chance");
    }
    let (only, without) = (
        selection(&arguments.only, &table)?,
        selection(&arguments.without, &table)?,
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

fn tell(finding: &Finding, oracle: &Identity, seed: u64, dry_run: bool) -> Result<Exit, Stop> {
    match finding {
        Finding::Difference(shortest) => {
            let origin = generate::Origin {
                oracle: oracle.clone(),
                seed,
                command: shortest.command(),
            };
            tell_difference(shortest, &origin, dry_run)?;
            Ok(Exit::Divergence)
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
            let (who, exit) = match side {
                Side::Target => ("the target", Exit::Target),
                Side::Oracle => ("the oracle", Exit::Oracles),
            };
            say!("{}", unanswered(stream, oracle, seed));
            eprintln!("respect: {who}, while it was played this: {trouble}");
            Ok(exit)
        }
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
fn join(origin: &Origin, barrier: Barrier) -> Result<(Server, Control), Stop> {
    let server = Server::start(origin).map_err(|error| Stop(Exit::Target, error.to_string()))?;
    let control = Control::connect(server.address(), barrier)
        .map_err(|error| Stop(Exit::Target, error.to_string()))?;
    Ok((server, control))
}

fn tell_difference(
    shortest: &Shortest,
    origin: &generate::Origin,
    dry_run: bool,
) -> Result<(), Stop> {
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
    say!(
        "  {at}, byte {} of the first reply that differs",
        difference.offset
    );
    say!(
        "  expected  {}",
        shown(&difference.expected, difference.offset)
    );
    say!(
        "  actual    {}",
        shown(&difference.actual, difference.offset)
    );
    if dry_run {
        return Ok(());
    }
    let path = workspace::fixtures().join(format!("{}.resp", transcript.header().id));
    let written = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&path, transcript.to_string()));
    written.map_err(|error| Stop::usage(format!("{}: {error}", path.display())))?;
    say!(
        "\nkept as {}; without its @since line `respect record` asks other builds, too",
        path.display()
    );
    Ok(())
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
