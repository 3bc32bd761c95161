//! The open index store, who reads in it, and opening it again once it failed.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::disk::{Disk, DiskLock, IndexMemory, IndexStore};
use crate::provider::StoreError;

/// How long each time is waited for readers to leave the index store.
const PAUSE: Duration = Duration::from_millis(1);
/// How often at the log's end.
const RELEASE_TRIES: u32 = 5_000;
/// How often before it is opened again: readers that come later wait for that.
const REOPEN_TRIES: u32 = 500;

/// The index store, and the claim on the directory without which it must not be used.
#[derive(Debug)]
pub(super) struct OpenIndex {
    pub(super) store: Arc<dyn IndexStore>,
    /// Dropped after the store.
    claim: Arc<dyn DiskLock>,
}

/// Whether there is an index store.
#[derive(Debug)]
enum State {
    Open(Arc<OpenIndex>),
    /// It failed and is not open; the claim on the directory is kept.
    Lost(Arc<dyn DiskLock>),
    /// The log is closed.
    Closed,
}

/// The index store, until the log is closed.
#[derive(Debug)]
pub(super) struct IndexAccess {
    /// Held while it is opened again, so that its readers wait for that.
    state: Mutex<State>,
}

impl OpenIndex {
    pub(super) fn new(store: Arc<dyn IndexStore>, claim: Arc<dyn DiskLock>) -> Arc<Self> {
        Arc::new(Self { store, claim })
    }
}

impl IndexAccess {
    pub(super) fn new(open: Arc<OpenIndex>) -> Self {
        Self { state: Mutex::new(State::Open(open)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index store; `None`: it failed and is not open now.
    ///
    /// # Errors
    /// [`StoreError::Closed`] once the log is.
    pub(super) fn open(&self) -> Result<Option<Arc<OpenIndex>>, StoreError> {
        match &*self.lock() {
            State::Open(open) => Ok(Some(Arc::clone(open))),
            State::Lost(_) => Ok(None),
            State::Closed => Err(StoreError::Closed),
        }
    }

    /// Closes the index store and opens it again, so that it is what the disk holds. Its readers wait meanwhile.
    ///
    /// # Errors
    /// When somebody goes on using it: then it stays as it is. When it does not open: then nothing can be read in it until it
    /// does.
    pub(super) fn reopen(&self, disk: &dyn Disk, memory: IndexMemory) -> io::Result<()> {
        self.reopen_after(|| Ok(()), disk, memory)
    }

    /// Closes the index store, which is a new one, puts it in the place of the one before, and opens it there.
    ///
    /// # Errors
    /// As [`IndexAccess::reopen`], and when it cannot be put there: the store before may be there still.
    pub(super) fn replace(&self, disk: &dyn Disk, memory: IndexMemory) -> io::Result<()> {
        self.reopen_after(|| disk.replace_index(), disk, memory)
    }

    fn reopen_after(
        &self,
        change: impl FnOnce() -> io::Result<()>,
        disk: &dyn Disk,
        memory: IndexMemory,
    ) -> io::Result<()> {
        let mut state = self.lock();
        let claim = match std::mem::replace(&mut *state, State::Closed) {
            State::Closed => return Err(io::Error::other("the log is closed")),
            State::Lost(claim) => claim,
            State::Open(open) => match released(open) {
                Ok(claim) => claim,
                Err(open) => {
                    *state = State::Open(open);
                    return Err(io::Error::other("somebody is reading in it"));
                }
            },
        };
        match change().and_then(|()| disk.open_index(memory)) {
            Ok(store) => {
                *state = State::Open(OpenIndex::new(store, claim));
                Ok(())
            }
            Err(error) => {
                *state = State::Lost(claim);
                Err(error)
            }
        }
    }

    /// The index store is not what it was believed to be: nothing more is read in it.
    pub(super) fn lose(&self) {
        let mut state = self.lock();
        if let State::Open(open) = &*state {
            let claim = Arc::clone(&open.claim);
            *state = State::Lost(claim);
        }
    }

    /// Lets go of the index store, and of the claim on the directory, once nobody reads in it any more.
    pub(super) fn release(&self) {
        let State::Open(open) = std::mem::replace(&mut *self.lock(), State::Closed) else { return };
        for _ in 0..RELEASE_TRIES {
            if Arc::strong_count(&open) == 1 {
                break;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Closes the index store once nobody reads in it; gives it back if somebody goes on doing so.
fn released(open: Arc<OpenIndex>) -> Result<Arc<dyn DiskLock>, Arc<OpenIndex>> {
    // A verification keeps the store for long: it is not waited for.
    let is_kept = |open: &OpenIndex| Arc::strong_count(&open.store) > 1;
    for _ in 0..REOPEN_TRIES {
        if Arc::strong_count(&open) == 1 || is_kept(&open) {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    if is_kept(&open) { Err(open) } else { Arc::try_unwrap(open).map(|open| open.claim) }
}
