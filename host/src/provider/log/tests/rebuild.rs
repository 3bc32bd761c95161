//! Building the index anew from a log whose frames stand in front of the records that say whose they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::figures::{Figures, every_seed};
use super::history::{End, History, settings, snapshot, turn};
use super::model::Floor;
use super::verify::is_sound;
use crate::provider::log::disk::{Disk, SimDisk, Step};
use crate::provider::log::index::replay;
use crate::provider::log::record::{self, RecordKind};
use crate::provider::log::segment::{SegmentHeader, SegmentStart};
use crate::provider::log::{LogProvider, LogSettings, Maintenance, batch, segment};
use crate::provider::{DeleteGuard, Durability, EventStore, Provider, ReadRange, SnapshotStore, StoreError};
use crate::vocab::{ActorId, Address, Sequence};

/// Every record in the order of the log: its kind and its actor.
fn records(disk: &SimDisk) -> Vec<(RecordKind, Option<ActorId>)> {
    let mut records = Vec::new();
    for name in disk.names().expect("listed").into_iter().filter(|name| segment::number(name).is_some()) {
        let content = disk.content(&name).expect("listed");
        let SegmentStart::Used(header) = SegmentHeader::decode(&content) else { continue };
        let mut at = segment::HEADER_BYTES;
        while let Ok((batch, payload)) = batch::decode(&content[at..], header.tag) {
            for raw in record::walk(payload).map(|raw| raw.expect("sound")) {
                records.push((raw.kind, replay::actor_of(&raw).expect("sound")));
            }
            at += batch.batch_bytes();
        }
    }
    records
}

/// How many records stand in front of the one that introduces their actor.
fn strangers(disk: &SimDisk) -> usize {
    let (mut known, mut count) = (BTreeSet::new(), 0);
    for (kind, actor) in records(disk) {
        let Some(actor) = actor else { continue };
        if matches!(kind, RecordKind::ActorAddress | RecordKind::ActorSummary) {
            known.insert(actor);
        } else {
            count += usize::from(!known.contains(&actor));
        }
    }
    count
}

/// Whether any summary is there.
fn introduces(disk: &SimDisk) -> bool {
    records(disk).iter().any(|(kind, _)| *kind == RecordKind::ActorSummary)
}

/// Ends the building at every step, by a kill or a power cut, and begins it anew in what is left.
async fn interrupted_everywhere(seed: u64, figures: &Figures) -> Result<(), String> {
    let disk = SimDisk::new();
    let mut history = History::new(seed, Durability::Sync);
    assert_eq!(history.run(&disk).await, End::Over);
    // Every segment is a checkpoint.
    history.settings.checkpoint_changes = 2;
    let bare = || {
        let bare = disk.after_kill();
        bare.remove_index();
        bare
    };
    figures.add("records in front of their introduction", strangers(&disk) as u64);
    let whole = bare();
    history.clone().open(&whole, Floor::Written).await.map_err(|end| format!("seed {seed}: {end:?}"))?;
    for step in 1..=whole.steps() {
        for is_power_cut in [false, true] {
            let trial = bare();
            trial.crash_at(step);
            let _ended = history.clone().open(&trial, Floor::Written).await;
            let left = if is_power_cut { trial.after_power_cut(seed ^ step) } else { trial.after_kill() };
            figures.add("buildings interrupted", 1);
            let context = |broken| format!("seed {seed}, step {step}, power {is_power_cut}: {broken}");
            let opened = history.clone().open(&left, Floor::Written).await;
            opened.map_err(|end| context(format!("{end:?}")))?;
            is_sound(&left).map_err(context)?;
            history.clone().survive(&left, Floor::Written).await.map_err(context)?;
        }
    }
    Ok(())
}

#[test]
fn building_the_index_anew_can_be_interrupted_anywhere() {
    let figures = Figures::default();
    assert_eq!(every_seed(111..115, |seed| interrupted_everywhere(seed, &figures)), Ok(()));
    println!("{}", figures.table());
    assert!(figures.count("records in front of their introduction") > 10);
}

fn actor(number: u64) -> Arc<Address> {
    Arc::new(Address::new("tenant", "kind", format!("actor {number:03}")).expect("legal"))
}

const ACTORS: u64 = 30;
const ROUNDS: u64 = 40;

fn small() -> LogSettings {
    LogSettings { resident_actors: 4, checkpoint_changes: 60, give_up_below_percent: 90, ..settings(Durability::Sync) }
}

/// Frames of many actors, whose introductions were moved to the end of the log.
async fn strange() -> SimDisk {
    let disk = SimDisk::new();
    let log = LogProvider::open_on(Arc::new(disk.clone()), small()).expect("empty");
    for round in 0..ROUNDS {
        for number in 0..ACTORS {
            log.append(turn(&actor(number), round, 1)).await.expect("stored");
        }
        if round == 3 {
            // The first segments, which hold the addresses, are not needed any more; later ones are.
            for number in 0..ACTORS {
                let address = actor(number);
                log.save_snapshot(snapshot(&address, 3)).await.expect("stored");
                log.delete_through(address.id(), Sequence(3), DeleteGuard::BehindSnapshot).await.expect("covered");
            }
        }
    }
    assert!(log.maintain(Maintenance::Compact).await.expect("compacted").segments_given_up > 0);
    log.close().await.expect("closed");
    disk
}

#[tokio::test]
async fn memory_is_bounded_while_actors_are_not_known_yet() {
    let disk = strange().await;
    assert!(strangers(&disk) > 900, "{}", strangers(&disk));
    disk.remove_index();
    let log = LogProvider::open_on(Arc::new(disk.clone()), small()).expect("sound");
    // It was written while the log was read, not only at its end.
    assert!(disk.trace().iter().filter(|step| **step == Step::IndexCommit).count() > 10);
    for number in 0..ACTORS {
        let range = ReadRange { from: Sequence(4), through: Sequence::MAX, batch_bytes: usize::MAX };
        let frames = log.read(actor(number).id(), range).next().await.expect("sound").expect("there");
        assert_eq!(frames.len() as u64, ROUNDS - 3);
    }
    drop(log);
    assert_eq!(is_sound(&disk), Ok(()));
}

/// Without the records that introduce them, nobody can say whose the frames are.
#[tokio::test]
async fn actors_that_nobody_introduces_are_corruption_also_when_there_are_many() {
    let disk = strange().await;
    disk.remove_index();
    // The log ends in front of the first summary now.
    let mut names = disk.names().expect("listed");
    names.retain(|name| segment::number(name).is_some());
    while let Some(name) = names.pop() {
        if !introduces(&disk) {
            break;
        }
        disk.remove(&name).expect("removed");
    }
    assert!(strangers(&disk) > 60, "{}", strangers(&disk));
    let opened = LogProvider::open_on(Arc::new(disk), small());
    let Err(StoreError::Corrupt { reason, .. }) = opened else { panic!("{opened:?}") };
    assert!(reason.contains("no record says who"), "{reason}");
}
