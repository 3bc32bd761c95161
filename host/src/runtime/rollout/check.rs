//! Who could not go back to a revision, and why: asked of the journals and snapshots, before anybody goes.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::actor::{AskError, Unread, unread_by};
use crate::provider::SharedProvider;
use crate::runtime::Host;
use crate::runtime::deployment::Deployment;
use crate::runtime::roll::Roll;
use crate::sandbox::EventType;
use crate::vocab::{Address, Kind, RevisionId, Sequence, Tenant};

/// Actors that are listed; the others are counted.
const LISTED_MAX: usize = 100;

/// What a roll-back would come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RollbackCheck {
    /// Of which kind.
    pub kind: String,
    /// The revision that actors would go back to.
    pub to: u32,
    /// Actors that were looked at.
    pub actors: u64,
    /// How many of them could not go back: they would stay where they are, and go on.
    pub stay: u64,
    /// The first hundred of them.
    pub staying: Vec<CannotGoBack>,
    /// What can be done about them.
    pub advice: Vec<String>,
}

/// An actor that could not go back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CannotGoBack {
    /// Which.
    pub key: String,
    /// The number of the first event that stands in the way; `None`: it is a snapshot.
    #[schema(value_type = Option<u64>)]
    pub sequence: Option<Sequence>,
    /// Why.
    pub why: String,
}

/// Looks at every actor of the kind that ever stored an event.
pub(super) async fn check(
    host: &Host,
    tenant: &Tenant,
    kind: &Kind,
    deployment: &Arc<Deployment>,
    target: RevisionId,
) -> Result<RollbackCheck, AskError> {
    let to = deployment.number_of(target).unwrap_or_default();
    let provider = &host.inner().stage.provider;
    let mut found =
        RollbackCheck { kind: kind.to_string(), to, actors: 0, stay: 0, staying: Vec::new(), advice: Vec::new() };
    let kinds = [kind.clone()];
    let mut roll = Roll::of(provider, tenant, &kinds);
    while let Some(page) = roll.next().await? {
        for listed in &page {
            found.actors = found.actors.saturating_add(1);
            if let Some(cannot) = look(provider, deployment, &listed.address, target).await? {
                found.stay = found.stay.saturating_add(1);
                if found.staying.len() < LISTED_MAX {
                    found.staying.push(cannot);
                }
            }
        }
    }
    if found.stay > 0 {
        found.advice = advice(to);
    }
    Ok(found)
}

async fn look(
    provider: &SharedProvider,
    deployment: &Deployment,
    address: &Address,
    target: RevisionId,
) -> Result<Option<CannotGoBack>, AskError> {
    let Some(deployed) = deployment.find(target) else { return Ok(None) };
    let (number, reads) = (deployed.record.number, deployed.record.state_version);
    let unread = unread_by(provider, deployment, address.id(), (target, reads)).await?;
    let cannot = |sequence, why| Some(CannotGoBack { key: address.key.to_string(), sequence, why });
    Ok(unread.and_then(|unread| match unread {
        Unread::Event(sequence, EventType { name, version }) => {
            let why = format!("its event {sequence} is of type {name} v{version}, which revision {number} does not know");
            cannot(Some(sequence), why)
        }
        Unread::Snapshots(deleted_through, versions) => {
            let versions: Vec<String> = versions.iter().map(u32::to_string).collect();
            let why = format!(
                "its events through {deleted_through} are deleted, and its snapshots are of state version {}, which revision {number} (state version {reads}) does not read",
                versions.join(", "),
            );
            cannot(None, why)
        }
    }))
}

fn advice(to: u32) -> Vec<String> {
    vec![
        "go back all the same: these actors stay on the code that they run, and lose nothing; all others go back"
            .to_owned(),
        format!("fix forward: deploy code that behaves as revision {to} does and reads what was written since"),
        "read the state before the event that is in the way: greenroom state KIND/KEY --at SEQUENCE".to_owned(),
    ]
}
