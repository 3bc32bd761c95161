use anyhow::{Result, ensure};
use serde_json::json;

use greenroom_host::runtime::{ActorRef, Command};
use greenroom_host::vocab::Sequence;
use greenroom_kit::{TestHost, settings};

async fn send(actor: &ActorRef, command: &str) -> Result<()> {
    actor.ask(Command::new(command, Vec::new())).await?;
    Ok(())
}

/// Three snapshots; before the second, state is changed without an event.
#[tokio::test(flavor = "multi_thread")]
async fn a_drift_is_named_by_actor_and_number() -> Result<()> {
    let mut settings = settings();
    settings.retention.keep_snapshots = 5;
    let host = TestHost::start("hostile", settings).await?;
    let actor = host.actor("drifter")?;
    for step in 0..3 {
        send(&actor, "add").await?;
        if step == 1 {
            send(&actor, "change-silently").await?;
            send(&actor, "add").await?;
        }
        actor.snapshot().await?;
    }
    let found = actor.recheck().await?;
    ensure!(found.checked == [Sequence(1), Sequence(3), Sequence(4)], "{found:?}");
    let [drift] = found.findings.as_slice() else { anyhow::bail!("{found:?}") };
    // The third follows from the second: only between the first and the second it drifted.
    ensure!((drift.after, drift.sequence) == (Sequence(1), Sequence(3)), "{drift:?}");
    ensure!(drift.code == "GR0034" && drift.actor == "default/hostile/drifter", "{drift:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_actor_has_no_findings_and_is_not_changed() -> Result<()> {
    let mut settings = settings();
    settings.retention.keep_snapshots = 5;
    let host = TestHost::start("probe", settings).await?;
    for number in 0..4 {
        host.ask("p", "mark", json!({ "text": format!("m{number}") })).await?;
        host.ask("p", "many", json!({ "count": 100 })).await?;
        host.actor("p")?.snapshot().await?;
    }
    let before = (host.state("p").await?, host.actor("p")?.status().await?.sequence);
    let found = host.actor("p")?.recheck().await?;
    ensure!(found.checked.len() == 4 && found.findings.is_empty() && found.unchecked.is_empty(), "{found:?}");
    ensure!(before == (host.state("p").await?, host.actor("p")?.status().await?.sequence));
    ensure!(host.actor("nobody")?.recheck().await.is_err(), "an actor that does not exist");
    Ok(())
}

/// Where the events before the oldest snapshot are deleted, that one has nothing to be compared with.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_is_said() -> Result<()> {
    let mut settings = settings();
    settings.retention.keep_snapshots = 2;
    settings.retention.delete_events = true;
    let host = TestHost::start("probe", settings).await?;
    for _ in 0..4 {
        host.ask("p", "many", json!({ "count": 10 })).await?;
        host.actor("p")?.snapshot().await?;
    }
    let gone = async || Ok(host.store.inner().head(host.id("p")?).await?.deleted_through > Sequence::ZERO);
    greenroom_kit::eventually("events are deleted", gone).await?;
    let found = host.actor("p")?.recheck().await?;
    ensure!(found.unchecked.len() == 1 && !found.checked.is_empty() && found.findings.is_empty(), "{found:?}");
    Ok(())
}
