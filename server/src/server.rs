//! The public face: configure, start, stop.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::thread::JoinHandle;

use crate::config::file::Startup;
use crate::config::{Asker, Config};
use crate::embedded::Embedded;
use crate::engine::Engine;
use crate::host::files::Disk;
use crate::host::log::{Logger, report_panics};
use crate::host::{Allocator, System};
use crate::net::{BindError, EventLoop, Reception, Stop};

/// Why a server did not start.
#[derive(Debug)]
pub enum StartError {
    /// An option, or a line of redis.conf, in Redis's own form.
    Config(String),
    /// An address cannot be listened on.
    Bind(String),
    /// The operating system refused something else.
    Os(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Config(text) | StartError::Bind(text) => f.write_str(text),
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

impl From<BindError> for StartError {
    fn from(error: BindError) -> StartError {
        StartError::Bind(error.to_string())
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
    config_file: Option<Vec<u8>>,
    /// Whether port 0 is any free port. In redis.conf it is none.
    any_port: bool,
    seed: Option<u64>,
    allocator: Allocator,
    /// The first option that was refused.
    refused: Option<StartError>,
}

impl Server {
    /// Begins to prepare one, on any free port of 127.0.0.1.
    pub fn builder() -> Builder {
        Builder::new(
            Config {
                port: 0,
                bind: vec!["127.0.0.1".to_owned()],
                ..Config::default()
            },
            None,
            true,
        )
    }

    /// Begins to prepare one as `respect-server`'s arguments say: perhaps a redis.conf first, then `--name value …`.
    /// Port 0 is any free port, unless there is a Unix socket to listen on: then it is none.
    ///
    /// # Errors
    /// in Redis's own form, when an option or a line of the file cannot be obeyed.
    pub fn from_arguments(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Builder, StartError> {
        let arguments: Vec<Vec<u8>> = arguments.into_iter().map(OsString::into_vec).collect();
        let startup = Startup::from_arguments(&arguments, &mut Disk);
        let startup = startup.map_err(|error| StartError::Config(error.to_string()))?;
        if let Some(directive) = startup.directives.first() {
            let error = directive.refused("this server has neither users nor renamed commands yet");
            return Err(StartError::Config(error.to_string()));
        }
        // Redis refuses to listen nowhere, so that there port 0 alone has no meaning that could be missed.
        let any_port = startup.config.unixsocket.is_empty();
        Ok(Builder::new(startup.config, startup.config_file, any_port))
    }

    /// Where it listens.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Lets SIGINT and SIGTERM end [`Server::run`] in order. For programs: a library must not take its host's signals.
    ///
    /// # Errors
    /// those of the operating system.
    pub fn end_on_signals(&mut self) -> io::Result<()> {
        self.event_loop.end_on_signals()
    }

    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// when the operating system fails it.
    pub fn run(mut self) -> io::Result<()> {
        let maxmemory = self.engine.config.maxmemory;
        if (1..1 << 20).contains(&maxmemory) {
            log::warn!(
                "WARNING: You specified a maxmemory value that is less than 1MB (current value is {maxmemory} bytes). Are \
                 you sure this is what you really want?"
            );
        }
        let path = &self.engine.config.unixsocket;
        if !path.is_empty() {
            log::info!(
                "Ready to accept connections unix {}",
                String::from_utf8_lossy(path)
            );
        }
        for addr in &self.addrs {
            log::info!("Ready to accept connections tcp {addr}");
        }
        let pidfile = self.engine.config.pidfile.clone();
        let pidfile = (!pidfile.is_empty()).then(|| OsStr::from_bytes(&pidfile));
        if let Some(path) = pidfile
            && let Err(error) = fs::write(path, format!("{}\n", std::process::id()))
        {
            // As Redis: nobody is worse off than without such a file.
            log::warn!("Failed to write PID file: {error}");
        }
        let outcome = self.event_loop.run(&mut self.engine);
        if let Some(path) = pidfile {
            log::info!("Removing the pid file.");
            // One that cannot be removed is overwritten by the next start.
            let _ = fs::remove_file(path);
        }
        outcome
    }
}

impl Builder {
    fn new(config: Config, config_file: Option<Vec<u8>>, any_port: bool) -> Builder {
        Builder {
            config,
            config_file,
            any_port,
            seed: None,
            allocator: Allocator::default(),
            refused: None,
        }
    }

    /// Listens on this port; 0 chooses a free one.
    pub fn port(mut self, port: u16) -> Builder {
        self.config.port = port;
        self
    }

    /// Listens on a Unix socket at this path as well. A file that is there is removed, and the socket in the end.
    pub fn unix_socket(mut self, path: impl AsRef<Path>) -> Builder {
        self.config.unixsocket = path.as_ref().as_os_str().as_bytes().to_vec();
        self
    }

    /// Sets an option of redis.conf, `maxmemory` to `100mb`; [`Builder::bind`] says if it was refused.
    pub fn config(mut self, name: &str, value: &str) -> Builder {
        let pairs = [(name.as_bytes(), value.as_bytes())];
        if let Err(error) = self.config.set(&pairs, Asker::Program) {
            self.refused
                .get_or_insert(StartError::Config(error.to_string()));
        }
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

    /// Sends the program's log where `logfile` and `loglevel` say, in Redis's format, and its panics with it. For
    /// programs: a library leaves the choice to its host.
    ///
    /// # Errors
    /// when the file cannot be written, or the program has a log already.
    pub fn log_to_file(self) -> Result<Builder, StartError> {
        let out: Box<dyn Write + Send> = if self.config.logfile.is_empty() {
            Box::new(io::stdout())
        } else {
            let path = OsStr::from_bytes(&self.config.logfile);
            let opened = OpenOptions::new().create(true).append(true).open(path);
            Box::new(opened.map_err(|error| {
                StartError::Config(format!(
                    "Can't open the log file {}: {error}",
                    path.display()
                ))
            })?)
        };
        Logger::install(out, self.config.loglevel)
            .map_err(|error| StartError::Config(error.to_string()))?;
        report_panics();
        Ok(self)
    }

    /// Opens the sockets.
    ///
    /// # Errors
    /// when an option was refused or an address cannot be listened on.
    pub fn bind(mut self) -> Result<Server, StartError> {
        if let Some(error) = self.refused.take() {
            return Err(error);
        }
        let (mut reception, changes) = Reception::new(self.config.tcp_backlog);
        let config = &mut self.config;
        let addrs = if config.port == 0 && self.any_port {
            reception.listen_anywhere(&config.bind)?
        } else {
            reception.listen(&config.bind, config.port)?
        };
        config.port = addrs.first().map_or(config.port, SocketAddr::port);
        if !config.unixsocket.is_empty() {
            reception.listen_on_path(&config.unixsocket, config.unixsocketperm)?;
        } else if addrs.is_empty() {
            return Err(BindError::Nowhere.into());
        }
        let event_loop = EventLoop::new(changes)?;
        let listen = move |bind: &[String], port| {
            reception.listen(bind, port).map(|_| ()).map_err(|error| {
                log::warn!("{error}");
                error.to_string()
            })
        };
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..));
        let system = System::new(self.allocator, Box::new(listen));
        let mut engine = Engine::new(self.config, seed, Box::new(system));
        engine.config_file = self.config_file;
        engine.make_room_for_clients();
        Ok(Server {
            engine,
            event_loop,
            addrs,
        })
    }

    /// Makes the server a value without sockets, whose time moves only when it is told to. With a [`Builder::seed`] all
    /// it does can be repeated.
    ///
    /// ```
    /// # fn main() -> Result<(), respect_server::StartError> {
    /// use respect_server::Server;
    ///
    /// let mut redis = Server::builder().seed(1).config("databases", "2").embed()?;
    /// let client = redis.connect();
    /// assert_eq!(redis.exchange(client, b"SELECT 1\r\n"), b"+OK\r\n");
    /// assert_eq!(redis.exchange(client, b"SELECT 2\r\n"), b"-ERR DB index is out of range\r\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// when an option was refused.
    pub fn embed(self) -> Result<Embedded, StartError> {
        match self.refused {
            Some(error) => Err(error),
            None => {
                let seed = self.seed.unwrap_or_else(|| fastrand::u64(..));
                Ok(Embedded::with_config(self.config, seed))
            }
        }
    }

    /// Starts the server on a thread of its own, named `respect`.
    ///
    /// # Errors
    /// when an option was refused, an address cannot be listened on, or no thread can be had.
    pub fn start(self) -> Result<Handle, StartError> {
        let server = self.bind()?;
        let addr = server.addrs.first().copied();
        let addr =
            addr.ok_or_else(|| StartError::Bind("there is no address to listen on".to_owned()))?;
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
        // All addresses are no address to connect to, and some libraries say so.
        let mut addr = self.addr;
        match addr.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => addr.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => addr.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        format!("redis://{addr}/")
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
