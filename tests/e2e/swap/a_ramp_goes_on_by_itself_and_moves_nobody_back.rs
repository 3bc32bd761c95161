use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use greenroom_host::runtime::Whom;
use greenroom_kit::{TestHost, guest, settings};
use serde_json::json;

use super::scene::{a_moment, activate, add_revision, all_there, eventually, noted, rollout, runs};

const ACTORS: usize = 40;

fn ramp(pause: Duration) -> Whom {
    Whom::Ramp { percents: vec![20.0, 60.0, 100.0], pause }
}

async fn host() -> Result<TestHost> {
    let mut settings = settings();
    settings.rollout.watch_ms = 0;
    let host = TestHost::start("probe", settings).await?;
    add_revision(&host, "probe", &noted(guest("probe")?, 1)).await?;
    for at in 0..ACTORS {
        host.ask(&at.to_string(), "add", json!({ "by": 1 })).await?;
    }
    Ok(host)
}

async fn on_candidate(host: &TestHost) -> Result<BTreeSet<usize>> {
    let mut found = BTreeSet::new();
    for at in 0..ACTORS {
        if runs(host, &at.to_string()).await? == 2 {
            found.insert(at);
        }
    }
    Ok(found)
}

/// Every stage takes more in, and none of them out; at the end the candidate is the stable revision.
#[tokio::test]
async fn a_ramp_goes_on_by_itself_and_moves_nobody_back() -> Result<()> {
    let host = host().await?;
    activate(&host, "probe", 2, ramp(Duration::from_millis(300))).await?;
    let mut before = BTreeSet::new();
    while rollout(&host, "probe")?.stable == 1 {
        let now = on_candidate(&host).await?;
        ensure!(before.is_subset(&now), "{before:?}, then {now:?}");
        before = now;
    }
    all_there(&host, "probe").await?;
    assert_eq!(on_candidate(&host).await?.len(), ACTORS);
    let history = rollout(&host, "probe")?.history;
    let what: Vec<(String, Option<f64>)> = history.into_iter().map(|entry| (entry.what, entry.percent)).collect();
    let expected = [("activated", None), ("reached", Some(60.0)), ("reached", Some(100.0)), ("completed", None)];
    assert_eq!(what, expected.map(|(what, percent)| (what.to_owned(), percent)));
    Ok(())
}

/// An operator stops it, and lets it go on.
#[tokio::test]
async fn a_ramp_that_is_paused_stays_where_it_is() -> Result<()> {
    let host = host().await?;
    activate(&host, "probe", 2, ramp(Duration::from_millis(50))).await?;
    activate(&host, "probe", 2, Whom::Pause).await?;
    let paused = rollout(&host, "probe")?.candidate.context("no candidate")?;
    ensure!(paused.paused);
    a_moment().await;
    a_moment().await;
    let still = rollout(&host, "probe")?.candidate.context("no candidate")?;
    assert_eq!((still.percent, still.paused), (paused.percent, true));
    activate(&host, "probe", 2, Whom::Resume).await?;
    eventually("the ramp to end", async || Ok(rollout(&host, "probe")?.stable == 2)).await
}

/// A ramp that was under way when the host ended goes on where it was, and assigns as before.
#[tokio::test]
async fn a_ramp_is_resumed_after_a_crash() -> Result<()> {
    let host = host().await?;
    activate(&host, "probe", 2, ramp(Duration::from_millis(700))).await?;
    all_there(&host, "probe").await?;
    let first = on_candidate(&host).await?;
    ensure!(!first.is_empty() && first.len() < ACTORS, "{first:?}");
    let host = host.crash().await?;
    for at in 0..ACTORS {
        host.ask(&at.to_string(), "add", json!({ "by": 1 })).await?;
    }
    ensure!(first.is_subset(&on_candidate(&host).await?), "somebody is not where it was");
    eventually("the ramp to end", async || Ok(rollout(&host, "probe")?.stable == 2)).await?;
    all_there(&host, "probe").await?;
    assert_eq!(on_candidate(&host).await?.len(), ACTORS);
    Ok(())
}
