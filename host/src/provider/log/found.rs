//! The segment files of a log that is being opened, and their bytes.

use std::io;
use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::scan::not_zero;
use super::segment::{self, SegmentHeader, SegmentStart};
use super::writer::io_error;
use crate::provider::StoreError;

/// A segment file and its header.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) start: SegmentStart,
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
    read_from(disk, found, 0, bytes)
}

/// The same from a place on; what is in front of it is zero.
pub(super) fn read_from(disk: &dyn Disk, found: &Found, from: usize, bytes: &mut Vec<u8>) -> Result<(), StoreError> {
    let mut read = || -> io::Result<()> {
        let length = usize::try_from(found.file.length()?).unwrap_or(usize::MAX);
        if bytes.is_empty() {
            // Fresh memory is zero without being touched.
            *bytes = vec![0; length];
        }
        bytes.resize(length, 0);
        let from = from.min(length);
        found.file.read_at(from as u64, bytes.get_mut(from..).unwrap_or_default())
    };
    read().map_err(|error| io_error("reading", &file_place(disk, &found.name), &error))
}

/// A file's name with its directory, for messages.
pub(super) fn file_place(disk: &dyn Disk, name: &str) -> String {
    format!("{}/{name}", disk.place())
}
