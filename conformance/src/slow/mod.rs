//! Slow clients: readers that stop, readers that never begin, writers that dribble, commands that are never finished. What
//! is judged is what others see meanwhile, the bytes, and the limits; not how a server achieves it.

mod readers;
mod witness;
mod writers;

use std::fmt;
use std::time::Duration;

use crate::control::{Barrier, Control, Trouble};
use crate::server::{Origin, Server};

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
    run: fn(&mut Control) -> Result<String, Verdict>,
}

/// Every trial there is.
pub static TRIALS: &[Trial] = &[
    Trial {
        id: "readers/stopped",
        title: "A reader stops with 64 MiB outstanding: others are served, and it gets every byte when it goes on",
        run: readers::stopped,
    },
    Trial {
        id: "readers/never",
        title: "200 readers ask for 1 MiB each and never read: others are served, and are rid of them when they go",
        run: readers::never,
    },
    Trial {
        id: "readers/over-the-limit",
        title: "A reader that stops beyond client-output-buffer-limit is cut, and nobody else is",
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
];

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It held; the figures for whoever wants them.
    Held(String),
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
            Verdict::Held(figures) => write!(f, "held: {figures}"),
            Verdict::Failed(why) => write!(f, "FAILED: {why}"),
            Verdict::NotApplicable(why) => write!(f, "does not apply: {why}"),
            Verdict::Lost(why) => write!(f, "LOST: {why}"),
        }
    }
}

impl Trial {
    /// Runs it on a server of its own, or on the one that was joined. Others may have to wait for an answer as long as
    /// `patience`, and no longer: usually [`PATIENCE`].
    pub fn run(&self, origin: &Origin, patience: Duration) -> Verdict {
        let mut server = match Server::start(origin) {
            Ok(server) => server,
            Err(error) => return Verdict::Lost(error.to_string()),
        };
        let outcome = Control::connect(server.address(), Barrier::Ping)
            .map_err(Verdict::from)
            .and_then(|mut control| {
                control.set_patience(patience)?;
                control.command(&[b"FLUSHALL"])?;
                let outcome = (self.run)(&mut control);
                // The next trial, or the owner of a joined server, gets it back empty.
                control.command(&[b"FLUSHALL"])?;
                outcome
            });
        let verdict = outcome.map_or_else(|verdict| verdict, Verdict::Held);
        if matches!(verdict, Verdict::Held(_) | Verdict::NotApplicable(_)) {
            return verdict;
        }
        match server.death() {
            Some(death) => Verdict::Lost(death.to_string()),
            None => verdict,
        }
    }
}

/// A time for a person.
fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
