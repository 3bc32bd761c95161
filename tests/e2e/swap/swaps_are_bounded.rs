use std::time::Duration;

use anyhow::{Context, Result, ensure};
use greenroom_host::runtime::{Command, HostSettings, Phase, Whom};
use greenroom_host::vocab::{Address, Tenant};
use greenroom_kit::{TestHost, guest};

use super::scene::{activate, add, add_revision, all_there, bad, eventually, noted, of, rollout, runs, tight};

/// So many live actors, named by their numbers, and a second revision that would hang in each of them.
async fn about_to_hang(settings: HostSettings, actors: u32) -> Result<TestHost> {
    let host = TestHost::start("hostile", settings).await?;
    for at in 0..actors {
        add(&host, &at.to_string(), 1).await?;
    }
    add_revision(&host, "hostile", &bad("loop-in-start")?).await?;
    Ok(host)
}

/// A stage that is full to its last place: who changes over has a second instance all the same.
#[tokio::test]
async fn no_more_actors_change_over_at_a_time_than_the_limit() -> Result<()> {
    let mut settings = tight();
    settings.limits.live_actors = 30;
    settings.limits.concurrent_swaps = 2;
    // One at a time hangs for 300 ms of CPU: with two places six of them take a second at least.
    settings.limits.guest_call_ms = 300;
    let host = about_to_hang(settings, 6).await?;
    let began = std::time::Instant::now();
    activate(&host, "hostile", 2, Whom::Now).await?;
    // Meanwhile at most two wait for their answer: the others go on at once.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut quick = 0;
    for at in 0..6 {
        let asked = tokio::time::timeout(Duration::from_millis(200), add(&host, &at.to_string(), 1)).await;
        quick += usize::from(asked.is_ok());
    }
    ensure!(quick >= 3, "only {quick} of 6 were answered while others changed over");
    all_there(&host, "hostile").await?;
    ensure!(began.elapsed() >= Duration::from_millis(850), "{:?}: more than two at a time", began.elapsed());
    assert_eq!(rollout(&host, "hostile")?.held_actors, 6);
    Ok(())
}

/// Between two who change over there is rest, so that others have the cores: at a tenth of the time, nine times as long
/// as changing over took.
#[tokio::test]
async fn there_is_rest_between_two_who_change_over() -> Result<()> {
    let mut settings = tight();
    settings.limits.concurrent_swaps = 1;
    // Each hangs for 20 ms of CPU.
    settings.limits.guest_call_ms = 20;
    settings.rollout.swap_percent = 10;
    let host = about_to_hang(settings, 6).await?;
    let began = std::time::Instant::now();
    activate(&host, "hostile", 2, Whom::Now).await?;
    assert_eq!(all_there(&host, "hostile").await?.held_actors, 6);
    ensure!(began.elapsed() >= Duration::from_millis(900), "{:?}: six hangs and five rests", began.elapsed());
    Ok(())
}

/// Hanging code of one tenant has every place there is; another tenant's actors change over all the same.
#[tokio::test]
async fn a_tenant_whose_code_hangs_does_not_keep_others_from_changing_over() -> Result<()> {
    let mut settings = tight();
    settings.limits.concurrent_swaps = 1;
    // In every actor it hangs as long as a call may take, so that this alone takes twenty seconds and more.
    settings.limits.guest_call_ms = 1_000;
    let host = about_to_hang(settings, 20).await?;
    let (acme, kind) = (Tenant::new("acme")?, of("hostile")?.1);
    host.host.create_tenant(&acme, &Default::default()).await?;
    host.host.deploy(&acme, &kind, &guest("hostile")?).await?;
    let theirs = host.host.actor(Address::new("acme", "hostile", "a")?);
    theirs.ask(Command::new("add", 1_u64.to_le_bytes().to_vec())).await?;
    activate(&host, "hostile", 2, Whom::Now).await?;
    eventually("the first to hang", async || Ok(host.host.rollout(&of("hostile")?.0, &kind)?.tried > 0)).await?;
    host.host.deploy(&acme, &kind, &noted(guest("hostile")?, 1)).await?;
    eventually("theirs to change over", async || Ok(theirs.status().await?.revision == 2)).await?;
    ensure!(rollout(&host, "hostile")?.behind > 0, "the other tenant's actors had all been tried");
    Ok(())
}

/// Nothing of a suspended tenant runs; when it is active again its actors come back on what they are assigned.
#[tokio::test]
async fn a_suspended_tenants_rollout_waits() -> Result<()> {
    let host = TestHost::start("hostile", tight()).await?;
    let tenant = Tenant::new("acme")?;
    host.host.create_tenant(&tenant, &Default::default()).await?;
    let kind = of("hostile")?.1;
    host.host.deploy(&tenant, &kind, &guest("hostile")?).await?;
    let actor = host.host.actor(Address::new("acme", "hostile", "a")?);
    let add = || actor.ask(Command::new("add", 1_u64.to_le_bytes().to_vec()));
    add().await?;
    host.host.deploy(&tenant, &kind, &noted(guest("hostile")?, 1)).await?;
    host.host.suspend_tenant(&tenant).await?;
    eventually("its actors to leave", async || Ok(actor.phase() == Phase::Passive)).await?;
    ensure!(add().await.is_err());
    host.host.resume_tenant(&tenant).await?;
    assert_eq!(add().await?.payload.as_ref(), 2_u64.to_le_bytes());
    assert_eq!(actor.status().await?.revision, 2);
    // And a tenant that is deleted takes its rollout along.
    host.host.delete_tenant(&tenant, true).await?;
    ensure!(host.host.rollout(&tenant, &kind).is_err());
    let host = host.crash().await?;
    ensure!(host.host.rollout(&tenant, &kind).is_err());
    Ok(())
}

/// A shutdown in the middle of a rollout ends in order, and the next run goes on with it.
#[tokio::test]
async fn a_shutdown_ends_a_rollout_in_order_and_the_next_start_resumes_it() -> Result<()> {
    let host = TestHost::start("hostile", tight()).await?;
    for at in 0..20 {
        add(&host, &at.to_string(), 1).await?;
    }
    add_revision(&host, "hostile", &noted(guest("hostile")?, 1)).await?;
    activate(&host, "hostile", 2, Whom::Percent(50.0)).await?;
    let began = std::time::Instant::now();
    host.host.shutdown(Duration::from_secs(10)).await?;
    ensure!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let inner = std::sync::Arc::clone(host.store.inner());
    drop(host);
    let store = greenroom_kit::FaultyProvider::new(inner);
    let host = TestHost::over("hostile", store, tight(), None).await?;
    let view = rollout(&host, "hostile")?;
    ensure!(view.candidate.is_some_and(|candidate| candidate.percent == Some(50.0)));
    let mut on: [usize; 2] = [0, 0];
    for at in 0..20 {
        assert_eq!(add(&host, &at.to_string(), 1).await?, 2);
        let revision = usize::try_from(runs(&host, &at.to_string()).await?)?;
        *on.get_mut(revision - 1).context("neither 1 nor 2")? += 1;
    }
    ensure!(on.iter().all(|count| *count > 0), "{on:?}");
    Ok(())
}
