use anyhow::Result;
use greenroom_host::runtime::{DeadLetterView, HostSettings, Phase};
use greenroom_host::vocab::{Code, Tenant};
use greenroom_kit::TestHost;

use super::scene::{FAILURES_MAX, add, eventually, get, hostile, operator, phase, refused, send, strict};

async fn letters(host: &TestHost) -> Result<Vec<DeadLetterView>> {
    Ok(host.host.dead_letters(&Tenant::default_tenant(), u64::MAX, 100).await?)
}

async fn reasons(host: &TestHost) -> Result<Vec<&'static str>> {
    Ok(letters(host).await?.iter().map(|letter| letter.reason.label()).collect())
}

fn with(change: impl FnOnce(&mut HostSettings)) -> HostSettings {
    let mut settings = strict();
    change(&mut settings);
    settings
}

/// L35, L59: a timer's command at which the code fails: the letter is durable, the timer is struck off, the actor goes on.
#[tokio::test]
async fn a_timer_whose_command_fails_is_a_dead_letter() -> Result<()> {
    let host = hostile().await?;
    send(&host, "a", "schedule-trap", b"{\"n\": 1}").await?;
    eventually("the letter", async || Ok(!letters(&host).await?.is_empty())).await?;
    assert_eq!(add(&host, "a", 3).await?, 3);
    let host = host.crash().await?;
    assert_eq!(get(&host, "a").await?, 3);
    let found = letters(&host).await?;
    let [letter] = found.as_slice() else { anyhow::bail!("{found:?}") };
    assert_eq!((letter.command.as_str(), letter.from.as_str()), ("trap", "timer fuse"));
    assert_eq!((letter.reason.label(), letter.code.as_str()), ("timer-failed", "GR0040"));
    assert_eq!(letter.payload.as_ref().map(|json| json.get()), Some("{\"n\": 1}"));
    Ok(())
}

#[tokio::test]
async fn a_timer_whose_command_is_gone_is_a_dead_letter() -> Result<()> {
    let host = hostile().await?;
    send(&host, "a", "schedule-unknown", b"").await?;
    eventually("the letter", async || Ok(reasons(&host).await? == ["timer-unknown"])).await?;
    assert_eq!(add(&host, "a", 3).await?, 3);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(reasons(&host).await?, ["timer-unknown"], "it was buried more than once");
    Ok(())
}

/// One poison tell is given up before it takes its receiver down; its sender strikes it off.
#[tokio::test]
async fn a_poison_tell_is_given_up_and_its_receiver_lives() -> Result<()> {
    let settings = with(|settings| settings.supervision.failures_max = 5);
    let host = TestHost::start("hostile", settings).await?;
    add(&host, "other", 4).await?;
    send(&host, "a", "tell-trap", b"").await?;
    eventually("the letter", async || Ok(reasons(&host).await? == ["tell-refused"])).await?;
    assert_eq!(get(&host, "other").await?, 4);
    eventually("the tell is struck off", async || Ok(host.actor("a")?.status().await?.sequence.0 == 2)).await
}

/// A tell for a quarantined actor waits for its release; after so many tries it is a dead letter.
#[tokio::test]
async fn a_tell_waits_for_a_quarantined_receiver_but_not_for_ever() -> Result<()> {
    let host = TestHost::start("hostile", with(|settings| settings.dead_letters.tell_tries = 4)).await?;
    add(&host, "other", 1).await?;
    for _ in 0..FAILURES_MAX {
        refused(&host, "other", "trap").await?;
    }
    send(&host, "a", "tell", &5_u64.to_le_bytes()).await?;
    eventually("the letter", async || Ok(reasons(&host).await? == ["tell-stuck"])).await?;
    let letter = letters(&host).await?.remove(0);
    assert_eq!(
        (letter.key.as_str(), letter.code.as_str(), letter.from.as_str()),
        ("other", "GR0120", "actor hostile/a")
    );
    send(&host, "a", "tell", &5_u64.to_le_bytes()).await?;
    host.actor("other")?.release().await?;
    eventually("the second tell", async || Ok(get(&host, "other").await? == 6)).await
}

/// A timer that quarantines its actor stays set; skipped, it is struck off and in the list.
#[tokio::test]
async fn a_skipped_timer_is_struck_off() -> Result<()> {
    let host = TestHost::start("hostile", with(|settings| settings.supervision.failures_max = 1)).await?;
    send(&host, "a", "schedule-trap", b"").await?;
    eventually("the quarantine", async || Ok(phase(&host, "a")? == Phase::Quarantined)).await?;
    assert!(letters(&host).await?.is_empty(), "it can still be retried");
    host.actor("a")?.release().await?;
    eventually("it fires again", async || Ok(phase(&host, "a")? == Phase::Quarantined)).await?;
    host.actor("a")?.skip(&operator()).await?;
    assert_eq!(reasons(&host).await?, ["skipped"]);
    let host = host.crash().await?;
    assert_eq!(add(&host, "a", 2).await?, 2);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(get(&host, "a").await?, 2, "the timer fired once more");
    Ok(())
}

/// A tell that quarantines its receiver, skipped: its sender stops repeating it.
#[tokio::test]
async fn a_skipped_tell_is_struck_off_by_its_sender() -> Result<()> {
    let host = TestHost::start("hostile", with(|settings| settings.supervision.failures_max = 1)).await?;
    add(&host, "other", 1).await?;
    send(&host, "a", "tell-trap", b"").await?;
    eventually("the quarantine", async || Ok(phase(&host, "other")? == Phase::Quarantined)).await?;
    host.actor("other")?.skip(&operator()).await?;
    eventually("the tell is struck off", async || Ok(host.actor("a")?.status().await?.sequence.0 == 2)).await?;
    assert_eq!((get(&host, "other").await?, phase(&host, "other")?), (1, Phase::Running));
    assert_eq!(reasons(&host).await?, ["skipped"]);
    Ok(())
}

/// Clients' commands are kept only if the settings ask for it: their callers were told.
#[tokio::test]
async fn clients_commands_are_kept_only_on_request() -> Result<()> {
    let host = hostile().await?;
    assert_eq!(refused(&host, "a", "reject").await?, Code::Rejected);
    assert_eq!(refused(&host, "a", "trap").await?, Code::GuestTrapped);
    assert!(letters(&host).await?.is_empty());
    let host = host.crash_into(with(|settings| settings.dead_letters.clients_commands = true)).await?;
    assert_eq!(refused(&host, "a", "reject").await?, Code::Rejected);
    assert_eq!(refused(&host, "a", "trap").await?, Code::GuestTrapped);
    assert_eq!(reasons(&host).await?, ["failed", "rejected"]);
    Ok(())
}
