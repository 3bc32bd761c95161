//! Opening a log: claim the directory, read what the index does not cover, cut a torn tail, bring the index up to it.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::LogSettings;
use super::access::OpenIndex;
use super::core::Shared;
use super::disk::{Disk, DiskFile, DiskLock, INDEX_NAME, IndexStore, is_useless, useless};
use super::found::{Found, check_headers, file_place, find, read_from, without_given_up};
use super::index::checkpoint::checkpoint;
use super::index::{CatalogEntry, Index, load};
use super::introduce::introduce;
use super::scan::{Scan, ScanEnd, ScanFailure, SegmentBytes, not_zero};
use super::segment::{self, SegmentHeader, SegmentStart};
use super::witness;
use super::writer::{LogEnd, Segment, begin, io_error, prepare};
use crate::provider::StoreError;

/// An opened log, before its committer runs.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) claim: Arc<dyn DiskLock>,
    pub(super) shared: Arc<Shared>,
    pub(super) end: LogEnd,
    /// It was closed cleanly, or is new.
    pub(super) marked: bool,
}

/// Which index store is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// The one beside the log.
    Found,
    /// A new one, which takes its place once the log was found sound.
    New,
}

/// What opening works with.
struct Opening<'a> {
    disk: &'a Arc<dyn Disk>,
    settings: &'a LogSettings,
    claim: Arc<dyn DiskLock>,
}

/// The segment files of the log.
struct Files<'a> {
    used: &'a [Found],
    /// Prepared and never used.
    spare: &'a [String],
    /// Given up, and not removed yet.
    left: &'a [u64],
}

/// Opens the log. Nothing of it is written before everything that had to be read was read and found sound.
///
/// An index store whose bytes make no sense, or are not about this log, is no reason for not opening: another one is built from
/// the log beside it, and takes its place once the whole log was found sound. One that the system does not let us use is a
/// reason: it may be the only proof of what the log has lost.
pub(super) fn open(disk: &Arc<dyn Disk>, settings: &LogSettings) -> Result<Opened, StoreError> {
    let place = disk.place();
    let lock = disk.lock().map_err(|error| io_error("locking", &place, &error))?;
    let claim = lock.ok_or_else(|| StoreError::Locked { place: place.clone() })?.into();
    let opening = Opening { disk, settings, claim };
    let (used, spare) = find(&**disk)?;
    let (used, left) = without_given_up(used);
    check_headers(&**disk, &used)?;
    let files = Files { used: &used, spare: &spare, left: &left };
    match opening.with_index(Choice::Found, &files) {
        Ok(opened) => Ok(opened),
        Err(ScanFailure::Log(error)) => Err(error),
        Err(ScanFailure::Index(error)) if !is_useless(&error) => Err(opening.refused(&error)),
        Err(failure) => {
            let error = failure.to_string();
            tracing::warn!(%place, error, "the index cannot be used; another one is built from the log");
            opening.with_new_index(&files)
        }
    }
}

