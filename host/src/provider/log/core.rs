//! What callers, readers and the committer share: the index, the queue, and whether writing is possible.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

use super::LogSettings;
use super::access::{IndexAccess, OpenIndex};
use super::compaction::Upkeep;
use super::copies::Touched;
use super::disk::is_useless;
use super::files::Files;
use super::index::checkpoint::Ledger;
use super::index::{Index, load};
use super::queue::{Answer, Op, Queue, Queued, WriteFailure};
use super::read::blocking;
use crate::provider::{Durability, StoreError};
use crate::vocab::{ActorId, Sequence};

/// How long a checkpoint waits for a sync before it looks whether there still is a committer.
const SYNC_WAIT: Duration = Duration::from_millis(100);

/// Shared by the provider, its readers and the committer.
#[derive(Debug)]
pub(super) struct Shared {
    core: Mutex<Core>,
    /// Wakes the committer.
    pub(super) work: Condvar,
    pub(super) settings: LogSettings,
    pub(super) files: Files,
    /// Bounds how many blocking threads reads occupy.
    pub(super) reads: Arc<Semaphore>,
    /// Wakes the keeper.
    pub(super) keeper: Condvar,
    /// Wakes upkeep: when there may be something to do, and from its rest when the log ends.
    pub(super) upkeep_wake: Condvar,
    /// Wakes whoever waits for a sync, and the committer that waits for a checkpoint.
    pub(super) synced: Condvar,
    /// Held while a checkpoint is made: one at a time.
    ledger: Mutex<Ledger>,
    pub(super) access: IndexAccess,
    /// Held while upkeep runs, also while it waits for the committer: one at a time.
    pub(super) upkeep: Mutex<Upkeep>,
}

/// What the lock protects.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) index: Index,
    pub(super) queue: Queue,
    pub(super) life: Life,
    /// The committer waits: it must be woken.
    pub(super) idle: bool,
    /// The last batch that is durable.
    pub(super) synced_through: u64,
    /// There was a checkpoint since upkeep last looked for something to do.
    pub(super) upkeep_due: bool,
    /// A checkpoint waits for a sync.
    pub(super) sync_wanted: bool,
    /// The committer has ended: nothing will be synced any more.
    pub(super) committer_ended: bool,
    /// Where the log ends.
    pub(super) tail: Tail,
    /// What callers changed since upkeep began to put a batch of copies together; `None`: it does not.
    pub(super) touched: Option<Touched>,
    /// Snapshots whose deletion is queued, and how often: they cover no events any more.
    pub(super) deleting: HashMap<(ActorId, Sequence), usize>,
}

/// The newest segment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tail {
    /// Its number; lower ones are never written again.
    pub(super) segment: u64,
    /// What its header says: lower segments are given up. Only those from here on need a record that says so.
    pub(super) oldest: u64,
}

/// Whether the log can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Life {
    /// Reads and writes.
    Open,
    /// A write or sync failed: reads only.
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// Nothing; the committer ends after what is queued.
    Closed,
    /// Nothing; the committer ends at once, as in a crash.
    Abandoned,
}

impl Shared {
    pub(super) fn new(index: Index, settings: LogSettings, files: Files, store: Arc<OpenIndex>) -> Self {
        let core = Core {
            index,
            queue: Queue::default(),
            life: Life::Open,
            idle: false,
            synced_through: 0,
            upkeep_due: false,
            sync_wanted: false,
            committer_ended: false,
            tail: Tail::default(),
            touched: None,
            deleting: HashMap::new(),
        };
        let reads = Arc::new(Semaphore::new(settings.concurrent_reads.max(1)));
        Self {
            core: Mutex::new(core),
            work: Condvar::new(),
            settings,
            files,
            reads,
            keeper: Condvar::new(),
            upkeep_wake: Condvar::new(),
            synced: Condvar::new(),
            ledger: Mutex::default(),
            access: IndexAccess::new(store),
            upkeep: Mutex::default(),
        }
    }

    /// What checkpoints know; only one is made at a time.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index store, until the log is closed.
    pub(super) fn open_index(&self) -> Result<Arc<OpenIndex>, StoreError> {
        self.access.open()?.ok_or_else(|| self.index_error(&io::Error::other("it failed, and is not open now")))
    }

