//! Every connected client, by a key that a late event cannot confuse with a newer client in the same place.

use slab::Slab;

use crate::engine::client::{Client, ClientFlags, ClientKey, Peer};

/// The connected clients.
#[derive(Default)]
pub(crate) struct Clients {
    slab: Slab<Box<Client>>,
    generation: u32,
    last_id: u64,
}

impl Clients {
    /// Adds a client that has just connected.
    pub(crate) fn add(&mut self, peer: Peer, now_ms: i64) -> &mut Client {
        self.last_id += 1;
        self.generation = self.generation.wrapping_add(1);
        let place = self.slab.vacant_entry();
        let index = u32::try_from(place.key())
            .expect("descriptors, and so clients, are counted in 31 bits");
        let key = ClientKey {
            index,
            generation: self.generation,
        };
        place.insert(Box::new(Client::new(key, self.last_id, peer, now_ms)))
    }

    #[inline]
    pub(crate) fn get(&self, key: ClientKey) -> Option<&Client> {
        self.slab
            .get(key.index as usize)
            .map(|client| &**client)
            .filter(|client| client.key == key)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: ClientKey) -> Option<&mut Client> {
        self.slab
            .get_mut(key.index as usize)
            .map(|client| &mut **client)
            .filter(|client| client.key == key)
    }

    pub(crate) fn remove(&mut self, key: ClientKey) -> Option<Box<Client>> {
        self.get(key)?;
        Some(self.slab.remove(key.index as usize))
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// All clients but those about to be closed, oldest first, as CLIENT LIST shows them.
    pub(crate) fn by_age(&self) -> Vec<&Client> {
        let mut clients: Vec<&Client> = self
            .iter()
            .filter(|client| !client.is(ClientFlags::DOOMED))
            .collect();
        clients.sort_unstable_by_key(|client| client.id);
        clients
    }

    /// Bytes that the clients and their buffers take.
    pub(crate) fn memory(&self) -> usize {
        self.iter().map(Client::memory).sum()
    }

    /// All clients in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Client> {
        self.slab.iter().map(|(_, client)| &**client)
    }

    /// All clients in no particular order, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.slab.iter_mut().map(|(_, client)| &mut **client)
    }

    /// The client with this CLIENT ID, if it is not about to be closed.
    pub(crate) fn by_id(&self, id: u64) -> Option<&Client> {
        self.iter()
            .find(|client| client.id == id && !client.is(ClientFlags::DOOMED))
    }
}
