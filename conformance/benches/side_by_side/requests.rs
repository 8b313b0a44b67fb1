//! The commands of the load: their bytes, how long their replies are, and which keys must exist for them. Knows nothing
//! of sockets.

use std::fmt;
use std::ops::Range;

/// The bytes of the one large value.
pub(crate) const LARGE: usize = 1024 * 1024;

/// Where counters start. So far from a power of ten that every INCR of a run answers as many digits.
const COUNTER: u64 = 1_000_000_000_000;

/// One kind of command. `Display` is its name in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Ping,
    /// Bytes of the value.
    Set(usize),
    /// Bytes of the value.
    Get(usize),
    Incr,
    /// Bytes of each of ten values.
    Mset10(usize),
    /// Always the same key, with [`LARGE`] bytes.
    GetLarge,
}

/// What must be stored before a work can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// `key:…`, values of that many bytes.
    Values(usize),
    /// `key:…`, values of that many bytes, each with a TTL.
    Expiring(usize),
    /// `cnt:…`, numbers.
    Counters,
    /// One large value.
    Large,
    /// `key:…`, small collections.
    Collections(Collection),
}

/// A small collection that is stored with one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collection {
    /// Fields of 8 bytes, values of 8.
    Hash { fields: u64 },
    /// Elements of 8 bytes.
    List { elements: u64 },
    /// Integers of four bytes, other ones in each set.
    Integers { members: u64 },
    /// Members of 8 bytes.
    Set { members: u64 },
    /// Members of 8 bytes, integers as scores.
    SortedSet { members: u64 },
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Ping => f.write_str("PING"),
            Work::Set(len) => write!(f, "SET {}", bytes(*len)),
            Work::Get(len) => write!(f, "GET {}", bytes(*len)),
            Work::Incr => f.write_str("INCR"),
            Work::Mset10(len) => write!(f, "MSET of 10, {}", bytes(*len)),
            Work::GetLarge => write!(f, "GET {}", bytes(LARGE)),
        }
    }
}

fn bytes(len: usize) -> String {
    match len {
        len if len >= 1024 * 1024 => format!("{} MiB", len / 1024 / 1024),
        len if len >= 1024 => format!("{} KiB", len / 1024),
        len => format!("{len} B"),
    }
}

impl Work {
    /// What it needs to find. A SET finds the key it sets, with a value of the same size.
    pub(crate) fn store(self) -> Option<Store> {
        match self {
            Work::Ping => None,
            Work::Set(len) | Work::Get(len) | Work::Mset10(len) => Some(Store::Values(len)),
            Work::Incr => Some(Store::Counters),
            Work::GetLarge => Some(Store::Large),
        }
    }

    /// The bytes of its reply when all is well.
    pub(crate) fn reply_len(self) -> usize {
        match self {
            Work::Ping => b"+PONG\r\n".len(),
            Work::Set(_) | Work::Mset10(_) => b"+OK\r\n".len(),
            Work::Get(len) => bulk_len(len),
            Work::GetLarge => bulk_len(LARGE),
            Work::Incr => b":\r\n".len() + digits(COUNTER),
        }
    }

    /// Appends one command with random keys.
    pub(crate) fn write(self, request: &mut Vec<u8>, keys: u64, rng: &mut fastrand::Rng) {
        let value = |len| vec![b'v'; len];
        match self {
            Work::Ping => command(request, &[b"PING"]),
            Work::Set(len) => command(
                request,
                &[b"SET", &key("key", rng.u64(..keys)), &value(len)],
            ),
            Work::Get(_) => command(request, &[b"GET", &key("key", rng.u64(..keys))]),
            Work::Incr => command(request, &[b"INCR", &key("cnt", rng.u64(..keys))]),
            Work::GetLarge => command(request, &[b"GET", b"large"]),
            Work::Mset10(len) => {
                let mut args = vec![b"MSET".to_vec()];
                args.extend((0..10).flat_map(|_| [key("key", rng.u64(..keys)), value(len)]));
                let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
                command(request, &args);
            }
        }
    }

    /// Commands made beforehand, each by itself.
    pub(crate) fn samples(self, keys: u64, count: usize, seed: u64) -> Vec<Vec<u8>> {
        self.pipelines(1, keys, count, seed)
    }

