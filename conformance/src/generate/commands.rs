//! The commands that are generated, the values they are given, and the commands that are not, each with its reason. Knows
//! their arguments, not their answers.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

use super::grammar::{Grammar, Words};

/// What is generated: how often, relative to the others, and with which arguments. Small letters are slots, see [`slot`].
const COMMANDS: &[(u32, &str)] = &[
    (10, "SET key value"),
    (
        6,
        "SET key value [NX|XX] [GET] [EXAT deadline|PXAT deadline-ms|KEEPTTL]",
    ),
    (
        1,
        "SET key value (NX|XX|GET|KEEPTTL|EXAT deadline|PXAT deadline-ms)...",
    ),
    (8, "GET key"),
    (2, "GETSET key value"),
    (2, "GETDEL key"),
    (3, "GETEX key [EXAT deadline|PXAT deadline-ms|PERSIST]"),
    (2, "SETNX key value"),
    (1, "SETEX key no-time value"),
    (1, "PSETEX key no-time value"),
    (3, "MGET key..."),
    (3, "MSET (key value)..."),
    (2, "MSETNX (key value)..."),
    (5, "APPEND key value"),
    (3, "STRLEN key"),
    (4, "INCR key"),
    (3, "DECR key"),
    (4, "INCRBY key number"),
    (3, "DECRBY key number"),
    (4, "INCRBYFLOAT key float"),
    (4, "SETRANGE key offset value"),
    (4, "GETRANGE key index index"),
    (1, "SUBSTR key index index"),
    (3, "LCS key key"),
    (
        3,
        "LCS key key [LEN] [IDX] [MINMATCHLEN number] [WITHMATCHLEN]",
    ),
    (4, "SETBIT key bit-offset bit"),
    (3, "GETBIT key bit-offset"),
    (4, "BITCOUNT key [index index [BYTE|BIT]]"),
    (4, "BITPOS key bit [index [index [BYTE|BIT]]]"),
    (5, "BITOP (AND|OR|XOR|DIFF|DIFF1|ANDOR|ONE) key key..."),
    (2, "BITOP NOT key key"),
    (
        5,
        "BITFIELD key (GET encoding field-offset|SET encoding field-offset number|INCRBY encoding field-offset number|OVERFLOW (WRAP|SAT|FAIL))...",
    ),
    (2, "BITFIELD_RO key (GET encoding field-offset)..."),
    (3, "DEL key..."),
    (2, "UNLINK key..."),
    (2, "EXISTS key..."),
    (1, "TOUCH key..."),
    (2, "TYPE key"),
    (3, "RENAME key key"),
    (2, "RENAMENX key key"),
    (4, "COPY key key [DB db] [REPLACE]"),
    (2, "MOVE key db"),
    (2, "PERSIST key"),
    (3, "EXPIREAT key deadline [NX|XX|GT|LT]"),
    (3, "PEXPIREAT key deadline-ms [NX|XX|GT|LT]"),
    (1, "EXPIREAT key deadline (NX|XX|GT|LT)..."),
    (1, "EXPIRE key no-time [NX|XX|GT|LT]"),
    (1, "PEXPIRE key no-time [NX|XX|GT|LT]"),
    (3, "EXPIRETIME key"),
    (3, "PEXPIRETIME key"),
    (3, "OBJECT ENCODING key"),
    (2, "DBSIZE"),
    (2, "SELECT db"),
    (1, "SWAPDB db db"),
    (1, "ECHO value"),
    (1, "PING [value]"),
    (5, "MULTI"),
    (7, "EXEC"),
    (1, "DISCARD"),
    (2, "WATCH key..."),
    (1, "UNWATCH"),
    (1, "RESET"),
];

