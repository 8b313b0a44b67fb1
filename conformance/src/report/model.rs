//! What came of a run, as one value that can be written down and read back: the JSON report is exactly this. Knows no server,
//! no file and no page.
//!
//! `docs/report-schema.md` tells readers of the JSON what they may rely on, and `docs/report.schema.json` is made from these
//! types. A field may be added without a new [`SCHEMA`]; one that is renamed, removed or means something else raises it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::sections::{Coverage, LawResult, Matrix, SlowClients, Streams};

/// The version of the form of this report.
pub const SCHEMA: u32 = 1;

/// Of a long answer this much is in the report.
const KEPT: usize = 4096;

/// A whole run: who was judged, by what, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    /// The version of this form.
    pub schema: u32,
    /// What made it.
    pub tool: Tool,
    /// The command line, the program's name first; empty when the library was called.
    pub command: Vec<String>,
    /// When it began, in UTC: `2026-11-22T20:40:00Z`.
    pub started: String,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
    /// Where the pseudo-random choices of the run began; nothing of it was random without one.
    pub seed: Option<u64>,
    /// At which cuts transcripts were played.
    pub cuts: CutSet,
    /// How it was proved that a fragment was read: `ping`, or `timed:5ms`.
    pub barrier: String,
    /// On so many instances of each server at once.
    pub jobs: usize,
    /// The share of the transcripts that was judged, `2/5`; nothing means all of them.
    pub shard: Option<String>,
    /// The sum in one word.
    pub conclusion: Conclusion,
    /// The exit code of that conclusion.
    pub exit_code: u8,
    /// Why the run ended before its last transcript, if a server was lost.
    pub trouble: Option<String>,
    /// The server under judgement.
    pub target: Party,
    /// The live servers that were held against their own recordings, in the order of [`Case::oracles`].
    pub oracles: Vec<Party>,
    /// Every selected transcript, in the order of their ids.
    pub cases: Vec<Case>,
    /// What came of the laws that need no oracle.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub laws: Vec<LawResult>,
    /// What came of generated commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<Streams>,
    /// What of the command table was exercised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// The same cases on many servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<Matrix>,
    /// What others saw while some clients were slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_clients: Option<SlowClients>,
}

/// The program that made a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tool {
    /// `respect`
    pub name: String,
    /// Its version.
    pub version: String,
}

/// At which cuts transcripts were played, unless they say `@split fixed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CutSet {
    /// Whole, byte by byte, around every CRLF, and at every single position.
    All,
    /// Whole and byte by byte.
    Bytes,
    /// Whole only.
    None,
}

/// The sum of a run in one word: of several that are true, the first of `unplayable`, `lost`, `oracles`, `diverged`,
/// `nothing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// All is as it should be.
    Ok,
    /// Something differs that nobody has accepted, or an entry of the known file is out of date.
    Diverged,
    /// A transcript cannot be played.
    Unplayable,
    /// The target died, or cannot be reached any more.
    Lost,
    /// Nothing was played, which must not look like success.
    Nothing,
    /// A live oracle does not answer as it is recorded, so nothing can be held against anyone.
    Oracles,
}

impl Conclusion {
    /// The sum of two parts of a run. A part that found nothing to do takes nothing away from one that did.
    #[must_use]
    pub fn and(self, other: Conclusion) -> Conclusion {
        const WORST_FIRST: [Conclusion; 6] = [
            Conclusion::Unplayable,
            Conclusion::Lost,
            Conclusion::Oracles,
            Conclusion::Diverged,
            Conclusion::Ok,
            Conclusion::Nothing,
        ];
        let worst = WORST_FIRST
            .into_iter()
            .find(|&each| each == self || each == other);
        worst.unwrap_or(self)
    }

    /// The exit code that says so.
    pub fn exit_code(self) -> u8 {
        match self {
            Conclusion::Ok => 0,
            Conclusion::Diverged => 1,
            Conclusion::Unplayable => 2,
            Conclusion::Lost => 3,
            Conclusion::Nothing => 4,
            Conclusion::Oracles => 5,
        }
    }
}

