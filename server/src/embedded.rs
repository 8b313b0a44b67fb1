//! The engine without sockets, for tests and simulations: bytes in, bytes out, and time that moves only when told to.
//!
//! It decides nothing that the engine decides; it is a clock moved by hand and a wire that keeps what it is given.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::config::Config;
use crate::engine::{Address, ClientKey, Engine, Host, Now, Peer, Progress, Wire, Written};
use crate::resp::output::Output;

/// What an [`Embedded`] takes the time to be when it is made: the first second of 2026, in microseconds since 1970.
const EPOCH_US: i64 = 1_767_225_600_000_000;

/// The ports that connections seem to come from begin here.
const FIRST_PORT: u16 = 10_000;

/// Where connections seem to arrive.
const LISTENING: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 6379);

/// A whole server in a value: no sockets, no threads, no waiting.
///
/// Everything it does follows from its seed, the bytes it is given and the time it is told, so a test that fails once
/// fails always. Time stands still between calls of [`Embedded::advance`].
///
/// ```
/// use respect_server::Embedded;
/// use std::time::Duration;
///
/// let mut redis = Embedded::new(1);
/// let client = redis.connect();
/// assert_eq!(redis.exchange(client, b"SET greeting hello PX 1500\r\n"), b"+OK\r\n");
/// redis.advance(Duration::from_millis(500));
/// assert_eq!(redis.exchange(client, b"PTTL greeting\r\n"), b":1000\r\n");
/// redis.advance(Duration::from_millis(1001));
/// assert_eq!(redis.exchange(client, b"GET greeting\r\n"), b"$-1\r\n");
/// ```
pub struct Embedded {
    pub(crate) engine: Engine,
    clock: Clock,
    lines: Lines,
}

/// Names a connection to the [`Embedded`] that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Connection(usize);

impl Embedded {
    /// A server with an empty keyspace and the configuration of a server started without options.
    /// [`Builder::embed`](crate::Builder::embed) makes one with another.
    pub fn new(seed: u64) -> Embedded {
        Embedded::with_config(Config::default(), seed)
    }

    pub(crate) fn with_config(config: Config, seed: u64) -> Embedded {
        let clock = Clock::default();
        let mut embedded = Embedded {
            engine: Engine::new(config, seed, Box::new(clock.clone())),
            clock,
            lines: Lines::default(),
        };
        embedded.turn();
        embedded
    }

    /// Connects a client. One that the server does not let in finds the reason in its output, as on a socket.
    pub fn connect(&mut self) -> Connection {
        let number = self.lines.all.len();
        let peer = Peer {
            addr: Address::Tcp(SocketAddr::new(
                LISTENING.ip(),
                FIRST_PORT.wrapping_add(u16::try_from(number % 50_000).unwrap_or_default()),
            )),
            local: Address::Tcp(LISTENING),
            fd: i32::try_from(number).unwrap_or(i32::MAX),
        };
        self.lines.all.push(match self.engine.connect(peer) {
            Ok(key) => {
                self.lines.numbers.insert(key, number);
                Line {
                    key: Some(key),
                    output: Vec::new(),
                }
            }
            Err(refusal) => Line {
                key: None,
                output: refusal.to_vec(),
            },
        });
        Connection(number)
    }

    /// Sends bytes as a client would, whole commands or not, lets the server take its turn, and returns what the
    /// client can read now: replies, and whatever was pushed to it.
    ///
    /// ```
    /// # use respect_server::Embedded;
    /// let mut redis = Embedded::new(1);
    /// let client = redis.connect();
    /// assert_eq!(redis.exchange(client, b"*1\r\n$4\r\nPI"), b"");
    /// assert_eq!(redis.exchange(client, b"NG\r\n"), b"+PONG\r\n");
    /// ```
    pub fn exchange(&mut self, connection: Connection, bytes: &[u8]) -> Vec<u8> {
        self.send(connection, bytes);
        self.turn();
        self.output(connection)
    }