    /// Pipelines made beforehand, each in one piece.
    pub(crate) fn pipelines(
        self,
        length: usize,
        keys: u64,
        count: usize,
        seed: u64,
    ) -> Vec<Vec<u8>> {
        let mut rng = fastrand::Rng::with_seed(seed);
        (0..count)
            .map(|_| {
                let mut request = Vec::new();
                (0..length).for_each(|_| self.write(&mut request, keys, &mut rng));
                request
            })
            .collect()
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Collection::Hash { fields } => write!(f, "hashes of {fields} fields"),
            Collection::List { elements } => write!(f, "lists of {elements}"),
            Collection::Integers { members } => write!(f, "sets of {members} integers"),
            Collection::Set { members } => write!(f, "sets of {members} strings"),
            Collection::SortedSet { members } => write!(f, "sorted sets of {members}"),
        }
    }
}

impl Collection {
    /// The command, and how many elements it says that it has added.
    fn command(self, number: u64) -> (&'static str, Vec<String>, u64) {
        // What is stored differs from key to key, in length it does not.
        let text =
            |prefix: char, index: u64| format!("{prefix}{:07}", (number + index) % 10_000_000);
        match self {
            Collection::Hash { fields } => {
                let pairs = (0..fields).flat_map(|i| [format!("field:{i:02}"), text('v', i)]);
                ("HSET", pairs.collect(), fields)
            }
            Collection::List { elements } => (
                "RPUSH",
                (0..elements).map(|i| text('e', i)).collect(),
                elements,
            ),
            Collection::Integers { members } => {
                let integers = (0..members).map(|i| (1_000_000 + number + i).to_string());
                ("SADD", integers.collect(), members)
            }
            Collection::Set { members } => (
                "SADD",
                (0..members).map(|i| text('m', i)).collect(),
                members,
            ),
            Collection::SortedSet { members } => {
                let pairs = (0..members).flat_map(|i| [(i * 100).to_string(), text('m', i)]);
                ("ZADD", pairs.collect(), members)
            }
        }
    }
}

impl Store {
    /// The commands that store the keys of those numbers, and the bytes of all their replies.
    pub(crate) fn batch(self, numbers: Range<u64>) -> (Vec<u8>, usize) {
        let mut request = Vec::new();
        let mut replies_len = 0;
        for number in numbers {
            let mut reply_len = b"+OK\r\n".len();
            match self {
                Store::Values(len) => {
                    command(
                        &mut request,
                        &[b"SET", &key("key", number), &vec![b'v'; len]],
                    );
                }
                Store::Expiring(len) => {
                    let args: [&[u8]; 5] = [
                        b"SET",
                        &key("key", number),
                        &vec![b'v'; len],
                        b"EX",
                        b"100000",
                    ];
                    command(&mut request, &args);
                }
                Store::Counters => {
                    let value = (COUNTER + number).to_string();
                    command(
                        &mut request,
                        &[b"SET", &key("cnt", number), value.as_bytes()],
                    );
                }
                Store::Large => command(&mut request, &[b"SET", b"large", &vec![b'v'; LARGE]]),
                Store::Collections(collection) => {
                    let (name, words, added) = collection.command(number);
                    let key = key("key", number);
                    let mut args = vec![name.as_bytes(), &key];
                    args.extend(words.iter().map(String::as_bytes));
                    command(&mut request, &args);
                    reply_len = b":\r\n".len() + digits(added);
                }
            }
            replies_len += reply_len;
        }
        (request, replies_len)
    }
}

/// A key of 16 bytes.
fn key(prefix: &str, number: u64) -> Vec<u8> {
    format!("{prefix}:{number:012}").into_bytes()
}

fn bulk_len(len: usize) -> usize {
    b"$\r\n\r\n".len() + digits(len as u64) + len
}

fn digits(number: u64) -> usize {
    number.to_string().len()
}

fn command(request: &mut Vec<u8>, args: &[&[u8]]) {
    request.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        request.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        request.extend_from_slice(arg);
        request.extend_from_slice(b"\r\n");
    }
}
