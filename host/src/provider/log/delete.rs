//! Deleting events: only behind a snapshot that was read and found sound, unless forced.

use std::sync::Arc;

use super::core::{Core, Shared};
use super::index::{ActorEntry, Place};
use super::queue::Op;
use super::read::{blocking, read_snapshot};
use crate::provider::{DeleteGuard, StoreError};
use crate::vocab::{ActorId, Address, Sequence};

/// A snapshot that covers what is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cover {
    address: Arc<Address>,
    sequence: Sequence,
    place: Place,
}

/// What to do next.
enum Next {
    /// There is nothing to delete.
    Done,
    Delete(Op),
    Verify(Cover),
}

/// Hides events through that number. The snapshot they are deleted behind is verified first, on a blocking thread; one
/// that is damaged covers nothing, and neither does one whose deletion is queued.
///
/// A crash before the result leaves the events hidden or not.
pub(super) async fn delete_through(
    shared: &Arc<Shared>,
    actor: ActorId,
    through: Sequence,
    guard: DeleteGuard,
) -> Result<(), StoreError> {
    let bounded = |core: &mut Core| {
        core.check_writable()?;
        Ok(core.index.actors.get(&actor).map_or(Sequence::ZERO, |entry| through.min(entry.queued)))
    };
    let through = shared.known(actor, bounded).await?;
    if guard == DeleteGuard::Forced {
        let decide =
            |core: &mut Core| Ok(remaining(core, actor, through).map(|_| Op::DeleteThrough { actor, through }));
        return shared.write_of(actor, decide).await;
    }
    let mut sound: Option<Cover> = None;
    // At most as many as there are snapshots.
    let mut damaged: Vec<Cover> = Vec::new();
    loop {
        let mut cover = None;
        let decide = |core: &mut Core| match next(core, actor, through, sound.as_ref(), &damaged)? {
            Next::Done => Ok(None),
            Next::Delete(op) => Ok(Some(op)),
            Next::Verify(found) => {
                cover = Some(found);
                Ok(None)
            }
        };
        shared.write_of(actor, decide).await?;
        let Some(found) = cover else { return Ok(()) };
        match verify(shared, &found).await {
            Ok(()) => sound = Some(found),
            // Upkeep may have moved it meanwhile: then another place is looked up, and this one never again.
            Err(error) => {
                tracing::error!(%error, %actor, "a snapshot cannot be read; no events are deleted behind it");
                damaged.push(found);
            }
        }
    }
}

async fn verify(shared: &Arc<Shared>, cover: &Cover) -> Result<(), StoreError> {
    let (address, place) = (Arc::clone(&cover.address), cover.place);
    blocking(shared, move |shared| read_snapshot(shared, address, place)).await.map(|_| ())
}

/// The actor, if it has events through that number that are not deleted yet.
fn remaining(core: &Core, actor: ActorId, through: Sequence) -> Option<&ActorEntry> {
    core.index.actors.get(&actor).filter(|entry| through > entry.head.deleted_through)
}

fn next(
    core: &Core,
    actor: ActorId,
    through: Sequence,
    sound: Option<&Cover>,
    damaged: &[Cover],
) -> Result<Next, StoreError> {
    let Some(entry) = remaining(core, actor, through) else { return Ok(Next::Done) };
    let stays = entry.snapshots.iter().filter(|snapshot| !core.deleting.contains_key(&(actor, snapshot.meta.sequence)));
    let mut covers = stays.map(|snapshot| Cover {
        address: Arc::clone(&entry.address),
        sequence: snapshot.meta.sequence,
        place: snapshot.place,
    });
    let newest = covers.rfind(|cover| !damaged.contains(cover));
    match newest {
        Some(cover) if cover.sequence >= through && sound == Some(&cover) => {
            Ok(Next::Delete(Op::DeleteThrough { actor, through }))
        }
        Some(cover) if cover.sequence >= through => Ok(Next::Verify(cover)),
        newest => Err(StoreError::NotCovered { actor, through, newest: newest.map(|cover| cover.sequence) }),
    }
}
