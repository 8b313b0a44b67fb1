//! redis.conf and the program's arguments, read into a [`Config`]; it must not touch a file itself.

use std::borrow::Cow;
use std::fmt;

use super::kinds::Origin;
use super::table::OBSOLETE;
use super::{Config, REDIS_VERSION, find};
use crate::text::shell_words::{self, quoted};

/// Files may include files; Redis knows no limit and dies of a file that includes itself.
const INCLUDES_NESTED_MAX: usize = 64;

/// The files that configuration is read from. Errors are the operating system's words, such as `No such file or directory`.
pub(crate) trait Files {
    /// The whole content of a file.
    fn read(&mut self, path: &[u8]) -> Result<Vec<u8>, String>;

    /// Everything that arrives on the standard input.
    fn read_stdin(&mut self) -> Vec<u8>;

    /// The paths a pattern of the shell matches, in order.
    fn expand(&mut self, pattern: &[u8]) -> Vec<Vec<u8>>;

    /// A path that stays right when the working directory changes.
    fn absolute(&mut self, path: &[u8]) -> Vec<u8>;

    /// Makes a directory the one that relative paths start from, and returns it as an absolute path.
    fn enter(&mut self, directory: &[u8]) -> Result<Vec<u8>, String>;
}

/// What redis.conf and the arguments ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Startup {
    /// The options.
    pub(crate) config: Config,
    /// Absolute path of the file that was named, if any: the one `CONFIG REWRITE` writes.
    pub(crate) config_file: Option<Vec<u8>>,
    /// `rename-command` and `user` lines in their order; only those who know commands and users can judge them.
    pub(crate) directives: Vec<Directive>,
}

/// A line of redis.conf that is no option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directive {
    /// The first is `rename-command` or `user`.
    pub(crate) words: Vec<Vec<u8>>,
    /// Counted from one.
    pub(crate) line_number: usize,
    /// As it was written, without blanks at its ends.
    pub(crate) line: Vec<u8>,
}

impl Directive {
    /// The error that ends the start when this line asks for something impossible.
    pub(crate) fn refused(&self, reason: impl Into<Cow<'static, str>>) -> StartError {
        StartError::Line {
            number: self.line_number,
            line: self.line.clone(),
            reason: reason.into(),
        }
    }
}

/// Why the server does not start; shown as Redis shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StartError {
    /// A line cannot be obeyed. Arguments count as lines behind those of the file.
    Line {
        /// Counted from one.
        number: usize,
        /// Without blanks at its ends.
        line: Vec<u8>,
        /// In Redis's words.
        reason: Cow<'static, str>,
    },
    /// A file cannot be read.
    File {
        /// As it was named.
        path: Vec<u8>,
        /// In the operating system's words.
        reason: String,
    },
    /// A module is to be loaded.
    Module {
        /// As it was named.
        path: Vec<u8>,
    },
    /// Words that mean nothing, but could have been options of a module.
    Unresolved {
        /// Each with its values, in the order they were met; Redis lists them in that of a seeded hash table.
        options: Vec<Vec<u8>>,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self {
            StartError::Line {
                number,
                line,
                reason,
            } => {
                writeln!(
                    out,
                    "\n*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***"
                )?;
                writeln!(out, "Reading the configuration file, at line {number}")?;
                write!(out, ">>> '{}'\n{reason}", text(line))
            }
            StartError::File { path, reason } => write!(
                out,
                "Fatal error, can't open config file '{}': {reason}",
                text(path)
            ),
            StartError::Module { path } => write!(
                out,
                "Can't load module from {}: server aborting",
                text(path)
            ),
            StartError::Unresolved { options } => {
                writeln!(out, "Unresolved Configuration(s) Detected:")?;
                for option in options {
                    writeln!(out, ">>> '{}'", text(option))?;
                }
                write!(
                    out,
                    "Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting"
                )
            }
        }
    }
}

impl std::error::Error for StartError {}

