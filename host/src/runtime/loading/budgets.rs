//! What tenants with a quota of compile seconds have used of it. Written down after each compilation, before its result
//! is told, so that nobody compiles anew because the host restarted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::decide::Budget;
use crate::frame::codec;
use crate::provider::{SharedProvider, StoreError};
use crate::runtime::RequestError;
use crate::runtime::tenancy::{self, Tenants};
use crate::sandbox::{CompileCost, quota_hit};
use crate::vocab::{Clock, Quota, Tenant, Timestamp};

const PREFIX: &str = "compile-seconds/";

/// What the catalog keeps of an account. Append-only: a new layout is a new variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum StoredBudget {
    /// The first layout.
    V1 {
        /// Microseconds that were used.
        used_us: u64,
        /// As of when.
        at: u64,
    },
}

/// The accounts of tenants with a quota of compile seconds.
pub(super) struct Budgets {
    provider: SharedProvider,
    tenants: Arc<Tenants>,
    clock: Arc<dyn Clock>,
    accounts: Mutex<BTreeMap<Tenant, Budget>>,
}

impl Budgets {
    /// Reads what was used before.
    ///
    /// # Errors
    /// When the store cannot be read or a record in it is not one.
    pub(super) async fn open(
        provider: SharedProvider,
        tenants: Arc<Tenants>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let mut accounts = BTreeMap::new();
        for key in provider.record_keys(PREFIX).await? {
            let corrupt = |reason: String| StoreError::Corrupt { place: format!("catalog record {key}"), reason };
            let Some(bytes) = provider.record(&key).await? else { continue };
            let StoredBudget::V1 { used_us, at } = codec::decode(&bytes).map_err(|error| corrupt(error.to_string()))?;
            let tenant = Tenant::new(key.trim_start_matches(PREFIX)).map_err(|error| corrupt(error.to_string()))?;
            accounts.insert(tenant, Budget::used(used_us, Timestamp(at)));
        }
        Ok(Self { provider, tenants, clock, accounts: Mutex::new(accounts) })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Tenant, Budget>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn quota(&self, tenant: &Tenant) -> Option<u64> {
        self.tenants.quota(tenant, Quota::CompileSeconds)
    }

    /// Whether a tenant may compile another component.
    ///
    /// # Errors
    /// When it has used its compile seconds up; after how long it may again.
    pub(super) fn check(&self, tenant: &Tenant) -> Result<(), RequestError> {
        let Some(limit_s) = self.quota(tenant) else { return Ok(()) };
        let now = self.clock.now();
        let mut accounts = self.lock();
        let account = accounts.entry(tenant.clone()).or_insert_with(|| Budget::new(now));
        let checked = account.check(limit_s, now);
        tenancy::used(tenant, Quota::CompileSeconds, account.used_s());
        drop(accounts);
        checked.map_err(|retry_after_s| {
            quota_hit(tenant, Quota::CompileSeconds);
            RequestError::CompileSeconds { tenant: tenant.to_string(), limit_s, retry_after_s }
        })
    }

    /// Notes what a compilation took. Durable when the result arrives.
    ///
    /// # Errors
    /// When the store refuses; it is noted in memory all the same.
    pub(super) async fn charge(&self, tenant: &Tenant, cost: CompileCost) -> Result<(), StoreError> {
        let Some(limit_s) = self.quota(tenant) else {
            // A quota that comes later begins with a whole hour.
            return self.forget(tenant).await;
        };
        let now = self.clock.now();
        let used_us = {
            let mut accounts = self.lock();
            let account = accounts.entry(tenant.clone()).or_insert_with(|| Budget::new(now));
            account.charge(u64::try_from(cost.cpu.as_micros()).unwrap_or(u64::MAX), limit_s, now);
            tenancy::used(tenant, Quota::CompileSeconds, account.used_s());
            account.used_us()
        };
        let corrupt = |reason| StoreError::Corrupt { place: place(tenant), reason };
        let bytes = codec::encode(&StoredBudget::V1 { used_us, at: now.0 });
        let bytes = bytes.map_err(|error| corrupt(error.to_string()))?;
        self.provider.put_record(&place(tenant), Bytes::from(bytes)).await
    }

    /// Whole seconds that a tenant has used of what it may now; `None`: it has no quota.
    pub(super) fn used_s(&self, tenant: &Tenant) -> Option<u64> {
        let limit_s = self.quota(tenant)?;
        let now = self.clock.now();
        Some(self.lock().get_mut(tenant).map_or(0, |account| account.used_s_at(limit_s, now)))
    }

    /// Forgets what a tenant has used.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn forget(&self, tenant: &Tenant) -> Result<(), StoreError> {
        if self.lock().remove(tenant).is_some() {
            self.provider.delete_record(&place(tenant)).await?;
        }
        Ok(())
    }
}

fn place(tenant: &Tenant) -> String {
    format!("{PREFIX}{tenant}")
}

/// Bytes of the catalog are an account or an error; see `fuzzing`.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz_budget(bytes: &[u8]) {
    let _budget = crate::frame::fuzz::record::<StoredBudget>(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes as they lie in stores. A change that fails here breaks them.
    #[test]
    fn the_stored_layout_does_not_change() {
        let stored = StoredBudget::V1 { used_us: 7, at: 3 };
        let bytes = codec::encode(&stored).unwrap();
        assert_eq!(bytes, b"\0\x07\x03");
        assert_eq!(codec::decode::<StoredBudget>(&bytes).unwrap(), stored);
    }
}
