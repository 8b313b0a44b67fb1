//! How long a command took, as a histogram of two significant digits; what `INFO latencystats` draws its percentiles from.

/// Buckets to a power of two.
const SUB_BUCKETS: u64 = 128;

/// Longer times are counted as this long: one second, in nanoseconds.
const LONGEST_NS: u64 = 1_000_000_000;

/// Times of one command. Bucket widths double with each power of two, so that every time is known to within 1 %.
#[derive(Debug, Default, Clone)]
pub(crate) struct Latency {
    /// Grows with the longest time there has been.
    counts: Vec<u32>,
    total: u64,
}

impl Latency {
    /// Counts so many times of the same length.
    #[inline]
    pub(crate) fn record(&mut self, took_ns: u64, times: u32) {
        let bucket = bucket(took_ns.clamp(1, LONGEST_NS));
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] = self.counts[bucket].saturating_add(times);
        self.total += u64::from(times);
    }

    /// Whether anything was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The time, in microseconds, that so many percent of all did not exceed.
    pub(crate) fn percentile_us(&self, percent: f64) -> f64 {
        let wanted = ((percent / 100.0 * self.total as f64) + 0.5).max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return longest_of(bucket) as f64 / 1000.0;
            }
        }
        0.0
    }
}

/// The bucket of a time: the times below 256 have one each, above it every power of two has 128.
fn bucket(ns: u64) -> usize {
    let shift = u64::from(ns.ilog2()).saturating_sub(7);
    (shift * SUB_BUCKETS + (ns >> shift)) as usize
}

/// The longest time of a bucket.
fn longest_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / SUB_BUCKETS).saturating_sub(1);
    ((bucket - shift * SUB_BUCKETS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_are_the_longest_times_of_their_buckets() {
        let mut latency = Latency::default();
        assert!(latency.is_empty());
        for took_us in [1, 1, 3, 7] {
            latency.record(took_us * 1000, 1);
        }
        // What Redis 8.2.3 shows for 1, 3 and 7 microseconds.
        let shown =
            [50.0, 75.0, 100.0].map(|percent| format!("{:.3}", latency.percentile_us(percent)));
        assert_eq!(shown, ["1.003", "3.007", "7.007"]);
    }

    proptest! {
        #[test]
        fn a_time_lies_in_its_bucket_and_within_one_percent(ns in 1..=LONGEST_NS) {
            let longest = longest_of(bucket(ns));
            prop_assert!(longest >= ns && longest - ns <= ns / 128, "{longest} for {ns}");
            prop_assert_eq!(bucket(longest), bucket(ns));
            prop_assert_eq!(bucket(longest + 1), bucket(ns) + 1);
        }
    }
}
