//! A real file system that is full.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use super::history::{snapshot, turn};
use crate::provider::log::{LogProvider, LogSettings, Maintenance};
use crate::provider::{AppendError, DeleteGuard, EventStore, Provider, ReadRange, SnapshotStore, StoreError};
use crate::vocab::{Address, Sequence};

/// A file system of a given size in memory; gone when dropped.
struct Mounted(tempfile::TempDir);

impl Mounted {
    /// `None`, with the reason on the terminal, where mounting is not allowed.
    fn new(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        match mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"], dir.path()) {
            Ok(()) => Some(Self(dir)),
            Err(reason) => {
                println!("skipped: a small file system cannot be mounted here: {reason}");
                None
            }
        }
    }

    fn resize(&self, size: &str) {
        mount(&["-o", &format!("remount,size={size}")], self.0.path()).expect("mounted once, it can be again");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg(self.0.path()).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> Result<(), String> {
    let output = Command::new("mount").args(arguments).arg(at).output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

fn settings(dir: &Path) -> LogSettings {
    LogSettings {
        segment_bytes: /* 128 KiB */ 128 * 1_024,
        first_segment_bytes: /* 128 KiB */ 128 * 1_024,
        upkeep_percent: 100,
        ..LogSettings::new(dir.join("store"))
    }
}

fn actor(key: &str) -> Arc<Address> {
    Arc::new(Address::new("tenant", "kind", key).expect("legal"))
}

/// Appends until the disk is full; where the journal ends then.
async fn fill(log: &LogProvider, address: &Arc<Address>, mut head: u64) -> u64 {
    loop {
        match log.append(turn(address, head, 8)).await {
            Ok(last) => head = last.0,
            Err(AppendError::Failed(StoreError::DiskFull { .. })) => return head,
            Err(other) => panic!("a full disk is told as {other:?}"),
        }
    }
}

async fn count(log: &LogProvider, address: &Address, from: u64) -> u64 {
    let range = ReadRange { from: Sequence(from), through: Sequence::MAX, batch_bytes: 64 * 1_024 };
    let (mut reader, mut next) = (log.read(address.id(), range), from);
    while let Some(frames) = reader.next().await.expect("readable") {
        for frame in frames {
            assert!(frame.header().first.0 <= next, "a hole in front of {}", frame.header().first);
            next = frame.header().last().0 + 1;
        }
    }
    next - 1
}

#[tokio::test]
async fn p101_a_real_full_disk_refuses_reads_on_and_works_again_when_space_returns() {
    let Some(mounted) = Mounted::new("2m") else { return };
    let log = LogProvider::open(settings(mounted.0.path())).expect("empty");
    let (one, two) = (actor("one"), actor("two"));
    let head = fill(&log, &one, 0).await;
    assert!(head > 1_000, "{head}");
    assert_eq!(count(&log, &one, 1).await, head, "reading goes on");
    assert!(matches!(log.append(turn(&two, 0, 200)).await, Err(AppendError::Failed(StoreError::DiskFull { .. }))));
    // The process is started anew on the full disk: nothing is lost, and it says the same.
    drop(log);
    let log = LogProvider::open(settings(mounted.0.path())).expect("sound, though the disk is full");
    let head = fill(&log, &one, head).await;
    assert_eq!(count(&log, &one, 1).await, head);
    mounted.resize("4m");
    let grown = fill(&log, &one, head).await;
    assert!(grown > head, "space is back");
    // Space that the store itself gives back counts as well.
    mounted.resize("8m");
    log.save_snapshot(snapshot(&one, grown)).await.expect("space is back");
    log.delete_through(one.id(), Sequence(grown), DeleteGuard::BehindSnapshot).await.expect("covered");
    let done = log.maintain(Maintenance::Compact).await.expect("room to copy");
    assert!(done.segments_given_up > 0, "{done:?}");
    log.append(turn(&two, 0, 200)).await.expect("stored");
    log.close().await.expect("closed");
    drop(log);
    let log = LogProvider::open(settings(mounted.0.path())).expect("sound");
    assert_eq!(log.head(one.id()).await.expect("known").sequence, Sequence(grown));
    assert_eq!(count(&log, &two, 1).await, 200);
    log.close().await.expect("closed");
}
