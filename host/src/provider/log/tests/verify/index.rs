//! An index that says what the log says is told as sound, at any distance behind the log; every lie is told.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::provider::log::Maintenance;
use crate::provider::log::disk::{Direction, Disk, Entry, IndexBatch, IndexMemory, Table};
use crate::provider::log::verify::OpenView;

const MEMORY: IndexMemory = IndexMemory { cache_bytes: 1 << 20, write_bytes: 1 << 20 };

pub(super) fn look_at_all(disk: &SimDisk) -> (Vec<Finding>, VerifySummary) {
    let index = disk.open_index(MEMORY).expect("an index");
    look_with(&OpenView::new(Arc::new(disk.clone()), Ok(index)), &offline())
}

/// A closed log whose index covers all of it but a few records at its end.
async fn indexed() -> SimDisk {
    let disk = filled().await;
    let log = open(&disk);
    log.maintain(Maintenance::Checkpoint).await.expect("a checkpoint");
    log.append(turn(&actor("one"), 24, 2)).await.expect("stored");
    log.append(turn(&actor("late"), 0, 2)).await.expect("stored");
    log.put_record("late", Bytes::from_static(b"value")).await.expect("stored");
    drop(log);
    disk
}

fn entries(disk: &SimDisk, table: Table) -> Vec<Entry> {
    let view = disk.open_index(MEMORY).expect("an index").view();
    view.range(table, &[]..&[0xff; 64], Direction::Ascending, usize::MAX).expect("read")
}

/// Removes an entry, puts another one in, or both; and puts it right again when the look is over.
fn told(disk: &SimDisk, table: Table, was: &Entry, lie: Option<&Entry>) -> Vec<Finding> {
    let store = disk.open_index(MEMORY).expect("an index");
    let mut batch = IndexBatch::default();
    batch.remove(table, was.0.clone());
    lie.iter().for_each(|(key, value)| batch.insert(table, key.clone(), value.clone()));
    store.commit(batch).expect("committed");
    let (findings, summary) = look_at_all(disk);
    assert_eq!(summary.sound, findings.is_empty());
    let mut batch = IndexBatch::default();
    lie.iter().for_each(|(key, _)| batch.remove(table, key.clone()));
    batch.insert(table, was.0.clone(), was.1.clone());
    store.commit(batch).expect("committed");
    findings
}

fn are_of_the_index(findings: &[Finding]) -> bool {
    let of_index = [FindingKind::IndexUnreadable, FindingKind::IndexWrong, FindingKind::IndexMissing];
    findings.iter().all(|finding| of_index.contains(&finding.kind))
}

#[tokio::test]
async fn an_index_behind_its_log_is_sound() {
    let disk = indexed().await;
    let (findings, summary) = look_at_all(&disk);
    assert_eq!((findings, summary.sound, summary.index_skipped.clone()), (Vec::new(), true, None));
    assert!(summary.index_entries >= Some(8), "{summary:?}");
    let log = open(&disk);
    log.maintain(Maintenance::Checkpoint).await.expect("a checkpoint");
    let (findings, later) = look_at_all(&disk);
    assert_eq!((findings, later.sound), (Vec::new(), true));
    assert!(later.index_entries > summary.index_entries);
}

#[tokio::test]
async fn the_actors_of_every_walk_are_compared() {
    let disk = indexed().await;
    let index = disk.open_index(MEMORY).expect("an index");
    let view = OpenView::new(Arc::new(disk.clone()), Ok(index));
    let (_, one) = look_with(&view, &offline());
    let log = open(&disk);
    for number in 0..4_000 {
        log.append(turn(&actor(&number.to_string()), 0, 1)).await.expect("stored");
    }
    log.maintain(Maintenance::Checkpoint).await.expect("a checkpoint");
    let (findings, many) = look_with(&view, &offline().with_memory_bytes(100_000));
    assert_eq!((findings, many.sound), (Vec::new(), true));
    assert!(many.passes > 1 && many.index_entries >= one.index_entries.map(|entries| entries + 12_000), "{many:?}");
}

/// How scattered an actor's frames are: a hint for merging, at worst a merge too many or too late. It is not compared.
const SPREAD_BYTES: std::ops::Range<usize> = 40..68;

fn is_hint(table: Table, byte: usize) -> bool {
    table == Table::Scattered || table == Table::Actors && SPREAD_BYTES.contains(&byte)
}

#[tokio::test]
async fn every_entry_that_is_gone_is_told() {
    let disk = indexed().await;
    let mut tables = BTreeSet::new();
    for table in Table::ALL.into_iter().filter(|table| *table != Table::Scattered) {
        for entry in entries(&disk, table) {
            tables.insert(table);
            let findings = told(&disk, table, &entry, None);
            assert!(!findings.is_empty() && are_of_the_index(&findings), "{table:?} {entry:?}: {findings:?}");
        }
    }
    assert!(tables.len() >= 5, "{tables:?}");
    assert_eq!(look_at_all(&disk).0, []);
}

