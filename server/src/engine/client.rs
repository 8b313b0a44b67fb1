//! One client: what the engine knows of a connection, from its half-read command to its half-written reply.

use core::fmt;
use core::net::SocketAddr;
use std::sync::Arc;

use bitflags::bitflags;

use crate::engine::blocked::Parked;
use crate::engine::invalidate::Tracker;
use crate::registry::table::Entry;
use crate::resp::args::OwnedArgs;
use crate::resp::output::Output;
use crate::resp::reply::Protocol;
use crate::resp::request::Parser;

/// Names a client for as long as it is connected, and nobody afterwards: the place may be reused, the generation not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClientKey {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

bitflags! {
    /// States of a client that are either so or not.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub(crate) struct ClientFlags: u32 {
        /// May run commands: the default user needs no password, or AUTH was right.
        const AUTHENTICATED = 1 << 0;
        /// Between MULTI and EXEC.
        const MULTI = 1 << 1;
        /// A watched key changed: EXEC will answer null.
        const DIRTY_CAS = 1 << 2;
        /// A command was refused while queueing: EXEC will abort.
        const DIRTY_EXEC = 1 << 3;
        /// CLIENT REPLY OFF.
        const REPLY_OFF = 1 << 4;
        /// CLIENT REPLY SKIP: the next command is not answered.
        const REPLY_SKIP_NEXT = 1 << 5;
        /// The command running is not answered.
        const REPLY_SKIP = 1 << 6;
        /// Reads no more; closed as soon as what waits is written.
        const CLOSE_AFTER_REPLY = 1 << 7;
        /// Closed at the end of the turn, whatever waits.
        const DOOMED = 1 << 8;
        /// Has subscriptions.
        const PUBSUB = 1 << 9;
        /// Waits for the end of CLIENT PAUSE with a command unread.
        const POSTPONED = 1 << 10;
        /// CLIENT NO-EVICT.
        const NO_EVICT = 1 << 11;
        /// CLIENT NO-TOUCH.
        const NO_TOUCH = 1 << 12;
        /// In the list of those with something to write.
        const PENDING_WRITE = 1 << 13;
        /// The socket took only part of the last write: wait for it to say it has room.
        const WRITE_BLOCKED = 1 << 14;
        /// Has commands left that it may run in the next turn; its socket is not read before.
        const RESUMED = 1 << 15;
        /// In the list of those that have been over their soft output limit.
        const OVERFULL = 1 << 16;
        /// Its command cannot finish yet: it is parked.
        const BLOCKED = 1 << 17;
        /// CLIENT TRACKING is on.
        const TRACKING = 1 << 18;
        /// The client it redirects to was found to be gone.
        const TRACKING_BROKEN = 1 << 19;
        /// It hears of prefixes instead of what it has read.
        const TRACKING_BCAST = 1 << 20;
        /// Only what it reads behind CLIENT CACHING YES is tracked.
        const TRACKING_OPTIN = 1 << 21;
        /// What it reads behind CLIENT CACHING NO is not tracked.
        const TRACKING_OPTOUT = 1 << 22;
        /// It is not told of what it changes itself.
        const TRACKING_NOLOOP = 1 << 23;
        /// CLIENT CACHING, for the next command or transaction.
        const TRACKING_CACHING = 1 << 24;
        /// Connected through the Unix socket.
        const UNIX_SOCKET = 1 << 25;
        /// Is shown every command.
        const MONITOR = 1 << 26;
        /// The states in which a client's commands are left where they are.
        const RUNS_NOTHING = Self::CLOSE_AFTER_REPLY.bits()
            | Self::DOOMED.bits()
            | Self::POSTPONED.bits()
            | Self::BLOCKED.bits();
    }
}

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    /// The path of the server's Unix socket: its clients have no address of their own.
    Unix(Arc<[u8]>),
}

impl Address {
    /// Whether it is on this machine for certain.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Address::Tcp(addr) => addr.ip().is_loopback(),
            Address::Unix(_) => true,
        }
    }
}

/// As CLIENT LIST shows it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(addr) => addr.fmt(f),
            Address::Unix(path) => write!(f, "{}:0", String::from_utf8_lossy(path)),
        }
    }
}

/// Who connected, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) addr: Address,
    pub(crate) local: Address,
    /// The socket's descriptor, shown by CLIENT LIST.
    pub(crate) fd: i32,
}

/// What was queued since MULTI.
#[derive(Default)]
pub(crate) struct Transaction {
    pub(crate) queued: Vec<(&'static Entry, OwnedArgs)>,
    /// Bytes its arguments hold.
    pub(crate) memory: usize,
    /// Bytes its arguments are long.
    pub(crate) args_len: usize,
}

impl Transaction {
    /// Adds a command at the end.
    pub(crate) fn queue(&mut self, entry: &'static Entry, args: OwnedArgs) {
        self.memory += args.memory();
        self.args_len += args.as_args().iter().map(<[u8]>::len).sum::<usize>();
        self.queued.push((entry, args));
    }

