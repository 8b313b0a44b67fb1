//! What the engine must be given because it may not fetch it: time, memory use and the facts of its process.

use std::time::Duration;

use crate::config::values::Loglevel;

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

/// What an environment without files says.
const NO_FILES: &str = "there is no file system";

/// The engine's environment. What has a default here is what an engine without a machine around it can do without.
///
/// The program asks the operating system; a test answers what it likes.
pub(crate) trait Host: Send {
    /// Reads the clocks.
    fn now(&mut self) -> Now;

    /// A number that changes at least every 10 ms, and costs less to read than the clocks.
    fn coarse_time(&mut self) -> u64 {
        self.now().mono_us
    }

    /// Lets time pass: DEBUG SLEEP stops the whole server, as in Redis.
    fn sleep(&mut self, time: Duration);

    /// Ends the process as an access to memory that is not its own would: DEBUG SEGFAULT.
    fn segfault(&mut self) {
        panic!("DEBUG SEGFAULT called");
    }

    /// Bytes of memory in use by the process's allocations.
    fn memory_used(&self) -> usize;

    /// Gives memory that is free back to the operating system, where the allocator can.
    fn purge_memory(&mut self);

    /// Gives back what is needed no more, where that may take long, without keeping anybody waiting. INFO tells of the values
    /// in it, which are so many, until it is done.
    fn discard(&mut self, garbage: Box<dyn Send>, objects: usize);

    /// Listens on these addresses and no others.
    fn listen(&mut self, bind: &[String], port: u16) -> Result<(), String> {
        let _ = (bind, port);
        Ok(())
    }

    /// Makes a directory the one that relative paths start from.
    fn enter(&mut self, directory: &[u8]) -> Result<(), String> {
        let _ = directory;
        Err(NO_FILES.to_owned())
    }

    /// The content of a file, or `None` if there is none.
    fn read_file(&self, path: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let _ = path;
        Err(NO_FILES.to_owned())
    }

    /// Gives a file another content in one step.
    fn replace_file(&mut self, path: &[u8], text: &[u8]) -> Result<(), String> {
        let _ = (path, text);
        Err(NO_FILES.to_owned())
    }

    /// Logs what is at least so important from now on.
    fn set_loglevel(&mut self, level: Loglevel) {
        let _ = level;
    }

    /// Prepares for so many clients; returns how many there is room for, if fewer.
    fn make_room_for(&mut self, maxclients: usize) -> usize {
        maxclients
    }

    /// What else INFO tells of the process and its machine.
    fn facts(&self) -> Facts {
        Facts::default()
    }
}

/// The process and its machine, as INFO describes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// Name, release and hardware of the operating system.
    pub(crate) os: String,
    pub(crate) process_id: u32,
    pub(crate) executable: String,
    /// Bytes.
    pub(crate) resident: u64,
    /// Bytes.
    pub(crate) system_memory: u64,
    pub(crate) cpu: Cpu,
    /// The allocator the program was built with.
    pub(crate) allocator: &'static str,
    /// Values that are being given back, or wait for that; see [`Host::discard`].
    pub(crate) lazyfree_pending: usize,
}

/// Processor time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cpu {
    pub(crate) system: Duration,
    pub(crate) user: Duration,
    pub(crate) system_main_thread: Duration,
    pub(crate) user_main_thread: Duration,
    pub(crate) system_children: Duration,
    pub(crate) user_children: Duration,
}
