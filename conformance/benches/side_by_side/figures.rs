//! What was measured, as it is stored: lines of values, one for each server and round, with what they are called. Knows
//! nothing of how they were measured or are shown.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::options::Settings;
use super::statistics;

/// A part of the benchmark that can be run by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Section {
    /// Commands a second and processor time per command
    Throughput,
    /// What one client's PING waits, alone and beside others; what idle connections cost
    Latency,
    /// Resident bytes: of the empty server, and per key
    Memory,
    /// What others wait while millions of keys are inserted
    Growth,
    /// What others wait while readers that never read hold replies
    Slow,
    /// Cost against the number of keys and of connections
    Size,
}

impl Section {
    pub(crate) const ALL: [Section; 6] = [
        Section::Throughput,
        Section::Latency,
        Section::Memory,
        Section::Growth,
        Section::Slow,
        Section::Size,
    ];

    /// Its heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Section::Throughput => "Throughput and processor time",
            Section::Latency => "Latency at a fixed rate, and idle connections",
            Section::Memory => "Resident memory",
            Section::Growth => "While the table grows",
            Section::Slow => "Beside readers that never read",
            Section::Size => "Cost against size",
        }
    }
}

/// A kind of value: its name, its unit, and which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) more_is_better: bool,
}

impl Figure {
    const fn cost(name: &'static str, unit: &'static str) -> Figure {
        Figure {
            name,
            unit,
            more_is_better: false,
        }
    }

    pub(crate) const CPU: Figure = Figure::cost("server CPU per command", "µs");
    pub(crate) const RATE: Figure = Figure {
        name: "commands a second",
        unit: "k/s",
        more_is_better: true,
    };
    pub(crate) const P50: Figure = Figure::cost("p50", "µs");
    pub(crate) const P99: Figure = Figure::cost("p99", "µs");
    pub(crate) const P999: Figure = Figure::cost("p99.9", "µs");
    pub(crate) const WORST: Figure = Figure::cost("worst", "µs");
    /// A p99 beside others over the p99 alone, in the same round on the same server.
    pub(crate) const P99_CHANGE: Figure = Figure::cost("p99 over p99 alone", "×");
    pub(crate) const EMPTY: Figure = Figure::cost("resident", "MB");
    pub(crate) const PER_KEY: Figure = Figure::cost("resident per key", "B");
    pub(crate) const PER_CONNECTION: Figure = Figure::cost("resident per connection", "B");
    pub(crate) const PER_READER: Figure = Figure::cost("resident per reader", "MiB");
    pub(crate) const IDLE_CPU: Figure = Figure::cost("server CPU per second", "ms");
}

/// What a line's size counts, when the line is a point of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Axis {
    Keys,
    Connections,
}

/// One figure of one work, of all servers in all rounds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) section: Section,
    pub(crate) work: String,
    pub(crate) figure: String,
    pub(crate) unit: String,
    pub(crate) more_is_better: bool,
    /// Where on a graph it stands, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<(Axis, u64)>,
    /// By server, then by round; null where it was not measured.
    pub(crate) values: Vec<Vec<Option<f64>>>,
    /// The servers for which the load was the limit in some round, by index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) load_was_the_limit: Vec<usize>,
}

impl Line {
    /// The median of a server's rounds.
    pub(crate) fn median(&self, server: usize) -> Option<f64> {
        statistics::median(self.values[server].iter().flatten().copied())
    }

    /// The spread of a server's rounds.
    pub(crate) fn spread(&self, server: usize) -> Option<f64> {
        let values: Vec<f64> = self.values[server].iter().flatten().copied().collect();
        statistics::spread(&values)
    }

    /// The median of the rounds' ratios to another server.
    pub(crate) fn ratio(&self, server: usize, reference: usize) -> Option<f64> {
        statistics::ratio(&self.values[server], &self.values[reference])
    }
}

