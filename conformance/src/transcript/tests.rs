//! The language as a whole: reading, printing and checking agree with each other and with what a person would say.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::guard::{Comparison, Condition};
use super::lint::check;
use super::*;

/// The steps of a transcript whose header is in order, so that only the steps are judged.
fn with_header(steps: &str) -> String {
    format!("@id     a/b\n@title  A case\n@level  must\n@why    a reason\n\n{steps}")
}

/// Checks the steps and compares every finding, written as `line:column: severity: message; suggestion`. Lines count from
/// the first step.
fn findings_in(steps: &str) -> Vec<String> {
    let findings = check(&with_header(steps));
    findings
        .into_iter()
        .map(|finding| {
            Finding {
                line: finding.line.saturating_sub(5),
                ..finding
            }
            .to_string()
        })
        .collect()
}

/// Each case is steps and the one finding in them.
#[track_caller]
fn finds(cases: &[(&str, &str)]) {
    for (steps, expected) in cases {
        assert_eq!(findings_in(steps), [*expected], "in:\n{steps}");
    }
}

#[test]
fn a_line_of_no_form_is_told_with_its_place_and_what_was_expected() {
    finds(&[
        (
            "a> PING \na< +PONG\n",
            r"1:8: error: expected no blank at the end of the line; remove it, or write `\s` if it is meant",
        ),
        (
            "a>  PING\na< +PONG\n",
            r"1:4: error: expected one blank behind the mark, found more; a blank that is meant is written `\s`",
        ),
        (
            "a>PING\na< +PONG\n",
            "1:3: error: expected a blank behind `>`",
        ),
        (
            "a> PING\na< é{pong:strng}\n",
            "2:11: error: expected a kind of hole, one of int, bulk, reply, float, digits, any, time, addr, sha1, found `strng`",
        ),
        (
            "a> PING\na< :{n:itn}\n",
            "2:8: error: expected a kind of hole, one of int, bulk, reply, float, digits, any, time, addr, sha1, found `itn`; did you mean `int`?",
        ),
        (
            "a> PING\na! eoff\n",
            "2:4: error: expected one of open, flush, shutdown, rst, close, pause, resume, eof, reset, closed, quiet behind `!`, found `eoff`; did you mean `eof`?",
        ),
        (
            "a> PING\n[redis<8,valkey>] a< +PONG\n",
            "2:10: error: expected a version such as 7 or 7.0.15, found ``",
        ),
        (
            "a> PING\n[redis<8 a< +PONG\n",
            "2:18: error: expected `]` to close the guard",
        ),
        (
            "a> PING\n[redis]a< +PONG\n",
            "2:8: error: expected one blank behind the guard, and then what it guards",
        ),
        (
            "a> PI\\qNG\na< +PONG\n",
            r"1:6: error: expected one of \r \n \t \0 \s \\ \{ \} \| \xHH",
        ),
        (
            "a> {x*5\na< +PONG\n",
            r"1:4: error: expected `}` to close this one; `\{` is a plain brace",
        ),
        (
            "a> {x*0}\na< +PONG\n",
            "1:4: error: expected a repetition of 1 to 1073741824 bytes in all",
        ),
        (
            "a> x}\na< +PONG\n",
            r"1:5: error: expected `\}` for a closing brace that closes nothing",
        ),
        (
            "a> {x:int}\na< +PONG\n",
            "1:4: error: expected no hole in what is sent; `{x}` sends what one has captured",
        ),
        (
            "a> x\na< +\\|PONG\n",
            "2:5: error: expected no cut in what is expected: only sends are cut",
        ),
        (
            "a: ECHO \"a\na< $1\n",
            "1:9: error: expected a closing quote for this one",
        ),
        (
            "a: ECHO a\\r\na< $2\n",
            r#"1:10: error: expected no backslash outside quotes, where it would be an ordinary character; quote the word: `"\r\n"` is CRLF, `"\\"` is a backslash"#,
        ),
        (
            "a: PING\nsleep soon\na< +PONG\n",
            "2:7: error: expected a time such as `2s` or `150ms`, found `soon`",
        ),
        (
            "A: PING\n",
            "1:1: error: expected `#`, `%%`, `@key`, `[guard]`, `barrier`, `sleep` or a connection in small letters",
        ),
        (
            "a = PING\n",
            "1:2: error: expected `:`, `>`, `>>`, `<`, `<<`, `<{`, `<}` or `!` behind the connection `a`",
        ),
        (
            "a: KEYS *\na<{ any-order\na< *0\n",
            "2:1: error: expected `a<}` to close this block",
        ),
        (
            "a: KEYS *\na<{ any-order\nb< *0\na<}\n",
            "3:1: error: expected `a< …` or `a<}` inside the any-order block of line 7",
        ),
        (
            "a: KEYS *\na<}\n",
            "2:1: error: expected `a<{ any-order` before this",
        ),
        (
            "a: PING\na< +PONG\r\n",
            r"2:9: error: expected lines to end with a line feed alone, found a carriage return; \r writes one",
        ),
        (
            "a: PING\na< +PONG",
            "2:8: error: expected a line feed at the end of the file",
        ),
        (
            "@tilte  A\n",
            "1:1: error: expected one of @id, @title, @level, @why, @tags, @since, @config, @needs, @split, @trailing, @timeout, @repeat, found `@tilte`; did you mean `title`?",
        ),
        (
            "@needs  debug,konfig\n",
            "1:15: error: expected some of config, debug, lua, memory, start, separated by commas, found `konfig`; did you mean `config`?",
        ),
        (
            "@split  all\n",
            "1:9: error: expected one of any, fixed, found `all`",
        ),
    ]);
}

