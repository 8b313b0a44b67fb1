//! The report as one page that needs nothing else: no network, no other file, and no script to be read. Everything that came
//! from a server or a transcript is text; the markup is made by a template that escapes.

#[cfg(all(test, feature = "browser"))]
mod browser;
mod bytes;
mod figures;

use std::collections::{BTreeMap, BTreeSet};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::github::headline;
use super::model::{
    Case, CaseResult, Conclusion, Counts, Death, Difference, KnownEntry, Outcome, Party, Report,
    Start,
};
use super::summary::parts;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// So many failures are shown opened; more would bury each other.
const OPENED: usize = 8;

/// The whole page.
pub fn html(report: &Report) -> String {
    let title = format!(
        "{}: {}",
        report.target.judged_as,
        headline(report.conclusion)
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Should anything ever slip through, it can load nothing and reach nobody.
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(report))
                main {
                    @if !report.cases.is_empty() { (cases(report)) }
                    (figures::laws(&report.laws))
                    @if let Some(streams) = &report.streams { (figures::streams(streams)) }
                    @if let Some(matrix) = &report.matrix { (figures::matrix(matrix)) }
                    @if let Some(slow) = &report.slow_clients { (figures::slow_clients(slow)) }
                    @if let Some(coverage) = &report.coverage { (figures::coverage(coverage)) }
                    (tolerances(&report.target))
                    (known(&report.target))
                }
                footer {
                    "Written by " (report.tool.name) " " (report.tool.version) ", " (report.started) "."
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// An outcome as a sign, so that colour alone tells nothing.
fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Same => "✓",
        Outcome::Known => "≈",
        Outcome::Told => "·",
        Outcome::Diverged => "✗",
        Outcome::Died => "†",
        Outcome::NotApplicable => "–",
        Outcome::Unplayable => "!",
        Outcome::NotBegun => "○",
    }
}

fn tone(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Ok => "same",
        Conclusion::Diverged => "diverged",
        Conclusion::Unplayable | Conclusion::Oracles => "unplayable",
        Conclusion::Lost => "died",
        Conclusion::Nothing => "not_begun",
    }
}

fn head(report: &Report) -> Markup {
    let target = &report.target;
    let start = match target.start {
        Start::Joined => "joined at its address",
        Start::Command | Start::Program => "started by the judge",
        Start::Oracle => "a pinned build, started by the judge",
    };
    html! {
        header class=(tone(report.conclusion)) {
            div {
                h1 { (headline(report.conclusion)) }
                p { b { (target.judged_as) } " is expected of it; all of this took " (format!("{:.1} s", report.duration_ms / 1000.0)) "." }
                dl.facts {
                    @for (name, part) in parts(report) { dt { a href=(format!("#{}", name.replace(' ', "-"))) { (name) } } dd { (part) } }
                }
                @if let Some(trouble) = &report.trouble { p { b { "The run ended early: " } (trouble) } }
                @if !report.cases.is_empty() { (bar(&target.counts)) }
                details {
                    summary { "Facts of the run" }
                    dl.facts {
                        dt { "target" } dd { code { (target.origin) } ", " (start) }
                        @for oracle in &report.oracles {
                            dt { "live oracle" }
                            dd {
                                code { (oracle.origin) } ": " (oracle.counts.same) " of " (oracle.counts.played())
                                " identical to " (oracle.judged_as)
                            }
                        }
                        @if !report.command.is_empty() { dt { "command" } dd { code { (report.command.join(" ")) } } }
                        dt { "began" } dd { (report.started) }
                        @if let Some(seed) = report.seed { dt { "seed" } dd { (seed) } }
                        @if let Some(shard) = &report.shard { dt { "share" } dd { (shard) } }
                        dt { "proof of reading" } dd { (report.barrier) }
                        dt { "instances at once" } dd { (report.jobs) }
                        @if target.positions_left_out > 0 {
                            dt { "not cut" } dd { (target.positions_left_out) " positions inside long writes" }
                        }
                        @if target.cases_that_wait > 0 {
                            dt { "cut less" } dd { (target.cases_that_wait) " transcripts that wait by their nature" }
                        }
                        dt { "conclusion" } dd { "exit code " (report.exit_code) }
                    }
                }
            }
        }
    }
}

/// How many of each outcome, as one bar.
fn bar(counts: &Counts) -> Markup {
    html! {
        div.bar role="img" aria-label=(said(counts)) title=(said(counts)) {
            @for outcome in Outcome::ALL {
                @if counts.of(outcome) > 0 {
                    span class=(outcome.name()) style=(format!("flex-grow: {}", counts.of(outcome))) {}
                }
            }
        }
    }
}

