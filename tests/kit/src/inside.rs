//! A host in the test's own process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use greenroom_host::provider::memory::MemoryProvider;
use greenroom_host::runtime::{ActorRef, AskError, Command, DeployedRevision, Host, HostSettings};
use greenroom_host::vocab::{ActorId, Address, Clock, Kind, Tenant};
use serde_json::Value;

use crate::FaultyProvider;

/// How long [`eventually`] looks before it fails.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// A host over a provider that fails on request. The provider outlives the host: see [`TestHost::crash`].
#[derive(Debug)]
pub struct TestHost {
    /// The host.
    pub host: Host,
    /// Its provider.
    pub store: Arc<FaultyProvider>,
    settings: HostSettings,
    kind: String,
}

impl TestHost {
    /// A host with these settings over an empty store, and one guest deployed under its own name. [`TestHost::actor`]
    /// and [`TestHost::ask`] are about actors of that kind.
    ///
    /// # Errors
    /// When the guest was not built, or the host refuses the settings or the guest.
    pub async fn start(guest_name: &str, settings: HostSettings) -> Result<Self> {
        let store = FaultyProvider::new(MemoryProvider::new());
        let host = Self::over(guest_name, store, settings, None).await?;
        host.deploy(guest_name, &guest(guest_name)?).await?;
        Ok(host)
    }

    /// The same with a clock of the test's own.
    ///
    /// # Errors
    /// As [`TestHost::start`].
    pub async fn start_with_clock(guest_name: &str, settings: HostSettings, clock: Arc<dyn Clock>) -> Result<Self> {
        let store = FaultyProvider::new(MemoryProvider::new());
        let host = Self::over(guest_name, store, settings, Some(clock)).await?;
        host.deploy(guest_name, &guest(guest_name)?).await?;
        Ok(host)
    }

    /// A host over a store that may hold something already; nothing is deployed.
    ///
    /// # Errors
    /// When the host refuses the settings or cannot read the store.
    pub async fn over(
        kind: &str,
        store: Arc<FaultyProvider>,
        settings: HostSettings,
        clock: Option<Arc<dyn Clock>>,
    ) -> Result<Self> {
        let provider = Arc::<FaultyProvider>::clone(&store);
        let mut builder = Host::builder().provider(provider).settings(settings.clone());
        builder = builder.compile_cache(guests_dir()?.join("compiled"));
        if let Some(clock) = clock {
            builder = builder.clock(clock);
        }
        let host = builder.build().await.context("the host did not start")?;
        Ok(Self { host, store, settings, kind: kind.to_owned() })
    }

    /// Drops the host without a word and starts another one over the same store.
    ///
    /// # Errors
    /// As [`TestHost::over`].
    pub async fn crash(self) -> Result<Self> {
        let Self { host, store, settings, kind } = self;
        drop(host);
        Self::over(&kind, store, settings, None).await
    }

    /// The same, and the next host has other settings.
    ///
    /// # Errors
    /// As [`TestHost::over`].
    pub async fn crash_into(mut self, settings: HostSettings) -> Result<Self> {
        self.settings = settings;
        self.crash().await
    }

    /// Deploys a component.
    ///
    /// # Errors
    /// When the host refuses it.
    pub async fn deploy(&self, kind: &str, component: &[u8]) -> Result<DeployedRevision, AskError> {
        let kind = Kind::new(kind).map_err(|error| AskError::Request(error.into()))?;
        self.host.deploy(&Tenant::default_tenant(), &kind, component).await
    }

    /// The address of an actor of the kind under test.
    ///
    /// # Errors
    /// When the key is not allowed.
    pub fn address(&self, key: &str) -> Result<Address> {
        Address::new("default", self.kind.clone(), key).with_context(|| format!("{key} is no key"))
    }

    /// The id under which the store keeps an actor of the kind under test.
    ///
    /// # Errors
    /// When the key is not allowed.
    pub fn id(&self, key: &str) -> Result<ActorId> {
        Ok(self.address(key)?.id())
    }

    /// An actor of the kind under test.
    ///
    /// # Errors
    /// When the key is not allowed.
    pub fn actor(&self, key: &str) -> Result<ActorRef> {
        Ok(self.host.actor(self.address(key)?))
    }

    /// Asks an actor of the kind under test; the payload and the reply are JSON.
    ///
    /// # Errors
    /// When there is no reply: the error's cause is an [`AskError`].
    pub async fn ask(&self, key: &str, command: &str, payload: Value) -> Result<Value> {
        let payload = if payload.is_null() { Vec::new() } else { payload.to_string().into_bytes() };
        let reply = self.actor(key)?.ask(Command::new(command, payload)).await?;
        serde_json::from_slice(&reply.payload).context("the reply is not JSON")
    }

    /// Starts to ask; the answer is waited for elsewhere.
    ///
    /// # Errors
    /// When the key is not allowed.
    pub fn start_asking(
        &self,
        key: &str,
        command: Command,
    ) -> Result<tokio::task::JoinHandle<Result<greenroom_host::runtime::Reply, AskError>>> {
        let actor = self.actor(key)?;
        Ok(tokio::spawn(async move { actor.ask(command).await }))
    }

    /// The actor's durable state as JSON.
    ///
    /// # Errors
    /// When it cannot be rebuilt.
    pub async fn state(&self, key: &str) -> Result<Value> {
        let view = self.actor(key)?.state(None).await?;
        serde_json::from_str(view.state.get()).context("the state is not JSON")
    }
}

/// Settings for tests: a small stage, and no snapshot, quarantine or noticeable pause that the test did not ask for.
#[must_use]
pub fn settings() -> HostSettings {
    let mut settings = HostSettings::default();
    settings.limits.live_actors = 64;
    settings.limits.guest_call_ms = 5_000;
    settings.supervision.failures_max = 0;
    settings.supervision.backoff_first_ms = 1;
    settings.supervision.backoff_longest_ms = 10;
    settings.snapshots.every_events = 0;
    settings.snapshots.every_bytes = 0;
    settings.snapshots.on_passivation = false;
    settings
}

/// Looks again and again until something holds.
///
/// # Errors
/// When it does not within ten seconds, or the look fails.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while !holds().await? {
        if Instant::now() > until {
            bail!("waited in vain for: {what}");
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// The component of a guest, by the name of its folder.
///
/// # Errors
/// When it was not built.
pub fn guest(name: &str) -> Result<Vec<u8>> {
    let file = guests_dir()?.join(format!("{name}.wasm"));
    read(&file).with_context(|| format!("{} is missing; run `cargo xtask test`, which builds it", file.display()))
}

/// Where the guests are.
///
/// # Errors
/// When that was not said.
pub fn guests_dir() -> Result<PathBuf> {
    let dir = std::env::var_os("GREENROOM_GUESTS");
    dir.map(PathBuf::from).context("GREENROOM_GUESTS is not set; run `cargo xtask test`, which builds the guests")
}

#[expect(clippy::disallowed_methods, reason = "a component, not one of the host's durable files")]
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(file)
}
