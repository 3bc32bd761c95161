//! `cargo xtask conformance`: every promise of a provider beside every provider that ships.

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, run as run_command};

/// The test of the host that runs every check on every provider and writes the table.
const TEST: &str = "provider::conformance::shipped::every_promise_on_every_provider";
/// Where that test is told to write it.
const VARIABLE: &str = "GREENROOM_CONFORMANCE_TABLE";

/// Runs the checks and prints the table; fails when a promise is broken or a gap has no reason.
#[expect(clippy::disallowed_methods, reason = "the report lies in the target directory")]
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("conformance takes no argument, found {argument}");
    }
    let workspace = Workspace::load()?;
    let file = workspace.target.join("conformance.txt");
    // Of the whole workspace, because one package alone resolves other features and would compile wasmtime once more.
    let mut test = workspace.cargo(["test", "--quiet", "--workspace", "--lib", "--", "--ignored", "--exact", TEST]);
    test.env(VARIABLE, &file);
    if file.exists() {
        std::fs::remove_file(&file).with_context(|| format!("{} could not be removed", file.display()))?;
    }
    let outcome = run_command("the conformance checks", &mut test);
    match std::fs::read_to_string(&file) {
        Ok(table) => print!("{table}"),
        Err(_) if outcome.is_err() => {}
        Err(error) => return Err(error).with_context(|| format!("{} was not written", file.display())),
    }
    outcome
}
