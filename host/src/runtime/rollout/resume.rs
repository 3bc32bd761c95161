//! Rollouts that were under way when the host ended go on.

use super::record::{PREFIX, RolloutRecord, prefix};
use crate::provider::StoreError;
use crate::runtime::Host;
use crate::runtime::deploy::Deployments;
use crate::vocab::Tenant;

impl Deployments {
    /// Reads what actors are assigned. To be called once the revisions are known.
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
            for id in [Some(record.stable()), record.candidate()].into_iter().flatten() {
                let missing = || StoreError::Corrupt {
                    place: format!("catalog record {place}"),
                    reason: format!("it names a revision that is not stored (id {id})"),
                };
                deployment.find(id).ok_or_else(missing)?;
            }
            deployment.rollout.hold_to(record, None);
        }
        Ok(())
    }

    /// Forgets the rollouts of a tenant that is deleted. Before its revisions: no record may name one that is gone.
    ///
    /// # Errors
    /// When the store refuses.
    pub(in crate::runtime) async fn forget_rollouts(&self, tenant: &Tenant) -> Result<(), StoreError> {
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
