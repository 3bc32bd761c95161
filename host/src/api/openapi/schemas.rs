//! The shapes of the answers. A test serialises every view and compares its members with these.

use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Components, ComponentsBuilder, ObjectBuilder, RefOr, Schema, Type};

use super::shapes::Presence::{Always, Sometimes};
use super::shapes::{
    Member, anything, list, nullable_number, number, object, reference, switch, text, typed, with_members,
};
use crate::vocab::{Limit, Quota};

pub(super) fn components() -> Components {
    let named = [
        ("Problem", problem()),
        ("Liveness", object(vec![("status", Always, text(Some("`ok` or `ready`.")).into())])),
        ("ActorStatus", actor_status()),
        ("RecoveryProgress", recovery_progress()),
        ("State", state()),
        ("Event", event()),
        ("DeployedRevision", deployed_revision()),
        ("Kinds", object(vec![("kinds", Always, list(reference("DeployedRevision")))])),
        ("Revisions", object(vec![("revisions", Always, list(reference("Revision")))])),
        ("Actors", actors()),
        ("Tenant", tenant()),
        ("Tenants", object(vec![("tenants", Always, list(reference("Tenant")))])),
        ("Key", object(key_members())),
        ("Keys", object(vec![("keys", Always, list(reference("Key")))])),
        ("NewKey", new_key()),
        ("Audit", audit()),
        ("Refusals", object(vec![("refusals", Always, list(refusal().into()))])),
        ("Forgotten", forgotten()),
        ("VerifyLine", verify_line()),
        ("SnapshotTaken", object(vec![("snapshot_sequence", Always, number(Some("The snapshot's number.")).into())])),
        ("Recheck", recheck()),
    ];
    named
        .into_iter()
        .chain(super::revisions::named())
        .chain(super::trouble::named())
        .chain(super::rollout::named())
        .chain(super::rehearsal::named())
        .fold(ComponentsBuilder::new(), |components, (name, schema)| components.schema(name, schema))
        .build()
}

fn refusal() -> Schema {
    object(vec![
        ("digest", Always, text(Some("BLAKE3 of the component, 64 hexadecimal digits.")).into()),
        ("code", Always, text(Some("The code of the failure.")).into()),
        ("reason", Always, text(Some("What was said.")).into()),
        ("at", Always, number(Some("When it failed, milliseconds since 1970.")).into()),
        ("expires_at", Always, nullable_number("When it is forgotten; null: when the host or its limits change.")),
    ])
}

fn forgotten() -> Schema {
    object(vec![
        ("digest", Always, text(None).into()),
        ("forgotten", Always, switch(Some("Whether it was known.")).into()),
    ])
}

fn recheck() -> Schema {
    let drift = object(vec![
        ("code", Always, text(Some("GR0034.")).into()),
        ("actor", Always, text(None).into()),
        ("sequence", Always, number(Some("The snapshot that is not what the events up to it give.")).into()),
        ("after", Always, number(Some("The number that was replayed from: it drifted after this one.")).into()),
    ]);
    object(vec![
        ("checked", Always, list(number(None).into())),
        ("unchecked", Always, list(number(None).into())),
        ("findings", Always, list(drift.into())),
    ])
}

fn problem() -> Schema {
    object(vec![
        ("type", Always, text(Some("The path of the page on this code.")).into()),
        ("title", Always, text(Some("What happened, the same for every case of the code.")).into()),
        ("status", Always, number(Some("The HTTP status.")).into()),
        ("code", Always, text(Some("The stable code, like GR0007.")).into()),
        ("detail", Always, text(Some("What happened in this case.")).into()),
        ("action", Always, text(Some("What to do.")).into()),
        ("reason", Sometimes, anything("A rejection's reason, as the actor gave it.")),
        ("diff", Sometimes, reference("RevisionDiff")),
    ])
}

fn actor_status() -> Schema {
    object(vec![
        ("tenant", Always, text(None).into()),
        ("kind", Always, text(None).into()),
        ("key", Always, text(None).into()),
        ("sequence", Always, number(Some("The highest durable event number.")).into()),
        ("snapshot_sequence", Always, nullable_number("The newest snapshot's number.")),
        ("deleted_through", Always, number(Some("Events up to here are deleted.")).into()),
        ("revision", Always, number(Some("The revision that it runs, or would run.")).into()),
        ("phase", Always, phase().into()),
        ("mailbox", Always, number(Some("Commands that wait.")).into()),
        ("skipped_events", Always, list(number(None).into())),
        ("recovery", Always, reference("RecoveryProgress")),
    ])
}

