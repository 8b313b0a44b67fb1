//! `respect fuzz`: finds the two servers, lets the search run, prints what it found and keeps it as a transcript.

use std::fs;
use std::io::IsTerminal;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use respect_conformance::control::{Barrier, Control};
use respect_conformance::generate::play::{Answer, Played, let_expire};
use respect_conformance::generate::search::{Found, Pair, Plan, Shortest, Side, search};
use respect_conformance::generate::{self, Stream, commands, connection_name};
use respect_conformance::server::{Origin, Server};
use respect_conformance::transcript::Identity;
use respect_conformance::transcript::escape::escaped;
use respect_conformance::workspace;

use super::target::TargetArguments;
use super::{Exit, Stop};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    /// The build that is right
    #[arg(long, value_name = "NAME-VERSION", default_value = "redis-8.2.3")]
    oracle: String,
    /// Play at least this many commands
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    commands: usize,
    /// Play the streams of this seed again [default: others every time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Play none of these commands, separated by commas: those whose difference is known
    #[arg(long, value_name = "COMMAND,…", value_delimiter = ',')]
    without: Vec<String>,
    /// How to know that a fragment was read: `ping`, or `timed:5ms` for servers with several threads
    #[arg(long, default_value = "ping", value_parser = super::run::parse_barrier)]
    barrier: Barrier,
    /// Print what differs, but keep no transcript of it
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    let plan = Plan {
        seed: arguments.seed.unwrap_or_else(any_seed),
        commands: arguments.commands,
        without: left_out(&arguments.without)?,
    };
    let seed = plan.seed;
    let build = super::oracle::named(&arguments.oracle)?;
    let oracle_name: Identity = build.id().parse().map_err(Stop::usage)?;
    let oracle =
        Origin::oracle(build, &workspace::oracles()).map_err(|why| Stop(Exit::Target, why))?;
    let target = arguments.target.origin()?;
    let (mut target_server, mut target) = join(&target, arguments.barrier)?;
    let (_oracle_server, mut oracle) = join(&oracle, Barrier::Ping)?;
    say!("seed {seed}: held against {oracle_name}");
    let bar = progress(arguments.commands as u64);
    let mut revive = || {
        target_server.restart().ok()?;
        Control::connect(target_server.address(), arguments.barrier).ok()
    };
    let mut pair = Pair {
        target: &mut target,
        oracle: &mut oracle,
        revive: &mut revive,
    };
    let found = search(&mut pair, &plan, &mut |played| {
        bar.set_position(played as u64);
    });
    bar.finish_and_clear();
    // A target that was not started here goes on living; one that is lost has said so already.
    let_expire(&mut target).ok();
    match found {
        Found::Nothing { commands, streams } => {
            say!("{commands} commands in {streams} streams are answered alike");
            Ok(if commands == 0 {
                Exit::Nothing
            } else {
                Exit::Ok
            })
        }
        Found::Difference(shortest) => {
            let origin = generate::Origin {
                oracle: oracle_name,
                seed,
                command: shortest.command(),
            };
            tell(&shortest, &origin, arguments.dry_run)?;
            Ok(Exit::Divergence)
        }
        Found::Trouble {
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
            say!("{}", unanswered(&stream, &oracle_name, seed));
            Err(Stop(
                exit,
                format!("{who}, while it was played this: {trouble}"),
            ))
        }
    }
}

/// The commands not to play, in capitals. A name that is never played is a slip.
fn left_out(names: &[String]) -> Result<Vec<String>, Stop> {
    let known = commands::names();
    let without: Vec<String> = names.iter().map(|name| name.to_ascii_uppercase()).collect();
    if let Some(unknown) = without.iter().find(|name| !known.contains(name.as_str())) {
        let known: Vec<&str> = known.into_iter().collect();
        return Err(Stop::usage(format!(
            "{unknown} is not played anyway; these are: {}",
            known.join(" ")
        )));
    }
    if known
        .iter()
        .all(|name| without.iter().any(|left_out| left_out == name))
    {
        return Err(Stop(
            Exit::Nothing,
            "no command is left to be played".to_owned(),
        ));
    }
    Ok(without)
}

/// The server runs as long as the first of the two lives.
fn join(origin: &Origin, barrier: Barrier) -> Result<(Server, Control), Stop> {
    let server = Server::start(origin).map_err(|error| Stop(Exit::Target, error.to_string()))?;
    let control = Control::connect(server.address(), barrier)
        .map_err(|error| Stop(Exit::Target, error.to_string()))?;
    Ok((server, control))
}

fn tell(shortest: &Shortest, origin: &generate::Origin, dry_run: bool) -> Result<(), Stop> {
    let transcript = shortest.stream.transcript(&shortest.oracle, origin);
    let difference = &shortest.difference;
    say!(
        "DIFFERS  {}, after {} commands; shortened from {} commands to {}\n",
        origin.command,
        shortest.commands_played,
        shortest.commands_before,
        shortest.stream.len()
    );
    say!("{transcript}");
    let on = connection_name(difference.connection);
    say!(
        "  on {on}, byte {} of the first reply that differs",
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
    };
    let origin = generate::Origin {
        oracle: oracle.clone(),
        seed,
        command: "stream".to_owned(),
    };
    stream.transcript(&silence, &origin).to_string()
}

fn any_seed() -> u64 {
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
