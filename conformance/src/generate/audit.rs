//! The audited table: every command whose answer is not the same each time, why, and the weaker check that takes the place of
//! equality; and the commands that are never played. Whoever finds a false alarm adds a row here, and nowhere else.

/// What a reply must still have in common with the oracle's. Errors are compared byte for byte under every one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Not played at all.
    Never,
    /// The same elements in any order; of a map the same pairs.
    SameElements,
    /// The same elements and values in pairs, in any order of the pairs, in a flat array.
    SamePairs,
    /// Equal when every aggregate inside is put in order.
    SameWhenSorted,
    /// The same but for integers, which may be apart by so much.
    Near(u64),
    /// The same kinds of elements in the same places, whatever they say.
    SameShape,
    /// The same kind of reply.
    SameKind,
    /// The same kind of reply with as many bytes.
    SameLength,
    /// A whole iteration in one reply: the same elements. A part of one: the same shape, of whatever length.
    Scan,
    /// The same elements in any order; of a part of them, asked for by LIMIT, the same shape.
    Sort,
    /// A map whose values are equal but for those of these names.
    MapBut(&'static [&'static str]),
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Full names of commands as COMMAND INFO writes them, in capitals.
    pub commands: &'static [&'static str],
    /// What takes the place of equality.
    pub check: Check,
    /// Why equality would be too much.
    pub reason: &'static str,
}

const fn row(commands: &'static [&'static str], check: Check, reason: &'static str) -> Row {
    Row {
        commands,
        check,
        reason,
    }
}

/// Integers that are seconds may be apart by this many.
const SECONDS: Check = Check::Near(60);

/// Integers that are milliseconds may be apart by this many.
const MILLISECONDS: Check = Check::Near(60_000);

/// Names ending with a star stand for all that begin so.
pub const TABLE: &[Row] = &[
    row(&["SHUTDOWN"], Check::Never, "ends the server"),
    row(
        &["DEBUG"],
        Check::Never,
        "may crash the server or stop it on purpose",
    ),
    row(
        &[
            "REPLICAOF",
            "SLAVEOF",
            "FAILOVER",
            "PSYNC",
            "SYNC",
            "REPLCONF",
            "MIGRATE",
        ],
        Check::Never,
        "needs a second server, or makes this one somebody's replica",
    ),
    row(
        &["CLUSTER|*", "CLUSTER"],
        Check::Never,
        "may destroy a cluster the server is part of",
    ),
    row(
        &[
            "SAVE",
            "BGSAVE",
            "BGREWRITEAOF",
            "CONFIG|REWRITE",
            "ACL|SAVE",
            "ACL|LOAD",
        ],
        Check::Never,
        "writes or reads files, and answers by what else is being written",
    ),
    row(
        &["MODULE|LOAD", "MODULE|LOADEX", "MODULE|UNLOAD"],
        Check::Never,
        "runs a program of the server's machine",
    ),
    row(
        &["SCRIPT|DEBUG"],
        Check::Never,
        "makes the server fork and wait for a debugger",
    ),
    row(
        &["MONITOR"],
        Check::Never,
        "shows times, ports, and the judge's own commands",
    ),
    row(
        &["CLIENT|KILL", "CLIENT|PAUSE"],
        Check::Never,
        "ends or stops the judge's own connection, by which it knows that the server has read",
    ),
    row(&["PFSELFTEST"], Check::Never, "takes a second"),
    row(
        &["COMMAND"],
        Check::Never,
        "its table is asked for by COMMAND INFO, row by row",
    ),
    row(&["RANDOMKEY"], Check::SameKind, "chosen by chance"),
    row(
        &["SPOP"],
        Check::SameShape,
        "chosen by chance; the key is counted and deleted straight behind it",
    ),
    row(
        &["SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER"],
        Check::SameShape,
        "chosen by chance",
    ),
    row(
        &[
            "SMEMBERS",
            "SUNION",
            "SINTER",
            "SDIFF",
            "HKEYS",
            "HVALS",
            "KEYS",
            "PUBSUB|CHANNELS",
            "PUBSUB|SHARDCHANNELS",
            "ACL|CAT",
        ],
        Check::SameElements,
        "tables are walked in the order of a seeded hash",
    ),
    row(
        &["PSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"],
        Check::SameElements,
        "several patterns, or all channels at once, are walked in the order of a seeded hash",
    ),
    row(
        &["SORT", "SORT_RO"],
        Check::Sort,
        "a set that is not sorted, or has ties, comes in the order of a seeded hash",
    ),
    row(
        &["HGETALL", "CONFIG|GET"],
        Check::SamePairs,
        "tables are walked in the order of a seeded hash",
    ),
    row(
        &["COMMAND|DOCS", "COMMAND|INFO", "FUNCTION|LIST"],
        Check::SameWhenSorted,
        "subcommands and functions are walked in the order of a seeded hash",
    ),
    row(
        &["SCAN", "SSCAN", "HSCAN", "ZSCAN"],
        Check::Scan,
        "cursors and order depend on a seeded hash",
    ),
    row(
        &["TTL", "EXPIRETIME", "HTTL", "HEXPIRETIME"],
        SECONDS,
        "the two servers ran the command that set the deadline at different times",
    ),
    row(
        &["PTTL", "PEXPIRETIME", "HPTTL", "HPEXPIRETIME"],
        MILLISECONDS,
        "the two servers ran the command that set the deadline at different times",
    ),
    row(&["OBJECT|IDLETIME"], SECONDS, "counts seconds"),
    row(
        &["XPENDING", "XINFO|*", "XCLAIM", "XAUTOCLAIM"],
        MILLISECONDS,
        "counts milliseconds since a delivery",
    ),
    row(&["OBJECT|FREQ"], Check::SameKind, "counts by chance"),
    row(
        &["OBJECT|REFCOUNT"],
        Check::SameKind,
        "counts queued arguments too, which is an accident of storage",
    ),
    row(
        &[
            "MEMORY|USAGE",
            "MEMORY|PURGE",
            "MEMORY|STATS",
            "MEMORY|DOCTOR",
            "MEMORY|MALLOC-STATS",
        ],
        Check::SameKind,
        "depends on the allocator",
    ),
    row(
        &["DUMP", "FUNCTION|DUMP"],
        Check::SameLength,
        "a table is written in the order of a seeded hash",
    ),
    row(
        &["TIME", "ACL|GENPASS"],
        Check::SameShape,
        "never the same twice",
    ),
    row(
        &[
            "CLIENT|ID",
            "CLIENT|INFO",
            "CLIENT|LIST",
            "LASTSAVE",
            "ACL|LOG",
            "SLOWLOG|GET",
            "SLOWLOG|LEN",
            "LATENCY|*",
        ],
        Check::SameKind,
        "ids, ports and times",
    ),
    row(
        &["INFO", "LOLWUT", "MODULE|LIST"],
        Check::SameKind,
        "describes the build and the machine",
    ),
    row(
        &["COMMAND|COUNT", "COMMAND|LIST"],
        Check::SameKind,
        "what the target lacks is listed by name instead",
    ),
    row(
        &["HELLO"],
        Check::MapBut(&["server", "version", "id", "modules"]),
        "names the product and the connection",
    ),
    row(
        &["CLIENT|TRACKINGINFO"],
        Check::SameWhenSorted,
        "flags have no order",
    ),
];

