//! Where a step waits, so that a test decides what is queued meanwhile.

use std::sync::{Condvar, Mutex, PoisonError};

/// Open unless a test closes it.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    is_closed: bool,
    waiting: u32,
}

impl Gate {
    pub(super) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
    }

    pub(super) fn open(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_closed = false;
        self.changed.notify_all();
    }

    /// Waits while the gate is closed.
    pub(super) fn pass(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_closed {
            return;
        }
        state.waiting += 1;
        while state.is_closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
    }

    /// Whether somebody waits.
    pub(super) fn is_waited_at(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).waiting > 0
    }
}
