//! Looks at one law with one dialogue on one server: plays it both ways, compares, asks again before it accuses, and shortens
//! what is broken. Chooses no dialogues.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::answers::{self, Checks};
use super::audit::{self, Check, Exception};
use super::dialogue::{Dialogue, Step};
use super::play::{Heard, Silence, Stream, play};
use super::projection::projected;
use super::show;
use super::vary::{Base, Due, Item, Variation, as_it_stands, due, variations};
use super::{Law, Place};
use crate::seat::Seat;
use crate::transcript::Split;
use crate::wire::{Kind, Reader, read_all};

/// Attempts to leave something out of a dialogue. Each is played twice, which takes some milliseconds.
const ATTEMPTS_MAX: usize = 300;

/// No dialogue is shortened for longer: a server that gets stuck costs seconds every time.
const SHORTENED_WITHIN: Duration = Duration::from_secs(30);

/// What came of a law with a dialogue.
#[derive(Debug)]
pub enum Outcome {
    /// It held.
    Holds,
    /// It tells nothing about the law: why.
    NotApplicable(String),
    /// The server answers the same dialogue differently every time.
    Unsettled,
    /// It is broken as is known of this server.
    Excepted(&'static Exception),
    /// It is broken.
    Broken(Box<Breach>),
}

/// A broken law with its evidence.
#[derive(Clone, Debug)]
pub struct Breach {
    /// Which.
    pub law: Law,
    /// Where the dialogue is from.
    pub dialogue: String,
    /// Steps it had before it was shortened, and after.
    pub steps: (usize, usize),
    /// On which connection.
    pub connection: String,
    /// Which frame on it, counted from 1.
    pub reply: usize,
    /// The first byte of that frame that is wrong.
    pub offset: usize,
    /// What was due, from the start of that frame.
    pub due: Vec<u8>,
    /// What came there.
    pub came: Vec<u8>,
    /// What is wrong, in words.
    pub fault: String,
    /// How the dialogue was played first, and how then.
    pub ways: (&'static str, &'static str),
    /// Both dialogues side by side.
    pub rows: Vec<Row>,
    /// The second one with what is due, as a transcript; it fails on this server.
    pub transcript: String,
}

/// What was said or heard at one point of both dialogues; empty where there is nothing in one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// In the first.
    pub left: String,
    /// In the second.
    pub right: String,
}

/// Where what was heard departs from what was due.
pub(super) struct Mismatch {
    pub(super) variation: Option<Variation>,
    pub(super) heard: Heard,
    connection: String,
    reply: usize,
    offset: usize,
    due: Vec<u8>,
    came: Vec<u8>,
    fault: String,
}

/// One look: something is wrong, nothing is, or it tells nothing.
type Look = Result<Option<Mismatch>, String>;

/// Plays the dialogue as it stands, one command after the other.
pub(super) fn listen(seat: &mut Seat, dialogue: &Dialogue) -> Result<Heard, Silence> {
    play(seat, dialogue, &as_it_stands(dialogue))
}

/// Looks at a law with a dialogue that was listened to.
pub(super) fn examine(
    law: Law,
    dialogue: &Dialogue,
    heard: &Heard,
    seat: &mut Seat,
    seed: u64,
    shortens: bool,
) -> Result<Outcome, Silence> {
    let mismatch = match look(law, dialogue, heard, seat, seed)? {
        Ok(Some(mismatch)) => mismatch,
        Ok(None) => return Ok(Outcome::Holds),
        Err(reason) => return Ok(Outcome::NotApplicable(reason)),
    };
    // Before it is held against the server, it is asked everything once more.
    let again = listen(seat, dialogue)?;
    let is_settled =
        law == Law::L8 || compare_all(&due(&read_all_of(dialogue, heard)), &again, false).is_none();
    if !is_settled || !matches!(look(law, dialogue, &again, seat, seed)?, Ok(Some(_))) {
        return Ok(Outcome::Unsettled);
    }
    if let Some(exception) = audit::exception(law, seat.identity(), dialogue) {
        return Ok(Outcome::Excepted(exception));
    }
    let (short, heard, mismatch) = if shortens {
        shorten(law, dialogue, (heard.clone(), mismatch), seat, seed)?
    } else {
        (dialogue.clone(), heard.clone(), mismatch)
    };
    Ok(Outcome::Broken(Box::new(breach(
        law, dialogue, &short, &heard, mismatch,
    ))))
}

