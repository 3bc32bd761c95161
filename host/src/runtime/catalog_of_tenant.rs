//! What one tenant has deployed: its bounds, and its end.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use bytes::Bytes;

use super::RequestError;
use super::deploy::Deployments;
use super::deployment::component_key;
use super::revisions::revision_key;
use crate::provider::StoreError;
use crate::vocab::{Digest, Kind, Quota, Tenant};

/// How much of the catalog a tenant has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CatalogUsage {
    pub(super) kinds: u64,
    /// Revisions of all kinds.
    pub(super) revisions: u64,
    /// Bytes of components, the same bytes once.
    pub(super) component_bytes: u64,
}

impl Deployments {
    /// Refuses a deploy that the tenant may not make, or that would take it past a quota.
    pub(super) fn allow(&self, tenant: &Tenant, kind: &Kind, component: &Bytes) -> Result<(), RequestError> {
        self.tenants.active(tenant)?;
        let kinds = self.kinds_of(tenant);
        if !kinds.contains(kind) {
            self.tenants.allow(tenant, Quota::Kinds, count(kinds.len()).saturating_add(1))?;
        }
        if let Some(limit) = self.tenants.quota(tenant, Quota::Revisions)
            && self.revisions_of(tenant) >= limit
            && self.is_new_revision(tenant, kind, component)
        {
            self.tenants.allow(tenant, Quota::Revisions, limit.saturating_add(1))?;
        }
        let mut components = self.components(tenant);
        if self.tenants.quota(tenant, Quota::ComponentBytes).is_some() {
            components.insert(Digest::of(component), count(component.len()));
        }
        self.tenants.allow(tenant, Quota::ComponentBytes, total(&components))
    }

    /// The kinds of a tenant, also of one that is being deleted.
    pub(super) fn kinds_of(&self, tenant: &Tenant) -> Vec<Kind> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        kinds.keys().filter(|(of, _)| of == tenant).map(|(_, kind)| kind.clone()).collect()
    }

    /// Whether a deploy of these bytes makes a revision: those of a stored one are that one again.
    fn is_new_revision(&self, tenant: &Tenant, kind: &Kind, component: &Bytes) -> bool {
        let deployment = self.find(tenant, kind).ok();
        deployment.is_none_or(|deployment| deployment.with_digest(Digest::of(component)).is_none())
    }

    fn revisions_of(&self, tenant: &Tenant) -> u64 {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        let own = kinds.iter().filter(|((of, _), _)| of == tenant);
        own.map(|(_, deployment)| count(deployment.revisions().len())).fold(0, u64::saturating_add)
    }

    /// How much of the catalog a tenant has.
    pub(super) fn usage(&self, tenant: &Tenant) -> CatalogUsage {
        CatalogUsage {
            kinds: count(self.kinds_of(tenant).len()),
            revisions: self.revisions_of(tenant),
            component_bytes: total(&self.components(tenant)),
        }
    }

    /// Sets the figures of what a tenant has.
    pub(super) fn note_usage(&self, tenant: &Tenant) {
        let CatalogUsage { kinds, revisions, component_bytes } = self.usage(tenant);
        super::tenancy::used(tenant, Quota::Kinds, kinds);
        super::tenancy::used(tenant, Quota::Revisions, revisions);
        super::tenancy::used(tenant, Quota::ComponentBytes, component_bytes);
    }

    /// The components of a tenant with their sizes, each once.
    fn components(&self, tenant: &Tenant) -> BTreeMap<Digest, u64> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        let own = kinds.iter().filter(|((of, _), _)| of == tenant);
        own.flat_map(|(_, deployment)| deployment.revisions())
            .map(|deployed| (Digest(deployed.record.digest), deployed.record.component_bytes))
            .collect()
    }

    /// Deletes a tenant's revisions, and the components that nobody else uses. A crash leaves a part of them, to be
    /// deleted by the next try.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn forget(&self, tenant: &Tenant) -> Result<(), StoreError> {
        // Nobody deploys meanwhile: a component that is deleted here is not one that somebody just found stored.
        let _turn = self.next_id.lock().await;
        let own = self.components(tenant);
        let ids: Vec<u32> = {
            let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
            let of_tenant = kinds.iter().filter(|((of, _), _)| of == tenant);
            let ids = of_tenant.flat_map(|(_, deployment)| {
                let gone = deployment.gone().map(|gone| gone.id);
                deployment.revisions().into_iter().map(|deployed| deployed.record.id).chain(gone)
            });
            ids.collect()
        };
        self.forget_rollouts(tenant).await?;
        for digest in own.keys().filter(|digest| !self.is_used_by_others(tenant, digest)) {
            self.provider.delete_record(&component_key(digest)).await?;
            self.loader.note_gone(*digest);
        }
        for id in ids {
            self.provider.delete_record(&revision_key(id)).await?;
        }
        self.kinds.write().unwrap_or_else(PoisonError::into_inner).retain(|(of, _), _| of != tenant);
        self.loader.forget(tenant).await?;
        self.note_usage(tenant);
        Ok(())
    }

    fn is_used_by_others(&self, tenant: &Tenant, digest: &Digest) -> bool {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        let others = kinds.iter().filter(|((of, _), _)| of != tenant);
        others.flat_map(|(_, deployment)| deployment.revisions()).any(|deployed| deployed.record.digest == digest.0)
    }
}

fn total(components: &BTreeMap<Digest, u64>) -> u64 {
    components.values().fold(0, |sum, bytes| sum.saturating_add(*bytes))
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
