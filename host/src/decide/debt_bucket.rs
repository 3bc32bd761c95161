//! How much may be stored per hour.

use crate::vocab::Timestamp;

const HOUR_MS: u128 = 60 * 60 * 1_000;

/// A bucket that holds one hour's worth and fills steadily.
///
/// What comes is let in whole while anything is left, and what is too much is a debt that is paid before the next: so
/// a part that is larger than the bucket passes too, and over time no more passes than the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DebtBucket {
    /// What is left, negative: owed; in parts of `HOUR_MS` of one.
    level: i128,
    filled_at: Timestamp,
}

impl DebtBucket {
    /// A full bucket.
    #[must_use]
    pub fn full(per_hour: u64, now: Timestamp) -> Self {
        Self { level: capacity(per_hour), filled_at: now }
    }

    /// Whether anything may come now. A clock that goes back fills nothing.
    pub fn is_open(&mut self, per_hour: u64, now: Timestamp) -> bool {
        self.fill(per_hour, now);
        self.level > 0
    }

    /// Takes out what came.
    pub fn take(&mut self, amount: u64, per_hour: u64, now: Timestamp) {
        self.fill(per_hour, now);
        self.level = self.level.saturating_sub(capacity(amount));
    }

    /// How much of an hour's worth is used, debts included.
    #[must_use]
    pub fn used(&mut self, per_hour: u64, now: Timestamp) -> u64 {
        self.fill(per_hour, now);
        let used = capacity(per_hour).saturating_sub(self.level);
        u64::try_from(used.cast_unsigned().div_ceil(HOUR_MS)).unwrap_or(u64::MAX)
    }

    fn fill(&mut self, per_hour: u64, now: Timestamp) {
        let gained = i128::from(now.since_ms(self.filled_at)).saturating_mul(i128::from(per_hour));
        self.level = self.level.saturating_add(gained).min(capacity(per_hour));
        self.filled_at = now;
    }
}

fn capacity(amount: u64) -> i128 {
    i128::from(amount).saturating_mul(HOUR_MS.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60 * 1_000;

    #[test]
    fn exactly_an_hours_worth_passes_at_once_and_nothing_more() {
        let mut bucket = DebtBucket::full(1_000, Timestamp(5));
        for _ in 0..2 {
            assert!(bucket.is_open(1_000, Timestamp(5)));
            bucket.take(500, 1_000, Timestamp(5));
        }
        assert!(!bucket.is_open(1_000, Timestamp(5)));
        assert_eq!(bucket.used(1_000, Timestamp(5)), 1_000);
        assert!(bucket.is_open(1_000, Timestamp(6)), "it fills steadily");
    }

    #[test]
    fn a_debt_is_paid_before_the_next() {
        let mut bucket = DebtBucket::full(1_000, Timestamp(0));
        bucket.take(2_500, 1_000, Timestamp(0));
        assert_eq!(bucket.used(1_000, Timestamp(0)), 2_500);
        assert!(!bucket.is_open(1_000, Timestamp(HOUR)));
        assert!(!bucket.is_open(1_000, Timestamp(HOUR + HOUR / 2)));
        assert!(bucket.is_open(1_000, Timestamp(HOUR + HOUR / 2 + 1)));
    }

    #[test]
    fn a_long_rest_saves_up_one_hour_only_and_a_clock_that_goes_back_gives_nothing() {
        let mut bucket = DebtBucket::full(10, Timestamp(100));
        assert!(bucket.is_open(10, Timestamp(u64::MAX)));
        bucket.take(10, 10, Timestamp(u64::MAX));
        assert!(!bucket.is_open(10, Timestamp(100)));
        assert!(!bucket.is_open(0, Timestamp(HOUR)), "a rate of nothing lets nothing in");
    }
}
