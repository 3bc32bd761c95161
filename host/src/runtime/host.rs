//! The face of the library.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::deploy::Deployments;
use super::directory::Directory;
use super::feed::Followers;
use super::loading::{Place, RefusalView};
use super::rehearsal::Rehearsals;
use super::tenancy::{AuditLog, Books, Census, Keys, Tenants};
use super::threads::Threads;
use super::trouble::Troubles;
use super::waker::Waker;
use super::{ActorRef, AskError, DeployedRevision, GuestCalls, HostBuilder};
use crate::actor::{Code as _, Stage, Turnstile};
use crate::provider::{ActorListing, VerifyFeed, VerifyRefusal};
use crate::sandbox::{Component, Cpu, Manifest};
use crate::vocab::{Address, Digest, Kind, Limits, Owner, Tenant};

/// A running host. Cloning shares it; [`Host::shutdown`] ends it, and so does dropping the last clone (then what
/// was not acknowledged may be lost, as in a crash).
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

/// A place among the deploys of a tenant; given back when the deploy has ended, or when it is dropped.
#[derive(Debug)]
pub struct DeployPlace(Place);

impl DeployPlace {
    pub(super) fn into_inner(self) -> Place {
        self.0
    }
}

/// What the clones of a host share.
pub(super) struct Inner {
    pub(super) stage: Arc<Stage>,
    pub(super) directory: Arc<Directory>,
    pub(super) deployments: Arc<Deployments>,
    pub(super) tenants: Arc<Tenants>,
    pub(super) keys: Arc<Keys>,
    pub(super) audit: AuditLog,
    pub(super) census: Arc<Census>,
    pub(super) books: Arc<Books>,
    pub(super) troubles: Arc<Troubles>,
    pub(super) followers: Arc<Followers>,
    pub(super) waker: Arc<Waker>,
    pub(super) looks: Turnstile,
    pub(super) rehearsals: Arc<Rehearsals>,
    pub(super) cpu: Cpu,
    /// True once a shutdown began; ends the feeds that follow.
    pub(super) closing: watch::Sender<bool>,
    /// Where actors run.
    pub(super) threads: Threads,
}

