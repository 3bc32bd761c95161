//! `greenroom trouble`

use clap::Args;

use crate::cli::arguments::Global;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::time::utc;
use crate::cli::views;
use crate::vocab::Owner;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Of all tenants; else of the tenant of --tenant
    #[arg(long)]
    operator: bool,
    /// Actors behind this one: the `next` of the page before
    #[arg(long, value_name = "TENANT/KIND/KEY")]
    after: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u64,
}

/// Prints the actors that are quarantined or failed lately.
pub(in crate::cli) fn run(
    arguments: &Arguments,
    global: &Global,
    client: &Client,
    output: &Output,
) -> Result<(), Failure> {
    let owner = if arguments.operator { Owner::Host } else { Owner::Tenant(global.tenant.clone()) };
    let mut query = vec![("limit", arguments.limit.to_string())];
    query.extend(arguments.after.clone().map(|after| ("after", after)));
    let answer = client.read::<views::Troubled>(&format!("{owner}/trouble"), &query)?;
    if output.is_json() {
        return output.line(&answer.raw);
    }
    if answer.view.actors.is_empty() {
        output.note("no actor is in trouble");
        return Ok(());
    }
    let rows: Vec<_> = answer.view.actors.iter().map(row).collect();
    output.table(["TENANT", "ACTOR", "PHASE", "FAILED", "TIMES", "SEQUENCE", "CAUSE"], &rows)?;
    if let Some(next) = &answer.view.next {
        output.note(&format!("there are more: --after {next}"));
    }
    Ok(())
}

fn row(actor: &views::TroubledActor) -> [String; 7] {
    let views::TroubledActor { tenant, kind, key, phase, failed_at, failures, code, message, sequence } = actor;
    let sequence = sequence.map_or_else(|| "-".to_owned(), |sequence| sequence.to_string());
    let cause = format!("{code} {message}");
    [
        tenant.clone(),
        format!("{kind}/{key}"),
        phase.clone(),
        utc(*failed_at),
        failures.to_string(),
        sequence,
        cause.replace('\n', " "),
    ]
}
