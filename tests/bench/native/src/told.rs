//! Tells: one actor, one sender; the time ends when an ask behind the last one was answered.

use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use kameo::actor::Spawn as _;
use kameo::mailbox;
use ractor::call;

use crate::asked::{Add, Counter, Get, Order, RactorCounter};
use crate::{MAILBOX_COMMANDS, Plan, rate};

pub(crate) async fn kameo(plan: &Plan) -> Result<Vec<f64>> {
    let actor = Counter::spawn_with_mailbox(Counter(0), mailbox::bounded(MAILBOX_COMMANDS));
    repeat(plan, |count| {
        let told = actor.clone();
        async move {
            for _ in 0..count {
                told.tell(Add(1)).await.map_err(|error| anyhow!("{error}"))?;
            }
            told.ask(Get).await.map_err(|error| anyhow!("{error}"))
        }
    })
    .await
}

/// Its mailbox has no bound, and its sender never waits.
pub(crate) async fn ractor(plan: &Plan) -> Result<Vec<f64>> {
    let (actor, _task) = ractor::Actor::spawn(None, RactorCounter, 0).await.context("starting an actor")?;
    repeat(plan, |count| {
        let told = actor.clone();
        async move {
            for _ in 0..count {
                told.send_message(Order::Add(1)).map_err(|error| anyhow!("{error}"))?;
            }
            call!(told, Order::Get).map_err(|error| anyhow!("{error}"))
        }
    })
    .await
}

/// Tells so many times in a task of its own, in each round; every tell is in the value that is asked for behind the last one.
async fn repeat<F>(plan: &Plan, tell: impl Fn(u64) -> F) -> Result<Vec<f64>>
where
    F: Future<Output = Result<u64>> + Send + 'static,
{
    let (mut rates, mut total) = (Vec::new(), 0u64);
    for round in 0..=plan.repetitions {
        let began = Instant::now();
        let value = tokio::spawn(tell(plan.count)).await.context("the sender panicked")??;
        let elapsed = began.elapsed();
        total = total.wrapping_add(plan.count);
        ensure!(value == total, "{total} were told, the counter shows {value}");
        if round > 0 {
            rates.push(rate(plan.count, elapsed));
        }
    }
    Ok(rates)
}
