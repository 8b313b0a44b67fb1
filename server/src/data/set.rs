//! A set: an intset while all members are integers, a listpack while it is small, a hash table otherwise; converts when Redis
//! does. It knows of no key.

use std::collections::BTreeSet;

use crate::data::dict::{Dict, Element};
use crate::data::intset::Intset;
use crate::data::listpack::{Item, Listpack};
use crate::data::thin::Thin;

/// Taking members out one by one is given up for keeping the rest when so many times the rest is less than what is taken,
/// as in Redis.
const TAKEN_PER_KEPT: usize = 5;

/// Choosing members until enough are different is given up for choosing which to leave out when the set is not so many times
/// as large, as in Redis.
const CHOOSE_FROM_TIMES: usize = 3;

/// How large a set may be and still be compact.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Members of an intset.
    pub(crate) intset_entries: usize,
    /// Members of a listpack.
    pub(crate) listpack_entries: usize,
    /// Bytes of each member of a listpack.
    pub(crate) listpack_value: usize,
}

/// A member of a set that is no longer compact.
#[derive(Clone, Debug)]
pub(crate) struct Member(Thin);

impl Element for Member {
    fn key(&self) -> &[u8] {
        &self.0
    }
}

/// The set.
#[derive(Clone)]
pub(crate) enum Set {
    Ints(Intset),
    Listpack(Listpack),
    Table(Box<Dict<Member>>),
}

impl Default for Set {
    fn default() -> Set {
        Set::Ints(Intset::new())
    }
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.encoding(), self.len())
    }
}

impl Set {
    /// An empty set in the form that suits its first member and so many in all.
    pub(crate) fn suited_to(first: &[u8], count: usize, limits: Limits, seed: u64) -> Set {
        if matches!(Item::from_text(first), Item::Int(_)) && count <= limits.intset_entries {
            Set::Ints(Intset::new())
        } else if count <= limits.listpack_entries {
            Set::Listpack(Listpack::new())
        } else {
            Set::Table(Box::new(Dict::new(seed)))
        }
    }