fn said(counts: &Counts) -> String {
    let outcomes = Outcome::ALL
        .into_iter()
        .filter(|&outcome| counts.of(outcome) > 0);
    let parts: Vec<String> = outcomes
        .map(|outcome| format!("{} {outcome}", counts.of(outcome)))
        .collect();
    parts.join(", ")
}

fn cases(report: &Report) -> Markup {
    let mut families: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in &report.cases {
        families.entry(case.section()).or_default().push(case);
    }
    let opens = report.failures().count() <= OPENED;
    html! {
        (failures(report))
        h2 #transcripts { "Transcripts" }
        (filters(report))
        div.families {
            @for (name, cases) in &families {
                @let same = cases.iter().filter(|case| case.result.outcome == Outcome::Same).count();
                div { b { (name) } " " span.aside { (same) "/" (cases.len()) } }
                div.squares {
                    @for case in cases {
                        @let outcome = case.result.outcome;
                        a class=(outcome.name()) href=(format!("#{}", anchor(case)))
                            title=(format!("{}: {outcome}", case.id)) aria-label=(format!("{}: {outcome}", case.id)) {
                            (sign(outcome))
                        }
                    }
                }
            }
        }
        @for (name, cases) in &families {
            section.family {
                h3 { (name) }
                @for case in cases { (one(case, opens)) }
            }
        }
    }
}

/// What fails the run, in a line each, before everything that does not.
fn failures(report: &Report) -> Markup {
    html! {
        @if report.failures().next().is_some() {
            h2 { "What fails" }
            table.fails {
                @for case in report.failures() {
                    tr class=(case.result.outcome.name()) {
                        td { span.word { (sign(case.result.outcome)) } }
                        td { a.id href=(format!("#{}", anchor(case))) { (case.id) } }
                        td { (case.title) div.aside { (case.result.summary()) } }
                    }
                }
            }
        }
    }
}

fn anchor(case: &Case) -> String {
    format!("case-{}", case.id.replace('/', "-"))
}

fn filters(report: &Report) -> Markup {
    let tags: BTreeSet<&str> = report
        .cases
        .iter()
        .flat_map(|case| &case.tags)
        .map(String::as_str)
        .collect();
    let levels: Vec<&str> = ["must", "should", "may", "info"]
        .into_iter()
        .filter(|level| report.cases.iter().any(|case| case.level == *level))
        .collect();
    let counts = &report.target.counts;
    html! {
        form.filters {
            input type="search" name="text" placeholder="Search ids, titles, tags" aria-label="Search";
            @for outcome in Outcome::ALL {
                @if counts.of(outcome) > 0 {
                    label class=(format!("chip {}", outcome.name())) {
                        input type="checkbox" name="outcome" value=(outcome.name());
                        b { (sign(outcome)) } " " (counts.of(outcome)) " " (outcome)
                    }
                }
            }
            select name="level" aria-label="Level" {
                option value="" { "every level" }
                @for level in levels { option value=(level) { (level) } }
            }
            select name="tag" aria-label="Tag" {
                option value="" { "every tag" }
                @for tag in tags { option value=(tag) { (tag) } }
            }
            button.chip type="reset" { "Show all" }
            span #shown .aside {}
        }
    }
}

fn one(case: &Case, opens: bool) -> Markup {
    let result = &case.result;
    let outcome = result.outcome;
    let text = format!("{} {} {}", case.id, case.title, case.tags.join(" ")).to_lowercase();
    html! {
        details id=(anchor(case)) class=(format!("case {}", outcome.name())) open[opens && outcome.fails()]
            data-outcome=(outcome.name()) data-level=(case.level) data-tags=(case.tags.join(" ")) data-text=(text) {
            summary {
                span.word { (sign(outcome)) " " (outcome) }
                span.id { (case.id) }
                span.title { (case.title) }
                span.aside { (case.level) }
            }
            div {
                p.aside { "why: " (case.why) }
                (verdict(result))
                @for (at, oracle) in case.oracles.iter().enumerate() {
                    @if oracle.outcome != Outcome::Same {
                        h3 { "Live oracle " (at + 1) ": " (oracle.outcome) }
                        (verdict(oracle))
                    }
                }
                h3 { "Transcript" }
                pre { (case.text) }
                p.aside {
                    code { (case.file) } ", played " (result.runs) " times in "
                    (format!("{:.1} ms", result.duration_ms))
                    @if !result.tolerances.is_empty() {
                        "; forgiven: "
                        (result.tolerances.iter().map(|t| format!("{} × {}", t.count, t.what)).collect::<Vec<_>>().join(", "))
                    }
                }
            }
        }
    }
}

fn verdict(result: &CaseResult) -> Markup {
    html! {
        @if let Some(reason) = &result.reason { p { (reason) } }
        @if let Some(known) = &result.known { p { b { "Accepted: " } (entry(known)) } }
        @if let Some(found) = &result.difference { (difference(found)) }
        @if let Some(found) = &result.death { (death(found)) }
    }
}

