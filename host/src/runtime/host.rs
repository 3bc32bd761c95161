//! The face of the library.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{
    ActorStatus, AskError, Command, DeployedRevision, EventView, HostSettings, Reply, RequestError, StateView,
};
use crate::provider::{ActorListing, SharedProvider};
use crate::sandbox::Manifest;
use crate::vocab::{Address, Clock, Digest, Kind, Limits, Sequence, Tenant};

/// Builds a [`Host`]: settings are data, the provider and the clock are injected.
#[derive(Default)]
pub struct HostBuilder {}

impl std::fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostBuilder").finish_non_exhaustive()
    }
}

/// A running host. Cloning shares it; [`Host::shutdown`] ends it.
#[derive(Debug, Clone)]
pub struct Host {}

/// One actor, by address. It need not exist yet.
#[derive(Debug, Clone)]
pub struct ActorRef {}

/// Events of one actor as they become durable.
#[derive(Debug)]
pub struct EventFeed {}

impl HostBuilder {
    /// Where everything durable goes. Without it, the host keeps everything in memory.
    #[must_use]
    pub fn provider(self, _provider: SharedProvider) -> Self {
        todo!()
    }

    /// What an operator may tweak.
    #[must_use]
    pub fn settings(self, _settings: HostSettings) -> Self {
        todo!()
    }

    /// Where compiled code is kept between runs; without it, components are compiled again at start.
    #[must_use]
    pub fn compile_cache(self, _dir: PathBuf) -> Self {
        todo!()
    }

    /// Where the time of turns comes from; the machine's clock by default.
    #[must_use]
    pub fn clock(self, _clock: Arc<dyn Clock>) -> Self {
        todo!()
    }

    /// Starts the host: checks the machine's limits, loads the deployments.
    ///
    /// # Errors
    /// Settings that contradict each other, machine limits that are too low, a store that cannot be read.
    pub async fn build(self) -> Result<Host, AskError> {
        todo!()
    }
}

impl Host {
    /// Begins to build a host.
    #[must_use]
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// Deploys a component as the next revision of a kind; new activations use it. The same bytes as the active
    /// revision change nothing and return that revision.
    ///
    /// # Errors
    /// Why the component may not run, or cannot read what is stored.
    pub async fn deploy(
        &self,
        _tenant: &Tenant,
        _kind: &Kind,
        _component: &[u8],
    ) -> Result<DeployedRevision, AskError> {
        todo!()
    }

    /// Runs the deploy gate without deploying: the digest and the manifest of a component that would be accepted.
    ///
    /// # Errors
    /// Why it would be refused.
    pub async fn check(&self, _component: &[u8]) -> Result<(Digest, Manifest), RequestError> {
        todo!()
    }

    /// The revisions of a kind, oldest first.
    ///
    /// # Errors
    /// When the tenant or kind is unknown, or the store cannot be read.
    pub async fn revisions(&self, _tenant: &Tenant, _kind: &Kind) -> Result<Vec<DeployedRevision>, AskError> {
        todo!()
    }

    /// The active revision of every kind of a tenant, by name.
    ///
    /// # Errors
    /// When the tenant is unknown.
    pub async fn kinds(&self, _tenant: &Tenant) -> Result<Vec<DeployedRevision>, AskError> {
        todo!()
    }

    /// The actors of a kind that ever stored an event, by key, after `after`, at most `limit`.
    ///
    /// # Errors
    /// When the tenant or kind is unknown, or the store cannot be read.
    pub async fn actors(
        &self,
        _tenant: &Tenant,
        _kind: &Kind,
        _after: Option<&str>,
        _limit: usize,
    ) -> Result<Vec<ActorListing>, AskError> {
        todo!()
    }

    /// One actor, by address.
    #[must_use]
    pub fn actor(&self, _address: Address) -> ActorRef {
        todo!()
    }

    /// The bounds that this host keeps; faces refuse what is over them before they buffer it.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        todo!()
    }

    /// Whether the host takes commands: false once a shutdown began.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        todo!()
    }

    /// Refuses new commands, finishes what is queued, saves, closes the store. After `deadline` it forces: what
    /// was not acknowledged by then may be lost, what was acknowledged is not.
    ///
    /// # Errors
    /// When the store could not be closed cleanly.
    pub async fn shutdown(&self, _deadline: Duration) -> Result<(), AskError> {
        todo!()
    }
}

impl ActorRef {
    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// The actor's rejection, or why there is no answer.
    pub async fn ask(&self, _command: Command) -> Result<Reply, AskError> {
        todo!()
    }

    /// Sends a command and does not wait: resolves when it is in the mailbox. Its outcome is not reported.
    ///
    /// # Errors
    /// Why it could not be delivered.
    pub async fn tell(&self, _command: Command) -> Result<(), AskError> {
        todo!()
    }

    /// Where the actor is in its life. Does not activate it.
    ///
    /// # Errors
    /// When the kind is unknown or the store cannot be read.
    pub async fn status(&self) -> Result<ActorStatus, AskError> {
        todo!()
    }

    /// The state as of a number (`None`: now), rebuilt from the durable journal in an instance of its own.
    ///
    /// # Errors
    /// When the number is not in the journal, or the replay fails.
    pub async fn state(&self, _at: Option<Sequence>) -> Result<StateView, AskError> {
        todo!()
    }

    /// Durable events from a number on, at most `limit`; with `follow`, waits for new ones after the last.
    ///
    /// # Errors
    /// When the actor or kind is unknown, or the store cannot be read.
    pub async fn events(&self, _from: Sequence, _limit: u64, _follow: bool) -> Result<EventFeed, AskError> {
        todo!()
    }

    /// Takes a snapshot now and returns its number once it is durable.
    ///
    /// # Errors
    /// When the actor has no event yet, or the snapshot could not be taken or saved.
    pub async fn snapshot(&self) -> Result<Sequence, AskError> {
        todo!()
    }

    /// Ends the activation after the turns that are queued; does nothing to a passive actor.
    ///
    /// # Errors
    /// When the kind is unknown.
    pub async fn passivate(&self) -> Result<(), AskError> {
        todo!()
    }
}

impl EventFeed {
    /// The next event; `None` at the end (never, when following).
    ///
    /// # Errors
    /// When the store cannot be read or the component cannot render the event.
    pub async fn next(&mut self) -> Result<Option<EventView>, AskError> {
        todo!()
    }
}
