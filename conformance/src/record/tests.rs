//! Recording as a whole: a transcript, what servers answered, and the transcript that comes out.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// What one start answered: `slot connection bytes`, one a line; `bytes` as a transcript writes them, `eof` and `reset` as
/// they are.
fn answers(transcript: &Transcript, text: &str) -> Answers {
    let mut answers: Answers = vec![BTreeMap::new(); slots(transcript).len()];
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap();
        let (slot, connection, bytes) = (word().parse::<usize>().unwrap(), word(), word());
        let answer: &mut Answer = answers[slot].entry(connection.to_owned()).or_default();
        match bytes {
            "eof" => answer.end = Some(End::Eof),
            "reset" => answer.end = Some(End::Reset),
            _ => {
                let line = Transcript::parse(&format!("a<< {bytes}\n")).unwrap();
                let Content::Step(Step {
                    action: Action::Expect { pattern, .. },
                    ..
                }) = &line.lines[0].content
                else {
                    panic!("{bytes}")
                };
                answer.bytes.extend(pattern.plain_bytes().unwrap());
            }
        }
    }
    answers
}

/// Records with every server's starts given as [`answers`] reads them.
fn record(text: &str, servers: &[(&str, &[&str])]) -> Result<String, Vec<String>> {
    let transcript = Transcript::parse(text).unwrap();
    let recordings: Vec<_> = servers
        .iter()
        .map(|(identity, restarts)| Recording {
            identity: identity.parse().unwrap(),
            restarts: restarts
                .iter()
                .map(|restart| answers(&transcript, restart))
                .collect(),
        })
        .collect();
    let written = rewrite(&transcript, &recordings);
    let written = written
        .map_err(|refusals| refusals.iter().map(Refusal::to_string).collect::<Vec<_>>())?
        .to_string();
    assert_eq!(Transcript::parse(&written).unwrap().to_string(), written);
    Ok(written)
}

#[track_caller]
fn records(text: &str, servers: &[(&str, &[&str])], expected: &str) {
    let written = record(text, servers).unwrap();
    assert!(
        written == expected,
        "wrote\n{written}\ninstead of\n{expected}"
    );
}

#[test]
fn a_draft_gets_its_expectations_and_says_where_they_are_from() {
    records(
        "@id     a/b\n\n# first\na: SET k v\na< ?\na: GET k\n",
        &[("redis-8.2.3", &["0 a +OK\\r\\n\n1 a $1\\r\\nv\\r\\n"; 2])],
        "@id     a/b\n%% redis-8.2.3: 2 starts, the same bytes each time\n\n# first\na: SET k v\na< +OK\na: GET k\na< $1\\r\\nv\n",
    );
}

#[test]
fn what_holds_is_left_as_its_author_wrote_it() {
    let text = "@id     a/b\n%% redis-8.2.3: 1 start\n\na: CLIENT ID\n# whatever it is\n[redis|valkey<9] a< :{id:int}\n[valkey>=9] a< :{id:int}\na: KEYS *\na< *2\na<{ any-order\na< $1\\r\\na\na< $1\\r\\nb\na<}\na: QUIT\na< +OK\na! closed\n";
    records(
        text,
        &[(
            "redis-8.2.3",
            &["0 a :17\\r\\n\n1 a *2\\r\\n$1\\r\\nb\\r\\n$1\\r\\na\\r\\n\n2 a +OK\\r\\n\n2 a eof"],
        )],
        text,
    );
}

#[test]
fn builds_that_differ_get_the_shortest_guards() {
    records(
        "a: X\na< ?\n",
        &[
            ("redis-6.2.5", &["0 a +one\\r\\n+six\\r\\n+two\\r\\n"]),
            ("redis-7.0.15", &["0 a +one\\r\\n+two\\r\\n"]),
            ("redis-8.2.3", &["0 a +one\\r\\n+two\\r\\n:8\\r\\n"]),
            ("valkey-9.1.2", &["0 a +one\\r\\n+two\\r\\n:8\\r\\n"]),
        ],
        "%% redis-6.2.5: 1 start\n%% redis-7.0.15: 1 start\n%% redis-8.2.3: 1 start\n%% valkey-9.1.2: 1 start\na: X\na< +one\n[redis<7] a< +six\na< +two\n[redis>=8|valkey] a< :8\n",
    );
}

