//! Compares the index with the log: every entry points at the record that it says, and what is live in the log is there.
//!
//! Both sides go on while it looks. So the index is taken at one moment, before the walk; what the log says up to the place that
//! this index covers must be in it, and nothing in it may go beyond what the log says at the end of the walk.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map};
use std::io;

use super::covered::{Reach, covered};
use super::layout::{self, FRAME_HEADER_BYTES, RECORD_HEADER_BYTES};
use super::ranges::Place;
use super::segments::Walk;
use super::teller::{End, at, of};
use super::view::{IndexLook, ViewFile};
use crate::frame::FrameHeader;
use crate::provider::log::disk::{Direction, Entry, IndexView, Table, is_useless};
use crate::provider::log::index::{ActorEntry, FrameEntry, Place as Pointer, SnapshotEntry, table};
use crate::provider::log::segment;
use crate::provider::{Finding, FindingKind};
use crate::vocab::{ActorId, Sequence};

/// Entries that are read together.
const PAGE_ENTRIES: usize = 256;
/// Segment files that are kept open.
const OPEN_FILES_MAX: usize = 64;
/// Findings that are told: an index that lies throughout is told by its first ones.
const TOLD_MAX: usize = 64;
/// A listener is asked whether it is still there after so many entries.
const ALIVE_EVERY_ENTRIES: u64 = 4_096;
/// What a snapshot record says before the state.
const SNAPSHOT_HEAD_BYTES: usize = 48;

/// Why the comparison ends early.
enum Stop {
    End(End),
    /// The index cannot be read.
    Unreadable(io::Error),
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// The index at one moment, and how far it was compared.
pub(super) struct Comparison {
    view: Box<dyn IndexView>,
    /// Where what it covers ends.
    covered: Place,
    files: HashMap<u64, Box<dyn ViewFile>>,
    /// Entries compared.
    entries: u64,
    actors: u64,
    runs: u64,
    wakes: u64,
    told: usize,
    /// The catalog as the log has it where the index ends: as large as it is in the memory of a server.
    catalog: BTreeMap<String, Pointer>,
    /// Keys of the catalog that were changed behind that.
    catalog_later: BTreeSet<String>,
}

impl std::fmt::Debug for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Comparison").field("entries", &self.entries).finish_non_exhaustive()
    }
}

/// What is told of the index in the end.
#[derive(Debug, Clone)]
pub(super) enum Compared {
    Entries(u64),
    Skipped(Cow<'static, str>),
}

impl Comparison {
    /// A record of the catalog, in the order of the log.
    pub(super) fn catalog_record(&mut self, key: &str, is_put: bool, place: Place, payload_bytes: usize) {
        if place >= self.covered {
            self.catalog_later.insert(key.to_owned());
        } else if is_put {
            self.catalog.insert(key.to_owned(), pointer(place, payload_bytes));
        } else {
            self.catalog.remove(key);
        }
    }
}

/// A record's payload as the index points at it.
fn pointer(place: Place, payload_bytes: usize) -> Pointer {
    let offset = place.offset + RECORD_HEADER_BYTES as u64;
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Pointer { segment: place.segment, offset: small(offset), length: small(payload_bytes as u64) }
}

impl Walk<'_> {
    /// Takes up the index, before anything of the log is walked over.
    pub(super) fn take_index(&mut self, look: IndexLook) -> Result<(), End> {
        let view = match look {
            IndexLook::Skipped(why) => return self.skip_index(why),
            IndexLook::Failed(error) => return self.unreadable_index(&error),
            IndexLook::Open(view) => view,
        };
        match covered(self, &*view) {
            Ok(Reach::Through(position, covered)) => {
                self.reach = Some((position, true));
                self.journals.covered = covered;
                self.index = Some(Comparison {
                    view,
                    covered,
                    files: HashMap::new(),
                    entries: 0,
                    actors: 0,
                    runs: 0,
                    wakes: 0,
                    told: 0,
                    catalog: BTreeMap::new(),
                    catalog_later: BTreeSet::new(),
                });
                Ok(())
            }
            Ok(Reach::Unheld(position)) => {
                self.reach = Some((position, false));
                self.skip_index("the batch that it ends with is not in the log")
            }
            Ok(Reach::Foreign) => {
                let what = "the index does not belong to this log: it is of another store";
                self.teller.tell(Finding::new(FindingKind::IndexWrong, what))?;
                self.skip_index("it does not belong to this log; the next start builds it again")
            }
            Err(error) => self.unreadable_index(&error),
        }
    }

