//! Listening sockets, and the connections that arrive there.

use std::io;
use std::net::SocketAddr;

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
