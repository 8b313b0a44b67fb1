//! A stream and what an oracle answered to it, as a transcript that can be kept. Plays nothing.

use sha2::{Digest, Sha256};

use super::play::{Answer, Played};
use super::verdict::{Difference, Place, weak_replies};
use super::{Request, Stream, Turn, connection_name, schedule};
use crate::record::expectations;
use crate::transcript::guard::{Comparison, Condition};
use crate::transcript::{
    Action, Content, End, Ending, Guard, HeaderField, HoleKind, Identity, Level, Line, Observation,
    Pattern, PatternPart, SendPart, SocketAction, Step, Transcript,
};

/// Where a stream and its answers are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who answered.
    pub oracle: Identity,
    /// The seed the stream was found with.
    pub seed: u64,
    /// The command whose answer differed, for the name.
    pub command: String,
}

impl Stream {
    /// The transcript: what is sent, and what the oracle answered; a difference in what is stored is shown on one more
    /// connection in the end. Its id is `regressions/COMMAND-HASH`.
    pub fn transcript(
        &self,
        played: &Played,
        difference: Option<&Difference>,
        origin: &Origin,
    ) -> Transcript {
        let mut steps = self.steps(played);
        if let Some(difference) = difference
            && let Place::State(commands) = &difference.place
        {
            steps.extend(state(commands, &difference.expected));
        }
        let mut lines: Vec<Content> = header(origin, &steps)
            .into_iter()
            .map(Content::Header)
            .collect();
        lines.push(Content::Provenance(format!("{}: 1 start", origin.oracle)));
        lines.push(Content::Blank);
        lines.extend(steps.into_iter().map(|action| {
            Content::Step(Step {
                guard: None,
                action,
            })
        }));
        let lines = lines.into_iter().enumerate().map(|(index, content)| Line {
            number: index + 1,
            content,
        });
        Transcript {
            lines: lines.collect(),
        }
    }

    fn steps(&self, played: &Played) -> Vec<Action> {
        let mut steps = Vec::new();
        for connection in self
            .connections()
            .into_iter()
            .filter(|connection| self.resp3[*connection])
        {
            steps.extend(hello(connection));
        }
        let weak = weak_replies(self, played);
        let mut holes = 0;
        for ((group, answers), weak) in self.groups().into_iter().zip(&played.groups).zip(&weak) {
            match group {
                [turn] => steps.extend(send_alone(turn)),
                _ => steps.extend(send_together(group)),
            }
            for (connection, answer) in answers.iter().enumerate() {
                steps.extend(expect(connection, answer, &weak[connection], &mut holes));
            }
        }
        steps
    }
}

/// What shows that something else is stored: the last command's reply is the oracle's.
fn state(commands: &[Vec<Vec<u8>>], expected: &Answer) -> Vec<Action> {
    let name = "state".to_owned();
    let mut steps = Vec::new();
    for (index, words) in commands.iter().enumerate() {
        steps.push(Action::Command {
            connection: name.clone(),
            arguments: words.iter().map(|word| literal(word)).collect(),
        });
        let reply = if index + 1 == commands.len() {
            &expected.bytes[..]
        } else {
            b"+OK\r\n"
        };
        steps.extend(expectations(&name, reply));
    }
    steps
}

fn header(origin: &Origin, steps: &[Action]) -> Vec<HeaderField> {
    let text: Vec<String> = steps.iter().map(Action::to_string).collect();
    let hash = Sha256::digest(text.join("\n").as_bytes());
    let name: String = origin
        .command
        .to_ascii_lowercase()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let since = Condition {
        product: origin.oracle.product.clone(),
        bound: Some((Comparison::Equal, origin.oracle.version.clone())),
    };
    vec![
        HeaderField::Id(format!(
            "regressions/{name}-{:02x}{:02x}{:02x}",
            hash[0], hash[1], hash[2]
        )),
        HeaderField::Title(format!(
            "{} answers as {} does, in a stream that was generated",
            origin.command, origin.oracle
        )),
        HeaderField::Level(Level::Must),
        HeaderField::Why(format!(
            "a difference found by `respect fuzz --seed {}`",
            origin.seed
        )),
        HeaderField::Tags(vec!["generated".to_owned()]),
        HeaderField::Since(Guard {
            any_of: vec![vec![since]],
        }),
    ]
}

fn hello(connection: usize) -> [Action; 2] {
    let name = connection_name(connection).to_owned();
    let arguments = ["HELLO", "3"]
        .map(|word| vec![SendPart::Literal(word.as_bytes().to_vec())])
        .to_vec();
    [
        Action::Command {
            connection: name.clone(),
            arguments,
        },
        any_reply(&name, format!("hello-{name}")),
    ]
}

