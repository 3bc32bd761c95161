use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use greenroom_host::provider::memory::MemoryProvider;
use greenroom_host::runtime::Phase;
use greenroom_host::vocab::{Code, Sequence};
use greenroom_kit::{FaultyProvider, LastCall, TestHost, guest};

use super::scene::{add, eventually, get, operator, phase, poisoned, refused, send, strict, until_quarantined};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Skip,
    Purge,
}

async fn host_over(store: Arc<FaultyProvider>) -> Result<TestHost> {
    TestHost::over("hostile", store, strict(), None).await
}

/// One act that ends at the call after `calls`, and what the next host makes of it; false when it did not end.
async fn round(act: Act, calls: u64, last: LastCall) -> Result<bool> {
    let store = FaultyProvider::new(MemoryProvider::new());
    let host = host_over(Arc::clone(&store)).await?;
    host.deploy("hostile", &guest("hostile")?).await?;
    poisoned(&host, "a").await?;
    until_quarantined(&host, None, "a").await?;
    store.die_after(calls, last);
    let actor = host.actor("a")?;
    let done = match act {
        Act::Skip => actor.skip(&operator()).await,
        Act::Purge => actor.purge(&operator()).await,
    };
    let died = store.is_dead();
    ensure!(done.is_ok() || died, "{done:?}");
    drop((actor, host));
    let inner = Arc::clone(store.inner());
    drop(store);
    let host = host_over(FaultyProvider::new(inner)).await?;
    settle(&host, act).await?;
    check(&host, act).await?;
    check(&host.crash().await?, act).await?;
    Ok(died)
}

/// Either the act was finished by the start, or it had not begun: then it is repeated. Nothing in between.
async fn settle(host: &TestHost, act: Act) -> Result<()> {
    let begun = host.store.inner().head(host.id("a")?).await?.sequence > Sequence(4);
    let intended = begun || !host.actor("a")?.status().await?.skipped_events.is_empty();
    if intended {
        return eventually("the start to finish it", async || Ok(phase(host, "a")? != Phase::Quarantined)).await;
    }
    if phase(host, "a")? != Phase::Quarantined {
        bail!("it is neither quarantined nor was anything done");
    }
    assert_eq!(refused(host, "a", "get").await?, Code::Quarantined);
    match act {
        Act::Skip => host.actor("a")?.skip(&operator()).await?,
        Act::Purge => host.actor("a")?.purge(&operator()).await?,
    }
    Ok(())
}

async fn check(host: &TestHost, act: Act) -> Result<()> {
    let expected = if act == Act::Skip { 7 } else { 0 };
    let total = get(host, "a").await?;
    ensure!(total == expected, "{total}, not {expected}");
    let mut records = 0;
    let mut feed = host.actor("a")?.events(Sequence::ZERO, u64::MAX, false).await?;
    while let Some(event) = feed.next().await? {
        records += u64::from(event.payload.get().contains("a test"));
    }
    ensure!(records == 1, "{records} records of the act in the journal");
    let status = host.actor("a")?.status().await?;
    match act {
        Act::Skip => ensure!(status.skipped_events == [Sequence(3)] && status.deleted_through == Sequence::ZERO),
        Act::Purge => ensure!(status.skipped_events.is_empty() && status.deleted_through == Sequence(4)),
    }
    Ok(())
}

async fn every_crash(act: Act) -> Result<()> {
    let crashes = LastCall::at_every_call(1, 5, async |calls, last| round(act, calls, last).await);
    crashes.await.with_context(|| format!("{act:?}"))
}

/// L35: at every call of the store, once before it takes effect and once after.
#[tokio::test]
async fn a_crash_anywhere_in_a_skip_is_finished() -> Result<()> {
    every_crash(Act::Skip).await
}

#[tokio::test]
async fn a_crash_anywhere_in_a_purge_is_finished() -> Result<()> {
    every_crash(Act::Purge).await
}

/// Snapshots that hold the skipped event are deleted with it: no recovery and no look ever sees it again.
#[tokio::test]
async fn snapshots_that_hold_a_skipped_event_are_deleted() -> Result<()> {
    let host = host_over(FaultyProvider::new(MemoryProvider::new())).await?;
    host.deploy("hostile", &guest("hostile")?).await?;
    add(&host, "a", 1).await?;
    host.actor("a")?.snapshot().await?;
    send(&host, "a", "poison", &[]).await?;
    add(&host, "a", 2).await?;
    host.actor("a")?.snapshot().await?;
    host.actor("a")?.passivate().await?;
    // The newest snapshot hides the poison, until it cannot be read.
    host.store.corrupt_snapshot(host.id("a")?, Sequence(3));
    until_quarantined(&host, None, "a").await?;
    host.actor("a")?.skip(&operator()).await?;
    host.store.heal_snapshots();
    let kept: Vec<u64> =
        host.store.inner().list_snapshots(host.id("a")?).await?.iter().map(|meta| meta.sequence.0).collect();
    assert_eq!(kept, [1]);
    assert_eq!(get(&host, "a").await?, 3);
    Ok(())
}
