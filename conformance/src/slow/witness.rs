//! An ordinary client that works while others are slow, and remembers how long it had to wait each time. Knows nothing of them.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Figure, Unit, Verdict};
use crate::control::Control;

/// Between two rounds of work: a witness that never rests would be what the server is busy with.
const REST: Duration = Duration::from_millis(1);

/// An answer may take half a second in one of a hundred cases, on a machine that has other things to do.
const P99_MAX: Duration = Duration::from_millis(500);

/// The witness, at work on a connection and a thread of its own.
pub(super) struct Witness {
    stop: Sender<()>,
    thread: JoinHandle<Result<Vec<Duration>, Verdict>>,
}

impl Witness {
    /// Begins to work. One answer beyond the connection's patience is a failure: see [`Control::set_patience`].
    pub(super) fn start(control: &Control) -> Result<Witness, Verdict> {
        let mut control = control.another()?;
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut delays = Vec::new();
            loop {
                work(&mut control, "witness", &mut delays)?;
                if stopped.recv_timeout(REST) != Err(RecvTimeoutError::Timeout) {
                    return Ok(delays);
                }
            }
        });
        Ok(Witness { stop, thread })
    }

    /// Ends its work: how long it waited, and others who worked in the same way.
    pub(super) fn finish(
        self,
        mut delays: Vec<Duration>,
        patience: Duration,
    ) -> Result<Vec<Figure>, Verdict> {
        // It has ended already when it was answered wrongly, which joining tells.
        let _ = self.stop.send(());
        let outcome = self.thread.join();
        delays.extend(
            outcome.unwrap_or_else(|_| {
                Err(Verdict::Lost("the witness ended unexpectedly".to_owned()))
            })?,
        );
        delays.sort_unstable();
        let p99 = delays[(delays.len() - 1) * 99 / 100];
        let worst = delays[delays.len() - 1];
        let milliseconds = |delay: Duration| delay.as_secs_f64() * 1000.0;
        let length = u32::try_from(delays.len()).unwrap_or(u32::MAX);
        Ok(vec![
            Figure::new("answers another client got", Unit::Count, f64::from(length)),
            Figure::new(
                "99 of 100 came within",
                Unit::Milliseconds,
                milliseconds(p99),
            )
            .at_most(milliseconds(P99_MAX))
            .beside(10.0, 50.0),
            Figure::new(
                "the last one within",
                Unit::Milliseconds,
                milliseconds(worst),
            )
            .at_most(milliseconds(patience))
            .beside(10.0, 1000.0),
        ])
    }
}

/// One round of work with a key of one's own.
pub(super) fn work(
    control: &mut Control,
    key: &str,
    delays: &mut Vec<Duration>,
) -> Result<(), Verdict> {
    let key = key.as_bytes();
    let value = format!("value-{}", delays.len());
    let bulk = format!("${}\r\n{value}\r\n", value.len());
    let exchange: [(&[&[u8]], &[u8]); 4] = [
        (&[b"SET", key, value.as_bytes()], b"+OK\r\n"),
        (&[b"GET", key], bulk.as_bytes()),
        (&[b"DEL", key], b":1\r\n"),
        (&[b"PING"], b"+PONG\r\n"),
    ];
    for (command, due) in exchange {
        let asked = Instant::now();
        let reply = control.command(command)?;
        delays.push(asked.elapsed());
        if reply.bytes() != due {
            let name = String::from_utf8_lossy(command[0]);
            return Err(Verdict::Failed(format!(
                "another client's {name} was answered with {} where {} is due",
                String::from_utf8_lossy(reply.bytes()).escape_debug(),
                String::from_utf8_lossy(due).escape_debug()
            )));
        }
    }
    Ok(())
}
