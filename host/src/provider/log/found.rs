//! The segment files of a log that is being opened, and their bytes.

use std::io;
use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::scan::not_zero;
use super::segment::{self, SegmentHeader, SegmentStart};
use super::writer::io_error;
use crate::provider::StoreError;

/// A segment file and its header. The file is not kept open: there may be more of them than a process may have open.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) start: SegmentStart,
}

impl Found {
    /// Opens the file.
    pub(super) fn open(&self, disk: &dyn Disk) -> Result<Arc<dyn DiskFile>, StoreError> {
        disk.open(&self.name).map_err(|error| io_error("opening", &file_place(disk, &self.name), &error))
    }
}

/// The segments in use, by number, and the names of those that were prepared and never used.
pub(super) fn find(disk: &dyn Disk) -> Result<(Vec<Found>, Vec<String>), StoreError> {
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
pub(super) fn without_given_up(mut used: Vec<Found>) -> (Vec<Found>, Vec<u64>) {
    let oldest = match used.last().map(|newest| &newest.start) {
        Some(SegmentStart::Used(header)) => header.oldest,
        _ => 0,
    };
    let left = used.extract_if(.., |found| found.number < oldest).map(|found| found.number).collect();
    (used, left)
}

/// Checks that every segment in use has a sound header of its own: without it nothing can be said of what it holds, nor of where
/// the log ends.
pub(super) fn check_headers(disk: &dyn Disk, used: &[Found]) -> Result<(), StoreError> {
    let is_sound = |found: &&Found| matches!(&found.start, SegmentStart::Used(header) if header.number == found.number);
    match used.iter().find(|found| !is_sound(found)) {
        None => Ok(()),
        Some(found) => {
            let place = format!("{} at byte 0", file_place(disk, &found.name));
            Err(StoreError::Corrupt { place, reason: "the segment's header is damaged".to_owned() })
        }
    }
}

fn look(disk: &dyn Disk, number: u64) -> Result<Found, StoreError> {
    let name = segment::name(number);
    let read = || -> io::Result<SegmentStart> {
        let file = disk.open(&name)?;
        // A newer format's header may be longer than ours.
        let length = usize::try_from(file.length()?).unwrap_or(usize::MAX).min(segment::HEADER_BYTES_MAX);
        let mut bytes = vec![0; length];
        file.read_at(0, &mut bytes)?;
        Ok(SegmentHeader::decode(&bytes))
    };
    let start = read().map_err(|error| io_error("reading", &file_place(disk, &name), &error))?;
    Ok(Found { number, name, start })
}

/// A header is synced before the first batch is written, so a file without one holds nothing, unless it is damaged.
fn is_unused(disk: &dyn Disk, found: &Found) -> Result<bool, StoreError> {
    let mut bytes = Vec::new();
    read_whole(disk, found, &mut bytes)?;
    Ok(not_zero(&bytes).len() <= segment::HEADER_BYTES)
}

/// Reads a whole segment into `bytes`, whose memory is used again for the next one.
fn read_whole(disk: &dyn Disk, found: &Found, bytes: &mut Vec<u8>) -> Result<(), StoreError> {
    read_from(disk, found, 0, bytes)
}

/// The same from a place on; what is in front of it is zero.
pub(super) fn read_from(disk: &dyn Disk, found: &Found, from: usize, bytes: &mut Vec<u8>) -> Result<(), StoreError> {
    let file = found.open(disk)?;
    let mut read = || -> io::Result<()> {
        let length = usize::try_from(file.length()?).unwrap_or(usize::MAX);
        if bytes.is_empty() {
            // Fresh memory is zero without being touched.
            *bytes = vec![0; length];
        }
        bytes.resize(length, 0);
        let from = from.min(length);
        file.read_at(from as u64, bytes.get_mut(from..).unwrap_or_default())
    };
    read().map_err(|error| io_error("reading", &file_place(disk, &found.name), &error))
}

/// A file's name with its directory, for messages.
pub(super) fn file_place(disk: &dyn Disk, name: &str) -> String {
    format!("{}/{name}", disk.place())
}
