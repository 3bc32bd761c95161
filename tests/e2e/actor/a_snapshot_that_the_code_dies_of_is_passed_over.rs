use anyhow::Result;
use greenroom_host::vocab::Sequence;
use greenroom_kit::Call;

use super::scene::{eventually, get, hostile, hostile_add, number, probe, send, snapshots};

/// L36: a snapshot at which `start` traps or that it refuses is deleted, once the actor is back without it; one over
/// which it ran out of time is kept. Either way the older state is used, and no other snapshot is taken at once.
#[tokio::test]
async fn a_snapshot_that_the_code_dies_of_is_passed_over() -> Result<()> {
    let mut host = hostile().await?;
    for (key, kept) in [("trap-at-snapshot", false), ("refuse-snapshot", false), ("loop-at-snapshot", true)] {
        for _ in 0..3 {
            hostile_add(&host, key, 1).await?;
        }
        host.actor(key)?.snapshot().await?;
        hostile_add(&host, key, 1).await?;

        host = host.crash().await?;
        let id = host.id(key)?;
        let loads = |call: &Call| matches!(call, Call::LoadSnapshot(actor, Sequence(3)) if *actor == id);
        host.store.forget_calls();
        assert_eq!(number(&send(&host, key, "get", &[]).await?)?, 4, "{key}");
        let recovery = host.actor(key)?.status().await?.recovery;
        assert_eq!(recovery.map(|it| (it.from_snapshot, it.events_done)), Some((None, 4)), "{key}");
        assert_eq!(host.store.count(loads), 1, "{key}");
        let expected: &[u64] = if kept { &[3] } else { &[] };
        assert_eq!(snapshots(&host, key).await?, expected, "{key}");

        host = host.crash().await?;
        host.store.forget_calls();
        assert_eq!(hostile_add(&host, key, 1).await?, 5, "{key}");
        assert_eq!(host.store.count(loads), usize::from(kept), "{key}: it was tried again");
    }
    Ok(())
}

/// L104: one of an unknown layout is passed over, the journal replayed, and a new one taken, from which the next
/// recovery starts; the other stays for the revision that reads it.
#[tokio::test]
async fn a_snapshot_of_an_unknown_layout_is_replaced_and_kept() -> Result<()> {
    let host = probe().await?;
    super::scene::add_each(&host, "a", 5).await?;
    host.actor("a")?.snapshot().await?;
    super::scene::add_each(&host, "a", 2).await?;
    let stored = host.store.inner().load_snapshot(host.id("a")?, Sequence(5)).await?;
    let Some(mut snapshot) = stored else { anyhow::bail!("no snapshot at 5") };
    snapshot.meta.state_version = 77;
    host.store.inner().save_snapshot(snapshot).await?;

    let host = host.crash().await?;
    assert_eq!(get(&host, "a").await?, 7);
    eventually("the new one", async || Ok(snapshots(&host, "a").await? == [7, 5])).await?;
    let host = host.crash().await?;
    assert_eq!(get(&host, "a").await?, 7);
    assert_eq!(host.actor("a")?.status().await?.recovery.and_then(|it| it.from_snapshot), Some(7));
    Ok(())
}
