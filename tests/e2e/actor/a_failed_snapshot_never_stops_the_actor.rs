use anyhow::Result;
use greenroom_host::vocab::Code;

use super::scene::{add_each, get, hostile, hostile_add, probe_with, refusal, snapshots, snapshots_become};

/// L79: a save that fails is tried again at the next trigger; the operator who asked is told.
#[tokio::test]
async fn a_save_that_fails_is_tried_again_at_the_next_trigger() -> Result<()> {
    let host = probe_with(|settings| settings.snapshots.every_events = 5).await?;
    host.store.fail_saves(1);
    add_each(&host, "a", 9).await?;
    assert_eq!(snapshots(&host, "a").await?, [0; 0]);
    add_each(&host, "a", 1).await?;
    snapshots_become(&host, "a", &[10]).await?;

    host.store.fail_saves(1);
    add_each(&host, "a", 1).await?;
    let (code, _) = refusal(host.actor("a")?.snapshot().await.map_err(Into::into))?;
    assert_eq!(code, Code::StoreFailed);
    assert_eq!(host.actor("a")?.snapshot().await?.0, 11);
    assert_eq!(get(&host, "a").await?, 11);
    Ok(())
}

/// L84, L86: too large, refused by the guest, never ending: the operator is told, the actor goes on.
#[tokio::test]
async fn a_capture_that_fails_is_told_and_the_actor_goes_on() -> Result<()> {
    let host = hostile().await?;
    for (key, expected) in [
        ("large-capture", Code::SnapshotFailed),
        ("refuse-capture", Code::SnapshotFailed),
        ("loop-in-capture", Code::SnapshotFailed),
    ] {
        hostile_add(&host, key, 1).await?;
        let (code, words) = refusal(host.actor(key)?.snapshot().await.map_err(Into::into))?;
        assert_eq!(code, expected, "{key}: {words}");
        assert_eq!(hostile_add(&host, key, 1).await?, 2, "{key}");
        assert_eq!(snapshots(&host, key).await?, [0; 0], "{key}");
    }
    Ok(())
}
