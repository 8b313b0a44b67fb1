//! Slow clients: readers that stop, read byte by byte or vanish, writers that dribble, stop half-way or are reset, and crowds that
//! say nothing. What is judged is what others see meanwhile, what is held for the slow ones, the bytes, and the limits; not how a
//! server achieves it.
//!
//! Every trial gives [`Figure`]s. Some have a bound: generous, and of the same size on any machine, because it is a multiple of
//! what is sent or of what a person would notice. When a real server was tried beside the target, its figures are a second bound.

mod crowds;
mod gauges;
mod readers;
mod witness;
mod writers;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::control::{Barrier, Control, Trouble};
use crate::server::{Origin, Server};
use gauges::{Memory, info};
use witness::{Witness, work};

/// How long another client may wait for an answer: ten times what a real server needs on a busy machine, a tenth of what a
/// person would call an outage. Nothing is held against a clock more closely than that.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// One kind of slowness.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// `readers/stopped`
    pub id: &'static str,
    /// What the slow ones do, and what must hold all the same.
    pub title: &'static str,
    /// Does it.
    run: fn(&mut Bench) -> Result<(), Verdict>,
}

/// Every trial there is.
pub static TRIALS: &[Trial] = &[
    Trial {
        id: "readers/stopped",
        title: "A reader stops with 64 MiB outstanding: others are served, and it gets every byte when it goes on",
        run: readers::stopped,
    },
    Trial {
        id: "readers/byte-by-byte",
        title: "50 readers read 1 MiB one byte at a time for a while: others are served, and they get every byte",
        run: readers::byte_by_byte,
    },
    Trial {
        id: "readers/vanished",
        title: "200 readers ask for 1 MiB each, never read and vanish: others are served, and the server forgets them",
        run: readers::vanished,
    },
    Trial {
        id: "readers/over-the-limit",
        title: "A reader that stops beyond client-output-buffer-limit is cut, what it got is right, and nobody else is cut",
        run: readers::over_the_limit,
    },
    Trial {
        id: "writers/dribbling",
        title: "A writer sends one byte at a time: others are served between any two, and it is answered",
        run: writers::dribbling,
    },
    Trial {
        id: "writers/half-sent",
        title: "1,000 clients send half a command each: others are served, and each is answered when it goes on",
        run: writers::half_sent,
    },
    Trial {
        id: "writers/half-closed",
        title: "200 clients send a command and FIN: each is answered and then closed, and the server forgets them",
        run: writers::half_closed,
    },
    Trial {
        id: "writers/reset",
        title: "500 clients are reset in the middle of a SET: none is executed, and the server forgets them",
        run: writers::reset,
    },
    Trial {
        id: "crowds/idle",
        title: "10,000 clients connect and say nothing: others are served, and each costs little",
        run: crowds::idle,
    },
];

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Thousandths of a second.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// Things.
    Count,
}

/// A number that was measured, with what it may be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Of what: "99 of 100 came within".
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// How much.
    pub value: f64,
    /// How much it may be.
    pub at_most: Option<f64>,
    /// How much it may be beside a real server's: this many times as much, and this much more.
    pub beside: Option<(f64, f64)>,
}

/// What came of a trial on one server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The trial's id.
    pub trial: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// On which server.
    pub server: String,
    /// Whether what must hold held.
    pub verdict: Verdict,
    /// What was measured, in a fixed order for every trial.
    pub figures: Vec<Figure>,
    /// What limited the trial itself, if something did: "only 900 clients, …".
    pub notes: Vec<String>,
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome", content = "why")]
pub enum Verdict {
    /// It held.
    Held,
    /// It did not: what was due and what came.
    Failed(String),
    /// The server does not allow what the trial needs: why.
    NotApplicable(String),
    /// The server is gone, or stuck.
    Lost(String),
}