pub(super) fn phase() -> Schema {
    let phases = [
        "passive",
        "waiting-for-permit",
        "loading-snapshot",
        "replaying",
        "running",
        "passivating",
        "restarting",
        "quarantined",
    ];
    Schema::Object(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(phases)).build())
}

fn recovery_progress() -> Schema {
    let or_null = SchemaType::Array(vec![Type::Number, Type::Null]);
    let remaining = RefOr::T(typed(or_null, Some("The estimate, at this rate.")));
    let members = vec![
        ("from_snapshot", Always, nullable_number("The snapshot it started from; null: the first event.")),
        ("events_done", Always, number(None).into()),
        ("events_total", Always, number(None).into()),
        ("events_per_second", Always, RefOr::T(typed(Type::Number, None))),
        ("elapsed_ms", Always, RefOr::T(typed(Type::Number, Some("Since it began, or what it took.")))),
        ("remaining_ms", Always, remaining),
    ];
    let types = SchemaType::Array(vec![Type::Object, Type::Null]);
    Schema::Object(with_members(ObjectBuilder::new().schema_type(types), members).build())
}

fn state() -> Schema {
    object(vec![
        ("sequence", Always, number(Some("Events 1..=sequence are folded in.")).into()),
        ("revision", Always, number(Some("The revision that rendered it.")).into()),
        ("state", Always, anything("The state as the component renders it.")),
    ])
}

fn event() -> Schema {
    object(vec![
        ("sequence", Always, number(None).into()),
        ("type", Always, text(None).into()),
        ("version", Always, number(None).into()),
        ("time", Always, number(Some("Milliseconds since the Unix epoch.")).into()),
        ("revision", Always, number(Some("The revision that wrote it.")).into()),
        ("payload", Always, anything("The payload as the component renders it.")),
        ("skipped", Sometimes, switch(Some("There and true if replays leave it out.")).into()),
    ])
}

fn deployed_revision() -> Schema {
    object(deployed_members())
}

pub(super) fn deployed_members() -> Vec<Member> {
    vec![
        ("kind", Always, text(None).into()),
        ("revision", Always, number(Some("1 for the first deploy of the kind.")).into()),
        ("digest", Always, text(Some("BLAKE3 of the component, hexadecimal.")).into()),
        ("component_bytes", Always, number(None).into()),
        ("deployed_at", Always, number(Some("Milliseconds since the Unix epoch.")).into()),
        ("active", Always, switch(Some("Whether new activations use it.")).into()),
        ("manifest", Always, reference("Manifest")),
        ("diff", Sometimes, reference("RevisionDiff")),
    ]
}

fn tenant() -> Schema {
    let quotas = object(Quota::ALL.iter().map(|quota| (quota.as_str(), Sometimes, number(None).into())).collect());
    let usage = object(vec![
        ("kinds", Always, number(None).into()),
        ("revisions", Always, number(Some("Of all kinds.")).into()),
        ("component_bytes", Always, number(None).into()),
        ("cpu_ms", Always, number(Some("CPU time of its guests since the server started.")).into()),
        ("actors", Always, nullable_number("Counted only for tenants with a quota of them.")),
        ("live_actors", Always, number(None).into()),
        (
            "memory_bytes",
            Always,
            number(Some("Memory of all its instances, with what the host keeps for each.")).into(),
        ),
        ("compile_seconds", Always, nullable_number("Of an hour's worth; only with a quota of it.")),
        ("journal_bytes", Always, nullable_number("Counted only for tenants with a quota of them.")),
        ("journal_bytes_per_hour", Always, nullable_number("Of an hour's worth; only with a quota of it.")),
        ("snapshots", Always, nullable_number("Counted only for tenants with a quota of them.")),
    ]);
    let differing = Limit::ALL.iter().filter(|limit| limit.can_differ());
    let limits = object(differing.map(|limit| (limit.as_str(), Sometimes, number(None).into())).collect());
    let effective = object(Limit::ALL.iter().map(|limit| (limit.as_str(), Always, number(None).into())).collect());
    object(vec![
        ("tenant", Always, text(None).into()),
        ("display_name", Always, text(None).into()),
        ("weight", Always, number(Some("Its share beside other tenants, 1 to 1000.")).into()),
        ("suspended", Always, switch(None).into()),
        ("created_at", Always, number(Some("Milliseconds since the Unix epoch.")).into()),
        ("quotas", Always, quotas.into()),
        ("grants", Always, list(text(Some("deploy or keys")).into())),
        ("limits", Always, limits.into()),
        ("effective_limits", Always, effective.into()),
        ("usage", Always, usage.into()),
    ])
}

