//! A matrix for the terminal: a table by family, and the list of the odd ones. Judges nothing.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Cell, Column, Matrix};

/// A line of the list is cut off here.
const WIDE: usize = 120;

/// How many transcripts of one family came out in which way on one server.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    agree: usize,
    as_another: usize,
    as_nobody: usize,
    died: usize,
    left_out: usize,
}

impl Tally {
    fn add(&mut self, cell: &Cell) {
        match cell {
            Cell::Agrees { .. } => self.agree += 1,
            Cell::Differs { answers_as, .. } if answers_as.is_empty() => self.as_nobody += 1,
            Cell::Differs { .. } => self.as_another += 1,
            Cell::Died { .. } => self.died += 1,
            Cell::NotApplicable { .. } | Cell::Unplayable { .. } | Cell::NotPlayed => {
                self.left_out += 1;
            }
        }
    }

    fn shown(self) -> String {
        let mut text = self.agree.to_string();
        for (mark, count) in [
            ('~', self.as_another),
            ('≠', self.as_nobody),
            ('†', self.died),
            ('·', self.left_out),
        ] {
            if count > 0 {
                let _ = write!(text, " {mark}{count}");
            }
        }
        text
    }
}

/// How many transcripts of each family agree and differ on each server, and a line that explains the marks.
pub fn table(matrix: &Matrix) -> String {
    let mut families: BTreeMap<&str, Vec<Tally>> = BTreeMap::new();
    let mut all = vec![Tally::default(); matrix.servers.len()];
    for row in &matrix.cases {
        let family = row.id.split('/').next().unwrap_or_default();
        let tallies = families
            .entry(family)
            .or_insert_with(|| vec![Tally::default(); matrix.servers.len()]);
        for ((tally, all), cell) in tallies.iter_mut().zip(&mut all).zip(&row.cells) {
            tally.add(cell);
            all.add(cell);
        }
    }
    let mut lines = vec![
        std::iter::once(String::new())
            .chain(matrix.servers.iter().map(|server| server.name.clone()))
            .collect::<Vec<_>>(),
    ];
    for (family, tallies) in families.into_iter().chain([("all", all)]) {
        let cells = tallies.into_iter().map(Tally::shown);
        lines.push(std::iter::once(family.to_owned()).chain(cells).collect());
    }
    let mut text = aligned(&lines);
    text.push_str("\nN as its own build is recorded, ~N as another recorded build, ≠N as nobody does, †N died, ·N not played\n");
    text
}

/// Cells in columns; the first is flush left, the others flush right.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        for (index, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            let _ = match index {
                0 => write!(text, "{cell:<width$}"),
                _ => write!(text, "  {cell:>width$}"),
            };
        }
        text.push('\n');
    }
    text
}

/// Server by server, what is not as its own build is recorded; those that answer alike stand together.
pub fn odd_ones(matrix: &Matrix) -> String {
    let mut text = String::new();
    for (index, server) in matrix.servers.iter().enumerate() {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in &matrix.cases {
            if let Some((group, line)) = odd(&row.id, &row.cells[index]) {
                groups.entry(group).or_default().push(line);
            }
        }
        if groups.is_empty() && server.lost.is_none() {
            continue;
        }
        let _ = writeln!(text, "\n{}", heading(server));
        for (group, lines) in groups {
            let _ = writeln!(text, "  {group}, in {}:", lines.len());
            for line in lines {
                let _ = writeln!(text, "    {}", shortened(&line));
            }
        }
        if let Some(why) = &server.lost {
            let _ = writeln!(text, "  was lost: {why}");
        }
    }
    text
}

fn heading(server: &Column) -> String {
    if server.judged_as.is_empty() || server.judged_as == server.name {
        server.name.clone()
    } else {
        format!("{}, judged as {}", server.name, server.judged_as)
    }
}

/// Which group of its server's list a cell belongs to, and its line in it.
fn odd(id: &str, cell: &Cell) -> Option<(String, String)> {
    match cell {
        Cell::Agrees { .. } | Cell::NotApplicable { .. } | Cell::NotPlayed => None,
        Cell::Differs {
            answers_as,
            fault,
            actual,
            ..
        } => {
            let group = if answers_as.is_empty() {
                "answers as nobody does".to_owned()
            } else {
                format!("answers as {} did", answers_as.join(", "))
            };
            Some((group, format!("{id:<44} {fault}: {actual}")))
        }
        Cell::Died {
            how,
            connection,
            bytes,
            ..
        } => {
            let how = how.lines().next().unwrap_or_default();
            let line = format!("{id:<44} {how}, after {connection}>> {bytes}");
            Some(("dies".to_owned(), line))
        }
        Cell::Unplayable { why } => {
            Some(("cannot be played".to_owned(), format!("{id:<44} {why}")))
        }
    }
}

fn shortened(line: &str) -> String {
    if line.chars().count() <= WIDE {
        line.to_owned()
    } else {
        line.chars().take(WIDE).chain("…".chars()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Row;
    use super::*;

    fn matrix() -> Matrix {
        let differs = |answers_as: &[&str]| Cell::Differs {
            answers_as: answers_as.iter().map(|&name| name.to_owned()).collect(),
            fault: "other bytes".to_owned(),
            line: 9,
            cut: "whole".to_owned(),
            expected: "+OK".to_owned(),
            actual: "+NO\\r\\n".to_owned(),
        };
        let agrees = || Cell::Agrees {
            with: vec!["redis-8.2.3".to_owned()],
        };
        let row = |id: &str, cells: Vec<Cell>| Row {
            id: id.to_owned(),
            title: String::new(),
            level: "must".to_owned(),
            cells,
        };
        let column = |name: &str, judged_as: &str| Column {
            name: name.to_owned(),
            judged_as: judged_as.to_owned(),
            lost: None,
        };
        let died = Cell::Died {
            how: "died (exit status: 1)\n    last words".to_owned(),
            connection: "a".to_owned(),
            bytes: "*1".to_owned(),
            cut: "whole".to_owned(),
        };
        Matrix {
            servers: vec![
                column("redis-8.2.3", "redis-8.2.3"),
                column("mine", "redis-7.0.15"),
            ],
            cases: vec![
                row("inl/a", vec![agrees(), differs(&[])]),
                row("inl/b", vec![agrees(), differs(&["redis-6.2.5"])]),
                row("mb/a", vec![agrees(), died]),
            ],
        }
    }

    #[test]
    fn the_table_counts_each_outcome_by_family() {
        let shown = table(&matrix());
        let lines: Vec<&str> = shown.lines().take(4).collect();
        assert_eq!(
            lines,
            [
                "     redis-8.2.3        mine",
                "inl            2     0 ~1 ≠1",
                "mb             1        0 †1",
                "all            3  0 ~1 ≠1 †1"
            ]
        );
    }

    #[test]
    fn the_odd_ones_stand_under_whom_they_answer_like() {
        let shown = odd_ones(&matrix());
        let expected = [
            "",
            "mine, judged as redis-7.0.15",
            "  answers as nobody does, in 1:",
            &format!("    {:<44} other bytes: +NO\\r\\n", "inl/a"),
            "  answers as redis-6.2.5 did, in 1:",
            &format!("    {:<44} other bytes: +NO\\r\\n", "inl/b"),
            "  dies, in 1:",
            &format!("    {:<44} died (exit status: 1), after a>> *1", "mb/a"),
        ];
        assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
    }
}
