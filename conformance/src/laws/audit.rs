//! The audited tables: which commands are compared less strictly, or left out of a law, and where real servers break one;
//! every line with its reason. Plays nothing.

use super::Law;
use super::dialogue::{Dialogue, Request, Step};
use crate::transcript::{Guard, Identity};

/// How two replies to the same command are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Byte by byte.
    Exact,
    /// Of the same kind (an integer, a bulk string…); what they say may differ. Errors must be the same.
    Kind,
    /// The same elements, in any order.
    Unordered,
}

/// One line of the table of weaker checks.
#[derive(Clone, Copy, Debug)]
pub struct Weaker {
    /// Commands by their first words, several separated by commas.
    pub commands: &'static str,
    /// What replaces equality.
    pub check: Check,
    /// Why it must be replaced.
    pub reason: &'static str,
}

/// Commands whose replies are not the same when they are asked the same thing twice.
pub const WEAKER: &[Weaker] = &[
    Weaker {
        commands: "TIME, LASTSAVE",
        check: Check::Kind,
        reason: "tells the time",
    },
    Weaker {
        commands: "TTL, PTTL, EXPIRETIME, PEXPIRETIME, HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME, OBJECT IDLETIME",
        check: Check::Kind,
        reason: "counts from the moment at which it was set",
    },
    Weaker {
        commands: "RANDOMKEY, SRANDMEMBER, HRANDFIELD, ZRANDMEMBER, OBJECT FREQ, ACL GENPASS, LOLWUT, VRANDMEMBER",
        check: Check::Kind,
        reason: "answers by chance",
    },
    Weaker {
        commands: "HELLO, CLIENT ID, CLIENT INFO, CLIENT LIST, CLIENT GETREDIR, CLIENT TRACKINGINFO",
        check: Check::Kind,
        reason: "names ids, ports and ages, which are others on every connection",
    },
    Weaker {
        commands: "INFO, SLOWLOG, LATENCY, MEMORY, ACL LOG, COMMANDLOG, DEBUG OBJECT, DEBUG HTSTATS, MODULE, ROLE, CLUSTER",
        check: Check::Kind,
        reason: "tells of the process and its past",
    },
    Weaker {
        commands: "XINFO, XPENDING, XAUTOCLAIM, XCLAIM",
        check: Check::Kind,
        reason: "tells idle times",
    },
    Weaker {
        commands: "OBJECT REFCOUNT",
        check: Check::Kind,
        reason: "counts the arguments of other clients too",
    },
    Weaker {
        commands: "SCAN, SSCAN, HSCAN, ZSCAN",
        check: Check::Kind,
        reason: "cursors and order follow a table that may be growing meanwhile",
    },
    Weaker {
        commands: "KEYS, SMEMBERS, SINTER, SUNION, SDIFF, HGETALL, HKEYS, HVALS, CONFIG GET, PUBSUB CHANNELS, PUBSUB SHARDCHANNELS, \
            COMMAND, ACL CAT, ACL USERS, ACL LIST",
        check: Check::Unordered,
        reason: "has no order: the table may be growing meanwhile",
    },
];

/// One line of the table of what no law is looked at with.
#[derive(Clone, Copy, Debug)]
pub struct LeftOut {
    /// Commands by their first words, several separated by commas.
    pub commands: &'static str,
    /// The laws; none means all of them.
    pub laws: &'static [Law],
    /// Why.
    pub reason: &'static str,
}

