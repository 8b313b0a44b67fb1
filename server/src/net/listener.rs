//! Listening sockets, and the connections that arrive there.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};

use crate::engine::{Address, Peer};

/// The longest path of a Unix socket, with the NUL behind it (`sizeof(sun_path)`).
const UNIX_PATH_MAX: usize = 108;

/// One listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    /// Where it listens; the port is the real one even if port 0 was asked for.
    place: Address,
}

impl Listener {
    /// Binds and listens.
    ///
    /// # Errors
    /// those of the operating system: the address is taken, or not ours.
    fn tcp(addr: SocketAddr, backlog: i32) -> io::Result<Listener> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        if addr.is_ipv6() {
            // Redis binds both families; one socket for both would take the other's place.
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.bind(&addr.into())?;
        socket.listen(backlog)?;
        socket.set_nonblocking(true)?;
        let real = socket.local_addr()?.as_socket().unwrap_or(addr);
        Ok(Listener {
            socket,
            place: Address::Tcp(real),
        })
    }

    /// Binds to a path and listens. Whatever lies there goes, as in Redis: a server that was killed leaves its socket.
    ///
    /// # Errors
    /// those of the operating system, or that the path is too long.
    fn unix(path: &[u8], permissions: u32, backlog: i32) -> io::Result<Listener> {
        if path.len() >= UNIX_PATH_MAX {
            return Err(io::Error::other(format!(
                "unix socket path too long ({}), must be under {UNIX_PATH_MAX}",
                path.len()
            )));
        }
        let file = Path::new(OsStr::from_bytes(path));
        // If it cannot be removed, binding says why.
        let _ = fs::remove_file(file);
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(file)?)?;
        let listener = Listener {
            socket,
            place: Address::Unix(path.into()),
        };
        if permissions != 0 {
            fs::set_permissions(file, Permissions::from_mode(permissions))?;
        }
        listener.socket.listen(backlog)?;
        listener.socket.set_nonblocking(true)?;
        Ok(listener)
    }

    /// Where it listens.
    pub(super) fn place(&self) -> &Address {
        &self.place
    }

    /// Has the poll tell of connections.
    ///
    /// # Errors
    /// those of the operating system.
    pub(super) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let fd = self.socket.as_raw_fd();
        registry.register(&mut SourceFd(&fd), token, Interest::READABLE)
    }

    /// The next connection, prepared as Redis does: no delay, and probes to a silent peer.
    ///
    /// # Errors
    /// those of the operating system; `WouldBlock` if there is none.
    pub(super) fn accept(&self, keepalive_s: u32) -> io::Result<(Socket, Peer)> {
        let (socket, addr) = self.socket.accept()?;
        socket.set_nonblocking(true)?;
        let (addr, local) = match (addr.as_socket(), &self.place) {
            (Some(addr), Address::Tcp(_)) => {
                prepare(&socket, keepalive_s);
                let local = socket.local_addr().ok().and_then(|local| local.as_socket());
                (Address::Tcp(addr), Address::Tcp(local.unwrap_or(addr)))
            }
            _ => (self.place.clone(), self.place.clone()),
        };
        let fd = socket.as_raw_fd();
        Ok((socket, Peer { addr, local, fd }))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Address::Unix(path) = &self.place {
            log::info!("Removing the unix socket file.");
            if let Err(error) = fs::remove_file(OsStr::from_bytes(path)) {
                log::warn!("Error removing the unix socket file: {error}");
            }
        }
    }
}

fn prepare(socket: &Socket, keepalive_s: u32) {
    // Neither can fail in a way that concerns the client: at worst its replies come later, or its death is noticed later.
    let _ = socket.set_tcp_nodelay(true);
    if keepalive_s > 0 {
        let interval = Duration::from_secs(u64::from(keepalive_s.div_ceil(3)));
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(u64::from(keepalive_s)))
            .with_interval(interval)
            .with_retries(3);
        let _ = socket.set_tcp_keepalive(&keepalive);
    }
}

/// Listening sockets to begin with, and those to end with.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(super) opened: Vec<Listener>,
    pub(super) closed: Vec<SocketAddr>,
}

