//! One bit flips, in every kind of byte of every file: an error that says where, or no harm; never a loss.

use std::collections::BTreeMap;

use super::figures::Figures;
use super::history::{End, History};
use super::layout::{Layout, Part};
use super::model::Floor;
use crate::provider::log::disk::{Disk, Seed, SimDisk};
use crate::provider::{Durability, StoreError};

/// Bytes of an actor's id.
const ID_BYTES: usize = 16;

/// How a store was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Closed,
    Dropped,
}

/// A store with a history, and the history.
async fn store(seed: u64, left: Left) -> (SimDisk, History) {
    let disk = SimDisk::new();
    let mut history = History::new(seed, Durability::Sync);
    assert_eq!(history.run(&disk).await, End::Over);
    let log = history.open(&disk, Floor::Written).await.expect("sound");
    history.round_of_appends(&log, &disk).await.expect("stored");
    if left == Left::Closed {
        crate::provider::Provider::close(&*log).await.expect("closed");
        history.model.promise_all(true);
    }
    drop(log);
    (disk, history)
}

/// Flips bits of the store of `seed`, `per_kind` of each kind of byte or all, and opens it after each.
pub(super) async fn flip_everywhere(
    seed: u64,
    left: Left,
    per_kind: Option<usize>,
    figures: &Figures,
) -> Result<BTreeMap<&'static str, u64>, String> {
    let (disk, history) = store(seed, left).await;
    let layout = Layout::of(&disk);
    let mut draw = Seed(seed);
    let mut tried = BTreeMap::new();
    for (kind, parts) in &layout.parts {
        let all: Vec<_> = parts.iter().flat_map(|part| part.bytes.clone().map(move |at| (part, at))).collect();
        let count = per_kind.unwrap_or(all.len()).min(all.len());
        for index in 0..count {
            let chosen =
                if count == all.len() { index } else { usize::try_from(draw.below(all.len() as u64)).expect("small") };
            let (part, at) = all[chosen];
            let bit = u8::try_from(draw.below(8)).expect("small");
            let context = |broken: String| {
                format!("seed {seed}, {left:?}, bit {bit} of byte {at} of {} ({kind}): {broken}", part.file)
            };
            flip(&disk, &history, left, &layout, kind, part, at, bit, figures).await.map_err(context)?;
            *tried.entry(*kind).or_default() += 1;
        }
    }
    Ok(tried)
}

#[expect(clippy::too_many_arguments, reason = "one place of one store")]
async fn flip(
    disk: &SimDisk,
    history: &History,
    left: Left,
    layout: &Layout,
    kind: &'static str,
    part: &Part,
    at: usize,
    bit: u8,
    figures: &Figures,
) -> Result<(), String> {
    figures.add("bits flipped", 1);
    let damaged = disk.after_kill();
    damaged.flip(&part.file, at, bit);
    let before = contents(&damaged);
    // Nobody vouches for the end of a store that was not closed: it may be taken for a torn write.
    let vouched = left == Left::Closed || part.batch <= layout.vouched;
    let floor = if vouched { Floor::Written } else { Floor::Nothing };
    match history.clone().open(&damaged, floor).await {
        Ok(_) => figures.add("bits flipped without harm", 1),
        Err(End::Refused(StoreError::Corrupt { place, reason })) => {
            figures.add("bits flipped and found", 1);
            if contents(&damaged) != before {
                return Err("the damaged store was modified".to_owned());
            }
            check_named(kind, part, at, &place, &reason)?;
        }
        Err(other) => return Err(format!("{other:?}")),
    }
    Ok(())
}

/// The error names the file, the byte, and the actor where the damaged bytes leave no doubt of it.
fn check_named(kind: &'static str, part: &Part, at: usize, place: &str, reason: &str) -> Result<(), String> {
    let said = format!("{place}: {reason}");
    if !place.contains(&part.file) || !place.contains("byte") {
        return Err(format!("the error does not say where: {said}"));
    }
    match part.actor {
        // In these, the damage may be in the name itself, or in what says how long the record is.
        Some(_) if part.bytes.start + ID_BYTES > at && !kind.starts_with("frame") => Ok(()),
        Some(actor) if !said.contains(&actor.to_string()) => Err(format!("the error does not name {actor}: {said}")),
        _ => Ok(()),
    }
}

fn contents(disk: &SimDisk) -> Vec<Option<Vec<u8>>> {
    disk.names().expect("listed").iter().map(|name| disk.content(name)).collect()
}

/// Every kind of byte comes up within these seeds.
const KINDS: [&str; 21] = [
    "segment header",
    "batch header",
    "record header",
    "record padding",
    "frame header",
    "frame types",
    "frame ends",
    "frame data",
    "frame effects",
    "frame keys",
    "actor address",
    "snapshot fields",
    "snapshot state and ledger",
    "snapshot deleted",
    "events deleted",
    "catalog record",
    "catalog record deleted",
    "close",
    "segment given up",
    "actor summary",
    "zeros behind the end",
];

fn flip_some(left: Left) -> (Figures, BTreeMap<&'static str, u64>) {
    let figures = Figures::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut tried = BTreeMap::<_, u64>::new();
    for seed in 61..65 {
        let of_seed = runtime
            .block_on(flip_everywhere(seed, left, Some(16), &figures))
            .unwrap_or_else(|broken| panic!("{broken}"));
        of_seed.into_iter().for_each(|(kind, count)| *tried.entry(kind).or_default() += count);
    }
    println!("{}{tried:?}", figures.table());
    (figures, tried)
}

#[test]
fn p54_a_bit_that_flips_in_any_kind_of_byte_is_found_and_named_or_harmless() {
    let (_, tried) = flip_some(Left::Closed);
    for kind in KINDS {
        assert!(tried.contains_key(kind), "no bit of {kind} was flipped: {tried:?}");
    }
}

#[test]
fn a_bit_that_flips_in_a_store_that_was_not_closed_costs_at_most_what_nobody_vouched_for() {
    flip_some(Left::Dropped);
}
