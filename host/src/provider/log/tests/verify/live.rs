//! Beside a log that is open and written to, in a directory of this machine.
#![expect(clippy::disallowed_methods, reason = "these tests damage a store's files behind its back")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use futures_util::future::join_all;

use super::*;
use crate::provider::log::verify::Claim;
use crate::provider::log::{LogSettings, Maintenance};

fn real_settings(dir: &Path) -> LogSettings {
    let segment_bytes = /* 64 KiB */ 64 * 1_024;
    LogSettings { segment_bytes, first_segment_bytes: segment_bytes, ..LogSettings::new(dir) }
}

fn everything(dir: &Path) -> BTreeMap<String, (SystemTime, Option<Vec<u8>>)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry")) {
        let name = entry.path().display().to_string();
        let modified = entry.metadata().expect("known").modified().expect("known");
        if entry.path().is_dir() {
            found.extend(everything(&entry.path()));
            found.insert(name, (modified, None));
        } else {
            found.insert(name, (modified, std::fs::read(entry.path()).ok()));
        }
    }
    found.insert(dir.display().to_string(), (dir.metadata().expect("known").modified().expect("known"), None));
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_changes_no_byte_and_no_time_of_a_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = LogProvider::open(real_settings(dir.path())).expect("empty");
    for number in 0..200 {
        log.append(turn(&actor("a"), number, 1)).await.expect("stored");
    }
    drop(log);
    let name = dir.path().join(segment::name(2));
    let mut content = std::fs::read(&name).expect("there");
    content[3_000] ^= 4;
    std::fs::write(&name, content).expect("written");
    let before = everything(dir.path());
    let view = DirView::new(dir.path()).expect("a directory");
    let claim = view.claim().expect("readable");
    assert!(matches!(claim, Claim::Ours(_)), "{claim:?}");
    assert!(matches!(LogProvider::open(real_settings(dir.path())), Err(StoreError::Locked { .. })));
    let (findings, summary) = look_with(&view, &offline());
    assert!(!summary.sound && findings.iter().any(|finding| finding.segment == Some(2)), "{findings:?}");
    drop(claim);
    assert_eq!(everything(dir.path()), before);
    std::fs::remove_file(dir.path().join("LOCK")).expect("removed");
    assert!(matches!(view.claim(), Ok(Claim::Nobody)));
    assert!(!dir.path().join("LOCK").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_sound_while_it_is_written_to_and_segments_are_given_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = LogProvider::open(real_settings(dir.path())).expect("empty");
    let view = DirView::new(dir.path()).expect("a directory");
    assert!(matches!(view.claim(), Ok(Claim::Taken)));
    let done = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&done);
    let verifier = tokio::task::spawn_blocking(move || {
        let mut walks = Vec::new();
        // Whole in memory, and in several walks.
        for memory_bytes in [usize::MAX, 20 * 1_024].into_iter().cycle() {
            if stop.load(Ordering::Acquire) {
                break;
            }
            let settings = VerifySettings::new(VerifyMode::Online).with_memory_bytes(memory_bytes);
            walks.push(look_with(&view, &settings));
        }
        walks
    });
    let mut expected = 0;
    let mut given_up = false;
    while expected < 90 || !given_up {
        let turns: Vec<_> = (0..40).map(|number| log.append(turn(&actor(&format!("{number}")), expected, 3))).collect();
        for stored in join_all(turns).await {
            stored.expect("stored");
        }
        for number in 0..35 {
            let actor = actor(&format!("{number}"));
            log.save_snapshot(snapshot(&actor, expected + 3)).await.expect("stored");
            log.delete_snapshot(actor.id(), Sequence(expected)).await.expect("stored");
            log.delete_through(actor.id(), Sequence(expected), DeleteGuard::BehindSnapshot).await.expect("stored");
        }
        expected += 3;
        log.maintain(Maintenance::Merge).await.expect("merged");
        given_up |= log.maintain(Maintenance::Compact).await.expect("compacted").segments_given_up > 0;
    }
    done.store(true, Ordering::Release);
    let walks = verifier.await.expect("no panic");
    for (findings, summary) in &walks {
        // A walk may come between the word that a segment is given up and its removal.
        assert!(findings.iter().all(|finding| finding.kind == FindingKind::SegmentLeft), "{findings:?}");
        assert!(summary.sound && summary.complete);
    }
    let seen: Vec<u64> = walks.iter().map(|(_, summary)| summary.events).collect();
    assert!(seen.len() > 3 && seen.first() != seen.last(), "{seen:?}");
    log.close().await.expect("closed");
    let (findings, _) = look_with(&DirView::new(dir.path()).expect("a directory"), &offline());
    // A segment may have been prepared that was never used.
    assert!(findings.iter().all(|finding| finding.kind == FindingKind::SegmentUnused), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_found_beside_a_running_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = LogProvider::open(real_settings(dir.path())).expect("empty");
    for number in 0..300 {
        log.append(turn(&actor("a"), number, 1)).await.expect("stored");
    }
    let file = std::fs::OpenOptions::new().write(true).open(dir.path().join(segment::name(1))).expect("there");
    std::os::unix::fs::FileExt::write_all_at(&file, b"damaged!", 5_000).expect("written");
    let view = DirView::new(dir.path()).expect("a directory");
    let (findings, summary) = look_with(&view, &VerifySettings::new(VerifyMode::Online));
    assert!(summary.complete && !summary.sound);
    assert!(findings.iter().any(|finding| finding.actor == Some(actor("a").id())), "{findings:?}");
    log.close().await.expect("closed");
}
