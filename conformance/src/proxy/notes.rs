//! A dialogue as it is overheard, line by line as a transcript writes it. Knows bytes and connections' names, no socket.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use super::News;
use crate::record::expectations;
use crate::request::encode_multibulk;
use crate::request::reader::{RequestError, RequestReader};
use crate::transcript::{
    Action, Content, End, Ending, HoleKind, Line, Observation, Pattern, PatternPart, SendPart,
    SocketAction, Step, Transcript,
};
use crate::wire::{Reader, WireError};

/// A reply of which so much has come without being whole is no longer looked at, so that memory stays bounded.
const PENDING_MAX: usize = 64 << 20;

/// Bytes that are not RESP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Of the client: servers answer with a protocol error and close.
    Request(RequestError),
    /// Of the server: no client can read on.
    Reply(WireError),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Request(error) => write!(f, "the client wrote no request: {error}"),
            Fault::Reply(error) => write!(f, "the server wrote no reply: {error}"),
        }
    }
}

/// Everything that was said so far.
#[derive(Debug)]
pub(super) struct Notes {
    pages: Vec<Page>,
    speakers: BTreeMap<String, Speaker>,
    bytes_max: usize,
    each: bool,
    server_faults: usize,
}

/// One transcript under way.
#[derive(Debug, Default)]
struct Page {
    lines: Vec<Line>,
    bytes: usize,
    full: bool,
    /// The connection that spoke last, if nothing shows yet that the server has read it.
    unread: Option<String>,
}

/// One connection.
#[derive(Debug)]
struct Speaker {
    page: usize,
    requests: RequestReader,
    replies: Reader,
    /// Commands without an answer.
    waiting: VecDeque<Vec<Vec<u8>>>,
    /// What the client, or the server, says is no longer divided into requests or replies.
    raw_requests: bool,
    raw_replies: bool,
    over: bool,
}

impl Notes {
    pub(super) fn new(bytes_max: usize, each: bool) -> Notes {
        Notes {
            pages: Vec::new(),
            speakers: BTreeMap::new(),
            bytes_max,
            each,
            server_faults: 0,
        }
    }

    /// How many connections there were on which the server's bytes were not RESP.
    pub(super) fn server_faults(&self) -> usize {
        self.server_faults
    }

    pub(super) fn open(&mut self, name: &str) {
        if self.each || self.pages.is_empty() {
            self.pages.push(Page::default());
        }
        let speaker = Speaker {
            page: self.pages.len() - 1,
            requests: RequestReader::new(),
            replies: Reader::new(),
            waiting: VecDeque::new(),
            raw_requests: false,
            raw_replies: false,
            over: false,
        };
        self.speakers.insert(name.to_owned(), speaker);
    }

