//! The embedded default: one segmented, append-only log that holds everything durable.
//!
//! `docs/format.md` draws the bytes, `docs/durability.md` says what a crash leaves. One committer thread writes and
//! syncs; a keeper brings the index behind it up to date; upkeep gives space back; reads verify every checksum.

mod access;
mod batch;
mod catalog;
mod committer;
mod compaction;
mod copies;
mod core;
mod damage;
mod delete;
pub mod disk;
mod events;
mod files;
mod found;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod index;
mod introduce;
mod list;
mod metric;
mod open;
mod queue;
mod read;
mod record;
mod scan;
mod segment;
mod settings;
mod snapshots;
mod summary;
#[cfg(test)]
pub(super) mod tests;
pub mod verify;
mod witness;
mod writer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use futures_util::future::{BoxFuture, FutureExt};

use self::committer::Committer;
pub use self::compaction::{Maintained, Maintenance};
use self::core::{Life, Shared, Tail, settled};
use self::disk::{Disk, RealDisk};
use self::index::checkpoint::checkpoint;
use self::index::keeper;
pub use self::metric::describe_metrics;
use self::queue::Op;
pub use self::settings::LogSettings;
use self::writer::{Writer, check_room, io_error};
use super::{Provider, StoreError, VerifyFeed, VerifyRefusal};

/// The store in a directory of this machine.
///
/// Its methods are called inside a tokio runtime, whose blocking threads do the reading. Dropping it without
/// [`Provider::close`] ends it like a crash: what was acknowledged is safe as far as the durability promises.
#[derive(Debug)]
pub struct LogProvider {
    shared: Arc<Shared>,
    /// The committer's, the keeper's and upkeep's; gone once the log is closed.
    threads: Mutex<Vec<JoinHandle<()>>>,
    verifying: verify::UnderWay,
}

impl LogProvider {
    /// Opens the store in the settings' directory, which is created if it is not there.
    ///
    /// Reads what the index does not cover yet. An unfinished write of a crash is cut off, with a warning in the log.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has it, [`StoreError::FormatTooNew`] and [`StoreError::Corrupt`]
    /// if it cannot be trusted (nothing is modified then), [`StoreError::DiskFull`] if there is no space to begin.
    pub fn open(settings: LogSettings) -> Result<Arc<Self>, StoreError> {
        let place = settings.dir.display().to_string();
        let disk = RealDisk::new(&settings.dir).map_err(|error| io_error("opening", &place, &error))?;
        Self::open_on(Arc::new(disk), settings)
    }

    /// Opens the store on a disk of the caller's choice; the settings' directory is not used.
    ///
    /// # Errors
    /// As [`LogProvider::open`].
    pub fn open_on(disk: Arc<dyn Disk>, settings: LogSettings) -> Result<Arc<Self>, StoreError> {
        if let Some((name, reason)) = settings.problem() {
            let (operation, reason) = ("opening", format!("{name}: {reason}"));
            return Err(StoreError::Io { operation, place: disk.place(), reason });
        }
        let open::Opened { claim, shared, end, marked } = open::open(&disk, &settings)?;
        shared.files.insert(end.segment.number, Arc::clone(&end.segment.file));
        shared.lock().tail = Tail { segment: end.segment.number, oldest: end.oldest };
        let place = disk.place();
        let maintain = settings.maintain;
        let writer = Writer::new(disk, settings, end);
        let committer = Committer::new(Arc::clone(&shared), writer, marked);
        let ended = Ended(Arc::clone(&shared));
        let thread = Builder::new().name("greenroom-log".to_owned()).spawn(move || {
            committer.run();
            ended.0.committer_ended();
            compaction::wait_for_end(&ended.0);
            drop(ended);
            // As long as the thread can write, no other process may.
            drop(claim);
        });
        let committer = thread.map_err(|error| io_error("starting the committer", &place, &error))?;
        let threads = Mutex::new(vec![committer]);
        let provider = Self { shared: Arc::clone(&shared), threads, verifying: verify::UnderWay::default() };
        if maintain {
            let upkept = Arc::clone(&shared);
            let keeper = Builder::new().name("greenroom-index".to_owned()).spawn(move || keeper::run(&shared));
            provider.threads().push(keeper.map_err(|error| io_error("starting the keeper", &place, &error))?);
            let upkeep = Builder::new().name("greenroom-keep".to_owned()).spawn(move || compaction::run(&upkept));
            provider.threads().push(upkeep.map_err(|error| io_error("starting upkeep", &place, &error))?);
        }
        Ok(Arc::new(provider))
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn close_log(&self) -> Result<(), StoreError> {
        let threads = std::mem::take(&mut *self.threads());
        if threads.is_empty() {
            return Ok(());
        }
        let marked = {
            let mut core = self.shared.lock();
            let marked = core.check_writable().map(|()| self.shared.queue(&mut core, Op::Close));
            self.shared.end(&mut core, Life::Closed);
            marked
        };
        let closed = match marked {
            Ok(answer) => settled(answer).await.map_err(StoreError::from),
            Err(error) => Err(error),
        };
        let (shared, is_closed) = (Arc::clone(&self.shared), closed.is_ok());
        let joined = tokio::task::spawn_blocking(move || {
            let joined = threads.into_iter().all(|thread| thread.join().is_ok());
            if is_closed && joined {
                // Its failure is logged; opening reads a little more of the log then.
                if checkpoint(&shared).is_ok()
                    && check_room(&*shared.files.disk(), shared.settings.index_write_bytes).is_ok()
                    && let Ok(open) = shared.open_index()
                {
                    open.store.leave();
                }
            }
            shared.access.release();
            joined
        });
        let joined = joined.await;
        if matches!(joined, Ok(true)) { closed } else { Err(StoreError::Closed) }
    }
}

/// Should the committer die of a defect, nobody waits for it for ever: the log refuses writes from then on.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.give_up("the committer ended by a defect of this program");
        }
    }
}

impl Provider for LogProvider {
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.close_log().boxed()
    }

    fn verify(&self) -> Result<VerifyFeed, VerifyRefusal> {
        self.shared.lock().check_readable()?;
        let shared = Arc::clone(&self.shared);
        let index = move || match checkpoint(&shared).and_then(|_| shared.open_index()) {
            Ok(open) => Ok(Arc::clone(&open.store)),
            Err(_) => Err("it could not be brought up to the log just now; that is tried again"),
        };
        verify::begin(&self.verifying, self.shared.files.disk(), index)
    }
}

impl Drop for LogProvider {
    fn drop(&mut self) {
        let threads = std::mem::take(&mut *self.threads());
        if threads.is_empty() {
            return;
        }
        self.shared.end(&mut self.shared.lock(), Life::Abandoned);
        // The batch that is being written is finished, what is queued behind it is not; so is a checkpoint.
        for thread in threads {
            let _panicked = thread.join();
        }
        self.shared.access.release();
    }
}
