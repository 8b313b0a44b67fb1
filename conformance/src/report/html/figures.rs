//! The parts of the page that not every run has: laws, generated streams, servers side by side, slow clients and coverage, as tables and pictures.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{bar, sign};
use crate::report::model::{Counts, Outcome};
use crate::report::sections::{
    Coverage, CoverageRow, LawResult, Matrix, MatrixCell, SlowClients, SlowFigures, SlowTrial,
    Streams,
};

/// The laws, with what breaks them.
pub(super) fn laws(laws: &[LawResult]) -> Markup {
    html! {
        @if !laws.is_empty() {
            h2 #laws { "Laws" }
            @for law in laws {
                details class=(format!("case {}", law.outcome.name())) open[law.outcome.fails()] {
                    summary {
                        span.word { (sign(law.outcome)) " " @if law.outcome == Outcome::Same { "held" } @else { (law.outcome) } }
                        span.id { (law.id) }
                        span.title { (law.title) }
                        span.aside { (law.trials) " dialogues" }
                    }
                    div {
                        @if let Some(reason) = &law.reason { p { (reason) } }
                        @if let Some(stream) = &law.counterexample { h3 { "The shortest dialogue that breaks it" } pre { (stream) } }
                        @if !law.terminal.is_empty() { pre { (law.terminal) } }
                    }
                }
            }
        }
    }
}

/// Generated commands: what was found, and what need not be equal.
pub(super) fn streams(streams: &Streams) -> Markup {
    html! {
        h2 #streams { "Generated streams" }
        p {
            (streams.commands) " commands in " (streams.streams) " streams, played to the server and to " b { (streams.oracle) } "."
        }
        @if streams.findings.is_empty() { p { "All are answered alike." } }
        @for found in &streams.findings {
            details class=(format!("case {}", found.outcome.name())) open {
                summary {
                    span.word { (sign(found.outcome)) " " (found.outcome) }
                    span.id { (found.command) }
                    span.title { (found.fault) }
                }
                div {
                    @if !found.expected.is_empty() || !found.actual.is_empty() {
                        div.sides {
                            div { h3 { "Expected" } pre { (found.expected) } }
                            div { h3 { "Actual" } pre { (found.actual) } }
                        }
                    }
                    h3 { "The shortest stream that shows it" }
                    pre { (found.transcript) }
                }
            }
        }
        (named("replies that need not be equal, and were not", streams.tolerances.iter().map(|it| format!("{:>8}  {}", it.count, it.what))))
        (named("commands the server lacks", streams.lacking.iter().cloned()))
        (named("commands played no more, because their differences came again and again", streams.left_out.iter().cloned()))
    }
}

/// A list that is there for whoever asks.
fn named(what: &str, lines: impl ExactSizeIterator<Item = String>) -> Markup {
    let count = lines.len();
    html! {
        @if count > 0 {
            details { summary { (count) " " (what) } pre { (lines.collect::<Vec<_>>().join("\n")) } }
        }
    }
}

/// Servers side by side: a bar for each, and a row for each case on which they are not all the same.
pub(super) fn matrix(matrix: &Matrix) -> Markup {
    let counts = |server: usize| {
        let mut counts = Counts::default();
        for cell in matrix.rows.iter().filter_map(|row| row.cells.get(server)) {
            counts.add(cell.outcome);
        }
        counts
    };
    let tells = |cell: &MatrixCell| !matches!(cell.outcome, Outcome::Same | Outcome::NotApplicable);
    let rows: Vec<_> = matrix
        .rows
        .iter()
        .filter(|row| row.cells.iter().any(tells))
        .collect();
    html! {
        h2 { "Servers" }
        table {
            @for (at, server) in matrix.servers.iter().enumerate() {
                @let counts = counts(at);
                tr {
                    th { (server.name) }
                    td style="width: 60%" { (bar(&counts)) }
                    td { (counts.same) "/" (counts.played()) }
                    td.aside {
                        (server.note)
                        @if let Some(build) = &server.resembles { " most like " (build) }
                    }
                }
            }
        }
        p { (rows.len()) " of " (matrix.rows.len()) " transcripts tell them apart." }
        @if !rows.is_empty() { div.scroll {
            table.grid {
                tr { th { "transcript" } @for server in &matrix.servers { th { (server.name) } } }
                @for row in rows {
                    tr {
                        td { span.id title=(row.title) { (row.id) } " " span.aside { (row.level) } }
                        @for cell in &row.cells { (one(cell)) }
                    }
                }
            }
        } }
    }
}

