//! Real servers and servers by others, each judged on the commands it claims, as a page that anybody can make again. Starts and
//! judges through the [`matrix`](crate::matrix); prints nothing.

mod claims;
pub mod peers;

use std::collections::BTreeMap;
use std::fmt::Write;

pub use claims::claims;

use crate::matrix::{Cell, Matrix, Row};
use crate::transcript::lint::KNOWN_BUILDS;

/// So many transcripts are named for each server.
const SHOWN: usize = 12;

/// A line that says what differs is cut off here.
const WIDE: usize = 140;

/// One server of the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is called, as in the matrix.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How many commands it claims; nothing for a real server, which has them all.
    pub claimed: Option<usize>,
}

/// A server that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Why it is not on the board.
    pub why: String,
}

/// How one server fared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Score {
    as_expected: usize,
    as_another: usize,
    as_nobody: usize,
    died: usize,
}

impl Score {
    fn of(cells: impl Iterator<Item = Cell>) -> Score {
        let mut score = Score::default();
        for cell in cells {
            match cell {
                Cell::Agrees { .. } => score.as_expected += 1,
                Cell::Differs { answers_as, .. } if answers_as.is_empty() => score.as_nobody += 1,
                Cell::Differs { .. } => score.as_another += 1,
                Cell::Died { .. } => score.died += 1,
                Cell::NotApplicable { .. } | Cell::Unplayable { .. } | Cell::NotPlayed => {}
            }
        }
        score
    }

    fn played(self) -> usize {
        self.as_expected + self.as_another + self.as_nobody + self.died
    }

    /// Of a hundred transcripts so many are answered as some real server answers them; rounded down, so that 100 means all.
    fn percent(self) -> usize {
        (100 * (self.as_expected + self.as_another))
            .checked_div(self.played())
            .unwrap_or_default()
    }
}

/// The page, in Markdown. The entries are in the order of the matrix's columns; `date` is when it was made, `command` by what.
pub fn markdown(
    date: &str,
    command: &str,
    matrix: &Matrix,
    entries: &[Entry],
    absent: &[Absent],
) -> String {
    let mut text = format!(
        "# Scoreboard\n\n\
         Made on {date} by `{command}` from {} transcripts, each played once and uncut. A server is judged on the \
         transcripts that need only commands it claims: those it lists in COMMAND, or else those it does not call unknown. \
         Servers by others are held against Redis 8.2.3; an answer that is not its own, but every byte of which another of \
         the recorded servers gives, is counted by itself. Nothing is held against a server for what it does not claim.\n\n\
         | server | version | commands claimed | transcripts | as expected | as another real server | as nobody does | died | as a real server |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        matrix.cases.len()
    );
    for (index, entry) in entries.iter().enumerate() {
        let column = matrix.cases.iter().map(|row| row.cells[index].clone());
        let score = Score::of(column);
        let claimed = entry
            .claimed
            .map_or("all".to_owned(), |claimed| claimed.to_string());
        let _ = writeln!(
            text,
            "| {} | {} | {claimed} | {} | {} | {} | {} | {} | {} % |",
            entry.name,
            entry.version,
            score.played(),
            score.as_expected,
            score.as_another,
            score.as_nobody,
            score.died,
            score.percent()
        );
    }
    let _ = write!(
        text,
        "\nThe real servers ({}) are judged by their own recordings.\n",
        KNOWN_BUILDS.join(", ")
    );
    if !absent.is_empty() {
        text.push_str("\n## Not judged\n\n| server | version | why |\n|---|---|---|\n");
        for Absent { name, version, why } in absent {
            let _ = writeln!(text, "| {name} | {version} | {why} |");
        }
    }
    for (index, entry) in entries.iter().enumerate() {
        text.push_str(&differences(matrix, index, entry));
    }
    text
}

