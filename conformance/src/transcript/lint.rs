//! Whether a transcript makes sense: what the form allows and its author cannot have meant. Knows no server but the
//! builds it is usually recorded from.

use std::collections::BTreeMap;
use std::path::Path;

use super::finding::Finding;
use super::pattern::{HoleKind, Pattern, PatternPart, SendPart};
use super::{
    Action, Content, Ending, Guard, HeaderField, Identity, Line, Observation, SocketAction, Step,
    Transcript,
};
use crate::wire;

/// The builds transcripts are recorded from, as `product-version`, oldest first within a product.
pub const KNOWN_BUILDS: [&str; 5] = [
    "redis-6.2.5",
    "redis-7.0.15",
    "redis-8.2.3",
    "valkey-8.1.8",
    "valkey-9.1.2",
];

/// The [`KNOWN_BUILDS`] as identities.
pub fn known_builds() -> Vec<Identity> {
    KNOWN_BUILDS
        .iter()
        .filter_map(|build| build.parse().ok())
        .collect()
}

/// Everything that is wrong with the text of a transcript: its form, its sense, and where it is not written in the
/// canonical way. Sorted by place.
pub fn check(text: &str) -> Vec<Finding> {
    let transcript = match Transcript::parse(text) {
        Ok(transcript) => transcript,
        Err(findings) => return findings,
    };
    let mut findings = lint(&transcript);
    findings.extend(check_form(text, &transcript));
    findings.sort_by_key(|finding| (finding.line, finding.column));
    findings
}

/// As [`check`], for a file at this path below the folder of the fixtures; its id must be the path without `.resp`.
pub fn check_file(path: &Path, text: &str) -> Vec<Finding> {
    let mut findings = check(text);
    if let Ok(transcript) = Transcript::parse(text) {
        findings.extend(check_id(path, &transcript));
        findings.sort_by_key(|finding| (finding.line, finding.column));
    }
    findings
}

/// What makes no sense in a transcript, whatever its text looked like.
pub fn lint(transcript: &Transcript) -> Vec<Finding> {
    let mut findings = lint_header(transcript);
    findings.extend(lint_guards(transcript));
    findings.extend(lint_flow(transcript));
    findings.extend(lint_bytes(transcript));
    findings.extend(lint_captures(transcript));
    findings.sort_by_key(|finding| (finding.line, finding.column));
    findings
}

/// Lines that print differently from how they are written.
fn check_form(text: &str, transcript: &Transcript) -> Option<Finding> {
    let printed = transcript.to_string();
    let (index, (written, canonical)) = text
        .lines()
        .zip(printed.lines())
        .enumerate()
        .find(|(_, (written, canonical))| written != canonical)?;
    let same = written
        .chars()
        .zip(canonical.chars())
        .take_while(|(left, right)| left == right)
        .count();
    let finding = Finding::error(
        index + 1,
        same + 1,
        "expected the canonical form of this line",
    );
    Some(finding.suggest(format!("write `{}`", shortened(canonical))))
}

fn shortened(line: &str) -> String {
    if line.chars().count() <= 200 {
        line.to_owned()
    } else {
        line.chars().take(200).chain("…".chars()).collect()
    }
}

fn check_id(path: &Path, transcript: &Transcript) -> Option<Finding> {
    let expected = id_of_path(path);
    let line = transcript
        .lines
        .iter()
        .find(|line| matches!(line.content, Content::Header(HeaderField::Id(_))))?;
    let id = transcript.header().id;
    (id != expected).then(|| {
        let message = format!("expected the id of this file, found `{id}`");
        Finding::error(line.number, VALUE_COLUMN, message)
            .suggest(format!("write `@id     {expected}`, or move the file"))
    })
}

/// The id a transcript must have at this path below the folder of the fixtures: `inline/ping` for `inline/ping.resp`.
pub fn id_of_path(path: &Path) -> String {
    let parts: Vec<_> = path
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    parts.join("/")
}

/// Where values stand in a canonical header.
const VALUE_COLUMN: usize = 9;

