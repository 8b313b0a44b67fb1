//! The deterministic core: bytes and time go in, bytes and effects come out.
//!
//! It owns no socket, file, thread, clock or random source that it was not given. Everything here sequences other
//! modules; what a command does stands with the command.

mod ahead;
mod blame;
mod blocked;
mod call;
mod client;
mod client_memory;
mod clients;
mod configure;
mod cron;
mod data;
mod describe;
mod dispatch;
mod evict;
mod expiry;
mod facts;
mod gate;
mod host;
mod input;
mod invalidate;
mod monitor;
mod output;
mod publish;
mod session;
#[cfg(test)]
mod simulate;
mod turn;
mod watch;

use crate::config::Config;
use crate::keyspace::access::Mode;
use crate::keyspace::changes::Changes;
use crate::keyspace::db::Keyspace;
use crate::keyspace::watch::Watches;
use crate::pubsub::PubSub;
use crate::registry::table::{self, Table};
use crate::stats::Stats;
use crate::stats::slowlog::SlowLog;
use crate::stats::spikes::Spikes;
use crate::tracking::Tracking;

pub(crate) use blame::blame;
pub(crate) use blocked::{Block, Blocked, Flow, Nil};
pub(crate) use call::Call;
pub(crate) use client::{Address, Client, ClientFlags, ClientKey, Peer, Transaction};
pub(crate) use clients::Clients;
pub(crate) use data::Data;
pub(crate) use gate::Pause;
pub(crate) use host::{Cpu, Facts, Host, Now};
pub(crate) use input::Progress;
pub(crate) use turn::{Wire, Written};

/// The server without its sockets.
pub(crate) struct Engine {
    pub(crate) clients: Clients,
    pub(crate) keyspace: Keyspace,
    pub(crate) config: Config,
    pub(crate) stats: Stats,
    pub(crate) changes: Changes,
    pub(crate) watches: Watches<ClientKey>,
    pub(crate) pubsub: PubSub<ClientKey>,
    pub(crate) blocked: Blocked,
    pub(crate) tracking: Tracking<ClientKey>,
    /// Those who are shown every command.
    pub(crate) monitors: Vec<ClientKey>,
    pub(crate) pause: Option<Pause>,
    pub(crate) registry: &'static Table,
    pub(crate) host: Box<dyn Host>,
    pub(crate) rng: fastrand::Rng,
    /// Read at the start of a turn and after every command; the same throughout one command.
    pub(crate) now: Now,
    pub(crate) access: Mode,
    pub(crate) slowlog: SlowLog,
    pub(crate) spikes: Spikes,
    /// A command that takes so long is one that the slow log or the latency monitor wants to know of.
    slow_from_us: u64,
    /// When the shell handed over the first of what has come since the last turn.
    turn_began_us: Option<u64>,
    /// DEBUG PAUSE-CRON.
    pub(crate) cron_paused: bool,
    /// The clocks at the start.
    pub(crate) started: Now,
    /// The file that CONFIG REWRITE writes: the one the server was started with.
    pub(crate) config_file: Option<Vec<u8>>,
    /// Memory in use before the first client came.
    pub(crate) memory_at_start: usize,
    /// 40 hexadecimal digits, new at every start.
    pub(crate) run_id: String,
    /// 40 hexadecimal digits that name this data set's history.
    pub(crate) replication_id: String,
    /// A command runs that may run others, as EXEC does.
    inside_command: bool,
    /// Set by SHUTDOWN and by signals: the loop ends with the turn.
    pub(crate) stopping: bool,
    ahead: ahead::ReadAhead,
    invalidation: invalidate::Invalidation,
    client_memory: client_memory::ClientMemory,
    lists: turn::Lists,
    cron: cron::Cron,
    expiry: expiry::Expiry,
    eviction: evict::Eviction,
}

impl Engine {
    /// An engine with an empty keyspace. The same configuration, seed and host answer the same bytes to the same bytes.
    pub(crate) fn new(config: Config, seed: u64, mut host: Box<dyn Host>) -> Engine {
        let registry = table::table();
        let mut rng = fastrand::Rng::with_seed(seed);
        let now = host.now();
        let mut engine = Engine {
            clients: Clients::default(),
            keyspace: Keyspace::new(config.databases, rng.u64(..)),
            stats: Stats::new(registry.entries().len()),
            changes: Changes::default(),
            watches: Watches::new(rng.u64(..)),
            pubsub: PubSub::new(rng.u64(..)),
            blocked: Blocked::new(rng.u64(..)),
            tracking: Tracking::new(rng.u64(..)),
            monitors: Vec::new(),
            pause: None,
            registry,
            now,
            access: Mode::Lru,
            slowlog: SlowLog::default(),
            spikes: Spikes::default(),
            slow_from_us: u64::MAX,
            turn_began_us: None,
            cron_paused: false,
            started: now,
            config_file: None,
            memory_at_start: host.memory_used(),
            run_id: hex_id(&mut rng),
            replication_id: hex_id(&mut rng),
            inside_command: false,
            stopping: false,
            ahead: ahead::ReadAhead::default(),
            invalidation: invalidate::Invalidation::default(),
            client_memory: client_memory::ClientMemory::default(),
            lists: turn::Lists::default(),
            cron: cron::Cron::new(now),
            expiry: expiry::Expiry::default(),
            eviction: evict::Eviction::default(),
            host,
            rng,
            config,
        };
        engine.derive();
        engine
    }

    /// Gives the data set's history another name.
    pub(crate) fn change_replication_id(&mut self) {
        self.replication_id = hex_id(&mut self.rng);
    }

    /// Reads the clock. Commands see one time throughout; only their start and end call this.
    pub(crate) fn tick(&mut self) {
        self.now = self.host.now();
    }
}

/// 40 random hexadecimal digits, as Redis names runs and replication histories.
fn hex_id(rng: &mut fastrand::Rng) -> String {
    (0..40).map(|_| rng.digit(16)).collect()
}
