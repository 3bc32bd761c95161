//! Disks that fail, fill up, or change bits behind the log's back.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;

use super::history::{settings, snapshot, turn};
use crate::provider::log::access::OpenIndex;
use crate::provider::log::core::Shared;
use crate::provider::log::disk::{Disk, MemoryIndex, SimDisk, Step};
use crate::provider::log::files::Files;
use crate::provider::log::index::Index;
use crate::provider::log::queue::{Op, WriteFailure};
use crate::provider::log::{Ended, LogProvider, LogSettings, batch, segment};
use crate::provider::{AppendError, Catalog, Durability, EventStore, Provider, ReadRange, SnapshotStore, StoreError};
use crate::vocab::{ActorId, Address, Sequence};

fn open(disk: &SimDisk) -> Result<Arc<LogProvider>, StoreError> {
    open_with(disk, settings(Durability::Sync))
}

fn open_with(disk: &SimDisk, settings: LogSettings) -> Result<Arc<LogProvider>, StoreError> {
    LogProvider::open_on(Arc::new(disk.clone()), settings)
}

fn actor(key: &str) -> Arc<Address> {
    Arc::new(Address::new("tenant", "kind", key).expect("legal"))
}

async fn read(log: &LogProvider, actor: ActorId) -> Result<u64, StoreError> {
    let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 100 };
    let mut reader = log.read(actor, range);
    let mut last = 0;
    while let Some(frames) = reader.next().await? {
        last = frames.last().map_or(last, |frame| frame.header().last().0);
    }
    Ok(last)
}

/// A log of three actors in several segments, closed.
async fn filled() -> SimDisk {
    let disk = SimDisk::new();
    let log = open(&disk).expect("empty");
    for round in 0..12 {
        for key in ["one", "two", "three"] {
            log.append(turn(&actor(key), round * 2, 2)).await.expect("stored");
        }
    }
    log.save_snapshot(snapshot(&actor("one"), 10)).await.expect("stored");
    log.save_snapshot(snapshot(&actor("one"), 20)).await.expect("stored");
    log.put_record("key", Bytes::from_static(b"value")).await.expect("stored");
    log.close().await.expect("closed");
    disk
}

#[tokio::test]
async fn p100_after_a_failed_sync_no_append_succeeds_until_the_log_is_reopened() {
    let disk = SimDisk::new();
    let log = open(&disk).expect("empty");
    let (one, two) = (actor("one"), actor("two"));
    log.append(turn(&one, 0, 2)).await.expect("stored");
    disk.fail_syncs(1);
    let unknown = log.append(turn(&one, 2, 2)).await;
    assert!(matches!(unknown, Err(AppendError::Unknown(StoreError::Io { .. }))), "{unknown:?}");
    for append in [turn(&one, 2, 2), turn(&one, 4, 2), turn(&two, 0, 1)] {
        let refused = log.append(append).await;
        assert!(
            matches!(refused, Err(AppendError::Failed(StoreError::Poisoned { .. }) | AppendError::Conflict { .. })),
            "{refused:?}"
        );
    }
    let refused = log.put_record("key", Bytes::new()).await;
    assert!(matches!(refused, Err(StoreError::Poisoned { .. })), "{refused:?}");
    // What was durable before stays readable.
    assert_eq!(read(&log, one.id()).await, Ok(2));
    assert!(log.close().await.is_err(), "a poisoned log cannot be closed cleanly");
    drop(log);
    // The disk as a power cut leaves it: the unknown turn is there or not, whole or not at all.
    for seed in 0..20 {
        let left = disk.after_power_cut(seed);
        let log = open(&left).expect("sound");
        let head = log.head(one.id()).await.expect("known").sequence.0;
        assert!(head == 2 || head == 4, "{head}");
        assert_eq!(read(&log, one.id()).await, Ok(head));
        log.append(turn(&one, head, 1)).await.expect("it goes on");
    }
}

