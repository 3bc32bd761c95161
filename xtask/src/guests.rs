//! `cargo xtask guests`: builds every guest component and puts the files side by side.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace::{Guest, Workspace, run as run_command};

/// What guests are compiled for.
const TARGET: &str = "wasm32-wasip2";
/// The profile of guests, in the root `Cargo.toml`.
const PROFILE: &str = "guest";
/// The component of the counter example may not grow beyond this: it is what a first actor costs.
const COUNTER_BYTES_MAX: u64 = /* 150 KiB */ 150 * 1_024;

/// Builds every guest and prints the sizes.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("guests takes no argument, found {argument}");
    }
    for (name, bytes) in build(&Workspace::load()?)? {
        println!("{name:<24} {:>7.1} KiB", kib(bytes));
    }
    Ok(())
}

/// Builds every guest into [`Workspace::guests_dir`]; the names and sizes, by name.
pub(crate) fn build(workspace: &Workspace) -> Result<Vec<(String, u64)>> {
    ensure_target(workspace)?;
    let guests = workspace.guests()?;
    if guests.is_empty() {
        bail!("the workspace has no package with crate-type cdylib");
    }
    let dir = workspace.guests_dir();
    fs::create_dir_all(&dir).with_context(|| format!("{} could not be created", dir.display()))?;
    let built = guests.iter().map(|guest| build_one(workspace, guest)).collect::<Result<Vec<_>>>()?;
    if let Some((name, bytes)) = built.iter().find(|(name, bytes)| name == "counter" && *bytes > COUNTER_BYTES_MAX) {
        bail!("the component {name} has {:.1} KiB, the limit is {:.0}", kib(*bytes), kib(COUNTER_BYTES_MAX));
    }
    Ok(built)
}

/// Builds one guest and copies its component.
fn build_one(workspace: &Workspace, guest: &Guest) -> Result<(String, u64)> {
    // The crate type is given here because cargo cannot optimise across crates when a library is an `rlib` too,
    // which guests with native tests are; their components would be nearly half as large again.
    let crate_type = ["--lib", "--crate-type", "cdylib", "--target", TARGET, "--profile", PROFILE];
    let mut command = workspace.cargo(["rustc", "--quiet", "--package", &guest.package]);
    run_command(&format!("building the guest {}", guest.name), command.args(crate_type))?;
    let built = workspace.target.join(TARGET).join(PROFILE).join(format!("{}.wasm", guest.library));
    let copied = workspace.guests_dir().join(format!("{}.wasm", guest.name));
    let bytes = fs::copy(&built, &copied)
        .with_context(|| format!("{} could not be copied to {}", built.display(), copied.display()))?;
    Ok((guest.name.clone(), bytes))
}

/// Installs the target of guests through rustup when it is missing.
fn ensure_target(workspace: &Workspace) -> Result<()> {
    if is_target_installed(workspace)? {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).current_dir(&workspace.root);
    match rustup.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => bail!("rustup target add {TARGET} failed ({status})"),
        Err(error) => bail!(
            "guests need the target {TARGET}, and rustup, which would install it, could not be started ({error}); \
             install rustup from https://rustup.rs, or the target by the means of your Rust installation"
        ),
    }
}

/// Whether the standard library of the target is there, whoever installed it.
fn is_target_installed(workspace: &Workspace) -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(&workspace.root)
        .stderr(Stdio::inherit())
        .output()
        .context("rustc could not be started")?;
    let dir = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    Ok(output.status.success() && dir.is_dir())
}

/// Bytes as KiB, for people.
#[expect(clippy::cast_precision_loss, reason = "sizes of files, shown with one decimal")]
fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1_024.0
}
