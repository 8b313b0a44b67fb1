//! What calls a server's commands take, as the server itself tells it: COMMAND for arity, flags and key specs, COMMAND DOCS for
//! the tree of arguments. Knows how those replies are laid out, not what to put into an argument.
//!
//! The layout is that of [COMMAND](https://redis.io/docs/latest/commands/command/) and
//! [COMMAND DOCS](https://redis.io/docs/latest/commands/command-docs/); maps may come as RESP2's flat arrays.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::control::{Control, Trouble};
use crate::wire::{Element, Kind, Reply, read_all};

/// Every command of a server, containers and their subcommands each for itself, by full name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    commands: BTreeMap<String, Command>,
}

/// One command, container or subcommand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// In capitals, a subcommand behind its container and a bar: `CONFIG|GET`.
    pub name: String,
    /// The number of words, negative when it is only the least.
    pub arity: i64,
    /// As COMMAND names them: `write`, `blocking` …
    pub flags: BTreeSet<String>,
    /// ACL categories with their sign: `@hash`.
    pub categories: BTreeSet<String>,
    /// As COMMAND DOCS names it: `sorted-set`.
    pub group: String,
    /// For each key spec whether the key is only overwritten, so that its type does not matter.
    pub overwrites: Vec<bool>,
    /// Whether it has subcommands, and so nothing to do itself.
    pub container: bool,
    /// What follows the name.
    pub arguments: Vec<Argument>,
}

/// One argument of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// What it is called, not what is sent.
    pub name: String,
    /// What it is.
    pub kind: ArgumentKind,
    /// A word in front of it; for a pure token the word it is.
    pub token: Option<String>,
    /// May be left out.
    pub optional: bool,
    /// May be repeated.
    pub multiple: bool,
    /// The token is repeated as well.
    pub multiple_token: bool,
    /// Which of the command's key specs it belongs to.
    pub key_spec: Option<usize>,
    /// The alternatives of a oneof, the parts of a block.
    pub arguments: Vec<Argument>,
}

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// A key.
    Key,
    /// Any bytes.
    String,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Double,
    /// A glob pattern.
    Pattern,
    /// A point in time, in seconds or milliseconds by its name.
    UnixTime,
    /// Its token and nothing else.
    PureToken,
    /// One of its arguments.
    OneOf,
    /// All of its arguments.
    Block,
}

/// Why a server's table cannot be had.
#[derive(Debug)]
pub enum Unreadable {
    /// It does not answer COMMAND, or COMMAND DOCS, as a table: what it said.
    Refused(&'static str, String),
    /// It is gone or stuck.
    Trouble(Trouble),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Refused(what, said) => {
                write!(f, "{what} is answered with `{said}`, not with a table")
            }
            Unreadable::Trouble(trouble) => trouble.fmt(f),
        }
    }
}

impl From<Trouble> for Unreadable {
    fn from(trouble: Trouble) -> Unreadable {
        Unreadable::Trouble(trouble)
    }
}

/// What Redis 8.2.3 answers to COMMAND INFO and COMMAND DOCS of the commands of strings, bitmaps, keys and transactions and a
/// few others, less the prose, with LF for CRLF.
const RECORDED: [&str; 2] = [
    include_str!("recorded/command.txt"),
    include_str!("recorded/command-docs.txt"),
];

impl Table {
    /// Some commands as Redis 8.2.3 describes them, for whoever has no server to ask.
    pub fn recorded() -> Table {
        let [rows, docs] = RECORDED.map(reply);
        Table::read(&rows, Some(&docs)).expect("what is recorded are tables")
    }

    /// Asks a server for its commands and their arguments.
    ///
    /// # Errors
    /// When it answers COMMAND or COMMAND DOCS with something else, or not at all.
    pub fn ask(control: &mut Control) -> Result<Table, Unreadable> {
        let rows = control.command(&[b"COMMAND"])?;
        let docs = control.command(&[b"COMMAND", b"DOCS"])?;
        Table::read(&rows, Some(&docs))
    }

    /// Asks a server for its commands without their arguments, which more servers can say.
    ///
    /// # Errors
    /// When it answers COMMAND with something else, or not at all.
    pub fn ask_names(control: &mut Control) -> Result<Table, Unreadable> {
        Table::read(&control.command(&[b"COMMAND"])?, None)
    }

