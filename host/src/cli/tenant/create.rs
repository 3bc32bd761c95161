//! `greenroom tenant create NAME`

use clap::Args;

use super::{Client, Failure, Output, Properties, show, tenant};
use crate::vocab::Tenant;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Its name, as it stands in paths
    #[arg(value_parser = tenant)]
    name: Tenant,
    #[command(flatten)]
    properties: Properties,
}

pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    show(&client.put(&arguments.name.to_string(), &arguments.properties.body())?, output)
}
