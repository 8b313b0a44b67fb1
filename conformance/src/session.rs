//! Sockets as a transcript uses them: named connections that can stop reading, half-close, reset. It moves bytes and observes
//! ends; what they should be is not its business.
//!
//! # Why everything is read before anything is written
//! A write to a peer that has closed provokes a reset, and a reset may destroy what it had said before. Likewise a
//! server that waits for us to read must not be waited for by our write. So all connections are drained first, and
//! while a write waits for room.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;
use socket2::{Domain, SockRef, Socket, Type};

use crate::control::{CONTROL_WITHIN, Control, Trouble};

/// A connection with so much unread is not read any further: no transcript waits for more, and a server that never stops must
/// not fill the judge's memory.
const UNREAD_MAX: usize = 64 << 20;

/// What of a long write or read is kept for the wire log.
const LOGGED: usize = 512;

/// How the server's side of a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With FIN: everything it wrote was delivered.
    Fin,
    /// With RST.
    Rst,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ended::Fin => "FIN",
            Ended::Rst => "RST",
        })
    }
}

/// Something that went over the wire, for the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireEvent {
    /// On which connection.
    pub connection: String,
    /// What.
    pub what: WireKind,
}

/// What went over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireKind {
    /// Bytes of ours: the first ones, and how many there were.
    Sent(Vec<u8>, usize),
    /// Bytes of the server's: the first ones, and how many there were.
    Received(Vec<u8>, usize),
    /// The server's side ended.
    Ended(Ended),
    /// We did this to the socket.
    Did(&'static str),
}

/// The connections of one run of one transcript. Dropping it resets those that are still open.
#[derive(Debug)]
pub struct Session<'c> {
    control: &'c mut Control,
    connections: BTreeMap<String, Connection>,
    wire: Vec<WireEvent>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// Everything received that nobody has taken yet.
    inbox: Vec<u8>,
    /// Bytes taken since it was opened.
    taken: usize,
    ended: Option<Ended>,
    paused: bool,
    /// The client's own side is shut, so nothing more can be written.
    shut: bool,
    /// Bytes of the transcript were kept back because the server had already closed.
    kept_back: bool,
}

