//! `greenroom serve`: a host, its HTTP face, and their end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::failure::Failure;
use super::files;
use super::memory;
use super::output::{Output, Tone};
use super::running::{Running, threads};
use super::settings::{ServeSettings, SettingsError};
use super::telemetry::LogArguments;
use crate::runtime::Durability;
use crate::vocab::Code;

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
    memory::bound_what_is_kept();
    threads()?.block_on(serve(settings, &data, output))
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
    let mut running = Running::start(settings, data).await?;
    ready(&running.url(), data, output)?;
    running.is_told_to_end().await;
    running.end(output).await
}

fn ready(url: &str, data: &Path, output: &Output) -> Result<(), Failure> {
    tracing::info!(url, data = %data.display(), "ready");
    if output.is_json() {
        return output
            .json(&json!({ "url": url, "data": data.display().to_string(), "process_id": std::process::id() }));
    }
    output.line(&format!("{} {url}  data in {}", output.paint(Tone::Good, "greenroom serves"), data.display()))
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
}
