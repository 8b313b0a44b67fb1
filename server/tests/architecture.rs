//! Holds the sources to the design: which module may name which, who may touch the operating system, where `unsafe` may be.
//!
//! It reads the sources as text: a line of code that names `crate::module` is an arrow to that module. Tests within the
//! sources may name whatever they like.

use std::fs;
use std::path::Path;

/// The layers, top down. A module may name those of the layers below its own, and of its own layer only itself.
const LAYERS: &[&[&str]] = &[
    &[
        "main",
        "allocator",
        "pages",
        "lib",
        "server",
        "embedded",
        "fuzzing",
    ],
    &["net", "host"],
    &["engine"],
    &["commands", "registry"],
    &["rdb"],
    &[
        "keyspace",
        "pubsub",
        "tracking",
        "monitor",
        "acl",
        "script",
        "persistence",
        "replication",
        "config",
        "stats",
    ],
    &["data", "resp"],
    &["text"],
];

/// Arrows that point elsewhere: from the files whose path begins so, to this module, and why there is no way around.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "server.rs",
        "embedded",
        "one builder prepares the engine for both ways to run it",
    ),
    (
        "registry/command.rs",
        "engine",
        "the constant that declares a command holds its handler, whose type names what a handler is given",
    ),
    (
        "registry/table.rs",
        "commands",
        "the table is built from the constants of all families",
    ),
    (
        "commands/",
        "engine",
        "the other end of the handler's type: what a command is given",
    ),
    (
        "commands/",
        "registry",
        "the constants are made of the registry's types",
    ),
    (
        "keyspace/changes.rs",
        "config",
        "the classes of events are exactly the values that notify-keyspace-events can have",
    ),
];

/// Words of the operating system and of chance, which make the same bytes give other answers.
const OUTSIDE: &[&str] = &[
    "std::net",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "Instant",
    "SystemTime",
    "mio",
    "nix",
    "socket2",
    "RandomState",
    // Seeded anew in each process, so the order of what they hold differs from run to run.
    "collections::HashMap",
    "collections::HashSet",
];

/// Who may use them: the shell, and what puts it together.
const SHELL: &[&str] = &[
    "net/",
    "host/",
    "main.rs",
    "pages.rs",
    "lib.rs",
    "server.rs",
    "embedded.rs",
];

/// The files with unsafe code, and why they cannot do without.
const UNSAFE: &[(&str, &str)] = &[
    (
        "allocator.rs",
        "the trait of the program's allocator is unsafe to implement",
    ),
    (
        "pages.rs",
        "an allocator hands out memory that nobody has a type for yet",
    ),
    (
        "data/prefetch.rs",
        "the instruction that fetches memory is only to be had as an unsafe function",
    ),
    (
        "keyspace/entry.rs",
        "one allocation of varying length for a key and all that belongs to it",
    ),
    (
        "data/block.rs",
        "one allocation of varying length that knows its own length for a small collection",
    ),
    (
        "data/thin.rs",
        "one allocation of varying length for a member of a large collection",
    ),
];

/// One line of code, without comments and tests.
struct Line<'a> {
    number: usize,
    code: &'a str,
}

/// The code of a source file: without comments, without the tests at its end, and without what else is only for tests.
fn code(source: &str) -> impl Iterator<Item = Line<'_>> {
    let tests = source
        .match_indices("#[cfg(test)]\nmod ")
        .find(|(at, found)| {
            let line = source[at + found.len()..].lines().next();
            line.is_some_and(|line| line.ends_with('{'))
        });
    let end = tests.map_or(source.len(), |(at, _)| at);
    let mut test_only = false;
    source[..end]
        .lines()
        .enumerate()
        .filter(move |(_, line)| {
            let skipped = std::mem::replace(&mut test_only, line.trim() == "#[cfg(test)]");
            !skipped
        })
        .map(|(index, line)| Line {
            number: index + 1,
            code: line.split("//").next().unwrap_or_default(),
        })
}

/// The modules at the top that a line of code names.
fn named(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).filter_map(|rest| {
        let end = rest
            .find(|c: char| !(c.is_ascii_lowercase() || c == '_'))
            .unwrap_or(rest.len());
        // What follows is a type or a macro of the root where it is no module's name.
        (end > 0).then(|| &rest[..end])
    })
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The module at the top that a file belongs to.
fn module(path: &str) -> &str {
    let first = path.split('/').next().unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(first)
}

fn may_name(path: &str, target: &str) -> bool {
    let from = module(path);
    let exempt = EXCEPTIONS
        .iter()
        .any(|(start, to, _)| path.starts_with(start) && *to == target);
    let below = match (layer(from), layer(target)) {
        (Some(from), Some(target)) => target > from,
        _ => false,
    };
    from == target || exempt || below
}

/// Whether `text` holds `word` as a whole word.
fn holds_word(text: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(joins) && !text[at + word.len()..].starts_with(joins))
}

