//! What an actor's task tells the kind's rollout of its actor.

use std::time::Duration;

use super::RecoveryError;
use crate::sandbox::GuestFailure;
use crate::vocab::{Code, RevisionId};

/// What became of an actor and the revision that it is assigned.
#[derive(Debug, Clone)]
pub(crate) enum News {
    /// It came on stage with the revision that it is assigned.
    Runs(RevisionId),
    /// It changed over while it was live; its commands waited so long.
    Moved {
        /// The revision that it runs now.
        to: RevisionId,
        /// From the last turn of the old one until the first answer of the new one.
        paused: Duration,
    },
    /// The revision that it is assigned did not bear it: it stays on another one, as if nothing had happened.
    Held {
        /// What it is assigned.
        refused: RevisionId,
        /// What it runs instead.
        on: RevisionId,
        /// Why.
        why: Refusal,
    },
    /// It could not change over for a reason that will pass: it is asked again.
    Delayed(Refusal),
    /// It failed in a turn of the revision that it runs.
    Failed(RevisionId),
    /// What it was held for happened in the code that it was held on, too: it was nobody's fault but the command's.
    Absolved(RevisionId),
}

/// Why a revision did not take an actor over.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// The stable code.
    pub(crate) code: Code,
    /// In words.
    pub(crate) reason: String,
}

impl From<&RecoveryError> for Refusal {
    fn from(error: &RecoveryError) -> Self {
        Self { code: error.code(), reason: error.to_string() }
    }
}

impl From<&GuestFailure> for Refusal {
    fn from(failure: &GuestFailure) -> Self {
        Self { code: failure.code(), reason: failure.to_string() }
    }
}
