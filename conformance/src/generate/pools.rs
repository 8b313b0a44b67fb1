//! What is put into arguments: keys that were set up to hold every type, fields and members few enough to meet, numbers at
//! their boundaries. Knows arguments by their names and types, not what servers answer.
//!
//! In every list the simplest value stands first, because failures shrink towards it.

use proptest::prelude::*;
use proptest::sample::select;

use super::grammar::{Argument, ArgumentKind, Command};

/// Commands that give the keys of the pool their types, one line each as a person types it. Every stream begins with some.
pub const SETUP: &[&str] = &[
    "CONFIG SET notify-keyspace-events KEA",
    "SET str hello",
    "SET num 10",
    "SET raw xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "SET volatile v EXAT 4102444800",
    "SETRANGE bits 0 \"\\xff\\xf0\\x00\\x01\"",
    "RPUSH list a b c a",
    "RPUSH longlist a b {wide}",
    "SADD ints 1 2 3 10",
    "SADD set a b c",
    "SADD wideset a b {wide}",
    "HSET hash a 1 b 2 c x",
    "HSET widehash a 1 b {wide}",
    "HSET volatilehash a 1 b 2",
    "HPEXPIREAT volatilehash 4102444800000 FIELDS 1 a",
    "ZADD zset 1 a 2 b 2 c",
    "ZADD widezset 1 a 2 {wide}",
    "PFADD hll a b c",
    "GEOADD geo 13.361389 38.115556 a 15.087269 37.502669 b",
    "XADD stream 1-1 a 1",
    "XADD stream 2-1 b 2",
    "XGROUP CREATE stream g 0",
    "XREADGROUP GROUP g c STREAMS stream >",
    "MSET w_a 3 w_b 1 w_c 2 w_1 2",
    "HSET h_a f 1",
    "EVAL \"return 1\" 0",
    "FUNCTION LOAD \"#!lua name=lib\\nredis.register_function('f', function(keys, args) return args[1] end)\"",
];

/// Longer than what the compact encodings take by default.
const WIDE: usize = 70;

/// A line of [`SETUP`] as words.
pub(super) fn setup_words(line: &str) -> Vec<Vec<u8>> {
    let wide = "w".repeat(WIDE);
    let line = if line.starts_with("RPUSH longlist") {
        // A list is one node until it has 8 KiB.
        line.replace("{wide}", &"w".repeat(9000))
    } else {
        line.replace("{wide}", &wide)
    };
    crate::request::split_line(line.as_bytes()).expect("the lines of the table are quoted rightly")
}

/// Keys that the commands of a group work on.
fn family(group: &str) -> &'static [&'static str] {
    match group {
        "string" => &["str", "num", "raw", "volatile", "bits"],
        "bitmap" => &["bits", "str", "raw"],
        "list" => &["list", "longlist"],
        "set" => &["set", "ints", "wideset"],
        "hash" => &["hash", "widehash", "volatilehash"],
        "sorted-set" => &["zset", "widezset", "geo"],
        "geo" => &["geo", "zset"],
        "hyperloglog" => &["hll"],
        "stream" => &["stream"],
        _ => EVERY_KEY,
    }
}

const EVERY_KEY: &[&str] = &[
    "str",
    "num",
    "raw",
    "volatile",
    "bits",
    "list",
    "longlist",
    "set",
    "ints",
    "wideset",
    "hash",
    "widehash",
    "volatilehash",
    "zset",
    "widezset",
    "geo",
    "hll",
    "stream",
];

/// Key names, most of which hold what the command works on.
fn keys(command: &Command, argument: &Argument) -> BoxedStrategy<Vec<u8>> {
    let overwritten = argument
        .key_spec
        .and_then(|spec| command.overwrites.get(spec))
        .is_some_and(|overwritten| *overwritten);
    let fitting = if overwritten { 4 } else { 16 };
    prop_oneof![
        fitting => words(family(&command.group)),
        3 => words(&["none", "new"]),
        2 => words(EVERY_KEY),
        1 => select(vec![&b""[..], b"\r\n\0\xff{k}"]).prop_map(<[u8]>::to_vec),
    ]
    .boxed()
}

