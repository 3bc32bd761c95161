//! Giving space back and bringing events together: what is stored stays the same, whatever happens in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::history::{settings, snapshot, turn};
use crate::frame::{EventColumns, Frame, FrameParts};
use crate::provider::log::disk::{Disk, Seed, SimDisk};
use crate::provider::log::{LogProvider, LogSettings, Maintained, Maintenance, segment};
use crate::provider::{
    ActorListing, Append, Catalog, DeleteGuard, Durability, EventStore, Head, Provider, ReadRange, Snapshot,
    SnapshotStore, StoreError,
};
use crate::vocab::{Address, RevisionId, Sequence, Timestamp};

const ACTORS: u64 = 5;
const ALL: ReadRange = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 500 };

fn actor(index: u64) -> Arc<Address> {
    Arc::new(Address::new("tenant", "kind", format!("actor {index}")).expect("legal"))
}

fn log_settings() -> LogSettings {
    LogSettings { merge_reads_min: 3, merge_read_bytes: 2_000, ..settings(Durability::Sync) }
}

fn open(disk: &SimDisk) -> Arc<LogProvider> {
    LogProvider::open_on(Arc::new(disk.clone()), log_settings()).expect("a sound store")
}

/// All that callers can see of a store.
#[derive(Debug, PartialEq, Clone, Default)]
struct Seen {
    actors: BTreeMap<u64, (Head, Vec<Frame>, Vec<Snapshot>)>,
    listed: Vec<ActorListing>,
    wakes: usize,
    catalog: BTreeMap<String, Bytes>,
}

async fn see(log: &LogProvider) -> Seen {
    let mut seen = Seen::default();
    for index in 0..ACTORS {
        let id = actor(index).id();
        let head = log.head(id).await.expect("known");
        let frames = frames(log, index).await.expect("readable");
        let mut snapshots = Vec::new();
        for meta in log.list_snapshots(id).await.expect("known") {
            snapshots.push(log.load_snapshot(id, meta.sequence).await.expect("sound").expect("listed"));
        }
        seen.actors.insert(index, (head, frames, snapshots));
    }
    let any = actor(0);
    seen.listed = log.actors(&any.tenant, &any.kind, None, 99).await.expect("known");
    seen.wakes = log.wakes().await.expect("known").len();
    for key in log.record_keys("").await.expect("known") {
        let value = log.record(&key).await.expect("sound").expect("listed");
        seen.catalog.insert(key, value);
    }
    seen
}

async fn frames(log: &LogProvider, index: u64) -> Result<Vec<Frame>, StoreError> {
    let mut reader = log.read(actor(index).id(), ALL);
    let mut frames = Vec::new();
    while let Some(batch) = reader.next().await? {
        frames.extend(batch);
    }
    Ok(frames)
}

fn segments(disk: &SimDisk) -> Vec<u64> {
    let names = disk.names().expect("listed");
    names.iter().filter_map(|name| segment::number(name)).collect()
}

fn directory_bytes(disk: &SimDisk) -> usize {
    segments(disk).into_iter().map(|number| disk.content(&segment::name(number)).expect("there").len()).sum()
}

async fn compact(log: &LogProvider) -> Maintained {
    log.maintain(Maintenance::Compact).await.expect("compacted")
}

/// One random call; every kind of record comes up.
async fn call(log: &LogProvider, seed: &mut Seed) {
    let index = seed.below(ACTORS);
    let address = actor(index);
    let head = log.head(address.id()).await.expect("known");
    match seed.below(10) {
        0 | 1 if head.sequence > Sequence::ZERO => {
            let sequence = head.sequence.0 - seed.below(2).min(head.sequence.0 - 1);
            log.save_snapshot(snapshot(&address, sequence)).await.expect("stored");
        }
        2 => {
            let newest = log.list_snapshots(address.id()).await.expect("known");
            if let Some(meta) = newest.get(usize::try_from(seed.below(3)).expect("small")) {
                log.delete_snapshot(address.id(), meta.sequence).await.expect("stored");
            }
        }
        3 => {
            let through = Sequence(seed.below(head.sequence.0 + 1));
            log.delete_through(address.id(), through, DeleteGuard::Forced).await.expect("stored");
        }
        4 => {
            let key = format!("key {}", seed.below(4));
            log.put_record(&key, Bytes::from(seed.draw().to_le_bytes().repeat(20))).await.expect("stored");
        }
        5 => log.delete_record(&format!("key {}", seed.below(4))).await.expect("stored"),
        _ => {
            log.append(turn(&address, head.sequence.0, seed.below(4) + 1)).await.expect("stored");
        }
    }
}

