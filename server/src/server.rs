//! The public face: configure, start, stop.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread::JoinHandle;

use crate::config::Config;
use crate::engine::Engine;
use crate::host::{Allocator, System};
use crate::net::{EventLoop, Listener, Stop};

/// Why a server did not start.
#[derive(Debug)]
pub enum StartError {
    /// The address cannot be listened on.
    Bind(SocketAddr, io::Error),
    /// An address that is none.
    Address(String),
    /// The operating system refused something else.
    Os(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Bind(addr, error) => {
                write!(
                    f,
                    "Could not create server TCP listening socket {addr}: {error}"
                )
            }
            StartError::Address(text) => write!(f, "'{text}' is not an address to bind to"),
            StartError::Os(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> StartError {
        StartError::Os(error)
    }
}

/// A server that listens and is ready to run on the thread that calls [`Server::run`].
pub struct Server {
    engine: Engine,
    event_loop: EventLoop,
    addrs: Vec<SocketAddr>,
}

/// Prepares a [`Server`].
pub struct Builder {
    config: Config,
    seed: Option<u64>,
    allocator: Allocator,
}

impl Server {
    /// Begins to prepare one, on any free port of 127.0.0.1.
    pub fn builder() -> Builder {
        let config = Config {
            port: 0,
            bind: vec!["127.0.0.1".to_owned()],
            ..Config::default()
        };
        Builder {
            config,
            seed: None,
            allocator: Allocator::default(),
        }
    }

    /// Where it listens.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// when the operating system fails it.
    pub fn run(mut self) -> io::Result<()> {
        self.event_loop.run(&mut self.engine)
    }
}

impl Builder {
    /// Listens on this port of 127.0.0.1; 0 chooses a free one.
    pub fn port(mut self, port: u16) -> Builder {
        self.config.port = port;
        self
    }

    /// Makes every random choice repeatable.
    pub fn seed(mut self, seed: u64) -> Builder {
        self.seed = Some(seed);
        self
    }

    /// Tells the server about the program's allocator; without it, `used_memory` is 0.
    pub fn allocator(mut self, allocator: Allocator) -> Builder {
        self.allocator = allocator;
        self
    }

    /// Opens the sockets.
    ///
    /// # Errors
    /// when an address cannot be listened on.
    pub fn bind(self) -> Result<Server, StartError> {
        let mut listeners = Vec::new();
        let mut addrs = Vec::new();
        for text in &self.config.bind {
            let (text, optional) = match text.strip_prefix('-') {
                Some(text) => (text, true),
                None => (text.as_str(), false),
            };
            let ip = match text {
                "*" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                "::*" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                text => text
                    .parse()
                    .map_err(|_| StartError::Address(text.to_owned()))?,
            };
            let addr = SocketAddr::new(ip, self.config.port);
            match Listener::bind(addr, self.config.tcp_backlog) {
                Ok(listener) => {
                    addrs.push(listener.addr()?);
                    listeners.push(listener);
                }
                // Redis too goes on without an address marked `-` that this machine does not have.
                Err(error) if optional && error.kind() != io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(StartError::Bind(addr, error)),
            }
        }
        let event_loop = EventLoop::new(listeners)?;
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..));
        let engine = Engine::new(self.config, seed, Box::new(System::new(self.allocator)));
        Ok(Server {
            engine,
            event_loop,
            addrs,
        })
    }

    /// Starts the server on a thread of its own, named `respect`.
    ///
    /// # Errors
    /// when an address cannot be listened on, or no thread can be had.
    pub fn start(self) -> Result<Handle, StartError> {
        let server = self.bind()?;
        let addr = *server
            .addrs
            .first()
            .ok_or_else(|| StartError::Address("nothing".to_owned()))?;
        let stop = server.event_loop.stop_handle();
        let thread = std::thread::Builder::new()
            .name("respect".to_owned())
            .spawn(move || server.run())?;
        Ok(Handle {
            addr,
            stop,
            thread: Some(thread),
        })
    }
}

/// A server running on a thread of its own; dropping it stops the server and waits for its end.
pub struct Handle {
    addr: SocketAddr,
    stop: Stop,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Handle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What a client library wants to be given.
    pub fn url(&self) -> String {
        format!("redis://{}/", self.addr)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            // Its outcome was its own affair; a panic was reported when it happened.
            let _ = thread.join();
        }
    }
}
