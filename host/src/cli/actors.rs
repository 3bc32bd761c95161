//! `greenroom actors KIND`

use clap::Args;

use super::arguments;
use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::views;
use crate::vocab::Kind;

/// Actors in one request to the server.
const PAGE_ACTORS: u64 = 1_000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Of which kind
    #[arg(value_parser = arguments::kind)]
    kind: Kind,
    /// List keys after this one
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
    /// At most this many; else all
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

/// Prints pages as they come: text as `KEY  SEQUENCE`, JSON as one object per line.
pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let path = format!("actors/{}", arguments.kind);
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    let mut after = arguments.after.clone();
    let mut found = 0_u64;
    while left > 0 {
        let mut query = vec![("limit", left.min(PAGE_ACTORS).to_string())];
        query.extend(after.map(|after| ("after", after)));
        let page = client.get::<views::Actors>(&path, &query)?.view;
        for actor in &page.actors {
            print(actor, output)?;
            left = left.saturating_sub(1);
            found = found.saturating_add(1);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if found == 0 {
        output.note(&format!("no actor of kind {} has stored an event yet", arguments.kind));
    }
    Ok(())
}

fn print(actor: &views::Actor, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        output.json(&serde_json::json!({ "key": actor.key, "sequence": actor.sequence }))
    } else {
        output.line(&format!("{}\t{}", shown(&actor.key), actor.sequence))
    }
}

/// A key on one line of its own: control characters are escaped, so that no key can forge another line.
fn shown(key: &str) -> String {
    if key.chars().any(char::is_control) { key.escape_debug().to_string() } else { key.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_forge_lines() {
        assert_eq!(shown("a\nb\t7"), "a\\nb\\t7");
        assert_eq!(shown("ключ/1"), "ключ/1");
    }
}
