//! The entries of the index store, byte by byte. Numbers in keys are big-endian, so that they sort; in values little.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::{ActorEntry, FrameEntry, Place, SnapshotEntry, Spread, Stored};
use crate::frame::fields::Fields;
use crate::provider::{Head, SnapshotMeta};
use crate::vocab::{ActorId, Address, Kind, RevisionId, Sequence, Tenant, Timestamp};

/// The index's own format. Another one is discarded and built again.
pub(in super::super) const FORMAT: u32 = 2;
/// Ends tenant and kind in a name's key; neither can hold it.
const NAME_END: u8 = 0;
/// Behind every generation and every sequence number that a key can have.
const LAST: [u8; 8] = [0xff; 8];

/// A place between two batches of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) struct LogPosition {
    /// The batch in front of it; 0: there is none.
    pub(in super::super) batch: u64,
    /// The segment that holds this batch.
    pub(in super::super) segment: u64,
    /// Where the batch's header begins.
    pub(in super::super) at: u64,
    /// The checksum of the batch's payload, so that another batch of that number is noticed.
    pub(in super::super) checksum: u32,
}

/// What a checkpoint says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in super::super) struct Meta {
    /// The tag of the store.
    pub(in super::super) tag: u64,
    /// The log up to here is in the index.
    pub(in super::super) covered: LogPosition,
    /// Bytes of live records by segment.
    pub(in super::super) live: BTreeMap<u64, u64>,
    /// Segments that were given up on purpose and may be missing.
    pub(in super::super) dropped: BTreeSet<u64>,
}

/// Frames of one actor in one segment, without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Run {
    /// The checkpoint that wrote it.
    pub(in super::super) generation: u64,
    /// By number, at least one.
    pub(in super::super) frames: Vec<FrameEntry>,
}

/// The range of all keys that begin with `prefix` and eight more bytes.
fn below(prefix: &[u8]) -> Range<Vec<u8>> {
    prefix.to_vec()..[prefix, &LAST].concat()
}

fn put_place(out: &mut Vec<u8>, place: Place) {
    out.extend_from_slice(&place.segment.to_le_bytes());
    out.extend_from_slice(&place.offset.to_le_bytes());
    out.extend_from_slice(&place.length.to_le_bytes());
}

fn place(fields: &mut Fields<'_>) -> Option<Place> {
    Some(Place { segment: fields.u64()?, offset: fields.u32()?, length: fields.u32()? })
}

/// The number at the end of a key.
fn last_number(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

pub(in super::super) fn meta_key(generation: u64) -> Vec<u8> {
    generation.to_be_bytes().to_vec()
}

pub(in super::super) fn meta_keys() -> Range<Vec<u8>> {
    below(&[])
}

impl Meta {
    pub(in super::super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&self.tag.to_le_bytes());
        for number in [self.covered.batch, self.covered.segment, self.covered.at] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.covered.checksum.to_le_bytes());
        put_count(&mut out, self.live.len());
        for (segment, bytes) in &self.live {
            out.extend_from_slice(&segment.to_le_bytes());
            out.extend_from_slice(&bytes.to_le_bytes());
        }
        put_count(&mut out, self.dropped.len());
        self.dropped.iter().for_each(|segment| out.extend_from_slice(&segment.to_le_bytes()));
        out
    }

    /// Its generation, and what it says.
    pub(in super::super) fn decode(key: &[u8], value: &[u8]) -> Option<(u64, Self)> {
        let mut fields = Fields::new(value);
        if fields.u32()? != FORMAT {
            return None;
        }
        let tag = fields.u64()?;
        let covered =
            LogPosition { batch: fields.u64()?, segment: fields.u64()?, at: fields.u64()?, checksum: fields.u32()? };
        let count = fields.u32()?;
        let live = (0..count).map(|_| Some((fields.u64()?, fields.u64()?))).collect::<Option<_>>()?;
        let count = fields.u32()?;
        let dropped = (0..count).map(|_| fields.u64()).collect::<Option<_>>()?;
        fields.rest().is_empty().then_some((last_number(key)?, Self { tag, covered, live, dropped }))
    }
}

