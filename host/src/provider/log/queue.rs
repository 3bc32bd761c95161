//! What waits for the committer, and who waits for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::copies::Copies;
use super::index::{Index, Place};
use super::record::{self, RecordKind};
use crate::frame::Frame;
use crate::provider::{AppendError, Snapshot, StoreError};
use crate::vocab::{ActorId, Address, Sequence};

/// One thing to be written.
#[derive(Debug)]
pub(super) enum Op {
    /// A turn; with the address if it is the actor's first record.
    Frame {
        address: Option<Arc<Address>>,
        frame: Frame,
    },
    /// A snapshot; with the address if it is the actor's first record.
    Snapshot {
        actor: ActorId,
        address: Option<Arc<Address>>,
        snapshot: Snapshot,
    },
    SnapshotDelete {
        actor: ActorId,
        sequence: Sequence,
    },
    DeleteThrough {
        actor: ActorId,
        through: Sequence,
    },
    CatalogPut {
        key: String,
        value: Bytes,
    },
    CatalogDelete {
        key: String,
    },
    /// Records that upkeep moves to the end of the log.
    Copy(Box<Copies>),
    /// Nothing in this segment is needed any more; its file may be removed once this is durable.
    GiveUp {
        segment: u64,
        /// The lowest segment that is left then.
        oldest: u64,
    },
    /// Nothing to write: tells when everything queued before it is written.
    Barrier,
    /// The end of the log until it is opened again.
    Close,
}

/// Why something queued was not acknowledged.
#[derive(Debug, Clone)]
pub(super) enum WriteFailure {
    /// It is certainly not stored.
    NotStored(StoreError),
    /// It may be stored.
    Unknown(StoreError),
}

/// The answer to one queued operation.
pub(super) type Answer = Result<(), WriteFailure>;

/// An operation with the one who waits for it.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) op: Op,
    /// `None`: already answered ([`crate::provider::Durability::Memory`]).
    pub(super) waiter: Option<oneshot::Sender<Answer>>,
}

/// Operations in the order of the calls.
#[derive(Debug, Default)]
pub(super) struct Queue {
    ops: VecDeque<Queued>,
    bytes: usize,
    /// Somebody waits for more than the acknowledgement of a frame.
    pub(super) urgent: bool,
    /// When the oldest operation came.
    pub(super) since: Option<Instant>,
}

impl Queue {
    pub(super) fn push(&mut self, queued: Queued) {
        self.bytes = self.bytes.saturating_add(queued.op.payload_bytes());
        self.urgent |= !matches!(queued.op, Op::Frame { .. });
        self.since.get_or_insert_with(Instant::now);
        self.ops.push_back(queued);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes operations from the front into `batch`: at least one, and no more than fit `batch_bytes`.
    pub(super) fn take(&mut self, batch_bytes: usize, batch: &mut Vec<Queued>) {
        let mut taken = 0usize;
        while let Some(next) = self.ops.front() {
            let bytes = next.op.payload_bytes();
            // Upkeep has batches of its own: what it moves is compared with the index right before it is written.
            let apart = next.op.is_upkeep() || batch.first().is_some_and(|first| first.op.is_upkeep());
            if !batch.is_empty() && apart {
                return;
            }
            if !batch.is_empty() && taken.saturating_add(bytes) > batch_bytes {
                return;
            }
            taken = taken.saturating_add(bytes);
            self.bytes = self.bytes.saturating_sub(bytes);
            batch.extend(self.ops.pop_front());
        }
        self.urgent = false;
        self.since = None;
    }

    /// Takes everything.
    pub(super) fn take_all(&mut self) -> Vec<Queued> {
        std::mem::take(self).ops.into()
    }
}

impl Queued {
    /// Tells the one who waits; one who went away is no error.
    pub(super) fn answer(&mut self, answer: Answer) {
        if let Some(waiter) = self.waiter.take() {
            let _gone = waiter.send(answer);
        }
    }
}

impl Op {
    /// Bytes of its payload, roughly: what the bounds of queue and batch count.
    fn payload_bytes(&self) -> usize {
        let variable = match self {
            Self::Frame { frame, .. } => frame.bytes().len(),
            Self::Snapshot { snapshot, .. } => snapshot.state.len().saturating_add(snapshot.ledger.len()),
            Self::CatalogPut { key, value } => key.len().saturating_add(value.len()),
            Self::CatalogDelete { key } => key.len(),
            Self::Copy(copies) => copies.bytes(),
            Self::SnapshotDelete { .. }
            | Self::DeleteThrough { .. }
            | Self::GiveUp { .. }
            | Self::Barrier
            | Self::Close => 0,
        };
        variable.saturating_add(record::HEADER_BYTES)
    }

    /// Whether it is the log's own upkeep and not a caller's.
    pub(super) const fn is_upkeep(&self) -> bool {
        matches!(self, Self::Copy(_) | Self::GiveUp { .. })
    }

