//! Taking in what a scan of the log finds.

use std::sync::Arc;

use super::super::record::{self, Raw, RecordError, RecordKind};
use super::super::summary::ActorSummary;
use super::{FrameEntry, Index, Place};
use crate::frame::FrameHeader;
use crate::provider::SnapshotMeta;
use crate::vocab::{ActorId, Address, Sequence};

/// What one record changes about one actor.
#[derive(Debug)]
pub(super) enum Change {
    Frame { header: FrameHeader, place: Place, is_copied: bool },
    Snapshot(SnapshotMeta, Place),
    SnapshotDelete(Sequence),
    DeleteThrough(Sequence),
}

/// The actor that a record is about; `None`: it is about none.
pub(in super::super) fn actor_of(raw: &Raw<'_>) -> Result<Option<ActorId>, RecordError> {
    Ok(match raw.kind {
        // The records of several frames begin with one of them.
        RecordKind::Frame | RecordKind::Frames => Some(header(raw.payload)?.actor),
        RecordKind::ActorAddress => Some(record::address(raw.payload)?.0),
        RecordKind::ActorSummary => Some(ActorSummary::decode(raw.payload)?.actor),
        RecordKind::Snapshot => Some(record::snapshot(raw.payload)?.actor),
        RecordKind::SnapshotDelete | RecordKind::DeleteThrough => Some(record::deletion(raw.payload)?.0),
        RecordKind::CatalogPut | RecordKind::CatalogDelete | RecordKind::Close | RecordKind::SegmentDropped => None,
    })
}

fn header(payload: &[u8]) -> Result<FrameHeader, RecordError> {
    FrameHeader::measure(payload).map(|(header, _)| header).map_err(|_| RecordError::Contradiction)
}

impl Index {
    /// Adds a record that a scan found at `place`. What the index store knows of its actor is in memory. Adding one that
    /// the index store knew already changes nothing.
    pub(in super::super) fn replay(&mut self, raw: &Raw<'_>, place: Place) -> Result<(), RecordError> {
        match raw.kind {
            RecordKind::Frame => {
                let header = FrameHeader::decode(raw.payload).map_err(|_| RecordError::Contradiction)?;
                self.replay_change(header.actor, Change::Frame { header, place, is_copied: raw.copied });
            }
            RecordKind::Frames => {
                for frame in record::frames(raw.payload) {
                    let (header, at, bytes) = frame?;
                    let place = place.part(at, bytes.len()).ok_or(RecordError::Contradiction)?;
                    self.replay_change(header.actor, Change::Frame { header, place, is_copied: true });
                }
            }
            RecordKind::ActorAddress => {
                let (actor, address) = record::address(raw.payload)?;
                self.replay_actor(actor, &Arc::new(address));
                self.introduce(actor, place);
            }
            RecordKind::ActorSummary => {
                let summary = ActorSummary::decode(raw.payload)?;
                self.replay_actor(summary.actor, &summary.address);
                self.summarize(&summary, place);
            }
            RecordKind::Snapshot => {
                let snapshot = record::snapshot(raw.payload)?;
                self.replay_change(snapshot.actor, Change::Snapshot(snapshot.meta, place));
            }
            RecordKind::SnapshotDelete => {
                let (actor, sequence) = record::deletion(raw.payload)?;
                self.replay_change(actor, Change::SnapshotDelete(sequence));
            }
            RecordKind::DeleteThrough => {
                let (actor, through) = record::deletion(raw.payload)?;
                self.replay_change(actor, Change::DeleteThrough(through));
            }
            RecordKind::CatalogPut => self.put_catalog(record::catalog(raw.payload)?.0, place),
            RecordKind::CatalogDelete => self.delete_catalog(record::catalog(raw.payload)?.0),
            RecordKind::SegmentDropped => _ = self.dropped.insert(record::segment(raw.payload)?),
            RecordKind::Close => {}
        }
        Ok(())
    }

    /// An actor of whom a scan found something, but not who it is.
    pub(in super::super) fn unknown(&self) -> Option<ActorId> {
        self.early.keys().next().copied()
    }

    /// How much was found of such actors.
    pub(in super::super) const fn strangers(&self) -> usize {
        self.early_changes
    }

    fn replay_change(&mut self, actor: ActorId, change: Change) {
        if !self.actors.contains_key(&actor) {
            self.early_changes += 1;
            self.early.entry(actor).or_default().push(change);
            return;
        }
        match change {
            Change::Frame { header, place, is_copied } => self.replay_frame(&header, place, is_copied),
            Change::Snapshot(meta, place) => self.add_snapshot(actor, meta, place),
            Change::SnapshotDelete(sequence) => self.delete_snapshot(actor, sequence),
            Change::DeleteThrough(through) => self.delete_through(actor, through),
        }
    }

    /// Adds an actor, with what was found of it before.
    fn replay_actor(&mut self, actor: ActorId, address: &Arc<Address>) {
        self.add_actor(actor, address);
        let early = self.early.remove(&actor).unwrap_or_default();
        self.early_changes -= early.len();
        for change in early {
            self.replay_change(actor, change);
        }
    }

    fn replay_frame(&mut self, header: &FrameHeader, place: Place, is_copied: bool) {
        let Some(entry) = self.actors.get_mut(&header.actor) else { return };
        if !is_copied {
            return self.add_frame(header, place);
        }
        let is_new = header.last() > entry.head.sequence;
        self.relocate(header.actor, [FrameEntry { first: header.first, last: header.last(), place }]);
        if is_new {
            // The segment of the original is gone.
            self.change(header.actor, |entry| {
                entry.head.sequence = header.last();
                entry.head.wake_at = header.wake_at;
            });
        }
    }
}
