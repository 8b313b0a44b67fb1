//! Streams of generated commands: what to send, on which connections, in which order, cut where. Knows no answers; playing a
//! stream on two servers and looking for the shortest that differs is [`search`]'s.
//!
//! A stream is a list of turns. A turn is one write of several commands on one connection, divided at its cuts; the server
//! reads each part before the next is sent, so every run of a stream is the same run. A turn may overlap the one before it on
//! another connection: then their parts alternate, and commands of one connection run while those of another are half sent.
//!
//! Commands come from the oracle's own table ([`grammar`]); what is put into their arguments from `pools.rs`, which holds few
//! keys, of every type, so that commands meet. One in eight calls is spoilt: a word is missing, doubled, exchanged or nonsense.
//! Nothing is left out in silence: what has no certain answer stands in the [`audit`], with the weaker check it is held to.

pub mod audit;
mod calls;
pub mod grammar;
pub mod play;
mod pools;
pub mod search;
mod state;
mod tame;
pub mod verdict;
pub mod vocabulary;
mod write;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::request::{encode_inline, encode_multibulk};
pub use pools::SETUP;
use vocabulary::Vocabulary;
pub use write::Origin;

/// Connections a stream may use.
pub const CONNECTIONS: usize = 4;

/// Commands in one turn, at most.
const TURN_COMMANDS_MAX: usize = 10;

/// Turns in one stream, at most.
const TURNS_MAX: usize = 12;

/// An inline command longer than this is sent as multibulk: servers limit the line.
const INLINE_BYTES_MAX: usize = 8 * 1024;

/// Something to send to a server that holds no keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// For each connection, whether it begins with `HELLO 3`.
    pub resp3: [bool; CONNECTIONS],
    /// What is sent, in order.
    pub turns: Vec<Turn>,
}

/// One write on one connection, answered before the next turn that does not overlap it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// On which connection, below [`CONNECTIONS`].
    pub connection: usize,
    /// The commands; never empty.
    pub requests: Vec<Request>,
    /// Whether its parts alternate with those of the turn before, if that is on another connection.
    pub overlaps: bool,
}

/// One command. It is answered with exactly one reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its words, the name first; never empty.
    pub arguments: Vec<Vec<u8>>,
    /// Sent as an inline line rather than as multibulk.
    pub inline: bool,
    /// Where the write is divided: offsets in this command's own bytes, taken modulo their number, so that they stay where
    /// they are when other commands are left out. 0 is in front of it.
    pub cuts: Vec<usize>,
}

impl Request {
    /// Sent as multibulk and whole.
    fn plain(arguments: Vec<Vec<u8>>) -> Request {
        Request {
            arguments,
            inline: false,
            cuts: Vec::new(),
        }
    }

    /// Its bytes on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        if self.inline {
            encode_inline(&self.arguments)
        } else {
            encode_multibulk(&self.arguments)
        }
    }

    /// The command's name in capitals, as far as it can be read.
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&self.arguments[0]).to_ascii_uppercase()
    }
}

impl Turn {
    /// The whole write.
    pub fn bytes(&self) -> Vec<u8> {
        self.requests.iter().flat_map(Request::bytes).collect()
    }

    /// Where the write is divided: offsets inside it, each once, growing.
    pub fn places(&self) -> Vec<usize> {
        let mut places = Vec::new();
        let mut start = 0;
        for request in &self.requests {
            let length = request.bytes().len();
            places.extend(
                request
                    .cuts
                    .iter()
                    .map(|cut| start + cut % length)
                    .filter(|place| *place > 0),
            );
            start += length;
        }
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The write in its parts.
    pub fn parts(&self) -> Vec<Vec<u8>> {
        let bytes = self.bytes();
        let places = self.places();
        let starts = std::iter::once(0).chain(places.iter().copied());
        let ends = places.iter().copied().chain([bytes.len()]);
        starts
            .zip(ends)
            .map(|(start, end)| bytes[start..end].to_vec())
            .collect()
    }
}

impl Stream {
    /// How many commands it has.
    pub fn len(&self) -> usize {
        self.turns.iter().map(|turn| turn.requests.len()).sum()
    }

    /// Whether it has no command.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The turns that are under way at the same time, in order: each group has one turn for a connection at most.
    pub fn groups(&self) -> Vec<&[Turn]> {
        let mut groups = Vec::new();
        let mut start = 0;
        for (index, turn) in self.turns.iter().enumerate() {
            let group = &self.turns[start..index];
            let joins = turn.overlaps
                && group
                    .iter()
                    .all(|other| other.connection != turn.connection);
            if index > start && !joins {
                groups.push(group);
                start = index;
            }
        }
        groups.extend(Some(&self.turns[start..]).filter(|group| !group.is_empty()));
        groups
    }