    pub(super) fn sent(&mut self, name: &str, bytes: &[u8], tell: &mut dyn FnMut(News<'_>)) {
        let Some(speaker) = self.speakers.get_mut(name) else {
            return;
        };
        let mut actions = Vec::new();
        if speaker.raw_requests {
            actions.push(send(name, bytes));
        } else {
            speaker.requests.feed(bytes);
            loop {
                match speaker.requests.next_request() {
                    Ok(Some(request)) => {
                        let plain = encode_multibulk(&request.arguments) == request.bytes;
                        actions.push(if plain && !request.arguments.is_empty() {
                            command(name, &request.arguments)
                        } else {
                            send(name, &request.bytes)
                        });
                        if !request.arguments.is_empty() {
                            speaker.waiting.push_back(request.arguments);
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        tell(News::Fault(name, &Fault::Request(error)));
                        speaker.raw_requests = true;
                        actions.push(send(name, speaker.requests.pending()));
                        break;
                    }
                }
            }
        }
        if actions.is_empty() {
            return;
        }
        let page = &mut self.pages[speaker.page];
        // Sockets race: the server must have read what one connection said before another one speaks, as it had here.
        if page.unread.as_deref().is_some_and(|last| last != name) {
            page.write(Action::Barrier, self.bytes_max, tell);
        }
        page.unread = Some(name.to_owned());
        for action in actions {
            page.write(action, self.bytes_max, tell);
        }
    }

    pub(super) fn received(&mut self, name: &str, bytes: &[u8], tell: &mut dyn FnMut(News<'_>)) {
        let Some(speaker) = self.speakers.get_mut(name) else {
            return;
        };
        let mut actions = Vec::new();
        if speaker.raw_replies {
            actions.push(expect(name, bytes));
        } else {
            speaker.replies.feed(bytes);
            loop {
                match speaker.replies.next_reply() {
                    Ok(Some(reply)) => {
                        let answered = if reply.is_push() {
                            None
                        } else {
                            speaker.waiting.pop_front()
                        };
                        let mut lines = expectations(name, reply.bytes());
                        open_holes(name, &answered.unwrap_or_default(), &mut lines);
                        actions.extend(lines);
                    }
                    Ok(None) if speaker.replies.pending().len() > PENDING_MAX => {
                        speaker.raw_replies = true;
                        actions.push(expect(name, speaker.replies.pending()));
                        break;
                    }
                    Ok(None) => break,
                    Err(error) => {
                        tell(News::Fault(name, &Fault::Reply(error)));
                        self.server_faults += 1;
                        speaker.raw_replies = true;
                        actions.push(expect(name, speaker.replies.pending()));
                        break;
                    }
                }
            }
        }
        let page = &mut self.pages[speaker.page];
        if page.unread.as_deref() == Some(name) && !actions.is_empty() && speaker.waiting.is_empty()
        {
            page.unread = None;
        }
        for action in actions {
            page.write(action, self.bytes_max, tell);
        }
    }

    /// The client will say no more.
    pub(super) fn client_ended(&mut self, name: &str) {
        let Some(speaker) = self.speakers.get_mut(name).filter(|speaker| !speaker.over) else {
            return;
        };
        // With every answer there it is a plain close; otherwise it may still be listening.
        let action = if speaker.waiting.is_empty() {
            speaker.over = true;
            SocketAction::Close
        } else {
            SocketAction::Shutdown
        };
        let connection = name.to_owned();
        let page = &mut self.pages[speaker.page];
        let silent = &mut |_: News<'_>| {};
        page.write(
            Action::Socket { connection, action },
            self.bytes_max,
            silent,
        );
    }

    /// The server has closed.
    pub(super) fn server_ended(&mut self, name: &str) {
        let Some(speaker) = self.speakers.get_mut(name).filter(|speaker| !speaker.over) else {
            return;
        };
        speaker.over = true;
        let observation = Observation::End {
            end: End::Closed,
            discard: false,
        };
        let connection = name.to_owned();
        let page = &mut self.pages[speaker.page];
        let silent = &mut |_: News<'_>| {};
        let action = Action::Observe {
            connection,
            observation,
        };
        page.write(action, self.bytes_max, silent);
    }

    /// Without headers; those in which nothing was said are left out.
    pub(super) fn into_transcripts(self) -> Vec<Transcript> {
        let pages = self.pages.into_iter();
        pages
            .filter(|page| !page.lines.is_empty())
            .map(|page| Transcript { lines: page.lines })
            .collect()
    }
}

impl Page {
    fn write(&mut self, action: Action, bytes_max: usize, tell: &mut dyn FnMut(News<'_>)) {
        if self.full {
            return;
        }
        let line = Line {
            number: 0,
            content: Content::Step(Step {
                guard: None,
                action,
            }),
        };
        self.bytes += line.to_string().len() + 1;
        if bytes_max > 0 && self.bytes > bytes_max {
            self.full = true;
            return tell(News::Full);
        }
        self.lines.push(line);
    }
}

fn command(name: &str, arguments: &[Vec<u8>]) -> Action {
    let literal = |argument: &Vec<u8>| {
        let literal = (!argument.is_empty()).then(|| SendPart::Literal(argument.clone()));
        literal.into_iter().collect()
    };
    Action::Command {
        connection: name.to_owned(),
        arguments: arguments.iter().map(literal).collect(),
    }
}

fn send(name: &str, bytes: &[u8]) -> Action {
    Action::Send {
        connection: name.to_owned(),
        parts: vec![SendPart::Literal(bytes.to_vec())],
        ending: Ending::Exact,
    }
}

fn expect(name: &str, bytes: &[u8]) -> Action {
    let mut pattern = Pattern::default();
    pattern.push_runs(bytes);
    Action::Expect {
        connection: name.to_owned(),
        pattern,
        ending: Ending::Exact,
    }
}

/// Client ids are never the same twice: the one thing in a handshake that no second run repeats.
fn open_holes(name: &str, command: &[Vec<u8>], lines: &mut [Action]) {
    let is = |index: usize, word: &str| {
        let argument = command.get(index);
        argument.is_some_and(|argument| argument.eq_ignore_ascii_case(word.as_bytes()))
    };
    let hole = format!("{name}_id");
    if is(0, "CLIENT") && is(1, "ID") {
        if let Some(line) = lines.first_mut() {
            open_integer(line, b"", &hole);
        }
    } else if is(0, "HELLO") {
        let mut after_name = false;
        for line in lines {
            if !open_integer(line, b"$2\r\nid\r\n", &hole) && after_name {
                open_integer(line, b"", &hole);
            }
            after_name = matches!(line, Action::Expect { pattern, .. }
                if pattern.parts == [PatternPart::Literal(b"$2\r\nid".to_vec())]);
        }
    }
}

/// Makes a hole of the integer that follows this start, or is the whole line; false if there is none.
fn open_integer(line: &mut Action, start: &[u8], hole: &str) -> bool {
    let Action::Expect { pattern, .. } = line else {
        return false;
    };
    let [PatternPart::Literal(literal)] = &pattern.parts[..] else {
        return false;
    };
    let Some(at) = place_of(literal, start) else {
        return false;
    };
    let digits = literal[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let end = at + digits.count();
    if end == at {
        return false;
    }
    let rest = literal[end..].to_vec();
    pattern.parts = vec![
        PatternPart::Literal(literal[..at].to_vec()),
        PatternPart::Hole {
            name: hole.to_owned(),
            kind: HoleKind::Int,
        },
    ];
    if !rest.is_empty() {
        pattern.parts.push(PatternPart::Literal(rest));
    }
    true
}

/// Where the digits of an integer begin whose line follows `start`; with no start, of one that is the whole line.
fn place_of(literal: &[u8], start: &[u8]) -> Option<usize> {
    if start.is_empty() {
        return literal.starts_with(b":").then_some(1);
    }
    let found = literal
        .windows(start.len())
        .position(|window| window == start)?;
    let at = found + start.len();
    (literal.get(at) == Some(&b':')).then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was noted of a dialogue: `(connection, sent, received)`.
    fn noted(each: bool, dialogue: &[(&str, &str, &str)]) -> (Vec<String>, Vec<String>) {
        let mut notes = Notes::new(4096, each);
        let mut news = Vec::new();
        for (name, sent, received) in dialogue {
            if !notes.speakers.contains_key(*name) {
                notes.open(name);
            }
            let mut tell = |it: News<'_>| news.push(format!("{it:?}"));
            if !sent.is_empty() {
                notes.sent(name, sent.as_bytes(), &mut tell);
            }
            if !received.is_empty() {
                notes.received(name, received.as_bytes(), &mut tell);
            }
        }
        for (name, ..) in dialogue {
            notes.client_ended(name);
        }
        let transcripts = notes.into_transcripts();
        (transcripts.iter().map(ToString::to_string).collect(), news)
    }

    #[test]
    fn a_dialogue_is_written_as_a_person_would() {
        let hello = "%2\r\n$2\r\nid\r\n:7\r\n$4\r\nmode\r\n$1\r\ns\r\n";
        let (texts, news) = noted(
            false,
            &[
                ("c1", "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n", hello),
                ("c1", "*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n", ":7\r\n"),
                ("c1", "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", ""),
                ("c1", "\r\nPI", "$0\r\n\r\n"),
                ("c1", "NG\r\n", "+PONG\r\n"),
            ],
        );
        assert_eq!(news, [""; 0]);
        let expected = [
            "c1: HELLO 3",
            "c1< %2\\r\\n$2\\r\\nid\\r\\n:{c1_id:int}\\r\\n$4\\r\\nmode\\r\\n$1\\r\\ns",
            "c1: CLIENT ID",
            "c1< :{c1_id:int}",
            "c1: ECHO \"\"",
            "c1>> \\r\\n",
            "c1< $0\\r\\n",
            "c1>> PING\\r\\n",
            "c1< +PONG",
            "c1! close",
        ];
        assert_eq!(texts[0].lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_one_connection_says_is_read_before_another_one_speaks() {
        let dialogue = [
            ("c1", "*3\r\n$5\r\nBLPOP\r\n$1\r\nk\r\n$1\r\n0\r\n", ""),
            (
                "c2",
                "*3\r\n$5\r\nLPUSH\r\n$1\r\nk\r\n$1\r\nv\r\n",
                ":1\r\n",
            ),
            ("c1", "", "*2\r\n$1\r\nk\r\n$1\r\nv\r\n"),
        ];
        let (texts, _) = noted(false, &dialogue);
        let lines: Vec<&str> = texts[0].lines().take(5).collect();
        assert_eq!(
            lines,
            [
                "c1: BLPOP k 0",
                "barrier",
                "c2: LPUSH k v",
                "c2< :1",
                "c1< *2\\r\\n$1\\r\\nk\\r\\n$1\\r\\nv"
            ]
        );
        let (texts, _) = noted(true, &dialogue);
        assert_eq!(texts.len(), 2);
        assert!(texts[1].starts_with("c2: LPUSH k v\n"), "{}", texts[1]);
    }

    #[test]
    fn bytes_that_are_not_resp_are_told_at_once_and_kept_as_they_are() {
        let (texts, news) = noted(
            false,
            &[
                ("c1", "*1\r\n$4\r\nPING\r\n", "+PONG\r\n@what\r\n"),
                ("c1", "*x\r\n", "!!"),
            ],
        );
        assert_eq!(news.len(), 2, "{news:?}");
        assert!(
            news[0].contains("Reply") && news[0].contains("offset: 7"),
            "{news:?}"
        );
        assert!(news[1].contains("Request"), "{news:?}");
        assert_eq!(
            texts[0],
            "c1: PING\nc1< +PONG\nc1<< @what\\r\\n\nc1>> *x\\r\\n\nc1<< !!\nc1! close\n"
        );
    }

    #[test]
    fn a_transcript_stops_at_its_limit_and_says_so_once() {
        let long = "x".repeat(10);
        let request = format!("*2\r\n$4\r\nECHO\r\n$10\r\n{long}\r\n");
        let dialogue = vec![("c1", request.as_str(), ""); 400];
        let (texts, news) = noted(false, &dialogue);
        assert!(texts[0].len() <= 4096, "{}", texts[0].len());
        assert_eq!(news, ["Full"]);
    }
}
