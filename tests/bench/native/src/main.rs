//! The loads of some rows of the bench on other people's actors: in process, without sandbox, nothing stored.
//!
//! `greenroom-bench-native WHAT ACTORS IN_FLIGHT COUNT REPETITIONS`: prints what one repetition did per second, a line each;
//! one more before them warms up. `COUNT` is the length of a repetition in milliseconds for asks, the number of tells else.

mod asked;
#[path = "../../src/load.rs"]
mod load;
mod told;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

/// As deep as an actor's mailbox in the host.
const MAILBOX_COMMANDS: usize = 4_096;

/// What is measured, taken from the arguments.
struct Plan {
    what: String,
    actors: usize,
    in_flight: usize,
    count: u64,
    repetitions: usize,
}

impl Plan {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let what = arguments.next().context("what to measure is missing")?;
        let mut number = |name: &str| -> Result<u64> {
            let text = arguments.next().with_context(|| format!("{name} is missing"))?;
            text.parse().with_context(|| format!("{name} is no number: {text}"))
        };
        let (actors, in_flight) = (number("ACTORS")?.try_into()?, number("IN_FLIGHT")?.try_into()?);
        Ok(Self { what, actors, in_flight, count: number("COUNT")?, repetitions: number("REPETITIONS")?.try_into()? })
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let plan = Plan::parse(std::env::args().skip(1))?;
    // As the threads that make load in the bench, on which the bare echo runs, too.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let rates = runtime.block_on(async {
        match plan.what.as_str() {
            "kameo-ask" => asked::kameo(&plan).await,
            "ractor-ask" => asked::ractor(&plan).await,
            "kameo-tell" => told::kameo(&plan).await,
            "ractor-tell" => told::ractor(&plan).await,
            other => bail!("nothing is called {other}"),
        }
    })?;
    rates.iter().for_each(|rate| println!("{rate}"));
    Ok(())
}

/// What was done per second.
fn rate(done: u64, elapsed: std::time::Duration) -> f64 {
    done as f64 / elapsed.as_secs_f64()
}
