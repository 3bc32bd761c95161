//! The log in a directory of this machine.

use std::sync::Arc;

use futures_util::future::join_all;

use super::history::{snapshot, turn};
use crate::provider::log::{LogProvider, LogSettings};
use crate::provider::{Durability, EventStore, Provider, ReadRange, SnapshotStore, StoreError};
use crate::vocab::{Address, Sequence};

fn settings(dir: &tempfile::TempDir) -> LogSettings {
    LogSettings {
        segment_bytes: /* 256 KiB */ 256 * 1_024,
        flush_every_ms: 10,
        ..LogSettings::new(dir.path().join("store"))
    }
}

fn actor(key: &str) -> Arc<Address> {
    Arc::new(Address::new("tenant", "kind", key).expect("legal"))
}

async fn count(log: &LogProvider, actor: &Address) -> usize {
    let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 64 * 1_024 };
    let mut reader = log.read(actor.id(), range);
    let mut next = 1;
    while let Some(frames) = reader.next().await.expect("readable") {
        for frame in frames {
            assert_eq!(frame.header().first, Sequence(next), "in order, without a gap");
            next = frame.header().last().0 + 1;
        }
    }
    usize::try_from(next - 1).expect("small")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p112_ten_thousand_appends_one_by_one_and_pipelined_are_recovered_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = settings(&dir).with_durability(Durability::Flush);
    let log = LogProvider::open(settings.clone()).expect("empty");
    let (single, pipelined) = (actor("single"), actor("pipelined"));
    for expected in 0..10_000 {
        log.append(turn(&single, expected, 1)).await.expect("stored");
    }
    let appends: Vec<_> = (0..10_000).map(|expected| log.append(turn(&pipelined, expected, 1))).collect();
    for (number, stored) in (1..).zip(join_all(appends).await) {
        assert_eq!(stored.expect("stored"), Sequence(number));
    }
    // Dropped, not closed: as a killed process leaves it.
    drop(log);
    let log = LogProvider::open(settings).expect("sound");
    for address in [&single, &pipelined] {
        assert_eq!(count(&log, address).await, 10_000);
    }
    log.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_in_every_durability_are_all_there_after_closing() {
    for durability in [Durability::Sync, Durability::Flush, Durability::Memory] {
        let dir = tempfile::tempdir().expect("a directory");
        let settings = settings(&dir).with_durability(durability);
        let log = LogProvider::open(settings.clone()).expect("empty");
        let writers = (0..64).map(|writer| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let address = actor(&format!("actor {writer}"));
                for expected in 0..50 {
                    log.append(turn(&address, expected, 1)).await.expect("stored");
                }
                log.save_snapshot(snapshot(&address, 50)).await.expect("stored");
            })
        });
        join_all(writers).await.into_iter().for_each(|writer| writer.expect("no panic"));
        log.close().await.expect("closed");
        drop(log);
        let log = LogProvider::open(settings).expect("sound");
        for writer in 0..64 {
            let address = actor(&format!("actor {writer}"));
            assert_eq!(count(&log, &address).await, 50, "{durability:?}");
            let loaded = log.load_snapshot(address.id(), Sequence::MAX).await;
            assert_eq!(loaded, Ok(Some(snapshot(&address, 50))));
        }
    }
}

#[tokio::test]
async fn a_directory_that_is_in_use_is_refused_until_it_is_free() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = LogProvider::open(settings(&dir)).expect("empty");
    assert!(matches!(LogProvider::open(settings(&dir)), Err(StoreError::Locked { .. })));
    drop(log);
    LogProvider::open(settings(&dir)).expect("free").close().await.expect("closed");
    LogProvider::open(settings(&dir)).expect("free again");
}
