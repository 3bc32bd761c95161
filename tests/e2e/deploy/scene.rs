//! Short ways to say what these tests say.

use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use greenroom_kit::{Answer, Client};

use crate::setting::{Stage, read};
use crate::tenant::{out, run};

/// A deploy under way in a thread of its own.
pub(crate) struct Deploying(JoinHandle<Result<Answer>>);

impl Deploying {
    /// Begins to deploy.
    pub(crate) fn begin(client: &Client, kind: &str, component: Vec<u8>) -> Result<Self> {
        let (client, kind) = (client.clone(), kind.to_owned());
        let thread = std::thread::Builder::new().name("deploy".to_owned());
        Ok(Self(thread.spawn(move || client.deploy(&kind, &component))?))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.is_finished()
    }

    /// Its answer.
    pub(crate) fn answer(self) -> Result<Answer> {
        self.0.join().ok().context("the deploy panicked")?
    }
}

/// Creates a tenant with these further arguments.
pub(crate) fn create_tenant(stage: &Stage, name: &str, arguments: &[&str]) -> Result<Client> {
    out(&run(stage.server.url(), None, &[&["tenant", "create", name], arguments].concat())?)?;
    Ok(stage.client.tenant(name))
}

/// The compile workers of a server. On a busy machine one may be ended and another one begun.
pub(crate) fn workers_of(server: u32) -> Result<Vec<u32>> {
    let processes = std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // A worker is told whom it must not outlive.
    let told = format!("\0compile-worker\0{server}\0");
    let is_worker = |id: &u32| about(*id, "cmdline").is_ok_and(|line| line.contains(&told)) && is_alive(*id);
    Ok(processes.filter(is_worker).collect())
}

/// The id of a compile worker of a server that has given up its rights and compiles, once there is one.
pub(crate) fn worker_of(server: u32) -> Result<u32> {
    let until = Instant::now() + Duration::from_secs(30);
    let is_locked_up = |id: &u32| status_of(*id).is_ok_and(|status| status.contains("Seccomp:\t2"));
    loop {
        if let Some(worker) = workers_of(server)?.into_iter().find(is_locked_up) {
            return Ok(worker);
        }
        if Instant::now() > until {
            bail!("server {server} has no compile worker at work");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What the system says of a process.
pub(crate) fn status_of(process: u32) -> Result<String> {
    about(process, "status")
}

/// A file that the system keeps about a process, as text.
pub(crate) fn about(process: u32, name: &str) -> Result<String> {
    let file = PathBuf::from(format!("/proc/{process}/{name}"));
    let bytes = read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a process is there and has not ended.
pub(crate) fn is_alive(process: u32) -> bool {
    status_of(process).is_ok_and(|status| !status.contains("State:\tZ"))
}

/// Waits until a server has no compile worker any more.
pub(crate) fn no_worker_of(server: u32) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let workers = workers_of(server)?;
        if workers.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            bail!("the workers {workers:?} of server {server} are still there");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A metric's value with these labels; 0 if it is not shown.
pub(crate) fn metric(client: &Client, name: &str, labels: &str) -> Result<f64> {
    let page = client.get("/metrics")?.ok()?.text();
    let values = page.lines().filter(|line| line.starts_with(name) && line.contains(labels));
    Ok(values.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum())
}