/// What differs of one server: how often each fault occurs, and the first transcripts that clients depend on.
fn differences(matrix: &Matrix, index: usize, entry: &Entry) -> String {
    let cells = || matrix.cases.iter().map(|row| (row, &row.cells[index]));
    let mut faults: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, cell) in cells() {
        if let Some((fault, _)) = wrong(cell) {
            *faults.entry(fault).or_default() += 1;
        }
    }
    let lost = matrix.servers[index].lost.as_deref();
    if faults.is_empty() && lost.is_none() {
        return String::new();
    }
    let mut text = format!("\n## {} {}\n\n", entry.name, entry.version);
    if let Some(why) = lost {
        let why = why.lines().next().unwrap_or_default();
        let _ = writeln!(text, "The judging ended early: {why}.\n");
    }
    let mut faults: Vec<(&str, usize)> = faults.into_iter().collect();
    faults.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let faults = faults
        .iter()
        .map(|(fault, count)| format!("{count} × {fault}"));
    let faults: Vec<String> = faults.collect();
    let _ = writeln!(text, "{}.\n", faults.join(", "));
    let must = |row: &Row| row.level == "must";
    // The deaths first.
    let (dead, alive): (Vec<_>, Vec<_>) = cells()
        .filter(|(row, cell)| {
            wrong(cell).is_some() && (must(row) || matches!(cell, Cell::Died { .. }))
        })
        .partition(|(_, cell)| matches!(cell, Cell::Died { .. }));
    for (row, cell) in dead.into_iter().chain(alive).take(SHOWN) {
        if let Some((fault, actual)) = wrong(cell) {
            let _ = writeln!(
                text,
                "- `{}`: {}. {fault}{}",
                row.id,
                row.title,
                quoted(actual)
            );
        }
    }
    text
}

/// What is wrong, and what came instead; nothing for an answer that a real server gives.
fn wrong(cell: &Cell) -> Option<(&str, &str)> {
    match cell {
        Cell::Differs {
            answers_as,
            fault,
            actual,
            ..
        } if answers_as.is_empty() => Some((fault, actual)),
        Cell::Died { bytes, .. } => Some(("the server dies, or no longer answers", bytes)),
        _ => None,
    }
}

/// Bytes as code; none if there are none, or only the fault in brackets.
fn quoted(bytes: &str) -> String {
    if bytes.is_empty() || bytes.starts_with('(') {
        return String::new();
    }
    let bytes = bytes.replace('`', "'");
    let cut: String = bytes.chars().take(WIDE).collect();
    let more = if cut.len() < bytes.len() { "…" } else { "" };
    format!(": `{cut}{more}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Column;

    #[test]
    fn the_page_has_a_row_for_each_server_and_says_what_differs() {
        let agrees = || Cell::Agrees { with: Vec::new() };
        let differs = |answers_as: Vec<String>| Cell::Differs {
            answers_as,
            fault: "a CRLF is missing".to_owned(),
            line: 1,
            cut: "whole".to_owned(),
            expected: String::new(),
            actual: "+`x".to_owned(),
        };
        let row = |id: &str, cells: Vec<Cell>| Row {
            id: id.to_owned(),
            title: "It works".to_owned(),
            level: "must".to_owned(),
            cells,
        };
        let column = |name: &str| Column {
            name: name.to_owned(),
            judged_as: String::new(),
            lost: None,
        };
        let matrix = Matrix {
            servers: vec![column("redis-8.2.3"), column("fake")],
            cases: vec![
                row("a/a", vec![agrees(), agrees()]),
                row("a/b", vec![agrees(), differs(Vec::new())]),
                row(
                    "a/c",
                    vec![agrees(), differs(vec!["redis-6.2.5".to_owned()])],
                ),
            ],
        };
        let entry = |name: &str, claimed| Entry {
            name: name.to_owned(),
            version: "1.0".to_owned(),
            claimed,
        };
        let entries = [entry("redis-8.2.3", None), entry("fake", Some(7))];
        let absent = [Absent {
            name: "gone".to_owned(),
            version: "2".to_owned(),
            why: "it is not there".to_owned(),
        }];
        let page = markdown(
            "2026-11-22",
            "just scoreboard --minutes 10",
            &matrix,
            &entries,
            &absent,
        );
        for line in [
            "| redis-8.2.3 | 1.0 | all | 3 | 3 | 0 | 0 | 0 | 100 % |",
            "| fake | 1.0 | 7 | 3 | 1 | 1 | 1 | 0 | 66 % |",
            "| gone | 2 | it is not there |",
            "- `a/b`: It works. a CRLF is missing: `+'x`",
        ] {
            assert!(page.lines().any(|it| it == line), "{line}\n{page}");
        }
        assert!(!page.contains("`a/c`"), "a real server answers so: {page}");
    }
}