/// One server that was judged, and the sum of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Party {
    /// Where it comes from, as the user named it: an address, a command, a build.
    pub origin: String,
    /// How it came to run.
    pub start: Start,
    /// Its address, where there is only one; each instance that the judge starts has its own.
    pub address: Option<String>,
    /// The build whose recorded answers were expected of it, `redis-8.2.3`.
    pub judged_as: String,
    /// How many cases came out how.
    pub counts: Counts,
    /// How often transcripts were played, over all cuts.
    pub runs: usize,
    /// Positions inside long writes that were not cut.
    pub positions_left_out: usize,
    /// Cases that wait by their nature and were cut at a few positions only.
    pub cases_that_wait: usize,
    /// Everything that was forgiven, summed over the cases.
    pub tolerances: Vec<Tolerance>,
    /// What became of the accepted differences.
    pub known: KnownUse,
}

/// How a server came to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// It ran already, at an address.
    Joined,
    /// The judge started a command of the user's.
    Command,
    /// The judge started a program with Redis's own flags.
    Program,
    /// The judge started a pinned build of a real server.
    Oracle,
}

/// How many cases came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Counts {
    /// Every byte at every cut is as recorded.
    pub same: usize,
    /// It differs as the known file says.
    pub known: usize,
    /// It differs, at a level that is told and not held against anyone.
    pub told: usize,
    /// It differs.
    pub diverged: usize,
    /// The server died of it, or no longer answered.
    pub died: usize,
    /// It is not for this server.
    pub not_applicable: usize,
    /// It cannot be played.
    pub unplayable: usize,
    /// The run ended before it.
    pub not_begun: usize,
}

impl Counts {
    /// Counts one case.
    pub fn add(&mut self, outcome: Outcome) {
        *self.of_mut(outcome) += 1;
    }

    /// How many came out so.
    pub fn of(&self, outcome: Outcome) -> usize {
        *self.clone().of_mut(outcome)
    }

    fn of_mut(&mut self, outcome: Outcome) -> &mut usize {
        match outcome {
            Outcome::Same => &mut self.same,
            Outcome::Known => &mut self.known,
            Outcome::Told => &mut self.told,
            Outcome::Diverged => &mut self.diverged,
            Outcome::Died => &mut self.died,
            Outcome::NotApplicable => &mut self.not_applicable,
            Outcome::Unplayable => &mut self.unplayable,
            Outcome::NotBegun => &mut self.not_begun,
        }
    }

    /// How many were played.
    pub fn played(&self) -> usize {
        self.same + self.known + self.told + self.diverged + self.died
    }
}

/// What came of a case.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every byte at every cut is as recorded.
    Same,
    /// It differs as the known file says.
    Known,
    /// It differs, at a level (`may`, `info`) that is told and not held against anyone.
    Told,
    /// It differs.
    Diverged,
    /// The server died of it, or no longer answered.
    Died,
    /// It is not for this server, or the server does not allow it.
    NotApplicable,
    /// The transcript cannot be played.
    Unplayable,
    /// The run ended before it.
    #[default]
    NotBegun,
}

impl Outcome {
    /// Every outcome, the best first.
    pub const ALL: [Outcome; 8] = [
        Outcome::Same,
        Outcome::Known,
        Outcome::Told,
        Outcome::Diverged,
        Outcome::Died,
        Outcome::NotApplicable,
        Outcome::Unplayable,
        Outcome::NotBegun,
    ];

    /// Whether the run fails by it.
    pub fn fails(self) -> bool {
        matches!(
            self,
            Outcome::Diverged | Outcome::Died | Outcome::Unplayable
        )
    }

    /// Its name in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Same => "same",
            Outcome::Known => "known",
            Outcome::Told => "told",
            Outcome::Diverged => "diverged",
            Outcome::Died => "died",
            Outcome::NotApplicable => "not_applicable",
            Outcome::Unplayable => "unplayable",
            Outcome::NotBegun => "not_begun",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().replace('_', " "))
    }
}

