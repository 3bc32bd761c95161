//! `greenroom purge KIND/KEY`

use std::io::{BufRead, IsTerminal, stdin};

use clap::Args;

use super::with_reason;
use crate::cli::arguments::Target;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, Tone};
use crate::vocab::Code;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Which actor: KIND/KEY
    target: Target,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Why; it is written into the actor's journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Asks first, unless told not to. Says so on standard error: there is no data.
pub(in crate::cli) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    if !arguments.yes && !confirmed(&arguments.target, output) {
        let detail = format!("{} was not purged: say its name again when asked, or give --yes", arguments.target);
        return Err(Failure::new(Code::InvalidRequest, detail));
    }
    client.operate(&arguments.target, &with_reason("purge", "confirm=true", arguments.reason.as_deref()))?;
    output.note(&format!("{} {}; its numbering goes on", output.paint(Tone::Good, "purged"), arguments.target));
    Ok(())
}

/// Whether the person at the terminal types the actor's name once more; nobody at a terminal confirms nothing.
fn confirmed(target: &Target, output: &Output) -> bool {
    if !stdin().is_terminal() {
        return false;
    }
    output.tell(&format!("This deletes all events and snapshots of {target} for good. Type {target} to go on:"));
    let mut line = String::new();
    stdin().lock().read_line(&mut line).is_ok_and(|_| line.trim() == target.to_string())
}
