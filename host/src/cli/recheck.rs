//! `greenroom recheck KIND/KEY`

use clap::Args;

use super::arguments::Target;
use super::client::Client;
use super::failure::Failure;
use super::output::{Output, Tone};
use super::views;

#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 the state is what the events give; 1 it is not.")]
pub(super) struct Arguments {
    /// Which actor: KIND/KEY
    target: Target,
}

pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let raw = client.operate(&arguments.target, "recheck")?;
    let raw = String::from_utf8_lossy(&raw).into_owned();
    let recheck: views::Recheck = client.parse(&raw)?;
    if output.is_json() {
        output.line(&raw)?;
    } else {
        tell(arguments, &recheck, output)?;
    }
    if recheck.findings.is_empty() { Ok(()) } else { Err(Failure::Found) }
}

fn tell(arguments: &Arguments, recheck: &views::Recheck, output: &Output) -> Result<(), Failure> {
    let target = &arguments.target;
    for drift in &recheck.findings {
        let (code, sequence, after) = (&drift.code, drift.sequence, drift.after);
        let line = format!(
            "{} {code}  the snapshot of {target} at event {sequence} is not what its events give: they part after event {after}",
            output.paint(Tone::Bad, "drifted")
        );
        output.line(&line)?;
    }
    let (checked, unchecked) = (recheck.checked.len(), recheck.unchecked.len());
    let left_out = if unchecked == 0 { String::new() } else { format!("; {unchecked} could not be compared") };
    output.line(&format!("{target}: {checked} snapshots compared with the events{left_out}"))
}
