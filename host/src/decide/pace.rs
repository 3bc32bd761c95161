//! How long work in the background rests so that it takes no more than its share of the time.

use std::time::Duration;

/// Rests are taken once they are this long: shorter ones cost more than they give.
const REST_MIN_NS: f64 = 2_000_000.0;
/// The smallest share, so that work comes to an end.
const SHARE_MIN: f64 = 0.001;

/// The balance of work and rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Rest for each unit of work.
    rest: f64,
    owed_ns: f64,
}

impl Pace {
    /// At most this share of the time, 1: all of it.
    #[must_use]
    pub fn new(share: f64) -> Self {
        let share = if share.is_nan() { 1.0 } else { share.clamp(SHARE_MIN, 1.0) };
        Self { rest: 1.0 / share - 1.0, owed_ns: 0.0 }
    }

    /// Work was done for so long.
    pub fn worked(&mut self, time: Duration) {
        self.owed_ns += time.as_secs_f64() * 1e9 * self.rest;
    }

    /// The rest that is due now; whoever asks takes it.
    pub fn rest(&mut self) -> Option<Duration> {
        if self.owed_ns < REST_MIN_NS {
            return None;
        }
        let rest = Duration::from_secs_f64(self.owed_ns / 1e9);
        self.owed_ns = 0.0;
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rests_of(share: f64, works: &[u64]) -> (Duration, Duration) {
        let mut pace = Pace::new(share);
        let (mut worked, mut rested) = (Duration::ZERO, Duration::ZERO);
        for work in works {
            let work = Duration::from_micros(*work);
            pace.worked(work);
            worked += work;
            rested += pace.rest().unwrap_or_default();
        }
        (worked, rested)
    }

    #[test]
    fn a_quarter_means_three_times_as_much_rest() {
        let (worked, rested) = rests_of(0.25, &[100; 10_000]);
        assert_eq!(worked, Duration::from_secs(1));
        assert!((rested.as_secs_f64() - 3.0).abs() < 0.01, "{rested:?}");
        let (_, rested) = rests_of(0.25, &[10_000_000]);
        assert_eq!(rested, Duration::from_secs(30), "one long piece is paid for, too");
    }

    #[test]
    fn little_work_is_not_interrupted_and_all_of_the_time_means_no_rest() {
        assert_eq!(rests_of(0.25, &[100; 6]).1, Duration::ZERO);
        assert_eq!(rests_of(1.0, &[1_000_000; 5]).1, Duration::ZERO);
        assert_eq!(rests_of(7.0, &[1_000_000; 5]).1, Duration::ZERO);
    }

    #[test]
    fn a_share_of_nothing_still_comes_to_an_end() {
        let (_, rested) = rests_of(0.0, &[1_000]);
        assert!((rested.as_secs_f64() - 0.999).abs() < 0.001, "{rested:?}");
    }
}
