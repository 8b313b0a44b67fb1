//! Clients that come, send in pieces, read too slowly, hang up and break, in any order, against the engine alone: what holds
//! for each of them must hold after every turn. There are no sockets and there is no time but what a step lets pass.

mod blocking;
mod memory;
mod tracking;

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use crate::config::{Asker, Config};
use crate::engine::{
    Address, Client, ClientFlags, ClientKey, Engine, Host, Now, Peer, Progress, Wire, Written,
};
use crate::resp::output::Output;

/// What may happen next. A client is a number, taken modulo how many there are.
#[derive(Clone, Debug)]
enum Step {
    Connect,
    /// The client has one more command to send.
    Ask(usize, Ask),
    /// So many bytes of what it has to send arrive.
    Send(usize, usize),
    /// It reads so many bytes.
    Read(usize, usize),
    /// It has closed its end.
    HangUp(usize),
    /// Its connection breaks.
    Break(usize),
    Advance(Duration),
}

#[derive(Clone, Debug)]
enum Ask {
    /// ECHO of something so long.
    Echo(usize),
    /// PUBLISH of something so long.
    Publish(usize),
    /// A transaction of so many commands.
    Multi(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = 0..12_usize;
    let len = prop_oneof![0..40_usize, 0..3000_usize, 30_000..200_000_usize];
    let ask = prop_oneof![
        6 => len.clone().prop_map(Ask::Echo),
        3 => len.clone().prop_map(Ask::Publish),
        1 => (0..4_usize).prop_map(Ask::Multi),
    ];
    let step = prop_oneof![
        2 => Just(Step::Connect),
        10 => (client.clone(), ask).prop_map(|(client, ask)| Step::Ask(client, ask)),
        14 => (client.clone(), len.clone()).prop_map(|(client, len)| Step::Send(client, len)),
        8 => (client.clone(), len).prop_map(|(client, len)| Step::Read(client, len)),
        1 => client.clone().prop_map(Step::HangUp),
        1 => client.prop_map(Step::Break),
        1 => (1..3000_u64).prop_map(|ms| Step::Advance(Duration::from_millis(ms))),
    ];
    proptest::collection::vec(step, 1..500)
}

/// Stands in a reply where a digit is that only the server knows.
const DIGIT: u8 = b'?';

/// What a client was told by the other end of its connection, and what it may be told.
#[derive(Default)]
struct Socket {
    /// So many bytes more fit before it has to read.
    room: usize,
    received: Vec<u8>,
    closed: bool,
}

#[derive(Default)]
struct Sockets(BTreeMap<ClientKey, Socket>);

impl Sockets {
    fn open(&mut self, key: ClientKey) -> &mut Socket {
        let socket = self.0.get_mut(&key).expect("only clients are written to");
        assert!(!socket.closed, "{key:?} was closed already");
        socket
    }
}

impl Wire for Sockets {
    fn write(&mut self, key: ClientKey, output: &mut Output, mut share: usize) -> Written {
        let socket = self.open(key);
        while !output.is_empty() && socket.room > 0 && share > 0 {
            let mut slices = [IoSlice::new(&[])];
            output.slices(&mut slices, share);
            let taken = slices[0].len().min(socket.room);
            socket.received.extend_from_slice(&slices[0][..taken]);
            socket.room -= taken;
            share -= taken;
            output.sent(taken);
        }
        if output.is_empty() {
            Written::All
        } else if share == 0 {
            Written::Share
        } else {
            Written::Part
        }
    }

    fn close(&mut self, key: ClientKey) {
        self.open(key).closed = true;
    }
}

#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl Host for Clock {
    fn now(&mut self) -> Now {
        let mono_us = self.0.load(Ordering::Relaxed);
        Now {
            mono_us,
            wall_us: 1_000_000_000_000_000 + mono_us as i64,
        }
    }

    fn sleep(&mut self, _: Duration) {}

    fn memory_used(&self) -> usize {
        0
    }

    fn purge_memory(&mut self) {}

    fn discard(&mut self, _: Box<dyn Send>, _: usize) {}
}

/// One client, as it sees itself.
struct Peered {
    key: ClientKey,
    number: usize,
    /// What it has still to send.
    unsent: Vec<u8>,
    /// What it must be answered to all that it asked, if it lives long enough.
    due: Vec<u8>,
    published: usize,
    /// It sends nothing any more.
    silent: bool,
}

impl Peered {
    fn command(&mut self, args: &[&str]) {
        self.unsent
            .extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
        for arg in args {
            self.unsent
                .extend_from_slice(format!("${}\r\n{arg}\r\n", arg.len()).as_bytes());
        }
    }

