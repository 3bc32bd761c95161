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

use crate::sandbox::MemoryAccount;
use crate::vocab::Quota;

/// What one tenant's actors use together.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Linear memory of its instances.
    pub(crate) memory: Arc<MemoryAccount>,
    /// Its live actors.
    pub(crate) places: Arc<Places>,
    /// What it stores.
    pub(crate) journal: JournalAccount,
}

/// A quota that would be passed, and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OverQuota {
    pub(crate) quota: Quota,
    pub(crate) limit: u64,
}
