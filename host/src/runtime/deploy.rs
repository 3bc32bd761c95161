//! Deployments: what is checked and stored before a revision runs, and how it is found again.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use tokio::sync::{Mutex, MutexGuard};

use super::deployed::Deployed;
use super::deployment::{Deployment, RevisionRecord, StoredRevision, component_key};
use super::gate::Comparison;
use super::loading::{Loader, Place};
use super::revisions::{Gone, revision_key};
use super::rollout::{Activation, Acts, Rollout};
use super::tenancy::Tenants;
use super::{AskError, DeployedRevision, HostSettings, Operator, RequestError};
use crate::actor::{Code as _, Meter, Recorder};
use crate::decide::{LimitOverrides, effective_limits};
use crate::frame::codec;
use crate::provider::{SharedProvider, StoreError};
use crate::sandbox::{Component, limit_hit};
use crate::vocab::{Clock, Code, Digest, Kind, Limit, Limits, Owner, Tenant};

pub(super) const REVISION_PREFIX: &str = "revision/";

/// Every deployed kind.
pub(super) struct Deployments {
    pub(super) provider: SharedProvider,
    pub(super) loader: Arc<Loader>,
    settings: HostSettings,
    clock: Arc<dyn Clock>,
    pub(super) tenants: Arc<Tenants>,
    /// What all kinds together keep of their commands.
    recorded: Arc<Meter>,
    pub(super) kinds: RwLock<BTreeMap<(Tenant, Kind), Arc<Deployment>>>,
    /// The next revision id; held while a deploy is being stored, so that ids are not given twice.
    pub(super) next_id: Mutex<u32>,
}

impl Deployments {
    /// Reads what was deployed before.
    ///
    /// # Errors
    /// When the store cannot be read or a record in it is not one.
    pub(super) async fn open(
        provider: SharedProvider,
        loader: Arc<Loader>,
        settings: HostSettings,
        clock: Arc<dyn Clock>,
        tenants: Arc<Tenants>,
    ) -> Result<Self, StoreError> {
        let recorded = Meter::of_bytes(settings.limits.recorded_bytes);
        let (kinds, next_id) = (RwLock::default(), Mutex::new(1));
        let deployments = Self { provider, loader, settings, clock, tenants, recorded, kinds, next_id };
        for key in deployments.provider.record_keys(REVISION_PREFIX).await? {
            deployments.restore(&key).await?;
        }
        deployments.sweep().await?;
        deployments.open_rollouts().await?;
        Ok(deployments)
    }

    async fn restore(&self, key: &str) -> Result<(), StoreError> {
        let corrupt = |reason: String| StoreError::Corrupt { place: format!("catalog record {key}"), reason };
        let bytes = self.provider.record(key).await?.ok_or_else(|| corrupt("it is missing".to_owned()))?;
        let stored = codec::decode(&bytes).map_err(|error| corrupt(error.to_string()))?;
        let (id, of_tenant, of_kind) = match &stored {
            StoredRevision::V1(record) => (record.id, &record.tenant, &record.kind),
            StoredRevision::Removed { id, tenant, kind, .. } => (*id, tenant, kind),
        };
        let tenant = Tenant::new(of_tenant.clone()).map_err(|error| corrupt(error.to_string()))?;
        let kind = Kind::new(of_kind.clone()).map_err(|error| corrupt(error.to_string()))?;
        let mut next_id = self.next_id.lock().await;
        *next_id = (*next_id).max(id.saturating_add(1));
        let deployment = self.kind_or_new(&tenant, &kind);
        match stored {
            StoredRevision::V1(record) => deployment.add(Deployed::new(record, None)),
            // Ids grow with numbers: the last one that is read is the highest.
            StoredRevision::Removed { number, .. } => {
                deployment.note_gone(Some(Gone { id, number }));
            }
        }
        Ok(())
    }

    /// The deployment of a kind.
    ///
    /// # Errors
    /// When the tenant or the kind is unknown.
    pub(super) fn find(&self, tenant: &Tenant, kind: &Kind) -> Result<Arc<Deployment>, RequestError> {
        self.tenants.known(tenant)?;
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        kinds
            .get(&(tenant.clone(), kind.clone()))
            .cloned()
            .ok_or_else(|| RequestError::UnknownKind { tenant: tenant.to_string(), kind: kind.to_string() })
    }

