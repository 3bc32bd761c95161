use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::frame::{EventColumns, Frame, FrameParts};
use crate::provider::{
    Catalog, EventStore, ReadRange, SharedProvider, Snapshot, SnapshotMeta, SnapshotStore, StoreError,
};
use crate::vocab::{Address, Kind, RevisionId, Sequence, Tenant, Timestamp};

fn address(key: &str) -> Arc<Address> {
    Arc::new(Address::new("acme", "counter", key).unwrap())
}

fn frame(key: &str, first: u64, events: usize) -> Frame {
    let mut columns = EventColumns::default();
    for at in 0..events {
        columns.types.push(0);
        columns.payloads.push(&[u8::try_from(at).unwrap()]);
    }
    let parts = FrameParts {
        actor: address(key).id(),
        first: Sequence(first),
        time: Timestamp(7),
        wake_at: Some(Timestamp(99)),
        revision: RevisionId(3),
        events: &columns,
        effects: &[],
        keys: &[],
    };
    Frame::encode(&parts).unwrap()
}

fn snapshot(key: &str, at: u64) -> Snapshot {
    let meta = SnapshotMeta {
        sequence: Sequence(at),
        time: Timestamp(5),
        revision: RevisionId(3),
        state_version: 1,
        state_bytes: 5,
    };
    Snapshot { address: address(key), meta, state: Bytes::from_static(b"state"), ledger: Bytes::from_static(b"ledger") }
}

fn actor(key: &str, sequence: u64, deleted_through: u64) -> ExportRecord {
    let head = ExportedHead { sequence: Sequence(sequence), deleted_through: Sequence(deleted_through) };
    ExportRecord::Actor { address: address(key).as_ref().clone(), head }
}

/// Two actors: `a` has everything, the first 4 events of `b` are deleted, inside a frame.
fn records() -> Vec<ExportRecord> {
    vec![
        ExportRecord::Catalog { key: "revision/1".to_owned(), value: Bytes::from_static(b"record") },
        actor("a", 5, 0),
        ExportRecord::of_snapshot(&snapshot("a", 2)),
        ExportRecord::of_snapshot(&snapshot("a", 5)),
        ExportRecord::Frame(frame("a", 1, 2).bytes().clone()),
        ExportRecord::Frame(frame("a", 3, 3).bytes().clone()),
        ExportRecord::Catalog { key: "skip/b".to_owned(), value: Bytes::from_static(b"skip") },
        actor("b", 7, 4),
        ExportRecord::of_snapshot(&snapshot("b", 4)),
        ExportRecord::Frame(frame("b", 3, 3).bytes().clone()),
        ExportRecord::Frame(frame("b", 6, 2).bytes().clone()),
        ExportRecord::End { actors: 2, frames: 4, snapshots: 3 },
    ]
}

fn bytes(records: &[ExportRecord]) -> Vec<u8> {
    let mut bytes = EXPORT_HEADER.to_vec();
    records.iter().for_each(|record| bytes.extend(record.encode().unwrap()));
    bytes
}

#[expect(clippy::disallowed_methods, reason = "a file of the test")]
fn open(bytes: &[u8]) -> (tempfile::TempDir, Result<Arc<ExportProvider>, StoreError>) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("histories.grx");
    std::fs::write(&file, bytes).unwrap();
    let opened = ExportProvider::open(&file);
    (dir, opened)
}

fn reason(records: &[ExportRecord]) -> String {
    open(&bytes(records)).1.unwrap_err().to_string()
}

async fn numbers(provider: &SharedProvider, key: &str, from: u64, through: u64, batch_bytes: usize) -> Vec<u64> {
    let range = ReadRange { from: Sequence(from), through: Sequence(through), batch_bytes };
    let mut reader = provider.read(address(key).id(), range);
    let mut found = Vec::new();
    while let Some(frames) = reader.next().await.unwrap() {
        found.extend(frames.iter().map(|frame| frame.header().first.0));
    }
    assert!(reader.next().await.unwrap().is_none());
    found
}

