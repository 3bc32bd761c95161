//! The index: derived, may be lost at any time, never in the way, and small in memory.

use std::sync::Arc;

use bytes::Bytes;

use super::history::{settings, snapshot, turn, waking_turn};
use crate::provider::log::disk::{Disk, SimDisk};
use crate::provider::log::{LogProvider, LogSettings, Maintenance};
use crate::provider::{
    ActorListing, Catalog, DeleteGuard, Durability, EventStore, Head, Provider, ReadRange, Snapshot, SnapshotStore,
    StoreError,
};
use crate::vocab::{Address, Sequence, Timestamp};

/// More than stay in memory.
const ACTORS: u64 = 60;
pub(super) const ALL: ReadRange = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 900 };

pub(super) fn small() -> LogSettings {
    LogSettings { resident_actors: 1, checkpoint_changes: 40, ..settings(Durability::Sync) }
}

pub(super) fn open(disk: &SimDisk) -> Arc<LogProvider> {
    LogProvider::open_on(Arc::new(disk.clone()), small()).expect("a sound store")
}

pub(super) fn actor(number: u64) -> Arc<Address> {
    Arc::new(Address::new("tenant", "kind", format!("actor {number:03}")).expect("legal"))
}

/// All that callers can see.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    actors: Vec<(Head, u64, Option<Snapshot>)>,
    listed: Vec<ActorListing>,
    wakes: Vec<(String, Timestamp)>,
    catalog: Vec<(String, Option<Bytes>)>,
}

pub(super) async fn see(log: &LogProvider) -> Seen {
    let mut actors = Vec::new();
    for number in 0..ACTORS {
        let id = actor(number).id();
        let mut reader = log.read(id, ALL);
        let mut events = 0;
        while let Some(frames) = reader.next().await.expect("readable") {
            events += frames.iter().map(|frame| frame.header().last().0 - frame.header().first.0 + 1).sum::<u64>();
        }
        let newest = log.load_snapshot(id, Sequence::MAX).await.expect("sound");
        actors.push((log.head(id).await.expect("known"), events, newest));
    }
    let any = actor(0);
    let listed = log.actors(&any.tenant, &any.kind, None, 1_000).await.expect("known");
    let mut catalog = Vec::new();
    for key in log.record_keys("").await.expect("known") {
        let value = log.record(&key).await.expect("sound");
        catalog.push((key, value));
    }
    let wakes = log.wakes().await.expect("known").into_iter();
    let mut wakes: Vec<_> = wakes.map(|wake| (wake.address.key.to_string(), wake.at)).collect();
    wakes.sort();
    Seen { actors, listed, wakes, catalog }
}

/// A store with some of everything; `every`: after how many rounds the index is brought up to date.
pub(super) async fn filled(disk: &SimDisk, every: u64) -> Arc<LogProvider> {
    let log = open(disk);
    for round in 0..6 {
        for number in 0..ACTORS {
            let address = actor(number);
            // Some ask to be woken, some no more.
            let wake_at = ((round + number) % 4 == 0).then(|| 1_000 * (round + 1) + number);
            log.append(waking_turn(&address, round * 2, 2, wake_at)).await.expect("stored");
            if (round + number) % 5 == 0 {
                log.save_snapshot(snapshot(&address, round * 2 + 1)).await.expect("stored");
            }
            if round == 4 && number % 3 == 0 {
                log.delete_through(address.id(), Sequence(5), DeleteGuard::Forced).await.expect("stored");
            }
        }
        log.put_record(&format!("key {}", round % 4), Bytes::from(round.to_string())).await.expect("stored");
        if round == 3 {
            log.delete_record("key 1").await.expect("stored");
        }
        if round % every == 0 {
            log.maintain(Maintenance::Checkpoint).await.expect("written");
        }
    }
    log
}

