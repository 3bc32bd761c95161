//! Reading back: on blocking threads, neighbours in one read, every byte behind its checksum.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};

use super::core::{Core, Shared};
use super::index::{ActorEntry, FrameEntry, Place, load};
use super::record::{self, RecordKind};
use super::segment;
use super::writer::io_error;
use crate::frame::Frame;
use crate::provider::{FrameReader, ReadRange, Snapshot, StoreError};
use crate::vocab::{ActorId, Address, Sequence};

/// Records of other actors between two frames are read along if they are not more than this: one read is cheaper
/// than two.
const SKIP_BYTES_MAX: u32 = /* 16 KiB */ 16 * 1_024;
/// What one such read may hold, so that it stays near the size that was asked for.
const RUN_BYTES_MAX: u32 = /* 4 MiB */ 4 * 1_024 * 1_024;

/// Up to this length a read is tried without asking how long its file is.
const UNCHECKED_BYTES_MAX: u32 = /* 64 KiB */ 64 * 1_024;

/// A read in progress.
#[derive(Debug)]
pub(super) struct LogReader {
    shared: Arc<Shared>,
    actor: ActorId,
    range: ReadRange,
    position: Position,
}

/// How far a read has come.
#[derive(Debug, Clone, Copy)]
enum Position {
    Start,
    /// Everything through this number was delivered.
    After(Sequence),
    End,
}

impl LogReader {
    pub(super) fn new(shared: Arc<Shared>, actor: ActorId, range: ReadRange) -> Self {
        Self { shared, actor, range, position: Position::Start }
    }

    async fn batch(&mut self) -> Result<Option<Vec<Frame>>, StoreError> {
        let position = std::mem::replace(&mut self.position, Position::End);
        if matches!(position, Position::End) {
            return Ok(None);
        }
        self.shared.settle().await?;
        let (actor, range) = (self.actor, self.range);
        if self.is_at_end(position)? {
            return Ok(None);
        }
        let look_up = move |shared: &Shared| {
            let plan = plan(shared, actor, range, position)?;
            Ok(Some(plan).filter(|plan| !plan.is_empty()))
        };
        let read = follow(&self.shared, look_up, move |shared, plan| read_frames(shared, actor, plan)).await?;
        let Some(frames) = read else { return Ok(None) };
        self.position = match frames.last().map(|frame| frame.header().last()) {
            // The largest number has no successor.
            Some(last) if last < Sequence::MAX => Position::After(last),
            _ => Position::End,
        };
        Ok(Some(frames))
    }

    /// Whether memory alone says that there is nothing more to read.
    fn is_at_end(&self, position: Position) -> Result<bool, StoreError> {
        let core = self.shared.lock();
        core.check_readable()?;
        match core.index.actors.get(&self.actor) {
            Some(entry) => Ok(position.next(entry, self.actor, self.range)?.is_none()),
            None => Ok(core.index.is_absent(self.actor)),
        }
    }
}

impl Position {
    /// The first number to read next; `None`: there is nothing more.
    fn next(self, entry: &ActorEntry, actor: ActorId, range: ReadRange) -> Result<Option<Sequence>, StoreError> {
        let deleted = entry.head.deleted_through;
        let from = match self {
            Self::Start => range.from.max(deleted.next()),
            Self::After(before) if deleted > before => {
                return Err(StoreError::Gap { actor, before, after: deleted.next() });
            }
            Self::After(before) => before.next(),
            Self::End => return Ok(None),
        };
        Ok(Some(from).filter(|from| *from <= range.through && *from <= entry.head.sequence))
    }
}

/// Which frames to read next: from the index store what is there, the rest from memory.
fn plan(shared: &Shared, actor: ActorId, range: ReadRange, position: Position) -> Result<Vec<FrameEntry>, StoreError> {
    // The memory first: what leaves it meanwhile is in the index store then.
    let look = |core: &mut Core| {
        let Some(entry) = core.index.actors.get_mut(&actor) else { return Ok(None) };
        entry.touch();
        let Some(from) = position.next(entry, actor, range)? else { return Ok(None) };
        let mut tail = Plan::new(range);
        entry.tail_from(from).all(|frame| tail.push(*frame));
        let behind = entry.tail.front().map_or(Sequence::MAX, |first| first.first);
        Ok(Some((from, entry.head.sequence, behind, tail)))
    };
    let Some((from, head, behind, tail)) = shared.known_now(actor, look)? else { return Ok(Vec::new()) };
    let mut plan = Plan::new(range);
    if from < behind {
        let open = shared.open_index()?;
        let wanted = |frame: &FrameEntry| frame.first < behind && plan.push(*frame);
        let read = load::frames(&*open.store.view(), actor, from, range.through, wanted);
        read.map_err(|error| shared.index_error(&error))?;
    }
    let is_cut = tail.is_full;
    if !plan.is_full && tail.frames.into_iter().all(|frame| plan.push(frame)) {
        plan.is_full = is_cut;
    }
    plan.without_gap(actor, from, head)
}

