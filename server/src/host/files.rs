//! The files of the configuration.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::config::file::Files;

/// The real file system.
pub(crate) struct Disk;

impl Files for Disk {
    fn read(&mut self, path: &[u8]) -> Result<Vec<u8>, String> {
        fs::read(as_path(path)).map_err(|error| words(&error))
    }

    fn read_stdin(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        // What could be read is obeyed; an input that breaks off looks like one that ends.
        let _ = io::stdin().read_to_end(&mut text);
        text
    }

    fn expand(&mut self, pattern: &[u8]) -> Vec<Vec<u8>> {
        let Ok(paths) = glob::glob(&String::from_utf8_lossy(pattern)) else {
            return Vec::new();
        };
        paths
            .flatten()
            .map(|path| path.into_os_string().into_vec())
            .collect()
    }

    fn absolute(&mut self, path: &[u8]) -> Vec<u8> {
        let absolute =
            std::path::absolute(as_path(path)).unwrap_or_else(|_| PathBuf::from(as_path(path)));
        absolute.into_os_string().into_vec()
    }

    fn enter(&mut self, directory: &[u8]) -> Result<Vec<u8>, String> {
        std::env::set_current_dir(as_path(directory)).map_err(|error| words(&error))?;
        let here = std::env::current_dir().map_err(|error| words(&error))?;
        Ok(here.into_os_string().into_vec())
    }
}

/// The content of a file, or `None` if there is none.
pub(super) fn read(path: &[u8]) -> Result<Option<Vec<u8>>, String> {
    match fs::read(as_path(path)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(words(&error)),
    }
}

/// Gives a file another content in one step: whoever reads it sees the old one or the new one, never half of it.
pub(super) fn replace(path: &[u8], text: &[u8]) -> Result<(), String> {
    let path = as_path(path);
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let write = || {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        // The temporary file may not even exist.
        let _ = fs::remove_file(&temporary);
        words(&error)
    })
}

fn as_path(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

/// The operating system's own words, without the number that the library appends.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().expect("a directory for the test");
        let path = dir.path().join("redis.conf").into_os_string().into_vec();
        assert_eq!(read(&path), Ok(None));
        replace(&path, b"port 1\n").expect("the directory is writable");
        replace(&path, b"port 2\n").expect("the directory is writable");
        assert_eq!(read(&path), Ok(Some(b"port 2\n".to_vec())));
        assert_eq!(fs::read_dir(dir.path()).expect("it is there").count(), 1);
    }

    #[test]
    fn errors_are_told_in_words() {
        assert_eq!(
            Disk.read(b"/nonexistent/redis.conf"),
            Err("No such file or directory".to_owned())
        );
    }
}
