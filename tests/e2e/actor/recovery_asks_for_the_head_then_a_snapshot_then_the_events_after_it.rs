use anyhow::Result;
use greenroom_host::vocab::Sequence;
use greenroom_kit::Call;

use super::scene::{add, add_each, get, probe};

/// L1 to L4, L8: what the store is asked for, in order; nothing is replayed behind a snapshot at the head; a new
/// actor is recovered like any other, and nothing is read for it.
#[tokio::test]
async fn recovery_asks_for_the_head_then_a_snapshot_then_the_events_after_it() -> Result<()> {
    let host = probe().await?;
    add_each(&host, "a", 5).await?;
    host.actor("a")?.snapshot().await?;
    add_each(&host, "a", 3).await?;
    let id = host.id("a")?;

    let host = host.crash().await?;
    host.store.forget_calls();
    assert_eq!(get(&host, "a").await?, 8);
    let expected = [Call::Head(id), Call::LoadSnapshot(id, Sequence(5)), Call::Read(id, Sequence(6), Sequence(8))];
    assert_eq!(host.store.calls(), expected);
    let recovery = host.actor("a")?.status().await?.recovery;
    assert_eq!(recovery.map(|r| (r.from_snapshot, r.events_done, r.events_total)), Some((Some(5), 3, 3)));

    host.actor("a")?.snapshot().await?;
    let host = host.crash().await?;
    host.store.forget_calls();
    assert_eq!(get(&host, "a").await?, 8);
    assert_eq!(host.store.calls(), [Call::Head(id), Call::LoadSnapshot(id, Sequence(8))]);

    host.store.forget_calls();
    assert_eq!(get(&host, "new").await?, 0);
    assert_eq!(host.store.calls(), [Call::Head(host.id("new")?)]);
    assert_eq!(add(&host, "new", 4).await?, 4);
    Ok(())
}
