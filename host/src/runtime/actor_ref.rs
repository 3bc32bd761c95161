//! One actor, as the library's users hold it.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::deployment::Deployment;
use super::directory::Handle;
use super::feed::{EventFeed, Reading};
use super::host::Inner;
use super::look::{Renderer, state_at};
use super::recheck::{Recheck, recheck};
use super::{ActorStatus, AskError, Command, Phase, Reply, RequestError, StateView};
use crate::actor::{Code as _, DeadLetter, DeadReason, Envelope, Order, PoisonCommand, Supervisor as _};
use crate::sandbox::{Caller, CommandContext, limit_hit};
use crate::vocab::{ActorId, Address, Code, Limit, Limits, Sequence, Tenant};

/// One actor, by address. It need not exist yet.
#[derive(Clone)]
pub struct ActorRef {
    pub(super) inner: Arc<Inner>,
    pub(super) address: Arc<Address>,
    pub(super) id: ActorId,
}

impl std::fmt::Debug for ActorRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActorRef").field("address", &self.address).finish_non_exhaustive()
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
        self.limits_of(self.inner.directory.find(self.id).as_deref())
    }

    fn limits_of(&self, live: Option<&Handle>) -> Arc<Limits> {
        // Whoever leaves may leave because its bounds have changed.
        let staying = live.filter(|live| !live.is_leaving());
        let of_kind = || self.inner.deployments.find_limits(&self.address.tenant, &self.address.kind);
        staying.map_or_else(of_kind, |live| Arc::clone(&live.limits))
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
        let found = self.inner.directory.find(self.id);
        self.check(&command, &self.limits_of(found.as_deref()))?;
        let stores = || self.deployment().is_ok_and(|deployment| !deployment.is_read_only(&command.name));
        let bytes = bytes_of(&command);
        let taken = self.inner.tenants.let_in(&self.address.tenant, stores, (bytes, command.on_full)).await?;
        let taken = Some(taken);
        let Command { name, payload, idempotency_key: key, client, headers, on_full } = command;
        let context = CommandContext { caller: Caller::Client(client), headers };
        let envelope = Box::new(Envelope { name, payload, key, context, reply_to, since: Instant::now(), taken });
        self.inner.directory.send(&self.address, self.id, found, (envelope, on_full)).await
    }

    fn check(&self, command: &Command, limits: &Limits) -> Result<(), RequestError> {
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
        let assigned = deployment.assigned_number(&self.address).unwrap_or_default();
        Ok(ActorStatus {
            tenant: self.address.tenant.to_string(),
            kind: self.address.kind.to_string(),
            key: self.address.key.to_string(),
            sequence: head.sequence,
            snapshot_sequence: newest,
            deleted_through: head.deleted_through,
            revision: live.as_ref().and_then(|live| live.progress.revision()).unwrap_or(assigned),
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
        let (looks, tenant) = (self.inner.looks.clone(), self.address.tenant.clone());
        let (actor, left) = (self.id, limit);
        let reading = Reading { provider, troubles, renderer, actor, next, left, closing, looks, tenant, place: None };
        Ok(reading.start(self.inner.threads.handle(), follow.then_some(self.inner.followers.as_ref())))
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
