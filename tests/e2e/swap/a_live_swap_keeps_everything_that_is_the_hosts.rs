use anyhow::{Context, Result, ensure};
use greenroom_host::runtime::{Command, Whom};
use greenroom_kit::{TestHost, guest, settings};
use serde_json::{Value, json};

use super::scene::{activate, add_revision, all_there, eventually, noted, roll_back, rollout, runs};

async fn host() -> Result<TestHost> {
    let host = TestHost::start("probe", settings()).await?;
    add_revision(&host, "probe", &noted(guest("probe")?, 1)).await?;
    Ok(host)
}

fn total(view: &Value) -> Option<u64> {
    view.get("total").and_then(Value::as_u64)
}

/// The answer of an earlier handling, a timer that is set, a tell that is under way, the next number: all as before.
#[tokio::test]
async fn a_live_swap_keeps_everything_that_is_the_hosts() -> Result<()> {
    let host = host().await?;
    let with_key =
        || Command { idempotency_key: Some("once".to_owned()), ..Command::new("add", b"{\"by\":5}".to_vec()) };
    host.actor("a")?.ask(with_key()).await?;
    host.ask("a", "set-timer", json!({ "timer": "t", "in_ms": 400 })).await?;
    host.ask("a", "tell-add", json!({ "key": "b", "by": 3 })).await?;
    activate(&host, "probe", 2, Whom::Now).await?;
    all_there(&host, "probe").await?;
    assert_eq!(runs(&host, "a").await?, 2);
    let again = host.actor("a")?.ask(with_key()).await?;
    let again: Value = serde_json::from_slice(&again.payload)?;
    assert_eq!(total(&again), Some(5), "handled once, answered twice");
    assert_eq!(total(&host.ask("a", "get", Value::Null).await?), Some(5));
    eventually("the timer to fire in the new code", async || {
        let marks = host.ask("a", "get", Value::Null).await?;
        Ok(marks.to_string().contains("t by timer t"))
    })
    .await?;
    eventually("the tell to arrive once", async || Ok(total(&host.ask("b", "get", Value::Null).await?) == Some(3)))
        .await?;
    let sequence = host.actor("a")?.status().await?.sequence;
    let reply = host.actor("a")?.ask(Command::new("add", b"{\"by\":1}".to_vec())).await?;
    assert_eq!(reply.sequence, sequence.next());
    assert_eq!(total(&host.state("a").await?), Some(6));
    Ok(())
}

/// Going back keeps the state and what was written since.
#[tokio::test]
async fn a_roll_back_keeps_what_was_written_since() -> Result<()> {
    let host = host().await?;
    host.ask("a", "add", json!({ "by": 1 })).await?;
    activate(&host, "probe", 2, Whom::Now).await?;
    all_there(&host, "probe").await?;
    host.ask("a", "add", json!({ "by": 2 })).await?;
    let back = roll_back(&host, "probe", None).await?;
    assert_eq!((back.stable, back.candidate), (1, None));
    all_there(&host, "probe").await?;
    assert_eq!(runs(&host, "a").await?, 1);
    assert_eq!(total(&host.ask("a", "add", json!({ "by": 4 })).await?), Some(7));
    let host = host.crash().await?;
    assert_eq!(total(&host.ask("a", "get", Value::Null).await?), Some(7));
    assert_eq!(runs(&host, "a").await?, 1);
    let what: Vec<String> = rollout(&host, "probe")?.history.into_iter().map(|entry| entry.what).collect();
    assert_eq!(what, ["activated", "rolled-back"]);
    Ok(())
}

/// From a revision that is stable already it goes back, too; without a name to the one before.
#[tokio::test]
async fn a_completed_rollout_can_be_rolled_back() -> Result<()> {
    let mut settings = settings();
    settings.rollout.watch_ms = 0;
    let host = TestHost::start("probe", settings).await?;
    host.deploy("probe", &noted(guest("probe")?, 1)).await?;
    eventually("the deploy to complete", async || Ok(rollout(&host, "probe")?.stable == 2)).await?;
    host.ask("a", "add", json!({ "by": 1 })).await?;
    roll_back(&host, "probe", None).await?;
    eventually("everybody to be back", async || Ok(rollout(&host, "probe")?.stable == 1)).await?;
    all_there(&host, "probe").await?;
    assert_eq!((runs(&host, "a").await?, total(&host.ask("a", "get", Value::Null).await?)), (1, Some(1)));
    // And forth again, by its number.
    activate(&host, "probe", 2, Whom::Now).await?;
    eventually("everybody to be there", async || Ok(rollout(&host, "probe")?.stable == 2)).await?;
    all_there(&host, "probe").await?;
    assert_eq!(runs(&host, "a").await?, 2);
    Ok(())
}

/// What the rollout says is what the actors do.
#[tokio::test]
async fn named_actors_change_over_and_nobody_else() -> Result<()> {
    let host = host().await?;
    for key in ["a", "b", "c"] {
        host.ask(key, "add", json!({ "by": 1 })).await?;
    }
    activate(&host, "probe", 2, Whom::Actors(vec!["b".to_owned()])).await?;
    let view = all_there(&host, "probe").await?;
    let live: Vec<(u32, u64)> = view.live.iter().map(|live| (live.revision, live.actors)).collect();
    assert_eq!(live, [(1, 2), (2, 1)]);
    assert_eq!((runs(&host, "b").await?, runs(&host, "a").await?), (2, 1));
    let candidate = view.candidate.context("no candidate")?;
    assert_eq!((candidate.actors, candidate.percent, candidate.revision), (vec!["b".to_owned()], None, 2));
    // Another deploy would make it unclear what anybody fails on.
    let refused = host.deploy("probe", &noted(guest("probe")?, 2)).await;
    ensure!(refused.is_err_and(|error| error.code() == greenroom_host::vocab::Code::RolloutUnderWay));
    activate(&host, "probe", 2, Whom::Now).await?;
    all_there(&host, "probe").await?;
    assert_eq!(runs(&host, "a").await?, 2);
    assert_eq!(host.deploy("probe", &noted(guest("probe")?, 2)).await?.revision, 3);
    Ok(())
}
