//! The reports a run writes: which were asked for, that they can be written (known before the run begins), and writing them.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use respect_conformance::control::Barrier;
use respect_conformance::matrix::{self, Matrix};
use respect_conformance::report::model::Conclusion;
use respect_conformance::report::{self, Ledger, Report, sections};
use respect_conformance::server::Origin;
use respect_conformance::suite::{Cuts, Plan};
use respect_conformance::transcript::Identity;

use super::target::OURS_ANSWERS_AS;
use super::{STDOUT_IS_TAKEN, Stop};

/// A report to which a part is added by whoever plays no transcripts: laws, slow clients, a matrix.
pub(super) fn without_cases(target: &Origin, identity: &Identity, barrier: Barrier) -> Report {
    let plan = Plan {
        target: target.clone(),
        judged_as: Some(identity.clone()),
        oracles: Vec::new(),
        cuts: Cuts::None,
        barrier,
        jobs: 1,
    };
    let mut report = Ledger::without_cases(&plan, identity);
    report.command = env::args().collect();
    report
}

/// What a matrix says, in a report on its last server: the builds stand before it. None if it has no servers.
///
/// # Errors
/// When it is not known what the last server is judged as.
pub(super) fn of_matrix(
    plan: &matrix::Plan,
    matrix: &Matrix,
    begun: Instant,
    conclusion: Conclusion,
) -> Result<Option<Report>, Stop> {
    let (Some(judged), Some(column)) = (plan.contenders.last(), matrix.servers.last()) else {
        return Ok(None);
    };
    let identity = column.judged_as.parse();
    let identity = identity.or_else(|_| OURS_ANSWERS_AS.parse());
    let identity = identity.map_err(Stop::usage)?;
    let mut report = without_cases(&judged.origin, &identity, judged.barrier);
    report.jobs = plan.at_once;
    report.duration_ms = begun.elapsed().as_secs_f64() * 1000.0;
    report.matrix = Some(sections::Matrix::from(matrix));
    report.conclude(conclusion);
    Ok(Some(report))
}

/// One `--report`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    kind: Kind,
    /// Nothing is the standard output stream.
    path: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Html,
    Junit,
    Tap,
    Markdown,
    Github,
}

const KINDS: [(&str, Kind); 6] = [
    ("json", Kind::Json),
    ("html", Kind::Html),
    ("junit", Kind::Junit),
    ("tap", Kind::Tap),
    ("markdown", Kind::Markdown),
    ("github", Kind::Github),
];

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Wanted, String> {
        let (name, path) = match text.split_once('=') {
            Some((_, "")) => return Err("expected a path behind `=`, or - for stdout".to_owned()),
            Some((name, "-")) => (name, None),
            Some((name, path)) => (name, Some(PathBuf::from(path))),
            None => (text, None),
        };
        match KINDS.iter().find(|(known, _)| *known == name) {
            Some(&(_, kind)) => Ok(Wanted { kind, path }),
            None => {
                let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
                Err(format!("expected one of {}", names.join(", ")))
            }
        }
    }
}

/// The reports of a run, each with the place it will be written to.
pub(crate) struct Outputs(Vec<(Kind, Place)>);

enum Place {
    Stdout,
    File(PathBuf, File),
    /// GitHub's page for the step, to which others may have written before.
    StepSummary(PathBuf, File),
}

impl Outputs {
    /// Opens every file, so that nobody waits for a run whose report cannot be written. What is in them stays until then.
    ///
    /// # Errors
    /// When a file cannot be written, or several reports want the standard output stream.
    pub(crate) fn open(wanted: &[Wanted]) -> Result<Outputs, Stop> {
        let mut outputs = Vec::new();
        for Wanted { kind, path } in wanted {
            let place = match path {
                Some(path) => {
                    Place::File(path.clone(), open(path, OpenOptions::new().write(true))?)
                }
                None => Place::Stdout,
            };
            outputs.push((*kind, place));
            if *kind == Kind::Github
                && let Some(path) =
                    env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty())
            {
                let path = PathBuf::from(path);
                let file = open(&path, OpenOptions::new().append(true))?;
                outputs.push((Kind::Markdown, Place::StepSummary(path, file)));
            }
        }
        // Annotations are lines among others; a document must have the stream for itself.
        let documents = outputs
            .iter()
            .filter(|(kind, place)| matches!(place, Place::Stdout) && *kind != Kind::Github);
        match documents.count() {
            0 => {}
            1 => STDOUT_IS_TAKEN.store(true, Ordering::Relaxed),
            _ => {
                return Err(Stop::usage(
                    "only one report can be written to stdout; give the others a path: --report junit=junit.xml",
                ));
            }
        }
        Ok(Outputs(outputs))
    }

    /// Writes them all.
    ///
    /// # Errors
    /// The first that cannot be written; the others are written all the same.
    pub(crate) fn write(self, report: &Report) -> Result<(), Stop> {
        let mut outcome = Ok(());
        for (kind, place) in self.0 {
            let text = match kind {
                Kind::Json => report.to_json(),
                Kind::Html => report::html(report),
                Kind::Junit => report::junit(report),
                Kind::Tap => report::tap(report),
                Kind::Markdown => report::markdown(report),
                Kind::Github => report::annotations(report),
            };
            let written = match place {
                // A reader that has gone wants no more.
                Place::Stdout => {
                    let _ = io::stdout().write_all(text.as_bytes());
                    Ok(())
                }
                Place::File(path, file) => replace(file, &text).map_err(|error| (path, error)),
                Place::StepSummary(path, mut file) => file
                    .write_all(text.as_bytes())
                    .map_err(|error| (path, error)),
            };
            if let Err((path, error)) = written {
                outcome = outcome.and(Err(cannot_write(&path, &error)));
            }
        }
        outcome
    }
}

fn open(path: &Path, options: &mut OpenOptions) -> Result<File, Stop> {
    options
        .create(true)
        .open(path)
        .map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> Stop {
    Stop::usage(format!(
        "the report {} cannot be written: {error}",
        path.display()
    ))
}

fn replace(mut file: File, text: &str) -> io::Result<()> {
    // A pipe or a device has no length and no position, and needs neither.
    if file.metadata()?.is_file() {
        file.set_len(0)?;
        file.rewind()?;
    }
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_kind_and_a_place() {
        let wanted = |text: &str| text.parse::<Wanted>();
        let json = |path: Option<&str>| {
            Ok(Wanted {
                kind: Kind::Json,
                path: path.map(PathBuf::from),
            })
        };
        assert_eq!(wanted("json=a=b.json"), json(Some("a=b.json")));
        assert_eq!(wanted("json"), json(None));
        assert_eq!(wanted("json=-"), json(None));
        assert!(wanted("json=").is_err());
        assert!(wanted("xml=a").unwrap_err().contains("junit"));
    }
}