/// Commands with which a dialogue tells nothing about a law. The whole dialogue is left out, and counted.
pub const LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        commands: "SPOP",
        laws: &[],
        reason: "leaves something behind that is a matter of chance",
    },
    LeftOut {
        commands: "SHUTDOWN, REPLICAOF, SLAVEOF, FAILOVER, MIGRATE, PSYNC, SYNC, REPLCONF, DEBUG RELOAD, DEBUG RESTART, DEBUG SEGFAULT, \
            DEBUG PANIC, DEBUG CRASH-AND-RECOVER, DEBUG ASSERT, DEBUG OOM, DEBUG LOADAOF, SAVE, BGSAVE, BGREWRITEAOF, MODULE LOAD, \
            MODULE UNLOAD",
        laws: &[],
        reason: "ends the server, turns it into another one, or needs its disk",
    },
    LeftOut {
        commands: "CLIENT PAUSE, CLIENT UNPAUSE, WAIT, WAITAOF, DEBUG SLEEP",
        laws: &[],
        reason: "is over when time has passed",
    },
    LeftOut {
        commands: "CLIENT KILL, CLIENT UNBLOCK, CLIENT NO-EVICT",
        laws: &[],
        reason: "reaches for clients that are not the dialogue's",
    },
    LeftOut {
        commands: "MONITOR",
        laws: &[],
        reason: "sees the judge's own commands, with the time",
    },
    LeftOut {
        commands: "POST, HOST:",
        laws: &[Law::L2, Law::L3, Law::L6, Law::L9, Law::L10],
        reason: "ends the connection as an attack, together with the replies that were waiting",
    },
    LeftOut {
        commands: "HELLO, RESET, AUTH, SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE, UNSUBSCRIBE, PUNSUBSCRIBE, SUNSUBSCRIBE, CLIENT TRACKING, \
            CLIENT CACHING, DEBUG PROTOCOL",
        laws: &[Law::L7],
        reason: "does or allows something else in RESP3",
    },
    LeftOut {
        commands: "CLIENT TRACKING",
        laws: &[Law::L2],
        reason: "what is broadcast is gathered until the end of a turn, and a pipeline is one turn",
    },
    LeftOut {
        commands: "CLIENT LIST, CLIENT INFO, INFO",
        laws: &[Law::L5],
        reason: "tells of the third connection, as it should",
    },
    LeftOut {
        commands: "AUTH, ACL",
        laws: &[Law::L9],
        reason: "CLIENT REPLY may not be allowed",
    },
];

/// Commands that answer when something else happens. With a deadline their dialogue is left out: it is over when time has
/// passed. Where the deadline stands: behind the words it follows, or at the end.
const BLOCKING: &[&str] = &[
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BLMOVE",
    "BLMPOP",
    "BZPOPMIN",
    "BZPOPMAX",
    "BZMPOP",
    "XREAD",
    "XREADGROUP",
];

/// Options with which other clients are a matter of memory and time.
const CONFIGURED: &[(&str, &str)] = &[
    (
        "maxclients",
        "its clients are counted, the third connection and the judge's own among them",
    ),
    ("timeout", "it waits for time to pass"),
    (
        "maxmemory",
        "it depends on how much memory is used at the moment",
    ),
    (
        "maxmemory-clients",
        "it depends on how much memory is used at the moment",
    ),
    (
        "client-output-buffer-limit",
        "what arrives depends on how full the sockets' buffers are",
    ),
    (
        "client-query-buffer-limit",
        "what arrives depends on how full the sockets' buffers are",
    ),
];

/// A real server that breaks a law.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// The law.
    pub law: Law,
    /// The servers, as a guard in a transcript.
    pub servers: &'static str,
    /// In which dialogues: those with this command, or the transcript of this id.
    pub with: &'static str,
    /// What they do, and what is known of it.
    pub reason: &'static str,
}

/// Where real servers break a law. Each was measured, and is a finding.
pub const EXCEPTIONS: &[Exception] = &[
    Exception {
        law: Law::L2,
        servers: "redis>=8",
        with: "AUTH",
        reason: "a failed AUTH is answered only when no other reply is waiting: behind another command in one write it never is",
    },
    Exception {
        law: Law::L2,
        servers: "redis>=8",
        with: "HELLO 3 AUTH",
        reason: "as AUTH",
    },
    Exception {
        law: Law::L6,
        servers: "redis<8|valkey",
        with: "CLIENT REPLY SKIP",
        reason: "an empty line or `*0` behind CLIENT REPLY SKIP uses it up: the next command is answered after all",
    },
    Exception {
        law: Law::L6,
        servers: "redis<8|valkey",
        with: "CLIENT CACHING",
        reason: "as CLIENT REPLY SKIP: nothing counts as the next command, and what is read then is tracked as if nobody had asked",
    },
    Exception {
        law: Law::L7,
        servers: "redis<7",
        with: "LPOP",
        reason: "LPOP and RPOP with a count answer for a missing list with the null of a string",
    },
    Exception {
        law: Law::L8,
        servers: "redis<8",
        with: "PUBLISH",
        reason: "in RESP3, a message published in a transaction by its own subscriber comes inside EXEC's reply",
    },
    Exception {
        law: Law::L8,
        servers: "redis<8",
        with: "SPUBLISH",
        reason: "as PUBLISH",
    },
    Exception {
        law: Law::L8,
        servers: "redis>=8",
        with: "auth/wrong-in-multi",
        reason: "as AUTH in L2: EXEC announces a reply that is not written",
    },
    Exception {
        law: Law::L8,
        servers: "redis|valkey<9",
        with: "CLIENT REPLY",
        reason: "CLIENT REPLY in a transaction takes effect inside EXEC's reply: more elements are announced than written",
    },
    Exception {
        law: Law::L8,
        servers: "redis<7",
        with: "tracking/own-flush",
        reason: "in RESP3, FLUSHALL in a transaction writes its client's own invalidation inside EXEC's reply",
    },
    Exception {
        law: Law::L8,
        servers: "redis|valkey<9",
        with: "tracking/bcast-prefix-overlap-later",
        reason: "CLIENT TRACKING answers that prefixes overlap, and then OK as well: two replies to one command",
    },
    Exception {
        law: Law::L8,
        servers: "redis|valkey",
        with: "SUBSCRIBE",
        reason: "in RESP3, SUBSCRIBE in a transaction writes its push inside EXEC's reply",
    },
    Exception {
        law: Law::L3,
        servers: "redis>=7|valkey",
        with: "auth/unauthenticated-inline",
        reason: "who has not authenticated may send 10 arguments as multibulk, and more inline",
    },
];