impl From<Trouble> for Verdict {
    fn from(trouble: Trouble) -> Verdict {
        match trouble {
            // That is the very thing a slow client must not achieve.
            Trouble::Stuck => Verdict::Failed(trouble.to_string()),
            Trouble::Lost(_) | Trouble::Confused(_) => Verdict::Lost(trouble.to_string()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Held => f.write_str("held"),
            Verdict::Failed(why) => write!(f, "FAILED: {why}"),
            Verdict::NotApplicable(why) => write!(f, "does not apply: {why}"),
            Verdict::Lost(why) => write!(f, "LOST: {why}"),
        }
    }
}

impl Figure {
    fn new(name: &'static str, unit: Unit, value: f64) -> Figure {
        Figure {
            name,
            unit,
            value,
            at_most: None,
            beside: None,
        }
    }

    fn bytes(name: &'static str, bytes: u64) -> Figure {
        // Precise to 8 PiB.
        Figure::new(name, Unit::Bytes, bytes as f64)
    }

    fn count(name: &'static str, count: usize) -> Figure {
        Figure::new(name, Unit::Count, count as f64)
    }

    fn at_most(self, bound: f64) -> Figure {
        Figure {
            at_most: Some(bound),
            ..self
        }
    }

    fn beside(self, times: f64, more: f64) -> Figure {
        Figure {
            beside: Some((times, more)),
            ..self
        }
    }

    /// Whether it is more than it may be.
    pub fn is_too_much(&self) -> bool {
        self.at_most.is_some_and(|bound| self.value > bound)
    }

    /// Whether it is more than it may be beside a real server's.
    pub fn is_too_much_beside(&self, real: &Figure) -> bool {
        self.beside
            .is_some_and(|(times, more)| self.value > real.value * times + more)
    }

