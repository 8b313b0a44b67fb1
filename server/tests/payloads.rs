//! Holds our payloads of DUMP against those of a live Redis 8.2.3, where one is installed: they are the same, and each server
//! restores the other's.

use respect_conformance::control::{Barrier, Control};
use respect_conformance::oracle::{self, State};
use respect_conformance::server::{Origin, Server};
use respect_conformance::workspace;
use respect_server::{Connection, Embedded};

/// Commands that make the key `k`, and one that reads it: of every form whose order is known.
const VALUES: &[(&[&str], &str)] = &[
    (&["SET k 12345"], "GET k"),
    (&["SET k -9223372036854775808"], "GET k"),
    (&["SETRANGE k 3000 abc"], "GET k"),
    (&["RPUSH k a 1 b -70000"], "LRANGE k 0 -1"),
    (
        &["CONFIG SET list-max-listpack-size 2", "RPUSH k a b c d e"],
        "LRANGE k 0 -1",
    ),
    (&["SADD k 3 1 2"], "SMEMBERS k"),
    (&["SADD k 3 70000 5000000000"], "SMEMBERS k"),
    (&["SADD k b a 1"], "SMEMBERS k"),
    (
        &["CONFIG SET set-max-listpack-value 1", "SADD k long"],
        "SMEMBERS k",
    ),
    (&["ZADD k 1.5 a -inf b 3 c"], "ZRANGE k 0 -1 WITHSCORES"),
    (
        &[
            "CONFIG SET zset-max-listpack-entries 1",
            "ZADD k 1.5 a -inf b 3 c",
        ],
        "ZRANGE k 0 -1 WITHSCORES",
    ),
    (&["HSET k f 1 g abc"], "HGETALL k"),
    (
        &["CONFIG SET hash-max-listpack-value 1", "HSET k f long"],
        "HGETALL k",
    ),
    (
        &["HSET k f 1 g abc", "HPEXPIREAT k 3000000000000 FIELDS 1 g"],
        "HPEXPIRETIME k FIELDS 2 f g",
    ),
    (
        &[
            "CONFIG SET hash-max-listpack-value 1",
            "HSET k f long",
            "HPEXPIREAT k 3000000000000 FIELDS 1 f",
        ],
        "HPEXPIRETIME k FIELDS 1 f",
    ),
    (&["PFADD k a b c"], "GET k"),
];

#[test]
fn each_restores_what_the_other_dumps() {
    let build = oracle::find("redis-8.2.3").expect("the judge knows the oracle we follow");
    let oracles = workspace::oracles();
    let required = oracle::required().unwrap_or_else(|why| panic!("{why}"));
    let is_required = required.iter().any(|required| required.id() == build.id());
    if matches!(build.state(&oracles), Ok(State::Absent)) && !is_required {
        // Then the transcripts of DUMP and RESTORE stand for it.
        return;
    }
    let origin = Origin::oracle(build, &oracles).unwrap_or_else(|why| panic!("{why}"));
    let server = Server::start(&origin).unwrap_or_else(|error| panic!("{error}"));
    let mut theirs = Control::connect(server.address(), Barrier::Ping).expect("it answers");
    for (make, read) in VALUES {
        let mut ours = Ours::new();
        let mut both = |words: &[&[u8]]| (ours.ask(words), ask(&mut theirs, words));
        both(&[b"FLUSHALL"]);
        for line in *make {
            let (our_answer, their_answer) = both(&words(line));
            assert_eq!(our_answer, their_answer, "{line}");
        }
        let (our_payload, their_payload) = both(&[b"DUMP", b"k"]);
        assert_eq!(
            our_payload.escape_ascii().to_string(),
            their_payload.escape_ascii().to_string(),
            "{make:?}"
        );
        let (before, also_before) = both(&words(read));
        assert_eq!(before, also_before, "{read}");
        let payload = bulk(&our_payload);
        let answers = both(&[b"RESTORE", b"k", b"0", payload, b"REPLACE"]);
        assert_eq!(
            answers,
            (b"+OK\r\n".to_vec(), b"+OK\r\n".to_vec()),
            "{make:?}"
        );
        assert_eq!(both(&words(read)), (before.clone(), before), "{read}");
        let (ours_again, theirs_again) = both(&words("OBJECT ENCODING k"));
        assert_eq!(ours_again, theirs_again, "{make:?}");
        both(&words(
            "CONFIG SET list-max-listpack-size -2 set-max-listpack-value 64",
        ));
        both(&words(
            "CONFIG SET hash-max-listpack-value 64 zset-max-listpack-entries 128",
        ));
    }
}

/// Our server, embedded.
struct Ours {
    server: Embedded,
    client: Connection,
}

impl Ours {
    fn new() -> Ours {
        let mut server = Embedded::new(1);
        let client = server.connect();
        Ours { server, client }
    }

    fn ask(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let mut command = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            command.extend(format!("${}\r\n", word.len()).into_bytes());
            command.extend([word, b"\r\n".as_slice()].concat());
        }
        self.server.exchange(self.client, &command)
    }
}

fn ask(server: &mut Control, words: &[&[u8]]) -> Vec<u8> {
    let reply = server
        .command(words)
        .unwrap_or_else(|error| panic!("{error}"));
    reply.into_bytes()
}

fn words(line: &str) -> Vec<&[u8]> {
    line.split(' ').map(str::as_bytes).collect()
}

/// The bytes of a bulk string.
fn bulk(reply: &[u8]) -> &[u8] {
    let start = reply
        .iter()
        .position(|&byte| byte == b'\n')
        .expect("a length");
    &reply[start + 1..reply.len() - 2]
}
