//! A report in which everything occurs once, for the tests of those that write reports. Hostile text included.

use super::model::{
    Bytes, Case, CaseResult, Conclusion, Counts, CutSet, Death, Difference, Event, EventKind,
    KnownEntry, KnownUse, Outcome, Party, Report, SCHEMA, Start, Tolerance, Tool,
};
use super::sections::{
    Coverage, CoverageRow, LawResult, Matrix, MatrixCell, MatrixRow, MatrixServer, SlowClients,
    SlowFigures, SlowTrial, StreamFinding, Streams,
};

/// What every page and file must carry as text and never as markup.
pub(super) const HOSTILE: &str = "<script>alert('&\"]]>')</script>";

/// One case of each outcome, and every section.
pub(super) fn full() -> Report {
    let cases: Vec<Case> = Outcome::ALL.into_iter().map(case).collect();
    let mut counts = Counts::default();
    for case in &cases {
        counts.add(case.result.outcome);
    }
    Report {
        schema: SCHEMA,
        tool: Tool {
            name: "respect".to_owned(),
            version: "0.1.0".to_owned(),
        },
        command: vec!["respect".to_owned(), "run".to_owned()],
        started: "2026-11-22T20:40:00Z".to_owned(),
        duration_ms: 1234.5,
        seed: Some(823),
        cuts: CutSet::All,
        barrier: "ping".to_owned(),
        jobs: 2,
        shard: Some("2/5".to_owned()),
        conclusion: Conclusion::Unplayable,
        exit_code: 2,
        trouble: Some("the server is gone".to_owned()),
        target: Party {
            origin: format!("./server {HOSTILE} --port {{port}}"),
            start: Start::Command,
            address: None,
            judged_as: "redis-8.2.3".to_owned(),
            counts,
            runs: 321,
            positions_left_out: 17,
            cases_that_wait: 1,
            tolerances: vec![Tolerance {
                what: "hole int".to_owned(),
                count: 3,
            }],
            known: KnownUse {
                used: vec![entry("echo/known")],
                stale: vec![entry("echo/same")],
                expired: vec![entry("echo/known")],
            },
        },
        oracles: Vec::new(),
        cases,
        laws: vec![LawResult {
            id: "L1".to_owned(),
            title: "Any segmentation gives the same bytes".to_owned(),
            outcome: Outcome::Diverged,
            trials: 12,
            reason: None,
            counterexample: Some("a: PING\na< +PONG".to_owned()),
            terminal: "BREAKS    L1\n".to_owned(),
        }],
        streams: Some(Streams {
            oracle: "redis-8.2.3".to_owned(),
            commands: 100_000,
            streams: 2420,
            duration_ms: 17_500.0,
            findings: vec![StreamFinding {
                command: "GETEX".to_owned(),
                outcome: Outcome::Diverged,
                fault: "an error of another text".to_owned(),
                expected: r"-ERR syntax error\r\n".to_owned(),
                actual: HOSTILE.to_owned(),
                transcript: "a: GETEX k EX\n".to_owned(),
            }],
            tolerances: vec![Tolerance {
                what: "TIME: SameShape; never the same twice".to_owned(),
                count: 75,
            }],
            lacking: vec!["EVAL".to_owned()],
            left_out: Vec::new(),
        }),
        coverage: Some(Coverage {
            oracle: "redis-8.2.3".to_owned(),
            columns: vec!["RESP2".to_owned(), "arity error".to_owned()],
            rows: vec![CoverageRow {
                command: "SET".to_owned(),
                group: "string".to_owned(),
                counts: vec![Some(12), Some(0)],
            }],
            holes: vec!["SET: arity error".to_owned()],
        }),
        matrix: Some(Matrix {
            servers: vec![MatrixServer {
                name: "ours".to_owned(),
                note: "started by the judge".to_owned(),
                resembles: Some("redis-7.0.15".to_owned()),
            }],
            rows: vec![MatrixRow {
                id: "echo/diverged".to_owned(),
                title: "A title".to_owned(),
                level: "must".to_owned(),
                cells: vec![MatrixCell {
                    outcome: Outcome::Diverged,
                    answers_as: vec!["redis-7.0.15".to_owned()],
                    note: HOSTILE.to_owned(),
                }],
            }],
        }),
        slow_clients: Some(SlowClients {
            servers: vec!["ours".to_owned(), "redis-8.2.3".to_owned()],
            trials: vec![SlowTrial {
                id: "readers/stopped".to_owned(),
                title: "Readers that stop".to_owned(),
                figures: vec![
                    Some(SlowFigures {
                        outcome: Outcome::Same,
                        delay_worst_ms: Some(1.25),
                        delay_p99_ms: Some(0.5),
                        delay_bound_ms: Some(50.0),
                        memory_worst_bytes: Some(12 << 20),
                        memory_bound_bytes: Some(64 << 20),
                        note: String::new(),
                    }),
                    None,
                ],
            }],
        }),
    }
}

