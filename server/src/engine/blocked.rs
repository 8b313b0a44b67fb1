//! Commands that cannot finish yet: their clients wait until a key can serve them, their time is up, or somebody says so.
//!
//! A command that is woken runs again from the start, with its first deadline. Nothing here knows what any of them does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::engine::Engine;
use crate::engine::call::Waited;
use crate::engine::client::{ClientFlags, ClientKey};
use crate::engine::gate::{Candidate, Refusal};
use crate::registry::command::Run;
use crate::registry::table::Entry;
use crate::resp::args::{Args, OwnedArgs};
use crate::resp::error::Error;
use crate::resp::reply::Reply;

/// What a command came to that may have to wait.
#[derive(Debug)]
pub(crate) enum Flow {
    /// It was carried out and answered.
    Done,
    /// It has changed nothing and written nothing: its client waits.
    Block(Block),
}

/// What a command that cannot finish waits for.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The arguments that are its keys.
    pub(crate) keys: Range<usize>,
    /// The type that one of the keys must come to have, as TYPE names it.
    pub(crate) wanted: &'static str,
    /// When it gives up, on the clock `Now::mono_us`; `None` is never.
    pub(crate) until_us: Option<u64>,
    /// What is answered at once where nobody may wait, as inside MULTI. Whoever has waited in vain is told a null array.
    pub(crate) refusal: Nil,
}

/// The two nulls of RESP2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nil {
    Bulk,
    Array,
}

/// The command of a client that waits.
pub(crate) struct Parked {
    pub(super) entry: &'static Entry,
    pub(super) args: OwnedArgs,
    db: usize,
    block: Block,
    /// Its place in every queue: who began to wait earlier has a lower one.
    place: u64,
    /// What running it in vain has taken so far.
    took_us: u64,
}

impl Parked {
    /// The keys it waits for; one may be named twice.
    pub(super) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let keys = self.block.keys.clone();
        self.args.as_args().rest(keys.start).take(keys.len())
    }
}

#[cfg(test)]
impl Parked {
    /// When it gives up.
    pub(super) fn until_us(&self) -> Option<u64> {
        self.block.until_us
    }
}

/// Who waits for one key, by place.
#[derive(Debug, Default)]
struct Queue {
    waiting: BTreeMap<u64, (ClientKey, &'static str)>,
    /// It is in the list of ready keys.
    ready: bool,
}

/// Everybody who waits for a key.
#[derive(Debug)]
pub(crate) struct Blocked {
    /// For each database the keys that somebody waits for.
    queues: Vec<HashMap<Box<[u8]>, Queue, FixedState>>,
    hasher: FixedState,
    deadlines: BTreeSet<(u64, ClientKey)>,
    /// Keys that can serve somebody, in the order in which they came to.
    ready: VecDeque<(usize, Box<[u8]>)>,
    next_place: u64,
}

impl Blocked {
    /// Nobody yet. The seed keeps clients from choosing keys that collide.
    pub(super) fn new(seed: u64) -> Blocked {
        Blocked {
            queues: Vec::new(),
            hasher: FixedState::with_seed(seed),
            deadlines: BTreeSet::new(),
            ready: VecDeque::new(),
            next_place: 0,
        }
    }

    /// Whether anybody waits for a key.
    fn is_awaited(&self) -> bool {
        self.queues.iter().any(|queues| !queues.is_empty())
    }

    /// Whether there is a key that can serve somebody.
    #[inline]
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many keys somebody waits for.
    pub(crate) fn keys(&self) -> usize {
        self.queues.iter().map(HashMap::len).sum()
    }

    /// How many clients will not wait for ever.
    pub(crate) fn deadlines(&self) -> usize {
        self.deadlines.len()
    }

    /// How many clients wait for a key.
    #[cfg(test)]
    pub(super) fn clients(&self) -> usize {
        let queues = self.queues.iter().flat_map(HashMap::values);
        let places: BTreeSet<u64> = queues
            .flat_map(|queue| queue.waiting.keys().copied())
            .collect();
        places.len()
    }

