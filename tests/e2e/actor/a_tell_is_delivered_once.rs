use anyhow::Result;
use greenroom_kit::{Call, TestHost};
use serde_json::json;

use super::scene::{AppendFault, command, eventually, get, head, probe};

async fn delivered(host: &TestHost, key: &str, expected: u64) -> Result<()> {
    eventually(&format!("{expected} in {key}"), async || Ok(get(host, key).await? == expected)).await?;
    tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    assert_eq!(get(host, key).await?, expected, "a tell was handled twice");
    Ok(())
}

/// L45, L48, L109: it leaves after its turn is durable, and is handled once.
#[tokio::test]
async fn a_tell_leaves_only_when_its_turn_is_durable() -> Result<()> {
    let host = probe().await?;
    let receiver = host.id("receiver")?;
    host.store.hold_appends();
    let telling = host.start_asking("sender", command("tell-add", &json!({ "key": "receiver", "by": 5 })))?;
    eventually("the append", async || Ok(host.store.held_appends() == 1)).await?;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(host.store.count(|call| *call == Call::Head(receiver)), 0, "it left before it was durable");
    host.store.release_all_appends();
    telling.await??;
    delivered(&host, "receiver", 5).await
}

/// L109: a crash between storing and sending; the next host sends it, once, however often it starts.
#[tokio::test]
async fn a_tell_survives_a_crash_between_store_and_send() -> Result<()> {
    let host = probe().await?;
    host.store.hold_appends();
    let telling = host.start_asking("sender", command("tell-add", &json!({ "key": "receiver", "by": 5 })))?;
    eventually("the append", async || Ok(host.store.held_appends() == 1)).await?;
    telling.abort();
    let _aborted = telling.await;
    let host = host.crash().await?;
    host.store.release_all_appends();
    delivered(&host, "receiver", 5).await?;
    let host = host.crash().await?;
    delivered(&host, "receiver", 5).await
}

/// L109: the receiver's turn is stored but its outcome unknown: it is told again, and drops the repetition.
#[tokio::test]
async fn a_tell_whose_outcome_is_unknown_is_handled_once() -> Result<()> {
    let host = probe().await?;
    host.store.next_appends([AppendFault::None, AppendFault::UnknownStored]);
    host.ask("sender", "tell-add", json!({ "key": "receiver", "by": 5 })).await?;
    eventually("the receiver's event", async || Ok(head(&host, "receiver").await? == 1)).await?;
    eventually("the sender to strike it off", async || Ok(head(&host, "sender").await? == 2)).await?;
    delivered(&host, "receiver", 5).await?;
    assert_eq!(head(&host, "receiver").await?, 1);
    Ok(())
}

/// L109: a tell of a lost turn is never sent.
#[tokio::test]
async fn a_tell_of_a_lost_turn_is_never_sent() -> Result<()> {
    let host = probe().await?;
    host.store.next_appends([AppendFault::Failed]);
    assert!(host.ask("sender", "tell-add", json!({ "key": "receiver", "by": 5 })).await.is_err());
    get(&host, "sender").await?;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!((head(&host, "sender").await?, head(&host, "receiver").await?), (0, 0));
    Ok(())
}
