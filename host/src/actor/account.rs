//! What the actors of one tenant use together, and how much that may be.
//!
//! One account is shared by all activations of a tenant. What is looked at on every turn are atomics; without a quota
//! they are hardly looked at.

use std::sync::Arc;

mod journal;
mod places;

pub(crate) use journal::JournalAccount;
pub(super) use journal::SnapshotPlace;
pub(super) use places::Place;
pub(crate) use places::Places;

use crate::sandbox::{HostMemory, LogAccount, MemoryAccount, limit_hit};
use crate::vocab::{Limit, Limits, Quota, Tenant};

/// What a line of the host about an actor counts: an address, a code and what the guest said.
const LINE_BYTES: usize = 1_000;

/// What one tenant's actors use together.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Memory of its instances.
    pub(crate) memory: Arc<MemoryAccount>,
    /// What its guests, and the host about them, put into the log.
    pub(crate) log: Arc<LogAccount>,
    /// Its live actors.
    pub(crate) places: Arc<Places>,
    /// What it stores.
    pub(crate) journal: JournalAccount,
}

impl Account {
    /// An account whose memory is a part of all guests'.
    pub(crate) fn within(memory: &Arc<HostMemory>) -> Arc<Self> {
        Arc::new(Self { memory: Arc::new(MemoryAccount::within(memory)), ..Self::default() })
    }

    /// Whether the host may log a line about an actor of this tenant: a tenant whose actors fail all the time must not fill
    /// the log.
    pub(crate) fn may_log(&self, tenant: &Tenant, limits: &Limits) -> bool {
        let may = self.log.admits(LINE_BYTES, limits.tenant_log_bytes_per_second);
        if !may {
            limit_hit(tenant, Limit::TenantLogBytesPerSecond);
        }
        may
    }
}

/// A quota that would be passed, and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OverQuota {
    pub(crate) quota: Quota,
    pub(crate) limit: u64,
}