#[tokio::test]
async fn p28_what_waits_behind_a_failed_write_is_certainly_not_stored() {
    let disk = SimDisk::new();
    // One record per batch, so that the second turn waits behind the first one's batch.
    let log = open_with(&disk, LogSettings { batch_bytes: 1, ..settings(Durability::Sync) }).expect("empty");
    let one = actor("one");
    log.append(turn(&one, 0, 1)).await.expect("stored");
    disk.fail_writes(1);
    let results = join_all((1..6).map(|expected| log.append(turn(&one, expected, 1)))).await;
    assert!(matches!(results[0], Err(AppendError::Unknown(_))), "{results:?}");
    for behind in &results[1..] {
        // Called before the failure: behind it. Called after it: refused at once.
        assert!(matches!(behind, Err(AppendError::Failed(StoreError::Poisoned { .. }))), "{behind:?}");
    }
    drop(log);
    let log = open(&disk.after_kill()).expect("the half-written batch is cut");
    assert_eq!(log.head(one.id()).await.expect("known").sequence, Sequence(1));
}

#[tokio::test]
async fn p101_a_full_disk_refuses_and_works_again_after_space_returns() {
    let disk = SimDisk::new();
    let log = open(&disk).expect("empty");
    let one = actor("one");
    disk.limit_capacity(Some(3 * 4_096));
    let mut stored = 0;
    let full = loop {
        match log.append(turn(&one, stored, 2)).await {
            Ok(last) => stored = last.0,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, AppendError::Failed(StoreError::DiskFull { .. })), "{full:?}");
    assert!(stored > 10, "{stored}");
    let again = log.append(turn(&one, stored, 2)).await;
    assert!(matches!(again, Err(AppendError::Failed(StoreError::DiskFull { .. }))), "{again:?}");
    // Nobody fills what is left of the disk with zeros to find out again.
    let before = disk.trace().len();
    for _ in 0..20 {
        assert!(log.append(turn(&one, stored, 2)).await.is_err());
    }
    let tried = disk.trace().split_off(before);
    assert!(!tried.iter().any(|step| matches!(step, Step::Create | Step::Write)), "{tried:?}");
    assert_eq!(read(&log, one.id()).await, Ok(stored));
    assert_eq!(log.head(one.id()).await.expect("known").sequence, Sequence(stored));
    disk.limit_capacity(None);
    log.append(turn(&one, stored, 2)).await.expect("space is back");
    log.append(turn(&actor("two"), 0, 1)).await.expect("space is back");
    log.close().await.expect("closed");
    drop(log);
    let log = open(&disk).expect("sound");
    assert_eq!(read(&log, one.id()).await, Ok(stored + 2));
}

#[tokio::test]
async fn a_full_disk_forgets_a_new_actor_completely() {
    let disk = SimDisk::new();
    let log = open(&disk).expect("empty");
    disk.limit_capacity(Some(4_096));
    let (large, one) = (turn(&actor("one"), 0, 60), actor("one"));
    let refused = log.append(large.clone()).await;
    assert!(matches!(refused, Err(AppendError::Failed(StoreError::DiskFull { .. }))), "{refused:?}");
    assert_eq!(log.head(one.id()).await.expect("known").sequence, Sequence::ZERO);
    assert!(log.actors(&one.tenant, &one.kind, None, 9).await.expect("known").is_empty());
    disk.limit_capacity(None);
    log.append(large).await.expect("space is back");
    log.close().await.expect("closed");
    drop(log);
    // The address was introduced in the log, not only in memory.
    let log = open(&disk).expect("sound");
    assert_eq!(log.actors(&one.tenant, &one.kind, None, 9).await.expect("known").len(), 1);
}

/// 1 if this is an error that names the damaged file, 0 if it is what was expected, else a failure.
fn damage<T: PartialEq + std::fmt::Debug>(name: &str, read: Result<T, StoreError>, expected: &T) -> u32 {
    match read {
        Err(StoreError::Corrupt { place, .. }) if place.contains(name) => 1,
        read => {
            assert_eq!(read.as_ref(), Ok(expected), "a bit of {name}");
            0
        }
    }
}

