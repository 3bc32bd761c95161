//! What the index proves: a log that ends before what was durable is refused, untouched, and opens when that is wanted.

use std::io::ErrorKind;
use std::sync::Arc;

use super::history::turn;
use super::index::{actor, filled, open, see, small};
use crate::provider::log::disk::{Disk, Entries, Fault, FaultKind, SimDisk, Step};
use crate::provider::log::{LogProvider, LogSettings, Maintenance, segment};
use crate::provider::{EventStore, Provider, StoreError};

/// A store whose index covers it to its end, closed or killed.
async fn covered(is_closed: bool) -> SimDisk {
    let disk = SimDisk::new();
    let log = filled(&disk, 2).await;
    log.append(turn(&actor(0), 12, 1)).await.expect("stored");
    log.maintain(Maintenance::Checkpoint).await.expect("written");
    if is_closed {
        log.close().await.expect("closed");
    }
    drop(log);
    disk.after_kill()
}

/// The newest segment in use and where its last byte lies that is not zero.
fn newest(disk: &SimDisk) -> (String, usize) {
    let names = disk.names().expect("listed").into_iter().filter(|name| segment::number(name).is_some());
    let mut used = names.filter_map(|name| {
        let end = disk.content(&name)?.iter().rposition(|byte| *byte != 0)?;
        Some((name, end))
    });
    used.next_back().expect("a segment")
}

fn content(disk: &SimDisk) -> Vec<(String, Option<Vec<u8>>)> {
    disk.names().expect("listed").into_iter().map(|name| (name.clone(), disk.content(&name))).collect()
}

/// It is refused with the file's name, untouched, as often as it is tried; without the index it opens with what is left.
async fn check(disk: &SimDisk, what: &str) {
    let before = content(disk);
    for _ in 0..2 {
        let refused = LogProvider::open_on(Arc::new(disk.clone()), small()).err();
        let Some(StoreError::Corrupt { place, reason }) = &refused else { panic!("{what}: {refused:?}") };
        assert!(place.contains(".log at byte") && reason.contains("durable"), "{what}: {place}: {reason}");
        assert_eq!(content(disk), before, "{what}: something was changed");
    }
    disk.remove_index();
    see(&open(disk)).await;
}

#[tokio::test]
async fn a_newest_segment_that_was_cut_short_emptied_or_lost_is_refused() {
    for is_closed in [true, false] {
        let disk = covered(is_closed).await;
        let (name, end) = newest(&disk);
        let whole = disk.content(&name).expect("there");
        for length in [0, 10, segment::HEADER_BYTES, end - 200, end] {
            let cut = disk.after_kill();
            cut.put(&name, whole[..length].to_vec());
            check(&cut, &format!("closed {is_closed}: cut to {length} of {end}")).await;
            let mut zeros = whole[..length].to_vec();
            zeros.resize(whole.len(), 0);
            let emptied = disk.after_kill();
            emptied.put(&name, zeros);
            check(&emptied, &format!("closed {is_closed}: zeros from {length} of {end}")).await;
        }
        let lost = disk.after_kill();
        lost.remove(&name).expect("removed");
        lost.sync_names().expect("synced");
        check(&lost, &format!("closed {is_closed}: lost")).await;
    }
}

#[tokio::test]
async fn a_store_without_any_segment_but_with_its_index_is_refused() {
    let disk = covered(true).await;
    for name in disk.names().expect("listed") {
        disk.remove(&name).expect("removed");
    }
    disk.sync_names().expect("synced");
    check(&disk, "nothing is left").await;
}

/// Without the index it could not be told from a write that was torn.
#[tokio::test]
async fn a_bit_that_flips_in_the_last_batch_is_told_when_the_index_covers_that() {
    for is_closed in [true, false] {
        let disk = covered(is_closed).await;
        let (name, end) = newest(&disk);
        for at in (end - 50..end).step_by(7) {
            let flipped = disk.after_kill();
            flipped.flip(&name, at, 3);
            check(&flipped, &format!("closed {is_closed}: byte {at}")).await;
        }
    }
}