/// What an argument may be filled with.
pub(super) fn values_of(
    command: &Command,
    argument: &Argument,
    names: &[String],
) -> BoxedStrategy<Vec<u8>> {
    if let Some(particular) = particular(command, argument, names) {
        return particular;
    }
    match argument.kind {
        ArgumentKind::Key => keys(command, argument),
        ArgumentKind::Pattern if command.name == "PSUBSCRIBE" => words(&[
            "*",
            "__key*",
            "__keyevent@0__:*",
            "__keyspace@0__:*",
            "n*",
            "h?ll*",
            "",
        ]),
        ArgumentKind::Pattern => words(&[
            "*", "a", "[ab]", "h?ll*", "none", "", "\\", "[", "str*", "#",
        ]),
        ArgumentKind::Double => floats(),
        ArgumentKind::Integer => numbers(),
        ArgumentKind::UnixTime => deadline(&argument.name),
        _ => texts(),
    }
}

/// Arguments whose names say more than their types.
fn particular(
    command: &Command,
    argument: &Argument,
    names: &[String],
) -> Option<BoxedStrategy<Vec<u8>>> {
    let group = command.group.as_str();
    if argument.name == "serialized-value" && group == "generic" {
        return Some(payloads());
    }
    let pool: &[&str] = match (argument.name.as_str(), command.name.as_str()) {
        ("timeout", _) if argument.kind == ArgumentKind::Double => &[
            "0.01", "0", "0.01", "0", "0.01", "0", "0.01", "0", "0.01", "0", "1000", "-1", "x",
            "nan", "inf", "1e400", "",
        ],
        ("timeout", _) => &[
            "10",
            "0",
            "10",
            "0",
            "1000000",
            "-1",
            "x",
            "9223372036854775807",
        ],
        ("milliseconds", "XREAD" | "XREADGROUP") => &["10", "0", "10", "0", "1000000", "-1", "x"],
        ("numreplicas" | "numlocal", _) => &["0", "1", "0", "-1", "x"],
        ("seconds", _) => &[
            "100",
            "1000",
            "2000",
            "100000",
            "0",
            "-1",
            "x",
            "1.5",
            "9223372036854775807",
            "9223372036854775",
            "",
        ],
        ("milliseconds" | "ttl", _) => &[
            "100000",
            "1000000",
            "2000000",
            "0",
            "-1",
            "x",
            "",
            "9223372036854775807",
            "-9223372036854775808",
        ],
        ("offset", "SETBIT" | "GETBIT") => &[
            "0",
            "1",
            "7",
            "8",
            "63",
            "100",
            "8000",
            "-1",
            "4294967296",
            "x",
        ],
        ("offset", "BITFIELD" | "BITFIELD_RO") => &[
            "0",
            "1",
            "7",
            "#0",
            "#1",
            "#3",
            "100",
            "-1",
            "#-1",
            "x",
            "#",
            "4294967296",
        ],
        ("encoding", _) => &[
            "u8", "i8", "u1", "i5", "u16", "i32", "u63", "i64", "u64", "i65", "u0", "i0", "x8",
            "u", "U8",
        ],
        ("offset", "SETRANGE") => &[
            "0",
            "1",
            "3",
            "40",
            "1000",
            "-1",
            "536870912",
            "9223372036854775807",
            "x",
            "",
            "01",
        ],
        ("bit", _) | ("value", "SETBIT") => &["1", "0", "1", "0", "2", "-1", "x"],
        // ZRANGE and its like take all kinds of bounds, these only names.
        ("min" | "max", "ZRANGEBYLEX" | "ZREVRANGEBYLEX" | "ZLEXCOUNT" | "ZREMRANGEBYLEX") => &[
            "-", "+", "[a", "[c", "(a", "(b", "-", "+", "[b", "[", "(", "1", "x", "",
        ],
        ("start" | "stop" | "end" | "min" | "max", _)
            if group == "sorted-set" && argument.kind == ArgumentKind::String =>
        {
            &[
                "0",
                "-1",
                "1",
                "(1",
                "+inf",
                "-inf",
                "[a",
                "(c",
                "-",
                "+",
                "2",
                "[",
                "x",
                "",
                "-2",
                "nan",
                "9223372036854775807",
            ]
        }
        ("min" | "max", _) => &[
            "1", "-inf", "+inf", "(1", "2", "(2", "1.5", "x", "nan", "", "(", "inf",
        ],
        ("start" | "stop" | "end" | "index", _) if group != "stream" => &[
            "0",
            "-1",
            "1",
            "2",
            "-2",
            "5",
            "100",
            "-100",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "x",
            "",
        ],
        ("id", "XACK" | "XACKDEL" | "XCLAIM" | "XDEL" | "XDELEX") => &[
            "1-1", "2-1", "1-1", "2-1", "1-1", "2-1", "5-0", "0", "0-1", "7", "x", "1-", "",
        ],
        ("threshold", _) => &["1", "0", "2", "2-0", "100", "-1", "x"],
        ("id" | "start" | "end" | "lastid" | "last-id" | "max-deleted-id", _)
            if group == "stream" =>
        {
            &[
                "1-1",
                "2-1",
                "3-0",
                "5-*",
                "0",
                "-",
                "+",
                "$",
                ">",
                "0-0",
                "0-1",
                "(1-1",
                "7",
                "18446744073709551615-18446744073709551615",
                "x",
                "1-",
                "",
            ]
        }
        ("group", _) if group == "stream" => &["g", "g", "g", "g", "g", "h", ""],
        ("consumer", _) => &["c", "d", ""],
        ("min-idle-time" | "idle", _) => &["0", "1000000000", "-1", "x"],
        ("count" | "limit" | "num-matches" | "len" | "rank", _) => &[
            "1",
            "2",
            "3",
            "0",
            "-1",
            "10",
            "100",
            "-2",
            "-10",
            "9223372036854775807",
            "-9223372036854775808",
            "x",
            "",
        ],
        ("cursor", _) => &[
            "0",
            "0",
            "0",
            "5",
            "17",
            "-1",
            "x",
            "18446744073709551615",
            "",
        ],
        ("index" | "index1" | "index2" | "db" | "destination-db", _) => {
            &["0", "1", "0", "1", "0", "15", "16", "-1", "x", ""]
        }
        ("score" | "weight", _) => &[
            "1",
            "2",
            "0",
            "-1",
            "1.5",
            "0.1",
            "inf",
            "-inf",
            "3.0e3",
            "nan",
            "1e400",
            "x",
            "",
            "1e17",
            "9007199254740993",
        ],
        ("increment" | "decrement", _) if group == "sorted-set" => {
            &["1", "-1", "0.1", "1.5", "inf", "-inf", "nan", "x", "1e17"]
        }
        ("increment" | "decrement", _) if argument.kind == ArgumentKind::Integer => {
            return Some(numbers());
        }
        ("longitude", _) => &[
            "13.361389",
            "15.087269",
            "15",
            "14",
            "13",
            "0",
            "-180",
            "180",
            "180.1",
            "-122.4",
            "x",
            "nan",
        ],
        ("latitude", _) => &[
            "38.115556",
            "37.502669",
            "37",
            "38",
            "37.8",
            "0",
            "85.05112878",
            "-85.05112878",
            "86",
            "x",
            "inf",
        ],
        ("radius" | "width" | "height", _) => &[
            "200", "200000", "300", "0", "1", "100000", "1e10", "-1", "0.001", "x", "nan",
        ],
        ("protover", _) => &["3", "2", "3", "2", "4", "1", "x", ""],
        ("message" | "channel" | "shardchannel", _) if group == "pubsub" => {
            &["ch", "news", "h", "", "\r\n"]
        }
        ("type", _) => &[
            "string", "list", "hash", "zset", "set", "stream", "x", "HASH",
        ],
        ("by-pattern" | "get-pattern", _) => &[
            "w_*", "#", "h_*->f", "w_*", "nosort", "*", "none_*", "h_*->", "str", "w_*->f", "",
        ],
        ("subcommand", "PFDEBUG") => &["ENCODING", "DECODE", "TODENSE", "GETREG", "x"],
        ("parameter", "CONFIG|SET") => &["notify-keyspace-events"],
        ("value", "CONFIG|SET") => &[
            "KEA", "", "KEAm", "AK", "KEAmn", "Kg$", "Elsh", "Ezxg", "x", "KEAKE", "m",
        ],
        ("section", _) => &["server", "keyspace", "everything", "x"],
        ("parameter", _) => &[
            "maxmemory",
            "list-max-listpack-size",
            "hash-max-listpack-entries",
            "set-max-intset-entries",
            "zset-max-ziplist-value",
            "x",
            "maxmemory-polic?",
        ],
        ("category", "ACL|CAT") => &["read", "hash", "dangerous", "x"],
        ("username", _) => &["default", "u", "nobody"],
        ("password", _) => &["p", "", "x"],
        ("rule", _) => &[
            "on",
            ">p",
            "~*",
            "+get",
            "+@read",
            "-@all",
            "allkeys",
            "nopass",
            "%R~s*",
            "&ch",
            "resetkeys",
            "x",
            "+nope",
            "reset",
            "(+set ~x)",
        ],
        ("bits", _) => &["128", "1", "0", "4096", "4097", "x"],
        ("connection-name" | "clientname" | "libname" | "libver", _) => {
            &["name", "", "a b", "\n", "x1"]
        }
        ("client-id", _) => &["0", "-1", "999999999", "x"],
        ("script", _) => SCRIPTS,
        ("sha1", _) => &[
            "e0e1f9fabfc9d4800c877a703b823ac0578ff8db",
            "ffffffffffffffffffffffffffffffffffffffff",
            "x",
        ],
        ("function-code", _) => &[
            "#!lua name=lib\nredis.register_function('f', function(keys, args) return args[1] end)",
            "#!lua name=lib\nredis.register_function{function_name='r', callback=function(keys, args) return keys[1] end, flags={'no-writes'}}",
            "#!lua name=lib\nsyntax error",
            "return 1",
        ],
        ("function", _) => &["f", "r", "nope"],
        ("library-name" | "library-name-pattern", _) => &["lib", "nope"],
        ("command" | "command-name", _) => {
            return Some(select(names.to_vec()).prop_map(String::into_bytes).boxed());
        }
        ("arg", "COMMAND|GETKEYS" | "COMMAND|GETKEYSANDFLAGS" | "ACL|DRYRUN") => {
            &["str", "1", "2", "list", "STORE", "STREAMS", "0"]
        }
        ("field" | "member" | "member1" | "member2" | "element" | "pivot", _) => {
            return Some(members());
        }
        _ => return None,
    };
    Some(words(pool))
}