/// A tolerance, and how often it was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tolerance {
    /// What was forgiven: `hole int`, `any order`, a weaker check.
    pub what: String,
    /// How often.
    pub count: usize,
}

/// What became of the entries of the known file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct KnownUse {
    /// Entries that accepted a difference in this run.
    pub used: Vec<KnownEntry>,
    /// Entries whose transcript was played and is the same, or differs in other bytes.
    pub stale: Vec<KnownEntry>,
    /// Entries whose last day has passed.
    pub expired: Vec<KnownEntry>,
}

/// An accepted difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct KnownEntry {
    /// The transcript's id.
    pub id: String,
    /// Why it is accepted.
    pub reason: String,
    /// Where that is discussed.
    pub link: Option<String>,
    /// The last day on which it is accepted, `2027-01-31`.
    pub expires: Option<String>,
}

/// One transcript and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Case {
    /// `section/slug`; it never changes.
    pub id: String,
    /// The behaviour in one sentence.
    pub title: String,
    /// `must`, `should`, `may` or `info`.
    pub level: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// What breaks in the world without it, or where the rule is from.
    pub why: String,
    /// The transcript's file, as it can be opened from where the judge was run.
    pub file: String,
    /// The transcript itself.
    pub text: String,
    /// On the target.
    pub result: CaseResult,
    /// On every live oracle.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub oracles: Vec<CaseResult>,
}

impl Case {
    /// The part of the id before the slash.
    pub fn section(&self) -> &str {
        self.id.split_once('/').map_or("", |(section, _)| section)
    }

    /// Whether the run fails by it, be it the target's fault or an oracle's.
    pub fn fails(&self) -> bool {
        let mut results = std::iter::once(&self.result).chain(&self.oracles);
        results.any(|result| result.outcome.fails())
    }
}

/// What came of a case on one server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CaseResult {
    /// In one word.
    pub outcome: Outcome,
    /// Why it does not apply or cannot be played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often it was played, over all cuts.
    pub runs: usize,
    /// How long that took, in milliseconds.
    pub duration_ms: f64,
    /// What was forgiven while it was played whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerances: Vec<Tolerance>,
    /// The evidence, when it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Box<Difference>>,
    /// The evidence, when the server died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub death: Option<Box<Death>>,
    /// The entry that accepts it, when it is `known`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<KnownEntry>,
    /// What the terminal showed of it; nothing when all is well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub terminal: String,
}

impl CaseResult {
    /// The line of the transcript that was not met; `None` when there is none, or it was the end.
    pub fn line(&self) -> Option<usize> {
        let line = self.difference.as_ref()?.line;
        (line > 0).then_some(line)
    }

    /// What is wrong, in one line; nothing when all is well.
    pub fn summary(&self) -> String {
        match (&self.difference, &self.death) {
            (Some(difference), _) => format!(
                "byte {}: {}; due {}, came {}",
                difference.offset,
                difference.fault_text,
                shortened(&difference.due()),
                shortened(&difference.came()),
            ),
            (None, Some(death)) => death.text.lines().next().unwrap_or_default().to_owned(),
            (None, None) => self.reason.clone().unwrap_or_default(),
        }
    }
}