    /// When the first of those who wait gives up, on the clock `Now::mono_us`.
    pub(super) fn next_deadline_us(&self) -> Option<u64> {
        self.deadlines.first().map(|(until_us, _)| *until_us)
    }

    fn queue_mut(&mut self, db: usize, key: &[u8]) -> Option<&mut Queue> {
        self.queues.get_mut(db)?.get_mut(key)
    }

    fn enter(&mut self, client: ClientKey, parked: &Parked) {
        while self.queues.len() <= parked.db {
            self.queues.push(HashMap::with_hasher(self.hasher.clone()));
        }
        for key in parked.keys() {
            let queue = self.queues[parked.db].entry(key.into()).or_default();
            let waiter = (client, parked.block.wanted);
            queue.waiting.insert(parked.place, waiter);
        }
        if let Some(until_us) = parked.block.until_us {
            self.deadlines.insert((until_us, client));
        }
    }

    fn leave(&mut self, client: ClientKey, parked: &Parked) {
        for key in parked.keys() {
            let queues = &mut self.queues[parked.db];
            if let Some(queue) = queues.get_mut(key) {
                queue.waiting.remove(&parked.place);
                if queue.waiting.is_empty() {
                    queues.remove(key);
                }
            }
        }
        if let Some(until_us) = parked.block.until_us {
            self.deadlines.remove(&(until_us, client));
        }
    }
}

impl Engine {
    /// Lets a client wait. `waited` is what it brings from having waited for the same before.
    pub(super) fn park(
        &mut self,
        client: ClientKey,
        entry: &'static Entry,
        args: Args<'_>,
        mut block: Block,
        waited: Option<Waited>,
        took_us: u64,
    ) {
        let Some(session) = self.clients.get_mut(client) else {
            return;
        };
        if let Some(waited) = waited {
            block.until_us = waited.until_us;
        }
        let parked = Box::new(Parked {
            entry,
            args: OwnedArgs::from_args(args),
            db: session.db,
            block,
            place: self.blocked.next_place,
            took_us,
        });
        self.blocked.next_place += 1;
        self.blocked.enter(client, &parked);
        self.changes.awaited = true;
        session.flags.insert(ClientFlags::BLOCKED);
        session.parked = Some(parked);
    }

    /// Ends a client's waiting without a word: it is about to go on, or about to be gone.
    pub(super) fn unpark(&mut self, client: ClientKey) -> Option<Box<Parked>> {
        let session = self.clients.get_mut(client)?;
        let parked = session.parked.take()?;
        session.flags.remove(ClientFlags::BLOCKED);
        self.blocked.leave(client, &parked);
        self.changes.awaited = self.blocked.is_awaited();
        Some(parked)
    }

    /// A key has come to be: if it is what somebody waits for, they are served as soon as the command that runs, and any
    /// transaction around it, has ended.
    pub(super) fn mark_ready(&mut self, db: usize, key: &[u8]) {
        let Some(type_name) = self.type_name(db, key) else {
            return;
        };
        let Some(queue) = self.blocked.queue_mut(db, key) else {
            return;
        };
        let wanted = queue.waiting.values().any(|(_, want)| *want == type_name);
        if wanted && !queue.ready {
            queue.ready = true;
            self.blocked.ready.push_back((db, key.into()));
        }
    }

    /// A database's content has become another, or may be served again: all its keys that somebody waits for are looked at.
    pub(crate) fn mark_ready_all(&mut self, db: usize) {
        let Some(queues) = self.blocked.queues.get(db) else {
            return;
        };
        let mut keys: Vec<(u64, Box<[u8]>)> = queues
            .iter()
            .filter_map(|(key, queue)| Some((*queue.waiting.first_key_value()?.0, key.clone())))
            .collect();
        // Whoever has waited longest comes first.
        keys.sort_unstable();
        for (_, key) in keys {
            self.mark_ready(db, &key);
        }
    }

