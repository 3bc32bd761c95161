use anyhow::Result;
use greenroom_host::vocab::Sequence;
use greenroom_kit::{TestHost, settings};
use serde_json::{Value, json};

use super::scene::{add, settings_with, snapshot_bytes, snapshots};

/// A snapshot is taken after these rounds.
const SNAPSHOT_ROUNDS: [u64; 4] = [1, 9, 20, 25];

/// L7, L18: the state as JSON and as snapshot bytes is the same whatever the batch size and wherever replay starts.
#[tokio::test]
async fn any_replay_batch_and_any_snapshot_give_the_same_state() -> Result<()> {
    let mut host = TestHost::start("probe", settings_with(|settings| settings.retention.keep_snapshots = 100)).await?;
    write_a_journal(&host).await?;
    let bases = snapshots(&host, "a").await?;
    assert_eq!(bases.len(), SNAPSHOT_ROUNDS.len(), "{bases:?}");
    let mut stored = Vec::new();
    for at in &bases {
        stored.extend(host.store.inner().load_snapshot(host.id("a")?, Sequence(*at)).await?);
    }
    let expected = host.state("a").await?;
    let end = host.actor("a")?.snapshot().await?.0;
    let bytes = snapshot_bytes(&host, "a", end).await?;
    let id = host.id("a")?;
    host.store.inner().delete_snapshot(id, Sequence(end)).await?;

    for batch_events in [1, 7, 1_000] {
        for base in [None].into_iter().chain(bases.iter().copied().map(Some)) {
            let mut settings = settings();
            settings.retention.keep_snapshots = 100;
            settings.limits.replay_batch_events = batch_events;
            host = host.crash_into(settings).await?;
            host.store.heal_snapshots();
            // The recovery before deleted those that it could not use.
            for snapshot in stored.clone() {
                host.store.inner().save_snapshot(snapshot).await?;
            }
            for unusable in bases.iter().copied().filter(|at| Some(*at) != base) {
                host.store.corrupt_snapshot(id, Sequence(unusable));
            }
            assert_eq!(host.state("a").await?, expected, "batches of {batch_events} from {base:?}");
            assert_eq!(host.actor("a")?.snapshot().await?.0, end);
            let from = host.actor("a")?.status().await?.recovery.and_then(|recovery| recovery.from_snapshot);
            assert_eq!(from, base, "the recovery must have started there");
            let again = snapshot_bytes(&host, "a", end).await?;
            assert_eq!(again, bytes, "batches of {batch_events} from {base:?}");
            host.store.inner().delete_snapshot(id, Sequence(end)).await?;
        }
    }
    Ok(())
}

/// Events of three types in frames of different sizes, events of the host between them, and snapshots.
async fn write_a_journal(host: &TestHost) -> Result<()> {
    for round in 1..=30 {
        add(host, "a", round).await?;
        host.ask("a", "mark", json!({ "text": format!("round {round}") })).await?;
        if round % 5 == 0 {
            host.ask("a", "many", json!({ "count": 20 })).await?;
            host.ask("a", "milestone", Value::Null).await?;
        }
        if round % 4 == 0 {
            host.ask("a", "set-timer", json!({ "timer": "far", "in_ms": 86_400_000 })).await?;
        }
        if SNAPSHOT_ROUNDS.contains(&round) {
            host.actor("a")?.snapshot().await?;
        }
    }
    Ok(())
}