    /// Nothing will be written or synced any more.
    pub(super) fn committer_ended(&self) {
        self.lock().committer_ended = true;
        self.synced.notify_all();
    }

    /// The index store cannot be read or written.
    pub(super) fn index_error(&self, error: &io::Error) -> StoreError {
        if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return StoreError::DiskFull { place: self.files.place("index") };
        }
        let reason = if is_useless(error) {
            format!("{error}; stop the host and delete this directory: it is built again from the log")
        } else {
            error.to_string()
        };
        StoreError::Io { operation: "using the index", place: self.files.place("index"), reason }
    }

    /// Brings into memory what is known of an actor; on a thread that may wait, or where there is no other.
    pub(super) fn load(&self, actor: ActorId) -> Result<(), StoreError> {
        loop {
            let generation = {
                let core = self.lock();
                core.check_readable()?;
                if core.index.knows(actor) {
                    return Ok(());
                }
                core.index.generation
            };
            let loaded = load::actor(&*self.open_index()?.store.view(), actor);
            let loaded = loaded.map_err(|error| self.index_error(&error))?;
            let mut core = self.lock();
            if core.index.knows(actor) {
                return Ok(());
            }
            // Whatever changed since is in memory still, unless a checkpoint came between.
            if core.index.generation == generation {
                core.index.insert_loaded(actor, loaded);
                return Ok(());
            }
        }
    }

    /// Looks at what is known of an actor, under the lock.
    pub(super) async fn known<T>(
        self: &Arc<Self>,
        actor: ActorId,
        look: impl FnOnce(&mut Core) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        loop {
            {
                let mut core = self.lock();
                core.check_readable()?;
                if core.index.knows(actor) {
                    return look(&mut core);
                }
            }
            blocking(self, move |shared| shared.load(actor)).await?;
        }
    }

    /// The same, on a thread that may wait.
    pub(super) fn known_now<T>(
        &self,
        actor: ActorId,
        look: impl FnOnce(&mut Core) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        loop {
            {
                let mut core = self.lock();
                core.check_readable()?;
                if core.index.knows(actor) {
                    return look(&mut core);
                }
            }
            self.load(actor)?;
        }
    }

    /// Waits until everything that is in the index is durable in the log.
    pub(super) fn wait_until_synced(&self) -> Result<(), StoreError> {
        let mut core = self.lock();
        let through = core.index.applied.batch;
        while core.synced_through < through {
            if let Life::Poisoned { cause } = &core.life {
                return Err(StoreError::Poisoned { cause: cause.clone() });
            }
            if core.committer_ended || core.life == Life::Abandoned {
                return Err(StoreError::Closed);
            }
            core.sync_wanted = true;
            core.idle = false;
            self.work.notify_one();
            let waited = self.synced.wait_timeout(core, SYNC_WAIT);
            core = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// The core, also after a panic elsewhere: every change to it is complete before anything that can panic.
    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an operation under the lock that `core` holds; the receiver gets its answer.
    pub(super) fn queue(&self, core: &mut Core, op: Op) -> oneshot::Receiver<Answer> {
        let (waiter, answer) = oneshot::channel();
        let early = self.settings.durability == Durability::Memory && matches!(op, Op::Frame { .. });
        let mut queued = Queued { op, waiter: Some(waiter) };
        if early && core.queue.bytes() < self.settings.queue_bytes {
            queued.answer(Ok(()));
        }
        if let Some(actor) = queued.op.pinned() {
            core.index.pin(actor);
        }
        core.queue.push(queued);
        if core.idle {
            core.idle = false;
            self.work.notify_one();
        }
        answer
    }

    /// Ends the life of the log under the lock that `core` holds; the committer notices.
    pub(super) fn end(&self, core: &mut Core, life: Life) {
        core.life = life;
        core.idle = false;
        self.work.notify_one();
        self.keeper.notify_all();
        self.upkeep_wake.notify_all();
        self.synced.notify_all();
    }

    /// Refuses writes from now on and answers all that is queued: nobody is there to write it.
    pub(super) fn give_up(&self, cause: &str) {
        let mut core = self.lock();
        core.life = Life::Poisoned { cause: cause.to_owned() };
        let refused = WriteFailure::NotStored(StoreError::Poisoned { cause: cause.to_owned() });
        core.fail(Vec::new(), &refused, &refused);
        // Also of what was being written: whether it is stored is found out when the log is opened again.
        core.index.forget_all_queued();
        core.committer_ended = true;
    }

    /// The same, once what is known of the actor is in memory.
    pub(super) async fn write_of(
        self: &Arc<Self>,
        actor: ActorId,
        decide: impl FnOnce(&mut Core) -> Result<Option<Op>, StoreError>,
    ) -> Result<(), StoreError> {
        let queue = |core: &mut Core| {
            core.check_writable()?;
            Ok(decide(core)?.map(|op| self.queue(core, op)))
        };
        match self.known(actor, queue).await? {
            Some(answer) => Ok(settled(answer).await?),
            None => Ok(()),
        }
    }

    /// Queues an operation and waits for its answer.
    pub(super) async fn write(
        &self,
        decide: impl FnOnce(&mut Core) -> Result<Option<Op>, StoreError>,
    ) -> Result<(), StoreError> {
        let answer = {
            let mut core = self.lock();
            core.check_writable()?;
            match decide(&mut core)? {
                Some(op) => self.queue(&mut core, op),
                None => return Ok(()),
            }
        };
        Ok(settled(answer).await?)
    }

    /// Waits for everything queued so far, when it may be acknowledged without being readable yet.
    pub(super) async fn settle(&self) -> Result<(), StoreError> {
        let answer = {
            let mut core = self.lock();
            core.check_readable()?;
            if self.settings.durability != Durability::Memory || core.queue.is_empty() && core.idle {
                return Ok(());
            }
            if core.life != Life::Open {
                return Ok(());
            }
            self.queue(&mut core, Op::Barrier)
        };
        Ok(settled(answer).await?)
    }
}

impl Core {
    pub(super) fn check_readable(&self) -> Result<(), StoreError> {
        match self.life {
            Life::Open | Life::Poisoned { .. } => Ok(()),
            Life::Closed | Life::Abandoned => Err(StoreError::Closed),
        }
    }

    pub(super) fn check_writable(&self) -> Result<(), StoreError> {
        match &self.life {
            Life::Open => Ok(()),
            Life::Poisoned { cause } => Err(StoreError::Poisoned { cause: cause.clone() }),
            Life::Closed | Life::Abandoned => Err(StoreError::Closed),
        }
    }

    /// Takes note that an operation is in the index now.
    pub(super) fn applied(&mut self, op: &Op) {
        if let Some(touched) = &mut self.touched {
            touched.note(op);
        }
        self.settled(op);
    }

    /// Takes note that an operation is not queued any more.
    pub(super) fn settled(&mut self, op: &Op) {
        if let Some(actor) = op.pinned() {
            self.index.unpin(actor);
        }
        if let Op::Copy(copies) = op {
            copies.pinned().iter().for_each(|actor| self.index.unpin(*actor));
        }
        if let Op::SnapshotDelete { actor, sequence } = op
            && let Entry::Occupied(mut queued) = self.deleting.entry((*actor, *sequence))
        {
            *queued.get_mut() -= 1;
            if *queued.get() == 0 {
                queued.remove();
            }
        }
    }

    /// Answers `batch` and everything behind it with failures; nothing of it becomes visible.
    pub(super) fn fail(&mut self, batch: Vec<Queued>, of_batch: &WriteFailure, behind: &WriteFailure) {
        let queued = self.queue.take_all();
        for actor in batch.iter().chain(&queued).filter_map(|queued| queued.op.actor()) {
            self.index.forget_queued(actor);
        }
        for queued in batch.iter().chain(&queued) {
            self.settled(&queued.op);
        }
        batch.into_iter().for_each(|mut queued| queued.answer(Err(of_batch.clone())));
        queued.into_iter().for_each(|mut queued| queued.answer(Err(behind.clone())));
    }
}

/// The answer to something queued; the committer's sudden end leaves the outcome open.
pub(super) async fn settled(answer: oneshot::Receiver<Answer>) -> Answer {
    answer.await.unwrap_or(Err(WriteFailure::Unknown(StoreError::Closed)))
}
