//! Listening sockets, and the connections that arrive there.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender, channel};

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::time::Duration;

/// One listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(super) socket: TcpListener,
}

impl Listener {
    /// Binds and listens.
    ///
    /// # Errors
    /// those of the operating system: the address is taken, or not ours.
    pub(crate) fn bind(addr: SocketAddr, backlog: i32) -> io::Result<Listener> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        if addr.is_ipv6() {
            // Redis binds both families; one socket for both would take the other's place.
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.bind(&addr.into())?;
        socket.listen(backlog)?;
        socket.set_nonblocking(true)?;
        Ok(Listener {
            socket: TcpListener::from_std(socket.into()),
        })
    }

    /// Where it listens; the port is the real one even if port 0 was asked for.
    ///
    /// # Errors
    /// those of the operating system.
    pub(crate) fn addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
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
    /// As they were asked for: with port 0 where any would do.
    asked: Vec<SocketAddr>,
    backlog: i32,
    loop_of_it: Sender<Change>,
}

/// Why an address is not listened on.
#[derive(Debug)]
pub(crate) enum BindError {
    Address(String),
    Bind(SocketAddr, io::Error),
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
        }
    }
}

impl Reception {
    /// Listens nowhere yet. The receiving end is for the event loop.
    pub(crate) fn new(backlog: i32) -> (Reception, Receiver<Change>) {
        let (loop_of_it, changes) = channel();
        (
            Reception {
                asked: Vec::new(),
                backlog,
                loop_of_it,
            },
            changes,
        )
    }

    /// Listens on these addresses of `port` and no others; sockets that stay are not disturbed. As in redis.conf, `*`
    /// and `::*` are all addresses of a family, and one behind `-` may be missing on this machine.
    ///
    /// # Errors
    /// when one cannot be listened on; then nothing has changed.
    pub(crate) fn listen(
        &mut self,
        bind: &[String],
        port: u16,
    ) -> Result<Vec<SocketAddr>, BindError> {
        let mut asked = Vec::new();
        let mut opened = Vec::new();
        let mut addrs = Vec::new();
        // Port 0 of redis.conf listens nowhere; a library asks for any free port with it, but only at the start.
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
            if self.asked.contains(&addr) {
                asked.push(addr);
                continue;
            }
            let bound = Listener::bind(addr, self.backlog)
                .and_then(|listener| Ok((listener.addr()?, listener)));
            match bound {
                Ok((real, listener)) => {
                    asked.push(addr);
                    addrs.push(real);
                    opened.push(listener);
                }
                Err(error) if optional && error.kind() != io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(BindError::Bind(addr, error)),
            }
        }
        let closed = self
            .asked
            .iter()
            .copied()
            .filter(|addr| !asked.contains(addr))
            .collect();
        self.asked = asked;
        // A loop that has ended listens to nobody.
        let _ = self.loop_of_it.send(Change { opened, closed });
        Ok(addrs)
    }
}

/// Prepares a connection as Redis does: no delay, and probes to a silent peer.
pub(super) fn prepare(stream: &TcpStream, keepalive_s: u32) {
    // Neither can fail in a way that concerns the client: at worst its replies come later, or its death is noticed later.
    let _ = stream.set_nodelay(true);
    if keepalive_s > 0 {
        let interval = Duration::from_secs(u64::from(keepalive_s.div_ceil(3)));
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(u64::from(keepalive_s)))
            .with_interval(interval)
            .with_retries(3);
        let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
    }
}