fn key_members() -> Vec<Member> {
    vec![
        ("id", Always, text(Some("No secret.")).into()),
        ("owner", Always, text(Some("A tenant, or `-`: the host.")).into()),
        ("name", Always, text(None).into()),
        ("scopes", Always, list(text(Some("call, deploy, read or admin")).into())),
        ("created_at", Always, number(None).into()),
        ("expires_at", Always, nullable_number("When it ends; null: it does not.")),
        ("revoked_at", Always, nullable_number("When it was revoked.")),
        ("last_used", Always, nullable_number("When it was last used, to about a minute.")),
        (
            "replaces",
            Always,
            typed(SchemaType::Array(vec![Type::String, Type::Null]), Some("What it was rotated from.")).into(),
        ),
    ]
}

fn new_key() -> Schema {
    let mut members = vec![("key", Always, text(Some("The key; it is not shown again.")).into())];
    members.extend(key_members());
    object(members)
}

fn audit() -> Schema {
    let entry = object(vec![
        ("number", Always, number(None).into()),
        ("at", Always, number(Some("Milliseconds since the Unix epoch.")).into()),
        ("who", Always, text(Some("A key's id; `anyone` before there were keys; `offline`.")).into()),
        ("what", Always, text(Some("The operation.")).into()),
        ("target", Always, text(Some("The path that it was sent to.")).into()),
        ("result", Always, text(Some("done, begun (the server ended first), or a code.")).into()),
    ]);
    object(vec![("entries", Always, list(entry.into()))])
}

fn verify_line() -> Schema {
    let kinds = ["progress", "finding", "summary"];
    let kind = Schema::Object(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(kinds)).build());
    let numbers = [
        "pass",
        "passes",
        "bytes",
        "total_bytes",
        "segment",
        "offset",
        "sequence",
        "corrupt",
        "suspicious",
        "notes",
        "segments",
        "batches",
        "records",
        "frames",
        "events",
        "snapshots",
        "catalog_records",
        "actors",
    ];
    let texts = ["severity", "kind", "file", "actor", "address", "what", "next", "mode", "index_skipped"];
    let switches = ["sound", "complete"];
    let mut members = vec![("type", Always, kind.into())];
    members.extend(numbers.map(|name| (name, Sometimes, number(None).into())));
    members.push(("index_entries", Sometimes, nullable_number("Entries of the index that were compared; null: none.")));
    members.extend(texts.map(|name| (name, Sometimes, text(None).into())));
    members.extend(switches.map(|name| (name, Sometimes, switch(None).into())));
    object(members)
}

