//! Bytes to a client: who has some waiting, who has too many, who is to be closed.

use crate::config::Config;
use crate::engine::client::{Client, ClientFlags, ClientKey};
use crate::engine::turn::Lists;
use crate::engine::{Engine, Now};
use crate::resp::output::Output;
use crate::resp::reply::Reply;

/// What a client that has not authenticated may leave unread: what fits into Redis's first buffer.
const UNAUTHENTICATED_OUTPUT_MAX: usize = 16 * 1024;

impl Engine {
    /// Whether a client may run commands. While no password is set, everybody may.
    #[inline]
    pub(crate) fn is_authenticated(&self, client: &Client) -> bool {
        client.is(ClientFlags::AUTHENTICATED) || self.config.requirepass.is_empty()
    }

    /// Closes a client at the end of the turn, unwritten bytes and all.
    pub(crate) fn doom(&mut self, key: ClientKey) {
        self.uncount_memory(key);
        // What a key holds must not be spent on somebody who will not read it.
        self.unpark(key);
        if let Some(client) = self
            .clients
            .get_mut(key)
            .filter(|client| !client.is(ClientFlags::DOOMED))
        {
            client.flags.insert(ClientFlags::DOOMED);
            client.output.clear();
            self.lists.doomed.push(key);
        }
    }

    /// Closes a client as soon as everything that waits is written; it reads no more.
    pub(crate) fn close_after_reply(&mut self, key: ClientKey) {
        self.unpark(key);
        if let Some(client) = self.clients.get_mut(key) {
            client.flags.insert(ClientFlags::CLOSE_AFTER_REPLY);
            self.note_output(key);
        }
    }

    /// The peer has closed its end: what it asked for is still answered, then it is gone.
    pub(crate) fn hang_up(&mut self, key: ClientKey) {
        match self.clients.get(key) {
            Some(client) if client.output.is_empty() => self.doom(key),
            Some(_) => self.close_after_reply(key),
            None => {}
        }
    }

    /// The socket can take bytes again.
    pub(crate) fn writable(&mut self, key: ClientKey) {
        // Most events say so of sockets that were never full.
        if let Some(client) = self
            .clients
            .get_mut(key)
            .filter(|client| client.is(ClientFlags::WRITE_BLOCKED))
        {
            client.flags.remove(ClientFlags::WRITE_BLOCKED);
            self.note_output(key);
        }
    }

    /// Sends something to a client that did not ask for it just now: a message, or a confirmation.
    pub(crate) fn push(&mut self, key: ClientKey, write: impl FnOnce(&mut Reply<'_>)) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.is(ClientFlags::DOOMED | ClientFlags::CLOSE_AFTER_REPLY) {
            return;
        }
        let protocol = client.protocol;
        write(&mut Reply::new(&mut client.output, protocol, false));
        self.note_output(key);
    }

    /// After one command of several: what was pushed to the client meanwhile comes before the next reply.
    #[inline]
    pub(crate) fn after_command(&mut self, key: ClientKey, out: &mut Output) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.is(ClientFlags::TRACKING_CACHING) {
            client.forget_caching();
        }
        if !client.output.is_empty() {
            out.append(&mut client.output);
        }
        out.settle();
        let held = out.len();
        if self
            .lists
            .is_over_limit(client, held, &self.config, self.now)
        {
            self.overrun(key, held);
        }
        self.count_memory(key, out.memory());
    }

    /// Puts a client whose output has grown among those to be written to, if the output is within its limits.
    pub(crate) fn note_output(&mut self, key: ClientKey) {
        self.count_memory(key, 0);
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.is(ClientFlags::DOOMED) {
            client.output.clear();
            return;
        }
        let held = client.output.len();
        if held == 0 && !client.is(ClientFlags::CLOSE_AFTER_REPLY) {
            return;
        }
        if self
            .lists
            .is_over_limit(client, held, &self.config, self.now)
        {
            self.overrun(key, held);
        } else if !client.is(ClientFlags::PENDING_WRITE | ClientFlags::WRITE_BLOCKED) {
            client.flags.insert(ClientFlags::PENDING_WRITE);
            self.lists.writing.push(key);
        }
    }

    /// Closes those that have been over their soft limit for too long, whether or not anything more is sent to them.
    pub(super) fn close_overfull(&mut self) {
        for key in std::mem::take(&mut self.lists.overfull) {
            let Some(client) = self.clients.get_mut(key) else {
                continue;
            };
            client.flags.remove(ClientFlags::OVERFULL);
            // Whoever still is over the limit, but not for long, is put back.
            let held = client.output.len();
            if self
                .lists
                .is_over_limit(client, held, &self.config, self.now)
            {
                self.overrun(key, held);
            }
        }
    }

    /// Closes a client that leaves too much unread.
    fn overrun(&mut self, key: ClientKey, held: usize) {
        let Some(client) = self
            .clients
            .get(key)
            .filter(|client| !client.is(ClientFlags::DOOMED))
        else {
            return;
        };
        log::warn!(
            "Client id={} scheduled to be closed ASAP for overcoming of output buffer limits: omem={held}",
            client.id
        );
        self.stats.output_buffer_limit_disconnections += 1;
        self.doom(key);
    }
}

impl Lists {
    /// Whether so many unwritten bytes are too many for a client, now or for too long.
    fn is_over_limit(
        &mut self,
        client: &mut Client,
        held: usize,
        config: &Config,
        now: Now,
    ) -> bool {
        let stranger = !client.is(ClientFlags::AUTHENTICATED) && !config.requirepass.is_empty();
        if stranger && held > UNAUTHENTICATED_OUTPUT_MAX {
            return true;
        }
        let limits = &config.client_output_buffer_limit;
        let limit = if client.is(ClientFlags::PUBSUB) {
            &limits.pubsub
        } else {
            &limits.normal
        };
        let over = |bytes: u64| bytes != 0 && held as u64 >= bytes;
        if over(limit.hard_bytes) {
            return true;
        }
        if !over(limit.soft_bytes) {
            client.over_soft_limit_s = None;
            return false;
        }
        if !client.is(ClientFlags::OVERFULL) {
            client.flags.insert(ClientFlags::OVERFULL);
            self.overfull.push(client.key);
        }
        let since_s = *client.over_soft_limit_s.get_or_insert(now.wall_s());
        now.wall_s() - since_s > i64::from(limit.soft_s)
    }
}