/// What DUMP answers, of every type but streams: as 8.2.3 does it, and as 6.2.5 does, which all of them can read.
const PAYLOADS: &[&[u8]] = &[
    b"\x00\x05hello\x09\x00\xb3\x80\x8e\xba1\xb2C\xbb",
    b"\x00\xc0\x0a\x09\x00\xbem\x06\x89Z(\x00\x0a",
    b"\x0e\x01\x17\x17\x00\x00\x00\x13\x00\x00\x00\x04\x00\x00\x01a\x03\x01b\x03\x01c\x03\x01a\xff\x09\x00\xdc\xa7\xf1\x0d\x17vI8",
    b"\x0b\x0e\x02\x00\x00\x00\x03\x00\x00\x00\x01\x00\x02\x00\x03\x00\x09\x00u\xf0\x0d.9\xe8.\xaa",
    b"\x02\x03\x01c\x01b\x01a\x09\x00\x8eT/\x9aw\xf3h\x1a",
    b"\x0d\x1b\x1b\x00\x00\x00\x17\x00\x00\x00\x06\x00\x00\x01a\x03\xf2\x02\x01b\x03\xf3\x02\x01c\x03\x01x\xff\x09\x00\xe0\xdb\xd2\xdd\xb0\xdcO\x81",
    b"\x0c\x1a\x1a\x00\x00\x00\x17\x00\x00\x00\x06\x00\x00\x01a\x03\xf2\x02\x01b\x03\xf3\x02\x01c\x03\xf3\xff\x09\x00\xc5Z\xadH!\x8b*7",
    b"\x00\x18HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80q\xa6\x84K\xfb\x80BZ\x09\x00\x89\x06\xe8\xd5qmu[",
    b"\x12\x01\x02\x13\x13\x00\x00\x00\x04\x00\x81a\x02\x81b\x02\x81c\x02\x81a\x02\xff\x0c\x00w/%\"R\x0b~w",
    b"\x14\x10\x10\x00\x00\x00\x03\x00\x81a\x02\x81b\x02\x81c\x02\xff\x0c\x00\xcf\x9c\xdd\xd4\xcc\xbd\xee\xf7",
    b"\x10\x17\x17\x00\x00\x00\x06\x00\x81a\x02\x01\x01\x81b\x02\x02\x01\x81c\x02\x81x\x02\xff\x0c\x00\xd8\xac_s\x97O!\xc4",
    b"\x11\x16\x16\x00\x00\x00\x06\x00\x81a\x02\x01\x01\x81b\x02\x02\x01\x81c\x02\x02\x01\xff\x0c\x00\xfb\xb0\xee\x9eqe\xaf\xea",
    b"\x19\x00\xd8\xc3,\xbb\x03\x00\x00\x1d\x1d\x00\x00\x00\x06\x00\x81a\x02\x01\x01\xf4\x00\xd8\xc3,\xbb\x03\x00\x00\x09\x81b\x02\x02\x01\x00\x01\xff\x0c\x00E\xa4y\\\x93\x9a\x9c\x04",
];

