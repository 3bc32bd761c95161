//! `greenroom check FILE.wasm`: the deploy gate, without a server.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::files;
use super::output::{Output, Tone, size};
use crate::runtime::RequestError;
use crate::sandbox::{Component, Engine, Manifest, SandboxSettings};
use crate::vocab::{Code, Limits};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The component
    file: PathBuf,
}

/// Fails as a deploy would. It does not know the journals of a kind: a deploy also refuses code that cannot read them.
pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let bytes = files::read(&arguments.file)?;
    let component = load(&bytes)?;
    if output.is_json() {
        return output.json(&json!({
            "file": arguments.file.display().to_string(),
            "digest": component.digest().to_string(),
            "component_bytes": bytes.len(),
            "reads_clocks": component.reads_clocks(),
            "manifest": component.manifest(),
        }));
    }
    output.note(&format!("{}  a deploy would accept it", output.paint(Tone::Good, "ok")));
    let digest = component.digest().to_string();
    output.line(&report(&arguments.file, bytes.len(), &digest, component.reads_clocks(), component.manifest()))
}

fn load(bytes: &[u8]) -> Result<Component, Failure> {
    // One instance, for describe: the default would reserve address space for thousands.
    let limits = Limits { live_actors: 1, ..Limits::default() };
    let engine = Engine::new(SandboxSettings { limits, cache_dir: None })
        .map_err(|reason| Failure::new(Code::MachineLimit, reason))?;
    engine.load(bytes).map_err(|error| Failure::from(crate::api::Problem::from(RequestError::from(error))))
}

fn report(file: &Path, bytes: usize, digest: &str, reads_clocks: bool, manifest: &Manifest) -> String {
    let commands = manifest
        .commands
        .iter()
        .map(|command| if command.read_only { format!("{} (read only)", command.name) } else { command.name.clone() });
    let events = manifest.events.iter().map(|event| format!("{} v{}", event.name, event.version));
    [
        format!("file      {}", file.display()),
        format!("size      {}", size(u64::try_from(bytes).unwrap_or(u64::MAX))),
        format!("digest    {digest}"),
        format!("commands  {}", joined(commands)),
        format!("events    {}", joined(events)),
        format!("state     version {}", manifest.state_version),
        format!("clocks    {}", if reads_clocks { "read; replay is told each event's time" } else { "not read" }),
    ]
    .join("\n")
}

fn joined(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{CommandType, EventType};

    #[test]
    fn a_report_names_what_callers_may_use() {
        let manifest = Manifest {
            commands: vec![
                CommandType { name: "increment".into(), read_only: false },
                CommandType { name: "get".into(), read_only: true },
            ],
            events: vec![EventType { name: "incremented".into(), version: 2 }],
            state_version: 1,
        };
        let text = report(Path::new("counter.wasm"), 2_048, "00ff", false, &manifest);
        assert!(text.contains("commands  increment, get (read only)"), "{text}");
        assert!(text.contains("events    incremented v2") && text.contains("2.0 KiB"), "{text}");
    }

    #[test]
    fn a_component_without_events_says_none() {
        assert!(report(Path::new("x"), 1, "", true, &Manifest::default()).contains("events    none"));
    }
}
