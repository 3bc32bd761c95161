use std::time::Duration;

use anyhow::Result;
use greenroom_host::vocab::Code;
use serde_json::json;

use super::scene::{add, command, eventually, get, head, probe, probe_with, snapshots};

/// L97: queued commands are handled and stored, new ones refused, snapshots taken if the policy says so.
#[tokio::test]
async fn a_shutdown_finishes_what_is_queued_and_refuses_what_is_new() -> Result<()> {
    let host = probe_with(|settings| {
        settings.limits.turn_commands = 1;
        settings.snapshots.on_passivation = true;
    })
    .await?;
    host.store.hold_appends();
    let mut queued = Vec::new();
    for _ in 0..40 {
        queued.push(host.start_asking("a", command("add", &json!({ "by": 1 })))?);
    }
    eventually("the first turns", async || Ok(host.store.held_appends() == 16)).await?;
    let running = host.host.clone();
    let shutdown = tokio::spawn(async move { running.shutdown(Duration::from_secs(20)).await });
    eventually("the end of the intake", async || Ok(!host.host.is_ready())).await?;
    for key in ["a", "new"] {
        let refused = host.actor(key)?.ask(command("add", &json!({ "by": 1 }))).await;
        assert_eq!(refused.map_err(|error| error.code()).err(), Some(Code::ShuttingDown), "{key}");
    }
    assert!(!shutdown.is_finished());
    host.store.release_all_appends();
    shutdown.await??;
    for answer in queued {
        answer.await??;
    }
    assert_eq!((head(&host, "a").await?, snapshots(&host, "a").await?), (40, vec![40]));
    Ok(())
}

/// L97: after the deadline the callers are told, and nothing that was acknowledged is lost.
#[tokio::test]
async fn a_deadline_forces_the_end() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 1).await?;
    host.store.hold_appends();
    let stuck = host.start_asking("a", command("add", &json!({ "by": 10 })))?;
    eventually("the append", async || Ok(host.store.held_appends() == 1)).await?;
    host.host.shutdown(Duration::from_millis(100)).await?;
    let told = tokio::time::timeout(Duration::from_secs(5), stuck).await??;
    assert_eq!(told.map_err(|error| error.code()).err(), Some(Code::OutcomeUnknown));

    let host = host.crash().await?;
    host.store.release_all_appends();
    let total = get(&host, "a").await?;
    assert!(total == 11, "the store had it, only the answer was missing: {total}");
    Ok(())
}

/// L102: an end during a recovery leaves no effect.
#[tokio::test]
async fn an_end_during_a_recovery_leaves_nothing_behind() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 1).await?;
    let host = host.crash().await?;
    host.store.forget_calls();
    host.store.hold_heads();
    let asking = host.start_asking("a", command("add", &json!({ "by": 1 })))?;
    eventually("the recovery", async || Ok(host.store.held_heads() == 1)).await?;
    host.host.shutdown(Duration::from_millis(50)).await?;
    assert!(asking.await?.is_err());
    host.store.release_all_heads();
    let host = host.crash().await?;
    assert_eq!((get(&host, "a").await?, head(&host, "a").await?), (1, 1));
    Ok(())
}
