//! `cargo xtask fuzz`: every target on changed seeds, without a fuzzer and for as long as one wants.

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, run as run_command};

/// The test that does it; an ordinary run of the tests takes less than a second for each target.
const MUTATIONS: &str = "fuzzing::tests::what_is_made_from_seeds_holds";
const SECONDS: &str = "GREENROOM_FUZZ_SECONDS";
const SEED: &str = "GREENROOM_FUZZ_SEED";
/// Seconds for each target unless the caller says otherwise.
const SECONDS_DEFAULT: &str = "30";

/// Tries each target for `--seconds N`, with the inputs of `--seed S`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut settings = vec![(SECONDS, SECONDS_DEFAULT)];
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let name = match argument.as_str() {
            "--seconds" => SECONDS,
            "--seed" => SEED,
            other => bail!("fuzz takes --seconds N and --seed S, found {other}"),
        };
        let value = rest.next().with_context(|| format!("{argument} needs a number"))?;
        value.parse::<u64>().with_context(|| format!("{argument} needs a number, found {value}"))?;
        settings.push((name, value));
    }
    let workspace = Workspace::load()?;
    // All packages take part, so that the features, and with them the compiled dependencies, are those of the test run.
    let mut command = workspace.cargo(["test", "--quiet", "--workspace", "--lib", "--", MUTATIONS]);
    command.args(["--exact", "--nocapture"]).envs(settings);
    run_command("the fuzzing", &mut command)
}
