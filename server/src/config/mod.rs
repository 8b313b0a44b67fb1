//! The server's options: what they are called, what they may be and what they are. It touches no file, socket or client.
//!
//! [`Config`] holds the values in plain fields, so that hot paths read a field. Everything textual (redis.conf, `--name value`,
//! `CONFIG GET`, `SET` and `REWRITE`) comes from the one table in `table.rs`.

pub(crate) mod file;
mod kinds;
mod rewrite;
mod table;
pub(crate) mod values;

use std::borrow::Cow;
use std::fmt;

pub(crate) use table::Config;

use crate::text::glob;
use crate::text::integers::until_nul;
use kinds::Origin;
use table::{Flags, OPTIONS, Opt};
use values::Permission;

/// The Redis that everything here answers as.
pub const REDIS_VERSION: &str = "8.2.3";

/// The options `CONFIG SET` gave another value, by their first names, in table order.
pub(crate) type Changed = Vec<&'static str>;

/// Who asks for a change; some options may be changed from the server's own machine only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The program, before the server starts: nothing is closed to it.
    Program,
    /// A client on the loopback interface.
    Local,
    /// Any other client.
    Remote,
}

/// Why `CONFIG SET` changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SetError {
    /// There is no option of this name.
    Unknown {
        /// As the client wrote it.
        name: Vec<u8>,
    },
    /// The option may not be changed, or not to this value.
    Failed {
        /// As the client wrote it, or the option's own spelling when the value is what is wrong.
        name: Vec<u8>,
        /// In Redis's words.
        reason: Cow<'static, str>,
    },
}

impl SetError {
    /// The error as Redis sends it, without the leading `-` and the line's end; names end at a NUL.
    pub(crate) fn line(&self) -> Vec<u8> {
        match self {
            SetError::Unknown { name } => [
                b"ERR Unknown option or number of arguments for CONFIG SET - '",
                until_nul(name),
                b"'",
            ]
            .concat(),
            SetError::Failed { name, reason } => {
                let start: &[u8] = b"ERR CONFIG SET failed (possibly related to argument '";
                [start, until_nul(name), b"') - ", reason.as_bytes()].concat()
            }
        }
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&String::from_utf8_lossy(&self.line()))
    }
}

impl std::error::Error for SetError {}

impl Config {
    /// Gives several options new values, or none of them: `CONFIG SET name value [name value …]`.
    ///
    /// What a new value means outside (another port, another directory) is for the caller to do; it clones the configuration
    /// before and puts the clone back when the outside refuses, answering [`SetError::Failed`].
    pub(crate) fn set(
        &mut self,
        pairs: &[(&[u8], &[u8])],
        asker: Asker,
    ) -> Result<Changed, SetError> {
        let settings = self.find_all(pairs, asker)?;
        let mut next = self.clone();
        for (named, value) in settings {
            let words: Vec<&[u8]> = if named.option.kind.takes_several() {
                split_at_blanks(value)
            } else {
                vec![value]
            };
            named
                .option
                .kind
                .set(&mut next, &words, Origin::Command)
                .map_err(|reason| SetError::Failed {
                    name: named.name.as_bytes().to_vec(),
                    reason,
                })?;
        }
        let differs = |option: &&Opt| option.kind.read(self) != option.kind.read(&next);
        let changed = OPTIONS
            .iter()
            .filter(differs)
            .map(|option| option.name)
            .collect();
        *self = next;
        Ok(changed)
    }

