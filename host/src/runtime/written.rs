//! What the journals of a kind really hold: asked of the store, not of manifests, which say what could be in them.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::AskError;
use super::deploy::Deployments;
use super::deployed::Deployed;
use super::deployment::Deployment;
use super::journal::look_through;
use super::roll::Roll;
use crate::actor::Look;
use crate::frame::Frame;
use crate::provider::{ActorListing, SharedProvider, StoreError};
use crate::sandbox::{EventType, Place, UnreadType};
use crate::vocab::{Kind, RevisionId, Sequence, Tenant};

/// Which of some event types the journals of a kind hold.
///
/// Deleted events are gone. An event that an operator skipped counts: it is in the journal. What live actors appended
/// while the journals were read counts as well; the few microseconds between a turn's end and the store's taking it do
/// not, and what is appended after the look is nobody's promise.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// The types that were asked for, each with where it was found first.
    pub(super) types: Vec<UnreadType>,
    /// Actors that were looked at; fewer than there are if every type was found before.
    pub(super) actors: u64,
    /// Of those, actors whose journals cannot be read, whatever the revision.
    pub(super) unreadable: u64,
    looks: HashMap<RevisionId, Look>,
}

/// Which types a writer's indices are, as places in the list that was asked for.
type Indices = HashMap<RevisionId, Vec<Option<usize>>>;

impl Deployments {
    /// Which of these event types the journals of a kind hold, by an actor and the number of its first such event.
    ///
    /// Reads journals until each type was found, in the worst case all of the kind, a batch at a time.
    ///
    /// # Errors
    /// When the kind is unknown or the store fails; a journal that cannot be read for its own sake is counted only.
    pub(super) async fn held_types(&self, tenant: &Tenant, kind: &Kind, types: &[EventType]) -> Result<Held, AskError> {
        let deployment = self.find(tenant, kind)?;
        let mut held = Held::begin(&deployment, types);
        let kinds = [kind.clone()];
        let mut roll = Roll::of(&self.provider, tenant, &kinds);
        while !held.is_complete()
            && let Some(page) = roll.next().await?
        {
            for listing in page {
                if held.is_complete() {
                    break;
                }
                held.look_at(&self.provider, &deployment, &listing).await?;
                tokio::task::yield_now().await;
            }
        }
        held.look_again(&deployment);
        Ok(held)
    }
}

impl Held {
    fn begin(deployment: &Deployment, types: &[EventType]) -> Self {
        let unread = |event: &EventType| UnreadType { name: event.name.clone(), version: event.version, held: None };
        let mut types: Vec<UnreadType> = types.iter().map(unread).collect();
        types.sort_by(|a, b| (&a.name, a.version).cmp(&(&b.name, b.version)));
        types.dedup();
        let revisions = deployment.revisions();
        let begin = |it: &Arc<Deployed>| Some((it.record.id(), it.appended()?.look()));
        let looks = revisions.iter().filter_map(begin).collect();
        Self { types, actors: 0, unreadable: 0, looks }
    }

    /// Nothing was asked for, so nothing is held.
    pub(super) fn none() -> Self {
        Self { types: Vec::new(), actors: 0, unreadable: 0, looks: HashMap::new() }
    }

    /// Whether a type was asked for.
    pub(super) fn covers(&self, event: &EventType) -> bool {
        self.types.iter().any(|asked| asked.name == event.name && asked.version == event.version)
    }

    fn is_complete(&self) -> bool {
        self.types.iter().all(|asked| asked.held.is_some())
    }

    /// Adds what this process has appended since the look began.
    pub(super) fn look_again(&mut self, deployment: &Deployment) {
        for revision in deployment.revisions() {
            let Some(appended) = revision.appended() else { continue };
            let look = self.looks.get(&revision.record.id()).copied().unwrap_or(Look::FIRST);
            for (index, event) in (0..).zip(revision.event_types.iter()) {
                let asked = self.types.iter_mut().find(|a| a.name == event.name && a.version == event.version);
                if let Some(asked) = asked.filter(|asked| asked.held.is_none())
                    && appended.since(look, index)
                {
                    asked.held = Some(Place { actor: None, sequence: None });
                }
            }
        }
    }

    async fn look_at(
        &mut self,
        provider: &SharedProvider,
        deployment: &Arc<Deployment>,
        listing: &ActorListing,
    ) -> Result<(), StoreError> {
        self.actors = self.actors.saturating_add(1);
        let (id, key) = (listing.address.id(), listing.address.key.as_str());
        let mut indices = Indices::new();
        let is_readable = look_through(provider, id, |frames, kept| {
            for frame in frames {
                self.take(deployment, &mut indices, frame, kept, key);
            }
            if self.is_complete() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if !is_readable.await? {
            self.unreadable = self.unreadable.saturating_add(1);
        }
        Ok(())
    }

    fn take(&mut self, deployment: &Deployment, indices: &mut Indices, frame: &Frame, kept: Sequence, key: &str) {
        let header = frame.header();
        let wanted = indices.entry(header.revision).or_insert_with(|| self.indices_of(deployment, header.revision));
        if wanted.iter().all(Option::is_none) {
            return;
        }
        let mut sequence = header.first;
        for (index, _) in frame.events() {
            let asked = wanted.get(usize::from(index)).copied().flatten();
            if let Some(asked) = asked.and_then(|at| self.types.get_mut(at))
                && asked.held.is_none()
                && sequence >= kept
            {
                asked.held = Some(Place { actor: Some(key.to_owned()), sequence: Some(sequence) });
            }
            sequence = sequence.next();
        }
    }

    fn indices_of(&self, deployment: &Deployment, written_by: RevisionId) -> Vec<Option<usize>> {
        let types = crate::actor::Code::event_types(deployment, written_by);
        let place =
            |event: &EventType| self.types.iter().position(|a| a.name == event.name && a.version == event.version);
        types.iter().flat_map(|types| types.iter()).map(place).collect()
    }
}
