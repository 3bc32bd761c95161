//! Tenants and keys, as the library offers them.

use std::sync::Arc;

use serde::Serialize;

use super::audit::{Begun, Realm};
use super::delete::{self, Force};
use super::tenant::{Standing, TenantRecord};
use super::{
    Act, ActResult, AuditEntry, Identity, KeyId, KeyRequest, KeyView, NewKey, TenancyError, TenantChange, TenantView,
    metric,
};
use crate::actor::AskError;
use crate::runtime::Host;
use crate::runtime::catalog_of_tenant::CatalogUsage;
use crate::runtime::host::Inner;
use crate::vocab::{Code, Grant, Owner, Quota, Scopes, Tenant};

/// Actors that are listed at a time.
const PAGE_ACTORS: usize = 500;

/// What a tenant has of what its quotas bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    /// Deployed kinds.
    pub kinds: u64,
    /// Revisions of all of them.
    pub revisions: u64,
    /// Bytes of its components.
    pub component_bytes: u64,
    /// CPU time that its guests used since the host started, milliseconds.
    pub cpu_ms: u64,
    /// Actors that stored an event; counted only for tenants with a quota of them.
    pub actors: Option<u64>,
    /// Live actors.
    pub live_actors: u64,
    /// Bytes of memory of all its instances together, with what the host keeps for each.
    pub memory_bytes: u64,
    /// Seconds of its quota of compile seconds that are used; only for tenants with one.
    pub compile_seconds: Option<u64>,
    /// Bytes of events and of snapshots' states; counted only for tenants with a quota of them.
    pub journal_bytes: Option<u64>,
    /// How much of an hour's worth of stored bytes is used; only for tenants with a quota of it.
    pub journal_bytes_per_hour: Option<u64>,
    /// Stored snapshots; counted only for tenants with a quota of them.
    pub snapshots: Option<u64>,
}

