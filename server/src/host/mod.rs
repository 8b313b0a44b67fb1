//! The operating system outside the sockets: clocks, memory, log.

pub(crate) mod files;
mod lazyfree;
mod limits;
pub(crate) mod log;
mod system;

pub use system::Allocator;
pub(crate) use system::System;
