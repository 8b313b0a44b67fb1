//! What one connection exercises: which reply belongs to which request, in which protocol and state, from the bytes of both
//! directions. Opens no socket; a transcript, a proxy or a generated stream may feed it.

use std::collections::VecDeque;

use crate::request::reader::RequestReader;
use crate::wire::{Element, Kind, Reader, Reply};

/// One command, and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exercise {
    /// The command's name first.
    pub arguments: Vec<Vec<u8>>,
    /// How it was answered.
    pub outcome: Outcome,
    /// Whether replies were RESP3's when it was answered.
    pub resp3: bool,
    /// Where it ran.
    pub place: Place,
}

/// How a command was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Not with an error.
    Ok,
    /// With the error of a wrong number of arguments.
    Arity,
    /// With the error of a key of another type.
    Type,
    /// Not before authentication, or not for this user.
    Auth,
    /// With another error.
    Error,
}

/// Where a command ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// By itself.
    Plain,
    /// In a transaction.
    Multi,
    /// While the connection was subscribed.
    Subscriber,
    /// Called by a script; its arguments are not known beyond its name.
    Script,
}

/// The state of one connection, as far as replies can be told apart by it.
#[derive(Debug, Default)]
pub struct Conversation {
    requests: RequestReader,
    replies: Reader,
    waiting: VecDeque<Waiting>,
    resp3: bool,
    subscribed: bool,
    monitor: bool,
    transaction: Option<Vec<Vec<Vec<u8>>>>,
    reply: ReplyMode,
    /// CLIENT REPLY OFF and SKIP, which succeed without a word, since something was last received.
    silent: Vec<Vec<Vec<u8>>>,
}

/// What CLIENT REPLY said last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum ReplyMode {
    #[default]
    On,
    Off,
    SkipNext,
}

#[derive(Debug)]
struct Waiting {
    arguments: Vec<Vec<u8>>,
    /// Confirmations that SUBSCRIBE and its relatives still owe.
    confirmations: usize,
    /// Where it ran, known from its first confirmation on.
    place: Option<Place>,
}

impl Conversation {
    /// A connection that was just opened.
    pub fn new() -> Conversation {
        Conversation::default()
    }

    /// The client wrote this.
    pub fn sent(&mut self, bytes: &[u8]) {
        self.requests.feed(bytes);
        // What is no request is answered with a protocol error, and nothing behind it is read.
        while let Ok(Some(request)) = self.requests.next_request() {
            if !request.arguments.is_empty() {
                self.ask(request.arguments);
            }
        }
    }

    fn ask(&mut self, arguments: Vec<Vec<u8>>) {
        if is(&arguments, 0, "CLIENT") && is(&arguments, 1, "REPLY") {
            if is(&arguments, 2, "OFF") {
                self.reply = ReplyMode::Off;
                return self.silent.push(arguments);
            }
            if is(&arguments, 2, "SKIP") && self.reply == ReplyMode::On {
                self.reply = ReplyMode::SkipNext;
                return self.silent.push(arguments);
            }
            if is(&arguments, 2, "ON") {
                self.reply = ReplyMode::On;
            }
        }
        match self.reply {
            ReplyMode::Off => return,
            ReplyMode::SkipNext => {
                self.reply = ReplyMode::On;
                return;
            }
            ReplyMode::On => {}
        }
        let subscribes = SUBSCRIBING.iter().any(|name| is(&arguments, 0, name));
        let confirmations = if subscribes { arguments.len() - 1 } else { 0 };
        self.waiting.push_back(Waiting {
            arguments,
            confirmations,
            place: None,
        });
    }

    /// The server wrote this; `listener` is told of every command that is answered by it.
    pub fn received(&mut self, bytes: &[u8], listener: &mut dyn FnMut(Exercise)) {
        for arguments in std::mem::take(&mut self.silent) {
            listener(self.exercise(arguments, Outcome::Ok, Place::Plain));
        }
        self.replies.feed(bytes);
        while let Ok(Some(reply)) = self.replies.next_reply() {
            self.hear(&reply, listener);
        }
    }

