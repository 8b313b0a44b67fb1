//! How long a command took, as a histogram of two significant digits; what `INFO latencystats` draws its percentiles
//! from, and `LATENCY HISTOGRAM` its steps.

/// Buckets to a power of two.
const SUB_BUCKETS: u64 = 128;

/// Longer times are counted as this long: one second, in nanoseconds.
const LONGEST_NS: u64 = 1_000_000_000;

/// That time lies below this power of two, with which Redis's histogram ends.
const LONGEST_BITS: u32 = 30;
const LONGEST_TRACKED_NS: u64 = (1 << LONGEST_BITS) - 1;

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

    /// How many were counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// For each power of two of 1,024 ns that more times reach than the one before: the longest time of its bucket, in
    /// microseconds, and how many times did not exceed it.
    pub(crate) fn steps(&self) -> Vec<(u64, u64)> {
        let mut steps = Vec::new();
        let mut counts = self.counts.iter().copied().map(u64::from);
        let mut next = 0;
        let mut seen = 0;
        for level_ns in (10..=LONGEST_BITS).map(|bits| 1 << bits) {
            let last = bucket(level_ns).min(bucket(LONGEST_TRACKED_NS));
            let more: u64 = counts.by_ref().take(last + 1 - next).sum();
            next = last + 1;
            seen += more;
            if more > 0 {
                steps.push((longest_of(last) / 1000, seen));
            }
        }
        steps
    }

    /// The time, in microseconds, that so many percent of all did not exceed; for 0 percent, the least there was.
    pub(crate) fn percentile_us(&self, percent: f64) -> f64 {
        let wanted = ((percent / 100.0 * self.total as f64) + 0.5).max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                let shown_ns = if percent == 0.0 {
                    shortest_of(bucket)
                } else {
                    longest_of(bucket)
                };
                return shown_ns as f64 / 1000.0;
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

/// The shortest time of a bucket.
fn shortest_of(bucket: usize) -> u64 {
    bucket
        .checked_sub(1)
        .map_or(0, |before| longest_of(before) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_are_the_longest_times_of_their_buckets() {
        let mut latency = Latency::default();
        assert_eq!(latency.total(), 0);
        for took_us in [1, 1, 3, 7] {
            latency.record(took_us * 1000, 1);
        }
        // What Redis 8.2.3 shows for 1, 3 and 7 microseconds.
        let shown =
            [50.0, 75.0, 100.0].map(|percent| format!("{:.3}", latency.percentile_us(percent)));
        assert_eq!(shown, ["1.003", "3.007", "7.007"]);
    }

    #[test]
    fn no_percent_is_the_least_time() {
        let mut latency = Latency::default();
        latency.record(35_000, 1);
        // As Redis 8.2.3 shows it.
        assert_eq!(format!("{:.3}", latency.percentile_us(0.0)), "34.816");
    }

    #[test]
    fn steps_are_powers_of_two_that_something_is_new_in() {
        let mut latency = Latency::default();
        for took_us in [0, 1, 1, 3, 130, 10_000, 700_000, 2_000_000] {
            latency.record(took_us * 1000, 1);
        }
        // The steps are those that Redis 8.2.3 shows.
        assert_eq!(
            latency.steps(),
            [(1, 3), (4, 4), (132, 5), (16_908, 6), (1_073_741, 8)]
        );
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
