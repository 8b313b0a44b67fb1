//! A judge that cannot fail proves nothing: a server that is wrong on purpose in many small ways, and the judge must name
//! each of them, at the right byte. The honest server must pass the same transcripts, or the lie would prove nothing.

mod bad_input;
mod command_line;
mod laws;
mod library;
mod recording;
mod server;
mod shapes;
mod streams;

use std::ops::ControlFlow;
use std::path::Path;

use respect_conformance::case::Case;
use respect_conformance::compare::Fault;
use respect_conformance::control::Barrier;
use respect_conformance::cuts::Cut;
use respect_conformance::replay::Divergence;
use respect_conformance::report::{self, Place};
use respect_conformance::server::Origin;
use respect_conformance::suite::{self, CaseReport, Cuts, Failure, Plan, Unreachable, Verdict};
use respect_conformance::transcript::Identity;
use respect_conformance::wire::Kind;

use server::{Liar, Lie};

fn case(steps: &str) -> Case {
    let text = format!(
        "@id liar/case\n@title A case\n@level must\n@why a test\n@timeout 300ms\n\n{steps}"
    );
    Case::parse(Path::new("liar/case.resp"), &text).unwrap()
}

fn judge(liar: &Liar, steps: &str) -> Result<CaseReport, Unreachable> {
    let case = case(steps);
    let plan = Plan {
        target: Origin::Address(liar.address()),
        judged_as: Some("redis-8.2.3".parse::<Identity>().unwrap()),
        oracles: Vec::new(),
        cuts: Cuts::All,
        barrier: Barrier::Ping,
        jobs: 1,
    };
    let mut reports = suite::run(&plan, &[&case], &mut |_, _| ControlFlow::Continue(()))?;
    Ok(reports.remove(0).unwrap())
}

fn failure(lie: Lie, steps: &str) -> Failure {
    let honest = judge(&Liar::start(Lie::Honest), steps).unwrap();
    assert!(
        matches!(honest.target.verdict, Verdict::Same),
        "{lie:?}: the honest server: {:?}",
        honest.target.verdict
    );
    match judge(&Liar::start(lie), steps).unwrap().target.verdict {
        Verdict::Diverged(failure) => *failure,
        other => panic!("{lie:?} was not noticed: {other:?}"),
    }
}

/// The judge must notice this lie, name it so, and put its finger on this byte of this line (counted from the first step).
#[track_caller]
fn caught(lie: Lie, steps: &str, fault: Fault, line: usize, offset: usize) {
    let Failure { divergence, .. } = failure(lie, steps);
    // Six lines stand before the steps; line 0 is the end of the transcript.
    let line = if line == 0 { 0 } else { line + 6 };
    let Divergence {
        fault: named,
        line: at,
        offset: byte,
        ..
    } = &divergence;
    assert_eq!(
        (named, *at, *byte),
        (&fault, line, offset),
        "{lie:?}: {divergence:#?}"
    );
    let case = steps.lines().next().unwrap_or_default();
    println!("{lie:?} is caught by `{case}`, line {at}, byte {byte}: {named}");
}

const ECHO: &str = "a: ECHO Hello\na< $5\\r\\nHello\n";
const THREE: &str = "a: ECHO one\na: ECHO two\na: PING\na< $3\\r\\none\na< $3\\r\\ntwo\na< +PONG\n";
const QUIT: &str = "a: QUIT\na< +OK\na! eof\n";
const PAIR: &str = "a: PAIR\na< *2\\r\\n$1\\r\\nk\\r\\n$1\\r\\nv\n";

#[test]
fn nulls_are_told_apart() {
    let bulk = "a: NULLBULK\na< $-1\n";
    caught(
        Lie::NullArrayForNullBulk,
        bulk,
        Fault::MergedNulls(Kind::NullBulk, Kind::NullArray),
        2,
        0,
    );
    let array = "a: NULLARRAY\na< *-1\n";
    caught(
        Lie::NullBulkForNullArray,
        array,
        Fault::MergedNulls(Kind::NullArray, Kind::NullBulk),
        2,
        0,
    );
}

