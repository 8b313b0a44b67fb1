//! `maxmemory`: when keys are evicted, for how long, and what it means if that does not help; which keys those are it
//! leaves to the keyspace.

use crate::config::values::MaxmemoryPolicy;
use crate::engine::Engine;
use crate::keyspace::evict::{First, Policy, Pool};

/// Keys evicted between two decisions to go on, as in Redis.
const BATCH: u64 = 16;

/// Bytes that are given back in about the time that choosing a key takes.
const BYTES_PER_CHOICE: usize = 1024;

/// What the last attempt has left behind.
#[derive(Debug, Default)]
pub(super) struct Eviction {
    pool: Pool,
    /// More memory is in use than allowed, and no key that may go is left.
    out_of_memory: bool,
    /// There is more to do than one cycle may take: go on in the next turn.
    pub(super) unfinished: bool,
}

/// What an attempt to free memory came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// No more is in use than may be.
    Enough,
    /// The cycle has ended before that, or what was freed is still on its way back.
    Unfinished,
    /// Nothing more can be freed.
    Failed,
}

impl Engine {
    /// Bytes of memory in use: what the allocator says, or where it cannot be asked, what keys are known to take.
    pub(crate) fn memory_used(&self) -> usize {
        match self.host.memory_used() {
            0 if self.changes.measured => self.keyspace.measured(),
            used => used,
        }
    }

    /// Whether more is in use than `maxmemory` allows. Costs a comparison while there is no limit.
    #[inline]
    pub(super) fn is_over_memory(&self) -> bool {
        self.config.maxmemory != 0 && self.memory_used() as u64 > self.config.maxmemory
    }

    /// Whether commands that may need more memory are to be refused, as found before the command that runs.
    pub(super) fn is_out_of_memory(&self) -> bool {
        self.config.maxmemory != 0 && self.eviction.out_of_memory
    }

    /// Evicts keys until no more memory is in use than may be, as far as that is possible and does not take too long.
    pub(super) fn evict_keys(&mut self) {
        // While nobody may change anything, nothing goes away, and nobody is refused for it.
        if self.pause.is_some() {
            self.eviction.out_of_memory = false;
            return;
        }
        let outcome = if self.is_over_memory() {
            self.evict()
        } else {
            Outcome::Enough
        };
        self.eviction.out_of_memory = outcome == Outcome::Failed;
        let since_us = &mut self.stats.eviction_exceeded_since_us;
        if outcome != Outcome::Enough {
            since_us.get_or_insert(self.now.mono_us);
        } else if let Some(since_us) = since_us.take() {
            self.stats.eviction_exceeded_us += self.now.mono_us - since_us;
        }
    }

    /// The limit was set anew: keys that are too many now go without waiting for a command.
    pub(super) fn begin_evicting(&mut self) {
        let (max, used) = (self.config.maxmemory, self.memory_used());
        if max != 0 && used as u64 > max {
            log::warn!(
                "WARNING: the new maxmemory value set via CONFIG SET ({max}) is smaller than the current memory usage \
                 ({used}). This will result in key eviction and/or the inability to accept new write commands depending \
                 on the maxmemory-policy."
            );
        }
        self.eviction.unfinished = max != 0;
    }

    /// Goes on with what a cycle has left, or with what a new limit asks for.
    pub(super) fn go_on_evicting(&mut self) {
        if std::mem::take(&mut self.eviction.unfinished) && self.config.maxmemory != 0 {
            self.evict_keys();
        }
    }

    fn evict(&mut self) -> Outcome {
        let Some(policy) = self.eviction_policy() else {
            return Outcome::Failed;
        };
        let now_ms = self.now.wall_ms();
        let excess = self.memory_used() as u64 - self.config.maxmemory;
        let work_max = work_max(self.config.maxmemory_eviction_tenacity);
        let lazy = self.config.lazyfree_lazy_eviction;
        let (mut freed, mut evicted, mut work, mut discarded) = (0_u64, 0, 0, false);
        // Only what the keys give back counts: what telling others of it takes for a while is not to cost more keys.
        while freed < excess {
            let (keyspace, rng) = (&self.keyspace, &mut self.rng);
            let Some((db, key)) = self.eviction.pool.choose(keyspace, policy, rng, now_ms) else {
                return if discarded {
                    Outcome::Unfinished
                } else {
                    Outcome::Failed
                };
            };
            let before = self.memory_used();
            if let Some(entry) = self.keyspace.evict(db, &key, &mut self.changes) {
                log::debug!("key {} evicted: deleting it", key.escape_ascii());
                self.keyspace.give_back(entry, lazy);
                discarded |= self.discard_garbage();
            }
            let given_back = before.saturating_sub(self.memory_used());
            freed += given_back as u64;
            evicted += 1;
            work += 1 + (given_back / BYTES_PER_CHOICE) as u64;
            self.announce();
            if evicted % BATCH == 0 {
                if discarded && !self.is_over_memory() {
                    break;
                }
                if work > work_max {
                    self.eviction.unfinished = true;
                    return Outcome::Unfinished;
                }
            }
        }
        Outcome::Enough
    }

