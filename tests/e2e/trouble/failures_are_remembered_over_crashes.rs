use anyhow::{Context, Result};
use greenroom_host::vocab::Code;

use super::scene::{FAILURES_MAX, add, eventually, get, hostile, refused, trouble};

/// L35: the count within the window goes on where it was, however often the host is killed between two failures.
#[tokio::test]
async fn failures_are_remembered_over_crashes() -> Result<()> {
    let mut host = hostile().await?;
    add(&host, "a", 1).await?;
    for _ in 0..FAILURES_MAX {
        assert_eq!(refused(&host, "a", "trap").await?, Code::GuestTrapped);
        host = host.crash().await?;
    }
    assert_eq!(refused(&host, "a", "get").await?, Code::Quarantined);
    Ok(())
}

/// An actor that failed before, and that takes the host down each time it is brought back: each attempt counts, and in
/// the end the host starts without trying it.
#[tokio::test]
async fn an_attempt_that_ends_the_host_counts() -> Result<()> {
    let mut host = hostile().await?;
    add(&host, "a", 1).await?;
    assert_eq!(refused(&host, "a", "trap").await?, Code::GuestTrapped);
    for _ in 1..FAILURES_MAX {
        host.actor("a")?.passivate().await?;
        host.store.hold_heads();
        let asking = host.start_asking("a", greenroom_host::runtime::Command::new("get", Vec::new()))?;
        eventually("the attempt", async || Ok(host.store.held_heads() == 1)).await?;
        asking.abort();
        let _aborted = asking.await;
        host = host.crash().await?;
        host.store.release_all_heads();
    }
    assert_eq!(refused(&host, "a", "get").await?, Code::Quarantined);
    let seen = trouble(&host, "a").await?;
    let codes: Vec<&str> = seen.failures.iter().map(|failure| failure.code.as_str()).collect();
    assert_eq!(codes, ["GR0040", "GR0124", "GR0124"]);
    assert_eq!(seen.cause.context("no cause")?.code, "GR0124");
    host.actor("a")?.retry().await?;
    assert_eq!(get(&host, "a").await?, 1);
    Ok(())
}

/// An orderly end is nobody's fault, and failures that are long past are forgotten.
#[tokio::test]
async fn an_orderly_end_does_not_count_and_old_failures_are_forgotten() -> Result<()> {
    let mut settings = super::scene::strict();
    settings.supervision.window_ms = 300;
    let host = greenroom_kit::TestHost::start("hostile", settings.clone()).await?;
    add(&host, "a", 1).await?;
    for _ in 0..2 * FAILURES_MAX {
        assert_eq!(refused(&host, "a", "trap").await?, Code::GuestTrapped);
        tokio::time::sleep(std::time::Duration::from_millis(160)).await;
    }
    host.host.shutdown(std::time::Duration::from_secs(5)).await?;
    let host = host.crash().await?;
    assert!(trouble(&host, "a").await?.failures.iter().all(|failure| failure.code == "GR0040"));
    assert_eq!(get(&host, "a").await?, 1);
    Ok(())
}