/// Whatever the reply is.
fn any_reply(connection: &str, name: String) -> Action {
    let hole = PatternPart::Hole {
        name,
        kind: HoleKind::Reply,
    };
    Action::Expect {
        connection: connection.to_owned(),
        pattern: Pattern { parts: vec![hole] },
        ending: Ending::Exact,
    }
}

/// One turn: a line for each command, with the cuts that fall into it.
fn send_alone(turn: &Turn) -> Vec<Action> {
    let places = turn.places();
    let name = connection_name(turn.connection);
    let mut steps = Vec::new();
    let mut start = 0;
    for request in &turn.requests {
        let bytes = request.bytes();
        let end = start + bytes.len();
        let inside: Vec<usize> = places
            .iter()
            .filter(|place| start < **place && **place < end)
            .map(|place| place - start)
            .collect();
        if start > 0 && places.contains(&start) {
            steps.push(Action::Socket {
                connection: name.to_owned(),
                action: SocketAction::Flush,
            });
        }
        steps.push(send(name, request, &bytes, &inside));
        start = end;
    }
    steps
}

fn send(name: &str, request: &Request, bytes: &[u8], cuts: &[usize]) -> Action {
    let connection = name.to_owned();
    if cuts.is_empty() && !request.inline {
        return Action::Command {
            connection,
            arguments: request.arguments.iter().map(|word| literal(word)).collect(),
        };
    }
    let mut parts = Vec::new();
    let mut at = 0;
    for cut in cuts {
        parts.extend(runs(&bytes[at..*cut]));
        parts.push(SendPart::Cut);
        at = *cut;
    }
    parts.extend(runs(&bytes[at..]));
    raw(connection, parts)
}

/// Turns at the same time: their parts in the order in which they are sent, each read before the next.
fn send_together(group: &[Turn]) -> Vec<Action> {
    let mut steps = Vec::new();
    for (index, (connection, part)) in schedule(group).into_iter().enumerate() {
        if index > 0 {
            steps.push(Action::Barrier);
        }
        steps.push(raw(connection_name(connection).to_owned(), runs(&part)));
    }
    steps
}

/// Bytes as they are: a `>` line if they end with CRLF.
fn raw(connection: String, mut parts: Vec<SendPart>) -> Action {
    let mut ending = Ending::Exact;
    if let Some(SendPart::Literal(last)) = parts.last_mut()
        && last.ends_with(b"\r\n")
        && last.len() > 2
    {
        last.truncate(last.len() - 2);
        ending = Ending::Crlf;
    }
    Action::Send {
        connection,
        parts,
        ending,
    }
}

/// A word of a command.
fn literal(word: &[u8]) -> Vec<SendPart> {
    if word.is_empty() {
        Vec::new()
    } else {
        runs(word)
    }
}

/// Bytes with their long runs counted.
fn runs(bytes: &[u8]) -> Vec<SendPart> {
    let mut pattern = Pattern::default();
    pattern.push_runs(bytes);
    let parts = pattern.parts.into_iter().filter_map(|part| match part {
        PatternPart::Literal(bytes) => Some(SendPart::Literal(bytes)),
        PatternPart::Repeat { unit, count } => Some(SendPart::Repeat { unit, count }),
        _ => None,
    });
    parts.collect()
}

