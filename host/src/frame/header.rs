//! The fixed 80 bytes at the start of a frame; `docs/format.md` draws them.

use super::FrameError;
use super::fields::Fields;
use crate::vocab::{ActorId, RevisionId, Sequence, Timestamp};

/// The first bytes of every frame, in every format.
const MAGIC: [u8; 4] = *b"GRFR";
/// The format that this program writes, and the newest that it reads.
pub(super) const FORMAT: u16 = 1;
/// Length of the header in format 1.
pub(super) const HEADER_BYTES: usize = 80;
const HEADER_LENGTH: u16 = 80;
/// All flags are reserved in format 1.
const NO_FLAGS: u32 = 0;
/// Bytes that the header's own checksum takes at its end, in every format.
const CHECKSUM_BYTES: usize = 4;
/// Magic, format and header length: what every format has in the same place.
const PREFIX_BYTES: usize = 8;

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
        self.first.plus((self.count as u64).saturating_sub(1))
    }

    /// Reads the header at the start of `bytes` and how many bytes the frame has with its body, which is not looked at.
    ///
    /// # Errors
    /// What is wrong with the header.
    pub fn measure(bytes: &[u8]) -> Result<(Self, u64), FrameError> {
        decode(bytes).map(|(header, body)| (header, body.frame_bytes(header.count)))
    }

    /// Reads only the header of a frame: its own checksum is verified, the body is neither looked at nor needed.
    ///
    /// # Errors
    /// What is wrong with the header.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        decode(bytes).map(|(header, _)| header)
    }
}

/// How long the parts behind the header are, and what they must hash to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) data_bytes: u32,
    pub(super) effects_bytes: u32,
    pub(super) keys_bytes: u32,
    pub(super) checksum: u32,
}

impl Body {
    /// Bytes of the whole frame; cannot overflow, every part is below 2^35.
    pub(super) const fn frame_bytes(&self, count: u32) -> u64 {
        HEADER_BYTES as u64
            + count as u64 * (size_of::<u16>() + size_of::<u32>()) as u64
            + self.data_bytes as u64
            + self.effects_bytes as u64
            + self.keys_bytes as u64
    }
}

/// The 80 bytes.
pub(super) fn encode(header: &FrameHeader, body: &Body) -> [u8; HEADER_BYTES] {
    // Zero means "never", so a wake-up in the first millisecond of 1970 becomes one in the second: both mean "at once".
    let wake_at_ms = header.wake_at.map_or(0, |at| at.0.max(1));
    let mut out = [0; HEADER_BYTES];
    let mut rest = out.as_mut_slice();
    put(&mut rest, &MAGIC);
    put(&mut rest, &FORMAT.to_le_bytes());
    put(&mut rest, &HEADER_LENGTH.to_le_bytes());
    put(&mut rest, &NO_FLAGS.to_le_bytes());
    put(&mut rest, &header.count.to_le_bytes());
    put(&mut rest, &header.actor.0);
    put(&mut rest, &header.first.0.to_le_bytes());
    put(&mut rest, &header.time.0.to_le_bytes());
    put(&mut rest, &wake_at_ms.to_le_bytes());
    put(&mut rest, &header.revision.0.to_le_bytes());
    put(&mut rest, &body.data_bytes.to_le_bytes());
    put(&mut rest, &body.effects_bytes.to_le_bytes());
    put(&mut rest, &body.keys_bytes.to_le_bytes());
    put(&mut rest, &body.checksum.to_le_bytes());
    if let Some((fields, checksum)) = out.split_last_chunk_mut::<CHECKSUM_BYTES>() {
        *checksum = crc32c::crc32c(fields).to_le_bytes();
    }
    out
}

/// Writes `field` at the start of `rest` and moves `rest` behind it.
fn put(rest: &mut &mut [u8], field: &[u8]) {
    if let Some((place, behind)) = std::mem::take(rest).split_at_mut_checked(field.len()) {
        place.copy_from_slice(field);
        *rest = behind;
    }
}

/// Reads and checks the header at the start of `bytes`.
pub(super) fn decode(bytes: &[u8]) -> Result<(FrameHeader, Body), FrameError> {
    let mut fields = Fields::new(verified(bytes)?);
    parse(&mut fields).ok_or(FrameError::Truncated { found: bytes.len(), needed: HEADER_BYTES as u64 })?
}

/// The header's bytes behind the common prefix, once magic, checksum, format and length are right.
///
/// The checksum comes first: a flipped bit in the format's number is damage, not a newer program.
fn verified(bytes: &[u8]) -> Result<&[u8], FrameError> {
    let truncated = |needed: usize| FrameError::Truncated { found: bytes.len(), needed: needed as u64 };
    let mut prefix = Fields::new(bytes);
    let (Some(magic), Some(format), Some(length)) = (prefix.array(), prefix.u16(), prefix.u16()) else {
        return Err(truncated(HEADER_BYTES));
    };
    if magic != MAGIC {
        return Err(FrameError::NotAFrame);
    }
    let length = usize::from(length);
    let header = bytes.get(..length).ok_or_else(|| truncated(length))?;
    let (fields, stated) = header.split_last_chunk::<CHECKSUM_BYTES>().ok_or(FrameError::HeaderChecksum)?;
    if crc32c::crc32c(fields) != u32::from_le_bytes(*stated) {
        return Err(FrameError::HeaderChecksum);
    }
    if format > FORMAT {
        return Err(FrameError::Newer { found: format, supported: FORMAT });
    }
    if format != FORMAT || length != HEADER_BYTES {
        return Err(FrameError::NotAFrame);
    }
    fields.get(PREFIX_BYTES..).ok_or_else(|| truncated(HEADER_BYTES))
}

/// The fields behind the prefix; `None` only if there are too few bytes.
fn parse(fields: &mut Fields<'_>) -> Option<Result<(FrameHeader, Body), FrameError>> {
    let flags = fields.u32()?;
    let count = fields.u32()?;
    let header = FrameHeader {
        count,
        actor: ActorId(fields.array()?),
        first: Sequence(fields.u64()?),
        time: Timestamp(fields.u64()?),
        wake_at: Some(fields.u64()?).filter(|at| *at > 0).map(Timestamp),
        revision: RevisionId(fields.u32()?),
    };
    let body = Body {
        data_bytes: fields.u32()?,
        effects_bytes: fields.u32()?,
        keys_bytes: fields.u32()?,
        checksum: fields.u32()?,
    };
    if flags != NO_FLAGS {
        return Some(Err(FrameError::UnknownFlags { flags }));
    }
    Some(check_numbers(header.first, count).map(|()| (header, body)))
}

/// Checks that there are events and that their numbers exist.
pub(super) fn check_numbers(first: Sequence, count: u32) -> Result<(), FrameError> {
    let Some(more) = count.checked_sub(1) else { return Err(FrameError::NoEvents) };
    if first == Sequence::ZERO || first.0.checked_add(u64::from(more)).is_none() {
        return Err(FrameError::Sequence { first: first.0, count });
    }
    Ok(())
}
