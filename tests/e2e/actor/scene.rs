//! Short ways to say what most of these tests say.

use anyhow::{Context, Result, bail};
use greenroom_host::runtime::{AskError, Command, HostSettings, Reply};
use greenroom_host::vocab::{Code, Sequence};
use greenroom_kit::{Call, TestHost, settings};
use serde_json::{Value, json};

pub(crate) use greenroom_kit::{AppendFault, eventually};

/// A host with the probe.
pub(crate) async fn probe() -> Result<TestHost> {
    TestHost::start("probe", settings()).await
}

/// A host with the probe, and settings that differ.
pub(crate) async fn probe_with(change: impl FnOnce(&mut HostSettings)) -> Result<TestHost> {
    TestHost::start("probe", settings_with(change)).await
}

/// A host with the guest that misbehaves, and bounds that it passes soon.
pub(crate) async fn hostile() -> Result<TestHost> {
    TestHost::start("hostile", hostile_settings()).await
}

/// Little memory and time for each call.
pub(crate) fn hostile_settings() -> HostSettings {
    settings_with(|settings| {
        settings.limits.guest_memory_bytes = 16 * 1_024 * 1_024;
        settings.limits.guest_call_ms = 800;
        settings.limits.guest_replay_ms = 800;
    })
}

pub(crate) fn settings_with(change: impl FnOnce(&mut HostSettings)) -> HostSettings {
    let mut settings = settings();
    change(&mut settings);
    settings
}

/// A command of the probe.
pub(crate) fn command(name: &str, payload: &Value) -> Command {
    Command::new(name, payload.to_string().into_bytes())
}

/// Adds to a probe; its total.
pub(crate) async fn add(host: &TestHost, key: &str, by: u64) -> Result<u64> {
    total(&host.ask(key, "add", json!({ "by": by })).await?)
}

/// Adds 1 to a probe, that many times, each in a turn of its own.
pub(crate) async fn add_each(host: &TestHost, key: &str, count: u64) -> Result<()> {
    for _ in 0..count {
        add(host, key, 1).await?;
    }
    Ok(())
}

/// What a probe has counted.
pub(crate) async fn get(host: &TestHost, key: &str) -> Result<u64> {
    total(&host.ask(key, "get", Value::Null).await?)
}

/// The total in a probe's reply or state.
pub(crate) fn total(view: &Value) -> Result<u64> {
    view.get("total").and_then(Value::as_u64).with_context(|| format!("no total in {view}"))
}

/// The marks in a probe's reply or state.
pub(crate) fn marks(view: &Value) -> Vec<String> {
    let marks = view.get("marks").and_then(Value::as_array).cloned().unwrap_or_default();
    marks.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Sends the hostile guest a command; numbers are little-endian.
pub(crate) async fn send(host: &TestHost, key: &str, name: &str, payload: &[u8]) -> Result<Reply, AskError> {
    let Ok(actor) = host.actor(key) else { return Err(AskError::Lost) };
    actor.ask(Command::new(name, payload.to_vec())).await
}

/// Adds to the hostile guest; its total.
pub(crate) async fn hostile_add(host: &TestHost, key: &str, by: u64) -> Result<u64> {
    number(&send(host, key, "add", &by.to_le_bytes()).await?)
}

/// The number in a reply of the hostile guest.
pub(crate) fn number(reply: &Reply) -> Result<u64> {
    let bytes: [u8; 8] = reply.payload.as_ref().try_into().context("the reply is no number")?;
    Ok(u64::from_le_bytes(bytes))
}

/// The stable code of a failure, and its words.
pub(crate) fn refusal<T>(result: Result<T>) -> Result<(Code, String)> {
    let Err(error) = result else { bail!("it succeeded, though it must not") };
    let Some(ask) = error.downcast_ref::<AskError>() else { bail!("not a refusal of the host: {error}") };
    Ok((ask.code(), ask.to_string()))
}

/// The stable code of a failure.
pub(crate) fn code<T>(result: Result<T>) -> Result<Code> {
    Ok(refusal(result)?.0)
}

/// Where a journal ends.
pub(crate) async fn head(host: &TestHost, key: &str) -> Result<u64> {
    Ok(host.store.inner().head(host.id(key)?).await?.sequence.0)
}

/// The numbers of an actor's snapshots, the highest first.
pub(crate) async fn snapshots(host: &TestHost, key: &str) -> Result<Vec<u64>> {
    let listed = host.store.inner().list_snapshots(host.id(key)?).await?;
    Ok(listed.iter().map(|meta| meta.sequence.0).collect())
}

/// Waits until an actor's snapshots are at these numbers, the highest first.
pub(crate) async fn snapshots_become(host: &TestHost, key: &str, numbers: &[u64]) -> Result<()> {
    eventually(&format!("snapshots of {key} at {numbers:?}"), async || Ok(snapshots(host, key).await? == numbers)).await
}

/// The bytes of the state in a snapshot.
pub(crate) async fn snapshot_bytes(host: &TestHost, key: &str, at: u64) -> Result<Vec<u8>> {
    let loaded = host.store.inner().load_snapshot(host.id(key)?, Sequence(at)).await?;
    let snapshot = loaded.filter(|snapshot| snapshot.meta.sequence.0 == at).context("no such snapshot")?;
    Ok(snapshot.state.to_vec())
}

/// How many events each append of an actor brought, in order.
pub(crate) fn appends(host: &TestHost, key: &str) -> Result<Vec<u64>> {
    let id = host.id(key)?;
    let sizes = host.store.calls().into_iter().filter_map(|call| match call {
        Call::Append(actor, first, last) if actor == id => Some(last.0 - first.0 + 1),
        _ => None,
    });
    Ok(sizes.collect())
}

/// Makes an actor passive and waits until it is.
pub(crate) async fn passivate(host: &TestHost, key: &str) -> Result<()> {
    Ok(host.actor(key)?.passivate().await?)
}
