//! A closed loop: each asker asks, waits for the answer, asks again, until the time is over.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Without latencies the clock is read only once in so many asks: reading it costs as much as a bare echo.
const ASKS_PER_LOOK: u32 = 16;

/// One of those that ask at the same time.
pub(crate) trait Asker: Send + 'static {
    /// Asks once and checks the answer; `random` chooses whom, where there are several.
    fn ask(&mut self, random: u64) -> impl Future<Output = Result<()>> + Send;
}

/// Whether every ask is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// Every ask.
    Each,
    /// Only all together.
    Total,
}

/// What a loop came to.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Answered asks; there are no others.
    pub(crate) done: u64,
    /// From the first ask to the last answer.
    pub(crate) elapsed: Duration,
    /// How long each took, nanoseconds, if they were timed.
    pub(crate) nanos: Vec<u64>,
}

/// Lets all askers ask for `length`; gives them back for the next repetition.
///
/// # Errors
/// The first wrong or missing answer.
pub(crate) async fn drive<A: Asker>(askers: Vec<A>, length: Duration, timing: Timing) -> Result<(Run, Vec<A>)> {
    let began = Instant::now();
    let until = began + length;
    let tasks: Vec<_> =
        askers.into_iter().zip(1u64..).map(|(asker, seed)| tokio::spawn(one(asker, seed, until, timing))).collect();
    let mut run = Run::default();
    let mut back = Vec::with_capacity(tasks.len());
    for task in tasks {
        let (done, nanos, asker) = task.await.context("an asker panicked")??;
        run.done = run.done.saturating_add(done);
        run.nanos.extend(nanos);
        back.push(asker);
    }
    run.elapsed = began.elapsed();
    Ok((run, back))
}

async fn one<A: Asker>(mut asker: A, seed: u64, until: Instant, timing: Timing) -> Result<(u64, Vec<u64>, A)> {
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (mut done, mut nanos) = (0u64, Vec::new());
    let mut now = Instant::now();
    while now < until {
        let asks = if timing == Timing::Each { 1 } else { ASKS_PER_LOOK };
        for _ in 0..asks {
            // xorshift64: the next asked one is neither the next in memory nor the same for all askers.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            asker.ask(random).await?;
            done = done.saturating_add(1);
        }
        let after = Instant::now();
        if timing == Timing::Each {
            nanos.push(u64::try_from((after - now).as_nanos()).unwrap_or(u64::MAX));
        }
        now = after;
    }
    Ok((done, nanos, asker))
}

/// The element of `all` that a random number chooses.
///
/// # Errors
/// When there is none.
pub(crate) fn choose<T>(all: &[T], random: u64) -> Result<&T> {
    let count = u64::try_from(all.len()).unwrap_or(u64::MAX).max(1);
    let index = usize::try_from((random >> 16) % count).unwrap_or_default();
    all.get(index).context("nobody to ask")
}
