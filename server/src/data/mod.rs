//! Pure values and the algorithms on them: no keys, no clients, no time.

pub(crate) mod bits;
pub(crate) mod block;
pub(crate) mod dict;
pub(crate) mod geohash;
pub(crate) mod hash;
pub(crate) mod hyperloglog;
pub(crate) mod intset;
pub(crate) mod lcs;
pub(crate) mod list;
pub(crate) mod listpack;
pub(crate) mod lzf;
pub(crate) mod prefetch;
pub(crate) mod quicklist;
pub(crate) mod set;
pub(crate) mod string;
pub(crate) mod thin;
pub(crate) mod zset;
