//! What the index proves of the log: a checkpoint is written only after everything in it is durable there. A log that ends
//! before that has lost something, and that is no torn tail.

use std::io;

use super::batch;
use super::disk::{Disk, IndexStore, is_useless};
use super::found::{Found, file_place, read_from};
use super::index::{LogPosition, load};
use super::scan::ScanFailure;
use super::segment::{self, SegmentStart};
use super::writer::io_error;
use crate::provider::StoreError;

/// What to do about it.
const NEXT: &str = "restore the log from a backup, or delete the directory `index` to go on without what is missing";

/// What stands where a batch was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// It.
    Whole,
    /// Its header, and other bytes behind it.
    Damaged,
    /// Something else, or nothing.
    Not,
}

/// Checks that the log holds the last batch that its own index covers. An index whose bytes make no sense, or that is of
/// another store, proves nothing.
///
/// # Errors
/// [`StoreError::Corrupt`] with the place at which the batch was; what the system said if the index or the log cannot be read
/// now: that proves nothing either way. Nothing is modified.
pub(super) fn check(disk: &dyn Disk, store: &dyn IndexStore, used: &[Found]) -> Result<(), ScanFailure> {
    let meta = match load::meta(&*store.view()) {
        Ok(Some((_, meta))) => meta,
        Err(error) if !is_useless(&error) => return Err(ScanFailure::Index(error)),
        Ok(None) | Err(_) => return Ok(()),
    };
    let covered = meta.covered;
    let tag = used.iter().find_map(|found| match &found.start {
        SegmentStart::Used(header) => Some(header.tag),
        _ => None,
    });
    // Without any segment there is no other store that it could be of.
    if covered.batch == 0 || tag.is_some_and(|tag| tag != meta.tag) {
        return Ok(());
    }
    let stands = stands(disk, used, &covered)?;
    if stands == Stands::Whole {
        return Ok(());
    }
    let end = end(disk, used)?;
    if end >= covered.batch {
        return Ok(());
    }
    let place = format!("{} at byte {}", file_place(disk, &segment::name(covered.segment)), covered.at);
    let batch = covered.batch;
    let reason = match stands {
        Stands::Damaged => format!("batch {batch} was durable here, and fails its checksum; {NEXT}"),
        _ => format!("batch {batch} was durable here, and the log ends with batch {end}; {NEXT}"),
    };
    Err(StoreError::Corrupt { place, reason }.into())
}

/// What stands where that batch was.
fn stands(disk: &dyn Disk, used: &[Found], covered: &LogPosition) -> Result<Stands, StoreError> {
    let Some(found) = used.iter().find(|found| found.number == covered.segment) else { return Ok(Stands::Not) };
    let SegmentStart::Used(header) = found.start else { return Ok(Stands::Not) };
    let file = found.open(disk)?;
    let read = |at: u64, into: &mut [u8]| match file.read_at(at, into) {
        Ok(()) => Ok(true),
        // The file ends before.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(io_error("reading", &file_place(disk, &found.name), &error)),
    };
    let mut start = [0; batch::HEADER_BYTES];
    let is_there = read(covered.at, &mut start)?;
    let stated = batch::BatchHeader::decode(&start, header.tag)
        .filter(|stated| is_there && (stated.number, stated.checksum) == (covered.batch, covered.checksum));
    let Some(stated) = stated else { return Ok(Stands::Not) };
    let length = file.length().map_err(|error| io_error("reading", &file_place(disk, &found.name), &error))?;
    // Before any memory is taken for it.
    if covered.at.saturating_add(stated.batch_bytes() as u64) > length {
        return Ok(Stands::Not);
    }
    let mut payload = vec![0; stated.payload_bytes as usize];
    let is_there = read(covered.at + batch::HEADER_BYTES as u64, &mut payload)?;
    if !is_there {
        return Ok(Stands::Not);
    }
    Ok(if crc32c::crc32c(&payload) == covered.checksum { Stands::Whole } else { Stands::Damaged })
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
