//! Who could not go back to a revision, and why: asked of the journals and snapshots, before anybody goes.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::actor::{AskError, Code as _};
use crate::provider::{ReadRange, SharedProvider};
use crate::runtime::Host;
use crate::runtime::deployment::Deployment;
use crate::runtime::roll::Roll;
use crate::vocab::{Address, Kind, RevisionId, Sequence, Tenant};

/// Bytes of a journal that are read at a time.
const BATCH_BYTES: usize = /* 1 MiB */ 1_024 * 1_024;
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
    let (id, reads) = (address.id(), deployed.record.state_version);
    let head = provider.head(id).await?;
    let cannot = |sequence, why| Some(CannotGoBack { key: address.key.to_string(), sequence, why });
    let usable = provider.list_snapshots(id).await?;
    let usable: Vec<_> = usable.iter().filter(|meta| meta.sequence >= head.deleted_through).collect();
    // The newest that it reads, as far as versions tell: it may read older layouts, never ones that came after it.
    let base = usable.iter().find(|meta| meta.state_version <= reads);
    if base.is_none() && head.deleted_through > Sequence::ZERO && !usable.is_empty() {
        let versions: Vec<String> = usable.iter().map(|meta| meta.state_version.to_string()).collect();
        let why = format!(
            "its events through {} are deleted, and its snapshots are of state version {}, which revision {} (state version {reads}) does not read",
            head.deleted_through,
            versions.join(", "),
            deployed.record.number,
        );
        return Ok(cannot(None, why));
    }
    let from = base.map_or(head.deleted_through, |meta| meta.sequence);
    let unknown = first_unknown(provider, deployment, address, (from, head.sequence), target).await?;
    Ok(unknown.and_then(|(sequence, name)| {
        let why =
            format!("its event {sequence} is of type {name}, which revision {} does not know", deployed.record.number);
        cannot(Some(sequence), why)
    }))
}

/// The first event behind `from` whose type a revision does not know. Journals that only revisions wrote whose types it
/// knows all are not read.
async fn first_unknown(
    provider: &SharedProvider,
    deployment: &Deployment,
    address: &Address,
    (from, through): (Sequence, Sequence),
    target: RevisionId,
) -> Result<Option<(Sequence, String)>, AskError> {
    let Some(known) = deployment.event_types(target) else { return Ok(None) };
    let knows_all =
        deployment.revisions().iter().all(|deployed| deployed.record.event_types().all(|t| known.contains(&t)));
    if knows_all || from >= through {
        return Ok(None);
    }
    let range = ReadRange { from: from.next(), through, batch_bytes: BATCH_BYTES };
    let mut reader = provider.read(address.id(), range);
    while let Some(frames) = reader.next().await? {
        for frame in frames.iter().filter(|frame| !frame.is_host_event()) {
            let header = frame.header();
            for (at, (index, _)) in frame.events().enumerate() {
                let Some((name, version)) = deployment.named(header.revision, index) else { continue };
                if !known.iter().any(|known| known.name == name && known.version == version) {
                    let sequence = header.first.plus(u64::try_from(at).unwrap_or(u64::MAX));
                    return Ok(Some((sequence, format!("{name} v{version}"))));
                }
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(None)
}

fn advice(to: u32) -> Vec<String> {
    vec![
        "go back all the same: these actors stay on the code that they run, and lose nothing; all others go back"
            .to_owned(),
        format!("fix forward: deploy code that behaves as revision {to} does and reads what was written since"),
        "read the state before the event that is in the way: greenroom state KIND/KEY --at SEQUENCE".to_owned(),
    ]
}
