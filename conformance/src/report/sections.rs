//! The parts of a report that not every run has: laws, generated streams, coverage, many servers side by side, slow clients. Shapes only; whoever
//! measures fills them in, and whoever shows them leaves out what is not there.

use serde::{Deserialize, Serialize};

use super::model::{Outcome, Tolerance};

/// What came of one law that needs no oracle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LawResult {
    /// Its id: `L1` to `L10`; or `alive`, when the server did not survive what was sent to it.
    pub id: String,
    /// The law in one sentence.
    pub title: String,
    /// `same` when it held, `diverged`, `died`, `not_applicable` or `not_begun`.
    pub outcome: Outcome,
    /// With so many dialogues.
    pub trials: usize,
    /// Why it does not apply, or what is known of this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The shortest dialogue that breaks it, as a transcript.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterexample: Option<String>,
    /// What the terminal showed of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub terminal: String,
}

/// What came of generated commands that were played to the target and to a real server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Streams {
    /// The real server.
    pub oracle: String,
    /// Commands that were played and compared.
    pub commands: usize,
    /// Streams they were in.
    pub streams: usize,
    /// How long that took, in milliseconds.
    pub duration_ms: f64,
    /// What was found; no two alike.
    pub findings: Vec<StreamFinding>,
    /// Weaker checks that had to do instead of equality, by command, and why.
    pub tolerances: Vec<Tolerance>,
    /// Commands of the real server that the target says it does not have: they were not played.
    pub lacking: Vec<String>,
    /// Commands that were played no more, after their differences had been found again and again.
    pub left_out: Vec<String>,
}

/// The shortest stream that is answered otherwise, or not survived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StreamFinding {
    /// The command whose answer differs, or behind which something else is stored; `stream` when the server was lost.
    pub command: String,
    /// `diverged`, or `died`.
    pub outcome: Outcome,
    /// What is wrong, in one line.
    pub fault: String,
    /// What the real server answered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expected: String,
    /// What the target answered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub actual: String,
    /// The stream as a transcript.
    pub transcript: String,
}

/// How often each row of the command table was exercised, in each of the ways that count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Coverage {
    /// The build whose command table is the measure.
    pub oracle: String,
    /// The ways: `RESP2`, `RESP3`, `arity error`, ….
    pub columns: Vec<String>,
    /// A row for each command or subcommand.
    pub rows: Vec<CoverageRow>,
    /// What was never exercised, by name.
    pub holes: Vec<String>,
}

/// One command or subcommand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CoverageRow {
    /// `SET`, `CLIENT KILL`, or with a token: `SET NX`.
    pub command: String,
    /// The command's group: `string`, `list`, ….
    pub group: String,
    /// How often, in the order of the columns; nothing where a way does not apply.
    pub counts: Vec<Option<u64>>,
}

/// The same cases on many servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Matrix {
    /// The servers, in the order of the cells.
    pub servers: Vec<MatrixServer>,
    /// A row for each case.
    pub rows: Vec<MatrixRow>,
}

/// One column of a matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MatrixServer {
    /// What it is called here.
    pub name: String,
    /// What it says of itself, or how it was started.
    pub note: String,
    /// The build it resembles most, if that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resembles: Option<String>,
}

/// One row of a matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MatrixRow {
    /// The case's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its level.
    pub level: String,
    /// What came of it, in the order of the servers.
    pub cells: Vec<MatrixCell>,
}

/// One case on one server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MatrixCell {
    /// In one word.
    pub outcome: Outcome,
    /// Builds whose recorded answer is the one that came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers_as: Vec<String>,
    /// What differs, in one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What others saw while some clients were slow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SlowClients {
    /// The servers, in the order of the figures.
    pub servers: Vec<String>,
    /// A row for each trial.
    pub trials: Vec<SlowTrial>,
}

/// One trial on every server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SlowTrial {
    /// `readers/stopped`
    pub id: String,
    /// What the slow clients do.
    pub title: String,
    /// What was measured, in the order of the servers; nothing where it was not tried.
    pub figures: Vec<Option<SlowFigures>>,
}

/// What was measured in one trial on one server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SlowFigures {
    /// `same` when every bound was kept, `diverged` when not, `died`, `not_applicable`.
    pub outcome: Outcome,
    /// The longest that another client waited, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_worst_ms: Option<f64>,
    /// The wait that 99 of 100 answers kept below, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_p99_ms: Option<f64>,
    /// What the worst may be, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_bound_ms: Option<f64>,
    /// The most memory that the server held, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_worst_bytes: Option<u64>,
    /// What it may hold, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bound_bytes: Option<u64>,
    /// Anything else worth saying, in one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}
