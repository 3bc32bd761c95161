//! `greenroom snapshot KIND/KEY`

use clap::Args;

use super::arguments::Target;
use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::views;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which actor: KIND/KEY
    target: Target,
}

pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let raw = client.operate(&arguments.target, "snapshot")?;
    let raw = String::from_utf8_lossy(&raw).into_owned();
    let taken: views::SnapshotTaken = client.parse(&raw)?;
    if output.is_json() {
        return output.line(&raw);
    }
    output.line(&format!("snapshot of {} at event {}", arguments.target, taken.snapshot_sequence))
}
