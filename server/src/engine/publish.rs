//! Messages to whoever listens: encoded once for each protocol, delivered after the reply of the command that caused them.

use crate::engine::Engine;
use crate::engine::client::ClientKey;
use crate::keyspace::changes::{Change, Class};
use crate::pubsub::Kind;
use crate::resp::reply::{Broadcast, Reply};

impl Engine {
    /// Sends a message to a channel, and to the patterns that its name matches.
    ///
    /// # Returns
    /// how often it was delivered: a client that listens twice gets it twice.
    pub(crate) fn publish(&mut self, channel: &[u8], message: &[u8]) -> usize {
        if !self.pubsub.is_heard() {
            return 0;
        }
        // Delivering changes no subscription: even a client that it overruns is forgotten only with the turn.
        let pubsub = std::mem::take(&mut self.pubsub);
        let listeners = pubsub.topics(Kind::Channel).listeners(channel);
        let mut delivered = self.deliver(listeners, |reply| {
            reply.push(3);
            reply.bulk(b"message");
            reply.bulk(channel);
            reply.bulk(message);
        });
        for (pattern, listeners) in pubsub.topics(Kind::Pattern).matching(channel) {
            delivered += self.deliver(listeners.iter().copied(), |reply| {
                reply.push(4);
                reply.bulk(b"pmessage");
                reply.bulk(pattern);
                reply.bulk(channel);
                reply.bulk(message);
            });
        }
        self.pubsub = pubsub;
        delivered
    }

    /// Sends a message to a shard channel.
    ///
    /// # Returns
    /// to how many clients.
    pub(crate) fn publish_to_shard(&mut self, channel: &[u8], message: &[u8]) -> usize {
        let pubsub = std::mem::take(&mut self.pubsub);
        let listeners = pubsub.topics(Kind::Shard).listeners(channel);
        let delivered = self.deliver(listeners, |reply| {
            reply.push(3);
            reply.bulk(b"smessage");
            reply.bulk(channel);
            reply.bulk(message);
        });
        self.pubsub = pubsub;
        delivered
    }

    fn deliver(
        &mut self,
        listeners: impl Iterator<Item = ClientKey>,
        write: impl Fn(&mut Reply<'_>),
    ) -> usize {
        let mut broadcast = Broadcast::new(write);
        let mut delivered = 0;
        for listener in listeners {
            self.push(listener, |reply| reply.broadcast(&mut broadcast));
            delivered += 1;
        }
        delivered
    }

    /// Publishes a keyspace event to the channels that notify-keyspace-events asks for.
    pub(super) fn publish_event(&mut self, change: &Change) {
        if !self.pubsub.is_heard() {
            return;
        }
        let (db, notify) = (change.db, self.changes.notify);
        if notify.contains(Class::KEYSPACE) {
            let channel = [format!("__keyspace@{db}__:").as_bytes(), &change.key].concat();
            self.publish(&channel, change.event.as_bytes());
        }
        if notify.contains(Class::KEYEVENT) {
            let channel = format!("__keyevent@{db}__:{}", change.event);
            self.publish(channel.as_bytes(), &change.key);
        }
    }
}