/// Decides which addresses are listened on; the event loop is told of changes.
pub(crate) struct Reception {
    /// The TCP addresses.
    places: Vec<SocketAddr>,
    backlog: i32,
    loop_of_it: Sender<Change>,
}

/// Why an address is not listened on.
#[derive(Debug)]
pub(crate) enum BindError {
    Address(String),
    Bind(SocketAddr, io::Error),
    Unix(io::Error),
    Nowhere,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindError::Address(text) => write!(f, "'{text}' is not an address to bind to"),
            BindError::Bind(addr, error) => {
                write!(
                    f,
                    "Could not create server TCP listening socket {addr}: {error}"
                )
            }
            BindError::Unix(error) => write!(f, "Failed opening Unix socket: {error}"),
            BindError::Nowhere => f.write_str("Configured to not listen anywhere, exiting."),
        }
    }
}

impl Reception {
    /// Listens nowhere yet. The receiving end is for the event loop.
    pub(crate) fn new(backlog: i32) -> (Reception, Receiver<Change>) {
        let (loop_of_it, changes) = channel();
        (
            Reception {
                places: Vec::new(),
                backlog,
                loop_of_it,
            },
            changes,
        )
    }

    /// Listens on a Unix socket as well, with these permissions unless they are 0.
    ///
    /// # Errors
    /// when that is not possible.
    pub(crate) fn listen_on_path(&self, path: &[u8], permissions: u32) -> Result<(), BindError> {
        let listener = Listener::unix(path, permissions, self.backlog).map_err(BindError::Unix)?;
        self.tell(Change {
            opened: vec![listener],
            closed: Vec::new(),
        });
        Ok(())
    }

    /// Listens on these addresses of `port` and no others; sockets that stay are not disturbed. As in redis.conf, port 0
    /// is none, `*` and `::*` are all addresses of a family, and one behind `-` may be missing on this machine.
    ///
    /// # Errors
    /// when one cannot be listened on; then nothing has changed.
    pub(crate) fn listen(
        &mut self,
        bind: &[String],
        port: u16,
    ) -> Result<Vec<SocketAddr>, BindError> {
        let bind = if port == 0 { &[] } else { bind };
        self.listen_on(bind, port)
    }

    /// Listens on any free port of these addresses; returns them with their ports.
    ///
    /// # Errors
    /// when one cannot be listened on; then nothing has changed.
    pub(crate) fn listen_anywhere(
        &mut self,
        bind: &[String],
    ) -> Result<Vec<SocketAddr>, BindError> {
        self.listen_on(bind, 0)
    }

    fn listen_on(&mut self, bind: &[String], port: u16) -> Result<Vec<SocketAddr>, BindError> {
        let mut places = Vec::new();
        let mut opened = Vec::new();
        for text in bind {
            let (text, optional) = text
                .strip_prefix('-')
                .map_or((text.as_str(), false), |text| (text, true));
            let ip = match text {
                "*" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                "::*" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                text => text
                    .parse()
                    .map_err(|_| BindError::Address(text.to_owned()))?,
            };
            let addr = SocketAddr::new(ip, port);
            if self.places.contains(&addr) {
                places.push(addr);
                continue;
            }
            match Listener::tcp(addr, self.backlog) {
                Ok(listener) => {
                    places.extend(tcp_place(&listener));
                    opened.push(listener);
                }
                Err(error) if optional && error.kind() != io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(BindError::Bind(addr, error)),
            }
        }
        let closed = self.places.iter().copied();
        let closed = closed.filter(|addr| !places.contains(addr)).collect();
        self.places.clone_from(&places);
        self.tell(Change { opened, closed });
        Ok(places)
    }

    fn tell(&self, change: Change) {
        // A loop that has ended listens to nobody.
        let _ = self.loop_of_it.send(change);
    }
}

/// The address, if it is one of TCP.
pub(super) fn tcp_place(listener: &Listener) -> Option<SocketAddr> {
    match listener.place() {
        Address::Tcp(addr) => Some(*addr),
        Address::Unix(_) => None,
    }
}
