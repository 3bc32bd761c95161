use std::time::Duration;

use anyhow::Result;
use greenroom_host::runtime::Phase;
use greenroom_kit::TestHost;
use serde_json::json;

use super::scene::{add, command, eventually, get, probe, probe_with};

async fn phase(host: &TestHost, key: &str) -> Result<Phase> {
    Ok(host.actor(key)?.status().await?.phase)
}

/// L90: after the time without a command, and not while it is used.
#[tokio::test]
async fn an_idle_actor_leaves_and_comes_back() -> Result<()> {
    let host = probe_with(|settings| settings.passivation.idle_after_ms = 150).await?;
    add(&host, "a", 1).await?;
    assert_eq!(phase(&host, "a").await?, Phase::Running);
    eventually("the actor to leave", async || Ok(phase(&host, "a").await? == Phase::Passive)).await?;
    assert_eq!(get(&host, "a").await?, 1);
    Ok(())
}

/// L91: the least recently used leave, the others stay.
#[tokio::test]
async fn the_least_recently_used_leave_when_there_is_no_room() -> Result<()> {
    let host = probe_with(|settings| settings.limits.live_actors = 8).await?;
    for n in 0..8 {
        add(&host, &format!("a{n}"), 1).await?;
    }
    // Using an actor counts from the latest activation on, so the ninth makes those two the least recent.
    for n in [0, 1, 2, 4, 5, 7] {
        get(&host, &format!("a{n}")).await?;
    }
    add(&host, "new", 1).await?;
    eventually("two to leave", async || {
        Ok(phase(&host, "a3").await? == Phase::Passive && phase(&host, "a6").await? == Phase::Passive)
    })
    .await?;
    for n in [0, 1, 2, 4, 5, 7] {
        assert_eq!(phase(&host, &format!("a{n}")).await?, Phase::Running, "a{n}");
    }
    Ok(())
}

/// L89, L90: never while a turn is being stored; what arrives meanwhile is handled by the next instance, once.
#[tokio::test]
async fn nobody_leaves_while_a_turn_is_being_stored() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 1).await?;
    host.store.hold_appends();
    let adding = host.start_asking("a", command("leave", &json!({ "by": 10 })))?;
    eventually("the append", async || Ok(host.store.held_appends() == 1)).await?;
    eventually("the end of its intake", async || Ok(phase(&host, "a").await? == Phase::Passivating)).await?;
    let late = host.start_asking("a", command("add", &json!({ "by": 100 })))?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(phase(&host, "a").await?, Phase::Passivating);
    assert!(!adding.is_finished() && !late.is_finished());
    host.store.release_all_appends();
    assert_eq!((adding.await??.sequence.0, late.await??.sequence.0), (2, 3));
    assert_eq!(get(&host, "a").await?, 111);
    Ok(())
}

/// L89: commands and passivations at the same time: every command is handled once, by one writer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_commands_and_passivations_lose_and_repeat_nothing() -> Result<()> {
    let host = probe().await?;
    let mut asking = Vec::new();
    for round in 0..200 {
        asking.push(host.start_asking("a", command("add", &json!({ "by": 1 })))?);
        if round % 3 == 0 {
            let actor = host.actor("a")?;
            tokio::spawn(async move { actor.passivate().await });
        }
        if round % 10 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    for answer in asking {
        answer.await??;
    }
    assert_eq!(get(&host, "a").await?, 200);
    Ok(())
}
