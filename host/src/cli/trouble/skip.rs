//! `greenroom skip KIND/KEY`

use clap::Args;

use super::with_reason;
use crate::cli::arguments::Target;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, Tone};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Which actor: KIND/KEY
    target: Target,
    /// Why; it is written into the actor's journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Says so on standard error: there is no data.
pub(in crate::cli) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    client.operate(&arguments.target, &with_reason("skip", "", arguments.reason.as_deref()))?;
    let skipped = output.paint(Tone::Good, "skipped");
    output.note(&format!("{skipped} what {} failed at; it comes back without it", arguments.target));
    Ok(())
}