/// String, bitmap, key and transaction commands, and those arguments of them, that are not generated, with the reason.
pub const EXCLUDED: &[(&str, &str)] = &[
    (
        "DUMP",
        "its payload carries the format's version, which is a matter of its own",
    ),
    (
        "EXPIRE with time to come",
        "the deadline depends on when it runs; EXPIREAT says the same with a fixed one",
    ),
    (
        "GETEX EX, PX",
        "the deadline depends on when it runs; EXAT and PXAT do not",
    ),
    (
        "FLUSHALL, FLUSHDB",
        "since 8.0 the client is blocked until a thread has done it: commands sent later on others may be answered sooner",
    ),
    (
        "HELLO",
        "its reply names server, version and id; streams begin with it instead",
    ),
    ("KEYS", "the order depends on the hash seed"),
    ("MIGRATE", "needs a second server"),
    ("OBJECT FREQ", "counts by chance"),
    ("OBJECT IDLETIME", "counts seconds"),
    (
        "OBJECT REFCOUNT",
        "in a transaction it counts the queued arguments too, which is an accident of storage",
    ),
    ("PEXPIRE with time to come", "as EXPIRE"),
    ("PSETEX with time to come", "as EXPIRE"),
    ("PTTL", "counts down"),
    ("RANDOMKEY", "by chance"),
    ("RESTORE", "as DUMP"),
    ("SCAN", "cursors and order depend on the hash seed"),
    (
        "SET EX, PX",
        "the deadline depends on when it runs; EXAT and PXAT do not",
    ),
    ("SETEX with time to come", "as EXPIRE"),
    ("SORT", "sorts collections, of which there are none"),
    ("SORT_RO", "as SORT"),
    ("TTL", "counts down"),
    ("WAIT", "waits for replicas"),
    ("WAITAOF", "waits for disks and replicas"),
];

/// The names of the commands that are generated, each once.
pub fn names() -> BTreeSet<&'static str> {
    COMMANDS.iter().map(|(_, text)| first_word(text)).collect()
}

