//! How components become code: looked at off the hot path, compiled in turns, charged to whoever deploys, remembered if
//! they fail.

mod budgets;
mod metric;
mod queue;
mod refusals;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::task::JoinError;

use self::budgets::Budgets;
use self::queue::{CompileQueue, PlacesMax, Turn};
use self::refusals::Refusals;
use super::RequestError;
use super::tenancy::Tenants;
use crate::provider::{SharedProvider, StoreError};
use crate::sandbox::{CompileCost, Component, DeployError, Engine, Looked, Uncompiled, limit_hit};
use crate::vocab::{Clock, Code, Digest, Limit, Limits, Owner, Tenant};

pub(super) use metric::describe as describe_metrics;
pub(crate) use queue::Place;
pub use refusals::RefusalView;

/// Turns bytes into components.
pub(super) struct Loader {
    engine: Arc<Engine>,
    queue: Arc<CompileQueue>,
    places_max: PlacesMax,
    refusals: Refusals,
    budgets: Budgets,
}

/// Who may be refused for reasons that are not the component's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Urgency {
    /// A deploy: past its quota it is refused.
    Deploy,
    /// Code that actors wait for: it was paid for when it was deployed, and takes its turn only.
    Recovery,
}

impl Loader {
    /// Reads what is known of components that failed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn open(
        provider: SharedProvider,
        engine: Arc<Engine>,
        limits: &Limits,
        tenants: Arc<Tenants>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let refusals = Refusals::open(Arc::clone(&provider), Arc::clone(&clock), engine.fingerprint()).await?;
        let budgets = Budgets::open(provider, tenants, clock).await?;
        let places_max = PlacesMax { of_one: limits.tenant_deploys, of_all: limits.deploys };
        Ok(Self { engine, queue: Arc::default(), places_max, refusals, budgets })
    }

    /// A place for a deploy, before its bytes are read.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn enter(&self, owner: &Owner) -> Result<Place, RequestError> {
        let full = |limit| RequestError::DeploysFull { owner: owner.to_string(), limit };
        self.queue.enter(owner, self.places_max).map_err(full).inspect_err(|refusal| count(owner, refusal))
    }

    /// The code of a component that somebody deploys. Goes on to its end if the caller does not wait for it.
    ///
    /// # Errors
    /// Why it is refused.
    pub(super) async fn deploy(
        self: &Arc<Self>,
        owner: &Owner,
        place: Place,
        bytes: Bytes,
    ) -> Result<Component, RequestError> {
        let (loader, payer) = (Arc::clone(self), owner.clone());
        let deploy = tokio::spawn(async move {
            let _place = place;
            loader.load(&payer, bytes, Urgency::Deploy).await
        });
        deploy.await.unwrap_or_else(|error| Err(lost(&error).into())).inspect_err(|refusal| count(owner, refusal))
    }

    /// The code of a component that was deployed earlier.
    ///
    /// # Errors
    /// Why it cannot be loaded any longer.
    pub(super) async fn load_again(self: &Arc<Self>, tenant: &Tenant, bytes: Bytes) -> Result<Component, DeployError> {
        let (loader, owner) = (Arc::clone(self), Owner::Tenant(tenant.clone()));
        let load = tokio::spawn(async move { loader.load(&owner, bytes, Urgency::Recovery).await });
        match load.await {
            Ok(Ok(component)) => Ok(component),
            Ok(Err(RequestError::Deploy(refusal))) => Err(refusal),
            Ok(Err(other)) => Err(DeployError::CompilerUnavailable { reason: other.to_string() }),
            Err(error) => Err(lost(&error)),
        }
    }

    async fn load(self: &Arc<Self>, owner: &Owner, bytes: Bytes, urgency: Urgency) -> Result<Component, RequestError> {
        let (loader, payer, looked_at) = (Arc::clone(self), owner.clone(), bytes.clone());
        let looked = tokio::task::spawn_blocking(move || loader.look(&payer, &looked_at)).await;
        let uncompiled = match looked.unwrap_or_else(|error| Err(lost(&error)))? {
            Looked::Loaded(component) => return Ok(component),
            Looked::Compile(uncompiled) => uncompiled,
        };
        if let (Urgency::Deploy, Owner::Tenant(tenant)) = (urgency, owner) {
            self.budgets.check(tenant)?;
        }
        let began = Instant::now();
        let turn = self.queue.turn(owner).await.ok_or(DeployError::HostEnds)?;
        metric::waited(began.elapsed());
        // Somebody else's turn may have brought its failure to light.
        let digest = uncompiled.digest();
        self.refuse_known(digest)?;
        let (loader, payer) = (Arc::clone(self), owner.clone());
        let compiled = tokio::task::spawn_blocking(move || loader.compile(&payer, turn, &uncompiled, &bytes)).await;
        let (result, cost) = compiled.unwrap_or_else(|error| (Err(lost(&error)), CompileCost::default()));
        if let Owner::Tenant(tenant) = owner
            && cost != CompileCost::default()
            && let Err(error) = self.budgets.charge(tenant, cost).await
        {
            tracing::warn!(%tenant, %error, "what a compilation took is not remembered beyond this run");
        }
        if let Err(refusal) = &result
            && let Err(error) = self.refusals.remember(digest, refusal).await
        {
            tracing::warn!(%digest, %error, "a component's failure is not remembered beyond this run");
        }
        Ok(result?)
    }

    fn look(&self, owner: &Owner, bytes: &Bytes) -> Result<Looked, DeployError> {
        self.refuse_known(Digest::of(bytes))?;
        self.engine.look(owner, bytes)
    }

    fn refuse_known(&self, digest: Digest) -> Result<(), DeployError> {
        match self.refusals.find(digest) {
            Some(refusal) => {
                metric::known();
                Err(refusal)
            }
            None => Ok(()),
        }
    }

    /// Compiles in a turn, which ends with it. Whoever waited for it pays, whatever comes of it.
    fn compile(
        &self,
        owner: &Owner,
        turn: Turn,
        uncompiled: &Uncompiled,
        bytes: &Bytes,
    ) -> (Result<Component, DeployError>, CompileCost) {
        let (result, cost) = self.engine.compile(owner, uncompiled, bytes);
        drop(turn);
        if cost != CompileCost::default() {
            metric::compiled(owner, cost);
        }
        (result, cost)
    }

    /// Whole seconds of its quota of compile seconds that a tenant has used now; `None`: it has none.
    pub(super) fn compile_seconds(&self, tenant: &Tenant) -> Option<u64> {
        self.budgets.used_s(tenant)
    }

    /// Components that are known to fail, newest first.
    pub(super) fn refusals(&self) -> Vec<RefusalView> {
        self.refusals.list()
    }

    /// Forgets that a component failed; false: it was not known.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn forget_refusal(&self, digest: Digest) -> Result<bool, StoreError> {
        self.engine.forget_refusal(digest);
        self.refusals.forget(digest).await
    }

    /// Forgets what a tenant that is deleted has used.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn forget(&self, tenant: &Tenant) -> Result<(), StoreError> {
        self.budgets.forget(tenant).await
    }

    /// Ends the compilation that is under way, and begins no other.
    pub(super) fn close(&self) {
        self.queue.close();
        self.engine.close();
    }
}

fn lost(error: &JoinError) -> DeployError {
    DeployError::CompilerUnavailable { reason: format!("the host's part of it was lost: {error}") }
}

/// Counts a refusal by its code, and by the limit that was hit.
fn count(owner: &Owner, refusal: &RequestError) {
    metric::refused(refusal.code());
    let limit = match refusal {
        // It was not tried this time.
        RequestError::Deploy(DeployError::Remembered { .. }) => return,
        _ => match refusal.code() {
            Code::CompileOutOfTime => Limit::CompileMs,
            Code::CompileOutOfMemory => Limit::CompileMemoryBytes,
            Code::DeploysFull => Limit::TenantDeploys,
            _ => return,
        },
    };
    if let Owner::Tenant(tenant) = owner {
        limit_hit(tenant, limit);
    }
}