#[test]
fn a_build_that_is_not_asked_again_keeps_what_was_recorded_of_it() {
    records(
        "%% redis-7.0.15: 3 starts, the same bytes each time\n%% redis-8.2.3: 1 start\na: X\n[redis<8] a< +seven\n[redis>=8] a< +eight\n",
        &[("redis-8.2.3", &["0 a +EIGHT\\r\\n"; 2])],
        "%% redis-7.0.15: 3 starts, the same bytes each time\n%% redis-8.2.3: 2 starts, the same bytes each time\na: X\n[redis>=7,redis<8] a< +seven\n[redis>=8] a< +EIGHT\n",
    );
}

#[test]
fn holes_stay_where_the_lines_around_them_say_so() {
    records(
        "a: HELLO 3\na< %3\na< $6\\r\\nserver\na<< {server:bulk}\na< $2\\r\\nid\\r\\n:{cid:int}\na< $4\\r\\nmode\\r\\n$10\\r\\nstandalone\n",
        &[(
            "redis-8.2.3",
            &[
                "0 a %4\\r\\n$6\\r\\nserver\\r\\n$5\\r\\nredis\\r\\n$5\\r\\nproto\\r\\n:3\\r\\n$2\\r\\nid\\r\\n:17\\r\\n$4\\r\\nmode\\r\\n$10\\r\\nstandalone\\r\\n",
                "0 a %4\\r\\n$6\\r\\nserver\\r\\n$5\\r\\nredis\\r\\n$5\\r\\nproto\\r\\n:3\\r\\n$2\\r\\nid\\r\\n:4\\r\\n$4\\r\\nmode\\r\\n$10\\r\\nstandalone\\r\\n",
            ],
        )],
        "%% redis-8.2.3: 2 starts, the same bytes each time\na: HELLO 3\na< %4\na<< $6\\r\\nserver\\r\\n{server:bulk}\na< $5\\r\\nproto\\r\\n:3\na< $2\\r\\nid\\r\\n:{cid:int}\na< $4\\r\\nmode\\r\\n$10\\r\\nstandalone\n",
    );
}

#[test]
fn what_varies_is_refused_with_its_line() {
    let refused = record(
        "a: PING\na< ?\na: TIME\na< ?\n",
        &[(
            "redis-8.2.3",
            &[
                "0 a +PONG\\r\\n\n1 a :1\\r\\n",
                "0 a +PONG\\r\\n\n1 a :2\\r\\n",
            ],
        )],
    );
    assert_eq!(
        refused.unwrap_err(),
        [
            "4: redis-8.2.3: a answers `a< :1` after one restart and `a< :2` after another: write a hole or an any-order block, or leave it out"
        ]
    );
    let refused = record(
        "a: X\na< ?\n",
        &[("redis-8.2.3", &["0 a +OK\\r\\n", "0 a +OK\\r\\n\n0 a eof"])],
    );
    assert_eq!(
        refused.unwrap_err(),
        [
            "2: redis-8.2.3: a answers nothing after one restart and `a! eof` after another: write a hole or an any-order block, or leave it out"
        ]
    );
}

