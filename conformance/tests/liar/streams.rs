//! Generated streams against the liar: what it is wrong about is found, and little else is left of the stream.

use respect_conformance::control::{Barrier, Control};
use respect_conformance::generate::grammar::Table;
use respect_conformance::generate::play::Answer;
use respect_conformance::generate::search::{Finding, Outcome, Pair, Plan, Shortest, Side, search};
use respect_conformance::generate::vocabulary::Vocabulary;
use respect_conformance::generate::{Origin, Request, Turn};

use super::server::{Liar, Lie};

fn held_against_the_honest(lie: Lie, commands: usize) -> Outcome {
    let (mut liar, honest) = (Liar::start(lie), Liar::start(Lie::Honest));
    let join = |server: &Liar| Control::connect(server.address(), Barrier::Ping).unwrap();
    let (mut target, mut oracle) = (join(&liar), join(&honest));
    let mut revive = || {
        liar = Liar::start(lie);
        Some(join(&liar))
    };
    let mut pair = Pair {
        target: &mut target,
        oracle: &mut oracle,
        revive: &mut revive,
        heard: &mut |_, _| {},
    };
    let plan = Plan {
        seed: 1,
        commands,
        findings_max: 1,
        vocabulary: Vocabulary::of(&Table::recorded()),
    };
    search(&mut pair, &plan, &mut |_| {})
}

#[track_caller]
fn shortest(lie: Lie) -> Box<Shortest> {
    match held_against_the_honest(lie, 20_000).findings.pop() {
        Some(Finding::Difference(shortest)) => shortest,
        other => panic!("{lie:?} was not found: {other:?}"),
    }
}

/// What is sent, turn by turn, in parts.
fn parts(shortest: &Shortest) -> Vec<Vec<String>> {
    let parts = |turn: &Turn| {
        turn.parts()
            .iter()
            .map(|part| part.escape_ascii().to_string())
            .collect()
    };
    shortest.stream.turns.iter().map(parts).collect()
}

#[test]
fn the_honest_server_answers_every_stream_as_itself() {
    let outcome = held_against_the_honest(Lie::Honest, 1000);
    assert!(outcome.findings.is_empty(), "{:?}", outcome.findings);
    assert!(outcome.commands >= 1000 && outcome.streams >= 1);
}

#[test]
fn a_wrong_answer_is_shortened_to_the_command_that_gets_it() {
    let found = shortest(Lie::ErrorForBulk);
    assert_eq!(parts(&found), [[r"*2\r\n$4\r\nECHO\r\n$1\r\nv\r\n"]]);
    assert_eq!(found.command(), "ECHO");
    let (expected, actual) = (&found.difference.expected, &found.difference.actual);
    assert_eq!(
        expected,
        &Answer {
            bytes: b"$1\r\nv\r\n".to_vec(),
            ended: None
        }
    );
    assert_eq!(
        actual,
        &Answer {
            bytes: b"-ERR unknown command 'ECHO'\r\n".to_vec(),
            ended: None
        }
    );
}

#[test]
fn an_answer_that_depends_on_a_cut_keeps_one_cut() {
    // On a machine that is busy the pieces may be read as one, and what was to be left out then seems to be needed.
    let found: Vec<_> = (0..3).map(|_| shortest(Lie::OtherWhenCut)).collect();
    let lengths = found
        .iter()
        .map(|found| (found.stream.len(), parts(found)[0].len()));
    assert_eq!(lengths.min(), Some((1, 2)), "{found:?}");
}

#[test]
fn an_answer_that_depends_on_its_neighbours_keeps_them() {
    let found = shortest(Lie::DroppedReply);
    assert_eq!(
        (found.stream.turns.len(), found.stream.len()),
        (1, 3),
        "{:?}",
        found.stream
    );
}

#[test]
fn what_is_found_is_a_transcript_that_tells_the_liar_from_the_honest() {
    let found = shortest(Lie::ErrorForBulk);
    let origin = Origin {
        oracle: "redis-8.2.3".parse().unwrap(),
        seed: 1,
        command: found.command(),
    };
    let text = found
        .stream
        .transcript(&found.oracle, Some(&found.difference), &origin)
        .to_string();
    let steps = text.split_once("\n\n").unwrap().1;
    assert_eq!(super::failure(Lie::ErrorForBulk, steps).divergence.line, 8);
}

#[test]
fn a_server_that_dies_is_told_with_the_command_it_died_of() {
    match held_against_the_honest(Lie::Dies, 20_000).findings.pop() {
        Some(Finding::Trouble {
            side: Side::Target,
            stream,
            commands_before,
            ..
        }) => {
            let names: Vec<String> = stream
                .turns
                .iter()
                .flat_map(|turn| &turn.requests)
                .map(Request::name)
                .collect();
            assert_eq!(names, ["ECHO"]);
            assert!(commands_before > 1);
        }
        other => panic!("the death was not noticed: {other:?}"),
    }
}
