//! Opening a log: claim the directory, read everything, cut a torn tail, start the committer.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::LogSettings;
use super::disk::{Disk, DiskFile, DiskLock};
use super::index::Index;
use super::scan::{Scan, SegmentBytes, not_zero};
use super::segment::{self, SegmentHeader, SegmentStart};
use super::writer::{LogEnd, Segment, begin, io_error, prepare};
use crate::provider::StoreError;

/// An opened log, before its committer runs.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) lock: Box<dyn DiskLock>,
    pub(super) index: Index,
    pub(super) end: LogEnd,
    /// It was closed cleanly, or is new.
    pub(super) marked: bool,
}

/// A segment file and its header.
struct Found {
    number: u64,
    name: String,
    file: Arc<dyn DiskFile>,
    start: SegmentStart,
}

/// Opens the log. Nothing is written before everything was read and found sound.
pub(super) fn open(disk: &Arc<dyn Disk>, settings: &LogSettings) -> Result<Opened, StoreError> {
    let place = disk.place();
    let lock = disk.lock().map_err(|error| io_error("locking", &place, &error))?;
    let lock = lock.ok_or_else(|| StoreError::Locked { place: place.clone() })?;
    let (used, spare) = find(&**disk)?;
    let (used, left) = without_given_up(used);
    let scanned = scan(&**disk, &used)?;
    for name in spare.iter().rev() {
        disk.remove(name).map_err(|error| io_error("removing", &file_place(&**disk, name), &error))?;
    }
    if !spare.is_empty() {
        disk.sync_names().map_err(|error| io_error("syncing", &place, &error))?;
    }
    match scanned {
        Some(scanned) => scanned.repair(&**disk, lock, &used, left),
        None => create(&**disk, settings, lock),
    }
}

/// A new log: its first segment, empty.
fn create(disk: &dyn Disk, settings: &LogSettings, lock: Box<dyn DiskLock>) -> Result<Opened, StoreError> {
    let created = || -> io::Result<LogEnd> {
        let mut segment = prepare(disk, 1, settings.segment_bytes(1))?;
        let tag = disk.random();
        let (format, created) = (segment.format, disk.now());
        begin(&mut segment, &SegmentHeader { format, number: 1, first_batch: 1, created, tag, oldest: 1 })?;
        Ok(LogEnd { segment, tag, oldest: 1, last_batch: 0 })
    };
    let end = created().map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull { place: disk.place() },
        _ => io_error("creating", &file_place(disk, &segment::name(1)), &error),
    })?;
    Ok(Opened { lock, index: Index::default(), end, marked: true })
}

/// The segments in use, by number, and the names of those that were prepared and never used.
fn find(disk: &dyn Disk) -> Result<(Vec<Found>, Vec<String>), StoreError> {
    let names = disk.names().map_err(|error| io_error("listing", &disk.place(), &error))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| segment::number(name)).collect();
    numbers.sort_unstable();
    let mut found = numbers.into_iter().map(|number| look(disk, number)).collect::<Result<Vec<_>, _>>()?;
    // Every header is looked at before anything else is, so that a newer store is refused untouched.
    for one in &found {
        if let SegmentStart::Newer(found) = one.start {
            let place = file_place(disk, &one.name);
            return Err(StoreError::FormatTooNew { place, found, supported: segment::FORMAT });
        }
    }
    let mut spare = Vec::new();
    while let Some(last) = found.pop_if(|last| last.start == SegmentStart::None) {
        if !is_unused(disk, &last)? {
            found.push(last);
            break;
        }
        spare.insert(0, last.name);
    }
    Ok((found, spare))
}

/// Takes out the segments that the newest one calls given up: nothing of them is needed, and they may be older than
/// deletions that are forgotten by now.
fn without_given_up(mut used: Vec<Found>) -> (Vec<Found>, Vec<u64>) {
    let oldest = match used.last().map(|newest| &newest.start) {
        Some(SegmentStart::Used(header)) => header.oldest,
        _ => 0,
    };
    let left = used.extract_if(.., |found| found.number < oldest).map(|found| found.number).collect();
    (used, left)
}

fn look(disk: &dyn Disk, number: u64) -> Result<Found, StoreError> {
    let name = segment::name(number);
    let read = || -> io::Result<(Arc<dyn DiskFile>, SegmentStart)> {
        let file = disk.open(&name)?;
        let length = usize::try_from(file.length()?).unwrap_or(usize::MAX).min(segment::HEADER_BYTES);
        let mut bytes = vec![0; length];
        file.read_at(0, &mut bytes)?;
        Ok((file, SegmentHeader::decode(&bytes)))
    };
    let (file, start) = read().map_err(|error| io_error("reading", &file_place(disk, &name), &error))?;
    Ok(Found { number, name, file, start })
}

/// A header is synced before the first batch is written, so a file without one holds nothing, unless it is damaged.
fn is_unused(disk: &dyn Disk, found: &Found) -> Result<bool, StoreError> {
    let mut bytes = Vec::new();
    read_whole(disk, found, &mut bytes)?;
    Ok(not_zero(&bytes).len() <= segment::HEADER_BYTES)
}

