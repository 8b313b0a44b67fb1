//! More lies: the shapes of RESP3, numbers, bytes, timing, limits and ends.

use respect_conformance::compare::Fault;
use respect_conformance::wire::Kind;

use super::server::Lie;
use super::{ECHO, caught};

#[test]
fn the_shapes_of_resp3_are_told_apart() {
    let scores = "a: SCORES\na< %1\\r\\n+a\\r\\n,1.5\n";
    caught(
        Lie::SetForMap,
        scores,
        Fault::WrongKind(Kind::Map, Kind::Set),
        2,
        0,
    );
    caught(
        Lie::BulkForDouble,
        scores,
        Fault::WrongKind(Kind::Double, Kind::Bulk),
        2,
        8,
    );
    caught(Lie::PushInsideReply, scores, Fault::ExtraBytes, 2, 8);
    let cases = [
        (
            Lie::IntegerForBoolean,
            "TRUTH",
            "#t",
            Kind::Boolean,
            Kind::Integer,
        ),
        (
            Lie::BulkForVerbatim,
            "TEXT",
            "=6\\r\\ntxt:hi",
            Kind::Verbatim,
            Kind::Bulk,
        ),
        (
            Lie::BulkForBigNumber,
            "HUGE",
            "(12",
            Kind::BigNumber,
            Kind::Bulk,
        ),
    ];
    for (lie, command, due, kind, came) in cases {
        let steps = format!("a: {command}\na< {due}\n");
        caught(lie, &steps, Fault::WrongKind(kind, came), 2, 0);
    }
    let nothing = "a: NOTHING\na< _\n";
    caught(
        Lie::NullOfResp2,
        nothing,
        Fault::MergedNulls(Kind::Null, Kind::NullBulk),
        2,
        0,
    );
}

#[test]
fn numbers_are_written_in_one_way() {
    caught(
        Lie::LeadingZero,
        "a: MINUS\na< :-7\n",
        Fault::WrongNumber,
        2,
        2,
    );
    caught(Lie::PlusSign, "a: SEVEN\na< :7\n", Fault::WrongNumber, 2, 1);
}

#[test]
fn every_byte_of_a_text_counts() {
    let nul = "a: ECHO \"a\\x00b\"\na< $3\\r\\na\\0b\n";
    caught(Lie::CutAtNul, nul, Fault::Truncated, 2, 1);
    let error = "a: FAIL\na< -ERR wrong number of arguments for 'fail' command\n";
    caught(Lie::BlankBehindError, error, Fault::ErrorText, 2, 49);
    caught(Lie::UppercasedErrorCode, error, Fault::ErrorText, 2, 2);
}

#[test]
fn timing_limits_and_ends_count() {
    caught(Lie::HeldUntilTheNext, ECHO, Fault::Stuck, 2, 0);
    let large = "a: ECHO {x*2000}\na< $2000\\r\\n{x*2000}\n";
    caught(
        Lie::RefusesLargeArguments,
        large,
        Fault::WrongKind(Kind::Bulk, Kind::Error),
        2,
        0,
    );
    let error =
        "a: FAIL\na< -ERR wrong number of arguments for 'fail' command\na: PING\na< +PONG\n";
    caught(Lie::ClosesAfterError, error, Fault::ClosedEarly, 4, 0);
    let half = "a: ECHO Hello\na! shutdown\na< $5\\r\\nHello\na! eof\n";
    caught(Lie::HalfCloseLosesTheReply, half, Fault::ClosedEarly, 3, 0);
}

/// What OtherWhenPipelined and its like are wrong about is a matter of laws; transcripts that do the same find them, too.
#[test]
fn what_breaks_a_law_is_found_by_a_transcript_that_does_the_same() {
    let piped = "a: PING\na: ECHO Hello\na< +PONG\na< $5\\r\\nHello\n";
    caught(Lie::OtherWhenPipelined, piped, Fault::WrongText, 4, 4);
    caught(
        Lie::OtherWhenInline,
        "a> ECHO Hello\na< $5\\r\\nHello\n",
        Fault::WrongText,
        2,
        4,
    );
    caught(
        Lie::OtherInSmallLetters,
        "a: echo Hello\na< $5\\r\\nHello\n",
        Fault::WrongText,
        2,
        4,
    );
    caught(
        Lie::TwoReplies,
        super::PAIR,
        Fault::WrongKind(Kind::Array, Kind::SimpleString),
        2,
        0,
    );
}
