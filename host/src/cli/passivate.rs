//! `greenroom passivate KIND/KEY`

use clap::Args;

use super::arguments::Target;
use super::client::Client;
use super::failure::Failure;
use super::output::Output;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which actor: KIND/KEY
    target: Target,
}

/// Says so on standard error: there is no data.
pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    client.operate(&arguments.target, "passivate")?;
    output.note(&format!("{} becomes passive after the commands that are queued", arguments.target));
    Ok(())
}
