//! What a disk can do wrong without losing power.

use std::io;

/// What a step was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A file was created.
    Create,
    /// A file was removed.
    Remove,
    /// Creations and removals were made durable.
    SyncNames,
    /// Bytes were written.
    Write,
    /// A file's bytes were made durable.
    Sync,
    /// A batch was committed to the index store.
    IndexCommit,
    /// A new index store took the place of the one before.
    ReplaceIndex,
}

/// Something that goes wrong for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// The first step that it is about, counted from 1.
    pub from: u64,
    /// How many steps it is about.
    pub steps: u64,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Every step fails and does nothing; a sync forgets what it should have written.
    Refused,
    /// The same, but half of a write is done.
    Short,
    /// Nothing new fits: files cannot grow, and what fits of a write is written. Bytes that are there can be written over.
    Full,
    /// Not even that: as on a file system that writes every change to a new place.
    Exhausted,
    /// The directory became read-only.
    ReadOnly,
}

impl Fault {
    pub(super) const fn is_at(&self, step: u64) -> bool {
        step >= self.from && step - self.from < self.steps
    }
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Refused, Self::Short, Self::Full, Self::Exhausted, Self::ReadOnly];

    /// Whether a step that is no write fails.
    pub(super) const fn refuses(self, step: Step) -> bool {
        match self {
            Self::Refused | Self::Short | Self::ReadOnly => true,
            Self::Full => matches!(step, Step::Create | Step::IndexCommit),
            Self::Exhausted => !matches!(step, Step::Remove | Step::ReplaceIndex),
        }
    }

    /// Whether a write fails that makes its file longer by `growth` bytes.
    pub(super) const fn refuses_write(self, growth: u64) -> bool {
        !matches!(self, Self::Full) || growth > 0
    }

    /// How much of a failing write is done.
    pub(super) fn written_of(self, bytes: &[u8]) -> &[u8] {
        match self {
            Self::Short | Self::Full => bytes.get(..bytes.len() / 2).unwrap_or_default(),
            Self::Refused | Self::Exhausted | Self::ReadOnly => &[],
        }
    }

    /// What the system says.
    pub(super) fn error(self) -> io::Error {
        match self {
            Self::Refused | Self::Short => io::Error::other("the disk refused"),
            Self::Full | Self::Exhausted => io::ErrorKind::StorageFull.into(),
            Self::ReadOnly => io::ErrorKind::ReadOnlyFilesystem.into(),
        }
    }
}
