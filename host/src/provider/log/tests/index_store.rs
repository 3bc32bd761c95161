//! What an index store must do, tried on the real and the simulated one.

use std::sync::Arc;

use crate::provider::log::disk::{
    Direction, Disk, IndexBatch, IndexMemory, IndexStore, MemoryIndex, RealDisk, SimDisk, Table, is_useless,
};

const MEMORY: IndexMemory = IndexMemory { cache_bytes: 1 << 20, write_bytes: 1 << 20 };

fn batch(changes: &[(Table, &str, Option<&str>)]) -> IndexBatch {
    let mut batch = IndexBatch::default();
    for (table, key, value) in changes {
        match value {
            Some(value) => batch.insert(*table, key.as_bytes().to_vec(), value.as_bytes().to_vec()),
            None => batch.remove(*table, key.as_bytes().to_vec()),
        }
    }
    batch
}

fn keys(store: &dyn IndexStore, table: Table, from: &str, to: &str, direction: Direction, limit: usize) -> String {
    let found = store.view().range(table, from.as_bytes()..to.as_bytes(), direction, limit).expect("readable");
    found.into_iter().map(|(key, _)| String::from_utf8(key).expect("text")).collect::<Vec<_>>().join(" ")
}

fn check(store: &dyn IndexStore) {
    let all = [
        (Table::Runs, "a", Some("1")),
        (Table::Runs, "b", Some("2")),
        (Table::Runs, "c", Some("3")),
        (Table::Names, "b", Some("n")),
    ];
    store.commit(batch(&all)).expect("committed");
    assert_eq!(keys(store, Table::Runs, "a", "c", Direction::Ascending, 9), "a b");
    assert_eq!(keys(store, Table::Runs, "a", "z", Direction::Descending, 2), "c b");
    assert_eq!(keys(store, Table::Names, "", "z", Direction::Ascending, 9), "b");
    assert_eq!(keys(store, Table::Meta, "", "z", Direction::Ascending, 9), "");
    assert_eq!(keys(store, Table::Runs, "c", "a", Direction::Ascending, 9), "");
    let before = store.view();
    store.commit(batch(&[(Table::Runs, "a", None), (Table::Runs, "d", Some("4"))])).expect("committed");
    assert_eq!(keys(store, Table::Runs, "a", "z", Direction::Ascending, 9), "b c d");
    let seen = before.range(Table::Runs, b"a"..b"z", Direction::Ascending, 9).expect("readable");
    assert_eq!(seen.first(), Some(&(b"a".to_vec(), b"1".to_vec())), "a view does not change");
}

#[test]
fn every_index_store_keeps_tables_apart_in_order_and_views_unchanged() {
    check(&MemoryIndex::default());
    check(&*SimDisk::new().open_index(MEMORY).expect("opened"));
    let dir = tempfile::tempdir().expect("a directory");
    check(&*RealDisk::new(dir.path()).expect("a disk").open_index(MEMORY).expect("opened"));
}

#[test]
fn an_index_store_holds_after_opening_again_what_was_committed_until_a_new_one_takes_its_place() {
    let dir = tempfile::tempdir().expect("a directory");
    let disks: [Arc<dyn Disk>; 2] = [Arc::new(RealDisk::new(dir.path()).expect("a disk")), Arc::new(SimDisk::new())];
    for disk in disks {
        disk.discard_new_index().expect("nothing to do");
        disk.open_index(MEMORY).expect("new").commit(batch(&[(Table::Runs, "a", Some("1"))])).expect("committed");
        let again = disk.open_index(MEMORY).expect("sound");
        assert_eq!(keys(&*again, Table::Runs, "a", "z", Direction::Ascending, 9), "a");
        // One that is given up touches nothing, and leaves nothing to the next.
        let given_up = disk.open_new_index(MEMORY).expect("new");
        given_up.commit(batch(&[(Table::Runs, "x", Some("1"))])).expect("committed");
        drop(given_up);
        let new = disk.open_new_index(MEMORY).expect("new");
        assert_eq!(keys(&*new, Table::Runs, "a", "z", Direction::Ascending, 9), "");
        new.commit(batch(&[(Table::Runs, "b", Some("1"))])).expect("committed");
        assert_eq!(keys(&*again, Table::Runs, "a", "z", Direction::Ascending, 9), "a");
        drop((again, new));
        disk.replace_index().expect("replaced");
        let index = disk.open_index(MEMORY).expect("whole");
        assert_eq!(keys(&*index, Table::Runs, "a", "z", Direction::Ascending, 9), "b");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "puts something foreign in the index's place")]
fn what_is_no_database_is_useless_and_can_be_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = RealDisk::new(dir.path()).expect("a disk");
    std::fs::write(dir.path().join("index"), b"not a directory").expect("written");
    assert!(disk.open_index(MEMORY).is_err_and(|error| is_useless(&error)));
    drop(disk.open_new_index(MEMORY).expect("beside it"));
    disk.replace_index().expect("replaced");
    disk.open_index(MEMORY).expect("new");
}

#[test]
fn a_commit_that_the_power_interrupts_is_there_whole_or_not_at_all() {
    let disk = SimDisk::new();
    let store = disk.open_index(MEMORY).expect("new");
    store.commit(batch(&[(Table::Runs, "a", Some("1"))])).expect("committed");
    disk.crash_at(disk.steps() + 1);
    assert!(store.commit(batch(&[(Table::Runs, "b", Some("2")), (Table::Runs, "c", Some("3"))])).is_err());
    let mut outcomes: Vec<_> = (0..20)
        .map(|seed| {
            let left = disk.after_power_cut(seed).open_index(MEMORY).expect("opened");
            keys(&*left, Table::Runs, "a", "z", Direction::Ascending, 9)
        })
        .collect();
    outcomes.sort();
    outcomes.dedup();
    assert_eq!(outcomes, ["a", "a b c"]);
}