    fn ask(&mut self, ask: &Ask) {
        match ask {
            Ask::Echo(len) => {
                let text = format!("{}:{}", self.due.len(), "e".repeat(*len));
                self.command(&["ECHO", &text]);
                self.due
                    .extend_from_slice(format!("${}\r\n{text}\r\n", text.len()).as_bytes());
            }
            Ask::Publish(len) => {
                let text = format!("{} {} {}", self.number, self.published, "p".repeat(*len));
                self.published += 1;
                self.command(&["PUBLISH", "c", &text]);
                self.due.extend_from_slice(&[b':', DIGIT, b'\r', b'\n']);
            }
            Ask::Multi(count) => {
                self.command(&["MULTI"]);
                self.due.extend_from_slice(b"+OK\r\n");
                for _ in 0..*count {
                    self.command(&["PING"]);
                    self.due.extend_from_slice(b"+QUEUED\r\n");
                }
                self.command(&["EXEC"]);
                self.due
                    .extend_from_slice(format!("*{count}\r\n").as_bytes());
                self.due.extend_from_slice(&b"+PONG\r\n".repeat(*count));
            }
        }
    }
}

/// The engine, and everybody around it.
struct World {
    engine: Engine,
    clock: Clock,
    sockets: Sockets,
    /// The first one is the subscriber.
    peers: Vec<Peered>,
}

impl World {
    fn without_clients(options: &[(&str, &str)]) -> World {
        let clock = Clock::default();
        let mut config = Config::default();
        for (name, value) in options {
            config
                .set(&[(name.as_bytes(), value.as_bytes())], Asker::Local)
                .expect("the options are good");
        }
        World {
            engine: Engine::new(config, 1, Box::new(clock.clone())),
            clock,
            sockets: Sockets::default(),
            peers: Vec::new(),
        }
    }

    fn new(options: &[(&str, &str)]) -> World {
        let mut world = World::without_clients(options);
        world.connect();
        world.peers[0].command(&["SUBSCRIBE", "c"]);
        world.send(0, usize::MAX);
        world
    }

    fn connect(&mut self) {
        let addr: SocketAddr = "127.0.0.1:1".parse().expect("an address");
        let addr = Address::Tcp(addr);
        let peer = Peer {
            addr: addr.clone(),
            local: addr,
            fd: 3,
        };
        if let Ok(key) = self.engine.connect(peer) {
            let socket = Socket {
                room: 5000,
                ..Socket::default()
            };
            let taken = self.sockets.0.insert(key, socket);
            assert!(taken.is_none(), "no key is used twice");
            self.peers.push(Peered {
                key,
                number: self.peers.len(),
                unsent: Vec::new(),
                due: Vec::new(),
                published: 0,
                silent: false,
            });
        }
    }

    /// As the event loop reads: not while earlier commands wait, a large argument straight into its place.
    fn send(&mut self, number: usize, len: usize) {
        let Peered { key, unsent, .. } = &mut self.peers[number];
        let mut left = len.min(unsent.len());
        while left > 0 && !self.engine.is_held_back(*key) {
            let count;
            let progress = match self.engine.filling(*key) {
                Some((buffer, room)) => {
                    count = room.min(left);
                    buffer.extend(unsent.drain(..count));
                    self.engine.filled(*key, count)
                }
                None => {
                    count = left.min(64 * 1024);
                    let bytes: Vec<u8> = unsent.drain(..count).collect();
                    self.engine.receive(*key, &bytes)
                }
            };
            left -= count;
            if progress == Progress::More {
                self.engine.resume_later(*key);
            }
        }
    }

    fn read(&mut self, number: usize, len: usize) {
        let key = self.peers[number].key;
        if let Some(socket) = self.sockets.0.get_mut(&key).filter(|s| !s.closed) {
            socket.room += len;
            self.engine.writable(key);
        }
    }

    fn take(&mut self, step: &Step) {
        let count = self.peers.len();
        match step {
            Step::Connect => self.connect(),
            Step::Ask(number, ask) => {
                let peer = &mut self.peers[number % count];
                // The subscriber may only listen.
                if peer.number > 0 && !peer.silent {
                    peer.ask(ask);
                }
            }
            Step::Send(number, len) => self.send(number % count, *len),
            Step::Read(number, len) => self.read(number % count, *len),
            Step::HangUp(number) => {
                let peer = &mut self.peers[number % count];
                if !self.engine.is_held_back(peer.key) {
                    peer.silent = true;
                    peer.unsent.clear();
                    self.engine.hang_up(peer.key);
                }
            }
            Step::Break(number) => {
                let peer = &mut self.peers[number % count];
                peer.silent = true;
                peer.unsent.clear();
                self.engine.doom(peer.key);
            }
            Step::Advance(time) => {
                let us = time.as_micros() as u64;
                self.clock.0.fetch_add(us, Ordering::Relaxed);
            }
        }
    }

    fn turn(&mut self) {
        self.engine.end_turn(&mut self.sockets);
        self.check();
    }

