//! The shapes of what is said of revisions: what a candidate changes, and what a check of one came to.

use utoipa::openapi::{RefOr, Schema};

use super::schemas::deployed_members;
use super::shapes::Presence::{Always, Sometimes};
use super::shapes::{list, nullable_number, number, object, reference, switch, text};
use super::trouble::{nullable, nullable_text};

/// Names and shapes.
pub(super) fn named() -> Vec<(&'static str, Schema)> {
    vec![
        ("RevisionDiff", revision_diff()),
        ("ManifestDiff", manifest_diff()),
        ("CommandType", command_type()),
        ("EventType", event_type()),
        ("Manifest", manifest()),
        ("Checked", checked()),
        ("Revision", revision()),
        ("Kept", kept()),
    ]
}

fn command_type() -> Schema {
    object(vec![
        ("name", Always, text(None).into()),
        ("read_only", Always, switch(Some("It never appends an event.")).into()),
    ])
}

fn event_type() -> Schema {
    object(vec![("name", Always, text(None).into()), ("version", Always, number(None).into())])
}

fn manifest() -> Schema {
    object(vec![
        ("commands", Always, list(reference("CommandType"))),
        ("events", Always, list(reference("EventType"))),
        ("state_version", Always, number(None).into()),
    ])
}

fn revision_diff() -> Schema {
    let held = nullable(vec![
        ("actor", Always, nullable_text("The actor's key; null: it was appended during the look.")),
        ("sequence", Always, nullable_number("The number of the first such event of that actor.")),
    ]);
    let unread = object(vec![
        ("name", Always, text(None).into()),
        ("version", Always, number(None).into()),
        ("held", Always, held.into()),
    ]);
    object(vec![
        ("against", Always, nullable_number("The active revision's number; null: there is none.")),
        ("manifest", Always, reference("ManifestDiff")),
        ("unread", Always, list(unread.into())),
        ("actors", Always, number(Some("Actors whose journals were looked through.")).into()),
        ("unreadable_actors", Always, number(Some("Of those, journals that no revision can read.")).into()),
        ("older_snapshot", Always, nullable_text("An actor with a snapshot in another state version.")),
        ("contract", Always, change(text(None).into())),
        ("component_bytes", Always, change(number(None).into())),
    ])
}

fn manifest_diff() -> Schema {
    let raised = object(vec![
        ("name", Always, text(None).into()),
        ("from", Always, number(Some("The highest version that the active revision knows.")).into()),
        ("to", Always, number(Some("The highest version that the candidate knows.")).into()),
        ("reads_old", Always, switch(Some("The candidate reads version `from`.")).into()),
    ]);
    let state = nullable(vec![("from", Always, number(None).into()), ("to", Always, number(None).into())]);
    object(vec![
        ("commands_added", Always, list(reference("CommandType"))),
        ("commands_removed", Always, list(reference("CommandType"))),
        ("commands_changed", Always, list(reference("CommandType"))),
        ("events_added", Always, list(reference("EventType"))),
        ("events_removed", Always, list(reference("EventType"))),
        ("events_raised", Always, list(raised.into())),
        ("state_version", Always, state.into()),
    ])
}

fn revision() -> Schema {
    let mut members = deployed_members();
    members.push(("candidate", Always, switch(Some("Whether a rollout is trying it.")).into()));
    members.push(("live_actors", Always, number(Some("Live actors that run it.")).into()));
    members.push(("kept", Sometimes, reference("Kept")));
    object(members)
}

fn kept() -> Schema {
    object(vec![
        ("what", Always, text(Some("nothing, frame, snapshot, or unknown: a journal cannot be read.")).into()),
        ("actor", Always, nullable_text("Whose, by key.")),
        ("sequence", Always, nullable_number("The number of the event, or of the snapshot.")),
    ])
}

fn checked() -> Schema {
    object(vec![
        ("digest", Always, text(Some("BLAKE3 of the component, hexadecimal.")).into()),
        ("component_bytes", Always, number(None).into()),
        ("manifest", Always, reference("Manifest")),
        ("accepted", Always, switch(Some("Whether a deploy would make it the active revision.")).into()),
        ("revision", Always, nullable_number("The revision that has these bytes already; null: none.")),
        ("refusal", Sometimes, text(Some("Why a deploy would refuse it.")).into()),
        ("diff", Always, reference("RevisionDiff")),
    ])
}

fn change(of: RefOr<Schema>) -> RefOr<Schema> {
    object(vec![("from", Always, of.clone()), ("to", Always, of)]).into()
}

#[cfg(test)]
mod tests {
    use super::super::schemas::tests::check;
    use crate::runtime::{Checked, DeployedRevision, KeptView, KeptWhat, RevisionView};
    use crate::sandbox::{
        Change, CommandType, EventType, Manifest, ManifestDiff, Place, Raised, RevisionDiff, UnreadType,
    };
    use crate::vocab::{Sequence, Timestamp};

    fn diff() -> RevisionDiff {
        let command = || CommandType { name: "get".into(), read_only: true };
        let event = || EventType { name: "added".into(), version: 1 };
        RevisionDiff {
            against: Some(1),
            manifest: ManifestDiff {
                commands_added: vec![command()],
                commands_removed: vec![command()],
                commands_changed: vec![command()],
                events_added: vec![event()],
                events_removed: vec![event()],
                events_raised: vec![Raised { name: "added".into(), from: 1, to: 2, reads_old: true }],
                state_version: Some(Change { from: 1, to: 2 }),
            },
            unread: vec![UnreadType {
                name: "added".into(),
                version: 1,
                held: Some(Place { actor: Some("a".into()), sequence: Some(Sequence(3)) }),
            }],
            actors: 1,
            unreadable_actors: 0,
            older_snapshot: None,
            contract: Change { from: "1".into(), to: "1".into() },
            component_bytes: Change { from: 1, to: 2 },
        }
    }

    #[test]
    fn what_a_candidate_changes_has_the_members_that_are_documented() {
        check("RevisionDiff", diff());
        let checked = Checked {
            digest: "00".into(),
            component_bytes: 1,
            manifest: Manifest { commands: Vec::new(), events: Vec::new(), state_version: 1 },
            accepted: true,
            revision: None,
            refusal: None,
            diff: diff(),
        };
        check("Checked", checked);
    }

    #[test]
    fn a_revision_and_what_is_kept_of_it_have_the_members_that_are_documented() {
        let revision = DeployedRevision {
            kind: "counter".into(),
            revision: 1,
            digest: "00".into(),
            component_bytes: 1,
            deployed_at: Timestamp(0),
            active: true,
            manifest: Manifest::default(),
            diff: None,
        };
        check("Revision", RevisionView { revision, candidate: false, live_actors: 0, kept: None });
        check("Kept", KeptView { what: KeptWhat::Frame, actor: None, sequence: None });
    }
}
