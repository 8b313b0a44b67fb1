//! The latency monitor: for each kind of event the last spikes; knows nothing of how they are told.

use std::collections::BTreeMap;
use std::collections::VecDeque;

/// Spikes kept of one event (LATENCY_TS_LEN).
const SPIKES_MAX: usize = 160;

/// The longest wait of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spike {
    /// Seconds since 1970.
    pub(crate) at_s: i64,
    pub(crate) took_ms: u64,
}

/// What is known of one event; there is always at least one spike.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// Oldest first.
    spikes: VecDeque<Spike>,
    /// The longest of all, those no longer kept included.
    pub(crate) longest_ms: u64,
}

/// A series in figures, as LATENCY DOCTOR tells them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) spikes: u64,
    pub(crate) mean_ms: u64,
    /// The mean distance from the mean.
    pub(crate) deviation_ms: u64,
    /// Seconds from the oldest spike until now, at least one.
    pub(crate) seconds: i64,
}

impl Series {
    /// The spikes, oldest first.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Spike> {
        self.spikes.iter()
    }

    /// The newest.
    pub(crate) fn latest(&self) -> Option<Spike> {
        self.spikes.back().copied()
    }

    /// All of it in figures.
    pub(crate) fn summary(&self, now_s: i64) -> Summary {
        let spikes = self.spikes.len() as u64;
        let mean = |sum: u64| sum.checked_div(spikes).unwrap_or_default();
        let mean_ms = mean(self.iter().map(|spike| spike.took_ms).sum());
        let distances = self.iter().map(|spike| spike.took_ms.abs_diff(mean_ms));
        let oldest_s = self.iter().map(|spike| spike.at_s).min().unwrap_or(now_s);
        Summary {
            spikes,
            mean_ms,
            deviation_ms: mean(distances.sum()),
            seconds: match now_s - oldest_s {
                0 => 1,
                seconds => seconds,
            },
        }
    }
}

/// The series of every event that had a spike.
#[derive(Debug, Default)]
pub(crate) struct Spikes(BTreeMap<&'static str, Series>);

impl Spikes {
    /// Notes a spike. Of one second only the longest is kept.
    pub(crate) fn add(&mut self, event: &'static str, at_s: i64, took_ms: u64) {
        let series = self.0.entry(event).or_default();
        series.longest_ms = series.longest_ms.max(took_ms);
        match series.spikes.back_mut() {
            Some(last) if last.at_s == at_s => last.took_ms = last.took_ms.max(took_ms),
            _ => {
                if series.spikes.len() == SPIKES_MAX {
                    series.spikes.pop_front();
                }
                series.spikes.push_back(Spike { at_s, took_ms });
            }
        }
    }

    /// The series of this event; the name's letter case matters.
    pub(crate) fn series(&self, event: &[u8]) -> Option<&Series> {
        self.0.get(std::str::from_utf8(event).ok()?)
    }

    /// All series with the names of their events.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&'static str, &Series)> {
        self.0.iter().map(|(event, series)| (*event, series))
    }

    /// Forgets the spikes of this event, here in any letter case; returns whether there were any.
    pub(crate) fn forget(&mut self, event: &[u8]) -> bool {
        let before = self.0.len();
        let is_other = |name: &str| !name.as_bytes().eq_ignore_ascii_case(event);
        self.0.retain(|name, _| is_other(name));
        self.0.len() < before
    }

    /// Forgets all; returns how many events there were.
    pub(crate) fn clear(&mut self) -> usize {
        std::mem::take(&mut self.0).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_each_second_is_kept_for_a_hundred_and_sixty_seconds() {
        let mut spikes = Spikes::default();
        for at_s in 0..200 {
            for took_ms in [3, 7, 5] {
                spikes.add("command", at_s, took_ms);
            }
        }
        spikes.add("command", 200, 1);
        let series = spikes.series(b"command").expect("it had spikes");
        assert_eq!(series.iter().len(), 160);
        assert_eq!(
            series.iter().next(),
            Some(&Spike {
                at_s: 41,
                took_ms: 7
            })
        );
        assert_eq!(
            series.latest(),
            Some(Spike {
                at_s: 200,
                took_ms: 1
            })
        );
        assert_eq!(series.longest_ms, 7);
    }

    #[test]
    fn figures_are_whole_numbers_and_a_series_lasts_at_least_a_second() {
        let mut spikes = Spikes::default();
        for (at_s, took_ms) in [(10, 10), (11, 31), (12, 90)] {
            spikes.add("command", at_s, took_ms);
        }
        let series = spikes.series(b"command").expect("it had spikes");
        let expected = Summary {
            spikes: 3,
            mean_ms: 43,
            deviation_ms: 30,
            seconds: 4,
        };
        assert_eq!(series.summary(14), expected);
        assert_eq!(series.summary(10).seconds, 1);
    }
}