#[test]
fn what_makes_no_sense_is_told() {
    finds(&[
        (
            "a: PING\na< ?\n",
            "2:1: warning: expected a recorded answer: `?` stands for none yet; `respect record` asks real servers",
        ),
        (
            "b< +PONG\n",
            "1:1: error: expected something to be sent on `b` before anything is expected of it, or `b! open`",
        ),
        (
            "a: PING\n",
            "0:1: error: expected at least one expectation: this case cannot fail",
        ),
        (
            "a: PING\nsleep 1s\na< +PONG\n",
            "2:1: warning: expected no sleep: it makes a case slow, or flaky, or both; use `barrier` or `quiet`, or say why on a comment line above",
        ),
        (
            "a: ECHO {cid}\na< $1\n",
            "1:1: error: expected a hole {cid:kind} on a line above",
        ),
        (
            "a: CLIENT ID\na< :{cid:int}\n",
            "2:1: note: {cid} is captured and never used: it only forgives",
        ),
        (
            "a: QUIT\na< +OK\na! close\na: PING\n",
            "4:1: error: expected nothing on `a` after it was closed, unless it is opened again",
        ),
        (
            "a: QUIT\na! eof\na< +OK\n",
            "3:1: error: expected nothing more from `a`, which the server has closed",
        ),
        (
            "a: PING\na! shutdown\na: PING\na< +PONG\n",
            "3:1: error: expected nothing to be sent on `a` after its shutdown",
        ),
        (
            "a: PING\na! open\na< +PONG\n",
            "2:1: error: expected `a` not to be open yet",
        ),
        (
            "a>> \\|PING\na< +PONG\n",
            r"1:1: warning: expected bytes on both sides of the cut `\|`",
        ),
        (
            "a: X\na<{ any-order\na< $1\na< +a\na<}\n",
            r"3:1: error: expected whole replies on a line of an any-order block; write a reply of several lines on one, as `$1\r\na`",
        ),
        (
            "a: PING\n[radis] a< +PONG\n",
            "2:2: error: expected a product that is recorded from (redis, valkey), found `radis`; did you mean `redis`?",
        ),
        (
            "a: PING\n[redis<6] a< +PONG\n",
            "2:2: error: expected a guard that holds for one of redis-6.2.5, redis-7.0.15, redis-8.2.3, valkey-8.1.8, valkey-9.1.2",
        ),
        (
            "a: PING\n# for the clock\nsleep 1000ms\na< +PONG\n",
            "3:8: error: expected the canonical form of this line; write `sleep 1s`",
        ),
        (
            "a: PING\na< +PONG\n@tags   late\n",
            "3:1: error: expected `@tags` before the first step, which is on line 6",
        ),
    ]);
}

