//! What each law says the same thing in another way by, and what is due then. Plays nothing.

use std::collections::BTreeMap;

use super::answers::{Checks, Conversation, Frame};
use super::audit::{self, Check};
use super::dialogue::{Dialogue, Request, Step};
use super::play::{Act, Deed};
use super::{Law, Place};
use crate::cuts::{Cut, fragments};
use crate::request::encode_multibulk;

/// A write is divided at so many places chosen by chance, and inside one CRLF.
const CUTS: usize = 8;

/// An inline command longer than this is not sent as one: servers limit the line.
const INLINE_BYTES_MAX: usize = 8 * 1024;

/// Commands whose second word is a command as well.
const CONTAINERS: &[&str] = &[
    "ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "FUNCTION", "LATENCY", "MEMORY",
    "MODULE", "OBJECT", "PUBSUB", "SCRIPT", "SLOWLOG", "XGROUP", "XINFO",
];

/// What is asked for in L10.
pub(super) const NONCE: &str = "respect-in-sync?";

/// The dialogue as it was played one command after the other, and what was understood of it.
pub(super) type Base<'d> = BTreeMap<String, (Vec<u8>, Conversation<'d>)>;

/// The same dialogue in another way.
#[derive(Clone, Debug)]
pub(super) struct Variation {
    /// What the dialogue is in its first form: "as multibulk".
    pub(super) before: &'static str,
    /// What it is in this one: "as inline lines".
    pub(super) after: &'static str,
    /// What is said and done.
    pub(super) acts: Vec<Act>,
    /// What must be heard on each of the dialogue's connections.
    pub(super) due: BTreeMap<String, Due>,
    /// Errors may spell the command as it was sent.
    pub(super) folds_errors: bool,
    /// Everything is asked in RESP3, and answers are compared by their projection.
    pub(super) resp3: bool,
}

/// What must be heard on one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Due {
    /// In order.
    pub(super) items: Vec<Item>,
    /// Whether the server closes it.
    pub(super) ended: bool,
}

/// A reply that must be heard, or bytes that are none.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// When it is due.
    pub(super) place: Place,
    pub(super) bytes: Vec<u8>,
    pub(super) checks: Checks,
    /// The step that it answers.
    pub(super) answers: Option<usize>,
}

/// How the dialogue is varied for a law.
///
/// # Errors
/// Why it cannot be.
pub(super) fn variations(
    law: Law,
    dialogue: &Dialogue,
    base: &Base<'_>,
    seed: u64,
) -> Result<Vec<Variation>, &'static str> {
    let plain = as_it_stands(dialogue);
    let same = Variation {
        before: "as it stands",
        after: "",
        acts: plain.clone(),
        due: due(base),
        folds_errors: false,
        resp3: false,
    };
    if matches!(law, Law::L2 | Law::L3 | Law::L4 | Law::L6) && !dialogue.is_all_commands() {
        return Err("what is sent are not whole commands");
    }
    let variation = match law {
        Law::L1 => Variation {
            before: "in one piece",
            after: "in pieces",
            acts: plain.into_iter().map(|act| cut(act, seed)).collect(),
            ..same
        },
        Law::L2 => Variation {
            before: "one by one",
            after: "pipelined",
            acts: joined(plain).ok_or("no connection is asked twice in a row")?,
            ..same
        },
        Law::L3 => Variation {
            before: "as they stand",
            after: "inline for multibulk, multibulk for inline",
            acts: rewritten(dialogue, |request| Request {
                inline: !request.inline && inline_length(request) <= INLINE_BYTES_MAX,
                ..request.clone()
            }),
            ..same
        },
        Law::L4 => Variation {
            before: "in one case",
            after: "in the other",
            acts: rewritten(dialogue, other_case),
            folds_errors: true,
            ..same
        },
        Law::L5 => Variation {
            before: "alone",
            after: "beside three that do not finish",
            acts: beside_others(plain),
            ..same
        },
        Law::L6 => Variation {
            before: "alone",
            after: "with nothing in front of each",
            acts: padded(plain),
            ..same
        },
        Law::L7 => Variation {
            before: "in RESP2",
            after: "in RESP3",
            acts: in_resp3(dialogue, base, plain)?,
            resp3: true,
            ..same
        },
        Law::L8 => return Ok(Vec::new()),
        Law::L9 => return silenced(dialogue, base, &same),
        Law::L10 => return questioned(base, &same).map(|variation| vec![variation]),
    };
    Ok(vec![variation])
}

