//! A store as format 1 writes it. A change that fails here breaks every data directory: it needs a new format number.

use std::sync::Arc;

use bytes::Bytes;

use super::history::{settings, snapshot, turn};
use crate::provider::log::disk::SimDisk;
use crate::provider::log::{LogProvider, segment};
use crate::provider::{Catalog, DeleteGuard, Durability, EventStore, Provider, ReadRange, SnapshotStore};
use crate::vocab::{Address, Sequence};

const SEGMENTS: [&[u8]; 2] = [
    include_bytes!("../../../../tests/golden/log/v1/00000000000000000001.log"),
    include_bytes!("../../../../tests/golden/log/v1/00000000000000000002.log"),
];

fn actor(key: &str) -> Arc<Address> {
    Arc::new(Address::new("tenant", "kind", key).expect("legal"))
}

fn open(disk: &SimDisk) -> Arc<LogProvider> {
    LogProvider::open_on(Arc::new(disk.clone()), settings(Durability::Sync)).expect("a sound store")
}

/// One record of every kind that is written today, one batch each, over two segments.
async fn write(disk: &SimDisk) {
    let log = open(disk);
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
    log.close().await.expect("closed");
}

#[tokio::test]
async fn the_golden_store_is_written_again_byte_for_byte() {
    let disk = SimDisk::new();
    write(&disk).await;
    for (number, golden) in (1..).zip(SEGMENTS) {
        assert!(disk.content(&segment::name(number)).as_deref() == Some(golden), "segment {number} is different");
    }
    assert_eq!(disk.content(&segment::name(3)), None);
}

#[tokio::test]
async fn p104_the_golden_store_opens_and_holds_what_was_written() {
    let disk = SimDisk::new();
    for (number, golden) in (1..).zip(SEGMENTS) {
        disk.put(&segment::name(number), golden.to_vec());
    }
    let log = open(&disk);
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
    assert_eq!(log.record_keys("").await, Ok(vec!["kept".to_owned()]));
    assert_eq!(log.record("kept").await, Ok(Some(Bytes::from_static(b"value"))));
    log.append(turn(&one, 23, 1)).await.expect("it goes on");
}