    /// Has what may be given back later given back without keeping anybody waiting.
    ///
    /// # Returns
    /// whether there was anything.
    pub(super) fn discard_garbage(&mut self) -> bool {
        if self.keyspace.garbage.is_empty() {
            return false;
        }
        let garbage = std::mem::take(&mut self.keyspace.garbage);
        let objects = garbage.len();
        self.host.discard(Box::new(garbage), objects);
        true
    }

    /// What the configuration says about keys, if any may go.
    fn eviction_policy(&self) -> Option<Policy> {
        let decay_min = self.config.lfu_decay_time;
        let (volatile, first) = match self.config.maxmemory_policy {
            MaxmemoryPolicy::Noeviction => return None,
            MaxmemoryPolicy::VolatileLru => (true, First::Idlest),
            MaxmemoryPolicy::VolatileLfu => (true, First::LeastUsed { decay_min }),
            MaxmemoryPolicy::VolatileRandom => (true, First::Random),
            MaxmemoryPolicy::VolatileTtl => (true, First::ShortestLived),
            MaxmemoryPolicy::AllkeysLru => (false, First::Idlest),
            MaxmemoryPolicy::AllkeysLfu => (false, First::LeastUsed { decay_min }),
            MaxmemoryPolicy::AllkeysRandom => (false, First::Random),
        };
        Some(Policy {
            volatile,
            first,
            samples: self.config.maxmemory_samples as usize,
        })
    }
}