/// Payloads, and what is none: cut short, or with a byte that the sum does not allow for.
fn payloads() -> BoxedStrategy<Vec<u8>> {
    let whole = || select(PAYLOADS.to_vec()).prop_map(<[u8]>::to_vec);
    let spoilt = (whole(), any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(mut payload, at, cut)| {
            let at = at.index(payload.len());
            if cut {
                payload.truncate(at);
            } else {
                payload[at] ^= 1;
            }
            payload
        },
    );
    prop_oneof![8 => whole(), 1 => spoilt, 1 => texts()].boxed()
}

const SCRIPTS: &[&str] = &[
    "return 1",
    "return {KEYS[1],ARGV[1]}",
    "return redis.call('GET',KEYS[1])",
    "return redis.call('SET',KEYS[1],ARGV[1])",
    "return redis.pcall('INCR',KEYS[1])",
    "return {1,2,{3,'x'},false,true,3.9}",
    "return redis.error_reply('BAD x')",
    "return redis.status_reply('FINE')",
    "error('x')",
    "syntax error (",
    "return redis.call('NOPE')",
    "return #KEYS",
];

fn words(words: &[&'static str]) -> BoxedStrategy<Vec<u8>> {
    select(words.to_vec())
        .prop_map(|word| word.as_bytes().to_vec())
        .boxed()
}

/// Few, so that one command finds what another has put there.
fn members() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        12 => words(&["a", "b", "c", "d", "1", "2", "3", "10"]),
        2 => texts(),
    ]
    .boxed()
}

