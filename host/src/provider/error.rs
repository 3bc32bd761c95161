//! What can go wrong in a store, separated by what the caller must do about it.

use crate::vocab::{ActorId, Code, Sequence};

/// Why an append was not acknowledged. The four variants mean four different things to a writer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Definitely not stored, and the same append will be refused again: change it.
    #[error("the append was refused, nothing was stored: {reason}")]
    Rejected {
        /// What is wrong with it.
        reason: String,
    },
    /// Definitely not stored: another writer was faster. Recover, then decide again.
    #[error("expected the journal of {actor} to end at {expected}, it ends at {actual}; nothing was stored")]
    Conflict {
        /// Whose journal.
        actor: ActorId,
        /// Where this writer believed that the journal ends.
        expected: Sequence,
        /// Where it ends.
        actual: Sequence,
    },
    /// Definitely not stored, because the store cannot write now.
    #[error("nothing was stored: {0}")]
    Failed(#[source] StoreError),
    /// It may or may not be stored (a failed sync, a lost connection). Recover from the journal before anything else.
    #[error("it is not known whether the append was stored: {0}")]
    Unknown(#[source] StoreError),
}

/// Why a store could not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Bytes that were durable fail their checksum or contradict themselves.
    #[error("corrupt store: {place}: {reason}")]
    Corrupt {
        /// File and offset, and the actor and sequence where known.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// A journal skips a number.
    #[error("the journal of {actor} goes from {before} to {after}")]
    Gap {
        /// Whose journal.
        actor: ActorId,
        /// The last number before the gap.
        before: Sequence,
        /// The number that follows it.
        after: Sequence,
    },
    /// The store was written by a newer format; it was not touched.
    #[error("{place} has format {found}; this program reads up to {supported}. Use a newer greenroom")]
    FormatTooNew {
        /// The file.
        place: String,
        /// The format found.
        found: u32,
        /// The newest format this program reads.
        supported: u32,
    },
    /// Another process has the directory open.
    #[error("{place} is in use by another process; stop it first, or choose another directory")]
    Locked {
        /// The directory.
        place: String,
    },
    /// An earlier write or sync failed; nothing is accepted until the store is reopened.
    #[error("the store refuses writes since an earlier failure ({cause}); restart the host to reopen it")]
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// No space left; nothing of this append was stored, reading goes on.
    #[error("no space left on the disk of {place}")]
    DiskFull {
        /// The directory.
        place: String,
    },
    /// Deletion of events that no durable snapshot covers.
    #[error(
        "events of {actor} through {through} are not behind a durable snapshot (newest: {newest:?}); save one first, or force"
    )]
    NotCovered {
        /// Whose journal.
        actor: ActorId,
        /// Deletion was asked through this number.
        through: Sequence,
        /// The newest durable snapshot.
        newest: Option<Sequence>,
    },
    /// A snapshot with events that the journal does not hold.
    #[error("a snapshot of {actor} at {sequence} is ahead of its journal, which ends at {head}; nothing was stored")]
    AheadOfJournal {
        /// Whose journal.
        actor: ActorId,
        /// The snapshot's number.
        sequence: Sequence,
        /// Where the journal ends.
        head: Sequence,
    },
    /// Two addresses with one id; the second one is refused.
    #[error("{address} has the same id as {holder}, which was first; nothing was stored")]
    AddressTaken {
        /// Who was refused.
        address: String,
        /// Who has the id.
        holder: String,
    },
    /// A record over the store's bound.
    #[error("a record of {bytes} bytes is over the store's limit of {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// The operating system refused.
    #[error("{operation} on {place} failed: {reason}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Corrupt { .. } => Code::StoreCorrupt,
            Self::Gap { .. } => Code::SequenceGap,
            Self::FormatTooNew { .. } => Code::FormatTooNew,
            Self::Locked { .. } => Code::StoreLocked,
            Self::Poisoned { .. } => Code::StorePoisoned,
            Self::DiskFull { .. } => Code::DiskFull,
            Self::NotCovered { .. }
            | Self::AheadOfJournal { .. }
            | Self::AddressTaken { .. }
            | Self::TooLarge { .. }
            | Self::Io { .. }
            | Self::Closed => Code::StoreFailed,
        }
    }
}

impl AppendError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Rejected { .. } => Code::StoreFailed,
            Self::Conflict { .. } => Code::WriteConflict,
            Self::Failed(cause) => cause.code(),
            Self::Unknown(_) => Code::OutcomeUnknown,
        }
    }
}
