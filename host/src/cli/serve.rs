//! `greenroom serve`: a host, its HTTP face, and their end.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::failure::Failure;
use super::files;
use super::memory;
use super::output::{Output, Tone};
use super::settings::{ServeSettings, SettingsError};
use super::store;
use super::telemetry::LogArguments;
use crate::api::{Metrics, Problem, Server, Tls};
use crate::runtime::{AskError, Durability, Host, describe_metrics};
use crate::sandbox::CompilerProgram;
use crate::vocab::Code;

/// What a forced end answers with, as shells write "ended by SIGINT".
const FORCED: i32 = 130;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where everything durable is kept; made if it is not there
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen; beyond loopback only with keys and TLS, port 0 takes a free one [default: 127.0.0.1:7411]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// A certificate chain in PEM form: serve TLS; the file is read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// A TOML file with settings; flags win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What an acknowledged command survives [default: sync]
    #[arg(long, value_enum)]
    durability: Option<DurabilityArgument>,
    #[command(flatten)]
    log: LogArguments,
}

/// What an acknowledged command survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DurabilityArgument {
    /// A process kill and a power cut
    Sync,
    /// A process kill; a power cut can lose about a second
    Flush,
    /// Neither: each can lose about a second
    Memory,
}

impl From<DurabilityArgument> for Durability {
    fn from(argument: DurabilityArgument) -> Self {
        match argument {
            DurabilityArgument::Sync => Self::Sync,
            DurabilityArgument::Flush => Self::Flush,
            DurabilityArgument::Memory => Self::Memory,
        }
    }
}

/// Serves until it is told to end. Everything that can be refused is refused before the ready line is printed.
pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let settings = settings(arguments)?;
    let Some(data) = settings.data.clone() else {
        return Err(Failure::new(Code::InvalidSetting, "data: where to keep everything is not set; use --data DIR"));
    };
    arguments.log.start(output.has_colours())?;
    memory::give_back();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| machine(&format!("the threads could not be started: {error}")))?;
    runtime.block_on(serve(settings, &data, output))
}

/// The configuration file's settings under the flags.
fn settings(arguments: &Arguments) -> Result<ServeSettings, Failure> {
    let mut settings = match &arguments.config {
        Some(path) => ServeSettings::parse(&files::read_text(path)?).map_err(|error| in_file(path, &error))?,
        None => ServeSettings::default(),
    };
    if let Some(listen) = arguments.listen {
        settings.listen = listen;
    }
    if let Some(data) = &arguments.data {
        settings.data = Some(data.clone());
    }
    if arguments.tls_certificate.is_some() {
        settings.tls_certificate.clone_from(&arguments.tls_certificate);
        settings.tls_key.clone_from(&arguments.tls_key);
    }
    if let Some(durability) = arguments.durability {
        settings.host.durability = durability.into();
    }
    settings.check().map_err(|error| Failure::new(error.code(), error.to_string()))?;
    Ok(settings)
}

fn in_file(path: &Path, error: &SettingsError) -> Failure {
    Failure::new(error.code(), format!("{}: {error}", path.display()))
}

async fn serve(settings: ServeSettings, data: &Path, output: &Output) -> Result<(), Failure> {
    let tls = tls(&settings)?;
    let listener = bind(settings.listen).await?;
    let address = listener.local_addr().map_err(|error| machine(&error.to_string()))?;
    let signals = Signals::listen()?;
    let metrics = Metrics::install().map_err(|error| machine(&format!("the metrics could not be set up: {error}")))?;
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
    let (step, watched) = watch::channel(Step::Serving);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut server = Server::new(host.clone()).settings(settings.http).metrics(metrics);
    if let Some(tls) = tls {
        server = server.tls(tls);
    }
    let (closing, drained) = (reached(watched.clone(), Step::Closing), reached(watched, Step::Drained));
    let server = tokio::spawn(server.serve(listener, closing, drained));
    ready(&format!("{scheme}://{address}"), data, output)?;
    let end = end(signals, &host, deadline, &step, output).await;
    step.send_replace(Step::Drained);
    // A server that panicked has nothing left to drain.
    let _ = server.await;
    tracing::info!("ended");
    end
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

fn ready(url: &str, data: &Path, output: &Output) -> Result<(), Failure> {
    tracing::info!(url, data = %data.display(), "ready");
    if output.is_json() {
        return output
            .json(&json!({ "url": url, "data": data.display().to_string(), "process_id": std::process::id() }));
    }
    output.line(&format!("{} {url}  data in {}", output.paint(Tone::Good, "greenroom serves"), data.display()))
}

/// Waits for a signal, then shuts the host down while the server still answers. An interrupt then forces the end.
///
/// A repeated SIGTERM does not: supervisors and wrappers pass it on twice, and nobody means "lose the rest" by that.
async fn end(
    mut signals: Signals,
    host: &Host,
    deadline: Duration,
    step: &watch::Sender<Step>,
    output: &Output,
) -> Result<(), Failure> {
    signals.next().await;
    tracing::info!(deadline_ms = %deadline.as_millis(), "shutting down");
    output.note("shutting down; ctrl-c forces it");
    step.send_replace(Step::Closing);
    tokio::select! {
        closed = host.shutdown(deadline) => closed.map_err(told),
        _ = signals.interrupt.recv() => {
            output.note("forced: what was not acknowledged may be lost, what was acknowledged is not");
            // The process ends here on purpose: waiting for anything is what the interrupt forbids.
            std::process::exit(FORCED)
        }
    }
}

fn told(error: AskError) -> Failure {
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
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &[&str]) -> Result<ServeSettings, Failure> {
        settings(&Line::parse_from([&["serve"], line].concat()).arguments)
    }

    fn config(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn flags_win_over_the_file() {
        let file = config("listen = '127.0.0.1:1'\ndata = '/a'\ndurability = 'flush'\nhttp.connections = 3\n");
        let path = file.path().to_str().unwrap();
        let read = parse(&["--config", path]).unwrap();
        assert_eq!((read.listen.port(), read.host.durability), (1, Durability::Flush));
        let flags = ["--config", path, "--listen", "127.0.0.1:2", "--data", "/b", "--durability", "memory"];
        let won = parse(&flags).unwrap();
        assert_eq!((won.listen.port(), won.host.durability), (2, Durability::Memory));
        assert_eq!((won.data.as_deref(), won.http.connections), (Some(Path::new("/b")), 3));
    }

    #[test]
    fn an_address_that_others_can_reach_is_refused_with_the_reason() {
        let text = format!("{:?}", parse(&["--data", "d", "--listen", "0.0.0.0:7411"]).unwrap_err());
        assert!(text.contains("GR0082") && text.contains("without TLS"), "{text}");
        assert!(parse(&["--data", "d", "--listen", "[::1]:0"]).is_ok());
        let tls = ["--data", "d", "--listen", "0.0.0.0:7411", "--tls-certificate", "c", "--tls-key", "k"];
        assert!(parse(&tls).is_ok());
    }

    #[test]
    fn a_refused_file_is_named() {
        let file = config("lisen = 1");
        let text = format!("{:?}", parse(&["--config", file.path().to_str().unwrap()]).unwrap_err());
        assert!(text.contains("GR0081") && text.contains(file.path().to_str().unwrap()), "{text}");
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = first.local_addr().unwrap();
        let text = format!("{:?}", bind(address).await.unwrap_err());
        assert!(text.contains("GR0080") && text.contains(&address.to_string()), "{text}");
    }
}