fn lint_header(transcript: &Transcript) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeMap::new();
    let mut first_step = None;
    for line in &transcript.lines {
        match &line.content {
            Content::Step(_) => first_step = first_step.or(Some(line.number)),
            Content::Header(field) => {
                if let Some(step) = first_step {
                    let message = format!(
                        "expected `@{}` before the first step, which is on line {step}",
                        field.key()
                    );
                    findings.push(Finding::error(line.number, 1, message));
                }
                let before = seen.insert(field.key(), line.number);
                if let Some(before) =
                    before.filter(|_| !matches!(field, HeaderField::Config { .. }))
                {
                    let message = format!(
                        "expected `@{}` once; it is on line {before} too",
                        field.key()
                    );
                    findings.push(Finding::error(line.number, 1, message));
                }
                if let HeaderField::Id(id) = field
                    && !is_id(id)
                {
                    let message = format!(
                        "expected an id such as section/slug, in small letters, digits and hyphens, found `{id}`"
                    );
                    findings.push(Finding::error(line.number, VALUE_COLUMN, message));
                }
            }
            _ => {}
        }
    }
    for (key, what) in [
        ("id", "section/slug"),
        ("title", "the behaviour in one sentence"),
        ("level", "must, should, may or info"),
        (
            "why",
            "what goes wrong without it, or where the rule is from",
        ),
    ] {
        if !seen.contains_key(key) {
            findings.push(Finding::error(
                1,
                1,
                format!("expected a line `@{key}`: {what}"),
            ));
        }
    }
    findings
}

fn is_id(id: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !part.starts_with('-')
    };
    id.contains('/') && id.split('/').all(part)
}

fn lint_guards(transcript: &Transcript) -> Vec<Finding> {
    let mut findings = Vec::new();
    let header = transcript
        .lines
        .iter()
        .filter_map(|line| match &line.content {
            Content::Header(HeaderField::Since(guard)) => Some((line.number, VALUE_COLUMN, guard)),
            _ => None,
        });
    let steps = all_steps(transcript);
    let steps = steps
        .iter()
        .filter_map(|(number, step)| Some((*number, 2, step.guard.as_ref()?)));
    for (line, column, guard) in header.chain(steps) {
        findings.extend(lint_guard(line, column, guard));
    }
    findings
}

fn lint_guard(line: usize, column: usize, guard: &Guard) -> Option<Finding> {
    let products = ["redis", "valkey"];
    let unknown = guard
        .any_of
        .iter()
        .flatten()
        .find(|condition| !products.contains(&condition.product.as_str()));
    if let Some(condition) = unknown {
        let message = format!(
            "expected a product that is recorded from ({}), found `{}`",
            products.join(", "),
            condition.product
        );
        return Some(
            Finding::error(line, column, message).suggest_closest(&condition.product, products),
        );
    }
    if known_builds().iter().all(|build| !guard.holds(build)) {
        let message = format!(
            "expected a guard that holds for one of {}",
            KNOWN_BUILDS.join(", ")
        );
        return Some(Finding::error(line, column, message));
    }
    None
}

/// Every step, those inside any-order blocks too.
fn all_steps(transcript: &Transcript) -> Vec<(usize, &Step)> {
    let mut steps = Vec::new();
    for (number, step) in transcript.steps() {
        steps.push((number, step));
        if let Action::AnyOrder { items, .. } = &step.action {
            steps.extend(items.iter().filter_map(|item| match &item.content {
                Content::Step(step) => Some((item.number, step)),
                _ => None,
            }));
        }
    }
    steps
}

/// What a connection can still do.
#[derive(Clone, Copy, Default, PartialEq)]
enum Side {
    #[default]
    Unopened,
    Open,
    ShutDown,
    ClosedByServer,
    Closed,
}

/// What is done in an order in which it cannot be done.
fn lint_flow(transcript: &Transcript) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut sides: BTreeMap<&str, Side> = BTreeMap::new();
    let mut expects = false;
    for (index, line) in transcript.lines.iter().enumerate() {
        let Content::Step(step) = &line.content else {
            continue;
        };
        let column = 1 + step
            .guard
            .as_ref()
            .map_or(0, |guard| guard.to_string().len() + 3);
        if let Action::Sleep(_) = step.action
            && !is_commented(&transcript.lines, index)
        {
            let finding = Finding::warning(
                line.number,
                column,
                "expected no sleep: it makes a case slow, or flaky, or both",
            );
            findings.push(
                finding.suggest("use `barrier` or `quiet`, or say why on a comment line above"),
            );
        }
        expects |= step.action.is_expectation() || matches!(step.action, Action::Observe { .. });
        let Some(connection) = step.action.connection() else {
            continue;
        };
        let side = sides.entry(connection).or_default();
        if let Some(message) = misstep(*side, &step.action, connection) {
            findings.push(Finding::error(line.number, column, message));
        }
        *side = match (&step.action, *side) {
            (
                Action::Socket {
                    action: SocketAction::Shutdown,
                    ..
                },
                _,
            ) => Side::ShutDown,
            (
                Action::Socket {
                    action: SocketAction::Close | SocketAction::Rst,
                    ..
                },
                _,
            ) => Side::Closed,
            // Under a guard the server may not have closed after all.
            (
                Action::Observe {
                    observation: Observation::End { .. },
                    ..
                },
                _,
            ) if step.guard.is_none() => Side::ClosedByServer,
            (
                Action::Socket {
                    action: SocketAction::Open { .. },
                    ..
                },
                _,
            ) => Side::Open,
            (action, Side::Unopened) if action.is_send() => Side::Open,
            (_, side) => side,
        };
    }
    if !expects {
        findings.push(Finding::error(
            1,
            1,
            "expected at least one expectation: this case cannot fail",
        ));
    }
    findings
}

