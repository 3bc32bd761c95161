//! `greenroom events KIND/KEY`

use std::io::BufRead;

use clap::Args;

use super::arguments::Target;
use super::client::{Client, actor_path};
use super::failure::Failure;
use super::output::Output;
use super::time::utc;
use super::views;
use crate::vocab::Code;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which actor: KIND/KEY
    target: Target,
    /// The first event wanted
    #[arg(long, value_name = "SEQUENCE")]
    from: Option<u64>,
    /// At most this many
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Wait for new events
    #[arg(long, short)]
    follow: bool,
}

/// Prints events as they come; with `--json`, the server's lines as they are.
pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let path = format!("{}/events", actor_path(&arguments.target));
    for line in client.lines(&path, &query(arguments))?.lines() {
        let line = line.map_err(|error| Failure::new(Code::Unreachable, format!("the events broke off: {error}")))?;
        if let Some(failure) = Failure::from_document(&line) {
            return Err(failure);
        }
        output.line(&if output.is_json() { line } else { text(&client.parse(&line)?) })?;
    }
    Ok(())
}

fn query(arguments: &Arguments) -> Vec<(&'static str, String)> {
    let from = arguments.from.map(|from| ("from", from.to_string()));
    let limit = arguments.limit.map(|limit| ("limit", limit.to_string()));
    let follow = arguments.follow.then(|| ("follow", "true".to_owned()));
    from.into_iter().chain(limit).chain(follow).collect()
}

fn text(event: &views::Event) -> String {
    let views::Event { sequence, r#type, version, time, payload, skipped } = event;
    let skipped = if *skipped { "  (skipped)" } else { "" };
    format!("{sequence:>8}  {}  {type} v{version}  {payload}{skipped}", utc(*time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_readable_line() {
        let line =
            r#"{"sequence":7,"type":"incremented","version":1,"time":951782400000,"revision":1,"payload":{"by":1}}"#;
        let event = serde_json::from_str(line).unwrap();
        assert_eq!(text(&event), "       7  2000-02-29 00:00:00.000Z  incremented v1  {\"by\":1}");
        assert!(Failure::from_document(line).is_none());
    }
}