impl Host {
    /// The tenants that are there, by name.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantView> {
        let inner = self.inner();
        inner.tenants.list().into_iter().map(|(tenant, record)| view(inner, &tenant, &record)).collect()
    }

    /// Whether there is such a tenant.
    #[must_use]
    pub fn has_tenant(&self, tenant: &Tenant) -> bool {
        self.inner().tenants.known(tenant).is_ok()
    }

    /// One tenant.
    ///
    /// # Errors
    /// When it is unknown.
    pub fn tenant(&self, tenant: &Tenant) -> Result<TenantView, TenancyError> {
        let record = self.inner().tenants.record(tenant).map_err(AskError::from)?;
        Ok(view(self.inner(), tenant, &record))
    }

    /// Creates a tenant. Durable when the result arrives.
    ///
    /// # Errors
    /// When the name is or was taken, or a value is not allowed.
    pub async fn create_tenant(&self, tenant: &Tenant, change: &TenantChange) -> Result<TenantView, TenancyError> {
        self.inner().tenants.create(tenant, change).await?;
        follow(self.inner(), tenant).await?;
        self.tenant(tenant)
    }

    /// Changes a tenant, also while it works: what it has already is not taken away, more is refused.
    ///
    /// # Errors
    /// When it is unknown or a value is not allowed.
    pub async fn change_tenant(&self, tenant: &Tenant, change: &TenantChange) -> Result<TenantView, TenancyError> {
        self.inner().tenants.change(tenant, |record, ceiling| record.with(change, ceiling)).await?;
        follow_limits(self.inner(), tenant).await;
        follow(self.inner(), tenant).await?;
        self.tenant(tenant)
    }

    /// Suspends a tenant: its calls and deploys are refused, its actors leave after the turns that are queued, its
    /// timers and tells wait. Its data can still be read. Done when the result arrives.
    ///
    /// # Errors
    /// When it is unknown or the store refuses.
    pub async fn suspend_tenant(&self, tenant: &Tenant) -> Result<TenantView, TenancyError> {
        self.stand(tenant, Standing::Suspended).await?;
        send_off(self.inner(), tenant).await;
        self.tenant(tenant)
    }

    /// Ends a suspension; timers that were due meanwhile fire within seconds.
    ///
    /// # Errors
    /// When the tenant is unknown or the store refuses.
    pub async fn resume_tenant(&self, tenant: &Tenant) -> Result<TenantView, TenancyError> {
        self.stand(tenant, Standing::Active).await?;
        self.tenant(tenant)
    }

    async fn stand(&self, tenant: &Tenant, standing: Standing) -> Result<(), TenancyError> {
        self.inner().tenants.change(tenant, |record, _| Ok(TenantRecord { standing, ..record })).await
    }

    /// Deletes a tenant that has no actors, or with `forced` also one that has: then their events and snapshots are
    /// lost. In a task of its own, so that a caller that leaves does not leave half of it.
    ///
    /// # Errors
    /// When it is unknown, is `default`, has actors and is not forced, or the store refuses.
    pub async fn delete_tenant(&self, tenant: &Tenant, forced: bool) -> Result<(), TenancyError> {
        let (host, tenant) = (self.clone(), tenant.clone());
        let force = if forced { Force::Yes } else { Force::No };
        let deletion = tokio::spawn(async move { delete::delete(host.inner(), &tenant, force).await });
        deletion.await.unwrap_or(Err(AskError::Lost.into()))
    }

    /// Whether requests need a key: from the first key on, for ever.
    #[must_use]
    pub fn asks_for_keys(&self) -> bool {
        self.inner().keys.locked()
    }

    /// Who presents this key.
    ///
    /// # Errors
    /// When it is no key, or is not valid.
    pub fn authenticate(&self, key: &str) -> Result<Identity, TenancyError> {
        self.inner().keys.authenticate(key)
    }

    /// Counts a request whose key did not let it in.
    pub(crate) fn note_denied(code: Code) {
        metric::denied(code);
    }

    /// Whether a tenant's own keys may do something.
    #[must_use]
    pub fn grants(&self, tenant: &Tenant, grant: Grant) -> bool {
        self.inner().tenants.grants(tenant, grant)
    }

    /// The keys of an owner, oldest first.
    ///
    /// # Errors
    /// When the tenant is unknown.
    pub fn keys(&self, owner: &Owner) -> Result<Vec<KeyView>, TenancyError> {
        self.known(owner)?;
        Ok(self.inner().keys.list(owner))
    }

    /// Creates a key. Durable when the result arrives; this is the only moment at which it can be seen.
    ///
    /// # Errors
    /// When the tenant is unknown, the request is not allowed, or nobody could administer the host afterwards.
    pub async fn create_key(&self, owner: &Owner, request: &KeyRequest) -> Result<NewKey, TenancyError> {
        self.known(owner)?;
        self.inner().keys.create(owner, request).await
    }

    /// Replaces a key by one with the same rights; the old one ends after `overlap_s` seconds.
    ///
    /// # Errors
    /// When there is no such valid key.
    pub async fn rotate_key(&self, owner: &Owner, id: KeyId, overlap_s: u64) -> Result<NewKey, TenancyError> {
        self.known(owner)?;
        self.inner().keys.rotate(owner, id, overlap_s).await
    }

    /// Ends a key now.
    ///
    /// # Errors
    /// When there is no such key, or it is the last one that can administer the host.
    pub async fn revoke_key(&self, owner: &Owner, id: KeyId) -> Result<KeyView, TenancyError> {
        self.known(owner)?;
        self.inner().keys.revoke(owner, id).await
    }

    /// The scopes of a key.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn key_scopes(&self, owner: &Owner, id: KeyId) -> Result<Scopes, TenancyError> {
        self.inner().keys.scopes(owner, id)
    }

    /// Entries of the audit log of an owner with numbers below `before`, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the tenant is unknown or the store cannot be read.
    pub async fn audit(&self, owner: &Owner, before: u64, limit: usize) -> Result<Vec<AuditEntry>, TenancyError> {
        self.known(owner)?;
        Ok(self.inner().audit.list(owner, before, limit).await?)
    }

    pub(crate) async fn begin_act(&self, owner: &Owner, realm: Realm, act: Act) -> Result<Begun, AskError> {
        Ok(self.inner().audit.begin(owner, realm, act).await?)
    }

    pub(crate) async fn end_act(&self, begun: &Begun, result: ActResult) {
        if let Err(error) = self.inner().audit.end(begun, result).await {
            tracing::warn!(%error, ?begun, "the result of an act is not in the audit log");
        }
    }

    fn known(&self, owner: &Owner) -> Result<(), TenancyError> {
        match owner {
            Owner::Host => Ok(()),
            Owner::Tenant(tenant) => Ok(self.inner().tenants.known(tenant).map_err(AskError::from)?),
        }
    }
}

fn view(inner: &Inner, tenant: &Tenant, record: &TenantRecord) -> TenantView {
    let view = record.view(inner.deployments.limits_of_tenant(&record.limits), usage(inner, tenant));
    TenantView { quotas: inner.tenants.quotas(&record.quotas), ..view }
}