    /// Reads what COMMAND and COMMAND DOCS answered.
    ///
    /// # Errors
    /// When one of them is not a table.
    pub fn read(rows: &Reply, docs: Option<&Reply>) -> Result<Table, Unreadable> {
        let mut table = Table::default();
        for row in aggregate("COMMAND", rows)?.children() {
            table.read_row(row, None);
        }
        if let Some(docs) = docs {
            for (name, description) in pairs(aggregate("COMMAND DOCS", docs)?) {
                table.read_description(&text(name).to_ascii_uppercase(), description);
            }
        }
        Ok(table)
    }

    /// All of them, by name.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.commands.values()
    }

    /// The command of this full name in capitals.
    pub fn command(&self, name: &str) -> Option<&Command> {
        self.commands.get(name)
    }

    /// Keeps some.
    pub fn retain(&mut self, mut keep: impl FnMut(&Command) -> bool) {
        self.commands.retain(|_, command| keep(command));
    }

    /// A row of COMMAND; a row that is too short for a name and an arity is passed over.
    fn read_row(&mut self, row: Element<'_>, container: Option<&str>) {
        let fields: Vec<Element<'_>> = row.children().collect();
        let [name, arity, flags, ..] = fields[..] else {
            return;
        };
        let mut name = text(name).replace('|', " ");
        // Redis says `config|get`, others may say `get` alone.
        if let Some(container) = container
            && !name.contains(' ')
        {
            name = format!("{container} {name}");
        }
        let name = name.to_ascii_uppercase().replace(' ', "|");
        let words = |field: usize| -> BTreeSet<String> {
            fields
                .get(field)
                .map(|field| field.children().map(text).collect())
                .unwrap_or_default()
        };
        let key_specs: Vec<Element<'_>> = fields
            .get(8)
            .map(|specs| specs.children().collect())
            .unwrap_or_default();
        let overwrites = |spec: &Element<'_>| {
            field(*spec, "flags")
                .is_some_and(|flags| flags.children().any(|flag| text(flag) == "OW"))
        };
        let subcommands: Vec<Element<'_>> = fields
            .get(9)
            .map(|field| field.children().collect())
            .unwrap_or_default();
        for subcommand in &subcommands {
            self.read_row(*subcommand, Some(&name));
        }
        let command = Command {
            arity: text(arity).parse().unwrap_or(-1),
            flags: flags.children().map(text).collect(),
            categories: words(6),
            overwrites: key_specs.iter().map(overwrites).collect(),
            container: !subcommands.is_empty(),
            name: name.clone(),
            ..Command::default()
        };
        self.commands.insert(name, command);
    }

    fn read_description(&mut self, name: &str, description: Element<'_>) {
        if let Some(command) = self.commands.get_mut(name) {
            command.group = field(description, "group").map(text).unwrap_or_default();
            command.arguments = arguments(description);
        }
        for (subcommand, description) in field(description, "subcommands")
            .into_iter()
            .flat_map(pairs)
        {
            self.read_description(&text(subcommand).to_ascii_uppercase(), description);
        }
    }
}

impl Command {
    /// The words a call begins with: one, or two for a subcommand.
    pub fn words(&self) -> Vec<Vec<u8>> {
        self.name
            .split('|')
            .map(|word| word.as_bytes().to_vec())
            .collect()
    }
}

/// A reply written with LF for CRLF.
fn reply(text: &str) -> Reply {
    let bytes = text.replace('\n', "\r\n");
    let (mut replies, _) = read_all(bytes.as_bytes()).expect("what is recorded was read before");
    replies.pop().expect("what is recorded is one reply")
}

fn aggregate<'r>(what: &'static str, reply: &'r Reply) -> Result<Element<'r>, Unreadable> {
    if matches!(reply.kind(), Kind::Array | Kind::Map) {
        Ok(reply.root())
    } else {
        Err(Unreadable::Refused(what, text(reply.root())))
    }
}

fn arguments(description: Element<'_>) -> Vec<Argument> {
    field(description, "arguments")
        .into_iter()
        .flat_map(Element::children)
        .filter_map(argument)
        .collect()
}

