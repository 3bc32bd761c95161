//! `greenroom key …`: one file per verb.

mod create;
mod list;
mod revoke;
mod rotate;

use clap::{Args, Subcommand};

use super::arguments::Global;
use super::client::{Answer, Client};
use super::failure::Failure;
use super::output::{Output, Tone};
use super::time::utc;
use super::views;
use crate::vocab::Owner;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Create a key and print it, this once
    Create(create::Arguments),
    /// List keys: their ids, never the keys themselves
    List(list::Arguments),
    /// Replace a key; the old one stays valid for a while
    Rotate(rotate::Arguments),
    /// End a key now
    Revoke(revoke::Arguments),
}

/// Whose keys are meant.
#[derive(Debug, Clone, Copy, Args)]
struct Whose {
    /// Keys of the host, not of a tenant
    #[arg(long)]
    operator: bool,
}

impl Whose {
    fn owner(self, global: &Global) -> Owner {
        if self.operator { Owner::Host } else { Owner::Tenant(global.tenant.clone()) }
    }
}

/// `client` is made only if a server is asked.
pub(super) fn run(
    arguments: &Arguments,
    global: &Global,
    client: impl Fn() -> Result<Client, Failure>,
    output: &Output,
) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Create(arguments) => create::run(arguments, global, client, output),
        Verb::List(arguments) => list::run(*arguments, global, &client()?, output),
        Verb::Rotate(arguments) => rotate::run(arguments, global, &client()?, output),
        Verb::Revoke(arguments) => revoke::run(arguments, global, &client()?, output),
    }
}

/// The new key alone on standard output, so that it can be piped; what is to be said about it beside it.
fn created(answer: &Answer<views::NewKey>, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.line(&answer.raw);
    }
    let views::NewKey { key, view } = &answer.view;
    let end = view.expires_at.map_or_else(|| "does not end".to_owned(), |at| format!("ends {}", utc(at)));
    let scopes = view.scopes.join(", ");
    let made = output.paint(Tone::Good, "created");
    output.note(&format!("{made} key {} of {}: {scopes}; {end}. It is not shown again", view.id, of(&view.owner)));
    output.line(key)
}

fn of(owner: &str) -> String {
    if owner == "-" { "the host".to_owned() } else { format!("tenant {owner}") }
}
