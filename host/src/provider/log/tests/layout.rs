//! Where which kind of byte lies in a store's files.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::frame::FrameHeader;
use crate::provider::log::batch::{self, BatchHeader};
use crate::provider::log::disk::{Disk, SimDisk};
use crate::provider::log::record::{self, RecordKind};
use crate::provider::log::segment::{self, SegmentHeader, SegmentStart};
use crate::vocab::ActorId;

/// Some neighbouring bytes of one kind.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) file: String,
    pub(super) bytes: Range<usize>,
    /// The batch that they belong to; 0: none.
    pub(super) batch: u64,
    /// Whose they are.
    pub(super) actor: Option<ActorId>,
}

/// A store's bytes by their kind, and the last batch that a later one calls durable.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) parts: BTreeMap<&'static str, Vec<Part>>,
    pub(super) vouched: u64,
}

/// The place in one file.
struct Place<'a> {
    layout: &'a mut Layout,
    file: String,
    batch: u64,
}

impl Place<'_> {
    fn add(&mut self, kind: &'static str, bytes: Range<usize>, actor: Option<ActorId>) {
        if !bytes.is_empty() {
            let part = Part { file: self.file.clone(), bytes, batch: self.batch, actor };
            self.layout.parts.entry(kind).or_default().push(part);
        }
    }
}

impl Layout {
    /// Looks at every file of a sound store.
    pub(super) fn of(disk: &SimDisk) -> Self {
        let mut layout = Self::default();
        for file in disk.names().expect("listed").into_iter().filter(|name| segment::number(name).is_some()) {
            let content = disk.content(&file).expect("listed");
            let SegmentStart::Used(header) = SegmentHeader::decode(&content) else { continue };
            let mut place = Place { layout: &mut layout, file, batch: 0 };
            place.add("segment header", 0..segment::HEADER_BYTES, None);
            let mut at = segment::HEADER_BYTES;
            while let Ok((batch, payload)) = batch::decode(&content[at..], header.tag) {
                add_batch(&mut place, at, &batch, payload);
                at += batch.batch_bytes();
            }
            place.batch = 0;
            place.add("zeros behind the end", at..content.len(), None);
        }
        layout
    }
}

fn add_batch(place: &mut Place<'_>, at: usize, header: &BatchHeader, payload: &[u8]) {
    place.batch = header.number;
    place.layout.vouched = place.layout.vouched.max(header.synced_through);
    place.add("batch header", at..at + batch::HEADER_BYTES, None);
    let start = at + batch::HEADER_BYTES;
    let mut end = start;
    for raw in record::walk(payload) {
        let raw = raw.expect("sound");
        let begin = start + raw.payload_at;
        place.add("record padding", end..begin - record::HEADER_BYTES, None);
        let actor = actor_of(raw.kind, raw.payload);
        let header = if raw.kind == RecordKind::Close { "close" } else { "record header" };
        place.add(header, begin - record::HEADER_BYTES..begin, None);
        end = begin + raw.payload.len();
        match raw.kind {
            RecordKind::Frame => add_frame(place, begin, raw.payload),
            RecordKind::Frames => {
                for frame in record::frames(raw.payload) {
                    let (_, offset, bytes) = frame.expect("sound");
                    add_frame(place, begin + offset, bytes);
                }
            }
            RecordKind::Snapshot => {
                let state_at = begin + record::SNAPSHOT_FIELDS_BYTES;
                place.add("snapshot fields", begin..state_at, actor);
                place.add("snapshot state and ledger", state_at..end, actor);
            }
            kind => place.add(name(kind), begin..end, actor),
        }
    }
    place.add("record padding", end..start + payload.len(), None);
}

fn add_frame(place: &mut Place<'_>, at: usize, frame: &[u8]) {
    let header = FrameHeader::decode(frame).expect("sound");
    let actor = Some(header.actor);
    let count = header.count as usize;
    // `docs/format.md`: the lengths of data, effects and keys.
    let length = |at: usize| u32::from_le_bytes(frame[at..at + 4].try_into().expect("four bytes")) as usize;
    let lengths = [
        ("frame types", 2 * count),
        ("frame ends", 4 * count),
        ("frame data", length(60)),
        ("frame effects", length(64)),
        ("frame keys", length(68)),
    ];
    let columns: usize = lengths.iter().map(|(_, length)| length).sum();
    let mut from = at + frame.len() - columns;
    place.add("frame header", at..from, None);
    for (kind, length) in lengths {
        place.add(kind, from..from + length, actor);
        from += length;
    }
}

fn actor_of(kind: RecordKind, payload: &[u8]) -> Option<ActorId> {
    use RecordKind as Kind;
    let begins = matches!(
        kind,
        Kind::ActorAddress | Kind::Snapshot | Kind::SnapshotDelete | Kind::DeleteThrough | Kind::ActorSummary
    );
    begins.then(|| payload.first_chunk().copied().map(ActorId)).flatten()
}

const fn name(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Frame | RecordKind::Frames => "frame",
        RecordKind::Snapshot => "snapshot",
        RecordKind::ActorAddress => "actor address",
        RecordKind::SnapshotDelete => "snapshot deleted",
        RecordKind::DeleteThrough => "events deleted",
        RecordKind::CatalogPut => "catalog record",
        RecordKind::CatalogDelete => "catalog record deleted",
        RecordKind::Close => "close",
        RecordKind::SegmentDropped => "segment given up",
        RecordKind::ActorSummary => "actor summary",
    }
}
