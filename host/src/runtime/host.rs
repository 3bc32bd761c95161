//! The face of the library.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use super::deploy::Deployments;
use super::deployment::Deployment;
use super::directory::Directory;
use super::feed::{EventFeed, Followers, Reading};
use super::loading::{Place, RefusalView};
use super::look::{Renderer, state_at};
use super::recheck::{Recheck, recheck};
use super::tenancy::{AuditLog, Books, Census, Keys, Tenants};
use super::trouble::Troubles;
use super::waker::Waker;
use super::{
    ActorStatus, AskError, Command, DeployedRevision, GuestCalls, HostBuilder, Phase, Reply, RequestError, StateView,
};
use crate::actor::{
    Code as _, DeadLetter, DeadReason, Envelope, Order, PoisonCommand, Stage, Supervisor as _, Turnstile,
};
use crate::provider::{ActorListing, VerifyFeed, VerifyRefusal};
use crate::sandbox::{Caller, CommandContext, Cpu, Manifest, limit_hit};
use crate::vocab::{ActorId, Address, Code, Digest, Kind, Limit, Limits, Owner, Sequence, Tenant};

/// A running host. Cloning shares it; [`Host::shutdown`] ends it, and so does dropping the last clone (then what
/// was not acknowledged may be lost, as in a crash).
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

/// A place among the deploys of a tenant; given back when the deploy has ended, or when it is dropped.
#[derive(Debug)]
pub struct DeployPlace(Place);

/// One actor, by address. It need not exist yet.
#[derive(Clone)]
pub struct ActorRef {
    pub(super) inner: Arc<Inner>,
    pub(super) address: Arc<Address>,
    pub(super) id: ActorId,
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
    pub(super) cpu: Cpu,
    /// True once a shutdown began; ends the feeds that follow.
    pub(super) closing: watch::Sender<bool>,
    /// The actors' own threads; taken when the host is dropped.
    pub(super) runtime: Option<tokio::runtime::Runtime>,
}

