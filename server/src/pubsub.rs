//! Who listens to what: channels, patterns and shard channels. Knows listeners only by a name, and nothing of replies.

use std::hash::Hash;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use indexmap::{IndexMap, IndexSet};

use crate::text::glob;

/// What a listener may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The messages of one channel.
    Channel,
    /// Those of every channel whose name matches.
    Pattern,
    /// Those of one shard channel, which are names of their own.
    Shard,
}

/// All subscriptions.
#[derive(Debug)]
pub(crate) struct PubSub<L> {
    channels: Topics<L>,
    patterns: Topics<L>,
    shards: Topics<L>,
}

impl<L> Default for PubSub<L> {
    fn default() -> PubSub<L> {
        PubSub {
            channels: Topics::default(),
            patterns: Topics::default(),
            shards: Topics::default(),
        }
    }
}

impl<L: Copy + Eq + Hash> PubSub<L> {
    /// None yet. The seed keeps clients from choosing names that collide.
    pub(crate) fn new(seed: u64) -> PubSub<L> {
        PubSub {
            channels: Topics::new(seed),
            patterns: Topics::new(seed),
            shards: Topics::new(seed),
        }
    }

    /// Subscriptions of one kind.
    pub(crate) fn topics(&self, kind: Kind) -> &Topics<L> {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard => &self.shards,
        }
    }

    fn topics_mut(&mut self, kind: Kind) -> &mut Topics<L> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
        }
    }

    /// Adds a subscription; one that is there already is not added twice.
    pub(crate) fn subscribe(&mut self, listener: L, kind: Kind, name: &[u8]) {
        self.topics_mut(kind).add(listener, name);
    }

    /// Ends a subscription, if there is one.
    pub(crate) fn unsubscribe(&mut self, listener: L, kind: Kind, name: &[u8]) {
        self.topics_mut(kind).remove(listener, name);
    }

    /// Ends every subscription of a listener.
    pub(crate) fn forget(&mut self, listener: L) {
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            let topics = self.topics_mut(kind);
            for name in topics.of(listener) {
                topics.remove(listener, &name);
            }
        }
    }

    /// What a confirmation says is left: Redis counts channels and patterns together, shard channels apart.
    pub(crate) fn confirmed(&self, listener: L, kind: Kind) -> usize {
        match kind {
            Kind::Shard => self.shards.count(listener),
            Kind::Channel | Kind::Pattern => {
                self.channels.count(listener) + self.patterns.count(listener)
            }
        }
    }

    /// Whether a listener listens to anything.
    pub(crate) fn is_listening(&self, listener: L) -> bool {
        self.confirmed(listener, Kind::Channel) + self.confirmed(listener, Kind::Shard) > 0
    }

    /// Whether a message to any channel that is not a shard's could be heard.
    pub(crate) fn is_heard(&self) -> bool {
        !self.channels.topics.is_empty() || !self.patterns.topics.is_empty()
    }
}

/// The subscriptions of one kind, by name and by listener.
#[derive(Debug)]
pub(crate) struct Topics<L> {
    topics: IndexMap<Arc<[u8]>, IndexSet<L, FixedState>, FixedState>,
    listeners: HashMap<L, IndexSet<Arc<[u8]>, FixedState>, FixedState>,
    hasher: FixedState,
}

impl<L> Default for Topics<L> {
    fn default() -> Topics<L> {
        Topics {
            topics: IndexMap::default(),
            listeners: HashMap::default(),
            hasher: FixedState::default(),
        }
    }
}

impl<L: Copy + Eq + Hash> Topics<L> {
    fn new(seed: u64) -> Topics<L> {
        let hasher = FixedState::with_seed(seed);
        Topics {
            topics: IndexMap::with_hasher(hasher.clone()),
            listeners: HashMap::with_hasher(hasher.clone()),
            hasher,
        }
    }

    fn add(&mut self, listener: L, name: &[u8]) {
        let name: Arc<[u8]> = match self.topics.get_key_value(name) {
            Some((name, _)) => Arc::clone(name),
            None => name.into(),
        };
        let new_set = || IndexSet::with_hasher(self.hasher.clone());
        self.topics
            .entry(Arc::clone(&name))
            .or_insert_with(new_set)
            .insert(listener);
        let new_set = || IndexSet::with_hasher(self.hasher.clone());
        self.listeners
            .entry(listener)
            .or_insert_with(new_set)
            .insert(name);
    }

    fn remove(&mut self, listener: L, name: &[u8]) {
        if let Some(listeners) = self.topics.get_mut(name) {
            listeners.swap_remove(&listener);
            if listeners.is_empty() {
                self.topics.swap_remove(name);
            }
        }
        if let Some(names) = self.listeners.get_mut(&listener) {
            names.swap_remove(name);
            if names.is_empty() {
                self.listeners.remove(&listener);
            }
        }
    }

    /// To how many names a listener listens.
    pub(crate) fn count(&self, listener: L) -> usize {
        self.listeners.get(&listener).map_or(0, IndexSet::len)
    }

