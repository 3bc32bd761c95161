//! `greenroom rollout KIND`

use std::time::Duration;

use clap::Args;

use crate::cli::arguments;
use crate::cli::client::{Answer, Client};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::time::utc;
use crate::cli::views;
use crate::vocab::Kind;

/// How often it is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Whose
    #[arg(value_parser = arguments::kind)]
    kind: Kind,
    /// Print how far it is again and again, until it has ended
    #[arg(long)]
    follow: bool,
}

pub(in crate::cli) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let look = || client.get::<views::Rollout>(&format!("kinds/{}/rollout", arguments.kind), &[]);
    if !arguments.follow {
        return print(&look()?, output);
    }
    let mut last = String::new();
    loop {
        let answer = look()?;
        let line = if output.is_json() { answer.raw.clone() } else { summary(&answer.view) };
        if line != last {
            output.line(&line)?;
            last = line;
        }
        if answer.view.candidate.is_none() && answer.view.behind == 0 {
            return Ok(());
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Where a rollout is, in one line.
fn summary(view: &views::Rollout) -> String {
    let live: Vec<String> = view.live.iter().map(|live| format!("{} on {}", live.actors, live.revision)).collect();
    let live = if live.is_empty() { "none live".to_owned() } else { live.join(", ") };
    let candidate = view.candidate.as_ref().map_or_else(String::new, |candidate| {
        let whom = match candidate.percent {
            Some(percent) => format!("{percent} %"),
            None => format!("{} actors by name", candidate.actors.len()),
        };
        let paused = if candidate.paused { ", paused" } else { "" };
        format!("; revision {} for {whom}{paused}", candidate.revision)
    });
    let figures =
        format!("{} behind, {} moved, {} failed, {} held", view.behind, view.moved, view.failed, view.held_actors);
    format!("{}: stable {}{candidate}; {live}; {figures}", view.kind, view.stable)
}

/// Prints a rollout for people or scripts.
pub(super) fn print(answer: &Answer<views::Rollout>, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.line(&answer.raw);
    }
    let view = &answer.view;
    output.line(&summary(view))?;
    if let Some(pause) = &view.pause {
        let (p50, p99, max) = (pause.p50_ms, pause.p99_ms, pause.max_ms);
        output.line(&format!(
            "live actors paused for {p50:.2} ms (half of them), {p99:.2} ms (99 %), {max:.2} ms (the longest)"
        ))?;
    }
    if !view.held.is_empty() {
        let rows: Vec<_> = view.held.iter().map(row_of_held).collect();
        output.table(["HELD", "REFUSED BY", "STAYS ON", "CODE", "REASON"], &rows)?;
    }
    if view.history.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = view.history.iter().map(row_of_entry).collect();
    output.table(["WHEN", "WHAT", "REVISION", "WHO", "WHY"], &rows)
}

fn row_of_held(held: &views::HeldActor) -> [String; 5] {
    let views::HeldActor { key, refused, on, code, reason } = held;
    [key.clone(), refused.to_string(), on.to_string(), code.clone(), reason.replace('\n', " ")]
}

fn row_of_entry(entry: &views::RolloutEntry) -> [String; 5] {
    let views::RolloutEntry { at, what, revision, percent, who, why } = entry;
    let what = percent.map_or_else(|| what.clone(), |percent| format!("{what} {percent} %"));
    let who = if who.is_empty() { "the host" } else { who.as_str() };
    [utc(*at), what, revision.to_string(), who.to_owned(), why.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_reads_as_one_line() {
        let view: views::Rollout = serde_json::from_str(
            r#"{"kind": "k", "stable": 1, "candidate": {"revision": 2, "percent": 1.5, "actors": [], "paused": true},
                "live": [{"revision": 1, "actors": 3}, {"revision": 2, "actors": 1}], "behind": 1, "moved": 2, "tried": 1,
                "failed": 0, "pause": null, "held_actors": 0, "held": [], "history": []}"#,
        )
        .unwrap();
        let expected = "k: stable 1; revision 2 for 1.5 %, paused; 3 on 1, 1 on 2; 1 behind, 2 moved, 0 failed, 0 held";
        assert_eq!(summary(&view), expected);
    }
}
