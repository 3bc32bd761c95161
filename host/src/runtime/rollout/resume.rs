//! Rollouts that were under way when the host ended go on.

use super::record::{PREFIX, RolloutRecord, prefix};
use crate::provider::StoreError;
use crate::runtime::Host;
use crate::runtime::deploy::Deployments;
use crate::vocab::{Code, Tenant};

impl Deployments {
    /// Reads what actors are assigned. To be called once the revisions are known. A candidate, or a share of it, is watched
    /// from now on: nobody ran it while the host was down. A record that names a revision which is not stored is that kind's
    /// trouble, and told of: its newest revision is then the one that actors run, and each is held on what it can run.
    ///
    /// # Errors
    /// When the store cannot be read, or a record in it is not one.
    pub(in crate::runtime) async fn open_rollouts(&self) -> Result<(), StoreError> {
        for place in self.provider.record_keys(PREFIX).await? {
            let Some(bytes) = self.provider.record(&place).await? else { continue };
            let (tenant, kind, record) = RolloutRecord::decode(&place, &bytes)?;
            let Some(deployment) = self.deployment(&tenant, &kind) else {
                // Of a tenant whose deletion was cut off; it goes on.
                continue;
            };
            let named = [Some(record.stable()), record.candidate()];
            if let Some(id) = named.into_iter().flatten().find(|id| deployment.find(*id).is_none()) {
                let code = Code::StoreCorrupt;
                tracing::error!(%tenant, %kind, %code, %id, "catalog record {place} names a revision that is not stored; the kind's newest one is taken, activate another to change that");
                continue;
            }
            deployment.rollout.hold_to(record, None);
            deployment.rollout.watch_anew();
        }
        Ok(())
    }

    /// Forgets the rollouts of a tenant that is deleted. Before its revisions: no record may name one that is gone.
    ///
    /// # Errors
    /// When the store refuses.
    pub(in crate::runtime) async fn forget_rollouts(&self, tenant: &Tenant) -> Result<(), StoreError> {
        for kind in self.kinds_of(tenant) {
            if let Some(deployment) = self.deployment(tenant, &kind) {
                deployment.rollout.end().await;
            }
        }
        for place in self.provider.record_keys(&prefix(tenant)).await? {
            self.provider.delete_record(&place).await?;
        }
        Ok(())
    }
}

/// Drives every rollout that is under way.
pub(in crate::runtime) fn resume(host: &Host) {
    for ((tenant, kind), deployment) in host.inner().deployments.all() {
        if deployment.rollout.record().is_some_and(|record| record.candidate().is_some()) {
            host.drive(&tenant, &kind, &deployment);
        }
    }
}
