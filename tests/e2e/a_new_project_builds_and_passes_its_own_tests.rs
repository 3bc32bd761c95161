use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::setting::{Stage, guests_dir, read, server_binary, write_bytes};

const LOCK: &str = "../Cargo.lock";

/// What `greenroom new` writes, taken through the steps of its README. The folder below the target directory stays, so
/// that only the first run compiles the dependencies.
#[test]
fn a_new_project_builds_and_passes_its_own_tests() -> Result<()> {
    let stage = Stage::empty()?;
    let folder = guests_dir().parent().context("no target directory")?.join("new-project");
    let project = folder.join("to-do");
    let _first_time = std::fs::remove_dir_all(&project);
    std::fs::create_dir_all(&folder)?;

    run(Command::new(server_binary()).args(["new", "to-do"]).current_dir(&folder))?;
    // The workspace's versions: what it was tested with, and what is on this machine already.
    write_bytes(&project.join("Cargo.lock"), &read(Path::new(LOCK))?)?;
    run(&mut cargo(&project, &["test", "--quiet"]))?;
    run(&mut cargo(&project, &["build", "--quiet", "--target", "wasm32-wasip2", "--release"]))?;

    let component = folder.join("target/wasm32-wasip2/release/to_do.wasm");
    stage.client.deploy("to-do", &read(&component)?)?.ok()?;
    stage.client.call("to-do", "mine", "add", &json!({ "task": "write" }).to_string())?.ok()?;
    let list = stage.client.call("to-do", "mine", "list", "")?.ok()?.text();
    assert!(list.contains("write"), "{list}");
    Ok(())
}

fn cargo(project: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(project).env("CARGO_TARGET_DIR", project.with_file_name("target"));
    command
}

/// Runs a command to its end; fails with what it said when it fails.
fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?} could not be started"))?;
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?}: {}\n{said}\n{complained}", output.status);
    Ok(())
}
