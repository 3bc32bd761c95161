//! When an index that could not be written is tried again. Pure.

use std::time::Duration;

/// After the first failure.
const FIRST: Duration = Duration::from_secs(1);
/// It doubles up to this: what keeps an index from being written is seldom over sooner, and each try opens it anew.
const LONGEST: Duration = Duration::from_secs(60);

/// How long to wait after so many failures in a row.
#[must_use]
pub fn index_retry_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1);
    2u32.checked_pow(doublings).map_or(LONGEST, |factor| FIRST.saturating_mul(factor).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute() {
        let seconds: Vec<u64> = (1..=8).map(|failures| index_retry_after(failures).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(index_retry_after(0), FIRST);
        assert_eq!(index_retry_after(u32::MAX), LONGEST);
    }
}