/// An index that is of an earlier moment, or of another store, proves nothing.
#[tokio::test]
async fn an_index_of_an_earlier_moment_or_of_another_store_refuses_nothing() {
    let disk = SimDisk::new();
    let log = filled(&disk, 2).await;
    let earlier = disk.index_entries();
    for round in 0..30 {
        log.append(turn(&actor(0), 12 + round, 1)).await.expect("stored");
    }
    let expected = see(&log).await;
    log.close().await.expect("closed");
    drop(log);
    let behind = disk.after_kill();
    behind.remove_index();
    earlier.iter().for_each(|(key, value)| behind.put_index_entry(key, Some(value)));
    assert_eq!(see(&open(&behind)).await, expected);

    let other = covered(true).await;
    let (meta, mut value) =
        other.index_entries().first_key_value().map(|(key, value)| (key.clone(), value.clone())).expect("written");
    // The store's tag.
    value[4] ^= 1;
    other.put_index_entry(&meta, Some(&value));
    open(&other).close().await.expect("closed");
}

fn entries(disk: &SimDisk) -> Entries {
    (*disk.index_entries()).clone()
}

/// A log whose newest segment was cut short is refused, as long as its index is there.
async fn check_cut(disk: &SimDisk, what: &str) {
    let (name, end) = newest(disk);
    let whole = disk.content(&name).expect("there");
    disk.put(&name, whole[..end - 200].to_vec());
    check(disk, what).await;
}

/// The log is refused for another reason first: that must not cost the proof.
#[tokio::test]
async fn a_refusal_for_a_missing_segment_leaves_the_index_and_what_it_proves() {
    for is_closed in [true, false] {
        let disk = covered(is_closed).await;
        let names: Vec<_> =
            disk.names().expect("listed").into_iter().filter(|n| segment::number(n).is_some()).collect();
        for name in &names[..names.len() - 2] {
            let disk = disk.after_kill();
            let (before, moved) = (entries(&disk), disk.content(name).expect("there"));
            disk.remove(name).expect("removed");
            disk.sync_names().expect("synced");
            let left = content(&disk);
            for _ in 0..2 {
                let refused = LogProvider::open_on(Arc::new(disk.clone()), small()).err();
                assert!(matches!(&refused, Some(StoreError::Corrupt { .. })), "without {name}: {refused:?}");
                assert_eq!((entries(&disk), content(&disk)), (before.clone(), left.clone()), "without {name}");
            }
            disk.put(name, moved);
            check_cut(&disk, &format!("{name} was away")).await;
        }
    }
}

/// An index of an earlier moment is built anew when it does not fit the log; not before the log was found sound.
#[tokio::test]
async fn a_useless_index_is_replaced_only_once_the_whole_log_was_found_sound() {
    let disk = covered(true).await;
    let sound = disk.after_kill();
    let first = disk.content(&segment::name(1)).expect("there");
    let at = first.windows(7).position(|bytes| bytes == b"actor 0").expect("an address");
    // It does not open; the batch that it covers has another checksum.
    let spoils: [fn(&SimDisk); 2] = [SimDisk::break_index, |disk| {
        let entries = disk.index_entries();
        let (key, value) = entries.first_key_value().expect("what it covers");
        let mut value = value.clone();
        value[36] ^= 1;
        disk.put_index_entry(key, Some(&value));
    }];
    for spoil in spoils {
        let damaged = disk.after_kill();
        spoil(&damaged);
        damaged.flip(&segment::name(1), at, 0);
        let (before, left) = (entries(&damaged), content(&damaged));
        let refused = LogProvider::open_on(Arc::new(damaged.clone()), small()).err();
        assert!(matches!(&refused, Some(StoreError::Corrupt { .. })), "{refused:?}");
        assert_eq!((entries(&damaged), content(&damaged)), (before, left));
        assert!(!damaged.trace().contains(&Step::ReplaceIndex));
        let whole = sound.after_kill();
        spoil(&whole);
        see(&open(&whole)).await;
        assert!(whole.trace().contains(&Step::ReplaceIndex));
    }
}

