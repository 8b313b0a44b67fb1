//! The report as TAP version 14: a line for each transcript, with a YAML block under each that fails.

use std::fmt::Write;

use super::junit::problems;
use super::model::{Case, CaseResult, Outcome, Report};

/// The whole report.
pub fn tap(report: &Report) -> String {
    let problems = problems(report);
    let results = report.cases.iter().flat_map(|case| {
        let oracles = case.oracles.iter().zip(&report.oracles);
        let oracles = oracles.map(move |(result, oracle)| {
            let name = format!("oracle {}: {}", oracle.judged_as, case.id);
            (name, case, result)
        });
        std::iter::once((case.id.clone(), case, &case.result)).chain(oracles)
    });
    let results: Vec<_> = results.collect();
    // A server that was lost ends the run, and is no point of it.
    let others = problems.len() - usize::from(report.trouble.is_some());
    let mut text = format!("TAP version 14\n1..{}\n", results.len() + others);
    for (index, (name, case, result)) in results.iter().enumerate() {
        point(&mut text, index + 1, name, case, result);
    }
    for (index, (name, problem)) in problems.iter().take(others).enumerate() {
        let number = results.len() + index + 1;
        let _ = writeln!(text, "not ok {number} - {}", escaped(name));
        yaml(&mut text, &[("message", problem)]);
    }
    if let Some(trouble) = &report.trouble {
        let _ = writeln!(text, "Bail out! {}", one_line(trouble));
    }
    text
}

fn point(text: &mut String, number: usize, name: &str, case: &Case, result: &CaseResult) {
    let name = escaped(name);
    let reason = || {
        one_line(
            result
                .reason
                .as_deref()
                .unwrap_or("the run ended before it"),
        )
    };
    let line = match result.outcome {
        Outcome::Same => format!("ok {number} - {name}"),
        // TAP's word for a test that is expected to fail.
        Outcome::Known => {
            let known = result.known.as_ref();
            let reason = known.map_or("", |known| known.reason.as_str());
            format!("not ok {number} - {name} # TODO {}", one_line(reason))
        }
        Outcome::Told => format!(
            "not ok {number} - {name} # TODO level {}, held against nobody",
            case.level
        ),
        Outcome::NotApplicable | Outcome::NotBegun => {
            format!("ok {number} - {name} # SKIP {}", reason())
        }
        Outcome::Diverged | Outcome::Died | Outcome::Unplayable => {
            format!("not ok {number} - {name}")
        }
    };
    let _ = writeln!(text, "{line}");
    let summary = result.summary();
    match (&result.difference, result.outcome) {
        (Some(difference), _) => yaml(
            text,
            &[
                ("message", &summary),
                ("fault", &difference.fault),
                ("title", &case.title),
                ("level", &case.level),
                ("file", &case.file),
                ("line", &difference.line.to_string()),
                ("expected", &difference.expected),
                ("actual", &difference.actual.text),
                ("cut", &difference.cut),
            ],
        ),
        (None, Outcome::Died | Outcome::Unplayable) => {
            yaml(text, &[("message", &summary), ("file", &case.file)]);
        }
        (None, _) => {}
    }
}

/// A block of strings. A JSON string is a YAML string.
fn yaml(text: &mut String, pairs: &[(&str, &str)]) {
    text.push_str("  ---\n");
    for (key, value) in pairs {
        let _ = writeln!(text, "  {key}: {}", serde_json::Value::from(*value));
    }
    text.push_str("  ...\n");
}

/// In a description `#` would begin a directive.
fn escaped(description: &str) -> String {
    one_line(description)
        .replace('\\', r"\\")
        .replace('#', r"\#")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn every_outcome_is_a_line_and_failures_have_a_block() {
        let text = tap(&sample::full());
        let points: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("ok ") || line.starts_with("not ok "))
            .map(|line| line.split(" <").next().unwrap())
            .collect();
        assert_eq!(
            points,
            [
                "ok 1 - echo/same",
                "not ok 2 - echo/known # TODO because",
                "not ok 3 - echo/told # TODO level may, held against nobody",
                "not ok 4 - echo/diverged",
                "not ok 5 - echo/died",
                "ok 6 - echo/not-applicable # SKIP @since valkey",
                "not ok 7 - echo/unplayable",
                "ok 8 - echo/not-begun # SKIP the run ended before it",
                "not ok 9 - known echo/same",
                "not ok 10 - expired echo/known",
                "not ok 11 - law L1",
                "not ok 12 - stream GETEX",
            ]
        );
        assert!(text.starts_with("TAP version 14\n1..12\n"));
        assert!(text.ends_with("Bail out! the server is gone\n"));
        assert!(text.contains("  actual: \"$5\\\\r\\\\nhello\\\\r\\\\n\"\n"));
        assert_eq!(
            text.matches("  ---\n").count(),
            text.matches("  ...\n").count()
        );
    }

    #[test]
    fn a_description_cannot_become_a_directive() {
        assert_eq!(escaped("a # SKIP \\ b\nok 2"), r"a \# SKIP \\ b ok 2");
    }
}
