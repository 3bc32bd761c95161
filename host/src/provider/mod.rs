//! Storage back ends: what they promise, and the ones that ship. Knows frames, knows no wasm.
//!
//! A provider is an [`EventStore`], a [`SnapshotStore`] and a [`Catalog`] that become durable together.

mod admission;
pub mod archive;
mod catalog;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod directory;
mod durability;
mod error;
mod events;
pub mod export;
pub mod log;
pub mod memory;
mod snapshots;
mod verification;

pub use catalog::Catalog;
pub use durability::Durability;
pub use error::{AppendError, StoreError};
pub use events::{ActorListing, Append, Appending, DeleteGuard, EventStore, FrameReader, Head, ReadRange, Wake};
pub use snapshots::{Snapshot, SnapshotMeta, SnapshotStore};
pub use verification::{
    Finding, FindingKind, Severity, VerifyFeed, VerifyLine, VerifyMode, VerifyProgress, VerifyRefusal, VerifySummary,
};

use std::sync::Arc;

use futures_util::future::BoxFuture;

/// A storage back end.
pub trait Provider: EventStore + SnapshotStore + Catalog {
    /// Makes everything acknowledged durable and ends the provider's threads. Later calls fail; a second close does nothing.
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Begins to look at everything that is stored, beside all other work, changing nothing. A provider that has nothing to
    /// look at, or looks by other means, need not have it.
    ///
    /// # Errors
    /// Why it does not begin. What it finds is in the lines.
    fn verify(&self) -> Result<VerifyFeed, VerifyRefusal> {
        Err(VerifyRefusal::Unsupported)
    }
}

/// A provider that several rooms share.
pub type SharedProvider = Arc<dyn Provider>;
