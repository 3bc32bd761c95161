//! `greenroom tenant change NAME`

use clap::Args;

use super::{Client, Failure, Output, Properties, show, tenant};
use crate::vocab::Tenant;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which tenant
    #[arg(value_parser = tenant)]
    name: Tenant,
    #[command(flatten)]
    properties: Properties,
}

/// What is not named stays as it is.
pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    show(&client.patch(&arguments.name.to_string(), &arguments.properties.body())?, output)
}
