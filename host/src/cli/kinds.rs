//! `greenroom kinds [KIND]`

use clap::Args;

use super::arguments;
use super::client::Client;
use super::failure::Failure;
use super::output::{Output, size};
use super::time::utc;
use super::views;
use crate::vocab::Kind;

/// Enough of a digest to tell revisions apart.
const DIGEST_DIGITS: usize = 12;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The revisions of this kind; else every kind
    #[arg(value_parser = arguments::kind)]
    kind: Option<Kind>,
}

pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    match &arguments.kind {
        None => kinds(client, output),
        Some(kind) => revisions(kind, client, output),
    }
}

fn kinds(client: &Client, output: &Output) -> Result<(), Failure> {
    let answer = client.get::<views::Kinds>("kinds", &[])?;
    if output.is_json() {
        return output.line(&answer.raw);
    }
    let kinds = answer.view.kinds;
    if kinds.is_empty() {
        output.note("nothing is deployed yet; greenroom deploy KIND FILE does");
        return Ok(());
    }
    let rows: Vec<_> =
        kinds.iter().map(|kind| [kind.kind.clone(), kind.revision.to_string(), commands(kind)]).collect();
    output.table(["KIND", "REVISION", "COMMANDS"], &rows)
}

fn revisions(kind: &Kind, client: &Client, output: &Output) -> Result<(), Failure> {
    let answer = client.get::<views::Revisions>(&format!("kinds/{kind}"), &[])?;
    if output.is_json() {
        return output.line(&answer.raw);
    }
    let rows: Vec<_> = answer.view.revisions.iter().map(row).collect();
    output.table(["REVISION", "ACTIVE", "DEPLOYED", "SIZE", "DIGEST"], &rows)
}

fn row(revision: &views::Revision) -> [String; 5] {
    [
        revision.revision.to_string(),
        if revision.active { "yes" } else { "" }.to_owned(),
        utc(revision.deployed_at),
        size(revision.component_bytes),
        revision.digest.chars().take(DIGEST_DIGITS).collect(),
    ]
}

fn commands(revision: &views::Revision) -> String {
    let names: Vec<&str> = revision.manifest.commands.iter().map(|command| command.name.as_str()).collect();
    names.join(", ")
}
