//! Reading the log from where the index ends: what is sound, where it ends, and whether the end is a torn tail.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

use super::batch::{self, ALIGNMENT, BatchHeader};
use super::damage;
use super::disk::IndexStore;
use super::index::{Index, LogPosition, Place, load, replay};
use super::record::{self, RecordKind};
use super::segment::SegmentHeader;
use crate::provider::StoreError;
use crate::vocab::ActorId;

/// How much is looked at together for being all zeros.
const ZEROS_CHUNK_BYTES: usize = /* 4 KiB */ 4 * 1_024;

/// Why a scan ended before its time.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScanFailure {
    /// The log is not sound, or cannot be read.
    #[error("{0}")]
    Log(StoreError),
    /// The index store cannot be read or written; where its bytes make no sense, the log may be read without it.
    #[error("{0}")]
    Index(io::Error),
    /// Too much was found of actors before it was found who they are: that must be known first.
    #[error("no record says who some of the actors are")]
    Strangers,
}

impl From<StoreError> for ScanFailure {
    fn from(error: StoreError) -> Self {
        Self::Log(error)
    }
}

/// What a scan has found so far.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) index: Index,
    store: Arc<dyn IndexStore>,
    /// How much of actors that are not known yet is held in memory.
    strangers_max: usize,
    /// Whoever is introduced anywhere in the log is known before it is read.
    pub(super) are_introduced: bool,
    /// The last sound batch.
    pub(super) last_batch: u64,
    /// The last record of the last sound batch is a close marker.
    pub(super) marked: bool,
    /// Batches of the newest segment that no later one calls durable, and where they begin.
    unvouched: VecDeque<(u64, usize)>,
}

/// What a whole scan found; the index store is let go of.
#[derive(Debug)]
pub(super) struct ScanEnd {
    pub(super) index: Index,
    pub(super) last_batch: u64,
    pub(super) marked: bool,
    /// Where the batches begin that only the system's memory may hold; `None`: there is none.
    pub(super) unvouched_at: Option<usize>,
}

/// One segment's bytes and what is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SegmentBytes<'a> {
    pub(super) header: SegmentHeader,
    /// The whole file.
    pub(super) bytes: &'a [u8],
    /// File name with directory, for messages.
    pub(super) place: &'a str,
}

impl Scan {
    /// Nothing is read yet but what the index store covers.
    pub(super) fn new(index: Index, store: Arc<dyn IndexStore>, strangers_max: usize) -> Self {
        let (last_batch, unvouched) = (index.covered.batch, VecDeque::new());
        Self { index, store, strangers_max, are_introduced: false, last_batch, marked: false, unvouched }
    }

    /// The same, once whoever is introduced anywhere in the log is known.
    pub(super) fn when_introduced(self) -> Self {
        Self { are_introduced: true, ..self }
    }

    /// Checks that the batch that the index store covers last stands in the log; returns where it ends.
    pub(super) fn resume(&mut self, segment: SegmentBytes<'_>) -> Option<usize> {
        let covered = self.index.covered;
        let at = usize::try_from(covered.at).ok()?;
        let (header, payload) = batch::decode(segment.bytes.get(at..)?, segment.header.tag).ok()?;
        if (header.number, header.checksum) != (covered.batch, covered.checksum) {
            return None;
        }
        self.marked = record::walk(payload).last()?.ok()?.kind == RecordKind::Close;
        Some(at + header.batch_bytes())
    }

    /// Reads the batches of a segment from `at` on; returns where they end. `next_first` is the first batch of the segment that
    /// follows without a gap, if there is one.
    ///
    /// Nothing is modified. A batch that is not sound is the torn tail of a crash only if it is in the last segment
    /// and no later batch says that it was durable; else it is corruption.
    pub(super) fn segment(
        &mut self,
        segment: SegmentBytes<'_>,
        mut at: usize,
        next_first: Option<u64>,
        is_last: bool,
    ) -> Result<usize, ScanFailure> {
        // Everything in the segments before was synced before this one was begun.
        self.unvouched.clear();
        self.know_all(segment, at).map_err(ScanFailure::Index)?;
        loop {
            let expected = self.last_batch + 1;
            let rest = segment.bytes.get(at..).unwrap_or_default();
            let damage = match batch::decode(rest, segment.header.tag) {
                Ok((header, payload)) if header.number == expected => {
                    self.batch(segment, at + batch::HEADER_BYTES, &header, payload)?;
                    self.last_batch = expected;
                    let (batch, checksum) = (expected, header.checksum);
                    self.index.applied = LogPosition { batch, segment: segment.header.number, at: at as u64, checksum };
                    self.index.lag_bytes += header.batch_bytes() as u64;
                    while self.unvouched.pop_front_if(|(number, _)| *number <= header.synced_through).is_some() {}
                    self.unvouched.push_back((expected, at));
                    at += header.batch_bytes();
                    continue;
                }
                Ok((header, _)) => format!("batch {expected} is missing, {} is in its place", header.number),
                Err(error) => format!("batch {expected}: {error}"),
            };
            let torn = match next_first {
                Some(next) => next == expected,
                None if is_last => !is_witnessed(not_zero(rest), segment.header.tag, expected),
                None => not_zero(rest).is_empty(),
            };
            return if torn { Ok(at) } else { Err(corrupt(segment, at, &damage).into()) };
        }
    }

