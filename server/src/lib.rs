//! A single-threaded server that speaks the Redis protocol.

pub(crate) mod text;