/// Commands of which real servers die, with what makes them deadly: a dialogue with one is left out for those servers.
///
/// Redis 6.2.5 ends with SIGABRT or a segmentation fault at `SETRANGE k 9223372036854775807 x`: an integer overflow in the check
/// of the length, CVE-2022-35977, mended in 6.0.17, 6.2.9 and 7.0.8 (<https://github.com/redis/redis/pull/11720>).
pub const DEADLY: &[(&str, &str, &str)] = &[(
    "redis<7",
    "SETRANGE",
    "dies of SETRANGE with an offset near 2^63 (CVE-2022-35977)",
)];

/// Why the server would not survive the dialogue, as is known of it.
pub(super) fn deadly(server: &Identity, dialogue: &Dialogue) -> Option<&'static str> {
    let is_vast = |word: &[u8]| {
        let number = std::str::from_utf8(word).ok()?.parse::<u64>().ok()?;
        Some(number > 1 << 62)
    };
    let line = DEADLY.iter().find(|(servers, command, _)| {
        let guard: Result<Guard, _> = servers.parse();
        guard.is_ok_and(|guard| guard.holds(server))
            && dialogue.requests().any(|(_, request)| {
                let offset = request.arguments.get(2);
                names(command, request) && offset.and_then(|word| is_vast(word)) == Some(true)
            })
    });
    line.map(|(_, _, reason)| *reason)
}

/// How replies to this command are compared.
pub(super) fn check(request: &Request) -> Check {
    let weaker = WEAKER.iter().find(|line| names(line.commands, request));
    weaker.map_or(Check::Exact, |line| line.check)
}

/// Whether a command may answer later than what was asked after it on other connections.
///
/// Since 8.0 the client that asks for it is blocked until a thread has done it.
pub(super) fn is_late(request: &Request) -> bool {
    matches!(request.word(0).as_str(), "FLUSHALL" | "FLUSHDB")
}

/// Whether a command may wait for another client.
pub(super) fn blocks(request: &Request) -> bool {
    BLOCKING.contains(&request.word(0).as_str())
}

/// Whether its connection receives frames of its own accord from then on, or answers in another number than one.
pub(super) fn subscribes(request: &Request) -> bool {
    let name = request.word(0);
    name.ends_with("SUBSCRIBE")
        && matches!(
            name.trim_end_matches("SUBSCRIBE"),
            "" | "P" | "S" | "UN" | "PUN" | "SUN"
        )
}

/// Why a law tells nothing with this dialogue; `None` if it does.
pub(super) fn left_out(law: Law, dialogue: &Dialogue) -> Option<&'static str> {
    let configured = CONFIGURED.iter().find(|(key, _)| {
        let header = &dialogue.case.header;
        header
            .config
            .iter()
            .any(|(set, _)| set.eq_ignore_ascii_case(key))
    });
    if let Some((_, reason)) = configured {
        return Some(reason);
    }
    let is_set = |key: &str| {
        let header = &dialogue.case.header;
        header.config.iter().any(|(set, _)| set == key)
    };
    if matches!(law, Law::L9 | Law::L10) && is_set("requirepass") {
        return Some("whoever has not authenticated is refused CLIENT REPLY and PING");
    }
    for (_, request) in dialogue.requests() {
        if request.word(0) == "XADD" && request.arguments.iter().any(|word| word.ends_with(b"*")) {
            return Some("leaves an id behind that is the time");
        }
        if waits_for_a_time(request) {
            return Some("is over when time has passed");
        }
        if request.word(0) == "CONFIG"
            && request.word(1) == "SET"
            && CONFIGURED.iter().any(|(key, _)| {
                request
                    .arguments
                    .iter()
                    .any(|word| word.eq_ignore_ascii_case(key.as_bytes()))
            })
        {
            return Some("it depends on how much memory is used at the moment");
        }
        let line = LEFT_OUT.iter().find(|line| {
            (line.laws.is_empty() || line.laws.contains(&law)) && names(line.commands, request)
        });
        if let Some(line) = line {
            return Some(line.reason);
        }
    }
    None
}

