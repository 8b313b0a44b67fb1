//! A single-threaded server that speaks the Redis protocol, to run or to embed.

// Arrows point down only: each module uses those listed after it, and no other.
mod host;
mod net;

mod engine;

mod commands;
mod registry;

mod rdb;

mod config;
mod keyspace;
mod pubsub;
mod stats;
mod tracking;

mod data;
mod resp;

mod text;

mod embedded;
mod server;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;

pub use config::REDIS_VERSION;
pub use embedded::{Connection, Embedded};
pub use host::Allocator;
pub use server::{Builder, Handle, Server, StartError};

/// The examples of README.md, which are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
