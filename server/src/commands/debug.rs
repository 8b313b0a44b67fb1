//! DEBUG: what test suites use to look inside and to bend time.

use std::time::Duration;

use crate::commands::debug_crash;
use crate::commands::debug_switches;
use crate::commands::debug_tables;
use crate::commands::help::write_help;
use crate::commands::{arguments, debug_data};
use crate::data::list::List;
use crate::engine::{Call, Engine};
use crate::keyspace::access;
use crate::keyspace::db::Deadline;
use crate::keyspace::entry::Entry;
use crate::keyspace::value::New;
use crate::rdb;
use crate::registry::command::{Command, Flags, Group, Outcome, Run};
use crate::resp::error::Error;
use crate::resp::reply::{Protocol, Reply};
use crate::text::{glob, integers};

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] =
    &[
        Command::new("debug", "1.0.0", Group::Server, -2, Run::Engine(debug))
            .flags(
                Flags::ADMIN
                    .union(Flags::NOSCRIPT)
                    .union(Flags::LOADING)
                    .union(Flags::STALE)
                    .union(Flags::PROTECTED),
            )
            .summary("A container for debugging commands.")
            .complexity("Depends on subcommand.")
            .syscmd(),
    ];

/// A subcommand: its word, how many arguments it takes, and its function.
type Subcommand = (
    &'static str,
    std::ops::RangeInclusive<usize>,
    fn(&mut Engine, &mut Call<'_>) -> Outcome,
);

const SUBCOMMANDS: &[Subcommand] = &[
    ("digest", 0..=0, debug_data::digest),
    ("digest-value", 0..=usize::MAX, debug_data::digest_value),
    ("help", 0..=0, help),
    ("assert", 0..=usize::MAX, debug_crash::assert),
    ("change-repl-id", 0..=0, debug_switches::change_repl_id),
    ("dict-resizing", 1..=1, debug_switches::nothing),
    ("error", 1..=1, error),
    ("htstats", 1..=usize::MAX, debug_tables::htstats),
    ("htstats-key", 1..=usize::MAX, debug_tables::htstats_key),
    ("keysizes-hist-assert", 1..=1, debug_switches::nothing),
    ("listpack", 1..=1, listpack),
    ("log", 1..=1, log),
    ("object", 1..=1, object),
    ("oom", 0..=usize::MAX, debug_crash::oom),
    ("panic", 0..=usize::MAX, debug_crash::panic),
    ("pause-cron", 1..=1, debug_switches::pause_cron),
    ("populate", 1..=3, populate),
    ("protocol", 1..=1, protocol),
    ("quicklist", 1..=2, quicklist),
    ("quicklist-packed-threshold", 1..=1, packed_threshold),
    ("reload", 0..=usize::MAX, debug_data::reload),
    ("replybuffer", 2..=2, debug_switches::reply_buffer),
    ("segfault", 0..=usize::MAX, debug_crash::segfault),
    ("set-active-expire", 1..=1, set_active_expire),
    ("set-disable-deny-scripts", 1..=1, debug_switches::nothing),
    ("sleep", 1..=1, sleep),
    ("stringmatch-test", 0..=0, stringmatch_test),
    ("structsize", 0..=0, debug_tables::structsize),
];

fn debug(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let arguments = call.args.len() - 2;
    let found = SUBCOMMANDS
        .iter()
        .find(|(name, takes, _)| call.args.is(1, name) && takes.contains(&arguments));
    match found {
        Some((_, _, run)) => run(engine, call),
        None => Err(Error::subcommand("DEBUG", call.args.at(1))),
    }
}

fn help(_: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let lines = [
        "ASSERT",
        "    Crash by assertion failed.",
        "CHANGE-REPL-ID",
        "    Change the replication IDs of the instance.",
        "    Dangerous: should be used only for testing the replication subsystem.",
        "DIGEST",
        "    Output a hex signature representing the current DB content.",
        "DIGEST-VALUE <key> [<key> ...]",
        "    Output a hex signature of the values of all the specified keys.",
        "ERROR <string>",
        "    Return a Redis protocol error with <string> as message. Useful for clients",
        "    unit tests to simulate Redis errors.",
        "LOG <message>",
        "    Write <message> to the server log.",
        "HTSTATS <dbid> [full]",
        "    Return hash table statistics of the specified Redis database.",
        "HTSTATS-KEY <key> [full]",
        "    Like HTSTATS but for the hash table stored at <key>'s value.",
        "KEYSIZES-HIST-ASSERT <0|1>",
        "    Enable/disable keysizes histogram assertion after each command.",
        "OBJECT <key>",
        "    Show low level info about `key` and associated value.",
        "OOM",
        "    Crash the server simulating an out-of-memory error.",
        "PANIC",
        "    Crash the server simulating a panic.",
        "POPULATE <count> [<prefix>] [<size>]",
        "    Create <count> string keys named key:<num>. If <prefix> is specified then",
        "    it is used instead of the 'key' prefix. These are not propagated to",
        "    replicas. Cluster slots are not respected so keys not belonging to the",
        "    current node can be created in cluster mode.",
        "PROTOCOL <type>",
        "    Reply with a test value of the specified type. <type> can be: string,",
        "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
        "    true, false.",
        "RELOAD [option ...]",
        "    Save the RDB on disk and reload it back to memory. Valid <option> values:",
        "    * MERGE: conflicting keys will be loaded from RDB.",
        "    * NOFLUSH: the existing database will not be removed before load.",
        "SEGFAULT",
        "    Crash the server with sigsegv.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Setting it to 0 disables expiring keys (and hash-fields) in background ",
        "    when they are not accessed (otherwise the Redis behavior). Setting it",
        "    to 1 reenables back the default.",
        "QUICKLIST-PACKED-THRESHOLD <size>",
        "    Sets the threshold for elements to be inserted as plain vs packed nodes",
        "    Default value is 1GB, allows values up to 4GB. Setting to 0 restores to default.",
        "SLEEP <seconds>",
        "    Stop the server for <seconds>. Decimals allowed.",
        "STRINGMATCH-TEST",
        "    Run a fuzz tester against the stringmatchlen() function.",
        "STRUCTSIZE",
        "    Return the size of different Redis core C structures.",
        "LISTPACK <key>",
        "    Show low level info about the listpack encoding of <key>.",
        "QUICKLIST <key> [<0|1>]",
        "    Show low level info about the quicklist encoding of <key>.",
        "    The optional argument (0 by default) sets the level of detail",
        "PAUSE-CRON <0|1>",
        "    Stop periodic cron job processing.",
        "REPLYBUFFER PEAK-RESET-TIME <NEVER||RESET|time>",
        "    Sets the time (in milliseconds) to wait between client reply buffer peak resets.",
        "    In case NEVER is provided the last observed peak will never be reset",
        "    In case RESET is provided the peak reset time will be restored to the default value",
        "REPLYBUFFER RESIZING <0|1>",
        "    Enable or disable the reply buffer resize cron job",
        "DICT-RESIZING <0|1>",
        "    Enable or disable the main dict and expire dict resizing.",
    ];
    write_help(&mut call.reply, call.args.at(0), &lines);
    Ok(())
}

/// DEBUG ERROR string: the string is the whole line, its code included. It is an answer, and counted nowhere as an error.
fn error(_: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let one_line = |byte: &u8| {
        if matches!(byte, b'\r' | b'\n') {
            b' '
        } else {
            *byte
        }
    };
    let line: Vec<u8> = call.args.at(2).iter().map(one_line).collect();
    call.reply.error(&Error::new(line));
    Ok(())
}

fn log(_: &mut Engine, call: &mut Call<'_>) -> Outcome {
    log::warn!("DEBUG LOG: {}", String::from_utf8_lossy(call.args.at(2)));
    call.reply.ok();
    Ok(())
}

/// DEBUG OBJECT key.
fn object(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let wall_ms = engine.now.wall_ms();
    let db = engine
        .clients
        .get(call.client)
        .map_or(0, |client| client.db);
    let entry = engine
        .keyspace
        .db(db)
        .table
        .get(call.args.at(2))
        .ok_or(Error::NO_SUCH_KEY)?;
    let value = entry.value();
    let mut text = format!(
        "Value at:{:#x} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
        entry.address(),
        entry.encoding(),
        rdb::saved_len(value, engine.config.rdbcompression),
        entry.access(),
        access::idle_s(entry.access(), wall_ms)
    );
    if let Some(List::Quick(list)) = value.collection() {
        let (nodes, fill, bytes) = (list.nodes(), list.fill(), list.bytes());
        let average = list.len() as f64 / nodes as f64;
        text += &format!(
            " ql_nodes:{nodes} ql_avg_node:{average:.2} ql_listpack_max:{fill} ql_compressed:0 ql_uncompressed_size:{bytes}"
        );
    }
    call.reply.status(&text);
    Ok(())
}

/// DEBUG LISTPACK key: Redis prints the structure on its own output, which nobody reads.
fn listpack(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let encoding = engine.with_keys(call.client, |keys| {
        keys.peek(call.args.at(2)).map(Entry::encoding)
    });
    if !encoding.ok_or(Error::NO_SUCH_KEY)?.starts_with("listpack") {
        return Err(Error::fixed("ERR Not a listpack encoded object."));
    }
    call.reply.status("Listpack structure printed on stdout");
    Ok(())
}

/// DEBUG QUICKLIST key [0|1]: as with a listpack, nobody reads what Redis prints.
fn quicklist(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let encoding = engine.with_keys(call.client, |keys| {
        keys.peek(call.args.at(2)).map(Entry::encoding)
    });
    if encoding.ok_or(Error::NO_SUCH_KEY)? != "quicklist" {
        return Err(Error::fixed("ERR Not a quicklist encoded object."));
    }
    call.reply.status("Quicklist structure printed on stdout");
    Ok(())
}

/// DEBUG QUICKLIST-PACKED-THRESHOLD size.
fn packed_threshold(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    /// A little less than 4 GB, and what fits into the length of an element.
    const THRESHOLD_MAX: u64 = (1 << 32) - (1 << 20);
    let threshold = integers::parse_memory(call.args.at(2))
        .filter(|threshold| *threshold <= THRESHOLD_MAX)
        .ok_or(Error::fixed(
            "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
        ))?;
    engine.keyspace.packed_threshold = usize::try_from(threshold).unwrap_or(usize::MAX);
    call.reply.ok();
    Ok(())
}

/// A count or a length.
fn size(text: &[u8]) -> Result<usize, Error> {
    let size = arguments::positive(text)?;
    Ok(usize::try_from(size).unwrap_or(usize::MAX))
}

/// DEBUG POPULATE count [prefix [size]]: keys that exist already are left alone.
fn populate(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let count = size(call.args.at(2))?;
    let prefix = call.args.get(3).unwrap_or(b"key").to_vec();
    let value_len = call.args.get(4).map(size).transpose()?;
    engine.with_keys(call.client, |keys| {
        for number in 0..count {
            let key = [&prefix, b":".as_slice(), number.to_string().as_bytes()].concat();
            if keys.peek(&key).is_some() {
                continue;
            }
            let mut value = format!("value:{number}").into_bytes();
            if let Some(len) = value_len {
                value.resize(len, 0);
            }
            keys.set(&key, New::from_bytes(&value), Deadline::Clear);
            keys.changes.changed(
                keys.db,
                &key,
                crate::keyspace::changes::Class::empty(),
                "populate",
            );
        }
    });
    call.reply.ok();
    Ok(())
}

/// What Redis answers for a double: not quite pi.
#[allow(
    clippy::approx_constant,
    reason = "clients compare with this very number"
)]
const DOUBLE: f64 = 3.141;