/// What came on a connection. Replies that are not the same each time are expected to be replies, and no more.
fn expect(
    connection: usize,
    answer: &Answer,
    weak: &[(usize, bool)],
    holes: &mut usize,
) -> Vec<Action> {
    let name = connection_name(connection);
    let mut steps = Vec::new();
    let (mut start, mut end) = (0, 0);
    for (length, loose) in weak {
        if *loose {
            steps.extend(expectations(name, &answer.bytes[start..end]));
            *holes += 1;
            steps.push(any_reply(name, format!("any-{holes}")));
            start = end + length;
        }
        end += length;
    }
    steps.extend(expectations(name, &answer.bytes[start..]));
    if answer.ended.is_some() {
        let observation = Observation::End {
            end: End::Closed,
            discard: false,
        };
        steps.push(Action::Observe {
            connection: connection_name(connection).to_owned(),
            observation,
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::grammar::Table;
    use super::super::streams;
    use super::super::vocabulary::Vocabulary;
    use super::*;
    use crate::transcript::lint::check;
    use crate::transcript::script::expand_write;
    use crate::transcript::{Captures, Move, Severity};

    fn origin() -> Origin {
        Origin {
            oracle: "redis-8.2.3".parse().unwrap(),
            seed: 7,
            command: "GET".to_owned(),
        }
    }

    #[test]
    fn a_stream_reads_as_a_person_would_write_it() {
        let request = |words: &[&str], inline, cuts: &[usize]| Request {
            arguments: words.iter().map(|word| word.as_bytes().to_vec()).collect(),
            inline,
            cuts: cuts.to_vec(),
        };
        let turn = |connection, requests: Vec<Request>, overlaps| Turn {
            connection,
            requests,
            overlaps,
        };
        let long = "x".repeat(45);
        let stream = Stream {
            resp3: [false, true, false, false],
            turns: vec![
                turn(
                    0,
                    vec![
                        request(&["SET", "k", &long], false, &[]),
                        request(&["GET", ""], false, &[0, 6]),
                        request(&["PING"], true, &[]),
                    ],
                    false,
                ),
                turn(1, vec![request(&["GET", "k"], false, &[4])], false),
                turn(0, vec![request(&["PING"], true, &[2])], true),
            ],
        };
        let answer = |text: &[u8]| Answer {
            bytes: text.to_vec(),
            ended: None,
        };
        let silent = Answer::default;
        let played = Played {
            groups: vec![
                [
                    answer(b"+OK\r\n$-1\r\n+PONG\r\n"),
                    silent(),
                    silent(),
                    silent(),
                ],
                [
                    answer(b"+PONG\r\n"),
                    answer(b"$1\r\nv\r\n"),
                    silent(),
                    silent(),
                ],
            ],
            state: None,
        };
        let expected = "\
@id     regressions/get-c26243
@title  GET answers as redis-8.2.3 does, in a stream that was generated
@level  must
@why    a difference found by `respect fuzz --seed 7`
@tags   generated
@since  redis=8.2.3
%% redis-8.2.3: 1 start

b: HELLO 3
b<< {hello-b:reply}
a: SET k {x*45}
a! flush
a> *2\\r\\n$3\\|\\r\\nGET\\r\\n$0\\r\\n
a> PING
a< +OK
a< $-1
a< +PONG
b> *2
barrier
a>> PI
barrier
b> $3\\r\\nGET\\r\\n$1\\r\\nk
barrier
a> NG
a< +PONG
b< $1\\r\\nv
";
        let written = stream.transcript(&played, None, &origin()).to_string();
        assert!(
            written == expected,
            "wrote\n{written}\ninstead of\n{expected}"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// What is written is a transcript without mistakes that sends exactly what the stream sends.
        #[test]
        fn a_transcript_sends_what_its_stream_sends(stream in streams(&Vocabulary::of(&Table::recorded()))) {
            let reply = Answer { bytes: b"+OK\r\n".to_vec(), ended: None };
            let played = Played { groups: stream.groups().iter().map(|_| [(); 4].map(|()| reply.clone())).collect(), state: None };
            // Connections that send nothing say nothing.
            let used = stream.connections();
            let groups = played.groups.into_iter().map(|mut group| {
                (0..4).filter(|connection| !used.contains(connection)).for_each(|connection| group[connection] = Answer::default());
                group
            });
            let transcript = stream.transcript(&Played { groups: groups.collect(), state: None }, None, &origin());
            // Whoever speaks late for the first time is told to speak first; that is not what is looked at here.
            let findings: Vec<_> = check(&transcript.to_string()).into_iter().filter(|finding| finding.severity > Severity::Note && !finding.message.contains("to be sent on")).collect();
            prop_assert_eq!(findings, []);
            let mut sent: Vec<Vec<u8>> = vec![Vec::new(); 4];
            for step in transcript.script(&"redis-8.2.3".parse().unwrap()).moves {
                if let Move::Write { connection, sends } = step {
                    let index = usize::from(connection.as_bytes()[0] - b'a');
                    sent[index].extend(expand_write(&sends, &Captures::new()).unwrap().concat());
                }
            }
            for (connection, sent) in sent.iter().enumerate() {
                let turns = stream.turns.iter().filter(|turn| turn.connection == connection);
                let mut wanted: Vec<u8> = turns.flat_map(Turn::bytes).collect();
                if stream.resp3[connection] && !wanted.is_empty() {
                    wanted.splice(0..0, crate::request::encode_multibulk(&["HELLO", "3"]));
                }
                prop_assert_eq!(sent, &wanted);
            }
        }
    }
}
