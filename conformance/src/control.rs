//! The judge's own connection: the barrier that proves that a server has read what was sent, and the commands that put it
//! back into its first state. Knows nothing of transcripts.
//!
//! # The barrier
//! A PING with a nonce on a connection of its own. A server that takes its connections' input in turn answers it only
//! after it has read whatever arrived before, so one round trip (about 60 µs on loopback) takes the place of the sleep
//! that others put between two fragments. Two round trips prove silence: what the first one's turn had to say has been
//! written before the second one is read. Servers with several threads promise neither; for those there is
//! [`Barrier::Timed`].

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::request::encode_multibulk;
use crate::wire::{Reader, Reply};

/// How long a connection may take to be made, and the control connection to answer.
pub(crate) const CONTROL_WITHIN: Duration = Duration::from_secs(10);

/// One read takes at most this much.
const READ_SIZE: usize = 256 * 1024;

/// How it is proved that the server has read what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Barrier {
    /// By an answered PING on another connection.
    #[default]
    Ping,
    /// By waiting, for servers whose connections do not answer in turn.
    Timed(Duration),
}

/// What stops a session. Nothing here is a wrong answer.
#[derive(Debug)]
pub enum Trouble {
    /// The control connection broke or a connection was refused: perhaps the server has died.
    Lost(io::Error),
    /// The control connection is open and unanswered.
    Stuck,
    /// The control connection answered something that is not an answer.
    Confused(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Lost(error) => write!(f, "the server was lost: {error}"),
            Trouble::Stuck => {
                write!(
                    f,
                    "the server did not answer PING on another connection in time"
                )
            }
            Trouble::Confused(reply) => write!(
                f,
                "a PING on another connection was answered with `{reply}`"
            ),
        }
    }
}

impl std::error::Error for Trouble {}

/// The judge's own connection: barriers, and the commands that put a server back into its first state.
#[derive(Debug)]
pub struct Control {
    stream: TcpStream,
    address: SocketAddr,
    barrier: Barrier,
    patience: Duration,
    nonce: u64,
    /// What is read is read into this, by the sessions beside it too: there are tens of thousands a minute.
    pub(crate) buffer: Vec<u8>,
}

impl Control {
    /// Connects.
    pub fn connect(address: SocketAddr, barrier: Barrier) -> Result<Control, Trouble> {
        let stream = TcpStream::connect_timeout(&address, CONTROL_WITHIN).map_err(Trouble::Lost)?;
        stream.set_nodelay(true).map_err(Trouble::Lost)?;
        stream
            .set_read_timeout(Some(CONTROL_WITHIN))
            .map_err(Trouble::Lost)?;
        Ok(Control {
            stream,
            address,
            barrier,
            patience: CONTROL_WITHIN,
            nonce: 0,
            buffer: vec![0; READ_SIZE],
        })
    }

    /// One more connection to the same server, with the same barrier and patience.
    pub fn another(&self) -> Result<Control, Trouble> {
        let mut another = Control::connect(self.address, self.barrier)?;
        another.set_patience(self.patience)?;
        Ok(another)
    }

    /// Waits so long for an answer before it says that the server is stuck; ten seconds if not told otherwise.
    pub fn set_patience(&mut self, patience: Duration) -> Result<(), Trouble> {
        self.patience = patience;
        self.stream
            .set_read_timeout(Some(patience))
            .map_err(Trouble::Lost)
    }

    /// Where it is connected to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns when everything that was sent before, on any connection, has been read by the server.
    ///
    /// A transcript may kill all clients, this one among them; then it is connected anew, once.
    pub fn barrier(&mut self) -> Result<(), Trouble> {
        match self.pipeline(&[]) {
            Err(Trouble::Lost(_)) => {
                *self = self.another()?;
                self.pipeline(&[])
            }
            outcome => outcome,
        }
    }

    /// Returns when everything that the server had to say to what was sent before has been written by it.
    pub fn settle(&mut self) -> Result<(), Trouble> {
        self.barrier()?;
        match self.barrier {
            Barrier::Ping => self.barrier(),
            Barrier::Timed(_) => Ok(()),
        }
    }

    /// Runs one command and returns its reply.
    pub fn command(&mut self, arguments: &[&[u8]]) -> Result<Reply, Trouble> {
        self.write(&encode_multibulk(arguments))?;
        let mut replies = self.replies(1)?;
        Ok(replies.pop().expect("as many replies as were asked for"))
    }

    /// Runs encoded commands in one write and returns their replies. They should be few enough for the sockets' buffers:
    /// nothing is read while they are written.
    pub fn replies_to(&mut self, commands: &[Vec<u8>]) -> Result<Vec<Reply>, Trouble> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        self.write(&commands.concat())?;
        self.replies(commands.len())
    }

    /// Runs encoded commands in one write, with a barrier behind them, and ignores what they answer.
    pub fn pipeline(&mut self, commands: &[Vec<u8>]) -> Result<(), Trouble> {
        self.nonce += 1;
        let nonce = format!("respect-{}", self.nonce);
        let mut bytes = commands.concat();
        bytes.extend(encode_multibulk(&[b"PING".as_slice(), nonce.as_bytes()]));
        self.write(&bytes)?;
        let replies = self.replies(commands.len() + 1)?;
        let last = replies.last().expect("the PING's reply at least");
        // A server with a password answers the barrier all the same, if not with the nonce; so does one that gives PING no
        // argument.
        let answers = last.root().body() == nonce.as_bytes()
            || last.bytes() == b"+PONG\r\n"
            || last.bytes().starts_with(b"-NOAUTH");
        if !answers {
            return Err(Trouble::Confused(
                String::from_utf8_lossy(last.bytes()).trim_end().to_owned(),
            ));
        }
        if let Barrier::Timed(duration) = self.barrier {
            // The one sleep there is, and only where it was asked for: see `Barrier::Timed`.
            thread::sleep(duration);
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.stream.write_all(bytes).map_err(Trouble::Lost)
    }

    fn replies(&mut self, count: usize) -> Result<Vec<Reply>, Trouble> {
        let mut reader = Reader::new();
        let mut replies = Vec::with_capacity(count);
        // Each read has its own time, and a server that never stops would have all of it.
        let deadline = Instant::now() + self.patience;
        loop {
            while let Some(reply) = reader
                .next_reply()
                .map_err(|error| Trouble::Confused(error.to_string()))?
            {
                replies.push(reply);
                if replies.len() == count {
                    return Ok(replies);
                }
            }
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(Trouble::Lost(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) if Instant::now() >= deadline => return Err(Trouble::Stuck),
                Ok(length) => reader.feed(&self.buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(Trouble::Stuck);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Trouble::Lost(error)),
            }
        }
    }
}