/// Reads a whole segment into `bytes`, whose memory is used again for the next one.
fn read_whole(disk: &dyn Disk, found: &Found, bytes: &mut Vec<u8>) -> Result<(), StoreError> {
    let mut read = || -> io::Result<()> {
        bytes.resize(usize::try_from(found.file.length()?).unwrap_or(usize::MAX), 0);
        found.file.read_at(0, bytes)
    };
    read().map_err(|error| io_error("reading", &file_place(disk, &found.name), &error))
}

/// A log that was read to its end.
struct Scanned {
    scan: Scan,
    last: ScannedSegment,
}

/// A segment that was read to its end.
struct ScannedSegment {
    header: SegmentHeader,
    segment: Segment,
    /// The first and the last byte behind the end that is not zero, if there is one: a torn tail.
    tail: Option<(usize, usize)>,
}

/// Reads every segment; `None` if there is none.
fn scan(disk: &dyn Disk, used: &[Found]) -> Result<Option<Scanned>, StoreError> {
    let mut scan = Scan::default();
    let mut last: Option<ScannedSegment> = None;
    let mut bytes = Vec::new();
    for (position, found) in used.iter().enumerate() {
        let place = file_place(disk, &found.name);
        let header = match &found.start {
            SegmentStart::Used(header) if header.number == found.number => *header,
            _ => return Err(corrupt(format!("{place} at byte 0"), "the segment's header is damaged")),
        };
        check_order(&mut scan, last.as_ref().map(|last| &last.header), &header, &place)?;
        let next = used.get(position + 1);
        let next_first = next.filter(|next| next.number == found.number + 1).and_then(|next| match &next.start {
            SegmentStart::Used(header) => Some(header.first_batch),
            _ => None,
        });
        read_whole(disk, found, &mut bytes)?;
        let end = scan.segment(SegmentBytes { header, bytes: &bytes, place: &place }, next_first, next.is_none())?;
        let (file, length) = (Arc::clone(&found.file), bytes.len() as u64);
        let segment = Segment { number: found.number, format: header.format, file, length, used: end as u64 };
        last = Some(ScannedSegment { header, segment, tail: tail(&bytes, end) });
    }
    let Some(last) = last else { return Ok(None) };
    check_missing(disk, &scan, used, &last.header)?;
    if let Some(actor) = scan.index.unknown() {
        return Err(corrupt(disk.place(), format!("no record says who actor {actor} is")));
    }
    Ok(Some(Scanned { scan, last }))
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
            if !scan.dropped.contains(&expected) {
                return Err(corrupt(file_place(disk, &segment::name(expected)), "the segment is missing"));
            }
            expected += 1;
        }
        expected = expected.max(found.number + 1);
    }
    Ok(())
}

impl Scanned {
    /// Cuts the torn tail, so that its bytes can never be taken for sound ones, and makes all that was read durable.
    fn repair(
        self,
        disk: &dyn Disk,
        lock: Box<dyn DiskLock>,
        used: &[Found],
        mut left: Vec<u64>,
    ) -> Result<Opened, StoreError> {
        let newest = used.last().map_or(0, |newest| newest.number);
        left.extend(
            used.iter().map(|f| f.number).filter(|number| *number < newest && self.scan.dropped.contains(number)),
        );
        let ScannedSegment { header, segment, tail } = self.last;
        let place = file_place(disk, &segment::name(segment.number));
        if let Some((first, last)) = tail {
            tracing::warn!(%place, at = segment.used, bytes = last + 1 - first, "cut an unfinished write");
            let zeros = vec![0; last + 1 - first];
            let cut = segment.file.write_at(first as u64, &zeros);
            cut.map_err(|error| io_error("cutting", &place, &error))?;
        }
        // A killed process may have left batches that only the system's memory holds.
        let end = usize::try_from(segment.used).unwrap_or(usize::MAX);
        let unvouched = self.scan.unvouched_at().unwrap_or(end)..end;
        write_again(&*segment.file, 0..segment::HEADER_BYTES)
            .and_then(|()| write_again(&*segment.file, unvouched))
            .map_err(|error| io_error("writing again", &place, &error))?;
        segment.file.sync().map_err(|error| io_error("syncing", &place, &error))?;
        let end = LogEnd { segment, tag: header.tag, oldest: header.oldest, last_batch: self.scan.last_batch };
        let marked = self.scan.marked;
        let index = self.scan.finish();
        remove_given_up(disk, &left, &index)?;
        Ok(Opened { lock, index, end, marked })
    }
}

/// Removes the files of segments that were given up: a crash came between the record and the removal.
fn remove_given_up(disk: &dyn Disk, left: &[u64], index: &Index) -> Result<(), StoreError> {
    for number in left {
        let place = file_place(disk, &segment::name(*number));
        if index.points_into(*number) {
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

fn file_place(disk: &dyn Disk, name: &str) -> String {
    format!("{}/{name}", disk.place())
}

fn corrupt(place: String, reason: impl Into<String>) -> StoreError {
    StoreError::Corrupt { place, reason: reason.into() }
}
