//! The one thread that writes: takes what is queued, writes it as one batch, syncs once, then answers everybody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch;
use super::core::{Life, Shared, Tail};
use super::index::keeper::{self, Room};
use super::metric;
use super::queue::{Op, Queued, WriteFailure};
use super::writer::{CommitFailure, Purpose, Writer};
use crate::provider::{Durability, StoreError};

/// A buffer that grew beyond this for one large record is given back.
const BUFFER_KEPT_BYTES: usize = /* 8 MiB */ 8 * 1_024 * 1_024;
/// … and one beyond this as soon as there is nothing to write.
const IDLE_BUFFER_BYTES: usize = /* 256 KiB */ 256 * 1_024;

/// What to do next.
enum Work {
    Commit,
    Sync,
    Stop,
}

/// The committer's own state.
pub(super) struct Committer {
    shared: Arc<Shared>,
    writer: Writer,
    /// The batch being written; kept between batches for its memory.
    batch: Vec<Queued>,
    /// Where each operation's payload begins in `buffer`.
    places: Vec<usize>,
    buffer: Vec<u8>,
    /// When [`Durability::Flush`] must sync.
    sync_at: Option<Instant>,
    /// The last batch is a close marker: another one would say nothing new.
    marked: bool,
}

impl Committer {
    pub(super) fn new(shared: Arc<Shared>, writer: Writer, marked: bool) -> Self {
        let (batch, places, buffer) = (Vec::new(), Vec::new(), Vec::new());
        Self { shared, writer, batch, places, buffer, sync_at: None, marked }
    }

    /// Runs until the log is closed or abandoned.
    pub(super) fn run(mut self) {
        loop {
            match self.next() {
                Work::Commit => self.commit(),
                Work::Sync => self.sync_late(),
                Work::Stop => break,
            }
        }
        self.writer.finish();
    }

    /// Waits for something to do; leaves in `batch` what to write.
    fn next(&mut self) -> Work {
        let shared = Arc::clone(&self.shared);
        let mut core = shared.lock();
        loop {
            match core.life {
                Life::Abandoned => return Work::Stop,
                Life::Closed if core.queue.is_empty() => return Work::Stop,
                _ => {}
            }
            if core.sync_wanted {
                return Work::Sync;
            }
            let now = Instant::now();
            // Before more is written: a queue that is never empty must not put the sync off.
            if self.sync_at.is_some_and(|at| at <= now) {
                return Work::Sync;
            }
            let mut wake_at = self.sync_at;
            let room = keeper::room(&core, &shared);
            if let Room::Unknown(cause) = &room
                && !core.queue.is_empty()
            {
                let not_stored = WriteFailure::NotStored(cause.clone());
                core.fail(Vec::new(), &not_stored, &not_stored);
            }
            if matches!(room, Room::There) && !core.queue.is_empty() {
                let due = self.due_at(&core.queue).filter(|due| *due > now);
                let Some(due) = due.filter(|_| core.life == Life::Open) else {
                    core.queue.take(shared.settings.batch_bytes, &mut self.batch);
                    return Work::Commit;
                };
                wake_at = Some(wake_at.map_or(due, |at| at.min(due)));
            }
            if self.buffer.capacity() > IDLE_BUFFER_BYTES {
                drop(core);
                self.buffer = Vec::new();
                core = shared.lock();
                continue;
            }
            core.idle = true;
            core = match wake_at {
                Some(at) => {
                    let waited = shared.work.wait_timeout(core, at.saturating_duration_since(now));
                    waited.unwrap_or_else(std::sync::PoisonError::into_inner).0
                }
                None => shared.work.wait(core).unwrap_or_else(std::sync::PoisonError::into_inner),
            };
            core.idle = false;
        }
    }