impl Opening<'_> {
    /// Opens the log with a new index store. The one before stays until the log was found sound.
    fn with_new_index(&self, files: &Files<'_>) -> Result<Opened, StoreError> {
        let opened = self.with_index(Choice::New, files).map_err(|failure| match failure {
            ScanFailure::Log(error) => error,
            // All that are introduced anywhere were known by then.
            ScanFailure::Strangers => corrupt(self.disk.place(), "no record says who some of its actors are"),
            ScanFailure::Index(error) => self.refused(&error),
        });
        if opened.is_err() {
            // Else it takes space until the next one is begun, and nothing else.
            let _removed = self.disk.discard_new_index();
        }
        opened
    }

    /// The system does not let us use an index store.
    fn refused(&self, error: &io::Error) -> StoreError {
        let place = file_place(&**self.disk, INDEX_NAME);
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull { place },
            io::ErrorKind::WouldBlock => StoreError::Locked { place },
            _ => {
                StoreError::Io { operation: "using the index", place, reason: format!("{error}; nothing was changed") }
            }
        }
    }

    fn index(&self, choice: Choice) -> io::Result<Arc<dyn IndexStore>> {
        match choice {
            Choice::Found => self.disk.open_index(self.settings.index_memory()),
            Choice::New => self.disk.open_new_index(self.settings.index_memory()),
        }
    }

    fn with_index(&self, choice: Choice, files: &Files<'_>) -> Result<Opened, ScanFailure> {
        let used = files.used;
        let store = self.index(choice).map_err(ScanFailure::Index)?;
        if choice == Choice::Found {
            witness::check(&**self.disk, &*store, used)?;
        }
        let shared = self.shared(&store);
        let known = || covered(&shared, &*store, used).map_err(ScanFailure::Index);
        let begin = || known().map(|index| Scan::new(index, Arc::clone(&store), self.settings.checkpoint_changes));
        let first = begin().and_then(|begun| scan(self, &shared, begun, used));
        let scanned = match first {
            Err(ScanFailure::Strangers) => {
                introduce(&**self.disk, &shared, &store, known()?, used)?;
                scan(self, &shared, begin()?.when_introduced(), used)
            }
            scanned => scanned,
        }?;
        drop(store);
        self.remove_spare(files.spare)?;
        match scanned {
            Some(scanned) => scanned.repair(self, shared, choice, files),
            None => {
                self.settle_index(&shared, choice)?;
                Ok(self.create(shared)?)
            }
        }
    }

    /// A new index store takes the place of the one before: the log is sound, and the new one says all that it says.
    fn settle_index(&self, shared: &Shared, choice: Choice) -> Result<(), ScanFailure> {
        match choice {
            Choice::Found => Ok(()),
            Choice::New => {
                let replaced = shared.access.replace(&**self.disk, self.settings.index_memory());
                replaced.map_err(ScanFailure::Index)
            }
        }
    }

    fn shared(&self, store: &Arc<dyn IndexStore>) -> Arc<Shared> {
        let files = super::files::Files::new(Arc::clone(self.disk));
        let open = OpenIndex::new(Arc::clone(store), Arc::clone(&self.claim));
        let index = Index::new(self.settings.resident_actors);
        Arc::new(Shared::new(index, self.settings.clone(), files, open))
    }

    fn remove_spare(&self, spare: &[String]) -> Result<(), StoreError> {
        for name in spare.iter().rev() {
            let removed = self.disk.remove(name);
            removed.map_err(|error| io_error("removing", &file_place(&**self.disk, name), &error))?;
        }
        if spare.is_empty() {
            return Ok(());
        }
        self.disk.sync_names().map_err(|error| io_error("syncing", &self.disk.place(), &error))
    }

    /// A new log: its first segment, empty.
    fn create(&self, shared: Arc<Shared>) -> Result<Opened, StoreError> {
        let disk = &**self.disk;
        let created = || -> io::Result<LogEnd> {
            let mut segment = prepare(disk, 1, self.settings.segment_bytes(1))?;
            let tag = disk.random();
            let (format, created) = (segment.format, disk.now());
            begin(&mut segment, &SegmentHeader { format, number: 1, first_batch: 1, created, tag, oldest: 1 })?;
            Ok(LogEnd { segment, tag, oldest: 1, last_batch: 0 })
        };
        let end = created().map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull { place: disk.place() },
            _ => io_error("creating", &file_place(disk, &segment::name(1)), &error),
        })?;
        shared.ledger().tag = end.tag;
        Ok(Opened { claim: Arc::clone(&self.claim), shared, end, marked: true })
    }
}

