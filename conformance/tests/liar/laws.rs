//! Each law has a liar that breaks it and no other law; the honest server breaks none.

use std::collections::BTreeMap;

use respect_conformance::control::Barrier;
use respect_conformance::laws::{self, Breach, Dialogue, Law, LawSummary, LawsPlan, Request, Step};
use respect_conformance::server::Origin;

use super::server::{Liar, Lie};

/// One client asks, another one between, one command fails, and two stand in a row.
fn dialogue() -> Dialogue {
    let said = [
        ("a", "ECHO Hello"),
        ("a", "PING"),
        ("b", "ECHO World"),
        ("a", "FAIL"),
        ("a", "ECHO Again"),
        ("a", "PAIR"),
        ("b", "FLOAT"),
        ("b", "MINUS"),
        ("a", "ECHO Done"),
    ];
    let steps = said.map(|(connection, words)| Step::Ask {
        connection: connection.to_owned(),
        request: Request::multibulk(&words.split(' ').collect::<Vec<_>>()),
    });
    Dialogue::new("liar/dialogue", steps.to_vec())
}

fn look(lie: Lie, laws: Vec<Law>) -> (BTreeMap<Law, LawSummary>, Vec<Breach>) {
    let liar = Liar::start(lie);
    let plan = LawsPlan {
        target: Origin::Address(liar.address()),
        identity: Some("redis-8.2.3".parse().unwrap()),
        laws,
        seed: 1,
        barrier: Barrier::Ping,
        jobs: 1,
    };
    let mut breaches = Vec::new();
    let summaries = laws::run(&plan, &[dialogue()], &mut |report| {
        assert_eq!(report.died, None);
        breaches.extend(report.breaches().cloned());
    });
    (summaries.unwrap(), breaches)
}

#[test]
fn the_honest_server_breaks_no_law_and_each_is_looked_at() {
    let (summaries, _) = look(Lie::Honest, Law::all());
    for (law, summary) in summaries {
        assert_eq!(
            (summary.held, &summary.broken[..]),
            (1, &[][..]),
            "{law}: {summary:?}"
        );
    }
}

#[test]
fn each_law_has_a_liar_that_breaks_it_alone() {
    let liars = [
        (Law::L1, Lie::OtherWhenCut),
        (Law::L2, Lie::OtherWhenPipelined),
        (Law::L3, Lie::OtherWhenInline),
        (Law::L4, Lie::OtherInSmallLetters),
        (Law::L5, Lie::OtherBesideOthers),
        (Law::L6, Lie::AnswersNothing),
        (Law::L7, Lie::OtherInResp3),
        (Law::L8, Lie::TwoReplies),
        (Law::L9, Lie::SkipsNothing),
        (Law::L10, Lie::DeafAfterError),
    ];
    for (law, lie) in liars {
        let (summaries, breaches) = look(lie, Law::all());
        let broken: Vec<Law> = summaries
            .iter()
            .filter(|(_, summary)| !summary.broken.is_empty())
            .map(|(law, _)| *law)
            .collect();
        assert_eq!(broken, [law], "{lie:?}: {breaches:#?}");
        println!("{lie:?} is caught by {law} alone: {}", breaches[0].fault);
    }
}

#[test]
fn a_breach_is_shortened_and_shown_side_by_side() {
    let (_, breaches) = look(Lie::OtherWhenPipelined, vec![Law::L2]);
    let due = r"
BREAKS    L2  liar/dialogue, shortened from 9 steps to 2
  Commands sent in one write are answered as the same commands sent one by one.
  source: redis.io, Redis pipelining: a client may send commands without waiting for the replies
    one by one                                           │ pipelined
    a → *1\r\n$4\r\nFAIL\r\n                             │
    a ← -ERR wrong number of arguments for 'fail' comma… │
    a → *2\r\n$4\r\nECHO\r\n$5\r\nAgain\r\n              │ a → *1\r\n$4\r\nFAIL\r\n*2\r\n$4\r\nECHO\r\n$5\r\nA…
    a ← $5\r\nAgain\r\n                                  │ a ← -ERR wrong number of arguments for 'fail' comma…
  due       $5\r\nAgain\r\n
  came      $5\r\nagain\r\n
                  ^ byte 4 of frame 2 on a: other bytes
  as a transcript:
    @id     regressions/law-l2-225b7cb2
    @title  Commands sent in one write are answered as the same commands sent one by one
    @level  must
    @why    law L2 was broken in liar/dialogue
    @tags   law
    
    a> *1\r\n$4\r\nFAIL\r\n*2\r\n$4\r\nECHO\r\n$5\r\nAgain
    a< -ERR wrong number of arguments for 'fail' command
    a< $5\r\nAgain
";
    assert_eq!(format!("\n{}", breaches[0]), due);
}

#[test]
fn the_program_tells_by_its_exit_code_whether_a_law_is_broken() {
    let fixtures = tempfile::tempdir().unwrap();
    let text = "@id echo/hello\n@title A case\n@level must\n@why a test\n\na: ECHO Hello\na: ECHO World\na< $5\n";
    std::fs::create_dir(fixtures.path().join("echo")).unwrap();
    std::fs::write(fixtures.path().join("echo/hello.resp"), text).unwrap();
    let ends = |lie: Lie, arguments: &[&str]| {
        let liar = Liar::start(lie);
        let address = liar.address().to_string();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_respect"))
            .args(["laws", "--target", &address, "--seed", "1", "echo/hello"])
            .args(arguments)
            .env("RESPECT_FIXTURES", fixtures.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said)
    };
    let (code, said) = ends(Lie::OtherWhenPipelined, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("BREAKS    L2  echo/hello"), "{said}");
    assert_eq!(
        ends(Lie::OtherWhenPipelined, &["--law", "L1,l3"]).0,
        Some(0)
    );
    assert_eq!(ends(Lie::Honest, &[]).0, Some(0));
    assert_eq!(ends(Lie::Honest, &["--law", "L10"]).0, Some(4));
    assert_eq!(ends(Lie::Honest, &["--law", "L11"]).0, Some(2));
    let (code, said) = ends(Lie::Dies, &[]);
    assert_eq!(code, Some(3), "{said}");
}
