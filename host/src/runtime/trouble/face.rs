//! Trouble, as the library offers it; acts on one actor are methods of [`ActorRef`](crate::runtime::ActorRef).

use super::DeadLetterView;
use super::views::TroubleListing;
use crate::actor::AskError;
use crate::decide::AfterDeploy;
use crate::runtime::Host;
use crate::vocab::{Address, Kind, Owner, Tenant};

/// Who does something to an actor, and why: it is written into the actor's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The id of a key, or `anyone` on a server without keys.
    pub who: String,
    /// In the operator's words; may be empty.
    pub why: String,
}

impl Host {
    /// The actors in trouble of a tenant (or of all, for [`Owner::Host`]) that are remembered, by address, after `after`
    /// (`TENANT/KIND/KEY`), at most `limit`.
    ///
    /// # Errors
    /// When the tenant is unknown.
    pub fn troubled(&self, of: &Owner, after: Option<&str>, limit: usize) -> Result<Vec<TroubleListing>, AskError> {
        let inner = self.inner();
        let tenant = match of {
            Owner::Host => None,
            Owner::Tenant(tenant) => {
                inner.tenants.known(tenant)?;
                Some(tenant)
            }
        };
        let state = inner.troubles.lock();
        let mut listed: Vec<_> = state.entries(tenant).map(|entry| (entry.address.to_string(), entry)).collect();
        listed.retain(|(address, _)| after.is_none_or(|after| address.as_str() > after));
        listed.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(listed.into_iter().take(limit).map(|(_, entry)| TroubleListing::of(entry)).collect())
    }

    /// The dead letters of a tenant with numbers below `before`, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When the tenant is unknown or the store cannot be read.
    pub async fn dead_letters(
        &self,
        tenant: &Tenant,
        before: u64,
        limit: usize,
    ) -> Result<Vec<DeadLetterView>, AskError> {
        self.inner().tenants.known(tenant)?;
        Ok(self.inner().troubles.letters.list(tenant, before, limit).await?)
    }

    /// After a deploy: tries the quarantined actors of the kind once, one after the other, if its policy says so.
    pub(in crate::runtime) fn retry_after_deploy(&self, tenant: &Tenant, kind: &Kind, policy: AfterDeploy) {
        if policy == AfterDeploy::Stay {
            return;
        }
        let inner = self.inner();
        let addresses: Vec<Address> = {
            let state = inner.troubles.lock();
            let quarantined = state.entries(Some(tenant)).filter(|entry| entry.record.quarantined_at.is_some());
            let of_kind = quarantined.filter(|entry| entry.address.kind == *kind);
            of_kind.map(|entry| entry.address.as_ref().clone()).collect()
        };
        let host = self.downgrade();
        inner.spawn(async move {
            for address in addresses {
                let Some(host) = host() else { return };
                let text = address.to_string();
                if let Err(error) = host.actor(address).retry().await {
                    tracing::info!(actor = %text, code = %error.code(), "still quarantined after the deploy");
                }
            }
        });
    }
}
