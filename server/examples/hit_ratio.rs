//! Plays one trace of requests to two servers whose memory is full, and compares how often each still has what is asked for.
//!
//! A trace is what a cache sees: keys by Zipf's law, some far more popular than others; what is missing is stored. Both servers
//! are given the memory in which they hold the same number of keys, so that what differs is the choice of what goes.
//!
//! ```text
//! cargo run -p respect-server -- --port 6380 --save ''
//! redis-server --port 6379 --save ''
//! cargo run -p respect-server --example hit_ratio -- 127.0.0.1:6380 127.0.0.1:6379
//! ```
//!
//! Ends with an error where the ratios of any policy differ by more than a percentage point. Empties both servers.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// Keys that may be asked for, and how many of them there is room for.
const KEYS: usize = 20_000;
const ROOM: usize = 4_000;

/// Requests whose answers are counted; as many before them fill the cache.
const REQUESTS: usize = 150_000;

/// Requests sent together.
const BATCH: usize = 100;

/// Idle times are kept in seconds, so a trace must last many of them.
const LASTING: Duration = Duration::from_secs(24);

const VALUE_LEN: usize = 100;

/// Percentage points.
const TOLERANCE: f64 = 1.0;

const POLICIES: [&str; 7] = [
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-ttl",
    "volatile-random",
];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let addresses: Vec<String> = std::env::args().skip(1).collect();
    let [ours, theirs] = addresses.as_slice() else {
        return Err("usage: hit_ratio ADDRESS ADDRESS".into());
    };
    let mut servers = [Server::connect(ours)?, Server::connect(theirs)?];
    println!("{:16} {ours:>16} {theirs:>16}", "");
    let mut worst: f64 = 0.0;
    for policy in POLICIES {
        for server in &mut servers {
            server.prepare(policy)?;
        }
        let [ours, theirs] = play(&mut servers, policy)?;
        let [our_keys, their_keys] = [servers[0].ask("DBSIZE")?, servers[1].ask("DBSIZE")?];
        println!(
            "{policy:16} {ours:15.2}% {theirs:15.2}% {:+.2} with {} and {} keys",
            ours - theirs,
            our_keys.unwrap_or_default(),
            their_keys.unwrap_or_default()
        );
        worst = worst.max((ours - theirs).abs());
    }
    for server in &mut servers {
        server.ask("CONFIG SET maxmemory 0 maxmemory-policy noeviction")?;
        server.ask("FLUSHALL")?;
    }
    if worst > TOLERANCE {
        return Err(format!("they differ by {worst:.2} percentage points").into());
    }
    Ok(())
}

/// The hit ratio of each server, in percent.
fn play(servers: &mut [Server; 2], policy: &str) -> Result<[f64; 2]> {
    let popularity = zipf();
    let mut rng = fastrand::Rng::with_seed(7);
    let mut hits = [0_usize; 2];
    let started = Instant::now();
    for sent in (0..2 * REQUESTS).step_by(BATCH) {
        let asked: Vec<usize> = (0..BATCH)
            .map(|_| {
                let chance = rng.f64();
                popularity
                    .partition_point(|&up_to| up_to < chance)
                    .min(KEYS - 1)
            })
            .collect();
        for (server, hits) in servers.iter_mut().zip(&mut hits) {
            let count = server.request(&asked, policy.starts_with("volatile"))?;
            *hits += if sent < REQUESTS { 0 } else { count };
        }
        let due = LASTING * (sent as u32) / (2 * REQUESTS as u32);
        thread::sleep(due.saturating_sub(started.elapsed()));
    }
    Ok(hits.map(|hits| 100.0 * hits as f64 / REQUESTS as f64))
}

/// By the rank of a key, how likely it or a more popular one is asked for.
fn zipf() -> Vec<f64> {
    let sum: f64 = (1..=KEYS).map(|rank| 1.0 / rank as f64).sum();
    let mut up_to = 0.0;
    (1..=KEYS)
        .map(|rank| {
            up_to += 1.0 / rank as f64 / sum;
            up_to
        })
        .collect()
}

struct Server {
    stream: BufReader<TcpStream>,
}

impl Server {
    fn connect(address: &str) -> Result<Server> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Server {
            stream: BufReader::new(stream),
        })
    }

    /// Empties it, and gives it the memory that it needs for [`ROOM`] keys.
    fn prepare(&mut self, policy: &str) -> Result<()> {
        self.ask("CONFIG SET maxmemory 0")?;
        self.ask("FLUSHALL")?;
        let volatile = policy.starts_with("volatile");
        for key in 0..ROOM {
            self.send(&store(key, volatile))?;
            self.reply()?;
        }
        let memory = self.ask("INFO memory")?.unwrap_or_default();
        let used = memory
            .lines()
            .find_map(|line| line.strip_prefix("used_memory:"))
            .ok_or("INFO tells no used_memory")?
            .to_owned();
        self.ask("FLUSHALL")?;
        self.ask(&format!(
            "CONFIG SET maxmemory-policy {policy} maxmemory {used}"
        ))?;
        Ok(())
    }

    /// Asks for keys and stores those that are missing.
    ///
    /// # Returns
    /// how many were there.
    fn request(&mut self, keys: &[usize], volatile: bool) -> Result<usize> {
        let gets: Vec<String> = keys
            .iter()
            .map(|key| format!("GET {}\r\n", name(*key)))
            .collect();
        self.send(&gets.concat())?;
        let mut missing = Vec::new();
        for key in keys {
            if self.reply()?.is_none() {
                missing.push(*key);
            }
        }
        let stores: Vec<String> = missing.iter().map(|key| store(*key, volatile)).collect();
        self.send(&stores.concat())?;
        for _ in &missing {
            self.reply()?;
        }
        Ok(keys.len() - missing.len())
    }

    fn ask(&mut self, command: &str) -> Result<Option<String>> {
        self.send(&format!("{command}\r\n"))?;
        self.reply()
    }

    fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.get_mut().write_all(text.as_bytes())?)
    }

    /// One line or one string; a null is `None`.
    fn reply(&mut self) -> Result<Option<String>> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let line = line.trim_end();
        match line.split_at_checked(1) {
            Some(("$", "-1")) => Ok(None),
            Some(("$", len)) => {
                let mut text = vec![0; len.parse::<usize>()? + 2];
                self.stream.read_exact(&mut text)?;
                Ok(Some(String::from_utf8(text)?))
            }
            Some(("-", error)) => Err(error.to_owned().into()),
            _ => Ok(Some(line.to_owned())),
        }
    }
}

fn name(key: usize) -> String {
    format!("key:{key:012}")
}

fn store(key: usize, volatile: bool) -> String {
    let value = "x".repeat(VALUE_LEN);
    let name = name(key);
    if volatile {
        // What lives long is not what is popular.
        let seconds = 1000 + key * 7919 % 9973;
        format!("SET {name} {value} EX {seconds}\r\n")
    } else {
        format!("SET {name} {value}\r\n")
    }
}
