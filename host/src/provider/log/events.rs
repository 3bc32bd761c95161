//! Journals in the log.

use std::sync::{Arc, MutexGuard};

use futures_util::future::{BoxFuture, FutureExt, ready};

use super::core::{Core, Shared, settled};
use super::queue::{Op, WriteFailure};
use super::read::{LogReader, blocking, follow, frame_from, read_frames};
use super::{LogProvider, delete, list};
use crate::provider::admission::{Admission, admit, conflict};
use crate::provider::{
    ActorListing, Append, AppendError, Appending, DeleteGuard, EventStore, FrameReader, Head, ReadRange, StoreError,
    Wake,
};
use crate::vocab::{ActorId, Kind, Sequence, Tenant};

impl EventStore for LogProvider {
    fn append(&self, append: Append) -> Appending {
        let actor = append.frame.header().actor;
        loop {
            let core = self.shared.lock();
            if let Err(error) = core.check_writable() {
                return ready(Err(AppendError::Failed(error))).boxed();
            }
            if core.index.knows(actor) {
                return self.append_known(core, append);
            }
            drop(core);
            // The order of the calls decides, so it cannot be put off to another thread.
            if let Err(error) = self.shared.load(actor) {
                return ready(Err(AppendError::Failed(error))).boxed();
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
            blocking(&self.shared, move |shared| list::actors(shared, &tenant, &kind, after, limit)).await
        }
        .boxed()
    }

    fn wakes(&self) -> BoxFuture<'_, Result<Vec<Wake>, StoreError>> {
        async move {
            self.shared.settle().await?;
            blocking(&self.shared, list::wakes).await
        }
        .boxed()
    }
}

impl LogProvider {
    /// Decides about an append whose actor is known; under the lock.
    fn append_known(&self, mut core: MutexGuard<'_, Core>, append: Append) -> Appending {
        let header = *append.frame.header();
        let entry = core.index.actors.get_mut(&header.actor);
        let end = entry.as_ref().map_or(Sequence::ZERO, |entry| entry.queued);
        let limit = self.shared.settings.record_bytes_max;
        match admit(&append, entry.as_ref().map(|entry| &*entry.address), end, limit) {
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
                let address = match entry {
                    Some(entry) => {
                        entry.queued = header.last();
                        None
                    }
                    None => {
                        let entry = core.index.add_actor(header.actor, &append.address);
                        entry.into_iter().for_each(|entry| entry.queued = header.last());
                        Some(Arc::clone(&append.address))
                    }
                };
                let answer = self.shared.queue(&mut core, Op::Frame { address, frame: append.frame });
                async move { settled(answer).await.map(|()| header.last()).map_err(WriteFailure::into) }.boxed()
            }
        }
    }
}

/// The head, once everything queued for the actor is stored.
async fn head(shared: &Arc<Shared>, actor: ActorId) -> Result<Head, StoreError> {
    let look = |core: &mut Core| {
        let Some(entry) = core.index.actors.get(&actor) else { return Ok(Ok(Head::default())) };
        if entry.queued == entry.head.sequence {
            return Ok(Ok(entry.head));
        }
        Ok(Err(shared.queue(core, Op::Barrier)))
    };
    match shared.known(actor, look).await? {
        Ok(head) => return Ok(head),
        Err(barrier) => settled(barrier).await?,
    }
    let look = |core: &mut Core| Ok(core.index.actors.get(&actor).map(|entry| entry.head).unwrap_or_default());
    shared.known(actor, look).await
}

/// Whether the place of an append is taken by the same frame: then it was stored before, and that is told again.
async fn repeated(shared: &Arc<Shared>, append: Append, end: Sequence) -> Result<Sequence, AppendError> {
    let header = *append.frame.header();
    let length = append.frame.bytes().len();
    let look_up = move |shared: &Shared| {
        let stored = frame_from(shared, header.actor, header.first)?;
        Ok(stored.filter(|stored| stored.place.length as usize == length))
    };
    let read = follow(shared, look_up, move |shared, stored| read_frames(shared, header.actor, &[*stored])).await;
    match read.map_err(AppendError::Failed)?.unwrap_or_default().first() {
        Some(frame) if *frame == append.frame => Ok(header.last()),
        _ => Err(conflict(&append, end)),
    }
}
