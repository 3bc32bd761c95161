//! How many requests a second are let in.

use crate::vocab::Timestamp;

/// One request, in the thousandths that the level counts: a rate per second is as many thousandths per millisecond.
const REQUEST: u64 = 1_000;

/// A bucket that holds one second's worth of requests and fills steadily.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBucket {
    level: u64,
    filled_at: Timestamp,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub const fn full(per_second: u64, now: Timestamp) -> Self {
        Self { level: per_second.saturating_mul(REQUEST), filled_at: now }
    }

    /// Takes one request out; false when there is none left. A clock that goes back fills nothing.
    pub fn take(&mut self, per_second: u64, now: Timestamp) -> bool {
        let gained = now.since_ms(self.filled_at).saturating_mul(per_second);
        self.level = self.level.saturating_add(gained).min(per_second.saturating_mul(REQUEST));
        self.filled_at = now;
        match self.level.checked_sub(REQUEST) {
            Some(left) => {
                self.level = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_rate_is_let_in_and_one_more_is_not() {
        let mut bucket = TokenBucket::full(3, Timestamp(10));
        let taken: Vec<bool> = (0..4).map(|_| bucket.take(3, Timestamp(10))).collect();
        assert_eq!(taken, [true, true, true, false]);
        assert!(!bucket.take(3, Timestamp(343)), "a third of a second is not over");
        assert!(bucket.take(3, Timestamp(344)));
        assert!(!bucket.take(3, Timestamp(344)));
    }

    #[test]
    fn a_long_rest_saves_up_one_second_only() {
        let mut bucket = TokenBucket::full(2, Timestamp(0));
        let taken = (0..5).filter(|_| bucket.take(2, Timestamp(u64::MAX))).count();
        assert_eq!(taken, 2);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut bucket = TokenBucket::full(1, Timestamp(5_000));
        assert!(bucket.take(1, Timestamp(5_000)));
        assert!(!bucket.take(1, Timestamp(1_000)));
        assert!(!bucket.take(1, Timestamp(1_999)));
        assert!(bucket.take(1, Timestamp(2_000)));
    }
}
