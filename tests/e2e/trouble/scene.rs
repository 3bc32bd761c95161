//! Short ways to say what these tests say.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use greenroom_host::runtime::{AskError, Command, HostSettings, Operator, Phase, TroubleView};
use greenroom_host::vocab::{Clock, Code, ManualClock, Timestamp};
use greenroom_kit::{TestHost, guest, settings};

pub(crate) use greenroom_kit::eventually;

/// Failures that quarantine an actor in these tests.
pub(crate) const FAILURES_MAX: u32 = 3;

/// Few failures, short pauses, and no other bounds than the usual ones.
pub(crate) fn strict() -> HostSettings {
    let mut settings = settings();
    settings.supervision.failures_max = FAILURES_MAX;
    settings.supervision.backoff_first_ms = 1;
    settings.supervision.backoff_longest_ms = 4;
    settings
}

/// A host with the guest that misbehaves.
pub(crate) async fn hostile() -> Result<TestHost> {
    TestHost::start("hostile", strict()).await
}

/// One time for all: this guest reads clocks, so a replay batch ends where the time changes.
pub(crate) fn still() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp(1_000_000)))
}

/// A host whose clock stands still.
pub(crate) async fn hostile_at(clock: &Arc<ManualClock>) -> Result<TestHost> {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    TestHost::start_with_clock("hostile", strict(), clock).await
}

/// Sends a command; numbers are little-endian.
pub(crate) async fn send(host: &TestHost, key: &str, name: &str, payload: &[u8]) -> Result<Vec<u8>, AskError> {
    let Ok(actor) = host.actor(key) else { return Err(AskError::Lost) };
    actor.ask(Command::new(name, payload.to_vec())).await.map(|reply| reply.payload.to_vec())
}

/// The stable code of a refusal.
pub(crate) async fn refused(host: &TestHost, key: &str, name: &str) -> Result<Code> {
    let answer = send(host, key, name, &[]).await;
    Ok(answer.err().with_context(|| format!("{name} was answered"))?.code())
}

/// Adds; the total.
pub(crate) async fn add(host: &TestHost, key: &str, by: u64) -> Result<u64> {
    number(&send(host, key, "add", &by.to_le_bytes()).await?)
}

/// The total.
pub(crate) async fn get(host: &TestHost, key: &str) -> Result<u64> {
    number(&send(host, key, "get", &[]).await?)
}

fn number(bytes: &[u8]) -> Result<u64> {
    Ok(u64::from_le_bytes(bytes.try_into().context("the reply is no number")?))
}

/// Where the actor is in its life.
pub(crate) fn phase(host: &TestHost, key: &str) -> Result<Phase> {
    Ok(host.actor(key)?.phase())
}

/// Everything that is known of its trouble.
pub(crate) async fn trouble(host: &TestHost, key: &str) -> Result<TroubleView> {
    Ok(host.actor(key)?.trouble().await?)
}

/// Calls the actor until it is quarantined. A clock that stands still moves on by ten milliseconds between two calls.
pub(crate) async fn until_quarantined(host: &TestHost, clock: Option<&ManualClock>, key: &str) -> Result<()> {
    for _ in 0..200 {
        if refused(host, key, "get").await? == Code::Quarantined {
            return Ok(());
        }
        match clock {
            Some(clock) => clock.advance_ms(10),
            None => tokio::time::sleep(std::time::Duration::from_millis(2)).await,
        }
    }
    bail!("{key} is not quarantined")
}

/// An actor that holds 1 + 2, an event that nobody can apply, and 4; passive.
pub(crate) async fn poisoned(host: &TestHost, key: &str) -> Result<()> {
    add(host, key, 1).await?;
    add(host, key, 2).await?;
    send(host, key, "poison", &[]).await?;
    add(host, key, 4).await?;
    host.actor(key)?.passivate().await?;
    Ok(())
}

/// The number of the event in [`poisoned`] that nobody can apply.
pub(crate) const POISON: u64 = 3;

pub(crate) fn operator() -> Operator {
    Operator { who: "0123456789abcdef".to_owned(), why: "a test".to_owned() }
}

/// The hostile guest, cured of its poison.
pub(crate) fn cured() -> Result<Vec<u8>> {
    let mut component = guest("hostile")?;
    let (from, to) = (b"poison-mode:poisonous", b"poison-mode:cured    ");
    let at = component.windows(from.len()).position(|window| window == from).context("the guest has no such marker")?;
    component.get_mut(at..at + to.len()).context("the marker is cut off")?.copy_from_slice(to);
    Ok(component)
}

/// How many questions for the head of its journal the store got: every recovery begins with one.
pub(crate) fn recoveries(host: &TestHost, key: &str) -> Result<usize> {
    let id = host.id(key)?;
    Ok(host.store.count(|call| *call == greenroom_kit::Call::Head(id)))
}