/// Why the action cannot be, the connection being as it is.
fn misstep(side: Side, action: &Action, connection: &str) -> Option<String> {
    match (side, action) {
        (
            Side::Unopened,
            Action::Expect { .. } | Action::AnyOrder { .. } | Action::Observe { .. },
        ) => Some(format!(
            "expected something to be sent on `{connection}` before anything is expected of it, or `{connection}! open`"
        )),
        (Side::Unopened, Action::Socket { action, .. })
            if !matches!(action, SocketAction::Open { .. }) =>
        {
            Some(format!(
                "expected something to be sent on `{connection}` before this, or `{connection}! open`"
            ))
        }
        (
            Side::Open | Side::ShutDown,
            Action::Socket {
                action: SocketAction::Open { .. },
                ..
            },
        ) => Some(format!("expected `{connection}` not to be open yet")),
        (Side::ShutDown, action) if action.is_send() => Some(format!(
            "expected nothing to be sent on `{connection}` after its shutdown"
        )),
        (Side::ClosedByServer, action) if action.is_expectation() => Some(format!(
            "expected nothing more from `{connection}`, which the server has closed"
        )),
        (
            Side::Closed,
            Action::Socket {
                action: SocketAction::Open { .. },
                ..
            },
        ) => None,
        (Side::Closed, _) => Some(format!(
            "expected nothing on `{connection}` after it was closed, unless it is opened again"
        )),
        _ => None,
    }
}

/// Whether a comment stands right above this sleep, or right above an earlier one with no blank line between: what is said
/// of the first of several holds for all.
fn is_commented(lines: &[Line], index: usize) -> bool {
    let is_sleep = |line: &Line| matches!(&line.content, Content::Step(step) if matches!(step.action, Action::Sleep(_)));
    let paragraph = lines[..=index]
        .rsplit(|line| line.content == Content::Blank)
        .next()
        .unwrap_or_default();
    paragraph
        .windows(2)
        .any(|pair| matches!(pair[0].content, Content::Comment(_)) && is_sleep(&pair[1]))
}

/// Bytes that can hardly be meant.
fn lint_bytes(transcript: &Transcript) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, step) in all_steps(transcript) {
        match &step.action {
            Action::Send { parts, ending, .. } => {
                let nothing_behind =
                    *ending == Ending::Exact && parts.last() == Some(&SendPart::Cut);
                let doubled = parts
                    .windows(2)
                    .any(|pair| pair == [SendPart::Cut, SendPart::Cut]);
                if parts.first() == Some(&SendPart::Cut) || nothing_behind || doubled {
                    findings.push(Finding::warning(
                        number,
                        1,
                        r"expected bytes on both sides of the cut `\|`",
                    ));
                }
                if parts.is_empty() && *ending == Ending::Exact {
                    findings.push(
                        Finding::error(
                            number,
                            1,
                            "expected bytes to send: `>>` alone sends nothing",
                        )
                        .suggest("`>` alone sends CRLF"),
                    );
                }
            }
            Action::Expect {
                pattern, ending, ..
            } => findings.extend(lint_expectation(number, pattern, *ending)),
            Action::AnyOrder { items, .. } => findings.extend(lint_any_order(number, items)),
            _ => {}
        }
    }
    findings
}