impl Inner {
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.threads.spawn(task);
    }

    /// Runs something that calls guest code on the actors' threads, a bounded number at a time; tenants take turns.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        tenant: &Tenant,
        look: impl Future<Output = Result<T, AskError>> + Send + 'static,
    ) -> Result<T, AskError> {
        let place = self.looks.enter(tenant);
        let task = self.threads.spawn(async move {
            let _place = place.await;
            look.await
        });
        task.await.unwrap_or(Err(AskError::Lost))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.deployments.loader.close();
        // Their threads may be the program's, and go on.
        self.directory.force();
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Host {
    /// Begins to build a host.
    #[must_use]
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    pub(super) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// The host for as long as somebody else holds it.
    pub(super) fn downgrade(&self) -> impl Fn() -> Option<Self> + Send + use<> {
        let inner = Arc::downgrade(&self.inner);
        move || inner.upgrade().map(|inner| Self { inner })
    }

    /// Deploys a component as the next revision of a kind, for all of its actors: live ones change over one after the
    /// other, without losing a command, others when they are called. The same bytes as the active revision change nothing.
    ///
    /// # Errors
    /// Why the component may not run, or cannot read what is stored.
    pub async fn deploy(&self, tenant: &Tenant, kind: &Kind, component: &[u8]) -> Result<DeployedRevision, AskError> {
        let place = self.begin_deploy(tenant)?;
        self.deploy_in(place, tenant, kind, Bytes::copy_from_slice(component)).await
    }

    /// Adds a component as the next revision of a kind, and leaves it at that: [`Host::activate`] has actors run it. The
    /// first revision of a kind is active at once.
    ///
    /// # Errors
    /// Why the component may not run, or cannot read what is stored.
    pub async fn add_revision(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        component: &[u8],
    ) -> Result<DeployedRevision, AskError> {
        let place = self.begin_deploy(tenant)?;
        self.add_revision_in(place, tenant, kind, Bytes::copy_from_slice(component)).await
    }

    /// The same as [`Host::add_revision`], in a place that was taken before.
    ///
    /// # Errors
    /// Why the component may not run, or cannot read what is stored.
    pub async fn add_revision_in(
        &self,
        place: DeployPlace,
        tenant: &Tenant,
        kind: &Kind,
        component: Bytes,
    ) -> Result<DeployedRevision, AskError> {
        self.refuse_if_closing()?;
        Ok(self.inner.deployments.deploy(tenant, kind, (place.0, false), component).await?.0)
    }

    /// A place among the deploys of a tenant, to be taken before the component is read: how many there are bounds how
    /// many bytes of components the host holds.
    ///
    /// # Errors
    /// When the tenant may not deploy now, or has too many deploys under way.
    pub fn begin_deploy(&self, tenant: &Tenant) -> Result<DeployPlace, AskError> {
        self.refuse_if_closing()?;
        self.inner.tenants.active(tenant)?;
        Ok(DeployPlace(self.inner.deployments.loader.enter(&Owner::Tenant(tenant.clone()))?))
    }

    /// The same as [`Host::deploy`], in a place that was taken before.
    ///
    /// # Errors
    /// Why the component may not run, or cannot read what is stored.
    pub async fn deploy_in(
        &self,
        place: DeployPlace,
        tenant: &Tenant,
        kind: &Kind,
        component: Bytes,
    ) -> Result<DeployedRevision, AskError> {
        self.refuse_if_closing()?;
        let (deployed, new) = self.inner.deployments.deploy(tenant, kind, (place.0, true), component).await?;
        if new {
            let deployment = self.inner.deployments.find(tenant, kind)?;
            self.drive(tenant, kind, &deployment);
            let after_deploy = deployment.policy().supervision.after_deploy;
            self.retry_after_deploy(tenant, kind, after_deploy);
        }
        Ok(deployed)
    }

    /// Runs the deploy gate without deploying: the digest and the manifest of a component that would be accepted.
    ///
    /// # Errors
    /// Why it would be refused.
    pub async fn check(&self, component: &[u8]) -> Result<(Digest, Manifest), AskError> {
        let (loader, bytes) = (&self.inner.deployments.loader, Bytes::copy_from_slice(component));
        let component = loader.deploy(&Owner::Host, loader.enter(&Owner::Host)?, bytes).await?;
        Ok((component.digest(), component.manifest().clone()))
    }

    /// The code of a component that is not deployed, at its tenant's expense.
    pub(super) async fn load_candidate(
        &self,
        place: DeployPlace,
        tenant: &Tenant,
        bytes: Bytes,
    ) -> Result<Component, AskError> {
        self.refuse_if_closing()?;
        Ok(self.inner.deployments.loader.deploy(&Owner::Tenant(tenant.clone()), place.0, bytes).await?)
    }

    /// Components that failed to compile or to describe themselves, newest first: they are refused without another try.
    #[must_use]
    pub fn refusals(&self) -> Vec<RefusalView> {
        self.inner.deployments.loader.refusals()
    }

    /// Forgets that a component failed, so that it is tried again; false: it was not known.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn forget_refusal(&self, digest: Digest) -> Result<bool, AskError> {
        Ok(self.inner.deployments.loader.forget_refusal(digest).await?)
    }

    /// The revisions of a kind, oldest first.
    ///
    /// # Errors
    /// When the tenant or kind is unknown.
    pub async fn revisions(&self, tenant: &Tenant, kind: &Kind) -> Result<Vec<DeployedRevision>, AskError> {
        let deployment = self.inner.deployments.find(tenant, kind)?;
        let active = deployment.active_id();
        Ok(deployment.revisions().iter().map(|it| it.record.view(it.record.id() == active)).collect())
    }

    /// The active revision of every kind of a tenant, by name.
    ///
    /// # Errors
    /// When the tenant is unknown.
    pub async fn kinds(&self, tenant: &Tenant) -> Result<Vec<DeployedRevision>, AskError> {
        Ok(self.inner.deployments.kinds(tenant)?)
    }

    /// The actors of a kind that ever stored an event, by key, after `after`, at most `limit`.
    ///
    /// # Errors
    /// When the tenant or kind is unknown, or the store cannot be read.
    pub async fn actors(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ActorListing>, AskError> {
        self.inner.deployments.find(tenant, kind)?;
        Ok(self.inner.stage.provider.actors(tenant, kind, after, limit).await?)
    }

    /// One actor, by address.
    #[must_use]
    pub fn actor(&self, address: Address) -> ActorRef {
        let id = address.id();
        ActorRef { inner: Arc::clone(&self.inner), address: Arc::new(address), id }
    }

    /// The bounds of the host as a whole. Those of an actor may differ: see [`ActorRef::limits`].
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.inner.stage.limits
    }

    /// Who runs guest code now, and who waits for it.
    #[must_use]
    pub fn guest_calls(&self) -> GuestCalls {
        let (running, waiting) = self.inner.cpu.load();
        GuestCalls { running, waiting, max: self.inner.cpu.calls() }
    }

    /// Looks at everything that is stored, beside the actors and at a bounded share of the disk; changes nothing.
    ///
    /// # Errors
    /// Why it does not begin: one is under way, the provider has no verification, or the store is closed.
    pub fn verify(&self) -> Result<VerifyFeed, VerifyRefusal> {
        self.inner.stage.provider.verify()
    }

    /// Whether the host takes commands: false once a shutdown began.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.inner.directory.is_open()
    }

    /// Refuses new commands, finishes what is queued, saves, closes the store. After `deadline` it forces: what
    /// was not acknowledged by then may be lost, what was acknowledged is not.
    ///
    /// # Errors
    /// When the store could not be closed cleanly.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), AskError> {
        self.inner.closing.send_replace(true);
        self.inner.deployments.loader.close();
        if tokio::time::timeout(deadline, self.inner.directory.close()).await.is_err() {
            tracing::warn!(?deadline, "some actors did not finish in time; they are stopped where they are");
            self.inner.directory.force();
        }
        self.inner.troubles.host_ends().await;
        self.inner.keys.store_uses().await;
        self.inner.books.close().await;
        Ok(self.inner.stage.provider.close().await?)
    }

    pub(super) fn refuse_if_closing(&self) -> Result<(), AskError> {
        if self.is_ready() { Ok(()) } else { Err(AskError::ShuttingDown) }
    }
}
