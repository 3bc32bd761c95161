//! References that are native actors of others. They are a program of its own, built by `cargo xtask bench`.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::bench::Bench;
use crate::sample::Sample;

/// Where that program is.
const PROGRAM: &str = "GREENROOM_BENCH_NATIVE";

/// Asks so many actors, so many at a time.
pub(super) fn ask(bench: &Bench, what: &str, actors: usize, in_flight: usize) -> Result<Vec<Sample>> {
    run(bench, what, actors, in_flight, u64::try_from(bench.pace.length.as_millis())?)
}

/// Tells one actor.
pub(super) fn tell(bench: &Bench, what: &str) -> Result<Vec<Sample>> {
    run(bench, what, 1, 1, bench.pace.tells)
}

fn run(bench: &Bench, what: &str, actors: usize, in_flight: usize, count: u64) -> Result<Vec<Sample>> {
    let program =
        std::env::var_os(PROGRAM).with_context(|| format!("{PROGRAM} is not set; use `cargo xtask bench`"))?;
    let mut child = Command::new(program);
    child.arg(what).args([actors, in_flight].map(|number| number.to_string()));
    child.arg(count.to_string()).arg(bench.pace.repetitions.to_string());
    let output = child.output().context("starting the native actors")?;
    ensure!(output.status.success(), "the native actors failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rates: Vec<f64> = text.lines().map(str::parse).collect::<Result<_, _>>().context("not a rate")?;
    ensure!(rates.len() == bench.pace.repetitions, "{} rates of {}", rates.len(), bench.pace.repetitions);
    Ok(rates.into_iter().map(Sample::of).collect())
}