/// Frames to be read together.
struct Plan {
    range: ReadRange,
    frames: Vec<FrameEntry>,
    bytes: usize,
    /// Something was left out because it was too much.
    is_full: bool,
}

impl Plan {
    fn new(range: ReadRange) -> Self {
        Self { range, frames: Vec::new(), bytes: 0, is_full: false }
    }

    /// Adds a frame if it is wanted and not too much; whether it did.
    fn push(&mut self, frame: FrameEntry) -> bool {
        self.bytes = self.bytes.saturating_add(frame.place.length as usize);
        let is_over = !self.frames.is_empty() && self.bytes > self.range.batch_bytes;
        self.is_full |= is_over || frame.first > self.range.through;
        if !self.is_full {
            self.frames.push(frame);
        }
        !self.is_full
    }

    /// The frames, if they follow each other from the one with `from` on.
    fn without_gap(self, actor: ActorId, from: Sequence, head: Sequence) -> Result<Vec<FrameEntry>, StoreError> {
        let mut before = from.previous();
        for (position, frame) in self.frames.iter().enumerate() {
            if frame.first > before.next() {
                return Err(StoreError::Gap { actor, before, after: frame.first });
            }
            // The first one may begin in front of what is asked for.
            if position > 0 && frame.first <= before {
                let place = format!("segment {} at byte {}", frame.place.segment, frame.place.offset);
                let place = format!("{place} (actor {actor}, sequence {})", frame.first);
                let reason = format!("events through {before} are stored here and elsewhere");
                return Err(StoreError::Corrupt { place, reason });
            }
            before = frame.last;
        }
        // What follows is either left for the next time or missing.
        if !self.is_full && before < head.min(self.range.through) {
            return Err(StoreError::Gap { actor, before, after: head.next() });
        }
        Ok(self.frames)
    }
}

/// The stored frame that begins at exactly this number.
pub(super) fn frame_from(shared: &Shared, actor: ActorId, first: Sequence) -> Result<Option<FrameEntry>, StoreError> {
    let range = ReadRange { from: first, through: first, batch_bytes: 0 };
    let frames = plan(shared, actor, range, Position::Start)?;
    Ok(frames.into_iter().find(|frame| frame.first == first))
}

impl FrameReader for LogReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<Frame>>, StoreError>> {
        self.batch().boxed()
    }
}

/// Looks up where something lies and reads it there, on a blocking thread. Upkeep may move it in between: if it lies
/// elsewhere by the time that reading fails, it is read there. `None`: there is nothing to read.
pub(super) async fn follow<P, T>(
    shared: &Arc<Shared>,
    look_up: impl Fn(&Shared) -> Result<Option<P>, StoreError> + Send + 'static,
    read: impl Fn(&Shared, &P) -> Result<T, StoreError> + Send + 'static,
) -> Result<Option<T>, StoreError>
where
    P: PartialEq,
    T: Send + 'static,
{
    let work = move |shared: &Shared| {
        let Some(mut place) = look_up(shared)? else { return Ok(None) };
        loop {
            let failure = match read(shared, &place) {
                Ok(found) => return Ok(Some(found)),
                Err(failure) => failure,
            };
            // It ends: a segment is given up for good, and no faster than it can be written again.
            match look_up(shared)? {
                Some(now) if now != place => place = now,
                _ => return Err(failure),
            }
        }
    };
    blocking(shared, work).await
}

/// Runs file access on a blocking thread; a bounded number of them at a time, in order.
pub(super) async fn blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let permit = Arc::clone(&shared.reads).acquire_owned().await.map_err(|_| StoreError::Closed)?;
    let shared = Arc::clone(shared);
    let reading = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work(&shared)
    });
    reading.await.map_err(|_| StoreError::Closed)?
}

/// Reads and verifies frames; those that lie close together in one read.
pub(super) fn read_frames(shared: &Shared, actor: ActorId, plan: &[FrameEntry]) -> Result<Vec<Frame>, StoreError> {
    let mut frames = Vec::with_capacity(plan.len());
    let mut left: VecDeque<&FrameEntry> = plan.iter().collect();
    while let Some(first) = left.pop_front() {
        let mut run = vec![first];
        let mut end = end_of(first.place);
        while let Some(next) = left.pop_front_if(|next| continues(first.place, end, next.place)) {
            end = end_of(next.place);
            run.push(next);
        }
        let whole = Place { length: end.saturating_sub(first.place.offset), ..first.place };
        let about = || format!("actor {actor}, sequence {}", first.first);
        let bytes = read_place(shared, whole, &about)?;
        for entry in run {
            let start = entry.place.offset.saturating_sub(first.place.offset) as usize;
            let range = start..start.saturating_add(entry.place.length as usize);
            if range.end > bytes.len() {
                return Err(corrupt(
                    shared,
                    entry.place,
                    &about,
                    "the index says that it reaches past what a file can hold",
                ));
            }
            frames.push(verified(shared, actor, entry, bytes.slice(range))?);
        }
    }
    Ok(frames)
}

