//! What the operating system counts and grants: processor time, resident bytes, cores, priorities, open files. Knows
//! nothing of servers but their process ids.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Pid, gettid};

use super::figures::Machine;

/// Which core does what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) load: usize,
    /// The client whose delays are taken: a core of its own where there is one.
    pub(crate) probe: usize,
}

impl Cores {
    /// The first for the server, the last for the load.
    pub(crate) fn of(count: usize) -> Result<Cores, String> {
        match count {
            0 | 1 => {
                Err("this machine has one core; server and load would take turns on it".to_owned())
            }
            2 => Ok(Cores {
                server: 0,
                load: 1,
                probe: 1,
            }),
            more => Ok(Cores {
                server: 0,
                load: more - 1,
                probe: more - 2,
            }),
        }
    }
}

/// Binds the calling thread, and what it starts from now on, to one core.
pub(crate) fn pin(core: usize) -> Result<(), String> {
    let bind = || {
        let mut set = CpuSet::new();
        set.set(core)?;
        sched_setaffinity(Pid::from_raw(0), &set)
    };
    bind().map_err(|error| format!("cannot bind to core {core}: {error}"))
}

/// Lets the calling thread run as soon as it can, whatever else its core does: a delay must be the server's, not the
/// load's. Says whether that was granted.
pub(crate) fn hurry() -> bool {
    // The call itself is not to be had without unsafe code; util-linux has it as a program.
    Command::new("chrt")
        .args(["--fifo", "--pid", "1", &gettid().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Raises the number of open files so that `connections` fit, here and in the servers started from here.
pub(crate) fn allow_connections(connections: u64) -> Result<(), String> {
    let wanted = connections + 100;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| error.to_string())?;
    if soft >= wanted {
        return Ok(());
    }
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted))
        .or_else(|_| setrlimit(Resource::RLIMIT_NOFILE, wanted, hard))
        .map_err(|error| {
            format!("{wanted} open files are needed and {hard} are allowed (ulimit -n): {error}")
        })
}

/// User and system time of a process so far, all its threads included.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration, String> {
    schedule(pid).map(|schedule| schedule.ran)
}

/// What the scheduler knows of a process or a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// User and system time.
    pub(crate) ran: Duration,
    /// Time in which it could have run and something else did.
    pub(crate) waited: Duration,
}

/// What the scheduler knows of a process so far, all its threads included.
pub(crate) fn schedule(pid: u32) -> Result<Schedule, String> {
    // The scheduler's own sum is in nanoseconds; the ticks of /proc/PID/stat are a hundredth of a second.
    let path = format!("/proc/{pid}/task");
    let tasks = fs::read_dir(&path).map_err(|error| format!("{path}: {error}"))?;
    let mut sum = Schedule::default();
    for task in tasks.flatten() {
        // A thread that ended meanwhile takes its file with it.
        if let Ok(text) = fs::read_to_string(task.path().join("schedstat")) {
            let task = Schedule::read(&text);
            sum.ran += task.ran;
            sum.waited += task.waited;
        }
    }
    Ok(sum)
}

/// User and system time of the calling thread so far.
pub(crate) fn own_cpu_time() -> Duration {
    fs::read_to_string("/proc/thread-self/schedstat")
        .map(|text| Schedule::read(&text).ran)
        .unwrap_or_default()
}

impl Schedule {
    /// Reads a `schedstat`: nanoseconds it ran, nanoseconds it waited, and how often it was chosen.
    pub(crate) fn read(text: &str) -> Schedule {
        let mut fields = text
            .split_whitespace()
            .map(|field| Duration::from_nanos(field.parse().unwrap_or_default()));
        Schedule {
            ran: fields.next().unwrap_or_default(),
            waited: fields.next().unwrap_or_default(),
        }
    }
}

/// Resident bytes of a process, counted page by page: the cheaper counters of the kernel lag behind.
pub(crate) fn resident(pid: u32) -> Result<u64, String> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    kib_of(&text, "Rss:")
        .map(|kib| kib * 1024)
        .ok_or_else(|| format!("{path} has no line Rss:"))
}

/// Bytes that new programs could have without anything being pushed out.
pub(crate) fn available_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    kib_of(&text, "MemAvailable:").unwrap_or_default() * 1024
}

/// The number in a line `NAME   NUMBER kB`.
pub(crate) fn kib_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What can be told of this machine.
pub(crate) fn describe(cores: Cores, count: usize) -> Machine {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim())
    };
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    Machine {
        cpu: field("model name").unwrap_or("unknown").to_owned(),
        cores: count,
        virtual_machine: field("flags").is_some_and(|flags| flags.contains("hypervisor")),
        memory_mib: kib_of(&memory, "MemTotal:").unwrap_or_default() / 1024,
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .unwrap_or_default()
            .trim()
            .to_owned(),
        load_before: load
            .split_whitespace()
            .next()
            .and_then(|first| first.parse().ok())
            .unwrap_or_default(),
        server_core: cores.server,
        load_core: cores.load,
        probe_core: cores.probe,
    }
}
