//! What the engine must be given because it may not fetch it: time, memory use and the facts of its process.

use std::time::Duration;

/// One reading of the clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Now {
    /// Microseconds since some fixed moment; never goes back.
    pub(crate) mono_us: u64,
    /// Microseconds since 1970.
    pub(crate) wall_us: i64,
}

impl Now {
    /// Milliseconds since 1970.
    #[inline]
    pub(crate) fn wall_ms(self) -> i64 {
        self.wall_us / 1000
    }

    /// Seconds since 1970.
    pub(crate) fn wall_s(self) -> i64 {
        self.wall_us / 1_000_000
    }
}

/// The engine's environment. The program asks the operating system; a test answers what it likes.
pub(crate) trait Host: Send {
    /// Reads the clocks.
    fn now(&mut self) -> Now;

    /// Lets time pass: DEBUG SLEEP stops the whole server, as in Redis.
    fn sleep(&mut self, time: Duration);

    /// Bytes of memory in use by the process's allocations.
    fn memory_used(&self) -> usize;
}