    /// Redis's name of the form, as OBJECT ENCODING answers.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            Set::Ints(_) => "intset",
            Set::Listpack(_) => "listpack",
            Set::Table(_) => "hashtable",
        }
    }

    /// Bytes of memory behind it.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Set::Ints(ints) => ints.capacity(),
            Set::Listpack(list) => list.capacity(),
            Set::Table(table) => {
                size_of::<Dict<Member>>()
                    + table.memory()
                    + table.iter().map(|member| member.0.memory()).sum::<usize>()
            }
        }
    }

    /// Of how many allocations it is made, about: what freeing it costs.
    pub(crate) fn allocations(&self) -> usize {
        match self {
            Set::Ints(_) | Set::Listpack(_) => 1,
            Set::Table(table) => table.len(),
        }
    }

    /// Number of members.
    pub(crate) fn len(&self) -> usize {
        match self {
            Set::Ints(ints) => ints.len(),
            Set::Listpack(list) => list.len(),
            Set::Table(table) => table.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Set::Ints(ints) => ints.is_empty(),
            Set::Listpack(list) => list.is_empty(),
            Set::Table(table) => table.len() == 0,
        }
    }

    /// All members, in the order in which a compact form holds them.
    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = Item<'_>> + '_> {
        match self {
            Set::Ints(ints) => Box::new(ints.iter().map(Item::Int)),
            Set::Listpack(list) => Box::new(list.iter()),
            Set::Table(table) => Box::new(table.iter().map(|member| Item::Bytes(&member.0))),
        }
    }

    pub(crate) fn contains(&self, member: &[u8]) -> bool {
        match self {
            Set::Ints(ints) => int_of(member).is_some_and(|int| ints.contains(int)),
            Set::Listpack(list) => list.find(list.first(), member, 1).is_some(),
            Set::Table(table) => table.find(member).is_some(),
        }
    }

    /// As [`Set::contains`], for a member of another set.
    fn contains_item(&self, member: Item<'_>) -> bool {
        match (self, member) {
            (Set::Ints(ints), Item::Int(int)) => ints.contains(int),
            _ => self.contains(member.bytes(&mut itoa::Buffer::new())),
        }
    }

    /// Takes the form at once that so many members to come would need, as SADD does.
    pub(crate) fn prepare(&mut self, coming: usize, limits: Limits, seed: u64) {
        let too_many = match self {
            Set::Ints(_) => coming > limits.intset_entries,
            Set::Listpack(_) => coming > limits.listpack_entries,
            Set::Table(_) => false,
        };
        if too_many {
            self.convert_to_table(seed);
        }
    }

    /// # Returns
    /// whether it was not there before.
    pub(crate) fn insert(&mut self, member: &[u8], limits: Limits, seed: u64) -> bool {
        match self {
            Set::Ints(ints) => {
                if let Some(int) = int_of(member) {
                    let new = ints.insert(int);
                    if ints.len() > limits.intset_entries || !ints.has_room() {
                        self.convert_to_table(seed);
                    }
                    return new;
                }
                let widest = [ints.iter().next(), ints.iter().next_back()];
                let fits = widest
                    .into_iter()
                    .flatten()
                    .all(|int| Item::Int(int).len() <= limits.listpack_value);
                if fits && has_room(ints.len(), member, limits) {
                    let mut list = Listpack::from_items(ints.iter().map(Item::Int));
                    list.push_back(Item::Bytes(member));
                    *self = Set::Listpack(list);
                } else {
                    self.convert_to_table(seed);
                    self.insert(member, limits, seed);
                }
                true
            }
            Set::Listpack(list) => {
                if list.find(list.first(), member, 1).is_some() {
                    return false;
                }
                let item = Item::from_text(member);
                if has_room(list.len(), member, limits) && list.has_room(item.stored_len()) {
                    list.push_back(item);
                } else {
                    self.convert_to_table(seed);
                    self.insert(member, limits, seed);
                }
                true
            }
            Set::Table(table) => {
                let new = table.find(member).is_none();
                if new {
                    table.insert(Member(Thin::new([member])));
                }
                new
            }
        }
    }

    /// # Returns
    /// whether it was there.
    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            Set::Ints(ints) => int_of(member).is_some_and(|int| ints.remove(int)),
            Set::Listpack(list) => match list.find(list.first(), member, 1) {
                Some(at) => {
                    list.remove(at);
                    true
                }
                None => false,
            },
            Set::Table(table) => table.remove(member).is_some(),
        }
    }

    /// A member, each with the same chance; `None` of an empty set.
    pub(crate) fn random(&self, rng: &mut fastrand::Rng) -> Option<Item<'_>> {
        match self {
            _ if self.is_empty() => None,
            Set::Ints(ints) => Some(Item::Int(ints.at(rng.usize(..ints.len())))),
            Set::Listpack(list) => {
                let index = rng.usize(..list.len());
                list.seek(index as i64).map(|at| list.get(at))
            }
            Set::Table(table) => table
                .random(|n| rng.usize(..n))
                .map(|member| Item::Bytes(&member.0)),
        }
    }

    /// So many different members, or all of them, in no order.
    pub(crate) fn choose(&self, count: usize, rng: &mut fastrand::Rng) -> Vec<Item<'_>> {
        let len = self.len();
        if count >= len {
            return self.iter().collect();
        }
        if let Set::Table(table) = self
            && count * CHOOSE_FROM_TIMES <= len
        {
            let mut seen = BTreeSet::new();
            while seen.len() < count {
                let Some(member) = table.random(|n| rng.usize(..n)) else {
                    break;
                };
                seen.insert(&*member.0);
            }
            return seen.into_iter().map(Item::Bytes).collect();
        }
        let mut chosen: Vec<Item<'_>> = self.iter().collect();
        for index in 0..count {
            chosen.swap(index, rng.usize(index..len));
        }
        chosen.truncate(count);
        chosen
    }

    /// Takes so many members out, fewer than there are.
    pub(crate) fn take_random(
        &mut self,
        count: usize,
        limits: Limits,
        rng: &mut fastrand::Rng,
    ) -> Vec<Vec<u8>> {
        let kept = self.len().saturating_sub(count);
        let few_stay = kept * TAKEN_PER_KEPT <= count;
        if !few_stay || matches!(self, Set::Listpack(_)) {
            let taken: Vec<Vec<u8>> = self
                .choose(count, rng)
                .iter()
                .map(|member| member.to_vec())
                .collect();
            for member in &taken {
                self.remove(member);
            }
            return taken;
        }
        // What stays is built anew, in the form that suits it.
        let staying: Vec<Vec<u8>> = self
            .choose(kept, rng)
            .iter()
            .map(|member| member.to_vec())
            .collect();
        for member in &staying {
            self.remove(member);
        }
        let taken = self.iter().map(Item::to_vec).collect();
        let seed = rng.u64(..);
        let mut rest = match self {
            Set::Ints(_) => Set::Ints(Intset::new()),
            Set::Listpack(_) | Set::Table(_) => Set::Listpack(Listpack::new()),
        };
        for member in &staying {
            rest.insert(member, limits, seed);
        }
        *self = rest;
        taken
    }

    /// Goes on with an SSCAN: shows `emit` about `count` members, and returns the next cursor. A compact set is shown whole.
    pub(crate) fn scan(&self, cursor: u64, count: usize, mut emit: impl FnMut(Item<'_>)) -> u64 {
        match self {
            Set::Table(table) => table.scan(cursor, count, |member| emit(Item::Bytes(&member.0))),
            Set::Ints(_) | Set::Listpack(_) => {
                self.iter().for_each(emit);
                0
            }
        }
    }

    /// Makes an intset of a set that holds integers only, where it is not too large for one.
    fn narrow(&mut self, limits: Limits) {
        if matches!(self, Set::Ints(_)) || self.len() > limits.intset_entries {
            return;
        }
        let mut ints = Intset::new();
        for member in self.iter() {
            match int_of(member.bytes(&mut itoa::Buffer::new())) {
                Some(int) => ints.insert(int),
                None => return,
            };
        }
        *self = Set::Ints(ints);
    }

    fn convert_to_table(&mut self, seed: u64) {
        let mut table = Dict::new(seed);
        for member in self.iter() {
            let mut digits = itoa::Buffer::new();
            let text = member.bytes(&mut digits);
            table.insert(Member(Thin::new([text])));
        }
        *self = Set::Table(Box::new(table));
    }
}

