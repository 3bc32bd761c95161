//! What of which revision is kept: frames that it wrote, whose event types replays must know, and snapshots that it took,
//! which it alone may be able to read.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::AskError;
use super::deploy::Deployments;
use super::journal::look_through;
use super::roll::Roll;
use super::views::{KeptView, KeptWhat};
use crate::provider::StoreError;
use crate::vocab::{Address, Kind, RevisionId, Sequence, Tenant};

/// What of some revisions is kept.
pub(super) struct Kept {
    /// `None`: nothing was found.
    of: HashMap<RevisionId, Option<KeptView>>,
    /// An actor whose journal cannot be read: whatever was not found may be in there.
    unreadable: Option<String>,
}

impl Deployments {
    /// What of these revisions is kept, by the first that was found. Reads journals until each was found, in the worst case
    /// all of the kind, a batch at a time.
    ///
    /// # Errors
    /// When the store fails; a journal that cannot be read for its own sake may hold anything.
    pub(super) async fn kept(&self, tenant: &Tenant, kind: &Kind, ids: &[RevisionId]) -> Result<Kept, AskError> {
        let mut kept = Kept { of: ids.iter().map(|id| (*id, None)).collect(), unreadable: None };
        let kinds = [kind.clone()];
        let mut roll = Roll::of(&self.provider, tenant, &kinds);
        while !kept.is_complete()
            && let Some(page) = roll.next().await?
        {
            for listing in page {
                if kept.is_complete() {
                    break;
                }
                self.look_at(&mut kept, &listing.address).await?;
                tokio::task::yield_now().await;
            }
        }
        Ok(kept)
    }

    async fn look_at(&self, kept: &mut Kept, address: &Address) -> Result<(), StoreError> {
        let (id, key) = (address.id(), address.key.as_str());
        for meta in self.provider.list_snapshots(id).await? {
            kept.note(meta.revision, key, meta.sequence, KeptWhat::Snapshot);
        }
        let is_readable = look_through(&self.provider, id, |frames, from| {
            for frame in frames {
                let header = frame.header();
                kept.note(header.revision, key, header.first.max(from), KeptWhat::Frame);
            }
            if kept.is_complete() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if !is_readable.await? {
            kept.unreadable.get_or_insert_with(|| key.to_owned());
        }
        Ok(())
    }
}

impl Kept {
    fn is_complete(&self) -> bool {
        self.of.values().all(Option::is_some)
    }

    fn note(&mut self, id: RevisionId, actor: &str, sequence: Sequence, what: KeptWhat) {
        if let Some(empty) = self.of.get_mut(&id).filter(|found| found.is_none()) {
            *empty = Some(KeptView { what, actor: Some(actor.to_owned()), sequence: Some(sequence) });
        }
    }

    /// What of a revision is kept.
    pub(super) fn of(&self, id: RevisionId) -> KeptView {
        let nothing = KeptView { what: KeptWhat::Nothing, actor: None, sequence: None };
        let unreadable =
            |actor: &String| KeptView { what: KeptWhat::Unknown, actor: Some(actor.clone()), sequence: None };
        let found = self.of.get(&id).cloned().flatten();
        found.or_else(|| self.unreadable.as_ref().map(unreadable)).unwrap_or(nothing)
    }
}

impl KeptView {
    /// Why its revision cannot be removed; `None`: nothing is kept.
    pub(super) fn why(&self) -> Option<String> {
        let actor = self.actor.as_deref().unwrap_or_default();
        let at = self.sequence.unwrap_or_default();
        match self.what {
            KeptWhat::Nothing => None,
            KeptWhat::Frame => Some(format!("it wrote what is kept of actor {actor} from event {at} on")),
            KeptWhat::Snapshot => Some(format!("it took the snapshot of actor {actor} at event {at}")),
            KeptWhat::Unknown => {
                Some(format!("the journal of actor {actor} cannot be read, and may hold what it wrote"))
            }
        }
    }
}
