use anyhow::Result;
use greenroom_kit::TestHost;
use serde_json::json;

use super::scene::{add, command, eventually, get, head, marks, passivate, probe, probe_with};

async fn set(host: &TestHost, timer: &str, in_ms: u64) -> Result<()> {
    host.ask("a", "set-timer", json!({ "timer": timer, "in_ms": in_ms })).await?;
    Ok(())
}

async fn fired(host: &TestHost) -> Result<Vec<String>> {
    Ok(marks(&host.state("a").await?))
}

async fn fires(host: &TestHost, expected: &[&str]) -> Result<()> {
    eventually(&format!("the marks {expected:?}"), async || Ok(fired(host).await? == expected)).await?;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(fired(host).await?, expected, "a timer fired again");
    Ok(())
}

/// L94: of a live actor, of a passive one, and across a crash; a crash after it fired does not fire it again.
#[tokio::test]
async fn a_timer_fires_across_passivation_and_restart() -> Result<()> {
    let host = probe().await?;
    set(&host, "one", 10).await?;
    fires(&host, &["one by timer one"]).await?;
    set(&host, "two", 100).await?;
    passivate(&host, "a").await?;
    fires(&host, &["one by timer one", "two by timer two"]).await?;
    set(&host, "three", 200).await?;
    let host = host.crash().await?;
    fires(&host, &["one by timer one", "two by timer two", "three by timer three"]).await?;
    let host = host.crash().await?;
    fires(&host, &["one by timer one", "two by timer two", "three by timer three"]).await
}

/// L94: a timer that was missed while no host ran fires when one starts; it survives in a snapshot.
#[tokio::test]
async fn a_missed_timer_fires_at_the_next_start() -> Result<()> {
    let host = probe_with(|settings| settings.snapshots.every_events = 1).await?;
    set(&host, "missed", 30).await?;
    let TestHost { host: running, store, .. } = host;
    drop(running);
    tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    let host = TestHost::over("probe", store, greenroom_kit::settings(), None).await?;
    fires(&host, &["missed by timer missed"]).await
}

/// L94: it comes due while its actor is leaving, held up by the save of a snapshot: the next instance handles it.
#[tokio::test]
async fn a_timer_that_comes_due_while_its_actor_leaves_is_not_lost() -> Result<()> {
    let host = probe_with(|settings| settings.snapshots.on_passivation = true).await?;
    set(&host, "late", 60).await?;
    host.store.hold_saves();
    let actor = host.actor("a")?;
    let leaving = tokio::spawn(async move { actor.passivate().await });
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    assert!(!leaving.is_finished(), "it must still be saving");
    host.store.release_all_saves();
    leaving.await??;
    fires(&host, &["late by timer late"]).await
}

/// L94: cancelling is durable, replacing moves it.
#[tokio::test]
async fn a_cancelled_timer_stays_cancelled() -> Result<()> {
    let host = probe().await?;
    set(&host, "gone", 150).await?;
    set(&host, "moved", 50).await?;
    set(&host, "moved", 250).await?;
    host.ask("a", "cancel-timer", json!({ "timer": "gone" })).await?;
    let host = host.crash().await?;
    assert_eq!(fired(&host).await?, [""; 0]);
    fires(&host, &["moved by timer moved"]).await
}

/// L94: cancelled after it was due and before it was handled: it does not fire.
#[tokio::test]
async fn a_timer_can_be_cancelled_until_it_is_handled() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 1).await?;
    set(&host, "late", 60).await?;
    let host = host.crash().await?;
    host.store.hold_heads();
    let cancel = host.start_asking("a", command("cancel-timer", &json!({ "timer": "late" })))?;
    eventually("the recovery", async || Ok(host.store.held_heads() == 1)).await?;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    host.store.release_all_heads();
    cancel.await??;
    add(&host, "a", 1).await?;
    assert_eq!(fired(&host).await?, [""; 0], "its removal was acknowledged");
    Ok(())
}

/// L6, L47, L94: the append of its turn failed: it fires again, and its event is there once.
#[tokio::test]
async fn a_timer_of_a_lost_append_fires_again_and_counts_once() -> Result<()> {
    let host = probe().await?;
    set(&host, "t", 20).await?;
    host.store.next_appends([super::scene::AppendFault::Failed]);
    fires(&host, &["t by timer t"]).await?;
    assert_eq!((head(&host, "a").await?, get(&host, "a").await?), (2, 0));
    let appends = host.store.count(|call| matches!(call, greenroom_kit::Call::Append(..)));
    assert_eq!(appends, 3, "one to set it, one lost, one to handle it");
    Ok(())
}
