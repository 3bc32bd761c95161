//! What a turn meets at the bounds of its actor and of its tenant.

use std::sync::Arc;

use super::account::{Account, OverQuota};
use super::ask::RequestError;
use super::live::Live;
use super::mail::Envelope;
use crate::frame::Frame;
use crate::provider::{AppendError, Appending};
use crate::sandbox::{GuestFailure, limit_hit, quota_hit};
use crate::vocab::{Limit, Timestamp};

impl Live {
    /// Counts the limit at which a turn is full, if it is one: it may be smaller because commands are slow. What waits
    /// goes into the next turn; nobody is refused.
    pub(super) fn note_full(&self, commands: usize, bytes: usize) {
        let over = |found: usize, limit: u32| found >= usize::try_from(limit).unwrap_or(usize::MAX);
        let limit = if over(commands, self.limits.turn_commands) {
            Limit::TurnCommands
        } else if over(bytes, self.limits.turn_bytes) {
            Limit::TurnBytes
        } else {
            return;
        };
        limit_hit(&self.address.tenant, limit);
    }

    /// A turn that would pass one of this actor's limits.
    pub(super) fn passed(&self, name: Limit, what: &'static str, found: u64) -> GuestFailure {
        limit_hit(&self.address.tenant, name);
        GuestFailure::Limit { name, what, found, limit: self.limits.get(name) }
    }

    /// Answers a command that would store something when its tenant may store nothing more.
    pub(super) fn refuse_over_quota(&self, envelope: Envelope, OverQuota { quota, limit }: OverQuota) {
        quota_hit(&self.address.tenant, quota);
        self.code.metrics().refused(quota.code());
        let tenant = self.address.tenant.to_string();
        envelope.answer(Err(RequestError::OverQuota { tenant, quota, limit }.into()));
    }

    /// Takes a frame's bytes from what its tenant may store.
    pub(super) fn within_quota(&self, frame: Option<Frame>, now: Timestamp) -> Result<Option<Frame>, GuestFailure> {
        let Some(frame) = frame else { return Ok(None) };
        let (first, bytes) = (frame.header().first, size_of_frame(&frame));
        self.code.account().journal.take(self.id, first, bytes, now).map_err(|OverQuota { quota, limit }| {
            quota_hit(&self.address.tenant, quota);
            GuestFailure::Quota { quota, limit }
        })?;
        Ok(Some(frame))
    }
}

/// What a frame takes of what its tenant may store.
pub(super) fn size_of_frame(frame: &Frame) -> u64 {
    u64::try_from(frame.bytes().len()).unwrap_or(u64::MAX)
}

/// The same append; what is certainly not stored does not count towards what its tenant stores.
pub(super) fn given_back_if_lost(appending: Appending, account: &Arc<Account>, bytes: u64) -> Appending {
    if !account.journal.follows() {
        return appending;
    }
    let account = Arc::clone(account);
    Box::pin(async move {
        let result = appending.await;
        if result.as_ref().is_err_and(|error| !matches!(error, AppendError::Unknown(_))) {
            account.journal.give(bytes);
        }
        result
    })
}
