//! A breach for a person: two dialogues side by side, the first byte that differs, and a transcript. Plays nothing.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use super::dialogue::Dialogue;
use super::examine::{Breach, Row};
use super::play::{Act, Deed, Heard};
use super::vary::Due;
use super::{Law, Place};
use crate::record::expectations;
use crate::transcript::escape::escaped;
use crate::transcript::{
    Action, Content, End, Ending, Header, HeaderField, Level, Line, Observation, SendPart, Step,
    Transcript,
};

/// One column is so wide.
const WIDE: usize = 52;

/// An answer is cut off here.
const ANSWER_WIDE: usize = 96;

/// A difference farther right than this is shown with a few bytes before it only.
const NEAR: usize = 48;

/// So many rows are shown: the last ones.
const ROWS: usize = 24;

/// What was said and heard in one dialogue, by place.
pub(super) type Column = BTreeMap<Place, Vec<String>>;

pub(super) fn column(acts: &[Act], heard: &Heard) -> Column {
    let mut column = Column::new();
    for act in acts {
        let said = match &act.deed {
            Deed::Write { pieces, .. } => {
                let pieces: Vec<String> = pieces.iter().map(|piece| escaped(piece)).collect();
                format!("{} → {}", act.connection, pieces.join(" | "))
            }
            Deed::Socket(action) => format!("{} ! {action}", act.connection),
        };
        column.entry(act.place).or_default().push(said);
    }
    for (name, stream) in heard {
        let mut start = 0;
        for (place, end) in &stream.marks {
            let bytes = &stream.bytes[start..*end];
            let rows = column.entry(*place).or_default();
            rows.push(format!("{name} ← {}", escaped(bytes)));
            start = *end;
        }
    }
    column
}

pub(super) fn side_by_side(left: &Column, right: &Column) -> Vec<Row> {
    let mut places: Vec<Place> = left.keys().chain(right.keys()).copied().collect();
    places.sort_unstable();
    places.dedup();
    let nothing = Vec::new();
    let mut rows = Vec::new();
    for place in places {
        let left = left.get(&place).unwrap_or(&nothing);
        let right = right.get(&place).unwrap_or(&nothing);
        rows.extend((0..left.len().max(right.len())).map(|index| Row {
            left: left.get(index).cloned().unwrap_or_default(),
            right: right.get(index).cloned().unwrap_or_default(),
        }));
    }
    rows
}

/// The acts with what is due after them.
pub(super) fn transcript(
    law: Law,
    dialogue: &Dialogue,
    acts: &[Act],
    due: &BTreeMap<String, Due>,
) -> String {
    let mut steps: Vec<Content> = Vec::new();
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    for act in acts {
        steps.extend(said(act).into_iter().map(step));
        for (name, due) in due {
            let from = shown.entry(name).or_default();
            let ready = due.items[*from..]
                .iter()
                .take_while(|item| item.place <= act.place);
            let bytes: Vec<u8> = ready
                .inspect(|_| *from += 1)
                .flat_map(|item| item.bytes.clone())
                .collect();
            if !bytes.is_empty() {
                steps.extend(expectations(name, &bytes).into_iter().map(step));
            }
        }
    }
    let closed = due.iter().filter(|(_, due)| due.ended);
    steps.extend(closed.map(|(name, _)| {
        step(Action::Observe {
            connection: name.clone(),
            observation: Observation::End {
                end: End::Closed,
                discard: false,
            },
        })
    }));
    let header: &Header = &dialogue.case.header;
    let sum = Sha256::digest(format!("{steps:?}"));
    let mut lines: Vec<Content> = vec![
        HeaderField::Id(format!(
            "regressions/law-{}-{:02x}{:02x}{:02x}{:02x}",
            law.to_string().to_lowercase(),
            sum[0],
            sum[1],
            sum[2],
            sum[3]
        )),
        HeaderField::Title(law.statement().text.trim_end_matches('.').to_owned()),
        HeaderField::Level(Level::Must),
        HeaderField::Why(format!("law {law} was broken in {}", dialogue.name)),
        HeaderField::Tags(vec!["law".to_owned()]),
    ]
    .into_iter()
    .map(Content::Header)
    .collect();
    lines.extend(header.config.iter().map(|(key, value)| {
        Content::Header(HeaderField::Config {
            key: key.clone(),
            value: value.clone(),
        })
    }));
    lines.push(Content::Blank);
    lines.extend(steps);
    let lines = lines.into_iter().enumerate().map(|(index, content)| Line {
        number: index + 1,
        content,
    });
    Transcript {
        lines: lines.collect(),
    }
    .to_string()
}

