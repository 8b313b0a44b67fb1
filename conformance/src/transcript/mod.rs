//! The language of `.resp` transcripts: its tree, and (in the modules below) reading, printing, checking and resolving
//! it for one server. It plays nothing: no socket, no clock, no server.
//!
//! A transcript is one case: a text file in which every line is one thing and the first column says what.
//!
//! ```text
//! @id     inline/crlf-before-resp
//! @title  An empty inline line leaves no trace in the parser
//! @level  must
//! @why    redis-cli --pipe sends "\r\n" + ECHO as its tail
//!
//! # the CRLF and the command arrive in one segment
//! a> \r\n*2\r\n$4\r\nECHO\r\n$5\r\nhello
//! a< $5\r\nhello
//! [redis|valkey>=9] a>> \s\t\r\n
//! [redis|valkey>=9] a: PING
//! [redis|valkey>=9] a< +PONG
//! ```
//!
//! | line | meaning |
//! |---|---|
//! | `# text`, `%% text` | a comment; provenance, written by `respect record` |
//! | `@key value` | the header: see [`HeaderField`] |
//! | `a: SET k "v w"` | send a command as multibulk; words are quoted as in redis-cli |
//! | `a> bytes`, `a>> bytes` | send these bytes and CRLF; exactly these bytes |
//! | `a< bytes`, `a<< bytes` | expect exactly these bytes and CRLF; exactly these bytes |
//! | `a<{ any-order` … `a<}` | the `a<` lines between come each once, in any order; each line holds whole replies |
//! | `a! open rcvbuf=4096`, `flush`, `shutdown`, `rst`, `close`, `pause`, `resume` | what the client does to its socket |
//! | `a! eof`, `reset`, `closed`, with `discard`; `a! quiet 50ms` | what must be seen of the server: see [`Observation`] |
//! | `barrier`, `sleep 150ms` | wait until everything sent is read; wait |
//! | `[redis<8\|valkey>=9] a< …` | any of these, for some servers only: see [`guard`] |
//!
//! Connections are opened by the first line that names them. In bytes, `\r \n \t \0 \s \\ \{ \} \xHH` are escapes
//! ([`escape`]), `{x*65536}` repeats, `{name:kind}` is a hole whose content is captured, `{name}` is what it captured, and
//! `\|` in a send is a cut ([`pattern`]). Inside the quotes of a `:` line braces are plain; outside quotes they are as
//! elsewhere. Sends with no expectation between them are one write. A blank at the end of a line is an error; `\s`
//! writes one.
//!
//! [`Transcript::lines`] keeps everything, comments and blank lines included, so that printing a canonical file gives
//! the same file. Whoever plays a transcript asks for its [`Header`] and for the [`script`] of one server.

pub mod escape;
pub mod files;
pub mod finding;
pub mod guard;
mod header;
mod hole;
pub mod lint;
mod matching;
mod parse;
pub mod pattern;
mod payload;
mod print;
pub mod script;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use finding::{Finding, Severity};
pub use guard::{Guard, Identity, Version};
pub use matching::{Match, Matcher, Progress};
pub use pattern::{Capture, Captures, HoleKind, NothingCaptured, Pattern, PatternPart, SendPart};
pub use script::{ExpectedLine, Move, Payload, Script, Sent};

/// One case, line by line as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// Every line in order.
    pub lines: Vec<Line>,
}

/// A line, or a whole any-order block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, from 1; 0 when it was never in a file.
    pub number: usize,
    /// What it is.
    pub content: Content,
}

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing on it.
    Blank,
    /// `# text`
    Comment(String),
    /// `%% text`: written by a machine, about where the expectations come from.
    Provenance(String),
    /// `@key value`
    Header(HeaderField),
    /// Something that is done or expected.
    Step(Step),
}

/// Something that is done or expected, on every server or on some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// For which servers; `None` means for all.
    pub guard: Option<Guard>,
    /// What.
    pub action: Action,
}

