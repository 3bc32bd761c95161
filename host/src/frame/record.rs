//! One frame: a fixed header, the event columns, effects and idempotency keys, each behind a CRC32C.

use bytes::Bytes;

use super::header::{self, Body, HEADER_BYTES, check_numbers};
use super::{ColumnError, EventColumns, FrameError, FrameHeader};
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

/// A checked, encoded frame; cloning shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    header: FrameHeader,
    /// Where the parts lie; checked against `bytes` once, when the frame was made.
    body: Body,
    bytes: Bytes,
}

impl Frame {
    /// The type index of events that belong to the host (effects without events, skips): never shown to a guest.
    pub const HOST_EVENT: u16 = u16::MAX;

    /// Encodes a frame. The result decodes to the same parts (a `wake_at` of 0 ms becomes 1 ms: both are long past).
    ///
    /// # Errors
    /// When there is no event, the columns contradict themselves, or a length is over its field.
    pub fn encode(parts: &FrameParts<'_>) -> Result<Self, FrameError> {
        let count = length("events", parts.events.len())?;
        check_numbers(parts.first, count)?;
        parts.events.check()?;
        let mut body = Body {
            data_bytes: length("event data", parts.events.payloads.data.len())?,
            effects_bytes: length("effects", parts.effects.len())?,
            keys_bytes: length("idempotency keys", parts.keys.len())?,
            checksum: 0,
        };
        let total = usize::try_from(body.frame_bytes(count)).unwrap_or(usize::MAX);
        length("frame", total)?;

        let mut out = Vec::with_capacity(total);
        out.resize(HEADER_BYTES, 0);
        out.extend(parts.events.types.iter().flat_map(|kind| kind.to_le_bytes()));
        out.extend(parts.events.payloads.ends.iter().flat_map(|end| end.to_le_bytes()));
        out.extend_from_slice(&parts.events.payloads.data);
        out.extend_from_slice(parts.effects);
        out.extend_from_slice(parts.keys);
        let (head, tail) = out.split_at_mut_checked(HEADER_BYTES).ok_or(FrameError::NotAFrame)?;
        body.checksum = crc32c::crc32c(tail);
        let header = FrameHeader {
            actor: parts.actor,
            first: parts.first,
            count,
            time: parts.time,
            wake_at: parts.wake_at.map(|at| Timestamp(at.0.max(1))),
            revision: parts.revision,
        };
        head.copy_from_slice(&header::encode(&header, &body));
        Ok(Self { header, body, bytes: out.into() })
    }

    /// Decodes and checks a whole frame. Never panics, never allocates.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode(bytes: Bytes) -> Result<Self, FrameError> {
        let (header, body) = header::decode(&bytes)?;
        let stated = body.frame_bytes(header.count);
        let found = bytes.len();
        match stated.cmp(&(found as u64)) {
            std::cmp::Ordering::Greater => return Err(FrameError::Truncated { found, needed: stated }),
            std::cmp::Ordering::Less => return Err(FrameError::Lengths { stated, found }),
            std::cmp::Ordering::Equal => {}
        }
        if crc32c::crc32c(bytes.get(HEADER_BYTES..).unwrap_or_default()) != body.checksum {
            return Err(FrameError::BodyChecksum);
        }
        let frame = Self { header, body, bytes };
        check_ends(frame.ends(), frame.data().len())?;
        Ok(frame)
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
    ///
    /// The columns are copied as they lie, so the cost is that of the bytes, not of the events. The caller bounds
    /// the total below 4 GiB.
    pub fn append_events(&self, from: Sequence, through: Sequence, into: &mut EventColumns) -> usize {
        let FrameHeader { first, count, .. } = self.header;
        let stop = if through >= self.header.last() { u64::from(count) } else { through.next().since(first) };
        let skip = from.since(first).min(u64::from(count));
        // Both are at most `count` now.
        let (skip, stop) = (usize::try_from(skip).unwrap_or(0), usize::try_from(stop).unwrap_or(0));
        let (Some(types), Some(ends)) = (self.types().get(skip..stop), self.ends().get(skip..stop)) else { return 0 };
        let Some(last) = ends.last() else { return 0 };
        let start = skip.checked_sub(1).and_then(|before| self.ends().get(before)).map_or(0, |end| number(*end));
        let data = self.data().get(start as usize..number(*last) as usize).unwrap_or_default();

        // Ends are relative to the column they lie in: shift them from this frame's to the end of `into`'s.
        let shift = u32::try_from(into.payloads.data.len()).unwrap_or(u32::MAX).wrapping_sub(start);
        into.types.extend(types.iter().map(|kind| u16::from_le_bytes(*kind)));
        into.payloads.ends.extend(ends.iter().map(|end| number(*end).wrapping_add(shift)));
        into.payloads.data.extend_from_slice(data);
        ends.len()
    }

