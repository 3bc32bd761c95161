//! Owns what must not be left behind: the server process and the data directory.

use std::fs;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use greenroom_kit::{Client, Server, ServerOptions};
use tempfile::TempDir;

/// What a shell expects of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// A server slot and a data directory; both are gone when it is dropped, also after a failure or an interrupt.
pub(crate) struct Backstage {
    server: Arc<Mutex<Option<Server>>>,
    options: ServerOptions,
    dir: TempDir,
}

impl Backstage {
    /// A fresh data directory, and a handler that cleans up when the person interrupts.
    pub(crate) fn new(binary: PathBuf) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("greenroom-demo-").tempdir().context("no temporary directory")?;
        let server = Arc::new(Mutex::new(None));
        let (held, path) = (Arc::clone(&server), dir.path().to_owned());
        ctrlc::set_handler(move || {
            // Kept locked to the end, so that nobody starts another server meanwhile.
            let mut server = lock(&held);
            drop(server.take());
            // There is nobody left to tell if this fails.
            let _ = fs::remove_dir_all(&path);
            eprintln!("interrupted; the server is stopped and its data removed");
            std::process::exit(INTERRUPTED);
        })
        .context("no handler for interrupts")?;
        let options = ServerOptions::new(binary, dir.path().join("data"));
        Ok(Self { server, options, dir })
    }

    /// Starts a server on the data directory; a client for it.
    pub(crate) fn start(&self) -> Result<Client> {
        let mut slot = lock(&self.server);
        let server = Server::start(self.options.clone())?;
        let client = server.client();
        *slot = Some(server);
        Ok(client)
    }

    /// Kills the server with SIGKILL and waits until it is gone.
    pub(crate) fn kill(&self) -> Result<()> {
        lock(&self.server).take().context("no server is running")?.kill()
    }

    /// Asks the server to end and waits until it has.
    pub(crate) fn stop(&self) -> Result<ExitStatus> {
        lock(&self.server).take().context("no server is running")?.stop()
    }

    /// What the running server wrote.
    pub(crate) fn log(&self) -> Option<String> {
        lock(&self.server).as_ref().map(Server::log)
    }

    /// Kills the server if it still runs, and removes the data directory.
    pub(crate) fn clear(&self) -> Result<()> {
        drop(lock(&self.server).take());
        fs::remove_dir_all(self.dir.path()).context("the data directory could not be removed")
    }
}

impl Drop for Backstage {
    fn drop(&mut self) {
        drop(lock(&self.server).take());
    }
}

fn lock(server: &Mutex<Option<Server>>) -> MutexGuard<'_, Option<Server>> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}