impl<'c> Session<'c> {
    /// No connections yet, but for the control connection.
    pub fn new(control: &'c mut Control) -> Session<'c> {
        Session {
            control,
            connections: BTreeMap::new(),
            wire: Vec::new(),
        }
    }

    /// Opens a connection, unless it is open. Buffer sizes are in bytes and are set before connecting, as TCP demands.
    pub fn open(
        &mut self,
        name: &str,
        receive_buffer: Option<usize>,
        send_buffer: Option<usize>,
    ) -> Result<(), Trouble> {
        if self.connections.contains_key(name) {
            return Ok(());
        }
        let address = self.control.address();
        let connect = || -> io::Result<TcpStream> {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            if let Some(size) = receive_buffer {
                socket.set_recv_buffer_size(size)?;
            }
            if let Some(size) = send_buffer {
                socket.set_send_buffer_size(size)?;
            }
            socket.set_tcp_nodelay(true)?;
            socket.connect_timeout(&address.into(), CONTROL_WITHIN)?;
            socket.set_nonblocking(true)?;
            Ok(socket.into())
        };
        let connection = Connection {
            stream: connect().map_err(Trouble::Lost)?,
            inbox: Vec::new(),
            taken: 0,
            ended: None,
            paused: false,
            shut: false,
            kept_back: false,
        };
        self.connections.insert(name.to_owned(), connection);
        Ok(())
    }

    /// Writes `bytes` on a connection, opening it if need be, and reads what arrives on all of them meanwhile. Bytes for a
    /// server that has closed already are kept back. Gives up silently at `deadline`: the missing answer will tell.
    pub fn send(&mut self, name: &str, bytes: &[u8], deadline: Instant) -> Result<(), Trouble> {
        self.open(name, None, None)?;
        self.drain();
        let mut left = bytes;
        loop {
            let connection = self.connection(name);
            if connection.ended.is_some() || connection.shut {
                connection.kept_back |= !left.is_empty();
                break;
            }
            if left.is_empty() {
                break;
            }
            match connection.stream.write(left) {
                Ok(length) => left = &left[length..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.wait(Some(name), deadline) {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    // The reason is on the reading side, together with the server's last words.
                    connection.kept_back = true;
                    self.drain();
                    self.connection(name).ended.get_or_insert(Ended::Rst);
                    break;
                }
            }
        }
        let sent = bytes.len() - left.len();
        self.note(
            name,
            WireKind::Sent(bytes[..sent.min(LOGGED)].to_vec(), sent),
        );
        Ok(())
    }

    /// What has arrived and was not taken.
    pub fn inbox(&self, name: &str) -> &[u8] {
        self.connections
            .get(name)
            .map_or(&[], |connection| &connection.inbox)
    }

    /// Bytes taken from the connection so far: where the inbox begins in the stream.
    pub fn taken(&self, name: &str) -> usize {
        self.connections
            .get(name)
            .map_or(0, |connection| connection.taken)
    }

    /// Takes bytes out of the inbox.
    pub fn take(&mut self, name: &str, length: usize) -> Vec<u8> {
        let Some(connection) = self.connections.get_mut(name) else {
            return Vec::new();
        };
        connection.taken += length;
        connection.inbox.drain(..length).collect()
    }

    /// How the server's side ended, as far as has been read.
    pub fn ended(&self, name: &str) -> Option<Ended> {
        self.connections
            .get(name)
            .and_then(|connection| connection.ended)
    }

    /// Whether bytes were not written because the server had closed.
    pub fn kept_back(&self, name: &str) -> bool {
        self.connections
            .get(name)
            .is_some_and(|connection| connection.kept_back)
    }

    /// Whether the connection is there and the client has not closed it.
    pub fn is_open(&self, name: &str) -> bool {
        self.connections.contains_key(name)
    }

    /// The open connections' names.
    pub fn names(&self) -> Vec<String> {
        self.connections.keys().cloned().collect()
    }

    /// Waits until something arrives on, or ends, any connection that is being read. `false` at the deadline.
    pub fn wait_for_input(&mut self, deadline: Instant) -> bool {
        self.wait(None, deadline)
    }

    /// Reads everything that is there on every connection that is not paused.
    pub fn drain(&mut self) {
        let Session {
            control,
            connections,
            wire,
        } = self;
        for (name, connection) in connections
            .iter_mut()
            .filter(|(_, connection)| connection.reads())
        {
            connection.drain(name, &mut control.buffer, wire);
        }
    }

    /// A barrier: the server has read everything.
    pub fn barrier(&mut self) -> Result<(), Trouble> {
        self.control.barrier()
    }

    /// The server has read everything, has written all it had to say to it, and all that has been read here.
    pub fn settle(&mut self) -> Result<(), Trouble> {
        self.control.settle()?;
        self.drain();
        Ok(())
    }

    /// Stops reading: the server will meet a full socket.
    pub fn pause(&mut self, name: &str) {
        self.connection(name).paused = true;
        self.note(name, WireKind::Did("pause"));
    }

    /// Reads again.
    pub fn resume(&mut self, name: &str) {
        if std::mem::take(&mut self.connection(name).paused) {
            self.note(name, WireKind::Did("resume"));
        }
    }

    /// Shuts the writing side: the server sees FIN and can still write.
    pub fn shutdown(&mut self, name: &str) {
        let connection = self.connection(name);
        // It fails only when the connection is gone already, which reading will find out.
        let _ = connection.stream.shutdown(Shutdown::Write);
        connection.shut = true;
        self.note(name, WireKind::Did("shutdown"));
    }

    /// Closes in the ordinary way and forgets the connection.
    pub fn close(&mut self, name: &str) {
        self.connections.remove(name);
        self.note(name, WireKind::Did("close"));
    }

    /// Resets the connection and forgets it.
    pub fn reset(&mut self, name: &str) {
        if let Some(connection) = self.connections.remove(name) {
            connection.reset();
        }
        self.note(name, WireKind::Did("rst"));
    }

    /// How much has gone over the wire, in events.
    pub fn wire_length(&self) -> usize {
        self.wire.len()
    }

    /// What went over the wire, oldest first.
    pub fn into_wire(mut self) -> Vec<WireEvent> {
        std::mem::take(&mut self.wire)
    }

    fn connection(&mut self, name: &str) -> &mut Connection {
        self.connections
            .get_mut(name)
            .expect("the connection was opened by whoever names it")
    }

    fn note(&mut self, name: &str, what: WireKind) {
        self.wire.push(WireEvent {
            connection: name.to_owned(),
            what,
        });
    }

    /// Waits for input on every connection that is read, and for room on `writing`; drains what there is.
    fn wait(&mut self, writing: Option<&str>, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // Where something always comes, it would never be over.
            self.drain();
            return false;
        }
        let Ok(left) = Timespec::try_from(left) else {
            return false;
        };
        let mut fds: Vec<PollFd<'_>> = self
            .connections
            .iter()
            .filter_map(|(name, connection)| {
                let mut flags = PollFlags::empty();
                flags.set(PollFlags::IN, connection.reads());
                flags.set(PollFlags::OUT, writing == Some(name.as_str()));
                (!flags.is_empty()).then(|| PollFd::new(&connection.stream, flags))
            })
            .collect();
        if fds.is_empty() {
            return false;
        }
        // Interrupted counts as "look again".
        let ready = !matches!(poll(&mut fds, Some(&left)), Ok(0));
        drop(fds);
        self.drain();
        ready
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // Tens of thousands of runs a minute would otherwise leave as many ports in TIME_WAIT.
        for (_, connection) in std::mem::take(&mut self.connections) {
            connection.reset();
        }
    }
}

impl Connection {
    fn reads(&self) -> bool {
        !self.paused && self.ended.is_none() && self.inbox.len() < UNREAD_MAX
    }

