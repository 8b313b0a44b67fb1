//! Makes a stream have one right answer: what depends on when, or on chance, is changed or left out where it is used. Knows
//! which arguments are times and what state a connection is in, as far as that can be seen from what is sent.
//!
//! It is applied to every stream, the shortened ones too, so that none of its rules can be shrunk away.

use std::collections::BTreeSet;

use super::audit::{name_of, row_of};
use super::{CONNECTIONS, Request, Stream, Turn};

/// The timeout that is waited for while a stream is played, in milliseconds.
pub(super) const SHORT_WAIT_MS: u64 = 10;

/// Timeouts that are waited for in one stream, at most; each takes longer than a hundred commands.
const SHORT_WAITS_MAX: usize = 2;

/// Deadlines that are set relative to now are at least so far away and so far apart, in seconds. Both servers agree then on
/// which is the later one, and nothing expires while a stream is played.
const APART_SECONDS: i64 = 100;

/// A longer member makes a sorted set a skiplist.
const LISTPACK_BYTES_MAX: usize = 64;

/// Drawing more elements than this by chance would take longer than everything else.
const DRAWN_MAX: i64 = 1000;

/// An offset far beyond what a string may have, from which on as many bytes as any word has do not lead out of 64 bits.
const OFFSET_MAX: i64 = i64::MAX - 1_000_000;

/// The stream with one right answer. Short timeouts are kept only if it is `patient`.
pub(super) fn tame(mut stream: Stream, patient: bool) -> Stream {
    let mute = mute_connections(&stream);
    let has_skiplists = may_have_skiplists(&stream);
    let mut in_multi = [false; CONNECTIONS];
    let mut has_blocked = [false; CONNECTIONS];
    let mut deadlines = BTreeSet::new();
    let mut waits_left = if patient { SHORT_WAITS_MAX } else { 0 };
    for turn in &mut stream.turns {
        let connection = turn.connection;
        let mut requests = Vec::with_capacity(turn.requests.len());
        for mut request in std::mem::take(&mut turn.requests) {
            let name = name_of(&request.arguments);
            if is_left_out(&name, &request, in_multi[connection], mute[connection])
                || has_skiplists && is_by_lex(&name, &request.arguments)
            {
                continue;
            }
            // Redis answers a wrong password only if nothing else is waiting to be written to the client: a reply that
            // depends on how commands fall together. So such a command comes first of its turn, and nothing is queued.
            if is_authentication(&name, &request.arguments)
                && (!requests.is_empty() || in_multi[connection] || has_blocked[connection])
            {
                continue;
            }
            has_blocked[connection] |= timeout_of(&name, &request.arguments).is_some();
            keep_deadlines_apart(&name, &mut request.arguments, &mut deadlines);
            choose_timeout(&name, &mut request.arguments, &mut waits_left);
            make_certain(&name, &mut request.arguments);
            match (name.as_str(), request.arguments.len()) {
                ("MULTI", 1) => in_multi[connection] = true,
                ("EXEC" | "DISCARD" | "RESET", 1) => in_multi[connection] = false,
                _ => {}
            }
            let behind = behind_chance(&name, &request.arguments);
            requests.push(request);
            requests.extend(behind);
        }
        turn.requests = requests;
    }
    stream.turns.retain(|turn| !turn.requests.is_empty());
    let waiting: Vec<bool> = stream
        .turns
        .iter()
        .map(|turn| short_waits(turn) > 0)
        .collect();
    for (index, turn) in stream.turns.iter_mut().enumerate() {
        // Whoever is waiting for a timeout must not be woken, or not, by what happens to come in time.
        turn.overlaps &= !(waiting[index] || index > 0 && waiting[index - 1]);
    }
    stream
}

/// How many timeouts of the turn are waited for.
pub(super) fn short_waits(turn: &Turn) -> usize {
    let is_short = |request: &&Request| {
        timeout_of(&name_of(&request.arguments), &request.arguments)
            .is_some_and(|(at, unit)| request.arguments[at] == unit.short())
    };
    turn.requests.iter().filter(is_short).count()
}

/// Connections on which replies cannot be counted, because some are not sent.
fn mute_connections(stream: &Stream) -> [bool; CONNECTIONS] {
    let mut mute = [false; CONNECTIONS];
    for turn in &stream.turns {
        mute[turn.connection] |= turn
            .requests
            .iter()
            .any(|request| name_of(&request.arguments) == "CLIENT|REPLY");
    }
    mute
}

