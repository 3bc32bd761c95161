//! A caller who is faster than upkeep: what it changed is not brought back.

use std::sync::Arc;

use bytes::Bytes;

use super::copy::{Mover, Pace};
use crate::provider::log::LogProvider;
use crate::provider::log::copies::Moved;
use crate::provider::log::disk::SimDisk;
use crate::provider::log::summary::ActorSummary;
use crate::provider::log::tests::history::{settings, snapshot, turn};
use crate::provider::{Catalog, Durability, EventStore, SnapshotStore};
use crate::vocab::{Address, Sequence};

fn open(disk: &SimDisk) -> Arc<LogProvider> {
    LogProvider::open_on(Arc::new(disk.clone()), settings(Durability::Sync)).expect("sound")
}

/// An actor with two events and a snapshot at each, and a catalog record.
async fn filled(disk: &SimDisk) -> (Arc<LogProvider>, Arc<Address>) {
    let log = open(disk);
    let one = Arc::new(Address::new("tenant", "kind", "one").expect("legal"));
    log.append(turn(&one, 0, 2)).await.expect("stored");
    for sequence in [1, 2] {
        log.save_snapshot(snapshot(&one, sequence)).await.expect("stored");
    }
    log.put_record("key", Bytes::from_static(b"old")).await.expect("stored");
    (log, one)
}

/// Looks up what upkeep would move, calls `change`, then moves it; returns how many records were left out.
async fn overtaken<F: Future<Output = ()>>(log: &Arc<LogProvider>, moved: Vec<Moved>, change: F) -> usize {
    let shared = Arc::clone(&log.shared);
    let mut mover = Mover::new(&shared, Pace::share(100));
    mover.watch().expect("open");
    for moved in moved {
        mover.push(moved).expect("not full");
    }
    change.await;
    std::thread::scope(|scope| scope.spawn(|| mover.flush()).join().expect("no panic")).expect("written");
    mover.left_out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_is_deleted_while_it_is_moved_stays_deleted() {
    let disk = SimDisk::new();
    let (log, one) = filled(&disk).await;
    let mut record = Vec::new();
    let saved = snapshot(&one, 1);
    let at = crate::provider::log::record::push_snapshot(&mut record, one.id(), &saved);
    let length = crate::provider::log::record::SNAPSHOT_FIELDS_BYTES + saved.state.len();
    let payload = Bytes::copy_from_slice(&record[at..at + length]);
    let moved = vec![Moved::Snapshot { actor: one.id(), meta: saved.meta, payload }];
    let left_out = overtaken(&log, moved, async {
        log.delete_snapshot(one.id(), Sequence(1)).await.expect("deleted");
    });
    assert_eq!(left_out.await, 1);
    drop(log);
    assert_eq!(open(&disk).list_snapshots(one.id()).await.map(|list| list.len()), Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_is_saved_while_a_summary_is_written_is_not_forgotten() {
    let disk = SimDisk::new();
    let (log, one) = filled(&disk).await;
    let head = log.head(one.id()).await.expect("known");
    let snapshots = vec![Sequence(1), Sequence(2)];
    let summary = ActorSummary { actor: one.id(), address: Arc::clone(&one), head, snapshots };
    let left_out = overtaken(&log, vec![Moved::Summary(summary)], async {
        log.append(turn(&one, 2, 1)).await.expect("stored");
        log.save_snapshot(snapshot(&one, 3)).await.expect("stored");
    });
    assert_eq!(left_out.await, 1);
    drop(log);
    assert_eq!(open(&disk).list_snapshots(one.id()).await.map(|list| list.len()), Ok(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_replaced_while_it_is_moved_stays_replaced() {
    let disk = SimDisk::new();
    let (log, _) = filled(&disk).await;
    let mut record = Vec::new();
    let at = crate::provider::log::record::push_catalog(&mut record, "key", Some(b"old"));
    let payload = Bytes::copy_from_slice(&record[at..at + 14]);
    let moved = vec![
        Moved::CatalogPut { key: "key".to_owned(), payload },
        Moved::CatalogDelete { key: "other".to_owned() },
        Moved::Dropped(7),
    ];
    let left_out = overtaken(&log, moved, async {
        log.put_record("key", Bytes::from_static(b"new")).await.expect("stored");
        log.put_record("other", Bytes::from_static(b"new")).await.expect("stored");
    });
    assert_eq!(left_out.await, 2);
    drop(log);
    let log = open(&disk);
    for key in ["key", "other"] {
        assert_eq!(log.record(key).await, Ok(Some(Bytes::from_static(b"new"))));
    }
}

/// An append does not make a summary wrong: it says only what was at least so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_summary_that_an_append_has_overtaken_takes_nothing_back() {
    let disk = SimDisk::new();
    let (log, one) = filled(&disk).await;
    let head = log.head(one.id()).await.expect("known");
    let snapshots = vec![Sequence(1), Sequence(2)];
    let summary = ActorSummary { actor: one.id(), address: Arc::clone(&one), head, snapshots };
    let left_out = overtaken(&log, vec![Moved::Summary(summary)], async {
        log.append(turn(&one, 2, 3)).await.expect("stored");
    });
    assert_eq!(left_out.await, 0);
    assert_eq!(log.head(one.id()).await.expect("known").sequence, Sequence(5));
    drop(log);
    assert_eq!(open(&disk).head(one.id()).await.expect("known").sequence, Sequence(5));
}
