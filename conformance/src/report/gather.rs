//! What other commands measured, as the sections that a report shows. Measures nothing.

use super::model::Outcome;
use super::sections::{
    Matrix, MatrixCell, MatrixRow, MatrixServer, SlowClients, SlowFigures, SlowTrial,
};
use crate::matrix::{self, Cell};
use crate::slow::{Figure, Measured, Unit, Verdict};

impl From<&matrix::Matrix> for Matrix {
    fn from(matrix: &matrix::Matrix) -> Matrix {
        let servers = matrix.servers.iter().map(|server| MatrixServer {
            name: server.name.clone(),
            note: match &server.lost {
                Some(why) => format!("lost: {why}"),
                None => format!("judged as {}", server.judged_as),
            },
            resembles: None,
        });
        let rows = matrix.cases.iter().map(|row| MatrixRow {
            id: row.id.clone(),
            title: row.title.clone(),
            level: row.level.clone(),
            cells: row.cells.iter().map(cell).collect(),
        });
        Matrix {
            servers: servers.collect(),
            rows: rows.collect(),
        }
    }
}

fn cell(cell: &Cell) -> MatrixCell {
    let plain = |outcome, note: &str| MatrixCell {
        outcome,
        answers_as: Vec::new(),
        note: note.to_owned(),
    };
    match cell {
        Cell::Agrees { .. } => plain(Outcome::Same, ""),
        Cell::Differs {
            answers_as,
            fault,
            expected,
            actual,
            ..
        } => MatrixCell {
            outcome: Outcome::Diverged,
            answers_as: answers_as.clone(),
            note: format!("{fault}: due {expected}, came {actual}"),
        },
        Cell::NotApplicable { why } => plain(Outcome::NotApplicable, why),
        Cell::Died { how, bytes, .. } => plain(Outcome::Died, &format!("{how}, of {bytes}")),
        Cell::Unplayable { why } => plain(Outcome::Unplayable, why),
        Cell::NotPlayed => plain(Outcome::NotBegun, ""),
    }
}

impl SlowClients {
    /// Trials side by side: for each trial what was measured on every server, the servers in the same order each time.
    pub fn of(trials: &[Vec<Measured>]) -> SlowClients {
        let servers = trials.first().map(Vec::as_slice).unwrap_or_default();
        SlowClients {
            servers: servers.iter().map(name).collect(),
            trials: trials.iter().filter_map(|trial| row(trial)).collect(),
        }
    }
}

fn row(measured: &[Measured]) -> Option<SlowTrial> {
    let first = measured.first()?;
    Some(SlowTrial {
        id: first.trial.to_owned(),
        title: first.title.to_owned(),
        figures: measured.iter().map(|one| Some(figures(one))).collect(),
    })
}

/// Of a program's path the last part.
fn name(measured: &Measured) -> String {
    let last = measured.server.rsplit('/').next();
    last.unwrap_or(&measured.server).to_owned()
}

fn figures(measured: &Measured) -> SlowFigures {
    let greatest = |unit: Unit| -> Option<&Figure> {
        let of_unit = measured.figures.iter().filter(|figure| figure.unit == unit);
        of_unit.max_by(|left, right| left.value.total_cmp(&right.value))
    };
    // There are other times than those others waited, such as how long the slow ones were remembered.
    let named = |part: &str| {
        let mut figures = measured.figures.iter();
        figures.find(|figure| figure.unit == Unit::Milliseconds && figure.name.contains(part))
    };
    let (delay, p99) = (named("the last one"), named("99 of 100"));
    let memory = greatest(Unit::Bytes);
    // A server may hold less afterwards than before; a picture shows nothing of that.
    let whole = |bytes: f64| bytes.max(0.0) as u64;
    SlowFigures {
        outcome: match measured.verdict {
            Verdict::Held => Outcome::Same,
            Verdict::Failed(_) => Outcome::Diverged,
            Verdict::NotApplicable(_) => Outcome::NotApplicable,
            Verdict::Lost(_) => Outcome::Died,
        },
        delay_worst_ms: delay.map(|figure| figure.value),
        delay_p99_ms: p99.map(|figure| figure.value),
        delay_bound_ms: delay.and_then(|figure| figure.at_most),
        memory_worst_bytes: memory.map(|figure| whole(figure.value)),
        memory_bound_bytes: memory.and_then(|figure| figure.at_most).map(whole),
        note: note(measured),
    }
}

/// The verdict's reason, and every figure by its name.
fn note(measured: &Measured) -> String {
    let why = match &measured.verdict {
        Verdict::Held => None,
        Verdict::Failed(why) | Verdict::NotApplicable(why) | Verdict::Lost(why) => {
            Some(why.clone())
        }
    };
    let figures = measured.figures.iter();
    let figures = figures.map(|figure| format!("{} {}", figure.name, figure.shown(figure.value)));
    let notes = measured.notes.iter().cloned();
    let all: Vec<String> = why.into_iter().chain(figures).chain(notes).collect();
    all.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_a_matrix_has_its_outcome() {
        let why = || "why".to_owned();
        let cells = vec![
            Cell::Agrees { with: Vec::new() },
            Cell::NotApplicable { why: why() },
            Cell::Unplayable { why: why() },
            Cell::NotPlayed,
        ];
        let matrix = matrix::Matrix {
            servers: Vec::new(),
            cases: vec![matrix::Row {
                id: "a/b".to_owned(),
                title: "t".to_owned(),
                level: "must".to_owned(),
                cells,
            }],
        };
        let outcomes: Vec<Outcome> = Matrix::from(&matrix).rows[0]
            .cells
            .iter()
            .map(|cell| cell.outcome)
            .collect();
        assert_eq!(
            outcomes,
            [
                Outcome::Same,
                Outcome::NotApplicable,
                Outcome::Unplayable,
                Outcome::NotBegun
            ]
        );
    }

    #[test]
    fn the_longest_wait_and_the_most_memory_are_shown_with_their_bounds() {
        let figure = |name, unit, value, at_most| Figure {
            name,
            unit,
            value,
            at_most,
            beside: None,
        };
        let measured = Measured {
            trial: "readers/stopped",
            title: "t",
            server: "target/release/respect-server".to_owned(),
            verdict: Verdict::Held,
            figures: vec![
                figure(
                    "99 of 100 came within",
                    Unit::Milliseconds,
                    0.5,
                    Some(250.0),
                ),
                figure("the last one within", Unit::Milliseconds, 7.5, Some(5000.0)),
                figure("held", Unit::Bytes, 1024.0, None),
                figure("forgotten within", Unit::Milliseconds, 0.1, None),
            ],
            notes: Vec::new(),
        };
        let slow = SlowClients::of(&[vec![measured]]);
        assert_eq!(slow.servers, ["respect-server"]);
        let figures = slow.trials[0].figures[0].as_ref().unwrap();
        assert_eq!(
            (
                figures.delay_worst_ms,
                figures.delay_p99_ms,
                figures.delay_bound_ms
            ),
            (Some(7.5), Some(0.5), Some(5000.0))
        );
        assert_eq!(figures.memory_worst_bytes, Some(1024));
    }
}
