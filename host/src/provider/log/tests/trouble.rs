//! Disks that refuse, fill up, turn read-only or lie, at every step of seeded histories.

use super::figures::{Figures, every_seed};
use super::history::{End, History};
use super::model::Floor;
use crate::provider::log::disk::{Fault, FaultKind, Seed, SimDisk, Step};
use crate::provider::{Durability, StoreError};

/// What goes wrong in one run over all steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trouble {
    pub(super) durability: Durability,
    pub(super) kind: FaultKind,
    /// For how many steps.
    pub(super) steps: u64,
    /// Only every so-manieth step is tried.
    pub(super) stride: u64,
}

/// Lets the trouble begin at every step of the history of `seed`; then the machine starts anew, with or without power
/// in between, and everything acknowledged must be there.
pub(super) async fn trouble_everywhere(seed: u64, trouble: Trouble, figures: &Figures) -> Result<(), String> {
    let calm = SimDisk::new();
    History::new(seed, trouble.durability).run(&calm).await;
    let first = 1 + seed % trouble.stride;
    for step in (first..=calm.steps()).step_by(usize::try_from(trouble.stride).expect("small")) {
        let context = |broken: String| format!("seed {seed}, {trouble:?} from step {step}: {broken}");
        trouble_at(seed, trouble, step, figures).await.map_err(context)?;
    }
    Ok(())
}

async fn trouble_at(seed: u64, trouble: Trouble, step: u64, figures: &Figures) -> Result<(), String> {
    figures.add(name(trouble.kind), 1);
    let disk = SimDisk::new();
    disk.fail(Fault { kind: trouble.kind, from: step, steps: trouble.steps });
    let mut history = History::new(seed, trouble.durability);
    match history.run(&disk).await {
        End::Broken(broken) => return Err(broken),
        End::Over => figures.add("histories that went on through a fault", 1),
        End::Refused(error) if is_of_the_disk(&error) => figures.add("typed refusals", 1),
        End::Refused(error) => return Err(format!("another error than the disk's: {error:?}")),
    }
    let same = disk.after_kill();
    history.clone().survive(&same, Floor::Written).await.map_err(|broken| format!("restarted: {broken}"))?;
    let left = disk.after_power_cut(Seed(seed ^ step).draw());
    history.survive(&left, Floor::Durable).await.map_err(|broken| format!("after a power cut: {broken}"))
}

const fn name(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Refused => "steps refused",
        FaultKind::Short => "writes cut short",
        FaultKind::Full => "steps on a full disk",
        FaultKind::Exhausted => "steps on a disk without room for changes",
        FaultKind::ReadOnly => "steps on a directory turned read-only",
    }
}

/// What a store may say of a disk that fails. Not that it is corrupt: nothing was.
const fn is_of_the_disk(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { .. } | StoreError::DiskFull { .. } | StoreError::Poisoned { .. })
}

/// Lets every sync of the history of `seed` lie, one at a time, and cuts the power some steps later. Then anything may
/// be lost, but nothing may be wrong: the store refuses to open, or holds some first part of the calls.
pub(super) async fn lie_everywhere(seed: u64, stride: usize, figures: &Figures) -> Result<(), String> {
    let calm = SimDisk::new();
    History::new(seed, Durability::Sync).run(&calm).await;
    let syncs = (1u64..).zip(calm.trace()).filter(|(_, step)| matches!(step, Step::Sync | Step::IndexCommit));
    for (step, _) in syncs.skip(usize::try_from(seed).expect("small") % stride).step_by(stride) {
        for image in 0..3 {
            figures.add("syncs that lied", 1);
            let mut draw = Seed(seed ^ (step << 16) ^ image);
            let disk = SimDisk::new();
            disk.lie_at([step]);
            disk.crash_at(step + 1 + draw.below(12));
            let mut history = History::new(seed, Durability::Sync);
            let context =
                |broken: String| format!("seed {seed}, the sync at step {step} lied, image {image}: {broken}");
            if let End::Broken(broken) = history.run(&disk).await {
                return Err(context(broken));
            }
            let left = disk.after_power_cut(draw.draw());
            lied(history, &left, figures).await.map_err(context)?;
        }
    }
    Ok(())
}

