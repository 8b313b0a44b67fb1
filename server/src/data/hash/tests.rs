use std::collections::{BTreeMap, BTreeSet};

use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    entries_max: 8,
    len_max: 16,
    seed: 7,
};

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

fn contents(hash: &Hash) -> Model {
    hash.iter()
        .map(|(field, found)| {
            let value = (found.value.to_vec(), found.expire_ms);
            (field.to_vec(), value)
        })
        .collect()
}

fn order(hash: &Hash) -> Vec<Vec<u8>> {
    hash.iter().map(|(field, _)| field.to_vec()).collect()
}

fn filled(fields: &[&str]) -> Hash {
    let mut hash = Hash::default();
    for field in fields {
        hash.set(field.as_bytes(), b"v", Deadline::Clear, &LIMITS);
    }
    hash
}

#[derive(Clone, Debug)]
enum Step {
    Set(u8, Vec<u8>, bool),
    SetDeadline(u8, Option<i64>),
    Remove(u8),
    Expire(i64, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let field = 0..24_u8;
    let value = prop_oneof![
        any::<i64>().prop_map(|int| int.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..18),
    ];
    prop_oneof![
        4 => (field.clone(), value, any::<bool>()).prop_map(|(f, v, keep)| Step::Set(f, v, keep)),
        3 => (field.clone(), prop::option::of(1..50_i64)).prop_map(|(f, at)| Step::SetDeadline(f, at)),
        2 => field.prop_map(Step::Remove),
        1 => (0..50_i64, 0..5_usize).prop_map(|(now, max)| Step::Expire(now, max)),
    ]
}

proptest! {
    #[test]
    fn behaves_as_a_map_of_values_and_deadlines(steps in prop::collection::vec(step(), 0..200)) {
        let (mut hash, mut model) = (Hash::default(), Model::new());
        for step in steps {
            match step {
                Step::Set(field, value, keep) => {
                    let name = field.to_string().into_bytes();
                    let deadline = if keep { Deadline::Keep } else { Deadline::Clear };
                    let is_new = hash.set(&name, &value, deadline, &LIMITS);
                    let had = model.get(&name).and_then(|(_, at)| *at);
                    let was = model.insert(name, (value, had.filter(|_| keep)));
                    prop_assert_eq!(is_new, was.is_none());
                }
                Step::SetDeadline(field, at) => {
                    let name = field.to_string().into_bytes();
                    hash.make_mortal();
                    hash.set_deadline(&name, at);
                    if let Some((_, deadline)) = model.get_mut(&name) {
                        *deadline = at;
                    }
                }
                Step::Remove(field) => {
                    let name = field.to_string().into_bytes();
                    prop_assert_eq!(hash.remove(&name), model.remove(&name).is_some());
                }
                Step::Expire(now, max) => {
                    let due = model.values().filter(|(_, at)| at.is_some_and(|at| at < now)).count();
                    prop_assert_eq!(hash.expire(now, max), due.min(max));
                    // Of those that expire together any may be the one that is left, so the model is told which.
                    let left = contents(&hash);
                    let latest = model.iter().filter(|(name, _)| !left.contains_key(*name)).filter_map(|(_, (_, at))| *at).max();
                    let first = hash.next_deadline();
                    prop_assert!(latest.is_none() || first.is_none() || latest <= first);
                    model.retain(|name, _| left.contains_key(name));
                }
            }
            prop_assert_eq!(hash.len(), model.len());
            prop_assert_eq!(hash.next_deadline(), model.values().filter_map(|(_, at)| *at).min());
        }
        prop_assert_eq!(&contents(&hash), &model);
        for (name, (value, at)) in &model {
            let found = hash.get(name).map(|found| (found.value.to_vec(), found.expire_ms));
            prop_assert_eq!(found, Some((value.clone(), *at)));
        }
        if !matches!(hash, Hash::Table(_)) {
            prop_assert!(hash.len() <= LIMITS.entries_max);
            let deadlines: Vec<i64> = hash.iter().map(|(_, found)| found.expire_ms.unwrap_or(i64::MAX)).collect();
            prop_assert!(deadlines.is_sorted());
        }
    }
}

#[test]
fn a_hash_that_grows_becomes_a_table_and_stays_one() {
    let fields: Vec<String> = (0..9).map(|i| i.to_string()).collect();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    assert_eq!(filled(&fields[..8]).encoding(), "listpack");
    let mut hash = filled(&fields);
    assert_eq!(hash.encoding(), "hashtable");
    for field in &fields[1..] {
        assert!(hash.remove(field.as_bytes()));
    }
    assert_eq!((hash.len(), hash.encoding()), (1, "hashtable"));

    let mut hash = filled(&["a"]);
    hash.set(b"a", &[b'v'; 17], Deadline::Clear, &LIMITS);
    assert_eq!(hash.encoding(), "hashtable");
    let mut hash = filled(&["a"]);
    hash.make_mortal();
    hash.set(&[b'f'; 17], b"v", Deadline::Clear, &LIMITS);
    assert_eq!((hash.encoding(), hash.len()), ("hashtable", 2));
}

#[test]
fn fields_lie_in_the_order_of_their_deadlines() {
    let mut hash = filled(&["a", "b", "c"]);
    hash.make_mortal();
    hash.set_deadline(b"c", Some(20));
    hash.set_deadline(b"b", Some(10));
    assert_eq!(order(&hash), [b"b", b"c", b"a"]);
    // Of two that expire together the later told comes first.
    hash.set_deadline(b"a", Some(20));
    assert_eq!(order(&hash), [b"b", b"a", b"c"]);
    hash.set(b"b", b"w", Deadline::Keep, &LIMITS);
    assert_eq!(order(&hash), [b"b", b"a", b"c"]);
    hash.set(b"b", b"w", Deadline::Clear, &LIMITS);
    assert_eq!(order(&hash), [b"a", b"c", b"b"]);
}

#[test]
fn every_field_is_picked_and_shown_in_either_shape() {
    for count in [5, 100] {
        let fields: Vec<String> = (0..count).map(|i| format!("f{i}")).collect();
        let hash = filled(&fields.iter().map(String::as_str).collect::<Vec<_>>());
        let mut rng = fastrand::Rng::with_seed(1);
        let picked: BTreeSet<Vec<u8>> = (0..count * 20)
            .filter_map(|_| hash.random(|n| rng.usize(..n)))
            .map(|(field, _)| field.to_vec())
            .collect();
        assert_eq!(picked.len(), count);
        let (mut shown, mut cursor) = (BTreeSet::new(), 0);
        loop {
            cursor = hash.scan(cursor, 3, |field, _| {
                shown.insert(field.to_vec());
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(shown.len(), count);
    }
}
