//! What one checkpoint changes in the index store, actor by actor.

use std::collections::BTreeMap;
use std::io;

use super::super::{read, record};
use super::{ActorEntry, FrameEntry, Place, load, table};
use crate::provider::Head;
use crate::provider::log::disk::{IndexBatch, IndexView, Table};
use crate::vocab::{ActorId, Sequence, Timestamp};

/// Frames of one run: bounds what a reader decodes to find one frame.
const RUN_FRAMES_MAX: usize = 512;

/// What a checkpoint has taken of an actor's entry.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) head: Head,
    pub(super) frames: Vec<FrameEntry>,
    value: Vec<u8>,
    /// Its key in the table of names, if the index store does not have it.
    name: Option<Vec<u8>>,
    stored: Option<super::Stored>,
    /// From which number on its frames are scattered, if they are.
    scattered: Option<Sequence>,
    places: Vec<Place>,
}

impl Captured {
    /// Counts the new frames, too, of which `merge_reads_min` small reads are worth a look by upkeep; 0: none are.
    pub(super) fn of(entry: &mut ActorEntry, merge_reads_min: usize) -> Self {
        let continues = |newest: Place, next| read::continues(newest, read::end_of(newest), next);
        for frame in &entry.tail {
            entry.spread.add(frame, continues);
        }
        let is_scattered = merge_reads_min > 0 && entry.spread.reads as usize >= merge_reads_min;
        let scattered = is_scattered.then(|| std::mem::take(&mut entry.spread).from);
        Self {
            scattered,
            head: entry.head,
            frames: entry.tail.iter().copied().collect(),
            value: table::encode_actor(entry),
            name: entry.stored.is_none().then(|| table::name_key(&entry.address)),
            stored: entry.stored.clone(),
            places: entry.places(),
        }
    }
}

/// A batch for the index store in the making, and the figures that it changes.
pub(super) struct Rewrite<'a> {
    pub(super) view: &'a dyn IndexView,
    pub(super) generation: u64,
    pub(super) batch: IndexBatch,
    pub(super) live: BTreeMap<u64, u64>,
}

impl Rewrite<'_> {
    pub(super) fn add_live(&mut self, place: Place) {
        *self.live.entry(place.segment).or_default() += record::padded_bytes(place.length as usize) as u64;
    }

    pub(super) fn remove_live(&mut self, place: Place) {
        if let Some(bytes) = self.live.get_mut(&place.segment) {
            *bytes = bytes.saturating_sub(record::padded_bytes(place.length as usize) as u64);
        }
    }

    /// Writes what was captured of an actor, with what was relocated of it.
    pub(super) fn actor(&mut self, actor: ActorId, captured: Captured, relocated: Vec<FrameEntry>) -> io::Result<()> {
        let stored_deleted = captured.stored.as_ref().map_or(Sequence::ZERO, |stored| stored.deleted_through);
        self.frames(actor, captured.head.deleted_through, stored_deleted, captured.frames, relocated)?;
        let stored = captured.stored.unwrap_or_default();
        if stored.generation > 0 {
            self.batch.remove(Table::Actors, table::actor_key(actor, stored.generation));
            self.wake(stored.wake_at, |batch, at| {
                batch.remove(Table::Wakes, table::wake_key(at, actor, stored.generation));
            });
        }
        stored.places.into_iter().for_each(|place| self.remove_live(place));
        captured.places.into_iter().for_each(|place| self.add_live(place));
        self.batch.insert(Table::Actors, table::actor_key(actor, self.generation), captured.value);
        let generation = self.generation;
        self.wake(captured.head.wake_at, |batch, at| {
            batch.insert(Table::Wakes, table::wake_key(at, actor, generation), Vec::new());
        });
        if let Some(from) = captured.scattered {
            self.batch.insert(Table::Scattered, table::scattered_key(actor, generation), from.0.to_le_bytes().to_vec());
        }
        if let Some(name) = captured.name {
            self.batch.insert(Table::Names, name, actor.0.to_vec());
        }
        Ok(())
    }

    fn wake(&mut self, at: Option<Timestamp>, change: impl FnOnce(&mut IndexBatch, Timestamp)) {
        if let Some(at) = at {
            change(&mut self.batch, at);
        }
    }

    /// Writes new frames, puts relocated ones in the place of what is there, and removes deleted ones.
    pub(super) fn frames(
        &mut self,
        actor: ActorId,
        deleted: Sequence,
        stored_deleted: Sequence,
        new: Vec<FrameEntry>,
        relocated: Vec<FrameEntry>,
    ) -> io::Result<()> {
        let mut moved: BTreeMap<Sequence, FrameEntry> = BTreeMap::new();
        for frame in relocated.into_iter().filter(|frame| frame.last > deleted) {
            moved.insert(frame.first, frame);
        }
        let mut frames: BTreeMap<Sequence, FrameEntry> = new.into_iter().map(|frame| (frame.first, frame)).collect();
        if deleted > stored_deleted {
            self.replace(actor, Sequence::FIRST, deleted, deleted, &moved, &mut frames)?;
        }
        let ends = moved.first_key_value().zip(moved.last_key_value());
        if let Some((from, through)) = ends.map(|((first, _), (last, _))| (*first, *last)) {
            let from = if deleted > stored_deleted { from.max(deleted.next()) } else { from };
            self.replace(actor, from, through, deleted, &moved, &mut frames)?;
        }
        frames.append(&mut moved);
        let frames: Vec<FrameEntry> = frames.into_values().collect();
        for run in frames.chunk_by(continues).flat_map(|run| run.chunks(RUN_FRAMES_MAX)) {
            let Some(first) = run.first() else { continue };
            self.batch.insert(Table::Runs, table::run_key(actor, first.first, self.generation), table::encode_run(run));
            run.iter().for_each(|frame| self.add_live(frame.place));
        }
        Ok(())
    }

    /// Removes the runs that hold numbers of `from..=through`; of their frames, those that are neither deleted nor
    /// moved go to `kept`.
    fn replace(
        &mut self,
        actor: ActorId,
        from: Sequence,
        through: Sequence,
        deleted: Sequence,
        moved: &BTreeMap<Sequence, FrameEntry>,
        kept: &mut BTreeMap<Sequence, FrameEntry>,
    ) -> io::Result<()> {
        let first = load::run_at(self.view, actor, from)?;
        let mut after = first.as_ref().and_then(|run| run.frames.first()).map_or(from.previous(), |frame| frame.first);
        let mut page: Vec<_> = first.into_iter().collect();
        loop {
            for run in page {
                let is_touched = |frame: &FrameEntry| frame.last <= deleted || moved.contains_key(&frame.first);
                let Some(first) = run.frames.first().filter(|_| run.frames.iter().any(is_touched)) else { continue };
                self.batch.remove(Table::Runs, table::run_key(actor, first.first, run.generation));
                for frame in run.frames {
                    self.remove_live(frame.place);
                    if !is_touched(&frame) {
                        kept.insert(frame.first, frame);
                    }
                }
            }
            page = load::runs_behind(self.view, actor, after, through, load::PAGE_ENTRIES)?;
            match page.last().and_then(|run| run.frames.first()) {
                Some(frame) => after = frame.first,
                None => return Ok(()),
            }
        }
    }
}

/// Whether two frames can stand in one run.
fn continues(one: &FrameEntry, next: &FrameEntry) -> bool {
    one.place.segment == next.place.segment && one.last.next() == next.first
}
