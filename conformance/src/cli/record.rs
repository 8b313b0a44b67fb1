//! `respect record`: asks real servers and rewrites the expectations of transcripts in place. What is written is decided in
//! the library.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;

use clap::Args;
use respect_conformance::case::Case;
use respect_conformance::control::Barrier;
use respect_conformance::oracle;
use respect_conformance::record::{Recording, rewrite};
use respect_conformance::recorder::{Heard, listen};
use respect_conformance::seat::Seat;
use respect_conformance::server::Origin;
use respect_conformance::workspace;

use super::fixtures::Selection;
use super::{Exit, Stop};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Builds to ask, such as redis-8.2.3; may be repeated [default: every build that is installed]
    #[arg(long = "oracle", value_name = "NAME-VERSION")]
    oracles: Vec<String>,
    /// Ask so many fresh servers of each build; what differs between them is not written down
    #[arg(long, value_name = "N", default_value = "3")]
    restarts: NonZero<usize>,
    /// Change nothing; name the files that would change, and fail if there are any
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    proxy: super::proxy::Arguments,
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    if arguments.proxy.is_asked_for() {
        return super::proxy::main(&arguments.proxy);
    }
    let cases = arguments.selection.cases()?;
    let mut seats = seats(&arguments.oracles)?;
    let mut exit = Exit::Ok;
    let mut changed = 0;
    for case in &cases {
        match record(case, &mut seats, arguments.restarts.get())? {
            Ok(text) if text == case.transcript.to_string() => {}
            Ok(text) => {
                changed += 1;
                say!("{}", case.path.display());
                if arguments.check {
                    exit = exit.max(Exit::Divergence);
                    continue;
                }
                let path = arguments.selection.folder().join(&case.path);
                fs::write(&path, text)
                    .map_err(|error| Stop::usage(format!("{}: {error}", path.display())))?;
            }
            Err(refusals) => {
                exit = Exit::Usage;
                for refusal in refusals {
                    eprintln!("{}:{refusal}", case.path.display());
                }
            }
        }
    }
    say!(
        "{} transcripts asked of {} builds, {changed} changed",
        cases.len(),
        seats.len()
    );
    Ok(exit)
}

/// The transcript as the servers speak it, or why it cannot be written down.
fn record(
    case: &Case,
    seats: &mut BTreeMap<String, Seat>,
    restarts: usize,
) -> Result<Result<String, Vec<String>>, Stop> {
    let mut recordings: Vec<Recording> = Vec::new();
    let mut refusals = Vec::new();
    for (build, seat) in seats {
        match listen(seat, case, restarts).map_err(|error| Stop(Exit::Target, error.0))? {
            Heard::Answers(recording) => recordings.push(recording),
            Heard::NotApplicable(_) => {}
            Heard::Failed(why) => refusals.push(format!("{build}: {why}")),
        }
    }
    if recordings.is_empty() && refusals.is_empty() {
        refusals.push("it applies to none of the builds that were asked".to_owned());
    }
    if !refusals.is_empty() {
        return Ok(Err(refusals));
    }
    Ok(match rewrite(&case.transcript, &recordings) {
        Ok(transcript) => Ok(transcript.to_string()),
        Err(refusals) => Err(refusals.iter().map(ToString::to_string).collect()),
    })
}

fn seats(names: &[String]) -> Result<BTreeMap<String, Seat>, Stop> {
    let oracles = workspace::oracles();
    let builds = if names.is_empty() {
        oracle::present(&oracles)
    } else {
        names
            .iter()
            .map(|name| super::oracle::named(name))
            .collect::<Result<_, _>>()?
    };
    if builds.is_empty() {
        return Err(Stop(
            Exit::Target,
            "no build is installed to be asked; `respect oracle install --all` brings them"
                .to_owned(),
        ));
    }
    builds
        .into_iter()
        .map(|build| {
            let origin = Origin::oracle(build, &oracles).map_err(|why| Stop(Exit::Target, why))?;
            let seat = Seat::open(&origin, build.id().parse().ok().as_ref(), Barrier::Ping);
            Ok((
                build.id(),
                seat.map_err(|error| Stop(Exit::Target, error.0))?,
            ))
        })
        .collect()
}
