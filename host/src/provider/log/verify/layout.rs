//! The bytes as `docs/format.md` draws them, read a second time: this file shares no code with the one that opens a
//! log, so that a mistake there is not repeated here.

use crate::vocab::{ActorId, Address};

/// The newest format that is understood.
pub(super) const FORMAT_MAX: u32 = 2;
pub(super) const SEGMENT_HEADER_BYTES: u64 = 64;
/// No format's header is longer.
pub(super) const SEGMENT_HEADER_BYTES_MAX: usize = 4_096;
pub(super) const BATCH_HEADER_BYTES: u64 = 48;
/// The same, as memory is measured.
pub(super) const BATCH_HEADER_LENGTH: usize = 48;
pub(super) const RECORD_HEADER_BYTES: usize = 16;
/// Batches and records begin at multiples of this.
pub(super) const STEP: usize = 8;
pub(super) const FRAME_HEADER_BYTES: usize = 80;
/// Flag 1 of a record.
const COPIED: u8 = 1;

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|field| u16::from_le_bytes(*field))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|field| u32::from_le_bytes(*field))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|field| u64::from_le_bytes(*field))
}

pub(super) fn actor_at(bytes: &[u8], at: usize) -> Option<ActorId> {
    bytes.get(at..)?.first_chunk().map(|field| ActorId(*field))
}

/// The start of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SegmentStart {
    Used(SegmentHeader),
    /// Intact, and of a newer format.
    Newer(u32),
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) format: u32,
    pub(super) number: u64,
    pub(super) first_batch: u64,
    pub(super) tag: u64,
    pub(super) oldest: u64,
}

/// Reads the first bytes of a segment file.
pub(super) fn segment_start(bytes: &[u8]) -> SegmentStart {
    read_segment_start(bytes).unwrap_or(SegmentStart::None)
}

fn read_segment_start(bytes: &[u8]) -> Option<SegmentStart> {
    let length = u32_at(bytes, 12)? as usize;
    let covered = length.checked_sub(4).filter(|covered| *covered < SEGMENT_HEADER_BYTES_MAX)?;
    let stated = u32_at(bytes, covered)?;
    if bytes.get(..8)? != b"GRNRMLOG" || crc32c::crc32c(bytes.get(..covered)?) != stated {
        return None;
    }
    let format = u32_at(bytes, 8)?;
    if format > FORMAT_MAX {
        return Some(SegmentStart::Newer(format));
    }
    let sound = format > 0 && length as u64 == SEGMENT_HEADER_BYTES && u32_at(bytes, 56)? == 0;
    sound.then_some(SegmentStart::Used(SegmentHeader {
        format,
        number: u64_at(bytes, 16)?,
        first_batch: u64_at(bytes, 24)?,
        tag: u64_at(bytes, 40)?,
        oldest: u64_at(bytes, 48)?,
    }))
}

/// The 48 bytes in front of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchHeader {
    pub(super) tag: u64,
    pub(super) number: u64,
    pub(super) synced_through: u64,
    pub(super) payload_bytes: u64,
    pub(super) records: u32,
    pub(super) checksum: u32,
}

/// Reads a batch header; of the store with this tag, or of any if it is not known.
pub(super) fn batch_header(bytes: &[u8], tag: Option<u64>) -> Option<BatchHeader> {
    if !bytes.starts_with(b"GRBT") {
        return None;
    }
    let header = BatchHeader {
        tag: u64_at(bytes, 8)?,
        number: u64_at(bytes, 16)?,
        synced_through: u64_at(bytes, 24)?,
        payload_bytes: u32_at(bytes, 32)?.into(),
        records: u32_at(bytes, 36)?,
        checksum: u32_at(bytes, 40)?,
    };
    let of_store = tag.is_none_or(|tag| tag == header.tag) && u32_at(bytes, 4)? == 0;
    let aligned = header.payload_bytes.is_multiple_of(STEP as u64);
    let sound = of_store && aligned && crc32c::crc32c(bytes.get(..44)?) == u32_at(bytes, 44)?;
    sound.then_some(header)
}

/// The 16 bytes in front of a record's payload, and the payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) kind: u8,
    pub(super) is_copied: bool,
    pub(super) payload: &'a [u8],
    /// Header, payload and padding.
    pub(super) whole_bytes: usize,
    /// What is wrong with it, if something is.
    pub(super) fault: Option<&'static str>,
}

/// Bytes that the record at the start of `bytes` says it takes; `None` if its header cannot be one.
pub(super) fn record_bytes(bytes: &[u8]) -> Option<usize> {
    let (kind, flags) = (*bytes.first()?, *bytes.get(1)?);
    let known = (1..=11).contains(&kind) && flags & !COPIED == 0;
    let sound = known && u16_at(bytes, 2)? == 0 && u32_at(bytes, 12)? == 0;
    let whole = (RECORD_HEADER_BYTES + u32_at(bytes, 4)? as usize).next_multiple_of(STEP);
    (sound && whole <= bytes.len()).then_some(whole)
}