fn is_left_out(name: &str, request: &Request, in_multi: bool, mute: bool) -> bool {
    let words = &request.arguments;
    // Only what is answered with the same bytes every time can be compared without counting replies.
    if mute && row_of(name).is_some() {
        return true;
    }
    match name {
        // One of them may be answered several times, or not at all, which breaks the frame of EXEC's reply.
        "SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE" | "UNSUBSCRIBE" | "PUNSUBSCRIBE"
        | "SUNSUBSCRIBE" | "CLIENT|REPLY"
            if in_multi =>
        {
            true
        }
        // All rows at once are longer than all the rest of a stream.
        "COMMAND|DOCS" | "COMMAND|INFO" | "LATENCY|HISTOGRAM" => words.len() < 3,
        // The judge is this user, too.
        "ACL|SETUSER" | "ACL|DELUSER" => words[2..].iter().any(|word| word == b"default"),
        // What is told of prefixes, and to another connection, is told at the end of a turn of the server's, and turns end
        // where a read does.
        "CLIENT|TRACKING" => has(words, "BCAST") || has(words, "PREFIX") || has(words, "REDIRECT"),
        // What is stored comes in the order of a seeded hash.
        "SORT" => has(words, "STORE") && has(words, "BY"),
        // Redis 8.2.3 leaves such a connection open for ever, which is a known difference of whoever closes it.
        "QUIT" => mute,
        _ => false,
    }
}

/// Whether a sorted set may become a skiplist: with a member that is too long, be it by way of a set. So many members that it
/// does no stream has.
fn may_have_skiplists(stream: &Stream) -> bool {
    let mut requests = stream.turns.iter().flat_map(|turn| &turn.requests);
    requests.any(|request| {
        let name = name_of(&request.arguments);
        matches!(name.as_str(), "ZADD" | "ZINCRBY" | "GEOADD" | "SADD")
            && request
                .arguments
                .iter()
                .any(|word| word.len() > LISTPACK_BYTES_MAX)
    })
}

/// Whether members are looked for by name. In a skiplist whose scores differ that finds what its random levels let it find.
fn is_by_lex(name: &str, words: &[Vec<u8>]) -> bool {
    matches!(
        name,
        "ZRANGEBYLEX" | "ZREVRANGEBYLEX" | "ZLEXCOUNT" | "ZREMRANGEBYLEX"
    ) || matches!(name, "ZRANGE" | "ZRANGESTORE") && has(words, "BYLEX")
}

fn is_authentication(name: &str, words: &[Vec<u8>]) -> bool {
    name == "AUTH" || name == "HELLO" && has(words, "AUTH")
}

fn has(words: &[Vec<u8>], token: &str) -> bool {
    words
        .iter()
        .any(|word| word.eq_ignore_ascii_case(token.as_bytes()))
}

/// Arguments whose meaning is chance, the clock, or a thread of the server.
fn make_certain(name: &str, words: &mut Vec<Vec<u8>>) {
    match name {
        // Since 8.0 a FLUSHALL that is not asynchronous is answered when a thread is done with it.
        "FLUSHALL" | "FLUSHDB" => {
            if words.len() == 1 {
                words.push(b"ASYNC".to_vec());
            } else if words[1].eq_ignore_ascii_case(b"SYNC") {
                words[1] = b"ASYNC".to_vec();
            }
        }
        // The sum of both may be more than 64 bits hold, and 6.2.5 does not survive it.
        "SETRANGE" => {
            if let Some(offset) = words.get_mut(2)
                && number(offset).is_some_and(|offset| offset > OFFSET_MAX)
            {
                *offset = OFFSET_MAX.to_string().into_bytes();
            }
        }
        // An id from the clock.
        "XADD" => {
            for word in words
                .iter_mut()
                .skip(2)
                .filter(|word| word.as_slice() == b"*")
            {
                *word = b"5-*".to_vec();
            }
        }
        "SRANDMEMBER" | "HRANDFIELD" | "ZRANDMEMBER" => {
            if let Some(count) = words.get_mut(2)
                && number(count).is_some_and(|count| count < -DRAWN_MAX)
            {
                *count = b"-3".to_vec();
            }
        }
        _ => {}
    }
}

/// What is sent straight behind a write by chance, so that nothing depends on it.
fn behind_chance(name: &str, words: &[Vec<u8>]) -> Vec<Request> {
    let (Some(key), "SPOP") = (words.get(1), name) else {
        return Vec::new();
    };
    ["SCARD", "DEL"]
        .map(|name| Request::plain(vec![name.as_bytes().to_vec(), key.clone()]))
        .to_vec()
}

