//! The judge as a library, in another project's test run: every transcript a test, and a liar's tests fail.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use respect_conformance::harness::Harness;
use respect_conformance::report::model::{Conclusion, Outcome};

use super::command_line::{HONEST, fixtures};
use crate::server::{Liar, Lie};

/// The example's program, built as a stranger would build it.
fn example() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let status = Command::new(cargo)
                .args(["build", "--quiet", "--example", "judge"])
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status()
                .unwrap();
            assert!(status.success(), "the example does not build");
            let programs = PathBuf::from(env!("CARGO_BIN_EXE_respect"));
            programs.with_file_name("examples").join("judge")
        })
        .clone()
}

fn judge(server: &Liar, known: Option<&str>, arguments: &[&str]) -> Output {
    let dir = fixtures(HONEST);
    let mut command = Command::new(example());
    if let Some(known) = known {
        let file = dir.path().join("known.toml");
        fs::write(&file, known).unwrap();
        command.env("KNOWN", file);
    }
    command
        .args(arguments)
        .env("MY_SERVER", server.address().to_string())
        .env("JUDGED_AS", "redis-8.2.3")
        .env("RESPECT_FIXTURES", dir.path())
        .output()
        .unwrap()
}

#[track_caller]
fn says(output: &Output, code: i32, parts: &[&str]) {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "it does not say `{part}`: {said}");
    }
}

#[test]
fn every_transcript_is_a_test_with_its_name() {
    let honest = Liar::start(Lie::Honest);
    says(&judge(&honest, None, &["--list"]), 0, &["echo/hello: test"]);
    let honest = Liar::start(Lie::Honest);
    let parts = ["test echo/hello ... ok", "1 passed; 0 failed"];
    says(&judge(&honest, None, &[]), 0, &parts);
    let honest = Liar::start(Lie::Honest);
    says(&judge(&honest, None, &["other"]), 0, &["1 filtered out"]);
}

#[test]
fn a_liar_fails_the_test_with_the_evidence() {
    let parts = [
        "test echo/hello ... FAILED",
        "DIVERGES",
        "accept    actual = 'hello",
    ];
    let liar = Liar::start(Lie::LowercasedBulk);
    says(&judge(&liar, None, &[]), 101, &parts);
}

#[test]
fn an_accepted_difference_passes_until_it_is_gone_or_expired() {
    let known = |expires: &str| {
        format!(
            "[[difference]]\nid = 'echo/hello'\nbuild = 'redis-8.2.3'\nreason = 'a test'\nactual = 'hello\\r\\n'\n{expires}"
        )
    };
    let liar = Liar::start(Lie::LowercasedBulk);
    says(&judge(&liar, Some(&known("")), &[]), 0, &["1 passed"]);
    let liar = Liar::start(Lie::LowercasedBulk);
    let expired = known("expires = 2020-01-31\n");
    says(
        &judge(&liar, Some(&expired), &[]),
        101,
        &["expired on 2020-01-31"],
    );
    let honest = Liar::start(Lie::Honest);
    let parts = ["matches nothing any more"];
    says(&judge(&honest, Some(&known("")), &[]), 101, &parts);
}

#[test]
fn nothing_to_judge_is_no_success() {
    let gone = Liar::start(Lie::Honest).address().to_string();
    let dir = fixtures(HONEST);
    let harness = || {
        Harness::new(&gone)
            .fixtures(dir.path())
            .judged_as("redis-8.2.3")
    };
    let error = harness().judge().unwrap_err().to_string();
    assert!(error.contains("no server answers"), "{error}");
    let error = harness().select("no/such").judge().unwrap_err().to_string();
    assert!(error.contains("is selected"), "{error}");
    let error = harness().judged_as("eight").judge().unwrap_err();
    assert!(error.to_string().starts_with("judged_as: "), "{error}");
}

#[test]
fn the_whole_report_is_to_be_had_as_a_value() {
    let liar = Liar::start(Lie::LowercasedBulk);
    let dir = fixtures(HONEST);
    let report = Harness::new(liar.address().to_string())
        .fixtures(dir.path())
        .judged_as("redis-8.2.3")
        .judge()
        .unwrap();
    assert_eq!(report.conclusion, Conclusion::Diverged);
    let case = report.case("echo/hello").unwrap();
    assert_eq!(case.result.outcome, Outcome::Diverged);
    assert_eq!(case.result.difference.as_ref().unwrap().offset, 4);
}
