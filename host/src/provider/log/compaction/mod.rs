//! Upkeep: giving back the space of what was deleted, and bringing together what is scattered.
//!
//! Everything that changes goes through the committer, so the order of the log stays the truth. Whatever is moved is
//! durable at its new place before anything of the old one is removed; a crash leaves more copies than needed, never less.

mod choose;
mod copy;
mod drop;
mod look;
mod merge;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, MutexGuard, PoisonError};

use self::choose::{SegmentUse, choose};
pub(super) use self::copy::Pace;
use self::copy::{Mover, copy_needed, needed_bytes};
use self::drop::DropFailure;
use self::walk::Contents;
use super::core::{Life, Shared};
use super::index::checkpoint::checkpoint;
use super::queue::Op;
use super::{LogProvider, metric};
use crate::provider::StoreError;

/// How often a segment is looked at again because callers changed what was being moved. They would have to be very fast
/// to be faster each time; the segment is tried again later then.
const PASSES_MAX: usize = 8;
/// A segment that was not worth giving up is looked at again once so much less of it is needed (one over it).
const LOOK_AGAIN_PART: u64 = 8;

/// Upkeep's own thread: does whatever is worth it after a checkpoint, until the log ends. It has one of its own because it
/// waits for the committer, and the committer for checkpoints.
pub(super) fn run(shared: &Shared) {
    while wait_for_work(shared) {
        tend(shared);
    }
}

/// Waits until there was a checkpoint; `false`: the log has ended.
fn wait_for_work(shared: &Shared) -> bool {
    let mut core = shared.lock();
    loop {
        if matches!(core.life, Life::Closed | Life::Abandoned) {
            return false;
        }
        if std::mem::take(&mut core.upkeep_due) && core.life == Life::Open {
            return true;
        }
        core = shared.upkeep_wake.wait(core).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Does whatever is worth it now.
fn tend(shared: &Shared) {
    let pace = Pace::share(shared.settings.upkeep_percent);
    for work in [compact, merge] {
        // As long as it gets somewhere: afterwards the store may be quiet for long.
        let mut done = work(shared, pace);
        while done.as_ref().is_ok_and(|done| done.segments_given_up + done.actors_merged > 0) {
            done = work(shared, pace);
        }
        match done {
            Ok(_) | Err(StoreError::Closed | StoreError::Poisoned { .. }) => {}
            Err(StoreError::DiskFull { .. }) => tracing::debug!("no room for upkeep now"),
            Err(error) => tracing::warn!(%error, "upkeep stopped; it is tried again after the next checkpoint"),
        }
    }
}

/// What upkeep can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Maintenance {
    /// Brings the index up to the end of the log.
    Checkpoint,
    /// Gives up segments of which little is needed.
    Compact,
    /// Brings the events of quiet actors together.
    Merge,
}

/// What upkeep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Maintained {
    /// Segments whose files were removed.
    pub segments_given_up: u64,
    /// Bytes of those files.
    pub bytes_given_back: u64,
    /// Bytes that were written again at the end of the log.
    pub bytes_copied: u64,
    /// Actors whose events were brought together.
    pub actors_merged: u64,
    /// Segments that stay because something in them is damaged; the log names it.
    pub segments_damaged: u64,
}

/// What upkeep remembers from one turn to the next; gone when the log is closed.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// Segments that are damaged: they stay, for whoever repairs them.
    damaged: BTreeSet<u64>,
    /// Segments of which more was needed than the index alone could tell, and what the index said then.
    not_worth: BTreeMap<u64, u64>,
    /// The last entry of a scattered actor that was looked at; `None`: it begins again.
    merged_through: Option<Vec<u8>>,
    /// A file could not be removed durably: nothing more is given up in this life of the log.
    stuck: bool,
}

impl LogProvider {
    /// Does some upkeep now and returns what it did. It is safe at any time; callers go on, and it takes no more of the
    /// disk's time than the settings allow.
    ///
    /// A crash during it loses nothing: what was moved is there once or twice.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] when there is no room for what has to be moved first, and as for any write.
    pub async fn maintain(&self, what: Maintenance) -> Result<Maintained, StoreError> {
        let shared = Arc::clone(&self.shared);
        let work = tokio::task::spawn_blocking(move || {
            let pace = Pace::share(shared.settings.upkeep_percent);
            match what {
                Maintenance::Checkpoint => checkpoint(&shared).map(|_| Maintained::default()),
                Maintenance::Compact => compact(&shared, pace),
                Maintenance::Merge => merge(&shared, pace),
            }
        });
        work.await.map_err(|_| StoreError::Closed)?
    }
}

/// Gives up every segment that is worth it now.
pub(super) fn compact(shared: &Shared, pace: Pace) -> Result<Maintained, StoreError> {
    let mut upkeep = lock(shared);
    checkpoint(shared)?;
    let mut done = Maintained::default();
    // No room to move what these need; others may need nothing moved, and give room.
    let mut postponed = BTreeSet::new();
    let mut full = None;
    // What is moved may fill further segments: they are the next turn's matter. Each may be tried twice.
    for _ in 0..files(shared)?.len() * 2 {
        let mut segments = upkeep.candidates(shared)?;
        segments.retain(|segment| !postponed.contains(&segment.number));
        let number = choose(&segments, shared.settings.give_up_below_percent).filter(|_| !upkeep.stuck);
        let Some(used) = segments.iter().find(|segment| Some(segment.number) == number).copied() else { break };
        let before = done.segments_given_up;
        match clean(shared, &mut upkeep, used, pace, &mut done) {
            Ok(()) if done.segments_given_up > before => {
                postponed.clear();
                full = None;
            }
            Ok(()) => {}
            Err(error @ StoreError::DiskFull { .. }) => {
                postponed.insert(used.number);
                full = Some(error);
            }
            Err(error @ StoreError::Corrupt { .. }) => {
                report(&error, "the segment is kept");
                upkeep.damaged.insert(used.number);
                done.segments_damaged += 1;
            }
            Err(error) => return Err(error),
        }
    }
    full.map_or(Ok(done), Err)
}

