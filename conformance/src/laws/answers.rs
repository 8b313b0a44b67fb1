//! Which reply answers which command: reads what was heard, counts, and follows transactions. Knows no laws.

use super::Place;
use super::audit::{self, Check};
use super::dialogue::{Dialogue, Request, Step};
use super::play::Stream;
use crate::wire::{Element, Kind, Reader, Reply, WireError};

/// Everything one connection was told, in order.
#[derive(Clone, Debug)]
pub(super) struct Conversation<'d> {
    /// Replies and pushes.
    pub(super) frames: Vec<Frame<'d>>,
    /// What comes behind the last whole one.
    pub(super) tail: Vec<u8>,
    /// The first byte that cannot be part of a reply.
    pub(super) fault: Option<WireError>,
    /// Commands that were not answered, oldest first.
    pub(super) unanswered: Vec<&'d Request>,
    /// Replies that no command asked for.
    pub(super) too_many: usize,
    /// Whether as many replies are due as there were commands.
    pub(super) is_counted: bool,
    /// Whether the server has closed it.
    pub(super) ended: bool,
}

/// A reply or a push.
#[derive(Clone, Debug)]
pub(super) struct Frame<'d> {
    pub(super) reply: Reply,
    /// During which act its last byte arrived.
    pub(super) arrived: Place,
    /// What it answers; `None` for a push, and for what nobody asked for.
    pub(super) answers: Option<Answers<'d>>,
}

/// The command that is answered.
#[derive(Clone, Debug)]
pub(super) struct Answers<'d> {
    /// Its step in the dialogue.
    pub(super) step: usize,
    pub(super) request: &'d Request,
    /// The commands that EXEC ran; `None` for every other command.
    pub(super) ran: Option<Vec<&'d Request>>,
    /// Whether a transaction was open on the connection when it was asked.
    pub(super) in_transaction: bool,
}

impl Answers<'_> {
    /// How two replies to it are compared.
    pub(super) fn checks(&self) -> Checks {
        match &self.ran {
            Some(ran) => Checks::Each(ran.iter().map(|request| audit::check(request)).collect()),
            None => Checks::One(audit::check(self.request)),
        }
    }
}

/// How two replies are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Checks {
    One(Check),
    /// Element by element: EXEC's.
    Each(Vec<Check>),
}

impl Checks {
    /// Whether every byte counts.
    pub(super) fn is_exact(&self) -> bool {
        match self {
            Checks::One(check) => *check == Check::Exact,
            Checks::Each(checks) => checks.iter().all(|check| *check == Check::Exact),
        }
    }

    /// Whether the replies are the same, as far as they must be.
    pub(super) fn holds(&self, due: Element<'_>, came: Element<'_>) -> bool {
        match self {
            Checks::One(check) => same(*check, due, came),
            Checks::Each(checks) => {
                let (due_elements, came_elements): (Vec<_>, Vec<_>) =
                    (due.children().collect(), came.children().collect());
                if due_elements.len() != checks.len() {
                    return due.bytes() == came.bytes();
                }
                due.kind() == came.kind()
                    && due_elements.len() == came_elements.len()
                    && due_elements
                        .into_iter()
                        .zip(came_elements)
                        .zip(checks)
                        .all(|((due, came), check)| same(*check, due, came))
            }
        }
    }
}

fn same(check: Check, due: Element<'_>, came: Element<'_>) -> bool {
    if due.bytes() == came.bytes() {
        return true;
    }
    match check {
        Check::Exact => false,
        Check::Kind => due.kind() == came.kind() && due.kind() != Kind::Error,
        Check::Unordered => {
            let sorted = |element: Element<'_>| {
                let mut elements: Vec<Vec<u8>> = element
                    .children()
                    .map(|child| child.bytes().to_vec())
                    .collect();
                elements.sort();
                elements
            };
            due.kind().is_aggregate() && due.kind() == came.kind() && sorted(due) == sorted(came)
        }
    }
}

/// Reads what was heard on a connection as the answers to what the dialogue asks on it.
pub(super) fn read<'d>(dialogue: &'d Dialogue, name: &str, stream: &Stream) -> Conversation<'d> {
    let mut asked = dialogue
        .steps
        .iter()
        .enumerate()
        .filter_map(|(step, asked)| match asked {
            Step::Ask {
                connection,
                request,
            } if connection == name => Some((step, request)),
            _ => None,
        })
        .peekable();
    let mut conversation = Conversation {
        frames: Vec::new(),
        tail: Vec::new(),
        fault: None,
        unanswered: Vec::new(),
        too_many: 0,
        is_counted: is_counted(dialogue, name),
        ended: stream.ended,
    };
    let mut transaction: Option<Vec<&Request>> = None;
    let mut reader = Reader::new();
    reader.feed(&stream.bytes);
    loop {
        let reply = match reader.next_reply() {
            Ok(Some(reply)) => reply,
            Ok(None) => break,
            Err(fault) => {
                conversation.fault = Some(fault);
                break;
            }
        };
        let end = usize::try_from(reader.offset()).unwrap_or(usize::MAX);
        let answers = if reply.is_push() {
            None
        } else {
            let answered = asked.next();
            conversation.too_many += usize::from(answered.is_none());
            answered.map(|(step, request)| {
                let in_transaction = transaction.is_some();
                let ran = follow(&mut transaction, request, &reply);
                Answers {
                    step,
                    request,
                    ran,
                    in_transaction,
                }
            })
        };
        conversation.frames.push(Frame {
            reply,
            arrived: stream.arrival(end),
            answers,
        });
    }
    conversation.tail = reader.pending().to_vec();
    conversation.unanswered = asked.map(|(_, request)| request).collect();
    conversation
}

/// Follows a transaction over one command and its reply. What EXEC ran.
fn follow<'d>(
    transaction: &mut Option<Vec<&'d Request>>,
    request: &'d Request,
    reply: &Reply,
) -> Option<Vec<&'d Request>> {
    let is_ok = reply.bytes() == b"+OK\r\n";
    match (request.word(0).as_str(), transaction.as_mut()) {
        (_, Some(queue)) if reply.bytes() == b"+QUEUED\r\n" => queue.push(request),
        ("MULTI", None) if is_ok => *transaction = Some(Vec::new()),
        ("DISCARD", Some(_)) if is_ok => *transaction = None,
        ("RESET", Some(_)) if reply.kind() != Kind::Error => *transaction = None,
        // EXEC with an argument is refused and leaves the transaction as it is.
        ("EXEC", Some(_)) if request.arguments.len() == 1 => return transaction.take(),
        _ => {}
    }
    None
}

/// Whether every command on the connection is answered with one reply.
fn is_counted(dialogue: &Dialogue, name: &str) -> bool {
    let uncounted = |request: &Request| {
        audit::subscribes(request) || (request.word(0) == "CLIENT" && request.word(1) == "REPLY")
    };
    let bytes = |step: &Step| matches!(step, Step::Send { connection, .. } if connection == name);
    !dialogue.steps.iter().any(bytes)
        && !dialogue
            .requests()
            .any(|(connection, request)| connection == name && uncounted(request))
}

impl Conversation<'_> {
    /// Whether each reply is known to answer its command.
    pub(super) fn is_assigned(&self) -> bool {
        self.is_counted
            && self.fault.is_none()
            && self.tail.is_empty()
            && self.too_many == 0
            && self.is_answered()
    }

    /// Whether nothing is missing that should be there.
    pub(super) fn is_answered(&self) -> bool {
        let waits = self
            .unanswered
            .first()
            .is_none_or(|request| audit::blocks(request));
        self.ended || waits
    }
}
