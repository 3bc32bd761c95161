//! Finding out who the actors of a log are before its frames are read: after segments were given up, an actor's frames
//! may stand in front of the record that says whose they are.

use std::sync::Arc;

use super::batch;
use super::core::Shared;
use super::disk::{Disk, IndexStore};
use super::found::{Found, read_from};
use super::index::{Index, Place};
use super::open::checkpoint_scanned;
use super::record::{self, Raw, RecordKind};
use super::scan::{Scan, ScanFailure, SegmentBytes};
use super::segment::{self, SegmentStart};
use super::summary::ActorSummary;
use crate::vocab::{ActorId, Address};

/// Puts every actor of these segments into the index store, with its address and nothing else. Nothing is verified but
/// what is used: the scan that follows does that.
///
/// A crash leaves an index that covers what it covered before, with actors in it that the log introduces further on.
pub(super) fn introduce(
    disk: &dyn Disk,
    shared: &Arc<Shared>,
    store: &Arc<dyn IndexStore>,
    mut index: Index,
    used: &[Found],
) -> Result<(), ScanFailure> {
    let covered = index.covered.segment;
    let mut bytes = Vec::new();
    for found in used.iter().filter(|found| found.number >= covered) {
        let SegmentStart::Used(header) = found.start else { continue };
        read_from(disk, found, 0, &mut bytes)?;
        shared.ledger().tag = header.tag;
        let mut scan = Scan::new(index, Arc::clone(store), usize::MAX);
        let segment = SegmentBytes { header, bytes: &bytes, place: &found.name };
        scan.know_all(segment, segment::HEADER_BYTES).map_err(ScanFailure::Index)?;
        let mut at = segment::HEADER_BYTES;
        let mut expected = header.first_batch;
        while let Ok((header, payload)) = batch::decode(bytes.get(at..).unwrap_or_default(), header.tag)
            && header.number == expected
        {
            for raw in record::walk(payload).map_while(Result::ok) {
                add(&mut scan, &raw, found.number, at + batch::HEADER_BYTES).map_err(ScanFailure::Index)?;
            }
            at += header.batch_bytes();
            expected += 1;
        }
        index = scan.index;
        if index.changes >= shared.settings.checkpoint_changes {
            index = checkpoint_scanned(shared, index)?;
        }
    }
    checkpoint_scanned(shared, index).map(|_| ())
}

/// Adds the actor that a record introduces, if it is not known yet.
fn add(scan: &mut Scan, raw: &Raw<'_>, segment: u64, payload_at: usize) -> std::io::Result<()> {
    let Some((actor, address)) = introduced(raw) else { return Ok(()) };
    scan.know(actor)?;
    if scan.index.actors.contains_key(&actor) {
        return Ok(());
    }
    let whole = Place { segment, offset: 0, length: u32::MAX };
    if let Some(place) = whole.part(payload_at + raw.payload_at, raw.payload.len()) {
        scan.index.add_actor(actor, &address);
        scan.index.introduce(actor, place);
    }
    Ok(())
}

fn introduced(raw: &Raw<'_>) -> Option<(ActorId, Arc<Address>)> {
    match raw.kind {
        RecordKind::ActorAddress => record::address(raw.payload).ok().map(|(actor, address)| (actor, address.into())),
        RecordKind::ActorSummary => {
            ActorSummary::decode(raw.payload).ok().map(|summary| (summary.actor, summary.address))
        }
        _ => None,
    }
}
