//! What other commands measured, as the sections that a report shows. Measures nothing.

use super::model::Outcome;
use super::sections::{
    LawResult, Matrix, MatrixCell, MatrixRow, MatrixServer, SlowClients, SlowFigures, SlowTrial,
};
use crate::laws::{Law, LawSummary};
use crate::matrix::{self, Cell};
use crate::slow::{Figure, Measured, Unit, Verdict};

impl LawResult {
    /// What came of a law over all dialogues, with what was shown of its breaches and the transcript of the first.
    pub fn of(law: Law, summary: &LawSummary, shown: &[String], first: Option<&str>) -> LawResult {
        let known = summary.excepted.iter();
        let known: Vec<String> = known
            .map(|(reason, names)| format!("known of this server in {}: {reason}", names.len()))
            .collect();
        let nothing_told = || summary.not_applicable.keys().cloned().collect();
        let (outcome, reasons): (Outcome, Vec<String>) = if !summary.broken.is_empty() {
            (Outcome::Diverged, known)
        } else if summary.looked_at() == 0 {
            (Outcome::NotApplicable, nothing_told())
        } else {
            (Outcome::Same, known)
        };
        let mut terminal = shown.join("\n");
        if summary.broken.len() > shown.len() {
            terminal.push_str(&format!("broken in {}\n", summary.broken.join(", ")));
        }
        LawResult {
            id: law.to_string(),
            title: law.statement().text.to_owned(),
            outcome,
            trials: summary.looked_at(),
            reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
            counterexample: first.map(str::to_owned),
            terminal,
        }
    }

    /// That the server did not survive some of the dialogues: what was shown of each.
    pub fn deaths(trials: usize, shown: &[String]) -> LawResult {
        LawResult {
            id: "alive".to_owned(),
            title: "The server survives what is sent to it.".to_owned(),
            outcome: Outcome::Died,
            trials,
            reason: None,
            counterexample: None,
            terminal: shown.join("\n"),
        }
    }
}

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
    fn a_law_is_broken_held_or_tells_nothing() {
        let mut summary = LawSummary::default();
        summary.not_applicable.insert("it sleeps".to_owned(), 3);
        let result = LawResult::of(Law::L1, &summary, &[], None);
        assert_eq!(
            (result.outcome, result.reason.as_deref()),
            (Outcome::NotApplicable, Some("it sleeps"))
        );
        summary.held = 2;
        let result = LawResult::of(Law::L1, &summary, &[], None);
        assert_eq!((result.outcome, result.trials), (Outcome::Same, 2));
        summary.broken = vec!["a/b".to_owned(), "a/c".to_owned()];
        let shown = ["BREAKS    L1  a/b\n".to_owned()];
        let result = LawResult::of(Law::L1, &summary, &shown, Some("@id x\n"));
        assert_eq!((result.outcome, result.trials), (Outcome::Diverged, 4));
        assert_eq!(result.terminal, "BREAKS    L1  a/b\nbroken in a/b, a/c\n");
        assert_eq!(result.counterexample.as_deref(), Some("@id x\n"));
    }

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