fn texts() -> BoxedStrategy<Vec<u8>> {
    let plain = words(&[
        "v",
        "",
        "hello",
        "ohmytext",
        "mynewtext",
        "3.0",
        "1e3",
        "0.1",
        "a b",
        "\r\n",
        "$-1\r\n",
        "\"'\\",
    ]);
    // 44 bytes is the longest string that is stored with its header, 64 the longest element of a compact collection.
    let lengths = select(vec![40, 43, 44, 45, 64, 65, 1000, 2000]);
    let long = (select(b"x\0\xff".to_vec()), lengths).prop_map(|(byte, length)| vec![byte; length]);
    prop_oneof![
        6 => plain,
        4 => small_numbers(),
        2 => boundaries(),
        2 => prop::collection::vec(any::<u8>(), 0..12),
        1 => long,
    ]
    .boxed()
}

fn numbers() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![5 => small_numbers(), 1 => boundaries(), 1 => wild()].boxed()
}

fn small_numbers() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        select(vec![1i64, 0, -1, 2, 10, 100, 9999, 10_000, 65_535]),
        -300..300i64
    ]
    .prop_map(|number| number.to_string().into_bytes())
    .boxed()
}

fn floats() -> BoxedStrategy<Vec<u8>> {
    words(&[
        "1",
        "0",
        "-1",
        "0.1",
        "0.5",
        "3.0e3",
        "-2.5",
        "1e17",
        "12345678901234567890",
        "1e-10",
        "0.000000000000000001",
        "1e100",
        "-0.0",
        "inf",
        "-inf",
        "nan",
        "1e400",
        "1e5000",
        " 1",
        "1 ",
        "1x",
        "",
        "0x10",
        "+5",
        ".5",
        "5.",
    ])
}

