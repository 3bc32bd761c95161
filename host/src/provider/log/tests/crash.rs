//! The power goes at every write and every sync of seeded histories; what was acknowledged must be there.

use std::sync::Arc;

use futures_util::future::join_all;

use super::history::{History, settings};
use crate::provider::Durability;
use crate::provider::log::disk::{Disk, SimDisk};

/// What a run of crashes came to: the first broken promise, if any.
type Outcome = Result<(), String>;

#[derive(Clone, Copy, PartialEq)]
enum Cut {
    Power,
    Process,
}

/// Runs the history of `seed` once for every step at which the power can go, and checks what is left each time.
async fn crash_everywhere(seed: u64, durability: Durability, cut: Cut, break_disk: fn(&SimDisk)) -> Outcome {
    let calm = SimDisk::new();
    History::new(seed).run(&calm, &settings(durability)).await;
    for step in 1..=calm.steps() + 1 {
        let disk = SimDisk::new();
        break_disk(&disk);
        disk.crash_at(step);
        let mut history = History::new(seed);
        history.run(&disk, &settings(durability)).await;
        for variant in 0..3 {
            let left = match cut {
                Cut::Power => disk.after_power_cut(seed ^ (step << 8) ^ variant),
                Cut::Process => disk.after_kill(),
            };
            let context = |broken: String| format!("seed {seed}, step {step}, variant {variant}: {broken}");
            history.verify(&left, &settings(durability)).await.map_err(context)?;
        }
    }
    Ok(())
}

async fn crash_all(durability: Durability, cut: Cut, break_disk: fn(&SimDisk)) -> Outcome {
    let runs = (1..=6).map(|seed| tokio::spawn(crash_everywhere(seed, durability, cut, break_disk)));
    join_all(runs).await.into_iter().try_for_each(|run| run.expect("no panic"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p97_every_acknowledged_write_survives_a_power_cut_at_any_step() {
    assert_eq!(crash_all(Durability::Sync, Cut::Power, |_| {}).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_write_survives_a_kill_at_any_step() {
    assert_eq!(crash_all(Durability::Sync, Cut::Process, |_| {}).await, Ok(()));
    assert_eq!(crash_all(Durability::Flush, Cut::Process, |_| {}).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_catches_a_store_without_syncs() {
    let outcome = crash_all(Durability::Sync, Cut::Power, SimDisk::lie_about_syncs).await;
    assert!(outcome.is_err(), "a disk that forgets everything passed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_catches_an_acknowledgement_before_the_sync() {
    let outcome = crash_all(Durability::Flush, Cut::Power, |_| {}).await;
    assert!(outcome.is_err(), "acknowledgements before the sync passed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_catches_an_acknowledgement_before_the_write() {
    let outcome = crash_all(Durability::Memory, Cut::Process, |_| {}).await;
    assert!(outcome.is_err(), "acknowledgements before the write passed");
}

/// A weaker durability loses acknowledged writes, but leaves a journal without a hole and a store that opens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weaker_durabilities_lose_a_tail_and_nothing_else() {
    for durability in [Durability::Flush, Durability::Memory] {
        for seed in 1..=4 {
            let calm = SimDisk::new();
            History::new(seed).run(&calm, &settings(durability)).await;
            for step in 1..=calm.steps() + 1 {
                let disk = SimDisk::new();
                disk.crash_at(step);
                let mut history = History::new(seed);
                history.run(&disk, &settings(durability)).await;
                history.forget_acknowledgements();
                let left = disk.after_power_cut(seed ^ step);
                let verified = history.verify(&left, &settings(durability)).await;
                assert_eq!(verified, Ok(()), "{durability:?}, seed {seed}, step {step}");
            }
        }
    }
}

/// Opening repairs; the power may go while it does, any number of times.
#[tokio::test]
async fn a_crash_during_recovery_loses_nothing_either() {
    for seed in 1..=4 {
        let calm = SimDisk::new();
        History::new(seed).run(&calm, &settings(Durability::Sync)).await;
        for step in (1..=calm.steps()).step_by(3) {
            let disk = SimDisk::new();
            disk.crash_at(step);
            let mut history = History::new(seed);
            history.run(&disk, &settings(Durability::Sync)).await;
            for again in 1..6 {
                let left = disk.after_power_cut(seed ^ (step << 4));
                left.crash_at(again);
                let shared: Arc<dyn Disk> = Arc::new(left.clone());
                drop(super::LogProvider::open_on(shared, settings(Durability::Sync)));
                let twice = left.after_power_cut(again);
                let verified = history.verify(&twice, &settings(Durability::Sync)).await;
                assert_eq!(verified, Ok(()), "seed {seed}, step {step}, again {again}");
            }
        }
    }
}
