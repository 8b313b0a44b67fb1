//! What is done by the clock: when active expiry runs, client timeouts, the end of a pause.

use std::time::Duration;

use crate::engine::Engine;
use crate::engine::client::{ClientFlags, ClientKey};
use crate::engine::host::Now;

/// Time between two samples of a rate.
const SAMPLE_EVERY_US: u64 = 100_000;

/// When what is due next.
#[derive(Debug)]
pub(crate) struct Cron {
    next_us: u64,
    next_sample_us: u64,
}

impl Cron {
    pub(crate) fn new(now: Now) -> Cron {
        Cron {
            next_us: now.mono_us,
            next_sample_us: now.mono_us,
        }
    }
}

impl Engine {
    /// How long the shell may sleep before it must end a turn, counted from the last reading of the clock.
    pub(crate) fn time_to_next_turn(&self) -> Duration {
        if self.has_work() {
            return Duration::ZERO;
        }
        let cron_us = self.cron.next_us.saturating_sub(self.now.mono_us);
        let pause_us = self.pause.map_or(u64::MAX, |pause| {
            u64::try_from(pause.until_ms - self.now.wall_ms() + 1)
                .unwrap_or(0)
                .saturating_mul(1000)
        });
        let blocked_us = self
            .blocked
            .next_deadline_us()
            .map_or(u64::MAX, |until_us| {
                until_us.saturating_sub(self.now.mono_us)
            });
        Duration::from_micros(cron_us.min(pause_us).min(blocked_us))
    }

    pub(super) fn run_cron(&mut self) {
        if self.now.mono_us < self.cron.next_us {
            return;
        }
        if self.cron_paused {
            self.cron.next_us = self.now.mono_us + SAMPLE_EVERY_US;
            return;
        }
        let hz = u64::from(self.config.hz.clamp(1, 500));
        self.cron.next_us = self.now.mono_us + 1_000_000 / hz;
        self.sample_rates();
        self.close_overfull();
        self.close_idle();
        self.expire_slowly(hz);
        self.stats.cron_us += self.host.now().mono_us - self.now.mono_us;
    }

    /// Samples the counters whose rates INFO shows. Redis does so every 100 ms whatever `hz` is.
    fn sample_rates(&mut self) {
        let mono_us = self.now.mono_us;
        if mono_us < self.cron.next_sample_us {
            return;
        }
        self.cron.next_sample_us = mono_us + SAMPLE_EVERY_US;
        let stats = &mut self.stats;
        stats.command_rate.sample(stats.commands_processed, mono_us);
        stats.input_rate.sample(stats.net_input_bytes, mono_us);
        stats.output_rate.sample(stats.net_output_bytes, mono_us);
        stats.turn_rate.sample(stats.turns, mono_us);
        stats
            .turn_time
            .sample_against(stats.turns_us, stats.turns, 1);
    }

    /// Ends CLIENT PAUSE when its time has come.
    pub(super) fn end_pause_in_time(&mut self) {
        if self
            .pause
            .is_some_and(|pause| pause.until_ms <= self.now.wall_ms())
        {
            self.unpause();
            if self.blocked.has_ready() {
                self.serve_ready();
            }
        }
    }

    /// Closes clients that were idle for longer than `timeout`.
    fn close_idle(&mut self) {
        // Ten thousand idle clients must cost nothing while nothing is asked of them.
        if self.config.timeout == 0 {
            return;
        }
        let timeout_s = i64::try_from(self.config.timeout).unwrap_or(i64::MAX);
        let now_s = self.now.wall_s();
        let exempt = ClientFlags::PUBSUB
            | ClientFlags::MONITOR
            | ClientFlags::POSTPONED
            | ClientFlags::BLOCKED
            | ClientFlags::DOOMED;
        // Redis counts whole seconds: one second of silence may last two.
        let idle: Vec<ClientKey> = self
            .clients
            .iter()
            .filter(|client| !client.is(exempt))
            .filter(|client| now_s - client.active_ms.div_euclid(1000) > timeout_s)
            .map(|client| client.key)
            .collect();
        for key in idle {
            log::debug!("Closing idle client");
            self.doom(key);
        }
    }
}