fn step(action: Action) -> Content {
    Content::Step(Step {
        guard: None,
        action,
    })
}

fn said(act: &Act) -> Vec<Action> {
    let connection = act.connection.clone();
    match &act.deed {
        Deed::Write { pieces, .. } => {
            let mut parts = Vec::new();
            for (index, piece) in pieces.iter().enumerate() {
                if index > 0 {
                    parts.push(SendPart::Cut);
                }
                parts.push(SendPart::Literal(piece.clone()));
            }
            let mut ending = Ending::Exact;
            if let Some(SendPart::Literal(last)) = parts.last_mut()
                && last.ends_with(b"\r\n")
                && last.len() > 2
            {
                last.truncate(last.len() - 2);
                ending = Ending::Crlf;
            }
            vec![Action::Send {
                connection,
                parts,
                ending,
            }]
        }
        Deed::Socket(action) => vec![Action::Socket {
            connection,
            action: *action,
        }],
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.steps;
        let statement = self.law.statement();
        write!(f, "BREAKS    {}  {}", self.law, self.dialogue)?;
        if after < before {
            write!(f, ", shortened from {before} steps to {after}")?;
        }
        writeln!(f, "\n  {}\n  source: {}", statement.text, statement.source)?;
        self.dialogues(f)?;
        let skipped = if self.offset > NEAR {
            self.offset - 16
        } else {
            0
        };
        if !self.due.is_empty() {
            writeln!(f, "  due       {}", window(&self.due, skipped))?;
        }
        let came = if self.came.is_empty() {
            "nothing".to_owned()
        } else {
            window(&self.came, skipped)
        };
        let lead = if skipped > 0 { 2 } else { 0 };
        let column = lead
            + self
                .came
                .get(skipped..self.offset)
                .map_or(0, |before| escaped(before).chars().count());
        writeln!(f, "  came      {came}")?;
        writeln!(
            f,
            "            {:column$}^ byte {} of frame {} on {}: {}",
            "", self.offset, self.reply, self.connection, self.fault
        )?;
        writeln!(f, "  as a transcript:")?;
        for line in self.transcript.lines() {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

impl Breach {
    fn dialogues(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.ways;
        if second.is_empty() {
            writeln!(f, "    {first}")?;
        } else {
            writeln!(f, "    {first:WIDE$} │ {second}")?;
        }
        let hidden = self.rows.len().saturating_sub(ROWS);
        if hidden > 0 {
            writeln!(f, "    … {hidden} rows before")?;
        }
        for Row { left, right } in &self.rows[hidden..] {
            if second.is_empty() {
                writeln!(f, "    {}", shortened(left, ANSWER_WIDE))?;
            } else {
                let (left, right) = (shortened(left, WIDE), shortened(right, WIDE));
                writeln!(f, "    {}", format!("{left:WIDE$} │ {right}").trim_end())?;
            }
        }
        Ok(())
    }
}

fn window(bytes: &[u8], skipped: usize) -> String {
    let lead = if skipped > 0 { "… " } else { "" };
    let text = escaped(&bytes[skipped.min(bytes.len())..]);
    format!("{lead}{}", shortened(&text, ANSWER_WIDE))
}

fn shortened(text: &str, wide: usize) -> String {
    match text.char_indices().nth(wide) {
        Some(_) => {
            let kept: String = text.chars().take(wide - 1).collect();
            format!("{kept}…")
        }
        None => text.to_owned(),
    }
}
