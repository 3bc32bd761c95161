use anyhow::{Context, Result, bail};
use greenroom_host::runtime::{AskError, HostSettings, Phase};
use greenroom_host::vocab::Code;
use greenroom_kit::TestHost;
use std::sync::Arc;

use super::scene::{phase, poisoned, recoveries, refused, send, still, strict, trouble};

fn slow() -> HostSettings {
    let mut settings = strict();
    settings.supervision.failures_max = 5;
    settings.supervision.backoff_first_ms = 10_000;
    settings.supervision.backoff_longest_ms = 60_000;
    settings
}

/// L55: none after the first failure, then longer and longer; meanwhile callers are told at once, and nothing is tried.
#[tokio::test]
async fn pauses_grow_and_callers_are_told_how_long() -> Result<()> {
    let clock = still();
    let host =
        TestHost::start_with_clock("hostile", slow(), Arc::<greenroom_host::vocab::ManualClock>::clone(&clock)).await?;
    poisoned(&host, "a").await?;
    assert_eq!(refused(&host, "a", "get").await?, Code::ReplayFailed);
    assert_eq!(refused(&host, "a", "get").await?, Code::ReplayFailed, "there is no pause after the first failure");
    for least_ms in [10_000, 20_000, 40_000] {
        let before = recoveries(&host, "a")?;
        let after_ms = waits(&host).await?;
        assert!((least_ms..=least_ms + least_ms / 4).contains(&after_ms), "{after_ms}, not {least_ms}");
        assert_eq!(phase(&host, "a")?, Phase::Restarting);
        assert_eq!(trouble(&host, "a").await?.retry_after_ms, Some(after_ms));
        let looked = recoveries(&host, "a")? - before;
        clock.advance_ms(after_ms - 1);
        assert_eq!(waits(&host).await?, 1);
        assert_eq!(recoveries(&host, "a")?, before + looked, "it was tried during the pause");
        clock.advance_ms(1);
        assert_eq!(refused(&host, "a", "get").await?, Code::ReplayFailed);
    }
    assert_eq!(refused(&host, "a", "get").await?, Code::Quarantined, "the pauses did not rescue it");
    Ok(())
}

/// What a call is told during a pause: how long it still lasts.
async fn waits(host: &TestHost) -> Result<u64> {
    match send(host, "a", "get", &[]).await.err().context("it was answered")? {
        AskError::Restarting { after_ms, reason, .. } => {
            assert!(reason.contains("GR0046"), "{reason}");
            Ok(after_ms)
        }
        other => bail!("{other}"),
    }
}

/// A pause after a failing command that is longer than callers wait: who waits is told; `release` ends it.
#[tokio::test]
async fn a_long_pause_after_a_command_is_told_and_can_be_ended() -> Result<()> {
    let clock = still();
    let host =
        TestHost::start_with_clock("hostile", slow(), Arc::<greenroom_host::vocab::ManualClock>::clone(&clock)).await?;
    super::scene::add(&host, "a", 3).await?;
    for _ in 0..2 {
        assert_eq!(refused(&host, "a", "trap").await?, Code::GuestTrapped);
    }
    assert!(waits_at_all(&host).await?);
    host.actor("a")?.release().await?;
    assert_eq!(super::scene::get(&host, "a").await?, 3);
    Ok(())
}

async fn waits_at_all(host: &TestHost) -> Result<bool> {
    Ok(refused(host, "a", "get").await? == Code::Restarting)
}
