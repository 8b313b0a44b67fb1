//! What INFO and MEMORY ask of the engine as a whole.

use crate::engine::Engine;
use crate::engine::client::{ClientFlags, ClientKey};
use crate::keyspace::db::Keys;

impl Engine {
    /// Bytes that are not data: tables, clients, and what the server takes when it is empty.
    pub(crate) fn memory_overhead(&self) -> usize {
        let tables: usize = (0..self.keyspace.len())
            .map(|db| self.keyspace.db(db).table.memory())
            .sum();
        self.memory_at_start + tables + self.clients.memory()
    }

    /// Lets a command that is not a data command work on its client's selected database.
    pub(crate) fn with_keys<T>(
        &mut self,
        client: ClientKey,
        work: impl FnOnce(&mut Keys<'_>) -> T,
    ) -> T {
        let session = self.clients.get(client);
        let db = session.map_or(0, |session| session.db);
        let no_touch = session.is_some_and(|session| session.is(ClientFlags::NO_TOUCH));
        work(&mut Keys {
            keyspace: &mut self.keyspace,
            changes: &mut self.changes,
            rng: &mut self.rng,
            db,
            now_ms: self.now.wall_ms(),
            access: self.access,
            no_touch,
            used: 0,
        })
    }

    /// Notes how much memory is in use, if it is more than ever.
    pub(crate) fn note_memory_peak(&mut self) {
        let used = self.memory_used();
        if used > self.stats.memory_peak {
            self.stats.memory_peak = used;
            self.stats.memory_peak_s = self.now.wall_s();
        }
    }
}
