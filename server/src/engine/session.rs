//! What others may do to a client, and what it may do to itself: pause, reset, kill. Knows no socket.

use crate::engine::Engine;
use crate::engine::client::{ClientFlags, ClientKey};
use crate::engine::gate::Pause;
use crate::resp::reply::Protocol;

impl Engine {
    /// Makes a client what it was when it connected, but for what it said of its library: RESET.
    pub(crate) fn reset_session(&mut self, key: ClientKey) {
        self.leave(key);
        let open = self.config.requirepass.is_empty();
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.db = 0;
        client.protocol = Protocol::Resp2;
        client.set_name(b"");
        client.flags.remove(
            ClientFlags::PUBSUB
                | ClientFlags::REPLY_OFF
                | ClientFlags::REPLY_SKIP_NEXT
                | ClientFlags::NO_EVICT
                | ClientFlags::NO_TOUCH,
        );
        client.flags.set(ClientFlags::AUTHENTICATED, open);
    }

    /// Closes a client because another one said so. Its connection ends with the turn, but nobody meets it any more.
    pub(crate) fn kill(&mut self, key: ClientKey) {
        self.doom(key);
        self.leave(key);
    }

    /// Makes commands wait. A pause in force is never shortened, and never begins to let more through.
    pub(crate) fn pause_clients(&mut self, until_ms: i64, writes_only: bool) {
        let pause = match self.pause {
            None => Pause {
                until_ms,
                writes_only,
            },
            Some(old) => Pause {
                until_ms: until_ms.max(old.until_ms),
                writes_only: writes_only && old.writes_only,
            },
        };
        self.pause = Some(pause);
        self.keyspace.expiry_paused = true;
    }

    /// Ends CLIENT PAUSE: the clients that waited go on in the order in which they began to wait.
    pub(crate) fn unpause(&mut self) {
        self.pause = None;
        self.keyspace.expiry_paused = false;
        for key in std::mem::take(&mut self.lists.postponed) {
            if let Some(client) = self.clients.get_mut(key) {
                client.flags.remove(ClientFlags::POSTPONED);
                self.resume_later(key);
            }
        }
        // Of those who waited for a key, nobody was served during the pause.
        for db in 0..self.keyspace.len() {
            self.mark_ready_all(db);
        }
    }

    /// The one list of what must forget a client that goes, or that is as good as gone.
    pub(crate) fn leave(&mut self, key: ClientKey) {
        self.discard(key);
        self.pubsub.forget(key);
        self.untrack(key);
        self.unmonitor(key);
    }
}
