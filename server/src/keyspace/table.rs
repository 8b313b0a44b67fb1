//! The table of one database's keys.

use crate::data::dict::{Dict, Element};
use crate::keyspace::entry::Entry;

/// The keys of one database: a word an entry, so that a bucket of them is one cache line.
pub(crate) type Table = Dict<Entry>;

impl Element for Entry {
    #[inline]
    fn key(&self) -> &[u8] {
        self.key()
    }

    #[inline]
    fn is_mortal(&self) -> bool {
        self.expire_ms().is_some()
    }

    #[inline]
    fn fetch(&self) {
        self.prefetch();
    }
}