#[test]
fn the_way_of_closing_is_told_only_when_it_is_always_the_same() {
    let text = "a: QUIT\n";
    records(
        text,
        &[("redis-8.2.3", &["0 a eof", "0 a eof"])],
        "%% redis-8.2.3: 2 starts, the same bytes each time\na: QUIT\na! eof\n",
    );
    records(
        text,
        &[("redis-8.2.3", &["0 a eof", "0 a reset"])],
        "%% redis-8.2.3: 2 starts, the same bytes each time\na: QUIT\na! closed\n",
    );
    records(
        text,
        &[
            ("redis-7.0.15", &["0 a reset"]),
            ("redis-8.2.3", &["0 a eof"]),
        ],
        "%% redis-7.0.15: 1 start\n%% redis-8.2.3: 1 start\na: QUIT\na! closed\n",
    );
    records(
        text,
        &[
            ("redis-7.0.15", &["0 a +OK\\r\\n"]),
            ("redis-8.2.3", &["0 a eof"]),
        ],
        "%% redis-7.0.15: 1 start\n%% redis-8.2.3: 1 start\na: QUIT\n[redis>=7,redis<8] a< +OK\n[redis>=8] a! eof\n",
    );
}

#[test]
fn an_early_answer_waits_for_the_lines_that_ask_for_it() {
    records(
        "a: SUBSCRIBE c\na< ?\nb: PUBLISH c m\nb< ?\nb: PING\nb< ?\na< ?\n",
        &[(
            "redis-8.2.3",
            &["0 a +sub\\r\\n\n1 b :1\\r\\n\n1 a +msg\\r\\n\n2 b +PONG\\r\\n"],
        )],
        "%% redis-8.2.3: 1 start\na: SUBSCRIBE c\na< +sub\nb: PUBLISH c m\nb< :1\nb: PING\nb< +PONG\na< +msg\n",
    );
}

#[test]
fn a_draft_has_a_place_for_answers_behind_every_write() {
    records(
        "a: BLPOP k 0\nb: MULTI\nb: EXEC\na! shutdown\n",
        &[("redis-8.2.3", &["1 b +OK\\r\\n*0\\r\\n\n2 a eof"])],
        "%% redis-8.2.3: 1 start\na: BLPOP k 0\nb: MULTI\nb: EXEC\nb< +OK\nb< *0\na! shutdown\na! eof\n",
    );
}

#[test]
fn long_replies_are_laid_out_by_element_and_long_runs_are_counted() {
    let word = "w".repeat(31);
    let answer = format!(
        "0 a *3\\r\\n%1\\r\\n+{word}\\r\\n+{word}\\r\\n+{word}\\r\\n$40\\r\\n{{x*40}}\\r\\n"
    );
    let expected = format!(
        "%% redis-8.2.3: 1 start\na: X\na< *3\na< %1\\r\\n+{word}\\r\\n+{word}\na< +{word}\na< $40\\r\\n{{x*40}}\n"
    );
    records("a: X\n", &[("redis-8.2.3", &[&answer])], &expected);
    let text = format!("# Server\\r\\n{word}:{word}\\r\\n{word}:{word}\\r\\n");
    let length = text.len() - 6;
    let answer = format!("0 a ${length}\\r\\n{text}\\r\\n");
    let expected = format!(
        "%% redis-8.2.3: 1 start\na: INFO\na< ${length}\na< # Server\na< {word}:{word}\na< {word}:{word}\na<\n"
    );
    records("a: INFO\n", &[("redis-8.2.3", &[&answer])], &expected);
}

#[test]
fn bytes_before_a_discarding_end_are_not_recorded() {
    records(
        "c: GET big\nc< $8\nc< nothing like it\nc! closed discard\n",
        &[("redis-8.2.3", &["0 c $8\\r\\nxxx\n0 c reset"])],
        "%% redis-8.2.3: 1 start\nc: GET big\nc< $8\nc! closed discard\n",
    );
}