fn int_of(member: &[u8]) -> Option<i64> {
    match Item::from_text(member) {
        Item::Int(int) => Some(int),
        Item::Bytes(_) => None,
    }
}

/// Whether a listpack of so many members may have this one more.
fn has_room(len: usize, member: &[u8], limits: Limits) -> bool {
    len < limits.listpack_entries && member.len() <= limits.listpack_value
}

/// Shows `emit` the members that all sets have, until it returns false: in the order of the smallest set, the first of
/// several.
pub(crate) fn intersect<'s>(mut sets: Vec<&'s Set>, mut emit: impl FnMut(Item<'s>) -> bool) {
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else {
        return;
    };
    for member in smallest.iter() {
        if others.iter().all(|set| set.contains_item(member)) && !emit(member) {
            return;
        }
    }
}

/// The members that all sets have, in the form in which SINTERSTORE leaves them.
pub(crate) fn intersection(sets: Vec<&Set>, limits: Limits, seed: u64) -> Set {
    let smallest = sets.iter().min_by_key(|set| set.len());
    let mut result = match smallest {
        Some(Set::Ints(_)) => Set::Ints(Intset::new()),
        _ => Set::Listpack(Listpack::new()),
    };
    intersect(sets, |member| {
        result.insert(member.bytes(&mut itoa::Buffer::new()), limits, seed);
        true
    });
    result.narrow(limits);
    result
}

/// The members that any set has, in the form in which SUNIONSTORE leaves them.
pub(crate) fn union(sets: &[Option<&Set>], limits: Limits, seed: u64) -> Set {
    let mut result = Set::default();
    for member in sets.iter().flatten().flat_map(|set| set.iter()) {
        result.insert(member.bytes(&mut itoa::Buffer::new()), limits, seed);
    }
    result
}