/// What the index store covers of these segments.
fn covered(shared: &Shared, store: &dyn IndexStore, used: &[Found]) -> io::Result<Index> {
    let mut index = Index::new(shared.settings.resident_actors);
    let view = store.view();
    let Some((generation, meta)) = load::meta(&*view)? else {
        return if load::is_empty(&*view)? { Ok(index) } else { Err(useless("it does not say what it covers")) };
    };
    let tag = used.iter().find_map(|found| match &found.start {
        SegmentStart::Used(header) => Some(header.tag),
        _ => None,
    });
    if tag != Some(meta.tag) {
        return Err(useless("it is the index of another store"));
    }
    if meta.covered.batch > 0 && !used.iter().any(|found| found.number == meta.covered.segment) {
        return Err(useless("it is about a segment that is not there"));
    }
    // One that is older than the last segment that was given up may speak of what was deleted since.
    let is_there = |segment: &u64| used.iter().any(|found| found.number == *segment);
    if let Some(missing) = meta.live.keys().find(|segment| !is_there(segment)) {
        return Err(useless(format!("it needs segment {missing}, which is not there")));
    }
    for (key, generation, place) in load::catalog(&*view)? {
        index.catalog.insert(key, CatalogEntry { place, stored: Some((generation, place)) });
    }
    let mut ledger = shared.ledger();
    ledger.tag = meta.tag;
    ledger.live.clone_from(&meta.live);
    index.live = Arc::new(meta.live);
    index.dropped = meta.dropped;
    index.generation = generation;
    (index.covered, index.applied) = (meta.covered, meta.covered);
    Ok(index)
}

/// A log that was read to its end.
struct Scanned {
    scan: Scan,
    last: ScannedSegment,
}

/// A segment that was read to its end.
struct ScannedSegment {
    header: SegmentHeader,
    length: u64,
    /// Where its batches end.
    used: u64,
    /// The first and the last byte behind the end that is not zero, if there is one: a torn tail.
    tail: Option<(usize, usize)>,
}

/// Reads every segment that the index does not cover; `None` if there is none at all.
fn scan(
    opening: &Opening<'_>,
    shared: &Arc<Shared>,
    mut scan: Scan,
    used: &[Found],
) -> Result<Option<Scanned>, ScanFailure> {
    let disk = &**opening.disk;
    let covered = scan.index.covered;
    let mut last: Option<ScannedSegment> = None;
    let mut bytes = Vec::new();
    for (position, found) in used.iter().enumerate() {
        let place = file_place(disk, &found.name);
        let SegmentStart::Used(header) = found.start else {
            return Err(corrupt(format!("{place} at byte 0"), "the segment's header is damaged").into());
        };
        if found.number < covered.segment {
            check_covered(last.as_ref().map(|last| &last.header), &header, &place)?;
            last = Some(ScannedSegment { header, length: 0, used: 0, tail: None });
            continue;
        }
        let next = used.get(position + 1);
        let next_first = next.filter(|next| next.number == found.number + 1).and_then(|next| match &next.start {
            SegmentStart::Used(header) => Some(header.first_batch),
            _ => None,
        });
        let is_resumed = covered.batch > 0 && found.number == covered.segment;
        let from = if is_resumed { usize::try_from(covered.at).unwrap_or(usize::MAX) } else { 0 };
        read_from(disk, found, from, &mut bytes)?;
        let segment = SegmentBytes { header, bytes: &bytes, place: &place };
        let at = if is_resumed {
            check_covered(last.as_ref().map(|last| &last.header), &header, &place)?;
            let resumed = scan.resume(segment);
            resumed.ok_or_else(|| ScanFailure::Index(useless("the log does not hold what it covers")))?
        } else {
            check_order(&mut scan, last.as_ref().map(|last| &last.header), &header, &place)?;
            segment::HEADER_BYTES
        };
        let end = scan.segment(segment, at, next_first, next.is_none())?;
        let (length, used) = (bytes.len() as u64, end as u64);
        last = Some(ScannedSegment { header, length, used, tail: tail(&bytes, end) });
        // Everything in a segment is durable before the next one is begun, so the index may speak of it.
        if next.is_some() && scan.index.changes >= shared.settings.checkpoint_changes {
            shared.ledger().tag = header.tag;
            if scan.index.strangers() == 0 {
                scan.index = checkpoint_scanned(shared, scan.index)?;
            } else if !scan.are_introduced {
                // What was found of them is in memory only, and the index would say that it covers it.
                return Err(ScanFailure::Strangers);
            }
        }
    }
    let Some(last) = last else { return Ok(None) };
    let unsound = check_missing(disk, &scan, used, &last.header).err().or_else(|| {
        let actor = scan.index.unknown()?;
        Some(corrupt(disk.place(), format!("no record says who actor {actor} is")))
    });
    match unsound {
        // Only the log itself is a reason for not opening it.
        Some(error) if covered.batch > 0 => return Err(ScanFailure::Index(useless(error.to_string()))),
        Some(error) => return Err(error.into()),
        None => {}
    }
    Ok(Some(Scanned { scan, last }))
}

