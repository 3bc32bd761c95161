//! A host with the counter deployed, on a store of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use greenroom_host::provider::log::{LogProvider, LogSettings};
use greenroom_host::provider::memory::MemoryProvider;
use greenroom_host::provider::{Durability, SharedProvider};
use greenroom_host::runtime::{ActorRef, Command, Host, HostSettings, OnFull, Reply};
use greenroom_host::sandbox::CompilerProgram;
use greenroom_host::vocab::{Address, Kind, Tenant};
use tempfile::TempDir;

use crate::bench::Bench;

/// How long a host may take to close.
pub(crate) const SHUTDOWN_MAX: Duration = Duration::from_secs(30);
/// What every reply of the counter begins with.
const REPLY_PREFIX: &[u8] = br#"{"value":"#;

/// Where journals go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// The memory provider: no disk at all.
    Memory,
    /// The embedded log on the disk of `--data`, durability sync: an answer waits for fdatasync.
    Log,
}

/// On which threads actors run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// Their own.
    Own,
    /// Those of whoever asks.
    Askers,
}

/// A host with the counter deployed.
pub(crate) struct Scene {
    pub(crate) host: Host,
    pub(crate) provider: SharedProvider,
    /// Where its store is, if it is its own.
    _dir: Option<TempDir>,
}

impl Store {
    /// Opens a store in `dir`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open(self, dir: &Path) -> Result<SharedProvider> {
        Ok(match self {
            Self::Memory => MemoryProvider::new(),
            Self::Log => {
                let settings = LogSettings::new(dir.join("log")).with_durability(Durability::Sync);
                LogProvider::open(settings).context("opening the log")?
            }
        })
    }
}

impl Scene {
    /// A host with the defaults that `tune` changes.
    ///
    /// # Errors
    /// When the host cannot be built or the counter is refused.
    pub(crate) async fn open(bench: &Bench, store: Store, tune: impl FnOnce(&mut HostSettings)) -> Result<Self> {
        Self::open_on(Threads::Own, bench, store, tune).await
    }

    /// The same, on these threads.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn open_on(
        threads: Threads,
        bench: &Bench,
        store: Store,
        tune: impl FnOnce(&mut HostSettings),
    ) -> Result<Self> {
        let dir = bench.dir()?;
        let scene = Self::over(threads, bench, store.open(dir.path())?, tune).await?;
        Ok(Self { _dir: Some(dir), ..scene })
    }

    /// The same over a store that is there already.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn over(
        threads: Threads,
        bench: &Bench,
        provider: SharedProvider,
        tune: impl FnOnce(&mut HostSettings),
    ) -> Result<Self> {
        let mut settings = HostSettings::default();
        tune(&mut settings);
        let mut builder = Host::builder().provider(Arc::clone(&provider)).settings(settings);
        if threads == Threads::Askers {
            builder = builder.runtime(bench.runtime.handle().clone());
        }
        let builder = builder.compiler(CompilerProgram::ThisProgram);
        let host = builder.compile_cache(bench.compile_cache()).build().await.context("building the host")?;
        let tenant = Tenant::default_tenant();
        host.deploy(&tenant, &Kind::new("counter")?, &bench.counter).await.context("deploying the counter")?;
        Ok(Self { host, provider, _dir: None })
    }

    /// So many counters, none of which exists before its first event.
    ///
    /// # Errors
    /// When a key is not allowed.
    pub(crate) fn counters(&self, count: usize) -> Result<Arc<[ActorRef]>> {
        (0..count).map(|number| self.counter(&format!("c-{number}"))).collect()
    }

    /// One counter.
    ///
    /// # Errors
    /// When the key is not allowed.
    pub(crate) fn counter(&self, key: &str) -> Result<ActorRef> {
        Ok(self.host.actor(Address::new("default", "counter", key)?))
    }

    /// Ends the host and removes what it stored.
    ///
    /// # Errors
    /// When the store could not be closed cleanly.
    pub(crate) async fn close(self) -> Result<()> {
        self.host.shutdown(SHUTDOWN_MAX).await.context("closing the host")
    }
}

/// The command that changes nothing.
pub(crate) fn get() -> Command {
    Command::new("get", Bytes::new())
}

/// The command that appends one event.
pub(crate) fn increment() -> Command {
    Command::new("increment", Bytes::from_static(br#"{"by":1}"#))
}

/// The command that waits for room in the mailbox.
pub(crate) fn patient(mut command: Command) -> Command {
    command.on_full = OnFull::Wait;
    command
}

/// The number in a reply of the counter.
///
/// # Errors
/// When it is no such reply.
pub(crate) fn value_of(reply: &Reply) -> Result<u64> {
    let digits = reply.payload.strip_prefix(REPLY_PREFIX).and_then(|rest| rest.strip_suffix(b"}"));
    let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok());
    number.with_context(|| format!("not a counter's reply: {}", String::from_utf8_lossy(&reply.payload)))
}

/// Fails unless the counters' values add up to `total`: every acknowledged increment is there, none twice.
///
/// # Errors
/// When they do not.
pub(crate) async fn ensure_sum(counters: &[ActorRef], total: u64) -> Result<()> {
    let mut sum = 0u64;
    for counter in counters {
        sum = sum.saturating_add(value_of(&counter.ask(get()).await?)?);
    }
    ensure!(sum == total, "{total} increments were acknowledged, the counters add up to {sum}");
    Ok(())
}