#[test]
fn what_is_said_of_one_sleep_holds_until_the_next_blank_line() {
    assert_eq!(
        findings_in("a: X\n# idle\nsleep 1s\na: Y\nsleep 1s\na< +Z\n"),
        [""; 0]
    );
    let sleep = "warning: expected no sleep: it makes a case slow, or flaky, or both; \
                 use `barrier` or `quiet`, or say why on a comment line above";
    assert_eq!(
        findings_in("a: X\n# idle\nsleep 1s\n\nsleep 1s\na< +Z\n"),
        [format!("5:1: {sleep}")]
    );
    assert_eq!(
        findings_in("# of something else\na: X\nsleep 1s\na< +Z\n"),
        [format!("3:1: {sleep}")]
    );
}

#[test]
fn a_hole_needs_an_end_and_a_name_of_its_own() {
    let steps = "a: TIME\na<< *2\\r\\n{t:bulk}\na< {u:bulk}\na: ECHO {t}{u}\na<< {t}{x:int}\na: ECHO {x}\na<< {t}\n";
    let expected = [
        "3:1: error: expected `<<`: {u:bulk} ends with a CRLF of its own; use `<<`",
        "5:1: error: expected bytes behind {x:int}, to know where it ends; use `<`, which adds CRLF",
    ];
    assert_eq!(findings_in(steps), expected);
    finds(&[(
        "a: X\n[redis<8] a< {n:int}\n[redis] a< {n:int}\na: ECHO {n}\n",
        "3:1: error: expected another name: {n} is captured on line 7 already",
    )]);
    assert_eq!(
        findings_in("a: X\n[redis<8] a< {n:int}\n[redis>=8|valkey] a< {n:int}\na: ECHO {n}\n"),
        [""; 0]
    );
}

#[test]
fn a_header_lacks_and_repeats_nothing() {
    let findings: Vec<String> = check("@id     A/b\n@why    x\n@why    y\n\na: PING\na< +PONG\n")
        .iter()
        .map(Finding::to_string)
        .collect();
    let expected = [
        "1:1: error: expected a line `@title`: the behaviour in one sentence",
        "1:1: error: expected a line `@level`: must, should, may or info",
        "1:9: error: expected an id such as section/slug, in small letters, digits and hyphens, found `A/b`",
        "3:1: error: expected `@why` once; it is on line 2 too",
    ];
    assert_eq!(findings, expected);
}

const EXAMPLES: [&str; 5] = [
    include_str!("examples/crlf-before-resp.resp"),
    include_str!("examples/protoerr-after-partial-read.resp"),
    include_str!("examples/resp3-self-publish.resp"),
    include_str!("examples/half-close.resp"),
    include_str!("examples/slow-subscriber.resp"),
];

