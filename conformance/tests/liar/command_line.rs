//! The program's exit codes: scripts tell by them a difference from a dead server, and either from nothing having run.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use respect_conformance::report::Report;
use respect_conformance::report::model::Outcome;

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

#[test]
fn a_broken_law_is_in_the_report_and_kept_as_a_transcript() {
    let dir = fixtures(HONEST);
    let report = dir.path().join("report.json");
    let to = format!("json={}", report.display());
    let liar = Liar::start(Lie::OtherInSmallLetters);
    let address = liar.address().to_string();
    let laws = [
        "laws",
        "--target",
        &address,
        "--as",
        "redis-8.2.3",
        "--law",
        "L1,L4",
        "--seed",
        "7",
        "--report",
        &to,
        "echo/hello",
    ];
    ends(dir.path(), &laws, 1, "kept as");
    let report: Report = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    let laws: Vec<(&str, Outcome)> = report
        .laws
        .iter()
        .map(|law| (law.id.as_str(), law.outcome))
        .collect();
    assert_eq!(laws, [("L1", Outcome::Same), ("L4", Outcome::Diverged)]);
    assert_eq!((report.seed, report.exit_code), (Some(7), 1));
    let kept = fs::read_dir(dir.path().join("regressions")).unwrap();
    assert_eq!(kept.count(), 1);
    // The one that was there is not in its canonical form.
    ends(dir.path(), &["fmt"], 0, "hello.resp");
    ends(dir.path(), &["lint"], 0, "2 transcripts, 0 errors");
}

#[test]
fn a_run_with_laws_has_both_in_one_report_and_one_exit_code() {
    let dir = fixtures(HONEST);
    for (lie, code) in [(Lie::Honest, 0), (Lie::OtherInSmallLetters, 1)] {
        let liar = Liar::start(lie);
        let address = liar.address().to_string();
        let run = [
            "run",
            "--laws",
            "--target",
            &address,
            "--as",
            "redis-8.2.3",
            "--report",
            "json",
            "echo/hello",
        ];
        let output = respect(dir.path(), &run);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let report: Report = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((report.cases.len(), report.laws.len()), (1, 10));
        assert_eq!(report.cases[0].result.outcome, Outcome::Same);
        assert!(report.seed.is_some());
        assert_eq!(i32::from(report.exit_code), code);
    }
}

#[test]
fn a_full_run_without_its_real_server_is_refused_before_anything_is_judged() {
    let dir = fixtures(HONEST);
    let nowhere = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_respect"))
        .args(["run", "--full", "--target", "127.0.0.1:1", "--flush"])
        .args(["--as", "redis-8.2.3"])
        .env("RESPECT_FIXTURES", dir.path())
        .env("RESPECT_ORACLES", nowhere.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert_eq!(
        said.trim(),
        "respect: redis-8.2.3 is not installed; `respect oracle install redis-8.2.3` brings it"
    );
}

#[test]
fn a_target_that_dies_in_a_matrix_is_3_with_the_bytes_that_killed_it() {
    let dir = fixtures(HONEST);
    let second = fs::read_to_string(dir.path().join("echo/hello.resp")).unwrap();
    let second = second.replace("echo/hello", "echo/later");
    fs::write(dir.path().join("echo/later.resp"), second).unwrap();
    let (honest, dies) = (Liar::start(Lie::Honest), Liar::start(Lie::Dies));
    let targets = [
        format!("honest={}", honest.address()),
        format!("dies={}", dies.address()),
    ];
    let json = dir.path().join("matrix.json");
    let matrix = [
        "matrix",
        &targets[0],
        &targets[1],
        "--as",
        "redis-8.2.3",
        "--json",
        json.to_str().unwrap(),
        "--report",
        "json",
    ];
    let output = respect(dir.path(), &matrix);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report.exit_code, 3);
    let rows = report.matrix.unwrap().rows;
    let outcomes = |row: usize| -> Vec<Outcome> {
        let cells = rows[row].cells.iter();
        cells.map(|cell| cell.outcome).collect()
    };
    // The other one goes on, and what the dead one was not asked is not held against it.
    assert_eq!(outcomes(0), [Outcome::Same, Outcome::Died]);
    assert_eq!(outcomes(1), [Outcome::Same, Outcome::NotBegun]);
    let written = fs::read_to_string(json).unwrap();
    assert!(written.contains(r"*2\\r\\n$4\\r\\nECHO"), "{written}");
}

#[test]
fn what_monitor_printed_becomes_a_transcript_or_says_what_is_wrong() {
    let dir = fixtures(HONEST);
    let file = dir.path().join("monitor.txt");
    let nowhere = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    for (text, code, says) in [
        ("nothing of the kind\n", 4, "no line of MONITOR is in it"),
        ("1.0 [0 127.0.0.1:1] \"PING\"\n", 3, "no build is installed"),
    ] {
        fs::write(&file, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_respect"))
            .args(["record", "--from-monitor"])
            .arg(&file)
            .args(["--out", out])
            .env("RESPECT_ORACLES", nowhere.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(says), "{said}");
    }
    ends(
        dir.path(),
        &["record", "--from-monitor", "/no/such"],
        2,
        "/no/such",
    );
}
