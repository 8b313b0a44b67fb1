//! Looks for the shortest generated streams that two servers answer differently. Writes no file and prints nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::play::{Played, play};
use super::verdict::{Difference, Fault, Place, Tolerances, difference};
use super::vocabulary::Vocabulary;
use super::{Stream, streams};
use crate::control::{Control, Trouble};

/// Attempts to make one stream shorter. Each is played on both servers, which takes a few milliseconds.
const ATTEMPTS_MAX: usize = 4000;

/// No stream is shortened for longer: a server that gets stuck costs seconds every time.
const SHORTENED_WITHIN: Duration = Duration::from_secs(60);

/// The same when it is not the only one.
const EACH_SHORTENED_WITHIN: Duration = Duration::from_secs(10);

/// How often a stream that differs is played again as it is.
pub const REPLAYS: usize = 3;

/// Streams with the same command and fault that are shortened, in case they have different causes.
const LIKE_SHORTENED_MAX: usize = 3;

/// A command whose mistakes are known and found again so often hides others, and is played no more.
const KNOWN_AGAIN_MAX: usize = 20;

/// What to play.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The same seed gives the same streams.
    pub seed: u64,
    /// At least so many commands in all.
    pub commands: usize,
    /// Ends after so many findings.
    pub findings_max: usize,
    /// Which commands.
    pub vocabulary: Vocabulary,
}

/// What came of a search.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Commands played and compared.
    pub commands: usize,
    /// Streams they were in.
    pub streams: usize,
    /// What was found, in the order in which it was found; no two alike.
    pub findings: Vec<Finding>,
    /// Commands that were played no more, because their known mistakes were found again and again.
    pub left_out: BTreeSet<String>,
    /// How often something less than equality had to do.
    pub tolerances: Tolerances,
}

/// Something that should not be.
#[derive(Debug)]
pub enum Finding {
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// Of [`REPLAYS`] how many showed it again; a stream that none did is not shortened.
    pub repeated: usize,
}

impl Shortest {
    /// The name of the command to look at: whose reply differs, or that was the last to write.
    pub fn command(&self) -> String {
        let last = || {
            let turn = self.stream.turns.last()?;
            turn.requests
                .last()
                .map(|request| super::audit::name_of(&request.arguments))
        };
        match self.difference.place {
            Place::State(_) => last().unwrap_or_else(|| self.difference.command.clone()),
            Place::Reply { .. } => self.difference.command.clone(),
        }
    }

    /// What two findings of the same mistake have in common.
    fn kin(&self) -> (String, Fault, BTreeSet<String>) {
        let requests = self.stream.turns.iter().flat_map(|turn| &turn.requests);
        let names = requests.map(|request| super::audit::name_of(&request.arguments));
        (self.command(), self.difference.fault, names.collect())
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
    /// Is told what the right server answered to every stream that both answered alike.
    pub heard: &'c mut dyn FnMut(&Stream, &Played),
}

/// What came of playing one stream on both servers.
enum Comparison {
    Same(Played),
    Differs(Difference, Played),
    Lost(Side, Trouble),
}

/// A command and a fault, or a side that was lost: what must stay the same while a stream is shortened.
type Kind = Result<(String, Fault), Side>;

impl Comparison {
    fn kind(&self) -> Option<Kind> {
        match self {
            Comparison::Same(_) => None,
            Comparison::Differs(difference, _) => {
                Some(Ok((difference.command.clone(), difference.fault)))
            }
            Comparison::Lost(side, _) => Some(Err(*side)),
        }
    }
}

impl Pair<'_> {
    /// Plays the stream on both at the same time.
    fn compare(&mut self, stream: &Stream, tolerances: &mut Tolerances) -> Comparison {
        let (target, oracle) = thread::scope(|scope| {
            let oracle = scope.spawn(|| play(stream, self.oracle));
            let target = play(stream, self.target);
            (target, oracle.join().expect("playing does not panic"))
        });
        match (target, oracle) {
            (_, Err(trouble)) => Comparison::Lost(Side::Oracle, trouble),
            (Err(trouble), _) => Comparison::Lost(Side::Target, trouble),
            (Ok(target), Ok(oracle)) => match difference(stream, &target, &oracle, tolerances) {
                Some(difference) => Comparison::Differs(difference, oracle),
                None => Comparison::Same(oracle),
            },
        }
    }

    /// Makes the target usable again. `false` when nothing more can be played.
    fn recover(&mut self, comparison: &Comparison) -> bool {
        match comparison {
            Comparison::Same(_) | Comparison::Differs(..) => true,
            Comparison::Lost(Side::Oracle, _) => false,
            Comparison::Lost(Side::Target, _) => match (self.revive)() {
                Some(control) => {
                    *self.target = control;
                    true
                }
                None => false,
            },
        }
    }
}

