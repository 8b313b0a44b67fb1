//! What many measured values come to: medians, spreads, percentiles. Knows nothing of what was measured.

use hdrhistogram::Histogram;

/// The middle value; of an even number the mean of the two in the middle. `None` of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// How far apart the rounds were: the largest less the smallest, as a share of the median. `None` of fewer than two, or
/// when the median is nothing to divide by.
pub(crate) fn spread(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let middle = median(values.iter().copied()).filter(|middle| *middle != 0.0)?;
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    Some((largest - smallest) / middle.abs())
}

/// The median of the rounds' ratios. A round counts only when both were measured in it: what disturbed the machine then
/// disturbed both.
pub(crate) fn ratio(values: &[Option<f64>], reference: &[Option<f64>]) -> Option<f64> {
    let rounds = values.iter().zip(reference);
    median(
        rounds.filter_map(|(value, reference)| match (value, reference) {
            (Some(value), Some(reference)) if *reference != 0.0 => Some(value / reference),
            _ => None,
        }),
    )
}

/// Five digits of it: more say nothing, and would not survive being written and read.
pub(crate) fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// Delays from a microsecond to a minute, with three digits.
pub(crate) fn delays() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("the bounds are right")
}

/// A percentile of delays that were recorded in nanoseconds, in microseconds.
pub(crate) fn percentile_us(delays: &Histogram<u64>, percent: f64) -> f64 {
    delays.value_at_quantile(percent / 100.0) as f64 / 1_000.0
}