/// Where it was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) virtual_machine: bool,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    /// The load average as it began, our server having just been built.
    pub(crate) load_before: f64,
    /// Which core the servers ran on, and the load, and the client whose delays were taken.
    pub(crate) server_core: usize,
    pub(crate) load_core: usize,
    pub(crate) probe_core: usize,
}

/// Who was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
    /// A version, a commit, or the command that starts it.
    pub(crate) version: String,
}

/// One run of the benchmark.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    /// When it began, UTC.
    pub(crate) made: String,
    /// How long it took.
    pub(crate) seconds: u64,
    /// The arguments of `just bench`.
    pub(crate) arguments: Vec<String>,
    pub(crate) machine: Machine,
    pub(crate) settings: Settings,
    pub(crate) servers: Vec<Named>,
    /// Which of the servers ratios are to, by index.
    pub(crate) reference: usize,
    /// How much of the measured time servers waited for their core, in percent, for each measurement of throughput: 0
    /// on a quiet machine.
    pub(crate) waited_percent: Vec<f64>,
    pub(crate) lines: Vec<Line>,
    /// What went wrong or must be known to read the figures.
    pub(crate) notes: Vec<String>,
}

impl Results {
    /// The line of that work and figure, if it was measured.
    pub(crate) fn line(&self, work: &str, figure: &str) -> Option<&Line> {
        self.lines
            .iter()
            .find(|line| line.work == work && line.figure == figure)
    }

    /// Notes something, once.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Where the values of one server in one round are written.
    pub(crate) fn sheet(&mut self, section: Section, server: usize, round: usize) -> Sheet<'_> {
        Sheet {
            results: self,
            section,
            server,
            round,
        }
    }
}

/// The page for one server in one round of one section.
pub(crate) struct Sheet<'a> {
    results: &'a mut Results,
    section: Section,
    server: usize,
    round: usize,
}

impl Sheet<'_> {
    /// Writes a value down.
    pub(crate) fn record(&mut self, work: &str, figure: Figure, value: f64) {
        let (server, round) = (self.server, self.round);
        self.line(work, figure).values[server][round] = Some(statistics::rounded(value));
    }

    /// Writes a value down that is a point of a graph.
    pub(crate) fn record_at(&mut self, work: &str, figure: Figure, at: (Axis, u64), value: f64) {
        self.line(work, figure).at = Some(at);
        self.record(work, figure, value);
    }

    /// Remembers that the server had to wait for the load.
    pub(crate) fn load_was_the_limit(&mut self, work: &str, figure: Figure) {
        let server = self.server;
        let line = self.line(work, figure);
        if !line.load_was_the_limit.contains(&server) {
            line.load_was_the_limit.push(server);
        }
    }

    /// Writes down how much of a measurement the server waited for its core.
    pub(crate) fn waited(&mut self, percent: f64) {
        self.results
            .waited_percent
            .push(statistics::rounded(percent));
    }

    /// Notes why a work has no value here.
    pub(crate) fn failed(&mut self, work: &str, error: &str) {
        let note = format!(
            "{}: {work}: {error}",
            self.results.servers[self.server].name
        );
        eprintln!("  {note}");
        self.results.note(note);
    }

    /// Notes what must be known to read the figures.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.results.note(note);
    }

    fn line(&mut self, work: &str, figure: Figure) -> &mut Line {
        let lines = &mut self.results.lines;
        let same = |line: &Line| line.work == work && line.figure == figure.name;
        let index = lines.iter().position(same).unwrap_or_else(|| {
            let rounds = vec![None; self.results.settings.rounds];
            lines.push(Line {
                section: self.section,
                work: work.to_owned(),
                figure: figure.name.to_owned(),
                unit: figure.unit.to_owned(),
                more_is_better: figure.more_is_better,
                at: None,
                values: vec![rounds; self.results.servers.len()],
                load_was_the_limit: Vec::new(),
            });
            lines.len() - 1
        });
        &mut lines[index]
    }
}
