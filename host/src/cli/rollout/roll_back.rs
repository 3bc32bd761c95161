//! `greenroom rollback KIND`

use clap::Args;

use super::show::print;
use crate::api::encode_segment;
use crate::cli::arguments;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, Tone};
use crate::cli::views;
use crate::vocab::Kind;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Whose actors
    #[arg(value_parser = arguments::kind)]
    kind: Kind,
    /// To which revision; else from the candidate to the stable one, or from that to the one before
    #[arg(long, value_name = "N")]
    to: Option<u32>,
    /// Only say who could not go back, and why
    #[arg(long)]
    check: bool,
    /// Why; it is kept in the history
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

pub(in crate::cli) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let Arguments { kind, to, check, reason } = arguments;
    let mut query = Vec::new();
    query.extend(to.map(|to| format!("to={to}")));
    query.extend(check.then(|| "check=true".to_owned()));
    query.extend((!reason.is_empty()).then(|| format!("reason={}", encode_segment(reason))));
    let path = format!("{}/kinds/{kind}:rollback?{}", client.tenant(), query.join("&"));
    if !check {
        return print(&client.post::<views::Rollout>(&path, None)?, output);
    }
    let answer = client.post::<views::RollbackCheck>(&path, None)?;
    if output.is_json() {
        return output.line(&answer.raw);
    }
    let views::RollbackCheck { to, actors, stay, staying, advice } = answer.view;
    let verdict = match stay {
        0 => output.paint(Tone::Good, &format!("all {actors} actors can go back to revision {to}")),
        _ => output.paint(Tone::Bad, &format!("{stay} of {actors} actors cannot go back to revision {to}")),
    };
    output.note(&verdict);
    for line in &advice {
        output.note(&format!("  {line}"));
    }
    if staying.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = staying.into_iter().map(|staying| [staying.key, staying.why]).collect();
    output.table(["KEY", "WHY"], &rows)
}
