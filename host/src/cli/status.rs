//! `greenroom status KIND/KEY`

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
}

pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let answer = client.get::<views::Status>(&actor_path(&arguments.target), &[])?;
    output.line(&if output.is_json() { answer.raw } else { text(&arguments.target, &answer.view) })
}

fn text(target: &Target, status: &views::Status) -> String {
    let snapshot = status.snapshot_sequence.map_or_else(|| "none".to_owned(), |sequence| format!("at {sequence}"));
    let mut lines = vec![
        format!("actor     {target}"),
        format!("phase     {}", status.phase),
        format!("sequence  {}", status.sequence),
        format!("snapshot  {snapshot}"),
        format!("revision  {}", status.revision),
        format!("mailbox   {}", status.mailbox),
    ];
    if status.deleted_through > 0 {
        lines.push(format!("deleted   events through {}", status.deleted_through));
    }
    if !status.skipped_events.is_empty() {
        let skipped: Vec<String> = status.skipped_events.iter().map(u64::to_string).collect();
        lines.push(format!("skipped   events {}", skipped.join(", ")));
    }
    if ["quarantined", "restarting"].contains(&status.phase.as_str()) {
        lines.push(format!("trouble   `greenroom inspect {target}` says why"));
    }
    lines.extend(status.recovery.as_ref().map(recovery));
    lines.join("\n")
}

fn recovery(recovery: &views::Recovery) -> String {
    let views::Recovery { from_snapshot, events_done, events_total, events_per_second, elapsed_ms, remaining_ms } =
        recovery;
    let base = from_snapshot.map_or_else(String::new, |sequence| format!(" from the snapshot at {sequence}"));
    if *events_total == 0 {
        return format!("recovery  no events to replay{base}, {elapsed_ms:.1} ms");
    }
    let left = remaining_ms.map_or_else(String::new, |ms| format!(", {ms:.1} ms left"));
    format!(
        "recovery  {events_done} of {events_total} events{base} in {elapsed_ms:.1} ms, {events_per_second:.0} per second{left}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_in_progress_says_how_long_it_takes() {
        let status: views::Status = serde_json::from_str(
            r#"{"tenant":"default","kind":"counter","key":"c-1","sequence":900,"snapshot_sequence":null,
                "deleted_through":0,"revision":2,"phase":"replaying","mailbox":3,
                "recovery":{"events_done":300,"events_total":900,"events_per_second":30000.4,"elapsed_ms":10.25,"remaining_ms":20.5,"from_snapshot":600}}"#,
        )
        .unwrap();
        let text = text(&"counter/c-1".parse().unwrap(), &status);
        assert!(text.contains("snapshot  none"), "{text}");
        assert!(
            text.ends_with(
                "recovery  300 of 900 events from the snapshot at 600 in 10.2 ms, 30000 per second, 20.5 ms left"
            ),
            "{text}"
        );
    }
}
