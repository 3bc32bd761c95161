//! The journal of every actor: append, read, head, delete.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{AppendError, StoreError};
use crate::frame::Frame;
use crate::vocab::{ActorId, Address, Kind, Sequence, Tenant, Timestamp};

/// One turn to be stored.
#[derive(Debug, Clone)]
pub struct Append {
    /// Whose journal; its id is the frame's.
    pub address: Arc<Address>,
    /// Where the writer believes that the journal ends; the frame's first event is the next number.
    pub expected: Sequence,
    /// The turn.
    pub frame: Frame,
}

/// Resolves once the append is durable (as the store's mode defines it) to the number of its last event.
///
/// Dropping it does not take the append back.
pub type Appending = BoxFuture<'static, Result<Sequence, AppendError>>;

/// Which events to read. Bounds are inclusive; there is no sentinel: `through: Sequence::ZERO` reads nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRange {
    /// The first number wanted.
    pub from: Sequence,
    /// The last number wanted; [`Sequence::MAX`] reads to the end.
    pub through: Sequence,
    /// Roughly how many bytes of frames one batch holds; a batch has at least one frame.
    pub batch_bytes: usize,
}

/// What a store knows of a journal without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The highest number ever stored; survives deletion. Zero: never written.
    pub sequence: Sequence,
    /// Events up to this number are deleted. Zero: none.
    pub deleted_through: Sequence,
    /// When the actor must be woken, by the newest frame.
    pub wake_at: Option<Timestamp>,
}

/// Whether events may be deleted without a snapshot that covers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteGuard {
    /// Only behind a durable snapshot at or above the deleted number.
    BehindSnapshot,
    /// Also without one: state that only those events hold is lost for ever.
    Forced,
}

/// One actor of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorListing {
    /// Who it is.
    pub address: Arc<Address>,
    /// Where its journal ends.
    pub sequence: Sequence,
}

/// An actor that must be awake at a time, though nobody calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wake {
    /// Who it is.
    pub address: Arc<Address>,
    /// When.
    pub at: Timestamp,
}

/// Journals of events, one per actor.
pub trait EventStore: Send + Sync + 'static {
    /// Queues a turn and returns at once; the result arrives when it is durable.
    ///
    /// Appends of one actor are decided in the order of the calls. An append whose `expected` is not where the
    /// journal (with all appends queued before it) ends is a conflict, unless the very same frame is stored at that
    /// place: then it is a repetition, and succeeds again. A crash before the result leaves either all of the frame
    /// or nothing; after it, all of it.
    fn append(&self, append: Append) -> Appending;

    /// Reads frames in order, a batch at a time, nothing ahead of what is asked for.
    ///
    /// The batches hold every frame that overlaps the range, whole; [`Frame::append_events`] trims to the bound.
    /// The reader sees the journal as it is durable at the call of `next`, always without a hole. Reading an
    /// unknown actor yields no batch. Dropping the reader frees what it holds.
    ///
    /// Deleted events are not read, but a frame of which only the first events are deleted is still whole: trim
    /// with [`Head::deleted_through`]. A deletion that overtakes a reader is a [`StoreError::Gap`], not a hole.
    fn read(&self, actor: ActorId, range: ReadRange) -> Box<dyn FrameReader>;

    /// What is known of a journal. Waits for appends queued before it. Unknown actors have the default head.
    fn head(&self, actor: ActorId) -> BoxFuture<'_, Result<Head, StoreError>>;

    /// Hides events with numbers up to and including `through`; their space is given back later.
    ///
    /// Deleting beyond the head deletes all; deleting again, nothing, or of an unknown actor does nothing. The
    /// numbering goes on. Durable when the result arrives; a crash before it leaves either state.
    fn delete_through(
        &self,
        actor: ActorId,
        through: Sequence,
        guard: DeleteGuard,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The actors of a kind that ever stored an event, by key, after `after`, at most `limit`.
    fn actors(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ActorListing>, StoreError>>;

    /// Every actor whose newest frame asks to be woken; read once when the host starts.
    fn wakes(&self) -> BoxFuture<'_, Result<Vec<Wake>, StoreError>>;
}

/// A read in progress.
pub trait FrameReader: Send {
    /// The next batch; `None` after the last one, for ever.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<Frame>>, StoreError>>;
}
