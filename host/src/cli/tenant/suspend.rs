//! `greenroom tenant suspend NAME`

use clap::Args;

use super::{Client, Failure, Output, show, tenant};
use crate::vocab::Tenant;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which tenant
    #[arg(value_parser = tenant)]
    name: Tenant,
}

pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    show(&client.post(&format!("{}:suspend", arguments.name), None)?, output)
}
