//! Counts the instructions that the hot paths take, and fails where one takes more than the stored baseline allows.
//!
//! Unlike times, instruction counts hardly wobble on a machine that does other work too. The program runs itself once
//! under callgrind, which writes what it has counted whenever [`counted_exchange`] returns. The engine is driven through its public face, without sockets, so neither system calls nor clocks are counted.
//!
//! `--save` makes what was counted the baseline. Needs `valgrind`.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

use respect_server::{Connection, Embedded};

/// Beside this file, so that a change and what it costs are one commit.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");

/// More than the baseline by this much is a failure; less by this much is worth a new baseline.
const SLACK_PERCENT: f64 = 5.0;

/// The word that makes the program the counted one instead of the one that judges.
const COUNTED: &str = "--counted";

/// So many keys that looking one up is what it is in a large keyspace.
const KEYS: usize = 10_000;

/// One path through the server: what is sent at once, how often, and what one count of it is divided by.
struct Case {
    name: String,
    bytes: Vec<u8>,
    times: usize,
    commands: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == COUNTED) {
        run_all();
        return ExitCode::SUCCESS;
    }
    let save = arguments.iter().any(|argument| argument == "--save");
    match count_all().and_then(|counts| judge(&counts, save)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What callgrind counts.
#[inline(never)]
fn counted_exchange(redis: &mut Embedded, client: Connection, bytes: &[u8], times: usize) {
    for _ in 0..times {
        redis.exchange(client, bytes);
    }
}

/// Plays every case twice. The first time warms up; the second is all that happens between two returns, so it is counted
/// alone.
fn run_all() {
    let mut redis = Embedded::new(1);
    let client = redis.connect();
    for index in 0..KEYS {
        redis.exchange(client, &set(index, 3));
        redis.exchange(
            client,
            &command(&[b"SET", &key("number", index), b"1000000"]),
        );
        for collection in collections(index) {
            redis.exchange(client, &collection);
        }
    }
    for case in cases() {
        counted_exchange(&mut redis, client, &case.bytes, case.times);
        counted_exchange(&mut redis, client, &case.bytes, case.times);
    }
    let half = redis.connect();
    let bytes = unfinished(1001);
    counted_exchange(&mut redis, half, b"", 1);
    counted_exchange(&mut redis, half, &bytes, 1);
}

fn cases() -> Vec<Case> {
    type Make = fn(usize) -> Vec<u8>;
    let paths: [(&str, Make, &[usize]); 14] = [
        ("PING", |_| command(&[b"PING"]), &[1, 16, 64]),
        ("GET", |i| command(&[b"GET", &key("key", i)]), &[1, 16, 64]),
        (
            "GET missing",
            |i| command(&[b"GET", &key("none", i)]),
            &[64],
        ),
        ("SET", |i| set(i, 3), &[1, 16, 64]),
        ("SET 64 B", |i| set(i, 64), &[64]),
        ("GET 64 B", |i| command(&[b"GET", &key("key", i)]), &[64]),
        (
            "INCR",
            |i| command(&[b"INCR", &key("number", i)]),
            &[1, 16, 64],
        ),
        ("MSET of 10", mset, &[1, 16]),
        // Collections of ten, which are as they were after each pair; a pair counts as one command.
        ("HGET", |i| on("hash", i, &["HGET", "5"]), &[16]),
        (
            "HSET of other lengths",
            |i| {
                let long = on("hash", i, &["HSET", "5", "something longer"]);
                [long, on("hash", i, &["HSET", "5", "element:5"])].concat()
            },
            &[16],
        ),
        (
            "HSET and HDEL",
            |i| {
                let added = on("hash", i, &["HSET", "new", "element:10"]);
                [added, on("hash", i, &["HDEL", "new"])].concat()
            },
            &[16],
        ),
        (
            "RPUSH and RPOP",
            |i| {
                let added = on("list", i, &["RPUSH", "element:10"]);
                [added, on("list", i, &["RPOP"])].concat()
            },
            &[16],
        ),
        (
            "SADD and SREM",
            |i| {
                let added = on("set", i, &["SADD", "1005"]);
                [added, on("set", i, &["SREM", "1005"])].concat()
            },
            &[16],
        ),
        (
            "ZADD and ZREM",
            |i| {
                let added = on("zset", i, &["ZADD", "5", "element:55"]);
                [added, on("zset", i, &["ZREM", "element:55"])].concat()
            },
            &[16],
        ),
    ];
    let mut cases = Vec::new();
    for (name, make, pipelines) in paths {
        for &pipeline in pipelines {
            let bytes = (0..pipeline).flat_map(|i| make(i * 97 % KEYS)).collect();
            let times = 640 / pipeline;
            cases.push(Case {
                name: format!("{name}, pipeline {pipeline}"),
                bytes,
                times,
                commands: pipeline * times,
            });
        }
    }
    cases
}

/// The counts by name, from one run of this program under callgrind.
fn count_all() -> Result<Vec<(String, f64)>, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let status = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--quiet",
            "--dump-after=*counted_exchange*",
        ])
        .arg(format!(
            "--callgrind-out-file={}",
            dir.path().join("part").display()
        ))
        .arg(env::current_exe()?)
        .arg(COUNTED)
        .status()
        .map_err(|error| format!("valgrind could not be started: {error}"))?;
    if !status.success() {
        return Err(format!("valgrind ended with {status}").into());
    }
    let mut counts = Vec::new();
    for case in cases() {
        let total = total(dir.path(), counts.len())?;
        counts.push((case.name, total / case.commands as f64));
    }
    let total = total(dir.path(), counts.len())?;
    counts.push(("reading one argument".to_owned(), total / 1000.0));
    Ok(counts)
}

