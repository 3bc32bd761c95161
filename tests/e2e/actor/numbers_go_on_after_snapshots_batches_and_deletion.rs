use anyhow::Result;
use greenroom_host::provider::DeleteGuard;
use greenroom_host::vocab::Sequence;
use serde_json::json;

use super::scene::{add, add_each, command, get, head, probe};

/// L11, L12: the next event gets the next number: after a snapshot, after a batch, and with every event deleted.
#[tokio::test]
async fn numbers_go_on_after_snapshots_batches_and_deletion() -> Result<()> {
    let host = probe().await?;
    add_each(&host, "a", 3).await?;
    host.ask("a", "many", json!({ "count": 7 })).await?;
    host.actor("a")?.snapshot().await?;
    let host = host.crash().await?;
    let reply = host.actor("a")?.ask(command("add", &json!({ "by": 1 }))).await?;
    assert_eq!(reply.sequence, Sequence(11));

    host.actor("a")?.snapshot().await?;
    let id = host.id("a")?;
    host.store.inner().delete_through(id, Sequence::MAX, DeleteGuard::BehindSnapshot).await?;
    let host = host.crash().await?;
    assert_eq!(get(&host, "a").await?, 11, "only the snapshot is left");
    let reply = host.actor("a")?.ask(command("add", &json!({ "by": 1 }))).await?;
    assert_eq!((reply.sequence, head(&host, "a").await?), (Sequence(12), 12));
    let host = host.crash().await?;
    assert_eq!(add(&host, "a", 1).await?, 13);
    Ok(())
}