    /// Writes its records to `out`; returns where the payload of its own record begins, and how many records.
    pub(super) fn encode(&mut self, out: &mut Vec<u8>) -> (usize, u32) {
        let mut records = 1;
        let mut introduce = |out: &mut Vec<u8>, actor: ActorId, address: &Option<Arc<Address>>| {
            if let Some(address) = address {
                record::push_address(out, actor, address);
                records = 2;
            }
        };
        let at = match self {
            Self::Frame { address, frame } => {
                introduce(out, frame.header().actor, address);
                record::push(out, RecordKind::Frame, &[frame.bytes()])
            }
            Self::Snapshot { actor, address, snapshot } => {
                introduce(out, *actor, address);
                record::push_snapshot(out, *actor, snapshot)
            }
            Self::SnapshotDelete { actor, sequence } => {
                record::push_deletion(out, RecordKind::SnapshotDelete, *actor, *sequence)
            }
            Self::DeleteThrough { actor, through } => {
                record::push_deletion(out, RecordKind::DeleteThrough, *actor, *through)
            }
            Self::CatalogPut { key, value } => record::push_catalog(out, key, Some(value)),
            Self::CatalogDelete { key } => record::push_catalog(out, key, None),
            Self::Close => record::push(out, RecordKind::Close, &[]),
            Self::GiveUp { segment, .. } => record::push_dropped(out, *segment),
            Self::Copy(copies) => {
                let at = out.len();
                return (at, copies.encode(out));
            }
            Self::Barrier => return (out.len(), 0),
        };
        (at, records)
    }

    /// Makes it visible, once it is written: its batch at `batch_at` in `segment`, its payload `payload_at` behind that.
    pub(super) fn apply(&self, index: &mut Index, segment: u64, batch_at: u64, payload_at: usize) {
        let offset = u32::try_from(batch_at + payload_at as u64).unwrap_or(u32::MAX);
        if let Some((actor, address)) = self.introduced() {
            // Its address stands right in front.
            let length = record::address_bytes(address);
            let before = u32::try_from(record::padded_bytes(length)).unwrap_or(u32::MAX);
            let length = u32::try_from(length).unwrap_or(u32::MAX);
            index.introduce(actor, Place { segment, offset: offset.saturating_sub(before), length });
        }
        let place = |length: usize| Place { segment, offset, length: u32::try_from(length).unwrap_or(u32::MAX) };
        match self {
            Self::Frame { frame, .. } => index.add_frame(frame.header(), place(frame.bytes().len())),
            Self::Snapshot { actor, snapshot, .. } => {
                let length = record::SNAPSHOT_FIELDS_BYTES + snapshot.state.len() + snapshot.ledger.len();
                index.add_snapshot(*actor, snapshot.meta.clone(), place(length));
            }
            Self::SnapshotDelete { actor, sequence } => index.delete_snapshot(*actor, *sequence),
            Self::DeleteThrough { actor, through } => index.delete_through(*actor, *through),
            Self::CatalogPut { key, value } => {
                let length = record::CATALOG_FIELDS_BYTES + key.len() + value.len();
                index.put_catalog(key, place(length));
            }
            Self::CatalogDelete { key } => index.delete_catalog(key),
            Self::Copy(copies) => copies.apply(index, segment, batch_at),
            Self::GiveUp { segment, .. } => _ = index.dropped.insert(*segment),
            Self::Barrier | Self::Close => {}
        }
    }

    /// The actor whose address it writes.
    fn introduced(&self) -> Option<(ActorId, &Address)> {
        match self {
            Self::Frame { address: Some(address), frame } => Some((frame.header().actor, address)),
            Self::Snapshot { actor, address: Some(address), .. } => Some((*actor, address)),
            _ => None,
        }
    }

    /// The actor whose entry must stay in memory until it is done. Frames are not counted: their numbers show it.
    pub(super) const fn pinned(&self) -> Option<ActorId> {
        match self {
            Self::Snapshot { actor, .. } | Self::SnapshotDelete { actor, .. } | Self::DeleteThrough { actor, .. } => {
                Some(*actor)
            }
            _ => None,
        }
    }

    /// The actor whose journal is longer in the queue than in the index because of it.
    pub(super) const fn actor(&self) -> Option<ActorId> {
        match self {
            Self::Frame { frame, .. } => Some(frame.header().actor),
            Self::Snapshot { actor, .. } => Some(*actor),
            _ => None,
        }
    }
}

impl From<WriteFailure> for StoreError {
    fn from(failure: WriteFailure) -> Self {
        match failure {
            WriteFailure::NotStored(cause) | WriteFailure::Unknown(cause) => cause,
        }
    }
}

impl From<WriteFailure> for AppendError {
    fn from(failure: WriteFailure) -> Self {
        match failure {
            WriteFailure::NotStored(cause) => Self::Failed(cause),
            WriteFailure::Unknown(cause) => Self::Unknown(cause),
        }
    }
}
