//! Clients that store, change, move, expire and delete whatever there is, with little memory: what keys are known to take is at
//! every moment what they take, no more is in use than may be, and what goes is counted.

use proptest::prelude::*;
use proptest::sample::select;
use std::time::Duration;

use crate::Embedded;

/// With a key put in for each `K`, and a number for `#`.
const COMMANDS: &[&str] = &[
    "SET K #",
    "SET K string-# EX 1",
    "APPEND K some-text",
    "SETRANGE K 9000 x",
    "INCRBYFLOAT K 1.5",
    "GETDEL K",
    "GETEX K PX 5",
    "RPUSH K a # c",
    "RPUSH K # # # # # # # # # # # # # # # # # # # # # # # # # # # # # # # #",
    "LPOP K 2",
    "LTRIM K 1 3",
    "LMOVE K K LEFT RIGHT",
    "SADD K # m-#",
    "SADD K 1 2 3 4 5 6 7 8 9 a b c d e f g h i j k l m n o p q r s t u v w x y z",
    "SPOP K",
    "SMOVE K K m-#",
    "SUNIONSTORE K K K",
    "HSET K f-# #",
    "HSET K f-# a-value-that-is-too-long-for-any-listpack-of-a-hash-since-it-has-more-than-64-bytes",
    "HDEL K f-#",
    "HEXPIRE K 1 FIELDS 1 f-#",
    "HPEXPIRE K 3 FIELDS 1 f-#",
    "HGETDEL K FIELDS 1 f-#",
    "HGETALL K",
    "HINCRBY K f-# 5",
    "ZADD K # m-#",
    "ZADD K 1 a-member-that-is-too-long-for-any-listpack-of-a-sorted-set-since-it-has-more-than-64-bytes",
    "ZPOPMIN K",
    "ZREM K m-#",
    "ZUNIONSTORE K 2 K K",
    "GEOADD K 13.4 52.5 m-#",
    "PFADD K m-#",
    "PFMERGE K K",
    "SETBIT K # 1",
    "BITOP NOT K K",
    "BITFIELD K SET u8 # 7",
    "DEL K K",
    "UNLINK K",
    "RENAME K K",
    "COPY K K REPLACE",
    "COPY K K DB 1",
    "MOVE K 1",
    "EXPIRE K 1",
    "PERSIST K",
    "SWAPDB 0 1",
    "SELECT 1",
    "SELECT 0",
    "FLUSHDB",
    "RANDOMKEY",
    "SCAN 0",
];

fn command() -> impl Strategy<Value = String> {
    let keys = proptest::collection::vec(0..6_u8, 4);
    (select(COMMANDS), keys, 0..200_u8).prop_map(|(command, keys, number)| {
        let mut keys = keys.into_iter().cycle();
        let words = command.split(' ').map(|word| match word {
            "K" => format!("k{}", keys.next().unwrap_or_default()),
            word => word.replace('#', &number.to_string()),
        });
        let words: Vec<String> = words.collect();
        words.join(" ")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_keys_take_is_known_at_every_moment(
        policy in select(&["noeviction", "allkeys-lru", "volatile-ttl", "allkeys-lfu", "volatile-random"][..]),
        max in prop_oneof![Just(8000_usize), Just(60_000)],
        steps in proptest::collection::vec((command(), prop_oneof![9 => Just(0), 1 => 1..1500_u64]), 1..300),
    ) {
        let mut redis = Embedded::new(1);
        let client = redis.connect();
        redis.ask(client, &format!("CONFIG SET maxmemory {max} maxmemory-policy {policy}"));
        for (command, pass_ms) in steps {
            redis.exchange(client, format!("{command}\r\n").as_bytes());
            redis.advance(Duration::from_millis(pass_ms));
            let measured = redis.engine.keyspace.measured();
            redis.engine.keyspace.set_measuring(false);
            redis.engine.keyspace.set_measuring(true);
            prop_assert_eq!(measured, redis.engine.keyspace.measured(), "after {}", command);
            // One command may go beyond the limit by what it stores; before the next one that is undone.
            redis.exchange(client, b"PING\r\n");
            let keyspace = &redis.engine.keyspace;
            let evictable: usize = (0..keyspace.len())
                .map(|db| keyspace.db(db))
                .map(|db| match policy {
                    "noeviction" => 0,
                    _ if policy.starts_with("volatile") => db.volatile,
                    _ => db.table.len(),
                })
                .sum();
            let beyond = redis.engine.is_over_memory();
            prop_assert!(!beyond || evictable == 0, "after {}", command);
            let answer = redis.ask(client, "SETNX k0 v");
            prop_assert_eq!(answer.starts_with("-OOM"), beyond, "after {}", command);
        }
    }
}
