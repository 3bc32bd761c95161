use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use greenroom_host::provider::memory::MemoryProvider;
use greenroom_host::runtime::{HostSettings, Whom};
use greenroom_kit::{FaultyProvider, LastCall, TestHost, guest, settings};
use serde_json::{Value, json};

use super::scene::{activate, all_there, eventually, noted, of, roll_back, rollout, runs};

/// What is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Deploy,
    Ramp,
    RollBack,
}

fn quick() -> HostSettings {
    let mut settings = settings();
    settings.rollout.watch_ms = 0;
    settings
}

async fn host_over(store: Arc<FaultyProvider>) -> Result<TestHost> {
    TestHost::over("probe", store, quick(), None).await
}

async fn perform(host: &TestHost, act: Act) -> Result<()> {
    match act {
        Act::Deploy => drop(host.deploy("probe", &noted(guest("probe")?, 1)).await?),
        Act::Ramp => {
            let whom = Whom::Ramp { percents: vec![50.0, 100.0], pause: Duration::from_millis(1) };
            activate(host, "probe", 2, whom).await?;
        }
        Act::RollBack => drop(roll_back(host, "probe", None).await?),
    }
    // As far as it comes: the store may be gone.
    let _ended = tokio::time::timeout(Duration::from_millis(400), async {
        while rollout(host, "probe").is_ok_and(|view| view.candidate.is_some() || view.behind > 0) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    Ok(())
}

/// One act that ends at the call after `calls`, and what the next host makes of it; false when it did not end.
async fn round(act: Act, calls: u64, last: LastCall) -> Result<bool> {
    let store = FaultyProvider::new(MemoryProvider::new());
    let host = host_over(Arc::clone(&store)).await?;
    host.deploy("probe", &guest("probe")?).await?;
    if act != Act::Deploy {
        let (tenant, kind) = of("probe")?;
        host.host.add_revision(&tenant, &kind, &noted(guest("probe")?, 1)).await?;
    }
    if act == Act::RollBack {
        activate(&host, "probe", 2, Whom::Percent(50.0)).await?;
    }
    for key in ["a", "b", "c", "d"] {
        host.ask(key, "add", json!({ "by": 1 })).await?;
    }
    store.die_after(calls, last);
    let done = perform(&host, act).await;
    let died = store.is_dead();
    ensure!(done.is_ok() || died, "{done:?}");
    drop(host);
    let inner = Arc::clone(store.inner());
    drop(store);
    let host = host_over(FaultyProvider::new(inner)).await?;
    check(&host).await?;
    if rollout(&host, "probe")?.history.is_empty() || act == Act::Deploy {
        // It had not begun, or only the revision was stored: the same again must lead to the end.
        perform(&host, act).await?;
        check(&host).await?;
    }
    let end = if act == Act::RollBack { 1 } else { 2 };
    let is_at_the_end = async || {
        let view = rollout(&host, "probe")?;
        Ok(view.candidate.is_none() && view.stable == end)
    };
    match act {
        Act::RollBack if rollout(&host, "probe")?.candidate.is_some() => perform(&host, act).await?,
        _ => {}
    }
    eventually("the rollout to end", is_at_the_end).await?;
    check(&host).await?;
    all_there(&host, "probe").await?;
    for key in ["a", "b", "c", "d"] {
        assert_eq!(runs(&host, key).await?, end, "{key}");
    }
    Ok(died)
}

/// Nobody is bricked, nobody runs anything but the two revisions, every state is what its events give.
async fn check(host: &TestHost) -> Result<()> {
    for key in ["a", "b", "c", "d"] {
        let total = host.ask(key, "get", Value::Null).await?.get("total").cloned();
        ensure!(total == Some(json!(1)), "{key}: {total:?}");
        ensure!((1..=2).contains(&runs(host, key).await?));
        ensure!(host.state(key).await?.get("total") == Some(&json!(1)));
    }
    Ok(())
}

async fn every_crash(act: Act) -> Result<()> {
    let crashes = LastCall::at_every_call(1, 1, async |calls, last| round(act, calls, last).await);
    crashes.await.with_context(|| format!("{act:?}"))
}

#[tokio::test]
async fn a_crash_anywhere_in_a_deploy_is_resumed() -> Result<()> {
    every_crash(Act::Deploy).await
}

#[tokio::test]
async fn a_crash_anywhere_in_a_ramp_is_resumed() -> Result<()> {
    every_crash(Act::Ramp).await
}

#[tokio::test]
async fn a_crash_anywhere_in_a_roll_back_is_resumed() -> Result<()> {
    every_crash(Act::RollBack).await
}
