use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use greenroom_host::provider::DeleteGuard;
use greenroom_host::runtime::EventFeed;
use greenroom_host::vocab::{Code, Sequence};
use greenroom_kit::{TestHost, settings};
use serde_json::json;

use super::scene::{AppendFault, add, add_each, command, probe, refusal};

async fn next(feed: &mut EventFeed) -> Result<(u64, String)> {
    let event = tokio::time::timeout(Duration::from_secs(10), feed.next()).await.context("no event came")??;
    let event = event.context("the feed ended")?;
    Ok((event.sequence.0, event.payload.get().to_owned()))
}

/// L111: those that are there, then those that come, without a hole and only once they are durable; also one whose
/// outcome was unknown to its writer.
#[tokio::test]
async fn followers_see_every_durable_event_in_order() -> Result<()> {
    let host = probe().await?;
    add_each(&host, "a", 3).await?;
    let mut feed = host.actor("a")?.events(Sequence(2), 1_000, true).await?;
    for at in 2..=3 {
        assert_eq!(next(&mut feed).await?, (at, r#"{"by":1}"#.to_owned()));
    }
    add(&host, "a", 7).await?;
    assert_eq!(next(&mut feed).await?, (4, r#"{"by":7}"#.to_owned()));

    host.store.next_appends([AppendFault::UnknownStored]);
    assert!(add(&host, "a", 8).await.is_err());
    assert_eq!(next(&mut feed).await?, (5, r#"{"by":8}"#.to_owned()));
    host.host.shutdown(Duration::from_secs(5)).await?;
    assert!(feed.next().await?.is_none(), "a shutdown ends the feed");
    Ok(())
}

/// L16: a bounded listing, types and effects included; an actor that does not exist is named.
#[tokio::test]
async fn a_listing_is_bounded_and_shows_effects() -> Result<()> {
    let host = probe().await?;
    host.ask("a", "many", json!({ "count": 5 })).await?;
    host.ask("a", "tell-add", json!({ "key": "b", "by": 1 })).await?;
    let mut feed = host.actor("a")?.events(Sequence(3), 4, false).await?;
    let mut seen = Vec::new();
    while let Some(event) = feed.next().await? {
        seen.push((event.sequence.0, event.event_type));
    }
    let added = |at| (at, "added".to_owned());
    assert_eq!(seen, [added(3), added(4), added(5), (6, "greenroom.effects".to_owned())]);
    let missing = host.actor("nobody")?.events(Sequence::ZERO, 1, false).await;
    assert_eq!(refusal(missing.map_err(Into::into))?.0, Code::UnknownActor);
    Ok(())
}

/// Two followers, and events that come in one batch.
#[tokio::test]
async fn followers_do_not_disturb_each_other() -> Result<()> {
    let host = probe().await?;
    let mut first = host.actor("a")?.events(Sequence::ZERO, 1_000, true).await?;
    let mut second = host.actor("a")?.events(Sequence(51), 1_000, true).await?;
    host.start_asking("a", command("many", &json!({ "count": 100 })))?.await??;
    for at in 1..=100 {
        assert_eq!(next(&mut first).await?.0, at);
    }
    drop(first);
    for at in 51..=100 {
        assert_eq!(next(&mut second).await?.0, at);
    }
    add(&host, "a", 1).await?;
    assert_eq!(next(&mut second).await?.0, 101);
    Ok(())
}

/// Events that retention deletes before a slow follower has read them are a gap, and the follower is told.
#[tokio::test]
async fn a_follower_is_told_of_events_that_are_gone() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 1).await?;
    let mut feed = host.actor("a")?.events(Sequence::ZERO, 1_000, true).await?;
    assert_eq!(next(&mut feed).await?.0, 1);
    // What another host writes is not published here: this follower is behind until its own host notices.
    let other = TestHost::over("probe", Arc::clone(&host.store), settings(), None).await?;
    add_each(&other, "a", 4).await?;
    other.actor("a")?.snapshot().await?;
    host.store.inner().delete_through(host.id("a")?, Sequence(3), DeleteGuard::BehindSnapshot).await?;
    assert!(add(&host, "a", 1).await.is_err());
    let (code, words) = refusal(feed.next().await.map_err(Into::into))?;
    assert_eq!(code, Code::SequenceGap, "{words}");
    Ok(())
}