/// Past, or in the next century: no stream lives to see one pass.
fn deadline(name: &str) -> BoxedStrategy<Vec<u8>> {
    words(if name.contains("milliseconds") {
        &[
            "4102444800000",
            "4102444800999",
            "9999999999999",
            "1",
            "1000000000000",
            "0",
            "-1",
            "9223372036854775807",
            "-9223372036854775808",
            "x",
        ]
    } else {
        &[
            "4102444800",
            "4102444801",
            "9999999999",
            "1",
            "1000000000",
            "0",
            "-1",
            "9223372036854775",
            "9223372036854776",
            "9223372036854775807",
            "-9223372036854775808",
            "x",
            "1.5",
        ]
    })
}

/// Numbers at and beyond what 64 bits hold, and numbers that are not written as numbers are. Those at what 32 bits hold are
/// not among them: as offsets they would make strings of half a gigabyte.
const BOUNDARIES: [&str; 16] = [
    "9223372036854775807",
    "9223372036854775806",
    "-9223372036854775808",
    "-9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "4294967296",
    "-2147483648",
    "99999999999999999999",
    "01",
    "-0",
    "+1",
    " 1",
    "1 ",
    "1.0",
];

fn boundaries() -> BoxedStrategy<Vec<u8>> {
    words(&BOUNDARIES)
}

/// What stands where it should not.
pub(super) fn wild() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        words(&[
            "x",
            "",
            "0",
            "1",
            "-1",
            "GET",
            "NX",
            "XX",
            "KEEPTTL",
            "REPLACE",
            "BIT",
            "LIMIT",
            "WITHSCORES",
            "COUNT",
            "LEN",
            "str",
            "zset",
            "inf"
        ]),
        boundaries(),
        prop::collection::vec(any::<u8>(), 0..6),
    ]
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setup_gives_every_key_of_the_pool_a_value() {
        let set_up: Vec<Vec<u8>> = SETUP
            .iter()
            .map(|line| setup_words(line))
            .map(|words| {
                if words[0] == b"XGROUP" {
                    words[2].clone()
                } else {
                    words[1].clone()
                }
            })
            .collect();
        for key in EVERY_KEY {
            assert!(set_up.iter().any(|name| name == key.as_bytes()), "{key}");
        }
    }

    #[test]
    fn a_long_element_is_longer_than_the_compact_encodings_take() {
        assert_eq!(setup_words("SADD wideset a b {wide}")[4].len(), WIDE);
        assert!(setup_words("RPUSH longlist a b {wide}")[4].len() > 8192);
    }
}
