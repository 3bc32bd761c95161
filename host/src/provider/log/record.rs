//! Records: what a batch is made of. A 16-byte header, a payload, zeros to the next multiple of 8.

use super::batch::ALIGNMENT;
use crate::frame::FrameHeader;
use crate::frame::fields::Fields;
use crate::provider::{Snapshot, SnapshotMeta};
use crate::vocab::{ActorId, Address, RevisionId, Sequence, Timestamp};

/// Length of a record's header.
pub(super) const HEADER_BYTES: usize = 16;
/// The same, as lengths are stored.
pub(super) const HEADER_LENGTH: u32 = 16;
/// The part of the header that its checksum covers.
const CHECKED_BYTES: usize = 8;
/// Flag: the record was copied here from an older segment that is about to be given up.
pub(super) const COPIED: u8 = 1;
/// Length of what a snapshot says of itself, in front of state and ledger.
pub(super) const SNAPSHOT_FIELDS_BYTES: usize = 56;

/// Length of the actor's id and the lengths of the texts in front of an address.
const ADDRESS_FIELDS_BYTES: usize = 24;
/// Length of the two lengths in front of a catalog record's key and value.
pub(super) const CATALOG_FIELDS_BYTES: usize = 8;

/// The kinds of records; the numbers are the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum RecordKind {
    Frame = 1,
    ActorAddress = 2,
    Snapshot = 3,
    SnapshotDelete = 4,
    DeleteThrough = 5,
    CatalogPut = 6,
    CatalogDelete = 7,
    Close = 8,
    SegmentDropped = 9,
    /// Since format 2: frames of one actor that were moved together.
    Frames = 10,
    /// Since format 2: all that is known of an actor beside its frames and its snapshots themselves.
    ActorSummary = 11,
}

/// A record as it lies in a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) kind: RecordKind,
    pub(super) copied: bool,
    pub(super) payload: &'a [u8],
    /// Where the payload begins, from the start of the bytes that were walked.
    pub(super) payload_at: usize,
}

/// Why a record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum RecordError {
    #[error("the record is cut off")]
    CutOff,
    #[error("the record has unknown kind {0} or unknown flags")]
    Unknown(u8),
    #[error("the record fails its checksum")]
    Checksum,
    #[error("the record contradicts itself")]
    Contradiction,
    #[error("the record's kind {0} does not belong into a segment of this format")]
    Format(u8),
}

impl RecordKind {
    pub(super) const fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Frame,
            2 => Self::ActorAddress,
            3 => Self::Snapshot,
            4 => Self::SnapshotDelete,
            5 => Self::DeleteThrough,
            6 => Self::CatalogPut,
            7 => Self::CatalogDelete,
            8 => Self::Close,
            9 => Self::SegmentDropped,
            10 => Self::Frames,
            11 => Self::ActorSummary,
            _ => return None,
        })
    }

    /// Frames carry checksums of their own.
    const fn has_checksum(self) -> bool {
        !matches!(self, Self::Frame | Self::Frames)
    }

    /// The oldest format of a segment that may hold it.
    pub(super) const fn since_format(self) -> u32 {
        match self {
            Self::Frames | Self::ActorSummary => 2,
            _ => 1,
        }
    }
}

/// Writes a record: header, the parts of the payload, padding. Returns where the payload begins in `out`.
pub(super) fn push(out: &mut Vec<u8>, kind: RecordKind, parts: &[&[u8]]) -> usize {
    push_flagged(out, kind, 0, parts)
}

/// Writes a record that was copied here from an older segment. Returns where the payload begins in `out`.
pub(super) fn push_copied(out: &mut Vec<u8>, kind: RecordKind, parts: &[&[u8]]) -> usize {
    push_flagged(out, kind, COPIED, parts)
}

