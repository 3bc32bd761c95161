//! Stores as each format writes them. A change that fails here breaks every data directory: it needs a new format number.

use std::sync::Arc;

use bytes::Bytes;

use super::history::{settings, snapshot, turn};
use crate::provider::log::disk::{Disk, SimDisk};
use crate::provider::log::segment::{SegmentHeader, SegmentStart};
use crate::provider::log::{LogProvider, LogSettings, Maintenance, batch, record, segment};
use crate::provider::{Catalog, DeleteGuard, Durability, EventStore, Provider, ReadRange, SnapshotStore, StoreError};
use crate::vocab::{Address, Sequence};

/// Written by a program that knew format 1 only.
const FORMAT_1: [(u64, &[u8]); 2] = [
    (1, include_bytes!("../../../../tests/golden/log/v1/00000000000000000001.log")),
    (2, include_bytes!("../../../../tests/golden/log/v1/00000000000000000002.log")),
];

/// Every kind of record that is written today. Segments between them were given up.
const FORMAT_2: [(u64, &[u8]); 3] = [
    (2, include_bytes!("../../../../tests/golden/log/v2/00000000000000000002.log")),
    (4, include_bytes!("../../../../tests/golden/log/v2/00000000000000000004.log")),
    (5, include_bytes!("../../../../tests/golden/log/v2/00000000000000000005.log")),
];

fn actor(key: &str) -> Arc<Address> {
    Arc::new(Address::new("tenant", "kind", key).expect("legal"))
}

fn open(disk: &SimDisk) -> Arc<LogProvider> {
    let settings = LogSettings { merge_reads_min: 2, merge_read_bytes: 2_000, ..settings(Durability::Sync) };
    LogProvider::open_on(Arc::new(disk.clone()), settings).expect("a sound store")
}

fn put(golden: &[(u64, &[u8])]) -> SimDisk {
    let disk = SimDisk::new();
    for (number, content) in golden {
        disk.put(&segment::name(*number), content.to_vec());
    }
    disk
}

/// One record of every kind that callers cause, one batch each.
async fn write(log: &LogProvider) {
    let (one, two) = (actor("one"), actor("größer/2"));
    log.append(turn(&one, 0, 3)).await.expect("stored");
    log.append(turn(&two, 0, 1)).await.expect("stored");
    log.save_snapshot(snapshot(&one, 2)).await.expect("stored");
    log.save_snapshot(snapshot(&one, 3)).await.expect("stored");
    log.delete_snapshot(one.id(), Sequence(2)).await.expect("stored");
    log.delete_through(one.id(), Sequence(2), DeleteGuard::BehindSnapshot).await.expect("stored");
    log.put_record("kept", Bytes::from_static(b"value")).await.expect("stored");
    log.put_record("deleted", Bytes::from_static(b"value")).await.expect("stored");
    log.delete_record("deleted").await.expect("stored");
    log.append(turn(&one, 3, 20)).await.expect("stored");
}

/// Then upkeep: an actor in two places is merged, a segment is given up.
async fn write_all(disk: &SimDisk) {
    let log = open(disk);
    write(&log).await;
    let two = actor("größer/2");
    log.append(turn(&two, 1, 2)).await.expect("stored");
    log.put_record("large", Bytes::from(vec![1; 3_500])).await.expect("stored");
    log.put_record("large", Bytes::from(vec![2; 3_500])).await.expect("stored");
    log.maintain(Maintenance::Merge).await.expect("merged");
    log.maintain(Maintenance::Compact).await.expect("compacted");
    log.close().await.expect("closed");
}

#[tokio::test]
async fn the_golden_store_is_written_again_byte_for_byte() {
    let disk = SimDisk::new();
    write_all(&disk).await;
    let used = disk.names().expect("listed").into_iter().filter_map(|name| segment::number(&name)).filter(|number| {
        // The next segment may be prepared.
        SegmentHeader::decode(&disk.content(&segment::name(*number)).expect("there")) != SegmentStart::None
    });
    assert_eq!(used.collect::<Vec<_>>(), FORMAT_2.map(|(number, _)| number));
    for (number, golden) in FORMAT_2 {
        assert!(disk.content(&segment::name(number)).as_deref() == Some(golden), "segment {number} is different");
    }
}

/// Every kind of record is in one of the golden stores, so that none changes unnoticed.
#[test]
fn the_golden_stores_hold_every_kind_of_record() {
    let mut kinds = std::collections::BTreeSet::new();
    for (_, content) in FORMAT_1.iter().chain(&FORMAT_2) {
        let SegmentStart::Used(header) = SegmentHeader::decode(content) else { panic!("a header") };
        let mut at = segment::HEADER_BYTES;
        while let Ok((batch, payload)) = batch::decode(&content[at..], header.tag) {
            kinds.extend(record::walk(payload).map(|raw| raw.expect("sound").kind as u8));
            at += batch.batch_bytes();
        }
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), (1..=11).collect::<Vec<u8>>());
}