/// What is left after a disk lied: refused with a typed error, or a first part that can be gone on with.
async fn lied(mut history: History, left: &SimDisk, figures: &Figures) -> Result<(), String> {
    match history.live(left, Floor::Nothing, 2).await {
        End::Broken(broken) => Err(broken),
        End::Refused(StoreError::Corrupt { place, .. }) if place.contains(".log") => {
            figures.add("typed refusals", 1);
            Ok(())
        }
        End::Refused(other) => Err(format!("refused without naming a file: {other:?}")),
        End::Over => {
            figures.add("stores that opened after a lie", 1);
            history.survive(left, Floor::Written).await
        }
    }
}

/// Every so-manieth step is tried in ordinary runs; `cargo xtask crash` tries them all.
const STRIDE: u64 = 12;

fn try_all(trouble: Trouble) -> Result<(), String> {
    let figures = Figures::default();
    let outcome = every_seed(31..33, |seed| trouble_everywhere(seed, trouble, &figures));
    println!("{}", figures.table());
    outcome
}

#[test]
fn p100_nothing_acknowledged_is_lost_when_any_step_is_refused_or_cut_short() {
    for (kind, durability) in [(FaultKind::Refused, Durability::Sync), (FaultKind::Short, Durability::Flush)] {
        assert_eq!(try_all(Trouble { durability, kind, steps: 1, stride: STRIDE }), Ok(()));
    }
}

#[test]
fn p101_a_disk_that_is_full_at_any_step_loses_nothing_and_is_used_again() {
    for (kind, steps) in [(FaultKind::Full, 9), (FaultKind::Exhausted, 2)] {
        assert_eq!(try_all(Trouble { durability: Durability::Sync, kind, steps, stride: STRIDE }), Ok(()));
    }
}

#[test]
fn a_directory_that_turns_read_only_at_any_step_loses_nothing() {
    let trouble = Trouble { durability: Durability::Sync, kind: FaultKind::ReadOnly, steps: u64::MAX, stride: STRIDE };
    assert_eq!(try_all(trouble), Ok(()));
}

#[test]
fn a_sync_that_lies_makes_a_store_that_refuses_or_holds_a_first_part() {
    let figures = Figures::default();
    assert_eq!(every_seed(41..43, |seed| lie_everywhere(seed, 4, &figures)), Ok(()));
    println!("{}", figures.table());
}

#[tokio::test]
async fn a_read_only_directory_is_refused_untouched_with_a_typed_error() {
    let disk = SimDisk::new();
    let mut history = History::new(51, Durability::Sync);
    history.run(&disk).await;
    let left = disk.after_kill();
    left.fail(Fault { kind: FaultKind::ReadOnly, from: 1, steps: u64::MAX });
    let names = || crate::provider::log::disk::Disk::names(&left).expect("listed");
    let content = || names().into_iter().map(|name| left.content(&name)).collect::<Vec<_>>();
    let before = content();
    assert!(matches!(history.clone().open(&left, Floor::Written).await, Err(End::Refused(StoreError::Io { .. }))));
    assert_eq!(content(), before);
    assert_eq!(history.survive(&left.after_kill(), Floor::Written).await, Ok(()));
}

#[tokio::test]
async fn a_read_that_fails_is_a_typed_error_and_the_next_one_succeeds() {
    let disk = SimDisk::new();
    let mut history = History::new(52, Durability::Sync);
    history.run(&disk).await;
    for failing in 1..40 {
        let left = disk.after_kill();
        left.fail_reads(failing);
        let opened = history.clone().open(&left, Floor::Written).await;
        assert!(matches!(&opened, Err(End::Refused(StoreError::Io { .. }))), "{opened:?}");
        left.fail_reads(0);
        assert_eq!(history.clone().survive(&left, Floor::Written).await, Ok(()), "after {failing} failed reads");
    }
}
