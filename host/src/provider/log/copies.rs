//! What upkeep moves to the end of the log: the records of one batch, and how they change the index.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::index::{FrameEntry, Index, Place};
use super::queue::Op;
use super::record::{self, RecordKind};
use super::summary::ActorSummary;
use crate::frame::FrameHeader;
use crate::provider::SnapshotMeta;
use crate::vocab::ActorId;

/// The records of one batch of upkeep.
#[derive(Debug, Default)]
pub(super) struct Copies {
    list: Vec<Copy>,
    bytes: usize,
    /// Whose entries must stay in memory until the batch is written.
    pinned: Vec<ActorId>,
    /// How many were left out because a caller was faster; read by the one who waits for the batch.
    left_out: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Copy {
    moved: Moved,
    /// Where its payload begins in the batch; known once it is encoded.
    payload_at: usize,
}

/// One record that upkeep writes.
#[derive(Debug)]
pub(super) enum Moved {
    /// Frames of one actor, each following the one before.
    Frames(Vec<MovedFrame>),
    Snapshot {
        actor: ActorId,
        meta: SnapshotMeta,
        /// As it lies in the log.
        payload: Bytes,
    },
    CatalogPut {
        key: String,
        /// As it lies in the log.
        payload: Bytes,
    },
    /// Written again as long as an older segment may hold the record.
    CatalogDelete {
        key: String,
    },
    Summary(ActorSummary),
    /// Written again as long as the newest segment's header does not say it.
    Dropped(u64),
}

/// One frame on its way.
#[derive(Debug)]
pub(super) struct MovedFrame {
    pub(super) header: FrameHeader,
    pub(super) bytes: Bytes,
}

/// What callers changed while a batch of copies was being put together: those copies would bring back what is gone.
///
/// Appends and deletions of events are not here: they only ever add, and a copy takes nothing of them back.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Whose snapshots.
    actors: HashSet<ActorId>,
    /// Which catalog records.
    keys: HashSet<String>,
}

impl Touched {
    /// Takes note of what an operation changes.
    pub(super) fn note(&mut self, op: &Op) {
        match op {
            Op::Snapshot { actor, .. } | Op::SnapshotDelete { actor, .. } => _ = self.actors.insert(*actor),
            Op::CatalogPut { key, .. } | Op::CatalogDelete { key } => _ = self.keys.insert(key.clone()),
            _ => {}
        }
    }

    fn allows(&self, moved: &Moved) -> bool {
        match moved {
            Moved::Frames(_) | Moved::Dropped(_) => true,
            Moved::Snapshot { actor, .. } => !self.actors.contains(actor),
            Moved::Summary(summary) => !self.actors.contains(&summary.actor),
            Moved::CatalogPut { key, .. } | Moved::CatalogDelete { key } => !self.keys.contains(key),
        }
    }
}

impl Moved {
    /// Bytes of the record with its header.
    pub(super) fn record_bytes(&self) -> usize {
        record::padded_bytes(match self {
            Self::Frames(frames) => frames.iter().map(|frame| frame.bytes.len()).sum(),
            Self::Snapshot { payload, .. } | Self::CatalogPut { payload, .. } => payload.len(),
            Self::CatalogDelete { key } => record::CATALOG_FIELDS_BYTES + key.len(),
            Self::Summary(summary) => summary.payload_bytes(),
            Self::Dropped(_) => size_of::<u64>(),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) -> usize {
        match self {
            Self::Frames(frames) => {
                let parts: Vec<&[u8]> = frames.iter().map(|frame| frame.bytes.as_ref()).collect();
                record::push_copied(out, RecordKind::Frames, &parts)
            }
            Self::Snapshot { payload, .. } => record::push_copied(out, RecordKind::Snapshot, &[payload]),
            Self::CatalogPut { payload, .. } => record::push_copied(out, RecordKind::CatalogPut, &[payload]),
            Self::CatalogDelete { key } => record::push_catalog(out, key, None),
            Self::Summary(summary) => summary.push(out),
            Self::Dropped(segment) => record::push_dropped(out, *segment),
        }
    }

    fn apply(&self, index: &mut Index, place: Place) {
        match self {
            Self::Frames(frames) => {
                let mut at = 0;
                for frame in frames {
                    let (actor, first, last) = (frame.header.actor, frame.header.first, frame.header.last());
                    let entry = place.part(at, frame.bytes.len()).map(|place| FrameEntry { first, last, place });
                    index.relocate(actor, entry);
                    at += frame.bytes.len();
                }
            }
            Self::Snapshot { actor, meta, .. } => index.add_snapshot(*actor, meta.clone(), place),
            Self::CatalogPut { key, .. } => index.put_catalog(key, place),
            Self::Summary(summary) => index.summarize(summary, place),
            Self::Dropped(segment) => _ = index.dropped.insert(*segment),
            Self::CatalogDelete { .. } => {}
        }
    }

    fn payload_bytes(&self) -> usize {
        match self {
            Self::Snapshot { payload, .. } | Self::CatalogPut { payload, .. } => payload.len(),
            Self::Summary(summary) => summary.payload_bytes(),
            _ => 0,
        }
    }
}

impl Copies {
    pub(super) fn push(&mut self, moved: Moved) {
        self.bytes = self.bytes.saturating_add(moved.record_bytes());
        match &moved {
            Moved::Snapshot { actor, .. } => self.pinned.push(*actor),
            Moved::Summary(summary) => self.pinned.push(summary.actor),
            _ => {}
        }
        self.list.push(Copy { moved, payload_at: 0 });
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whose entries must stay in memory until the batch is written, once for each record.
    pub(super) fn pinned(&self) -> &[ActorId] {
        &self.pinned
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Where to read, once the batch is written, how many records were left out of it.
    pub(super) fn left_out(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.left_out)
    }

    /// Leaves out what callers changed since it was looked up.
    pub(super) fn leave_out(&mut self, touched: &Touched) {
        let before = self.list.len();
        self.list.retain(|copy| touched.allows(&copy.moved));
        self.left_out.store(before - self.list.len(), Ordering::SeqCst);
    }

    /// Writes the records to `out`; returns how many.
    pub(super) fn encode(&mut self, out: &mut Vec<u8>) -> u32 {
        for copy in &mut self.list {
            copy.payload_at = copy.moved.encode(out);
        }
        u32::try_from(self.list.len()).unwrap_or(u32::MAX)
    }

    /// Makes the new places known, once the batch is written at `at` in `segment`.
    pub(super) fn apply(&self, index: &mut Index, segment: u64, at: u64) {
        for copy in &self.list {
            let offset = u32::try_from(at + copy.payload_at as u64).unwrap_or(u32::MAX);
            let length = u32::try_from(copy.moved.payload_bytes()).unwrap_or(u32::MAX);
            copy.moved.apply(index, Place { segment, offset, length });
        }
    }
}
