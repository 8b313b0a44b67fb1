//! `maxmemory-clients`: what all clients take together, and which of them go when that is too much.
//!
//! Knows nothing of what a client's memory is made of.

use std::collections::BinaryHeap;

use crate::config::Config;
use crate::config::values::MemoryOrPercent;
use crate::engine::Engine;
use crate::engine::client::{ClientFlags, ClientKey};

/// A lower limit than this would leave nobody to raise it.
const LIMIT_MIN: usize = 128 * 1024;

/// The sum over all clients. It is kept up to date only while there is a limit, so that without one it costs nothing.
#[derive(Debug, Default)]
pub(crate) struct ClientMemory {
    /// Bytes; `None` means that there is no limit, and that nothing is counted.
    limit: Option<usize>,
    /// The sum of every client's `counted`.
    pub(super) used: usize,
}

impl ClientMemory {
    /// Whether there is a limit.
    #[inline]
    pub(super) fn is_limited(&self) -> bool {
        self.limit.is_some()
    }
}

impl Engine {
    /// Begins or ceases to count, as the configuration now says.
    pub(super) fn derive_client_memory(&mut self) {
        let limit = limit(&self.config);
        let begins = self.client_memory.limit.is_none() && limit.is_some();
        self.client_memory.limit = limit;
        if begins {
            self.client_memory.used = 0;
            for client in self.clients.iter_mut() {
                client.counted = 0;
            }
            let keys: Vec<ClientKey> = self.clients.iter().map(|client| client.key).collect();
            for key in keys {
                self.count_memory(key, 0);
            }
        }
    }

    /// Notes that a client's memory may have changed; `elsewhere` is what it has lent to the command that runs.
    #[inline]
    pub(super) fn count_memory(&mut self, key: ClientKey, elsewhere: usize) {
        if self.client_memory.limit.is_some()
            && let Some(client) = self.clients.get_mut(key)
            && !client.is(ClientFlags::DOOMED)
        {
            let memory = client.memory() + elsewhere;
            self.client_memory.used = self.client_memory.used - client.counted + memory;
            client.counted = memory;
        }
    }

    /// Counts a client no more, since what it holds is about to be given back.
    pub(super) fn uncount_memory(&mut self, key: ClientKey) {
        if self.client_memory.limit.is_some()
            && let Some(client) = self.clients.get_mut(key)
        {
            self.client_memory.used -= client.counted;
            client.counted = 0;
        }
    }

    /// Closes the largest clients until the rest are within `maxmemory-clients`.
    #[inline]
    pub(super) fn evict_clients(&mut self) {
        if self.over_client_memory() {
            self.evict_largest();
        }
    }

    fn over_client_memory(&self) -> bool {
        let ClientMemory { limit, used } = self.client_memory;
        limit.is_some_and(|limit| used > limit)
    }

    #[cold]
    fn evict_largest(&mut self) {
        let spared = ClientFlags::NO_EVICT | ClientFlags::DOOMED;
        let mut evictable: BinaryHeap<(usize, ClientKey)> = self
            .clients
            .iter()
            .filter(|client| !client.is(spared))
            .map(|client| (client.counted, client.key))
            .collect();
        while self.over_client_memory() {
            let Some((_, key)) = evictable.pop() else {
                log::warn!("Over client maxmemory after evicting all evictable clients");
                return;
            };
            if let Some(client) = self.clients.get(key) {
                let mut line = String::new();
                self.describe(client, None, &mut line);
                log::info!("Evicting client: {line}");
            }
            self.stats.evicted_clients += 1;
            self.kill(key);
        }
    }
}

