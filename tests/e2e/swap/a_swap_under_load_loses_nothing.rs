use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use greenroom_host::runtime::Whom;
use greenroom_host::vocab::Sequence;
use greenroom_kit::{TestHost, guest, settings};
use serde_json::{Value, json};

use super::scene::{activate, add_revision, all_there, noted, rollout};

const ACTORS: usize = 24;
const SWAPS: u32 = 12;

fn key(at: usize) -> String {
    format!("a-{at}")
}

/// Adds 1 again and again, two at a time; every answer must be the next number. How many were answered.
async fn keep_adding(host: Arc<TestHost>, key: String, done: Arc<AtomicBool>) -> Result<u64> {
    let mut answered = 0;
    while !done.load(Ordering::Acquire) {
        let ask = || host.ask(&key, "add", json!({ "by": 1 }));
        let (first, second) = tokio::join!(ask(), ask());
        for reply in [first, second] {
            let total = reply?.get("total").and_then(Value::as_u64).context("no total")?;
            ensure!(total == answered + 1, "{key}: {total} was answered after {answered}");
            answered = total;
        }
    }
    Ok(answered)
}

/// Live actors change over again and again while they are called: no command is lost, handled twice or out of turn.
#[tokio::test(flavor = "multi_thread")]
async fn a_swap_under_load_loses_nothing() -> Result<()> {
    let mut settings = settings();
    settings.rollout.watch_ms = 0;
    let host = Arc::new(TestHost::start("probe", settings).await?);
    assert_eq!(add_revision(&host, "probe", &noted(guest("probe")?, 1)).await?, 2);
    for at in 0..ACTORS {
        host.ask(&key(at), "get", Value::Null).await?;
    }
    let done = Arc::new(AtomicBool::new(false));
    let load: Vec<_> =
        (0..ACTORS).map(|at| tokio::spawn(keep_adding(Arc::clone(&host), key(at), Arc::clone(&done)))).collect();
    let mut moved = 0;
    for swap in 0..SWAPS {
        let to = 2 - swap % 2;
        activate(&host, "probe", to, Whom::Now).await?;
        let after = all_there(&host, "probe").await?;
        ensure!(after.live.iter().all(|live| live.revision == to), "{after:?}");
        ensure!(after.held_actors == 0 && after.failed == 0, "{after:?}");
        moved += after.moved;
    }
    done.store(true, Ordering::Release);
    for (at, task) in load.into_iter().enumerate() {
        let answered = task.await??;
        let status = host.actor(&key(at))?.status().await?;
        ensure!(status.sequence == Sequence(answered), "{}: {answered} answered, {status:?}", key(at));
        ensure!(host.state(&key(at)).await?.get("total").and_then(Value::as_u64) == Some(answered));
        let written_by = writers(&host, &key(at)).await?;
        ensure!(written_by.contains(&1) && written_by.contains(&2), "{}: written by {written_by:?}", key(at));
    }
    // The first comes to actors that are not live yet; from then on each must have changed over while it was called.
    let expected = u64::from(SWAPS - 2) * u64::try_from(ACTORS)?;
    ensure!(moved >= expected, "only {moved} of {expected} changed over while they were live");
    ensure!(rollout(&host, "probe")?.pause.is_some_and(|pause| pause.max_ms < 5_000.0));
    Ok(())
}

/// Which revisions wrote an actor's events.
async fn writers(host: &TestHost, key: &str) -> Result<Vec<u32>> {
    let mut writers = Vec::new();
    let mut feed = host.actor(key)?.events(Sequence::FIRST, u64::MAX, false).await?;
    while let Some(event) = feed.next().await? {
        writers.push(event.revision);
    }
    writers.sort_unstable();
    writers.dedup();
    Ok(writers)
}
