//! What upkeep asks the index: what of a segment is still needed, and whose events lie scattered.

use std::collections::BTreeMap;

use super::walk::{Contents, FoundActor, FoundFrame};
use crate::provider::StoreError;
use crate::provider::log::core::Shared;
use crate::provider::log::index::{ActorEntry, FrameEntry, Place};
use crate::provider::log::record;
use crate::provider::log::summary::ActorSummary;
use crate::vocab::{ActorId, Sequence};

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
    let core = shared.lock();
    core.check_writable()?;
    let Some(entry) = core.index.actors.get(&actor) else { return Ok(Needed::default()) };
    let is_live = |frame: &&FoundFrame| entry.frame_from(frame.first).is_some_and(|known| known.place == frame.place);
    let mut frames: Vec<FoundFrame> = found.frames.iter().filter(is_live).copied().collect();
    frames.sort_unstable_by_key(|frame| frame.first);
    let here = |sequence: Sequence, place: Place| {
        entry.snapshots.iter().any(|snapshot| snapshot.meta.sequence == sequence && snapshot.place == place)
    };
    let snapshots = found.snapshots.iter().filter(|(sequence, (_, place))| here(**sequence, *place));
    let snapshots = snapshots.map(|(sequence, _)| *sequence).collect();
    // The newest frame says where the journal ends and when to wake the actor, also if its events are deleted.
    let holds_head = found.frames.iter().any(|frame| frame.last == entry.head.sequence)
        && frames.last().is_none_or(|frame| frame.last != entry.head.sequence);
    // A summary behind this segment says all that this segment says.
    let tells = (found.told || holds_head) && entry.introduced <= segment;
    Ok(Needed { frames, snapshots, summary: tells.then(|| summary(actor, entry)) })
}

fn summary(actor: ActorId, entry: &ActorEntry) -> ActorSummary {
    let snapshots = entry.snapshots.iter().map(|snapshot| snapshot.meta.sequence).collect();
    ActorSummary { actor, address: std::sync::Arc::clone(&entry.address), head: entry.head, snapshots }
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
        Some(known) if Some(*known) == place => CatalogFate::Needed,
        Some(_) => CatalogFate::Replaced,
        None => CatalogFate::Absent,
    })
}

/// Bytes of every segment that the index points to. A segment that is not named holds none.
pub(super) fn live_bytes(shared: &Shared) -> BTreeMap<u64, u64> {
    let core = shared.lock();
    let mut live = BTreeMap::new();
    let mut add = |place: Place| {
        let bytes = record::padded_bytes(place.length as usize) as u64;
        live.entry(place.segment).and_modify(|sum| *sum += bytes).or_insert(bytes);
    };
    for entry in core.index.actors.values() {
        entry.frames.iter().for_each(|frame| add(frame.place));
        entry.snapshots.iter().for_each(|snapshot| add(snapshot.place));
    }
    core.index.catalog.values().for_each(|place| add(*place));
    live
}

/// Actors, at most `limit`, of whom `is_scattered` says so; none whose newest frame lies in the newest segment: they are
/// busy still.
pub(super) fn scattered(
    shared: &Shared,
    limit: usize,
    is_scattered: impl Fn(&[FrameEntry]) -> bool,
) -> Vec<(ActorId, Vec<FrameEntry>)> {
    let core = shared.lock();
    let quiet = core.index.actors.iter().filter(|(_, entry)| {
        entry.fault.is_none() && entry.frames.back().is_some_and(|newest| newest.place.segment < core.tail.segment)
    });
    let frames = quiet.map(|(actor, entry)| (*actor, entry.frames.iter().copied().collect::<Vec<_>>()));
    frames.filter(|(_, frames)| is_scattered(frames)).take(limit).collect()
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
