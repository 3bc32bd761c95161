//! `greenroom key revoke ID`

use clap::Args;

use super::{Client, Failure, Global, Output, Whose};
use crate::cli::output::Tone;
use crate::runtime::KeyId;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The key's id, as `key list` shows it
    id: KeyId,
    #[command(flatten)]
    whose: Whose,
}

pub(super) fn run(arguments: &Arguments, global: &Global, client: &Client, output: &Output) -> Result<(), Failure> {
    let owner = arguments.whose.owner(global);
    let body = client.delete(&format!("{owner}/keys/{}", arguments.id))?;
    if output.is_json() {
        return output.line(&String::from_utf8_lossy(&body));
    }
    output.note(&format!("{} key {}", output.paint(Tone::Good, "revoked"), arguments.id));
    Ok(())
}
