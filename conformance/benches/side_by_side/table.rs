//! The results as text: Markdown whose columns also line up on a terminal. Knows nothing of how anything was measured.

use std::fmt::Write;

use super::bars::{self, Limit, Verdict};
use super::figures::{Axis, Line, Results, Section};
use super::options::count;
use super::statistics;

/// The whole page: who, where and when, the bars, every section's table, what must be known besides.
pub(crate) fn page(results: &Results, ours: usize) -> String {
    let mut page = String::from("# Side by side\n\n");
    page.push_str(&circumstances(results));
    let verdicts = bars::verdicts(results, ours);
    if !verdicts.is_empty() {
        let reached = verdicts.iter().filter(|verdict| verdict.reached).count();
        let _ = write!(
            page,
            "\n## Bars: {reached} of {} reached\n\n",
            verdicts.len()
        );
        page.push_str(&aligned(&bar_rows(
            &verdicts,
            &results.servers[results.reference].name,
        )));
    }
    for section in Section::ALL {
        let rows = section_rows(results, section, &verdicts, ours);
        if rows.len() > 1 {
            let _ = write!(page, "\n## {}\n\n", section.title());
            page.push_str(&aligned(&rows));
        }
    }
    let _ = write!(page, "\n{}", how_to_read(results, ours));
    if !results.notes.is_empty() {
        page.push_str("\nNotes:\n\n");
        for note in &results.notes {
            let _ = writeln!(page, "- {}", note.replace('\n', " "));
        }
    }
    page
}

fn circumstances(results: &Results) -> String {
    let machine = &results.machine;
    let settings = &results.settings;
    let servers: Vec<String> = results
        .servers
        .iter()
        .map(|named| match named.name.ends_with(&named.version) {
            true => named.name.clone(),
            false => format!("{} ({})", named.name, named.version),
        })
        .collect();
    format!(
        "Made on {} by `{}` in {} min. {}{}, {} cores, {} GiB, Linux {}; load average as it began {:.2}{}. Servers on core \
         {}, load on core {}, the client whose delays were taken on core {}. {}; {} clients and {} keys unless a row \
         says otherwise; persistence off. Servers: {}.\n",
        results.made,
        command_line(&results.arguments),
        results.seconds.div_ceil(60),
        machine.cpu,
        if machine.virtual_machine {
            ", a virtual machine"
        } else {
            ""
        },
        machine.cores,
        machine.memory_mib.div_ceil(1024),
        machine.kernel,
        machine.load_before,
        statistics::median(results.waited_percent.iter().copied()).map_or_else(
            String::new,
            |percent| format!(
                ", and servers waited for their core {} % of the measured time",
                number(percent)
            )
        ),
        machine.server_core,
        machine.load_core,
        machine.probe_core,
        rounds(settings.rounds),
        settings.clients,
        count(settings.keys),
        servers.join(", "),
    )
}

fn how_to_read(results: &Results, ours: usize) -> String {
    let reference = &results.servers[results.reference].name;
    let limited = results
        .lines
        .iter()
        .any(|line| !line.load_was_the_limit.is_empty());
    let mut text = format!(
        "Values are medians of the rounds; in brackets the median of the rounds' ratios to {reference}. Spread is the \
         largest round less the smallest as a share of the median, of {} and of {reference}. Delays count from when a \
         request was due, sent or not.\n",
        results.servers[ours].name
    );
    if limited {
        text.push_str(
            "An asterisk: the load was busier than this server, so the server could do more than is shown; its \
             processor time per command holds nevertheless.\n",
        );
    }
    text
}

fn bar_rows(verdicts: &[Verdict], reference: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![
        "work".to_owned(),
        "figure".to_owned(),
        "bar".to_owned(),
        "measured".to_owned(),
        String::new(),
    ]];
    for verdict in verdicts {
        let figure = match verdict.bar.limit {
            Limit::Ratio(_) => format!("{}, ratio to {reference}", verdict.bar.figure.name),
            Limit::Value(_) => verdict.bar.figure.name.to_owned(),
        };
        let measured = match verdict.bar.limit {
            Limit::Ratio(_) => format!("{:.2}", verdict.measured),
            Limit::Value(_) => with_unit(verdict.measured, verdict.bar.figure.unit),
        };
        rows.push(vec![
            verdict.bar.work.to_owned(),
            figure,
            limit(verdict),
            measured,
            reached(verdict).to_owned(),
        ]);
    }
    rows
}

fn limit(verdict: &Verdict) -> String {
    match verdict.bar.limit {
        Limit::Ratio(limit) => format!("≤ {limit:.2}"),
        Limit::Value(limit) => format!("≤ {}", with_unit(limit, verdict.bar.figure.unit)),
    }
}

fn reached(verdict: &Verdict) -> &'static str {
    if verdict.reached { "reached" } else { "missed" }
}