fn push_flagged(out: &mut Vec<u8>, kind: RecordKind, flags: u8, parts: &[&[u8]]) -> usize {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let start = out.len();
    out.extend_from_slice(&[kind as u8, flags, 0, 0]);
    // A batch with a record that this cannot state is not written: it is longer still.
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    let mut checksum = 0;
    if kind.has_checksum() {
        checksum = crc32c::crc32c(out.get(start..).unwrap_or_default());
        checksum = parts.iter().fold(checksum, |checksum, part| crc32c::crc32c_append(checksum, part));
    }
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let payload_at = out.len();
    for part in parts {
        out.extend_from_slice(part);
    }
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    payload_at
}

/// Bytes that a record with this payload takes.
pub(super) const fn padded_bytes(payload_bytes: usize) -> usize {
    (HEADER_BYTES + payload_bytes).next_multiple_of(ALIGNMENT)
}

/// Walks the records of a payload; ends after the first one that cannot be read.
pub(super) fn walk(bytes: &[u8]) -> impl Iterator<Item = Result<Raw<'_>, RecordError>> {
    let mut at = Some(0);
    std::iter::from_fn(move || {
        let start = at.filter(|start| *start < bytes.len())?;
        let raw = bytes.get(start..).ok_or(RecordError::CutOff).and_then(|bytes| parse(bytes, start));
        at = raw.as_ref().ok().map(|raw| start + padded_bytes(raw.payload.len()));
        Some(raw)
    })
}

fn parse(bytes: &[u8], start: usize) -> Result<Raw<'_>, RecordError> {
    let mut fields = Fields::new(bytes);
    let header = (|| Some((fields.u8()?, fields.u8()?, fields.u16()?, fields.u32()?, fields.u64()?)))();
    let (kind, flags, _, length, _) = header.ok_or(RecordError::CutOff)?;
    let payload = fields.bytes(length as usize).ok_or(RecordError::CutOff)?;
    let known = RecordKind::of(kind).filter(|_| flags & !COPIED == 0).ok_or(RecordError::Unknown(kind))?;
    Ok(Raw { kind: known, copied: flags & COPIED != 0, payload, payload_at: start + HEADER_BYTES })
}

/// Verifies a whole record that was read back on its own, and returns its payload.
pub(super) fn verify(bytes: &[u8], kind: RecordKind) -> Result<&[u8], RecordError> {
    let raw = parse(bytes, 0)?;
    let mut fields = Fields::new(bytes);
    let checked = fields.bytes(CHECKED_BYTES).ok_or(RecordError::CutOff)?;
    let stated = fields.u32().ok_or(RecordError::CutOff)?;
    if raw.kind != kind {
        return Err(RecordError::Contradiction);
    }
    if crc32c::crc32c_append(crc32c::crc32c(checked), raw.payload) != stated {
        return Err(RecordError::Checksum);
    }
    Ok(raw.payload)
}

/// Writes who an actor is.
pub(super) fn push_address(out: &mut Vec<u8>, actor: ActorId, address: &Address) {
    let parts = [address.tenant.as_str(), address.kind.as_str(), address.key.as_str()];
    let mut lengths = [0; 8];
    for (place, part) in lengths.chunks_exact_mut(2).zip(parts) {
        // Names have at most 64 bytes, keys at most 1,024.
        place.copy_from_slice(&u16::try_from(part.len()).unwrap_or(u16::MAX).to_le_bytes());
    }
    let [tenant, kind, key] = parts.map(str::as_bytes);
    push(out, RecordKind::ActorAddress, &[&actor.0, &lengths, tenant, kind, key]);
}

/// Reads who an actor is.
pub(super) fn address(payload: &[u8]) -> Result<(ActorId, Address), RecordError> {
    let mut fields = Fields::new(payload);
    let read = || {
        let actor = ActorId(fields.array()?);
        let (tenant, kind, key, _) = (fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?);
        let mut text = |length: u16| Some(std::str::from_utf8(fields.bytes(length.into())?).ok()?.to_owned());
        let address = Address::new(text(tenant)?, text(kind)?, text(key)?).ok()?;
        fields.rest().is_empty().then_some((actor, address))
    };
    with_fields(read)
}