/// Plays streams until enough are found that are answered differently, or not survived, each of them shortened. `progress` is
/// told how many commands were played.
pub fn search(pair: &mut Pair<'_>, plan: &Plan, progress: &mut dyn FnMut(usize)) -> Outcome {
    let mut runner = runner(plan.seed);
    let mut vocabulary = plan.vocabulary.clone();
    let mut strategy = streams(&vocabulary).boxed();
    let mut outcome = Outcome::default();
    let mut memory = Memory::default();
    while outcome.commands < plan.commands && outcome.findings.len() < plan.findings_max {
        let mut tree = strategy
            .new_tree(&mut runner)
            .expect("the strategy rejects nothing");
        let stream = tree.current();
        let comparison = pair.compare(&stream, &mut outcome.tolerances);
        outcome.commands += stream.len();
        outcome.streams += 1;
        progress(outcome.commands);
        if let Comparison::Same(played) = &comparison {
            (pair.heard)(&stream, played);
        }
        let Some(kind) = comparison.kind() else {
            continue;
        };
        let mut alive = true;
        let mut seen_enough = None;
        if memory.is_news(&kind) {
            let within = if plan.findings_max > 1 {
                EACH_SHORTENED_WITHIN
            } else {
                SHORTENED_WITHIN
            };
            let mut hunt = Hunt {
                pair,
                kind,
                within,
                alive: true,
            };
            let finding = hunt.shorten(&mut tree, stream, comparison, outcome.commands);
            alive = hunt.alive;
            seen_enough = memory.keep(finding, &mut outcome.findings);
        } else {
            alive &= pair.recover(&comparison);
            if let Ok((command, _)) = kind {
                seen_enough = memory.seen_again(&command);
            }
        }
        if let Some(command) = seen_enough {
            vocabulary.retain(|other| other.name != command);
            outcome.left_out.insert(command);
            if vocabulary.is_empty() {
                break;
            }
            strategy = streams(&vocabulary).boxed();
        }
        if !alive {
            break;
        }
    }
    outcome
}

/// What was found already.
#[derive(Debug, Default)]
struct Memory {
    shortened: BTreeMap<Kind, usize>,
    kept: BTreeSet<(String, Fault, BTreeSet<String>)>,
    again: BTreeMap<String, usize>,
}

impl Memory {
    /// Whether streams of this kind are still worth shortening.
    fn is_news(&mut self, kind: &Kind) -> bool {
        let count = self.shortened.entry(kind.clone()).or_insert(0);
        *count += 1;
        *count <= LIKE_SHORTENED_MAX
    }

    /// Keeps a finding unless there is one like it. Returns a command that has been found often enough.
    fn keep(&mut self, finding: Finding, findings: &mut Vec<Finding>) -> Option<String> {
        if let Finding::Difference(shortest) = &finding {
            let kin = shortest.kin();
            if self.kept.contains(&kin) {
                return self.seen_again(&kin.0);
            }
            self.kept.insert(kin);
        }
        findings.push(finding);
        None
    }

    fn seen_again(&mut self, command: &str) -> Option<String> {
        let count = self.again.entry(command.to_owned()).or_insert(0);
        *count += 1;
        (*count == KNOWN_AGAIN_MAX).then(|| command.to_owned())
    }
}

/// One stream with something wrong about it.
struct Hunt<'h, 'c> {
    pair: &'h mut Pair<'c>,
    kind: Kind,
    within: Duration,
    alive: bool,
}

impl Hunt<'_, '_> {
    /// Plays the stream again as it is, and then lets proptest make it simpler as long as what is wrong stays wrong.
    fn shorten(
        &mut self,
        tree: &mut impl ValueTree<Value = Stream>,
        mut stream: Stream,
        mut comparison: Comparison,
        commands_played: usize,
    ) -> Finding {
        let begun = Instant::now();
        let commands_before = stream.len();
        self.alive = self.pair.recover(&comparison);
        let mut repeated = 0;
        for _ in 0..REPLAYS {
            repeated += usize::from(self.alive && self.shows(&stream).is_some());
        }
        let mut moved = repeated > 0 && tree.simplify();
        for _ in 0..ATTEMPTS_MAX {
            if !self.alive || !moved || begun.elapsed() > self.within {
                break;
            }
            let simpler = tree.current();
            if let Some(shown) = self.shows(&simpler) {
                (stream, comparison) = (simpler, shown);
                moved = tree.simplify();
            } else {
                moved = tree.complicate();
            }
        }
        match comparison {
            Comparison::Lost(side, trouble) => Finding::Trouble {
                side,
                trouble,
                stream,
                commands_before,
            },
            Comparison::Differs(difference, oracle) => Finding::Difference(Box::new(Shortest {
                stream,
                difference,
                oracle,
                commands_before,
                commands_played,
                repeated,
            })),
            Comparison::Same(_) => {
                unreachable!("a stream is replaced only by one that shows the same")
            }
        }
    }

    /// Plays a stream; what it shows, if that is the mistake that is hunted.
    fn shows(&mut self, stream: &Stream) -> Option<Comparison> {
        let comparison = self.pair.compare(stream, &mut Tolerances::default());
        self.alive = self.pair.recover(&comparison);
        (comparison.kind().as_ref() == Some(&self.kind)).then_some(comparison)
    }
}

/// The streams of a seed, as [`search`] plays them: without end.
pub fn generated(seed: u64, vocabulary: &Vocabulary) -> impl Iterator<Item = Stream> + use<> {
    let mut runner = runner(seed);
    let strategy = streams(vocabulary);
    std::iter::repeat_with(move || {
        let tree = strategy
            .new_tree(&mut runner)
            .expect("the strategy rejects nothing");
        tree.current()
    })
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
    use super::super::grammar::Table;
    use super::*;

    #[test]
    fn a_seed_gives_the_same_streams_again() {
        let vocabulary = Vocabulary::of(&Table::recorded());
        let first = |seed| {
            streams(&vocabulary)
                .new_tree(&mut runner(seed))
                .unwrap()
                .current()
        };
        assert_eq!(first(42), first(42));
        assert_ne!(first(42), first(43));
    }
}
