//! Which pictures are drawn of a run, and what is on each.

use super::bars::{self, Limit};
use super::figures::{Axis, Figure, Line, Results, Section};
use super::picture::{Dots, Legend, Lines, Panel, Row};
use super::table;

/// The file names and contents of all pictures for which something was measured.
pub(crate) fn pictures(results: &Results, ours: usize) -> Vec<(&'static str, String)> {
    let legend = Legend {
        names: results
            .servers
            .iter()
            .map(|named| named.name.clone())
            .collect(),
        ours,
        reference: results.reference,
    };
    let reference = &results.servers[results.reference].name;
    let subtitle = subtitle(results);
    let dots = [
        (
            "cpu.svg",
            ratios(results, ours, Figure::CPU),
            format!("Server CPU per command, as a multiple of {reference}'s (less is better)"),
            format!("times {reference}"),
            false,
        ),
        (
            "throughput.svg",
            values(results, ours, &[Figure::RATE]),
            "Thousands of commands a second (more is better)".to_owned(),
            "thousands a second, logarithmic".to_owned(),
            true,
        ),
        (
            "latency.svg",
            values(
                results,
                ours,
                &[Figure::P50, Figure::P99, Figure::P999, Figure::WORST],
            ),
            "What one client's PING waits at a fixed rate (less is better)".to_owned(),
            "microseconds, logarithmic".to_owned(),
            true,
        ),
        (
            "memory.svg",
            values(results, ours, &[Figure::PER_KEY]),
            "Resident bytes per key (less is better)".to_owned(),
            "bytes".to_owned(),
            false,
        ),
    ];
    let mut pictures = Vec::new();
    for (file, rows, title, label, logarithmic) in dots {
        if !rows.is_empty() {
            let dots = Dots {
                title,
                subtitle: subtitle.clone(),
                label,
                rows,
                logarithmic,
            };
            pictures.push((file, dots.svg(&legend)));
        }
    }
    for (file, axis, title, label) in [
        (
            "size-keys.svg",
            Axis::Keys,
            "Cost against the number of keys: GET of 64 B at pipeline 16",
            "keys",
        ),
        (
            "size-connections.svg",
            Axis::Connections,
            "Cost against the number of busy connections: GET of 64 B at pipeline 1",
            "connections, all busy",
        ),
    ] {
        let panels = vec![
            panel(results, axis, Figure::CPU, "server CPU per command, µs"),
            panel(
                results,
                axis,
                Figure::P99,
                "p99 of one more client at a fixed rate, µs",
            ),
        ];
        if panels
            .iter()
            .any(|panel| panel.points.iter().any(|points| !points.is_empty()))
        {
            let lines = Lines {
                title: title.to_owned(),
                subtitle: subtitle.clone(),
                axis: format!("{label}, logarithmic"),
                panels,
            };
            pictures.push((file, lines.svg(&legend)));
        }
    }
    pictures
}

fn subtitle(results: &Results) -> String {
    let machine = &results.machine;
    format!(
        "Medians of {}, {}; {}{}, {} cores, Linux {}",
        table::rounds(results.settings.rounds),
        results.made.split('T').next().unwrap_or_default(),
        machine.cpu,
        if machine.virtual_machine {
            " (virtual)"
        } else {
            ""
        },
        machine.cores,
        machine.kernel
    )
}

fn lines<'r>(results: &'r Results, figures: &'r [Figure]) -> impl Iterator<Item = &'r Line> {
    Section::ALL
        .into_iter()
        .flat_map(|section| table::ordered(results, section))
        .filter(|line| line.at.is_none() && figures.iter().any(|figure| figure.name == line.figure))
}

fn bar(line: &Line) -> Option<Limit> {
    let same = |bar: &&bars::Bar| bar.work == line.work && bar.figure.name == line.figure;
    bars::BARS.iter().find(same).map(|bar| bar.limit)
}

fn ratios(results: &Results, ours: usize, figure: Figure) -> Vec<Row> {
    let row = |line: &Line| Row {
        name: line.work.clone(),
        values: (0..results.servers.len())
            .map(|server| line.ratio(server, results.reference))
            .collect(),
        bar: match bar(line) {
            Some(Limit::Ratio(ratio)) => line.ratio(ours, results.reference).map(|_| ratio),
            _ => None,
        },
    };
    lines(results, &[figure]).map(row).collect()
}

fn values(results: &Results, ours: usize, figures: &[Figure]) -> Vec<Row> {
    let row = |line: &Line| Row {
        name: match figures {
            [_] => line.work.clone(),
            _ => format!("{}, {}", line.work, line.figure),
        },
        values: (0..results.servers.len())
            .map(|server| line.median(server))
            .collect(),
        bar: match (bar(line), line.median(results.reference)) {
            (Some(Limit::Value(value)), _) => line.median(ours).map(|_| value),
            (Some(Limit::Ratio(ratio)), Some(reference)) => Some(ratio * reference),
            _ => None,
        },
    };
    lines(results, figures).map(row).collect()
}

fn panel(results: &Results, axis: Axis, figure: Figure, label: &str) -> Panel {
    let points = |server: usize| {
        let of_axis =
            |line: &&Line| line.figure == figure.name && line.at.is_some_and(|at| at.0 == axis);
        let point = |line: &Line| Some((line.at?.1 as f64, line.median(server)?));
        let mut points: Vec<(f64, f64)> = results
            .lines
            .iter()
            .filter(of_axis)
            .filter_map(point)
            .collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        points
    };
    Panel {
        label: label.to_owned(),
        points: (0..results.servers.len()).map(points).collect(),
    }
}
