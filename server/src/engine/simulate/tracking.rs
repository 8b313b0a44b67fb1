//! Clients with caches of their own in every mode of CLIENT TRACKING, that read, write, wait out deadlines, change their
//! mode and leave: nobody's cache ever holds after a turn what the keyspace does not, and the table is never wrong.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use proptest::prelude::*;
use respect_conformance::wire;

use crate::embedded::{Connection, Embedded};
use crate::engine::ClientFlags;

/// What may happen next. A client is a number, taken modulo how many there are.
#[derive(Clone, Debug)]
enum Step {
    Connect,
    Leave(usize),
    /// The client switches to a mode, from whatever it had.
    Switch(usize, Mode),
    /// The client sends a command; only the end of a turn carries its answer.
    Ask(usize, Ask),
    /// As one transaction.
    Multi(usize, Vec<Ask>),
    EndTurn,
    Advance(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Off,
    All,
    Noloop,
    Bcast,
    BcastNoloop,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Ask {
    Get(u8),
    Set(u8, u16),
    /// With so many milliseconds to live.
    SetToExpire(u8, u16, u8),
    Delete(u8),
    Flush,
}

impl Ask {
    fn line(&self) -> String {
        match self {
            Ask::Get(key) => format!("GET k{key}\r\n"),
            Ask::Set(key, value) => format!("SET k{key} {value}\r\n"),
            Ask::SetToExpire(key, value, ms) => format!("SET k{key} {value} PX {ms}\r\n"),
            Ask::Delete(key) => format!("DEL k{key}\r\n"),
            Ask::Flush => "FLUSHALL ASYNC\r\n".to_owned(),
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = 0..6_usize;
    let key = 0..12_u8;
    let ask = prop_oneof![
        30 => key.clone().prop_map(Ask::Get),
        12 => (key.clone(), any::<u16>()).prop_map(|(key, value)| Ask::Set(key, value)),
        6 => (key.clone(), any::<u16>(), 1..200_u8)
            .prop_map(|(key, value, ms)| Ask::SetToExpire(key, value, ms)),
        4 => key.prop_map(Ask::Delete),
        1 => Just(Ask::Flush),
    ];
    let mode = prop_oneof![
        Just(Mode::Off),
        Just(Mode::All),
        Just(Mode::Noloop),
        Just(Mode::Bcast),
        Just(Mode::BcastNoloop),
    ];
    let step = prop_oneof![
        2 => Just(Step::Connect),
        1 => client.clone().prop_map(Step::Leave),
        3 => (client.clone(), mode).prop_map(|(client, mode)| Step::Switch(client, mode)),
        40 => (client.clone(), ask.clone()).prop_map(|(client, ask)| Step::Ask(client, ask)),
        4 => (client, proptest::collection::vec(ask, 0..6))
            .prop_map(|(client, asks)| Step::Multi(client, asks)),
        8 => Just(Step::EndTurn),
        2 => (1..300_u64).prop_map(|ms| Step::Advance(Duration::from_millis(ms))),
    ];
    proptest::collection::vec(step, 1..400)
}

/// One client, as it sees itself.
struct Cacher {
    connection: Connection,
    mode: Mode,
    /// What it was answered and not told to forget.
    cache: BTreeMap<String, Option<Vec<u8>>>,
    /// What it has asked and not been answered; a transaction is one.
    asked: VecDeque<Vec<Ask>>,
}

impl Cacher {
    /// Reads what has come.
    fn hear(&mut self, bytes: &[u8]) {
        let (replies, rest) = wire::read_all(bytes).expect("replies");
        assert!(rest.is_empty(), "half a reply at the end of a turn");
        for reply in replies {
            let root = reply.root();
            if reply.is_push() {
                let stale = root.children().nth(1).expect("what is stale");
                if stale.kind() == wire::Kind::Null {
                    self.cache.clear();
                }
                for key in stale.children() {
                    let key = String::from_utf8_lossy(key.body()).into_owned();
                    self.cache.remove(&key);
                }
                continue;
            }
            let asks = self
                .asked
                .pop_front()
                .expect("only what was asked is answered");
            match asks.as_slice() {
                [ask] => self.learn(ask, root),
                several => {
                    for (ask, answer) in several.iter().zip(root.children()) {
                        self.learn(ask, answer);
                    }
                }
            }
        }
        assert!(self.asked.is_empty(), "not everything was answered");
    }

    fn learn(&mut self, ask: &Ask, answer: wire::Element<'_>) {
        match ask {
            Ask::Get(key) if self.mode != Mode::Off => {
                let null = answer.kind() == wire::Kind::Null;
                let value = (!null).then(|| answer.body().to_vec());
                self.cache.insert(format!("k{key}"), value);
            }
            Ask::Get(_) => {}
            // Who wants no loop knows for itself what it has changed.
            Ask::Set(key, _) | Ask::SetToExpire(key, ..) | Ask::Delete(key) => {
                if matches!(self.mode, Mode::Noloop | Mode::BcastNoloop) {
                    self.cache.remove(&format!("k{key}"));
                }
            }
            Ask::Flush => {}
        }
    }
}

struct Game {
    redis: Embedded,
    cachers: Vec<Cacher>,
}

impl Game {
    fn new(max_keys: usize) -> Game {
        let mut redis = Embedded::new(1);
        redis.engine.config.tracking_table_max_keys = max_keys;
        let mut game = Game {
            redis,
            cachers: Vec::new(),
        };
        game.connect();
        game
    }

    fn connect(&mut self) {
        let connection = self.redis.connect();
        self.redis.exchange(connection, b"HELLO 3\r\n");
        self.cachers.push(Cacher {
            connection,
            mode: Mode::Off,
            cache: BTreeMap::new(),
            asked: VecDeque::new(),
        });
    }

    fn take(&mut self, step: &Step) {
        let count = self.cachers.len();
        match step {
            Step::Connect => {
                self.end_turn(Duration::ZERO);
                self.connect();
            }
            Step::Leave(number) if count > 1 => {
                let gone = self.cachers.swap_remove(number % count);
                self.redis.disconnect(gone.connection);
                self.end_turn(Duration::ZERO);
            }
            Step::Leave(_) => {}
            Step::Switch(number, mode) => {
                self.end_turn(Duration::ZERO);
                let cacher = &mut self.cachers[number % count];
                self.redis
                    .exchange(cacher.connection, b"CLIENT TRACKING OFF\r\n");
                let options = match mode {
                    Mode::Off => "OFF",
                    Mode::All => "ON",
                    Mode::Noloop => "ON NOLOOP",
                    Mode::Bcast => "ON BCAST",
                    Mode::BcastNoloop => "ON BCAST PREFIX k NOLOOP",
                };
                let line = format!("CLIENT TRACKING {options}\r\n");
                assert_eq!(
                    self.redis.exchange(cacher.connection, line.as_bytes()),
                    b"+OK\r\n"
                );
                cacher.mode = *mode;
                cacher.cache.clear();
            }
            Step::Ask(number, ask) => {
                let cacher = &mut self.cachers[number % count];
                cacher.asked.push_back(vec![ask.clone()]);
                self.redis.send(cacher.connection, ask.line().as_bytes());
            }
            Step::Multi(number, asks) if asks.len() > 1 => {
                let cacher = &mut self.cachers[number % count];
                let lines: String = asks.iter().map(Ask::line).collect();
                let line = format!("MULTI\r\n{lines}EXEC\r\n");
                // OK and QUEUED teach nothing.
                for _ in 0..asks.len() + 1 {
                    cacher.asked.push_back(Vec::new());
                }
                cacher.asked.push_back(asks.clone());
                self.redis.send(cacher.connection, line.as_bytes());
            }
            Step::Multi(..) => {}
            Step::EndTurn => self.end_turn(Duration::ZERO),
            Step::Advance(time) => self.end_turn(*time),
        }
        self.check_table();
    }

    fn end_turn(&mut self, time: Duration) {
        self.redis.advance(time);
        for cacher in &mut self.cachers {
            cacher.hear(&self.redis.output(cacher.connection));
        }
        let table = &self.redis.engine.keyspace.db(0).table;
        for cacher in &self.cachers {
            for (key, cached) in &cacher.cache {
                let entry = table.get(key.as_bytes());
                let held = entry.and_then(|entry| Some(entry.value().as_string()?.to_vec()));
                assert_eq!(&held, cached, "{key} as {:?} caches it", cacher.mode);
            }
        }
    }

    /// The table names nobody who could not be told, and counts what it holds.
    fn check_table(&self) {
        let engine = &self.redis.engine;
        let (mut items, mut keys) = (0, Vec::new());
        for (key, reader) in engine.tracking.readers() {
            items += 1;
            if keys.last() != Some(&key) {
                keys.push(key);
            }
            let client = engine.clients.get(reader);
            assert!(
                client.is_none_or(|client| client.tracker.is_some()),
                "{reader:?} never tracked anything"
            );
        }
        assert_eq!(engine.tracking.items(), items);
        assert_eq!(engine.tracking.keys(), keys.len());
        for (prefix, listener) in engine.tracking.listeners() {
            let client = engine
                .clients
                .get(listener)
                .expect("only who is connected hears");
            assert!(client.is(ClientFlags::TRACKING) && client.is(ClientFlags::TRACKING_BCAST));
            let tracker = client.tracker.as_ref();
            assert!(tracker.is_some_and(|tracker| tracker.prefixes.contains(prefix)));
        }
        let trackers = engine
            .clients
            .iter()
            .filter(|client| client.is(ClientFlags::TRACKING));
        assert_eq!(engine.trackers(), trackers.count());
        assert_eq!(engine.changes.tracked, engine.trackers() > 0 || items > 0);
        let ever = engine.clients.iter().any(|client| client.tracker.is_some());
        assert!(ever || items == 0, "nobody is left who could be told");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_cache_is_ever_stale(steps in steps(), max_keys in prop_oneof![Just(0), 1..6_usize]) {
        let mut game = Game::new(max_keys);
        for step in &steps {
            game.take(step);
        }
        game.end_turn(Duration::from_millis(500));
    }
}
