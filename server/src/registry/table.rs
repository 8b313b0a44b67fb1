//! The table of every command, built once from the families' constants; lookup by name, in any letter case.

use std::sync::LazyLock;

use crate::commands::FAMILIES;
use crate::registry::command::{Begin, Command, DataHandler, Find, Flags, Run};
use crate::registry::names::Names;

/// One command as registered: its constant, and what only the whole table can say of it.
pub(crate) struct Entry {
    pub(crate) command: &'static Command,
    /// `config|set` for a subcommand, the name itself otherwise.
    pub(crate) full_name: String,
    /// Dense number from 0, for per-command statistics.
    pub(crate) slot: usize,
    /// Slots of the subcommands.
    pub(crate) subcommands: Vec<usize>,
    /// The container's slot, for a subcommand.
    pub(crate) parent: Option<usize>,
    /// For a data command without subcommands.
    pub(crate) plan: Option<Plan>,
}

/// What running a data command in a row with others asks of its constant, found out once.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) run: DataHandler,
    /// The first argument that is a key, the last that may be one, and how far it is from one to the next; where the
    /// places alone do not say which are keys, there are none.
    pub(crate) keys: (usize, usize, usize),
    /// It takes about as long as any other such command; see `engine::ahead`.
    pub(crate) brief: bool,
}

impl Plan {
    fn new(command: &'static Command) -> Option<Plan> {
        let Run::Data(run) = command.run else {
            return None;
        };
        let keys = command.keys.first().and_then(|spec| {
            let Begin::Index(first) = spec.begin else {
                return None;
            };
            let Find::Range {
                last,
                step,
                limit: 0,
            } = spec.find
            else {
                return None;
            };
            let first = usize::try_from(first).ok()?;
            // One that is counted from the end is at the end, or near enough.
            let last = usize::try_from(last).map_or(usize::MAX, |last| first + last);
            Some((first, last, usize::try_from(step).ok()?.max(1)))
        });
        Some(Plan {
            run,
            keys: keys.unwrap_or((1, 0, 1)),
            brief: command.flags.contains(Flags::FAST) || command.complexity == "O(1)",
        })
    }
}

/// Every command of the server.
pub(crate) struct Table {
    entries: Vec<Entry>,
    names: Names,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::build);

/// The table; the same for every engine, since commands are constants.
pub(crate) fn table() -> &'static Table {
    &TABLE
}

impl Table {
    fn build() -> Table {
        let mut table = Table {
            entries: Vec::new(),
            names: Names::new(std::iter::empty()),
        };
        for command in FAMILIES.iter().copied().flatten() {
            let slot = table.add(command, command.name.to_owned(), None);
            for subcommand in command.subcommands {
                let child = table.add(
                    subcommand,
                    format!("{}|{}", command.name, subcommand.name),
                    Some(slot),
                );
                table.entries[slot].subcommands.push(child);
            }
        }
        let names = table
            .commands()
            .map(|entry| (entry.command.name, entry.slot));
        table.names = Names::new(names);
        table
    }

    fn add(
        &mut self,
        command: &'static Command,
        full_name: String,
        parent: Option<usize>,
    ) -> usize {
        let slot = self.entries.len();
        self.entries.push(Entry {
            command,
            full_name,
            slot,
            subcommands: Vec::new(),
            parent,
            plan: Plan::new(command).filter(|_| command.subcommands.is_empty()),
        });
        slot
    }

    /// The command of this name, whatever its letter case.
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<&Entry> {
        self.names.find(name).map(|slot| &self.entries[slot])
    }

    /// The subcommand of this name within a container, whatever its letter case.
    pub(crate) fn find_subcommand(&self, container: &Entry, name: &[u8]) -> Option<&Entry> {
        container
            .subcommands
            .iter()
            .map(|slot| &self.entries[*slot])
            .find(|entry| entry.command.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// The command of this full name, `get` or `config|set`, whatever its letter case.
    pub(crate) fn find_full(&self, name: &[u8]) -> Option<&Entry> {
        match name.iter().position(|&b| b == b'|') {
            None => self.find(name),
            Some(bar) => self.find_subcommand(self.find(&name[..bar])?, &name[bar + 1..]),
        }
    }

    /// The entry in this slot.
    pub(crate) fn entry(&self, slot: usize) -> &Entry {
        &self.entries[slot]
    }

    /// All entries, subcommands included, by slot.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The commands without the subcommands.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.parent.is_none())
    }
}