    /// Serves those who wait for keys that have become ready: the keys in the order in which they did, those who wait for
    /// one in the order in which they began to. Serving one may make other keys ready; they come after.
    #[cold]
    pub(super) fn serve_ready(&mut self) {
        while let Some((db, key)) = self.blocked.ready.pop_front() {
            let Some(queue) = self.blocked.queue_mut(db, &key) else {
                continue;
            };
            queue.ready = false;
            let Some(last) = queue.waiting.last_key_value().map(|(place, _)| *place) else {
                continue;
            };
            // Whoever has to wait again has a place behind the last, and is not asked twice.
            let mut from = 0;
            while let Some(type_name) = self.type_name(db, &key) {
                let next = self.blocked.queue_mut(db, &key).and_then(|queue| {
                    let mut rest = queue.waiting.range(from..);
                    rest.find(|(_, (_, wanted))| *wanted == type_name)
                        .filter(|(place, _)| **place <= last)
                });
                let Some((&place, &(client, _))) = next else {
                    break;
                };
                from = place + 1;
                self.wake(client);
            }
        }
    }

    /// The type of a key that is there, as TYPE names it.
    fn type_name(&self, db: usize, key: &[u8]) -> Option<&'static str> {
        let entry = self.keyspace.db(db).table.get(key)?;
        (!entry.has_expired(self.now.wall_ms())).then(|| entry.value().type_name())
    }

    /// Runs the command of a client that waits once more.
    fn wake(&mut self, key: ClientKey) {
        let Some(parked) = self.unpark(key) else {
            return;
        };
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let (protocol, muted) = (client.protocol, client.is_muted());
        // As for any command: what is pushed to the client meanwhile comes after its reply.
        let mut out = std::mem::take(&mut client.output);
        self.begin_invalidation(key);
        self.run_again(key, &parked, Reply::new(&mut out, protocol, muted));
        self.end_invalidation(key);
        if let Some(client) = self.clients.get_mut(key) {
            out.append(&mut client.output);
            client.output = out;
        }
        self.go_on(key);
    }

    fn run_again(&mut self, key: ClientKey, parked: &Parked, reply: Reply<'_>) {
        let Some(client) = self.clients.get(key) else {
            return;
        };
        let (entry, args) = (parked.entry, parked.args.as_args());
        let waited = Waited {
            until_us: parked.block.until_us,
            took_us: parked.took_us,
        };
        match self.admit(&Candidate {
            client,
            entry,
            args,
        }) {
            Ok(()) => {
                if let Run::Blocking(run) = entry.command.run {
                    self.call_blocking(key, entry, run, args, reply, Some(waited));
                }
            }
            // When the pause ends, everybody who waits is looked at anew.
            Err(Refusal::Postpone) => {
                let block = parked.block.clone();
                self.park(key, entry, args, block, Some(waited), parked.took_us);
            }
            Err(Refusal::Error(error)) => self.reject(key, Some(entry), &error, reply),
        }
    }

    /// Lets a client that has been answered run what it has sent meanwhile, at the end of the turn.
    fn go_on(&mut self, key: ClientKey) {
        self.note_output(key);
        let waits = |client: &crate::engine::Client| client.is(ClientFlags::BLOCKED);
        if !self.clients.get(key).is_some_and(waits) {
            self.resume_later(key);
        }
    }

    /// Answers those whose time is up.
    pub(super) fn end_waits_in_time(&mut self) {
        while let Some(&(until_us, client)) = self.blocked.deadlines.first()
            && until_us <= self.now.mono_us
        {
            self.end_wait(client, None);
        }
    }

    /// Ends a client's waiting with an error, or as if its time was up.
    ///
    /// # Returns
    /// whether it waited.
    pub(crate) fn end_wait(&mut self, key: ClientKey, error: Option<Error>) -> bool {
        let Some(parked) = self.unpark(key) else {
            return false;
        };
        if let Some(client) = self.clients.get_mut(key) {
            client.commands += 1;
            let (protocol, muted) = (client.protocol, client.is_muted());
            let mut reply = Reply::new(&mut client.output, protocol, muted);
            match &error {
                Some(error) => {
                    self.stats.count_failure(parked.entry.slot, error.code());
                    reply.error(error);
                }
                None => reply.null_array(),
            }
        }
        let args = parked.args.as_args();
        self.account(key, parked.entry, args, parked.took_us);
        self.go_on(key);
        true
    }
}