#[test]
fn a_plan_asks_where_expectations_stand_and_at_the_end() {
    let text = "a: PING\n[redis<8] a< +PONG\n# and\n[redis>=8] a< +PONG\n[redis<8] a: X\n[redis<8] a< +X\na: QUIT\n";
    let transcript = Transcript::parse(text).unwrap();
    let shape: Vec<String> = plan(&transcript, &"redis-8.2.3".parse().unwrap())
        .into_iter()
        .map(|task| match task {
            Task::Do(Move::Write { sends, .. }) => format!("write {}", sends[0].line),
            Task::Do(other) => format!("{other:?}"),
            Task::Ask(slot) => format!("ask {slot}"),
        })
        .collect();
    assert_eq!(shape, ["write 1", "ask 0", "ask 1", "write 7", "ask 2"]);
}

#[test]
fn captured_holes_can_be_used_while_recording() {
    let transcript =
        Transcript::parse("a: CLIENT ID\na< :{id:int}\nb: CLIENT KILL ID {id}\n").unwrap();
    let mut captures = Captures::new();
    capture(
        &transcript,
        &"redis-8.2.3".parse().unwrap(),
        0,
        "a",
        b":42\r\n",
        &mut captures,
    );
    assert_eq!(captures.get("id").unwrap().value(), b"42");
}

/// Replies, junk and long runs, in an order that builds share in part.
fn answer_bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "+OK\r\n",
        ":1\r\n",
        ":2\r\n",
        "$-1\r\n",
        "*2\r\n:1\r\n$3\r\na\r\n\r\n",
        "%1\r\n+k\r\n~1\r\n:1\r\n",
        "-ERR \r\n",
        "junk",
        "\r\n",
        "$5\r\nab",
        "|1\r\n+a\r\n:1\r\n_\r\n",
        " \t",
    ];
    let piece = prop_oneof![
        8 => select(pieces.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => (any::<u8>(), 1..300usize).prop_map(|(byte, length)| vec![byte; length]),
        1 => vec(any::<u8>(), 0..150),
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// Whatever servers answer: what is written reads back, expects of each of them exactly what it answered, and recording
    /// it again changes nothing.
    #[test]
    fn any_answers_are_written_down_exactly(
        answers in vec((answer_bytes(), option::of(select(vec![End::Eof, End::Reset]))), 5),
        draft in select(vec!["a: X\n", "a: X\na< ?\n", "a: X\na< :{n:int}\n# why\na< *2\\r\\n:{m:int}\\r\\n{v:bulk}junk\n", "a: X\na< +OK\n[redis>=8] a< {x:any}\na! eof\n"]),
    ) {
        let transcript = Transcript::parse(draft).unwrap();
        let recordings: Vec<Recording> = known_builds().into_iter().zip(&answers).map(|(identity, (bytes, end))| {
            let answer = Answer { bytes: bytes.clone(), end: *end };
            Recording { identity, restarts: vec![vec![BTreeMap::from([("a".to_owned(), answer)])]; 2] }
        }).collect();
        let written = rewrite(&transcript, &recordings).unwrap();
        let text = written.to_string();
        let read = Transcript::parse(&text).map_err(|findings| TestCaseError::fail(format!("{findings:?} in\n{text}")))?;
        for (identity, (bytes, end)) in known_builds().iter().zip(&answers) {
            let (mut at, mut ended) = (0, false);
            let mut captures = Captures::new();
            for step in read.script(identity).moves {
                match step {
                    Move::Read { lines, .. } => for line in lines {
                        match line.pattern.match_at(&bytes[at..], &mut captures) {
                            Match::Whole { length } => at += length,
                            other => return Err(TestCaseError::fail(format!("{identity}, line {}: {other:?} in\n{text}", line.line))),
                        }
                    },
                    Move::Observe { observation: Observation::End { .. }, .. } => ended = true,
                    _ => {}
                }
            }
            prop_assert_eq!(at, bytes.len(), "{} in\n{}", identity, text);
            prop_assert_eq!(ended, end.is_some(), "{} in\n{}", identity, text);
        }
        let again = rewrite(&read, &recordings).unwrap().to_string();
        prop_assert_eq!(again, text);
    }
}