/// The limit in bytes. A share of `maxmemory` is none while `maxmemory` is none.
fn limit(config: &Config) -> Option<usize> {
    let (whole, bytes) = match config.maxmemory_clients {
        MemoryOrPercent::Bytes(bytes) => (bytes, u128::from(bytes)),
        MemoryOrPercent::Percent(percent) => {
            let whole = config.maxmemory;
            (whole, u128::from(whole) * u128::from(percent) / 100)
        }
    };
    (whole > 0).then(|| usize::try_from(bytes).unwrap_or(usize::MAX).max(LIMIT_MIN))
}

#[cfg(test)]
mod tests {
    use crate::{Connection, Embedded};

    /// Has a client hold so many bytes.
    fn hold(redis: &mut Embedded, client: Connection, len: usize) {
        let start = format!("*2\r\n$4\r\nECHO\r\n${}\r\n", len + 1);
        redis.exchange(client, &[start.as_bytes(), &vec![b'x'; len]].concat());
    }

    /// What the sum must be, added up anew.
    fn recounted(redis: &Embedded) -> usize {
        let clients = redis.engine.clients.iter();
        clients.map(super::super::Client::memory).sum()
    }

    #[test]
    fn the_client_that_holds_most_goes_unless_it_may_not() {
        let mut redis = Embedded::new(1);
        let (small, large, spared) = (redis.connect(), redis.connect(), redis.connect());
        redis.ask(spared, "CLIENT NO-EVICT ON");
        redis.ask(spared, "CONFIG SET maxmemory-clients 1mb");
        hold(&mut redis, spared, 600_000);
        hold(&mut redis, small, 100_000);
        assert!(redis.is_connected(small) && redis.is_connected(spared));
        hold(&mut redis, large, 500_000);
        assert!(!redis.is_connected(large));
        assert!(redis.is_connected(small) && redis.is_connected(spared));
        assert_eq!(redis.engine.stats.evicted_clients, 1);
    }

    #[test]
    fn a_client_that_asks_for_too_much_is_gone_before_its_next_command() {
        let mut redis = Embedded::new(1);
        let (greedy, other) = (redis.connect(), redis.connect());
        redis.ask(other, "SETRANGE big 1000000 x");
        redis.ask(other, "CONFIG SET maxmemory-clients 2mb");
        let get = b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n";
        let set = b"*3\r\n$3\r\nSET\r\n$5\r\nafter\r\n$1\r\n1\r\n";
        redis.exchange(greedy, &[&get.repeat(3)[..], set].concat());
        assert!(!redis.is_connected(greedy));
        assert_eq!(redis.ask(other, "EXISTS after"), ":0\r\n");
    }

    #[test]
    fn the_sum_is_kept_while_there_is_a_limit_and_found_when_there_is_one_again() {
        let mut redis = Embedded::new(1);
        let (a, b) = (redis.connect(), redis.connect());
        for limit in ["100mb", "0", "200mb"] {
            redis.ask(a, &format!("CONFIG SET maxmemory-clients {limit}"));
            let passing = redis.connect();
            hold(&mut redis, passing, 50_000);
            hold(&mut redis, b, 70_000);
            redis.ask(a, "MULTI");
            redis.ask(a, "SET k v");
            if limit != "0" {
                assert_eq!(redis.engine.client_memory.used, recounted(&redis));
            }
            redis.ask(a, "EXEC");
            redis.disconnect(passing);
            if limit != "0" {
                assert_eq!(redis.engine.client_memory.used, recounted(&redis));
            }
        }
    }

    #[test]
    fn a_share_of_no_limit_is_none_and_no_limit_is_too_low_to_be_raised() {
        let mut redis = Embedded::new(1);
        let client = redis.connect();
        redis.ask(client, "CONFIG SET maxmemory-clients 1%");
        hold(&mut redis, client, 200_000);
        assert!(redis.is_connected(client));
        let other = redis.connect();
        redis.ask(other, "CONFIG SET maxmemory 10000");
        assert!(!redis.is_connected(client), "1 % of 10,000 bytes");
        assert_eq!(redis.ask(other, "CONFIG SET maxmemory 0"), "+OK\r\n");
    }
}