fn difference(found: &Difference) -> Markup {
    html! {
        p {
            b { "Byte " (found.offset) } " of the answer on connection " code { (found.connection) } ": "
            (found.fault_text) ". Then " (found.state) "."
        }
        div.sides {
            div { h3 { "Expected" } (bytes::due(found)) p.aside { (found.agreeing.join(", ")) } }
            div {
                h3 { "Actual" }
                @if found.actual.length == 0 { pre { mark { "⟨nothing⟩" } } } @else { (bytes::bytes(&found.actual, Some(found.offset))) }
                @if !found.answers_as.is_empty() { p.aside { "every byte is as " (found.answers_as.join(", ")) " answers" } }
            }
        }
        p.aside {
            "cut: " (found.cut)
            @if found.line > 0 { "; the transcript's line " (found.line) }
        }
        h3 { "Dialogue" }
        (bytes::dialogue(&found.dialogue, Some((&found.connection, found.stream_offset))))
        (again(&found.again))
        h3 { "To accept it in the known file" }
        pre { (crate::known::pin_line(&found.pin)) }
    }
}

fn death(found: &Death) -> Markup {
    html! {
        pre { (found.text) }
        @if let Some(sent) = &found.last_sent { h3 { "Sent last" } (bytes::bytes(sent, None)) }
        p.aside { "cut: " (found.cut) }
        h3 { "Dialogue" }
        (bytes::dialogue(&found.dialogue, None))
        (again(&found.again))
    }
}

fn again(commands: &[String]) -> Markup {
    html! {
        @if !commands.is_empty() { h3 { "Again" } pre { (commands.join("\n")) } }
    }
}

fn tolerances(target: &Party) -> Markup {
    html! {
        @if !target.tolerances.is_empty() {
            h2 { "Forgiven" }
            p { "Every tolerance that a transcript asked for and that was used, over the uncut runs." }
            table {
                @for tolerance in &target.tolerances {
                    tr { td { (tolerance.what) } td { (tolerance.count) } }
                }
            }
        }
    }
}

fn known(target: &Party) -> Markup {
    let known = &target.known;
    let parts = [
        ("accepts a difference of this run", &known.used),
        ("matches nothing any more: this fails the run", &known.stale),
        ("expired: this fails the run", &known.expired),
    ];
    html! {
        @if parts.iter().any(|(_, entries)| !entries.is_empty()) {
            h2 { "Known differences" }
            div.scroll {
                table {
                    @for (what, entries) in parts {
                        @for known in entries { tr { td { code { (known.id) } } td { (what) } td { (entry(known)) } } }
                    }
                }
            }
        }
    }
}

fn entry(known: &KnownEntry) -> Markup {
    html! {
        (known.reason)
        @if let Some(link) = &known.link {
            // Only what a browser opens as a page becomes a link; anything else stays text.
            @if link.starts_with("https://") || link.starts_with("http://") {
                " " a href=(link) rel="noopener noreferrer" { (link) }
            } @else { " " (link) }
        }
        @if let Some(day) = &known.expires { span.aside { " until " (day) } }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn nothing_on_the_page_is_loaded_and_no_text_becomes_markup() {
        let page = html(&sample::full());
        assert_eq!(
            page.matches("<script").count(),
            1,
            "only the page's own script"
        );
        assert!(page.contains("&lt;script&gt;alert"));
        for loads in ["src=", "<link", "@import", "url("] {
            assert!(!page.contains(loads), "{loads}");
        }
        let mut report = sample::full();
        report.target.known.used[0].link = Some("javascript:alert(1)".to_owned());
        assert!(!html(&report).contains("href=\"javascript:"));
    }

    #[test]
    fn every_case_is_there_and_sections_only_when_they_have_something() {
        let mut report = sample::full();
        let page = html(&report);
        for case in &report.cases {
            assert_eq!(page.matches(&format!("id=\"{}\"", anchor(case))).count(), 1);
        }
        let headings = [
            "Laws",
            "Generated streams",
            "Servers",
            "Slow clients",
            "Coverage",
            "Known differences",
        ];
        for heading in headings {
            assert!(page.contains(&format!(">{heading}</h2>")), "{heading}");
        }
        for (part, _) in parts(&report) {
            let place = part.replace(' ', "-");
            assert!(page.contains(&format!("<h2 id=\"{place}\">")), "{part}");
        }
        (report.laws, report.streams) = (Vec::new(), None);
        (report.matrix, report.slow_clients, report.coverage) = (None, None, None);
        report.target.known = Default::default();
        let page = html(&report);
        for heading in headings {
            assert!(!page.contains(&format!(">{heading}</h2>")), "{heading}");
        }
    }
}
