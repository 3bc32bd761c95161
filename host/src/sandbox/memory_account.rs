//! What the instances of one tenant use together.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::HostMemory;

/// Without a bound of its own, only each instance is bounded, and all tenants together.
const UNBOUNDED: u64 = u64::MAX;

/// The memory of several instances together, and how much it may be: linear memory, and what the host keeps for each
/// instance beside it.
///
/// An instance takes from it whenever its memory grows, and gives all back when it ends, however it ends.
#[derive(Debug)]
pub struct MemoryAccount {
    used_bytes: AtomicU64,
    bytes_max: AtomicU64,
    weight: AtomicU32,
    /// What it is a part of; `None`: nothing, for tests and for who is not there.
    host: Option<Arc<HostMemory>>,
    /// The weight that is in the host's sum: its own while anything is used, zero while nothing is.
    counted: Mutex<u32>,
}

/// Whose bound is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Short {
    /// The account's own, and its value.
    Account(u64),
    /// That of all together, and its value.
    Host(u64),
}

impl Default for MemoryAccount {
    fn default() -> Self {
        Self::of(None)
    }
}

impl MemoryAccount {
    /// An account without a bound of its own, as a part of all.
    #[must_use]
    pub fn within(host: &Arc<HostMemory>) -> Self {
        Self::of(Some(Arc::clone(host)))
    }

    fn of(host: Option<Arc<HostMemory>>) -> Self {
        Self {
            used_bytes: AtomicU64::new(0),
            bytes_max: AtomicU64::new(UNBOUNDED),
            weight: AtomicU32::new(1),
            host,
            counted: Mutex::default(),
        }
    }

    /// Bounds it from now on; what is used already is not taken away.
    pub fn set_max(&self, bytes_max: Option<u64>) {
        self.bytes_max.store(bytes_max.unwrap_or(UNBOUNDED), Ordering::Relaxed);
    }

    /// Sets its share beside other tenants'.
    pub fn set_weight(&self, weight: u32) {
        self.weight.store(weight.max(1), Ordering::Relaxed);
        self.settle();
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

    /// Takes so many bytes. Exactly at a bound is allowed.
    ///
    /// # Errors
    /// Whose bound they would pass; nothing is taken then.
    pub(super) fn take(&self, bytes: u64) -> Result<(), Short> {
        let max = self.bytes_max.load(Ordering::Relaxed);
        let more = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= max);
        let taken = self.used_bytes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
        let before = taken.map_err(|_| Short::Account(max))?;
        let Some(host) = &self.host else { return Ok(()) };
        if before == 0 {
            self.settle();
        }
        if host.take(bytes, before.saturating_add(bytes), self.weight.load(Ordering::Relaxed)) {
            return Ok(());
        }
        self.give_own(bytes);
        Err(Short::Host(host.bytes_max()))
    }

    /// Gives back what was taken.
    pub(super) fn give(&self, bytes: u64) {
        if let Some(host) = &self.host {
            host.give(bytes);
        }
        self.give_own(bytes);
    }

    fn give_own(&self, bytes: u64) {
        if bytes > 0 && self.used_bytes.fetch_sub(bytes, Ordering::SeqCst) == bytes {
            self.settle();
        }
    }

    /// Lets the host's sum of weights follow. Whoever changes what is used from or to nothing calls it afterwards, so the
    /// last one sees how it is.
    fn settle(&self) {
        let Some(host) = &self.host else { return };
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let uses_any = self.used_bytes.load(Ordering::SeqCst) > 0;
        let weight = if uses_any { self.weight.load(Ordering::Relaxed) } else { 0 };
        host.reweigh(*counted, weight);
        *counted = weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_bound_is_given_and_not_one_byte_more() {
        let account = MemoryAccount::default();
        assert!(account.take(1_000).is_ok() && account.bytes_max().is_none());
        account.set_max(Some(1_500));
        assert_eq!((account.take(500), account.take(1)), (Ok(()), Err(Short::Account(1_500))));
        account.give(1);
        assert!(account.take(1).is_ok() && account.take(1).is_err());
        account.set_max(Some(10));
        assert_eq!(account.used_bytes(), 1_500, "a lower bound takes nothing away");
        assert!(account.take(u64::MAX).is_err(), "a sum that overflows is over the bound");
    }

    fn within(host: &Arc<HostMemory>, weight: u32) -> MemoryAccount {
        let account = MemoryAccount::within(host);
        account.set_weight(weight);
        account
    }

    #[test]
    fn a_tenant_that_is_alone_may_have_all_and_not_one_byte_more() {
        let host = Arc::new(HostMemory::new(800));
        let account = within(&host, 100);
        assert_eq!((account.take(800), account.take(1)), (Ok(()), Err(Short::Host(800))));
        account.give(800);
        assert_eq!((account.used_bytes(), host.used_bytes(), host.weights.load(Ordering::Relaxed)), (0, 0, 0));
    }

    #[test]
    fn near_the_bound_only_who_has_less_than_the_share_gets_more() {
        let host = Arc::new(HostMemory::new(800));
        let (much, little) = (within(&host, 100), within(&host, 100));
        assert!(little.take(1).is_ok());
        // All but the reserve of an eighth.
        assert_eq!((much.take(699), much.take(1)), (Ok(()), Err(Short::Host(800))));
        assert_eq!((little.take(100), little.take(1)), (Ok(()), Err(Short::Host(800))));
        assert_eq!((much.used_bytes(), little.used_bytes(), host.used_bytes()), (699, 101, 800));
        // What the one gives back, the other may have up to its share of a half, whatever the one asks for meanwhile.
        much.give(400);
        assert!(little.take(299).is_ok() && little.used_bytes() == 400);
        assert_eq!((little.take(1), little.take(1)), (Ok(()), Err(Short::Host(800))), "past its share as everybody");
        assert!(much.take(100).is_ok() && host.used_bytes() == 800, "who has less than the share by now");
    }

    #[test]
    fn shares_go_by_weight_and_follow_it() {
        let host = Arc::new(HostMemory::new(800));
        let (heavy, light) = (within(&host, 300), within(&host, 100));
        assert!(heavy.take(550).is_ok() && light.take(150).is_ok());
        assert!(heavy.take(50).is_ok(), "up to three quarters");
        assert!(heavy.take(1).is_err());
        heavy.set_weight(100);
        heavy.give(1);
        assert!(heavy.take(1).is_err() && light.take(1).is_ok());
        drop((heavy, light));
    }

    #[test]
    fn what_was_refused_leaves_no_trace() {
        let host = Arc::new(HostMemory::new(100));
        let (one, other) = (within(&host, 1), within(&host, 1));
        assert!(one.take(100).is_ok() && other.take(60).is_err());
        assert_eq!((other.used_bytes(), host.used_bytes()), (0, 100));
        assert_eq!(host.weights.load(Ordering::Relaxed), 1, "who has nothing has no share");
    }

    #[test]
    fn in_any_disorder_the_sums_are_right_in_the_end() {
        let host = Arc::new(HostMemory::new(u64::MAX));
        let account = within(&host, 7);
        let works = || {
            for bytes in 1..2_000 {
                account.take(bytes).unwrap();
                account.give(bytes);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(works);
            }
        });
        assert_eq!((account.used_bytes(), host.used_bytes(), host.weights.load(Ordering::Relaxed)), (0, 0, 0));
    }
}