#[tokio::test]
async fn every_changed_byte_of_an_entry_is_told() {
    let disk = indexed().await;
    for table in Table::ALL.into_iter().filter(|table| *table != Table::Meta) {
        for entry in entries(&disk, table) {
            for byte in (0..entry.1.len()).filter(|byte| !is_hint(table, *byte)) {
                let mut lie = entry.clone();
                lie.1[byte] ^= 1;
                let findings = told(&disk, table, &entry, Some(&lie));
                assert!(!findings.is_empty() && are_of_the_index(&findings), "{table:?} byte {byte} of {entry:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_entry_of_nobody_is_told() {
    let disk = indexed().await;
    for table in [Table::Actors, Table::Runs, Table::Names, Table::Catalog] {
        let entry = entries(&disk, table).into_iter().next().expect("an entry");
        let mut other = entry.clone();
        other.0[0] ^= 1;
        let store = disk.open_index(MEMORY).expect("an index");
        let mut batch = IndexBatch::default();
        batch.insert(table, other.0.clone(), other.1);
        store.commit(batch).expect("committed");
        let (findings, _) = look_at_all(&disk);
        assert!(!findings.is_empty() && are_of_the_index(&findings), "{table:?}: {findings:?}");
        let mut batch = IndexBatch::default();
        batch.remove(table, other.0);
        store.commit(batch).expect("committed");
    }
}

#[tokio::test]
async fn a_directory_s_index_is_compared_in_a_copy_that_is_gone_afterwards() {
    let (dir, temporary) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let settings = crate::provider::log::LogSettings { maintain: false, ..settings(Durability::Sync) };
    let settings = crate::provider::log::LogSettings { dir: dir.path().to_owned(), ..settings };
    let log = LogProvider::open(settings).expect("opened");
    log.append(turn(&actor("one"), 0, 2)).await.expect("stored");
    log.maintain(Maintenance::Checkpoint).await.expect("a checkpoint");
    log.close().await.expect("closed");
    drop(log);
    let index = || {
        let names = std::fs::read_dir(dir.path().join("index")).expect("an index");
        let stamp = |entry: std::fs::DirEntry| (entry.file_name(), entry.metadata().unwrap().modified().unwrap());
        names.map(|entry| stamp(entry.unwrap())).collect::<BTreeSet<_>>()
    };
    let before = index();
    let view = DirView::new(dir.path()).expect("a directory").with_index_copied_to(temporary.path());
    let (findings, summary) = look_with(&view, &offline());
    assert_eq!((findings, summary.index_skipped.clone()), (Vec::new(), None));
    assert!(summary.index_entries >= Some(3), "{summary:?}");
    drop(view);
    assert_eq!(index(), before);
    assert_eq!(std::fs::read_dir(temporary.path()).expect("read").count(), 0);
}

/// Where the copy cannot be made that says nothing of the index; what was copied and is no index does.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "it damages the index behind the store's back")]
async fn a_copy_that_cannot_be_made_is_no_finding_and_a_damaged_index_is_one() {
    let (dir, temporary) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let settings = crate::provider::log::LogSettings { dir: dir.path().to_owned(), ..settings(Durability::Sync) };
    let log = LogProvider::open(settings).expect("opened");
    log.append(turn(&actor("one"), 0, 2)).await.expect("stored");
    log.close().await.expect("closed");
    drop(log);
    let view = DirView::new(dir.path()).expect("a directory").with_index_copied_to(&temporary.path().join("nothing"));
    let (findings, summary) = look_with(&view, &offline());
    assert_eq!((findings, summary.sound, summary.complete), (Vec::new(), true, true));
    let why = summary.index_skipped.expect("it was not compared");
    assert!(why.contains("nothing") && why.contains("TMPDIR") && summary.index_entries.is_none(), "{why}");

    std::fs::write(dir.path().join("index/version"), b"garbage").expect("written");
    let view = DirView::new(dir.path()).expect("a directory").with_index_copied_to(temporary.path());
    let (findings, summary) = look_with(&view, &offline());
    assert_eq!((kinds(&findings), summary.sound), (vec![FindingKind::IndexUnreadable], false));
}

/// What an index covers was durable: a log without it has lost it, and that must not pass for an unfinished write.
#[tokio::test]
async fn a_log_that_ends_before_what_its_index_covers_is_told_as_cut_short() {
    let disk = filled().await;
    let newest = names(&disk).pop().expect("a segment");
    let content = disk.content(&newest).expect("there");
    let end = content.iter().rposition(|byte| *byte != 0).expect("not empty");
    for length in [0, segment::HEADER_BYTES, end - 100, end] {
        let mut left = content[..length].to_vec();
        left.resize(content.len(), 0);
        let cut = disk.after_kill();
        cut.put(&newest, left);
        let (findings, summary) = look_at_all(&cut);
        let told = findings.iter().find(|finding| finding.kind == FindingKind::LogCutShort);
        let told = told.unwrap_or_else(|| panic!("{length}: {findings:?}"));
        assert!(told.segment.is_some() && told.offset.is_some() && !summary.sound, "{told:?}");
    }
}
