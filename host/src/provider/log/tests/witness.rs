//! What the index proves: a log that ends before what was durable is refused, untouched, and opens when that is wanted.

use std::sync::Arc;

use super::history::turn;
use super::index::{actor, filled, open, see, small};
use crate::provider::log::disk::{Disk, SimDisk};
use crate::provider::log::{LogProvider, Maintenance, segment};
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
