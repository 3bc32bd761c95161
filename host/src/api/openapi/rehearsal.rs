//! The shape of a rehearsal's lines.

use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, Schema};

use super::shapes::Presence::{Always, Sometimes};
use super::shapes::{anything, list, number, object, reference, switch, text};

/// Names and shapes.
pub(super) fn named() -> Vec<(&'static str, Schema)> {
    vec![
        ("RehearsedCommand", command()),
        ("RehearsalLine", line()),
        ("RehearsalFailure", failure()),
        ("Difference", difference()),
    ]
}

fn one_of<const N: usize>(values: [&str; N]) -> Schema {
    Schema::Object(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values)).build())
}

fn line() -> Schema {
    let numbers = [
        "active_revision",
        "actors_of_kind",
        "actors_total",
        "actors",
        "same",
        "differs",
        "cannot_replay",
        "too_slow",
        "active_fails",
        "not_looked_at",
        "findings_untold",
        "commands_same",
        "commands_differ",
        "commands_passed_over",
        "notes",
        "notes_untold",
        "events",
        "active_ms",
        "candidate_ms",
        "elapsed_ms",
        "remaining_ms",
        "sequence",
        "snapshot",
        "differences_untold",
        "limit_ms",
    ];
    let texts = ["tenant", "kind", "active_digest", "candidate_digest", "chosen", "after", "key", "what"];
    let mut members = vec![
        ("type", Always, one_of(["start", "progress", "finding", "note", "summary"]).into()),
        (
            "verdict",
            Sometimes,
            one_of(["answers_differ", "differs", "cannot_replay", "too_slow", "active_fails", "not_looked_at"]).into(),
        ),
        ("from", Sometimes, one_of(["snapshot", "first", "both"]).into()),
        ("note", Sometimes, one_of(["snapshot_passed_over", "drifted"]).into()),
        ("differences", Sometimes, list(reference("Difference"))),
        ("candidate", Sometimes, reference("RehearsalFailure")),
        ("active", Sometimes, reference("RehearsalFailure")),
        ("command", Sometimes, reference("RehearsedCommand")),
        ("commands", Sometimes, anything("In the start: whether commands are handled again; elsewhere: how many.")),
        ("all_same", Sometimes, switch(Some("Every actor that was looked at came out the same.")).into()),
    ];
    members.extend(numbers.map(|name| (name, Sometimes, number(None).into())));
    members.extend(texts.map(|name| (name, Sometimes, text(None).into())));
    object(members)
}

fn command() -> Schema {
    object(vec![
        ("name", Always, text(None).into()),
        ("time", Always, number(Some("When it was handled, milliseconds since 1970.")).into()),
        ("from", Always, text(Some("Who sent it, in words.")).into()),
        ("payload", Always, text(Some("JSON, cut if it is long.")).into()),
    ])
}

fn failure() -> Schema {
    object(vec![
        ("code", Always, text(None).into()),
        ("reason", Always, text(None).into()),
        ("event", Sometimes, number(Some("The event at which it failed, or the first of those it may be.")).into()),
        ("event_last", Sometimes, number(Some("The last of those it may be.")).into()),
        ("event_type", Sometimes, text(Some("Type and version of the event, `name v1`.")).into()),
    ])
}

fn difference() -> Schema {
    object(vec![
        ("path", Always, text(Some("A JSON pointer; empty: the whole.")).into()),
        (
            "old",
            Sometimes,
            text(Some("JSON of the active revision, cut if it is long; none: nothing is there.")).into(),
        ),
        ("new", Sometimes, text(Some("JSON of the candidate.")).into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::RehearsalLine;
    use std::collections::BTreeSet;

    /// One line of each type with every member.
    const LINES: &[&str] = &[
        r#"{"type":"start","tenant":"t","kind":"k","active_revision":1,"active_digest":"a","candidate_digest":"b",
            "chosen":"all","from":"both","commands":true,"after":"x","actors_of_kind":1,"actors_total":1}"#,
        r#"{"type":"progress","after":"x","actors_total":1,"actors":1,"same":1,"differs":0,"cannot_replay":0,"too_slow":0,
            "active_fails":0,"not_looked_at":0,"findings_untold":0,"commands":0,"commands_same":0,"commands_differ":0,"commands_passed_over":0,
            "notes":0,"notes_untold":0,"events":1,"active_ms":1,
            "candidate_ms":1,"elapsed_ms":1,"remaining_ms":1}"#,
        r#"{"type":"finding","key":"x","sequence":1,"verdict":"differs","from":"first","snapshot":1,
            "command":{"name":"c","time":1,"from":"client","payload":"1"},"differences":[{"path":"","old":"1","new":"2"}],"differences_untold":1,
            "candidate":{"code":"GR0046","reason":"r","event":1,"event_last":2,"event_type":"e v1"},
            "active":{"code":"GR0046","reason":"r"},"active_ms":1,"candidate_ms":1,"limit_ms":1}"#,
        r#"{"type":"note","key":"x","note":"drifted","snapshot":1,"what":"w"}"#,
        r#"{"type":"summary","all_same":true,"actors":1,"elapsed_ms":1}"#,
    ];

    #[test]
    fn every_member_of_a_line_is_documented() {
        let schema = serde_json::to_value(line()).unwrap();
        let documented: BTreeSet<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        let mut told = BTreeSet::new();
        for text in LINES {
            // Read as a line and written again: a member that is not one would be missing afterwards.
            let line: RehearsalLine = serde_json::from_str(text).unwrap();
            let value = serde_json::to_value(&line).unwrap();
            assert_ne!(value["type"], "other");
            told.extend(value.as_object().unwrap().keys().cloned());
        }
        assert_eq!(told, documented);
    }
}
