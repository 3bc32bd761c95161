//! `greenroom release KIND/KEY`

use clap::Args;

use crate::cli::arguments::Target;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, Tone};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Which actor: KIND/KEY
    target: Target,
}

/// Says so on standard error: there is no data.
pub(in crate::cli) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    client.operate(&arguments.target, "release")?;
    output.note(&format!("{} {}, untried", output.paint(Tone::Good, "released"), arguments.target));
    Ok(())
}
