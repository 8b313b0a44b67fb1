use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
struct Member {
    key: String,
    deadline: Option<i64>,
}

impl Element for Member {
    fn key(&self) -> &[u8] {
        self.key.as_bytes()
    }

    fn is_mortal(&self) -> bool {
        self.deadline.is_some()
    }
}

fn member(key: &str, deadline: Option<i64>) -> Member {
    Member {
        key: key.to_owned(),
        deadline,
    }
}

fn filled(count: usize) -> Dict<Member> {
    let mut dict = Dict::new(7);
    for i in 0..count {
        dict.insert(member(&format!("key:{i}"), None));
    }
    dict
}

fn keys(dict: &Dict<Member>) -> BTreeSet<Vec<u8>> {
    dict.iter().map(|member| member.key().to_vec()).collect()
}

/// A repeatable stand-in for randomness, good enough for tests.
fn dice(mut state: u64) -> impl FnMut(usize) -> usize {
    move |n| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n as u64) as usize
    }
}

#[test]
fn thousands_of_keys_are_found_and_removed_again() {
    let mut dict = filled(20_000);
    assert_eq!(dict.len(), 20_000);
    for i in 0..20_000 {
        assert!(dict.get(format!("key:{i}").as_bytes()).is_some());
    }
    let (buckets, memory) = (dict.buckets, dict.memory());
    for i in (0..20_000).rev() {
        assert!(dict.remove(format!("key:{i}").as_bytes()).is_some());
        assert!(dict.get(format!("key:{i}").as_bytes()).is_none());
    }
    assert_eq!((dict.len(), keys(&dict).len()), (0, 0));
    assert!(
        dict.buckets < buckets / 100,
        "an empty table has given its buckets back"
    );
    assert!(dict.memory() < memory / 100, "and their memory");
}

#[test]
fn scan_returns_what_stays_while_the_table_grows_and_shrinks() {
    let mut roll = dice(99);
    for _ in 0..40 {
        let mut dict = filled(roll(700) + 50);
        let staying: BTreeSet<Vec<u8>> = (0..50).map(|i| format!("key:{i}").into_bytes()).collect();
        let mut seen = BTreeSet::new();
        let (mut cursor, mut added) = (0, 0);
        loop {
            cursor = dict.scan_step(cursor, |member| {
                seen.insert(member.key().to_vec());
            });
            if cursor == 0 {
                break;
            }
            if roll(2) == 0 {
                for _ in 0..roll(60) {
                    added += 1;
                    dict.insert(member(&format!("new:{added}"), None));
                }
            } else {
                let victims: Vec<_> = keys(&dict)
                    .into_iter()
                    .filter(|key| !staying.contains(key))
                    .collect();
                for _ in 0..roll(60).min(victims.len()) {
                    dict.remove(&victims[roll(victims.len())]);
                }
            }
        }
        assert!(
            staying.is_subset(&seen),
            "{} were missed",
            staying.difference(&seen).count()
        );
    }
}

