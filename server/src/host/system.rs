//! The engine's environment as the operating system provides it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::sys::utsname::uname;
#[cfg(any(target_os = "linux", target_os = "android"))]
use nix::time::{ClockId, clock_gettime};

use signal_hook::consts::SIGSEGV;
use signal_hook::low_level::emulate_default_handler;

use crate::config::file::Files;
use crate::config::values::Loglevel;
use crate::engine::{Cpu, Facts, Host, Now};
use crate::host::files::{self, Disk};
use crate::host::lazyfree::LazyFree;
use crate::host::limits;

/// What only the program knows of its allocator: a library must not install one.
#[derive(Clone, Copy, Debug)]
pub struct Allocator {
    /// As INFO's `mem_allocator` shows it.
    pub name: &'static str,
    /// Bytes in use.
    pub used: fn() -> usize,
    /// Gives free memory back to the operating system.
    pub purge: fn(),
}

impl Default for Allocator {
    /// One that cannot be asked: its use reads as 0.
    fn default() -> Allocator {
        Allocator {
            name: "libc",
            used: || 0,
            purge: || {},
        }
    }
}

/// Has the sockets listen elsewhere; the sockets belong to the event loop, not to this module.
pub(crate) type Listen = Box<dyn FnMut(&[String], u16) -> Result<(), String> + Send>;

/// How long one reading of the wall clock serves.
const WALL_CLOCK_EVERY_US: u64 = 500;

/// The real clocks and the real memory.
pub(crate) struct System {
    started: Instant,
    /// The wall clock when it was last read, and when that was.
    wall_us: i64,
    wall_read_at_us: u64,
    allocator: Allocator,
    lazyfree: LazyFree,
    listen: Listen,
}

impl System {
    /// The real environment of a program with this allocator.
    pub(crate) fn new(allocator: Allocator, listen: Listen) -> System {
        System {
            started: Instant::now(),
            wall_us: 0,
            wall_read_at_us: 0,
            allocator,
            lazyfree: LazyFree::default(),
            listen,
        }
    }
}

impl Host for System {
    fn now(&mut self) -> Now {
        let elapsed = self.started.elapsed();
        let mono_us = elapsed.as_secs() * 1_000_000 + u64::from(elapsed.subsec_micros());
        // The engine reads the time after every command; between two looks at the wall clock the other one serves.
        if mono_us - self.wall_read_at_us >= WALL_CLOCK_EVERY_US || self.wall_us == 0 {
            // A clock set before 1970 reads as 1970: Redis would count from there too.
            let wall = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            self.wall_us = wall.as_micros() as i64;
            self.wall_read_at_us = mono_us;
        }
        let since_us = (mono_us - self.wall_read_at_us) as i64;
        Now {
            mono_us,
            wall_us: self.wall_us + since_us,
        }
    }

    /// The time of the kernel's last timer interrupt, of which there are at least a hundred a second.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn coarse_time(&mut self) -> u64 {
        // Without such a clock every reading is another, which is always right.
        clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE)
            .map_or_else(|_| self.now().mono_us, |time| time.tv_nsec() as u64)
    }

    fn sleep(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn segfault(&mut self) {
        // Only a signal whose default action cannot be taken returns.
        let _ = emulate_default_handler(SIGSEGV);
    }

    fn memory_used(&self) -> usize {
        (self.allocator.used)()
    }

    fn purge_memory(&mut self) {
        (self.allocator.purge)();
    }

    fn discard(&mut self, garbage: Box<dyn Send>, objects: usize) {
        self.lazyfree.discard(garbage, objects);
    }

    fn listen(&mut self, bind: &[String], port: u16) -> Result<(), String> {
        (self.listen)(bind, port)
    }

    fn enter(&mut self, directory: &[u8]) -> Result<(), String> {
        Disk.enter(directory).map(|_| ())
    }

    fn read_file(&self, path: &[u8]) -> Result<Option<Vec<u8>>, String> {
        files::read(path)
    }

    fn replace_file(&mut self, path: &[u8], text: &[u8]) -> Result<(), String> {
        files::replace(path, text)
    }

    fn set_loglevel(&mut self, level: Loglevel) {
        super::log::set_level(level);
    }

    fn make_room_for(&mut self, maxclients: usize) -> usize {
        limits::make_room_for(maxclients)
    }

    fn facts(&self) -> Facts {
        let (system, user) = cpu(UsageWho::RUSAGE_SELF);
        let (system_main_thread, user_main_thread) = cpu(UsageWho::RUSAGE_THREAD);
        let (system_children, user_children) = cpu(UsageWho::RUSAGE_CHILDREN);
        let executable = std::env::current_exe()
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        Facts {
            os: operating_system(),
            process_id: std::process::id(),
            executable,
            resident: resident().unwrap_or_default(),
            system_memory: system_memory().unwrap_or_default(),
            cpu: Cpu {
                system,
                user,
                system_main_thread,
                user_main_thread,
                system_children,
                user_children,
            },
            allocator: self.allocator.name,
            lazyfree_pending: self.lazyfree.pending(),
        }
    }
}

/// Time spent in the system and in the program.
fn cpu(who: UsageWho) -> (Duration, Duration) {
    let time = |value: TimeVal| {
        Duration::from_micros(u64::try_from(value.num_microseconds()).unwrap_or(0))
    };
    getrusage(who)
        .map(|usage| (time(usage.system_time()), time(usage.user_time())))
        .unwrap_or_default()
}

fn operating_system() -> String {
    let Ok(names) = uname() else {
        return String::new();
    };
    [names.sysname(), names.release(), names.machine()]
        .map(|name| name.to_string_lossy())
        .join(" ")
}

/// Resident memory in bytes, where the system tells.
fn resident() -> Option<u64> {
    const PAGE_LEN: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split_whitespace().nth(1)?.parse::<u64>().ok()? * PAGE_LEN)
}

/// The machine's memory in bytes, where the system tells.
fn system_memory() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