/// Puts into the index store what was scanned, so that it need not stay in memory.
pub(super) fn checkpoint_scanned(shared: &Arc<Shared>, index: Index) -> Result<Index, ScanFailure> {
    {
        let mut core = shared.lock();
        core.index = index;
        core.index.forget_all_queued();
        // All of it is durable already.
        core.synced_through = core.index.applied.batch;
    }
    let written = checkpoint(shared);
    let index = std::mem::take(&mut shared.lock().index);
    match written {
        Ok(_) => Ok(index),
        Err(error) if index.failed.as_ref().is_some_and(|failed| failed.is_useless) => {
            Err(ScanFailure::Index(useless(error.to_string())))
        }
        Err(error) => Err(error.into()),
    }
}

/// Checks that a segment that the index covers belongs behind the one before it.
fn check_covered(before: Option<&SegmentHeader>, header: &SegmentHeader, place: &str) -> Result<(), StoreError> {
    if before.is_some_and(|before| before.tag != header.tag) {
        return Err(corrupt(place.to_owned(), "the segment is of another store"));
    }
    if before.is_some_and(|before| header.first_batch < before.first_batch) {
        return Err(corrupt(place.to_owned(), "the segment's batches come before those of the one before it"));
    }
    Ok(())
}

/// The first and the last byte behind `end` that is not zero.
fn tail(bytes: &[u8], end: usize) -> Option<(usize, usize)> {
    let rest = not_zero(bytes.get(end..).unwrap_or_default());
    let first = rest.iter().position(|byte| *byte != 0)?;
    Some((end + first, end + rest.len() - 1))
}

/// Checks that a segment continues the one before it.
fn check_order(
    scan: &mut Scan,
    before: Option<&SegmentHeader>,
    header: &SegmentHeader,
    place: &str,
) -> Result<(), StoreError> {
    if before.is_some_and(|before| before.tag != header.tag) {
        return Err(corrupt(place.to_owned(), "the segment is of another store"));
    }
    // Across segments that were given up, and at the beginning, batch numbers may jump ahead.
    let may_jump = before.is_none_or(|before| before.number + 1 != header.number);
    let expected = scan.last_batch + 1;
    if header.first_batch < expected || (header.first_batch > expected && !may_jump) {
        let reason = format!("batch {expected} should come first, it is {}", header.first_batch);
        return Err(corrupt(place.to_owned(), reason));
    }
    scan.last_batch = header.first_batch - 1;
    Ok(())
}

/// Checks that segments that are not there were given up on purpose.
fn check_missing(disk: &dyn Disk, scan: &Scan, used: &[Found], newest: &SegmentHeader) -> Result<(), StoreError> {
    // Those below the oldest may be there still: a crash came before they were removed.
    let mut expected = newest.oldest;
    for found in used {
        while expected < found.number {
            if !scan.index.dropped.contains(&expected) {
                return Err(corrupt(file_place(disk, &segment::name(expected)), "the segment is missing"));
            }
            expected += 1;
        }
        expected = expected.max(found.number + 1);
    }
    Ok(())
}