#[test]
fn an_undisturbed_scan_returns_every_key_once() {
    for count in [0, 1, 7, 8, 100, 1000, 4097] {
        let dict = filled(count);
        let (mut cursor, mut seen, mut returned) = (0, BTreeSet::new(), 0);
        loop {
            cursor = dict.scan_step(cursor, |member| {
                seen.insert(member.key().to_vec());
                returned += 1;
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!((seen.len(), returned), (count, count));
    }
}

#[test]
fn a_table_of_a_few_elements_takes_a_few_buckets() {
    for (count, buckets) in [(1, 1), (5, 1), (6, 2), (100, 32), (1000, 256), (1500, 512)] {
        assert_eq!(filled(count).room(), buckets, "{count} elements");
    }
}

#[test]
fn any_cursor_is_harmless() {
    let dict = filled(100);
    for cursor in [1, 77, u64::MAX, 1 << 63, u64::MAX - 1] {
        dict.scan(cursor, 1000, |_| {});
    }
}

#[test]
fn random_keys_are_fair() {
    let dict = filled(200);
    let mut counts: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let mut roll = dice(5);
    for _ in 0..200_000 {
        let member = dict.random(&mut roll).expect("the table is not empty");
        *counts.entry(member.key().to_vec()).or_default() += 1;
    }
    assert_eq!(counts.len(), 200);
    // 1000 each are expected; five standard deviations are 158.
    assert!(
        counts.values().all(|&n| (842..=1158).contains(&n)),
        "{:?}",
        counts.values().minmax()
    );
}

trait MinMax: Iterator + Sized {
    fn minmax(self) -> (Option<Self::Item>, Option<Self::Item>)
    where
        Self: Clone,
        Self::Item: Ord,
    {
        (self.clone().min(), self.max())
    }
}
impl<I: Iterator> MinMax for I {}

#[test]
fn keys_with_a_deadline_are_found_among_many_without() {
    let mut dict = filled(5000);
    for i in 0..10 {
        dict.insert(member(&format!("mortal:{i}"), Some(i)));
    }
    for i in 5000..9000 {
        dict.insert(member(&format!("key:{i}"), None));
    }
    let sweep = |dict: &mut Dict<Member>| {
        let (mut found, mut calls, mut from) = (0, 0, 0);
        while let Some(next) = dict.sweep_deadlines(from, |_| found += 1) {
            from = next;
            calls += 1;
        }
        (found, calls)
    };
    assert_eq!(sweep(&mut dict).0, 10);
    let (found, calls) = sweep(&mut dict);
    assert_eq!(found, 10);
    assert!(
        calls <= 10,
        "buckets without deadlines were looked at twice"
    );
}

proptest! {
    #[test]
    fn behaves_as_a_map(steps in prop::collection::vec((0..3_u8, 0..400_u16), 0..2000)) {
        let mut dict = Dict::new(1);
        let mut model = BTreeMap::new();
        for (step, number) in steps {
            let key = number.to_string();
            match step {
                0 => prop_assert_eq!(dict.remove(key.as_bytes()).is_some(), model.remove(&key).is_some()),
                1 if !model.contains_key(&key) => {
                    dict.insert(member(&key, None));
                    model.insert(key, None);
                }
                _ => {
                    let deadline = Some(i64::from(number));
                    let there = dict.replace(key.as_bytes(), |member| Member { deadline, ..member });
                    prop_assert_eq!(there, model.contains_key(&key));
                    if there {
                        model.insert(key, deadline);
                    }
                }
            }
            prop_assert_eq!(dict.len(), model.len());
        }
        let found: BTreeMap<_, _> = dict
            .iter()
            .map(|member| (member.key.clone(), member.deadline))
            .collect();
        prop_assert_eq!(&found, &model);
        let mut mortal = 0;
        let mut from = 0;
        while let Some(next) = dict.sweep_deadlines(from, |_| mortal += 1) {
            from = next;
        }
        prop_assert_eq!(mortal, model.values().flatten().count());
    }
}

#[test]
fn a_sample_is_fair_and_has_nothing_twice() {
    let mut roll = dice(5);
    let dict = filled(100);
    let mut times: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for _ in 0..20_000 {
        let mut sampled = BTreeSet::new();
        dict.sample(5, &mut roll, |member| {
            assert!(sampled.insert(member.key().to_vec()), "twice");
        });
        assert_eq!(sampled.len(), 5);
        for key in sampled {
            *times.entry(key).or_default() += 1;
        }
    }
    // 1000 times each, with a standard deviation of 31.
    assert_eq!(times.len(), 100);
    assert!(times.values().all(|times| (800..1200).contains(times)));
    let mut all = 0;
    dict.sample(1000, &mut roll, |_| all += 1);
    assert_eq!(all, 100);
}

#[test]
fn a_sample_of_those_with_a_deadline_has_no_others_and_misses_none() {
    let mut roll = dice(6);
    for mortal in [1, 3, 50, 1000] {
        let mut dict = Dict::new(7);
        for i in 0..1000 {
            dict.insert(member(&i.to_string(), (i < mortal).then_some(1)));
        }
        let mut times: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for _ in 0..100 * mortal {
            let mut sampled = BTreeSet::new();
            dict.sample_mortal(5, &mut roll, |member| {
                assert!(member.is_mortal());
                assert!(sampled.insert(member.key().to_vec()), "twice");
            });
            assert_eq!(sampled.len(), mortal.min(5));
            for key in sampled {
                *times.entry(key).or_default() += 1;
            }
        }
        assert_eq!(times.len(), mortal);
        if mortal == 1000 {
            // 500 times each, with a standard deviation of 22.
            assert!(times.values().all(|times| (380..620).contains(times)));
        }
    }
}
