//! After a checkpoint failed: the index store is opened again, what it holds then says whether the checkpoint is in it, and
//! either way it goes on from there.

use std::io;
use std::time::Instant;

use super::super::core::{Core, Life, Shared};
use super::super::metric;
use super::checkpoint::{Ledger, Work, finish};
use super::load;
use crate::decide::index_retry_after;
use crate::provider::StoreError;
use crate::provider::log::disk::is_useless;

/// Checkpoints fail, and when the next one is tried.
#[derive(Debug)]
pub(in super::super) struct Failed {
    /// The last failure.
    pub(super) cause: StoreError,
    failures: u32,
    /// What the index store holds makes no sense.
    pub(in super::super) is_useless: bool,
    pub(super) again_at: Instant,
}

/// What became of a checkpoint.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Written,
    NotWritten,
    /// The index store is of neither moment: what memory left to it may not be there.
    Neither,
}

/// Finds out what became of the checkpoint that failed, if there is one, in an index store that is opened anew: after a failure
/// it shows what it may not hold.
///
/// # Errors
/// Why it cannot be told yet. What changed stays in memory.
pub(super) fn mend(shared: &Shared, ledger: &mut Ledger) -> Result<(), StoreError> {
    let Some(work) = ledger.unfinished.take() else { return Ok(()) };
    match outcome(shared, ledger, &work) {
        Ok(Outcome::Written) => {
            let index = &mut shared.lock().index;
            index.changes = index.changes.saturating_sub(work.changes);
            index.lag_bytes = index.lag_bytes.saturating_sub(work.lag_bytes);
        }
        Ok(Outcome::NotWritten) => {
            restore(&mut shared.lock(), work);
            return Ok(());
        }
        Ok(Outcome::Neither) => return Err(refuse(shared)),
        Err(error) => {
            ledger.unfinished = Some(work);
            return Err(failed(shared, &error));
        }
    }
    finish(shared, ledger, work);
    Ok(())
}

fn outcome(shared: &Shared, ledger: &Ledger, work: &Work) -> io::Result<Outcome> {
    let (disk, memory) = (shared.files.disk(), shared.settings.index_memory());
    // It writes when it is opened: better an old one that can be read than none.
    if disk.free_bytes()?.is_some_and(|free| free < memory.write_bytes) {
        return Err(io::ErrorKind::StorageFull.into());
    }
    shared.access.reopen(&*disk, memory)?;
    let open = shared.access.open().ok().flatten().ok_or_else(|| io::Error::other("it is not open"))?;
    let covered = shared.lock().index.covered;
    Ok(match load::meta(&*open.store.view())? {
        Some((generation, meta)) if generation == work.generation && meta == work.meta => Outcome::Written,
        Some((generation, meta))
            if generation + 1 == work.generation && (meta.tag, meta.covered) == (ledger.tag, covered) =>
        {
            Outcome::NotWritten
        }
        None if work.generation == 1 => Outcome::NotWritten,
        _ => Outcome::Neither,
    })
}

/// An index that went back behind what memory relies on would let journals begin anew: nothing is written or read by it.
fn refuse(shared: &Shared) -> StoreError {
    let cause = "the index does not hold what it held; opening the log mends that".to_owned();
    tracing::error!(%cause, "the log refuses writes until it is reopened");
    shared.access.lose();
    let mut core = shared.lock();
    if core.life == Life::Open {
        core.life = Life::Poisoned { cause: cause.clone() };
    }
    shared.work.notify_all();
    StoreError::Poisoned { cause }
}

/// Notes a failure, and when the next try is.
pub(super) fn failed(shared: &Shared, error: &io::Error) -> StoreError {
    let cause = shared.index_error(error);
    metric::index_failed();
    let core = &mut *shared.lock();
    let failures = core.index.failed.as_ref().map_or(0, |failed| failed.failures).saturating_add(1);
    let after = index_retry_after(failures);
    tracing::warn!(%error, again_after_s = after.as_secs(), "the index cannot be written; the log goes on as long as memory has room");
    let (is_useless, again_at) = (is_useless(error), Instant::now() + after);
    core.index.failed = Some(Failed { cause: cause.clone(), failures, is_useless, again_at });
    // Who waits for this checkpoint learns of it.
    shared.work.notify_all();
    cause
}

/// Puts back into memory what a checkpoint took that was not written, beside what changed since.
pub(super) fn restore(core: &mut Core, work: Work) {
    let index = &mut core.index;
    for captured in work.captured {
        if let Some(entry) = index.actors.get_mut(&captured.actor) {
            entry.spread = captured.spread;
        }
    }
    for actor in work.dirty {
        let Some(entry) = index.actors.get_mut(&actor) else { continue };
        let was_captured = entry.captured.take().is_some();
        // One that changed after it was captured is on the list again.
        let is_listed = was_captured && entry.is_dirty;
        entry.is_dirty = true;
        if !is_listed {
            index.dirty.push(actor);
        }
    }
    for (actor, mut frames) in work.relocated {
        let newer = index.relocated.remove(&actor).unwrap_or_default();
        frames.extend(newer);
        index.relocated.insert(actor, frames);
    }
    index.gathered.extend(work.gathered);
    for (key, before) in work.catalog.changed {
        let is_this = |(stale, generation, _): &(String, u64, _)| *stale == key && *generation == work.generation;
        if let Some(at) = index.catalog_stale.iter().position(is_this) {
            // It was deleted since: what is removed of it is what the index store still holds.
            index.catalog_stale.swap_remove(at);
            index.catalog_stale.extend(before.map(|(generation, place)| (key, generation, place)));
        } else if let Some(entry) = index.catalog.get_mut(&key) {
            entry.stored = before;
            index.catalog_changed.insert(key);
        }
    }
    index.catalog_stale.extend(work.catalog.stale);
    index.changed_since.get_or_insert_with(Instant::now);
}
