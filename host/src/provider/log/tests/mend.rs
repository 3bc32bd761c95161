//! An index that could not be written: the log goes on, and so does the index once it can be written again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::history::{snapshot, turn};
use super::index::{ALL, Seen, actor, filled, open, see, small};
use super::verify::is_sound;
use crate::provider::log::disk::{Fault, FaultKind, SimDisk, Table};
use crate::provider::log::index::{Place, table};
use crate::provider::log::record;
use crate::provider::log::{LogProvider, LogSettings, Maintenance};
use crate::provider::{AppendError, Catalog, DeleteGuard, EventStore, Provider, SnapshotStore, StoreError};
use crate::vocab::Sequence;

/// What a commit that is told as a failure came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    ToNothing,
    ToBeThere,
}

/// Changes of every kind behind what [`filled`] wrote.
async fn change(log: &LogProvider, round: u64) {
    let head = 12 + 3 * (round - 1);
    for number in 0..12 {
        let address = actor(number);
        log.append(turn(&address, head, 3)).await.expect("stored");
        if number % 3 == 0 {
            log.save_snapshot(snapshot(&address, head + 1)).await.expect("stored");
        }
        if number % 4 == 0 {
            log.delete_through(address.id(), Sequence(head - 4), DeleteGuard::Forced).await.expect("stored");
        }
    }
    log.append(turn(&actor(100 + round), 0, 2)).await.expect("stored");
    log.put_record("key 0", Bytes::from(format!("changed {round}"))).await.expect("stored");
    log.put_record(&format!("new {round}"), Bytes::from("value")).await.expect("stored");
    if round > 1 {
        log.delete_record(&format!("new {}", round - 1)).await.expect("stored");
        log.delete_record("key 2").await.expect("stored");
    }
}

/// The bytes in use by segment, as the checkpoint says, are those that the entries point to.
fn check_live(disk: &SimDisk) {
    let entries = disk.index_entries();
    let of = |which: Table| {
        entries.iter().filter(move |(key, _)| key[0] == which as u8).map(|(key, value)| (&key[1..], &value[..]))
    };
    let mut live: BTreeMap<u64, u64> = BTreeMap::new();
    let mut add =
        |place: Place| *live.entry(place.segment).or_default() += record::padded_bytes(place.length as usize) as u64;
    for (key, value) in of(Table::Actors) {
        table::decode_actor(key, value).expect("sound").places().into_iter().for_each(&mut add);
    }
    for (key, value) in of(Table::Runs) {
        table::decode_run(key, value).expect("sound").frames.into_iter().for_each(|frame| add(frame.place));
    }
    for (key, value) in of(Table::Catalog) {
        add(table::decode_catalog(key, value).expect("sound").2);
    }
    let (_, meta) =
        of(Table::Meta).next_back().and_then(|(key, value)| table::Meta::decode(key, value)).expect("written");
    assert_eq!(meta.live, live);
}

/// All that callers see, from the open log, and from the same log opened again with this index and with one built anew.
async fn check(log: Arc<LogProvider>, disk: &SimDisk) -> Seen {
    log.maintain(Maintenance::Checkpoint).await.expect("written");
    assert_eq!(is_sound(disk), Ok(()));
    check_live(disk);
    let seen = see(&log).await;
    drop(log);
    assert_eq!(see(&open(&disk.after_kill())).await, seen, "opened again");
    let bare = disk.after_kill();
    bare.remove_index();
    assert_eq!(see(&open(&bare)).await, seen, "built anew");
    seen
}

#[tokio::test]
async fn a_checkpoint_that_failed_is_made_later_whatever_became_of_it() {
    for came in [Came::ToNothing, Came::ToBeThere] {
        // The failures come at every kind of moment: with changes before, between and after them, and with copies under way.
        for upkeep in [None, Some(Maintenance::Merge), Some(Maintenance::Compact)] {
            let disk = SimDisk::new();
            let log = filled(&disk, 2).await;
            change(&log, 1).await;
            match came {
                Came::ToNothing => disk.fail_index_commits(),
                Came::ToBeThere => disk.tell_index_commit_wrong(),
            }
            let what = upkeep.unwrap_or(Maintenance::Checkpoint);
            assert!(log.maintain(what).await.is_err(), "{came:?}, {what:?}");
            change(&log, 2).await;
            assert_eq!(log.maintain(Maintenance::Checkpoint).await.is_err(), came == Came::ToNothing);
            change(&log, 3).await;
            disk.allow_index_commits();
            check(log, &disk).await;
        }
    }
}

