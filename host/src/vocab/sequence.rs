//! Positions in a journal.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An event's number in its actor's journal: the first is 1, there are no gaps, none is reused.
///
/// `Sequence::ZERO` means "before the first event"; as a snapshot position it means the initial state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Sequence(pub u64);

impl Sequence {
    /// Before the first event.
    pub const ZERO: Self = Self(0);
    /// The number of the first event.
    pub const FIRST: Self = Self(1);
    /// The largest number; as an upper bound it means "to the end".
    pub const MAX: Self = Self(u64::MAX);

    /// The number that follows this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number `count` events later.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// The number before this one; `ZERO` stays `ZERO`.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// How many events lie in `earlier + 1 ..= self`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The store-wide number of a deployed revision; frames and snapshots carry it.
///
/// The catalog maps it to tenant, kind, revision number, component digest and manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct RevisionId(pub u32);

impl fmt::Display for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