    /// The options the patterns name, with their values: `CONFIG GET pattern [pattern …]`.
    ///
    /// A pattern without `*`, `?` or `[` is a name and is answered as it was written. Redis answers in the order of a hash table
    /// seeded at its start; here it is that of the patterns, and of the table within each.
    pub(crate) fn get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut add = |name: &[u8], option: &Opt| {
            if !found
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name))
            {
                found.push((name.to_vec(), option.kind.read(self)));
            }
        };
        for pattern in patterns {
            if pattern.iter().any(|byte| b"*?[".contains(byte)) {
                for named in names()
                    .filter(|named| glob::matches_ignoring_case(pattern, named.name.as_bytes()))
                {
                    add(named.name.as_bytes(), named.option);
                }
            } else if let Some(named) = find(pattern) {
                add(pattern, named.option);
            }
        }
        found
    }

    /// The new text of a redis.conf whose text is `old`: `CONFIG REWRITE`.
    ///
    /// Comments and order are kept, options that differ from their defaults are appended, and `users` are the `user …` lines
    /// that describe the access control lists, the option's name left out.
    pub(crate) fn rewrite(&self, old: &[u8], users: &[Vec<u8>]) -> Vec<u8> {
        rewrite::rewrite(self, old, users)
    }

    /// Whether an argument of `CONFIG SET` is a secret that `MONITOR` and `SLOWLOG` must not show.
    pub(crate) fn is_sensitive(name: &[u8]) -> bool {
        find(name).is_some_and(|named| named.option.flags.contains(Flags::SENSITIVE))
    }

    /// The options named, each with its value; the first name that cannot be set decides the error.
    fn find_all<'a>(
        &self,
        pairs: &[(&'a [u8], &'a [u8])],
        asker: Asker,
    ) -> Result<Vec<(Named, &'a [u8])>, SetError> {
        let mut settings: Vec<(Named, &[u8])> = Vec::with_capacity(pairs.len());
        for &(name, value) in pairs {
            let named = find(name).ok_or_else(|| SetError::Unknown {
                name: name.to_vec(),
            })?;
            let starting = asker == Asker::Program;
            let refusal = if !starting && named.option.flags.contains(Flags::IMMUTABLE) {
                Some("can't set immutable config")
            } else if !starting
                && named.option.flags.contains(Flags::PROTECTED)
                && !self.enable_protected_configs.allows(asker)
            {
                Some("can't set protected config")
            } else if settings.iter().any(|(known, _)| known.name == named.name) {
                Some("duplicate parameter")
            } else {
                None
            };
            if let Some(reason) = refusal {
                return Err(SetError::Failed {
                    name: name.to_vec(),
                    reason: reason.into(),
                });
            }
            settings.push((named, value));
        }
        Ok(settings)
    }
}

impl Permission {
    /// Whether what this option protects is open to a client.
    pub(crate) fn allows(self, asker: Asker) -> bool {
        match self {
            Permission::No => false,
            Permission::Yes => true,
            Permission::Local => asker != Asker::Remote,
        }
    }
}

/// An option under one of its names.
#[derive(Clone, Copy)]
struct Named {
    name: &'static str,
    option: &'static Opt,
}

/// Every name of every option, in table order, an alias behind the name it stands for.
fn names() -> impl Iterator<Item = Named> {
    OPTIONS.iter().flat_map(|option| {
        [Some(option.name), option.alias]
            .into_iter()
            .flatten()
            .map(move |name| Named { name, option })
    })
}

fn find(name: &[u8]) -> Option<Named> {
    names().find(|named| named.name.as_bytes().eq_ignore_ascii_case(name))
}

