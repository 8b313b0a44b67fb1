//! The transcripts below a folder: finding, reading and checking them. The only part of this module that reads files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::finding::Finding;
use super::lint::{check_file, id_of_path};
use super::{Content, HeaderField, Transcript};

/// One file as it was read; whether it is a transcript is still to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is, below the folder.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

impl File {
    /// The id its path gives it: `inline/ping` for `inline/ping.resp`.
    pub fn id(&self) -> String {
        id_of_path(&self.path)
    }
}

/// Every `.resp` file in the folder and the folders in it, sorted by path.
///
/// # Errors
/// When a folder or a file cannot be read; a file that is not UTF-8 counts as one that cannot.
pub fn read_folder(folder: &Path) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).map_err(|error| naming(&next, &error))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "resp")
            {
                let text = fs::read_to_string(&path).map_err(|error| naming(&path, &error))?;
                let path = path.strip_prefix(folder).unwrap_or(&path).to_owned();
                files.push(File { path, text });
            }
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn naming(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Everything that is wrong with the files, alone and together: findings with the path they belong to.
pub fn check_files(files: &[File]) -> Vec<(&Path, Finding)> {
    let mut findings = Vec::new();
    let mut ids: BTreeMap<String, &Path> = BTreeMap::new();
    for file in files {
        let path = file.path.as_path();
        findings.extend(
            check_file(path, &file.text)
                .into_iter()
                .map(|finding| (path, finding)),
        );
        let Some((line, id)) = id_line(&file.text) else {
            continue;
        };
        if let Some(other) = ids.insert(id.clone(), path) {
            let message = format!(
                "expected an id of its own, found `{id}`, which {} has too",
                other.display()
            );
            findings.push((path, Finding::error(line, 1, message)));
        }
    }
    findings
}

fn id_line(text: &str) -> Option<(usize, String)> {
    let transcript = Transcript::parse(text).ok()?;
    transcript
        .lines
        .into_iter()
        .find_map(|line| match line.content {
            Content::Header(HeaderField::Id(id)) => Some((line.number, id)),
            _ => None,
        })
}