/// No file handles, no space, no permission, another process: what the index proves is there still.
#[tokio::test]
async fn an_index_that_the_system_does_not_let_us_use_is_left_alone() {
    let kinds = [ErrorKind::Other, ErrorKind::PermissionDenied, ErrorKind::StorageFull, ErrorKind::WouldBlock];
    for kind in kinds {
        let disk = covered(true).await;
        let (before, left) = (entries(&disk), content(&disk));
        disk.fail_index_opening(2, kind);
        for _ in 0..2 {
            let refused = LogProvider::open_on(Arc::new(disk.clone()), small()).err();
            let is_told = match &refused {
                Some(StoreError::DiskFull { place }) => kind == ErrorKind::StorageFull && place.ends_with("index"),
                Some(StoreError::Locked { place }) => kind == ErrorKind::WouldBlock && place.ends_with("index"),
                Some(StoreError::Io { place, .. }) => place.ends_with("index"),
                _ => false,
            };
            assert!(is_told, "{kind:?}: {refused:?}");
            assert_eq!((entries(&disk), content(&disk)), (before.clone(), left.clone()), "{kind:?}");
        }
        let sound = disk.after_kill();
        see(&open(&sound)).await;
        assert!(!sound.trace().contains(&Step::ReplaceIndex), "{kind:?}");
        check_cut(&disk, &format!("{kind:?}")).await;
    }
}

/// The log must be read again, and what it says finds no room in the index.
#[tokio::test]
async fn an_index_that_finds_no_room_while_the_log_is_opened_is_left_alone() {
    let disk = SimDisk::new();
    let log = filled(&disk, 2).await;
    for round in 0..60 {
        log.append(turn(&actor(0), 12 + round, 1)).await.expect("stored");
    }
    drop(log);
    let disk = disk.after_kill();
    let before = entries(&disk);
    disk.fail(Fault { kind: FaultKind::Full, from: 1, steps: u64::MAX });
    let refused = LogProvider::open_on(Arc::new(disk.clone()), small()).err();
    assert!(matches!(&refused, Some(StoreError::DiskFull { .. })), "{refused:?}");
    assert!(entries(&disk) == before, "the index was changed");
    let disk = disk.after_kill();
    assert_eq!(open(&disk).head(actor(0).id()).await.map(|head| head.sequence.0), Ok(72));
    assert!(!disk.trace().contains(&Step::ReplaceIndex));
}

/// Nothing is missing: it must not be said that it is.
#[tokio::test]
async fn a_damaged_header_of_the_newest_segment_is_told_as_that() {
    let disk = covered(true).await;
    let (name, end) = newest(&disk);
    for at in [0, 9, 20, 41, 50, 63] {
        let damaged = disk.after_kill();
        damaged.flip(&name, at, 2);
        let refused = LogProvider::open_on(Arc::new(damaged), small()).err();
        let Some(StoreError::Corrupt { place, reason }) = &refused else { panic!("byte {at}: {refused:?}") };
        assert!(place.ends_with(&format!("{name} at byte 0")) && reason.contains("header"), "{place}: {reason}");
    }
    // The last byte of the batch that the index covers: that is no shorter log.
    let damaged = disk.after_kill();
    damaged.flip(&name, end, 0);
    let refused = LogProvider::open_on(Arc::new(damaged), small()).err();
    let Some(StoreError::Corrupt { reason, .. }) = &refused else { panic!("{refused:?}") };
    assert!(reason.contains("fails its checksum") && !reason.contains("ends with"), "{reason}");
}

/// A database that another process has open is not ours to judge.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "it is another process")]
async fn a_real_index_that_somebody_else_has_open_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = || LogSettings::new(dir.path());
    let log = LogProvider::open(settings()).expect("empty");
    log.append(turn(&actor(0), 0, 2)).await.expect("stored");
    log.close().await.expect("closed");
    drop(log);
    let index = || {
        let listed = std::fs::read_dir(dir.path().join("index")).expect("there");
        let mut names: Vec<_> = listed.map(|entry| entry.expect("listed").file_name()).collect();
        names.sort();
        names
    };
    let before = index();
    let other = std::fs::File::open(dir.path().join("index/lock")).expect("the database's lock");
    other.try_lock().expect("free");
    let refused = LogProvider::open(settings()).err();
    assert!(matches!(&refused, Some(StoreError::Locked { place }) if place.ends_with("index")), "{refused:?}");
    assert_eq!(index(), before);
    assert!(!dir.path().join("index.new").exists());
    drop(other);
    let log = LogProvider::open(settings()).expect("free");
    assert_eq!(log.head(actor(0).id()).await.map(|head| head.sequence.0), Ok(2));
    log.close().await.expect("closed");
}
