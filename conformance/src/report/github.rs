//! The report for GitHub: annotations on the transcripts' lines, and a summary of the run in Markdown.

use std::fmt::Write;

use super::junit::problems;
use super::model::{Case, CaseResult, Conclusion, Outcome, Party, Report};
use super::summary;

/// A summary shows so many failures in full: GitHub takes a megabyte of it.
const SHOWN: usize = 50;

/// Workflow commands, one on each line: an error for each failure, a notice for what is only told.
pub fn annotations(report: &Report) -> String {
    let mut text = String::new();
    for case in &report.cases {
        annotate(&mut text, case, &case.result, "");
        for (result, oracle) in case.oracles.iter().zip(&report.oracles) {
            let prefix = format!("live oracle {}: ", oracle.judged_as);
            annotate(&mut text, case, result, &prefix);
        }
    }
    for (name, problem) in problems(report) {
        let _ = writeln!(
            text,
            "::error title={}::{}",
            value(&name),
            message(&problem)
        );
    }
    text
}

fn annotate(text: &mut String, case: &Case, result: &CaseResult, prefix: &str) {
    let command = match result.outcome {
        Outcome::Diverged | Outcome::Died | Outcome::Unplayable => "error",
        Outcome::Told => "notice",
        _ => return,
    };
    let line = match result.line() {
        Some(line) => format!(",line={line}"),
        None => String::new(),
    };
    let _ = writeln!(
        text,
        "::{command} file={}{line},title={}::{}",
        value(&case.file),
        value(&format!("{prefix}{} {}", case.id, result.outcome)),
        message(&format!("{}\n{}", case.title, result.summary()))
    );
}

fn message(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property ends at a comma or a colon.
fn value(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

/// The run in Markdown.
pub fn markdown(report: &Report) -> String {
    let target = &report.target;
    let mut text = format!(
        "## {}\n\n{}, in {:.1} s.\n\n",
        headline(report.conclusion),
        code(&target.origin),
        report.duration_ms / 1000.0,
    );
    for (name, part) in summary::parts(report) {
        let _ = writeln!(text, "- {name}: {}", escaped(&part));
    }
    text.push('\n');
    if let Some(trouble) = &report.trouble {
        let _ = writeln!(text, "**The run ended early:** {}\n", escaped(trouble));
    }
    if !report.cases.is_empty() {
        counts(&mut text, report);
    }
    let mut shown = 0;
    for case in report.failures() {
        shown += 1;
        if shown > SHOWN {
            continue;
        }
        let _ = writeln!(
            text,
            "<details><summary><b>{}</b> {} ({}): {}</summary>\n\n{}\n</details>\n",
            escaped(&case.id),
            case.result.outcome,
            case.level,
            escaped(&case.title),
            fenced(&case.result.terminal)
        );
    }
    if shown > SHOWN {
        let _ = writeln!(
            text,
            "{} more failures are not shown here.\n",
            shown - SHOWN
        );
    }
    known(&mut text, target);
    let forgiven = target.tolerances.iter();
    let forgiven: Vec<String> = forgiven
        .map(|tolerance| format!("{} × {}", tolerance.count, tolerance.what))
        .collect();
    if !forgiven.is_empty() {
        let _ = writeln!(text, "Forgiven: {}\n", forgiven.join(", "));
    }
    text
}

/// The sum of a run in one line.
pub(super) fn headline(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Ok => "The server respects the protocol",
        Conclusion::Diverged => "The server answers otherwise than it should",
        Conclusion::Unplayable => "A transcript cannot be played",
        Conclusion::Lost => "The server was lost",
        Conclusion::Nothing => "Nothing was judged",
        Conclusion::Oracles => "A live oracle does not answer as it is recorded",
    }
}

fn counts(text: &mut String, report: &Report) {
    text.push_str("| server |");
    let parties = || std::iter::once(&report.target).chain(&report.oracles);
    let outcomes = Outcome::ALL.into_iter().filter(|&outcome| {
        outcome == Outcome::Same || parties().any(|party| party.counts.of(outcome) > 0)
    });
    let outcomes: Vec<Outcome> = outcomes.collect();
    for outcome in &outcomes {
        let _ = write!(text, " {outcome} |");
    }
    let _ = writeln!(text, "\n|---|{}", "---:|".repeat(outcomes.len()));
    for party in parties() {
        let _ = write!(text, "| {} |", code(&party.origin));
        for &outcome in &outcomes {
            let _ = write!(text, " {} |", party.counts.of(outcome));
        }
        text.push('\n');
    }
    text.push('\n');
}

fn known(text: &mut String, target: &Party) {
    for (what, entries) in [
        ("accepted", &target.known.used),
        (
            "accepted, but **matches nothing any more**",
            &target.known.stale,
        ),
        ("accepted, but **expired**", &target.known.expired),
    ] {
        for entry in entries {
            let link = entry.link.as_deref().map_or(String::new(), |link| {
                format!(" (<{}>)", link.replace(['<', '>', ' '], ""))
            });
            let _ = writeln!(
                text,
                "- {} {what}: {}{link}",
                code(&entry.id),
                escaped(&entry.reason)
            );
        }
    }
    if !target.known.used.is_empty() || !target.known.stale.is_empty() {
        text.push('\n');
    }
}

/// Text that is text, whatever is in it.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\n' | '\r' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Text in a table's cell or a sentence, as code.
fn code(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let pad = if text.contains('`') { " " } else { "" };
    // A table takes a bar for the end of its cell even inside code.
    format!("{fence}{pad}{}{pad}{fence}", text.replace('|', "\\|"))
}

fn fenced(text: &str) -> String {
    let fence = "`".repeat((longest_run(text) + 1).max(3));
    format!("{fence}text\n{text}{fence}\n")
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_failure_is_annotated_where_it_is_written() {
        let text = annotations(&sample::full());
        let found = text
            .lines()
            .find(|line| line.contains("echo/diverged"))
            .unwrap();
        assert_eq!(
            found,
            format!(
                "::error file=fixtures/echo/diverged.resp,line=3,title=echo/diverged diverged::A title # with {}%0A\
                 byte 4: other bytes; due Hello\\r\\n, came hello\\r\\n",
                sample::HOSTILE
            )
        );
        let told = text.lines().find(|line| line.contains("echo/told"));
        assert!(told.unwrap().starts_with("::notice "));
        assert!(!text.contains("echo/not-begun"));
        assert_eq!(value("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
    }

    #[test]
    fn the_summary_is_text_whatever_a_server_says() {
        let text = markdown(&sample::full());
        assert!(
            text.starts_with("## A transcript cannot be played\n\n`./server")
                && text.contains("- transcripts: 1 of 5 identical")
        );
        assert!(text.contains("| same | known | told | diverged | died |"));
        // Inside a fence markup is text; everywhere else it must be escaped.
        let outside: String = text.split("```").step_by(2).collect();
        assert!(
            !outside.replace(&code_origin(), "").contains("<script>"),
            "{outside}"
        );
        assert!(text.contains("**matches nothing any more**: because &lt;script&gt;"));
        assert_eq!(fenced("``` `"), "````text\n``` `````\n");
    }

    fn code_origin() -> String {
        code(&sample::full().target.origin)
    }
}