/// A closed store in several segments of which much is deleted.
async fn worn(seed: u64, calls: u64) -> (SimDisk, Seen) {
    let disk = SimDisk::new();
    let log = open(&disk);
    let mut seed = Seed(seed);
    for _ in 0..calls {
        call(&log, &mut seed).await;
    }
    for index in 0..3 {
        let head = log.head(actor(index).id()).await.expect("known");
        log.delete_through(actor(index).id(), head.sequence, DeleteGuard::Forced).await.expect("stored");
    }
    let seen = see(&log).await;
    log.close().await.expect("closed");
    (disk, seen)
}

#[tokio::test]
async fn p75_the_directory_shrinks_once_events_are_deleted_and_nothing_else_changes() {
    let disk = SimDisk::new();
    let log = open(&disk);
    let (large, small) = (actor(0), actor(1));
    for number in 0..200 {
        log.append(turn(&large, number, 1)).await.expect("stored");
        if number % 50 == 0 {
            log.append(turn(&small, number / 50, 1)).await.expect("stored");
        }
    }
    log.save_snapshot(snapshot(&large, 200)).await.expect("stored");
    log.delete_through(large.id(), Sequence(200), DeleteGuard::BehindSnapshot).await.expect("stored");
    let (before, seen) = (directory_bytes(&disk), see(&log).await);
    let done = compact(&log).await;
    let after = directory_bytes(&disk);
    assert!(after * 4 < before, "{before} bytes became {after}");
    assert!(done.segments_given_up > 5, "{done:?}");
    assert_eq!(see(&log).await, seen);
    log.close().await.expect("closed");
    drop(log);
    let log = open(&disk);
    assert_eq!(see(&log).await, seen);
    log.append(turn(&large, 200, 1)).await.expect("the numbering goes on");
}

#[tokio::test]
async fn a_store_in_which_everything_is_needed_is_not_touched() {
    let disk = SimDisk::new();
    let log = open(&disk);
    for number in 0..60 {
        log.append(turn(&actor(number % ACTORS), number / ACTORS, 1)).await.expect("stored");
    }
    log.maintain(Maintenance::Checkpoint).await.expect("the index is brought up to date");
    let steps = disk.steps();
    assert_eq!(compact(&log).await, Maintained::default());
    assert_eq!(disk.steps(), steps, "a quiet store was written to");
}

#[tokio::test]
async fn compacting_again_changes_nothing() {
    let (disk, seen) = worn(3, 150).await;
    let log = open(&disk);
    // What was moved fills further segments, of which some may be worth it once more.
    for _ in 0..20 {
        if compact(&log).await.segments_given_up == 0 {
            break;
        }
    }
    let steps = disk.steps();
    assert_eq!(compact(&log).await.segments_given_up, 0);
    assert_eq!(disk.steps(), steps);
    assert_eq!(see(&log).await, seen);
}

#[tokio::test]
async fn whatever_was_called_a_store_looks_the_same_after_upkeep_and_after_reopening() {
    let (mut given_up, mut merged) = (0, 0);
    for seed in 0..25 {
        let disk = SimDisk::new();
        let mut calls = Seed(seed);
        for _ in 0..6 {
            let log = open(&disk);
            for _ in 0..40 {
                call(&log, &mut calls).await;
            }
            let seen = see(&log).await;
            merged += log.maintain(Maintenance::Merge).await.expect("merged").actors_merged;
            assert_eq!(see(&log).await, seen, "seed {seed}");
            given_up += compact(&log).await.segments_given_up;
            assert_eq!(see(&log).await, seen, "seed {seed}");
            log.close().await.expect("closed");
            drop(log);
            let log = open(&disk);
            assert_eq!(see(&log).await, seen, "seed {seed}, reopened");
            drop(log);
        }
    }
    assert!(given_up > 100 && merged > 20, "{given_up} segments given up, {merged} actors merged");
}

