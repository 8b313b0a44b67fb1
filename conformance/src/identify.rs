//! The ancestry of an unknown server: which recorded build its answers resemble, shown by the transcripts that tell the
//! builds apart. What the server says of itself is not asked, and not believed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::case::Case;
use crate::seat::Seat;
use crate::suite::Unreachable;
use crate::transcript::lint::known_builds;
use crate::transcript::{Action, Identity, SendPart};

/// Commands by whose answers a server says what it is; anybody can say anything.
const SELF_PORTRAITS: [&[u8]; 3] = [b"HELLO", b"INFO", b"LOLWUT"];

/// How long an answer may take. Most ways of playing a case are the wrong one, and nothing comes.
const PATIENCE: Duration = Duration::from_secs(1);

/// Which build a server resembles, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ancestry {
    /// Every recorded build, the most alike first.
    pub builds: Vec<Likeness>,
    /// Transcripts that the server answers as some builds do and others do not, the most telling first.
    pub evidence: Vec<Evidence>,
    /// Transcripts recorded from the most alike build that the server answers as other builds do.
    pub against: Vec<String>,
    /// Transcripts recorded from the most alike build, and answered differently by others, that the server answers as
    /// nobody does.
    pub as_nobody: Vec<String>,
}

/// How much a server is like one build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Likeness {
    /// The build.
    pub build: String,
    /// So many telling transcripts are answered as it answers them.
    pub alike: usize,
    /// Of so many that are recorded from it, leaving out those answered as nobody does.
    pub of: usize,
}

/// One transcript that tells builds apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Its id.
    pub id: String,
    /// The behaviour in one sentence.
    pub title: String,
    /// The builds that answer as the server does.
    pub as_builds: Vec<String>,
}

impl Likeness {
    /// Between 0, not at all, and 1.
    fn share(&self) -> f64 {
        if self.of == 0 {
            0.0
        } else {
            self.alike as f64 / self.of as f64
        }
    }
}

impl Ancestry {
    /// The build it resembles most; `None` if most of what tells builds apart is answered as nobody does, or if nothing
    /// tells the two most alike apart.
    pub fn ancestor(&self) -> Option<&Likeness> {
        let [first, second, ..] = &self.builds[..] else {
            return None;
        };
        let a_stranger = self.as_nobody.len() > self.evidence.len();
        let undecided = first.share() <= second.share();
        (!a_stranger && !undecided).then_some(first)
    }

    /// The evidence for a build against those that are not it: what the fewest builds answer so.
    pub fn evidence_for<'a>(&'a self, build: &'a str) -> impl Iterator<Item = &'a Evidence> {
        let names_it = move |evidence: &&Evidence| evidence.as_builds.iter().any(|it| it == build);
        self.evidence.iter().filter(names_it)
    }

    fn of(played: &[(&Case, Vec<Identity>)]) -> Ancestry {
        let mut builds: Vec<(Identity, Likeness)> = known_builds()
            .into_iter()
            .map(|build| {
                let recorded = |(case, alike): &&(&Case, Vec<Identity>)| {
                    !alike.is_empty() && case.applies_to(&build)
                };
                let likeness = Likeness {
                    build: build.to_string(),
                    alike: played
                        .iter()
                        .filter(|(_, alike)| alike.contains(&build))
                        .count(),
                    of: played.iter().filter(recorded).count(),
                };
                (build, likeness)
            })
            .collect();
        builds.sort_by(|left, right| right.1.share().total_cmp(&left.1.share()));
        let mut ancestry = Ancestry {
            builds: builds
                .iter()
                .map(|(_, likeness)| likeness.clone())
                .collect(),
            evidence: Vec::new(),
            against: Vec::new(),
            as_nobody: Vec::new(),
        };
        let nearest = builds.first().map(|(build, _)| build);
        for (case, alike) in played {
            let recorded = nearest.is_some_and(|build| case.applies_to(build));
            if alike.is_empty() {
                if recorded {
                    ancestry.as_nobody.push(case.id().to_owned());
                }
                continue;
            }
            if recorded && !nearest.is_some_and(|build| alike.contains(build)) {
                ancestry.against.push(case.id().to_owned());
            }
            ancestry.evidence.push(Evidence {
                id: case.id().to_owned(),
                title: case.header.title.clone(),
                as_builds: alike.iter().map(ToString::to_string).collect(),
            });
        }
        let telling = |evidence: &Evidence| evidence.as_builds.len();
        ancestry.evidence.sort_by_key(telling);
        ancestry
    }
}

/// Whether builds answer a transcript differently, and not only where they say who they are. One with options of its own
/// tells nothing: a server that runs already was not started with them, and another may not start with those it does not
/// know.
pub fn is_telling(case: &Case) -> bool {
    case.header.config.is_empty() && case.variants().len() > 1 && !shows_who_speaks(case)
}