/// Keys that one cycle evicts, about. Redis allows a cycle up to 500 µs with a tenacity up to 10, then 15 % more a step, and
/// all it takes with 100; evicting a key takes about a microsecond.
fn work_max(tenacity: u32) -> u64 {
    match tenacity {
        0..=10 => 50 * u64::from(tenacity),
        11..100 => (500.0 * 1.15_f64.powi(tenacity as i32 - 10)) as u64,
        _ => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::embedded::{Connection, Embedded};

    const SECOND: Duration = Duration::from_secs(1);
    const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

    /// A server that holds these keys, each with a value of 1000 bytes, and a client of it.
    fn holding(keys: &[&str]) -> (Embedded, Connection) {
        let mut redis = Embedded::new(1);
        let client = redis.connect();
        redis.ask(client, "CONFIG SET maxmemory 1gb");
        for key in keys {
            redis.ask(client, &format!("SETRANGE {key} 999 x"));
        }
        (redis, client)
    }

    /// Lowers `maxmemory` so far that so many of those keys must go, and returns which do, in order.
    fn squeeze(
        redis: &mut Embedded,
        client: Connection,
        policy: &str,
        count: usize,
    ) -> Vec<String> {
        redis.ask(client, &format!("CONFIG SET maxmemory-policy {policy}"));
        redis.ask(client, "CONFIG SET notify-keyspace-events Ee");
        let listener = redis.connect();
        redis.exchange(listener, b"PSUBSCRIBE *\r\n");
        let used = redis.engine.memory_used();
        redis.ask(
            client,
            &format!("CONFIG SET maxmemory {}", used - count * 1000),
        );
        let messages = String::from_utf8(redis.output(listener)).expect("text");
        let evicted = messages.split("*4\r\n").skip(1);
        evicted
            .map(|message| message.lines().last().expect("the key").to_owned())
            .collect()
    }

    #[test]
    fn the_least_recently_used_go_first() {
        let (mut redis, a) = holding(&["a", "b", "c", "d"]);
        for key in ["d", "b", "a", "c"] {
            redis.advance(2 * SECOND);
            redis.ask(a, &format!("GETRANGE {key} 0 0"));
        }
        assert_eq!(squeeze(&mut redis, a, "allkeys-lru", 3), ["d", "b", "a"]);
        assert_eq!(redis.ask(a, "DBSIZE"), ":1\r\n");
        assert_eq!(redis.engine.keyspace.stats.evicted, 3);
    }

    #[test]
    fn the_least_frequently_used_go_first() {
        let (mut redis, a) = holding(&[]);
        redis.ask(
            a,
            "CONFIG SET maxmemory-policy allkeys-lfu lfu-log-factor 0",
        );
        for (key, uses) in [("a", 3), ("b", 1), ("c", 7), ("d", 0)] {
            redis.ask(a, &format!("SETRANGE {key} 999 x"));
            for _ in 0..uses {
                redis.ask(a, &format!("GETRANGE {key} 0 0"));
            }
        }
        assert_eq!(squeeze(&mut redis, a, "allkeys-lfu", 3), ["d", "b", "a"]);
    }

    #[test]
    fn the_shortest_lived_go_first_and_those_without_a_deadline_never() {
        let (mut redis, a) = holding(&["stays", "a", "b", "c"]);
        for (key, seconds) in [("a", 30), ("b", 10), ("c", 20)] {
            redis.ask(a, &format!("EXPIRE {key} {seconds}"));
        }
        assert_eq!(squeeze(&mut redis, a, "volatile-ttl", 4), ["b", "c", "a"]);
        assert_eq!(redis.ask(a, "SET k v"), OOM, "nothing that may go is left");
        assert_eq!(redis.ask(a, "EXISTS stays"), ":1\r\n");
    }

    #[test]
    fn with_nothing_volatile_volatile_policies_refuse() {
        for policy in ["lru", "lfu", "random", "ttl"] {
            let (mut redis, a) = holding(&["a", "b"]);
            assert!(squeeze(&mut redis, a, &format!("volatile-{policy}"), 1).is_empty());
            assert_eq!(redis.ask(a, "SET k v"), OOM);
            assert_eq!(redis.ask(a, "DEL a"), ":1\r\n");
            assert_eq!(redis.ask(a, "SET k v"), "+OK\r\n");
        }
    }

    #[test]
    fn without_eviction_what_may_need_memory_is_refused_and_nothing_else() {
        let (mut redis, a) = holding(&["a", "b"]);
        assert!(squeeze(&mut redis, a, "noeviction", 1).is_empty());
        for write in ["SET k v", "SETRANGE a 0 x", "INCR n", "LPUSH l x"] {
            assert_eq!(redis.ask(a, write), OOM, "{write}");
        }
        for (other, answer) in [
            ("GETRANGE a 0 0", "$1\r\n\0\r\n"),
            ("EXPIRE a 10", ":1\r\n"),
            ("DEL b", ":1\r\n"),
            ("SET k v", "+OK\r\n"),
        ] {
            assert_eq!(redis.ask(a, other), answer, "{other}");
        }
    }

    #[test]
    fn a_transaction_that_may_need_memory_is_refused_where_it_would_be_carried_out() {
        let (mut redis, a) = holding(&["a", "b"]);
        redis.ask(a, "CONFIG SET maxmemory-policy noeviction");
        let b = redis.connect();
        for client in [a, b] {
            redis.ask(client, "MULTI");
        }
        redis.ask(a, "SET k v");
        redis.ask(b, "GETRANGE a 0 0");
        let c = redis.connect();
        redis.ask(c, "CONFIG SET maxmemory 1");
        assert_eq!(
            redis.ask(a, "EXEC"),
            format!("-EXECABORT Transaction discarded because of: {}", &OOM[1..])
        );
        assert_eq!(redis.ask(b, "EXEC"), "*1\r\n$1\r\n\0\r\n");
    }

    #[test]
    fn an_evicted_key_has_changed_for_those_who_watch_it() {
        let (mut redis, a) = holding(&["a"]);
        redis.ask(a, "WATCH a");
        assert_eq!(squeeze(&mut redis, a, "allkeys-random", 1), ["a"]);
        assert_eq!(
            redis.exchange(a, b"MULTI\r\nPING\r\nEXEC\r\n"),
            b"+OK\r\n+QUEUED\r\n*-1\r\n"
        );
        assert!(
            redis.engine.changes.dirty < 2,
            "it is no change that is to be saved"
        );
    }

    #[test]
    fn while_clients_are_paused_nothing_goes_and_nobody_is_refused() {
        let (mut redis, a) = holding(&["a"]);
        redis.ask(a, "CLIENT PAUSE 1000 WRITE");
        assert!(squeeze(&mut redis, a, "allkeys-lru", 1).is_empty());
        assert_eq!(redis.ask(a, "SET k v"), "", "it waits");
        redis.advance(2 * SECOND);
        assert_eq!(redis.output(a), b"+OK\r\n");
        assert_eq!(
            redis.ask(a, "EXISTS a k"),
            ":1\r\n",
            "now there was room for one"
        );
    }

    #[test]
    fn a_cycle_ends_after_its_share_of_work_and_the_next_turn_goes_on() {
        let (mut redis, a) = holding(&[]);
        for i in 0..1000 {
            redis.ask(a, &format!("SET k{i} v"));
        }
        redis.ask(
            a,
            "CONFIG SET maxmemory-policy allkeys-lru maxmemory-eviction-tenacity 0",
        );
        redis.engine.config.maxmemory = 1;
        redis.engine.evict_keys();
        let left = |redis: &Embedded| redis.engine.keyspace.db(0).table.len();
        assert_eq!(left(&redis), 1000 - BATCH as usize);
        assert!(!redis.engine.is_out_of_memory(), "there is hope yet");
        assert!(redis.engine.has_work());
        redis.advance(SECOND);
        assert_eq!(left(&redis), 0);
        assert!(redis.engine.is_out_of_memory());
        redis.advance(2 * SECOND);
        let exceeded = redis.ask(a, "INFO stats");
        assert!(
            exceeded.contains("current_eviction_exceeded_time:3000\r\n"),
            "{exceeded}"
        );
        redis.ask(a, "CONFIG SET maxmemory 1gb");
        let exceeded = redis.ask(a, "INFO stats");
        assert!(
            exceeded.contains("total_eviction_exceeded_time:3000\r\n"),
            "{exceeded}"
        );
        assert!(
            exceeded.contains("current_eviction_exceeded_time:0\r\n"),
            "{exceeded}"
        );
    }

    #[test]
    fn databases_are_relieved_together() {
        for policy in ["allkeys-random", "volatile-random", "volatile-lru"] {
            let (mut redis, a) = holding(&["a", "b"]);
            redis.ask(a, "SELECT 3");
            for key in ["c", "d"] {
                redis.ask(a, &format!("SETRANGE {key} 999 x"));
            }
            for key in ["a", "b"] {
                redis.ask(a, &format!("EXPIRE {key} 10"));
            }
            for (db, keys) in [(0, "ab"), (3, "cd")] {
                redis.ask(a, &format!("SELECT {db}"));
                for key in keys.chars() {
                    redis.ask(a, &format!("EXPIRE {key} 10"));
                }
            }
            let mut evicted = squeeze(&mut redis, a, policy, 4);
            evicted.sort();
            assert_eq!(evicted, ["a", "b", "c", "d"], "{policy}");
        }
    }

    #[test]
    fn who_deletes_or_replaces_a_large_value_need_not_wait() {
        let (mut redis, a) = holding(&[]);
        let members: Vec<String> = (0..200).map(|i| format!("member{i}")).collect();
        let fill = format!("SADD s {}", members.join(" "));
        let mut lazyfreed = 0;
        for (option, command) in [
            ("user-del", "DEL s"),
            ("server-del", "SET s v"),
            ("server-del", "RENAME other s"),
            ("server-del", "SUNIONSTORE s none"),
            ("expire", "PEXPIRE s 1"),
        ] {
            for (setting, counts) in [("no", 0), ("yes", 1)] {
                redis.ask(a, &format!("CONFIG SET lazyfree-lazy-{option} {setting}"));
                redis.ask(a, "SET other v");
                redis.ask(a, "DEL s");
                redis.ask(a, "CONFIG RESETSTAT");
                redis.ask(a, &fill);
                redis.ask(a, command);
                redis.advance(SECOND);
                assert_eq!(redis.engine.keyspace.stats.lazyfreed, counts, "{command}");
                assert!(redis.engine.keyspace.garbage.is_empty());
                redis.ask(a, &format!("CONFIG SET lazyfree-lazy-{option} no"));
                redis.ask(a, "CONFIG RESETSTAT");
            }
            redis.ask(a, "DEL s");
            redis.ask(a, &fill);
            redis.ask(a, "UNLINK s");
            lazyfreed += redis.engine.keyspace.stats.lazyfreed;
        }
        assert_eq!(lazyfreed, 5, "UNLINK never waits");
    }

    #[test]
    fn large_values_can_be_given_back_elsewhere() {
        let (mut redis, a) = holding(&[]);
        for i in 0..2000 {
            redis.ask(a, &format!("SADD s member{i}"));
        }
        redis.ask(a, "CONFIG SET lazyfree-lazy-eviction yes");
        assert_eq!(squeeze(&mut redis, a, "allkeys-lru", 1), ["s"]);
        assert_eq!(redis.engine.keyspace.stats.lazyfreed, 1);
    }
}