pub(super) const fn end_of(place: Place) -> u32 {
    place.offset.saturating_add(place.length)
}

pub(super) fn continues(first: Place, end: u32, next: Place) -> bool {
    next.segment == first.segment
        && next.offset >= end
        && next.offset - end <= SKIP_BYTES_MAX
        && end_of(next) - first.offset <= RUN_BYTES_MAX
}

/// A frame as the index knows it, or what is wrong with it.
fn verified(shared: &Shared, actor: ActorId, entry: &FrameEntry, bytes: Bytes) -> Result<Frame, StoreError> {
    let about = || format!("actor {actor}, sequence {}", entry.first);
    let frame = Frame::decode(bytes).map_err(|error| corrupt(shared, entry.place, &about, &error.to_string()))?;
    let header = frame.header();
    if (header.actor, header.last()) == (actor, entry.last) && header.first < entry.first {
        return Err(corrupt(shared, entry.place, &about, "it begins with events that are stored elsewhere, too"));
    }
    if (header.actor, header.first, header.last()) != (actor, entry.first, entry.last) {
        return Err(corrupt(shared, entry.place, &about, "another frame is in its place"));
    }
    Ok(frame)
}

/// Reads and verifies a snapshot.
pub(super) fn read_snapshot(shared: &Shared, address: Arc<Address>, place: Place) -> Result<Snapshot, StoreError> {
    let about = || format!("snapshot of {address}, actor {}", address.id());
    let payload = read_record(shared, place, RecordKind::Snapshot, &about)?;
    let fields = record::snapshot(&payload).map_err(|error| corrupt(shared, place, &about, &error.to_string()))?;
    if fields.actor != address.id() {
        return Err(corrupt(shared, place, &about, "the snapshot of another actor is in its place"));
    }
    let state_at = record::SNAPSHOT_FIELDS_BYTES;
    let ledger_at = state_at + fields.state_bytes;
    let (state, ledger) =
        (payload.slice(state_at..ledger_at), payload.slice(ledger_at..ledger_at + fields.ledger_bytes));
    Ok(Snapshot { address, meta: fields.meta, state, ledger })
}

/// Reads and verifies the value of a catalog record.
pub(super) fn read_catalog(shared: &Shared, key: &str, place: Place) -> Result<Bytes, StoreError> {
    let about = || format!("catalog record {key}");
    let payload = read_record(shared, place, RecordKind::CatalogPut, &about)?;
    match record::catalog(&payload) {
        Ok((found, value)) if found == key => Ok(payload.slice_ref(value)),
        Ok(_) => Err(corrupt(shared, place, &about, "another record is in its place")),
        Err(error) => Err(corrupt(shared, place, &about, &error.to_string())),
    }
}

/// Reads a record with its header and verifies its checksum; returns the payload.
fn read_record(
    shared: &Shared,
    place: Place,
    kind: RecordKind,
    about: &dyn Fn() -> String,
) -> Result<Bytes, StoreError> {
    let header_bytes = record::HEADER_LENGTH;
    let whole = Place {
        offset: place.offset.saturating_sub(header_bytes),
        length: place.length.saturating_add(header_bytes),
        ..place
    };
    let bytes = read_place(shared, whole, about)?;
    let payload = record::verify(&bytes, kind).map_err(|error| corrupt(shared, place, about, &error.to_string()))?;
    Ok(bytes.slice_ref(payload))
}

fn read_place(shared: &Shared, place: Place, about: &dyn Fn() -> String) -> Result<Bytes, StoreError> {
    let read = || {
        let file = shared.files.get(place.segment)?;
        // An index that is wrong may claim any length: no memory is taken for what the file does not have.
        if place.length > UNCHECKED_BYTES_MAX && u64::from(place.offset) + u64::from(place.length) > file.length()? {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; place.length as usize];
        file.read_at(place.offset.into(), &mut bytes).map(|()| bytes)
    };
    match read() {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(corrupt(shared, place, about, "the segment ends before"))
        }
        Err(error) => Err(io_error("reading", &shared.files.place(&segment::name(place.segment)), &error)),
    }
}

fn corrupt(shared: &Shared, place: Place, about: &dyn Fn() -> String, reason: &str) -> StoreError {
    let file = shared.files.place(&segment::name(place.segment));
    StoreError::Corrupt { place: format!("{file} at byte {} ({})", place.offset, about()), reason: reason.to_owned() }
}
