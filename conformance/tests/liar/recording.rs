//! Recording from a server that is asked several times: what it says is written down, and what it says differently every
//! time is refused.

use std::path::Path;

use respect_conformance::case::Case;
use respect_conformance::control::Barrier;
use respect_conformance::record::rewrite;
use respect_conformance::recorder::{Heard, listen};
use respect_conformance::seat::Seat;
use respect_conformance::server::Origin;

use crate::server::{Liar, Lie};

const HEADER: &str = "@id liar/draft\n@title A draft\n@level must\n@why a test\n@timeout 300ms\n\n";

/// The transcript as a server speaks it that was asked three times, or why it cannot be written down.
fn recorded(lie: Lie, steps: &str) -> Result<String, String> {
    let liar = Liar::start(lie);
    let origin = Origin::Address(liar.address());
    let identity = "redis-8.2.3".parse().unwrap();
    let mut seat = Seat::open(&origin, Some(&identity), Barrier::Ping).unwrap();
    let case = Case::parse(Path::new("liar/draft.resp"), &format!("{HEADER}{steps}")).unwrap();
    let recording = match listen(&mut seat, &case, 3).unwrap() {
        Heard::Answers(recording) => recording,
        other => panic!("{other:?}"),
    };
    let transcript =
        rewrite(&case.transcript, &[recording]).map_err(|refusals| refusals[0].to_string())?;
    let text = transcript.to_string();
    let steps = text.lines().skip_while(|line| !line.is_empty()).skip(1);
    Ok(steps.map(|line| format!("{line}\n")).collect())
}

#[test]
fn answers_are_written_behind_what_asks_for_them() {
    let draft = "a: ECHO Hello\nb: QUIT\n";
    let text = recorded(Lie::Honest, draft).unwrap();
    assert_eq!(
        text,
        "a: ECHO Hello\na< $5\\r\\nHello\nb: QUIT\nb< +OK\nb! eof\n"
    );
    assert_eq!(
        recorded(Lie::Honest, &text).unwrap(),
        text,
        "recording again changes nothing"
    );
}

#[test]
fn what_was_recorded_otherwise_is_written_anew() {
    let text = recorded(Lie::Honest, "a: MINUS\na< :7\na: PAIR\na< $-1\n").unwrap();
    assert_eq!(
        text,
        "a: MINUS\na< :-7\na: PAIR\na< *2\\r\\n$1\\r\\nk\\r\\n$1\\r\\nv\n"
    );
}

#[test]
fn what_is_another_answer_every_time_is_refused() {
    let refusal =
        recorded(Lie::NeverTwiceTheSame, "a: ECHO Hello\na< $5\\r\\nHello\n").unwrap_err();
    assert!(
        refusal.contains("after one restart") && refusal.starts_with("8: redis-8.2.3"),
        "{refusal}"
    );
}