pub(in super::super) fn actor_key(actor: ActorId, generation: u64) -> Vec<u8> {
    [actor.0.as_slice(), &generation.to_be_bytes()].concat()
}

pub(in super::super) fn actor_keys(actor: ActorId) -> Range<Vec<u8>> {
    below(&actor.0)
}

/// The actor in an entry's key.
pub(in super::super) fn actor_of(key: &[u8]) -> Option<ActorId> {
    key.first_chunk().map(|id| ActorId(*id))
}

pub(in super::super) fn encode_actor(entry: &ActorEntry) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    let wake_at = entry.head.wake_at.map_or(0, |at| at.0);
    for number in [entry.head.sequence.0, entry.head.deleted_through.0, wake_at] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    put_place(&mut out, entry.introduced);
    out.extend_from_slice(&entry.spread.from.0.to_le_bytes());
    out.extend_from_slice(&entry.spread.reads.to_le_bytes());
    put_place(&mut out, entry.spread.newest);
    put_address(&mut out, &entry.address);
    put_count(&mut out, entry.snapshots.len());
    for snapshot in &entry.snapshots {
        put_place(&mut out, snapshot.place);
        let meta = &snapshot.meta;
        for number in [meta.sequence.0, meta.time.0, meta.state_bytes] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&meta.revision.0.to_le_bytes());
        out.extend_from_slice(&meta.state_version.to_le_bytes());
    }
    out
}