#[tokio::test]
async fn what_was_exported_is_read_again_deleted_beginnings_included() {
    let (_dir, opened) = open(&bytes(&records()));
    let provider: SharedProvider = opened.unwrap();
    let head = provider.head(address("b").id()).await.unwrap();
    assert_eq!((head.sequence, head.deleted_through, head.wake_at), (Sequence(7), Sequence(4), None));
    assert_eq!(numbers(&provider, "a", 1, u64::MAX, 1).await, [1, 3]);
    assert_eq!(numbers(&provider, "a", 2, 2, 1_000).await, [1]);
    assert_eq!(numbers(&provider, "a", 5, 9, 1_000).await, [3]);
    assert_eq!(numbers(&provider, "b", 5, 7, 1_000).await, [3, 6]);
    assert_eq!(numbers(&provider, "a", 1, 0, 1_000).await, Vec::<u64>::new());
    assert_eq!(numbers(&provider, "nobody", 1, 9, 1_000).await, Vec::<u64>::new());
    let id = address("a").id();
    let listed: Vec<_> = provider.list_snapshots(id).await.unwrap().iter().map(|meta| meta.sequence.0).collect();
    assert_eq!(listed, [5, 2]);
    assert_eq!(provider.load_snapshot(id, Sequence(4)).await.unwrap(), Some(snapshot("a", 2)));
    assert_eq!(provider.load_snapshot(id, Sequence(1)).await.unwrap(), None);
    assert_eq!(provider.record_keys("").await.unwrap(), ["revision/1", "skip/b"]);
    let (tenant, kind) = (Tenant::new("acme").unwrap(), Kind::new("counter").unwrap());
    let listed = provider.actors(&tenant, &kind, Some("a"), 9).await.unwrap();
    assert_eq!(listed.iter().map(|actor| actor.address.key.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(provider.actors(&tenant, &kind, None, 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_can_be_changed_and_what_a_host_notes_is_forgotten() {
    let (_dir, opened) = open(&bytes(&records()));
    let provider = opened.unwrap();
    let frozen = FrozenProvider::new(Arc::<ExportProvider>::clone(&provider));
    let append = || crate::provider::Append { address: address("a"), expected: Sequence(5), frame: frame("a", 6, 1) };
    assert!(provider.append(append()).await.is_err() && frozen.append(append()).await.is_err());
    assert!(provider.save_snapshot(snapshot("a", 5)).await.is_err());
    assert!(frozen.save_snapshot(snapshot("a", 5)).await.is_err());
    assert!(frozen.delete_snapshot(address("a").id(), Sequence(5)).await.is_err());
    assert!(provider.put_record("x", Bytes::new()).await.is_err());
    frozen.put_record("revision/2", Bytes::from_static(b"new")).await.unwrap();
    frozen.delete_record("revision/1").await.unwrap();
    assert_eq!(frozen.record_keys("revision/").await.unwrap(), ["revision/2"]);
    assert_eq!(frozen.record("revision/1").await.unwrap(), None);
    assert_eq!(frozen.record("revision/2").await.unwrap().unwrap(), "new");
    assert_eq!(provider.record_keys("revision/").await.unwrap(), ["revision/1"], "the export is as it was");
    assert!(frozen.wakes().await.unwrap().is_empty());
}

#[test]
fn an_export_that_is_cut_off_anywhere_is_refused() {
    let whole = bytes(&records());
    for length in 0..whole.len() {
        assert!(open(&whole[..length]).1.is_err(), "the first {length} of {} bytes", whole.len());
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert!(open(&longer).1.unwrap_err().to_string().contains("behind the end"));
    assert!(open(&whole).1.is_ok());
}

#[test]
fn every_flipped_bit_is_found() {
    let whole = bytes(&records());
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(open(&damaged).1.is_err(), "byte {at}");
    }
}

#[test]
fn a_newer_format_and_something_else_are_told_apart() {
    let mut newer = bytes(&records());
    newer[4] = 2;
    assert!(matches!(open(&newer).1, Err(StoreError::FormatTooNew { found: 2, supported: 1, .. })));
    assert!(open(b"something else entirely").1.unwrap_err().to_string().contains("no export"));
}

#[test]
fn journals_with_something_missing_foreign_or_twice_are_refused() {
    let without = |at: usize| {
        let mut records = records();
        records.remove(at);
        records
    };
    assert!(reason(&without(4)).contains("does not go on with 3"), "the first frame");
    assert!(reason(&without(5)).contains("ends at 2, it should at 5"), "the last frame");
    assert!(reason(&without(3)).contains("records are missing"), "a snapshot");
    assert!(reason(&without(11)).contains("cut off"), "the end");
    let mut foreign = records();
    foreign[5] = ExportRecord::Frame(frame("b", 3, 3).bytes().clone());
    assert!(reason(&foreign).contains("of another actor"));
    let mut twice = records();
    twice.insert(11, actor("a", 0, 0));
    assert!(reason(&twice).contains("twice"));
    let nobody = [ExportRecord::Frame(frame("a", 1, 1).bytes().clone())];
    assert!(reason(&nobody).contains("of nobody"));
}

/// The bytes of version 1 never change.
#[test]
fn the_bytes_are_as_drawn() {
    let end = ExportRecord::End { actors: 1, frames: 2, snapshots: 300 }.encode().unwrap();
    assert_eq!(&EXPORT_HEADER, b"GRXP\x01\0\0\0");
    assert_eq!(end.len(), 12 + 5);
    assert_eq!(&end[..4], &5_u32.to_le_bytes());
    assert_eq!(&end[8..], b"\x05\0\0\0\x01\x02\xfb\x2c\x01");
    let checksum = crc32c::crc32c(b"\x05\x01\x02\xfb\x2c\x01");
    assert_eq!(&end[4..8], &checksum.to_le_bytes());
}