/// The members that the first set has and no other, in the form in which SDIFFSTORE leaves them.
pub(crate) fn difference(sets: &[Option<&Set>], limits: Limits, seed: u64) -> Set {
    let mut result = Set::default();
    let Some((Some(first), others)) = sets.split_first() else {
        return result;
    };
    let others: Vec<&Set> = others.iter().flatten().copied().collect();
    // Looking every member up in every other set, or taking the members of the others out of a copy: whichever is less
    // work, by Redis's estimate. It shows in the form of the result.
    let looking_up = first.len() * (sets.len()) / 2;
    let taking_out = first.len() + others.iter().map(|set| set.len()).sum::<usize>();
    if looking_up <= taking_out {
        for member in first.iter() {
            if !others.iter().any(|set| set.contains_item(member)) {
                result.insert(member.bytes(&mut itoa::Buffer::new()), limits, seed);
            }
        }
        return result;
    }
    result = union(&[Some(first)], limits, seed);
    for member in others.iter().flat_map(|set| set.iter()) {
        result.remove(member.bytes(&mut itoa::Buffer::new()));
        if result.is_empty() {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: Limits = Limits {
        intset_entries: 6,
        listpack_entries: 8,
        listpack_value: 5,
    };

    fn member() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            (-3_i64..12).prop_map(|int| int.to_string().into_bytes()),
            "[a-h]{1,2}".prop_map(String::into_bytes),
            Just(b"longer".to_vec()),
        ]
    }

    fn texts(set: &Set) -> BTreeSet<Vec<u8>> {
        set.iter().map(Item::to_vec).collect()
    }

    fn set_of(members: &[Vec<u8>]) -> Set {
        let mut set = Set::default();
        for member in members {
            set.insert(member, SMALL, 1);
        }
        set
    }

    proptest! {
        #[test]
        fn it_is_a_set(steps in proptest::collection::vec((any::<bool>(), member()), 0..80)) {
            let (mut set, mut model) = (Set::default(), BTreeSet::new());
            for (insert, member) in steps {
                if insert {
                    prop_assert_eq!(set.insert(&member, SMALL, 7), model.insert(member.clone()));
                } else {
                    prop_assert_eq!(set.remove(&member), model.remove(&member));
                }
                prop_assert_eq!(set.contains(&member), model.contains(&member));
                prop_assert_eq!(set.len(), model.len());
                let compact = match &set {
                    Set::Ints(ints) => ints.len() <= SMALL.intset_entries,
                    Set::Listpack(list) => list.len() <= SMALL.listpack_entries,
                    Set::Table(_) => true,
                };
                prop_assert!(compact);
            }
            prop_assert_eq!(texts(&set), model);
        }

        #[test]
        fn operations_are_those_of_sets(
            a in proptest::collection::vec(member(), 0..20),
            b in proptest::collection::vec(member(), 0..20),
            c in proptest::collection::vec(member(), 0..4),
        ) {
            let sets = [set_of(&a), set_of(&b), set_of(&c)];
            let models = sets.each_ref().map(texts);
            let refs: Vec<&Set> = sets.iter().collect();
            let some: Vec<Option<&Set>> = sets.iter().map(Some).collect();
            let both: BTreeSet<_> = &(&models[0] & &models[1]) & &models[2];
            prop_assert_eq!(texts(&intersection(refs, SMALL, 3)), both);
            let any: BTreeSet<_> = &(&models[0] | &models[1]) | &models[2];
            prop_assert_eq!(texts(&union(&some, SMALL, 3)), any);
            let only: BTreeSet<_> = &(&models[0] - &models[1]) - &models[2];
            prop_assert_eq!(texts(&difference(&some, SMALL, 3)), only);
        }

        #[test]
        fn random_members_are_members_and_are_taken_once(
            members in proptest::collection::vec(member(), 1..30),
            count in 0_usize..30,
            seed: u64,
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut set = set_of(&members);
            let before = texts(&set);
            let chosen = set.choose(count, &mut rng);
            let different: BTreeSet<Vec<u8>> = chosen.iter().map(|member| member.to_vec()).collect();
            prop_assert_eq!(different.len(), count.min(before.len()));
            prop_assert!(different.is_subset(&before));
            if count < set.len() {
                let taken: BTreeSet<Vec<u8>> = set.take_random(count, SMALL, &mut rng).into_iter().collect();
                prop_assert_eq!(taken.len(), count);
                prop_assert!(taken.is_disjoint(&texts(&set)));
                prop_assert_eq!(&taken | &texts(&set), before);
            }
        }
    }

    #[test]
    fn every_member_is_picked_as_often_as_the_others() {
        let members: Vec<Vec<u8>> = (0..40).map(|n| format!("m{n}").into_bytes()).collect();
        let set = set_of(&members);
        assert_eq!(set.encoding(), "hashtable");
        let mut rng = fastrand::Rng::with_seed(5);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..40_000 {
            let member = set.random(&mut rng).expect("it is not empty").to_vec();
            *seen.entry(member).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 40);
        // 1000 each on average; five standard deviations are about 160.
        assert!(
            seen.values().all(|&times| (840..1160).contains(&times)),
            "{seen:?}"
        );
    }
}