impl Startup {
    /// Reads what the arguments behind the program's name say, and the files they name.
    ///
    /// As in Redis: first perhaps a redis.conf, then `--name value …` in any number, where a lone `-` at either end stands for
    /// the standard input. `--version`, `--help` and the like are not known here.
    pub(crate) fn from_arguments(
        arguments: &[impl AsRef<[u8]>],
        files: &mut dyn Files,
    ) -> Result<Startup, StartError> {
        let mut arguments: Vec<&[u8]> = arguments.iter().map(AsRef::as_ref).collect();
        let mut startup = Startup::default();
        if let Ok(directory) = files.enter(b".") {
            startup.config.dir = directory;
        }
        let mut loader = Loader {
            startup,
            files,
            save_seen: false,
            unresolved: Vec::new(),
        };
        let mut text = Vec::new();
        if arguments
            .first()
            .is_some_and(|first| !first.starts_with(b"-"))
        {
            let path = loader.files.absolute(arguments.remove(0));
            text = loader.read(&path)?;
            loader.startup.config_file = Some(path);
        }
        let (options, reads_stdin) =
            options_as_lines(&arguments, loader.startup.config_file.is_none());
        if reads_stdin {
            text.extend(loader.files.read_stdin());
        }
        text.push(b'\n');
        text.extend(options);
        loader.load(&text, 0)?;
        if !loader.unresolved.is_empty() {
            let options = loader.unresolved.into_iter();
            let options = options
                .map(|(name, values)| [name, values].join(&b' '))
                .collect();
            return Err(StartError::Unresolved { options });
        }
        Ok(loader.startup)
    }
}

/// Arguments as the lines of redis.conf they stand for, and whether one of them was the `-` of the standard input.
fn options_as_lines(arguments: &[&[u8]], first_counts: bool) -> (Vec<u8>, bool) {
    let mut lines = Vec::new();
    let mut reads_stdin = false;
    // A value may start with `--` too, so the argument behind a bare name is always its value.
    let mut expects_value = false;
    for (index, argument) in arguments.iter().enumerate() {
        let next = arguments.get(index + 1);
        let is_outermost = (index == 0 && first_counts) || next.is_none();
        if *argument == b"-" && is_outermost {
            reads_stdin = true;
        } else if let Some(option) = argument.strip_prefix(b"--").filter(|_| !expects_value) {
            if !lines.is_empty() {
                lines.push(b'\n');
            }
            lines.extend_from_slice(option);
            lines.push(b' ');
            expects_value = shell_words::split(argument).is_ok_and(|words| words.len() == 1);
            if expects_value
                && argument.eq_ignore_ascii_case(b"--save")
                && next.is_none_or(|next| next.starts_with(b"--"))
            {
                // Scripts that pass on an empty list of save points mean none.
                lines.extend_from_slice(b"\"\"");
                expects_value = false;
            }
        } else {
            lines.extend_from_slice(quoted(argument).as_bytes());
            lines.push(b' ');
            expects_value = false;
        }
    }
    (lines, reads_stdin)
}

/// A line without the blanks Redis takes off its ends.
pub(crate) fn trim(line: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| b" \t\r\n".contains(byte);
    let start = line
        .iter()
        .position(|byte| !is_blank(byte))
        .unwrap_or(line.len());
    let end = line
        .iter()
        .rposition(|byte| !is_blank(byte))
        .map_or(start, |last| last + 1);
    &line[start..end]
}

