//! The operating system outside the sockets: clocks, memory, log.

mod lazyfree;
pub(crate) mod limits;
pub(crate) mod log;
mod system;

pub use system::Allocator;
pub(crate) use system::System;
