//! What upkeep asks the index: what of a segment is still needed, and whose events lie scattered.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::walk::{Contents, FoundActor, FoundFrame};
use crate::provider::StoreError;
use crate::provider::log::core::Shared;
use crate::provider::log::index::{ActorEntry, FrameEntry, Place, load};
use crate::provider::log::record;
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
pub(super) fn actor(shared: &Shared, segment: u64, actor: ActorId, found: &FoundActor) -> Result<Needed, StoreError> {
    let frames = live_frames(shared, actor, found)?;
    shared.known_now(actor, |core| {
        core.check_writable()?;
        let Some(entry) = core.index.actors.get(&actor) else { return Ok(Needed::default()) };
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

/// The frames of `found` that the index points to and that are not on their way to another place; ascending.
fn live_frames(shared: &Shared, actor: ActorId, found: &FoundActor) -> Result<Vec<FoundFrame>, StoreError> {
    let ends = (found.frames.iter().map(|frame| frame.first).min(), found.frames.iter().map(|frame| frame.first).max());
    let (Some(from), Some(through)) = ends else { return Ok(Vec::new()) };
    let known: HashMap<Sequence, Place> =
        known_frames(shared, actor, from, through)?.into_iter().map(|frame| (frame.first, frame.place)).collect();
    let is_live = |frame: &&FoundFrame| known.get(&frame.first) == Some(&frame.place);
    let mut frames: Vec<FoundFrame> = found.frames.iter().filter(is_live).copied().collect();
    frames.sort_unstable_by_key(|frame| frame.first);
    Ok(frames)
}

/// What the index says of the frames of an actor in a range, without those that were relocated since the last checkpoint
/// and those that are deleted.
fn known_frames(
    shared: &Shared,
    actor: ActorId,
    from: Sequence,
    through: Sequence,
) -> Result<Vec<FrameEntry>, StoreError> {
    // The memory first: what leaves it meanwhile is in the index store.
    let (tail, deleted, moved) = shared.known_now(actor, |core| {
        let entry = core.index.actors.get(&actor);
        let tail: Vec<FrameEntry> = entry.into_iter().flat_map(|entry| entry.tail.iter().copied()).collect();
        let deleted = entry.map_or(Sequence::ZERO, |entry| entry.head.deleted_through);
        Ok((tail, deleted, core.index.moving(actor)))
    })?;
    let mut frames = Vec::new();
    let behind = tail.first().map_or(Sequence::MAX, |first| first.first);
    let open = shared.open_index()?;
    let stored = load::frames(&*open.store.view(), actor, from, through, |frame| {
        if frame.first < behind {
            frames.push(*frame);
        }
        frame.first < behind
    });
    stored.map_err(|error| shared.index_error(&error))?;
    frames.extend(tail.into_iter().filter(|frame| frame.last >= from && frame.first <= through));
    frames.retain(|frame| frame.last > deleted && !moved.contains(&frame.first));
    Ok(frames)
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

/// Looks up a catalog record that lies at `place` (`None`: its deletion does).
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
