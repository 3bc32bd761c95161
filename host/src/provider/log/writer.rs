//! Where the next batch goes: the current segment, and the next one before it is needed.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::batch::{self, BatchHeader};
use super::disk::{Disk, DiskFile};
use super::index::LogPosition;
use super::segment::{self, SegmentHeader};
use super::{LogSettings, metric};
use crate::provider::StoreError;

/// How much is written at once while a segment is filled with zeros.
const ZEROS_BYTES: usize = /* 1 MiB */ 1_024 * 1_024;
/// How often that is synced, so that no single sync is long enough to hold up a commit.
const ZEROS_PER_SYNC: u64 = /* 8 MiB */ 8 * 1_024 * 1_024;
/// The next segment is prepared once this part of the current one is used (one over it).
const PREPARE_AFTER_PART: u64 = 4;

/// A segment for which there seemed to be room, and was none, is tried again once there is more room, or after this: bounds
/// how often zeros are written in vain where a quota or a reserve takes what the system calls free.
const PREPARE_AGAIN: Duration = Duration::from_secs(1);

/// Upkeep may take this part of what is left of a segment before the next one is there (one over it).
const UPKEEP_PART: u64 = 8;

/// The end of the log.
#[derive(Debug)]
pub(super) struct Writer {
    disk: Arc<dyn Disk>,
    settings: LogSettings,
    segment: Segment,
    /// Being prepared by a thread of its own.
    next: Option<JoinHandle<io::Result<Segment>>>,
    /// Prepared, not used yet.
    ready: Option<Segment>,
    /// The last attempt to prepare one found no room, though there seemed to be some.
    refused: Option<Refused>,
    tag: u64,
    /// The lowest segment that is not given up.
    oldest: u64,
    /// The same, as the current segment's header states it.
    stated_oldest: u64,
    next_batch: u64,
    synced_through: u64,
    /// The last batch.
    position: Option<LogPosition>,
}

/// There was no room for a segment.
#[derive(Debug, Clone, Copy)]
struct Refused {
    free_bytes: u64,
    at: Instant,
}

/// Whose records a batch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Callers': any segment that is in use will do.
    Calls,
    /// Copies of the log's own upkeep: the segment must be of the newest format, and callers must not be left without room.
    Copies,
    /// The record behind which a whole segment is removed: it may take the last room there is.
    GiveUp,
}

/// A segment file filled with zeros behind `used`.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    /// The format that its header states, or will state.
    pub(super) format: u32,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) length: u64,
    pub(super) used: u64,
}

/// Where the log ends, as opening found or made it.
#[derive(Debug)]
pub(super) struct LogEnd {
    pub(super) segment: Segment,
    pub(super) tag: u64,
    pub(super) oldest: u64,
    pub(super) last_batch: u64,
}

/// Why a batch was not written.
#[derive(Debug)]
pub(super) enum CommitFailure {
    /// Nothing of it is in the file, and a later one may succeed.
    NoSpace(StoreError),
    /// Nothing of it is in the file, but the log must not go on.
    Before(StoreError),
    /// Any part of it may be in the file, and the log must not go on.
    During(StoreError),
}

impl Writer {
    pub(super) fn new(disk: Arc<dyn Disk>, settings: LogSettings, end: LogEnd) -> Self {
        Self {
            disk,
            settings,
            segment: end.segment,
            next: None,
            ready: None,
            refused: None,
            tag: end.tag,
            oldest: end.oldest,
            stated_oldest: end.oldest,
            next_batch: end.last_batch + 1,
            synced_through: end.last_batch,
            position: None,
        }
    }

    /// The segment that batches go to: its number and its file.
    pub(super) fn current(&self) -> (u64, Arc<dyn DiskFile>) {
        (self.segment.number, Arc::clone(&self.segment.file))
    }

    /// The last batch that was written.
    pub(super) const fn position(&self) -> Option<LogPosition> {
        self.position
    }

    /// The last batch that is durable.
    pub(super) const fn synced_through(&self) -> u64 {
        self.synced_through
    }

    /// Whether something is written and not yet synced.
    pub(super) const fn is_dirty(&self) -> bool {
        self.synced_through + 1 < self.next_batch
    }