    fn skip_index(&mut self, why: impl Into<Cow<'static, str>>) -> Result<(), End> {
        (self.index, self.compared) = (None, Compared::Skipped(why.into()));
        Ok(())
    }

    fn unreadable_index(&mut self, error: &io::Error) -> Result<(), End> {
        if !is_useless(error) {
            return self.skip_index(format!("the system did not let us read it: {error}"));
        }
        self.teller.tell(Finding::new(FindingKind::IndexUnreadable, format!("the index cannot be read: {error}")))?;
        self.skip_index("it cannot be read")
    }

    /// Compares what the index holds of the actors of this walk.
    pub(super) fn compare(&mut self) -> Result<(), End> {
        self.with_index(|index, walk| {
            index.actors(walk)?;
            index.missing(walk)
        })
    }

    /// Compares what belongs to nobody, and the numbers of entries, when all actors were compared.
    pub(super) fn compare_rest(&mut self) -> Result<(), End> {
        self.with_index(|index, walk| {
            index.catalog_entries(walk)?;
            index.counts(walk)
        })
    }

    fn with_index(&mut self, work: impl FnOnce(&mut Comparison, &mut Self) -> Result<(), Stop>) -> Result<(), End> {
        let Some(mut index) = self.index.take() else { return Ok(()) };
        if self.teller.told.corrupt > 0 {
            return self.skip_index("the log is damaged: mend that first; the index is built again from it");
        }
        match work(&mut index, self) {
            Ok(()) => {
                self.compared = Compared::Entries(index.entries);
                self.index = Some(index);
                Ok(())
            }
            Err(Stop::End(end)) => Err(end),
            Err(Stop::Unreadable(error)) => self.unreadable_index(&error),
        }
    }
}

impl Comparison {
    fn tell(&mut self, walk: &mut Walk<'_>, finding: Finding) -> Result<(), Stop> {
        self.told += 1;
        if self.told <= TOLD_MAX {
            walk.teller.tell(finding)?;
        }
        Ok(())
    }

    fn wrong(&mut self, walk: &mut Walk<'_>, of_actor: Option<&ActorEntry>, what: String) -> Result<(), Stop> {
        let finding = Finding::new(FindingKind::IndexWrong, what);
        self.tell(walk, about(finding, of_actor))
    }

    fn lacks(&mut self, walk: &mut Walk<'_>, entry: &ActorEntry, what: String) -> Result<(), Stop> {
        self.tell(walk, about(Finding::new(FindingKind::IndexMissing, what), Some(entry)))
    }

    /// One more entry was compared.
    fn entry(&mut self, walk: &mut Walk<'_>) -> Result<(), Stop> {
        self.entries += 1;
        walk.pace.rest();
        if self.entries.is_multiple_of(ALIVE_EVERY_ENTRIES) {
            walk.teller.alive()?;
        }
        Ok(())
    }

    fn page(&self, table: Table, start: &[u8], end: &[u8]) -> io::Result<(Vec<Entry>, Option<Vec<u8>>)> {
        let page = self.view.range(table, start..end, Direction::Ascending, PAGE_ENTRIES)?;
        let next = page.last().map(|(key, _)| [key.as_slice(), &[0]].concat());
        Ok((page, next))
    }

    fn actors(&mut self, walk: &mut Walk<'_>) -> Result<(), Stop> {
        let mut start = Vec::new();
        loop {
            let (page, next) = self.page(Table::Actors, &start, &[0xff; 25])?;
            for (key, value) in &page {
                let actor = table::actor_of(key);
                if actor.is_some_and(|actor| !walk.journals.is_now(actor)) {
                    continue;
                }
                self.entry(walk)?;
                self.actors += 1;
                match actor.zip(table::decode_actor(key, value)) {
                    Some((actor, entry)) => self.actor(walk, actor, &entry)?,
                    None => self.wrong(walk, None, "an entry of an actor makes no sense".to_owned())?,
                }
            }
            let Some(next) = next else { return Ok(()) };
            start = next;
        }
    }