fn put_address(out: &mut Vec<u8>, address: &Address) {
    for part in [address.tenant.as_str(), address.kind.as_str(), address.key.as_str()] {
        out.extend_from_slice(&u16::try_from(part.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(part.as_bytes());
    }
}

pub(in super::super) fn decode_actor(key: &[u8], value: &[u8]) -> Option<ActorEntry> {
    let mut fields = Fields::new(value);
    let (sequence, deleted_through) = (Sequence(fields.u64()?), Sequence(fields.u64()?));
    let wake_at = Some(fields.u64()?).filter(|at| *at > 0).map(Timestamp);
    let introduced = place(&mut fields)?;
    let spread = Spread { from: Sequence(fields.u64()?), reads: fields.u32()?, newest: place(&mut fields)? };
    let mut text = || {
        let length = fields.u16()?;
        Some(std::str::from_utf8(fields.bytes(length.into())?).ok()?.to_owned())
    };
    let address = Address::new(text()?, text()?, text()?).ok()?;
    let count = fields.u32()?;
    let snapshots = (0..count).map(|_| snapshot(&mut fields)).collect::<Option<Vec<_>>>()?;
    if !fields.rest().is_empty() {
        return None;
    }
    let mut entry = ActorEntry::new(Arc::new(address));
    entry.head = Head { sequence, deleted_through, wake_at };
    entry.queued = sequence;
    entry.introduced = introduced;
    entry.spread = spread;
    entry.snapshots = snapshots;
    let places = entry.places();
    entry.stored = Some(Stored { generation: last_number(key)?, wake_at, deleted_through, places });
    Some(entry)
}

fn snapshot(fields: &mut Fields<'_>) -> Option<SnapshotEntry> {
    let place = place(fields)?;
    let meta = SnapshotMeta {
        sequence: Sequence(fields.u64()?),
        time: Timestamp(fields.u64()?),
        state_bytes: fields.u64()?,
        revision: RevisionId(fields.u32()?),
        state_version: fields.u32()?,
    };
    Some(SnapshotEntry { meta, place })
}

pub(in super::super) fn run_key(actor: ActorId, first: Sequence, generation: u64) -> Vec<u8> {
    [actor.0.as_slice(), &first.0.to_be_bytes(), &generation.to_be_bytes()].concat()
}

/// The keys of an actor's runs whose first frame is `range.start` up to and including `range.end`.
pub(in super::super) fn run_keys(actor: ActorId, from: Sequence, through: Sequence) -> Range<Vec<u8>> {
    let start = run_key(actor, from, 0);
    start..[actor.0.as_slice(), &through.0.to_be_bytes(), &LAST].concat()
}

/// The segment, how many frames, then each frame's numbers and place.
pub(in super::super) fn encode_run(frames: &[FrameEntry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(12 + frames.len() * 24);
    out.extend_from_slice(&frames.first().map_or(0, |frame| frame.place.segment).to_le_bytes());
    put_count(&mut out, frames.len());
    for frame in frames {
        out.extend_from_slice(&frame.first.0.to_le_bytes());
        out.extend_from_slice(&frame.last.0.to_le_bytes());
        out.extend_from_slice(&frame.place.offset.to_le_bytes());
        out.extend_from_slice(&frame.place.length.to_le_bytes());
    }
    out
}

pub(in super::super) fn decode_run(key: &[u8], value: &[u8]) -> Option<Run> {
    let mut fields = Fields::new(value);
    let (segment, count) = (fields.u64()?, fields.u32()?);
    let mut frame = || {
        let (first, last) = (Sequence(fields.u64()?), Sequence(fields.u64()?));
        let place = Place { segment, offset: fields.u32()?, length: fields.u32()? };
        Some(FrameEntry { first, last, place })
    };
    let frames = (0..count).map(|_| frame()).collect::<Option<Vec<_>>>()?;
    let is_ordered = frames.iter().all(|frame| frame.first <= frame.last);
    let whole = fields.rest().is_empty() && !frames.is_empty() && is_ordered;
    whole.then_some(Run { generation: last_number(key)?, frames })
}

pub(in super::super) fn name_prefix(tenant: &Tenant, kind: &Kind) -> Vec<u8> {
    let mut key = Vec::with_capacity(64);
    for part in [tenant.as_str(), kind.as_str()] {
        key.extend_from_slice(part.as_bytes());
        key.push(NAME_END);
    }
    key
}

pub(in super::super) fn name_key(address: &Address) -> Vec<u8> {
    let mut key = name_prefix(&address.tenant, &address.kind);
    key.extend_from_slice(address.key.as_str().as_bytes());
    key
}

pub(in super::super) fn wake_key(at: Timestamp, actor: ActorId, generation: u64) -> Vec<u8> {
    [at.0.to_be_bytes().as_slice(), &actor.0, &generation.to_be_bytes()].concat()
}

/// The time and the actor of an entry.
pub(in super::super) fn decode_wake(key: &[u8]) -> Option<(Timestamp, ActorId)> {
    let (at, rest) = key.split_first_chunk()?;
    Some((Timestamp(u64::from_be_bytes(*at)), actor_of(rest)?))
}

pub(in super::super) fn scattered_key(actor: ActorId, generation: u64) -> Vec<u8> {
    actor_key(actor, generation)
}

/// The number from which on the actor's frames are scattered.
pub(in super::super) fn decode_scattered(key: &[u8], value: &[u8]) -> Option<(ActorId, Sequence)> {
    Some((actor_of(key)?, Sequence(u64::from_le_bytes(value.try_into().ok()?))))
}

pub(in super::super) fn catalog_key(key: &str, generation: u64) -> Vec<u8> {
    [key.as_bytes(), &generation.to_be_bytes()].concat()
}

pub(in super::super) fn encode_place(place: Place) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    put_place(&mut out, place);
    out
}

/// The catalog's key, the checkpoint that wrote the entry, and where the record lies.
pub(in super::super) fn decode_catalog(key: &[u8], value: &[u8]) -> Option<(String, u64, Place)> {
    let (name, generation) = key.split_last_chunk()?;
    let name = std::str::from_utf8(name).ok()?.to_owned();
    let mut fields = Fields::new(value);
    let place = place(&mut fields)?;
    fields.rest().is_empty().then_some((name, u64::from_be_bytes(*generation), place))
}
