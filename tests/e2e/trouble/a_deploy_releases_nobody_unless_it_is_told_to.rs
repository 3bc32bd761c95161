use anyhow::Result;
use greenroom_host::runtime::{AfterDeploy, Phase};
use greenroom_host::vocab::Code;
use greenroom_kit::TestHost;

use super::scene::{cured, eventually, get, hostile, phase, poisoned, refused, strict, until_quarantined};

/// L35: code that copes is deployed: the actor waits for an operator, whose retry brings it back with every event.
#[tokio::test]
async fn a_deploy_releases_nobody_by_default() -> Result<()> {
    let host = hostile().await?;
    poisoned(&host, "a").await?;
    until_quarantined(&host, None, "a").await?;
    let retried = host.actor("a")?.retry().await;
    assert_eq!(retried.map_err(|error| error.code()).err(), Some(Code::Quarantined), "nothing has changed");
    host.deploy("hostile", &cured()?).await?;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(refused(&host, "a", "get").await?, Code::Quarantined);
    host.actor("a")?.retry().await?;
    assert_eq!(get(&host, "a").await?, 7);
    assert_eq!(host.actor("a")?.status().await?.skipped_events, []);
    Ok(())
}

/// The policy `retry`: each is tried once; those that still fail stay.
#[tokio::test]
async fn a_deploy_retries_if_the_policy_says_so() -> Result<()> {
    let mut settings = strict();
    settings.supervision.after_deploy = AfterDeploy::Retry;
    let host = TestHost::start("hostile", settings).await?;
    poisoned(&host, "a").await?;
    until_quarantined(&host, None, "a").await?;
    until_quarantined(&host, None, "trap-in-start").await?;
    host.deploy("hostile", &cured()?).await?;
    eventually("the actor to come back", async || Ok(phase(&host, "a")? != Phase::Quarantined)).await?;
    assert_eq!(get(&host, "a").await?, 7);
    assert_eq!(refused(&host, "trap-in-start", "get").await?, Code::Quarantined);
    Ok(())
}

/// A command that the new code copes with: retry tries it without a trace, and does not run it for real.
#[tokio::test]
async fn a_retried_command_leaves_no_trace() -> Result<()> {
    let host = hostile().await?;
    super::scene::add(&host, "a", 7).await?;
    for _ in 0..super::scene::FAILURES_MAX {
        refused(&host, "a", "trap").await?;
    }
    host.deploy("hostile", &cured()?).await?;
    host.actor("a")?.retry().await?;
    assert_eq!(get(&host, "a").await?, 7);
    assert_eq!(host.actor("a")?.status().await?.sequence.0, 1, "nothing was stored");
    Ok(())
}
