//! A proxy that writes down what real clients and a real server say: it passes every byte on as it came, and keeps the dialogue
//! as transcripts. Whether the bytes are RESP is looked at on the way, and changes nothing of what is passed on.
//!
//! One thread does everything, so that what is written down is in the order in which it happened: whatever one side says is
//! noted before the other side can hear it.

mod notes;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use crate::transcript::Transcript;
pub use notes::Fault;
use notes::Notes;

/// One read takes at most this much; no more than that waits for the other side to read it.
const READ_SIZE: usize = 64 * 1024;

/// So often it is looked whether the end has come, when nothing is said.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// When to end, and how much to keep.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// End when so many connections have been made and are over.
    pub connections: Option<usize>,
    /// End after so long.
    pub duration: Option<Duration>,
    /// Stop keeping a transcript that has become so long, in bytes of its text, and go on without; 0 is no limit.
    pub bytes_max: usize,
    /// One transcript for each connection, instead of one for all.
    pub each: bool,
}

/// What the proxy has to say while it runs.
#[derive(Debug)]
pub enum News<'n> {
    /// A connection was made; its name in the transcript.
    Opened(&'n str),
    /// A connection is over.
    Closed(&'n str),
    /// Bytes that are not RESP, the first time on a connection.
    Fault(&'n str, &'n Fault),
    /// A transcript is as long as it may become; what follows is not kept.
    Full,
}

/// What came of it.
#[derive(Debug)]
pub struct Recorded {
    /// In the order of the connections; empty ones are left out.
    pub transcripts: Vec<Transcript>,
    /// How many connections there were.
    pub connections: usize,
    /// Whether the server said something that is not RESP.
    pub server_faults: usize,
}

/// Passes on and notes until the plan or `stop` ends it.
///
/// # Errors
/// When the listener fails. A server that refuses a connection is no error: the client's is closed.
pub fn run(
    listener: &TcpListener,
    upstream: SocketAddr,
    plan: &Plan,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(News<'_>),
) -> io::Result<Recorded> {
    listener.set_nonblocking(true)?;
    let ends_at = plan.duration.map(|duration| Instant::now() + duration);
    let mut notes = Notes::new(plan.bytes_max, plan.each);
    let mut pairs: Vec<Pair> = Vec::new();
    let mut connections = 0;
    let mut buffer = vec![0; READ_SIZE];
    loop {
        let all_made = plan.connections.is_some_and(|most| connections >= most);
        let over = ends_at.is_some_and(|end| Instant::now() >= end);
        if stop.load(Ordering::Relaxed) || over || (all_made && pairs.is_empty()) {
            break;
        }
        wait(listener, &pairs, !all_made)?;
        while plan.connections.is_none_or(|most| connections < most) {
            let client = match listener.accept() {
                Ok((client, _)) => client,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // It was gone before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            connections += 1;
            let name = format!("c{connections}");
            if let Ok(pair) = Pair::open(name, client, upstream) {
                notes.open(&pair.name);
                tell(News::Opened(&pair.name));
                pairs.push(pair);
            }
        }
        pairs.retain_mut(|pair| {
            let goes_on = pair.pass_on(&mut notes, &mut buffer, tell);
            if !goes_on {
                tell(News::Closed(&pair.name));
            }
            goes_on
        });
    }
    Ok(Recorded {
        connections,
        server_faults: notes.server_faults(),
        transcripts: notes.into_transcripts(),
    })
}

/// Waits until something can be done, or a moment.
fn wait(listener: &TcpListener, pairs: &[Pair], accepts: bool) -> io::Result<()> {
    let mut sockets = Vec::with_capacity(1 + pairs.len() * 2);
    if accepts {
        sockets.push(PollFd::new(listener, PollFlags::IN));
    }
    for pair in pairs {
        for (flow, other) in [(&pair.up, &pair.down), (&pair.down, &pair.up)] {
            // `flow.from` is read for this flow, and written for the other one.
            let mut wanted = PollFlags::empty();
            wanted.set(PollFlags::IN, flow.reads());
            wanted.set(PollFlags::OUT, !other.waiting.is_empty());
            if !wanted.is_empty() {
                sockets.push(PollFd::new(&flow.from, wanted));
            }
        }
    }
    let moment = Timespec::try_from(LOOK_EVERY).map_err(io::Error::other)?;
    match poll(&mut sockets, Some(&moment)) {
        // A signal: the caller looks what it was.
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A client's connection and the server's that belongs to it.
struct Pair {
    name: String,
    /// From the client to the server.
    up: Flow,
    /// From the server to the client.
    down: Flow,
}

/// One direction.
struct Flow {
    from: TcpStream,
    to: TcpStream,
    /// Read and not yet passed on.
    waiting: Vec<u8>,
    ended: bool,
    /// The end was passed on, too.
    shut: bool,
}

impl Pair {
    fn open(name: String, client: TcpStream, upstream: SocketAddr) -> io::Result<Pair> {
        let server = TcpStream::connect_timeout(&upstream, Duration::from_secs(10))?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
        }
        Ok(Pair {
            name,
            up: Flow::new(client.try_clone()?, server.try_clone()?),
            down: Flow::new(server, client),
        })
    }

    /// Moves what can be moved in both directions; false when both are over.
    fn pass_on(
        &mut self,
        notes: &mut Notes,
        buffer: &mut [u8],
        tell: &mut dyn FnMut(News<'_>),
    ) -> bool {
        let name = &self.name;
        let up = self.up.pass_on(buffer, &mut |heard| match heard {
            Some(bytes) => notes.sent(name, bytes, tell),
            None => notes.client_ended(name),
        });
        let down = self.down.pass_on(buffer, &mut |heard| match heard {
            Some(bytes) => notes.received(name, bytes, tell),
            None => notes.server_ended(name),
        });
        // A broken socket ends both directions; so does a server that has closed, because nobody reads on.
        let broken = up.is_err() || down.is_err();
        if broken {
            notes.server_ended(name);
        }
        !broken && !self.down.shut
    }
}

impl Flow {
    fn new(from: TcpStream, to: TcpStream) -> Flow {
        Flow {
            from,
            to,
            waiting: Vec::new(),
            ended: false,
            shut: false,
        }
    }

    fn reads(&self) -> bool {
        !self.ended && self.waiting.is_empty()
    }

    /// `note` is told of what was read before it is passed on, and of the end.
    fn pass_on(
        &mut self,
        buffer: &mut [u8],
        note: &mut dyn FnMut(Option<&[u8]>),
    ) -> io::Result<()> {
        if self.reads() {
            match self.from.read(buffer) {
                Ok(0) => {
                    self.ended = true;
                    note(None);
                }
                Ok(length) => {
                    note(Some(&buffer[..length]));
                    self.waiting.extend_from_slice(&buffer[..length]);
                }
                Err(error) if is_momentary(&error) => {}
                Err(error) => return Err(error),
            }
        }
        while !self.waiting.is_empty() {
            match self.to.write(&self.waiting) {
                Ok(written) => drop(self.waiting.drain(..written)),
                Err(error) if is_momentary(&error) => break,
                Err(error) => return Err(error),
            }
        }
        if self.ended && self.waiting.is_empty() && !self.shut {
            self.shut = true;
            // It fails only when the other side is gone, and then there is nobody to tell.
            let _ = self.to.shutdown(Shutdown::Write);
        }
        Ok(())
    }
}

fn is_momentary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
