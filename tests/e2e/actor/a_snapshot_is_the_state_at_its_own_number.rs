use anyhow::Result;
use greenroom_host::vocab::Sequence;
use greenroom_kit::Call;

use super::scene::{AppendFault, add, add_each, eventually, get, probe, snapshot_bytes, snapshots, snapshots_become};

/// L77, L78: commands go on while it is saved, and what they change is not in it. Who asks meanwhile gets a newer one.
#[tokio::test]
async fn a_snapshot_is_the_state_at_its_own_number() -> Result<()> {
    let host = probe().await?;
    add_each(&host, "a", 5).await?;
    assert_eq!(host.actor("a")?.snapshot().await?.0, 5);
    let alone = snapshot_bytes(&host, "a", 5).await?;
    let id = host.id("a")?;
    host.store.inner().delete_snapshot(id, Sequence(5)).await?;
    let host = host.crash().await?;

    host.store.hold_saves();
    let first = asking(&host)?;
    eventually("the save", async || Ok(host.store.count(|call| matches!(call, Call::SaveSnapshot(..))) == 2)).await?;
    add_each(&host, "a", 3).await?;
    let second = asking(&host)?;
    assert_eq!(get(&host, "a").await?, 8, "commands must go on while a snapshot is saved");
    host.store.release_all_saves();
    assert_eq!((first.await??, second.await??), (Sequence(5), Sequence(8)));
    assert_eq!(snapshot_bytes(&host, "a", 5).await?, alone);
    assert_eq!(snapshots(&host, "a").await?, [8, 5]);
    Ok(())
}

/// L47: what it holds is durable first; who asked for one that was lost with its turn gets the next instance's.
#[tokio::test]
async fn a_snapshot_of_a_lost_turn_is_never_saved() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 1).await?;
    host.store.hold_appends();
    host.store.next_appends([AppendFault::Failed]);
    let adding = host.start_asking("a", super::scene::command("add", &serde_json::json!({ "by": 10 })))?;
    eventually("the append", async || Ok(host.store.held_appends() == 1)).await?;
    let snapshot = asking(&host)?;
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    assert_eq!(snapshots(&host, "a").await?, [0; 0], "it was saved before its events were durable");
    host.store.release_all_appends();
    assert!(adding.await?.is_err());
    assert_eq!(snapshot.await??, Sequence(1));
    snapshots_become(&host, "a", &[1]).await?;
    assert_eq!(get(&host.crash().await?, "a").await?, 1);
    Ok(())
}

fn asking(
    host: &greenroom_kit::TestHost,
) -> Result<tokio::task::JoinHandle<Result<Sequence, greenroom_host::runtime::AskError>>> {
    let actor = host.actor("a")?;
    Ok(tokio::spawn(async move { actor.snapshot().await }))
}
