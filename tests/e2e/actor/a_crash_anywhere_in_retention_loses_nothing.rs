use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use greenroom_host::provider::SharedProvider;
use greenroom_host::provider::log::{LogProvider, LogSettings};
use greenroom_host::provider::memory::MemoryProvider;
use greenroom_host::runtime::HostSettings;
use greenroom_host::vocab::Sequence;
use greenroom_kit::{FaultyProvider, LastCall, TestHost, guest};

use super::scene::{add, eventually, get, settings_with, total};

/// Events that one life of the actor appends, and how many there are between snapshots.
const EVENTS: u64 = 12;
const EVERY: u64 = 3;

fn keeping(settings: &mut HostSettings) {
    settings.snapshots.every_events = EVERY;
    settings.retention.keep_snapshots = 2;
    settings.retention.delete_events = true;
}

async fn host_over(store: Arc<FaultyProvider>) -> Result<TestHost> {
    TestHost::over("probe", store, settings_with(keeping), None).await
}

/// Appends until the store dies; how many were acknowledged.
async fn live(host: &TestHost) -> Result<u64> {
    let mut acknowledged = 0;
    while acknowledged < EVENTS && add(host, "a", 1).await.is_ok() {
        acknowledged += 1;
        if acknowledged % EVERY == 0 {
            // The save and the deletions behind it run beside the actor: they are waited for, so that every call of
            // them is one at which some round dies.
            let behind = acknowledged.saturating_sub(EVERY);
            eventually("the snapshot, or the end", async || {
                Ok(host.store.is_dead() || settled(host, acknowledged, behind).await?)
            })
            .await?;
        }
    }
    Ok(acknowledged)
}

/// Whether the snapshot at `newest` is saved and everything that follows from it is done.
async fn settled(host: &TestHost, newest: u64, oldest: u64) -> Result<bool> {
    let (id, inner) = (host.id("a")?, host.store.inner());
    let kept: Vec<u64> = inner.list_snapshots(id).await?.iter().map(|meta| meta.sequence.0).collect();
    let expected: Vec<u64> = [newest, oldest].into_iter().filter(|at| *at > 0).collect();
    Ok(kept == expected && inner.head(id).await?.deleted_through.0 == oldest)
}

/// The state at every number that can still be rebuilt is the fold of the events up to it, and the newest holds all
/// that was acknowledged, once each.
async fn check(host: &TestHost, acknowledged: u64) -> Result<()> {
    let count = get(host, "a").await?;
    ensure!(count == acknowledged || count == acknowledged + 1, "{count} after {acknowledged} acknowledged");
    let head = host.store.inner().head(host.id("a")?).await?;
    ensure!(head.sequence.0 == count, "{count} counted, the journal ends with {}", head.sequence);
    let kept = host.store.inner().list_snapshots(host.id("a")?).await?;
    let oldest = kept.iter().map(|meta| meta.sequence.0).filter(|at| *at >= head.deleted_through.0).min();
    let from = if head.deleted_through == Sequence::ZERO { 0 } else { oldest.unwrap_or(u64::MAX) };
    ensure!(from <= count, "nothing is left to recover from");
    for at in from.max(1)..=count {
        let view = host.actor("a")?.state(Some(Sequence(at))).await?;
        let then = total(&serde_json::from_str(view.state.get())?)?;
        ensure!(then == at, "the state at {at} has {then}");
    }
    ensure!(add(host, "a", 1).await? == count + 1, "it does not go on");
    Ok(())
}

/// One life that ends at the call after `calls`, and the check after it; false when it did not end.
async fn round(
    store: SharedProvider,
    reopen: impl AsyncFn(SharedProvider) -> Result<SharedProvider>,
    calls: u64,
    last: LastCall,
) -> Result<bool> {
    let faulty = FaultyProvider::new(store);
    let host = host_over(Arc::clone(&faulty)).await?;
    host.deploy("probe", &guest("probe")?).await?;
    faulty.die_after(calls, last);
    let acknowledged = live(&host).await?;
    let died = faulty.is_dead();
    drop(host);
    let store = reopen(Arc::clone(faulty.inner())).await?;
    drop(faulty);
    check(&host_over(FaultyProvider::new(store)).await?, acknowledged).await?;
    Ok(died)
}

async fn every_crash(
    open: impl Fn() -> Result<SharedProvider>,
    reopen: impl AsyncFn(SharedProvider) -> Result<SharedProvider>,
    step: usize,
) -> Result<()> {
    LastCall::at_every_call(step, 21, async |calls, last| round(open()?, &reopen, calls, last).await).await
}

/// Retention: at every call that the store gets while an actor lives, saves and deletes, once before the call takes
/// effect and once after.
#[tokio::test]
async fn a_crash_anywhere_in_retention_loses_nothing() -> Result<()> {
    every_crash(|| Ok(MemoryProvider::new()), async |store| Ok(store), 1).await
}

/// The same over the log, which is opened again from its files.
#[tokio::test]
async fn a_crash_in_retention_over_the_log_loses_nothing() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let rounds = std::cell::Cell::new(0);
    let settings = |round: u32| settings_in(&dir.path().join(round.to_string()));
    let open = || {
        rounds.set(rounds.get() + 1);
        Ok(LogProvider::open(settings(rounds.get()))? as SharedProvider)
    };
    let reopen = async |store: SharedProvider| {
        store.close().await?;
        drop(store);
        Ok(LogProvider::open(settings(rounds.get()))? as SharedProvider)
    };
    every_crash(open, reopen, 7).await
}

fn settings_in(dir: &Path) -> LogSettings {
    let mut settings = LogSettings::new(dir);
    settings.segment_bytes = /* 1 MiB */ 1_024 * 1_024;
    settings
}
