//! Events are deleted behind a snapshot that was read and found sound, or by force.

use std::sync::Arc;

use futures_util::future::join;

use super::history::{settings, snapshot, turn};
use crate::provider::log::disk::SimDisk;
use crate::provider::log::{LogProvider, segment};
use crate::provider::{DeleteGuard, Durability, EventStore, SnapshotStore, StoreError};
use crate::vocab::{Address, Sequence};

const BEHIND: DeleteGuard = DeleteGuard::BehindSnapshot;

/// Ten events and snapshots at these numbers.
async fn with_snapshots(disk: &SimDisk, sequences: &[u64]) -> (Arc<LogProvider>, Arc<Address>) {
    let log = LogProvider::open_on(Arc::new(disk.clone()), settings(Durability::Sync)).expect("empty");
    let one = Arc::new(Address::new("tenant", "kind", "one").expect("legal"));
    log.append(turn(&one, 0, 10)).await.expect("stored");
    for sequence in sequences {
        log.save_snapshot(snapshot(&one, *sequence)).await.expect("stored");
    }
    (log, one)
}

/// Flips a bit in the state of the snapshot at this number.
fn damage(disk: &SimDisk, sequence: u64) {
    let state = format!("one at {sequence}").into_bytes();
    let content = disk.content(&segment::name(1)).expect("there");
    let at = content.windows(state.len()).position(|bytes| bytes == state).expect("stored");
    disk.flip(&segment::name(1), at, 2);
}

async fn deleted(log: &LogProvider, address: &Address) -> u64 {
    log.head(address.id()).await.expect("known").deleted_through.0
}

#[tokio::test]
async fn p72_events_are_not_deleted_behind_a_snapshot_that_fails_its_checksum() {
    let disk = SimDisk::new();
    let (log, one) = with_snapshots(&disk, &[10]).await;
    damage(&disk, 10);
    let refused = log.delete_through(one.id(), Sequence(5), BEHIND).await;
    assert!(matches!(refused, Err(StoreError::NotCovered { newest: None, .. })), "{refused:?}");
    assert_eq!(deleted(&log, &one).await, 0);
    log.delete_through(one.id(), Sequence(5), DeleteGuard::Forced).await.expect("forced");
    assert_eq!(deleted(&log, &one).await, 5);
}

#[tokio::test]
async fn an_older_sound_snapshot_covers_what_lies_behind_it() {
    let disk = SimDisk::new();
    let (log, one) = with_snapshots(&disk, &[6, 10]).await;
    damage(&disk, 10);
    let refused = log.delete_through(one.id(), Sequence(7), BEHIND).await;
    let newest = Some(Sequence(6));
    assert!(matches!(&refused, Err(StoreError::NotCovered { newest: found, .. }) if *found == newest), "{refused:?}");
    log.delete_through(one.id(), Sequence(6), BEHIND).await.expect("covered");
    assert_eq!(deleted(&log, &one).await, 6);
}

#[tokio::test]
async fn a_snapshot_whose_deletion_is_queued_covers_nothing() {
    let disk = SimDisk::new();
    let (log, one) = with_snapshots(&disk, &[10]).await;
    disk.hold();
    let mut deleting = log.delete_snapshot(one.id(), Sequence(10));
    // Polled once: it is queued, and held at the disk.
    assert!(futures_util::FutureExt::now_or_never(&mut deleting).is_none());
    disk.release();
    let refused = log.delete_through(one.id(), Sequence(5), BEHIND);
    let (refused, deleting) = join(refused, deleting).await;
    assert!(matches!(refused, Err(StoreError::NotCovered { .. })), "{refused:?}");
    deleting.expect("deleted");
    assert_eq!(deleted(&log, &one).await, 0);
}

#[tokio::test]
async fn a_deletion_of_a_snapshot_that_failed_is_forgotten() {
    let disk = SimDisk::new();
    let (log, one) = with_snapshots(&disk, &[10]).await;
    disk.fail_writes(1);
    assert!(log.delete_snapshot(one.id(), Sequence(10)).await.is_err());
    assert!(log.shared.lock().deleting.is_empty());
}
