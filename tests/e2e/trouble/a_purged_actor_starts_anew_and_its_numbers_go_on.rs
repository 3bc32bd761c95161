use anyhow::{Context, Result};
use greenroom_host::vocab::{Code, Sequence};

use super::scene::{add, get, hostile, operator, poisoned, send, until_quarantined};

/// L35: nothing of the old history is left, numbers are not used again, and who did it stands in the journal.
#[tokio::test]
async fn a_purged_actor_starts_anew_and_its_numbers_go_on() -> Result<()> {
    let host = hostile().await?;
    poisoned(&host, "a").await?;
    until_quarantined(&host, None, "a").await?;
    host.actor("a")?.purge(&operator()).await?;
    assert_eq!(get(&host, "a").await?, 0);
    assert_eq!(add(&host, "a", 5).await?, 5);
    let host = host.crash().await?;
    assert_eq!(get(&host, "a").await?, 5, "after a crash");
    let status = host.actor("a")?.status().await?;
    assert_eq!((status.sequence, status.deleted_through), (Sequence(6), Sequence(4)));
    let mut feed = host.actor("a")?.events(Sequence::ZERO, u64::MAX, false).await?;
    let first = feed.next().await?.context("no event")?;
    assert_eq!(first.sequence, Sequence(5));
    assert!(first.payload.get().contains("purged events through 4, by 0123456789abcdef: a test"), "{}", first.payload);
    let then = host.actor("a")?.state(Some(Sequence(5))).await?;
    assert!(then.state.get().contains('0'), "{}", then.state);
    let before = host.actor("a")?.state(Some(Sequence(3))).await;
    assert_eq!(before.map_err(|error| error.code()).err(), Some(Code::SequenceOutOfRange));
    host.actor("a")?.snapshot().await?;
    add(&host, "a", 1).await?;
    assert_eq!(get(&host.crash().await?, "a").await?, 6);
    Ok(())
}

/// A healthy, live actor with a timer and a snapshot: the same, and the timer is gone.
#[tokio::test]
async fn a_healthy_actor_can_be_purged_and_an_unknown_one_cannot() -> Result<()> {
    let host = greenroom_kit::TestHost::start("probe", super::scene::strict()).await?;
    host.ask("a", "add", serde_json::json!({ "by": 3 })).await?;
    host.ask("a", "set-timer", serde_json::json!({ "timer": "t", "in_ms": 50 })).await?;
    host.actor("a")?.snapshot().await?;
    host.actor("a")?.purge(&operator()).await?;
    let host = host.crash().await?;
    tokio::time::sleep(std::time::Duration::from_millis(120)).await;
    let view = host.ask("a", "get", serde_json::Value::Null).await?;
    assert_eq!((view.get("total"), view.get("marks")), (Some(&0.into()), Some(&serde_json::json!([]))));
    let unknown = host.actor("never")?.purge(&operator()).await;
    assert_eq!(unknown.map_err(|error| error.code()).err(), Some(Code::UnknownActor));
    Ok(())
}

/// An actor whose events are deleted without a snapshot and without a purge still fails: nothing is guessed.
#[tokio::test]
async fn deleted_events_alone_are_no_purge() -> Result<()> {
    use greenroom_host::provider::DeleteGuard;
    let host = hostile().await?;
    add(&host, "a", 1).await?;
    add(&host, "a", 2).await?;
    host.actor("a")?.passivate().await?;
    host.store.inner().delete_through(host.id("a")?, Sequence(1), DeleteGuard::Forced).await?;
    let answer = send(&host, "a", "get", &[]).await;
    assert_eq!(answer.map_err(|error| error.code()).err(), Some(Code::StoreCorrupt));
    Ok(())
}