    /// Compares all that the index says of one actor.
    fn actor(&mut self, walk: &mut Walk<'_>, actor: ActorId, entry: &ActorEntry) -> Result<(), Stop> {
        if entry.address.id() != actor {
            return self.wrong(walk, Some(entry), format!("the entry of {actor} has another actor's address"));
        }
        let Some(journal) = walk.journals.get_mut(actor) else {
            return self.wrong(walk, Some(entry), "the log does not know this actor".to_owned());
        };
        let twice = std::mem::replace(&mut journal.is_indexed, true);
        let (head, deleted) = (entry.head.sequence.0, entry.head.deleted_through.0);
        let heads = journal.covered_head..=journal.head();
        let deletions = journal.covered_deleted..=journal.deleted_through;
        let covered = self.covered;
        let stored = journal.snapshots.iter().filter(|known| known.1 < covered).map(|known| known.0);
        let indexed = |number: &u64| entry.snapshots.iter().any(|snapshot| snapshot.meta.sequence.0 == *number);
        let missing: Vec<u64> = stored.filter(|number| !indexed(number)).collect();
        if twice {
            self.wrong(walk, Some(entry), "there are two entries of this actor".to_owned())?;
        }
        if !heads.contains(&head) {
            let what = format!("the journal ends at {head} as the index says, at {} as the log says", heads.end());
            self.wrong(walk, Some(entry), what)?;
        }
        if !deletions.contains(&deleted) {
            let what = format!("events are deleted through {deleted}; the log says through {}", deletions.end());
            self.wrong(walk, Some(entry), what)?;
        }
        for number in missing {
            self.lacks(walk, entry, format!("the snapshot at {number} is not in the index"))?;
        }
        self.pointers(walk, actor, entry)?;
        self.runs(walk, actor, entry)
    }

    /// Its introduction, its snapshots, its name and its wake-up.
    fn pointers(&mut self, walk: &mut Walk<'_>, actor: ActorId, entry: &ActorEntry) -> Result<(), Stop> {
        self.introduction(walk, actor, entry)?;
        for snapshot in &entry.snapshots {
            self.snapshot(walk, actor, entry, snapshot)?;
        }
        let name = self.one(Table::Names, &table::name_key(&entry.address))?;
        if name.as_deref() != Some(actor.0.as_slice()) {
            self.lacks(walk, entry, "the actor is not in the index under its name".to_owned())?;
        }
        let generation = entry.stored.as_ref().map_or(0, |stored| stored.generation);
        if let Some(at) = entry.head.wake_at {
            self.wakes += 1;
            if self.one(Table::Wakes, &table::wake_key(at, actor, generation))?.is_none() {
                self.lacks(walk, entry, "the actor is not among those that are woken".to_owned())?;
            }
        }
        Ok(())
    }

    /// The value of exactly this key.
    fn one(&self, table: Table, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let end = [key, &[0]].concat();
        let found = self.view.range(table, key..&end, Direction::Ascending, 1)?;
        Ok(found.into_iter().next().map(|(_, value)| value))
    }