#[test]
fn every_crlf_counts() {
    caught(Lie::NoCrlfAfterBulk, THREE, Fault::MissingCrlf, 4, 7);
    caught(
        Lie::NoCrlfAfterStatus,
        "a: PING\na: ECHO x\na< +PONG\na< $1\\r\\nx\n",
        Fault::MissingCrlf,
        3,
        5,
    );
    caught(
        Lie::LineFeedOnly,
        "a: PING\na: ECHO x\na< +PONG\na< $1\\r\\nx\n",
        Fault::MissingCrlf,
        3,
        5,
    );
}

#[test]
fn order_and_number_of_replies_count() {
    caught(Lie::SwappedReplies, THREE, Fault::Swapped, 4, 4);
    caught(Lie::DroppedReply, THREE, Fault::Dropped, 5, 0);
    caught(Lie::DuplicatedReply, THREE, Fault::Duplicated, 5, 4);
    caught(
        Lie::LatePush,
        "a: NOTIFY\na< >1\\r\\n$3\\r\\nmsg\na< :1\n",
        Fault::PushMisplaced,
        2,
        0,
    );
}

#[test]
fn no_byte_is_too_many() {
    caught(Lie::ExtraByteBetween, THREE, Fault::ExtraBytes, 5, 0);
    caught(
        Lie::ExtraByteAtTheEnd,
        "a: PING\na< +PONG\n",
        Fault::ExtraBytes,
        0,
        0,
    );
    caught(
        Lie::SpeaksUnasked,
        "a: PING\na< +PONG\na! quiet\n",
        Fault::NotQuiet,
        3,
        0,
    );
}

#[test]
fn ends_are_told_apart() {
    caught(Lie::EarlyClose, ECHO, Fault::ClosedEarly, 2, 6);
    caught(Lie::FinBeforeTheLastReply, QUIT, Fault::ClosedEarly, 2, 0);
    caught(
        Lie::CloseUnasked,
        "a: PING\na< +PONG\n",
        Fault::ClosedUnasked,
        0,
        0,
    );
    caught(Lie::StaysOpen, QUIT, Fault::NotClosed, 3, 0);
    caught(Lie::ResetForFin, QUIT, Fault::RstForFin, 3, 0);
}

#[test]
fn what_never_comes_is_noticed() {
    caught(Lie::Stuck, ECHO, Fault::Stuck, 2, 0);
    caught(Lie::StuckInTheMiddle, ECHO, Fault::Stuck, 2, 6);
}

#[test]
fn kinds_are_told_apart() {
    caught(
        Lie::MapInResp2,
        PAIR,
        Fault::WrongKind(Kind::Array, Kind::Map),
        2,
        0,
    );
    caught(
        Lie::ErrorForBulk,
        ECHO,
        Fault::WrongKind(Kind::Bulk, Kind::Error),
        2,
        0,
    );
    caught(
        Lie::BulkForStatus,
        "a: PING\na< +PONG\n",
        Fault::WrongKind(Kind::SimpleString, Kind::Bulk),
        2,
        0,
    );
}

#[test]
fn texts_and_numbers_count_to_the_byte() {
    caught(
        Lie::FloatText,
        "a: FLOAT\na< $3\\r\\n0.1\n",
        Fault::FloatText,
        2,
        1,
    );
    let error = "a: FAIL\na< -ERR wrong number of arguments for 'fail' command\n";
    caught(Lie::ErrorText, error, Fault::ErrorText, 2, 36);
    caught(Lie::WrongSign, "a: MINUS\na< :-7\n", Fault::WrongSign, 2, 1);
    caught(
        Lie::WrongNumber,
        "a: MINUS\na< :-7\n",
        Fault::WrongNumber,
        2,
        2,
    );
    caught(Lie::WrongCount, PAIR, Fault::WrongCount, 2, 1);
    caught(Lie::TruncatedBulk, ECHO, Fault::Truncated, 2, 1);
    caught(Lie::LowercasedBulk, ECHO, Fault::WrongText, 2, 4);
}

