//! Looks for the shortest generated stream that two servers answer differently. Writes no file and prints nothing.

use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::play::{Difference, Played, difference, play};
use super::{Stream, streams};
use crate::control::{Control, Trouble};

/// Attempts to make one stream shorter. Each is played on both servers, which takes a few milliseconds.
const ATTEMPTS_MAX: usize = 4000;

/// No stream is shortened for longer: a server that gets stuck costs seconds every time.
const SHORTENED_WITHIN: Duration = Duration::from_secs(60);

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
    /// A server was lost or stuck.
    Trouble {
        /// Which server.
        side: Side,
        /// What became of it.
        trouble: Trouble,
        /// The shortest stream it did not survive; as it was generated if the server cannot be started again.
        stream: Stream,
        /// How long the stream was before it was shortened, in commands.
        commands_before: usize,
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
        let groups = self.stream.groups();
        let group = groups
            .get(self.difference.group)
            .copied()
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
    /// Starts the server that is looked at once more, after it died; `None` when that cannot be done.
    pub revive: &'c mut dyn FnMut() -> Option<Control>,
}

/// What came of playing one stream on both servers.
enum Outcome {
    Same,
    Differs(Difference, Played),
    Lost(Side, Trouble),
}

impl Outcome {
    /// Whether it shows the same mistake, as far as that can be told.
    fn is_like(&self, other: &Outcome) -> bool {
        match (self, other) {
            (Outcome::Differs(..), Outcome::Differs(..)) => true,
            (Outcome::Lost(side, _), Outcome::Lost(other, _)) => side == other,
            _ => false,
        }
    }
}

impl Pair<'_> {
    fn compare(&mut self, stream: &Stream) -> Outcome {
        let target = match play(stream, self.target) {
            Ok(played) => played,
            Err(trouble) => return Outcome::Lost(Side::Target, trouble),
        };
        match play(stream, self.oracle) {
            Ok(oracle) => match difference(&target, &oracle) {
                Some(difference) => Outcome::Differs(difference, oracle),
                None => Outcome::Same,
            },
            Err(trouble) => Outcome::Lost(Side::Oracle, trouble),
        }
    }

    /// Makes the target usable again after an outcome. `false` when nothing more can be played.
    fn recover(&mut self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Same | Outcome::Differs(..) => true,
            Outcome::Lost(Side::Oracle, _) => false,
            Outcome::Lost(Side::Target, _) => match (self.revive)() {
                Some(control) => {
                    *self.target = control;
                    true
                }
                None => false,
            },
        }
    }
}

/// Plays streams until one is answered differently, or not survived; then shortens that one. `progress` is told how many
/// commands were played.
pub fn search(pair: &mut Pair<'_>, plan: &Plan, progress: &mut dyn FnMut(usize)) -> Found {
    let mut runner = runner(plan.seed);
    let strategy = streams(&plan.without);
    let (mut commands_played, mut count) = (0, 0);
    while commands_played < plan.commands {
        let mut tree = strategy
            .new_tree(&mut runner)
            .expect("the strategy rejects nothing");
        let stream = tree.current();
        let commands_before = stream.len();
        let outcome = pair.compare(&stream);
        commands_played += commands_before;
        count += 1;
        progress(commands_played);
        if matches!(outcome, Outcome::Same) {
            continue;
        }
        let (stream, outcome) = shorten(pair, &mut tree, stream, outcome);
        return match outcome {
            Outcome::Lost(side, trouble) => Found::Trouble {
                side,
                trouble,
                stream,
                commands_before,
            },
            Outcome::Differs(difference, oracle) => Found::Difference(Box::new(Shortest {
                stream,
                difference,
                oracle,
                commands_before,
                commands_played,
            })),
            Outcome::Same => unreachable!("a stream is replaced only by one with a like outcome"),
        };
    }
    Found::Nothing {
        commands: commands_played,
        streams: count,
    }
}

/// Lets proptest make the stream simpler as long as what is wrong stays wrong.
fn shorten(
    pair: &mut Pair<'_>,
    tree: &mut impl ValueTree<Value = Stream>,
    mut stream: Stream,
    mut outcome: Outcome,
) -> (Stream, Outcome) {
    let begun = Instant::now();
    let mut alive = pair.recover(&outcome);
    let mut moved = tree.simplify();
    for _ in 0..ATTEMPTS_MAX {
        if !alive || !moved || begun.elapsed() > SHORTENED_WITHIN {
            break;
        }
        let simpler = tree.current();
        let tried = pair.compare(&simpler);
        alive = pair.recover(&tried);
        if tried.is_like(&outcome) {
            (stream, outcome) = (simpler, tried);
            moved = tree.simplify();
        } else {
            moved = tree.complicate();
        }
    }
    (stream, outcome)
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
