//! The constant that declares a command: dispatch, arity, ACL, key extraction and documentation all read it.
//!
//! The facts are those that Redis 8.2.3 itself reports through `COMMAND INFO` and `COMMAND DOCS`.
//! This is the one place below `commands` that names the engine: a handler's type has to.

use bitflags::bitflags;

use crate::engine::{Call, Data, Engine, Flow};
use crate::registry::keys::KeyRef;
use crate::resp::args::Args;
use crate::resp::error::Error;

/// How a command is carried out; the variant decides what the handler can reach.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// Sees keys, arguments, the time and the reply, and nothing else.
    Data(DataHandler),
    /// As `Data`, and may have to wait: then it runs again when one of its keys may have what it waits for.
    Blocking(fn(&mut Data<'_>) -> Result<Flow, Error>),
    /// Sequences subsystems: sessions, transactions, pub/sub, configuration.
    Engine(fn(&mut Engine, &mut Call<'_>) -> Outcome),
    /// Does nothing itself: its subcommands do.
    Container,
}

/// Carries out a data command.
pub(crate) type DataHandler = fn(&mut Data<'_>) -> Outcome;

/// What a handler returns. An error is written by the caller, never by the handler.
pub(crate) type Outcome = Result<(), Error>;

bitflags! {
    /// What Redis calls command flags, in the order `COMMAND INFO` lists them.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Flags: u32 {
        const WRITE = 1 << 0;
        const READONLY = 1 << 1;
        const DENYOOM = 1 << 2;
        const MODULE = 1 << 3;
        const ADMIN = 1 << 4;
        const PUBSUB = 1 << 5;
        const NOSCRIPT = 1 << 6;
        const BLOCKING = 1 << 7;
        const LOADING = 1 << 8;
        const STALE = 1 << 9;
        const SKIP_MONITOR = 1 << 10;
        const SKIP_SLOWLOG = 1 << 11;
        const ASKING = 1 << 12;
        const FAST = 1 << 13;
        const NO_AUTH = 1 << 14;
        /// May write although it is not WRITE, so CLIENT PAUSE WRITE holds it back; not shown by COMMAND INFO.
        const MAY_REPLICATE = 1 << 15;
        const NO_MANDATORY_KEYS = 1 << 16;
        const NO_ASYNC_LOADING = 1 << 17;
        const NO_MULTI = 1 << 18;
        const MOVABLEKEYS = 1 << 19;
        const ALLOW_BUSY = 1 << 20;
        /// Only where enable-debug-command or its like allows it; not shown by COMMAND INFO.
        const PROTECTED = 1 << 21;
        /// What COMMAND INFO does not show.
        const HIDDEN = Self::PROTECTED.bits() | Self::MAY_REPLICATE.bits();
    }
}

bitflags! {
    /// ACL categories, in the order `ACL CAT` and `COMMAND INFO` list them.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Categories: u32 {
        const KEYSPACE = 1 << 0;
        const READ = 1 << 1;
        const WRITE = 1 << 2;
        const SET = 1 << 3;
        const SORTEDSET = 1 << 4;
        const LIST = 1 << 5;
        const HASH = 1 << 6;
        const STRING = 1 << 7;
        const BITMAP = 1 << 8;
        const HYPERLOGLOG = 1 << 9;
        const GEO = 1 << 10;
        const STREAM = 1 << 11;
        const PUBSUB = 1 << 12;
        const ADMIN = 1 << 13;
        const FAST = 1 << 14;
        const SLOW = 1 << 15;
        const BLOCKING = 1 << 16;
        const DANGEROUS = 1 << 17;
        const CONNECTION = 1 << 18;
        const TRANSACTION = 1 << 19;
        const SCRIPTING = 1 << 20;
    }
}

/// The section of the manual a command stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    dead_code,
    reason = "the whole list of Redis, so that a new family only adds its commands"
)]
pub(crate) enum Group {
    Generic,
    String,
    List,
    Set,
    SortedSet,
    Hash,
    PubSub,
    Transactions,
    Connection,
    Server,
    Scripting,
    HyperLogLog,
    Cluster,
    Sentinel,
    Geo,
    Stream,
    Bitmap,
    Module,
}

bitflags! {
    /// What a command does with the keys of one key spec, in the order `COMMAND INFO` lists them.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct KeyFlags: u32 {
        const RO = 1 << 0;
        const RW = 1 << 1;
        const OW = 1 << 2;
        const RM = 1 << 3;
        const ACCESS = 1 << 4;
        const UPDATE = 1 << 5;
        const INSERT = 1 << 6;
        const DELETE = 1 << 7;
        const NOT_KEY = 1 << 8;
        const INCOMPLETE = 1 << 9;
        const VARIABLE_FLAGS = 1 << 10;
    }
}