    /// Its frames: one behind the other from the first that is not deleted to the end, each where the index says.
    fn runs(&mut self, walk: &mut Walk<'_>, actor: ActorId, entry: &ActorEntry) -> Result<(), Stop> {
        let keys = table::run_keys(actor, Sequence::ZERO, Sequence::MAX);
        let (head, mut expected) = (entry.head.sequence.0, entry.head.deleted_through.0.saturating_add(1));
        let mut start = keys.start;
        loop {
            let (page, next) = self.page(Table::Runs, &start, &keys.end)?;
            for (key, value) in &page {
                self.entry(walk)?;
                self.runs += 1;
                let Some(run) = table::decode_run(key, value) else {
                    self.wrong(walk, Some(entry), "an entry of frames makes no sense".to_owned())?;
                    continue;
                };
                for frame in &run.frames {
                    let (first, last) = (frame.first.0, frame.last.0);
                    if first > expected {
                        let what = format!("events {expected} to {} are not in the index", first - 1);
                        self.lacks(walk, entry, what)?;
                    }
                    expected = expected.max(last.saturating_add(1));
                    self.frame(walk, actor, entry, frame)?;
                }
            }
            let Some(next) = next else { break };
            start = next;
        }
        if expected <= head {
            self.lacks(walk, entry, format!("events {expected} to {head} are not in the index"))?;
        } else if expected > head.max(entry.head.deleted_through.0).saturating_add(1) {
            self.wrong(walk, Some(entry), format!("the index has frames behind {head}, where the journal ends"))?;
        }
        Ok(())
    }

    fn frame(
        &mut self,
        walk: &mut Walk<'_>,
        actor: ActorId,
        entry: &ActorEntry,
        frame: &FrameEntry,
    ) -> Result<(), Stop> {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        let place = frame.place;
        if !self.read(walk, place, 0, &mut bytes)? {
            return Ok(());
        }
        let is_it = FrameHeader::decode(&bytes).is_ok_and(|header| {
            (header.actor, header.first, header.last()) == (actor, frame.first, frame.last)
                && layout::stated_frame_bytes(&bytes) == Some(place.length as usize)
        });
        if is_it { Ok(()) } else { self.points_wrong(walk, entry, place, "this frame", Some(frame.first)) }
    }

    fn introduction(&mut self, walk: &mut Walk<'_>, actor: ActorId, entry: &ActorEntry) -> Result<(), Stop> {
        let mut bytes = [0; RECORD_HEADER_BYTES + 16];
        let place = entry.introduced;
        let is_it = !self.read(walk, place, RECORD_HEADER_BYTES as u64, &mut bytes)?
            || bytes.first().is_some_and(|kind| [2, 11].contains(kind))
                && layout::u32_at(&bytes, 4) == Some(place.length)
                && layout::actor_at(&bytes, RECORD_HEADER_BYTES) == Some(actor);
        if is_it { Ok(()) } else { self.points_wrong(walk, entry, place, "the actor's address", None) }
    }

    fn snapshot(
        &mut self,
        walk: &mut Walk<'_>,
        actor: ActorId,
        entry: &ActorEntry,
        snapshot: &SnapshotEntry,
    ) -> Result<(), Stop> {
        let mut bytes = [0; RECORD_HEADER_BYTES + SNAPSHOT_HEAD_BYTES];
        let SnapshotEntry { meta, place } = snapshot;
        let payload = RECORD_HEADER_BYTES;
        let is_it = !self.read(walk, *place, RECORD_HEADER_BYTES as u64, &mut bytes)?
            || bytes.first() == Some(&3)
                && layout::u32_at(&bytes, 4) == Some(place.length)
                && layout::actor_at(&bytes, payload) == Some(actor)
                && layout::u64_at(&bytes, payload + 16) == Some(meta.sequence.0)
                && layout::u64_at(&bytes, payload + 24) == Some(meta.time.0)
                && layout::u64_at(&bytes, payload + 32) == Some(meta.state_bytes)
                && layout::u32_at(&bytes, payload + 40) == Some(meta.revision.0)
                && layout::u32_at(&bytes, payload + 44) == Some(meta.state_version);
        if is_it { Ok(()) } else { self.points_wrong(walk, entry, *place, "this snapshot", Some(meta.sequence)) }
    }

    fn points_wrong(
        &mut self,
        walk: &mut Walk<'_>,
        entry: &ActorEntry,
        place: Pointer,
        what: &str,
        sequence: Option<Sequence>,
    ) -> Result<(), Stop> {
        let place = Place { segment: place.segment, offset: place.offset.into() };
        let finding = at(FindingKind::IndexWrong, place, format!("the index says that {what} is here; it is not"));
        self.tell(walk, Finding { sequence, ..about(finding, Some(entry)) })
    }

