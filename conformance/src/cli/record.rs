//! `respect record`: asks real servers and rewrites the expectations of transcripts in place, or of what MONITOR printed. What is written is decided in
//! the library.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use clap::Args;
use respect_conformance::case::Case;
use respect_conformance::control::Barrier;
use respect_conformance::monitor::{import, with_answers_due};
use respect_conformance::oracle;
use respect_conformance::record::{Recording, rewrite};
use respect_conformance::recorder::{Heard, listen};
use respect_conformance::seat::Seat;
use respect_conformance::server::Origin;
use respect_conformance::transcript::Transcript;
use respect_conformance::workspace;

use super::fixtures::Selection;
use super::proxy::write;
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
    /// Make a transcript of what MONITOR printed into this file, at recorded/ below --out, and ask the builds what they answer
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ids", "check", "proxy"])]
    from_monitor: Option<PathBuf>,
    /// The folder for what --from-monitor and --proxy write; it goes to recorded/ in it
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    #[command(flatten)]
    proxy: super::proxy::Arguments,
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    if arguments.proxy.is_asked_for() {
        return super::proxy::main(&arguments.proxy, &arguments.out);
    }
    if let Some(file) = &arguments.from_monitor {
        return from_monitor(file, arguments);
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

/// Writes what MONITOR printed as a transcript, with the builds' answers where there are builds to ask.
fn from_monitor(file: &Path, arguments: &Arguments) -> Result<Exit, Stop> {
    let text =
        fs::read(file).map_err(|error| Stop::usage(format!("{}: {error}", file.display())))?;
    let imported = import(&text);
    for (number, why) in imported.passed_over.iter().take(PASSED_OVER) {
        eprintln!("{}:{number}: passed over: {why}", file.display());
    }
    let more = imported.passed_over.len().saturating_sub(PASSED_OVER);
    if more > 0 {
        eprintln!("{}: {more} more lines are passed over", file.display());
    }
    if imported.commands == 0 {
        let why = format!("{}: no line of MONITOR is in it", file.display());
        return Err(Stop(Exit::Nothing, why));
    }
    let mut seats = seats(&arguments.oracles)?;
    let said = Transcript {
        lines: imported.lines.clone(),
    };
    let path = write(
        &arguments.out,
        "",
        said,
        "What MONITOR saw clients say",
        "what MONITOR printed",
        None,
    )
    .map_err(|error| Stop::usage(format!("{}: {error}", arguments.out.display())))?;
    let written = fs::read_to_string(&path)
        .map_err(|error| Stop::usage(format!("{}: {error}", path.display())))?;
    let header: String = written
        .lines()
        .take_while(|line| line.starts_with('@'))
        .map(|line| format!("{line}\n"))
        .collect();
    let due = Transcript {
        lines: with_answers_due(&imported.lines),
    };
    let case = Case::parse(&path, &format!("{header}\n{due}")).map_err(|findings| {
        let first = findings.first().map(ToString::to_string);
        Stop::usage(format!("{}:{}", path.display(), first.unwrap_or_default()))
    })?;
    say!(
        "{}: {} commands of {} clients",
        path.display(),
        imported.commands,
        imported.clients
    );
    match record(&case, &mut seats, arguments.restarts.get())? {
        Ok(text) => fs::write(&path, text)
            .map(|()| Exit::Ok)
            .map_err(|error| Stop::usage(format!("{}: {error}", path.display()))),
        Err(refusals) => {
            for refusal in refusals {
                eprintln!("{}:{refusal}", path.display());
            }
            say!("what was said is kept; what is answered is yours to write");
            Ok(Exit::Usage)
        }
    }
}

/// So many lines that are passed over are named.
const PASSED_OVER: usize = 8;

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
