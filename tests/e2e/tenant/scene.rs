//! Short ways to say what these tests say.

use std::process::{Command as Process, Output};

use anyhow::{Context, Result};
use greenroom_host::runtime::{AskError, Command, TenantChange};
use greenroom_host::vocab::{Address, Kind, Quota, Tenant};
use greenroom_kit::{TestHost, guest};
use serde_json::{Value, json};

use crate::setting::server_binary;

pub(crate) fn tenant(name: &str) -> Result<Tenant> {
    Tenant::new(name).context("no name")
}

/// A tenant with one quota.
pub(crate) fn with_quota(quota: Quota, value: u64) -> TenantChange {
    TenantChange { quotas: [(quota, Some(value))].into(), ..TenantChange::default() }
}

/// Deploys the probe for a tenant.
pub(crate) async fn deploy(host: &TestHost, of: &str, kind: &str, name: &str) -> Result<Result<u32, AskError>> {
    let kind = Kind::new(kind)?;
    let deployed = host.host.deploy(&tenant(of)?, &kind, &guest(name)?).await;
    Ok(deployed.map(|deployed| deployed.revision))
}

/// Sends a command to an actor of the kind `probe` of a tenant.
pub(crate) async fn ask(host: &TestHost, of: &str, key: &str, name: &str, payload: Value) -> Result<Value, AskError> {
    let address = Address::new(of, "probe", key).map_err(|error| AskError::Request(error.into()))?;
    let payload = if payload.is_null() { Vec::new() } else { payload.to_string().into_bytes() };
    let reply = host.host.actor(address).ask(Command::new(name, payload)).await?;
    Ok(serde_json::from_slice(&reply.payload).unwrap_or(Value::Null))
}

/// Adds one to a probe of a tenant.
pub(crate) async fn add(host: &TestHost, of: &str, key: &str) -> Result<Value, AskError> {
    ask(host, of, key, "add", json!({ "by": 1 })).await
}

/// Runs the program, with a key if there is one.
pub(crate) fn run(url: &str, key: Option<&str>, arguments: &[&str]) -> Result<Output> {
    let mut program = Process::new(server_binary());
    program.args(arguments).env("GREENROOM_URL", url).env_remove("GREENROOM_KEY");
    if let Some(key) = key {
        program.env("GREENROOM_KEY", key);
    }
    program.output().context("the program could not be started")
}

/// Standard output of a program that succeeded.
pub(crate) fn out(output: &Output) -> Result<String> {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    anyhow::ensure!(output.status.success(), "{}: {stdout}{stderr}", output.status);
    Ok(stdout.trim().to_owned())
}

/// What a program that failed said.
pub(crate) fn refusal(output: &Output) -> Result<String> {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::ensure!(!output.status.success(), "it succeeded");
    Ok(stderr)
}
