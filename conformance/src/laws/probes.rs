//! Dialogues that are always there: one for each kind of data and for what commands do together, so that a law is looked at with
//! every shape of reply even where no transcript is at hand. Expects nothing.

use super::dialogue::{Dialogue, Request, Step};
use crate::request::split_line;

/// A name, and commands as redis-cli takes them; `b:` in front is another connection.
const PROBES: &[(&str, &str)] = &[
    (
        "strings",
        r#"
        SET k "a b\r\n\x00\xff"
        GET k
        GET none
        MGET k none
        APPEND k x
        STRLEN k
        SETRANGE k 3 zz
        INCR k
        SET n 10
        INCRBYFLOAT n 0.1
        GETRANGE n 0 -1
        SET
        GETEX n PERSIST
        LCS k n IDX
        LCS k n LEN
        BITFIELD b SET u8 0 255 OVERFLOW FAIL INCRBY u8 0 1
        GETDEL n
        LPUSH k x
        TYPE k
        OBJECT ENCODING k
        "#,
    ),
    (
        "lists",
        "
        RPUSH l a b c d
        LRANGE l 0 -1
        LPOP l
        LPOP l 2
        LPOP none
        LPOP none 2
        RPOP l
        LINDEX l 0
        LPOS l x
        LPOS l x COUNT 0
        RPUSH l 1 2 3
        LMPOP 1 l LEFT COUNT 2
        LMPOP 1 none LEFT
        LINSERT l BEFORE 3 2.5
        LMOVE l m LEFT RIGHT
        LRANGE m 0 -1
        GET l
        BLPOP l 0
        LLEN l
        ",
    ),
    (
        "hashes",
        "
        HSET h f v g 1
        HGET h f
        HGET h none
        HGETALL h
        HMGET h f none
        HKEYS h
        HVALS h
        HLEN h
        HINCRBY h g 2
        HINCRBYFLOAT h g 0.5
        HRANDFIELD h
        HRANDFIELD h 2 WITHVALUES
        HEXISTS h f
        HSTRLEN h f
        HSCAN h 0
        HDEL h f
        HGETALL none
        HSET h
        GET h
        ",
    ),
    (
        "sets",
        "
        SADD s 1 2 3
        SMEMBERS s
        SADD t 2 3 x
        SMEMBERS t
        SINTER s t
        SUNION s t
        SDIFF t s
        SINTERCARD 2 s t
        SMISMEMBER s 1 9
        SISMEMBER s 1
        SCARD s
        SRANDMEMBER s
        SRANDMEMBER s 2
        SREM s 1
        SINTERSTORE u s t
        SSCAN s 0
        SMEMBERS none
        ",
    ),
    (
        "sorted-sets",
        "
        ZADD z 1 a 2.5 b 0.1 c inf d
        ZRANGE z 0 -1
        ZRANGE z 0 -1 WITHSCORES
        ZREVRANGE z 0 1 WITHSCORES
        ZRANGEBYSCORE z -inf 2 WITHSCORES
        ZSCORE z c
        ZSCORE z none
        ZMSCORE z a none
        ZINCRBY z 0.2 a
        ZADD z INCR 1 a
        ZADD z XX INCR 1 none
        ZRANK z a
        ZRANK z none
        ZPOPMIN z
        ZPOPMAX z 2
        ZPOPMIN none
        ZRANDMEMBER z 1 WITHSCORES
        ZADD y 1 a
        ZUNION 2 y z WITHSCORES
        ZINTER 2 y y WITHSCORES
        ZDIFF 2 y z WITHSCORES
        ZMPOP 1 y MIN
        ZMPOP 1 none MIN
        ZADD z x y
        ZSCAN z 0
        ",
    ),
    (
        "streams",
        "
        XADD s 1-1 f v
        XADD s 1-2 g w h x
        XADD s 1-1 f v
        XLEN s
        XRANGE s - +
        XREVRANGE s + - COUNT 1
        XREAD COUNT 1 STREAMS s 0
        XREAD STREAMS s 9
        XGROUP CREATE s g 0
        XREADGROUP GROUP g c COUNT 1 STREAMS s >
        XREADGROUP GROUP g c COUNT 9 STREAMS s >
        XREADGROUP GROUP g c STREAMS s >
        XACK s g 1-1
        XDEL s 1-1
        XTRIM s MAXLEN 1
        XREADGROUP GROUP none c STREAMS s >
        ",
    ),
    (
        "geo-and-hyperloglog",
        "
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        GEOPOS g Palermo none
        GEODIST g Palermo Catania km
        GEODIST g Palermo none
        GEOHASH g Palermo none
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHCOORD WITHDIST WITHHASH COUNT 2
        GEOADD g 200 0 nowhere
        PFADD p a b c
        PFCOUNT p
        PFMERGE q p
        ",
    ),
    (
        "transactions",
        "
        MULTI
        SET k 1
        INCR k
        GET none
        LPUSH k x
        EXEC
        GET k
        MULTI
        FOO
        EXEC
        MULTI
        SET k 2
        DISCARD
        EXEC
        WATCH k
        b: SET k 3
        MULTI
        GET k
        EXEC
        MULTI
        MULTI
        EXEC
        ",
    ),
    (
        "blocking",
        "
        BLPOP l m 0
        b: RPUSH m x y
        b: LLEN m
        BLPOP m 0
        BRPOPLPUSH l m 0
        b: LPUSH l z
        PING
        BZPOPMIN z 0
        b: ZADD z 1.5 a
        ",
    ),
    (
        "scripts",
        r#"
        EVAL "return {1,'a',{2,{}}, false, true, 3.9}" 0
        EVAL "return redis.call('SET', KEYS[1], ARGV[1])" 1 k v
        EVAL "return redis.call('GET', KEYS[1])" 1 k
        EVAL "return redis.call('LPUSH', KEYS[1], 'x')" 1 k
        EVAL "return redis.error_reply('MY error')" 0
        EVAL "return {err='x'}" 0
        EVAL "syntax" 0
        EVAL "return redis.pcall('FOO')" 0
        EVALSHA ffffffffffffffffffffffffffffffffffffffff 0
        EVAL "return {double=3.5}" 0
        SCRIPT EXISTS ffffffffffffffffffffffffffffffffffffffff
        "#,
    ),
    (
        "pub-sub",
        "
        SUBSCRIBE c d
        PSUBSCRIBE p*
        b: PUBLISH c hello
        b: PUBLISH pq there
        b: PUBSUB NUMSUB c d e
        b: PUBSUB NUMPAT
        PING
        PING x
        GET k
        UNSUBSCRIBE c
        UNSUBSCRIBE d
        PUNSUBSCRIBE p*
        PING
        ",
    ),
    (
        "resp3",
        "
        HELLO 3
        CLIENT TRACKING ON
        SET k v
        GET k
        b: SET k w
        GET k
        HSET h f v
        HGETALL h
        ZADD z 1 a
        ZRANGE z 0 -1 WITHSCORES
        GET none
        SMEMBERS none
        FOO
        MULTI
        GET none
        EXEC
        ",
    ),
    (
        "errors",
        r#"
        FOO
        "" a
        FOO "a\r\nb" "c\x00d"
        GET
        GET a b
        SET k v BAD
        CLIENT FOO
        CONFIG FOO
        OBJECT ENCODING none
        OBJECT FOO
        INCR k
        SET k v
        INCR k
        HGET k f
        SELECT 99
        SELECT x
        EXEC
        DISCARD
        RENAME none k
        COMMAND GETKEYS PING
        PING a b
        "#,
    ),
    (
        "connection",
        r#"
        PING
        PING ""
        ECHO "Hello, \"World\""
        SELECT 1
        SET k v
        DBSIZE
        SELECT 0
        GET k
        MOVE k 1
        CLIENT SETNAME me
        CLIENT GETNAME
        CLIENT ID
        CLIENT INFO
        COMMAND COUNT
        COMMAND INFO GET FOO
        CONFIG GET maxmemory-policy
        INFO server
        TIME
        QUIT
        "#,
    ),
    (
        "keys",
        "
        MSET a 1 b 2 c 3
        EXISTS a b none
        TYPE a
        KEYS *
        SCAN 0
        RENAME a d
        COPY d e
        EXPIREAT d 4102444800
        EXPIRETIME d
        PERSIST d
        TTL d
        TOUCH d e
        DEL d none
        UNLINK e
        DBSIZE
        FLUSHALL
        DBSIZE
        ",
    ),
];

/// All of them.
pub fn probes() -> Vec<Dialogue> {
    let probes = PROBES.iter().map(|(name, text)| {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let steps = lines.map(|line| {
            let (connection, words) = match line.strip_prefix("b: ") {
                Some(words) => ("b", words),
                None => ("a", line),
            };
            let arguments = split_line(words.as_bytes()).expect("the lines above are well quoted");
            Step::Ask {
                connection: connection.to_owned(),
                request: Request {
                    arguments,
                    inline: false,
                },
            }
        });
        Dialogue::new(&format!("probe {name}"), steps.collect())
    });
    probes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_probe_is_read() {
        let probes = probes();
        assert_eq!(probes.len(), PROBES.len());
        assert!(probes.iter().all(|probe| probe.steps.len() > 8));
    }
}
