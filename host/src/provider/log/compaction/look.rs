//! What upkeep asks the index: what of a segment is still needed, and whose events lie scattered.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::walk::{Contents, FoundActor, FoundFrame};
use crate::provider::StoreError;
use crate::provider::log::core::Shared;
use crate::provider::log::index::{ActorEntry, FrameEntry, Place, load};
use crate::provider::log::record;
use crate::provider::log::segment;
use crate::provider::log::summary::ActorSummary;
use crate::vocab::{ActorId, Sequence};

/// Scattered actors that one turn looks at: bounds how long it takes.
const SCATTERED_ACTORS_MAX: usize = 16;
/// Frames of them that it looks at: bounds what it holds in memory. Of longer journals, later entries cover the rest.
const SCATTERED_FRAMES_MAX: usize = 20_000;

/// What of a segment is still needed of one actor.
#[derive(Debug, Default)]
pub(super) struct Needed {
    /// Ascending.
    pub(super) frames: Vec<FoundFrame>,
    /// Numbers of snapshots that lie here.
    pub(super) snapshots: Vec<Sequence>,
    /// What the segment says of the actor, said again.
    pub(super) summary: Option<ActorSummary>,
}

/// Looks up what of `found`, which lies in `segment`, is still needed of `actor`.
///
/// # Errors
/// [`StoreError::Corrupt`] if the index has forgotten something of it that no deletion explains: then nobody can say what is
/// needed, and what lies here may be all that there is.
pub(super) fn actor(shared: &Shared, segment: u64, actor: ActorId, found: &FoundActor) -> Result<Needed, StoreError> {
    let frames = live_frames(shared, segment, actor, found)?;
    shared.known_now(actor, |core| {
        core.check_writable()?;
        let Some(entry) = core.index.actors.get(&actor) else {
            return Err(forgotten(shared, segment, &format!("actor {actor}")));
        };
        let here = |sequence: Sequence, place: Place| {
            entry.snapshots.iter().any(|snapshot| snapshot.meta.sequence == sequence && snapshot.place == place)
        };
        let snapshots = found.snapshots.iter().filter(|(sequence, (_, place))| here(**sequence, *place));
        let snapshots = snapshots.map(|(sequence, _)| *sequence).collect();
        // The newest frame says where the journal ends and when to wake the actor, also if its events are deleted.
        let holds_head = found.frames.iter().any(|frame| frame.last == entry.head.sequence)
            && frames.last().is_none_or(|frame| frame.last != entry.head.sequence);
        // A summary behind this segment says all that this segment says.
        let tells = (found.told || holds_head) && entry.introduced.segment <= segment;
        Ok(Needed { frames, snapshots, summary: tells.then(|| summary(actor, entry)) })
    })
}

/// The index does not know something that lies in a segment, and should.
fn forgotten(shared: &Shared, segment: u64, what: &str) -> StoreError {
    let place = shared.files.place(&segment::name(segment));
    let reason =
        format!("the index has forgotten {what}; stop the host and delete the directory `index`: it is built again");
    StoreError::Corrupt { place, reason }
}

/// The frames of `found` that the index points to and that are not on their way to another place; ascending.
fn live_frames(
    shared: &Shared,
    segment: u64,
    actor: ActorId,
    found: &FoundActor,
) -> Result<Vec<FoundFrame>, StoreError> {
    let ends = (found.frames.iter().map(|frame| frame.first).min(), found.frames.iter().map(|frame| frame.first).max());
    let (Some(from), Some(through)) = ends else { return Ok(Vec::new()) };
    let known = known_frames(shared, actor, from, through)?;
    let explained = |frame: &FoundFrame| {
        frame.last <= known.deleted || known.moving.contains(&frame.first) || known.places.contains_key(&frame.first)
    };
    if let Some(frame) = found.frames.iter().find(|frame| !explained(frame)) {
        return Err(forgotten(
            shared,
            segment,
            &format!("the events {} to {} of actor {actor}", frame.first, frame.last),
        ));
    }
    let is_live = |frame: &&FoundFrame| {
        known.places.get(&frame.first) == Some(&frame.place)
            && frame.last > known.deleted
            && !known.moving.contains(&frame.first)
    };
    let mut frames: Vec<FoundFrame> = found.frames.iter().filter(is_live).copied().collect();
    frames.sort_unstable_by_key(|frame| frame.first);
    // What the index takes for a frame of this segment must be one, or giving the segment up would take away what it points to.
    let here = |(first, place): &(&Sequence, &Place)| {
        place.segment == segment && **first > known.deleted && !known.moving.contains(first)
    };
    if known.places.iter().filter(here).count() != frames.iter().filter(|frame| frame.first > known.deleted).count() {
        return Err(forgotten(shared, segment, &format!("where the events of actor {actor} lie")));
    }
    Ok(frames)
}

