//! `cargo xtask crash`: the crash suite of the log over as many seeds as one wants, with its figures.

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, run as run_command};

/// The test that does it; it is left out of ordinary runs.
const CAMPAIGN: &str = "provider::log::tests::campaign::campaign";
const SEEDS: &str = "GREENROOM_CRASH_SEEDS";
const SEED: &str = "GREENROOM_CRASH_SEED";
const KILLS: &str = "GREENROOM_CRASH_KILLS";

/// Runs `--seeds N` seeds, beginning with `--seed S` (without either, the first one), and `--kills N` rounds of `kill -9`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut settings = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let name = match argument.as_str() {
            "--seeds" => SEEDS,
            "--seed" => SEED,
            "--kills" => KILLS,
            other => bail!("crash takes --seeds N, --seed S and --kills N, found {other}"),
        };
        let value = rest.next().with_context(|| format!("{argument} needs a number"))?;
        value.parse::<u64>().with_context(|| format!("{argument} needs a number, found {value}"))?;
        settings.push((name, value));
    }
    let workspace = Workspace::load()?;
    // All packages take part, so that the features, and with them the compiled dependencies, are those of the test run.
    let mut command = workspace.cargo(["test", "--quiet", "--workspace", "--lib", "--", CAMPAIGN]);
    command.args(["--exact", "--ignored", "--nocapture"]).envs(settings);
    run_command("the crash suite", &mut command)
}
