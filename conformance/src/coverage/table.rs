//! What could be exercised: the commands of a build with their subcommands and tokens, from a recorded table
//! or from what a server says. Knows no transcript.

use std::collections::{BTreeMap, BTreeSet};

use crate::generate::grammar;

/// The build whose table is recorded.
pub const BUILD: &str = "redis-8.2.3";

/// Every command and subcommand of one build.
#[derive(Debug, Clone)]
pub struct Table {
    commands: Vec<Command>,
    by_name: BTreeMap<String, usize>,
}

/// One command, or one subcommand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// In capitals: `SET`, `CLIENT|KILL`.
    pub name: String,
    /// The number of words, or the least number if it is negative.
    pub arity: i64,
    /// `string`, `connection`, ….
    pub group: String,
    /// It only has subcommands, and does nothing itself.
    pub container: bool,
    /// A key of another type is an error.
    pub typed: bool,
    /// It is not for scripts.
    pub no_script: bool,
    /// It is not for transactions.
    pub no_multi: bool,
    /// It needs no authentication.
    pub no_auth: bool,
    /// The words among its arguments, in capitals.
    pub tokens: Vec<String>,
}

impl Table {
    /// The recorded table of [`BUILD`].
    pub fn recorded() -> Table {
        Table::parse(include_str!("redis-8.2.3.txt"))
    }

    /// The table of a server, from what it says of its commands. A key of another type is taken to be an error for every
    /// command of a type's group that does not only overwrite its keys: no server says so itself.
    pub fn of(grammar: &grammar::Table) -> Table {
        Table::new(grammar.commands().map(described).collect())
    }

    fn parse(text: &str) -> Table {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Table::new(lines.filter_map(command).collect())
    }

    fn new(commands: Vec<Command>) -> Table {
        let names = commands.iter().enumerate();
        Table {
            by_name: names
                .map(|(index, command)| (command.name.clone(), index))
                .collect(),
            commands,
        }
    }

    /// All of them, by name.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// Where in [`Table::commands`] the command of a request is: its subcommand if there is one of that name. The words may
    /// be in any case.
    pub fn find(&self, arguments: &[Vec<u8>]) -> Option<usize> {
        let word = |index: usize| {
            let word = arguments.get(index)?;
            Some(String::from_utf8_lossy(word).to_ascii_uppercase())
        };
        let name = word(0)?;
        let subcommand =
            word(1).and_then(|subcommand| self.by_name.get(&format!("{name}|{subcommand}")));
        subcommand.or_else(|| self.by_name.get(&name)).copied()
    }
}

fn described(command: &grammar::Command) -> Command {
    let has = |flag: &str| command.flags.contains(flag);
    let mut tokens = BTreeSet::new();
    collect_tokens(&command.arguments, &mut tokens);
    Command {
        name: command.name.clone(),
        arity: command.arity,
        group: command.group.clone(),
        container: command.container,
        typed: TYPED_COMMANDS.contains(&command.name.as_str())
            || TYPED_GROUPS.contains(&command.group.as_str())
                && !UNTYPED_COMMANDS.contains(&command.name.as_str())
                && command.overwrites.iter().any(|overwrites| !overwrites),
        no_script: has("noscript"),
        no_multi: has("no_multi"),
        no_auth: has("no_auth"),
        tokens: tokens.into_iter().collect(),
    }
}

/// The groups whose commands are for keys of one type.
const TYPED_GROUPS: [&str; 9] = [
    "bitmap",
    "geo",
    "hash",
    "hyperloglog",
    "list",
    "set",
    "sorted-set",
    "stream",
    "string",
];

/// Commands of other groups that take keys of some types only.
const TYPED_COMMANDS: [&str; 2] = ["SORT", "SORT_RO"];

/// Commands of those groups that take keys of any type.
const UNTYPED_COMMANDS: [&str; 1] = ["MGET"];

fn collect_tokens(arguments: &[grammar::Argument], tokens: &mut BTreeSet<String>) {
    for argument in arguments {
        let token = argument.token.iter().filter(|token| !token.is_empty());
        tokens.extend(token.map(|token| token.to_ascii_uppercase()));
        collect_tokens(&argument.arguments, tokens);
    }
}

/// Reads `NAME ARITY GROUP FLAGS TOKEN…`.
fn command(line: &str) -> Option<Command> {
    let mut words = line.split(' ');
    let (name, arity, group, flags) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let has = |flag: &str| flags.split(',').any(|it| it == flag);
    Some(Command {
        name: name.to_owned(),
        arity: arity.parse().ok()?,
        group: group.to_owned(),
        container: has("container"),
        typed: has("typed"),
        no_script: has("noscript"),
        no_multi: has("no_multi"),
        no_auth: has("no_auth"),
        tokens: words.map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_recorded_table_is_a_command() {
        let lines = include_str!("redis-8.2.3.txt").lines();
        let lines = lines.filter(|line| !line.starts_with('#')).count();
        let table = Table::recorded();
        assert_eq!(table.commands().len(), lines);
        assert!(lines > 350, "{lines}");
        let words = |line: &str| -> Vec<Vec<u8>> {
            line.split(' ')
                .map(|word| word.as_bytes().to_vec())
                .collect()
        };
        let named = |line: &str| &table.commands()[table.find(&words(line)).unwrap()];
        assert_eq!(named("client kill x").name, "CLIENT|KILL");
        assert_eq!(named("Client none").name, "CLIENT");
        assert!(named("set k v").tokens.contains(&"NX".to_owned()) && named("set k v").typed);
        assert_eq!(table.find(&words("nope")), None);
    }

    #[test]
    fn what_a_server_says_gives_the_table_that_is_recorded() {
        let recorded = Table::recorded();
        let told = Table::of(&grammar::Table::recorded());
        assert!(told.commands().len() > 30);
        for command in told.commands() {
            let index = recorded.by_name[&command.name];
            assert_eq!(command, &recorded.commands()[index]);
        }
    }
}