#[tokio::test]
async fn a_checkpoint_that_failed_among_copies_is_made_later() {
    for came in [Came::ToNothing, Came::ToBeThere] {
        for failing in 1..12 {
            let disk = SimDisk::new();
            let log = filled(&disk, 2).await;
            change(&log, 1).await;
            let commit = disk.trace().len() as u64 + failing;
            if came == Came::ToNothing {
                // Whatever step this is: the checkpoints of upkeep are among them.
                disk.fail(Fault { kind: FaultKind::Full, from: commit, steps: 1 });
            } else if failing > 4 {
                break;
            }
            for _ in 0..failing {
                if came == Came::ToBeThere {
                    disk.tell_index_commit_wrong();
                }
                let _may_fail = log.maintain(Maintenance::Compact).await;
                let _may_fail = log.maintain(Maintenance::Merge).await;
            }
            change(&log, 2).await;
            disk.allow_index_commits();
            log.maintain(Maintenance::Checkpoint).await.expect("it can be written again");
            log.maintain(Maintenance::Compact).await.expect("upkeep goes on");
            check(log, &disk).await;
        }
    }
}

#[tokio::test]
async fn a_log_whose_index_cannot_be_written_goes_on_and_loses_nothing() {
    let disk = SimDisk::new();
    let log = filled(&disk, 2).await;
    disk.fail_index_commits();
    assert!(log.maintain(Maintenance::Checkpoint).await.is_err());
    change(&log, 1).await;
    let expected = see(&log).await;
    log.close().await.expect("closed all the same");
    drop(log);
    assert_eq!(see(&open(&disk.after_kill())).await, expected);
}

/// Appends until the store refuses; where the journal ends then, and what it said.
async fn refused(log: &LogProvider, mut stored: u64) -> (u64, AppendError) {
    loop {
        match log.append(turn(&actor(0), stored, 1)).await {
            Ok(last) => stored = last.0,
            Err(refused) => return (stored, refused),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_are_refused_before_memory_is_full_and_go_on_by_themselves_once_the_index_can_be_written() {
    let disk = SimDisk::new();
    let settings = LogSettings { maintain: true, checkpoint_every_ms: 5, ..small() };
    let log = LogProvider::open_on(Arc::new(disk.clone()), settings).expect("empty");
    disk.fail_index_commits();
    let (stored, refusal) = refused(&log, 0).await;
    assert!(matches!(refusal, AppendError::Failed(StoreError::Io { .. })), "{refusal:?}");
    // The introduction of the actor is a change, too.
    assert!((79..250).contains(&stored), "{stored}");
    assert!(log.read(actor(0).id(), ALL).next().await.is_ok(), "reading goes on");
    let (same, _) = refused(&log, stored).await;
    assert_eq!(same, stored, "it is refused as long as it cannot be written");
    disk.allow_index_commits();
    let begun = Instant::now();
    let mut head = stored;
    while head < stored + 500 {
        match log.append(turn(&actor(0), head, 1)).await {
            Ok(last) => head = last.0,
            Err(AppendError::Failed(StoreError::Io { .. })) if begun.elapsed() < Duration::from_secs(60) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(other) => panic!("after {:?}: {other:?}", begun.elapsed()),
        }
    }
    log.close().await.expect("closed");
    drop(log);
    let log = open(&disk.after_kill());
    assert_eq!(log.head(actor(0).id()).await.map(|head| head.sequence), Ok(Sequence(head)));
    assert_eq!(is_sound(&disk), Ok(()));
}

/// An index that went back to an earlier moment under an open log would let a journal begin anew at an old place.
#[tokio::test]
async fn an_index_that_went_back_under_an_open_log_is_not_written_or_read_any_more() {
    let disk = SimDisk::new();
    let log = filled(&disk, 2).await;
    let earlier = disk.index_entries();
    change(&log, 1).await;
    log.maintain(Maintenance::Checkpoint).await.expect("written");
    change(&log, 2).await;
    disk.fail_index_commits();
    assert!(log.maintain(Maintenance::Checkpoint).await.is_err());
    disk.remove_index();
    earlier.iter().for_each(|(key, value)| disk.put_index_entry(key, Some(value)));
    let refused = log.maintain(Maintenance::Checkpoint).await;
    assert!(matches!(refused, Err(StoreError::Poisoned { .. })), "{refused:?}");
    let appended = log.append(turn(&actor(0), 18, 1)).await;
    assert!(matches!(appended, Err(AppendError::Failed(StoreError::Poisoned { .. }))), "{appended:?}");
    // One that is not in memory.
    let read = log.read(actor(40).id(), ALL).next().await;
    assert!(matches!(read, Err(StoreError::Io { .. })), "{read:?}");
    drop(log);
    let log = open(&disk.after_kill());
    assert_eq!(log.head(actor(0).id()).await.map(|head| head.sequence), Ok(Sequence(18)));
}