fn one(cell: &MatrixCell) -> Markup {
    html! {
        td class=(cell.outcome.name()) title=(cell.note) aria-label=(cell.outcome) {
            (sign(cell.outcome))
            @if !cell.answers_as.is_empty() { " " span.aside { "as " (cell.answers_as.join(", ")) } }
        }
    }
}

/// The delays that others saw and the memory that was held, one picture for each.
pub(super) fn slow_clients(slow: &SlowClients) -> Markup {
    let worst = |figures: &SlowFigures| figures.delay_worst_ms;
    let memory = |figures: &SlowFigures| figures.memory_worst_bytes.map(|bytes| bytes as f64);
    html! {
        h2 #slow-clients { "Slow clients" }
        p { "What other clients saw while some were slow. The scale is logarithmic; the dashed line is the bound." }
        h3 { "Longest and 99th-percentile wait" }
        (picture(slow, worst, |figures| figures.delay_p99_ms, |figures| figures.delay_bound_ms, &milliseconds))
        @if slow.trials.iter().flat_map(|trial| trial.figures.iter().flatten()).any(|figures| memory(figures).is_some()) {
            h3 { "Most memory held" }
            (picture(slow, memory, |_| None, |figures| figures.memory_bound_bytes.map(|bytes| bytes as f64), &mebibytes))
        }
        div.scroll {
            table {
                @for trial in &slow.trials {
                    @for (server, figures) in slow.servers.iter().zip(&trial.figures) {
                        @if let Some(figures) = figures {
                            tr {
                                td.id { (trial.id) }
                                td { (server) }
                                td class=(figures.outcome.name()) { span.word { (sign(figures.outcome)) " " (outcome(figures.outcome)) } }
                                td { (figures.note) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Same => "held".to_owned(),
        Outcome::Diverged => "failed".to_owned(),
        other => other.to_string(),
    }
}

/// Bars for one figure of every trial and server, on one logarithmic scale.
fn picture(
    slow: &SlowClients,
    worst: impl Fn(&SlowFigures) -> Option<f64>,
    lesser: impl Fn(&SlowFigures) -> Option<f64>,
    bound: impl Fn(&SlowFigures) -> Option<f64>,
    unit: &dyn Fn(f64) -> String,
) -> Markup {
    const ROW: usize = 18;
    const LEFT: f64 = 170.0;
    const ROOM: f64 = 420.0;
    let all = slow
        .trials
        .iter()
        .flat_map(|trial| trial.figures.iter().flatten());
    let values: Vec<f64> = all
        .flat_map(|figures| [worst(figures), lesser(figures), bound(figures)])
        .flatten()
        .filter(|value| *value > 0.0)
        .collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min) / 2.0;
    let most = values.iter().copied().fold(least * 4.0, f64::max);
    let place = |value: f64| {
        let share = (value.max(least) / least).ln() / (most / least).ln();
        format!("{:.1}", share.clamp(0.004, 1.0) * ROOM)
    };
    let height = |trial: &SlowTrial| ROW * (trial.figures.iter().flatten().count() + 1) + 6;
    let trials = slow.trials.iter().filter(|trial| {
        trial
            .figures
            .iter()
            .flatten()
            .any(|figures| worst(figures).is_some())
    });
    let trials: Vec<&SlowTrial> = trials.collect();
    let total: usize = trials.iter().map(|trial| height(trial)).sum();
    let mut top = 0;
    html! {
        svg viewBox=(format!("0 0 780 {total}")) role="img" aria-label="bars; the table below has the outcomes" {
            @for trial in trials {
                text x="0" y=(top + 13) font-weight="600" { (trial.id) tspan.aside dx="8" font-weight="400" { (trial.title) } }
                @for (row, (server, figures)) in slow.servers.iter().zip(&trial.figures)
                    .filter_map(|(server, figures)| Some((server, figures.as_ref()?))).enumerate() {
                    @let y = top + ROW * (row + 1);
                    g class=(figures.outcome.name()) {
                        text.aside x="12" y=(y + 13) { (server) }
                        @if let Some(value) = worst(figures) {
                            rect.worst x=(LEFT) y=(y + 3) height="12" width=(place(value)) rx="2" {}
                            @if let Some(lesser) = lesser(figures) {
                                rect.p99 x=(LEFT) y=(y + 6) height="6" width=(place(lesser)) rx="2" {}
                            }
                            text x=(LEFT + ROOM + 8.0) y=(y + 13) {
                                (unit(value))
                                @if let Some(lesser) = lesser(figures) { " (p99 " (unit(lesser)) ")" }
                            }
                        }
                        @if let Some(value) = bound(figures) {
                            @let x = place(value).parse::<f64>().unwrap_or_default() + LEFT;
                            line.bound x1=(x) x2=(x) y1=(y + 1) y2=(y + 17) {}
                        }
                    }
                }
                @let () = top += height(trial);
            }
        }
    }
}

fn milliseconds(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2} ms")
    } else {
        format!("{value:.0} ms")
    }
}

fn mebibytes(value: f64) -> String {
    format!("{:.1} MiB", value / f64::from(1 << 20))
}

/// What of the command table was exercised: a bar for each group, the table behind it, and the holes by name.
pub(super) fn coverage(coverage: &Coverage) -> Markup {
    let mut groups: BTreeMap<&str, Vec<&CoverageRow>> = BTreeMap::new();
    for row in &coverage.rows {
        groups.entry(&row.group).or_default().push(row);
    }
    let all: Vec<&CoverageRow> = coverage.rows.iter().collect();
    html! {
        h2 #coverage { "Coverage" }
        p {
            "Of the command table of " (coverage.oracle) " " b { (share(&all)) } " was exercised."
        }
        @for (group, rows) in &groups {
            details {
                summary { b { (group) } " " span.aside { (share(rows)) } (shares(rows)) }
                div.scroll {
                    table.grid {
                        tr { th { "command" } @for column in &coverage.columns { th { (column) } } }
                        @for row in rows {
                            tr {
                                td.id { (row.command) }
                                @for count in &row.counts {
                                    @match count {
                                        None => { td.aside { "–" } }
                                        Some(0) => { td.hole { "0" } }
                                        Some(count) => { td.hit { (count) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if !coverage.holes.is_empty() {
            details { summary { (coverage.holes.len()) " holes by name" } pre { (coverage.holes.join("\n")) } }
        }
    }
}

/// How many cells of the rows were hit, and how many there are.
fn hits(rows: &[&CoverageRow]) -> (usize, usize) {
    let cells = || rows.iter().flat_map(|row| row.counts.iter().flatten());
    (cells().filter(|count| **count > 0).count(), cells().count())
}

fn share(rows: &[&CoverageRow]) -> String {
    let (hit, all) = hits(rows);
    let percent = 100.0 * hit as f64 / all.max(1) as f64;
    format!("{hit} of {all} ({percent:.0} %)")
}

fn shares(rows: &[&CoverageRow]) -> Markup {
    let (same, all) = hits(rows);
    bar(&Counts {
        same,
        diverged: all - same,
        ..Counts::default()
    })
}