    /// Takes in the records of a sound batch.
    fn batch(
        &mut self,
        segment: SegmentBytes<'_>,
        payload_at: usize,
        header: &BatchHeader,
        payload: &[u8],
    ) -> Result<(), ScanFailure> {
        let mut records = 0u32;
        for raw in record::walk(payload) {
            if let Some(actor) = raw.ok().and_then(|raw| replay::actor_of(&raw).ok().flatten()) {
                self.know(actor).map_err(ScanFailure::Index)?;
            }
            let replayed = raw.and_then(|raw| {
                let offset =
                    u32::try_from(payload_at + raw.payload_at).map_err(|_| record::RecordError::Contradiction)?;
                let length = u32::try_from(raw.payload.len()).map_err(|_| record::RecordError::Contradiction)?;
                let place = Place { segment: segment.header.number, offset, length };
                self.marked = raw.kind == RecordKind::Close;
                if raw.kind.since_format() > segment.header.format {
                    return Err(record::RecordError::Format(raw.kind as u8));
                }
                self.index.replay(&raw, place)
            });
            // The checksum is right, so this was written like that: not damage, but nothing to go on with either.
            replayed.map_err(|error| place_error(segment, payload_at, format!("record {records}: {error}")))?;
            records += 1;
        }
        if records != header.records {
            let reason = format!("the batch has {records} records and speaks of {}", header.records);
            return Err(place_error(segment, payload_at, reason).into());
        }
        if self.index.strangers() > self.strangers_max { Err(ScanFailure::Strangers) } else { Ok(()) }
    }

    /// Brings into memory what the index store knows of the actors of a segment, in its own order: one by one in the
    /// order of the log takes several times as long. Those beyond what memory is to hold come one by one.
    pub(super) fn know_all(&mut self, segment: SegmentBytes<'_>, mut at: usize) -> io::Result<()> {
        let mut actors = BTreeSet::new();
        if self.index.generation == 0 {
            return Ok(());
        }
        while let Ok((header, payload)) = batch::decode(segment.bytes.get(at..).unwrap_or_default(), segment.header.tag)
        {
            let records = record::walk(payload).map_while(Result::ok);
            actors.extend(records.filter_map(|raw| replay::actor_of(&raw).ok().flatten()));
            at += header.batch_bytes();
        }
        let view = self.store.view();
        for actor in actors.into_iter().take(self.index.bound()) {
            if !self.index.knows(actor) {
                self.index.insert_loaded(actor, load::actor(&*view, actor)?);
            }
        }
        Ok(())
    }

    /// Brings into memory what the index store knows of an actor.
    pub(super) fn know(&mut self, actor: ActorId) -> io::Result<()> {
        // Without a checkpoint it knows nothing.
        if self.index.generation > 0 && !self.index.knows(actor) {
            let loaded = load::actor(&*self.store.view(), actor)?;
            self.index.insert_loaded(actor, loaded);
        }
        Ok(())
    }

    /// Ends the scan.
    pub(super) fn finish(self) -> ScanEnd {
        let unvouched_at = self.unvouched.front().map(|(_, at)| *at);
        ScanEnd { index: self.index, last_batch: self.last_batch, marked: self.marked, unvouched_at }
    }
}

/// The bytes without the zeros at their end. Most of a segment's end was never written: this keeps the search short.
pub(super) fn not_zero(bytes: &[u8]) -> &[u8] {
    let blocks = bytes.chunks(ZEROS_CHUNK_BYTES);
    // Joining all bytes of a chunk, instead of stopping at the first, runs at the speed of memory.
    let zeros = blocks.rev().take_while(|block| block.iter().fold(0, |joined, byte| joined | byte) == 0);
    let near = bytes.len() - zeros.map(<[u8]>::len).sum::<usize>();
    let near = bytes.get(..near).unwrap_or_default();
    let length = near.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    near.get(..length).unwrap_or_default()
}

/// Whether any batch header behind a damaged place says that batch `number` was durable.
fn is_witnessed(bytes: &[u8], tag: u64, number: u64) -> bool {
    // A batch can name itself only as written, never as durable, so the damaged one's own header proves nothing.
    let candidates = (0..bytes.len()).step_by(ALIGNMENT).filter_map(|at| bytes.get(at..));
    candidates.filter_map(|bytes| BatchHeader::decode(bytes, tag)).any(|later| later.synced_through >= number)
}

/// The error of a damaged batch; names what is damaged in it, and whose that is, as far as that can be told.
fn corrupt(segment: SegmentBytes<'_>, at: usize, reason: &str) -> StoreError {
    let rest = segment.bytes.get(at + batch::HEADER_BYTES..).unwrap_or_default();
    let reason = damage::describe(rest).map_or_else(|| reason.to_owned(), |damaged| format!("{reason}: {damaged}"));
    place_error(segment, at, reason)
}

fn place_error(segment: SegmentBytes<'_>, at: usize, reason: String) -> StoreError {
    StoreError::Corrupt { place: format!("{} at byte {at}", segment.place), reason }
}
