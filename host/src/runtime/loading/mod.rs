//! How components become code: looked at off the hot path, compiled in turns, charged to whoever deploys, remembered if
//! they fail.

mod budgets;
mod metric;
mod queue;
mod refusals;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::task::JoinError;

use self::budgets::Budgets;
use self::queue::{CompileQueue, PlacesMax, Turn};
use self::refusals::Refusals;
use super::RequestError;
use super::tenancy::Tenants;
use crate::decide::Urgency;
use crate::provider::{SharedProvider, StoreError};
use crate::sandbox::{CompileCost, Component, DeployError, Engine, Looked, Uncompiled, limit_hit};
use crate::vocab::{Clock, Code, Digest, Limit, Limits, Owner, Tenant};

pub(super) use metric::describe as describe_metrics;
pub(crate) use queue::Place;
pub use refusals::RefusalView;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use {budgets::fuzz_budget, refusals::fuzz_refusal};

/// Turns bytes into components.
pub(super) struct Loader {
    engine: Arc<Engine>,
    queue: Arc<CompileQueue>,
    places_max: PlacesMax,
    refusals: Refusals,
    budgets: Budgets,
    /// Components of the revisions that there are: their code is worth keeping.
    deployed: Mutex<BTreeSet<Digest>>,
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
        Ok(Self { engine, queue: Arc::default(), places_max, refusals, budgets, deployed: Mutex::default() })
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
            loader.load(&payer, bytes, Urgency::Ordinary).await
        });
        deploy.await.unwrap_or_else(|error| Err(lost(&error).into())).inspect_err(|refusal| count(owner, refusal))
    }

    /// The code of a component that was deployed earlier: actors wait for it, so it is compiled before any deploy. It was paid
    /// for when it was deployed.
    ///
    /// # Errors
    /// Why it cannot be loaded any longer.
    pub(super) async fn load_again(self: &Arc<Self>, tenant: &Tenant, bytes: Bytes) -> Result<Component, DeployError> {
        let (loader, owner) = (Arc::clone(self), Owner::Tenant(tenant.clone()));
        let load = tokio::spawn(async move { loader.load(&owner, bytes, Urgency::Urgent).await });
        match load.await {
            Ok(Ok(component)) => {
                self.keep(&component).await;
                Ok(component)
            }
            Ok(Err(RequestError::Deploy(refusal))) => Err(refusal),
            Ok(Err(other)) => Err(DeployError::CompilerUnavailable { reason: other.to_string() }),
            Err(error) => Err(lost(&error)),
        }
    }

    /// Keeps the code of a component that is deployed for the next start.
    pub(super) async fn keep(&self, component: &Component) {
        let (engine, component, deployed) = (Arc::clone(&self.engine), component.clone(), self.deployed().clone());
        if tokio::task::spawn_blocking(move || engine.keep(&component, &deployed)).await.is_err() {
            tracing::warn!("compiled code was not kept");
        }
    }

    /// Notes that a revision is made of this component.
    pub(super) fn note_deployed(&self, digest: Digest) {
        self.deployed().insert(digest);
    }

    /// Notes that no revision is made of this component any more.
    pub(super) fn note_gone(&self, digest: Digest) {
        self.deployed().remove(&digest);
    }

    /// Lets the cache of code have no more than it may.
    pub(super) fn prune(&self) {
        self.engine.prune(&self.deployed());
    }

    fn deployed(&self) -> MutexGuard<'_, BTreeSet<Digest>> {
        self.deployed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn load(self: &Arc<Self>, owner: &Owner, bytes: Bytes, urgency: Urgency) -> Result<Component, RequestError> {
        let (loader, payer, looked_at) = (Arc::clone(self), owner.clone(), bytes.clone());
        let looked = tokio::task::spawn_blocking(move || {
            loader.engine.look(&payer, &looked_at, |digest| loader.refuse_known(digest))
        });
        let (digest, looked) = looked.await.map_err(|error| lost(&error))?;
        let uncompiled = match looked {
            Ok(Looked::Loaded(component)) => return Ok(component),
            Ok(Looked::Compile(uncompiled)) => uncompiled,
            Err(refusal) => {
                // Its code was in the cache, and failed when it was asked what it is.
                if matches!(refusal, DeployError::Describe(_) | DeployError::InvalidManifest { .. }) {
                    self.remember(owner, digest, &refusal).await;
                }
                return Err(refusal.into());
            }
        };
        if let (Urgency::Ordinary, Owner::Tenant(tenant)) = (urgency, owner) {
            self.budgets.check(tenant)?;
        }
        let began = Instant::now();
        let turn = self.queue.turn(owner, urgency).await.ok_or(DeployError::HostEnds)?;
        metric::waited(began.elapsed());
        // Somebody else's turn may have brought its failure to light.
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
        if let Err(refusal) = &result {
            self.remember(owner, digest, refusal).await;
        }
        Ok(result?)
    }

    async fn remember(&self, owner: &Owner, digest: Digest, refusal: &DeployError) {
        if let Err(error) = self.refusals.remember(owner, digest, refusal).await {
            tracing::warn!(%digest, %error, "a component's failure is not remembered beyond this run");
        }
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
