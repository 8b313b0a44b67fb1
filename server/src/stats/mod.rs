//! What the server counts about itself; knows nothing of what it counts.

pub(crate) mod latency;
pub(crate) mod rate;
pub(crate) mod slowlog;

use std::collections::BTreeMap;

use latency::Latency;
use rate::Rate;

/// More kinds of error than this are counted as one, as a guard against clients that invent them.
const ERROR_KINDS_MAX: usize = 128;

/// Counts of one command, as `INFO commandstats` shows them.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct CommandStat {
    pub(crate) calls: u64,
    pub(crate) usec: u64,
    /// Refused before it ran.
    pub(crate) rejected: u64,
    /// Ran and answered an error.
    pub(crate) failed: u64,
}

/// Everything that CONFIG RESETSTAT resets.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// By the slot of the command.
    pub(crate) commands: Vec<CommandStat>,
    /// By the slot of the command; see latency-tracking.
    pub(crate) latencies: Vec<Latency>,
    /// By the first word of the error.
    pub(crate) errors: BTreeMap<Vec<u8>, u64>,
    pub(crate) error_replies: u64,
    pub(crate) connections_received: u64,
    pub(crate) connections_rejected: u64,
    /// Closed because clients held more than maxmemory-clients.
    pub(crate) evicted_clients: u64,
    /// AUTH and HELLO with a wrong user or password.
    pub(crate) auth_denied: u64,
    pub(crate) commands_processed: u64,
    pub(crate) net_input_bytes: u64,
    pub(crate) net_output_bytes: u64,
    pub(crate) query_buffer_limit_disconnections: u64,
    pub(crate) output_buffer_limit_disconnections: u64,
    pub(crate) reads_processed: u64,
    pub(crate) writes_processed: u64,
    pub(crate) expired_time_cap_reached: u64,
    /// Of the keys that active expiry looks at, how many have expired: a moving average, from 0 to 1.
    pub(crate) expired_stale_share: f64,
    pub(crate) active_expire_us: u64,
    pub(crate) memory_peak: usize,
    /// Seconds since 1970.
    pub(crate) memory_peak_s: i64,
    /// Turns of the loop, the time they took, and how much of it went into commands.
    pub(crate) turns: u64,
    pub(crate) turns_us: u64,
    pub(crate) commands_us: u64,
    pub(crate) command_rate: Rate,
    pub(crate) input_rate: Rate,
    pub(crate) output_rate: Rate,
    pub(crate) turn_rate: Rate,
}

impl Stats {
    /// All zero, with room for so many commands.
    pub(crate) fn new(commands: usize) -> Stats {
        Stats {
            commands: vec![CommandStat::default(); commands],
            latencies: vec![Latency::default(); commands],
            ..Stats::default()
        }
    }

    /// Counts calls of the command in this slot, and the time they took together.
    #[inline]
    pub(crate) fn count_calls(&mut self, slot: usize, calls: u64, took_us: u64) {
        let stat = &mut self.commands[slot];
        stat.calls += calls;
        stat.usec += took_us;
        self.commands_processed += calls;
    }

    /// Counts a call of the command in this slot that answered an error.
    #[cold]
    pub(crate) fn count_failure(&mut self, slot: usize, code: &[u8]) {
        self.commands[slot].failed += 1;
        self.count_error(code);
    }

    /// Counts an error reply by its code.
    pub(crate) fn count_error(&mut self, code: &[u8]) {
        self.error_replies += 1;
        if let Some(count) = self.errors.get_mut(code) {
            *count += 1;
        } else if self.errors.len() < ERROR_KINDS_MAX {
            self.errors.insert(code.to_vec(), 1);
        }
    }
}