impl Inner {
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(task);
        }
    }

    /// Runs something that calls guest code on the actors' threads, a bounded number at a time; tenants take turns.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        tenant: &Tenant,
        look: impl Future<Output = Result<T, AskError>> + Send + 'static,
    ) -> Result<T, AskError> {
        let place = self.looks.enter(tenant);
        let Some(runtime) = &self.runtime else { return Err(AskError::ShuttingDown) };
        let task = runtime.spawn(async move {
            let _place = place.await;
            look.await
        });
        task.await.unwrap_or(Err(AskError::Lost))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.deployments.loader.close();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ActorRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActorRef").field("address", &self.address).finish_non_exhaustive()
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

    /// Deploys a component as the next revision of a kind; new activations use it, live actors of the kind leave
    /// after the turns that are queued and come back on it. The same bytes as the active revision change nothing.
    ///
    /// # Errors
    /// Why the component may not run, or cannot read what is stored.
    pub async fn deploy(&self, tenant: &Tenant, kind: &Kind, component: &[u8]) -> Result<DeployedRevision, AskError> {
        let place = self.begin_deploy(tenant)?;
        self.deploy_in(place, tenant, kind, Bytes::copy_from_slice(component)).await
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
        let (deployed, new) = self.inner.deployments.deploy(tenant, kind, place.0, component).await?;
        if new {
            self.inner.directory.send_off(|address| address.tenant == *tenant && address.kind == *kind).await;
            let after_deploy = self.inner.deployments.find(tenant, kind)?.policy().supervision.after_deploy;
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
        let revisions = self.inner.deployments.find(tenant, kind)?.revisions();
        let newest = revisions.len();
        Ok(revisions.iter().enumerate().map(|(at, r)| r.record.view(at.saturating_add(1) == newest)).collect())
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

    fn refuse_if_closing(&self) -> Result<(), AskError> {
        if self.is_ready() { Ok(()) } else { Err(AskError::ShuttingDown) }
    }
}

impl ActorRef {
    /// Whose it is.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.address.tenant
    }

    /// The bounds that hold for it: those that it came on stage with, or would now. Faces refuse what is over them
    /// before they buffer it.
    #[must_use]
    pub fn limits(&self) -> Arc<Limits> {
        // Whoever leaves may leave because its bounds have changed.
        let live = self.inner.directory.find(self.id).filter(|live| !live.is_leaving());
        let of_kind = || self.inner.deployments.find_limits(&self.address.tenant, &self.address.kind);
        live.map_or_else(of_kind, |live| Arc::clone(&live.limits))
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// The actor's rejection, or why there is no answer.
    pub async fn ask(&self, command: Command) -> Result<Reply, AskError> {
        let (reply_to, answer) = oneshot::channel();
        let copy = self.inner.troubles.letters.settings.clients_commands.then(|| command.clone());
        self.send(command, Some(reply_to)).await?;
        let answered = answer.await.unwrap_or(Err(AskError::Lost));
        if let (Some(command), Err(error)) = (copy, &answered) {
            self.keep_dead_command(command, error).await;
        }
        answered
    }

    /// Keeps a client's command that the actor rejected or failed at.
    async fn keep_dead_command(&self, command: Command, error: &AskError) {
        let reason = match error {
            AskError::Rejected(_) => DeadReason::Rejected,
            AskError::Guest(_) => DeadReason::Failed,
            _ => return,
        };
        let Command { name, payload, idempotency_key: key, client, .. } = command;
        let dead = PoisonCommand { name, payload, key, caller: Caller::Client(client) };
        let letter = DeadLetter::to(&self.address, reason, error.code(), error.to_string(), &dead);
        self.inner.troubles.bury(letter).await;
    }

    /// Sends a command and does not wait: resolves when it is in the mailbox. Its outcome is not reported.
    ///
    /// # Errors
    /// Why it could not be delivered.
    pub async fn tell(&self, command: Command) -> Result<(), AskError> {
        self.send(command, None).await
    }

    async fn send(
        &self,
        command: Command,
        reply_to: Option<oneshot::Sender<Result<Reply, AskError>>>,
    ) -> Result<(), AskError> {
        let sent = self.put_into_mailbox(command, reply_to).await;
        if let Err(refusal) = &sent
            && let Ok(deployment) = self.deployment()
        {
            deployment.metrics().refused(refusal.code());
        }
        sent
    }

    async fn put_into_mailbox(
        &self,
        command: Command,
        reply_to: Option<oneshot::Sender<Result<Reply, AskError>>>,
    ) -> Result<(), AskError> {
        if !self.inner.directory.is_open() {
            return Err(AskError::ShuttingDown);
        }
        self.check(&command)?;
        let stores = || self.deployment().is_ok_and(|deployment| !deployment.is_read_only(&command.name));
        let bytes = bytes_of(&command);
        let taken = self.inner.tenants.let_in(&self.address.tenant, stores, (bytes, command.on_full)).await?;
        let taken = Some(taken);
        let Command { name, payload, idempotency_key: key, client, headers, on_full } = command;
        let context = CommandContext { caller: Caller::Client(client), headers };
        let envelope = Envelope { name, payload, key, context, reply_to, since: Instant::now(), taken };
        self.inner.directory.send(&self.address, self.id, envelope, on_full).await
    }

    fn check(&self, command: &Command) -> Result<(), RequestError> {
        let limits = self.limits();
        let limit = usize::try_from(limits.command_bytes).unwrap_or(usize::MAX);
        if command.payload.len() > limit {
            limit_hit(&self.address.tenant, Limit::CommandBytes);
            return Err(RequestError::PayloadTooLarge { bytes: command.payload.len(), limit });
        }
        let Some(key) = &command.idempotency_key else { return Ok(()) };
        let key_max = usize::try_from(limits.idempotency_key_bytes).unwrap_or(usize::MAX);
        if key.is_empty() || key.len() > key_max {
            if key.len() > key_max {
                limit_hit(&self.address.tenant, Limit::IdempotencyKeyBytes);
            }
            let reason = format!("it has {} bytes; 1 to {key_max} are allowed", key.len());
            return Err(RequestError::InvalidIdempotencyKey(reason));
        }
        if key.chars().any(char::is_control) {
            return Err(RequestError::InvalidIdempotencyKey("it has a control character".to_owned()));
        }
        Ok(())
    }

    /// Where the actor is in its life. Does not activate it.
    ///
    /// # Errors
    /// When the kind is unknown, the actor never stored an event and is not live, or the store cannot be read.
    pub async fn status(&self) -> Result<ActorStatus, AskError> {
        let deployment = self.deployment()?;
        let provider = &self.inner.stage.provider;
        let live = self.inner.directory.find(self.id);
        let troubles = &self.inner.troubles;
        let standing = troubles.standing(&self.address, self.id).filter(|_| live.is_none());
        let head = provider.head(self.id).await?;
        let is_known = live.is_some() || standing.is_some() || troubles.knows(&self.address, self.id);
        if !is_known && head.sequence == Sequence::ZERO {
            return Err(RequestError::UnknownActor(self.address.to_string()).into());
        }
        let newest = provider.list_snapshots(self.id).await?.first().map(|meta| meta.sequence);
        let active = deployment.active().map_or(0, |record| record.number);
        Ok(ActorStatus {
            tenant: self.address.tenant.to_string(),
            kind: self.address.kind.to_string(),
            key: self.address.key.to_string(),
            sequence: head.sequence,
            snapshot_sequence: newest,
            deleted_through: head.deleted_through,
            revision: live.as_ref().and_then(|live| live.progress.revision()).unwrap_or(active),
            phase: match (&live, &standing) {
                (Some(live), _) => live.progress.phase(),
                (None, Some(standing)) => standing.phase(),
                (None, None) => Phase::Passive,
            },
            skipped_events: troubles.skips(self.id).map(|skips| skips.to_vec()).unwrap_or_default(),
            mailbox: live
                .as_ref()
                .map_or(0, |live| live.mailbox.max_capacity().saturating_sub(live.mailbox.capacity())),
            recovery: live.as_ref().and_then(|live| live.progress.recovery()),
        })
    }

    /// Where the actor is in its life, without asking the store, which may be slow. An actor that waits for its permit
    /// has its place in the queue.
    #[must_use]
    pub fn phase(&self) -> Phase {
        if let Some(live) = self.inner.directory.find(self.id) {
            return live.progress.phase();
        }
        self.inner.troubles.standing(&self.address, self.id).map_or(Phase::Passive, |standing| standing.phase())
    }

    /// The state as of a number (`None`: the newest durable one), rebuilt from the journal in an instance of its own.
    ///
    /// # Errors
    /// When the number is not in the journal, or the replay fails.
    pub async fn state(&self, at: Option<Sequence>) -> Result<StateView, AskError> {
        let deployment = self.deployment()?;
        let (stage, address) = (Arc::clone(&self.inner.stage), Arc::clone(&self.address));
        self.inner.look(&self.address.tenant, state_at(stage, deployment, address, at)).await
    }

    /// Replays to each of the newest snapshots from the one before it, and says where the two differ: code that drifts
    /// away from its journal. Costs about what recovering the actor costs, for each snapshot; changes nothing.
    ///
    /// # Errors
    /// When the actor or kind is unknown, or the replay fails.
    pub async fn recheck(&self) -> Result<Recheck, AskError> {
        let deployment = self.deployment()?;
        let (stage, address) = (Arc::clone(&self.inner.stage), Arc::clone(&self.address));
        self.inner.look(&self.address.tenant, recheck(stage, deployment, address)).await
    }

    /// Durable events from a number on (`Sequence::ZERO`: from the first that is kept), at most `limit`; with
    /// `follow`, waits for new ones after the last.
    ///
    /// # Errors
    /// When the actor or kind is unknown, event `from` is deleted, or the store cannot be read.
    pub async fn events(&self, from: Sequence, limit: u64, follow: bool) -> Result<EventFeed, AskError> {
        let deployment = self.deployment()?;
        let provider = Arc::clone(&self.inner.stage.provider);
        let head = provider.head(self.id).await?;
        if head.sequence == Sequence::ZERO && !follow {
            return Err(RequestError::UnknownActor(self.address.to_string()).into());
        }
        if from > Sequence::ZERO && from <= head.deleted_through {
            let (first, last) = (head.deleted_through.next(), head.sequence);
            return Err(RequestError::SequenceOutOfRange { asked: from, first, last }.into());
        }
        let renderer =
            self.inner.look(&self.address.tenant, Renderer::new(deployment, Arc::clone(&self.address))).await?;
        let next = from.max(head.deleted_through.next());
        let closing = self.inner.closing.subscribe();
        let troubles = Arc::clone(&self.inner.troubles);
        let reading = Reading { provider, troubles, renderer, actor: self.id, next, left: limit, closing };
        let Some(runtime) = &self.inner.runtime else { return Err(AskError::ShuttingDown) };
        Ok(reading.start(runtime.handle(), follow.then_some(self.inner.followers.as_ref())))
    }

    /// Takes a snapshot now and returns its number once it is durable.
    ///
    /// # Errors
    /// When the actor has no event yet, or the snapshot could not be taken or saved.
    pub async fn snapshot(&self) -> Result<Sequence, AskError> {
        self.deployment()?;
        let head = self.inner.stage.provider.head(self.id).await?;
        if head.sequence == Sequence::ZERO {
            return Err(RequestError::UnknownActor(self.address.to_string()).into());
        }
        loop {
            let handle = self.inner.directory.bring_on(&self.address, self.id)?;
            let (asker, answer) = oneshot::channel();
            if handle.orders.send(Order::Snapshot(asker)).await.is_ok()
                && let Ok(result) = answer.await
            {
                return result;
            }
            handle.gone().await; // it was leaving: ask its next activation
        }
    }

    /// Ends the activation after the turns that are queued; does nothing to a passive actor.
    ///
    /// # Errors
    /// When the kind is unknown.
    pub async fn passivate(&self) -> Result<(), AskError> {
        self.deployment()?;
        if let Some(handle) = self.inner.directory.find(self.id) {
            let _left = handle.orders.send(Order::Passivate).await;
            handle.gone().await;
        }
        Ok(())
    }

    pub(super) fn deployment(&self) -> Result<Arc<Deployment>, AskError> {
        Ok(self.inner.deployments.find(&self.address.tenant, &self.address.kind)?)
    }
}

/// What a command takes of its tenant's part of the memory.
fn bytes_of(command: &Command) -> usize {
    let headers: usize = command.headers.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum();
    let key = command.idempotency_key.as_ref().map_or(0, String::len);
    let text = command.name.len().saturating_add(command.client.len()).saturating_add(key);
    command.payload.len().saturating_add(headers).saturating_add(text)
}

impl From<crate::actor::RecoveryError> for AskError {
    fn from(error: crate::actor::RecoveryError) -> Self {
        let code: Code = error.code();
        Self::Recovery { reason: error.to_string(), code }
    }
}
