//! Journals in the log.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt, ready};

use super::core::{Shared, settled};
use super::index::ActorEntry;
use super::queue::{Op, WriteFailure};
use super::read::{LogReader, follow, read_frames};
use super::{LogProvider, delete};
use crate::provider::admission::{Admission, admit, conflict};
use crate::provider::{
    ActorListing, Append, AppendError, Appending, DeleteGuard, EventStore, FrameReader, Head, ReadRange, StoreError,
    Wake,
};
use crate::vocab::{ActorId, Kind, Sequence, Tenant};

impl EventStore for LogProvider {
    fn append(&self, append: Append) -> Appending {
        let mut core = self.shared.lock();
        if let Err(error) = core.check_writable() {
            return ready(Err(AppendError::Failed(error))).boxed();
        }
        let header = *append.frame.header();
        let entry = core.index.actors.get(&header.actor);
        if let Some(fault) = entry.and_then(|entry| entry.fault.clone()) {
            return ready(Err(AppendError::Failed(fault))).boxed();
        }
        let end = entry.map_or(Sequence::ZERO, |entry| entry.queued);
        let limit = self.shared.settings.record_bytes_max;
        match admit(&append, entry.map(|entry| &*entry.address), end, limit) {
            Admission::Refused(error) => ready(Err(error)).boxed(),
            Admission::Taken => {
                // The place may be taken by a frame that is queued still.
                let barrier = self.shared.queue(&mut core, Op::Barrier);
                let shared = Arc::clone(&self.shared);
                async move {
                    settled(barrier).await.map_err(|failure| AppendError::Unknown(failure.into()))?;
                    repeated(&shared, append, end).await
                }
                .boxed()
            }
            Admission::Next => {
                let address = entry.is_none().then(|| Arc::clone(&append.address));
                core.index.add_actor(header.actor, &append.address).queued = header.last();
                let answer = self.shared.queue(&mut core, Op::Frame { address, frame: append.frame });
                async move { settled(answer).await.map(|()| header.last()).map_err(WriteFailure::into) }.boxed()
            }
        }
    }

    fn read(&self, actor: ActorId, range: ReadRange) -> Box<dyn FrameReader> {
        Box::new(LogReader::new(Arc::clone(&self.shared), actor, range))
    }

    fn head(&self, actor: ActorId) -> BoxFuture<'_, Result<Head, StoreError>> {
        head(&self.shared, actor).boxed()
    }

    fn delete_through(
        &self,
        actor: ActorId,
        through: Sequence,
        guard: DeleteGuard,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        delete::delete_through(&self.shared, actor, through, guard).boxed()
    }

    fn actors(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ActorListing>, StoreError>> {
        let (tenant, kind, after) = (tenant.clone(), kind.clone(), after.map(str::to_owned));
        async move {
            self.shared.settle().await?;
            let core = self.shared.lock();
            core.check_readable()?;
            let ids = core.index.directory.list(&tenant, &kind, after.as_deref());
            let entries = ids.filter_map(|id| core.index.actors.get(&id));
            Ok(entries.filter_map(ActorEntry::listing).take(limit).collect())
        }
        .boxed()
    }

    fn wakes(&self) -> BoxFuture<'_, Result<Vec<Wake>, StoreError>> {
        async move {
            self.shared.settle().await?;
            let core = self.shared.lock();
            core.check_readable()?;
            Ok(core.index.actors.values().filter_map(ActorEntry::wake).collect())
        }
        .boxed()
    }
}

/// The head, once everything queued for the actor is stored.
async fn head(shared: &Shared, actor: ActorId) -> Result<Head, StoreError> {
    let barrier = {
        let mut core = shared.lock();
        core.check_readable()?;
        let Some(entry) = core.index.actors.get(&actor) else { return Ok(Head::default()) };
        if let Some(fault) = &entry.fault {
            return Err(fault.clone());
        }
        if entry.queued == entry.head.sequence {
            return Ok(entry.head);
        }
        shared.queue(&mut core, Op::Barrier)
    };
    settled(barrier).await?;
    Ok(shared.lock().index.actors.get(&actor).map(|entry| entry.head).unwrap_or_default())
}

/// Whether the place of an append is taken by the same frame: then it was stored before, and that is told again.
async fn repeated(shared: &Arc<Shared>, append: Append, end: Sequence) -> Result<Sequence, AppendError> {
    let header = *append.frame.header();
    let same_length = |length: u32| length as usize == append.frame.bytes().len();
    let look_up = || {
        let core = shared.lock();
        let stored = core.index.actors.get(&header.actor).and_then(|entry| entry.frame_from(header.first));
        Ok(stored.filter(|stored| same_length(stored.place.length)))
    };
    let read = follow(shared, look_up, move |shared, stored| read_frames(shared, header.actor, &[*stored])).await;
    match read.map_err(AppendError::Failed)?.unwrap_or_default().first() {
        Some(frame) if *frame == append.frame => Ok(header.last()),
        _ => Err(conflict(&append, end)),
    }
}