    /// A number of the same unit, for a person.
    pub fn shown(&self, value: f64) -> String {
        match self.unit {
            Unit::Milliseconds => format!("{value:.1} ms"),
            Unit::Count => format!("{value:.0}"),
            Unit::Bytes if value.abs() < 10_240.0 => format!("{value:.0} B"),
            Unit::Bytes if value.abs() < 10_485_760.0 => format!("{:.0} KiB", value / 1024.0),
            Unit::Bytes => format!("{:.0} MiB", value / 1_048_576.0),
        }
    }
}

impl Measured {
    /// What is more than it may be beside the same trial on a real server.
    pub fn worse_than(&self, real: &Measured) -> Vec<String> {
        let pairs = self.figures.iter().filter_map(|own| {
            let other = real.figures.iter().find(|other| other.name == own.name)?;
            own.is_too_much_beside(other).then(|| {
                let (own_shown, other_shown) = (own.shown(own.value), own.shown(other.value));
                format!(
                    "{}: {own_shown}, {} has {other_shown}",
                    own.name, real.server
                )
            })
        });
        pairs.collect()
    }
}

impl Trial {
    /// Runs it on a server of its own, or on the one that was joined. Others may have to wait for an answer as long as
    /// `patience`, and no longer: usually [`PATIENCE`].
    pub fn run(&self, origin: &Origin, patience: Duration) -> Measured {
        let mut measured = Measured {
            trial: self.id,
            title: self.title,
            server: origin.to_string(),
            verdict: Verdict::Held,
            figures: Vec::new(),
            notes: Vec::new(),
        };
        let mut server = match Server::start(origin) {
            Ok(server) => server,
            Err(error) => {
                measured.verdict = Verdict::Lost(error.to_string());
                return measured;
            }
        };
        let outcome = Bench::open(&server, patience).and_then(|mut bench| {
            let outcome = (self.run)(&mut bench);
            measured.figures = std::mem::take(&mut bench.figures);
            measured.notes = std::mem::take(&mut bench.notes);
            // The next trial, or the owner of a joined server, gets it back empty.
            bench.control.command(&[b"FLUSHALL"])?;
            outcome
        });
        measured.verdict = outcome.err().unwrap_or(Verdict::Held);
        if let Some(figure) = measured.figures.iter().find(|figure| figure.is_too_much())
            && measured.verdict == Verdict::Held
        {
            let bound = figure.at_most.unwrap_or_default();
            measured.verdict = Verdict::Failed(format!(
                "{}: {}, which is more than {}",
                figure.name,
                figure.shown(figure.value),
                figure.shown(bound)
            ));
        }
        if let Verdict::Failed(_) | Verdict::Lost(_) = measured.verdict
            && let Some(death) = server.death()
        {
            measured.verdict = Verdict::Lost(death.to_string());
        }
        measured
    }
}

/// What a trial works with.
struct Bench {
    control: Control,
    pid: Option<u32>,
    patience: Duration,
    /// Before anything was slow.
    before: Memory,
    connected: Option<u64>,
    /// How long the judge itself waited when it worked.
    delays: Vec<Duration>,
    figures: Vec<Figure>,
    notes: Vec<String>,
}

impl Bench {
    fn open(server: &Server, patience: Duration) -> Result<Bench, Verdict> {
        let mut control = Control::connect(server.address(), Barrier::Ping)?;
        control.set_patience(patience)?;
        control.command(&[b"FLUSHALL"])?;
        Ok(Bench {
            before: Memory::now(&mut control, server.pid())?,
            connected: info(&mut control, "clients", "connected_clients")?,
            control,
            pid: server.pid(),
            patience,
            delays: Vec::new(),
            figures: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// Measures from now on against a server that holds what the trial put into it.
    fn weigh(&mut self) -> Result<(), Verdict> {
        self.before = Memory::now(&mut self.control, self.pid)?;
        Ok(())
    }

    fn witness(&self) -> Result<Witness, Verdict> {
        Witness::start(&self.control)
    }

    /// Works at the moment when it matters most: some trials are over before the witness has seen much.
    fn work(&mut self) -> Result<(), Verdict> {
        const ROUNDS: usize = 50;
        (0..ROUNDS).try_for_each(|_| work(&mut self.control, "judge", &mut self.delays))
    }

    /// Keeps what the witness saw.
    fn hear(&mut self, witness: Witness) -> Result<(), Verdict> {
        let delays = std::mem::take(&mut self.delays);
        self.figures.extend(witness.finish(delays, self.patience)?);
        Ok(())
    }

    /// Keeps what the server holds now beyond what it held before. It may be so many bytes.
    fn hold(&mut self, at_most: f64) -> Result<(), Verdict> {
        let now = Memory::now(&mut self.control, self.pid)?;
        let grown = |before: Option<u64>, now: Option<u64>| Some(now?.saturating_sub(before?));
        if let Some(bytes) = grown(self.before.used, now.used) {
            let held = Figure::bytes("memory it says it uses more", bytes).at_most(at_most);
            self.figures.push(held.beside(3.0, 32e6));
        }
        if let Some(bytes) = grown(self.before.resident, now.resident) {
            let held = Figure::bytes("resident memory more", bytes).at_most(at_most);
            self.figures.push(held.beside(3.0, 32e6));
        }
        Ok(())
    }

    /// Waits until the server has forgotten everybody who came for the trial, as far as it tells.
    fn forgotten(&mut self) -> Result<(), Verdict> {
        let Some(before) = self.connected else {
            return Ok(());
        };
        let begun = std::time::Instant::now();
        let mut left = u64::MAX;
        while begun.elapsed() < self.patience {
            self.control.settle()?;
            let now = info(&mut self.control, "clients", "connected_clients")?;
            left = now.unwrap_or(before).saturating_sub(before);
            if left == 0 {
                let milliseconds = begun.elapsed().as_secs_f64() * 1000.0;
                let figure = Figure::new(
                    "they were forgotten within",
                    Unit::Milliseconds,
                    milliseconds,
                );
                self.figures.push(figure.beside(10.0, 500.0));
                return Ok(());
            }
        }
        Err(Verdict::Failed(format!(
            "{left} vanished clients are still connected"
        )))
    }
}
