//! The program's exit codes: scripts tell by them a difference from a dead server, and either from nothing having run.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::server::{Liar, Lie};

const HEADER: &str = "@level must\n@why a test\n@tags echo\n@timeout 300ms\n\n";

/// A folder with one transcript, `echo/hello`.
pub(crate) fn fixtures(steps: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("echo")).unwrap();
    let text = format!("@id echo/hello\n@title A case\n{HEADER}{steps}");
    fs::write(dir.path().join("echo/hello.resp"), text).unwrap();
    dir
}

pub(crate) const HONEST: &str = "a: ECHO Hello\na< $5\\r\\nHello\n";

#[track_caller]
pub(crate) fn ends(fixtures: &Path, arguments: &[&str], code: i32, says: &str) {
    let output = respect(fixtures, arguments);
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(
        said.contains(says),
        "{arguments:?} does not say `{says}`: {said}"
    );
}

pub(crate) fn respect(fixtures: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_respect"))
        .args(arguments)
        .env("RESPECT_FIXTURES", fixtures)
        .output()
        .unwrap()
}

#[test]
fn an_honest_server_is_0_and_a_liar_is_1() {
    let dir = fixtures(HONEST);
    let honest = Liar::start(Lie::Honest);
    let address = honest.address().to_string();
    let run = ["run", "--target", &address, "--as", "redis-8.2.3"];
    ends(
        dir.path(),
        &run,
        0,
        "1 of 1 transcripts identical to redis-8.2.3",
    );

    let liar = Liar::start(Lie::LowercasedBulk);
    let address = liar.address().to_string();
    ends(
        dir.path(),
        &["run", "--target", &address, "--as", "redis-8.2.3"],
        1,
        "DIVERGES",
    );
}

#[test]
fn a_difference_that_is_known_is_0_until_it_is_gone() {
    let dir = fixtures(HONEST);
    let known = "[[difference]]\nid = 'echo/hello'\nbuild = 'redis-8.2.3'\nreason = 'a test'\nactual = 'hello\\r\\n'\n";
    let file = dir.path().join("accepted.toml");
    fs::write(&file, known).unwrap();
    let file = file.to_str().unwrap();
    let liar = Liar::start(Lie::LowercasedBulk);
    let address = liar.address().to_string();
    let run = [
        "run",
        "--target",
        &address,
        "--as",
        "redis-8.2.3",
        "--known",
        file,
    ];
    ends(
        dir.path(),
        &run,
        0,
        "1 differ as the known file says: echo/hello",
    );

    let honest = Liar::start(Lie::Honest);
    let address = honest.address().to_string();
    let run = [
        "run",
        "--target",
        &address,
        "--as",
        "redis-8.2.3",
        "--known",
        file,
    ];
    ends(dir.path(), &run, 1, "matches nothing any more");
}

#[test]
fn an_oracle_that_contradicts_its_recording_is_5() {
    let dir = fixtures(HONEST);
    let honest = Liar::start(Lie::Honest);
    let liar = Liar::start(Lie::IdentifiedAndLowercased);
    let (target, oracle) = (honest.address().to_string(), liar.address().to_string());
    let run = [
        "run",
        "--target",
        &target,
        "--as",
        "redis-8.2.3",
        "--oracle",
        &oracle,
    ];
    ends(
        dir.path(),
        &run,
        5,
        "ORACLE redis-8.2.3 does not answer as it is recorded",
    );
}

#[test]
fn what_is_wrong_with_the_command_or_a_transcript_is_2() {
    ends(
        fixtures("a PING\n").path(),
        &["run"],
        2,
        "echo/hello.resp:8:",
    );
    let dir = fixtures(HONEST);
    ends(
        dir.path(),
        &["run", "--target", "no-such-thing"],
        2,
        "neither an address",
    );
    ends(dir.path(), &["run", "--cuts", "some"], 2, "invalid value");
    fs::write(dir.path().join("known.toml"), "[[difference]]\n").unwrap();
    ends(dir.path(), &["run"], 2, "known.toml");
    ends(
        fixtures("a: PING\n").path(),
        &["lint"],
        2,
        "this case cannot fail",
    );
}

#[test]
fn a_server_that_is_not_there_or_dies_is_3() {
    let dir = fixtures(HONEST);
    let gone = Liar::start(Lie::Honest).address().to_string();
    ends(
        dir.path(),
        &["run", "--target", &gone],
        3,
        "no server answers",
    );

    let liar = Liar::start(Lie::Dies);
    let address = liar.address().to_string();
    let run = ["run", "--target", &address, "--as", "redis-8.2.3"];
    ends(dir.path(), &run, 3, "last sent a>> *2\\r\\n$4\\r\\nECHO");
}

#[test]
fn nothing_to_do_is_4_and_never_success() {
    let dir = fixtures(HONEST);
    ends(
        dir.path(),
        &["run", "no/such"],
        4,
        "no transcript is selected by no/such",
    );
    ends(
        dir.path(),
        &["run", "--tag", "slow"],
        4,
        "no transcript is selected by slow",
    );
    ends(
        tempfile::tempdir().unwrap().path(),
        &["run"],
        4,
        "no transcript (*.resp) is below",
    );

    let since = fixtures("a: PING\na< +PONG\n");
    let text = fs::read_to_string(since.path().join("echo/hello.resp")).unwrap();
    let text = text.replace("@timeout", "@since valkey\n@timeout");
    fs::write(since.path().join("echo/hello.resp"), text).unwrap();
    let honest = Liar::start(Lie::Honest);
    let address = honest.address().to_string();
    let run = ["run", "--target", &address, "--as", "redis-8.2.3"];
    ends(since.path(), &run, 4, "1 do not apply: @since valkey");
}

#[test]
fn a_server_that_holds_keys_is_left_alone() {
    let dir = fixtures(HONEST);
    let server = Liar::start(Lie::HoldsKeys);
    let address = server.address().to_string();
    ends(
        dir.path(),
        &["run", "--target", &address, "--as", "redis-8.2.3"],
        2,
        "holds 12 keys",
    );
    ends(
        dir.path(),
        &[
            "run",
            "--target",
            &address,
            "--as",
            "redis-8.2.3",
            "--flush",
        ],
        0,
        "1 of 1",
    );
}