    fn drain(&mut self, name: &str, buffer: &mut [u8], wire: &mut Vec<WireEvent>) {
        while self.reads() {
            match self.stream.read(buffer) {
                Ok(0) => self.ended = Some(Ended::Fin),
                Ok(length) => {
                    log_received(wire, name, &buffer[..length]);
                    self.inbox.extend_from_slice(&buffer[..length]);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => self.ended = Some(Ended::Rst),
            }
            wire.extend(self.ended.map(|ended| WireEvent {
                connection: name.to_owned(),
                what: WireKind::Ended(ended),
            }));
        }
    }

    fn reset(self) {
        // Should it fail, the connection is closed in the ordinary way, which is as good for cleaning up.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

/// Adds to the last event when it was the same connection's: how the kernel divided a reply is of no interest.
fn log_received(wire: &mut Vec<WireEvent>, name: &str, bytes: &[u8]) {
    if let Some(WireEvent {
        connection,
        what: WireKind::Received(head, length),
    }) = wire.last_mut()
        && connection == name
    {
        let room = LOGGED.saturating_sub(head.len()).min(bytes.len());
        head.extend_from_slice(&bytes[..room]);
        *length += bytes.len();
        return;
    }
    let head = bytes[..bytes.len().min(LOGGED)].to_vec();
    wire.push(WireEvent {
        connection: name.to_owned(),
        what: WireKind::Received(head, bytes.len()),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Barrier;
    use std::io::BufRead;
    use std::io::BufReader;
    use std::net::{Ipv4Addr, TcpListener};
    use std::sync::mpsc;
    use std::thread;

    const SOON: Duration = Duration::from_secs(5);

    /// A server that answers barriers on its first connection and hands its second one to `act`.
    fn peer(act: impl FnOnce(TcpStream) + Send + 'static) -> Control {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut control, _) = listener.accept().unwrap();
            let reader = BufReader::new(control.try_clone().unwrap());
            thread::spawn(move || {
                // Every fifth line of `*2 $4 PING $n nonce` is the nonce.
                for nonce in reader.lines().map_while(Result::ok).skip(4).step_by(5) {
                    write!(control, "${}\r\n{nonce}\r\n", nonce.len()).unwrap();
                }
            });
            act(listener.accept().unwrap().0);
        });
        Control::connect(address, Barrier::Ping).unwrap()
    }

    fn wait_for_end(session: &mut Session<'_>) -> Option<Ended> {
        let deadline = Instant::now() + SOON;
        while session.ended("a").is_none() && session.wait_for_input(deadline) {}
        session.ended("a")
    }

    #[test]
    fn the_last_words_before_a_fin_are_kept() {
        let mut control = peer(|mut stream| stream.write_all(b"+BYE\r\n").unwrap());
        let mut session = Session::new(&mut control);
        session.open("a", None, None).unwrap();
        assert_eq!(wait_for_end(&mut session), Some(Ended::Fin));
        assert_eq!(session.inbox("a"), b"+BYE\r\n");
        assert_eq!(session.take("a", 4), b"+BYE");
        assert_eq!((session.inbox("a"), session.taken("a")), (&b"\r\n"[..], 4));
    }

    #[test]
    fn a_reset_is_told_from_a_fin() {
        let mut control = peer(|mut stream| {
            // Not before the connection is known to be made.
            stream.read_exact(&mut [0]).unwrap();
            SockRef::from(&stream)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        });
        let mut session = Session::new(&mut control);
        session.send("a", b"x", Instant::now() + SOON).unwrap();
        assert_eq!(wait_for_end(&mut session), Some(Ended::Rst));
    }

    #[test]
    fn bytes_for_a_server_that_has_closed_are_kept_back_so_that_nothing_is_reset() {
        let (closed, is_closed) = mpsc::channel();
        let mut control = peer(move |mut stream| {
            stream.write_all(b"-ERR bye\r\n").unwrap();
            drop(stream);
            closed.send(()).unwrap();
        });
        let mut session = Session::new(&mut control);
        session.open("a", None, None).unwrap();
        is_closed.recv_timeout(SOON).unwrap();
        session.send("a", b"more", Instant::now() + SOON).unwrap();
        assert!(session.kept_back("a"));
        assert_eq!(
            (session.inbox("a"), session.ended("a")),
            (&b"-ERR bye\r\n"[..], Some(Ended::Fin))
        );
    }

    #[test]
    fn a_server_that_reads_nothing_until_it_has_written_blocks_nobody() {
        const SIZE: usize = 32 << 20;
        let mut control = peer(|mut stream| {
            stream.write_all(&vec![b'y'; SIZE]).unwrap();
            let mut all = vec![0; SIZE];
            stream.read_exact(&mut all).unwrap();
            stream.write_all(b"done").unwrap();
        });
        let mut session = Session::new(&mut control);
        session
            .send("a", &vec![b'x'; SIZE], Instant::now() + 4 * SOON)
            .unwrap();
        assert_eq!(wait_for_end(&mut session), Some(Ended::Fin));
        assert_eq!(session.inbox("a").len(), SIZE + 4);
    }

    #[test]
    fn a_paused_connection_is_not_read_and_a_resumed_one_is() {
        let (written, is_written) = mpsc::channel();
        let mut control = peer(move |mut stream| {
            stream.write_all(b"+OK\r\n").unwrap();
            written.send(stream).unwrap();
        });
        let mut session = Session::new(&mut control);
        session.open("a", None, None).unwrap();
        session.pause("a");
        let _stream = is_written.recv_timeout(SOON).unwrap();
        session.settle().unwrap();
        assert_eq!(session.inbox("a"), b"");
        session.resume("a");
        session.settle().unwrap();
        assert_eq!(session.inbox("a"), b"+OK\r\n");
    }

    #[test]
    fn the_wire_log_keeps_the_head_of_what_is_long_and_its_length() {
        let mut wire = Vec::new();
        log_received(&mut wire, "a", &[b'x'; 300]);
        log_received(&mut wire, "a", &[b'y'; 300]);
        log_received(&mut wire, "b", b"z");
        let WireKind::Received(head, length) = &wire[0].what else {
            panic!("{wire:?}")
        };
        assert_eq!((head.len(), *length, head[511]), (LOGGED, 600, b'y'));
        assert_eq!(wire[1].connection, "b");
    }
}
