//! What of an actor's journal a revision could not read, should it ever have to.

use crate::actor::Code;
use crate::provider::{Head, ReadRange, SharedProvider, SnapshotMeta, StoreError};
use crate::sandbox::EventType;
use crate::vocab::{ActorId, RevisionId, Sequence};

/// Bytes of a journal that are read at a time.
const BATCH_BYTES: usize = /* 1 MiB */ 1_024 * 1_024;

/// What stands in the way of a revision that is to run an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Its first event that the revision does not know.
    Event(Sequence, EventType),
    /// Its events through that number are deleted, and the revision reads none of its snapshots, whose states are of these
    /// versions.
    Snapshots(Sequence, Vec<u32>),
}

/// What of an actor's journal a revision could not read; `None`: nothing, as far as manifests tell. A revision is taken to
/// read every state version up to its own. Journals of kinds of which it knows every event type are not read.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn unread_by(
    provider: &SharedProvider,
    code: &dyn Code,
    id: ActorId,
    (revision, state_version): (RevisionId, u32),
) -> Result<Option<Unread>, StoreError> {
    let head = provider.head(id).await?;
    let snapshots = provider.list_snapshots(id).await?;
    let usable: Vec<&SnapshotMeta> = snapshots.iter().filter(|meta| meta.sequence >= head.deleted_through).collect();
    let base = usable.iter().find(|meta| meta.state_version <= state_version);
    if base.is_none() && head.deleted_through > Sequence::ZERO && !usable.is_empty() {
        let versions = usable.iter().map(|meta| meta.state_version).collect();
        return Ok(Some(Unread::Snapshots(head.deleted_through, versions)));
    }
    if code.knows_every_event_type(revision) {
        return Ok(None);
    }
    let from = base.map_or(head.deleted_through, |meta| meta.sequence);
    first_unknown(provider, code, id, (from, &head), revision).await
}

async fn first_unknown(
    provider: &SharedProvider,
    code: &dyn Code,
    id: ActorId,
    (from, head): (Sequence, &Head),
    revision: RevisionId,
) -> Result<Option<Unread>, StoreError> {
    let Some(known) = code.event_types(revision) else { return Ok(None) };
    if from >= head.sequence {
        return Ok(None);
    }
    let range = ReadRange { from: from.next(), through: head.sequence, batch_bytes: BATCH_BYTES };
    let mut reader = provider.read(id, range);
    while let Some(frames) = reader.next().await? {
        for frame in frames.iter().filter(|frame| !frame.is_host_event()) {
            let header = frame.header();
            let Some(written) = code.event_types(header.revision) else { continue };
            for (at, (index, _)) in (0..).zip(frame.events()) {
                let sequence = header.first.plus(at);
                match written.get(usize::from(index)) {
                    Some(event) if sequence > from && !known.contains(event) => {
                        return Ok(Some(Unread::Event(sequence, event.clone())));
                    }
                    _ => {}
                }
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(None)
}
