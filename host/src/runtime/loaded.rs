//! The code of revisions in memory, for as long as somebody needs it.
//!
//! A kind has many revisions and runs one or two. The code of the others must not stay in memory for as long as the host
//! runs: whoever needs it again has it from the sandbox, which remembers some, or from its cache on disk.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::actor::Revision;

/// Revisions of a kind whose code is kept although nobody runs it: the active one, and one that it took over from.
const KEPT_MAX: usize = 2;

/// The code of one revision while somebody has it; loaded by whoever needs it first otherwise.
#[derive(Debug, Default)]
pub(super) struct Loaded(tokio::sync::Mutex<Weak<Revision>>);

impl Loaded {
    /// The code, if somebody has it, or as it is loaded; who comes meanwhile waits for that.
    ///
    /// # Errors
    /// Why it could not be loaded; the next one tries again.
    pub(super) async fn get_or_load<E>(
        &self,
        load: impl Future<Output = Result<Arc<Revision>, E>>,
    ) -> Result<Arc<Revision>, E> {
        let mut loaded = self.0.lock().await;
        if let Some(revision) = loaded.upgrade() {
            return Ok(revision);
        }
        let revision = load.await?;
        *loaded = Arc::downgrade(&revision);
        Ok(revision)
    }
}

impl From<&Arc<Revision>> for Loaded {
    fn from(revision: &Arc<Revision>) -> Self {
        Self(tokio::sync::Mutex::new(Arc::downgrade(revision)))
    }
}

/// The revisions of one kind that were needed last.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<VecDeque<Arc<Revision>>>);

impl Kept {
    /// Keeps the code of a revision in memory until others of its kind are needed.
    pub(super) fn keep(&self, revision: &Arc<Revision>) {
        let _forgotten = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.back().is_some_and(|newest| Arc::ptr_eq(newest, revision)) {
                return;
            }
            kept.retain(|other| other.id != revision.id);
            kept.push_back(Arc::clone(revision));
            // Dropped when the lock is free: it may be the last of its code.
            if kept.len() > KEPT_MAX { kept.pop_front() } else { None }
        };
    }
}