/// Where the keys of a spec begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    dead_code,
    reason = "the whole list of Redis, so that a new family only adds its commands"
)]
pub(crate) enum Begin {
    /// At this argument.
    Index(i32),
    /// After this word, sought from this argument on (from the end when negative).
    Keyword(&'static str, i32),
    /// Nobody can say without running the command.
    Unknown,
}

/// How the keys of a spec are found from where they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    dead_code,
    reason = "the whole list of Redis, so that a new family only adds its commands"
)]
pub(crate) enum Find {
    /// Up to `last` (relative to the beginning; negative counts from the end), every `step`, within `1/limit` of the rest.
    Range { last: i32, step: i32, limit: i32 },
    /// An argument `numkeys` (at this offset) says how many follow, the first at `first`, every `step`.
    KeyNum { numkeys: i32, first: i32, step: i32 },
    /// Nobody can say without running the command.
    Unknown,
}

/// One key spec.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    pub(crate) begin: Begin,
    pub(crate) find: Find,
    pub(crate) flags: KeyFlags,
    pub(crate) notes: Option<&'static str>,
}

impl Keys {
    /// Keys from argument `first` to `last` (relative to `first`; negative counts from the end), every `step`.
    pub(crate) const fn range(first: i32, last: i32, step: i32, flags: KeyFlags) -> Keys {
        Keys {
            begin: Begin::Index(first),
            find: Find::Range {
                last,
                step,
                limit: 0,
            },
            flags,
            notes: None,
        }
    }

    /// The single key at argument `first`.
    pub(crate) const fn one(first: i32, flags: KeyFlags) -> Keys {
        Keys::range(first, 0, 1, flags)
    }

    /// A remark `COMMAND INFO` carries.
    pub(crate) const fn notes(mut self, notes: &'static str) -> Keys {
        self.notes = Some(notes);
        self
    }
}

/// Finds the keys of a command whose key specs alone cannot say where they are or what becomes of them: no keys if the
/// arguments are not the command's.
pub(crate) type FindKeys = fn(Args<'_>) -> Vec<KeyRef>;

/// The kind of an argument, as `COMMAND DOCS` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    dead_code,
    reason = "the whole list of Redis, so that a new family only adds its commands"
)]
pub(crate) enum ArgKind {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    PureToken,
    OneOf,
    Block,
}

/// One argument of a command's grammar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arg {
    pub(crate) name: &'static str,
    pub(crate) kind: ArgKind,
    /// Shown instead of the name; `None` where it is the name (and for blocks and choices, which show none).
    pub(crate) display: Option<&'static str>,
    pub(crate) token: Option<&'static str>,
    pub(crate) key_spec: Option<u8>,
    pub(crate) since: Option<&'static str>,
    pub(crate) deprecated_since: Option<&'static str>,
    pub(crate) optional: bool,
    pub(crate) multiple: bool,
    pub(crate) multiple_token: bool,
    pub(crate) args: &'static [Arg],
}

impl Arg {
    /// An argument of a simple kind.
    pub(crate) const fn new(name: &'static str, kind: ArgKind) -> Arg {
        Arg {
            name,
            kind,
            display: None,
            token: None,
            key_spec: None,
            since: None,
            deprecated_since: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            args: &[],
        }
    }

    /// A key covered by the given key spec.
    pub(crate) const fn key(name: &'static str, spec: u8) -> Arg {
        let mut arg = Arg::new(name, ArgKind::Key);
        arg.key_spec = Some(spec);
        arg
    }

    /// A word that stands for itself.
    pub(crate) const fn word(name: &'static str, token: &'static str) -> Arg {
        Arg::new(name, ArgKind::PureToken).token(token)
    }

    /// Exactly one of several.
    pub(crate) const fn one_of(name: &'static str, args: &'static [Arg]) -> Arg {
        let mut arg = Arg::new(name, ArgKind::OneOf);
        arg.args = args;
        arg
    }

    /// Several that go together.
    pub(crate) const fn block(name: &'static str, args: &'static [Arg]) -> Arg {
        let mut arg = Arg::new(name, ArgKind::Block);
        arg.args = args;
        arg
    }

    pub(crate) const fn display(mut self, text: &'static str) -> Arg {
        self.display = Some(text);
        self
    }

    /// What it says of keys belongs to this key spec, though it is none itself.
    pub(crate) const fn key_spec(mut self, index: u8) -> Arg {
        self.key_spec = Some(index);
        self
    }

    pub(crate) const fn token(mut self, token: &'static str) -> Arg {
        self.token = Some(token);
        self
    }

    pub(crate) const fn since(mut self, version: &'static str) -> Arg {
        self.since = Some(version);
        self
    }

    pub(crate) const fn deprecated_since(mut self, version: &'static str) -> Arg {
        self.deprecated_since = Some(version);
        self
    }

    pub(crate) const fn optional(mut self) -> Arg {
        self.optional = true;
        self
    }

