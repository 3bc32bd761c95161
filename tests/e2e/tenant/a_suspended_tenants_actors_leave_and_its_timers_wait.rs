use anyhow::Result;
use greenroom_host::runtime::Phase;
use greenroom_host::vocab::{Address, Code};
use greenroom_kit::{TestHost, eventually, settings};
use serde_json::json;

use super::scene::{add, ask, deploy, tenant};

#[tokio::test]
async fn a_suspended_tenants_actors_leave_and_its_timers_wait() -> Result<()> {
    let host = TestHost::start("probe", settings()).await?;
    let acme = tenant("acme")?;
    host.host.create_tenant(&acme, &Default::default()).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    add(&host, "acme", "a").await?;
    ask(&host, "acme", "a", "set-timer", json!({ "timer": "due", "in_ms": 200 })).await?;
    assert!(host.host.suspend_tenant(&acme).await?.suspended);

    let actor = host.host.actor(Address::new("acme", "probe", "a")?);
    assert_eq!(actor.status().await?.phase, Phase::Passive);
    let before = actor.status().await?.sequence;
    for refused in [
        add(&host, "acme", "a").await.map(drop),
        add(&host, "acme", "new").await.map(drop),
        deploy(&host, "acme", "probe", "probe").await?.map(drop),
        deploy(&host, "acme", "other", "probe").await?.map(drop),
        actor.snapshot().await.map(drop),
    ] {
        assert_eq!(refused.map_err(|error| error.code()), Err(Code::TenantSuspended));
    }
    // What is stored can be read, and another tenant is not concerned.
    actor.state(None).await?;
    add(&host, "default", "a").await?;

    let host = host.crash().await?;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    let actor = host.host.actor(Address::new("acme", "probe", "a")?);
    assert_eq!(actor.status().await?.sequence, before, "the timer fired");
    host.host.resume_tenant(&acme).await?;
    eventually("the timer", async || Ok(actor.status().await?.sequence > before)).await?;
    add(&host, "acme", "a").await?;
    Ok(())
}