fn section_rows(
    results: &Results,
    section: Section,
    verdicts: &[Verdict],
    ours: usize,
) -> Vec<Vec<String>> {
    let mut heading = vec!["work".to_owned(), "figure".to_owned()];
    heading.extend(results.servers.iter().map(|named| named.name.clone()));
    heading.extend(["spread".to_owned(), "bar".to_owned()]);
    let mut rows = vec![heading];
    for line in ordered(results, section) {
        let mut row = vec![line.work.clone(), format!("{}, {}", line.figure, line.unit)];
        row.extend((0..results.servers.len()).map(|server| cell(line, server, results.reference)));
        row.push(spreads(line, ours, results.reference));
        let verdict = verdicts.iter().find(|verdict| {
            verdict.bar.work == line.work && verdict.bar.figure.name == line.figure
        });
        row.push(verdict.map_or_else(String::new, |verdict| {
            format!("{} {}", limit(verdict), reached(verdict))
        }));
        rows.push(row);
    }
    rows
}

/// The lines of a section. Where every work has the same figures, those of one figure stand together.
pub(crate) fn ordered(results: &Results, section: Section) -> Vec<&Line> {
    let mut lines: Vec<&Line> = results
        .lines
        .iter()
        .filter(|line| line.section == section)
        .collect();
    if matches!(section, Section::Throughput | Section::Size) {
        let mut figures: Vec<(Option<Axis>, &str)> = Vec::new();
        let group = |line: &Line| line.at.map(|(axis, _)| axis);
        for line in &lines {
            if !figures.contains(&(group(line), &line.figure)) {
                figures.push((group(line), &line.figure));
            }
        }
        lines.sort_by_key(|line| {
            figures
                .iter()
                .position(|figure| *figure == (group(line), line.figure.as_str()))
        });
    }
    lines
}

fn cell(line: &Line, server: usize, reference: usize) -> String {
    let Some(value) = line.median(server) else {
        return "–".to_owned();
    };
    let mark = if line.load_was_the_limit.contains(&server) {
        "*"
    } else {
        ""
    };
    match line.ratio(server, reference) {
        Some(ratio) if server != reference => format!("{}{mark} ({ratio:.2})", number(value)),
        _ => format!("{}{mark}", number(value)),
    }
}

fn spreads(line: &Line, ours: usize, reference: usize) -> String {
    let percent = |server| {
        line.spread(server).map_or_else(
            || "–".to_owned(),
            |spread| format!("{:.0} %", spread * 100.0),
        )
    };
    format!("{}, {}", percent(ours), percent(reference))
}

fn with_unit(value: f64, unit: &str) -> String {
    format!("{} {unit}", number(value))
}

/// The command that makes the run again, as a shell reads it.
fn command_line(arguments: &[String]) -> String {
    let plain = |argument: &str| {
        argument
            .chars()
            .all(|c| c.is_alphanumeric() || "-_./=,:+".contains(c))
    };
    let quoted = arguments
        .iter()
        .map(|argument| match plain(argument) && !argument.is_empty() {
            true => argument.clone(),
            false => format!("'{}'", argument.replace('\'', "'\\''")),
        });
    std::iter::once("just bench".to_owned())
        .chain(quoted)
        .collect::<Vec<_>>()
        .join(" ")
}

/// `1 round`, `3 rounds`.
pub(crate) fn rounds(count: usize) -> String {
    format!("{count} round{}", if count == 1 { "" } else { "s" })
}

/// Three digits or so: 0.345, 8.80, 84.2, 1,605.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        small if small < 0.9995 => format!("{value:.3}"),
        units if units < 9.995 => format!("{value:.2}"),
        tens if tens < 99.95 => format!("{value:.1}"),
        _ if value < 0.0 => format!("-{}", count(-value.round() as u64)),
        _ => count(value.round() as u64),
    }
}

/// A Markdown table whose columns line up; the first row is its heading, and columns of numbers stand on the right.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let text = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let width = |column| {
        let widest = rows
            .iter()
            .map(|row| text(row, column).chars().count())
            .max();
        widest.unwrap_or_default().max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let right = |column: usize| {
        rows.get(1).is_some_and(|row| {
            text(row, column).starts_with(|first: char| first.is_ascii_digit()) && column > 0
        })
    };
    let mut table = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (column, width) in widths.iter().enumerate() {
            let cell = text(row, column).replace('|', "\\|");
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            let _ = match right(column) {
                true => write!(table, "| {padding}{cell} "),
                false => write!(table, "| {cell}{padding} "),
            };
        }
        table.push_str("|\n");
        if index == 0 {
            for (column, width) in widths.iter().enumerate() {
                let _ = match right(column) {
                    true => write!(table, "|-{}:", "-".repeat(*width)),
                    false => write!(table, "|-{}-", "-".repeat(*width)),
                };
            }
            table.push_str("|\n");
        }
    }
    table
}