#[test]
fn the_examples_print_as_they_are_written() {
    for text in EXAMPLES {
        let findings: Vec<Finding> = check(text)
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error)
            .collect();
        assert_eq!(findings, [], "{text}");
        assert_eq!(Transcript::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn a_script_joins_sends_and_expectations_and_resolves_guards() {
    let text = with_header(
        "a: PING\na>> *1\\r\\n\\|$4\\r\\nPING\\r\\n\na< +PONG\n[redis] a< +PONG\n[valkey] a< +GNOP\nb: PING\na: ECHO {x*3}\nb< +PONG\n",
    );
    let script = Transcript::parse(&text)
        .unwrap()
        .script(&"redis-8.2.3".parse().unwrap());
    let [
        Move::Write { sends, .. },
        Move::Read { lines, .. },
        Move::Write { .. },
        Move::Write { sends: echo, .. },
        Move::Read { .. },
    ] = &script.moves[..]
    else {
        panic!("{script:?}");
    };
    let pieces = script::expand_write(sends, &Captures::new()).unwrap();
    assert_eq!(
        pieces,
        [&b"*1\r\n$4\r\nPING\r\n*1\r\n"[..], b"$4\r\nPING\r\n"]
    );
    let expected: Vec<_> = lines
        .iter()
        .map(|line| (line.line, line.pattern.plain_bytes().unwrap()))
        .collect();
    assert_eq!(
        expected,
        [(8, b"+PONG\r\n".to_vec()), (9, b"+PONG\r\n".to_vec())]
    );
    assert_eq!(
        script::expand_write(echo, &Captures::new()).unwrap(),
        [b"*2\r\n$4\r\nECHO\r\n$3\r\nxxx\r\n"]
    );
}

#[test]
fn a_captured_bulk_string_is_reused_whole_in_bytes_and_by_content_in_commands() {
    let mut captures = Captures::new();
    captures.insert(
        "v",
        Capture {
            kind: HoleKind::Bulk,
            bytes: b"$2\r\nhi\r\n".to_vec(),
        },
    );
    let text = with_header("a: ECHO {v}\na>> {v}\na: ECHO {w}\n");
    let script = Transcript::parse(&text)
        .unwrap()
        .script(&"redis-8.2.3".parse().unwrap());
    let [Move::Write { sends, .. }] = &script.moves[..] else {
        panic!("{script:?}")
    };
    assert_eq!(
        sends[0].expand(&captures).unwrap(),
        [b"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n"]
    );
    assert_eq!(sends[1].expand(&captures).unwrap(), [b"$2\r\nhi\r\n"]);
    assert_eq!(
        sends[2].expand(&captures).unwrap_err().to_string(),
        "nothing was captured as {w} by now"
    );
}

proptest! {
    #[test]
    fn any_tree_prints_and_reads_back(contents in vec(content(), 0..12)) {
        let lines = contents.into_iter().map(|content| Line { number: 0, content }).collect();
        let transcript = Transcript { lines };
        let text = transcript.to_string();
        let read = Transcript::parse(&text).map_err(|findings| TestCaseError::fail(format!("{findings:?} in\n{text}")))?;
        prop_assert_eq!(without_numbers(read), transcript);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "([a:@#%{}<>! \\\\\\[\\]*\"'x0-9|é-]|any-order|\n|: |redis|int|\\\\r){0,60}") {
        let _ = check(&text);
    }
}

/// Numbers are where a line was read, which a tree that was made does not know.
fn without_numbers(mut transcript: Transcript) -> Transcript {
    for line in &mut transcript.lines {
        line.number = 0;
        if let Content::Step(Step {
            action: Action::AnyOrder { items, .. },
            ..
        }) = &mut line.content
        {
            items.iter_mut().for_each(|item| item.number = 0);
        }
    }
    transcript
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        Just(Content::Blank),
        text().prop_map(Content::Comment),
        text().prop_map(Content::Provenance),
        header_field().prop_map(Content::Header),
        (option::of(guard()), action())
            .prop_map(|(guard, action)| Content::Step(Step { guard, action })),
    ]
}

fn text() -> impl Strategy<Value = String> {
    "([!-~é]( {0,2}[!-~é]){0,9})?"
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_-]{0,4}".prop_filter("a word of the language", |name| {
        name != "barrier" && name != "sleep"
    })
}

fn guard() -> impl Strategy<Value = Guard> {
    let comparisons = [
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Equal,
        Comparison::GreaterOrEqual,
        Comparison::Greater,
    ];
    let bound = (select(comparisons.to_vec()), vec(0..20u32, 1..4))
        .prop_map(|(comparison, numbers)| (comparison, Version::new(&numbers)));
    let condition =
        (select(vec!["redis", "valkey"]), option::of(bound)).prop_map(|(product, bound)| {
            Condition {
                product: product.to_owned(),
                bound,
            }
        });
    vec(vec(condition, 1..3), 1..3).prop_map(|any_of| Guard { any_of })
}

fn duration() -> impl Strategy<Value = Duration> {
    (0..100_000u64).prop_map(Duration::from_millis)
}

fn header_field() -> impl Strategy<Value = HeaderField> {
    let words = |least| vec("[a-z0-9-]{1,6}", least..4);
    let needs: Vec<String> = NEEDS.iter().map(|(need, _)| (*need).to_owned()).collect();
    let line = || text().prop_filter("a value", |text| !text.is_empty());
    prop_oneof![
        line().prop_map(HeaderField::Id),
        line().prop_map(HeaderField::Title),
        line().prop_map(HeaderField::Why),
        select(Level::ALL.map(|(_, level)| level).to_vec()).prop_map(HeaderField::Level),
        words(1).prop_map(HeaderField::Tags),
        guard().prop_map(HeaderField::Since),
        ("[a-z-]{1,9}", "[ -~]{0,9}").prop_map(|(key, value)| HeaderField::Config { key, value }),
        vec(select(needs), 1..3).prop_map(HeaderField::Needs),
        select(vec![Split::Any, Split::Fixed]).prop_map(HeaderField::Split),
        select(vec![Trailing::Strict, Trailing::Allow]).prop_map(HeaderField::Trailing),
        duration().prop_map(HeaderField::Timeout),
        (1..1000u32).prop_map(HeaderField::Repeat),
    ]
}

