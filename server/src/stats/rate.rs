//! Rates over the last moments, from counters that only grow; as INFO's `instantaneous_*` fields.

/// Samples averaged, one every 100 ms (STATS_METRIC_SAMPLES).
const SAMPLES: usize = 16;

/// A counter's growth per second, or per whatever it is sampled against.
#[derive(Debug, Default, Clone)]
pub(crate) struct Rate {
    last_count: u64,
    last_base: u64,
    samples: [u64; SAMPLES],
    next: usize,
}

impl Rate {
    /// Notes where the counter stands at this time.
    pub(crate) fn sample(&mut self, count: u64, mono_us: u64) {
        self.sample_against(count, mono_us, 1_000_000);
    }

    /// Notes where the counter stands, and where another one does; the rate is by how much the counter grows while the
    /// other grows by `per`.
    pub(crate) fn sample_against(&mut self, count: u64, base: u64, per: u64) {
        let grown = count.saturating_sub(self.last_count).saturating_mul(per);
        let base_grown = base.saturating_sub(self.last_base);
        self.samples[self.next] = grown.checked_div(base_grown).unwrap_or_default();
        self.next = (self.next + 1) % SAMPLES;
        self.last_count = count;
        self.last_base = base;
    }

    /// The mean of the last samples.
    pub(crate) fn mean(&self) -> u64 {
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
        assert_eq!(rate.mean(), 500);
    }
}
