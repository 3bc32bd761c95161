//! Reading a journal in memory, a batch at a time.

use std::sync::{Arc, Mutex};

use futures_util::future::{BoxFuture, FutureExt, ready};

use super::hook::Hook;
use super::journal::StoredFrame;
use super::{Life, State, lock};
use crate::frame::Frame;
use crate::provider::{FrameReader, ReadRange, StoreError};
use crate::vocab::{ActorId, Sequence};

/// A read in progress; `None` as position once it has ended.
#[derive(Debug)]
pub(super) struct MemoryReader {
    state: Arc<Mutex<State>>,
    life: Life,
    hook: Hook,
    actor: ActorId,
    range: ReadRange,
    position: Option<Position>,
}

/// How far a read has come.
#[derive(Debug, Clone, Copy)]
enum Position {
    Start,
    /// Everything through this number was delivered.
    After(Sequence),
}

impl MemoryReader {
    pub(super) fn new(state: Arc<Mutex<State>>, life: Life, hook: Hook, actor: ActorId, range: ReadRange) -> Self {
        Self { state, life, hook, actor, range, position: Some(Position::Start) }
    }

    fn batch(&self, position: Position) -> Result<Vec<Frame>, StoreError> {
        let state = lock(&self.state);
        self.life.check()?;
        self.hook.read()?;
        let Some(journal) = state.journals.get(&self.actor) else { return Ok(Vec::new()) };
        let deleted = journal.head.deleted_through;
        let from = match position {
            Position::Start => self.range.from.max(deleted.next()),
            Position::After(before) if deleted > before => {
                return Err(StoreError::Gap { actor: self.actor, before, after: deleted.next() });
            }
            Position::After(before) => before.next(),
        };
        let mut bytes = 0usize;
        let wanted = journal.frames_from(from).iter().filter(|frame| frame.header.first <= self.range.through);
        let wanted = wanted.filter(|_| from <= self.range.through).take_while(|frame| {
            let fits = bytes == 0 || bytes.saturating_add(frame.bytes.len()) <= self.range.batch_bytes;
            bytes = bytes.saturating_add(frame.bytes.len());
            fits
        });
        wanted.map(StoredFrame::read).collect()
    }
}

impl FrameReader for MemoryReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<Frame>>, StoreError>> {
        let batch = match self.position {
            Some(position) => self.batch(position),
            None => Ok(Vec::new()),
        };
        self.position = match &batch {
            // The largest number has no successor: after it, the read has ended.
            Ok(frames) => {
                frames.last().map(|frame| frame.header().last()).filter(|l| *l < Sequence::MAX).map(Position::After)
            }
            Err(_) => None,
        };
        ready(batch.map(|frames| Some(frames).filter(|frames| !frames.is_empty()))).boxed()
    }
}
