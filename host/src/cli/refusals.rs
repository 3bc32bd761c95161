//! `greenroom refusals [forget DIGEST]`

use clap::{Args, Subcommand};

use super::client::Client;
use super::failure::Failure;
use super::output::{Output, Tone};
use super::time::utc;
use super::views;
use crate::vocab::Digest;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Forget that a component failed: the next deploy of it tries again
    Forget {
        /// The component's digest, as the list and `greenroom check --json` show it
        #[arg(value_parser = digest)]
        digest: Digest,
    },
}

fn digest(text: &str) -> Result<Digest, String> {
    Digest::parse(text).ok_or_else(|| "a digest has 64 hexadecimal digits".to_owned())
}

/// Prints components that are known to fail, newest first, or forgets one.
pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    match &arguments.act {
        None => list(client, output),
        Some(Act::Forget { digest }) => forget(*digest, client, output),
    }
}

fn list(client: &Client, output: &Output) -> Result<(), Failure> {
    let answer = client.read::<views::Refusals>("-/refusals", &[])?;
    if output.is_json() {
        return output.line(&answer.raw);
    }
    if answer.view.refusals.is_empty() {
        output.note("no component is known to fail");
        return Ok(());
    }
    let rows: Vec<_> = answer.view.refusals.iter().map(row).collect();
    output.table(["DIGEST", "CODE", "WHEN", "UNTIL", "REASON"], &rows)
}

fn row(refusal: &views::Refusal) -> [String; 5] {
    let views::Refusal { digest, code, reason, at, expires_at } = refusal;
    let until = expires_at.map_or_else(|| "the host changes".to_owned(), utc);
    [digest.clone(), code.clone(), utc(*at), until, reason.replace('\n', " ")]
}

fn forget(digest: Digest, client: &Client, output: &Output) -> Result<(), Failure> {
    let body = client.delete(&format!("-/refusals/{digest}"))?;
    if output.is_json() {
        return output.line(&String::from_utf8_lossy(&body));
    }
    let view: views::Forgotten = client.parse(&String::from_utf8_lossy(&body))?;
    output.note(&if view.forgotten {
        format!("{} {digest}", output.paint(Tone::Good, "forgotten"))
    } else {
        "it was not known".to_owned()
    });
    Ok(())
}
