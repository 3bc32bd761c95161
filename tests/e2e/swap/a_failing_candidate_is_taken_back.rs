use std::time::Duration;

use anyhow::{Result, ensure};
use greenroom_host::runtime::Whom;
use greenroom_host::vocab::{Owner, Tenant};
use greenroom_kit::{TestHost, guest};

use super::scene::{
    activate, add, add_revision, all_there, bad, eventually, noted, passivate, rollout, runs, send, tight,
};

/// A host that takes a candidate back when three actors, and a tenth of those that tried it, failed on it.
async fn host(actors: usize) -> Result<TestHost> {
    let mut settings = tight();
    settings.rollout.failures_actors = 3;
    settings.rollout.failures_percent = 10;
    let host = TestHost::start("hostile", settings).await?;
    for at in 0..actors {
        add(&host, &at.to_string(), 1).await?;
    }
    Ok(host)
}

/// Code that does not start is taken back as soon as that is clear; nobody noticed anything.
#[tokio::test]
async fn a_candidate_that_does_not_start_is_taken_back() -> Result<()> {
    let host = host(20).await?;
    add_revision(&host, "hostile", &bad("trap-in-start")?).await?;
    activate(&host, "hostile", 2, Whom::Now).await?;
    eventually("it to be taken back", async || Ok(rollout(&host, "hostile")?.candidate.is_none())).await?;
    let after = all_there(&host, "hostile").await?;
    ensure!(after.stable == 1 && after.held_actors == 0, "{after:?}");
    let last = after.history.last().map(|entry| (entry.what.clone(), entry.revision));
    assert_eq!(last, Some(("taken-back".to_owned(), 1)));
    for at in 0..20 {
        assert_eq!((add(&host, &at.to_string(), 1).await?, runs(&host, &at.to_string()).await?), (2, 1));
    }
    let audit = host.host.audit(&Owner::Tenant(Tenant::default_tenant()), u64::MAX, 10).await?;
    ensure!(
        audit.iter().any(|entry| entry.act.who == "host" && entry.act.what == "rollBack" && entry.result == "done"),
        "{audit:?}"
    );
    // It is durable: the next run of the host does not try it again.
    let host = host.crash().await?;
    assert_eq!((rollout(&host, "hostile")?.stable, rollout(&host, "hostile")?.candidate), (1, None));
    Ok(())
}

/// Actors that run the candidate and trap count, too; those that had changed over go back with what they wrote.
#[tokio::test]
async fn a_candidate_whose_actors_trap_is_taken_back() -> Result<()> {
    let host = host(6).await?;
    add_revision(&host, "hostile", &noted(guest("hostile")?, 1)).await?;
    activate(&host, "hostile", 2, Whom::Now).await?;
    all_there(&host, "hostile").await?;
    for at in 0..6 {
        assert_eq!(add(&host, &at.to_string(), 1).await?, 2);
    }
    for at in 0..2 {
        for _ in 0..5 {
            ensure!(send(&host, &at.to_string(), "trap", &[]).await.is_err());
        }
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    ensure!(rollout(&host, "hostile")?.candidate.is_some(), "two actors are two, however often they trap");
    ensure!(send(&host, "2", "trap", &[]).await.is_err());
    eventually("it to be taken back", async || Ok(rollout(&host, "hostile")?.candidate.is_none())).await?;
    all_there(&host, "hostile").await?;
    for at in 0..6 {
        assert_eq!((add(&host, &at.to_string(), 1).await?, runs(&host, &at.to_string()).await?), (3, 1));
    }
    Ok(())
}

/// Passive actors that fail when they are called count as well.
#[tokio::test]
async fn passive_actors_that_fail_when_they_are_called_count() -> Result<()> {
    let host = host(5).await?;
    for at in 0..5 {
        passivate(&host, &at.to_string()).await?;
    }
    add_revision(&host, "hostile", &bad("trap-in-replay")?).await?;
    activate(&host, "hostile", 2, Whom::Now).await?;
    for at in 0..3 {
        ensure!(rollout(&host, "hostile")?.candidate.is_some());
        assert_eq!(add(&host, &at.to_string(), 1).await?, 2);
    }
    eventually("it to be taken back", async || Ok(rollout(&host, "hostile")?.candidate.is_none())).await
}
