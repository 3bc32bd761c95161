//! `greenroom kinds [KIND]`

use clap::Args;
use serde_json::json;

use super::arguments::{self, Global};
use super::client::Client;
use super::failure::Failure;
use super::output::{Output, Tone, size};
use super::time::utc;
use super::views;
use crate::runtime::{KeptView, KeptWhat};
use crate::vocab::Kind;

/// Enough of a digest to tell revisions apart.
const DIGEST_DIGITS: usize = 12;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The revisions of this kind; else every kind
    #[arg(value_parser = arguments::kind)]
    kind: Option<Kind>,
    /// Ask the journals as well what is kept of each revision
    #[arg(long, requires = "kind")]
    usage: bool,
    /// Remove a revision that nobody needs
    #[arg(long, value_name = "REVISION", requires = "kind", conflicts_with = "usage")]
    remove: Option<u32>,
}

pub(super) fn run(arguments: &Arguments, global: &Global, client: &Client, output: &Output) -> Result<(), Failure> {
    match (&arguments.kind, arguments.remove) {
        (None, _) => kinds(client, output),
        (Some(kind), None) => revisions(kind, arguments.usage, client, output),
        (Some(kind), Some(revision)) => remove(kind, revision, global, client, output),
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

fn revisions(kind: &Kind, usage: bool, client: &Client, output: &Output) -> Result<(), Failure> {
    let query = if usage { vec![("usage", "true".to_owned())] } else { Vec::new() };
    let answer = client.get::<views::Revisions>(&format!("kinds/{kind}"), &query)?;
    if output.is_json() {
        return output.line(&answer.raw);
    }
    let rows = answer.view.revisions.iter().map(row);
    if !usage {
        return output
            .table(["REVISION", "IS", "LIVE", "STATE", "DEPLOYED", "SIZE", "DIGEST"], &rows.collect::<Vec<_>>());
    }
    let kept = answer.view.revisions.iter().map(|revision| revision.kept.as_ref().map(kept).unwrap_or_default());
    let rows: Vec<_> = rows.zip(kept).map(|([a, b, c, d, e, f, g], kept)| [a, b, c, d, e, f, g, kept]).collect();
    output.table(["REVISION", "IS", "LIVE", "STATE", "DEPLOYED", "SIZE", "DIGEST", "KEPT"], &rows)
}

fn remove(kind: &Kind, revision: u32, global: &Global, client: &Client, output: &Output) -> Result<(), Failure> {
    client.delete(&format!("{}/kinds/{kind}/revisions/{revision}", global.tenant))?;
    if output.is_json() {
        return output.json(&json!({ "kind": kind.as_str(), "removed": revision }));
    }
    output.note(&output.paint(Tone::Good, "removed"));
    output.line(&format!("{kind} revision {revision}"))
}

fn row(revision: &views::Revision) -> [String; 7] {
    let is = match (revision.active, revision.candidate) {
        (true, true) => "active, candidate",
        (true, false) => "active",
        (false, true) => "candidate",
        (false, false) => "",
    };
    [
        revision.revision.to_string(),
        is.to_owned(),
        revision.live_actors.to_string(),
        format!("v{}", revision.manifest.state_version),
        utc(revision.deployed_at),
        size(revision.component_bytes),
        revision.digest.chars().take(DIGEST_DIGITS).collect(),
    ]
}

/// What is kept of a revision, in a few words.
fn kept(kept: &KeptView) -> String {
    let actor = kept.actor.as_deref().unwrap_or_default();
    let at = kept.sequence.unwrap_or_default();
    match kept.what {
        KeptWhat::Nothing => "nothing".to_owned(),
        KeptWhat::Frame => format!("events of {actor} from {at} on"),
        KeptWhat::Snapshot => format!("snapshot of {actor} at {at}"),
        KeptWhat::Unknown => format!("unknown: {actor} cannot be read"),
    }
}

fn commands(revision: &views::Revision) -> String {
    let names: Vec<&str> = revision.manifest.commands.iter().map(|command| command.name.as_str()).collect();
    names.join(", ")
}
