//! What every row shares: threads that make load, a directory, the guest, how long to measure.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::counts::Counts;
use crate::options::Options;

/// Name of the threads that make load; CPU time is told apart by it.
pub(crate) const LOAD_THREADS: &str = "load";

/// What every row shares.
pub(crate) struct Bench {
    /// The threads that make load.
    pub(crate) runtime: Runtime,
    /// How long and how often.
    pub(crate) pace: Pace,
    /// The counters of the host in this process.
    pub(crate) counts: Counts,
    /// The counter example as a component.
    pub(crate) counter: Vec<u8>,
    /// Built by the first row that needs it.
    pub(crate) large_store: OnceCell<TempDir>,
    root: TempDir,
}

/// How long and how often is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Repetitions that count; one more before them warms up.
    pub(crate) repetitions: usize,
    /// Length of one repetition of a rate.
    pub(crate) length: Duration,
    /// Tells of one repetition.
    pub(crate) tells: u64,
    /// Events of the journals that are replayed.
    pub(crate) replay_events: u64,
    /// Appends of one repetition to a provider alone.
    pub(crate) appends: u64,
    /// Activations of one repetition.
    pub(crate) activations: usize,
    /// Live actors whose memory is measured.
    pub(crate) live_actors: u32,
    /// Live actors that change over to another revision.
    pub(crate) swapped: usize,
    /// Actors whose histories are rehearsed.
    pub(crate) rehearsed_actors: usize,
    /// Bytes of the files that raw references write into.
    pub(crate) raw_file_bytes: u64,
    /// Actors of the large store, with ten frames each.
    pub(crate) stored_actors: u64,
    /// Frames that are appended to it before it is closed or its process is killed.
    pub(crate) stored_tail: u64,
}

impl Pace {
    const FULL: Self = Self {
        repetitions: 5,
        length: Duration::from_secs(1),
        tells: 1_000_000,
        replay_events: 1_000_000,
        appends: 10_000,
        activations: 500,
        live_actors: 5_000,
        swapped: 10_000,
        rehearsed_actors: 100_000,
        raw_file_bytes: /* 64 MiB */ 64 * 1_024 * 1_024,
        stored_actors: 1_000_000,
        stored_tail: 250_000,
    };
    const SMOKE: Self = Self {
        repetitions: 5,
        length: Duration::from_millis(20),
        tells: 5_000,
        replay_events: 10_000,
        appends: 200,
        activations: 10,
        live_actors: 50,
        swapped: 40,
        rehearsed_actors: 50,
        raw_file_bytes: /* 4 MiB */ 4 * 1_024 * 1_024,
        stored_actors: 100,
        stored_tail: 50,
    };

    /// The repetitions; those that are not [`Round::Counted`] warm up.
    pub(crate) fn rounds(self) -> impl Iterator<Item = Round> {
        std::iter::once(Round::WarmUp).chain(std::iter::repeat_n(Round::Counted, self.repetitions))
    }
}

/// Whether a repetition counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    /// Its figures are dropped; what it did is checked all the same.
    WarmUp,
    /// Its figures are in the table.
    Counted,
}

impl Bench {
    /// # Errors
    /// When the guest is not built, or there is no directory to work in.
    pub(crate) fn new(options: &Options) -> Result<Self> {
        let runtime = Builder::new_multi_thread().thread_name(LOAD_THREADS).enable_all().build().context("threads")?;
        std::fs::create_dir_all(&options.data).with_context(|| format!("creating {}", options.data.display()))?;
        let root = TempDir::with_prefix_in("greenroom-bench-", &options.data).context("a temporary directory")?;
        remove_when_interrupted(&runtime, root.path().to_owned());
        let pace = if options.smoke { Pace::SMOKE } else { Pace::FULL };
        Ok(Self {
            runtime,
            pace,
            counts: Counts::install()?,
            counter: read_guest("counter")?,
            large_store: OnceCell::new(),
            root,
        })
    }

    /// Runs a row's work on the threads that make load.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.block_on(work)
    }

    /// Where everything is written.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.root.path().to_owned()
    }

    /// Where compiled code is kept, so that only the first row compiles.
    pub(crate) fn compile_cache(&self) -> PathBuf {
        self.root.path().join("compiled")
    }

    /// A directory for one row; gone when it is dropped.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn dir(&self) -> Result<TempDir> {
        TempDir::new_in(self.root.path()).context("a temporary directory")
    }
}

/// Ctrl-C leaves nothing behind either.
fn remove_when_interrupted(runtime: &Runtime, dir: PathBuf) {
    runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            let _may_be_gone = std::fs::remove_dir_all(dir);
            std::process::exit(130);
        }
    });
}

/// The component of a guest.
///
/// # Errors
/// When it is not built.
#[expect(clippy::disallowed_methods, reason = "a component built by cargo, not a durable file")]
pub(crate) fn read_guest(name: &str) -> Result<Vec<u8>> {
    let dir = std::env::var_os("GREENROOM_GUESTS").context("GREENROOM_GUESTS is not set; use `cargo xtask bench`")?;
    let path = Path::new(&dir).join(format!("{name}.wasm"));
    std::fs::read(&path).with_context(|| format!("{} is not there; run `cargo xtask guests`", path.display()))
}