fn number(word: &[u8]) -> Option<i64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// In what a time is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
}

impl Unit {
    fn short(self) -> Vec<u8> {
        match self {
            Unit::Seconds => format!("0.{SHORT_WAIT_MS:03}")
                .trim_end_matches('0')
                .as_bytes()
                .to_vec(),
            Unit::Milliseconds => SHORT_WAIT_MS.to_string().into_bytes(),
        }
    }

    fn per_second(self) -> i64 {
        match self {
            Unit::Seconds => 1,
            Unit::Milliseconds => 1000,
        }
    }
}

/// Where a blocking command has its timeout.
fn timeout_of(name: &str, words: &[Vec<u8>]) -> Option<(usize, Unit)> {
    let (at, unit) = match name {
        "BLPOP" | "BRPOP" | "BZPOPMIN" | "BZPOPMAX" | "BLMOVE" | "BRPOPLPUSH" => {
            (words.len() - 1, Unit::Seconds)
        }
        "BLMPOP" | "BZMPOP" => (1, Unit::Seconds),
        "WAIT" => (2, Unit::Milliseconds),
        "WAITAOF" => (3, Unit::Milliseconds),
        "XREAD" | "XREADGROUP" => {
            let block = words
                .iter()
                .position(|word| word.eq_ignore_ascii_case(b"BLOCK"))?;
            (block + 1, Unit::Milliseconds)
        }
        _ => return None,
    };
    (0 < at && at < words.len()).then_some((at, unit))
}

/// A timeout is short, and waited for, or none at all: one in between might pass or not.
fn choose_timeout(name: &str, words: &mut [Vec<u8>], waits_left: &mut usize) {
    let Some((at, unit)) = timeout_of(name, words) else {
        return;
    };
    let text = String::from_utf8_lossy(&words[at]).into_owned();
    // A hexadecimal number is one to Redis.
    if text.to_ascii_lowercase().contains("0x") {
        words[at] = b"x".to_vec();
        return;
    }
    let Ok(timeout) = text.parse::<f64>() else {
        return;
    };
    let seconds = timeout / unit.per_second() as f64;
    if seconds > 0.0 && seconds < 1000.0 {
        words[at] = if *waits_left > 0 {
            *waits_left -= 1;
            unit.short()
        } else {
            b"0".to_vec()
        };
    }
}

/// Where a command has a time to live.
fn relative_deadlines(name: &str, words: &[Vec<u8>]) -> Vec<(usize, Unit)> {
    match name {
        "EXPIRE" | "SETEX" | "HEXPIRE" => vec![(2, Unit::Seconds)],
        "PEXPIRE" | "PSETEX" | "HPEXPIRE" | "RESTORE" | "RESTORE-ASKING" => {
            vec![(2, Unit::Milliseconds)]
        }
        "SET" | "GETEX" | "HGETEX" | "HSETEX" => {
            let behind = |(at, word): (usize, &Vec<u8>)| match word.to_ascii_uppercase().as_slice()
            {
                b"EX" => Some((at + 1, Unit::Seconds)),
                b"PX" => Some((at + 1, Unit::Milliseconds)),
                _ => None,
            };
            words.iter().enumerate().filter_map(behind).collect()
        }
        _ => Vec::new(),
    }
}

