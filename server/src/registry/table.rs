//! The table of every command, built once from the families' constants; lookup by name, in any letter case.

use std::sync::LazyLock;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

use crate::commands::FAMILIES;
use crate::registry::command::Command;

/// The longest command or subcommand name we could hold; a longer word names nothing.
const NAME_LEN_MAX: usize = 32;

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
}

/// Every command of the server.
pub(crate) struct Table {
    entries: Vec<Entry>,
    names: HashTable<usize>,
    hasher: FixedState,
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
            names: HashTable::new(),
            hasher: FixedState::default(),
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
            let hash = table.hasher.hash_one(command.name.as_bytes());
            let hasher = table.hasher.clone();
            let entries = &table.entries;
            table.names.insert_unique(hash, slot, |slot| {
                hasher.hash_one(entries[*slot].command.name.as_bytes())
            });
        }
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
        });
        slot
    }

    /// The command of this name, whatever its letter case.
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<&Entry> {
        let mut lower = [0_u8; NAME_LEN_MAX];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        let lower = &*lower;
        self.names
            .find(self.hasher.hash_one(lower), |slot| {
                self.entries[*slot].command.name.as_bytes() == lower
            })
            .map(|slot| &self.entries[*slot])
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