/// Everything in a file that the design does not allow.
fn faults(path: &str, source: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let is_shell = SHELL.iter().any(|start| path.starts_with(start));
    if layer(module(path)).is_none() {
        faults.push(format!("{path}: is in no layer; give it one"));
    }
    for Line { number, code } in code(source) {
        for target in named(code).filter(|target| !may_name(path, target)) {
            faults.push(format!("{path}:{number}: may not name crate::{target}"));
        }
        if code.contains("super::super::") || code.contains("crate::{") {
            faults.push(format!(
                "{path}:{number}: hides from this test what it names"
            ));
        }
        for word in OUTSIDE {
            if !is_shell && holds_word(code, word) {
                faults.push(format!("{path}:{number}: {word} is for the shell only"));
            }
        }
        let chance = code.contains("fastrand::") && !code.contains("fastrand::Rng");
        if !is_shell && chance {
            faults.push(format!(
                "{path}:{number}: chance must come from the engine's seed"
            ));
        }
        if holds_word(code, "unsafe") && !UNSAFE.iter().any(|(allowed, _)| *allowed == path) {
            faults.push(format!("{path}:{number}: unsafe has no place here"));
        }
    }
    faults
}

/// All Rust files below a folder, with their paths from there.
fn sources(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("the sources can be read");
        for entry in entries {
            let path = entry.expect("the sources can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("it was found there");
                let source = fs::read_to_string(&path).expect("sources are text");
                found.push((name.to_string_lossy().replace('\\', "/"), source));
            }
        }
    }
    found.sort();
    found
}

fn server() -> Vec<(String, String)> {
    let mut files = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    // Files of tests alone are declared under cfg(test).
    let tests = |path: &str| path.ends_with("/tests.rs") || path.starts_with("engine/simulate");
    files.retain(|(path, _)| !tests(path));
    files
}

#[test]
fn every_arrow_is_allowed() {
    let files = server();
    assert!(files.len() > 40, "only {} sources were found", files.len());
    let faults: Vec<String> = files
        .iter()
        .flat_map(|(path, source)| faults(path, source))
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn no_exception_outlives_its_reason() {
    let files = server();
    for (start, target, _) in EXCEPTIONS {
        let used = files.iter().any(|(path, source)| {
            path.starts_with(start)
                && code(source).any(|line| named(line.code).any(|t| t == *target))
        });
        assert!(used, "{start} names crate::{target} no more");
    }
    for (path, _) in UNSAFE {
        let used = files.iter().any(|(file, source)| {
            file == path && code(source).any(|line| holds_word(line.code, "unsafe"))
        });
        assert!(used, "{path} has no unsafe code any more");
    }
}

#[test]
fn the_judge_never_names_the_judged() {
    let conformance = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance");
    let files = sources(&conformance.join("src"));
    assert!(files.len() > 10, "only {} sources were found", files.len());
    let named: Vec<&String> = files
        .iter()
        .filter(|(_, source)| holds_word(source, "respect_server"))
        .map(|(path, _)| path)
        .collect();
    assert!(named.is_empty(), "{named:?} name the server's crate");
    let manifest = fs::read_to_string(conformance.join("Cargo.toml")).expect("it has a manifest");
    let depends = manifest.lines().any(|line| {
        line.trim_start().starts_with("respect-server") || line.contains("path = \"../server\"")
    });
    assert!(!depends, "the judge depends on the judged");
}

#[test]
fn what_is_forbidden_is_found() {
    let found = |path, source| !faults(path, source).is_empty();
    let arrows = [
        ("text/glob.rs", "use crate::resp::error::Error;"),
        ("resp/reply.rs", "use crate::data::list::List;"),
        ("keyspace/db.rs", "use crate::engine::Engine;"),
        ("keyspace/db.rs", "use crate::stats::Stats;"),
        ("registry/table.rs", "use crate::engine::Engine;"),
        ("engine/call.rs", "    let log = crate::host::log::set(1);"),
        ("net/link.rs", "use crate::host::System;"),
        ("engine/turn.rs", "use super::super::net;"),
        ("engine/turn.rs", "use crate::{net, text};"),
        (
            "engine/turn.rs",
            "#[cfg(test)]\nmod tests;\nuse crate::net::Link;",
        ),
        ("helpers/mod.rs", ""),
    ];
    let outside = [
        ("engine/cron.rs", "use std::time::{Duration, Instant};"),
        ("commands/key.rs", "    let file = std::fs::read(path);"),
        ("engine/mod.rs", "use mio::Poll;"),
        ("commands/set.rs", "    let one = fastrand::usize(..3);"),
        ("engine/client.rs", "use std::collections::HashMap;"),
        ("net/link.rs", "    unsafe { libc::close(fd) };"),
    ];
    for (path, source) in arrows.into_iter().chain(outside) {
        assert!(found(path, source), "{path} may hold {source:?}");
    }
    let allowed = [
        ("engine/call.rs", "use crate::keyspace::db::Keys;"),
        (
            "engine/call.rs",
            "// crate::net is far away, and so is unsafe",
        ),
        ("commands/key.rs", "use crate::engine::Data;"),
        ("engine/cron.rs", "use std::time::Duration;"),
        (
            "text/mod.rs",
            "#[cfg(test)]\nuse crate::embedded::Embedded;",
        ),
        ("host/system.rs", "use std::time::Instant;"),
        ("lib.rs", "#![deny(unsafe_code)]"),
    ];
    for (path, source) in allowed {
        assert!(!found(path, source), "{path} may not hold {source:?}");
    }
}