    /// As [`Embedded::exchange`], for one inline command and an answer that is text.
    #[cfg(test)]
    pub(crate) fn ask(&mut self, connection: Connection, command: &str) -> String {
        let answer = self.exchange(connection, format!("{command}\r\n").as_bytes());
        String::from_utf8(answer).expect("the tests store text")
    }

    /// Sends bytes without ending the turn, so that several clients can be heard in one, as after one poll of a
    /// server with sockets. The next [`Embedded::exchange`] or [`Embedded::advance`] ends it.
    pub fn send(&mut self, connection: Connection, bytes: &[u8]) {
        let Some(key) = self.lines.key(connection) else {
            return;
        };
        self.engine.tick();
        if self.engine.receive(key, bytes) == Progress::More {
            self.engine.resume_later(key);
        }
    }

    /// What a client can read that it has not read yet.
    pub fn output(&mut self, connection: Connection) -> Vec<u8> {
        self.lines
            .all
            .get_mut(connection.0)
            .map(|line| std::mem::take(&mut line.output))
            .unwrap_or_default()
    }

    /// Closes a connection from the client's side: what it asked for is carried out, and nobody reads the answer.
    pub fn disconnect(&mut self, connection: Connection) {
        if let Some(key) = self.lines.key(connection) {
            self.engine.doom(key);
            self.turn();
        }
        self.output(connection);
    }

    /// Whether the server has not closed a connection.
    pub fn is_connected(&self, connection: Connection) -> bool {
        self.lines.key(connection).is_some()
    }

    /// Lets time pass: the server takes every turn that it would have taken meanwhile, so that what is due in between
    /// is done when it is due. A day costs as many turns as a day does.
    pub fn advance(&mut self, time: Duration) {
        let mut left = time;
        loop {
            let step = self.engine.time_to_next_turn().min(left);
            // Turns that are due already are taken at the moment that it is.
            self.clock.advance(step);
            left -= step;
            self.turn();
            if left.is_zero() {
                return;
            }
        }
    }

    /// Ends the turn, and takes more of them until there is nothing left to do at this moment.
    fn turn(&mut self) {
        self.engine.end_turn(&mut self.lines);
        while self.engine.has_work() {
            self.engine.end_turn(&mut self.lines);
        }
    }
}

/// A clock that stands still until it is moved. Copies show the same time.
#[derive(Clone, Debug, Default)]
struct Clock {
    elapsed_us: Arc<AtomicU64>,
}

impl Clock {
    fn advance(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.elapsed_us.fetch_add(us, Ordering::Relaxed);
    }
}

impl Host for Clock {
    fn now(&mut self) -> Now {
        let mono_us = self.elapsed_us.load(Ordering::Relaxed);
        Now {
            mono_us,
            wall_us: EPOCH_US.saturating_add_unsigned(mono_us),
        }
    }

    fn sleep(&mut self, time: Duration) {
        self.advance(time);
    }

    fn memory_used(&self) -> usize {
        0
    }

    fn purge_memory(&mut self) {}

    fn discard(&mut self, _: Box<dyn Send>, _: usize) {}
}

/// One connection: what it was sent and has not read.
struct Line {
    /// None when the server has closed it.
    key: Option<ClientKey>,
    output: Vec<u8>,
}

/// Every connection there has been, by its number.
#[derive(Default)]
struct Lines {
    all: Vec<Line>,
    numbers: BTreeMap<ClientKey, usize>,
}

impl Lines {
    fn key(&self, connection: Connection) -> Option<ClientKey> {
        self.all.get(connection.0)?.key
    }
}