    pub(crate) const fn multiple(mut self) -> Arg {
        self.multiple = true;
        self
    }

    pub(crate) const fn multiple_token(mut self) -> Arg {
        self.multiple_token = true;
        self
    }
}

/// One command or subcommand, as declared beside its function.
#[derive(Clone, Copy)]
pub(crate) struct Command {
    /// In lower case; a subcommand's own word only.
    pub(crate) name: &'static str,
    pub(crate) since: &'static str,
    pub(crate) group: Group,
    /// Number of arguments with the name; negative: at least so many. A subcommand counts its container's name too.
    pub(crate) arity: i32,
    pub(crate) run: Run,
    pub(crate) flags: Flags,
    /// The categories that do not follow from the flags.
    pub(crate) categories: Categories,
    pub(crate) keys: &'static [Keys],
    /// Asked where a key spec has VARIABLE_FLAGS, is INCOMPLETE or is beyond description.
    pub(crate) find_keys: Option<FindKeys>,
    pub(crate) args: &'static [Arg],
    pub(crate) summary: &'static str,
    pub(crate) complexity: &'static str,
    pub(crate) history: &'static [(&'static str, &'static str)],
    pub(crate) tips: &'static [&'static str],
    pub(crate) deprecated_since: Option<&'static str>,
    pub(crate) replaced_by: Option<&'static str>,
    /// Not for users: one of Redis's own tools.
    pub(crate) syscmd: bool,
    pub(crate) subcommands: &'static [Command],
}

impl Command {
    /// A command with nothing but what every command has.
    pub(crate) const fn new(
        name: &'static str,
        since: &'static str,
        group: Group,
        arity: i32,
        run: Run,
    ) -> Command {
        Command {
            name,
            since,
            group,
            arity,
            run,
            flags: Flags::empty(),
            categories: Categories::empty(),
            keys: &[],
            find_keys: None,
            args: &[],
            summary: "",
            complexity: "",
            history: &[],
            tips: &[],
            deprecated_since: None,
            replaced_by: None,
            syscmd: false,
            subcommands: &[],
        }
    }

    pub(crate) const fn flags(mut self, flags: Flags) -> Command {
        self.flags = flags;
        self
    }

    pub(crate) const fn categories(mut self, categories: Categories) -> Command {
        self.categories = categories;
        self
    }

    pub(crate) const fn keys(mut self, keys: &'static [Keys]) -> Command {
        self.keys = keys;
        self
    }

    pub(crate) const fn find_keys(mut self, find: FindKeys) -> Command {
        self.find_keys = Some(find);
        self
    }

    pub(crate) const fn args(mut self, args: &'static [Arg]) -> Command {
        self.args = args;
        self
    }

    pub(crate) const fn summary(mut self, text: &'static str) -> Command {
        self.summary = text;
        self
    }

    pub(crate) const fn complexity(mut self, text: &'static str) -> Command {
        self.complexity = text;
        self
    }

    pub(crate) const fn history(
        mut self,
        history: &'static [(&'static str, &'static str)],
    ) -> Command {
        self.history = history;
        self
    }

    pub(crate) const fn tips(mut self, tips: &'static [&'static str]) -> Command {
        self.tips = tips;
        self
    }

    pub(crate) const fn deprecated(
        mut self,
        since: &'static str,
        replaced_by: &'static str,
    ) -> Command {
        self.deprecated_since = Some(since);
        self.replaced_by = Some(replaced_by);
        self
    }

    pub(crate) const fn syscmd(mut self) -> Command {
        self.syscmd = true;
        self
    }

    pub(crate) const fn subcommands(mut self, subcommands: &'static [Command]) -> Command {
        self.subcommands = subcommands;
        self
    }

    /// Whether this many arguments (with the name) are allowed.
    #[inline]
    pub(crate) fn accepts(&self, count: usize) -> bool {
        let least = self.arity.unsigned_abs() as usize;
        count == least || self.arity < 0 && count > least
    }

    /// All categories, those that follow from the flags included, by Redis's own rules.
    pub(crate) fn all_categories(&self) -> Categories {
        let mut all = self.categories;
        if self.flags.contains(Flags::WRITE) {
            all |= Categories::WRITE;
        }
        // Redis leaves the scripting commands out of @read although they are marked read-only.
        if self.flags.contains(Flags::READONLY) && !all.contains(Categories::SCRIPTING) {
            all |= Categories::READ;
        }
        if self.flags.contains(Flags::ADMIN) {
            all |= Categories::ADMIN | Categories::DANGEROUS;
        }
        if self.flags.contains(Flags::PUBSUB) {
            all |= Categories::PUBSUB;
        }
        if self.flags.contains(Flags::BLOCKING) {
            all |= Categories::BLOCKING;
        }
        all | if self.flags.contains(Flags::FAST) {
            Categories::FAST
        } else {
            Categories::SLOW
        }
    }
}
