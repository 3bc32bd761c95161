//! What the index proves of the log: a checkpoint is written only after everything in it is durable there. A log that ends
//! before that has lost something, and that is no torn tail.

use std::io;

use super::batch;
use super::disk::{Disk, IndexStore};
use super::found::{Found, file_place, read_from};
use super::index::{LogPosition, load};
use super::segment::{self, SegmentStart};
use crate::provider::StoreError;

/// What to do about it.
const NEXT: &str = "restore the log from a backup, or delete the directory `index` to go on without what is missing";

/// Checks that the log holds the last batch that its own index covers. An index that cannot be read, or that is of another
/// store, proves nothing.
///
/// # Errors
/// [`StoreError::Corrupt`] with the place at which the batch was. Nothing is modified.
pub(super) fn check(disk: &dyn Disk, store: &dyn IndexStore, used: &[Found]) -> Result<(), StoreError> {
    let Ok(Some((_, meta))) = load::meta(&*store.view()) else { return Ok(()) };
    let covered = meta.covered;
    let tag = used.iter().find_map(|found| match &found.start {
        SegmentStart::Used(header) => Some(header.tag),
        _ => None,
    });
    // Without any segment there is no other store that it could be of.
    if covered.batch == 0 || tag.is_some_and(|tag| tag != meta.tag) {
        return Ok(());
    }
    if holds(disk, used, &covered)? {
        return Ok(());
    }
    let end = end(disk, used)?;
    if end >= covered.batch {
        return Ok(());
    }
    let place = format!("{} at byte {}", file_place(disk, &segment::name(covered.segment)), covered.at);
    let reason = format!("batch {} was durable here, and the log ends with batch {end}; {NEXT}", covered.batch);
    Err(StoreError::Corrupt { place, reason })
}

/// Whether that batch lies where it was.
fn holds(disk: &dyn Disk, used: &[Found], covered: &LogPosition) -> Result<bool, StoreError> {
    let Some(found) = used.iter().find(|found| found.number == covered.segment) else { return Ok(false) };
    let SegmentStart::Used(header) = found.start else { return Ok(false) };
    let mut start = [0; batch::HEADER_BYTES];
    let length = found.file.length().unwrap_or(0);
    let read = found.file.read_at(covered.at, &mut start);
    let Some(found_header) = read.ok().and_then(|()| batch::BatchHeader::decode(&start, header.tag)) else {
        return Ok(false);
    };
    let end = covered.at.saturating_add(found_header.batch_bytes() as u64);
    if (found_header.number, found_header.checksum) != (covered.batch, covered.checksum) || end > length {
        return Ok(false);
    }
    let mut payload = vec![0; found_header.payload_bytes as usize];
    let read = found.file.read_at(covered.at + batch::HEADER_BYTES as u64, &mut payload);
    read.map_err(|error| io_failed(disk, found, &error))?;
    Ok(crc32c::crc32c(&payload) == covered.checksum)
}

/// The last sound batch of the log; 0: there is none.
fn end(disk: &dyn Disk, used: &[Found]) -> Result<u64, StoreError> {
    let newest = used.iter().rev().find_map(|found| match found.start {
        SegmentStart::Used(header) => Some((found, header)),
        _ => None,
    });
    let Some((found, header)) = newest else { return Ok(0) };
    let mut bytes = Vec::new();
    read_from(disk, found, 0, &mut bytes)?;
    let (mut at, mut expected) = (segment::HEADER_BYTES, header.first_batch);
    while let Ok((batch, _)) = batch::decode(bytes.get(at..).unwrap_or_default(), header.tag)
        && batch.number == expected
    {
        at += batch.batch_bytes();
        expected += 1;
    }
    Ok(expected - 1)
}

fn io_failed(disk: &dyn Disk, found: &Found, error: &io::Error) -> StoreError {
    super::writer::io_error("reading", &file_place(disk, &found.name), error)
}
