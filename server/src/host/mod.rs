//! The operating system outside the sockets: clocks, memory, log.

pub(crate) mod log;
mod system;

pub(crate) use system::System;
