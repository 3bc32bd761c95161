//! How much of something whose cost is known only afterwards is left to a party: so many seconds per hour.

use crate::vocab::Timestamp;

const HOUR_MS: u64 = 3_600_000;
/// Parts of a microsecond in which the account is kept, so that one second per hour fills without rounding.
const PARTS: u64 = 36;
const MICROS_PER_SECOND: u64 = 1_000_000;

/// An account of time that was used; it empties steadily, by what is allowed per hour.
///
/// Whoever has anything left may begin, whatever it will cost: the account can be overdrawn by one use, which is then
/// waited for. A clock that goes back empties nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    used_parts: u64,
    at: Timestamp,
}

impl Budget {
    /// An account from which nothing was used.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self { used_parts: 0, at: now }
    }

    /// An account from which so many microseconds were used.
    #[must_use]
    pub const fn used(used_us: u64, at: Timestamp) -> Self {
        Self { used_parts: used_us.saturating_mul(PARTS), at }
    }

    /// Whether another use may begin.
    ///
    /// # Errors
    /// After how many seconds it may, at least 1.
    pub fn check(&mut self, seconds_per_hour: u64, now: Timestamp) -> Result<(), u64> {
        self.empty(seconds_per_hour, now);
        let allowed = parts(seconds_per_hour);
        if self.used_parts < allowed {
            return Ok(());
        }
        let over = self.used_parts.saturating_sub(allowed).saturating_add(1);
        let per_ms = per_ms(seconds_per_hour);
        let wait_ms = if per_ms == 0 { HOUR_MS } else { over.div_ceil(per_ms) };
        Err(wait_ms.div_ceil(1_000).max(1))
    }

    /// Notes a use.
    pub fn charge(&mut self, used_us: u64, seconds_per_hour: u64, now: Timestamp) {
        self.empty(seconds_per_hour, now);
        self.used_parts = self.used_parts.saturating_add(used_us.saturating_mul(PARTS));
    }

    /// What is used now, whole seconds.
    #[must_use]
    pub const fn used_s(&self) -> u64 {
        self.used_parts.div_ceil(PARTS * MICROS_PER_SECOND)
    }

    /// What is used at a moment, whole seconds.
    pub fn used_s_at(&mut self, seconds_per_hour: u64, now: Timestamp) -> u64 {
        self.empty(seconds_per_hour, now);
        self.used_s()
    }

    /// What is used now, microseconds, rounded up.
    #[must_use]
    pub const fn used_us(&self) -> u64 {
        self.used_parts.div_ceil(PARTS)
    }

    fn empty(&mut self, seconds_per_hour: u64, now: Timestamp) {
        let emptied = now.since_ms(self.at).saturating_mul(per_ms(seconds_per_hour));
        self.used_parts = self.used_parts.saturating_sub(emptied);
        self.at = now;
    }
}

const fn parts(seconds: u64) -> u64 {
    seconds.saturating_mul(MICROS_PER_SECOND * PARTS)
}

/// Parts that come back in a millisecond.
const fn per_ms(seconds_per_hour: u64) -> u64 {
    seconds_per_hour.saturating_mul(MICROS_PER_SECOND * PARTS / HOUR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    #[test]
    fn up_to_the_budget_all_may_begin_and_from_there_on_none() {
        let now = Timestamp(5);
        let mut budget = Budget::new(now);
        budget.charge(10 * S - 1, 10, now);
        assert_eq!(budget.check(10, now), Ok(()));
        budget.charge(1, 10, now);
        assert_eq!(budget.check(10, now), Err(1));
        assert_eq!(budget.used_s(), 10);
    }

    #[test]
    fn what_was_overdrawn_is_waited_for() {
        let mut budget = Budget::new(Timestamp(0));
        // Ten seconds an hour, one over: a tenth of an hour, and a moment to have something left.
        budget.charge(11 * S, 10, Timestamp(0));
        assert_eq!(budget.check(10, Timestamp(0)), Err(361));
        assert_eq!(budget.check(10, Timestamp(359_999)), Err(1));
        assert_eq!(budget.check(10, Timestamp(360_001)), Ok(()));
    }

    #[test]
    fn one_second_an_hour_comes_back_exactly() {
        let mut budget = Budget::new(Timestamp(0));
        budget.charge(S, 1, Timestamp(0));
        for ms in 1..HOUR_MS / 1_000 {
            let _ = budget.check(1, Timestamp(ms * 1_000));
        }
        assert_eq!(budget.used_s(), 1);
        assert_eq!((budget.check(1, Timestamp(HOUR_MS)), budget.used_s()), (Ok(()), 0));
    }

    #[test]
    fn nothing_allowed_is_nothing_begun() {
        let mut budget = Budget::new(Timestamp(0));
        assert_eq!(budget.check(0, Timestamp(0)), Err(3_600));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut budget = Budget::new(Timestamp(1_000_000));
        budget.charge(5 * S, 1, Timestamp(1_000_000));
        assert!(budget.check(1, Timestamp(0)).is_err());
        assert_eq!(budget.used_s(), 5);
    }
}