fn usage(inner: &Inner, tenant: &Tenant) -> Usage {
    let CatalogUsage { kinds, revisions, component_bytes } = inner.deployments.usage(tenant);
    let account = inner.tenants.account(tenant);
    let counts_snapshots = inner.tenants.quota(tenant, Quota::Snapshots).is_some();
    Usage {
        kinds,
        revisions,
        component_bytes,
        cpu_ms: inner.cpu.share(tenant).used_ns() / 1_000_000,
        actors: inner.census.count(tenant),
        live_actors: account.places.taken(),
        memory_bytes: account.memory.used_bytes(),
        compile_seconds: inner.deployments.loader.compile_seconds(tenant),
        journal_bytes: account.journal.bytes(),
        journal_bytes_per_hour: account.journal.grown(inner.stage.clock.now()),
        snapshots: counts_snapshots.then(|| account.journal.snapshots()),
    }
}

/// Lets the bounds of a tenant's actors follow its record. Those on stage leave after the turns that are queued, and
/// come back under the new ones.
async fn follow_limits(inner: &Inner, tenant: &Tenant) {
    if inner.deployments.follow_limits(tenant) {
        inner.directory.send_off(|address| address.tenant == *tenant).await;
    }
}

/// Orders every actor of a tenant to leave and waits until it has.
pub(super) async fn send_off(inner: &Inner, tenant: &Tenant) {
    for handle in inner.directory.send_off(|address| address.tenant == *tenant).await {
        handle.gone().await;
    }
}

/// Begins or ends to count what a tenant has, as its quotas ask.
async fn follow(inner: &Inner, tenant: &Tenant) -> Result<(), TenancyError> {
    follow_actors(inner, tenant).await?;
    follow_snapshots(inner, tenant).await?;
    follow_bytes(inner, tenant).await
}

/// Counts a tenant's snapshots, if it has a quota of them. One that is saved meanwhile may be counted twice, until the
/// next start.
async fn follow_snapshots(inner: &Inner, tenant: &Tenant) -> Result<(), TenancyError> {
    let account = inner.tenants.account(tenant);
    if inner.tenants.quota(tenant, Quota::Snapshots).is_none() || !account.journal.begin_snapshots() {
        return Ok(());
    }
    let provider = &inner.stage.provider;
    let mut count: u64 = 0;
    for kind in inner.deployments.kinds_of(tenant) {
        let mut after: Option<String> = None;
        loop {
            let page = provider.actors(tenant, &kind, after.as_deref(), PAGE_ACTORS).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.address.key.as_str().to_owned());
            for actor in &page {
                let listed = provider.list_snapshots(actor.address.id()).await?;
                count = count.saturating_add(u64::try_from(listed.len()).unwrap_or(u64::MAX));
            }
        }
    }
    account.journal.count_snapshots(count);
    Ok(())
}

/// Begins or ends to count a tenant's stored bytes. What takes long goes on beside the actors.
async fn follow_bytes(inner: &Inner, tenant: &Tenant) -> Result<(), TenancyError> {
    let Some(quota) = inner.tenants.quota(tenant, Quota::JournalBytes) else {
        return Ok(inner.books.forget(tenant).await?);
    };
    if !inner.books.resume(tenant, quota).await? {
        let (books, tenant) = (Arc::clone(&inner.books), tenant.clone());
        let kinds = inner.deployments.kinds_of(&tenant);
        inner.spawn(async move {
            if let Err(error) = books.count(&tenant, &kinds).await {
                tracing::error!(%tenant, %error, "what it stores could not be counted; its quota journal_bytes refuses nobody until the next start");
            }
        });
    }
    Ok(())
}

/// Begins or ends to count a tenant's actors, as its quota asks.
pub(super) async fn follow_actors(inner: &Inner, tenant: &Tenant) -> Result<(), TenancyError> {
    if inner.tenants.quota(tenant, Quota::Actors).is_none() {
        inner.census.forget(tenant);
        return Ok(());
    }
    if inner.census.count(tenant).is_some() {
        return Ok(());
    }
    // In this order none is missed: whoever is live by now and has stored something is in the listing that follows.
    inner.census.begin(tenant);
    for address in inner.directory.live_addresses(|address| address.tenant == *tenant) {
        inner.census.already_live(&address, address.id()).await?;
    }
    Ok(inner.census.count_stored(tenant, &inner.deployments.kinds_of(tenant)).await?)
}

/// What the last run of the host left to do.
pub(crate) async fn resume(inner: &Inner) -> Result<(), TenancyError> {
    for tenant in inner.tenants.half_deleted() {
        delete::finish(inner, &tenant, delete::Part::Rest).await?;
    }
    for (tenant, _) in inner.tenants.list() {
        follow(inner, &tenant).await?;
    }
    Ok(())
}