/// DEBUG PROTOCOL type: one reply of each kind, for the tests of clients.
fn protocol(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let resp2 = call.reply.protocol() == Protocol::Resp2;
    let reply = &mut call.reply;
    let numbers = |reply: &mut Reply<'_>| (0..3).for_each(|number| reply.int(number));
    match call.args.at(2).to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.int(12345),
        b"double" => reply.double(DOUBLE),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            numbers(reply);
        }
        b"set" => {
            reply.set(3);
            numbers(reply);
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.int(number);
                reply.bool(number == 1);
            }
        }
        b"attrib" => {
            if !resp2 {
                reply.attribute(1);
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.int(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" if resp2 => return Err(Error::fixed("ERR RESP2 is not supported by this command")),
        b"push" => {
            reply.bulk(b"Some real reply following the push reply");
            // It arrives after the reply, as every push that a command causes to its own client.
            engine.push(call.client, |reply| {
                reply.push(2);
                reply.bulk(b"server-cpu-usage");
                reply.int(42);
            });
        }
        b"true" => reply.bool(true),
        b"false" => reply.bool(false),
        b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        _ => {
            return Err(Error::fixed(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}

/// DEBUG SET-ACTIVE-EXPIRE 0|1. Redis reads the number with atoi.
fn set_active_expire(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    engine.keyspace.active_expire = arguments::leading_number(call.args.at(2)) != 0.0;
    call.reply.ok();
    Ok(())
}

/// Redis tries a hundred times as many, which keeps everybody waiting for seconds.
const PATTERNS_TRIED: usize = 100_000;

/// DEBUG STRINGMATCH-TEST: random patterns against random texts.
fn stringmatch_test(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let mut rng = engine.rng.fork();
    let (mut pattern, mut text) = (Vec::new(), Vec::new());
    let mut matched = 0;
    for _ in 0..PATTERNS_TRIED {
        for bytes in [&mut pattern, &mut text] {
            bytes.clear();
            bytes.extend((0..rng.usize(..32)).map(|_| rng.u8(..128)));
        }
        matched += usize::from(glob::matches(&pattern, &text));
    }
    log::debug!("{matched} of {PATTERNS_TRIED} random patterns matched a random text");
    call.reply
        .status("Apparently Redis did not crash: test passed");
    Ok(())
}

/// DEBUG SLEEP seconds. Redis reads the number with strtod.
fn sleep(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let seconds = arguments::leading_number(call.args.at(2));
    // A time that is negative or not finite is none.
    if let Ok(time) = Duration::try_from_secs_f64(seconds) {
        engine.host.sleep(time);
    }
    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::Embedded;
    use crate::config::values::Permission;

    /// As Redis 8.2.3 answers it. It takes seconds there, so no transcript asks for it.
    #[test]
    fn random_patterns_against_random_texts_do_no_harm() {
        let mut redis = Embedded::new(1);
        let client = redis.connect();
        redis.engine.config.enable_debug_command = Permission::Yes;
        assert_eq!(
            redis.exchange(client, b"DEBUG STRINGMATCH-TEST\r\n"),
            b"+Apparently Redis did not crash: test passed\r\n"
        );
    }
}