#[tokio::test]
async fn a_store_looks_the_same_however_often_the_index_was_written_and_however_it_ended() {
    let disk = SimDisk::new();
    let expected = see(&*filled(&disk, 100).await).await;
    assert_eq!(expected.listed.len() as u64, ACTORS);
    assert_eq!(expected.wakes.len() as u64, ACTORS / 4);
    for every in [1, 2, 100] {
        let disk = SimDisk::new();
        let log = filled(&disk, every).await;
        assert_eq!(see(&log).await, expected, "still open, every {every}");
        let killed = open(&disk.after_kill());
        assert_eq!(see(&killed).await, expected, "killed, every {every}");
        log.close().await.expect("closed");
        drop(log);
        assert_eq!(see(&open(&disk)).await, expected, "closed, every {every}");
        disk.remove_index();
        assert_eq!(see(&open(&disk)).await, expected, "built again, every {every}");
    }
}

#[tokio::test]
async fn an_index_that_is_gone_broken_foreign_or_newer_is_built_again() {
    let disk = SimDisk::new();
    let log = filled(&disk, 2).await;
    let expected = see(&log).await;
    log.close().await.expect("closed");
    drop(log);
    let (meta, value) = disk.index_entries().first_key_value().map(|(k, v)| (k.clone(), v.clone())).expect("written");
    let spoilt = |at: usize| {
        let mut value = value.clone();
        value[at] ^= 1;
        value
    };
    let spoil: [&dyn Fn(&SimDisk); 6] = [
        &SimDisk::remove_index,
        &SimDisk::break_index,
        // The format's number, the store's tag, the batch's segment, its checksum.
        &|disk| disk.put_index_entry(&meta, Some(&spoilt(0))),
        &|disk| disk.put_index_entry(&meta, Some(&spoilt(4))),
        &|disk| disk.put_index_entry(&meta, Some(&spoilt(20))),
        &|disk| disk.put_index_entry(&meta, Some(&spoilt(36))),
    ];
    for (number, spoil) in spoil.iter().enumerate() {
        let disk = disk.after_kill();
        spoil(&disk);
        let log = open(&disk);
        assert_eq!(see(&log).await, expected, "{number}");
        log.append(turn(&actor(0), 12, 1)).await.expect("it goes on");
        log.close().await.expect("closed");
        drop(log);
        let log = open(&disk);
        assert_eq!(log.head(actor(0).id()).await.map(|head| head.sequence), Ok(Sequence(13)));
    }
}

