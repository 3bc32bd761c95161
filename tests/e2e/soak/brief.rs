//! The soak for every day: each kind of hostile call a few times, in seconds.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::{HOSTILE_CLIENTS, SETTINGS, Scene, Tally, hostile};

/// Rounds after the first one, which fills what is kept.
const ROUNDS: u64 = 2;
/// How much more memory may be held after these than before, KiB: 40 for each of their calls, where a trapped instance has
/// thousands. The allocator keeps some of it.
const GROWTH_KIB: u64 = /* 16 MiB */ 16 * 1_024;
/// How long memory may take to fall.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn each_hostile_call_a_few_times_changes_no_answer_and_keeps_no_memory() -> Result<()> {
    let scene = Scene::new(&SETTINGS.replace("_ms = 400", "_ms = 100"))?;
    let (tally, memory) = (Tally::default(), scene.memory());
    let clients = usize::try_from(HOSTILE_CLIENTS)?;
    let round = |round: u64| {
        scene.parties.run(round, &tally, |client, number| {
            hostile::everything(client, (usize::try_from(number)?, clients), round, &tally)
        })
    };
    round(0)?;
    let baseline = memory.once_empty()?;
    for number in 1..=ROUNDS {
        round(number)?;
    }
    let end = memory.falls_to(baseline + GROWTH_KIB, PATIENCE)?;
    let [hostile, honest] = [&tally.hostile, &tally.honest].map(|count| count.load(Ordering::SeqCst));
    println!("{hostile} hostile calls, {honest} honest answers; {baseline} KiB, then {end} KiB");
    ensure!(end <= baseline + GROWTH_KIB, "memory went from {baseline} to {end} KiB and stayed there");
    ensure!(hostile >= 400 && honest >= 100, "{tally:?}");
    scene.is_well()
}
