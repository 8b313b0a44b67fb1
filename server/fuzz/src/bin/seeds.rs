//! Writes what the targets begin with, below the folder it is given: everything that is sent in `fixtures/`, payloads of all
//! values that come of it, and the options that are set there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{env, fs, io};

use respect_conformance::case::Case;
use respect_conformance::request::encode_multibulk;
use respect_conformance::request::reader::RequestReader;
use respect_conformance::transcript::files::read_folder;
use respect_conformance::transcript::script::expand_write;
use respect_conformance::transcript::{Captures, Identity, Move};
use respect_conformance::wire::Reader;
use respect_conformance::workspace;
use respect_server::{Connection, Embedded};

/// Larger ones would be cut anyway.
const LEN_MAX: usize = 64 * 1024;

/// The version and the check sum at the end of a payload.
const SEAL_LEN: usize = 10;

/// Those that end or stop the server, as they are meant to.
const LEFT_OUT: &[&[u8]] = &[b"shutdown", b"debug"];

#[derive(Default)]
struct Seeds {
    requests: BTreeSet<Vec<u8>>,
    payloads: BTreeSet<Vec<u8>>,
    configs: BTreeSet<Vec<u8>>,
}

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).expect("a folder to write to");
    let identity: Identity = "redis-8.2.3".parse().expect("an identity");
    let mut seeds = Seeds::default();
    seeds.add_defaults();
    for file in read_folder(&workspace::fixtures())? {
        let case = Case::parse(&file.path, &file.text).expect("the linter has read it");
        seeds.add(&case, &identity);
    }
    let all = [
        ("request", seeds.requests),
        ("payload", seeds.payloads),
        ("config", seeds.configs),
    ];
    for (parser, seeds) in all {
        let folder = Path::new(&folder).join(parser);
        fs::create_dir_all(&folder)?;
        assert!(seeds.len() > 50, "only {} for {parser}", seeds.len());
        println!("{} for {parser}", seeds.len());
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:04}")), seed)?;
        }
    }
    Ok(())
}

impl Seeds {
    /// Each option with its default, alone and all together.
    fn add_defaults(&mut self) {
        let mut redis = Embedded::new(1);
        let client = redis.connect();
        let mut all = Vec::new();
        for pair in bodies(&ask(&mut redis, client, &[b"CONFIG", b"GET", b"*"])).chunks_exact(2) {
            self.add_option(&pair[0], &pair[1]);
            all.extend([&pair[0], &b" "[..], &quoted(&pair[1]), b"\n"].concat());
        }
        self.configs.insert(all);
    }

    /// An option, as a line and as arguments.
    fn add_option(&mut self, name: &[u8], value: &[u8]) {
        let line = [name, b" ", &quoted(value), b"\n"].concat();
        let arguments = [b"# none\xff--", name, b"\xff", value].concat();
        self.configs.extend([line, arguments]);
    }

    /// What a transcript sends, and what that makes.
    fn add(&mut self, case: &Case, identity: &Identity) {
        for (name, value) in &case.transcript.header().config {
            self.add_option(name.as_bytes(), value.as_bytes());
        }
        let mut streams: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for step in case.transcript.script(identity).moves {
            if let Move::Write { connection, sends } = step {
                let sent = expand_write(&sends, &Captures::new()).unwrap_or_default();
                streams.entry(connection).or_default().extend(sent.concat());
            }
        }
        let mut redis = Embedded::new(1);
        let client = redis.connect();
        for stream in streams.into_values() {
            let mut reader = RequestReader::new();
            reader.feed(&stream);
            while let Ok(Some(request)) = reader.next_request() {
                self.add_command(&mut redis, client, &request.arguments);
            }
            if stream.len() < LEN_MAX {
                self.requests.insert([&[0; 8], stream.as_slice()].concat());
            }
        }
    }

    fn add_command(&mut self, redis: &mut Embedded, client: Connection, arguments: &[Vec<u8>]) {
        let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        let lower: Vec<Vec<u8>> = arguments.iter().map(|a| a.to_ascii_lowercase()).collect();
        let lower: Vec<&[u8]> = lower.iter().map(Vec::as_slice).collect();
        match lower.as_slice() {
            [] => return,
            [b"restore", ..] if arguments.len() > 3 => self.add_payload(arguments[3]),
            [b"config", b"set", ..] => {
                for pair in arguments[2..].chunks_exact(2) {
                    self.add_option(pair[0], pair[1]);
                }
            }
            _ => {}
        }
        if LEFT_OUT.contains(&lower[0]) || !redis.is_connected(client) {
            return;
        }
        ask(redis, client, &arguments);
        if let Some(key) = arguments.get(1)
            && let [payload] = bodies(&ask(redis, client, &[b"DUMP", key])).as_slice()
        {
            self.add_payload(payload);
        }
    }

    fn add_payload(&mut self, payload: &[u8]) {
        let len = payload.len().saturating_sub(SEAL_LEN);
        if (1..LEN_MAX).contains(&len) {
            self.payloads.insert(payload[..len].to_vec());
        }
    }
}

fn ask(redis: &mut Embedded, client: Connection, words: &[&[u8]]) -> Vec<u8> {
    redis.exchange(client, &encode_multibulk(words))
}

/// The contents of the last reply that has any, or of the elements in it; of an error there are none.
fn bodies(answer: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = Reader::new();
    reader.feed(answer);
    let Ok(Some(reply)) = reader.next_reply() else {
        return Vec::new();
    };
    let root = reply.root();
    let children: Vec<Vec<u8>> = root.children().map(|child| child.body().to_vec()).collect();
    match answer.first() {
        Some(b'$') => vec![root.body().to_vec()],
        Some(b'*' | b'%') => children,
        _ => Vec::new(),
    }
}

/// Between double quotes.
fn quoted(value: &[u8]) -> Vec<u8> {
    format!("\"{}\"", value.escape_ascii()).into_bytes()
}
