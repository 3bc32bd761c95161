//! Records of the host in an actor's journal that are written while the actor is not live.

use std::sync::Arc;

use super::ask::AskError;
use super::ledger::{self, Change, KeyRecord};
use super::stage::Stage;
use crate::frame::{EventColumns, Frame, FrameParts};
use crate::provider::{Append, StoreError};
use crate::vocab::{Address, RevisionId, Sequence, Timestamp};

/// One record of the host. Only for actors that cannot be brought on stage meanwhile.
pub(crate) struct HostRecord<'a> {
    /// In whose journal.
    pub(crate) address: &'a Arc<Address>,
    /// The revision that wrote the record before it.
    pub(crate) revision: RevisionId,
    /// Where the journal ends.
    pub(crate) after: Sequence,
    /// What it says of the ledger.
    pub(crate) changes: Vec<Change>,
    /// What it says of idempotency keys.
    pub(crate) keys: Vec<KeyRecord>,
    /// When the actor must be awake.
    pub(crate) wake_at: Option<Timestamp>,
}

impl HostRecord<'_> {
    /// Appends it. Durable when the result arrives.
    ///
    /// # Errors
    /// When it was not stored, or that is not known.
    pub(crate) async fn append(self, stage: &Stage) -> Result<(), AskError> {
        let unstorable = |reason: String| StoreError::Corrupt { place: "a record of the host".to_owned(), reason };
        let effects = ledger::encode_changes(&self.changes).map_err(|error| unstorable(error.to_string()))?;
        let keys = ledger::encode_keys(&self.keys).map_err(|error| unstorable(error.to_string()))?;
        let id = self.address.id();
        let parts = FrameParts {
            actor: id,
            first: self.after.next(),
            time: stage.clock.now(),
            wake_at: self.wake_at,
            revision: self.revision,
            events: &EventColumns::host_event(),
            effects: &effects,
            keys: &keys,
        };
        let frame = Frame::encode(&parts).map_err(|error| unstorable(error.to_string()))?;
        let append = Append { address: Arc::clone(self.address), expected: self.after, frame };
        let through = stage.provider.append(append).await?;
        stage.crew.published(id, through);
        Ok(())
    }
}

/// Whether a frame is a record of the host that says so.
pub(crate) fn holds(frame: &Frame, change: &Change) -> bool {
    frame.is_host_event() && ledger::decode_changes(frame.effects()).is_ok_and(|changes| changes.contains(change))
}