/// The count of one call. Callgrind numbers its parts from 1, and every other one is a warm-up.
fn total(dir: &Path, call: usize) -> Result<f64, Box<dyn Error>> {
    let part = 2 * call + 2;
    let text = fs::read_to_string(dir.join(format!("part.{part}")))?;
    let line = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(line.ok_or("callgrind wrote no totals")?.trim().parse()?)
}

/// Holds the counts against the baseline; whether they pass.
fn judge(counts: &[(String, f64)], save: bool) -> Result<bool, Box<dyn Error>> {
    if save {
        let lines = counts
            .iter()
            .map(|(name, count)| format!("{count:.0} {name}\n"));
        let head = format!(
            "# Instructions a command on {}; written by --save.\n",
            env::consts::ARCH
        );
        fs::write(BASELINE, head + &lines.collect::<String>())?;
    }
    let baseline = fs::read_to_string(BASELINE)?;
    let baseline: BTreeMap<&str, f64> = baseline
        .lines()
        .filter_map(|line| {
            let (count, name) = line.split_once(' ')?;
            Some((name, count.parse().ok()?))
        })
        .collect();
    let (mut passed, mut improved) = (true, false);
    println!("instructions a command, and how they differ from the baseline");
    for (name, count) in counts {
        let change = baseline
            .get(name.as_str())
            .map(|before| (count / before - 1.0) * 100.0);
        let verdict = match change {
            None => "NO BASELINE",
            Some(percent) if percent > SLACK_PERCENT => "TOO MANY",
            Some(_) => "",
        };
        passed &= verdict.is_empty();
        improved |= change.is_some_and(|percent| percent < -SLACK_PERCENT);
        println!(
            "{count:8.0} {:+6.1} %  {name}  {verdict}",
            change.unwrap_or(0.0)
        );
    }
    if !passed {
        println!(
            "More than {SLACK_PERCENT} % too many. Where the reason is a good one: just instructions --save"
        );
    } else if improved {
        println!("Fewer than the baseline: just instructions --save keeps them so.");
    }
    Ok(passed)
}

/// A command as clients send it.
fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// 16 bytes.
fn key(kind: &str, index: usize) -> Vec<u8> {
    format!("{kind}:{index:0width$}", width = 15 - kind.len()).into_bytes()
}

fn set(index: usize, value_len: usize) -> Vec<u8> {
    command(&[b"SET", &key("key", index), &vec![b'v'; value_len]])
}

/// A command whose key comes behind its name.
fn on(kind: &str, index: usize, words: &[&str]) -> Vec<u8> {
    let key = key(kind, index);
    let mut words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    words.insert(1, &key);
    command(&words)
}

/// The commands that make collections of ten under this number: a hash, a list, a set of integers, a sorted set.
fn collections(index: usize) -> [Vec<u8>; 4] {
    let numbers: Vec<String> = (0..10).map(|i| i.to_string()).collect();
    let elements: Vec<String> = (0..10).map(|i| format!("element:{i}")).collect();
    let thousands: Vec<String> = (0..10).map(|i| (i * 1000).to_string()).collect();
    let pairs: Vec<String> = std::iter::zip(&numbers, &elements)
        .flat_map(|(number, element)| [number.clone(), element.clone()])
        .collect();
    [
        ("hash", "HSET", &pairs),
        ("list", "RPUSH", &elements),
        ("set", "SADD", &thousands),
        ("zset", "ZADD", &pairs),
    ]
    .map(|(kind, name, words)| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        on(kind, index, &[&[name], words.as_slice()].concat())
    })
}

fn mset(index: usize) -> Vec<u8> {
    let keys: Vec<Vec<u8>> = (0..10)
        .map(|i| key("key", (index + i * 31) % KEYS))
        .collect();
    let pairs = keys.iter().flat_map(|key| [key, b"val".as_slice()]);
    command(
        &std::iter::once(b"MSET".as_slice())
            .chain(pairs)
            .collect::<Vec<_>>(),
    )
}

/// A command of so many arguments whose last one has not come: all that is done with it is to read it.
fn unfinished(arguments: usize) -> Vec<u8> {
    let mut bytes = format!("*{arguments}\r\n").into_bytes();
    for index in 1..arguments {
        bytes.extend_from_slice(format!("$16\r\n{index:016}\r\n").as_bytes());
    }
    bytes
}
