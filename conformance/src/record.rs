//! The pure half of recording: what several servers answered to a transcript becomes its expectation lines. It asks no
//! server, opens no file and knows no clock; whoever drives it does.
//!
//! A transcript is recorded slot by slot. A *slot* is a run of expectation lines (`<`, `<<`, any-order blocks and close
//! observations, with the comments and blank lines between) and stands for everything the server says between the sends
//! before it and the sends after it. A transcript that ends with sends has one more slot at its end; a draft, which
//! expects nothing anywhere, has one behind every write. [`plan`] says what to
//! do and when to ask; at every slot the driver reads all connections until they are quiet, notes each one's bytes and
//! whether it was closed, and calls [`capture`] so that later sends can use what holes took. It does so for several
//! restarts of several servers, and [`rewrite`] writes it down:
//!
//! * What the lines already said and still holds stays as its author wrote it: holes, any-order blocks, guards, comments.
//!   Around a difference, holes stay where the lines next to them show that they still mean the same place.
//! * Where all builds agree a line has no guard; otherwise the lines in question carry the shortest guard that separates
//!   the builds that were asked. A build that is not asked again but has a provenance line keeps what was recorded of it.
//! * A reply is one line if it is short, and is otherwise laid out element by element.
//! * Bytes that come on a connection the slot does not mention belong to the next slot that does, or are added where they
//!   came. A line `a< ?` stands for "not recorded yet".
//! * What differs between restarts of one build is refused, with the line: it needs a hole, or an any-order block.

mod align;
mod layout;
mod merge;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::transcript::lint::known_builds;
use crate::transcript::{
    Action, Captures, Content, End, Header, Identity, Line, Match, Move, Observation, Pattern,
    Step, Transcript,
};
use align::annotate;
use layout::lay_out;
use merge::merge;

/// What to do with a server to record a transcript from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Do this: a write, something to a socket, a barrier, a sleep. Never a read or an observation.
    Do(Move),
    /// Read every connection until it is quiet: this is the slot with this number, counted from 0.
    Ask(usize),
}

/// What was read of one connection in one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Every byte.
    pub bytes: Vec<u8>,
    /// Whether the server closed it, and how: [`End::Eof`] or [`End::Reset`].
    pub end: Option<End>,
}

/// What one start of one server answered: for every slot, by connection.
pub type Answers = Vec<BTreeMap<String, Answer>>;

/// What one server answered, several times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Who it is.
    pub identity: Identity,
    /// Once for every start; never empty.
    pub restarts: Vec<Answers>,
}

/// Why a transcript cannot be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The line of the slot in question.
    pub line: usize,
    /// Whose answers.
    pub identity: Identity,
    /// What is the matter.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.line, self.identity, self.message)
    }
}

impl std::error::Error for Refusal {}

/// What to do with a server of this identity, and when to ask it. Slots are numbered alike for every identity.
pub fn plan(transcript: &Transcript, server: &Identity) -> Vec<Task> {
    let slots = slots(transcript);
    let mut tasks: Vec<Task> = Vec::new();
    let mut from = 0;
    for (number, slot) in slots.iter().enumerate() {
        let acts = Transcript {
            lines: transcript.lines[from..slot.start].to_vec(),
        };
        tasks.extend(acts.script(server).moves.into_iter().map(Task::Do));
        tasks.push(Task::Ask(number));
        from = slot.end;
    }
    let rest = Transcript {
        lines: transcript.lines[from..].to_vec(),
    };
    tasks.extend(rest.script(server).moves.into_iter().map(Task::Do));
    tasks
}

/// What a slot's lines wait for on one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Awaited {
    /// The bytes, line by line, each with its CRLF.
    pub patterns: Vec<Pattern>,
    /// Whether the server closes.
    pub end: bool,
}

/// What a slot's lines wait for on one server, by connection; nothing for a connection they do not mention.
pub fn awaited(
    transcript: &Transcript,
    server: &Identity,
    slot: usize,
) -> BTreeMap<String, Awaited> {
    let Some(slot) = slots(transcript).into_iter().nth(slot) else {
        return BTreeMap::new();
    };
    let ends = |action: &Action| {
        matches!(
            action,
            Action::Observe {
                observation: Observation::End { .. },
                ..
            }
        )
    };
    let awaited = |actions: Vec<Action>| Awaited {
        end: actions.iter().any(ends),
        patterns: patterns(&actions),
    };
    let said = slot.as_written(transcript, server).into_iter();
    said.map(|(connection, actions)| (connection, awaited(actions)))
        .collect()
}

