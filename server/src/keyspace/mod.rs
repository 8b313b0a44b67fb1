//! Keys, their values and their deadlines; knows no client and no protocol.

pub(crate) mod access;
pub(crate) mod changes;
pub(crate) mod db;
pub(crate) mod digest;
pub(crate) mod due;
pub(crate) mod entry;
pub(crate) mod evict;
pub(crate) mod gauge;
pub(crate) mod table;
pub(crate) mod value;
pub(crate) mod watch;