/// Each step by itself.
pub(super) fn as_it_stands(dialogue: &Dialogue) -> Vec<Act> {
    let steps = dialogue.steps.iter().enumerate();
    steps.map(|(index, step)| Act::of(index, step)).collect()
}

/// What was heard before is due again.
pub(super) fn due(base: &Base<'_>) -> BTreeMap<String, Due> {
    let due = base.iter().map(|(name, (bytes, conversation))| {
        let mut items: Vec<Item> = conversation.frames.iter().map(item).collect();
        if !conversation.is_assigned() {
            // Whose replies they are is not known, so there is no weaker check either.
            for item in &mut items {
                item.checks = Checks::One(Check::Exact);
            }
        }
        let read: usize = items.iter().map(|item| item.bytes.len()).sum();
        if read < bytes.len() {
            items.push(Item {
                place: items.last().map_or(Place::BEFORE, |item| item.place),
                bytes: bytes[read..].to_vec(),
                checks: Checks::One(Check::Exact),
                answers: None,
            });
        }
        let due = Due {
            items,
            ended: conversation.ended,
        };
        (name.clone(), due)
    });
    due.collect()
}

fn item(frame: &Frame<'_>) -> Item {
    Item {
        place: frame.arrived,
        bytes: frame.reply.bytes().to_vec(),
        checks: frame
            .answers
            .as_ref()
            .map_or(Checks::One(Check::Exact), super::answers::Answers::checks),
        answers: frame.answers.as_ref().map(|answers| answers.step),
    }
}

fn cut(mut act: Act, seed: u64) -> Act {
    if let Deed::Write { pieces, .. } = &mut act.deed {
        let whole = pieces.concat();
        // The same command is cut in the same places wherever it stands, so that a breach survives being shortened.
        let mut chance = Chance(whole.iter().fold(seed, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        }));
        let mut places: Vec<usize> = (0..CUTS)
            .map(|_| chance.below(whole.len().max(1)))
            .collect();
        let inside = Cut::InsideCrlf.places(&whole);
        if !inside.is_empty() {
            places.push(inside[chance.below(inside.len())]);
        }
        places.sort_unstable();
        places.dedup();
        places.retain(|&place| place > 0 && place < whole.len());
        *pieces = fragments(&whole, &places)
            .into_iter()
            .map(<[u8]>::to_vec)
            .collect();
    }
    act
}

/// What one connection is asked without another being asked in between, in one write. `None` if that is nowhere more than one
/// command.
fn joined(acts: Vec<Act>) -> Option<Vec<Act>> {
    let before = acts.len();
    let mut joined: Vec<Act> = Vec::new();
    for act in acts {
        match (joined.last_mut(), &act.deed) {
            (
                Some(Act {
                    connection,
                    deed:
                        Deed::Write {
                            pieces,
                            late: false,
                        },
                    place,
                }),
                // A late answer is waited for, and could not be told from those before it.
                Deed::Write {
                    pieces: more,
                    late: false,
                },
            ) if *connection == act.connection => {
                pieces[0].extend(more.concat());
                *place = act.place;
            }
            _ => joined.push(act),
        }
    }
    (joined.len() < before).then_some(joined)
}

fn inline_length(request: &Request) -> usize {
    let inline = Request {
        inline: true,
        ..request.clone()
    };
    inline.bytes().len()
}

fn rewritten(dialogue: &Dialogue, rewrite: impl Fn(&Request) -> Request) -> Vec<Act> {
    let steps = dialogue.steps.iter().enumerate();
    let acts = steps.map(|(index, step)| match step {
        Step::Ask {
            connection,
            request,
        } => Act::of(
            index,
            &Step::Ask {
                connection: connection.clone(),
                request: rewrite(request),
            },
        ),
        other => Act::of(index, other),
    });
    acts.collect()
}

