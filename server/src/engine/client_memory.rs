//! maxmemory-clients: what clients may hold together, and who goes when they hold more.

use crate::config::values::MemoryOrPercent;
use crate::engine::Engine;
use crate::engine::client::{Client, ClientFlags, ClientKey};

impl Engine {
    /// Closes the clients that hold most until the others hold less than maxmemory-clients; those with CLIENT NO-EVICT
    /// stay, whatever they hold.
    pub(super) fn evict_clients(&mut self) {
        let limit = match self.config.maxmemory_clients {
            MemoryOrPercent::Bytes(bytes) => bytes,
            MemoryOrPercent::Percent(percent) => {
                (u128::from(self.config.maxmemory) * u128::from(percent) / 100) as u64
            }
        };
        // Almost always: adding up what ten thousand clients hold is for those who asked for it.
        if limit == 0 {
            return;
        }
        let mut held: u64 = self.held().map(|(_, bytes)| bytes).sum();
        if held < limit {
            return;
        }
        let mut largest: Vec<(ClientKey, u64)> = self
            .held()
            .filter(|(client, _)| !client.is(ClientFlags::NO_EVICT))
            .map(|(client, bytes)| (client.key, bytes))
            .collect();
        largest.sort_unstable_by_key(|(_, bytes)| *bytes);
        while held >= limit
            && let Some((key, bytes)) = largest.pop()
        {
            log::info!("Evicting client: tot-mem={bytes}");
            held -= bytes;
            self.stats.evicted_clients += 1;
            self.kill(key);
        }
    }

    /// The clients that are not about to be closed, and the bytes that each of them holds.
    fn held(&self) -> impl Iterator<Item = (&Client, u64)> {
        self.clients
            .iter()
            .filter(|client| !client.is(ClientFlags::DOOMED))
            .map(|client| (client, client.memory() as u64))
    }
}

#[cfg(test)]
mod tests {
    use crate::Embedded;
    use crate::config::values::MemoryOrPercent;

    #[test]
    fn the_client_that_holds_most_goes_unless_it_may_not() {
        let mut redis = Embedded::new(1);
        redis.engine.config.maxmemory_clients = MemoryOrPercent::Bytes(100_000);
        let (small, large, exempt) = (redis.connect(), redis.connect(), redis.connect());
        redis.exchange(exempt, b"CLIENT NO-EVICT ON\r\n");
        let half_a_command = |len: usize| {
            let start = format!("*2\r\n$4\r\nECHO\r\n${}\r\n", len + 1);
            [start.as_bytes(), &vec![b'x'; len]].concat()
        };
        redis.exchange(exempt, &half_a_command(60_000));
        redis.exchange(small, &half_a_command(10_000));
        assert!(redis.is_connected(small) && redis.is_connected(exempt));
        redis.exchange(large, &half_a_command(50_000));
        assert!(!redis.is_connected(large));
        assert!(redis.is_connected(small) && redis.is_connected(exempt));
        assert_eq!(redis.engine.stats.evicted_clients, 1);
    }

    #[test]
    fn a_share_of_no_limit_is_none() {
        let mut redis = Embedded::new(1);
        redis.engine.config.maxmemory_clients = MemoryOrPercent::Percent(1);
        let client = redis.connect();
        assert_eq!(redis.exchange(client, b"PING\r\n"), b"+PONG\r\n");
        redis.engine.config.maxmemory = 10_000;
        assert_eq!(redis.exchange(client, b"PING\r\n"), b"+PONG\r\n");
        assert!(!redis.is_connected(client), "it holds more than 100 bytes");
    }
}
