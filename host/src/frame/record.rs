//! One frame: a fixed header, the event columns, effects and idempotency keys, each behind a CRC32C.

use bytes::Bytes;

use super::EventColumns;
use crate::vocab::{ActorId, RevisionId, Sequence, Timestamp};

/// What a frame is made of, before it is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameParts<'a> {
    /// Whose journal it belongs to.
    pub actor: ActorId,
    /// Number of the first event.
    pub first: Sequence,
    /// The turn's time.
    pub time: Timestamp,
    /// When the host must wake this actor at the latest for a timer or an undelivered tell; `None`: never.
    pub wake_at: Option<Timestamp>,
    /// Which code wrote it.
    pub revision: RevisionId,
    /// The events, at least one; [`Frame::HOST_EVENT`] marks an event that belongs to the host.
    pub events: &'a EventColumns,
    /// The turn's effects, encoded by `actor::effects`; empty: none.
    pub effects: &'a [u8],
    /// The turn's idempotency keys with their replies, encoded by `actor::idempotency`; empty: none.
    pub keys: &'a [u8],
}

/// The fixed part of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whose journal it belongs to.
    pub actor: ActorId,
    /// Number of the first event.
    pub first: Sequence,
    /// How many events; at least one.
    pub count: u32,
    /// The turn's time.
    pub time: Timestamp,
    /// When the host must wake this actor at the latest; `None`: never.
    pub wake_at: Option<Timestamp>,
    /// Which code wrote it.
    pub revision: RevisionId,
}

impl FrameHeader {
    /// Number of the last event.
    #[must_use]
    pub const fn last(&self) -> Sequence {
        self.first.plus(self.count as u64).previous()
    }
}

/// A checked, encoded frame; cloning shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    header: FrameHeader,
    bytes: Bytes,
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// To be refined by the frame room.
    #[error("not a frame")]
    NotAFrame,
}

impl Frame {
    /// The type index of events that belong to the host (effects without events, skips): never shown to a guest.
    pub const HOST_EVENT: u16 = u16::MAX;

    /// Encodes a frame. The result decodes to the same parts.
    ///
    /// # Errors
    /// When there is no event, the columns contradict themselves, or a length is over its field.
    pub fn encode(_parts: &FrameParts<'_>) -> Result<Self, FrameError> {
        todo!()
    }

    /// Decodes and checks a whole frame. Never panics, never allocates more than `bytes` is long.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode(_bytes: Bytes) -> Result<Self, FrameError> {
        todo!()
    }

    /// The encoded bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The fixed part.
    #[must_use]
    pub const fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// Adds this frame's events with numbers in `from..=through` to `into`; returns how many were added.
    pub fn append_events(&self, _from: Sequence, _through: Sequence, _into: &mut EventColumns) -> usize {
        todo!()
    }

    /// Type index and payload of each event, in order.
    pub fn events(&self) -> impl Iterator<Item = (u16, &[u8])> {
        std::iter::empty()
    }

    /// The turn's effects as they were encoded.
    #[must_use]
    pub fn effects(&self) -> &[u8] {
        todo!()
    }

    /// The turn's idempotency keys as they were encoded.
    #[must_use]
    pub fn keys(&self) -> &[u8] {
        todo!()
    }
}
