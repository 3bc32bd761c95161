//! Indexes that are not those of the log beside them: ahead of it, from an earlier moment, or mixed of two moments.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::figures::{Figures, every_seed};
use super::history::{End, History};
use super::model::Floor;
use crate::provider::log::disk::{Seed, SimDisk, Step, Table};
use crate::provider::log::{LogProvider, LogSettings, Maintenance};
use crate::provider::{Durability, StoreError};

/// Power-cut images per index that is ahead.
const IMAGES: u64 = 3;

/// The tables without whose entries a reader is told.
const TELLABLE: [Table; 2] = [Table::Meta, Table::Runs];

/// The entries of an index.
type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

fn entries(disk: &SimDisk) -> Entries {
    disk.index_entries().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The same files, with another index beside them.
fn with_index(disk: &SimDisk, entries: &Entries) -> SimDisk {
    let disk = disk.after_kill();
    disk.remove_index();
    entries.iter().for_each(|(key, value)| disk.put_index_entry(key, Some(value)));
    disk
}

fn meta(entries: &Entries) -> Option<(&Vec<u8>, &Vec<u8>)> {
    entries.iter().rfind(|(key, _)| key.first() == Some(&(Table::Meta as u8)))
}

/// The steps of a history at which the index is committed, each with the sync in front of it; 0: there is none.
async fn commits(seed: u64, durability: Durability) -> Vec<(u64, u64)> {
    let calm = SimDisk::new();
    assert_eq!(History::new(seed, durability).run(&calm).await, End::Over);
    let mut sync = 0;
    let mut commits = Vec::new();
    for (number, step) in (1..).zip(calm.trace()) {
        match step {
            Step::Sync => sync = number,
            // What a file was removed for must be durable: to lie about that would be another defect.
            Step::Remove => sync = 0,
            Step::IndexCommit => commits.push((sync, number)),
            _ => {}
        }
    }
    commits
}

/// A store whose index was committed before the log that it is about was durable: the power goes during the commit,
/// which half of the images hold.
async fn ahead(seed: u64, sync: u64, commit: u64) -> (SimDisk, History) {
    let disk = SimDisk::new();
    disk.lie_at([sync]);
    disk.crash_at(commit);
    let mut history = History::new(seed, Durability::Flush);
    history.run(&disk).await;
    (disk, history)
}

/// Nothing is lost that was promised before the sync in question, which lied.
const fn floor(history: &History, sync: u64) -> Floor {
    if sync == 0 {
        Floor::Durable
    } else if sync <= history.opened_at {
        // What was there when the store was opened is what that sync did not keep.
        Floor::Earlier
    } else if history.model.promises_durable() {
        // A close promises what that sync did not keep.
        Floor::Nothing
    } else {
        Floor::Durable
    }
}

/// Commits the index too early at every commit of the history of `seed`.
pub(super) async fn ahead_everywhere(seed: u64, figures: &Figures) -> Result<(), String> {
    for (sync, commit) in commits(seed, Durability::Flush).await {
        let (disk, history) = ahead(seed, sync, commit).await;
        for image in 0..IMAGES {
            let left = disk.after_power_cut(Seed(seed ^ (commit << 16) ^ image).draw());
            figures.add("indexes ahead of the log", 1);
            let context = |broken| format!("seed {seed}, commit at step {commit}, image {image}: {broken}");
            not_believed(&history, floor(&history, sync), &left, figures).await.map_err(context)?;
        }
    }
    Ok(())
}

/// The store is refused, because the log ends in front of what its index proves to have been durable. Where the very batch
/// that it names has survived, and others before it have not, reading may say so; never is there anything else than what was
/// stored.
async fn not_believed(history: &History, floor: Floor, left: &SimDisk, figures: &Figures) -> Result<(), String> {
    let bare = with_index(left, &Entries::new());
    let trial = with_index(left, &entries(left));
    match history.clone().open(&trial, floor).await {
        Ok(_) => history.clone().survive(&with_index(left, &entries(left)), floor).await?,
        Err(End::Refused(StoreError::Corrupt { place, .. })) if place.contains(".log") => {
            figures.add("typed refusals", 1);
        }
        Err(other) => return Err(format!("{other:?}")),
    }
    figures.add("indexes replaced", u64::from(trial.trace().contains(&Step::ReplaceIndex)));
    history.clone().survive(&bare, floor).await.map_err(|broken| format!("without the index: {broken}"))
}

#[test]
fn a_log_that_ends_before_what_its_index_covers_is_refused_and_opens_without_it_with_all_that_was_promised() {
    let figures = Figures::default();
    assert_eq!(every_seed(1..4, |seed| ahead_everywhere(seed, &figures)), Ok(()));
    println!("{}", figures.table());
    assert!(figures.count("typed refusals") > 0, "no index was ahead");
}

/// A store that forgot all, where the disk lied while it was opened: what the disk kept before may not be missing.
#[test]
fn the_check_catches_a_store_that_forgot_what_was_kept_before_the_disk_lied() {
    let try_seed = |seed| async move {
        for (sync, commit) in commits(seed, Durability::Flush).await {
            let (_, history) = ahead(seed, sync, commit).await;
            if floor(&history, sync) == Floor::Earlier {
                history.clone().survive(&SimDisk::new(), Floor::Earlier).await?;
            }
        }
        Ok(())
    };
    let broken = every_seed(1..8, try_seed).expect_err("the check passed an empty store");
    assert!(broken.contains("no first part"), "{broken}");
}

/// A store that takes an index for its own although the log does not hold what that covers.
async fn believed(history: &History, floor: Floor, left: &SimDisk) -> Result<(), String> {
    let rebuilt = with_index(left, &Entries::new());
    if history.clone().open(&rebuilt, Floor::Earlier).await.is_err() {
        return Ok(());
    }
    let (mut ahead, own) = (entries(left), entries(&rebuilt));
    let Some(((key, _), (_, covered))) = meta(&ahead).zip(meta(&own)) else { return Ok(()) };
    let (key, covered) = (key.clone(), covered.clone());
    ahead.insert(key, covered);
    history.clone().survive(&with_index(&rebuilt, &ahead), floor).await
}

#[test]
fn the_check_catches_an_index_ahead_of_the_log_that_is_believed() {
    let try_seed = |seed| async move {
        for (sync, commit) in commits(seed, Durability::Flush).await {
            let (disk, history) = ahead(seed, sync, commit).await;
            for image in 0..IMAGES {
                let left = disk.after_power_cut(Seed(seed ^ image).draw());
                believed(&history, floor(&history, sync), &left).await?;
            }
        }
        Ok(())
    };
    let broken = every_seed(91..93, try_seed).expect_err("the check passed an index of events that are not there");
    let said = ["other events", "no first part", "lost", "cannot be read", "does not go on"];
    assert!(said.iter().any(|what| broken.contains(what)), "{broken}");
}

/// A history that is over, and the indexes that it had on the way.
async fn moments(seed: u64) -> (SimDisk, History, Vec<Entries>) {
    let disk = SimDisk::new();
    let mut history = History::new(seed, Durability::Sync);
    history.run(&disk).await;
    let mut earlier = Vec::new();
    for (_, commit) in commits(seed, Durability::Sync).await {
        let disk = SimDisk::new();
        disk.crash_at(commit + 1);
        History::new(seed, Durability::Sync).run(&disk).await;
        earlier.push(entries(&disk));
    }
    (disk, history, earlier)
}

/// Puts every index that the history of `seed` had on the way beside the log that it ended with.
pub(super) async fn behind_everywhere(seed: u64, figures: &Figures) -> Result<(), String> {
    let (disk, history, earlier) = moments(seed).await;
    for (moment, entries) in earlier.iter().enumerate() {
        figures.add("indexes of an earlier moment", 1);
        let survived = history.clone().survive(&with_index(&disk, entries), Floor::Written).await;
        survived.map_err(|broken| format!("seed {seed}, index {moment} of {}: {broken}", earlier.len()))?;
    }
    Ok(())
}

#[test]
fn an_index_of_any_earlier_moment_is_brought_up_to_the_log_or_built_again() {
    let figures = Figures::default();
    assert_eq!(every_seed(94..98, |seed| behind_everywhere(seed, &figures)), Ok(()));
    println!("{}", figures.table());
}

/// Entries that were removed long ago are there again, one at a time.
async fn left_over_everywhere(seed: u64, figures: &Figures) -> Result<(), String> {
    let (disk, history, earlier) = moments(seed).await;
    let now = entries(&disk);
    let old: Entries = earlier.into_iter().flatten().filter(|(key, _)| !now.contains_key(key)).collect();
    // A catalog record that is deleted leaves nothing in the index that its old entry would contradict.
    let tellable = |(key, _): &(&Vec<u8>, &Vec<u8>)| key.first() != Some(&(Table::Catalog as u8));
    for (key, value) in old.iter().step_by(3).filter(tellable) {
        figures.add("index entries left over", 1);
        let mut mixed = now.clone();
        mixed.insert(key.clone(), value.clone());
        let context = |broken: String| format!("seed {seed}, left over {key:?}: {broken}");
        harmless_or_told(&history, &disk, &mixed, figures).await.map_err(context)?;
    }
    Ok(())
}

/// Entries are missing, one at a time, of these tables.
async fn missing_everywhere(seed: u64, tables: &[Table], figures: &Figures) -> Result<(), String> {
    let (disk, history, _) = moments(seed).await;
    let now = entries(&disk);
    let is_of = |key: &&Vec<u8>| key.first().is_some_and(|table| tables.iter().any(|one| *one as u8 == *table));
    for key in now.keys().filter(is_of) {
        figures.add("index entries missing", 1);
        let mut mixed = now.clone();
        mixed.remove(key);
        let context = |broken: String| format!("seed {seed}, missing {key:?}: {broken}");
        if tables == TELLABLE {
            harmless_or_told(&history, &disk, &mixed, figures).await.map_err(context)?;
        }
        upkeep_takes_nothing(&history, &disk, &mixed, figures).await.map_err(context)?;
    }
    Ok(())
}

/// Upkeep, with an index that has forgotten something, gives up what it can; then the index is deleted, and everything is there.
async fn upkeep_takes_nothing(
    history: &History,
    disk: &SimDisk,
    entries: &Entries,
    figures: &Figures,
) -> Result<(), String> {
    let trial = with_index(disk, entries);
    let settings = LogSettings { give_up_below_percent: 100, ..history.settings.clone() };
    let Ok(log) = LogProvider::open_on(Arc::new(trial.clone()), settings) else { return Ok(()) };
    for what in [Maintenance::Compact, Maintenance::Merge, Maintenance::Compact] {
        match log.maintain(what).await {
            Ok(done) => {
                figures.add("segments given up", done.segments_given_up);
                figures.add("segments kept", done.segments_damaged);
            }
            Err(_) => figures.add("upkeep refused", 1),
        }
    }
    drop(log);
    let bare = trial.after_kill();
    bare.remove_index();
    history.clone().survive(&bare, Floor::Written).await.map_err(|broken| format!("after upkeep: {broken}"))
}

/// All is there, or a typed error says what is not, and the store is whole again without the index.
async fn harmless_or_told(
    history: &History,
    disk: &SimDisk,
    entries: &Entries,
    figures: &Figures,
) -> Result<(), String> {
    match history.clone().open(&with_index(disk, entries), Floor::Written).await {
        Ok(_) => figures.add("wrong entries without harm", 1),
        Err(End::Refused(StoreError::Corrupt { .. } | StoreError::Gap { .. } | StoreError::Io { .. })) => {
            figures.add("typed refusals", 1);
        }
        Err(other) => return Err(format!("{other:?}")),
    }
    history.clone().survive(&with_index(disk, &Entries::new()), Floor::Written).await
}

#[test]
fn an_entry_about_events_that_is_left_over_or_missing_is_harmless_or_told() {
    let figures = Figures::default();
    assert_eq!(every_seed(101..103, |seed| left_over_everywhere(seed, &figures)), Ok(()));
    assert_eq!(every_seed(101..103, |seed| missing_everywhere(seed, &TELLABLE, &figures)), Ok(()));
    println!("{}", figures.table());
    assert!(figures.count("segments given up") > 0 && figures.count("segments kept") > 0);
}

/// Who reads with such an index may not be told; but nothing is taken away that building it again would bring back.
#[test]
fn an_entry_about_an_actor_or_a_catalog_record_that_is_missing_costs_nothing_that_the_log_has() {
    let figures = Figures::default();
    let others = [Table::Actors, Table::Names, Table::Wakes, Table::Catalog, Table::Scattered];
    assert_eq!(every_seed(101..104, |seed| missing_everywhere(seed, &others, &figures)), Ok(()));
    println!("{}", figures.table());
    assert!(figures.count("segments given up") > 0 && figures.count("segments kept") > 0);
}