fn keep_deadlines_apart(name: &str, words: &mut [Vec<u8>], taken: &mut BTreeSet<i64>) {
    for (at, unit) in relative_deadlines(name, words) {
        let Some(word) = words.get_mut(at) else {
            continue;
        };
        let Some(time) = number(word).filter(|time| *time > 0) else {
            continue;
        };
        let seconds = time / unit.per_second();
        // Beyond this there is an error, the same for both.
        if seconds > i64::MAX / 10_000 {
            continue;
        }
        let mut slot = (seconds / APART_SECONDS).max(1);
        while !taken.insert(slot) {
            slot += 1;
        }
        *word = (slot * APART_SECONDS * unit.per_second())
            .to_string()
            .into_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::split_line;

    fn stream(lines: &[&str]) -> Stream {
        let requests = lines.iter().map(|line| Request {
            arguments: split_line(line.as_bytes()).unwrap(),
            inline: false,
            cuts: Vec::new(),
        });
        let turns = vec![Turn {
            connection: 0,
            requests: requests.collect(),
            overlaps: true,
        }];
        Stream {
            resp3: [false; CONNECTIONS],
            turns,
        }
    }

    #[track_caller]
    fn check(lines: &[&str], patient: bool, expected: &[&str]) {
        let tamed = tame(stream(lines), patient);
        let lines: Vec<String> = tamed
            .turns
            .iter()
            .flat_map(|turn| &turn.requests)
            .map(|request| crate::request::quote_line(&request.arguments))
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn deadlines_are_far_away_and_far_apart() {
        check(
            &[
                "EXPIRE k 1",
                "SET k v px 5",
                "PEXPIRE l 250000",
                "EXPIRE k -1",
                "SETEX k 9223372036854775807 v",
            ],
            false,
            &[
                "EXPIRE k 100",
                "SET k v px 200000",
                "PEXPIRE l 300000",
                "EXPIRE k -1",
                "SETEX k 9223372036854775807 v",
            ],
        );
    }

    #[test]
    fn timeouts_are_short_or_none() {
        check(
            &["BLPOP k 5", "WAIT 1 100", "BLMPOP 0.5 1 k LEFT"],
            false,
            &["BLPOP k 0", "WAIT 1 0", "BLMPOP 0 1 k LEFT"],
        );
        check(
            &[
                "BLPOP k 5",
                "XREAD block 20 STREAMS s 0",
                "BLPOP k 0x1p-3",
                "BLPOP k 1",
            ],
            true,
            &[
                "BLPOP k 0.01",
                "XREAD block 10 STREAMS s 0",
                "BLPOP k x",
                "BLPOP k 0",
            ],
        );
    }

    #[test]
    fn nothing_is_looked_for_by_name_where_there_may_be_skiplists() {
        let wide = format!("SADD s {}", "w".repeat(65));
        check(
            &[
                "ZLEXCOUNT z - +",
                "ZRANGE z - + bylex",
                "ZRANGE z 0 1",
                &wide,
            ],
            false,
            &["ZRANGE z 0 1", &wide],
        );
        check(&["ZLEXCOUNT z - +"], false, &["ZLEXCOUNT z - +"]);
    }

    #[test]
    fn tracking_is_asked_for_only_where_it_is_told_of_at_once() {
        check(
            &[
                "CLIENT TRACKING on BCAST",
                "CLIENT TRACKING ON redirect 0",
                "CLIENT TRACKING ON OPTIN",
            ],
            false,
            &["CLIENT TRACKING ON OPTIN"],
        );
    }

    #[test]
    fn no_offset_leads_out_of_64_bits() {
        check(
            &["SETRANGE k 9223372036854775807 v", "SETRANGE k 5 v"],
            false,
            &["SETRANGE k 9223372036853775807 v", "SETRANGE k 5 v"],
        );
    }

    #[test]
    fn a_wrong_password_is_told_to_a_client_that_waits_for_nothing_else() {
        check(
            &[
                "AUTH u p",
                "PING",
                "AUTH u p",
                "HELLO 3 AUTH u p",
                "HELLO 3",
            ],
            false,
            &["AUTH u p", "PING", "HELLO 3"],
        );
    }

    #[test]
    fn what_chance_has_written_is_not_read() {
        check(&["spop s 2"], false, &["spop s 2", "SCARD s", "DEL s"]);
        check(&["SPOP"], false, &["SPOP"]);
    }

    #[test]
    fn nothing_that_breaks_the_frame_is_queued() {
        check(
            &[
                "MULTI",
                "SUBSCRIBE a b",
                "EXEC x",
                "SUBSCRIBE a",
                "EXEC",
                "SUBSCRIBE a",
            ],
            false,
            &["MULTI", "EXEC x", "EXEC", "SUBSCRIBE a"],
        );
    }

    #[test]
    fn where_replies_are_hidden_only_certain_ones_are_asked_for() {
        check(
            &["TTL k", "CLIENT REPLY SKIP", "GET k"],
            false,
            &["CLIENT REPLY SKIP", "GET k"],
        );
        check(
            &["CLIENT REPLY OFF", "GET k", "QUIT"],
            false,
            &["CLIENT REPLY OFF", "GET k"],
        );
        check(&["GET k", "QUIT"], false, &["GET k", "QUIT"]);
        // Those that are left out for another reason elsewhere, too.
        check(
            &["CLIENT REPLY SKIP", "LATENCY HISTOGRAM get", "SORT l"],
            false,
            &["CLIENT REPLY SKIP"],
        );
    }
}
