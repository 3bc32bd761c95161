//! How much CPU time a second a tenant's guests may use.

/// A nanosecond of CPU, in the parts that the level counts: a budget of so many milliseconds a second gains as many parts per nanosecond.
const NANOSECOND: i128 = 1_000;
/// A second's worth of a budget of one millisecond a second, in parts.
const SECOND_OF_ONE_MS: i128 = 1_000_000 * NANOSECOND;

/// A bucket that holds one second's worth of CPU and fills steadily. It is paid for afterwards: a call begins while anything is
/// left, and what it took beyond that is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuBudget {
    ms_per_second: u64,
    level: i128,
    filled_at_ns: u64,
}

impl CpuBudget {
    /// A full bucket.
    #[must_use]
    pub fn full(ms_per_second: u64, now_ns: u64) -> Self {
        Self { ms_per_second, level: i128::from(ms_per_second).saturating_mul(SECOND_OF_ONE_MS), filled_at_ns: now_ns }
    }

    /// What it gains a second.
    #[must_use]
    pub const fn ms_per_second(&self) -> u64 {
        self.ms_per_second
    }

    /// Takes out what was used.
    pub fn charge(&mut self, used_ns: u64) {
        self.level = self.level.saturating_sub(i128::from(used_ns).saturating_mul(NANOSECOND));
    }

    /// Fills up to now; true when a call may begin, or go on.
    pub fn refill(&mut self, now_ns: u64) -> bool {
        let gained =
            i128::from(now_ns.saturating_sub(self.filled_at_ns)).saturating_mul(i128::from(self.ms_per_second));
        let most = i128::from(self.ms_per_second).saturating_mul(SECOND_OF_ONE_MS);
        self.level = self.level.saturating_add(gained).min(most);
        self.filled_at_ns = self.filled_at_ns.max(now_ns);
        self.level > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_second_of_it_may_be_used_at_once_and_then_as_much_as_comes_in() {
        let mut budget = CpuBudget::full(100, 0);
        budget.charge(99 * MS);
        assert!(budget.refill(0), "a millisecond is left");
        budget.charge(MS);
        assert!(!budget.refill(0), "exactly used up");
        assert!(budget.refill(1), "what comes in may be used");
        budget.charge(10 * MS);
        assert!(!budget.refill(100 * MS), "ten milliseconds take a tenth of a second");
        assert!(budget.refill(100 * MS + 1));
    }

    #[test]
    fn what_was_taken_too_much_is_owed() {
        let mut budget = CpuBudget::full(10, 0);
        budget.charge(30 * MS);
        assert!(!budget.refill(2_000 * MS));
        assert!(budget.refill(2_000 * MS + 1));
    }

    #[test]
    fn a_long_rest_saves_up_one_second_only() {
        let mut budget = CpuBudget::full(10, 0);
        assert!(budget.refill(u64::MAX));
        budget.charge(10 * MS);
        assert!(!budget.refill(u64::MAX));
        assert_eq!(budget.ms_per_second(), 10);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut budget = CpuBudget::full(1, 500);
        budget.charge(MS);
        assert!(!budget.refill(100) && !budget.refill(500));
        assert!(budget.refill(501));
    }
}
