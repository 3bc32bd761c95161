//! Upkeep by itself: nobody waits for ever, whoever waits for whom, and its threads end with the log.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;

use super::history::{settings, turn};
use crate::provider::log::core::Shared;
use crate::provider::log::disk::{Disk, SimDisk};
use crate::provider::log::{LogProvider, LogSettings, Maintenance};
use crate::provider::{Catalog, DeleteGuard, Durability, EventStore, Provider};
use crate::vocab::{Address, Sequence};

const WRITERS: u64 = 24;
/// After that it hangs: far more than the slowest machine needs.
const HANGS: Duration = Duration::from_secs(120);

/// A checkpoint after every other change, and something to do for upkeep after each.
fn busy(durability: Durability) -> LogSettings {
    LogSettings {
        maintain: true,
        resident_actors: 1,
        checkpoint_changes: 2,
        checkpoint_every_ms: 1,
        merge_reads_min: 2,
        give_up_below_percent: 90,
        flush_every_ms: 5,
        ..settings(durability)
    }
}

fn open(disk: &SimDisk, settings: LogSettings) -> Arc<LogProvider> {
    LogProvider::open_on(Arc::new(disk.clone()), settings).expect("a sound store")
}

fn actor(number: u64) -> Arc<Address> {
    Arc::new(Address::new("tenant", "kind", format!("actor {number}")).expect("legal"))
}

/// Appends and deletes until the log ends or `turns` are done; returns how many turns were stored.
async fn write(log: Arc<LogProvider>, number: u64, turns: u64) -> u64 {
    let address = actor(number);
    for turns_done in 0..turns {
        if log.append(turn(&address, turns_done * 2, 2)).await.is_err() {
            return turns_done;
        }
        if turns_done % 3 == 2 {
            let _ended = log.delete_through(address.id(), Sequence(turns_done), DeleteGuard::Forced).await;
            let _ended = log.put_record(&format!("key {number}"), Bytes::from(vec![1; 200])).await;
        }
    }
    turns
}

async fn write_all(log: &Arc<LogProvider>, turns: u64) -> Vec<u64> {
    let writers = (0..WRITERS).map(|number| tokio::spawn(write(Arc::clone(log), number, turns)));
    join_all(writers).await.into_iter().map(|done| done.expect("no panic")).collect()
}

/// Runs `work` on a runtime and a thread of its own; fails if it does not end.
fn ends<F: Future<Output = ()>>(work: impl FnOnce() -> F + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let spawned = std::thread::Builder::new().name("ends".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(work());
        done.send(()).expect("somebody waits");
    });
    spawned.expect("a thread");
    assert!(ended.recv_timeout(HANGS).is_ok(), "it failed, or somebody waits for ever");
}

fn threads_hold(shared: &Arc<Shared>) -> usize {
    // This one is the test's.
    Arc::strong_count(shared) - 1
}

#[test]
fn writers_checkpoints_and_upkeep_never_wait_for_each_other_in_a_circle() {
    for durability in [Durability::Sync, Durability::Flush, Durability::Memory] {
        ends(move || async move {
            let disk = SimDisk::new();
            let log = open(&disk, busy(durability));
            let by_hand = tokio::spawn({
                let log = Arc::clone(&log);
                async move {
                    for what in [Maintenance::Compact, Maintenance::Merge, Maintenance::Checkpoint].repeat(3) {
                        log.maintain(what).await.expect("the log is open");
                    }
                }
            });
            assert!(write_all(&log, 30).await.iter().all(|turns| *turns == 30));
            by_hand.await.expect("no panic");
            log.maintain(Maintenance::Compact).await.expect("the log is open");
            log.close().await.expect("closed");
            let left = disk.names().expect("listed").len() as u64;
            assert!(left < log.shared.lock().tail.segment, "no segment was given up: {left}");
            let log = open(&disk, busy(durability));
            for number in 0..WRITERS {
                let head = log.head(actor(number).id()).await.expect("known");
                assert_eq!((head.sequence, head.deleted_through), (Sequence(60), Sequence(29)), "{durability:?}");
            }
        });
    }
}

#[test]
#[expect(clippy::await_holding_lock, reason = "that is what keeps upkeep from going on")]
fn the_committer_that_waits_for_a_checkpoint_is_not_waited_for_by_it() {
    // Upkeep holds its turn and waits for the committer, which waits for the keeper: the keeper must be free.
    ends(|| async {
        let disk = SimDisk::new();
        let log = open(&disk, LogSettings { checkpoint_every_ms: 60_000, ..busy(Durability::Sync) });
        let held = Arc::clone(&log.shared);
        let turn_of_upkeep = held.upkeep.lock().expect("no panic");
        assert!(write_all(&log, 10).await.iter().all(|turns| *turns == 10));
        drop(turn_of_upkeep);
        log.close().await.expect("closed");
    });
}

#[test]
fn closing_ends_all_threads_whatever_they_are_doing() {
    for after in 0..12 {
        ends(move || async move {
            let disk = SimDisk::new();
            let log = open(&disk, LogSettings { upkeep_percent: 1, ..busy(Durability::Sync) });
            let writers = tokio::spawn({
                let log = Arc::clone(&log);
                async move { write_all(&log, 1_000).await }
            });
            assert_eq!(write(Arc::clone(&log), WRITERS, after * 4).await, after * 4);
            log.close().await.expect("closed");
            let stored = writers.await.expect("no panic");
            let shared = Arc::clone(&log.shared);
            drop(log);
            assert_eq!(threads_hold(&shared), 0, "a thread is left");
            let log = open(&disk, settings(Durability::Sync));
            for (number, turns) in (0..).zip(stored) {
                let head = log.head(actor(number).id()).await.expect("known");
                assert!(head.sequence >= Sequence(turns * 2), "{number}: {head:?}, {turns} turns");
            }
        });
    }
}

#[test]
fn dropping_ends_all_threads_whatever_they_are_doing() {
    for after in 0..12 {
        ends(move || async move {
            let disk = SimDisk::new();
            let log = open(&disk, LogSettings { upkeep_percent: 1, ..busy(Durability::Sync) });
            let shared = Arc::clone(&log.shared);
            write_all(&log, after).await;
            drop(log);
            assert_eq!(threads_hold(&shared), 0, "a thread is left");
            let opened = open(&disk, settings(Durability::Sync));
            let head = opened.head(actor(0).id()).await.expect("known");
            assert_eq!(head.sequence, Sequence(after * 2));
        });
    }
}
