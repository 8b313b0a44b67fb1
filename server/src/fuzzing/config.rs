//! What holds of redis.conf and the program's arguments: they are refused with the line that is wrong, or what is written
//! back means the same.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::config::file::{Files, StartError, Startup, trim};

/// Divides the arguments in an input.
const DIVIDER: u8 = 0xff;

const NAME: &[u8] = b"redis.conf";
const PATH: &[u8] = b"/etc/redis.conf";

/// Files as they stand in a test.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) files: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) stdin: Vec<u8>,
}

impl Files for Memory {
    fn read(&mut self, path: &[u8]) -> Result<Vec<u8>, String> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| "No such file or directory".to_owned())
    }

    fn read_stdin(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.stdin)
    }

    fn expand(&mut self, pattern: &[u8]) -> Vec<Vec<u8>> {
        let paths = self.files.keys();
        paths
            .filter(|path| crate::text::glob::matches(pattern, path))
            .cloned()
            .collect()
    }

    fn absolute(&mut self, path: &[u8]) -> Vec<u8> {
        if path.starts_with(b"/") {
            path.to_vec()
        } else {
            [b"/etc/", path].concat()
        }
    }

    fn enter(&mut self, directory: &[u8]) -> Result<Vec<u8>, String> {
        match directory {
            b"." => Ok(b"/etc".to_vec()),
            b"/nonexistent" => Err("No such file or directory".to_owned()),
            _ => Ok(directory.to_vec()),
        }
    }
}

/// A redis.conf, and the arguments behind its name.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) arguments: Vec<&'a [u8]>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(input: &'a [u8]) -> Asked<'a> {
        let mut parts = input.split(|&byte| byte == DIVIDER);
        Asked {
            text: parts.next().unwrap_or_default(),
            arguments: parts.collect(),
        }
    }

    fn start(&self) -> Result<Startup, StartError> {
        let mut files = Memory::default();
        files.files.insert(PATH.to_vec(), self.text.to_vec());
        Startup::from_arguments(&[&[NAME], self.arguments.as_slice()].concat(), &mut files)
    }

    /// Whatever is asked for, either the server starts, and a redis.conf that is written back asks for the same; or the line
    /// that is wrong is named.
    pub(crate) fn is_obeyed_or_refused(&self) {
        match self.start() {
            Ok(startup) => self.is_written_back(startup.config),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                if let StartError::Line { number, line, .. } = error {
                    self.has_line(number, &line);
                }
            }
        }
    }

    /// The line is in the text, or it is one of those that the arguments stand for.
    fn has_line(&self, number: usize, line: &[u8]) {
        let newlines = |text: &[u8]| text.iter().filter(|&&byte| byte == b'\n').count();
        let of_text: Vec<&[u8]> = self.text.split(|&byte| byte == b'\n').collect();
        let of_arguments: usize = self.arguments.iter().map(|text| 1 + newlines(text)).sum();
        let last = of_text.len() + of_arguments;
        assert!((1..=last).contains(&number), "line {number} of {last}");
        if let Some(text) = of_text.get(number - 1) {
            assert_eq!(trim(text), line, "line {number}");
        }
    }

    fn is_written_back(&self, mut config: Config) {
        forget_what_is_not_written_back(&mut config);
        let written = config.rewrite(self.text, &[]);
        let again = Asked {
            text: &written,
            arguments: Vec::new(),
        };
        let shown = || written.escape_ascii().to_string();
        let again = again
            .start()
            .unwrap_or_else(|error| panic!("{error}\n{}", shown()));
        // Redis keeps some things more exactly than it shows and writes them: percentiles, and classes of events beside `A`.
        assert_eq!(
            again.config.get(&[b"*"]),
            config.get(&[b"*"]),
            "{}",
            shown()
        );
    }
}

/// As in Redis, addresses are written back without quotes, and counts of changes as the 32 bits that are kept, which may be
/// negative.
fn forget_what_is_not_written_back(config: &mut Config) {
    let is_plain = |word: &[u8]| {
        let plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"'".contains(byte);
        !word.is_empty() && word.iter().all(plain)
    };
    let default = Config::default();
    if !config.bind.iter().all(|word| is_plain(word.as_bytes())) {
        config.bind = default.bind;
    }
    if config
        .replicaof
        .as_ref()
        .is_some_and(|primary| !is_plain(&primary.host))
    {
        config.replicaof = None;
    }
    if config.save.iter().any(|point| point.changes < 0) {
        config.save = default.save;
    }
}