/// Capitals small and small letters capital, in the names of the command and of its subcommand.
fn other_case(request: &Request) -> Request {
    let mut request = request.clone();
    let named = if CONTAINERS.contains(&request.word(0).as_str()) {
        2
    } else {
        1
    };
    for byte in request.arguments.iter_mut().take(named).flatten() {
        *byte = if byte.is_ascii_uppercase() {
            byte.to_ascii_lowercase()
        } else {
            byte.to_ascii_uppercase()
        };
    }
    request
}

/// One connection that says nothing, one that stops in the middle of a command, and one that says its command byte by byte.
fn beside_others(acts: Vec<Act>) -> Vec<Act> {
    let slow = encode_multibulk(&["ECHO", "a rather slow writer"]);
    let mut dribble = slow.iter();
    let mut all = vec![
        Act {
            place: Place::BEFORE,
            connection: "x-idle".to_owned(),
            deed: Deed::Socket(crate::transcript::SocketAction::Open {
                receive_buffer: None,
                send_buffer: None,
            }),
        },
        Act::extra(
            Place::BEFORE,
            "x-half",
            b"*3\r\n$3\r\nSET\r\n$6\r\nx-half\r\n$10\r\nhal".to_vec(),
        ),
    ];
    for act in acts {
        if let Some(byte) = dribble.next() {
            all.push(Act::extra(act.place.before(), "x-slow", vec![*byte]));
        }
        all.push(act);
    }
    all
}

/// In front of each command something that is none.
fn padded(acts: Vec<Act>) -> Vec<Act> {
    const NOTHING: [&[u8]; 4] = [b"*0\r\n", b"\r\n", b"*-1\r\n", b"\n"];
    let mut acts = acts;
    for (index, act) in acts.iter_mut().enumerate() {
        if let Deed::Write { pieces, .. } = &mut act.deed {
            pieces[0].splice(0..0, NOTHING[index % NOTHING.len()].iter().copied());
        }
    }
    acts
}

fn in_resp3(
    dialogue: &Dialogue,
    base: &Base<'_>,
    acts: Vec<Act>,
) -> Result<Vec<Act>, &'static str> {
    all_assigned(base)?;
    let hello = dialogue
        .connections()
        .into_iter()
        .map(|name| Act::command(Place::BEFORE, name, &["HELLO", "3"]));
    Ok(hello.chain(acts).collect())
}

fn all_assigned(base: &Base<'_>) -> Result<(), &'static str> {
    let assigned = base
        .values()
        .all(|(_, conversation)| conversation.is_assigned());
    assigned
        .then_some(())
        .ok_or("its frames are not one reply a command")
}

/// CLIENT REPLY SKIP in front of every second command, and CLIENT REPLY OFF and ON around a part of them.
fn silenced(
    dialogue: &Dialogue,
    base: &Base<'_>,
    same: &Variation,
) -> Result<Vec<Variation>, &'static str> {
    all_assigned(base)?;
    let mut skipping = Variation {
        before: "with all replies",
        after: "with CLIENT REPLY SKIP in front of some",
        ..same.clone()
    };
    let mut switched = Variation {
        before: "with all replies",
        after: "with CLIENT REPLY OFF and ON around some",
        ..same.clone()
    };
    for (name, (_, conversation)) in base {
        let answered: Vec<(usize, bool)> = conversation
            .frames
            .iter()
            .filter_map(|frame| frame.answers.as_ref())
            .map(|answers| {
                (
                    answers.step,
                    !answers.in_transaction && can_be_silent(answers.request),
                )
            })
            .collect();
        // A refusal to CLIENT would be a refusal to CLIENT REPLY as well; whoever is not allowed is not asked.
        let refused = conversation
            .frames
            .iter()
            .any(|frame| is_refusal(frame.reply.bytes()));
        if refused {
            continue;
        }
        for (step, _) in answered.iter().filter(|(_, free)| *free).step_by(2) {
            skipping.silence(name, *step..=*step);
            skipping.insert(Act::command(
                Place::at(*step).before(),
                name,
                &["CLIENT", "REPLY", "SKIP"],
            ));
        }
        // From the first command to the middle, as far as nothing speaks against it; ON only outside of a transaction.
        let most = answered.len().div_ceil(2);
        let window = answered
            .iter()
            .take(most)
            .take_while(|(_, free)| *free)
            .map(|(step, _)| *step);
        let mut window: Vec<usize> = window.collect();
        let opens = |step: usize| matches!(&dialogue.steps[step], Step::Ask { request, .. } if request.word(0) == "MULTI");
        window.truncate(
            window
                .iter()
                .position(|&step| opens(step))
                .unwrap_or(window.len()),
        );
        if let (Some(&first), Some(&last)) = (window.first(), window.last()) {
            switched.silence(name, first..=last);
            switched.insert(Act::command(
                Place::at(first).before(),
                name,
                &["CLIENT", "REPLY", "OFF"],
            ));
            let on = Act::command(Place::at(last).after(), name, &["CLIENT", "REPLY", "ON"]);
            switched.expect(name, on.place, b"+OK\r\n".to_vec());
            switched.insert(on);
        }
    }
    let changed: Vec<Variation> = [skipping, switched]
        .into_iter()
        .filter(|variation| variation.acts.len() > same.acts.len())
        .collect();
    if changed.is_empty() {
        return Err("no command of it can be silenced");
    }
    Ok(changed)
}

