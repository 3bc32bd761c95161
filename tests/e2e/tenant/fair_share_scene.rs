//! Tenants with the guest that misbehaves, side by side in one host.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use greenroom_host::runtime::{AskError, Command, HostSettings, Reply, TenantChange};
use greenroom_host::vocab::{Address, Kind};
use greenroom_kit::{TestHost, guest, settings};
use tokio::task::JoinHandle;

use super::scene::tenant;

/// A host with the hostile guest for these tenants, by name and weight, in which so many guest calls run at a time.
pub(crate) async fn host(
    calls: u32,
    tenants: &[(&str, u32)],
    change: impl FnOnce(&mut HostSettings),
) -> Result<TestHost> {
    let mut settings = settings();
    settings.limits.guest_calls = calls;
    change(&mut settings);
    let host = TestHost::start("hostile", settings).await?;
    let component = guest("hostile")?;
    for (name, weight) in tenants {
        let change = TenantChange { weight: Some(*weight), ..TenantChange::default() };
        host.host.create_tenant(&tenant(name)?, &change).await?;
        host.host.deploy(&tenant(name)?, &Kind::new("hostile")?, &component).await?;
    }
    Ok(host)
}

/// Sends the hostile guest of a tenant a command.
pub(crate) async fn send(host: &TestHost, of: &str, key: &str, name: &str) -> Result<Reply, AskError> {
    let address = Address::new(of, "hostile", key).map_err(|error| AskError::Request(error.into()))?;
    host.host.actor(address).ask(Command::new(name, Vec::new())).await
}

/// Waits until so many calls run and wait.
pub(crate) async fn calls_become(host: &TestHost, running: usize, waiting: usize) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let calls = host.host.guest_calls();
        if (calls.running, calls.waiting) == (running, waiting) {
            return Ok(());
        }
        ensure!(Instant::now() < until, "{running} calls should run and {waiting} wait: {calls:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Actors of one tenant that compute without end, each again as soon as it was stopped.
pub(crate) struct Spinners {
    tasks: Vec<JoinHandle<()>>,
    stopped: Arc<AtomicU64>,
}

impl Spinners {
    pub(crate) fn start(host: &TestHost, of: &str, actors: usize) -> Result<Self> {
        let stopped = Arc::new(AtomicU64::new(0));
        let mut tasks = Vec::new();
        for at in 0..actors {
            let actor = host.host.actor(Address::new(of, "hostile", format!("spins-{at}"))?);
            let stopped = Arc::clone(&stopped);
            tasks.push(tokio::spawn(async move {
                loop {
                    let _out_of_time = actor.ask(Command::new("loop", Vec::new())).await;
                    stopped.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        Ok(Self { tasks, stopped })
    }

    /// How often one ran out of time.
    pub(crate) fn stopped(&self) -> u64 {
        self.stopped.load(Ordering::Relaxed)
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
