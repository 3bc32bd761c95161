//! Revisions as people see them: who runs which, what is kept of each, and the end of one that nobody needs.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;

use super::deploy::{Deployments, REVISION_PREFIX};
use super::deployed::Deployed;
use super::deployment::{COMPONENT_PREFIX, Deployment, StoredRevision, component_key};
use super::{AskError, Host, RequestError, RevisionView};
use crate::actor::Code as _;
use crate::frame::codec;
use crate::provider::StoreError;
use crate::vocab::{Digest, Kind, RevisionId, Tenant};

/// The highest revision of a kind that was removed: its id and its number are not given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Gone {
    pub(super) id: u32,
    pub(super) number: u32,
}

impl Host {
    /// The revisions of a kind, oldest first, with who runs them; with `asks_journals` also what is kept of each. That reads
    /// journals until each revision was found, in the worst case all of the kind.
    ///
    /// # Errors
    /// When the tenant or kind is unknown, or the store fails.
    pub async fn revision_usage(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        asks_journals: bool,
    ) -> Result<Vec<RevisionView>, AskError> {
        let deployments = &self.inner().deployments;
        let deployment = deployments.find(tenant, kind)?;
        let revisions = deployment.revisions();
        let ids: Vec<RevisionId> = revisions.iter().map(|it| it.record.id()).collect();
        let kept = if asks_journals { Some(deployments.kept(tenant, kind, &ids).await?) } else { None };
        let rollout = self.rollout(tenant, kind)?;
        let live = |number| rollout.live.iter().find(|live| live.revision == number).map_or(0, |live| live.actors);
        let active = deployment.active_id();
        let views = revisions.iter().map(|it| RevisionView {
            revision: it.record.view(it.record.id() == active),
            candidate: deployment.rollout.is_candidate(it.record.id()),
            live_actors: live(it.record.number),
            kept: kept.as_ref().map(|kept| kept.of(it.record.id())),
        });
        Ok(views.collect())
    }

    /// Removes a revision that nobody runs and that nothing kept was written by. Its number is not given again. A crash
    /// leaves it, or removes it; its component may then stay until the next start.
    ///
    /// # Errors
    /// When there is no such revision, it is needed, or the store refuses.
    pub async fn remove_revision(&self, tenant: &Tenant, kind: &Kind, number: u32) -> Result<(), AskError> {
        self.refuse_if_closing()?;
        let (host, tenant, kind) = (self.clone(), tenant.clone(), kind.clone());
        // In a task of its own: whoever leaves does not leave half a removal.
        let removing = tokio::spawn(async move { host.inner().deployments.remove(&tenant, &kind, number).await });
        removing.await.unwrap_or(Err(AskError::Lost))
    }
}