/// What the index says of frames of an actor.
struct Known {
    /// Where they lie, by their first numbers; some of them may be deleted or on their way.
    places: HashMap<Sequence, Place>,
    /// Relocated since the last checkpoint.
    moving: HashSet<Sequence>,
    deleted: Sequence,
}

/// What the index says of the frames of an actor in a range.
fn known_frames(shared: &Shared, actor: ActorId, from: Sequence, through: Sequence) -> Result<Known, StoreError> {
    // The memory first: what leaves it meanwhile is in the index store.
    let (tail, moving) = shared.known_now(actor, |core| {
        let entry = core.index.actors.get(&actor);
        let tail: Vec<FrameEntry> = entry.into_iter().flat_map(|entry| entry.tail.iter().copied()).collect();
        Ok((tail, core.index.moving(actor)))
    })?;
    let mut places = HashMap::new();
    let behind = tail.first().map_or(Sequence::MAX, |first| first.first);
    let open = shared.open_index()?;
    let stored = load::frames(&*open.store.view(), actor, from, through, |frame| {
        if frame.first < behind {
            places.insert(frame.first, frame.place);
        }
        frame.first < behind
    });
    stored.map_err(|error| shared.index_error(&error))?;
    let tail = tail.into_iter().filter(|frame| frame.last >= from && frame.first <= through);
    places.extend(tail.map(|frame| (frame.first, frame.place)));
    // Last: whatever a checkpoint has struck out meanwhile was deleted by then.
    let deleted = shared.known_now(actor, |core| {
        Ok(core.index.actors.get(&actor).map_or(Sequence::ZERO, |entry| entry.head.deleted_through))
    })?;
    Ok(Known { places, moving, deleted })
}

/// Whether the index still points to anything of a segment.
pub(super) fn is_needed(shared: &Shared, contents: &Contents) -> Result<bool, StoreError> {
    for (id, found) in &contents.actors {
        let needed = actor(shared, contents.number, *id, found)?;
        if !needed.frames.is_empty() || !needed.snapshots.is_empty() || needed.summary.is_some() {
            return Ok(true);
        }
    }
    for (key, place) in &contents.catalog {
        if place.is_some() && catalog(shared, key, *place)? == CatalogFate::Needed {
            return Ok(true);
        }
    }
    Ok(false)
}

fn summary(actor: ActorId, entry: &ActorEntry) -> ActorSummary {
    let snapshots = entry.snapshots.iter().map(|snapshot| snapshot.meta.sequence).collect();
    ActorSummary { actor, address: Arc::clone(&entry.address), head: entry.head, snapshots }
}

/// What becomes of a catalog record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CatalogFate {
    /// It is the newest: copy it.
    Needed,
    /// Another one took its place.
    Replaced,
    /// There is none of this key.
    Absent,
}

/// Looks up a catalog record that lies at `place` (`None`: its deletion does). A record that has no entry was deleted further
/// on, or its entry was lost: what is in use of the segment tells that, see [`is_all_accounted_for`].
pub(super) fn catalog(shared: &Shared, key: &str, place: Option<Place>) -> Result<CatalogFate, StoreError> {
    let core = shared.lock();
    core.check_writable()?;
    Ok(match core.index.catalog.get(key) {
        Some(known) if Some(known.place) == place => CatalogFate::Needed,
        Some(_) => CatalogFate::Replaced,
        None => CatalogFate::Absent,
    })
}

