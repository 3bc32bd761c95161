//! Hosts an actor plugin inside this program: `embed [COMPONENT.wasm] [DIRECTORY]`.
//!
//! Without arguments it takes the counter that `cargo xtask guests` has built, and a temporary directory.
#![expect(clippy::print_stdout, reason = "it talks to the person at the terminal")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use greenroom_host::provider::log::{LogProvider, LogSettings};
use greenroom_host::runtime::{Command, Host};
use greenroom_host::vocab::{Address, Kind, Tenant};

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let plugin = arguments.next().unwrap_or_else(counter);
    let temporary = tempfile::tempdir()?;
    let dir = arguments.next().unwrap_or_else(|| temporary.path().to_owned());

    let host = open(&dir).await?;
    host.deploy(&Tenant::default_tenant(), &Kind::new("counter")?, &read(&plugin)?).await?;
    for _ in 0..3 {
        println!("increment: {}", ask(&host, "increment", r#"{"by": 2}"#).await?);
    }
    close(host).await?;

    let host = open(&dir).await?; // it finds the plugin and the journal
    println!("after a restart: {}", ask(&host, "get", "").await?);
    close(host).await
}

/// A host that keeps everything durable in `dir`: an answer has been synced to disk.
async fn open(dir: &Path) -> Result<Host> {
    let provider = LogProvider::open(LogSettings::new(dir))?;
    Ok(Host::builder().provider(provider).build().await?)
}

/// Finishes what is queued; taking the host gives its memory back as well.
async fn close(host: Host) -> Result<()> {
    Ok(host.shutdown(Duration::from_secs(10)).await?)
}

/// Asks one actor, which needs no creation, and returns its answer.
async fn ask(host: &Host, command: &str, payload: &'static str) -> Result<String> {
    let hits = host.actor(Address::new("default", "counter", "hits")?);
    let reply = hits.ask(Command::new(command, payload)).await?;
    Ok(String::from_utf8_lossy(&reply.payload).into_owned())
}

fn counter() -> PathBuf {
    let guests = std::env::var_os("GREENROOM_GUESTS").map_or_else(|| PathBuf::from("target/guests"), PathBuf::from);
    guests.join("counter.wasm")
}

#[expect(clippy::disallowed_methods, reason = "a program of its own, outside the host")]
fn read(plugin: &Path) -> Result<Vec<u8>> {
    std::fs::read(plugin).with_context(|| format!("{}: build it with cargo xtask guests", plugin.display()))
}