/// Whether who asks is not allowed to: then CLIENT REPLY and PING may not be allowed either.
fn is_refusal(reply: &[u8]) -> bool {
    reply.starts_with(b"-NOAUTH") || reply.starts_with(b"-NOPERM")
}

/// Whether its reply can be left out: QUIT would end what is listened to, RESET would turn replies on again, and what waits is
/// answered at a time of its own.
fn can_be_silent(request: &Request) -> bool {
    !matches!(
        request.word(0).as_str(),
        "QUIT" | "RESET" | "HELLO" | "EXEC" | "DISCARD"
    ) && !audit::blocks(request)
        && !audit::is_late(request)
}

/// Behind every error a PING with a nonce.
fn questioned(base: &Base<'_>, same: &Variation) -> Result<Variation, &'static str> {
    let mut asking = Variation {
        before: "as it stands",
        after: "with a PING behind every error",
        ..same.clone()
    };
    for (name, (_, conversation)) in base {
        if !conversation.is_assigned() {
            continue;
        }
        for frame in &conversation.frames {
            let Some(answers) = &frame.answers else {
                continue;
            };
            // What is asked in a transaction is queued. Behind EXEC and DISCARD there is none any more.
            let ends_it = answers.request.word(0) == "EXEC" && answers.request.arguments.len() == 1;
            let is_queued = answers.in_transaction && !ends_it;
            let text = frame.reply.bytes();
            let asks = text.starts_with(b"-")
                && !is_refusal(text)
                && !text.starts_with(b"-ERR Protocol error")
                && !is_queued
                && frame.arrived == Place::at(answers.step);
            if asks {
                let ping = Act::command(Place::at(answers.step).after(), name, &["PING", NONCE]);
                let due = format!("${}\r\n{NONCE}\r\n", NONCE.len());
                asking.expect(name, ping.place, due.into_bytes());
                asking.insert(ping);
            }
        }
    }
    if asking.acts.len() == same.acts.len() {
        return Err("no command of it is answered with an error");
    }
    Ok(asking)
}

impl Variation {
    /// Puts an act where its place is.
    fn insert(&mut self, act: Act) {
        let at = self.acts.partition_point(|other| other.place < act.place);
        self.acts.insert(at, act);
    }

    /// One more reply is due.
    fn expect(&mut self, name: &str, place: Place, bytes: Vec<u8>) {
        let items = &mut self.due.entry(name.to_owned()).or_default().items;
        let at = items.partition_point(|item| item.place <= place);
        let checks = Checks::One(Check::Exact);
        items.insert(
            at,
            Item {
                place,
                bytes,
                checks,
                answers: None,
            },
        );
    }

    /// The replies to these steps are not due. Pushes are.
    fn silence(&mut self, name: &str, steps: std::ops::RangeInclusive<usize>) {
        let items = &mut self.due.entry(name.to_owned()).or_default().items;
        items.retain(|item| item.answers.is_none_or(|step| !steps.contains(&step)));
    }
}

/// Enough of a random number generator to choose cuts (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let word = word ^ (word >> 31);
        usize::try_from(word % bound.max(1) as u64).unwrap_or(0)
    }
}
