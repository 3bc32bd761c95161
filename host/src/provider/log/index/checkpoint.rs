//! Writing what changed into the index store, behind the log and never ahead of it.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::super::core::{Core, Shared};
use super::super::metric;
use super::mend::{failed, mend, restore};
use super::rewrite::{Captured, Rewrite};
use super::table::{self, Meta};
use super::{FrameEntry, Place, Spread, Stored, load};
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
    /// A checkpoint of which it is not known whether it is in the index store.
    pub(super) unfinished: Option<Work>,
}

/// What one checkpoint writes, and all that it takes to do it again should it fail.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) dirty: Vec<ActorId>,
    pub(super) captured: Vec<CapturedActor>,
    pub(super) relocated: HashMap<ActorId, Vec<FrameEntry>>,
    pub(super) gathered: Vec<Vec<u8>>,
    pub(super) catalog: CapturedCatalog,
    pub(super) meta: Meta,
    pub(super) generation: u64,
    pub(super) changes: usize,
    pub(super) lag_bytes: u64,
}

/// An actor whose entry is being written.
#[derive(Debug, Clone, Copy)]
pub(super) struct CapturedActor {
    pub(super) actor: ActorId,
    /// Its frames up to here are.
    pub(super) through: Sequence,
    /// How scattered its frames were before these were counted.
    pub(super) spread: Spread,
}

/// What is being written of the catalog.
#[derive(Debug, Default)]
pub(super) struct CapturedCatalog {
    /// Entries that are removed.
    pub(super) stale: Vec<(String, u64, Place)>,
    /// Keys whose entry is written, and the one that it takes the place of.
    pub(super) changed: Vec<(String, Option<(u64, Place)>)>,
}

/// Why a checkpoint was not made.
#[derive(Debug)]
enum Failure {
    /// The log cannot be synced now; the checkpoint would be ahead of it.
    Log(StoreError),
    /// The index store failed: it is opened again before the next checkpoint.
    Index(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Index(error)
    }
}

/// Writes everything that changed, as one batch; returns how many entries that took. After a failure the index store is opened
/// again first.
///
/// A crash leaves the index as it was at the last checkpoint, or as it is after this one.
///
/// # Errors
/// What failed. The log goes on; what changed stays in memory.
pub(in super::super) fn checkpoint(shared: &Shared) -> Result<usize, StoreError> {
    let mut ledger = shared.ledger();
    let begun = Instant::now();
    mend(shared, &mut ledger)?;
    let open = shared.open_index()?;
    let begun_with = begin(&mut shared.lock(), &ledger);
    let Some(mut work) = begun_with else {
        succeeded(&mut shared.lock());
        return Ok(0);
    };
    // What waits for room in memory goes on.
    shared.work.notify_one();
    match write(shared, &*open.store, &ledger, &mut work) {
        Ok(entries) => {
            finish(shared, &mut ledger, work);
            let (lag_bytes, resident) = {
                let mut core = shared.lock();
                succeeded(&mut core);
                (core.index.lag_bytes, core.index.actors.len())
            };
            metric::checkpoint(begun.elapsed(), entries, lag_bytes, resident);
            Ok(entries)
        }
        Err(failure) => Err(give_up(shared, &mut ledger, failure, work)),
    }
}

/// Notes where the log is and takes the list of what changed; `None`: there is nothing to do.
fn begin(core: &mut Core, ledger: &Ledger) -> Option<Work> {
    let index = &mut core.index;
    if index.applied == index.covered && index.changes == 0 && index.generation > 0 {
        return None;
    }
    index.changed_since = None;
    Some(Work {
        dirty: std::mem::take(&mut index.dirty),
        captured: Vec::new(),
        relocated: std::mem::take(&mut index.relocated),
        gathered: std::mem::take(&mut index.gathered),
        catalog: CapturedCatalog::default(),
        meta: Meta { tag: ledger.tag, covered: index.applied, dropped: index.dropped.clone(), ..Meta::default() },
        generation: index.generation + 1,
        changes: std::mem::take(&mut index.changes),
        lag_bytes: std::mem::take(&mut index.lag_bytes),
    })
}

