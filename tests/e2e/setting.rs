//! Where the tests find the server and the guests, and the scene that most of them start from.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use greenroom_kit::{Client, Server, ServerOptions};
use tempfile::TempDir;

/// How much of a server's log a failed test shows.
const LOG_LINES_SHOWN: usize = 60;

/// A server on a data directory of its own. Both are gone at the end of the test; a failed test shows the log.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) client: Client,
    dir: TempDir,
}

impl Stage {
    /// An empty server.
    pub(crate) fn empty() -> Result<Self> {
        Self::with_settings(&[], "")
    }

    /// A server with these guests deployed as kinds of the same names.
    pub(crate) fn with_kinds(kinds: &[&str]) -> Result<Self> {
        Self::with_settings(kinds, "")
    }

    /// A server with these kinds and this configuration file.
    pub(crate) fn with_settings(kinds: &[&str], settings: &str) -> Result<Self> {
        let dir = TempDir::new().context("no temporary directory")?;
        let config = dir.path().join("greenroom.toml");
        write(&config, settings)?;
        let mut options = ServerOptions::new(server_binary(), dir.path().join("data"));
        options.arguments = vec!["--config".to_owned(), config.display().to_string()];
        let server = Server::start(options)?;
        let stage = Self { client: server.client(), server, dir };
        for kind in kinds {
            stage.client.deploy(kind, &guest(kind)?)?.ok().with_context(|| format!("{kind} was not deployed"))?;
        }
        Ok(stage)
    }

    /// A path in the test's own directory, beside the server's data.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Kills the server without warning and starts it again.
    pub(crate) fn kill_and_restart(&mut self) -> Result<()> {
        self.show_log();
        self.server.kill_and_restart()?;
        self.client = self.server.client();
        Ok(())
    }

    /// Ends the server as an operator would, and starts it again; how it ended.
    pub(crate) fn stop_and_restart(&mut self) -> Result<ExitStatus> {
        self.server.ask_to_stop()?;
        self.restart_once_ended()
    }

    /// Waits until the server has ended, and starts it again; how it ended.
    pub(crate) fn restart_once_ended(&mut self) -> Result<ExitStatus> {
        let status = self.server.wait()?;
        self.show_log();
        self.server = Server::start(self.server.options().clone())?;
        self.client = self.server.client();
        Ok(status)
    }

    /// Looks again and again until something holds; fails when it does not within ten seconds.
    pub(crate) fn wait_for(&self, what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(10);
        while !holds()? {
            ensure!(Instant::now() < until, "waited in vain for: {what}");
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The test runner shows what a test prints only when it fails.
    #[expect(clippy::print_stdout, reason = "the runner captures it")]
    fn show_log(&self) {
        let log = self.server.log();
        let lines: Vec<&str> = log.lines().collect();
        let shown = lines.get(lines.len().saturating_sub(LOG_LINES_SHOWN)..).unwrap_or_default().join("\n");
        println!("--- the last lines of the log of server {}\n{shown}", self.server.process_id());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.show_log();
    }
}

/// The server under test: what `cargo xtask test` built, else what lies beside this test.
pub(crate) fn server_binary() -> PathBuf {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.parent()?.join("greenroom"));
    std::env::var_os("GREENROOM_BIN").map(PathBuf::from).or_else(beside).unwrap_or_default()
}

/// Where `cargo xtask guests` puts the components: a folder of the target directory.
pub(crate) fn guests_dir() -> PathBuf {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.parent()?.parent()?.join("guests"));
    std::env::var_os("GREENROOM_GUESTS").map(PathBuf::from).or_else(beside).unwrap_or_default()
}

/// The component of a guest, by the name of its folder.
pub(crate) fn guest(name: &str) -> Result<Vec<u8>> {
    let file = guests_dir().join(format!("{name}.wasm"));
    read(&file).with_context(|| format!("{} is missing; `cargo xtask guests` builds it", file.display()))
}

/// Reads a file whole.
#[expect(clippy::disallowed_methods, reason = "a file that a test looks at from outside the server")]
pub(crate) fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(file)
}

/// Writes a file that a test hands to the server.
pub(crate) fn write(file: &Path, text: &str) -> std::io::Result<()> {
    write_bytes(file, text.as_bytes())
}

/// The same with bytes.
#[expect(clippy::disallowed_methods, reason = "a file of the test, not one of the host's durable files")]
pub(crate) fn write_bytes(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::write(file, bytes)
}

/// The number in a reply of the counter, `{"value": n}`.
pub(crate) fn value(answer: greenroom_kit::Answer) -> Result<u64> {
    let reply = answer.ok()?.json()?;
    reply.get("value").and_then(serde_json::Value::as_u64).with_context(|| format!("no value in {reply}"))
}
