//! How fast a large store is verified, and what that takes in memory. Each look is a process of its own, for its peak.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use greenroom_host::provider::log::verify::{Claim, DirView, VerifySettings, verify};
use greenroom_host::provider::{VerifyLine, VerifyMode};

use super::open::{FRAMES_PER_ACTOR, figures, finish, large_store, say, start};
use crate::bench::{Bench, Round};
use crate::memory::peak_bytes;
use crate::sample::Sample;

/// Verifies the large store again and again; the figure is its bytes per second of the whole look.
pub(super) fn run(bench: &Bench) -> Result<Vec<Sample>> {
    let dir = large_store(bench)?;
    let mut samples = Vec::new();
    for round in bench.pace.rounds() {
        let text = finish(start(dir.path(), "--probe-verify", bench.pace.stored_actors)?)?;
        let mut next = figures(&text);
        let (bytes, seconds) = (next()?, next()?);
        let mut sample = Sample::of(bytes / seconds);
        sample.note("took", seconds, "s");
        sample.note("peak resident", next()?, "B");
        sample.note("store", bytes, "B");
        sample.note("read so many times", next()?, "");
        sample.note("index entries", next()?, "");
        if round == Round::Counted {
            samples.push(sample);
        }
    }
    Ok(samples)
}

/// One look, as `greenroom verify DIR` does it with its defaults; in a process of its own.
///
/// # Errors
/// When the store is not sound, or not all of it was looked at.
pub(super) fn probe(dir: &Path, actors: u64) -> Result<()> {
    let began = Instant::now();
    let view = DirView::new(dir)?;
    let claim = view.claim()?;
    ensure!(matches!(claim, Claim::Ours(_)), "somebody has the store open");
    let view = view.with_index_copied_to(&std::env::temp_dir());
    let mut findings = Vec::new();
    let mut listen = |line| {
        if let VerifyLine::Finding(finding) = line {
            findings.push(finding.what.clone());
        }
        ControlFlow::Continue(())
    };
    let summary = verify(&view, &VerifySettings::new(VerifyMode::Offline), &mut listen)?;
    let took = began.elapsed();
    ensure!(summary.sound && summary.complete, "the store is not sound: {findings:?}");
    ensure!(summary.actors == actors, "{} actors were found, {actors} are stored", summary.actors);
    ensure!(summary.frames >= actors.saturating_mul(FRAMES_PER_ACTOR), "only {} frames were found", summary.frames);
    let entries =
        summary.index_entries.with_context(|| format!("the index was skipped: {:?}", summary.index_skipped))?;
    say(&format!("{} {} {} {} {entries}", summary.bytes, took.as_secs_f64(), peak_bytes()?, summary.passes))
}
