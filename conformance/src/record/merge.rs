//! What several servers said, as one list of lines: without a guard what all said, with the shortest guard what some did.
//! Knows actions and identities, not where in a transcript they go.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::transcript::guard::{Comparison, Condition};
use crate::transcript::{Action, End, Guard, Identity, Observation, Step, Version};

/// The lines for one connection. `known` are all builds guards should tell apart, sorted; those among them that said nothing
/// because they were not asked may be covered by a guard or not, whatever is shorter.
pub(super) fn merge(said: &[(&Identity, &[Action])], known: &[Identity]) -> Vec<Step> {
    let said = with_common_ends(said);
    let identities: Vec<&Identity> = said.iter().map(|(identity, _)| *identity).collect();
    let texts: Vec<Vec<String>> = said
        .iter()
        .map(|(_, actions)| actions.iter().map(Action::to_string).collect())
        .collect();
    let common = common_subsequence(&texts);
    let mut at = vec![0; said.len()];
    let mut steps = Vec::new();
    for anchor in common.iter().map(Some).chain([None]) {
        let ends: Vec<usize> = texts
            .iter()
            .zip(&at)
            .map(|(texts, &from)| match anchor {
                Some(anchor) => {
                    from + texts[from..]
                        .iter()
                        .position(|text| text == anchor)
                        .unwrap_or(0)
                }
                None => texts.len(),
            })
            .collect();
        steps.extend(between(&said, &texts, &identities, &at, &ends, known));
        if anchor.is_some() {
            steps.extend(said.first().map(|(_, actions)| Step {
                guard: None,
                action: actions[ends[0]].clone(),
            }));
        }
        at = ends.into_iter().map(|end| end + 1).collect();
    }
    steps
}

/// Where every server closes, but not all in the same way, the line says only that they do.
fn with_common_ends<'s>(said: &[(&'s Identity, &[Action])]) -> Vec<(&'s Identity, Vec<Action>)> {
    let end_of = |actions: &[Action]| {
        actions.iter().find_map(|action| match action {
            Action::Observe {
                observation: Observation::End { end, discard },
                ..
            } => Some((*end, *discard)),
            _ => None,
        })
    };
    let ends: Option<Vec<(End, bool)>> = said.iter().map(|(_, actions)| end_of(actions)).collect();
    let differ = ends.is_some_and(|ends| {
        ends.windows(2)
            .any(|pair| pair[0] != pair[1] && pair[0].1 == pair[1].1)
    });
    let owned = said
        .iter()
        .map(|(identity, actions)| (*identity, actions.to_vec()));
    let mut owned: Vec<_> = owned.collect();
    for action in owned
        .iter_mut()
        .flat_map(|(_, actions)| actions)
        .filter(|_| differ)
    {
        if let Action::Observe {
            observation: Observation::End { end, .. },
            ..
        } = action
        {
            *end = End::Closed;
        }
    }
    owned
}

/// The lines that stand in every list, in order.
fn common_subsequence(lists: &[Vec<String>]) -> Vec<String> {
    let Some((first, others)) = lists.split_first() else {
        return Vec::new();
    };
    others.iter().fold(first.clone(), |common, other| {
        let equal = capture_diff_slices(Algorithm::Myers, &common, other)
            .into_iter()
            .filter_map(|op| match op {
                DiffOp::Equal { old_index, len, .. } => Some(old_index..old_index + len),
                _ => None,
            });
        equal.flat_map(|range| common[range].to_vec()).collect()
    })
}

/// The lines between two that are common to all: once for every group of servers that said the same.
fn between(
    said: &[(&Identity, Vec<Action>)],
    texts: &[Vec<String>],
    identities: &[&Identity],
    from: &[usize],
    to: &[usize],
    known: &[Identity],
) -> Vec<Step> {
    let part = |index: usize| &texts[index][from[index]..to[index]];
    let mut steps = Vec::new();
    for first in 0..said.len() {
        if part(first).is_empty() || (0..first).any(|before| part(before) == part(first)) {
            continue;
        }
        let group: Vec<&Identity> = (first..said.len())
            .filter(|&other| part(other) == part(first))
            .map(|other| identities[other])
            .collect();
        let guard = guard_for(&group, identities, known);
        let actions = &said[first].1[from[first]..to[first]];
        steps.extend(actions.iter().map(|action| Step {
            guard: guard.clone(),
            action: action.clone(),
        }));
    }
    steps
}