/// After a clean close, no flipped bit anywhere loses anything unnoticed.
#[tokio::test]
async fn a_flipped_bit_is_corruption_or_harmless_and_never_a_loss() {
    let disk = filled().await;
    let names: Vec<String> = (1..).map(segment::name).take_while(|name| disk.content(name).is_some()).collect();
    assert!(names.len() > 2, "{names:?}");
    let (mut corrupt, mut harmless) = (0, 0);
    for name in &names {
        let content = disk.content(name).expect("there");
        for at in (0..content.len()).step_by(5) {
            let damaged = disk.after_kill();
            damaged.flip(name, at, u8::try_from(at % 8).expect("small"));
            let before = damaged.content(name);
            match open(&damaged) {
                Err(StoreError::Corrupt { place, .. }) => {
                    assert!(place.contains(".log"), "{place}");
                    assert_eq!(damaged.content(name), before, "{name} was modified");
                    corrupt += 1;
                }
                Ok(log) => {
                    // What the index covers is not read when the log is opened: its readers find the damage.
                    let mut found = 0;
                    for key in ["one", "two", "three"] {
                        found += damage(name, read(&log, actor(key).id()).await, &24);
                    }
                    let newest = log.load_snapshot(actor("one").id(), Sequence::MAX).await;
                    found += damage(name, newest, &Some(snapshot(&actor("one"), 20)));
                    found += damage(name, log.record("key").await, &Some(Bytes::from_static(b"value")));
                    corrupt += found;
                    if found > 0 {
                        continue;
                    }
                    harmless += 1;
                }
                Err(other) => panic!("bit {at} of {name}: {other}"),
            }
        }
    }
    assert!(corrupt > 100 && harmless > 100, "{corrupt} corrupt, {harmless} harmless");
}

/// A turn that reaches the disk together with the closing of a store that was closed before.
#[tokio::test]
async fn what_is_written_together_with_a_close_is_vouched_for_like_everything_else() {
    for durability in [Durability::Sync, Durability::Flush, Durability::Memory] {
        let disk = SimDisk::new();
        let log = open_with(&disk, settings(durability)).expect("empty");
        let appending = log.append(turn(&actor("one"), 0, 2));
        log.close().await.expect("closed");
        appending.await.expect("stored");
        drop(log);
        let left = disk.after_power_cut(1);
        let log = open(&left).expect("sound");
        assert_eq!(read(&log, actor("one").id()).await, Ok(2), "{durability:?}");
        drop(log);
        let name = segment::name(1);
        let content = disk.content(&name).expect("there");
        let at = content.windows(6).position(|bytes| bytes == b"one 2 ").expect("stored");
        disk.flip(&name, at, 3);
        disk.remove_index();
        assert!(matches!(open(&disk.after_kill()), Err(StoreError::Corrupt { .. })), "{durability:?}");
    }
}

#[tokio::test]
async fn corruption_names_the_segment_the_actor_and_the_sequence() {
    let disk = filled().await;
    let name = segment::name(1);
    let content = disk.content(&name).expect("there");
    // The payload of the third actor's first event.
    let at = content.windows(8).position(|bytes| bytes == b"three 1 ").expect("stored");
    disk.flip(&name, at, 3);
    disk.remove_index();
    let Err(StoreError::Corrupt { place, reason }) = open(&disk) else { panic!("it opened") };
    assert!(place.contains(&name) && place.contains("byte"), "{place}");
    assert!(reason.contains(&actor("three").id().to_string()) && reason.contains("sequence 1"), "{reason}");
}

#[tokio::test]
async fn p55_p56_a_bit_that_flips_while_the_log_is_open_is_found_by_the_reader_of_that_actor_only() {
    let disk = filled().await;
    let log = open(&disk).expect("sound");
    let name = segment::name(1);
    let content = disk.content(&name).expect("there");
    let at = content.windows(8).position(|bytes| bytes == b"three 1 ").expect("stored");
    disk.flip(&name, at, 0);
    let three = actor("three").id();
    let Err(StoreError::Corrupt { place, .. }) = read(&log, three).await else { panic!("it was read") };
    for part in [&name, &three.to_string(), "sequence 1", "byte"] {
        assert!(place.contains(part), "{place} without {part}");
    }
    assert_eq!(read(&log, actor("one").id()).await, Ok(24));
}

