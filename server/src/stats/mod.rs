//! What the server counts about itself; knows nothing of what it counts.

pub(crate) mod latency;
pub(crate) mod rate;
pub(crate) mod slowlog;
pub(crate) mod spikes;

use std::collections::BTreeMap;

use latency::Latency;
use rate::Rate;

/// With more kinds of error than this none is counted any more, as a guard against scripts that invent them.
const ERROR_KINDS_MAX: usize = 128;

/// What is then told in their place.
const ERRORS_STOPPED: &[u8] = b"ERRORSTATS_DISABLED";

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
    /// There were too many kinds to go on counting each.
    errors_stopped: bool,
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
    /// How long more memory was in use than `maxmemory` allows, and since when it is now, in microseconds.
    pub(crate) eviction_exceeded_us: u64,
    pub(crate) eviction_exceeded_since_us: Option<u64>,
    pub(crate) memory_peak: usize,
    /// Seconds since 1970.
    pub(crate) memory_peak_s: i64,
    /// Turns of the loop, the time they took, and how much of it went into commands.
    pub(crate) turns: u64,
    pub(crate) turns_us: u64,
    pub(crate) longest_turn_us: u64,
    pub(crate) most_commands_in_turn: u64,
    /// What `commands_processed` was at the end of the last turn.
    pub(crate) commands_before_turn: u64,
    pub(crate) commands_us: u64,
    pub(crate) cron_us: u64,
    pub(crate) command_rate: Rate,
    pub(crate) input_rate: Rate,
    pub(crate) output_rate: Rate,
    pub(crate) turn_rate: Rate,
    pub(crate) turn_time: Rate,
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
        if self.errors_stopped {
            return;
        }
        if let Some(count) = self.errors.get_mut(code) {
            *count += 1;
        } else if self.errors.len() < ERROR_KINDS_MAX {
            self.errors.insert(code.to_vec(), 1);
        } else {
            self.stop_counting_errors();
        }
    }

    #[cold]
    fn stop_counting_errors(&mut self) {
        let kinds = std::mem::take(&mut self.errors);
        let kinds: Vec<_> = kinds
            .keys()
            .map(|kind| String::from_utf8_lossy(kind))
            .collect();
        log::warn!(
            "Errorstats stopped adding new errors because the number of errors reached the limit, may be misuse of lua \
             error_reply, please check INFO ERRORSTATS, this can be re-enabled via CONFIG RESETSTAT."
        );
        log::warn!("Current errors code list: {}", kinds.join(", "));
        self.errors.insert(ERRORS_STOPPED.to_vec(), 1);
        self.errors_stopped = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_kinds_of_error_end_their_counting_but_not_the_sum() {
        let mut stats = Stats::new(0);
        for kind in 0..ERROR_KINDS_MAX {
            stats.count_error(format!("E{kind}").as_bytes());
        }
        stats.count_error(b"E7");
        assert_eq!(stats.errors.len(), ERROR_KINDS_MAX);
        assert_eq!(stats.errors[b"E7".as_slice()], 2);

        stats.count_error(b"ONE_MORE");
        stats.count_error(b"E7");
        let told = BTreeMap::from([(b"ERRORSTATS_DISABLED".to_vec(), 1)]);
        assert_eq!(stats.errors, told);
        assert_eq!(stats.error_replies, ERROR_KINDS_MAX as u64 + 3);
    }
}