fn actors() -> Schema {
    let entry = object(vec![("key", Always, text(None).into()), ("sequence", Always, number(None).into())]);
    let next = typed(SchemaType::Array(vec![Type::String, Type::Null]), Some("The `after` of the next page."));
    object(vec![("actors", Always, list(entry.into())), ("next", Always, next.into())])
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::api::Problem;
    use crate::provider::{Finding, FindingKind, VerifyLine, VerifyMode, VerifyProgress, VerifySummary};
    use crate::runtime::{
        ActorStatus, DeployedRevision, Drift, EventView, Phase, Recheck, RecoveryProgress, StateView,
    };
    use crate::sandbox::{CommandType, EventType, Manifest};
    use crate::vocab::{ActorId, Code, Sequence, Timestamp};
    use serde::Serialize;
    use serde_json::Value;
    use serde_json::value::RawValue;
    use std::collections::BTreeSet;

    /// Every object on the way down has exactly the members that the schema requires.
    fn agree(schema: &Value, value: &Value, all: &Value, at: &str) {
        let schema = match schema.get("$ref").and_then(Value::as_str) {
            Some(name) => &all[name.rsplit('/').next().unwrap()],
            None => schema,
        };
        match (value, schema.get("properties").and_then(Value::as_object)) {
            (Value::Object(members), Some(properties)) => {
                let required: BTreeSet<&str> =
                    schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
                let found: BTreeSet<&str> = members.keys().map(String::as_str).collect();
                assert_eq!(found, required, "{at}");
                for (name, member) in members {
                    agree(&properties[name], member, all, &format!("{at}.{name}"));
                }
            }
            (Value::Array(items), _) => items.iter().for_each(|item| agree(&schema["items"], item, all, at)),
            _ => {}
        }
    }

    pub(in super::super) fn check(name: &str, view: impl Serialize) {
        let components = serde_json::to_value(components()).unwrap();
        let all = &components["schemas"];
        assert!(all[name].is_object(), "{name}");
        agree(&all[name], &serde_json::to_value(view).unwrap(), all, name);
    }

    fn raw() -> Box<RawValue> {
        RawValue::from_string("{}".into()).unwrap()
    }

    #[test]
    fn a_status_has_the_members_that_are_documented() {
        let progress = RecoveryProgress {
            from_snapshot: None,
            events_done: 1,
            events_total: 2,
            events_per_second: 3.0,
            elapsed_ms: 4.5,
            remaining_ms: Some(5.5),
        };
        check(
            "ActorStatus",
            ActorStatus {
                tenant: "default".into(),
                kind: "counter".into(),
                key: "c-1".into(),
                sequence: Sequence(7),
                snapshot_sequence: None,
                deleted_through: Sequence::ZERO,
                revision: 1,
                phase: Phase::Running,
                mailbox: 0,
                skipped_events: vec![Sequence(2)],
                recovery: Some(progress),
            },
        );
    }

    #[test]
    fn views_have_the_members_that_are_documented() {
        check("State", StateView { sequence: Sequence(7), revision: 1, state: raw() });
        check(
            "Event",
            EventView {
                sequence: Sequence(7),
                event_type: "incremented".into(),
                version: 1,
                time: Timestamp(0),
                revision: 1,
                payload: raw(),
                skipped: false,
            },
        );
        let manifest = Manifest {
            commands: vec![CommandType { name: "get".into(), read_only: true }],
            events: vec![EventType { name: "incremented".into(), version: 1 }],
            state_version: 1,
        };
        check(
            "DeployedRevision",
            DeployedRevision {
                kind: "counter".into(),
                revision: 1,
                digest: "00".into(),
                component_bytes: 1,
                deployed_at: Timestamp(0),
                active: true,
                manifest,
                diff: None,
            },
        );
    }

    #[test]
    fn a_recheck_has_the_members_that_are_documented() {
        let drift = Drift { code: "GR0034".into(), actor: "a".into(), sequence: Sequence(2), after: Sequence::ZERO };
        let (checked, unchecked) = (vec![Sequence(2)], vec![Sequence(1)]);
        check("Recheck", Recheck { checked, unchecked, findings: vec![drift] });
    }

    #[test]
    fn problems_have_the_members_that_are_documented() {
        check("Problem", serde_json::from_str::<Value>(&Problem::new(Code::ShuttingDown, "x").to_json()).unwrap());
    }

    fn summary() -> VerifySummary {
        VerifySummary {
            sound: true,
            complete: true,
            mode: VerifyMode::Server,
            corrupt: 0,
            suspicious: 0,
            notes: 0,
            segments: 1,
            bytes: 2,
            batches: 3,
            records: 4,
            frames: 5,
            events: 6,
            snapshots: 7,
            catalog_records: 8,
            actors: 9,
            index_entries: None,
            index_skipped: Some("none".to_owned()),
            passes: 1,
        }
    }

    #[test]
    fn every_member_of_a_verification_is_documented() {
        let finding = Finding {
            file: Some("1.log".into()),
            segment: Some(1),
            offset: Some(2),
            actor: Some(ActorId([1; 16])),
            address: Some("default/counter/a".into()),
            sequence: Some(Sequence(3)),
            ..Finding::new(FindingKind::JournalGap, "a gap")
        };
        let progress = VerifyProgress { pass: 1, passes: 1, bytes: 2, total_bytes: 3 };
        let lines = [
            VerifyLine::Progress(progress),
            VerifyLine::Finding(Box::new(finding)),
            VerifyLine::Summary(Box::new(summary())),
        ];
        let schema = serde_json::to_value(verify_line()).unwrap();
        let documented: BTreeSet<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let told = lines.map(|line| serde_json::to_value(line).unwrap());
        let found: BTreeSet<&String> = told.iter().flat_map(|line| line.as_object().unwrap().keys()).collect();
        assert_eq!(found, documented);
    }

    #[test]
    fn every_phase_is_documented() {
        let schema = serde_json::to_value(phase()).unwrap();
        for phase in [
            Phase::Passive,
            Phase::WaitingForPermit,
            Phase::LoadingSnapshot,
            Phase::Replaying,
            Phase::Running,
            Phase::Passivating,
            Phase::Restarting,
            Phase::Quarantined,
        ] {
            assert!(schema["enum"].as_array().unwrap().contains(&serde_json::to_value(phase).unwrap()), "{phase:?}");
        }
    }
}