/// The power goes, or the process is killed, at every step of `what`; then everything is there, and the store goes on.
async fn crash_everywhere(seed: u64, what: Maintenance) -> u64 {
    let (disk, seen) = worn(seed, 120).await;
    let calm = disk.after_kill();
    let log = open(&calm);
    let begun = calm.steps();
    log.maintain(what).await.expect("calm");
    let ended = calm.steps();
    drop(log);
    for step in begun + 1..=ended {
        let hit = disk.after_kill();
        hit.crash_at(step);
        let log = open(&hit);
        _ = log.maintain(what).await;
        drop(log);
        for variant in 0..4 {
            let left = if variant == 3 { hit.after_kill() } else { hit.after_power_cut(seed ^ (step << 8) ^ variant) };
            let log = open(&left);
            assert_eq!(see(&log).await, seen, "seed {seed}, step {step}, variant {variant}");
            log.maintain(what).await.expect("it goes on");
            compact(&log).await;
            assert_eq!(see(&log).await, seen, "seed {seed}, step {step}, variant {variant}, done again");
            log.close().await.expect("closed");
            drop(log);
            let log = open(&left);
            assert_eq!(see(&log).await, seen, "seed {seed}, step {step}, variant {variant}, reopened");
        }
    }
    ended - begun
}

#[tokio::test]
async fn a_crash_at_any_step_of_a_compaction_loses_nothing_and_brings_nothing_back() {
    let mut steps = 0;
    for seed in 0..6 {
        steps += crash_everywhere(seed, Maintenance::Compact).await;
    }
    assert!(steps > 100, "{steps} steps");
}

#[tokio::test]
async fn a_crash_at_any_step_of_a_merge_loses_nothing_and_doubles_nothing() {
    let mut steps = 0;
    for seed in 20..26 {
        steps += crash_everywhere(seed, Maintenance::Merge).await;
    }
    assert!(steps > 8, "{steps} steps");
}

#[tokio::test]
async fn merging_makes_one_read_of_many_and_frees_the_old_places() {
    let disk = SimDisk::new();
    let log = open(&disk);
    for number in 0..40 {
        for index in 0..ACTORS {
            log.append(turn(&actor(index), number, 1)).await.expect("stored");
        }
    }
    // The newest segment belongs to others, so the actors are quiet.
    for number in 0..3 {
        log.put_record("large", Bytes::from(vec![number; 3_000])).await.expect("stored");
    }
    let seen = see(&log).await;
    let done = log.maintain(Maintenance::Merge).await.expect("merged");
    assert_eq!(done.actors_merged, ACTORS, "{done:?}");
    assert_eq!(see(&log).await, seen);
    assert_eq!(log.maintain(Maintenance::Merge).await.expect("merged").actors_merged, 0, "they are merged already");
    let before = directory_bytes(&disk);
    assert!(compact(&log).await.segments_given_up > 3);
    assert!(directory_bytes(&disk) < before);
    assert_eq!(see(&log).await, seen);
}

#[tokio::test]
async fn a_reader_goes_on_when_the_segment_it_reads_is_given_up() {
    let disk = SimDisk::new();
    let log = open(&disk);
    for number in 0..30 {
        log.append(turn(&actor(0), number, 1)).await.expect("stored");
        log.append(turn(&actor(1), number * 4, 4)).await.expect("stored");
    }
    let seen = see(&log).await;
    let mut reader = log.read(actor(0).id(), ReadRange { batch_bytes: 1, ..ALL });
    let mut read = reader.next().await.expect("readable").expect("a batch");
    let deleted = log.delete_through(actor(1).id(), Sequence(120), DeleteGuard::Forced).await;
    deleted.expect("stored");
    assert!(compact(&log).await.segments_given_up > 2);
    while let Some(batch) = reader.next().await.expect("readable") {
        read.extend(batch);
    }
    assert_eq!(Some(&read), seen.actors.get(&0).map(|(_, frames, _)| frames));
}