    /// The connections it uses, each once, growing.
    pub fn connections(&self) -> Vec<usize> {
        let mut connections: Vec<usize> = self.turns.iter().map(|turn| turn.connection).collect();
        connections.sort_unstable();
        connections.dedup();
        connections
    }
}

/// The parts of a group's turns in the order in which they are sent: first parts first, then second parts, and so on.
pub fn schedule(group: &[Turn]) -> Vec<(usize, Vec<u8>)> {
    let parts: Vec<(usize, Vec<Vec<u8>>)> = group
        .iter()
        .map(|turn| (turn.connection, turn.parts()))
        .collect();
    let longest = parts
        .iter()
        .map(|(_, parts)| parts.len())
        .max()
        .unwrap_or(0);
    let rounds = (0..longest).flat_map(|round| {
        parts
            .iter()
            .filter_map(move |(connection, parts)| Some((*connection, parts.get(round)?.clone())))
    });
    rounds.collect()
}

/// What a connection is called in transcripts.
pub fn connection_name(connection: usize) -> &'static str {
    ["a", "b", "c", "d"][connection % CONNECTIONS]
}

/// Any stream of these commands. It shrinks to fewer turns, fewer commands, plainer values, fewer cuts and fewer connections.
pub fn streams(vocabulary: &Vocabulary) -> impl Strategy<Value = Stream> + use<> {
    let cuts = option::weighted(0.08, vec(0..200usize, 1..3)).prop_map(Option::unwrap_or_default);
    let request = (vocabulary.any_call(), prop::bool::weighted(0.1), cuts).prop_map(
        |(arguments, inline, cuts)| {
            let inline =
                inline && arguments.iter().map(Vec::len).sum::<usize>() <= INLINE_BYTES_MAX;
            Request {
                arguments,
                inline,
                cuts,
            }
        },
    );
    let connection = prop_oneof![4 => Just(0), 2 => Just(1), 1 => Just(2), 1 => Just(3)];
    let turn = (
        connection,
        vec(request, 1..=TURN_COMMANDS_MAX),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.12),
    )
        .prop_map(|(connection, mut requests, overlaps, is_transaction)| {
            if is_transaction {
                requests.insert(0, Request::plain(vec![b"MULTI".to_vec()]));
                requests.push(Request::plain(vec![b"EXEC".to_vec()]));
            }
            Turn {
                connection,
                requests,
                overlaps,
            }
        });
    let resp3 = [(); CONNECTIONS].map(|()| prop::bool::weighted(0.4));
    let patient = prop::bool::weighted(0.1);
    (
        resp3,
        vocabulary.any_setup(),
        vec(turn, 0..=TURNS_MAX),
        patient,
    )
        .prop_map(|(resp3, setup, turns, patient)| {
            let requests = setup.into_iter().map(Request::plain);
            let setup = Turn {
                connection: 0,
                requests: requests.collect(),
                overlaps: false,
            };
            let turns = std::iter::once(setup).chain(turns).collect();
            tame::tame(Stream { resp3, turns }, patient)
        })
        .prop_filter("nothing is sent", |stream| !stream.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(connection: usize, overlaps: bool, cuts: &[usize]) -> Turn {
        let requests = vec![Request {
            arguments: vec![b"PING".to_vec()],
            inline: false,
            cuts: cuts.to_vec(),
        }];
        Turn {
            connection,
            requests,
            overlaps,
        }
    }

    #[test]
    fn overlapping_turns_alternate_part_by_part() {
        let turns = vec![
            turn(0, true, &[4]),
            turn(1, true, &[1, 7, 0]),
            turn(0, true, &[]),
            turn(1, false, &[]),
        ];
        let stream = Stream {
            resp3: [false; CONNECTIONS],
            turns,
        };
        let sizes: Vec<usize> = stream.groups().iter().map(|group| group.len()).collect();
        assert_eq!(sizes, [2, 1, 1]);
        let sent: Vec<(usize, String)> = schedule(stream.groups()[0])
            .into_iter()
            .map(|(connection, part)| (connection, part.escape_ascii().to_string()))
            .collect();
        let expected = [
            (0, r"*1\r\n"),
            (1, "*"),
            (0, r"$4\r\nPING\r\n"),
            (1, r"1\r\n$4\r"),
            (1, r"\nPING\r\n"),
        ];
        assert_eq!(
            sent,
            expected.map(|(connection, part)| (connection, part.to_owned()))
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn parts_make_up_the_write_and_none_is_empty(stream in streams(&Vocabulary::of(&grammar::Table::recorded()))) {
            for turn in &stream.turns {
                let parts = turn.parts();
                prop_assert!(parts.iter().all(|part| !part.is_empty()));
                prop_assert_eq!(parts.concat(), turn.bytes());
            }
            let in_groups: usize = stream.groups().iter().map(|group| group.len()).sum();
            prop_assert_eq!(in_groups, stream.turns.len());
        }
    }
}