/// Whether a blocking command has a deadline: any number but 0 where one is taken.
fn waits_for_a_time(request: &Request) -> bool {
    let is_time = |word: &[u8]| {
        let text = std::str::from_utf8(word).unwrap_or_default();
        text.parse::<f64>().is_ok_and(|time| time > 0.0)
    };
    let name = request.word(0);
    let words = &request.arguments;
    match name.as_str() {
        "BLMPOP" | "BZMPOP" => words.get(1).is_some_and(|word| is_time(word)),
        "XREAD" | "XREADGROUP" => words
            .windows(2)
            .any(|pair| pair[0].eq_ignore_ascii_case(b"BLOCK") && is_time(&pair[1])),
        name if BLOCKING.contains(&name) => words.last().is_some_and(|word| is_time(word)),
        _ => false,
    }
}

/// The exception that accounts for a breach, if one does.
pub(super) fn exception(
    law: Law,
    server: &Identity,
    dialogue: &Dialogue,
) -> Option<&'static Exception> {
    EXCEPTIONS.iter().find(|exception| {
        let guard: Result<Guard, _> = exception.servers.parse();
        let concerns = |with: &str| {
            dialogue.name == with
                || dialogue.steps.iter().any(|step| match step {
                    Step::Ask { request, .. } => names(with, request),
                    _ => false,
                })
        };
        exception.law == law
            && guard.is_ok_and(|guard| guard.holds(server))
            && concerns(exception.with)
    })
}

/// Whether a command is among those named by their first words.
fn names(commands: &str, request: &Request) -> bool {
    commands.split(',').any(|words| {
        words
            .split_whitespace()
            .enumerate()
            .all(|(index, word)| request.word(index) == word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_known_by_its_first_words() {
        assert_eq!(
            check(&Request::multibulk(&["client", "list", "TYPE"])),
            Check::Kind
        );
        assert_eq!(
            check(&Request::multibulk(&["CLIENT", "GETNAME"])),
            Check::Exact
        );
        assert!(subscribes(&Request::multibulk(&["punsubscribe"])));
        assert!(!subscribes(&Request::multibulk(&["RESUBSCRIBE"])));
    }

    #[test]
    fn only_a_deadline_makes_waiting_a_matter_of_time() {
        let waits = |words: &[&str]| waits_for_a_time(&Request::multibulk(words));
        assert!(
            waits(&["BLPOP", "k", "0.1"])
                && waits(&["blmpop", "1", "1", "k", "LEFT"])
                && waits(&["XREAD", "block", "5"])
        );
        assert!(
            !waits(&["BLPOP", "k", "0"])
                && !waits(&["XREAD", "STREAMS", "k", "5"])
                && !waits(&["LPOP", "k", "1"])
        );
    }

    #[test]
    fn every_exception_names_servers_as_a_guard_does() {
        for exception in EXCEPTIONS {
            assert!(
                exception.servers.parse::<Guard>().is_ok(),
                "{}",
                exception.servers
            );
        }
        assert!(
            DEADLY
                .iter()
                .all(|(servers, ..)| servers.parse::<Guard>().is_ok())
        );
    }

    #[test]
    fn what_is_deadly_is_left_out_for_those_who_die_of_it() {
        let dialogue = |offset: &str| {
            let step = Step::Ask {
                connection: "a".to_owned(),
                request: Request::multibulk(&["SETRANGE", "k", offset, "x"]),
            };
            Dialogue::new("a", vec![step])
        };
        let (old, new) = (
            "redis-6.2.5".parse().unwrap(),
            "redis-8.2.3".parse().unwrap(),
        );
        let vast = dialogue("9223372036854775807");
        assert!(deadly(&old, &vast).is_some() && deadly(&new, &vast).is_none());
        assert_eq!(deadly(&old, &dialogue("5")), None);
    }
}
