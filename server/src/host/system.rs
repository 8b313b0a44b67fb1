//! The engine's environment as the operating system provides it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::engine::{Host, Now};

/// The real clocks and the real memory.
pub(crate) struct System {
    started: Instant,
    memory_used: fn() -> usize,
}

impl System {
    /// `memory_used` asks the allocator, which only the program knows.
    pub(crate) fn new(memory_used: fn() -> usize) -> System {
        System {
            started: Instant::now(),
            memory_used,
        }
    }
}

impl Host for System {
    fn now(&mut self) -> Now {
        // A clock set before 1970 reads as 1970: Redis would count from there too.
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            mono_us: self.started.elapsed().as_micros() as u64,
            wall_us: wall.as_micros() as i64,
        }
    }

    fn sleep(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn memory_used(&self) -> usize {
        (self.memory_used)()
    }
}
