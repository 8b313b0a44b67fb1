//! What happened to keys while a command ran, said once; one reader turns it into everything that follows from it.

pub(crate) use crate::config::values::EventClasses as Class;

/// One event of one key.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) db: usize,
    pub(crate) key: Vec<u8>,
    pub(crate) class: Class,
    /// Redis's word for it: `set`, `del`, `expired`.
    pub(crate) event: &'static str,
    /// Whether the value changed: what WATCH and CLIENT TRACKING ask.
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
    /// Whether any client tracks what it caches.
    pub(crate) tracked: bool,
    /// Whether any client waits for any key.
    pub(crate) awaited: bool,
    /// Whether what keys take is measured.
    pub(crate) measured: bool,
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
        if self.watched || self.tracked || self.measured || self.notify.intersects(class) {
            self.list.push(Change {
                db,
                key: key.to_vec(),
                class,
                event,
                modified: true,
            });
        }
    }

    /// A key has come to be, which is all that those can wait for who wait for an element. Not said of one whose value
    /// is replaced, as in Redis.
    #[inline]
    pub(crate) fn created(&mut self, db: usize, key: &[u8]) {
        if self.awaited || self.notify.intersects(Class::NEW) {
            self.list.push(Change {
                db,
                key: key.to_vec(),
                class: Class::NEW,
                event: "new",
                modified: false,
            });
        }
    }

    /// A value has another form, which may take other memory, and is the same.
    pub(crate) fn reshaped(&mut self, db: usize, key: &[u8]) {
        if self.measured {
            self.list.push(Change {
                db,
                key: key.to_vec(),
                class: Class::empty(),
                event: "",
                modified: false,
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