    /// Takes a command out to run it; its place stays, since CLIENT LIST counts it until EXEC ends.
    pub(crate) fn take(&mut self, index: usize) -> Option<(&'static Entry, OwnedArgs)> {
        let (entry, args) = self.queued.get_mut(index)?;
        Some((*entry, std::mem::take(args)))
    }
}

/// What most clients never set.
#[derive(Default)]
pub(crate) struct Labels {
    pub(crate) name: Vec<u8>,
    pub(crate) lib_name: Vec<u8>,
    pub(crate) lib_ver: Vec<u8>,
}

/// The bytes of a client that have arrived and not been read.
#[derive(Default)]
pub(crate) struct Input {
    pub(crate) buffer: Vec<u8>,
    pub(crate) parser: Parser,
}

/// One connected client.
pub(crate) struct Client {
    pub(crate) key: ClientKey,
    /// CLIENT ID: never used twice.
    pub(crate) id: u64,
    pub(crate) flags: ClientFlags,
    pub(crate) protocol: Protocol,
    pub(crate) db: usize,
    pub(crate) input: Input,
    pub(crate) output: Output,
    pub(crate) peer: Peer,
    /// The last command, for CLIENT LIST.
    pub(crate) last: Option<&'static Entry>,
    pub(crate) transaction: Option<Box<Transaction>>,
    /// The command that cannot finish yet.
    pub(crate) parked: Option<Box<Parked>>,
    pub(crate) labels: Option<Box<Labels>>,
    pub(crate) tracker: Option<Box<Tracker>>,
    /// Wall-clock milliseconds.
    pub(crate) created_ms: i64,
    /// Wall-clock milliseconds of the last command or reply.
    pub(crate) active_ms: i64,
    /// Since when the output has been over its soft limit; wall-clock seconds, as Redis counts them.
    pub(crate) over_soft_limit_s: Option<i64>,
    /// Of its memory, what is in the sum that `maxmemory-clients` limits.
    pub(crate) counted: usize,
    pub(crate) net_in: u64,
    pub(crate) net_out: u64,
    pub(crate) commands: u64,
}

impl Client {
    /// A client that has just connected.
    pub(crate) fn new(key: ClientKey, id: u64, peer: Peer, now_ms: i64) -> Client {
        Client {
            key,
            id,
            flags: ClientFlags::empty(),
            protocol: Protocol::Resp2,
            db: 0,
            input: Input::default(),
            output: Output::default(),
            peer,
            last: None,
            transaction: None,
            parked: None,
            labels: None,
            tracker: None,
            created_ms: now_ms,
            active_ms: now_ms,
            over_soft_limit_s: None,
            counted: 0,
            net_in: 0,
            net_out: 0,
            commands: 0,
        }
    }

    pub(crate) fn is(&self, flags: ClientFlags) -> bool {
        self.flags.intersects(flags)
    }

    /// Whether the command running is not answered.
    pub(crate) fn is_muted(&self) -> bool {
        self.is(ClientFlags::REPLY_OFF | ClientFlags::REPLY_SKIP | ClientFlags::CLOSE_AFTER_REPLY)
    }

    /// Bytes that it and its buffers take.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Client>()
            + self.input.buffer.capacity()
            + self.input.parser.memory()
            + self.output.memory()
            + self.transaction.as_ref().map_or(0, |t| t.memory)
            + self.parked.as_ref().map_or(0, |p| p.args.memory())
            + self.tracker.as_ref().map_or(0, |t| t.memory())
    }

    /// CLIENT GETREDIR: the number of the client that is told for this one, 0 where it is itself, -1 without tracking.
    pub(crate) fn redirect_id(&self) -> i64 {
        if !self.is(ClientFlags::TRACKING) {
            return -1;
        }
        let redirect = self.tracker.as_ref().and_then(|tracker| tracker.redirect);
        redirect.map_or(0, |(id, _)| id as i64)
    }

    /// What CLIENT CACHING said is meant for the next command that is not CLIENT's, or for a whole transaction.
    pub(crate) fn forget_caching(&mut self) {
        let of_client = |entry: &Entry| entry.full_name.split('|').next() == Some("client");
        if !self.is(ClientFlags::MULTI) && !self.last.is_some_and(of_client) {
            self.flags.remove(ClientFlags::TRACKING_CACHING);
        }
    }

    /// CLIENT SETNAME; an empty name is none.
    pub(crate) fn set_name(&mut self, name: &[u8]) {
        if !name.is_empty() || self.labels.is_some() {
            self.labels_mut().name = name.to_vec();
        }
    }

    /// The labels, to be set.
    pub(crate) fn labels_mut(&mut self) -> &mut Labels {
        self.labels.get_or_insert_default()
    }
}
