//! What a server holds: its process's memory as the operating system counts it, what it tells itself, and how many files a process
//! may have open. Judges nothing.

use std::fs;

use crate::control::{Control, Trouble};

/// What is known of a server's memory at one moment, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    /// The process's resident memory, if the process is ours and the system tells.
    pub(super) resident: Option<u64>,
    /// What the server says it has allocated.
    pub(super) used: Option<u64>,
}

impl Memory {
    /// Asks the system and the server.
    pub(super) fn now(control: &mut Control, pid: Option<u32>) -> Result<Memory, Trouble> {
        Ok(Memory {
            resident: pid.and_then(resident),
            used: info(control, "memory", "used_memory")?,
        })
    }
}

/// A number that INFO tells; `None` when it tells no such thing.
pub(super) fn info(
    control: &mut Control,
    section: &str,
    name: &str,
) -> Result<Option<u64>, Trouble> {
    let reply = control.command(&[b"INFO", section.as_bytes()])?;
    let text = String::from_utf8_lossy(reply.bytes()).into_owned();
    Ok(text.lines().find_map(|line| {
        line.trim()
            .strip_prefix(name)?
            .strip_prefix(':')?
            .parse()
            .ok()
    }))
}

fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// How many files a process may have open; our own if none is named. `None` where the system does not tell.
pub(super) fn files_max(pid: Option<u32>) -> Option<usize> {
    let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
