//! The event loop: polls, reads each ready socket within its budget, lets the engine end the turn.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::Socket;

use crate::engine::{ClientKey, Engine, Peer, Progress, Wire, Written};
use crate::net::link::{Arrived, Link};
use crate::net::listener::{Change, Listener, tcp_place};
use crate::net::rotation::Rotation;
use crate::net::signals::Signals;
use crate::resp::output::Output;

/// The one buffer that all bytes arrive in; also what one client may send in one turn.
const SCRATCH_LEN: usize = 64 * 1024;

/// Events taken from one poll: as many as there may be, so that who is new among them is known.
const EVENTS_MAX: usize = 1024;

/// A turn hears so many clients, or as many as send so many bytes. Replies leave when a turn ends, so a turn is kept short,
/// and others wait for at most that much; were it shorter, polling would cost more than is won.
const CLIENTS_PER_TURN: usize = 16;
const BYTES_PER_TURN: usize = 64 * 1024;

/// Tokens from here on are not clients.
const FIRST_LISTENER: usize = usize::MAX - 1000;
const WAKER: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);

/// Asks a running loop to stop, from another thread.
#[derive(Clone)]
pub(crate) struct Stop(Arc<Waker>);

impl Stop {
    /// Asks the loop to stop; it does so at once, or never if it has stopped already.
    pub(crate) fn stop(&self) {
        // A loop that has gone needs no waking.
        let _ = self.0.wake();
    }
}

/// The sockets, by the place of their client in the engine.
#[derive(Default)]
struct Links {
    links: Vec<Option<Link>>,
}

impl Links {
    fn get_mut(&mut self, key: ClientKey) -> Option<&mut Link> {
        self.links
            .get_mut(key.index as usize)?
            .as_mut()
            .filter(|link| link.key == key)
    }

    fn put(&mut self, link: Link) {
        let index = link.key.index as usize;
        if self.links.len() <= index {
            self.links.resize_with(index + 1, || None);
        }
        self.links[index] = Some(link);
    }
}

impl Wire for Links {
    fn write(&mut self, key: ClientKey, output: &mut Output, share: usize) -> Written {
        self.get_mut(key)
            .map_or(Written::Failed, |link| link.write(output, share))
    }

    fn close(&mut self, key: ClientKey) {
        if self.get_mut(key).is_some() {
            // Closing the descriptor takes it out of the poll as well.
            self.links[key.index as usize] = None;
        }
    }
}

/// One thread, many clients.
pub(crate) struct EventLoop {
    poll: Poll,
    listeners: Vec<Option<Listener>>,
    /// Where it is told to listen elsewhere.
    changes: Receiver<Change>,
    links: Links,
    rotation: Rotation,
    /// Listeners that may have connections no new event will tell of.
    unaccepted: Vec<usize>,
    scratch: Box<[u8]>,
    waker: Arc<Waker>,
    signals: Option<Signals>,
}

