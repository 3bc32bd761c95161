//! `greenroom audit`

use clap::Args;

use super::arguments::Global;
use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::time::utc;
use super::views;
use crate::vocab::Owner;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What concerns the host: tenants and the host's keys; else the tenant of --tenant
    #[arg(long)]
    operator: bool,
    /// Entries with numbers below this one
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u64,
}

/// Prints entries, the newest first.
pub(super) fn run(arguments: &Arguments, global: &Global, client: &Client, output: &Output) -> Result<(), Failure> {
    let owner = if arguments.operator { Owner::Host } else { Owner::Tenant(global.tenant.clone()) };
    let mut query = vec![("limit", arguments.limit.to_string())];
    query.extend(arguments.before.map(|before| ("before", before.to_string())));
    let answer = client.read::<views::Audit>(&format!("{owner}/audit"), &query)?;
    if output.is_json() {
        return output.line(&answer.raw);
    }
    if answer.view.entries.is_empty() {
        output.note("nothing was administered yet");
        return Ok(());
    }
    let rows: Vec<_> = answer.view.entries.iter().map(row).collect();
    output.table(["NUMBER", "WHEN", "WHO", "WHAT", "TARGET", "RESULT"], &rows)
}

fn row(entry: &views::AuditEntry) -> [String; 6] {
    let views::AuditEntry { number, at, who, what, target, result } = entry;
    [number.to_string(), utc(*at), who.clone(), what.clone(), target.clone(), result.clone()]
}
