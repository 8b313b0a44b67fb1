//! The command line of the benchmark, and the sizes and durations that follow from it.

use std::path::PathBuf;

use clap::Parser;
use serde::{Deserialize, Serialize};

use super::figures::Section;

/// Measure our server beside real ones: throughput, processor time, latency, memory, growth, slow readers, size.
///
/// Every server runs by itself, on one core, with the load on another, in turns (A B C A B C …); what is shown are the
/// medians of the rounds, their spread, and the ratio to the reference. Our server is built first; the others are the
/// installed oracles (`just oracles` brings them) and those of --peer. A default run with five oracles takes about 12
/// minutes, --quick about one. Let the machine do nothing else meanwhile.
#[derive(Debug, Parser)]
#[command(name = "just bench", bin_name = "just bench", version = None)]
pub(crate) struct Options {
    /// Only these sections; may be given several times or as a list with commas
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SECTION")]
    pub(crate) section: Vec<Section>,
    /// Only the works whose name has this in it, such as "GET 3 B" or "P=16"
    #[arg(long, value_name = "PATTERN")]
    pub(crate) only: Option<String>,
    /// Only the servers whose name has this in it, beside ours and the reference; may be given several times
    #[arg(long, value_delimiter = ',', value_name = "PATTERN")]
    pub(crate) server: Vec<String>,
    /// Another server: a name and the command that starts it, with {port} in it, and {dir} if it needs a folder
    #[arg(long, value_name = "NAME=COMMAND")]
    pub(crate) peer: Vec<String>,
    /// The server that the others are compared with
    #[arg(long, default_value = "redis-8.2.3", value_name = "NAME")]
    pub(crate) reference: String,
    /// Growth, slow and size of every server, not only of ours and the reference
    #[arg(long)]
    pub(crate) everywhere: bool,
    /// How often everything is measured (default 3; once with --quick)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: Option<u16>,
    /// Everything smaller and once, to see that it works; the figures are worth little
    #[arg(long, conflicts_with = "huge")]
    pub(crate) quick: bool,
    /// Also 5 M keys in memory, 10 M keys inserted, 10 M keys on the graph and 19,000 idle connections
    #[arg(long)]
    pub(crate) huge: bool,
    /// Connections of the load
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..10_000))]
    pub(crate) clients: u32,
    /// Different keys of the load (default 1,000,000)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..100_000_000))]
    pub(crate) keys: Option<u64>,
    /// How long one measurement of throughput lasts (default 0.25)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) seconds: Option<f64>,
    /// How long one measurement of latency lasts (default 1.2)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) probe_seconds: Option<f64>,
    /// What slow readers ask for, MiB each (default 64, less where memory is short)
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..1024))]
    pub(crate) reader_mib: Option<u32>,
    /// Where results.json, results.md and the pictures are written
    #[arg(long, default_value = "target/respect/bench", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Measure nothing: show and draw a results.json once more
    #[arg(long, value_name = "FILE")]
    pub(crate) render: Option<PathBuf>,
    /// Run a shell command beside each measurement of throughput, and interrupt it at the end: {pid} is the server's,
    /// {server} and {work} name what is measured. For `perf record`, `strace -c`, callgrind_control
    #[arg(long, value_name = "COMMAND")]
    pub(crate) profile: Option<String>,
    /// Passed by `cargo bench`; means nothing here
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.01..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected seconds between 0.01 and 3600, such as 0.5".to_owned()),
    }
}

/// How much of everything is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) rounds: usize,
    pub(crate) clients: usize,
    pub(crate) keys: u64,
    pub(crate) seconds: f64,
    pub(crate) probe_seconds: f64,
    /// PINGs a second of the client whose delays are taken.
    pub(crate) probe_rate: u32,
    /// Idle connections, ascending.
    pub(crate) idle: Vec<u64>,
    pub(crate) memory_keys: Vec<u64>,
    pub(crate) growth_keys: Vec<u64>,
    pub(crate) readers: usize,
    pub(crate) reader_mib: u64,
    /// The sizes of the graphs, ascending.
    pub(crate) size_keys: Vec<u64>,
    pub(crate) size_connections: Vec<u64>,
}

impl Options {
    /// The sections to run, in their own order.
    pub(crate) fn sections(&self) -> Vec<Section> {
        let wanted = |section: &Section| self.section.is_empty() || self.section.contains(section);
        Section::ALL.into_iter().filter(wanted).collect()
    }

    /// Whether a work of that name is to be measured.
    pub(crate) fn wants(&self, work: &str) -> bool {
        self.only.as_deref().is_none_or(|only| work.contains(only))
    }

    /// The sizes and durations of this run.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = if self.quick {
            Settings {
                rounds: 1,
                clients: 50,
                keys: 100_000,
                seconds: 0.1,
                probe_seconds: 0.3,
                probe_rate: 2_000,
                idle: vec![1_000],
                memory_keys: vec![100_000],
                growth_keys: vec![200_000],
                readers: 20,
                reader_mib: 4,
                size_keys: vec![10_000, 100_000],
                size_connections: vec![1, 10, 100, 1_000],
            }
        } else {
            Settings {
                rounds: 3,
                clients: 50,
                keys: 1_000_000,
                seconds: 0.25,
                probe_seconds: 1.2,
                probe_rate: 2_000,
                idle: vec![10_000],
                memory_keys: vec![1_000_000],
                growth_keys: vec![2_000_000],
                readers: 200,
                reader_mib: 64,
                size_keys: vec![10_000, 100_000, 1_000_000],
                size_connections: vec![1, 10, 100, 1_000, 10_000],
            }
        };
        if self.huge {
            settings.idle.push(19_000);
            settings.memory_keys.push(5_000_000);
            settings.growth_keys.push(10_000_000);
            settings.size_keys.push(10_000_000);
        }
        settings.clients = self.clients as usize;
        settings.rounds = self.rounds.map_or(settings.rounds, usize::from);
        settings.keys = self.keys.unwrap_or(settings.keys);
        settings.seconds = self.seconds.unwrap_or(settings.seconds);
        settings.probe_seconds = self.probe_seconds.unwrap_or(settings.probe_seconds);
        settings.reader_mib = self.reader_mib.map_or(settings.reader_mib, u64::from);
        settings
    }
}

impl Settings {
    /// The most connections that any section opens, with room for its own.
    pub(crate) fn connections_max(&self) -> u64 {
        let most = self.idle.iter().chain(&self.size_connections).max();
        most.copied().unwrap_or_default().max(self.clients as u64) + 400
    }
}

/// A count as people write it: 1,000,000.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
