//! The end of a turn: everything that is done once after the ready sockets were read, in Redis's order.

use std::collections::VecDeque;

use crate::engine::Engine;
use crate::engine::client::{ClientFlags, ClientKey};
use crate::engine::input::Progress;
use crate::resp::output::Output;

/// About so many bytes of long outputs are written in a turn: a socket of this machine takes megabytes at once, and copying
/// them for hundreds of clients would keep all others waiting.
const WRITTEN_PER_TURN: usize = 1024 * 1024;

/// An output is long from here on. Shorter ones are written whatever the others have cost.
const LONG_LEN_MIN: usize = 64 * 1024;

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Everything was taken.
    All,
    /// As much as was offered was taken: the next turn may offer more.
    Share,
    /// The socket is full: [`Engine::writable`] is to be called when it is not.
    Part,
    /// The connection is broken.
    Failed,
}

/// The way out of the engine.
pub(crate) trait Wire {
    /// Writes as much as the connection takes, at most `share` bytes, and drops that from the output.
    fn write(&mut self, key: ClientKey, output: &mut Output, share: usize) -> Written;

    /// Closes the connection of a client that the engine has forgotten.
    fn close(&mut self, key: ClientKey);
}

/// Who is to be dealt with at the end of the turn.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    /// Something waits to be written to them.
    pub(super) writing: Vec<ClientKey>,
    /// Of those, while they are written to, who has to wait for the next turn; empty otherwise.
    unwritten: Vec<ClientKey>,
    /// They are to be closed.
    pub(super) doomed: Vec<ClientKey>,
    /// They have commands left that they may run.
    pub(super) resumed: VecDeque<ClientKey>,
    /// They are over their soft output limit, or were a moment ago.
    pub(super) overfull: Vec<ClientKey>,
    /// They wait for the end of CLIENT PAUSE, in the order in which they began to; some may be gone.
    pub(super) postponed: Vec<ClientKey>,
}

impl Engine {
    /// Leaves a client's remaining commands for the next turn.
    pub(crate) fn resume_later(&mut self, key: ClientKey) {
        if let Some(client) = self.clients.get_mut(key)
            && !client.is(ClientFlags::RESUMED)
        {
            client.flags.insert(ClientFlags::RESUMED);
            self.lists.resumed.push_back(key);
        }
    }

    /// Whether a client still has commands to run that came before whatever its socket holds.
    pub(crate) fn is_held_back(&self, key: ClientKey) -> bool {
        self.clients
            .get(key)
            .is_some_and(|client| client.is(ClientFlags::RESUMED))
    }

    /// Whether the server is to stop now that the turn has ended.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether a turn is due without waiting for any socket.
    pub(crate) fn has_work(&self) -> bool {
        !self.lists.resumed.is_empty()
            || !self.lists.writing.is_empty()
            || !self.lists.doomed.is_empty()
            || self.eviction.unfinished
    }

    /// Begins a turn: the shell has waited, and will now hand over what has come.
    pub(crate) fn begin_turn(&mut self) {
        self.tick();
        self.turn_began_us = Some(self.now.mono_us);
    }

    /// Ends a turn. The order is that of Redis's `beforeSleep`.
    pub(crate) fn end_turn(&mut self, wire: &mut impl Wire) {
        self.tick();
        // A turn that only the clock is due to has no other beginning.
        let began_us = self.turn_began_us.take().unwrap_or(self.now.mono_us);
        // Whoever waited too long, or for a pause that is over, is dealt with before anything new.
        self.end_waits_in_time();
        self.end_pause_in_time();
        self.run_cron();
        // Clients whose budget ended get their next share before the sockets are asked again, so that none starves.
        self.resume();
        // Keys that expire by themselves go before replies are written: a reader may be told of it in this turn.
        self.expire_fast();
        // What one command left over is not left to the next one.
        self.go_on_evicting();
        // What the keys of a prefix went through in this turn is told together, before anything is written.
        self.broadcast_invalidations();
        // Most is in use while what was asked for has been carried out and not been sent.
        self.note_memory_peak();
        // One write a client, however many commands it ran.
        self.write_all(wire);
        // Whoever read what waited for it takes less now. Those evicted are closed with the doomed.
        self.evict_clients();
        // Last, since a write that fails dooms its client too; closing earlier would lose replies.
        self.close_doomed(wire);
        self.discard_garbage();
        self.stats.turns += 1;
        let took_us = self.now.mono_us - began_us;
        let stats = &mut self.stats;
        stats.turns_us += took_us;
        stats.longest_turn_us = stats.longest_turn_us.max(took_us);
        let commands = stats.commands_processed - stats.commands_before_turn;
        stats.most_commands_in_turn = stats.most_commands_in_turn.max(commands);
        stats.commands_before_turn = stats.commands_processed;
    }

    fn resume(&mut self) {
        // Those that are put back wait for the next turn.
        for _ in 0..self.lists.resumed.len() {
            let Some(key) = self.lists.resumed.pop_front() else {
                return;
            };
            if let Some(client) = self.clients.get_mut(key) {
                client.flags.remove(ClientFlags::RESUMED);
            }
            if self.proceed(key) == Progress::More {
                self.resume_later(key);
            }
        }
    }