fn first_word(text: &'static str) -> &'static str {
    text.split(' ').next().unwrap_or(text)
}

/// Any command of the table but those named, one in eight of them spoilt.
///
/// # Panics
/// When none is left.
pub fn any_command(without: &[String]) -> BoxedStrategy<Vec<Vec<u8>>> {
    let wanted = COMMANDS
        .iter()
        .filter(|(_, text)| !without.iter().any(|name| name == first_word(text)));
    let commands = wanted.map(|(weight, text)| (*weight, Grammar::parse(text).strategy(&slot)));
    let command = Union::new_weighted(commands.collect());
    let spoiling = prop_oneof![
        any::<prop::sample::Index>().prop_map(Spoiling::Leave),
        (any::<prop::sample::Index>(), wild())
            .prop_map(|(index, word)| Spoiling::Replace(index, word)),
        (any::<prop::sample::Index>(), wild())
            .prop_map(|(index, word)| Spoiling::Insert(index, word)),
    ];
    (command, prop::option::weighted(0.125, spoiling))
        .prop_map(|(words, spoiling)| spoil(words, spoiling))
        .boxed()
}

#[derive(Clone, Debug)]
enum Spoiling {
    Leave(prop::sample::Index),
    Replace(prop::sample::Index, Vec<u8>),
    Insert(prop::sample::Index, Vec<u8>),
}

/// Commands in which a stray number would be a time to come.
const NEVER_SPOILT: [&[u8]; 4] = [b"EXPIRE", b"PEXPIRE", b"SETEX", b"PSETEX"];

/// The name stays: without it there would be fewer commands to find mistakes in.
fn spoil(mut words: Words, spoiling: Option<Spoiling>) -> Words {
    match spoiling {
        _ if NEVER_SPOILT.contains(&&*words[0].to_ascii_uppercase()) => {}
        Some(Spoiling::Leave(index)) if words.len() > 1 => {
            words.remove(1 + index.index(words.len() - 1));
        }
        Some(Spoiling::Replace(index, word)) if words.len() > 1 => {
            let at = 1 + index.index(words.len() - 1);
            words[at] = word;
        }
        Some(Spoiling::Insert(index, word)) => words.insert(1 + index.index(words.len()), word),
        _ => {}
    }
    words
}

/// What a slot of the table may be filled with; what is simplest stands first, because failures shrink towards it.
///
/// Offsets stop short of what would make a server allocate half a gigabyte, and deadlines are past or in the next century.
fn slot(name: &str) -> BoxedStrategy<Vec<u8>> {
    let words: &[&str] = match name {
        "key" => return keys(),
        "value" => return values(),
        "number" => {
            return prop_oneof![4 => small_numbers(), 2 => boundaries(), 1 => wild()].boxed();
        }
        "float" => &[
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
        ],
        "offset" => &[
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
        "index" => &[
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
        "bit-offset" => &[
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
        "bit" => &["1", "0", "1", "0", "1", "0", "2", "-1", "x"],
        "encoding" => &[
            "u8", "i8", "u1", "i5", "u16", "i32", "u63", "i64", "u64", "i65", "u0", "i0", "x8",
            "u", "U8",
        ],
        "field-offset" => &[
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
        "db" => &["0", "1", "0", "1", "0", "15", "16", "-1", "x", ""],
        "deadline" => &[
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
        ],
        "deadline-ms" => &[
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
        ],
        "no-time" => &[
            "0",
            "-1",
            "-9223372036854775808",
            "9223372036854775807",
            "x",
            "",
            "1.5",
        ],
        other => unreachable!("the table has a slot `{other}` that nothing fills"),
    };
    select(words.to_vec())
        .prop_map(|word| word.as_bytes().to_vec())
        .boxed()
}

/// Few keys, so that commands meet.
fn keys() -> BoxedStrategy<Vec<u8>> {
    let key = |key: &'static [u8]| Just(key.to_vec());
    prop_oneof![8 => key(b"k"), 6 => key(b"l"), 3 => key(b"m"), 1 => key(b""), 1 => key(b"\r\n\0\xff{k}")].boxed()
}

fn values() -> BoxedStrategy<Vec<u8>> {
    let texts = [
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
    ];
    let texts = select(texts.to_vec()).prop_map(|text| text.as_bytes().to_vec());
    // 44 bytes is the longest string that is stored with its header, and 16 KiB the size of one read.
    let lengths = select(vec![40, 43, 44, 45, 64, 1000, 2000]);
    let long = (select(b"x\0\xff".to_vec()), lengths).prop_map(|(byte, length)| vec![byte; length]);
    prop_oneof![
        6 => texts,
        4 => small_numbers(),
        2 => boundaries(),
        2 => prop::collection::vec(any::<u8>(), 0..12),
        1 => long,
    ]
    .boxed()
}

fn small_numbers() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        select(vec![1i64, 0, -1, 2, 10, 100, 9999, 10_000, 65_535]),
        -300..300i64
    ]
    .prop_map(|number| number.to_string().into_bytes())
    .boxed()
}

/// Numbers at and beyond what 64 bits hold, and numbers that are not written as numbers are.
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

/// Numbers at what 32 bits hold. As offsets they would make strings of half a gigabyte.
const BOUNDARIES_OF_32_BITS: [&str; 3] = ["2147483647", "2147483648", "4294967295"];

fn boundaries() -> BoxedStrategy<Vec<u8>> {
    let numbers = [&BOUNDARIES[..], &BOUNDARIES_OF_32_BITS].concat();
    select(numbers)
        .prop_map(|number| number.as_bytes().to_vec())
        .boxed()
}

/// What stands where it should not, be it as an offset: no word that is an option with relative time, nor a command's name.
fn wild() -> BoxedStrategy<Vec<u8>> {
    let words = [
        "x", "", "0", "1", "-1", "GET", "NX", "XX", "KEEPTTL", "REPLACE", "BIT", "BYTE", "LEN", "k",
    ];
    prop_oneof![
        select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        select(BOUNDARIES.to_vec()).prop_map(|number| number.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ]
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The string, bitmap, key and transaction commands of Redis 8.2.3, by COMMAND DOCS.
    const ALL: &str = "APPEND DECR DECRBY GET GETDEL GETEX GETRANGE GETSET INCR INCRBY INCRBYFLOAT LCS MGET MSET MSETNX PSETEX SET \
        SETEX SETNX SETRANGE STRLEN SUBSTR BITCOUNT BITFIELD BITFIELD_RO BITOP BITPOS GETBIT SETBIT COPY DEL DUMP EXISTS EXPIRE \
        EXPIREAT EXPIRETIME KEYS MIGRATE MOVE OBJECT PERSIST PEXPIRE PEXPIREAT PEXPIRETIME PTTL RANDOMKEY RENAME RENAMENX RESTORE \
        SCAN SORT SORT_RO TOUCH TTL TYPE UNLINK WAIT WAITAOF DISCARD EXEC MULTI UNWATCH WATCH";

    #[test]
    fn every_string_and_key_command_is_generated_or_left_out_for_a_reason() {
        let generated = names();
        let excluded: BTreeSet<&str> = EXCLUDED.iter().map(|(what, _)| first_word(what)).collect();
        let missing: Vec<&str> = ALL
            .split_whitespace()
            .filter(|name| !generated.contains(name) && !excluded.contains(name))
            .collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn what_is_left_out_is_not_generated() {
        let all_but_ping: Vec<String> = names()
            .into_iter()
            .filter(|name| *name != "PING")
            .map(str::to_owned)
            .collect();
        proptest!(|(words in any_command(&all_but_ping))| {
            prop_assert_eq!(words[0].to_ascii_uppercase(), b"PING");
        });
    }

    proptest! {
        #[test]
        fn a_spoilt_command_keeps_its_name(words in any_command(&[])) {
            let name = String::from_utf8_lossy(&words[0]).to_ascii_uppercase();
            prop_assert!(names().contains(name.as_str()), "{}", name);
        }
    }
}
