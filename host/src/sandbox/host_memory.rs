//! What the instances of all tenants use together, and whose share of it how much is.

use std::sync::atomic::{AtomicU64, Ordering};

/// This part of the bound is left for tenants that have less than their weighted share.
const RESERVE_PART: u64 = 8;

/// The memory that all guests of a host have together, and how much it may be.
///
/// What a tenant may take of it depends on how much is left: near the bound only those get more that have less than their
/// share by weight among the tenants that use any. So one that has taken all it could leaves others room to begin, and
/// what it has is given back as its actors leave.
#[derive(Debug)]
pub struct HostMemory {
    used_bytes: AtomicU64,
    bytes_max: u64,
    /// The sum of the weights of tenants that use any.
    pub(super) weights: AtomicU64,
}

impl HostMemory {
    pub(super) const fn new(bytes_max: u64) -> Self {
        Self { used_bytes: AtomicU64::new(0), bytes_max, weights: AtomicU64::new(0) }
    }

    /// How much it may be; `u64::MAX`: it is not bounded.
    #[must_use]
    pub const fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// How much is used.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Takes so many bytes for a tenant of this weight that would then have `own_bytes`; false, and nothing is taken, if
    /// they would pass what it may have. Exactly at it is allowed.
    pub(super) fn take(&self, bytes: u64, own_bytes: u64, weight: u32) -> bool {
        let max = if own_bytes <= self.share_bytes(weight) { self.bytes_max } else { self.unreserved() };
        let more = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= max);
        self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    pub(super) fn give(&self, bytes: u64) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// A tenant's weight in the sum changes.
    pub(super) fn reweigh(&self, from: u32, to: u32) {
        self.weights.fetch_add(u64::from(to), Ordering::Relaxed);
        self.weights.fetch_sub(u64::from(from), Ordering::Relaxed);
    }

    const fn unreserved(&self) -> u64 {
        self.bytes_max - self.bytes_max / RESERVE_PART
    }

    /// The share of a tenant of this weight, which is in the sum already. A tenant that is alone may have all.
    fn share_bytes(&self, weight: u32) -> u64 {
        let weights = self.weights.load(Ordering::Relaxed).max(u64::from(weight)).max(1);
        let share = u128::from(self.bytes_max) * u128::from(weight) / u128::from(weights);
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}