/// An argument of a kind that nobody knows yet is passed over.
fn argument(element: Element<'_>) -> Option<Argument> {
    let word = |name| field(element, name).map(text);
    let kind = match word("type")?.as_str() {
        "key" => ArgumentKind::Key,
        "string" => ArgumentKind::String,
        "integer" => ArgumentKind::Integer,
        "double" => ArgumentKind::Double,
        "pattern" => ArgumentKind::Pattern,
        "unix-time" => ArgumentKind::UnixTime,
        "pure-token" => ArgumentKind::PureToken,
        "oneof" => ArgumentKind::OneOf,
        "block" => ArgumentKind::Block,
        _ => return None,
    };
    let flags: Vec<String> = field(element, "flags")
        .into_iter()
        .flat_map(Element::children)
        .map(text)
        .collect();
    let has = |flag: &str| flags.iter().any(|each| each == flag);
    Some(Argument {
        name: word("name")?,
        kind,
        // MIGRATE's empty key is written with its quotes in the documentation.
        token: word("token").map(|token| token.replace("\"\"", "")),
        optional: has("optional"),
        multiple: has("multiple"),
        multiple_token: has("multiple_token"),
        key_spec: word("key_spec_index").and_then(|index| index.parse().ok()),
        arguments: arguments(element),
    })
}

/// The value of a field of a map, whether it came as a map or as an array of names and values.
fn field<'r>(map: Element<'r>, name: &str) -> Option<Element<'r>> {
    pairs(map).find_map(|(key, value)| (key.body() == name.as_bytes()).then_some(value))
}

fn pairs(map: Element<'_>) -> impl Iterator<Item = (Element<'_>, Element<'_>)> {
    let mut children = map.children();
    std::iter::from_fn(move || Some((children.next()?, children.next()?)))
}

fn text(element: Element<'_>) -> String {
    String::from_utf8_lossy(element.body()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree as Redis's documentation writes it.
    fn synopsis(arguments: &[Argument]) -> String {
        let parts: Vec<String> = arguments.iter().map(one_synopsis).collect();
        parts.join(" ")
    }

    fn one_synopsis(argument: &Argument) -> String {
        let parts: Vec<String> = argument.arguments.iter().map(one_synopsis).collect();
        let mut text = match argument.kind {
            ArgumentKind::OneOf => parts.join("|"),
            ArgumentKind::Block => parts.join(" "),
            ArgumentKind::PureToken => argument.token.clone().unwrap_or_default(),
            _ => argument.name.clone(),
        };
        if argument.multiple {
            text = format!("{{{text}}}...");
        }
        if argument.kind != ArgumentKind::PureToken
            && let Some(token) = &argument.token
        {
            text = format!("{token} {text}");
        }
        match (argument.optional, argument.kind) {
            (true, _) => format!("[{text}]"),
            (false, ArgumentKind::OneOf) => format!("({text})"),
            _ => text,
        }
    }

    #[track_caller]
    fn check(name: &str, expected: &str) {
        let table = Table::recorded();
        assert_eq!(synopsis(&table.command(name).unwrap().arguments), expected);
    }

    #[test]
    fn the_tree_of_arguments_is_read_as_it_is_documented() {
        check("GET", "key");
        check(
            "SET",
            "key value [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]",
        );
        check(
            "ZUNION",
            "numkeys {key}... [WEIGHTS {weight}...] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]",
        );
        check(
            "XREAD",
            "[COUNT count] [BLOCK milliseconds] STREAMS {key}... {id}...",
        );
    }

    #[test]
    fn what_command_says_is_read() {
        let table = Table::recorded();
        let command = |name| table.command(name).unwrap();
        assert_eq!((command("SET").arity, command("GET").arity), (-3, 2));
        assert_eq!(command("SET").overwrites, [false]);
        assert!(command("BLPOP").flags.contains("blocking"));
        assert!(command("ZRANGE").categories.contains("@sortedset"));
        assert_eq!(command("ZRANGE").group, "sorted-set");
    }

    #[test]
    fn subcommands_are_commands_of_their_own() {
        let table = Table::recorded();
        assert!(table.command("OBJECT").unwrap().container);
        let encoding = table.command("OBJECT|ENCODING").unwrap();
        assert_eq!(
            (encoding.arity, synopsis(&encoding.arguments).as_str()),
            (3, "key")
        );
        assert_eq!(encoding.words(), [b"OBJECT".to_vec(), b"ENCODING".to_vec()]);
    }

    #[test]
    fn what_is_no_table_is_refused_with_what_was_said() {
        let refused = Table::read(&reply("-ERR unknown command 'COMMAND'\n"), None).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "COMMAND is answered with `ERR unknown command 'COMMAND'`, not with a table"
        );
    }
}
