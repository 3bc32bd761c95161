//! `greenroom state KIND/KEY [--at N]`

use clap::Args;

use super::arguments::Target;
use super::client::{Client, actor_path};
use super::failure::Failure;
use super::output::Output;
use super::views;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which actor: KIND/KEY
    target: Target,
    /// As it was after this event
    #[arg(long, value_name = "SEQUENCE")]
    at: Option<u64>,
}

/// Prints the state alone; with `--json`, as the server answers.
pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let query: Vec<_> = arguments.at.map(|at| ("at", at.to_string())).into_iter().collect();
    let answer = client.get::<views::State>(&format!("{}/state", actor_path(&arguments.target)), &query)?;
    if output.is_json() {
        return output.line(&answer.raw);
    }
    let views::State { sequence, revision, state } = answer.view;
    output.note(&format!("{} after event {sequence}, revision {revision}:", arguments.target));
    output.line(&serde_json::to_string_pretty(&state).unwrap_or(answer.raw))
}