    fn hear(&mut self, reply: &Reply, listener: &mut dyn FnMut(Exercise)) {
        if self.monitor && reply.kind() == Kind::SimpleString && starts_with_digit(reply) {
            return;
        }
        if let Some(pushed) = self.pushed(reply) {
            if let Some(count) = pushed {
                self.confirmed(count, listener);
            }
            return;
        }
        let Some(Waiting { arguments, .. }) = self.waiting.pop_front() else {
            return;
        };
        let outcome = outcome_of(reply.root());
        if let Some(queue) = &mut self.transaction {
            let ends = ["EXEC", "DISCARD", "RESET"]
                .iter()
                .any(|name| is(&arguments, 0, name));
            if !ends {
                if reply.bytes() == b"+QUEUED\r\n" {
                    queue.push(arguments);
                } else {
                    listener(self.exercise(arguments, outcome, Place::Multi));
                }
                return;
            }
            let queue = self.transaction.take().unwrap_or_default();
            if is(&arguments, 0, "EXEC") && reply.kind() == Kind::Array {
                for (queued, element) in queue.into_iter().zip(reply.root().children()) {
                    self.react(&queued, outcome_of(element));
                    listener(self.exercise(queued, outcome_of(element), Place::Multi));
                }
            }
        }
        let place = if self.subscribed {
            Place::Subscriber
        } else {
            Place::Plain
        };
        self.react(&arguments, outcome);
        if outcome == Outcome::Ok {
            for name in called_by_script(&arguments) {
                listener(self.exercise(vec![name], Outcome::Ok, Place::Script));
            }
        }
        listener(self.exercise(arguments, outcome, place));
    }

    /// What a command that succeeded changes of the connection.
    fn react(&mut self, arguments: &[Vec<u8>], outcome: Outcome) {
        if outcome != Outcome::Ok {
            return;
        }
        if is(arguments, 0, "HELLO") {
            match arguments.get(1).map(Vec::as_slice) {
                Some(b"3") => self.resp3 = true,
                Some(b"2") => self.resp3 = false,
                _ => {}
            }
        } else if is(arguments, 0, "MULTI") {
            self.transaction = Some(Vec::new());
        } else if is(arguments, 0, "MONITOR") {
            self.monitor = true;
        } else if is(arguments, 0, "RESET") {
            self.resp3 = false;
            self.subscribed = false;
            self.monitor = false;
        }
    }

    /// Whether a reply came out of band; and of a confirmation how many subscriptions there are now.
    fn pushed(&self, reply: &Reply) -> Option<Option<u64>> {
        let mut elements = reply.root().children();
        let first = elements.next();
        let word =
            first.map(|element| String::from_utf8_lossy(element.body()).to_ascii_uppercase());
        let word = word.unwrap_or_default();
        let expects = self
            .waiting
            .iter()
            .any(|waiting| is(&waiting.arguments, 0, &word));
        if SUBSCRIBING.contains(&word.as_str()) && (reply.is_push() || expects) {
            let count = elements.last().map(|count| count.body().to_vec());
            let count = count.and_then(|count| String::from_utf8(count).ok()?.parse().ok());
            return Some(Some(count.unwrap_or_default()));
        }
        let message = self.subscribed && MESSAGES.contains(&word.as_str());
        (reply.is_push() || message).then_some(None)
    }

    fn confirmed(&mut self, count: u64, listener: &mut dyn FnMut(Exercise)) {
        let place = if self.subscribed {
            Place::Subscriber
        } else {
            Place::Plain
        };
        self.subscribed = count > 0;
        let Some(waiting) = self.waiting.front_mut() else {
            return;
        };
        // UNSUBSCRIBE alone confirms every channel, and once if there is none.
        waiting.confirmations = waiting.confirmations.saturating_sub(1);
        let place = *waiting.place.get_or_insert(place);
        let done = waiting.confirmations == 0 && (waiting.arguments.len() > 1 || count == 0);
        if done && let Some(Waiting { arguments, .. }) = self.waiting.pop_front() {
            listener(self.exercise(arguments, Outcome::Ok, place));
        }
    }

    fn exercise(&self, arguments: Vec<Vec<u8>>, outcome: Outcome, place: Place) -> Exercise {
        Exercise {
            arguments,
            outcome,
            resp3: self.resp3,
            place,
        }
    }
}

/// Commands that answer with confirmations, one for each channel.
const SUBSCRIBING: [&str; 6] = [
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "PSUBSCRIBE",
    "PUNSUBSCRIBE",
    "SSUBSCRIBE",
    "SUNSUBSCRIBE",
];

/// What RESP2's messages begin with.
const MESSAGES: [&str; 4] = ["MESSAGE", "PMESSAGE", "SMESSAGE", "INVALIDATE"];

fn is(arguments: &[Vec<u8>], index: usize, word: &str) -> bool {
    arguments
        .get(index)
        .is_some_and(|argument| argument.eq_ignore_ascii_case(word.as_bytes()))
}

fn starts_with_digit(reply: &Reply) -> bool {
    reply.root().body().first().is_some_and(u8::is_ascii_digit)
}

