//! Connections that load a server and cost less than it does: requests are made beforehand, replies are counted and
//! otherwise not looked at.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::requests::{Store, Work};

/// Different pipelines made beforehand; each connection goes through them in turn.
const PIPELINES: usize = 512;

/// A load that makes no progress for so long has failed.
pub(crate) const STUCK_AFTER: Duration = Duration::from_secs(20);

/// Connections opened before the server is asked whether it has accepted them: fewer than any server's backlog, beyond
/// which connecting would wait for the kernel to try again.
const ACCEPTED_TOGETHER: usize = 100;

/// How a load is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) work: Work,
    pub(crate) clients: usize,
    pub(crate) pipeline: usize,
    /// Different keys.
    pub(crate) keys: u64,
    pub(crate) seed: u64,
}

/// Connections that each send a pipeline, wait for all its replies, and send the next.
pub(crate) struct Crowd {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    pipelines: Vec<Vec<u8>>,
    /// Bytes of the replies to one pipeline.
    awaited: usize,
    commands: usize,
    buffer: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    /// The pipeline being sent, and how much of it has left.
    pipeline: usize,
    sent: usize,
    /// Bytes still to come for it.
    awaited: usize,
}

impl Crowd {
    /// Opens the connections and makes the requests.
    pub(crate) fn connect(address: SocketAddr, shape: Shape) -> io::Result<Crowd> {
        let poll = Poll::new()?;
        let mut clients = Vec::with_capacity(shape.clients);
        for (index, stream) in connect_many(address, shape.clients)?
            .into_iter()
            .enumerate()
        {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(index), both)?;
            clients.push(Client {
                stream,
                pipeline: index * 7 % PIPELINES,
                sent: 0,
                awaited: 0,
            });
        }
        Ok(Crowd {
            poll,
            events: Events::with_capacity(shape.clients.max(16)),
            clients,
            pipelines: shape
                .work
                .pipelines(shape.pipeline, shape.keys, PIPELINES, shape.seed),
            awaited: shape.work.reply_len() * shape.pipeline,
            commands: shape.pipeline,
            buffer: vec![0; 256 * 1024],
        })
    }

    /// Keeps every connection busy as long as `go_on` says, then waits for the last replies. Returns how many commands
    /// were answered.
    ///
    /// # Errors
    /// When the server closes a connection, answers an error, answers more or less than it should, or stops answering.
    pub(crate) fn run(&mut self, go_on: &mut dyn FnMut() -> bool) -> io::Result<u64> {
        let mut pipelines = 0;
        let mut running = self.clients.len();
        for client in &mut self.clients {
            client.begin(&self.pipelines, self.awaited)?;
        }
        let mut more = true;
        while running > 0 {
            self.poll.poll(&mut self.events, Some(STUCK_AFTER))?;
            if self.events.is_empty() {
                return Err(ErrorKind::TimedOut.into());
            }
            more = more && go_on();
            for event in &self.events {
                let client = &mut self.clients[event.token().0];
                if event.is_writable() && client.awaited > 0 {
                    client.send(&self.pipelines)?;
                }
                if event.is_readable() && client.receive(&mut self.buffer)? {
                    pipelines += 1;
                    if more {
                        client.begin(&self.pipelines, self.awaited)?;
                    } else {
                        running -= 1;
                    }
                }
            }
        }
        Ok(pipelines * self.commands as u64)
    }

    /// As [`Crowd::run`], for a time.
    pub(crate) fn run_for(&mut self, time: Duration) -> io::Result<u64> {
        let begun = Instant::now();
        self.run(&mut || begun.elapsed() < time)
    }
}

impl Client {
    /// Sends its next pipeline.
    fn begin(&mut self, pipelines: &[Vec<u8>], awaited: usize) -> io::Result<()> {
        self.pipeline = (self.pipeline + 1) % pipelines.len();
        self.sent = 0;
        self.awaited = awaited;
        self.send(pipelines)
    }

    fn send(&mut self, pipelines: &[Vec<u8>]) -> io::Result<()> {
        let request = &pipelines[self.pipeline];
        while self.sent < request.len() {
            match self.stream.write(&request[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there, and says whether the last byte of a pipeline's replies was among it.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        while self.awaited > 0 {
            let got = match self.stream.read(buffer) {
                Ok(0) => return Err(closed()),
                Ok(got) => got,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            if buffer[0] == b'-' {
                return Err(refused(&buffer[..got]));
            }
            self.awaited = self.awaited.checked_sub(got).ok_or_else(|| {
                io::Error::other("the server answers more bytes than these commands have")
            })?;
            if self.awaited == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Opens connections and sees to it that the server has accepted them all.
pub(crate) fn connect_many(
    address: SocketAddr,
    count: usize,
) -> io::Result<Vec<std::net::TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    while streams.len() < count {
        for _ in 0..ACCEPTED_TOGETHER.min(count - streams.len()) {
            streams.push(std::net::TcpStream::connect(address)?);
        }
        // Connections are accepted in the order they came: when the last is answered, so could be all.
        if let Some(last) = streams.last_mut() {
            let mut reply = [0; b"+PONG\r\n".len()];
            last.set_read_timeout(Some(STUCK_AFTER))?;
            last.write_all(b"*1\r\n$4\r\nPING\r\n")?;
            last.read_exact(&mut reply)?;
            if reply[0] == b'-' {
                return Err(io::Error::other(format!(
                    "connection {} of {count} is refused",
                    streams.len()
                )));
            }
        }
    }
    Ok(streams)
}

/// Stores keys `first..end` through one connection, in pipelines of `pipeline` commands.
pub(crate) fn fill(
    address: SocketAddr,
    store: Store,
    first: u64,
    end: u64,
    pipeline: u64,
) -> io::Result<()> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(STUCK_AFTER))?;
    let mut buffer = vec![0; 64 * 1024];
    let mut next = first;
    while next < end {
        let until = end.min(next + pipeline);
        let (request, mut awaited) = store.batch(next..until);
        stream.write_all(&request)?;
        while awaited > 0 {
            let got = stream.read(&mut buffer)?;
            if got == 0 {
                return Err(closed());
            }
            if buffer[0] == b'-' {
                return Err(refused(&buffer[..got]));
            }
            awaited = awaited.saturating_sub(got);
        }
        next = until;
    }
    Ok(())
}

fn closed() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")
}

fn refused(reply: &[u8]) -> io::Error {
    let line = reply
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    io::Error::other(format!(
        "the server answers `{}`",
        String::from_utf8_lossy(line)
    ))
}