fn look(
    law: Law,
    dialogue: &Dialogue,
    heard: &Heard,
    seat: &mut Seat,
    seed: u64,
) -> Result<Look, Silence> {
    if let Some(reason) = audit::left_out(law, dialogue) {
        return Ok(Err(reason.to_owned()));
    }
    if law == Law::L1 && dialogue.case.header.split == Split::Fixed {
        return Ok(Err("the transcript says `@split fixed`".to_owned()));
    }
    let base = read_all_of(dialogue, heard);
    if law == Law::L8 {
        return Ok(Ok(miscounted(dialogue, &base, heard)));
    }
    let is_weak = dialogue.requests().any(|(connection, request)| {
        let is_assigned = base
            .get(connection)
            .is_none_or(|(_, conversation)| conversation.is_assigned());
        !is_assigned && audit::check(request) != Check::Exact
    });
    if is_weak {
        return Ok(Err(
            "replies that are never twice the same cannot be told from others".to_owned(),
        ));
    }
    let variations = match variations(law, dialogue, &base, seed) {
        Ok(variations) => variations,
        Err(reason) => return Ok(Err(reason.to_owned())),
    };
    for variation in variations {
        let heard = match play(seat, dialogue, &variation.acts) {
            Ok(heard) => heard,
            Err(Silence::NotReady(reason)) => return Ok(Err(reason)),
            Err(silence) => return Err(silence),
        };
        let compared = if variation.resp3 {
            match in_resp2(dialogue, &heard) {
                Some(projected) => compare_all(&variation.due, &projected, false),
                None => return Ok(Err("HELLO 3 is refused".to_owned())),
            }
        } else {
            compare_all(&variation.due, &heard, variation.folds_errors)
        };
        if let Some(mismatch) = compared {
            return Ok(Ok(Some(Mismatch {
                heard,
                variation: Some(variation),
                ..mismatch
            })));
        }
    }
    Ok(Ok(None))
}

fn read_all_of<'d>(dialogue: &'d Dialogue, heard: &Heard) -> Base<'d> {
    let named = dialogue.connections().into_iter().filter_map(|name| {
        let stream = heard.get(name)?;
        Some((
            name.to_owned(),
            (stream.bytes.clone(), answers::read(dialogue, name, stream)),
        ))
    });
    named.collect()
}

/// L8: whether what was heard is one reply a command.
fn miscounted(dialogue: &Dialogue, base: &Base<'_>, heard: &Heard) -> Option<Mismatch> {
    for (name, (bytes, conversation)) in base {
        let read: usize = conversation
            .frames
            .iter()
            .map(|frame| frame.reply.bytes().len())
            .sum();
        let speaks_resp3 = dialogue.requests().any(|(connection, request)| {
            connection == name && request.word(0) == "HELLO" && request.arguments.len() > 1
        }) || !dialogue.is_all_commands();
        let foreign = conversation
            .frames
            .iter()
            .position(|frame| !speaks_resp3 && has_resp3(frame.reply.root()));
        let mismatch = |reply: usize, came: &[u8], offset: usize, fault: String| Mismatch {
            variation: None,
            heard: heard.clone(),
            connection: name.clone(),
            reply: reply + 1,
            offset,
            due: Vec::new(),
            came: came.to_vec(),
            fault,
        };
        let frames = conversation.frames.len();
        if let Some(fault) = &conversation.fault {
            let offset = usize::try_from(fault.offset).unwrap_or(read) - read;
            let fault = format!("expected {}", fault.expected);
            return Some(mismatch(frames, &bytes[read..], offset, fault));
        }
        if let Some(index) = foreign {
            let came = conversation.frames[index].reply.bytes();
            let fault = "a type of RESP3, which nobody asked for".to_owned();
            return Some(mismatch(index, came, 0, fault));
        }
        if !conversation.tail.is_empty() && !conversation.ended {
            let fault = "a reply that is not finished".to_owned();
            let length = conversation.tail.len();
            return Some(mismatch(frames, &conversation.tail, length, fault));
        }
        if !conversation.is_counted {
            continue;
        }
        if conversation.too_many > 0 {
            let index = frames - conversation.too_many;
            let came = conversation.frames[index].reply.bytes();
            let fault = "a reply that no command asked for".to_owned();
            return Some(mismatch(index, came, 0, fault));
        }
        if !conversation.is_answered() {
            let name = conversation.unanswered[0].word(0);
            return Some(mismatch(frames, b"", 0, format!("{name} is not answered")));
        }
    }
    None
}