#[tokio::test]
async fn after_a_clean_end_only_the_end_of_the_log_is_read() {
    let disk = SimDisk::new();
    let log = filled(&disk, 2).await;
    let expected = see(&log).await;
    log.close().await.expect("closed");
    drop(log);
    let damaged = disk.after_kill();
    // Whoever reads this segment when the log is opened refuses to open it.
    let first = crate::provider::log::segment::name(1);
    let content = damaged.content(&first).expect("there");
    let at = content.windows(7).position(|bytes| bytes == b"actor 0").expect("an address");
    damaged.flip(&first, at, 0);
    assert_eq!(open(&damaged).head(actor(1).id()).await.map(|head| head.sequence), Ok(Sequence(12)));
    damaged.remove_index();
    let refused = LogProvider::open_on(Arc::new(damaged), small());
    assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
    assert_eq!(see(&open(&disk)).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_holds_a_bounded_number_of_actors_and_of_changes() {
    let disk = SimDisk::new();
    let settings = LogSettings { maintain: true, checkpoint_every_ms: 5, ..small() };
    let log = LogProvider::open_on(Arc::new(disk.clone()), settings).expect("empty");
    let mut most = (0, 0);
    for number in 0..2_000 {
        let address = actor(number);
        log.append(turn(&address, 0, 1)).await.expect("stored");
        let core = log.shared.lock();
        most = (most.0.max(core.index.actors.len()), most.1.max(core.index.changes));
    }
    // Four checkpoints' worth waits at most, one more is being written; the batch that passes the bound comes on top.
    assert!(most.0 <= 40 * 6 + 16 && most.1 <= 40 * 5, "{most:?}");
    log.close().await.expect("closed");
    drop(log);
    let log = open(&disk);
    let any = actor(0);
    assert_eq!(log.actors(&any.tenant, &any.kind, None, 9_999).await.map(|list| list.len()), Ok(2_000));
}

#[tokio::test]
async fn a_journal_that_skips_a_number_stops_that_actor_only() {
    let disk = SimDisk::new();
    let log = filled(&disk, 2).await;
    log.close().await.expect("closed");
    drop(log);
    // An entry of the table of runs goes: the journal has a hole now, as far as the index knows.
    let id = actor(7).id();
    let run = disk.index_entries().keys().find(|key| key[0] == 3 && key[1..17] == id.0).cloned().expect("a run");
    disk.put_index_entry(&run, None);
    let log = open(&disk);
    let mut reader = log.read(id, ALL);
    let read = loop {
        match reader.next().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(read, Err(StoreError::Gap { actor, .. }) if actor == id), "{read:?}");
    assert!(log.read(actor(8).id(), ALL).next().await.is_ok());
}

/// It passed the index's own checksum, and is wrong: no memory is taken for it, nothing panics, others go on.
#[tokio::test]
async fn an_entry_that_points_past_the_end_of_its_file_stops_that_actor_only() {
    let disk = SimDisk::new();
    let log = filled(&disk, 2).await;
    log.close().await.expect("closed");
    drop(log);
    let id = actor(7).id();
    let entries = disk.index_entries();
    let (run, value) = entries.iter().rfind(|(key, _)| key[0] == 3 && key[1..17] == id.0).expect("a run");
    // Behind the segment and the count: first, last, offset, bytes.
    let (offset, bytes) = (12 + 16, 12 + 20);
    for lie in
        [(None, Some(u32::MAX)), (Some(u32::MAX - 8), Some(64)), (Some(u32::MAX - 8), None), (Some(0), Some(u32::MAX))]
    {
        let mut value = value.clone();
        lie.0.iter().for_each(|lie| value[offset..offset + 4].copy_from_slice(&lie.to_le_bytes()));
        lie.1.iter().for_each(|lie| value[bytes..bytes + 4].copy_from_slice(&lie.to_le_bytes()));
        let disk = disk.after_kill();
        disk.put_index_entry(run, Some(&value));
        let log = open(&disk);
        let mut reader = log.read(id, ALL);
        let read = loop {
            match reader.next().await {
                Ok(Some(_)) => {}
                other => break other,
            }
        };
        assert!(
            matches!(&read, Err(StoreError::Corrupt { place, .. }) if place.contains(&id.to_string())),
            "{lie:?}: {read:?}"
        );
        assert!(log.read(actor(8).id(), ALL).next().await.is_ok());
        for what in [Maintenance::Merge, Maintenance::Compact] {
            log.maintain(what).await.expect("upkeep goes on");
        }
        log.append(turn(&actor(8), 12, 1)).await.expect("stored");
    }
}

/// With 64 MiB segments and the usual bound of a process this is a store of 64 GB.
#[tokio::test]
async fn a_store_of_more_segments_than_may_be_open_at_once_is_opened_and_read() {
    /// More than the log keeps open for readers.
    const OPEN_FILES: usize = 140;
    let disk = SimDisk::new();
    let log = open(&disk);
    let mut head = 0;
    while disk.names().expect("listed").len() < 3 * OPEN_FILES {
        log.append(turn(&actor(0), head, 20)).await.expect("stored");
        head += 20;
    }
    drop(log);
    for is_bare in [false, true] {
        let disk = disk.after_kill();
        if is_bare {
            disk.remove_index();
        }
        disk.limit_open_files(Some(OPEN_FILES));
        let log = open(&disk);
        let (mut reader, mut last) = (log.read(actor(0).id(), ALL), 0);
        while let Some(frames) = reader.next().await.expect("readable") {
            last = frames.last().map_or(last, |frame| frame.header().last().0);
        }
        assert_eq!(last, head, "bare: {is_bare}");
        log.maintain(Maintenance::Compact).await.expect("nothing to do");
        log.close().await.expect("closed");
    }
}
