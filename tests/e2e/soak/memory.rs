//! How much memory a process holds, as the system counts it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use greenroom_kit::Client;

use crate::setting::read;

/// How long actors may take to leave, and threads and caches to give back what they hold.
const PATIENCE: Duration = Duration::from_secs(60);
/// Memory that has not fallen for this long is at rest. Threads that nobody needs end after ten seconds.
const CALM: Duration = Duration::from_secs(12);
const PAUSE: Duration = Duration::from_millis(250);

/// The memory of a server.
pub(super) struct Memory {
    process: u32,
    operator: Client,
}

impl Memory {
    pub(super) fn of(process: u32, operator: Client) -> Self {
        Self { process, operator }
    }

    fn field(&self, name: &str) -> Result<u64> {
        let status = read(format!("/proc/{}/status", self.process).as_ref()).context("the server is gone")?;
        let status = String::from_utf8_lossy(&status).into_owned();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
        line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().with_context(|| format!("{name} is {line}"))
    }

    /// Resident memory now, KiB.
    pub(super) fn now(&self) -> Result<u64> {
        self.field("VmRSS")
    }

    /// What is resident of the process's own, without pages of its program's file, KiB.
    pub(super) fn own(&self) -> Result<u64> {
        self.field("RssAnon")
    }

    /// The most that was resident so far, KiB.
    pub(super) fn peak(&self) -> Result<u64> {
        self.field("VmHWM")
    }

    /// Waits until no actor is live.
    fn until_empty(&self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let metrics = self.operator.get("/metrics")?.ok()?.text();
            let live = metrics.lines().find_map(|line| line.strip_prefix("greenroom_live_actors "));
            if live.context("no figure of live actors")?.trim() == "0" {
                return Ok(());
            }
            ensure!(Instant::now() < until, "actors do not leave");
            sleep(PAUSE);
        }
    }

    /// Resident memory once all actors have left and it falls no further, KiB.
    pub(super) fn at_rest(&self) -> Result<u64> {
        self.until_empty()?;
        let (mut least, mut since) = (self.now()?, Instant::now());
        while since.elapsed() < CALM {
            sleep(PAUSE);
            let now = self.now()?;
            if now < least {
                (least, since) = (now, Instant::now());
            }
        }
        Ok(least)
    }

    /// Resident memory as soon as all actors have left, KiB.
    pub(super) fn once_empty(&self) -> Result<u64> {
        self.until_empty()?;
        self.now()
    }

    /// Waits, but not for ever, until no actor is live and resident memory is at most so much; what it is then, KiB.
    pub(super) fn falls_to(&self, bound: u64, patience: Duration) -> Result<u64> {
        self.until_empty()?;
        let until = Instant::now() + patience;
        while self.now()? > bound && Instant::now() < until {
            sleep(PAUSE);
        }
        self.now()
    }
}
