//! What the instances of one tenant use together.

use std::sync::atomic::{AtomicU64, Ordering};

/// Without a bound of its own, only each instance is bounded.
const UNBOUNDED: u64 = u64::MAX;

/// The linear memory of several instances together, and how much it may be.
///
/// An instance takes from it whenever its memory grows, and gives all back when it ends, however it ends.
#[derive(Debug)]
pub struct MemoryAccount {
    used_bytes: AtomicU64,
    bytes_max: AtomicU64,
}

impl Default for MemoryAccount {
    fn default() -> Self {
        Self { used_bytes: AtomicU64::new(0), bytes_max: AtomicU64::new(UNBOUNDED) }
    }
}

impl MemoryAccount {
    /// Bounds it from now on; what is used already is not taken away.
    pub fn set_max(&self, bytes_max: Option<u64>) {
        self.bytes_max.store(bytes_max.unwrap_or(UNBOUNDED), Ordering::Relaxed);
    }

    /// How much it may be; `None`: it is not bounded.
    #[must_use]
    pub fn bytes_max(&self) -> Option<u64> {
        Some(self.bytes_max.load(Ordering::Relaxed)).filter(|max| *max != UNBOUNDED)
    }

    /// How much is used.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Takes so many bytes; false, and nothing is taken, if they would pass the bound. Exactly at it is allowed.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let max = self.bytes_max.load(Ordering::Relaxed);
        let more = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= max);
        self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Gives back what was taken.
    pub(super) fn give(&self, bytes: u64) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_bound_is_given_and_not_one_byte_more() {
        let account = MemoryAccount::default();
        assert!(account.take(1_000) && account.bytes_max().is_none());
        account.set_max(Some(1_500));
        assert!(account.take(500) && !account.take(1));
        account.give(1);
        assert!(account.take(1) && !account.take(1));
        account.set_max(Some(10));
        assert_eq!(account.used_bytes(), 1_500, "a lower bound takes nothing away");
        assert!(!account.take(u64::MAX), "a sum that overflows is over the bound");
    }
}