    /// The deployment of a kind, also of a tenant that is being deleted.
    pub(super) fn deployment(&self, tenant: &Tenant, kind: &Kind) -> Option<Arc<Deployment>> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        kinds.get(&(tenant.clone(), kind.clone())).cloned()
    }

    /// Every deployed kind.
    pub(super) fn all(&self) -> Vec<((Tenant, Kind), Arc<Deployment>)> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        kinds.iter().map(|(name, deployment)| (name.clone(), Arc::clone(deployment))).collect()
    }

    /// The deployment of a kind whose code may run.
    ///
    /// # Errors
    /// When the tenant or the kind is unknown, or the tenant is suspended.
    pub(super) fn find_active(&self, tenant: &Tenant, kind: &Kind) -> Result<Arc<Deployment>, RequestError> {
        self.tenants.active(tenant)?;
        self.find(tenant, kind)
    }

    /// The active revision of every kind of a tenant, by name.
    ///
    /// # Errors
    /// When the tenant is unknown.
    pub(super) fn kinds(&self, tenant: &Tenant) -> Result<Vec<DeployedRevision>, RequestError> {
        self.tenants.known(tenant)?;
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        let own = kinds.iter().filter(|((of, _), _)| of == tenant);
        Ok(own.filter_map(|(_, deployment)| Some(deployment.active()?.view(true))).collect())
    }

    /// Stores a revision, and has everybody run it if that is asked for; the second value tells whether anything changed.
    /// The bytes of the active revision change nothing, those of another one are that one again.
    ///
    /// A crash leaves the component without a revision, or a revision that nobody runs (both harmless: the next try goes on
    /// from there), or all of it.
    ///
    /// # Errors
    /// Why it is refused, or that it could not be stored.
    pub(super) async fn deploy(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        (place, activates): (Place, bool),
        bytes: Bytes,
    ) -> Result<(DeployedRevision, bool), AskError> {
        // Before anything is compiled, and again when nobody else can deploy.
        self.allow(tenant, kind, &bytes)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > u64::from(self.settings.limits.component_bytes) {
            limit_hit(tenant, Limit::ComponentBytes);
        }
        let component = self.loader.deploy(&Owner::Tenant(tenant.clone()), place, bytes.clone()).await?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let (mut next_id, comparison) = self.compare_and_lock(tenant, kind, &component, size).await?;
        self.allow(tenant, kind, &bytes)?;
        let existing = self.find(tenant, kind).ok();
        let active = existing.as_ref().and_then(|deployment| deployment.active());
        if let Some(active) = active.filter(|active| active.digest == component.digest().0) {
            return Ok((active.view(true), false));
        }
        comparison.readable()?;
        let stored = existing.as_ref().and_then(|deployment| deployment.with_digest(component.digest()));
        if let Some(deployment) = &existing {
            let candidate = deployment.rollout.record().and_then(|record| record.candidate());
            let is_candidate = stored.as_ref().is_some_and(|stored| Some(stored.id()) == candidate);
            self.acts((tenant, kind), deployment).before_deploy(activates, is_candidate).await?;
        }
        let diff = Some(Box::new(comparison.diff));
        if let (Some(deployment), Some(stored)) = (&existing, stored) {
            if activates {
                self.activate_new((tenant, kind), deployment, stored.number).await?;
            }
            return Ok((DeployedRevision { diff, ..stored.view(activates) }, activates));
        }
        let number = existing.as_ref().map_or(0, |deployment| deployment.highest_number()).saturating_add(1);
        let record = self.record_of(tenant, kind, (*next_id, number), size, &component);
        self.store(&record, bytes).await?;
        *next_id = next_id.saturating_add(1);
        // The first revision of a kind is its stable one, whatever was asked for: there is no other.
        let is_active = activates || existing.is_none();
        let view = DeployedRevision { diff, ..record.view(is_active) };
        let deployment = self.kind_or_new(tenant, kind);
        deployment.add(Deployed::new(record, Some(component.clone())));
        self.loader.keep(&component).await;
        self.note_usage(tenant);
        if activates && existing.is_some() {
            self.activate_new((tenant, kind), &deployment, number).await?;
        }
        Ok((view, true))
    }

    fn acts<'a>(&'a self, (tenant, kind): (&'a Tenant, &'a Kind), deployment: &'a Deployment) -> Acts<'a> {
        Acts { provider: &self.provider, tenant, kind, deployment }
    }

    async fn activate_new(&self, name: (&Tenant, &Kind), deployment: &Deployment, number: u32) -> Result<(), AskError> {
        let by = Operator { who: String::new(), why: "deployed".to_owned() };
        let activation = Activation { revision: Some(number), ..Activation::now(by) };
        self.acts(name, deployment).activate(&activation).await
    }

    /// A comparison that holds, and the lock under which it goes on to: the journals are read without it, so that a look
    /// through many does not hold up other deploys. Every further look was made necessary by a deploy that ended.
    async fn compare_and_lock(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        component: &Component,
        size: u64,
    ) -> Result<(MutexGuard<'_, u32>, Comparison), AskError> {
        loop {
            let mut comparison = self.compare(tenant, kind, component, size).await?;
            let turn = self.next_id.lock().await;
            if self.still_holds(&mut comparison, tenant, kind, component) {
                return Ok((turn, comparison));
            }
        }
    }

    async fn store(&self, record: &RevisionRecord, component: Bytes) -> Result<(), AskError> {
        let encoded = codec::encode(&StoredRevision::V1(record.clone()))
            .map_err(|error| AskError::Setup { reason: error.to_string(), code: Code::InvalidManifest })?;
        let key = component_key(&Digest(record.digest));
        if self.provider.record_keys(&key).await?.is_empty() {
            self.provider.put_record(&key, component).await?;
        }
        Ok(self.provider.put_record(&revision_key(record.id), Bytes::from(encoded)).await?)
    }

    fn record_of(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        (id, number): (u32, u32),
        component_bytes: u64,
        component: &Component,
    ) -> RevisionRecord {
        let manifest = component.manifest();
        RevisionRecord {
            id,
            tenant: tenant.to_string(),
            kind: kind.to_string(),
            number,
            digest: component.digest().0,
            component_bytes,
            deployed_at: self.clock.now().0,
            commands: manifest.commands.iter().map(|command| (command.name.clone(), command.read_only)).collect(),
            events: manifest.events.iter().map(|event| (event.name.clone(), event.version)).collect(),
            state_version: manifest.state_version,
        }
    }

    /// The bounds that actors of a kind get when they are brought on stage now.
    pub(super) fn limits_of(&self, tenant: &Tenant, kind: &Kind) -> Limits {
        self.settings.limits_of(tenant, kind, &self.tenants.limits(tenant))
    }

    /// The bounds of a tenant's actors, but for what the configuration says of their kinds.
    pub(super) fn limits_of_tenant(&self, of_tenant: &LimitOverrides) -> Limits {
        effective_limits(&self.settings.limits, &self.settings.ceiling(), &[of_tenant])
    }

    /// The bounds of the actors of a kind; of one that is deployed, without working them out again.
    pub(super) fn find_limits(&self, tenant: &Tenant, kind: &Kind) -> Arc<Limits> {
        let of_none = |_| Arc::new(self.limits_of(tenant, kind));
        self.find(tenant, kind).map_or_else(of_none, |deployment| deployment.limits())
    }

    /// Lets the bounds of a tenant's kinds follow its record; true if any changed.
    pub(super) fn follow_limits(&self, tenant: &Tenant) -> bool {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        let own = kinds.iter().filter(|((of, _), _)| of == tenant);
        own.fold(false, |changed, ((_, kind), deployment)| {
            deployment.set_limits(self.limits_of(tenant, kind)) | changed
        })
    }

    fn kind_or_new(&self, tenant: &Tenant, kind: &Kind) -> Arc<Deployment> {
        let mut kinds = self.kinds.write().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let policy = self.settings.policy_of(tenant, kind);
            let rollout = Rollout::new(tenant, kind, Arc::clone(&self.clock), &self.settings.limits);
            let bounds = (self.limits_of(tenant, kind), self.tenants.account(tenant), rollout);
            let (provider, loader) = (Arc::clone(&self.provider), Arc::clone(&self.loader));
            let recorder = Recorder::new(&self.settings.recording_of(tenant, kind), Arc::clone(&self.recorded));
            Arc::new(Deployment::new(tenant, kind, policy, bounds, provider, loader, recorder))
        };
        Arc::clone(kinds.entry((tenant.clone(), kind.clone())).or_insert_with(new))
    }
}
