//! What a sealed segment holds, record by record, every checksum verified.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::frame::FrameHeader;
use crate::provider::log::core::Shared;
use crate::provider::log::index::Place;
use crate::provider::log::record::{self, Raw, RecordError, RecordKind};
use crate::provider::log::scan::not_zero;
use crate::provider::log::segment::{self, SegmentHeader, SegmentStart};
use crate::provider::log::summary::ActorSummary;
use crate::provider::log::{batch, writer::io_error};
use crate::provider::{SnapshotMeta, StoreError};
use crate::vocab::{ActorId, Sequence};

/// A whole segment in memory, and where in it everything lies. Upkeep holds one at a time.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) number: u64,
    /// The whole file.
    pub(super) bytes: Bytes,
    pub(super) actors: BTreeMap<ActorId, FoundActor>,
    /// The last record of each key; `None`: it was deleted.
    pub(super) catalog: BTreeMap<String, Option<Place>>,
    /// Segments that are said to be given up.
    pub(super) dropped: BTreeSet<u64>,
}

/// What a segment says of one actor.
#[derive(Debug, Default)]
pub(super) struct FoundActor {
    /// In the order of the file.
    pub(super) frames: Vec<FoundFrame>,
    /// The last one of each number.
    pub(super) snapshots: BTreeMap<Sequence, (SnapshotMeta, Place)>,
    /// Who it is, or what of it is deleted, is said here.
    pub(super) told: bool,
}

/// A frame of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FoundFrame {
    pub(super) first: Sequence,
    pub(super) last: Sequence,
    pub(super) place: Place,
}

impl Contents {
    /// Reads and verifies a whole segment.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with file and byte for whatever is not sound.
    pub(super) fn read(shared: &Shared, number: u64) -> Result<Self, StoreError> {
        let place = shared.files.place(&segment::name(number));
        let read = || {
            let file = shared.files.get(number)?;
            let mut bytes = vec![0; usize::try_from(file.length()?).unwrap_or(usize::MAX)];
            file.read_at(0, &mut bytes)?;
            Ok::<Bytes, std::io::Error>(bytes.into())
        };
        let bytes = read().map_err(|error| io_error("reading", &place, &error))?;
        let corrupt =
            |at: usize, reason: String| StoreError::Corrupt { place: format!("{place} at byte {at}"), reason };
        let SegmentStart::Used(header) = SegmentHeader::decode(&bytes) else {
            return Err(corrupt(0, "the segment's header is damaged".to_owned()));
        };
        let (actors, catalog, dropped) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let mut contents = Self { number, bytes: bytes.clone(), actors, catalog, dropped };
        let mut at = segment::HEADER_BYTES;
        let mut expected = header.first_batch;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            match batch::decode(rest, header.tag) {
                Ok((batch, payload)) if batch.number == expected => {
                    let payload_at = at + batch::HEADER_BYTES;
                    contents.batch(payload_at, payload).map_err(|error| corrupt(at, error.to_string()))?;
                    at += batch.batch_bytes();
                    expected += 1;
                }
                // A sealed segment ends in zeros; what was written there was synced before the next one was begun.
                _ if not_zero(rest).is_empty() => return Ok(contents),
                Ok((batch, _)) => {
                    return Err(corrupt(at, format!("batch {expected} is missing, {} is in its place", batch.number)));
                }
                Err(error) => return Err(corrupt(at, format!("batch {expected}: {error}"))),
            }
        }
    }

    fn batch(&mut self, payload_at: usize, payload: &[u8]) -> Result<(), RecordError> {
        for raw in record::walk(payload) {
            let raw = raw?;
            let at = payload_at + raw.payload_at;
            let file = Place { segment: self.number, offset: 0, length: 0 };
            let place = file.part(at, raw.payload.len()).ok_or(RecordError::Contradiction)?;
            self.record(&raw, place)?;
        }
        Ok(())
    }

    fn record(&mut self, raw: &Raw<'_>, place: Place) -> Result<(), RecordError> {
        match raw.kind {
            RecordKind::Frame => {
                let header = FrameHeader::decode(raw.payload).map_err(|_| RecordError::Contradiction)?;
                self.frame(&header, place);
            }
            RecordKind::Frames => {
                for frame in record::frames(raw.payload) {
                    let (header, at, bytes) = frame?;
                    self.frame(&header, place.part(at, bytes.len()).ok_or(RecordError::Contradiction)?);
                }
            }
            RecordKind::Snapshot => {
                let snapshot = record::snapshot(raw.payload)?;
                let actor = self.actors.entry(snapshot.actor).or_default();
                actor.snapshots.insert(snapshot.meta.sequence, (snapshot.meta, place));
            }
            RecordKind::ActorAddress => self.told(record::address(raw.payload)?.0),
            RecordKind::ActorSummary => self.told(ActorSummary::decode(raw.payload)?.actor),
            RecordKind::SnapshotDelete | RecordKind::DeleteThrough => self.told(record::deletion(raw.payload)?.0),
            RecordKind::CatalogPut => {
                _ = self.catalog.insert(record::catalog(raw.payload)?.0.to_owned(), Some(place));
            }
            RecordKind::CatalogDelete => _ = self.catalog.insert(record::catalog(raw.payload)?.0.to_owned(), None),
            RecordKind::SegmentDropped => _ = self.dropped.insert(record::segment(raw.payload)?),
            RecordKind::Close => {}
        }
        Ok(())
    }

    fn frame(&mut self, header: &FrameHeader, place: Place) {
        let frame = FoundFrame { first: header.first, last: header.last(), place };
        self.actors.entry(header.actor).or_default().frames.push(frame);
    }

    fn told(&mut self, actor: ActorId) {
        self.actors.entry(actor).or_default().told = true;
    }

    /// The bytes at a place of this segment.
    pub(super) fn payload(&self, place: Place) -> Bytes {
        let start = place.offset as usize;
        // The place was made from these bytes.
        self.bytes.slice(start..start + place.length as usize)
    }
}