impl Deployments {
    async fn remove(&self, tenant: &Tenant, kind: &Kind, number: u32) -> Result<(), AskError> {
        let deployment = self.find(tenant, kind)?;
        let unknown = || RequestError::UnknownRevision { kind: kind.to_string(), revision: number };
        let deployed = deployment.numbered(number).ok_or_else(unknown)?;
        let id = deployed.record.id();
        deployment.refuse_in_use(&deployed)?;
        let look = deployed.appended().map(|appended| appended.look());
        let kept = self.kept(tenant, kind, &[id]).await?;
        if let Some(why) = kept.of(id).why() {
            return Err(in_use(number, why).into());
        }
        // From here on nobody deploys or activates, so nobody is assigned the revision who was not before.
        let _turn = self.next_id.lock().await;
        let _acts = deployment.rollout.still().await;
        if !Arc::ptr_eq(&deployment, &self.find(tenant, kind)?) {
            return Err(unknown().into());
        }
        deployment.refuse_in_use(&deployed)?;
        let has_run = match (look, deployed.appended()) {
            (Some(look), Some(appended)) => appended.anything_since(look),
            // It was loaded during the look, by somebody who may have run it.
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if has_run {
            return Err(in_use(number, "it ran while its journals were looked through; try again".to_owned()).into());
        }
        let deployed = deployment.take_out(deployed).map_err(|why| in_use(number, why))?;
        // From here on it may be gone on the disk, whatever the store says of it: nobody is to run it again in this process.
        self.forget_revision(&deployment, &deployed).await?;
        self.forget_component(Digest(deployed.record.digest)).await;
        self.note_usage(tenant);
        Ok(())
    }

    /// Deletes the record of a revision; that of the highest one of its kind says from then on that it is gone.
    async fn forget_revision(&self, deployment: &Deployment, deployed: &Deployed) -> Result<(), StoreError> {
        let record = &deployed.record;
        let key = revision_key(record.id);
        let is_highest = deployment.highest_number() < record.number;
        if !is_highest {
            return self.provider.delete_record(&key).await;
        }
        let (tenant, kind) = (record.tenant.clone(), record.kind.clone());
        let gone = StoredRevision::Removed { id: record.id, tenant, kind, number: record.number };
        let place = format!("catalog record {key}");
        let bytes = codec::encode(&gone).map_err(|error| StoreError::Corrupt { place, reason: error.to_string() })?;
        // Its number is not given again, even if nobody knows whether the record was written.
        let before = deployment.note_gone(Some(Gone { id: record.id, number: record.number }));
        self.provider.put_record(&key, Bytes::from(bytes)).await?;
        if let Some(before) = before
            && let Err(error) = self.provider.delete_record(&revision_key(before.id)).await
        {
            // What was the highest before says nothing any longer: it is harmless, and goes at the next start.
            tracing::warn!(id = before.id, %error, "a word on a removed revision is kept until the next start");
        }
        Ok(())
    }

    /// Deletes a component if no revision of anybody has it. What fails is left until the next start.
    async fn forget_component(&self, digest: Digest) {
        if self.is_used(&digest) {
            return;
        }
        if let Err(error) = self.provider.delete_record(&component_key(&digest)).await {
            tracing::warn!(%digest, %error, "a component that nobody needs is kept until the next start");
        }
        self.loader.note_gone(digest);
    }

    fn is_used(&self, digest: &Digest) -> bool {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        let mut revisions = kinds.values().flat_map(|deployment| deployment.revisions());
        revisions.any(|deployed| deployed.record.digest == digest.0)
    }

    /// Deletes what a crash left: components without a revision, and words on revisions that are gone which a later revision
    /// of the kind says as well.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn sweep(&self) -> Result<(), StoreError> {
        for key in self.provider.record_keys(COMPONENT_PREFIX).await? {
            let digest = key.strip_prefix(COMPONENT_PREFIX).and_then(Digest::parse);
            if digest.is_some_and(|digest| !self.is_used(&digest)) {
                self.provider.delete_record(&key).await?;
            }
        }
        for (_, deployment) in self.all() {
            let newest = deployment.newest().map_or(0, |newest| newest.record.number);
            if let Some(gone) = deployment.gone().filter(|gone| gone.number < newest) {
                self.provider.delete_record(&revision_key(gone.id)).await?;
                deployment.note_gone(None);
            }
        }
        Ok(())
    }
}

/// Where the record of a revision is in the catalog.
pub(super) fn revision_key(id: u32) -> String {
    format!("{REVISION_PREFIX}{id:010}")
}

pub(super) fn in_use(revision: u32, why: String) -> RequestError {
    RequestError::RevisionInUse { revision, why }
}

impl Deployment {
    /// Refuses to remove what somebody runs or is to run.
    fn refuse_in_use(&self, deployed: &Arc<Deployed>) -> Result<(), RequestError> {
        let (id, number) = (deployed.record.id(), deployed.record.number);
        let why = if id == self.active_id() || id == self.stable() {
            "it is the active one; activate another revision first"
        } else if self.rollout.is_candidate(id) {
            "it is the candidate of a rollout; end that first"
        } else if self.rollout.needs(id) {
            "actors are held on it, which another revision did not bear"
        } else if deployed.is_running() {
            "live actors run it"
        } else {
            return Ok(());
        };
        Err(in_use(number, why.to_owned()))
    }
}
