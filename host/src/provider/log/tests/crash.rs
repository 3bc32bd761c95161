//! The power goes at every write, sync, creation and removal of seeded histories; what was acknowledged must be there.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::figures::{Figures, every_seed};
use super::history::{End, History};
use super::model::Floor;
use crate::provider::Durability;
use crate::provider::log::disk::{Seed, SimDisk, Step};

/// What is left of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Power,
    Process,
}

/// How histories are broken off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) durability: Durability,
    /// What acknowledgements are taken to mean.
    pub(super) promise: Durability,
    pub(super) cut: Cut,
    /// Disks that a crash at one point is tried to leave.
    pub(super) images: u64,
    /// Of those, how many are broken off once more while they are opened.
    pub(super) twice: u64,
    /// Only every so-manieth step is tried.
    pub(super) stride: u64,
    /// What is wrong with the disk.
    pub(super) break_disk: fn(&SimDisk),
}

impl Plan {
    pub(super) fn new(durability: Durability, cut: Cut) -> Self {
        let images = if cut == Cut::Power { 2 } else { 1 };
        Self { durability, promise: durability, cut, images, twice: 1, stride: 1, break_disk: |_| {} }
    }

    fn history(&self, seed: u64) -> History {
        let mut history = History::new(seed, self.durability);
        history.promise = self.promise;
        history
    }

    const fn floor(&self) -> Floor {
        match self.cut {
            Cut::Power => Floor::Durable,
            Cut::Process => Floor::Written,
        }
    }

    fn left_of(&self, disk: &SimDisk, seed: u64) -> SimDisk {
        match self.cut {
            Cut::Power => disk.after_power_cut(seed),
            Cut::Process => disk.after_kill(),
        }
    }
}

/// Runs the history of `seed` once for every step at which it can be broken off, and checks what is left each time.
pub(super) async fn crash_everywhere(seed: u64, plan: &Plan, figures: &Figures) -> Result<(), String> {
    let calm = SimDisk::new();
    (plan.break_disk)(&calm);
    let ended = plan.history(seed).run(&calm).await;
    if ended != End::Over {
        return Err(format!("seed {seed}, without a crash: {ended:?}"));
    }
    figures.add("histories", 1);
    let first = 1 + seed % plan.stride;
    for step in (first..=calm.steps() + 1).step_by(usize::try_from(plan.stride).expect("small")) {
        figures.add("crash points", 1);
        figures.add(crash_point(calm.trace().get(usize::try_from(step - 1).expect("small"))), 1);
        let disk = SimDisk::new();
        (plan.break_disk)(&disk);
        disk.crash_at(step);
        let mut history = plan.history(seed);
        let ended = history.run(&disk).await;
        let place = format!("seed {seed}, step {step} of {}, {plan:?}", calm.steps());
        if let End::Broken(broken) = ended {
            return Err(format!("{place}, before the crash: {broken}"));
        }
        for image in 0..plan.images {
            let image_seed = Seed(seed ^ (step << 16) ^ (image << 48)).draw();
            let context = |broken: String| format!("{place}, image {image}: {broken}");
            check_image(&history, &disk, plan, image_seed, figures).await.map_err(context)?;
            if image < plan.twice {
                check_twice(&history, &disk, plan, image_seed, figures).await.map_err(context)?;
            }
        }
    }
    Ok(())
}

async fn check_image(
    history: &History,
    disk: &SimDisk,
    plan: &Plan,
    image_seed: u64,
    figures: &Figures,
) -> Result<(), String> {
    let left = plan.left_of(disk, image_seed);
    figures.add(if plan.cut == Cut::Power { "power-cut images" } else { "kill images" }, 1);
    history.clone().survive(&left, plan.floor()).await
}

/// The same image again; this time the power goes while it is opened, or soon after.
async fn check_twice(
    history: &History,
    disk: &SimDisk,
    plan: &Plan,
    image_seed: u64,
    figures: &Figures,
) -> Result<(), String> {
    let left = plan.left_of(disk, image_seed);
    let mut seed = Seed(image_seed);
    left.crash_at(1 + seed.below(12));
    let mut history = history.clone();
    match history.live(&left, plan.floor(), 1).await {
        End::Broken(broken) => return Err(format!("opened before a second crash: {broken}")),
        End::Over | End::Refused(_) => {}
    }
    figures.add("second crashes while reopening", 1);
    let twice = plan.left_of(&left, seed.draw());
    history.survive(&twice, plan.floor()).await.map_err(|broken| format!("after a second crash: {broken}"))
}

const fn crash_point(step: Option<&Step>) -> &'static str {
    match step {
        Some(Step::Create) => "crash points at a creation",
        Some(Step::Remove) => "crash points at a removal",
        Some(Step::SyncNames) => "crash points at a sync of names",
        Some(Step::Write) => "crash points at a write",
        Some(Step::Sync) => "crash points at a sync",
        Some(Step::IndexCommit) => "crash points at a commit of the index",
        Some(Step::ReplaceIndex) => "crash points at a replacement of the index",
        None => "crash points behind the end",
    }
}

