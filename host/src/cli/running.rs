//! A server in this process: a host, its HTTP face, the signals that end it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::failure::Failure;
use super::memory;
use super::output::Output;
use super::settings::ServeSettings;
use super::store;
use crate::api::{Metrics, Problem, Server, Tls};
use crate::runtime::{AskError, Host, describe_metrics};
use crate::sandbox::CompilerProgram;
use crate::vocab::Code;

/// What a forced end answers with, as shells write "ended by SIGINT".
const FORCED: i32 = 130;

/// A server that serves. Dropping it ends it as a crash would.
pub(super) struct Running {
    host: Host,
    url: String,
    signals: Signals,
    step: watch::Sender<Step>,
    server: JoinHandle<()>,
    deadline: Duration,
}

/// The threads that read and answer requests.
///
/// # Errors
/// That the system gives none.
pub(super) fn threads() -> Result<tokio::runtime::Runtime, Failure> {
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    threads.map_err(|error| machine(&format!("the threads could not be started: {error}")))
}

impl Running {
    /// Serves from here on. Everything that can be refused is refused before it does. One in a process.
    ///
    /// # Errors
    /// Why it cannot serve.
    pub(super) async fn start(settings: ServeSettings, data: &Path) -> Result<Self, Failure> {
        let tls = tls(&settings)?;
        let listener = bind(settings.listen).await?;
        let address = listener.local_addr().map_err(|error| machine(&error.to_string()))?;
        let signals = Signals::listen()?;
        let metrics =
            Metrics::install().map_err(|error| machine(&format!("the metrics could not be set up: {error}")))?;
        describe_metrics();
        crate::provider::log::describe_metrics();
        let deadline = Duration::from_millis(settings.shutdown_deadline_ms);
        let store = store::open(data, settings.log, settings.host.durability).await?;
        let host = Host::builder().provider(store).compile_cache(data.join("cache"));
        let host = host.compiler(CompilerProgram::ThisProgram).settings(settings.host);
        let host = host.build().await.map_err(told)?;
        if !address.ip().is_loopback() && !host.asks_for_keys() {
            return Err(no_keys(address));
        }
        tokio::spawn(memory::keep_giving_back());
        let (step, watched) = watch::channel(Step::Serving);
        let url = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
        let mut server = Server::new(host.clone()).settings(settings.http).metrics(metrics);
        if let Some(tls) = tls {
            server = server.tls(tls);
        }
        let (closing, drained) = (reached(watched.clone(), Step::Closing), reached(watched, Step::Drained));
        let server = tokio::spawn(server.serve(listener, closing, drained));
        Ok(Self { host, url, signals, step, server, deadline })
    }

    /// What serves.
    pub(super) const fn host(&self) -> &Host {
        &self.host
    }

    /// Where it can be reached.
    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// Waits for a signal. Cancel-safe.
    pub(super) async fn is_told_to_end(&mut self) {
        self.signals.next().await;
    }

    /// Shuts the host down while the server still answers. An interrupt then forces the end.
    ///
    /// A repeated SIGTERM does not: supervisors and wrappers pass it on twice, and nobody means "lose the rest" by that.
    ///
    /// # Errors
    /// That the store could not be closed cleanly.
    pub(super) async fn end(mut self, output: &Output) -> Result<(), Failure> {
        tracing::info!(deadline_ms = %self.deadline.as_millis(), "shutting down");
        output.note("shutting down; ctrl-c forces it");
        self.step.send_replace(Step::Closing);
        let ended = tokio::select! {
            closed = self.host.shutdown(self.deadline) => closed.map_err(told),
            _ = self.signals.interrupt.recv() => {
                output.note("forced: what was not acknowledged may be lost, what was acknowledged is not");
                // The process ends here on purpose: waiting for anything is what the interrupt forbids.
                std::process::exit(FORCED)
            }
        };
        self.step.send_replace(Step::Drained);
        // A server that panicked has nothing left to drain.
        let _ = self.server.await;
        tracing::info!("ended");
        ended
    }
}

fn tls(settings: &ServeSettings) -> Result<Option<Tls>, Failure> {
    match (&settings.tls_certificate, &settings.tls_key) {
        (Some(certificate), Some(key)) => Ok(Some(Tls::load(certificate, key)?)),
        _ => Ok(None),
    }
}

fn no_keys(address: SocketAddr) -> Failure {
    let detail = format!(
        "listen: {address} can be reached from other machines, and there are no keys: whoever reaches it would own \
         every actor. Create one first (greenroom key create --operator --data DIR), or listen on 127.0.0.1"
    );
    Failure::new(Code::InvalidSetting, detail)
}

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Serving,
    Closing,
    Drained,
}

async fn reached(mut watched: watch::Receiver<Step>, step: Step) {
    // An error means that the sender is gone, which is past every step.
    let _ = watched.wait_for(|now| *now >= step).await;
}

async fn bind(listen: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(listen).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Failure::new(
            Code::PortInUse,
            format!("{listen} is taken by another process; stop it, or choose another address with --listen"),
        ),
        _ => Failure::new(Code::InvalidSetting, format!("listen: {listen} cannot be listened on: {error}")),
    })
}

pub(super) fn told(error: AskError) -> Failure {
    Failure::from(Problem::from(error))
}

fn machine(detail: &str) -> Failure {
    Failure::new(Code::MachineLimit, detail)
}

/// The signals that ask for an end.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// From here on the signals no longer end the process by themselves.
    fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let refused = |error: io::Error| machine(&format!("signals cannot be received: {error}"));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(refused)?,
            terminate: signal(SignalKind::terminate()).map_err(refused)?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = first.local_addr().unwrap();
        let text = format!("{:?}", bind(address).await.unwrap_err());
        assert!(text.contains("GR0080") && text.contains(&address.to_string()), "{text}");
    }
}
