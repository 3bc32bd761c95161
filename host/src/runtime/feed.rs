//! Events of one actor as people read them, and as they become durable.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use super::look::Renderer;
use super::trouble::Troubles;
use super::{AskError, EventView};
use crate::actor::{Pass, Supervisor as _, Turnstile};
use crate::frame::Frame;
use crate::provider::{ReadRange, SharedProvider, StoreError};
use crate::vocab::{ActorId, Sequence, Tenant};

/// Rendered events that wait for a slow reader.
const FEED_EVENTS_MAX: usize = 64;
/// A feed that has had its place for so long lets others go first: one event may take all of a call's time.
const PLACE_FOR: Duration = Duration::from_millis(50);
/// Bytes of frames that a feed reads at a time.
const FEED_BATCH_BYTES: usize = /* 256 KiB */ 256 * 1_024;

/// Who follows whose journal. Without followers, publishing costs one atomic load.
#[derive(Default)]
pub(super) struct Followers {
    count: AtomicUsize,
    heads: Mutex<HashMap<ActorId, watch::Sender<Sequence>>>,
}

impl Followers {
    /// Tells followers that a journal grew.
    pub(super) fn published(&self, actor: ActorId, through: Sequence) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = heads.get(&actor) {
            if head.receiver_count() == 0 {
                heads.remove(&actor);
                self.count.store(heads.len(), Ordering::Release);
            } else {
                head.send_replace(through);
            }
        }
    }

    fn follow(&self, actor: ActorId) -> watch::Receiver<Sequence> {
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = heads.entry(actor).or_insert_with(|| watch::channel(Sequence::ZERO).0).subscribe();
        heads.retain(|_, head| head.receiver_count() > 0);
        self.count.store(heads.len(), Ordering::Release);
        receiver
    }
}

/// Durable events of one actor, in order. Dropping it ends the reading.
#[derive(Debug)]
pub struct EventFeed {
    events: mpsc::Receiver<Result<EventView, AskError>>,
}

impl EventFeed {
    /// The next event; `None` at the end (when following: only when the host closes).
    ///
    /// # Errors
    /// When the store cannot be read or the component cannot render the event; the feed ends then.
    pub async fn next(&mut self) -> Result<Option<EventView>, AskError> {
        self.events.recv().await.transpose()
    }
}

/// A reading in progress, on the stage's threads because it renders with guest code.
pub(super) struct Reading {
    pub(super) provider: SharedProvider,
    pub(super) troubles: Arc<Troubles>,
    pub(super) renderer: Renderer,
    pub(super) actor: ActorId,
    pub(super) next: Sequence,
    pub(super) left: u64,
    pub(super) closing: watch::Receiver<bool>,
    /// Where it waits for its place: it renders with an instance of its own.
    pub(super) looks: Turnstile,
    pub(super) tenant: Tenant,
    /// Its place among those who look, and since when; only while it has an instance.
    pub(super) place: Option<(Pass, Instant)>,
}

impl Reading {
    /// Starts to read; with `followers`, goes on when the journal grows.
    pub(super) fn start(self, runtime: &tokio::runtime::Handle, followers: Option<&Followers>) -> EventFeed {
        // Subscribed before the first read, so that nothing falls between.
        let growth = followers.map(|followers| followers.follow(self.actor));
        let (out, events) = mpsc::channel(FEED_EVENTS_MAX);
        runtime.spawn(self.run(out, growth));
        EventFeed { events }
    }

    async fn run(
        mut self,
        out: mpsc::Sender<Result<EventView, AskError>>,
        mut growth: Option<watch::Receiver<Sequence>>,
    ) {
        loop {
            if let Err(error) = self.read_to_end(&out).await {
                let _left = out.send(Err(error)).await;
                return;
            }
            let (false, Some(growth)) = (self.left == 0, &mut growth) else { return };
            tokio::select! {
                grown = growth.changed() => if grown.is_err() { return },
                () = out.closed() => return,
                _ = self.closing.wait_for(|closing| *closing) => return,
            }
        }
    }

    async fn read_to_end(&mut self, out: &mpsc::Sender<Result<EventView, AskError>>) -> Result<(), AskError> {
        self.renderer.refresh().await?;
        let range = ReadRange { from: self.next, through: Sequence::MAX, batch_bytes: FEED_BATCH_BYTES };
        let mut reader = self.provider.read(self.actor, range);
        loop {
            self.rest();
            let Some(frames) = reader.next().await? else { return Ok(()) };
            for frame in &frames {
                self.give(frame, out).await?;
                if self.left == 0 {
                    return Ok(());
                }
            }
        }
    }

    /// Waits for a place among those who look at actors, if it has none; one that it has had for long goes to the next.
    async fn take_place(&mut self) {
        if self.place.as_ref().is_some_and(|(_, since)| since.elapsed() >= PLACE_FOR) {
            self.rest();
        }
        if self.place.is_none() {
            self.place = Some((self.looks.enter(&self.tenant).await, Instant::now()));
        }
    }

    /// Gives its instance and its place back until there is something to render, and room for it.
    fn rest(&mut self) {
        self.renderer.rest();
        self.place = None;
    }

    /// Gives out the frame's events from the next one on, each rendered when there is room for it.
    async fn give(&mut self, frame: &Frame, out: &mpsc::Sender<Result<EventView, AskError>>) -> Result<(), AskError> {
        let first = frame.header().first;
        if first > self.next {
            // Retention overtook a slow reader between two reads.
            let (actor, before) = (self.actor, self.next.previous());
            return Err(StoreError::Gap { actor, before, after: first }.into());
        }
        let passed = usize::try_from(self.next.since(first)).unwrap_or(usize::MAX);
        let skips = self.troubles.skips(self.actor);
        for (index, payload) in frame.events().skip(passed) {
            if self.left == 0 {
                return Ok(());
            }
            self.take_place().await;
            let is_skipped = skips.as_ref().is_some_and(|skips| skips.binary_search(&self.next).is_ok());
            let view = match self.renderer.render(frame, self.next, index, payload).await {
                Ok(view) => EventView { skipped: is_skipped, ..view },
                // What the actor cannot apply it may not be able to show either; the events behind it are listed.
                Err(error) if is_skipped => self.renderer.unreadable(frame, self.next, index, &error)?,
                Err(error) => return Err(error),
            };
            self.next = self.next.next();
            self.left = self.left.saturating_sub(1);
            let left = match out.try_send(Ok(view)) {
                Ok(()) => false,
                Err(TrySendError::Closed(_)) => true,
                Err(TrySendError::Full(view)) => {
                    self.rest();
                    out.send(view).await.is_err()
                }
            };
            if left {
                self.left = 0;
            }
        }
        Ok(())
    }
}

/// JSON text that came from a guest, checked.
pub(super) fn json(text: String) -> Result<Box<RawValue>, AskError> {
    RawValue::from_string(text).map_err(|error| AskError::Render(error.to_string()))
}
