//! What a generated stream exercises, from the answers of the server it was played to. Plays nothing.

use super::Coverage;
use super::conversation::Conversation;
use crate::generate::play::Played;
use crate::generate::{CONNECTIONS, Stream, schedule};
use crate::request::encode_multibulk;

/// Counts what a stream exercises.
pub fn add(coverage: &mut Coverage, stream: &Stream, played: &Played) {
    let mut conversations: [Conversation; CONNECTIONS] =
        std::array::from_fn(|connection| opened(stream.resp3[connection]));
    for (group, answers) in stream.groups().into_iter().zip(&played.groups) {
        for (connection, part) in schedule(group) {
            conversations[connection].sent(&part);
        }
        for (conversation, answer) in conversations.iter_mut().zip(answers) {
            conversation.received(&answer.bytes, &mut |exercise| coverage.add(&exercise));
        }
    }
}

/// What a connection is like when the stream begins: HELLO was answered before, and is not counted.
fn opened(resp3: bool) -> Conversation {
    let mut conversation = Conversation::new();
    if resp3 {
        conversation.sent(&encode_multibulk(&["HELLO", "3"]));
        conversation.received(b"%0\r\n", &mut |_| {});
    }
    conversation
}

#[cfg(test)]
mod tests {
    use super::super::Way;
    use super::super::table::Table;
    use super::*;
    use crate::generate::play::Answer;
    use crate::generate::{Request, Turn};

    #[test]
    fn what_was_answered_is_exercised_in_the_protocol_of_its_connection() {
        let request = |line: &str| Request {
            arguments: line
                .split(' ')
                .map(|word| word.as_bytes().to_vec())
                .collect(),
            inline: false,
            cuts: vec![3],
        };
        let turn = |connection, line| Turn {
            connection,
            requests: vec![request(line)],
            overlaps: true,
        };
        let stream = Stream {
            resp3: [false, true, false, false],
            turns: vec![turn(0, "GET k"), turn(1, "LPUSH k x")],
        };
        let mut answers: [Answer; CONNECTIONS] = Default::default();
        answers[0].bytes = b"$-1\r\n".to_vec();
        answers[1].bytes = b"-WRONGTYPE x\r\n".to_vec();
        let played = Played {
            groups: vec![answers],
            state: None,
        };
        let mut coverage = Coverage::new(Table::recorded());
        add(&mut coverage, &stream, &played);
        let count = |name: &str, way| {
            let commands = coverage.table().commands();
            let index = commands.iter().position(|it| it.name == name).unwrap();
            coverage.count(index, way).unwrap()
        };
        assert_eq!(count("GET", Way::Ok), [1, 0]);
        assert_eq!(count("LPUSH", Way::Type), [0, 1]);
        assert_eq!(coverage.total_of_commands().exercised, 2);
    }
}
