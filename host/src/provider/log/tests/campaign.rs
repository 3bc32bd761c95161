//! The whole suite over any number of seeds: what `cargo xtask crash` runs.

use std::time::Instant;

use super::crash::{Cut, Plan, crash_everywhere};
use super::figures::{Figures, every_seed};
use super::flips::{Left, flip_everywhere};
use super::kill::kill_rounds;
use super::stale::{ahead_everywhere, behind_everywhere};
use super::trouble::{Trouble, lie_everywhere, trouble_everywhere};
use crate::provider::Durability;
use crate::provider::log::disk::FaultKind;

/// Power-cut images per crash point.
const IMAGES: u64 = 4;
/// Bits flipped per kind of byte and store.
const BITS_PER_KIND: usize = 64;

/// A number that the command passes on.
fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is {value}, not a number")))
}

/// Everything that is tried for one seed; says how far it is.
async fn one_seed(seed: u64, figures: &Figures) -> Result<(), String> {
    let begun = Instant::now();
    let done = |what: &str| println!("seed {seed}: {what} after {} s", begun.elapsed().as_secs());
    for (durability, cut) in [
        (Durability::Sync, Cut::Power),
        (Durability::Sync, Cut::Process),
        (Durability::Flush, Cut::Power),
        (Durability::Flush, Cut::Process),
        (Durability::Memory, Cut::Power),
        (Durability::Memory, Cut::Process),
    ] {
        let images = if cut == Cut::Power { IMAGES } else { 1 };
        crash_everywhere(seed, &Plan { images, twice: 2, ..Plan::new(durability, cut) }, figures).await?;
        done(&format!("crashed at every step, {durability:?}, {cut:?}"));
    }
    for kind in FaultKind::ALL {
        for (durability, steps) in [(Durability::Sync, 1), (Durability::Sync, 9), (Durability::Flush, 3)] {
            let trouble = Trouble { durability, kind, steps, stride: 1 };
            trouble_everywhere(seed, trouble, figures).await?;
        }
        done(&format!("{kind:?} at every step"));
    }
    lie_everywhere(seed, 1, figures).await?;
    done("syncs that lie");
    ahead_everywhere(seed, figures).await?;
    behind_everywhere(seed, figures).await?;
    for left in [Left::Closed, Left::Dropped] {
        flip_everywhere(seed, left, Some(BITS_PER_KIND), figures).await?;
    }
    done("flipped bits");
    Ok(())
}

#[test]
#[ignore = "as long as one wants: `cargo xtask crash [--seeds N] [--seed S]` runs it"]
fn campaign() {
    let first = number("GREENROOM_CRASH_SEED").unwrap_or(1);
    let count = number("GREENROOM_CRASH_SEEDS").unwrap_or(1);
    let begun = Instant::now();
    let figures = Figures::default();
    let rounds = number("GREENROOM_CRASH_KILLS").unwrap_or(20);
    figures.add("acknowledgements before a kill -9", kill_rounds(rounds, first));
    figures.add("rounds of kill -9", rounds);
    let outcome = every_seed(first..first.saturating_add(count), |seed| one_seed(seed, &figures));
    let losses = u64::from(outcome.is_err());
    println!("\nseeds {first} to {}, {} s", first + count - 1, begun.elapsed().as_secs());
    println!("{}  {:<44} {losses:>10}", figures.table(), "losses");
    if let Err(broken) = outcome {
        panic!("{broken}\n`cargo xtask crash --seed N`, with N the seed named above, does the same again");
    }
}
