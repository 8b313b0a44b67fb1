//! Clients that push, wait, move, give up, hang up and break: no element is lost and none is given away twice, nobody waits
//! for what is there, and nobody waits who is gone.

use super::*;
use crate::data::list::{End, List};
use crate::data::listpack::Item;

/// What may happen next. A client is a number, taken modulo how many there are.
#[derive(Clone, Debug)]
enum Step {
    Connect,
    /// The client has one more command to send.
    Ask(usize, Ask),
    /// So many bytes of what it has to send arrive.
    Send(usize, usize),
    HangUp(usize),
    Break(usize),
    Advance(Duration),
}

#[derive(Clone, Debug)]
enum Ask {
    /// So many elements at an end of a key.
    Push(bool, usize, usize),
    /// As one transaction, to several keys.
    PushMany(Vec<usize>),
    /// An element of one of two keys, within so many milliseconds; 0 is for ever.
    Pop(bool, usize, usize, u64),
    /// From one key to another.
    Move(usize, usize, u64),
    Rename(usize, usize),
    Swap,
    /// CLIENT UNBLOCK of the client with this number, with an error or not.
    Unblock(usize, bool),
    /// CLIENT PAUSE WRITE for so long.
    Pause(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = 0..8_usize;
    let key = 0..4_usize;
    let wait_ms = prop_oneof![Just(0), 1..300_u64];
    let ask = prop_oneof![
        8 => (any::<bool>(), key.clone(), 1..4_usize).prop_map(|(head, key, n)| Ask::Push(head, key, n)),
        2 => proptest::collection::vec(key.clone(), 1..4).prop_map(Ask::PushMany),
        10 => (any::<bool>(), key.clone(), key.clone(), wait_ms.clone()).prop_map(|(head, a, b, ms)| Ask::Pop(head, a, b, ms)),
        6 => (key.clone(), key.clone(), wait_ms).prop_map(|(a, b, ms)| Ask::Move(a, b, ms)),
        1 => (key.clone(), key).prop_map(|(a, b)| Ask::Rename(a, b)),
        1 => Just(Ask::Swap),
        2 => (0..10_usize, any::<bool>()).prop_map(|(client, error)| Ask::Unblock(client, error)),
        1 => (1..100_u64).prop_map(Ask::Pause),
    ];
    let step = prop_oneof![
        2 => Just(Step::Connect),
        12 => (client.clone(), ask).prop_map(|(client, ask)| Step::Ask(client, ask)),
        16 => (client.clone(), prop_oneof![0..60_usize, Just(usize::MAX)])
            .prop_map(|(client, len)| Step::Send(client, len)),
        1 => client.clone().prop_map(Step::HangUp),
        1 => client.prop_map(Step::Break),
        3 => (1..400_u64).prop_map(|ms| Step::Advance(Duration::from_millis(ms))),
    ];
    proptest::collection::vec(step, 1..400)
}

/// How a command may be answered.
#[derive(Clone, Debug)]
enum Due {
    /// With this line.
    Line(&'static str),
    /// With an integer, if it is a push of these elements.
    Pushed(Vec<String>),
    /// With an integer.
    Integer,
    /// With so many integers, which push these elements.
    AllPushed(Vec<String>),
    /// With a key and an element, with a null array, or with an error of CLIENT UNBLOCK.
    Popped,
    /// With an element that is still in a list, or as above.
    Moved,
    /// With `OK` or an error.
    Status,
}

struct Game {
    world: World,
    /// By client, what it still must be answered, in order, and how much of what it received was looked at.
    due: Vec<(Vec<Due>, usize)>,
    elements: usize,
    /// Elements whose push was answered.
    pushed: BTreeSet<String>,
    /// Elements that were given away.
    popped: BTreeSet<String>,
}

fn key(number: usize) -> String {
    format!("k{number}")
}

impl Game {
    fn new() -> Game {
        let mut game = Game {
            world: World::without_clients(&[]),
            due: Vec::new(),
            elements: 0,
            pushed: BTreeSet::new(),
            popped: BTreeSet::new(),
        };
        game.connect();
        game
    }

