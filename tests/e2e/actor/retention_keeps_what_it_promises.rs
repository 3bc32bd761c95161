use anyhow::Result;
use greenroom_host::runtime::HostSettings;
use greenroom_host::vocab::Sequence;
use greenroom_kit::{Call, TestHost};

use super::scene::{add_each, eventually, get, head, probe_with, snapshots, snapshots_become};

fn keep(snapshots: u32, delete_events: bool) -> impl FnOnce(&mut HostSettings) {
    move |settings| {
        settings.snapshots.every_events = 5;
        settings.retention.keep_snapshots = snapshots;
        settings.retention.delete_events = delete_events;
    }
}

/// Adds and waits for the snapshot that this causes, so that none is left out.
async fn fill(host: &TestHost, events: u64) -> Result<()> {
    while head(host, "a").await? < events {
        add_each(host, "a", 5).await?;
        let end = head(host, "a").await?;
        eventually("the snapshot", async || Ok(snapshots(host, "a").await?.first() == Some(&end))).await?;
    }
    Ok(())
}

async fn deleted(host: &TestHost) -> Result<u64> {
    Ok(host.store.inner().head(host.id("a")?).await?.deleted_through.0)
}

/// L81: the newest K are kept; every event stays.
#[tokio::test]
async fn older_snapshots_go_and_all_history_stays() -> Result<()> {
    let host = probe_with(keep(2, false)).await?;
    fill(&host, 25).await?;
    snapshots_become(&host, "a", &[25, 20]).await?;
    assert_eq!((deleted(&host).await?, host.actor("a")?.state(Some(Sequence(3))).await?.sequence.0), (0, 3));
    Ok(())
}

/// L81: events go only behind the oldest snapshot that is kept, so each kept one can be recovered from.
#[tokio::test]
async fn events_behind_the_oldest_kept_snapshot_go() -> Result<()> {
    let host = probe_with(keep(2, true)).await?;
    fill(&host, 25).await?;
    snapshots_become(&host, "a", &[25, 20]).await?;
    eventually("the deletion", async || Ok(deleted(&host).await? == 20)).await?;
    host.store.corrupt_snapshot(host.id("a")?, Sequence(25));
    let host = host.crash().await?;
    assert_eq!(get(&host, "a").await?, 25, "the older kept snapshot must be enough");
    Ok(())
}

/// L81: a snapshot that cannot be read back is no reason to delete events: it goes itself, and the events stay.
#[tokio::test]
async fn events_go_only_behind_a_snapshot_that_was_read_back() -> Result<()> {
    let host = probe_with(keep(1, true)).await?;
    fill(&host, 5).await?;
    eventually("the deletion", async || Ok(deleted(&host).await? == 5)).await?;
    host.store.corrupt_snapshot(host.id("a")?, Sequence(10));
    add_each(&host, "a", 5).await?;
    let (id, bad) = (host.id("a")?, Sequence(10));
    let gone = Call::DeleteSnapshot(id, bad);
    eventually("the end of the bad one", async || Ok(host.store.count(|call| *call == gone) == 1)).await?;
    snapshots_become(&host, "a", &[5]).await?;
    assert_eq!(deleted(&host).await?, 5, "events were deleted behind a snapshot that nobody can read");
    let host = host.crash().await?;
    assert_eq!(get(&host, "a").await?, 10);
    Ok(())
}

/// L83: a deletion that fails stops nothing; the next snapshot makes up for it.
#[tokio::test]
async fn a_failed_deletion_is_made_up_for() -> Result<()> {
    let host = probe_with(keep(1, true)).await?;
    host.store.fail_deletes(1);
    fill(&host, 5).await?;
    eventually("the deletion", async || Ok(host.store.count(|call| matches!(call, Call::DeleteThrough(..))) == 1))
        .await?;
    assert_eq!((deleted(&host).await?, get(&host, "a").await?), (0, 5));
    fill(&host, 10).await?;
    eventually("the next deletion", async || Ok(deleted(&host).await? == 10)).await?;
    snapshots_become(&host, "a", &[10]).await
}