/// Brings the events of some quiet actors together.
pub(super) fn merge(shared: &Shared, pace: Pace) -> Result<Maintained, StoreError> {
    let mut upkeep = lock(shared);
    // What is written since the last checkpoint is not looked at.
    checkpoint(shared)?;
    let (actors_merged, bytes_copied) = merge::merge_some(shared, &mut upkeep.merged_through, pace)?;
    // Readers use the new places from now on.
    checkpoint(shared)?;
    metric::merged(actors_merged);
    Ok(Maintained { actors_merged, bytes_copied, ..Maintained::default() })
}

/// Waits until upkeep that is under way has ended; what it tries after the log's end fails.
pub(super) fn wait_for_end(shared: &Shared) {
    let unanswered = shared.lock().queue.take_all();
    std::mem::drop(unanswered);
    std::mem::drop(lock(shared));
}

fn lock(shared: &Shared) -> MutexGuard<'_, Upkeep> {
    shared.upkeep.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every segment file and its length.
fn files(shared: &Shared) -> Result<BTreeMap<u64, u64>, StoreError> {
    let listed = shared.files.segments();
    listed.map_err(|error| super::writer::io_error("listing", &shared.files.place("segments"), &error))
}

impl Upkeep {
    /// The sealed segments that may be given up.
    fn candidates(&mut self, shared: &Shared) -> Result<Vec<SegmentUse>, StoreError> {
        let tail = {
            let core = shared.lock();
            core.check_writable()?;
            core.tail.segment
        };
        let live = look::live_bytes(shared);
        let mut files = files(shared)?;
        // The newest segment is being written, and those behind it are prepared.
        let _in_use = files.split_off(&tail);
        let segments = files.into_iter().map(|(number, bytes)| {
            let live = live.get(&number).copied().unwrap_or(0);
            SegmentUse { number, bytes, live }
        });
        let segments: Vec<_> = segments.filter(|segment| !self.damaged.contains(&segment.number)).collect();
        self.not_worth.retain(|number, then| {
            let now = segments.iter().find(|segment| segment.number == *number);
            now.is_some_and(|now| now.live.saturating_add(now.bytes / LOOK_AGAIN_PART) > *then)
        });
        Ok(segments.into_iter().filter(|segment| !self.not_worth.contains_key(&segment.number)).collect())
    }
}

/// Moves what is needed out of one segment and gives it up, if that is worth it.
fn clean(
    shared: &Shared,
    upkeep: &mut Upkeep,
    used: SegmentUse,
    pace: Pace,
    done: &mut Maintained,
) -> Result<(), StoreError> {
    let number = used.number;
    let contents = Contents::read(shared, number)?;
    let segments: Vec<u64> = files(shared)?.into_keys().collect();
    let needed = SegmentUse { live: needed_bytes(shared, &contents, &segments)?, ..used };
    if !needed.is_below(shared.settings.give_up_below_percent) {
        upkeep.not_worth.insert(number, used.live);
        return Ok(());
    }
    for _ in 0..PASSES_MAX {
        let mut mover = Mover::new(shared, pace);
        let copied = copy_needed(&mut mover, shared, &contents, &segments);
        done.bytes_copied += mover.bytes;
        let left_out = mover.left_out;
        copied?;
        if left_out == 0 {
            return finish(shared, upkeep, used, &contents, &segments, done);
        }
    }
    upkeep.not_worth.insert(number, used.live);
    Ok(())
}

/// Gives up a segment of which nothing is needed any more.
fn finish(
    shared: &Shared,
    upkeep: &mut Upkeep,
    used: SegmentUse,
    contents: &Contents,
    segments: &[u64],
    done: &mut Maintained,
) -> Result<(), StoreError> {
    // Readers and the index leave the segment first. Then a second look: nothing is removed that the index points to.
    checkpoint(shared)?;
    if look::is_needed(shared, contents)? {
        tracing::error!(segment = used.number, "something of a segment could not be moved; it is kept");
        metric::kept();
        upkeep.not_worth.insert(used.number, used.live);
        return Ok(());
    }
    look::is_all_accounted_for(shared, used.number)?;
    match drop::give_up(shared, used.number, segments) {
        Ok(()) => {}
        Err(DropFailure::NotBegun(error)) => return Err(error),
        Err(DropFailure::Unfinished(error)) => {
            tracing::error!(%error, "no more space is given back until the store is opened again");
            metric::kept();
            upkeep.stuck = true;
            return Err(error);
        }
    }
    tracing::info!(segment = used.number, bytes = used.bytes, "gave a segment back");
    metric::given_up(used.bytes);
    done.segments_given_up += 1;
    done.bytes_given_back += used.bytes;
    Ok(())
}

/// Logs and counts damage that upkeep found.
fn report(error: &StoreError, consequence: &str) {
    tracing::error!(%error, consequence, "upkeep found damage");
    metric::kept();
}

/// Hands something to the committer and waits for its answer; on a thread that may wait.
fn submit(shared: &Shared, op: Op) -> Result<(), StoreError> {
    let answer = {
        let mut core = shared.lock();
        core.check_writable()?;
        shared.queue(&mut core, op)
    };
    match answer.blocking_recv() {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(StoreError::Closed),
    }
}
