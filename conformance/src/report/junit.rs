//! The report as JUnit XML: a suite for each section, a test case for each transcript, a failure for each difference and an
//! error for each death. What the format has no word for is told in a case's output.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::model::{Case, CaseResult, Outcome, Report};

/// The whole report as one XML file.
pub fn junit(report: &Report) -> String {
    let mut file = quick_junit::Report::new("respect");
    file.set_time(duration(report.duration_ms));
    if let Ok(started) = DateTime::parse_from_rfc3339(&report.started) {
        file.set_timestamp(started);
    }
    suites(&mut file, "", report, |case| Some(&case.result));
    for (at, oracle) in report.oracles.iter().enumerate() {
        let prefix = format!("oracle {}: ", oracle.judged_as);
        suites(&mut file, &prefix, report, |case| case.oracles.get(at));
    }
    let mut run = TestSuite::new("the run");
    for (name, problem) in problems(report) {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(problem);
        run.add_test_case(named(&name, "the run", status));
    }
    if !run.test_cases.is_empty() {
        file.add_test_suite(run);
    }
    file.to_string()
        .expect("quick-junit escapes what XML cannot hold")
}

fn suites<'r>(
    file: &mut quick_junit::Report,
    prefix: &str,
    report: &'r Report,
    result: impl Fn(&'r Case) -> Option<&'r CaseResult>,
) {
    let mut sections: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for case in &report.cases {
        let Some(result) = result(case) else { continue };
        let name = format!("{prefix}{}", case.section());
        let suite = sections
            .entry(case.section())
            .or_insert_with(|| TestSuite::new(name.clone()));
        let mut test = named(&case.id, &name, status(result));
        test.set_time(duration(result.duration_ms));
        test.add_property(("level", case.level.as_str()));
        test.add_property(("outcome", result.outcome.name()));
        match (&result.known, result.outcome) {
            (Some(known), _) => {
                test.set_system_out(text(&format!("differs as is accepted: {}", known.reason)));
            }
            // Not a failure, but not nothing.
            (None, Outcome::Told) => {
                test.set_system_out(text(&result.terminal));
            }
            (None, _) => {}
        }
        suite.add_test_case(test);
    }
    for suite in sections.values_mut() {
        let times = suite.test_cases.iter().filter_map(|test| test.time);
        suite.set_time(times.sum());
    }
    file.add_test_suites(sections.into_values());
}

fn named(name: &str, class: &str, status: TestCaseStatus) -> TestCase {
    let mut test = TestCase::new(name, status);
    test.set_classname(class);
    test
}

fn status(result: &CaseResult) -> TestCaseStatus {
    let kind = match result.outcome {
        Outcome::Same | Outcome::Known | Outcome::Told => return TestCaseStatus::success(),
        Outcome::NotApplicable | Outcome::NotBegun => {
            let mut status = TestCaseStatus::skipped();
            let reason = result.reason.as_deref();
            status.set_message(reason.unwrap_or("the run ended before it"));
            return status;
        }
        Outcome::Diverged => NonSuccessKind::Failure,
        Outcome::Died | Outcome::Unplayable => NonSuccessKind::Error,
    };
    let mut status = TestCaseStatus::non_success(kind);
    status
        .set_message(result.summary())
        .set_type(match &result.difference {
            Some(difference) => difference.fault.as_str(),
            None => result.outcome.name(),
        })
        .set_description(text(&result.terminal));
    status
}

/// quick-junit leaves `>` as it is; but XML allows no `]]>` in a text.
fn text(text: &str) -> String {
    text.replace("]]>", "]] >")
}

/// What fails a run and belongs to no transcript, under a name each; a server that was lost is told last.
pub(super) fn problems(report: &Report) -> Vec<(String, String)> {
    let laws = report.laws.iter().filter(|law| law.outcome.fails());
    let laws = laws.map(|law| {
        let text = format!("{}\n{}", law.title, law.terminal);
        (format!("law {}", law.id), text)
    });
    let streams = report.streams.iter().flat_map(|streams| &streams.findings);
    let streams = streams.map(|found| {
        let text = format!("{}\n{}", found.fault, found.transcript);
        (format!("stream {}", found.command), text)
    });
    let slow = report.slow_clients.iter().flat_map(|slow| &slow.trials);
    let slow = slow.filter_map(|trial| {
        // The first server is the one under judgement.
        let figures = trial.figures.first()?.as_ref()?;
        let fails = figures.outcome.fails();
        fails.then(|| (format!("slow {}", trial.id), figures.note.clone()))
    });
    let known = &report.target.known;
    let stale = known.stale.iter().map(|entry| {
        let text = "the known file's entry matches nothing any more".to_owned();
        (format!("known {}", entry.id), text)
    });
    let expired = known.expired.iter().map(|entry| {
        let day = entry.expires.as_deref().unwrap_or_default();
        let text = format!("the known file's entry expired on {day}: {}", entry.reason);
        (format!("expired {}", entry.id), text)
    });
    let trouble = report.trouble.iter();
    let trouble = trouble.map(|text| ("the server".to_owned(), text.clone()));
    stale
        .chain(expired)
        .chain(laws)
        .chain(streams)
        .chain(slow)
        .chain(trouble)
        .collect()
}

fn duration(milliseconds: f64) -> Duration {
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn every_outcome_has_its_place_and_nothing_breaks_the_markup() {
        let xml = junit(&sample::full());
        for part in [
            r#"<testsuite name="echo" tests="8" skipped="2" errors="2" failures="1" time="0.025">"#,
            r#"<testcase name="echo/same" classname="echo" time="0.003">"#,
            r#"<failure message="byte 4: other bytes; due Hello\r\n, came hello\r\n" type="wrong-text">"#,
            r#"<error message="the server died (signal: 6)" type="died">"#,
            r#"<skipped message="@since valkey"/>"#,
            r#"<skipped message="the run ended before it"/>"#,
            "differs as is accepted: because &lt;script>",
            r#"<failure message="the known file's entry matches nothing any more"/>"#,
            r#"<failure message="the server is gone"/>"#,
        ] {
            let quoted = xml.replace("&apos;", "'").replace("&gt;", ">");
            assert!(quoted.contains(part), "{part} is not in\n{quoted}");
        }
        let texts = xml
            .split('<')
            .filter_map(|part| Some(part.split_once('>')?.1));
        assert!(texts.into_iter().all(|text| !text.contains("]]>")), "{xml}");
        assert!(!xml.contains(sample::HOSTILE) && !xml.contains(['\u{1b}', '\u{7}']));
    }

    #[test]
    fn a_reader_finds_as_many_cases_as_there_are() {
        let report = sample::full();
        let xml = junit(&report);
        let read = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        assert_eq!(
            read.test_suites[0].test_cases.len(),
            report.cases.len(),
            "{xml}"
        );
    }
}
