//! Looks for the shortest generated stream that two servers answer differently. Writes no file and prints nothing.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::play::{Difference, Played, difference, play};
use super::{Stream, streams};
use crate::session::{Control, Trouble};

/// Attempts to make one differing stream shorter. Each is played on both servers, which takes a few milliseconds.
const ATTEMPTS_MAX: usize = 4000;

/// What to play.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The same seed gives the same streams.
    pub seed: u64,
    /// At least so many commands in all.
    pub commands: usize,
    /// But none of these, named in capitals.
    pub without: Vec<String>,
}

/// What came of a search.
#[derive(Debug)]
pub enum Found {
    /// Both servers answered every command alike.
    Nothing {
        /// Commands played.
        commands: usize,
        /// Streams they were in.
        streams: usize,
    },
    /// They differ.
    Difference(Box<Shortest>),
    /// A server was lost or stuck; this stream was being played.
    Trouble {
        /// Which server.
        side: Side,
        /// What became of it.
        trouble: Trouble,
        /// What was being played.
        stream: Stream,
    },
}

/// One of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The server that is looked at.
    Target,
    /// The server that is right.
    Oracle,
}

/// The shortest stream found that both servers answer differently.
#[derive(Clone, Debug)]
pub struct Shortest {
    /// The stream.
    pub stream: Stream,
    /// Where the answers differ.
    pub difference: Difference,
    /// What the oracle answered.
    pub oracle: Played,
    /// How long the stream was before it was shortened, in commands.
    pub commands_before: usize,
    /// Commands played before it was found.
    pub commands_played: usize,
}

impl Shortest {
    /// The name of the command whose reply differs, as far as replies can be counted.
    pub fn command(&self) -> String {
        let group = self
            .stream
            .groups()
            .into_iter()
            .nth(self.difference.group)
            .unwrap_or_default();
        let turn = group
            .iter()
            .find(|turn| turn.connection == self.difference.connection);
        let request = turn.and_then(|turn| {
            turn.requests
                .get(self.difference.reply)
                .or(turn.requests.last())
        });
        request.map_or_else(|| "stream".to_owned(), super::Request::name)
    }
}

/// Two servers to hold against each other.
pub struct Pair<'c> {
    /// The server that is looked at.
    pub target: &'c mut Control,
    /// The server that is right.
    pub oracle: &'c mut Control,
}

type Lost = (Side, Trouble);

impl Pair<'_> {
    fn compare(&mut self, stream: &Stream) -> Result<Option<(Difference, Played)>, Lost> {
        let target = play(stream, self.target).map_err(|trouble| (Side::Target, trouble))?;
        let oracle = play(stream, self.oracle).map_err(|trouble| (Side::Oracle, trouble))?;
        Ok(difference(&target, &oracle).map(|difference| (difference, oracle)))
    }
}

/// Plays streams until one is answered differently; then shortens that one. `progress` is told how many commands were
/// played.
pub fn search(pair: &mut Pair<'_>, plan: &Plan, progress: &mut dyn FnMut(usize)) -> Found {
    let mut runner = runner(plan.seed);
    let strategy = streams(&plan.without);
    let (mut played, mut count) = (0, 0);
    while played < plan.commands {
        let mut tree = strategy
            .new_tree(&mut runner)
            .expect("the strategy rejects nothing");
        let stream = tree.current();
        let compared = pair.compare(&stream);
        played += stream.len();
        count += 1;
        progress(played);
        let outcome = match compared {
            Ok(None) => continue,
            Ok(Some((difference, oracle))) => {
                let commands_before = stream.len();
                let found = Shortest {
                    stream,
                    difference,
                    oracle,
                    commands_before,
                    commands_played: played,
                };
                shorten(pair, &mut tree, found)
            }
            Err((side, trouble)) => Err(Box::new(Found::Trouble {
                side,
                trouble,
                stream,
            })),
        };
        return match outcome {
            Ok(shortest) => Found::Difference(Box::new(shortest)),
            Err(trouble) => *trouble,
        };
    }
    Found::Nothing {
        commands: played,
        streams: count,
    }
}

/// Lets proptest make the stream simpler as long as the servers still differ.
fn shorten(
    pair: &mut Pair<'_>,
    tree: &mut impl ValueTree<Value = Stream>,
    mut shortest: Shortest,
) -> Result<Shortest, Box<Found>> {
    let mut moved = tree.simplify();
    for _ in 0..ATTEMPTS_MAX {
        if !moved {
            break;
        }
        let stream = tree.current();
        moved = match pair.compare(&stream) {
            Ok(Some((difference, oracle))) => {
                shortest = Shortest {
                    stream,
                    difference,
                    oracle,
                    ..shortest
                };
                tree.simplify()
            }
            Ok(None) => tree.complicate(),
            Err((side, trouble)) => {
                return Err(Box::new(Found::Trouble {
                    side,
                    trouble,
                    stream,
                }));
            }
        };
    }
    Ok(shortest)
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(
        Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &bytes),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_streams_again() {
        let first = |seed| streams(&[]).new_tree(&mut runner(seed)).unwrap().current();
        assert_eq!(first(42), first(42));
        assert_ne!(first(42), first(43));
    }
}