/// Puts what changed into the index store; `work` gets what was captured for it.
fn write(shared: &Shared, store: &dyn IndexStore, ledger: &Ledger, work: &mut Work) -> Result<usize, Failure> {
    let generation = work.generation;
    let mut relocated = work.relocated.clone();
    let view = store.view();
    let live = ledger.live.clone();
    let mut rewrite = Rewrite { view: &*view, generation, batch: IndexBatch::default(), live };
    for slice in work.dirty.chunks(SLICE_ENTRIES) {
        let captured = capture(&mut shared.lock(), slice, generation, shared.settings.merge_reads_min);
        for (noted, entry) in captured {
            work.captured.push(noted);
            rewrite.actor(noted.actor, entry, relocated.remove(&noted.actor).unwrap_or_default())?;
        }
    }
    for (actor, frames) in relocated {
        // Not captured, so the index store's deletions are all that this checkpoint has to respect.
        let deleted = load::actor(&*view, actor)?.map_or(Sequence::ZERO, |entry| entry.head.deleted_through);
        rewrite.frames(actor, deleted, deleted, Vec::new(), frames)?;
    }
    work.gathered.iter().for_each(|key| rewrite.batch.remove(Table::Scattered, key.clone()));
    work.catalog = catalog(&mut shared.lock(), &mut rewrite);
    let Rewrite { mut batch, mut live, .. } = rewrite;
    live.retain(|segment, bytes| *bytes > 0 && !work.meta.dropped.contains(segment));
    work.meta.live = live;
    batch.insert(Table::Meta, table::meta_key(generation), work.meta.encode());
    if generation > 1 {
        batch.remove(Table::Meta, table::meta_key(generation - 1));
    }
    // Everything captured must be durable in the log before the index speaks of it.
    shared.wait_until_synced().map_err(Failure::Log)?;
    drop(view);
    let entries = batch.len();
    store.commit(batch)?;
    Ok(entries)
}

fn capture(
    core: &mut Core,
    slice: &[ActorId],
    generation: u64,
    merge_reads_min: usize,
) -> Vec<(CapturedActor, Captured)> {
    let mut captured = Vec::with_capacity(slice.len());
    for actor in slice {
        if let Some(entry) = core.index.actors.get_mut(actor) {
            entry.is_dirty = false;
            let Head { wake_at, deleted_through, .. } = entry.head;
            entry.captured = Some(Stored { generation, wake_at, deleted_through, places: entry.places() });
            let through = entry.tail.back().map_or(Sequence::ZERO, |frame| frame.last);
            let noted = CapturedActor { actor: *actor, through, spread: entry.spread };
            captured.push((noted, Captured::of(entry, merge_reads_min)));
        }
    }
    captured
}

/// Writes what changed of the catalog, all under one hold of the lock: it is small and seldom changes.
fn catalog(core: &mut Core, rewrite: &mut Rewrite<'_>) -> CapturedCatalog {
    let stale = std::mem::take(&mut core.index.catalog_stale);
    for (key, generation, place) in &stale {
        rewrite.batch.remove(Table::Catalog, table::catalog_key(key, *generation));
        rewrite.remove_live(*place);
    }
    let mut changed = Vec::new();
    for key in std::mem::take(&mut core.index.catalog_changed) {
        let Some(entry) = core.index.catalog.get_mut(&key) else { continue };
        let before = entry.stored.replace((rewrite.generation, entry.place));
        if let Some((generation, place)) = before {
            rewrite.batch.remove(Table::Catalog, table::catalog_key(&key, generation));
            rewrite.remove_live(place);
        }
        let value = table::encode_place(entry.place);
        rewrite.batch.insert(Table::Catalog, table::catalog_key(&key, rewrite.generation), value);
        rewrite.add_live(entry.place);
        changed.push((key, before));
    }
    CapturedCatalog { stale, changed }
}

/// Drops from memory what is in the index store now.
pub(super) fn finish(shared: &Shared, ledger: &mut Ledger, work: Work) {
    ledger.live.clone_from(&work.meta.live);
    {
        let index = &mut shared.lock().index;
        index.generation = work.generation;
        index.covered = work.meta.covered;
        index.live = Arc::new(work.meta.live);
    }
    for slice in work.captured.chunks(SLICE_ENTRIES) {
        let core = &mut *shared.lock();
        for captured in slice {
            release_one(core, captured.actor, captured.through);
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

fn succeeded(core: &mut Core) {
    if core.index.failed.take().is_some() {
        tracing::info!("the index is written again");
    }
}

fn give_up(shared: &Shared, ledger: &mut Ledger, failure: Failure, work: Work) -> StoreError {
    {
        let index = &mut shared.lock().index;
        index.changes += work.changes;
        index.lag_bytes += work.lag_bytes;
    }
    match failure {
        // Nothing was written. The log says of itself what is wrong with it.
        Failure::Log(cause) => {
            restore(&mut shared.lock(), work);
            cause
        }
        Failure::Index(error) => {
            ledger.unfinished = Some(work);
            failed(shared, &error)
        }
    }
}
