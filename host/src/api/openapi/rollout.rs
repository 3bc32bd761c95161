//! The shapes of what is said of rollouts.

use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use super::shapes::Presence::Always;
use super::shapes::{Member, list, nullable_number, number, object, reference, switch, text, typed, with_members};

/// Names and shapes.
pub(super) fn named() -> Vec<(&'static str, Schema)> {
    vec![
        ("Rollout", rollout()),
        ("RolloutCandidate", candidate()),
        ("HeldActor", held()),
        ("RolloutEntry", entry()),
        ("RollbackCheck", check()),
    ]
}

fn rollout() -> Schema {
    let live = object(vec![
        ("revision", Always, number(None).into()),
        ("actors", Always, number(Some("Live actors that run it.")).into()),
    ]);
    let pause = nullable(vec![
        ("p50_ms", Always, decimal("Of half of them, at most.")),
        ("p99_ms", Always, decimal("Of all but one in a hundred, at most.")),
        ("max_ms", Always, decimal("Of all of them.")),
    ]);
    object(vec![
        ("kind", Always, text(None).into()),
        ("stable", Always, number(Some("The revision of actors that no rollout has chosen.")).into()),
        ("candidate", Always, reference("RolloutCandidate")),
        ("live", Always, list(live.into())),
        ("behind", Always, number(Some("Live actors that do not run yet what they are to run.")).into()),
        ("moved", Always, number(Some("Live actors that changed over.")).into()),
        ("tried", Always, number(Some("Actors that ran the candidate, or failed to.")).into()),
        ("failed", Always, number(Some("Those of them that failed.")).into()),
        ("pause", Always, pause.into()),
        ("held_actors", Always, number(Some("Actors that stay on another revision than they are assigned.")).into()),
        ("held", Always, list(reference("HeldActor"))),
        ("history", Always, list(reference("RolloutEntry"))),
    ])
}

fn candidate() -> Schema {
    nullable(vec![
        ("revision", Always, number(None).into()),
        ("percent", Always, nullable_decimal("The share that is to run it; null: actors were named.")),
        ("stages", Always, list(decimal("A share of its ramp, percent."))),
        ("pause_ms", Always, number(Some("How long it stays at each.")).into()),
        ("since", Always, number(Some("Since when it is at this share, milliseconds since 1970.")).into()),
        ("actors", Always, list(text(Some("An actor that was named.")).into())),
        ("paused", Always, switch(Some("An operator stopped its ramp.")).into()),
        ("began_at", Always, number(Some("When it was activated, milliseconds since 1970.")).into()),
        ("failures_actors", Always, number(Some("From so many on it is taken back; 0: never.")).into()),
        ("failures_percent", Always, number(Some("… and so many percent of those that tried it.")).into()),
        ("window_ms", Always, number(Some("Older failures do not count.")).into()),
    ])
}

fn held() -> Schema {
    object(vec![
        ("key", Always, text(None).into()),
        ("refused", Always, number(Some("The revision that did not bear it.")).into()),
        ("on", Always, number(Some("The revision that it runs instead.")).into()),
        ("since", Always, number(Some("Milliseconds since 1970.")).into()),
        ("code", Always, text(Some("The code of the reason.")).into()),
        ("reason", Always, text(None).into()),
    ])
}

fn entry() -> Schema {
    let what = Some("activated, reached, paused, resumed, completed, rolled-back or taken-back.");
    object(vec![
        ("at", Always, number(Some("Milliseconds since 1970.")).into()),
        ("what", Always, text(what).into()),
        ("revision", Always, number(None).into()),
        ("percent", Always, nullable_decimal("The share that was reached.")),
        ("who", Always, text(Some("A key's id, or anyone; empty: the host.")).into()),
        ("why", Always, text(None).into()),
    ])
}

fn check() -> Schema {
    let staying = object(vec![
        ("key", Always, text(None).into()),
        ("sequence", Always, nullable_number("The first event that is in the way; null: a snapshot is.")),
        ("why", Always, text(None).into()),
    ]);
    object(vec![
        ("kind", Always, text(None).into()),
        ("to", Always, number(Some("The revision to which it would go back.")).into()),
        ("actors", Always, number(Some("Actors that were looked at.")).into()),
        ("stay", Always, number(Some("Those that could not go back.")).into()),
        ("staying", Always, list(staying.into())),
        ("advice", Always, list(text(None).into())),
    ])
}

fn nullable(members: Vec<Member>) -> Schema {
    let types = SchemaType::Array(vec![Type::Object, Type::Null]);
    Schema::Object(with_members(ObjectBuilder::new().schema_type(types), members).build())
}

fn decimal(about: &str) -> RefOr<Schema> {
    RefOr::T(typed(Type::Number, Some(about)))
}

fn nullable_decimal(about: &str) -> RefOr<Schema> {
    RefOr::T(typed(SchemaType::Array(vec![Type::Number, Type::Null]), Some(about)))
}

#[cfg(test)]
mod tests {
    use super::super::schemas::tests::check;
    use crate::runtime::{
        CandidateView, CannotGoBack, HeldView, LiveView, PauseView, RollbackCheck, RolloutEntry, RolloutView,
    };
    use crate::vocab::Timestamp;

    #[test]
    fn what_is_said_of_rollouts_has_the_members_that_are_documented() {
        let candidate = CandidateView {
            revision: 2,
            percent: Some(1.0),
            stages: vec![1.0],
            pause_ms: 0,
            since: Timestamp(0),
            actors: Vec::new(),
            paused: false,
            began_at: Timestamp(0),
            failures_actors: 1,
            failures_percent: 1,
            window_ms: 1,
        };
        let held = HeldView {
            key: "a".into(),
            refused: 2,
            on: 1,
            since: Timestamp(0),
            code: "GR0045".into(),
            reason: "r".into(),
        };
        let entry = RolloutEntry {
            at: Timestamp(0),
            what: "activated".into(),
            revision: 2,
            percent: None,
            who: String::new(),
            why: String::new(),
        };
        let view = RolloutView {
            kind: "k".into(),
            stable: 1,
            candidate: Some(candidate),
            live: vec![LiveView { revision: 1, actors: 1 }],
            behind: 0,
            moved: 0,
            tried: 0,
            failed: 0,
            pause: Some(PauseView { p50_ms: 1.0, p99_ms: 1.0, max_ms: 1.0 }),
            held_actors: 1,
            held: vec![held],
            history: vec![entry],
        };
        check("Rollout", view);
        let staying = CannotGoBack { key: "a".into(), sequence: None, why: "w".into() };
        let looked = RollbackCheck {
            kind: "k".into(),
            to: 1,
            actors: 1,
            stay: 1,
            staying: vec![staying],
            advice: vec!["a".into()],
        };
        check("RollbackCheck", looked);
    }
}
