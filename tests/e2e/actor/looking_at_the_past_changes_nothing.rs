use anyhow::Result;
use greenroom_host::provider::DeleteGuard;
use greenroom_host::vocab::{Code, Sequence};
use greenroom_kit::Call;

use super::scene::{add, add_each, probe, refusal, total};

/// L15, L16: the state at every number, from the nearest snapshot; nothing is written; numbers outside are named.
#[tokio::test]
async fn looking_at_the_past_changes_nothing() -> Result<()> {
    let host = probe().await?;
    add_each(&host, "a", 6).await?;
    host.actor("a")?.snapshot().await?;
    add_each(&host, "a", 4).await?;
    host.store.forget_calls();
    let actor = host.actor("a")?;
    for at in 0..=10 {
        let view = actor.state(Some(Sequence(at))).await?;
        assert_eq!((view.sequence.0, total(&serde_json::from_str(view.state.get())?)?), (at, at));
    }
    let is_write = |call: &Call| !matches!(call, Call::Head(_) | Call::Read(..) | Call::LoadSnapshot(..));
    assert_eq!(host.store.count(is_write), 0);

    let (code, words) = refusal(actor.state(Some(Sequence(11))).await.map_err(Into::into))?;
    assert!(code == Code::SequenceOutOfRange && words.contains("0 to 10"), "{words}");
    let id = host.id("a")?;
    host.store.inner().delete_through(id, Sequence(6), DeleteGuard::BehindSnapshot).await?;
    let (code, words) = refusal(actor.state(Some(Sequence(5))).await.map_err(Into::into))?;
    assert!(code == Code::SequenceOutOfRange && words.contains("6 to 10"), "{words}");
    assert_eq!(actor.state(Some(Sequence(6))).await?.sequence, Sequence(6));
    assert_eq!(add(&host, "a", 1).await?, 11, "the live actor must not have noticed");
    Ok(())
}
