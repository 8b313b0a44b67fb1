//! A single-threaded server that speaks the Redis protocol.
