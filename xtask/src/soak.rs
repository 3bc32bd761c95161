//! `cargo xtask soak`: hostile tenants beside an honest one, for as many calls as one wants, with the figures.

use anyhow::{Context, Result, bail};

use crate::guests;
use crate::workspace::{Workspace, run as run_command};

/// The test that does it; it is left out of ordinary runs.
const SOAK: &str = "soak::hostile_tenants_change_no_answer_and_keep_no_memory";
const CALLS: &str = "GREENROOM_SOAK_CALLS";
/// Hostile calls unless the caller says otherwise.
const CALLS_DEFAULT: &str = "10000";

/// Makes `--calls N` hostile calls.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let calls = match arguments {
        [] => CALLS_DEFAULT,
        [name, calls] if name == "--calls" => calls.as_str(),
        _ => bail!("soak takes --calls N"),
    };
    calls.parse::<u64>().with_context(|| format!("--calls needs a number, found {calls}"))?;
    let workspace = Workspace::load()?;
    guests::build(&workspace)?;
    workspace.build_server()?;
    // All packages take part, so that the features, and with them the compiled dependencies, are those of the test run.
    let mut command = workspace.cargo(["test", "--quiet", "--workspace", "--test", "e2e", "--", SOAK]);
    command.args(["--exact", "--nocapture", "--include-ignored"]).env(CALLS, calls);
    command.env("GREENROOM_GUESTS", workspace.guests_dir()).env("GREENROOM_BIN", workspace.server_binary());
    run_command("the soak", &mut command)
}