/// Reads the record at the start of `bytes`; `None` if its header cannot be one.
pub(super) fn record(bytes: &[u8]) -> Option<Record<'_>> {
    let whole_bytes = record_bytes(bytes)?;
    let (kind, flags) = (*bytes.first()?, *bytes.get(1)?);
    let (payload, padding) =
        bytes.get(RECORD_HEADER_BYTES..whole_bytes)?.split_at_checked(u32_at(bytes, 4)? as usize)?;
    let own = if is_frames(kind) { 0 } else { crc32c::crc32c_append(crc32c::crc32c(bytes.get(..8)?), payload) };
    let fault = if own != u32_at(bytes, 8)? {
        Some("the record fails its checksum")
    } else if padding.iter().any(|byte| *byte != 0) {
        Some("the bytes that fill the record up are not zero")
    } else {
        None
    };
    Some(Record { kind, is_copied: flags & COPIED != 0, payload, whole_bytes, fault })
}

/// Kinds whose payload carries checksums of its own.
pub(super) const fn is_frames(kind: u8) -> bool {
    matches!(kind, 1 | 10)
}

/// The oldest format that has this kind of record.
pub(super) const fn since_format(kind: u8) -> u32 {
    if matches!(kind, 10 | 11) { 2 } else { 1 }
}

/// Bytes of the frame at the start of `bytes`, from its header.
pub(super) fn frame_bytes(bytes: &[u8]) -> Option<usize> {
    stated_frame_bytes(bytes).filter(|whole| *whole <= bytes.len())
}

/// Bytes that a frame's header says it has.
pub(super) fn stated_frame_bytes(bytes: &[u8]) -> Option<usize> {
    let events = u64::from(u32_at(bytes, 12)?);
    let parts = u64::from(u32_at(bytes, 60)?) + u64::from(u32_at(bytes, 64)?) + u64::from(u32_at(bytes, 68)?);
    let whole = FRAME_HEADER_BYTES as u64 + 6 * events + parts;
    bytes.starts_with(b"GRFR").then(|| usize::try_from(whole).unwrap_or(usize::MAX))
}

/// An address's texts, from three lengths and the bytes that must hold them exactly.
fn texts(lengths: [u16; 3], mut bytes: &[u8]) -> Option<Address> {
    let mut next = |length: u16| {
        let (text, rest) = bytes.split_at_checked(length.into())?;
        bytes = rest;
        std::str::from_utf8(text).ok()
    };
    let [tenant, kind, key] = lengths;
    let (tenant, kind, key) = (next(tenant)?, next(kind)?, next(key)?);
    if bytes.is_empty() { Address::new(tenant, kind, key).ok() } else { None }
}

/// An actor's address: kind 2.
pub(super) fn address(payload: &[u8]) -> Option<(ActorId, Address)> {
    let lengths = [u16_at(payload, 16)?, u16_at(payload, 18)?, u16_at(payload, 20)?];
    let sound = u16_at(payload, 22)? == 0;
    let address = texts(lengths, payload.get(24..)?)?;
    sound.then_some((actor_at(payload, 0)?, address))
}

/// A snapshot: kind 3. Whose, and at which number.
pub(super) fn snapshot(payload: &[u8]) -> Option<(ActorId, u64)> {
    let parts = u64::from(u32_at(payload, 48)?) + u64::from(u32_at(payload, 52)?);
    (56 + parts == payload.len() as u64).then_some((actor_at(payload, 0)?, u64_at(payload, 16)?))
}

/// A deletion: kinds 4 and 5. Whose, and which number.
pub(super) fn deletion(payload: &[u8]) -> Option<(ActorId, u64)> {
    (payload.len() == 24).then_some((actor_at(payload, 0)?, u64_at(payload, 16)?))
}

/// A catalog record: kinds 6 and 7. Its key.
pub(super) fn catalog(payload: &[u8], kind: u8) -> Option<&str> {
    let (key, value) = (u32_at(payload, 0)? as usize, u32_at(payload, 4)? as usize);
    let whole = payload.get(8..)?;
    let sound = key.checked_add(value) == Some(whole.len()) && (kind == 6 || value == 0);
    std::str::from_utf8(whole.get(..key)?).ok().filter(|_| sound)
}

/// The number of a segment that was given up: kind 9.
pub(super) fn dropped(payload: &[u8]) -> Option<u64> {
    (payload.len() == 8).then(|| u64_at(payload, 0)).flatten()
}

/// What is known of an actor: kind 11.
#[derive(Debug)]
pub(super) struct ActorSummary {
    pub(super) actor: ActorId,
    pub(super) head: u64,
    pub(super) deleted_through: u64,
    pub(super) snapshots: Vec<u64>,
    pub(super) address: Address,
}

/// Reads an actor summary.
pub(super) fn summary(payload: &[u8]) -> Option<ActorSummary> {
    let count = u32_at(payload, 40)? as usize;
    let lengths = [u16_at(payload, 44)?, u16_at(payload, 46)?, u16_at(payload, 48)?];
    let reserved = payload.get(50..56)?;
    let (list, rest) = payload.get(56..)?.split_at_checked(count.checked_mul(8)?)?;
    let snapshots: Vec<u64> = list.as_chunks().0.iter().map(|number| u64::from_le_bytes(*number)).collect();
    let (head, deleted_through) = (u64_at(payload, 16)?, u64_at(payload, 24)?);
    let address = texts(lengths, rest)?;
    let sound = reserved == [0; 6] && snapshots.is_sorted_by(|a, b| a < b) && deleted_through <= head;
    sound.then_some(ActorSummary { actor: actor_at(payload, 0)?, head, deleted_through, snapshots, address })
}
