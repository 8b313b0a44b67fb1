//! What has been exercised of everything that could be: commands and subcommands × RESP2 and RESP3 × how each was answered and
//! where it ran, and the tokens among their arguments. Counts what it is told; plays nothing.

pub mod conversation;
pub mod streams;
pub mod table;
pub mod transcripts;

use conversation::{Exercise, Outcome, Place};
use table::{Command, Table};

/// The ways in which a command can be exercised, each in RESP2 and in RESP3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Answered, and not with an error.
    Ok,
    /// Answered with the error of a key of another type.
    Type,
    /// Answered with the error of a wrong number of arguments.
    Arity,
    /// Run in a transaction.
    Multi,
    /// Run by a script.
    Script,
    /// Refused for want of authentication or of a permission.
    Auth,
    /// Sent, and answered somehow, while the connection was subscribed.
    Subscriber,
}

impl Way {
    /// All of them with their names, the worthiest first.
    pub const ALL: [(Way, &'static str); 7] = [
        (Way::Ok, "ok"),
        (Way::Type, "type error"),
        (Way::Arity, "arity error"),
        (Way::Multi, "in MULTI"),
        (Way::Script, "in a script"),
        (Way::Auth, "no auth"),
        (Way::Subscriber, "subscribed"),
    ];

    /// Whether a command can be exercised so at all.
    pub fn applies_to(self, command: &Command) -> bool {
        // COMMAND is the one container that does something by itself.
        let acts = !command.container || command.name == "COMMAND";
        match self {
            Way::Ok => acts,
            Way::Type => acts && command.typed,
            Way::Arity => command.arity != -1,
            Way::Multi => acts && !command.no_multi,
            Way::Script => acts && !command.no_script,
            Way::Auth => acts && !command.no_auth,
            Way::Subscriber => acts,
        }
    }
}

/// How often everything was exercised.
#[derive(Debug, Clone)]
pub struct Coverage {
    table: Table,
    counts: Vec<Counts>,
}

/// How often one command was exercised in each way, and with each token; RESP2 first, then RESP3.
#[derive(Debug, Clone, Default)]
struct Counts {
    ways: [[u64; 2]; Way::ALL.len()],
    tokens: Vec<[u64; 2]>,
}

/// Something that was never exercised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// `SET`, `CLIENT KILL`, or with a token `SET NX`.
    pub name: String,
    /// Of which sort it is; holes are sorted by it, the worthiest to fill first.
    pub kind: HoleKind,
}

/// What sort of hole it is, the worthiest to fill first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoleKind {
    /// The command was never answered in any way.
    Never,
    /// It was never exercised so in RESP2.
    Resp2(Way),
    /// The token was never part of a command that succeeded.
    Token,
    /// It never succeeded in RESP3, where its reply may have another shape.
    Resp3Ok,
    /// It was never exercised so in RESP3 either.
    Resp3(Way),
}

/// How many of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// Exercised.
    pub exercised: usize,
    /// Of so many that can be.
    pub of: usize,
}

impl Coverage {
    /// Nothing has been exercised yet.
    pub fn new(table: Table) -> Coverage {
        let counts = table.commands().iter().map(|command| Counts {
            tokens: vec![[0; 2]; command.tokens.len()],
            ..Counts::default()
        });
        Coverage {
            counts: counts.collect(),
            table,
        }
    }

    /// The measure.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Counts one command. One that is not in the table counts for nothing.
    pub fn add(&mut self, exercise: &Exercise) {
        let Some(index) = self.table.find(&exercise.arguments) else {
            return;
        };
        let protocol = usize::from(exercise.resp3);
        let counts = &mut self.counts[index];
        let mut count = |way: Way| counts.ways[place_of(way)][protocol] += 1;
        match exercise.place {
            Place::Plain => {}
            Place::Multi => count(Way::Multi),
            Place::Script => return count(Way::Script),
            Place::Subscriber => count(Way::Subscriber),
        }
        match exercise.outcome {
            Outcome::Ok => count(Way::Ok),
            Outcome::Arity => count(Way::Arity),
            Outcome::Type => count(Way::Type),
            Outcome::Auth => count(Way::Auth),
            Outcome::Error => {}
        }
        if exercise.outcome == Outcome::Ok {
            let tokens = &self.table.commands()[index].tokens;
            for (token, count) in tokens.iter().zip(&mut counts.tokens) {
                let said = exercise.arguments[1..]
                    .iter()
                    .any(|word| word.eq_ignore_ascii_case(token.as_bytes()));
                count[protocol] += u64::from(said);
            }
        }
    }

    /// How often a command, by its place in the table, was exercised so, in RESP2 and in RESP3; nothing if it cannot be.
    pub fn count(&self, command: usize, way: Way) -> Option<[u64; 2]> {
        let applies = way.applies_to(&self.table.commands()[command]);
        applies.then(|| self.counts[command].ways[place_of(way)])
    }

    /// How often each token of a command was part of one that succeeded, in RESP2 and in RESP3.
    pub fn tokens(&self, command: usize) -> impl Iterator<Item = (&str, [u64; 2])> {
        let tokens = &self.table.commands()[command].tokens;
        let counts = self.counts[command].tokens.iter();
        tokens.iter().map(String::as_str).zip(counts.copied())
    }