#[tokio::test]
async fn a_damaged_segment_is_kept_and_the_others_are_given_up() {
    let (disk, _) = worn(5, 150).await;
    let log = open(&disk);
    let victim = segment::name(2);
    let content = disk.content(&victim).expect("there");
    disk.flip(&victim, 300, 1);
    let done = compact(&log).await;
    assert_eq!(done.segments_damaged, 1, "{done:?}");
    assert!(done.segments_given_up > 1, "{done:?}");
    assert!(segments(&disk).contains(&2));
    // It is not read again and again.
    assert_eq!(compact(&log).await.segments_damaged, 0);
    drop(log);
    // Whoever repairs it finds everything.
    disk.put(&victim, content);
    let (_, seen) = worn(5, 150).await;
    assert_eq!(see(&open(&disk)).await, seen);
}

#[tokio::test]
async fn a_full_disk_stops_upkeep_and_leaves_callers_the_room_that_is_left() {
    let disk = SimDisk::new();
    let log = open(&disk);
    for number in 0..60 {
        log.append(turn(&actor(number % 2), number / 2, 1)).await.expect("stored");
    }
    log.delete_through(actor(0).id(), Sequence(30), DeleteGuard::Forced).await.expect("stored");
    let seen = see(&log).await;
    disk.limit_capacity(Some(directory_bytes(&disk) as u64));
    let stopped = log.maintain(Maintenance::Compact).await;
    assert!(matches!(stopped, Err(StoreError::DiskFull { .. })), "{stopped:?}");
    assert_eq!(see(&log).await, seen);
    log.append(turn(&actor(1), 30, 1)).await.expect("there is room in the newest segment still");
    disk.limit_capacity(None);
    assert!(compact(&log).await.segments_given_up > 0);
}

/// Nothing has to be moved out of a segment of which nothing is needed, so a full disk is how it should be given up.
#[tokio::test]
async fn on_a_full_disk_deleting_and_compacting_gives_room_again() {
    let disk = SimDisk::new();
    let log = open(&disk);
    disk.limit_capacity(Some(/* 32 KiB */ 32 * 1_024));
    let one = actor(0);
    let mut stored = 0;
    while let Ok(last) = log.append(turn(&one, stored, 1)).await {
        stored = last.0;
    }
    log.delete_through(one.id(), Sequence(stored), DeleteGuard::Forced).await.expect("a small record fits");
    let done = compact(&log).await;
    assert!(done.segments_given_up >= 6, "{done:?}");
    for number in stored..stored + 20 {
        log.append(turn(&one, number, 1)).await.expect("there is room again");
    }
    let seen = see(&log).await;
    drop(log);
    assert_eq!(see(&open(&disk)).await, seen);
}

#[tokio::test]
async fn what_was_deleted_does_not_come_back_when_the_deletion_itself_is_given_up() {
    for order in 0..12 {
        let disk = SimDisk::new();
        let log = open(&disk);
        let one = actor(0);
        let fill = |key: &'static str, value: u8| log.put_record(key, Bytes::from(vec![value; 3_000]));
        log.append(turn(&one, 0, 4)).await.expect("stored");
        log.save_snapshot(snapshot(&one, 3)).await.expect("stored");
        log.save_snapshot(snapshot(&one, 4)).await.expect("stored");
        log.put_record("gone", Bytes::from_static(b"value")).await.expect("stored");
        // Keeps the oldest segment, or does not.
        fill(if order % 2 == 0 { "kept" } else { "old" }, 0).await.expect("stored");
        fill("old", 1).await.expect("stored");
        log.delete_snapshot(one.id(), Sequence(3)).await.expect("stored");
        log.delete_through(one.id(), Sequence(4), DeleteGuard::BehindSnapshot).await.expect("stored");
        log.delete_record("gone").await.expect("stored");
        for round in 0..=order / 2 {
            fill("old", round).await.expect("stored");
        }
        let seen = see(&log).await;
        assert_eq!(seen.catalog.len(), 1 + usize::from(order % 2 == 0));
        compact(&log).await;
        assert_eq!(see(&log).await, seen, "order {order}");
        drop(log);
        let log = open(&disk);
        assert_eq!(see(&log).await, seen, "order {order}, reopened");
        for _ in 0..3 {
            log.put_record("old", Bytes::from(vec![7; 3_000])).await.expect("stored");
            compact(&log).await;
        }
        let seen = see(&log).await;
        drop(log);
        assert_eq!(see(&open(&disk)).await, seen, "order {order}, later");
    }
}

