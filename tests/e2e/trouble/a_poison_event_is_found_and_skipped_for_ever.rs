use anyhow::{Context, Result, ensure};
use greenroom_host::runtime::{EventView, Phase};
use greenroom_host::vocab::{Code, Sequence};
use greenroom_kit::TestHost;

use super::scene::{
    FAILURES_MAX, POISON, add, get, hostile_at, operator, poisoned, refused, still, trouble, until_quarantined,
};

/// L25, L35: the code traps somewhere in a batch; the host finds the event, and without it the actor is the fold of the
/// others, whoever asks, however often it starts.
#[tokio::test]
async fn a_poison_event_is_found_and_skipped_for_ever() -> Result<()> {
    let clock = still();
    let host = hostile_at(&clock).await?;
    poisoned(&host, "a").await?;
    let told = refused(&host, "a", "get").await?;
    assert_eq!(told, Code::ReplayFailed, "the first failure is told as what it is");
    until_quarantined(&host, Some(&clock), "a").await?;
    let seen = trouble(&host, "a").await?;
    assert_eq!(seen.failures.len(), FAILURES_MAX as usize);
    let event = seen.cause.context("no cause")?.event.context("no event")?;
    assert_eq!((event.first, event.last), (Sequence(POISON), Sequence(POISON)));
    assert_eq!(event.event_type.as_deref(), Some("noted"), "{event:?}");
    assert!(host.actor("a")?.state(None).await.is_err(), "the state cannot be folded with it");

    host.actor("a")?.skip(&operator()).await?;
    check(&host).await?;
    let host = host.crash().await?;
    check(&host).await?;
    assert_eq!(add(&host, "a", 10).await?, 17);
    host.actor("a")?.snapshot().await?;
    let host = host.crash().await?;
    assert_eq!(get(&host, "a").await?, 17);
    assert_eq!(states(&host, &[2, 3, 4, 5, 6]).await?, [3, 3, 7, 7, 17]);
    Ok(())
}

async fn check(host: &TestHost) -> Result<()> {
    assert_eq!(get(host, "a").await?, 7);
    assert_eq!(states(host, &[1, 2, 3, 4, 5]).await?, [1, 3, 3, 7, 7]);
    let status = host.actor("a")?.status().await?;
    assert_eq!((status.skipped_events, status.sequence), (vec![Sequence(POISON)], Sequence(5)));
    assert_ne!(status.phase, Phase::Quarantined);
    let events = events(host).await?;
    let marked: Vec<bool> = events.iter().map(|event| event.skipped).collect();
    assert_eq!(marked, [false, false, true, false, false]);
    let record = events.last().context("no events")?;
    assert_eq!(record.event_type, "greenroom.effects");
    for part in ["skip event 3", "0123456789abcdef", "a test"] {
        ensure!(record.payload.get().contains(part), "{part}: {}", record.payload);
    }
    Ok(())
}

async fn states(host: &TestHost, at: &[u64]) -> Result<Vec<u64>> {
    let mut totals = Vec::new();
    for at in at {
        let view = host.actor("a")?.state(Some(Sequence(*at))).await?;
        let state: serde_json::Value = serde_json::from_str(view.state.get())?;
        let total = state.as_u64().or_else(|| state.get("total")?.as_u64());
        totals.push(total.with_context(|| format!("no total in {state}"))?);
    }
    Ok(totals)
}

async fn events(host: &TestHost) -> Result<Vec<EventView>> {
    let mut feed = host.actor("a")?.events(Sequence::ZERO, u64::MAX, false).await?;
    let mut events = Vec::new();
    while let Some(event) = feed.next().await? {
        events.push(event);
    }
    Ok(events)
}

/// One that fails at the next event as well stays quarantined with that one; each skip is recorded.
#[tokio::test]
async fn two_poison_events_take_two_skips() -> Result<()> {
    use super::scene::send;
    let clock = still();
    let host = hostile_at(&clock).await?;
    for poison in [false, true, true, false] {
        let name = if poison { "poison" } else { "add" };
        send(&host, "a", name, &5_u64.to_le_bytes()).await?;
    }
    host.actor("a")?.passivate().await?;
    until_quarantined(&host, Some(&clock), "a").await?;
    let first = host.actor("a")?.skip(&operator()).await;
    assert_eq!(first.map_err(|error| error.code()).err(), Some(Code::Quarantined));
    let event = trouble(&host, "a").await?.cause.and_then(|cause| cause.event).context("no event")?;
    assert_eq!(event.first, Sequence(3));
    host.actor("a")?.skip(&operator()).await?;
    assert_eq!(get(&host, "a").await?, 10);
    assert_eq!(trouble(&host, "a").await?.skipped_events, [Sequence(2), Sequence(3)]);
    Ok(())
}

/// What is no event cannot be skipped, and nothing is recorded.
#[tokio::test]
async fn a_failure_that_is_no_event_cannot_be_skipped() -> Result<()> {
    let clock = still();
    let host = hostile_at(&clock).await?;
    until_quarantined(&host, Some(&clock), "trap-in-start").await?;
    let skipped = host.actor("trap-in-start")?.skip(&operator()).await;
    assert_eq!(skipped.map_err(|error| error.code()).err(), Some(Code::NothingToSkip));
    let healthy = host.actor("healthy")?.skip(&operator()).await;
    assert_eq!(healthy.map_err(|error| error.code()).err(), Some(Code::NotQuarantined));
    assert_eq!(refused(&host, "trap-in-start", "get").await?, Code::Quarantined);
    Ok(())
}
