//! Sound stores are sound; whatever is done to one is told, with its place; nothing is ever written.

mod damage;
mod index;
mod journals;
mod live;

use self::index::look_at_all;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use super::faults::of_a_newer_format;
use super::history::{settings, snapshot, turn};
use crate::provider::log::disk::SimDisk;
use crate::provider::log::verify::{DirView, DiskView, StoreView, VerifySettings, verify};
use crate::provider::log::{LogProvider, segment};
use crate::provider::{
    Catalog, DeleteGuard, Durability, EventStore, Finding, FindingKind, Provider, SnapshotStore, StoreError,
    VerifyLine, VerifyMode, VerifySummary,
};
use crate::vocab::{Address, Sequence};

/// A store that a program wrote that knew format 1 only.
const FORMAT_1: [(u64, &[u8]); 2] = [
    (1, include_bytes!("../../../../tests/golden/log/v1/00000000000000000001.log")),
    (2, include_bytes!("../../../../tests/golden/log/v1/00000000000000000002.log")),
];
/// A store with every kind of record; segments between its own were given up.
const FORMAT_2: [(u64, &[u8]); 3] = [
    (2, include_bytes!("../../../../tests/golden/log/v2/00000000000000000002.log")),
    (4, include_bytes!("../../../../tests/golden/log/v2/00000000000000000004.log")),
    (5, include_bytes!("../../../../tests/golden/log/v2/00000000000000000005.log")),
];

fn actor(key: &str) -> Arc<Address> {
    Arc::new(Address::new("tenant", "kind", key).expect("legal"))
}

fn open(disk: &SimDisk) -> Arc<LogProvider> {
    LogProvider::open_on(Arc::new(disk.clone()), settings(Durability::Sync)).expect("a sound store")
}

fn offline() -> VerifySettings {
    VerifySettings::new(VerifyMode::Offline)
}

fn look_with(view: &dyn StoreView, settings: &VerifySettings) -> (Vec<Finding>, VerifySummary) {
    let mut findings = Vec::new();
    let mut listen = |line| {
        if let VerifyLine::Finding(finding) = line {
            findings.push(*finding);
        }
        ControlFlow::Continue(())
    };
    let summary = verify(view, settings, &mut listen).expect("a store");
    (findings, summary)
}

/// Verifies, and sees that nothing was written.
fn look(disk: &SimDisk) -> (Vec<Finding>, VerifySummary) {
    let steps = disk.steps();
    let looked = look_with(&DiskView(Arc::new(disk.clone())), &offline());
    assert_eq!(disk.steps(), steps, "something was written");
    looked
}

/// The log and its index beside each other: what is wrong with either; notes are not.
pub(super) fn is_sound(disk: &SimDisk) -> Result<(), String> {
    let (findings, summary) = look_at_all(disk);
    if summary.sound && summary.index_skipped.is_none() {
        return Ok(());
    }
    Err(format!("{:?}: {findings:?}", summary.index_skipped))
}

fn kinds(findings: &[Finding]) -> Vec<FindingKind> {
    findings.iter().map(|finding| finding.kind).collect()
}

/// A log of three actors in several segments, with one of everything, closed.
async fn filled() -> SimDisk {
    let disk = SimDisk::new();
    let log = open(&disk);
    for round in 0..12 {
        for key in ["one", "two", "three"] {
            log.append(turn(&actor(key), round * 2, 2)).await.expect("stored");
        }
    }
    let one = actor("one");
    for sequence in [10, 20] {
        log.save_snapshot(snapshot(&one, sequence)).await.expect("stored");
    }
    log.delete_snapshot(one.id(), Sequence(10)).await.expect("stored");
    log.delete_through(one.id(), Sequence(12), DeleteGuard::BehindSnapshot).await.expect("stored");
    log.put_record("key", Bytes::from_static(b"value")).await.expect("stored");
    log.put_record("other", Bytes::from_static(b"value")).await.expect("stored");
    log.delete_record("other").await.expect("stored");
    log.close().await.expect("closed");
    disk
}

fn names(disk: &SimDisk) -> Vec<String> {
    (1..).map(segment::name).take_while(|name| disk.content(name).is_some()).collect()
}