#[tokio::test]
async fn p90_a_corrupt_snapshot_is_an_error_and_the_older_one_can_be_asked_for() {
    let disk = filled().await;
    let log = open(&disk).expect("sound");
    let one = actor("one").id();
    for number in (1..).map(segment::name).take_while(|name| disk.content(name).is_some()) {
        let content = disk.content(&number).expect("there");
        if let Some(at) = content.windows(9).position(|bytes| bytes == b"one at 20") {
            disk.flip(&number, at, 1);
        }
    }
    let newest = log.load_snapshot(one, Sequence::MAX).await;
    assert!(matches!(newest, Err(StoreError::Corrupt { .. })), "{newest:?}");
    let older = log.load_snapshot(one, Sequence(19)).await;
    assert_eq!(older, Ok(Some(snapshot(&actor("one"), 10))));
}

#[tokio::test]
async fn p103_a_second_process_is_refused_and_opening_again_changes_nothing() {
    let disk = filled().await;
    let log = open(&disk).expect("sound");
    assert!(matches!(open(&disk), Err(StoreError::Locked { .. })));
    log.close().await.expect("closed");
    let name = segment::name(1);
    let before = disk.content(&name);
    for _ in 0..3 {
        let log = open(&disk).expect("sound");
        log.close().await.expect("closed");
    }
    assert_eq!(disk.content(&name), before);
}

#[tokio::test]
async fn p104_a_newer_format_is_refused_untouched() {
    // The header of a newer format may be longer, and of every length it says itself that it is intact.
    for length in [64, 72, 400, 4_096] {
        let disk = filled().await;
        let name = segment::name(2);
        let mut content = disk.content(&name).expect("there");
        of_a_newer_format(&mut content, length);
        disk.put(&name, content.clone());
        let steps = disk.steps();
        let refused = open(&disk);
        let is_told = matches!(refused, Err(StoreError::FormatTooNew { found: 3, supported: 2, .. }));
        assert!(is_told, "{length}: {refused:?}");
        assert_eq!((disk.steps(), disk.content(&name)), (steps, Some(content.clone())), "{length}");
        // One flipped bit in it is damage and not a newer format.
        let at = usize::try_from(length - 8).expect("small");
        disk.flip(&name, at, 1);
        let refused = open(&disk);
        assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{length}: {refused:?}");
    }
    // None is as long as this: it is damage.
    let disk = filled().await;
    let mut content = disk.content(&segment::name(2)).expect("there");
    content.resize(9_000, 0);
    of_a_newer_format(&mut content, 4_104);
    disk.put(&segment::name(2), content);
    assert!(matches!(open(&disk), Err(StoreError::Corrupt { .. })));
}

/// Makes a segment's header that of format 3, so many bytes long, with the checksum where every format has it.
pub(super) fn of_a_newer_format(content: &mut [u8], length: u32) {
    content[8..12].copy_from_slice(&3u32.to_le_bytes());
    content[12..16].copy_from_slice(&length.to_le_bytes());
    let (checked, rest) = content.split_at_mut(usize::try_from(length).expect("small") - 4);
    rest[..4].copy_from_slice(&crc32c::crc32c(checked).to_le_bytes());
}

#[tokio::test]
async fn a_missing_segment_is_corruption() {
    let disk = filled().await;
    for number in [1, 2] {
        let damaged = SimDisk::new();
        for other in (1..).take_while(|other| disk.content(&segment::name(*other)).is_some()) {
            if other != number {
                damaged.put(&segment::name(other), disk.content(&segment::name(other)).expect("there"));
            }
        }
        let refused = open(&damaged);
        assert!(matches!(&refused, Err(StoreError::Corrupt { place, .. }) if place.contains(".log")), "{refused:?}");
    }
}

/// What the disk holds after the power went while a value full of batch headers with this tag was written.
async fn torn_imitations(tag: u64) -> Vec<SimDisk> {
    let (number, synced_through) = (u64::MAX, u64::MAX);
    let forged = batch::BatchHeader { tag, number, synced_through, payload_bytes: 0, records: 0, checksum: 0 };
    let disk = SimDisk::new();
    let log = open(&disk).expect("empty");
    log.append(turn(&actor("one"), 0, 1)).await.expect("stored");
    disk.crash_at(disk.steps() + 1);
    // The log's records begin at multiples of 8; "imitation" and the fields before it do not end at one.
    let value = [&[0; 7], forged.encode().repeat(8).as_slice()].concat();
    assert!(log.put_record("imitation", value.into()).await.is_err());
    (0..40).map(|seed| disk.after_power_cut(seed)).collect()
}

