//! Moving what is needed to the end of the log, batch by batch, at a bounded share of the disk's time.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::look::{self, CatalogFate};
use super::submit;
use super::walk::{Contents, FoundFrame};
use crate::frame::Frame;
use crate::provider::StoreError;
use crate::provider::log::copies::{Copies, Moved, MovedFrame, Touched};
use crate::provider::log::core::{Life, Shared};
use crate::provider::log::index::Place;
use crate::provider::log::queue::Op;
use crate::provider::log::{metric, segment};
use crate::vocab::{ActorId, Sequence};

/// Bytes of one batch of copies: callers wait behind no more than that.
pub(super) const COPY_BATCH_BYTES: usize = /* 1 MiB */ 1_024 * 1_024;
/// Longest rest after one batch: a disk that hung once must not stop upkeep for long.
const REST_MAX: Duration = Duration::from_secs(1);

/// How much of the disk's time upkeep takes.
#[derive(Debug, Clone, Copy)]
pub(in crate::provider::log) struct Pace {
    /// Of the time; 100: all of it.
    percent: u32,
}

impl Pace {
    /// At most this share of the time.
    pub(in crate::provider::log) fn share(percent: u32) -> Self {
        Self { percent: percent.clamp(1, 100) }
    }

    /// How long to rest after working for so long.
    fn rest_after(self, worked: Duration) -> Duration {
        (worked * (100 - self.percent) / self.percent).min(REST_MAX)
    }

    /// Rests, as the share demands, but not beyond the log's end.
    pub(super) fn rest(self, shared: &Shared, worked: Duration) {
        let until = Instant::now() + self.rest_after(worked);
        let mut core = shared.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || core.life != Life::Open {
                return;
            }
            core = shared.upkeep_wake.wait_timeout(core, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Collects what is moved and hands it to the committer.
#[derive(Debug)]
pub(super) struct Mover<'a> {
    shared: &'a Shared,
    pace: Pace,
    copies: Copies,
    /// A batch was full before everything that was looked up together was in it.
    overflowed: bool,
    since: Instant,
    pub(super) bytes: u64,
    /// Records that callers changed meanwhile: another pass must look at them.
    pub(super) left_out: usize,
}

impl<'a> Mover<'a> {
    pub(super) fn new(shared: &'a Shared, pace: Pace) -> Self {
        let (copies, since) = (Copies::default(), Instant::now());
        Self { shared, pace, copies, overflowed: false, since, bytes: 0, left_out: 0 }
    }

    /// Before something is looked up: from now on what callers change is remembered.
    pub(super) fn watch(&mut self) -> Result<(), StoreError> {
        if self.overflowed {
            self.flush()?;
        }
        if self.copies.is_empty() {
            self.overflowed = false;
            self.shared.lock().touched = Some(Touched::default());
        }
        Ok(())
    }

    /// Adds what was looked up since [`Mover::watch`].
    pub(super) fn push(&mut self, moved: Moved) -> Result<(), StoreError> {
        if !self.copies.is_empty() && self.copies.bytes().saturating_add(moved.record_bytes()) > COPY_BATCH_BYTES {
            self.flush()?;
            // What else was looked up is compared with all that was changed since then, not only since this batch.
            self.overflowed = true;
        }
        self.copies.push(moved);
        Ok(())
    }

    /// Adds frames of one actor, joined as far as they follow each other.
    pub(super) fn push_frames(
        &mut self,
        frames: impl Iterator<Item = Result<Frame, StoreError>>,
    ) -> Result<(), StoreError> {
        let mut joined: Vec<MovedFrame> = Vec::new();
        let mut bytes = 0;
        for frame in frames {
            let frame = frame?;
            let follows = joined.last().is_none_or(|last| last.header.last().next() == frame.header().first);
            if !joined.is_empty() && (!follows || bytes + frame.bytes().len() > COPY_BATCH_BYTES) {
                self.push(Moved::Frames(std::mem::take(&mut joined)))?;
                bytes = 0;
            }
            bytes += frame.bytes().len();
            joined.push(MovedFrame { header: *frame.header(), bytes: frame.bytes().clone() });
        }
        if joined.is_empty() { Ok(()) } else { self.push(Moved::Frames(joined)) }
    }

    /// Writes what was collected. A crash during this leaves copies beside the originals, of which either will do.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        if !self.copies.is_empty() {
            let copies = std::mem::take(&mut self.copies);
            let (bytes, left_out) = (copies.bytes() as u64, copies.left_out());
            pin(self.shared, copies.pinned())?;
            submit(self.shared, Op::Copy(Box::new(copies)))?;
            self.bytes += bytes;
            self.left_out += left_out.load(Ordering::SeqCst);
            metric::copied(bytes);
            self.pace.rest(self.shared, self.since.elapsed());
            self.since = Instant::now();
        }
        Ok(())
    }
}