async fn check(log: &LogProvider) {
    let one = actor("one");
    let head = log.head(one.id()).await.expect("known");
    assert_eq!((head.sequence, head.deleted_through), (Sequence(23), Sequence(2)));
    let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: usize::MAX };
    let frames = log.read(one.id(), range).next().await.expect("sound");
    assert_eq!(frames, Some(vec![turn(&one, 0, 3).frame, turn(&one, 3, 20).frame]));
    assert_eq!(log.load_snapshot(one.id(), Sequence::MAX).await, Ok(Some(snapshot(&one, 3))));
    assert_eq!(log.list_snapshots(one.id()).await.map(|list| list.len()), Ok(1));
    let listed = log.actors(&one.tenant, &one.kind, None, 9).await.expect("known");
    assert_eq!(listed.iter().map(|l| l.address.key.as_str()).collect::<Vec<_>>(), ["größer/2", "one"]);
    assert_eq!(log.record("deleted").await, Ok(None));
    assert_eq!(log.record("kept").await, Ok(Some(Bytes::from_static(b"value"))));
}

#[tokio::test]
async fn p104_a_store_of_format_1_opens_and_holds_what_was_written() {
    check(&open(&put(&FORMAT_1))).await;
}

#[tokio::test]
async fn the_golden_store_of_this_format_opens_and_holds_what_was_written() {
    let log = open(&put(&FORMAT_2));
    check(&log).await;
    let two = actor("größer/2");
    let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: usize::MAX };
    let frames = log.read(two.id(), range).next().await.expect("sound");
    assert_eq!(frames, Some(vec![turn(&two, 0, 1).frame, turn(&two, 1, 2).frame]));
}

/// Callers' records go on in the segment of format 1; upkeep begins a new one, and the old ones can be given up.
#[tokio::test]
async fn p104_a_store_of_format_1_goes_on_and_is_compacted() {
    let disk = put(&FORMAT_1);
    let log = open(&disk);
    let two = actor("größer/2");
    log.delete_record("unknown").await.expect("stored");
    assert!(disk.content(&segment::name(3)).is_none(), "a small record of format 1 needs no new segment");
    log.append(turn(&two, 1, 1)).await.expect("it goes on");
    log.put_record("large", Bytes::from(vec![1; 3_500])).await.expect("stored");
    let done = log.maintain(Maintenance::Compact).await.expect("compacted");
    assert!(done.segments_given_up > 0, "{done:?}");
    check(&log).await;
    log.close().await.expect("closed");
    drop(log);
    let log = open(&disk);
    check(&log).await;
    assert_eq!(log.head(two.id()).await.expect("known").sequence, Sequence(2));
}

/// The newest segment is of format 1 and has room: a record of format 2 must not go there.
#[tokio::test]
async fn upkeep_of_a_store_of_format_1_begins_a_segment_of_format_2() {
    let disk = put(&FORMAT_1);
    let log = open(&disk);
    assert_eq!(log.maintain(Maintenance::Compact).await.expect("compacted").segments_given_up, 1);
    for number in [2, 3] {
        let content = disk.content(&segment::name(number)).expect("there");
        let SegmentStart::Used(header) = SegmentHeader::decode(&content) else { panic!("a header") };
        assert_eq!(u64::from(header.format), number - 1, "segment {number}");
    }
    check(&log).await;
    drop(log);
    check(&open(&disk)).await;
}

/// The format says which records a segment may hold; an older program would not have written these.
#[tokio::test]
async fn a_record_of_format_2_in_a_segment_of_format_1_is_corruption() {
    let disk = put(&FORMAT_2);
    for (number, content) in FORMAT_2 {
        let mut content = content.to_vec();
        content[8] = 1;
        let checksum = crc32c::crc32c(&content[..segment::HEADER_BYTES - 4]).to_le_bytes();
        content[segment::HEADER_BYTES - 4..segment::HEADER_BYTES].copy_from_slice(&checksum);
        disk.put(&segment::name(number), content);
    }
    let refused = LogProvider::open_on(Arc::new(disk.clone()), settings(Durability::Sync)).err();
    let reason = refused.as_ref().map(ToString::to_string).unwrap_or_default();
    assert!(matches!(refused, Some(StoreError::Corrupt { .. })) && reason.contains("format"), "{reason}");
}