/// Fills the holes of a slot's lines for one connection from what was read, as far as the lines still fit.
pub fn capture(
    transcript: &Transcript,
    server: &Identity,
    slot: usize,
    connection: &str,
    bytes: &[u8],
    captures: &mut Captures,
) {
    let Some(slot) = slots(transcript).into_iter().nth(slot) else {
        return;
    };
    let lines = slot.lines_for(transcript, server, connection);
    annotate(&patterns(&lines), bytes, captures);
}

/// The transcript with its expectation lines as the servers answered, and a provenance line for each of them.
///
/// # Errors
/// Everything that cannot be written down, by slot.
pub fn rewrite(
    transcript: &Transcript,
    recordings: &[Recording],
) -> Result<Transcript, Vec<Refusal>> {
    let slots = slots(transcript);
    let header = transcript.header();
    let mut refusals = Vec::new();
    let mut spoken = Vec::new();
    for recording in recordings {
        match settle(transcript, &slots, recording) {
            Ok(settled) => spoken.push((recording.identity.clone(), settled)),
            Err(refused) => refusals.extend(refused),
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    for identity in kept_builds(transcript, &header, recordings) {
        let settled = slots
            .iter()
            .map(|slot| slot.as_written(transcript, &identity))
            .collect();
        spoken.push((identity, settled));
    }
    spoken.sort_by(|(left, _), (right, _)| left.cmp(right));
    let mut lines = Vec::new();
    let mut from = 0;
    for (number, slot) in slots.iter().enumerate() {
        lines.extend_from_slice(&transcript.lines[from..slot.start]);
        let spoken: Vec<_> = spoken
            .iter()
            .map(|(identity, settled)| (identity, &settled[number]))
            .collect();
        lines.extend(slot.rewritten(transcript, &header, &spoken));
        from = slot.end;
    }
    lines.extend_from_slice(&transcript.lines[from..]);
    Ok(with_provenance(Transcript { lines }, recordings))
}

/// The lines that expect these bytes on a connection, laid out as [`rewrite`] lays them out.
pub fn expectations(connection: &str, bytes: &[u8]) -> Vec<Action> {
    let lines = lay_out(bytes, &[]).into_iter();
    lines
        .map(|(pattern, ending)| Action::Expect {
            connection: connection.to_owned(),
            pattern,
            ending,
        })
        .collect()
}

/// A place where answers are written: these lines of the transcript, counted from 0, perhaps none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    start: usize,
    end: usize,
}

fn slots(transcript: &Transcript) -> Vec<Slot> {
    if !transcript.steps().any(|(_, step)| is_answer(&step.action)) {
        return slots_of_draft(transcript);
    }
    let mut slots: Vec<Slot> = Vec::new();
    let mut unanswered = None;
    let mut open = false;
    for (index, line) in transcript.lines.iter().enumerate() {
        let Content::Step(step) = &line.content else {
            continue;
        };
        let answers = is_answer(&step.action);
        match slots.last_mut() {
            Some(slot) if answers && open => slot.end = index + 1,
            _ if answers => slots.push(Slot {
                start: index,
                end: index + 1,
            }),
            _ => {}
        }
        open = answers;
        unanswered = (!answers).then_some(index + 1);
    }
    if let Some(end) = unanswered {
        slots.push(Slot { start: end, end });
    }
    slots
}

/// Where nothing is expected yet, there is a slot behind every write, and one at the end.
fn slots_of_draft(transcript: &Transcript) -> Vec<Slot> {
    let steps: Vec<(usize, &Step)> = (Slot {
        start: 0,
        end: transcript.lines.len(),
    })
    .steps(transcript)
    .collect();
    let mut slots = Vec::new();
    for (at, (index, step)) in steps.iter().enumerate() {
        let next = steps.get(at + 1).map(|(_, step)| step);
        let joined = next.is_some_and(|next| {
            next.action.is_send() && next.action.connection() == step.action.connection()
        });
        if (step.action.is_send() && !joined) || next.is_none() {
            let end = index + 1;
            slots.push(Slot { start: end, end });
        }
    }
    slots
}

fn is_answer(action: &Action) -> bool {
    action.is_expectation() || matches!(action, Action::Observe { .. })
}

/// For every connection, the lines that say what it did. Without guards: they are one server's.
type Said = BTreeMap<String, Vec<Action>>;

impl Slot {
    /// The slot's steps, each with its index among the transcript's lines.
    fn steps(self, transcript: &Transcript) -> impl Iterator<Item = (usize, &Step)> {
        let lines = transcript.lines[self.start..self.end].iter().enumerate();
        lines.filter_map(move |(index, line)| match &line.content {
            Content::Step(step) => Some((self.start + index, step)),
            _ => None,
        })
    }

    /// The line a person looks at: the slot's first, or the one before it.
    fn line_number(self, transcript: &Transcript) -> usize {
        let index = if self.start < self.end {
            self.start
        } else {
            self.start.saturating_sub(1)
        };
        transcript.lines.get(index).map_or(0, |line| line.number)
    }

    fn mentions(self, transcript: &Transcript, connection: &str) -> bool {
        self.steps(transcript)
            .any(|(_, step)| step.action.connection() == Some(connection))
    }

    fn observes(self, transcript: &Transcript, connection: &str) -> bool {
        self.steps(transcript).any(|(_, step)| {
            let ends = matches!(
                step.action,
                Action::Observe {
                    observation: Observation::End { .. },
                    ..
                }
            );
            ends && step.action.connection() == Some(connection)
        })
    }

    /// What the lines say of one connection of one server.
    fn lines_for(
        self,
        transcript: &Transcript,
        server: &Identity,
        connection: &str,
    ) -> Vec<Action> {
        self.as_written(transcript, server)
            .remove(connection)
            .unwrap_or_default()
    }

    /// What the lines say of one server, by connection. Inside any-order blocks too only what holds for it.
    fn as_written(self, transcript: &Transcript, server: &Identity) -> Said {
        let holds = |step: &Step| step.guard.as_ref().is_none_or(|guard| guard.holds(server));
        let mut said = Said::new();
        for (_, step) in self.steps(transcript).filter(|(_, step)| holds(step)) {
            let mut action = step.action.clone();
            if let Action::AnyOrder { items, .. } = &mut action {
                items.retain(|item| !matches!(&item.content, Content::Step(step) if !holds(step)));
                for item in items {
                    if let Content::Step(step) = &mut item.content {
                        step.guard = None;
                    }
                }
            }
            let connection = action.connection().unwrap_or_default().to_owned();
            said.entry(connection).or_default().push(action);
        }
        said
    }

    /// The slot's lines after everyone has spoken: untouched if they say the same already.
    fn rewritten(
        self,
        transcript: &Transcript,
        header: &Header,
        spoken: &[(&Identity, &Said)],
    ) -> Vec<Line> {
        let applies = |identity: &Identity| {
            header
                .since
                .as_ref()
                .is_none_or(|since| since.holds(identity))
        };
        let spoken: Vec<_> = spoken
            .iter()
            .filter(|(identity, _)| applies(identity))
            .collect();
        let same = |identity: &Identity, said: &Said| {
            without_silent(self.as_written(transcript, identity)) == without_silent(said.clone())
        };
        let old = &transcript.lines[self.start..self.end];
        if spoken.iter().all(|(identity, said)| same(identity, said)) {
            return old.to_vec();
        }
        let mut known: Vec<Identity> = known_builds();
        known.extend(spoken.iter().map(|(identity, _)| (*identity).clone()));
        known.sort();
        known.dedup();
        known.retain(applies);
        let mut steps = Vec::new();
        for connection in self.connections(transcript, &spoken) {
            let nothing = Vec::new();
            let sequences: Vec<_> = spoken
                .iter()
                .map(|(identity, said)| {
                    (
                        *identity,
                        said.get(&connection).unwrap_or(&nothing).as_slice(),
                    )
                })
                .collect();
            steps.extend(merge(&sequences, &known));
        }
        with_comments(old, steps)
    }

    /// Every connection that is mentioned or spoke, in the order of the lines.
    fn connections(self, transcript: &Transcript, spoken: &[&(&Identity, &Said)]) -> Vec<String> {
        let mut connections: Vec<String> = Vec::new();
        let mentioned = self
            .steps(transcript)
            .filter_map(|(_, step)| step.action.connection().map(str::to_owned));
        let spoke = spoken.iter().flat_map(|(_, said)| said.keys().cloned());
        for connection in mentioned.chain(spoke) {
            if !connections.contains(&connection) {
                connections.push(connection);
            }
        }
        connections
    }
}

/// A connection of which nothing is said is as good as none.
fn without_silent(mut said: Said) -> Said {
    said.retain(|_, actions| !actions.is_empty());
    said
}

/// What one server said in every slot, which all its restarts must agree on.
fn settle(
    transcript: &Transcript,
    slots: &[Slot],
    recording: &Recording,
) -> Result<Vec<Said>, Vec<Refusal>> {
    let identity = &recording.identity;
    let mut restarts = recording
        .restarts
        .iter()
        .map(|answers| say(transcript, slots, identity, answers));
    let Some(mut settled) = restarts.next() else {
        let message = "was never started".to_owned();
        return Err(vec![Refusal {
            line: 0,
            identity: identity.clone(),
            message,
        }]);
    };
    let mut refusals: Vec<Refusal> = Vec::new();
    for other in restarts {
        for ((slot, said), other) in slots.iter().zip(&mut settled).zip(other) {
            if let Err(message) = agree(said, &other) {
                let line = slot.line_number(transcript);
                if refusals.iter().all(|refusal| refusal.line != line) {
                    refusals.push(Refusal {
                        line,
                        identity: identity.clone(),
                        message,
                    });
                }
            }
        }
    }
    if refusals.is_empty() {
        Ok(settled)
    } else {
        Err(refusals)
    }
}

/// Makes `said` what both restarts agree on; how a connection ended may differ, whether it did may not.
fn agree(said: &mut Said, other: &Said) -> Result<(), String> {
    for connection in other.keys() {
        said.entry(connection.clone()).or_default();
    }
    for (connection, actions) in said {
        let nothing = Vec::new();
        let others = other.get(connection).unwrap_or(&nothing);
        let first = actions
            .iter()
            .zip(others)
            .position(|(one, another)| !is_same(one, another));
        let first = first
            .or_else(|| (actions.len() != others.len()).then(|| actions.len().min(others.len())));
        if let Some(first) = first {
            let show = |actions: &[Action]| {
                actions
                    .get(first)
                    .map_or_else(|| "nothing".to_owned(), |action| format!("`{action}`"))
            };
            return Err(format!(
                "{connection} answers {} after one restart and {} after another: write a hole or an any-order block, or leave it out",
                show(actions),
                show(others)
            ));
        }
        for (action, other) in actions.iter_mut().zip(others) {
            if action != other {
                *action = closed(connection);
            }
        }
    }
    Ok(())
}

/// Whether two restarts said the same, but for how they closed.
fn is_same(one: &Action, another: &Action) -> bool {
    let ends = |action: &Action| {
        matches!(
            action,
            Action::Observe {
                observation: Observation::End { .. },
                ..
            }
        )
    };
    one == another || (ends(one) && ends(another))
}

fn closed(connection: &str) -> Action {
    let observation = Observation::End {
        end: End::Closed,
        discard: false,
    };
    Action::Observe {
        connection: connection.to_owned(),
        observation,
    }
}

/// What one start of a server said, slot by slot.
fn say(transcript: &Transcript, slots: &[Slot], server: &Identity, answers: &Answers) -> Vec<Said> {
    let mut captures = Captures::new();
    let answers = distribute(transcript, slots, answers);
    let said = slots.iter().zip(answers).map(|(slot, answers)| {
        let mut said = Said::new();
        let mut written = slot.as_written(transcript, server);
        for connection in written
            .keys()
            .chain(answers.keys())
            .cloned()
            .collect::<BTreeSet<_>>()
        {
            let written = written.remove(&connection).unwrap_or_default();
            let answer = answers.get(&connection).cloned().unwrap_or_default();
            said.insert(
                connection.clone(),
                say_one(&connection, written, &answer, &mut captures),
            );
        }
        said
    });
    said.collect()
}

/// Moves what came on a connection that its slot does not mention to the next slot that does.
fn distribute(transcript: &Transcript, slots: &[Slot], answers: &Answers) -> Answers {
    let mut moved: Answers = vec![BTreeMap::new(); slots.len()];
    for (number, by_connection) in answers.iter().enumerate().take(slots.len()) {
        for (connection, answer) in by_connection {
            let later = |wanted: &dyn Fn(Slot) -> bool| {
                (number..slots.len()).find(|&later| wanted(slots[later]))
            };
            let mentioned = later(&|slot| slot.mentions(transcript, connection));
            if !answer.bytes.is_empty() {
                let target = &mut moved[mentioned.unwrap_or(number)];
                target
                    .entry(connection.clone())
                    .or_default()
                    .bytes
                    .extend_from_slice(&answer.bytes);
            }
            if answer.end.is_some() {
                let observed = later(&|slot| slot.observes(transcript, connection));
                let target = &mut moved[observed.or(mentioned).unwrap_or(number)];
                target.entry(connection.clone()).or_default().end = answer.end;
            }
        }
    }
    moved
}

/// What one connection said in one slot: as it is written if that holds, and anew otherwise.
fn say_one(
    connection: &str,
    written: Vec<Action>,
    answer: &Answer,
    captures: &mut Captures,
) -> Vec<Action> {
    if holds(&written, answer, captures) {
        return written;
    }
    let discards = written.iter().any(discards);
    let mut said = Vec::new();
    if discards {
        // What comes before the bytes thrown away is the author's choice: only what is wrong goes.
        said.extend(fitting(&written, answer, captures));
    } else {
        let segments = annotate(&patterns(&written), &answer.bytes, captures);
        for (pattern, ending) in lay_out(&answer.bytes, &segments) {
            said.push(Action::Expect {
                connection: connection.to_owned(),
                pattern,
                ending,
            });
        }
    }
    let observed = written.into_iter().filter_map(|action| match action {
        Action::Observe { observation, .. } => Some(observation),
        _ => None,
    });
    let mut observed: Vec<Observation> = observed
        .filter(|observation| is_observed(*observation, answer))
        .collect();
    let tells_end = observed
        .iter()
        .any(|observation| matches!(observation, Observation::End { .. }));
    if let Some(end) = answer.end
        && !tells_end
    {
        observed.push(Observation::End {
            end,
            discard: discards,
        });
    }
    said.extend(observed.into_iter().map(|observation| Action::Observe {
        connection: connection.to_owned(),
        observation,
    }));
    said
}

fn discards(action: &Action) -> bool {
    matches!(
        action,
        Action::Observe {
            observation: Observation::End { discard: true, .. },
            ..
        }
    )
}

/// The expectations that fit the answer from its start, up to the first that does not.
fn fitting(written: &[Action], answer: &Answer, captures: &mut Captures) -> Vec<Action> {
    let mut at = 0;
    let expectations = written.iter().filter(|action| action.is_expectation());
    let fitting = expectations
        .zip(patterns(written))
        .take_while(
            |(_, pattern)| match pattern.match_at(&answer.bytes[at..], captures) {
                Match::Whole { length } => {
                    at += length;
                    true
                }
                _ => false,
            },
        );
    fitting.map(|(action, _)| action.clone()).collect()
}

/// Whether everything the lines say is so, and they say everything.
fn holds(written: &[Action], answer: &Answer, captures: &mut Captures) -> bool {
    let mut trial = captures.clone();
    let mut at = 0;
    for pattern in patterns(written) {
        match pattern.match_at(&answer.bytes[at..], &mut trial) {
            Match::Whole { length } => at += length,
            _ => return false,
        }
    }
    let mut discarded = false;
    let mut end_told = false;
    for action in written {
        let Action::Observe { observation, .. } = action else {
            continue;
        };
        if !is_observed(*observation, answer) {
            return false;
        }
        if let Observation::End { discard, .. } = observation {
            end_told = true;
            discarded |= discard;
        }
    }
    let complete = (at == answer.bytes.len() || discarded) && (end_told || answer.end.is_none());
    if complete {
        *captures = trial;
    }
    complete
}

fn is_observed(observation: Observation, answer: &Answer) -> bool {
    match observation {
        Observation::Quiet(_) => answer.end.is_none(),
        Observation::End {
            end: End::Closed, ..
        } => answer.end.is_some(),
        Observation::End { end, .. } => answer.end == Some(end),
    }
}

/// The bytes the lines expect, line by line, each with its CRLF.
fn patterns(actions: &[Action]) -> Vec<Pattern> {
    let transcript = Transcript {
        lines: actions
            .iter()
            .map(|action| Line {
                number: 0,
                content: Content::Step(Step {
                    guard: None,
                    action: action.clone(),
                }),
            })
            .collect(),
    };
    // No line has a guard any more, so any identity will do.
    let anyone = Identity::new("", crate::transcript::Version::new(&[]));
    let reads = transcript
        .script(&anyone)
        .moves
        .into_iter()
        .filter_map(|step| match step {
            Move::Read { lines, .. } => Some(lines),
            _ => None,
        });
    reads.flatten().map(|line| line.pattern).collect()
}

/// Builds that are not asked this time but were before: what is written of them stays.
fn kept_builds(
    transcript: &Transcript,
    header: &Header,
    recordings: &[Recording],
) -> Vec<Identity> {
    let builds = provenance(transcript).map(|(_, identity)| identity);
    let asked = |identity: &Identity| {
        recordings
            .iter()
            .any(|recording| recording.identity == *identity)
    };
    let applies = |identity: &Identity| {
        header
            .since
            .as_ref()
            .is_none_or(|since| since.holds(identity))
    };
    builds
        .filter(|identity| !asked(identity) && applies(identity))
        .collect()
}

/// The lines that say who was asked, by index.
fn provenance(transcript: &Transcript) -> impl Iterator<Item = (usize, Identity)> {
    transcript
        .lines
        .iter()
        .enumerate()
        .filter_map(|(index, line)| match &line.content {
            Content::Provenance(text) => {
                Some((index, text.split([':', ' ']).next()?.parse().ok()?))
            }
            _ => None,
        })
}

/// A provenance line for everyone who was asked, behind the header, sorted; those of others stay.
fn with_provenance(mut transcript: Transcript, recordings: &[Recording]) -> Transcript {
    let mut told: Vec<(Identity, Line)> = Vec::new();
    let found: Vec<_> = provenance(&transcript).collect();
    for (index, identity) in found.into_iter().rev() {
        told.push((identity, transcript.lines.remove(index)));
    }
    for recording in recordings {
        let restarts = recording.restarts.len();
        let text = match restarts {
            1 => format!("{}: 1 start", recording.identity),
            _ => format!(
                "{}: {restarts} starts, the same bytes each time",
                recording.identity
            ),
        };
        told.retain(|(identity, _)| *identity != recording.identity);
        told.push((
            recording.identity.clone(),
            Line {
                number: 0,
                content: Content::Provenance(text),
            },
        ));
    }
    told.sort_by(|(left, _), (right, _)| left.cmp(right));
    let header = transcript
        .lines
        .iter()
        .rposition(|line| matches!(line.content, Content::Header(_)));
    let at = header.map_or(0, |last| last + 1);
    transcript
        .lines
        .splice(at..at, told.into_iter().map(|(_, line)| line));
    transcript
}

/// The new steps with the comments and blank lines of the old lines: in front of the step they stood in front of, if it
/// still exists, and otherwise in front of all of them.
fn with_comments(old: &[Line], steps: Vec<Step>) -> Vec<Line> {
    let mut before: Vec<Vec<Line>> = vec![Vec::new(); steps.len() + 1];
    let mut waiting = Vec::new();
    for line in old {
        match &line.content {
            Content::Step(old_step) => {
                let place = steps
                    .iter()
                    .position(|step| step.action == old_step.action)
                    .unwrap_or(0);
                before[place].append(&mut waiting);
            }
            _ => waiting.push(line.clone()),
        }
    }
    before[steps.len()].append(&mut waiting);
    let mut lines = Vec::new();
    let mut steps = steps.into_iter();
    for comments in before {
        lines.extend(comments);
        lines.extend(steps.next().map(|step| Line {
            number: 0,
            content: Content::Step(step),
        }));
    }
    lines
}

#[cfg(test)]
mod tests;
