//! No call into a guest lasts for ever, and a long one does not hold up the tasks behind it.

use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};
use wasmtime::{Store, StoreContextMut, UpdateDeadline};

use super::state::State;

/// How long a guest that used up a slice waits while another thread takes over its worker's tasks: tokio takes the
/// worker back if it has not been picked up when the wait ends.
const HAND_OVER: Duration = Duration::from_millis(1);

/// The time of the call that runs now.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    limit_ms: u64,
    /// When the first slice ended; calls that end within it never read a clock.
    first_slice_ended: Option<Instant>,
    slices: u32,
}

impl Deadline {
    pub(super) const fn limit_ms(&self) -> u64 {
        self.limit_ms
    }
}

/// Gives the next call `limit_ms`, whatever time has passed since the last one.
pub(super) fn arm(store: &mut Store<State>, limit_ms: u64) {
    store.data_mut().deadline = Deadline { limit_ms, first_slice_ended: None, slices: 0 };
    store.set_epoch_deadline(1);
}

/// Runs at the end of every slice, on the guest's stack.
pub(super) fn slice_ended(mut store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let deadline = &mut store.data_mut().deadline;
    let started = *deadline.first_slice_ended.get_or_insert_with(Instant::now);
    if started.elapsed() >= Duration::from_millis(deadline.limit_ms) {
        return Ok(UpdateDeadline::Interrupt);
    }
    deadline.slices = deadline.slices.saturating_add(1);
    // Once the worker is handed over, doing it again only costs the guest time: so ever more rarely.
    if deadline.slices.is_power_of_two() {
        hand_worker_over();
    }
    Ok(UpdateDeadline::Continue(1))
}

/// Lets another thread run the tasks that wait behind this one; does nothing outside a multi-threaded runtime.
fn hand_worker_over() {
    let multi_threaded = Handle::try_current().is_ok_and(|h| h.runtime_flavor() == RuntimeFlavor::MultiThread);
    if multi_threaded {
        tokio::task::block_in_place(|| std::thread::sleep(HAND_OVER));
    }
}
