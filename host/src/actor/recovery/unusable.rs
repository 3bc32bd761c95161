//! Snapshots that a recovery passed over, and what becomes of them once the actor is back without them.

use crate::sandbox::GuestFailure;
use crate::vocab::Sequence;

use super::{Recovery, RecoveryError};

/// Why a snapshot was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It fails its checksum.
    Corrupt,
    /// What the host keeps beside the state cannot be read.
    Ledger,
    /// This code does not read its layout; another revision may.
    Layout,
    /// The code traps at it, refuses it or contradicts itself over it.
    Failed,
    /// The code passes a bound over it: another time, or with another bound, it may not.
    OverBound,
    /// It was listed, and is gone.
    Gone,
}

impl Unusable {
    /// What a guest's failure at a snapshot says of it.
    ///
    /// # Errors
    /// The failure itself, if it says nothing of the snapshot.
    pub(super) fn of(failure: GuestFailure) -> Result<Self, RecoveryError> {
        match failure {
            // Neither is the snapshot's fault: with room, it can be used.
            GuestFailure::NoRoom | GuestFailure::Quota { .. } | GuestFailure::HostMemory { .. } => {
                Err(RecoveryError::Start(failure))
            }
            GuestFailure::OutOfTime { .. } | GuestFailure::OutOfMemory { .. } | GuestFailure::Limit { .. } => {
                Ok(Self::OverBound)
            }
            _ => Ok(Self::Failed),
        }
    }

    /// As a metric label.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::Ledger => "ledger",
            Self::Layout => "layout",
            Self::Failed => "start-failed",
            Self::OverBound => "over-bound",
            Self::Gone => "gone",
        }
    }

    /// Whether no recovery will ever start from it: then it is deleted, once the actor came back without it.
    const fn is_for_good(self) -> bool {
        matches!(self, Self::Corrupt | Self::Ledger | Self::Failed)
    }

    /// Whether the code itself failed at it: a new one of the same state would be no better.
    pub(crate) const fn is_the_codes(self) -> bool {
        matches!(self, Self::Failed | Self::OverBound)
    }
}

impl Recovery<'_> {
    /// Deletes the snapshots that no recovery will ever start from. To be called when the actor is back without them.
    ///
    /// A failure is logged only: the next recovery passes them over again. A crash leaves some of them.
    pub(crate) async fn discard(&self, unusable: &[(Sequence, Unusable)]) {
        let id = self.address.id();
        // Code that is being tried may fail at snapshots of the code that it would replace: that one still needs them.
        let is_for_good = |why: Unusable| why.is_for_good() && !(why == Unusable::Failed && self.code.is_rolling());
        for (sequence, why) in unusable.iter().filter(|(_, why)| is_for_good(*why)) {
            match self.in_time(async { Ok(self.stage.provider.delete_snapshot(id, *sequence).await?) }).await {
                Ok(()) => {
                    tracing::warn!(actor = %self.address, %sequence, why = why.label(), "deleted a snapshot that is unusable for good");
                }
                Err(error) => {
                    tracing::warn!(actor = %self.address, %sequence, %error, "an unusable snapshot could not be deleted");
                }
            }
        }
    }

    /// Takes note of a snapshot that is passed over.
    pub(super) fn pass_over(&self, sequence: Sequence, why: Unusable, reason: &dyn std::fmt::Display) {
        let label = why.label();
        if self.silent {
            tracing::debug!(actor = %self.address, %sequence, why = label, %reason, "snapshot unusable; trying an older one");
        } else {
            if self.code.account().may_log(&self.address.tenant, self.limits) {
                tracing::warn!(actor = %self.address, %sequence, why = label, %reason, "snapshot unusable; trying an older one");
            }
            self.code.metrics().unusable_snapshot(why);
        }
    }
}