struct Loader<'a> {
    startup: Startup,
    files: &'a mut dyn Files,
    /// The first `save` line replaces the defaults, those behind it add to it.
    save_seen: bool,
    /// Options no one knows, by name.
    unresolved: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Loader<'_> {
    fn read(&mut self, path: &[u8]) -> Result<Vec<u8>, StartError> {
        self.files.read(path).map_err(|reason| StartError::File {
            path: path.to_vec(),
            reason,
        })
    }

    fn load(&mut self, text: &[u8], depth: usize) -> Result<(), StartError> {
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = trim(line);
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let refused = |reason| StartError::Line {
                number: index + 1,
                line: line.to_vec(),
                reason,
            };
            let words = shell_words::split(line)
                .map_err(|_| refused("Unbalanced quotes in configuration line".into()))?;
            match self.obey(&words).map_err(refused)? {
                Verdict::Done => {}
                Verdict::Include(path) => self.include(&path, depth + 1)?,
                Verdict::Module(path) => return Err(StartError::Module { path }),
                Verdict::Directive => {
                    self.startup.directives.push(Directive {
                        words,
                        line_number: index + 1,
                        line: line.to_vec(),
                    });
                }
                Verdict::Unresolved => self.postpone(&words),
            }
        }
        Ok(())
    }

    /// Keeps an option no one knows, in place of an earlier one of that name.
    fn postpone(&mut self, words: &[Vec<u8>]) {
        let name = words[0].to_ascii_lowercase();
        self.unresolved.retain(|(known, _)| *known != name);
        self.unresolved.push((name, words[1..].join(&b' ')));
    }

    fn include(&mut self, path: &[u8], depth: usize) -> Result<(), StartError> {
        if depth > INCLUDES_NESTED_MAX {
            return Err(StartError::File {
                path: path.to_vec(),
                reason: "Too many levels of included files".to_owned(),
            });
        }
        let is_pattern = path.iter().any(|byte| b"*?[".contains(byte));
        let paths = if is_pattern {
            self.files.expand(path)
        } else {
            vec![path.to_vec()]
        };
        for path in paths {
            let text = self.read(&path)?;
            self.load(&text, depth)?;
        }
        Ok(())
    }

    fn obey(&mut self, words: &[Vec<u8>]) -> Result<Verdict, Cow<'static, str>> {
        let Some((name, values)) = words.split_first() else {
            return Ok(Verdict::Done);
        };
        let name = name.to_ascii_lowercase();
        if let Some(named) = find(&name) {
            let kind = named.option.kind;
            let list;
            let values = match values {
                // Read once more, a list may be quoted as a whole; quotes left open make it empty, as in Redis.
                [text] if kind.takes_several() && !text.is_empty() => {
                    list = shell_words::split(text).unwrap_or_default();
                    list.as_slice()
                }
                [_] => values,
                _ if kind.takes_several() => values,
                _ => return Err("wrong number of arguments".into()),
            };
            let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
            if named.name == "save" && !self.save_seen {
                self.save_seen = true;
                self.startup.config.save.clear();
            }
            kind.set(&mut self.startup.config, &values, Origin::File)?;
            if named.name == "dir" {
                self.startup.config.dir = self.files.enter(values[0])?;
            }
            return Ok(Verdict::Done);
        }
        let accepted_silently = |name: &[u8]| OBSOLETE.iter().any(|word| word.as_bytes() == name);
        match (name.as_slice(), values) {
            (b"include", [path]) => Ok(Verdict::Include(path.clone())),
            (b"loadmodule", [path, ..]) => Ok(Verdict::Module(path.clone())),
            (b"rename-command", [_, _]) | (b"user", [_, ..]) => Ok(Verdict::Directive),
            (b"sentinel", _) => Err("sentinel directive while not in sentinel mode".into()),
            (name, [_]) if accepted_silently(name) => Ok(Verdict::Done),
            (_, []) => Err("Bad directive or wrong number of arguments".into()),
            // Redis takes these for options of modules yet to be loaded.
            _ => Ok(Verdict::Unresolved),
        }
    }
}

/// What a line turned out to be.
enum Verdict {
    Done,
    Include(Vec<u8>),
    Module(Vec<u8>),
    Directive,
    Unresolved,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::table::OPTIONS;
    use super::*;
    use crate::fuzzing::config::{Asked, Memory};

    /// Files with these texts.
    fn memory(files: &[(&str, &str)]) -> Memory {
        let files = files
            .iter()
            .map(|(path, text)| (path.as_bytes().to_vec(), text.as_bytes().to_vec()));
        Memory {
            files: files.collect(),
            stdin: Vec::new(),
        }
    }

    fn start(arguments: &[&str]) -> Result<Config, String> {
        start_with(arguments, &mut Memory::default()).map(|startup| startup.config)
    }

    fn start_with(arguments: &[&str], files: &mut Memory) -> Result<Startup, String> {
        Startup::from_arguments(arguments, files).map_err(|error| error.to_string())
    }

    /// Starts with a redis.conf of this text.
    fn load(text: &str) -> Result<Startup, String> {
        start_with(&["redis.conf"], &mut memory(&[("/etc/redis.conf", text)]))
    }