/// Bytes of the payload of an address.
pub(super) fn address_bytes(address: &Address) -> usize {
    let parts = [address.tenant.as_str(), address.kind.as_str(), address.key.as_str()];
    ADDRESS_FIELDS_BYTES + parts.iter().map(|part| part.len()).sum::<usize>()
}

/// Writes a snapshot; returns where its payload begins in `out`.
pub(super) fn push_snapshot(out: &mut Vec<u8>, actor: ActorId, snapshot: &Snapshot) -> usize {
    let meta = &snapshot.meta;
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let parts: [&[u8]; 10] = [
        &actor.0,
        &meta.sequence.0.to_le_bytes(),
        &meta.time.0.to_le_bytes(),
        &meta.state_bytes.to_le_bytes(),
        &meta.revision.0.to_le_bytes(),
        &meta.state_version.to_le_bytes(),
        &length(&snapshot.state),
        &length(&snapshot.ledger),
        &snapshot.state,
        &snapshot.ledger,
    ];
    push(out, RecordKind::Snapshot, &parts)
}

/// What a snapshot says of itself, and where its state and its ledger lie in the payload.
pub(super) struct SnapshotFields {
    pub(super) actor: ActorId,
    pub(super) meta: SnapshotMeta,
    pub(super) state_bytes: usize,
    pub(super) ledger_bytes: usize,
}

/// Reads what a snapshot says of itself.
pub(super) fn snapshot(payload: &[u8]) -> Result<SnapshotFields, RecordError> {
    let mut fields = Fields::new(payload);
    let read = || {
        let actor = ActorId(fields.array()?);
        let (sequence, time, state_bytes) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let meta = SnapshotMeta {
            sequence: Sequence(sequence),
            time: Timestamp(time),
            state_bytes,
            revision: RevisionId(fields.u32()?),
            state_version: fields.u32()?,
        };
        let (state_bytes, ledger_bytes) = (fields.u32()? as usize, fields.u32()? as usize);
        let whole = fields.rest().len() == state_bytes + ledger_bytes;
        whole.then_some(SnapshotFields { actor, meta, state_bytes, ledger_bytes })
    };
    with_fields(read)
}

/// Writes that something of an actor, named by a number, is deleted.
pub(super) fn push_deletion(out: &mut Vec<u8>, kind: RecordKind, actor: ActorId, sequence: Sequence) -> usize {
    push(out, kind, &[&actor.0, &sequence.0.to_le_bytes()])
}

/// Reads an actor and a number.
pub(super) fn deletion(payload: &[u8]) -> Result<(ActorId, Sequence), RecordError> {
    let mut fields = Fields::new(payload);
    with_fields(|| {
        let deletion = (ActorId(fields.array()?), Sequence(fields.u64()?));
        fields.rest().is_empty().then_some(deletion)
    })
}

/// Writes a catalog record; returns where its payload begins in `out`.
pub(super) fn push_catalog(out: &mut Vec<u8>, key: &str, value: Option<&[u8]>) -> usize {
    let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let (kind, value) = match value {
        Some(value) => (RecordKind::CatalogPut, value),
        None => (RecordKind::CatalogDelete, [].as_slice()),
    };
    push(out, kind, &[&length(key.len()), &length(value.len()), key.as_bytes(), value])
}

/// Reads a catalog record: key and value.
pub(super) fn catalog(payload: &[u8]) -> Result<(&str, &[u8]), RecordError> {
    let mut fields = Fields::new(payload);
    with_fields(|| {
        let (key, value) = (fields.u32()? as usize, fields.u32()? as usize);
        let record = (std::str::from_utf8(fields.bytes(key)?).ok()?, fields.bytes(value)?);
        fields.rest().is_empty().then_some(record)
    })
}

/// Writes that a segment is given up.
pub(super) fn push_dropped(out: &mut Vec<u8>, segment: u64) -> usize {
    push(out, RecordKind::SegmentDropped, &[&segment.to_le_bytes()])
}

