//! Reading the transcripts for a command, and the commands that only look at them: `lint`, `fmt`, `list`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use respect_conformance::case::Case;
use respect_conformance::transcript::files::{File, check_files, read_folder};
use respect_conformance::transcript::finding::Severity;
use respect_conformance::transcript::{Level, Transcript};
use respect_conformance::workspace;

use super::{Exit, Stop};

/// Which transcripts a command is about.
#[derive(Args, Clone, Default)]
pub(crate) struct Selection {
    /// Ids, with * for any characters; `inline/` is the whole section; none is all of them
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Only transcripts with this tag; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Only transcripts of this level: must, should, may or info; may be repeated
    #[arg(long = "level", value_name = "LEVEL", value_parser = parse_level)]
    pub(crate) levels: Vec<Level>,
    /// The folder of transcripts
    #[arg(long, value_name = "DIR", env = "RESPECT_FIXTURES")]
    pub(crate) fixtures: Option<PathBuf>,
}

/// Writes a transcript that was found into the folder, where its id says, and returns the file's path.
///
/// # Errors
/// When it cannot be written.
pub(super) fn keep(folder: &Path, transcript: &str) -> Result<PathBuf, Stop> {
    let id = transcript
        .lines()
        .find_map(|line| line.strip_prefix("@id "));
    let id = id
        .map(str::trim)
        .ok_or_else(|| Stop::usage("a transcript without an id cannot be kept"))?;
    let path = folder.join(format!("{id}.resp"));
    let written = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&path, transcript));
    written.map_err(|error| Stop::usage(format!("{}: {error}", path.display())))?;
    Ok(path)
}

fn parse_level(text: &str) -> Result<Level, String> {
    let found = Level::ALL.iter().find(|(spelling, _)| *spelling == text);
    found
        .map(|(_, level)| *level)
        .ok_or_else(|| "expected must, should, may or info".to_owned())
}

impl Selection {
    /// Whether a transcript is among those asked for.
    fn has(&self, case: &Case) -> bool {
        let by_level = self.levels.is_empty() || self.levels.contains(&case.header.level);
        by_level && case.is_selected(&self.ids, &self.tags)
    }

    /// What was asked for, to be named when it is nothing.
    fn asked(&self) -> String {
        let levels = self.levels.iter().map(|level| level.spelling());
        let words = self.ids.iter().chain(&self.tags).map(String::as_str);
        words.chain(levels).collect::<Vec<_>>().join(", ")
    }

    /// The folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.fixtures.clone().unwrap_or_else(workspace::fixtures)
    }

    /// Every file in the folder; none at all is an error.
    pub(crate) fn files(&self) -> Result<Vec<File>, Stop> {
        let folder = self.folder();
        if !folder.is_dir() {
            return Err(Stop::usage(format!(
                "no folder of transcripts is at {}; work inside the checkout, or say where it is with --fixtures or \
                 $RESPECT_FIXTURES",
                folder.display()
            )));
        }
        let files = read_folder(&folder).map_err(Stop::usage)?;
        if files.is_empty() {
            return Err(Stop(
                Exit::Nothing,
                format!("no transcript (*.resp) is below {}", folder.display()),
            ));
        }
        Ok(files)
    }

    /// Every selected transcript; one that cannot be read is an error, and so is selecting nothing.
    pub(crate) fn cases(&self) -> Result<Vec<Case>, Stop> {
        let files = self.files()?;
        let mut cases = Vec::new();
        let mut wrong = Vec::new();
        for file in &files {
            match Case::parse(&file.path, &file.text) {
                Ok(case) if self.has(&case) => cases.push(case),
                Ok(_) => {}
                Err(findings) => {
                    wrong.extend(
                        findings
                            .iter()
                            .map(|finding| format!("{}:{finding}", file.path.display())),
                    );
                }
            }
        }
        if !wrong.is_empty() {
            return Err(Stop::usage(wrong.join("\n")));
        }
        if cases.is_empty() {
            return Err(Stop(
                Exit::Nothing,
                format!("no transcript is selected by {}", self.asked()),
            ));
        }
        Ok(cases)
    }
}

/// `respect lint`
pub(crate) fn lint(selection: &Selection, notes: bool) -> Result<Exit, Stop> {
    let files = selection.files()?;
    let mut counts = BTreeMap::new();
    for (path, finding) in check_files(&files) {
        if !selected(selection, &files, path) {
            continue;
        }
        *counts.entry(finding.severity).or_insert(0) += 1;
        if notes || finding.severity > Severity::Note {
            say!("{}:{finding}", path.display());
        }
    }
    let count = |severity| counts.get(&severity).copied().unwrap_or(0);
    let errors = count(Severity::Error);
    let unseen = if notes || count(Severity::Note) == 0 {
        ""
    } else {
        " (--notes shows them)"
    };
    say!(
        "{} transcripts, {errors} errors, {} warnings, {} notes{unseen}",
        files.len(),
        count(Severity::Warning),
        count(Severity::Note)
    );
    Ok(if errors == 0 { Exit::Ok } else { Exit::Usage })
}

/// `respect fmt`
pub(crate) fn format(selection: &Selection, check: bool) -> Result<Exit, Stop> {
    let files = selection.files()?;
    let mut exit = Exit::Ok;
    for file in files
        .iter()
        .filter(|file| selected(selection, &files, &file.path))
    {
        let transcript = match Transcript::parse(&file.text) {
            Ok(transcript) => transcript,
            Err(findings) => {
                for finding in findings {
                    eprintln!("{}:{finding}", file.path.display());
                }
                exit = Exit::Usage;
                continue;
            }
        };
        let canonical = transcript.to_string();
        if canonical == file.text {
            continue;
        }
        say!("{}", file.path.display());
        if check {
            exit = Exit::Usage;
        } else {
            let path = selection.folder().join(&file.path);
            fs::write(&path, canonical)
                .map_err(|error| Stop::usage(format!("{}: {error}", path.display())))?;
        }
    }
    Ok(exit)
}

/// `respect list`
pub(crate) fn list(selection: &Selection) -> Result<Exit, Stop> {
    selection.cases()?.iter().for_each(print);
    Ok(Exit::Ok)
}

/// A transcript in one line.
pub(super) fn print(case: &Case) {
    say!(
        "{:6} {:<48} {}",
        case.header.level.spelling(),
        case.id(),
        case.header.title
    );
}

fn selected(selection: &Selection, files: &[File], path: &Path) -> bool {
    let nothing_asked =
        selection.ids.is_empty() && selection.tags.is_empty() && selection.levels.is_empty();
    nothing_asked
        || files
            .iter()
            .find(|file| file.path == path)
            .is_some_and(|file| match Case::parse(path, &file.text) {
                Ok(case) => selection.has(&case),
                Err(_) => selection.ids.contains(&file.id()),
            })
}