impl Scanned {
    /// Cuts the torn tail, so that its bytes can never be taken for sound ones, makes all that was read durable, and
    /// brings the index up to it where what follows needs that.
    fn repair(
        self,
        opening: &Opening<'_>,
        shared: Arc<Shared>,
        choice: Choice,
        files: &Files<'_>,
    ) -> Result<Opened, ScanFailure> {
        let disk = &**opening.disk;
        let ScanEnd { mut index, last_batch, marked, unvouched_at } = self.scan.finish();
        let ScannedSegment { header, length, used, tail } = self.last;
        let found = files.used.iter().map(|found| found.number);
        let given_up = found.filter(|number| *number < header.number && index.dropped.contains(number));
        let left: Vec<u64> = files.left.iter().copied().chain(given_up).collect();
        let name = segment::name(header.number);
        let place = file_place(disk, &name);
        let file = disk.open(&name).map_err(|error| io_error("opening", &place, &error))?;
        let segment = Segment { number: header.number, format: header.format, file, length, used };
        if let Some((first, last)) = tail {
            tracing::warn!(%place, at = segment.used, bytes = last + 1 - first, "cut an unfinished write");
            let zeros = vec![0; last + 1 - first];
            let cut = segment.file.write_at(first as u64, &zeros);
            cut.map_err(|error| io_error("cutting", &place, &error))?;
        }
        // A killed process may have left batches that only the system's memory holds.
        let end = usize::try_from(segment.used).unwrap_or(usize::MAX);
        let unvouched = unvouched_at.unwrap_or(end)..end;
        write_again(&*segment.file, 0..segment::HEADER_BYTES)
            .and_then(|()| write_again(&*segment.file, unvouched))
            .map_err(|error| io_error("writing again", &place, &error))?;
        segment.file.sync().map_err(|error| io_error("syncing", &place, &error))?;
        let end = LogEnd { segment, tag: header.tag, oldest: header.oldest, last_batch };
        shared.ledger().tag = header.tag;
        // Lower ones cannot be missed any more.
        index.dropped = index.dropped.split_off(&header.oldest);
        index.forget_all_queued();
        let has_grown = index.changes >= shared.settings.checkpoint_changes;
        if choice != Choice::Found || has_grown || index.is_moving() || !left.is_empty() {
            index = checkpoint_scanned(&shared, index)?;
        }
        opening.settle_index(&shared, choice)?;
        {
            let mut core = shared.lock();
            core.index = index;
            core.synced_through = end.last_batch;
        }
        remove_given_up(disk, &left, &shared)?;
        Ok(Opened { claim: Arc::clone(&opening.claim), shared, end, marked })
    }
}

/// Removes the files of segments that were given up: a crash came between the record and the removal.
fn remove_given_up(disk: &dyn Disk, left: &[u64], shared: &Shared) -> Result<(), StoreError> {
    for number in left {
        let place = file_place(disk, &segment::name(*number));
        if shared.lock().index.live.contains_key(number) {
            tracing::error!(%place, "a segment was given up and something in it is still needed; it is kept");
            continue;
        }
        tracing::warn!(%place, "removed a segment that was given up before a crash");
        disk.remove(&segment::name(*number)).map_err(|error| io_error("removing", &place, &error))?;
    }
    if left.is_empty() {
        return Ok(());
    }
    disk.sync_names().map_err(|error| io_error("syncing", &disk.place(), &error))
}

/// Writes what is there already. After a sync that failed, the system shows bytes that it has forgotten to write: the
/// next sync reports success and does nothing for them, unless they are written again.
fn write_again(file: &dyn DiskFile, range: Range<usize>) -> io::Result<()> {
    let mut bytes = vec![0; range.len()];
    file.read_at(range.start as u64, &mut bytes)?;
    file.write_at(range.start as u64, &bytes)
}

fn corrupt(place: String, reason: impl Into<String>) -> StoreError {
    StoreError::Corrupt { place, reason: reason.into() }
}