/// The shortest guard that holds for all of `group` and for no other of those `asked`; `None` if no one else was.
fn guard_for(group: &[&Identity], asked: &[&Identity], known: &[Identity]) -> Option<Guard> {
    if asked.iter().all(|identity| group.contains(identity)) {
        return None;
    }
    let mut products: Vec<&str> = known
        .iter()
        .map(|identity| identity.product.as_str())
        .collect();
    products.dedup();
    let mut any_of = Vec::new();
    for product in products {
        let builds: Vec<&Identity> = known
            .iter()
            .filter(|identity| identity.product == product)
            .collect();
        any_of.extend(
            runs(&builds, group, asked)
                .into_iter()
                .map(|(first, last)| conditions(product, &builds, first, last)),
        );
    }
    Some(Guard { any_of })
}

/// Runs of builds of one product that are all in the group. A build that was not asked joins two runs, but begins and ends
/// none, unless everyone asked of the product is in the group.
fn runs(builds: &[&Identity], group: &[&Identity], asked: &[&Identity]) -> Vec<(usize, usize)> {
    let theirs: Vec<&&Identity> = builds
        .iter()
        .filter(|build| asked.contains(build))
        .collect();
    if !theirs.is_empty() && theirs.iter().all(|build| group.contains(build)) {
        return vec![(0, builds.len() - 1)];
    }
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let mut joins = false;
    for (index, build) in builds.iter().enumerate() {
        if group.contains(build) {
            match runs.last_mut() {
                Some((_, last)) if joins => *last = index,
                _ => runs.push((index, index)),
            }
            joins = true;
        } else if asked.contains(build) {
            joins = false;
        }
    }
    runs
}

fn conditions(product: &str, builds: &[&Identity], first: usize, last: usize) -> Vec<Condition> {
    let bound = |comparison, index: usize| {
        let version = shortest_between(&builds[index - 1].version, &builds[index].version);
        Condition {
            product: product.to_owned(),
            bound: Some((comparison, version)),
        }
    };
    let mut all = Vec::new();
    if first > 0 {
        all.push(bound(Comparison::GreaterOrEqual, first));
    }
    if last + 1 < builds.len() {
        all.push(bound(Comparison::Less, last + 1));
    }
    if all.is_empty() {
        all.push(Condition {
            product: product.to_owned(),
            bound: None,
        });
    }
    all
}

/// As much of `after` as it takes to be greater than `before`: 8 between 7.0.15 and 8.2.3.
fn shortest_between(before: &Version, after: &Version) -> Version {
    let numbers = after.numbers();
    let enough = numbers
        .iter()
        .zip(before.numbers())
        .position(|(after, before)| after != before);
    Version::new(&numbers[..enough.map_or(numbers.len(), |index| index + 1)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::lint::known_builds;

    fn guard(group: &[&str], asked: &[&str]) -> String {
        let identities = |names: &[&str]| -> Vec<Identity> {
            names.iter().map(|name| name.parse().unwrap()).collect()
        };
        let (group, asked) = (identities(group), identities(asked));
        let known = known_builds();
        guard_for(
            &group.iter().collect::<Vec<_>>(),
            &asked.iter().collect::<Vec<_>>(),
            &known,
        )
        .map_or_else(String::new, |guard| guard.to_string())
    }

    #[test]
    fn guards_are_the_shortest_that_separate_the_builds() {
        let all = [
            "redis-6.2.5",
            "redis-7.0.15",
            "redis-8.2.3",
            "valkey-8.1.8",
            "valkey-9.1.2",
        ];
        let cases: [(&[&str], &[&str], &str); 12] = [
            (&all, &all, ""),
            (&all[..1], &all, "redis<7"),
            (&all[1..2], &all, "redis>=7,redis<8"),
            (&all[2..3], &all, "redis>=8"),
            (&all[..2], &all, "redis<8"),
            (&all[1..3], &all, "redis>=7"),
            (&all[..3], &all, "redis"),
            (&all[3..], &all, "valkey"),
            (&all[2..4], &all, "redis>=8|valkey<9"),
            (
                &["redis-6.2.5", "redis-8.2.3", "valkey-9.1.2"],
                &all,
                "redis<7|redis>=8|valkey>=9",
            ),
            (
                &["redis-6.2.5", "redis-8.2.3"],
                &["redis-6.2.5", "redis-8.2.3", "valkey-9.1.2"],
                "redis",
            ),
            (
                &["redis-8.2.3"],
                &["redis-7.0.15", "redis-8.2.3"],
                "redis>=8",
            ),
        ];
        for (group, asked, expected) in cases {
            assert_eq!(guard(group, asked), expected, "{group:?} of {asked:?}");
        }
    }
}
