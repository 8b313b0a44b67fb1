//! A load generator that costs less than the server it loads: requests are made beforehand, replies are only counted.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// Different pipelines made beforehand; each connection goes through them in turn.
const PIPELINES: usize = 512;

/// A load that makes no progress for so long has failed.
const STUCK_AFTER: Duration = Duration::from_secs(20);

/// One kind of command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Ping,
    Set(usize),
    Get,
    Incr,
    Mset10(usize),
}

/// How a load is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) clients: usize,
    pub(crate) pipeline: usize,
    /// Commands in all, rounded up to whole pipelines.
    pub(crate) commands: usize,
    /// Different keys.
    pub(crate) keys: usize,
    pub(crate) seed: u64,
}

impl Work {
    /// Appends one command with random keys.
    fn write(self, request: &mut Vec<u8>, keys: usize, rng: &mut fastrand::Rng) {
        let mut key = |prefix: &str| format!("{prefix}:{:012}", rng.usize(..keys)).into_bytes();
        let mut args: Vec<Vec<u8>> = match self {
            Work::Ping => vec![b"PING".to_vec()],
            Work::Set(_) => vec![b"SET".to_vec(), key("key")],
            Work::Get => vec![b"GET".to_vec(), key("key")],
            Work::Incr => vec![b"INCR".to_vec(), key("cnt")],
            Work::Mset10(_) => vec![b"MSET".to_vec()],
        };
        match self {
            Work::Set(len) => args.push(vec![b'v'; len]),
            Work::Mset10(len) => args.extend((0..10).flat_map(|_| [key("key"), vec![b'v'; len]])),
            Work::Ping | Work::Get | Work::Incr => {}
        }
        write_command(request, &args);
    }

    /// Line ends in one reply, all of whose keys exist.
    fn reply_lines(self) -> usize {
        match self {
            Work::Get => 2,
            Work::Ping | Work::Set(_) | Work::Incr | Work::Mset10(_) => 1,
        }
    }
}

fn write_command(request: &mut Vec<u8>, args: &[Vec<u8>]) {
    request.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        request.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        request.extend_from_slice(arg);
        request.extend_from_slice(b"\r\n");
    }
}

/// Stores every key of a prefix once, so that no command measured has to create one.
pub(crate) fn fill(address: SocketAddr, prefix: &str, keys: usize, value: &[u8]) -> io::Result<()> {
    const BATCH: usize = 1000;
    let mut stream = std::net::TcpStream::connect(address)?;
    let mut buffer = [0; 64 * 1024];
    for first in (0..keys).step_by(BATCH) {
        let count = BATCH.min(keys - first);
        let mut request = Vec::new();
        for number in first..first + count {
            let key = format!("{prefix}:{number:012}").into_bytes();
            write_command(&mut request, &[b"SET".to_vec(), key, value.to_vec()]);
        }
        stream.write_all(&request)?;
        let mut lines = 0;
        while lines < count {
            let got = stream.read(&mut buffer)?;
            if got == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            lines += memchr::memchr_iter(b'\n', &buffer[..got]).count();
        }
    }
    Ok(())
}

struct Client {
    stream: TcpStream,
    /// The pipeline being sent, and how much of it has left.
    pipeline: usize,
    sent: usize,
    /// Line ends still to come for it.
    awaited: usize,
}

/// Runs a load to its end and returns how long it took.
///
/// # Errors
/// when the server closes a connection, answers an error, or stops answering.
pub(crate) fn run(address: SocketAddr, work: Work, shape: Shape) -> io::Result<Duration> {
    let mut rng = fastrand::Rng::with_seed(shape.seed);
    let pipelines: Vec<Vec<u8>> = (0..PIPELINES)
        .map(|_| {
            let mut request = Vec::new();
            (0..shape.pipeline).for_each(|_| work.write(&mut request, shape.keys, &mut rng));
            request
        })
        .collect();
    let mut poll = Poll::new()?;
    let mut clients = Vec::new();
    for index in 0..shape.clients {
        let std_stream = std::net::TcpStream::connect(address)?;
        std_stream.set_nodelay(true)?;
        std_stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(std_stream);
        poll.registry().register(
            &mut stream,
            Token(index),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        clients.push(Client {
            stream,
            pipeline: index * 7 % PIPELINES,
            sent: 0,
            awaited: 0,
        });
    }
    let mut left = shape.commands.div_ceil(shape.pipeline);
    let mut running = 0;
    let lines = work.reply_lines() * shape.pipeline;
    let mut buffer = vec![0; 256 * 1024];
    let mut events = Events::with_capacity(shape.clients);
    let begun = Instant::now();
    for client in &mut clients {
        running += usize::from(client.next(&pipelines, lines, &mut left)?);
    }
    while running > 0 {
        poll.poll(&mut events, Some(STUCK_AFTER))?;
        if events.is_empty() {
            return Err(io::Error::new(
                ErrorKind::TimedOut,
                "the server has stopped answering",
            ));
        }
        for event in &events {
            let client = &mut clients[event.token().0];
            if event.is_writable() && client.awaited > 0 {
                client.send(&pipelines)?;
            }
            if !event.is_readable() {
                continue;
            }
            while client.awaited > 0 {
                let got = match client.stream.read(&mut buffer) {
                    Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                    Ok(got) => got,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                };
                if buffer[0] == b'-' {
                    let line = String::from_utf8_lossy(&buffer[..got.min(200)]).into_owned();
                    return Err(io::Error::other(format!("the server answers {line:?}")));
                }
                client.awaited -= memchr::memchr_iter(b'\n', &buffer[..got])
                    .count()
                    .min(client.awaited);
                if client.awaited == 0 && !client.next(&pipelines, lines, &mut left)? {
                    running -= 1;
                }
            }
        }
    }
    Ok(begun.elapsed())
}

impl Client {
    /// Sends the next pipeline, if any is left.
    fn next(&mut self, pipelines: &[Vec<u8>], lines: usize, left: &mut usize) -> io::Result<bool> {
        if *left == 0 {
            return Ok(false);
        }
        *left -= 1;
        self.pipeline = (self.pipeline + 1) % pipelines.len();
        self.sent = 0;
        self.awaited = lines;
        self.send(pipelines)?;
        Ok(true)
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
}