    fn connect(&mut self) {
        self.world.connect();
        let count = self.world.peers.len();
        let key = self.world.peers[count - 1].key;
        if let Some(socket) = self.world.sockets.0.get_mut(&key) {
            socket.room = usize::MAX;
        }
        self.due.resize_with(count, Default::default);
    }

    fn fresh(&mut self, count: usize) -> Vec<String> {
        let first = self.elements;
        self.elements += count;
        (first..first + count).map(|n| format!("e{n}")).collect()
    }

    fn ask(&mut self, number: usize, ask: &Ask) {
        let timeout = |ms: &u64| format!("{}.{:03}", ms / 1000, ms % 1000);
        let mut commands: Vec<(Vec<String>, Due)> = Vec::new();
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        match ask {
            Ask::Push(head, to, count) => {
                let new = self.fresh(*count);
                let name = if *head { "LPUSH" } else { "RPUSH" };
                let mut command: Vec<String> = words(&[name, &key(*to)]);
                command.extend(new.iter().cloned());
                commands.push((command, Due::Pushed(new)));
            }
            Ask::PushMany(to) => {
                let new = self.fresh(to.len());
                commands.push((words(&["MULTI"]), Due::Line("+OK")));
                for (to, element) in to.iter().zip(&new) {
                    let command = words(&["RPUSH", &key(*to), element]);
                    commands.push((command, Due::Line("+QUEUED")));
                }
                commands.push((words(&["EXEC"]), Due::AllPushed(new)));
            }
            Ask::Pop(head, a, b, ms) => {
                let name = if *head { "BLPOP" } else { "BRPOP" };
                let command = words(&[name, &key(*a), &key(*b), &timeout(ms)]);
                commands.push((command, Due::Popped));
            }
            Ask::Move(a, b, ms) => {
                let command = words(&["BLMOVE", &key(*a), &key(*b), "LEFT", "RIGHT", &timeout(ms)]);
                commands.push((command, Due::Moved));
            }
            Ask::Rename(a, b) => {
                commands.push((words(&["RENAMENX", &key(*a), &key(*b)]), Due::Status));
            }
            Ask::Swap => commands.push((words(&["SWAPDB", "0", "1"]), Due::Line("+OK"))),
            Ask::Unblock(client, error) => {
                let how = if *error { "ERROR" } else { "TIMEOUT" };
                let id = client.to_string();
                commands.push((words(&["CLIENT", "UNBLOCK", &id, how]), Due::Integer));
            }
            Ask::Pause(ms) => {
                let command = words(&["CLIENT", "PAUSE", &ms.to_string(), "WRITE"]);
                commands.push((command, Due::Line("+OK")));
            }
        }
        for (command, due) in commands {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            self.world.peers[number].command(&words);
            self.due[number].0.push(due);
        }
    }

    fn take(&mut self, step: &Step) {
        let count = self.world.peers.len();
        match step {
            Step::Connect => self.connect(),
            Step::Ask(number, ask) if !self.world.peers[number % count].silent => {
                self.ask(number % count, ask);
            }
            Step::Ask(..) => {}
            Step::Send(number, len) => self.world.send(number % count, *len),
            Step::HangUp(number) => self.world.take(&super::Step::HangUp(*number)),
            Step::Break(number) => self.world.take(&super::Step::Break(*number)),
            Step::Advance(time) => self.world.take(&super::Step::Advance(*time)),
        }
        self.world.engine.tick();
    }

    fn turn(&mut self) {
        let World {
            engine, sockets, ..
        } = &mut self.world;
        engine.end_turn(sockets);
        while engine.has_work() {
            engine.end_turn(sockets);
        }
        self.world.check_lists();
        for number in 0..self.world.peers.len() {
            self.hear(number);
        }
        self.check_elements();
        self.check_waiting();
    }