    fn fatal(number: usize, line: &str, reason: &str) -> String {
        format!(
            "\n*** FATAL CONFIG FILE ERROR (Redis 8.2.3) ***\nReading the configuration file, at line {number}\n>>> '{line}'\n{reason}"
        )
    }

    fn value(config: &Config, name: &str) -> String {
        let found = config.get(&[name.as_bytes()]);
        String::from_utf8(found[0].1.clone()).expect("UTF-8")
    }

    #[test]
    fn arguments_are_options_with_their_values() {
        for (arguments, name, expected) in [
            (&["--timeout", "5"][..], "timeout", "5"),
            (&["--timeout 5"], "timeout", "5"),
            (&["--timeout ", "5"], "timeout", "5"),
            (&["--timeout \"5\""], "timeout", "5"),
            (&["--timeout", "5", "--TimeOut", "6"], "timeout", "6"),
            (&["--save", "--timeout", "3"], "save", ""),
            (&["--save", "--timeout", "3"], "timeout", "3"),
            (&["--save"], "save", ""),
            (&["--save", ""], "save", ""),
            (&["--save", "900", "1", "300", "10"], "save", "900 1 300 10"),
            (&["--save", "900 1 300 10"], "save", "900 1 300 10"),
            (&["--save", "  900   1 "], "save", "900 1"),
            (&["--save", "\"900\" 1"], "save", "900 1"),
            (&["--save", "\"a"], "save", ""),
            (
                &["--save", "900 1", "--save", "300 10"],
                "save",
                "900 1 300 10",
            ),
            (&[], "save", "3600 1 300 100 60 10000"),
            (&["--bind", "127.0.0.1", "::1"], "bind", "127.0.0.1 ::1"),
            (&["--bind", "127.0.0.1 ::1"], "bind", "127.0.0.1 ::1"),
            (
                &["--requirepass", "a\"b c\x01"],
                "requirepass",
                "a\"b c\x01",
            ),
            (&["--requirepass", "--abc"], "requirepass", "--abc"),
            (&["--requirepass", "abc", "--"], "requirepass", "abc"),
            (&["--pidfile", "", "--logfile", ""], "pidfile", ""),
            (
                &["--client-output-buffer-limit", "normal", "1", "2", "3"],
                "client-output-buffer-limit",
                "normal 1 2 3 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
            ),
            (&["--dir", "/srv"], "dir", "/srv"),
            (
                &["--enable-debug-command", "local"],
                "enable-debug-command",
                "local",
            ),
        ] {
            let config = start(arguments);
            assert_eq!(
                config.map(|config| value(&config, name)).as_deref(),
                Ok(expected),
                "{arguments:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_obeyed_ends_the_start_in_the_words_of_redis() {
        for (arguments, expected) in [
            (&["--port", "abc"][..], fatal(2, "port \"abc\"", "argument couldn't be parsed into an integer")),
            (&["--hz", "5", "--foo"], fatal(3, "foo", "Bad directive or wrong number of arguments")),
            (&["--hz", "5", "--timeout", "1", "2"], fatal(3, "timeout \"1\" \"2\"", "wrong number of arguments")),
            (&["--timeout=5"], fatal(2, "timeout=5", "Bad directive or wrong number of arguments")),
            (&["--timeout"], fatal(2, "timeout", "wrong number of arguments")),
            (&["--timeout", "--hz", "5"], fatal(2, "timeout \"--hz\" \"5\"", "wrong number of arguments")),
            (&["--timeout \"5"], fatal(2, "timeout \"5", "Unbalanced quotes in configuration line")),
            (&["--hz", "5", "--", "x"], fatal(3, "\"x\"", "Bad directive or wrong number of arguments")),
            (&["--save", "900 1", "300 10"], fatal(2, "save \"900 1\" \"300 10\"", "Invalid save parameters")),
            (&["--notify-keyspace-events", "K", "E"], fatal(2, "notify-keyspace-events \"K\" \"E\"", "wrong number of arguments")),
            (&["--databases", "0"], fatal(2, "databases \"0\"", "argument must be between 1 and 2147483647 inclusive")),
            (&["--enable-debug-command", "maybe"], fatal(2, "enable-debug-command \"maybe\"", "argument(s) must be one of the following: no, yes, local")),
            (&["--appendfilename", "a/b"], fatal(2, "appendfilename \"a/b\"", "appendfilename can't be a path, just a filename")),
            (&["nofile.conf"], "Fatal error, can't open config file '/etc/nofile.conf': No such file or directory".to_owned()),
            (&["--include", "x.conf"], "Fatal error, can't open config file 'x.conf': No such file or directory".to_owned()),
            (
                &["--foo", "1", "--FOO", "bar", "--a.b", "1", "2"],
                concat!(
                    "Unresolved Configuration(s) Detected:\n>>> 'foo bar'\n>>> 'a.b 1 2'\n",
                    "Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting"
                )
                .to_owned(),
            ),
        ] {
            assert_eq!(start(arguments), Err(expected), "{arguments:?}");
        }
    }

    #[test]
    fn lines_of_a_file_are_options() {
        let text = "# c\n\n  Timeout 5  \r\n\"hz\" 20\nsave 900 1\nsave 300 10\nshutdown-on-sigint \"save now\"\n";
        let startup = load(text).expect("valid");
        assert_eq!((startup.config.timeout, startup.config.hz), (5, 20));
        assert_eq!(value(&startup.config, "save"), "900 1 300 10");
        assert_eq!(value(&startup.config, "shutdown-on-sigint"), "save now");
        assert_eq!(
            startup.config_file.as_deref(),
            Some(&b"/etc/redis.conf"[..])
        );
        assert_eq!(startup.config.dir, b"/etc");
    }

    #[test]
    fn lines_that_cannot_be_obeyed_are_named() {
        for (line, reason) in [
            ("timeout 5 # comment", "wrong number of arguments"),
            ("timeout \"5", "Unbalanced quotes in configuration line"),
            ("timeout 5\\", "argument couldn't be parsed into an integer"),
            ("foo", "Bad directive or wrong number of arguments"),
            ("''", "Bad directive or wrong number of arguments"),
            ("user", "Bad directive or wrong number of arguments"),
            ("dir /nonexistent", "No such file or directory"),
            (
                "dbfilename a/b",
                "dbfilename can't be a path, just a filename",
            ),
            ("appenddirname \"\"", "appenddirname can't be empty"),
            ("replicaof 127.0.0.1", "wrong number of arguments"),
            ("replicaof 127.0.0.1 x", "Invalid master port"),
            (
                "sentinel monitor x",
                "sentinel directive while not in sentinel mode",
            ),
        ] {
            assert_eq!(
                load(&format!("hz 10\n\n  {line} \n")).map(|_| ()),
                Err(fatal(3, line, reason))
            );
        }
        let unresolved = load("foo bar\n").expect_err("unknown");
        assert!(unresolved.contains(">>> 'foo bar'\n"), "{unresolved}");
        assert_eq!(
            load("loadmodule x.so\n").map(|_| ()),
            Err("Can't load module from x.so: server aborting".to_owned())
        );
    }

    #[test]
    fn save_lines_add_up_and_an_empty_one_starts_anew() {
        for (text, arguments, expected) in [
            ("save 900 1\nsave 300 10\n", &[][..], "900 1 300 10"),
            ("save 900 1\nsave \"\"\n", &[], ""),
            ("save \"\"\nsave 900 1\n", &[], "900 1"),
            (
                "save 900 1\nsave 300 10\n",
                &["--save", "5", "5"],
                "900 1 300 10 5 5",
            ),
            ("save 900 1\n", &["--save", ""], ""),
            ("save\n", &[], ""),
        ] {
            let arguments = [&["redis.conf"], arguments].concat();
            let startup = start_with(&arguments, &mut memory(&[("/etc/redis.conf", text)]));
            let save = startup.map(|startup| value(&startup.config, "save"));
            assert_eq!(save.as_deref(), Ok(expected), "{text:?} {arguments:?}");
        }
    }

    #[test]
    fn files_include_files() {
        let mut files = memory(&[
            (
                "/etc/redis.conf",
                "timeout 7\ninclude more.conf\ninclude nothing*.conf\ninclude conf.d/*.conf\n",
            ),
            ("more.conf", "timeout 3\nhz 33\n"),
            ("conf.d/a.conf", "databases 1\n"),
            ("conf.d/b.conf", "databases 2\n"),
        ]);
        let config = start_with(&["redis.conf"], &mut files)
            .expect("valid")
            .config;
        assert_eq!((config.timeout, config.hz, config.databases), (3, 33, 2));
        files = memory(&[("/etc/redis.conf", "include /etc/redis.conf\n")]);
        let error = start_with(&["redis.conf"], &mut files).expect_err("endless");
        assert_eq!(
            error,
            "Fatal error, can't open config file '/etc/redis.conf': Too many levels of included files"
        );
        files = memory(&[("/etc/redis.conf", "hz 1\ninclude x\n"), ("x", "\n\nbad\n")]);
        let error = start_with(&["redis.conf"], &mut files).expect_err("bad");
        assert_eq!(
            error,
            fatal(3, "bad", "Bad directive or wrong number of arguments")
        );
    }

    #[test]
    fn a_dash_at_either_end_reads_the_standard_input() {
        for arguments in [
            &["--hz", "5", "-"][..],
            &["-", "--hz", "5"],
            &["redis.conf", "--hz", "5", "-"],
        ] {
            let mut files = Memory {
                stdin: b"timeout 9\n".to_vec(),
                ..memory(&[("/etc/redis.conf", "")])
            };
            let config = start_with(arguments, &mut files).expect("valid").config;
            assert_eq!((config.timeout, config.hz), (9, 5), "{arguments:?}");
        }
    }

    #[test]
    fn lines_for_commands_and_users_are_handed_on() {
        let startup = load(
            "rename-command CONFIG \"\"\n\nuser alice on >x\nset-proc-title yes\nlua-replicate-commands yes\n",
        );
        let directives = startup.expect("valid").directives;
        let words: Vec<_> = directives
            .iter()
            .map(|directive| directive.words.join(&b'|'))
            .collect();
        assert_eq!(
            words,
            [
                b"rename-command|CONFIG|".to_vec(),
                b"user|alice|on|>x".to_vec()
            ]
        );
        let error = directives[0].refused("No such command in rename-command");
        assert_eq!(
            error.to_string(),
            fatal(
                1,
                "rename-command CONFIG \"\"",
                "No such command in rename-command"
            )
        );
    }

    /// A line of redis.conf, good or not: mostly an option with values that some option takes.
    fn line() -> impl Strategy<Value = String> {
        let values: &[&str] = &[
            "yes",
            "no",
            "1",
            "0",
            "-1",
            "100mb",
            "1gb",
            "50%",
            "9223372036854775807",
            "99999999999999999999",
            "normal",
            "256mb",
            "64mb",
            "60",
            "allkeys-lru",
            "notice",
            "\"\"",
            "\"a b\"",
            "'x'",
            "\"\\x00\"",
            "\"open",
            "KEA",
            "127.0.0.1",
            "-::1",
            "/tmp",
            "#",
        ];
        let names: Vec<&str> = OPTIONS.iter().map(|option| option.name).collect();
        let name = prop_oneof![
            8 => prop::sample::select(names).prop_map(str::to_owned),
            1 => prop::sample::select(&["rename-command", "user", "include", "loadmodule", "nonsense"][..])
                .prop_map(str::to_owned),
            1 => "[ -~]{0,20}",
        ];
        (
            name,
            prop::collection::vec(prop::sample::select(values), 0..5),
        )
            .prop_map(|(name, values)| format!("{name} {}", values.join(" ")))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_obeyed_or_refused_with_its_line_and_what_is_written_back_says_the_same(
            lines in prop::collection::vec(line(), 0..6),
            options in prop::collection::vec(line(), 0..3),
        ) {
            let text = lines.join("\n");
            // Words as a shell hands them on, quotes and all.
            let options = options.iter().map(|option| format!("--{option}"));
            let options = options.collect::<Vec<_>>().join(" ");
            let arguments = options.split(' ').filter(|word| !word.is_empty());
            let asked = Asked {
                text: text.as_bytes(),
                arguments: arguments.map(str::as_bytes).collect(),
            };
            asked.is_obeyed_or_refused();
        }
    }
}
