//! Writing what changed into the index store, behind the log and never ahead of it.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::super::core::{Core, Shared};
use super::super::metric;
use super::rewrite::{Captured, Rewrite};
use super::table::{self, Meta};
use super::{FrameEntry, LogPosition, Stored, load};
use crate::provider::log::disk::{IndexBatch, IndexStore, Table};
use crate::provider::{Head, StoreError};
use crate::vocab::{ActorId, Sequence};

/// Entries that are captured or released under one hold of the lock: bounds how long an append waits for it.
const SLICE_ENTRIES: usize = 128;

/// What checkpoints know besides what is in memory; whoever holds it makes the one checkpoint of that time.
#[derive(Debug, Default)]
pub(in super::super) struct Ledger {
    /// The tag of the store.
    pub(in super::super) tag: u64,
    /// Bytes of live records by segment, as of the last checkpoint.
    pub(in super::super) live: BTreeMap<u64, u64>,
}

/// What was to be written when a checkpoint began.
struct Work {
    dirty: Vec<ActorId>,
    relocated: HashMap<ActorId, Vec<FrameEntry>>,
    gathered: Vec<Vec<u8>>,
    meta: Meta,
    generation: u64,
    changes: usize,
    lag_bytes: u64,
}

/// Why a checkpoint was not made.
#[derive(Debug)]
enum Failure {
    /// The log cannot be synced now; the checkpoint would be ahead of it.
    Log(StoreError),
    /// The index store failed: there are no checkpoints until the log is opened again.
    Index(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Index(error)
    }
}

/// Writes everything that changed, as one batch; returns how many entries that took.
///
/// A crash leaves the index as it was at the last checkpoint, or as it is after this one.
///
/// # Errors
/// What failed. The log goes on; what changed stays in memory.
pub(in super::super) fn checkpoint(shared: &Shared) -> Result<usize, StoreError> {
    let mut ledger = shared.ledger();
    let begun = Instant::now();
    let open = shared.open_index()?;
    let begun_with = begin(&mut shared.lock(), &ledger);
    let Some(work) = begun_with.map_err(|cause| shared.index_error(&io::Error::other(cause)))? else { return Ok(0) };
    let (changes, lag_bytes) = (work.changes, work.lag_bytes);
    // What waits for room in memory goes on.
    shared.work.notify_one();
    match write(shared, &*open.store, &mut ledger, work) {
        Ok(entries) => {
            let (lag_bytes, resident) = {
                let core = shared.lock();
                (core.index.lag_bytes, core.index.actors.len())
            };
            metric::checkpoint(begun.elapsed(), entries, lag_bytes, resident);
            Ok(entries)
        }
        Err(failure) => Err(give_up(shared, failure, changes, lag_bytes)),
    }
}

/// Notes where the log is and takes the list of what changed; `None`: there is nothing to do.
fn begin(core: &mut Core, ledger: &Ledger) -> Result<Option<Work>, String> {
    let index = &mut core.index;
    if let Some(cause) = &index.failed {
        return Err(cause.clone());
    }
    if index.applied == index.covered && index.changes == 0 && index.generation > 0 {
        return Ok(None);
    }
    index.changed_since = None;
    Ok(Some(Work {
        dirty: std::mem::take(&mut index.dirty),
        relocated: std::mem::take(&mut index.relocated),
        gathered: std::mem::take(&mut index.gathered),
        meta: Meta { tag: ledger.tag, covered: index.applied, dropped: index.dropped.clone(), ..Meta::default() },
        generation: index.generation + 1,
        changes: std::mem::take(&mut index.changes),
        lag_bytes: std::mem::take(&mut index.lag_bytes),
    }))
}