/// What a step does or expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `a: SET k "v w"`
    Command {
        /// On which connection.
        connection: String,
        /// The words, the command's name first; never empty. [`SendPart::Cut`] does not occur.
        arguments: Vec<Vec<SendPart>>,
    },
    /// `a> bytes`, `a>> bytes`
    Send {
        /// On which connection.
        connection: String,
        /// The bytes, without the CRLF that `ending` adds.
        parts: Vec<SendPart>,
        /// Whether CRLF follows.
        ending: Ending,
    },
    /// `a< bytes`, `a<< bytes`
    Expect {
        /// On which connection.
        connection: String,
        /// The bytes, without the CRLF that `ending` adds.
        pattern: Pattern,
        /// Whether CRLF follows.
        ending: Ending,
    },
    /// `a<{ any-order` … `a<}`
    AnyOrder {
        /// On which connection.
        connection: String,
        /// Expectations on the same connection, comments and blank lines.
        items: Vec<Line>,
    },
    /// `a! shutdown`
    Socket {
        /// On which connection.
        connection: String,
        /// What the client does.
        action: SocketAction,
    },
    /// `a! eof`
    Observe {
        /// On which connection.
        connection: String,
        /// What must be seen.
        observation: Observation,
    },
    /// `barrier`: everything sent so far has been read by the server before anything else is sent.
    Barrier,
    /// `sleep 150ms`
    Sleep(Duration),
}

impl Action {
    /// The connection it concerns; a barrier and a sleep concern all.
    pub fn connection(&self) -> Option<&str> {
        match self {
            Action::Command { connection, .. }
            | Action::Send { connection, .. }
            | Action::Expect { connection, .. }
            | Action::AnyOrder { connection, .. }
            | Action::Socket { connection, .. }
            | Action::Observe { connection, .. } => Some(connection),
            Action::Barrier | Action::Sleep(_) => None,
        }
    }

    /// Whether it expects bytes.
    pub fn is_expectation(&self) -> bool {
        matches!(self, Action::Expect { .. } | Action::AnyOrder { .. })
    }

    /// Whether it sends bytes.
    pub fn is_send(&self) -> bool {
        matches!(self, Action::Command { .. } | Action::Send { .. })
    }
}

/// Whether the bytes of a line are followed by CRLF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// `>` and `<`: the line's CRLF is meant too.
    Crlf,
    /// `>>` and `<<`: these bytes and no more.
    Exact,
}

/// What a client does to its socket, apart from writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketAction {
    /// `open`, for a connection that must be open before it says anything, or with particular buffers.
    Open {
        /// `rcvbuf=N`: SO_RCVBUF in bytes, set before connecting.
        receive_buffer: Option<usize>,
        /// `sndbuf=N`: SO_SNDBUF in bytes, set before connecting.
        send_buffer: Option<usize>,
    },
    /// `flush`: what was sent so far is a write of its own.
    Flush,
    /// `shutdown`: no more will be written (FIN), reading goes on.
    Shutdown,
    /// `rst`: the connection is reset.
    Rst,
    /// `close`: the connection is closed.
    Close,
    /// `pause`: nothing is read until `resume`, so the server meets a full socket.
    Pause,
    /// `resume`
    Resume,
}

/// What must be seen of the server's side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// `eof`, `reset`, `closed`: the server has closed.
    End {
        /// In which way.
        end: End,
        /// `discard`: bytes that were not expected may come first, and are thrown away.
        discard: bool,
    },
    /// `quiet`: the server has sent nothing more and has not closed, shown by a round trip on another connection; with
    /// a time, on a server whose connections do not answer in turn, after waiting that long.
    Quiet(Option<Duration>),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With FIN.
    Eof,
    /// With RST.
    Reset,
    /// With either.
    Closed,
}

/// A line of the header, `@key value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderField {
    /// `@id section/slug`: never renumbered, and the path of the file below `fixtures/`.
    Id(String),
    /// `@title`: the behaviour in one sentence.
    Title(String),
    /// `@level must|should|may|info`
    Level(Level),
    /// `@why`: what went wrong in the world without it, or where the rule is from.
    Why(String),
    /// `@tags`, separated by blanks.
    Tags(Vec<String>),
    /// `@since guard`: the servers that have what the case is about.
    Since(Guard),
    /// `@config key value`: set before the case and set back after it; more than one may be given.
    Config {
        /// The option's name.
        key: String,
        /// Its value.
        value: String,
    },
    /// `@needs debug,config`: what a server must allow for the case to be played, of [`NEEDS`].
    Needs(Vec<String>),
    /// `@split any|fixed`
    Split(Split),
    /// `@trailing strict|allow`
    Trailing(Trailing),
    /// `@timeout 2s`: how long one expectation may take.
    Timeout(Duration),
    /// `@repeat 20`: play it so often.
    Repeat(u32),
}

