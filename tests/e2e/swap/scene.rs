//! Short ways to say what these tests say.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use greenroom_host::runtime::{Activation, AskError, Command, HostSettings, Operator, Phase, RolloutView, Whom};
use greenroom_host::vocab::{Kind, Tenant};
use greenroom_kit::{TestHost, guest, settings};

pub(crate) use greenroom_kit::eventually;

/// The same code in other bytes: a custom section at the end changes the digest and nothing else.
pub(crate) fn noted(mut component: Vec<u8>, note: u8) -> Vec<u8> {
    component.extend_from_slice(&[0, 7, 4]);
    component.extend_from_slice(b"note\x01");
    component.push(note);
    component
}

/// A revision of the hostile guest that does something wrong with every actor.
pub(crate) fn bad(mode: &str) -> Result<Vec<u8>> {
    let mut component = guest("hostile")?;
    let (from, to) = (b"revision-mode:honest            ", format!("revision-mode:{mode:<18}"));
    let at = component.windows(from.len()).position(|window| window == from).context("the guest has no such marker")?;
    component.get_mut(at..at + from.len()).context("the marker is cut off")?.copy_from_slice(to.as_bytes());
    Ok(component)
}

/// Bounds that misbehaving code passes soon, and no roll-back that a test did not ask for.
pub(crate) fn tight() -> HostSettings {
    let mut settings = settings();
    settings.limits.guest_memory_bytes = 16 * 1_024 * 1_024;
    settings.limits.guest_call_ms = 300;
    settings.limits.guest_replay_ms = 300;
    settings.rollout.failures_actors = 0;
    settings
}

pub(crate) fn operator() -> Operator {
    Operator { who: "0123456789abcdef".to_owned(), why: "a test".to_owned() }
}

/// Who a kind of the test is of.
pub(crate) fn of(kind: &str) -> Result<(Tenant, Kind), AskError> {
    let kind = Kind::new(kind).map_err(|error| AskError::Request(error.into()))?;
    Ok((Tenant::default_tenant(), kind))
}

/// Adds a revision and activates nothing.
pub(crate) async fn add_revision(host: &TestHost, kind: &str, component: &[u8]) -> Result<u32> {
    let (tenant, kind) = of(kind)?;
    Ok(host.host.add_revision(&tenant, &kind, component).await?.revision)
}

/// Activates a revision.
pub(crate) async fn activate(host: &TestHost, kind: &str, revision: u32, whom: Whom) -> Result<RolloutView, AskError> {
    let (tenant, kind) = of(kind)?;
    let activation = Activation { revision: Some(revision), whom, ..Activation::now(operator()) };
    host.host.activate(&tenant, &kind, &activation).await
}

/// Goes back.
pub(crate) async fn roll_back(host: &TestHost, kind: &str, to: Option<u32>) -> Result<RolloutView, AskError> {
    let (tenant, kind) = of(kind)?;
    host.host.roll_back(&tenant, &kind, to, &operator()).await
}

/// How the rollout goes.
pub(crate) fn rollout(host: &TestHost, kind: &str) -> Result<RolloutView> {
    let (tenant, kind) = of(kind)?;
    Ok(host.host.rollout(&tenant, &kind)?)
}

/// Waits until every live actor runs what it is to run.
pub(crate) async fn all_there(host: &TestHost, kind: &str) -> Result<RolloutView> {
    eventually("everybody to run what they are to run", async || Ok(rollout(host, kind)?.behind == 0)).await?;
    rollout(host, kind)
}

/// The revision that an actor runs.
pub(crate) async fn runs(host: &TestHost, key: &str) -> Result<u32> {
    Ok(host.actor(key)?.status().await?.revision)
}

/// Sends the hostile guest a command; numbers are little-endian.
pub(crate) async fn send(host: &TestHost, key: &str, name: &str, payload: &[u8]) -> Result<Vec<u8>, AskError> {
    let Ok(actor) = host.actor(key) else { return Err(AskError::Lost) };
    actor.ask(Command::new(name, payload.to_vec())).await.map(|reply| reply.payload.to_vec())
}

/// Adds to the hostile guest; its total.
pub(crate) async fn add(host: &TestHost, key: &str, by: u64) -> Result<u64> {
    let bytes = send(host, key, "add", &by.to_le_bytes()).await?;
    Ok(u64::from_le_bytes(bytes.as_slice().try_into().context("the reply is no number")?))
}

/// Makes an actor passive and waits until it is.
pub(crate) async fn passivate(host: &TestHost, key: &str) -> Result<()> {
    host.actor(key)?.passivate().await?;
    ensure!(host.actor(key)?.phase() == Phase::Passive);
    Ok(())
}

/// A moment, in which something must not happen.
pub(crate) async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}