/// Keeps what is known of these actors in memory, once for each time that they are named.
fn pin(shared: &Shared, actors: &[ActorId]) -> Result<(), StoreError> {
    for actor in actors {
        shared.known_now(*actor, |core| {
            core.index.pin(*actor);
            Ok(())
        })?;
    }
    Ok(())
}

impl Drop for Mover<'_> {
    fn drop(&mut self) {
        self.shared.lock().touched = None;
    }
}

/// Moves everything of a segment that is needed; returns whether nothing was left out.
pub(super) fn copy_needed(
    mover: &mut Mover<'_>,
    shared: &Shared,
    contents: &Contents,
    segments: &[u64],
) -> Result<(), StoreError> {
    for (actor, found) in &contents.actors {
        mover.watch()?;
        let needed = look::actor(shared, contents.number, *actor, found)?;
        mover.push_frames(needed.frames.iter().map(|frame| sound(shared, contents, *actor, frame)))?;
        for sequence in &needed.snapshots {
            if let Some((meta, place)) = found.snapshots.get(sequence) {
                let payload = contents.payload(*place);
                mover.push(Moved::Snapshot { actor: *actor, meta: meta.clone(), payload })?;
            }
        }
        if let Some(summary) = needed.summary {
            mover.push(Moved::Summary(summary))?;
        }
    }
    for (key, place) in &contents.catalog {
        mover.watch()?;
        let fate = look::catalog(shared, key, *place)?;
        match (fate, place) {
            (CatalogFate::Needed, Some(place)) => {
                let payload = contents.payload(*place);
                mover.push(Moved::CatalogPut { key: key.clone(), payload })?;
            }
            (CatalogFate::Absent, None) if !look::is_oldest(contents, segments) => {
                mover.push(Moved::CatalogDelete { key: key.clone() })?;
            }
            _ => {}
        }
    }
    mover.watch()?;
    let oldest = shared.lock().tail.oldest;
    for dropped in contents.dropped.range(oldest..) {
        mover.push(Moved::Dropped(*dropped))?;
    }
    mover.flush()
}

/// The bytes that [`copy_needed`] would write, roughly.
pub(super) fn needed_bytes(shared: &Shared, contents: &Contents, segments: &[u64]) -> Result<u64, StoreError> {
    let mut bytes = 0;
    for (actor, found) in &contents.actors {
        bytes += look::needed_bytes(&look::actor(shared, contents.number, *actor, found)?, found);
    }
    for (key, place) in &contents.catalog {
        let again = match (look::catalog(shared, key, *place)?, place) {
            (CatalogFate::Needed, Some(place)) => place.length as usize,
            (CatalogFate::Absent, None) if !look::is_oldest(contents, segments) => key.len(),
            _ => 0,
        };
        bytes += again as u64;
    }
    Ok(bytes)
}

/// A frame of a segment, verified: damage must not be carried on under a fresh checksum.
fn sound(shared: &Shared, contents: &Contents, actor: ActorId, found: &FoundFrame) -> Result<Frame, StoreError> {
    let frame = Frame::decode(contents.payload(found.place));
    frame.map_err(|error| corrupt(shared, actor, found.first, found.place, &error.to_string()))
}

fn corrupt(shared: &Shared, actor: ActorId, sequence: Sequence, place: Place, reason: &str) -> StoreError {
    let file = shared.files.place(&segment::name(place.segment));
    let place = format!("{file} at byte {} (actor {actor}, sequence {sequence})", place.offset);
    StoreError::Corrupt { place, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_makes_the_work_the_share_that_was_asked_for() {
        let worked = Duration::from_millis(10);
        assert_eq!(Pace::share(25).rest_after(worked), Duration::from_millis(30));
        assert_eq!(Pace::share(100).rest_after(worked), Duration::ZERO);
    }

    #[test]
    fn a_long_wait_for_the_disk_is_not_followed_by_an_endless_rest() {
        assert_eq!(Pace::share(1).rest_after(Duration::from_secs(60)), REST_MAX);
        assert_eq!(Pace::share(0).rest_after(Duration::from_millis(1)), Duration::from_millis(99));
    }
}