fn entry(id: &str) -> KnownEntry {
    KnownEntry {
        id: id.to_owned(),
        reason: format!("because {HOSTILE}"),
        link: Some("https://example.org/1".to_owned()),
        expires: Some("2027-01-31".to_owned()),
    }
}

fn case(outcome: Outcome) -> Case {
    let id = format!("echo/{}", outcome.name().replace('_', "-"));
    let differs = matches!(outcome, Outcome::Known | Outcome::Told | Outcome::Diverged);
    let reason = matches!(outcome, Outcome::NotApplicable | Outcome::Unplayable);
    let quiet = matches!(outcome, Outcome::Same | Outcome::Known);
    Case {
        title: format!("A title # with {HOSTILE}"),
        level: if outcome == Outcome::Told {
            "may".to_owned()
        } else {
            "must".to_owned()
        },
        tags: vec!["echo".to_owned()],
        why: "a test".to_owned(),
        file: format!("fixtures/{id}.resp"),
        text: format!("@id {id}\n\na: ECHO x\n"),
        result: CaseResult {
            outcome,
            reason: reason.then(|| "@since valkey".to_owned()),
            runs: 12,
            duration_ms: 3.125,
            tolerances: Vec::new(),
            difference: differs.then(|| Box::new(difference(&id))),
            death: (outcome == Outcome::Died).then(|| Box::new(death(&id))),
            known: (outcome == Outcome::Known).then(|| entry(&id)),
            terminal: if quiet {
                String::new()
            } else {
                format!("DIVERGES  {id}\n  actual {HOSTILE} \u{1b}[1m\u{7}\n")
            },
        },
        oracles: Vec::new(),
        id,
    }
}

fn difference(id: &str) -> Difference {
    let sent = Bytes::from(&b"*2\r\n$4\r\nECHO\r\n$5\r\nHello\r\n"[..]);
    let actual = Bytes::from(&b"$5\r\nhello\r\n"[..]);
    Difference {
        fault: "wrong-text".to_owned(),
        fault_text: "other bytes".to_owned(),
        connection: "a".to_owned(),
        line: 3,
        sent: sent.clone(),
        expected: r"$5\r\nHello\r\n".to_owned(),
        expected_bytes: Bytes::from(&b"$5\r\nHello\r\n"[..]),
        actual: actual.clone(),
        offset: 4,
        stream_offset: 11,
        state: "the connection is open, and in sync".to_owned(),
        cut: "none: it differs as written".to_owned(),
        right_before: 0,
        agreeing: vec!["redis-8.2.3".to_owned()],
        answers_as: vec!["valkey-8.1.8".to_owned()],
        dialogue: vec![
            event(EventKind::Sent(sent)),
            event(EventKind::Received(actual)),
            event(EventKind::Did("shutdown".to_owned())),
            event(EventKind::Ended("FIN".to_owned())),
        ],
        pin: r"hello\r\n".to_owned(),
        again: vec![format!("respect run '{id}'")],
    }
}

fn death(id: &str) -> Death {
    let sent = Bytes::from(&b"QUIT\r\n"[..]);
    Death {
        text: format!("the server died (signal: 6)\n    {HOSTILE}"),
        cut: "whole".to_owned(),
        connection: Some("a".to_owned()),
        last_sent: Some(sent.clone()),
        dialogue: vec![event(EventKind::Sent(sent))],
        again: vec![format!("respect run '{id}'")],
    }
}

fn event(what: EventKind) -> Event {
    Event {
        connection: "a".to_owned(),
        what,
    }
}