fn shortened(text: &str) -> String {
    const WIDE: usize = 60;
    match text.char_indices().nth(WIDE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Where an answer is not as it is due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Difference {
    /// The class of the fault: `wrong-text`, `merged-nulls`, `closed-early`, ….
    pub fault: String,
    /// The fault in words.
    pub fault_text: String,
    /// On which connection.
    pub connection: String,
    /// The line that says what is due; 0 for the end of the transcript.
    pub line: usize,
    /// The last write on that connection before it.
    pub sent: Bytes,
    /// What was due, as a transcript writes it: escapes, holes, repetitions.
    pub expected: String,
    /// The same in bytes, as far as they are known: to the first hole that nothing had filled.
    pub expected_bytes: Bytes,
    /// What came, from the first byte that the line concerns.
    pub actual: Bytes,
    /// The first byte of `actual` that is wrong.
    pub offset: usize,
    /// The same, counted from the connection's first byte.
    pub stream_offset: usize,
    /// How the connection stood afterwards.
    pub state: String,
    /// How the writes were divided.
    pub cut: String,
    /// How often the transcript was played before and was right.
    pub right_before: usize,
    /// Builds of whom the same is recorded as expected.
    pub agreeing: Vec<String>,
    /// Builds whose recorded answers, where they differ from those expected, are the ones that came.
    pub answers_as: Vec<String>,
    /// What went over the wire in that run, oldest first.
    pub dialogue: Vec<Event>,
    /// What the `actual` of an entry in the known file must be to accept this.
    pub pin: String,
    /// Commands that show it again.
    pub again: Vec<String>,
}

impl Difference {
    /// What was due from the first differing byte on, as a transcript writes it; in words where no byte was.
    pub fn due(&self) -> String {
        let text = self.expected_bytes.text_from(self.offset);
        if text.is_empty() {
            self.expected.clone()
        } else {
            text
        }
    }

    /// What came from the first differing byte on; the connection's end, or `nothing`, when no byte did.
    pub fn came(&self) -> String {
        let text = self.actual.text_from(self.offset);
        if text.is_empty() {
            self.state.clone()
        } else {
            text
        }
    }
}

/// The end of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Death {
    /// How it ended and its last words, or why it counts as dead.
    pub text: String,
    /// How the writes were divided.
    pub cut: String,
    /// The connection on which the last bytes were sent.
    pub connection: Option<String>,
    /// The last bytes sent: the ones that killed it.
    pub last_sent: Option<Bytes>,
    /// What went over the wire in that run, oldest first.
    pub dialogue: Vec<Event>,
    /// Commands that show it again.
    pub again: Vec<String>,
}

/// Something that went over the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Event {
    /// On which connection.
    pub connection: String,
    /// What.
    #[serde(flatten)]
    pub what: EventKind,
}

/// What went over the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The judge wrote.
    Sent(Bytes),
    /// The server wrote.
    Received(Bytes),
    /// The server's side ended: `FIN` or `RST`.
    Ended(String),
    /// The judge did this to the socket.
    Did(String),
}

/// Some bytes, in two spellings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Bytes {
    /// How many there are.
    pub length: usize,
    /// The first 4096 of them, escaped as in a transcript.
    pub text: String,
    /// The same in hexadecimal, two digits a byte.
    pub hex: String,
}

impl Bytes {
    /// These bytes, of which there may have been more than are at hand.
    pub fn of(head: &[u8], length: usize) -> Bytes {
        use fmt::Write;
        let head = &head[..head.len().min(KEPT)];
        let mut text = String::new();
        crate::transcript::escape::escape_into(head, &mut text);
        let mut hex = String::with_capacity(2 * head.len());
        for byte in head {
            let _ = write!(hex, "{byte:02x}");
        }
        Bytes { length, text, hex }
    }

    /// Those of the bytes that are kept.
    pub fn kept(&self) -> Vec<u8> {
        let digits = self.hex.as_bytes().chunks_exact(2);
        digits
            .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect()
    }

    /// The kept bytes from `offset` on, escaped.
    pub fn text_from(&self, offset: usize) -> String {
        let mut text = String::new();
        let kept = self.kept();
        crate::transcript::escape::escape_into(kept.get(offset..).unwrap_or_default(), &mut text);
        text
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Bytes {
        Bytes::of(bytes, bytes.len())
    }
}

impl Report {
    /// Another part of the run has come to this.
    pub fn conclude(&mut self, part: Conclusion) {
        self.conclusion = self.conclusion.and(part);
        self.exit_code = self.conclusion.exit_code();
    }

    /// The result of a case by its id, with the case.
    pub fn case(&self, id: &str) -> Option<&Case> {
        self.cases.iter().find(|case| case.id == id)
    }

    /// The cases by which the run fails.
    pub fn failures(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.result.outcome.fails())
    }

    /// The report as JSON, indented, with a line's end behind it.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("every key is a string and every number is finite");
        text.push('\n');
        text
    }
}
