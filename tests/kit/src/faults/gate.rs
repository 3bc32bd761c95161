//! Results that wait until a test lets them go, in the order in which they came.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// A gate, open at first.
pub(super) struct Gate {
    /// How many ever came.
    came: AtomicU64,
    /// So many may go; `u64::MAX`: all, also those to come.
    may_go: watch::Sender<u64>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { came: AtomicU64::new(0), may_go: watch::channel(u64::MAX).0 }
    }
}

impl Gate {
    /// Everyone who comes from now on waits.
    pub(super) fn hold(&self) {
        self.may_go.send_replace(self.came.load(Ordering::SeqCst));
    }

    /// Lets so many more go.
    pub(super) fn release(&self, count: u64) {
        self.may_go.send_modify(|may_go| *may_go = may_go.saturating_add(count));
    }

    /// Lets everyone go.
    pub(super) fn open(&self) {
        self.may_go.send_replace(u64::MAX);
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> u64 {
        self.came.load(Ordering::SeqCst).saturating_sub(*self.may_go.borrow())
    }

    /// Comes to the gate now; what is returned waits until it may go.
    pub(super) fn come(&self) -> impl Future<Output = ()> + Send + use<> {
        let place = self.came.fetch_add(1, Ordering::SeqCst);
        let mut may_go = self.may_go.subscribe();
        async move {
            let _closed = may_go.wait_for(|may_go| place < *may_go).await;
        }
    }
}
