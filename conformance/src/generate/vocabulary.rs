//! Which commands are played, how often, and beginning from which keys. Knows tables of commands, not their arguments.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::strategy::Union;

use super::audit::{is_never_played, name_of, row_of};
use super::calls::calls;
use super::grammar::{Command, Table};
use super::pools::{SETUP, setup_words};

/// The commands of a run.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// What is played, with the grammar of its arguments.
    commands: Vec<Command>,
    /// Commands that give keys their types.
    setup: Vec<Vec<Vec<u8>>>,
}

impl Vocabulary {
    /// Everything in the table that may be played at all.
    pub fn of(table: &Table) -> Vocabulary {
        let has = |name: &str| {
            table.command(name).is_some() && (name != "CONFIG|SET" || tells_behind_the_reply(table))
        };
        let mut commands: Vec<Command> = table
            .commands()
            .filter(|command| is_played(command) && has(&command.name))
            .cloned()
            .collect();
        // Failures shrink towards the first.
        commands.sort_by_key(|command| (command.name != "ECHO", command.arguments.len()));
        let setup = SETUP.iter().map(|line| setup_words(line));
        Vocabulary {
            setup: setup.filter(|words| has(&name_of(words))).collect(),
            commands,
        }
    }

    /// Commands whose answers are the same each time and come at once, for whoever has no server to ask about others.
    pub fn certain() -> Vocabulary {
        let mut vocabulary = Vocabulary::of(&Table::recorded());
        vocabulary.retain(|command| {
            row_of(&command.name).is_none() && !command.flags.contains("blocking")
        });
        vocabulary
    }

    /// The names of what is played.
    pub fn names(&self) -> BTreeSet<&str> {
        self.commands
            .iter()
            .map(|command| command.name.as_str())
            .collect()
    }

    /// Whether nothing is left to play.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Plays only these from now on.
    pub fn retain(&mut self, keep: impl FnMut(&Command) -> bool) {
        self.commands.retain(keep);
    }

    /// Begins with no command that is not among these.
    pub fn set_up_with(&mut self, known: &Table) {
        self.setup
            .retain(|words| known.command(&name_of(words)).is_some());
    }

    /// Any call of any of the commands.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn any_call(&self) -> BoxedStrategy<Vec<Vec<u8>>> {
        let names: Vec<String> = self
            .commands
            .iter()
            .filter(|command| !command.container && !command.name.contains('|'))
            .map(|command| command.name.to_ascii_lowercase())
            .chain(["nope".to_owned()])
            .collect();
        let commands = self
            .commands
            .iter()
            .map(|command| (weight(command), calls(command, &names)));
        Union::new_weighted(commands.collect()).boxed()
    }

    /// Any part of the commands that give keys their types, in their order; every third time all of them, so that commands
    /// that need several find them.
    pub(super) fn any_setup(&self) -> BoxedStrategy<Vec<Vec<Vec<u8>>>> {
        let all = self.setup.len();
        prop_oneof![
            2 => subsequence(self.setup.clone(), 0..=all),
            1 => subsequence(self.setup.clone(), all),
        ]
        .boxed()
    }
}

/// Modules say nothing of their commands' arguments.
fn is_played(command: &Command) -> bool {
    !is_never_played(&command.name) && command.group != "module"
}

/// Whether a client that hears of its own change hears of it behind the reply. Redis before 7.2, which is told by a command
/// that came with it, writes that into the middle of the reply, whose frame is broken then.
fn tells_behind_the_reply(table: &Table) -> bool {
    table.command("CLIENT|NO-TOUCH").is_some()
}

/// How often a command is played, relative to the others.
fn weight(command: &Command) -> u32 {
    match command.name.as_str() {
        // Most transactions are whole turns; these are for those that are not, and for all that can be wrong.
        "MULTI" => 20,
        "EXEC" => 30,
        "WATCH" => 15,
        "DISCARD" | "UNWATCH" => 5,
        "PUBLISH" => 8,
        "PSUBSCRIBE" => 12,
        "CLIENT|TRACKING" => 25,
        // What ends a connection, hides replies or takes all keys away hides what comes behind it.
        "QUIT" | "AUTH" | "FLUSHALL" | "FLUSHDB" | "CLIENT|REPLY" | "RESET" => 1,
        "SELECT" | "SWAPDB" | "HELLO" => 3,
        _ if command.container => 1,
        _ if command.flags.contains("blocking") => 4,
        _ => match command.group.as_str() {
            "pubsub" | "connection" | "scripting" => 3,
            "server" | "cluster" => 2,
            _ => 10,
        },
    }
}