/// Bytes of every segment that the index pointed to at the last checkpoint. A segment that is not named holds none.
pub(super) fn live_bytes(shared: &Shared) -> Arc<BTreeMap<u64, u64>> {
    Arc::clone(&shared.lock().index.live)
}

/// Checks that of a segment from which everything was moved nothing is in use, as the last checkpoint counts it. The count does
/// not come from the entries: one that went missing, of whatever table, is counted still.
///
/// # Errors
/// [`StoreError::Corrupt`] if something of it is.
pub(super) fn is_all_accounted_for(shared: &Shared, number: u64) -> Result<(), StoreError> {
    match live_bytes(shared).get(&number) {
        None | Some(0) => Ok(()),
        Some(bytes) => Err(forgotten(shared, number, &format!("{bytes} bytes that it counts as in use"))),
    }
}

/// An actor whose frames lie scattered, and where they lie.
#[derive(Debug)]
pub(super) struct Scattered {
    pub(super) actor: ActorId,
    pub(super) frames: Vec<FrameEntry>,
    /// The entry that remembers it.
    pub(super) key: Vec<u8>,
}

/// Actors that checkpoints found scattered, behind the entry `after`, a bounded number; none whose newest frame lies in the
/// newest segment: they are busy still. Also returns behind which entry to go on; `None`: there are no more.
pub(super) fn scattered(shared: &Shared, after: &[u8]) -> Result<(Vec<Scattered>, Option<Vec<u8>>), StoreError> {
    let open = shared.open_index()?;
    let view = open.store.view();
    let failed = |error| shared.index_error(&error);
    let entries = load::scattered(&*view, after, SCATTERED_ACTORS_MAX).map_err(failed)?;
    let (mut found, mut seen, mut last) = (Vec::new(), 0, None);
    for (key, actor, from) in entries {
        if seen >= SCATTERED_FRAMES_MAX {
            break;
        }
        let mut frames = Vec::new();
        let read = load::frames(&*view, actor, from, Sequence::MAX, |frame| {
            frames.push(*frame);
            frames.len() < SCATTERED_FRAMES_MAX
        });
        read.map_err(failed)?;
        seen += frames.len();
        last = Some(key.clone());
        if is_quiet(shared, actor, &frames) {
            found.push(Scattered { actor, frames, key });
        }
    }
    Ok((found, last))
}

/// Whether nothing was written of the actor for a while, and nothing of it is on its way.
fn is_quiet(shared: &Shared, actor: ActorId, frames: &[FrameEntry]) -> bool {
    let core = shared.lock();
    let in_memory = core.index.actors.get(&actor);
    let has_tail = in_memory.is_some_and(|entry| !entry.tail.is_empty() || entry.queued > entry.head.sequence);
    let newest = frames.last().map_or(0, |frame| frame.place.segment);
    !has_tail && newest < core.tail.segment && core.index.moving(actor).is_empty()
}

/// The bytes that `needed` takes at the end of the log, roughly.
pub(super) fn needed_bytes(needed: &Needed, found: &FoundActor) -> u64 {
    let frames: usize = needed.frames.iter().map(|frame| frame.place.length as usize).sum();
    let snapshots = needed.snapshots.iter().filter_map(|sequence| found.snapshots.get(sequence));
    let snapshots: usize = snapshots.map(|(_, place)| record::padded_bytes(place.length as usize)).sum();
    let summary = needed.summary.as_ref().map_or(0, |summary| record::padded_bytes(summary.payload_bytes()));
    (frames + snapshots + summary) as u64
}

/// Whether a deletion that lies in `contents` can be forgotten: nothing older is left that it could be about.
pub(super) fn is_oldest(contents: &Contents, segments: &[u64]) -> bool {
    segments.iter().all(|number| *number >= contents.number)
}