    /// Looks at what a client was answered since the last time.
    fn hear(&mut self, number: usize) {
        let key = self.world.peers[number].key;
        let received = &self.world.sockets.0[&key].received;
        let text = String::from_utf8_lossy(received).into_owned();
        let mut rest = &text[self.due[number].1..];
        while !rest.is_empty() {
            let due = self.due[number].0.remove(0);
            let (reply, behind) = reply(rest);
            rest = behind;
            self.understand(&due, &reply);
        }
        self.due[number].1 = text.len();
    }

    fn understand(&mut self, due: &Due, reply: &[String]) {
        let first = reply[0].as_str();
        let in_vain = first == "*-1" || first.starts_with("-UNBLOCKED");
        match due {
            Due::Line(line) => assert_eq!(first, *line),
            Due::Integer => assert!(first.starts_with(':'), "{reply:?}"),
            Due::Status => assert!(!first.starts_with('*'), "{reply:?}"),
            Due::Pushed(elements) => {
                assert!(first.starts_with(':'), "{reply:?}");
                self.pushed.extend(elements.iter().cloned());
            }
            Due::AllPushed(elements) => {
                assert_eq!(reply.len(), 1 + elements.len(), "{reply:?}");
                self.pushed.extend(elements.iter().cloned());
            }
            Due::Popped if !in_vain => {
                assert_eq!((first, reply.len()), ("*2", 3), "{reply:?}");
                let new = self.popped.insert(reply[2].clone());
                assert!(new, "{} was given away twice", reply[2]);
            }
            Due::Moved if !in_vain => assert!(first.starts_with('e'), "{reply:?}"),
            Due::Popped | Due::Moved => {}
        }
    }

    /// Every element is in one place.
    fn check_elements(&self) {
        let keyspace = &self.world.engine.keyspace;
        let mut stored = BTreeSet::new();
        for db in 0..keyspace.len() {
            for entry in keyspace.db(db).table.iter() {
                let list: &List = entry.value().collection().expect("only lists are made");
                assert!(!list.is_empty(), "an empty list was left");
                for element in list.walk(0, End::Head).map(Item::to_vec) {
                    let element = String::from_utf8_lossy(&element).into_owned();
                    assert!(stored.insert(element), "an element is stored twice");
                }
            }
        }
        for element in &self.pushed {
            let (given, kept) = (self.popped.contains(element), stored.contains(element));
            assert!(given != kept, "{element}: given {given}, kept {kept}");
        }
    }

    /// Those who wait are there, and wait for what is not.
    fn check_waiting(&self) {
        let engine = &self.world.engine;
        let now_us = engine.now.mono_us;
        let mut waiting = 0;
        for client in engine.clients.iter() {
            let Some(parked) = client.parked.as_ref() else {
                continue;
            };
            waiting += 1;
            if engine.pause.is_none() {
                for key in parked.keys() {
                    let there = engine.keyspace.db(client.db).table.get(key).is_some();
                    assert!(!there, "client {} waits for what is there", client.id);
                }
            }
            assert!(parked.until_us().is_none_or(|until_us| until_us > now_us));
        }
        assert_eq!(engine.changes.awaited, waiting > 0);
        assert_eq!(
            engine.blocked.clients(),
            waiting,
            "somebody waits who is gone"
        );
        assert!(!engine.blocked.has_ready());
    }
}

/// The first reply of a text, as its lines without those that tell a length, and what is behind it.
fn reply(text: &str) -> (Vec<String>, &str) {
    let (line, mut rest) = text.split_once("\r\n").expect("replies are whole");
    let count = |line: &str| line[1..].parse::<i64>().expect("a length");
    match line.as_bytes()[0] {
        b'$' => {
            let (body, rest) = rest.split_once("\r\n").expect("replies are whole");
            (vec![body.to_owned()], rest)
        }
        b'*' => {
            let mut lines = vec![line.to_owned()];
            for _ in 0..count(line).max(0) {
                let (mut inner, behind) = reply(rest);
                lines.append(&mut inner);
                rest = behind;
            }
            (lines, rest)
        }
        _ => (vec![line.to_owned()], rest),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_element_is_lost_and_nobody_waits_for_what_is_there(steps in steps()) {
        let mut game = Game::new();
        for step in &steps {
            game.take(step);
            game.turn();
        }
    }
}
