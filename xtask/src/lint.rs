//! `cargo xtask lint`: what can be said of the code without running the product.

use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, run as run_command};

/// Checks formatting, clippy, documentation, dependencies and layers; stops at the first that fails.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("lint takes no argument, found {argument}");
    }
    let workspace = Workspace::load()?;
    println!("formatting");
    run_command("cargo fmt", &mut workspace.cargo(["fmt", "--all", "--check"]))?;
    println!("layers");
    // Of the whole workspace, because one package alone resolves other features and would compile wasmtime once more.
    run_command("the layers test", &mut workspace.cargo(["test", "--quiet", "--workspace", "--test", "layers"]))?;
    println!("clippy");
    let mut clippy = workspace.cargo(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    run_command("cargo clippy", &mut clippy)?;
    println!("documentation");
    let mut doc = workspace.cargo(["doc", "--quiet", "--workspace", "--no-deps"]);
    run_command("cargo doc", doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    check_dependencies(&workspace)?;
    println!("lint: nothing found");
    Ok(())
}

/// Runs cargo-deny where it is installed, and says so where it is not.
fn check_dependencies(workspace: &Workspace) -> Result<()> {
    let mut version = workspace.cargo(["deny", "--version"]);
    let is_installed =
        version.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !is_installed {
        println!("dependencies: not checked, cargo-deny is not installed (cargo install cargo-deny --locked)");
        return Ok(());
    }
    println!("dependencies");
    let rules = ["deny", "--workspace", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"];
    run_command("cargo deny", &mut workspace.cargo(rules))?;
    check_advisories(workspace)
}

/// Looks dependencies up in the list of known vulnerabilities; says so when the list cannot be fetched.
fn check_advisories(workspace: &Workspace) -> Result<()> {
    let output = workspace.cargo(["deny", "--workspace", "check", "advisories"]).output().context("cargo deny")?;
    let text = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        println!("advisories ok");
    } else if text.contains("failed to fetch advisory database") {
        println!("advisories: not checked, their database could not be fetched");
    } else {
        bail!("cargo deny found advisories:\n{text}");
    }
    Ok(())
}