/// A value may look like batches that call the torn one durable; without the store's tag they are not believed.
#[tokio::test]
async fn a_value_that_imitates_a_batch_cannot_keep_a_log_from_opening() {
    for left in torn_imitations(0).await {
        let log = open(&left).expect("a torn tail");
        assert_eq!(read(&log, actor("one").id()).await, Ok(1));
    }
    // With the tag, which nobody outside can know, the imitation is good enough.
    let tag = SimDisk::new().random();
    assert!(torn_imitations(tag).await.iter().any(|left| matches!(open(left), Err(StoreError::Corrupt { .. }))));
}

#[tokio::test]
async fn dropping_without_closing_does_not_hang_and_answers_everybody() {
    let log = open(&SimDisk::new()).expect("empty");
    let waiting: Vec<_> = (0..200).map(|index| log.append(turn(&actor(&format!("{index}")), 0, 1))).collect();
    drop(log);
    for outcome in join_all(waiting).await {
        assert!(matches!(outcome, Ok(_) | Err(AppendError::Unknown(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn flush_syncs_on_time_though_the_queue_is_never_empty() {
    let disk = SimDisk::new();
    let room = 1_024 * 1_024;
    let settings = LogSettings {
        flush_every_ms: 0,
        batch_bytes: 1,
        segment_bytes: room,
        first_segment_bytes: room,
        ..settings(Durability::Flush)
    };
    let log = open_with(&disk, settings).expect("empty");
    let before = disk.steps();
    let turns: Vec<_> = (0..300).map(|number| turn(&actor("one"), number, 1)).collect();
    let appending: Vec<_> = turns.into_iter().map(|turn| log.append(turn)).collect();
    for appended in join_all(appending).await {
        appended.expect("stored");
    }
    let steps = disk.steps() - before;
    assert!(steps >= 599, "{steps} steps: the 300 writes were not synced one by one");
}

/// After a failed sync the system shows what it will never write. What was acknowledged on top of that after a restart
/// must survive a power cut all the same.
#[tokio::test]
async fn what_a_failed_sync_left_behind_is_written_again_before_the_log_goes_on() {
    let one = actor("one");
    for failing_at in 0..12 {
        let disk = SimDisk::new();
        let log = open(&disk).expect("empty");
        for number in 0..failing_at {
            log.append(turn(&one, number, 1)).await.expect("stored");
        }
        disk.fail_syncs(1);
        assert!(log.append(turn(&one, failing_at, 1)).await.is_err());
        drop(log);
        let disk = disk.after_kill();
        let log = open(&disk).expect("sound");
        let head = log.head(one.id()).await.expect("known").sequence.0;
        log.append(turn(&one, head, 1)).await.expect("stored");
        drop(log);
        for seed in 0..20 {
            let log = open(&disk.after_power_cut(seed)).expect("sound");
            assert_eq!(log.head(one.id()).await.expect("known").sequence.0, head + 1, "failing at {failing_at}");
            assert_eq!(read(&log, one.id()).await, Ok(head + 1));
        }
    }
}

#[tokio::test]
async fn nobody_waits_for_a_committer_that_has_died() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
    let claim = disk.lock().expect("a disk").expect("free").into();
    let store = OpenIndex::new(Arc::new(MemoryIndex::default()), claim);
    let shared = Arc::new(Shared::new(Index::new(1), settings(Durability::Sync), Files::new(disk), store));
    let waiting = shared.queue(&mut shared.lock(), Op::Barrier);
    let dying = Ended(Arc::clone(&shared));
    let died = std::thread::Builder::new().name("dying".to_owned()).spawn(move || {
        let _dying = dying;
        panic!("a defect");
    });
    assert!(died.expect("a thread").join().is_err());
    assert!(matches!(waiting.await, Ok(Err(WriteFailure::NotStored(StoreError::Poisoned { .. })))));
    assert!(matches!(shared.write(|_| Ok(Some(Op::Barrier))).await, Err(StoreError::Poisoned { .. })));
}
