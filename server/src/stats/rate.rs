//! Rates over the last moments, from counters that only grow; as INFO's `instantaneous_*` fields.

/// Samples averaged, one every 100 ms (STATS_METRIC_SAMPLES).
const SAMPLES: usize = 16;

/// A counter's growth per second.
#[derive(Debug, Default, Clone)]
pub(crate) struct Rate {
    last_count: u64,
    last_us: u64,
    samples: [u64; SAMPLES],
    next: usize,
}

impl Rate {
    /// Notes where the counter stands.
    pub(crate) fn sample(&mut self, count: u64, mono_us: u64) {
        let elapsed_us = mono_us.saturating_sub(self.last_us);
        let grown = count
            .saturating_sub(self.last_count)
            .saturating_mul(1_000_000);
        if let Some(rate) = grown.checked_div(elapsed_us) {
            self.samples[self.next] = rate;
            self.next = (self.next + 1) % SAMPLES;
        }
        self.last_count = count;
        self.last_us = mono_us;
    }

    /// The mean of the last samples.
    pub(crate) fn per_second(&self) -> u64 {
        self.samples.iter().sum::<u64>() / SAMPLES as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_counter_has_its_own_rate() {
        let mut rate = Rate::default();
        for tick in 0..=SAMPLES as u64 {
            rate.sample(tick * 50, tick * 100_000);
        }
        assert_eq!(rate.per_second(), 500);
    }
}
