//! Active expiry: deletes keys whose time has come though nobody asks for them, within a share of the processor; which
//! keys those are it leaves to the keyspace.

use crate::engine::Engine;
use crate::keyspace::db::Swept;

/// How hard it tries, from `active-expire-effort`; the numbers are those of Redis's `activeExpireCycle`.
struct Effort {
    /// Keys looked at between two decisions to go on.
    batch: usize,
    /// The length of a fast cycle.
    fast_us: u64,
    /// What slow cycles may take of the processor.
    share_percent: u64,
    /// It is worth going on while more than this of a batch had expired.
    stale_percent: usize,
}

impl Effort {
    /// Effort 1 is what Redis does by default, 10 the most.
    fn new(level: u32) -> Effort {
        let more = level.clamp(1, 10) - 1;
        Effort {
            batch: 20 + 5 * more as usize,
            fast_us: 1000 + 250 * u64::from(more),
            share_percent: 25 + 2 * u64::from(more),
            stale_percent: 10 - more as usize,
        }
    }
}

/// Fields of hashes removed between two looks at the clock.
const FIELDS_TOGETHER: usize = 100;

/// Where the last cycle stopped.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    /// The last cycle ran out of time.
    unfinished: bool,
    /// When a fast cycle may run again.
    next_fast_us: u64,
    /// The database after the last one looked at: where time ran out, the others come first next time.
    next_db: usize,
}

impl Engine {
    /// The cycle that the clock starts, `hz` times a second.
    pub(super) fn expire_slowly(&mut self, hz: u64) {
        let effort = Effort::new(self.config.active_expire_effort);
        self.expire(&effort, 1_000_000 / hz * effort.share_percent / 100);
    }

    /// A short cycle between two turns, while there seems to be much to delete.
    pub(super) fn expire_fast(&mut self) {
        let effort = Effort::new(self.config.active_expire_effort);
        let worthwhile = self.expiry.unfinished
            || self.stats.expired_stale_share * 100.0 >= effort.stale_percent as f64;
        if worthwhile && self.now.mono_us >= self.expiry.next_fast_us {
            self.expiry.next_fast_us = self.now.mono_us + 2 * effort.fast_us;
            self.expire(&effort, effort.fast_us);
        }
    }

