//! `greenroom check FILE.wasm [--against KIND]`: the deploy gate, without a server or with one.

mod against;
mod report;

use std::path::PathBuf;

use clap::Args;

use self::report::{Compiled, Report};
use super::arguments;
use super::client::Client;
use super::failure::Failure;
use super::files;
use super::output::{Output, Tone};
use super::settings::ServeSettings;
use crate::api::Problem;
use crate::runtime::RequestError;
use crate::sandbox::{CompileCost, CompilerProgram, DeployError, Engine, Looked, SandboxSettings};
use crate::vocab::{Code, Digest, Kind, Limits, Owner};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The component
    file: PathBuf,
    /// A server's configuration file: its limits instead of the defaults
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Ask the server as well what it would change in this kind, and whether the kind's journals can be read with it
    #[arg(long, value_name = "KIND", value_parser = arguments::kind)]
    against: Option<Kind>,
}

/// Fails as a deploy would, after a report. Only with a server to ask does it know the journals of a kind: a deploy also
/// refuses code that cannot read them.
pub(super) fn run(
    arguments: &Arguments,
    client: impl FnOnce() -> Result<Client, Failure>,
    output: &Output,
) -> Result<(), Failure> {
    let limits = limits(arguments)?;
    let bytes = files::read(&arguments.file)?;
    let settings = SandboxSettings { limits: limits.clone(), cache_dir: None, compiler: CompilerProgram::ThisProgram };
    let engine = Engine::new(settings).map_err(|reason| Failure::new(Code::MachineLimit, reason))?;
    let inspection = engine.inspect(&bytes);
    let compiled = match engine.look(&Owner::Host, &bytes, |_| Ok(())).1 {
        Ok(Looked::Compile(uncompiled)) => Some(engine.compile(&Owner::Host, &uncompiled, &bytes)),
        Ok(Looked::Loaded(component)) => Some((Ok(component), CompileCost::default())),
        Err(_) => None,
    };
    let report = Report {
        file: arguments.file.display().to_string(),
        digest: Digest::of(&bytes).to_string(),
        component_bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        limits,
        inspection,
        compiled: compiled.map(|(result, cost)| Compiled {
            cost,
            found: result.map(|component| (component.manifest().clone(), component.reads_clocks())),
        }),
    };
    if !output.is_json() {
        output.line(&report.to_text())?;
    } else if arguments.against.is_none() || report.refusal().is_some() {
        output.json(&report.to_json())?;
    }
    if let Some(refusal) = report.refusal() {
        return Err(refused(refusal.clone()));
    }
    if let Some(kind) = &arguments.against {
        return against::run(kind, bytes, report.to_json(), &client()?, output);
    }
    output.note(&format!("{}  a deploy would accept it", output.paint(Tone::Good, "ok")));
    Ok(())
}

fn refused(refusal: DeployError) -> Failure {
    Failure::from(Problem::from(RequestError::from(refusal)))
}

fn limits(arguments: &Arguments) -> Result<Limits, Failure> {
    let limits = match &arguments.config {
        None => Limits::default(),
        Some(path) => {
            let told = |error: super::SettingsError| Failure::new(error.code(), format!("{}: {error}", path.display()));
            ServeSettings::parse(&files::read_text(path)?).map_err(told)?.host.limits
        }
    };
    // One instance, for describe: the default would reserve address space for thousands.
    Ok(Limits { live_actors: 1, ..limits })
}
