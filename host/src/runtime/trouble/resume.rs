//! Acts that change an actor's journal are written down before they begin, and finished here: at once, or after a crash.

use std::sync::Arc;

use super::record::ActRecord;
use crate::actor::{AskError, Change, HostRecord, holds, last_writer};
use crate::provider::{AppendError, DeleteGuard, ReadRange};
use crate::runtime::Host;
use crate::runtime::host::Inner;
use crate::vocab::{Address, Sequence};

/// Does what an act says to the journal, the snapshots and the catalog, wherever it was cut off. The record of the actor
/// stays, with the act: it goes when the actor is let go, or gets a newer cause.
///
/// # Errors
/// When the store refuses: then it can be finished later.
pub(super) async fn settle(inner: &Inner, address: &Arc<Address>, act: ActRecord) -> Result<(), AskError> {
    match act {
        ActRecord::Skip { sequence, head, who, why } => {
            let change = Change::Skip { sequence, who, why };
            append_once(inner, address, Sequence(head), change).await?;
            let sequence = Sequence(sequence);
            inner.troubles.skips.add(address, sequence).await?;
            // A snapshot at or behind the event holds it: no recovery may start there any more.
            delete_snapshots(inner, address, |at| at >= sequence).await?;
        }
        ActRecord::Purge { through, who, why } => {
            let last = Sequence(through);
            if through > 0 {
                append_once(inner, address, last, Change::Purge { through, who, why }).await?;
                // The events first: a snapshot alone brings nobody back to life, events without one would.
                inner.stage.provider.delete_through(address.id(), last, DeleteGuard::Forced).await?;
            }
            delete_snapshots(inner, address, |at| at <= last).await?;
            inner.troubles.skips.forget(address).await?;
        }
    }
    Ok(())
}

/// Appends the host's record behind that number, unless it stands there already.
///
/// # Errors
/// When the store refuses, or something else stands there: then another host writes to the same store.
async fn append_once(inner: &Inner, address: &Arc<Address>, after: Sequence, change: Change) -> Result<(), AskError> {
    let (provider, id) = (&inner.stage.provider, address.id());
    let head = provider.head(id).await?;
    if head.sequence > after {
        let range = ReadRange { from: after.next(), through: after.next(), batch_bytes: 1 };
        let frames = provider.read(id, range).next().await?.unwrap_or_default();
        let is_there =
            frames.first().is_some_and(|frame| frame.header().first == after.next() && holds(frame, &change));
        let conflict = AppendError::Conflict { actor: id, expected: after, actual: head.sequence };
        return if is_there { Ok(()) } else { Err(conflict.into()) };
    }
    // Its newest record still says which revision ran the actor last.
    let active = inner.deployments.find(&address.tenant, &address.kind)?.active_id();
    let revision = last_writer(&inner.stage, address).await?.unwrap_or(active);
    let wake_at = head.wake_at.filter(|_| !matches!(change, Change::Purge { .. }));
    let record = HostRecord { address, revision, after, changes: vec![change], keys: Vec::new(), wake_at };
    record.append(&inner.stage).await
}

async fn delete_snapshots(
    inner: &Inner,
    address: &Arc<Address>,
    chosen: impl Fn(Sequence) -> bool + Send,
) -> Result<(), AskError> {
    for snapshot in inner.stage.provider.list_snapshots(address.id()).await? {
        if chosen(snapshot.sequence) {
            inner.stage.provider.delete_snapshot(address.id(), snapshot.sequence).await?;
        }
    }
    Ok(())
}

/// Goes on with the acts that the last run of the host left undone, then lets their actors go if they can.
///
/// One that the store refuses is left for the next try of the operator: its actor stays quarantined.
pub(in crate::runtime) async fn resume(host: &Host) {
    let inner = host.inner();
    for (address, act) in inner.troubles.cut_off_acts() {
        let purges = matches!(act, ActRecord::Purge { .. });
        let actor = host.actor(address.as_ref().clone());
        let finished = match settle(inner, &address, act).await {
            Ok(()) if purges => actor.let_go("purged, after a crash").await,
            Ok(()) => {
                // In the background: it runs guest code.
                inner.spawn(async move { drop(actor.retry().await) });
                Ok(())
            }
            Err(error) => Err(error),
        };
        match finished {
            Ok(()) => {
                tracing::info!(actor = %address, "finished what an operator began before the last end of the host");
            }
            Err(error) => {
                tracing::error!(actor = %address, code = %error.code(), %error, "an operator's act could not be finished; repeat it");
            }
        }
    }
}