/// Redis divides lists at every single blank, so that two in a row have an empty word between them.
fn split_at_blanks(text: &[u8]) -> Vec<&[u8]> {
    if text.is_empty() {
        Vec::new()
    } else {
        text.split(|&byte| byte == b' ').collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(config: &mut Config, pairs: &[(&str, &str)]) -> Result<Changed, String> {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        config
            .set(&pairs, Asker::Local)
            .map_err(|error| error.to_string())
    }

    fn get(config: &Config, patterns: &[&str]) -> Vec<String> {
        let patterns: Vec<_> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
        let pairs = config.get(&patterns);
        pairs
            .iter()
            .map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()))
            .collect()
    }

    #[track_caller]
    fn refused(pairs: &[(&str, &str)], expected: &str) {
        let mut config = Config::default();
        assert_eq!(
            set(&mut config, pairs),
            Err(expected.to_owned()),
            "{pairs:?}"
        );
        assert_eq!(
            config,
            Config::default(),
            "a refused {pairs:?} must change nothing"
        );
    }

    #[track_caller]
    fn refused_value(name: &str, value: &str, reason: &str) {
        refused(
            &[(name, value)],
            &format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"),
        );
    }

    #[track_caller]
    fn accepted(name: &str, value: &str, expected: &str) {
        let mut config = Config::default();
        let result = set(&mut config, &[(name, value)]);
        assert!(result.is_ok(), "{name} {value}: {result:?}");
        assert_eq!(
            get(&config, &[name]),
            [format!("{name}={expected}")],
            "after {value:?}"
        );
    }

    #[test]
    fn defaults_are_those_of_redis() {
        /// `CONFIG GET *` of Redis 8.2.3 started with no argument but `--port 6380`, sorted; options without meaning here left out.
        const RECORDED: &str = include_str!("recorded-defaults.txt");
        let mut ours = get(&Config::default(), &["*"]);
        ours.sort_unstable();
        let recorded: Vec<_> = RECORDED.lines().collect();
        assert_eq!(ours, recorded);
    }

    #[test]
    fn every_value_is_read_as_it_is_written() {
        let config = Config::default();
        for option in OPTIONS {
            let value = option.kind.read(&config);
            let words = if option.kind.takes_several() {
                split_at_blanks(&value)
            } else {
                vec![value.as_slice()]
            };
            if option.name == "replicaof" {
                continue; // Its value when there is no primary is empty, its way to say so is `no one`.
            }
            let mut again = config.clone();
            assert_eq!(
                option.kind.write(&mut again, &words, Origin::Command),
                Ok(()),
                "{}",
                option.name
            );
            assert_eq!(again, config, "{}", option.name);
        }
    }

    #[test]
    fn names_are_unique_and_in_lower_case() {
        let mut all: Vec<_> = names().map(|named| named.name).collect();
        assert!(all.iter().all(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        }));
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn several_options_are_set_together_or_not_at_all() {
        let mut config = Config::default();
        assert_eq!(
            set(
                &mut config,
                &[("HZ", "20"), ("timeout", "5"), ("databases-not", "1")]
            )
            .map_err(|_| ()),
            Err(())
        );
        assert_eq!(config, Config::default());
        assert_eq!(
            set(
                &mut config,
                &[("HZ", "20"), ("timeout", "5"), ("maxmemory", "0")]
            ),
            Ok(vec!["timeout", "hz"])
        );
        assert_eq!((config.hz, config.timeout), (20, 5));
        let both = [
            ("hash-max-listpack-entries", "1"),
            ("hash-max-ziplist-entries", "2"),
        ];
        assert_eq!(
            set(&mut config, &both),
            Ok(vec!["hash-max-listpack-entries"])
        );
        assert_eq!(config.hash_max_listpack_entries, 2);
    }

    #[test]
    fn the_first_name_that_cannot_be_set_decides_the_error() {
        refused(
            &[("nosuch", "1")],
            "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'",
        );
        refused(
            &[("nosuch\0x", "1")],
            "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'",
        );
        refused(
            &[("timeout", "1"), ("nosuch", "1")],
            "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'",
        );
        let immutable = "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config";
        refused(&[("databases", "1"), ("nosuch", "2")], immutable);
        refused(&[("timeout", "abc"), ("databases", "2")], immutable);
        refused(
            &[("timeout", "9"), ("TimeOut", "abc")],
            "ERR CONFIG SET failed (possibly related to argument 'TimeOut') - duplicate parameter",
        );
        refused(
            &[("HASH-max-ziplist-ENTRIES", "abc")],
            "ERR CONFIG SET failed (possibly related to argument 'hash-max-ziplist-entries') - argument couldn't be parsed into an integer",
        );
        refused_value("dbfilename", "x", "can't set protected config");
    }

    #[test]
    fn protected_options_open_to_whom_they_are_opened_for() {
        let pairs: [(&[u8], &[u8]); 1] = [(b"dbfilename", b"x")];
        let mut config = Config {
            enable_protected_configs: Permission::Local,
            ..Config::default()
        };
        assert!(config.set(&pairs, Asker::Remote).is_err());
        assert!(config.set(&pairs, Asker::Local).is_ok());
        config.enable_protected_configs = Permission::Yes;
        assert!(config.set(&pairs, Asker::Remote).is_ok());
    }

    #[test]
    fn values_are_refused_in_the_words_of_redis() {
        for (name, value, reason) in [
            ("appendonly", "maybe", "argument must be 'yes' or 'no'"),
            (
                "timeout",
                "zz",
                "argument couldn't be parsed into an integer",
            ),
            (
                "timeout",
                "05",
                "argument couldn't be parsed into an integer",
            ),
            ("timeout", "", "argument couldn't be parsed into an integer"),
            (
                "timeout",
                "1\0x",
                "argument couldn't be parsed into an integer",
            ),
            (
                "timeout",
                "-1",
                "argument must be between 0 and 2147483647 inclusive",
            ),
            (
                "slowlog-log-slower-than",
                "-2",
                "argument must be between -1 and 9223372036854775807 inclusive",
            ),
            (
                "list-max-listpack-size",
                "4294967296",
                "argument must be between -2147483648 and 2147483647 inclusive",
            ),
            (
                "hash-max-listpack-entries",
                "-1",
                "argument must be greater or equal to 0",
            ),
            ("maxclients", "-1", "argument must be greater or equal to 0"),
            (
                "maxclients",
                "0",
                "argument must be between 1 and 4294967295 inclusive",
            ),
            ("maxmemory", "zz", "argument must be a memory value"),
            (
                "maxmemory",
                "18446744073709551615",
                "argument must be greater or equal to 0",
            ),
            (
                "proto-max-bulk-len",
                "18446744073709551615",
                "argument must be between 1048576 and 9223372036854775807 inclusive",
            ),
            (
                "client-query-buffer-limit",
                "1",
                "argument must be between 1048576 and 9223372036854775807 inclusive",
            ),
            (
                "maxmemory-clients",
                "1.5%",
                "argument must be a memory or percent value",
            ),
            (
                "maxmemory-clients",
                "101%",
                "percentage argument must be less or equal to 100",
            ),
            (
                "maxmemory-clients",
                "18446744073709551515",
                "percentage argument must be less or equal to 100",
            ),
            (
                "loglevel",
                "x",
                "argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
            ),
            (
                "shutdown-on-sigint",
                "",
                "argument(s) must be one of the following: default, save, nosave, now, force",
            ),
            (
                "shutdown-on-sigint",
                "save nosave",
                "shutdown options SAVE and NOSAVE can't be used simultaneously",
            ),
            ("locale-collate", "en_US.UTF-8", "Invalid locale name"),
            ("save", "900", "Invalid save parameters"),
            ("save", "900  1", "Invalid save parameters"),
            ("save", "0 1", "Invalid save parameters"),
            ("save", "1 -1", "Invalid save parameters"),
            (
                "client-output-buffer-limit",
                "normal 1 1",
                "Wrong number of arguments in buffer limit configuration.",
            ),
            (
                "client-output-buffer-limit",
                "master 1 1 1",
                "Invalid client class specified in buffer limit configuration.",
            ),
            (
                "client-output-buffer-limit",
                "normal 1 1 -1",
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
            ),
            (
                "notify-keyspace-events",
                "KEr",
                "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
            ),
            ("oom-score-adj-values", "1 2", "wrong number of arguments"),
            (
                "oom-score-adj-values",
                "1 2 2001",
                "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
            ),
            (
                "latency-tracking-info-percentiles",
                "50 abc",
                "Invalid latency-tracking-info-percentiles parameters",
            ),
            (
                "latency-tracking-info-percentiles",
                "100.1",
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
            ),
        ] {
            refused_value(name, value, reason);
        }
        refused_value(
            "bind",
            &["127.0.0.1"; 17].join(" "),
            "Too many bind addresses specified.",
        );
    }

    #[test]
    fn values_are_shown_as_redis_shows_them() {
        for (name, value, expected) in [
            ("appendonly", "YES", "yes"),
            ("maxmemory", "1gb", "1073741824"),
            ("maxmemory", "", "0"),
            ("maxmemory-policy", "Volatile-LRU", "volatile-lru"),
            ("maxmemory-clients", "5%", "5%"),
            ("maxmemory-clients", "0%", "0"),
            ("maxmemory-clients", "18446744073709551516", "100%"),
            ("hz", "1000", "500"),
            ("hz", "0", "1"),
            ("oom-score-adj", "relative", "yes"),
            ("requirepass", "x y", "x y"),
            ("save", "900 1 300 10", "900 1 300 10"),
            ("save", "", ""),
            ("save", "\t+900 ", "900 0"),
            ("save", "1 9999999999", "1 1410065407"),
            (
                "client-output-buffer-limit",
                "",
                "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
            ),
            (
                "client-output-buffer-limit",
                "NORMAL 1mb 2k 3 replica 2 2 2 pubsub 0 0 99999999999",
                "normal 1048576 2000 3 slave 2 2 2 pubsub 0 0 1215752191",
            ),
            ("bind", "127.0.0.1  -::1", "127.0.0.1  -::1"),
            ("notify-keyspace-events", "KEA", "AKE"),
            ("notify-keyspace-events", "KEg$lshzxetd", "AKE"),
            ("notify-keyspace-events", "mcoK$lshzxetdn", "$lshzxetdnocKm"),
            ("notify-keyspace-events", "KEAmno", "AKEm"),
            ("shutdown-on-sigint", "force SAVE default", "save force"),
            ("shutdown-on-sigint", "default", "default"),
            (
                "latency-tracking-info-percentiles",
                "0x10 99.9 99.99999999 1e1",
                "16 99.9 100 10",
            ),
            ("latency-tracking-info-percentiles", "", ""),
            ("oom-score-adj-values", "-2000 0 2000", "-2000 0 2000"),
            ("repl-backlog-size", "1kb", "16384"),
            ("masteruser", "a\0b", "a"),
            ("masterauth", "a\0b", "a\\x00b"),
            ("save", "900 1\0x", "900 1"),
        ] {
            accepted(name, value, expected);
        }
    }

    #[test]
    fn names_are_answered_as_asked_and_patterns_in_table_order() {
        let config = Config::default();
        assert_eq!(
            get(&config, &["TimeOut", "timeout", "time*", "nosuch"]),
            ["TimeOut=0"]
        );
        assert_eq!(
            get(&config, &["HASH-max-[lz]i*"]),
            [
                "hash-max-listpack-entries=512",
                "hash-max-ziplist-entries=512",
                "hash-max-listpack-value=64",
                "hash-max-ziplist-value=64"
            ]
        );
        assert_eq!(get(&config, &["\\timeout", ""]), [""; 0]);
        assert_eq!(get(&config, &["timeou\\t*"]), ["timeout=0"]);
    }

    #[test]
    fn secrets_are_known() {
        assert!(Config::is_sensitive(b"RequirePass"));
        assert!(!Config::is_sensitive(b"timeout"));
    }
}