/// Every so-manieth step is tried in ordinary runs; `cargo xtask crash` tries them all.
const STRIDE: u64 = 7;

fn crash_all(seeds: Range<u64>, plan: Plan) -> Result<(), String> {
    let figures = Figures::default();
    let outcome = every_seed(seeds, |seed| crash_everywhere(seed, &plan, &figures));
    println!("{}", figures.table());
    outcome
}

#[test]
fn p97_every_acknowledged_write_survives_a_power_cut_at_any_step() {
    assert_eq!(crash_all(1..3, Plan { stride: STRIDE, ..Plan::new(Durability::Sync, Cut::Power) }), Ok(()));
}

#[test]
fn every_acknowledged_write_survives_a_kill_at_any_step() {
    for (seed, durability) in [(11, Durability::Sync), (13, Durability::Flush)] {
        let plan = Plan { stride: STRIDE, ..Plan::new(durability, Cut::Process) };
        assert_eq!(crash_all(seed..seed + 1, plan), Ok(()));
    }
}

/// A weaker durability loses what came last, and leaves a first part of the calls and a store that opens.
#[test]
fn weaker_durabilities_lose_a_tail_and_nothing_else() {
    for (seed, durability) in [(21, Durability::Flush), (23, Durability::Memory)] {
        let plan = Plan { images: 1, stride: STRIDE, ..Plan::new(durability, Cut::Power) };
        assert_eq!(crash_all(seed..seed + 1, plan), Ok(()));
    }
    let plan = Plan { stride: STRIDE, ..Plan::new(Durability::Memory, Cut::Process) };
    assert_eq!(crash_all(25..26, plan), Ok(()));
}

#[test]
fn the_same_seed_gives_the_same_steps() {
    for durability in [Durability::Sync, Durability::Flush, Durability::Memory] {
        let traces = std::sync::Mutex::new(Vec::new());
        let run = |_| async {
            let disk = SimDisk::new();
            History::new(7, durability).run(&disk).await;
            let names = (1..).map(super::segment_name).map_while(|name| disk.content(&name));
            traces.lock().expect("no panic").push((disk.trace(), names.collect::<Vec<_>>()));
            Ok(())
        };
        assert_eq!(every_seed(0..6, run), Ok(()));
        let traces = traces.into_inner().expect("no panic");
        assert!(traces.windows(2).all(|pair| pair[0] == pair[1]), "{durability:?}: runs of one seed differ");
    }
}

fn caught(plan: Plan) -> String {
    crash_all(1..4, plan).expect_err("the check passed a store that loses what it acknowledged")
}

#[test]
fn the_check_catches_a_store_without_syncs() {
    let broken = caught(Plan { break_disk: SimDisk::lie_about_syncs, ..Plan::new(Durability::Sync, Cut::Power) });
    assert!(broken.contains("lost") || broken.contains("it does not go on"), "{broken}");
}

#[test]
fn the_check_catches_a_sync_before_the_write() {
    let broken = caught(Plan { break_disk: SimDisk::sync_before_write, ..Plan::new(Durability::Sync, Cut::Power) });
    assert!(broken.contains("lost") || broken.contains("it does not go on"), "{broken}");
}

#[test]
fn the_check_catches_an_acknowledgement_before_the_sync() {
    let broken = caught(Plan { promise: Durability::Sync, ..Plan::new(Durability::Flush, Cut::Power) });
    assert!(broken.contains("lost"), "{broken}");
}

#[test]
fn the_check_catches_an_acknowledgement_before_the_write() {
    let broken = caught(Plan { promise: Durability::Flush, ..Plan::new(Durability::Memory, Cut::Process) });
    assert!(broken.contains("lost"), "{broken}");
}

/// A file that is removed before it is durably said that it is not needed keeps the store from opening.
#[test]
fn the_check_catches_a_segment_that_is_removed_too_early() {
    let (figures, removals) = (Figures::default(), AtomicU64::new(0));
    let removed_early = |seed| {
        let (figures, removals) = (&figures, &removals);
        async move {
            let plan = Plan::new(Durability::Sync, Cut::Power);
            let calm = SimDisk::new();
            plan.history(seed).run(&calm).await;
            let trace: Vec<_> = (1u64..).zip(calm.trace()).collect();
            for (index, (removal, _)) in trace.iter().enumerate().filter(|(_, (_, step))| *step == Step::Remove) {
                let sync = trace[..index].iter().rfind(|(_, step)| *step == Step::Sync).expect("something was synced");
                let disk = SimDisk::new();
                disk.lie_at([sync.0]);
                // The removal itself is durable.
                disk.crash_at(removal + 2);
                let mut history = plan.history(seed);
                history.run(&disk).await;
                removals.fetch_add(1, Ordering::SeqCst);
                for image in 0..8 {
                    check_image(&history, &disk, &plan, image, figures).await?;
                }
            }
            Ok(())
        }
    };
    let broken = every_seed(1..9, removed_early).expect_err("removing segments too early passed the check");
    assert!(broken.contains("missing") || broken.contains("lost"), "{broken}");
    assert!(removals.into_inner() > 0, "nothing was removed");
}
