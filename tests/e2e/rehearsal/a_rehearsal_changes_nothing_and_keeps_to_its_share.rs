use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use greenroom_host::runtime::Command;
use greenroom_kit::{Call, TestHost};
use serde_json::json;

use super::scene::{KIND, add, all, eager, mark, rehearse, version};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_appended_saved_or_deleted_and_no_actor_comes_to_life() -> Result<()> {
    let host = TestHost::start(KIND, eager()).await?;
    for key in ["a", "b"] {
        add(&host, key, 1).await?;
        host.actor(key)?.snapshot().await?;
        mark(&host, key, "x").await?;
        host.ask(key, "remind", json!({ "in_ms": 3_600_000 })).await?;
        host.actor(key)?.passivate().await?;
    }
    let inner = host.store.inner();
    let catalog = inner.record_keys("").await?;
    let before = (inner.head(host.id("a")?).await?, inner.list_snapshots(host.id("a")?).await?);
    host.store.forget_calls();
    let mut options = all();
    options.commands = true;
    for candidate in ["doubles", "cannot-mark", "refuses-snapshots", "reminds-later"] {
        let told = rehearse(&host, &version(candidate)?, options.clone()).await?;
        ensure!(told.summary()?.counts.commands == 6, "{told:?}");
    }
    let changes = |call: &Call| !matches!(call, Call::Head(_) | Call::Read(..) | Call::LoadSnapshot(..));
    ensure!(host.store.count(changes) == 0, "{:?}", host.store.calls());
    ensure!(!host.store.calls().is_empty(), "it did look");
    ensure!((inner.head(host.id("a")?).await?, inner.list_snapshots(host.id("a")?).await?) == before);
    ensure!(inner.record_keys("").await? == catalog, "the catalog is as it was");
    for key in ["a", "b"] {
        ensure!(host.actor(key)?.phase() == greenroom_host::runtime::Phase::Passive, "{key} came to life");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_a_part_of_the_time_only_and_actors_answer_meanwhile() -> Result<()> {
    let mut settings = eager();
    settings.rehearsal.cpu_share = 0.2;
    let host = TestHost::start(KIND, settings).await?;
    for actor in 0..10 {
        host.ask(&format!("actor-{actor}"), "many", json!({ "count": 50 })).await?;
    }
    let (ended, actor) = (Arc::new(AtomicBool::new(false)), host.actor("live")?);
    let asking = {
        let ended = Arc::clone(&ended);
        tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            while !ended.load(Ordering::SeqCst) {
                let began = Instant::now();
                actor.ask(Command::new("add", r#"{"by": 1}"#.as_bytes().to_vec())).await?;
                slowest = slowest.max(began.elapsed());
            }
            Ok::<_, anyhow::Error>(slowest)
        })
    };
    let mut options = all();
    options.actors = "actor-*".parse().map_err(anyhow::Error::msg)?;
    let told = rehearse(&host, &version("is-slow")?, options).await?;
    ended.store(true, Ordering::SeqCst);
    let slowest = asking.await??;
    let summary = told.summary()?;
    let worked = summary.counts.active_ms + summary.counts.candidate_ms;
    ensure!(worked > 50, "there is something to measure: {summary:?}");
    ensure!(summary.elapsed_ms * 100 >= worked * 100 * 4, "a fifth at most, roughly: {summary:?}");
    ensure!(slowest < Duration::from_secs(2), "the slowest answer took {slowest:?}");
    Ok(())
}