    /// Every list of clients says what the flags of the clients say.
    fn check_lists(&self) {
        let lists = &self.engine.lists;
        let resumed: Vec<ClientKey> = lists.resumed.iter().copied().collect();
        for (name, list, flag) in [
            ("writing", &lists.writing, ClientFlags::PENDING_WRITE),
            ("resumed", &resumed, ClientFlags::RESUMED),
            ("overfull", &lists.overfull, ClientFlags::OVERFULL),
            ("doomed", &lists.doomed, ClientFlags::DOOMED),
        ] {
            let listed: BTreeSet<&ClientKey> = list.iter().collect();
            assert_eq!(listed.len(), list.len(), "{name} names a client twice");
            for client in self.engine.clients.iter() {
                let (flagged, listed) = (client.is(flag), listed.contains(&client.key));
                assert_eq!(flagged, listed, "{name} and the flag of {:?}", client.key);
            }
        }
        for client in self.engine.clients.iter() {
            assert_eq!(client.is(ClientFlags::BLOCKED), client.parked.is_some());
        }
    }

    /// What holds after every turn.
    fn check(&self) {
        self.check_lists();
        let mut memory = 0;
        for client in self.engine.clients.iter() {
            let bytes = client.output.to_vec().len();
            assert_eq!(bytes, client.output.len(), "what waits is counted");
            if !client.is(ClientFlags::DOOMED) {
                memory += Client::memory(client);
            }
        }
        if self.engine.client_memory.is_limited() {
            assert_eq!(memory, self.engine.client_memory.used);
        }
        for peer in &self.peers[1..] {
            let received = &self.sockets.0[&peer.key].received;
            assert!(
                answers(received, &peer.due),
                "client {} was answered otherwise than in order",
                peer.number
            );
        }
        self.check_messages();
    }

    /// The subscriber gets every message of each publisher once and in order.
    fn check_messages(&self) {
        let mut rest = self.sockets.0[&self.peers[0].key].received.as_slice();
        let confirmation = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
        let Some(messages) = rest.strip_prefix(confirmation) else {
            assert!(confirmation.starts_with(rest));
            return;
        };
        rest = messages;
        let mut published: BTreeMap<String, usize> = BTreeMap::new();
        const START: &[u8] = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$";
        while let Some(bulk) = rest.strip_prefix(START) {
            let Some(line) = bulk.iter().position(|&byte| byte == b'\r') else {
                return;
            };
            let len: usize = String::from_utf8_lossy(&bulk[..line])
                .parse()
                .expect("a length");
            let Some(text) = bulk.get(line + 2..line + 2 + len) else {
                return;
            };
            let text = String::from_utf8_lossy(text).into_owned();
            let mut words = text.split(' ');
            let (publisher, number) = (words.next(), words.next());
            let next = published
                .entry(publisher.expect("a name").to_owned())
                .or_default();
            assert_eq!(
                number,
                Some(next.to_string().as_str()),
                "a message was lost or doubled"
            );
            *next += 1;
            rest = bulk.get(line + 2 + len + 2..).unwrap_or_default();
        }
        assert!(START.starts_with(rest), "something else than a message");
    }

    /// Everybody sends and reads all there is; then nobody who is still connected waits for anything.
    fn finish(&mut self) {
        for _ in 0..10_000 {
            for number in 0..self.peers.len() {
                self.read(number, 1 << 30);
                self.send(number, usize::MAX);
            }
            self.turn();
            let unsent = self
                .peers
                .iter()
                .any(|peer| !peer.unsent.is_empty() && !self.sockets.0[&peer.key].closed);
            if !unsent && !self.engine.has_work() {
                break;
            }
        }
        for peer in &self.peers[1..] {
            let socket = &self.sockets.0[&peer.key];
            let complete = socket.received.len() == peer.due.len();
            assert!(socket.closed || complete, "client {} waits", peer.number);
        }
    }
}

/// Whether `received` is how `due` begins.
fn answers(received: &[u8], due: &[u8]) -> bool {
    let same = |(got, due): (&u8, &u8)| got == due || *due == DIGIT && got.is_ascii_digit();
    received.len() <= due.len() && received.iter().zip(due).all(same)
}

fn play(options: &[(&str, &str)], steps: &[Step]) {
    let mut world = World::new(options);
    world.turn();
    for step in steps {
        world.take(step);
        world.turn();
    }
    world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn without_limits_everybody_is_answered_everything_in_order(steps in steps()) {
        play(&[("client-output-buffer-limit", "pubsub 0 0 0")], &steps);
    }

    #[test]
    fn whoever_is_cut_off_by_a_limit_was_answered_in_order_until_then(steps in steps()) {
        let options = [
            ("client-output-buffer-limit", "normal 600kb 200kb 1 pubsub 800kb 100kb 2"),
            ("client-query-buffer-limit", "1mb"),
            ("maxmemory-clients", "1mb"),
            ("maxclients", "9"),
            ("timeout", "3"),
        ];
        play(&options, &steps);
    }
}
