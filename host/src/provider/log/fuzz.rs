//! Files that the store reads back: segments, and entries of the index.

use super::index::table;
use super::record::{self, RecordKind};
use super::segment::SegmentHeader;
use super::summary::ActorSummary;
use super::{batch, damage, scan};

/// The tag of the batches that are made whole.
const TAG: u64 = 7;

/// Bytes of a segment, of a batch, of its records: each is read or refused, and what is read lies inside the bytes.
pub(crate) fn log(bytes: &[u8]) {
    let _start = SegmentHeader::decode(bytes);
    let _end = scan::not_zero(bytes);
    records(bytes);
    // Behind a right checksum, which the bytes themselves would never have.
    let header = batch::BatchHeader {
        tag: TAG,
        number: 1,
        synced_through: 0,
        payload_bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        records: 1,
        checksum: crc32c::crc32c(bytes),
    };
    let whole = [&header.encode()[..], bytes].concat();
    let decoded = batch::decode(&whole, TAG);
    assert!(decoded.is_ok_and(|(_, payload)| payload == bytes), "a batch is not read as it was written");
    let _other = batch::decode(bytes, TAG);
}

fn records(bytes: &[u8]) {
    let _words = damage::describe(bytes);
    for raw in record::walk(bytes).map_while(Result::ok) {
        let end = raw.payload_at.saturating_add(raw.payload.len());
        assert_eq!(bytes.get(raw.payload_at..end), Some(raw.payload), "a record lies elsewhere");
        payload(raw.kind, raw.payload);
    }
    for kind in [RecordKind::ActorAddress, RecordKind::Snapshot, RecordKind::CatalogPut, RecordKind::ActorSummary] {
        payload(kind, bytes);
    }
    payload(RecordKind::Frames, bytes);
}

fn payload(kind: RecordKind, bytes: &[u8]) {
    match kind {
        RecordKind::ActorAddress => {
            if let Ok((actor, address)) = record::address(bytes) {
                let mut again = Vec::new();
                record::push_address(&mut again, actor, &address);
                assert!(
                    record::verify(&again, kind).is_ok_and(|again| again.starts_with(bytes.get(..16).unwrap_or(b"")))
                );
                assert_eq!(record::address_bytes(&address), bytes.len(), "an address with bytes to spare");
            }
        }
        RecordKind::Snapshot => {
            if let Ok(fields) = record::snapshot(bytes) {
                let parts = fields.state_bytes.saturating_add(fields.ledger_bytes);
                assert_eq!(parts.saturating_add(record::SNAPSHOT_FIELDS_BYTES), bytes.len());
            }
        }
        RecordKind::SnapshotDelete | RecordKind::DeleteThrough => drop(record::deletion(bytes)),
        RecordKind::CatalogPut | RecordKind::CatalogDelete => {
            if let Ok((key, value)) = record::catalog(bytes) {
                assert_eq!(key.len() + value.len() + record::CATALOG_FIELDS_BYTES, bytes.len());
            }
        }
        RecordKind::SegmentDropped => drop(record::segment(bytes)),
        RecordKind::Frames => {
            for (_, at, frame) in record::frames(bytes).map_while(Result::ok) {
                assert_eq!(bytes.get(at..at.saturating_add(frame.len())), Some(frame), "a frame lies elsewhere");
            }
        }
        RecordKind::ActorSummary => {
            if let Ok(summary) = ActorSummary::decode(bytes) {
                assert_eq!(summary.payload_bytes(), bytes.len(), "a summary with bytes to spare");
                let mut again = Vec::new();
                let at = summary.push(&mut again);
                assert!(again.get(at..).is_some_and(|again| again.starts_with(bytes)), "a summary is not repeated");
            }
        }
        RecordKind::Frame | RecordKind::Close => {}
    }
}

/// An entry of the index: the first byte says how long its key is. It is read or refused, whatever table it is in.
pub(crate) fn index(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first() else { return };
    let (key, value) = rest.split_at_checked((*length).into()).unwrap_or((rest, &[]));
    let _read = table::Meta::decode(key, value);
    if let Some(entry) = table::decode_actor(key, value) {
        let _again = table::encode_actor(&entry);
        let _line = (entry.listing(), entry.wake());
    }
    if let Some(run) = table::decode_run(key, value) {
        assert!(run.frames.iter().all(|frame| frame.first <= frame.last), "a frame that ends before it begins");
    }
    let _read = (table::decode_wake(key), table::decode_scattered(key, value), table::actor_of(key));
    let _read = table::decode_catalog(key, value);
}
