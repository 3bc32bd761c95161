//! What a damaged batch was about, as far as its bytes still tell.

use bytes::Bytes;

use super::record::{self, Raw, RecordKind};
use crate::frame::{Frame, FrameHeader};
use crate::vocab::ActorId;

/// Names the first damaged record of a batch's payload, and its actor; `None` if no record can be told to be the one.
pub(super) fn describe(payload: &[u8]) -> Option<String> {
    record::walk(payload).map_while(Result::ok).find_map(|raw| match raw.kind {
        // A single frame is looked at whole: its length is what its record says.
        RecordKind::Frame => frame(raw.payload),
        RecordKind::Frames => record::frames(raw.payload).map_while(Result::ok).find_map(|(_, _, bytes)| frame(bytes)),
        _ => other(payload, &raw),
    })
}

/// A frame's header has a checksum of its own: whom it names is certain.
fn frame(bytes: &[u8]) -> Option<String> {
    let header = FrameHeader::decode(bytes).ok()?;
    let error = Frame::decode(Bytes::copy_from_slice(bytes)).err()?;
    Some(format!("the frame of actor {} at sequence {}: {error}", header.actor, header.first))
}

/// The other records have one checksum for all, so the damage may be in the name itself.
fn other(payload: &[u8], raw: &Raw<'_>) -> Option<String> {
    let start = raw.payload_at.checked_sub(record::HEADER_BYTES)?;
    let record = payload.get(start..raw.payload_at.checked_add(raw.payload.len())?)?;
    let error = record::verify(record, raw.kind).err()?;
    let what = format!("the record of kind {}", raw.kind as u8);
    let actor = actor(raw).map(|actor| format!(", which seems to be about actor {actor}")).unwrap_or_default();
    Some(format!("{what}{actor}: {error}"))
}

/// Whom a record begins with.
fn actor(raw: &Raw<'_>) -> Option<ActorId> {
    let begins = match raw.kind {
        RecordKind::ActorAddress
        | RecordKind::Snapshot
        | RecordKind::SnapshotDelete
        | RecordKind::DeleteThrough
        | RecordKind::ActorSummary => true,
        RecordKind::Frame
        | RecordKind::Frames
        | RecordKind::CatalogPut
        | RecordKind::CatalogDelete
        | RecordKind::Close
        | RecordKind::SegmentDropped => false,
    };
    raw.payload.first_chunk().copied().map(ActorId).filter(|_| begins)
}
