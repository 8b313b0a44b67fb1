//! Nothing that a client sends ends the process or makes it answer what is not RESP: streams of all commands with every
//! kind of argument, whole and damaged, from several clients.
//!
//! `PROPTEST_CASES` says how many streams; a thousand are about a hundred thousand commands.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use respect_conformance::wire::{Element, Reader, Reply};
use respect_server::{Connection, Embedded};

/// A key of each kind, so that every command meets the types it is for and those it is not for.
const FILL: &[&str] = &[
    "SET k0 text",
    "SET k1 10",
    "SETEX k2 100 1.5",
    "RPUSH k3 a b 3",
    "HSET k4 f v 1 2",
    "HEXPIRE k4 100 FIELDS 1 f",
    "SADD k5 1 2 3",
    "SADD k6 a b c",
    "ZADD k7 1 a 2 b 3 c",
    "PFADD k8 a b c",
    "GEOADD k9 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
    // What would be allocated for a single number stays small.
    "CONFIG SET proto-max-bulk-len 1mb",
];

/// Those that end the process because they are meant to, or stop it for as long as they are told.
const LEFT_OUT: &[&str] = &["shutdown", "debug"];

/// What the server says of itself: its commands, and the words that their arguments can be.
struct Language {
    commands: Vec<Vec<Vec<u8>>>,
    words: Vec<Vec<u8>>,
}

static LANGUAGE: LazyLock<Language> = LazyLock::new(|| {
    let mut redis = Embedded::new(1);
    let client = redis.connect();
    let docs = one(&redis.exchange(client, b"COMMAND DOCS\r\n"));
    let (mut commands, mut words) = (BTreeSet::new(), BTreeSet::new());
    for pair in docs.root().children().collect::<Vec<_>>().chunks(2) {
        let name = pair[0].body().to_vec();
        if !LEFT_OUT.iter().any(|left_out| left_out.as_bytes() == name) {
            commands.insert(vec![name]);
            gather(pair[1], &mut commands, &mut words);
        }
    }
    assert!(commands.len() > 200, "{} commands", commands.len());
    assert!(words.len() > 100, "{} words", words.len());
    Language {
        commands: commands.into_iter().collect(),
        words: words.into_iter().collect(),
    }
});

/// The subcommands and the words of optional arguments within a command's documentation.
fn gather(docs: Element<'_>, commands: &mut BTreeSet<Vec<Vec<u8>>>, words: &mut BTreeSet<Vec<u8>>) {
    let children: Vec<Element<'_>> = docs.children().collect();
    for (index, child) in children.iter().enumerate() {
        let text = child.body();
        if let Some(bar) = text.iter().position(|byte| *byte == b'|')
            && text
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || b"|-".contains(byte))
        {
            commands.insert(vec![text[..bar].to_vec(), text[bar + 1..].to_vec()]);
        }
        if text == b"token"
            && let Some(word) = children.get(index + 1)
        {
            words.insert(word.body().to_vec());
        }
        gather(*child, commands, words);
    }
}

/// The only reply in these bytes.
fn one(bytes: &[u8]) -> Reply {
    let mut reader = Reader::new();
    reader.feed(bytes);
    reader.next_reply().expect("RESP").expect("a whole reply")
}

