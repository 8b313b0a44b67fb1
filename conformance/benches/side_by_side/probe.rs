//! One client that asks at a fixed rate, whatever became of its last request, and keeps how long each answer took from
//! when it was due. Knows nothing of what else happens to the server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::load::STUCK_AFTER;
use super::machine::{self, Cores};
use super::statistics;

/// What is asked, and how often.
pub(crate) struct Probe {
    pub(crate) address: SocketAddr,
    /// Asked in turn.
    pub(crate) requests: Vec<Vec<u8>>,
    /// The bytes of each reply.
    pub(crate) reply_len: usize,
    /// Requests a second.
    pub(crate) rate: u32,
}

/// What the probe saw.
pub(crate) struct Seen {
    /// In nanoseconds, from when a request was due to when its reply was there: an answer that kept the next requests
    /// from being sent counts for those as well.
    pub(crate) delays: Histogram<u64>,
    /// Whether the probe ran ahead of everything else on its core.
    pub(crate) hurried: bool,
}

impl Probe {
    /// Asks for that long while `beside` runs, which is told by a flag when the time is over.
    pub(crate) fn beside<T>(
        &self,
        cores: Cores,
        time: Duration,
        beside: impl FnOnce(&AtomicBool) -> io::Result<T>,
    ) -> io::Result<(Seen, T)> {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let probing = scope.spawn(|| {
                let begun = Instant::now();
                let seen = self.run(cores, &|| begun.elapsed() < time);
                over.store(true, Ordering::Relaxed);
                seen
            });
            let done = beside(&over);
            let seen = probing
                .join()
                .map_err(|_| io::Error::other("the probe panicked"))?;
            Ok((seen?, done?))
        })
    }

    /// Asks as long as `work` runs.
    pub(crate) fn during<T>(
        &self,
        cores: Cores,
        work: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<(Seen, T)> {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let probing = scope.spawn(|| self.run(cores, &|| !over.load(Ordering::Relaxed)));
            let done = work();
            over.store(true, Ordering::Relaxed);
            let seen = probing
                .join()
                .map_err(|_| io::Error::other("the probe panicked"))?;
            Ok((seen?, done?))
        })
    }

    /// Asks for that long with nothing beside it.
    pub(crate) fn alone(&self, cores: Cores, time: Duration) -> io::Result<Seen> {
        self.beside(cores, time, |_| Ok(())).map(|(seen, ())| seen)
    }

    fn run(&self, cores: Cores, go_on: &dyn Fn() -> bool) -> io::Result<Seen> {
        machine::pin(cores.probe).map_err(io::Error::other)?;
        let hurried = machine::hurry();
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        // The first answer warms the connection up and is not counted.
        stream.write_all(&self.requests[0])?;
        stream.read_exact(&mut vec![0; self.reply_len])?;
        stream.set_nonblocking(true)?;

        let every = Duration::from_secs(1) / self.rate;
        let begun = Instant::now();
        let due = |number: u64| begun + every.mul_f64(number as f64);
        let mut delays = statistics::delays();
        let mut buffer = vec![0; 64 * 1024];
        let (mut sent, mut answered, mut partial) = (0_u64, 0_u64, 0);
        let mut more = true;
        while more || answered < sent {
            more = more && go_on();
            while more && due(sent) <= Instant::now() {
                let request = &self.requests[sent as usize % self.requests.len()];
                match stream.write(request) {
                    Ok(length) if length == request.len() => sent += 1,
                    Ok(_) => return Err(io::Error::other("a request could be sent only in part")),
                    // It stays due, and counts from when it was.
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                    Ok(got) => partial += got,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            let now = Instant::now();
            while partial >= self.reply_len && answered < sent {
                partial -= self.reply_len;
                delays.saturating_record((now - due(answered)).as_nanos() as u64);
                answered += 1;
            }
            if answered < sent && now - due(answered) > STUCK_AFTER {
                return Err(ErrorKind::TimedOut.into());
            }
            let wait = if more {
                due(sent).saturating_duration_since(Instant::now())
            } else {
                STUCK_AFTER
            };
            let wait = Timespec {
                tv_sec: wait.as_secs().cast_signed(),
                tv_nsec: i64::from(wait.subsec_nanos()),
            };
            if more || answered < sent {
                poll(&mut [PollFd::new(&stream, PollFlags::IN)], Some(&wait))?;
            }
        }
        Ok(Seen { delays, hurried })
    }
}
