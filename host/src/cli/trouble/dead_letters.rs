//! `greenroom dead-letters`

use clap::Args;

use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::time::utc;
use crate::cli::views;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Letters with numbers below this one
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u64,
}

/// Prints commands that nobody will handle, the newest first.
pub(in crate::cli) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let mut query = vec![("limit", arguments.limit.to_string())];
    query.extend(arguments.before.map(|before| ("before", before.to_string())));
    let answer = client.get::<views::DeadLetters>("dead-letters", &query)?;
    if output.is_json() {
        return output.line(&answer.raw);
    }
    if answer.view.letters.is_empty() {
        output.note("there are no dead letters");
        return Ok(());
    }
    let rows: Vec<_> = answer.view.letters.iter().map(row).collect();
    output.table(["NUMBER", "WHEN", "REASON", "CODE", "TO", "COMMAND", "FROM", "BYTES"], &rows)
}

fn row(letter: &views::DeadLetter) -> [String; 8] {
    let views::DeadLetter { number, at, reason, code, kind, key, command, from, payload_bytes } = letter;
    [
        number.to_string(),
        utc(*at),
        reason.clone(),
        code.clone(),
        format!("{kind}/{key}"),
        command.clone(),
        from.clone(),
        payload_bytes.to_string(),
    ]
}