    /// Writes a batch, whose header's place is left free at the start of `buffer`; returns where it begins.
    ///
    /// A crash during this leaves any part of the batch, which opening will cut; none of the earlier ones.
    pub(super) fn write(
        &mut self,
        buffer: &mut [u8],
        records: u32,
        purpose: Purpose,
    ) -> Result<(u64, u64), CommitFailure> {
        let length = buffer.len() as u64;
        // All lengths inside the batch are smaller.
        let payload_bytes = stated(buffer.len().saturating_sub(batch::HEADER_BYTES)).map_err(CommitFailure::Before)?;
        if purpose == Purpose::Copies {
            self.leave_room(length)?;
        }
        let unfit = purpose != Purpose::Calls && self.segment.format < segment::FORMAT;
        if unfit || self.segment.used + length > self.segment.length {
            self.roll(length)?;
        }
        let (place, payload) = buffer
            .split_first_chunk_mut::<{ batch::HEADER_BYTES }>()
            .ok_or(CommitFailure::Before(StoreError::Closed))?;
        let header = BatchHeader {
            tag: self.tag,
            number: self.next_batch,
            synced_through: self.synced_through,
            payload_bytes,
            records,
            checksum: crc32c::crc32c(payload),
        };
        *place = header.encode();
        let at = self.segment.used;
        self.segment
            .file
            .write_at(at, buffer)
            .map_err(|error| CommitFailure::During(self.failed("writing", &error)))?;
        self.segment.used += length;
        let (batch, segment) = (self.next_batch, self.segment.number);
        self.position = Some(LogPosition { batch, segment, at, checksum: header.checksum });
        self.next_batch += 1;
        Ok((self.segment.number, at))
    }

    /// Makes every written batch durable.
    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        metric::sync();
        self.segment.file.sync().map_err(|error| self.failed("syncing", &error))?;
        self.synced_through = self.next_batch - 1;
        Ok(())
    }

    /// Makes sure that callers find another segment once this one is full, before upkeep takes more than a small part of
    /// what is left of it. A small part it may take at once: on a full disk that is how space comes back.
    fn leave_room(&mut self, length: u64) -> Result<(), CommitFailure> {
        let free = self.segment.length.saturating_sub(self.segment.used);
        if self.ready.is_none() && length > free / UPKEEP_PART {
            let prepared = self.take_prepared().map_err(|error| self.not_prepared(&error))?;
            self.ready = Some(prepared);
        }
        Ok(())
    }

    /// Segments below this one are given up: the next segment's header says so. Never goes back.
    pub(super) fn begin_at(&mut self, oldest: u64) {
        self.oldest = self.oldest.max(oldest);
    }

    /// What the header of the current segment says: only segments from here on need a record of being given up.
    pub(super) const fn stated_oldest(&self) -> u64 {
        self.stated_oldest
    }

    /// Begins to prepare the next segment if this one is used enough. Failing to is found out when it is needed.
    pub(super) fn prepare_ahead(&mut self) {
        let early = self.segment.used < self.segment.length / PREPARE_AFTER_PART;
        if early || !self.settings.prepare_ahead || self.next.is_some() || self.ready.is_some() {
            return;
        }
        let number = self.segment.number + 1;
        let (disk, bytes) = (Arc::clone(&self.disk), self.settings.segment_bytes(number));
        let thread = Builder::new().name("greenroom-log-prepare".to_owned());
        self.next = thread.spawn(move || prepare(&*disk, number, bytes)).ok();
    }

    /// Waits for a segment that is being prepared, so that no thread outlives the log.
    pub(super) fn finish(mut self) {
        if let Some(next) = self.next.take() {
            let _unused = next.join();
        }
    }

    /// Goes on in the next segment, which has room for `needed` bytes. What is behind is synced first, so that
    /// only the last segment can have a torn tail.
    fn roll(&mut self, needed: u64) -> Result<(), CommitFailure> {
        if self.is_dirty() {
            self.sync().map_err(CommitFailure::Before)?;
        }
        let mut next = self.take_prepared().map_err(|error| self.not_prepared(&error))?;
        let needed = needed + segment::HEADER_BYTES as u64;
        if next.length < needed {
            let lengthened =
                check_room(&*self.disk, needed - next.length).and_then(|()| fill(&*next.file, next.length, needed));
            if let Err(error) = lengthened {
                self.ready = Some(next);
                return Err(self.not_prepared(&error));
            }
            next.length = needed;
        }
        self.begin(&mut next).map_err(|error| CommitFailure::Before(self.failed("beginning", &error)))?;
        self.stated_oldest = self.oldest;
        self.segment = next;
        Ok(())
    }

    fn take_prepared(&mut self) -> io::Result<Segment> {
        if let Some(ready) = self.ready.take() {
            return Ok(ready);
        }
        if let Some(Ok(Ok(prepared))) = self.next.take().map(JoinHandle::join) {
            return Ok(prepared);
        }
        self.prepare_now()
    }

    /// Prepares the next segment, unless it was just found that there is no room for it.
    fn prepare_now(&mut self) -> io::Result<Segment> {
        let free = || self.disk.free_bytes().ok().flatten();
        let is_as_before = |refused: &Refused| {
            refused.at.elapsed() < PREPARE_AGAIN && free().is_some_and(|free| free <= refused.free_bytes)
        };
        if self.refused.as_ref().is_some_and(is_as_before) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let number = self.segment.number + 1;
        let prepared = prepare(&*self.disk, number, self.settings.segment_bytes(number));
        let is_refused = prepared.as_ref().is_err_and(is_full);
        self.refused = free().filter(|_| is_refused).map(|free_bytes| Refused { free_bytes, at: Instant::now() });
        prepared
    }

    fn begin(&self, next: &mut Segment) -> io::Result<()> {
        let header = SegmentHeader {
            format: next.format,
            number: next.number,
            first_batch: self.next_batch,
            created: self.disk.now(),
            tag: self.tag,
            oldest: self.oldest,
        };
        begin(next, &header)
    }

    /// A full disk can have room again; anything else means that the disk cannot be relied on.
    fn not_prepared(&self, error: &io::Error) -> CommitFailure {
        if is_full(error) {
            CommitFailure::NoSpace(StoreError::DiskFull { place: self.disk.place() })
        } else {
            CommitFailure::Before(self.failed("preparing the segment after", error))
        }
    }

    fn failed(&self, operation: &'static str, error: &io::Error) -> StoreError {
        io_error(operation, &format!("{}/{}", self.disk.place(), segment::name(self.segment.number)), error)
    }
}