    /// The names a listener listens to, in the order in which it began to as long as it has ended none.
    pub(crate) fn of(&self, listener: L) -> Vec<Arc<[u8]>> {
        let names = self.listeners.get(&listener);
        names.into_iter().flatten().cloned().collect()
    }

    /// Those who listen to this very name.
    pub(crate) fn listeners(&self, name: &[u8]) -> impl Iterator<Item = L> {
        self.topics.get(name).into_iter().flatten().copied()
    }

    /// The names that somebody listens to, with their listeners.
    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = (&[u8], &IndexSet<L, FixedState>)> {
        self.topics
            .iter()
            .map(|(name, listeners)| (&**name, listeners))
    }

    /// The names, read as patterns, that this text matches, with their listeners.
    pub(crate) fn matching<'a>(
        &'a self,
        text: &'a [u8],
    ) -> impl Iterator<Item = (&'a [u8], &'a IndexSet<L, FixedState>)> {
        self.names()
            .filter(move |(pattern, _)| glob::matches(pattern, text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heard(pubsub: &PubSub<u8>, channel: &[u8]) -> Vec<u8> {
        let direct = pubsub.topics(Kind::Channel).listeners(channel);
        let matching = pubsub.topics(Kind::Pattern).matching(channel);
        direct
            .chain(matching.flat_map(|(_, listeners)| listeners.iter().copied()))
            .collect()
    }

    #[test]
    fn a_message_is_heard_once_for_each_subscription_that_fits() {
        let mut pubsub = PubSub::new(1);
        pubsub.subscribe(1, Kind::Channel, b"news");
        pubsub.subscribe(1, Kind::Channel, b"news");
        pubsub.subscribe(1, Kind::Pattern, b"n*");
        pubsub.subscribe(2, Kind::Pattern, b"n*");
        pubsub.subscribe(3, Kind::Shard, b"news");
        assert_eq!(heard(&pubsub, b"news"), [1, 1, 2]);
        assert_eq!(heard(&pubsub, b"newt"), [1, 2]);
        assert!(heard(&pubsub, b"old").is_empty());
        assert_eq!(
            (
                pubsub.confirmed(1, Kind::Pattern),
                pubsub.confirmed(3, Kind::Shard)
            ),
            (2, 1)
        );
    }

    proptest! {
        /// Against the plainest list of subscriptions there can be.
        #[test]
        fn whatever_is_begun_and_ended_the_right_ones_hear(
            steps in proptest::collection::vec((0..4_u8, 0..3_usize, "[ab*]{1,2}", any::<bool>()), 0..60),
        ) {
            let mut pubsub = PubSub::new(1);
            let mut model: Vec<(u8, Kind, String)> = Vec::new();
            for (listener, kind, name, begins) in steps {
                let kind = [Kind::Channel, Kind::Pattern, Kind::Shard][kind];
                model.retain(|other| *other != (listener, kind, name.clone()));
                if begins {
                    pubsub.subscribe(listener, kind, name.as_bytes());
                    model.push((listener, kind, name));
                } else {
                    pubsub.unsubscribe(listener, kind, name.as_bytes());
                }
            }
            for channel in ["a", "b", "aa", "ab", "ba"] {
                let mut hear = heard(&pubsub, channel.as_bytes());
                let fits = |kind: &Kind, name: &String| match kind {
                    Kind::Channel => name == channel,
                    Kind::Pattern => glob::matches(name.as_bytes(), channel.as_bytes()),
                    Kind::Shard => false,
                };
                let fitting = model.iter().filter(|(_, kind, name)| fits(kind, name));
                let mut expected: Vec<u8> = fitting.map(|(listener, ..)| *listener).collect();
                hear.sort_unstable();
                expected.sort_unstable();
                prop_assert_eq!(hear, expected);
            }
            for listener in 0..4 {
                let own = model.iter().filter(|(other, ..)| *other == listener);
                let shards = own.clone().filter(|(_, kind, _)| *kind == Kind::Shard).count();
                prop_assert_eq!(pubsub.confirmed(listener, Kind::Shard), shards);
                prop_assert_eq!(pubsub.confirmed(listener, Kind::Channel), own.count() - shards);
            }
        }
    }

    #[test]
    fn nothing_is_left_of_who_is_forgotten() {
        let mut pubsub = PubSub::new(1);
        for (kind, name) in [
            (Kind::Channel, b"a"),
            (Kind::Channel, b"b"),
            (Kind::Pattern, b"*"),
            (Kind::Shard, b"a"),
        ] {
            pubsub.subscribe(1, kind, name);
            pubsub.subscribe(2, kind, name);
        }
        pubsub.forget(1);
        assert!(!pubsub.is_listening(1) && pubsub.is_listening(2));
        assert_eq!(heard(&pubsub, b"a"), [2, 2]);
        pubsub.forget(2);
        assert!(!pubsub.is_heard());
        assert_eq!(pubsub.topics(Kind::Shard).names().count(), 0);
    }
}