    /// How many commands were exercised in a way, in RESP2 and in RESP3.
    pub fn total(&self, way: Way) -> [Total; 2] {
        let counts = (0..self.counts.len()).filter_map(|command| self.count(command, way));
        sum(counts)
    }

    /// How many tokens were, in RESP2 and in RESP3.
    pub fn total_of_tokens(&self) -> [Total; 2] {
        sum(self
            .counts
            .iter()
            .flat_map(|counts| counts.tokens.iter().copied()))
    }

    /// How many commands were answered at all, in whatever way.
    pub fn total_of_commands(&self) -> Total {
        let exercised = (0..self.counts.len()).filter(|&command| self.was_answered(command));
        Total {
            exercised: exercised.count(),
            of: self.counts.len(),
        }
    }

    /// Everything that was never exercised, the worthiest to fill first, then by name.
    pub fn holes(&self) -> Vec<Hole> {
        let mut holes = Vec::new();
        for (index, command) in self.table.commands().iter().enumerate() {
            let name = command.name.replace('|', " ");
            if !self.was_answered(index) {
                holes.push(Hole {
                    name,
                    kind: HoleKind::Never,
                });
                continue;
            }
            for (way, _) in Way::ALL {
                let Some([resp2, resp3]) = self.count(index, way) else {
                    continue;
                };
                let kind = match (resp2, resp3) {
                    (0, _) => HoleKind::Resp2(way),
                    (_, 0) if way == Way::Ok => HoleKind::Resp3Ok,
                    (_, 0) => HoleKind::Resp3(way),
                    _ => continue,
                };
                holes.push(Hole {
                    name: name.clone(),
                    kind,
                });
            }
            for (token, [resp2, resp3]) in self.tokens(index) {
                if resp2 + resp3 == 0 {
                    holes.push(Hole {
                        name: format!("{name} {token}"),
                        kind: HoleKind::Token,
                    });
                }
            }
        }
        holes.sort_by_key(|hole| hole.kind);
        holes
    }

    fn was_answered(&self, command: usize) -> bool {
        let ways = &self.counts[command].ways;
        ways.iter().any(|[resp2, resp3]| resp2 + resp3 > 0)
    }
}

impl HoleKind {
    /// What is missing, in a few words.
    pub fn name(self) -> String {
        let way = |way: Way| Way::ALL[place_of(way)].1;
        match self {
            HoleKind::Never => "never answered".to_owned(),
            HoleKind::Resp2(missing) => format!("{}, RESP2", way(missing)),
            HoleKind::Token => "token".to_owned(),
            HoleKind::Resp3Ok => "ok, RESP3".to_owned(),
            HoleKind::Resp3(missing) => format!("{}, RESP3", way(missing)),
        }
    }
}

fn place_of(way: Way) -> usize {
    Way::ALL
        .iter()
        .position(|(it, _)| *it == way)
        .expect("every way is listed")
}

fn sum(counts: impl Iterator<Item = [u64; 2]>) -> [Total; 2] {
    let mut totals = [Total::default(); 2];
    for count in counts {
        for (total, count) in totals.iter_mut().zip(count) {
            total.of += 1;
            total.exercised += usize::from(count > 0);
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exercise(words: &str, outcome: Outcome, place: Place) -> Exercise {
        Exercise {
            arguments: words
                .split(' ')
                .map(|word| word.as_bytes().to_vec())
                .collect(),
            outcome,
            resp3: false,
            place,
        }
    }

    #[test]
    fn what_is_exercised_is_a_hole_no_more() {
        let mut coverage = Coverage::new(Table::recorded());
        let holes = |coverage: &Coverage, name: &str| -> Vec<String> {
            let holes = coverage.holes().into_iter();
            holes
                .filter(|hole| hole.name == name)
                .map(|hole| hole.kind.name())
                .collect()
        };
        assert_eq!(holes(&coverage, "SET"), ["never answered"]);
        coverage.add(&exercise("set k v nx", Outcome::Ok, Place::Plain));
        assert_eq!(holes(&coverage, "SET NX"), [""; 0]);
        assert_eq!(holes(&coverage, "SET XX"), ["token"]);
        let left = holes(&coverage, "SET");
        assert!(left.contains(&"type error, RESP2".to_owned()), "{left:?}");
        assert!(left.contains(&"ok, RESP3".to_owned()), "{left:?}");
        coverage.add(&exercise("SET k v GET", Outcome::Type, Place::Multi));
        let left = holes(&coverage, "SET");
        assert!(!left.contains(&"type error, RESP2".to_owned()), "{left:?}");
        assert!(!left.contains(&"in MULTI, RESP2".to_owned()), "{left:?}");
        assert_eq!(coverage.total_of_commands().exercised, 1);
    }

    #[test]
    fn what_cannot_be_exercised_is_no_hole() {
        let table = Table::recorded();
        let named = |name: &str| table.commands().iter().find(|it| it.name == name).unwrap();
        assert!(!Way::Ok.applies_to(named("CLIENT")) && Way::Ok.applies_to(named("COMMAND")));
        assert!(!Way::Type.applies_to(named("PING")) && !Way::Arity.applies_to(named("PING")));
        assert!(!Way::Multi.applies_to(named("SYNC")) && !Way::Script.applies_to(named("EVAL")));
        assert!(!Way::Auth.applies_to(named("AUTH")));
    }
}
