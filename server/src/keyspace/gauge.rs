//! What the keys of a database take, added up as they change, for a server that cannot ask its allocator; it knows no value.

use std::collections::BTreeMap;

/// Bytes of each key, and their sum.
#[derive(Default)]
pub(crate) struct Gauge {
    keys: BTreeMap<Box<[u8]>, usize>,
    used: usize,
}

impl Gauge {
    /// Notes what a key takes now: nothing if it is gone.
    pub(crate) fn note(&mut self, key: &[u8], bytes: Option<usize>) {
        let before = match bytes {
            Some(bytes) => self.keys.insert(key.into(), bytes),
            None => self.keys.remove(key),
        };
        self.used = self.used - before.unwrap_or(0) + bytes.unwrap_or(0);
    }

    /// Bytes of all keys.
    pub(crate) fn used(&self) -> usize {
        self.used
    }
}