/// How much a difference matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Clients depend on it.
    #[default]
    Must,
    /// Clients notice.
    Should,
    /// A choice.
    May,
    /// Told, never held against anyone.
    Info,
}

impl Level {
    /// Every level with its spelling, the strictest first.
    pub const ALL: [(&'static str, Level); 4] = [
        ("must", Level::Must),
        ("should", Level::Should),
        ("may", Level::May),
        ("info", Level::Info),
    ];

    /// How a transcript spells it.
    pub fn spelling(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, level)| *level == self);
        found.expect("every level has a spelling").0
    }
}

/// Whether the same bytes, cut elsewhere, must be answered in the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// They must: the case is also played byte by byte and at every cut.
    #[default]
    Any,
    /// Played only as written.
    Fixed,
}

/// Whether bytes may remain unread at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trailing {
    /// None may.
    #[default]
    Strict,
    /// Some may.
    Allow,
}

/// What `@needs` may ask for, and what each means.
pub const NEEDS: [(&str, &str); 5] = [
    ("config", "CONFIG SET is allowed"),
    ("debug", "DEBUG is allowed"),
    ("lua", "scripts are run"),
    ("memory", "hundreds of megabytes may be used"),
    (
        "start",
        "the judge started the server itself, so it may be restarted or killed",
    ),
];

/// The header put together. Missing lines have their default; the linter names those that must not be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `section/slug`, empty if missing.
    pub id: String,
    /// The behaviour in one sentence, empty if missing.
    pub title: String,
    /// How much a difference matters.
    pub level: Level,
    /// Why it matters, empty if missing.
    pub why: String,
    /// All tags.
    pub tags: Vec<String>,
    /// The servers that have what the case is about; `None` means all.
    pub since: Option<Guard>,
    /// Options to set before, with their values.
    pub config: Vec<(String, String)>,
    /// What the server must allow, beyond what `config` implies.
    pub needs: Vec<String>,
    /// Whether cuts may change anything.
    pub split: Split,
    /// Whether bytes may remain unread at the end.
    pub trailing: Trailing,
    /// How long one expectation may take, if not the usual time.
    pub timeout: Option<Duration>,
    /// How often to play it; at least 1.
    pub repeat: u32,
}

impl Transcript {
    /// The header, put together from its lines. Where a key is repeated that must not be, the last one counts.
    pub fn header(&self) -> Header {
        let mut header = Header {
            repeat: 1,
            ..Header::default()
        };
        for line in &self.lines {
            let Content::Header(field) = &line.content else {
                continue;
            };
            match field.clone() {
                HeaderField::Id(id) => header.id = id,
                HeaderField::Title(title) => header.title = title,
                HeaderField::Level(level) => header.level = level,
                HeaderField::Why(why) => header.why = why,
                HeaderField::Tags(tags) => header.tags.extend(tags),
                HeaderField::Since(guard) => header.since = Some(guard),
                HeaderField::Config { key, value } => header.config.push((key, value)),
                HeaderField::Needs(needs) => header.needs.extend(needs),
                HeaderField::Split(split) => header.split = split,
                HeaderField::Trailing(trailing) => header.trailing = trailing,
                HeaderField::Timeout(timeout) => header.timeout = Some(timeout),
                HeaderField::Repeat(repeat) => header.repeat = repeat,
            }
        }
        header
    }

    /// What is done and expected on a server of this identity: guards resolved, writes joined.
    pub fn script(&self, server: &Identity) -> Script {
        script::resolve(self, server)
    }

    /// Every step with its line number, guards unresolved.
    pub fn steps(&self) -> impl Iterator<Item = (usize, &Step)> {
        self.lines.iter().filter_map(|line| match &line.content {
            Content::Step(step) => Some((line.number, step)),
            _ => None,
        })
    }
}
