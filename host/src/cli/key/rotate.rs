//! `greenroom key rotate ID`

use clap::Args;

use super::{Client, Failure, Global, Output, Whose, created};
use crate::runtime::KeyId;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The key's id, as `key list` shows it
    id: KeyId,
    #[command(flatten)]
    whose: Whose,
    /// How long the old key stays valid; 0 ends it at once
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    overlap_hours: u64,
}

pub(super) fn run(arguments: &Arguments, global: &Global, client: &Client, output: &Output) -> Result<(), Failure> {
    let owner = arguments.whose.owner(global);
    let overlap_s = arguments.overlap_hours.saturating_mul(3_600);
    let path = format!("{owner}/keys/{}:rotate?overlap_s={overlap_s}", arguments.id);
    created(&client.post(&path, None)?, output)
}