    /// Type index and payload of each event, in order.
    pub fn events(&self) -> impl Iterator<Item = (u16, &[u8])> {
        let data = self.data();
        let mut start = 0;
        self.types().iter().zip(self.ends()).map(move |(kind, end)| {
            let end = number(*end) as usize;
            let payload = data.get(start..end).unwrap_or_default();
            start = end;
            (u16::from_le_bytes(*kind), payload)
        })
    }

    /// Whether this frame holds only an event of the host, which no guest is shown.
    #[must_use]
    pub fn is_host_event(&self) -> bool {
        self.events().next().is_some_and(|(index, _)| index == Self::HOST_EVENT)
    }

    /// The turn's effects as they were encoded.
    #[must_use]
    pub fn effects(&self) -> &[u8] {
        self.part(self.data_at() + self.body.data_bytes as usize, self.body.effects_bytes)
    }

    /// The turn's idempotency keys as they were encoded.
    #[must_use]
    pub fn keys(&self) -> &[u8] {
        let effects_at = self.data_at() + self.body.data_bytes as usize;
        self.part(effects_at + self.body.effects_bytes as usize, self.body.keys_bytes)
    }

    fn count(&self) -> usize {
        self.header.count as usize
    }

    fn data_at(&self) -> usize {
        HEADER_BYTES + self.count() * (size_of::<u16>() + size_of::<u32>())
    }

    fn types(&self) -> &[[u8; 2]] {
        let bytes = self.bytes.get(HEADER_BYTES..).unwrap_or_default();
        bytes.as_chunks().0.get(..self.count()).unwrap_or_default()
    }

    fn ends(&self) -> &[[u8; 4]] {
        let bytes = self.bytes.get(HEADER_BYTES + self.count() * size_of::<u16>()..).unwrap_or_default();
        bytes.as_chunks().0.get(..self.count()).unwrap_or_default()
    }

    fn data(&self) -> &[u8] {
        self.part(self.data_at(), self.body.data_bytes)
    }

    /// The bytes of a part; `decode` and `encode` made sure that they are there.
    fn part(&self, at: usize, length: u32) -> &[u8] {
        self.bytes.get(at..at + length as usize).unwrap_or_default()
    }
}

const fn number(bytes: [u8; 4]) -> u32 {
    u32::from_le_bytes(bytes)
}

/// A length that a frame can state.
fn length(part: &'static str, length: usize) -> Result<u32, FrameError> {
    u32::try_from(length).map_err(|_| FrameError::TooLarge { part, length, limit: u32::MAX as usize })
}

/// Checks that the ends ascend and that the last one is the length of the data.
fn check_ends(ends: &[[u8; 4]], data_bytes: usize) -> Result<(), FrameError> {
    let mut before = 0;
    // Folding without a branch per event lets the check run at the speed of memory.
    let sorted = ends.iter().fold(true, |sorted, end| {
        let end = number(*end);
        let ascends = end >= before;
        before = end;
        sorted & ascends
    });
    if !sorted {
        let index = ends.windows(2).position(|pair| matches!(pair, [a, b] if number(*b) < number(*a)));
        return Err(ColumnError::Unsorted { index: index.map_or(0, |index| index + 1) }.into());
    }
    if before as usize != data_bytes {
        return Err(ColumnError::Length { end: before, length: data_bytes }.into());
    }
    Ok(())
}
