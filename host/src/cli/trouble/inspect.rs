//! `greenroom inspect KIND/KEY`

use clap::Args;

use crate::cli::arguments::Target;
use crate::cli::client::{Client, actor_path};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::time::utc;
use crate::cli::views;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Which actor: KIND/KEY
    target: Target,
}

pub(in crate::cli) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let path = format!("{}/trouble", actor_path(&arguments.target));
    let answer = client.get::<views::Trouble>(&path, &[])?;
    output.line(&if output.is_json() { answer.raw } else { text(&arguments.target, &answer.view) })
}

fn text(target: &Target, trouble: &views::Trouble) -> String {
    let mut lines = vec![format!("actor     {target}"), format!("phase     {}", trouble.phase)];
    lines.extend(trouble.quarantined_at.map(|at| format!("since     {}", utc(at))));
    lines.extend(trouble.retry_after_ms.map(|ms| format!("retry     in {ms} ms")));
    if let Some(cause) = &trouble.cause {
        let revision = cause.revision.map_or_else(String::new, |revision| format!(" (revision {revision})"));
        lines.push(format!("cause     {} {}{revision}", cause.code, cause.message));
        lines.extend(cause.event.as_ref().map(event));
        lines.extend(cause.command.as_ref().map(command));
    }
    lines.extend(trouble.failures.iter().map(|failure| format!("failed    {} {}", utc(failure.at), failure.code)));
    if !trouble.skipped_events.is_empty() {
        let skipped: Vec<String> = trouble.skipped_events.iter().map(u64::to_string).collect();
        lines.push(format!("skipped   events {}", skipped.join(", ")));
    }
    lines.push(format!("advice    {}", trouble.advice));
    lines.join("\n")
}

fn event(event: &views::PoisonEvent) -> String {
    if event.first != event.last {
        return format!("event     one of {} to {}", event.first, event.last);
    }
    let named = event.r#type.as_deref().unwrap_or("of an unknown type");
    let version = event.version.map_or_else(String::new, |version| format!(" v{version}"));
    let payload = event.payload.as_ref().map(|json| json.get().to_owned());
    let shown = payload.or_else(|| event.unreadable.clone()).unwrap_or_default();
    format!("event     {} {named}{version} {shown}", event.first)
}

fn command(command: &views::PoisonCommand) -> String {
    let payload = command.payload.as_ref().map(|json| json.get().to_owned());
    let hex = command.payload_hex.as_ref().map(|hex| format!("0x{hex}"));
    let shown = payload.or(hex).unwrap_or_default();
    format!("command   {} from {}, {} bytes {shown}", command.name, command.from, command.payload_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarantined_actor_says_at_what_it_fails_and_what_to_do() {
        let trouble: views::Trouble = serde_json::from_str(
            r#"{"tenant":"default","kind":"k","key":"a","phase":"quarantined","quarantined_at":951782400000,
                "retry_after_ms":null,"failures":[{"at":951782400000,"code":"GR0046","waited_ms":0}],
                "cause":{"code":"GR0046","message":"boom","revision":2,"sequence":7,"command":null,
                "event":{"first":7,"last":7,"type":"added","version":1,"payload":{"by":1},"unreadable":null}},
                "skipped_events":[3,5],"advice":"skip it"}"#,
        )
        .unwrap();
        let text = text(&"k/a".parse().unwrap(), &trouble);
        for part in [
            "since     2000-02-29",
            "GR0046 boom (revision 2)",
            "event     7 added v1 {\"by\":1}",
            "events 3, 5",
            "skip it",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
