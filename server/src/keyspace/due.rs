//! Which hashes of one database have a field that will expire, by when the first of them does; it knows no field.

use std::collections::BTreeSet;

/// Keys of hashes, each with the moment it is due, in milliseconds of wall-clock time.
#[derive(Default)]
pub(crate) struct Due(BTreeSet<(i64, Box<[u8]>)>);

impl Due {
    /// Number of hashes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Notes that a key was due at one moment, if at all, and is at another now.
    pub(crate) fn change(&mut self, key: &[u8], from_ms: Option<i64>, to_ms: Option<i64>) {
        if let Some(at_ms) = from_ms {
            self.0.remove(&(at_ms, Box::from(key)));
        }
        if let Some(at_ms) = to_ms {
            self.0.insert((at_ms, Box::from(key)));
        }
    }

    /// The key that is due first, if it is by now.
    pub(crate) fn first(&self, now_ms: i64) -> Option<&[u8]> {
        let (at_ms, key) = self.0.first()?;
        (*at_ms < now_ms).then_some(key)
    }
}
