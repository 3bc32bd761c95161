//! Bits that flip in the files of a real index: it is derived, so at worst it is built again.
#![expect(clippy::disallowed_methods, reason = "it damages files behind the store's back")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::history::{snapshot, turn};
use super::model::State;
use super::observe::{Unseen, observe};
use crate::provider::log::disk::Seed;
use crate::provider::log::{LogProvider, LogSettings};
use crate::provider::{Catalog, EventStore, Provider, SnapshotStore, StoreError};
use crate::vocab::Address;

/// Bits flipped, one after the other, each in a store of its own.
const FLIPS: u64 = 40;

fn settings(dir: &Path) -> LogSettings {
    let segment = /* 16 KiB */ 16 * 1_024;
    LogSettings { segment_bytes: segment, first_segment_bytes: segment, ..LogSettings::new(dir) }
}

fn actors() -> Vec<Arc<Address>> {
    (0..4).map(|index| Arc::new(Address::new("tenant", "kind", format!("actor {index}")).expect("legal"))).collect()
}

/// Every file below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("listed").path());
    let mut all: Vec<_> = paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    all.sort();
    all
}

/// A closed store with events, snapshots and catalog records.
async fn store(dir: &Path) -> State {
    let log = LogProvider::open(settings(dir)).expect("empty");
    for address in &actors() {
        for round in 0..30 {
            log.append(turn(address, round * 2, 2)).await.expect("stored");
        }
        log.save_snapshot(snapshot(address, 40)).await.expect("stored");
    }
    log.put_record("key", 7u64.to_le_bytes().to_vec().into()).await.expect("stored");
    let seen = observe(&log, &actors()).await.expect("sound");
    log.close().await.expect("closed");
    seen
}

async fn look(dir: &Path) -> Result<State, Unseen> {
    let log = LogProvider::open(settings(dir))?;
    let seen = observe(&log, &actors()).await;
    let _closed = log.close().await;
    seen
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).expect("below"));
        fs::create_dir_all(target.parent().expect("below")).expect("created");
        fs::copy(&file, target).expect("copied");
    }
}

#[tokio::test]
async fn a_bit_that_flips_in_the_index_costs_building_it_again_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let whole = store(dir.path()).await;
    let index = files(&dir.path().join("index"));
    assert!(!index.is_empty(), "the store has no index");
    let mut draw = Seed(81);
    for _ in 0..FLIPS {
        let copied = tempfile::tempdir().expect("a directory");
        copy(dir.path(), copied.path());
        let file = &index[usize::try_from(draw.below(index.len() as u64)).expect("small")];
        let target = copied.path().join(file.strip_prefix(dir.path()).expect("below"));
        let mut bytes = fs::read(&target).expect("read");
        if bytes.is_empty() {
            continue;
        }
        let at = usize::try_from(draw.below(bytes.len() as u64)).expect("small");
        bytes[at] ^= 1 << draw.below(8);
        fs::write(&target, bytes).expect("written");
        let what = format!("byte {at} of {}", target.display());
        match look(copied.path()).await {
            Ok(seen) => assert_eq!(seen, whole, "{what}"),
            // Found while reading: the next opening has built it again.
            Err(Unseen::Refused(StoreError::Io { .. } | StoreError::Corrupt { .. })) => {
                assert_eq!(look(copied.path()).await, Ok(whole.clone()), "{what}");
            }
            Err(other) => panic!("{what}: {other}"),
        }
    }
}