/// Plays every telling case, whole, in each way that is recorded. `listener` is told of each before it is played.
///
/// # Errors
/// When there is no server any more, and none can be started.
pub fn identify(
    seat: &mut Seat,
    cases: &[Case],
    listener: &mut dyn FnMut(&Case),
) -> Result<Ancestry, Unreachable> {
    let mut played = Vec::new();
    for case in cases.iter().filter(|case| is_telling(case)) {
        listener(case);
        let alike = seat.builds_alike(&case.with_patience(Some(PATIENCE)))?;
        played.push((case, alike));
    }
    Ok(Ancestry::of(&played))
}

/// Whether a line that holds for some builds only is the answer to a question about the server itself.
fn shows_who_speaks(case: &Case) -> bool {
    let mut asked: BTreeMap<&str, bool> = BTreeMap::new();
    for (_, step) in case.transcript.steps() {
        let Some(connection) = step.action.connection() else {
            continue;
        };
        match &step.action {
            Action::Command { arguments, .. } => {
                let is_portrait = arguments.first().is_some_and(|name| is_portrait(name));
                asked.insert(connection, is_portrait);
            }
            Action::Send { parts, .. } => {
                asked.insert(connection, mentions_portrait(parts));
            }
            action => {
                let answers_one = asked.get(connection).copied().unwrap_or_default();
                if answers_one && action.is_expectation() && step.guard.is_some() {
                    return true;
                }
            }
        }
    }
    false
}

fn is_portrait(name: &[SendPart]) -> bool {
    let [SendPart::Literal(name)] = name else {
        return false;
    };
    SELF_PORTRAITS
        .iter()
        .any(|it| name.eq_ignore_ascii_case(it))
}

fn mentions_portrait(parts: &[SendPart]) -> bool {
    parts.iter().any(|part| match part {
        SendPart::Literal(bytes) => {
            let bytes = bytes.to_ascii_uppercase();
            SELF_PORTRAITS
                .iter()
                .any(|it| bytes.windows(it.len()).any(|window| window == *it))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn case(id: &str, lines: &str) -> Case {
        let text = format!("@id {id}\n@title t\n\n{lines}");
        Case::parse(Path::new("x.resp"), &text).unwrap()
    }

    fn builds(names: &[&str]) -> Vec<Identity> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    const QUOTES: &str = "a: NOPE\n[redis<7] a< -ERR `\n[redis>=7|valkey] a< -ERR '\n";

    #[test]
    fn only_what_tells_builds_apart_counts_and_not_what_they_call_themselves() {
        assert!(is_telling(&case("a/b", QUOTES)));
        assert!(!is_telling(&case("a/b", "a: PING\na< +PONG\n")));
        let hello = "a: HELLO 3\n[redis] a< $5\\r\\nredis\n[valkey] a< $6\\r\\nvalkey\n";
        assert!(!is_telling(&case("a/b", hello)));
        let raw = "a> INFO server\n[redis] a< $5\\r\\nredis\n[valkey] a< $6\\r\\nvalkey\n";
        assert!(!is_telling(&case("a/b", raw)));
    }

    #[test]
    fn the_ancestor_is_the_build_that_answers_most_alike() {
        let cases = [
            case("a/a", QUOTES),
            case("a/b", QUOTES),
            case("a/c", QUOTES),
        ];
        let ancestry = Ancestry::of(&[
            (&cases[0], builds(&["redis-8.2.3", "redis-7.0.15"])),
            (&cases[1], builds(&["redis-8.2.3"])),
            (&cases[2], builds(&[])),
            (&cases[0], builds(&["valkey-8.1.8"])),
        ]);
        let first = ancestry.ancestor().unwrap();
        assert_eq!(
            (first.build.as_str(), first.alike, first.of),
            ("redis-8.2.3", 2, 3)
        );
        let telling: Vec<&str> = ancestry
            .evidence_for("redis-8.2.3")
            .map(|evidence| evidence.id.as_str())
            .collect();
        assert_eq!(
            telling,
            ["a/b", "a/a"],
            "what fewer builds answer so comes first"
        );
        assert_eq!(ancestry.as_nobody, ["a/c"]);
        assert_eq!(ancestry.against, ["a/a"]);
    }

    #[test]
    fn a_stranger_and_a_tie_have_no_ancestor() {
        let cases = [case("a/a", QUOTES), case("a/b", QUOTES)];
        let stranger = vec![(&cases[0], builds(&[])), (&cases[1], builds(&[]))];
        assert_eq!(Ancestry::of(&stranger).ancestor(), None);
        let tie = vec![(&cases[0], builds(&["redis-8.2.3", "redis-7.0.15"]))];
        assert_eq!(Ancestry::of(&tie).ancestor(), None);
    }
}
