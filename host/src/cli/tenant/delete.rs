//! `greenroom tenant delete NAME`

use clap::Args;

use super::{Client, Failure, Output, tenant};
use crate::cli::output::Tone;
use crate::vocab::Tenant;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which tenant
    #[arg(value_parser = tenant)]
    name: Tenant,
    /// Also if it has actors: their events and snapshots are lost
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let force = if arguments.force { "?force=true" } else { "" };
    client.delete(&format!("{}{force}", arguments.name))?;
    output.note(&format!("{} {}", output.paint(Tone::Good, "deleted"), arguments.name));
    Ok(())
}
