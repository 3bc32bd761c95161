use anyhow::Result;
use greenroom_host::runtime::HostSettings;
use serde_json::{Value, json};

use super::scene::{add, add_each, passivate, probe, probe_with, snapshots, snapshots_become};

/// L68, L69, L80: at N and 2 N events, not before; 0 switches it off; the numbering stays dense.
#[tokio::test]
async fn every_n_events_fires_at_n_and_at_two_n() -> Result<()> {
    let host = probe_with(|settings| settings.snapshots.every_events = 5).await?;
    add_each(&host, "a", 4).await?;
    assert_eq!(snapshots(&host, "a").await?, [0; 0]);
    add(&host, "a", 1).await?;
    snapshots_become(&host, "a", &[5]).await?;
    add_each(&host, "a", 5).await?;
    snapshots_become(&host, "a", &[10, 5]).await?;
    assert_eq!(add(&host, "a", 1).await?, 11);

    let off = probe().await?;
    add_each(&off, "a", 20).await?;
    passivate(&off, "a").await?;
    assert_eq!(snapshots(&off, "a").await?, [0; 0]);
    Ok(())
}

/// L73: bytes of events, joined with the others by OR.
#[tokio::test]
async fn every_n_bytes_fires_when_the_events_are_large() -> Result<()> {
    let host = probe_with(|settings| {
        settings.snapshots.every_events = 1_000;
        settings.snapshots.every_bytes = 1_000;
    })
    .await?;
    add_each(&host, "a", 3).await?;
    host.ask("a", "mark", json!({ "text": "x".repeat(1_000) })).await?;
    snapshots_become(&host, "a", &[4]).await
}

/// L71: by a timer, without another command; again only after another event.
#[tokio::test]
async fn every_t_fires_without_another_command() -> Result<()> {
    let host = probe_with(|settings| settings.snapshots.every_ms = 200).await?;
    add(&host, "a", 1).await?;
    assert_eq!(snapshots(&host, "a").await?, [0; 0]);
    snapshots_become(&host, "a", &[1]).await?;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(snapshots(&host, "a").await?, [1]);
    add(&host, "a", 1).await?;
    snapshots_become(&host, "a", &[2, 1]).await
}

/// L72: a key state change.
#[tokio::test]
async fn a_named_event_type_fires() -> Result<()> {
    let host = probe_with(|settings| settings.snapshots.on_events = vec!["milestone-reached".to_owned()]).await?;
    add_each(&host, "a", 3).await?;
    assert_eq!(snapshots(&host, "a").await?, [0; 0]);
    host.ask("a", "milestone", Value::Null).await?;
    snapshots_become(&host, "a", &[4]).await
}

/// L75: the actor and the operator ask.
#[tokio::test]
async fn the_actor_and_the_operator_get_what_they_ask_for() -> Result<()> {
    let host = probe().await?;
    host.ask("a", "snapshot", json!({ "by": 1 })).await?;
    snapshots_become(&host, "a", &[1]).await?;
    add(&host, "a", 1).await?;
    assert_eq!(host.actor("a")?.snapshot().await?.0, 2);
    assert_eq!(host.actor("a")?.snapshot().await?.0, 2, "nothing happened since");
    passivate(&host, "a").await?;
    assert_eq!(host.actor("a")?.snapshot().await?.0, 2, "also of a passive actor");
    assert_eq!(snapshots(&host, "a").await?, [2, 1]);
    Ok(())
}

/// L87: once, and only if something happened since the newest one.
#[tokio::test]
async fn passivation_saves_what_is_new() -> Result<()> {
    let host = probe_with(|settings| settings.snapshots.on_passivation = true).await?;
    add_each(&host, "a", 3).await?;
    passivate(&host, "a").await?;
    assert_eq!(snapshots(&host, "a").await?, [3]);
    host.ask("a", "get", Value::Null).await?;
    passivate(&host, "a").await?;
    assert_eq!(snapshots(&host, "a").await?, [3]);
    add(&host, "a", 1).await?;
    host.ask("a", "leave", json!({ "by": 1 })).await?;
    snapshots_become(&host, "a", &[5, 3]).await
}

/// L74: a budget that no replay can hold takes a snapshot as soon as there are 16 events, also of replayed ones.
#[tokio::test]
async fn a_recovery_budget_fires_also_after_a_recovery() -> Result<()> {
    let budget = |settings: &mut HostSettings| settings.snapshots.recovery_budget_ms = 0.001;
    let host = probe_with(budget).await?;
    add_each(&host, "a", 15).await?;
    assert_eq!(snapshots(&host, "a").await?, [0; 0]);
    add(&host, "a", 1).await?;
    snapshots_become(&host, "a", &[16]).await?;

    let host = probe().await?;
    add_each(&host, "b", 30).await?;
    let host = host.crash_into(super::scene::settings_with(budget)).await?;
    host.ask("b", "get", Value::Null).await?;
    snapshots_become(&host, "b", &[30]).await
}