/// Commands that are played only so that their answer is certain, and how. `tame.rs` does it.
pub const ONLY_SO: &[(&str, &str)] = &[
    (
        "FLUSHALL, FLUSHDB",
        "with ASYNC: since 8.0 others are answered when a thread is done",
    ),
    ("XADD", "with an id that is not the clock's"),
    (
        "CONFIG SET",
        "of notify-keyspace-events, set back afterwards, where events stand behind replies, as from 7.2 on: other options outlive the stream, or stop the server from answering",
    ),
    (
        "CLIENT TRACKING",
        "without BCAST, PREFIX and REDIRECT: what these push depends on how the server divides its work into turns",
    ),
    (
        "SETRANGE",
        "with an offset whose sum with a length 64 bits hold: Redis before 7 dies of others",
    ),
    (
        "EXPIRE and all that set a time to live",
        "with 100 s or more, and 100 s between any two",
    ),
    (
        "blocking commands",
        "with a timeout that is waited for while nothing else is sent, or with none",
    ),
    (
        "SPOP",
        "with SCARD and DEL straight behind it, so that nothing depends on what was left",
    ),
    (
        "SRANDMEMBER, HRANDFIELD, ZRANDMEMBER",
        "with a count of -1000 or more: it is how much is answered",
    ),
    (
        "SUBSCRIBE and its like, CLIENT REPLY",
        "outside MULTI, where they break the frame of EXEC's reply",
    ),
    (
        "AUTH, HELLO AUTH",
        "first in a turn: Redis leaves a wrong password unanswered behind replies it has not written yet",
    ),
    (
        "ACL SETUSER, ACL DELUSER",
        "for others than `default`, which is the judge, too",
    ),
    (
        "SORT STORE",
        "without BY: what is stored comes in the order of a seeded hash",
    ),
    (
        "ZRANGEBYLEX and its like",
        "where no sorted set can be a skiplist, in which random levels decide what is found",
    ),
    (
        "COMMAND DOCS, COMMAND INFO, LATENCY HISTOGRAM",
        "with names: everything is longer than the rest of a stream",
    ),
    (
        "CLIENT REPLY OFF, CLIENT REPLY SKIP",
        "beside commands of certain answers only: hidden replies cannot be counted",
    ),
    (
        "QUIT",
        "where no replies are hidden: Redis neither answers nor closes then",
    ),
];

/// The row of a command, by its full name in capitals.
pub fn row_of(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| {
        row.commands
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == *pattern,
            })
    })
}

/// Whether the command of this full name is never played.
pub fn is_never_played(name: &str) -> bool {
    row_of(name).is_some_and(|row| row.check == Check::Never)
}

/// Commands with subcommands, whose second word is part of the name.
const CONTAINERS: &[&str] = &[
    "ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "FUNCTION", "LATENCY", "MEMORY", "MODULE",
    "OBJECT", "PUBSUB", "SCRIPT", "SLOWLOG", "XGROUP", "XINFO",
];

/// The full name of what these words call, in capitals: `OBJECT|ENCODING`.
pub fn name_of(words: &[Vec<u8>]) -> String {
    let capital = |word: &Vec<u8>| String::from_utf8_lossy(word).to_ascii_uppercase();
    let name = words.first().map(capital).unwrap_or_default();
    match words.get(1) {
        Some(second) if CONTAINERS.contains(&name.as_str()) => {
            format!("{name}|{}", capital(second))
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect()
    }

    #[test]
    fn a_row_is_found_by_the_words_of_a_call() {
        let check = |line: &str| row_of(&name_of(&words(line))).map(|row| row.check);
        assert_eq!(check("get k"), None);
        assert_eq!(check("ttl k"), Some(SECONDS));
        assert_eq!(check("object Freq k"), Some(Check::SameKind));
        assert_eq!(check("object encoding k"), None);
        assert_eq!(check("cluster reset"), Some(Check::Never));
        assert_eq!(check("command"), Some(Check::Never));
        assert_eq!(check("command getkeys get k"), None);
    }

    #[test]
    fn no_command_has_two_rows() {
        let mut names: Vec<&str> = TABLE.iter().flat_map(|row| row.commands).copied().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
