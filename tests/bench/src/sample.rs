//! What one repetition measured, and what several come to.

use std::time::Duration;

/// What one repetition measured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    /// The row's figure, in the row's unit.
    pub(crate) figure: f64,
    /// What else it showed: label, value, unit.
    pub(crate) notes: Vec<(&'static str, f64, &'static str)>,
}

impl Sample {
    /// A figure alone.
    pub(crate) const fn of(figure: f64) -> Self {
        Self { figure, notes: Vec::new() }
    }

    /// How many per second.
    pub(crate) fn rate(done: u64, elapsed: Duration) -> Self {
        Self::of(done as f64 / elapsed.as_secs_f64())
    }

    /// Adds something beside the figure.
    pub(crate) fn note(&mut self, label: &'static str, value: f64, unit: &'static str) {
        self.notes.push((label, value, unit));
    }

    /// The median of these durations as the figure, in microseconds, with the 99th percentile beside it.
    pub(crate) fn percentiles(nanos: &mut [u64]) -> Self {
        nanos.sort_unstable();
        let mut sample = Self::of(percentile(nanos, 50) / 1e3);
        sample.note("p99", percentile(nanos, 99) / 1e3, "µs");
        sample
    }

    /// Adds median and 99th percentile of these durations.
    pub(crate) fn note_percentiles(&mut self, nanos: &mut [u64]) {
        if nanos.is_empty() {
            return;
        }
        nanos.sort_unstable();
        self.note("p50", percentile(nanos, 50) / 1e3, "µs");
        self.note("p99", percentile(nanos, 99) / 1e3, "µs");
    }
}

/// The smallest of the sorted values that `percent` of them do not exceed; 0 of none.
pub(crate) fn percentile(sorted: &[u64], percent: usize) -> f64 {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).map_or(0.0, |value| *value as f64)
}

/// The middle of several values (the mean of the two middle ones), with the smallest and the largest; zeros of none.
pub(crate) fn median(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    let upper = values.len() / 2;
    let middle = if values.len() % 2 == 1 { at(upper) } else { f64::midpoint(at(upper.saturating_sub(1)), at(upper)) };
    (middle, at(0), at(values.len().saturating_sub(1)))
}
