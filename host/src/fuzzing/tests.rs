//! Every seed through its target, and what a fuzzer would make of it, for a bounded time.
//!
//! `GREENROOM_FUZZ_SECONDS` gives every target that many seconds instead; `GREENROOM_FUZZ_SEED` repeats a run.
#![expect(clippy::disallowed_methods, reason = "seeds are files of the tests, not of the host")]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{TARGETS, Target};

/// How long each target is tried in an ordinary run.
const SPAN: Duration = Duration::from_millis(400);
/// The longest input that is made.
const INPUT_BYTES_MAX: usize = 16_384;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds")
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = folder().join(name);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// xorshift64*: fast, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

/// Values at which arithmetic and comparisons go wrong.
const CORNERS: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, u64::MAX / 2, u64::MAX];

/// Changes an input in one of the ways that find most: bits, bytes, corner values, cuts, repetitions, other inputs.
fn mutate(dice: &mut Dice, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    let at = dice.below(bytes.len() + 1);
    match dice.below(10) {
        0 | 1 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        2 if at < bytes.len() => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
        3 | 4 => {
            let corner = CORNERS[dice.below(CORNERS.len())].to_le_bytes();
            let width = [1, 2, 4, 8][dice.below(4)];
            let end = (at + width).min(bytes.len());
            bytes[at..end].copy_from_slice(&corner[..end - at]);
        }
        5 => bytes.truncate(at),
        6 => {
            let end = at + dice.below(bytes.len() - at + 1);
            bytes.drain(at..end);
        }
        7 => {
            let end = at + dice.below((bytes.len() - at).min(64) + 1);
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        8 => {
            let other = &others[dice.below(others.len())];
            let from = dice.below(other.len() + 1);
            let to = from + dice.below((other.len() - from).min(256) + 1);
            bytes.splice(at..at, other[from..to].iter().copied());
        }
        _ => {
            let byte = u8::try_from(dice.below(256)).unwrap();
            bytes.insert(at, byte);
        }
    }
    bytes.truncate(INPUT_BYTES_MAX);
}

fn run(name: &str, target: Target, bytes: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| target(bytes))).is_err() {
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!("{name} broke a promise; keep these bytes as a seed: {text}");
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_target_has_seeds_and_every_seed_a_target() {
    let named: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let folders = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let found: BTreeSet<String> = folders.map(|name| name.to_string_lossy().into_owned()).collect();
    assert_eq!(named, found);
    let programs = std::fs::read_dir(folder().parent().unwrap().join("fuzz_targets")).unwrap();
    let programs = programs.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned());
    assert_eq!(named, programs.collect());
}

#[test]
fn every_seed_holds() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name}");
        seeds.iter().for_each(|seed| run(name, *target, seed));
    }
}

#[test]
fn what_is_made_from_seeds_holds() {
    let span = variable("GREENROOM_FUZZ_SECONDS").map_or(SPAN, Duration::from_secs);
    let seed = variable("GREENROOM_FUZZ_SEED").unwrap_or(0x9e37_79b9_7f4a_7c15).max(1);
    let one = |(name, target): &(&str, Target)| {
        let (seeds, mut dice) = (seeds(name), Dice(seed));
        let (began, mut tried) = (Instant::now(), 0_u64);
        while began.elapsed() < span {
            let mut bytes = seeds[dice.below(seeds.len())].clone();
            for _ in 0..=dice.below(8) {
                mutate(&mut dice, &mut bytes, &seeds);
            }
            run(name, *target, &bytes);
            tried += 1;
        }
        println!("{name:<12} {tried:>10} inputs in {} ms", began.elapsed().as_millis());
        assert!(tried > 10, "{name}: only {tried} inputs");
    };
    // What a target refuses is not shown: some print nothing else.
    std::thread::scope(|scope| {
        for half in TARGETS.chunks(TARGETS.len().div_ceil(2)) {
            scope.spawn(move || half.iter().for_each(one));
        }
    });
}