#[test]
fn an_answer_that_depends_on_a_cut_is_noticed_and_the_cut_is_named() {
    let cut = failure(Lie::OtherWhenCut, ECHO);
    assert_eq!(
        (cut.cut, cut.right_before),
        (Cut::Bytes, 1),
        "as written it is right"
    );
    assert_eq!((cut.divergence.line, cut.divergence.offset), (8, 1));

    // One command, cut before its first byte was read: only the single positions and the inside of a CRLF tell.
    let inside = failure(Lie::OtherWhenCutInsideCrlf, ECHO);
    assert!(
        matches!(inside.cut, Cut::Bytes | Cut::InsideCrlf),
        "{:?}",
        inside.cut
    );
}

#[test]
fn a_failure_is_told_with_both_sides_a_caret_and_the_way_to_see_it_again() {
    let steps = "a: PING\na< +PONG\na: ECHO Hello\na< $5\\r\\nHello\n";
    let failure = failure(Lie::LowercasedBulk, steps);
    let text = report::failure(
        &case(steps),
        &failure,
        &"redis-8.2.3".parse().unwrap(),
        &Place::default(),
    );
    let due = r"
DIVERGES  liar/case                                              must    as redis-8.2.3
  A case
  why: a test
  a>> *2\r\n$4\r\nECHO\r\n$5\r\nHello\r\n
  expected  $5\r\nHello\r\n                           redis 6.2.5, 7.0.15, 8.2.3, valkey 8.1.8, 9.1.2
  actual    $5\r\nhello\r\n
                  ^ byte 4 (byte 11 of the connection): other bytes
  then      the connection is open, and in sync
  cut       none: it differs as written
  wire      a → *1\r\n$4\r\nPING\r\n
            a ← +PONG\r\n
            a → *2\r\n$4\r\nECHO\r\n$5\r\nHello\r\n
            a ← $5\r\nhello\r\n
  at        fixtures/liar/case.resp:10
  accept    actual = 'hello\r\n'
  again:    printf '*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$5\r\nHello\r\n' | nc -q1 127.0.0.1 6380
  again:    respect run 'liar/case'
";
    assert_eq!(format!("\n{text}"), due);
}

#[test]
fn a_server_that_dies_is_told_with_the_bytes_that_killed_it() {
    match judge(&Liar::start(Lie::Dies), ECHO).unwrap().target.verdict {
        Verdict::Died(fatality) => {
            let (connection, bytes) = fatality.last_sent.unwrap();
            assert_eq!(
                (connection.as_str(), bytes.as_slice()),
                ("a", &b"*2\r\n$4\r\nECHO\r\n$5\r\nHello\r\n"[..])
            );
        }
        other => panic!("the death was not noticed: {other:?}"),
    }
}

#[test]
fn a_server_that_is_not_there_is_unreachable_and_not_right() {
    let gone = {
        let liar = Liar::start(Lie::Honest);
        liar.address()
    };
    let case = Case::parse(
        Path::new("a/b.resp"),
        "@id a/b\n@title t\n@level must\n@why w\n\na: PING\na< +PONG\n",
    )
    .unwrap();
    let plan = Plan {
        target: Origin::Address(gone),
        judged_as: Some("redis-8.2.3".parse().unwrap()),
        oracles: Vec::new(),
        cuts: Cuts::None,
        barrier: Barrier::Ping,
        jobs: 1,
    };
    let error = suite::run(&plan, &[&case], &mut |_, _| ControlFlow::Continue(())).unwrap_err();
    assert!(error.0.contains("no server answers"), "{}", error.0);
}