#[derive(Clone, Debug)]
enum Arg {
    Key(u8),
    Word(Index),
    Text(&'static str),
    Bytes(Vec<u8>),
}

#[derive(Clone, Debug)]
struct Step {
    client: usize,
    command: Index,
    args: Vec<Arg>,
    /// This byte of the command is another one.
    damage: Option<(Index, u8)>,
    /// So much time passes after it.
    pause_ms: u64,
}

fn step() -> impl Strategy<Value = Step> {
    let text = prop::sample::select(
        &[
            "0",
            "1",
            "-1",
            "2",
            "3",
            "10",
            "100",
            "-100",
            "65536",
            "2147483647",
            "-2147483648",
            "4294967295",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "1.5",
            "-0",
            "+1",
            " 1",
            "01",
            "1e400",
            "nan",
            "inf",
            "-inf",
            "(1",
            "[a",
            "-",
            "+",
            "*",
            "?",
            "#",
            "k*->f",
            "",
            "$",
            "~",
            "=",
            "a",
            "f",
            "v",
            "u8",
            "i64",
            "#1",
            "u64",
            "Palermo",
            "KEA",
            "maxmemory",
            "save",
            "client",
            "get",
            "0-1",
        ][..],
    );
    let arg = prop_oneof![
        4 => (0..12_u8).prop_map(Arg::Key),
        4 => any::<Index>().prop_map(Arg::Word),
        6 => text.prop_map(Arg::Text),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Arg::Bytes),
        1 => (1..3000_usize).prop_map(|len| Arg::Bytes(vec![b'x'; len])),
    ];
    let damage = prop_oneof![9 => Just(None), 1 => any::<(Index, u8)>().prop_map(Some)];
    let pause = prop_oneof![9 => Just(0), 1 => 1..200_000_u64];
    (
        0..3_usize,
        any::<Index>(),
        prop::collection::vec(arg, 0..8),
        damage,
        pause,
    )
        .prop_map(|(client, command, args, damage, pause_ms)| Step {
            client,
            command,
            args,
            damage,
            pause_ms,
        })
}

impl Step {
    fn bytes(&self) -> Vec<u8> {
        let Language { commands, words } = &*LANGUAGE;
        let mut args = self.command.get(commands).clone();
        // Asked for as many picks as a negative number says, a server answers as many: that is no fault, but no test either.
        let picks = args[0].ends_with(b"randmember") || args[0] == b"hrandfield";
        for arg in &self.args {
            args.push(match arg {
                Arg::Key(number) => format!("k{number}").into_bytes(),
                Arg::Word(index) => index.get(words).clone(),
                Arg::Text(text) if picks && text.starts_with("-") && text.len() > 4 => {
                    b"-7".to_vec()
                }
                Arg::Text(text) => text.as_bytes().to_vec(),
                Arg::Bytes(bytes) => bytes.clone(),
            });
        }
        let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            bytes.extend(format!("${}\r\n", arg.len()).into_bytes());
            bytes.extend(arg);
            bytes.extend(b"\r\n");
        }
        if let Some((index, byte)) = &self.damage {
            *index.get_mut(&mut bytes) = *byte;
        }
        bytes
    }
}

/// A client, and what it has been told since it connected.
struct Client {
    connection: Connection,
    reader: Reader,
}

impl Client {
    fn new(redis: &mut Embedded) -> Client {
        Client {
            connection: redis.connect(),
            reader: Reader::new(),
        }
    }

    /// Reads what has come; what is not RESP is an error.
    fn read(&mut self, redis: &mut Embedded) -> Result<(), TestCaseError> {
        let bytes = redis.output(self.connection);
        self.reader.feed(&bytes);
        loop {
            match self.reader.next_reply() {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(error) => {
                    let shown = bytes.escape_ascii().to_string();
                    return Err(TestCaseError::fail(format!("{error:?} in {shown}")));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_clients_send_is_answered_with_resp(steps in prop::collection::vec(step(), 1..200), seed in any::<u64>()) {
        let mut redis = Embedded::new(seed);
        let filler = redis.connect();
        for line in FILL {
            let answer = redis.exchange(filler, format!("{line}\r\n").as_bytes());
            prop_assert!(!answer.starts_with(b"-"), "{line}: {}", answer.escape_ascii());
        }
        let mut clients: Vec<Client> = (0..3).map(|_| Client::new(&mut redis)).collect();
        for step in &steps {
            redis.send(clients[step.client].connection, &step.bytes());
            redis.advance(Duration::from_millis(step.pause_ms));
            for client in &mut clients {
                client.read(&mut redis)?;
                if !redis.is_connected(client.connection) {
                    *client = Client::new(&mut redis);
                }
            }
        }
    }
}
