use anyhow::{Context, Result};
use bytes::Bytes;
use greenroom_host::provider::{DeleteGuard, Snapshot};
use greenroom_host::vocab::{Code, Sequence};
use greenroom_kit::TestHost;

use super::scene::{add_each, eventually, get, probe, refusal, snapshots, snapshots_become};

/// L28 to L30, L36, L104: corrupt ones, one with a ledger that cannot be read and one of an unknown state version
/// are passed over; with deleted events and no usable snapshot the failure is typed, and names what is missing.
#[tokio::test]
async fn a_bad_snapshot_is_replaced_by_an_older_one_and_at_last_by_the_events() -> Result<()> {
    let mut host = probe().await?;
    for _ in 0..2 {
        add_each(&host, "a", 4).await?;
        host.actor("a")?.snapshot().await?;
    }
    add_each(&host, "a", 2).await?;
    let id = host.id("a")?;
    let whole = [stored(&host, 4).await?, stored(&host, 8).await?];
    for (corrupt, expected) in [(8, Some(4)), (4, None)] {
        host.store.inner().delete_snapshot(id, Sequence(10)).await?;
        host.store.corrupt_snapshot(id, Sequence(corrupt));
        host = host.crash().await?;
        assert_eq!(get(&host, "a").await?, 10);
        let recovery = host.actor("a")?.status().await?.recovery;
        assert_eq!(recovery.and_then(|recovery| recovery.from_snapshot), expected);
        // The unusable one is gone, and there is a new one in its place.
        eventually("the new snapshot", async || Ok(snapshots(&host, "a").await?.first() == Some(&10))).await?;
        assert!(!snapshots(&host, "a").await?.contains(&corrupt), "the next recovery would try it again");
    }

    host.store.heal_snapshots();
    host.store.inner().delete_snapshot(id, Sequence(10)).await?;
    for snapshot in whole {
        host.store.inner().save_snapshot(snapshot).await?;
    }
    for (at, change) in [(8, "state version"), (4, "ledger")] {
        let stored = host.store.inner().load_snapshot(id, Sequence(at)).await?;
        let Some(mut snapshot) = stored else { anyhow::bail!("no snapshot at {at}") };
        match change {
            "ledger" => snapshot.ledger = Bytes::from_static(&[0xff; 9]),
            _ => snapshot.meta.state_version = 77,
        }
        host.store.inner().save_snapshot(snapshot).await?;
    }
    host = host.crash().await?;
    assert_eq!(get(&host, "a").await?, 10);
    assert_eq!(host.actor("a")?.status().await?.recovery.and_then(|recovery| recovery.from_snapshot), None);
    // Another revision may read the layout of the one; nobody will ever read the other.
    snapshots_become(&host, "a", &[10, 8]).await?;

    host.store.inner().delete_snapshot(id, Sequence(10)).await?;
    host.store.inner().delete_through(id, Sequence(4), DeleteGuard::BehindSnapshot).await?;
    host = host.crash().await?;
    let (code, words) = refusal(get(&host, "a").await)?;
    assert_eq!(code, Code::StoreCorrupt);
    assert!(words.contains("through 4") && words.contains("1 tried"), "{words}");
    assert_eq!(get(&host, "other").await?, 0, "only this actor is out of service");
    Ok(())
}

async fn stored(host: &TestHost, at: u64) -> Result<Snapshot> {
    let stored = host.store.inner().load_snapshot(host.id("a")?, Sequence(at)).await?;
    stored.with_context(|| format!("no snapshot at {at}"))
}
