//! An ordinary client that works while others are slow, and remembers how long it had to wait. Knows nothing of them.

use std::time::{Duration, Instant};

use super::Verdict;
use crate::control::Control;

/// Works for so many rounds and returns the longest wait. One beyond the connection's patience is a failure: see
/// [`Control::set_patience`].
pub(super) fn work(control: &mut Control, rounds: usize) -> Result<Duration, Verdict> {
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        let value = format!("value-{round}");
        let bulk = format!("${}\r\n{value}\r\n", value.len());
        let exchange: [(&[&[u8]], &[u8]); 4] = [
            (&[b"SET", b"witness", value.as_bytes()], b"+OK\r\n"),
            (&[b"GET", b"witness"], bulk.as_bytes()),
            (&[b"DEL", b"witness"], b":1\r\n"),
            (&[b"PING"], b"+PONG\r\n"),
        ];
        for (command, due) in exchange {
            let asked = Instant::now();
            let reply = control.command(command)?;
            longest = longest.max(asked.elapsed());
            if reply.bytes() != due {
                let name = String::from_utf8_lossy(command[0]);
                return Err(Verdict::Failed(format!(
                    "another client's {name} was answered with {} where {} is due",
                    String::from_utf8_lossy(reply.bytes()).escape_debug(),
                    String::from_utf8_lossy(due).escape_debug()
                )));
            }
        }
    }
    Ok(longest)
}
