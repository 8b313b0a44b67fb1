//! `respect identify`: plays what tells the builds apart, and prints whom the server resembles.

use std::path::PathBuf;

use clap::Args;
use respect_conformance::control::Barrier;
use respect_conformance::identify::{Ancestry, identify, is_telling};
use respect_conformance::seat::Seat;
use respect_conformance::transcript::lint::known_builds;

use super::fixtures::Selection;
use super::{Exit, Stop, target};

/// So many transcripts are shown as evidence.
const SHOWN: usize = 8;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The server: HOST:PORT, a command with {port} and {dir} in it, a build such as redis-7.0.15, or `ours`
    #[arg(value_name = "SERVER")]
    server: String,
    /// Ask a server that was not started for this, although asking deletes all its keys
    #[arg(long)]
    flush: bool,
    /// How to know that a fragment was read: `ping`, or `timed:5ms` for servers with several threads
    #[arg(long, default_value = "ping", value_parser = super::run::parse_barrier)]
    barrier: Barrier,
    /// The folder of transcripts
    #[arg(long, value_name = "DIR", env = "RESPECT_FIXTURES")]
    fixtures: Option<PathBuf>,
    /// Write the result to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    let selection = Selection {
        fixtures: arguments.fixtures.clone(),
        ..Selection::default()
    };
    let cases = selection.cases()?;
    let telling = cases.iter().filter(|case| is_telling(case)).count();
    if telling == 0 {
        return Err(Stop(
            Exit::Nothing,
            "no transcript is answered differently by the recorded builds".to_owned(),
        ));
    }
    let (origin, _) = target::origin_of(&arguments.server, arguments.flush)?;
    // Whom it says it is does not matter here; any name will do.
    let nobody = known_builds().into_iter().next();
    let lost = |error: respect_conformance::suite::Unreachable| Stop(Exit::Target, error.0);
    let mut seat = Seat::open(&origin, nobody.as_ref(), arguments.barrier).map_err(lost)?;
    let bar = super::run::progress(telling as u64);
    let ancestry = identify(&mut seat, &cases, &mut |case| {
        bar.set_message(case.id().to_owned());
        bar.inc(1);
    });
    bar.finish_and_clear();
    let ancestry = ancestry.map_err(lost)?;
    if let Some(path) = &arguments.json {
        super::matrix::write_json(path, &ancestry)?;
    }
    tell(&arguments.server, &ancestry);
    Ok(Exit::Ok)
}

fn tell(server: &str, ancestry: &Ancestry) {
    match ancestry.ancestor() {
        Some(first) if ancestry.against.is_empty() && ancestry.as_nobody.is_empty() => {
            say!("{server} answers as {} does\n", first.build);
        }
        Some(first) => say!("{server} answers most like {}\n", first.build),
        None => say!("{server} answers like none of the recorded builds\n"),
    }
    for likeness in &ancestry.builds {
        say!(
            "  {:14} {:>4} of {:>4} alike",
            likeness.build,
            likeness.alike,
            likeness.of
        );
    }
    if !ancestry.as_nobody.is_empty() {
        say!("  {:14} {:>4}", "as nobody does", ancestry.as_nobody.len());
    }
    let Some(nearest) = ancestry.builds.first() else {
        return;
    };
    say!("\nmost telling, as {} answers:", nearest.build);
    for evidence in ancestry.evidence_for(&nearest.build).take(SHOWN) {
        let others: Vec<&str> = evidence
            .as_builds
            .iter()
            .filter(|build| **build != nearest.build)
            .map(String::as_str)
            .collect();
        let who = if others.is_empty() {
            "it alone".to_owned()
        } else {
            format!("so does {}", others.join(", "))
        };
        say!("  {:<44} {} ({who})", evidence.id, evidence.title);
    }
    if !ancestry.against.is_empty() {
        let against = ancestry.against.join(", ");
        say!("\nnot as {} answers: {against}", nearest.build);
    }
}