    /// When the queue must be written at the latest; `None`: now.
    fn due_at(&self, queue: &super::queue::Queue) -> Option<Instant> {
        let settings = &self.shared.settings;
        let patient = settings.durability == Durability::Memory && !queue.urgent;
        let filled = queue.bytes() >= settings.queue_bytes / 2;
        queue.since.filter(|_| patient && !filled).map(|since| since + self.interval())
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.shared.settings.flush_every_ms)
    }

    fn commit(&mut self) {
        let begun = Instant::now();
        // A close vouches for everything before it, so it stands in a batch of its own, behind a sync.
        let is_alone = self.batch.len() < 2;
        let close = self.batch.pop_if(|last| !is_alone && matches!(last.op, Op::Close));
        let records = self.encode();
        if records == 0 {
            self.acknowledge(0, 0);
        } else {
            match self.store(records) {
                Ok((segment, at)) => {
                    metric::commit(begun.elapsed(), self.buffer.len(), records);
                    self.acknowledge(segment, at);
                }
                Err(failure) => {
                    self.batch.extend(close);
                    return self.refuse(failure);
                }
            }
            self.writer.prepare_ahead();
        }
        if let Some(close) = close {
            self.batch.push(close);
            self.commit();
        }
    }

    /// Encodes the batch into the buffer; returns how many records it has.
    fn encode(&mut self) -> u32 {
        if self.buffer.capacity() > BUFFER_KEPT_BYTES {
            self.buffer = Vec::new();
        }
        self.buffer.clear();
        self.places.clear();
        self.buffer.resize(batch::HEADER_BYTES, 0);
        let changes = |queued: &Queued| !matches!(queued.op, Op::Close | Op::Barrier);
        if self.marked && !self.batch.iter().any(changes) {
            // Closing again without a change writes nothing.
            self.batch.iter_mut().filter(|queued| matches!(queued.op, Op::Close)).for_each(|q| q.op = Op::Barrier);
        }
        self.leave_out_touched();
        let mut records = 0;
        for queued in &mut self.batch {
            let (at, added) = queued.op.encode(&mut self.buffer);
            self.places.push(at);
            records += added;
        }
        records
    }

    /// Copies that were overtaken by callers are taken out of the batch: everything queued before it is applied now, and
    /// nothing comes between.
    fn leave_out_touched(&mut self) {
        let Some(Op::Copy(copies)) = self.batch.first_mut().map(|queued| &mut queued.op) else { return };
        if let Some(touched) = &self.shared.lock().touched {
            copies.leave_out(touched);
        }
    }

    fn purpose(&self) -> Purpose {
        match self.batch.first().map(|queued| &queued.op) {
            Some(Op::Copy(_)) => Purpose::Copies,
            Some(Op::GiveUp { .. }) => Purpose::GiveUp,
            _ => Purpose::Calls,
        }
    }

    /// Writes the buffer and, unless the durability is weaker, syncs it.
    fn store(&mut self, records: u32) -> Result<(u64, u64), CommitFailure> {
        let purpose = self.purpose();
        let closes = self.batch.iter().any(|queued| matches!(queued.op, Op::Close));
        if closes && self.writer.is_dirty() {
            self.writer.sync().map_err(CommitFailure::Before)?;
        }
        let place = self.writer.write(&mut self.buffer, records, purpose)?;
        self.marked = closes;
        // A file is removed behind this record: it and all copies before it must be durable, whatever the mode.
        let gives_up = purpose == Purpose::GiveUp;
        if self.shared.settings.durability == Durability::Flush && !closes && !gives_up {
            self.sync_at.get_or_insert(Instant::now() + self.interval());
        } else {
            self.sync_at = None;
            self.writer.sync().map_err(CommitFailure::During)?;
        }
        Ok(place)
    }

    /// Makes the batch visible, then answers everybody.
    fn acknowledge(&mut self, segment: u64, at: u64) {
        let (current, file) = self.writer.current();
        self.shared.files.ensure(current, &file);
        for queued in &self.batch {
            if let Op::GiveUp { oldest, .. } = queued.op {
                self.writer.begin_at(oldest);
            }
        }
        {
            let mut core = self.shared.lock();
            core.synced_through = self.writer.synced_through();
            core.tail = Tail { segment: current, oldest: self.writer.stated_oldest() };
            let core = &mut *core;
            for (queued, payload_at) in self.batch.iter().zip(&self.places) {
                queued.op.apply(&mut core.index, segment, at, *payload_at);
                core.applied(&queued.op);
            }
            if let Some(position) = self.writer.position() {
                core.index.lag_bytes += self.buffer.len() as u64;
                core.index.applied = position;
            }
            if keeper::is_due(&core.index, &self.shared.settings) {
                self.shared.keeper.notify_one();
            }
        }
        self.batch.drain(..).for_each(|mut queued| queued.answer(Ok(())));
    }

    /// Answers everybody that nothing, or nobody knows what, was stored.
    fn refuse(&mut self, failure: CommitFailure) {
        let batch = std::mem::take(&mut self.batch);
        let mut core = self.shared.lock();
        let (of_batch, cause) = match failure {
            CommitFailure::NoSpace(full) if batch.iter().any(|queued| queued.op.is_upkeep()) => {
                // Upkeep gives up for now; callers may find room in the current segment.
                batch.iter().for_each(|queued| core.settled(&queued.op));
                drop(core);
                let not_stored = WriteFailure::NotStored(full);
                batch.into_iter().for_each(|mut queued| queued.answer(Err(not_stored.clone())));
                return;
            }
            CommitFailure::NoSpace(full) => {
                tracing::warn!(error = %full, "no space for the next segment; writes fail until there is");
                let not_stored = WriteFailure::NotStored(full);
                core.fail(batch, &not_stored, &not_stored);
                return;
            }
            CommitFailure::Before(cause) => (WriteFailure::NotStored(cause.clone()), cause),
            CommitFailure::During(cause) => (WriteFailure::Unknown(cause.clone()), cause),
        };
        tracing::error!(error = %cause, "the log refuses writes until it is reopened");
        let poisoned = StoreError::Poisoned { cause: cause.to_string() };
        if core.life == Life::Open {
            core.life = Life::Poisoned { cause: cause.to_string() };
        }
        core.fail(batch, &of_batch, &WriteFailure::NotStored(poisoned));
        self.sync_at = None;
    }

    /// Syncs what [`Durability::Flush`] wrote; nobody waits for it.
    fn sync_late(&mut self) {
        self.sync_at = None;
        if self.writer.is_dirty()
            && let Err(cause) = self.writer.sync()
        {
            self.refuse(CommitFailure::During(cause));
        }
        let mut core = self.shared.lock();
        core.sync_wanted = false;
        core.synced_through = self.writer.synced_through();
        self.shared.synced.notify_all();
    }
}