    /// Reads from `before` bytes in front of a place; false: there is nothing to compare, the segment was given up meanwhile.
    fn read(&mut self, walk: &Walk<'_>, place: Pointer, before: u64, into: &mut [u8]) -> Result<bool, Stop> {
        into.fill(0);
        if self.files.len() >= OPEN_FILES_MAX && !self.files.contains_key(&place.segment) {
            self.files.clear();
        }
        if let hash_map::Entry::Vacant(vacant) = self.files.entry(place.segment) {
            match walk.view.open(&segment::name(place.segment)) {
                Ok(file) => _ = vacant.insert(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound && walk.is_live() => return Ok(false),
                // Zeros are nothing that an entry points at.
                Err(_) => return Ok(true),
            }
        }
        if let (Some(file), Some(start)) = (self.files.get(&place.segment), u64::from(place.offset).checked_sub(before))
            && file.read_at(start, into).is_err()
        {
            into.fill(0);
        }
        Ok(true)
    }

    /// Actors that the log has where the index ends, and the index has not.
    fn missing(&mut self, walk: &mut Walk<'_>) -> Result<(), Stop> {
        let is_missing = |journal: &super::journals::Journal| journal.seen < self.covered && !journal.is_indexed;
        let missing = walk.journals.all().filter(|(_, journal)| is_missing(journal)).map(|(actor, _)| actor);
        let mut missing: Vec<ActorId> = missing.take(TOLD_MAX).collect();
        missing.sort_unstable();
        for actor in missing {
            let finding = Finding::new(FindingKind::IndexMissing, "the actor is not in the index");
            let finding = of(finding, actor, walk.address_of(actor), None);
            self.tell(walk, finding)?;
        }
        Ok(())
    }

    fn catalog_entries(&mut self, walk: &mut Walk<'_>) -> Result<(), Stop> {
        let mut start = Vec::new();
        let mut expected = std::mem::take(&mut self.catalog);
        loop {
            let (page, next) = self.page(Table::Catalog, &start, &[0xff])?;
            for (key, value) in &page {
                self.entry(walk)?;
                let Some((name, _, place)) = table::decode_catalog(key, value) else {
                    self.wrong(walk, None, "an entry of the catalog makes no sense".to_owned())?;
                    continue;
                };
                let known = expected.remove(&name);
                if known != Some(place) && !self.catalog_later.contains(&name) {
                    self.wrong(walk, None, format!("the catalog's record {name} does not lie where the index says"))?;
                }
            }
            let Some(next) = next else { break };
            start = next;
        }
        for name in expected.into_keys().filter(|name| !self.catalog_later.contains(name)).collect::<Vec<_>>() {
            let what = format!("the catalog's record {name} is not in the index");
            self.tell(walk, Finding::new(FindingKind::IndexMissing, what))?;
        }
        Ok(())
    }

    /// Entries that no actor was found to have.
    fn counts(&mut self, walk: &mut Walk<'_>) -> Result<(), Stop> {
        let expected = [(Table::Runs, self.runs), (Table::Names, self.actors), (Table::Wakes, self.wakes)];
        for (table, expected) in expected {
            let (mut start, mut found) = (Vec::new(), 0);
            loop {
                // No key begins with this: names and catalog keys are UTF-8, ids and times are shorter.
                let (page, next) = self.page(table, &start, &[0xff; 64])?;
                found += page.len() as u64;
                walk.pace.rest();
                let Some(next) = next else { break };
                start = next;
            }
            if table != Table::Runs {
                self.entries += found;
            }
            if found != expected {
                let what = format!("the table {table:?} has {found} entries, the actors have {expected} in it");
                self.wrong(walk, None, what)?;
            }
        }
        if let Some(untold) = self.told.checked_sub(TOLD_MAX).filter(|untold| *untold > 0) {
            let what = format!("{untold} more entries of the index are wrong or missing");
            walk.teller.tell(Finding::new(FindingKind::IndexWrong, what))?;
        }
        Ok(())
    }
}

fn about(finding: Finding, entry: Option<&ActorEntry>) -> Finding {
    match entry {
        Some(entry) => of(finding, entry.address.id(), Some(entry.address.to_string()), None),
        None => finding,
    }
}
