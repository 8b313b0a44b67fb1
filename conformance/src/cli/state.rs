//! What failed last: a file with an id on each line, by which the next run can judge just these again.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use respect_conformance::report::Report;
use respect_conformance::report::model::Outcome;
use respect_conformance::workspace;

use super::{Exit, Stop};

const HEADING: &str = "# What failed when `respect run` judged it last; read by --rerun-failed.";

/// The file, if there is a place for one.
pub(crate) struct State(Option<PathBuf>);

impl State {
    /// The file at `path`, or else the one in the checkout's `target/` if it is the checkout's own transcripts that are
    /// judged; of others it knows nothing.
    pub(crate) fn at(path: Option<&Path>, own_transcripts: bool) -> State {
        let usual = || workspace::root().map(|root| root.join("target/respect/failed"));
        State(match path {
            Some(path) => Some(path.to_owned()),
            None if own_transcripts => usual(),
            None => None,
        })
    }

    /// The ids that failed.
    ///
    /// # Errors
    /// When none are known.
    pub(crate) fn failed(&self) -> Result<BTreeSet<String>, Stop> {
        let path = self.0.as_deref().ok_or_else(|| {
            Stop::usage(
                "with transcripts of your own --rerun-failed needs --state FILE, in both runs",
            )
        })?;
        let failed = read(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Stop::usage(format!(
                "nothing is known of an earlier run: {} is not there",
                path.display()
            )),
            _ => Stop::usage(format!("{}: {error}", path.display())),
        })?;
        if failed.is_empty() {
            return Err(Stop(
                Exit::Nothing,
                "nothing failed when it was judged last".to_owned(),
            ));
        }
        Ok(failed)
    }

    /// Enters what was judged now; what was not judged stays as it is.
    ///
    /// # Errors
    /// When the file was asked for and cannot be written.
    pub(crate) fn enter(&self, report: &Report) -> Result<(), Stop> {
        let Some(path) = &self.0 else { return Ok(()) };
        let mut failed = read(path).unwrap_or_default();
        for case in &report.cases {
            if case.result.outcome.fails() {
                failed.insert(case.id.clone());
            } else if case.result.outcome != Outcome::NotBegun {
                failed.remove(&case.id);
            }
        }
        let lines = failed.iter().map(String::as_str);
        let lines: Vec<&str> = std::iter::once(HEADING).chain(lines).collect();
        let folder = path.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(path, lines.join("\n") + "\n"))
            .map_err(|error| Stop::usage(format!("{}: {error}", path.display())))
    }
}

fn read(path: &Path) -> io::Result<BTreeSet<String>> {
    let text = fs::read_to_string(path)?;
    let lines = text.lines().map(str::trim);
    Ok(lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect())
}
