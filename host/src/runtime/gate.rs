//! What a candidate changes, and whether it can read what is stored: shown before a deploy, and asked by it.

use bytes::Bytes;

use super::deploy::Deployments;
use super::deployment::{Deployment, RevisionRecord};
use super::roll::Roll;
use super::written::Held;
use super::{AskError, Checked, DeployPlace, Host, RequestError};
use crate::provider::StoreError;
use crate::sandbox::{CONTRACT, Change, Component, EventType, Manifest, ManifestDiff, RevisionDiff};
use crate::vocab::{Kind, Owner, Tenant};

/// A candidate beside the revisions of its kind, as the journals were when it was looked at.
pub(super) struct Comparison {
    pub(super) diff: RevisionDiff,
    held: Held,
}

impl Deployments {
    /// Compares a candidate with what is deployed and stored. Reads journals if it lacks an event type that some revision
    /// declares, and looks for old snapshots if the version of the state changes.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn compare(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        component: &Component,
        component_bytes: u64,
    ) -> Result<Comparison, AskError> {
        let Ok(deployment) = self.find(tenant, kind) else {
            return Ok(Comparison::new(None, component, component_bytes, Held::none(), None));
        };
        let active = deployment.active();
        let lacking = lacking(&deployment, component);
        let held = if lacking.is_empty() { Held::none() } else { self.held_types(tenant, kind, &lacking).await? };
        let version = component.manifest().state_version;
        let older = match &active {
            Some(active) if active.state_version != version => self.snapshot_in_other(tenant, kind, version).await?,
            _ => None,
        };
        Ok(Comparison::new(active.as_ref(), component, component_bytes, held, older))
    }

    /// Whether a comparison still holds, now that nobody else can deploy; what was appended meanwhile is added to it.
    pub(super) fn still_holds(
        &self,
        comparison: &mut Comparison,
        tenant: &Tenant,
        kind: &Kind,
        component: &Component,
    ) -> bool {
        let Ok(deployment) = self.find(tenant, kind) else { return comparison.diff.against.is_none() };
        let active = deployment.active().map(|active| active.number);
        let covered = lacking(&deployment, component).iter().all(|event| comparison.held.covers(event));
        comparison.held.look_again(&deployment);
        comparison.diff.unread.clone_from(&comparison.held.types);
        active == comparison.diff.against && covered
    }

    /// The key of some actor that keeps a snapshot in another state version.
    async fn snapshot_in_other(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        version: u32,
    ) -> Result<Option<String>, StoreError> {
        let kinds = [kind.clone()];
        let mut roll = Roll::of(&self.provider, tenant, &kinds);
        while let Some(page) = roll.next().await? {
            for listing in page {
                let snapshots = self.provider.list_snapshots(listing.address.id()).await?;
                if snapshots.iter().any(|meta| meta.state_version != version) {
                    return Ok(Some(listing.address.key.as_str().to_owned()));
                }
            }
            tokio::task::yield_now().await;
        }
        Ok(None)
    }
}

impl Host {
    /// Runs the gate of a deploy without deploying, beside what the kind has: what would change, and whether it would be
    /// accepted. Nothing is stored. What is appended afterwards may change the answer of the deploy itself.
    ///
    /// # Errors
    /// Why the component may run nowhere, or that the store fails.
    pub async fn check_against(&self, tenant: &Tenant, kind: &Kind, component: &[u8]) -> Result<Checked, AskError> {
        let place = self.begin_deploy(tenant)?;
        self.check_in(place, tenant, kind, Bytes::copy_from_slice(component)).await
    }

    /// The same as [`Host::check_against`], in a place that was taken before.
    ///
    /// # Errors
    /// Why the component may run nowhere, or that the store fails.
    pub async fn check_in(
        &self,
        place: DeployPlace,
        tenant: &Tenant,
        kind: &Kind,
        component: Bytes,
    ) -> Result<Checked, AskError> {
        let deployments = &self.inner().deployments;
        let component_bytes = u64::try_from(component.len()).unwrap_or(u64::MAX);
        let owner = Owner::Tenant(tenant.clone());
        let component = deployments.loader.deploy(&owner, place.into_inner(), component).await?;
        let comparison = deployments.compare(tenant, kind, &component, component_bytes).await?;
        let known = deployments.find(tenant, kind).ok();
        let same = known.and_then(|deployment| deployment.with_digest(component.digest()));
        let refusal = comparison.readable().err().map(|refusal| refusal.to_string());
        Ok(Checked {
            digest: component.digest().to_string(),
            component_bytes,
            manifest: component.manifest().clone(),
            accepted: refusal.is_none(),
            revision: same.map(|record| record.number),
            refusal,
            diff: comparison.diff,
        })
    }
}

impl Comparison {
    fn new(
        active: Option<&RevisionRecord>,
        component: &Component,
        component_bytes: u64,
        held: Held,
        older_snapshot: Option<String>,
    ) -> Self {
        let before = active.map_or_else(Manifest::default, RevisionRecord::manifest);
        let of_new = component.manifest();
        let mut manifest = ManifestDiff::between(&before, of_new);
        if active.is_none() {
            manifest.state_version = None;
        }
        let diff = RevisionDiff {
            against: active.map(|active| active.number),
            manifest,
            unread: held.types.clone(),
            actors: held.actors,
            unreadable_actors: held.unreadable,
            older_snapshot,
            contract: Change { from: CONTRACT.to_owned(), to: CONTRACT.to_owned() },
            component_bytes: Change { from: active.map_or(0, |active| active.component_bytes), to: component_bytes },
        };
        Self { diff, held }
    }

    /// Refuses a candidate that cannot read what journals hold.
    ///
    /// # Errors
    /// That it cannot, with what differs.
    pub(super) fn readable(&self) -> Result<(), RequestError> {
        let missing = self.diff.refusal();
        if missing.is_empty() {
            return Ok(());
        }
        Err(RequestError::IncompatibleRevision { missing, diff: Box::new(self.diff.clone()) })
    }
}

/// The event types that some revision of the kind declares and a candidate does not.
fn lacking(deployment: &Deployment, component: &Component) -> Vec<EventType> {
    let known = &component.manifest().events;
    let mut lacking: Vec<EventType> = deployment
        .revisions()
        .iter()
        .flat_map(|deployed| deployed.record.event_types().collect::<Vec<_>>())
        .filter(|event| !known.contains(event))
        .collect();
    lacking.sort();
    lacking.dedup();
    lacking
}
