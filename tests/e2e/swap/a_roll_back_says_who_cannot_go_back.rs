use anyhow::{Context, Result, ensure};
use greenroom_host::runtime::Whom;
use greenroom_kit::{TestHost, guest, settings};
use serde_json::json;

use super::scene::{
    activate, add, add_revision, all_there, bad, eventually, noted, of, passivate, roll_back, rollout, runs, send,
    tight,
};

/// Everybody goes back but the one that holds an event which the older code does not know: that one is named before, stays
/// where it is afterwards, and goes on.
#[tokio::test]
async fn a_roll_back_says_who_cannot_go_back() -> Result<()> {
    let host = TestHost::start("hostile", tight()).await?;
    for key in ["a", "b"] {
        add(&host, key, 1).await?;
    }
    assert_eq!(add_revision(&host, "hostile", &bad("more-events")?).await?, 2);
    activate(&host, "hostile", 2, Whom::Now).await?;
    all_there(&host, "hostile").await?;
    send(&host, "a", "extra", &[]).await?;
    let (tenant, kind) = of("hostile")?;
    let check = host.host.check_roll_back(&tenant, &kind, None).await?;
    assert_eq!((check.to, check.actors, check.stay), (1, 2, 1));
    let staying = check.staying.first().context("nobody is named")?;
    assert_eq!((staying.key.as_str(), staying.sequence.map(|at| at.0)), ("a", Some(2)));
    ensure!(staying.why.contains("extra v1") && !check.advice.is_empty(), "{check:?}");
    ensure!(rollout(&host, "hostile")?.candidate.is_some(), "a check changes nothing");
    roll_back(&host, "hostile", None).await?;
    let after = all_there(&host, "hostile").await?;
    let live: Vec<(u32, u64)> = after.live.iter().map(|live| (live.revision, live.actors)).collect();
    // It is held although the older code would read the state: it could not come back from the journal after a crash.
    ensure!(after.stable == 1 && live == [(1, 1), (2, 1)], "{after:?}");
    for key in ["a", "b"] {
        assert_eq!(add(&host, key, 1).await?, 2, "{key}");
        passivate(&host, key).await?;
        assert_eq!(add(&host, key, 1).await?, 3, "{key}");
    }
    assert_eq!((runs(&host, "a").await?, runs(&host, "b").await?), (2, 1));
    let held = rollout(&host, "hostile")?.held;
    ensure!(
        held.len() == 1 && held.iter().all(|held| held.key == "a" && held.refused == 1 && held.on == 2),
        "{held:?}"
    );
    // Its state and its events can be seen all the same, and a crash does not brick it.
    let host = host.crash().await?;
    assert_eq!(host.state("a").await?.get("total"), Some(&json!(3)));
    assert_eq!((add(&host, "a", 1).await?, runs(&host, "a").await?), (4, 2));
    Ok(())
}

/// Nothing that going back needs is deleted while a rollout is under way.
#[tokio::test]
async fn what_a_roll_back_needs_is_kept_while_a_rollout_is_under_way() -> Result<()> {
    let mut settings = settings();
    settings.retention.keep_snapshots = 1;
    settings.retention.delete_events = true;
    let host = TestHost::start("probe", settings).await?;
    host.ask("a", "add", json!({ "by": 1 })).await?;
    host.actor("a")?.snapshot().await?;
    host.ask("a", "add", json!({ "by": 1 })).await?;
    add_revision(&host, "probe", &noted(guest("probe")?, 1)).await?;
    activate(&host, "probe", 2, Whom::Now).await?;
    all_there(&host, "probe").await?;
    for _ in 0..3 {
        host.ask("a", "add", json!({ "by": 1 })).await?;
        host.actor("a")?.snapshot().await?;
    }
    let id = host.id("a")?;
    let kept: Vec<u64> = host.store.inner().list_snapshots(id).await?.iter().map(|meta| meta.sequence.0).collect();
    assert_eq!(kept, [5, 1], "the newest, and the newest of the code to which it may go back");
    assert_eq!(host.store.inner().head(id).await?.deleted_through.0, 1, "and the events behind it");
    Ok(())
}

/// A roll-back that is asked for again, while it is under way or afterwards, does not lead forward to what it left.
#[tokio::test]
async fn a_roll_back_that_is_asked_for_again_changes_nothing() -> Result<()> {
    let mut settings = settings();
    settings.rollout.watch_ms = 1;
    let host = TestHost::start("probe", settings).await?;
    host.ask("a", "add", json!({ "by": 1 })).await?;
    add_revision(&host, "probe", &noted(guest("probe")?, 1)).await?;
    activate(&host, "probe", 2, Whom::Now).await?;
    let stable = async |number: u32| {
        eventually("a stable revision", async || {
            let view = rollout(&host, "probe")?;
            Ok(view.candidate.is_none() && view.stable == number && view.behind == 0)
        })
        .await
    };
    stable(2).await?;
    roll_back(&host, "probe", None).await?;
    let again = roll_back(&host, "probe", None).await;
    ensure!(
        again
            .as_ref()
            .map_or(true, |view| view.stable == 1 || view.candidate.as_ref().is_some_and(|it| it.revision == 1)),
        "{again:?}"
    );
    stable(1).await?;
    let Err(refused) = roll_back(&host, "probe", None).await else { anyhow::bail!("it went further back, or forward") };
    ensure!(refused.to_string().contains("gone back already"), "{refused}");
    assert_eq!(runs(&host, "a").await?, 1);
    roll_back(&host, "probe", Some(2)).await?;
    stable(2).await
}