fn write(shared: &Shared, store: &dyn IndexStore, ledger: &mut Ledger, work: Work) -> Result<usize, Failure> {
    let Work { dirty, mut relocated, gathered, mut meta, generation, .. } = work;
    let view = store.view();
    let live = ledger.live.clone();
    let mut rewrite = Rewrite { view: &*view, generation, batch: IndexBatch::default(), live };
    let mut captured = Vec::with_capacity(dirty.len());
    for slice in dirty.chunks(SLICE_ENTRIES) {
        for (actor, entry) in capture(&mut shared.lock(), slice, generation, shared.settings.merge_reads_min) {
            captured.push((actor, entry.frames.last().map_or(Sequence::ZERO, |frame| frame.last)));
            rewrite.actor(actor, entry, relocated.remove(&actor).unwrap_or_default())?;
        }
    }
    for (actor, frames) in relocated {
        // Not captured, so the index store's deletions are all that this checkpoint has to respect.
        let deleted = load::actor(&*view, actor)?.map_or(Sequence::ZERO, |entry| entry.head.deleted_through);
        rewrite.frames(actor, deleted, deleted, Vec::new(), frames)?;
    }
    gathered.into_iter().for_each(|key| rewrite.batch.remove(Table::Scattered, key));
    catalog(&mut shared.lock(), &mut rewrite);
    let Rewrite { mut batch, mut live, .. } = rewrite;
    live.retain(|segment, bytes| *bytes > 0 && !meta.dropped.contains(segment));
    meta.live.clone_from(&live);
    batch.insert(Table::Meta, table::meta_key(generation), meta.encode());
    if generation > 1 {
        batch.remove(Table::Meta, table::meta_key(generation - 1));
    }
    // Everything captured must be durable in the log before the index speaks of it.
    shared.wait_until_synced().map_err(Failure::Log)?;
    drop(view);
    let entries = batch.len();
    store.commit(batch)?;
    ledger.live.clone_from(&live);
    release(shared, &captured, generation, meta.covered, Arc::new(live));
    Ok(entries)
}

fn capture(core: &mut Core, slice: &[ActorId], generation: u64, merge_reads_min: usize) -> Vec<(ActorId, Captured)> {
    let mut captured = Vec::with_capacity(slice.len());
    for actor in slice {
        if let Some(entry) = core.index.actors.get_mut(actor) {
            entry.is_dirty = false;
            let Head { wake_at, deleted_through, .. } = entry.head;
            entry.captured = Some(Stored { generation, wake_at, deleted_through, places: entry.places() });
            captured.push((*actor, Captured::of(entry, merge_reads_min)));
        }
    }
    captured
}

/// Writes what changed of the catalog, all under one hold of the lock: it is small and seldom changes.
fn catalog(core: &mut Core, rewrite: &mut Rewrite<'_>) {
    for (key, generation, place) in std::mem::take(&mut core.index.catalog_stale) {
        rewrite.batch.remove(Table::Catalog, table::catalog_key(&key, generation));
        rewrite.remove_live(place);
    }
    for key in std::mem::take(&mut core.index.catalog_changed) {
        let Some(entry) = core.index.catalog.get_mut(&key) else { continue };
        if let Some((generation, place)) = entry.stored.replace((rewrite.generation, entry.place)) {
            rewrite.batch.remove(Table::Catalog, table::catalog_key(&key, generation));
            rewrite.remove_live(place);
        }
        let value = table::encode_place(entry.place);
        rewrite.batch.insert(Table::Catalog, table::catalog_key(&key, rewrite.generation), value);
        rewrite.add_live(entry.place);
    }
}

/// Drops from memory what is in the index store now.
fn release(
    shared: &Shared,
    captured: &[(ActorId, Sequence)],
    generation: u64,
    covered: LogPosition,
    live: Arc<BTreeMap<u64, u64>>,
) {
    {
        let index = &mut shared.lock().index;
        index.generation = generation;
        index.covered = covered;
        index.live = live;
    }
    for slice in captured.chunks(SLICE_ENTRIES) {
        let core = &mut *shared.lock();
        for (actor, through) in slice {
            release_one(core, *actor, *through);
        }
        core.index.evict(2 * SLICE_ENTRIES);
    }
}

fn release_one(core: &mut Core, actor: ActorId, through: Sequence) {
    let Some(entry) = core.index.actors.get_mut(&actor) else { return };
    while entry.tail.pop_front_if(|frame| frame.last <= through).is_some() {}
    if let Some(stored) = entry.captured.take()
        && entry.stored.replace(stored).is_none()
    {
        core.index.fresh.remove(&entry.address);
    }
}

fn give_up(shared: &Shared, failure: Failure, changes: usize, lag_bytes: u64) -> StoreError {
    let core = &mut *shared.lock();
    // What was captured stays in memory, marked as such: the index store does not have it.
    core.index.changes += changes;
    core.index.lag_bytes += lag_bytes;
    let cause = match failure {
        Failure::Log(cause) => cause,
        Failure::Index(error) => shared.index_error(&error),
    };
    metric::index_failed();
    tracing::warn!(error = %cause, "the index is not written any more; the log goes on, and opening it again mends this");
    core.index.failed = Some(cause.to_string());
    shared.work.notify_all();
    cause
}
