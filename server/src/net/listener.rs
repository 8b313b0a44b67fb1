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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};

use crate::engine::{Address, Peer};

/// The longest path of a Unix socket, with the NUL behind it (`sizeof(sun_path)`).
const UNIX_PATH_MAX: usize = 108;

/// A listening socket that [`Reception`] can close at once, though it is in the event loop's hands.
type Door = Arc<Mutex<Option<Socket>>>;

/// One listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Door,
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
            socket: door(socket),
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
        if permissions != 0 {
            fs::set_permissions(file, Permissions::from_mode(permissions))?;
        }
        socket.listen(backlog)?;
        socket.set_nonblocking(true)?;
        Ok(Listener {
            socket: door(socket),
            place: Address::Unix(path.into()),
        })
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
        match lock(&self.socket).as_ref() {
            Some(socket) => {
                let fd = socket.as_raw_fd();
                registry.register(&mut SourceFd(&fd), token, Interest::READABLE)
            }
            None => Ok(()),
        }
    }

    /// The next connection, prepared as Redis does: no delay, and probes to a silent peer.
    ///
    /// # Errors
    /// those of the operating system; `WouldBlock` if there is none.
    pub(super) fn accept(&self, keepalive_s: u32) -> io::Result<(Socket, Peer)> {
        let (socket, addr) = match lock(&self.socket).as_ref() {
            Some(socket) => socket.accept()?,
            None => return Err(io::ErrorKind::WouldBlock.into()),
        };
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

fn door(socket: Socket) -> Door {
    Arc::new(Mutex::new(Some(socket)))
}

fn lock(door: &Door) -> MutexGuard<'_, Option<Socket>> {
    // Whoever panicked while it held a socket has left it as it was.
    door.lock().unwrap_or_else(PoisonError::into_inner)
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
    places: Vec<(SocketAddr, Door)>,
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
        let wanted = parse(bind, port)?;
        let is_wanted = |addr: &SocketAddr| wanted.iter().any(|(wanted, _)| wanted == addr);
        let (mut places, closed): (Vec<_>, Vec<_>) = std::mem::take(&mut self.places)
            .into_iter()
            .partition(|(addr, _)| is_wanted(addr));
        // All addresses of a family stand in the way of each single one, so the old sockets go first.
        for (_, door) in &closed {
            *lock(door) = None;
        }
        let closed: Vec<SocketAddr> = closed.into_iter().map(|(addr, _)| addr).collect();
        let missing = wanted
            .into_iter()
            .filter(|(addr, _)| !places.iter().any(|(kept, _)| kept == addr));
        let (opened, outcome) = match open(missing, self.backlog) {
            Ok(opened) => (opened, Ok(())),
            // What was closed for nothing is opened again, unless somebody has been faster.
            Err(error) => {
                let again = closed.iter().map(|addr| Listener::tcp(*addr, self.backlog));
                (again.filter_map(Result::ok).collect(), Err(error))
            }
        };
        let opened_places = opened
            .iter()
            .filter_map(|listener| Some((tcp_place(listener)?, Arc::clone(&listener.socket))));
        places.extend(opened_places);
        let addrs = places.iter().map(|(addr, _)| *addr).collect();
        self.places = places;
        self.tell(Change { opened, closed });
        outcome.map(|()| addrs)
    }

    fn tell(&self, change: Change) {
        // A loop that has ended listens to nobody.
        let _ = self.loop_of_it.send(change);
    }
}

/// The addresses that `bind` names, and whether each may be missing.
fn parse(bind: &[String], port: u16) -> Result<Vec<(SocketAddr, bool)>, BindError> {
    let parse_one = |text: &String| {
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
        Ok((SocketAddr::new(ip, port), optional))
    };
    bind.iter().map(parse_one).collect()
}

/// Opens all, but those that may be missing and are.
fn open(
    addrs: impl Iterator<Item = (SocketAddr, bool)>,
    backlog: i32,
) -> Result<Vec<Listener>, BindError> {
    let mut opened = Vec::new();
    for (addr, optional) in addrs {
        match Listener::tcp(addr, backlog) {
            Ok(listener) => opened.push(listener),
            Err(error) if optional && error.kind() != io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(BindError::Bind(addr, error)),
        }
    }
    Ok(opened)
}

/// The address, if it is one of TCP.
pub(super) fn tcp_place(listener: &Listener) -> Option<SocketAddr> {
    match listener.place() {
        Address::Tcp(addr) => Some(*addr),
        Address::Unix(_) => None,
    }
}
