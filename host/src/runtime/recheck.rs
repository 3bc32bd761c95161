//! Is an actor's state what its events give? Code whose `apply` is no function of state and event, or that changes its
//! state without an event, drifts away from its journal; its snapshots show it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::deployment::Deployment;
use super::{AskError, RequestError};
use crate::actor::{Code as _, Recovery, RecoveryError, Stage};
use crate::provider::Snapshot;
use crate::sandbox::{GuestSnapshot, Instance, InstanceOptions, Moment, Started};
use crate::vocab::{Address, Code, Sequence};

/// Snapshots of one actor that are compared, the newest ones: each costs a replay.
const SNAPSHOTS_MAX: usize = 16;

/// What came of comparing an actor's snapshots with its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recheck {
    /// Snapshots that were compared, by number.
    pub checked: Vec<Sequence>,
    /// Snapshots that could not be: nothing older is left to replay from, or the code reads them no longer.
    pub unchecked: Vec<Sequence>,
    /// Those that differ.
    pub findings: Vec<Drift>,
}

/// A snapshot that is not what the events before it give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The stable code.
    pub code: String,
    /// Whose.
    pub actor: String,
    /// The snapshot's number: the state drifted at or before this event …
    pub sequence: Sequence,
    /// … and after this one: the older snapshot that was replayed from; 0: the beginning.
    pub after: Sequence,
}

/// How one snapshot compares.
enum Compared {
    Same,
    Differs { after: Sequence },
    Unknown,
}

/// Replays to each snapshot from the one before it, and compares. Nothing is changed; the live actor is not asked.
///
/// # Errors
/// When the actor is unknown, or its events cannot be replayed.
pub(super) async fn recheck(
    stage: Arc<Stage>,
    code: Arc<Deployment>,
    address: Arc<Address>,
) -> Result<Recheck, AskError> {
    if stage.provider.head(address.id()).await?.sequence == Sequence::ZERO {
        return Err(RequestError::UnknownActor(address.to_string()).into());
    }
    let mut found = Recheck { checked: Vec::new(), unchecked: Vec::new(), findings: Vec::new() };
    let mut metas = stage.provider.list_snapshots(address.id()).await?;
    metas.truncate(SNAPSHOTS_MAX);
    for meta in metas.into_iter().rev() {
        // It may be retired meanwhile.
        let Some(snapshot) = stage.provider.load_snapshot(address.id(), meta.sequence).await? else { continue };
        if snapshot.meta.sequence != meta.sequence {
            continue;
        }
        match Box::pin(compare(&stage, &code, &address, &snapshot)).await? {
            Compared::Same => found.checked.push(meta.sequence),
            Compared::Unknown => found.unchecked.push(meta.sequence),
            Compared::Differs { after } => {
                found.checked.push(meta.sequence);
                let drift = Drift {
                    code: Code::StateDrifted.to_string(),
                    actor: address.to_string(),
                    sequence: meta.sequence,
                    after,
                };
                tracing::warn!(actor = %address, sequence = %meta.sequence, %after, code = drift.code,
                    "the state of a snapshot is not what its events give");
                found.findings.push(drift);
            }
        }
    }
    Ok(found)
}

async fn compare(
    stage: &Arc<Stage>,
    code: &Arc<Deployment>,
    address: &Arc<Address>,
    snapshot: &Snapshot,
) -> Result<Compared, AskError> {
    let at = snapshot.meta.sequence;
    let limits = code.limits();
    let all = Recovery::silent(stage, code.as_ref(), address, &limits);
    let recovery = Recovery { through: at, before: Some(at), ..all };
    let mut replayed = match Box::pin(recovery.run()).await {
        Ok(recovered) => recovered,
        Err(RecoveryError::NoBase { .. }) => return Ok(Compared::Unknown),
        Err(error) => return Err(error.into()),
    };
    let moment = Moment { time: snapshot.meta.time, sequence: at };
    let permit = replayed.instance.share().enter().await;
    let again = replayed.instance.with(Some(permit)).capture(moment).map_err(AskError::Guest)?;
    if again.state_version == snapshot.meta.state_version && again.state == snapshot.state {
        return Ok(Compared::Same);
    }
    // Equal states may have unequal bytes, of an unordered map for example, or in another layout: what people see of
    // them decides then.
    let Some(mut stored) = started_from(&replayed.revision.component, code, address, snapshot).await? else {
        return Ok(Compared::Unknown);
    };
    let (theirs, ours) = (seen(&mut stored).await?, seen(&mut replayed.instance).await?);
    let after = replayed.base.map_or(Sequence::ZERO, |(sequence, _)| sequence);
    Ok(if theirs.is_some() && theirs == ours { Compared::Same } else { Compared::Differs { after } })
}

/// The state as people see it; `None`: it is no JSON.
async fn seen(instance: &mut Instance) -> Result<Option<Value>, AskError> {
    let permit = instance.share().enter().await;
    let text = instance.with(Some(permit)).state_as_json().map_err(AskError::Guest)?;
    Ok(serde_json::from_str(&text).ok())
}

/// An instance with the state of a snapshot; `None`: the code does not read it.
async fn started_from(
    component: &crate::sandbox::Component,
    code: &Deployment,
    address: &Arc<Address>,
    snapshot: &Snapshot,
) -> Result<Option<Instance>, AskError> {
    let options = InstanceOptions {
        silent: true,
        limits: Some(code.limits()),
        memory: Some(Arc::clone(&code.account().memory)),
        ..InstanceOptions::of(Arc::clone(address))
    };
    let mut permit = Some(component.share(&address.tenant).enter().await);
    let mut instance = component.instantiate_under(options, &mut permit).map_err(AskError::Guest)?;
    let base = GuestSnapshot { state_version: snapshot.meta.state_version, state: snapshot.state.to_vec() };
    let moment = Moment { time: snapshot.meta.time, sequence: snapshot.meta.sequence };
    let started = instance.with(permit).start(moment, Some(&base)).map_err(AskError::Guest)?;
    match started {
        Started::Ready => Ok(Some(instance)),
        Started::UnknownStateVersion => Ok(None),
    }
}