/// A batch's length as its header states it. The settings keep batches far below what that holds.
fn stated(payload_bytes: usize) -> Result<u32, StoreError> {
    let limit = u32::MAX as usize;
    u32::try_from(payload_bytes).map_err(|_| StoreError::TooLarge { bytes: payload_bytes, limit })
}

/// Writes and syncs the header of a prepared segment: from now on it is in use.
pub(super) fn begin(next: &mut Segment, header: &SegmentHeader) -> io::Result<()> {
    let bytes = header.encode();
    next.file.write_at(0, &bytes)?;
    next.file.sync()?;
    next.used = bytes.len() as u64;
    Ok(())
}

/// Creates a segment file full of zeros, durably, name and all. A crash leaves a file without a header, which
/// opening removes.
pub(super) fn prepare(disk: &dyn Disk, number: u64, bytes: u64) -> io::Result<Segment> {
    let name = segment::name(number);
    if let Err(full) = check_room(disk, bytes) {
        // What an attempt that failed could not remove then takes room, too.
        disk.remove(&name).and_then(|()| check_room(disk, bytes)).map_err(|_| full)?;
    }
    let file = match disk.create(&name) {
        // Left by an attempt that failed, and could not be removed then: it has no header.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.remove(&name)?;
            disk.create(&name)?
        }
        created => created?,
    };
    let filled = fill(&*file, 0, bytes).and_then(|()| disk.sync_names());
    if let Err(error) = filled {
        // What could be written of it takes space that others may need.
        let _kept = disk.remove(&name);
        return Err(error);
    }
    Ok(Segment { number, format: segment::FORMAT, file, length: bytes, used: 0 })
}

/// Fails at once where so many bytes certainly do not fit: to find that out by writing takes as long as writing them.
pub(super) fn check_room(disk: &dyn Disk, bytes: u64) -> io::Result<()> {
    match disk.free_bytes() {
        Ok(Some(free)) if free < bytes => Err(io::ErrorKind::StorageFull.into()),
        // Who cannot tell finds out.
        _ => Ok(()),
    }
}

/// Writes zeros from `from` to `to` and syncs them.
pub(super) fn fill(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; ZEROS_BYTES];
    let mut at = from;
    let mut unsynced = 0;
    while at < to {
        let part = usize::try_from(to - at).unwrap_or(ZEROS_BYTES).min(ZEROS_BYTES);
        file.write_at(at, zeros.get(..part).unwrap_or_default())?;
        at += part as u64;
        unsynced += part as u64;
        if unsynced >= ZEROS_PER_SYNC {
            file.sync()?;
            unsynced = 0;
        }
    }
    file.sync()
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// An error of the system, with what was tried and where.
pub(super) fn io_error(operation: &'static str, place: &str, error: &io::Error) -> StoreError {
    StoreError::Io { operation, place: place.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stated wrongly, it would be acknowledged and never be read again.
    #[test]
    fn a_batch_that_its_header_cannot_state_is_an_error() {
        assert_eq!(stated(4_294_967_295), Ok(u32::MAX));
        assert!(matches!(stated(4_294_967_296), Err(StoreError::TooLarge { bytes: 4_294_967_296, .. })));
    }
}