/// A turn of one event that asks to be woken.
fn waking_turn(address: &Arc<Address>, expected: u64, wake_at: u64) -> Append {
    let mut events = EventColumns::default();
    events.types.push(0);
    events.payloads.push(b"event");
    let parts = FrameParts {
        actor: address.id(),
        first: Sequence(expected + 1),
        time: Timestamp(1),
        wake_at: Some(Timestamp(wake_at)),
        revision: RevisionId(1),
        events: &events,
        effects: &[],
        keys: &[],
    };
    let frame = Frame::encode(&parts).expect("sound");
    Append { address: Arc::clone(address), expected: Sequence(expected), frame }
}

/// Address and deletion stay where they are; the newest event lies between them and goes. It alone says where the journal
/// ends and when the actor is to be woken.
#[tokio::test]
async fn where_a_journal_ends_and_when_to_wake_survives_the_segment_of_its_deleted_last_event() {
    let disk = SimDisk::new();
    let log = open(&disk);
    let one = actor(0);
    // So large that not even a deletion fits behind it.
    let large = |key: &'static str, value: u8| log.put_record(key, Bytes::from(vec![value; 3_710]));
    log.append(waking_turn(&one, 0, 66)).await.expect("stored");
    large("kept 1", 1).await.expect("stored");
    log.append(waking_turn(&one, 1, 77)).await.expect("stored");
    large("replaced", 2).await.expect("stored");
    log.delete_through(one.id(), Sequence(2), DeleteGuard::Forced).await.expect("stored");
    large("kept 3", 3).await.expect("stored");
    large("replaced", 4).await.expect("stored");
    let seen = see(&log).await;
    assert_eq!(seen.wakes, 1);
    assert_eq!(compact(&log).await.segments_given_up, 1);
    let left = segments(&disk);
    assert!(left.contains(&1) && !left.contains(&2) && left.contains(&3), "{left:?}");
    drop(log);
    assert_eq!(see(&open(&disk)).await, seen);
}

/// The deletion of a record is forgotten with its segment, once no older segment is left: then none may come back.
#[tokio::test]
async fn a_removed_file_does_not_come_back_after_the_deletions_of_what_it_holds_are_forgotten() {
    let disk = SimDisk::new();
    let log = open(&disk);
    let large = |bytes: usize| log.put_record("large", Bytes::from(vec![1; bytes]));
    log.put_record("gone", Bytes::from_static(b"value")).await.expect("stored");
    // So large that not even a deletion fits behind it.
    large(3_850).await.expect("stored");
    log.delete_record("gone").await.expect("stored");
    large(3_800).await.expect("stored");
    // There is room behind this one: no later segment says yet that the first two are given up.
    large(2_000).await.expect("stored");
    assert_eq!(compact(&log).await.segments_given_up, 2);
    let seen = see(&log).await;
    for cut in 0..30 {
        assert_eq!(see(&open(&disk.after_power_cut(cut))).await, seen, "cut {cut}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_and_upkeep_at_the_same_time_lose_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let room = /* 16 KiB */ 16 * 1_024;
    let settings = LogSettings {
        segment_bytes: room,
        first_segment_bytes: room,
        ..LogSettings { dir: dir.path().join("store"), ..log_settings() }
    };
    let log = LogProvider::open(settings.clone()).expect("empty");
    let writers = (0..4).map(|writer| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let (address, mut seed) = (actor(writer), Seed(writer));
            for number in 0..300 {
                log.append(turn(&address, number, 1)).await.expect("stored");
                if number % 20 == 19 {
                    log.save_snapshot(snapshot(&address, number)).await.expect("stored");
                    log.delete_snapshot(address.id(), Sequence(number.saturating_sub(20))).await.expect("stored");
                    let through = Sequence(number - seed.below(10));
                    log.delete_through(address.id(), through, DeleteGuard::BehindSnapshot).await.expect("covered");
                    log.put_record(&format!("key {writer}"), Bytes::from(vec![1; 500])).await.expect("stored");
                    log.delete_record(&format!("key {writer}")).await.expect("stored");
                }
                // Whatever upkeep moves, a reader finds.
                assert!(frames(&log, writer).await.is_ok_and(|frames| frames.last().is_some()));
            }
        })
    });
    let writers = futures_util::future::join_all(writers);
    let upkeep = async {
        let mut given_up = 0;
        for _ in 0..60 {
            given_up += compact(&log).await.segments_given_up;
            log.maintain(Maintenance::Merge).await.expect("merged");
        }
        given_up
    };
    let (written, given_up) = futures_util::future::join(writers, upkeep).await;
    written.into_iter().for_each(|writer| writer.expect("no panic"));
    let given_up = given_up + compact(&log).await.segments_given_up;
    assert!(given_up > 5, "{given_up}");
    let seen = see(&log).await;
    assert_eq!(seen.actors.values().map(|(head, _, _)| head.sequence.0).sum::<u64>(), 1_200);
    assert!(seen.catalog.is_empty() && seen.actors.values().take(4).all(|(_, _, snapshots)| snapshots.len() == 1));
    log.close().await.expect("closed");
    drop(log);
    assert_eq!(see(&LogProvider::open(settings).expect("sound")).await, seen);
}