    /// Deletes expired keys for at most so long, in every database.
    fn expire(&mut self, effort: &Effort, budget_us: u64) {
        if !self.keyspace.active_expire || self.keyspace.expiry_paused {
            return;
        }
        let started_us = self.now.mono_us;
        let now_ms = self.now.wall_ms();
        let (mut looked, mut deleted) = (0, 0);
        self.expiry.unfinished = false;
        for _ in 0..self.keyspace.len() {
            let db = self.expiry.next_db % self.keyspace.len();
            self.expiry.next_db = db + 1;
            let host = &mut self.host;
            let mut out_of_time = false;
            let mut before = Swept::default();
            let swept = self
                .keyspace
                .sweep(db, now_ms, &mut self.changes, |so_far| {
                    let batch = so_far.looked - before.looked;
                    if batch < effort.batch {
                        return false;
                    }
                    let expired = so_far.deleted - before.deleted;
                    before = *so_far;
                    out_of_time = host.now().mono_us - started_us >= budget_us;
                    out_of_time || expired * 100 <= effort.stale_percent * batch
                });
            looked += swept.looked;
            while !out_of_time {
                let expired =
                    self.keyspace
                        .sweep_fields(db, now_ms, FIELDS_TOGETHER, &mut self.changes);
                if expired < FIELDS_TOGETHER {
                    break;
                }
                out_of_time = self.host.now().mono_us - started_us >= budget_us;
            }
            deleted += swept.deleted;
            if out_of_time {
                self.stats.expired_time_cap_reached += 1;
                self.expiry.unfinished = true;
                break;
            }
        }
        let stale = if looked == 0 {
            0.0
        } else {
            deleted as f64 / looked as f64
        };
        // A moving average: each cycle counts for a twentieth.
        self.stats.expired_stale_share = self.stats.expired_stale_share * 0.95 + stale * 0.05;
        let took_us = self.host.now().mono_us - started_us;
        self.stats.active_expire_us += took_us;
        self.note_latency("expire-cycle", took_us);
        if !self.changes.list.is_empty() {
            self.announce();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::config::Config;
    use crate::config::values::Loglevel;
    use crate::embedded::{Connection, Embedded};
    use crate::engine::{Engine, Facts, Host, Now};
    use crate::keyspace::db::{Deadline, Keys};
    use crate::keyspace::value::New;

    const MS: Duration = Duration::from_millis(1);

    fn start() -> (Embedded, Connection) {
        let mut redis = Embedded::new(1);
        let client = redis.connect();
        (redis, client)
    }

    #[test]
    fn a_key_lives_through_the_millisecond_of_its_deadline() {
        let (mut redis, a) = start();
        redis.ask(a, "SET k v PX 100");
        redis.advance(100 * MS);
        assert_eq!(redis.ask(a, "PTTL k"), ":0\r\n");
        assert_eq!(redis.ask(a, "GET k"), "$1\r\nv\r\n");
        redis.advance(MS);
        assert_eq!(redis.ask(a, "GET k"), "$-1\r\n");
    }

    #[test]
    fn an_expired_key_is_invisible_before_it_is_deleted_and_deleted_when_it_is_met() {
        let commands = [
            ("GET k", "$-1\r\n"),
            ("EXISTS k", ":0\r\n"),
            ("TYPE k", "+none\r\n"),
            ("TTL k", ":-2\r\n"),
            ("DEL k", ":0\r\n"),
            ("PERSIST k", ":0\r\n"),
            ("EXPIRE k 10", ":0\r\n"),
            ("RENAME k other", "-ERR no such key\r\n"),
            ("COPY k other", ":0\r\n"),
            ("MOVE k 1", ":0\r\n"),
            ("OBJECT ENCODING k", "$-1\r\n"),
            ("APPEND k x", ":1\r\n"),
            ("RANDOMKEY", "$4\r\nstay\r\n"),
            ("SCAN 0", "*2\r\n$1\r\n0\r\n*1\r\n$4\r\nstay\r\n"),
        ];
        for (command, answer) in commands {
            let (mut redis, a) = start();
            redis.engine.keyspace.active_expire = false;
            redis.ask(a, "SET k v PX 10");
            redis.ask(a, "SET stay v");
            redis.advance(Duration::from_secs(5));
            assert_eq!(redis.ask(a, "KEYS *"), "*1\r\n$4\r\nstay\r\n");
            assert_eq!(redis.ask(a, "DBSIZE"), ":2\r\n", "it is still counted");
            // A random choice may need a few tries to meet it.
            for _ in 0..if command == "RANDOMKEY" { 40 } else { 1 } {
                assert_eq!(redis.ask(a, command), answer, "{command}");
            }
            assert_eq!(redis.engine.keyspace.stats.expired, 1, "{command}");
            assert_eq!(redis.engine.keyspace.db(0).volatile, 0, "{command}");
        }
    }

    #[test]
    fn keys_expire_though_nobody_asks_for_them_and_the_others_stay() {
        let (mut redis, a) = start();
        for i in 0..5000 {
            redis.ask(a, &format!("SET mortal:{i} v PX {}", 100 + i % 50));
            redis.ask(a, &format!("SET later:{i} v EX 100"));
            redis.ask(a, &format!("SET stay:{i} v"));
        }
        redis.advance(90 * MS);
        assert_eq!(redis.ask(a, "DBSIZE"), ":15000\r\n", "too early for any");
        // Half of the keys with a deadline are stale, so every cycle finds it worthwhile to go through all of them.
        redis.advance(300 * MS);
        let dbsize = redis.ask(a, "DBSIZE");
        let left: usize = dbsize[1..dbsize.len() - 2].parse().expect("a number");
        assert!(left >= 10_000, "{left} left: living keys were deleted");
        assert!(left <= 10_600, "{left} left: more than a tenth is stale");
        // What is left is found bit by bit.
        redis.advance(Duration::from_secs(60));
        assert_eq!(redis.ask(a, "DBSIZE"), ":10000\r\n");
        assert_eq!(redis.engine.keyspace.stats.expired, 5000);
    }

    #[test]
    fn nothing_expires_by_itself_while_that_is_switched_off() {
        let (mut redis, a) = start();
        redis.engine.keyspace.active_expire = false;
        redis.ask(a, "SET k v PX 10");
        redis.advance(Duration::from_secs(1));
        assert_eq!(redis.ask(a, "DBSIZE"), ":1\r\n");
        redis.engine.keyspace.active_expire = true;
        redis.advance(Duration::from_secs(1));
        assert_eq!(redis.ask(a, "DBSIZE"), ":0\r\n");
    }

    #[test]
    fn fields_expire_though_nobody_asks_for_them_and_the_last_one_takes_its_key_along() {
        let (mut redis, a) = start();
        let listener = redis.connect();
        redis.ask(a, "CONFIG SET notify-keyspace-events Eghx");
        redis.ask(listener, "PSUBSCRIBE *");
        for i in 0..300 {
            redis.ask(a, &format!("HSET h{i} soon v later v stay v"));
            redis.ask(a, &format!("HPEXPIRE h{i} 50 FIELDS 1 soon"));
            redis.ask(a, &format!("HPEXPIRE h{i} 5000 FIELDS 1 later"));
        }
        redis.ask(a, "HSETEX gone PX 50 FIELDS 2 f v g v");
        redis.output(listener);
        redis.advance(40 * MS);
        assert_eq!(redis.engine.keyspace.stats.expired_fields, 0, "too early");
        redis.advance(400 * MS);
        assert_eq!(redis.engine.keyspace.stats.expired_fields, 302);
        assert_eq!(redis.ask(a, "HLEN h299"), ":2\r\n");
        assert_eq!(redis.ask(a, "DBSIZE"), ":300\r\n", "an empty hash is none");
        let told = String::from_utf8(redis.output(listener)).expect("text");
        let count = |event: &str| told.matches(&format!("__keyevent@0__:{event}\r\n")).count();
        assert_eq!(
            (count("hexpired"), count("del"), count("expired")),
            (301, 1, 0)
        );
        redis.advance(Duration::from_secs(5));
        assert_eq!(redis.engine.keyspace.stats.expired_fields, 602);
        assert_eq!(
            redis.ask(a, "HGETALL h7"),
            "*2\r\n$4\r\nstay\r\n$1\r\nv\r\n"
        );
        let told = redis.ask(a, "INFO keyspace");
        assert!(told.contains("subexpiry=0\r\n"), "{told}");
    }

    #[test]
    fn no_field_expires_by_itself_while_that_is_switched_off_but_it_is_not_seen() {
        let (mut redis, a) = start();
        redis.engine.keyspace.active_expire = false;
        redis.ask(a, "HSETEX h PX 10 FIELDS 1 f v\r\nHSET h stay v");
        redis.advance(Duration::from_secs(1));
        assert_eq!(redis.ask(a, "HLEN h"), ":2\r\n");
        assert_eq!(redis.ask(a, "HGETALL h"), "*2\r\n$4\r\nstay\r\n$1\r\nv\r\n");
        redis.engine.keyspace.active_expire = true;
        redis.advance(Duration::from_secs(1));
        assert_eq!(redis.ask(a, "HLEN h"), ":1\r\n");
    }

    #[test]
    fn the_average_time_to_live_is_estimated_and_forgotten() {
        let (mut redis, a) = start();
        for i in 0..10 {
            redis.ask(a, &format!("SET k{i} v EX 100"));
        }
        redis.advance(100 * MS);
        let avg_ms = redis.engine.keyspace.db(0).avg_ttl_ms;
        assert!((99_900..=100_000).contains(&avg_ms), "{avg_ms}");
        redis.ask(a, "DEL k0 k1 k2 k3 k4 k5 k6 k7 k8 k9");
        redis.advance(100 * MS);
        assert_eq!(redis.engine.keyspace.db(0).avg_ttl_ms, 0);
    }

    /// A clock that goes on by itself whenever it is read, so that a cycle runs out of time.
    struct Hasty {
        us: u64,
    }

    impl Host for Hasty {
        fn now(&mut self) -> Now {
            self.us += 1000;
            Now {
                mono_us: self.us,
                wall_us: 1_000_000_000 + self.us as i64,
            }
        }

        fn sleep(&mut self, _: Duration) {}

        fn memory_used(&self) -> usize {
            0
        }

        fn purge_memory(&mut self) {}

        fn discard(&mut self, _: Box<dyn Send>, _: usize) {}

        fn listen(&mut self, _: &[String], _: u16) -> Result<(), String> {
            Ok(())
        }

        fn enter(&mut self, _: &[u8]) -> Result<(), String> {
            Ok(())
        }

        fn read_file(&self, _: &[u8]) -> Result<Option<Vec<u8>>, String> {
            Ok(None)
        }

        fn replace_file(&mut self, _: &[u8], _: &[u8]) -> Result<(), String> {
            Ok(())
        }

        fn set_loglevel(&mut self, _: Loglevel) {}

        fn make_room_for(&mut self, maxclients: usize) -> usize {
            maxclients
        }

        fn facts(&self) -> Facts {
            Facts::default()
        }
    }

    #[test]
    fn a_cycle_that_runs_out_of_time_goes_on_with_the_next_database() {
        let config = Config {
            latency_monitor_threshold: 20,
            ..Config::default()
        };
        let mut engine = Engine::new(config, 1, Box::new(Hasty { us: 0 }));
        for db in [0, 5] {
            let now_ms = engine.now.wall_ms();
            let mut keys = Keys {
                keyspace: &mut engine.keyspace,
                changes: &mut engine.changes,
                rng: &mut engine.rng,
                db,
                now_ms,
                access: engine.access,
                no_touch: false,
                used: 0,
            };
            for i in 0..20_000 {
                let key = format!("k{i}").into_bytes();
                keys.set(&key, New::Int(i), Deadline::At(1));
            }
        }
        engine.tick();
        engine.expire_slowly(10);
        let left = |engine: &Engine| [0, 5].map(|db| engine.keyspace.db(db).table.len());
        assert_eq!(engine.stats.expired_time_cap_reached, 1);
        assert!(left(&engine)[0] < 20_000 && left(&engine)[1] == 20_000);
        let spikes = engine.spikes.series(b"expire-cycle");
        let spikes = spikes.expect("a cycle may take 25 of 100 ms");
        assert!((20..30).contains(&spikes.longest_ms), "{spikes:?}");
        engine.tick();
        engine.expire_slowly(10);
        assert!(
            left(&engine)[1] < 20_000,
            "the first database starved the other: {:?}",
            left(&engine)
        );
    }
}