fn put(golden: &[(u64, &[u8])]) -> SimDisk {
    let disk = SimDisk::new();
    golden.iter().for_each(|(number, content)| disk.put(&segment::name(*number), content.to_vec()));
    disk
}

#[test]
fn the_golden_stores_are_sound() {
    let (findings, summary) = look(&put(&FORMAT_1));
    assert_eq!(findings, []);
    assert!(summary.sound && summary.complete);
    assert_eq!((summary.segments, summary.actors, summary.frames, summary.events), (2, 2, 3, 24));
    assert_eq!((summary.snapshots, summary.catalog_records), (2, 3));
    let (findings, summary) = look(&put(&FORMAT_2));
    assert_eq!(findings, []);
    assert!(summary.sound && summary.complete);
    assert_eq!((summary.segments, summary.actors), (3, 2));
}

#[tokio::test]
async fn what_a_log_wrote_is_sound_closed_or_killed() {
    let disk = filled().await;
    let (findings, summary) = look(&disk);
    assert_eq!((findings, summary.sound), (Vec::new(), true));
    assert_eq!((summary.actors, summary.events), (3, 72));
    let log = open(&disk);
    log.append(turn(&actor("four"), 0, 1)).await.expect("stored");
    drop(log);
    let (findings, summary) = look(&disk.after_kill());
    assert_eq!((findings, summary.actors), (Vec::new(), 4));
}

#[tokio::test]
async fn less_memory_means_more_walks_and_the_same_answer() {
    let disk = SimDisk::new();
    let log = open(&disk);
    let appends: Vec<_> = (0..3_000).map(|number| log.append(turn(&actor(&format!("{number}")), 0, 1))).collect();
    for stored in futures_util::future::join_all(appends).await {
        stored.expect("stored");
    }
    log.close().await.expect("closed");
    // A snapshot that the journal has not reached: an actor's fault, found in whichever walk looks at that actor.
    let view = DiskView(Arc::new(disk.clone()));
    let (findings, whole) = look_with(&view, &offline());
    assert_eq!((findings, whole.passes, whole.actors), (Vec::new(), 1, 3_000));
    let (findings, parts) = look_with(&view, &offline().with_memory_bytes(200 * 1_024));
    assert!(parts.passes >= 4, "{} walks", parts.passes);
    assert_eq!((findings, parts.actors), (Vec::new(), 3_000));
    let counts = |summary: &VerifySummary| (summary.frames, summary.batches, summary.records, summary.bytes);
    assert_eq!(counts(&parts), counts(&whole));
}

#[test]
fn where_there_is_no_store_there_is_an_error_and_not_a_sound_store() {
    let dir = tempfile::tempdir().expect("a directory");
    let view = DirView::new(dir.path()).expect("a directory");
    let refused = verify(&view, &offline(), &mut |_| ControlFlow::Continue(()));
    assert!(matches!(refused, Err(StoreError::Io { .. })), "{refused:?}");
    assert!(DirView::new(&dir.path().join("nothing")).is_err());
    assert_eq!(std::fs::read_dir(dir.path()).expect("a directory").count(), 0);
}

#[tokio::test]
async fn a_newer_format_is_refused_as_opening_refuses_it() {
    for length in [64, 72, 4_096] {
        let disk = filled().await;
        let name = segment::name(2);
        let mut content = disk.content(&name).expect("there");
        of_a_newer_format(&mut content, length);
        disk.put(&name, content);
        let view = DiskView(Arc::new(disk));
        let refused = verify(&view, &offline(), &mut |_| ControlFlow::Continue(()));
        assert!(matches!(refused, Err(StoreError::FormatTooNew { found: 3, .. })), "{length}: {refused:?}");
    }
}

#[tokio::test]
async fn a_listener_that_leaves_ends_the_walk() {
    let disk = filled().await;
    disk.put("foreign", Vec::new());
    let mut told = 0;
    let summary = verify(&DiskView(Arc::new(disk)), &offline(), &mut |_| {
        told += 1;
        ControlFlow::Break(())
    });
    let summary = summary.expect("a store");
    assert_eq!((told, summary.complete, summary.sound, summary.batches), (2, false, false, 0));
}
