//! What happened to keys while a command ran, said once; one reader turns it into everything that follows from it.

use bitflags::bitflags;

bitflags! {
    /// The classes of keyspace events, with the letters of notify-keyspace-events.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub(crate) struct Class: u32 {
        /// `K`: publish to `__keyspace@DB__:KEY`.
        const KEYSPACE = 1 << 0;
        /// `E`: publish to `__keyevent@DB__:EVENT`.
        const KEYEVENT = 1 << 1;
        /// `g`
        const GENERIC = 1 << 2;
        /// `$`
        const STRING = 1 << 3;
        /// `l`
        const LIST = 1 << 4;
        /// `s`
        const SET = 1 << 5;
        /// `h`
        const HASH = 1 << 6;
        /// `z`
        const ZSET = 1 << 7;
        /// `x`
        const EXPIRED = 1 << 8;
        /// `e`
        const EVICTED = 1 << 9;
        /// `t`
        const STREAM = 1 << 10;
        /// `m`; not part of `A`
        const KEY_MISS = 1 << 11;
        /// `d`
        const MODULE = 1 << 13;
        /// `n`; not part of `A`
        const NEW = 1 << 14;
    }
}

/// One event of one key.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) db: usize,
    pub(crate) key: Vec<u8>,
    pub(crate) class: Class,
    /// Redis's word for it: `set`, `del`, `expired`.
    pub(crate) event: &'static str,
    /// Whether the value changed: what WATCH asks.
    pub(crate) modified: bool,
}

/// What happened since it was last read.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Changes to the data, as INFO's `rdb_changes_since_last_save` counts them.
    pub(crate) dirty: u64,
    /// The classes somebody asked for with notify-keyspace-events.
    pub(crate) notify: Class,
    /// Whether any client watches any key.
    pub(crate) watched: bool,
    pub(crate) list: Vec<Change>,
}

impl Changes {
    /// A key changed. Costs a comparison while nobody listens.
    #[inline]
    pub(crate) fn touch(&mut self, db: usize, key: &[u8], class: Class, event: &'static str) {
        self.dirty += 1;
        self.changed(db, key, class, event);
    }

    /// A key changed in a way that is not counted: it expired, or one command is counted once for many events.
    #[inline]
    pub(crate) fn changed(&mut self, db: usize, key: &[u8], class: Class, event: &'static str) {
        if self.watched || self.notify.intersects(class) {
            self.list.push(Change {
                db,
                key: key.to_vec(),
                class,
                event,
                modified: true,
            });
        }
    }

    /// Something happened that left the value as it was.
    #[inline]
    pub(crate) fn notify(&mut self, db: usize, key: &[u8], class: Class, event: &'static str) {
        if self.notify.intersects(class) {
            self.list.push(Change {
                db,
                key: key.to_vec(),
                class,
                event,
                modified: false,
            });
        }
    }
}
