//! How many actors a tenant has, for tenants with a quota of them.
//!
//! An actor counts from its first activation on: one that is live but has stored nothing holds its place until it
//! leaves. So commands to new keys that arrive together cannot pass the quota together.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Tenants, metric};
use crate::actor::RequestError;
use crate::provider::{SharedProvider, StoreError};
use crate::runtime::roll::Roll;
use crate::vocab::{ActorId, Address, Kind, Quota, Sequence, Tenant};

/// The actors of tenants with a quota.
pub(crate) struct Census {
    tenants: Arc<Tenants>,
    provider: SharedProvider,
    counts: Mutex<Counts>,
    /// Live actors that have stored nothing; without any, publishing costs one atomic load.
    newcomers: AtomicUsize,
}

/// What the lock protects.
#[derive(Default)]
pub(crate) struct Counts {
    /// Who has a quota, and how many of its actors have stored an event.
    stored: BTreeMap<Tenant, Stored>,
    newcomers: HashMap<ActorId, Tenant>,
    /// How many of them each tenant has.
    here: HashMap<Tenant, u64>,
}

impl Counts {
    fn enter(&mut self, id: ActorId, tenant: &Tenant) {
        if self.newcomers.insert(id, tenant.clone()).is_none() {
            *self.here.entry(tenant.clone()).or_default() += 1;
        }
    }

    fn leave(&mut self, id: ActorId) -> Option<Tenant> {
        let tenant = self.newcomers.remove(&id)?;
        if let Some(here) = self.here.get_mut(&tenant) {
            *here = here.saturating_sub(1);
            if *here == 0 {
                self.here.remove(&tenant);
            }
        }
        Some(tenant)
    }
}

/// How many actors have stored an event.
enum Stored {
    /// They are being counted; these stored their first one meanwhile.
    Counting(HashSet<ActorId>),
    Counted(u64),
}

impl Census {
    pub(crate) fn new(tenants: Arc<Tenants>, provider: SharedProvider) -> Self {
        Self { tenants, provider, counts: Mutex::default(), newcomers: AtomicUsize::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether actors of this tenant are counted.
    pub(crate) fn follows(&self, tenant: &Tenant) -> bool {
        self.tenants.quota(tenant, Quota::Actors).is_some() && self.lock().stored.contains_key(tenant)
    }

    /// Whether this actor would be a new one of a tenant that is counted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn is_newcomer(&self, address: &Address, id: ActorId) -> Result<bool, StoreError> {
        Ok(self.follows(&address.tenant) && self.provider.head(id).await?.sequence == Sequence::ZERO)
    }

    /// Begins an activation of a newcomer, unless it is live by now: then somebody else was faster, and it is counted
    /// already. `begin` tells whether it did.
    ///
    /// # Errors
    /// When the tenant has no place for another actor.
    pub(crate) fn admit(
        &self,
        tenant: &Tenant,
        id: ActorId,
        is_live: impl FnOnce() -> bool,
        begin: impl FnOnce() -> bool,
    ) -> Result<(), RequestError> {
        let mut counts = self.lock();
        if is_live() || counts.newcomers.contains_key(&id) {
            return Ok(());
        }
        let here = counts.here.get(tenant).copied().unwrap_or_default().saturating_add(1);
        if let Some(Stored::Counted(stored)) = counts.stored.get(tenant) {
            self.tenants.allow(tenant, Quota::Actors, stored.saturating_add(here))?;
        }
        // Before it begins: what it publishes must find it here.
        counts.enter(id, tenant);
        self.newcomers.store(counts.newcomers.len(), Ordering::Release);
        if !begin() {
            counts.leave(id);
            self.newcomers.store(counts.newcomers.len(), Ordering::Release);
        }
        Ok(())
    }

    /// An actor stored something.
    pub(crate) fn published(&self, id: ActorId, through: Sequence) {
        if self.newcomers.load(Ordering::Acquire) == 0 || through == Sequence::ZERO {
            return;
        }
        let mut counts = self.lock();
        let Some(tenant) = counts.leave(id) else { return };
        self.newcomers.store(counts.newcomers.len(), Ordering::Release);
        match counts.stored.get_mut(&tenant) {
            Some(Stored::Counting(since)) => {
                since.insert(id);
            }
            Some(Stored::Counted(count)) => {
                *count = count.saturating_add(1);
                metric::used(&tenant, Quota::Actors, *count);
            }
            None => {}
        }
    }

    /// An activation is about to end.
    pub(crate) fn left(&self, id: ActorId) {
        if self.newcomers.load(Ordering::Acquire) > 0 {
            let mut counts = self.lock();
            counts.leave(id);
            self.newcomers.store(counts.newcomers.len(), Ordering::Release);
        }
    }

    /// How many actors of a tenant have stored an event; `None` when they are not counted.
    pub(super) fn count(&self, tenant: &Tenant) -> Option<u64> {
        match self.lock().stored.get(tenant) {
            Some(Stored::Counted(count)) => Some(*count),
            _ => None,
        }
    }

    /// Stops to count a tenant's actors.
    pub(super) fn forget(&self, tenant: &Tenant) {
        self.lock().stored.remove(tenant);
    }

    /// From now on, newcomers of this tenant are noticed. Follow with [`Census::count_stored`].
    pub(super) fn begin(&self, tenant: &Tenant) {
        self.lock().stored.insert(tenant.clone(), Stored::Counting(HashSet::new()));
    }

    /// An actor that was live before the census began.
    pub(super) async fn already_live(&self, address: &Address, id: ActorId) -> Result<(), StoreError> {
        if self.provider.head(id).await?.sequence == Sequence::ZERO {
            let mut counts = self.lock();
            counts.enter(id, &address.tenant);
            self.newcomers.store(counts.newcomers.len(), Ordering::Release);
        }
        Ok(())
    }

    /// Counts the actors of these kinds that stored an event. Until it ends the quota refuses nobody.
    ///
    /// # Errors
    /// When the store cannot be read; the actors are not counted then.
    pub(super) async fn count_stored(&self, tenant: &Tenant, kinds: &[Kind]) -> Result<(), StoreError> {
        let mut listed: u64 = 0;
        let mut roll = Roll::of(&self.provider, tenant, kinds);
        while let Some(page) = roll.next().await? {
            listed = listed.saturating_add(u64::try_from(page.len()).unwrap_or(u64::MAX));
            if let Some(Stored::Counting(since)) = self.lock().stored.get_mut(tenant) {
                for actor in &page {
                    since.remove(&actor.address.id());
                }
            }
        }
        let mut counts = self.lock();
        if let Some(stored @ Stored::Counting(_)) = counts.stored.get_mut(tenant) {
            let since = match stored {
                Stored::Counting(since) => u64::try_from(since.len()).unwrap_or(u64::MAX),
                Stored::Counted(_) => 0,
            };
            let count = listed.saturating_add(since);
            *stored = Stored::Counted(count);
            metric::used(tenant, Quota::Actors, count);
        }
        Ok(())
    }
}
