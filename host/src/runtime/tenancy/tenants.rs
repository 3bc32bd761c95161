//! Who there is. Read on every command, written rarely.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;

use super::tenant::{Standing, StoredTenant, TenantRecord};
use super::{TenancyError, TenantChange, metric};
use crate::actor::{Account, Load, Loads, OnFull, OverQuota, RequestError, Taken};
use crate::decide::{LimitOverrides, TokenBucket};
use crate::frame::codec;
use crate::provider::{SharedProvider, StoreError};
use crate::sandbox::{Cpu, HostMemory, Share, quota_hit};
use crate::vocab::{Clock, Code, Grant, Limits, Quota, Quotas, Tenant, Timestamp};

const PREFIX: &str = "tenant/";
/// Names in the catalog: they are all held in memory, and are labels of metrics.
const TENANTS_MAX: usize = 10_000;

/// Every tenant of the host.
pub(crate) struct Tenants {
    provider: SharedProvider,
    clock: Arc<dyn Clock>,
    /// The highest limits that a tenant can get.
    ceiling: Limits,
    /// What bounds those that have no such quota of their own.
    default_quotas: Quotas,
    shares: Shares,
    all: RwLock<BTreeMap<Tenant, Arc<State>>>,
    /// Held while a record is being stored, so that changes do not overtake each other.
    writing: tokio::sync::Mutex<()>,
}

/// What tenants have a share of.
pub(crate) struct Shares {
    pub(crate) cpu: Cpu,
    pub(crate) loads: Loads,
    pub(crate) memory: Arc<HostMemory>,
}

/// One tenant while the host runs.
struct State {
    record: RwLock<TenantRecord>,
    /// What bounds it where its record says nothing.
    default_quotas: Quotas,
    /// Its part of the CPU; held so that it is the same for all of its actors.
    share: Share,
    /// What of it is on its way.
    load: Arc<Load>,
    bucket: Mutex<Option<TokenBucket>>,
    account: Arc<Account>,
}

impl State {
    fn new(record: TenantRecord, tenant: &Tenant, shares: &Shares, default_quotas: &Quotas) -> Arc<Self> {
        let state = Self {
            record: RwLock::new(record),
            default_quotas: default_quotas.clone(),
            share: shares.cpu.share(tenant),
            load: shares.loads.of(tenant),
            bucket: Mutex::default(),
            account: Account::within(&shares.memory),
        };
        state.bound_account();
        state.set_share();
        Arc::new(state)
    }

    /// Makes the share what the record says.
    fn set_share(&self) {
        let weight = self.record().weight;
        self.share.set(weight, self.quota(Quota::CpuMsPerSecond));
        self.account.memory.set_weight(weight);
    }

    fn record(&self) -> TenantRecord {
        self.record.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the account follow the record's quotas.
    fn bound_account(&self) {
        let quota = |quota: Quota| self.quota(quota);
        self.account.memory.set_max(quota(Quota::MemoryBytes));
        self.account.places.set_max(quota(Quota::LiveActors));
        let (bytes, per_hour) = (quota(Quota::JournalBytes), quota(Quota::JournalBytesPerHour));
        self.account.journal.set_max(bytes, per_hour, quota(Quota::Snapshots));
    }

    fn standing(&self) -> Standing {
        self.record.read().unwrap_or_else(PoisonError::into_inner).standing
    }

    fn quota(&self, quota: Quota) -> Option<u64> {
        let record = self.record.read().unwrap_or_else(PoisonError::into_inner);
        record.quotas.get(&quota).or_else(|| self.default_quotas.get(&quota)).copied()
    }
}

impl Tenants {
    /// Where the catalog keeps a tenant's record.
    pub(crate) fn place(tenant: &Tenant) -> String {
        format!("{PREFIX}{tenant}")
    }

    /// Reads who there is; `default` is there without a record of its own.
    ///
    /// # Errors
    /// When the store cannot be read or a record in it is not one.
    pub(crate) async fn open(
        provider: SharedProvider,
        clock: Arc<dyn Clock>,
        shares: Shares,
        (ceiling, default_quotas): (Limits, Quotas),
    ) -> Result<Self, StoreError> {
        let default = Tenant::default_tenant();
        let record = TenantRecord { created_at: 0, ..TenantRecord::new(&default, clock.now()) };
        let first = State::new(record, &default, &shares, &default_quotas);
        let mut all = BTreeMap::from([(default, first)]);
        for key in provider.record_keys(PREFIX).await? {
            let corrupt = |reason: String| StoreError::Corrupt { place: format!("catalog record {key}"), reason };
            let bytes = provider.record(&key).await?.ok_or_else(|| corrupt("it is missing".to_owned()))?;
            let stored: StoredTenant = codec::decode(&bytes).map_err(|error| corrupt(error.to_string()))?;
            let record = stored.read().map_err(corrupt)?;
            let tenant = Tenant::new(record.tenant.clone()).map_err(|error| corrupt(error.to_string()))?;
            let state = State::new(record, &tenant, &shares, &default_quotas);
            all.insert(tenant, state);
        }
        let (all, writing) = (RwLock::new(all), tokio::sync::Mutex::default());
        Ok(Self { provider, clock, ceiling, default_quotas, shares, all, writing })
    }