fn has_resp3(element: crate::wire::Element<'_>) -> bool {
    let is_resp2 = matches!(
        element.kind(),
        Kind::SimpleString
            | Kind::Error
            | Kind::Integer
            | Kind::Bulk
            | Kind::NullBulk
            | Kind::NullArray
            | Kind::Array
    );
    !is_resp2 || element.children().any(has_resp3)
}

/// What was heard in RESP3, as it would be in RESP2. `None` when HELLO is refused.
fn in_resp2(dialogue: &Dialogue, heard: &Heard) -> Option<Heard> {
    let mut projected_streams = Heard::new();
    for name in dialogue.connections() {
        let Some(stream) = heard.get(name) else {
            continue;
        };
        let mut reader = Reader::new();
        reader.feed(&stream.bytes);
        let hello = match reader.next_reply() {
            Ok(Some(reply)) if reply.kind() == Kind::Map => reply.bytes().len(),
            _ => return None,
        };
        let rest = Stream {
            bytes: stream.bytes[hello..].to_vec(),
            ..stream.clone()
        };
        let conversation = answers::read(dialogue, name, &rest);
        let mut bytes = Vec::new();
        for frame in &conversation.frames {
            match &frame.answers {
                Some(answers) => bytes.extend(projected(
                    frame.reply.root(),
                    answers.request,
                    answers.ran.as_deref(),
                )),
                // A push has no counterpart in RESP2; a reply too many stays one.
                None if frame.reply.is_push() => {}
                None => bytes.extend(frame.reply.bytes()),
            }
        }
        bytes.extend(&conversation.tail);
        projected_streams.insert(name.to_owned(), Stream { bytes, ..rest });
    }
    Some(projected_streams)
}

fn compare_all(due: &BTreeMap<String, Due>, heard: &Heard, folds_errors: bool) -> Option<Mismatch> {
    due.iter().find_map(|(name, due)| {
        let nothing = Stream::default();
        compare(name, due, heard.get(name).unwrap_or(&nothing), folds_errors)
    })
}

fn compare(name: &str, due: &Due, stream: &Stream, folds_errors: bool) -> Option<Mismatch> {
    let mismatch = |reply: usize, due: &[u8], came: &[u8], fault: &str| {
        let offset = due
            .iter()
            .zip(came)
            .take_while(|(due, came)| due == came)
            .count();
        Some(Mismatch {
            variation: None,
            heard: Heard::new(),
            connection: name.to_owned(),
            reply: reply + 1,
            offset,
            due: due.to_vec(),
            came: came.to_vec(),
            fault: fault.to_owned(),
        })
    };
    let mut rest = &stream.bytes[..];
    for (index, item) in due.items.iter().enumerate() {
        if let Some(behind) = rest.strip_prefix(&item.bytes[..]) {
            rest = behind;
            continue;
        }
        match alike(item, rest, folds_errors) {
            Some(length) => rest = &rest[length..],
            None => {
                let fault = match (rest.is_empty(), stream.ended) {
                    (true, true) => "the server closed instead",
                    (true, false) => "nothing came",
                    _ => "other bytes",
                };
                return mismatch(index, &item.bytes, rest, fault);
            }
        }
    }
    if !rest.is_empty() {
        return mismatch(due.items.len(), b"", rest, "more than was due");
    }
    match (due.ended, stream.ended) {
        (true, false) => mismatch(due.items.len(), b"", b"", "the server did not close"),
        (false, true) => mismatch(due.items.len(), b"", b"", "the server closed"),
        _ => None,
    }
}

