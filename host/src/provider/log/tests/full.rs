//! A real file system that is full.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use super::history::{snapshot, turn};
use crate::provider::log::{LogProvider, LogSettings, Maintenance};
use crate::provider::{AppendError, DeleteGuard, EventStore, Provider, ReadRange, SnapshotStore, StoreError};
use crate::vocab::{Address, Sequence};

/// Who sets this knows that a disk that is really full is not tried.
const WITHOUT_MOUNT: &str = "GREENROOM_TEST_WITHOUT_MOUNT";

/// A file system of a given size in memory; gone when dropped.
struct Mounted(tempfile::TempDir);

impl Mounted {
    /// `None` where mounting is not allowed and somebody has said that this is known: a test that was not made must not look as
    /// if it had passed.
    fn new(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        match mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"], dir.path()) {
            Ok(()) => Some(Self(dir)),
            Err(_) if std::env::var_os(WITHOUT_MOUNT).is_some() => None,
            Err(reason) => panic!(
                "a small file system cannot be mounted here ({reason}): run this as root, or under `unshare -rm`, or set \
                 {WITHOUT_MOUNT}=1 to go without the tests on a disk that is really full"
            ),
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

/// Takes all the space that is left, until it is dropped.
struct Ballast(std::path::PathBuf);

impl Ballast {
    fn new(dir: &Path) -> Self {
        let file = dir.join("ballast");
        let output =
            Command::new("dd").arg("if=/dev/zero").arg(format!("of={}", file.display())).arg("bs=4096").output();
        assert!(!output.expect("dd").status.success(), "the disk is not full");
        Self(file)
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        let _gone = Command::new("rm").arg(&self.0).status();
    }
}

/// The database of the index refuses everything once a write of it failed; it is opened again when there is space.
#[tokio::test]
async fn an_index_that_found_no_space_is_written_once_there_is_some() {
    let Some(mounted) = Mounted::new("48m") else { return };
    let settings = LogSettings {
        maintain: false,
        index_write_bytes: /* 256 KiB */ 256 * 1_024,
        resident_actors: 1,
        ..settings(mounted.0.path())
    };
    let log = LogProvider::open(settings.clone()).expect("empty");
    let actors: Vec<_> = (0..40).map(|number| actor(&format!("{number}"))).collect();
    for address in &actors {
        log.append(turn(address, 0, 2)).await.expect("stored");
    }
    log.maintain(Maintenance::Checkpoint).await.expect("written");
    let ballast = Ballast::new(mounted.0.path());
    let mut heads = vec![2; actors.len()];
    let mut refused = None;
    'full: for _ in 0..20 {
        for (address, head) in actors.iter().zip(&mut heads) {
            match log.append(turn(address, *head, 1)).await {
                Ok(last) => *head = last.0,
                Err(AppendError::Failed(StoreError::DiskFull { .. })) => break,
                Err(other) => panic!("{other:?}"),
            }
        }
        if let Err(error) = log.maintain(Maintenance::Checkpoint).await {
            refused = Some(error);
            break 'full;
        }
    }
    assert!(matches!(refused, Some(StoreError::DiskFull { .. } | StoreError::Io { .. })), "{refused:?}");
    assert!(log.maintain(Maintenance::Checkpoint).await.is_err(), "there is no space still");
    for (address, head) in actors.iter().zip(&heads) {
        assert_eq!(count(&log, address, 1).await, *head, "reading goes on");
    }
    drop(ballast);
    log.maintain(Maintenance::Checkpoint).await.expect("there is space");
    for (address, head) in actors.iter().zip(&mut heads) {
        *head = log.append(turn(address, *head, 3)).await.expect("there is space").0;
    }
    log.maintain(Maintenance::Checkpoint).await.expect("written");
    drop(log);
    let log = LogProvider::open(settings).expect("sound");
    for (address, head) in actors.iter().zip(&heads) {
        assert_eq!(count(&log, address, 1).await, *head);
    }
    log.close().await.expect("closed");
}