    fn find(&self, tenant: &Tenant) -> Result<Arc<State>, RequestError> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let found = all.get(tenant).filter(|state| !matches!(state.standing(), Standing::Deleting | Standing::Deleted));
        found.cloned().ok_or_else(|| RequestError::UnknownTenant(tenant.to_string()))
    }

    /// Whether the tenant is there.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn known(&self, tenant: &Tenant) -> Result<(), RequestError> {
        self.find(tenant).map(drop)
    }

    /// Whether code of the tenant may run.
    ///
    /// # Errors
    /// When it is unknown or suspended.
    pub(crate) fn active(&self, tenant: &Tenant) -> Result<(), RequestError> {
        match self.find(tenant)?.standing() {
            Standing::Suspended => Err(RequestError::TenantSuspended(tenant.to_string())),
            _ => Ok(()),
        }
    }

    /// Lets one command of a client in that may store something, has so many bytes, and says what to do when too many of the
    /// tenant's wait.
    ///
    /// # Errors
    /// When the tenant is unknown, suspended, over its commands per second, may store nothing more, or has too many
    /// commands that wait.
    pub(crate) async fn let_in(
        &self,
        tenant: &Tenant,
        stores: impl FnOnce() -> bool,
        (bytes, on_full): (usize, OnFull),
    ) -> Result<Taken, RequestError> {
        let state = self.find(tenant)?;
        if state.standing() == Standing::Suspended {
            return Err(RequestError::TenantSuspended(tenant.to_string()));
        }
        if let Err(OverQuota { quota, limit }) = state.account.journal.is_open(|| self.clock.now())
            && stores()
        {
            return Err(over(tenant, quota, limit));
        }
        if let Some(per_second) = state.quota(Quota::CommandsPerSecond) {
            let now = self.clock.now();
            let mut bucket = state.bucket.lock().unwrap_or_else(PoisonError::into_inner);
            if !bucket.get_or_insert_with(|| TokenBucket::full(per_second, now)).take(per_second, now) {
                return Err(over(tenant, Quota::CommandsPerSecond, per_second));
            }
        }
        if on_full == OnFull::Wait {
            return Ok(state.load.commands.take(bytes).await);
        }
        if state.share.is_throttled()
            && state.load.commands.count() >= self.shares.loads.throttled_commands_max()
            && let Some(ms_per_second) = state.quota(Quota::CpuMsPerSecond)
        {
            return Err(over(tenant, Quota::CpuMsPerSecond, ms_per_second));
        }
        state.load.commands.try_take(bytes).ok_or_else(|| {
            metric::busy(tenant);
            RequestError::TenantBusy(tenant.to_string())
        })
    }

    /// Refuses what would take a tenant to `amount` of something that it may have less of.
    ///
    /// # Errors
    /// When the quota is passed; exactly at it is allowed.
    pub(crate) fn allow(&self, tenant: &Tenant, quota: Quota, amount: u64) -> Result<(), RequestError> {
        match self.quota(tenant, quota) {
            Some(limit) if amount > limit => Err(over(tenant, quota, limit)),
            _ => Ok(()),
        }
    }

    /// A quota of a tenant, if it has one.
    pub(crate) fn quota(&self, tenant: &Tenant, quota: Quota) -> Option<u64> {
        self.find(tenant).ok()?.quota(quota)
    }

    /// What limits differ for a tenant.
    pub(crate) fn limits(&self, tenant: &Tenant) -> LimitOverrides {
        self.find(tenant).map_or_else(|_| LimitOverrides::new(), |state| state.record().limits)
    }

    /// The accounts of tenants that have somebody on stage, and of these others.
    pub(super) fn on_stage(&self, others: &BTreeSet<Tenant>) -> Vec<(Tenant, Arc<Account>)> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let used = all.iter().filter(|(tenant, state)| state.account.places.taken() > 0 || others.contains(*tenant));
        used.map(|(tenant, state)| (tenant.clone(), Arc::clone(&state.account))).collect()
    }

    /// The time that quotas are counted by.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What a tenant's actors use together; of one that is not there, what nobody uses.
    pub(crate) fn account(&self, tenant: &Tenant) -> Arc<Account> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.get(tenant).map(|state| Arc::clone(&state.account)).unwrap_or_default()
    }

    /// What the guests of all tenants use together.
    pub(crate) const fn memory(&self) -> &Arc<HostMemory> {
        &self.shares.memory
    }

    /// What bounds a tenant: its own quotas, and the host's where it has none.
    pub(super) fn quotas(&self, own: &Quotas) -> Quotas {
        let mut quotas = self.default_quotas.clone();
        quotas.extend(own);
        quotas
    }

    /// A tenant's share beside others; the smallest of one that is not there.
    pub(crate) fn weight(&self, tenant: &Tenant) -> u32 {
        self.find(tenant).map_or(1, |state| state.record.read().unwrap_or_else(PoisonError::into_inner).weight)
    }

    /// Whether a tenant's own keys may do something.
    pub(super) fn grants(&self, tenant: &Tenant, grant: Grant) -> bool {
        self.find(tenant).is_ok_and(|state| state.record().grants.contains(&grant))
    }

    /// The record of a tenant.
    ///
    /// # Errors
    /// When it is unknown.
    pub(super) fn record(&self, tenant: &Tenant) -> Result<TenantRecord, RequestError> {
        Ok(self.find(tenant)?.record())
    }

    /// Every tenant that is there, by name.
    pub(super) fn list(&self) -> Vec<(Tenant, TenantRecord)> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let there = |(tenant, state): (&Tenant, &Arc<State>)| {
            let record = state.record();
            let is_there = matches!(record.standing, Standing::Active | Standing::Suspended);
            is_there.then(|| (tenant.clone(), record))
        };
        all.iter().filter_map(there).collect()
    }

    /// Tenants whose deletion a crash cut off.
    pub(super) fn half_deleted(&self) -> Vec<Tenant> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let half = all.iter().filter(|(_, state)| state.standing() == Standing::Deleting);
        half.map(|(tenant, _)| tenant.clone()).collect()
    }

    /// Creates a tenant. Durable when the result arrives.
    ///
    /// # Errors
    /// When the name is or was taken, there are too many, or a value is not allowed.
    pub(super) async fn create(&self, tenant: &Tenant, change: &TenantChange) -> Result<(), TenancyError> {
        let _turn = self.writing.lock().await;
        let (taken, count) = {
            let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
            (all.get(tenant).map(|state| state.standing()), all.len())
        };
        match taken {
            None => {}
            Some(Standing::Deleting | Standing::Deleted) => {
                let reason =
                    format!("a tenant {tenant} was deleted; names of tenants that had actors are not used again");
                return Err(TenancyError::refused(Code::TenantExists, reason));
            }
            Some(_) => return Err(TenancyError::refused(Code::TenantExists, format!("there is a tenant {tenant}"))),
        }
        if count >= TENANTS_MAX {
            let reason = format!("there are {TENANTS_MAX} tenants, and more are not possible");
            return Err(TenancyError::refused(Code::InvalidRequest, reason));
        }
        let record = TenantRecord::new(tenant, self.clock.now()).with(change, &self.ceiling)?;
        self.store(tenant, record).await
    }

    /// Changes a tenant that is there. Durable when the result arrives; a crash before it leaves either record.
    ///
    /// # Errors
    /// When it is unknown or a value is not allowed.
    pub(super) async fn change(
        &self,
        tenant: &Tenant,
        change: impl FnOnce(TenantRecord, &Limits) -> Result<TenantRecord, TenancyError>,
    ) -> Result<(), TenancyError> {
        let _turn = self.writing.lock().await;
        let record = self.find(tenant).map_err(crate::actor::AskError::from)?.record();
        self.store(tenant, change(record, &self.ceiling)?).await
    }

    /// Ends a deletion: the name stays taken if actors of it are known to the store.
    pub(super) async fn gone(&self, tenant: &Tenant, had_actors: bool) -> Result<(), TenancyError> {
        let _turn = self.writing.lock().await;
        if had_actors {
            let record = TenantRecord { standing: Standing::Deleted, ..TenantRecord::new(tenant, self.clock.now()) };
            return self.store(tenant, record).await;
        }
        self.provider.delete_record(&format!("{PREFIX}{tenant}")).await?;
        self.all.write().unwrap_or_else(PoisonError::into_inner).remove(tenant);
        Ok(())
    }

    async fn store(&self, tenant: &Tenant, record: TenantRecord) -> Result<(), TenancyError> {
        let bytes = codec::encode(&StoredTenant::of(record.clone()))
            .map_err(|error| TenancyError::refused(Code::InvalidRequest, error.to_string()))?;
        self.provider.put_record(&format!("{PREFIX}{tenant}"), Bytes::from(bytes)).await?;
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let state = all
            .entry(tenant.clone())
            .or_insert_with(|| State::new(record.clone(), tenant, &self.shares, &self.default_quotas));
        *state.record.write().unwrap_or_else(PoisonError::into_inner) = record;
        state.set_share();
        // A rate that changed begins with a full second of its own.
        state.bound_account();
        *state.bucket.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

fn over(tenant: &Tenant, quota: Quota, limit: u64) -> RequestError {
    quota_hit(tenant, quota);
    RequestError::OverQuota { tenant: tenant.to_string(), quota, limit }
}
