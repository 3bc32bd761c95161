//! A real server process.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::Client;
use crate::process::Process;

/// A server that is not ready by then has failed.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// A server that was asked to end and has not by then has failed.
const END_WITHIN: Duration = Duration::from_secs(30);

/// How a server is started.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The `greenroom` program.
    pub binary: PathBuf,
    /// Its data directory.
    pub data: PathBuf,
    /// Where it listens; port 0 lets the system choose.
    pub listen: String,
    /// Further arguments of `serve`.
    pub arguments: Vec<String>,
}

/// A running `greenroom serve`; dropping it kills the process.
#[derive(Debug)]
pub struct Server {
    process: Process,
    options: ServerOptions,
    url: String,
}

impl ServerOptions {
    /// A server on a free port of the loopback interface.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>, data: impl Into<PathBuf>) -> Self {
        Self { binary: binary.into(), data: data.into(), listen: "127.0.0.1:0".to_owned(), arguments: Vec::new() }
    }

    /// The command line.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("serve").arg("--data").arg(&self.data).args(["--listen", &self.listen, "--json"]);
        command.args(&self.arguments);
        command
    }
}

impl Server {
    /// Starts a server and waits until it says where it listens.
    ///
    /// # Errors
    /// When it ends, or is not ready in time; with what it wrote.
    pub fn start(options: ServerOptions) -> Result<Self> {
        let mut process = Process::start(options.command())?;
        let until = Instant::now() + READY_WITHIN;
        loop {
            let line = process.next_line(until).context("the server did not start")?;
            if let Some(url) = ready_url(&line) {
                return Ok(Self { process, options, url });
            }
        }
    }

    /// Where it listens, as `http://host:port`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.options.data
    }

    /// How it was started.
    #[must_use]
    pub fn options(&self) -> &ServerOptions {
        &self.options
    }

    /// The id of its process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// A client for it, with connections of its own.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// What it wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Ends it without warning (SIGKILL), as a crash would; what the system holds in its buffers survives.
    ///
    /// # Errors
    /// When there is nothing to end.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.ask_to_stop()?;
        self.wait()
    }

    /// Waits until it has ended, without asking it to: a second signal would force it.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.process.wait(END_WITHIN)
    }

    /// Asks it to end (SIGTERM) and does not wait.
    ///
    /// # Errors
    /// When the signal could not be sent.
    pub fn ask_to_stop(&mut self) -> Result<()> {
        let status = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        if !status.context("kill could not be started")?.success() {
            bail!("the server could not be signalled");
        }
        Ok(())
    }

    /// Kills it and starts it again on the same data.
    ///
    /// # Errors
    /// When it does not start.
    pub fn kill_and_restart(&mut self) -> Result<()> {
        self.kill()?;
        *self = Self::start(self.options.clone())?;
        Ok(())
    }
}

/// The address in the line that `serve --json` prints when it is ready.
fn ready_url(line: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).ok()?;
    value.get("url").and_then(Value::as_str).map(str::to_owned)
}