fn lint_expectation(number: usize, pattern: &Pattern, ending: Ending) -> Option<Finding> {
    if pattern.parts.is_empty() && ending == Ending::Exact {
        let finding = Finding::error(number, 1, "expected bytes: `<<` alone expects nothing");
        return Some(finding.suggest("`! quiet` expects that nothing comes"));
    }
    if *pattern == Pattern::literal(b"?") && ending == Ending::Crlf {
        let finding = Finding::warning(
            number,
            1,
            "expected a recorded answer: `?` stands for none yet",
        );
        return Some(finding.suggest("`respect record` asks real servers"));
    }
    match pattern.parts.last() {
        Some(PatternPart::Hole { name, kind })
            if ending == Ending::Exact
                && !matches!(kind, HoleKind::Bulk | HoleKind::Reply | HoleKind::Sha1) =>
        {
            let message = format!(
                "expected bytes behind {{{name}:{}}}, to know where it ends",
                kind.spelling()
            );
            Some(Finding::error(number, 1, message).suggest("use `<`, which adds CRLF"))
        }
        Some(PatternPart::Hole {
            name,
            kind: kind @ (HoleKind::Bulk | HoleKind::Reply),
        }) if ending == Ending::Crlf => {
            let message = format!(
                "expected `<<`: {{{name}:{}}} ends with a CRLF of its own",
                kind.spelling()
            );
            Some(Finding::error(number, 1, message).suggest("use `<<`"))
        }
        _ => None,
    }
}

fn lint_any_order(number: usize, items: &[Line]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut expectations = 0;
    for item in items {
        let Content::Step(Step {
            action: Action::Expect {
                pattern, ending, ..
            },
            ..
        }) = &item.content
        else {
            continue;
        };
        expectations += 1;
        let Some(mut bytes) = pattern.plain_bytes() else {
            continue;
        };
        if *ending == Ending::Crlf {
            bytes.extend_from_slice(b"\r\n");
        }
        let whole = wire::read_all(&bytes)
            .is_ok_and(|(replies, rest)| !replies.is_empty() && rest.is_empty());
        if !whole {
            let finding = Finding::error(
                item.number,
                1,
                "expected whole replies on a line of an any-order block",
            );
            findings.push(finding.suggest(r"write a reply of several lines on one, as `$1\r\na`"));
        }
    }
    if expectations < 2 {
        findings.push(Finding::warning(
            number,
            1,
            "expected two lines or more in an any-order block",
        ));
    }
    findings
}

/// Names that are reused without a capture, captured twice for one server, or captured for nothing.
fn lint_captures(transcript: &Transcript) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut captured: BTreeMap<&str, Vec<(usize, Option<&Guard>)>> = BTreeMap::new();
    let mut reused: Vec<&str> = Vec::new();
    let builds = known_builds();
    for (number, step) in all_steps(transcript) {
        let guard = step.guard.as_ref();
        for name in names_reused(&step.action) {
            reused.push(name);
            if !captured.contains_key(name) {
                let finding = Finding::error(
                    number,
                    1,
                    format!("expected a hole {{{name}:kind}} on a line above"),
                );
                findings.push(finding.suggest_closest(name, captured.keys().copied()));
            }
        }
        let Action::Expect { pattern, .. } = &step.action else {
            continue;
        };
        for (name, _) in pattern.holes() {
            let holds = |guard: Option<&Guard>, build: &Identity| {
                guard.is_none_or(|guard| guard.holds(build))
            };
            let others = captured.entry(name).or_default();
            let clash = others.iter().find(|(_, other)| {
                builds
                    .iter()
                    .any(|build| holds(guard, build) && holds(*other, build))
            });
            if let Some((before, _)) = clash {
                let message = format!(
                    "expected another name: {{{name}}} is captured on line {before} already"
                );
                findings.push(Finding::error(number, 1, message));
            }
            others.push((number, guard));
        }
    }
    for (name, places) in captured {
        if !reused.contains(&name) {
            findings.push(Finding::note(
                places[0].0,
                1,
                format!("{{{name}}} is captured and never used: it only forgives"),
            ));
        }
    }
    findings
}

fn names_reused(action: &Action) -> Vec<&str> {
    match action {
        Action::Command { arguments, .. } => {
            arguments.iter().flatten().filter_map(name_sent).collect()
        }
        Action::Send { parts, .. } => parts.iter().filter_map(name_sent).collect(),
        Action::Expect { pattern, .. } => pattern
            .parts
            .iter()
            .filter_map(|part| {
                if let PatternPart::Reuse(name) = part {
                    Some(name.as_str())
                } else {
                    None
                }
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn name_sent(part: &SendPart) -> Option<&str> {
    if let SendPart::Reuse(name) = part {
        Some(name)
    } else {
        None
    }
}
