//! `greenroom key list`

use clap::Args;

use super::{Client, Failure, Global, Output, Whose, of};
use crate::cli::time::utc;
use crate::cli::views;

#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    whose: Whose,
}

pub(super) fn run(arguments: Arguments, global: &Global, client: &Client, output: &Output) -> Result<(), Failure> {
    let owner = arguments.whose.owner(global);
    let answer = client.read::<views::Keys>(&format!("{owner}/keys"), &[])?;
    if output.is_json() {
        return output.line(&answer.raw);
    }
    if answer.view.keys.is_empty() {
        output.note(&format!("{} has no keys", of(&owner.to_string())));
        return Ok(());
    }
    let rows: Vec<_> = answer.view.keys.iter().map(row).collect();
    output.table(["ID", "NAME", "SCOPES", "CREATED", "LAST USED", "END"], &rows)
}

fn row(key: &views::Key) -> [String; 6] {
    let end = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", utc(at)),
        (None, Some(at)) => utc(at),
        (None, None) => "never".to_owned(),
    };
    let used = key.last_used.map_or_else(|| "never".to_owned(), utc);
    [key.id.clone(), key.name.clone(), key.scopes.join(","), utc(key.created_at), used, end]
}
