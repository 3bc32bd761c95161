//! Stores whose every checksum is right and whose records are wrong, built by hand.

use super::*;
use crate::provider::ReadRange;
use crate::provider::log::Maintenance;
use crate::provider::log::batch::BatchHeader;
use crate::provider::log::record::{self, RecordKind};
use crate::provider::log::segment::SegmentHeader;
use crate::vocab::Timestamp;

const TAG: u64 = 7;

/// Writes the records of a batch and says how many.
type Write<'a> = &'a dyn Fn(&mut Vec<u8>) -> u32;

/// A store of one segment; each of `batches` writes the records of one batch.
fn store(batches: &[Write<'_>]) -> SimDisk {
    let header = SegmentHeader { format: 2, number: 1, first_batch: 1, created: Timestamp(0), tag: TAG, oldest: 1 };
    let mut content = header.encode();
    for (number, write) in (1..).zip(batches) {
        let mut payload = Vec::new();
        let records = write(&mut payload);
        let (payload_bytes, checksum) = (u32::try_from(payload.len()).expect("small"), crc32c::crc32c(&payload));
        let header = BatchHeader { tag: TAG, number, synced_through: number - 1, payload_bytes, records, checksum };
        content.extend_from_slice(&header.encode());
        content.extend_from_slice(&payload);
    }
    content.resize(64 * 1_024, 0);
    let disk = SimDisk::new();
    disk.put(&segment::name(1), content);
    disk
}

fn introduce(out: &mut Vec<u8>, key: &str) -> u32 {
    record::push_address(out, actor(key).id(), &actor(key));
    1
}

fn frame(out: &mut Vec<u8>, key: &str, first: u64, count: u64) -> u32 {
    record::push(out, RecordKind::Frame, &[turn(&actor(key), first - 1, count).frame.bytes()]);
    1
}

fn one(finding: &[Finding], kind: FindingKind, key: &str, sequence: Option<u64>) {
    assert_eq!(kinds(finding), [kind], "{finding:?}");
    assert_eq!(finding[0].actor, Some(actor(key).id()));
    assert_eq!(finding[0].sequence, sequence.map(Sequence));
    assert_eq!(finding[0].segment, Some(1));
    assert!(finding[0].offset.is_some_and(|offset| offset >= 64 && offset.is_multiple_of(8)), "{finding:?}");
}

#[test]
fn a_gap_names_the_first_missing_number_and_the_frame_behind_it() {
    let disk = store(&[&|out| introduce(out, "a") + frame(out, "a", 1, 2), &|out| {
        introduce(out, "b") + frame(out, "b", 1, 1) + frame(out, "a", 6, 1)
    }]);
    let (findings, summary) = look(&disk);
    one(&findings, FindingKind::JournalGap, "a", Some(3));
    assert_eq!(findings[0].address.as_deref(), Some("tenant/kind/a"));
    assert!(findings[0].what.contains("from 2 to 6") && findings[0].what.contains('3'), "{}", findings[0].what);
    assert!(!summary.sound);
    let content = disk.content(&segment::name(1)).expect("there");
    let at = usize::try_from(findings[0].offset.expect("a place")).expect("small");
    assert_eq!(&content[at..at + 4], b"GRFR");
}

#[test]
fn a_journal_that_does_not_begin_at_one_has_a_gap_unless_that_is_deleted() {
    let late = |out: &mut Vec<u8>| introduce(out, "a") + frame(out, "a", 3, 1);
    one(&look(&store(&[&late])).0, FindingKind::JournalGap, "a", Some(1));
    let deleted = |out: &mut Vec<u8>| {
        record::push_snapshot(out, actor("a").id(), &snapshot(&actor("a"), 2));
        record::push_deletion(out, RecordKind::DeleteThrough, actor("a").id(), Sequence(2));
        2
    };
    assert_eq!(look(&store(&[&late, &deleted])).0, []);
}

#[test]
fn an_event_that_is_stored_twice_is_told_unless_one_is_a_copy() {
    let first = |out: &mut Vec<u8>| introduce(out, "a") + frame(out, "a", 1, 3);
    one(&look(&store(&[&first, &|out| frame(out, "a", 3, 2)])).0, FindingKind::JournalOverlap, "a", Some(3));
    one(&look(&store(&[&first, &|out| frame(out, "a", 1, 3)])).0, FindingKind::JournalOverlap, "a", Some(1));
    let copied = |out: &mut Vec<u8>| {
        let start = out.len();
        let records = frame(out, "a", 1, 3);
        out[start + 1] = record::COPIED;
        records
    };
    assert_eq!(look(&store(&[&first, &copied, &copied])).0, []);
}

#[test]
fn records_of_an_actor_that_nobody_introduced_are_told() {
    one(&look(&store(&[&|out| frame(out, "a", 1, 1)])).0, FindingKind::AddressMissing, "a", None);
}

#[test]
fn an_address_that_does_not_hash_to_its_id_is_told() {
    let disk = store(&[&|out| {
        record::push_address(out, actor("a").id(), &actor("b"));
        1
    }]);
    let (findings, _) = look(&disk);
    one(&findings, FindingKind::AddressMismatch, "a", None);
    assert_eq!(findings[0].address.as_deref(), Some("tenant/kind/b"));
}

#[test]
fn a_snapshot_ahead_of_its_journal_is_told() {
    let disk = store(&[&|out| {
        record::push_snapshot(out, actor("a").id(), &snapshot(&actor("a"), 5));
        1 + introduce(out, "a") + frame(out, "a", 1, 4)
    }]);
    one(&look(&disk).0, FindingKind::SnapshotAhead, "a", Some(5));
}

#[test]
fn a_deletion_ahead_of_the_journal_or_without_a_snapshot_is_told() {
    let deleted = |through| {
        move |out: &mut Vec<u8>| {
            record::push_deletion(out, RecordKind::DeleteThrough, actor("a").id(), Sequence(through));
            1
        }
    };
    let first = |out: &mut Vec<u8>| introduce(out, "a") + frame(out, "a", 1, 3);
    let (findings, summary) = look(&store(&[&first, &deleted(2)]));
    one(&findings, FindingKind::DeletedUncovered, "a", Some(2));
    assert!(summary.sound, "it may have been forced");
    let (findings, summary) = look(&store(&[&first, &deleted(4)]));
    assert_eq!(kinds(&findings), [FindingKind::DeletedAheadOfJournal, FindingKind::DeletedUncovered]);
    assert!(!summary.sound);
}

#[test]
fn a_record_that_contradicts_itself_is_told_though_its_checksum_is_right() {
    for (kind, payload) in [
        (RecordKind::Snapshot, [1; 60].as_slice()),
        (RecordKind::DeleteThrough, &[1; 23]),
        (RecordKind::CatalogPut, &[1, 0, 0, 0, 0, 0, 0, 0]),
        (RecordKind::Close, &[0]),
        (RecordKind::SegmentDropped, &[0; 9]),
        (RecordKind::ActorAddress, &[0; 24]),
    ] {
        let disk = store(&[&|out| {
            record::push(out, kind, &[payload]);
            1
        }]);
        let (findings, summary) = look(&disk);
        assert_eq!((kinds(&findings), summary.corrupt), (vec![FindingKind::RecordDamaged], 1), "{kind:?}");
    }
}

#[test]
fn a_batch_that_miscounts_its_records_is_told() {
    let (findings, _) = look(&store(&[&|out| introduce(out, "a") + 1]));
    assert_eq!(kinds(&findings), [FindingKind::BatchRecords]);
}

/// No writer does that; if it is there, whoever reads it is told, as of a gap, and nobody else is.
#[tokio::test]
async fn p57_events_that_are_stored_twice_stop_that_actor_only() {
    for (first, count) in [(3, 2), (2, 9), (1, 5)] {
        let disk = store(&[
            &|out| introduce(out, "a") + frame(out, "a", 1, 3),
            &|out| frame(out, "a", first, count),
            &|out| introduce(out, "b") + frame(out, "b", 1, 2),
        ]);
        for life in 0..3 {
            let log = open(&disk);
            let all = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 1 << 20 };
            let mut reader = log.read(actor("a").id(), all);
            let read = loop {
                match reader.next().await {
                    Ok(Some(_)) => {}
                    other => break other,
                }
            };
            let Err(StoreError::Corrupt { place, reason }) = read else { panic!("{first}, life {life}: {read:?}") };
            let names = place.contains(&actor("a").id().to_string()) && place.contains("sequence");
            assert!(names && reason.contains("stored elsewhere"), "{first}, life {life}: {place}: {reason}");
            let frames = log.read(actor("b").id(), all).next().await.expect("sound").expect("there");
            assert_eq!(frames.len(), 1);
            // From the log, from memory and the index, and from the index alone.
            log.maintain(Maintenance::Checkpoint).await.expect("written");
            log.close().await.expect("closed");
        }
    }
}