impl Wire for Lines {
    /// Takes everything: nobody else waits meanwhile.
    fn write(&mut self, key: ClientKey, output: &mut Output, _: usize) -> Written {
        let Some(line) = self.numbers.get(&key).map(|&number| &mut self.all[number]) else {
            return Written::Failed;
        };
        while !output.is_empty() {
            let mut slices = [std::io::IoSlice::new(&[]); 16];
            let filled = output.slices(&mut slices, usize::MAX);
            let before = line.output.len();
            for slice in &slices[..filled] {
                line.output.extend_from_slice(slice);
            }
            output.sent(line.output.len() - before);
        }
        Written::All
    }

    fn close(&mut self, key: ClientKey) {
        if let Some(number) = self.numbers.remove(&key) {
            self.all[number].key = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_have_outputs_of_their_own() {
        let mut redis = Embedded::new(1);
        let (a, b) = (redis.connect(), redis.connect());
        redis.send(a, b"PING one\r\n");
        redis.send(b, b"PING two\r\n");
        assert_eq!(redis.exchange(a, b""), b"$3\r\none\r\n");
        assert_eq!(redis.output(b), b"$3\r\ntwo\r\n");
        assert_eq!(redis.output(b), b"", "it was read already");
    }

    #[test]
    fn large_values_and_long_pipelines_arrive_whole() {
        let mut redis = Embedded::new(1);
        let a = redis.connect();
        let value = vec![b'x'; 1 << 20];
        let set = [
            format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", value.len()).as_bytes(),
            &value,
            b"\r\n",
        ]
        .concat();
        assert_eq!(redis.exchange(a, &set), b"+OK\r\n");
        let get = redis.exchange(a, b"GET k\r\n");
        assert_eq!(get.len(), value.len() + "$1048576\r\n\r\n".len());
        // More commands than one turn runs.
        let pongs = redis.exchange(a, &b"PING\r\n".repeat(5000));
        assert_eq!(pongs, b"+PONG\r\n".repeat(5000));
    }

    #[test]
    fn a_protocol_error_is_answered_and_ends_the_connection() {
        let mut redis = Embedded::new(1);
        let a = redis.connect();
        assert!(
            redis
                .exchange(a, b"*x\r\n")
                .starts_with(b"-ERR Protocol error")
        );
        assert!(!redis.is_connected(a));
        assert_eq!(redis.exchange(a, b"PING\r\n"), b"");
    }

    #[test]
    fn a_server_that_is_full_says_so() {
        let mut redis = Embedded::new(1);
        redis.engine.config.maxclients = 1;
        let first = redis.connect();
        let second = redis.connect();
        assert!(!redis.is_connected(second));
        assert_eq!(
            redis.output(second),
            b"-ERR max number of clients reached\r\n"
        );
        redis.disconnect(first);
        let third = redis.connect();
        assert!(redis.is_connected(third));
    }
    /// A dialogue of three clients in which much depends on chance, order and time; returns all that was answered.
    fn dialogue(seed: u64) -> Vec<u8> {
        let mut redis = Embedded::new(seed);
        let clients = [redis.connect(), redis.connect(), redis.connect()];
        let mut answers = Vec::new();
        for round in 0..200_u64 {
            for (number, client) in (0_u64..).zip(clients) {
                let key = round * 3 + number;
                let commands = [
                    format!("SET key:{key} {round} PX {}\r\n", 40 + key % 97),
                    format!("INCR shared:{}\r\nSCAN {round}\r\n", key % 7),
                    "RANDOMKEY\r\nDBSIZE\r\n".to_owned(),
                    "KEYS *5*\r\nINFO stats\r\n".to_owned(),
                ];
                redis.send(client, commands[(key % 4) as usize].as_bytes());
            }
            redis.advance(Duration::from_micros(7_300));
            for client in clients {
                answers.extend(redis.output(client));
            }
        }
        answers
    }

    #[test]
    fn the_same_seed_bytes_and_time_give_the_same_bytes() {
        let first = dialogue(11);
        assert!(first == dialogue(11), "a replay differed");
        assert!(first != dialogue(12), "nothing depended on the seed");
    }
}
