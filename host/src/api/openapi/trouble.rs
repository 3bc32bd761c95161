//! The shapes of what is said of actors in trouble, and of dead letters.

use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use super::schemas::phase;
use super::shapes::Presence::Always;
use super::shapes::{Member, anything, list, nullable_number, number, object, reference, text, typed, with_members};

/// Names and shapes.
pub(super) fn named() -> Vec<(&'static str, Schema)> {
    vec![
        ("Trouble", trouble()),
        ("TroubleCause", cause()),
        ("PoisonEvent", event()),
        ("PoisonCommand", command()),
        ("Troubled", troubled()),
        ("DeadLetters", object(vec![("letters", Always, list(reference("DeadLetter")))])),
        ("DeadLetter", dead_letter()),
    ]
}

fn trouble() -> Schema {
    let failure = object(vec![
        ("at", Always, number(Some("Milliseconds since the Unix epoch.")).into()),
        ("code", Always, text(None).into()),
        ("waited_ms", Always, number(Some("The pause before the next try.")).into()),
    ]);
    object(vec![
        ("tenant", Always, text(None).into()),
        ("kind", Always, text(None).into()),
        ("key", Always, text(None).into()),
        ("phase", Always, phase().into()),
        ("quarantined_at", Always, nullable_number("Since when; null: it is not quarantined.")),
        ("retry_after_ms", Always, nullable_number("When it is tried again, from now on.")),
        ("failures", Always, list(failure.into())),
        ("cause", Always, reference("TroubleCause")),
        ("skipped_events", Always, list(number(None).into())),
        ("advice", Always, text(Some("What can be done.")).into()),
    ])
}

fn cause() -> Schema {
    nullable(vec![
        ("code", Always, text(None).into()),
        ("message", Always, text(None).into()),
        ("revision", Always, nullable_number("The revision that failed; null: none ran.")),
        ("sequence", Always, nullable_number("The event, or the last one before the command.")),
        ("event", Always, reference("PoisonEvent")),
        ("command", Always, reference("PoisonCommand")),
    ])
}

fn event() -> Schema {
    nullable(vec![
        ("first", Always, number(Some("Its number, or the first of those it may be.")).into()),
        ("last", Always, number(Some("The last of those it may be.")).into()),
        ("type", Always, nullable_text("Its type; null: it cannot be read.")),
        ("version", Always, nullable_number("Its type's version.")),
        ("payload", Always, anything("As the component renders it; null: it cannot.")),
        ("unreadable", Always, nullable_text("Why it cannot be shown.")),
    ])
}

fn command() -> Schema {
    let mut members = vec![
        ("name", Always, text(None).into()),
        ("from", Always, text(Some("Who sent it.")).into()),
        ("idempotency_key", Always, nullable_text("If a client gave one.")),
    ];
    members.extend(payload());
    nullable(members)
}

fn troubled() -> Schema {
    let actor = object(vec![
        ("tenant", Always, text(None).into()),
        ("kind", Always, text(None).into()),
        ("key", Always, text(None).into()),
        ("phase", Always, phase().into()),
        ("failed_at", Always, number(Some("When it failed last.")).into()),
        ("failures", Always, number(Some("How many are remembered.")).into()),
        ("code", Always, text(None).into()),
        ("message", Always, text(None).into()),
        ("sequence", Always, nullable_number("The number to look at.")),
    ]);
    object(vec![
        ("actors", Always, list(actor.into())),
        ("next", Always, nullable_text("The `after` of the next page.")),
    ])
}

fn dead_letter() -> Schema {
    let mut members = vec![
        ("number", Always, number(Some("Never used again.")).into()),
        ("at", Always, number(Some("Milliseconds since the Unix epoch.")).into()),
        ("reason", Always, text(Some("Why it is dead.")).into()),
        ("code", Always, text(None).into()),
        ("message", Always, text(None).into()),
        ("kind", Always, text(Some("Of its receiver.")).into()),
        ("key", Always, text(Some("Of its receiver.")).into()),
        ("command", Always, text(None).into()),
        ("from", Always, text(Some("Who sent it.")).into()),
    ];
    members.extend(payload());
    object(members)
}

fn payload() -> [Member; 4] {
    [
        ("payload_bytes", Always, number(Some("As it was sent.")).into()),
        ("payload_digest", Always, text(Some("BLAKE3, hexadecimal.")).into()),
        ("payload", Always, anything("If it is JSON and was kept whole.")),
        ("payload_hex", Always, nullable_text("What was kept of it, if it is anything else.")),
    ]
}

pub(super) fn nullable(members: Vec<Member>) -> Schema {
    let types = SchemaType::Array(vec![Type::Object, Type::Null]);
    Schema::Object(with_members(ObjectBuilder::new().schema_type(types), members).build())
}

pub(super) fn nullable_text(about: &str) -> RefOr<Schema> {
    RefOr::T(typed(SchemaType::Array(vec![Type::String, Type::Null]), Some(about)))
}

#[cfg(test)]
mod tests {
    use super::super::schemas::tests::check;
    use crate::runtime::{
        CauseView, DeadLetterView, DeadReason, FailureView, Phase, PoisonCommandView, PoisonEventView, TroubleListing,
        TroubleView,
    };
    use crate::vocab::{Sequence, Timestamp};

    #[test]
    fn what_is_said_of_trouble_has_the_members_that_are_documented() {
        let event = PoisonEventView {
            first: Sequence(1),
            last: Sequence(1),
            event_type: None,
            version: None,
            payload: None,
            unreadable: None,
        };
        let command = PoisonCommandView {
            name: "c".into(),
            from: "client".into(),
            idempotency_key: None,
            payload_bytes: 0,
            payload_digest: String::new(),
            payload: None,
            payload_hex: None,
        };
        let cause = CauseView {
            code: "GR0046".into(),
            message: "m".into(),
            revision: None,
            sequence: None,
            event: Some(event),
            command: Some(command),
        };
        let view = TroubleView {
            tenant: "t".into(),
            kind: "k".into(),
            key: "a".into(),
            phase: Phase::Quarantined,
            quarantined_at: None,
            retry_after_ms: None,
            failures: vec![FailureView { at: Timestamp(0), code: "c".into(), waited_ms: 0 }],
            cause: Some(cause),
            skipped_events: Vec::new(),
            advice: String::new(),
        };
        check("Trouble", view);
        let listing = TroubleListing {
            tenant: "t".into(),
            kind: "k".into(),
            key: "a".into(),
            phase: Phase::Restarting,
            failed_at: Timestamp(0),
            failures: 1,
            code: "c".into(),
            message: "m".into(),
            sequence: None,
        };
        check("Troubled", serde_json::json!({ "actors": [listing], "next": null }));
        let letter = DeadLetterView {
            number: 1,
            at: Timestamp(0),
            reason: DeadReason::Skipped,
            code: "c".into(),
            message: "m".into(),
            kind: "k".into(),
            key: "a".into(),
            command: "c".into(),
            from: "f".into(),
            payload_bytes: 0,
            payload_digest: String::new(),
            payload: None,
            payload_hex: None,
        };
        check("DeadLetters", serde_json::json!({ "letters": [letter] }));
    }
}
