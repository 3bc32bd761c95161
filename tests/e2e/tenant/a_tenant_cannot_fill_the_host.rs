use std::time::Duration;

use anyhow::{Result, ensure};
use greenroom_host::runtime::{AskError, Command, OnFull};
use greenroom_host::vocab::{Address, Code, Quota};
use greenroom_kit::eventually;

use super::fair_share_scene::{calls_become, host, send};
use super::scene::{tenant, with_quota};

fn codes<T>(results: &[Result<T, AskError>]) -> Vec<Option<Code>> {
    results.iter().map(|result| result.as_ref().err().map(AskError::code)).collect()
}

/// Commands of one tenant that wait are bounded over all of its mailboxes; another tenant's are let in.
#[tokio::test]
async fn a_tenant_has_as_many_commands_waiting_as_it_may_and_not_one_more() -> Result<()> {
    let host = host(2, &[("flood", 100), ("victim", 100)], |settings| settings.limits.tenant_commands = 4).await?;
    host.store.hold_appends();
    let mut asking = Vec::new();
    for at in 0..4 {
        let actor = host.host.actor(Address::new("flood", "hostile", format!("k-{at}"))?);
        asking.push(tokio::spawn(async move { actor.ask(Command::new("add", Vec::new())).await }));
    }
    eventually("four appends that are not stored", async || Ok(host.store.held_appends() == 4)).await?;
    let refused = send(&host, "flood", "one-more", "get").await;
    ensure!(codes(&[refused]) == [Some(Code::TenantBusy)], "the fifth was let in");
    send(&host, "victim", "v", "get").await?;
    // Who waits for room gets it when there is some.
    let patient = host.host.actor(Address::new("flood", "hostile", "patient")?);
    let waits =
        tokio::spawn(
            async move { patient.ask(Command { on_full: OnFull::Wait, ..Command::new("get", Vec::new()) }).await },
        );
    host.store.release_all_appends();
    for ask in asking {
        ask.await??;
    }
    waits.await??;
    send(&host, "flood", "one-more", "get").await?;
    Ok(())
}

/// Appends of one tenant on their way to the store are bounded in bytes: its turns wait, another tenant's do not.
#[tokio::test]
async fn a_tenant_has_as_many_bytes_on_their_way_to_the_store_as_it_may() -> Result<()> {
    let host = host(2, &[("flood", 100), ("victim", 100)], |settings| settings.limits.tenant_append_bytes = 1).await?;
    // Live before the store hangs.
    for (of, key) in [("flood", "a"), ("flood", "b"), ("victim", "v")] {
        send(&host, of, key, "get").await?;
    }
    host.store.hold_appends();
    let ask = |of: &str, key: &str| -> Result<_> {
        let actor = host.host.actor(Address::new(of, "hostile", key)?);
        Ok(tokio::spawn(async move { actor.ask(Command::new("add", Vec::new())).await }))
    };
    let first = ask("flood", "a")?;
    eventually("the first append", async || Ok(host.store.held_appends() == 1)).await?;
    let second = ask("flood", "b")?;
    let other = ask("victim", "v")?;
    eventually("the other tenant's append", async || Ok(host.store.held_appends() == 2)).await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    ensure!(host.store.held_appends() == 2, "the second append of the flood did not wait");
    host.store.release_all_appends();
    for asked in [first, second, other] {
        asked.await??;
    }
    Ok(())
}

/// A tenant that has used up its CPU time waits, and once too many of its commands wait they are refused; another is served.
#[tokio::test]
async fn a_tenant_that_used_up_its_cpu_time_waits_and_is_refused_at_last() -> Result<()> {
    let host = host(2, &[("busy", 100), ("victim", 100)], |settings| {
        settings.limits.guest_call_ms = 200;
        settings.limits.throttled_commands = 2;
    })
    .await?;
    send(&host, "busy", "a", "get").await?;
    host.host.change_tenant(&tenant("busy")?, &with_quota(Quota::CpuMsPerSecond, 1)).await?;
    // Two hundred milliseconds of CPU are minutes of this quota: nothing else of it runs in this test.
    let actor = host.host.actor(Address::new("busy", "hostile", "a")?);
    let spins = tokio::spawn(async move { actor.ask(Command::new("loop", Vec::new())).await });
    calls_become(&host, 0, 1).await?;
    let waits = host.host.actor(Address::new("busy", "hostile", "b")?);
    let waits = tokio::spawn(async move { waits.ask(Command::new("get", Vec::new())).await });
    calls_become(&host, 0, 2).await?;
    let refused = send(&host, "busy", "c", "get").await;
    ensure!(codes(&[refused]) == [Some(Code::CpuQuota)], "the third was let in");
    send(&host, "victim", "v", "add").await?;
    ensure!(!spins.is_finished() && !waits.is_finished(), "who has no CPU time ran");
    // More of it is there at once.
    host.host.change_tenant(&tenant("busy")?, &with_quota(Quota::CpuMsPerSecond, 1_000_000)).await?;
    ensure!(codes(&[spins.await?]) == [Some(Code::GuestOutOfTime)], "the loop ended otherwise");
    waits.await??;
    Ok(())
}