/// The length of the next reply, if it is as the item demands although its bytes are others.
fn alike(item: &Item, rest: &[u8], folds_errors: bool) -> Option<usize> {
    if item.checks == Checks::One(Check::Exact) && !folds_errors {
        return None;
    }
    let mut reader = Reader::new();
    reader.feed(rest);
    let came = reader.next_reply().ok()??;
    let (due, _) = read_all(&item.bytes).ok()?;
    let [due] = &due[..] else { return None };
    let is_folded = folds_errors
        && (item.bytes.starts_with(b"-") || item.bytes.windows(3).any(|bytes| bytes == b"\r\n-"))
        && item.bytes.eq_ignore_ascii_case(came.bytes());
    let holds =
        is_folded || (!item.checks.is_exact() && item.checks.holds(due.root(), came.root()));
    holds.then_some(came.bytes().len())
}

/// Leaves steps out, many at a time and then fewer, as long as the law stays broken.
fn shorten(
    law: Law,
    dialogue: &Dialogue,
    broken: (Heard, Mismatch),
    seat: &mut Seat,
    seed: u64,
) -> Result<(Dialogue, Heard, Mismatch), Silence> {
    let begun = Instant::now();
    let mut attempts = 0;
    let mut short = dialogue.clone();
    let (mut heard, mut mismatch) = broken;
    let mut size = short.steps.len().div_ceil(2).max(1);
    loop {
        let mut start = 0;
        let mut shorter = false;
        while start < short.steps.len() && short.steps.len() > 1 {
            attempts += 1;
            if attempts > ATTEMPTS_MAX || begun.elapsed() > SHORTENED_WITHIN {
                return Ok((short, heard, mismatch));
            }
            let end = (start + size).min(short.steps.len());
            let steps: Vec<Step> = [&short.steps[..start], &short.steps[end..]].concat();
            let candidate = short.with_steps(steps);
            let listened = listen(seat, &candidate)?;
            match look(law, &candidate, &listened, seat, seed)? {
                Ok(Some(still)) => {
                    (short, heard, mismatch) = (candidate, listened, still);
                    shorter = true;
                }
                _ => start = end,
            }
        }
        if size == 1 && !shorter {
            return Ok((short, heard, mismatch));
        }
        size = size.div_ceil(2);
    }
}

fn breach(
    law: Law,
    whole: &Dialogue,
    short: &Dialogue,
    heard: &Heard,
    mismatch: Mismatch,
) -> Breach {
    let plain = as_it_stands(short);
    let left = show::column(&plain, heard);
    let (rows, transcript, ways) = match &mismatch.variation {
        Some(variation) => {
            let right = show::column(&variation.acts, &mismatch.heard);
            let ways = (variation.before, variation.after);
            // What is due of L7 is RESP2, and what is asked RESP3: a transcript cannot say that.
            let nothing = BTreeMap::new();
            let due = if variation.resp3 {
                &nothing
            } else {
                &variation.due
            };
            let text = show::transcript(law, short, &variation.acts, due);
            (show::side_by_side(&left, &right), text, ways)
        }
        None => {
            let text = show::transcript(law, short, &plain, &BTreeMap::new());
            (
                show::side_by_side(&left, &BTreeMap::<Place, Vec<String>>::new()),
                text,
                ("as it stands", ""),
            )
        }
    };
    Breach {
        law,
        dialogue: whole.name.clone(),
        steps: (whole.steps.len(), short.steps.len()),
        connection: mismatch.connection,
        reply: mismatch.reply,
        offset: mismatch.offset,
        due: mismatch.due,
        came: mismatch.came,
        fault: mismatch.fault,
        ways,
        rows,
        transcript,
    }
}