/// The frames of a [`RecordKind::Frames`] payload: header, offset in the payload, and bytes. Ends after the first one
/// that cannot be measured; the checksums of the bodies are not verified.
pub(super) fn frames(payload: &[u8]) -> impl Iterator<Item = Result<(FrameHeader, usize, &[u8]), RecordError>> {
    let mut at = Some(0);
    let mut before: Option<FrameHeader> = None;
    std::iter::from_fn(move || {
        let start = at.take().filter(|start| *start < payload.len())?;
        let frame = frame_at(payload, start, before);
        if let Ok((header, _, bytes)) = &frame {
            at = Some(start + bytes.len());
            before = Some(*header);
        }
        Some(frame)
    })
}

/// The frame at `start`, which must continue the one before it in the same record.
fn frame_at(
    payload: &[u8],
    start: usize,
    before: Option<FrameHeader>,
) -> Result<(FrameHeader, usize, &[u8]), RecordError> {
    let rest = payload.get(start..).unwrap_or_default();
    let (header, length) = FrameHeader::measure(rest).map_err(|_| RecordError::Contradiction)?;
    let bytes = usize::try_from(length).ok().and_then(|length| rest.get(..length)).ok_or(RecordError::CutOff)?;
    let follows = before.is_none_or(|before| (before.actor, before.last().next()) == (header.actor, header.first));
    if follows { Ok((header, start, bytes)) } else { Err(RecordError::Contradiction) }
}

/// Reads the number of a segment.
pub(super) fn segment(payload: &[u8]) -> Result<u64, RecordError> {
    Fields::new(payload).u64().ok_or(RecordError::Contradiction)
}

fn with_fields<T>(read: impl FnOnce() -> Option<T>) -> Result<T, RecordError> {
    read().ok_or(RecordError::Contradiction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{EventColumns, Frame, FrameParts};

    fn frame(actor: u8, first: u64, count: u64) -> Vec<u8> {
        let mut events = EventColumns::default();
        for number in 0..count {
            events.types.push(1);
            events.payloads.push(&number.to_le_bytes());
        }
        let parts = FrameParts {
            actor: ActorId([actor; 16]),
            first: Sequence(first),
            time: Timestamp(1),
            wake_at: None,
            revision: RevisionId(1),
            events: &events,
            effects: &[],
            keys: &[],
        };
        Frame::encode(&parts).expect("sound").bytes().to_vec()
    }

    #[test]
    fn frames_that_lie_together_are_found_one_by_one() {
        let parts = [frame(1, 3, 2), frame(1, 5, 1), frame(1, 6, 9)];
        let payload = parts.concat();
        let found: Vec<_> = frames(&payload).map(|frame| frame.expect("sound")).collect();
        let firsts: Vec<u64> = found.iter().map(|(header, _, _)| header.first.0).collect();
        assert_eq!(firsts, [3, 5, 6]);
        for ((_, at, bytes), part) in found.iter().zip(&parts) {
            assert_eq!((*bytes, &payload[*at..*at + part.len()]), (part.as_slice(), part.as_slice()));
        }
    }

    #[test]
    fn frames_that_lie_together_are_of_one_actor_without_a_gap() {
        for second in [frame(2, 5, 1), frame(1, 6, 1), frame(1, 4, 1)] {
            let payload = [frame(1, 3, 2), second].concat();
            assert_eq!(frames(&payload).last().map(|last| last.err()), Some(Some(RecordError::Contradiction)));
        }
    }

    #[test]
    fn frames_that_are_cut_off_end_in_an_error() {
        let payload = [frame(1, 3, 2), frame(1, 5, 1)].concat();
        for length in (1..payload.len()).filter(|length| *length != frame(1, 3, 2).len()) {
            assert!(frames(&payload[..length]).any(|frame| frame.is_err()), "{length}");
        }
    }
}