/// Bytes that a transcript has to take care with, more often than others.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let awkward = select(b" \t\r\n\0\\{}\"'*:|#x5[]<>\xff".to_vec());
    vec(prop_oneof![awkward, any::<u8>()], 1..8)
}

/// Literals never stand side by side: reading joins them.
fn send_parts(cuts: bool) -> impl Strategy<Value = Vec<SendPart>> {
    let part = (0..if cuts { 4 } else { 3 }, bytes(), 1..1000usize, name()).prop_map(
        |(which, bytes, count, name)| match which {
            0 => SendPart::Literal(bytes),
            1 => SendPart::Repeat { unit: bytes, count },
            2 => SendPart::Reuse(name),
            _ => SendPart::Cut,
        },
    );
    vec(part, 0..5).prop_map(|mut parts| {
        parts.dedup_by(|next, last| {
            matches!((next, last), (SendPart::Literal(_), SendPart::Literal(_)))
        });
        parts
    })
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let kinds = HoleKind::ALL.map(|(_, kind)| kind).to_vec();
    let part = (0..4, bytes(), 1..1000usize, name(), select(kinds)).prop_map(
        |(which, bytes, count, name, kind)| match which {
            0 => PatternPart::Literal(bytes),
            1 => PatternPart::Repeat { unit: bytes, count },
            2 => PatternPart::Reuse(name),
            _ => PatternPart::Hole { name, kind },
        },
    );
    vec(part, 0..5).prop_map(|mut parts| {
        parts.dedup_by(|next, last| {
            matches!(
                (next, last),
                (PatternPart::Literal(_), PatternPart::Literal(_))
            )
        });
        Pattern { parts }
    })
}

fn ending() -> impl Strategy<Value = Ending> {
    select(vec![Ending::Crlf, Ending::Exact])
}

fn action() -> impl Strategy<Value = Action> {
    let size = || option::of(1..1_000_000usize);
    let socket = prop_oneof![
        (size(), size()).prop_map(|(receive_buffer, send_buffer)| SocketAction::Open {
            receive_buffer,
            send_buffer
        }),
        select(vec![
            SocketAction::Flush,
            SocketAction::Shutdown,
            SocketAction::Rst,
            SocketAction::Close,
            SocketAction::Pause,
            SocketAction::Resume,
        ]),
    ];
    let end = (
        select(vec![End::Eof, End::Reset, End::Closed]),
        any::<bool>(),
    );
    let observation = prop_oneof![
        end.prop_map(|(end, discard)| Observation::End { end, discard }),
        option::of(duration()).prop_map(Observation::Quiet),
    ];
    prop_oneof![
        (name(), vec(send_parts(false), 1..4)).prop_map(|(connection, arguments)| {
            Action::Command {
                connection,
                arguments,
            }
        }),
        (name(), send_parts(true), ending()).prop_map(|(connection, parts, ending)| Action::Send {
            connection,
            parts,
            ending
        }),
        (name(), pattern(), ending()).prop_map(|(connection, pattern, ending)| Action::Expect {
            connection,
            pattern,
            ending
        }),
        (
            name(),
            vec((option::of(guard()), pattern(), ending()), 0..4)
        )
            .prop_map(|(connection, items)| {
                let items = items.into_iter().map(|(guard, pattern, ending)| {
                    let action = Action::Expect {
                        connection: connection.clone(),
                        pattern,
                        ending,
                    };
                    Line {
                        number: 0,
                        content: Content::Step(Step { guard, action }),
                    }
                });
                Action::AnyOrder {
                    items: items.collect(),
                    connection: connection.clone(),
                }
            }),
        (name(), socket).prop_map(|(connection, action)| Action::Socket { connection, action }),
        (name(), observation).prop_map(|(connection, observation)| Action::Observe {
            connection,
            observation
        }),
        Just(Action::Barrier),
        duration().prop_map(Action::Sleep),
    ]
}
