//! Reading with a defect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::{BoxFuture, FutureExt};

use super::defect::Defect;
use crate::frame::{EventColumns, Frame, FrameParts};
use crate::provider::{FrameReader, ReadRange, SharedProvider, StoreError};
use crate::vocab::{ActorId, Sequence, Timestamp};

/// A reader with a defect.
pub(super) struct BrokenReader {
    pub(super) inner: Box<dyn FrameReader>,
    pub(super) provider: SharedProvider,
    pub(super) actor: ActorId,
    pub(super) range: ReadRange,
    pub(super) defect: Defect,
    pub(super) last: Sequence,
    /// Frames that were read ahead.
    pub(super) ahead: Option<Vec<Frame>>,
    pub(super) has_begun: bool,
    pub(super) has_ended: bool,
    pub(super) readers: Arc<AtomicU32>,
}

impl FrameReader for BrokenReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<Frame>>, StoreError>> {
        self.broken_next().boxed()
    }
}

impl BrokenReader {
    async fn broken_next(&mut self) -> Result<Option<Vec<Frame>>, StoreError> {
        let first_call = !std::mem::replace(&mut self.has_begun, true);
        if first_call && self.defect == Defect::LeaksReaders && self.readers.fetch_add(1, Ordering::SeqCst) >= 16 {
            let reason = "too many readers".to_owned();
            return Err(StoreError::Io { operation: "read", place: "memory".to_owned(), reason });
        }
        match self.defect {
            Defect::ReadsAhead => return self.next_of_ahead().await,
            Defect::EmptyBatches if first_call => return Ok(Some(Vec::new())),
            _ => {}
        }
        let batch = match self.inner.next().await {
            Err(_) if self.defect == Defect::ReadErrorsAreTheEnd => Ok(None),
            other => other,
        }?;
        let Some(frames) = batch else { return self.end().await };
        self.last = frames.last().map_or(self.last, |frame| frame.header().last());
        Ok(Some(self.alter(frames).await?).filter(|frames| !frames.is_empty()))
    }

    async fn next_of_ahead(&mut self) -> Result<Option<Vec<Frame>>, StoreError> {
        if self.ahead.is_none() {
            let mut all = Vec::new();
            while let Some(frames) = self.inner.next().await? {
                all.extend(frames);
            }
            self.ahead = Some(all);
        }
        let ahead = self.ahead.as_mut().filter(|ahead| !ahead.is_empty());
        Ok(ahead.map(|ahead| vec![ahead.remove(0)]))
    }

    async fn end(&mut self) -> Result<Option<Vec<Frame>>, StoreError> {
        if self.defect == Defect::LeaksReaders && !std::mem::replace(&mut self.has_ended, true) {
            self.readers.fetch_sub(1, Ordering::SeqCst);
        }
        if self.defect == Defect::ForgetsItsEnd {
            self.inner = self.provider.read(self.actor, ReadRange { from: self.last.next(), ..self.range });
        }
        Ok(None)
    }

    async fn alter(&mut self, mut frames: Vec<Frame>) -> Result<Vec<Frame>, StoreError> {
        match self.defect {
            Defect::LosesTheTail => {
                let head = self.provider.head(self.actor).await?.sequence;
                frames.retain(|frame| frame.header().last() < head);
            }
            Defect::LargeBatchesLackOne if frames.len() > 1 => _ = frames.pop(),
            Defect::HolesInLongJournals => {
                frames.retain(|frame| frame.header().first.0 % 64 != 1 || frame.header().first.0 < 64);
            }
            Defect::Reorders if frames.len() > 1 => frames.reverse(),
            Defect::ForgetsTheTime => {
                frames = frames
                    .iter()
                    .map(|frame| with(frame, usize::MAX, Timestamp(0)))
                    .collect::<Option<_>>()
                    .unwrap_or_default();
            }
            _ => {}
        }
        Ok(frames)
    }
}

/// The frame with at most so many of its events, at another time.
pub(super) fn with(frame: &Frame, events_max: usize, time: Timestamp) -> Option<Frame> {
    let header = *frame.header();
    let mut events = EventColumns::default();
    for (kind, payload) in frame.events().take(events_max) {
        events.types.push(kind);
        events.payloads.push(payload);
    }
    let parts = FrameParts {
        actor: header.actor,
        first: header.first,
        time,
        wake_at: header.wake_at,
        revision: header.revision,
        events: &events,
        effects: frame.effects(),
        keys: frame.keys(),
    };
    Frame::encode(&parts).ok()
}
