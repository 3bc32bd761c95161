use anyhow::{Result, ensure};
use greenroom_host::runtime::Phase;
use greenroom_host::vocab::Address;
use greenroom_kit::eventually;

use super::fair_share_scene::{host, send};

/// One tenant brings on actor after actor; another's few, used long ago, stay where they are.
#[tokio::test]
async fn a_tenant_with_many_actors_does_not_push_others_off_the_stage() -> Result<()> {
    let host = host(2, &[("many", 100), ("few", 100)], |settings| settings.limits.live_actors = 16).await?;
    for at in 0..4 {
        send(&host, "few", &format!("f-{at}"), "add").await?;
    }
    for at in 0..100 {
        send(&host, "many", &format!("m-{at}"), "add").await?;
    }
    for at in 0..4 {
        let phase = host.host.actor(Address::new("few", "hostile", format!("f-{at}"))?).phase();
        ensure!(phase == Phase::Running, "f-{at} is {phase:?}");
    }
    Ok(())
}

/// All recoveries of one tenant hang in the store, and many more wait; another tenant's actor comes back.
#[tokio::test]
async fn a_tenant_with_many_recoveries_does_not_keep_others_waiting() -> Result<()> {
    let host = host(2, &[("many", 100), ("few", 100)], |settings| settings.limits.concurrent_recoveries = 2).await?;
    host.store.hold_heads();
    let mut asking = Vec::new();
    for at in 0..20 {
        let actor = host.host.actor(Address::new("many", "hostile", format!("m-{at}"))?);
        asking.push(tokio::spawn(
            async move { actor.ask(greenroom_host::runtime::Command::new("get", Vec::new())).await },
        ));
    }
    eventually("two that recover", async || Ok(host.store.held_heads() == 2)).await?;
    let few = host.host.actor(Address::new("few", "hostile", "f")?);
    asking.push(tokio::spawn(async move { few.ask(greenroom_host::runtime::Command::new("get", Vec::new())).await }));
    eventually("the other tenant's recovery", async || Ok(host.store.held_heads() == 3)).await?;
    host.store.release_all_heads();
    for ask in asking {
        ask.await??;
    }
    Ok(())
}