    /// Writes to everybody who has something waiting: all of it where it is short, in turns where it is long.
    fn write_all(&mut self, wire: &mut impl Wire) {
        let mut writing = std::mem::take(&mut self.lists.writing);
        let mut left = WRITTEN_PER_TURN;
        for key in writing.drain(..) {
            let Some(client) = self.clients.get_mut(key) else {
                continue;
            };
            let before = client.output.len();
            let long = before >= LONG_LEN_MIN;
            if long && left == 0 && !client.is(ClientFlags::DOOMED) {
                // It comes before those that have had their share in this turn.
                self.lists.unwritten.push(key);
                continue;
            }
            client.flags.remove(ClientFlags::PENDING_WRITE);
            if client.is(ClientFlags::DOOMED) {
                continue;
            }
            let share = if long { left } else { before };
            let written = if before == 0 {
                Written::All
            } else {
                wire.write(key, &mut client.output, share)
            };
            let sent = before - client.output.len();
            if long {
                left = left.saturating_sub(sent);
            }
            client.net_out += sent as u64;
            if sent > 0 {
                client.active_ms = self.now.wall_ms();
            }
            self.stats.net_output_bytes += sent as u64;
            self.stats.writes_processed += 1;
            match written {
                Written::All if client.is(ClientFlags::CLOSE_AFTER_REPLY) => self.doom(key),
                Written::All => client.over_soft_limit_s = None,
                Written::Share => {
                    client.flags.insert(ClientFlags::PENDING_WRITE);
                    self.lists.writing.push(key);
                }
                Written::Part => client.flags.insert(ClientFlags::WRITE_BLOCKED),
                Written::Failed => self.doom(key),
            }
            self.count_memory(key, 0);
        }
        // Both lists' room is kept for the next turn.
        std::mem::swap(&mut writing, &mut self.lists.unwritten);
        writing.append(&mut self.lists.writing);
        self.lists.writing = writing;
    }

    fn close_doomed(&mut self, wire: &mut impl Wire) {
        for key in std::mem::take(&mut self.lists.doomed) {
            self.leave(key);
            self.forget_tracker(key);
            self.clients.remove(key);
            wire.close(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::embedded::Embedded;

    /// Sockets that take whatever they are offered.
    #[derive(Default)]
    struct Deep {
        now: BTreeMap<ClientKey, usize>,
        all: BTreeMap<ClientKey, usize>,
    }

    impl Wire for Deep {
        fn write(&mut self, key: ClientKey, output: &mut Output, share: usize) -> Written {
            let count = output.len().min(share);
            output.sent(count);
            *self.now.entry(key).or_default() += count;
            *self.all.entry(key).or_default() += count;
            if output.is_empty() {
                Written::All
            } else {
                Written::Share
            }
        }

        fn close(&mut self, key: ClientKey) {
            panic!("{key:?} did nothing wrong");
        }
    }

    /// An engine with so many clients, each of whom has so many bytes waiting.
    fn waiting(lens: &[usize]) -> (Engine, Vec<ClientKey>) {
        let mut redis = Embedded::new(1);
        for _ in lens {
            redis.connect();
        }
        let mut engine = redis.engine;
        let keys: Vec<ClientKey> = engine.clients.iter().map(|client| client.key).collect();
        for (key, len) in keys.iter().zip(lens) {
            engine.push(*key, |reply| reply.bulk(&vec![b'x'; *len]));
        }
        (engine, keys)
    }

    #[test]
    fn long_outputs_are_written_in_turns_and_short_ones_always() {
        const LEN: usize = 700 * 1024;
        let (mut engine, keys) = waiting(&[LEN; 20]);
        let mut wire = Deep::default();
        let mut turns = 0;
        while engine.has_work() {
            engine.push(keys[turns % 3], |reply| reply.bulk(b"short"));
            wire.now.clear();
            engine.end_turn(&mut wire);
            assert!(wire.now.values().sum::<usize>() < WRITTEN_PER_TURN + 3 * LONG_LEN_MIN);
            turns += 1;
        }
        assert!(wire.all.values().all(|len| *len > LEN));
        assert_eq!(turns, (20 * LEN).div_ceil(WRITTEN_PER_TURN));

        let (mut engine, keys) = waiting(&[8 * WRITTEN_PER_TURN, 8 * WRITTEN_PER_TURN, 10, 10]);
        let mut wire = Deep::default();
        engine.end_turn(&mut wire);
        assert_eq!(wire.now.get(&keys[0]), Some(&WRITTEN_PER_TURN));
        assert_eq!(wire.now.get(&keys[1]), None);
        assert!(wire.now.contains_key(&keys[2]) && wire.now.contains_key(&keys[3]));
        // Whoever had to wait comes first.
        engine.end_turn(&mut wire);
        assert_eq!(wire.now.get(&keys[1]), Some(&WRITTEN_PER_TURN));
    }
}