impl EventLoop {
    /// A loop that listens where it is told through `changes`.
    ///
    /// # Errors
    /// those of the operating system.
    pub(crate) fn new(changes: Receiver<Change>) -> io::Result<EventLoop> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(EventLoop {
            poll,
            listeners: Vec::new(),
            changes,
            links: Links::default(),
            rotation: Rotation::default(),
            unaccepted: Vec::new(),
            scratch: vec![0; SCRATCH_LEN].into_boxed_slice(),
            waker,
            signals: None,
        })
    }

    /// What stops it.
    pub(crate) fn stop_handle(&self) -> Stop {
        Stop(Arc::clone(&self.waker))
    }

    /// Lets SIGINT and SIGTERM end the loop in order.
    ///
    /// # Errors
    /// those of the operating system.
    pub(crate) fn end_on_signals(&mut self) -> io::Result<()> {
        self.signals = Some(Signals::register(self.poll.registry(), SIGNALS)?);
        Ok(())
    }

    /// Serves until it is told to stop, by its handle or by the engine.
    ///
    /// # Errors
    /// when polling fails.
    pub(crate) fn run(&mut self, engine: &mut Engine) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        self.listen_anew()?;
        engine.end_turn(&mut self.links);
        loop {
            let idle = !self.rotation.is_ready() && self.unaccepted.is_empty();
            let timeout = if idle {
                engine.time_to_next_turn()
            } else {
                Duration::ZERO
            };
            match self.poll.poll(&mut events, Some(timeout)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            engine.begin_turn();
            for event in &events {
                match event.token() {
                    WAKER => engine.stopping = true,
                    SIGNALS => {
                        for name in self.signals.iter_mut().flat_map(Signals::pending) {
                            log::warn!("Received {name} scheduling shutdown...");
                            engine.stopping = true;
                        }
                    }
                    Token(token) if token >= FIRST_LISTENER => {
                        self.accept(engine, token - FIRST_LISTENER);
                    }
                    Token(token) => {
                        let key = client(token);
                        if event.is_writable() {
                            engine.writable(key);
                        }
                        if event.is_read_closed()
                            && let Some(link) = self.links.get_mut(key)
                        {
                            link.ended = true;
                        }
                        if event.is_priority()
                            && let Some(link) = self.links.get_mut(key)
                        {
                            link.urgent = true;
                        }
                        if event.is_readable() || event.is_read_closed() || event.is_error() {
                            self.rotation.wake(key);
                        }
                    }
                }
            }
            self.hear(engine);
            for index in std::mem::take(&mut self.unaccepted) {
                self.accept(engine, index);
            }
            engine.end_turn(&mut self.links);
            self.listen_anew()?;
            if engine.is_stopping() {
                return Ok(());
            }
        }
    }

    /// Opens and closes listening sockets as it was told since the last turn.
    fn listen_anew(&mut self) -> io::Result<()> {
        while let Ok(Change { opened, closed }) = self.changes.try_recv() {
            for place in &mut self.listeners {
                let addr = place.as_ref().and_then(tcp_place);
                if addr.is_some_and(|addr| closed.contains(&addr)) {
                    // Closing the descriptor takes it out of the poll as well.
                    *place = None;
                }
            }
            for listener in opened {
                let index = self
                    .listeners
                    .iter()
                    .position(Option::is_none)
                    .unwrap_or(self.listeners.len());
                let token = Token(FIRST_LISTENER + index);
                listener.register(self.poll.registry(), token)?;
                if index == self.listeners.len() {
                    self.listeners.push(None);
                }
                self.listeners[index] = Some(listener);
            }
        }
        Ok(())
    }

    fn accept(&mut self, engine: &mut Engine, index: usize) {
        // A flood of new connections does not keep the others waiting.
        for _ in 0..engine.config.max_new_connections_per_cycle {
            let Some(Some(listener)) = self.listeners.get(index) else {
                return;
            };
            match listener.accept(engine.config.tcp_keepalive) {
                Ok((stream, peer)) => self.welcome(engine, stream, peer),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return,
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    _ => {
                        // Out of descriptors, most likely: tried again when the next connection arrives.
                        log::warn!("Accepting client connection: {error}");
                        return;
                    }
                },
            }
        }
        self.unaccepted.push(index);
    }

    fn welcome(&mut self, engine: &mut Engine, mut stream: Socket, peer: Peer) {
        match engine.connect(peer) {
            Ok(key) => {
                let interest = Interest::READABLE | Interest::WRITABLE;
                #[cfg(any(target_os = "linux", target_os = "android"))]
                let interest = interest | Interest::PRIORITY;
                let fd = stream.as_raw_fd();
                let mut source = SourceFd(&fd);
                match self
                    .poll
                    .registry()
                    .register(&mut source, token(key), interest)
                {
                    Ok(()) => self.links.put(Link {
                        stream,
                        key,
                        ended: false,
                        urgent: false,
                    }),
                    Err(error) => {
                        log::warn!("Registering a client connection: {error}");
                        engine.doom(key);
                    }
                }
            }
            Err(refusal) => {
                // A new connection has room for one line; if it has not, there is nobody to read it.
                let _ = io::Write::write(&mut stream, refusal);
            }
        }
    }

    /// Reads those whose turn it is, and runs what they ask for.
    fn hear(&mut self, engine: &mut Engine) {
        self.rotation.begin_turn(CLIENTS_PER_TURN);
        let (mut clients, mut bytes) = (0, 0);
        while clients < CLIENTS_PER_TURN
            && bytes < BYTES_PER_TURN
            && let Some(key) = self.rotation.next()
        {
            clients += 1;
            bytes += self.read(engine, key);
        }
    }

    /// Reads one client once, and runs what it asks for; returns how many bytes came.
    fn read(&mut self, engine: &mut Engine, key: ClientKey) -> usize {
        let Some(link) = self.links.get_mut(key) else {
            return 0;
        };
        if engine.is_held_back(key) {
            // Bytes already here come first; the socket is read when they are done.
            self.rotation.wake(key);
            return 0;
        }
        let (arrived, progress) = match engine.filling(key) {
            Some((buffer, room)) => {
                let arrived = link.read_onto(buffer, room);
                let progress = match arrived {
                    Arrived::Bytes { count, .. } => engine.filled(key, count),
                    _ => Progress::Idle,
                };
                (arrived, progress)
            }
            None => {
                let arrived = link.read(&mut self.scratch);
                let progress = match arrived {
                    Arrived::Bytes { count, .. } => engine.receive(key, &self.scratch[..count]),
                    _ => Progress::Idle,
                };
                (arrived, progress)
            }
        };
        if progress == Progress::More {
            engine.resume_later(key);
        }
        match arrived {
            Arrived::Bytes { more, count } => {
                if more {
                    self.rotation.wake(key);
                }
                return count;
            }
            Arrived::Nothing => {}
            Arrived::End => engine.hang_up(key),
            Arrived::Broken => engine.doom(key),
        }
        0
    }
}

/// Clients are told apart by place and generation, so that an event for one that is gone finds nothing.
fn token(key: ClientKey) -> Token {
    Token((key.generation as usize) << 32 | key.index as usize)
}

fn client(token: usize) -> ClientKey {
    ClientKey {
        index: token as u32,
        generation: (token >> 32) as u32,
    }
}