#[tokio::test]
async fn closing_and_dropping_wait_for_upkeep_before_the_directory_is_free() {
    for close in [true, false] {
        let (disk, seen) = worn(8, 150).await;
        let log = open(&disk);
        let working = {
            let log = Arc::clone(&log);
            tokio::spawn(async move { log.maintain(Maintenance::Compact).await })
        };
        tokio::task::yield_now().await;
        if close {
            log.close().await.expect("closed");
        }
        let _either = working.await.expect("no panic");
        drop(log);
        assert_eq!(see(&open(&disk)).await, seen);
    }
}

#[tokio::test]
async fn an_index_built_again_from_a_compacted_store_says_what_the_lost_one_said() {
    let (mut given_up, mut merged) = (0, 0);
    for number in 0..15 {
        let (disk, mut seed) = (SimDisk::new(), Seed(number));
        let log = open(&disk);
        for _ in 0..12 {
            for _ in 0..20 {
                call(&log, &mut seed).await;
            }
            let what = [Maintenance::Checkpoint, Maintenance::Compact, Maintenance::Merge];
            let done = log.maintain(what[usize::try_from(seed.below(3)).expect("small")]).await.expect("open");
            given_up += done.segments_given_up;
            merged += done.actors_merged;
        }
        let expected = see(&log).await;
        if number % 2 == 0 {
            log.close().await.expect("closed");
        }
        let left = disk.after_kill();
        drop(log);
        left.remove_index();
        let log = open(&left);
        assert_eq!(see(&log).await, expected, "seed {number}, built again");
        compact(&log).await;
        log.maintain(Maintenance::Merge).await.expect("merged");
        assert_eq!(see(&log).await, expected, "seed {number}, compacted with it");
        log.close().await.expect("closed");
        drop(log);
        left.remove_index();
        assert_eq!(see(&open(&left)).await, expected, "seed {number}, built once more");
    }
    assert!(given_up > 30 && merged > 10, "{given_up} segments given up, {merged} actors merged");
}

#[tokio::test]
async fn merging_looks_only_at_actors_that_a_checkpoint_found_scattered_and_at_each_once() {
    let disk = SimDisk::new();
    let log = open(&disk);
    for number in 0..40 {
        log.append(turn(&actor(1_000 + number), 0, 3)).await.expect("stored");
    }
    let remembered = |disk: &SimDisk| disk.index_entries().keys().filter(|key| key[0] == 7).count();
    log.maintain(Maintenance::Checkpoint).await.expect("written");
    assert_eq!(remembered(&disk), 0, "one place each");
    for round in 0..4 {
        log.append(turn(&actor(0), round * 2, 2)).await.expect("stored");
        for number in 0..40 {
            log.append(turn(&actor(2_000 + round * 100 + number), 0, 3)).await.expect("stored");
        }
        log.maintain(Maintenance::Checkpoint).await.expect("written");
    }
    assert_eq!(remembered(&disk), 1);
    assert_eq!(log.maintain(Maintenance::Merge).await.expect("merged").actors_merged, 1);
    assert_eq!(remembered(&disk), 0);
    let before = disk.steps();
    assert_eq!(log.maintain(Maintenance::Merge).await.expect("merged").actors_merged, 0);
    assert_eq!(disk.steps(), before, "a quiet store is left alone");
}