fn outcome_of(reply: Element<'_>) -> Outcome {
    if !matches!(reply.kind(), Kind::Error | Kind::BulkError) {
        return Outcome::Ok;
    }
    let text = reply.body();
    if text.starts_with(b"ERR wrong number of arguments") {
        Outcome::Arity
    } else if text.starts_with(b"WRONGTYPE") {
        Outcome::Type
    } else if text.starts_with(b"NOAUTH") || text.starts_with(b"NOPERM") {
        Outcome::Auth
    } else {
        Outcome::Error
    }
}

/// The commands that the text of a script calls by name.
fn called_by_script(arguments: &[Vec<u8>]) -> Vec<Vec<u8>> {
    if !is(arguments, 0, "EVAL") && !is(arguments, 0, "EVAL_RO") {
        return Vec::new();
    }
    let script = arguments
        .get(1)
        .map(|script| String::from_utf8_lossy(script));
    let script = script.unwrap_or_default();
    let calls = script.split("call(").skip(1);
    calls
        .filter_map(|rest| {
            let rest = rest.trim_start();
            let quote = rest
                .chars()
                .next()
                .filter(|quote| matches!(quote, '"' | '\''))?;
            let name = rest[1..].split(quote).next()?;
            Some(name.as_bytes().to_vec())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exercises(dialogue: &[(&str, &str)]) -> Vec<String> {
        let mut conversation = Conversation::new();
        let mut told = Vec::new();
        for (sent, received) in dialogue {
            conversation.sent(format!("{sent}\r\n").as_bytes());
            conversation.received(received.as_bytes(), &mut |exercise| {
                let name = String::from_utf8_lossy(&exercise.arguments[0]).into_owned();
                let protocol = if exercise.resp3 { 3 } else { 2 };
                told.push(format!(
                    "{name} {:?} {:?} {protocol}",
                    exercise.outcome, exercise.place
                ));
            });
        }
        told
    }

    #[test]
    fn replies_find_their_requests_and_errors_their_kind() {
        let told = exercises(&[
            (
                "GET\r\nLPUSH s 1\r\nGET k\r\nNOPE",
                "-ERR wrong number of arguments for 'get' command\r\n-WRONGTYPE x\r\n",
            ),
            (
                "",
                "-NOAUTH Authentication required.\r\n-ERR unknown command\r\n",
            ),
        ]);
        assert_eq!(
            told,
            [
                "GET Arity Plain 2",
                "LPUSH Type Plain 2",
                "GET Auth Plain 2",
                "NOPE Error Plain 2"
            ]
        );
    }

    #[test]
    fn what_a_transaction_queues_is_told_when_it_is_executed() {
        let told = exercises(&[
            (
                "HELLO 3\r\nMULTI\r\nSET k v\r\nINCR k\r\nGET",
                "%0\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n-ERR wrong number of arguments for 'get' command\r\n",
            ),
            ("EXEC\r\nPING", "*2\r\n+OK\r\n-WRONGTYPE x\r\n+PONG\r\n"),
        ]);
        assert_eq!(
            told[2..],
            [
                "GET Arity Multi 3",
                "SET Ok Multi 3",
                "INCR Type Multi 3",
                "EXEC Ok Plain 3",
                "PING Ok Plain 3"
            ]
        );
    }

    #[test]
    fn messages_and_confirmations_are_not_taken_for_replies() {
        let confirm = |word: &str, count: usize| {
            format!("*3\r\n${}\r\n{word}\r\n$1\r\nc\r\n:{count}\r\n", word.len())
        };
        let told = exercises(&[
            (
                "SUBSCRIBE c d",
                &(confirm("subscribe", 1) + &confirm("subscribe", 2)),
            ),
            (
                "PING",
                "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n",
            ),
            (
                "UNSUBSCRIBE",
                &(confirm("unsubscribe", 1) + &confirm("unsubscribe", 0)),
            ),
            ("CLIENT REPLY SKIP\r\nGET k\r\nPING", "+PONG\r\n"),
        ]);
        assert_eq!(
            told,
            [
                "SUBSCRIBE Ok Plain 2",
                "PING Ok Subscriber 2",
                "UNSUBSCRIBE Ok Subscriber 2",
                "CLIENT Ok Plain 2",
                "PING Ok Plain 2"
            ]
        );
    }

    #[test]
    fn a_script_exercises_what_it_calls() {
        let told = exercises(&[(
            "EVAL \"redis.call('set', 'k', 1) return redis.pcall( \\\"GET\\\", 'k')\" 0",
            "$1\r\n1\r\n",
        )]);
        assert_eq!(
            told,
            ["set Ok Script 2", "GET Ok Script 2", "EVAL Ok Plain 2"]
        );
    }
}
